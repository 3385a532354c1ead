"""The conformance kit for drivers on an event loop, their own or the kernel's worker thread.

::

    from singlestoredb.testing import AsyncDriverConformance

    class TestAcme(AsyncDriverConformance):
        url = "acme://localhost/test"

What a driver's values and statements are is the affair of ``DriverConformance``; here it is that
awaiting them gives the same, and that tasks can be cancelled.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest

import singlestoredb as s2
from singlestoredb.aio import AsyncConnection, AsyncConnectionPool
from singlestoredb.kernel import get_registry
from singlestoredb_hookspecs import DriverCapability as Can

from .drivers import ROWS

TABLE = "s2_async_kit"


def on_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an asynchronous test on a loop of its own, and see that it leaves no task behind."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        async def body() -> None:
            await asyncio.wait_for(test(*args, **kwargs), 60)
            mine = asyncio.current_task()
            left = [t for t in asyncio.all_tasks() if t is not mine and not t.done()]
            assert not left, left

        asyncio.run(body())

    return run


class AsyncDriverConformance:
    """What every driver does on a loop.  Set ``url``, or override :meth:`connect`."""

    url: str
    """Connection URL of an empty scratch database."""

    create_table: ClassVar[str] = (
        f"CREATE TABLE {TABLE} (id INT NOT NULL PRIMARY KEY, name VARCHAR(20), price DOUBLE)"
    )
    """Makes the kit's table."""
    type_samples: ClassVar[Sequence[tuple[str, str, Any]]] = (
        ("TINYINT", "-128", -128),
        ("BIGINT UNSIGNED", "18446744073709551615", 2**64 - 1),
        ("DOUBLE", "-1.25e300", -1.25e300),
        ("DECIMAL(20,6)", "'12345.678900'", Decimal("12345.678900")),
        ("DATE", "'2024-02-29'", dt.date(2024, 2, 29)),
        ("DATETIME", "'2000-01-01 00:00:00'", dt.datetime(2000, 1, 1)),
        ("TIME", "'-838:59:59'", -dt.timedelta(hours=838, minutes=59, seconds=59)),
        ("VARCHAR(20)", "'ünï✓🜁'", "ünï✓🜁"),
        ("BLOB", "X'00FF27'", b"\x00\xff'"),
    )
    """(SQL type, literal, Python value): each is stored and read back in every shape."""
    slow_query: ClassVar[str] = "SELECT SLEEP(30)"
    """Runs for many seconds unless it is cancelled."""
    two_statements: ClassVar[str] = "SELECT 1 AS a; SELECT 2 AS b"
    load_data: ClassVar[str] = (
        "LOAD DATA LOCAL INFILE '{file}' INTO TABLE {table} FIELDS TERMINATED BY ','"
    )

    async def connect(self, **kwargs: Any) -> AsyncConnection:
        """Open a connection to the scratch database."""
        return await s2.aconnect(self.url, **kwargs)

    @asynccontextmanager
    async def table(self, **kwargs: Any) -> AsyncIterator[AsyncConnection]:
        """A connection with the kit's table, filled."""
        async with await self.connect(**kwargs) as conn:
            await conn.query(f"DROP TABLE IF EXISTS {TABLE}")
            await conn.query(self.create_table)
            async with conn.cursor() as cursor:
                await cursor.executemany(f"INSERT INTO {TABLE} VALUES (%s, %s, %s)", ROWS)
            yield conn
            if conn.open:
                await conn.query(f"DROP TABLE IF EXISTS {TABLE}")

    @staticmethod
    def _need(conn: AsyncConnection, capability: Can) -> None:
        if not conn._opened().capabilities & capability:
            pytest.skip(f"the driver does not claim {capability.name}")

    @staticmethod
    async def _all(conn: AsyncConnection, sql: str, args: Any = None, **kwargs: Any) -> Any:
        async with conn.cursor(**{"results_type": "tuples", **kwargs}) as cursor:
            await cursor.execute(sql, args)
            return await cursor.fetchall()

    # -- connections --

    @on_loop
    async def test_opens_and_closes(self) -> None:
        conn = await self.connect()
        assert conn.open
        await conn.close()
        assert not conn.open
        with pytest.raises(s2.InterfaceError, match="closed"):
            await conn.cursor().execute("SELECT 1")
        with pytest.raises(s2.Error, match="closed"):
            await conn.close()

    @on_loop
    async def test_knows_where_it_leads_and_hides_the_password(self) -> None:
        async with await self.connect() as conn:
            password = conn._params.password
            shown = repr(conn) + repr(conn.connection_params)
            assert conn.driver in shown
            assert not password or password not in shown
            assert conn.get_server_info()
            assert conn.escape("it's") in ("'it\\'s'", "'it''s'")

    @on_loop
    async def test_ping_and_reconnect(self) -> None:
        async with await self.connect() as conn:
            await conn.ping()
            await conn._opened().close()
            with pytest.raises(s2.Error):
                await conn.ping(reconnect=False)
            await conn.ping()
            assert await self._all(conn, "SELECT 1") == [(1,)]

    # -- statements --

    @on_loop
    async def test_counts_rows(self) -> None:
        async with self.table() as conn, conn.cursor() as cursor:
            assert cursor.rowcount == -1
            assert await cursor.execute(f"SELECT * FROM {TABLE}") == len(ROWS)
            assert await cursor.execute(f"UPDATE {TABLE} SET price = 9 WHERE id < 3") == 2
            assert cursor.rowcount == 2
            assert cursor.description is None
            assert await cursor.fetchall() == []

    @on_loop
    async def test_fetches(self) -> None:
        async with self.table() as conn:
            for buffered in (True, False):
                async with conn.cursor("tuples", buffered=buffered) as cursor:
                    with pytest.raises(s2.ProgrammingError, match="execute"):
                        await cursor.fetchone()
                    await cursor.execute(f"SELECT * FROM {TABLE} ORDER BY id")
                    assert cursor.description is not None
                    assert [column.name for column in cursor.description] == ["id", "name", "price"]
                    assert await cursor.fetchone() == ROWS[0]
                    assert cursor.rownumber == 1
                    assert await cursor.fetchmany(2) == ROWS[1:3]
                    assert await cursor.fetchall() == ROWS[3:]
                    assert await cursor.fetchone() is None
                    assert await cursor.fetchall() == []
                    await cursor.execute(f"SELECT id FROM {TABLE} ORDER BY id")
                    assert [row async for row in cursor] == [(row[0],) for row in ROWS]

    @on_loop
    async def test_scrolls(self) -> None:
        async with self.table() as conn:
            async with conn.cursor("tuples", buffered=True) as cursor:
                await cursor.execute(f"SELECT id FROM {TABLE} ORDER BY id")
                await cursor.scroll(2)
                assert await cursor.fetchone() == (3,)
                await cursor.scroll(0, "absolute")
                assert await cursor.fetchone() == (1,)
                with pytest.raises(IndexError):
                    await cursor.scroll(99)
            async with conn.cursor("arrow", buffered=True) as cursor:
                await cursor.execute(f"SELECT id FROM {TABLE} ORDER BY id")
                await cursor.scroll(2)
                assert (await cursor.fetchall()).to_pydict() == {"id": [3, 4]}
            async with conn.cursor("tuples", buffered=False) as cursor:
                await cursor.execute(f"SELECT id FROM {TABLE} ORDER BY id")
                await cursor.scroll(2)
                assert await cursor.fetchone() == (3,)
                with pytest.raises(s2.NotSupportedError):
                    await cursor.scroll(0, "absolute")
                await cursor.fetchall()

    @on_loop
    async def test_parameters(self) -> None:
        async with self.table() as conn, conn.cursor("tuples") as cursor:
            for value in ("it's", "back\\slash \\n", "50% off %s", "' OR 1=1 -- ", "ünï✓🜁"):
                await cursor.execute(f"UPDATE {TABLE} SET name = %s WHERE id = 1", [value])
                await cursor.execute(f"SELECT name FROM {TABLE} WHERE id = 1")
                assert await cursor.fetchall() == [(value,)]
            await cursor.execute(
                f"UPDATE {TABLE} SET name = %(n)s WHERE id = %(i)s", {"n": None, "i": 1}
            )
            await cursor.execute(f"SELECT name FROM {TABLE} WHERE id IN %s", [(1, 99)])
            assert await cursor.fetchall() == [(None,)]
            with pytest.raises(s2.Error):
                await cursor.execute("SELECT %s", [1, 2])
            assert await cursor.execute("SELECT 1") == 1

    @on_loop
    async def test_executemany_takes_any_iterable(self) -> None:
        async def rows() -> AsyncIterator[tuple[int, str]]:
            for i in range(2000, 2010):
                yield i, "x"

        async with self.table() as conn, conn.cursor("tuples") as cursor:
            sql = f"INSERT INTO {TABLE} (id, name) VALUES (%s, %s)"
            given = ((i, str(i)) for i in range(100, 1100))
            assert await cursor.executemany(sql, given) == 1000
            assert await cursor.executemany(sql, rows()) == 10
            assert await cursor.executemany(sql, []) is None
            await cursor.execute(f"SELECT COUNT(*), MAX(id) FROM {TABLE} WHERE id >= 100")
            assert await cursor.fetchall() == [(1010, 2009)]

    # -- types --

    @on_loop
    async def test_types_in_rows_and_columns(self) -> None:
        pyarrow = pytest.importorskip("pyarrow")
        columns = ", ".join(f"c{i} {sql}" for i, (sql, _, _) in enumerate(self.type_samples))
        literals = ", ".join(literal for _, literal, _ in self.type_samples)
        nulls = ", ".join("NULL" for _ in self.type_samples)
        expected = [value for _, _, value in self.type_samples]
        name = f"{TABLE}_types"
        async with await self.connect() as conn, conn.cursor("tuples") as cursor:
            await cursor.execute(f"DROP TABLE IF EXISTS {name}")
            await cursor.execute(f"CREATE TABLE {name} (k INT, {columns})")
            await cursor.execute(f"INSERT INTO {name} VALUES (1, {literals}), (2, {nulls})")
            for buffered in (True, False):
                async with conn.cursor("tuples", buffered=buffered) as reader:
                    await reader.execute(f"SELECT * FROM {name} ORDER BY k")
                    first, second = await reader.fetchall()
                    assert list(first[1:]) == expected
                    assert [type(v) for v in first[1:]] == [type(v) for v in expected]
                    assert set(second[1:]) == {None}
                    await reader.execute(f"SELECT * FROM {name} ORDER BY k")
                    table = pyarrow.table(await reader.fetch_arrow())
                    assert [c[0].as_py() for c in table.columns[1:]] == expected
                    assert all(c[1].as_py() is None for c in table.columns[1:])
            await cursor.execute(f"DROP TABLE {name}")

    @on_loop
    async def test_every_installed_format(self) -> None:
        names = {record.name for record in get_registry().catalog.records("formats")}
        async with self.table() as conn:
            for name in sorted(names):
                for buffered in (True, False):
                    try:
                        cursor = conn.cursor(results_type=name, buffered=buffered)
                    except s2.plugins.PluginError:
                        continue  # it cannot be used here: no library, switched off, a tie
                    async with cursor:
                        await cursor.execute(f"SELECT * FROM {TABLE} ORDER BY id")
                        assert len(await cursor.fetchall()) == len(ROWS)
                        await cursor.execute(f"SELECT * FROM {TABLE} ORDER BY id")
                        assert sum([len(t) async for t in cursor]) >= len(ROWS)
                        await cursor.execute(f"SELECT * FROM {TABLE} WHERE id < 0")
                        assert len(await cursor.fetchall()) == 0

    @on_loop
    async def test_arrow_in_batches(self) -> None:
        pyarrow = pytest.importorskip("pyarrow")
        async with self.table() as conn:
            for buffered in (True, False):
                async with conn.cursor("tuples", buffered=buffered) as cursor:
                    await cursor.execute(f"SELECT * FROM {TABLE} ORDER BY id")
                    assert await cursor.fetchone() == ROWS[0]
                    parts = [pyarrow.table(b) async for b in cursor.arrow_batches(2)]
                    assert [len(part) for part in parts] == [2, 1]
                    whole = pyarrow.concat_tables(parts).to_pydict().values()
                    assert list(zip(*whole, strict=True)) == ROWS[1:]

    # -- errors --

    @on_loop
    async def test_errors_have_classes_and_do_no_harm(self) -> None:
        async with self.table() as conn, conn.cursor() as cursor:
            for sql, kind in (
                ("SELEC 1", s2.ProgrammingError),
                ("SELECT * FROM s2_there_is_no_such_table", s2.ProgrammingError),
                (f"INSERT INTO {TABLE} VALUES (1, 'again', 1)", s2.IntegrityError),
            ):
                with pytest.raises(kind):
                    await cursor.execute(sql)
                assert await cursor.execute("SELECT 1") == 1

    # -- capabilities --

    @on_loop
    async def test_transactions(self) -> None:
        async with self.table() as conn:
            self._need(conn, Can.TRANSACTIONS)
            count = f"SELECT COUNT(*) FROM {TABLE}"
            await conn.autocommit(False)
            assert conn.get_autocommit() is False
            await conn.query(f"DELETE FROM {TABLE} WHERE id = 1")
            await conn.rollback()
            assert await self._all(conn, count) == [(len(ROWS),)]
            await conn.query(f"DELETE FROM {TABLE} WHERE id = 1")
            await conn.commit()
            await conn.rollback()
            assert await self._all(conn, count) == [(len(ROWS) - 1,)]
            await conn.rollback()
            await conn.autocommit(True)
            await conn.begin()
            await conn.query(f"DELETE FROM {TABLE}")
            await conn.rollback()
            assert await self._all(conn, count) == [(len(ROWS) - 1,)]

    @on_loop
    async def test_streams_can_be_abandoned(self) -> None:
        async with self.table() as conn:
            self._need(conn, Can.STREAMING)
            async with conn.cursor() as cursor:
                await cursor.executemany(
                    f"INSERT INTO {TABLE} (id, name) VALUES (%s, 'x')",
                    ([i] for i in range(5, 3005)),
                )
            stream = conn.cursor("tuples", buffered=False)
            assert await stream.execute(f"SELECT id FROM {TABLE} ORDER BY id") == -1
            assert await stream.fetchone() == (1,)
            await stream.close()
            assert await self._all(conn, "SELECT 1") == [(1,)]
            async with conn.cursor("tuples", buffered=False) as stream:
                await stream.execute(f"SELECT id FROM {TABLE} ORDER BY id")
                assert [row[0] async for row in stream] == list(range(1, 3005))

    @on_loop
    async def test_several_results(self) -> None:
        async with await self.connect() as conn:
            self._need(conn, Can.MULTI_STATEMENTS)
        async with await self.connect(multi_statements=True) as many:
            for buffered in (True, False):
                async with many.cursor("tuples", buffered=buffered) as cursor:
                    await cursor.execute(self.two_statements)
                    assert await cursor.fetchall() == [(1,)]
                    assert await cursor.nextset() is True
                    assert await cursor.fetchall() == [(2,)]
                    assert await cursor.nextset() is None
                    await cursor.execute(self.two_statements)
                    await cursor.execute("SELECT 3")
                    assert await cursor.fetchall() == [(3,)]

    @on_loop
    async def test_loads_from_streams_and_files(self, tmp_path: Path) -> None:
        file = tmp_path / "rows.csv"
        file.write_text("200,from file,1.5\n")

        async def pieces() -> AsyncIterator[str]:
            yield "201,from"
            await asyncio.sleep(0)
            yield " stream,\\N\n202,x,2\n"

        async def fails() -> AsyncIterator[bytes]:
            yield b"299,lost,1\n"
            raise KeyError("no more")

        async with self.table() as conn:
            self._need(conn, Can.LOCAL_INFILE)
            async with await self.connect(local_infile=True) as loader:
                from_file = self.load_data.format(file=file, table=TABLE)
                from_stream = self.load_data.format(file=":stream:", table=TABLE)
                async with loader.cursor("tuples") as cursor:
                    assert await cursor.execute(from_file) == 1
                    assert await cursor.execute(from_stream, infile_stream=pieces()) == 2
                    assert await cursor.execute(from_stream, infile_stream=b"203,bytes,3\n") == 1
                    more = (f"{i},y,1\n" for i in range(210, 220))
                    assert await cursor.execute(from_stream, infile_stream=more) == 10
                    await cursor.execute(
                        f"SELECT id, name FROM {TABLE} WHERE id BETWEEN 200 AND 209 ORDER BY id"
                    )
                    assert await cursor.fetchall() == [
                        (200, "from file"),
                        (201, "from stream"),
                        (202, "x"),
                        (203, "bytes"),
                    ]
                    with pytest.raises(KeyError):
                        await cursor.execute(from_stream, infile_stream=fails())
                    with pytest.raises(s2.OperationalError):
                        await cursor.execute(from_stream)
                    assert await cursor.execute("SELECT 1") == 1

    @on_loop
    async def test_loading_is_off_by_default(self, tmp_path: Path) -> None:
        file = tmp_path / "rows.csv"
        file.write_text("300,secret,1\n")
        async with self.table() as conn:
            self._need(conn, Can.LOCAL_INFILE)
            async with await self.connect() as careful:
                with pytest.raises(s2.Error):
                    await careful.query(self.load_data.format(file=file, table=TABLE))
            count = f"SELECT COUNT(*) FROM {TABLE} WHERE id = 300"
            assert await self._all(conn, count) == [(0,)]

    # -- stopping --

    async def _usable(self, conn: AsyncConnection) -> None:
        if not conn.open:
            await conn.ping()
        assert await self._all(conn, "SELECT 7") == [(7,)]

    @on_loop
    async def test_cancel_from_another_task(self) -> None:
        async with await self.connect() as conn:
            self._need(conn, Can.CANCEL)
            slow = asyncio.ensure_future(self._all(conn, self.slow_query))
            await asyncio.sleep(0.2)
            await conn.cancel()
            # Some servers answer a cancelled statement with an error, some with a result.
            outcome: Any
            (outcome,) = await asyncio.gather(slow, return_exceptions=True)
            text = str(outcome).lower()
            assert outcome == [(1,)] or "interrupt" in text or "cancel" in text
            await self._usable(conn)

    @on_loop
    async def test_a_cancelled_task_leaves_a_usable_connection(self) -> None:
        async with await self.connect() as conn:
            self._need(conn, Can.CANCEL)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(conn.query(self.slow_query), 0.2)
            await self._usable(conn)
            slow = asyncio.ensure_future(conn.query(self.slow_query))
            await asyncio.sleep(0.1)
            slow.cancel()
            with pytest.raises(asyncio.CancelledError):
                await slow
            await conn.settled()
            await self._usable(conn)

    @on_loop
    async def test_query_timeout(self) -> None:
        async with await self.connect() as conn:
            self._need(conn, Can.CANCEL)
            conn.query_timeout = 0.2
            with pytest.raises(s2.OperationalError) as caught:
                await conn.query(self.slow_query)
            assert caught.value.errno == 3024
            conn.query_timeout = None
            await self._usable(conn)

    @on_loop
    async def test_one_task_at_a_time(self) -> None:
        async with await self.connect() as conn:
            self._need(conn, Can.CANCEL)
            first = asyncio.ensure_future(conn.query(self.slow_query))
            await asyncio.sleep(0.1)
            with pytest.raises(s2.ProgrammingError, match="another task"):
                await conn.query("SELECT 1")
            await conn.cancel()
            await asyncio.gather(first, return_exceptions=True)
            await self._usable(conn)

    @on_loop
    async def test_reset_keeps_the_connection_usable(self) -> None:
        async with self.table() as conn:
            if conn._opened().capabilities & Can.TRANSACTIONS:
                await conn.begin()
                await conn.query(f"DELETE FROM {TABLE}")
            await conn.reset()
            await self._usable(conn)

    # -- pools --

    @on_loop
    async def test_pool_lends_and_takes_back(self) -> None:
        async with AsyncConnectionPool(self.url, min_size=1, max_size=2) as pool:

            async def number(i: int) -> Any:
                async with pool.connection() as conn:
                    return (await self._all(conn, "SELECT %s", [i]))[0][0]

            got = await asyncio.gather(*[number(i) for i in range(20)])
            assert [int(value) for value in got] == list(range(20))
            assert pool.get_stats()["pool_size"] <= 2
