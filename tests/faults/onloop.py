"""The asynchronous side with the methods of the synchronous one, so that one script plays both.

The loop runs on a thread of its own all the while, as a program's would; what belongs to it is
called on it.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from typing import Any

import singlestoredb as s2
from singlestoredb.aio import AsyncConnection, AsyncConnectionPool, AsyncCursor
from singlestoredb.aio.pool import Lending

_FACED = (AsyncConnection, AsyncConnectionPool, AsyncCursor, Lending)


class Loop:
    """An event loop on a thread."""

    ConnectionPool = AsyncConnectionPool

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="loop")
        self._thread.start()

    def call(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        """Call on the loop, await what it returns if that can be, and return the outcome.

        Raises ``TimeoutError`` when that hangs.
        """
        args = tuple(arg._faced if isinstance(arg, Face) else arg for arg in args)

        async def called() -> Any:
            found = function(*args, **kwargs)
            if inspect.isawaitable(found) and not isinstance(found, _FACED):
                found = await found
            return found

        found = asyncio.run_coroutine_threadsafe(called(), self._loop).result(self._patience)
        return Face(self, found) if isinstance(found, _FACED) else found

    def connect(self, *args: Any, **kwargs: Any) -> Any:
        """Be ``singlestoredb.connect``."""
        return self.call(s2.aconnect, *args, **kwargs)

    def create_pool(self, *args: Any, **kwargs: Any) -> Any:
        """Be ``singlestoredb.create_pool``."""
        pool = self.call(s2.create_async_pool, *args, **kwargs)
        pool.open()
        return pool

    def close(self, seconds: float) -> list[str]:
        """End the loop; returns what was still going on after so many seconds."""
        end = time.monotonic() + seconds
        while self._tasks() and time.monotonic() < end:
            time.sleep(0.02)
        left = [repr(task) for task in self._tasks()]
        self.call(self._loop.shutdown_default_executor)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        return left

    def _tasks(self) -> set[asyncio.Task[Any]]:
        async def others() -> set[asyncio.Task[Any]]:
            return asyncio.all_tasks() - {asyncio.current_task()}

        found: set[asyncio.Task[Any]] = self.call(others)
        return found


class Face:
    """An asynchronous object; what its methods return is awaited."""

    def __init__(self, loop: Loop, faced: Any) -> None:
        self.__dict__.update(_loop=loop, _faced=faced)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._faced, name)
        if not inspect.ismethod(found):
            return found
        return lambda *args, **kwargs: self._loop.call(found, *args, **kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._faced, name, value)

    def __enter__(self) -> Any:
        return self._loop.call(self._faced.__aenter__)

    def __exit__(self, *exc_info: Any) -> Any:
        return self._loop.call(self._faced.__aexit__, *exc_info)
