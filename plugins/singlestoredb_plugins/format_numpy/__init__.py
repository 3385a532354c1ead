"""Format plugin ``numpy``: results as structured arrays, one field per column.

dtypes follow the columns' metadata, not the values, so that a query always gives the same: see
:mod:`singlestoredb.columnar.dtypes`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from singlestoredb.exceptions import ProgrammingError
from singlestoredb_hookspecs import ArrowBatches, FormatRequest, hookimpl

if TYPE_CHECKING:
    import numpy as np

SINGLESTOREDB_REQUIRES = {"numpy": "singlestoredb[numpy]"}


class NumpyFormat:
    """Structured arrays of shape (rows,)."""

    reads: Literal["arrow"] = "arrow"

    def __init__(self, request: FormatRequest) -> None:
        self._columns = request.columns
        self._parse_json = bool(request.options.get("parse_json", True))

    def table(self, chunk: ArrowBatches) -> np.ndarray[Any, Any]:
        """Return the array; raise ``ProgrammingError`` when names repeat."""
        import numpy as np

        from singlestoredb.columnar.dtypes import numpy_columns

        arrays = numpy_columns(chunk, self._columns, parse_json=self._parse_json)
        names = [column.name for column in self._columns]
        if len(set(names)) < len(names):
            repeated = sorted({name for name in names if names.count(name) > 1})
            raise ProgrammingError(
                None,
                f"a numpy array cannot have several fields named {', '.join(repeated)}",
                hint="name them apart with AS",
            )
        dtype = [(name, array.dtype) for name, array in zip(names, arrays, strict=True)]
        out = np.empty(len(arrays[0]) if arrays else 0, dtype)
        for name, array in zip(names, arrays, strict=True):
            out[name] = array
        return out

    row = table


@hookimpl
def s2_make_format(name: str, request: FormatRequest) -> NumpyFormat | None:
    """Make the format."""
    return NumpyFormat(request) if name == "numpy" else None
