"""The drivers ``http`` and ``https``: SingleStore's HTTP Data API.

::

    from singlestoredb import http

    conn = http.connect(host="db.example", user="me", password="…", driver="https")

The protocol is the plugins' of these names; this is their module with the names of PEP 249.
"""

from __future__ import annotations

from singlestoredb.exceptions import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    ManagementError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Warning,
)
from singlestoredb.http.connection import (
    Connection,
    apilevel,
    connect,
    paramstyle,
    threadsafety,
)
from singlestoredb.types import (
    BINARY,
    DATETIME,
    NUMBER,
    ROWID,
    STRING,
    Binary,
    Date,
    DateFromTicks,
    Time,
    TimeFromTicks,
    Timestamp,
    TimestampFromTicks,
)

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "Binary",
    "Connection",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "ManagementError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Warning",
    "apilevel",
    "connect",
    "paramstyle",
    "threadsafety",
]
