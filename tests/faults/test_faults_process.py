"""Beyond the wire: what the process and its system do to a connection.

Forks, threads and event loops are in ``test_faults_fork.py``, signals in
``test_faults_signals.py``.
"""

from __future__ import annotations

import gc
import os
import resource
import socket
import subprocess
import sys
import textwrap
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb.server.embedded import EmbeddedServer, start
from singlestoredb.testing import Fault, FaultProxy, MariaDB

from .processes import run


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    """A Data API."""
    with start() as server:
        yield server


PURE = pytest.mark.parametrize("pure", [True, False], ids=["pure", "accelerated"])


# -- the end of the interpreter --------------------------------------------------------------

ENDINGS = {
    "an open connection": "conn = s2.connect(url)",
    "a connection in a cycle": "class C: pass\nc = C(); c.c = c; c.conn = s2.connect(url)",
    "a streaming cursor": (
        "conn = s2.connect(url, buffered=False)\n"
        "cursor = conn.execute('SELECT seq FROM seq_1_to_100000')\n"
        "assert cursor.fetchone() == (1,)"
    ),
    "a statement under a deadline": (
        "conn = s2.connect(url, query_timeout=30)\nconn.execute('SELECT 1').fetchall()"
    ),
    "a pool": "pool = s2.create_pool(url, min_size=2)\npool.wait()",
    "a lent connection": "pool = s2.create_pool(url, min_size=1)\nconn = pool.getconn()",
    "a pool that is still connecting": "pool = s2.create_pool(url, min_size=4)",
    "a transaction": "conn = s2.connect(url)\nconn.begin()",
    "an unread Arrow result": (
        "conn = s2.connect(url, results_type='arrow', buffered=False)\n"
        "cursor = conn.execute('SELECT seq FROM seq_1_to_1000')"
    ),
}


@PURE
@pytest.mark.parametrize("name", ENDINGS)
@pytest.mark.parametrize("code", [0, 3])
def test_the_interpreter_ends_quietly(mariadb: MariaDB, name: str, pure: bool, code: int) -> None:
    script = f"import sys\nimport singlestoredb as s2\nurl = sys.argv[1]\n{ENDINGS[name]}\n"
    # A connection that nobody closed is warned of, which is what the option dev is for.
    script = "import warnings; warnings.simplefilter('ignore', ResourceWarning)\n" + script
    script += f"sys.exit({code})"
    url = f"{mariadb.url}?pure_python={int(pure)}"
    assert run(script, url, code=code) == ""


def test_a_daemon_thread_amid_a_statement_ends_with_the_interpreter(mariadb: MariaDB) -> None:
    script = """
        import sys, threading, time, warnings
        warnings.simplefilter("ignore", ResourceWarning)
        import singlestoredb as s2
        conn = s2.connect(sys.argv[1])
        thread = threading.Thread(target=conn.query, args=["SELECT SLEEP(50)"], daemon=True)
        thread.start()
        while not conn._lock.locked():
            time.sleep(0.01)
        print("over")
    """
    began = time.monotonic()
    assert run(script, mariadb.url) == "over\n"
    assert time.monotonic() - began < 40


ASYNC_ENDINGS = {
    "an open connection": "kept.append(await s2.aconnect(url))",
    "a streaming cursor": (
        "conn = await s2.aconnect(url, buffered=False)\n"
        "cursor = await conn.execute('SELECT 1 AS a UNION SELECT 2')\n"
        "await cursor.fetchone()\n"
        "kept.extend([conn, cursor])"
    ),
    "a pool": "kept.append(await s2.create_async_pool(url, min_size=2))\nawait kept[0].wait()",
    "a lent connection": (
        "pool = await s2.create_async_pool(url, min_size=1)\n"
        "kept.extend([pool, await pool.getconn()])"
    ),
    "a pool that is still connecting": (
        "kept.append(await s2.create_async_pool(url, min_size=4))\nawait asyncio.sleep(0)"
    ),
    "a statement": (
        "conn = await s2.aconnect(url)\n"
        "kept.extend([conn, asyncio.ensure_future(conn.query('SELECT SLEEP(50)'))])\n"
        "await asyncio.sleep(0.1)"
    ),
}


@pytest.mark.parametrize("name", ASYNC_ENDINGS)
@pytest.mark.parametrize("path", ["pure", "accelerated", "http"])
def test_the_interpreter_ends_quietly_behind_a_loop(
    mariadb: MariaDB, server: EmbeddedServer, name: str, path: str
) -> None:
    """What a loop left behind neither holds the interpreter up nor changes its exit status."""
    script = "import asyncio, logging, sys, warnings\nimport singlestoredb as s2\n"
    script += "warnings.simplefilter('ignore', ResourceWarning)\n"
    script += "logging.getLogger('asyncio').setLevel('ERROR')  # it tells what is slow\n"
    script += "url, kept = sys.argv[1], []\nasync def main():\n"
    script += textwrap.indent(ASYNC_ENDINGS[name], "    ") + "\n"
    script += "asyncio.run(main())\nsys.exit(3)\n"
    url = server.http_url
    if path != "http":
        url = f"{mariadb.url}?pure_python={int(path == 'pure')}"
    began = time.monotonic()
    assert run(script, url, code=3) == ""
    assert time.monotonic() - began < 45, "it waited for the statement"


HTTP_ENDINGS = {
    "an open connection": "conn = s2.connect(url)",
    "an unread result": "conn = s2.connect(url)\ncursor = conn.execute('SELECT 1')",
    "a pool": "pool = s2.create_pool(url, min_size=2)\npool.wait()",
    "a daemon thread amid a statement": (
        "import threading, time\n"
        "conn = s2.connect(url)\n"
        "run = threading.Thread(target=conn.query, args=['SELECT SLEEP(50)'], daemon=True)\n"
        "run.start()\n"
        "while not conn._lock.locked(): time.sleep(0.01)"
    ),
}


@pytest.mark.parametrize("name", HTTP_ENDINGS)
def test_the_interpreter_ends_quietly_over_http(server: EmbeddedServer, name: str) -> None:
    script = "import sys, warnings\nimport singlestoredb as s2\nurl = sys.argv[1]\n"
    script += "warnings.simplefilter('ignore', ResourceWarning)\n"
    began = time.monotonic()
    assert run(f"{script}{HTTP_ENDINGS[name]}\nsys.exit(3)\n", server.http_url, code=3) == ""
    assert time.monotonic() - began < 45, "it waited for the statement"


# -- finalisation ----------------------------------------------------------------------------


@PURE
@pytest.mark.parametrize("buffered", [True, False])
def test_a_forgotten_connection_is_closed_without_a_word(
    mariadb: MariaDB, pure: bool, buffered: bool
) -> None:
    """Its socket is closed at once; nothing is sent, and nobody waited for."""
    with FaultProxy(mariadb.port) as proxy:
        conn = s2.connect(proxy.url(mariadb.url), pure_python=pure, buffered=buffered)
        cursor = conn.execute("SELECT seq FROM seq_1_to_100000")
        assert cursor.fetchone() == (1,)
        number = conn._opened().fileno()  # type: ignore[attr-defined] # the driver has it
        proxy.strike(Fault.BLACK_HOLE)  # who waits for an answer now waits for ever
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            del conn, cursor
            gc.collect()
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(number)


# -- what the system refuses -----------------------------------------------------------------


@PURE
def test_no_descriptors_left(mariadb: MariaDB, pure: bool) -> None:
    """Connecting fails with an error of PEP 249, and works again when there is room."""
    s2.connect(mariadb.url, pure_python=pure).close()
    assert callable(s2.create_pool), "what it imports is imported"
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held: list[socket.socket] = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 20, hard))
        with pytest.raises(OSError, match="Too many open files"):  # noqa: PT012 - until it fails
            while True:
                held.append(socket.socket())
        with pytest.raises(s2.OperationalError, match="Too many open files") as caught:
            s2.connect(mariadb.url, pure_python=pure)
        assert caught.value.errno == 2003
        with s2.create_pool(mariadb.url, min_size=0, max_size=1, pure_python=pure) as pool:
            with pytest.raises(s2.OperationalError):
                pool.getconn()
            while held:
                held.pop().close()
            with pool.connection() as conn:
                assert conn.execute("SELECT 1").fetchall() == [(1,)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        while held:
            held.pop().close()


@PURE
def test_streaming_needs_little_memory(mariadb: MariaDB, pure: bool) -> None:
    """256 MB of rows pass through a process that may not grow by 96 MiB."""
    script = """
        import resource, sys
        import singlestoredb as s2
        conn = s2.connect(sys.argv[1], buffered=False)
        conn.execute("SELECT 1").fetchall()
        pages = int(open("/proc/self/statm").read().split()[0])
        most = pages * resource.getpagesize() + 96 * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        cursor = conn.execute("SELECT REPEAT('x', 65536) FROM seq_1_to_4000")
        count = 0
        while rows := cursor.fetchmany(100):
            count += sum(len(row[0]) for row in rows)
        print(count)
        cursor = conn.execute("SELECT REPEAT('x', 65536) FROM seq_1_to_4000", buffered=True)
    """
    url = f"{mariadb.url}?pure_python={int(pure)}"
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), url],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "262144000\n"
    # And all of them do not fit: an error of Python's own, not a crash.
    assert done.returncode == 1
    assert "MemoryError" in done.stderr


@PURE
def test_a_source_that_fails_amid_loading(mariadb: MariaDB, pure: bool, tmp_path: Path) -> None:
    """A disk that is full while a file is written for loading: nothing of it is loaded silently."""
    script = """
        import resource, signal, sys
        import singlestoredb as s2
        conn = s2.connect(sys.argv[1], local_infile=True)
        conn.query("CREATE TEMPORARY TABLE loaded (a INT) ENGINE=InnoDB")
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))

        def pieces():  # spools to disk as it goes
            with open(sys.argv[2], "wb") as spool:
                for n in range(100_000):
                    line = b"%d\\n" % n
                    spool.write(line)
                    yield line

        sql = "LOAD DATA LOCAL INFILE ':stream:' INTO TABLE loaded"
        conn.begin()
        try:
            conn.execute(sql, infile_stream=pieces())
        except OSError as exc:
            print(exc.strerror)
        conn.rollback()
        print(conn.execute("SELECT COUNT(*) FROM loaded").fetchall())
        conn.close()
    """
    url = f"{mariadb.url}?pure_python={int(pure)}"
    said = run(script, url, tmp_path / "spool")
    assert said == "File too large\n[(0,)]\n"


# -- clocks ----------------------------------------------------------------------------------


@PURE
@pytest.mark.parametrize("jump", [-3600.0, 3600.0, 366 * 86_400.0, 2**31 + 1.0])
def test_jumps_of_the_clock_mean_nothing(
    mariadb: MariaDB, pure: bool, jump: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time
    options: dict[str, Any] = {"pure_python": pure, "query_timeout": 60}
    with s2.create_pool(mariadb.url, min_size=1, max_size=1, **options) as pool:
        with pool.connection() as conn:
            first = conn.thread_id()
        monkeypatch.setattr(time, "time", lambda: now() + jump)
        with pool.connection() as conn:
            assert conn.thread_id() == first, "it was not too old"
            assert conn.execute("SELECT SLEEP(0.05)").fetchall() == [(0,)]
            conn.query_timeout = 0.1
            with pytest.raises(s2.OperationalError, match="query_timeout"):
                conn.query("SELECT SLEEP(50)")
    assert s2.connect(mariadb.url, connect_timeout=30).close() is None  # type: ignore[func-returns-value] # that it does


def test_nothing_measures_time_with_a_clock_that_jumps() -> None:
    root = Path(s2.__file__).parent
    plugins = root.parent / "plugins" / "singlestoredb_plugins"
    files = [root / f"{name}.py" for name in ("session", "deadline", "pool", "connection")]
    files += [*(plugins / "mysql").glob("*.py"), *(plugins / "http").glob("*.py")]
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert "time.time(" not in text, path
        assert "from time import time" not in text, path
