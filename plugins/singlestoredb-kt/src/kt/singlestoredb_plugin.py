"""The embedded servers as ``singlestoredb`` servers: ``s2 serve ktserver``, ``s2 serve ttserver``.

The only module that needs the SDK (its package of hook specs).
"""

from __future__ import annotations

import importlib
import shlex
from collections.abc import Mapping
from typing import Any

from singlestoredb_hookspecs import LocalServer, ServerRequest, hookimpl

from .embedded import EmbeddedServer, EmbeddedTokyoTyrantServer
from .exceptions import KyotoTycoonError

_SERVERS: dict[str, tuple[str, type[EmbeddedServer] | type[EmbeddedTokyoTyrantServer]]] = {
    "kt": ("kt", EmbeddedServer),
    "ktserver": ("kt", EmbeddedServer),
    "ttserver": ("tt", EmbeddedTokyoTyrantServer),
}
"""Name → scheme of its URL, and what runs it."""
_OPTIONS = ("server", "server_args", "quiet")


class _RunningServer:
    """A `LocalServer` around an embedded server that runs."""

    def __init__(self, scheme: str, server: EmbeddedServer | EmbeddedTokyoTyrantServer) -> None:
        self._server = server
        self.urls: Mapping[str, str] = {scheme: f"{scheme}://{server.host}:{server.port}"}
        self.pid = server.pid
        """The process that was started; one that is restarted has another id."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait at most ``timeout`` seconds until it ended for good; return whether it did."""
        return self._server.wait(timeout)

    def stop(self) -> None:
        """End the process; idempotent."""
        if not self._server.wait(0):
            self._server.stop()


@hookimpl
def s2_start_server(name: str, request: ServerRequest) -> LocalServer | None:
    """Start ``ktserver`` (``kt`` for short) or ``ttserver``.

    ``request.path`` is the database (default ``*``, a hash in memory); options: ``server``,
    ``server_args``, ``quiet`` as in `EmbeddedServer`, or as text.
    """
    if name not in _SERVERS:
        return None
    scheme, make = _SERVERS[name]
    unknown = sorted(set(request.options) - set(_OPTIONS))
    if unknown:
        raise _operational_error(
            f"the server {name!r} has no option {unknown[0]!r}; it has {', '.join(_OPTIONS)}"
        )
    options: dict[str, Any] = dict(request.options)
    # The command line gives text: s2 serve kt -o server_args='-scr functions.lua' -o quiet=true
    if isinstance(options.get("server_args"), str):
        options["server_args"] = shlex.split(options["server_args"])
    if isinstance(options.get("quiet"), str):
        options["quiet"] = options["quiet"].strip().lower() in ("1", "true", "yes", "on")
    try:
        server = make(
            host=request.host, port=request.port or None, database=request.path or "*", **options
        )
        server.run()
    except KyotoTycoonError as exc:
        raise _operational_error(str(exc)) from exc
    return _RunningServer(scheme, server)


def _operational_error(message: str) -> Exception:
    """Return the error that the hook spec asks for; the SDK is there when its hook is called."""
    exceptions = importlib.import_module("singlestoredb.exceptions")
    error: Exception = exceptions.OperationalError(message)
    return error
