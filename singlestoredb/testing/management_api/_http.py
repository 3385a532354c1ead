"""Below the local service: requests, routes, faults, and the threads that answer."""

from __future__ import annotations

import fnmatch
import json
import re
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from ._filesystem import Content, PathRefused
from ._world import UUID, Organization, Refused, World

_IN_MEMORY = 1 << 20  # bytes of a body; what is larger goes to disk


class Body(tempfile.SpooledTemporaryFile[bytes]):
    """The body of a request; closed with the request unless a handler keeps it."""

    kept = False


@dataclass
class Recorded:
    """One request that was received."""

    method: str
    path: str
    """Path without query."""
    query: dict[str, str]
    headers: Message
    json: Any
    """Decoded body, if it was JSON."""
    size: int
    """Bytes of the body."""


@dataclass
class Fault:
    """What goes wrong with requests that match."""

    method: str = "*"
    """HTTP method; ``*`` for all."""
    path: str = "*"
    """Pattern of the path after the version, such as ``workspaces/*``; ``*`` matches anything."""
    times: int = 1
    """How many requests it hits; negative for all."""
    status: int | None = None
    """Answer with this status instead of doing anything."""
    body: Any = ""
    """Answer's body: text, bytes, or what is sent as JSON."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers of the answer."""
    drop: bool = False
    """Close the connection without doing anything."""
    lose: bool = False
    """Do what is asked, then close the connection without an answer."""
    stall: float = 0.0
    """Seconds to wait first."""
    cut: str | None = None
    """``json``: the answer is only half the JSON.  ``connection``: the connection breaks off in
    the middle of the body."""
    corrupt: bool = False
    """Change a byte of the answer's body."""
    skip: int = 0
    """How many matching requests to leave alone first."""

    def hits(self, method: str, path: str) -> bool:
        """Say whether a request matches."""
        return self.method in ("*", method) and fnmatch.fnmatchcase(path, self.path)


@dataclass
class Request:
    """One request, as handlers see it."""

    method: str
    version: int
    path: str
    query: dict[str, str]
    headers: Message
    body: Body
    size: int
    world: World
    organization: Organization
    args: dict[str, str] = field(default_factory=dict)

    def json(self, *required: str, allowed: Iterable[str] | None = None) -> dict[str, Any]:
        """Return the JSON object of the body; refuse missing and, if strict, unknown keys."""
        self.body.seek(0)
        try:
            out = json.loads(self.body.read() or b"{}")
        except ValueError:
            raise Refused(400, "invalid JSON") from None
        if not isinstance(out, dict):
            raise Refused(400, "the body must be an object")
        for key in required:
            if out.get(key) is None:
                raise Refused(400, f"{key} is required")
        if allowed is not None:
            unknown = sorted(out.keys() - set(required) - set(allowed))
            if unknown:
                raise Refused(400, f'json: unknown field "{unknown[0]}"')
        return out

    def flag(self, name: str) -> bool:
        """Return a truth value of the query."""
        return self.query.get(name, "").lower() in ("1", "true")


@dataclass
class Reply:
    """An answer that is not simply JSON."""

    status: int = 200
    body: bytes | Content = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Any]


class Router:
    """Finds the handler of a request."""

    def __init__(self) -> None:
        self._routes: list[tuple[str, tuple[int, ...], re.Pattern[str], str, Handler]] = []

    def add(self, method: str, template: str, *versions: int) -> Callable[[Handler], Handler]:
        """Register a handler.

        ``{id}`` in the template is a UUID, ``{name:any}`` a segment, ``{path:rest}`` all that
        is left.
        """
        pattern = re.sub(r"\{(\w+):rest\}", r"(?P<\1>.*)", template)
        pattern = re.sub(r"\{(\w+)(:any)?\}", r"(?P<\1>[^/]+)", pattern)

        def register(handler: Handler) -> Handler:
            self._routes.append(
                (method, versions or (1, 2), re.compile(pattern), template, handler)
            )
            return handler

        return register

    def find(self, request: Request) -> Handler:
        """Return the handler and fill in the arguments; raise :class:`Refused`."""
        found_path = False
        for method, versions, pattern, template, handler in self._routes:
            match = pattern.fullmatch(request.path)
            if match is None or request.version not in versions:
                continue
            found_path = True
            if method != request.method:
                continue
            request.args = {k: unquote(v) for k, v in match.groupdict().items()}
            for name, value in request.args.items():
                if f"{{{name}}}" in template and not UUID.fullmatch(value):
                    raise Refused(400, f"uuid: incorrect UUID length {len(value)} in UUID string")
            return handler
        if found_path:
            raise Refused(405, "method not allowed")
        raise Refused(404, "404 page not found")


class HTTPServer(ThreadingHTTPServer):
    """Threads that answer; ends all connections when it is closed."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, world: World, router: Router) -> None:
        self.world = world
        self.router = router
        self.faults: list[Fault] = []
        self.recorded: list[Recorded] = []
        self._connections: set[socket.socket] = set()
        self._idle = threading.Condition()
        super().__init__(("127.0.0.1", 0), _Handler)

    def opened(self, connection: socket.socket) -> None:
        with self._idle:
            self._connections.add(connection)

    def ended(self, connection: socket.socket) -> None:
        with self._idle:
            self._connections.discard(connection)
            self._idle.notify_all()

    def stop(self) -> None:
        """Stop accepting, end all connections, and wait for the threads."""
        self.shutdown()
        self.server_close()
        with self._idle:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # it has just ended by itself
            self._idle.wait_for(lambda: not self._connections, timeout=10)

    def take_fault(self, method: str, path: str) -> Fault | None:
        """Return the fault that a request meets, and count it."""
        for fault in self.faults:
            if fault.hits(method, path):
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                if fault.times > 0:
                    fault.times -= 1
                if fault.times == 0:
                    self.faults.remove(fault)
                return fault
        return None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Be silent about clients that go away; they are what many tests are about."""
        import sys

        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536
    server: HTTPServer

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        try:
            super().finish()
        except ConnectionError:
            pass
        finally:
            self.connection.close()
            self.server.ended(self.connection)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: requests are recorded."""

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_GET  # noqa: N815  # named by http.server
    do_PUT = do_GET  # noqa: N815  # named by http.server
    do_PATCH = do_GET  # noqa: N815  # named by http.server
    do_DELETE = do_GET  # noqa: N815  # named by http.server
    do_HEAD = do_GET  # noqa: N815  # named by http.server

    # -- in --

    def _body(self) -> tuple[Body, int]:
        out = Body(_IN_MEMORY)
        size = 0
        try:
            for piece in self._chunks():
                out.write(piece)
                size += len(piece)
            out.seek(0)
        except BaseException:
            out.close()
            raise
        return out, size

    def _chunks(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length") or 0)
        while left:
            piece = self.rfile.read(min(_IN_MEMORY, left))
            if not piece:
                raise ConnectionError("the client went away")
            left -= len(piece)
            yield piece

    def _serve(self) -> None:
        body, size = self._body()
        try:
            self._answer(body, size)
        finally:
            if not body.kept:
                body.close()

    def _answer(self, body: Body, size: int) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        decoded = None
        if size <= _IN_MEMORY and "json" in self.headers.get("Content-Type", ""):
            try:
                decoded = json.loads(body.read() or b"null")
            except ValueError:
                decoded = None
        _, version, path = (*parts.path.split("/", 2), "", "")[:3]
        with self.server.world.lock:
            self.server.recorded.append(
                Recorded(self.command, parts.path, query, self.headers, decoded, size)
            )
            fault = self.server.take_fault(self.command, path)
        delay = self.server.world.behaviour.latency + (fault.stall if fault else 0)
        if delay:
            time.sleep(delay)
        if fault is not None and fault.drop:
            self.close_connection = True
            return
        if fault is not None and fault.status is not None:
            reply = _reply(fault.body)
            reply.status = fault.status
            reply.headers.update(fault.headers)
        else:
            reply = self._dispatch(version, path, query, body, size)
            if fault is not None:
                reply.headers.update(fault.headers)
        if fault is not None and fault.lose:
            self.close_connection = True
            return
        self._send(reply, fault)

    def _dispatch(
        self, version: str, path: str, query: dict[str, str], body: Body, size: int
    ) -> Reply:
        world = self.server.world
        try:
            with world.lock:
                if version not in ("v1", "v2"):
                    raise Refused(404, "404 page not found")
                organization = world.authenticate(
                    self.headers.get("Authorization"), query.get("organizationID")
                )
                request = Request(
                    self.command,
                    int(version[1]),
                    path,
                    query,
                    self.headers,
                    body,
                    size,
                    world,
                    organization,
                )
                return _reply(self.server.router.find(request)(request))
        except (Refused, PathRefused) as exc:
            status, text = exc.status, exc.text
        except Exception as exc:
            # A mistake in the service, or in how a test steers it: told to whoever asked.
            status, text = 500, f"the local service failed: {exc!r}"
        if world.behaviour.json_errors:
            error = {"code": f"E{status}", "message": text, "requestID": "req-1"}
            return Reply(status, json.dumps(error).encode())
        return Reply(status, text.encode(), "text/plain; charset=utf-8")

    # -- out --

    def _send(self, reply: Reply, fault: Fault | None) -> None:
        content = reply.body
        size = len(content) if isinstance(content, bytes) else content.size
        cut = fault.cut if fault is not None else None
        if cut == "json":
            if not isinstance(content, bytes):
                raise TypeError("only JSON can be cut as JSON")
            size //= 2
            content = content[:size]
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(size))
        self.send_header("X-Request-ID", f"req-{len(self.server.recorded)}")
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        left = size // 2 if cut == "connection" else size
        flip = fault is not None and fault.corrupt
        for piece in [content] if isinstance(content, bytes) else self._pieces(content):
            out = piece[:left]
            if flip and out:
                out, flip = bytes([out[0] ^ 0xFF]) + out[1:], False
            self.wfile.write(out)
            left -= len(out)
        self.wfile.flush()
        if cut == "connection":
            self.close_connection = True

    def _pieces(self, content: Content) -> Iterator[bytes]:
        pieces = content.pieces()
        while True:
            # Many readers share one file; each step is made under the lock.
            with self.server.world.lock:
                piece = next(pieces, b"")
            if not piece:
                return
            yield piece


def _reply(out: Any) -> Reply:
    if isinstance(out, Reply):
        return out
    if isinstance(out, bytes):
        return Reply(body=out, content_type="application/octet-stream")
    if isinstance(out, str):
        return Reply(body=out.encode(), content_type="text/plain; charset=utf-8")
    if out is None:
        return Reply(body=b"")
    return Reply(body=json.dumps(out).encode())
