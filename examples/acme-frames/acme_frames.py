"""A data frame library of one class, and the format plugin that makes its frames.

The plugin offers two names: ``acme``, which is new, and ``pandas``, which the SDK ships.  The first
works once this package is installed; the second only where a deployment prefers it::

    SINGLESTOREDB_PLUGINS_PREFER=formats:pandas=acme-frames
"""

from __future__ import annotations

from typing import Any

from singlestoredb_hookspecs import FormatRequest, hookimpl


class Frame:
    """Columns by name, each a list of values."""

    def __init__(self, columns: dict[str, list[Any]]) -> None:
        self.columns = columns

    @classmethod
    def from_rows(cls, names: list[str], rows: list[tuple[Any, ...]]) -> Frame:
        """Make a frame of rows."""
        values = zip(*rows, strict=True) if rows else [() for _ in names]
        return cls({name: list(column) for name, column in zip(names, values, strict=True)})

    def tuples(self) -> list[tuple[Any, ...]]:
        """Return the rows."""
        return list(zip(*self.columns.values(), strict=True))

    def __len__(self) -> int:
        return max((len(column) for column in self.columns.values()), default=0)

    def __repr__(self) -> str:
        return f"<acme frame of {len(self)} rows: {', '.join(self.columns)}>"


class AcmeFormat:
    """Makes frames from rows.  A columnar library would read ``arrow``."""

    reads = "rows"

    def __init__(self, request: FormatRequest) -> None:
        self.names = [column.name for column in request.columns]

    def table(self, chunk: list[tuple[Any, ...]]) -> Frame:
        """Return what ``fetchall`` and ``fetchmany`` give."""
        return Frame.from_rows(self.names, chunk)

    row = table


@hookimpl
def s2_make_format(name: str, request: FormatRequest) -> AcmeFormat | None:
    """Make the format under either of its names."""
    return AcmeFormat(request) if name in ("acme", "pandas") else None
