"""Format plugin ``dicts``: rows as dicts by column name.

The second column of a name is ``table.name``.
"""

from __future__ import annotations

from typing import Any, Literal

from singlestoredb_hookspecs import FormatRequest, hookimpl

Row = dict[str, Any]


class DictsFormat:
    """Lists of dicts, as they are read."""

    reads: Literal["dicts"] = "dicts"

    def table(self, chunk: list[Row]) -> list[Row]:
        """Return the rows."""
        return chunk

    def row(self, chunk: list[Row]) -> Row:
        """Return the row."""
        return chunk[0]


@hookimpl
def s2_make_format(name: str, request: FormatRequest) -> DictsFormat | None:
    """Make the format."""
    return DictsFormat() if name == "dicts" else None
