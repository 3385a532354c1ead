"""AsyncConnectionPool: order, hygiene, upkeep."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import weakref
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb.aio import (
    AsyncConnection,
    AsyncConnectionPool,
    PoolClosed,
    PoolTimeout,
    TooManyRequests,
    create_async_pool,
)
from singlestoredb.testing import MariaDB
from singlestoredb.testing.aio import on_loop


async def until(condition: Any) -> None:
    """Give the loop its turns until a condition holds."""
    while not condition():
        await asyncio.sleep(0.005)


async def value(conn: AsyncConnection, sql: str) -> Any:
    cursor = conn.cursor("tuples", buffered=True)
    await cursor.execute(sql)
    row = await cursor.fetchone()
    assert row is not None
    return row[0]


@on_loop
async def test_opens_in_three_ways(mariadb: MariaDB) -> None:
    pool = create_async_pool(mariadb.url, min_size=1)
    with pytest.raises(PoolClosed):
        await pool.getconn()
    await pool.open(wait=True)
    assert pool.get_stats()["pool_available"] == 1
    await pool.close()
    await pool.close()
    assert pool.closed
    pool = await create_async_pool(mariadb.url, min_size=0, max_size=1)
    assert not pool.closed
    await pool.close()
    async with (
        AsyncConnectionPool(mariadb.url, min_size=0, max_size=1) as pool,
        pool.connection() as conn,
    ):
        assert await value(conn, "SELECT 1") == 1
    assert "closed" in repr(pool)


@on_loop
async def test_callers_are_served_in_their_order(mariadb: MariaDB) -> None:
    order: list[int] = []

    async def caller(i: int) -> None:
        async with pool.connection():
            order.append(i)
            await asyncio.sleep(0)

    async with AsyncConnectionPool(mariadb.url, min_size=1) as pool:
        first = await pool.getconn()
        callers = [asyncio.ensure_future(caller(i)) for i in range(20)]
        await until(lambda: pool.get_stats()["requests_waiting"] == 20)
        callers[3].cancel()
        await pool.putconn(first)
        late = asyncio.ensure_future(caller(99))  # must not overtake those who wait
        await asyncio.gather(*callers, late, return_exceptions=True)
        assert order == [i for i in range(20) if i != 3] + [99]
        stats = pool.pop_stats()
        assert stats["requests_num"] == 22
        assert stats["requests_queued"] >= 20
        assert pool.get_stats()["requests_num"] == 0


@on_loop
async def test_waiting_has_limits(mariadb: MariaDB) -> None:
    async with AsyncConnectionPool(mariadb.url, min_size=1, max_waiting=1) as pool:
        held = await pool.getconn()
        with pytest.raises(PoolTimeout, match="all 1 are in use"):
            await pool.getconn(timeout=0.01)
        waiting = asyncio.ensure_future(pool.getconn())
        await asyncio.sleep(0)
        with pytest.raises(TooManyRequests, match="max_waiting"):
            await pool.getconn()
        await pool.putconn(held)
        await pool.putconn(await waiting)
        held = await pool.getconn()
        waiting = asyncio.ensure_future(pool.getconn())
        await asyncio.sleep(0)
        await pool.close()
        with pytest.raises(PoolClosed):
            await waiting
        assert await value(held, "SELECT 1") == 1  # what is lent is closed when it comes back
        await pool.putconn(held)
        await until(lambda: not pool._tasks)
        assert pool.get_stats()["pool_size"] == 0


@on_loop
async def test_what_was_returned_cannot_be_used(mariadb: MariaDB) -> None:
    async with AsyncConnectionPool(mariadb.url, min_size=1) as pool:
        conn = await pool.getconn()
        cursor = conn.cursor()
        await pool.putconn(conn)
        with pytest.raises(s2.InterfaceError, match="returned to its pool"):
            await cursor.execute("SELECT 1")
        with pytest.raises(s2.ProgrammingError, match="returned already"):
            await pool.putconn(conn)
        async with s2.aconnect(mariadb.url) as stranger:
            with pytest.raises(s2.ProgrammingError, match="not lent"):
                await pool.putconn(stranger)


@on_loop
async def test_transactions_end_with_the_block(mariadb: MariaDB) -> None:
    async with AsyncConnectionPool(mariadb.url, min_size=1) as pool:
        async with pool.connection() as conn:
            await conn.query("CREATE TABLE s2_aio_pool (i INT) ENGINE=InnoDB")
        async with pool.connection() as conn:
            await conn.autocommit(False)
            await conn.query("INSERT INTO s2_aio_pool VALUES (1)")

        async def fails() -> None:
            async with pool.connection() as conn:
                await conn.begin()
                await conn.query("INSERT INTO s2_aio_pool VALUES (2)")
                raise KeyError("stop")

        with pytest.raises(KeyError):
            await fails()
        conn = await pool.getconn()
        await conn.begin()
        await conn.query("INSERT INTO s2_aio_pool VALUES (3)")
        await pool.putconn(conn)
        async with pool.connection() as conn:
            assert conn.get_autocommit() is True
            assert conn.in_transaction is False
            rows = await (await conn.execute("SELECT i FROM s2_aio_pool")).fetchall()
            assert rows == [(1,)]
            await conn.query("DROP TABLE s2_aio_pool")
        assert pool.get_stats()["connections_num"] == 1


@on_loop
async def test_leftovers_never_reach_the_next_caller(mariadb: MariaDB) -> None:
    """An unread result, a statement that still runs, and a connection that is lost."""
    async with (
        s2.aconnect(mariadb.url) as watcher,
        AsyncConnectionPool(mariadb.url, min_size=1) as pool,
    ):
        async with pool.connection() as conn:
            number = conn.thread_id()
            cursor = conn.cursor("tuples", buffered=False)
            await cursor.execute("SELECT seq, REPEAT('x', 100) FROM seq_1_to_1000000")
            await cursor.fetchone()
        async with pool.connection() as conn:
            assert await value(conn, "SELECT 42") == 42
            assert conn.thread_id() == number  # it was drained, not thrown away
            slow = asyncio.ensure_future(conn.query("SELECT SLEEP(30)"))
            await asyncio.sleep(0.05)
        with pytest.raises(s2.Error):
            await slow
        async with pool.connection() as conn:
            assert await value(conn, "SELECT 43") == 43
            number = conn.thread_id()
        await watcher.query(f"KILL CONNECTION {number}")
        await until(lambda: not any(c.open for c in pool._idle))
        async with pool.connection() as conn:
            assert await value(conn, "SELECT 44") == 44
        async with pool.connection() as conn:
            await watcher.query(f"KILL CONNECTION {conn.thread_id()}")
            with pytest.raises(s2.Error):
                await value(conn, "SELECT 45")
        async with pool.connection() as conn:
            assert await value(conn, "SELECT 46") == 46
        stats = pool.get_stats()
        assert stats["pool_size"] == 1
        assert stats["connections_lost"] == 1
        assert stats["returns_bad"] >= 1


@on_loop
async def test_hooks_may_be_awaited(mariadb: MariaDB) -> None:
    seen: list[str] = []

    async def configure(conn: AsyncConnection) -> None:
        await conn.query("SET @who = 'configured'")
        seen.append("configure")

    def check(conn: AsyncConnection) -> Any:
        seen.append("check")
        return AsyncConnectionPool.check_connection(conn)

    async def reset(conn: AsyncConnection) -> None:
        seen.append("reset")
        await conn.query("SET @left = NULL")

    async with AsyncConnectionPool(
        mariadb.url, min_size=0, max_size=1, configure=configure, check=check, reset=reset
    ) as pool:
        async with pool.connection() as conn:
            assert await value(conn, "SELECT @who") == "configured"
            await conn.query("SET @left = 1")
        async with pool.connection() as conn:
            assert await value(conn, "SELECT @left") is None
    assert seen[:3] == ["configure", "reset", "check"]


@on_loop
async def test_a_failing_check_replaces_the_connection(mariadb: MariaDB) -> None:
    bad: set[int] = set()

    def check(conn: AsyncConnection) -> None:
        if conn.thread_id() in bad:
            raise ValueError("bad")

    async with AsyncConnectionPool(mariadb.url, min_size=1, check=check) as pool:
        async with pool.connection() as conn:
            number = conn.thread_id()
            assert number is not None
            bad.add(number)
        async with pool.connection() as conn:
            assert conn.thread_id() != number


@on_loop
async def test_a_failing_configure_is_the_callers_error(mariadb: MariaDB) -> None:
    def configure(conn: AsyncConnection) -> None:
        raise ValueError("no")

    async with AsyncConnectionPool(
        mariadb.url, min_size=0, max_size=1, configure=configure
    ) as pool:
        for _ in range(3):
            with pytest.raises(ValueError, match="no"):
                await pool.getconn()
        assert pool.get_stats()["pool_size"] == 0


@on_loop
async def test_upkeep(mariadb: MariaDB) -> None:
    async with AsyncConnectionPool(
        mariadb.url, min_size=1, max_size=4, max_idle=0.05, max_lifetime=60
    ) as pool:
        await pool.wait()
        conns = [await pool.getconn() for _ in range(4)]
        numbers = {conn.thread_id() for conn in conns}
        assert len(numbers) == 4
        for conn in conns:
            await pool.putconn(conn)
        await pool.drain()
        async with pool.connection() as conn:
            assert conn.thread_id() not in numbers
        await until(lambda: pool.get_stats()["pool_size"] == 1)
        await pool.resize(2, 3)
        await until(lambda: pool.get_stats()["pool_size"] == 2)
        await pool.check()
        assert pool.get_stats()["pool_max"] == 3


@on_loop
async def test_lifetimes_end(mariadb: MariaDB) -> None:
    async with AsyncConnectionPool(mariadb.url, min_size=1, max_lifetime=0.05) as pool:
        await pool.wait()
        async with pool.connection() as conn:
            number = conn.thread_id()
            await asyncio.sleep(0.06)
        async with pool.connection() as conn:
            assert conn.thread_id() != number


def unreachable() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"mysql://u:p@127.0.0.1:{probe.getsockname()[1]}/"


@on_loop
async def test_a_server_that_is_not_there() -> None:
    async with AsyncConnectionPool(unreachable(), min_size=1, max_size=2) as pool:
        with pytest.raises(s2.OperationalError, match="Can't connect"):
            await pool.getconn()
        with pytest.raises(PoolTimeout, match="has not 1 connections"):
            await pool.wait(0.05)
        assert pool.closed


@on_loop
async def test_cancelled_callers_lose_nothing(mariadb: MariaDB) -> None:
    """Cancelled at every turn of the loop: while waiting, while being served, while connecting."""
    async with AsyncConnectionPool(mariadb.url, min_size=0, max_size=1) as pool:
        for turns in range(12):
            held = await pool.getconn()
            waiting = asyncio.ensure_future(pool.getconn())
            await asyncio.sleep(0)
            await pool.putconn(held)
            for _ in range(turns):
                await asyncio.sleep(0)
            waiting.cancel()
            try:
                conn = await waiting
            except asyncio.CancelledError:
                pass
            else:
                await pool.putconn(conn)
            assert pool.get_stats()["pool_size"] == 1
            assert pool.get_stats()["requests_waiting"] == 0
        for turns in range(12):
            await pool.drain()
            connecting = asyncio.ensure_future(pool.getconn())
            for _ in range(turns):
                await asyncio.sleep(0.0005)
            connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pool.putconn(await connecting)
            assert pool.get_stats()["pool_size"] <= 1


def test_a_forgotten_pool_is_told(mariadb: MariaDB) -> None:
    async def main() -> None:
        pool = await create_async_pool(mariadb.url, min_size=0, max_size=1)
        await pool.putconn(await pool.getconn())
        pool._upkeep_task.cancel()
        await asyncio.wait(set(pool._tasks))
        reference = weakref.ref(pool)
        told = "unclosed <singlestoredb.aio.AsyncConnectionPool"
        with pytest.warns(ResourceWarning, match=told):  # noqa: PT031 - it may come from `del` on
            del pool
            gc.collect()
        assert reference() is None

    asyncio.run(main())


@pytest.mark.parametrize("sizes", [(2, 1), (-1, 1), (0, 0)])
def test_sizes_must_be_possible(sizes: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="min_size"):
        AsyncConnectionPool("mysql://h/", min_size=sizes[0], max_size=sizes[1])
