"""EXPLAIN: what DuckDB will do, in one column of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import nodes
from .lex import quote_string
from .translate.output import Selected, select
from .translate.scope import Compiled, Output
from .translate.typed import Typed
from .types import LONGTEXT

if TYPE_CHECKING:
    from .session import Session

_Explained = nodes.Query | nodes.Insert | nodes.Update | nodes.Delete


def explain(session: Session, statement: _Explained) -> Selected:
    """Return the plan, a line per row.

    A change is described by a line of its own and the plan of the query that finds its rows.
    """
    head, query = _found_by(statement)
    lines = list(head)
    if query is not None:
        compiled = session.translator().query(query)
        for row in session.read(f"EXPLAIN {compiled.sql}"):
            lines += row[-1].rstrip("\n").split("\n")
    values = ", ".join(f"({i}, {quote_string(line)})" for i, line in enumerate(lines))
    sql = f"SELECT p.c1 AS c1 FROM (VALUES {values}) AS p(n, c1) ORDER BY p.n"
    output = Output("EXPLAIN", Typed("p.c1", LONGTEXT, exact=True, nullable=False))
    return select(Compiled(sql, [output]), session.vectors)


def _found_by(statement: _Explained) -> tuple[list[str], nodes.Query | None]:
    """Return the lines before the plan, and the query whose plan follows."""
    if isinstance(statement, nodes.Insert):
        word = "REPLACE" if statement.replace else "INSERT"
        head = f"{word} INTO {_name(statement.table)}"
        if statement.query is None:
            return [f"{head}: {len(statement.rows or [])} rows"], None
        return [head], statement.query
    if isinstance(statement, (nodes.Update, nodes.Delete)):
        if isinstance(statement, nodes.Update):
            items = [nodes.SelectItem(value, None, "") for _, value in statement.sets]
            head = "UPDATE of " + ", ".join(column.name for column, _ in statement.sets)
        else:
            items = [nodes.SelectItem(nodes.Star(), None, "*")]
            head = "DELETE FROM " + ", ".join(map(_name, statement.targets))
        query = nodes.Select(
            items, source=statement.source, where=statement.where, order=statement.order,
            limit=statement.limit,
        )  # fmt: skip
        return [head], query
    return [], statement


def _name(table: nodes.TableName) -> str:
    return f"{table.database}.{table.name}" if table.database else table.name
