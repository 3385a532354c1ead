"""Scopes: which names a query's expressions see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from singlestoredb_embedded.errors import error
from singlestoredb_embedded.nodes import ColumnName, Expr

from .typed import Typed


@dataclass
class Output:
    """One column of a translated query."""

    name: str
    value: Typed
    """Its type and origin; ``value.sql`` is meaningful only inside the query."""


@dataclass
class Compiled:
    """A translated query; its columns are named ``c1``, ``c2``, … in SQL."""

    sql: str
    outputs: list[Output]


@dataclass
class Relation:
    """One table of a FROM clause."""

    alias: str
    """Name by which the statement knows it."""
    columns: list[Output]
    """Their ``value.sql`` is usable in the scope."""
    database: str | None = None
    """Set when it is a table of the catalog, named without an alias."""

    def find(self, name: str) -> list[Typed]:
        """Return the columns called ``name``."""
        wanted = name.lower()
        return [c.value for c in self.columns if c.name.lower() == wanted]

    def make_nullable(self) -> None:
        """Note that an outer join may leave it out."""
        self.columns = [Output(c.name, replace(c.value, nullable=True)) for c in self.columns]


@dataclass
class Scope:
    """The names that one SELECT sees."""

    parent: Scope | None = None
    relations: list[Relation] = field(default_factory=list)
    merged: dict[str, Typed] = field(default_factory=dict)
    """Columns that USING or NATURAL made one, by lower-case name."""
    aliases: dict[str, Expr] = field(default_factory=dict)
    """Aliases of the SELECT list, lower-case, where they may be used."""
    aliases_first: bool = False
    """Whether an alias hides a column of the same name (ORDER BY)."""
    groups: dict[str, Typed] | None = None
    """SQL of a GROUP BY expression → what stands for it after grouping."""
    clause: str = "field list"
    """For messages."""
    values: Callable[[str], Typed] | None = None
    """What ``VALUES(column)`` means, in ON DUPLICATE KEY UPDATE."""

    def resolve(self, name: ColumnName) -> Typed | Expr:
        """Return the column's translation, or the expression of an alias.

        Raises 1054 for an unknown name and 1052 for an ambiguous one.
        """
        found = self.find(name)
        if found is not None:
            return found
        shown = ".".join(p for p in (name.database, name.table, name.name) if p)
        raise error(1054, f"Unknown column '{shown}' in '{self.clause}'")

    def find(self, name: ColumnName) -> Typed | Expr | None:
        """Return what :meth:`resolve` does, ``None`` for an unknown name."""
        scope: Scope | None = self
        while scope is not None:
            found = scope._own(name)
            if found is not None:
                return found
            scope = scope.parent
        return None

    def _own(self, name: ColumnName) -> Typed | Expr | None:
        lower = name.name.lower()
        if name.table is None and self.aliases_first and lower in self.aliases:
            return self.aliases[lower]
        if name.table is None and lower in self.merged:
            return self.merged[lower]
        found: list[Typed] = []
        for relation in self.relations:
            if name.table is not None and relation.alias.lower() != name.table.lower():
                continue
            if name.database is not None and relation.database not in (None, name.database):
                continue
            found += relation.find(name.name)
        if len(found) > 1:
            shown = f"{name.table}.{name.name}" if name.table else name.name
            raise error(1052, f"Column '{shown}' in {self.clause} is ambiguous")
        if found:
            return found[0]
        if name.table is None:
            return self.aliases.get(lower)
        return None
