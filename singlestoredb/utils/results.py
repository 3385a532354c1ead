"""Rows in the shape of any result format, without a connection.

The work is done by the format plugins, so what comes out is what a cursor with that
``results_type`` gives for the same columns.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from singlestoredb.cursor import Description
from singlestoredb.kernel import get_registry
from singlestoredb.kernel.errors import PluginLoadError
from singlestoredb.params import FORMAT_ALIASES
from singlestoredb_hookspecs import Column, Format, FormatRequest

__all__ = [
    "Description",
    "format_results",
    "get_schema",
    "results_to_arrow",
    "results_to_dict",
    "results_to_namedtuple",
    "results_to_numpy",
    "results_to_pandas",
    "results_to_polars",
    "results_to_tuple",
    "signed",
]

_UNSIGNED = 32
_BINARY = 63
_INTEGERS = frozenset({1, 2, 3, 8, 9})
_TEXTS = frozenset({15, *range(249, 255)})


def signed(desc: Description) -> int:
    """Return the signed type code of a column: negative for unsigned integers and for bytes."""
    code = desc.type_code
    if code in _INTEGERS and desc.flags & _UNSIGNED:
        return -code
    if code in _TEXTS and desc.charset == _BINARY:
        return -code
    return code


def _columns(desc: Sequence[Description]) -> tuple[Column, ...]:
    return tuple(
        Column(
            name=column.name,
            type_code=column.type_code,
            flags=column.flags or 0,
            charset=column.charset or 0,
            length=column.internal_size,
            precision=column.precision,
            scale=column.scale,
            null_ok=bool(column.null_ok),
        )
        for column in desc
    )


def _format(name: str, columns: tuple[Column, ...]) -> Format:
    registry = get_registry()
    name = FORMAT_ALIASES.get(name.lower(), name.lower())
    plugin = registry.activate("formats", name)
    return registry.manager.make_format(plugin, name, FormatRequest(columns, {"parse_json": True}))


def format_results(
    format: str,
    desc: Sequence[Description],
    rows: Any,
    single: bool = False,
    schema: Any = None,
) -> Any:
    """Return rows in a format.

    Args:
        format: name of the format: ``tuples``, ``dicts``, ``pandas`` …
        desc: the columns, as ``cursor.description`` has them.
        rows: a list of tuples; one tuple when ``single``.  What is empty or ``None`` is returned
            as it is.
        single: whether ``rows`` is one row.
        schema: accepted and not needed; the columns say it all.

    Warns with ``RuntimeWarning``, and returns the rows as they are, when the format's library is
    missing.  Raises ``PluginNotFoundError`` when there is no such format.
    """
    if not rows:
        return rows
    columns = _columns(desc)
    try:
        made = _format(format, columns)
        chunk: Any = [tuple(rows)] if single else [tuple(row) for row in rows]
        if made.reads == "dicts":
            from singlestoredb.reading import unique_names

            names = unique_names(columns)
            chunk = [dict(zip(names, row, strict=True)) for row in chunk]
        elif made.reads == "arrow":
            from singlestoredb.columnar.build import from_rows

            chunk = from_rows(columns, chunk)
        return made.row(chunk) if single else made.table(chunk)
    except (ImportError, PluginLoadError) as exc:
        warnings.warn(
            f"{format} is not available; unable to convert to it ({exc})",
            RuntimeWarning,
            stacklevel=2,
        )
        return rows


def get_schema(format: str, desc: Sequence[Description]) -> Any:
    """Return the columns in the terms of a columnar format.

    numpy and pandas: a list of ``(name, dtype)``; polars: name → type; arrow: a
    ``pyarrow.Schema``.  A row format has none: an empty dict.
    """
    name = FORMAT_ALIASES.get(format.lower(), format.lower())
    if name not in ("numpy", "pandas", "polars", "arrow"):
        return {}
    from singlestoredb.columnar.build import from_rows

    columns = _columns(desc)
    empty: Any = _format("numpy" if name == "pandas" else name, columns).table(
        from_rows(columns, [])
    )
    if name == "polars":
        return dict(empty.schema)
    return empty.schema if name == "arrow" else empty.dtype.descr


def results_to_tuple(
    desc: Sequence[Description], res: Any, single: bool = False, schema: Any = None
) -> Any:
    """Return rows as tuples; see :func:`format_results`."""
    return format_results("tuples", desc, res, single, schema)


def results_to_dict(
    desc: Sequence[Description], res: Any, single: bool = False, schema: Any = None
) -> Any:
    """Return rows as dicts; see :func:`format_results`."""
    return format_results("dicts", desc, res, single, schema)


def results_to_namedtuple(
    desc: Sequence[Description], res: Any, single: bool = False, schema: Any = None
) -> Any:
    """Return rows as named tuples; see :func:`format_results`."""
    return format_results("namedtuples", desc, res, single, schema)


def results_to_numpy(
    desc: Sequence[Description], res: Any, single: bool = False, schema: Any = None
) -> Any:
    """Return rows as a structured array; see :func:`format_results`."""
    return format_results("numpy", desc, res, single, schema)


def results_to_pandas(
    desc: Sequence[Description], res: Any, single: bool = False, schema: Any = None
) -> Any:
    """Return rows as a pandas DataFrame; see :func:`format_results`."""
    return format_results("pandas", desc, res, single, schema)


def results_to_polars(
    desc: Sequence[Description], res: Any, single: bool = False, schema: Any = None
) -> Any:
    """Return rows as a polars DataFrame; see :func:`format_results`."""
    return format_results("polars", desc, res, single, schema)


def results_to_arrow(
    desc: Sequence[Description], res: Any, single: bool = False, schema: Any = None
) -> Any:
    """Return rows as a pyarrow Table; see :func:`format_results`."""
    return format_results("arrow", desc, res, single, schema)
