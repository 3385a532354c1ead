"""The local server ``embedded``: the engine in a process of its own, over MySQL and HTTP.

The plugin of the family ``servers``, what ``singlestoredb.server.embedded.start()`` and
``s2 serve embedded`` reach.  This module is both sides: :class:`EmbeddedServer` in the process
that starts the server, and :func:`main` in the server's.  They are joined by the server's
standard input, over which it gets its settings (passwords are in no argument list), and whose end
tells it to stop: a server never outlives the process that started it.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any
from urllib.parse import quote

from singlestoredb.exceptions import Error, InterfaceError, NotSupportedError, OperationalError
from singlestoredb_hookspecs import ServerRequest, hookimpl

from .engine import DEFAULT_DATABASE, open_engine
from .fronts.http import start_http
from .fronts.mysql import MySQLFront
from .users import DEFAULT_USER, NATIVE, SHA2, Users

NAME = "embedded"
HOST = "127.0.0.1"
_START_SECONDS = 30.0
"""After this a server that has not said where it listens is taken for broken."""
_STOP_SECONDS = 10.0
"""Time to write everything to the file; what was acknowledged is safe without it."""
_OPTIONS = ("auth_plugin", "http_port", "tls", "users")


@hookimpl
def s2_start_server(name: str, request: ServerRequest) -> EmbeddedServer | None:
    """Start the server.

    ``request.path`` is the database file (``None``: memory) and ``request.port`` the port of the
    MySQL protocol.  Options, as in :class:`EmbeddedServer` or as text: ``http_port``; ``users``,
    a mapping or ``name:password,…``; ``tls``, the PEM file with certificate and key, or two files
    with a comma between; ``auth_plugin``.
    """
    if name != NAME:
        return None
    if request.host not in (HOST, "localhost"):
        raise NotSupportedError(
            None, f"the server {NAME!r} listens on {HOST} only, not on {request.host}"
        )
    unknown = sorted(set(request.options) - set(_OPTIONS))
    if unknown:
        raise InterfaceError(
            None,
            f"the server {NAME!r} has no option {unknown[0]!r}; it has {', '.join(_OPTIONS)}",
        )
    options = dict(request.options)
    if isinstance(options.get("users"), str):
        pairs = (pair.partition(":") for pair in options["users"].split(","))
        options["users"] = {user: password for user, _, password in pairs}
    return EmbeddedServer(
        request.path,
        request.port,
        _port(options.pop("http_port", 0)),
        **options,
    )


def _port(value: Any) -> int:
    try:
        port = int(value)
    except (TypeError, ValueError):
        port = -1
    if not 0 <= port <= 65535:
        raise InterfaceError(None, f"{value!r} is not a port: a number from 0 to 65535")
    return port


class EmbeddedServer:
    """A running server; whoever starts it stops it.  A context manager that does.

    ``path`` is the database file, made when there is none; ``None`` keeps everything in memory.
    ``mysql_port`` and ``http_port`` 0 pick free ports.  ``users`` maps names to passwords; without
    it there is ``root`` with a random one.  ``tls`` is the path of a PEM file that holds
    certificate and key, or a pair of paths; without it there is no TLS.  ``auth_plugin`` is the
    authentication method that is proposed to clients, ``mysql_native_password`` or
    ``caching_sha2_password``.

    Raises ``OperationalError`` when the server cannot start: the file is in use, a port is taken.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        mysql_port: int = 0,
        http_port: int = 0,
        users: Mapping[str, str] | None = None,
        tls: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
        *,
        auth_plugin: str = NATIVE,
    ) -> None:
        if users is None:
            users = {DEFAULT_USER: secrets.token_urlsafe(18)}
        if not users:
            raise InterfaceError(None, "users is empty: name at least one")
        if auth_plugin not in (NATIVE, SHA2):
            raise InterfaceError(None, f"auth_plugin is {auth_plugin!r}, not {NATIVE} or {SHA2}")
        settings = {
            "path": None if path is None else os.path.abspath(path),
            "mysql_port": _port(mysql_port),
            "http_port": _port(http_port),
            "users": dict(users),
            "tls": _tls_files(tls),
            "auth_plugin": auth_plugin,
            "parent": os.getpid(),
        }
        self.host = HOST
        self.user, self.password = next(iter(users.items()))
        """The first of the users, whom the URLs name."""
        self._stopping = threading.Lock()
        # PYTHONSAFEPATH: a module in the working directory must not take the place of ours.
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONSAFEPATH": "1"},
            # Ctrl-C is for the process that started it, which then stops it.
            start_new_session=True,
        )
        self.pid: int | None = self._process.pid
        try:
            answer = self._begin(settings)
        except BaseException:
            self.stop()
            raise
        self.mysql_port: int = answer["mysql_port"]
        self.http_port: int = answer["http_port"]
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@{HOST}"
        self.mysql_url = f"mysql://{login}:{self.mysql_port}/{DEFAULT_DATABASE}"
        """For ``connect()``, with name and password: for nobody else's eyes."""
        self.http_url = (
            f"{'https' if tls else 'http'}://{login}:{self.http_port}/{DEFAULT_DATABASE}"
        )
        """The same over the HTTP Data API."""
        self.urls = {"mysql": self.mysql_url, "http": self.http_url}

    def __repr__(self) -> str:
        return f"<EmbeddedServer pid={self.pid} mysql={HOST}:{getattr(self, 'mysql_port', '?')}>"

    def __enter__(self) -> EmbeddedServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _begin(self, settings: dict[str, Any]) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        with contextlib.suppress(BrokenPipeError):
            stdin.write(json.dumps(settings).encode() + b"\n")
            stdin.flush()
        ready, _, _ = select.select([stdout], [], [], _START_SECONDS)
        line = stdout.readline() if ready else b""
        if not line:
            raise OperationalError(
                None, "the embedded server did not start; its standard error says why"
            )
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise OperationalError(None, f"the embedded server cannot start: {answer['error']}")
        return answer

    def wait(self, timeout: float | None = None) -> bool:
        """Wait at most ``timeout`` seconds until the process ends; return whether it did."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self) -> None:
        """End the process, by force if it takes too long.  Idempotent."""
        with self._stopping:
            process = self._process
            if process.stdin is not None:
                with contextlib.suppress(OSError):
                    process.stdin.close()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def __del__(self) -> None:
        # Not a way to end a server, but none may be left behind either.
        process = getattr(self, "_process", None)
        if process is not None and process.returncode is None:
            self.stop()


def _tls_files(
    tls: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None,
) -> list[str] | None:
    if tls is None:
        return None
    parts = os.fspath(tls).split(",") if isinstance(tls, (str, os.PathLike)) else tls
    files = [os.path.abspath(part) for part in parts]
    if len(files) not in (1, 2):
        raise InterfaceError(
            None, "tls is the path of a PEM file with certificate and key, or a pair of paths"
        )
    for file in files:
        if not os.path.isfile(file):
            raise InterfaceError(None, f"the TLS file {file!r} does not exist")
    return files


# -- in the server's process -----------------------------------------------------------------


def main() -> None:
    """Serve until standard input ends, the parent is gone, or a signal asks to terminate."""
    settings = json.loads(sys.stdin.buffer.readline())
    signal.signal(signal.SIGTERM, _terminate)
    try:
        with contextlib.ExitStack() as stack:
            answer = _serve(settings, stack)
            _answer(answer)
            _until_end(settings["parent"])
    except (Error, OSError, ValueError) as exc:
        _answer({"error": getattr(exc, "errmsg", None) or str(exc)})
    # A statement that cannot be interrupted must not hold up the end, nor DuckDB be taken down
    # under it: what was acknowledged is in the file.
    os._exit(0)


def _serve(settings: dict[str, Any], stack: contextlib.ExitStack) -> dict[str, Any]:
    tls = None
    if settings["tls"]:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*settings["tls"])
    users = Users(settings["users"])
    engine = open_engine(settings["path"], "server")
    stack.callback(engine.release)
    with _listening(settings["mysql_port"]):
        mysql = MySQLFront(
            engine, users, port=settings["mysql_port"], tls=tls, method=settings["auth_plugin"]
        )
    stack.callback(mysql.close)
    with _listening(settings["http_port"]):
        http = start_http(engine, HOST, settings["http_port"], users=settings["users"], tls=tls)
    stack.callback(http.close)
    return {"mysql_port": mysql.port, "http_port": http.port}


@contextlib.contextmanager
def _listening(port: int) -> Iterator[None]:
    """Say of an error which port it was about."""
    try:
        yield
    except OSError as exc:
        raise OSError(f"port {port} of {HOST}: {exc.strerror}") from exc


def _answer(answer: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _until_end(parent: int) -> None:
    """Return when standard input ends.

    A child that the parent forks keeps the other end of the pipe open, so the parent is looked
    for as well.
    """
    while os.getppid() == parent:
        ready, _, _ = select.select([sys.stdin], [], [], 1.0)
        if ready and not os.read(0, 1):
            return


def _terminate(number: int, frame: object) -> None:
    raise SystemExit(0)
