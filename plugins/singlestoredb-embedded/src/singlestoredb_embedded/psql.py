"""The syntax trees of routines: procedures, functions, and the statements of their bodies.

:mod:`.routines` makes them from text, :mod:`.interpreter` runs them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias
from typing import Literal as Lit

from . import nodes
from .nodes import TypeName

if TYPE_CHECKING:
    from .statements import Statement


@dataclass(slots=True)
class VariableType:
    """A type of PSQL: one of SQL's, or a query, a record or an array."""

    kind: Lit["scalar", "query", "record", "array"]
    type: TypeName | None = None
    """Of a scalar."""
    fields: list[tuple[str, TypeName]] = field(default_factory=list)
    """Of a query or a record."""
    element: VariableType | None = None
    """Of an array."""
    required: list[str] = field(default_factory=list)
    """Fields that are NOT NULL."""


@dataclass(slots=True)
class Collect:
    """``COLLECT(query)``: the rows of a query as an array of records."""

    source: nodes.Expr | nodes.Query
    """A query, or an expression: a query variable or a text."""
    fields: list[tuple[str, TypeName]]
    """Columns that ``QUERY(…)`` declares behind a text."""


Value: TypeAlias = "nodes.Expr | nodes.Query | Collect"
"""What can stand on the right of an assignment."""


@dataclass(slots=True)
class Parameter:
    """A parameter of a routine."""

    name: str
    type: VariableType
    nullable: bool = True
    default: nodes.Expr | None = None


# -- statements of a body; each knows its line in the routine's text, counted from 1 --------------


@dataclass(slots=True)
class Declaration:
    name: str
    type: VariableType
    nullable: bool
    value: Value | None
    line: int


@dataclass(slots=True)
class Block:
    declarations: list[Declaration]
    body: list[Step]
    handlers: list[tuple[list[str], list[Step]]]
    """(names of errors, or ``OTHERS``; what to do)."""
    line: int


@dataclass(slots=True)
class Assign:
    name: str
    field: str | None
    """Of a record."""
    value: Value
    line: int


@dataclass(slots=True)
class If:
    branches: list[tuple[nodes.Expr, list[Step]]]
    otherwise: list[Step]
    line: int


@dataclass(slots=True)
class Loop:
    """LOOP, or WHILE when it has a condition."""

    condition: nodes.Expr | None
    body: list[Step]
    line: int


@dataclass(slots=True)
class For:
    """``FOR name IN first .. last`` or ``FOR name IN COLLECT(…)``."""

    name: str
    first: nodes.Expr | None
    last: nodes.Expr | None
    source: Value | None
    reverse: bool
    body: list[Step]
    line: int


@dataclass(slots=True)
class Leave:
    """EXIT, or CONTINUE."""

    again: bool
    condition: nodes.Expr | None
    line: int


@dataclass(slots=True)
class Return:
    value: Value | None
    line: int


@dataclass(slots=True)
class Echo:
    """``ECHO SELECT …`` or ``ECHO procedure(…)``."""

    what: nodes.Query | Call
    line: int


@dataclass(slots=True)
class Call:
    """``CALL procedure(…)``."""

    database: str | None
    name: str
    args: list[nodes.Expr]
    line: int = 1


@dataclass(slots=True)
class Run:
    """A statement of SQL."""

    statement: Statement
    line: int


@dataclass(slots=True)
class ExecuteImmediate:
    text: nodes.Expr
    line: int


@dataclass(slots=True)
class Raise:
    """``RAISE user_exception(text)``, or ``RAISE`` of the error that is being handled."""

    text: nodes.Expr | None
    line: int


Step: TypeAlias = (
    Block | Assign | If | Loop | For | Leave | Return | Echo | Call | Run | ExecuteImmediate | Raise
)


@dataclass(slots=True)
class Service:
    """Where the code of an external function is."""

    url: str
    format: Lit["JSON", "ROWDAT_1", "ARROW"]
    link: str = ""


@dataclass(slots=True)
class CreateRoutine:
    """CREATE PROCEDURE, CREATE FUNCTION or CREATE EXTERNAL FUNCTION."""

    kind: Lit["PROCEDURE", "FUNCTION", "EXTERNAL FUNCTION"]
    name: str
    database: str | None
    replace: bool
    if_not_exists: bool
    parameters: list[Parameter]
    returns: VariableType | None
    """``None`` for a procedure that returns nothing."""
    returns_null: bool
    table: bool
    """Whether ``returns`` has the columns of a table: a table-valued function."""
    body: Block | nodes.Query | None
    service: Service | None
    text: str
    """The statement from the word PROCEDURE, FUNCTION or EXTERNAL on."""
