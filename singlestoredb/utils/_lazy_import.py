"""Data frame libraries, imported when they are asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

__all__ = ["get_numpy", "get_pandas", "get_polars", "get_pyarrow"]


@cache
def _module(name: str) -> Any:
    try:
        return import_module(name)
    except (ImportError, OSError):  # OSError: a library of the system that it needs is missing
        return None


def get_numpy() -> Any:
    """Return the module numpy; ``None`` where it cannot be imported."""
    return _module("numpy")


def get_pandas() -> Any:
    """Return the module pandas; ``None`` where it cannot be imported."""
    return _module("pandas")


def get_polars() -> Any:
    """Return the module polars; ``None`` where it cannot be imported."""
    return _module("polars")


def get_pyarrow() -> Any:
    """Return the module pyarrow; ``None`` where it cannot be imported."""
    return _module("pyarrow")
