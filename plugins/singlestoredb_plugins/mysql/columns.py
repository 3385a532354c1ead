"""Column definitions, and how the values of a column are decoded.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset_column_definition.html

SingleStore appends an extension after the fixed fields when
``enable_extended_types_metadata`` is on: u8 kind (1 BSON, 2 VECTOR), for a vector also
u32 dimension and u8 element type.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from typing import Any

from singlestoredb.converters import (
    bson_or_none,
    converters,
    identity,
    replace_invalid,
    text_decoder,
)
from singlestoredb.exceptions import DataError, InternalError
from singlestoredb_hookspecs import Column, ConnectionParams

Decoder = Callable[[bytes], Any]

BINARY = 63
NOT_NULL = 1
_FIXED = struct.Struct("<HIBHB")
TEXT_OR_BYTES = frozenset({15, 16, 249, 250, 251, 252, 253, 254, 255})
_DECIMALS = (0, 246)
_BYTES_PER_CHARACTER = {8: 1, 33: 3, 88: 2, 91: 2}
"""By collation, as the server's own clients count VARCHAR lengths."""


def lenenc(data: bytes, at: int) -> tuple[int, int]:
    """Return a length-encoded integer and where the next field starts.

    https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_dt_integers.html
    """
    first = data[at] if at < len(data) else 255
    if first < 251:
        return first, at + 1
    width = {252: 2, 253: 3, 254: 8}.get(first)
    if width is None or at + 1 + width > len(data):
        raise InternalError(None, "the server sent a malformed packet (length of a field)")
    return int.from_bytes(data[at + 1 : at + 1 + width], "little"), at + 1 + width


def parse_column(data: bytes, encoding: str) -> Column:
    """Read a column definition packet."""
    texts = []
    at = 0
    try:
        for _ in range(6):  # catalog, database, table, org_table, name, org_name
            length, at = lenenc(data, at)
            texts.append(data[at : at + length])
            at += length
        extent, at = lenenc(data, at)
        charset, length, code, flags, decimals = _FIXED.unpack_from(data, at)
    except (IndexError, struct.error):
        raise InternalError(None, "the server sent a malformed column definition") from None
    if extent > 12:
        code, length = _extended(data, at + 12, code, charset, length)
    _, database, table, org_table, name, org_name = (t.decode(encoding, "replace") for t in texts)
    if code == 253:
        length //= _BYTES_PER_CHARACTER.get(charset, 1)
    precision = length
    if code in _DECIMALS:
        precision -= 1 + (decimals > 0)  # the sign and the point
    return Column(
        name=name,
        type_code=code,
        flags=flags,
        charset=charset,
        length=length,
        precision=precision,
        scale=decimals,
        null_ok=not flags & NOT_NULL,
        table=table,
        org_table=org_table,
        org_name=org_name,
        database=database,
    )


def _extended(data: bytes, at: int, code: int, charset: int, length: int) -> tuple[int, int]:
    """Return type code and length by the extension; what is unknown stays as it was."""
    kind = data[at] if at < len(data) else 0
    if kind == 1:
        return 1001, length
    if kind == 2 and at + 6 <= len(data):
        dimension = int.from_bytes(data[at + 1 : at + 5], "little")
        element = data[at + 5]
        if 1 <= element <= 7:
            return (3000 if charset == BINARY else 2000) + element, dimension
    return code, length


class Decoders:
    """Chooses how the columns of a connection are decoded."""

    def __init__(self, params: ConnectionParams, encoding: str) -> None:
        self._text: Decoder
        self.is_utf8 = encoding in ("utf8", "utf-8")
        if self.is_utf8 and params.encoding_errors == "strict":
            self._text = bytes.decode  # the fast path; explain() finds the column on an error
        else:
            self._text = text_decoder(encoding, params.encoding_errors)
        self._params = params
        self.use_unicode = params.use_unicode
        self.own = {k: v for k, v in params.conv.items() if isinstance(k, int)}
        self._cache: dict[tuple[int, bool, bool], Decoder] = {}

    def for_rows(self, columns: Sequence[Column]) -> list[Decoder]:
        """Return a decoder per column that makes Python values."""
        return [self._decoder(column, False) for column in columns]

    def for_arrow(self, columns: Sequence[Column]) -> list[Decoder]:
        """Return a decoder per column that makes what Arrow columns are built from: JSON, BSON
        and packed vectors stay as they came."""
        return [self._decoder(column, True) for column in columns]

    def _decoder(self, column: Column, arrow: bool) -> Decoder:
        key = (column.type_code, column.charset == BINARY, arrow)
        found = self._cache.get(key)
        if found is None:
            found = self._cache[key] = self._make(*key)
        return found

    def _make(self, code: int, binary: bool, arrow: bool) -> Decoder:
        is_bytes = binary and (code in TEXT_OR_BYTES or code in (16, 1001) or code > 3000)
        if not (self.use_unicode or arrow) and code in TEXT_OR_BYTES:
            is_bytes = True
        text = identity if is_bytes or code in (16, 1001) else self._text
        if code in self.own:
            own = self.own[code]
            return text if own is None else lambda value: own(text(value))
        if arrow:
            if 2001 <= code <= 2007:
                return json.loads
            if code in (245, 255, 1001) or code > 3000:
                return self._text if code == 245 else text
        if code == 1001:
            return bson_or_none
        if code == 16:
            return bytes
        if code == 245:
            return converters[245] if self._params.parse_json else self._text
        convert = converters.get(code)
        if convert is None or (code in TEXT_OR_BYTES and code != 255):
            return text
        if code in (7, 10, 11, 12, 14) and code in self._params.invalid_values:
            return replace_invalid(convert, self._params.invalid_values[code])
        if code in (1, 2, 3, 8, 9, 13):
            return int
        if code in (4, 5):
            return float
        return convert


def decode_rows(
    packets: Sequence[bytes], columns: Sequence[Column], decoders: list[Decoder]
) -> list[tuple[Any, ...]]:
    """Decode text rows, one packet each, into tuples.

    https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset_row.html
    """
    rows: list[tuple[Any, ...]] = []
    for data in packets:
        row: list[Any] = []
        append = row.append
        end = 0
        try:
            for decode in decoders:
                start = end + 1
                length = data[end]
                if length > 250:
                    if length == 251:
                        append(None)
                        end = start
                        continue
                    length, start = lenenc(data, end)
                end = start + length
                append(decode(data[start:end]))
            if end != len(data):
                raise IndexError
        except (IndexError, ValueError, ArithmeticError, DataError) as exc:
            if end > len(data) or isinstance(exc, IndexError):
                raise InternalError(
                    None, "the server sent a row that does not have the announced columns"
                ) from None
            raise explain(columns[len(row)], exc) from exc
        rows.append(tuple(row))
    return rows


def explain(column: Column, exc: Exception) -> DataError:
    """Return the error for a value that a column's decoder refused."""
    hint = getattr(exc, "hint", None)
    if isinstance(exc, UnicodeDecodeError):
        hint = "encoding_errors='replace', 'backslashreplace' or 'ignore' reads it all the same"
        reason = f"the value is not valid {exc.encoding}: {exc.reason} at byte {exc.start}"
    else:
        reason = getattr(exc, "errmsg", None) or str(exc)
    return DataError(None, f"column {column.name!r} cannot be decoded: {reason}", hint=hint)
