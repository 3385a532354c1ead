"""A driver without an asynchronous twin, on a worker thread of its own.

The thread runs one call after another, as the driver's contract wants; the event loop awaits
them.  The threads are daemons: a call that never returns does not keep the interpreter alive.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from singlestoredb.deadline import stop_server
from singlestoredb.exceptions import InterfaceError, ProgrammingError
from singlestoredb_hookspecs import (
    ArrowBatches,
    AsyncResultStream,
    DriverCapability,
    DriverConnection,
    ResultStream,
    StatementRequest,
)

T = TypeVar("T")

CLEAN_SECONDS = 10.0
"""Time that a cancelled call has to come to its end; then the connection is given up."""
CANCEL_AGAIN_SECONDS = 0.5
"""Time after which the server is told again to stop: it may not have begun the first time."""
NEAR_ROWS = 1_000
"""Buffered results up to this size are read on the loop: it takes less than going to a thread."""

IN_USE = (
    "the connection is at work for another task: give each task a connection of its own, "
    "or let it wait for one (singlestoredb.aio.AsyncConnectionPool)"
)
OTHER_LOOP = (
    "the connection belongs to another event loop, the one that was running when it was opened: "
    "connect on this one"
)
CANCELLED = "the statement was cancelled: there is nothing left to read"


class Worker:
    """A thread that runs calls in the order in which they come."""

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
            del call  # or what it holds lives until the next one

    def run(self, function: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """Call a function on the thread; the future is of the running loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(result: Any, error: BaseException | None) -> None:
            if future.cancelled():
                return
            if error is None:
                future.set_result(result)
            elif isinstance(error, StopIteration):
                future.set_exception(RuntimeError("a driver raised StopIteration"))
            else:
                future.set_exception(error)

        def call() -> None:
            result: Any = None
            error: BaseException | None = None
            try:
                result = function(*args)
            except BaseException as exc:
                error = exc
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(settle, result, error)

        self._calls.put(call)
        return future

    def forget(self, function: Callable[[], object]) -> None:
        """Call a function on the thread; nobody is told what came of it."""

        def call() -> None:
            with contextlib.suppress(Exception):
                function()

        self._calls.put(call)

    def stop(self) -> None:
        """End the thread when it has done what it was given."""
        self._calls.put(None)


async def in_thread(function: Callable[..., T], *args: Any) -> T:
    """Call a function on a thread made for it."""
    worker = Worker("singlestoredb-aside")
    try:
        return await worker.run(function, *args)
    finally:
        worker.stop()


def clean_behind(clean: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
    """Run what brings a connection in step again behind its caller's back.

    A loop that ends cancels the tasks that there are, and cleaning may begin just because of that:
    it is cancelled, too, before the loop is closed.
    """

    async def run() -> None:
        task = asyncio.current_task()
        assert task is not None  # this is it
        guard = _until_the_loop_ends(task)
        await guard.__anext__()
        try:
            await clean()
        finally:
            if not guard.ag_running:
                await guard.aclose()

    return asyncio.ensure_future(run())


async def _until_the_loop_ends(task: asyncio.Task[None]) -> Any:  # an asynchronous generator
    """Be open while the loop is: behind its last task, ``asyncio.run`` closes the generators."""
    try:
        yield
    finally:
        if asyncio.current_task() is not task and not task.done():
            task.cancel()
            await asyncio.wait({task})


async def open_threaded(open_driver: Callable[[], DriverConnection]) -> ThreadedConnection:
    """Open a driver's connection on a thread, where it then stays."""
    worker = Worker("singlestoredb-connection")
    opened: list[DriverConnection] = []
    try:
        await worker.run(lambda: opened.append(open_driver()))
    except BaseException:
        # When this task was cancelled the driver may still be opening: the thread comes to this
        # call afterwards.
        worker.forget(lambda: opened[0].close())
        worker.stop()
        raise
    return ThreadedConnection(worker, opened[0])


class ThreadedConnection:
    """See ``AsyncDriverConnection`` of the hook specs."""

    def __init__(self, worker: Worker, driver: DriverConnection) -> None:
        self._worker = worker
        self._driver = driver
        self._busy = False
        self._gone = False
        self._cleaning: asyncio.Task[None] | None = None
        self.reading: ThreadedStream | None = None
        """A result that is not buffered and not closed."""
        self.capabilities = driver.capabilities
        self.info = driver.info

    @property
    def is_open(self) -> bool:
        """Whether statements can be sent."""
        return not self._gone and self._driver.is_open

    @property
    def autocommit(self) -> bool | None:
        """The server's autocommit state."""
        return self._driver.autocommit

    @property
    def in_transaction(self) -> bool | None:
        """Whether a transaction is open; ``None`` when the driver does not know."""
        known: bool | None = getattr(self._driver, "in_transaction", None)
        return known

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way, and nothing left to read."""
        return not self._busy_or_cleaning() and self.reading is None

    @property
    def escapes_backslash(self) -> bool:
        """Whether a backslash escapes in string literals."""
        return self._driver.escapes_backslash

    def _busy_or_cleaning(self) -> bool:
        return self._busy or (self._cleaning is not None and not self._cleaning.done())

    # -- calls --

    async def call(
        self, function: Callable[..., T], *args: Any, stream: ThreadedStream | None = None
    ) -> T:
        """Call the driver on its thread; ``stream`` is what a cancelled call reads from."""
        if self._busy:
            raise ProgrammingError(None, IN_USE)
        self._busy = True
        try:
            await self.settled()
            if self._gone:
                raise InterfaceError(0, "The connection has been closed")
            future = self._worker.run(function, *args)
            try:
                return await asyncio.shield(future)
            except asyncio.CancelledError:
                self._cleaning = clean_behind(partial(self._clean, future, stream))
                raise
        finally:
            self._busy = False

    async def _clean(self, future: asyncio.Future[Any], stream: ThreadedStream | None) -> None:
        """See a cancelled call through to its end."""
        # However it ends, nobody waits for it.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        if stream is not None:
            stream.cancelled = True
        self.reading = None
        clock = asyncio.get_running_loop().time
        give_up = clock() + CLEAN_SECONDS
        can_cancel = bool(self.capabilities & DriverCapability.CANCEL)
        try:
            while not future.done():
                if clock() > give_up:
                    self.terminate()
                    return
                if can_cancel:
                    with contextlib.suppress(Exception):
                        await in_thread(self._driver.cancel)
                wait = CANCEL_AGAIN_SECONDS if can_cancel else CLEAN_SECONDS
                await asyncio.wait({future}, timeout=min(wait, CLEAN_SECONDS))
            result = None if future.exception() else future.result()
            left: Any = result if stream is None else stream._stream
            if hasattr(left, "columns"):
                await self._worker.run(left.close)
            if can_cancel and self._driver.is_open:
                # A cancellation that came too late may hit the next statement: this one.
                await self._worker.run(self._prove)
        except BaseException as exc:
            if not isinstance(exc, Exception):
                # The loop ends, as it does after Ctrl-C: the server is told without it.
                stop_server(self._driver)
            self.terminate()
            raise

    def _prove(self) -> None:
        with contextlib.suppress(Exception):
            self._driver.execute(StatementRequest("SELECT 1")).close()

    async def settled(self) -> None:
        """Return when nothing is left of a cancelled statement."""
        while (cleaning := self._cleaning) is not None:
            await asyncio.wait({cleaning})
            if self._cleaning is cleaning:
                self._cleaning = None
                if not cleaning.cancelled():
                    cleaning.exception()  # the connection is gone then, which says enough

    # -- what is called --

    async def execute(self, request: StatementRequest) -> ThreadedStream:
        """Run one statement."""
        source = request.infile_stream
        if hasattr(source, "__aiter__"):
            request, feeding = _fed_from_loop(request)
            try:
                stream = await self.call(self._driver.execute, request)
            finally:
                feeding.cancel()
        else:
            stream = await self.call(self._driver.execute, request)
        threaded = _threaded(self, stream, request.buffered)
        self.reading = None if request.buffered else threaded
        return threaded

    async def set_autocommit(self, enabled: bool) -> None:
        """Switch autocommit."""
        await self.call(self._driver.set_autocommit, enabled)

    async def begin(self) -> None:
        """Start a transaction."""
        await self.call(self._driver.begin)

    async def commit(self) -> None:
        """Commit the transaction."""
        await self.call(self._driver.commit)

    async def rollback(self) -> None:
        """Roll the transaction back."""
        await self.call(self._driver.rollback)

    async def reset(self) -> None:
        """Give the session the state it had after connecting."""
        await self.call(self._driver.reset)  # type: ignore[attr-defined] # it has the capability

    async def ping(self) -> None:
        """Ask the server for a sign of life."""
        await self.call(self._driver.ping)

    async def cancel(self) -> None:
        """Stop the statement that runs now."""
        await in_thread(self._driver.cancel)

    async def close(self) -> None:
        """End the session."""
        await self.settled()
        if not self._gone:
            self._gone = True
            closing = self._worker.run(self._driver.close)
            self._worker.stop()
            await asyncio.shield(closing)

    def terminate(self) -> None:
        """Let the thread close the driver's connection when it comes to it."""
        if not self._gone:
            self._gone = True
            if self.capabilities & DriverCapability.ABORT and self._busy_or_cleaning():
                with contextlib.suppress(Exception):  # it comes to it sooner then
                    self._driver.abort()  # type: ignore[attr-defined] # it has the capability
            self._worker.forget(self._driver.close)
            self._worker.stop()


class ThreadedStream:
    """A driver's result stream, read on the driver's thread."""

    def __init__(self, connection: ThreadedConnection, stream: ResultStream, near: bool) -> None:
        self._connection = connection
        self._stream = stream
        self._near = near
        """Whether all of it is here and it is small."""
        self.cancelled = False
        self.columns = stream.columns
        self.native = stream.native
        self._note()

    def _note(self) -> None:
        stream = self._stream
        self.rows_affected = stream.rows_affected
        self.last_insert_id = stream.last_insert_id
        self.warning_count = stream.warning_count

    async def _read(self, name: str, size: int | None) -> Any:
        if self.cancelled:
            raise InterfaceError(0, CANCELLED)
        read = getattr(self._stream, name)
        if self._near:
            return read(size)
        answer = await self._connection.call(read, size, stream=self)
        self._note()
        return answer

    async def read_rows(self, size: int | None) -> list[tuple[Any, ...]]:
        """Return the next rows as tuples."""
        rows: list[tuple[Any, ...]] = await self._read("read_rows", size)
        return rows

    async def read_dicts(self, size: int | None) -> list[dict[str, Any]]:
        """Return the next rows as dicts."""
        rows: list[dict[str, Any]] = await self._read("read_dicts", size)
        return rows

    async def read_arrow(self, size: int | None) -> ArrowBatches:
        """Return the next rows as Arrow batches."""
        batches: ArrowBatches = await self._read("read_arrow", size)
        return batches

    async def next_result(self) -> AsyncResultStream | None:
        """Return the statement's next result set."""
        if self.cancelled:
            return None
        following = await self._connection.call(self._stream.next_result, stream=self)
        if following is None:
            return None
        threaded = _threaded(self._connection, following, False)
        if self._connection.reading is self:
            self._connection.reading = threaded
        return threaded

    async def close(self) -> None:
        """Abandon what is left."""
        if self._connection.reading is self:
            self._connection.reading = None
        if self.cancelled or not self._connection.is_open:
            return
        if self._near:  # the thread does it before anything else that it is asked
            self._connection._worker.forget(self._stream.close)
        else:
            await self._connection.call(self._stream.close, stream=self)


class SeekableThreadedStream(ThreadedStream):
    """One that can go back."""

    def seek(self, row: int) -> None:
        """Make the next read start at ``row``."""
        self._stream.seek(row)  # type: ignore[attr-defined] # chosen because it is there


def _threaded(
    connection: ThreadedConnection, stream: ResultStream, buffered: bool
) -> ThreadedStream:
    near = buffered and 0 <= stream.rows_affected <= NEAR_ROWS
    kind = SeekableThreadedStream if hasattr(stream, "seek") else ThreadedStream
    return kind(connection, stream, near)


def _fed_from_loop(request: StatementRequest) -> tuple[StatementRequest, asyncio.Task[None]]:
    """Let a task carry the pieces of an asynchronous iterable to the driver's thread."""
    from dataclasses import replace

    pieces: queue.Queue[Any] = queue.Queue()
    source = request.infile_stream
    room = asyncio.Semaphore(4)
    loop = asyncio.get_running_loop()
    end = object()

    async def carry() -> None:
        try:
            async for piece in source:
                await room.acquire()
                pieces.put(piece)
        except BaseException as exc:
            pieces.put(exc)
            raise
        else:
            pieces.put(end)

    def arriving() -> Any:
        while (piece := pieces.get()) is not end:
            if isinstance(piece, BaseException):
                if isinstance(piece, Exception):
                    raise piece
                raise InterfaceError(0, CANCELLED) from piece
            loop.call_soon_threadsafe(room.release)
            yield piece

    task = asyncio.ensure_future(carry())
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return replace(request, infile_stream=arriving()), task
