"""A connection on the loop, as code on a worker thread sees it.

Fusion commands and extensions are synchronous and may run statements of their own on the
connection that they are called for.  On the loop they run on a thread, with a
:class:`~singlestoredb.connection.Connection` whose driver has the loop do the work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from singlestoredb.connection import Connection
from singlestoredb.kernel.threaded import in_thread
from singlestoredb_hookspecs import (
    AsyncDriverConnection,
    AsyncResultStream,
    StatementRequest,
)

from . import streams

if TYPE_CHECKING:
    from .connection import AsyncConnection

T = TypeVar("T")


async def with_connection(conn: AsyncConnection, function: Callable[[Connection], T]) -> T:
    """Call a function on a thread with a synchronous face of a connection, which ends with it."""
    face = Connection.__new__(Connection)
    # All that a session knows, shared with the connection on the loop; only the driver differs.
    face.__dict__.update(conn.__dict__)
    face._lock = Lock()
    face._stopped = False
    # What is lost is the loop's to open again.
    face._params = replace(conn._params, retry_reads=0)
    face._driver_connection = BlockingDriver(conn._opened(), asyncio.get_running_loop())
    try:
        return await in_thread(function, face)
    finally:
        conn._committable = face._committable
        face._driver_connection = None


class BlockingDriver:
    """See ``DriverConnection`` of the hook specs.  Never called on the loop's thread."""

    def __init__(self, driver: AsyncDriverConnection, loop: asyncio.AbstractEventLoop) -> None:
        self._driver = driver
        self._loop = loop
        self.capabilities = driver.capabilities
        self.info = driver.info

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Have the loop run a coroutine and wait for what comes of it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    @property
    def is_open(self) -> bool:
        """Whether statements can be sent."""
        return self._driver.is_open

    @property
    def autocommit(self) -> bool | None:
        """The server's autocommit state."""
        return self._driver.autocommit

    @property
    def in_transaction(self) -> bool | None:
        """Whether a transaction is open."""
        return self._driver.in_transaction

    @property
    def escapes_backslash(self) -> bool:
        """Whether a backslash escapes in string literals."""
        return self._driver.escapes_backslash

    def execute(self, request: StatementRequest) -> BlockingStream:
        """Run one statement."""
        return BlockingStream(self, self.wait(self._driver.execute(request)))

    def set_autocommit(self, enabled: bool) -> None:
        """Switch autocommit."""
        self.wait(self._driver.set_autocommit(enabled))

    def begin(self) -> None:
        """Start a transaction."""
        self.wait(self._driver.begin())

    def commit(self) -> None:
        """Commit the transaction."""
        self.wait(self._driver.commit())

    def rollback(self) -> None:
        """Roll the transaction back."""
        self.wait(self._driver.rollback())

    def ping(self) -> None:
        """Ask the server for a sign of life."""
        self.wait(self._driver.ping())

    def cancel(self) -> None:
        """Stop the statement that runs now."""
        self.wait(self._driver.cancel())

    def abort(self) -> None:
        """Break the connection."""
        self._loop.call_soon_threadsafe(self._driver.terminate)

    def reset(self) -> None:
        """Give the session the state it had after connecting."""
        self.wait(self._driver.reset())

    def close(self) -> None:
        """End the session."""
        self.wait(self._driver.close())


class BlockingStream:
    """An asynchronous result stream whose reads wait."""

    native = streams.ALL_SHAPES

    def __init__(self, driver: BlockingDriver, stream: AsyncResultStream) -> None:
        self._driver = driver
        self._stream = stream
        self.columns = stream.columns
        self.rows_affected = stream.rows_affected
        self.last_insert_id = stream.last_insert_id
        self.warning_count = stream.warning_count

    def read_rows(self, size: int | None) -> list[tuple[Any, ...]]:
        """Return the next rows as tuples."""
        return self._driver.wait(streams.read_rows(self._stream, size))

    def read_dicts(self, size: int | None) -> list[dict[str, Any]]:
        """Return the next rows as dicts."""
        return self._driver.wait(streams.read_dicts(self._stream, size))

    def read_arrow(self, size: int | None) -> Any:
        """Return the next rows as Arrow batches."""
        return self._driver.wait(streams.read_arrow(self._stream, size))

    def next_result(self) -> BlockingStream | None:
        """Return the statement's next result set."""
        following = self._driver.wait(self._stream.next_result())
        return None if following is None else BlockingStream(self._driver, following)

    def close(self) -> None:
        """Abandon what is left."""
        self._driver.wait(self._stream.close())
