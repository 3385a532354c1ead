"""Result sets of the MySQL protocol as streams."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from singlestoredb.exceptions import Error
from singlestoredb.warnings import callers_level
from singlestoredb_hookspecs import Column, ResultStream, Shape

from .columns import decode_rows

if TYPE_CHECKING:
    from singlestoredb.columnar.build import RecordBatches

    from .connection import MySQLConnection

MORE_RESULTS = 0x0008
"""Status flag: another result set follows."""

_DRAIN_ROWS = 10_000
"""Rows that are read and dropped before the query is rather cancelled on the server."""


class MySQLResult:
    """One result set, or the outcome of a statement without one.

    A buffered result keeps the rows as the packets they came in and decodes them once, in the
    shape that is asked for.  An unbuffered one reads packets as rows are asked for.
    """

    native: frozenset[Shape] = frozenset({"rows", "arrow"})

    def __init__(
        self,
        connection: MySQLConnection,
        columns: tuple[Column, ...] = (),
        *,
        buffered: bool = True,
        rows_affected: int = 0,
        last_insert_id: int = 0,
    ) -> None:
        self._connection = connection
        self._buffered = buffered
        self._packets: list[bytes] = []
        self._position = 0
        self._unread = False
        self._more = False
        self._decoders: dict[str, list[Any]] = {}
        self.columns = columns
        self.rows_affected = rows_affected
        self.last_insert_id = last_insert_id
        self.warning_count = 0

    # -- the connection's side --

    def started(self) -> None:
        """The column definitions are read and rows follow."""
        self._unread = True
        self.rows_affected = -1
        if self._buffered:
            self._packets = self._receive(None)
            self.rows_affected = len(self._packets)

    def ended(self, status: int, warning_count: int) -> None:
        """The last packet of this result set was read."""
        self._unread = False
        self._more = bool(status & MORE_RESULTS)
        self.warning_count = warning_count
        self._connection.settled(self, status)

    @property
    def is_settled(self) -> bool:
        """Whether the connection has nothing of this statement left to read."""
        return not (self._unread or self._more)

    def settle(self) -> None:
        """Read and drop what is left of the statement, because another one is to be sent."""
        if self._unread:
            warnings.warn(
                "Previous unbuffered result was left incomplete", stacklevel=callers_level()
            )
        self.close()

    # -- reading --

    def _receive(self, size: int | None) -> list[bytes]:
        try:
            packets, end = self._connection.wire.read_rows(size)
        except BaseException as exc:
            if not isinstance(exc, Error):  # Ctrl-C amid the rows: the others must never be read
                self._connection.wire.abort()
            self._unread = self._more = False
            self._connection.settled(self, None)
            raise
        if end is not None:
            # EOF packet: u8 0xFE, u16 warnings, u16 status.
            self.ended(int.from_bytes(end[3:5], "little"), int.from_bytes(end[1:3], "little"))
        return packets

    def _take(self, size: int | None) -> list[bytes]:
        if not self._buffered:
            return self._receive(size) if self._unread else []
        start = self._position
        packets = self._packets
        if start or (size is not None and size < len(packets)):
            packets = packets[start : None if size is None else start + size]
        self._position = start + len(packets)
        return packets

    def read_rows(self, size: int | None) -> list[tuple[Any, ...]]:
        """Return the next rows as tuples."""
        decoders = self._decoders.get("rows")
        if decoders is None:
            decoders = self._decoders["rows"] = self._connection.decoders.for_rows(self.columns)
        return decode_rows(self._take(size), self.columns, decoders)

    def read_arrow(self, size: int | None) -> RecordBatches:
        """Return the next rows as Arrow batches."""
        decoders = self._decoders.get("arrow")
        if decoders is None:
            decoders = self._decoders["arrow"] = self._connection.decoders.for_arrow(self.columns)
        from singlestoredb.columnar.build import from_rows

        rows = decode_rows(self._take(size), self.columns, decoders)
        return from_rows(self.columns, rows)

    def seek(self, row: int) -> None:
        """Make the next read of a buffered result start at ``row``."""
        self._position = row

    def next_result(self) -> ResultStream | None:
        """Return the statement's next result set."""
        self._drain()
        if not self._more:
            return None
        self._more = False
        return self._connection.read_result(self._buffered)

    def close(self) -> None:
        """Drop what is left of this and the following result sets."""
        self._packets = []
        if not (self._unread or self._more):
            return
        result: MySQLResult | None = self
        while result is not None:
            result._drain()
            more, result._more = result._more, False
            result = self._connection.read_result(buffered=False) if more else None
        self._connection.settled(self, None)

    def _drain(self) -> None:
        """Read to the end of this result set: a little of it, or what comes after cancelling."""
        if not self._unread:
            return
        try:
            self._receive(_DRAIN_ROWS)
            if self._unread:
                self._cancel()
            while self._unread:
                self._receive(_DRAIN_ROWS)
        except Error:
            # The cancelled query's error, or the connection's end: either way nothing is left.
            self._unread = self._more = False

    def _cancel(self) -> None:
        """Cancel the query; where that fails, close the socket: rows are left on it."""
        try:
            self._connection.cancel()
        except BaseException:
            self._connection.wire.abort()
            raise
