"""A translated expression."""

from __future__ import annotations

from dataclasses import dataclass

from singlestoredb_embedded.nodes import Literal
from singlestoredb_embedded.types import SqlType


@dataclass(slots=True)
class Typed:
    """DuckDB SQL for an expression, and what the dialect says its type is."""

    sql: str
    type: SqlType
    literal: Literal | None = None
    """The constant that it is, for folding."""
    exact: bool = False
    """Whether DuckDB's type of ``sql`` is ``type.storage`` for certain."""
    nullable: bool = True
    flags: int = 0
    """Column flags, of a plain column."""
    origin: tuple[str, str, str, str] = ("", "", "", "")
    """Table alias, table, column and database, of a plain column."""
    row: tuple[Typed, ...] = ()
    """The items, when it is a row of several."""

    @property
    def is_null(self) -> bool:
        """Whether it is the literal NULL."""
        return self.type.family == "null"
