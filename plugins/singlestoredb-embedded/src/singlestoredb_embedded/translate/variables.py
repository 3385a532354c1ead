"""The variables of a procedure, as the translation of its statements sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from singlestoredb_embedded.nodes import Query, TypeName
from singlestoredb_embedded.psql import VariableType
from singlestoredb_embedded.types import SqlType

from .typed import Typed


@dataclass(frozen=True)
class Local:
    """A variable."""

    declared: VariableType
    type: SqlType | None
    """``None`` unless it is a scalar."""
    value: Any
    """A scalar as DuckDB stores it; a :class:`QueryValue`; the fields of a record, by lower-case
    name; the items of an array."""
    sql: str = ""
    """SQL of a function's parameter, which has no value before the function runs."""


@dataclass(frozen=True)
class QueryValue:
    """A query and the variables that it saw when it was assigned."""

    query: Query
    locals: Mapping[str, Local]
    fields: list[tuple[str, TypeName]]
    """Columns as declared; none when they are those of the query."""


def local_value(local: Local) -> Typed:
    """Translate a scalar variable."""
    from .expressions import constant

    kind = local.type
    assert kind is not None
    if local.sql:
        return Typed(local.sql, kind, exact=True)
    value = local.value
    if value is None:
        return Typed(f"CAST(NULL AS {kind.storage})", kind, exact=True)
    if kind.family == "vector":
        items = ", ".join(map(repr, value))
        return Typed(f"CAST([{items}] AS {kind.storage})", kind, exact=True)
    typed = constant(value)
    return replace(typed, sql=f"CAST({typed.sql} AS {kind.storage})", type=kind, exact=True)
