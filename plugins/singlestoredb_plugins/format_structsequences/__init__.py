"""Format plugin ``structsequences``: rows as CPython struct sequences.

Like ``os.stat_result``: tuples with attributes, smaller and faster to make than named tuples.  A
column whose name is no identifier, or is there twice, is reached by index only.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Sequence
from typing import Any, Literal

from singlestoredb_hookspecs import FormatRequest, hookimpl

Row = tuple[Any, ...]


class StructsequencesFormat:
    """Lists of ``singlestoredb.Row``."""

    reads: Literal["rows"] = "rows"

    def __init__(self, request: FormatRequest) -> None:
        self._make = _row_type([column.name for column in request.columns])

    def table(self, chunk: list[Row]) -> list[Row]:
        """Return the rows."""
        return list(map(self._make, chunk))

    def row(self, chunk: list[Row]) -> Row:
        """Return the row."""
        return self._make(chunk[0])


def _row_type(names: Sequence[str]) -> Callable[[Row], Row]:
    """Make a row type with these attributes."""

    def get(index: int) -> property:
        return property(lambda row: tuple.__getitem__(row, index))

    members: dict[str, Any] = {"__slots__": (), "n_fields": len(names)}
    for index, name in enumerate(names):
        if name.isidentifier() and not keyword.iskeyword(name) and name not in members:
            members[name] = get(index)
    shown = list(names)

    def show(row: Row) -> str:
        cells = ", ".join(f"{name}={value!r}" for name, value in zip(shown, row, strict=True))
        return f"singlestoredb.Row({cells})"

    return type("Row", (tuple,), {**members, "__module__": "singlestoredb", "__repr__": show})


@hookimpl
def s2_make_format(name: str, request: FormatRequest) -> StructsequencesFormat | None:
    """Make the format."""
    return StructsequencesFormat(request) if name == "structsequences" else None
