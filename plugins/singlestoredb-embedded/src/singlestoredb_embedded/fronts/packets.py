"""Packets of the MySQL protocol over a socket, and the pieces that payloads are made of.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html
"""

from __future__ import annotations

import itertools
import operator
import socket
import ssl
import struct
from collections.abc import Sequence

from singlestoredb.exceptions import OperationalError
from singlestoredb_hookspecs import Column

MAX_PAYLOAD = 0xFFFFFF
"""Bytes in one packet; a payload of this length or more goes on in the next packet."""
_RECEIVE = 1 << 16
"""Bytes that are asked of the system at once."""
_FLUSH_AT = 1 << 18
"""Bytes after which waiting packets are sent: large enough for few system calls."""

# Capability flags; the names are the protocol's.
LONG_PASSWORD, FOUND_ROWS, LONG_FLAG, CONNECT_WITH_DB = 1, 2, 4, 8
LOCAL_FILES, PROTOCOL_41, SSL, TRANSACTIONS = 1 << 7, 1 << 9, 1 << 11, 1 << 13
SECURE_CONNECTION, MULTI_STATEMENTS, MULTI_RESULTS = 1 << 15, 1 << 16, 1 << 17
PS_MULTI_RESULTS, PLUGIN_AUTH, CONNECT_ATTRS = 1 << 18, 1 << 19, 1 << 20
PLUGIN_AUTH_LENENC, DEPRECATE_EOF = 1 << 21, 1 << 24

# Status flags
STATUS_IN_TRANS, STATUS_AUTOCOMMIT, STATUS_MORE_RESULTS = 1, 2, 8
STATUS_NO_BACKSLASH_ESCAPES = 512

_pack = struct.Struct("<I").pack
_NUMBERS = [number << 24 for number in range(256)]
"""Sequence numbers where a packet's header has them."""

BINARY = 63
"""Collation of bytes."""


class Disconnected(Exception):
    """The client is gone, or was sent away: nothing more can be said to it."""


class OutOfOrder(Exception):
    """A packet with the wrong sequence number."""


_SQLSTATE = {1040: "08004", 1043: "08S01", 1045: "28000", 1047: "08S01", 1153: "08S01",
             1156: "08S01", 1835: "08S01"}  # fmt: skip


def protocol_error(errno: int, message: str) -> OperationalError:
    """Make the error for something wrong with the connection rather than with a statement."""
    return OperationalError(errno, message, _SQLSTATE.get(errno, "HY000"))


def lenenc(number: int) -> bytes:
    """Return a length-encoded integer."""
    if number < 251:
        return bytes((number,))
    if number < 1 << 16:
        return b"\xfc" + number.to_bytes(2, "little")
    if number < 1 << 24:
        return b"\xfd" + number.to_bytes(3, "little")
    return b"\xfe" + number.to_bytes(8, "little")


def text(value: str) -> bytes:
    """Return a length-encoded string."""
    data = value.encode("utf-8", "surrogateescape")
    return lenenc(len(data)) + data


class Reader:
    """Takes fields off a payload.  Raises 1835 when they do not fit."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data = data
        self._at = at

    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self._at >= len(self._data)

    def take(self, count: int) -> bytes:
        """Return the next ``count`` bytes."""
        end = self._at + count
        if end > len(self._data):
            raise protocol_error(1835, "Malformed communication packet")
        piece = self._data[self._at : end]
        self._at = end
        return piece

    def integer(self, width: int) -> int:
        """Return an unsigned integer of ``width`` bytes."""
        return int.from_bytes(self.take(width), "little")

    def lenenc(self) -> int:
        """Return a length-encoded integer."""
        first = self.integer(1)
        if first < 251:
            return first
        width = {252: 2, 253: 3, 254: 8}.get(first)
        if width is None:
            raise protocol_error(1835, "Malformed communication packet")
        return self.integer(width)

    def string(self) -> bytes:
        """Return a length-encoded string."""
        return self.take(self.lenenc())

    def until_nul(self) -> bytes:
        """Return the bytes before the next NUL, or what is left if there is none."""
        end = self._data.find(b"\0", self._at)
        if end < 0:
            end = len(self._data)
        piece = self._data[self._at : end]
        self._at = end + 1
        return piece

    def rest(self) -> bytes:
        """Return what is left."""
        piece = self._data[self._at :]
        self._at = len(self._data)
        return piece


class PacketStream:
    """Packets over one socket.  Those that are sent wait for :meth:`flush`."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock: socket.socket = sock
        self.sequence = 0
        """Number of the next packet, in either direction."""
        self._buffer = b""
        """Received and not yet used.  Empty while TLS begins: only whole packets are asked for
        until then, because what follows the request for TLS is not for this class to read."""
        self._read_ahead = 0
        self._waiting: list[bytes] = []
        self._waiting_size = 0

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Go on encrypted."""
        self.sock = context.wrap_socket(self.sock, server_side=True)

    def read_ahead(self) -> None:
        """From now on receive more than was asked for, to save system calls."""
        self._read_ahead = _RECEIVE

    def _exactly(self, count: int) -> bytes:
        buffer = self._buffer
        if len(buffer) >= count:
            self._buffer = buffer[count:]
            return buffer[:count]
        if count > _RECEIVE:
            return self._large(count)
        while len(buffer) < count:
            part = self.sock.recv(max(count - len(buffer), self._read_ahead))
            if not part:
                raise Disconnected
            buffer += part
        self._buffer = buffer[count:]
        return buffer[:count]

    def _large(self, count: int) -> bytes:
        # In place: recv() would make room for all that is missing, again for every piece.
        whole = bytearray(count)
        at = len(self._buffer)
        whole[:at] = self._buffer
        self._buffer = b""
        with memoryview(whole) as view:
            while at < count:
                received = self.sock.recv_into(view[at:])
                if not received:
                    raise Disconnected
                at += received
        return bytes(whole)

    def receive(self, limit: int) -> bytes:
        """Return the next payload, of at most ``limit`` bytes.

        Raises ``Disconnected`` at the end, ``OutOfOrder``, and 1153 for one that is longer; the
        connection is then of no further use.
        """
        parts: list[bytes] = []
        total = 0
        while True:
            header = self._exactly(4)
            size = int.from_bytes(header[:3], "little")
            if header[3] != self.sequence:
                raise OutOfOrder
            self.sequence = (self.sequence + 1) & 255
            total += size
            if total > limit:
                raise protocol_error(1153, "Got a packet bigger than 'max_allowed_packet' bytes")
            parts.append(self._exactly(size))
            if size < MAX_PAYLOAD:
                return parts[0] if len(parts) == 1 else b"".join(parts)

    def send(self, payload: bytes) -> None:
        """Send one payload."""
        self.send_all((payload,))

    def send_all(self, payloads: Sequence[bytes]) -> None:
        """Send payloads, each in packets of its own."""
        if len(payloads) > 1 and max(map(len, payloads)) < MAX_PAYLOAD:
            self._send_rows(payloads)
            return
        sequence = self.sequence
        waiting = self._waiting
        append = waiting.append
        size = self._waiting_size
        pack = _pack
        for payload in payloads:
            length = len(payload)
            if length >= MAX_PAYLOAD:
                for start in range(0, length - MAX_PAYLOAD + 1, MAX_PAYLOAD):
                    append(pack(MAX_PAYLOAD | sequence << 24))
                    append(payload[start : start + MAX_PAYLOAD])
                    sequence = (sequence + 1) & 255
                payload = payload[length - length % MAX_PAYLOAD :]
            append(pack(len(payload) | sequence << 24))
            append(payload)
            sequence = (sequence + 1) & 255
            size += length + 4
        self.sequence = sequence
        self._waiting_size = size
        if size > _FLUSH_AT:
            self.flush()

    def _send_rows(self, payloads: Sequence[bytes]) -> None:
        """Send many payloads of one packet each, without a step of Python for each."""
        numbers = itertools.cycle(_NUMBERS[self.sequence :] + _NUMBERS[: self.sequence])
        headers = map(_pack, map(operator.or_, map(len, payloads), numbers))
        data = b"".join(itertools.chain.from_iterable(zip(headers, payloads)))  # noqa: B905 - quick
        self.sequence = (self.sequence + len(payloads)) & 255
        self._waiting.append(data)
        self._waiting_size += len(data)
        if self._waiting_size > _FLUSH_AT:
            self.flush()

    def flush(self) -> None:
        """Send what waits."""
        if self._waiting:
            data = b"".join(self._waiting)
            self._waiting.clear()
            self._waiting_size = 0
            self.sock.sendall(data)


# -- column definitions ----------------------------------------------------------------------

_UTF8MB4_BYTES = 4
"""Bytes that a character of the collations 45 and 46 can have: lengths on the wire are bytes."""
_FIXED = struct.Struct("<HIBHBxx")


def column_definition(column: Column, *, extended: bool) -> bytes:
    """Return a column definition.

    ``extended`` adds SingleStore's extension to columns of VECTOR and BSON; without it they are
    long texts or blobs.  The extension: u8 kind (1 BSON, 2 VECTOR), for a vector also
    u32 dimension and u8 element (1 F32, 2 F64, 3 I8, 4 I16, 5 I32, 6 I64, 7 F16).
    """
    code, length, extension = column.type_code, column.length or 0, b""
    if code > 2000:
        if extended:
            extension = struct.pack("<BIB", 2, length, code % 1000)
        code, length = 251, 0xFFFFFFFF
    elif code == 1001:
        code, extension = 252, b"\x01" if extended else b""
    elif column.charset != BINARY:
        length *= _UTF8MB4_BYTES
    elif code in (0, 246):
        length = (column.precision or 0) + 1 + bool(column.scale)  # the sign and the point
    fixed = _FIXED.pack(
        column.charset,
        min(length, 0xFFFFFFFF),
        code,
        column.flags & 0xFFFF,
        column.scale or 0,
    )
    return b"".join((
        b"\x03def", text(column.database), text(column.table), text(column.org_table),
        text(column.name), text(column.org_name), lenenc(len(fixed) + len(extension)), fixed,
        extension,
    ))  # fmt: skip
