"""A socket that is through with the handshake, on an event loop.

Plain sockets and TLS alike: the socket is non-blocking and the loop says when it is ready.  Reading
stays registered between answers, which spares two system calls per statement, and lets an idle
connection learn that its server has gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from . import errors

RECEIVE_SIZE = 262_144
"""Bytes asked for at a time."""

_buffers: WeakKeyDictionary[asyncio.AbstractEventLoop, memoryview] = WeakKeyDictionary()
"""What the connections of a loop receive into.  One for all of them: its bytes are copied on before
anything else runs on the loop."""


def _buffer(loop: asyncio.AbstractEventLoop) -> memoryview:
    buffer = _buffers.get(loop)
    if buffer is None:
        buffer = _buffers[loop] = memoryview(bytearray(RECEIVE_SIZE))
    return buffer


_forks = 0
"""How often this process is a fork's child: what was opened before that is the parent's."""


def _after_fork() -> None:
    global _forks
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

_LATER = (BlockingIOError, InterruptedError, ssl.SSLWantReadError)


class Flow:
    """Sends and receives bytes on the running loop.  Used by one task at a time.

    What is received goes to ``feed`` at once, not by way of the task that waits for it: that one
    may be cancelled in between, and the bytes would be lost.
    """

    def __init__(
        self,
        sock: socket.socket,
        feed: Callable[[memoryview], None],
        read_timeout: float | None,
        write_timeout: float | None,
    ) -> None:
        sock.setblocking(False)
        self._feed = feed
        self._socket: socket.socket | None = sock
        self._descriptor = sock.fileno()
        self._pending: Callable[[], int] | None = getattr(sock, "pending", None)
        """For TLS: bytes that are decrypted already, of which the loop knows nothing."""
        self._read_timeout = read_timeout
        self._write_timeout = write_timeout
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._waiter: asyncio.Future[None] | None = None
        self._forks = _forks
        self._registered = False
        self._buffer = _buffer(self._loop)
        self.expects = False
        """Whether an answer is under way: what comes without one ends the connection."""

    @property
    def is_mine(self) -> bool:
        """Whether the running loop is the one that it belongs to."""
        return asyncio.get_running_loop() is self._loop

    @property
    def is_open(self) -> bool:
        """Whether the socket is there."""
        return self._socket is not None

    # -- receiving --

    def receive(self) -> asyncio.Future[None]:
        """Return a future that is done when bytes have been fed, at least one.

        It has ``OperationalError`` 2013 when the connection is lost or ``read_timeout`` is over;
        the socket is closed then.
        """
        waiter: asyncio.Future[None] = self._loop.create_future()
        sock = self._socket
        if sock is None:
            waiter.set_exception(errors.lost("the connection was closed"))
            return waiter
        self._waiter = waiter
        if not self._registered:
            self._loop.add_reader(self._descriptor, self._readable)
            self._registered = True
        if self._pending is not None and self._pending():
            self._readable()
        elif self._read_timeout is not None:
            timer = self._loop.call_later(self._read_timeout, self._too_late, waiter)
            waiter.add_done_callback(lambda _: timer.cancel())
        return waiter

    def _too_late(self, waiter: asyncio.Future[None]) -> None:
        if not waiter.done():
            self._lose(waiter, TimeoutError("timed out"))

    def _lose(self, waiter: asyncio.Future[None], cause: OSError) -> None:
        """Close the socket and say why to who waits."""
        self._waiter = None
        self.abort()
        error = errors.lost(cause)
        error.__cause__ = cause
        with contextlib.suppress(asyncio.InvalidStateError):
            waiter.set_exception(error)

    def _readable(self) -> None:
        sock, waiter = self._socket, self._waiter
        if sock is None:
            return
        if waiter is None or waiter.done():
            # Nobody is to read yet.  The bytes stay where they are, and memory flat.
            self._unregister()
            if not self.expects and self._pending is None:
                # Nobody has asked either: the server closes, or says that it does.
                self.abort()
            return
        try:
            size = sock.recv_into(self._buffer)
        except _LATER:
            return
        except ssl.SSLWantWriteError:
            self._loop.add_writer(self._descriptor, self._written_for_reading)
            return
        except OSError as exc:
            self._lose(waiter, exc)
            return
        if not size:
            self._lose(waiter, ConnectionError("the server closed the connection"))
            return
        self._waiter = None
        # Ctrl-C cancels whoever waits between any two steps of this.
        with contextlib.suppress(asyncio.InvalidStateError):
            try:
                self._feed(self._buffer[:size])
            except MemoryError as exc:
                # These bytes are lost, and so is the meaning of all that come after.
                self.abort()
                waiter.set_exception(exc)
            else:
                waiter.set_result(None)

    def _written_for_reading(self) -> None:
        """TLS had to write before it could go on reading, and now can."""
        self._loop.remove_writer(self._descriptor)
        self._readable()

    def _unregister(self) -> None:
        if self._registered:
            self._registered = False
            self._loop.remove_reader(self._descriptor)

    # -- sending --

    def send(self, data: bytes | memoryview) -> memoryview | None:
        """Send what can be sent at once; returns the rest, for :meth:`send_rest`, or ``None``."""
        sock = self._socket
        if sock is None:
            raise errors.gone("the connection was closed")
        if self._forks != _forks:
            raise errors.gone("the connection is that of the process which was forked")
        try:
            sent = sock.send(data)
        except (*_LATER, ssl.SSLWantWriteError):
            sent = 0
        except OSError as exc:
            self.abort()
            raise errors.gone(exc) from exc
        return None if sent == len(data) else memoryview(data)[sent:]

    async def send_rest(self, data: memoryview | None) -> None:
        """Send the rest as the server takes it."""
        while data is not None:
            try:
                await asyncio.wait_for(self._writable(), self._write_timeout)
            except (asyncio.TimeoutError, OSError) as exc:
                self.abort()
                raise errors.gone(str(exc) or "timed out") from exc
            data = self.send(data)

    async def _writable(self) -> None:
        ready: asyncio.Future[None] = self._loop.create_future()

        def writable() -> None:
            if not ready.done():
                ready.set_result(None)

        self._loop.add_writer(self._descriptor, writable)
        try:
            await ready
        finally:
            if self._socket is not None:
                self._loop.remove_writer(self._descriptor)

    # -- closing --

    def abort(self) -> None:
        """Close the socket without a word.  Idempotent; from any thread, also without the loop."""
        if self._socket is None:
            return
        if self._forks != _forks:
            # The loop watches through a descriptor that it shares with the parent's, which must not
            # lose sight of its socket.
            self._socket.close()
            self._socket = None
            return
        if threading.get_ident() != self._thread and not self._loop.is_closed():
            # Garbage is collected on any thread; the loop is for its own only.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._close)
                return
        self._close()

    def _close(self, *_: Any) -> None:
        sock, self._socket = self._socket, None
        if sock is None:
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._unregister()
            self._loop.remove_writer(self._descriptor)
        sock.close()
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done() and not self._loop.is_closed():
            waiter.set_exception(errors.lost("the connection was closed"))
