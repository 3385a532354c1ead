"""Error packets and socket errors as exceptions of the SDK."""

from __future__ import annotations

from singlestoredb import exceptions as exc
from singlestoredb.utils.text import printable as printable

CR_CONN_HOST_ERROR = 2003
CR_SERVER_GONE_ERROR = 2006
CR_SERVER_LOST = 2013
CR_SSL_CONNECTION_ERROR = 2026
CR_AUTH_PLUGIN_ERR = 2061


def from_server(errno: int, message: str, sqlstate: str | None = None) -> exc.DatabaseError:
    """Return the exception for an error of the server."""
    text = printable(message, "\n\t")
    return exc.class_of(errno)(errno, text, sqlstate and printable(sqlstate))


def from_packet(payload: bytes) -> exc.DatabaseError:
    """Return the exception for an ERR packet, ``payload[0] == 0xFF``.

    https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_err_packet.html
    """
    errno = int.from_bytes(payload[1:3], "little")
    sqlstate = None
    message = payload[3:]
    if message[:1] == b"#":
        sqlstate, message = message[1:6].decode("ascii", "replace"), message[6:]
    return from_server(errno, message.decode("utf-8", "replace"), sqlstate)


def unreachable(where: str, reason: object) -> exc.OperationalError:
    """Return the exception for a server that cannot be connected to."""
    return exc.OperationalError(
        CR_CONN_HOST_ERROR, f"Can't connect to MySQL server on {where!r} ({reason})"
    )


def lost(during: object) -> exc.OperationalError:
    """Return the exception for a connection that was lost while waiting for an answer."""
    return exc.OperationalError(
        CR_SERVER_LOST, f"Lost connection to MySQL server during query ({during})"
    )


def gone(during: object) -> exc.OperationalError:
    """Return the exception for a connection that was lost while sending."""
    return exc.OperationalError(CR_SERVER_GONE_ERROR, f"MySQL server has gone away ({during})")
