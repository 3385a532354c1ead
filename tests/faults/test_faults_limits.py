"""Beyond the wire: descriptors, memory and disks that are at their end, for what
``test_faults_process.py`` does not have: connections on a loop, the Data API, the command line.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import singlestoredb as s2
from singlestoredb.server.embedded import EmbeddedServer, start
from singlestoredb.testing import MariaDB

from .processes import run

PURE = pytest.mark.parametrize("pure", [1, 0], ids=["pure", "accelerated"])


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    """A Data API."""
    with start() as server:
        yield server


# -- descriptors -----------------------------------------------------------------------------

DESCRIPTORS = """
    import asyncio, logging, os, resource, socket, sys
    import singlestoredb as s2

    logging.disable()  # the pool warns of what fails, and asyncio of what is slow
    url, how = sys.argv[1:]
    held = []

    def exhaust():
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        most = max(map(int, os.listdir("/proc/self/fd"))) + 20
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        try:
            while True:
                held.append(socket.socket())
        except OSError as exc:
            assert "Too many open files" in str(exc)

    def free():
        while held:
            held.pop().close()

    def check(exc):
        assert exc.errno == 2003, exc
        assert "Too many open files" in str(exc), exc

    def blocking():
        with s2.connect(url) as conn:
            s2.create_pool
            conn.execute("SELECT 0").fetchall()  # what it imports is imported
            exhaust()
            try:
                s2.connect(url)
            except s2.OperationalError as exc:
                check(exc)
            assert conn.execute("SELECT 1").fetchall() == [(1,)]  # what there was goes on
            with s2.create_pool(url, min_size=0, max_size=1) as pool:
                try:
                    pool.getconn()
                except s2.OperationalError as exc:
                    check(exc)
                free()
                with pool.connection() as lent:
                    assert lent.execute("SELECT 2").fetchall() == [(2,)]

    async def awaited():
        async def value(conn, sql):
            return await (await conn.execute(sql)).fetchall()

        async with s2.aconnect(url) as conn:
            s2.create_async_pool
            await value(conn, "SELECT 0")
            exhaust()
            try:
                await s2.aconnect(url)
            except s2.OperationalError as exc:
                check(exc)
            assert await value(conn, "SELECT 1") == [(1,)]
            async with s2.create_async_pool(url, min_size=0, max_size=1) as pool:
                try:
                    await pool.getconn()
                except s2.OperationalError as exc:
                    check(exc)
                free()
                async with pool.connection() as lent:
                    assert await value(lent, "SELECT 2") == [(2,)]
                assert pool.get_stats()["pool_size"] == 1

    asyncio.run(awaited()) if how == "loop" else blocking()
    print("fine")
"""


@pytest.mark.parametrize("how", ["blocking", "loop"])
@pytest.mark.parametrize("path", ["pure", "accelerated", "http"])
def test_no_descriptors_are_left(
    mariadb: MariaDB, server: EmbeddedServer, path: str, how: str
) -> None:
    """Connecting fails by name, what is open goes on, and with room pools fill again."""
    url = server.http_url
    if path != "http":
        url = f"{mariadb.url}?pure_python={int(path == 'pure')}"
    assert run(DESCRIPTORS, url, how) == "fine\n"


# -- memory ----------------------------------------------------------------------------------

MEMORY = """
    import asyncio, resource, sys
    import singlestoredb as s2

    async def main():
        conn = await s2.aconnect(sys.argv[1], buffered=False, results_type=sys.argv[2])
        cursor = await conn.execute("SELECT REPEAT('x', 65536) AS a FROM seq_1_to_2")
        await cursor.fetchall()
        pages = int(open("/proc/self/statm").read().split()[0])
        most = pages * resource.getpagesize() + 128 * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        cursor = await conn.execute("SELECT REPEAT('x', 65536) AS a FROM seq_1_to_4000")
        count = 0
        while len(rows := await cursor.fetchmany(100)):
            count += len(rows)
        print(count)
        try:
            await conn.execute("SELECT REPEAT('x', 65536) FROM seq_1_to_8000", buffered=True)
        except MemoryError:
            print("memory")
        conn.terminate()

    asyncio.run(main())
"""


@PURE
@pytest.mark.parametrize("results_type", ["tuples", "arrow"])
def test_streaming_on_a_loop_needs_little_memory(
    mariadb: MariaDB, pure: int, results_type: str
) -> None:
    """256 MB of rows pass through a process that may not grow by 128 MiB."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(MEMORY), f"{mariadb.url}?pure_python={pure}",
         results_type],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout == "4000\nmemory\n", done.stderr
    assert done.returncode == 0


# -- disks -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def full() -> Iterator[MariaDB]:
    """A MariaDB whose tables have next to nothing to grow into."""
    reason = MariaDB.available()
    if reason is not None:
        pytest.skip(f"not run: {reason}")
    size = "ibdata1:12M:autoextend:max:72M"
    options = ["--innodb-file-per-table=0", f"--innodb-data-file-path={size}"]
    with MariaDB(options) as server:
        with s2.connect(server.url) as conn:
            conn.query("CREATE TABLE kept (a INT PRIMARY KEY, b VARCHAR(2000)) ENGINE=InnoDB")
            conn.query("INSERT INTO kept VALUES (-1, 'was there')")
            conn.query("CREATE TABLE ballast (a LONGTEXT) ENGINE=InnoDB")
            ballast = "INSERT INTO ballast SELECT REPEAT('x', 60000) FROM seq_1_to_64"
            with contextlib.suppress(s2.OperationalError):
                while True:
                    conn.query(ballast)
        yield server


MUCH = "".join(f"{n}\t{'x' * 2000}\n" for n in range(8000))
LOAD = "LOAD DATA LOCAL INFILE ':stream:' INTO TABLE kept"
KEPT = "SELECT a, b FROM kept"


@PURE
def test_a_servers_disk_that_is_full(full: MariaDB, pure: int) -> None:
    """The server's own error, nothing of the load kept, and the connection goes on."""
    with s2.connect(full.url, pure_python=bool(pure), local_infile=True) as conn:
        with pytest.raises(s2.OperationalError, match="full") as caught:
            conn.execute(LOAD, infile_stream=MUCH)
        assert caught.value.errno == 1114
        assert conn.execute(KEPT).fetchall() == [(-1, "was there")]
        conn.begin()
        with pytest.raises(s2.OperationalError, match="full"):
            conn.cursor().executemany(
                "INSERT INTO kept VALUES (%s, %s)", [(n, "x" * 2000) for n in range(8000)]
            )
        conn.rollback()
        assert conn.execute(KEPT).fetchall() == [(-1, "was there")]


@PURE
def test_a_servers_disk_that_is_full_on_a_loop(full: MariaDB, pure: int) -> None:
    async def main() -> None:
        async with s2.aconnect(full.url, pure_python=bool(pure), local_infile=True) as conn:
            with pytest.raises(s2.OperationalError, match="full"):
                await conn.execute(LOAD, infile_stream=MUCH)
            assert await (await conn.execute(KEPT)).fetchall() == [(-1, "was there")]

    asyncio.run(main())


def test_s2_load_onto_a_full_disk(full: MariaDB, tmp_path: Path) -> None:
    csv = tmp_path / "much.csv"
    csv.write_text("a,b\n" + MUCH.replace("\t", ","))
    command = [sys.executable, "-m", "singlestoredb.cli", "load", str(csv), "kept"]
    done = subprocess.run(
        [*command, "--url", full.url, "--mode", "append"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "full" in done.stderr
    assert "Traceback" not in done.stderr
    with s2.connect(full.url) as conn:
        assert conn.execute(KEPT).fetchall() == [(-1, "was there")]


@PURE
def test_a_file_that_cannot_be_read_amid_loading(mariadb: MariaDB, pure: int) -> None:
    """The system's own EIO: nothing is loaded, and the connection goes on."""
    broken = "/proc/self/mem"  # opens well, and its first page is none
    with s2.connect(mariadb.url, pure_python=bool(pure), local_infile=True) as conn:
        conn.query("CREATE TEMPORARY TABLE loaded (a INT)")
        with pytest.raises((OSError, s2.OperationalError), match=r"Input/output error"):
            conn.query(f"LOAD DATA LOCAL INFILE '{broken}' INTO TABLE loaded")
        assert conn.execute("SELECT COUNT(*) FROM loaded").fetchall() == [(0,)]


def test_an_embedded_file_that_cannot_grow(tmp_path: Path) -> None:
    """What was committed is there afterwards, what was refused is not, and it says why."""
    path = tmp_path / "full.db"
    with s2.connect(f"embedded:///{path}") as conn:
        conn.query("CREATE TABLE kept (a INT)")
        conn.query("INSERT INTO kept VALUES (1)")
    script = """
        import resource, signal, sys
        import singlestoredb as s2
        conn = s2.connect(sys.argv[1])
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
        try:
            conn.query("CREATE TABLE more AS SELECT CONCAT(SHA2(a, 256), MD5(a)) AS b "
                       "FROM (WITH RECURSIVE n AS (SELECT 1 AS a UNION ALL "
                       "SELECT a + 1 FROM n WHERE a < 20000) "
                       "SELECT a FROM n) AS x")
        except s2.Error as exc:
            print(type(exc).__name__, "File too large" in str(exc) or str(exc))
        import os
        sys.stdout.flush()
        os._exit(0)
    """
    said = run(script, f"embedded:///{path}", path.stat().st_size + 4096)
    assert said == "OperationalError True\n"
    with s2.connect(f"embedded:///{path}") as conn:
        assert conn.execute("SELECT a FROM kept").fetchall() == [(1,)]
        conn.query("INSERT INTO kept VALUES (2)")
        with pytest.raises(s2.ProgrammingError):
            conn.query("SELECT * FROM more")
