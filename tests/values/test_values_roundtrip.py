"""Literals through a real server: what was written comes back, in both escaping modes."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import pymysql
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from singlestoredb import converters
from singlestoredb.escaping import Escaper, identifier
from singlestoredb.testing import MariaDB

# Raw text in, raw bytes out: PyMySQL carries, and converts nothing.
Carrier: TypeAlias = "pymysql.Connection[Any]"


@pytest.fixture(scope="module")
def carriers(mariadb: MariaDB) -> Iterator[dict[bool, Carrier]]:
    opened = {}
    for no_backslash in (False, True):
        conn = pymysql.connect(
            host=mariadb.host,
            port=mariadb.port,
            user=mariadb.user,
            password=mariadb.password,
            charset="utf8mb4",
            use_unicode=False,
            conv=dict[Any, Any](pymysql.converters.encoders),
            init_command="set sql_mode = 'STRICT_ALL_TABLES"
            + (",NO_BACKSLASH_ESCAPES'" if no_backslash else "'"),
        )
        opened[no_backslash] = conn
    yield opened
    for conn in opened.values():
        conn.close()


def fetch(conn: Carrier, expressions: list[str]) -> tuple[bytes | None, ...]:
    with conn.cursor() as cur:
        # Named, for the server warns of a literal that makes a poor column name.
        cur.execute("select " + ", ".join(f"{e} as c{i}" for i, e in enumerate(expressions)))
        row: tuple[bytes | None, ...] = cur.fetchall()[0]
        assert cur.execute("show warnings") == 0, cur.fetchall()
        return row


ESCAPERS = {
    no_backslash: Escaper(no_backslash_escapes=no_backslash, binary_prefix=True)
    for no_backslash in (False, True)
}
through_server = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@through_server
@example(["\0\\\n\r\x1a\"'`%_\b\t", "\\", "'", '"', "\\'", "''", "", " ", "\U0010ffff"])
@example(["NULL", "\\N", "\\0", "\\%", "\\\\'", "--", "/*", ";", "\ufeff", "\ue000", "\x7f\x80"])
@given(st.lists(st.text(max_size=60), min_size=1, max_size=8))
def test_text(carriers: dict[bool, Carrier], values: list[str]) -> None:
    for no_backslash, conn in carriers.items():
        escape = ESCAPERS[no_backslash].escape
        got = fetch(conn, [escape(value) for value in values])
        assert [item.decode() for item in got if item is not None] == values


def test_every_character(carriers: dict[bool, Carrier]) -> None:
    # All of Unicode but the surrogates, in pieces of 65536.
    planes = [
        "".join(map(chr, (c for c in range(start, start + 0x10000) if not 0xD800 <= c < 0xE000)))
        for start in range(0, 0x110000, 0x10000)
    ]
    for no_backslash, conn in carriers.items():
        for plane in planes:
            (got,) = fetch(conn, [ESCAPERS[no_backslash].escape(plane)])
            assert got == plane.encode()


@through_server
@example([bytes(range(256)), b"", b"'", b"\\"])
@given(st.lists(st.binary(max_size=60), min_size=1, max_size=8))
def test_bytes(carriers: dict[bool, Carrier], values: list[bytes]) -> None:
    for no_backslash, conn in carriers.items():
        escape = ESCAPERS[no_backslash].escape
        assert list(fetch(conn, [escape(value) for value in values])) == values


@through_server
@given(
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(-(10**20), 10**20, places=5),
    st.dates(dt.date(1, 1, 1)),
    st.datetimes(dt.datetime(1, 1, 1)),
    st.timedeltas(dt.timedelta(hours=-838), dt.timedelta(hours=838)),
    st.times(),
    st.booleans(),
)
def test_values_come_back_through_the_converters(
    carriers: dict[bool, Carrier],
    integer: int,
    number: float,
    decimal_number: decimal.Decimal,
    date: dt.date,
    moment: dt.datetime,
    span: dt.timedelta,
    clock: dt.time,
    flag: bool,
) -> None:
    escape = ESCAPERS[False].escape
    row = fetch(
        carriers[False],
        [
            escape(integer),
            escape(number),
            escape(decimal_number),
            f"cast({escape(date)} as date)",
            f"cast({escape(moment)} as datetime(6))",
            f"cast({escape(span)} as time(6))",
            f"cast({escape(clock)} as time(6))",
            escape(flag),
            escape(None),
            f"{escape(integer)} in {escape([integer, None])}",
            escape(np.float64(number)),
        ],
    )
    assert converters.int_or_none(row[0]) == integer
    assert converters.float_or_none(row[1]) == number
    assert converters.decimal_or_none(row[2]) == decimal_number
    assert converters.date_or_none(row[3]) == date
    assert converters.datetime_or_none(row[4]) == moment
    assert converters.timedelta_or_none(row[5]) == span
    assert converters.time_or_none(row[6]) == clock
    assert converters.int_or_none(row[7]) == flag
    assert row[8] is None
    assert converters.int_or_none(row[9]) == 1
    assert converters.float_or_none(row[10]) == number


@through_server
@given(st.lists(st.floats(width=32), max_size=5))
def test_vectors_come_back(carriers: dict[bool, Carrier], values: list[float]) -> None:
    array = np.array(values, "f4")
    (got,) = fetch(carriers[False], [ESCAPERS[False].escape(array)])
    assert converters.float32_vector_or_none(got).tobytes() == array.tobytes()


@through_server
@example("a`b")
@example("``")
@given(
    st.text(
        st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"], exclude_characters="\0"),
        max_size=62,
    )
)
def test_identifiers_come_back(carriers: dict[bool, Carrier], name: str) -> None:
    name = f"a{name}b"  # the server trims the ends of a column's alias
    with carriers[False].cursor() as cur:
        cur.execute(f"select 1 as {identifier(name)}")
        assert cur.description[0][0] == name


@pytest.mark.parametrize("count", range(1, 7))
def test_fractions_of_every_length(carriers: dict[bool, Carrier], count: int) -> None:
    row = fetch(
        carriers[False],
        [
            f"cast('2020-01-02 03:04:05.123456' as datetime({count}))",
            f"cast('-03:04:05.123456' as time({count}))",
        ],
    )
    micros = int("123456"[:count].ljust(6, "0"))
    assert converters.datetime_or_none(row[0]) == dt.datetime(2020, 1, 2, 3, 4, 5, micros)
    assert converters.timedelta_or_none(row[1]) == -dt.timedelta(
        hours=3, minutes=4, seconds=5, microseconds=micros
    )


def test_zero_and_impossible_dates_of_the_server(carriers: dict[bool, Carrier]) -> None:
    with carriers[False].cursor() as cur:
        cur.execute("set @old = @@sql_mode, sql_mode = 'ALLOW_INVALID_DATES'")
        try:
            cur.execute(
                "select cast('0000-00-00' as date), cast('0000-00-00' as datetime),"
                " cast('0000-00-00' as datetime(4)), cast('2020-02-31' as date)"
            )
            date, moment, fraction, invalid = cur.fetchall()[0]
        finally:
            cur.execute("set sql_mode = @old")
    assert date == b"0000-00-00"
    assert converters.date_or_none(date) is None
    assert converters.datetime_or_none(moment) is None
    assert converters.datetime_or_none(fraction) is None
    assert converters.date_or_none(invalid) == "2020-02-31"
