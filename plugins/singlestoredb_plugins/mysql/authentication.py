"""PyMySQL's part of the handshake: TLS, and passwords that are more than hashed."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql.charset import charset_by_name
from pymysql.connections import Connection as PyMySQLConnection
from pymysql.constants import CLIENT

from singlestoredb.dialing import left
from singlestoredb.exceptions import Error, InternalError, NotSupportedError
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
_PROTOCOL = 10
_LONGEST = 65_536
"""Bytes of the longest packet that makes sense before somebody is logged in."""
_MALFORMED = (
    *(struct.error, IndexError, ValueError, KeyError, NameError, TypeError),
    *(AttributeError, AssertionError),
)
"""What PyMySQL raises over packets that are not what they should be."""


def codec(charset: str) -> str:
    """Return Python's name of a MySQL character set; raise ``NotSupportedError`` for none."""
    try:
        name = charset_by_name(charset)
    except KeyError:
        name = None
    if name is None:
        raise NotSupportedError(None, f"there is no character set named {charset!r}")
    return str(name.encoding)


def connect(
    params: ConnectionParams, encoding: str, said: Said | None, deadline: float
) -> Greeting:
    """Authenticate by the deadline, from the beginning or from where :mod:`login` left off; errors
    as of :func:`handshake.connect`."""
    client = _Client(params, said, deadline)
    sock = said.sock if said else None
    try:
        if sock is None:
            sock = open_socket(
                client.host,
                client.port,
                client.unix_socket,
                client.bind_address,
                params,
                deadline,
            )
        client._secure = bool(client.unix_socket)
        client.connect(sock)
    except pymysql.err.Error as exc:
        raise _translated(exc, client) from exc
    except OSError as exc:
        if sock is not None:
            sock.close()
        raise errors.unreachable(client.where, exc) from exc
    except _MALFORMED as exc:
        raise InternalError(
            None, f"the server at {client.where!r} does not log in as the protocol has it"
        ) from exc
    except BaseException:
        client._force_close()
        raise
    if client.heard:
        client._force_close()
        raise InternalError(None, "the server sent more than it was asked for")
    taken: socket.socket = client._sock
    client._sock = client._rfile = None  # ours now; PyMySQL must not close it
    return Greeting(
        sock=taken,
        server_version=errors.printable(client.server_version),
        connection_id=client.server_thread_id[0],
        status=client.server_status,
        capabilities=client.server_capabilities,
        encoding=encoding,
        host_info="Localhost via UNIX socket"
        if client.unix_socket
        else f"socket {client.host}:{client.port}",
        is_secure=bool(client._secure),
        deadline=deadline,
    )


def _translated(exc: Any, client: _Client) -> Error:
    errno = exc.args[0] if exc.args and isinstance(exc.args[0], int) else None
    message = str(exc.args[1] if len(exc.args) > 1 else exc)
    if errno is None and isinstance(exc, pymysql.err.InternalError):
        return InternalError(None, message)
    if errno is None or errno == errors.CR_SERVER_LOST:
        return errors.unreachable(client.where, message)
    return errors.from_server(errno, message, getattr(exc, "sqlstate", None))


class _Client(PyMySQLConnection):  # type: ignore[misc] # PyMySQL has no type information
    """PyMySQL's connection, as far as the handshake."""

    _rfile: Any

    def __init__(self, params: ConnectionParams, said: Said | None, deadline: float) -> None:
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
        self._deadline = deadline
        self.heard = said.heard if said else b""
        """What was received and not yet read."""
        self._connect_attrs = attributes(params)

    @property
    def where(self) -> str:
        """The server, for messages."""
        return str(self.unix_socket or f"{self.host}:{self.port}")

    def set_character_set(self, charset: str, collation: str | None = None) -> None:
        """Do nothing: the session is set up by its owner, in one go."""

    def _read_bytes(self, num_bytes: int) -> bytes:
        """Read by the deadline, and no byte more than is asked for: what a server says before TLS
        must not be taken for something that it said in it."""
        if num_bytes > _LONGEST:
            self._force_close()
            raise pymysql.err.InternalError(
                f"the server announces a packet of {num_bytes} bytes before the login"
            )
        data, self.heard = self.heard[:num_bytes], self.heard[num_bytes:]
        try:
            while len(data) < num_bytes:
                self._sock.settimeout(left(self._deadline))
                part = self._sock.recv(num_bytes - len(data))
                if not part:
                    raise ConnectionError("the server closed the connection")
                data += part
        except OSError as exc:
            self._force_close()
            raise pymysql.err.OperationalError(errors.CR_SERVER_LOST, str(exc)) from exc
        return data

    def _get_server_information(self) -> None:
        super()._get_server_information()
        if self.protocol_version != _PROTOCOL:
            raise pymysql.err.InternalError(
                f"the server speaks version {self.protocol_version} of the protocol, not 10"
            )

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
                self,
            )
        super()._request_authentication()

    def _process_auth(self, plugin_name: bytes, auth_packet: Any, *args: Any) -> Any:
        if plugin_name == b"mysql_old_password":
            raise pymysql.err.OperationalError(
                errors.CR_AUTH_PLUGIN_ERR,
                "the server asks for a password hashed as before MySQL 4.1, which gives it away",
            )
        if plugin_name in (b"mysql_clear_password", b"dialog") and not self._secure:
            raise pymysql.err.OperationalError(
                errors.CR_AUTH_PLUGIN_ERR,
                f"the server asks for the password in clear text ({plugin_name.decode()}), "
                "which is sent only over TLS or a unix socket",
            )
        return super()._process_auth(plugin_name, auth_packet, *args)


class _NamedContext:
    """A TLS context that asks for, and verifies, a name of our choice."""

    def __init__(self, context: ssl.SSLContext, name: str, client: _Client) -> None:
        self._context = context
        self._name = name
        self._client = client

    def wrap_socket(self, sock: socket.socket, **kwargs: Any) -> ssl.SSLSocket:
        if self._client.heard:
            raise pymysql.err.InternalError(
                "the server sent more than its greeting before TLS; somebody else may have"
            )
        import ssl

        sock.settimeout(left(self._client._deadline))
        try:
            return self._context.wrap_socket(sock, server_hostname=self._name)
        except ssl.SSLCertVerificationError as exc:
            # Not a server that cannot be reached: it is there, and to try again is of no use.
            raise pymysql.err.OperationalError(
                errors.CR_SSL_CONNECTION_ERROR,
                f"SSL connection error at {self._client.where}: {exc}",
            ) from exc
