"""The server's half of the MySQL client/server protocol, as far as clients of StarRocks use it.

Text protocol only, no TLS, no compression, ``mysql_native_password``: what a StarRocks front end
offers by default. Layouts follow the MySQL manual, "Client/Server Protocol".
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import socket
import struct
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

COM_QUIT = 0x01
COM_INIT_DB = 0x02
COM_QUERY = 0x03
COM_PING = 0x0E
COM_SET_OPTION = 0x1B
COM_RESET_CONNECTION = 0x1F

CLIENT_CONNECT_WITH_DB = 1 << 3
CLIENT_PROTOCOL_41 = 1 << 9
CLIENT_SECURE_CONNECTION = 1 << 15
CLIENT_PLUGIN_AUTH = 1 << 19
CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA = 1 << 21

CAPABILITIES = (
    1  # LONG_PASSWORD
    | 1 << 1  # FOUND_ROWS
    | 1 << 2  # LONG_FLAG
    | CLIENT_CONNECT_WITH_DB
    | CLIENT_PROTOCOL_41
    | 1 << 13  # TRANSACTIONS
    | CLIENT_SECURE_CONNECTION
    | CLIENT_PLUGIN_AUTH
    | CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA
)

SERVER_STATUS_AUTOCOMMIT = 2
AUTH_PLUGIN = "mysql_native_password"
CHARSET_UTF8MB4 = 45
CHARSET_BINARY = 63

TYPE_DOUBLE = 0x05
TYPE_LONGLONG = 0x08
TYPE_DATE = 0x0A
TYPE_DATETIME = 0x0C
TYPE_NEWDECIMAL = 0xF6
TYPE_BLOB = 0xFC
TYPE_VAR_STRING = 0xFD


class SQLError(Exception):
    """An error to report to the client: a code of MySQL or StarRocks, an SQLSTATE, a message."""

    def __init__(self, code: int, message: str, sqlstate: str = "HY000") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.sqlstate = sqlstate


class Result(NamedTuple):
    """What a statement answers: rows (with column names), or a count of affected rows."""

    columns: tuple[str, ...] = ()
    rows: Sequence[Sequence[Any]] = ()
    affected: int = 0


class Disconnected(Exception):
    """The client is gone."""


class Channel:
    """Packets over a socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._file = sock.makefile("rb")
        self._sequence = 0

    def close(self) -> None:
        """Let go of the socket's buffer; the socket stays its owner's."""
        self._file.close()

    def start_command(self) -> None:
        """Restart the numbering of packets, as every command does."""
        self._sequence = 0

    def read(self) -> bytes:
        """Return the payload of the next message. Raise :class:`Disconnected` at the end."""
        payload = b""
        while True:
            header = self._file.read(4)
            if len(header) < 4:
                raise Disconnected
            length = int.from_bytes(header[:3], "little")
            self._sequence = (header[3] + 1) & 0xFF
            part = self._file.read(length)
            if len(part) < length:
                raise Disconnected
            payload += part
            if length < 0xFFFFFF:
                return payload

    def write(self, *payloads: bytes) -> None:
        """Send messages, together."""
        out = bytearray()
        for payload in payloads:
            while True:
                part, payload = payload[:0xFFFFFF], payload[0xFFFFFF:]
                out += len(part).to_bytes(3, "little") + bytes([self._sequence]) + part
                self._sequence = (self._sequence + 1) & 0xFF
                if len(part) < 0xFFFFFF:
                    break
        self._sock.sendall(out)


def log_in(channel: Channel, users: dict[str, str], thread_id: int, version: str) -> str | None:
    """Shake hands and check the password. Return the database that the client asked for.

    Raise :class:`Disconnected` after telling the client, if the user or the password is wrong.
    """
    salt = bytes(secrets.choice(range(1, 128)) for _ in range(20))
    channel.write(
        b"\x0a"
        + version.encode()
        + b"\0"
        + struct.pack("<I", thread_id)
        + salt[:8]
        + b"\0"
        + struct.pack(
            "<HBHHB",
            CAPABILITIES & 0xFFFF,
            CHARSET_UTF8MB4,
            SERVER_STATUS_AUTOCOMMIT,
            CAPABILITIES >> 16,
            len(salt) + 1,
        )
        + bytes(10)
        + salt[8:]
        + b"\0"
        + AUTH_PLUGIN.encode()
        + b"\0"
    )
    reply = channel.read()
    (flags,) = struct.unpack_from("<I", reply)
    at = 32
    end = reply.index(0, at)
    user = reply[at:end].decode()
    at = end + 1
    length = reply[at]
    token = reply[at + 1 : at + 1 + length]
    at += 1 + length
    database = None
    if flags & CLIENT_CONNECT_WITH_DB and at < len(reply):
        end = reply.index(0, at)
        database = reply[at:end].decode() or None
        at = end + 1
    plugin = reply[at:].split(b"\0", 1)[0].decode() if flags & CLIENT_PLUGIN_AUTH else AUTH_PLUGIN
    if plugin != AUTH_PLUGIN:
        channel.write(b"\xfe" + AUTH_PLUGIN.encode() + b"\0" + salt + b"\0")
        token = channel.read()
    if user not in users or token != _scramble(users[user], salt):
        channel.write(error_packet(SQLError(1045, f"Access denied for user '{user}'", "28000")))
        raise Disconnected
    return database


def _scramble(password: str, salt: bytes) -> bytes:
    """Return what ``mysql_native_password`` makes of a password and the server's salt."""
    if not password:
        return b""
    once = hashlib.sha1(password.encode()).digest()
    twice = hashlib.sha1(once).digest()
    mask = hashlib.sha1(salt + twice).digest()
    return bytes(a ^ b for a, b in zip(once, mask, strict=True))


def ok_packet(affected: int = 0) -> bytes:
    """Return an OK packet."""
    return (
        b"\0" + _integer(affected) + _integer(0) + struct.pack("<HH", SERVER_STATUS_AUTOCOMMIT, 0)
    )


def error_packet(error: SQLError) -> bytes:
    """Return an ERR packet."""
    text = f"#{error.sqlstate}{error.message}".encode()
    return b"\xff" + struct.pack("<H", error.code) + text


def result_packets(result: Result) -> Iterable[bytes]:
    """Yield the packets of a result: an OK packet, or a text result set."""
    if not result.columns:
        yield ok_packet(result.affected)
        return
    end = b"\xfe" + struct.pack("<HH", 0, SERVER_STATUS_AUTOCOMMIT)
    yield _integer(len(result.columns))
    for index, name in enumerate(result.columns):
        values = [row[index] for row in result.rows]
        code = _type_code(values)
        length, decimals = _extent(code, values)
        charset = CHARSET_UTF8MB4 if code == TYPE_VAR_STRING else CHARSET_BINARY
        yield b"".join(
            (
                _text("def"),
                *(_text("") for _ in range(3)),
                _text(name),
                _text(name),
                b"\x0c",
                struct.pack("<HIBHBH", charset, length, code, 0, decimals, 0),
            )
        )
    yield end
    for row in result.rows:
        yield b"".join(b"\xfb" if value is None else _bytes(_encode(value)) for value in row)
    yield end


def _type_code(values: Iterable[Any]) -> int:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, bool} and kinds:
        return TYPE_LONGLONG
    if kinds <= {int, bool, float} and kinds:
        return TYPE_DOUBLE
    if kinds <= {int, Decimal} and kinds:
        return TYPE_NEWDECIMAL
    return {
        frozenset((dt.date,)): TYPE_DATE,
        frozenset((dt.datetime,)): TYPE_DATETIME,
        frozenset((bytes,)): TYPE_BLOB,
    }.get(frozenset(kinds), TYPE_VAR_STRING)


def _extent(code: int, values: Iterable[Any]) -> tuple[int, int]:
    """Return the length and the decimals that describe a column."""
    if code == TYPE_NEWDECIMAL:
        scale = max(-int(v.as_tuple().exponent) for v in values if isinstance(v, Decimal))
        scale = max(scale, 0)
        return 38 + 1 + (scale > 0), scale  # 38 digits, a sign, a point
    if code in (TYPE_LONGLONG, TYPE_DATE):
        return 20, 0
    if code == TYPE_DATETIME:
        return 26, 6
    return 65533, 0x1F


def _encode(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool):
        return b"1" if value else b"0"
    if isinstance(value, float):
        return repr(value).encode()
    return str(value).encode()


def _integer(value: int) -> bytes:
    if value < 0xFB:
        return bytes([value])
    if value < 1 << 16:
        return b"\xfc" + value.to_bytes(2, "little")
    if value < 1 << 24:
        return b"\xfd" + value.to_bytes(3, "little")
    return b"\xfe" + value.to_bytes(8, "little")


def _bytes(value: bytes) -> bytes:
    return _integer(len(value)) + value


def _text(value: str) -> bytes:
    return _bytes(value.encode())
