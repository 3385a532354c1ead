"""Runs stored procedures: the statements of their bodies, one after the other.

A procedure is a generator of its result sets.  Whoever runs it receives each result before asking
for the next: what a body does after an ECHO happens after the rows of that ECHO were read.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from singlestoredb.exceptions import DatabaseError

from . import nodes, psql
from .catalog import ColumnDef, Routine
from .errors import error, unsupported
from .functions import FUNCTIONS
from .translate import convert
from .translate.inline import null_argument
from .translate.output import Selected, select
from .translate.scope import Compiled, Output, Scope
from .translate.variables import Local, QueryValue, local_value
from .types import BIGINT, LONGTEXT, SqlType, declared

if TYPE_CHECKING:
    from .session import Session

_MAX_DEPTH = 50
"""Procedures that may have called each other; the server's own limit is not documented."""

_QUERIES = (nodes.Select, nodes.SetOperation, nodes.Values)

USER_RAISE = 2242

ERROR_NAMES = {
    1048: "ER_BAD_NULL_ERROR", 1050: "ER_TABLE_EXISTS_ERROR", 1054: "ER_BAD_FIELD_ERROR",
    1062: "ER_DUP_ENTRY", 1064: "ER_PARSE_ERROR", 1146: "ER_NO_SUCH_TABLE",
    1172: "ER_TOO_MANY_ROWS", 1205: "ER_LOCK_WAIT_TIMEOUT", 1213: "ER_LOCK_DEADLOCK",
    1235: "ER_NOT_SUPPORTED_YET", 1242: "ER_SUBQUERY_NO_1_ROW",
    1264: "ER_WARN_DATA_OUT_OF_RANGE", 1305: "ER_SP_DOES_NOT_EXIST",
    1318: "ER_SP_WRONG_NO_OF_ARGS", 1321: "ER_SP_NORETURNEND", 1329: "ER_SP_FETCH_NO_DATA",
    1365: "ER_DIVISION_BY_ZERO", 1366: "ER_TRUNCATED_WRONG_VALUE_FOR_FIELD",
    1406: "ER_DATA_TOO_LONG", 1690: "ER_DATA_OUT_OF_RANGE", USER_RAISE: "ER_USER_RAISE",
}  # fmt: skip
"""Names of errors, for WHEN clauses and messages: those of MySQL's error reference, and
SingleStore's of RAISE."""


@dataclass
class Called:
    """CALL or ECHO of a procedure: not run before its results are asked for."""

    steps: Iterator[tuple[Any, bool]]
    """(:class:`~.session.Changed` or :class:`Selected`, whether another one follows)."""


class _Returned(Exception):
    """RETURN was reached."""


class _Left(Exception):
    """EXIT or CONTINUE was reached; ``again`` tells which."""

    def __init__(self, again: bool) -> None:
        self.again = again


def check_arguments(routine: Routine, create: psql.CreateRoutine, count: int) -> None:
    """Raise 1318 for a wrong number of arguments; those with a default may be left out."""
    needed = sum(p.default is None for p in create.parameters)
    if not needed <= count <= len(create.parameters):
        raise error(
            1318,
            f"Incorrect number of arguments for {create.kind} {routine.database}.{routine.name}; "
            f"expected {len(create.parameters)}, got {count}",
        )


class Frame:
    """One procedure that runs."""

    def __init__(self, session: Session, routine: Routine, caller: Frame | None) -> None:
        self.session = session
        self.routine = routine
        self.create = session.parsed(routine)
        self.caller = caller
        self.depth: int = 1 if caller is None else caller.depth + 1
        self.locals: dict[str, Local] = {}
        self.value: Local | None = None
        """What RETURN gave."""
        self.line = 1
        if self.depth > _MAX_DEPTH:
            raise error(1456, f"Recursive limit {_MAX_DEPTH} was exceeded for routine "
                              f"{routine.name}")  # fmt: skip

    # -- running ---------------------------------------------------------------------------

    def run(self, args: list[nodes.Expr]) -> Iterator[Selected]:
        """Run the procedure with arguments that the caller's variables may stand in."""
        create = self.create
        check_arguments(self.routine, create, len(args))
        outer = self.caller.locals if self.caller else {}
        for i, parameter in enumerate(create.parameters):
            node = args[i] if i < len(args) else parameter.default
            assert node is not None
            with self._names(outer):
                value = self._assignable(node, parameter.type, parameter.name)
            if not parameter.nullable and value.type is not None and value.value is None:
                raise error(1105, null_argument(parameter.name, self.routine.name))
            self.locals[parameter.name.lower()] = value
        assert isinstance(create.body, psql.Block)
        try:
            yield from self._block(create.body)
        except _Returned:
            pass
        except DatabaseError as exc:
            trace: list[str] = exc.__dict__.setdefault("psql_trace", [])
            place = f"Line {self.line} in `{self.routine.database}`.`{self.routine.name}`"
            trace.append(f"  #{len(trace)} {place}")
            raise

    def _names(self, names: dict[str, Local]) -> _Names:
        return _Names(self.session, names)

    def _steps(self, steps: list[psql.Step]) -> Iterator[Selected]:
        for step in steps:
            self.line = step.line
            if self.session.is_cancelled:
                raise error(1317, "Query execution was interrupted")
            with self._names(self.locals):
                yield from _RUN[type(step)](self, step)

    def _block(self, block: psql.Block) -> Iterator[Selected]:
        hidden = dict(self.locals)
        declared_here: set[str] = set()
        try:
            for item in block.declarations:
                self.line = item.line
                name = item.name.lower()
                if name in declared_here:
                    raise error(1331, f"Duplicate variable: {item.name}")
                declared_here.add(name)
                with self._names(self.locals):
                    if item.value is None:
                        value = _empty(item.type)
                    else:
                        value = yield from self._value(item.value, item.type, item.name)
                        self._check_null(item.name, item.nullable, value)
                self.locals[name] = value
            try:
                yield from self._steps(block.body)
            except DatabaseError as exc:
                handler = self._handler(block, exc)
                if handler is None:
                    raise
                yield from self._handle(handler, exc)
        finally:
            for name in declared_here:
                self.locals.pop(name, None)
                if name in hidden:
                    self.locals[name] = hidden[name]

    @staticmethod
    def _handler(block: psql.Block, exc: DatabaseError) -> list[psql.Step] | None:
        if exc.errno == 1317:
            return None  # an interrupted statement is not to go on
        for names, steps in block.handlers:
            if "OTHERS" in names or ERROR_NAMES.get(exc.errno or 0) in names:
                return steps
        return None

    def _handle(self, steps: list[psql.Step], exc: DatabaseError) -> Iterator[Selected]:
        outer, self.session.handled = self.session.handled, exc
        try:
            yield from self._steps(steps)
        finally:
            self.session.handled = outer

    # -- statements ------------------------------------------------------------------------

    def _run_block(self, step: psql.Block) -> Iterator[Selected]:
        yield from self._block(step)

    def _assign(self, step: psql.Assign) -> Iterator[Selected]:
        name = step.name.lower()
        old = self.locals.get(name)
        if old is None:
            raise error(1327, f"Undeclared variable: {step.name}")
        if step.field is None:
            self.locals[name] = yield from self._value(step.value, old.declared, step.name)
            return
        fields = old.value
        key = step.field.lower()
        if old.declared.kind != "record" or not isinstance(fields, dict) or key not in fields:
            raise error(1054, f"Unknown column '{step.name}.{step.field}' in 'field list'")
        value = yield from self._value(step.value, fields[key].declared, step.field)
        self.locals[name] = replace(old, value={**fields, key: value})

    def _if(self, step: psql.If) -> Iterator[Selected]:
        for condition, body in step.branches:
            if self._condition(condition):
                yield from self._steps(body)
                return
        yield from self._steps(step.otherwise)

    def _iterate(self, body: list[psql.Step]) -> Iterator[Selected]:
        """Run the body of a loop once; raises ``_Left`` to leave the loop."""
        try:
            yield from self._steps(body)
        except _Left as left:
            if not left.again:
                raise

    def _loop(self, step: psql.Loop) -> Iterator[Selected]:
        try:
            while step.condition is None or self._condition(step.condition):
                if self.session.is_cancelled:
                    raise error(1317, "Query execution was interrupted")
                yield from self._iterate(step.body)
                self.line = step.line
        except _Left:
            pass

    def _for(self, step: psql.For) -> Iterator[Selected]:
        name = step.name.lower()
        hidden = self.locals.get(name)
        try:
            for value in self._range(step):
                if self.session.is_cancelled:
                    raise error(1317, "Query execution was interrupted")
                self.locals[name] = value
                yield from self._iterate(step.body)
        except _Left:
            pass
        finally:
            self.locals.pop(name, None)
            if hidden is not None:
                self.locals[name] = hidden

    def _range(self, step: psql.For) -> Iterator[Local]:
        if step.source is not None:
            source = step.source
            if isinstance(source, nodes.ColumnName) and source.table is None:
                array = self.locals.get(source.name.lower())
                if array is None or array.declared.kind != "array":
                    raise error(1327, f"Undeclared variable: {source.name} is no array")
                yield from list(array.value or [])
                return
            if not isinstance(source, psql.Collect):
                raise unsupported("FOR ... IN what is no range, COLLECT() or array variable")
            yield from self._collect(source)
            return
        assert step.first is not None
        assert step.last is not None
        first = self._scalar(step.first, BIGINT, step.name)
        last = self._scalar(step.last, BIGINT, step.name)
        if first is None or last is None:
            raise error(1048, "The bounds of FOR cannot be null")
        numbers = range(first, last + 1)
        for number in reversed(numbers) if step.reverse else numbers:
            yield Local(_BIGINT, BIGINT, number)

    def _leave(self, step: psql.Leave) -> Iterator[Selected]:
        if step.condition is None or self._condition(step.condition):
            raise _Left(step.again)
        yield from ()

    def _return(self, step: psql.Return) -> Iterator[Selected]:
        returns = self.create.returns
        if step.value is not None:
            if returns is None:
                raise error(1313, f"PROCEDURE {self.routine.name} returns nothing")
            self.value = yield from self._value(step.value, returns, "RESULT")
            self._check_null("RESULT", self.create.returns_null, self.value)
        raise _Returned

    def _echo(self, step: psql.Echo) -> Iterator[Selected]:
        if isinstance(step.what, psql.Call):
            yield (yield from echo(self.session, step.what, self))
        else:
            yield self.session.select(step.what)

    def _call(self, step: psql.Call) -> Iterator[Selected]:
        frame = Frame(self.session, self.session.procedure(step.database, step.name), self)
        yield from frame.run(step.args)

    def _run_statement(self, step: psql.Run) -> Iterator[Selected]:
        self._sql(step.statement)
        yield from ()

    def _sql(self, statement: Any) -> None:
        from .session import Changed

        session = self.session
        session.start_statement()
        if isinstance(statement, _QUERIES):
            if not isinstance(statement, nodes.Select) or not statement.into:
                raise unsupported("a query in EXECUTE IMMEDIATE; use ECHO or COLLECT")
            self._select_into(statement)
            return
        outcome = session.run_statement(statement)
        if not isinstance(outcome, Changed):
            raise unsupported("a statement with results in a procedure; use ECHO SELECT")

    def _select_into(self, query: nodes.Select) -> None:
        names = [name.lower() for name in query.into]
        if any(name.startswith("@") for name in names):
            self.session.select_into(query)
            return
        missing = [name for name in names if name not in self.locals]
        if missing:
            raise error(1327, f"Undeclared variable: {missing[0]}")
        compiled = self.session.translator().query(replace(query, into=[]))
        if len(compiled.outputs) != len(names):
            raise error(1222, "The used SELECT statements have a different number of columns")
        types = [self.locals[name].declared for name in names]
        wanted = [_scalar_type(kind, name) for kind, name in zip(types, names, strict=True)]
        rows = self._rows(compiled, wanted, names, limit=2)
        if not rows:
            raise error(1329, "No data - zero rows fetched, selected, or processed")
        if len(rows) > 1:
            raise error(1172, "Result consisted of more than one row")
        for name, value in zip(names, rows[0], strict=True):
            self.locals[name] = replace(self.locals[name], value=value)

    def _execute(self, step: psql.ExecuteImmediate) -> Iterator[Selected]:
        text = self._scalar(step.text, LONGTEXT, "EXECUTE IMMEDIATE")
        if text is None:
            raise error(1065, "Query was empty")
        (parser,) = self.session.split(text, multiple=False)
        with self._names({}):  # a statement made of text sees no variables
            self._sql(parser.statement())
        yield from ()

    def _raise(self, step: psql.Raise) -> Iterator[Selected]:
        handled = self.session.handled
        if step.text is not None:
            text = self._scalar(step.text, LONGTEXT, "user_exception")
            raise error(USER_RAISE, str(text))
        if handled is None:
            raise error(1645, "RESIGNAL when handler not active")
        yield from ()
        raise handled

    # -- values ----------------------------------------------------------------------------

    def _check_null(self, name: str, nullable: bool, value: Local) -> None:
        if not nullable and value.type is not None and value.value is None:
            raise error(1048, f"'{name}' of `{self.routine.name}` cannot be null")

    def _condition(self, node: nodes.Expr) -> bool:
        known = fold(node, self.locals)
        if known is not None:
            return bool(known)
        sql = self.session.translator().boolean(node, Scope())
        return bool(self.session.read(f"SELECT {sql}")[0][0])

    def _scalar(self, node: nodes.Expr, kind: SqlType, name: str) -> Any:
        """Return the value of an expression as DuckDB stores one of type ``kind``."""
        known = fold(node, self.locals)
        low, high = kind.range or (0, -1)
        if known is not None and low <= known <= high:
            return known
        if isinstance(node, nodes.Call) and node.name == "SCALAR":
            query = self.session.translator().query_of(node.args[0])
            rows = self._rows(query, [kind], [name], limit=2)
            if len(rows) != 1:
                raise error(1329 if not rows else 1172, f"SCALAR() takes a query of one row, not "
                            f"{'none' if not rows else 'more'}")  # fmt: skip
            return rows[0][0]
        value = self.session.translator().expression(node, Scope())
        sql = convert.assign(value, ColumnDef(name, kind))
        return self.session.read(f"SELECT CAST({sql} AS {kind.storage})")[0][0]

    def _assignable(self, node: nodes.Expr, kind: psql.VariableType, name: str) -> Local:
        """Return the value of an expression for a variable of type ``kind``."""
        if kind.kind == "scalar":
            assert kind.type is not None
            type_ = declared(kind.type)
            return Local(kind, type_, self._scalar(node, type_, name))
        if kind.kind == "query" and isinstance(node, nodes.Call) and node.name == "TO_QUERY":
            text = self._scalar(node.args[0], LONGTEXT, name)
            query = self.session.parse_query(str(text))
            return Local(kind, None, QueryValue(query, {}, kind.fields))
        if isinstance(node, nodes.ColumnName) and node.table is None:
            found = self.session.locals.get(node.name.lower())
            if found is not None and found.declared.kind == kind.kind:
                return replace(found, declared=kind)
        raise unsupported(f"such a value for the {kind.kind} {name}")

    def _value(
        self, value: psql.Value, kind: psql.VariableType, name: str
    ) -> Generator[Selected, None, Local]:
        """Return the value of what stands on the right of an assignment; a procedure that is
        called there may have results."""
        if isinstance(value, psql.Collect):
            if kind.kind != "array":
                raise error(1366, f"COLLECT() gives an array, and '{name}' is none")
            return Local(kind, None, list(self._collect(value)))
        if isinstance(value, _QUERIES):
            if kind.kind != "query":
                raise error(1366, f"A query cannot be assigned to '{name}'; use SCALAR(query)")
            return Local(kind, None, QueryValue(value, dict(self.locals), kind.fields))
        if isinstance(value, nodes.Call) and value.name not in FUNCTIONS:
            routine = self.session.engine.catalog.routine(
                value.database or self.session.database, value.name
            )
            if routine is not None and routine.kind == "PROCEDURE":
                frame = Frame(self.session, routine, self)
                yield from frame.run(value.args)
                if frame.value is None:
                    raise _no_return(routine)
                if kind.kind != "scalar":
                    return replace(frame.value, declared=kind)
                with self._names({"result": frame.value}):
                    return self._assignable(nodes.ColumnName("result"), kind, name)
        return self._assignable(value, kind, name)

    def _collect(self, collect: psql.Collect) -> Iterator[Local]:
        compiled = self.session.translator().query_of(collect.source, collect.fields)
        types = [_settled(o.value.type) for o in compiled.outputs]
        names = [o.name.lower() for o in compiled.outputs]
        for row in self._rows(compiled, types, names):
            yield Local(_RECORD, None, {
                name: Local(_SCALAR, kind, value)
                for name, kind, value in zip(names, types, row, strict=True)
            })  # fmt: skip

    def _rows(
        self, compiled: Compiled, types: list[SqlType], names: list[str], limit: int | None = None
    ) -> list[tuple[Any, ...]]:
        """Run a query; return its rows with values of ``types`` as DuckDB stores them."""
        items = []
        for i, (output, kind, name) in enumerate(
            zip(compiled.outputs, types, names, strict=True), 1
        ):
            value = replace(output.value, sql=f"q.c{i}", literal=None)
            items.append(f"CAST({convert.assign(value, ColumnDef(name, kind))} AS {kind.storage})")
        sql = f"SELECT {', '.join(items)} FROM ({compiled.sql}) AS q"
        return self.session.read(sql if limit is None else f"{sql} LIMIT {limit}")


_RUN: dict[type, Callable[[Frame, Any], Iterator[Selected]]] = {
    psql.Block: Frame._run_block,
    psql.Assign: Frame._assign,
    psql.If: Frame._if,
    psql.Loop: Frame._loop,
    psql.For: Frame._for,
    psql.Leave: Frame._leave,
    psql.Return: Frame._return,
    psql.Echo: Frame._echo,
    psql.Call: Frame._call,
    psql.Run: Frame._run_statement,
    psql.ExecuteImmediate: Frame._execute,
    psql.Raise: Frame._raise,
}

_SCALAR = psql.VariableType("scalar")
_RECORD = psql.VariableType("record")
_BIGINT = psql.VariableType("scalar", nodes.TypeName("BIGINT"))


class _Names:
    """The variables that translations see, while it is entered."""

    def __init__(self, session: Session, names: dict[str, Local]) -> None:
        self._session = session
        self._names = names

    def __enter__(self) -> None:
        self._before, self._session.locals = self._session.locals, self._names

    def __exit__(self, *exc_info: object) -> None:
        self._session.locals = self._before


def _empty(kind: psql.VariableType) -> Local:
    if kind.kind == "scalar":
        assert kind.type is not None
        return Local(kind, declared(kind.type), None)
    if kind.kind == "record":
        fields = {
            name.lower(): Local(psql.VariableType("scalar", type_), declared(type_), None)
            for name, type_ in kind.fields
        }
        return Local(kind, None, fields)
    return Local(kind, None, [] if kind.kind == "array" else None)


def _scalar_type(kind: psql.VariableType, name: str) -> SqlType:
    if kind.type is None:
        raise unsupported(f"SELECT ... INTO the {kind.kind} {name}")
    return declared(kind.type)


def _settled(kind: SqlType) -> SqlType:
    if kind.family == "bool":
        return BIGINT
    return LONGTEXT if kind.family == "null" else kind


def fold(node: nodes.Expr, names: dict[str, Local]) -> int | None:
    """Compute whole numbers, the most of what loops do, without asking DuckDB.

    Returns ``None`` for everything else, NULL and what leaves 64 bits included.
    """
    if isinstance(node, nodes.Literal):
        return int(node.text) if node.kind == "integer" and len(node.text) < 18 else None
    if isinstance(node, nodes.ColumnName):
        found = names.get(node.name.lower()) if node.table is None else None
        if found is None or found.type is None or found.type.family != "int":
            return None
        return None if found.type.unsigned else found.value
    if isinstance(node, nodes.Binary):
        compute = _FOLDS.get(node.op)
        if compute is None:
            return None
        left, right = fold(node.left, names), fold(node.right, names)
        if left is None or right is None:
            return None
        result = compute(left, right)
        return result if -(2**63) <= result < 2**63 else None
    return None


_FOLDS: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b,
    "=": lambda a, b: a == b, "<>": lambda a, b: a != b, "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip


# -- CALL and ECHO ---------------------------------------------------------------------------


def _no_return(routine: Routine) -> Exception:
    return error(1321, f"PROCEDURE {routine.database}.{routine.name} ended without RETURN")


def echo(
    session: Session, call: psql.Call, caller: Frame | None = None
) -> Generator[Selected, None, Selected]:
    """Run a procedure; yield its results and return the one of its value."""
    routine = session.procedure(call.database, call.name)
    frame = Frame(session, routine, caller)
    if frame.create.returns is None:
        raise error(
            1313, f"ECHO needs a procedure that returns a value, and `{routine.name}` returns "
            "none; use CALL",
        )  # fmt: skip
    yield from frame.run(call.args)
    value = frame.value
    if value is None:
        raise _no_return(routine)
    if isinstance(value.value, QueryValue):
        return select(session.translator().query_value(value.value), session.vectors)
    if value.type is None:
        raise unsupported(f"ECHO of a {value.declared.kind}")
    typed = replace(local_value(value), literal=None)
    compiled = Compiled(f"SELECT {typed.sql} AS c1", [Output("RESULT", typed)])
    return select(compiled, session.vectors)


def call(session: Session, call: psql.Call) -> Iterator[Selected]:
    """Run a procedure; yield its results."""
    frame = Frame(session, session.procedure(call.database, call.name), None)
    yield from frame.run(call.args)


def described(exc: DatabaseError) -> DatabaseError:
    """Return an error of a procedure with the place where it happened."""
    trace: list[str] | None = exc.__dict__.get("psql_trace")
    if not trace:
        return exc
    errno = exc.errno or 1105
    name = ERROR_NAMES.get(errno)
    kind = f"{name} ({errno})" if name else str(errno)
    callstack = "\n".join(trace)
    return error(
        errno,
        f"Unhandled exception\nType: {kind}\nMessage: {exc.errmsg}\nCallstack:\n{callstack}",
    )
