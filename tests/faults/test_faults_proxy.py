"""The fault proxy does to packets what it says, and nothing else."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb.testing import Fault, FaultProxy, MariaDB
from singlestoredb.testing.servers import _make_certificate


def framed(payload: bytes, sequence: int) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes((sequence,)) + payload


ONE, TWO, THREE = framed(b"one", 0), framed(b"two", 1), framed(b"three", 2)


@contextlib.contextmanager
def saying(*data: bytes) -> Iterator[int]:
    """A server that says something to everybody, hears the client out, and ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                with sock, contextlib.suppress(OSError):
                    sock.sendall(b"".join(data))
                    sock.shutdown(socket.SHUT_WR)
                    while sock.recv(4096):
                        pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def heard(proxy: FaultProxy, seconds: float = 10) -> bytes:
    """Return what a client of the proxy hears until the end, or until nothing comes for a while."""
    data = b""
    with socket.create_connection((proxy.host, proxy.port), 10) as sock:
        sock.settimeout(seconds)
        try:
            while part := sock.recv(4096):
                data += part
        except TimeoutError:
            return data + b"..."
        except ConnectionResetError:
            return data + b"!"
    return data


@pytest.mark.parametrize(
    ("fault", "options", "expected"),
    [
        (Fault.CUT, {}, ONE),
        (Fault.CUT, {"at": 2}, ONE + TWO[:2]),
        (Fault.CUT, {"packet": 2, "at": 5}, ONE + TWO + THREE[:5]),
        (Fault.HALF_CLOSE, {"at": 5}, ONE + TWO[:5]),
        (Fault.BLACK_HOLE, {"at": 3}, ONE + TWO[:3] + b"..."),
        (Fault.DROP, {}, ONE + THREE),
        (Fault.DUPLICATE, {}, ONE + TWO + TWO + THREE),
        (Fault.REORDER, {}, ONE + THREE + TWO),
        (Fault.FLIP, {}, ONE + framed(b"uwo", 1) + THREE),
        (Fault.FLIP, {"at": 6, "mask": 0x20}, ONE + framed(b"twO", 1) + THREE),
        (Fault.SEQUENCE, {}, ONE + framed(b"two", 8) + THREE),
        (Fault.EXTRA, {"data": b"x"}, ONE + TWO + framed(b"x", 2) + THREE),
        (Fault.REPLACE, {"data": b"2"}, ONE + framed(b"2", 1) + THREE),
        (Fault.REPLACE, {"data": bytes.upper}, ONE + framed(b"TWO", 1) + THREE),
        (Fault.SLICE, {}, ONE + TWO + THREE),
        (Fault.TRICKLE, {}, ONE + TWO + THREE),
        (Fault.DELAY, {}, ONE + TWO + THREE),
        (Fault.COALESCE, {}, ONE + TWO + THREE),
        (Fault.DROP, {"times": 2}, ONE),
        (Fault.DROP, {"packet": 0, "where": lambda p: p.payload == b"three"}, ONE + TWO),
    ],
)
def test_what_a_fault_does(fault: Fault, options: dict[str, object], expected: bytes) -> None:
    with saying(ONE, TWO, THREE) as port, FaultProxy(port) as proxy:
        armed = proxy.arm(fault, **{"packet": 1, **options})  # type: ignore[arg-type]
        assert heard(proxy, 0.2 if expected.endswith(b"...") else 10) == expected
        assert armed.fired.is_set()
        assert proxy.connections == 1


def test_a_reset_is_one() -> None:
    with saying(ONE, TWO, THREE) as port, FaultProxy(port) as proxy:
        proxy.arm(Fault.RESET, packet=1)
        # What was on its way when the reset came may be lost with it.
        assert heard(proxy) in (ONE + b"!", b"!")


def test_the_other_direction_and_calls() -> None:
    called: list[int] = []
    with saying(ONE) as port, FaultProxy(port) as proxy:
        proxy.records = True
        proxy.arm(Fault.CALL, "client", action=lambda: called.append(1))
        proxy.arm(Fault.DROP, "client", packet=1)
        with socket.create_connection((proxy.host, proxy.port), 10) as sock:
            sock.sendall(TWO + THREE)
            assert sock.recv(100) == ONE
            end = time.monotonic() + 10
            while len(proxy.packets) < 3 and time.monotonic() < end:
                time.sleep(0.001)
        assert called == [1]
        seen = {(p.sender, p.number, p.sequence, p.payload) for p in proxy.packets}
        assert seen == {
            ("server", 0, 0, b"one"),
            ("client", 0, 1, b"two"),
            ("client", 1, 2, b"three"),
        }


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.RESET, Fault.HALF_CLOSE, Fault.EXTRA])
def test_idle_connections_can_be_struck(mariadb: MariaDB, fault: Fault) -> None:
    with FaultProxy(mariadb.port) as proxy:
        conn = s2.connect(proxy.url(mariadb.url))
        assert conn.execute("SELECT 1").fetchall() == [(1,)]
        proxy.strike(fault)

        def until_it_fails() -> None:
            for _ in range(1000):  # the news takes a moment
                conn.query("SELECT 1")

        with pytest.raises(s2.DatabaseError):
            until_it_fails()
        assert not conn.open
        conn.close()


def test_disarmed_faults_do_nothing(mariadb: MariaDB) -> None:
    with FaultProxy(mariadb.port) as proxy, s2.connect(proxy.url(mariadb.url)) as conn:
        armed = proxy.arm(Fault.RESET)
        proxy.disarm()
        assert conn.execute("SELECT 1").fetchall() == [(1,)]
        assert not armed.fired.is_set()


def contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return contexts for a proxy in the middle, whose certificate nobody else signed."""
    _make_certificate(folder / "cert.pem", folder / "key.pem")
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.check_hostname = False
    server.verify_mode = ssl.CERT_NONE
    return client, server


def test_tls_is_passed_through_or_read_in_the_middle(mariadb_tls: MariaDB, tmp_path: Path) -> None:
    url, port = mariadb_tls.url, mariadb_tls.port
    ask: Callable[[s2.Connection], object] = lambda conn: conn.execute("SELECT 7").fetchall()  # noqa: E731 - short
    with FaultProxy(port) as proxy:
        proxy.records = True
        with s2.connect(proxy.url(url), ssl_ca=mariadb_tls.ssl_ca, ssl_verify_identity=True) as c:
            assert ask(c) == [(7,)]
            proxy.arm(Fault.FLIP, at=12)
            with pytest.raises(s2.OperationalError):  # TLS notices every bit
                c.query("SELECT 1")
        assert not any(b"SELECT 7" in packet.payload for packet in proxy.packets)
        assert proxy.packets[-1].sequence == -1
    client, server = contexts(tmp_path)
    with FaultProxy(port, client_tls=client, server_tls=server) as proxy:
        proxy.records = True
        with s2.connect(proxy.url(url)) as conn:  # nobody asked for a verification
            assert ask(conn) == [(7,)]
        assert any(b"SELECT 7" in packet.payload for packet in proxy.packets)
        proxy.packets.clear()
        options: list[dict[str, Any]] = [{"ssl_verify_cert": True}, {"ssl_verify_identity": True}]
        for option in options:
            with pytest.raises(s2.OperationalError, match=r"certificate verify failed"):
                s2.connect(proxy.url(url), ssl_ca=mariadb_tls.ssl_ca, **option)
        # The name is not told to one whose certificate is not trusted.
        assert not any(mariadb_tls.user.encode() in p.payload for p in proxy.packets)


def test_only_this_machine() -> None:
    with pytest.raises(ValueError, match="on this machine"):
        FaultProxy(3306, "db.example")
    with pytest.raises(ValueError, match="either side"):
        FaultProxy(3306, client_tls=ssl.create_default_context())


def test_a_paused_server_goes_on() -> None:
    reason = MariaDB.available()
    if reason:
        pytest.skip(f"not run: {reason}")
    with MariaDB() as server:
        conn = s2.connect(server.url, query_timeout=0.2)
        server.pause()
        with pytest.raises(s2.OperationalError, match="query_timeout"):
            conn.query("SELECT 1")
        conn.close()
        server.resume()
        with s2.connect(server.url) as conn:
            assert conn.execute("SELECT 1").fetchall() == [(1,)]
        server.pause()  # and a paused one can be ended
