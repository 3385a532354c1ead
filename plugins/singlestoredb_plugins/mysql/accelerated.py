"""The driver with the accelerator ``mysql-rows``: packets are read and decoded in C.

What such an accelerator must offer is in :mod:`accelerator`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from singlestoredb import accelerators
from singlestoredb.exceptions import DataError, InternalError
from singlestoredb.reading import unique_names
from singlestoredb_hookspecs import ArrowBatches, Column, ConnectionParams, Shape, StatementRequest

from . import errors
from .columns import decode_rows, explain, parse_column
from .connection import KEPT_RESULTS, MySQLConnection
from .plans import make_plan
from .results import MySQLResult
from .wire import MAX_PAYLOAD, Command, Wire

if TYPE_CHECKING:
    from .accelerator import Accelerator, Batches, Kept, Plan
    from .handshake import Greeting

NAME = "mysql-rows"
MALFORMED = "the server sent a malformed answer: its columns are not as announced"

T = TypeVar("T")


def find(pure_python: bool | None) -> Accelerator | None:
    """Return the accelerator, or ``None`` where it is not wanted or cannot be had.

    Raises ``NotSupportedError`` when it cannot be had and ``pure_python`` is ``False``.
    """
    found: Accelerator | None = accelerators.find(NAME, pure_python)
    return found


class AcceleratedWire(Wire):
    """A socket whose packets the accelerator reads."""

    def __init__(
        self,
        accel: Accelerator,
        sock: socket.socket,
        read_timeout: float | None,
        write_timeout: float | None,
    ) -> None:
        self._sequence_error = accel.SequenceError
        self._row_error = accel.RowError
        self._make_reader = accel.Reader
        self.reader = accel.Reader()
        super().__init__(sock, read_timeout, write_timeout)

    def limit_reading(self, seconds: float | None) -> None:
        """Set how long to wait for bytes; nothing is left to read when it is changed."""
        super().limit_reading(seconds)
        if self.reader.pending:
            self.abort()
            raise InternalError(None, "the server sent more than it was asked for")
        sock = self._sock()
        # Only a socket of the system's own can be read by its number; TLS cannot.
        plain = type(sock) is socket.socket
        self.reader = self._make_reader(
            fd=sock.fileno() if plain else -1,
            receive_into=None if plain else sock.recv_into,
            timeout=seconds,
        )

    @property
    def _sequence(self) -> int:
        return self.reader.sequence

    @_sequence.setter
    def _sequence(self, number: int) -> None:
        self.reader.sequence = number

    def send_command(self, command: Command, argument: bytes = b"") -> None:
        """Send a command; its answer is read next."""
        reader = self.reader
        if reader.pending:
            # Whatever is left here belongs to nobody's question.
            self.abort()
            raise InternalError(None, "the server sent more than it was asked for")
        size = len(argument) + 1
        if size < MAX_PAYLOAD:
            reader.start(1)
            self._send(b"%b\0%c%b" % (size.to_bytes(3, "little"), command, argument))
        else:
            reader.start(0)
            self.send_payload(bytes((command,)) + argument)

    def expect_answer(self) -> None:
        """Begin the next answer: its packets are numbered from 1."""
        self.reader.start(1)

    def read(self, method: Callable[..., T], *args: Any) -> T:
        """Call a method of the reader that decodes nothing; see :meth:`failed`."""
        if self._socket is None:
            raise errors.lost("the connection was closed")
        try:
            return method(*args)
        except BaseException as exc:
            self.failed(exc)
            raise

    def failed(self, exc: BaseException) -> None:
        """Close the socket because reading failed; raise what that means, if it is known."""
        if isinstance(exc, self._sequence_error):
            got, self._sequence = exc.args
            self._out_of_sequence(got)
        self.abort()
        if isinstance(exc, OSError):
            raise errors.lost(exc) from exc
        if isinstance(exc, self._row_error):
            raise InternalError(None, MALFORMED) from exc

    def read_packet(self) -> bytes:
        """Return the next payload, whole; errors as of ``Wire``."""
        return self.read(self.reader.read_packet)

    def abort(self) -> None:
        """Close the socket without a word.  Idempotent."""
        self.reader.close()
        super().abort()


_ALL_SHAPES: frozenset[Shape] = frozenset({"rows", "dicts", "arrow"})
_ARROW_ONLY: frozenset[Shape] = frozenset({"arrow"})


class AcceleratedResult(MySQLResult):
    """One result set whose rows the accelerator decodes.

    Buffered rows are kept as packets and decoded once, when they are asked for.  Arrow that is
    asked for from the start is decoded as it arrives, which takes less memory and time; it then
    is all that the result has.
    """

    def __init__(
        self,
        connection: AcceleratedConnection,
        columns: tuple[Column, ...],
        plan: Plan,
        kept: Kept | None,
        buffered: bool,
    ) -> None:
        super().__init__(connection, columns, buffered=buffered)
        self._wire = connection.wire
        self._accel = connection.accel
        self._plan = plan
        self._kept = kept
        self._batches: Batches | None = None
        self._failure: BaseException | None = None
        """Why the last values could not be decoded."""
        self.native = _ALL_SHAPES

    # -- the connection's side --

    def started(self) -> None:
        """The column definitions are read, and of a kept result also the rows."""
        self._unread = True
        self.rows_affected = -1
        if self._kept is not None:
            self.rows_affected = self._kept.num_rows
            self._note_end()
        elif self._buffered:
            self.native = _ARROW_ONLY
            self._batches = self._decode(self._wire.reader.read_arrow, None)
            while self._unread:  # a value could not be decoded: the read will say so
                self._receive(None)
            if self._batches is not None:
                self.rows_affected = self._batches.num_rows

    def _note_end(self) -> None:
        """Act on the packet that ended the rows, if it has come."""
        end = self._wire.reader.end
        if end is None:
            return
        if end[0] == 0xFF:
            self._give_up()
            raise errors.from_packet(end)
        # EOF packet: u8 0xFE, u16 warnings, u16 status.
        self.ended(int.from_bytes(end[3:5], "little"), int.from_bytes(end[1:3], "little"))

    def _give_up(self) -> None:
        self._unread = self._more = False
        self._connection.settled(self, None)

    def _receive(self, size: int | None) -> list[bytes]:
        """Drop rows."""
        self._transfer(self._wire.reader.skip_rows, size)
        return []

    def _transfer(self, method: Callable[..., object], *args: Any) -> None:
        """Read rows without decoding them."""
        try:
            self._wire.read(method, *args)
        except BaseException:
            self._give_up()
            raise
        self._note_end()

    # -- decoding --

    def _decode(self, method: Callable[..., T], *args: Any) -> T | None:
        """Decode from the connection; ``_failure`` is set when values could not be."""
        decoded = None
        try:
            decoded = method(self._plan, *args)
        except BaseException as exc:
            self._failure = self._refusal(exc, method == self._wire.reader.read_arrow)
            if self._failure is None:
                self._give_up()
                self._wire.failed(exc)
                raise
        self._note_end()
        return decoded

    def _decode_kept(self, method: Callable[..., T], *args: Any) -> T:
        """Decode kept rows."""
        try:
            return method(self._plan, *args)
        except BaseException as exc:
            refusal = self._refusal(exc, self._kept is not None and method == self._kept.read_arrow)
            if refusal is None or refusal is exc:
                raise
            raise refusal from exc

    def _refusal(self, exc: BaseException, is_arrow: bool) -> BaseException | None:
        """Return the error for values that could not be decoded; ``None`` for other failures."""
        failed = self._plan.failed
        if isinstance(exc, self._accel.RowError):
            refusal: BaseException = InternalError(
                None, "the server sent a row that does not have the announced columns"
            )
        elif failed < 0 and isinstance(exc, OverflowError):
            refusal = DataError(None, str(exc))
        elif failed < 0 or not isinstance(exc, Exception):
            return None
        elif isinstance(exc, (ValueError, ArithmeticError, DataError)) and not is_arrow:
            refusal = explain(self.columns[failed], exc)
        else:
            return exc
        refusal.__cause__ = exc
        return refusal

    def _raise_failure(self) -> None:
        failure = self._failure
        if failure is not None:
            if not self._buffered:
                self._failure = None  # the rows behind it can still be read
            raise failure

    def _rows(self, size: int | None, dicts: bool) -> list[Any]:
        if self._kept is not None:
            return self._decode_kept(self._kept.read_rows, size, dicts)
        rows = self._decode(self._wire.reader.read_rows, size, dicts) if self._unread else None
        self._raise_failure()
        return rows or []

    # -- reading --

    def read_rows(self, size: int | None) -> list[tuple[Any, ...]]:
        """Return the next rows as tuples."""
        if self._buffered and self._kept is None:
            from singlestoredb.columnar.read import to_rows

            return to_rows(self.read_arrow(size))
        return self._rows(size, False)

    def read_dicts(self, size: int | None) -> list[dict[str, Any]]:
        """Return the next rows as dicts."""
        if self._buffered and self._kept is None:
            names = unique_names(self.columns)
            return [dict(zip(names, row, strict=True)) for row in self.read_rows(size)]
        return self._rows(size, True)

    def read_arrow(self, size: int | None) -> ArrowBatches:  # type: ignore[override]  # wider
        """Return the next rows as Arrow batches."""
        if not self._plan.has_arrow:
            from singlestoredb.columnar.build import from_rows

            rows = decode_rows(
                self._packets_of(size),
                self.columns,
                self._connection.decoders.for_arrow(self.columns),
            )
            return from_rows(self.columns, rows)
        if self._kept is not None:
            return self._decode_kept(self._kept.read_arrow, size)
        if self._buffered:
            self._raise_failure()
            return self._next_batches(size)
        if not self._unread:
            return self._accel.Kept().read_arrow(self._plan, None)
        batches = self._decode(self._wire.reader.read_arrow, size)
        self._raise_failure()
        assert batches is not None  # or there was a failure
        return batches

    def _next_batches(self, size: int | None) -> Batches:
        """Return the next rows of a result that was decoded as it arrived."""
        assert self._batches is not None  # or reading it failed
        start = self._position
        left = max(self.rows_affected - start, 0)
        count = left if size is None else min(size, left)
        self._position = start + count
        if start == 0 and count == left:
            return self._batches
        return self._batches.slice(start, count)

    def _packets_of(self, size: int | None) -> list[bytes]:
        """Return the next rows as packets, for what the accelerator cannot decode."""
        kept = self._kept
        if kept is None:
            if not self._unread:
                return []
            kept = self._accel.Kept()
            self._transfer(self._wire.reader.keep_rows, kept, size)
        return kept.packets(size)

    def seek(self, row: int) -> None:
        """Make the next read of a buffered result start at ``row``."""
        if self._kept is not None:
            self._kept.seek(row)
        self._position = row

    def close(self) -> None:
        """Drop what is left of this and the following result sets."""
        self._kept = self._batches = None
        self._buffered = False
        super().close()


class AcceleratedConnection(MySQLConnection):
    """A connection over the MySQL protocol whose results the accelerator reads."""

    wire: AcceleratedWire

    def __init__(self, params: ConnectionParams, accel: Accelerator) -> None:
        self.accel = accel
        self._shape: Shape = "rows"
        self._plans: dict[bytes, tuple[tuple[Column, ...], Plan]] = {}
        super().__init__(params)

    def _make_wire(self, greeting: Greeting) -> AcceleratedWire:
        params = self._params
        return AcceleratedWire(self.accel, greeting.sock, params.read_timeout, params.write_timeout)

    def set_charset(self, charset: str, collation: str | None = None) -> None:
        """Change the session's character set."""
        super().set_charset(charset, collation)
        self._plans.clear()

    def execute(self, request: StatementRequest) -> MySQLResult:
        """Run one statement."""
        self._shape = request.shape
        return super().execute(request)

    def read_result(self, buffered: bool) -> MySQLResult:
        """Read the next answer of the server, up to its first row; all of it when buffered."""
        wire = self.wire
        read = wire.reader.read_answer
        kept = self.accel.Kept() if buffered and self._shape != "arrow" else None
        payload, is_result = wire.read(read, kept)
        while not is_result and payload[:1] == b"\xfb":
            self._send_file(payload[1:])
            payload, is_result = wire.read(read, kept)
        if not is_result:
            return self._outcome(payload)
        planned = self._plans.get(payload)
        if planned is None:
            planned = self._make_plan(payload)
        columns, plan = planned
        if kept is None and buffered and not plan.has_arrow:
            kept = self.accel.Kept()
            wire.read(wire.reader.keep_rows, kept, None)
        result = AcceleratedResult(self, columns, plan, kept, buffered)
        self._active = result
        result.started()
        return result

    def _make_plan(self, definitions: bytes) -> tuple[tuple[Column, ...], Plan]:
        """Read column definitions; the same query's will be the same bytes next time."""
        if len(self._plans) >= KEPT_RESULTS:
            self._plans.clear()
        columns = []
        at = 0
        while at < len(definitions):
            end = at + 4 + int.from_bytes(definitions[at : at + 3], "little")
            try:
                columns.append(parse_column(definitions[at + 4 : end], self._encoding))
            except BaseException:
                self.wire.abort()  # as in MySQLConnection
                raise
            at = end
        found = tuple(columns)
        planned = self._plans[definitions] = found, make_plan(self.accel, found, self.decoders)
        return planned
