"""The private MariaDB: that it is private, starts, stops, survives and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from singlestoredb.testing import MariaDB
from singlestoredb.testing.servers import ServerError


def connect(server: MariaDB, **options: Any) -> pymysql.Connection[Any]:
    return pymysql.connect(
        **{
            "host": server.host,
            "port": server.port,
            "user": server.user,
            "password": server.password,
            "database": server.database,
            "autocommit": True,
            **options,
        }
    )


def ask(server: MariaDB, sql: str, **options: Any) -> Any:
    with connect(server, **options) as conn, conn.cursor() as cur:
        cur.execute(sql)
        return cur.fetchall()


@pytest.fixture
def own(mariadb: MariaDB) -> Iterator[MariaDB]:
    """A server that the test may treat badly; asking for ``mariadb`` settles whether there can be
    one."""
    with MariaDB() as server:
        yield server


def test_it_answers_as_its_user(mariadb: MariaDB) -> None:
    assert ask(mariadb, "select current_user(), database(), @@local_infile, 'é🙂'") == (
        ("tester@127.0.0.1", "test", 1, "é🙂"),
    )
    assert ask(mariadb, "select 1", host=None, unix_socket=mariadb.unix_socket) == ((1,),)
    assert mariadb.url == (
        f"mysql://tester:{mariadb.password}@127.0.0.1:{mariadb.port}/{mariadb.database}"
    )


def test_its_user_may_make_users(mariadb: MariaDB) -> None:
    with connect(mariadb) as conn, conn.cursor() as cur:
        cur.execute("create user guest@127.0.0.1 identified by 'pw'")
        try:
            assert ask(mariadb, "select 1", user="guest", password="pw", database=None) == ((1,),)
        finally:
            cur.execute("drop user guest@127.0.0.1")


def test_nobody_else_gets_in(mariadb: MariaDB) -> None:
    for user, password in (("tester", "wrong"), ("tester", ""), ("nobody", "")):
        with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
            connect(mariadb, user=user, password=password)


def test_it_listens_on_loopback_alone(mariadb: MariaDB) -> None:
    assert ask(mariadb, "select @@bind_address") == (("127.0.0.1",),)


def test_its_secret_is_in_no_repr_and_on_no_command_line(mariadb: MariaDB) -> None:
    assert mariadb.password not in repr(mariadb)
    command = Path(f"/proc/{mariadb.pid}/cmdline")
    if command.exists():
        assert mariadb.password.encode() not in command.read_bytes()
    assert mariadb.folder.stat().st_mode & 0o077 == 0


def test_data_survive_restart_and_crash(own: MariaDB) -> None:
    port, password, pid = own.port, own.password, own.pid
    ask(own, "create table t (a int) engine=innodb")
    ask(own, "insert into t values (1)")
    own.restart()
    assert (own.port, own.password) == (port, password)
    assert own.pid != pid
    ask(own, "insert into t values (2)")
    own.kill()
    assert not own.running
    assert own.pid is None
    with pytest.raises(pymysql.err.OperationalError):
        connect(own)
    own.start()
    assert ask(own, "select a from t order by a") == ((1,), (2,))
    own.stop()
    own.stop()
    assert repr(own) == "<MariaDB not running>"


def test_start_while_running_does_nothing(own: MariaDB) -> None:
    pid = own.pid
    assert own.start() is own
    assert own.pid == pid


def test_the_end_leaves_nothing_behind(mariadb: MariaDB) -> None:
    server = MariaDB().start()
    folder, pid, port = server.folder, server.pid, server.port
    assert pid is not None
    server.close()
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), 1)
    server.close()
    with pytest.raises(ServerError, match="has not been started"):
        _ = server.folder


def test_an_interpreter_that_ends_takes_its_server_along(mariadb: MariaDB) -> None:
    code = (
        "from singlestoredb.testing import MariaDB;"
        "server = MariaDB().start(); print(server.pid, server.folder)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    pid, folder = done.stdout.split()
    assert not Path(folder).exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


def test_two_servers_do_not_meet(mariadb: MariaDB, own: MariaDB) -> None:
    assert own.port != mariadb.port
    ask(own, "create table only_here (a int)")
    assert ask(mariadb, "show tables like 'only_here'") == ()


def test_arguments_reach_the_server(mariadb: MariaDB) -> None:
    with MariaDB(["--sql-mode=NO_BACKSLASH_ESCAPES", "--max-connections=11"]) as server:
        assert ask(server, "select @@sql_mode, @@max_connections") == (
            ("NO_BACKSLASH_ESCAPES", 11),
        )


def test_a_server_that_does_not_start_shows_its_log(mariadb: MariaDB) -> None:
    server = MariaDB(["--no-such-option"])
    with pytest.raises(ServerError, match=r"(?s)does not start:.*no-such-option"), server:
        pass
    with pytest.raises(ServerError, match="has not been started"):
        _ = server.folder  # removed


def test_tables_that_cannot_be_made_leave_nothing_behind(
    mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("singlestoredb.testing.servers._bootstrap_script", lambda _: b"NONSENSE;\n")
    with pytest.raises(ServerError, match="MariaDB cannot make its tables"):
        MariaDB().start()
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_left_to_its_owner(mariadb: MariaDB) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with MariaDB() as server:
            server.stop()
            server.port = taken.getsockname()[1]
            server.start()
            assert server.port != taken.getsockname()[1]
            assert ask(server, "select 1") == ((1,),)


def test_tls(mariadb_tls: MariaDB) -> None:
    shown = ask(
        mariadb_tls,
        "show status like 'Ssl_cipher'",
        ssl_ca=mariadb_tls.ssl_ca,
        ssl_verify_cert=True,
        ssl_verify_identity=True,
    )
    assert shown[0][1]
    context = ssl.create_default_context()  # which does not know this authority
    with pytest.raises(pymysql.err.OperationalError, match="CERTIFICATE_VERIFY_FAILED"):
        connect(mariadb_tls, ssl=context)


def test_tls_by_the_openssl_command(mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with MariaDB(tls=True) as server:
        shown = ask(
            server,
            "show status like 'Ssl_cipher'",
            ssl_ca=server.ssl_ca,
            ssl_verify_cert=True,
            ssl_verify_identity=True,
        )
        assert shown[0][1]


def test_without_tls_there_is_no_authority(mariadb: MariaDB) -> None:
    with pytest.raises(ServerError, match="tls=True"):
        _ = mariadb.ssl_ca


def test_it_runs_for_an_ordinary_user_too(mariadb: MariaDB) -> None:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return  # then every other test here has shown it
    code = """
import os, sys
import pymysql, pwd, singlestoredb.testing.servers as servers
nobody = pwd.getpwnam("nobody")
os.setgid(nobody.pw_gid); os.setuid(nobody.pw_uid)
with servers.MariaDB() as server:
    pymysql.connect(unix_socket=server.unix_socket, user=server.user, password=server.password
                    ).close()
    print(os.stat(server.folder / "data").st_uid == nobody.pw_uid, server.folder)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    owned, folder = done.stdout.split()
    assert owned == "True"
    assert not Path(folder).exists()


def test_available(mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MariaDB.available() is None
    monkeypatch.setattr(shutil, "which", lambda *args, **kwargs: None)
    reason = MariaDB.available()
    assert reason is not None
    assert "apt-get install mariadb-server" in reason
    with pytest.raises(ServerError, match="no mariadbd in PATH"):
        MariaDB().start()


def test_a_binary_that_is_not_there() -> None:
    with pytest.raises(ServerError, match="no MariaDB at /nowhere/mariadbd"):
        MariaDB(binary="/nowhere/mariadbd").start()


def test_missing_servers_are_counted_in_the_summary(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "from singlestoredb.testing import MariaDB\n"
        "MariaDB.available = classmethod(lambda cls: 'no mariadbd here')\n"
    )
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "def test_one(mariadb): pass\n"
        "def test_two(mariadb_tls): pass\n"
        "def test_three(): pass\n"
        "@pytest.mark.skip('for another reason')\n"
        "def test_four(): pass\n"
    )
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "singlestoredb.testing.fixtures"),
            *("-p", "no:cacheprovider", "-W", "error", "--rootdir", str(tmp_path), str(tmp_path)),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert "1 passed, 3 skipped" in done.stdout
    assert "2 tests not run: no mariadbd here" in done.stdout


def test_the_package_offers_its_names_lazily() -> None:
    code = (
        "import sys, singlestoredb.testing as t;"
        "assert 'singlestoredb.testing.servers' not in sys.modules;"
        "assert 'MariaDB' in dir(t); t.MariaDB; print(t.MariaDB.__module__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "singlestoredb.testing.servers"
    import singlestoredb.testing

    with pytest.raises(AttributeError, match="no attribute 'PostgreSQL'"):
        _ = singlestoredb.testing.PostgreSQL


def test_temporary_tables_are_nobody_elses(mariadb: MariaDB) -> None:
    import singlestoredb as s2

    with s2.connect(mariadb.url) as conn:
        ((folder,),) = conn.execute("SELECT @@tmpdir").fetchall()
    assert Path(folder).parent == mariadb.folder
