"""The errors of the SDK.

::

    Exception
     └─ MySQLError
         ├─ Warning                 (also a builtin Warning)
         └─ Error
             ├─ InterfaceError      the client was used wrongly
             │   └─ PluginError     see singlestoredb.plugins
             ├─ ManagementError     the cloud's management service
             └─ DatabaseError       the server refused or failed
                 ├─ DataError           a value does not fit
                 ├─ OperationalError    the connection, the server's state, permissions
                 ├─ IntegrityError      a key or constraint
                 ├─ InternalError       the protocol or the server broke
                 ├─ ProgrammingError    the statement or the call is wrong
                 └─ NotSupportedError   neither side can do that

The names are PEP 249's.  Every error can be pickled.

A server's error number means the same class over every protocol (:func:`class_of`).  Clients of the
MySQL protocol and of the Data API have always disagreed about a dozen numbers, such as 1049, an
unknown database: their errors are of both classes, so that code written for either catches them.
"""

from __future__ import annotations

import builtins
from typing import Any

_RECOVERABLE = frozenset(
    {
        *(1040, 1203, 1226),  # too many connections
        *(1053, 1077, 1079),  # the server shuts down
        *(1158, 1159, 1160, 1161, 1184, 1927, 4031),  # the server lost or closed the connection
        *(1205, 1213, 1614),  # a lock was waited for too long; a deadlock
        *(2002, 2003, 2006, 2013, 2055),  # the client lost the connection, or found none
    }
)
"""Numbers of errors that may not come again; MySQL's and MariaDB's documentation names them."""


class MySQLError(Exception):
    """Common base of everything this package raises on purpose."""


class Warning(builtins.Warning, MySQLError):
    """Something worth telling that stopped nothing, such as truncated data."""


class Error(MySQLError):
    """Base of all errors.

    ``args`` is ``(errno, msg, sqlstate)``.
    """

    errno: int | None
    """Number given by the server or the client protocol; ``None`` or 0 when there is none."""
    errmsg: str | None
    """What went wrong."""
    sqlstate: str | None
    """Five characters of the SQL standard, when the server gave them."""
    hint: str | None
    """What to do about it, when that is known."""

    def __init__(
        self,
        errno: int | None = None,
        msg: str | None = None,
        sqlstate: str | None = None,
        *,
        hint: str | None = None,
    ) -> None:
        super().__init__(errno, msg, sqlstate)
        self.errno = errno
        self.errmsg = msg
        self.sqlstate = sqlstate
        self.hint = hint

    @property
    def msg(self) -> str | None:
        """Same as ``errmsg``."""
        return self.errmsg

    @property
    def is_recoverable(self) -> bool:
        """Whether the same may succeed when it is tried again, on a new connection if need be.

        True where a connection was lost or refused for want of room, for deadlocks and for locks
        that were waited for too long.  Whether a lost statement was carried out is not known.
        """
        return self.errno in _RECOVERABLE

    def _qualifier(self) -> str | None:
        return self.sqlstate

    def __str__(self) -> str:
        prefix = []
        if self.errno is not None:
            prefix.append(str(self.errno))
        qualifier = self._qualifier()
        if qualifier is not None:
            prefix.append(f"({qualifier})")
        parts = [part for part in (" ".join(prefix), self.errmsg) if part]
        text = ": ".join(parts) or "Unknown error"
        return f"{text} ({self.hint})" if self.hint else text

    def __repr__(self) -> str:
        return str(self)

    def __reduce__(self) -> tuple[Any, ...]:
        # Rebuilt without __init__: subclasses may take other arguments.
        return _rebuild, (type(self), self.args, dict(self.__dict__))


def _rebuild(cls: type[Error], args: tuple[Any, ...], state: dict[str, Any]) -> Error:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class InterfaceError(Error):
    """The client's interface was used wrongly, not the database."""


class DatabaseError(Error):
    """The database is the cause."""


class DataError(DatabaseError):
    """A value cannot be processed: division by zero, out of range, undecodable."""


class OperationalError(DatabaseError):
    """The database's operation failed: connection lost, access denied, memory, shutdown."""


class IntegrityError(DatabaseError):
    """Relational integrity would be hurt: duplicate key, missing parent row."""


class InternalError(DatabaseError):
    """The database or the protocol is out of order: cursor invalid, packets out of sequence."""


class ProgrammingError(DatabaseError):
    """The statement or the call is wrong: syntax, missing table, wrong number of arguments."""


class NotSupportedError(DatabaseError):
    """The database, the driver or this build does not have what was asked for."""


class ManagementError(Error):
    """The management service refused or failed.

    ``args`` is ``(errno, msg)``; ``response`` is the text of the service's answer.
    """

    response: str | None

    def __init__(
        self,
        errno: int | None = None,
        msg: str | None = None,
        response: str | None = None,
        *,
        hint: str | None = None,
    ) -> None:
        super().__init__(errno, msg, hint=hint)
        self.args = (errno, msg)
        self.response = response

    def _qualifier(self) -> str | None:
        return self.response


# -- numbers of a server's errors ------------------------------------------------------------


class OperationalProgrammingError(ProgrammingError, OperationalError):
    """Operational over the MySQL protocol, a wrong statement over the Data API."""


class OperationalDataError(DataError, OperationalError):
    """Operational over the MySQL protocol, a value that does not fit over the Data API."""


class OperationalIntegrityError(IntegrityError, OperationalError):
    """Operational over the MySQL protocol, a broken constraint over the Data API."""


_CLASSES: dict[int, type[DatabaseError]] = {
    number: cls
    for cls, numbers in (
        (
            ProgrammingError,
            (1007, 1064, 1102, 1103, 1110, 1111, 1112, 1113, 1146, 1149, 1166, 1179),
        ),
        (DataError, (1171, 1230, 1263, 1264, 1265, 1366, 1367, 1406, 1441)),
        (IntegrityError, (1048, 1062, 1215, 1216, 1217, 1451, 1452)),
        (NotSupportedError, (1196, 1235, 1286, 1289)),
        (OperationalProgrammingError, (1049, 1065, 1082, 1449, 1582, 1741)),
        (OperationalDataError, (1365,)),
        (OperationalIntegrityError, (1169, 1364, 1401, 1460, 1826)),
    )
    for number in numbers
}


def class_of(errno: int) -> type[DatabaseError]:
    """Return the class of a server's error.

    Numbers are those of PyMySQL's and the Data API's clients; any other is ``InternalError`` below
    1000 and ``OperationalError`` from there on.
    """
    known = _CLASSES.get(errno)
    if known is not None:
        return known
    return InternalError if errno < 1000 else OperationalError
