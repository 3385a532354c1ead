"""Rows to Arrow batches: the one place where rows become columns.

Used for drivers that have rows only.  A batch is built column by column: each column's values
are gathered once and converted by one expression for the column's type, so the cost per value is
that of the conversion alone.
"""

from __future__ import annotations

import json
import struct
from array import array
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from itertools import accumulate
from typing import Any

from singlestoredb.exceptions import DataError
from singlestoredb_hookspecs import Column

from .types import arrow_format, is_vector, result_schema, vector_element

BATCH_ROWS = 65_536
"""Most rows in a batch: large enough that its fixed cost vanishes, small enough to stay in cache
and, for text of up to 32 KiB a row, below the 2 GiB that 32-bit offsets can address."""

_MAX_OFFSET = 2**31 - 1
_EPOCH = datetime(1970, 1, 1)
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_MICROSECOND = timedelta(microseconds=1)
_EXACT = Context(prec=80)

Row = tuple[Any, ...]


class RecordBatches:
    """Arrow record batches of one result.

    Any consumer of the Arrow PyCapsule interface takes it: ``pyarrow.table(x)``,
    ``polars.DataFrame(x)``, ``duckdb.from_arrow(x)``.  The buffers are immutable and shared; it
    may be consumed more than once.
    """

    def __init__(self, schema: Any, batches: Sequence[Any], num_rows: int) -> None:
        self._schema = schema
        self._batches = list(batches)
        self.num_rows = num_rows

    def __arrow_c_schema__(self) -> object:
        capsule: object = self._schema.__arrow_c_schema__()
        return capsule

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        from nanoarrow.c_array_stream import CArrayStream

        stream = CArrayStream.from_c_arrays(self._batches, self._schema)
        capsule: object = stream.__arrow_c_stream__(requested_schema)
        return capsule

    def __repr__(self) -> str:
        return f"<RecordBatches: {self.num_rows} rows in {len(self._batches)} batches>"


def from_rows(columns: tuple[Column, ...], rows: Sequence[Row]) -> RecordBatches:
    """Build Arrow batches from rows.

    ``rows`` are tuples of Python values as drivers decode them, one value per column.  Raises
    ``DataError`` for a value that its column's type cannot hold, naming column and value.
    """
    schema = result_schema(columns)
    fields = list(schema.children)
    batches = [
        batch
        for start in range(0, len(rows), BATCH_ROWS)
        for batch in _batches(columns, schema, fields, rows[start : start + BATCH_ROWS])
    ]
    return RecordBatches(schema, batches, len(rows))


def _batches(
    columns: tuple[Column, ...], schema: Any, fields: list[Any], rows: Sequence[Row]
) -> Iterator[Any]:
    from nanoarrow.c_array import c_array_from_buffers

    try:
        children = [
            _column(column, field, values)
            for column, field, values in zip(columns, fields, zip(*rows, strict=True), strict=True)
        ]
    except _OffsetOverflow:
        if len(rows) == 1:
            raise DataError(None, "a value of 2 GiB or more does not fit an Arrow column") from None
        middle = len(rows) // 2
        yield from _batches(columns, schema, fields, rows[:middle])
        yield from _batches(columns, schema, fields, rows[middle:])
        return
    yield c_array_from_buffers(schema, len(rows), [None], null_count=0, children=children)


class _OffsetOverflow(Exception):
    """A batch's text is too long for 32-bit offsets."""


def _column(column: Column, field: Any, values: Row) -> Any:
    """Build one column of a batch."""
    from nanoarrow.c_array import c_array_from_buffers

    form = arrow_format(column)
    nulls = values.count(None)
    validity = _bitmap(values) if nulls else None
    children = []
    try:
        if form == "n":
            buffers: list[Any] = []
            nulls = len(values)
        elif form == "u":
            buffers = [validity, *_variable([v if v is None else _text(v) for v in values])]
        elif form == "z":
            buffers = [validity, *_variable([v if v is None else _bytes(v) for v in values])]
        elif is_vector(column.type_code):
            dimension, element = int(form[3:]), vector_element(column.type_code)
            data = _elements(values, dimension, element)
            children = [
                c_array_from_buffers(
                    field.child(0), len(values) * dimension, [None, data], null_count=0
                )
            ]
            buffers = [validity]
        else:
            buffers = [validity, _fixed(form, values, bool(nulls))]
    except _OffsetOverflow:
        raise
    except (TypeError, ValueError, ArithmeticError, struct.error, AttributeError) as exc:
        raise _misfit(column, values, exc) from exc
    return c_array_from_buffers(field, len(values), buffers, null_count=nulls, children=children)


def _bitmap(values: Row) -> bytes:
    """Return the validity bitmap, least significant bit first."""
    # int() reads a power-of-two base in linear time, so this is one pass in C.
    bits = "".join(["0" if v is None else "1" for v in values])[::-1]
    return int(bits, 2).to_bytes((len(values) + 7) // 8, "little")


def _variable(pieces: list[bytes | None]) -> tuple[array[int], bytes]:
    offsets = list(accumulate((len(p) if p is not None else 0 for p in pieces), initial=0))
    if offsets[-1] > _MAX_OFFSET:
        raise _OffsetOverflow
    return array("i", offsets), b"".join([p for p in pieces if p is not None])


def _text(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode().encode()  # raises for what is not UTF-8
    if isinstance(value, (set, frozenset)):
        return ",".join(sorted(value)).encode()
    if isinstance(value, (dict, list, int, float, bool)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return str(value).encode()


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict):
        import bson

        encoded: bytes = bson.encode(value)
        return encoded
    return bytes(value)


def _fixed(form: str, values: Row, has_nulls: bool) -> Any:
    """Return the data buffer of a column of fixed width."""
    if form.startswith("d:"):
        return _decimals(form, values)
    code, convert = _FIXED[form]
    if convert is None:
        if has_nulls:
            return array(code, [0 if v is None else v for v in values])
        return array(code, values)
    return array(code, [0 if v is None else convert(v) for v in values])


def _days(value: date) -> int:
    return value.toordinal() - _EPOCH_ORDINAL


def _microseconds(value: datetime) -> int:
    if value.tzinfo is not None:
        # The column has no time zone; an aware value would be taken for another moment.
        raise ValueError("a time zone has no place in a DATETIME column")
    return (value - _EPOCH) // _MICROSECOND


def _duration(value: timedelta) -> int:
    return value // _MICROSECOND


_FIXED: dict[str, tuple[str, Callable[[Any], Any] | None]] = {
    "c": ("b", None),
    "C": ("B", None),
    "s": ("h", None),
    "S": ("H", None),
    "i": ("i", None),
    "I": ("I", None),
    "l": ("q", None),
    "L": ("Q", None),
    "f": ("f", None),
    "g": ("d", None),
    "tdD": ("i", _days),
    "tsu:": ("q", _microseconds),
    "tDu": ("q", _duration),
}


def _decimals(form: str, values: Row) -> bytes:
    precision, scale, *wide = (int(part) for part in form[2:].split(","))
    width = 32 if wide else 16
    limit = 10**precision

    def scaled(value: Any) -> bytes:
        number = value if isinstance(value, Decimal) else Decimal(str(value))
        exact = number.scaleb(scale, _EXACT)
        unscaled = int(exact)
        if unscaled != exact or abs(unscaled) >= limit:
            raise ValueError(f"it does not fit DECIMAL({precision},{scale})")
        return unscaled.to_bytes(width, "little", signed=True)

    zero = bytes(width)
    return b"".join([zero if v is None else scaled(v) for v in values])


_PACKED = {"f": "f", "g": "d", "c": "b", "s": "h", "i": "i", "l": "q", "e": "e"}


def _elements(values: Row, dimension: int, element: str) -> bytes:
    pack = struct.Struct(f"<{dimension}{_PACKED[element]}")
    empty = bytes(pack.size)

    def packed(value: Any) -> bytes:
        if isinstance(value, (bytes, bytearray, memoryview)):
            data = bytes(value)
            if len(data) != pack.size:
                raise ValueError(f"it has {len(data)} bytes, the column's vectors {pack.size}")
            return data
        return pack.pack(*value)

    return b"".join([empty if v is None else packed(v) for v in values])


def _misfit(column: Column, values: Row, exc: Exception) -> DataError:
    """Find the value that a conversion stumbled over."""
    form = arrow_format(column)
    for value in values:
        if value is None:
            continue
        try:
            if form == "u":
                _text(value)
            elif form == "z":
                _bytes(value)
            elif is_vector(column.type_code):
                _elements((value,), int(form[3:]), vector_element(column.type_code))
            else:
                _fixed(form, (value,), False)
        except Exception as again:
            shown = repr(value)
            shown = shown if len(shown) <= 60 else shown[:57] + "..."
            hint = None
            if form in ("tdD", "tsu:", "tDu") and isinstance(value, str):
                hint = "set invalid_values for its type, or select it CAST to CHAR"
            return DataError(
                None,
                f"column {column.name!r}: {shown} cannot become Arrow type {form!r}: {again}",
                hint=hint,
            )
    return DataError(None, f"column {column.name!r} cannot become Arrow type {form!r}: {exc}")
