"""Data APIs that lie: one PEP 249 error each, no secret in it, and the connection serves on."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

import singlestoredb as s2

from .rogue import no_file_opened
from .rogue_http import (
    DONE,
    PASSWORD,
    VERSION,
    answer,
    assert_secretive,
    connected,
    fails,
    peer,
    rows,
)

INT = [("a", "INT")]


def columns(*found: Any) -> dict[str, Any]:
    return {"results": [{"columns": list(found), "rows": [[1]]}]}


BODIES: dict[str, Any] = {
    "nothing": b"",
    "half a document": b'{"results": [',
    "two documents": b'{"results": []}{"results": []}',
    "a list": [],
    "a number": 7,
    "null": None,
    "results that are a number": {"results": 7},
    "a result that is a list": {"results": [[]]},
    "columns that are text": {"results": [{"columns": "a", "rows": []}]},
    "rows that are an object": {"results": [{"columns": [], "rows": {"a": 1}}]},
    "a row that is an object": {"results": [{"columns": [{"name": "a"}], "rows": [{"a": 1}]}]},
    "a row too short": rows(INT, []),
    "a row too long": rows(INT, [1, 2]),
    "a column that is text": columns("a"),
    "a type that is a number": columns({"name": "a", "dataType": 7}),
    "nesting without end": b"[" * 100_000,
    "a number without end": b'{"results": [{"columns": [], "rows": [[' + b"9" * 100_000,
    "text that is no UTF-8": b'{"results": [{"columns": [{"name": "\xff"}]}]}',
    "NaN": b'{"results": NaN}',
}


@pytest.mark.parametrize("name", BODIES)
def test_bodies_that_are_none(name: str) -> None:
    error = fails(answer(BODIES[name], Connection="close"))
    assert isinstance(error, s2.DatabaseError)


EVIL = "oh \x1b]0;owned\x07\x9b31m\u202e"


@pytest.mark.parametrize(
    "said",
    [
        answer(f"Error 1105: {EVIL}".encode(), "400 Bad"),
        answer(EVIL.encode(), "500 Oops"),
        answer({"error": {"code": 1105, "message": EVIL}}),
        answer({"error": EVIL}),
    ],
)
def test_the_servers_text_does_nothing_to_a_terminal(said: bytes) -> None:
    error = fails(said)
    assert "\\x1b]0;owned" in str(error)
    assert all(c.isprintable() or c == "\n" for c in str(error))


def test_neither_does_its_version() -> None:
    version = answer(rows([("@@version", "TEXT")], ["8\x1b[2J"]))
    with peer(version) as running:
        url = f"http://ann:{PASSWORD}@127.0.0.1:{running.port}/"
        with s2.connect(url) as conn:
            assert conn.server_version == "8\\x1b[2J"


@pytest.mark.parametrize("length", ["18446744073709551615", "-1", "1, 2", "0x10", "1e9"])
def test_announced_lengths_take_no_memory(length: str) -> None:
    said = answer(b'{"results": []}', Content_Length=length, Connection="close")
    with connected(lambda sock: sock.sendall(said)) as (conn, _):
        tracemalloc.start()
        try:
            conn.query("SELECT 1")
        except s2.Error as exc:
            assert_secretive(exc)
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < 4_000_000


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"\r\n\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: mysql\r\n\r\n",
    ],
)
def test_heads_that_are_none(head: bytes) -> None:
    def says(sock: Any) -> None:
        sock.sendall(head)

    with connected(says) as (conn, _):
        with pytest.raises(s2.Error) as caught:
            conn.query("SELECT 1")
        assert_secretive(caught.value)


def test_what_follows_an_answer_is_not_the_next_one() -> None:
    """A second answer on the same connection belongs to nobody's question."""
    stale = answer(rows(INT, [666]))
    found: list[Any] = []
    with (
        connected(answer(rows(INT, [1])) + stale, answer(rows(INT, [2]))) as (conn, _),
        conn.cursor("tuples") as cursor,
        contextlib.suppress(s2.OperationalError),
    ):
        cursor.execute("SELECT 1")
        found += cursor.fetchall()
        cursor.execute("SELECT 2")
        found += cursor.fetchall()
    assert found in ([(1,)], [(1,), (2,)])


def test_a_type_with_endless_numbers() -> None:
    described = columns({"name": "a", "dataType": "VARCHAR(" + "9" * 5000 + ")"})
    with connected(answer(described)) as (conn, _):
        assert conn.query("SELECT 1") == 1


# -- time ------------------------------------------------------------------------------------

NEVER_ENDING: dict[str, tuple[bytes, bytes]] = {
    "silence": (b"", b""),
    "a status by drops": (b"", b"H"),
    "a header by drops": (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
    "headers by drops": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "a body by drops": (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b" "),
    "chunks by drops": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "a chunk's length by drops": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0",
    ),
    "a body without an end": (b"HTTP/1.1 200 OK\r\n\r\n", b" "),
    "an error by drops": (b"HTTP/1.1 500 Oops\r\nContent-Length: 60000\r\n\r\n", b"x"),
    "go on, go on": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}  # fmt: skip
"""Peers that keep a client waiting: what each says at once, and what again and again."""


def drops(name: str, until: threading.Event) -> Callable[[socket.socket], None]:
    """Return a peer that is one of those, until the test is over."""
    first, drop = NEVER_ENDING[name]

    def says(sock: socket.socket) -> None:
        sock.sendall(first)
        while not until.wait(0.02):
            sock.sendall(drop)

    return says


@pytest.mark.parametrize("name", NEVER_ENDING)
def test_drops_do_not_prolong_the_time_of_a_statement(name: str) -> None:
    over = threading.Event()
    options = {"query_timeout": 0.4, "read_timeout": 60}
    with connected(drops(name, over), answer(rows(INT, [7])), **options) as (conn, _):
        with pytest.raises(s2.OperationalError, match=r"query_timeout=0\.4") as caught:
            conn.query("SELECT 1")
        over.set()
        assert caught.value.errno == 3024
        assert_secretive(caught.value)
        # What still came belongs to no other statement, and the connection serves on.
        assert conn.execute("SELECT 7", results_type="tuples").fetchall() == [(7,)]


@pytest.mark.parametrize("name", NEVER_ENDING)
def test_drops_do_not_prolong_the_time_for_connecting(name: str) -> None:
    over = threading.Event()
    with peer(drops(name, over)) as running:
        url = f"http://ann:{PASSWORD}@127.0.0.1:{running.port}/"
        with pytest.raises(s2.OperationalError) as caught:
            s2.connect(url, connect_timeout=1)
        over.set()
    assert caught.value.errno == 2003
    assert_secretive(caught.value)


@pytest.mark.parametrize("drop", [b"", b"\x16"])
def test_the_time_for_connecting_covers_tls(drop: bytes) -> None:
    over = threading.Event()

    def answers(listener: socket.socket) -> None:
        sock, _ = listener.accept()
        with sock, contextlib.suppress(OSError):
            sock.sendall(b"\x16\x03\x03\x40\x00")  # a record of 16 KiB
            while not over.wait(0.02):
                sock.sendall(drop)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answers, args=[listener])
        thread.start()
        with pytest.raises(s2.OperationalError, match="timed out") as caught:
            s2.connect(f"https://ann:{PASSWORD}@127.0.0.1:{listener.getsockname()[1]}/",
                       connect_timeout=1)  # fmt: skip
        over.set()
        thread.join()
    assert caught.value.errno == 2003
    assert_secretive(caught.value)


def test_the_time_for_connecting_covers_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    resolve = socket.getaddrinfo

    def slowly(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host == "slow.invalid" and socket.AI_NUMERICHOST not in args:
            over.wait(30)
        return resolve(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    with pytest.raises(s2.OperationalError, match="timed out") as caught:
        s2.connect("http://slow.invalid", connect_timeout=1)
    over.set()
    assert caught.value.errno == 2003


def test_a_peer_that_does_not_read_has_the_statements_time() -> None:
    over = threading.Event()
    accepted: list[socket.socket] = []

    def greet() -> None:
        sock, _ = listener.accept()
        accepted.append(sock)
        while b"SELECT @@version" not in sock.recv(65_536):
            pass
        sock.sendall(VERSION)
        while not over.wait(0.02):  # now and then a little of what comes
            sock.recv(64)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        thread = threading.Thread(target=greet)
        thread.start()
        url = f"http://ann:{PASSWORD}@127.0.0.1:{listener.getsockname()[1]}/shop"
        small = {socket.SOL_SOCKET: {socket.SO_SNDBUF: 4096}}
        with s2.connect(url, query_timeout=0.5, write_timeout=60, socket_options=small) as conn:
            with pytest.raises(s2.OperationalError, match=r"query_timeout=0\.5") as caught:
                conn.query("SELECT %s", ["x" * 8_000_000])
            over.set()
            thread.join()
            accepted[0].close()
    assert caught.value.errno == 3024
    assert_secretive(caught.value)


@pytest.mark.parametrize("wait", ["1000000000", "-1", "Fri, 31 Dec 9999 23:59:59 GMT", "soon", ""])
@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Later"])
def test_no_wait_that_a_server_asks_for_is_kept(status: str, wait: str) -> None:
    said = answer(b"Error: later", status, Retry_After=wait)
    with connected(said, retry_reads=3) as (conn, running):
        with pytest.raises(s2.Error) as caught:
            conn.query("SELECT 1")
        assert caught.value.errno == int(status[:3])
        assert len(running.requests) == 2, "the greeting's and this one"
    assert_secretive(caught.value)


# -- who is told what ------------------------------------------------------------------------

DEMANDS: dict[str, bytes] = {
    "another address": answer(b"", "307 Temporary", Location="http://127.0.0.1:{port}/api/v2/exec"),
    "another address, with a password": answer(
        b"", "308 Permanent", Location="http://u:p@127.0.0.1:{port}/"
    ),
    "another scheme": answer(b"", "302 Found", Location="//127.0.0.1:{port}/"),
    "a file": answer(b"", "302 Found", Location="file:///etc/passwd"),
    "basic authentication again": answer(
        b"", "401 Who", WWW_Authenticate='Basic realm="http://127.0.0.1:{port}/"'
    ),
    "a digest": answer(b"", "401 Who", WWW_Authenticate='Digest realm="a", nonce="b", qop="auth"'),
    "negotiation": answer(b"", "401 Who", WWW_Authenticate="Negotiate"),
    "a proxy's password": answer(b"", "407 Proxy", Proxy_Authenticate='Basic realm="a"'),
    "another protocol": answer(b"", "426 Upgrade", Upgrade="h2c", Connection="Upgrade"),
    "the same elsewhere": answer(b"", "421 Misdirected", Alt_Svc='h2="127.0.0.1:{port}"; ma=9999'),
    "a refresh": answer(b"", "200 OK", Refresh="0; url=http://127.0.0.1:{port}/"),
}


@pytest.mark.parametrize("when", ["connecting", "later"])
@pytest.mark.parametrize("name", DEMANDS)
def test_credentials_go_nowhere_else_and_are_not_repeated(name: str, when: str) -> None:
    with peer(VERSION) as other, no_file_opened():
        said = DEMANDS[name].replace(b"{port}", str(other.port).encode())
        before = [VERSION] if when == "later" else []
        with peer(*before, said) as running:
            url = f"http://ann:{PASSWORD}@127.0.0.1:{running.port}/"
            if when == "later":
                conn = s2.connect(url)
                with conn, pytest.raises(s2.Error) as caught:
                    conn.query("SELECT 1")
            else:
                with pytest.raises(s2.Error) as caught:
                    s2.connect(url)
            assert len(running.requests) == len(before) + 1
        assert other.connections == 0
    assert_secretive(caught.value)


# -- connections that end --------------------------------------------------------------------


def resets(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def partly(data: bytes, then: Callable[[socket.socket], None] | None = None) -> Any:
    """Return a peer that says something and ends."""

    def says(sock: socket.socket) -> None:
        sock.sendall(data)
        if then is not None:
            then(sock)

    return says


WHOLE = answer(rows(INT, [1]))
ENDINGS: dict[str, Any] = {
    "at once": partly(b""),
    "at once, by reset": partly(b"", resets),
    "amid the status": partly(b"HTTP/1.1 2"),
    "amid a header": partly(WHOLE[:30]),
    "behind the headers": partly(WHOLE[: WHOLE.index(b"{")]),
    "amid the body": partly(WHOLE[:-5]),
    "amid the body, by reset": partly(WHOLE[:-5], resets),
    "amid a chunk": partly(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{}"),
    "behind a chunk": partly(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"),
}


@pytest.mark.parametrize("name", ENDINGS)
@pytest.mark.parametrize("sql", ["SELECT 1", "INSERT INTO t VALUES (1)"])
def test_a_statement_whose_answer_is_lost_is_not_sent_again(name: str, sql: str) -> None:
    """The server may have done it; nobody but the caller can know whether once more does harm."""
    following = answer(rows(INT, [7]))
    with connected(ENDINGS[name], following, retry_reads=2) as (conn, running):
        with pytest.raises(s2.Error) as caught:
            conn.query(sql)
        assert isinstance(caught.value, (s2.OperationalError, s2.InternalError))
        assert [r.json["sql"] for r in running.requests[1:]] == [sql]
        assert conn.execute("SELECT 7", results_type="tuples").fetchall() == [(7,)]
    assert_secretive(caught.value)


def test_a_connection_that_was_closed_while_idle_is_opened_again() -> None:
    """Nothing was sent on it, so the statement goes out once, whatever it does."""
    with (
        peer(VERSION.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1), DONE) as running,
        s2.connect(f"http://ann:{PASSWORD}@127.0.0.1:{running.port}/") as conn,
    ):
        conn.query("INSERT INTO t VALUES (1)")
        assert (len(running.requests), running.connections) == (2, 2)

    def leaves(sock: socket.socket) -> None:
        sock.sendall(VERSION)  # which does not say that this is the end
        sock.shutdown(socket.SHUT_RDWR)
        gone.set()

    gone = threading.Event()
    with (
        peer(leaves, DONE) as running,
        s2.connect(f"http://ann:{PASSWORD}@127.0.0.1:{running.port}/") as conn,
    ):
        assert gone.wait(20)
        conn.query("INSERT INTO t VALUES (1)")
        assert (len(running.requests), running.connections) == (2, 2)


SMUGGLED: dict[str, bytes] = {
    "two lengths": b"Content-Length: 15\r\nContent-Length: 3\r\n\r\n",
    "a length and chunks": b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nf\r\n",
    "chunks and something else": b"Transfer-Encoding: chunked, identity\r\n\r\n",
    "a folded length": b"Content-Length:\r\n 15\r\n\r\n",
    "a NUL in a name": b"Content\0Length: 3\r\nContent-Length: 15\r\n\r\n",
    "a line without a colon": b"Content-Length: 15\r\nnonsense\r\n\r\n",
    "a carriage return alone": b"X: a\rContent-Length: 3\r\nContent-Length: 15\r\n\r\n",
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_two_readings_of_an_answer_are_never_two_answers(name: str) -> None:
    body = b'{"results": []}'
    stale = answer(rows(INT, [666]))
    said = partly(b"HTTP/1.1 200 OK\r\n" + SMUGGLED[name] + body + stale)
    with connected(said, answer(rows(INT, [7]))) as (conn, _):
        with contextlib.suppress(s2.Error):
            assert conn.query("SELECT 1") == 0
        found: list[Any] = []
        with contextlib.suppress(s2.Error):
            found = conn.execute("SELECT 7", results_type="tuples").fetchall()
        assert found in ([], [(7,)])


def test_a_body_takes_the_memory_of_what_came() -> None:
    body = b'{"results": [], "more": "' + b"x" * 8_000_000 + b'"}'
    with connected(answer(body)) as (conn, _):
        tracemalloc.start()
        conn.query("SELECT 1")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    # orjson asks for twelve times its text, most of which it never touches.
    assert peak < 20 * len(body)
