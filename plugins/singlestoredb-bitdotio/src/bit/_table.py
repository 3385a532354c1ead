"""Results as text tables, for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any


def format_table(result: Any) -> str:
    """Render what a command returns: a list of objects, one object, or a query's result."""
    if isinstance(result, dict) and isinstance(result.get("data"), list):
        return _format_query(result)
    if isinstance(result, list):
        return _format_objects(result)
    if isinstance(result, dict):
        return _format_rows(("field", "value"), result.items())
    return _cell(result)


def _format_query(result: dict[str, Any]) -> str:
    rows = result["data"]
    columns = list(result.get("metadata") or ())
    if rows and isinstance(rows[0], dict):
        return _format_objects(rows, columns)
    # Columns of one name share an entry of the metadata: then only their number is known.
    if rows and len(rows[0]) != len(columns):
        columns = [f"column {number}" for number in range(1, len(rows[0]) + 1)]
    return _format_rows(columns, rows) if columns else "(no result)"


def _format_objects(objects: Sequence[dict[str, Any]], columns: Sequence[str] = ()) -> str:
    names = list(dict.fromkeys([*columns, *(name for each in objects for name in each)]))
    if not names:
        return "(nothing)"
    return _format_rows(names, ([each.get(name) for name in names] for each in objects))


def _format_rows(columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    header = [_cell(column) for column in columns]
    kept = [list(row) for row in rows]
    body = [[_cell(value) for value in row] for row in kept]
    widths = [max(map(len, cells)) for cells in zip(header, *body, strict=True)]
    numeric = [
        bool(kept) and all(isinstance(row[i], (int, float)) for row in kept)
        for i in range(len(widths))
    ]

    def line(cells: list[str]) -> str:
        padded = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, numeric, strict=True)
        )
        return "  ".join(padded).rstrip()

    return "\n".join([line(header), "  ".join("-" * width for width in widths), *map(line, body)])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # Data must not be able to move the cursor or recolour the terminal.
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
