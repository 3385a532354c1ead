"""The mysql driver's connection."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from threading import Lock

from singlestoredb.dialing import left
from singlestoredb.exceptions import (
    DataError,
    Error,
    InternalError,
    OperationalError,
    ProgrammingError,
)
from singlestoredb_hookspecs import (
    Column,
    ConnectionParams,
    DriverCapability,
    ServerInfo,
    StatementRequest,
)

from . import handshake
from .columns import Decoders, lenenc, parse_column
from .errors import from_packet, unreachable
from .results import MySQLResult
from .wire import MOST_COLUMNS, Command, Wire

KEPT_RESULTS = 512
"""Results whose columns are remembered: parsing a few costs more than the rest of a point query."""
_NOT_A_COUNT = frozenset({b"", b"\x00", b"\xfe", b"\xff"})
"""First bytes of answers that do not begin with a number of columns."""
_INTERRUPTED = 1317
"""The server's number for a statement that was cancelled."""
_CANCEL_SECONDS = 5
"""Longest time for the connection that cancels."""
_ONE_TO_ONE = frozenset({"utf8", "utf-8", "ascii", "cp1252"})
"""Codecs that write no character as another one's bytes."""
_STATUS_IN_TRANSACTION = 0x0001
_STATUS_AUTOCOMMIT = 0x0002
_STATUS_NO_BACKSLASH_ESCAPES = 0x0200


class MySQLConnection:
    """A connection over the MySQL protocol; see ``DriverConnection`` of the hook specs."""

    capabilities = (
        DriverCapability.TRANSACTIONS
        | DriverCapability.MULTI_STATEMENTS
        | DriverCapability.MULTI_RESULTS
        | DriverCapability.STREAMING
        | DriverCapability.LOCAL_INFILE
        | DriverCapability.CANCEL
        | DriverCapability.ABORT
        | DriverCapability.RESET
        | DriverCapability.STORED_PROCEDURES
        | DriverCapability.TYPED_RESULTS
        | DriverCapability.VECTORS
    )

    def __init__(self, params: ConnectionParams) -> None:
        self._params = params
        greeting = handshake.connect(params)
        self.wire = self._make_wire(greeting)
        self._encoding = greeting.encoding
        self._status = greeting.status
        self._active: MySQLResult | None = None
        self._cancelling = Lock()
        self._was_cancelled = False
        """Whether a KILL may still be on its way, to hit the next statement."""
        self._request = StatementRequest("")
        self._source_failure: BaseException | None = None
        """What the source of LOAD DATA raised; the server's answer to it has been read."""
        self._infiles_sent = 0
        """How many of the files that the statement names were given."""
        self._columns: dict[tuple[bytes, ...], tuple[Column, ...]] = {}
        self.decoders = Decoders(params, greeting.encoding)
        self.info = ServerInfo(
            version=greeting.server_version,
            connection_id=greeting.connection_id,
            host=greeting.host_info,
            charset=params.charset,
            database=params.database,
            details={"server_capabilities": greeting.capabilities, "protocol_version": 10},
        )
        try:
            # A server that falls silent now is one that cannot be connected to, too.
            seconds = left(greeting.deadline)
            self.wire.limit_reading(min(seconds, params.read_timeout or seconds))
            self._set_up()
            self.wire.limit_reading(params.read_timeout)
            self._run_init_command()
        except TimeoutError as exc:
            self.wire.abort()
            raise unreachable(greeting.host_info, exc) from exc
        except BaseException:
            self.wire.close()
            raise

    def _make_wire(self, greeting: handshake.Greeting) -> Wire:
        return Wire(greeting.sock, self._params.read_timeout, self._params.write_timeout)

    def _set_up(self) -> None:
        """Make the session what the parameters say, in one round trip.

        The commands go out together and are answered one after the other, as SingleStore's own
        JDBC driver has it.
        """
        self._request = StatementRequest("")
        settings = list(self.settings())
        self.wire.send_commands(Command.QUERY, [self._encoded(sql) for sql, _ in settings])
        failure: Error | None = None
        for _, is_optional in settings:
            self.wire.expect_answer()
            try:
                self.read_result(buffered=False).close()
            except Error as exc:
                if not self.is_open:
                    raise
                if not (is_optional and isinstance(exc, OperationalError)):
                    failure = failure or exc
        if failure is not None:
            raise failure

    def settings(self) -> Iterator[tuple[str, bool]]:
        """Iterate over the statements that set the session up, and whether each may fail."""
        params = self._params
        names = f"SET NAMES {params.charset}"
        if params.collation:
            names += f" COLLATE {_word(params.collation)}"
        yield names, False
        if params.sql_mode is not None:
            yield f"SET sql_mode={_literal(params.sql_mode)}", False
        autocommit = params.autocommit
        if autocommit is not None and autocommit != self.autocommit and not params.init_command:
            yield f"SET AUTOCOMMIT = {int(autocommit)}", False
        if params.enable_extended_data_types and "MariaDB" not in self.info.version:
            # A server that has no such variables has no such types either.
            yield "SET @@SESSION.enable_extended_types_metadata=on", True
            yield f"SET @@SESSION.vector_type_project_format={params.vector_data_format}", True

    def user_settings(self) -> Iterator[str]:
        """Iterate over the statements that the user wrote, which may be anything."""
        if self._params.init_command:
            yield self._params.init_command

    def _run_init_command(self) -> None:
        """Run what the user wrote, and switch autocommit only then."""
        for sql in self.user_settings():
            self._command(sql)
        if self._params.autocommit is not None:
            self.set_autocommit(self._params.autocommit)

    # -- state --

    @property
    def is_open(self) -> bool:
        """Whether statements can be sent."""
        return self.wire.is_open

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left to read of the last statement."""
        return self._active is None

    def fileno(self) -> int:
        """Return the number of the socket."""
        return self.wire.fileno()

    @property
    def autocommit(self) -> bool:
        """The server's autocommit state, as of its last answer."""
        return bool(self._status & _STATUS_AUTOCOMMIT)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, as of the server's last answer."""
        return bool(self._status & _STATUS_IN_TRANSACTION)

    @property
    def server_status(self) -> int:
        """Status flags of the server's last answer."""
        return self._status

    @property
    def escapes_backslash(self) -> bool:
        """Whether a backslash escapes in string literals, as of the server's last answer."""
        return not self._status & _STATUS_NO_BACKSLASH_ESCAPES

    def settled(self, result: MySQLResult, status: int | None) -> None:
        """Note that a result set was read to its end."""
        if status is not None:
            self._status = status
        if self._active is result and result.is_settled:
            self._active = None

    # -- statements --

    def execute(self, request: StatementRequest) -> MySQLResult:
        """Run one statement."""
        self._make_ready()
        data = self._encoded(request.sql)
        self._request = request
        self._infiles_sent = 0
        self._source_failure = None
        try:
            self.wire.send_command(Command.QUERY, data)
            return self.read_result(request.buffered)
        except Error:
            raise
        except BaseException as exc:
            # Ctrl-C between two steps: the answer must never be read as another statement's.
            if exc is not self._source_failure:
                self.wire.abort()
            raise

    def _make_ready(self) -> None:
        """Leave nothing of the last statement that the next one could run into."""
        if self._active is not None:
            active, self._active = self._active, None
            active.settle()
        if self._was_cancelled:
            with self._cancelling:  # wait for a KILL that is on its way
                self._was_cancelled = False
            try:
                # Whatever it hits if it came too late, it is not the caller's statement.
                self._command("SELECT 1")
            except Error as exc:
                if exc.errno != _INTERRUPTED:
                    raise

    def _encoded(self, sql: str) -> bytes:
        data = sql.encode(self._encoding, "surrogateescape")
        if self._encoding not in _ONE_TO_ONE and data.decode(self._encoding, "replace") != sql:
            # Python writes the yen sign as a backslash in shift_jis: an escape that nobody meant.
            raise DataError(
                None,
                f"the statement has characters that the character set {self._params.charset!r} "
                "does not keep",
                hint="use charset='utf8mb4'",
            )
        return data

    def set_charset(self, charset: str, collation: str | None = None) -> None:
        """Change the session's character set; raise ``NotSupportedError`` for none."""
        encoding = handshake.codec(charset)
        names = f"SET NAMES {_word(charset)}"
        self._command(f"{names} COLLATE {_word(collation)}" if collation else names)
        self._encoding = encoding
        self.decoders = Decoders(self._params, encoding)
        self._columns.clear()
        self.info = dataclasses.replace(self.info, charset=charset)

    def _command(self, sql: str) -> None:
        self.execute(StatementRequest(sql)).close()

    def read_result(self, buffered: bool) -> MySQLResult:
        """Read the next answer of the server, up to its first row; all of it when buffered."""
        packet = self.wire.read_packet()
        while packet[:1] == b"\xfb":
            self._send_file(packet[1:])
            packet = self.wire.read_packet()
        if packet[:1] in _NOT_A_COUNT:
            return self._outcome(packet)
        definitions = self._read_definitions(packet)
        columns = self._columns.get(definitions)
        if columns is None:
            columns = self._parse_columns(definitions)
        result = MySQLResult(self, columns, buffered=buffered)
        self._active = result
        result.started()
        return result

    def _read_definitions(self, packet: bytes) -> tuple[bytes, ...]:
        """Read the column definitions that the answer's first packet announces."""
        count, end = lenenc(packet, 0) if packet[0] != 0xFB else (0, 0)
        if not 0 < count <= MOST_COLUMNS or end != len(packet):
            raise self._malformed()
        found: list[bytes] = []
        while len(found) < count:
            packet = self.wire.read_packet()
            if packet[:1] == b"\xff":  # the server failed amid them
                raise from_packet(packet)
            if packet[:1] == b"\xfe":
                raise self._malformed("it ends before its last column")
            found.append(packet)
        packet = self.wire.read_packet()
        if packet[:1] != b"\xfe" or len(packet) > 8:
            raise self._malformed("its columns do not end where they should")
        return tuple(found)

    def _malformed(self, why: str = "") -> InternalError:
        """Close the socket, since what comes next on it is anybody's guess; return the error."""
        self.wire.abort()
        text = "the server sent a malformed answer"
        return InternalError(None, f"{text}: {why}" if why else text)

    def _outcome(self, packet: bytes) -> MySQLResult:
        """Read an answer that is not a result set."""
        kind = packet[0] if packet else -1
        if kind == 0xFF:
            raise from_packet(packet)
        if kind == 0:
            return self._ok(packet)
        raise self._malformed()

    def _parse_columns(self, definitions: tuple[bytes, ...]) -> tuple[Column, ...]:
        """Read column definitions; the same query's will be the same bytes next time."""
        if len(self._columns) >= KEPT_RESULTS:
            self._columns.clear()
        try:
            columns = tuple([parse_column(data, self._encoding) for data in definitions])
        except BaseException:
            self.wire.abort()  # the rows behind them must not be taken for another answer
            raise
        self._columns[definitions] = columns
        return columns

    def _ok(self, packet: bytes) -> MySQLResult:
        # OK packet: lenenc rows, lenenc insert id, u16 status, u16 warnings, text
        try:
            affected, at = lenenc(packet, 1)
            insert_id, at = lenenc(packet, at)
        except InternalError:
            raise self._malformed() from None
        if len(packet) < at + 4:
            raise self._malformed()
        result = MySQLResult(self, rows_affected=affected, last_insert_id=insert_id)
        self._active = result
        status = int.from_bytes(packet[at : at + 2], "little")
        result.ended(status, int.from_bytes(packet[at + 2 : at + 4], "little"))
        return result

    def _permitted_file(self, wanted: bytes) -> tuple[str, object]:
        """Return the name of the file that the server asks for, and the statement's stream.

        Raises ``OperationalError``, and closes the connection, unless the statement named it.
        """
        from . import infile

        name = wanted.decode("utf-8", "surrogateescape")
        request = self._request
        if request.infile_name is not None:
            named = [request.infile_name]
        else:
            named = infile.named_files(request.sql, self._params.multi_statements)
        if name not in named[self._infiles_sent :]:
            self.wire.abort()
            raise OperationalError(
                None,
                "the server asked for a file that the statement did not name; nothing was sent "
                "and the connection was closed",
            )
        self._infiles_sent = named.index(name, self._infiles_sent) + 1
        if request.infile_name is not None:
            return infile.STREAM, request.infile_stream
        if not self._params.local_infile:
            return infile.STREAM, infile.switched_off()
        return name, request.infile_stream

    def _send_file(self, wanted: bytes) -> None:
        """Answer the server's request for a file; only what the statement named is given."""
        from . import infile

        name, stream = self._permitted_file(wanted)
        failure: BaseException | None = None
        try:
            for piece in infile.packets(name, stream, self._params.max_allowed_packet):
                self.wire.send_payload(piece)
        except BaseException as exc:
            failure = exc
        if not self.is_open:
            raise failure or OperationalError(None, "the connection was lost while loading")
        # The empty packet ends the file, and the server answers: with what it had got, if the
        # source failed.  That answer must be read before anything else can be sent.
        self.wire.send_payload(b"")
        if failure is not None:
            self._after_failed_load()
            self._source_failure = failure
            raise failure

    def _after_failed_load(self) -> None:
        packet = self.wire.read_packet()
        if packet[:1] != b"\xff":
            self._outcome(packet).close()

    # -- transactions --

    def set_autocommit(self, enabled: bool) -> None:
        """Switch autocommit where it is not as wanted."""
        if enabled != self.autocommit:
            self._command(f"SET AUTOCOMMIT = {int(enabled)}")

    def begin(self) -> None:
        """Start a transaction."""
        self._command("BEGIN")

    def commit(self) -> None:
        """Commit the transaction."""
        self._command("COMMIT")

    def rollback(self) -> None:
        """Roll the transaction back."""
        self._command("ROLLBACK")

    # -- the session --

    def ping(self) -> None:
        """Ask the server for a sign of life."""
        self._make_ready()
        self.wire.send_command(Command.PING)
        self._outcome(self.wire.read_packet()).close()

    def reset(self) -> None:
        """Give the session the state it had after connecting."""
        self._make_ready()
        self.wire.send_command(Command.RESET_CONNECTION)
        result = self._outcome(self.wire.read_packet())
        result.close()
        self._set_up()
        self._run_init_command()
        if self.info.database:
            self._command(self.use_database())

    def use_database(self) -> str:
        """Return the statement that goes back to the database of the connection."""
        return f"USE {_identifier(self.info.database or '')}"

    def cancel(self) -> None:
        """Stop the running statement by KILL QUERY from a connection of its own."""
        number = self.info.connection_id
        limit = min(self._params.connect_timeout, _CANCEL_SECONDS)
        with self._cancelling:
            self._was_cancelled = True
            greeting = handshake.connect(dataclasses.replace(self._params, connect_timeout=limit))
            wire = Wire(greeting.sock, limit, limit)
            try:
                wire.send_command(Command.QUERY, f"KILL QUERY {number}".encode())
                packet = wire.read_packet()
                if packet[:1] == b"\xff":
                    raise from_packet(packet)
            finally:
                wire.close()

    def abort(self) -> None:
        """Break the connection, from any thread."""
        self.wire.interrupt()

    def close(self) -> None:
        """End the session."""
        self._active = None
        self.wire.close()


def _literal(text: str) -> str:
    from singlestoredb.escaping import escape

    return escape(text)


def _identifier(name: str) -> str:
    from singlestoredb.escaping import identifier

    return identifier(name)


def _word(name: str) -> str:
    if not name.replace("_", "").isalnum():
        raise ProgrammingError(None, f"{name!r} is not the name of a character set or collation")
    return name
