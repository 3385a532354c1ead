"""Format plugin ``namedtuples``: rows with attributes.

The class is ``Row``; a column whose name is no identifier, or is there twice, is ``_<index>``.
"""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any, Literal

from singlestoredb_hookspecs import FormatRequest, hookimpl

Row = tuple[Any, ...]

# The fields are known at run time only, which a type checker does not accept of namedtuple itself.
_namedtuple: Callable[..., Any] = collections.namedtuple


class NamedtuplesFormat:
    """Lists of ``Row``."""

    reads: Literal["rows"] = "rows"

    def __init__(self, request: FormatRequest) -> None:
        names = [column.name for column in request.columns]
        row_type: Any = _namedtuple("Row", names, rename=True)
        self._make: Callable[[Row], Row] = row_type._make

    def table(self, chunk: list[Row]) -> list[Row]:
        """Return the rows."""
        return list(map(self._make, chunk))

    def row(self, chunk: list[Row]) -> Row:
        """Return the row."""
        return self._make(chunk[0])


@hookimpl
def s2_make_format(name: str, request: FormatRequest) -> NamedtuplesFormat | None:
    """Make the format."""
    return NamedtuplesFormat(request) if name == "namedtuples" else None
