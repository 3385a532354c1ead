"""A scripted MySQL server: says byte for byte what a test wants, and records what it was told."""

from __future__ import annotations

import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

CAPABILITIES = 0x0FFFF7FF & ~0x0800 & ~0x01000000  # everything but TLS and DEPRECATE_EOF

OK = b"\x00\x00\x00\x02\x00\x00\x00"
EOF = b"\xfe\x00\x00\x02\x00"


def greeting(capabilities: int = CAPABILITIES, plugin: bytes = b"mysql_native_password") -> bytes:
    """Return a protocol 10 greeting."""
    return (
        b"\x0a8.0.30\x00"
        + struct.pack("<I", 7)
        + b"12345678\x00"
        + struct.pack("<H", capabilities & 0xFFFF)
        + b"\x2d\x02\x00"
        + struct.pack("<H", capabilities >> 16)
        + b"\x15"
        + b"\x00" * 10
        + b"123456789012\x00"
        + plugin
        + b"\x00"
    )


def error(errno: int, text: str, sqlstate: str = "HY000") -> bytes:
    """Return an ERR payload."""
    return b"\xff" + struct.pack("<H", errno) + b"#" + sqlstate.encode() + text.encode()


def column(
    name: str, code: int, *, charset: int = 45, flags: int = 0, length: int = 20, extra: bytes = b""
) -> bytes:
    """Return a column definition payload; ``extra`` is SingleStore's extension."""

    def text(value: bytes) -> bytes:
        return bytes((len(value),)) + value

    fixed = struct.pack("<HIBHB", charset, length, code, flags, 0) + b"\x00\x00"
    return (
        text(b"def") + text(b"db") + text(b"t") + text(b"t") + text(name.encode())
        + text(name.encode()) + bytes((len(fixed) + len(extra),)) + fixed + extra
    )  # fmt: skip


def row(*values: bytes | None) -> bytes:
    """Return a text row payload."""
    return b"".join(b"\xfb" if v is None else bytes((len(v),)) + v for v in values)


def result(columns: list[bytes], rows: list[bytes]) -> list[bytes]:
    """Return the payloads of a result set."""
    return [bytes((len(columns),)), *columns, EOF, *rows, EOF]


class Session:
    """The server's side of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sequence = 0

    def send(self, *payloads: bytes) -> None:
        """Send payloads as the next packets."""
        data = b""
        for payload in payloads:
            data += len(payload).to_bytes(3, "little") + bytes((self.sequence & 255,)) + payload
            self.sequence += 1
        self.sock.sendall(data)

    def receive(self) -> bytes:
        """Return the next payload from the client; empty at its end."""
        header = self._exactly(4)
        if not header:
            return b""
        self.sequence = header[3] + 1
        return self._exactly(int.from_bytes(header[:3], "little"))

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self.sock.recv(count - len(data))
            if not part:
                return b""
            data += part
        return data

    def log_in(self) -> bytes:
        """Greet and accept whoever comes; return what the client answered."""
        self.send(greeting())
        answer = self.receive()
        self.send(OK)
        return answer

    def serve(self, answers: dict[bytes, list[bytes]]) -> None:
        """Answer statements from a table, everything else with OK, until the client leaves."""
        while True:
            command = self.receive()
            if not command or command[0] == 1:
                return
            self.send(*answers.get(command[1:], [OK]))


pure_python = 1
"""Which path of the driver the URLs of rogue servers ask for."""


@contextmanager
def rogue(play: Callable[[Session], None]) -> Iterator[str]:
    """Run a server whose every connection is played by ``play``; gives its URL, which says
    ``pure_python`` as this module does."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(20)
    failures: list[BaseException] = []

    def run() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock:
                sock.settimeout(20)
                try:
                    play(Session(sock))
                except (ConnectionError, TimeoutError):
                    pass  # the client went away, as it should
                except BaseException as exc:
                    failures.append(exc)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        port = listener.getsockname()[1]
        yield f"mysql://user:s3cret@127.0.0.1:{port}/db?pure_python={pure_python}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
    if failures:
        raise failures[0]


# -- files that are opened -------------------------------------------------------------------

_watching: set[int] = set()
"""Threads that are watched; 0 stands for all of them."""
_opened: list[str] = []
_PYTHONS_OWN = (".py", ".pyc", ".so", ".zip", "entry_points.txt", "METADATA", "PKG-INFO")
"""What is opened to import modules and to know the installed plugins."""


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _watching and (0 in _watching or threading.get_ident() in _watching):
        _opened.append(str(arguments[0]))


sys.addaudithook(_audit)


@contextmanager
def no_file_opened(everywhere: bool = False) -> Iterator[None]:
    """Fail when this thread, or any with ``everywhere``, opens a file that is no Python
    module."""
    _opened.clear()
    who = 0 if everywhere else threading.get_ident()
    _watching.add(who)
    try:
        yield
    finally:
        _watching.discard(who)
    found = [name for name in _opened if not name.endswith(_PYTHONS_OWN)]
    assert not found, found[:9]
