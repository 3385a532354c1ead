"""A pool of connections on an event loop; :mod:`singlestoredb.pool` with its methods awaited.

::

    async with s2.create_async_pool("mysql://user:password@host/db", max_size=10) as pool:
        async with pool.connection() as conn:
            await conn.query("INSERT INTO t VALUES (1)")

* Callers are served in the order they came.
* Connections are made by the task that needs one, so that it gets the server's own error when there
  is one; a task in the background keeps ``min_size`` of them and lets go of idle ones.
* What was returned can no longer be used: its holder has another object than the next one.
* A connection is made ready for the next caller behind the one that returned it, who does not wait:
  a cancelled statement is cleaned up, what is left of a result is dropped, an open transaction is
  rolled back.  Where that fails the connection is closed.
* A forked child has the pool closed, and may open it on a loop of its own.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

from singlestoredb.exceptions import Error, ProgrammingError
from singlestoredb.pool import (
    PoolClosed,
    PoolTimeout,
    TooManyRequests,
    _check_sizes,
    _Member,
    _numbers,
)
from singlestoredb_hookspecs import DriverCapability

from .connection import AsyncConnection, aconnect

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    "AsyncConnectionPool",
    "PoolClosed",
    "PoolTimeout",
    "TooManyRequests",
    "create_async_pool",
]

log = logging.getLogger("singlestoredb.pool")

RESTORE_SECONDS = 30.0
"""Time in which a returned connection must be ready again; then it is closed."""
_FIRST_DELAY = 1.0
_LONGEST_DELAY = 60.0
"""Seconds between attempts to keep ``min_size`` connections while the server cannot be reached."""

_COUNTS = (
    *("requests_num", "requests_queued", "requests_wait_ms", "requests_errors"),
    *("usage_ms", "returns_bad"),
    *("connections_num", "connections_ms", "connections_errors", "connections_lost"),
)

Hook = Callable[[AsyncConnection], object]
"""A function of a connection; when it returns something awaitable, that is awaited."""


class AsyncConnectionPool:
    """Connections that are used again; made by :func:`create_async_pool`.

    Belongs to the event loop that it is opened on: by ``async with``, ``await pool`` or
    :meth:`open`.
    """

    _closed = True
    _forked = False
    """Whether it was open when this process was forked."""
    _loop: asyncio.AbstractEventLoop

    def __init__(
        self,
        host: str | None = None,
        *,
        min_size: int = 4,
        max_size: int | None = None,
        name: str | None = None,
        timeout: float = 30.0,
        max_waiting: int = 0,
        max_lifetime: float = 3600.0,
        max_idle: float = 600.0,
        configure: Hook | None = None,
        check: Hook | None = None,
        reset: Hook | None = None,
        **kwargs: Any,
    ) -> None:
        max_size = min_size if max_size is None else max_size
        _check_sizes(min_size, max_size)
        for what, seconds in (("max_lifetime", max_lifetime), ("max_idle", max_idle)):
            if not seconds > 0:
                raise ValueError(f"{what} must be a positive number of seconds, not {seconds}")
        self.name = name or f"pool-{next(_numbers)}"
        self.min_size = min_size
        self.max_size = max_size
        self.timeout = timeout
        self.max_waiting = max_waiting
        self.max_lifetime = max_lifetime
        self.max_idle = max_idle
        self._configure = configure
        self._check = check
        self._reset = reset
        self._arguments = {"host": host, **kwargs}
        self._token = object()
        self._start_afresh()
        _pools.add(self)

    def _start_afresh(self) -> None:
        """Know of no connection; also in a forked child, where all of them are the parent's."""
        self._idle: deque[AsyncConnection] = deque()
        self._waiters: deque[asyncio.Future[AsyncConnection | None]] = deque()
        """Callers who wait; what they get is a connection, or room to make one."""
        self._size = 0
        """Connections lent, idle, or being made."""
        self._live = 0
        """Those that are made."""
        self._generation = 0
        self._delay = _FIRST_DELAY
        self._tasks: set[asyncio.Task[Any]] = set()
        """What goes on in the background."""
        self._stats = dict.fromkeys(_COUNTS, 0.0)

    # -- opening and closing --

    @property
    def closed(self) -> bool:
        """Whether connections cannot be had."""
        return self._closed

    async def open(self, wait: bool = False, timeout: float = 30.0) -> None:
        """Open the pool; with ``wait``, return when it has ``min_size`` connections."""
        if not self._closed and self._loop.is_closed():
            self._abandon()
        if self._closed:
            self._closed = self._forked = False
            self._loop = asyncio.get_running_loop()
            self._wake = asyncio.Event()
            self._changed = asyncio.Event()
            self._upkeep_task = self._behind(self._maintain())
        if wait:
            await self.wait(timeout)

    def _abandon(self) -> None:
        """Let go of everything: the loop ended, and nothing of it can be used on any other."""
        for conn in self._idle:
            conn.terminate()
        self._start_afresh()
        self._closed = True

    async def wait(self, timeout: float = 30.0) -> None:
        """Wait until the pool has ``min_size`` connections.

        Raises ``PoolTimeout`` when it does not within ``timeout`` seconds, and closes the pool.
        """
        self._check_open()
        end = monotonic() + timeout
        while self._live < self.min_size:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), max(end - monotonic(), 0))
            except asyncio.TimeoutError:
                await self.close()
                raise PoolTimeout(
                    None,
                    f"the pool {self.name!r} has not {self.min_size} connections after "
                    f"{timeout:g} s",
                ) from None
            self._check_open()

    async def close(self, timeout: float = 5.0) -> None:
        """Close the pool and its idle connections; those in use are closed when they come back.

        Callers who wait get ``PoolClosed``.  Waits at most ``timeout`` seconds for what goes on in
        the background.  Idempotent.
        """
        if self._closed:
            return
        if self._loop.is_closed():
            self._abandon()
            return
        self._check_open()
        self._closed = True
        waiters, idle = list(self._waiters), list(self._idle)
        self._waiters.clear()
        self._idle.clear()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_exception(self._is_closed())
        self._changed.set()
        self._upkeep_task.cancel()
        for conn in idle:
            self._behind(self._dismiss(conn))
        # A background task may begin another one, such as to close what it had made.
        end = monotonic() + timeout
        while self._tasks and end > monotonic():
            await asyncio.wait(set(self._tasks), timeout=end - monotonic())

    def __await__(self) -> Generator[Any, None, Self]:
        return self._opened().__await__()

    async def _opened(self) -> Self:
        await self.open()
        return self

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    def __del__(self) -> None:
        if not self._closed:
            try:  # a warning may be an error
                warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
            finally:
                for conn in self._idle:
                    conn.terminate()

    def _is_closed(self) -> PoolClosed:
        if self._forked:
            return PoolClosed(
                None,
                f"the pool {self.name!r} was opened before this process was forked",
                hint="open it in the child",
            )
        return PoolClosed(None, f"the pool {self.name!r} is not open")

    def _check_open(self) -> None:
        if self._closed:
            raise self._is_closed()
        if asyncio.get_running_loop() is not self._loop:
            raise ProgrammingError(
                None,
                f"the pool {self.name!r} belongs to another event loop, the one that was running "
                "when it was opened",
                hint="give each loop a pool of its own, or close this one on its loop",
            )

    def _behind(self, running: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something in the background."""
        task = self._loop.create_task(running)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # -- lending --

    def connection(self, timeout: float | None = None) -> Lending:
        """Lend a connection for a block: ``async with pool.connection() as conn``.

        An open transaction is committed at the end of the block, and rolled back when the block
        ends with an error.

        Raises as :meth:`getconn`.
        """
        return Lending(self, timeout)

    async def getconn(self, timeout: float | None = None) -> AsyncConnection:
        """Lend a connection until :meth:`putconn`; :meth:`connection` is safer.

        Args:
            timeout: seconds to wait until one becomes free; the pool's ``timeout`` when not given.
                Connecting, where there is room for one more, is bounded by ``connect_timeout``.

        Raises:
            PoolTimeout: none became free in time.
            TooManyRequests: ``max_waiting`` callers are waiting already.
            PoolClosed: the pool is not open.
            Error: connecting failed.
        """
        self._check_open()
        stats = self._stats
        stats["requests_num"] += 1
        conn: AsyncConnection | None = None
        if self._idle:
            conn = self._idle.pop()
        elif self._size < self.max_size:
            self._size += 1
        else:
            conn = await self._queue(self.timeout if timeout is None else timeout)
        try:
            if conn is not None and not await self._is_healthy(conn):
                lost, conn = conn, None  # and its room is ours
                self._forget(lost)
                stats["connections_lost"] += 1
            if conn is None:
                conn = await self._connect()
        except BaseException:
            if conn is not None:
                self._forget(conn)
            stats["requests_errors"] += 1
            self._grant(None)
            raise
        conn._member.lent_at = monotonic()
        return conn

    async def _queue(self, timeout: float) -> AsyncConnection | None:
        """Wait for a connection, or for room to make one."""
        stats = self._stats
        waiting = sum(not waiter.done() for waiter in self._waiters) if self.max_waiting else 0
        if self.max_waiting and waiting >= self.max_waiting:
            stats["requests_errors"] += 1
            raise TooManyRequests(
                None,
                f"{waiting} callers wait for a connection of the pool {self.name!r} already, "
                "which is max_waiting",
            )
        waiter: asyncio.Future[AsyncConnection | None] = self._loop.create_future()
        self._waiters.append(waiter)
        stats["requests_queued"] += 1
        start = monotonic()

        def too_late() -> None:
            if not waiter.done():
                waiter.set_exception(
                    PoolTimeout(
                        None,
                        f"no connection of the pool {self.name!r} became free within "
                        f"{timeout:g} s: all {self.max_size} are in use",
                        hint="return connections sooner, or raise max_size",
                    )
                )

        timer = self._loop.call_later(timeout, too_late)
        try:
            return await waiter
        except BaseException:
            stats["requests_errors"] += 1
            with suppress(ValueError):
                self._waiters.remove(waiter)
            if not waiter.cancelled() and waiter.done() and waiter.exception() is None:
                # Cancelled at the moment of being served: the next one is.
                self._grant(waiter.result())
            raise
        finally:
            timer.cancel()
            stats["requests_wait_ms"] += (monotonic() - start) * 1000

    def _grant(self, conn: AsyncConnection | None) -> None:
        """Give a connection, or room for one, to whoever waits longest."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(conn)
                return
        if conn is None:
            self._size -= 1
            if self._size < self.min_size and not self._closed:
                self._wake.set()
        elif self._closed:
            self._behind(self._dismiss(conn))
        else:
            conn._member.since = monotonic()
            self._idle.append(conn)
            self._changed.set()

    async def _connect(self) -> AsyncConnection:
        """Make a connection, for which there is room."""
        stats = self._stats
        stats["connections_num"] += 1
        start = monotonic()
        try:
            conn = await aconnect(**self._arguments)
        except BaseException:
            stats["connections_errors"] += 1
            raise
        stats["connections_ms"] += (monotonic() - start) * 1000
        # A tenth less for some, so that connections made together do not end together.
        spread = 1.0 - 0.1 * (hash(conn) % 16) / 16
        expires = monotonic() + self.max_lifetime * spread
        conn._member = _Member(self._token, expires, self._generation)
        try:
            if self._configure is not None:
                await _called(self._configure, conn)
                if conn.open and conn.in_transaction:
                    raise ProgrammingError(
                        None, f"configure of the pool {self.name!r} left a transaction open"
                    )
            self._check_open()
        except BaseException:
            conn.terminate()
            raise
        self._live += 1
        self._changed.set()
        return conn

    def _forget(self, conn: AsyncConnection) -> None:
        """Close a connection without waiting; its room is still taken."""
        self._live -= 1
        self._behind(_close(conn))

    async def _dismiss(self, conn: AsyncConnection) -> None:
        """Close a connection and give its room away."""
        self._live -= 1
        try:
            await _close(conn)
        finally:
            self._grant(None)

    async def _is_healthy(self, conn: AsyncConnection) -> bool:
        """Return whether an idle connection can be lent."""
        if conn._member.expires <= monotonic() or not conn.open:
            return False
        if self._check is not None:
            try:
                await _called(self._check, conn)
            except Exception as exc:
                log.info("the pool %r drops a connection that failed its check: %s", self.name, exc)
                return False
        return True

    @staticmethod
    async def check_connection(conn: AsyncConnection) -> None:
        """Ask the server for a sign of life: a value for ``check``."""
        await conn.ping(reconnect=False)

    # -- taking back --

    async def putconn(self, conn: AsyncConnection) -> None:
        """Take a connection back that :meth:`getconn` lent; it cannot be used afterwards.

        Does not wait until it is ready for the next caller.

        Raises ``ProgrammingError`` when this pool has not lent it, or has it back already.
        """
        self._put(conn)

    def _put(self, conn: AsyncConnection) -> None:
        member: _Member | None = getattr(conn, "_member", None)
        if member is None or member.owner is not self._token or conn._returned:
            raise ProgrammingError(
                None,
                "the connection was returned already"
                if conn._returned
                else f"the connection was not lent by the pool {self.name!r}",
            )
        ready = _taken_from(conn)
        if member.process != os.getpid():
            ready.terminate()
            return
        now = monotonic()
        self._stats["usage_ms"] += (now - member.lent_at) * 1000
        opened = ready._driver_connection
        if (
            self._reset is None
            and opened is not None
            and opened.is_open
            and opened.is_idle
            and opened.in_transaction is False
            and ready._params.autocommit in (None, opened.autocommit)
            and self._may_keep(member)
        ):
            self._grant(ready)
        else:
            self._behind(self._restore(ready))

    def _may_keep(self, member: _Member) -> bool:
        return (
            not self._closed
            and member.generation == self._generation
            and member.expires > monotonic()
        )

    async def _restore(self, conn: AsyncConnection) -> None:
        """Make a returned connection ready for the next caller, or close it."""
        try:
            usable = await asyncio.wait_for(self._undo(conn), RESTORE_SECONDS)
            if not usable:
                self._stats["returns_bad"] += 1
            if usable and self._may_keep(conn._member):
                self._grant(conn)
                return
        except Exception as exc:
            log.info("the pool %r drops a connection that could not be reset: %s", self.name, exc)
            self._stats["returns_bad"] += 1
            conn.terminate()
        except BaseException:
            conn.terminate()
            self._live -= 1
            self._grant(None)
            raise
        await self._dismiss(conn)

    async def _undo(self, conn: AsyncConnection) -> bool:
        """Undo what the caller left; return whether the next one can have the connection."""
        opened = conn._driver_connection
        if opened is None:
            return False
        await opened.settled()
        unread, conn._unread = conn._unread, None
        if unread is not None and opened.is_open:
            await unread.close()
        if not (opened.is_open and opened.is_idle):
            return False
        if opened.capabilities & DriverCapability.TRANSACTIONS:
            if opened.in_transaction is not False:
                await opened.rollback()
            wanted = conn._params.autocommit
            if wanted is not None and opened.autocommit is not wanted:
                await opened.set_autocommit(wanted)
        if self._reset is not None:
            await _called(self._reset, conn)
        return conn.open and opened.is_idle

    # -- upkeep --

    async def drain(self) -> None:
        """Replace all connections: idle ones now, those in use when they come back."""
        self._check_open()
        self._generation += 1
        idle = list(self._idle)
        self._idle.clear()
        for conn in idle:
            await self._dismiss(conn)
        self._wake.set()

    async def check(self) -> None:
        """Ask the server for a sign of life on each idle connection, and replace those without."""
        self._check_open()
        idle = list(self._idle)
        self._idle.clear()
        for number, conn in enumerate(idle):
            try:
                await self.check_connection(conn)
            except Error:
                self._stats["connections_lost"] += 1
                await self._dismiss(conn)
            except BaseException:
                self._behind(self._restore(conn))
                for other in idle[number + 1 :]:
                    self._grant(other)
                raise
            else:
                self._grant(conn)

    async def resize(self, min_size: int, max_size: int | None = None) -> None:
        """Change the pool's size."""
        max_size = min_size if max_size is None else max_size
        _check_sizes(min_size, max_size)
        self.min_size, self.max_size = min_size, max_size
        while any(not waiter.done() for waiter in self._waiters) and self._size < max_size:
            self._size += 1
            self._grant(None)
        if not self._closed:
            self._wake.set()

    def get_stats(self) -> dict[str, int]:
        """Return what the pool has done, and how it is, under the names of psycopg_pool.

        ``…_ms`` are milliseconds in all, ``…_num`` and the others counts since it was made.
        """
        return {
            "pool_min": self.min_size,
            "pool_max": self.max_size,
            "pool_size": self._size,
            "pool_available": len(self._idle),
            "requests_waiting": sum(not waiter.done() for waiter in self._waiters),
            **{name: int(value) for name, value in self._stats.items()},
        }

    def pop_stats(self) -> dict[str, int]:
        """Return the statistics and begin to count anew."""
        stats = self.get_stats()
        self._stats = dict.fromkeys(self._stats, 0.0)
        return stats

    async def _maintain(self) -> None:
        """Keep the pool at its size until it is closed."""
        while True:
            self._wake.clear()
            delay = await self._upkeep()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), delay)

    async def _upkeep(self) -> float:
        """Do what is due; return the seconds until something else will be."""
        now = monotonic()
        left = self._size
        kept, dropped = [], []
        for conn in self._idle:  # the longest idle first
            member = conn._member
            spare = left > self.min_size and member.since + self.max_idle <= now
            if spare or left > self.max_size or member.expires <= now or not conn.open:
                dropped.append(conn)
                left -= 1
            else:
                kept.append(conn)
        self._idle.clear()
        self._idle.extend(kept)
        self._size -= len(dropped)
        due = [conn._member.expires for conn in kept]
        if left > self.min_size:
            due += [conn._member.since + self.max_idle for conn in kept]
        for conn in dropped:
            self._forget(conn)
        while self._size < self.min_size:
            self._size += 1
            try:
                conn = await self._connect()
            except Exception as exc:
                log.warning("the pool %r cannot connect: %s", self.name, exc)
                self._size -= 1
                delay, self._delay = self._delay, min(self._delay * 2, _LONGEST_DELAY)
                return delay
            except BaseException:
                self._size -= 1
                raise
            self._delay = _FIRST_DELAY
            self._grant(conn)
        # Half a second at least: many that end one after the other are dropped together.
        return max(0.5, min(due, default=now + 60.0) - monotonic())

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{self._size} of {self.min_size}-{self.max_size}"
        return f"<singlestoredb.aio.AsyncConnectionPool {self.name}: {state}>"


class Lending:
    """A connection that is lent for a block."""

    __slots__ = ("_conn", "_pool", "_timeout")

    def __init__(self, pool: AsyncConnectionPool, timeout: float | None) -> None:
        self._pool = pool
        self._timeout = timeout
        self._conn: AsyncConnection | None = None

    async def __aenter__(self) -> AsyncConnection:
        self._conn = conn = await self._pool.getconn(self._timeout)
        return conn

    async def __aexit__(self, kind: object, exc: object, traceback: object) -> None:
        conn, self._conn = self._conn, None
        assert conn is not None  # or it was not entered
        try:
            opened = conn._driver_connection
            if (
                kind is None
                and opened is not None
                and opened.in_transaction is not False
                and opened.is_open
                and opened.capabilities & DriverCapability.TRANSACTIONS
            ):
                await conn.commit()
        finally:
            if not conn._returned:
                self._pool._put(conn)


async def _called(hook: Hook, conn: AsyncConnection) -> None:
    answer = hook(conn)
    if inspect.isawaitable(answer):
        await answer


async def _close(conn: AsyncConnection) -> None:
    """Close a connection whatever state it is in."""
    if conn._driver_connection is not None:
        try:
            await conn.close()
        except Exception as exc:
            log.debug("a pooled connection could not be closed: %s", exc)


def _taken_from(conn: AsyncConnection) -> AsyncConnection:
    """Return a connection that goes on with what this one had, and make this one useless."""
    ready: AsyncConnection = object.__new__(type(conn))
    ready.__dict__.update(conn.__dict__)
    conn._driver_connection = None
    conn._returned = True
    conn._unread = None
    params = ready._params
    ready._query_timeout = params.query_timeout
    ready.results_type = params.results_type
    ready._track()
    return ready


def create_async_pool(
    host: str | None = None,
    *,
    min_size: int = 4,
    max_size: int | None = None,
    name: str | None = None,
    timeout: float = 30.0,
    max_waiting: int = 0,
    max_lifetime: float = 3600.0,
    max_idle: float = 600.0,
    configure: Hook | None = None,
    check: Hook | None = None,
    reset: Hook | None = None,
    **kwargs: Any,
) -> AsyncConnectionPool:
    """Make a pool of connections; open it with ``async with`` or ``await``.

    Args:
        host: as of :func:`singlestoredb.connect`; so are ``kwargs``.
        min_size: connections that are kept.
        max_size: connections at most; ``min_size`` when not given.
        name: for messages.
        timeout: seconds that a caller waits for a connection.
        max_waiting: callers that may wait; 0 for any number.
        max_lifetime: seconds after which a connection is replaced.
        max_idle: seconds after which an idle connection beyond ``min_size`` is closed.
        configure: called with each new connection, and awaited if it returns something to await.
        check: the same before a connection is lent; an error replaces the connection.
            ``AsyncConnectionPool.check_connection`` asks the server, at the cost of a round trip.
            Without it, connections that the server has closed meanwhile are still noticed.
        reset: the same with a connection that was returned and is in no transaction.
            ``AsyncConnection.reset`` clears variables and temporary tables, too.
        kwargs: arguments of :func:`singlestoredb.connect`.

    Raises ``ValueError`` for sizes and times that are not allowed.
    """
    return AsyncConnectionPool(
        host,
        min_size=min_size,
        max_size=max_size,
        name=name,
        timeout=timeout,
        max_waiting=max_waiting,
        max_lifetime=max_lifetime,
        max_idle=max_idle,
        configure=configure,
        check=check,
        reset=reset,
        **kwargs,
    )


_pools: weakref.WeakSet[AsyncConnectionPool] = weakref.WeakSet()


def _after_fork() -> None:
    for pool in list(_pools):
        if pool._closed:
            continue
        for task in pool._tasks:
            # Nothing will ever run it here; asyncio would complain of that at the end.
            task._log_destroy_pending = False  # type: ignore[attr-defined] # as asyncio.gather does
        pool._start_afresh()
        pool._closed = pool._forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
