"""Statuses and error bodies of the Data API as exceptions of the SDK."""

from __future__ import annotations

import re

from singlestoredb import exceptions as exc
from singlestoredb.utils.text import printable as printable

CR_CONN_HOST_ERROR = 2003
CR_SERVER_LOST = 2013
CR_SSL_CONNECTION_ERROR = 2026

_ERROR_BODY = re.compile(r"\s*Error\s+(\d{1,9})\b[^:\n]{0,80}:\s*(.*)", re.DOTALL)
_TRANSIENT = frozenset({401, 403, 408, 429, 502, 503, 504})
"""Statuses that speak of access or of a server's state, not of a broken protocol."""
_SHOWN = 500
"""Most characters of a body that is no error message of the database: a proxy's page, mostly."""


def from_server(errno: int, message: str) -> exc.DatabaseError:
    """Return the exception for an error of the database."""
    return exc.class_of(errno)(errno, printable(message, "\n\t"))


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
        # What has no number of the server's own is never the fault of a broken protocol.
        return (exc.class_of(code) if code >= 1000 else exc.OperationalError)(code, text)
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
