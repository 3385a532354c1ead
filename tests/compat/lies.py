"""A server that says what a test wants and keeps what it is told."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator

import pytest

NO_TLS = 0x0FFFF7FF & ~0x0800 & ~0x01000000
OK = b"\x00\x00\x00\x02\x00\x00\x00"


class Lies:
    """A server that says what a test wants and keeps what it is told."""

    def __init__(self, play: Callable[[Lies], None], path: str | None = None) -> None:
        self.told: list[bytes] = []
        self.done = threading.Event()
        """Set when a client has left."""
        self._play = play
        self._sequence = 0
        if path:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(path)
            self._listener.listen()
            self.port = 0
        else:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                self._socket, _ = self._listener.accept()
            except OSError:
                return
            self._sequence = 0
            with self._socket:
                self._socket.settimeout(20)
                with contextlib.suppress(ConnectionError, TimeoutError, ssl.SSLError):
                    self._play(self)
            self.done.set()

    def close(self) -> None:
        if self.port:
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    # -- what a play says --

    def greet(self, capabilities: int = NO_TLS, plugin: bytes = b"mysql_native_password") -> None:
        self.send(
            b"\x0a8.0.30\x00" + struct.pack("<I", 7) + b"12345678\x00"
            + struct.pack("<H", capabilities & 0xFFFF) + b"\x2d\x02\x00"
            + struct.pack("<H", capabilities >> 16) + b"\x15" + b"\x00" * 10
            + b"123456789012\x00" + plugin + b"\x00"
        )  # fmt: skip

    def send(self, payload: bytes) -> None:
        header = len(payload).to_bytes(3, "little") + bytes((self._sequence & 255,))
        self._sequence += 1
        self._socket.sendall(header + payload)

    def receive(self) -> bytes:
        header = self._exactly(4)
        if not header:
            self.told.append(b"")
            return b""
        self._sequence = header[3] + 1
        payload = self._exactly(int.from_bytes(header[:3], "little"))
        self.told.append(payload)
        return payload

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self._socket.recv(count - len(data))
            if not part:
                return b""
            data += part
        return data

    def log_in(self) -> None:
        self.greet()
        self.receive()
        self.send(OK)


@pytest.fixture
def lying() -> Iterator[Callable[..., Lies]]:
    servers: list[Lies] = []

    def start(play: Callable[[Lies], None], path: str | None = None) -> Lies:
        servers.append(Lies(play, path))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
