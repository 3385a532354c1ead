"""Result streams: what the driver gives to the kernel."""

from __future__ import annotations

import datetime
import decimal
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from singlestoredb_hookspecs import Column, ResultStream, Shape

from .arrow import Batches, BatchQueue
from .types import SqlType

if TYPE_CHECKING:
    from .translate.output import Selected

_EPOCH = datetime.datetime(1970, 1, 1)
_EPOCH_ORDINAL = 719163
"""Ordinal of 1970-01-01."""
_EXACT = decimal.Context(prec=80)

NextResult = Callable[[], "ResultStream | None"]
Converter = Callable[[list[Any]], list[Any]]


class Outcome:
    """The answer to a statement without a result set."""

    columns: tuple[Column, ...] = ()
    native: frozenset[Shape] = frozenset({"rows", "arrow"})

    def __init__(
        self, affected: int, last_insert_id: int, warnings: int, following: NextResult
    ) -> None:
        self.rows_affected = affected
        self.last_insert_id = last_insert_id
        self.warning_count = warnings
        self._following = following

    def read_rows(self, size: int | None) -> list[tuple[Any, ...]]:
        """There are none."""
        return []

    def read_arrow(self, size: int | None) -> Batches:
        """There are none: an empty stream without columns."""
        return Batches([], lambda: None, 0)

    def next_result(self) -> ResultStream | None:
        """Run the next statement of the text."""
        return self._following()

    def close(self) -> None:
        """Nothing to free."""


class Rows:
    """One result set, read as rows or as Arrow batches."""

    native: frozenset[Shape] = frozenset({"rows", "arrow"})
    last_insert_id = 0

    def __init__(
        self,
        selected: Selected,
        queue: BatchQueue,
        *,
        affected: int,
        warnings: int,
        converters: Sequence[Converter | None],
        following: NextResult,
        on_close: Callable[[], None],
        on_error: Callable[[BaseException], Exception],
    ) -> None:
        self.columns = selected.columns
        self.rows_affected = affected
        self.warning_count = warnings
        self._queue = queue
        self._converters = converters
        self._following = following
        self._on_close: Callable[[], None] | None = on_close
        self._on_error = on_error

    def read_rows(self, size: int | None) -> list[tuple[Any, ...]]:
        """Return the next rows, at most ``size``, as tuples of Python values."""
        rows: list[tuple[Any, ...]] = []
        try:
            for columns in self._queue.columns(size):
                converted = [
                    column if convert is None else convert(column)
                    for column, convert in zip(columns, self._converters, strict=True)
                ]
                rows += zip(*converted, strict=True)
        except RuntimeError as exc:
            raise self._on_error(exc) from exc
        return rows

    def read_arrow(self, size: int | None) -> Batches:
        """Return the next rows, at most ``size``, as Arrow batches: no Python value is made."""
        try:
            return self._queue.arrow(size)
        except RuntimeError as exc:
            raise self._on_error(exc) from exc

    def seek(self, row: int) -> None:
        """Make the next read start at row ``row`` of a buffered result, counted from 0."""
        self._queue.seek(row)

    def next_result(self) -> ResultStream | None:
        """Drop what is left and run the next statement of the text."""
        self.close()
        return self._following()

    def close(self) -> None:
        """Free what was not read."""
        self._queue.close()
        if self._on_close is not None:
            on_close, self._on_close = self._on_close, None
            on_close()


# -- Python values ---------------------------------------------------------------------------


def converters(
    types: Sequence[SqlType],
    columns: Sequence[Column],
    *,
    parse_json: bool,
    custom: Mapping[Any, Any],
) -> list[Converter | None]:
    """Return, per column, what turns its raw values (see :func:`.arrow.values`) into those of
    the SDK; ``custom`` has the connection's own decoders by type code."""
    result: list[Converter | None] = []
    for kind, column in zip(types, columns, strict=True):
        own = custom.get(column.type_code)
        standard = _converter(kind, column, parse_json)
        result.append(_custom(own, standard) if callable(own) else standard)
    return result


def _each(function: Callable[[Any], Any]) -> Converter:
    return lambda column: [None if v is None else function(v) for v in column]


def _custom(function: Callable[[Any], Any], standard: Converter | None) -> Converter:
    """A decoder of the user's gets the text that a server would have sent."""

    def convert(column: list[Any]) -> list[Any]:
        plain = column if standard is None else standard(column)
        return [
            None if v is None else function(v if isinstance(v, (str, bytes)) else str(v))
            for v in plain
        ]

    return convert


def _converter(kind: SqlType, column: Column, parse_json: bool) -> Converter | None:
    family = kind.family
    if kind.kind == "FLOAT":
        # The server prints 6 digits: 0.1 stored in 32 bits reads as 0.1.
        return _each(lambda v: float(f"{v:.6g}"))
    if family == "decimal":
        return _decimals(kind.scale)
    if family == "date":
        return _dates
    if family == "datetime":
        delta = datetime.timedelta
        return _each(lambda us: _EPOCH + delta(0, 0, us))
    if family == "time":
        delta = datetime.timedelta
        return _each(lambda us: delta(0, 0, us))
    if family == "json":
        return _each(json.loads) if parse_json else None
    if family == "vector":
        return _vectors(kind) if column.type_code > 2000 else None
    return None


def _dates(column: list[Any]) -> list[Any]:
    # Days repeat: one date object for each that occurs.
    from_ordinal = datetime.date.fromordinal
    made = {d: None if d is None else from_ordinal(d + _EPOCH_ORDINAL) for d in set(column)}
    return [made[d] for d in column]


def _decimals(scale: int) -> Converter:
    make = decimal.Decimal
    if scale == 0:
        return _each(make)
    shift, scaleb = -scale, _EXACT.scaleb
    return _each(lambda v: scaleb(make(v), shift))


_DTYPES = {"F32": "<f4", "F64": "<f8", "I8": "i1", "I16": "<i2", "I32": "<i4", "I64": "<i8"}


def _vectors(kind: SqlType) -> Converter | None:
    """numpy arrays where numpy is installed, tuples where it is not."""
    try:
        import numpy
    except ImportError:
        return None
    dtype = numpy.dtype(_DTYPES[kind.element])
    return _each(lambda items: numpy.array(items, dtype))
