"""Connections: PEP 249 over any driver.

:func:`connect` resolves its arguments, asks the registry for the driver and wraps what the driver
opens.  Nothing here knows a protocol or a format.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from singlestoredb.classic import (
    CHAR_COLUMNS,
    ClassicMembers,
    Driver,
    InfileQueue,
    nested_converter,
    quote_identifier,
)
from singlestoredb.cursor import Cursor, Description
from singlestoredb.exceptions import Error
from singlestoredb.params import (
    _cast_params,
    _parse_url,
    build_params,
    cast_bool_param,
    resolve,
)
from singlestoredb.session import Session
from singlestoredb.show import (
    ShowAccessor,
    ShowResult,
    VariableAccessor,
    check_name,
    under2camel,
)
from singlestoredb.utils.config import Changes
from singlestoredb.utils.debug import log_connection
from singlestoredb_hookspecs import (
    ConnectionEvent,
    ConnectionParams,
    DriverCapability,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas
    import polars
    import pyarrow
    from typing_extensions import Self

    from singlestoredb.ingest import IngestMode, Progress

__all__ = [
    "CHAR_COLUMNS",
    "Connection",
    "Cursor",
    "Description",
    "Driver",
    "InfileQueue",
    "ShowAccessor",
    "ShowResult",
    "VariableAccessor",
    "_cast_params",
    "_name_check",
    "_parse_url",
    "apilevel",
    "build_params",
    "cast_bool_param",
    "check_name",
    "connect",
    "map_paramstyle",
    "nested_converter",
    "paramstyle",
    "positional_paramstyle",
    "quote_identifier",
    "threadsafety",
    "under2camel",
]

CursorT = TypeVar("CursorT", bound=Cursor[Any, Any])

apilevel = "2.0"
threadsafety = 1
"""Threads may share the module, but not connections."""
paramstyle = map_paramstyle = "pyformat"
positional_paramstyle = "format"
PORTAL = "singlestore.com"
"""Host that stands for whatever database the portal of a notebook has chosen."""

_UNKNOWN_COMMAND = 1047
"""The number of a server that does not know a command of the protocol."""
_name_check = check_name
_RESULT_WORDS = ("select", "show", "call", "echo")


def connect(
    host: str | None = None,
    user: str | None = None,
    password: str | None = None,
    port: int | None = None,
    database: str | None = None,
    driver: str | None = None,
    pure_python: bool | None = None,
    local_infile: bool | None = None,
    charset: str | None = None,
    ssl_key: str | None = None,
    ssl_cert: str | None = None,
    ssl_ca: str | None = None,
    ssl_disabled: bool | None = None,
    ssl_cipher: str | None = None,
    ssl_verify_cert: bool | None = None,
    tls_sni_servername: str | None = None,
    ssl_verify_identity: bool | None = None,
    conv: Mapping[Any, Any] | None = None,
    credential_type: str | None = None,
    autocommit: bool | None = None,
    results_type: str | None = None,
    buffered: bool | None = None,
    results_format: str | None = None,
    program_name: str | None = None,
    conn_attrs: Mapping[str, str] | None = None,
    multi_statements: bool | None = None,
    client_found_rows: bool | None = None,
    connect_timeout: int | None = None,
    nan_as_null: bool | None = None,
    inf_as_null: bool | None = None,
    encoding_errors: str | None = None,
    track_env: bool | None = None,
    enable_extended_data_types: bool | None = None,
    vector_data_format: str | None = None,
    parse_json: bool | None = None,
    interpolate_query_with_empty_args: bool | None = None,
    socket_options: Mapping[int, Mapping[int, Any]] | None = None,
    *,
    connection_name: str | None = None,
    query_timeout: float | None = None,
    retries: int | None = None,
    retry_reads: int | None = None,
    keepalive: int | None = None,
    unix_socket: str | None = None,
    collation: str | None = None,
    ssl: Any = None,
    read_timeout: float | None = None,
    write_timeout: float | None = None,
    init_command: str | None = None,
    sql_mode: str | None = None,
    bind_address: str | None = None,
    binary_prefix: bool | None = None,
    server_public_key: str | bytes | None = None,
    max_allowed_packet: int | None = None,
    auth_plugin_map: Mapping[str, Any] | None = None,
    invalid_values: Mapping[int, Any] | None = None,
    read_default_file: str | None = None,
    read_default_group: str | None = None,
    use_unicode: bool | None = None,
    client_flag: int | None = None,
    cursorclass: type[Cursor[Any, Any]] | None = None,
    defer_connect: bool = False,
    **driver_options: Any,
) -> Connection:
    """Connect to a database.

    Anything not given comes from the environment (``SINGLESTOREDB_HOST``, ``…_USER`` …), from
    options, or is the default; ``describe_option()`` lists them.  What a URL in ``host`` says
    beats the other arguments.

    Args:
        host: server name or address, or a URL
            ``driver://user:password@host:port/database?option=value``.
        user: user name.
        password: password, or a token (see ``credential_type``).
        port: server port; 0 or nothing means the driver's own.
        database: database to use.
        driver: name of the driver plugin, when the URL names none: ``mysql``, ``embedded`` …
        pure_python: ``None`` uses accelerators where they import, ``True`` never, ``False``
            requires them.
        local_infile: allow ``LOAD DATA LOCAL INFILE``.
        charset: character set of the connection.
        ssl_key: file with the client's private key (PEM).
        ssl_cert: file with the client's certificate (PEM).
        ssl_ca: file with the authorities to trust (PEM); turns verification on.
        ssl_disabled: never use TLS.
        ssl_cipher: ciphers to offer, in OpenSSL's syntax.
        ssl_verify_cert: verify the server's certificate; TLS is then mandatory.
        tls_sni_servername: name to ask for and to verify instead of ``host``.
        ssl_verify_identity: verify the server's name; TLS is then mandatory.
        conv: converters laid over the defaults: type code → decoder, Python type → encoder.
        credential_type: ``password``, ``jwt`` or ``browser_sso``.
        autocommit: commit each statement by itself.
        results_type: name of the format plugin: ``tuples``, ``namedtuples``, ``dicts``,
            ``structsequences``, ``numpy``, ``pandas``, ``polars``, ``arrow`` or any installed.
        buffered: receive results whole; ``False`` receives rows as they are fetched.
        results_format: former name of ``results_type``.
        program_name: told to the server.
        conn_attrs: further attributes told to the server.
        multi_statements: allow several statements in a text.
        client_found_rows: count the rows an UPDATE found, not those it changed.
        connect_timeout: seconds for establishing the connection.
        nan_as_null: send NaN as NULL.
        inf_as_null: send infinities as NULL.
        encoding_errors: error handler of Python's codecs for text that cannot be decoded.
        track_env: follow the connection URL of the environment as it changes.
        enable_extended_data_types: ask for the element types of VECTOR and BSON columns.
        vector_data_format: ``binary`` or ``json``.
        parse_json: parse JSON columns.
        interpolate_query_with_empty_args: treat ``%%`` as an escaped ``%`` even when the
            arguments are empty.
        socket_options: level → {option: value}.
        connection_name: profile to take what is not given from; see
            :mod:`singlestoredb.profiles`.
        query_timeout: seconds that a statement may take.  It is then stopped on the server and
            raises ``OperationalError`` 3024; the connection stays usable, or is closed where the
            server does not react.  See also :attr:`Connection.query_timeout`.
        retries: how often connecting is tried again when it fails for a reason that may pass
            (``Error.is_recoverable``), after pauses that grow from 0.1 to 5 seconds.
        retry_reads: how often a statement is sent again, on a new connection, when the connection
            was lost amid it.  Only buffered statements that change nothing, outside of
            transactions.  The new connection has the session as ``connect()`` sets it up: leave
            it at 0 where statements rely on variables or temporary tables.
        keepalive: seconds of silence until the system asks whether the peer is still there.
        unix_socket: path of a local socket, instead of host and port.
        collation: collation of the connection.
        ssl: makes TLS mandatory: an ``ssl.SSLContext`` to use as it is, ``True``, or a mapping
            of ``ca``, ``capath``, ``cert``, ``key``, ``password``, ``cipher``, ``check_hostname``
            and ``verify_mode``.  ``False`` is ``ssl_disabled``.
        read_timeout: seconds to wait for the server's next byte.
        write_timeout: seconds for one send.
        init_command: statement to run once connected.
        sql_mode: the session's sql_mode.
        bind_address: address of the client's side.
        binary_prefix: send bytes as ``_binary'…'``.
        server_public_key: the server's RSA key (PEM), for authentication without TLS.
        max_allowed_packet: largest packet to send, in bytes.
        auth_plugin_map: authentication plugin → class that answers it.
        invalid_values: type code → value for dates and times that cannot be parsed.
        read_default_file: MySQL option file to take what is not given from.
        read_default_group: group of the option file; ``client`` when not given.  Without a file,
            of ``/etc/my.cnf``.
        use_unicode: ``False`` leaves text columns as bytes.
        client_flag: further capability flags of the MySQL protocol
            (``singlestoredb.mysql.constants.CLIENT``).
        cursorclass: class of the cursors, a subclass of ``Cursor``.
        defer_connect: connect with :meth:`Connection.connect`, not now.
        driver_options: parameters that only the driver knows.

    Raises:
        TypeError: an argument that neither the SDK nor the driver knows.
        ValueError: a value that is not allowed, or a URL that cannot be read.
        PluginError: there is no such driver or format, or it cannot be loaded.
        OperationalError: the server cannot be reached or refuses.
    """
    own = ("driver_options", "cursorclass", "defer_connect")
    arguments = {k: v for k, v in locals().items() if k not in own and v is not None}
    arguments.pop("own", None)
    params = resolve_arguments("connect", arguments, driver_options)
    if params.track_env or params.host == PORTAL:
        from singlestoredb.tracking import TrackedConnection

        given = {**arguments, **driver_options}
        return TrackedConnection(params, cursorclass, lambda url: resolve(**{**given, "host": url}))
    return Connection(params, cursorclass, defer_connect=defer_connect)


def resolve_arguments(
    function: str, arguments: Mapping[str, Any], driver_options: Mapping[str, Any]
) -> ConnectionParams:
    """Resolve what ``connect()`` or its twin ``function`` was given.

    ``TypeError`` for a driver's option that the driver does not know, else as ``connect()``.
    """
    try:
        return resolve(**arguments, **driver_options)
    except ValueError as exc:
        for name in driver_options:
            if str(exc).startswith(f"Unrecognized connection parameter: {name}"):
                raise TypeError(
                    f"{function}() got an unexpected keyword argument {name!r}: {exc}"
                ) from None
        raise


class Connection(ClassicMembers, Session):
    """A connection to a database; made by :func:`connect`.

    Belongs to one thread at a time.  As a context manager it closes at the end of the block; it
    neither commits nor rolls back.
    """

    cursorclass: type[Cursor[Any, Any]] = Cursor
    """Class of the cursors."""

    def __init__(
        self,
        params: ConnectionParams,
        cursorclass: type[Cursor[Any, Any]] | None = None,
        *,
        defer_connect: bool = False,
    ) -> None:
        if cursorclass is not None:
            self.cursorclass = cursorclass
        super().__init__(params, defer=defer_connect)

    # -- statements --

    def _iquery(self, sql: str, params: Any = None, fix_names: bool = True) -> list[dict[str, Any]]:
        """Run a statement for the SDK itself; its rows as dicts, with names in camel case."""
        with Cursor[Any, Any](self, "dicts", True) as cursor:
            cursor.execute(sql, params)
            if not sql.lstrip().lower().startswith(_RESULT_WORDS):
                return []
            rows: list[dict[str, Any]] = cursor.fetchall()
        if fix_names:
            rows = [{under2camel(k): v for k, v in row.items()} for row in rows]
        return rows

    @overload
    def cursor(
        self, results_type: Literal["tuples", "tuple"], buffered: bool | None = None
    ) -> Cursor[tuple[Any, ...], list[tuple[Any, ...]]]: ...
    @overload
    def cursor(
        self, results_type: Literal["dicts", "dict"], buffered: bool | None = None
    ) -> Cursor[dict[str, Any], list[dict[str, Any]]]: ...
    @overload
    def cursor(
        self, results_type: Literal["pandas"], buffered: bool | None = None
    ) -> Cursor[pandas.DataFrame, pandas.DataFrame]: ...
    @overload
    def cursor(
        self, results_type: Literal["polars"], buffered: bool | None = None
    ) -> Cursor[polars.DataFrame, polars.DataFrame]: ...
    @overload
    def cursor(
        self, results_type: Literal["arrow", "pyarrow"], buffered: bool | None = None
    ) -> Cursor[pyarrow.Table, pyarrow.Table]: ...
    @overload
    def cursor(
        self, results_type: Literal["numpy"], buffered: bool | None = None
    ) -> Cursor[np.ndarray[Any, Any], np.ndarray[Any, Any]]: ...
    @overload
    def cursor(self, results_type: type[CursorT], buffered: bool | None = None) -> CursorT: ...
    @overload
    def cursor(
        self, results_type: str | None = None, buffered: bool | None = None
    ) -> Cursor[Any, Any]: ...
    def cursor(
        self,
        results_type: str | type[Cursor[Any, Any]] | None = None,
        buffered: bool | None = None,
    ) -> Cursor[Any, Any]:
        """Make a cursor.

        Args:
            results_type: format of its results, the connection's when not given; or a subclass of
                ``Cursor``, such as those of ``singlestoredb.mysql.cursors``.
            buffered: whether results are received whole; as the connection when not given.

        Raises ``PluginError`` when there is no such format or it cannot be loaded.
        """
        from singlestoredb.params import FORMAT_ALIASES

        if self._changes != Changes.count:
            self._look_at_options()
        cls = self.cursorclass
        if isinstance(results_type, type):
            cls, results_type = results_type, None
        elif results_type is not None:
            results_type = FORMAT_ALIASES.get(results_type.lower(), results_type.lower())
        if results_type is None and buffered is None:
            return cls(self)  # all that a class of the user's own must take
        return cls(self, results_type, buffered)

    def execute(
        self,
        query: str,
        args: Any = None,
        *,
        results_type: str | None = None,
        buffered: bool | None = None,
        infile_stream: Any = None,
    ) -> Cursor[Any, Any]:
        """Run a statement in a new cursor and return the cursor."""
        cursor = self.cursor(results_type=results_type, buffered=buffered)
        try:
            cursor.execute(query, args, infile_stream)
        except BaseException:
            cursor.close()
            raise
        return cursor

    def adbc_ingest(
        self,
        table_name: str,
        data: Any,
        mode: IngestMode = "create",
        *,
        catalog_name: str | None = None,
        db_schema_name: str | None = None,
        temporary: bool = False,
        progress: Progress | None = None,
    ) -> int:
        """Load data into a table; as :meth:`Cursor.adbc_ingest`."""
        with self.cursor() as cursor:
            return cursor.adbc_ingest(
                table_name,
                data,
                mode,
                catalog_name=catalog_name,
                db_schema_name=db_schema_name,
                temporary=temporary,
                progress=progress,
            )

    ingest = adbc_ingest

    def query(
        self,
        sql: str,
        args: Any = None,
        *,
        unbuffered: bool = False,
        infile_stream: Any = None,
    ) -> int:
        """Run a statement for its effect and return the rows changed or found.

        Further result sets of the statement are reached with :meth:`next_result`.
        """
        return self._run_query(sql, args, not unbuffered, infile_stream)

    def begin(self) -> None:
        """Start a transaction."""
        self._exclusively(self._opened().begin)

    def commit(self) -> None:
        """Commit the transaction."""
        opened = self._opened()
        if self._committable:
            self._exclusively(opened.commit)

    def rollback(self) -> None:
        """Roll the transaction back."""
        opened = self._opened()
        if self._committable:
            self._exclusively(opened.rollback)

    def autocommit(self, value: bool = True) -> None:
        """Switch autocommit."""
        self._exclusively(self._opened().set_autocommit, bool(value))

    def cancel(self) -> None:
        """Stop the statement that runs now; may be called from any thread.

        Whoever waits for it gets an ``OperationalError`` 1317, and the connection stays usable.
        Nothing happens when no statement runs; a later one is never hit.

        Raises ``NotSupportedError`` when the driver cannot.
        """
        self._demand(DriverCapability.CANCEL, "cancelling")
        self._opened().cancel()

    def reset(self) -> None:
        """Give the session the state it had after connecting.

        An open transaction is rolled back; temporary tables, variables and locks go.  A driver
        that cannot do that on the server opens the connection anew.
        """
        opened = self._opened()
        if opened.capabilities & DriverCapability.RESET:
            try:
                self._exclusively(opened.reset)  # type: ignore[attr-defined] # it can
                return
            except Error as exc:
                if exc.errno != _UNKNOWN_COMMAND or not opened.is_open:
                    raise
        self.connect()

    # -- the server --

    @property
    def show(self) -> ShowAccessor:
        """What the server can tell of itself."""
        return ShowAccessor(self)

    @property
    def globals(self) -> VariableAccessor:
        """The server's global variables."""
        return VariableAccessor(self, "global")

    @property
    def locals(self) -> VariableAccessor:
        """The session's variables."""
        return VariableAccessor(self, "local")

    @property
    def cluster_globals(self) -> VariableAccessor:
        """The cluster's global variables."""
        return VariableAccessor(self, "cluster global")

    @property
    def cluster_locals(self) -> VariableAccessor:
        """The cluster's session variables."""
        return VariableAccessor(self, "cluster local")

    @property
    def vars(self) -> VariableAccessor:
        """The variables in force."""
        return VariableAccessor(self, "")

    @property
    def cluster_vars(self) -> VariableAccessor:
        """The cluster's variables in force."""
        return VariableAccessor(self, "cluster")

    def show_warnings(self) -> list[tuple[Any, ...]]:
        """Return the warnings of the last statement as rows (level, code, message)."""
        with Cursor[Any, list[tuple[Any, ...]]](self, "tuples", True) as cursor:
            cursor.execute("SHOW WARNINGS")
            return cursor.fetchall()

    def select_db(self, database: str) -> None:
        """Use another database."""
        from singlestoredb.escaping import identifier

        self.query(f"USE {identifier(database)}")
        self._params = replace(self._params, database=database)  # also where it reconnects to

    def enable_data_api(self, port: int | None = None) -> int:
        """Enable the HTTP Data API of the server, on ``port`` if given, and return its port."""
        if port is not None:
            self._iquery("set global http_proxy_port=%s", [int(port)])
        self._iquery("set global http_api='ON'")
        self._iquery("restart proxy")
        return int(self._iquery("show global variables like 'http_proxy_port'")[0]["Value"])

    enable_http_api = enable_data_api

    def disable_data_api(self) -> None:
        """Disable the HTTP Data API of the server."""
        self._iquery("set global http_api='OFF'")
        self._iquery("restart proxy")

    disable_http_api = disable_data_api

    def ping(self, reconnect: bool = True) -> None:
        """Ask the server for a sign of life; a lost connection is opened anew.

        Raises ``Error`` when it is lost and ``reconnect`` is false, or cannot be opened.
        """
        opened = self._driver_connection
        if opened is not None and opened.is_open:
            try:
                self._exclusively(opened.ping)
            except Error:
                if self._lock.locked():
                    raise  # another thread is using it
                opened.close()
                if not reconnect:
                    raise
            else:
                return
        elif not reconnect:
            raise Error(None, "Already closed")
        self._driver_connection = self._open_driver()

    def connect(self) -> None:
        """Open the connection anew, with the same parameters."""
        if self._driver_connection is not None:
            self._driver_connection.close()
        self._driver_connection = self._open_driver()

    @property
    def vector_db(self) -> Any:
        """The vector database on this connection.

        Raises ``ModuleNotFoundError`` when the package ``singlestore-vectorstore`` is missing.
        """
        if not hasattr(self, "_vector_db"):
            from singlestoredb.vectorstore import database_on

            self._vector_db = database_on(self)
        return self._vector_db

    # -- closing --

    def close(self) -> None:
        """Close the connection.

        Raises ``Error`` when it is closed already.
        """
        opened, self._driver_connection = self._driver_connection, None
        if opened is None:
            raise Error(None, "Already closed")
        opened.close()
        log_connection(f"closed {self._params.driver} at {opened.info.host}")
        self._hooks.connection_closed(ConnectionEvent(self, self._params.driver))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._driver_connection is not None:
            self.close()

    def __del__(self) -> None:
        opened = self._driver_connection
        if opened is None:
            return
        if opened.is_open:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
        self._driver_connection = None
        opened.close()

    def __repr__(self) -> str:
        return f"<singlestoredb.Connection {self._where()}>"
