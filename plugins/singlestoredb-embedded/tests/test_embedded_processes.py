"""The embedded engine when its process is forked or asked to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import singlestoredb as s2
from singlestoredb.server.embedded import start

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

FORKED = """
    import gc, os, sys
    import singlestoredb as s2

    conn = s2.connect(sys.argv[1])
    conn.query("CREATE TABLE forked (a INT)")
    conn.query("INSERT INTO forked VALUES (3)")
    conn.begin()
    conn.query("INSERT INTO forked VALUES (4)")
    cursor = conn.execute("SELECT a FROM forked ORDER BY a", buffered=False)
    assert cursor.fetchone() == (3,)
    child = os.fork()
    if child == 0:
        try:
            conn.query("SELECT 1")
        except s2.InterfaceError as exc:
            assert "forked" in str(exc), exc
        else:
            os._exit(3)
        del conn, cursor
        gc.collect()
        try:
            own = s2.connect(sys.argv[1])
        except s2.OperationalError as exc:
            assert "in use by the process that this one was forked from" in str(exc), exc
            assert sys.argv[1] != "embedded://"
        else:
            assert sys.argv[1] == "embedded://"
            assert own.execute("SHOW TABLES").fetchall() == []  # its database is its own
            own.query("CREATE TABLE own AS SELECT 2 AS b")
            assert own.execute("SELECT b FROM own").fetchall() == [(2,)]
            own.close()
        sys.exit(5)  # all of the end of an interpreter, not just that of a process
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    print(cursor.fetchall())
    conn.commit()
    print(conn.execute("SELECT a FROM forked ORDER BY a").fetchall())
    conn.close()
"""


@needs_fork
@pytest.mark.parametrize("where", ["memory", "file"])
def test_a_forked_child_leaves_the_parents_database_alone(where: str, tmp_path: Path) -> None:
    """DuckDB does not survive a fork; what the child does or frees must not touch it."""
    url = "embedded://" if where == "memory" else f"embedded:///{tmp_path}/forked.db"
    # DuckDB may say on standard error that it was not freed, which is so on purpose.
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", textwrap.dedent(FORKED), url],
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines() == ["5", "[(4,)]", "[(3,), (4,)]"]
    assert done.returncode == 0


@needs_fork
def test_a_forked_child_that_ends_does_not_end_the_server() -> None:
    with start() as server, s2.connect(server.mysql_url) as conn:
        child = os.fork()
        if child == 0:
            try:
                server.stop()
            finally:
                os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert conn.execute("SELECT 1").fetchall() == [(1,)]
        with s2.connect(server.http_url) as other:
            assert other.execute("SELECT 2").fetchall() == [(2,)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_the_command_and_its_server(number: signal.Signals, tmp_path: Path) -> None:
    """No process is left, no file but the database's own, and what was written is in it."""
    path = tmp_path / "served.db"
    process = subprocess.Popen(
        [sys.executable, "-m", "singlestoredb.cli", "serve", "embedded", "--path", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip().partition("\t")[2]
        with s2.connect(url) as conn:
            conn.query("CREATE TABLE kept (a INT)")
            conn.query("INSERT INTO kept VALUES (1)")
            process.send_signal(number)
            _, said = process.communicate(timeout=30)
            assert process.returncode == 0
            assert "Traceback" not in said
            with pytest.raises(s2.OperationalError):
                conn.query("SELECT 1")
    finally:
        process.kill()
        process.communicate()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["served.db"]
    with s2.connect(f"embedded:///{path}") as conn:
        assert conn.execute("SELECT a FROM kept").fetchall() == [(1,)]
