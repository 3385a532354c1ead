"""Hostile replies, lost connections and time-outs: a clear error soon, and never a wrong answer."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from struct import pack
from typing import Any

import pytest

from kt import (
    EmbeddedServer,
    KyotoTycoon,
    KyotoTycoonError,
    ProtocolError,
    ServerConnectionError,
    ServerError,
    TokyoTyrant,
)

HUGE = 0xFFFFFFFF
HTTP = b"HTTP/1.1 200 OK\r\nContent-Type: text/tab-separated-values\r\n"
Scripted = Callable[..., Any]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def fails(call: Callable[[], object], error: type[KyotoTycoonError], text: str) -> None:
    """Check that a call fails so, and without allocating what the reply announces."""
    tracemalloc.start()
    try:
        with pytest.raises(error, match=text):
            call()
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (b"\x00", "instead of 0xba"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "instead of 0xba"),
        (pack(">BI", 0xBA, HUGE), "4294967295 hits for 1 records"),
        (pack(">BIHIIq", 0xBA, 1, 0, HUGE, 1, 0), "key of 4294967295 bytes"),
        (pack(">BIHIIq", 0xBA, 1, 0, 1, HUGE, 0), "value of 4294967295 bytes"),
        (pack(">BIHIIq", 0xBA, 1, 0, 1, 1, 0) + b"kvTRAILING", "8 bytes after its reply"),
        (pack(">BI", 0xBA, 0) + b"\xba", "1 bytes after its reply"),
    ],
)
def test_hostile_replies_to_get(kt_scripted: Scripted, reply: bytes, text: str) -> None:
    server = kt_scripted(reply, linger=True)
    client = KyotoTycoon(port=server.port, timeout=5)
    fails(lambda: client.get("k"), ServerError, text)
    client.close()


@pytest.mark.parametrize(
    ("call", "reply"),
    [
        (lambda c: c.set("k", "v"), pack(">BI", 0xB8, 2)),
        (lambda c: c.remove("k"), pack(">BI", 0xB9, HUGE)),
        (lambda c: c.set_bulk({"a": "1"}), pack(">BI", 0xB9, 1)),
        (lambda c: c.get_bulk(["a", "b"]), pack(">BI", 0xBA, 3)),
        (lambda c: c.get_bulk(["a"]), pack(">BIHIIq", 0xBA, 1, 0, 0, HUGE, 0)),
        (lambda c: c.script("f"), pack(">BIII", 0xB4, 1, HUGE, 0)),
        (lambda c: c.status(), b"SSH-2.0-OpenSSH_9.2\r\n"),
        (lambda c: c.status(), b"HTTP/1.1 200 OK\r\n\r\n"),
        (lambda c: c.status(), b"HTTP/1.1 2x0 OK\r\n\r\n"),
        (lambda c: c.status(), HTTP + b"Content-Length: 999999999999999999999\r\n\r\n"),
        (lambda c: c.status(), HTTP + b"Content-Length: 99999999999\r\n\r\n"),
        (lambda c: c.status(), HTTP + b"Content-Length: -5\r\n\r\n"),
        (lambda c: c.status(), HTTP + b"Transfer-Encoding: chunked\r\n\r\n"),
        (lambda c: c.status(), b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000),
        (lambda c: c.status(), HTTP + b"Content-Length: 4\r\n\r\na\tb\nEXTRA"),
        (lambda c: c.status(), b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na\tb\n"),
        (
            lambda c: c.status(),
            b"HTTP/1.1 200 OK\r\nContent-Type: text/tab-separated-values; colenc=Z\r\n"
            b"Content-Length: 4\r\n\r\na\tb\n",
        ),
        (lambda c: c.incr("n"), HTTP + b"Content-Length: 0\r\n\r\n"),
        (lambda c: c.incr("n"), HTTP + b"Content-Length: 6\r\n\r\nnum\tx\n"),
        (lambda c: c.keys(), HTTP + b"Content-Length: 5\r\n\r\n_k\tx\n"),
        (lambda c: len(c), HTTP + b"Content-Length: 0\r\n\r\n"),
    ],
)
def test_other_hostile_replies(
    kt_scripted: Scripted, call: Callable[[KyotoTycoon], object], reply: bytes
) -> None:
    server = kt_scripted(reply, linger=True)
    client = KyotoTycoon(port=server.port, timeout=5)
    fails(lambda: call(client), ServerError, ".")
    client.close()


@pytest.mark.parametrize(
    ("call", "reply"),
    [
        (lambda c: c.get("k"), b"\xba"),
        (lambda c: c.get("k"), pack(">BI", 0, HUGE)),
        (lambda c: c.get("k"), pack(">BI", 0, 1) + b"vX"),
        (lambda c: c.get_bulk(["k"]), pack(">BI", 0, 2)),
        (lambda c: c.get_bulk(["k"]), pack(">BIII", 0, 1, HUGE, 0)),
        (lambda c: c.keys(), pack(">BII", 0, HUGE, HUGE)),
        (lambda c: c.misc("x"), pack(">BII", 0, 1, HUGE)),
        (lambda c: c.status(), pack(">BI", 0, HUGE)),
        (lambda c: c.set("k", "v"), b"\x00\x00"),
    ],
)
def test_hostile_replies_to_tyrant(
    kt_scripted: Scripted, call: Callable[[TokyoTyrant], object], reply: bytes
) -> None:
    server = kt_scripted(reply, linger=True)
    client = TokyoTyrant(port=server.port, timeout=5)
    fails(lambda: call(client), ServerError, ".")
    client.close()


def test_binary_error_reply(kt_scripted: Scripted) -> None:
    server = kt_scripted(b"\xbf")
    client = KyotoTycoon(port=server.port, timeout=5)
    with pytest.raises(ProtocolError, match="0xb8 with an error"):
        client.set("k", "v")
    client.close()


def test_a_broken_connection_is_never_used_again(kt_scripted: Scripted) -> None:
    """What a hostile reply leaves behind cannot become the answer to the next question."""
    good = pack(">BIHIIq", 0xBA, 1, 0, 1, 5, 2**40 - 1) + b"kright"
    server = kt_scripted(b"\x99" + b"wrong" * 10, good)
    client = KyotoTycoon(port=server.port, timeout=5)
    with pytest.raises(ServerError):
        client.get("k")
    assert client.get("k") == "right"
    client.close()


@pytest.mark.parametrize("cut", [0, 1, 4, 5, 22, 24])
def test_hang_up_within_a_reply(kt_scripted: Scripted, cut: int) -> None:
    reply = pack(">BIHIIq", 0xBA, 1, 0, 1, 5, 0) + b"kvalue"
    server = kt_scripted(reply[:cut])
    client = KyotoTycoon(port=server.port, timeout=5)
    with pytest.raises(ServerConnectionError, match="closed the connection"):
        client.get("k")
    client.close()


def test_lookups_survive_a_connection_closed_while_idle(kt_scripted: Scripted) -> None:
    miss = pack(">BI", 0xBA, 0)
    server = kt_scripted(miss, b"", miss)
    client = KyotoTycoon(port=server.port, timeout=5)
    assert client.get("k") is None
    # The second request is answered by nothing, the server ends; the third chunk is the repetition.
    server._replies[:] = [miss]
    client._pool._bound()._open_socket().shutdown(socket.SHUT_RDWR)
    assert client.get("k") is None
    assert len(server.received) == 2
    client.close()


def test_writes_are_not_repeated(kt_scripted: Scripted) -> None:
    done = pack(">BI", 0xB8, 1)
    server = kt_scripted(done, done, done)
    client = KyotoTycoon(port=server.port, timeout=5)
    assert client.set("k", "v") == 1
    client._pool._bound()._open_socket().shutdown(socket.SHUT_RDWR)
    with pytest.raises(ServerConnectionError):
        client.set("k", "v")
    assert client.set("k", "v") == 1
    assert len(server.received) == 2
    client.close()


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    for client in (KyotoTycoon(port=port), TokyoTyrant(port=port)):
        with pytest.raises(OSError, match="cannot connect") as caught:
            client.get("k")
        assert isinstance(caught.value, ServerConnectionError)


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.get("k"),
        lambda c: c.set("k", "v"),
        lambda c: c.status(),
        lambda c: c.get_bulk([str(number) for number in range(20_000)]),
    ],
)
def test_mute_server(call: Callable[[KyotoTycoon], object]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        client = KyotoTycoon(port=mute.getsockname()[1], timeout=0.1)
        with pytest.raises(ServerConnectionError, match="within the timeout"):
            call(client)
        client.close()


def test_close_all_ends_calls_that_wait() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        client = KyotoTycoon(port=mute.getsockname()[1])
        outcome: list[BaseException] = []

        def wait() -> None:
            try:
                client.set("k", "v")
            except ServerConnectionError as exc:
                outcome.append(exc)

        thread = threading.Thread(target=wait)
        thread.start()
        peer, _ = mute.accept()
        # The request has arrived: the thread waits for the reply, or is about to.
        assert peer.recv(1) == b"\xb8"
        client.close_all()
        thread.join(20)
        assert len(outcome) == 1
        peer.close()


def test_server_killed_within_a_call() -> None:
    with EmbeddedServer("builtin") as server:
        assert server.port is not None
        client = KyotoTycoon(port=server.port, timeout=20)
        client.set("k", "v")
        pid = server.pid
        assert pid is not None
        # The server cannot answer while it is stopped, so that the kill hits an open call.
        os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][1] == "T")
        outcome: list[BaseException | int] = []

        def write() -> None:
            try:
                outcome.append(client.set("k", "w"))
            except ServerConnectionError as exc:
                outcome.append(exc)

        thread = threading.Thread(target=write)
        thread.start()
        # The system has accepted the connection in the server's place.
        wait_until(lambda: len(client._pool._known) == 2)
        os.kill(pid, signal.SIGKILL)
        thread.join(20)
        assert isinstance(outcome[0], ServerConnectionError)

        # It is restarted (empty, as it is in memory), and the same client goes on.
        def answers() -> bool:
            try:
                return client.get("k") is None
            except ServerConnectionError:
                return False

        wait_until(answers)
        assert client.set("k", "again") == 1
        assert client.get("k") == "again"
        client.close_all()


def test_an_interrupted_call_drops_its_connection(kt_client: KyotoTycoon) -> None:
    kt_client.set("k", "v")

    def interrupt(connection: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kt_client._pool.call(b"\xba" + bytes(8), interrupt)
    assert kt_client.get("k") == "v"


def test_errors_pickle() -> None:
    import pickle

    for error in (ServerConnectionError("a"), ProtocolError("b"), ServerError("c")):
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), str(copy)) == (type(error), str(error))
