"""From connection parameters to an authenticated socket.

The common login is made here (:mod:`login`); TLS and every other way to show who one is are
PyMySQL's (:mod:`authentication`), which is not imported before it is needed: it takes cryptography
along, and both a tenth of a first connection's time.

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
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from singlestoredb._version import __version__
from singlestoredb.dialing import dial, left, opened
from singlestoredb.tls import use_files
from singlestoredb_hookspecs import ConnectionParams

from . import login

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
    deadline: float
    """When the time for connecting is over, by ``time.monotonic``."""


def connect(params: ConnectionParams) -> Greeting:
    """Open a socket and authenticate.

    Raises ``OperationalError`` when the server cannot be reached, refuses or has no TLS that was
    asked for; ``NotSupportedError`` for a character set that does not exist.
    """
    encoding = codec(params.charset)
    deadline = monotonic() + params.connect_timeout
    done = login.connect(params, deadline) if login.is_common(params) else None
    if isinstance(done, Greeting):
        return done
    from . import authentication

    return authentication.connect(params, encoding, done, deadline)


def codec(charset: str) -> str:
    """Return Python's name of a MySQL character set; raise ``NotSupportedError`` for none."""
    if charset == "utf8mb4":
        return "utf8"
    from . import authentication

    return authentication.codec(charset)


def open_socket(
    host: str,
    port: int,
    unix_socket: str | None,
    bind_address: str | None,
    params: ConnectionParams,
    deadline: float,
) -> socket.socket:
    """Return a connected socket by the deadline; raise ``OSError``."""
    if unix_socket:
        return opened(socket.AF_UNIX, unix_socket, left(deadline))
    sock = dial(host, port, deadline, bind_address)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if params.keepalive is not None:
        _keep_alive(sock, params.keepalive)
    for level, options in params.socket_options.items():
        for option, value in options.items():
            sock.setsockopt(level, option, value)
    return sock


_PROBES = 3
"""Unanswered questions after which the system gives a connection up."""


def _keep_alive(sock: socket.socket, seconds: int) -> None:
    for name, value in (
        ("TCP_KEEPIDLE" if hasattr(socket, "TCP_KEEPIDLE") else "TCP_KEEPALIVE", seconds),
        ("TCP_KEEPINTVL", max(1, seconds // _PROBES)),
        ("TCP_KEEPCNT", _PROBES),
    ):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def attributes(params: ConnectionParams) -> dict[str, str]:
    """Return what the server is told of this client."""
    found = {
        "_os": sys.platform,
        "_pid": str(os.getpid()),
        "_client_name": "SingleStoreDB Python Client",
        "_client_version": __version__ + _workload(),
    }
    if params.program_name:
        found["program_name"] = params.program_name
    return {**params.conn_attrs, **found}


def password(params: ConnectionParams) -> bytes:
    """Return the password, or the token that stands for it."""
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


def tls_key(params: ConnectionParams) -> tuple[Any, ...]:
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
    """Return the TLS context for a set of parameters, the same one each time.

    Raises ``InterfaceError`` for a file or cipher that cannot be used.
    """
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = verify_identity
    context.verify_mode = ssl.CERT_REQUIRED if verify_cert else ssl.CERT_NONE
    # Python 3.13 turns this on; certificates that servers make for themselves fail it.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    use_files(context, ca, cert, key, cipher, verify_cert)
    return context
