"""Time-outs, cancelling, Ctrl-C, threads, forks, retries, reset and keep-alive."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb.testing import MariaDB

GREETING = (
    b"\x0a8.0.30\x00\x07\x00\x00\x0012345678\x00\xff\xf7\x2d\x02\x00\xff\x0e\x15"
    + b"\x00" * 10
    + b"123456789012\x00mysql_native_password\x00"
)
"""A greeting of protocol 10 that offers everything but TLS and DEPRECATE_EOF."""
OK = b"\x00\x00\x00\x02\x00\x00\x00"

PURE = pytest.mark.parametrize("pure", [True, None], ids=["pure", "accelerated"])


@pytest.fixture
def watcher(mariadb: MariaDB) -> Iterator[s2.Connection]:
    """A second connection, to look at the server with."""
    with s2.connect(mariadb.url) as conn:
        yield conn


def running(watcher: s2.Connection, marker: str) -> list[Any]:
    """Return the ids of sessions whose statement contains a marker."""
    rows = watcher.execute(
        "SELECT ID FROM information_schema.PROCESSLIST "
        "WHERE INFO LIKE %s AND ID <> CONNECTION_ID()",
        [f"%{marker}%"],
    )
    return [row[0] for row in rows.fetchall()]


def eventually(condition: Callable[[], Any], seconds: float = 10) -> Any:
    """Wait until a condition holds; return what it gave last."""
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.01)
    return found


# -- query_timeout ---------------------------------------------------------------------------


@PURE
@pytest.mark.parametrize("buffered", [True, False])
def test_a_time_out_stops_the_server_and_keeps_the_connection(
    mariadb: MariaDB, watcher: s2.Connection, pure: bool | None, buffered: bool
) -> None:
    url = f"{mariadb.url}?query_timeout=0.2"
    with s2.connect(url, pure_python=pure, buffered=buffered) as conn:
        conn.query("SET @kept = 7")
        with pytest.raises(s2.OperationalError, match=r"query_timeout=0\.2") as caught:
            conn.execute("SELECT SLEEP(60) /* too long */").fetchall()
        assert caught.value.errno == 3024
        assert conn.open
        assert not running(watcher, "too long")
        assert conn.execute("SELECT @kept").fetchall() == [(7,)]
        conn.query_timeout = None
        assert conn.execute("SELECT SLEEP(0.3)").fetchall() == [(0,)]


def test_a_time_out_may_be_changed_and_must_be_positive(mariadb: MariaDB) -> None:
    with s2.connect(mariadb.url) as conn:
        assert conn.query_timeout is None
        conn.query_timeout = 1
        assert conn.query_timeout == 1.0
        with pytest.raises(ValueError, match="positive"):
            conn.query_timeout = 0
    with pytest.raises(ValueError, match="query_timeout"):
        s2.connect(mariadb.url, query_timeout=-1)


@PURE
def test_a_server_that_does_not_react_is_given_up(pure: bool | None) -> None:
    with mute_after_login() as port:
        conn = s2.connect(
            f"mysql://u@127.0.0.1:{port}/", query_timeout=0.1, pure_python=pure, **BARE
        )
        with pytest.raises(s2.OperationalError, match="did not react") as caught:
            conn.query("SELECT 1")
        assert caught.value.errno == 3024
        assert not conn.open


@PURE
def test_a_read_time_out_stops_the_server(
    mariadb: MariaDB, watcher: s2.Connection, pure: bool | None
) -> None:
    with s2.connect(mariadb.url, read_timeout=0.2, pure_python=pure) as conn:
        with pytest.raises(s2.OperationalError) as caught:
            conn.query("SELECT SLEEP(60) /* silent */")
        assert caught.value.errno == 2013
        assert caught.value.is_recoverable
        assert not conn.open
    assert eventually(lambda: not running(watcher, "silent"))


@PURE
def test_a_late_kill_never_hits_the_next_statement(mariadb: MariaDB, pure: bool | None) -> None:
    """A statement that ends just when it is cancelled leaves a KILL on its way."""
    with s2.connect(mariadb.url, pure_python=pure) as conn:
        opened: Any = conn._opened()
        for _ in range(50):
            stopping = threading.Thread(target=conn.cancel)
            stopping.start()
            assert eventually(lambda: opened._was_cancelled)
            assert conn.execute("SELECT 5 FROM DUAL WHERE SLEEP(0.002) = 0").fetchall() == [(5,)]
            stopping.join()


# -- cancel ----------------------------------------------------------------------------------


@PURE
def test_cancel_from_another_thread(mariadb: MariaDB, pure: bool | None) -> None:
    with s2.connect(mariadb.url, pure_python=pure) as conn:
        threading.Timer(0.2, conn.cancel).start()
        with pytest.raises(s2.OperationalError) as caught:
            conn.query("SELECT SLEEP(60) FROM DUAL WHERE BENCHMARK(1, 1) = 0")
        assert caught.value.errno == 1317
        assert conn.execute("SELECT 1").fetchall() == [(1,)]


INTERRUPTED = """
    import sys, threading, time, os, signal
    import singlestoredb as s2
    url, pure = sys.argv[1], sys.argv[2] == "True" or None
    conn = s2.connect(url, pure_python=pure)
    threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGINT]).start()
    try:
        conn.query("SELECT SLEEP(60) /* interrupted */")
    except KeyboardInterrupt:
        print("open" if conn.open else "closed")
        conn.ping()
        print(conn.execute("SELECT 1").fetchall())
    conn.close()
"""


@PURE
def test_ctrl_c_stops_the_server(
    mariadb: MariaDB, watcher: s2.Connection, pure: bool | None
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(INTERRUPTED), mariadb.url, str(pure)],
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["closed", "[(1,)]"]
    assert eventually(lambda: not running(watcher, "interrupted"))


# -- one thread at a time --------------------------------------------------------------------


@PURE
def test_two_threads_on_one_connection(mariadb: MariaDB, pure: bool | None) -> None:
    found: list[Any] = []
    with s2.connect(mariadb.url, pure_python=pure) as conn:
        first = threading.Thread(
            target=lambda: found.extend(conn.execute("SELECT SLEEP(0.5), 'first'").fetchall())
        )
        first.start()
        assert eventually(conn._lock.locked)
        with pytest.raises(s2.ProgrammingError, match="another thread"):
            conn.query("SELECT 2")
        with pytest.raises(s2.ProgrammingError, match="another thread"):
            conn.ping()
        with pytest.raises(s2.ProgrammingError, match="another thread"):
            conn.commit()
        first.join()
        assert found == [(0, "first")]
        assert conn.execute("SELECT 3").fetchall() == [(3,)]


@PURE
def test_two_threads_on_one_stream(mariadb: MariaDB, pure: bool | None) -> None:
    sql = "SELECT seq, REPEAT('x', 200000), SLEEP(0.05) FROM seq_1_to_10"
    with s2.connect(mariadb.url, pure_python=pure) as conn:
        cursor = conn.execute(sql, buffered=False)
        rows: list[Any] = []
        first = threading.Thread(target=lambda: rows.extend(cursor.fetchall()))
        first.start()
        assert eventually(conn._lock.locked)
        with pytest.raises(s2.ProgrammingError, match="another thread"):
            cursor.fetchone()
        first.join()
        assert [row[0] for row in rows] == list(range(1, 11))


# -- fork ------------------------------------------------------------------------------------


FORKED = """
    import os, sys
    import singlestoredb as s2
    conn = s2.connect(sys.argv[1])
    streaming = s2.connect(sys.argv[1], buffered=False)
    cursor = streaming.execute("SELECT seq FROM seq_1_to_5000")
    assert cursor.fetchone() == (1,)
    child = os.fork()
    if child == 0:
        for used in (conn, streaming):
            try:
                used.query("SELECT 1")
            except s2.InterfaceError as exc:
                assert "forked" in str(exc), exc
            else:
                os._exit(3)
        del used, conn, cursor, streaming
        import gc; gc.collect()
        with s2.connect(sys.argv[1]) as own:
            assert own.execute("SELECT 2").fetchall() == [(2,)]
        sys.exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert conn.execute("SELECT 3").fetchall() == [(3,)]
    assert len(cursor.fetchall()) == 4999
    conn.close(); streaming.close()
    print("fine")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_leaves_the_parents_connection_alone(mariadb: MariaDB) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(FORKED), mariadb.url],
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "fine", "")


# -- retries ---------------------------------------------------------------------------------


BARE: dict[str, Any] = {"enable_extended_data_types": False, "autocommit": None}
"""Nothing but SET NAMES is sent after the login."""


@contextlib.contextmanager
def mute_after_login() -> Iterator[int]:
    """A server that lets everybody in and answers nothing but SET NAMES."""
    with answering(lambda number, sql: sql.startswith(b"SET NAMES")) as (port, _):
        yield port


@contextlib.contextmanager
def answering(
    answers: Callable[[int, bytes], bool | None], refuse: int = 0, unknown: bytes = b""
) -> Iterator[tuple[int, list[bytes]]]:
    """A server that closes the first ``refuse`` connections, then lets everybody in.

    A command that is ``unknown`` gets error 1047.  ``answers(connection, statement)`` says what
    becomes of a statement: OK, silence (``False``) or
    a closed connection (``None``).
    """
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            number = 0
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                number += 1
                if number <= refuse:
                    sock.close()
                    continue
                threading.Thread(target=talk, args=(sock, number), daemon=True).start()

        def packet(sock: socket.socket, sequence: int, payload: bytes) -> None:
            sock.sendall(len(payload).to_bytes(3, "little") + bytes((sequence,)) + payload)

        def read(sock: socket.socket) -> bytes:
            head = b""
            while len(head) < 4:
                data = sock.recv(4 - len(head))
                if not data:
                    raise ConnectionError
                head += data
            body = b""
            while len(body) < int.from_bytes(head[:3], "little"):
                body += sock.recv(65536)
            return body

        def talk(sock: socket.socket, number: int) -> None:
            with sock, contextlib.suppress(OSError):
                packet(sock, 0, GREETING)
                read(sock)
                packet(sock, 2, OK)
                while True:
                    command = read(sock)
                    if command[:1] == b"\x01":
                        return
                    if command == unknown:
                        packet(sock, 1, b"\xff\x17\x04#08S01Unknown command")
                        continue
                    seen.append(command[1:])
                    verdict = answers(number, command[1:])
                    if verdict is None:
                        return
                    if verdict:
                        packet(sock, 1, OK)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], seen
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_a_failed_connect_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("singlestoredb.session.sleep", pauses.append)
    with (
        answering(lambda number, sql: True, refuse=3) as (port, _),
        s2.connect(f"mysql://u@127.0.0.1:{port}/?retries=3", **BARE) as conn,
    ):
        assert conn.open
    assert len(pauses) == 3
    for pause, most in zip(pauses, (0.1, 0.2, 0.4), strict=True):
        assert most / 2 <= pause <= most
    with answering(lambda number, sql: True, refuse=3) as (port, _):
        with pytest.raises(s2.OperationalError) as caught:
            s2.connect(f"mysql://u@127.0.0.1:{port}/", retries=2, **BARE)
        assert caught.value.is_recoverable


def test_a_wrong_password_is_not_tried_again(
    mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("singlestoredb.session.sleep", lambda seconds: pytest.fail("it waited"))
    with pytest.raises(s2.OperationalError) as caught:
        s2.connect(mariadb.url.replace(mariadb.password, "wrong"), retries=5)
    assert not caught.value.is_recoverable


@PURE
@pytest.mark.parametrize(
    ("sql", "attempts"),
    [("SELECT 1", 3), ("SELECT 1 INTO OUTFILE 'x'", 1), ("DELETE FROM t", 1)],
)
def test_only_reads_are_sent_again(sql: str, attempts: int, pure: bool | None) -> None:
    def answers(number: int, text: bytes) -> bool | None:
        return None if text == sql.encode() and number < 3 else True

    with answering(answers) as (port, seen):
        conn = s2.connect(f"mysql://u@127.0.0.1:{port}/", retry_reads=2, pure_python=pure, **BARE)
        with conn if attempts == 3 else contextlib.nullcontext():
            if attempts == 3:
                conn.query(sql)
            else:
                with pytest.raises(s2.OperationalError):
                    conn.query(sql)
        assert seen.count(sql.encode()) == attempts


def test_a_transaction_is_never_sent_again(mariadb: MariaDB, watcher: s2.Connection) -> None:
    with s2.connect(mariadb.url, retry_reads=2) as conn:
        first = conn.thread_id()
        watcher.query(f"KILL {first}")
        assert conn.execute("SELECT CONNECTION_ID() <> %s", [first]).fetchall() == [(1,)]
        conn.begin()
        assert conn.in_transaction
        watcher.query(f"KILL {conn.thread_id()}")
        with pytest.raises(s2.OperationalError):
            conn.query("SELECT 1")


# -- reset and keep-alive --------------------------------------------------------------------


@PURE
def test_reset(mariadb: MariaDB, watcher: s2.Connection, pure: bool | None) -> None:
    watcher.query("CREATE OR REPLACE TABLE for_reset (a INT)")
    with s2.connect(
        mariadb.url, pure_python=pure, autocommit=False, sql_mode="ANSI", init_command="SET @i = 1"
    ) as conn:
        number = conn.thread_id()
        conn.query("SET @v = 1, sql_mode = ''")
        conn.query("CREATE TEMPORARY TABLE t (a INT)")
        conn.query("USE mysql")
        conn.query("INSERT INTO test.for_reset VALUES (1)")
        conn.reset()
        assert conn.thread_id() == number
        assert not conn.get_autocommit()
        assert conn.execute("SELECT @v, @i, DATABASE()").fetchall() == [(None, 1, "test")]
        assert "ANSI" in conn.execute("SELECT @@sql_mode").fetchall()[0][0]
        with pytest.raises(s2.ProgrammingError):
            conn.query("SELECT * FROM t")
        assert conn.execute("SELECT COUNT(*) FROM for_reset").fetchall() == [(0,)]
    watcher.query("DROP TABLE for_reset")


def test_reset_without_the_capability_connects_anew() -> None:
    pytest.importorskip("duckdb")
    with s2.connect("embedded://") as conn:
        conn.query("CREATE TABLE t (a INT)")
        conn.begin()
        conn.reset()
        assert not conn.in_transaction


def test_reset_where_the_server_does_not_know_it() -> None:
    with (
        answering(lambda number, sql: True, unknown=b"\x1f") as (port, _),
        s2.connect(f"mysql://u@127.0.0.1:{port}/", **BARE) as conn,
    ):
        before = conn._driver_connection
        conn.reset()
        assert conn._driver_connection is not before
        conn.query("DO 1")


def test_keepalive_is_set_on_the_socket(mariadb: MariaDB) -> None:
    with s2.connect(f"{mariadb.url}?keepalive=30") as conn:
        sock = conn._opened().wire._sock()  # type: ignore[attr-defined]
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 10
    with pytest.raises(ValueError, match="keepalive"):
        s2.connect(mariadb.url, keepalive=0)


def test_recoverable_errors() -> None:
    for errno in (1040, 1205, 1213, 2003, 2006, 2013):
        assert s2.OperationalError(errno, "x").is_recoverable
    for other in (None, 0, 1045, 1064, 1062):
        assert not s2.OperationalError(other, "x").is_recoverable


@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        ("SELECT 1", True),
        ("  /* c */ (select a from t where b = 'delete') ;", True),
        ("WITH x AS (SELECT 1) SELECT * FROM x", True),
        ("SHOW TABLES", True),
        ("SELECT 1; SELECT 2", False),
        ("SELECT 1 /*! INTO OUTFILE 'x' */", False),
        ("SELECT * FROM t FOR UPDATE", False),
        ("SELECT @a := 1", False),
        ("SELECT GET_LOCK('a', 1)", False),
        ("WITH x AS (SELECT 1) DELETE FROM t", False),
        ("EXPLAIN DELETE FROM t", False),
        ("INSERT INTO t VALUES (1)", False),
        ("CALL p()", False),
        ("", False),
    ],
)
def test_what_only_reads(sql: str, reads: bool) -> None:
    from singlestoredb.sqltext import only_reads

    assert only_reads(sql) is reads
