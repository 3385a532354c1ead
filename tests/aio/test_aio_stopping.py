"""Cancelled tasks: the server's work stops, and no row reaches anybody but its own caller."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import signal
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb.aio import AsyncConnection
from singlestoredb.testing import MariaDB, ScriptedDriver
from singlestoredb.testing.aio import on_loop
from singlestoredb_hookspecs import Column

PURE = pytest.mark.parametrize("pure", [True, False], ids=["pure", "accelerated"])
MANY = 1000


@pytest.fixture(scope="module")
def roomy() -> Iterator[MariaDB]:
    """A MariaDB that takes a thousand connections, and the descriptors for them here."""
    reason = MariaDB.available()
    if reason is not None:
        pytest.skip(f"not run: {reason}")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * MANY + 500
    if soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            pytest.skip(f"not run: {needed} file descriptors are needed, {hard} are allowed")
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    with MariaDB(["--max-connections=1200", "--thread-cache-size=64"]) as server:
        yield server
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def running(watcher: AsyncConnection, marker: str) -> int:
    """Return how many sessions run a statement that contains a marker."""
    cursor = await watcher.execute(
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST "
        "WHERE INFO LIKE %s AND ID <> CONNECTION_ID()",
        [f"%{marker}%"],
    )
    ((count,),) = await cursor.fetchall()
    return int(count)


async def gone(watcher: AsyncConnection, marker: str) -> None:
    """Return when no session runs a statement that contains a marker."""
    while await running(watcher, marker):
        await asyncio.sleep(0.01)


def test_a_thousand_connections_at_once(roomy: MariaDB) -> None:
    async def main() -> None:
        async def one(i: int) -> int:
            async with s2.aconnect(roomy.url) as conn:
                opened.append(conn)
                if len(opened) == MANY:
                    everybody.set()
                await everybody.wait()
                cursor = await conn.execute("SELECT %s + 1", [i])
                ((value,),) = await cursor.fetchall()
                return int(value)

        opened: list[AsyncConnection] = []
        everybody = asyncio.Event()
        got = await asyncio.gather(*[one(i) for i in range(MANY)])
        assert got == [i + 1 for i in range(MANY)]
        assert not any(conn.open for conn in opened)

    asyncio.run(main())


@PURE
def test_a_thousand_random_cancels_in_a_pool(mariadb: MariaDB, pure: bool) -> None:
    """Every row is its own caller's, whatever the tasks before it were cancelled amid."""
    chance = random.Random(20261121)
    statements = (
        "SELECT {n}, SLEEP(0.02) /* stress */",
        "SELECT {n}, SLEEP(20) /* stress */",
        "SELECT {n}, seq FROM seq_1_to_5000 /* stress */",
        "SELECT {n} /* stress */",
        "SELECT {n}, seq, REPEAT('x', 200) FROM seq_1_to_1000000 /* stress */",
    )

    async def main() -> None:
        outcomes: dict[str, int] = {"rows": 0, "cancelled": 0}
        pool = s2.create_async_pool(mariadb.url, pure_python=pure, min_size=4, max_size=8)

        async def caller(n: int, how: str, buffered: bool) -> None:
            async with pool.connection() as conn:
                cursor = conn.cursor("tuples", buffered=buffered)
                await cursor.execute(how.format(n=n))
                rows = await cursor.fetchall()
                assert {row[0] for row in rows} == {n}
                outcomes["rows"] += 1

        async def cancelled(n: int) -> None:
            how = chance.choice(statements)
            task = asyncio.ensure_future(caller(n, how, chance.random() < 0.5))
            if chance.random() < 0.3:
                for _ in range(chance.randrange(20)):
                    await asyncio.sleep(0)
            else:
                await asyncio.sleep(chance.random() * 0.03)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                outcomes["cancelled"] += 1

        async with pool:
            for start in range(0, MANY, 20):
                await asyncio.gather(*[cancelled(n) for n in range(start, start + 20)])
                await caller(start, "SELECT {n} /* stress */", True)
            async with s2.aconnect(mariadb.url) as watcher:
                await gone(watcher, "stress")
            stats = pool.get_stats()
            assert stats["pool_size"] <= 8
        assert outcomes["cancelled"] > MANY / 2
        assert outcomes["rows"] >= MANY / 20

    asyncio.run(asyncio.wait_for(main(), 300))


@PURE
@pytest.mark.parametrize("buffered", [True, False], ids=["buffered", "streaming"])
@on_loop
async def test_cancelled_at_every_step(mariadb: MariaDB, pure: bool, buffered: bool) -> None:
    """The task is cancelled after one, two, three … turns of the loop, until it ends before."""
    async with s2.aconnect(mariadb.url, pure_python=pure) as conn:

        async def ask(n: int) -> list[Any]:
            cursor = conn.cursor("tuples", buffered=buffered)
            await cursor.execute("SELECT %s, REPEAT('x', 100) FROM seq_1_to_6000", [n])
            return await cursor.fetchall()

        turns = finished = 0
        while finished < 3:
            task = asyncio.ensure_future(ask(turns))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            try:
                rows = await task
            except asyncio.CancelledError:
                pass
            else:
                finished += 1
                assert {row[0] for row in rows} == {turns}
            turns += 1
            if not conn.open:
                await conn.ping()
            cursor = await conn.execute("SELECT %s", [-turns])
            assert await cursor.fetchall() == [(-turns,)]
        assert turns > 5


@PURE
@on_loop
async def test_the_servers_work_stops(mariadb: MariaDB, pure: bool) -> None:
    async with (
        s2.aconnect(mariadb.url) as watcher,
        s2.aconnect(mariadb.url, pure_python=pure) as conn,
    ):
        number = conn.thread_id()
        task = asyncio.ensure_future(conn.query("SELECT SLEEP(30) /* long */"))
        while not await running(watcher, "long"):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await gone(watcher, "long")
        await conn.query("DO 1")
        assert conn.thread_id() == number  # the same connection, which is in step


@PURE
@on_loop
async def test_a_stream_that_was_cancelled_says_so(mariadb: MariaDB, pure: bool) -> None:
    async with s2.aconnect(mariadb.url, pure_python=pure) as conn:
        cursor = conn.cursor("tuples", buffered=False)
        # Each row fills the server's buffer, so that it is sent at once.
        await cursor.execute("SELECT seq, REPEAT('x', 40000), SLEEP(0.01) FROM seq_1_to_10000")
        await cursor.fetchone()
        assert cursor.rownumber == 1
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(cursor.fetchall(), 0.05)
        with pytest.raises(s2.InterfaceError, match="cancelled"):
            await cursor.fetchone()
        await cursor.execute("SELECT 5")
        assert await cursor.fetchall() == [(5,)]


@on_loop
async def test_a_load_that_is_cancelled_closes_the_connection(mariadb: MariaDB) -> None:
    """The server would take what had arrived for the whole of the file."""
    begun = asyncio.Event()

    async def endless() -> Any:
        yield "1\n"
        begun.set()
        await asyncio.sleep(60)

    async with (
        s2.aconnect(mariadb.url) as watcher,
        s2.aconnect(mariadb.url, local_infile=True) as conn,
    ):
        await watcher.query("CREATE TABLE s2_aio_load (i INT) ENGINE=InnoDB")
        load = "LOAD DATA LOCAL INFILE ':stream:' INTO TABLE s2_aio_load"
        task = asyncio.ensure_future(conn.cursor().execute(load, infile_stream=endless()))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not conn.open
        await gone(watcher, "LOAD DATA")
        cursor = await watcher.execute("SELECT COUNT(*) FROM s2_aio_load")
        assert await cursor.fetchall() == [(0,)]
        await watcher.query("DROP TABLE s2_aio_load")


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is no signal there that can be sent")
@on_loop
async def test_ctrl_c_stops_the_servers_work(mariadb: MariaDB) -> None:
    code = (
        "import asyncio, sys, singlestoredb as s2\n"
        "async def main():\n"
        "    async with s2.aconnect(sys.argv[1]) as conn:\n"
        "        await conn.query('SELECT SLEEP(60) /* ctrl-c */')\n"
        "asyncio.run(main())\n"
    )
    async with s2.aconnect(mariadb.url) as watcher:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, mariadb.url, stderr=asyncio.subprocess.PIPE
        )
        while not await running(watcher, "ctrl-c"):
            await asyncio.sleep(0.02)
        child.send_signal(signal.SIGINT)
        _, said = await child.communicate()
        assert b"KeyboardInterrupt" in said
        await gone(watcher, "ctrl-c")


@on_loop
async def test_closing_waits_for_the_cleaning(mariadb: MariaDB) -> None:
    async with s2.aconnect(mariadb.url) as watcher:
        conn = await s2.aconnect(mariadb.url)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(conn.query("SELECT SLEEP(30) /* closing */"), 0.1)
        await conn.close()
        assert not await running(watcher, "closing")


@on_loop
async def test_a_cancelled_connect_leaves_nothing(mariadb: MariaDB) -> None:
    async with s2.aconnect(mariadb.url) as watcher:
        for turns in range(12):
            task = asyncio.ensure_future(s2.aconnect(mariadb.url).__aenter__())
            for _ in range(turns):
                await asyncio.sleep(0.0005)
            task.cancel()
            try:
                conn = await task
            except asyncio.CancelledError:
                pass
            else:
                await conn.close()
        later = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID > CONNECTION_ID()"
        while (await (await watcher.execute(later)).fetchall())[0][0]:
            await asyncio.sleep(0.01)  # the server notices in its own time


@on_loop
async def test_a_lost_server_is_noticed_while_idle(mariadb: MariaDB) -> None:
    async with s2.aconnect(mariadb.url) as watcher, s2.aconnect(mariadb.url) as conn:
        await conn.query("DO 1")
        await watcher.query(f"KILL CONNECTION {conn.thread_id()}")
        while conn.open:
            await asyncio.sleep(0.001)
        await conn.ping()
        assert conn.open


@on_loop
async def test_reads_are_sent_again_after_a_loss(mariadb: MariaDB) -> None:
    slowly = "SELECT COUNT(*) FROM seq_1_to_50000000 /* again */"
    async with (
        s2.aconnect(mariadb.url) as watcher,
        s2.aconnect(mariadb.url, retry_reads=1, retries=1) as conn,
    ):
        number = conn.thread_id()
        task = asyncio.ensure_future(conn.execute(f"{slowly} WHERE seq % 7 = 0"))
        while not await running(watcher, "again"):
            await asyncio.sleep(0.001)
        await watcher.query(f"KILL CONNECTION {number}")
        assert await (await task).fetchall() == [(7142857,)]
        second = conn.thread_id()
        assert second != number
        await watcher.query(f"KILL CONNECTION {second}")
        while conn.open:
            await asyncio.sleep(0.001)
        assert await (await conn.execute("SELECT 4")).fetchall() == [(4,)]
        await conn.begin()
        await watcher.query(f"KILL CONNECTION {conn.thread_id()}")
        with pytest.raises(s2.Error):
            await conn.execute("SELECT 4")


@on_loop
async def test_what_cannot_be_stopped_is_waited_for() -> None:
    """A driver that cannot cancel, on its worker thread."""
    import threading

    go = threading.Event()

    class Slow(ScriptedDriver):
        def run(self, sql: str) -> Any:
            if sql == "SELECT slow":
                go.wait(30)
            return super().run(sql)

    driver = Slow("slow")
    driver.answer("SELECT slow", [Column("a", 3)], [(1,)])
    driver.answer("SELECT 2", [Column("a", 3)], [(2,)])
    s2.plugins.register(driver, "drivers:slow")
    try:
        async with s2.aconnect("slow://") as conn:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(conn.query("SELECT slow"), 0.05)
            following = asyncio.ensure_future(conn.execute("SELECT 2"))
            await asyncio.sleep(0.05)
            assert not following.done()
            go.set()
            assert await (await following).fetchall() == [(2,)]
    finally:
        s2.plugins.unregister(driver)
