"""Error packets and socket errors as exceptions of the SDK."""

from __future__ import annotations

from singlestoredb import exceptions as exc
from singlestoredb.utils.text import printable as printable

CR_CONN_HOST_ERROR = 2003
CR_SERVER_GONE_ERROR = 2006
CR_SERVER_LOST = 2013
CR_SSL_CONNECTION_ERROR = 2026
CR_AUTH_PLUGIN_ERR = 2061

_CLASSES: dict[int, type[exc.DatabaseError]] = {}
for _cls, _numbers in (
    (
        exc.ProgrammingError,
        (1007, 1064, 1102, 1103, 1110, 1111, 1112, 1113, 1146, 1149, 1166, 1179),
    ),
    (exc.DataError, (1171, 1230, 1263, 1264, 1265, 1366, 1367, 1406, 1441)),
    (exc.IntegrityError, (1048, 1062, 1215, 1216, 1217, 1451, 1452)),
    (exc.NotSupportedError, (1196, 1235, 1286, 1289)),
    (exc.OperationalError, (1040, 1044, 1045, 1142, 1143, 1213, 4025)),
):
    for _number in _numbers:
        _CLASSES[_number] = _cls


def from_server(errno: int, message: str, sqlstate: str | None = None) -> exc.DatabaseError:
    """Return the exception for an error of the server.

    Classes follow PEP 249 as MySQL clients map them; other numbers are ``InternalError`` below
    1000 and ``OperationalError`` from there on.
    """
    cls = _CLASSES.get(errno)
    if cls is None:
        cls = exc.InternalError if errno < 1000 else exc.OperationalError
    return cls(errno, printable(message, "\n\t"), sqlstate and printable(sqlstate))


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
