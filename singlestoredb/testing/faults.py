"""A proxy that breaks a MySQL conversation where a test wants it broken.

::

    with FaultProxy(server.port) as proxy:
        conn = singlestoredb.connect(proxy.url(server.url))
        armed = proxy.arm(Fault.RESET, packet=2)  # the third packet that the server sends from now
        with pytest.raises(singlestoredb.OperationalError):
            conn.query("SELECT 1")
        assert armed.fired.is_set()

It stands on 127.0.0.1 between a client and a server and knows where packets begin and end, so that
a fault happens to a chosen packet, or amid it.  TLS is passed through, and the packets are then the
records of TLS; or the proxy is the one in the middle, when it is given a context for each side.
Each connection is served by a thread of its own.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from enum import Enum
from types import TracebackType
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit, urlunsplit

__all__ = ["Armed", "Fault", "FaultProxy", "Packet"]

Direction = Literal["server", "client"]
"""Who sends."""

_CHUNK = 65_536
_SSL = 0x0800
"""CLIENT_SSL among the capabilities of a login."""
_OK = b"\x00\x00\x00\x02\x00\x00\x00"
_STILL = 0.05
"""Seconds of silence after which packets that were held back go out together."""


class Fault(Enum):
    """What can happen to a packet.  With ``at``, the fault strikes after that many of its bytes,
    header included; the packet is else not passed on."""

    CUT = "both connections end in order (FIN)"
    RESET = "both connections are reset (RST)"
    HALF_CLOSE = "the sender's half ends in order; nothing of the other half is passed on either"
    BLACK_HOLE = "from now on nothing is passed on, either way, and nothing is closed"
    DROP = "the packet is lost, and nothing else"
    DUPLICATE = "the packet arrives twice"
    REORDER = "the packet arrives after the one that follows it"
    FLIP = "the lowest bit of the byte at `at` is inverted; `mask` says which bits instead"
    SEQUENCE = "the packet has a number that is not its turn"
    EXTRA = "a packet that nobody sent follows: `data`, or an OK packet"
    REPLACE = "the payload becomes `data`, or what `data` makes of it"
    SLICE = "every byte arrives by itself"
    TRICKLE = "every byte arrives by itself, `seconds` after the one before it"
    COALESCE = "packets are held back and arrive together when no more come"
    DELAY = "the packet arrives `seconds` later"
    CALL = "`action` is called before the packet is passed on"


class Packet(NamedTuple):
    """A packet on its way."""

    connection: int
    """Number of its connection, counted by the proxy from 0."""
    sender: Direction
    number: int
    """How many packets this side of this connection had sent before."""
    header: bytes
    """Four bytes: u24 length of the payload and u8 sequence number.  Five for a record of TLS."""
    payload: bytes

    @property
    def sequence(self) -> int:
        """The sequence number; -1 for a record of TLS, which has none."""
        return self.header[3] if len(self.header) == 4 else -1


class Armed:
    """A fault that waits for its packet."""

    def __init__(
        self,
        fault: Fault,
        sender: Direction,
        packet: int,
        where: Callable[[Packet], bool] | None,
        times: int,
        at: int | None,
        seconds: float,
        mask: int,
        data: bytes | Callable[[bytes], bytes] | None,
        action: Callable[[], object] | None,
    ) -> None:
        self.fault = fault
        self.sender = sender
        self.fired = threading.Event()
        """Set when the fault strikes; for CALL, when the action is done."""
        self._skip = packet
        self._where = where
        self._left = times
        self.at, self.seconds, self.mask, self.data, self.action = at, seconds, mask, data, action

    def strikes(self, packet: Packet) -> bool:
        """Count a packet; return whether the fault strikes it."""
        if packet.sender != self.sender or not self._left:
            return False
        if self._where is not None and not self._where(packet):
            return False
        if self._skip:
            self._skip -= 1
            return False
        self._left -= 1
        return True


class FaultProxy:
    """Passes connections on to a server, and breaks them as it is told.

    Args:
        port: where the server listens.
        host: where it is; faults are for tests, so only loopback is allowed.
        client_tls: context with a certificate, for a proxy in the middle of TLS; the client's side.
        server_tls: context to connect to the server with; needed with ``client_tls``.

    :meth:`close`, or the end of a ``with`` block, ends all connections.

    Raises ``ValueError`` for a host that is not this machine.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        port: int,
        host: str = "127.0.0.1",
        *,
        client_tls: ssl.SSLContext | None = None,
        server_tls: ssl.SSLContext | None = None,
    ) -> None:
        if host not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError(f"the fault proxy serves tests on this machine, not {host!r}")
        if (client_tls is None) != (server_tls is None):
            raise ValueError("a proxy amid TLS needs a context for either side")
        self._target = (host, port)
        self.tls = (client_tls, server_tls)
        self._lock = threading.Lock()
        self._armed: list[Armed] = []
        self._links: set[_Link] = set()
        self.connections = 0
        """How many connections came so far."""
        self._closed = False
        self.accepts = True
        """Whether a connection to the server is made for who comes; otherwise they wait."""
        self.packets: list[Packet] = []
        """What has passed or was to pass, in order, when ``records`` is set."""
        self.records = False
        self._listener = socket.create_server((self.host, 0))
        self.port: int = self._listener.getsockname()[1]
        """TCP port on 127.0.0.1."""
        self._thread = threading.Thread(target=self._accept, name="fault-proxy", daemon=True)
        self._thread.start()

    def url(self, url: str) -> str:
        """Return a connection URL with the proxy's address in place of the server's."""
        parts = urlsplit(url)
        login = parts.netloc.rpartition("@")[0]
        where = f"{self.host}:{self.port}"
        return urlunsplit(parts._replace(netloc=f"{login}@{where}" if login else where))

    def arm(
        self,
        fault: Fault,
        sender: Direction = "server",
        packet: int = 0,
        *,
        where: Callable[[Packet], bool] | None = None,
        times: int = 1,
        at: int | None = None,
        seconds: float = 0.005,
        mask: int = 1,
        data: bytes | Callable[[bytes], bytes] | None = None,
        action: Callable[[], object] | None = None,
    ) -> Armed:
        """Prepare a fault.

        Args:
            fault: what is to happen.
            sender: to whose packets.
            packet: how many of them pass before, counted from now over all connections.
            where: counts only packets for which this is true.
            times: how many packets the fault strikes, one after the other.
            at: bytes of the packet, header included, that pass before CUT, RESET, HALF_CLOSE,
                BLACK_HOLE and DROP; the byte that FLIP changes.
            seconds: for TRICKLE, per byte, and DELAY.
            mask: bits that FLIP inverts.
            data: for EXTRA and REPLACE: a payload, or what makes one of the packet's own.
            action: for CALL; called in the connection's thread.
        """
        armed = Armed(fault, sender, packet, where, times, at, seconds, mask, data, action)
        with self._lock:
            self._armed.append(armed)
        return armed

    def disarm(self) -> None:
        """Forget all faults that have not struck; what a black hole swallows stays lost."""
        with self._lock:
            self._armed.clear()

    def strike(self, fault: Fault, sender: Direction = "server", data: bytes = _OK) -> None:
        """Do CUT, RESET, HALF_CLOSE, BLACK_HOLE or EXTRA now, to all idle connections."""
        for link in self._living():
            link.orders.append((fault, sender, data))
            link.wake()

    def _choose(self, packet: Packet) -> Armed | None:
        with self._lock:
            if self.records:
                self.packets.append(packet)
            for armed in self._armed:
                if armed.strikes(packet):
                    return armed
        return None

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self._closed:
                    client.close()
                    return
                link = _Link(self, client, self.connections)
                self._links.add(link)
                self.connections += 1
            link.thread.start()

    def _living(self) -> list[_Link]:
        with self._lock:
            return list(self._links)

    def _forget(self, link: _Link) -> None:
        with self._lock:
            self._links.discard(link)

    def close(self) -> None:
        """End everything.  Idempotent."""
        with self._lock:
            self._closed = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        living = self._living()
        for link in living:
            link.end()
        for link in living:
            link.thread.join(10)

    def __enter__(self) -> FaultProxy:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class _Ended(Exception):
    """A connection is over."""


class _Side:
    """What one of the two sends: bytes that are no whole packet yet, and packets held back."""

    def __init__(self, sender: Direction) -> None:
        self.sender: Direction = sender
        self.buffer = b""
        self.number = 0
        self.swapped = b""
        """A packet that waits for the next one to overtake it."""
        self.held = b""
        """Packets that go out together."""
        self.held_until = 0.0
        self.ended = False


class _Link:
    """One client's connection and the server's that goes with it."""

    def __init__(self, proxy: FaultProxy, client: socket.socket, number: int) -> None:
        self._proxy = proxy
        self._number = number
        self._client: socket.socket = client
        self._server: socket.socket | None = None
        self._sides = {"client": _Side("client"), "server": _Side("server")}
        self._is_tls = False
        self._is_hole = False
        self.orders: list[tuple[Fault, Direction, bytes]] = []
        self._waker, self._woken = socket.socketpair()
        self.thread = threading.Thread(target=self._run, name="fault-proxy-link", daemon=True)

    def wake(self) -> None:
        """Have the thread look at its orders."""
        with contextlib.suppress(OSError):
            self._waker.send(b"!")

    def end(self) -> None:
        """Make the thread end."""
        self.orders.append((Fault.CUT, "server", b""))
        self.wake()
        for sock in (self._client, self._server):
            if sock is not None:  # it may be blocked there
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _run(self) -> None:
        try:
            if self._proxy.accepts:
                self._server = socket.create_connection(self._proxy._target, 10)
                for opened in (self._client, self._server):
                    opened.settimeout(None)
                    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                self._pass_on()
        except (_Ended, OSError, ValueError):
            pass  # the client or the server left, in one way or another
        finally:
            for sock in (self._client, self._server, self._waker, self._woken):
                if sock is not None:
                    sock.close()
            self._proxy._forget(self)

    # -- reading --

    def _pass_on(self) -> None:
        """Wait for something, and do what is to be done with it."""
        socks: list[socket.socket] = [self._woken]
        if not self._sides["client"].ended:
            socks.append(self._client)
        if self._server is not None and not self._sides["server"].ended:
            socks.append(self._server)
        until = [side.held_until for side in self._sides.values() if side.held]
        timeout = max(min(until) - time.monotonic(), 0) if until else None
        if any(isinstance(s, ssl.SSLSocket) and s.pending() for s in socks):
            timeout = 0
        ready = select.select(socks, [], [], timeout)[0]
        ready += [s for s in socks if isinstance(s, ssl.SSLSocket) and s.pending()]
        if self._woken in ready:
            self._woken.recv(_CHUNK)
            while self.orders:
                self._obey(*self.orders.pop(0))
        for side in self._sides.values():
            source = self._client if side.sender == "client" else self._server
            if source is not None and source in ready:
                self._hear(side, source)
        for side in self._sides.values():
            if side.held and side.held_until <= time.monotonic():
                data, side.held = side.held, b""
                self._receiver(side).sendall(data)

    def _hear(self, side: _Side, sock: socket.socket) -> None:
        try:
            sock.setblocking(False)  # a record of TLS may hold nothing for us
            data = sock.recv(self._wanted(side))
        except (ssl.SSLWantReadError, BlockingIOError):
            return
        finally:
            sock.setblocking(True)
        if not data:
            self._leave(side)
            return
        if self._is_hole:
            return
        side.buffer += data
        while (packet := self._cut_off(side)) is not None:
            self._handle(side, packet)
            if self._is_hole:
                return

    def _wanted(self, side: _Side) -> int:
        """Return how much may be read: of a client that may ask for TLS no byte behind that."""
        if side.sender == "server" or side.number or self._proxy.tls[0] is None:
            return _CHUNK
        if len(side.buffer) < 4:
            return 4 - len(side.buffer)
        return 4 + int.from_bytes(side.buffer[:3], "little") - len(side.buffer)

    def _leave(self, side: _Side) -> None:
        """One of the two has closed its half."""
        side.ended = True
        if side.held:
            self._receiver(side).sendall(side.held)
        if side.sender == "client" or self._server is None:
            raise _Ended
        if self._is_hole:
            return  # the client is not to know
        raise _Ended

    def _cut_off(self, side: _Side) -> Packet | None:
        """Take the next whole packet out of the buffer."""
        buffer = side.buffer
        head = 5 if self._is_tls else 4
        if len(buffer) < head:
            return None
        length = int.from_bytes(buffer[3:5], "big" if self._is_tls else "little")
        if not self._is_tls:
            length = int.from_bytes(buffer[:3], "little")
        if len(buffer) < head + length:
            return None
        side.buffer = buffer[head + length :]
        number, side.number = side.number, side.number + 1
        return Packet(
            self._number, side.sender, number, buffer[:head], buffer[head : head + length]
        )

    def _receiver(self, side: _Side) -> socket.socket:
        sock = self._server if side.sender == "client" else self._client
        if sock is None:
            raise _Ended
        return sock

    # -- faults --

    def _handle(self, side: _Side, packet: Packet) -> None:
        armed = self._proxy._choose(packet)
        try:
            data = packet.header + packet.payload
            if armed is None:
                self._send(side, data)
            else:
                if armed.fault is not Fault.CALL:
                    armed.fired.set()  # before anybody can see the effect
                self._break(side, packet, data, armed)
        finally:
            asks_for_tls = (
                side.sender == "client"
                and packet.number == 0
                and not self._is_tls
                and len(packet.payload) == 32
                and packet.payload[1] & _SSL >> 8
            )
            if asks_for_tls:
                self._go_secret(side)

    def _go_secret(self, side: _Side) -> None:
        """What follows is TLS."""
        client_tls, server_tls = self._proxy.tls
        if client_tls is None or server_tls is None or self._server is None:
            self._is_tls = True
            return
        self._server = server_tls.wrap_socket(self._server)
        self._client = client_tls.wrap_socket(self._client, server_side=True)

    def _send(self, side: _Side, data: bytes) -> None:
        if side.held:
            side.held += data
            side.held_until = time.monotonic() + _STILL
            return
        if side.swapped:
            data, side.swapped = data + side.swapped, b""
        self._receiver(side).sendall(data)

    def _break(self, side: _Side, packet: Packet, data: bytes, armed: Armed) -> None:
        fault, at = armed.fault, armed.at
        if fault in _ENDINGS or fault is Fault.DROP:
            if at:
                self._send(side, data[:at])
            self._obey(fault, side.sender, b"")
        elif fault is Fault.DUPLICATE:
            self._send(side, data + data)
        elif fault is Fault.REORDER:
            side.swapped = data
        elif fault is Fault.FLIP:
            where = min(len(packet.header) if at is None else at, len(data) - 1)
            self._send(side, data[:where] + bytes((data[where] ^ armed.mask,)) + data[where + 1 :])
        elif fault is Fault.SEQUENCE:
            self._send(side, data[:3] + bytes(((data[3] + 7) & 255,)) + data[4:])
        elif fault is Fault.EXTRA:
            extra = _made(armed.data, packet.payload, _OK)
            self._send(side, data + _framed(extra, packet.sequence + 1))
        elif fault is Fault.REPLACE:
            self._send(side, _framed(_made(armed.data, packet.payload, b""), packet.sequence))
        elif fault in (Fault.SLICE, Fault.TRICKLE):
            for number in range(len(data)):
                self._send(side, data[number : number + 1])
                if fault is Fault.TRICKLE:
                    time.sleep(armed.seconds)
        elif fault is Fault.COALESCE:
            side.held += data
            side.held_until = time.monotonic() + _STILL
        elif fault is Fault.DELAY:
            time.sleep(armed.seconds)
            self._send(side, data)
        elif fault is Fault.CALL:
            if armed.action is not None:
                armed.action()
            armed.fired.set()
            self._send(side, data)

    def _obey(self, fault: Fault, sender: Direction, data: bytes) -> None:
        """Do what needs no packet."""
        if fault is Fault.RESET:
            for sock in (self._client, self._server):
                if sock is not None:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise _Ended
        if fault is Fault.CUT:
            raise _Ended
        if fault is Fault.BLACK_HOLE:
            self._is_hole = True
        elif fault is Fault.HALF_CLOSE:
            self._is_hole = True
            receiver = self._receiver(self._sides[sender])
            socket.socket.shutdown(receiver, socket.SHUT_WR)
        elif fault is Fault.EXTRA:
            self._send(self._sides[sender], _framed(data, 0))


_ENDINGS = frozenset({Fault.CUT, Fault.RESET, Fault.HALF_CLOSE, Fault.BLACK_HOLE})


def _framed(payload: bytes, sequence: int) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes((sequence & 255,)) + payload


def _made(data: bytes | Callable[[bytes], bytes] | None, payload: bytes, default: bytes) -> bytes:
    made: Any = data(payload) if callable(data) else data
    return default if made is None else bytes(made)
