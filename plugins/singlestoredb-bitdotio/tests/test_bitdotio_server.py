"""The local back end's life: private PostgreSQL servers, given ones, accounts, and ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from bitdotio import ApiError, bitdotio, server
from bitdotio.server._backend import BackendError

AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def is_running(pid: int | None) -> bool:
    assert pid is not None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="module")
def given() -> Iterator[server.PrivatePostgres]:
    """A PostgreSQL for back ends that are given one."""
    with server.PrivatePostgres() as postgres:
        yield postgres


def execute(postgres: server.PrivatePostgres, statement: str) -> None:
    connection = psycopg2.connect(postgres.dsn)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


def test_on_a_given_server(given: server.PrivatePostgres) -> None:
    with server.start(given.dsn, token="v2_first", owner="me") as local:
        assert local.postgres is None
        assert local.environment == {"BITIO_API_URL": f"http://v2_first@127.0.0.1:{local.port}"}
        assert "v2_first" not in repr(local)
        with bitdotio(local.token, api_url=local.api_url) as b:
            name = b.create_database("db")["name"]
            assert name == "me/db"
            b.query(name, "CREATE TABLE t AS SELECT 1 AS a")
            assert "sslmode=prefer" in b._get_conn_string(name)
    # The next one, with another token, finds what the first one made.
    with (
        server.start(given.dsn, token="v2_second") as local,
        bitdotio(local.token, api_url=local.api_url) as b,
    ):
        with b.pooled_cursor("me/db") as cursor:
            cursor.execute("SELECT a FROM t")
            assert cursor.fetchall() == [(1,)]
        b.delete_database("me/db")


def test_a_superuser_role_is_refused(given: server.PrivatePostgres) -> None:
    execute(given, "DROP ROLE IF EXISTS api_user")
    execute(given, "CREATE ROLE api_user SUPERUSER")
    try:
        with pytest.raises(BackendError, match="api_user of this PostgreSQL is a superuser"):
            server.start(given.dsn)
    finally:
        execute(given, "DROP ROLE api_user")


def test_an_unreachable_server_is_named_without_its_password() -> None:
    with pytest.raises(BackendError, match="Connection refused") as caught:
        server.start("host=127.0.0.1 port=1 user=postgres password=topsecret")
    assert "topsecret" not in str(caught.value)


def test_unusable_arguments() -> None:
    with pytest.raises(ValueError, match="give either it or postgres"):
        server.start("host=x", folder="y")
    with pytest.raises(ValueError, match="Invalid owner 'a/b'"):
        server.start("host=x", owner="a/b")
    with pytest.raises(ValueError, match="Invalid access token"):
        server.start("host=x", token="a b")


def test_a_taken_port_leaves_nothing_behind(given: server.PrivatePostgres) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match=r"(?i)address already in use"):
            server.start(given.dsn, port=taken.getsockname()[1])


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that the account PostgreSQL runs as can reach; root's ``tmp_path`` is closed."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o711)
        yield Path(name)


def test_a_folder_keeps_its_databases(open_folder: Path) -> None:
    folder = open_folder / "made" / "here"
    with server.start(folder=folder) as local, bitdotio(local.token, api_url=local.api_url) as b:
        b.create_database("kept")
        assert local.postgres is not None
        pid = local.postgres.pid
        assert is_running(pid)
    assert not is_running(pid)
    assert folder.stat().st_mode & 0o077 == 0
    with server.start(folder=folder) as local, bitdotio(local.token, api_url=local.api_url) as b:
        assert [d["name"] for d in b.list_databases()] == ["local/kept"]
    (folder / "superuser.json").unlink()
    with pytest.raises(server.PostgresError, match="was not made here"):
        server.start(folder=folder)


@pytest.mark.skipif(not AS_ROOT, reason="only root runs PostgreSQL as somebody else")
def test_as_root_a_folder_must_belong_to_the_account(tmp_path: Path) -> None:
    with pytest.raises(server.PostgresError, match=r"must belong to (postgres|nobody)"):
        server.start(folder=tmp_path)


@pytest.mark.skipif(not AS_ROOT, reason="every other test runs as an ordinary user then")
def test_as_an_ordinary_user() -> None:
    script = (
        "import os, pwd, requests, http.server\n"
        "from bitdotio import bitdotio, server\n"
        "account = pwd.getpwnam('nobody')\n"
        "os.setgroups([]); os.setgid(account.pw_gid); os.setuid(account.pw_uid)\n"
        "with server.start() as local, bitdotio(local.token, api_url=local.api_url) as b:\n"
        "    name = b.create_database('x')['name']\n"
        "    owner = os.stat(f'/proc/{local.postgres.pid}').st_uid\n"
        "    print(b.query(name, 'SELECT 1')['data'], owner == account.pw_uid)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[[1]] True\n", "")


def test_missing_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(server.PostgresError, match=f"in {tmp_path}. Install PostgreSQL"):
        server.PrivatePostgres(bin_dir=str(tmp_path))
    monkeypatch.setenv("BITIO_PG_BIN", str(tmp_path))
    with pytest.raises(server.PostgresError, match="name their folder in BITIO_PG_BIN"):
        server.start()


def test_a_temporary_cluster_that_does_not_start_says_why_and_is_removed() -> None:
    postgres = server.PrivatePostgres()
    with postgres:
        folder, pid = postgres._folder, postgres.pid
        assert folder is not None
        assert is_running(pid)
        assert f"127.0.0.1:{postgres.port}" in repr(postgres)
        (folder / "data" / "postgresql.conf").write_text("no_such_setting = 1\n")
        with pytest.raises(server.PostgresError, match="no_such_setting"):
            postgres.restart()
    assert not folder.exists()
    assert not is_running(pid)
    assert repr(postgres) == "<PrivatePostgres stopped>"


def test_while_postgresql_is_down(given: server.PrivatePostgres) -> None:
    with server.start(given.dsn) as local, bitdotio(local.token, api_url=local.api_url) as b:
        name = b.create_database("down")["name"]
        given._end_process()
        try:
            for call in (b.list_databases, lambda: b.query(name, "SELECT 1")):
                with pytest.raises(ApiError, match="Connection refused") as caught:
                    call()
                assert caught.value.status_code == 503
        finally:
            given.restart()
        b.delete_database(name)


@pytest.mark.parametrize("private", [True, False])
def test_bit_serve_ends_with_all_it_started(given: server.PrivatePostgres, private: bool) -> None:
    environment = {"BITIO_KEY": "v2_mine"}
    if not private:
        environment["BITIO_SERVE_POSTGRES"] = given.dsn
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "bit.bit", "serve", "--owner", "me"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready["token"] == "v2_mine"
        assert (ready["pg_port"] == given.port) is not private
        with bitdotio(None, api_url=ready["BITIO_API_URL"]) as b:
            name = b.create_database("served")["name"]
            assert name == "me/served"
            with b.pooled_cursor(name) as cursor:
                cursor.execute("SELECT 1")
                assert cursor.fetchone() == (1,)
            b.delete_database(name)
        process.send_signal(signal.SIGTERM if private else signal.SIGINT)
        output, errors = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert (output, errors, process.returncode) == ("", "", 0)
    if private:
        with pytest.raises(psycopg2.OperationalError, match="Connection refused"):
            psycopg2.connect(host=ready["pg_host"], port=ready["pg_port"])
    else:
        execute(given, "SELECT 1")
