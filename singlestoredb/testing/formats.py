"""The conformance kit for format plugins.

A test file of three lines holds a format to its contract::

    from singlestoredb.testing import FormatConformance

    class TestAcme(FormatConformance):
        format = "acme"
        def to_rows(self, table): return table.tuples()

The tests run on a scripted driver, which needs no server, on every embedded driver that is
installed, and on the databases named in ``SINGLESTOREDB_TEST_URLS`` (separated by spaces).
"""

from __future__ import annotations

import datetime as dt
import math
import os
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

import singlestoredb as s2
from singlestoredb.kernel import get_registry
from singlestoredb.testing.scripted import ScriptedDriver
from singlestoredb_hookspecs import Column

if TYPE_CHECKING:
    from singlestoredb.connection import Connection

Row = tuple[Any, ...]

INT = Column("id", 3, length=11, null_ok=False)
TEXT = Column("name", 253, length=20)
DOUBLE = Column("price", 5)

SQL = "SELECT id, name, price FROM s2_format_kit ORDER BY id"
ROWS: list[Row] = [
    (1, "one", 1.5),
    (2, None, -2.25),
    (3, "drei ✓ 🜁", None),
    (4, "", 0.0),
    (5, "it's", 1e300),
]
COLUMNS = (INT, TEXT, DOUBLE)

EVERY_TYPE: tuple[tuple[Column, Sequence[Any]], ...] = (
    (Column("tiny", 1), (-128, None)),
    (Column("small_u", 2, flags=32), (65535, None)),
    (Column("medium", 9), (8388607, None)),
    (Column("big", 8), (2**53, None)),
    (Column("big_u", 8, flags=33, null_ok=False), (2**64 - 1, 0)),
    (Column("real", 4), (0.5, None)),
    (Column("amount", 246, precision=20, scale=4), (Decimal("1234.5000"), None)),
    (Column("day", 10), (dt.date(2024, 2, 29), None)),
    (Column("moment", 12, scale=6), (dt.datetime(1999, 12, 31, 23, 59, 59, 999999), None)),
    (Column("span", 11), (dt.timedelta(hours=-838, minutes=-59, seconds=-59), None)),
    (Column("year", 13), (2024, None)),
    (Column("blob", 252, charset=63), (b"\x00\xff", None)),
    (Column("bits", 16, charset=63), (b"\x00" * 7 + b"\x05", None)),
    (Column("doc", 245), ({"a": [1, "ä"]}, None)),
)


def _urls() -> list[str]:
    installed = {record.name for record in get_registry().catalog.records("drivers")}
    urls = ["scripted://"]
    if "embedded" in installed:
        urls.append("embedded://")
    return urls + os.environ.get("SINGLESTOREDB_TEST_URLS", "").split()


def _transposed(
    samples: tuple[tuple[Column, Sequence[Any]], ...],
) -> tuple[tuple[Column, ...], list[Row]]:
    columns = tuple(column for column, _ in samples)
    return columns, list(zip(*(values for _, values in samples), strict=True))


def _same(a: Any, b: Any) -> bool:
    """Whether two values are the same, NULL being None, NaN or NaT."""
    if _is_null(a) or _is_null(b):
        return _is_null(a) and _is_null(b)
    return bool(a == b)


def _is_null(value: Any) -> bool:
    if value is None:
        return True
    if isinstance(value, float) and math.isnan(value):
        return True
    return str(value) == "NaT"


class FormatConformance:
    """What every format does.  Set ``format`` and write :meth:`to_rows`."""

    format: str
    """The format's name."""

    def to_rows(self, table: Any) -> list[Row]:
        """Return what the format made as a list of tuples of plain values."""
        raise TypeError(f"{type(self).__name__} must say how to look inside its tables (to_rows)")

    def one_row(self, row: Any) -> Row:
        """Return what ``fetchone`` gave as a tuple; by default it is a table of one row."""
        rows = self.to_rows(row)
        assert len(rows) == 1, "fetchone() must give exactly one row"
        return rows[0]

    @pytest.fixture
    def scripted(self) -> Iterator[ScriptedDriver]:
        """The scripted driver, registered while a test runs."""
        driver = ScriptedDriver()
        driver.answer(SQL, COLUMNS, ROWS)
        driver.answer(SQL.replace("ORDER", "WHERE id > 100 ORDER"), COLUMNS, [])
        driver.answer("SELECT every type", *_transposed(EVERY_TYPE))
        s2.plugins.register(driver, "drivers:scripted")
        yield driver
        s2.plugins.unregister(driver)

    @pytest.fixture(params=_urls(), ids=lambda url: str(url).partition(":")[0])
    def conn(
        self, request: pytest.FixtureRequest, scripted: ScriptedDriver
    ) -> Iterator[Connection]:
        """A connection with the kit's table, of each driver in turn."""
        with s2.connect(request.param) as conn:
            if request.param != "scripted://":
                _make_table(conn)
            yield conn

    @pytest.fixture(params=[True, False], ids=["buffered", "streaming"])
    def buffered(self, request: pytest.FixtureRequest) -> bool:
        """Both ways of receiving."""
        return bool(request.param)

    def _expect(self, rows: Sequence[Row], expected: Sequence[Row]) -> None:
        assert len(rows) == len(expected)
        for got, wanted in zip(rows, expected, strict=True):
            assert len(got) == len(wanted)
            assert all(map(_same, got, wanted)), f"{got!r} is not {wanted!r}"

    def test_reads_is_one_of_the_shapes(self, conn: Connection) -> None:
        with conn.cursor(results_type=self.format) as cursor:
            assert cursor._shape in ("rows", "dicts", "arrow")

    def test_fetchall_gives_every_row(self, conn: Connection, buffered: bool) -> None:
        with conn.cursor(results_type=self.format, buffered=buffered) as cursor:
            cursor.execute(SQL)
            self._expect(self.to_rows(cursor.fetchall()), ROWS)

    def test_fetchmany_cuts_and_ends(self, conn: Connection, buffered: bool) -> None:
        with conn.cursor(results_type=self.format, buffered=buffered) as cursor:
            cursor.execute(SQL)
            self._expect(self.to_rows(cursor.fetchmany(2)), ROWS[:2])
            self._expect(self.to_rows(cursor.fetchmany(2)), ROWS[2:4])
            self._expect(self.to_rows(cursor.fetchmany(2)), ROWS[4:])
            assert self.to_rows(cursor.fetchmany(2)) == []

    def test_fetchone_gives_rows_and_then_none(self, conn: Connection, buffered: bool) -> None:
        with conn.cursor(results_type=self.format, buffered=buffered) as cursor:
            cursor.execute(SQL)
            self._expect([self.one_row(cursor.fetchone()) for _ in ROWS], ROWS)
            assert cursor.fetchone() is None

    def test_fetches_follow_each_other(self, conn: Connection, buffered: bool) -> None:
        with conn.cursor(results_type=self.format, buffered=buffered) as cursor:
            cursor.execute(SQL)
            self._expect([self.one_row(cursor.fetchone())], ROWS[:1])
            self._expect(self.to_rows(cursor.fetchmany(2)), ROWS[1:3])
            self._expect(self.to_rows(cursor.fetchall()), ROWS[3:])
            assert self.to_rows(cursor.fetchall()) == []
            assert cursor.rownumber in ((len(ROWS),) if buffered else (len(ROWS), None))

    def test_an_empty_result_is_an_empty_table(self, conn: Connection, buffered: bool) -> None:
        with conn.cursor(results_type=self.format, buffered=buffered) as cursor:
            cursor.execute(SQL.replace("ORDER", "WHERE id > 100 ORDER"))
            empty = cursor.fetchall()
            assert self.to_rows(empty) == []
            cursor.execute(SQL)
            assert type(cursor.fetchall()) is type(empty)

    def test_every_type_can_be_read(self, scripted: ScriptedDriver) -> None:
        columns, rows = _transposed(EVERY_TYPE)
        with s2.connect("scripted://") as conn, conn.cursor(results_type=self.format) as cursor:
            cursor.execute("SELECT every type")
            got = self.to_rows(cursor.fetchall())
        assert len(got) == len(rows)
        assert all(len(row) == len(columns) for row in got)
        nulls = [[_is_null(value) for value in row] for row in got]
        assert nulls == [[_is_null(value) for value in row] for row in rows]

    def test_cursors_of_other_formats_are_not_disturbed(self, conn: Connection) -> None:
        with (
            conn.cursor(results_type=self.format) as ours,
            conn.cursor(results_type="tuples") as plain,
        ):
            ours.execute(SQL)
            plain.execute(SQL)
            self._expect(self.to_rows(ours.fetchall()), ROWS)
            self._expect(plain.fetchall(), ROWS)

    def test_calls_do_not_grow_with_rows(self, scripted: ScriptedDriver) -> None:
        many = [(i, str(i), i / 2) for i in range(5000)]
        scripted.answer("SELECT many", COLUMNS, many)
        with s2.connect("scripted://") as conn, conn.cursor(results_type=self.format) as cursor:
            cursor.execute("SELECT many")
            calls = _counted(cursor._format(), "table")
            self._expect(self.to_rows(cursor.fetchall()), many)
            assert calls() == 1, "fetchall() must ask the format once"


def _counted(made: Any, method: str) -> Callable[[], int]:
    count = 0
    original = getattr(made, method)

    def counting(chunk: Any) -> Any:
        nonlocal count
        count += 1
        return original(chunk)

    try:
        setattr(made, method, counting)
    except AttributeError:
        pytest.fail("a format with __slots__ must leave its methods replaceable for the kit")
    return lambda: count


def _make_table(conn: Connection) -> None:
    with conn.cursor(results_type="tuples") as cursor:
        cursor.execute("DROP TABLE IF EXISTS s2_format_kit")
        cursor.execute(
            "CREATE TABLE s2_format_kit (id INT NOT NULL, name VARCHAR(20), price DOUBLE)"
        )
        cursor.executemany("INSERT INTO s2_format_kit (id, name, price) VALUES (%s, %s, %s)", ROWS)
