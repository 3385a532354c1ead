"""The driver on an event loop.

A connection is opened as ever, on a thread: handshake, TLS, authentication and the session's
settings.  Then its socket becomes the loop's (:mod:`flow`), and packets are decoded from what the
loop receives: by the accelerator's reader without a source, or by :mod:`fed`.  The synchronous
connection stays behind as what knows columns, decoders, status and how to cancel.
"""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import AsyncIterator, Awaitable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

from singlestoredb.deadline import stop_server
from singlestoredb.exceptions import (
    Error,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
)
from singlestoredb.kernel.threaded import (
    CANCEL_AGAIN_SECONDS,
    CANCELLED,
    CLEAN_SECONDS,
    IN_USE,
    OTHER_LOOP,
    clean_behind,
    in_thread,
)
from singlestoredb.warnings import callers_level
from singlestoredb_hookspecs import (
    ArrowBatches,
    Column,
    ConnectionParams,
    Shape,
    StatementRequest,
)

from . import accelerated, errors, infile
from .accelerated import AcceleratedConnection, AcceleratedResult
from .connection import MySQLConnection
from .fed import FedReader, MalformedError, SequenceError
from .flow import Flow
from .results import MORE_RESULTS, MySQLResult
from .wire import MAX_PAYLOAD, Command, Wire

if TYPE_CHECKING:
    from .accelerator import Accelerator

OPENING_THREADS = 16
"""Connections that are opened at a time: a thousand at once would only wait for one another."""
GRACE_SECONDS = 0.01
"""Time in which the rest of a short answer comes by itself; only then is the server told to stop,
which takes a connection of its own."""
DECODE_ROWS = 2_000
"""Rows decoded before the loop has its turn: about two milliseconds."""
FAR_ROWS = 20_000
"""Rows from which Arrow is made on a thread: a millisecond or more."""
FILE_QUIET = 8
"""Packets of a file after which the loop has its turn even if the socket takes more."""


class Stage(Enum):
    """Where the exchange with the server stands."""

    READY = 0
    """Nothing is under way."""
    SENDING = 1
    """A command or a file is being sent; cut short, the server would wait for the rest."""
    ANSWER = 2
    """The start of an answer comes next."""
    ROWS = 3
    """Rows, or the packet that ends them, come next."""
    MORE = 4
    """A result set has ended, and another one follows."""


_READY, _SENDING, _ANSWER, _ROWS, _MORE = Stage


class Reader(Protocol):
    """What the accelerator's reader and :class:`FedReader` have in common."""

    sequence: int

    @property
    def pending(self) -> int: ...
    @property
    def end(self) -> bytes | None: ...
    def feed(self, data: memoryview, /) -> None: ...
    def start(self, sequence: int, /) -> None: ...
    def close(self) -> None: ...
    def read_packet(self) -> bytes | None: ...
    def read_answer(self, kept: Any, /) -> tuple[Any, bool] | None: ...
    def keep_rows(self, kept: Any, limit: int | None, /) -> None: ...
    def skip_rows(self, limit: int | None, /) -> int: ...


# -- opening ---------------------------------------------------------------------------------

_openers: tuple[int, ThreadPoolExecutor] | None = None


def _threads() -> ThreadPoolExecutor:
    """Return the threads that open connections; a forked process has its own."""
    global _openers
    if _openers is None or _openers[0] != os.getpid():
        threads = ThreadPoolExecutor(OPENING_THREADS, "singlestoredb-open")
        _openers = os.getpid(), threads
    return _openers[1]


def _open(params: ConnectionParams) -> MySQLConnection:
    accelerator = accelerated.find(params.pure_python)
    if accelerator is None:
        return MySQLConnection(params)
    return AcceleratedConnection(params, accelerator)


def _drop(opening: Future[MySQLConnection]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


async def open_connection(params: ConnectionParams) -> AsyncMySQLConnection:
    """Open a connection on a thread and take it over to the running loop."""
    opening = _threads().submit(_open, params)
    try:
        opened = await asyncio.wrap_future(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_drop)
        raise
    return AsyncMySQLConnection(opened)


# -- results ---------------------------------------------------------------------------------


class AsyncMySQLResult:
    """One result set, or the outcome of a statement without one.

    What has been received is in a synchronous result, which decodes it: all of a buffered result,
    else the rows of one read.
    """

    def __init__(
        self, connection: AsyncMySQLConnection, local: MySQLResult, buffered: bool
    ) -> None:
        self._connection = connection
        self._local = local
        self._buffered = buffered
        self._position = 0
        self.more = False
        """Whether another result set follows."""
        self.unread = False
        """Whether rows are still to come."""
        self.abandoned = False
        self.columns = local.columns
        self.native: frozenset[Shape] = local.native
        self.rows_affected = local.rows_affected
        self.last_insert_id = local.last_insert_id
        self.warning_count = local.warning_count

    @property
    def here(self) -> MySQLResult | None:
        """The synchronous result, when it has all rows and they are few."""
        if self._buffered and not self.more and self.rows_affected <= DECODE_ROWS:
            return self._local
        return None

    def ended(self, status: int, warning_count: int) -> None:
        """The last packet of this result set was read."""
        self.unread = False
        self.more = bool(status & MORE_RESULTS)
        self.warning_count = warning_count

    # -- reading --

    async def _have(self, size: int | None) -> int:
        """Have the next rows in the synchronous result; returns how many."""
        if self._buffered:
            left = max(self.rows_affected - self._position, 0)
            return left if size is None else min(size, left)
        if self.abandoned:
            raise InterfaceError(0, CANCELLED)
        if self.unread:
            store = await self._connection.receive_rows(self, size)
        else:
            store = self._connection._store()
        if isinstance(self._local, AcceleratedResult):
            self._local._kept = store
        else:
            self._local._packets = store
        self._local._position = 0
        return self._connection._kept_by(store)

    async def _rows(self, read: Any, size: int | None) -> list[Any]:
        count = await self._have(size)
        start = self._position
        self._position += count
        if count <= DECODE_ROWS:
            return read(count)  # type: ignore[no-any-return] # read_rows or read_dicts
        rows: list[Any] = []
        try:
            while len(rows) < count:
                rows += read(min(DECODE_ROWS, count - len(rows)))
                await asyncio.sleep(0)
        except BaseException:
            if self._buffered:
                self.seek(start)
            raise
        return rows

    async def read_rows(self, size: int | None) -> list[tuple[Any, ...]]:
        """Return the next rows as tuples."""
        return await self._rows(self._local.read_rows, size)

    async def read_dicts(self, size: int | None) -> list[dict[str, Any]]:
        """Return the next rows as dicts."""
        return await self._rows(cast(AcceleratedResult, self._local).read_dicts, size)

    async def read_arrow(self, size: int | None) -> ArrowBatches:
        """Return the next rows as Arrow batches."""
        count = await self._have(size)
        self._position += count
        if count < FAR_ROWS:
            return self._local.read_arrow(count)
        return await in_thread(self._local.read_arrow, count)

    def seek(self, row: int) -> None:
        """Make the next read of a buffered result start at ``row``."""
        self._position = row
        self._local.seek(row)

    async def next_result(self) -> AsyncMySQLResult | None:
        """Return the statement's next result set."""
        return await self._connection.next_result(self)

    async def close(self) -> None:
        """Drop what is left of this and the following result sets."""
        if self.unread or self.more:
            await self._connection.abandon(self)
        self.abandoned = True


# -- the connection --------------------------------------------------------------------------


class AsyncMySQLConnection:
    """See ``AsyncDriverConnection`` of the hook specs."""

    def __init__(self, opened: MySQLConnection) -> None:
        params = opened._params
        self._accel: Accelerator | None = None
        self._reader: Reader = FedReader()
        self._sequence_error: type[Exception] = SequenceError
        self._row_error: type[Exception] = MalformedError
        if isinstance(opened, AcceleratedConnection):
            self._accel = opened.accel
            self._reader = cast(Reader, opened.accel.Reader())
            self._sequence_error = opened.accel.SequenceError
            self._row_error = opened.accel.RowError
        self._sync = opened
        self._flow = Flow(
            opened.wire.release(), self._reader.feed, params.read_timeout, params.write_timeout
        )
        # What the synchronous connection still does with its wire is to close it.
        opened.wire = cast(Wire, _Closes(self))
        self._stage = _READY
        self._busy = False
        self._active: AsyncMySQLResult | None = None
        self._cleaning: asyncio.Task[None] | None = None
        self.capabilities = opened.capabilities
        self.info = opened.info

    # -- state --

    @property
    def is_open(self) -> bool:
        """Whether statements can be sent."""
        return self._flow.is_open

    @property
    def autocommit(self) -> bool:
        """The server's autocommit state, as of its last answer."""
        return self._sync.autocommit

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, as of the server's last answer."""
        return self._sync.in_transaction

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way, and nothing left to read."""
        cleaning = self._cleaning
        settled = cleaning is None or cleaning.done()
        return not self._busy and settled and self._stage is _READY

    @property
    def escapes_backslash(self) -> bool:
        """Whether a backslash escapes in string literals, as of the server's last answer."""
        return self._sync.escapes_backslash

    # -- one exchange at a time --

    async def _begin(self) -> None:
        """Have the connection for one exchange; :meth:`_done` gives it back."""
        if self._busy:
            raise ProgrammingError(None, IN_USE)
        if not self._flow.is_mine:
            raise ProgrammingError(None, OTHER_LOOP)
        self._busy = True
        try:
            if self._cleaning is not None:
                await self.settled()
        except BaseException:
            self._busy = False
            raise

    def _done(self) -> None:
        self._busy = False

    def _failed(self, exc: BaseException) -> None:
        """An exchange was left by an exception: see that nothing of it is taken for another's."""
        if isinstance(exc, self._sequence_error):
            got, expected = exc.args
            self.terminate()
            if got == 0:  # what a server says of its own accord, such as that it shuts down
                raise errors.lost("packet sequence number is 0") from exc
            raise InternalError(
                None, f"Packet sequence number wrong - got {got} expected {expected}"
            ) from exc
        if isinstance(exc, self._row_error):
            self.terminate()
            raise InternalError(None, accelerated.MALFORMED) from exc
        if self._stage in (_READY, _MORE) or not self._flow.is_open:
            return
        if isinstance(exc, asyncio.CancelledError) and self._stage is not _SENDING:
            self._clean_up()
        else:
            self.terminate()

    # -- cleaning --

    def _clean_up(self) -> None:
        """Begin to bring the connection in step again, behind the caller's back."""
        active, self._active = self._active, None
        if active is not None:
            active.abandoned = True
            active.unread = active.more = False
        self._cleaning = clean_behind(self._clean)

    async def _clean(self) -> None:
        clock = asyncio.get_running_loop().time
        give_up = clock() + CLEAN_SECONDS
        draining = asyncio.ensure_future(self._drain())
        try:
            await asyncio.wait({draining}, timeout=GRACE_SECONDS)
            told = False
            while not draining.done():
                if clock() > give_up:
                    raise errors.lost("what was left of a cancelled statement did not end")
                told = True
                # Where the server cannot be told, the answer's end may still come.
                with suppress(Error):
                    await in_thread(self._sync.cancel)
                await asyncio.wait({draining}, timeout=CANCEL_AGAIN_SECONDS)
            draining.result()
            if told:
                # A KILL QUERY that came too late stops the next statement: this one.
                await asyncio.wait_for(self._prove(), max(give_up - clock(), 1.0))
        except Exception:
            self.terminate()
            draining.cancel()
            await asyncio.wait({draining})
        except BaseException:
            # The loop ends, as it does after Ctrl-C: the server is told without it.
            self.terminate()
            stop_server(self._sync)
            with suppress(RuntimeError):  # it is closed already
                draining.cancel()
            raise

    async def _drain(self) -> None:
        """Read the rest of the statement's answers and drop it."""
        reader = self._reader
        while self._stage is not _READY:
            if self._stage is _ROWS:
                reader.skip_rows(None)
                while reader.end is None:
                    await self._flow.receive()
                    reader.skip_rows(None)
                self._rows_ended(reader.end)
                continue
            self._stage = _ANSWER
            payload, is_result = await self._read_answer(None)
            if is_result:
                self._stage = _ROWS
            elif payload[:1] == b"\xfb":
                raise errors.lost("the server asks for a file that nobody will send")
            else:
                with suppress(Error):
                    self._outcome(payload)
        if reader.pending:
            raise errors.lost("the server sent more than it was asked for")

    async def _prove(self) -> None:
        self._send_command(Command.QUERY, b"SELECT 1")
        await self._drain()

    async def settled(self) -> None:
        """Return when nothing is left of a cancelled statement."""
        while (cleaning := self._cleaning) is not None:
            await asyncio.wait({cleaning})
            if self._cleaning is cleaning:
                self._cleaning = None
                if not cleaning.cancelled():
                    cleaning.exception()  # the connection is closed then, which says enough

    async def abandon(self, result: AsyncMySQLResult) -> None:
        """Drop what is left of a statement."""
        await self._begin()
        try:
            if self._active is result and self._flow.is_open:
                self._clean_up()
                await self.settled()
        finally:
            self._done()

    # -- sending --

    def _send_command(self, command: Command, argument: bytes = b"") -> memoryview | None:
        """Send a command as far as it goes; returns what is left to be sent."""
        reader, flow = self._reader, self._flow
        if reader.pending:
            # Whatever is left here belongs to nobody's question.
            self.terminate()
            raise InternalError(None, "the server sent more than it was asked for")
        size = len(argument) + 1
        flow.expects = True
        if size < MAX_PAYLOAD:
            reader.start(1)
            data = b"%b\0%c%b" % (size.to_bytes(3, "little"), command, argument)
        else:
            packets, sequence = _packets(bytes((command,)) + argument, 0)
            reader.start(sequence)
            data = b"".join(packets)
        self._stage = _SENDING
        rest = flow.send(data)
        if rest is None:
            self._stage = _ANSWER
        return rest

    async def _send_file(self, wanted: bytes) -> None:
        """Answer the server's request for a file; only what the statement named is given."""
        name, stream = self._sync._permitted_file(wanted)
        reader, flow = self._reader, self._flow
        failure: Exception | None = None
        self._stage = _SENDING
        count = 0
        try:
            async for piece in _pieces(name, stream, self._sync._params.max_allowed_packet):
                packets, reader.sequence = _packets(piece, reader.sequence)
                await flow.send_rest(flow.send(b"".join(packets)))
                count += 1
                if count % FILE_QUIET == 0:
                    await asyncio.sleep(0)
        except Exception as exc:
            failure = exc
        if not flow.is_open:
            raise failure or errors.lost("the connection was closed")
        # The empty packet ends the file, and the server answers: with what it had got, if the
        # source failed.  That answer must be read before anything else can be sent.
        packets, reader.sequence = _packets(b"", reader.sequence)
        await flow.send_rest(flow.send(b"".join(packets)))
        self._stage = _ANSWER
        if failure is not None:
            await self._drain()
            raise failure

    # -- receiving --

    async def _read_answer(self, kept: Any) -> tuple[Any, bool]:
        reader = self._reader
        answer = reader.read_answer(kept)
        while answer is None:
            await self._flow.receive()
            answer = reader.read_answer(kept)
        return answer

    def _store(self) -> Any:
        return self._accel.Kept() if self._accel is not None else []

    def _kept_by(self, store: Any) -> int:
        return len(store) if self._accel is None else store.num_rows

    async def _read_result(self, buffered: bool) -> AsyncMySQLResult:
        """Read the next answer of the server, up to its first row; all of it when buffered."""
        store = self._store() if buffered else None
        reader, flow = self._reader, self._flow
        while (answer := reader.read_answer(store)) is None:
            await flow.receive()
        payload, is_result = answer
        while not is_result and payload[:1] == b"\xfb":
            await self._send_file(payload[1:])
            payload, is_result = await self._read_answer(store)
        if not is_result:
            result = AsyncMySQLResult(self, self._outcome(payload), True)
            result.more = self._stage is _MORE
            self._active = result if result.more else None
            return result
        self._stage = _ROWS
        result = AsyncMySQLResult(self, self._local_result(payload, store), buffered)
        result.unread = True
        self._active = result
        if buffered:
            while (end := reader.end) is None:
                await flow.receive()
                reader.keep_rows(store, None)
            self._ended(result, end)
            result.rows_affected = result._local.rows_affected = self._kept_by(store)
        return result

    def _local_result(self, definitions: Any, store: Any) -> MySQLResult:
        """Make the synchronous result that decodes."""
        sync = self._sync
        local: MySQLResult
        store = self._store() if store is None else store
        if isinstance(sync, AcceleratedConnection):
            planned = sync._plans.get(definitions) or sync._make_plan(definitions)
            local = AcceleratedResult(sync, *planned, store, True)
        else:
            columns: tuple[Column, ...] | None = sync._columns.get(definitions)
            local = MySQLResult(sync, columns or sync._parse_columns(definitions))
            local._packets = store
        local.rows_affected = -1
        return local

    def _outcome(self, payload: bytes) -> MySQLResult:
        """Read an answer that is not a result set."""
        self._settle(False)
        outcome = self._sync._outcome(payload)
        self._sync._active = None
        self._settle(outcome._more)
        return outcome

    def _settle(self, more: bool) -> None:
        if more:
            self._stage = _MORE
        else:
            self._stage = _READY
            self._flow.expects = False

    def _rows_ended(self, end: bytes) -> tuple[int, int]:
        """Act on the packet that ended rows; returns status and warnings."""
        if end[0] == 0xFF:
            self._settle(False)
            return 0, 0
        # EOF packet: u8 0xFE, u16 warnings, u16 status.
        status = int.from_bytes(end[3:5], "little")
        self._sync._status = status
        self._settle(bool(status & MORE_RESULTS))
        return status, int.from_bytes(end[1:3], "little")

    def _ended(self, result: AsyncMySQLResult, end: bytes) -> None:
        result.ended(*self._rows_ended(end))
        if not result.more:
            self._active = None
        if end[0] == 0xFF:
            raise errors.from_packet(end)

    async def receive_rows(self, result: AsyncMySQLResult, size: int | None) -> Any:
        """Receive the next rows of an unbuffered result, undecoded."""
        await self._begin()
        try:
            store = self._store()
            reader = self._reader
            while True:
                reader.keep_rows(store, size)
                end = reader.end
                if end is not None:
                    self._ended(result, end)
                    return store
                if size is not None and self._kept_by(store) >= size:
                    return store
                await self._flow.receive()
        except BaseException as exc:
            self._failed(exc)
            raise
        finally:
            self._done()

    async def next_result(self, result: AsyncMySQLResult) -> AsyncMySQLResult | None:
        """Return what follows a result set."""
        await self._begin()
        try:
            if self._active is not result:
                return None
            while result.unread:
                self._reader.skip_rows(None)
                if self._reader.end is None:
                    await self._flow.receive()
                else:
                    self._ended(result, self._reader.end)
            if not result.more:
                return None
            result.more = False
            self._stage = _ANSWER
            return await self._read_result(result._buffered)
        except BaseException as exc:
            self._failed(exc)
            raise
        finally:
            self._done()

    # -- statements --

    async def execute(self, request: StatementRequest) -> AsyncMySQLResult:
        """Run one statement."""
        if self._busy:
            raise ProgrammingError(None, IN_USE)
        if not self._flow.is_mine:
            raise ProgrammingError(None, OTHER_LOOP)
        self._busy = True
        try:
            if self._cleaning is not None:
                await self.settled()
            if self._active is not None:
                await self._settle_active(self._active)
            sync = self._sync
            sql = request.sql
            sync._request = request
            sync._infiles_sent = 0
            rest = self._send_command(Command.QUERY, sync._encoded(sql))
            if rest is not None:
                await self._flow.send_rest(rest)
                self._stage = _ANSWER
            return await self._read_result(request.buffered)
        except BaseException as exc:
            self._failed(exc)
            raise
        finally:
            self._busy = False

    async def _settle_active(self, active: AsyncMySQLResult) -> None:
        """Drop what is left of the last statement, because another one is to be sent."""
        if active.unread:
            warnings.warn(
                "Previous unbuffered result was left incomplete", stacklevel=callers_level()
            )
        self._clean_up()
        await self.settled()

    async def _command(self, sql: str) -> None:
        await (await self.execute(StatementRequest(sql))).close()

    async def set_autocommit(self, enabled: bool) -> None:
        """Switch autocommit where it is not as wanted."""
        await self.settled()
        if enabled != self.autocommit:
            await self._command(f"SET AUTOCOMMIT = {int(enabled)}")

    async def begin(self) -> None:
        """Start a transaction."""
        await self._command("BEGIN")

    async def commit(self) -> None:
        """Commit the transaction."""
        await self._command("COMMIT")

    async def rollback(self) -> None:
        """Roll the transaction back."""
        await self._command("ROLLBACK")

    # -- the session --

    async def _simple(self, command: Command) -> None:
        """Send a command that is answered by one packet."""
        await self._begin()
        try:
            if self._active is not None:
                await self._settle_active(self._active)
            await self._flow.send_rest(self._send_command(command))
            self._stage = _ANSWER
            payload = self._reader.read_packet()
            while payload is None:
                await self._flow.receive()
                payload = self._reader.read_packet()
            self._outcome(payload)
        except BaseException as exc:
            self._failed(exc)
            raise
        finally:
            self._done()

    async def ping(self) -> None:
        """Ask the server for a sign of life."""
        await self._simple(Command.PING)

    async def reset(self) -> None:
        """Give the session the state it had after connecting."""
        sync = self._sync
        await self._simple(Command.RESET_CONNECTION)
        for sql, is_optional in sync.settings():
            try:
                await self._command(sql)
            except OperationalError:
                if not (is_optional and self.is_open):
                    raise
        for sql in sync.user_settings():
            await self._command(sql)
        wanted = sync._params.autocommit
        if wanted is not None:
            await self.set_autocommit(wanted)
        if sync.info.database:
            await self._command(sync.use_database())

    async def cancel(self) -> None:
        """Stop the running statement by KILL QUERY from a connection of its own."""
        await in_thread(self._sync.cancel)

    async def close(self) -> None:
        """End the session."""
        await self.settled()
        if self._flow.is_open:
            # Goodbye, if there is room for it; nobody answers.
            with suppress(OperationalError):
                self._flow.send(b"\x01\x00\x00\x00\x01")
        self.terminate()

    def terminate(self) -> None:
        """Close the socket without a word."""
        active, self._active = self._active, None
        if active is not None:
            active.abandoned = True
            active.unread = active.more = False
        self._stage = _READY
        self._flow.abort()


class _Closes:
    """Stands where the synchronous connection had its wire."""

    reader: Any = None
    is_open = True

    def __init__(self, connection: AsyncMySQLConnection) -> None:
        self.abort = self.close = partial(_terminate, connection)


def _terminate(connection: AsyncMySQLConnection) -> None:
    connection.terminate()


def _packets(payload: bytes, sequence: int) -> tuple[list[bytes], int]:
    """Cut a payload into packets; returns them and the number of the next one."""
    packets: list[bytes] = []
    start = 0
    while True:
        part = payload[start : start + MAX_PAYLOAD]
        packets += (len(part).to_bytes(3, "little") + bytes((sequence,)), part)
        sequence = (sequence + 1) & 0xFF
        start += len(part)
        if len(part) < MAX_PAYLOAD:
            return packets, sequence


# -- files -----------------------------------------------------------------------------------


async def _pieces(name: str, stream: Any, most: int) -> AsyncIterator[bytes]:
    """Iterate over the packets of a file or stream; what may block is read on a thread."""
    if name != infile.STREAM or not hasattr(stream, "__aiter__"):
        packets = await in_thread(infile.packets, name, stream, most)
        if isinstance(stream, (bytes, bytearray, memoryview, str)):
            for piece in packets:
                yield piece
        else:
            async for piece in _from_thread(packets):
                yield piece
        return
    cutter = infile.Cutter(most)
    async for given in stream:
        for piece in cutter.add(given):
            yield piece
    for piece in cutter.rest():
        yield piece


async def _from_thread(packets: Any) -> AsyncIterator[bytes]:
    """Iterate on a thread, a few packets at a time."""

    def some() -> list[bytes]:
        found = []
        for piece in packets:
            found.append(piece)
            if len(found) == FILE_QUIET:
                break
        return found

    while True:
        waiting: Awaitable[list[bytes]] = in_thread(some)
        found = await waiting
        if not found:
            return
        for piece in found:
            yield piece
