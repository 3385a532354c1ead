"""Write locks on tables, held to the end of the transaction.

DuckDB fails a transaction that writes what another one has written meanwhile.  A server waits
instead, so writers queue here first.  A wait that closes a circle is a deadlock (1213); one that
takes too long is given up (1205).
"""

from __future__ import annotations

import threading
import time
from typing import Any

from .errors import error


class LockManager:
    """Exclusive locks by name, each held by one owner."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._holders: dict[Any, object] = {}
        self._waits: dict[object, Any] = {}
        self._cancelled: set[object] = set()

    def acquire(self, owner: object, names: list[Any], timeout: float) -> None:
        """Lock every name for ``owner``; those it holds already are free.

        Raises 1213 when waiting would never end and 1205 after ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        with self._condition:
            for name in sorted(names):
                while self._holders.get(name, owner) is not owner:
                    if self._would_deadlock(owner, name):
                        raise error(
                            1213,
                            "Deadlock found when trying to get lock; try restarting transaction",
                        )
                    self._waits[owner] = name
                    try:
                        left = deadline - time.monotonic()
                        if left <= 0 or not self._condition.wait(left):
                            raise error(
                                1205, "Lock wait timeout exceeded; try restarting transaction"
                            )
                    finally:
                        del self._waits[owner]
                    if owner in self._cancelled:
                        self._cancelled.remove(owner)
                        raise error(1317, "Query execution was interrupted")
                self._holders[name] = owner

    def cancel(self, owner: object) -> None:
        """End the wait of ``owner``, if it waits, with error 1317.  From any thread."""
        with self._condition:
            if owner in self._waits:
                self._cancelled.add(owner)
                self._condition.notify_all()

    def _would_deadlock(self, owner: object, name: Any) -> bool:
        holder = self._holders.get(name)
        seen: list[object] = []
        while holder is not None and all(holder is not s for s in seen):
            if holder is owner:
                return True
            seen.append(holder)
            awaited = self._waits.get(holder)
            holder = None if awaited is None else self._holders.get(awaited)
        return False

    def release(self, owner: object) -> None:
        """Unlock everything that ``owner`` holds."""
        with self._condition:
            for name in [n for n, holder in self._holders.items() if holder is owner]:
                del self._holders[name]
            self._condition.notify_all()
