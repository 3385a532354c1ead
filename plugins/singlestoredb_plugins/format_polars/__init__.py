"""Format plugin ``polars``: results as ``polars.DataFrame``.

Column types follow from those of :mod:`singlestoredb.columnar.types`: integers stay integers of
their width, NULLs are nulls, DECIMAL(p, s) is ``Decimal``, VECTOR is ``Array``, JSON is ``String``
(``.str.json_decode()`` parses it without a Python object per value).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from singlestoredb.columnar.types import arrow_format
from singlestoredb.exceptions import NotSupportedError, ProgrammingError
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
        self._too_wide = [
            column.name for column in request.columns if arrow_format(column).endswith(",256")
        ]

    def table(self, chunk: ArrowBatches) -> polars.DataFrame:
        """Return the frame.

        Raises ``ProgrammingError`` when names repeat, ``NotSupportedError`` for a DECIMAL of more
        than 38 digits.
        """
        import polars

        if self._repeated:
            raise ProgrammingError(
                None,
                f"a polars frame cannot have several columns named {', '.join(self._repeated)}",
                hint="name them apart with AS",
            )
        if self._too_wide:
            raise NotSupportedError(
                None,
                f"polars has no decimals beyond 38 digits ({', '.join(self._too_wide)})",
                hint="CAST them to DECIMAL(38, …), or use results_type='arrow'",
            )
        return polars.DataFrame(chunk)

    row = table


@hookimpl
def s2_make_format(name: str, request: FormatRequest) -> PolarsFormat | None:
    """Make the format."""
    return PolarsFormat(request) if name == "polars" else None
