"""Beyond the wire: forks, threads, tasks and event loops that share what cannot be shared.

Forks of synchronous mysql connections and pools are in ``tests/connection``, two threads on one of
those too; the embedded engine's are with its distribution.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb.aio import PoolClosed
from singlestoredb.server.embedded import EmbeddedServer, start
from singlestoredb.testing import FaultProxy, MariaDB
from singlestoredb.testing.aio import on_loop

from .processes import run

PURE = pytest.mark.parametrize("pure", [1, 0], ids=["pure", "accelerated"])
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
PATHS = ["pure", "accelerated", "http"]


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    """A Data API."""
    with start() as server:
        yield server


def url_of(path: str, mariadb: MariaDB, server: EmbeddedServer) -> str:
    return server.http_url if path == "http" else f"{mariadb.url}?pure_python={int(path == 'pure')}"


# -- fork ------------------------------------------------------------------------------------

FORKED = """
    import gc, os, sys, threading, warnings
    warnings.simplefilter("error")
    import singlestoredb as s2

    url, how = sys.argv[1:]
    conn = s2.connect(url, buffered=False)
    cursor = conn.execute("SELECT 1 AS a UNION SELECT 2 UNION SELECT 3 ORDER BY a")
    assert cursor.fetchone() == (1,)
    status = []

    def fork():
        child = os.fork()
        if child:
            status.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            return
        try:
            cursor.connection.query("SELECT 1")
        except s2.InterfaceError as exc:
            assert "forked" in str(exc), exc
        else:
            os._exit(3)
        globals().update(conn=None, cursor=None)
        gc.collect()
        with s2.connect(url) as own:
            assert own.execute("SELECT 2").fetchall() == [(2,)]
        if how == "exit":
            sys.exit(7)
        os._exit(7)

    if how == "thread":
        thread = threading.Thread(target=fork)
        thread.start()
        thread.join()
    else:
        fork()
    assert status == [7], status
    assert cursor.fetchall() == [(2,), (3,)]
    assert conn.execute("SELECT 5").fetchall() == [(5,)]
    conn.close()
    print("fine")
"""


@needs_fork
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("how", ["exit", "leave", "thread"])
def test_a_fork_amid_a_result(
    mariadb: MariaDB, server: EmbeddedServer, path: str, how: str
) -> None:
    """The child is told, frees what it likes, and the parent reads on."""
    assert run(FORKED, url_of(path, mariadb, server), how) == "fine\n"


@needs_fork
@pytest.mark.parametrize("end", ["sys.exit(0)", "os._exit(0)", "gc.collect(); sys.exit(0)"])
@PURE
def test_a_child_sends_nothing_on_the_parents_connection(
    mariadb: MariaDB, pure: int, end: str
) -> None:
    """Not even goodbye, which would end the parent's session."""
    script = f"""
        import asyncio, gc, logging, os, sys, warnings
        import singlestoredb as s2
        logging.getLogger("asyncio").setLevel("ERROR")  # it tells what is slow
        conn = s2.connect(sys.argv[1], buffered=False)
        cursor = conn.execute("SELECT seq FROM seq_1_to_100000")
        loop = asyncio.new_event_loop()
        warnings.simplefilter("ignore")
        aconn = loop.run_until_complete(s2.aconnect(sys.argv[1]).__aenter__())
        child = os.fork()
        if child == 0:
            del conn, cursor, aconn
            {end}
        assert os.waitpid(child, 0)[1] == 0
        assert len(cursor.fetchall()) == 100000
        conn.close()

        async def end():
            assert await (await aconn.execute("SELECT 1")).fetchall() == [(1,)]
            await aconn.close()

        loop.run_until_complete(end())
        loop.close()
        print("fine")
    """
    with FaultProxy(mariadb.port) as proxy:
        proxy.records = True
        assert run(script, f"{proxy.url(mariadb.url)}?pure_python={pure}") == "fine\n"
        said = [p.payload[:1] for p in proxy.packets if p.sender == "client" and p.sequence == 0]
        # The parent's two goodbyes; the third connection of an early one would be the child's.
        assert said.count(b"\x01") == 2
        assert proxy.connections == 2


ASYNC_FORKED = """
    import asyncio, gc, logging, os, sys, warnings
    import singlestoredb as s2

    logging.getLogger("asyncio").setLevel("ERROR")  # it tells what is slow
    url, where = sys.argv[1:]

    async def value(conn, sql):
        return (await (await conn.execute(sql)).fetchall())[0][0]

    async def child_main(pool, conn):
        for used in (conn.query("SELECT 1"), pool.getconn()):
            try:
                await used
            except (s2.InterfaceError, s2.aio.PoolClosed) as exc:
                assert "forked" in str(exc), exc
            else:
                os._exit(3)
        await pool.putconn(conn)  # what the parent lent: nothing of it is counted here
        assert pool.get_stats()["pool_size"] == 0
        gc.collect()
        async with pool:
            async with pool.connection() as own:
                assert await value(own, "SELECT 2") == 2

    async def main():
        global pool, conn
        pool = await s2.create_async_pool(url, min_size=2, max_size=2)
        await pool.wait()
        conn = await pool.getconn()
        if where == "inside":
            fork()
            await after()

    def fork():
        child = os.fork()
        if child == 0:
            try:
                asyncio.run(child_main(pool, conn))
            except BaseException:
                import traceback
                traceback.print_exc()
                os._exit(4)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0

    async def after():
        assert await value(conn, "SELECT 3") == 3
        await pool.putconn(conn)
        async with pool.connection() as one, pool.connection() as two:
            assert await asyncio.gather(value(one, "SELECT 4"), value(two, "SELECT 5")) == [4, 5]
        assert pool.get_stats()["connections_lost"] == 0
        await pool.close()

    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    if where == "outside":
        fork()
        loop.run_until_complete(after())
    loop.close()
    print("fine")
"""


@needs_fork
@pytest.mark.parametrize("where", ["inside", "outside"])
@pytest.mark.parametrize("path", PATHS)
def test_a_fork_of_an_asynchronous_pool(
    mariadb: MariaDB, server: EmbeddedServer, path: str, where: str
) -> None:
    """It is closed in the child, may be opened there, and the parent's goes on."""
    assert run(ASYNC_FORKED, url_of(path, mariadb, server), where) == "fine\n"


@needs_fork
def test_what_was_lent_before_a_fork_does_not_count_in_the_child(mariadb: MariaDB) -> None:
    script = """
        import os, sys
        import singlestoredb as s2
        pool = s2.create_pool(sys.argv[1], min_size=0, max_size=1)
        with pool.connection() as conn:
            child = os.fork()
        if child == 0:
            assert pool.get_stats()["pool_size"] == 0, pool.get_stats()
            with pool.connection() as own:
                assert own.execute("SELECT 2").fetchall() == [(2,)]
            assert pool.get_stats()["pool_size"] == 1
            pool.close()
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        with pool.connection() as conn:
            assert conn.execute("SELECT 3").fetchall() == [(3,)]
        pool.close()
        print("fine")
    """
    assert run(script, mariadb.url) == "fine\n"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("path", ["accelerated", "http"])
def test_multiprocessing(
    mariadb: MariaDB, server: EmbeddedServer, path: str, method: str, tmp_path: Any
) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {method}")
    program = tmp_path / "program.py"
    program.write_text(
        "import multiprocessing, sys\n"
        "import singlestoredb as s2\n"
        "def work(n):\n"
        "    with s2.connect(sys.argv[1]) as conn:\n"
        "        return conn.execute('SELECT %s + 1', [n]).fetchall()[0][0]\n"
        "if __name__ == '__main__':\n"
        "    conn = s2.connect(sys.argv[1])\n"
        "    with multiprocessing.get_context(sys.argv[2]).Pool(2) as pool:\n"
        "        print(pool.map(work, range(4)))\n"
        "        pool.close()\n"
        "        pool.join()\n"
        "    print(conn.execute('SELECT 9').fetchall())\n"
        "    conn.close()\n"
    )
    script = """
        import runpy, sys
        sys.argv = sys.argv[1:]
        runpy.run_path(sys.argv[0], run_name="__main__")
    """
    if method == "fork":
        assert run(script, program, url_of(path, mariadb, server), method) == (
            "[1, 2, 3, 4]\n[(9,)]\n"
        )
        return
    done = subprocess.run(  # a program of its own file: the others import it
        [sys.executable, str(program), url_of(path, mariadb, server), method],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("[1, 2, 3, 4]\n[(9,)]\n", "")


# -- threads ---------------------------------------------------------------------------------


def test_two_threads_on_one_connection_to_the_data_api() -> None:
    from tests.drivers.rogue_http import PASSWORD, VERSION, answer, peer, rows

    came, go = threading.Event(), threading.Event()

    def waits(sock: Any) -> None:
        came.set()
        go.wait(30)
        sock.sendall(answer(rows([("a", "INT")], [1]), Connection="close"))

    found: list[Any] = []
    with (
        peer(VERSION, waits, answer(rows([("a", "INT")], [3]))) as running,
        s2.connect(f"http://ann:{PASSWORD}@127.0.0.1:{running.port}/") as conn,
    ):
        first = threading.Thread(target=lambda: found.extend(conn.execute("SELECT 1").fetchall()))
        first.start()
        assert came.wait(30)
        for used in (lambda: conn.query("SELECT 2"), conn.ping):
            with pytest.raises(s2.ProgrammingError, match="another thread"):
                used()
        assert len(running.requests) == 2, "nothing of it was sent"
        go.set()
        first.join()
        assert found == [(1,)]
        assert conn.execute("SELECT 3").fetchall() == [(3,)]


def test_two_threads_on_one_embedded_connection() -> None:
    found: list[Any] = []
    with s2.connect("embedded://") as conn:
        first = threading.Thread(
            target=lambda: found.extend(conn.execute("SELECT SLEEP(0.5), 'first'").fetchall())
        )
        first.start()
        while not conn._lock.locked():
            assert first.is_alive(), found
        with pytest.raises(s2.ProgrammingError, match="another thread"):
            conn.query("SELECT 2")
        first.join()
        assert found == [(0, "first")]
        assert conn.execute("SELECT 3").fetchall() == [(3,)]


# -- tasks and loops -------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["pure", "accelerated"])
@on_loop
async def test_two_tasks_on_one_connection(
    mariadb: MariaDB, server: EmbeddedServer, path: str
) -> None:
    async with s2.aconnect(url_of(path, mariadb, server)) as conn:
        first = asyncio.ensure_future(conn.execute("SELECT SLEEP(0.5), 'first'"))
        while not conn._opened()._busy:  # type: ignore[attr-defined] # both kinds have it
            await asyncio.sleep(0)
        for use in (lambda: conn.query("SELECT 2"), lambda: conn.ping(), lambda: conn.begin()):
            with pytest.raises(s2.ProgrammingError, match="another task"):
                await use()
        cursor = await first
        assert await cursor.fetchall() == [(0, "first")]
        assert await (await conn.execute("SELECT 3")).fetchall() == [(3,)]


@PURE
@on_loop
async def test_two_tasks_on_one_stream(mariadb: MariaDB, pure: int) -> None:
    sql = "SELECT seq, REPEAT('x', 200000), SLEEP(0.05) FROM seq_1_to_10"
    async with s2.aconnect(f"{mariadb.url}?pure_python={pure}") as conn:
        cursor = await conn.execute(sql, buffered=False)
        first = asyncio.ensure_future(cursor.fetchall())
        while not conn._opened()._busy:  # type: ignore[attr-defined] # the driver has it
            await asyncio.sleep(0)
        with pytest.raises(s2.ProgrammingError, match="another task"):
            await cursor.fetchone()
        assert [row[0] for row in await first] == list(range(1, 11))


@PURE
def test_another_loop_is_told(mariadb: MariaDB, pure: int) -> None:
    url = f"{mariadb.url}?pure_python={pure}"
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()

    async def opened() -> tuple[Any, Any]:
        pool = await s2.create_async_pool(url, min_size=1)
        return await s2.aconnect(url), pool

    async def misused() -> None:
        for used in (conn.query("SELECT 1"), conn.ping(), pool.getconn(), pool.close()):
            with pytest.raises(s2.ProgrammingError, match="another event loop"):
                await used

    async def used() -> None:
        async with pool.connection() as lent:
            assert await (await lent.execute("SELECT 1")).fetchall() == [(1,)]
        assert await (await conn.execute("SELECT 2")).fetchall() == [(2,)]
        await conn.close()
        await pool.close()

    conn, pool = first.run_until_complete(opened())
    second.run_until_complete(misused())
    first.run_until_complete(used())
    first.close()
    second.close()


@PURE
def test_a_pool_whose_loop_ended_can_be_opened_on_the_next(mariadb: MariaDB, pure: int) -> None:
    pool = s2.create_async_pool(f"{mariadb.url}?pure_python={pure}", min_size=2)

    async def opened() -> None:
        await pool.open(wait=True)

    async def used() -> int:
        async with pool, pool.connection() as conn:
            return int((await (await conn.execute("SELECT 6 * 7")).fetchall())[0][0])

    asyncio.run(opened())
    assert asyncio.run(used()) == 42
    asyncio.run(opened())
    asyncio.run(pool.close())  # of a loop that is gone: nothing is waited for
    assert pool.closed
    with pytest.raises(PoolClosed):
        asyncio.run(pool.wait())


@PURE
def test_a_loop_that_ends_takes_statements_with_it(mariadb: MariaDB, pure: int) -> None:
    """The loop is closed amid a statement: the server is told to stop, and the socket closed."""
    url = f"{mariadb.url}?pure_python={pure}"

    async def main() -> Any:
        conn = await s2.aconnect(url)
        running = asyncio.ensure_future(conn.query("SELECT SLEEP(40) /* loop ends */"))
        while not conn._opened()._busy:  # type: ignore[attr-defined] # the driver has it
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        return conn, running

    with s2.connect(mariadb.url) as watcher:
        conn, running = asyncio.run(main())
        assert running.cancelled()
        assert not conn.open
        left = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE '%loop ends%'"
        while watcher.execute(f"{left} AND ID <> CONNECTION_ID()").fetchall() != [(0,)]:
            pass
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        del conn, running
        gc.collect()
