"""Read a result stream in any shape.

A driver implements the shapes that it can; these functions make the others, each in one place.
Also here: :class:`RowsResult`, a result set made on the client's side.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from singlestoredb_hookspecs import ArrowBatches, Column, ResultStream, Shape

Row = tuple[Any, ...]


def read_rows(stream: Any, size: int | None) -> list[Row]:
    """Return the next rows of a stream as tuples."""
    native = stream.native
    if "rows" in native:
        return stream.read_rows(size)  # type: ignore[no-any-return] # the contract's type
    if "dicts" in native:
        return [tuple(row.values()) for row in stream.read_dicts(size)]
    from singlestoredb.columnar.read import to_rows

    return to_rows(stream.read_arrow(size))


def read_dicts(stream: Any, size: int | None) -> list[dict[str, Any]]:
    """Return the next rows of a stream as dicts by column name."""
    if "dicts" in stream.native:
        return stream.read_dicts(size)  # type: ignore[no-any-return] # the contract's type
    names = unique_names(stream.columns)
    return [dict(zip(names, row, strict=True)) for row in read_rows(stream, size)]


def read_arrow(stream: Any, size: int | None) -> ArrowBatches:
    """Return the next rows of a stream as Arrow batches."""
    if "arrow" in stream.native:
        return stream.read_arrow(size)  # type: ignore[no-any-return] # the contract's type
    from singlestoredb.columnar.build import from_rows

    return from_rows(stream.columns, read_rows(stream, size))


def unique_names(columns: Sequence[Column]) -> list[str]:
    """Return the keys of a row as a dict.

    A name that was there before becomes ``table.name``; should that be taken too, a number is
    added, so that no value is lost.
    """
    names: dict[str, None] = {}
    for column in columns:
        name = column.name
        if name in names:
            name = f"{column.table}.{name}" if column.table else name
        number = 2
        candidate = name
        while candidate in names:
            candidate = f"{name}_{number}"
            number += 1
        names[candidate] = None
    return list(names)


class RowsResult:
    """A result set of rows that are already there.

    For extensions that answer statements, and for what needs no server.
    """

    native: frozenset[Shape] = frozenset({"rows"})

    def __init__(
        self,
        columns: Iterable[Column] = (),
        rows: Sequence[Row] = (),
        *,
        rows_affected: int | None = None,
        last_insert_id: int = 0,
        warning_count: int = 0,
    ) -> None:
        self.columns = tuple(columns)
        self._rows = rows
        self._position = 0
        self.rows_affected = len(rows) if rows_affected is None else rows_affected
        self.last_insert_id = last_insert_id
        self.warning_count = warning_count

    def read_rows(self, size: int | None) -> list[Row]:
        """Return the next rows."""
        end = len(self._rows) if size is None else self._position + size
        rows = list(self._rows[self._position : end])
        self._position += len(rows)
        return rows

    def seek(self, row: int) -> None:
        """Make the next read start at ``row``."""
        self._position = row

    def next_result(self) -> ResultStream | None:
        """Return ``None``: there is only this one."""
        return None

    def close(self) -> None:
        """Forget the rows."""
        self._rows = ()


NO_RESULT = RowsResult()
"""What is left when the last result set has been dropped."""
