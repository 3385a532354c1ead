"""A thread-safe pool of psycopg2 connections that is made for servers which go away.

psycopg2's own pool keeps no more than ``minconn`` idle connections, so the default of 0 never
reuses one, hands out dead ones, and opens new ones under its lock.  This one has the same methods
and errors, keeps up to ``maxconn``, looks before it hands out, and connects outside the lock.

Importing this module imports psycopg2.
"""

from __future__ import annotations

import logging
import select
import threading
import time
from typing import Any, NamedTuple

import psycopg2
import psycopg2.extensions
from psycopg2.pool import PoolError

logger = logging.getLogger("bitdotio")


class _Idle(NamedTuple):
    connection: psycopg2.extensions.connection
    since: float
    """Reading of the monotonic clock, in seconds."""


class ConnectionPool:
    """Connections to one database, at most ``maxconn`` at a time.

    ``minconn`` connections are opened at once and kept however long they stay idle.  The others
    are closed when they have been idle for ``max_idle`` seconds, at the next use of the pool: a
    pool runs no thread, so a server that scales to zero is left alone.

    The remaining arguments are those of ``psycopg2.connect``.
    """

    max_idle: float = 300.0
    """Seconds after which an idle connection beyond ``minconn`` is closed."""
    check_after: float = 5.0
    """Seconds of idleness after which a connection must answer ``SELECT 1`` before it is handed
    out.  Before that a look at its socket must do: it costs no round trip and sees a server that
    closed the connection, but not a network that silently dropped it."""

    def __init__(self, minconn: int, maxconn: int, *args: Any, **kwargs: Any) -> None:
        self.minconn = minconn
        self.maxconn = maxconn
        self.closed = False
        self._connect_args = args
        self._connect_kwargs = kwargs
        self._lock = threading.Lock()
        self._idle: list[_Idle] = []
        self._used: dict[int, psycopg2.extensions.connection] = {}
        self._opening = 0
        try:
            for _ in range(minconn):
                self._idle.append(_Idle(self._connect(), time.monotonic()))
        except BaseException:
            self.closeall()
            raise

    def getconn(self) -> psycopg2.extensions.connection:
        """Return a live connection; the caller gives it back with ``putconn``.

        Raises:
            psycopg2.pool.PoolError: when ``maxconn`` connections are out, or the pool is closed.
            psycopg2.OperationalError: when the server cannot be reached.
        """
        while True:
            with self._lock:
                if self.closed:
                    raise PoolError("connection pool is closed")
                if len(self._used) + self._opening >= self.maxconn:
                    raise PoolError(
                        f"connection pool exhausted: all {self.maxconn} connections are in use; "
                        "give them back sooner or raise max_conn"
                    )
                expired = self._take_expired()
                # Last in, first out: the fewest connections stay in use, the others can expire.
                candidate = self._idle.pop() if self._idle else None
                self._opening += 1
            connection = None
            try:
                for each in expired:
                    _close(each)
                if candidate is None:
                    connection = self._connect()
                elif self._is_alive(candidate):
                    connection = candidate.connection
                else:
                    logger.debug("discarding a broken pooled connection")
                    _close(candidate.connection)
            finally:
                with self._lock:
                    self._opening -= 1
                    if connection is not None:
                        self._used[id(connection)] = connection
            if connection is not None:
                return connection

    def putconn(self, conn: psycopg2.extensions.connection, close: bool = False) -> None:
        """Take a connection back: clean it for the next user, or drop it when it is broken.

        Whatever was not committed is rolled back, and autocommit, isolation level and the like
        return to their defaults.  ``close=True`` drops the connection in any case.
        """
        with self._lock:
            if self._used.get(id(conn)) is not conn:
                raise PoolError("this connection is not one that the pool has handed out")
            keep = not close and not self.closed
        try:
            keep = keep and _clean(conn)
        finally:
            with self._lock:
                del self._used[id(conn)]
                keep = keep and not self.closed
                if keep:
                    self._idle.append(_Idle(conn, time.monotonic()))
                expired = self._take_expired()
            if not keep:
                _close(conn)
            for each in expired:
                _close(each)

    def closeall(self) -> None:
        """Close the idle connections now, and those in use when they come back."""
        with self._lock:
            self.closed = True
            idle, self._idle = self._idle, []
        for each in idle:
            _close(each.connection)

    def _connect(self) -> psycopg2.extensions.connection:
        connection: psycopg2.extensions.connection = psycopg2.connect(
            *self._connect_args, **self._connect_kwargs
        )
        return connection

    def _take_expired(self) -> list[psycopg2.extensions.connection]:
        """Remove and return what was idle for too long; the lock is held by the caller."""
        horizon = time.monotonic() - self.max_idle
        expired: list[psycopg2.extensions.connection] = []
        # The list is ordered by the time of return: the oldest are at its front.
        while len(self._idle) > self.minconn and self._idle[0].since < horizon:
            expired.append(self._idle.pop(0).connection)
        return expired

    def _is_alive(self, idle: _Idle) -> bool:
        connection = idle.connection
        if connection.closed:
            return False
        long_idle = time.monotonic() - idle.since > self.check_after
        if not long_idle and not _has_input(connection.fileno()):
            return True
        # Input on an idle connection is a farewell or a notification; a query tells them apart.
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            connection.rollback()
        except psycopg2.Error:
            return False
        return True


def _clean(conn: psycopg2.extensions.connection) -> bool:
    """Bring a connection back to its initial state; return whether that succeeded."""
    if conn.closed:
        return False
    status = conn.info.transaction_status
    if status in (
        psycopg2.extensions.TRANSACTION_STATUS_UNKNOWN,  # the server is lost
        psycopg2.extensions.TRANSACTION_STATUS_ACTIVE,  # a command was abandoned half-way
    ):
        return False
    try:
        if status != psycopg2.extensions.TRANSACTION_STATUS_IDLE:
            conn.rollback()
        altered = (
            conn.autocommit
            or conn.isolation_level is not None
            or conn.readonly is not None
            or conn.deferrable is not None
        )
        if altered:
            conn.set_session(
                isolation_level="DEFAULT",
                readonly="default",
                deferrable="default",
                autocommit=False,
            )
    except psycopg2.Error:
        return False
    return True


def _close(conn: psycopg2.extensions.connection) -> None:
    try:
        conn.close()
    except psycopg2.Error:
        logger.debug("closing a broken connection failed", exc_info=True)


def _has_input(fd: int) -> bool:
    """Tell whether something can be read from a socket, end of file included."""
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([fd], [], [], 0)[0])
    # poll, because select fails for descriptors of 1024 and above.
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))
