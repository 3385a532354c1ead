"""Time-outs of statements: one thread watches those that are running.

At its deadline a statement is cancelled on the server, so that its connection stays usable; where
the server does not answer to that within :data:`GRACE` seconds, the connection is broken, so that
the caller waits no longer.  Only clocks that never jump are read.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import os
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any, TypeVar

from singlestoredb.exceptions import Error, OperationalError
from singlestoredb_hookspecs import Abortable, DriverCapability, DriverConnection

log = logging.getLogger("singlestoredb")

T = TypeVar("T")

GRACE = 0.2
"""Seconds from a statement's deadline until its connection is broken."""
QUERY_TIMEOUT = 3024
"""MySQL's number for a statement that took longer than it may."""


class _Watch:
    """A statement that runs under a deadline."""

    __slots__ = ("cancelled", "finished", "opened", "stopping")

    def __init__(self, opened: DriverConnection) -> None:
        self.opened = opened
        self.cancelled = False
        self.stopping: threading.Thread | None = None
        """Cancels it on the server."""
        self.finished = False


class _Watchdog:
    """The thread, and what it waits for."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._events: list[tuple[float, int, _Watch]] = []
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None

    def add(self, opened: DriverConnection, when: float) -> _Watch:
        watch = _Watch(opened)
        with self._changed:
            self._push(when, watch)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="singlestoredb-deadlines", daemon=True
                )
                self._thread.start()
        return watch

    def _push(self, when: float, watch: _Watch) -> None:
        heapq.heappush(self._events, (when, next(self._numbers), watch))
        if self._events[0][2] is watch:
            self._changed.notify()

    def finish(self, watch: _Watch) -> None:
        with self._changed:
            watch.finished = True
            events = self._events
            while events and events[0][2].finished:
                heapq.heappop(events)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._events or self._events[0][0] > monotonic():
                    wait = self._events[0][0] - monotonic() if self._events else None
                    self._changed.wait(wait)
                watch = heapq.heappop(self._events)[2]
                if watch.finished:
                    continue
                if not watch.cancelled:
                    watch.cancelled = True
                    watch.stopping = stop_server(watch.opened)
                    if watch.opened.capabilities & DriverCapability.ABORT:
                        self._push(monotonic() + GRACE, watch)
                else:
                    abort(watch.opened)
            del watch  # a driver's connection is not kept until the next deadline


_watchdog = _Watchdog()


def _after_fork() -> None:
    """Begin anew: threads do not survive a fork, and their locks may be held for ever."""
    global _watchdog
    _watchdog = _Watchdog()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def stop_server(opened: DriverConnection) -> threading.Thread | None:
    """Cancel what runs on a connection, without waiting for it; return the thread that does."""
    if not opened.capabilities & DriverCapability.CANCEL:
        return None

    def cancel() -> None:
        try:
            opened.cancel()
        except Exception as exc:  # nobody waits for it, and the connection's own error is told
            log.debug("a statement could not be cancelled: %s", exc)

    # Not a daemon: a program that ends because of Ctrl-C still stops the server's work.
    thread = threading.Thread(target=cancel, name="singlestoredb-cancel")
    thread.start()
    return thread


def abort(opened: DriverConnection | Abortable) -> None:
    """Break a connection."""
    try:
        opened.abort()  # type: ignore[union-attr] # it has the capability; this does not wait
    except Exception as exc:
        log.debug("a connection could not be broken: %s", exc)


def within(
    seconds: float, opened: DriverConnection, call: Callable[..., T], *args: Any
) -> tuple[T, bool]:
    """Call into a driver, for ``seconds`` at most.

    Returns what it gave, and whether the statement was cancelled nevertheless: reading on from its
    result will then fail.

    Raises ``OperationalError`` 3024 when the time is over: the connection is then usable, or
    closed where the server did not react.
    """
    watchdog = _watchdog
    watch = watchdog.add(opened, monotonic() + seconds)
    try:
        return call(*args), watch.cancelled
    except Error as exc:
        if not watch.cancelled:
            raise
        raise timed_out(seconds, opened) from exc
    finally:
        watchdog.finish(watch)
        if watch.stopping is not None and opened.is_open:
            # The statement ended by itself at the last moment: the next one must not be hit.
            watch.stopping.join()


def timed_out(seconds: float, opened: DriverConnection) -> OperationalError:
    """Return the error for a statement that took too long."""
    state = "" if opened.is_open else "; the server did not react and the connection was closed"
    return OperationalError(
        QUERY_TIMEOUT,
        f"the statement was given up after query_timeout={seconds:g} seconds{state}",
    )
