"""The driver ``mysql`` with the interface of PyMySQL and MySQLdb.

::

    from singlestoredb import mysql

    conn = mysql.connect(user="me", password="…", cursorclass=mysql.cursors.DictCursor)

Arguments are keywords, nothing is taken from the environment or from options, and autocommit is
off unless it is asked for: that is how it differs from :func:`singlestoredb.connect`.  The
protocol is the plugin ``mysql``'s, whatever it is by the deployment's choice.
"""

from __future__ import annotations

import sys
from typing import Any

from singlestoredb._version import __version__
from singlestoredb.exceptions import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    MySQLError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Warning,
)
from singlestoredb.mysql import connection, constants, converters, cursors, err, times
from singlestoredb.mysql.connection import Connection
from singlestoredb.mysql.constants import FIELD_TYPE
from singlestoredb.mysql.converters import escape_dict, escape_sequence, escape_string
from singlestoredb.mysql.times import (
    Date,
    DateFromTicks,
    Time,
    TimeFromTicks,
    Timestamp,
    TimestampFromTicks,
)

__all__ = [
    "BINARY",
    "DATE",
    "DATETIME",
    "FIELD_TYPE",
    "NULL",
    "NUMBER",
    "ROWID",
    "STRING",
    "TIME",
    "TIMESTAMP",
    "Binary",
    "Connect",
    "Connection",
    "DBAPISet",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "MySQLError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Warning",
    "__version__",
    "apilevel",
    "connect",
    "connection",
    "constants",
    "converters",
    "cursors",
    "err",
    "escape_dict",
    "escape_sequence",
    "escape_string",
    "get_client_info",
    "install_as_MySQLdb",
    "paramstyle",
    "thread_safe",
    "threadsafety",
    "times",
    "version_info",
]

apilevel = "2.0"
threadsafety = 1
"""Threads may share the module, but not connections."""
paramstyle = "pyformat"
version_info = (1, 4, 0, "final", 0)
"""Version of MySQLdb that programs may take this for."""
NULL = "NULL"
Connect = connect = Connection


class DBAPISet(frozenset[int]):
    """Type codes; equal to each of them."""

    def __eq__(self, other: object) -> bool:
        if isinstance(other, frozenset):
            return frozenset.__eq__(self, other)
        return other in self

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = frozenset.__hash__


STRING = DBAPISet({247, 253, 254})  # ENUM, VAR_STRING, STRING
BINARY = DBAPISet({249, 250, 251, 252})  # TINY_BLOB, MEDIUM_BLOB, LONG_BLOB, BLOB
# DECIMAL, TINY, LONG, FLOAT, DOUBLE, LONGLONG, INT24, YEAR
NUMBER = DBAPISet({0, 1, 3, 4, 5, 8, 9, 13})
DATE = DBAPISet({10, 14})  # DATE, NEWDATE
TIME = DBAPISet({11})
TIMESTAMP = DATETIME = DBAPISet({7, 12})  # TIMESTAMP, DATETIME
ROWID = DBAPISet()


def Binary(value: Any) -> bytes:
    """Return ``value`` as bytes, for binary columns."""
    return bytes(value)


def get_client_info() -> str:
    """Return the version of the SDK."""
    return __version__


def thread_safe() -> bool:
    """Return ``True``: threads may share the module."""
    return True


def install_as_MySQLdb() -> None:
    """Have programs that import ``MySQLdb`` or ``_mysql`` get this module."""
    sys.modules["MySQLdb"] = sys.modules["_mysql"] = sys.modules["singlestoredb.mysql"]
