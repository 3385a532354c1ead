"""The local server ``bitdotio``: the back end, started by the SDK.

Its one URL, ``bitdotio``, opens a new database named ``local/main``.  Options: ``postgres`` (a
superuser's connection string), ``token``, ``owner`` and ``database``, the name without the owner.
"""

from __future__ import annotations

import threading
from urllib.parse import quote

from bitdotio import ApiError, bitdotio, server
from bitdotio.server._backend import BackendError
from singlestoredb.exceptions import InterfaceError, NotSupportedError, OperationalError
from singlestoredb_hookspecs import ServerRequest, hookimpl

SINGLESTOREDB_SPEC_VERSION = (1, 0)

NAME = "bitdotio"
_OPTIONS = ("postgres", "token", "owner", "database")


@hookimpl
def s2_start_server(name: str, request: ServerRequest) -> BitdotioServer | None:
    """Start the back end."""
    return BitdotioServer(request) if name == NAME else None


class BitdotioServer:
    """A running back end.  ``port`` and ``path`` of the request are the API's port and the folder
    of the private PostgreSQL."""

    pid: int | None = None

    def __init__(self, request: ServerRequest) -> None:
        if request.host not in ("127.0.0.1", "localhost"):
            raise NotSupportedError(None, f"it listens on 127.0.0.1 only, not on {request.host}")
        options = dict(request.options)
        unknown = set(options) - set(_OPTIONS)
        if unknown:
            raise InterfaceError(
                None, f"unknown options: {', '.join(sorted(unknown))}; known: {', '.join(_OPTIONS)}"
            )
        database = options.pop("database", "main")
        try:
            self._server = server.start(port=request.port, folder=request.path, **options)
        except ValueError as exc:
            raise InterfaceError(None, str(exc)) from exc
        except (server.PostgresError, BackendError, OSError) as exc:
            raise OperationalError(None, str(exc)) from exc
        self._ended = threading.Event()
        try:
            full_name = self._make_database(database, options.get("owner", "local"))
        except BaseException:
            self.stop()
            raise
        token, api_url = quote(self._server.token, safe=""), quote(self._server.api_url)
        self.urls = {
            NAME: f"bitdotio://api_user:{token}@/{quote(full_name)}?api_url={api_url}",
            "http": self._server.environment["BITIO_API_URL"],
        }

    def _make_database(self, name: str, owner: str) -> str:
        with bitdotio(self._server.token, api_url=self._server.api_url) as b:
            try:
                return str(b.create_database(name)["name"])
            except ApiError as exc:
                if exc.status_code != 409:  # a folder that was used before has it
                    raise OperationalError(None, str(exc)) from exc
        return f"{owner}/{name}"

    def wait(self, timeout: float | None = None) -> bool:
        """Wait at most ``timeout`` seconds until it ends; return whether it did."""
        return self._ended.wait(timeout)

    def stop(self) -> None:
        """End it, and the private PostgreSQL.  Idempotent."""
        self._server.close()
        self._ended.set()
