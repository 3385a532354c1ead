"""Pools against a PostgreSQL whose backends die, and that restarts."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from unittest import mock

import psycopg2
import pytest
from psycopg2.pool import PoolError

from bitdotio import bitdotio, server
from bitdotio._bitdotio import _BitV2
from bitdotio._pool import ConnectionPool

if TYPE_CHECKING:
    import psycopg2.extensions


def pid_of(connection: psycopg2.extensions.connection) -> int:
    return connection.info.backend_pid


def use(sdk: _BitV2, database: str) -> int:
    """Run a statement through the pool; return the pid of the backend that ran it."""
    with sdk.pooled_cursor(database) as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        row = cursor.fetchone()
        assert row is not None
        return int(row[0])


def test_a_connection_is_reused(sdk: _BitV2, database: str) -> None:
    assert len({use(sdk, database) for _ in range(10)}) == 1
    with sdk.pooled_connection(database) as connection:
        assert pid_of(connection) == pool_of(sdk, database)._used[id(connection)].info.backend_pid
    assert len(pool_of(sdk, database)._idle) == 1


def pool_of(sdk: _BitV2, database: str) -> ConnectionPool:
    pool = sdk._pools[database]
    assert isinstance(pool, ConnectionPool)
    return pool


def test_nested_use_takes_two_connections_and_keeps_both(sdk: _BitV2, database: str) -> None:
    for _ in range(3):
        with (
            sdk.pooled_connection(database) as one,
            sdk.pooled_connection(database) as two,
        ):
            pids = {pid_of(one), pid_of(two)}
            assert len(pids) == 2
    assert {pid_of(idle.connection) for idle in pool_of(sdk, database)._idle} == pids


def test_pooled_cursor_commits(sdk: _BitV2, database: str) -> None:
    with sdk.pooled_cursor(database) as cursor:
        cursor.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
    sdk.close()  # what was not committed would be lost with the connection
    with sdk.pooled_cursor(database) as cursor:
        cursor.execute("SELECT a FROM t")
        assert cursor.fetchall() == [(1,)]


def test_pooled_cursor_rolls_back_and_lets_the_error_through(sdk: _BitV2, database: str) -> None:
    use(sdk, database)
    error = ZeroDivisionError("the caller's own")

    def fail_in_the_server() -> None:
        with sdk.pooled_cursor(database) as cursor:
            cursor.execute("CREATE TABLE t (a int)")
            cursor.execute("SELECT 1/0")

    def fail_in_the_block() -> None:
        with sdk.pooled_cursor(database) as cursor:
            cursor.execute("CREATE TABLE t (a int)")
            raise error

    with pytest.raises(psycopg2.errors.DivisionByZero):
        fail_in_the_server()
    with pytest.raises(ZeroDivisionError) as caught:
        fail_in_the_block()
    assert caught.value is error
    with sdk.pooled_cursor(database) as cursor:
        cursor.execute("SELECT to_regclass('t')")
        assert cursor.fetchone() == (None,)


def test_pooled_connection_leaves_transactions_to_the_caller(sdk: _BitV2, database: str) -> None:
    with sdk.pooled_connection(database) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE kept (a int)")
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE lost (a int)")
    with sdk.pooled_cursor(database) as cursor:
        cursor.execute("SELECT to_regclass('kept')::text, to_regclass('lost')::text")
        assert cursor.fetchone() == ("kept", None)


def test_session_settings_do_not_reach_the_next_user(sdk: _BitV2, database: str) -> None:
    with sdk.pooled_connection(database) as first:
        first.set_session(isolation_level="SERIALIZABLE", readonly=True, autocommit=True)
    with sdk.pooled_connection(database) as second:
        assert second is first
        assert second.autocommit is False
        with second.cursor() as cursor:
            cursor.execute("CREATE TABLE t (a int)")
            cursor.execute("SHOW transaction_isolation")
            assert cursor.fetchone() == ("read committed",)


def test_backend_terminated_while_idle(
    sdk: _BitV2, database: str, terminate: Callable[[int], None]
) -> None:
    pid = use(sdk, database)
    terminate(pid)
    assert use(sdk, database) != pid
    assert len(pool_of(sdk, database)._idle) == 1


def test_backend_terminated_while_in_use(
    sdk: _BitV2, database: str, terminate: Callable[[int], None]
) -> None:
    def lose_the_connection() -> None:
        with sdk.pooled_cursor(database) as cursor:
            terminate(pid_of(cursor.connection))
            try:
                cursor.execute("SELECT 1")
            except psycopg2.Error as exc:
                raise exc from KeyError("the caller's own cause")

    # Not the InterfaceError of the rollback that is then impossible.
    with pytest.raises(psycopg2.OperationalError, match=r"(?i)terminat") as caught:
        lose_the_connection()
    assert isinstance(caught.value.__cause__, KeyError)
    assert pool_of(sdk, database)._idle == []
    assert pool_of(sdk, database)._used == {}
    use(sdk, database)


def test_backend_terminated_unnoticed_while_in_use(
    sdk: _BitV2, database: str, terminate: Callable[[int], None]
) -> None:
    """The caller ran no statement afterwards: the connection still looks well when it returns."""
    with sdk.pooled_connection(database) as connection:
        pid = pid_of(connection)
        terminate(pid)
    assert use(sdk, database) != pid


def test_connection_closed_by_the_caller(sdk: _BitV2, database: str) -> None:
    with sdk.pooled_connection(database) as connection:
        connection.close()
    assert pool_of(sdk, database)._idle == []
    use(sdk, database)


def test_server_restart(sdk: _BitV2, database: str, local: server.LocalServer) -> None:
    with (
        sdk.pooled_connection(database) as one,
        sdk.pooled_connection(database) as two,
    ):
        before = {pid_of(one), pid_of(two)}
    assert local.postgres is not None
    local.postgres.restart()
    assert use(sdk, database) not in before
    # Later in, first out: the other broken connection is still there, and is not handed out.
    with sdk.pooled_connection(database) as one, sdk.pooled_connection(database) as two:
        assert before.isdisjoint({pid_of(one), pid_of(two)})


def test_fifty_threads(sdk: _BitV2, database: str) -> None:
    with sdk.pooled_cursor(database) as cursor:
        cursor.execute("CREATE TABLE hits (thread int, pid int)")
    start = threading.Barrier(50, timeout=30)

    def work(number: int) -> None:
        start.wait()
        for _ in range(10):
            with sdk.pooled_cursor(database) as cursor:
                cursor.execute("INSERT INTO hits VALUES (%s, pg_backend_pid())", (number,))

    with ThreadPoolExecutor(50) as threads:
        list(threads.map(work, range(50)))
    with sdk.pooled_cursor(database) as cursor:
        cursor.execute("SELECT count(*), count(DISTINCT thread), count(DISTINCT pid) FROM hits")
        row = cursor.fetchone()
    assert row is not None
    assert row[:2] == (500, 50)
    assert row[2] <= 50
    assert len(pool_of(sdk, database)._idle) <= 50
    assert pool_of(sdk, database)._used == {}


def test_many_threads_make_one_pool(sdk: _BitV2, database: str) -> None:
    start = threading.Barrier(20, timeout=30)

    def get(_: int) -> int:
        start.wait()
        return id(sdk._get_pool(database))

    with (
        mock.patch.object(
            _BitV2, "_create_pool", side_effect=lambda cls, *args: cls(*args)
        ) as make,
        ThreadPoolExecutor(20) as threads,
    ):
        assert len(set(threads.map(get, range(20)))) == 1
    assert make.call_count == 1


def test_exhausted_pool(local: server.LocalServer, database: str) -> None:
    with bitdotio(local.token, 0, 1, api_url=local.api_url) as b:
        with (
            b.pooled_connection(database),
            pytest.raises(PoolError, match="connection pool exhausted: all 1 connections"),
        ):
            b.pooled_connection(database).__enter__()
        use(b, database)


def test_min_conn_are_opened_at_first_use(local: server.LocalServer, database: str) -> None:
    with bitdotio(local.token, min_conn=3, max_conn=5, api_url=local.api_url) as b:
        use(b, database)
        assert len(pool_of(b, database)._idle) == 3


def test_long_idle_connections_are_closed_down_to_min_conn(
    local: server.LocalServer, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bitdotio(local.token, min_conn=1, max_conn=5, api_url=local.api_url) as b:
        with b.pooled_connection(database), b.pooled_connection(database) as last:
            pass
        assert len(pool_of(b, database)._idle) == 2
        monkeypatch.setattr(ConnectionPool, "max_idle", -1.0)
        with b.pooled_connection(database):
            assert pool_of(b, database)._idle == []
        assert len(pool_of(b, database)._idle) == 1
        assert last.closed


def test_long_idle_connections_must_answer_first(
    sdk: _BitV2, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ConnectionPool, "check_after", -1.0)
    pid = use(sdk, database)
    assert use(sdk, database) == pid
    with sdk.pooled_connection(database) as connection:
        assert connection.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_IDLE


def test_a_notification_is_not_taken_for_the_end(sdk: _BitV2, database: str) -> None:
    with sdk.pooled_connection(database) as listener:
        with listener, listener.cursor() as cursor:
            cursor.execute("LISTEN news")
        pid = pid_of(listener)
    other = sdk.get_connection(database)
    with other, other.cursor() as cursor:
        cursor.execute("NOTIFY news")
    other.close()
    with sdk.pooled_connection(database) as again:
        assert pid_of(again) == pid


def test_a_pool_takes_back_only_its_own(sdk: _BitV2, database: str) -> None:
    use(sdk, database)
    stranger = sdk.get_connection(database)
    try:
        with pytest.raises(PoolError, match="not one that the pool has handed out"):
            pool_of(sdk, database).putconn(stranger)
    finally:
        stranger.close()


def test_close_ends_idle_and_used_connections(sdk: _BitV2, database: str) -> None:
    with sdk.pooled_connection(database) as used:
        with sdk.pooled_connection(database) as idle:
            pass
        pool = pool_of(sdk, database)
        sdk.close()
        assert (idle.closed, used.closed) == (1, 0)
    assert used.closed
    with pytest.raises(PoolError, match="connection pool is closed"):
        pool.getconn()


def test_get_connection_is_the_callers(sdk: _BitV2, database: str) -> None:
    connection = sdk.get_connection(database)
    assert connection.get_dsn_parameters()["dbname"] == database
    assert sdk._pools == {}
    connection.close()


def test_connection_factories_reach_psycopg2(local: server.LocalServer, database: str) -> None:
    from psycopg2.extras import RealDictCursor

    options = {"cursor_factory": RealDictCursor, "application_name": "tests"}
    with bitdotio(local.token, api_url=local.api_url, connect_kwargs=options) as b:
        with b.pooled_cursor(database) as cursor:
            cursor.execute("SHOW application_name")
            row: Any = cursor.fetchone()
            assert row == {"application_name": "tests"}
        connection = b.get_connection(database)
        assert connection.cursor_factory is RealDictCursor
        connection.close()


@pytest.mark.parametrize("helper", ["pooled_connection", "pooled_cursor"])
def test_the_pool_can_be_patched(helper: str) -> None:
    pool = mock.MagicMock()
    connection = pool.getconn.return_value
    connection.__exit__.return_value = False
    with (
        bitdotio("v2_token") as b,
        mock.patch.object(_BitV2, "_create_pool", return_value=pool) as create,
    ):
        for name in ("me/one", "me/one", "me/two"):
            with getattr(b, helper)(name):
                pass
        assert list(b._pools) == ["me/one", "me/two"]
    assert create.call_args_list[0].args[1:3] == (0, 100)
    assert pool.getconn.call_count == 3
    pool.putconn.assert_called_with(connection)
    assert pool.putconn.call_count == 3
    assert connection.__exit__.call_count == (3 if helper == "pooled_cursor" else 0)


def test_no_password_in_a_failed_connection(local: server.LocalServer) -> None:
    with (
        bitdotio(
            "v2_wrongtoken", db_host="127.0.0.1", db_port=local.pg_port, sslmode="disable"
        ) as b,
        pytest.raises(psycopg2.OperationalError, match="authentication failed") as caught,
    ):
        b.get_connection("local/none")
    assert "wrongtoken" not in str(caught.value)
    assert "wrongtoken" not in repr(caught.value)


FORK = """
import os, sys
from bitdotio import bitdotio
b = bitdotio(sys.argv[1], api_url=sys.argv[2])
with b.pooled_connection(sys.argv[3]) as connection:
    pid = connection.info.backend_pid
for call in (
    lambda: b.pooled_cursor(sys.argv[3]).__enter__(),
    lambda: b.pooled_connection(sys.argv[3]).__enter__(),
    lambda: b.get_connection(sys.argv[3]),
    lambda: b.query(sys.argv[3], "SELECT 1"),
    lambda: b.list_databases(),
    lambda: b.get_database(sys.argv[3]),
    lambda: b.close(),
):
    child = os.fork()
    if not child:
        try:
            call()
        except RuntimeError as exc:
            os.write(1, (str(exc).split(":")[1].split(". ")[1] + "\\n").encode())
            sys.exit(0)  # with the interpreter's clean-up: it must not close the parent's socket
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
with b.pooled_connection(sys.argv[3]) as connection:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        assert cursor.fetchone() == (pid,)
b.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_use_after_fork_is_refused(local: server.LocalServer, database: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORK, local.token, local.api_url, database],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    advice = "Make one with bitdotio(...) in each process, after the fork."
    assert done.stdout.splitlines() == [advice] * 7


def test_without_psycopg2_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    calls: list[Callable[[_BitV2], Any]] = [
        lambda b: b.get_connection("me/db"),
        lambda b: b.pooled_cursor("me/db").__enter__(),
    ]
    for call in calls:
        with (
            bitdotio("v2_token") as b,
            pytest.raises(ImportError, match=r"pip install 'singlestoredb-bitdotio\[psycopg2-b"),
        ):
            call(b)
