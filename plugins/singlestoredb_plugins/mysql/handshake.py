"""From connection parameters to an authenticated socket; PyMySQL does the talking.

TLS: asked for (a CA, a certificate, verification or an own context) it is mandatory, and the
connection fails before the user's name is sent when the server has none.  Otherwise it is used
when the server offers it.  Contexts are made when a server does offer, and kept: making one takes
17 ms.
"""

from __future__ import annotations

import os
import socket
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import pymysql
from pymysql.charset import charset_by_name
from pymysql.connections import Connection as PyMySQLConnection
from pymysql.constants import CLIENT

from singlestoredb._version import __version__
from singlestoredb.exceptions import Error, NotSupportedError, OperationalError
from singlestoredb_hookspecs import ConnectionParams

from . import errors

if TYPE_CHECKING:
    import ssl


class Greeting(NamedTuple):
    """What came out of the handshake."""

    sock: socket.socket
    server_version: str
    connection_id: int
    status: int
    """Status flags of the server's greeting."""
    capabilities: int
    encoding: str
    """Python's name of the connection's character set."""
    host_info: str
    is_secure: bool
    """Whether nobody can listen in: TLS or a unix socket."""


def connect(params: ConnectionParams) -> Greeting:
    """Open a socket and authenticate.

    Raises ``OperationalError`` when the server cannot be reached, refuses or has no TLS that was
    asked for; ``NotSupportedError`` for a character set that does not exist.
    """
    encoding = codec(params.charset)
    client = _Client(params)
    sock = None
    try:
        sock = _open_socket(client, params)
        client.connect(sock)
    except pymysql.err.Error as exc:
        raise _translated(exc, client) from exc
    except OSError as exc:
        if sock is not None:
            sock.close()
        raise OperationalError(
            errors.CR_CONN_HOST_ERROR, f"Can't connect to MySQL server on {client.where!r} ({exc})"
        ) from exc
    taken: socket.socket = client._sock
    client._sock = client._rfile = None  # ours now; PyMySQL must not close it
    return Greeting(
        sock=taken,
        server_version=client.server_version,
        connection_id=client.server_thread_id[0],
        status=client.server_status,
        capabilities=client.server_capabilities,
        encoding=encoding,
        host_info=client.host_info,
        is_secure=bool(client._secure),
    )


def codec(charset: str) -> str:
    """Return Python's name of a MySQL character set; raise ``NotSupportedError`` for none."""
    try:
        name = charset_by_name(charset)
    except KeyError:
        name = None
    if name is None:
        raise NotSupportedError(None, f"there is no character set named {charset!r}")
    return str(name.encoding)


def _open_socket(client: _Client, params: ConnectionParams) -> socket.socket:
    if client.unix_socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(params.connect_timeout)
        try:
            sock.connect(client.unix_socket)
        except BaseException:
            sock.close()
            raise
        client._secure = True
        client.host_info = "Localhost via UNIX socket"
        return sock
    source = (client.bind_address, 0) if client.bind_address else None
    address = (client.host, client.port)
    sock = socket.create_connection(address, params.connect_timeout, source_address=source)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for level, options in params.socket_options.items():
        for option, value in options.items():
            sock.setsockopt(level, option, value)
    client.host_info = f"socket {client.host}:{client.port}"
    return sock


def _translated(exc: Any, client: _Client) -> Error:
    errno = exc.args[0] if exc.args and isinstance(exc.args[0], int) else None
    message = str(exc.args[1] if len(exc.args) > 1 else exc)
    if errno is None or errno == errors.CR_SERVER_LOST:
        return OperationalError(
            errors.CR_CONN_HOST_ERROR,
            f"Can't connect to MySQL server on {client.where!r} ({message})",
        )
    return errors.from_server(errno, message, getattr(exc, "sqlstate", None))


class _Client(PyMySQLConnection):  # type: ignore[misc] # PyMySQL has no type information
    """PyMySQL's connection, as far as the handshake."""

    def __init__(self, params: ConnectionParams) -> None:
        flags = CLIENT.MULTI_STATEMENTS if params.multi_statements else 0
        flags |= CLIENT.FOUND_ROWS if params.client_found_rows else 0
        super().__init__(
            user=params.user,
            password=_password(params),
            host=params.host,
            port=params.port or 0,
            database=params.database,
            unix_socket=params.unix_socket,
            charset=params.charset,
            client_flag=flags,
            connect_timeout=params.connect_timeout,
            # Until the handshake is over, a silent server is one that cannot be connected to.
            read_timeout=params.connect_timeout,
            write_timeout=params.connect_timeout,
            # Only says that the client could.  What it sends is decided at each request, and the
            # SDK's own loads need it whatever the option says.
            local_infile=True,
            bind_address=params.bind_address,
            auth_plugin_map=dict(params.auth_plugin_map),
            server_public_key=params.server_public_key,
            read_default_file=params.read_default_file,
            read_default_group=params.read_default_group,
            autocommit=None,
            ssl_disabled=True,  # decided when the server has said what it offers
            defer_connect=True,
        )
        self._params = params
        self._secure = False
        self._connect_attrs = {
            "_os": sys.platform,
            "_pid": str(os.getpid()),
            "_client_name": "SingleStoreDB Python Client",
            "_client_version": __version__ + _workload(),
        }
        if params.program_name:
            self._connect_attrs["program_name"] = params.program_name
        for name, value in params.conn_attrs.items():
            self._connect_attrs.setdefault(name, value)

    @property
    def where(self) -> str:
        """The server, for messages."""
        return str(self.unix_socket or f"{self.host}:{self.port}")

    def set_character_set(self, charset: str, collation: str | None = None) -> None:
        """Do nothing: the session is set up by its owner, in one go."""

    def _request_authentication(self) -> None:
        params = self._params
        offered = bool(self.server_capabilities & CLIENT.SSL)
        required = not params.ssl_disabled and tls_is_required(params)
        if required and not offered:
            raise pymysql.err.OperationalError(
                errors.CR_SSL_CONNECTION_ERROR,
                "TLS was asked for and the server does not offer it; nothing was sent",
            )
        if offered and not params.ssl_disabled and not self.unix_socket:
            self.ssl = True
            self._ssl_required = required
            self.ctx = _NamedContext(
                params.ssl or tls_context(*_tls_key(params)),
                params.tls_sni_servername or self.host,
            )
        super()._request_authentication()

    def _process_auth(self, plugin_name: bytes, auth_packet: Any, *args: Any) -> Any:
        if plugin_name in (b"mysql_clear_password", b"dialog") and not self._secure:
            raise pymysql.err.OperationalError(
                errors.CR_AUTH_PLUGIN_ERR,
                f"the server asks for the password in clear text ({plugin_name.decode()}), "
                "which is sent only over TLS or a unix socket",
            )
        return super()._process_auth(plugin_name, auth_packet, *args)


def _password(params: ConnectionParams) -> bytes:
    if params.credential_type == "browser_sso":
        from singlestoredb.auth import get_jwt

        return str(get_jwt(params.user or "")).encode()
    return (params.password or "").encode()


def _workload() -> str:
    workload = os.environ.get("SINGLESTOREDB_WORKLOAD_TYPE")
    return f"+{workload}" if workload else ""


# -- TLS -------------------------------------------------------------------------------------


def tls_is_required(params: ConnectionParams) -> bool:
    """Return whether the parameters ask for TLS rather than allow it."""
    return bool(
        params.ssl
        or params.ssl_ca
        or params.ssl_cert
        or params.ssl_key
        or params.ssl_verify_cert
        or params.ssl_verify_identity
    )


def _tls_key(params: ConnectionParams) -> tuple[Any, ...]:
    return (
        params.ssl_ca,
        params.ssl_cert,
        params.ssl_key,
        params.ssl_cipher,
        bool(params.ssl_verify_cert or params.ssl_verify_identity),
        bool(params.ssl_verify_identity),
    )


@lru_cache(maxsize=16)
def tls_context(
    ca: str | None,
    cert: str | None,
    key: str | None,
    cipher: str | None,
    verify_cert: bool,
    verify_identity: bool,
) -> ssl.SSLContext:
    """Return the TLS context for a set of parameters, the same one each time."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = verify_identity
    context.verify_mode = ssl.CERT_REQUIRED if verify_cert else ssl.CERT_NONE
    if ca:
        context.load_verify_locations(ca)
    elif verify_cert:
        context.load_default_certs()
    # Python 3.13 turns this on; certificates that servers make for themselves fail it.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if cert:
        context.load_cert_chain(cert, key)
    if cipher:
        context.set_ciphers(cipher)
    return context


class _NamedContext:
    """A TLS context that asks for, and verifies, a name of our choice."""

    def __init__(self, context: ssl.SSLContext, name: str) -> None:
        self._context = context
        self._name = name

    def wrap_socket(self, sock: socket.socket, **kwargs: Any) -> ssl.SSLSocket:
        return self._context.wrap_socket(sock, server_hostname=self._name)
