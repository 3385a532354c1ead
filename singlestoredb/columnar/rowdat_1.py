"""Bodies of external functions in the format ROWDAT_1, to columns and back.

A body is rows, little-endian, without header and padding.  A row is an int64 row id, then per
column a byte that is 1 for NULL and 0 for a value, and behind it

====================================  ===========================================================
type codes                            what follows
====================================  ===========================================================
1, 2, 3, 9, 8, 13; negative unsigned  1, 2, 4, 4, 8 and 2 bytes of an integer; YEAR is unsigned
4, 5                                  float, double
10, 14                                int64: year * 10000 + month * 100 + day
11                                    int64: ±(hours * 10000 + minutes * 100 + seconds) * 1000000,
                                      and microseconds of the same sign
7, 12                                 int64: year << 46, month << 42, day << 37, hour << 32,
                                      minute << 26, second << 20, microsecond
0, 246                                int64 length, and a decimal number as text
15, 245, 247 to 255; negative binary  int64 length, and so many bytes; text is UTF-8
====================================  ===========================================================

What follows a NULL means nothing, but is there.  The source is what SingleStore's own Python SDK
1.18.1 reads and writes.

The accelerator ``rowdat-1`` moves the bytes in C.  Without it numpy does, with a step of Python per
row only where a column has no fixed width.  numpy is imported when a function is called.
"""

from __future__ import annotations

import enum
import functools
import itertools
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from singlestoredb import accelerators
from singlestoredb.config import get_option
from singlestoredb.exceptions import DataError, NotSupportedError, ProgrammingError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Column = tuple[Any, NDArray[np.bool_]]
    """Values of shape (rows,), and where they are NULL."""
    Ids = NDArray[np.int64]
    Buffers = tuple[Any, Any, Any]
    """Values or data, offsets or None, nulls or None: what an accelerator takes and gives."""


class Reason(enum.IntEnum):
    """Why a body or a column is refused; ``accel/rowdat_1.h`` has the same numbers."""

    BROKEN_OFF = 1
    """The body ends within the cell."""
    LENGTH = 2
    """A length is below 0."""
    NULL = 3
    """The byte for NULL is neither 0 nor 1."""
    NOT_UTF8 = 4
    """A text is no valid UTF-8."""
    OFFSETS = 5
    """Offsets point backwards or outside of the data."""
    CHANGED = 6
    """Somebody wrote to the memory meanwhile."""


_REASONS = {
    Reason.BROKEN_OFF: "the ROWDAT_1 body breaks off within {where}",
    Reason.LENGTH: "the ROWDAT_1 body has a length below 0 in {where}",
    Reason.NULL: "the ROWDAT_1 body has a byte other than 0 and 1 for NULL in {where}",
    Reason.NOT_UTF8: "the ROWDAT_1 body has a text that is not UTF-8 in {where}",
    Reason.OFFSETS: "offsets point backwards or outside of the data in {where}",
    Reason.CHANGED: "the memory was written to by somebody else meanwhile, seen in {where}",
}
_HINTS = {
    Reason.BROKEN_OFF: "the declared types must be those of the function in the database",
    Reason.LENGTH: "the declared types must be those of the function in the database",
    Reason.NULL: "the declared types must be those of the function in the database",
    Reason.NOT_UTF8: "declare the column binary: BLOB, VARBINARY",
}


class _Refused(Exception):
    """As that of the accelerator: (reason, row, column)."""


def _where(row: int, column: int) -> str:
    return f"row {row}, " + ("the row id" if column < 0 else f"column {column} (counted from 0)")


def _error(reason: int, row: int, column: int) -> DataError:
    kind = Reason(reason)
    message = _REASONS[kind].format(where=_where(row, column))
    return DataError(None, message, hint=_HINTS.get(kind))


def _unfit(message: str, row: int, column: int, hint: str | None = None) -> DataError:
    return DataError(None, f"{message} in {_where(int(row), column)}", hint=hint)


@dataclass(frozen=True)
class VarBuffers:
    """The values of a column without a fixed width, as Arrow's large_string and large_binary.

    Value ``i`` is ``data[offsets[i]:offsets[i + 1]]``; NULLs have none.
    """

    offsets: NDArray[np.int64]
    """Of shape (rows + 1,), ascending."""
    data: NDArray[np.uint8]
    """The bytes, of which text is UTF-8."""


# -- types -------------------------------------------------------------------------------------

_INTEGERS = {
    1: "i1", -1: "u1", 2: "i2", -2: "u2", 3: "i4", -3: "u4", 8: "i8", -8: "u8", 9: "i4", -9: "u4",
    13: "u2",
}  # fmt: skip
_FLOATS = {4: "f4", 5: "f8"}
_TEMPORAL = {10: "M8[D]", 14: "M8[D]", 11: "m8[us]", 7: "M8[us]", 12: "M8[us]"}
_DECIMALS = (0, 246)
_VARYING = (15, 245, *range(247, 256))
_BOUNDS = {9: (-(1 << 23), (1 << 23) - 1), -9: (0, (1 << 24) - 1)}
"""INT24 has 4 bytes and 24 bits."""


def _dtype(code: int) -> str | None:
    """Return the numpy dtype of a cell on the wire, ``None`` for a length and bytes."""
    if code in _INTEGERS:
        return "<" + _INTEGERS[code]
    if code in _FLOATS:
        return "<" + _FLOATS[code]
    if code in _TEMPORAL:
        return "<i8"
    if code in _DECIMALS or abs(code) in _VARYING:
        return None
    raise NotSupportedError(
        None,
        f"ROWDAT_1 has no type of the code {code}",
        hint="cast the argument or the result to another type in the function's declaration",
    )


@functools.lru_cache(maxsize=256)
def _layout(types: tuple[int, ...]) -> bytes:
    """Return the letters by which an accelerator knows the types."""
    letters = []
    for code in types:
        dtype = _dtype(code)
        if dtype is None:
            letters.append("b" if code < 0 else "t")
        else:
            letters.append({"<f4": "f", "<f8": "d"}.get(dtype, dtype[-1]))
    return "".join(letters).encode()


# -- buffers, in pure Python -------------------------------------------------------------------

_WIRE = {"1": "u1", "2": "<u2", "4": "<u4", "8": "<u8", "f": "<f4", "d": "<f8"}


@functools.lru_cache(maxsize=256)
def _pieces(layout: bytes) -> tuple[Any, ...]:
    """Return the parts of a row that have fixed widths, as structured dtypes.

    Each but the last ends with a length, and that many bytes follow it.  Fields are ``id``, and
    per column ``n`` (NULL) and ``v`` (value or length) with its number.
    """
    import numpy as np

    pieces = []
    fields: list[tuple[str, str]] = [("id", "<i8")]
    for i, letter in enumerate(layout.decode()):
        fields.append((f"n{i}", "u1"))
        fields.append((f"v{i}", _WIRE.get(letter, "<i8")))
        if letter in "tb":
            pieces.append(np.dtype(fields))
            fields = []
    return (*pieces, np.dtype(fields))


def _diagnose(layout: bytes, row_start: memoryview, row: int) -> _Refused:
    """Say what is wrong with a row that something is wrong with."""
    at, end = 8, len(row_start)
    if end < at:
        return _Refused(Reason.BROKEN_OFF, row, -1)
    for i, letter in enumerate(layout.decode()):
        if at == end:
            return _Refused(Reason.BROKEN_OFF, row, i)
        if row_start[at] > 1:
            return _Refused(Reason.NULL, row, i)
        at += 1
        width = {"f": 4, "d": 8, "t": 8, "b": 8}.get(letter) or int(letter)
        if end - at < width:
            return _Refused(Reason.BROKEN_OFF, row, i)
        if letter in "tb":
            (length,) = struct.unpack_from("<q", row_start, at)
            if length < 0:
                return _Refused(Reason.LENGTH, row, i)
            if length > end - at - width:
                return _Refused(Reason.BROKEN_OFF, row, i)
            at += length
        at += width
    raise AssertionError("the row is well formed")


def _split(layout: bytes, body: memoryview) -> tuple[list[Any], list[list[memoryview]]]:
    """Return a body's fixed parts as structured arrays, and its data by column without width."""
    import numpy as np

    pieces = _pieces(layout)
    varying = [i for i, letter in enumerate(layout.decode()) if letter in "tb"]
    end = len(body)
    data: list[list[memoryview]] = [[] for _ in varying]
    starts: list[int] | range
    if not varying:
        (piece,) = pieces
        starts = range(0, end + 1, piece.itemsize)
        rows = end // piece.itemsize
        fixed = [np.frombuffer(body, piece, rows)]
        bad = end % piece.itemsize != 0
    else:
        # Where a row starts is known from the lengths in the one before it only.
        length_at = struct.Struct("<q").unpack_from
        steps = [(piece.itemsize, number < len(varying)) for number, piece in enumerate(pieces)]
        found: list[list[memoryview]] = [[] for _ in pieces]
        starts = [at := 0]
        bad = False
        while at < end and not bad:
            for number, (size, varies) in enumerate(steps):
                stop = at + size
                if stop > end:
                    bad = True
                    break
                found[number].append(body[at:stop])
                at = stop
                if varies:
                    (length,) = length_at(body, at - 8)
                    if not 0 <= length <= end - at:
                        bad = True
                        break
                    data[number].append(body[at : at + length])
                    at += length
            else:
                starts.append(at)
        rows = len(starts) - 1
        fixed = [
            np.frombuffer(b"".join(parts[:rows]), piece, rows) if piece.itemsize
            else np.zeros(rows, piece)
            for parts, piece in zip(found, pieces, strict=True)
        ]  # fmt: skip
    wrong = np.zeros(rows, bool)
    for part in fixed:
        for name in part.dtype.names or ():
            if name.startswith("n"):
                wrong |= part[name] > 1
    if wrong.any():
        row = int(np.argmax(wrong))
        raise _diagnose(layout, body[starts[row] :], row)
    if bad:
        raise _diagnose(layout, body[starts[rows] :], rows)
    return fixed, data


def _load_buffers(layout: bytes, body: Any) -> tuple[Any, list[Buffers]]:
    """Do what the accelerator's ``load`` does, with arrays for bytearrays."""
    import numpy as np

    fixed, data = _split(layout, memoryview(body).cast("B"))
    fields = {name: part[name] for part in fixed for name in part.dtype.names or ()}
    columns: list[Buffers] = []
    texts = iter(data)
    for i, letter in enumerate(layout.decode()):
        nulls = fields[f"n{i}"].astype(bool)
        values = fields[f"v{i}"].copy()
        if letter not in "tb":
            values[nulls] = np.nan if letter in "fd" else 0
            columns.append((values, None, nulls))
            continue
        values[nulls] = 0
        offsets = np.zeros(len(values) + 1, np.int64)
        np.cumsum(values, out=offsets[1:])
        cells = itertools.compress(next(texts), ~nulls)
        columns.append((np.frombuffer(bytearray().join(cells), np.uint8), offsets, nulls))
    for i, letter in enumerate(layout.decode()):
        if letter == "t":
            _check_text(columns[i][0], columns[i][1], i)
    return fields["id"].copy(), columns


def _check_text(data: Any, offsets: Any, column: int) -> None:
    """Hold texts to UTF-8, all at once: none may start within a character."""
    raw = data.tobytes()
    try:
        raw.decode()
        starts = offsets[offsets < len(raw)]
        if not ((data[starts] & 0xC0) == 0x80).any():
            return
    except UnicodeDecodeError:
        pass
    for row, (start, stop) in enumerate(itertools.pairwise(offsets.tolist())):
        try:
            raw[start:stop].decode()
        except UnicodeDecodeError:
            raise _Refused(Reason.NOT_UTF8, row, column) from None


def _dump_buffers(layout: bytes, row_ids: Any, columns: list[Buffers]) -> bytes:
    """Do what the accelerator's ``dump`` does, with arrays for buffers."""
    import numpy as np

    pieces = _pieces(layout)
    rows = len(row_ids)
    fixed = [np.zeros(rows, piece) for piece in pieces]
    fields = {name: part[name] for part in fixed for name in part.dtype.names or ()}
    fields["id"][:] = row_ids
    data: list[list[Any]] = []
    for i, (letter, column) in enumerate(zip(layout.decode(), columns, strict=True)):
        values, offsets, nulls = column
        if nulls is not None:
            fields[f"n{i}"][:] = nulls
        if letter not in "tb":
            fields[f"v{i}"][:] = values.view(fields[f"v{i}"].dtype)
            if nulls is not None:
                fields[f"v{i}"][nulls] = 0
            continue
        starts, stops = offsets[:-1], offsets[1:]
        wrong = (starts < 0) | (stops < starts) | (stops > len(values))
        if nulls is not None:
            wrong &= ~nulls
            starts, stops = np.where(nulls, 0, starts), np.where(nulls, 0, stops)
        if wrong.any():
            raise _Refused(Reason.OFFSETS, int(wrong.argmax()), i)
        fields[f"v{i}"][:] = stops - starts
        view = memoryview(values)
        slices = zip(starts.tolist(), stops.tolist(), strict=True)
        data.append([view[start:stop] for start, stop in slices])
    if not data:
        return bytes(fixed[0].tobytes())
    cells: list[list[Any]] = []
    for number, part in enumerate(fixed):
        if part.dtype.itemsize:
            size, view = part.dtype.itemsize, memoryview(part.tobytes())
            cells.append([view[at : at + size] for at in range(0, rows * size, size)])
        if number < len(data):
            cells.append(data[number])
    return b"".join(itertools.chain.from_iterable(zip(*cells, strict=True)))


# -- what Python sees --------------------------------------------------------------------------


@functools.lru_cache(maxsize=4)
def _codec(
    pure_python: bool | None,
) -> tuple[Callable[..., Any], Callable[..., Any], type[Exception]]:
    """Return load, dump and the exception of the accelerator, or of this module."""
    found = accelerators.find("rowdat-1", pure_python)
    if found is None:
        return _load_buffers, _dump_buffers, _Refused
    return found.load, found.dump, found.Refused


def _wanted(pure_python: bool | None) -> bool | None:
    wanted: bool | None = get_option("pure_python") if pure_python is None else pure_python
    return wanted


def load(
    types: Sequence[int], body: Any, *, buffers: bool = False, pure_python: bool | None = None
) -> tuple[Ids, list[Column]]:
    """Return the row ids and columns of a body.

    Args:
        types: type code per column; a negative one is unsigned or binary.
        body: bytes or any other contiguous buffer, of which nothing is kept.
        buffers: give columns without a fixed width as :class:`VarBuffers`, with no Python object
            per value, rather than as arrays of objects.
        pure_python: as the option of the same name, which is the default.

    Returns int64 row ids of shape (n,), and per column ``(values, nulls)`` of shape (n,), arrays
    that the caller owns and may write to.  ``nulls`` is boolean, true for NULL.  ``values`` are
    integers and floats of the type's own width; ``datetime64[D]``, ``datetime64[us]`` and
    ``timedelta64[us]``; or objects: ``str``, ``bytes``, ``Decimal``.  For a NULL they have 0, NaN,
    NaT or ``None``; for a date or time with a zero month or day, which is not NULL, NaT.

    Raises ``DataError`` for a body that breaks off or is not of these types, naming the row and the
    column, ``NotSupportedError`` for a type that the format does not have.
    """
    import numpy as np

    load_buffers, _, refused = _codec(_wanted(pure_python))
    layout = _layout(tuple(types))
    try:
        ids, found = load_buffers(layout, body)
    except refused as exc:
        raise _error(*exc.args) from None
    columns: list[Column] = []
    for i, (code, (values, offsets, nulls)) in enumerate(zip(types, found, strict=True)):
        mask: NDArray[np.bool_] = np.frombuffer(nulls, np.bool_)
        dtype = _dtype(code)
        if dtype is not None:
            numbers = np.frombuffer(values, dtype)
            if code in _TEMPORAL:
                numbers = _unpack(code, numbers, mask, i)
            columns.append((numbers, mask))
            continue
        var = VarBuffers(np.frombuffer(offsets, np.int64), np.frombuffer(values, np.uint8))
        columns.append((var if buffers else _objects(code, var, mask, i), mask))
    return np.frombuffer(ids, np.int64), columns


def dump(
    types: Sequence[int],
    row_ids: Any,
    columns: Sequence[tuple[Any, Any]],
    *,
    pure_python: bool | None = None,
) -> bytes:
    """Return the body of columns.

    Args:
        types: type code per column; a negative one is unsigned or binary.
        row_ids: integers of shape (n,).
        columns: per column ``(values, nulls)`` of shape (n,): what ``load`` gives, or anything that
            numpy makes an array of.  ``nulls`` may be ``None``.  ``None`` and NaT are NULL, too.
        pure_python: as the option of the same name, which is the default.

    Numbers of any kind fit a type in whose range they are; fractions of them are cut off where it
    is one of integers.  A number that is NULL is 0 on the wire.

    Raises ``DataError`` for a value that does not fit, naming the row and the column,
    ``ProgrammingError`` for the wrong number of columns or values, ``NotSupportedError`` for a type
    that the format does not have.
    """
    import numpy as np

    _, dump_buffers, refused = _codec(_wanted(pure_python))
    layout = _layout(tuple(types))
    if len(columns) != len(types):
        raise ProgrammingError(None, f"{len(columns)} columns are given for {len(types)} types")
    ids = np.asarray(row_ids)
    if ids.ndim != 1 or (ids.dtype.kind not in "iu" and len(ids)):
        raise ProgrammingError(None, "row ids must be one array of integers")
    ids = np.ascontiguousarray(ids, "<i8")
    made: list[Buffers] = []
    for i, (code, (values, nulls)) in enumerate(zip(types, columns, strict=True)):
        if nulls is not None:
            nulls = np.ascontiguousarray(nulls, bool)
            if nulls.shape != ids.shape:
                raise _sizes(i, f"nulls of the shape {nulls.shape}", len(ids))
        made.append(_prepare(code, values, nulls, len(ids), i))
    try:
        body: bytes = dump_buffers(layout, ids, made)
    except refused as exc:
        raise _error(*exc.args) from None
    return body


def _sizes(column: int, found: str, rows: int) -> ProgrammingError:
    return ProgrammingError(None, f"column {column} has {found}, but there are {rows} row ids")


def _prepare(code: int, values: Any, nulls: Any, rows: int, column: int) -> Buffers:
    """Return the buffers of a column that is to be written."""
    import numpy as np

    dtype = _dtype(code)
    if isinstance(values, VarBuffers):
        if dtype is not None:
            raise ProgrammingError(None, f"VarBuffers are given for the type code {code}")
        offsets = np.ascontiguousarray(values.offsets, np.int64)
        if offsets.shape != (rows + 1,):
            raise _sizes(column, f"{len(offsets) - 1} values", rows)
        return np.ascontiguousarray(values.data, np.uint8), offsets, nulls
    if isinstance(values, list | tuple):
        # numpy would make arrays of one width of texts, in which trailing NULs are lost, and
        # doubles of 0 and 2**63.
        array: Any = np.empty(len(values), object)
        array[:] = values
    else:
        array = np.asarray(values)
    if array.shape != (rows,):
        raise _sizes(column, f"values of the shape {array.shape}", rows)
    if array.dtype == object:
        absent = np.fromiter((value is None for value in array), bool, rows)
        if absent.any():
            nulls = absent if nulls is None else nulls | absent
    if dtype is None:
        return _encode(code, array, nulls, column)
    if code in _TEMPORAL:
        return _pack(code, array, nulls, column)
    return _number(code, dtype, array, nulls, column), None, nulls


def _objects_to_numbers(code: int, dtype: str, array: Any, nulls: Any, column: int) -> Any:
    """Return Python's numbers in the type of the wire."""
    import numpy as np

    is_float = dtype[1] == "f"
    low, high = _bounds(code, dtype)
    numbers: list[int | float] = []
    for row, value in enumerate(array):
        if nulls is not None and nulls[row]:
            numbers.append(0)
            continue
        try:
            if isinstance(value, str | bytes):
                raise TypeError("a text is no number")
            number: int | float = float(value) if is_float else int(value)
        except (ValueError, TypeError, OverflowError) as exc:
            raise _unfit(f"{value!r} is no number for the type code {code}", row, column) from exc
        if not is_float and not low <= number <= high:
            raise _unfit(f"{value!r} is out of range for the type code {code}", row, column)
        numbers.append(number)
    return np.array(numbers, np.float64 if is_float else dtype)


def _bounds(code: int, dtype: str) -> tuple[int, int]:
    import numpy as np

    if dtype[1] == "f":
        return 0, 0
    info = np.iinfo(dtype)
    return _BOUNDS.get(code, (int(info.min), int(info.max)))


def _number(code: int, dtype: str, array: Any, nulls: Any, column: int) -> Any:
    """Return numbers in the type of the wire; what is NULL may be anything."""
    import numpy as np

    if array.dtype == object:
        array = _objects_to_numbers(code, dtype, array, nulls, column)
    if array.dtype.kind not in "biuf" and len(array):
        raise DataError(
            None,
            f"column {column} has values of the type {array.dtype}, and the type code {code} is "
            "one of numbers",
        )
    target = np.dtype(dtype)
    if array.dtype == target and code not in _BOUNDS:
        return np.ascontiguousarray(array)
    live = np.ones(len(array), bool) if nulls is None else ~nulls
    if target.kind == "f":
        with np.errstate(over="ignore", invalid="ignore"):
            made = array.astype(target)
        wrong = np.isinf(made) & live
        if array.dtype.kind == "f":
            wrong &= ~np.isinf(array)
    else:
        low, high = _bounds(code, dtype)
        if array.dtype.kind == "f":
            # As doubles, where 2**63 is one and 2**63 - 1 is not: hence "<".  NaN is neither.
            whole = np.trunc(array.astype(np.float64))
            wrong = ~((whole >= float(low)) & (whole < float(high + 1)))
        else:
            whole = array.astype(np.uint8) if array.dtype.kind == "b" else array
            limits = np.iinfo(whole.dtype)
            wrong = np.zeros(len(whole), bool)
            if limits.min < low:
                wrong |= whole < low
            if limits.max > high:
                wrong |= whole > high
        made = np.where(wrong, np.zeros(1, whole.dtype), whole).astype(target)
        wrong &= live
    if wrong.any():
        row = int(wrong.argmax())
        raise _unfit(f"{array[row]} is out of range for the type code {code}", row, column)
    return np.ascontiguousarray(made)


# -- text, bytes, decimals ---------------------------------------------------------------------


def _objects(code: int, var: VarBuffers, nulls: Any, column: int) -> Any:
    """Return an array of Python's objects."""
    import numpy as np

    raw = var.data.tobytes()
    bounds = list(itertools.pairwise(var.offsets.tolist()))
    made: list[Any]
    if code < 0:
        made = [raw[start:stop] for start, stop in bounds]
    elif raw.isascii():
        text = raw.decode("ascii")
        made = [text[start:stop] for start, stop in bounds]
    else:
        made = [raw[start:stop].decode() for start, stop in bounds]
    values = np.empty(len(made), object)
    if code in _DECIMALS:
        for row, value in enumerate(made):
            if not nulls[row]:
                values[row] = _decimal(value, row, column)
        return values
    values[:] = made
    values[nulls] = None
    return values


def _decimal(value: Any, row: int, column: int) -> Decimal:
    try:
        number = Decimal(value)
    except (InvalidOperation, TypeError, ValueError) as exc:
        raise _unfit(f"{value!r} is no decimal number", row, column) from exc
    if not number.is_finite() or abs(number.adjusted()) > 65:
        # 65 digits are the most that a DECIMAL has.
        raise _unfit(f"{value!r} does not fit a DECIMAL", row, column)
    return number


def _encode(code: int, array: Any, nulls: Any, column: int) -> Buffers:
    """Return the bytes of Python's objects and where each begins."""
    import numpy as np

    given = array.tolist()
    cells: list[bytes] = []
    for row, value in enumerate(given):
        if nulls is not None and nulls[row]:
            cells.append(b"")
        elif code in _DECIMALS:
            cells.append(format(_decimal(value, row, column), "f").encode())
        elif code < 0:
            if not isinstance(value, bytes | bytearray | memoryview):
                raise _unfit(f"a {type(value).__name__} is no bytes", row, column)
            cells.append(bytes(value))
        else:
            if not isinstance(value, str):
                raise _unfit(f"a {type(value).__name__} is no text", row, column)
            try:
                cells.append(value.encode())
            except UnicodeEncodeError as exc:
                raise _unfit("a text is no Unicode, with half a surrogate pair", row,
                             column) from exc  # fmt: skip
    offsets = np.zeros(len(cells) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, cells), np.int64, len(cells)), out=offsets[1:])
    return np.frombuffer(b"".join(cells), np.uint8), offsets, nulls


# -- dates and times ---------------------------------------------------------------------------


def _unpack(code: int, packed: Any, nulls: Any, column: int) -> Any:
    """Return packed dates or times as numpy's."""
    import numpy as np

    if code == 11:
        # Of the least int64 there is no absolute value but an unsigned one.
        size = np.abs(packed).view(np.uint64).astype(np.uint64)
        clock, micros = np.divmod(size, np.uint64(1_000_000))
        hours, minutes, seconds = clock // 10000, clock // 100 % 100, clock % 100
        wrong = (minutes > 59) | (seconds > 59)
        span = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros
        made = np.where(wrong, 0, span).astype(np.int64)
        made = np.where(packed < 0, -made, made).view("m8[us]")
        zero = np.zeros(len(made), bool)
    else:
        if code in (10, 14):
            year, month, day = packed // 10000, packed // 100 % 100, packed % 100
            rest = np.zeros(len(packed), np.int64)
            wrong = packed < 0
        else:
            year, month, day = packed >> 46, packed >> 42 & 15, packed >> 37 & 31
            hour, minute = packed >> 32 & 31, packed >> 26 & 63
            second, micro = packed >> 20 & 63, packed & 0xFFFFF
            rest = ((hour * 60 + minute) * 60 + second) * 1_000_000 + micro
            wrong = (hour > 23) | (minute > 59) | (second > 59) | (micro > 999_999)
        wrong = wrong | (year < 0) | (year > 9999) | (month > 12)
        zero = ~wrong & ((month == 0) | (day == 0))
        usable = ~(wrong | zero)
        first = np.where(usable, (year - 1970) * 12 + month - 1, 0).view("M8[M]")
        days = first.astype("M8[D]") + np.where(usable, day - 1, 0).view("m8[D]")
        wrong = wrong | (usable & (days.astype("M8[M]") != first))
        made = days if code in (10, 14) else days.astype("M8[us]") + rest.view("m8[us]")
    wrong = wrong & ~nulls
    if wrong.any():
        row = int(wrong.argmax())
        raise _unfit(f"{packed[row]} is no date or time of the type code {code}", row, column)
    made[nulls | zero] = "NaT"
    return made


def _pack(code: int, array: Any, nulls: Any, column: int) -> Buffers:
    """Return numpy's dates or times, or Python's, as they are packed; NaT is NULL."""
    import numpy as np

    unit = _TEMPORAL[code]
    if nulls is not None and array.dtype == object:
        nothing: Any = None
        array = np.where(nulls, nothing, array)
    if array.dtype != object and array.dtype.kind != unit[0] and len(array):
        raise DataError(
            None,
            f"column {column} has values of the type {array.dtype}, and the type code {code} is "
            f"one of {'times' if unit[0] == 'm' else 'dates'}",
            hint=f"give an array of numpy's type {unit}",
        )
    try:
        made = array.astype(unit)
    except (ValueError, TypeError, OverflowError) as exc:
        raise DataError(None, f"column {column} has values that are no {unit}: {exc}") from exc
    absent = np.isnat(made)
    nulls = absent if nulls is None else nulls | absent
    wrong = np.zeros(len(made), bool)
    if array.dtype != object and len(array):
        # Digits would be lost, or did not fit: it is not the same when it is taken back.
        wrong = made.astype(array.dtype) != array
    made = np.where(nulls, np.zeros(1, unit), made)
    if code == 11:
        micros = made.view(np.int64)
        # The least int64 is NaT.
        clock, micro = np.divmod(np.abs(micros), 1_000_000)
        hours, minutes, seconds = clock // 3600, clock // 60 % 60, clock % 60
        size = (hours * 100 + minutes) * 100 + seconds
        # Hours have more digits when they are packed: 922337203 are the most that fit.
        wrong |= hours > 922_337_202
        packed = np.where(wrong, 0, size) * 1_000_000 + micro
        packed = np.where(micros < 0, -packed, packed)
    else:
        days = made.astype("M8[D]")
        months = days.astype("M8[M]")
        year = months.view(np.int64) // 12 + 1970
        month = months.view(np.int64) % 12 + 1
        day = (days - months.astype("M8[D]")).view(np.int64) + 1
        wrong |= (year < 1) | (year > 9999)
        if code in (10, 14):
            packed = np.where(wrong, 0, year * 10000 + month * 100 + day)
        else:
            rest = (made - days.astype("M8[us]")).view(np.int64)
            clock, micro = np.divmod(rest, 1_000_000)
            packed = np.where(wrong, 0, year) << 46 | month << 42 | day << 37
            packed |= clock // 3600 << 32 | clock // 60 % 60 << 26 | clock % 60 << 20 | micro
    wrong &= ~nulls
    if wrong.any():
        row = int(np.argmax(wrong))
        raise _unfit(
            f"{array[row]} does not fit the type code {code}", row, column,
            hint="years are 1 to 9999; round to microseconds, or dates to days, first",
        )  # fmt: skip
    return np.ascontiguousarray(packed, "<i8"), None, nulls
