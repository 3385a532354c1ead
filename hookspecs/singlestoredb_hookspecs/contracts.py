"""The data and the protocols that pass between the kernel and its plugins.

Nothing here does work.  A plugin and the kernel both import this module, so that neither needs
the other: data are small frozen classes with named fields (fields are added, never renamed),
behaviour is a ``Protocol``.

Who calls whom, for one statement::

    Cursor.execute(sql, args)
      -> DriverConnection.execute(StatementRequest)      one call per statement
           -> ResultStream                               one per result set
      -> Format.table(chunk) / Format.row(chunk)         one call per fetch
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

SPEC_VERSION: tuple[int, int] = (1, 1)
"""Version of these specs.  A plugin may state the one it was written for in a module attribute
``SINGLESTOREDB_SPEC_VERSION``: another major version, or a newer minor one, is refused.

1.1 added asynchronous drivers (``s2_open_async_driver``), and the optional members of
:class:`Abortable`, :class:`Resettable` and :class:`KnowsTransactions`."""

Shape: TypeAlias = Literal["rows", "dicts", "arrow"]
"""How a result is read: lists of tuples, lists of dicts, or Arrow record batches."""


# -- capabilities ----------------------------------------------------------------------------


class DriverCapability(enum.Flag):
    """What a driver can do.  Ask for a capability, never for a product's name.

    A member that is absent means *unsupported*: the kernel then raises
    ``NotSupportedError`` before anything is sent.
    """

    NONE = 0
    TRANSACTIONS = enum.auto()
    """``begin``, ``commit`` and ``rollback`` group statements."""
    MULTI_STATEMENTS = enum.auto()
    """One text may hold several statements, when the connection asked for it."""
    MULTI_RESULTS = enum.auto()
    """A statement may answer several result sets (``ResultStream.next_result``)."""
    STREAMING = enum.auto()
    """An unbuffered result needs memory for a batch, not for the whole result."""
    LOCAL_INFILE = enum.auto()
    """``LOAD DATA LOCAL INFILE`` from a file or from ``StatementRequest.infile_stream``."""
    CANCEL = enum.auto()
    """``cancel()`` from another thread stops the running statement on the server."""
    BINDS_PARAMETERS = enum.auto()
    """The driver takes ``StatementRequest.args`` itself; otherwise the kernel writes them into
    the text as escaped literals."""
    STORED_PROCEDURES = enum.auto()
    """``CALL`` of a procedure works."""
    TYPED_RESULTS = enum.auto()
    """Columns have their types even when no row comes, so an empty result is typed too."""
    VECTORS = enum.auto()
    """VECTOR columns arrive with their element type and dimension."""
    ABORT = enum.auto()
    """``abort()`` from another thread ends the wait of whoever uses the connection."""
    RESET = enum.auto()
    """``reset()`` gives the session the state it had after connecting."""


# -- connecting ------------------------------------------------------------------------------


@dataclass(frozen=True)
class DriverParameter:
    """A connection parameter that only one driver knows."""

    name: str
    """Keyword of ``connect()`` and key of the URL's query."""
    convert: Callable[[Any], Any] = str
    """Turns URL text, or what was passed, into the value.  May raise ``ValueError``."""
    default: Any = None
    """The value when nothing was given."""
    doc: str = ""
    """One sentence for ``s2 plugins explain`` and the reference."""
    secret: bool = False
    """Never shown in a repr, a log or an error."""


@dataclass(frozen=True)
class DriverInfo:
    """What the kernel must know of a driver before it opens anything."""

    name: str
    """The driver's name: also its URL scheme."""
    default_port: int | None = None
    """Port used when none is given; ``None`` means that the driver has no port."""
    port_option: str | None = None
    """Option that overrides ``default_port`` when it is not 0, such as ``http_port``."""
    url_path: Literal["database", "file"] = "database"
    """What the URL's path names: the database (its first segment), or a file
    (``x:///relative.db``, ``x:////absolute.db``)."""
    parameters: tuple[DriverParameter, ...] = ()
    """Parameters beyond those every driver shares."""
    paramstyle: str = "pyformat"
    """PEP 249 name of the style that ``execute`` documents for this driver."""


@dataclass(frozen=True, repr=False)
class ConnectionParams:
    """How to connect: resolved once (URL > keywords > environment > options > defaults).

    Frozen and complete: a driver reads it and looks nowhere else.  ``repr`` masks secrets.
    Field meanings and defaults are those of the arguments of :func:`singlestoredb.connect`.
    """

    driver: str = "mysql"
    host: str | None = None
    port: int | None = None
    user: str | None = None
    password: str | None = None
    database: str | None = None
    path: str | None = None
    """File named by the URL, for drivers whose ``DriverInfo.url_path`` is ``file``."""
    unix_socket: str | None = None
    pure_python: bool | None = None
    local_infile: bool = False
    charset: str = "utf8mb4"
    collation: str | None = None
    ssl: Any = None
    """An ``ssl.SSLContext`` to use as it is; ``True`` when TLS is mandatory and the other
    parameters say how; or ``None``."""
    ssl_key: str | None = None
    ssl_cert: str | None = None
    ssl_ca: str | None = None
    """File with authorities to trust, or folder of them."""
    ssl_disabled: bool = False
    ssl_cipher: str | None = None
    ssl_verify_cert: bool | None = None
    ssl_verify_identity: bool | None = None
    tls_sni_servername: str | None = None
    conv: Mapping[Any, Any] = field(default_factory=dict)
    """Converters laid over the defaults: type code → decoder, Python type → encoder."""
    credential_type: str | None = None
    autocommit: bool | None = True
    results_type: str = "tuples"
    buffered: bool = True
    program_name: str | None = None
    conn_attrs: Mapping[str, str] = field(default_factory=dict)
    multi_statements: bool = False
    client_found_rows: bool = False
    connect_timeout: int = 10
    """Seconds for establishing the connection."""
    read_timeout: float | None = None
    """Seconds to wait for the server's next byte; ``None`` waits for ever."""
    write_timeout: float | None = None
    """Seconds for one send; ``None`` waits for ever."""
    query_timeout: float | None = None
    """Seconds that a statement may take; the kernel's affair, see ``StatementRequest.timeout``."""
    retries: int = 0
    """Further attempts when connecting fails; the kernel's affair."""
    retry_reads: int = 0
    """Further attempts of a statement that only reads; the kernel's affair."""
    keepalive: int | None = None
    """Seconds of silence until the system asks whether the peer is there; ``None`` leaves them to
    the system."""
    nan_as_null: bool = False
    inf_as_null: bool = False
    encoding_errors: str = "strict"
    track_env: bool = False
    enable_extended_data_types: bool = True
    vector_data_format: str = "binary"
    parse_json: bool = True
    invalid_values: Mapping[int, Any] = field(default_factory=dict)
    """Type code → value used where a date or time cannot be parsed."""
    interpolate_query_with_empty_args: bool = False
    socket_options: Mapping[int, Mapping[int, Any]] = field(default_factory=dict)
    init_command: str | None = None
    sql_mode: str | None = None
    bind_address: str | None = None
    binary_prefix: bool = False
    server_public_key: str | bytes | None = None
    max_allowed_packet: int = 16_777_216
    """Largest packet in bytes that the client sends."""
    auth_plugin_map: Mapping[str, Any] = field(default_factory=dict)
    read_default_file: str | None = None
    """Option file that parameters were taken from; nothing is left to be read."""
    read_default_group: str | None = None
    use_unicode: bool = True
    """``False``: text columns are bytes."""
    client_flag: int = 0
    """Capability flags of the MySQL protocol to ask for besides the driver's own."""
    driver_options: Mapping[str, Any] = field(default_factory=dict)
    """Values of the driver's own parameters, by name."""

    def __repr__(self) -> str:
        shown = []
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if value in (None, {}, ()):
                continue
            if name in ("password", "driver_options", "conn_attrs", "auth_plugin_map"):
                value = "***"
            shown.append(f"{name}={value!r}" if value != "***" else f"{name}=***")
        return f"ConnectionParams({', '.join(shown)})"


# -- statements and results ------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    """One column of a result set, as the server describes it."""

    name: str
    type_code: int
    """MySQL protocol type (0-255), or 1001 BSON, 2001-2007 VECTOR as JSON text, 3001-3007 VECTOR
    as packed little-endian elements (F32 F64 I8 I16 I32 I64 F16)."""
    flags: int = 0
    """Column flags of the MySQL protocol: 1 NOT NULL, 32 UNSIGNED, 128 BINARY, …"""
    charset: int = 255
    """Collation number; 63 means binary."""
    length: int | None = None
    """Characters (text), bytes (binary), digits (numbers) or elements (vectors)."""
    precision: int | None = None
    """Decimal digits of a DECIMAL; otherwise as ``length``."""
    scale: int | None = None
    """Digits after the point: of a DECIMAL, or of the seconds of a time type."""
    null_ok: bool = True
    table: str = ""
    """Name or alias of the table that the column came from; empty for an expression."""
    org_table: str = ""
    org_name: str = ""
    database: str = ""


@dataclass(frozen=True)
class StatementRequest:
    """One statement to run."""

    sql: str
    args: Sequence[Any] | Mapping[str, Any] | None = None
    """Parameters still to be bound.  Always ``None`` for a driver without
    ``DriverCapability.BINDS_PARAMETERS``."""
    buffered: bool = True
    """``True``: the whole result is received before ``execute`` returns, errors are raised there,
    and the connection is free for the next statement.  ``False``: rows are received as they are
    read."""
    shape: Shape = "rows"
    """The shape in which the result will most likely be read.  A hint: any may be asked for."""
    infile_stream: Any = None
    """Source for ``LOAD DATA LOCAL INFILE ':stream:'``: bytes, text, a file object, an iterable
    of pieces, a ``queue.Queue`` that ends with an empty piece, or a callable ``read(size)``."""
    timeout: float | None = None
    """Seconds the caller waits.  The kernel keeps them with ``cancel`` and ``abort``; a driver that
    has neither bounds its waiting by itself."""
    infile_name: str | None = None
    """The name under which this statement, and no other, names ``infile_stream``.  Made up by the
    SDK for a load of its own: with it the driver gives that stream and nothing else, whether or
    not ``local_infile`` is on."""


@runtime_checkable
class ArrowBatches(Protocol):
    """Arrow record batches behind the PyCapsule interface.

    https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html
    May be exported once; the consumer then owns the data.
    """

    num_rows: int
    """Rows in all batches; -1 while unknown, which is allowed only where ``size`` was ``None``."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


class ResultStream(Protocol):
    """One result set, or the outcome of a statement without one.

    A driver implements at least one of ``read_rows``, ``read_dicts`` and ``read_arrow`` and names
    those in ``native``; the kernel makes the others from them.  Every read returns the next rows,
    at most ``size`` of them (``None`` = all that are left), and an empty answer at the end.  Reads
    of different shapes may follow each other: each continues where the last one stopped.
    """

    columns: tuple[Column, ...]
    """Empty when the statement has no result set."""
    native: frozenset[Shape]
    """The shapes read without a detour."""
    rows_affected: int
    """Rows of a buffered result, rows changed by a statement, or -1 while unknown."""
    last_insert_id: int
    """First AUTO_INCREMENT value that the statement made, or 0."""
    warning_count: int

    def next_result(self) -> ResultStream | None:
        """Return the statement's next result set, dropping what is left of this one.

        ``None`` when there is no further one.
        """

    def close(self) -> None:
        """Abandon what is left; the connection can then run the next statement.  Idempotent."""


class ReadsRows(Protocol):
    """A result stream with native rows."""

    def read_rows(self, size: int | None) -> list[tuple[Any, ...]]:
        """Return the next rows as tuples of Python values, converted as core types say."""


class ReadsDicts(Protocol):
    """A result stream with native dicts."""

    def read_dicts(self, size: int | None) -> list[dict[str, Any]]:
        """Return the next rows as dicts by column name; a repeated name becomes ``table.name``."""


class Seekable(Protocol):
    """A buffered result stream that can go back."""

    def seek(self, row: int) -> None:
        """Make the next read start at row ``row``, counted from 0."""


class ReadsArrow(Protocol):
    """A result stream with native Arrow batches."""

    def read_arrow(self, size: int | None) -> ArrowBatches:
        """Return the next rows as Arrow batches: a stream with the result's schema, even when no
        row is left."""


@dataclass(frozen=True)
class ServerInfo:
    """What is known of the server after connecting."""

    version: str = ""
    """Text as the server gives it."""
    connection_id: int | None = None
    """Number to KILL, where the server has one."""
    host: str = ""
    """Where the connection leads, for people: ``db.example:3306``, ``memory``, a path."""
    charset: str = "utf8mb4"
    database: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    """What else the driver was told, under its protocol's names (``server_capabilities`` …)."""


class DriverConnection(Protocol):
    """One open connection, as a driver gives it to the kernel.

    Used by one thread at a time, ``cancel`` excepted.  Errors are the SDK's PEP 249 classes
    (:mod:`singlestoredb.exceptions`).  After an error that leaves the protocol out of step the
    driver closes itself and ``is_open`` turns false; it never carries on.
    """

    capabilities: DriverCapability
    info: ServerInfo

    @property
    def is_open(self) -> bool:
        """Whether statements can be sent; looks at the client's side only."""

    @property
    def autocommit(self) -> bool | None:
        """The server's autocommit state; ``None`` when unknown."""

    @property
    def escapes_backslash(self) -> bool:
        """False while the server reads backslashes in string literals as themselves
        (sql_mode NO_BACKSLASH_ESCAPES)."""

    def execute(self, request: StatementRequest) -> ResultStream:
        """Run one statement."""

    def set_autocommit(self, enabled: bool) -> None:
        """Switch autocommit; sends nothing when the state is already the wanted one."""

    def begin(self) -> None:
        """Start a transaction."""

    def commit(self) -> None:
        """Commit the transaction."""

    def rollback(self) -> None:
        """Roll the transaction back."""

    def ping(self) -> None:
        """Ask the server for a sign of life; raise ``OperationalError`` when there is none."""

    def cancel(self) -> None:
        """Stop the statement that runs now, from any thread; nothing when none does.

        Also after the connection was lost or closed amid a statement: the server may still be at
        work for it.  A later statement is never hit.
        """

    def close(self) -> None:
        """End the session and free everything.  Idempotent."""


class Abortable(Protocol):
    """A driver connection with ``DriverCapability.ABORT``."""

    def abort(self) -> None:
        """Break the connection, from any thread and without waiting.

        Whoever waits for the server gets an ``OperationalError``; ``is_open`` turns false.
        """


class Resettable(Protocol):
    """A driver connection with ``DriverCapability.RESET``.

    Without it, resetting opens the connection anew.
    """

    def reset(self) -> None:
        """Roll back, drop temporary tables, variables and locks, and set the session up again."""


class Poolable(Protocol):
    """A driver connection that tells a pool more than it must; each member may be missing."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left to read of the last statement."""

    def fileno(self) -> int:
        """Return a descriptor that becomes readable, while the connection is idle, only when it
        was lost."""


class KnowsTransactions(Protocol):
    """A driver connection that knows whether a transaction is open.

    The SDK then puts loads of its own into one, so that a failed load leaves nothing behind.  A
    driver whose LOAD DATA does everything or nothing by itself has no need of it.
    """

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, as of the server's last answer."""


# -- asynchronous drivers ----------------------------------------------------------------------


class AsyncResultStream(Protocol):
    """One result set on an event loop: :class:`ResultStream` with reads that are awaited.

    The same rules: at least one of ``read_rows``, ``read_dicts`` and ``read_arrow``, named in
    ``native``; each read continues where the last one stopped.  A buffered stream that can go back
    also has ``seek`` (:class:`Seekable`), which is not awaited.  One may have ``here``: a
    :class:`ResultStream` of the same rows that never waits and has no further result set, or
    ``None``; it is then read in its stead, and only one of them.
    """

    columns: tuple[Column, ...]
    native: frozenset[Shape]
    rows_affected: int
    last_insert_id: int
    warning_count: int

    async def next_result(self) -> AsyncResultStream | None:
        """Return the statement's next result set, dropping what is left of this one."""

    async def close(self) -> None:
        """Abandon what is left; the connection can then run the next statement.  Idempotent."""


class AsyncReadsRows(Protocol):
    """An asynchronous result stream with native rows."""

    async def read_rows(self, size: int | None) -> list[tuple[Any, ...]]:
        """Return the next rows as tuples."""


class AsyncReadsDicts(Protocol):
    """An asynchronous result stream with native dicts."""

    async def read_dicts(self, size: int | None) -> list[dict[str, Any]]:
        """Return the next rows as dicts by column name."""


class AsyncReadsArrow(Protocol):
    """An asynchronous result stream with native Arrow batches."""

    async def read_arrow(self, size: int | None) -> ArrowBatches:
        """Return the next rows as Arrow batches, all of which have arrived."""


class AsyncDriverConnection(Protocol):
    """One open connection on an event loop: :class:`DriverConnection` with awaited methods.

    Belongs to the loop that it was opened on, and to one task at a time; ``cancel`` may be called
    by any task.  A second task that runs a statement meanwhile gets ``ProgrammingError``, and
    nothing is sent for it.

    Cancelling a task that awaits one of these methods stops the statement on the server.  The
    ``CancelledError`` is not kept waiting for that: cleaning goes on behind it, and the next call
    awaits its end (:meth:`settled`).  By then the connection has either answered a question of its
    own, so that nothing of the cancelled statement can follow, or is closed.
    """

    capabilities: DriverCapability
    info: ServerInfo

    @property
    def is_open(self) -> bool:
        """Whether statements can be sent; looks at the client's side only."""

    @property
    def autocommit(self) -> bool | None:
        """The server's autocommit state; ``None`` when unknown."""

    @property
    def in_transaction(self) -> bool | None:
        """Whether a transaction is open, as of the server's last answer; ``None`` when unknown."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way: no call, no cleaning, and no result left to read."""

    @property
    def escapes_backslash(self) -> bool:
        """As of :class:`DriverConnection`."""

    async def execute(self, request: StatementRequest) -> AsyncResultStream:
        """Run one statement.  ``request.infile_stream`` may also be an asynchronous iterable."""

    async def set_autocommit(self, enabled: bool) -> None:
        """Switch autocommit; sends nothing when the state is already the wanted one."""

    async def begin(self) -> None:
        """Start a transaction."""

    async def commit(self) -> None:
        """Commit the transaction."""

    async def rollback(self) -> None:
        """Roll the transaction back."""

    async def ping(self) -> None:
        """Ask the server for a sign of life; raise ``OperationalError`` when there is none."""

    async def cancel(self) -> None:
        """Stop the statement that runs now; nothing when none does."""

    async def settled(self) -> None:
        """Return when nothing is left of a cancelled statement; at once when there was none."""

    async def close(self) -> None:
        """End the session and free everything.  Idempotent."""

    async def reset(self) -> None:
        """As of :class:`Resettable`; called only with ``DriverCapability.RESET``."""

    def terminate(self) -> None:
        """Free everything without a word to the server and without waiting.  Idempotent; called
        where nothing can be awaited, also when the loop is gone."""


# -- formats ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class FormatRequest:
    """What a format plugin is told when a result arrives."""

    columns: tuple[Column, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the connection that formats may use (``parse_json`` …)."""


class Format(Protocol):
    """Turns chunks of a result into what the user sees.

    Made once per cursor and set of columns; it may serve several results with these columns, so
    it keeps nothing between calls.
    """

    reads: Shape
    """What ``chunk`` is: ``rows`` a list of tuples, ``dicts`` a list of dicts, ``arrow`` an object
    with ``__arrow_c_stream__``."""

    def table(self, chunk: Any) -> Any:
        """Make what ``fetchall`` and ``fetchmany`` return.  An empty chunk gives an empty table
        of the right types."""

    def row(self, chunk: Any) -> Any:
        """Make what ``fetchone`` returns, from a chunk of exactly one row."""


# -- accelerators ----------------------------------------------------------------------------


@dataclass(frozen=True)
class AcceleratorRequest:
    """What is asked of an accelerator plugin."""

    name: str
    """``mysql-rows``, ``tsv``, ``literals`` or ``rowdat-1``."""


# -- statements on their way, events ---------------------------------------------------------


@dataclass(frozen=True)
class StatementCall:
    """A statement before it reaches the driver."""

    sql: str
    """The text with its parameters written in; holds the arguments: never log it whole."""
    connection: Any
    """The :class:`singlestoredb.Connection` it was sent on."""
    buffered: bool = True


@dataclass(frozen=True)
class StatementEvent:
    """A statement that started or finished."""

    statement: str
    """The text as the user gave it, placeholders and all: without the arguments."""
    connection: Any
    duration: float | None = None
    """Seconds from sending to the answer's first result; ``None`` at the start."""
    rows: int | None = None
    """Rows affected or received; -1 while streaming."""
    error: BaseException | None = None

    @property
    def summary(self) -> str:
        """The statement on one line, at most 120 characters."""
        text = " ".join(self.statement.split())
        return text if len(text) <= 120 else text[:117] + "..."


@dataclass(frozen=True)
class ConnectionEvent:
    """A connection that was opened or closed."""

    connection: Any
    driver: str


@dataclass(frozen=True)
class ActivationEvent:
    """A plugin was activated; told to the plugin itself, however late it comes."""

    sdk_version: str
    spec_version: tuple[int, int]
    get_option: Callable[[str], Any]
    """Reads an option of the SDK by its dotted name."""


# -- UDFs ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CodecRequest:
    """What a UDF codec is told when it is made."""

    args: tuple[tuple[str, int], ...] = ()
    """Parameters: (name, type code); a negative code is unsigned or binary."""
    returns: tuple[tuple[str, int], ...] = ()
    """Result columns: (name, type code)."""


class UdfCodec(Protocol):
    """Turns the body of a request into columns and columns into the body of an answer."""

    content_type: str
    """Media type of both bodies."""

    def decode(self, body: bytes | memoryview) -> tuple[Any, Sequence[Any]]:
        """Return ``(row_ids, columns)``: int64 row ids of shape (n,), and per parameter a pair
        ``(values, nulls)`` of shape (n,); ``nulls`` may be ``None``."""

    def encode(self, row_ids: Any, columns: Sequence[Any]) -> bytes:
        """Return the body for result columns given as in ``decode``."""


@dataclass(frozen=True)
class TransportRequest:
    """What a UDF transport is told when it is made."""

    functions: Sequence[Any]
    """Modules, module names or decorated functions to serve."""
    options: Mapping[str, Any] = field(default_factory=dict)


class UdfTransport(Protocol):
    """Carries bodies between the database and the functions."""

    def run(self) -> None:
        """Serve until stopped."""

    def stop(self) -> None:
        """Stop serving.  Idempotent, callable from any thread."""


# -- local servers ---------------------------------------------------------------------------


@dataclass(frozen=True)
class ServerRequest:
    """How to start a local server."""

    path: str | None = None
    """Where it keeps its data; ``None`` for memory or a temporary folder."""
    host: str = "127.0.0.1"
    """Address to bind; loopback unless the caller insists."""
    port: int = 0
    """Port to bind; 0 picks a free one."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else the plugin documents."""


class LocalServer(Protocol):
    """A server that was started and that its caller stops."""

    urls: Mapping[str, str]
    """Protocol → URL that ``connect()`` takes, credentials included: show it to nobody but the
    caller."""
    pid: int | None
    """Process that serves; ``None`` when it is a thread of this one."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait at most ``timeout`` seconds until it ends; return whether it did."""

    def stop(self) -> None:
        """End it and free what it held.  Idempotent; returns when it is gone."""
