"""What the accelerator is told of a result's columns.

The accelerator takes values in the spelling that servers commonly send and hands every other one
to the decoder that :mod:`columns` chose, so that both paths give the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from singlestoredb.columnar.types import arrow_format, is_vector, vector_element
from singlestoredb.exceptions import DataError
from singlestoredb.reading import unique_names
from singlestoredb_hookspecs import Column

from .columns import BINARY, TEXT_OR_BYTES, Decoder, Decoders, explain

if TYPE_CHECKING:
    from .accelerator import Plan, Planning

_INTEGERS = frozenset({1, 2, 3, 8, 9, 13})
_FLOATS = frozenset({4, 5})
_DECIMALS = frozenset({0, 246})
_DATES = frozenset({10, 14})
_DATETIMES = frozenset({7, 12})
_TIME = 11
_NULL = 6
_BIT = 16
_SET = 248
_GEOMETRY = 255
_BSON = 1001


def make_plan(accel: Planning, columns: tuple[Column, ...], decoders: Decoders) -> Plan:
    """Return the plan for a result's columns."""
    described = []
    for_rows = decoders.for_rows(columns)
    for column, decoder in zip(columns, for_rows, strict=True):
        code = column.type_code
        element = vector_element(code) if is_vector(code) else ""
        wire = wire_form(accel, column, decoders)
        # What no format stands for has no decoder to Arrow.
        form = "" if wire is None else arrow_format(column)
        kind = row_kind(accel, column, decoder, decoders)
        described.append((column.name.replace("\0", ""), form, element, wire or 0, kind))
    return accel.Plan(
        tuple(described),
        tuple(unique_names(columns)),
        tuple(for_rows),
        _ArrowConverter(columns, decoders.for_arrow(columns)),
    )


def row_kind(accel: Planning, column: Column, decoder: Decoder, decoders: Decoders) -> int:
    """Return how the Python values of a column are made."""
    code = column.type_code
    kind = accel.ROW_DECODER
    if code in decoders.own:
        pass
    elif code in _INTEGERS:
        kind = accel.ROW_INT
    elif code in _FLOATS:
        kind = accel.ROW_FLOAT
    elif code in _DECIMALS:
        kind = accel.ROW_DECIMAL
    elif code in _DATES:
        kind = accel.ROW_DATE
    elif code in _DATETIMES:
        kind = accel.ROW_DATETIME
    elif code == _TIME:
        kind = accel.ROW_TIME
    elif code == _NULL:
        kind = accel.ROW_NONE
    elif code == _BIT or _is_bytes(column) or not decoders.use_unicode:
        kind = accel.ROW_BYTES if code in TEXT_OR_BYTES - {_GEOMETRY} else kind
    elif decoder is bytes.decode or (code in TEXT_OR_BYTES - {_GEOMETRY} and decoders.is_utf8):
        kind = accel.ROW_TEXT
    return kind


def wire_form(accel: Planning, column: Column, decoders: Decoders) -> int | None:
    """Return how a column's values arrive, or ``None`` when the accelerator cannot make Arrow of
    them."""
    code = column.type_code
    if code in decoders.own or code == _SET:
        return None
    if 2001 <= code <= 2007:
        return accel.AS_JSON
    form = arrow_format(column)
    if form not in ("u", "z") and not is_vector(code):
        return accel.AS_TEXT
    if code in (_BIT, _BSON) or _is_bytes(column):
        return None if form == "u" else accel.AS_BYTES
    return accel.AS_TEXT if decoders.is_utf8 and not is_vector(code) else None


def _is_bytes(column: Column) -> bool:
    """Whether a column that could be text is not."""
    code = column.type_code
    return column.charset == BINARY and (code in TEXT_OR_BYTES or code > 3000)


class _ArrowConverter:
    """Makes, of a value in an uncommon spelling, the bytes that stand for it in an Arrow column."""

    def __init__(self, columns: tuple[Column, ...], decoders: list[Decoder]) -> None:
        self._columns = columns
        self._decoders = decoders

    def __call__(self, index: int, data: bytes) -> bytes | None:
        from nanoarrow.c_array_stream import c_array_stream

        from singlestoredb.columnar.build import from_rows

        column = self._columns[index]
        try:
            value: Any = self._decoders[index](data)
        except (ValueError, ArithmeticError, DataError) as exc:
            raise explain(column, exc) from exc
        if value is None:
            return None
        (batch,) = c_array_stream(from_rows((column,), [(value,)]))
        view = batch.view().child(0)
        if is_vector(column.type_code):
            view = view.child(0)
        return bytes(view.buffer(view.n_buffers - 1))
