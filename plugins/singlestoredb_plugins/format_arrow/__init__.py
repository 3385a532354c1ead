"""Format plugin ``arrow``: results as ``pyarrow.Table``.

Column types are those of :mod:`singlestoredb.columnar.types`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from singlestoredb_hookspecs import ArrowBatches, FormatRequest, hookimpl

if TYPE_CHECKING:
    import pyarrow

SINGLESTOREDB_REQUIRES = {"pyarrow": "singlestoredb[arrow]"}


class ArrowFormat:
    """Tables that take over the result's buffers."""

    reads: Literal["arrow"] = "arrow"

    def table(self, chunk: ArrowBatches) -> pyarrow.Table:
        """Return the table."""
        import pyarrow

        return pyarrow.table(chunk)

    row = table


@hookimpl
def s2_make_format(name: str, request: FormatRequest) -> ArrowFormat | None:
    """Make the format."""
    return ArrowFormat() if name == "arrow" else None
