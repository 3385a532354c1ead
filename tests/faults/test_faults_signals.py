"""Beyond the wire: signals amid an exchange.  Those that end a server are with the servers."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb.server.embedded import EmbeddedServer, start
from singlestoredb.testing import Fault, FaultProxy, MariaDB
from tests.drivers.rogue_http import PASSWORD, VERSION, answer, peer, rows

from .processes import run, wait_until_idle

# -- Ctrl-C ----------------------------------------------------------------------------------

PROGRAM = """
import asyncio, sys
import singlestoredb as s2
url, how, results_type, sql = sys.argv[1:]

def ready():
    print("ready", flush=True)
    sys.stdin.readline()

def told(conn):
    print("interrupted", conn.open, flush=True)

def blocking():
    conn = s2.connect(url, results_type=results_type, buffered=how != "streamed")
    ready()
    try:
        cursor = conn.execute(sql)
        while len(cursor.fetchmany(1000)):
            pass
    except KeyboardInterrupt:
        told(conn)
    conn.ping()
    print(conn.execute("SELECT 'mine'", results_type="tuples").fetchall())
    conn.close()

async def awaited():
    conn = await s2.aconnect(url, results_type=results_type, buffered=how != "loop, streamed")
    kept.append(conn)
    ready()
    cursor = await conn.execute(sql)
    while len(await cursor.fetchmany(1000)):
        pass

kept = []
if "loop" in how:
    try:
        asyncio.run(awaited())
    except KeyboardInterrupt:
        told(*kept)
        kept.pop().terminate()
else:
    blocking()
"""
MOMENTS = {"nothing came": (0, 0), "a header's half": (0, 2), "a column": (1, 9), "a row": (5, 0),
           "a row's half": (700, 30)}  # fmt: skip
"""Moment → number of the server's packet that does not come whole, and its bytes that do."""


def interrupted(url: str, how: str, results_type: str, sql: str, wait: Any) -> list[str]:
    """Run the program, send it SIGINT when ``wait`` returns, and give what it says."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, url, how, results_type, sql],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        fired = wait()
        process.stdin.write("\n")
        process.stdin.flush()
        assert fired.wait(30)
        wait_until_idle(process)
        process.send_signal(signal.SIGINT)
        # Nothing else would end it.
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, err) == (0, ""), err
    return out.splitlines()


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("how", ["buffered", "streamed", "loop, streamed"])
@pytest.mark.parametrize("pure", [1, 0], ids=["pure", "accelerated"])
def test_ctrl_c_at_every_moment(mariadb: MariaDB, pure: int, how: str, moment: str) -> None:
    """It is soon over, the server's work ends, and nothing half read is read on."""
    packet, at = MOMENTS[moment]
    sql = f"SELECT seq, REPEAT('x', 100) FROM seq_1_to_500000 /* {how} {moment} {pure} */"

    with FaultProxy(mariadb.port) as proxy:

        def wait() -> threading.Event:
            return proxy.arm(Fault.BLACK_HOLE, packet=packet, at=at).fired

        url = f"{proxy.url(mariadb.url)}?pure_python={pure}"
        said = interrupted(url, how, "tuples", sql, wait)
    assert said == ["interrupted False", *(["[('mine',)]"] if "loop" not in how else [])]
    left = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE %s"
    with s2.connect(mariadb.url) as watcher:
        marker = f"%seq_1_to_500000 /* {how} {moment} {pure} */"
        while watcher.execute(f"{left} AND ID <> CONNECTION_ID()", [marker]).fetchall() != [(0,)]:
            pass


@pytest.mark.parametrize("how", ["buffered", "loop, buffered"])
@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"])
def test_ctrl_c_while_the_data_api_is_silent(how: str, said: bytes) -> None:
    """Requests are complete or they are none: the connection serves on."""
    came = threading.Event()

    def silent(sock: Any) -> None:
        sock.sendall(said)
        came.set()
        while sock.recv(100):  # until the client goes away
            pass

    mine = answer(rows([("a", "TEXT")], ["mine"]))
    silence: list[Any] = [VERSION, silent, answer(b"pong"), mine]
    with peer(*silence) as running:
        url = f"http://ann:{PASSWORD}@127.0.0.1:{running.port}/"

        def wait() -> threading.Event:
            return came

        found = interrupted(url, how, "tuples", "SELECT 1", wait)
    if "loop" in how:
        assert found[0].startswith("interrupted")
    else:
        assert found == ["interrupted True", "[('mine',)]"]


# -- a storm of signals ----------------------------------------------------------------------

STORM_TEXT = textwrap.dedent("""
    import asyncio, logging, signal, sys
    import singlestoredb as s2

    logging.getLogger("asyncio").setLevel("ERROR")  # it tells what is slow
    url, how, results_type = sys.argv[1:]
    count = 0

    def handler(number, frame):
        global count
        count += 1

    sql = "SELECT seq, REPEAT('x', 50 + seq % 50) FROM seq_1_to_30000"

    def blocking():
        rows = []
        with s2.connect(url, results_type=results_type, buffered=how != "streamed") as conn:
            begin()
            cursor = conn.execute(sql)
            while len(some := cursor.fetchmany(7000)):
                rows += some.to_pylist() if results_type == "arrow" else some
            end()
        return rows

    async def awaited():
        rows = []
        async with s2.aconnect(url, results_type=results_type, buffered=False) as conn:
            begin()
            cursor = await conn.execute(sql)
            while len(some := await cursor.fetchmany(7000)):
                rows += some.to_pylist() if results_type == "arrow" else some
            end()
        return rows

    def begin():
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)

    def end():
        signal.setitimer(signal.ITIMER_REAL, 0)

    rows = asyncio.run(awaited()) if how == "loop" else blocking()
    found = [tuple(r.values()) if isinstance(r, dict) else tuple(r) for r in rows]
    assert found == [(n, "x" * (50 + n % 50)) for n in range(1, 30001)]
    assert count > 5, count
    print("fine")
""")


@pytest.mark.parametrize("results_type", ["tuples", "arrow"])
@pytest.mark.parametrize("how", ["buffered", "streamed", "loop"])
@pytest.mark.parametrize("pure", [1, 0], ids=["pure", "accelerated"])
def test_a_storm_of_signals_changes_no_row(
    mariadb: MariaDB, pure: int, how: str, results_type: str
) -> None:
    url = f"{mariadb.url}?pure_python={pure}"
    assert run(f"import pyarrow\n{STORM_TEXT}", url, how, results_type) == "fine\n"


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    """A Data API."""
    with start() as server:
        yield server


def test_a_storm_of_signals_over_http(server: EmbeddedServer) -> None:
    rows_of = (
        "WITH RECURSIVE n AS (SELECT 1 AS seq UNION ALL SELECT seq + 1 FROM n WHERE seq < 30000) "
        "SELECT seq, REPEAT('x', 50 + seq % 50) FROM n ORDER BY seq"
    )
    script = STORM_TEXT.replace(
        "SELECT seq, REPEAT('x', 50 + seq % 50) FROM seq_1_to_30000", rows_of
    )
    assert run(script, server.http_url, "buffered", "tuples") == "fine\n"
