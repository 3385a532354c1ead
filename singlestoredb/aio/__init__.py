"""asyncio: connections, cursors and pools with the names of the synchronous ones, awaited.

::

    async with s2.aconnect("singlestoredb://user:password@host/db") as conn:
        async with conn.cursor() as cursor:
            await cursor.execute("SELECT * FROM t WHERE id = %s", (1,))
            async for row in cursor:
                print(row)

* :mod:`connection` - :func:`aconnect` and :class:`AsyncConnection`
* :mod:`cursor` - :class:`AsyncCursor`
* :mod:`pool` - :class:`AsyncConnectionPool`
* :mod:`blocking` - a connection on the loop as a worker thread sees it
* :mod:`streams` - asynchronous result streams read in any shape

A connection belongs to the event loop that it was opened on and to one task at a time.  A task that
is cancelled amid a statement stops the statement on the server; the connection is cleaned behind
it, and is afterwards either in step or closed.
"""

from __future__ import annotations

from .connection import AsyncConnection, aconnect
from .cursor import AsyncCursor
from .pool import (
    AsyncConnectionPool,
    PoolClosed,
    PoolTimeout,
    TooManyRequests,
    create_async_pool,
)

connect = aconnect

__all__ = [
    "AsyncConnection",
    "AsyncConnectionPool",
    "AsyncCursor",
    "PoolClosed",
    "PoolTimeout",
    "TooManyRequests",
    "aconnect",
    "connect",
    "create_async_pool",
]
