"""The accelerator ``literals``: the same text and batches as ``singlestoredb.escaping``."""

from __future__ import annotations

import datetime as dt
import enum
import gc
import sys
from collections import namedtuple
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import singlestoredb as s2
from singlestoredb.escaping import Escaper
from singlestoredb.testing import MariaDB
from singlestoredb_plugins.literals_accel import _singlestoredb_literals as compiled


class Number(enum.IntEnum):
    ONE = 1


class Name(str):
    def __str__(self) -> str:
        return "'); DROP TABLE t; --"


ESCAPERS = [
    Escaper(no_backslash_escapes=mode, binary_prefix=prefix, nan_as_null=True, inf_as_null=True)
    for mode in (False, True)
    for prefix in (False, True)
]
TEXT = st.text(st.one_of(st.sampled_from("\\'\"\n\r\0\x1a\t%é🙂"), st.characters()), max_size=20)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**64), 2**64),
    st.sampled_from([2**63 - 1, -(2**63), 2**63, 0, 9, 10]),
    st.floats(),
    TEXT,
    st.binary(max_size=20),
    st.dates(),
    st.datetimes(timezones=st.none() | st.just(dt.timezone.utc)),
    st.times(timezones=st.none() | st.just(dt.timezone.utc)),
    st.timedeltas(),
    st.sampled_from([dt.timedelta.min, dt.timedelta.max, dt.timedelta(-1), dt.timedelta(0, -1, 1)]),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.lists(st.integers(), max_size=3),
    st.sampled_from([Number.ONE, Name("x"), UUID(int=1), np.int8(3), np.float32(0.1)]),
)


def written(escaper: Escaper, template: str, rows: Any, limit: int = 1 << 30) -> list[str]:
    writer = escaper.row_writer(template, compiled)
    given_rows = iter(rows)
    return list(iter(lambda: writer.fill(given_rows, limit), None))


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(ESCAPERS), st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=5))
def test_the_same_text(escaper: Escaper, rows: list[tuple[Any, Any]]) -> None:
    template = "(%s, 'é%%', f(%s))"
    expected = ",".join(escaper.interpolate(template, row) for row in rows)
    assert written(escaper, template, rows) == [expected]
    assert written(escaper, template, map(list, rows)) == [expected]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(TEXT), max_size=12), st.integers(0, 80))
def test_the_same_batches(rows: list[tuple[str]], limit: int) -> None:
    escaper = ESCAPERS[0]
    expected: list[list[str]] = []
    size = 0
    for row in rows:
        text = escaper.interpolate("(%s)", row)
        length = len(text.encode("utf-8", "surrogatepass")) + 1
        if not expected or size + length > limit:
            expected.append([])
            size = 0
        expected[-1].append(text)
        size += length
    assert written(escaper, "(%s)", rows, limit) == [",".join(batch) for batch in expected]


def test_rows_of_other_kinds() -> None:
    pair = namedtuple("pair", "a b")

    class Backwards(tuple[Any, ...]):
        def __iter__(self) -> Iterator[Any]:
            return iter(self[::-1])

    escaper = ESCAPERS[0]
    rows = [pair(1, 2), Backwards((1, 2)), [1, 2]]
    expected = ",".join(escaper.interpolate("(%s,%s)", row) for row in rows)
    assert written(escaper, "(%s,%s)", rows) == [expected] == ["(1,2),(2,1),(1,2)"]
    assert written(escaper, "(%s)", [5, "x", [Number.ONE]]) == ["(5),('x'),(1)"]
    wrong: Any
    for wrong in ((1,), (1, 2, 3), [], {"a": 1}):
        with pytest.raises(s2.ProgrammingError) as pure:
            escaper.interpolate("(%s,%s)", wrong, empty_args=True)
        with pytest.raises(s2.ProgrammingError) as fast:
            written(escaper, "(%s,%s)", [wrong] if wrong else [(1,)])
        assert type(fast.value) is type(pure.value)


def test_what_has_no_literal_is_refused() -> None:
    strict = Escaper()
    for value in (float("nan"), float("-inf"), Decimal("nan"), {"a": 1}, object()):
        with pytest.raises(s2.ProgrammingError) as pure:
            strict.interpolate("(%s)", (value,))
        with pytest.raises(s2.ProgrammingError) as fast:
            written(strict, "(%s)", [(value,)])
        assert str(fast.value) == str(pure.value)


def test_own_encoders_and_names_are_left_to_python() -> None:
    assert Escaper({int: lambda value, _: "7"}).row_writer("(%s)", compiled) is None
    assert Escaper().row_writer("(%(a)s)", compiled) is None
    assert Escaper().row_writer("(1)", compiled) is None


def test_errors_of_the_rows_pass_and_nothing_leaks() -> None:
    escaper = Escaper()
    writer = escaper.row_writer("(%s)", compiled)

    def rows() -> Iterator[tuple[int]]:
        yield (1,)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        writer.fill(rows(), 100)

    class Again:
        def __str__(self) -> str:
            writer.fill(iter([(1,)]), 100)
            return ""

    with pytest.raises(RuntimeError, match="already"):
        writer.fill(iter([(Again(),)]), 100)

    changing: list[Any] = []

    class Clears:
        def __str__(self) -> str:
            changing.clear()
            return "x"

    changing[:] = [Clears(), 1]
    with pytest.raises(RuntimeError, match="changed"):
        escaper.row_writer("(%s,%s)", compiled).fill(iter([changing]), 100)
    with pytest.raises(TypeError, match="iterator"):
        writer.fill([(1,)], 100)
    value = "a text that is not shared, é" * 3
    before = sys.getrefcount(value)
    for _ in range(10):
        written(escaper, "(%s)", [(value,)])
    gc.collect()
    assert sys.getrefcount(value) == before
    pieces: Any
    for pieces in ((b"x",), ("a", "b"), ()):
        with pytest.raises((ValueError, TypeError)):
            compiled.RowWriter(pieces, str, str, False, True)


@pytest.mark.parametrize("mode", ["", "NO_BACKSLASH_ESCAPES"])
@pytest.mark.parametrize("pure", [True, False])
def test_through_a_server(mariadb: MariaDB, mode: str, pure: bool) -> None:
    odd = "\\'\"\n\r\0\x1a%s é🙂"
    rows = [
        (i, odd * i, b"\x00\\'\xff", 0.1 * i, None, dt.datetime(2020, 1, 2, 3, i))
        for i in range(50)
    ]
    with s2.connect(mariadb.url, sql_mode=mode, pure_python=pure) as conn:
        columns = "a INT, b TEXT, c BLOB, d DOUBLE, e INT, f DATETIME, g INT"
        conn.query(f"CREATE TEMPORARY TABLE many ({columns})")
        with conn.cursor() as cursor:
            cursor.max_stmt_length = 2000
            sql = "INSERT INTO many VALUES (%s, %s, %s, %s, %s, %s, 1 + 1)"
            assert cursor.executemany(sql, (row for row in rows)) == 50
            cursor.execute("SELECT * FROM many ORDER BY a")
            assert cursor.fetchall() == [(*row, 2) for row in rows]
