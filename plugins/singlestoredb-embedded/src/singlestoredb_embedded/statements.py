"""The syntax trees of statements other than queries and data changes; :mod:`.parser` makes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal as Lit

from . import nodes, psql
from .nodes import TypeName


@dataclass(slots=True)
class CreateDatabase:
    name: str
    if_not_exists: bool


@dataclass(slots=True)
class DropDatabase:
    name: str
    if_exists: bool


@dataclass(slots=True)
class ColumnSpec:
    """A column as CREATE TABLE or ALTER TABLE declares it."""

    name: str
    type: TypeName | None
    """``None`` for a computed column whose type is left open (``AUTO``)."""
    nullable: bool = True
    default: str | None = None
    on_update: str | None = None
    auto_increment: bool = False
    computed: str | None = None
    comment: str = ""
    key: Lit["", "PRIMARY", "UNIQUE"] = ""


@dataclass(slots=True)
class KeySpec:
    """A key as declared."""

    kind: str
    name: str
    columns: list[str]
    text: str = ""


@dataclass(slots=True)
class CreateTable:
    name: str
    database: str | None
    if_not_exists: bool = False
    kind: str = ""
    temporary: bool = False
    columns: list[ColumnSpec] = field(default_factory=list)
    keys: list[KeySpec] = field(default_factory=list)
    like: tuple[str | None, str] | None = None
    query: nodes.Query | None = None
    comment: str = ""
    auto_increment: int | None = None
    inert: list[str] = field(default_factory=list)
    """Parts that were accepted and have no effect."""


@dataclass(slots=True)
class CreateView:
    name: str
    database: str | None
    columns: list[str]
    text: str
    replace: bool


@dataclass(slots=True)
class DropTables:
    names: list[tuple[str | None, str]]
    if_exists: bool
    view: bool


@dataclass(slots=True)
class CreateIndex:
    table: tuple[str | None, str]
    key: KeySpec


@dataclass(slots=True)
class AlterAction:
    """One change of ALTER TABLE."""

    kind: str
    """``add``, ``drop``, ``change``, ``rename_column``, ``rename``, ``add_key``, ``drop_key``,
    ``default``, ``comment``, ``auto_increment`` or ``inert``."""
    name: str = ""
    spec: ColumnSpec | None = None
    key: KeySpec | None = None
    new_name: str = ""
    database: str | None = None
    after: str | None = None
    """Column before the new one; ``""`` puts it first."""
    value: str | None = None


@dataclass(slots=True)
class AlterTable:
    name: str
    database: str | None
    actions: list[AlterAction]


@dataclass(slots=True)
class Truncate:
    name: str
    database: str | None


@dataclass(slots=True)
class Use:
    name: str


@dataclass(slots=True)
class SetVariables:
    items: list[tuple[str, str, nodes.Expr]]
    """(scope ``user``, ``session`` or ``global``; name; value)."""


@dataclass(slots=True)
class Transaction:
    action: Lit["begin", "commit", "rollback"]


@dataclass(slots=True)
class Savepoint:
    action: Lit["savepoint", "rollback", "release"]
    name: str


@dataclass(slots=True)
class CallProcedure:
    """CALL, or ECHO of a procedure's value."""

    call: psql.Call
    echo: bool


@dataclass(slots=True)
class DropRoutine:
    kind: Lit["PROCEDURE", "FUNCTION"]
    name: str
    database: str | None
    if_exists: bool


@dataclass(slots=True)
class Explain:
    statement: nodes.Query | nodes.Insert | nodes.Update | nodes.Delete


@dataclass(slots=True)
class Show:
    what: str
    """Normalised: ``TABLES``, ``FULL COLUMNS``, ``CREATE TABLE``, …"""
    full: bool = False
    extended: bool = False
    scope: str = ""
    name: str = ""
    database: str | None = None
    like: str | None = None
    where: nodes.Expr | None = None
    limit: int | None = None


@dataclass(slots=True)
class LoadData:
    path: str
    table: str
    database: str | None
    duplicates: Lit["", "IGNORE", "REPLACE"] = ""
    fields_terminated: str = "\t"
    enclosed: str = ""
    escaped: str = "\\"
    lines_terminated: str = "\n"
    lines_starting: str = ""
    skip_lines: int = 0
    columns: list[str] | None = None
    """Columns, and variables with ``@`` in front."""
    sets: list[tuple[nodes.ColumnName, nodes.Expr]] = field(default_factory=list)
    null_text: str | None = None
    """Text of ``NULL DEFINED BY``."""


@dataclass(slots=True)
class Kill:
    connection_id: int
    query_only: bool


@dataclass(slots=True)
class Inert:
    """A statement that is accepted and does nothing."""

    what: str


Statement = (
    nodes.Select | nodes.SetOperation | nodes.Values | nodes.Insert | nodes.Update | nodes.Delete
    | CreateDatabase | DropDatabase | CreateTable | CreateView | DropTables | CreateIndex
    | AlterTable | Truncate | Use | SetVariables | Transaction | Show | LoadData | Kill | Inert
    | Savepoint | CallProcedure | psql.CreateRoutine | DropRoutine | Explain
)  # fmt: skip
