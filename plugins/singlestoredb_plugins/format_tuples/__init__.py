"""Format plugin ``tuples``: rows as tuples, PEP 249's own."""

from __future__ import annotations

from typing import Any, Literal

from singlestoredb_hookspecs import FormatRequest, hookimpl

Row = tuple[Any, ...]


class TuplesFormat:
    """Lists of tuples, as they are read."""

    reads: Literal["rows"] = "rows"

    def table(self, chunk: list[Row]) -> list[Row]:
        """Return the rows."""
        return chunk

    def row(self, chunk: list[Row]) -> Row:
        """Return the row."""
        return chunk[0]


@hookimpl
def s2_make_format(name: str, request: FormatRequest) -> TuplesFormat | None:
    """Make the format."""
    return TuplesFormat() if name == "tuples" else None
