"""The syntax tree of queries, expressions and data changes, as the parser makes it.

Nodes are plain data; :mod:`.translate` gives them meaning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal as Lit
from typing import TypeAlias


@dataclass(slots=True)
class Literal:
    """A constant written in the statement."""

    kind: Lit["null", "bool", "integer", "decimal", "double", "string", "hex", "bits"]
    text: str
    """Digits of a number, value of a string, digits of hex and bit strings, ``1`` or ``0``."""
    binary: bool = False
    """Whether a string had the introducer ``_binary``."""
    slot: int | None = None
    """Number of a constant whose value is filled in later; see :mod:`.cache`."""


@dataclass(slots=True)
class ColumnName:
    name: str
    table: str | None = None
    database: str | None = None


@dataclass(slots=True)
class Star:
    table: str | None = None


@dataclass(slots=True)
class Variable:
    name: str
    """Lower-case, without ``@``."""
    scope: Lit["user", "system", "global"]


@dataclass(slots=True)
class Assignment:
    """``@name := value``."""

    name: str
    value: Expr


@dataclass(slots=True)
class Unary:
    op: Lit["-", "+", "~", "NOT"]
    operand: Expr


@dataclass(slots=True)
class Binary:
    op: str
    """Normalised: ``=``, ``<>``, ``<=>``, ``AND``, ``OR``, ``XOR``, ``DIV``, ``%``, ``REGEXP``,
    ``<*>``, ``<->``, …"""
    left: Expr
    right: Expr


@dataclass(slots=True)
class TypeName:
    """A type as written: ``DECIMAL(10, 2) UNSIGNED``."""

    name: str
    """Upper-case."""
    args: tuple[str, ...] = ()
    """Texts in parentheses; values of ENUM and SET without quotes."""
    unsigned: bool = False
    charset: str | None = None
    collation: str | None = None


@dataclass(slots=True)
class Cast:
    operand: Expr
    target: TypeName
    mode: Lit["cast", "lenient", "try"]
    """``CAST``/``CONVERT``, ``:>``, ``!:>``."""


@dataclass(slots=True)
class JsonPath:
    """``operand::key::$key``."""

    operand: Expr
    keys: tuple[str, ...]
    returns: Lit["json", "string", "double"]


@dataclass(slots=True)
class OrderItem:
    expr: Expr
    descending: bool = False


@dataclass(slots=True)
class Frame:
    unit: Lit["ROWS", "RANGE"]
    start: str
    """``UNBOUNDED PRECEDING``, ``CURRENT ROW``, ``3 FOLLOWING``, …"""
    end: str | None


@dataclass(slots=True)
class Window:
    partition: list[Expr] = field(default_factory=list)
    order: list[OrderItem] = field(default_factory=list)
    frame: Frame | None = None
    base: str | None = None
    """Name of the window that this one is or extends."""


@dataclass(slots=True)
class Call:
    """A function call."""

    name: str
    """Upper-case."""
    args: list[Expr]
    distinct: bool = False
    star: bool = False
    """``COUNT(*)``."""
    order: list[OrderItem] = field(default_factory=list)
    separator: str | None = None
    window: Window | None = None
    ignore_nulls: bool = False
    database: str | None = None
    """Of a function of the user's, when it is given."""
    start: int = field(default=0, compare=False)
    """Offset in the statement, for messages."""


@dataclass(slots=True)
class Case:
    base: Expr | None
    whens: list[tuple[Expr, Expr]]
    default: Expr | None


@dataclass(slots=True)
class In:
    operand: Expr
    items: list[Expr] | Query
    negated: bool


@dataclass(slots=True)
class Between:
    operand: Expr
    low: Expr
    high: Expr
    negated: bool


@dataclass(slots=True)
class Like:
    operand: Expr
    pattern: Expr
    escape: Expr | None
    negated: bool


@dataclass(slots=True)
class Is:
    operand: Expr
    what: Lit["NULL", "TRUE", "FALSE", "UNKNOWN"]
    negated: bool


@dataclass(slots=True)
class Exists:
    query: Query


@dataclass(slots=True)
class ScalarSubquery:
    query: Query


@dataclass(slots=True)
class Quantified:
    """``operand op ANY (query)``."""

    op: str
    operand: Expr
    query: Query
    every: bool


@dataclass(slots=True)
class Interval:
    amount: Expr
    unit: str


@dataclass(slots=True)
class Row:
    items: list[Expr]


@dataclass(slots=True)
class Collate:
    operand: Expr
    collation: str


@dataclass(slots=True)
class Default:
    """``DEFAULT`` as a value, or ``DEFAULT(column)``."""

    column: str | None = None


Expr: TypeAlias = (
    Literal | ColumnName | Star | Variable | Assignment | Unary | Binary | Cast | JsonPath | Call
    | Case | In | Between | Like | Is | Exists | ScalarSubquery | Quantified | Interval | Row
    | Collate | Default
)  # fmt: skip


# -- queries ---------------------------------------------------------------------------------


@dataclass(slots=True)
class SelectItem:
    expr: Expr
    alias: str | None
    text: str
    """Source of the expression: the column's name when there is no alias."""


@dataclass(slots=True)
class TableName:
    name: str
    database: str | None = None
    alias: str | None = None


@dataclass(slots=True)
class Derived:
    query: Query
    alias: str
    columns: list[str] = field(default_factory=list)


@dataclass(slots=True)
class TableFunction:
    """``TABLE(JSON_TO_ARRAY(...)) AS alias``, or ``function(...)`` of the user's."""

    call: Call
    alias: str


@dataclass(slots=True)
class Join:
    left: Source
    right: Source
    kind: Lit["INNER", "LEFT", "RIGHT", "FULL", "CROSS"]
    on: Expr | None = None
    using: list[str] = field(default_factory=list)
    natural: bool = False


Source: TypeAlias = TableName | Derived | TableFunction | Join


@dataclass(slots=True)
class CommonTable:
    name: str
    columns: list[str]
    query: Query


@dataclass(slots=True)
class Select:
    items: list[SelectItem]
    distinct: bool = False
    source: Source | None = None
    where: Expr | None = None
    group: list[Expr] = field(default_factory=list)
    rollup: Lit["", "ROLLUP", "CUBE"] = ""
    having: Expr | None = None
    windows: dict[str, Window] = field(default_factory=dict)
    order: list[OrderItem] = field(default_factory=list)
    limit: Expr | None = None
    offset: Expr | None = None
    tables: list[CommonTable] = field(default_factory=list)
    recursive: bool = False
    calc_found_rows: bool = False
    into: list[str] = field(default_factory=list)
    """Variables of ``SELECT … INTO``: of a procedure, or of the session with ``@`` in front."""
    for_update: bool = False


@dataclass(slots=True)
class SetOperation:
    op: Lit["UNION", "EXCEPT", "INTERSECT"]
    all: bool
    left: Query
    right: Query
    order: list[OrderItem] = field(default_factory=list)
    limit: Expr | None = None
    offset: Expr | None = None
    tables: list[CommonTable] = field(default_factory=list)
    recursive: bool = False


@dataclass(slots=True)
class Values:
    """``VALUES ROW(1, 2), ROW(3, 4)``."""

    rows: list[list[Expr]]
    order: list[OrderItem] = field(default_factory=list)
    limit: Expr | None = None
    offset: Expr | None = None
    tables: list[CommonTable] = field(default_factory=list)
    recursive: bool = False


Query: TypeAlias = Select | SetOperation | Values


# -- data changes ----------------------------------------------------------------------------


@dataclass(slots=True)
class Insert:
    table: TableName
    columns: list[str] | None
    rows: list[list[Expr]] | None
    query: Query | None
    ignore: bool = False
    replace: bool = False
    on_duplicate: list[tuple[ColumnName, Expr]] = field(default_factory=list)
    row_alias: str | None = None


@dataclass(slots=True)
class Update:
    source: Source
    sets: list[tuple[ColumnName, Expr]]
    where: Expr | None = None
    order: list[OrderItem] = field(default_factory=list)
    limit: Expr | None = None
    ignore: bool = False


@dataclass(slots=True)
class Delete:
    targets: list[TableName]
    """Tables that lose rows, by name or alias."""
    source: Source
    where: Expr | None = None
    order: list[OrderItem] = field(default_factory=list)
    limit: Expr | None = None
