"""The local server's process: starting, ending, restarting, and what survives."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pymysql
import pytest
from click.testing import CliRunner

import singlestoredb as s2
from singlestoredb.cli import main as cli
from singlestoredb.server import embedded
from singlestoredb_embedded.server import EmbeddedServer
from singlestoredb_embedded.users import NATIVE, Users


def connect(server: Any) -> Any:
    return pymysql.connect(
        host=server.host, port=server.mysql_port, user=server.user, password=server.password,
        database="main", autocommit=True,
    )  # fmt: skip


def is_gone(pid: int | None) -> bool:
    """Whether a process ends within ten seconds; one that nobody waited for counts as ended."""
    for _ in range(500):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_the_sdk_starts_it_and_connects() -> None:
    with embedded.start(users={"ann": "pa55 '@:/%?#"}) as server:
        assert dict(server.urls)["mysql"] == server.mysql_url
        assert dict(server.urls)["http"] == server.http_url
        assert server.pid is not None
        assert server.pid != os.getpid()
        assert not server.wait(0)
        for url in (server.mysql_url, server.http_url):
            with s2.connect(url) as conn, conn.cursor() as cursor:
                cursor.execute("SELECT CURRENT_USER(), @@version_comment")
                ((user, comment),) = cursor.fetchall()
            assert user.startswith("ann@"), url
            assert "embedded" in comment


def test_both_protocols_have_the_same_tables() -> None:
    with (
        embedded.start() as server,
        s2.connect(server.mysql_url) as mysql,
        s2.connect(server.http_url) as http,
    ):
        with mysql.cursor() as cursor:
            cursor.execute("CREATE TABLE shared (a INT)")
            cursor.execute("INSERT INTO shared VALUES (1)")
            mysql.commit()
        with http.cursor() as cursor:
            cursor.execute("INSERT INTO shared VALUES (%s)", (2,))
        with mysql.cursor() as cursor:
            cursor.execute("SELECT a FROM shared ORDER BY a")
            assert cursor.fetchall() == [(1,), (2,)]


def test_it_is_gone_behind_the_with_block() -> None:
    with embedded.start() as server:
        pass
    assert server.wait(0)
    server.stop()
    assert is_gone(server.pid)


def test_passwords_are_random_and_never_shown() -> None:
    with EmbeddedServer() as one, EmbeddedServer() as other:
        assert len(one.password) >= 20
        assert one.password != other.password
        parts = urlsplit(one.mysql_url)
        assert (parts.scheme, parts.hostname, parts.port) == ("mysql", "127.0.0.1", one.mysql_port)
        assert (parts.username, unquote(parts.password or "")) == ("root", one.password)
        assert one.password not in repr(one)
        for file in ("cmdline", "environ"):
            assert one.password.encode() not in Path(f"/proc/{one.pid}/{file}").read_bytes()
    assert "secret" not in repr(Users({"ann": "secret"}))


def test_it_listens_on_loopback_only() -> None:
    with EmbeddedServer() as server:
        listening = Path("/proc/net/tcp").read_text().splitlines()[1:]
        port = f":{server.mysql_port:04X}"
        hosts = {f[1].partition(":")[0] for f in map(str.split, listening) if f[3] == "0A"
                 and f[1].endswith(port)}  # fmt: skip
    assert hosts == {"0100007F"}


def test_a_file_outlives_its_server(tmp_path: Path) -> None:
    path = tmp_path / "kept.db"
    with EmbeddedServer(path) as server, connect(server) as conn, conn.cursor() as cursor:
        cursor.execute("CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(10))")
        cursor.execute("INSERT INTO t VALUES (1, 'ü')")
        conn.begin()
        cursor.execute("INSERT INTO t VALUES (2, 'lost')")
        server.stop()
    with EmbeddedServer(path) as server, connect(server) as conn, conn.cursor() as cursor:
        cursor.execute("SELECT * FROM t")
        assert cursor.fetchall() == ((1, "ü"),)


def test_no_acknowledged_write_is_lost_to_sigkill(tmp_path: Path) -> None:
    path = tmp_path / "crash.db"
    acknowledged: list[tuple[int, int]] = []
    for round in range(3):
        server = EmbeddedServer(path)
        try:
            with connect(server) as conn, conn.cursor() as cursor:
                cursor.execute("CREATE TABLE IF NOT EXISTS w (t INT, i INT, PRIMARY KEY (t, i))")
            begun = threading.Barrier(5)
            threads = [
                threading.Thread(target=_write, args=(server, n, round, acknowledged, begun))
                for n in range(4)
            ]
            for thread in threads:
                thread.start()
            begun.wait(20)
            enough = len(acknowledged) + 100
            while len(acknowledged) < enough and any(t.is_alive() for t in threads):
                time.sleep(0.005)
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            for thread in threads:
                thread.join(20)
            assert server.wait(10)
        finally:
            server.stop()
    with EmbeddedServer(path) as server, connect(server) as conn, conn.cursor() as cursor:
        cursor.execute("SELECT t, i FROM w")
        found = set(cursor.fetchall())
    assert len(acknowledged) >= 300
    assert set(acknowledged) <= found


def _write(
    server: EmbeddedServer,
    number: int,
    round: int,
    acknowledged: list[tuple[int, int]],
    begun: threading.Barrier,
) -> None:
    conn = connect(server)
    begun.wait(20)
    with contextlib.suppress(pymysql.err.Error), conn.cursor() as cursor:
        for i in range(round * 10_000, round * 10_000 + 5000):
            cursor.execute("INSERT INTO w VALUES (%s, %s)", (number, i))
            acknowledged.append((number, i))


_ORPHANS = """
import os, signal, sys
from singlestoredb_embedded.server import EmbeddedServer
server = EmbeddedServer()
if sys.argv[1] == "fork" and os.fork() == 0:
    import time
    time.sleep(20)  # keeps a copy of the pipe open
    os._exit(0)
print(server.pid, flush=True)
if sys.argv[1] == "exit":
    sys.exit()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("how", ["kill", "exit", "fork"])
def test_no_server_outlives_its_parent(how: str) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _ORPHANS, how],
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert parent.stdout is not None
    try:
        pid = int(parent.stdout.readline())
        parent.wait(20)
        assert is_gone(pid)
    finally:
        parent.stdout.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)


def test_it_stops_while_statements_run() -> None:
    server = EmbeddedServer()
    conn = connect(server)
    ended = []

    def run() -> None:
        try:
            conn.cursor().execute("SELECT SLEEP(100)")
        except pymysql.err.Error as exc:
            ended.append(exc)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    time.sleep(0.1)
    server.stop()
    thread.join(10)
    assert ended
    assert is_gone(server.pid)


def test_what_keeps_it_from_starting(tmp_path: Path) -> None:
    path = tmp_path / "one.db"
    with EmbeddedServer(path) as server:
        with pytest.raises(s2.OperationalError, match="in use by another process"):
            EmbeddedServer(path)
        with pytest.raises(s2.OperationalError, match=f"port {server.mysql_port}.*in use"):
            EmbeddedServer(mysql_port=server.mysql_port)
    with pytest.raises(s2.OperationalError, match=r"folder must exist|Cannot open"):
        EmbeddedServer(tmp_path / "no" / "such.db")
    (tmp_path / "empty.pem").touch()
    with pytest.raises(s2.OperationalError, match="cannot start"):
        EmbeddedServer(tls=tmp_path / "empty.pem")
    for options, message in (
        ({"users": {}}, "users is empty"),
        ({"mysql_port": 70000}, "70000 is not a port"),
        ({"tls": tmp_path / "none.pem"}, "none.pem' does not exist"),
        ({"tls": ["a", "b", "c"]}, "pair of paths"),
        ({"auth_plugin": "dialog"}, "not mysql_native_password"),
    ):
        with pytest.raises(s2.InterfaceError, match=message):
            EmbeddedServer(**options)
    with pytest.raises(ValueError, match="without users"):
        Users({})


def test_s2_serve(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "singlestoredb.cli", "serve", "embedded"]
    command += ["--path", str(tmp_path / "cli.db"), "-o", "users=ann:one,bob:two"]
    command += ["-o", f"auth_plugin={NATIVE}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        protocol, _, url = process.stdout.readline().strip().partition("\t")
        assert (protocol, urlsplit(url).username) == ("mysql", "ann")
        with s2.connect(url) as conn, conn.cursor() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchall() == [(1,)]
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=5)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "0.0.0.0"], "listens on 127.0.0.1 only"),
        (["-o", "colour=red"], "has no option 'colour'; it has auth_plugin, http_port, tls, users"),
        (["-o", "http_port=x"], "'x' is not a port"),
    ],
)
def test_s2_serve_refuses(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(cli, ["serve", "embedded", *arguments])
    assert result.exit_code == 1
    assert message in result.output
