"""ROWDAT_1 bodies to buffers and back, as ``singlestoredb.columnar.rowdat_1`` has them in Python.

A layout has a letter per column: ``1``, ``2``, ``4``, ``8`` for an integer of so many bytes, ``f``
float, ``d`` double, ``t`` text, ``b`` bytes; another one is a ``ValueError``.  Everything is
little-endian.  The GIL is released while bytes move.
"""

from typing import Any

from typing_extensions import Buffer

class Refused(Exception):
    """A body or a column is not what its layout says; ``args`` is ``(reason, row, column)``: a
    number of ``singlestoredb.columnar.rowdat_1.Reason``, and where it is, counted from 0; column
    -1 is the row's id."""

def load(
    layout: bytes, body: Buffer, /
) -> tuple[bytearray, list[tuple[bytearray, bytearray | None, bytearray]]]:
    """Return row ids, int64 each, and per column ``(values, offsets, nulls)``.

    ``values`` has the values, with 0 or NaN for a NULL, or the bytes of all texts, one after the
    other; ``offsets`` has rows + 1 int64 offsets into these, and is ``None`` otherwise; ``nulls``
    has a byte per row, 1 for NULL.  The caller owns all of them.  Raises :class:`Refused`.
    """

def dump(
    layout: bytes,
    row_ids: Buffer,
    columns: list[Any],
    /,
) -> bytes:
    """Return the body of columns given as ``load`` returns them, tuples of any contiguous buffers;
    ``nulls`` may be ``None``.

    Raises :class:`Refused` for offsets that point backwards or outside; ``ValueError`` for a
    buffer of the wrong size or not aligned, and for the wrong number of columns.
    """
