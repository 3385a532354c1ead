"""Rows of the text protocol: what DuckDB prints of large results is what Python prints of small."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from singlestoredb_embedded.engine import open_engine
from singlestoredb_embedded.errors import error
from singlestoredb_embedded.fronts.bulk import BulkRows
from singlestoredb_embedded.fronts.session import RemoteSession
from singlestoredb_embedded.session import Changed
from singlestoredb_embedded.translate.output import Selected

DOUBLES = [
    "0", "-0e0", "1", "-1", "0.1", "1e-4", "9.99e-5", "1e-5", "-1.5e-15", "1e-16", "1e15", "9e15",
    "9.1e15", "1e16", "-1e16", "123456789012345.6", "1e300", "-2.5e-300", "5e-324",
    "3.0000000000000004", "100", "1e2", "0.30000000000000004", "NULL",
]  # fmt: skip
VALUES = {
    "TINYINT": ["-128", "127", "0", "NULL"],
    "BIGINT UNSIGNED": ["18446744073709551615", "0", "NULL"],
    "DOUBLE": DOUBLES,
    "FLOAT": ["0.1", "-1e10", "1e-7", "NULL"],
    "DECIMAL(20,4)": ["-0.0001", "0.5", "-1234567890123456.7891", "0", "NULL"],
    "DECIMAL(5,5)": ["-0.00001", "0.99999", "NULL"],
    "DECIMAL(38,0)": ["99999999999999999999999999999999999999", "-1", "NULL"],
    "DATE": ["'0001-01-01'", "'9999-12-31'", "NULL"],
    "DATETIME": ["'0001-01-01 00:00:00'", "'9999-12-31 23:59:59'", "NULL"],
    "DATETIME(6)": ["'1969-12-31 23:59:59.999999'", "'2000-01-01'", "'2000-01-01 00:00:00.5'"],
    "TIME(6)": ["'-838:59:59'", "'00:00:00.000001'", "NULL"],
    "YEAR": ["1901", "0", "NULL"],
    "LONGTEXT": [
        "''", "'ü🜁'", "'it''s \\\\0'",
        *(f"REPEAT('x', {n})" for n in (127, 128, 250, 251, 65535, 65536)),
        "REPEAT('ü', 64)", "NULL",
    ],
    "BLOB": ["X'00FF'", "X''", "REPEAT('x', 300)", "NULL"],
    "BIT": ["18446744073709551615", "NULL"],
    "JSON": ["'{\"a\":[1,null]}'", "NULL"],
    "VECTOR(2)": ["'[1,0.5]'", "NULL"],
}  # fmt: skip


@pytest.fixture
def session() -> Iterator[RemoteSession]:
    def nothing(*_: Any) -> Any:
        raise AssertionError

    session = RemoteSession(
        open_engine(None, None), 1, database="main", user="root", found_rows=False,
        local_infile=False, upload=nothing, disconnect=nothing,
    )  # fmt: skip
    yield session
    session.end()


def run(session: RemoteSession, sql: str) -> Changed | Selected:
    return session.run(session.split(sql, multiple=False)[0])


def both(session: RemoteSession, sql: str) -> tuple[list[bytes], list[bytes]]:
    """Return a result's payloads, printed by DuckDB and by Python."""
    selected = run(session, sql)
    assert isinstance(selected, Selected)
    rows = BulkRows(selected, session._printing)
    joined = rows.joined(iter(list(session.batches(selected))))
    plain = [part for batch in session.batches(selected) for part in rows.plain(batch)]
    return [row for part in joined for row in part], [row for part in plain for row in part]


@pytest.mark.parametrize("declared", VALUES)
def test_a_value_is_printed_alike(session: RemoteSession, declared: str) -> None:
    run(session, f"CREATE TABLE t (i INT, v {declared})")
    for i, value in enumerate(VALUES[declared]):
        run(session, f"INSERT INTO t VALUES ({i}, {value})")
    # One by one, so that an odd value is no reason to print its neighbours by Python.
    for i, value in enumerate(VALUES[declared]):
        by_duckdb, by_python = both(session, f"SELECT v, i, v AS again FROM t WHERE i = {i}")
        assert by_duckdb == by_python, value
        assert len(by_python) == 1
    by_duckdb, by_python = both(session, "SELECT i, v FROM t ORDER BY i")
    assert by_duckdb == by_python


def test_a_large_result_keeps_its_order(session: RemoteSession) -> None:
    run(session, "CREATE TABLE t (a BIGINT, b DOUBLE, c VARCHAR(20), d DATETIME, e DECIMAL(12,2))")
    rows = ", ".join(
        f"({i}, {i / 7!r}, 'name {i % 100}', '2024-01-{i % 28 + 1:02}', {i / 4:.2f})"
        for i in range(50_000)
    )
    run(session, f"INSERT INTO t VALUES {rows}")
    for order in ("a", "a DESC"):
        selected = run(session, f"SELECT * FROM t ORDER BY {order}")
        assert isinstance(selected, Selected)
        payloads = [row for part in session.payloads(selected) for row in part]
        expected = list(range(50_000))
        if order != "a":
            expected.reverse()
        assert [int(row[1 : 1 + row[0]]) for row in payloads] == expected
        by_duckdb, by_python = both(session, f"SELECT * FROM t ORDER BY {order}")
        assert by_duckdb == by_python == payloads


def test_an_error_on_the_way_is_the_servers(session: RemoteSession) -> None:
    run(session, "CREATE TABLE t (a INT)")
    run(session, f"INSERT INTO t VALUES {', '.join(f'({i})' for i in range(30_000))}")
    selected = run(session, "SELECT a FROM t")
    assert isinstance(selected, Selected)
    rows = BulkRows(selected, session._printing)

    def batches() -> Any:
        with_error = session.batches(selected)
        yield next(with_error)
        with_error.close()
        raise error(1317, "Query execution was interrupted")

    with pytest.raises(Exception, match="interrupted") as caught:
        for _ in rows.joined(batches()):
            pass
    assert getattr(caught.value, "errno", None) == 1317
    # What was left open is not in the way of the next statement.
    assert both(session, "SELECT 1")[0] == [b"\x011"]
    session._cancelled.clear()
    large = session.payloads(selected)
    next(large)
    large.close()
    assert len(both(session, "SELECT a FROM t")[0]) == 30_000


def test_a_constant_is_kept_with_what_belongs_to_a_statement(session: RemoteSession) -> None:
    def rows(sql: str) -> list[bytes]:
        selected = run(session, sql)
        assert isinstance(selected, Selected)
        return [row for part in session.payloads(selected) for row in part]

    for _ in range(2):
        assert rows("SELECT 1") == [b"\x011"]
        assert rows("SELECT '1'") == [b"\x011"]
        assert rows("SELECT 1.50") == [b"\x041.50"]
        assert rows("SELECT 2") == [b"\x012"]
        run(session, "SET unique_checks = 0")
        assert session.warnings
        assert rows("SELECT 1") == [b"\x011"]
        assert not session.warnings
        assert rows("SELECT FOUND_ROWS()") == [b"\x011"]
    assert len(session.engine.constants) == 4
    run(session, "SET autocommit = 0")
    assert rows("SELECT 1") == [b"\x011"]
    assert session.transaction.active
