"""Answers of the Data API as result streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from singlestoredb.columnar.build import RecordBatches, from_rows
from singlestoredb_hookspecs import Column, ConnectionParams, ResultStream, Shape

from .columns import Decoder, Decoders, decode, parse_column
from .errors import from_body, malformed

_LARGEST = 2**64


class HTTPResult:
    """One result set, or the outcome of a statement without one.

    Rows stay as JSON gave them, and are decoded when and in the shape that they are asked for.
    """

    native: frozenset[Shape] = frozenset({"rows", "arrow"})

    def __init__(
        self,
        decoders: Decoders,
        columns: tuple[Column, ...] = (),
        rows: list[list[Any]] | None = None,
        *,
        rows_affected: int = 0,
        last_insert_id: int = 0,
    ) -> None:
        self.columns = columns
        self.rows_affected = rows_affected if rows is None else len(rows)
        self.last_insert_id = last_insert_id
        self.warning_count = 0
        self._decoders = decoders
        self._chosen: dict[str, list[Decoder | None]] = {}
        self._rows = rows or []
        self._position = 0
        self._following: Iterator[HTTPResult] | None = None
        """The result sets after this one."""

    def read_rows(self, size: int | None) -> list[tuple[Any, ...]]:
        """Return the next rows as tuples."""
        return self._read(size, "rows", self._decoders.for_rows)

    def read_arrow(self, size: int | None) -> RecordBatches:
        """Return the next rows as Arrow batches."""
        return from_rows(self.columns, self._read(size, "arrow", self._decoders.for_arrow))

    def _read(
        self, size: int | None, shape: str, choose: Callable[[Column], Decoder | None]
    ) -> list[tuple[Any, ...]]:
        decoders = self._chosen.get(shape)
        if decoders is None:
            decoders = self._chosen[shape] = [choose(column) for column in self.columns]
        start = self._position
        rows = self._rows[start : None if size is None else start + size]
        self._position = start + len(rows)
        if not rows:
            return []
        columns = [
            decode(values, column, decoder)
            for values, column, decoder in zip(
                zip(*rows, strict=True), self.columns, decoders, strict=True
            )
        ]
        return list(zip(*columns, strict=True))

    def seek(self, row: int) -> None:
        """Make the next read start at ``row``."""
        self._position = row

    def next_result(self) -> ResultStream | None:
        """Return the statement's next result set."""
        following, self._following = self._following, None
        return None if following is None else next(following, None)

    def close(self) -> None:
        """Forget the rows."""
        self._rows, self._following = [], None


def outcome(answer: Any, decoders: Decoders) -> HTTPResult:
    """Return what ``exec`` answered."""
    answer = _checked(answer)
    return HTTPResult(
        decoders,
        rows_affected=_count(answer, "rowsAffected"),
        last_insert_id=_count(answer, "lastInsertId"),
    )


def _count(answer: dict[str, Any], name: str) -> int:
    value = answer.get(name)
    if value is None:
        return 0
    if type(value) is not int or not 0 <= value < _LARGEST:
        raise malformed(f"{name} is not a count")
    return value


def result_sets(answer: Any, decoders: Decoders, params: ConnectionParams) -> HTTPResult:
    """Return the first of the result sets that ``query/tuples`` answered."""
    sets = _checked(answer).get("results")
    if not isinstance(sets, list):
        raise malformed("it has no list of results")
    # All are looked at before the first is given out: an error belongs to execute().
    found = [_result_set(described, decoders, params) for described in sets]
    if not found:
        return HTTPResult(decoders)  # a procedure that returned nothing
    following = iter(found[1:])
    for result in found:
        result._following = following
    return found[0]


def _result_set(described: Any, decoders: Decoders, params: ConnectionParams) -> HTTPResult:
    if not isinstance(described, dict):
        raise malformed("a result is not an object")
    columns, rows = described.get("columns") or [], described.get("rows") or []
    if not isinstance(columns, list) or not isinstance(rows, list):
        raise malformed("columns and rows of a result must be lists")
    parsed = [parse_column(column, params) for column in columns]
    width = len(parsed)
    for row in rows:
        if type(row) is not list or len(row) != width:
            raise malformed("a row does not have the announced columns")
    for i, column in enumerate(parsed):
        if column.length is None and 2001 <= column.type_code <= 3007:
            parsed[i] = _measured(column, next((r[i] for r in rows if r[i] is not None), []))
    return HTTPResult(decoders, tuple(parsed), rows if columns else None)


def _measured(column: Column, first: Any) -> Column:
    """Give a vector column whose type names no dimension that of its first value."""
    elements = first if isinstance(first, list) else str(first).split(",")
    return replace(column, length=len(elements), precision=len(elements))


def _checked(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise malformed("it is not a JSON object")
    if answer.get("error"):
        raise from_body(answer["error"])
    return answer
