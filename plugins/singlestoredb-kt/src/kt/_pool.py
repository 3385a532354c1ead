"""The pool: one connection per thread (or greenlet), handed on when it ends or checks in."""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from ._connection import Connection, StaleConnectionError

T = TypeVar("T")


class _Lease:
    """What a thread holds: its connection, and where that goes when the thread ends."""

    __slots__ = ("connection", "free")

    def __init__(self, connection: Connection, free: deque[Connection]) -> None:
        self.connection: Connection | None = connection
        self.free = free

    def __del__(self) -> None:
        # Runs when the thread's local storage goes away.  A deque's append is atomic: a lock here
        # could be taken by the very thread that the collector interrupted.
        if self.connection is not None and self.connection.is_open:
            self.free.append(self.connection)


class ConnectionPool:
    """Connections to one server, made when first needed.

    A thread keeps its connection until `checkin` or `close`.  Free connections are reused oldest
    first, and only if the server has not hung up on them.
    """

    def __init__(self, host: str, port: int, timeout: float | None) -> None:
        self.host = host
        self.port = port
        self.timeout = timeout
        self._local = threading.local()
        self._free: deque[Connection] = deque()
        self._lock = threading.Lock()
        self._known: weakref.WeakSet[Connection] = weakref.WeakSet()
        _POOLS.add(self)

    def call(self, request: bytes, read: Callable[[Connection], T], retry: bool = False) -> T:
        """Send one request and return what ``read`` makes of the reply.

        With ``retry`` (harmless to repeat) a connection that the server closed while it was idle
        is replaced once.  After any exception the connection is closed: it cannot be known to be
        in sync.
        """
        connection = self._bound()
        try:
            try:
                connection.exchange(request)
            except StaleConnectionError:
                if not (retry and connection.used):
                    raise
                self.close()
                connection = self._bound(fresh=True)
                connection.exchange(request)
            result = read(connection)
            if connection.position != len(connection.buffer):
                connection.expect_end()
        except BaseException:
            connection.close()
            raise
        connection.used = True
        return result

    def send(self, request: bytes) -> None:
        """Send a request that has no reply."""
        connection = self._bound()
        try:
            connection.send(request)
        except BaseException:
            connection.close()
            raise

    def session(self, use: Callable[[Connection], T]) -> T:
        """Run a longer exchange on the thread's connection and check that nothing is left over."""
        connection = self._bound()
        try:
            result = use(connection)
            connection.expect_end()
        except BaseException:
            connection.close()
            raise
        connection.used = True
        return result

    def _bound(self, fresh: bool = False) -> Connection:
        try:
            connection: Connection | None = self._local.lease.connection
        except AttributeError:
            connection = None
        if connection is not None and connection.is_open:
            return connection
        connection = self.acquire(fresh)
        self._local.lease = _Lease(connection, self._free)
        return connection

    def acquire(self, fresh: bool = False) -> Connection:
        """Return a connection for the caller alone, who ends with `release` or closes it."""
        while not fresh:
            try:
                connection = self._free.popleft()
            except IndexError:
                break
            if connection.is_idle():
                return connection
            connection.close()
        connection = Connection.open(self.host, self.port, self.timeout)
        with self._lock:
            self._known.add(connection)
        return connection

    def release(self, connection: Connection) -> None:
        """Take back a connection from `acquire`."""
        if connection.is_open:
            self._free.append(connection)

    def checkin(self) -> None:
        """Make the thread's connection available to others; without one, do nothing."""
        lease: _Lease | None = getattr(self._local, "lease", None)
        if lease is not None:
            del self._local.lease
            connection, lease.connection = lease.connection, None
            if connection is not None:
                self.release(connection)

    def close(self) -> None:
        """Close the thread's connection; the next call opens another."""
        lease: _Lease | None = getattr(self._local, "lease", None)
        if lease is not None:
            del self._local.lease
            connection, lease.connection = lease.connection, None
            if connection is not None:
                connection.close()

    def close_all(self) -> None:
        """Close every connection, also those of other threads, whose running calls then fail."""
        for connection in self._forget():
            connection.abort()

    def _forget(self) -> list[Connection]:
        with self._lock:
            known = list(self._known)
            self._known.clear()
        self._free.clear()
        return known

    def after_fork_in_child(self) -> None:
        """Let go of the parent's sockets, which must not be used from two processes."""
        # The lock may have been held by a thread that does not exist here.
        self._lock = threading.Lock()
        for connection in self._forget():
            # Not an abort: that would end the parent's connection, too.
            connection.close()


_POOLS: weakref.WeakSet[ConnectionPool] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for pool in list(_POOLS):
        pool.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
