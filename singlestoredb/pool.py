"""A pool of connections, with the vocabulary of psycopg_pool.

::

    pool = singlestoredb.create_pool("mysql://user:password@host/db", min_size=2, max_size=10)
    with pool.connection() as conn:
        conn.query("INSERT INTO t VALUES (1)")

* Callers are served in the order they came.
* Connections are made by the thread that needs one, so that it gets the server's own error when
  there is one; a thread in the background keeps ``min_size`` of them and lets go of idle ones.
* What was returned can no longer be used: its holder has another object than the next one.
* A connection whose statement, transaction or result is not finished never reaches the next caller.
* A forked child begins with an empty pool of its own.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import select
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from time import monotonic
from typing import TYPE_CHECKING, Any

from singlestoredb.connection import Connection, connect
from singlestoredb.deadline import abort
from singlestoredb.exceptions import Error, OperationalError, ProgrammingError
from singlestoredb_hookspecs import DriverCapability

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["ConnectionPool", "PoolClosed", "PoolTimeout", "TooManyRequests", "create_pool"]

log = logging.getLogger("singlestoredb.pool")

_FIRST_DELAY = 1.0
_LONGEST_DELAY = 60.0
"""Seconds between attempts to keep ``min_size`` connections while the server cannot be reached."""


class PoolTimeout(OperationalError):
    """No connection became free in time."""


class PoolClosed(OperationalError):
    """The pool is closed, or was not opened."""


class TooManyRequests(OperationalError):
    """``max_waiting`` callers are waiting already."""


class _Waiter:
    """A caller who waits for a connection."""

    __slots__ = ("closed", "conn", "event", "granted")

    def __init__(self) -> None:
        self.event = threading.Event()
        self.granted = False
        self.conn: Connection | None = None
        """What was granted: a connection, or room to make one."""
        self.closed = False


class _Member:
    """What the pool knows of one of its connections."""

    __slots__ = ("expires", "generation", "lent_at", "owner", "process", "since")

    def __init__(self, owner: object, expires: float, generation: int) -> None:
        self.owner = owner
        """Stands for the pool, which must not be kept alive by its connections."""
        self.expires = expires
        self.generation = generation
        self.process = os.getpid()
        """The process whose pool counts it: a forked child has the objects, but not the sockets."""
        self.lent_at = 0.0
        self.since = 0.0
        """When it was returned."""


class ConnectionPool:
    """Connections that are used again; made by :func:`create_pool`.

    Any number of threads may use it.  As a context manager it is closed at the end of the block.
    """

    def __init__(
        self,
        host: str | None = None,
        *,
        min_size: int = 4,
        max_size: int | None = None,
        open: bool = True,
        name: str | None = None,
        timeout: float = 30.0,
        max_waiting: int = 0,
        max_lifetime: float = 3600.0,
        max_idle: float = 600.0,
        configure: Callable[[Connection], object] | None = None,
        check: Callable[[Connection], object] | None = None,
        reset: Callable[[Connection], object] | None = None,
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
        self._closed = True
        self._token = object()
        self._start_afresh()
        _pools.add(self)
        if open:
            self.open()

    def _start_afresh(self) -> None:
        """Know of no connection; also in a forked child, where all of them are the parent's."""
        self._lock = threading.Lock()
        self._returned = threading.Condition(self._lock)
        self._idle: deque[Connection] = deque()
        self._waiters: deque[_Waiter] = deque()
        self._size = 0
        """Connections lent, idle, or being made."""
        self._live = 0
        """Those that are made."""
        self._generation = 0
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._delay = _FIRST_DELAY
        self._stats = dict.fromkeys(
            (
                *("requests_num", "requests_queued", "requests_wait_ms", "requests_errors"),
                *("usage_ms", "returns_bad"),
                *("connections_num", "connections_ms", "connections_errors", "connections_lost"),
            ),
            0.0,
        )
        self._finalizer = weakref.finalize(self, _close_all, self._idle)

    # -- opening and closing --

    @property
    def closed(self) -> bool:
        """Whether connections cannot be had."""
        return self._closed

    def open(self, wait: bool = False, timeout: float = 30.0) -> None:
        """Open the pool; with ``wait``, return when it has ``min_size`` connections."""
        with self._lock:
            if self._closed:
                self._closed = False
                self._maintained()
        if wait:
            self.wait(timeout)

    def _maintained(self) -> None:
        """Have the thread that keeps the pool at its size; ``_lock`` is held."""
        self._wake = threading.Event()
        self._thread = threading.Thread(
            target=_maintain,
            args=(weakref.ref(self), self._wake),
            name=f"singlestoredb-{self.name}",
            daemon=True,
        )
        self._thread.start()

    def wait(self, timeout: float = 30.0) -> None:
        """Wait until the pool has ``min_size`` connections.

        Raises ``PoolTimeout`` when it does not within ``timeout`` seconds, and closes the pool.
        """
        with self._lock:
            self._check_open()
            end = monotonic() + timeout
            while self._live < self.min_size:
                if not self._returned.wait(end - monotonic()) and monotonic() >= end:
                    break
                self._check_open()
            else:
                return
        self.close()
        raise PoolTimeout(
            None, f"the pool {self.name!r} has not {self.min_size} connections after {timeout:g} s"
        )

    def close(self, timeout: float = 5.0) -> None:
        """Close the pool and its idle connections; those in use are closed when they come back.

        Callers who wait get ``PoolClosed``.  Waits at most ``timeout`` seconds for what goes on in
        the background.  Idempotent.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            waiters, idle = list(self._waiters), list(self._idle)
            self._waiters.clear()
            self._idle.clear()
            self._size -= len(idle)
            self._live -= len(idle)
            for waiter in waiters:
                waiter.closed = True
                waiter.event.set()
            self._returned.notify_all()
            thread, self._thread = self._thread, None
        self._wake.set()
        for conn in idle:
            _close(conn)
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise PoolClosed(None, f"the pool {self.name!r} is not open")

    # -- lending --

    @contextlib.contextmanager
    def connection(self, timeout: float | None = None) -> Iterator[Connection]:
        """Lend a connection for a block.

        An open transaction is committed at the end of the block, and rolled back when the block
        ends with an error.

        Raises as :meth:`getconn`.
        """
        conn = self.getconn(timeout)
        try:
            yield conn
        except BaseException:
            if conn.open and conn.in_transaction is not False:
                with contextlib.suppress(Error):
                    conn.rollback()
            raise
        else:
            if conn.open and conn.in_transaction is not False:
                conn.commit()
        finally:
            self.putconn(conn)

    def getconn(self, timeout: float | None = None) -> Connection:
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
        start = monotonic()
        conn = self._acquire(start, self.timeout if timeout is None else timeout)
        if conn is not None and not self._is_healthy(conn):
            self._drop(conn)
            self._count(connections_lost=1)
            conn = None  # and its room is ours
        if conn is None:
            try:
                conn = self._connect()
            except BaseException:
                self._count(requests_errors=1)
                self._leave_room()
                raise
        conn._member.lent_at = monotonic()
        return conn

    def _acquire(self, start: float, timeout: float) -> Connection | None:
        """Return an idle connection, or ``None`` when there is room to make one."""
        with self._lock:
            self._check_open()
            self._stats["requests_num"] += 1
            if self._idle:
                return self._idle.pop()
            if self._size < self.max_size:
                self._size += 1
                return None
            if self.max_waiting and len(self._waiters) >= self.max_waiting:
                self._stats["requests_errors"] += 1
                raise TooManyRequests(
                    None,
                    f"{len(self._waiters)} callers wait for a connection of the pool {self.name!r} "
                    "already, which is max_waiting",
                )
            waiter = _Waiter()
            self._waiters.append(waiter)
            self._stats["requests_queued"] += 1
        try:
            waiter.event.wait(max(0.0, start + timeout - monotonic()))
        except BaseException:  # Ctrl-C
            with self._lock:
                if waiter.granted:
                    self._grant(waiter.conn)
                elif not waiter.closed:
                    self._waiters.remove(waiter)
            raise
        with self._lock:
            self._stats["requests_wait_ms"] += (monotonic() - start) * 1000
            if waiter.granted:
                return waiter.conn
            self._stats["requests_errors"] += 1
            if waiter.closed:
                raise PoolClosed(None, f"the pool {self.name!r} was closed meanwhile")
            self._waiters.remove(waiter)
        raise PoolTimeout(
            None,
            f"no connection of the pool {self.name!r} became free within {timeout:g} s: "
            f"all {self.max_size} are in use",
            hint="return connections sooner, or raise max_size",
        )

    def _grant(self, conn: Connection | None) -> None:
        """Give a connection, or room for one, to whoever waits longest; ``_lock`` is held."""
        if self._waiters:
            waiter = self._waiters.popleft()
            waiter.conn, waiter.granted = conn, True
            waiter.event.set()
        elif conn is not None:
            conn._member.since = monotonic()
            self._idle.append(conn)
            self._returned.notify_all()
        else:
            self._size -= 1
            if self._size < self.min_size:
                self._wake.set()

    def _leave_room(self) -> None:
        with self._lock:
            self._grant(None)

    def _connect(self) -> Connection:
        """Make a connection, for which there is room."""
        start = monotonic()
        try:
            conn = connect(**self._arguments)
        except BaseException:
            self._count(connections_num=1, connections_errors=1)
            raise
        self._count(connections_num=1, connections_ms=(monotonic() - start) * 1000)
        # A tenth less for some, so that connections made together do not end together.
        spread = 1.0 - 0.1 * (hash(conn) % 16) / 16
        conn._member = _Member(
            self._token, monotonic() + self.max_lifetime * spread, self._generation
        )
        if self._configure is not None:
            try:
                self._configure(conn)
                if conn.open and conn.in_transaction:
                    raise ProgrammingError(
                        None, f"configure of the pool {self.name!r} left a transaction open"
                    )
            except BaseException:
                _close(conn)
                raise
        with self._lock:
            self._live += 1
            self._returned.notify_all()
        return conn

    def _drop(self, conn: Connection) -> None:
        """Close a connection; its room is still taken."""
        with self._lock:
            self._live -= 1
        _close(conn)

    def _count(self, **values: float) -> None:
        with self._lock:
            for name, value in values.items():
                self._stats[name] += value

    def _is_healthy(self, conn: Connection) -> bool:
        """Return whether an idle connection can be lent."""
        if conn._member.expires <= monotonic() or not _is_quiet(conn):
            return False
        if self._check is not None:
            try:
                self._check(conn)
            except Exception as exc:
                log.info("the pool %r drops a connection that failed its check: %s", self.name, exc)
                return False
        return True

    @staticmethod
    def check_connection(conn: Connection) -> None:
        """Ask the server for a sign of life: a value for ``check``."""
        conn.ping(reconnect=False)

    # -- taking back --

    def putconn(self, conn: Connection) -> None:
        """Take a connection back that :meth:`getconn` lent; it cannot be used afterwards.

        One that is broken, too old, in use by another thread, or amid a result is closed, and
        another takes its place.

        Raises ``ProgrammingError`` when this pool has not lent it, or has it back already.
        """
        member: _Member | None = getattr(conn, "_member", None)
        if member is None or member.owner is not self._token or conn._returned:
            raise ProgrammingError(
                None,
                "the connection was returned already"
                if conn._returned
                else f"the connection was not lent by the pool {self.name!r}",
            )
        in_use = conn._lock.locked()
        ready = _taken_from(conn)
        if member.process != os.getpid():
            _close(ready)
            return
        self._count(usage_ms=(monotonic() - member.lent_at) * 1000)
        usable = (
            not in_use
            and not self._closed
            and member.generation == self._generation
            and member.expires > monotonic()
            and self._is_clean(ready)
        )
        if usable:
            with self._lock:
                if not self._closed:
                    self._grant(ready)
                    return
        if in_use or not ready.open:
            self._count(returns_bad=1)
        if in_use:
            _break(ready)
        self._drop(ready)
        self._leave_room()

    def _is_clean(self, conn: Connection) -> bool:
        """Undo what the caller left; return whether the next one can have the connection."""
        opened = conn._driver_connection
        if opened is None or not opened.is_open or not getattr(opened, "is_idle", True):
            return False
        try:
            if opened.capabilities & DriverCapability.TRANSACTIONS:
                if conn.in_transaction is not False:
                    conn.rollback()
                wanted = conn._params.autocommit
                if wanted is not None and opened.autocommit is not wanted:
                    conn.autocommit(wanted)
            if self._reset is not None:
                self._reset(conn)
        except Exception as exc:
            log.info("the pool %r drops a connection that could not be reset: %s", self.name, exc)
            return False
        return conn.open

    # -- upkeep --

    def drain(self) -> None:
        """Replace all connections: idle ones now, those in use when they come back."""
        with self._lock:
            self._check_open()
            self._generation += 1
            idle = list(self._idle)
            self._idle.clear()
            for _ in idle:
                self._grant(None)
            self._wake.set()
        for conn in idle:
            self._drop(conn)

    def check(self) -> None:
        """Ask the server for a sign of life on each idle connection, and replace those without."""
        with self._lock:
            self._check_open()
            idle = list(self._idle)
            self._idle.clear()
        for conn in idle:
            try:
                self.check_connection(conn)
            except Error:
                self._drop(conn)
                self._count(connections_lost=1)
                self._leave_room()
            else:
                with self._lock:
                    self._grant(conn)

    def resize(self, min_size: int, max_size: int | None = None) -> None:
        """Change the pool's size."""
        max_size = min_size if max_size is None else max_size
        _check_sizes(min_size, max_size)
        with self._lock:
            self.min_size, self.max_size = min_size, max_size
            while self._waiters and self._size < max_size:
                self._size += 1
                self._grant(None)
            self._wake.set()

    def get_stats(self) -> dict[str, int]:
        """Return what the pool has done, and how it is, under the names of psycopg_pool.

        ``…_ms`` are milliseconds in all, ``…_num`` and the others counts since it was made.
        """
        with self._lock:
            return {
                "pool_min": self.min_size,
                "pool_max": self.max_size,
                "pool_size": self._size,
                "pool_available": len(self._idle),
                "requests_waiting": len(self._waiters),
                **{name: int(value) for name, value in self._stats.items()},
            }

    def pop_stats(self) -> dict[str, int]:
        """Return the statistics and begin to count anew."""
        stats = self.get_stats()
        with self._lock:
            self._stats = dict.fromkeys(self._stats, 0.0)
        return stats

    def _upkeep(self) -> float:
        """Do what is due; return the seconds until something else will be."""
        now = monotonic()
        with self._lock:
            if self._closed:
                return 0
            kept, dropped = [], []
            left = self._size
            for conn in self._idle:  # the longest idle first
                member = conn._member
                spare = left > self.min_size and member.since + self.max_idle <= now
                if spare or left > self.max_size or member.expires <= now or not _is_quiet(conn):
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
            missing = self.min_size - self._size
            self._size += max(missing, 0)
        for conn in dropped:
            self._drop(conn)
        for number in range(missing):
            try:
                conn = self._connect()
            except Exception as exc:
                log.warning("the pool %r cannot connect: %s", self.name, exc)
                for _ in range(missing - number):
                    self._leave_room()
                delay, self._delay = self._delay, min(self._delay * 2, _LONGEST_DELAY)
                self._wake.clear()  # room that was left wakes this thread, and it has to wait
                return delay
            self._delay = _FIRST_DELAY
            with self._lock:
                closed = self._closed
                if not closed:
                    self._grant(conn)
                    continue
                self._size -= 1
            self._drop(conn)
        # Half a second at least: many that end one after the other are dropped together.
        return max(0.5, min(due, default=now + 60.0) - monotonic())

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{self._size} of {self.min_size}-{self.max_size}"
        return f"<singlestoredb.ConnectionPool {self.name}: {state}>"


def create_pool(
    host: str | None = None,
    *,
    min_size: int = 4,
    max_size: int | None = None,
    open: bool = True,
    name: str | None = None,
    timeout: float = 30.0,
    max_waiting: int = 0,
    max_lifetime: float = 3600.0,
    max_idle: float = 600.0,
    configure: Callable[[Connection], object] | None = None,
    check: Callable[[Connection], object] | None = None,
    reset: Callable[[Connection], object] | None = None,
    **kwargs: Any,
) -> ConnectionPool:
    """Make a pool of connections.

    Args:
        host: as of :func:`singlestoredb.connect`; so are ``kwargs``.
        min_size: connections that are kept.
        max_size: connections at most; ``min_size`` when not given.
        open: open it at once, and connect in the background.
        name: for messages and the thread.
        timeout: seconds that a caller waits for a connection.
        max_waiting: callers that may wait; 0 for any number.
        max_lifetime: seconds after which a connection is replaced.
        max_idle: seconds after which an idle connection beyond ``min_size`` is closed.
        configure: called with each new connection.
        check: called with a connection before it is lent; an error replaces the connection.
            ``ConnectionPool.check_connection`` asks the server, at the cost of a round trip.
            Without it, connections that the server has closed meanwhile are still noticed.
        reset: called with a connection that was returned and is in no transaction.
            ``singlestoredb.Connection.reset`` clears variables and temporary tables, too.
        kwargs: arguments of :func:`singlestoredb.connect`.

    Raises ``ValueError`` for sizes and times that are not allowed.
    """
    return ConnectionPool(
        host,
        min_size=min_size,
        max_size=max_size,
        open=open,
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


def _check_sizes(min_size: int, max_size: int) -> None:
    if not 0 <= min_size <= max_size or max_size < 1:
        raise ValueError(
            f"a pool needs 0 <= min_size <= max_size and 1 <= max_size, not {min_size} and "
            f"{max_size}"
        )


def _taken_from(conn: Connection) -> Connection:
    """Return a connection that goes on with what this one had, and make this one useless."""
    ready: Connection = object.__new__(type(conn))
    ready.__dict__.update(conn.__dict__)
    conn._driver_connection = None
    conn._returned = True
    conn._lock = threading.Lock()
    ready.__dict__.pop("_vector_db", None)
    params = ready._params
    ready._query_timeout = params.query_timeout
    ready.results_type = params.results_type
    ready._track()
    return ready


def _is_quiet(conn: Connection) -> bool:
    """Return whether nothing has come from the server that nobody asked for, such as its end."""
    opened = conn._driver_connection
    if opened is None or not opened.is_open:
        return False
    fileno = getattr(opened, "fileno", None)
    if fileno is None:
        return True
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(fileno(), select.POLLIN | select.POLLPRI)
        return not poll.poll(0)
    return not select.select([fileno()], [], [], 0)[0]


def _break(conn: Connection) -> None:
    """End the use of a connection by a thread that should not use it.

    That one closes the socket: nobody else may, while it waits there.
    """
    opened, conn._driver_connection = conn._driver_connection, None
    if opened is not None and opened.capabilities & DriverCapability.ABORT:
        abort(opened)


def _close(conn: Connection) -> None:
    """Close a connection whatever state it is in."""
    if conn._driver_connection is not None:
        try:
            conn.close()
        except Exception as exc:
            log.debug("a pooled connection could not be closed: %s", exc)


def _close_all(idle: deque[Connection]) -> None:
    """Close what a pool leaves behind, when it is forgotten or Python ends."""
    while idle:
        _close(idle.pop())


def _maintain(reference: weakref.ref[ConnectionPool], wake: threading.Event) -> None:
    """Keep a pool at its size until it is closed or forgotten."""
    while True:
        pool = reference()
        if pool is None or pool._wake is not wake:
            return
        wake.clear()
        delay = pool._upkeep()
        if not delay:
            return
        del pool
        wake.wait(delay)


_numbers = itertools.count(1)
_pools: weakref.WeakSet[ConnectionPool] = weakref.WeakSet()


def _after_fork() -> None:
    for pool in list(_pools):
        pool._finalizer.detach()
        pool._start_afresh()
        if not pool._closed:
            pool._maintained()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
