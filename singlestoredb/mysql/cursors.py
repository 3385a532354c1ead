"""Cursor classes by name, for ``cursorclass=`` and ``connection.cursor(cls)``.

Each is a choice of format and of buffering, and nothing else.  ``SS`` stands for results that are
not buffered.  Names that end in ``SV`` once meant that rows were parsed in C; that is decided by
the connection now, so they are other names of the same classes.
"""

from __future__ import annotations

from typing import Any

from singlestoredb.cursor import Cursor

__all__ = [
    "ArrowCursor",
    "ArrowCursorMixin",
    "ArrowCursorSV",
    "Cursor",
    "CursorSV",
    "DictCursor",
    "DictCursorMixin",
    "DictCursorSV",
    "NamedtupleCursor",
    "NamedtupleCursorMixin",
    "NamedtupleCursorSV",
    "NumpyCursor",
    "NumpyCursorMixin",
    "NumpyCursorSV",
    "PandasCursor",
    "PandasCursorMixin",
    "PandasCursorSV",
    "PolarsCursor",
    "PolarsCursorMixin",
    "PolarsCursorSV",
    "SSArrowCursor",
    "SSArrowCursorSV",
    "SSCursor",
    "SSCursorSV",
    "SSDictCursor",
    "SSDictCursorSV",
    "SSNamedtupleCursor",
    "SSNamedtupleCursorSV",
    "SSNumpyCursor",
    "SSNumpyCursorSV",
    "SSPandasCursor",
    "SSPandasCursorSV",
    "SSPolarsCursor",
    "SSPolarsCursorSV",
]


class DictCursor(Cursor[Any, Any]):
    """Rows as dicts."""

    default_results_type = "dicts"


class NamedtupleCursor(Cursor[Any, Any]):
    """Rows as named tuples."""

    default_results_type = "namedtuples"


class NumpyCursor(Cursor[Any, Any]):
    """Structured arrays."""

    default_results_type = "numpy"


class ArrowCursor(Cursor[Any, Any]):
    """pyarrow Tables."""

    default_results_type = "arrow"


class PandasCursor(Cursor[Any, Any]):
    """pandas DataFrames."""

    default_results_type = "pandas"


class PolarsCursor(Cursor[Any, Any]):
    """polars DataFrames."""

    default_results_type = "polars"


class SSCursor(Cursor[Any, Any]):
    """Not buffered."""

    default_buffered = False


class SSDictCursor(DictCursor):
    """Rows as dicts, not buffered."""

    default_buffered = False


class SSNamedtupleCursor(NamedtupleCursor):
    """Rows as named tuples, not buffered."""

    default_buffered = False


class SSNumpyCursor(NumpyCursor):
    """Structured arrays, not buffered."""

    default_buffered = False


class SSArrowCursor(ArrowCursor):
    """pyarrow Tables, not buffered."""

    default_buffered = False


class SSPandasCursor(PandasCursor):
    """pandas DataFrames, not buffered."""

    default_buffered = False


class SSPolarsCursor(PolarsCursor):
    """polars DataFrames, not buffered."""

    default_buffered = False


# A class of one's own may say "class Mine(DictCursorMixin, Cursor)".
DictCursorMixin = DictCursor
NamedtupleCursorMixin = NamedtupleCursor
NumpyCursorMixin = NumpyCursor
ArrowCursorMixin = ArrowCursor
PandasCursorMixin = PandasCursor
PolarsCursorMixin = PolarsCursor

CursorSV = Cursor
SSCursorSV = SSCursor
DictCursorSV = DictCursor
SSDictCursorSV = SSDictCursor
NamedtupleCursorSV = NamedtupleCursor
SSNamedtupleCursorSV = SSNamedtupleCursor
NumpyCursorSV = NumpyCursor
SSNumpyCursorSV = SSNumpyCursor
ArrowCursorSV = ArrowCursor
SSArrowCursorSV = SSArrowCursor
PandasCursorSV = PandasCursor
SSPandasCursorSV = SSPandasCursor
PolarsCursorSV = PolarsCursor
SSPolarsCursorSV = SSPolarsCursor
