"""The binary protocol of prepared statements: parameters in, rows out.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html
"""

from __future__ import annotations

import datetime
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from singlestoredb_embedded.arrow import Field
from singlestoredb_embedded.errors import error
from singlestoredb_embedded.translate.output import Selected
from singlestoredb_embedded.types import SqlType
from singlestoredb_hookspecs import Column

from .packets import Reader, lenenc
from .rows import DAY, EPOCH_ORDINAL, decimal_text, vector_packer

_UNSIGNED = 0x8000
"""Flag beside a parameter's type."""
_NUMBERS = {1: "b", 2: "h", 13: "h", 9: "i", 3: "i", 8: "q", 4: "f", 5: "d"}
"""Type code → ``struct`` format of what is sent in fixed width."""
_BLOBS = {249, 250, 251, 252}
MAX_LONG_DATA = 1 << 30
"""Bytes of one parameter that is sent in pieces."""


@dataclass
class Prepared:
    """A prepared statement."""

    pieces: list[str]
    """The text around its parameters: one more than there are parameters."""
    types: list[int] = field(default_factory=list)
    """Types of the parameters, as they were sent last."""
    long_data: dict[int, bytearray] = field(default_factory=dict)
    """Parameters that came in pieces."""

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return len(self.pieces) - 1

    def bind(self, literals: Sequence[str]) -> str:
        """Return the statement with ``literals`` for its parameters."""
        parts = [self.pieces[0]]
        for literal, piece in zip(literals, self.pieces[1:], strict=True):
            parts += (" ", literal, " ", piece)
        return "".join(parts)

    def literals(self, reader: Reader, *, backslash: bool) -> list[str]:
        """Read the parameters of COM_STMT_EXECUTE as SQL literals."""
        count = self.parameters
        if not count:
            return []
        nulls = reader.take((count + 7) // 8)
        if reader.integer(1):
            self.types = [reader.integer(2) for _ in range(count)]
        elif len(self.types) != count:
            raise error(1210, "Incorrect arguments to EXECUTE: no types of the parameters")
        found = []
        for i, code in enumerate(self.types):
            if nulls[i >> 3] >> (i & 7) & 1:
                found.append("NULL")
            elif i in self.long_data:
                found.append(_quoted(bytes(self.long_data[i]), code & 255, backslash))
            else:
                found.append(_literal(reader, code, backslash))
        return found


def _literal(reader: Reader, code: int, backslash: bool) -> str:
    kind = code & 255
    if kind in _NUMBERS:
        format = _NUMBERS[kind]
        if code & _UNSIGNED and kind not in (4, 5):
            format = format.upper()
        packer = struct.Struct("<" + format)
        value = packer.unpack(reader.take(packer.size))[0]
        if kind in (4, 5) and value - value != 0:
            raise error(1210, "Incorrect arguments to EXECUTE: a number that is not finite")
        return repr(value)
    if kind == 6:
        return "NULL"
    if kind in (7, 10, 12):
        return f"'{_moment(Reader(reader.take(reader.integer(1))), kind == 10)}'"
    if kind == 11:
        return f"'{_duration(Reader(reader.take(reader.integer(1))))}'"
    if kind in (0, 246):
        digits = reader.string().decode("ascii", "replace")
        if not digits.lstrip("+-").replace(".", "", 1).isdigit():
            raise error(1210, "Incorrect arguments to EXECUTE: a DECIMAL that is no number")
        return digits
    return _quoted(reader.string(), kind, backslash)


def _fraction(reader: Reader) -> str:
    return "" if reader.at_end() else f".{reader.integer(4):06d}"


def _moment(reader: Reader, is_date: bool) -> str:
    if reader.at_end():
        return "0000-00-00"
    date = f"{reader.integer(2):04d}-{reader.integer(1):02d}-{reader.integer(1):02d}"
    if is_date:
        return date
    if reader.at_end():
        return f"{date} 00:00:00"
    time = f"{reader.integer(1):02d}:{reader.integer(1):02d}:{reader.integer(1):02d}"
    return f"{date} {time}" + _fraction(reader)


def _duration(reader: Reader) -> str:
    if reader.at_end():
        return "00:00:00"
    sign = "-" if reader.integer(1) else ""
    hours = reader.integer(4) * 24 + reader.integer(1)
    time = f"{sign}{hours:02d}:{reader.integer(1):02d}:{reader.integer(1):02d}"
    return time + _fraction(reader)


def _quoted(data: bytes, kind: int, backslash: bool) -> str:
    if kind not in _BLOBS:
        try:
            value = data.decode()
        except UnicodeDecodeError:
            pass
        else:
            if backslash:
                value = value.replace("\\", "\\\\")
            return "'" + value.replace("'", "''") + "'"
    elif data.isascii() and b"\0" not in data:
        # Clients send text as a blob too, and a hexadecimal literal is no number or date.
        return _quoted(data, 253, backslash)
    return f"X'{data.hex()}'"


# -- rows ------------------------------------------------------------------------------------

BinaryEncoder = Callable[[Any], bytes]


def binary_encoders(selected: Selected) -> list[BinaryEncoder]:
    """Return, per column, what encodes one value that is not NULL."""
    return [
        _encoder(kind, column, field)
        for kind, column, field in zip(
            selected.types, selected.columns, selected.fields, strict=True
        )
    ]


def binary_rows(encoders: Sequence[BinaryEncoder], columns: list[list[Any]]) -> list[bytes]:
    """Return the payloads of the rows whose raw values are ``columns``."""
    count = len(encoders)
    width = (count + 9) // 8
    encoded = [
        [b"" if v is None else encode(v) for v in column]
        for encode, column in zip(encoders, columns, strict=True)
    ]
    heads: list[bytes]
    nullable = [i for i, column in enumerate(columns) if None in column]
    if not nullable:
        heads = [b"\0" * (1 + width)] * len(columns[0])
    else:
        heads = []
        for row in zip(*(columns[i] for i in nullable), strict=True):
            bits = 0
            for i, value in zip(nullable, row, strict=True):
                if value is None:
                    bits |= 1 << (i + 2)  # the first two bits are reserved
            heads.append(b"\0" + bits.to_bytes(width, "little"))
    return list(map(b"".join, zip(heads, *encoded, strict=True)))


def _encoder(kind: SqlType, column: Column, field: Field) -> BinaryEncoder:
    family = kind.family
    code = column.type_code
    if field.format in ("u", "z", "n"):
        return _string
    if field.width:
        packed = vector_packer(kind, column)
        return lambda value: _string(packed(value))
    if family == "decimal":
        scale = kind.scale
        if not scale:
            return lambda value: _string(str(value).encode())
        return lambda value: _string(decimal_text(value, scale).encode())
    if family == "date":
        return _date
    if family == "datetime":
        return _datetime
    if family == "time":
        return _time
    format = _NUMBERS[code]
    return struct.Struct("<" + (format.upper() if kind.unsigned else format)).pack


def _string(value: bytes) -> bytes:
    return lenenc(len(value)) + value


def _ymd(days: int) -> bytes:
    date = datetime.date.fromordinal(days + EPOCH_ORDINAL)
    return struct.pack("<HBB", date.year, date.month, date.day)


def _date(days: int) -> bytes:
    return b"\x04" + _ymd(days)


def _datetime(micros: int) -> bytes:
    days, rest = divmod(micros, DAY)
    seconds, fraction = divmod(rest, 1_000_000)
    if not rest:
        return b"\x04" + _ymd(days)
    time = bytes((seconds // 3600, seconds // 60 % 60, seconds % 60))
    if not fraction:
        return b"\x07" + _ymd(days) + time
    return b"\x0b" + _ymd(days) + time + struct.pack("<I", fraction)


def _time(micros: int) -> bytes:
    if not micros:
        return b"\x00"
    seconds, fraction = divmod(abs(micros), 1_000_000)
    days, seconds = divmod(seconds, 86400)
    body = struct.pack(
        "<BIBBB", micros < 0, days, seconds // 3600, seconds // 60 % 60, seconds % 60
    )
    if not fraction:
        return b"\x08" + body
    return b"\x0c" + body + struct.pack("<I", fraction)
