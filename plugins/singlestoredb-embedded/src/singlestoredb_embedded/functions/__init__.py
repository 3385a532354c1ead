"""The function registry: the only functions that a statement can call."""

from __future__ import annotations

from . import aggregates, dates, jsons, misc, numeric, strings, vectors
from .registry import FUNCTIONS, Function

__all__ = [
    "FUNCTIONS", "Function", "aggregates", "dates", "jsons", "misc", "numeric", "strings",
    "vectors",
]  # fmt: skip
