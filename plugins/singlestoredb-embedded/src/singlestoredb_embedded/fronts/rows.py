"""Rows of the text protocol, made column by column.

Every column has one encoder, chosen once per result, that turns a list of raw values (see
:func:`singlestoredb_embedded.arrow.values`) into a list of length-encoded fields; a row is its
fields joined.  https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset_row.html
"""

from __future__ import annotations

import datetime
import struct
from collections.abc import Callable, Sequence
from typing import Any

from singlestoredb_embedded.arrow import Field
from singlestoredb_embedded.translate.output import Selected
from singlestoredb_embedded.types import SqlType
from singlestoredb_hookspecs import Column

from .packets import lenenc

Encoder = Callable[[list[Any]], list[bytes]]

NULL = b"\xfb"
PREFIX = [bytes((n,)) for n in range(251)]
"""Length-encoded integers of one byte."""
EPOCH_ORDINAL = datetime.date(1970, 1, 1).toordinal()
DAY = 86_400_000_000
"""Microseconds of a day."""


def raw_fields(selected: Selected) -> list[Field]:
    """Return the fields to read a result's raw values by: texts come as their UTF-8."""
    return [Field(f.name, "z") if f.format == "u" else f for f in selected.fields]


def text_encoders(selected: Selected) -> list[Encoder]:
    """Return the encoder of every column."""
    return [
        _encoder(kind, column, field)
        for kind, column, field in zip(
            selected.types, selected.columns, selected.fields, strict=True
        )
    ]


def text_rows(encoders: Sequence[Encoder], columns: list[list[Any]]) -> list[bytes]:
    """Return the payloads of the rows whose raw values are ``columns``."""
    encoded = [encode(column) for encode, column in zip(encoders, columns, strict=True)]
    if len(encoded) == 1:
        return encoded[0]
    return list(map(b"".join, zip(*encoded, strict=True)))


def _encoder(kind: SqlType, column: Column, field: Field) -> Encoder:
    family = kind.family
    if field.format == "n":
        return lambda values: [NULL] * len(values)
    if field.format in ("u", "z"):
        return strings
    if field.width:
        packed = vector_packer(kind, column)
        return lambda values: strings([None if v is None else packed(v) for v in values])
    if family == "float":
        single = kind.kind == "FLOAT"
        return lambda values: _short(
            [None if v is None else float_text(v, single).encode() for v in values]
        )
    if family == "decimal" and kind.scale:
        return _decimals(kind.scale)
    if family == "date":
        dates = Dates(10)
        return lambda values: [NULL if v is None else dates[v] for v in values]
    if family == "datetime":
        return _datetimes(kind.scale)
    if family == "time":
        scale = kind.scale
        return lambda values: _short([None if v is None else time_text(v, scale) for v in values])
    if family == "year":
        return lambda values: _short([None if v is None else b"%04d" % v for v in values])
    return _integers


def strings(values: list[bytes | None]) -> list[bytes]:
    """Encode bytes of any length."""
    prefix = PREFIX
    return [
        NULL if v is None else prefix[len(v)] + v if len(v) < 251 else lenenc(len(v)) + v
        for v in values
    ]


def _short(values: list[bytes | None]) -> list[bytes]:
    """Encode texts that are never longer than 250 bytes."""
    prefix = PREFIX
    return [NULL if v is None else prefix[len(v)] + v for v in values]


def _numbers(values: list[Any]) -> list[bytes]:
    """Print numbers; NULL is ``None``."""
    # A list prints its numbers in C, several times faster than one call per number.
    return repr(values)[1:-1].encode().split(b", ")


def _integers(values: list[Any]) -> list[bytes]:
    prefix = PREFIX
    return [NULL if t == b"None" else prefix[len(t)] + t for t in _numbers(values)]


def _decimals(scale: int) -> Encoder:
    def encode(values: list[Any]) -> list[bytes]:
        prefix = PREFIX
        fields = []
        for i, digits in enumerate(_numbers(values)):
            size = len(digits)
            if size > scale + 1 and digits != b"None":
                fields.append(prefix[size + 1] + digits[:-scale] + b"." + digits[-scale:])
            elif values[i] is None:
                fields.append(NULL)
            else:  # zeros are missing in front
                text = decimal_text(values[i], scale).encode()
                fields.append(prefix[len(text)] + text)
        return fields

    return encode


def _datetimes(scale: int) -> Encoder:
    dates, times = Dates(26 if scale else 19), _Times()
    if scale:
        return lambda values: [
            NULL if v is None
            else b"%b%b.%06d" % (dates[v // DAY], times[v % DAY // 1_000_000], v % 1_000_000)
            for v in values
        ]  # fmt: skip
    return lambda values: [
        NULL if v is None else dates[v // DAY] + times[v % DAY // 1_000_000] for v in values
    ]


class Dates(dict[int, bytes]):
    """Days since 1970-01-01 → text, after the length of the field that starts with it.

    Remembers, because results repeat their dates.
    """

    def __init__(self, length: int) -> None:
        self._prefix = PREFIX[length]

    def __missing__(self, days: int) -> bytes:
        if len(self) >= 1 << 16:
            self.clear()
        date = datetime.date.fromordinal(days + EPOCH_ORDINAL)
        text = self[days] = self._prefix + date.isoformat().encode()
        return text


class _Times(dict[int, bytes]):
    """Second of the day → text, after the space that is before it."""

    def __missing__(self, second: int) -> bytes:
        text = b" %02d:%02d:%02d" % (second // 3600, second // 60 % 60, second % 60)
        self[second] = text
        return text


def time_text(micros: int, scale: int) -> bytes:
    """Return the text of a TIME."""
    sign = b"-" if micros < 0 else b""
    seconds, fraction = divmod(abs(micros), 1_000_000)
    head = b"%b%02d:%02d:%02d" % (sign, seconds // 3600, seconds // 60 % 60, seconds % 60)
    return b"%b.%06d" % (head, fraction) if scale else head


def decimal_text(unscaled: int, scale: int) -> str:
    """Return the text of a DECIMAL with digits after the point."""
    if unscaled < 0:
        digits = f"{-unscaled:0{scale + 1}d}"
        return f"-{digits[:-scale]}.{digits[-scale:]}"
    digits = f"{unscaled:0{scale + 1}d}"
    return f"{digits[:-scale]}.{digits[-scale:]}"


def float_text(value: float, single: bool) -> str:
    """Return the text of a FLOAT (``single``: 6 digits) or DOUBLE as the server prints it."""
    found = f"{value:.6g}" if single else repr(value)
    if found.endswith(".0"):
        return found[:-2]
    if "e" not in found:
        return found
    mantissa, _, power = found.partition("e")
    exponent = int(power)
    if not single and -15 <= exponent < 0:
        sign = "-" if value < 0 else ""
        digits = mantissa.lstrip("-").replace(".", "")
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    return f"{mantissa.removesuffix('.0')}e{exponent}"


_FORMATS = {"F32": "f", "F64": "d", "I8": "b", "I16": "h", "I32": "i", "I64": "q"}


def vector_packer(kind: SqlType, column: Column) -> Callable[[Sequence[Any]], bytes]:
    """Return what makes the bytes of a VECTOR: packed elements, or JSON for the codes 2001…"""
    if column.type_code > 3000:
        packer = struct.Struct(f"<{kind.length or 0}{_FORMATS[kind.element]}")
        return lambda items: packer.pack(*items)
    if kind.element == "F32":
        # Nine digits tell every 32-bit number from its neighbours.
        return lambda items: _json(float_text(float(f"{v:.9g}"), False) for v in items)
    if kind.element == "F64":
        return lambda items: _json(float_text(v, False) for v in items)
    return lambda items: _json(map(str, items))


def _json(items: Any) -> bytes:
    return f"[{','.join(items)}]".encode()
