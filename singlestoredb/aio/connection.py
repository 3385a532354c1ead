"""Connections on an event loop; see :mod:`singlestoredb.connection`."""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Generator
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, cast, overload

from singlestoredb.connection import connect, resolve_arguments
from singlestoredb.deadline import QUERY_TIMEOUT
from singlestoredb.exceptions import Error, OperationalError, ProgrammingError
from singlestoredb.params import FORMAT_ALIASES
from singlestoredb.session import BaseSession, _may_be_repeated, _missing
from singlestoredb.show import under2camel
from singlestoredb.sqltext import only_reads
from singlestoredb.utils.config import Changes
from singlestoredb_hookspecs import (
    AsyncDriverConnection,
    AsyncResultStream,
    ConnectionEvent,
    ConnectionParams,
    DriverCapability,
    Shape,
    StatementEvent,
    StatementRequest,
)

from .cursor import AsyncCursor

if TYPE_CHECKING:
    import numpy as np
    import pandas
    import polars
    import pyarrow
    from typing_extensions import Self

    from singlestoredb.connection import Connection
    from singlestoredb.ingest import IngestMode, Progress

log = logging.getLogger("singlestoredb.aio")

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")

_RESULT_WORDS = ("select", "show", "call", "echo")


class AsyncConnection(BaseSession[AsyncDriverConnection]):
    """A connection to a database on an event loop; made by :func:`aconnect`.

    Has the methods of :class:`~singlestoredb.Connection`; those that may talk to the server are
    awaited.  Belongs to the loop that it was opened on and to one task at a time: a statement of
    another task meanwhile is a ``ProgrammingError``.

    A task that is cancelled while it awaits one of the methods gets its ``CancelledError`` at once.
    Behind it the statement is stopped on the server and the rest of its answer is read, within
    10 seconds; the next statement waits for that.  The connection is closed where this fails.
    """

    def __init__(self, params: ConnectionParams) -> None:
        """Make a connection that is still to be opened (:meth:`connect`)."""
        self._prepare(params)
        self._unread: AsyncResultStream | None = None
        """The last result that was not buffered."""

    # -- opening and closing --

    async def connect(self) -> None:
        """Open the connection, anew if it is open.

        What fails for a while is tried again as often as ``retries`` says.
        """
        old, self._driver_connection = self._driver_connection, None
        if old is not None:
            await old.close()
        for pause in self._pauses():
            try:
                return await self._connect_once()
            except Error as exc:
                if not exc.is_recoverable:
                    raise
                log.info("connecting failed and is tried again: %s", exc)
            await asyncio.sleep(pause)
        await self._connect_once()

    async def _connect_once(self) -> None:
        name = self._params.driver
        try:
            opened = await self._hooks.open_async_driver(self._driver_plugin, name, self._params)
        except ImportError as exc:
            raise _missing("driver", name, exc) from exc
        self._driver_connection = opened
        self._note_opened(opened)
        self._track()

    async def close(self) -> None:
        """Close the connection.

        Raises ``Error`` when it is closed already.
        """
        opened, self._driver_connection = self._driver_connection, None
        if opened is None:
            raise Error(None, "Already closed")
        try:
            await opened.close()
        finally:
            opened.terminate()
            self._hooks.connection_closed(ConnectionEvent(self, self._params.driver))

    def terminate(self) -> None:
        """Free everything at once, without a word to the server.  Idempotent."""
        opened, self._driver_connection = self._driver_connection, None
        if opened is not None:
            opened.terminate()
            self._hooks.connection_closed(ConnectionEvent(self, self._params.driver))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._driver_connection is not None:
            await self.close()

    def __del__(self) -> None:
        opened = self._driver_connection
        if opened is not None:
            try:  # a warning may be an error
                warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
            finally:
                self._driver_connection = None
                opened.terminate()

    def __repr__(self) -> str:
        return f"<singlestoredb.aio.AsyncConnection {self._where()}>"

    # -- statements --

    async def _run(
        self, query: str, args: Any, buffered: bool, shape: Shape, infile_stream: Any
    ) -> AsyncResultStream:
        """Run a statement; extensions and Fusion see it when there are any."""
        if type(query) is not str:
            self._opened()
            query = self._text_of(query, args)
        if self._params.retry_reads and buffered:
            await self._reopen_for(query)
        opened = self._opened()
        # First, because what is left of a cancelled statement may change how literals are read.
        await opened.settled()
        request = self._request(query, args, buffered, shape, infile_stream)
        hooks = self._hooks
        if not (self._fusion or hooks.watches_statements or hooks.answers_statements):
            self._committable = True
            if self._query_timeout is None and not self._params.retry_reads:
                stream = await opened.execute(request)
            else:
                stream = await self._send(opened, request)
        else:
            stream = await self._run_with_hooks(opened, request, query)
        self._unread = None if buffered else stream
        return stream

    async def _reopen_for(self, query: str) -> None:
        """Connect anew for a statement that only reads, if the loop saw the connection end."""
        opened = self._driver_connection
        if opened is None or opened.is_open or opened.in_transaction is not False:
            return
        if only_reads(query):
            log.info("the connection was lost while nothing was sent, and is opened again")
            await self.connect()

    async def _send(
        self, opened: AsyncDriverConnection, request: StatementRequest
    ) -> AsyncResultStream:
        """Give a statement to the driver; again after a loss, as ``retry_reads`` allows."""
        for _ in range(self._params.retry_reads):
            in_transaction = opened.in_transaction
            try:
                return await self._in_time(opened.execute(request))
            except OperationalError as exc:
                repeatable = in_transaction is False and not opened.is_open
                if not (repeatable and _may_be_repeated(exc, request)):
                    raise
                log.info("the connection was lost and the statement is sent again: %s", exc)
            await self.connect()
            opened = self._opened()
        if self._query_timeout is None:
            return await opened.execute(request)
        return await self._in_time(opened.execute(request))

    async def _run_with_hooks(
        self, opened: AsyncDriverConnection, request: StatementRequest, query: str
    ) -> AsyncResultStream:
        hooks = self._hooks
        if not hooks.watches_statements:
            return await self._answer(opened, request)
        hooks.statement_started(StatementEvent(query, self))
        start = perf_counter()
        try:
            stream = await self._answer(opened, request)
        except BaseException as exc:
            duration = perf_counter() - start
            hooks.statement_finished(StatementEvent(query, self, duration, None, exc))
            raise
        duration = perf_counter() - start
        hooks.statement_finished(StatementEvent(query, self, duration, stream.rows_affected))
        return stream

    async def _answer(
        self, opened: AsyncDriverConnection, request: StatementRequest
    ) -> AsyncResultStream:
        self._committable = True
        if self._hooks.answers_statements or self._is_command(request.sql):
            from .blocking import with_connection
            from .streams import Local

            answer = await with_connection(self, lambda face: face._answer_here(request))
            if answer is not None:
                return Local(answer)
        return await self._send(opened, request)

    def _is_command(self, sql: str) -> bool:
        if not self._fusion:
            return False
        from singlestoredb.fusion import registry as commands

        return commands.find(sql) is not None

    def _exclusively(self, call: Callable[..., T], *args: Any) -> T:
        """Call what a synchronous cursor reads from: it never waits, and needs no lock."""
        return call(*args)

    async def _in_time(self, running: Coroutine[Any, Any, T]) -> T:
        """Await what has ``query_timeout`` seconds, and stop it then."""
        seconds = self._query_timeout
        if seconds is None:
            return await running
        task = asyncio.current_task()
        assert task is not None  # a coroutine runs in one
        cancelling: Callable[[], int] | None = getattr(task, "cancelling", None)  # since 3.11
        before = 0 if cancelling is None else cancelling()
        too_late = False

        def stop() -> None:
            nonlocal too_late
            too_late = True
            task.cancel()

        timer = asyncio.get_running_loop().call_later(seconds, stop)
        try:
            return await running
        except asyncio.CancelledError as exc:
            # From 3.11 on a task counts its cancellations: this one is answered here, a second one
            # is somebody else's.
            uncancel: Callable[[], int] | None = getattr(task, "uncancel", None)
            if not too_late or (uncancel is not None and uncancel() > before):
                raise
            raise OperationalError(
                QUERY_TIMEOUT,
                f"the statement was given up after query_timeout={seconds:g} seconds",
            ) from exc
        finally:
            timer.cancel()

    async def _iquery(
        self, sql: str, params: Any = None, fix_names: bool = True
    ) -> list[dict[str, Any]]:
        """Run a statement for the SDK itself; its rows as dicts, with names in camel case."""
        async with self.cursor("dicts", buffered=True) as cursor:
            await cursor.execute(sql, params)
            if not sql.lstrip().lower().startswith(_RESULT_WORDS):
                return []
            rows = await cursor.fetchall()
        if fix_names:
            rows = [{under2camel(k): v for k, v in row.items()} for row in rows]
        return rows

    @overload
    def cursor(
        self, results_type: Literal["tuples", "tuple"], buffered: bool | None = None
    ) -> AsyncCursor[tuple[Any, ...], list[tuple[Any, ...]]]: ...
    @overload
    def cursor(
        self, results_type: Literal["dicts", "dict"], buffered: bool | None = None
    ) -> AsyncCursor[dict[str, Any], list[dict[str, Any]]]: ...
    @overload
    def cursor(
        self, results_type: Literal["pandas"], buffered: bool | None = None
    ) -> AsyncCursor[pandas.DataFrame, pandas.DataFrame]: ...
    @overload
    def cursor(
        self, results_type: Literal["polars"], buffered: bool | None = None
    ) -> AsyncCursor[polars.DataFrame, polars.DataFrame]: ...
    @overload
    def cursor(
        self, results_type: Literal["arrow", "pyarrow"], buffered: bool | None = None
    ) -> AsyncCursor[pyarrow.Table, pyarrow.Table]: ...
    @overload
    def cursor(
        self, results_type: Literal["numpy"], buffered: bool | None = None
    ) -> AsyncCursor[np.ndarray[Any, Any], np.ndarray[Any, Any]]: ...
    @overload
    def cursor(
        self, results_type: str | None = None, buffered: bool | None = None
    ) -> AsyncCursor[Any, Any]: ...
    def cursor(
        self, results_type: str | None = None, buffered: bool | None = None
    ) -> AsyncCursor[Any, Any]:
        """Make a cursor; not awaited.  Arguments and errors as of ``Connection.cursor``."""
        if self._changes != Changes.count:
            self._look_at_options()
        if results_type is not None:
            results_type = FORMAT_ALIASES.get(results_type.lower(), results_type.lower())
        return AsyncCursor(self, results_type, buffered)

    async def execute(
        self,
        query: str,
        args: Any = None,
        *,
        results_type: str | None = None,
        buffered: bool | None = None,
        infile_stream: Any = None,
    ) -> AsyncCursor[Any, Any]:
        """Run a statement in a new cursor and return the cursor."""
        cursor = self.cursor(results_type=results_type, buffered=buffered)
        try:
            await cursor.execute(query, args, infile_stream)
        except BaseException:
            cursor._forget()
            raise
        return cursor

    async def query(self, sql: str, args: Any = None) -> int:
        """Run a statement for its effect and return the rows changed or found."""
        async with self.cursor() as cursor:
            return await cursor.execute(sql, args)

    async def adbc_ingest(
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
        """Load data into a table; as ``Cursor.adbc_ingest``, which reads ``data`` on a thread.

        A task that is cancelled meanwhile leaves nothing of it in the table, as far as the server
        has transactions, and closes the connection.
        """
        from .blocking import with_connection

        opened = self._opened()

        def load(face: Connection) -> int:
            return face.adbc_ingest(
                table_name,
                data,
                mode,
                catalog_name=catalog_name,
                db_schema_name=db_schema_name,
                temporary=temporary,
                progress=progress,
            )

        try:
            return await with_connection(self, load)
        except asyncio.CancelledError:
            opened.terminate()  # half a file is on its way: nothing else ends it
            raise

    ingest = adbc_ingest

    async def begin(self) -> None:
        """Start a transaction."""
        await self._in_time(self._opened().begin())

    async def commit(self) -> None:
        """Commit the transaction."""
        opened = self._opened()
        if self._committable:
            await self._in_time(opened.commit())

    async def rollback(self) -> None:
        """Roll the transaction back."""
        opened = self._opened()
        if self._committable:
            await self._in_time(opened.rollback())

    async def autocommit(self, value: bool = True) -> None:
        """Switch autocommit."""
        await self._in_time(self._opened().set_autocommit(bool(value)))

    async def cancel(self) -> None:
        """Stop the statement that another task runs now; that task gets the server's error.

        To stop a task with its statement, cancel the task.  Raises ``NotSupportedError`` when the
        driver cannot.
        """
        self._demand(DriverCapability.CANCEL, "cancelling")
        await self._opened().cancel()

    async def reset(self) -> None:
        """Give the session the state it had after connecting; as ``Connection.reset``."""
        opened = self._opened()
        if opened.capabilities & DriverCapability.RESET:
            await self._in_time(opened.reset())
        else:
            await self.connect()

    async def settled(self) -> None:
        """Return when a cancelled statement has been cleaned up; at once when there was none."""
        opened = self._driver_connection
        if opened is not None:
            await opened.settled()

    # -- the server --

    async def ping(self, reconnect: bool = True) -> None:
        """Ask the server for a sign of life; a lost connection is opened anew.

        Raises ``Error`` when it is lost and ``reconnect`` is false, or cannot be opened.
        """
        opened = self._driver_connection
        if opened is not None and opened.is_open:
            try:
                await self._in_time(opened.ping())
            except Error as exc:
                if isinstance(exc, ProgrammingError) and exc.errno is None:
                    raise  # it is at work for another task, or another loop's: nothing is wrong
                opened.terminate()
                if not reconnect:
                    raise
            else:
                return
        elif not reconnect:
            raise Error(None, "Already closed")
        await self.connect()

    async def select_db(self, database: str) -> None:
        """Use another database."""
        from singlestoredb.escaping import identifier

        await self.query(f"USE {identifier(database)}")

    async def show_warnings(self) -> list[tuple[Any, ...]]:
        """Return the warnings of the last statement as rows (level, code, message)."""
        async with self.cursor("tuples", buffered=True) as cursor:
            await cursor.execute("SHOW WARNINGS")
            return await cursor.fetchall()


class Connecting(Awaitable[AsyncConnection]):
    """What :func:`aconnect` returns: await it, or use it with ``async with``."""

    def __init__(self, open_connection: Callable[[], Coroutine[Any, Any, AsyncConnection]]) -> None:
        self._open = open_connection
        self._connection: AsyncConnection | None = None

    def __await__(self) -> Generator[Any, None, AsyncConnection]:
        return self._open().__await__()

    async def __aenter__(self) -> AsyncConnection:
        self._connection = await self._open()
        return self._connection

    async def __aexit__(self, *exc_info: object) -> None:
        connection, self._connection = self._connection, None
        assert connection is not None  # or it was not entered
        await connection.__aexit__(*exc_info)


def resolve_call(function: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ConnectionParams:
    """Resolve the arguments of a function that takes those of ``connect()``."""
    code = connect.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    if len(args) > code.co_argcount:
        raise TypeError(
            f"{function}() takes at most {code.co_argcount} positional arguments, not {len(args)}"
        )
    arguments = dict(zip(names, args, strict=False))
    twice = sorted(arguments.keys() & kwargs.keys())
    if twice:
        raise TypeError(f"{function}() got two values for {', '.join(twice)}")
    own = {k: v for k, v in kwargs.items() if k not in names}
    arguments.update((k, v) for k, v in kwargs.items() if k in names)
    arguments = {k: v for k, v in arguments.items() if v is not None}
    return resolve_arguments(function, arguments, own)


def _as_connect(
    _: Callable[P, Any],
) -> Callable[[Callable[..., R]], Callable[P, R]]:
    """Give a function the parameters of ``connect()`` in the eyes of type checkers."""

    def give(function: Callable[..., R]) -> Callable[P, R]:
        function.__wrapped__ = connect  # type: ignore[attr-defined] # for inspect.signature
        return cast("Callable[P, R]", function)

    return give


@_as_connect(connect)
def aconnect(*args: Any, **kwargs: Any) -> Connecting:
    """Connect to a database on the running event loop.

    Takes the arguments of :func:`singlestoredb.connect`, and raises the same errors.

    ::

        conn = await s2.aconnect("singlestoredb://host/db")

        async with s2.aconnect("singlestoredb://host/db") as conn:
            await conn.query("SET @a = 1")
    """

    async def open_connection() -> AsyncConnection:
        connection = AsyncConnection(resolve_call("aconnect", args, kwargs))
        await connection.connect()
        return connection

    return Connecting(open_connection)
