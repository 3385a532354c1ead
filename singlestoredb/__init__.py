"""Python SDK for SingleStore.

``connect()`` opens a database; everything behind it is a plugin (:mod:`singlestoredb.plugins`).
Names load on first use: importing this package imports neither a driver nor a data frame library.
"""

from __future__ import annotations

from ._version import __version__

# Type checkers take this name for true; importing typing would cost more than all of this module.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from . import http as http
    from . import mysql as mysql
    from . import plugins
    from .aio import AsyncConnection, AsyncConnectionPool, AsyncCursor, aconnect, create_async_pool
    from .config import describe_option, get_option, option_context, options, set_option
    from .connection import (
        Connection,
        Cursor,
        apilevel,
        connect,
        paramstyle,
        threadsafety,
    )
    from .exceptions import (
        DatabaseError,
        DataError,
        Error,
        IntegrityError,
        InterfaceError,
        InternalError,
        ManagementError,
        MySQLError,
        NotSupportedError,
        OperationalError,
        ProgrammingError,
        Warning,
    )
    from .management import (
        manage_cluster,
        manage_clusters,
        manage_files,
        manage_regions,
        manage_workspaces,
    )
    from .pool import ConnectionPool, create_pool
    from .types import (
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
    from .vectorstore import vector_db

_HOMES = {
    "aio": (
        "AsyncConnection",
        "AsyncConnectionPool",
        "AsyncCursor",
        "aconnect",
        "create_async_pool",
    ),
    "config": ("describe_option", "get_option", "option_context", "options", "set_option"),
    "connection": ("Connection", "Cursor", "apilevel", "connect", "paramstyle", "threadsafety"),
    "exceptions": (
        "DataError",
        "DatabaseError",
        "Error",
        "IntegrityError",
        "InterfaceError",
        "InternalError",
        "ManagementError",
        "MySQLError",
        "NotSupportedError",
        "OperationalError",
        "ProgrammingError",
        "Warning",
    ),
    "management": (
        "manage_cluster",
        "manage_clusters",
        "manage_files",
        "manage_regions",
        "manage_workspaces",
    ),
    "pool": ("ConnectionPool", "create_pool"),
    "types": (
        "BINARY",
        "DATETIME",
        "NUMBER",
        "ROWID",
        "STRING",
        "Binary",
        "Date",
        "DateFromTicks",
        "Time",
        "TimeFromTicks",
        "Timestamp",
        "TimestampFromTicks",
    ),
    "vectorstore": ("vector_db",),
}
_MODULES = frozenset(
    {
        *("aio", "alchemy", "auth", "config", "connection", "converters", "exceptions", "fusion"),
        *("http", "management", "mysql", "plugins", "pool", "server", "types", "utils"),
        "vectorstore",
    }
)
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "AsyncConnection",
    "AsyncConnectionPool",
    "AsyncCursor",
    "Binary",
    "Connection",
    "ConnectionPool",
    "Cursor",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "ManagementError",
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
    "aconnect",
    "apilevel",
    "connect",
    "create_async_pool",
    "create_engine",
    "create_pool",
    "describe_option",
    "get_option",
    "manage_cluster",
    "manage_clusters",
    "manage_files",
    "manage_regions",
    "manage_workspaces",
    "option_context",
    "options",
    "paramstyle",
    "plugins",
    "set_option",
    "threadsafety",
    "vector_db",
]


def create_engine(*args: Any, **kwargs: Any) -> Any:
    """Return an SQLAlchemy engine; see :func:`singlestoredb.alchemy.create_engine`."""
    import warnings

    with warnings.catch_warnings():
        # What is missing is told by the error that follows.
        warnings.simplefilter("ignore", RuntimeWarning)
        from .alchemy import create_engine as create

    return create(*args, **kwargs)


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    home = _HOME_OF.get(name)
    if home is None and name[:1].isupper():
        from .vectorstore import NAMES

        if name in NAMES:
            return getattr(import_module(f"{__name__}.vectorstore"), name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
