"""Converters under PyMySQL's names: Python values to SQL literals, and what is sent to Python.

``encoders`` maps a Python type to ``encoder(value, encoders)``, ``decoders`` a type code to
``decoder(value)``, and ``conversions`` is both.  :mod:`singlestoredb.escaping` and
:mod:`singlestoredb.converters` do the work.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from singlestoredb.converters import (
    bit_or_none,
    converters,
    date_or_none,
    datetime_or_none,
    time_or_none,
    timedelta_or_none,
)
from singlestoredb.escaping import encoders, escape

__all__ = [
    "Decimal2Literal",
    "Thing2Literal",
    "conversions",
    "convert_bit",
    "convert_date",
    "convert_datetime",
    "convert_time",
    "convert_timedelta",
    "decoders",
    "encoders",
    "escape_None",
    "escape_bool",
    "escape_bytes",
    "escape_bytes_prefixed",
    "escape_date",
    "escape_datetime",
    "escape_dict",
    "escape_float",
    "escape_int",
    "escape_item",
    "escape_sequence",
    "escape_set",
    "escape_str",
    "escape_string",
    "escape_struct_time",
    "escape_time",
    "escape_timedelta",
    "through",
]

decoders = converters
conversions: dict[Any, Any] = {**encoders, **decoders}

convert_bit = bit_or_none
convert_date = date_or_none
convert_datetime = datetime_or_none
convert_time = time_or_none
convert_timedelta = timedelta_or_none


def escape_item(value: Any, charset: Any = None, mapping: Mapping[Any, Any] | None = None) -> str:
    """Return a value as an SQL literal."""
    return escape(value, encoders=mapping)


def _literal(value: Any, mapping: Mapping[Any, Any] | None = None) -> str:
    """Return a value as an SQL literal."""
    return escape(value, encoders=mapping)


escape_bool = escape_int = escape_float = escape_str = escape_bytes = _literal
escape_None = _literal  # noqa: N816 - PyMySQL's name
escape_timedelta = escape_time = escape_datetime = escape_date = escape_struct_time = _literal
Decimal2Literal = Thing2Literal = _literal


def escape_bytes_prefixed(value: bytes, mapping: Mapping[Any, Any] | None = None) -> str:
    """Return bytes as a literal that names their character set."""
    return f"_binary X'{bytes(value).hex()}'"


def escape_string(value: str, mapping: Mapping[Any, Any] | None = None) -> str:
    """Return text as it stands between the quotes of a literal, for the usual sql_mode."""
    return escape(str(value))[1:-1]


def escape_dict(
    value: Mapping[Any, Any], charset: Any = None, mapping: Mapping[Any, Any] | None = None
) -> dict[Any, str]:
    """Return a dict whose values are SQL literals."""
    return {key: escape(item, encoders=mapping) for key, item in value.items()}


def escape_sequence(
    value: Iterable[Any], charset: Any = None, mapping: Mapping[Any, Any] | None = None
) -> str:
    """Return ``(a,b,…)`` of SQL literals, for ``IN``."""
    return "(" + escape_set(value, charset, mapping) + ")"


def escape_set(
    value: Iterable[Any], charset: Any = None, mapping: Mapping[Any, Any] | None = None
) -> str:
    """Return ``a,b,…`` of SQL literals."""
    return ",".join(escape(item, encoders=mapping) for item in value)


def through(value: Any) -> Any:
    """Return ``value``."""
    return value
