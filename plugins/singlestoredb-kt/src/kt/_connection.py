"""One socket with a read buffer.

Protocol logic lives in the codec modules, which pull their replies out of a `Connection`.  The rule
that keeps answers and questions together: a connection on which anything went wrong is closed by
its pool and never used again.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
from collections.abc import Iterable

from .exceptions import ServerConnectionError, ServerError

FIRST_READ = 64 * 1024
"""Bytes asked for at once; a typical reply arrives whole."""
MORE_READ = 256 * 1024
"""Upper bound of one further read, so that memory follows what arrives, not what is announced."""
MAX_SIZE = 2**28
"""Longest key, value or script name of either server (256 MiB); a longer one is not a reply."""


class Connection:
    """A connected socket and the bytes that arrived but were not consumed yet.

    ``buffer[position:]`` is unread.  The codecs read both attributes directly where it pays.
    """

    __slots__ = ("__weakref__", "_socket", "address", "buffer", "position", "used")

    def __init__(self, sock: socket.socket, address: str) -> None:
        """Take over a connected socket; ``address`` is for messages."""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket: socket.socket | None = sock
        self.address = address
        self.buffer = b""
        self.position = 0
        self.used = False

    @classmethod
    def open(cls, host: str, port: int, timeout: float | None) -> Connection:
        """Connect; ``timeout`` is in seconds and also bounds every later wait for the server."""
        address = f"{host}:{port}"
        try:
            return cls(socket.create_connection((host, port), timeout), address)
        except OSError as exc:
            raise ServerConnectionError(f"cannot connect to {address}: {exc}") from exc

    def __del__(self) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        """Whether `close` has not been called."""
        return self._socket is not None

    def close(self) -> None:
        """Close the socket; idempotent."""
        sock, self._socket = self._socket, None
        if sock is not None:
            sock.close()

    def abort(self) -> None:
        """Close from another thread: a call that waits there fails at once."""
        sock = self._socket
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self.close()

    def is_idle(self) -> bool:
        """Return whether the server has neither hung up nor sent anything that nobody asked for."""
        sock = self._socket
        if sock is None or self.position != len(self.buffer):
            return False
        with selectors.DefaultSelector() as selector:
            selector.register(sock, selectors.EVENT_READ)
            return not selector.select(0)

    def _open_socket(self) -> socket.socket:
        if self._socket is None:
            raise ServerConnectionError(f"the connection to {self.address} is closed")
        return self._socket

    def send(self, data: bytes) -> None:
        """Send all of ``data``."""
        try:
            self._open_socket().sendall(data)
        except TimeoutError as exc:
            raise self._timed_out() from exc
        except OSError as exc:
            raise ServerConnectionError(f"lost connection to {self.address}: {exc}") from exc

    def exchange(self, request: bytes) -> None:
        """Send a request and wait for the first bytes of its reply (the fast path).

        Raises:
            StaleConnectionError: the server closed the connection without a byte of reply.
        """
        sock = self._socket
        if sock is None:
            raise ServerConnectionError(f"the connection to {self.address} is closed")
        try:
            sock.sendall(request)
            chunk = sock.recv(FIRST_READ)
        except TimeoutError as exc:
            raise self._timed_out() from exc
        except OSError as exc:
            raise StaleConnectionError(f"lost connection to {self.address}: {exc}") from exc
        if not chunk:
            raise StaleConnectionError(f"{self.address} closed the connection instead of replying")
        self.buffer = chunk
        self.position = 0

    def send_while_reading(self, parts: Iterable[bytes]) -> None:
        """Send a sequence of pipelined requests while buffering the replies that arrive meanwhile.

        A plain send could block for ever once both sides have full socket buffers: the server
        waits for us to read its reply, we wait for it to read our next request.
        """
        sock = self._open_socket()
        timeout = sock.gettimeout()
        received = bytearray(self.buffer[self.position :])
        both = selectors.EVENT_READ | selectors.EVENT_WRITE
        try:
            sock.setblocking(False)
            with selectors.DefaultSelector() as selector:
                selector.register(sock, both)
                for part in parts:
                    rest = memoryview(part)
                    while rest:
                        ready = selector.select(timeout)
                        if not ready:
                            raise self._timed_out()
                        # Readiness is a hint: the call itself may still have to wait.
                        with contextlib.suppress(BlockingIOError):
                            if ready[0][1] & selectors.EVENT_READ:
                                received += self._receive(sock, MORE_READ)
                        with contextlib.suppress(BlockingIOError):
                            if ready[0][1] & selectors.EVENT_WRITE:
                                rest = rest[sock.send(rest) :]
            sock.settimeout(timeout)
        except OSError as exc:
            if isinstance(exc, ServerConnectionError):
                raise
            raise ServerConnectionError(f"lost connection to {self.address}: {exc}") from exc
        self.buffer = bytes(received)
        self.position = 0

    def fill(self, count: int) -> None:
        """Wait until at least ``count`` bytes are unread."""
        have = len(self.buffer) - self.position
        if have >= count:
            return
        sock = self._open_socket()
        received = bytearray(self.buffer[self.position :])
        while len(received) < count:
            received += self._receive(sock, max(FIRST_READ, min(count - len(received), MORE_READ)))
        self.buffer = bytes(received)
        self.position = 0

    def _receive(self, sock: socket.socket, size: int) -> bytes:
        try:
            chunk = sock.recv(size)
        except TimeoutError as exc:
            raise self._timed_out() from exc
        except BlockingIOError:
            raise
        except OSError as exc:
            raise ServerConnectionError(f"lost connection to {self.address}: {exc}") from exc
        if not chunk:
            raise ServerConnectionError(f"{self.address} closed the connection within a reply")
        return chunk

    def take(self, count: int) -> bytes:
        """Consume exactly ``count`` bytes."""
        self.fill(count)
        start = self.position
        self.position = end = start + count
        return self.buffer[start:end]

    def unpack(self, layout: struct.Struct) -> tuple[int, ...]:
        """Consume one struct of integers."""
        self.fill(layout.size)
        fields = layout.unpack_from(self.buffer, self.position)
        self.position += layout.size
        return fields

    def expect_end(self) -> None:
        """Raise ServerError if the server sent more than its reply."""
        if self.position != len(self.buffer):
            raise ServerError(
                f"{self.address} sent {len(self.buffer) - self.position} bytes after its reply"
            )

    def _timed_out(self) -> ServerConnectionError:
        return ServerConnectionError(f"no answer from {self.address} within the timeout")


class StaleConnectionError(ServerConnectionError):
    """The server hung up before the first byte of the reply, as it does after a restart."""


def check_size(size: int, what: str) -> int:
    """Return ``size``, or raise ServerError when no server stores anything so long."""
    if size > MAX_SIZE:
        raise ServerError(f"the reply announces a {what} of {size} bytes (at most {MAX_SIZE})")
    return size
