"""The common login: a password that is hashed, to a server that offers no TLS or may not use it.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html

Where the server wants anything else, what it said so far is handed to PyMySQL.
"""

from __future__ import annotations

import hashlib
import socket
import struct
from typing import NamedTuple

from singlestoredb.dialing import left
from singlestoredb_hookspecs import ConnectionParams

from . import errors, handshake

_PLUGIN = b"mysql_native_password"
_UTF8MB4 = 45
"""utf8mb4_general_ci, the collation that PyMySQL names too; SET NAMES follows."""
_MAX_PACKET = 0xFFFFFF
_GREETING_MOST = 4096
"""Bytes; a longer greeting is PyMySQL's to read."""

_FOUND_ROWS = 1 << 1
_CONNECT_WITH_DB = 1 << 3
_SSL = 1 << 11
_MULTI_STATEMENTS = 1 << 16
_CONNECT_ATTRS = 1 << 20
_NEEDED = 1 << 9 | 1 << 15 | 1 << 19 | 1 << 21
"""PROTOCOL_41, SECURE_CONNECTION, PLUGIN_AUTH, PLUGIN_AUTH_LENENC_CLIENT_DATA."""
_SAID = _NEEDED | 1 << 0 | 1 << 2 | 1 << 7 | 1 << 13 | 1 << 17
"""With LONG_PASSWORD, LONG_FLAG, LOCAL_FILES, TRANSACTIONS and MULTI_RESULTS.  That the client
could send files says nothing of whether it does: that is decided at each request."""


class Said(NamedTuple):
    """A conversation that somebody else has to go on with."""

    sock: socket.socket
    heard: bytes
    """What the server said."""
    has_answered: bool
    """Whether the login was sent."""


class _Server(NamedTuple):
    version: str
    connection_id: int
    capabilities: int
    status: int
    salt: bytes


def is_common(params: ConnectionParams) -> bool:
    """Return whether a login may turn out to be the common one."""
    return bool(
        params.charset == "utf8mb4"
        and params.user
        and (params.unix_socket or (params.host and params.port))
        and (params.ssl_disabled or not handshake.tls_is_required(params))
        and not params.auth_plugin_map
        and not params.client_flag
        and params.credential_type is None
    )


def connect(params: ConnectionParams, deadline: float) -> handshake.Greeting | Said:
    """Log in; return what there is to go on with where it takes more than a hashed password.

    Raises as :func:`handshake.connect`.
    """
    host, port = params.host or "", params.port or 0
    where = str(params.unix_socket or f"{host}:{port}")
    sock = None
    try:
        sock = handshake.open_socket(
            host, port, params.unix_socket, params.bind_address, params, deadline
        )
        heard = _receive(sock, deadline)
        server = _greeting(heard)
        if server is None or (
            server.capabilities & _SSL and not params.ssl_disabled and not params.unix_socket
        ):
            return Said(sock, heard, False)
        sock.sendall(_login(params, server))
        answer = _receive(sock, deadline)
    except OSError as exc:
        if sock is not None:
            sock.close()
        raise errors.unreachable(where, exc) from exc
    except BaseException:
        if sock is not None:
            sock.close()
        raise
    payload = answer[4:]
    if answer[3] != 2 or len(answer) != 4 + int.from_bytes(answer[:3], "little"):
        return Said(sock, heard + answer, True)
    if payload[:1] == b"\xff":
        sock.close()
        raise errors.from_packet(payload)
    if payload[:1] != b"\0":
        return Said(sock, heard + answer, True)
    return handshake.Greeting(
        sock=sock,
        server_version=server.version,
        connection_id=server.connection_id,
        status=server.status,
        capabilities=server.capabilities,
        encoding="utf8",
        host_info="Localhost via UNIX socket" if params.unix_socket else f"socket {where}",
        is_secure=bool(params.unix_socket),
        deadline=deadline,
    )


def _receive(sock: socket.socket, deadline: float) -> bytes:
    """Receive a packet, or as much of a long one as shows that it is none of ours."""
    data = b""
    while len(data) < 4 or len(data) < min(4 + int.from_bytes(data[:3], "little"), _GREETING_MOST):
        sock.settimeout(left(deadline))
        part = sock.recv(_GREETING_MOST)
        if not part:
            raise ConnectionError("the server closed the connection")
        data += part
    return data


def _greeting(data: bytes) -> _Server | None:
    """Read the server's greeting; ``None`` for one that is not of the common kind.

    u8 10, NUL-terminated version, u32 connection, 8 bytes of salt, NUL, u16 capabilities, u8
    collation, u16 status, u16 capabilities, u8 length of the salt, 10 NULs, 12 bytes of salt, NUL,
    NUL-terminated plugin.
    """
    end = data.find(b"\0", 5)
    if data[3:5] != b"\0\n" or end < 0 or len(data) != 4 + int.from_bytes(data[:3], "little"):
        return None
    fixed = data[end + 1 : end + 45]
    if len(fixed) != 44 or data[end + 45 :].rstrip(b"\0") != _PLUGIN or fixed[20] != 21:
        return None
    connection, low, status, high = struct.unpack("<I9xHxHH", fixed[:20])
    capabilities = low | high << 16
    if capabilities & _NEEDED != _NEEDED:
        return None
    version = errors.printable(data[5:end].decode("latin-1"))
    return _Server(version, connection, capabilities, status, fixed[4:12] + fixed[31:43])


def _scrambled(password: bytes, salt: bytes) -> bytes:
    """SHA1(password) XOR SHA1(salt + SHA1(SHA1(password))), of which the server knows the last."""
    if not password:
        return b""
    once = hashlib.sha1(password).digest()
    mask = hashlib.sha1(salt + hashlib.sha1(once).digest()).digest()
    return bytes(a ^ b for a, b in zip(once, mask, strict=True))


def _counted(data: bytes) -> bytes:
    """Return bytes behind their length."""
    if len(data) < 251:
        return bytes((len(data),)) + data
    return b"\xfc" + len(data).to_bytes(2, "little") + data


def _login(params: ConnectionParams, server: _Server) -> bytes:
    database = (params.database or "").encode()
    flags = _SAID
    flags |= _CONNECT_WITH_DB if database else 0
    flags |= _MULTI_STATEMENTS if params.multi_statements else 0
    flags |= _FOUND_ROWS if params.client_found_rows else 0
    flags |= server.capabilities & _CONNECT_ATTRS
    payload = [
        struct.pack("<IIB23x", flags, _MAX_PACKET, _UTF8MB4),
        (params.user or "").encode() + b"\0",
        _counted(_scrambled(handshake.password(params), server.salt)),
        database + b"\0" if database else b"",
        _PLUGIN + b"\0",
    ]
    if flags & _CONNECT_ATTRS:
        told = handshake.attributes(params)
        pairs = [_counted(str(t).encode()) for pair in told.items() for t in pair]
        payload.append(_counted(b"".join(pairs)))
    data = b"".join(payload)
    return len(data).to_bytes(3, "little") + b"\1" + data
