"""The numpy dtype of each SQL column.

A column's dtype follows from its metadata alone, so that the same query gives the same dtypes
whatever its rows are.  numpy integers have no NULL: a column that may be NULL is of a float type
that holds its values (BIGINT loses precision beyond 2**53; polars and Arrow do not).

=======================  ==================  ==================
SQL                      NOT NULL            may be NULL
=======================  ==================  ==================
TINYINT, SMALLINT        int8, int16         float32
MEDIUMINT, INT           int32               float64
BIGINT                   int64               float64
the same UNSIGNED        uint8 … uint64      float32, float64
YEAR                     int16               float64
FLOAT, DOUBLE            float32, float64    the same, NaN
DATE                     datetime64[D]       the same, NaT
DATETIME, TIMESTAMP      datetime64[us]      the same, NaT
TIME                     timedelta64[us]     the same, NaT
anything else            object              object, None
=======================  ==================  ==================

Objects are: Decimal, str, bytes, parsed JSON, and for VECTOR an array of shape (dimension,).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from singlestoredb_hookspecs import Column

from .read import NumpyColumn, to_numpy
from .types import JSON, arrow_format

if TYPE_CHECKING:
    import numpy.typing as npt

_NULLABLE = {
    "c": "f4",
    "C": "f4",
    "s": "f4",
    "S": "f4",
    "i": "f8",
    "I": "f8",
    "l": "f8",
    "L": "f8",
}
_YEAR = 13
_DTYPES = {
    "c": "i1",
    "C": "u1",
    "s": "i2",
    "S": "u2",
    "i": "i4",
    "I": "u4",
    "l": "i8",
    "L": "u8",
    "f": "f4",
    "g": "f8",
    "tdD": "M8[D]",
    "tsu:": "M8[us]",
    "tDu": "m8[us]",
}


def numpy_dtype(column: Column) -> str:
    """Return the dtype of a column as numpy's array protocol spells it."""
    form = arrow_format(column)
    if column.null_ok and form in _NULLABLE:
        return "f8" if column.type_code == _YEAR else _NULLABLE[form]
    return _DTYPES.get(form, "O")


def numpy_columns(
    chunk: Any, columns: Sequence[Column], *, parse_json: bool, only: Sequence[int] | None = None
) -> list[npt.NDArray[Any]]:
    """Return a result's columns as arrays of shape (rows,), with the dtypes of this module.

    Args:
        chunk: an Arrow stream with one field per column.
        columns: what the server said of them.
        parse_json: whether JSON becomes Python objects rather than text.
        only: positions of the columns to return; all of them if not given.
    """
    out = []
    if only is not None:
        columns = [columns[i] for i in only]
    for column, data in zip(columns, to_numpy(chunk, only), strict=True):
        if column.type_code == JSON and parse_json:
            out.append(_parsed(data))
        else:
            out.append(_typed(numpy_dtype(column), data))
    return out


def _typed(dtype: str, data: NumpyColumn) -> npt.NDArray[Any]:
    import numpy as np

    values = data.values
    if data.nulls is None or values.dtype == "O":
        return values.astype(dtype, copy=False)
    if np.dtype(dtype).kind in "iu":
        # The server called the column NOT NULL and sent NULL, as some do for outer joins.
        dtype = _NULLABLE[data.format]
    values = values.astype(dtype, copy=True)
    kind = np.dtype(dtype).kind
    if kind == "f":
        values[data.nulls] = np.nan
    elif kind in "Mm":
        values[data.nulls] = "NaT"
    elif kind == "O":
        values[data.nulls] = None
    return values


def _parsed(data: NumpyColumn) -> npt.NDArray[Any]:
    import numpy as np

    out = np.empty(len(data.values), "O")
    for i, text in enumerate(data.values):
        out[i] = None if text is None else json.loads(text)
    return out
