"""Format plugin ``polars``: results as ``polars.DataFrame``.

Column types follow from those of :mod:`singlestoredb.columnar.types`: integers stay integers of
their width, NULLs are nulls, DECIMAL(p, s) is ``Decimal``, VECTOR is ``Array``, JSON is ``String``
(``.str.json_decode()`` parses it without a Python object per value).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from singlestoredb.exceptions import ProgrammingError
from singlestoredb_hookspecs import ArrowBatches, FormatRequest, hookimpl

if TYPE_CHECKING:
    import polars

SINGLESTOREDB_REQUIRES = {"polars": "singlestoredb[polars]"}


class PolarsFormat:
    """Data frames that take over the result's buffers."""

    reads: Literal["arrow"] = "arrow"

    def __init__(self, request: FormatRequest) -> None:
        names = [column.name for column in request.columns]
        self._repeated = sorted({name for name in names if names.count(name) > 1})

    def table(self, chunk: ArrowBatches) -> polars.DataFrame:
        """Return the frame; raise ``ProgrammingError`` when names repeat."""
        import polars

        if self._repeated:
            raise ProgrammingError(
                None,
                f"a polars frame cannot have several columns named {', '.join(self._repeated)}",
                hint="name them apart with AS",
            )
        return polars.DataFrame(chunk)

    row = table


@hookimpl
def s2_make_format(name: str, request: FormatRequest) -> PolarsFormat | None:
    """Make the format."""
    return PolarsFormat(request) if name == "polars" else None
