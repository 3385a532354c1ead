"""The vector database on a SingleStore database: the package ``singlestore-vectorstore``.

::

    db = singlestoredb.vector_db("user:password@host/database")
    index = db.create_index(name="docs", dimension=3)

Its own names (``Metric``, ``AndFilter`` …) are here, too, where it is installed.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from singlestoredb.connection import Connection

NAMES = (
    "AndFilter",
    "DeletionProtection",
    "EqFilter",
    "ExactMatchFilter",
    "FilterTypedDict",
    "GtFilter",
    "GteFilter",
    "InFilter",
    "IndexInterface",
    "IndexList",
    "IndexModel",
    "IndexStatsTypedDict",
    "LtFilter",
    "LteFilter",
    "MatchTypedDict",
    "Metric",
    "NamespaceStatsTypedDict",
    "NeFilter",
    "NinFilter",
    "OrFilter",
    "SimpleFilter",
    "Vector",
    "VectorDictMetadataValue",
    "VectorMetadataTypedDict",
    "VectorTuple",
    "VectorTupleWithMetadata",
)
"""What is taken from the package."""

__all__ = ["database_on", "vector_db"]

_INSTALL = "the vector database needs a package: pip install singlestore-vectorstore"


def _package() -> Any:
    try:
        return import_module("vectorstore")
    except ModuleNotFoundError as exc:
        if exc.name != "vectorstore":
            raise
        raise ModuleNotFoundError(_INSTALL, name="vectorstore") from exc


def vector_db(
    host: str | None = None,
    user: str | None = None,
    password: str | None = None,
    port: int | None = None,
    database: str | None = None,
    *,
    pool_size: int = 5,
    max_overflow: int = 10,
    timeout: float = 30,
    **connect_arguments: Any,
) -> Any:
    """Return a ``vectorstore.VectorDB`` that opens its own connections, and pools them.

    Args:
        host: server or URL; this and the following as for :func:`singlestoredb.connect`.
        user: user name.
        password: password.
        port: server port.
        database: database.
        pool_size: connections that are kept.
        max_overflow: further connections at a rush.
        timeout: seconds to wait for a connection.
        connect_arguments: further arguments of :func:`singlestoredb.connect`.

    Raises ``ModuleNotFoundError`` when the package ``singlestore-vectorstore`` is missing.
    """
    named = {"host": host, "user": user, "password": password, "port": port, "database": database}
    return _package().VectorDB(
        **{name: value for name, value in named.items() if value is not None},
        pool_size=pool_size,
        max_overflow=max_overflow,
        timeout=timeout,
        **connect_arguments,
    )


def database_on(connection: Connection) -> Any:
    """Return a ``vectorstore.VectorDB`` that works on a connection."""
    return _package().VectorDB(connection=connection)


def __getattr__(name: str) -> Any:
    if name not in NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(_package(), name)
    except ModuleNotFoundError as exc:
        raise AttributeError(f"{name} is not here: {exc}") from exc


def __dir__() -> list[str]:
    installed = find_spec("vectorstore") is not None
    return sorted({*__all__, *(NAMES if installed else ())})
