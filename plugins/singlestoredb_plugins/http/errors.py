"""Statuses and error bodies of the Data API as exceptions of the SDK."""

from __future__ import annotations

import re

from singlestoredb import exceptions as exc
from singlestoredb.utils.text import printable as printable

CR_CONN_HOST_ERROR = 2003
CR_SERVER_LOST = 2013
CR_SSL_CONNECTION_ERROR = 2026

_CLASSES: dict[int, type[exc.DatabaseError]] = {}
# A number means the same class as over the MySQL protocol.
for _cls, _numbers in (
    (
        exc.ProgrammingError,
        (1007, 1064, 1102, 1103, 1110, 1111, 1112, 1113, 1146, 1149, 1166, 1179),
    ),
    (exc.DataError, (1171, 1230, 1263, 1264, 1265, 1366, 1367, 1406, 1441)),
    (exc.IntegrityError, (1048, 1062, 1215, 1216, 1217, 1451, 1452)),
    (exc.NotSupportedError, (1196, 1235, 1286, 1289)),
    (exc.OperationalError, (1040, 1044, 1045, 1142, 1143, 1213, 4025)),
    # What the protocol's clients leave to the default, and those of the Data API classify.
    (exc.ProgrammingError, (1049, 1065, 1082, 1449, 1582, 1741)),
    (exc.DataError, (1365,)),
    (exc.IntegrityError, (1169, 1364, 1401, 1460, 1826)),
):
    for _number in _numbers:
        _CLASSES[_number] = _cls

_ERROR_BODY = re.compile(r"\s*Error\s+(\d{1,9})\b[^:\n]{0,80}:\s*(.*)", re.DOTALL)
_TRANSIENT = frozenset({401, 403, 408, 429, 502, 503, 504})
"""Statuses that speak of access or of a server's state, not of a broken protocol."""
_SHOWN = 500
"""Most characters of a body that is no error message of the database: a proxy's page, mostly."""


def from_server(errno: int, message: str) -> exc.DatabaseError:
    """Return the exception for an error of the database."""
    cls = _CLASSES.get(errno)
    if cls is None:
        cls = exc.InternalError if errno < 1000 else exc.OperationalError
    return cls(errno, printable(message, "\n\t"))


def from_status(status: int, body: str) -> exc.Error:
    """Return the exception for an answer whose status is no success.

    The database's own errors are ``Error <number> …: <text>``; anything else comes from what
    stands before it, and its number is the status.
    """
    found = _ERROR_BODY.match(body)
    if found:
        return from_server(int(found[1]), found[2].strip())
    text = printable(" ".join(body.split()))
    if not text:
        return exc.InterfaceError(status, "HTTP Error")
    if len(text) > _SHOWN:
        text = text[: _SHOWN - 3] + "..."
    cls = exc.OperationalError if status in _TRANSIENT else exc.InternalError
    return cls(status, text)


def from_body(error: object) -> exc.DatabaseError:
    """Return the exception for an ``error`` in the body of a successful answer."""
    code = error.get("code") if isinstance(error, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    text = printable(str(message or "the server gave no reason"), "\n\t")
    if isinstance(code, str) and code.isascii() and code.isdigit():
        code = int(code[:9])
    if isinstance(code, int) and not isinstance(code, bool):
        return _CLASSES.get(code, exc.OperationalError)(code, text)
    return exc.OperationalError(None, text)


def malformed(what: str) -> exc.InternalError:
    """Return the exception for an answer that the Data API cannot have meant."""
    return exc.InternalError(None, f"the server sent a malformed answer: {what}")


def unsendable(reason: Exception) -> exc.DataError:
    """Return the exception for a statement or an argument that JSON cannot hold."""
    return exc.DataError(
        None,
        f"the statement or an argument cannot be sent as JSON ({type(reason).__name__})",
        hint="text must be valid Unicode, without lone surrogates",
    )
