"""SQL macros that translated statements call: the conversions that DuckDB lacks.

They live in an attached in-memory database named ``s2``, so that a user's file holds nothing but
data, and are called as ``s2.name(…)``.
"""

from __future__ import annotations

CATALOG = "s2"

_NUMBER_PREFIX = r"^\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"

MACROS: tuple[str, ...] = (
    # A value within bounds; unlike greatest() and least(), NULL stays NULL.
    "clip(x, low, high) AS CASE WHEN x < low THEN low WHEN x > high THEN high ELSE x END",
    "at_least(x, low) AS CASE WHEN x < low THEN low ELSE x END",
    # The key under which two texts are equal: case, accents and trailing blanks do not count
    # (utf8mb4_general_ci with PAD SPACE).
    "key(x) AS lower(strip_accents(rtrim(x, ' ')))",
    # A text as a number: its longest numeric prefix, 0 when there is none.
    rf"""num(x) AS CASE WHEN x IS NULL THEN NULL ELSE
        coalesce(TRY_CAST(regexp_extract(x, '{_NUMBER_PREFIX}', 1) AS DOUBLE), 0) END""",
    # A text as a whole number, exact up to 64 bits; fractions are cut.
    r"""int_of_text(x) AS CASE WHEN x IS NULL THEN NULL ELSE
        greatest(-9223372036854775808::HUGEINT, least(18446744073709551615::HUGEINT, coalesce(
            TRY_CAST(regexp_extract(x, '^\s*([-+]?\d+)', 1) AS HUGEINT), 0))) END""",
    # DOUBLE and FLOAT as the server prints them: no ".0", exponents without sign and zeros.
    r"""double_text(x) AS CASE WHEN abs(x) < 1e-4 AND abs(x) >= 1e-15 THEN
            (CASE WHEN x < 0 THEN '-' ELSE '' END) || '0.'
            || repeat('0', TRY_CAST(regexp_extract(CAST(x AS VARCHAR), 'e-(\d+)$', 1) AS INT) - 1)
            || replace(regexp_extract(CAST(x AS VARCHAR), '^-?([\d.]+)', 1), '.', '')
        ELSE regexp_replace(regexp_replace(CAST(x AS VARCHAR), '\.0$', ''),
            'e\+?(-?)0*', 'e\1') END""",
    r"float_text(x) AS regexp_replace(printf('%.6g', x::DOUBLE), 'e\+?(-?)0*', 'e\1')",
    # TIME: an interval of microseconds; `s` digits of the second are shown (0 or 6).
    """time_text(x, s) AS CASE WHEN x IS NULL THEN NULL ELSE
        (CASE WHEN epoch_us(x) < 0 THEN '-' ELSE '' END)
        || printf('%02d:%02d:%02d', abs(epoch_us(x)) // 3600000000,
                  (abs(epoch_us(x)) // 60000000) % 60, (abs(epoch_us(x)) // 1000000) % 60)
        || (CASE WHEN s > 0 THEN printf('.%06d', abs(epoch_us(x)) % 1000000) ELSE '' END) END""",
    # The largest TIME is 838:59:59.
    """time_clip(us) AS to_microseconds(s2.clip(CAST(us AS BIGINT), -3020399000000,
        3020399000000))""",
    r"""time_parts(x) AS regexp_extract(trim(x),
        '^(-?)(?:(\d+) )?(\d+):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,6}))?\d*)?$',
        ['sign', 'd', 'h', 'm', 's', 'f'])""",
    r"""time_of_parts(p) AS CASE WHEN p.h = '' OR TRY_CAST(p.m AS INT) > 59
            OR TRY_CAST('0' || p.s AS INT) > 59 THEN NULL
        ELSE s2.time_clip((CASE WHEN p.sign = '-' THEN -1 ELSE 1 END) * (
            ((TRY_CAST('0' || p.d AS BIGINT) * 24 + TRY_CAST(p.h AS BIGINT)) * 3600
             + TRY_CAST(p.m AS BIGINT) * 60 + TRY_CAST('0' || p.s AS BIGINT)) * 1000000
            + TRY_CAST(rpad(p.f, 6, '0') AS BIGINT))) END""",
    "time_of_datetime(x) AS to_microseconds(epoch_us(x) - epoch_us(date_trunc('day', x)))",
    # A text as a TIME: `[-][D ]H:M[:S[.f]]`, HHMMSS, or a date with a time.
    r"""time_of_text(x) AS CASE
        WHEN regexp_full_match(trim(x), '-?\d{1,7}(\.\d+)?')
            THEN s2.time_of_number(TRY_CAST(trim(x) AS DOUBLE))
        WHEN regexp_matches(x, '^\s*\d{4}-') THEN
            s2.time_of_datetime(s2.datetime_of_text(x))
        ELSE s2.time_of_parts(s2.time_parts(x)) END""",
    # TRY_CAST where a branch is not taken: DuckDB 2 may compute it all the same.
    """time_of_number(x) AS CASE WHEN (abs(x)::BIGINT // 100) % 100 > 59
            OR abs(x)::BIGINT % 100 > 59 THEN NULL
        ELSE s2.time_clip(sign(x) * (((trunc(abs(x))::BIGINT // 10000) * 3600
            + ((trunc(abs(x))::BIGINT // 100) % 100) * 60 + trunc(abs(x))::BIGINT % 100) * 1000000
            + round((abs(x) - trunc(abs(x))) * 1000000)::BIGINT)) END""",
    # A text as a DATETIME; NULL when it is none.
    r"""datetime_of_text(x) AS CASE
        WHEN regexp_full_match(trim(x), '\d{4}-\d{1,2}-\d{1,2}'
            || '([ T]\d{1,2}:\d{1,2}(:\d{1,2}(\.\d*)?)?)?(Z|[-+]\d\d:?\d\d)?')
            THEN CASE WHEN regexp_matches(x, '^\s*0000-') THEN NULL
                ELSE TRY_CAST(regexp_replace(trim(x), '([ T])(\d{1,2}:\d{1,2})$', '\1\2:00')
                              AS TIMESTAMP) END
        WHEN regexp_full_match(x, '\d{8}') THEN try_strptime(x, '%Y%m%d')
        WHEN regexp_full_match(x, '\d{14}') THEN try_strptime(x, '%Y%m%d%H%M%S')
        END""",
    "date_of_text(x) AS CAST(s2.datetime_of_text(x) AS DATE)",
    # 20240229 and 20240229235959 as dates.
    """datetime_of_number(x) AS s2.datetime_of_text(CASE
        WHEN x IS NULL THEN NULL WHEN x >= 10000000000 THEN printf('%014d', CAST(x AS BIGINT))
        ELSE printf('%08d', CAST(x AS BIGINT)) END)""",
    # Dates as numbers: 20240229, 20240229235959, 235959.
    "number_of_date(x) AS CAST(strftime(x, '%Y%m%d') AS BIGINT)",
    "number_of_datetime(x) AS CAST(strftime(x, '%Y%m%d%H%M%S') AS BIGINT)",
    """number_of_time(x) AS sign(epoch_us(x)) * ((abs(epoch_us(x)) // 3600000000) * 10000
        + ((abs(epoch_us(x)) // 60000000) % 60) * 100
        + (abs(epoch_us(x)) // 1000000) % 60)::BIGINT""",
    # Exact division of unscaled whole numbers, half away from zero.
    """div_round(n, d) AS CASE WHEN d = 0 THEN NULL ELSE
        (CASE WHEN (n < 0) <> (d < 0) THEN -1 ELSE 1 END)
        * ((2 * abs(n) + abs(d)) // (2 * abs(d))) END""",
    "blob_of_uint(x) AS unhex(lpad(to_hex(x), 16, '0'))",
    # Raise a server error from inside an expression.
    "fail(number, message) AS error('s2!' || number || '!' || message)",
)


def statements() -> list[str]:
    """Return the statements that make the macros, in an order that resolves."""
    order = sorted(MACROS, key=lambda text: text.count("s2."))
    return [f"CREATE OR REPLACE MACRO {CATALOG}.main.{text}" for text in order]
