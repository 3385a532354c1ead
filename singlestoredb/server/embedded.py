"""The embedded engine as a local server: the MySQL protocol and the HTTP Data API.

::

    from singlestoredb.server import embedded

    with embedded.start("flights.db") as server:
        conn = s2.connect(server.mysql_url)

It needs the distribution ``singlestoredb-embedded`` (``pip install 'singlestoredb[embedded]'``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, cast

from singlestoredb.kernel import get_registry
from singlestoredb_hookspecs import LocalServer, ServerRequest

_NAME = "embedded"


class EmbeddedServer(LocalServer, Protocol):
    """A running server; whoever starts it stops it."""

    mysql_url: str
    """For ``connect()``, with name and password: for nobody else's eyes."""
    http_url: str
    """The same over the HTTP Data API, ``https`` where there is TLS."""
    host: str
    mysql_port: int
    http_port: int
    user: str
    password: str

    def __enter__(self) -> EmbeddedServer: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


def start(
    path: str | os.PathLike[str] | None = None,
    mysql_port: int = 0,
    http_port: int = 0,
    users: Mapping[str, str] | None = None,
    tls: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
) -> EmbeddedServer:
    """Start the server in a process of its own and return when it accepts connections.

    ``path`` is the database file, made when there is none; ``None`` keeps everything in memory.
    Ports are on 127.0.0.1; 0 picks a free one.  ``users`` maps names to passwords; without it
    there is ``root`` with a random password.  ``tls`` is a PEM file with certificate and key, or
    a pair of files; without it there is no TLS.

    The caller stops it; it also ends with the process that started it.  Raises
    ``PluginNotFoundError`` when the engine is not installed, ``OperationalError`` when the server
    cannot start: the file is in use, a port is taken.
    """
    options: dict[str, Any] = {"http_port": http_port}
    if users is not None:
        options["users"] = users
    if tls is not None:
        options["tls"] = tls
    registry = get_registry()
    plugin = registry.activate("servers", _NAME)
    request = ServerRequest(
        None if path is None else os.fspath(path), "127.0.0.1", mysql_port, options
    )
    return cast(EmbeddedServer, registry.manager.start_server(plugin, _NAME, request))
