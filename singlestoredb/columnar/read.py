"""Arrow batches to rows and to numpy columns.

Columns of fixed width are views of the Arrow buffers; nothing is copied unless several batches
are joined or NULLs need a value.  Text, binary and decimals become Python objects: numpy has no
better type for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def to_rows(chunk: Any) -> list[tuple[Any, ...]]:
    """Return the rows of an Arrow stream as tuples of Python values."""
    from nanoarrow.iterator import iter_tuples

    return list(iter_tuples(chunk))


@dataclass(frozen=True)
class NumpyColumn:
    """One column of a result as numpy arrays of shape (rows,)."""

    name: str
    format: str
    """Arrow format string of the column (C data interface)."""
    values: npt.NDArray[Any]
    """Values.  What stands at a NULL is arbitrary, except None in object arrays."""
    nulls: npt.NDArray[np.bool_] | None
    """True where the value is NULL; ``None`` when there are none."""


_DTYPES = {
    "c": "i1",
    "C": "u1",
    "s": "i2",
    "S": "u2",
    "i": "i4",
    "I": "u4",
    "l": "i8",
    "L": "u8",
    "e": "f2",
    "f": "f4",
    "g": "f8",
    "tdD": "i4",
    "tsu:": "M8[us]",
    "tDu": "m8[us]",
}


def to_numpy(chunk: Any, only: Sequence[int] | None = None) -> list[NumpyColumn]:
    """Return the columns of an Arrow stream; those at the positions ``only``, if it is given.

    dtypes: integers and floats as they are; date32 ``datetime64[D]``; timestamp[us]
    ``datetime64[us]``; duration[us] ``timedelta64[us]``; anything else ``object``, in which a
    vector is an array of its own, of shape (dimension,).
    """
    import numpy as np
    from nanoarrow.c_array_stream import c_array_stream

    stream = c_array_stream(chunk)
    schema = stream.get_schema()
    batches = list(stream)
    columns = []
    values: npt.NDArray[Any]
    nulls: npt.NDArray[np.bool_] | None
    fields = list(schema.children)
    for i in range(len(fields)) if only is None else only:
        field = fields[i]
        pieces = [_piece(batch, i, field) for batch in batches if len(batch)]
        dtype = _dtype(field.format)
        if not pieces:
            values, nulls = np.empty(0, dtype), None
        elif len(pieces) == 1:
            values, nulls = pieces[0]
        else:
            values = np.concatenate([piece[0] for piece in pieces])
            nulls = None
            if any(piece[1] is not None for piece in pieces):
                nulls = np.concatenate(
                    [n if n is not None else np.zeros(len(v), "?") for v, n in pieces]
                )
        columns.append(NumpyColumn(field.name, field.format, values, nulls))
    return columns


class _Window:
    """Makes an array into a batch's buffer keep the batch alive: nanoarrow's buffer views of a
    child column do not."""

    def __init__(self, values: npt.NDArray[Any], batch: Any) -> None:
        self.__array_interface__ = values.__array_interface__
        self._batch = batch


def _dtype(form: str) -> str:
    return "M8[D]" if form == "tdD" else _DTYPES.get(form, "O")


def _piece(batch: Any, i: int, field: Any) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_] | None]:
    """Return values and nulls of one column of one batch."""
    import numpy as np

    parent = batch.view()
    view = parent.child(i)
    # A struct's offset counts for its children too.
    start, length = view.offset + parent.offset, parent.length
    nulls = None
    if view.null_count and field.format != "n":
        bits = np.frombuffer(view.buffer(0), "u1")
        nulls = ~np.unpackbits(bits, count=start + length, bitorder="little")[start:].view("?")
    form = field.format
    if form in _DTYPES:
        values = np.frombuffer(view.buffer(1), _DTYPES[form], count=start + length)[start:]
        if form == "tdD":
            return values.astype("i8").view("M8[D]"), nulls
        return np.asarray(_Window(values, batch)), nulls
    return _objects(batch, view, i, field, start, length, nulls), nulls


def _objects(
    batch: Any,
    view: Any,
    i: int,
    field: Any,
    start: int,
    length: int,
    nulls: npt.NDArray[np.bool_] | None,
) -> npt.NDArray[Any]:
    import numpy as np

    out = np.empty(length, "O")
    form = field.format
    if form == "n":
        return out
    if form in ("u", "z"):
        offsets = np.frombuffer(view.buffer(1), "i4", count=start + length + 1)[start:].tolist()
        data = bytes(view.buffer(2))
        spans = pairwise(offsets)
        if form == "z":
            out[:] = [data[a:b] for a, b in spans]
        elif data.isascii():
            text = data.decode("ascii")
            out[:] = [text[a:b] for a, b in spans]
        else:
            out[:] = [data[a:b].decode() for a, b in spans]
    elif form.startswith("+w:") and field.child(0).format in _DTYPES:
        dimension = int(form[3:])
        items = view.child(0)
        flat = np.frombuffer(items.buffer(1), _DTYPES[field.child(0).format])
        flat = flat[items.offset :][start * dimension : (start + length) * dimension]
        for row, vector in enumerate(flat.reshape(length, dimension).copy()):
            out[row] = vector
    else:
        from nanoarrow.iterator import iter_py

        for row, value in enumerate(iter_py(batch.child(i))):
            out[row] = value
        return out
    if nulls is not None:
        out[nulls] = None
    return out
