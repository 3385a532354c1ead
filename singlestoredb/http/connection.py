"""Connections over HTTP."""

from __future__ import annotations

from typing import Any

from singlestoredb.connection import Connection, apilevel, paramstyle, threadsafety
from singlestoredb.connection import connect as _connect
from singlestoredb.cursor import Cursor, Description
from singlestoredb.exceptions import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Warning,
)

__all__ = [
    "Connection",
    "Cursor",
    "DataError",
    "DatabaseError",
    "Description",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Warning",
    "apilevel",
    "connect",
    "paramstyle",
    "threadsafety",
]


def connect(host: str | None = None, **arguments: Any) -> Connection:
    """Connect over the HTTP Data API; arguments are those of :func:`singlestoredb.connect`.

    ``driver`` is ``http`` unless it or the URL says ``https``.  Raises ``ValueError`` for a driver
    that is neither.
    """
    driver = arguments.pop("driver", None)
    if host is None or "//" not in host:
        driver = driver or "http"
    elif driver is None:
        scheme = host.partition("//")[0].rstrip(":").lower().removeprefix("singlestoredb+")
        driver = scheme if scheme not in ("", "singlestoredb") else "http"
    if driver not in ("http", "https"):
        raise ValueError(f"driver {driver!r} is not over HTTP; use singlestoredb.connect()")
    return _connect(host, driver=driver, **arguments)
