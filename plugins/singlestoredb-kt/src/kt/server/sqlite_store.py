"""Record stores in SQLite: ordered ones in memory, and all that live in a file."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kt.exceptions import ImproperlyConfigured

from .store import Item, Position, Store

APPLICATION_ID = 0x6B740001
"""Marks a file as ours (SQLite's ``application_id``): "kt", layout 1."""

# ``n`` tells duplicates of a key apart (only Tokyo Tyrant's putdup makes any); the least is first.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS r (
    k BLOB NOT NULL, n INTEGER NOT NULL, v BLOB NOT NULL, x INTEGER, PRIMARY KEY (k, n)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS r_x ON r (x) WHERE x IS NOT NULL;
"""


class SqliteStore(Store):
    """Records in an SQLite table.

    Every change is committed before the reply, so that it survives the death of the process (not
    necessarily that of the machine, unless `sync` was called).  The file is locked while open.
    """

    def __init__(self, name: str, path: str | None, ordered: bool, kind: str) -> None:
        """Open or create the file ``path``; ``None`` keeps the records in memory."""
        super().__init__(name)
        self.ordered = ordered
        self.persistent = path is not None
        self.kind = kind
        try:
            self._sql = sqlite3.connect(
                path or ":memory:", timeout=1.0, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as exc:
            raise ImproperlyConfigured(f"cannot open the database {name!r}: {exc}") from exc
        try:
            self._prepare()
        except sqlite3.Error as exc:
            self._sql.close()
            raise ImproperlyConfigured(
                f"cannot open the database {name!r}: {exc} (the built-in server reads only files "
                "of its own, and one process at a time may open a file)"
            ) from exc
        self._next_expiry: int | None = self._one("SELECT min(x) FROM r WHERE x IS NOT NULL")
        self._count: int = self._one("SELECT count(*) FROM r")
        self._nested = False

    def _prepare(self) -> None:
        if self.persistent:
            self._sql.execute("PRAGMA locking_mode = EXCLUSIVE")
            found = self._one("PRAGMA application_id")
            if found != APPLICATION_ID and self._one("SELECT count(*) FROM sqlite_master"):
                raise sqlite3.DatabaseError("the file is an SQLite database of something else")
            self._sql.execute("PRAGMA journal_mode = WAL")
            self._sql.execute("PRAGMA synchronous = NORMAL")
            self._sql.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self._sql.executescript(_SCHEMA)

    def _one(self, query: str, *values: Any) -> Any:
        row = self._sql.execute(query, values).fetchone()
        return None if row is None else row[0]

    def _purge(self) -> None:
        now = int(time.time())
        if self._next_expiry is None or self._next_expiry >= now:
            return
        self._count -= self._sql.execute("DELETE FROM r WHERE x < ?", (now,)).rowcount
        self._next_expiry = self._one("SELECT min(x) FROM r WHERE x IS NOT NULL")

    def get(self, key: bytes) -> Item | None:
        self._purge()
        row = self._sql.execute("SELECT v, x FROM r WHERE k = ? ORDER BY n LIMIT 1", (key,))
        found = row.fetchone()
        return None if found is None else Item(*found)

    def put(self, key: bytes, value: bytes, expiry: int | None = None) -> None:
        self._purge()
        if expiry is not None and (self._next_expiry is None or expiry < self._next_expiry):
            self._next_expiry = expiry
        changed = self._sql.execute(
            "UPDATE r SET v = ?, x = ? WHERE k = ? AND n = (SELECT min(n) FROM r WHERE k = ?)",
            (value, expiry, key, key),
        )
        if not changed.rowcount:
            self._sql.execute("INSERT INTO r VALUES (?, 0, ?, ?)", (key, value, expiry))
            self._count += 1

    def put_duplicate(self, key: bytes, value: bytes, back: bool) -> None:
        """Store one more record of a key, after its others (``back``: before them)."""
        edge = "min(n) - 1" if back else "max(n) + 1"
        self._sql.execute(
            f"INSERT INTO r SELECT ?, coalesce({edge}, 0), ?, NULL FROM r WHERE k = ?",
            (key, value, key),
        )
        self._count += 1

    def delete(self, key: bytes) -> bool:
        self._purge()
        removed = self._sql.execute("DELETE FROM r WHERE k = ?", (key,)).rowcount
        self._count -= removed
        return removed > 0

    def clear(self) -> None:
        self._sql.execute("DELETE FROM r")
        self._count = 0
        self._next_expiry = None

    def count(self) -> int:
        self._purge()
        return self._count

    def size(self) -> int:
        pages: int = self._one("PRAGMA page_count") * self._one("PRAGMA page_size")
        return pages

    def keys(self, prefix: bytes = b"") -> Iterator[bytes]:
        self._purge()
        stop = _after_prefix(prefix)
        bound = "" if stop is None else " AND k < ?"
        rows = self._sql.execute(
            f"SELECT k FROM r WHERE k >= ?{bound} ORDER BY k, n",
            (prefix,) if stop is None else (prefix, stop),
        )
        return (key for (key,) in rows.fetchall())

    def range(self, start: bytes, stop: bytes | None, limit: int) -> list[tuple[bytes, bytes]]:
        """Return the records with ``start`` ≤ key < ``stop``, at most ``limit`` (negative: all)."""
        self._purge()
        bound = "" if stop is None else " AND k < ?"
        rows = self._sql.execute(
            f"SELECT k, v FROM r WHERE k >= ?{bound} ORDER BY k, n LIMIT ?",
            (start, limit) if stop is None else (start, stop, limit),
        )
        return rows.fetchall()

    def neighbour(self, key: bytes, comparison: str) -> bytes | None:
        """Return the nearest key that is ``>``, ``>=``, ``<`` or ``<=`` than ``key``."""
        self._purge()
        order = "DESC" if comparison.startswith("<") else "ASC"
        found: bytes | None = self._one(
            f"SELECT k FROM r WHERE k {comparison} ? ORDER BY k {order} LIMIT 1", key
        )
        return found

    def position(self, key: bytes | None = None, back: bool = False) -> Position | None:
        self._purge()
        found: bytes | None
        if key is None:
            found = self._one(f"SELECT k FROM r ORDER BY k {'DESC' if back else 'ASC'} LIMIT 1")
        elif self.ordered:
            found = self.neighbour(key, "<=" if back else ">=")
        else:
            found = key if self.get(key) is not None else None
        return None if found is None else _KeyPosition(self, found)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self._nested:
            yield
            return
        self._nested = True
        self._sql.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._sql.execute("ROLLBACK")
            self._count = self._one("SELECT count(*) FROM r")
            raise
        else:
            self._sql.execute("COMMIT")
        finally:
            self._nested = False

    def sync(self) -> None:
        if self.persistent:
            self._sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def compact(self) -> None:
        """Give unused space back."""
        self._sql.execute("VACUUM")

    def close(self) -> None:
        self._sql.close()


class _KeyPosition(Position):
    """A place between keys of an SQLite store, which keeps even hashes in key order."""

    def __init__(self, store: SqliteStore, key: bytes) -> None:
        self._store = store
        self._key: bytes | None = key

    def key(self) -> bytes | None:
        if self._key is not None:
            self._key = self._store.neighbour(self._key, ">=")
        return self._key

    def step(self) -> bool:
        key = self.key()
        if key is not None:
            self._key = self._store.neighbour(key, ">")
        return self._key is not None

    def step_back(self) -> bool:
        key = self.key()
        if key is not None:
            self._key = self._store.neighbour(key, "<")
        return self._key is not None


def _after_prefix(prefix: bytes) -> bytes | None:
    """Return the least key greater than all with this prefix, ``None`` if there is none."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else None
