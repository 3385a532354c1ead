"""The SDK's errors under the address that PyMySQL gives them."""

from __future__ import annotations

from typing import Any, NoReturn

from pymysql.err import error_map as _by_number

from singlestoredb import exceptions
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

__all__ = [
    "DataError",
    "DatabaseError",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "MySQLError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Warning",
    "error_map",
    "raise_mysql_exception",
]

error_map: dict[int, type[DatabaseError]] = {
    number: getattr(exceptions, kind.__name__) for number, kind in _by_number.items()
}
"""Number of a server's error → class, where it is not the usual one."""


def raise_mysql_exception(data: Any) -> NoReturn:
    """Raise the error of an ERR packet, ``data[0] == 0xFF``."""
    number = int.from_bytes(data[1:3], "little")
    sqlstate, text = None, bytes(data[3:])
    if text[:1] == b"#":
        sqlstate, text = text[1:6].decode("ascii", "replace"), text[6:]
    usual = InternalError if number < 1000 else OperationalError
    raise error_map.get(number, usual)(number, text.decode("utf-8", "replace"), sqlstate)
