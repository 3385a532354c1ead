"""Ctrl-C: a signal from outside, sent to a process that waits for a server or reads from it."""

from __future__ import annotations

import signal
import subprocess
import sys
from types import ModuleType

import pytest

from singlestoredb.testing import MariaDB

PROGRAM = """
import sys, time
import singlestoredb as s2
url, pure, results_type, buffered, sql = sys.argv[1:]
conn = s2.connect(url, pure_python=pure == "pure", results_type=results_type,
                  buffered=buffered == "buffered", read_timeout=60)
print("ready", flush=True)
try:
    cursor = conn.cursor()
    cursor.execute(sql)
    while len(cursor.fetchmany(100_000)):
        pass
    print("the query ended")
except KeyboardInterrupt:
    # What is left of the answer must never be taken for another's.
    print("interrupted", conn.open, flush=True)
    try:
        print(conn.execute("SELECT 'mine'", results_type="tuples").fetchall())
    except s2.Error as exc:
        print(type(exc).__name__, exc)
    print("end", flush=True)
"""


def interrupt(*arguments: str) -> list[str]:
    """Run the program, send it a SIGINT while it is busy, and return what it says of it."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.4)  # it is in the midst of it
        process.send_signal(signal.SIGINT)
        # Without it the program would go on for a minute.
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, err
    return out.splitlines()


PATHS = [
    (path, results_type, buffered)
    for path in ("accelerated", "pure")
    for results_type in ("tuples", "arrow")
    for buffered in ("buffered", "streamed")
]


@pytest.mark.parametrize(("path", "results_type", "buffered"), PATHS)
def test_a_slow_query_is_left(
    accel: ModuleType, mariadb: MariaDB, path: str, results_type: str, buffered: str
) -> None:
    said = interrupt(mariadb.url, path, results_type, buffered, "SELECT SLEEP(60)")
    assert said == ["interrupted False", "InterfaceError 0: The connection has been closed", "end"]


@pytest.mark.parametrize(("path", "results_type", "buffered"), PATHS[:6])
def test_a_long_result_is_left(  # in pure Python as tuples: Arrow is made of them by nanoarrow
    accel: ModuleType, mariadb: MariaDB, path: str, results_type: str, buffered: str
) -> None:
    sql = "SELECT seq, REPEAT('x', 200) FROM seq_1_to_500000000"
    said = interrupt(mariadb.url, path, results_type, buffered, sql)
    # Amid a read it ends the connection; between two, what is left is cancelled on the server.
    assert said in (
        ["interrupted False", "InterfaceError 0: The connection has been closed", "end"],
        ["interrupted True", "[('mine',)]", "end"],
    )
