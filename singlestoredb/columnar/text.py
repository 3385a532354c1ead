"""Arrow columns to text, as the server reads it in LOAD DATA and INSERT.

The pure-Python half of the accelerator ``tsv``: the same values, the same bytes, and the same
refusals.  A value's text is

* for integers, booleans (``1``, ``0``) and decimals, their digits,
* for floats, the shortest digits that give the same double again, without a ``.0``,
* for dates and times, ``YYYY-MM-DD``, ``YYYY-MM-DD HH:MM:SS[.ffffff]`` and
  ``[-]HH:MM:SS[.ffffff]``; a timestamp with a time zone is that moment in UTC,
* for text, itself; for binary data, hexadecimal digits,
* for lists, structs and maps, JSON.

In a file of LOAD DATA fields are separated by tabs and lines end with a line feed; a backslash
escapes these, itself, the carriage return and NUL, and ``\\N`` is NULL.
"""

from __future__ import annotations

import ctypes
import enum
import json
import struct
from array import array
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

from singlestoredb.exceptions import DataError, NotSupportedError

Texts = list[str | None]
_Read = Callable[[Any, int, int], Texts]
"""(array, first row within its buffers, rows) → texts."""


class Reason(enum.IntEnum):
    """Why a value has no text."""

    NAN = 1
    """It is NaN."""
    INFINITE = 2
    """It is infinite."""
    RANGE = 3
    """It is outside the years 1 to 9999."""
    LOSSY = 4
    """It has digits behind the microseconds."""
    NOT_UTF8 = 5
    """It is no valid UTF-8."""
    MALFORMED = 6
    """Its offsets point backwards."""


_REASONS = {
    Reason.NAN: ("NaN can not be used with SingleStoreDB", "nan_as_null=True sends it as NULL"),
    Reason.INFINITE: (
        "infinity can not be used with SingleStoreDB",
        "inf_as_null=True sends it as NULL",
    ),
    Reason.RANGE: ("the date is outside the years 1 to 9999", None),
    Reason.LOSSY: ("the time has nanoseconds", "round it to microseconds first"),
    Reason.NOT_UTF8: ("the text is no valid UTF-8", None),
    Reason.MALFORMED: ("the Arrow array is malformed: its offsets point backwards", None),
}


class Refused(Exception):
    """A value has no text; ``args`` is ``(reason,)``, or ``(reason, column, row)`` from a stream,
    both counted from 0."""


def refusal(reason: int, column: str, row: int) -> DataError:
    """Return the error for a value that was refused; ``row`` counts from 0."""
    what, hint = _REASONS[Reason(reason)]
    return DataError(None, f"column {column!r}, row {row}: {what}", hint=hint)


# -- single values ---------------------------------------------------------------------------


def escape_field(text: str) -> str:
    """Return a text as a field of a file for LOAD DATA."""
    if "\\" in text:  # first: the others add backslashes
        text = text.replace("\\", "\\\\")
    if "\t" in text:
        text = text.replace("\t", "\\t")
    if "\n" in text:
        text = text.replace("\n", "\\n")
    if "\r" in text:
        text = text.replace("\r", "\\r")
    if "\0" in text:
        text = text.replace("\0", "\\0")
    return text


def line(texts: Sequence[str | None], is_single: bool) -> str:
    """Return a row as a line for LOAD DATA.

    A row of one field gets an empty second one, because some readers skip empty lines.
    """
    fields = "\t".join(["\\N" if text is None else escape_field(text) for text in texts])
    return fields + "\t\n" if is_single else fields + "\n"


def float_text(value: float) -> str:
    """Return the shortest digits of a finite float; raises :class:`Refused` for another."""
    text = repr(value)
    if "n" in text:
        raise Refused(Reason.NAN if value != value else Reason.INFINITE)
    return text[:-2] if text.endswith(".0") else text


def decimal_text(unscaled: int, scale: int) -> str:
    """Return ``unscaled / 10**scale`` in fixed notation."""
    if scale <= 0:
        return str(unscaled * 10**-scale)
    digits = str(abs(unscaled)).zfill(scale + 1)
    sign = "-" if unscaled < 0 else ""
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}"


_EPOCH = date(1970, 1, 1).toordinal()
_LAST = date.max.toordinal()


def date_text(days: int) -> str:
    """Return the date so many days after 1970-01-01."""
    ordinal = days + _EPOCH
    if not 1 <= ordinal <= _LAST:
        raise Refused(Reason.RANGE)
    return date.fromordinal(ordinal).isoformat()


def _split(value: int, per_second: int) -> tuple[int, int]:
    """Return whole seconds, rounded down, and microseconds."""
    seconds, fraction = divmod(value, per_second)
    if per_second == 1_000_000_000:
        micros, rest = divmod(fraction, 1000)
        if rest:
            raise Refused(Reason.LOSSY)
        return seconds, micros
    return seconds, fraction * (1_000_000 // per_second)


def timestamp_text(value: int, per_second: int) -> str:
    """Return the moment so many units after 1970-01-01."""
    seconds, micros = _split(value, per_second)
    days, clock = divmod(seconds, 86400)
    text = (
        f"{date_text(days)} {clock // 3600:02}:{clock // 60 % 60:02}:{clock % 60:02}"  # the day's
    )
    return f"{text}.{micros:06}" if micros else text


def duration_text(value: int, per_second: int) -> str:
    """Return a span as TIME is written."""
    seconds, micros = _split(abs(value), per_second)
    sign = "-" if value < 0 else ""
    text = f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{micros:06}" if micros else text


def json_string(text: str) -> str:
    """Return a text as a JSON string."""
    return json.dumps(text, ensure_ascii=False)


# -- Arrow's buffers -------------------------------------------------------------------------
#
# What is read here was made by the producer of the array, whose lengths are trusted as by every
# consumer of the C data interface: the interface does not tell the sizes of buffers.


def _raw(arr: Any, buffer: int, start: int, size: int) -> bytes:
    """Return bytes of a buffer."""
    address = arr.buffers[buffer]
    return ctypes.string_at(address + start, size) if size else b""


def _validity(arr: Any, start: int, count: int) -> list[int] | None:
    """Return 1 or 0 per row; ``None`` when no row is NULL."""
    if not count or not arr.buffers or not arr.buffers[0] or arr.null_count == 0:
        return None
    return _bits(arr, 0, start, count)


def _bits(arr: Any, buffer: int, start: int, count: int) -> list[int]:
    data = _raw(arr, buffer, start // 8, (start % 8 + count + 7) // 8)
    return [data[i >> 3] >> (i & 7) & 1 for i in range(start % 8, start % 8 + count)]


_CODES = {
    "c": "b",
    "C": "B",
    "s": "h",
    "S": "H",
    "i": "i",
    "I": "I",
    "l": "q",
    "L": "Q",
    "f": "f",
    "g": "d",
}


def _numbers(arr: Any, code: str, start: int, count: int) -> Any:
    width = struct.calcsize(code)
    data = _raw(arr, 1, start * width, count * width)
    return struct.unpack(f"<{count}e", data) if code == "e" else array(code, data)


def _offsets(arr: Any, buffer: int, code: str, start: int, count: int) -> Any:
    width = struct.calcsize(code)
    if not arr.buffers[buffer]:  # allowed for arrays without rows
        return array(code, bytes(width * (count + 1)))
    return array(code, _raw(arr, buffer, start * width, (count + 1) * width))


def _variable(arr: Any, wide: bool, start: int, count: int) -> list[bytes]:
    offsets = _offsets(arr, 1, "q" if wide else "i", start, count)
    if any(a > b for a, b in pairwise(offsets)):
        raise Refused(Reason.MALFORMED)
    first = offsets[0]
    data = _raw(arr, 2, first, offsets[-1] - first)
    return [data[a - first : b - first] for a, b in pairwise(offsets)]


def _views(arr: Any, start: int, count: int) -> list[bytes]:
    views = _raw(arr, 1, start * 16, count * 16)
    pieces = []
    for at in range(0, count * 16, 16):
        size = int.from_bytes(views[at : at + 4], "little", signed=True)
        if size <= 12:
            pieces.append(views[at + 4 : at + 4 + max(size, 0)])
        else:
            buffer, offset = struct.unpack_from("<ii", views, at + 8)
            pieces.append(_raw(arr, 2 + buffer, offset, size))
    return pieces


def _binary(form: str) -> Callable[[Any, int, int], list[bytes]]:
    if form.startswith("w:"):
        width = int(form[2:])

        def fixed(arr: Any, start: int, count: int) -> list[bytes]:
            data = _raw(arr, 1, start * width, count * width)
            return [data[i * width : (i + 1) * width] for i in range(count)]

        return fixed
    if form in ("vu", "vz"):
        return _views
    wide = form in ("U", "Z")
    return lambda arr, start, count: _variable(arr, wide, start, count)


# -- readers of columns ----------------------------------------------------------------------


class _Options:
    def __init__(self, nan_as_null: bool, inf_as_null: bool) -> None:
        self.nan_as_null = nan_as_null
        self.inf_as_null = inf_as_null

    def float_text(self, value: float) -> str | None:
        try:
            return float_text(value)
        except Refused as exc:
            is_nan = exc.args[0] is Reason.NAN
            if self.nan_as_null if is_nan else self.inf_as_null:
                return None
            raise


_UNITS = {"s": 1, "m": 1000, "u": 1_000_000, "n": 1_000_000_000}


def _plain(
    schema: Any, values: Callable[[Any, int, int], Any], convert: Callable[[Any], str | None]
) -> _Read:
    """Return a reader of values that are converted one by one."""

    def read(arr: Any, start: int, count: int) -> Texts:
        valid = _validity(arr, start, count)
        found = values(arr, start, count)
        if valid is None:
            return [convert(value) for value in found]
        return [convert(value) if ok else None for value, ok in zip(found, valid, strict=True)]

    return read


def _scalar(schema: Any, options: _Options) -> tuple[_Read, bool] | None:
    """Return a reader and whether its texts are JSON as they are; ``None`` for a nested type."""
    form = schema.format
    if form == "n":
        return (lambda arr, start, count: [None] * count), True
    if form == "b":
        return _plain(schema, lambda a, s, n: _bits(a, 1, s, n), str), False
    if form in _CODES and form not in "fg":
        code = _CODES[form]
        return _plain(schema, lambda a, s, n: _numbers(a, code, s, n), str), True
    if form in ("e", "f", "g"):
        code = _CODES.get(form, "e")
        read = _plain(schema, lambda a, s, n: _numbers(a, code, s, n), options.float_text)
        return read, True
    if form.startswith("d:"):
        _, scale, *bits = (int(part) for part in form[2:].split(","))
        width = bits[0] // 8 if bits else 16

        def integers(arr: Any, start: int, count: int) -> list[int]:
            data = _raw(arr, 1, start * width, count * width)
            return [
                int.from_bytes(data[i : i + width], "little", signed=True)
                for i in range(0, count * width, width)
            ]

        return _plain(schema, integers, lambda v: decimal_text(v, scale)), True
    if form == "tdD":
        return _plain(schema, lambda a, s, n: _numbers(a, "i", s, n), date_text), False
    if form == "tdm":
        return (
            _plain(
                schema, lambda a, s, n: _numbers(a, "q", s, n), lambda v: date_text(v // 86_400_000)
            ),
            False,
        )
    if form.startswith("ts"):
        unit = _UNITS[form[2]]
        return (
            _plain(
                schema, lambda a, s, n: _numbers(a, "q", s, n), lambda v: timestamp_text(v, unit)
            ),
            False,
        )
    if form in ("tts", "ttm", "ttu", "ttn", "tDs", "tDm", "tDu", "tDn"):
        unit, code = _UNITS[form[2]], "i" if form in ("tts", "ttm") else "q"
        return (
            _plain(
                schema, lambda a, s, n: _numbers(a, code, s, n), lambda v: duration_text(v, unit)
            ),
            False,
        )
    if form in ("u", "U", "vu"):
        return _plain(schema, _binary(form), _decoded), False
    if is_binary(form):
        return _plain(schema, _binary(form), bytes.hex), False
    return None


def is_binary(form: str) -> bool:
    """Return whether an Arrow format is one of binary data."""
    return form in ("z", "Z", "vz") or form.startswith("w:")


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Refused(Reason.NOT_UTF8) from None


def unsupported(schema: Any) -> NotSupportedError:
    """Return the error for a column whose Arrow type has no SQL type."""
    return NotSupportedError(
        None,
        f"column {schema.name!r} has the Arrow type {schema.format!r}, which cannot be loaded",
        hint="cast it to numbers, text, binary, dates, times, lists, structs or maps",
    )


def reader(schema: Any, options: _Options) -> _Read:
    """Return the reader of a column."""
    if schema.dictionary is not None:
        return _encoded(schema, reader(schema.dictionary, options))
    found = _scalar(schema, options)
    return found[0] if found is not None else _json(schema, options)


def _encoded(schema: Any, values: _Read) -> _Read:
    code = _CODES[schema.format]

    def read(arr: Any, start: int, count: int) -> Texts:
        valid = _validity(arr, start, count)
        indices = _numbers(arr, code, start, count)
        words = arr.dictionary
        # Only what is pointed to must have a text.
        if valid is None:
            used = set(indices)
        else:
            used = {i for i, ok in zip(indices, valid, strict=True) if ok}
        texts = {i: values(words, words.offset + i, 1)[0] for i in used}
        if valid is None:
            return [texts[i] for i in indices]
        return [texts[i] if ok else None for i, ok in zip(indices, valid, strict=True)]

    return read


def _json(schema: Any, options: _Options) -> _Read:
    """Return a reader whose texts are JSON; NULL is ``None`` still."""
    if schema.dictionary is not None:
        return _encoded(schema, _json(schema.dictionary, options))
    form = schema.format
    found = _scalar(schema, options)
    if found is not None:
        if is_binary(form):
            raise NotSupportedError(
                None, f"binary data in a list, struct or map ({schema.name!r}) has no JSON"
            )
        read, is_json = found
        if is_json:
            return read
        if form == "b":
            return _mapped(read, lambda text: "true" if text == "1" else "false")
        return _mapped(read, json_string)
    if form == "+s":
        return _struct_json(schema, options)
    if form in ("+l", "+L", "+vl", "+vL") or form.startswith("+w:"):
        return _list_json(schema, options)
    if form == "+m":
        return _map_json(schema, options)
    raise unsupported(schema)


def _mapped(read: _Read, convert: Callable[[str], str]) -> _Read:
    return lambda arr, start, count: [
        None if text is None else convert(text) for text in read(arr, start, count)
    ]


def _or_null(texts: Texts) -> list[str]:
    return ["null" if text is None else text for text in texts]


def _struct_json(schema: Any, options: _Options) -> _Read:
    fields = [(json_string(f.name) + ":", _json(f, options)) for f in schema.children]

    def read(arr: Any, start: int, count: int) -> Texts:
        valid = _validity(arr, start, count) or [1] * count
        out: Texts = []
        for row, ok in enumerate(valid):
            if not ok:
                out.append(None)
                continue
            members = [
                name + _or_null(member(child, child.offset + start + row, 1))[0]
                for (name, member), child in zip(fields, arr.children, strict=True)
            ]
            out.append("{" + ",".join(members) + "}")
        return out

    return read


def _spans(form: str) -> Callable[[Any, int, int], list[tuple[int, int]]]:
    """Return how the spans (first, count) of a list's rows are found."""
    if form.startswith("+w:"):
        size = int(form[3:])
        return lambda arr, start, count: [((start + i) * size, size) for i in range(count)]
    code = "q" if form.endswith("L") else "i"
    if form.startswith("+v"):
        width = struct.calcsize(code)

        def views(arr: Any, start: int, count: int) -> list[tuple[int, int]]:
            firsts = array(code, _raw(arr, 1, start * width, count * width))
            sizes = array(code, _raw(arr, 2, start * width, count * width))
            return list(zip(firsts, sizes, strict=True))

        return views

    def offsets(arr: Any, start: int, count: int) -> list[tuple[int, int]]:
        return [(a, b - a) for a, b in pairwise(_offsets(arr, 1, code, start, count))]

    return offsets


def _listed(
    schema: Any, join: Callable[[Any, int, int], str], form: str
) -> Callable[[Any, int, int], Texts]:
    spans = _spans(form)

    def read(arr: Any, start: int, count: int) -> Texts:
        valid = _validity(arr, start, count) or [1] * count
        (child,) = arr.children
        out: Texts = []
        for ok, (first, size) in zip(valid, spans(arr, start, count), strict=True):
            if not ok:
                out.append(None)
            elif size < 0:
                raise Refused(Reason.MALFORMED)
            else:
                out.append(join(child, child.offset + first, size))
        return out

    return read


def _list_json(schema: Any, options: _Options) -> _Read:
    items = _json(schema.child(0), options)

    def join(child: Any, first: int, size: int) -> str:
        return "[" + ",".join(_or_null(items(child, first, size))) + "]"

    return _listed(schema, join, schema.format)


def _map_json(schema: Any, options: _Options) -> _Read:
    key_schema, value_schema = schema.child(0).children
    keys, values = _json(key_schema, options), _json(value_schema, options)

    def join(entries: Any, first: int, size: int) -> str:
        key, value = entries.children
        names = _or_null(keys(key, key.offset + first, size))
        texts = _or_null(values(value, value.offset + first, size))
        return (
            "{"
            + ",".join(
                [
                    (name if name.startswith('"') else f'"{name}"') + ":" + text
                    for name, text in zip(names, texts, strict=True)
                ]
            )
            + "}"
        )

    return _listed(schema, join, "+l")


# -- tables ----------------------------------------------------------------------------------


class TextReader:
    """Reads the columns of Arrow batches as text.

    Raises ``NotSupportedError`` for a schema with a type that has no text.
    """

    def __init__(self, schema: Any, *, nan_as_null: bool = False, inf_as_null: bool = False):
        options = _Options(nan_as_null, inf_as_null)
        self._readers = [reader(field, options) for field in schema.children]

    def columns(self, batch: Any, start: int, count: int) -> list[Texts]:
        """Return the texts of rows of a batch, column by column.

        Raises :class:`Refused` with reason, column and row, the latter within the batch.
        """
        children = list(batch.children)
        return [self._column(i, read, children[i], batch.offset + start, count, start)
                for i, read in enumerate(self._readers)]  # fmt: skip

    def _column(
        self, number: int, read: _Read, child: Any, start: int, count: int, shown: int
    ) -> Texts:
        try:
            return read(child, child.offset + start, count)
        except Refused:
            for row in range(count):
                try:
                    read(child, child.offset + start + row, 1)
                except Refused as exc:
                    raise Refused(exc.args[0], number, shown + row) from None
            raise


PIECE_ROWS = 4096
"""Rows that are converted at a time in pure Python."""


class TsvStream:
    """An Arrow stream as a file for LOAD DATA: what the accelerator ``tsv`` offers, in Python.

    Args:
        capsule: an ``arrow_array_stream`` of structs, which is used up.
        nan_as_null: write NaN as NULL rather than refuse it.
        inf_as_null: write infinities as NULL rather than refuse them.
    """

    Refused: type[Exception] = Refused

    def __init__(self, capsule: Any, nan_as_null: bool = False, inf_as_null: bool = False) -> None:
        from nanoarrow.c_array_stream import CArrayStream

        self._stream = CArrayStream._import_from_c_capsule(capsule)
        schema = self._stream.get_schema()
        self._single = schema.n_children == 1
        self._reader = TextReader(schema, nan_as_null=nan_as_null, inf_as_null=inf_as_null)
        self._batch: Any = None
        self._start = 0
        self.rows = 0
        """Rows that were given so far."""

    def columns(self) -> list[Texts] | None:
        """Return the next rows, at most ``PIECE_ROWS``, column by column; ``None`` at the end."""
        batch = self._batch
        while batch is None or self._start >= batch.length:
            try:
                batch = self._batch = next(self._stream)
            except StopIteration:
                return None
            self._start = 0
        count = min(PIECE_ROWS, batch.length - self._start)
        try:
            columns = self._reader.columns(batch, self._start, count)
        except Refused as exc:
            reason, column, row = exc.args
            raise Refused(reason, column, self.rows + row - self._start) from None
        self._start += count
        self.rows += count
        return columns

    def read(self, size: int = -1) -> bytes:
        """Return the next lines; ``b""`` at the end.  ``size`` is only a hint."""
        columns = self.columns()
        if columns is None:
            return b""
        lines = [line(row, self._single) for row in zip(*columns, strict=True)]
        return "".join(lines).encode()


def lines_of(columns: Iterator[list[Texts]], is_single: bool) -> Iterator[bytes]:
    """Iterate over pieces of a file for LOAD DATA."""
    for piece in columns:
        yield "".join([line(row, is_single) for row in zip(*piece, strict=True)]).encode()
