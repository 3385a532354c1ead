"""Record stores: what every database of the built-in servers offers, and the one in a dict.

A store is not thread-safe; a server calls it under its own lock.
"""

from __future__ import annotations

import heapq
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple


class Item(NamedTuple):
    """A stored value and its expiry."""

    value: bytes
    expiry: int | None
    """Last second (Unix time) in which the record can be read; ``None`` for ever."""


class Store(ABC):
    """Keys and values with an optional expiry; expired records are never seen."""

    ordered = False
    """Whether keys are in byte order, so that ranges and backward steps make sense."""
    persistent = False
    """Whether the records are in a file."""
    kind = ""
    """Name of the kind of database, as in the servers' reports."""

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def get(self, key: bytes) -> Item | None:
        """Return the record of a key."""

    @abstractmethod
    def put(self, key: bytes, value: bytes, expiry: int | None = None) -> None:
        """Store a record in place of any other."""

    @abstractmethod
    def delete(self, key: bytes) -> bool:
        """Remove a record; return whether there was one."""

    @abstractmethod
    def clear(self) -> None:
        """Remove all records."""

    @abstractmethod
    def count(self) -> int:
        """Return the number of records."""

    @abstractmethod
    def size(self) -> int:
        """Return the bytes that the records occupy."""

    @abstractmethod
    def keys(self, prefix: bytes = b"") -> Iterator[bytes]:
        """Iterate over the keys with a prefix, in the store's order."""

    @abstractmethod
    def position(self, key: bytes | None = None, back: bool = False) -> Position | None:
        """Return a position at ``key``, or at the first (``back``: last) record.

        Ordered stores take the next key after (before) a missing one; others give ``None``, as all
        do when there is nothing to point at.
        """

    def __iter__(self) -> Iterator[bytes]:
        return self.keys()

    def transaction(self) -> AbstractContextManager[object]:
        """Return a context in which many changes are cheaper together."""
        return nullcontext()

    def sync(self) -> None:
        """Write everything to the device."""
        return

    def close(self) -> None:
        """Write everything and let go of the file."""
        return


class Position(ABC):
    """A place in a store, for cursors and iterators; it survives changes to the store."""

    @abstractmethod
    def key(self) -> bytes | None:
        """Return the key it is at (the next one if that was removed), ``None`` at the end."""

    @abstractmethod
    def step(self) -> bool:
        """Go to the next record; return whether there is one."""

    @abstractmethod
    def step_back(self) -> bool:
        """Go to the previous record; return whether there is one.  For ordered stores."""


class MemoryHash(Store):
    """Records in a dict, in insertion order; can be limited like a cache.

    With a limit, the records that were used least recently are dropped.
    """

    kind = "cache hash database"

    def __init__(
        self, name: str, max_count: int | None = None, max_size: int | None = None
    ) -> None:
        super().__init__(name)
        self._items: dict[bytes, Item] = {}
        self._expiries: list[tuple[int, bytes]] = []
        self._size = 0
        self._max_count = max_count
        self._max_size = max_size
        self._limited = max_count is not None or max_size is not None

    def _purge(self) -> None:
        # An entry of the heap may be out of date; the record's own expiry decides.
        now = int(time.time())
        heap = self._expiries
        while heap and heap[0][0] < now:
            expiry, key = heapq.heappop(heap)
            item = self._items.get(key)
            if item is not None and item.expiry == expiry:
                self._drop(key)

    def _drop(self, key: bytes) -> bool:
        item = self._items.pop(key, None)
        if item is None:
            return False
        self._size -= len(key) + len(item.value)
        return True

    def get(self, key: bytes) -> Item | None:
        if self._expiries:
            self._purge()
        item = self._items.get(key)
        if item is not None and self._limited:
            self._items[key] = self._items.pop(key)
        return item

    def put(self, key: bytes, value: bytes, expiry: int | None = None) -> None:
        if self._expiries:
            self._purge()
        old = self._items.get(key)
        if old is not None:
            self._size -= len(key) + len(old.value)
            if self._limited:
                del self._items[key]
        self._items[key] = Item(value, expiry)
        self._size += len(key) + len(value)
        if expiry is not None:
            if len(self._expiries) > 2 * len(self._items) + 64:
                # Mostly out of date: keys that were stored again and again.
                self._expiries = [
                    (item.expiry, other)
                    for other, item in self._items.items()
                    if item.expiry is not None
                ]
                heapq.heapify(self._expiries)
            else:
                heapq.heappush(self._expiries, (expiry, key))
        if self._limited:
            self._evict()

    def _evict(self) -> None:
        while self._items and (
            (self._max_count is not None and len(self._items) > self._max_count)
            or (self._max_size is not None and self._size > self._max_size)
        ):
            self._drop(next(iter(self._items)))

    def delete(self, key: bytes) -> bool:
        if self._expiries:
            self._purge()
        return self._drop(key)

    def clear(self) -> None:
        self._items.clear()
        self._expiries.clear()
        self._size = 0

    def count(self) -> int:
        self._purge()
        return len(self._items)

    def size(self) -> int:
        self._purge()
        return self._size

    def keys(self, prefix: bytes = b"") -> Iterator[bytes]:
        self._purge()
        if not prefix:
            return iter(list(self._items))
        return iter([key for key in self._items if key.startswith(prefix)])

    def position(self, key: bytes | None = None, back: bool = False) -> Position | None:
        keys = list(self.keys())
        if back:
            raise NotImplementedError
        if key is None:
            return _SnapshotPosition(self, keys, 0) if keys else None
        if key not in self._items:
            return None
        return _SnapshotPosition(self, keys, keys.index(key))


class _SnapshotPosition(Position):
    """A place among the keys that existed when it was made; removed ones are skipped."""

    def __init__(self, store: MemoryHash, keys: list[bytes], index: int) -> None:
        self._store = store
        self._keys = keys
        self._index = index

    def key(self) -> bytes | None:
        while self._index < len(self._keys):
            key = self._keys[self._index]
            if self._store.get(key) is not None:
                return key
            self._index += 1
        return None

    def step(self) -> bool:
        if self.key() is not None:
            self._index += 1
        return self.key() is not None

    def step_back(self) -> bool:
        raise NotImplementedError
