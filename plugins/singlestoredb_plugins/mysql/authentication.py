"""PyMySQL's part of the handshake: TLS, and passwords that are more than hashed."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql.charset import charset_by_name
from pymysql.connections import Connection as PyMySQLConnection
from pymysql.constants import CLIENT

from singlestoredb.exceptions import Error, NotSupportedError
from singlestoredb_hookspecs import ConnectionParams

from . import errors
from .handshake import (
    Greeting,
    attributes,
    open_socket,
    password,
    tls_context,
    tls_is_required,
    tls_key,
)
from .login import Said

if TYPE_CHECKING:
    import ssl


_NOT_SPOKEN = (
    CLIENT.COMPRESS | CLIENT.SSL | CLIENT.SESSION_TRACK | CLIENT.DEPRECATE_EOF | 1 << 28 | 1 << 29
)
"""Capabilities that change how packets look, or that TLS parameters decide; 28 and 29 are query
attributes and multi-factor authentication."""


def codec(charset: str) -> str:
    """Return Python's name of a MySQL character set; raise ``NotSupportedError`` for none."""
    try:
        name = charset_by_name(charset)
    except KeyError:
        name = None
    if name is None:
        raise NotSupportedError(None, f"there is no character set named {charset!r}")
    return str(name.encoding)


def connect(params: ConnectionParams, encoding: str, said: Said | None) -> Greeting:
    """Authenticate, from the beginning or from where :mod:`login` left off; errors as of
    :func:`handshake.connect`."""
    client = _Client(params, said)
    sock = said.sock if said else None
    try:
        if sock is None:
            sock = open_socket(
                client.host, client.port, client.unix_socket, client.bind_address, params
            )
        client._secure = bool(client.unix_socket)
        client.connect(sock)
    except pymysql.err.Error as exc:
        raise _translated(exc, client) from exc
    except OSError as exc:
        if sock is not None:
            sock.close()
        raise errors.unreachable(client.where, exc) from exc
    taken: socket.socket = client._sock
    client._sock = client._rfile = None  # ours now; PyMySQL must not close it
    return Greeting(
        sock=taken,
        server_version=client.server_version,
        connection_id=client.server_thread_id[0],
        status=client.server_status,
        capabilities=client.server_capabilities,
        encoding=encoding,
        host_info="Localhost via UNIX socket"
        if client.unix_socket
        else f"socket {client.host}:{client.port}",
        is_secure=bool(client._secure),
    )


def _translated(exc: Any, client: _Client) -> Error:
    errno = exc.args[0] if exc.args and isinstance(exc.args[0], int) else None
    message = str(exc.args[1] if len(exc.args) > 1 else exc)
    if errno is None or errno == errors.CR_SERVER_LOST:
        return errors.unreachable(client.where, message)
    return errors.from_server(errno, message, getattr(exc, "sqlstate", None))


class _Client(PyMySQLConnection):  # type: ignore[misc] # PyMySQL has no type information
    """PyMySQL's connection, as far as the handshake."""

    _rfile: Any

    def __init__(self, params: ConnectionParams, said: Said | None) -> None:
        flags = CLIENT.MULTI_STATEMENTS if params.multi_statements else 0
        flags |= CLIENT.FOUND_ROWS if params.client_found_rows else 0
        if params.client_flag & _NOT_SPOKEN:
            raise NotSupportedError(
                None, "client_flag asks for what this client does not speak, such as compression"
            )
        flags |= params.client_flag
        super().__init__(
            user=params.user,
            password=password(params),
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
            autocommit=None,
            ssl_disabled=True,  # decided when the server has said what it offers
            defer_connect=True,
        )
        self._params = params
        self._secure = False
        self._said = said
        self._connect_attrs = attributes(params)

    @property
    def where(self) -> str:
        """The server, for messages."""
        return str(self.unix_socket or f"{self.host}:{self.port}")

    def set_character_set(self, charset: str, collation: str | None = None) -> None:
        """Do nothing: the session is set up by its owner, in one go."""

    def _get_server_information(self) -> None:
        if self._said is not None:
            self._rfile = _Heard(self._said.heard, self._rfile)
        super()._get_server_information()

    def _write_bytes(self, data: bytes) -> None:
        if self._said is not None and self._said.has_answered:
            self._said = None  # the login has gone out already
            return
        super()._write_bytes(data)

    def _request_authentication(self) -> None:
        params = self._params
        offered = bool(self.server_capabilities & CLIENT.SSL)
        required = not params.ssl_disabled and tls_is_required(params)
        if required and not offered:
            raise pymysql.err.OperationalError(
                errors.CR_SSL_CONNECTION_ERROR,
                "TLS was asked for and the server does not offer it; nothing was sent",
            )
        if offered and not params.ssl_disabled and (required or not self.unix_socket):
            self.ssl = True
            self._ssl_required = required
            own = None if params.ssl is True else params.ssl
            self.ctx = _NamedContext(
                own or tls_context(*tls_key(params)),
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


class _Heard:
    """A socket's file of which a part was read by somebody else."""

    def __init__(self, heard: bytes, rest: Any) -> None:
        self._heard = heard
        self._rest = rest

    def read(self, size: int) -> bytes:
        part, self._heard = self._heard[:size], self._heard[size:]
        return part + self._rest.read(size - len(part)) if len(part) < size else part

    def close(self) -> None:
        self._rest.close()


class _NamedContext:
    """A TLS context that asks for, and verifies, a name of our choice."""

    def __init__(self, context: ssl.SSLContext, name: str) -> None:
        self._context = context
        self._name = name

    def wrap_socket(self, sock: socket.socket, **kwargs: Any) -> ssl.SSLSocket:
        return self._context.wrap_socket(sock, server_hostname=self._name)
