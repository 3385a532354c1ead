"""Connections with PyMySQL's constructor."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import Any

from singlestoredb.connection import Connection as BaseConnection
from singlestoredb.cursor import Cursor
from singlestoredb.mysql import cursors
from singlestoredb.params import resolve_exactly

__all__ = ["DEFAULT_CHARSET", "DEFAULT_USER", "MAX_PACKET_LEN", "TEXT_TYPES", "Connection"]

DEFAULT_CHARSET = "utf8mb4"
MAX_PACKET_LEN = 2**24 - 1
"""Longest payload of one packet in bytes; a longer one continues in the next."""
TEXT_TYPES = frozenset({15, 16, *range(249, 256), 1001, *range(2001, 2008), *range(3001, 3008)})
"""Type codes of columns whose values are text or bytes, as the character set says."""


def _os_user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user, as in some containers
        return None


DEFAULT_USER = _os_user()
"""Name of the operating system's user."""


class Connection(BaseConnection):
    """A connection by the driver ``mysql``; what is not given is its default, and nothing else.

    Arguments mean what they mean to :func:`singlestoredb.connect`, with these differences:
    ``autocommit`` is off unless it is asked for (``None`` leaves it to the server), ``host`` is a
    name and no URL, ``user`` is the operating system's when it is not given, and ``db`` and
    ``passwd`` are other names of ``database`` and ``password``.

    Raises:
        NotImplementedError: ``compress`` or ``named_pipe`` was asked for.
        ValueError: a value that is not allowed.
        OperationalError: the server cannot be reached or refuses.
    """

    def __init__(
        self,
        *,
        user: str | None = None,
        password: str | bytes = "",
        host: str | None = None,
        database: str | None = None,
        unix_socket: str | None = None,
        port: int = 0,
        charset: str = "",
        collation: str | None = None,
        sql_mode: str | None = None,
        read_default_file: str | None = None,
        conv: Mapping[Any, Any] | None = None,
        use_unicode: bool = True,
        client_flag: int = 0,
        cursorclass: type[Cursor[Any, Any]] | None = None,
        init_command: str | None = None,
        connect_timeout: int = 10,
        read_default_group: str | None = None,
        autocommit: bool | None = False,
        local_infile: bool = False,
        max_allowed_packet: int = 16 * 1024 * 1024,
        defer_connect: bool = False,
        auth_plugin_map: Mapping[str, Any] | None = None,
        read_timeout: float | None = None,
        write_timeout: float | None = None,
        bind_address: str | None = None,
        binary_prefix: bool = False,
        program_name: str | None = None,
        server_public_key: str | bytes | None = None,
        ssl: Any = None,
        ssl_ca: str | None = None,
        ssl_cert: str | None = None,
        ssl_disabled: bool | None = None,
        ssl_cipher: str | None = None,
        ssl_key: str | None = None,
        ssl_verify_cert: bool | None = None,
        ssl_verify_identity: bool | None = None,
        tls_sni_servername: str | None = None,
        compress: Any = None,
        named_pipe: Any = None,
        passwd: str | bytes | None = None,
        db: str | None = None,
        driver: str | None = None,
        conn_attrs: Mapping[str, str] | None = None,
        multi_statements: bool | None = None,
        client_found_rows: bool | None = None,
        nan_as_null: bool | None = None,
        inf_as_null: bool | None = None,
        encoding_errors: str | None = None,
        track_env: bool | None = None,
        enable_extended_data_types: bool | None = None,
        vector_data_format: str | None = None,
        parse_json: bool | None = None,
        invalid_values: Mapping[int, Any] | None = None,
        pure_python: bool | None = None,
        buffered: bool | None = None,
        results_type: str | None = None,
        credential_type: str | None = None,
        interpolate_query_with_empty_args: bool | None = None,
        socket_options: Mapping[int, Mapping[int, Any]] | None = None,
    ) -> None:
        if compress or named_pipe:
            raise NotImplementedError("compress and named_pipe are not supported")
        if driver not in (None, "", "mysql"):
            raise ValueError(f"driver {driver!r} is not mysql; use singlestoredb.connect()")
        secret = password or passwd or ""
        given = {
            name: value
            for name, value in locals().items()
            if name in _SHARED and value not in (None, "")
        }
        if isinstance(secret, bytes):
            secret = secret.decode()
        given.update(driver="mysql", port=port or None, password=secret or None)
        given["database"] = database or db
        if not (read_default_file or read_default_group):
            given.update(host=host or "localhost", user=user or DEFAULT_USER)
        params = resolve_exactly(**given)
        if autocommit is None:
            from dataclasses import replace

            params = replace(params, autocommit=None)
        if track_env:
            raise ValueError("track_env is for singlestoredb.connect(): here nothing is tracked")
        super().__init__(params, cursorclass or cursors.Cursor, defer_connect=defer_connect)


_SHARED = frozenset(Connection.__init__.__kwdefaults__ or ()) - {
    *("compress", "named_pipe", "passwd", "db", "password", "port", "database", "driver"),
    *("cursorclass", "defer_connect", "track_env"),
}
"""Arguments that are passed on as they are."""
