"""Filters for ``context.configure(include_object=…)``.

Autogenerate keeps views out of its comparison of tables by itself; the filters say the same for an
``env.py`` that was written to say it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

IncludeObject = Callable[[Any, "str | None", str, bool, Any], bool]


def include_object_for_view_mv(
    object: Any, name: str | None, type_: str, reflected: bool, compare_to: Any
) -> bool:
    """Tell Alembic not to take a view or materialized view for a table."""
    return not (
        type_ == "table"
        and getattr(object, "info", {}).get("table_kind") in ("VIEW", "MATERIALIZED_VIEW")
    )


def combine_include_object(include_object: IncludeObject) -> IncludeObject:
    """Return a filter that includes what both *include_object* and the filter of views include."""

    def combined(
        object: Any, name: str | None, type_: str, reflected: bool, compare_to: Any
    ) -> bool:
        return include_object_for_view_mv(
            object, name, type_, reflected, compare_to
        ) and include_object(object, name, type_, reflected, compare_to)

    return combined
