"""Result streams over psycopg2: received whole, or fetched from a server-side cursor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bitdotio.sdk.columns import Row, describe, json_reader
from singlestoredb.exceptions import ProgrammingError
from singlestoredb_hookspecs import ArrowBatches, Column, Shape

if TYPE_CHECKING:
    from bitdotio.sdk.driver import PostgresConnection

FETCH_ROWS = 2_000
"""Least rows fetched at a time from a server-side cursor: a round trip for each of fewer rows
would cost more than the rows."""


class _Result:
    """What both kinds share: rows as received, and how they are read."""

    native: frozenset[Shape] = frozenset({"rows", "arrow"})
    last_insert_id = 0
    warning_count = 0

    def __init__(self, columns: tuple[Column, ...], rows_affected: int, parse_json: bool) -> None:
        self.columns = columns
        self.rows_affected = rows_affected
        self._read_json = json_reader(columns, parse_json)

    def _take(self, size: int | None) -> list[Row]:
        raise NotImplementedError

    def read_rows(self, size: int | None) -> list[Row]:
        """Return the next rows as tuples."""
        return self._read_json(self._take(size))

    def read_arrow(self, size: int | None) -> ArrowBatches:
        """Return the next rows as Arrow batches; JSON keeps the server's text."""
        from singlestoredb.columnar.build import from_rows

        return from_rows(self.columns, self._take(size))

    def next_result(self) -> None:
        """Drop what is left and return ``None``: PostgreSQL answers one result."""
        self.close()

    def close(self) -> None:
        """Abandon what is left."""


class BufferedResult(_Result):
    """A result that was received whole, or the outcome of a statement without one."""

    def __init__(self, cursor: Any, parse_json: bool) -> None:
        self._rows: Sequence[Row] = ()
        columns: tuple[Column, ...] = ()
        if cursor.description is not None:
            self._rows = cursor.fetchall()
            columns = describe(cursor.description, self._rows)
        self._position = 0
        # -1 is psycopg2's count for what changes no rows, such as CREATE TABLE.
        super().__init__(columns, max(cursor.rowcount, 0), parse_json)

    def _take(self, size: int | None) -> list[Row]:
        end = len(self._rows) if size is None else self._position + size
        rows = list(self._rows[self._position : end])
        self._position += len(rows)
        return rows

    def seek(self, row: int) -> None:
        """Make the next read start at ``row``, counted from 0."""
        self._position = row

    def close(self) -> None:
        """Forget the rows."""
        self._rows = ()


class StreamedResult(_Result):
    """Rows fetched from a cursor in the server, at most a batch of them in memory."""

    def __init__(
        self,
        connection: PostgresConnection,
        name: str,
        guarded: bool,
        on_close: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._name = name
        self._guarded = guarded
        self._on_close = on_close
        self._open = True
        self._exhausted = False
        self._kept: list[Row]
        # PostgreSQL describes the columns with the first rows, not when the cursor is declared.
        description, self._kept = self._fetch(FETCH_ROWS)
        columns = describe(description, None)
        self._exhausted = len(self._kept) < FETCH_ROWS
        super().__init__(columns, -1, connection.parse_json)

    def _fetch(self, size: int | None) -> tuple[Any, list[Row]]:
        count = "ALL" if size is None else size
        return self._connection.fetch(
            f"FETCH FORWARD {count} FROM {self._name}", guarded=self._guarded
        )

    def _take(self, size: int | None) -> list[Row]:
        if not self._open and not self._exhausted:
            raise ProgrammingError(
                None, "the rest of this unbuffered result was dropped by a later statement"
            )
        if not self._exhausted and (size is None or len(self._kept) < size):
            wanted = None if size is None else max(size - len(self._kept), FETCH_ROWS)
            _, rows = self._fetch(wanted)
            self._exhausted = wanted is None or len(rows) < wanted
            self._kept = self._kept + rows if self._kept else rows
        if size is None or size >= len(self._kept):
            taken, self._kept = self._kept, []
        else:
            taken, self._kept = self._kept[:size], self._kept[size:]
        return taken

    def close(self) -> None:
        """Close the server's cursor, and the transaction if it was made for it.  Idempotent."""
        if self._open:
            self._open = False
            self._kept = []
            self._on_close()
