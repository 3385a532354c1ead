"""Requests to the Data API: one pool of connections, TLS, credentials, time-outs.

Nothing but the parameters decides where a request goes and what it carries: no proxy, password
file or certificate of the environment is looked at, and no redirect is followed, since both would
hand credentials to somebody else.
"""

from __future__ import annotations

import http.client
import io
import os
import re
import socket
import ssl
import traceback
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from singlestoredb._version import __version__
from singlestoredb.dialing import dial, left
from singlestoredb.exceptions import Error, InterfaceError, NotSupportedError, OperationalError
from singlestoredb.tls import use_files
from singlestoredb_hookspecs import ConnectionParams

from . import errors

_CHUNK = 262_144
"""Bytes that are asked for at a time: memory grows with what is received, not with what is
announced."""
_ERROR_BYTES = 65_536
"""Bytes that are read of an error's body."""
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+(?:%[\w.-]+)?")

_NEVER = float("inf")


class _Limits:
    """How long the request that is under way may take; its connection looks here."""

    def __init__(self, params: ConnectionParams) -> None:
        self.connecting = params.connect_timeout
        """Seconds for the host's name, all of its addresses and TLS together."""
        self.reading = params.read_timeout
        """Seconds to wait for bytes, each time."""
        self.writing = params.write_timeout
        """Seconds to wait until bytes can be sent, each time."""
        self.end = _NEVER
        """When the request must be over, by ``time.monotonic``."""
        self.sock: socket.socket | None = None
        """The socket that was opened last."""

    def wait(self, seconds: float | None) -> float | None:
        """Return the seconds for one wait that may take ``seconds``; raise ``TimeoutError``."""
        if self.end == _NEVER:
            return seconds
        return min(_NEVER if seconds is None else seconds, left(self.end))


class Transport:
    """Sends requests to one server; used by one thread at a time."""

    def __init__(self, params: ConnectionParams) -> None:
        scheme, host, port = params.driver, params.host or "localhost", params.port
        if not _HOST.fullmatch(host):
            raise InterfaceError(0, f"{host!r} is not the name of a host")
        name = f"[{host}]" if ":" in host else host
        self.where = f"{name}:{port}"
        """Host and port, for people."""
        self._base = f"{scheme}://{self.where}"
        self._limits = _Limits(params)
        context = None
        if scheme == "https":
            context = _tls_context(params)
        else:
            _refuse_tls(params)
        self._session: requests.Session | None = _Session()
        session = self._session
        session.trust_env = False
        session.auth = _leave_as_it_is
        session.headers.clear()
        session.headers.update(_headers(params))
        session.mount(f"{scheme}://", _Adapter(params, context, self._limits))

    @property
    def is_open(self) -> bool:
        """Whether requests can be sent."""
        return self._session is not None

    def close(self) -> None:
        """Close all connections.  Idempotent."""
        session, self._session = self._session, None
        self._limits.sock = None
        if session is not None:
            session.close()

    def abort(self) -> None:
        """End the wait of whoever sends or receives, from any thread, and send nothing more.

        That one closes the socket: its number must not be given to another file while it is used.
        """
        self._session = None
        sock = self._limits.sock
        if sock is not None:
            with suppress(OSError):
                # Not SSLSocket's: it would take the TLS state from under the reader.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def get(self, path: str, within: float | None = None) -> bytes:
        """Return the body of a successful GET, which may take ``within`` seconds in all."""
        return self._request("GET", path, None, within)

    def post(self, path: str, body: bytes, within: float | None = None) -> bytes:
        """Return the body of a successful POST of JSON, the same way."""
        return self._request("POST", path, body, within)

    def _request(self, method: str, path: str, body: bytes | None, within: float | None) -> bytes:
        session, limits = self._session, self._limits
        if session is None:
            raise InterfaceError(2048, "The connection has been closed")
        limits.end = _NEVER if within is None else monotonic() + within
        try:
            with self._translated():
                return self._answer(session, method, path, body)
        finally:
            if self._session is None:  # it was aborted meanwhile
                session.close()

    def _answer(
        self, session: requests.Session, method: str, path: str, body: bytes | None
    ) -> bytes:
        limits = self._limits
        response = session.request(
            method,
            self._base + path,
            data=body,
            timeout=(limits.connecting, limits.reading),
            allow_redirects=False,
            stream=True,
        )
        # Left unread, whatever the reason, its connection is closed rather than used again.
        with response:
            if response.status_code == 200:
                return _received(response)
            if 300 <= response.status_code < 400:
                raise self._redirected(response)
            part = response.raw.read(_ERROR_BYTES, decode_content=False)
            raise errors.from_status(response.status_code, part.decode("utf-8", "replace"))

    def _redirected(self, response: requests.Response) -> OperationalError:
        try:
            target = urlsplit(response.headers.get("Location", ""))
            where = errors.printable(f"{target.scheme}://{target.netloc.rpartition('@')[2]}")
        except ValueError:
            where = "an address that is none"
        return OperationalError(
            response.status_code,
            f"the server at {self.where} redirects to {where}; nothing was sent there",
            hint="connect to the address that serves the Data API",
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the errors of requests into the SDK's; none of them keeps the request, whose
        headers have the credentials."""
        try:
            yield
        except Error:
            raise
        except requests.exceptions.RequestException as exc:
            exc.request = None
            _forget_locals(exc)
            raise self._error(exc) from exc
        except (urllib3.exceptions.HTTPError, OSError) as exc:
            _forget_locals(exc)
            raise self._lost(exc) from exc
        except ValueError as exc:  # a host name that cannot be encoded, for example
            raise self._unsendable(exc) from exc

    def _error(self, exc: requests.exceptions.RequestException) -> Error:
        if isinstance(exc, requests.exceptions.SSLError):
            return OperationalError(
                errors.CR_SSL_CONNECTION_ERROR,
                f"SSL connection error at {self.where}: {_reason(exc)}",
            )
        lost = (requests.exceptions.ReadTimeout, requests.exceptions.ChunkedEncodingError)
        if isinstance(exc, lost):
            return self._lost(exc)
        if isinstance(exc, requests.exceptions.ConnectionError):
            if _never_connected(exc):
                return OperationalError(
                    errors.CR_CONN_HOST_ERROR,
                    f"Can't connect to the Data API at {self.where} ({_reason(exc)})",
                )
            return self._lost(exc)
        return self._unsendable(exc)

    @staticmethod
    def _unsendable(exc: Exception) -> InterfaceError:
        # The text of what is wrong with a request may quote a header.
        return InterfaceError(0, f"the request could not be sent ({type(exc).__name__})")

    def _lost(self, exc: BaseException) -> OperationalError:
        hint = None
        if is_timeout(exc):
            hint = "read_timeout is the time to wait for an answer; unset, it has no limit"
        return OperationalError(
            errors.CR_SERVER_LOST,
            f"Lost connection to {self.where} during query ({_reason(exc)})",
            hint=hint,
        )


def _received(response: requests.Response) -> bytes:
    """Return the whole body, as it came."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        # It was not asked for, and a small one can unpack to anything.
        raise errors.malformed("it is compressed, which was not asked for")
    pieces = []
    total = 0
    while piece := response.raw.read(_CHUNK, decode_content=False):
        pieces.append(piece)
        total += len(piece)
    announced = response.headers.get("Content-Length", "")
    if announced.isascii() and announced.isdigit() and total < int(announced):
        raise ConnectionError(f"{total} of {announced} bytes came")
    return b"".join(pieces)


def _forget_locals(exc: BaseException) -> None:
    """Clear the variables of the frames that an error came through: they hold the request with its
    headers, and the socket, which would else be closed whenever garbage is collected."""
    for cause in _causes(exc):
        traceback.clear_frames(cause.__traceback__)


# -- what went wrong -------------------------------------------------------------------------


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """Iterate over an exception and what it wraps, outermost first."""
    seen: list[BaseException] = []
    pending: list[Any] = [exc]
    while pending:
        current = pending.pop(0)
        if isinstance(current, BaseException) and current not in seen:
            seen.append(current)
            yield current
            pending += [getattr(current, "reason", None), *current.args, current.__cause__]


def _never_connected(exc: BaseException) -> bool:
    kinds = (
        urllib3.exceptions.NewConnectionError,
        urllib3.exceptions.ConnectTimeoutError,
    )
    return any(isinstance(cause, kinds) for cause in _causes(exc))


def is_timeout(exc: BaseException) -> bool:
    """Return whether waiting too long is what an error comes from."""
    kinds = (TimeoutError, urllib3.exceptions.ReadTimeoutError)
    return any(isinstance(cause, kinds) for cause in _causes(exc))


def _reason(exc: BaseException) -> str:
    """Return the innermost text of an error: the outer ones repeat it among object names."""
    if is_timeout(exc) or isinstance(exc, requests.exceptions.Timeout):
        return "timed out"
    *_, inner = _causes(exc)
    text = inner.strerror if isinstance(inner, OSError) and inner.strerror else str(inner)
    return text.rpartition(">: ")[2] or type(inner).__name__


# -- what a request carries ------------------------------------------------------------------


def _leave_as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Be the session's authentication, so that requests brings none of its own."""
    return request


def _headers(params: ConnectionParams) -> dict[str, str]:
    workload = os.environ.get("SINGLESTOREDB_WORKLOAD_TYPE")
    suffix = f"+{workload}" if workload and workload.isascii() and workload.isalnum() else ""
    headers = {
        "User-Agent": f"SingleStoreDB-Python/{__version__}{suffix}",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
    }
    authorization = _authorization(params)
    if authorization:
        headers["Authorization"] = authorization
    return headers


def _authorization(params: ConnectionParams) -> str | None:
    user, password = params.user or "", params.password or ""
    if params.credential_type in ("jwt", "browser_sso"):
        if params.credential_type == "browser_sso":
            from singlestoredb.auth import get_jwt

            password = str(get_jwt(user))
        if not re.fullmatch(r"[!-~]+", password):
            raise InterfaceError(
                0, "the password is not a JSON web token, which credential_type asks for"
            )
        return f"Bearer {password}"
    if not user and not password:
        return None
    if ":" in user:
        raise InterfaceError(0, "a user's name with a colon cannot be sent over HTTP")
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode("ascii")


class _Session(requests.Session):
    """A session that looks at no redirect; requests parses even one that it does not follow."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return ``None``."""
        return None


# -- connections and TLS ---------------------------------------------------------------------


def _refuse_tls(params: ConnectionParams) -> None:
    asked = (
        *("ssl", "ssl_ca", "ssl_cert", "ssl_key", "ssl_verify_cert"),
        *("ssl_verify_identity", "tls_sni_servername"),
    )
    for name in asked:
        if getattr(params, name):
            raise InterfaceError(
                0, f"{name} asks for TLS, and the driver 'http' has none", hint="use https://"
            )


def _tls_context(params: ConnectionParams) -> ssl.SSLContext:
    """Return the TLS context; certificate and name are verified unless that is switched off."""
    if params.ssl_disabled:
        raise InterfaceError(
            0,
            "ssl_disabled contradicts the driver 'https'",
            hint="use http://, or ssl_verify_cert=False to accept any certificate",
        )
    if params.ssl is not None and params.ssl is not True:
        if not isinstance(params.ssl, ssl.SSLContext):
            raise InterfaceError(0, f"ssl must be an SSLContext, not {type(params.ssl).__name__}")
        return params.ssl
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    verify = params.ssl_verify_cert is not False or bool(params.ssl_verify_identity)
    context.check_hostname = verify and params.ssl_verify_identity is not False
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    # Python 3.13 turns this on; certificates that servers make for themselves fail it.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    use_files(context, params.ssl_ca, params.ssl_cert, params.ssl_key, params.ssl_cipher, verify)
    return context


class _Adapter(HTTPAdapter):
    """Connections as the parameters ask for them."""

    def __init__(
        self, params: ConnectionParams, context: ssl.SSLContext | None, limits: _Limits
    ) -> None:
        options: dict[str, Any] = {}
        if context is not None:
            options["ssl_context"] = context
            if params.tls_sni_servername:
                options["server_hostname"] = params.tls_sni_servername
            # The context verifies names, or was told not to; urllib3 must do neither more nor less.
            options["assert_hostname"] = None if context.check_hostname else False
        if params.bind_address:
            options["source_address"] = (params.bind_address, 0)
        own = [
            (level, option, value)
            for level, values in params.socket_options.items()
            for option, value in values.items()
        ]
        default = urllib3.connection.HTTPConnection.default_socket_options
        options["socket_options"] = [*default, *own]
        self._options = options
        self._limits = limits
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **kwargs: Any
    ) -> None:
        """Make the pool; requests calls it."""
        super().init_poolmanager(connections, maxsize, block, **kwargs, **self._options)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _pool(urllib3.HTTPConnectionPool, self._limits),
            "https": _pool(urllib3.HTTPSConnectionPool, self._limits),
        }

    def close(self) -> None:
        """Close the connections now: urllib3 leaves them to the garbage collector, and the
        traceback of an error may keep them alive."""
        pools = self.poolmanager.pools
        for key in pools.keys():  # noqa: SIM118 - it is no dict, and refuses to be iterated over
            pool = pools.get(key)
            if pool is not None:
                pool.close()
        super().close()

    def build_connection_pool_key_attributes(
        self, request: Any, verify: Any, cert: Any = None
    ) -> Any:
        """Leave verification to the context, instead of adding requests's own authorities."""
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Do the same for older versions of requests."""


def _pool(base: Any, limits: _Limits) -> Any:
    """Return a class of pools whose connections keep to the limits.

    urllib3 bounds each address and each read by itself, and sends by the time for connecting: a
    name that is not resolved, or an answer that comes drop by drop, would be waited for without
    end.
    """

    class Connection(base.ConnectionCls):  # type: ignore[misc] # chosen at run time
        def connect(self) -> None:
            try:
                super().connect()
            except TimeoutError as exc:
                raise urllib3.exceptions.ConnectTimeoutError(self, "timed out") from exc
            limits.sock = self.sock
            self.sock.settimeout(limits.writing)
            # urllib3 would warn at each request of a connection whose certificate was not
            # verified; that was asked for.
            self.is_verified = True

        def _new_conn(self) -> socket.socket:
            # What urllib3 calls for a connected socket, before TLS.
            end = min(monotonic() + limits.connecting, limits.end)
            bind_address = self.source_address[0] if self.source_address else None
            try:
                sock = dial(self.host, self.port, end, bind_address)
                try:
                    for option in self.socket_options or ():
                        sock.setsockopt(*option)
                    # A TLS handshake takes this as the time for all of it.
                    sock.settimeout(left(end))
                except BaseException:
                    sock.close()
                    raise
            except TimeoutError:
                raise
            except OSError as exc:
                raise urllib3.exceptions.NewConnectionError(self, str(exc)) from exc
            return sock

        def request(self, *args: Any, **kwargs: Any) -> None:
            if self.sock is not None:
                self.sock.settimeout(limits.writing)
            super().request(*args, **kwargs)

        def send(self, data: Any) -> None:
            if self.sock is None or limits.end == _NEVER or not isinstance(data, bytes):
                super().send(data)
                return
            rest = memoryview(data)
            while rest:
                self.sock.settimeout(limits.wait(limits.writing))
                rest = rest[self.sock.send(rest) :]

        @staticmethod
        def response_class(sock: Any, *args: Any, **kwargs: Any) -> http.client.HTTPResponse:
            return http.client.HTTPResponse(_Source(sock, limits), *args, **kwargs)  # type: ignore[arg-type] # what it calls is there

    class Pool(base):  # type: ignore[misc] # chosen at run time
        ConnectionCls = Connection

    return Pool


class _Source:
    """What http.client's response takes for a socket."""

    def __init__(self, sock: socket.socket, limits: _Limits) -> None:
        self._sock = sock
        self._limits = limits

    def makefile(self, _: str) -> io.BufferedReader:
        """Return what the response is read from."""
        return io.BufferedReader(_Reads(self._sock, self._limits))


class _Reads(io.RawIOBase):
    """The bytes of a socket, until the request's time is over."""

    def __init__(self, sock: socket.socket, limits: _Limits) -> None:
        super().__init__()
        self._sock = sock
        self._limits = limits
        # The socket stays open until this is closed, even if its connection is before.
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        """Return true."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Receive."""
        limits = self._limits
        if limits.end != _NEVER:
            self._sock.settimeout(limits.wait(limits.reading))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Let go of the socket."""
        try:
            self._raw.close()
        finally:
            super().close()


def check_supported(params: ConnectionParams) -> None:
    """Refuse parameters that need what the Data API has not."""
    if params.multi_statements:
        raise InterfaceError(0, "The Data API does not support multi_statements")
    for name in ("init_command", "sql_mode", "client_found_rows", "unix_socket"):
        if getattr(params, name):
            raise NotSupportedError(
                None,
                f"the Data API does not support {name}: "
                + (
                    "it is reached by host and port"
                    if name == "unix_socket"
                    else "it keeps no session"
                ),
            )
