"""Arrow record batches through the C data interface, without an Arrow library.

DuckDB exports a result as an ``ArrowArrayStream``.  This module pulls its batches, gives columns
the types of the SDK's mapping where DuckDB has none (TIME is a duration), hands out at most so
many rows at a time, and turns batches into Python values column by column.

The structures are those of https://arrow.apache.org/docs/format/CDataInterface.html and
https://arrow.apache.org/docs/format/CStreamInterface.html.
"""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable, Iterator
from typing import Any

_P = ctypes.c_void_p


class _Schema(ctypes.Structure):
    pass


_Schema._fields_ = [
    ("format", ctypes.c_char_p), ("name", ctypes.c_char_p), ("metadata", _P),
    ("flags", ctypes.c_int64), ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(ctypes.POINTER(_Schema))), ("dictionary", _P), ("release", _P),
    ("private_data", _P),
]  # fmt: skip


class _Array(ctypes.Structure):
    pass


_Array._fields_ = [
    ("length", ctypes.c_int64), ("null_count", ctypes.c_int64), ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64), ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(_P)), ("children", ctypes.POINTER(ctypes.POINTER(_Array))),
    ("dictionary", _P), ("release", _P), ("private_data", _P),
]  # fmt: skip

_FILL = ctypes.CFUNCTYPE(ctypes.c_int, _P, _P)
_ERROR = ctypes.CFUNCTYPE(ctypes.c_char_p, _P)
_LAST_ERROR = ctypes.CFUNCTYPE(_P, _P)
"""The same as a callback: an address."""
_RELEASE = ctypes.CFUNCTYPE(None, _P)


class _Stream(ctypes.Structure):
    _fields_ = (
        ("get_schema", _P), ("get_next", _P), ("get_last_error", _P), ("release", _P),
        ("private_data", _P),
    )  # fmt: skip


_capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_capsule_pointer.restype = _P
_capsule_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
_capsule_is_valid = ctypes.pythonapi.PyCapsule_IsValid
_capsule_is_valid.argtypes = [_P, ctypes.c_char_p]
_capsule_raw_pointer = ctypes.PYFUNCTYPE(_P, _P, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)
_DESTRUCTOR = ctypes.PYFUNCTYPE(None, _P)
_capsule_new = ctypes.pythonapi.PyCapsule_New
_capsule_new.restype = ctypes.py_object
_capsule_new.argtypes = [_P, ctypes.c_char_p, _DESTRUCTOR]

_NAME = b"arrow_array_stream"


def _call_release(release: int | None, address: int) -> None:
    if release:
        _RELEASE(release)(address)


class Field:
    """What a column is exported as."""

    __slots__ = ("element", "format", "name", "width")

    def __init__(self, name: str, format: str, *, width: int = 0, element: str = "") -> None:
        self.name = name
        self.format = format
        """Arrow format string: ``l``, ``u``, ``tDu``, ``d:10,2``, ``+w:3`` …"""
        self.width = width
        """Elements of a fixed-size list."""
        self.element = element
        """Format of a fixed-size list's elements."""


class Batch:
    """One record batch: its own ``ArrowArray``, released with it unless it was moved out."""

    __slots__ = ("array", "length", "start")

    def __init__(self, array: _Array) -> None:
        self.array = array
        self.length = int(array.length)
        """Rows."""
        self.start = 0
        """Rows already given out."""

    def __del__(self) -> None:
        if self.array.release:
            _call_release(self.array.release, ctypes.addressof(self.array))
            self.array.release = None


class BatchReader:
    """Pulls batches from a capsule that DuckDB made."""

    def __init__(self, capsule: object) -> None:
        self._capsule: object | None = capsule
        self._address: int = _capsule_pointer(capsule, _NAME)
        stream = _Stream.from_address(self._address)
        self._next = _FILL(stream.get_next)
        self._error = _ERROR(stream.get_last_error)

    def read(self) -> Batch | None:
        """Return the next batch that has rows, or ``None`` at the end.

        Raises ``RuntimeError`` with DuckDB's message when the query fails on its way.
        """
        while self._capsule is not None:
            array = _Array()
            code = self._next(self._address, ctypes.addressof(array))
            if code:
                message = self._error(self._address) or b""
                self.close()
                raise RuntimeError(message.decode("utf-8", "replace"))
            if not array.release:
                self.close()
                break
            batch = Batch(array)
            if array.length:
                return batch
        return None

    def close(self) -> None:
        """Abandon the rest."""
        if self._capsule is not None:
            stream = _Stream.from_address(self._address)
            if stream.release:
                _call_release(stream.release, self._address)
                stream.release = None
            self._capsule = None


# -- export ----------------------------------------------------------------------------------

_KEEP: dict[int, Any] = {}
"""Python objects that exported structures need, by the number in ``private_data``."""
_numbers = itertools.count(1)


def _keep(objects: Any) -> int:
    number = next(_numbers)
    _KEEP[number] = objects
    return number


def _release_kept(address: int, structure: Any) -> None:
    item = structure.from_address(address)
    _KEEP.pop(item.private_data, None)
    item.release = None


@_RELEASE  # type: ignore[untyped-decorator]  # a ctypes prototype
def _release_schema(address: int) -> None:
    schema = _Schema.from_address(address)
    for i in range(schema.n_children):
        child = schema.children[i].contents
        if child.release:
            _call_release(child.release, ctypes.addressof(child))
    _release_kept(address, _Schema)


@_RELEASE  # type: ignore[untyped-decorator]  # a ctypes prototype
def _release_array(address: int) -> None:
    array = _Array.from_address(address)
    for i in range(array.n_children):
        child = array.children[i].contents
        if child.release:
            _call_release(child.release, ctypes.addressof(child))
    _release_kept(address, _Array)


def _fill_schema(out: _Schema, fields: list[Field]) -> None:
    children = [_Schema() for _ in fields]
    pointers = (ctypes.POINTER(_Schema) * max(1, len(fields)))(
        *(ctypes.pointer(c) for c in children)
    )
    for child, field in zip(children, fields, strict=True):
        child.format = field.format.encode()
        child.name = field.name.encode()
        child.flags = 2  # nullable, as the SDK's mapping has every column
        if field.element:
            element = _Schema()
            element.format, element.name = field.element.encode(), b"item"
            element.release = ctypes.cast(_release_schema, _P).value
            element.private_data = _keep(element)
            inner = (ctypes.POINTER(_Schema) * 1)(ctypes.pointer(element))
            child.n_children, child.children = 1, inner
            child.private_data = _keep((child, inner, element))
        else:
            child.private_data = _keep(child)
        child.release = ctypes.cast(_release_schema, _P).value
    ctypes.memset(ctypes.addressof(out), 0, ctypes.sizeof(_Schema))  # the consumer's memory
    out.format, out.name = b"+s", b""
    out.n_children, out.children = len(fields), pointers
    out.release = ctypes.cast(_release_schema, _P).value
    out.private_data = _keep((children, pointers))


def _move(source: _Array, address: int) -> None:
    ctypes.memmove(address, ctypes.addressof(source), ctypes.sizeof(_Array))
    source.release = None


def _slice(batch: Batch, start: int, length: int) -> _Array:
    """Make a batch of some rows that shares the memory of ``batch``."""
    source = batch.array
    children = []
    for i in range(source.n_children):
        child = _Array()
        original = source.children[i].contents
        ctypes.memmove(ctypes.addressof(child), ctypes.addressof(original), ctypes.sizeof(_Array))
        child.offset = original.offset + start
        child.length = length
        child.null_count = -1 if original.null_count else 0
        # A consumer may keep a child and release its parent: each holds the batch.
        inner = _share_children(child, original) if child.n_children else None
        child.private_data = _keep((child, inner, batch))
        child.release = ctypes.cast(_release_array, _P).value
        children.append(child)
    pointers = (ctypes.POINTER(_Array) * max(1, len(children)))(
        *(ctypes.pointer(c) for c in children)
    )
    out = _Array()
    out.length, out.null_count, out.n_buffers = length, 0, source.n_buffers
    out.buffers = source.buffers
    out.n_children, out.children = len(children), pointers
    out.release = ctypes.cast(_release_array, _P).value
    out.private_data = _keep((batch, children, pointers))
    return out


def _share_children(child: _Array, original: _Array) -> Any:
    """Give ``child`` views of the children of ``original`` that release nothing themselves."""
    copies = []
    for i in range(original.n_children):
        copy = _Array()
        inner = original.children[i].contents
        ctypes.memmove(ctypes.addressof(copy), ctypes.addressof(inner), ctypes.sizeof(_Array))
        copy.private_data = _keep(copy)
        copy.release = ctypes.cast(_release_array, _P).value
        copies.append(copy)
    pointers = (ctypes.POINTER(_Array) * len(copies))(*(ctypes.pointer(c) for c in copies))
    child.children = pointers
    return copies, pointers


class Batches:
    """A stream of batches behind ``__arrow_c_stream__``.  May be exported once.

    ``pull`` returns the next array, which the consumer then owns, or ``None`` at the end.
    """

    def __init__(
        self, fields: list[Field], pull: Callable[[], _Array | None], num_rows: int
    ) -> None:
        self.num_rows = num_rows
        """Rows in all batches; -1 while unknown."""
        self._fields = fields
        self._pull: Callable[[], _Array | None] | None = pull

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        if self._pull is None:
            raise ValueError("these Arrow batches were exported before; read them again")
        pull, self._pull = self._pull, None
        return _export(self._fields, pull)


def _export(fields: list[Field], pull: Callable[[], _Array | None]) -> object:
    # Memory of the message: a callback cannot hand out that of a bytes object without losing it.
    state: dict[str, Any] = {"error": None}

    def get_schema(_: int, out: int) -> int:
        _fill_schema(_Schema.from_address(out), fields)
        return 0

    def get_next(_: int, out: int) -> int:
        # No exception may leave a C callback: it travels as errno and text.
        try:
            array = pull()
        except Exception as exc:
            state["error"] = ctypes.create_string_buffer(str(exc).encode("utf-8", "replace"))
            return 5  # EIO
        if array is None:
            _Array.from_address(out).release = None
        else:
            _move(array, out)
        return 0

    def get_last_error(_: int) -> int | None:
        return None if state["error"] is None else ctypes.addressof(state["error"])

    callbacks = (_FILL(get_schema), _FILL(get_next), _LAST_ERROR(get_last_error))
    stream = _Stream()
    stream.get_schema, stream.get_next, stream.get_last_error = (
        ctypes.cast(c, _P).value for c in callbacks
    )
    stream.release = ctypes.cast(_release_stream, _P).value
    stream.private_data = _keep((callbacks, state))
    _STREAMS[ctypes.addressof(stream)] = stream
    return _capsule_new(ctypes.addressof(stream), _NAME, _destroy_capsule)


_STREAMS: dict[int, _Stream] = {}
"""Memory of the structures inside capsules, by address.  A consumer copies the structure out, so
it ends with the capsule, and what it refers to ends with whoever releases the copy."""


@_RELEASE  # type: ignore[untyped-decorator]  # a ctypes prototype
def _release_stream(address: int) -> None:
    _release_kept(address, _Stream)


@_DESTRUCTOR  # type: ignore[untyped-decorator]  # a ctypes prototype
def _destroy_capsule(capsule: int) -> None:
    if not _capsule_is_valid(capsule, _NAME):
        return
    address = _capsule_raw_pointer(capsule, _NAME)
    stream = _STREAMS[address]
    if stream.release:
        _call_release(stream.release, address)
    del _STREAMS[address]


# The callbacks outlive the module: consumers may release batches while the interpreter ends.
for _callback in (_release_schema, _release_array, _release_stream, _destroy_capsule):
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(_callback))


class Source:
    """Batches behind ``__arrow_c_stream__``, for a reader that may ask for their types first.

    ``pull`` returns the next batch, or ``None`` at the end; however often the stream is exported,
    a batch is given once.  What it raises reaches the reader as text.  ``fields`` are the
    columns' names and types.
    """

    def __init__(self, fields: list[Field], pull: Callable[[], Batch | None]) -> None:
        self._fields = fields
        self._pull = pull

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        def pull() -> _Array | None:
            batch = self._pull()
            return None if batch is None else _slice(batch, 0, batch.length)

        return _export(self._fields, pull)


class BatchQueue:
    """Batches of one result, read as Arrow or as columns of Python values.

    With ``keep`` they stay in memory, and :meth:`seek` can go back; otherwise a batch is gone once
    its last row was read.
    """

    def __init__(self, fields: list[Field], reader: BatchReader, *, keep: bool) -> None:
        self.fields = fields
        self._reader: BatchReader | None = reader
        self._keep = keep
        self._batches: list[Batch] = []
        self._index = 0
        """Number of the batch with the next row."""

    def load(self) -> int:
        """Receive everything; return the number of rows."""
        while self._receive():
            pass
        return sum(batch.length for batch in self._batches)

    def _receive(self) -> bool:
        batch = None if self._reader is None else self._reader.read()
        if batch is None:
            self._reader = None
            return False
        self._fix(batch.array)
        self._batches.append(batch)
        return True

    def seek(self, row: int) -> None:
        """Go to row ``row``, counted from 0, of a result that is kept."""
        self._index = 0
        for batch in self._batches:
            batch.start = min(row, batch.length)
            row -= batch.start
            if batch.start == batch.length:
                self._index += 1

    def take(self, size: int | None) -> Iterator[tuple[Batch, int, int]]:
        """Yield (batch, start, rows) for the next ``size`` rows, ``None`` for all."""
        left = size
        while left is None or left > 0:
            if self._index == len(self._batches) and not self._receive():
                return
            batch = self._batches[self._index]
            start = batch.start
            count = batch.length - start if left is None else min(left, batch.length - start)
            batch.start += count
            if batch.start == batch.length:
                if self._keep:
                    self._index += 1
                else:
                    self._batches.pop()
            if left is not None:
                left -= count
            yield batch, start, count

    def arrow(self, size: int | None) -> Batches:
        """Return the next rows as a stream of batches, without copying them."""
        pieces = self.take(size)
        rows = -1
        if size is not None or self._reader is None:
            taken = list(pieces)  # reads that follow continue after these rows
            rows = sum(count for _, _, count in taken)
            pieces = iter(taken)

        def pull() -> _Array | None:
            piece = next(pieces, None)
            if piece is None:
                return None
            batch, start, count = piece
            if start == 0 and count == batch.length and not self._keep:
                array = _Array()
                _move(batch.array, ctypes.addressof(array))
                return array
            return _slice(batch, start, count)

        return Batches(self.fields, pull, rows)

    def _fix(self, array: _Array) -> None:
        """Make columns of the type null what Arrow wants: no buffers."""
        for i, field in enumerate(self.fields):
            if field.format == "n":
                child = array.children[i].contents
                child.n_buffers, child.null_count = 0, child.length

    def columns(self, size: int | None) -> Iterator[list[list[Any]]]:
        """Yield columns of Python values for the next ``size`` rows, batch by batch."""
        for batch, start, count in self.take(size):
            children = batch.array.children
            yield [
                values(children[i].contents, field, start, count)
                for i, field in enumerate(self.fields)
            ]

    def close(self) -> None:
        """Free what was not read."""
        self._batches.clear()
        self._index = 0
        if self._reader is not None:
            self._reader.close()
            self._reader = None


# -- Python values ---------------------------------------------------------------------------

_C_TYPES: dict[str, Any] = {
    "c": ctypes.c_int8, "C": ctypes.c_uint8, "s": ctypes.c_int16, "S": ctypes.c_uint16,
    "i": ctypes.c_int32, "I": ctypes.c_uint32, "l": ctypes.c_int64, "L": ctypes.c_uint64,
    "f": ctypes.c_float, "g": ctypes.c_double, "tdD": ctypes.c_int32, "tsu:": ctypes.c_int64,
    "tDu": ctypes.c_int64,
}  # fmt: skip


def values(array: _Array, field: Field, start: int, count: int) -> list[Any]:
    """Return rows of a column as Python's plain values.

    Numbers, texts, bytes; dates as days, times as microseconds, decimals as unscaled integers,
    vectors as tuples: :mod:`.results` makes them what the SDK promises.
    """
    if field.format == "n":
        return [None] * count
    begin = array.offset + start
    if field.format in ("u", "z"):
        result = _strings(array, begin, count, text=field.format == "u")
    elif field.format.startswith("d:"):
        result = _decimals(array, begin, count)
    elif field.width:
        inner = array.children[0].contents
        flat = _numbers_of(inner, field.element, inner.offset + begin * field.width,
                           count * field.width)  # fmt: skip
        result = list(zip(*[iter(flat)] * field.width, strict=True))
    else:
        result = _numbers_of(array, field.format, begin, count)
    return _with_nulls(array, begin, count, result)


def _numbers_of(array: _Array, format: str, begin: int, count: int) -> list[Any]:
    kind = _C_TYPES[format]
    address = array.buffers[1]
    if not count or not address:
        return []
    items = (kind * count).from_address(address + begin * ctypes.sizeof(kind))
    # Five times as fast as list(items): 0.08 s against 0.43 s for a million (Python 3.13).
    return memoryview(items).cast("B").cast(kind._type_).tolist()


def _strings(array: _Array, begin: int, count: int, *, text: bool) -> list[Any]:
    if not count:
        return []
    items = (ctypes.c_int32 * (count + 1)).from_address(array.buffers[1] + 4 * begin)
    offsets = memoryview(items).cast("B").cast("i").tolist()
    first, last = offsets[0], offsets[-1]
    data = ctypes.string_at(array.buffers[2] + first, last - first) if last > first else b""
    ends = [o - first for o in offsets] if first else offsets
    if text and data.isascii():
        whole = data.decode("ascii")
        return [whole[a:b] for a, b in itertools.pairwise(ends)]
    pieces = [data[a:b] for a, b in itertools.pairwise(ends)]
    return [p.decode("utf-8") for p in pieces] if text else pieces


def _decimals(array: _Array, begin: int, count: int) -> list[Any]:
    words = (ctypes.c_uint64 * (2 * count)).from_address(array.buffers[1] + 16 * begin)
    low, high = words[0::2], words[1::2]
    half = 1 << 63
    return [
        (a if a < half else a - (1 << 64)) if b in (0, (1 << 64) - 1) and (b == 0) == (a < half)
        else a + ((b if b < half else b - (1 << 64)) << 64)
        for a, b in zip(low, high, strict=True)
    ]  # fmt: skip


def _with_nulls(array: _Array, begin: int, count: int, found: list[Any]) -> list[Any]:
    bitmap = array.buffers[0]
    if not array.null_count or not bitmap:
        return found
    first = begin // 8
    size = (begin + count + 7) // 8 - first
    bits = int.from_bytes(ctypes.string_at(bitmap + first, size), "little") >> (begin % 8)
    digits = format(bits & ((1 << count) - 1), f"0{count}b")[::-1]
    return [v if d == "1" else None for v, d in zip(found, digits, strict=True)]
