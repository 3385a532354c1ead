"""Functions of the user's whose bodies are written into the statement that calls them.

A body without loops is one expression: an IF becomes a CASE whose branches go on with what follows
it.  So a function runs wherever an expression does, inside DuckDB and without a call per row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from singlestoredb_embedded import nodes, psql
from singlestoredb_embedded.catalog import ColumnDef
from singlestoredb_embedded.errors import error, unsupported
from singlestoredb_embedded.lex import quote_string
from singlestoredb_embedded.types import SqlType, declared

from . import convert
from .scope import Scope
from .typed import Typed
from .variables import Local

if TYPE_CHECKING:
    from .query import QueryTranslator

_MAX_SQL = 1_000_000
"""Characters of SQL at which a function is refused: every IF doubles what follows it."""


def arguments(function: psql.CreateRoutine, args: list[Typed]) -> dict[str, Local]:
    """Return the parameters of a call, converted; raises 1318 for a wrong number."""
    parameters = function.parameters
    needed = sum(p.default is None for p in parameters)
    if not needed <= len(args) <= len(parameters):
        raise error(
            1318,
            f"Incorrect number of arguments for FUNCTION {function.name}; "
            f"expected {len(parameters)}, got {len(args)}",
        )
    names: dict[str, Local] = {}
    for i, parameter in enumerate(parameters):
        kind = _scalar(parameter.type, parameter.name)
        if i < len(args):
            value = args[i]
        else:
            from .expressions import literal

            if not isinstance(parameter.default, nodes.Literal):
                raise unsupported("a DEFAULT of a parameter that is not a constant")
            value = literal(parameter.default)
        sql = _argument(function, parameter, kind, value)
        names[parameter.name.lower()] = Local(
            parameter.type, kind, None, f"CAST({sql} AS {kind.storage})"
        )
    return names


def null_argument(parameter: str, routine: str) -> str:
    """Return the message of error 1105, which has no number of its own, for a NULL argument."""
    return f"NULL supplied to NOT NULL argument '{parameter}' of '{routine}'"


def _argument(
    function: psql.CreateRoutine, parameter: psql.Parameter, kind: SqlType, value: Typed
) -> str:
    column = ColumnDef(parameter.name, kind)
    message = null_argument(parameter.name, function.name)
    if parameter.nullable or not value.nullable:
        return convert.assign(value, column)
    if value.is_null:
        raise error(1105, message)

    def checked(name: str) -> str:
        stored = convert.assign(replace(value, sql=name), column)
        return f"CASE WHEN {name} IS NULL THEN {_failure(1105, message)} ELSE {stored} END"

    return once(value.sql, checked)


EXTERNAL = "s2_external_"
"""Starts the names of external functions in DuckDB."""


def once(sql: str, make: Callable[[str], str]) -> str:
    """Return what ``make`` makes of ``sql``, so that an external function in it is called once
    however often ``make`` writes it."""
    if EXTERNAL not in sql:
        return make(sql)
    return f"list_transform([{sql}], lambda s2v: {make('s2v')})[1]"


def _failure(number: int, message: str) -> str:
    return f"s2.fail({number}, {quote_string(message)})"


def _scalar(kind: psql.VariableType, name: str) -> SqlType:
    if kind.type is None:
        raise unsupported(f"the {kind.kind} {name} in a function")
    return declared(kind.type)


def translate(
    translator: QueryTranslator, function: psql.CreateRoutine, names: dict[str, Local]
) -> Typed:
    """Translate a call; raises 1235 for what is no expression: loops, statements, handlers."""
    assert isinstance(function.body, psql.Block)
    assert function.returns is not None
    returns = _scalar(function.returns, "RESULT")
    outer = translator.locals, translator._common
    translator._common = []
    try:
        sql = _Body(translator, function.name, returns).run([function.body], names)
    finally:
        translator.locals, translator._common = outer
    return Typed(sql, returns, exact=True, nullable=function.returns_null)


class _Body:
    def __init__(self, translator: QueryTranslator, name: str, returns: SqlType) -> None:
        self._translator = translator
        self._name = name
        self._returns = returns
        self._size = 0

    def run(self, steps: list[psql.Step], names: dict[str, Local]) -> str:
        """Return SQL for what RETURN gives when these steps run with these variables."""
        names = dict(names)
        for i, step in enumerate(steps):
            rest = steps[i + 1 :]
            if isinstance(step, psql.Return):
                if not isinstance(step.value, _EXPRESSIONS):
                    raise unsupported("such a RETURN of a function")
                return self._convert(step.value, self._returns, "RESULT", names)
            if isinstance(step, psql.Block):
                if step.handlers:
                    raise unsupported("EXCEPTION in a function")
                inner = dict(names)
                for item in step.declarations:
                    kind = _scalar(item.type, item.name)
                    inner[item.name.lower()] = Local(
                        item.type, kind, None, self._initial(item.value, kind, item.name, inner)
                    )
                # What follows an inner block must not see its variables: they cannot differ.
                clash = {d.name.lower() for d in step.declarations} & set(names)
                if clash and rest:
                    raise unsupported(f"a second variable {min(clash)} in a function")
                return self.run([*step.body, *rest], inner)
            if isinstance(step, psql.Assign) and step.field is None:
                old = names.get(step.name.lower())
                if old is None or old.type is None:
                    raise error(1327, f"Undeclared variable: {step.name}")
                if not isinstance(step.value, _EXPRESSIONS):
                    raise unsupported("an assignment of a query in a function")
                sql = self._convert(step.value, old.type, step.name, names)
                names[step.name.lower()] = replace(old, sql=sql)
                continue
            if isinstance(step, psql.If):
                whens = []
                for condition, body in step.branches:
                    self._translator.locals = names
                    test = self._translator.boolean(condition, Scope())
                    whens.append(f"WHEN {test} THEN {self.run([*body, *rest], names)}")
                last = self.run([*step.otherwise, *rest], names)
                return self._sized(f"CASE {' '.join(whens)} ELSE {last} END")
            if isinstance(step, psql.Raise) and step.text is not None:
                self._translator.locals = names
                text = convert.to_text(self._translator.expression(step.text, Scope()))
                return f"CAST(s2.fail(2242, {text}) AS {self._returns.storage})"
            raise unsupported(f"{_NAMES.get(type(step), 'such a statement')} in a function")
        message = f"FUNCTION {self._name} ended without RETURN"
        return f"CAST({_failure(1321, message)} AS {self._returns.storage})"

    def _initial(
        self, value: psql.Value | None, kind: SqlType, name: str, names: dict[str, Local]
    ) -> str:
        if value is None:
            return f"CAST(NULL AS {kind.storage})"
        if not isinstance(value, _EXPRESSIONS):
            raise unsupported("a query variable in a function")
        return self._convert(value, kind, name, names)

    def _convert(self, node: nodes.Expr, kind: SqlType, name: str, names: dict[str, Local]) -> str:
        self._translator.locals = names
        value = self._translator.expression(node, Scope())
        return self._sized(f"CAST({convert.assign(value, ColumnDef(name, kind))} "
                           f"AS {kind.storage})")  # fmt: skip

    def _sized(self, sql: str) -> str:
        self._size += len(sql)
        if self._size > _MAX_SQL:
            raise unsupported(f"a function as long as {self._name}")
        return sql


_EXPRESSIONS = nodes.Expr.__args__
_NAMES: dict[type, str] = {
    psql.Loop: "a loop", psql.For: "a loop", psql.Leave: "a loop", psql.Echo: "ECHO",
    psql.Call: "CALL", psql.Run: "a statement of SQL", psql.ExecuteImmediate: "EXECUTE IMMEDIATE",
    psql.Raise: "RAISE without a text",
}  # fmt: skip
