"""Cursors of Kyoto Tycoon."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ._tycoon_http import field
from .exceptions import ProtocolError, ServerConnectionError
from .serializers import encode_text

if TYPE_CHECKING:
    from .tycoon import KyotoTycoon

_ID = (b"CUR", b"1")


class Cursor:
    """A position in a database.

    A cursor lives on the server, bound to the connection that made it, hence it holds a connection
    of its own until `close` or the end of a ``with`` block.  Not to be shared between threads.
    Iterating yields ``(key, value)`` pairs from the current position (the first record if there is
    none yet) to the end.  Stepping backwards needs a tree database.
    """

    def __init__(self, client: KyotoTycoon, db: int) -> None:
        self._client = client
        self._db = db
        self._pool = client._pool
        self._connection = self._pool.acquire()
        self._placed = False
        self._closed = False

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the cursor and return its connection to the pool; idempotent."""
        if self._closed:
            return
        try:
            if self._connection.is_open:
                self._rpc(b"cur_delete", may_fail=True)
        except ProtocolError:
            # Never placed: the server knows no such cursor.
            pass
        except ServerConnectionError:
            # The server is gone, and the cursor with it.
            self._connection.close()
        finally:
            self._closed = True
            self._pool.release(self._connection)

    def jump(self, key: Any = None) -> bool:
        """Go to a key or the first one after it (hash databases: exactly that key), or to the first
        record; return whether there is one."""
        return self._move(b"cur_jump", key)

    def jump_back(self, key: Any = None) -> bool:
        """Go to a key or the last one before it, or to the last record; return whether there is
        one.

        Raises:
            NotImplementedError: the database is not a tree.
        """
        return self._move(b"cur_jump_back", key)

    def step(self) -> bool:
        """Go to the next record; return whether there is one."""
        return self._rpc(b"cur_step", may_fail=True)[0] == 200

    def step_back(self) -> bool:
        """Go to the previous record; return whether there is one.

        Raises:
            NotImplementedError: the database is not a tree.
        """
        return self._rpc(b"cur_step_back", may_fail=True)[0] == 200

    def key(self, step: bool = False) -> Any:
        """Return the current key, ``None`` past the end; then move on if ``step``."""
        status, answer = self._rpc(b"cur_get_key", _step(step), may_fail=True)
        return self._client._decode_key(field(answer, b"key")) if status == 200 else None

    def value(self, step: bool = False) -> Any:
        """Return the current value, ``None`` past the end; then move on if ``step``."""
        status, answer = self._rpc(b"cur_get_value", _step(step), may_fail=True)
        return self._client._decode(field(answer, b"value")) if status == 200 else None

    def get(self, step: bool = False) -> tuple[Any, Any] | None:
        """Return the current key and value, ``None`` past the end; then move on if ``step``."""
        return self._pair(*self._rpc(b"cur_get", _step(step), may_fail=True))

    def set_value(self, value: Any, expire_time: int | None = None, step: bool = False) -> bool:
        """Replace the current value; return whether there was a current record."""
        fields = [(b"value", self._client._encode(value)), *_step(step)]
        if expire_time is not None:
            fields.append((b"xt", b"%d" % expire_time))
        return self._rpc(b"cur_set_value", fields, may_fail=True)[0] == 200

    def remove(self) -> bool:
        """Remove the current record and go to the next; return whether there was one."""
        return self._rpc(b"cur_remove", may_fail=True)[0] == 200

    def seize(self) -> tuple[Any, Any] | None:
        """Remove the current record, go to the next, and return what was removed."""
        return self._pair(*self._rpc(b"cur_seize", may_fail=True))

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        if not self._placed:
            self.jump()
        while (pair := self.get(step=True)) is not None:
            yield pair

    def _pair(self, status: int, answer: dict[bytes, bytes]) -> tuple[Any, Any] | None:
        if status != 200:
            return None
        key, value = field(answer, b"key"), field(answer, b"value")
        return self._client._decode_key(key), self._client._decode(value)

    def _move(self, procedure: bytes, key: Any) -> bool:
        fields = [(b"DB", b"%d" % self._db)]
        if key is not None:
            fields.append((b"key", encode_text(key)))
        self._placed = True
        return self._rpc(procedure, fields, may_fail=True)[0] == 200

    def _rpc(
        self,
        procedure: bytes,
        fields: list[tuple[bytes, bytes]] | None = None,
        may_fail: bool = False,
    ) -> tuple[int, dict[bytes, bytes]]:
        if self._closed:
            raise ValueError("the cursor is closed")
        return self._client._rpc_on(self._connection, procedure, [_ID, *(fields or ())], may_fail)


def _step(step: bool) -> list[tuple[bytes, bytes]]:
    # The parameter acts by being present.
    return [(b"step", b"")] if step else []
