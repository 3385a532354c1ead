"""Decode and convert chosen columns of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

__all__ = ["convert_row", "convert_rows"]

Step = tuple[int, str | None, Callable[[Any], Any] | None]
"""Index of a column, codec that its bytes are decoded with, and converter; either may be
``None``."""


def convert_row(row: Sequence[Any], converters: Iterable[Step]) -> tuple[Any, ...]:
    """Return a row with some of its columns decoded and converted."""
    values = list(row)
    for index, encoding, converter in converters:
        value = values[index]
        if encoding is not None and isinstance(value, (bytes, bytearray)):
            value = value.decode(encoding)
        values[index] = value if converter is None else converter(value)
    return tuple(values)


def convert_rows(
    rows: Iterable[Sequence[Any]], converters: Sequence[Step]
) -> list[tuple[Any, ...]]:
    """Return rows with some of their columns decoded and converted."""
    return [convert_row(row, converters) for row in rows]
