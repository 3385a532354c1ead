"""The HTTP face of the back end: routes, the token, and JSON."""

from __future__ import annotations

import hmac
import json
import logging
import os
import re
import secrets
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from bitdotio._settings import check_token
from bitdotio._version import __version__
from bitdotio.server._backend import Backend, BackendError
from bitdotio.server._postgres import PrivatePostgres

logger = logging.getLogger("bitdotio.server")

_PREFIX = "/v2beta"
_MAX_BODY = 64 * 1024 * 1024
"""Bytes of the largest request that is read."""


def start(
    postgres: str | None = None,
    *,
    folder: str | os.PathLike[str] | None = None,
    token: str | None = None,
    owner: str = "local",
    port: int = 0,
) -> LocalServer:
    """Start the back end in this process and return it, answering; the caller closes it.

    Args:
        postgres: Connection string of a superuser of a PostgreSQL 13 or newer.  ``None`` starts a
            private one, which needs PostgreSQL's programs on this machine.
        folder: Where the private one keeps its data; ``None``: nowhere.
        token: The access token to ask for; ``None`` makes one up.
        owner: First part of the names of new databases.
        port: Port of the API on 127.0.0.1; 0 takes a free one.

    Raises:
        PostgresError: when a private PostgreSQL cannot be started.
        BackendError: when the PostgreSQL cannot be used.
        ValueError: when an argument cannot be right.
    """
    if postgres is not None and folder is not None:
        raise ValueError("folder is for a private PostgreSQL: give either it or postgres")
    if not re.fullmatch(r"\w[\w.-]{0,37}", owner):
        raise ValueError(f"Invalid owner {owner!r}: expected 1 to 38 word characters")
    token = check_token(token or f"v2_{secrets.token_hex(16)}", strict=False)
    private = None
    if postgres is None:
        private = PrivatePostgres(folder)
        private.start()
    try:
        backend = Backend(private.dsn if private else str(postgres), token, owner)
        return LocalServer(backend, token, port, private)
    except BaseException:
        if private:
            private.stop()
        raise


class LocalServer:
    """A running back end.  ``close()``, or leaving its ``with`` block, ends it."""

    def __init__(
        self, backend: Backend, token: str, port: int, private: PrivatePostgres | None
    ) -> None:
        self.token = token
        self.postgres = private
        """The private PostgreSQL, if it runs on one."""
        self._server = _Server(("127.0.0.1", port), backend, token, private is not None)
        self.port: int = self._server.server_address[1]
        self.api_url = f"http://127.0.0.1:{self.port}"
        self._closed = False
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="bitdotio-server", daemon=True
        )
        self._thread.start()

    def __repr__(self) -> str:
        return f"<bitdotio LocalServer {self.api_url}>"

    def __enter__(self) -> LocalServer:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def environment(self) -> dict[str, str]:
        """The one variable that leads an unchanged program here.  Holds the token."""
        return {"BITIO_API_URL": f"http://{self.token}@127.0.0.1:{self.port}"}

    @property
    def pg_host(self) -> str:
        """Host, or socket folder, of the PostgreSQL behind it."""
        return self._server.backend.host

    @property
    def pg_port(self) -> int:
        """Its port."""
        return self._server.backend.port

    def close(self) -> None:
        """Stop answering, and stop the private PostgreSQL.  Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        if self.postgres:
            self.postgres.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], backend: Backend, token: str, private: bool
    ) -> None:
        self.backend = backend
        self.authorization = f"Bearer {token}".encode()
        self.sslmode = "disable" if private else "prefer"
        self._clients: set[socket.socket] = set()
        self._clients_lock = threading.Lock()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._clients_lock:
            self._clients.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._clients_lock:
            self._clients.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        # Clients keep their connections open; the threads that serve them end with the sockets.
        with self._clients_lock:
            clients = list(self._clients)
        for client in clients:
            try:
                client.shutdown(socket.SHUT_RDWR)
            except OSError:
                logger.debug("a client had gone already")

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.debug("connection of a client failed", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = f"bitdotio/{__version__}"
    sys_version = ""
    timeout = 60  # seconds that an idle connection is kept
    wbufsize = -1  # head and body of an answer in one packet

    def _answer(self) -> None:
        try:
            body = self._read_body()
            given = self.headers.get("Authorization", "").encode("latin-1")
            if not hmac.compare_digest(given, self.server.authorization):
                raise BackendError(401, "missing or wrong access token")
            status, result = self._dispatch(body)
        except BackendError as exc:
            status, result = exc.status, {"error": exc.message}
            if exc.sqlstate:
                result["sqlstate"] = exc.sqlstate
        except Exception:
            logger.exception("request failed")
            status, result = 500, {"error": "internal error of the local back end; see its log"}
        self._send(status, result)

    # The names are those that http.server calls.
    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _answer  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        logger.debug("%s " + format, self.address_string(), *args)

    def _read_body(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not re.fullmatch("[0-9]{1,15}", length):
            self.close_connection = True
            raise BackendError(411, "a body needs a Content-Length")
        if int(length) > _MAX_BODY:
            self.close_connection = True
            raise BackendError(413, f"a body may have {_MAX_BODY} bytes")
        return self.rfile.read(int(length))

    def _send(self, status: int, result: Any) -> None:
        payload = b"" if result is None else json.dumps(result).encode()
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", "Bearer")
        if status != 204:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(payload)

    def _dispatch(self, body: bytes) -> tuple[int, Any]:
        url = urlsplit(self.path)
        path = url.path.removeprefix(_PREFIX) if url.path.startswith(_PREFIX + "/") else ""
        backend = self.server.backend
        actions: dict[str, Callable[[], tuple[int, Any]]]
        if path == "/query":
            options = parse_qs(url.query)
            actions = {"POST": lambda: (200, self._query(body, options))}
        elif path == "/connection/":
            endpoint = {**backend.connection(), "sslmode": self.server.sslmode}
            actions = {"GET": lambda: (200, endpoint)}
        elif path == "/db/":
            actions = {
                "GET": lambda: (200, {"databases": backend.list_databases()}),
                "POST": lambda: (201, self._create(body)),
            }
        elif path.startswith("/db/"):
            name = unquote(path.removeprefix("/db/"))
            actions = {
                "GET": lambda: (200, backend.get_database(name)),
                "PATCH": lambda: (200, backend.update_database(name, _fields(body, _DATABASE))),
                "DELETE": lambda: self._delete(name),
            }
        else:
            raise BackendError(404, f"there is no {url.path} in this API")
        if self.command not in actions:
            raise BackendError(405, f"{url.path} knows only {', '.join(actions)}")
        return actions[self.command]()

    def _query(self, body: bytes, options: dict[str, list[str]]) -> Any:
        fields = _fields(body, _QUERY, required=("database_name", "query_string"))
        data_format = options.get("data_format", [None])[-1]
        return self.server.backend.query(
            fields["database_name"], fields["query_string"], data_format
        )

    def _delete(self, name: str) -> tuple[int, None]:
        self.server.backend.delete_database(name)
        return 204, None

    def _create(self, body: bytes) -> Any:
        fields = _fields(body, _DATABASE, required=("name",))
        return self.server.backend.create_database(
            fields["name"], fields.get("is_private", True), fields.get("storage_limit_bytes")
        )


_QUERY: dict[str, type] = {"database_name": str, "query_string": str}
_DATABASE: dict[str, type] = {"name": str, "is_private": bool, "storage_limit_bytes": int}


def _fields(body: bytes, kinds: dict[str, type], required: tuple[str, ...] = ()) -> dict[str, Any]:
    """Decode a JSON object and check its fields; unknown ones are refused by name."""
    try:
        fields = json.loads(body)
    except ValueError:
        raise BackendError(400, "the body is not JSON") from None
    if not isinstance(fields, dict):
        raise BackendError(400, "the body is not a JSON object")
    for name in required:
        if name not in fields:
            raise BackendError(400, f"the field {name!r} is missing")
    for name, value in fields.items():
        if name not in kinds:
            raise BackendError(400, f"unknown field {name!r}: expected {', '.join(kinds)}")
        # A bool is an int for Python, not for JSON.
        if not isinstance(value, kinds[name]) or (kinds[name] is int and value is True):
            raise BackendError(400, f"the field {name!r} must be of type {kinds[name].__name__}")
    return fields
