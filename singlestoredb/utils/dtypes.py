"""Column types in the terms of numpy, polars and Arrow.

The keys are signed type codes: a negative code is the unsigned integer, or the binary string, of
the positive one (``-8`` is BIGINT UNSIGNED, ``-252`` BLOB).
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

__all__ = ["DEFAULT_VALUES", "get_numpy_type_map", "get_polars_type_map", "get_pyarrow_type_map"]

_INTEGERS = {1: "int8", 2: "int16", 3: "int32", 9: "int32", 8: "int64", 13: "int16"}
_STRINGS = (15, 245, 247, 248, 249, 250, 251, 252, 253, 254)
_ELEMENTS = ("float32", "float64", "int8", "int16", "int32", "int64", "float16")
_VECTORS = {base + n: e for base in (2000, 3000) for n, e in enumerate(_ELEMENTS, 1)}
_SIGNED: dict[int, str] = {
    **_INTEGERS,
    **{-code: f"u{name}" for code, name in _INTEGERS.items() if code != 13},
}
_NAN = float("nan")

DEFAULT_VALUES: dict[int, Any] = {
    **dict.fromkeys((0, *_SIGNED, 7, 10, 11, 12, 14, 16, 246), 0),
    4: _NAN,
    5: _NAN,
    6: None,
    **{sign * code: None for code in _STRINGS for sign in (1, -1)},
    255: None,
    -255: None,
    1001: None,
    **dict.fromkeys(_VECTORS),
}
"""What stands in a column of plain values where the cell is NULL."""


@cache
def get_numpy_type_map() -> dict[int, Any]:
    """Return signed type code → ``numpy.dtype``, for columns without NULLs; empty without numpy."""
    try:
        np = import_module("numpy")
    except ImportError:
        return {}
    named = {
        **_SIGNED,
        4: "float32",
        5: "float64",
        **dict.fromkeys((7, 12), "datetime64[us]"),
        **dict.fromkeys((10, 14), "datetime64[D]"),
        11: "timedelta64[us]",
    }
    return {code: np.dtype(named.get(code, "object")) for code in DEFAULT_VALUES}


@cache
def get_polars_type_map() -> dict[int, Any]:
    """Return signed type code → polars type; empty without polars."""
    try:
        pl = import_module("polars")
    except ImportError:
        return {}
    numbers = {
        "int8": pl.Int8,
        "int16": pl.Int16,
        "int32": pl.Int32,
        "int64": pl.Int64,
        "uint8": pl.UInt8,
        "uint16": pl.UInt16,
        "uint32": pl.UInt32,
        "uint64": pl.UInt64,
        "float16": pl.Float32,  # the oldest polars that we support has no half floats
        "float32": pl.Float32,
        "float64": pl.Float64,
    }
    return {
        **{code: numbers[name] for code, name in _SIGNED.items()},
        **{code: pl.List(numbers[name]) for code, name in _VECTORS.items()},
        **dict.fromkeys((0, 246), pl.Decimal(10, 6)),
        4: pl.Float32,
        5: pl.Float64,
        6: pl.Null,
        **dict.fromkeys((7, 12), pl.Datetime("us")),
        **dict.fromkeys((10, 14), pl.Date),
        11: pl.Duration("us"),
        **dict.fromkeys((*_STRINGS, 255), pl.String),
        **{-code: pl.Binary for code in (*_STRINGS, 255)},
        16: pl.Binary,
        245: pl.Object,
        1001: pl.Binary,
    }


@cache
def get_pyarrow_type_map() -> dict[int, Any]:
    """Return signed type code → ``pyarrow.DataType``; empty without pyarrow."""
    try:
        pa = import_module("pyarrow")
    except ImportError:
        return {}
    return {
        **{code: getattr(pa, name)() for code, name in _SIGNED.items()},
        **{code: pa.list_(getattr(pa, name)()) for code, name in _VECTORS.items()},
        **dict.fromkeys((0, 246), pa.decimal128(18, 6)),
        4: pa.float32(),
        5: pa.float64(),
        6: pa.null(),
        **dict.fromkeys((7, 12), pa.timestamp("us")),
        **dict.fromkeys((10, 14), pa.date64()),
        11: pa.duration("us"),
        **dict.fromkeys((*_STRINGS, 255), pa.string()),
        **{-code: pa.binary() for code in (*_STRINGS, 255)},
        16: pa.binary(),
        1001: pa.binary(),
    }
