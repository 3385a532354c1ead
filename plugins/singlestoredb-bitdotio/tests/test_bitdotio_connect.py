"""The driver through the SDK's front door: URL, cursors, every result format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from bitdotio import server

# The distribution is usable without the SDK; with it, nothing here is skipped.
pytest.importorskip("singlestoredb")

import singlestoredb as s2
from bitdotio.sdk.server import s2_start_server
from singlestoredb_hookspecs import ServerRequest

if TYPE_CHECKING:
    from singlestoredb.connection import Connection

TABLE = "CREATE TABLE t (id int, name text, price numeric(6, 2), day date)"
ROWS = [(1, "Zoë", Decimal("1.50"), date(2024, 2, 29)), (2, None, None, None)]


@pytest.fixture
def connection(
    local: server.LocalServer, database: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Connection]:
    """One variable says where: the URL names the driver and the database alone."""
    monkeypatch.setenv("BITIO_API_URL", local.environment["BITIO_API_URL"])
    with s2.connect(f"bitdotio:///{database}") as opened:
        cursor = opened.cursor()
        cursor.execute(TABLE)
        cursor.executemany("INSERT INTO t VALUES (%s, %s, %s, %s)", ROWS)
        yield opened


def read_arrow(table: Any) -> list[tuple[Any, ...]]:
    import nanoarrow

    return [tuple(row.values()) for row in nanoarrow.Array(table).to_pylist()]


FORMATS: dict[str, tuple[str | None, Callable[[Any], list[tuple[Any, ...]]]]] = {
    "tuples": (None, list),
    "dicts": (None, lambda rows: [tuple(row.values()) for row in rows]),
    "namedtuples": (None, lambda rows: [(r.id, r.name, r.price, r.day) for r in rows]),
    "structsequences": (None, lambda rows: [tuple(row) for row in rows]),
    "arrow": ("pyarrow", read_arrow),
    "polars": ("polars", lambda frame: frame.rows()),
    "pandas": (
        "pandas",
        lambda frame: [
            tuple(
                value.date() if hasattr(value, "date") and value == value else value
                for value in row
            )
            for row in frame.astype(object).where(frame.notna(), None).itertuples(index=False)
        ],
    ),
    "numpy": ("numpy", lambda array: [tuple(row) for row in array]),
}


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("name", FORMATS)
def test_every_format(connection: Connection, name: str, buffered: bool) -> None:
    module, read = FORMATS[name]
    if module:
        pytest.importorskip(module)
    cursor = connection.cursor(results_type=name, buffered=buffered)
    cursor.execute("SELECT * FROM t WHERE id < %(limit)s ORDER BY id", {"limit": 2})
    (row,) = read(cursor.fetchall())
    if name == "numpy":  # a structured array has its own types
        assert row[:3] == ROWS[0][:3]
        assert str(row[3]) == "2024-02-29"
    else:
        assert row == ROWS[0]
    assert len(cursor.fetchall()) == 0
    cursor.close()


def test_what_the_cursor_knows(connection: Connection) -> None:
    cursor = connection.cursor()
    assert cursor.execute("SELECT * FROM t ORDER BY id") == 2
    assert cursor.rowcount == 2
    assert cursor.description is not None
    assert [column.name for column in cursor.description] == ["id", "name", "price", "day"]
    assert cursor.fetchall() == ROWS
    assert cursor.execute("UPDATE t SET name = 'x'") == 2
    assert cursor.description is None


def test_arrow_from_any_cursor(connection: Connection) -> None:
    cursor = connection.execute("SELECT * FROM t ORDER BY id")
    assert cursor.fetchone() == ROWS[0]
    assert read_arrow(cursor) == ROWS[1:]


def test_streaming_in_batches(connection: Connection) -> None:
    cursor = connection.cursor(buffered=False)
    cursor.execute("SELECT generate_series(1, 25000)")
    assert cursor.rowcount == -1
    assert cursor.fetchmany(3) == [(1,), (2,), (3,)]
    assert sum(1 for _ in cursor) == 24997
    cursor.execute("SELECT generate_series(1, 25000)")
    cursor.close()
    assert connection.execute("SELECT 1").fetchall() == [(1,)]


def test_transactions(connection: Connection) -> None:
    connection.autocommit(False)
    connection.execute("DELETE FROM t")
    connection.rollback()
    assert connection.execute("SELECT count(*) FROM t").fetchall() == [(2,)]
    connection.execute("DELETE FROM t")
    connection.commit()
    connection.autocommit(True)
    assert connection.execute("SELECT count(*) FROM t").fetchall() == [(0,)]


def test_a_lost_connection_is_opened_anew(
    connection: Connection, terminate: Callable[[int], None]
) -> None:
    pid = connection.thread_id()
    assert pid is not None
    terminate(pid)
    connection.ping()
    assert connection.thread_id() != pid
    assert connection.execute("SELECT count(*) FROM t").fetchall() == [(2,)]


def test_an_address_in_the_url(local: server.LocalServer, database: str) -> None:
    address = f"127.0.0.1:{local.pg_port}/{database}?sslmode=disable"
    with s2.connect(f"bitdotio://api_user:{local.token}@{address}") as connection:
        assert connection.execute("SELECT current_database()").fetchone() == (database,)
        assert local.token not in repr(connection)
        assert local.token not in repr(connection.connection_params)
    with pytest.raises(s2.InterfaceError, match="in the password's place") as caught:
        s2.connect(f"bitdotio://{local.token}@{address}")
    assert local.token not in str(caught.value)


def test_local_server_of_the_sdk() -> None:
    options = {"token": "v2_mine", "owner": "me"}
    started = s2_start_server("bitdotio", ServerRequest(options=options))
    assert started is not None
    try:
        assert started.pid is None
        assert not started.wait(0)
        url = started.urls["bitdotio"]
        assert url.startswith("bitdotio://api_user:v2_mine@/me/main?api_url=http%3A//127.0.0.1%3A")
        with s2.connect(url) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("me/main",)
    finally:
        started.stop()
    started.stop()
    assert started.wait(0)
