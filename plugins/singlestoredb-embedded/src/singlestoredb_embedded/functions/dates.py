"""Date and time functions, and the date arithmetic that operators share with them.

The session's time zone is UTC.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

from singlestoredb_embedded import nodes
from singlestoredb_embedded.errors import error, unsupported
from singlestoredb_embedded.lex import quote_string
from singlestoredb_embedded.translate import convert
from singlestoredb_embedded.translate.typed import Typed
from singlestoredb_embedded.types import (
    BIGINT,
    DATE,
    DATETIME,
    DATETIME6,
    LONGTEXT,
    TIME,
    TIME6,
    SqlType,
    decimal,
)

from .registry import Context, builder, constant, plain

plain("DATE TO_DATE", "D", "{0}", DATE, exact=True)
plain("YEAR", "T", "year({0})", BIGINT, exact=True)
plain("MONTH", "T", "month({0})", BIGINT, exact=True)
plain("DAY DAYOFMONTH", "T", "day({0})", BIGINT, exact=True)
plain("QUARTER", "T", "quarter({0})", BIGINT, exact=True)
plain("DAYOFWEEK", "T", "dayofweek({0}) + 1", BIGINT)
plain("WEEKDAY", "T", "isodow({0}) - 1", BIGINT)
plain("DAYOFYEAR", "T", "dayofyear({0})", BIGINT, exact=True)
plain("WEEKOFYEAR", "T", "week({0})", BIGINT, exact=True)
plain("DAYNAME", "T", "dayname({0})", SqlType("VARCHAR", length=9))
plain("MONTHNAME", "T", "monthname({0})", SqlType("VARCHAR", length=9))
plain("LAST_DAY", "D", "last_day({0})", DATE, exact=True)
plain("HOUR", "H", "abs(epoch_us({0})) // 3600000000", BIGINT)
plain("MINUTE", "H", "abs(epoch_us({0})) // 60000000 % 60", BIGINT)
plain("SECOND", "H", "abs(epoch_us({0})) // 1000000 % 60", BIGINT)
plain("MICROSECOND", "H", "abs(epoch_us({0})) % 1000000", BIGINT)
plain("TO_DAYS", "D", "date_diff('day', DATE '0001-01-01', {0}) + 366", BIGINT)
plain(
    "TO_SECONDS",
    "T",
    "date_diff('second', TIMESTAMP '0001-01-01 00:00:00', {0}) + 366 * 86400",
    BIGINT,
)
plain("FROM_DAYS", "i", "CAST(DATE '0001-01-01' + CAST({0} - 366 AS INTEGER) AS DATE)", DATE)
plain("DATEDIFF", "DD", "date_diff('day', {1}, {0})", BIGINT, exact=True)
plain("TIME_TO_SEC", "H", "CAST(trunc(epoch_us({0}) / 1000000) AS BIGINT)", BIGINT)
plain("MAKEDATE", "ii",
      "CASE WHEN {1} > 0 THEN CAST(make_date({0}, 1, 1) + CAST({1} - 1 AS INTEGER) AS DATE) END",
      DATE)  # fmt: skip
plain("PERIOD_ADD", "ii", "({0} // 100 * 12 + {0} % 100 - 1 + {1}) // 12 * 100 + "
      "({0} // 100 * 12 + {0} % 100 - 1 + {1}) % 12 + 1", BIGINT)  # fmt: skip
plain("PERIOD_DIFF", "ii", "({0} // 100 * 12 + {0} % 100) - ({1} // 100 * 12 + {1} % 100)", BIGINT)


@builder("TIME", 1)
def _time(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    kind = TIME6 if _has_fraction(args[0]) else TIME
    return Typed(convert.to_time(args[0]), kind)


@builder("TIMESTAMP", 1, 2)
def _timestamp(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    sql = convert.to_datetime(args[0])
    kind = DATETIME6 if any(_has_fraction(a) for a in args) else DATETIME
    if len(args) == 2:
        sql = f"({sql} + {convert.to_time(args[1])})"
    return Typed(sql, kind, exact=True)


def _has_fraction(value: Typed) -> bool:
    if value.type.is_temporal:
        return value.type.scale > 0
    if value.literal is not None:
        return "." in value.literal.text
    return value.type.family != "int"


# -- now -------------------------------------------------------------------------------------


def _now(names: str, what: str) -> None:
    @builder(names, 0, 1)
    def _(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
        digits = int(constant(args[0], "the precision of NOW()")) if args else 0
        if digits not in (0, 6):
            raise unsupported(f"{call.name}({digits})")
        context.mark_volatile()
        now = context.now if digits else context.now.replace(microsecond=0)
        if what == "date":
            return Typed(f"DATE '{now:%Y-%m-%d}'", DATE, exact=True, nullable=False)
        if what == "time":
            us = round((now - now.replace(hour=0, minute=0, second=0, microsecond=0))
                       / datetime.timedelta(microseconds=1))  # fmt: skip
            return Typed(f"to_microseconds({us})", TIME6 if digits else TIME, exact=True,
                         nullable=False)  # fmt: skip
        kind = DATETIME6 if digits else DATETIME
        return Typed(f"TIMESTAMP '{now:%Y-%m-%d %H:%M:%S.%f}'", kind, exact=True, nullable=False)


_now("NOW CURRENT_TIMESTAMP LOCALTIME LOCALTIMESTAMP SYSDATE UTC_TIMESTAMP", "datetime")
_now("CURDATE CURRENT_DATE UTC_DATE", "date")
_now("CURTIME CURRENT_TIME UTC_TIME", "time")


@builder("UNIX_TIMESTAMP", 0, 1)
def _unix_timestamp(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    if not args:
        context.mark_volatile()
        seconds = int(context.now.replace(tzinfo=datetime.timezone.utc).timestamp())
        return Typed(str(seconds), BIGINT)
    moment = convert.to_datetime(args[0])
    if _has_fraction(args[0]) and (args[0].type.is_temporal or args[0].literal is not None):
        return Typed(f"CAST(epoch_us({moment}) * 0.000001 AS DECIMAL(18,6))", decimal(18, 6),
                     exact=True)  # fmt: skip
    return Typed(f"epoch_us({moment}) // 1000000", BIGINT)


def _micros(seconds: Typed) -> str:
    """SQL for a number of seconds in microseconds."""
    if seconds.type.is_integer:
        return f"CAST({seconds.sql} AS BIGINT) * 1000000"
    return f"CAST(round(CAST({seconds.sql} AS DOUBLE) * 1000000) AS BIGINT)"


@builder("FROM_UNIXTIME", 1, 2)
def _from_unixtime(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    number = convert.to_number(args[0])
    micros = _micros(number)
    moment = f"CASE WHEN {number.sql} >= 0 THEN make_timestamp({micros}) END"
    kind = DATETIME if number.type.is_integer else DATETIME6
    result = Typed(f"({moment})", kind, exact=True)
    return result if len(args) == 1 else _date_format(context, call, [result, args[1]])


# -- intervals -------------------------------------------------------------------------------

_MICROSECONDS = {
    "MICROSECOND": 1, "SECOND": 10**6, "MINUTE": 60 * 10**6, "HOUR": 3600 * 10**6,
    "DAY": 86400 * 10**6, "WEEK": 7 * 86400 * 10**6,
}  # fmt: skip
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
_COMPOSITE = {
    "SECOND_MICROSECOND": ("SECOND", "MICROSECOND"),
    "MINUTE_MICROSECOND": ("MINUTE", "SECOND", "MICROSECOND"),
    "MINUTE_SECOND": ("MINUTE", "SECOND"),
    "HOUR_MICROSECOND": ("HOUR", "MINUTE", "SECOND", "MICROSECOND"),
    "HOUR_SECOND": ("HOUR", "MINUTE", "SECOND"),
    "HOUR_MINUTE": ("HOUR", "MINUTE"),
    "DAY_MICROSECOND": ("DAY", "HOUR", "MINUTE", "SECOND", "MICROSECOND"),
    "DAY_SECOND": ("DAY", "HOUR", "MINUTE", "SECOND"),
    "DAY_MINUTE": ("DAY", "HOUR", "MINUTE"),
    "DAY_HOUR": ("DAY", "HOUR"),
    "YEAR_MONTH": ("YEAR", "MONTH"),
}


@dataclass(frozen=True)
class Step:
    """An interval, translated."""

    sql: str
    """SQL of DuckDB's INTERVAL."""
    dates_only: bool
    """Whether its unit is a day or more."""
    fraction: bool
    """Whether it has parts of a second."""


def step(amount: Typed, unit: str) -> Step:
    """Translate ``INTERVAL amount unit``."""
    if unit in _COMPOSITE:
        return _composite(amount, unit)
    if unit in _MONTHS:
        whole = f"CAST({convert.to_bigint(amount)} * {_MONTHS[unit]} AS INTEGER)"
        return Step(f"to_months({whole})", True, False)
    if unit in ("DAY", "WEEK"):
        factor = 7 if unit == "WEEK" else 1
        return Step(f"to_days(CAST({convert.to_bigint(amount)} * {factor} AS INTEGER))", True,
                    False)  # fmt: skip
    number = convert.to_number(amount)
    fraction = unit == "MICROSECOND" or (unit == "SECOND" and not number.type.is_integer)
    if unit == "SECOND":
        micros = _micros(number)
    else:
        micros = f"{convert.to_bigint(amount)} * {_MICROSECONDS[unit]}"
    return Step(f"to_microseconds({micros})", False, fraction)


def _composite(amount: Typed, unit: str) -> Step:
    text = constant(amount, f"an INTERVAL ... {unit}")
    units = _COMPOSITE[unit]
    negative = text.strip().startswith("-")
    numbers = [int(n) for n in re.findall(r"\d+", text)][: len(units)]
    # Missing parts are those on the left: '1:30' HOUR_SECOND is 1 minute 30 seconds.
    pairs = list(zip(units[len(units) - len(numbers) :], numbers, strict=True))
    sign = -1 if negative else 1
    if unit == "YEAR_MONTH":
        months = sum(_MONTHS[u] * n for u, n in pairs) * sign
        return Step(f"to_months({months})", True, False)
    micros = sum(_MICROSECONDS[u] * n for u, n in pairs) * sign
    return Step(f"to_microseconds({micros})", False, "MICROSECOND" in unit)


def add(value: Typed, by: Step, sign: str) -> Typed:
    """Translate ``value + INTERVAL …``; ``sign`` is ``+`` or ``-``."""
    family = value.type.family
    if family == "time" and not by.dates_only:
        kind = TIME6 if by.fraction else value.type
        return Typed(
            f"s2.time_clip(epoch_us({value.sql}) {sign} epoch_us({by.sql}))", kind, exact=True
        )
    date_text = value.literal is not None and re.fullmatch(
        r"\s*\d{4}-\d{1,2}-\d{1,2}\s*", value.literal.text
    )
    moment = convert.to_datetime(value)
    sql = f"({moment} {sign} {by.sql})"
    if (family == "date" or date_text) and by.dates_only:
        return Typed(f"CAST({sql} AS DATE)", DATE, exact=True)
    fraction = by.fraction or (value.type.is_temporal and value.type.scale) or (
        family == "text" and value.literal is not None and "." in value.literal.text
    )  # fmt: skip
    return Typed(sql, DATETIME6 if fraction else DATETIME, exact=True)


def _adder(names: str, sign: str) -> None:
    @builder(names, 2)
    def _(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
        interval = call.args[1]
        unit = interval.unit if isinstance(interval, nodes.Interval) else "DAY"
        return add(args[0], step(args[1], unit), sign)


_adder("DATE_ADD ADDDATE", "+")
_adder("DATE_SUB SUBDATE", "-")


@builder("TIMESTAMPADD", 3)
def _timestampadd(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    return add(args[2], step(args[1], constant(args[0], "the unit")), "+")


@builder("TIMESTAMPDIFF", 3)
def _timestampdiff(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    unit = constant(args[0], "the unit")
    start, end = (convert.to_datetime(a) for a in args[1:])
    if unit in _MICROSECONDS:
        return Typed(
            f"CAST(trunc((epoch_us({end}) - epoch_us({start}))::HUGEINT / {_MICROSECONDS[unit]}) "
            "AS BIGINT)", BIGINT,
        )  # fmt: skip
    if unit not in _MONTHS:
        raise error(1064, f"Unknown unit {unit}")
    months = f"((year({end}) - year({start})) * 12 + month({end}) - month({start}))"
    rests = [f"({m} - date_trunc('month', {m}))" for m in (start, end)]
    months = (
        f"({months} - CASE WHEN {months} > 0 AND {rests[1]} < {rests[0]} THEN 1 "
        f"WHEN {months} < 0 AND {rests[1]} > {rests[0]} THEN -1 ELSE 0 END)"
    )
    return Typed(f"CAST(trunc({months} / {_MONTHS[unit]}) AS BIGINT)", BIGINT)


def _time_adder(name: str, sign: str) -> None:
    @builder(name, 2)
    def _(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
        amount = convert.to_time(args[1])
        fraction = any(_has_fraction(a) for a in args)
        is_moment = args[0].type.family in ("datetime", "date") or (
            args[0].literal is not None and re.match(r"\s*\d{4}-", args[0].literal.text)
        )
        if is_moment:
            moment = convert.to_datetime(args[0])
            return Typed(f"({moment} {sign} {amount})", DATETIME6 if fraction else DATETIME,
                         exact=True)  # fmt: skip
        start = convert.to_time(args[0])
        return Typed(f"s2.time_clip(epoch_us({start}) {sign} epoch_us({amount}))",
                     TIME6 if fraction else TIME, exact=True)  # fmt: skip


_time_adder("ADDTIME", "+")
_time_adder("SUBTIME", "-")


@builder("TIMEDIFF", 2)
def _timediff(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    moments = [
        a.type.family == "datetime"
        or (a.literal is not None and bool(re.match(r"\s*\d{4}-", a.literal.text)))
        for a in args
    ]
    to = convert.to_datetime if all(moments) else convert.to_time
    kind = TIME6 if any(_has_fraction(a) for a in args) else TIME
    return Typed(f"s2.time_clip(epoch_us({to(args[0])}) - epoch_us({to(args[1])}))", kind,
                 exact=True)  # fmt: skip


@builder("SEC_TO_TIME", 1)
def _sec_to_time(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    number = convert.to_number(args[0])
    kind = TIME if number.type.is_integer else TIME6
    return Typed(f"s2.time_clip({_micros(number)})", kind, exact=True)


@builder("MAKETIME", 3)
def _maketime(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    hour, minute = (convert.to_bigint(a) for a in args[:2])
    second = convert.to_number(args[2])
    seconds = f"({minute} * 60 + {second.sql})"
    micros = f"(abs({hour}) * 3600 + {seconds}) * 1000000"
    sign = f"(CASE WHEN {hour} < 0 THEN -1 ELSE 1 END)"
    return Typed(
        f"CASE WHEN {minute} BETWEEN 0 AND 59 AND {second.sql} >= 0 AND {second.sql} < 60 THEN "
        f"s2.time_clip(round({micros}) * {sign}) END",
        TIME if second.type.is_integer else TIME6, exact=True,
    )  # fmt: skip


@builder("EXTRACT", 2)
def _extract(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    from .registry import FUNCTIONS

    unit = constant(args[0], "the unit of EXTRACT()")
    if unit == "YEAR_MONTH":
        moment = convert.to_datetime(args[1])
        return Typed(f"year({moment}) * 100 + month({moment})", BIGINT)
    if unit in _COMPOSITE:
        raise unsupported(f"EXTRACT({unit} FROM ...)")
    return FUNCTIONS[unit].call(context, call, [args[1]])


@builder("DATE_TRUNC", 2)
def _date_trunc(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    unit = constant(args[0], "the unit of DATE_TRUNC()").lower()
    if unit not in ("second", "minute", "hour", "day", "week", "month", "quarter", "year"):
        raise error(1105, f"DATE_TRUNC: unknown unit '{unit}'")
    moment = convert.to_datetime(args[1])
    return Typed(f"CAST(date_trunc('{unit}', {moment}) AS TIMESTAMP)", DATETIME, exact=True)


# -- weeks -----------------------------------------------------------------------------------


def week(moment: str, mode: int) -> tuple[str, str]:
    """Return SQL for the week number and its year; modes as WEEK() numbers them."""
    year = f"year({moment})"
    if mode in (1, 3):
        iso_year, iso = f"isoyear({moment})", f"week({moment})"
        if mode == 3:
            return iso, iso_year
        last = f"week({moment} - INTERVAL 7 DAY) + 1"
        return (
            f"CASE WHEN {iso_year} < {year} THEN 0 WHEN {iso_year} > {year} THEN {last} "
            f"ELSE {iso} END",
            year,
        )
    if mode in (4, 6):
        # The week belongs to the year of its Wednesday, the middle of Sunday to Saturday.
        middle = f"({moment} - to_days(CAST(dayofweek({moment}) - 3 AS INTEGER)))"
        number, its_year = f"(dayofyear({middle}) - 1) // 7 + 1", f"year({middle})"
        if mode == 6:
            return number, its_year
        previous = f"({middle} - INTERVAL 7 DAY)"
        last = f"(dayofyear({previous}) - 1) // 7 + 2"
        return (
            f"CASE WHEN {its_year} < {year} THEN 0 WHEN {its_year} > {year} THEN {last} "
            f"ELSE {number} END",
            year,
        )
    code = "%U" if mode in (0, 2) else "%W"
    number = f"CAST(strftime({moment}, '{code}') AS BIGINT)"
    if mode in (0, 5):
        return number, year
    end = f"CAST(make_date({year} - 1, 12, 31) AS TIMESTAMP)"
    last = f"CAST(strftime({end}, '{code}') AS BIGINT)"
    return (
        f"CASE WHEN {number} = 0 THEN {last} ELSE {number} END",
        f"CASE WHEN {number} = 0 THEN {year} - 1 ELSE {year} END",
    )


def _mode(args: list[Typed]) -> int:
    return int(constant(args[1], "the mode of WEEK()")) % 8 if len(args) == 2 else 0


@builder("WEEK", 1, 2)
def _week(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    return Typed(week(convert.to_datetime(args[0]), _mode(args))[0], BIGINT)


@builder("YEARWEEK", 1, 2)
def _yearweek(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    mode = {0: 2, 1: 3, 4: 6, 5: 7}.get(_mode(args), _mode(args))
    number, year = week(convert.to_datetime(args[0]), mode)
    return Typed(f"({year}) * 100 + ({number})", BIGINT)


# -- formats ---------------------------------------------------------------------------------

_FORMAT = {
    "a": "%a", "b": "%b", "c": "%-m", "d": "%d", "e": "%-d", "f": "%f", "H": "%H", "h": "%I",
    "I": "%I", "i": "%M", "j": "%j", "k": "%-H", "l": "%-I", "M": "%B", "m": "%m", "p": "%p",
    "r": "%I:%M:%S %p", "S": "%S", "s": "%S", "T": "%H:%M:%S", "U": "%U", "v": "%V", "W": "%A",
    "w": "%w", "x": "%G", "Y": "%Y", "y": "%y", "%": "%%",
}  # fmt: skip
"""Letter after ``%`` in DATE_FORMAT → the same in DuckDB's strftime."""


@builder("DATE_FORMAT TIME_FORMAT", 2)
def _date_format(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    format_text = constant(args[-1], "the format of DATE_FORMAT()")
    if not format_text:
        return Typed("CAST(NULL AS VARCHAR)", LONGTEXT)
    hours = ""
    if call.name == "TIME_FORMAT":
        # Hours go on behind 24; a strftime of the rest of the day does not know them.
        hours = f"(abs(epoch_us({convert.to_time(args[0])})) // 3600000000)"
        moment = f"(TIMESTAMP '2000-01-01 00:00:00' + {convert.to_time(args[0])})"
    else:
        moment = convert.to_datetime(args[0])
    parts: list[str] = []
    pending = ""
    for token in re.findall(r"%.|[^%]+|%", format_text, re.DOTALL):
        letter = token[1:] if token.startswith("%") else ""
        computed = _computed_format(letter, moment)
        if hours and letter in ("H", "k"):
            computed = f"printf('%{'02' if letter == 'H' else ''}d', {hours})"
        if computed:
            if pending:
                parts.append(f"strftime({moment}, {quote_string(pending)})")
                pending = ""
            parts.append(computed)
        elif letter:
            pending += _FORMAT.get(letter, letter)
        else:
            pending += token.replace("%", "%%") if token != "%" else "%%"
    if pending or not parts:
        parts.append(f"strftime({moment}, {quote_string(pending)})")
    return Typed("(" + " || ".join(parts) + ")", LONGTEXT)


def _computed_format(letter: str, moment: str) -> str | None:
    if letter == "D":
        day = f"day({moment})"
        return (
            f"(CAST({day} AS VARCHAR) || CASE WHEN {day} IN (1, 21, 31) THEN 'st' WHEN {day} IN "
            f"(2, 22) THEN 'nd' WHEN {day} IN (3, 23) THEN 'rd' ELSE 'th' END)"
        )
    if letter == "u":
        return f"printf('%02d', {week(moment, 1)[0]})"
    if letter == "V":
        return f"printf('%02d', {week(moment, 2)[0]})"
    if letter == "X":
        return f"printf('%04d', {week(moment, 2)[1]})"
    return None


@builder("STR_TO_DATE", 2)
def _str_to_date(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    format_text = constant(args[1], "the format of STR_TO_DATE()")
    letters = set(re.findall(r"%(.)", format_text))
    if letters & set("DUuVvXxw"):
        raise unsupported(f"STR_TO_DATE with the format {format_text!r}")
    pattern = re.sub(
        r"%(.)", lambda m: _FORMAT.get(m[1], m[1]).replace("%-", "%"), format_text
    )  # strptime takes unpadded numbers everywhere
    # The server skips blanks after a separator that the format has without.
    source = f"regexp_replace({convert.to_text(args[0])}, '([,./:-])\\s+', '\\1', 'g')"
    pattern = re.sub(r"([,./:-])\s+", r"\1", pattern)
    parsed = f"try_strptime({source}, {quote_string(pattern)})"
    has_time = bool(letters & set("fHhIiklprSsT"))
    has_date = bool(letters & set("abcdejMmYyW"))
    if not has_time:
        return Typed(f"CAST({parsed} AS DATE)", DATE, exact=True)
    if not has_date:
        kind = TIME6 if "f" in letters else TIME
        return Typed(f"s2.time_of_datetime({parsed})", kind, exact=True)
    return Typed(parsed, DATETIME6 if "f" in letters else DATETIME)
