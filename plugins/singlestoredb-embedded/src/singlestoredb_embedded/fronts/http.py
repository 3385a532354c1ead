"""The engine behind SingleStore's HTTP Data API.

::

    start_http(
        engine,                 # an Engine, the path of a database file, or None for memory
        host="127.0.0.1",
        port=0,                 # 0 picks a free one
        users={"root": "…"},    # name → password, for Basic authentication
        tokens={"…": "root"},   # token → name, for Bearer authentication
        tls=None,               # an ssl.SSLContext with a certificate, to serve https
    ) -> HTTPFront              # .port, .url, .close()

| request | answer |
|---|---|
| ``GET /ping`` | ``pong`` |
| ``POST /api/v1/exec`` | ``{"lastInsertId": n, "rowsAffected": n}`` |
| ``POST /api/v1/query/tuples`` | ``{"results": [{"columns": […], "rows": [[…]]}]}`` |
| ``POST /api/v1/query/rows`` | ``{"results": [{"rows": [{"name": value}]}]}`` |

``v2`` answers as ``v1``.  A request's body is ``{"sql": "…", "args": […], "database": "…"}``.
Each request is a session of its own.  Errors have the body ``Error <number>: <text>``.  Binary
values travel as base64, decimals, dates and times as text, vectors as the text of a list.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
import logging
import re
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from singlestoredb.escaping import escape
from singlestoredb.exceptions import DatabaseError, Error, InternalError
from singlestoredb_embedded.arrow import BatchQueue, BatchReader
from singlestoredb_embedded.engine import DEFAULT_DATABASE, Engine, open_engine
from singlestoredb_embedded.errors import error
from singlestoredb_embedded.lex import tokenize
from singlestoredb_embedded.results import converters
from singlestoredb_embedded.session import Changed, Session

if TYPE_CHECKING:
    from singlestoredb_embedded.translate.output import Selected
    from singlestoredb_embedded.types import SqlType

log = logging.getLogger(__name__)

MAX_BODY = 64 * 1024 * 1024
"""Most bytes of a request's body."""
IDLE_SECONDS = 120
"""How long a connection may be silent."""
_DISCARD = 1024 * 1024
"""Most bytes of a refused request's body that are read so that its answer arrives."""

_PATH = re.compile(r"/api/v[12]/(exec|query/rows|query/tuples)")


def start_http(
    engine: Engine | str | None,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    users: Mapping[str, str],
    tokens: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> HTTPFront:
    """Serve an engine over the Data API, on threads of this process.

    Args:
        engine: an engine, which stays the caller's; the path of a database file, which is opened
            and held until :meth:`HTTPFront.close`; or ``None`` for a database in memory.
        host: address to bind.
        port: port to bind; 0 picks a free one.
        users: name → password.  Without any, and without tokens, every statement is refused.
        tokens: Bearer token → user's name.
        tls: context for serving https.

    Raises:
        OSError: the address cannot be bound.
        OperationalError: the file cannot be opened.
    """
    owned = not isinstance(engine, Engine)
    opened = engine if isinstance(engine, Engine) else open_engine(engine, None)
    try:
        server = _Server((host, port), opened, dict(users), dict(tokens or {}), tls)
    except BaseException:
        if owned:
            opened.release()
        raise
    return HTTPFront(server, opened.release if owned else None)


class HTTPFront:
    """A running front."""

    def __init__(self, server: _Server, release: Callable[[], None] | None) -> None:
        self._server: _Server | None = server
        self._release = release
        address = server.server_address
        self.host = str(address[0])
        self.port = int(address[1])
        """Port that it listens on."""
        scheme = "https" if server.tls else "http"
        self.url = f"{scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"
        """Where it is, without credentials."""
        self._thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop, interrupting what runs, and let go of the engine.  Idempotent."""
        server, self._server = self._server, None
        if server is None:
            return
        server.shutdown()
        self._thread.join()
        server.close()
        if self._release is not None:
            self._release()

    def __enter__(self) -> HTTPFront:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    """Accepts connections; each is served by a thread."""

    daemon_threads = True  # a program that forgets to close must still be able to end
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        engine: Engine,
        users: dict[str, str],
        tokens: dict[str, str],
        tls: ssl.SSLContext | None,
    ) -> None:
        self.engine = engine
        self.users = users
        self.tokens = tokens
        self.tls = tls
        self._lock = threading.Lock()
        self._closing = False
        self._served: dict[threading.Thread, socket.socket] = {}
        self._sessions: set[Session] = set()
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind, without asking a name server for the host's name as the base class does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept; the handshake is left to the thread, which a silent client may keep waiting."""
        sock, address = super().get_request()
        if self.tls is not None:
            sock = self.tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        return sock, address

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection, known to :meth:`close`."""
        with self._lock:
            self._served[threading.current_thread()] = request
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                del self._served[threading.current_thread()]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about clients that went away; report what is a fault of ours."""
        kind = sys.exc_info()[0]
        if kind is not None and not issubclass(kind, OSError):
            log.exception("a request of the Data API failed")

    def session(self, user: str, database: str | None) -> Session:
        """Open a session; :meth:`end` closes it."""
        session = Session(
            self.engine, database=database or DEFAULT_DATABASE, user=user, vectors="json"
        )
        with self._lock:
            self._sessions.add(session)
            closing = self._closing
        if closing:
            self.end(session)
            raise error(1053, "Server shutdown in progress")
        return session

    def end(self, session: Session) -> None:
        """Close a session; the engine stays open, whoever holds it."""
        with self._lock:
            self._sessions.discard(session)
        session.abandon()

    def close(self) -> None:
        """Interrupt statements, end connections and wait for their threads."""
        self.server_close()
        with self._lock:
            self._closing = True
            served = dict(self._served)
            for session in self._sessions:
                session.interrupt()
        for sock in served.values():
            with contextlib.suppress(OSError):  # it is gone already
                sock.shutdown(socket.SHUT_RD)  # what is being answered is still sent
        for thread in served:
            thread.join(5)


class _Refused(Exception):
    """A request that is answered with an error; ``args`` are status and text."""


class _Handler(BaseHTTPRequestHandler):
    """Serves one connection."""

    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "singlestoredb-embedded"
    sys_version = ""
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = 65_536

    def setup(self) -> None:
        """Shake hands, when it is TLS."""
        super().setup()
        if isinstance(self.request, ssl.SSLSocket):
            self.request.do_handshake()

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing: paths and addresses of clients are nobody's business."""

    def version_string(self) -> str:
        """Return what the Server header says."""
        return self.server_version

    def _dispatch(self) -> None:
        self._unread = self._announced()
        try:
            status, body, kind = self._answer()
        except _Refused as refused:
            status, text = refused.args
            # It may quote what a client sent, half a surrogate pair included.
            body = f"{text}\n".encode("utf-8", "backslashreplace")
            kind = "text/plain; charset=utf-8"
        self._discard()
        self._send(status, body, kind)

    do_GET = do_HEAD = do_POST = do_PUT = _dispatch  # noqa: N815 - the base class asks for these
    do_DELETE = do_PATCH = do_OPTIONS = _dispatch  # noqa: N815

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if status == HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", 'Basic realm="singlestore", charset="UTF-8"')
            self.send_header("WWW-Authenticate", "Bearer")
        elif status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD" if self.path == "/ping" else "POST")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _answer(self) -> tuple[int, bytes, str]:
        path = self.path.partition("?")[0]
        if path == "/ping":
            if self.command not in ("GET", "HEAD"):
                raise _Refused(HTTPStatus.METHOD_NOT_ALLOWED, "Method Not Allowed")
            return HTTPStatus.OK, b"pong", "text/plain"
        found = _PATH.fullmatch(path)
        if not found:
            raise _Refused(HTTPStatus.NOT_FOUND, "Not Found")
        if self.command != "POST":
            raise _Refused(HTTPStatus.METHOD_NOT_ALLOWED, "Method Not Allowed")
        user = self._user()
        media = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if media != "application/json":
            raise _Refused(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content-Type must be application/json"
            )
        sql, args, database = _request(self._body())
        answer = self._run(found[1], user, sql, args, database)
        # As ASCII: a JSON column may hold half a surrogate pair, which UTF-8 cannot.
        data = json.dumps(answer, separators=(",", ":")).encode()
        return HTTPStatus.OK, data, "application/json"

    # -- the request --

    def _announced(self) -> int | None:
        """Return the length of the body; ``None`` when it is not told."""
        if self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            return None
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit()):
            self.close_connection = True
            return None
        return int(length)

    def _body(self) -> bytes:
        length = self._unread
        if length is None:
            raise _Refused(HTTPStatus.LENGTH_REQUIRED, "Content-Length is required")
        if length > MAX_BODY:
            self.close_connection = True
            raise _Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {MAX_BODY} bytes"
            )
        body = self.rfile.read(length)
        self._unread = 0
        if len(body) < length:
            self.close_connection = True
            raise _Refused(HTTPStatus.BAD_REQUEST, "the body is shorter than announced")
        return body

    def _discard(self) -> None:
        """Read what a refused request still has to say, or end the connection after the answer."""
        if not self._unread:
            return
        if self._unread > _DISCARD:
            self.close_connection = True
        self.rfile.read(min(self._unread, _DISCARD))
        self._unread = 0

    def _user(self) -> str:
        """Return the user's name, or refuse."""
        scheme, _, credentials = self.headers.get("Authorization", "").partition(" ")
        name, user = "", None
        if scheme.lower() == "bearer":
            user = _matching(self.server.tokens, credentials.strip())
        elif scheme.lower() == "basic":
            try:
                name, _, password = (
                    base64.b64decode(credentials, validate=True).decode().partition(":")
                )
            except ValueError:
                raise _Refused(HTTPStatus.BAD_REQUEST, "malformed credentials") from None
            expected = self.server.users.get(name)
            same = hmac.compare_digest(password.encode(), (expected or "").encode())
            user = name if same and expected is not None else None
        if user is None:
            using = "YES" if credentials else "NO"
            raise _Refused(
                HTTPStatus.UNAUTHORIZED,
                f"Error 1045: Access denied for user '{name}' (using password: {using})",
            )
        return user

    # -- the statement --

    def _run(self, kind: str, user: str, sql: str, args: list[Any], database: str | None) -> Any:
        try:
            session = self.server.session(user, database)
            try:
                if kind == "exec":
                    return _execute(session, sql, args)
                return {"results": _query(session, sql, args, as_objects=kind == "query/rows")}
            finally:
                self.server.end(session)
        except Error as exc:
            broken = isinstance(exc, InternalError) or not isinstance(exc, DatabaseError)
            status = HTTPStatus.INTERNAL_SERVER_ERROR if broken else HTTPStatus.BAD_REQUEST
            text = f"Error {exc.errno or 1105}: {exc.errmsg}"
            raise _Refused(status, text) from exc
        except UnicodeEncodeError as exc:
            text = "Error 1105: statement and arguments must be valid Unicode"
            raise _Refused(HTTPStatus.BAD_REQUEST, text) from exc
        except Exception as exc:
            log.exception("a statement of the Data API failed")
            text = "Error 1105: embedded engine: internal error; see the server's log"
            raise _Refused(HTTPStatus.INTERNAL_SERVER_ERROR, text) from exc


def _matching(tokens: dict[str, str], given: str) -> str | None:
    """Return the name that a token stands for; the time it takes tells nothing of the others."""
    user = None
    for token, name in tokens.items():
        if hmac.compare_digest(token.encode(), given.encode("utf-8", "surrogateescape")):
            user = name
    return user


def _request(body: bytes) -> tuple[str, list[Any], str | None]:
    """Return statement, arguments and database of a request's body."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError):
        raise _Refused(HTTPStatus.BAD_REQUEST, "the body is not JSON") from None
    if not isinstance(request, dict):
        raise _Refused(HTTPStatus.BAD_REQUEST, "the body must be a JSON object")
    sql, args = request.get("sql"), request.get("args")
    database = request.get("database")
    if not isinstance(sql, str):
        raise _Refused(HTTPStatus.BAD_REQUEST, "'sql' must be a text")
    if args is not None and not isinstance(args, list):
        raise _Refused(HTTPStatus.BAD_REQUEST, "'args' must be a list")
    if database is not None and not isinstance(database, str):
        raise _Refused(HTTPStatus.BAD_REQUEST, "'database' must be a text")
    return sql, args or [], database


def bind(sql: str, args: Sequence[Any], *, backslash: bool = True) -> str:
    """Return ``sql`` with ``args`` as literals in place of its ``?``.

    Only a ``?`` that the lexer sees as a token is one: none in quotes or comments.  Lists and
    objects become their JSON text.  Raises 1210 when the numbers differ.
    """
    places = [token.start for token in tokenize(sql, backslash=backslash) if token.word == "?"]
    if len(places) != len(args):
        raise error(
            1210,
            f"Incorrect arguments: the statement has {len(places)} placeholders, "
            f"{len(args)} arguments were given",
        )
    pieces = []
    end = 0
    for place, value in zip(places, args, strict=True):
        plain = json.dumps(value) if isinstance(value, (list, dict)) else value
        pieces += [sql[end:place], escape(plain, no_backslash_escapes=not backslash)]
        end = place + 1
    return "".join([*pieces, sql[end:]])


def _results(session: Session, sql: str, args: list[Any]) -> Iterator[Changed | Selected]:
    """Run a statement; a procedure has several results."""
    text = bind(sql, args, backslash=session.backslash)
    (parser,) = session.split(text, multiple=False)
    for outcome, _ in session.results(parser):
        yield outcome


def _execute(session: Session, sql: str, args: list[Any]) -> dict[str, int]:
    answer = {"lastInsertId": 0, "rowsAffected": 0}
    for outcome in _results(session, sql, args):
        if isinstance(outcome, Changed):
            answer = {"lastInsertId": outcome.last_insert_id, "rowsAffected": outcome.affected}
        else:
            queue, rows = _received(session, outcome)
            queue.close()
            answer = {"lastInsertId": 0, "rowsAffected": rows}
    return answer


def _received(session: Session, selected: Selected) -> tuple[BatchQueue, int]:
    """Run a query to its end: an error must come before the first byte of an answer."""
    capsule, free = session.open(selected, own_cursor=False)
    queue = BatchQueue(list(selected.fields), BatchReader(capsule), keep=True)
    try:
        return queue, session.receive(queue.load)
    finally:
        free()


def _query(session: Session, sql: str, args: list[Any], *, as_objects: bool) -> list[Any]:
    return [
        _result(session, outcome, as_objects=as_objects)
        for outcome in _results(session, sql, args)
        if not isinstance(outcome, Changed)
    ]


def _result(session: Session, outcome: Selected, *, as_objects: bool) -> dict[str, Any]:
    queue, _ = _received(session, outcome)
    decoders = converters(outcome.types, outcome.columns, parse_json=True, custom={})
    encoders = [_encoder(kind) for kind in outcome.types]
    rows: list[Any] = []
    for columns in queue.columns(None):
        encoded = []
        for values, decode, encode in zip(columns, decoders, encoders, strict=True):
            plain = values if decode is None else decode(values)
            encoded.append(
                plain if encode is None else [None if v is None else encode(v) for v in plain]
            )
        rows += zip(*encoded, strict=True)
    if as_objects:
        names = [column.name for column in outcome.columns]
        return {"rows": [dict(zip(names, row, strict=True)) for row in rows]}
    described = [
        {"name": column.name, "dataType": data_type(kind), "nullable": column.null_ok}
        for column, kind in zip(outcome.columns, outcome.types, strict=True)
    ]
    return {"columns": described, "rows": rows}


# -- types and values ------------------------------------------------------------------------


def data_type(kind: SqlType) -> str:
    """Return a type as the Data API spells it: UNSIGNED goes first, ENUM and SET are VARCHAR."""
    name = "VARCHAR" if kind.values else kind.kind
    if kind.unsigned:
        name = f"UNSIGNED {name}"
    if kind.family == "decimal":
        return f"{name}({kind.precision},{kind.scale})"
    if kind.family == "vector":
        return f"{name}({kind.length},{kind.element})"
    if kind.family == "bit":
        return f"{name}({kind.length or 64})"
    if kind.is_temporal and kind.scale:
        return f"{name}({kind.scale})"
    if kind.length and name in ("CHAR", "VARCHAR", "BINARY", "VARBINARY"):
        return f"{name}({kind.length})"
    return name


def _encoder(kind: SqlType) -> Callable[[Any], Any] | None:
    """Return what makes JSON of the SDK's values of a type; ``None`` where they are JSON."""
    family = kind.family
    if family in ("binary", "bit"):
        return lambda value: base64.b64encode(value).decode("ascii")
    if family == "float":
        return _finite
    if family in ("decimal", "date"):
        return str
    if family == "datetime":
        spec = "microseconds" if kind.scale else "seconds"
        return lambda value: value.isoformat(" ", spec)
    if family == "time":
        return lambda value: _clock(value, bool(kind.scale))
    if family == "vector":
        return _vector
    return None


def _finite(value: float) -> float | None:
    # JSON has no NaN and no infinity.
    return value if value - value == 0 else None


def _clock(value: Any, fraction: bool) -> str:
    sign = "-" if value.days < 0 else ""
    span = abs(value)
    seconds = span.days * 86400 + span.seconds
    micros = f".{span.microseconds:06}" if fraction else ""
    return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{micros}"


def _vector(value: Any) -> str:
    items = value.tolist() if hasattr(value, "tolist") else list(value)
    return json.dumps(items, separators=(",", ":"))
