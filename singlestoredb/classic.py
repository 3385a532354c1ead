"""What programs written for MySQLdb, PyMySQL and the reference SDK expect of a connection.

Nothing here does work of its own: the members give under their old names what the parameters, the
driver and the last statement say.  They are there whatever the driver; what only a server knows
needs an open connection.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from singlestoredb import exceptions
from singlestoredb.escaping import identifier
from singlestoredb.exceptions import NotSupportedError

if TYPE_CHECKING:
    from singlestoredb_hookspecs import ConnectionParams, DriverConnection, ResultStream, Shape

CHAR_COLUMNS = frozenset({245, *range(247, 256)})
"""Type codes of columns whose values travel as text or bytes."""

InfileQueue = queue.Queue
"""Class of queues that ``infile_stream`` takes."""


class Driver(NamedTuple):
    """A driver, for programs that look at its name."""

    name: str


def quote_identifier(name: str) -> str:
    """Return ``name`` as a quoted identifier."""
    return identifier(name)


def nested_converter(
    conv: Callable[[Any], Any], inner: Callable[[Any], Any]
) -> Callable[[Any], Any]:
    """Return the converter that gives the outcome of ``inner`` to ``conv``."""

    def converter(value: Any) -> Any:
        return conv(inner(value))

    return converter


def _of(name: str, doc: str) -> property:
    def read(self: ClassicMembers) -> Any:
        return getattr(self._params, name)

    return property(read, doc=doc)


class ErrorMembers:
    """PEP 249's errors as attributes."""

    Warning = exceptions.Warning
    Error = exceptions.Error
    InterfaceError = exceptions.InterfaceError
    DatabaseError = exceptions.DatabaseError
    DataError = exceptions.DataError
    OperationalError = exceptions.OperationalError
    IntegrityError = exceptions.IntegrityError
    InternalError = exceptions.InternalError
    ProgrammingError = exceptions.ProgrammingError
    NotSupportedError = exceptions.NotSupportedError


class ClassicMembers(ErrorMembers):
    """Members of connections that are older than this SDK."""

    if TYPE_CHECKING:
        _params: ConnectionParams
        _driver_connection: DriverConnection | None
        results_type: str

        def _opened(self) -> DriverConnection: ...
        def _exclusively(self, call: Callable[..., Any], *args: Any) -> Any: ...
        def _run(
            self,
            query: str,
            args: Any,
            buffered: bool,
            shape: Shape,
            infile_stream: Any,
            infile_name: str | None = None,
            shown: str | None = None,
        ) -> ResultStream: ...

    _last_counts = (0, 0)
    """Rows and first AUTO_INCREMENT value of the last statement."""
    _queried: ResultStream | None = None
    paramstyle: str = "pyformat"
    resultclass: Any = None
    """Always ``None``: the format decides."""

    # -- what was asked for --

    host = _of("host", "The server's name or address.")
    port = _of("port", "The server's port.")
    user = _of("user", "Name of the user.")
    password = _of("password", "The password.")
    collation = _of("collation", "Collation that was asked for.")
    use_unicode = _of("use_unicode", "Whether text columns are ``str``.")
    client_flag = _of("client_flag", "Further capability flags that were asked for.")
    pure_python = _of("pure_python", "Whether accelerators are refused.")
    parse_json = _of("parse_json", "Whether JSON columns are parsed.")
    invalid_values = _of("invalid_values", "Values for dates and times that cannot be parsed.")
    init_command = _of("init_command", "Statement that was run once connected.")
    sql_mode = _of("sql_mode", "The sql_mode that was asked for.")
    max_allowed_packet = _of("max_allowed_packet", "Largest packet to send, in bytes.")
    server_public_key = _of("server_public_key", "The server's RSA key.")
    unix_socket = _of("unix_socket", "Path of the local socket.")
    bind_address = _of("bind_address", "Address of the client's side.")
    connect_timeout = _of("connect_timeout", "Seconds for connecting.")
    encoding_errors = _of("encoding_errors", "Error handler for text that cannot be decoded.")
    interpolate_query_with_empty_args = _of(
        "interpolate_query_with_empty_args", "Whether empty arguments are looked for."
    )

    @property
    def db(self) -> str | None:
        """The database that was connected to."""
        return self._params.database

    @property
    def charset(self) -> str:
        """Character set of the connection."""
        opened = self._driver_connection
        return self._params.charset if opened is None else opened.info.charset

    @property
    def encoding(self) -> str:
        """Python's name of the connection's character set."""
        from singlestoredb.utils.text import codec_of

        return codec_of(self.charset)

    @property
    def ssl(self) -> bool:
        """Whether TLS was asked for."""
        from singlestoredb.tls import FLAT

        params = self._params
        return not params.ssl_disabled and bool(
            params.ssl or any(getattr(params, name) for name in FLAT)
        )

    @property
    def _results_type(self) -> str:
        return self.results_type

    @property
    def _driver(self) -> Driver:
        return Driver(self._params.driver)

    @property
    def decoders(self) -> dict[int, Callable[[Any], Any]]:
        """Type code → decoder."""
        from singlestoredb.converters import converters

        own = {k: v for k, v in self._params.conv.items() if isinstance(k, int)}
        return {**converters, **own}

    @property
    def encoders(self) -> dict[Any, Callable[..., str]]:
        """Python type → encoder."""
        from singlestoredb.escaping import encoders

        own = {k: v for k, v in self._params.conv.items() if not isinstance(k, int)}
        return {**encoders, **own}

    # -- what the server said --

    @property
    def server_thread_id(self) -> tuple[int | None]:
        """The number by which the server knows the connection."""
        return (self._opened().info.connection_id,)

    @property
    def server_status(self) -> int:
        """Status flags of the MySQL protocol, as of the server's last answer."""
        opened = self._opened()
        status = getattr(opened, "server_status", None)
        if status is None:
            status = 0x0002 * bool(opened.autocommit) | 0x0200 * (not opened.escapes_backslash)
        return int(status)

    @property
    def server_capabilities(self) -> int:
        """Capability flags of the MySQL protocol; 0 for another one."""
        return int(self._opened().info.details.get("server_capabilities", 0))

    @property
    def protocol_version(self) -> int:
        """Version of the protocol."""
        return int(self._opened().info.details.get("protocol_version", 10))

    @property
    def server_charset(self) -> str:
        """Character set of the connection, as the server was told it."""
        return self.charset

    @property
    def server_language(self) -> int:
        """Number of the default collation of the connection's character set."""
        from pymysql.charset import charset_by_name

        found = charset_by_name(self.charset)
        return int(found.id) if found is not None else 0

    @property
    def host_info(self) -> str:
        """Where the connection leads."""
        opened = self._driver_connection
        return "Not connected" if opened is None else opened.info.host

    def get_proto_info(self) -> int:
        """Return the version of the protocol."""
        return self.protocol_version

    # -- statements --

    def _run_query(self, sql: str, args: Any, buffered: bool, infile_stream: Any) -> int:
        stream = self._run(sql, args, buffered, "rows", infile_stream)
        self._queried = stream
        self._last_counts = (stream.rows_affected, stream.last_insert_id)
        return stream.rows_affected

    def next_result(self) -> int | None:
        """Go to the next result set of what :meth:`query` ran.

        Returns its rows, or ``None`` when there is none.
        """
        stream = self._queried
        following: ResultStream | None = None
        if stream is not None:
            following = self._exclusively(stream.next_result)
        self._queried = following
        if following is None:
            return None
        self._last_counts = (following.rows_affected, following.last_insert_id)
        return following.rows_affected

    def affected_rows(self) -> int:
        """Return the rows that the last statement found or changed."""
        return self._last_counts[0]

    def insert_id(self) -> int:
        """Return the first AUTO_INCREMENT value that the last statement made, or 0."""
        return self._last_counts[1]

    def kill(self, thread_id: int) -> None:
        """End the connection that the server knows by this number."""
        self._run_query("KILL %s", [int(thread_id)], True, None)

    def set_character_set(self, charset: str, collation: str | None = None) -> None:
        """Change the session's character set.

        Raises ``NotSupportedError`` when there is none of that name, or the driver cannot.
        """
        change = getattr(self._opened(), "set_charset", None)
        if change is not None:
            self._exclusively(change, charset, collation)
        elif charset.lower() not in ("utf8", "utf8mb4"):
            raise NotSupportedError(
                None, f"the driver {self._params.driver!r} speaks utf8mb4 and nothing else"
            )

    def set_charset(self, charset: str) -> None:
        """Change the session's character set."""
        self.set_character_set(charset)
