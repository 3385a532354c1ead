"""What the columns of an answer are, and how their JSON values are decoded.

A column comes as ``{"name", "dataType", "nullable"}``; the type is spelt as in SQL, and servers
differ in where they put UNSIGNED.  Values are decoded column by column.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any

from singlestoredb.converters import bson_or_none, converters, replace_invalid
from singlestoredb.exceptions import DataError
from singlestoredb.types import ColumnType
from singlestoredb_hookspecs import Column, ConnectionParams

from .errors import malformed

Decoder = Callable[[Any], Any]

NOT_NULL, BLOB, UNSIGNED, BINARY_FLAG = 1, 16, 32, 128
BINARY, UTF8MB4 = 63, 45
BSON, JSON, GEOMETRY, VARSTRING = 1001, 245, 255, 253
_INTEGERS = frozenset({1, 2, 3, 8, 9, 13})
_TEMPORAL = frozenset({7, 10, 11, 12, 14})
_EXACT = Context(prec=80)
"""Holds every DECIMAL, which has at most 65 digits."""
_BLOBS = frozenset({249, 250, 251, 252})

_TYPE = re.compile(r"\s*([^()]*?)\s*(?:\((.*)\)\s*([^()]*?)\s*)?\Z", re.DOTALL)


def parse_column(described: Any, params: ConnectionParams) -> Column:
    """Return the column that a server described; raise ``InternalError`` for no description."""
    if not isinstance(described, dict):
        raise malformed("a column is not described by an object")
    name, data_type = described.get("name"), described.get("dataType", "")
    if not isinstance(name, str) or not isinstance(data_type, str):
        raise malformed("a column's name and dataType must be texts")
    found = _TYPE.match(data_type)
    words = (f"{found[1]} {found[3] or ''}" if found else data_type).upper().split()
    arguments = [part.strip() for part in (found[2] or "").split(",")] if found else []
    numbers = [int(part[:18]) for part in arguments if part.isascii() and part.isdigit()]
    flags = 0 if described.get("nullable", True) else NOT_NULL
    if "UNSIGNED" in words:
        flags |= UNSIGNED
    base = " ".join(word for word in words if word != "UNSIGNED")
    code = _type_code(base, arguments)
    if 3001 <= code <= 3007:
        return _vector(name, code, flags, numbers, params)
    binary = code in (16, BSON) or base.endswith(("BLOB", "BINARY"))
    if code == BSON and not params.enable_extended_data_types:
        code = 252
    if binary:
        flags |= BINARY_FLAG
    if code in _BLOBS:
        flags |= BLOB
    length = numbers[0] if numbers else None
    precision, scale = length, None
    if code == 246:
        scale = numbers[1] if len(numbers) > 1 else 0
    elif code in _TEMPORAL:
        # TIME(6), DATETIME(6): the number is digits of the second's fraction.
        scale = numbers[0] if numbers else 0
        length = precision = {11: 10, 7: 19, 12: 19}.get(code, 10) + (scale and scale + 1)
    return Column(
        name,
        code,
        flags,
        BINARY if binary or code in _NOT_TEXT else UTF8MB4,
        length,
        precision,
        scale,
        not flags & NOT_NULL,
    )


_NOT_TEXT = _INTEGERS | _TEMPORAL | {4, 5, 6, 246}
_WIRE_CODES = {0: 246, 15: 253}
"""A name's code → the code that servers send for it."""


def _type_code(base: str, arguments: list[str]) -> int:
    if base == "VECTOR":
        element = arguments[-1].upper() if arguments else ""
        base = f"VECTOR({element})" if element and not element.isdigit() else "VECTOR"
    try:
        code = ColumnType.get_code(base)
    except KeyError:
        return VARSTRING  # a type of a later server: its JSON, as text
    return _WIRE_CODES.get(code, code)


def _vector(
    name: str, code: int, flags: int, numbers: list[int], params: ConnectionParams
) -> Column:
    charset = UTF8MB4
    if not params.enable_extended_data_types:
        code = 251
    elif params.vector_data_format == "json":
        code -= 1000
    else:
        charset, flags = BINARY, flags | BINARY_FLAG
    length = numbers[0] if numbers else None
    return Column(name, code, flags, charset, length, length, 0, not flags & NOT_NULL)


class Decoders:
    """Chooses how the columns of a connection are decoded."""

    def __init__(self, params: ConnectionParams) -> None:
        self._params = params
        self._own = {k: v for k, v in params.conv.items() if isinstance(k, int)}

    def for_rows(self, column: Column) -> Decoder | None:
        """Return what makes Python values; ``None`` leaves the values as they are."""
        code = column.type_code
        if code in self._own:
            own = self._own[code]
            return _as_sent(column) if own is None else _custom(own, column)
        if code == JSON:
            return None if self._params.parse_json else _json_text
        if code == BSON:
            return lambda value: bson_or_none(_from_base64(value))
        if code in (248, GEOMETRY):
            convert = converters[code]
            return lambda value: convert(_text(value))
        if 2001 <= code <= 3007:
            convert = converters[code]
            return lambda value: convert(_elements(value))
        return self.for_arrow(column)

    def for_arrow(self, column: Column) -> Decoder | None:
        """Return what makes the values that Arrow columns are built from."""
        code = column.type_code
        if code in self._own:
            return self.for_rows(column)
        if code in _INTEGERS:
            return _integer
        if code in (4, 5):
            return _float
        if code == 246:
            return _decimal(column.scale or 0)
        if code in _TEMPORAL:
            convert: Decoder = converters[code]
            if code in self._params.invalid_values:
                convert = replace_invalid(convert, self._params.invalid_values[code])
            return lambda value: convert(_text(value))
        if code == JSON:
            return _json_text
        if 2001 <= code <= 3007:
            return _elements
        if column.charset == BINARY:
            return _from_base64
        return _text


def decode(values: tuple[Any, ...], column: Column, decoder: Decoder | None) -> Any:
    """Return the values of a column, decoded.

    Raises:
        DataError: a value is not of the column's type; the message names the column.
    """
    if decoder is None:
        return values
    try:
        return [None if value is None else decoder(value) for value in values]
    except (TypeError, ValueError, ArithmeticError, DataError) as exc:
        raise DataError(
            None,
            f"column {column.name!r} cannot be decoded: {getattr(exc, 'errmsg', None) or exc}",
            hint=getattr(exc, "hint", None),
        ) from exc


# -- one value -------------------------------------------------------------------------------


def _integer(value: Any) -> int:
    if type(value) is int:
        return value
    if isinstance(value, (bool, str)) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    raise TypeError(f"{value!r} is not an integer")


def _float(value: Any) -> float:
    if isinstance(value, (int, float, str, Decimal)):
        return float(value)
    raise TypeError(f"{value!r} is not a number")


def _decimal(scale: int) -> Decoder:
    zero = Decimal(0).scaleb(-scale)

    def decode_decimal(value: Any) -> Decimal:
        if isinstance(value, str):
            return Decimal(value)
        if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
            # As a JSON number it lost its trailing zeros.
            return _EXACT.add(Decimal(value), zero)
        raise TypeError(f"{value!r} is not a decimal number")

    return decode_decimal


def _text(value: Any) -> str:
    """Return a text; what is none becomes its JSON, so that nothing is lost or guessed."""
    return value if isinstance(value, str) else _json_text(value)


def _json_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _from_base64(value: Any) -> bytes:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not base64 text")
    return b64decode(value, validate=True)


def _elements(value: Any) -> list[Any] | bytes:
    """Return the elements of a vector: it comes as a list, as the text of one, or packed."""
    if isinstance(value, str) and not value.lstrip().startswith("["):
        return _from_base64(value)
    found = json.loads(value) if isinstance(value, str) else value
    if not isinstance(found, list) or not all(type(v) in (int, float) for v in found):
        raise TypeError(f"{value!r} is not a vector")
    return found


def _as_sent(column: Column) -> Decoder:
    """Return what makes of a value the text or bytes that a server of the MySQL protocol would
    have sent: it is what a user's own decoders take."""
    code = column.type_code
    if code in (JSON, *range(2001, 2008), *range(3001, 3008)):
        return _text if code != JSON else _json_text
    if column.charset == BINARY and code not in _NOT_TEXT:
        return _from_base64
    return _sent_text


def _sent_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, (int, float, Decimal)):
        return str(value)
    return _text(value)


def _custom(own: Decoder, column: Column) -> Decoder:
    sent = _as_sent(column)
    return lambda value: own(sent(value))
