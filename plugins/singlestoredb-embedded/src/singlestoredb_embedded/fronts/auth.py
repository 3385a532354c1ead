"""The connection phase: greeting, TLS, authentication.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html
"""

from __future__ import annotations

import secrets
import ssl
import struct
from dataclasses import dataclass, field

from singlestoredb_embedded.users import NATIVE, SHA2, Users
from singlestoredb_embedded.variables import VERSION

from . import packets
from .packets import PacketStream, Reader, protocol_error

MAX_PACKET = 1 << 16
"""Bytes that somebody who is not logged in may send at once."""
METHODS = (NATIVE, SHA2)
_CAPABILITIES = (
    packets.LONG_PASSWORD | packets.FOUND_ROWS | packets.LONG_FLAG | packets.CONNECT_WITH_DB
    | packets.LOCAL_FILES | packets.PROTOCOL_41 | packets.TRANSACTIONS
    | packets.SECURE_CONNECTION | packets.MULTI_STATEMENTS | packets.MULTI_RESULTS
    | packets.PS_MULTI_RESULTS | packets.PLUGIN_AUTH | packets.CONNECT_ATTRS
    | packets.PLUGIN_AUTH_LENENC | packets.DEPRECATE_EOF
)  # fmt: skip
_COLLATION = 45
_FAST_AUTH_SUCCESS, _FULL_AUTHENTICATION = b"\x01\x03", b"\x01\x04"


@dataclass(frozen=True)
class Login:
    """Who a client proved to be, and what it asked for."""

    user: str
    database: str
    capabilities: int
    """Flags that both sides have."""
    nonce: bytes = field(repr=False)
    """What the client was challenged with, and is again when it changes its user."""


def access_denied(user: str, has_password: bool) -> Exception:
    """Make error 1045, which does not say whether the user or the password was wrong."""
    using = "YES" if has_password else "NO"
    return protocol_error(
        1045, f"Access denied for user '{user}'@'localhost' (using password: {using})"
    )


class Authenticator:
    """Lets the clients of one server in, or not.  ``method`` is the one it proposes."""

    def __init__(self, users: Users, method: str, tls: ssl.SSLContext | None) -> None:
        self._users = users
        self._method = method
        self._tls = tls

    def log_in(self, stream: PacketStream, number: int) -> Login:
        """Greet a client as connection ``number`` and authenticate it.

        Raises 1043 for what is no handshake, 1045 for a wrong user or password; nothing else may
        be said to such a client.
        """
        offered = _CAPABILITIES | (packets.SSL if self._tls else 0)
        nonce = _nonce()
        stream.send(self._greeting(number, offered, nonce))
        stream.flush()
        answer = stream.receive(MAX_PACKET)
        if len(answer) < 32:
            raise _bad_handshake()
        flags = int.from_bytes(answer[:4], "little")
        if flags & packets.SSL and len(answer) == 32:
            if self._tls is None:
                raise _bad_handshake()
            stream.start_tls(self._tls)
            answer = stream.receive(MAX_PACKET)
            if len(answer) < 32:
                raise _bad_handshake()
            flags = int.from_bytes(answer[:4], "little")
        stream.read_ahead()
        flags &= offered
        if not flags & packets.PROTOCOL_41:
            raise _bad_handshake()
        reader = Reader(answer, 32)
        user = _text(reader.until_nul())
        lenenc = flags & packets.PLUGIN_AUTH_LENENC
        scramble = reader.string() if lenenc else reader.take(reader.integer(1))
        database = ""
        if flags & packets.CONNECT_WITH_DB and not reader.at_end():
            database = _text(reader.until_nul())
        method = ""
        if flags & packets.PLUGIN_AUTH and not reader.at_end():
            method = _text(reader.until_nul())
        if method not in METHODS:
            method, nonce, scramble = self._switch(stream, _nonce())
        self._check(stream, user, method, nonce, scramble)
        return Login(user, database, flags, nonce)

    def change_user(self, stream: PacketStream, body: bytes, before: Login) -> Login:
        """Authenticate again, as COM_CHANGE_USER asks."""
        reader = Reader(body)
        user = _text(reader.until_nul())
        scramble = reader.take(reader.integer(1))
        database = _text(reader.until_nul())
        method = ""
        if not reader.at_end():
            reader.take(2)  # character set
            method = _text(reader.until_nul())
        nonce = before.nonce
        if method not in METHODS or not scramble:
            # libmysqlclient waits to be asked.  The nonce stays, because libmariadb answers by
            # the first one, whatever it is sent here.
            method, nonce, scramble = self._switch(stream, nonce)
        self._check(stream, user, method, nonce, scramble)
        return Login(user, database, before.capabilities, nonce)

    def _greeting(self, number: int, offered: int, nonce: bytes) -> bytes:
        return b"".join((
            b"\x0a", VERSION.encode(), b"\0", struct.pack("<I", number), nonce[:8], b"\0",
            struct.pack("<H", offered & 0xFFFF), bytes((_COLLATION,)),
            struct.pack("<H", packets.STATUS_AUTOCOMMIT), struct.pack("<H", offered >> 16),
            bytes((len(nonce) + 1,)), bytes(10), nonce[8:], b"\0", self._method.encode(), b"\0",
        ))  # fmt: skip

    def _switch(self, stream: PacketStream, nonce: bytes) -> tuple[str, bytes, bytes]:
        """Demand the server's own method; return it, the nonce and the answer."""
        stream.send(b"\xfe" + self._method.encode() + b"\0" + nonce + b"\0")
        stream.flush()
        return self._method, nonce, stream.receive(MAX_PACKET)

    def _check(
        self, stream: PacketStream, user: str, method: str, nonce: bytes, scramble: bytes
    ) -> None:
        has_password = scramble not in (b"", b"\0")
        if self._users.check_scramble(user, method, nonce, scramble):
            if method == SHA2 and has_password:
                stream.send(_FAST_AUTH_SUCCESS)
            return
        if method == SHA2 and has_password and isinstance(stream.sock, ssl.SSLSocket):
            # As the method has it, whatever was wrong: a client without the right scramble may
            # still know the password, and nobody learns which users exist.
            stream.send(_FULL_AUTHENTICATION)
            stream.flush()
            password = stream.receive(MAX_PACKET).removesuffix(b"\0")
            if self._users.check_password(user, password.decode("utf-8", "replace")):
                return
        raise access_denied(user, has_password)


def _nonce() -> bytes:
    # 20 characters without NUL, which ends it on the wire
    return bytes(secrets.choice(range(33, 127)) for _ in range(20))


def _bad_handshake() -> Exception:
    return protocol_error(1043, "Bad handshake")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
