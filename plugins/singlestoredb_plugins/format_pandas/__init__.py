"""Format plugin ``pandas``: results as ``pandas.DataFrame``.

dtypes follow the columns' metadata, not the values, so that a query always gives the same: see
:mod:`singlestoredb.columnar.dtypes`.  DATE columns are ``datetime64[s]``, the nearest that pandas
has; text is ``str`` from pandas 3 on and ``object`` before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from singlestoredb.columnar.types import JSON, arrow_format
from singlestoredb_hookspecs import ArrowBatches, FormatRequest, hookimpl

if TYPE_CHECKING:
    import pandas

SINGLESTOREDB_REQUIRES = {"pandas": "singlestoredb[pandas]"}


class PandasFormat:
    """Data frames with a range index."""

    reads: Literal["arrow"] = "arrow"

    def __init__(self, request: FormatRequest) -> None:
        self._columns = request.columns
        self._parse_json = bool(request.options.get("parse_json", True))
        self._text = [
            i
            for i, column in enumerate(request.columns)
            if arrow_format(column) == "u" and not (self._parse_json and column.type_code == JSON)
        ]

    def table(self, chunk: ArrowBatches) -> pandas.DataFrame:
        """Return the frame."""
        import pandas

        from singlestoredb.columnar.dtypes import numpy_columns

        text: Any = None
        """The dtype of text, from pandas 3 on."""
        if self._text and int(pandas.__version__.partition(".")[0]) >= 3:
            text = pandas.api.types.pandas_dtype("str")
        arrow: Any = None
        from_numpy: Sequence[int] = range(len(self._columns))
        if text is not None and text.storage == "pyarrow":
            # pandas keeps text as Arrow does, so it needs no Python object per value.
            import pyarrow

            chunk = arrow = pyarrow.table(chunk)
            from_numpy = [i for i in from_numpy if i not in self._text]
        arrays = numpy_columns(chunk, self._columns, parse_json=self._parse_json, only=from_numpy)
        data: dict[int, Any] = dict(zip(from_numpy, arrays, strict=True))
        if text is not None:
            for i in self._text:
                data[i] = pandas.array(data[i] if arrow is None else arrow.column(i), dtype=text)
        # Built by position, named afterwards: names may repeat.
        frame: pandas.DataFrame = pandas.DataFrame({i: data[i] for i in range(len(self._columns))})
        frame.columns = pandas.Index([column.name for column in self._columns])
        return frame

    row = table


@hookimpl
def s2_make_format(name: str, request: FormatRequest) -> PandasFormat | None:
    """Make the format."""
    return PandasFormat(request) if name == "pandas" else None
