"""The pytest plugin, in test runs of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import singlestoredb as s2
from singlestoredb.testing import MariaDB

TESTS = """
from singlestoredb.pytest import ExecutionMode


def test_first(singlestoredb_tempdb, singlestoredb_test_container, execution_mode, node_name):
    cursor = singlestoredb_tempdb
    cursor.execute("SELECT DATABASE()")
    assert cursor.fetchall() == [(f"x_db_{node_name}_0",)]
    cursor.execute("CREATE TABLE t (a INT)")
    cursor.execute("INSERT INTO t VALUES (1)")
    assert singlestoredb_test_container.kind == KIND
    assert execution_mode is ExecutionMode.MODE
    url = singlestoredb_test_container.http_connection_url
    assert (url is None) is (KIND == "existing")
    with singlestoredb_test_container.connect() as other:
        assert other is not cursor.connection


def test_second(singlestoredb_tempdb, singlestoredb_connection, name_allocator):
    cursor = singlestoredb_tempdb
    cursor.execute("SHOW TABLES")
    assert cursor.fetchall() == []
    names = {row[0] for row in singlestoredb_connection.execute("SHOW DATABASES").fetchall()}
    mine = {name for name in names if name.startswith("x_db_NODE_")}
    assert mine == {"x_db_NODE_1"}, "the first test's is gone"
    assert name_allocator.get_name() == "x_db_NODE_2"
"""


def run(folder: Path, kind: str, mode: str, node: str, **environ: str) -> str:
    text = TESTS.replace("KIND", repr(kind)).replace("MODE", mode).replace("NODE", node)
    (folder / "test_it.py").write_text(text)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("SINGLESTORE", "PYTEST_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "."],
        cwd=folder,
        env={**env, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("worker", "count", "mode", "node"),
    [
        ("", "", "SEQUENTIAL", "master"),
        ("gw0", "1", "SEQUENTIAL", "gw0"),
        ("gw0", "2", "LEADER", "gw0"),
        ("gw1", "2", "FOLLOWER", "gw1"),
    ],
)
def test_on_the_embedded_server(
    tmp_path: Path, worker: str, count: str, mode: str, node: str
) -> None:
    environ = {"PYTEST_XDIST_WORKER": worker, "PYTEST_XDIST_WORKER_COUNT": count}
    if not worker:
        environ = {}
    assert "2 passed" in run(tmp_path, "embedded", mode, node, **environ)


def test_on_a_server_that_exists(tmp_path: Path, mariadb: MariaDB) -> None:
    out = run(tmp_path, "existing", "SEQUENTIAL", "master", SINGLESTOREDB_URL=mariadb.url)
    assert "2 passed" in out
    with s2.connect(mariadb.url) as conn:
        assert not [n for n in conn.show.databases().Name if n.startswith("x_db_")]


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    from singlestoredb.pytest import TestServer

    monkeypatch.setenv("SINGLESTOREDB_URL", "u:s3cret@127.0.0.1:1")
    server = TestServer("master")
    server.start()
    with pytest.raises(RuntimeError, match="Failed to connect to database"):
        server.connect()
    server.stop()
    assert "s3cret" not in repr(server)


def test_a_container_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    # Docker itself is not here: what matters is what it would be told.
    from singlestoredb import pytest as plugin

    told: list[tuple[tuple[str, ...], dict[str, str]]] = []

    def docker(*arguments: str, environ: dict[str, str] | None = None) -> str:
        told.append((arguments, environ or {}))
        return ""

    monkeypatch.delenv("SINGLESTOREDB_URL", raising=False)
    monkeypatch.setenv("SINGLESTORE_LICENSE", "l1cense")
    monkeypatch.setenv("SINGLESTOREDB_TEST_IMAGE", "an/image")
    monkeypatch.setattr(plugin, "_docker", docker)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    server = plugin.TestServer("gw3")
    server.start()
    (arguments, environ), *_ = told
    line = " ".join(arguments)
    assert line.startswith(f"run --detach --pull never --name {server._name} ")
    assert arguments[-1] == "an/image"
    assert server._name.startswith("singlestoredb-test-gw3-")
    for port in (3306, 8080, 9000):
        assert f"127.0.0.1:{server._ports[port]}:{port}" in line
    assert environ["SINGLESTORE_LICENSE"] == "l1cense"
    assert environ["SINGLESTORE_SET_GLOBAL_DEFAULT_PARTITIONS_PER_LEAF"] == "1"
    assert environ["ROOT_PASSWORD"] in server.url
    assert environ["ROOT_PASSWORD"] not in line
    assert server.http_connection_url is not None
    server.stop()
    assert told[-1][0] == ("rm", "--force", server._name)
