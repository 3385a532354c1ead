"""Connections without a server: both ends of a socket pair, one of them ours to write."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Sequence
from typing import Any

import pytest

from singlestoredb_hookspecs import ConnectionParams, Shape, StatementRequest
from singlestoredb_plugins.mysql import accelerated, handshake
from singlestoredb_plugins.mysql.connection import MySQLConnection

Cell = bytes | None


def packet(sequence: int, payload: bytes) -> bytes:
    """Return a payload as packets, the first of which has the number ``sequence``."""
    out = b""
    while True:
        part, payload = payload[:0xFFFFFF], payload[0xFFFFFF:]
        out += len(part).to_bytes(3, "little") + bytes((sequence & 255,)) + part
        sequence += 1
        if len(part) < 0xFFFFFF:
            return out


def lenenc(data: bytes) -> bytes:
    """Return bytes behind their length."""
    size = len(data)
    if size < 251:
        return bytes((size,)) + data
    if size < 1 << 16:
        return b"\xfc" + size.to_bytes(2, "little") + data
    if size < 1 << 24:
        return b"\xfd" + size.to_bytes(3, "little") + data
    return b"\xfe" + size.to_bytes(8, "little") + data


def definition(
    name: str,
    code: int,
    *,
    charset: int = 45,
    length: int = 20,
    flags: int = 0,
    decimals: int = 0,
    extension: bytes = b"",
) -> bytes:
    """Return the payload of a column definition."""
    texts = b"".join(lenenc(t) for t in (b"def", b"db", b"t", b"t", name.encode(), b"o"))
    fixed = (
        charset.to_bytes(2, "little")
        + length.to_bytes(4, "little")
        + bytes((code,))
        + flags.to_bytes(2, "little")
        + bytes((decimals, 0, 0))
    )
    return texts + lenenc(fixed + extension)


def row(cells: Sequence[Cell]) -> bytes:
    """Return the payload of a text row."""
    return b"".join(b"\xfb" if cell is None else lenenc(cell) for cell in cells)


EOF = b"\xfe\x00\x00\x02\x00"
OK = b"\x00\x00\x00\x02\x00\x00\x00"


def answer(definitions: Sequence[bytes], rows: Sequence[bytes], end: bytes = EOF) -> bytes:
    """Return the bytes of a result set: payloads of definitions and rows in packets."""
    payloads = [lenenc(b"")[:0] + bytes((len(definitions),)), *definitions, EOF, *rows, end]
    out = []
    sequence = 1
    for payload in payloads:
        packets = packet(sequence, payload)
        sequence += 1 + len(payload) // 0xFFFFFF
        out.append(packets)
    return b"".join(out)


class Peer:
    """A connection of the driver, and the server's end of its socket."""

    def __init__(self, accelerate: bool, **params: Any) -> None:
        # A time-out, so that an answer that is read beyond its end fails and does not hang.
        quiet = {"enable_extended_data_types": False, "autocommit": None, "read_timeout": 5}
        params = quiet | params
        self._accelerate = accelerate
        self._params = ConnectionParams(**params)
        self._connection: MySQLConnection | None = None
        self.server: socket.socket | None = None

    @property
    def connection(self) -> MySQLConnection:
        """The connection; a new one when the last was closed."""
        if self._connection is None or not self._connection.is_open:
            self.close()
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> MySQLConnection:
        client, self.server = socket.socketpair()
        for end in (client, self.server):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        self.server.sendall(packet(1, OK))  # to SET NAMES
        encoding = handshake.codec(self._params.charset)
        deadline = time.monotonic() + 60
        greeting = handshake.Greeting(client, "8.0", 7, 2, 0, encoding, "pair", True, deadline)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(handshake, "connect", lambda params: greeting)
            if self._accelerate:
                accel = accelerated.find(False)
                assert accel is not None
                made: MySQLConnection = accelerated.AcceleratedConnection(self._params, accel)
            else:
                made = MySQLConnection(self._params)
        self.server.recv(1 << 16)
        return made

    def ask(self, data: bytes, *, buffered: bool = True, shape: Shape = "rows") -> Any:
        """Run a statement whose answer is ``data``, which must fit a socket's buffer."""
        connection = self.connection
        assert self.server is not None
        if data:
            self.server.sendall(data)
        try:
            return connection.execute(StatementRequest("q", buffered=buffered, shape=shape))
        finally:
            with contextlib.suppress(BlockingIOError):
                self.server.recv(1 << 16, socket.MSG_DONTWAIT)  # what was asked

    def close(self) -> None:
        """Close both ends."""
        if self._connection is not None:
            self._connection.wire.abort()
            self._connection = None
        if self.server is not None:
            self.server.close()
            self.server = None
