"""Sessions: one per connection.  They keep its state and run its statements."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb

from singlestoredb.exceptions import DatabaseError

from . import ddl, dml, explain, interpreter, loaddata, nodes, psql, show, statements, variables
from .cache import Shape
from .catalog import INFORMATION_SCHEMA, Routine, Table
from .engine import schema_of, stream
from .errors import error, from_duckdb, unsupported
from .grammar import empty_query
from .information_schema import virtual_table
from .interpreter import Called
from .lex import Token, quote_identifier, split_statements, tokenize
from .parser import StatementParser
from .statements import Statement
from .transactions import Run, Transaction
from .translate.output import Selected, select
from .translate.query import QueryTranslator, VirtualTable
from .translate.variables import Local

if TYPE_CHECKING:
    from .engine import Engine
    from .external import ExternalFunction

T = TypeVar("T")


@dataclass(frozen=True)
class Changed:
    """The outcome of a statement without a result set."""

    affected: int = 0
    last_insert_id: int = 0


class Session:
    """State of one connection and the running of its statements.

    Used by one thread at a time, :meth:`interrupt` excepted.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        database: str,
        user: str = "root",
        found_rows: bool = False,
        local_infile: bool = False,
        vectors: str = "binary",
    ) -> None:
        self.engine = engine
        self.user = user
        self.found_rows_flag = found_rows
        """Whether an UPDATE counts the rows that matched rather than those that changed."""
        self.local_infile = local_infile
        self.vectors = vectors
        self.connection_id = next(engine.ids)
        self.connection = engine.root.cursor()
        self.transaction = Transaction(self.connection, engine.locks)
        self.autocommit = True
        self.database = ""
        self.variables: dict[str, Any] = {}
        self.user_variables: dict[str, Any] = {}
        self.temporary: dict[tuple[str, str], Table] = {}
        self.warnings: list[tuple[str, int, str]] = []
        self.last_insert_id = 0
        self.row_count = -1
        self.found_rows = 0
        self.statement = ""
        """Text of the statement that runs, for SHOW PROCESSLIST."""
        self.locals: dict[str, Local] = {}
        """Variables of the procedure that runs."""
        self.handled: DatabaseError | None = None
        """Error that a procedure's EXCEPTION block handles."""
        self.infile: Any = None
        """Source for ``LOAD DATA LOCAL INFILE ':stream:'``."""
        self.infile_name: str | None = None
        """What the statement calls the source instead, when the SDK loads by itself."""
        self._started: datetime.datetime | None = None
        self._cancelled = threading.Event()
        self._running = False
        self._counted = False
        """Whether SQL_CALC_FOUND_ROWS has set ``found_rows``."""
        self._streams: list[duckdb.DuckDBPyConnection] = []
        """Cursors of unbuffered results that are open."""
        self._cacheable = False
        """Whether the last query's translation serves others of its shape."""
        engine.sessions[self.connection_id] = self
        self.use(database)

    # -- what translations ask (translate.query.Environment) --------------------------------

    @property
    def now(self) -> datetime.datetime:
        if self._started is None:
            utc = datetime.datetime.now(datetime.timezone.utc)
            self._started = utc.replace(tzinfo=None)
        return self._started

    def variable(self, name: str) -> Any:
        if name == "autocommit":
            return int(self.autocommit)
        if name == "last_insert_id" or name == "identity":
            return self.last_insert_id
        if name == "warning_count":
            return len(self.warnings)
        variables.known(name)
        return self.variables.get(name, self.engine.globals[name])

    def user_variable(self, name: str) -> Any:
        return self.user_variables.get(name)

    def table(self, database: str | None, name: str) -> Table:
        where = database or self.database
        if not where:
            raise error(1046, "No database selected")
        found = self.temporary.get((where, name)) or self.engine.catalog.find(where, name)
        if found is None:
            raise error(1146, f"Table '{where}.{name}' doesn't exist")
        return found

    def physical(self, table: Table) -> str:
        if table.temporary:
            return "temp.main." + quote_identifier(f"{table.database}.{table.name}")
        return f"{schema_of(table.database)}.{quote_identifier(table.name)}"

    def parse_query(self, sql: str) -> nodes.Query:
        parser = self.parser(sql)
        query = parser.query()
        parser.finish()
        return query

    def virtual_table(self, name: str) -> VirtualTable | None:
        return virtual_table(self, name)

    def exception_message(self) -> str | None:
        return None if self.handled is None else str(self.handled.errmsg)

    def function(self, database: str | None, name: str) -> psql.CreateRoutine | None:
        routines = self.engine.catalog.routines
        routine = routines.get((database or self.database, name.lower())) if routines else None
        if routine is None or routine.kind == "PROCEDURE":
            return None
        return self.parsed(routine)

    def external_function(self, database: str | None, name: str) -> ExternalFunction:
        if self.variable("enable_external_functions") != "ON":
            raise unsupported("an external function while enable_external_functions is OFF")
        routine = self.engine.catalog.routine(database or self.database, name)
        assert routine is not None
        return self.engine.external(routine, self.parsed(routine))

    def parsed(self, routine: Routine) -> psql.CreateRoutine:
        """Return the syntax tree of a procedure or function."""
        if routine.parsed is None:
            tokens = tokenize(routine.text, backslash=routine.backslash)
            parser = StatementParser(routine.text, tokens, backslash=routine.backslash)
            routine.parsed = parser.create_routine(replace=True)
        return routine.parsed

    def procedure(self, database: str | None, name: str) -> Routine:
        """Return a procedure; raises 1305 when there is none."""
        where = database or self.database
        routine = self.engine.catalog.routine(where, name)
        if routine is None or routine.kind != "PROCEDURE":
            raise error(1305, f"PROCEDURE {where}.{name} does not exist")
        return routine

    def sleep(self, seconds: float) -> None:
        if self._cancelled.wait(max(0.0, seconds)):
            raise error(1317, "Query execution was interrupted")

    # -- parsing ---------------------------------------------------------------------------

    @property
    def backslash(self) -> bool:
        """Whether a backslash escapes in string literals."""
        return "NO_BACKSLASH_ESCAPES" not in str(self.variable("sql_mode")).upper()

    def parser(self, sql: str, tokens: list[Token] | None = None) -> StatementParser:
        """Return a parser over ``sql``, or over some tokens of it."""
        backslash = self.backslash
        found = tokenize(sql, backslash=backslash) if tokens is None else tokens
        return StatementParser(sql, found, backslash=backslash)

    def split(self, sql: str, *, multiple: bool) -> list[StatementParser]:
        """Split a text into its statements; raises 1064 for a second one unless ``multiple``."""
        groups = split_statements(sql, tokenize(sql, backslash=self.backslash))
        if not groups:
            raise empty_query()
        if len(groups) > 1 and not multiple:
            raise self.parser(sql, groups[1]).fail()
        return [self.parser(sql, group) for group in groups]

    def expression(self, sql: str) -> nodes.Expr:
        """Parse an expression, of a DEFAULT for example."""
        parser = self.parser(sql)
        result = parser.expression()
        parser.finish()
        return result

    def translator(self) -> QueryTranslator:
        """Return a translator for one statement."""
        return QueryTranslator(self)

    # -- statements ------------------------------------------------------------------------

    def results(self, parser: StatementParser) -> Iterator[tuple[Changed | Selected, bool]]:
        """Run one statement; yield each of its results and whether another one follows.

        A procedure has several.  Each must have been received before the next is asked for.
        """
        outcome = self.run(parser)
        if isinstance(outcome, Called):
            yield from outcome.steps
        else:
            yield outcome, False

    def run(self, parser: StatementParser) -> Changed | Selected | Called:
        """Run one statement; a query is translated and left to be opened, and so is a
        procedure left to be run."""
        self.start_statement()
        self._cancelled.clear()
        self.locals, self.handled = {}, None
        self.statement = parser.text(0, len(parser.tokens) - 1)
        try:
            words = (token.word for token in parser.tokens[:4])
            counts = "SQL_CALC_FOUND_ROWS" in words  # runs a second query
            if parser.tokens[0].word == "SELECT" and "\1" not in parser.sql and not counts:
                return self._select_cached(parser)
            return self.run_statement(parser.statement())
        except RecursionError:
            raise unsupported("an expression nested so deeply") from None

    def start_statement(self) -> None:
        """Forget what belongs to the statement before."""
        self._started = None
        self._counted = False

    @property
    def is_cancelled(self) -> bool:
        """Whether the statement that runs was interrupted."""
        return self._cancelled.is_set()

    def _select_cached(self, parser: StatementParser) -> Changed | Selected | Called:
        shape = Shape(parser.tokens, backslash=parser.backslash)
        key = (
            shape.key, self.database, self.vectors, parser.backslash, self.engine.catalog.version,
            self.connection_id if self.temporary else 0,
        )  # fmt: skip
        kept = self.engine.translations.get(key)
        if kept is None:
            parser.slots = shape.slots
            self._cacheable = False
            outcome = self.run_statement(parser.statement())
            if isinstance(outcome, Selected):
                if self._cacheable and not self.temporary:
                    self.engine.translations.put(key, outcome)
                return shape.fill(outcome)
            return outcome
        self.warnings = []
        self.row_count = -1
        if not self.autocommit:
            self.transaction.begin()
        return shape.fill(kept)

    def run_statement(self, statement: Statement) -> Changed | Selected | Called:
        """Run a statement that is parsed already."""
        if not isinstance(statement, statements.Show) or statement.what not in (
            "WARNINGS", "ERRORS",
        ):  # fmt: skip
            self.warnings = []
        outcome = self._dispatch(statement)
        self.row_count = outcome.affected if isinstance(outcome, Changed) else -1
        if isinstance(outcome, Changed) and outcome.last_insert_id:
            self.last_insert_id = outcome.last_insert_id
        return outcome

    def _dispatch(self, statement: Statement) -> Changed | Selected | Called:
        if isinstance(statement, (nodes.Select, nodes.SetOperation, nodes.Values)):
            if isinstance(statement, nodes.Select) and statement.into:
                self.select_into(statement)
                return Changed(1)
            return self.select(statement)
        if isinstance(statement, nodes.Insert):
            return dml.insert(self, statement)
        if isinstance(statement, nodes.Update):
            return dml.update(self, statement)
        if isinstance(statement, nodes.Delete):
            return dml.delete(self, statement)
        if isinstance(statement, statements.SetVariables):
            return self._set(statement)
        if isinstance(statement, statements.Transaction):
            return self._transaction(statement)
        if isinstance(statement, statements.Use):
            self.use(statement.name)
            return Changed()
        if isinstance(statement, statements.Show):
            return show.show(self, statement)
        if isinstance(statement, statements.LoadData):
            return loaddata.load(self, statement)
        if isinstance(statement, statements.Kill):
            return self._kill(statement)
        if isinstance(statement, statements.CallProcedure):
            return Called(self._called(statement))
        if isinstance(statement, statements.Savepoint):
            if not self.autocommit:
                self.transaction.begin()
            getattr(self.transaction, f"{statement.action}_savepoint")(statement.name)
            return Changed()
        if isinstance(statement, statements.Explain):
            return explain.explain(self, statement.statement)
        if isinstance(statement, statements.Inert):
            if statement.what:
                self.warn_inert(statement.what)
            return Changed()
        return ddl.run(self, statement)

    def _called(
        self, statement: statements.CallProcedure
    ) -> Iterator[tuple[Changed | Selected, bool]]:
        try:
            if statement.echo:
                results = interpreter.echo(self, statement.call)
                while True:
                    try:
                        selected = next(results)
                    except StopIteration as end:
                        yield end.value, False
                        return
                    yield selected, True
            for selected in interpreter.call(self, statement.call):
                yield selected, True
            self.row_count = 0
            yield Changed(), False
        except DatabaseError as exc:
            raise interpreter.described(exc) from exc
        finally:
            self.locals, self.handled = {}, None

    def select_into(self, query: nodes.Select) -> None:
        """Run ``SELECT … INTO @name, …``; raises 1329 for no row and 1172 for several."""
        if any(not name.startswith("@") for name in query.into):
            raise error(1327, f"Undeclared variable: {query.into[0]}")
        selected = self.select(replace(query, into=[]))
        if len(selected.columns) != len(query.into):
            raise error(1222, "The used SELECT statements have a different number of columns")
        rows = self.read(f"SELECT * FROM ({selected.sql}) AS s LIMIT 2")
        if not rows:
            raise error(1329, "No data - zero rows fetched, selected, or processed")
        if len(rows) > 1:
            raise error(1172, "Result consisted of more than one row")
        for name, kind, value in zip(query.into, selected.types, rows[0], strict=True):
            if kind.family == "time" and value is not None:
                value = datetime.timedelta(microseconds=value)
            self.user_variables[name[1:].strip("`'")] = value

    def select(self, query: nodes.Query) -> Selected:
        """Translate a query."""
        if not self.autocommit:
            self.transaction.begin()
        translator = self.translator()
        compiled = translator.query(query)
        self._cacheable = not translator.volatile
        if isinstance(query, nodes.Select) and query.for_update:
            self._cacheable = False
            self._lock(translator.tables)
        if isinstance(query, nodes.Select) and query.calc_found_rows:
            self._cacheable = False
            unlimited = replace(query, limit=None, offset=None, order=[])
            total = self.translator().query(unlimited)
            rows = self.read(f"SELECT count(*) FROM ({total.sql}) AS t")
            self.found_rows = int(rows[0][0])
            self._counted = True
        return select(compiled, self.vectors)

    def warn(self, level: str, number: int, message: str) -> None:
        """Add a row to SHOW WARNINGS."""
        self.warnings.append((level, number, message))

    def warn_inert(self, what: str) -> None:
        """Say that something was accepted and has no effect."""
        self.warn("Note", 1235, f"embedded engine: {what} has no effect")

    def use(self, name: str) -> None:
        """Make ``name`` the default database; raises 1049 if there is none."""
        if not self.engine.catalog.has_database(name):
            raise error(1049, f"Unknown database '{name}'")
        self.database = name if name.lower() != INFORMATION_SCHEMA else INFORMATION_SCHEMA

    def _lock(self, tables: list[Table]) -> None:
        """Lock what SELECT … FOR UPDATE reads, to the end of the transaction."""
        names = [(t.database, t.name) for t in tables if not t.temporary]
        timeout = float(self.variable("lock_wait_timeout"))
        self._guarded(lambda: self.transaction.lock(names, timeout))

    def _set(self, statement: statements.SetVariables) -> Changed:
        for scope, name, node in statement.items:
            if scope == "user":
                self.user_variables[name] = self.evaluate(node)
                continue
            default = isinstance(node, nodes.Default) or (
                isinstance(node, nodes.Literal) and node.text.upper() == "DEFAULT"
            )
            value = "DEFAULT" if default else self.evaluate(node)
            if name == "autocommit":
                self.set_autocommit(bool(variables.normalise(name, value)))
                continue
            variables.known(name)
            if name in variables.READ_ONLY:
                raise error(1238, f"Variable '{name}' is a read only variable")
            if name in variables.INERT:
                self.warn_inert(f"the variable {name}")
            target = self.engine.globals if scope == "global" else self.variables
            target[name] = variables.normalise(name, value)
            if name == "vector_type_project_format" and self.vectors != "text":
                self.vectors = str(value).lower()
        return Changed()

    def evaluate(self, node: nodes.Expr) -> Any:
        """Return the value of an expression without tables."""
        if isinstance(node, nodes.Literal) and node.kind in ("string", "integer"):
            return int(node.text) if node.kind == "integer" else node.text
        query = nodes.Select([nodes.SelectItem(node, None, "")])
        selected = select(self.translator().query(query), self.vectors)
        value = self.read(selected.sql)[0][0]
        if selected.types[0].family == "time":
            return datetime.timedelta(microseconds=value) if value is not None else None
        return value

    def _transaction(self, statement: statements.Transaction) -> Changed:
        if statement.action == "begin":
            self.begin()
        elif statement.action == "commit":
            self.transaction.commit()
        else:
            self.transaction.rollback()
        return Changed()

    def begin(self) -> None:
        """Start a transaction, ending an open one."""
        self.transaction.commit()
        self.transaction.begin()

    def set_autocommit(self, enabled: bool) -> None:
        """Switch autocommit; switching it on commits."""
        if enabled and not self.autocommit:
            self.transaction.commit()
        self.autocommit = enabled

    def _kill(self, statement: statements.Kill) -> Changed:
        other = self.engine.sessions.get(statement.connection_id)
        if other is None:
            raise error(1094, f"Unknown thread id: {statement.connection_id}")
        other.interrupt()
        return Changed()

    # -- running DuckDB SQL ----------------------------------------------------------------

    def _guarded(self, work: Callable[[], T]) -> T:
        self._running = True
        try:
            return work()
        finally:
            self._running = False

    def read(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a query of this package's own and return its rows."""
        return self.transaction.read(
            lambda: self._guarded(lambda: self.connection.execute(sql).fetchall())
        )

    def change(
        self,
        tables: list[Table],
        work: Callable[[Run], T],
        *,
        no_replay: Callable[[], str | None] = lambda: None,
    ) -> T:
        """Change ``tables`` by ``work``, atomically; see :meth:`Transaction.change`."""
        if not self.autocommit:
            self.transaction.begin()
        names = [(t.database, t.name) for t in tables if not t.temporary]
        timeout = float(self.variable("lock_wait_timeout"))
        return self._guarded(
            lambda: self.transaction.change(names, work, timeout=timeout, no_replay=no_replay)
        )

    def open(
        self, selected: Selected, *, own_cursor: bool, batch_rows: int | None = None
    ) -> tuple[object, Callable[[], None]]:
        """Start a query; return its Arrow stream capsule and what frees its cursor.

        With ``own_cursor`` the result outlives the next statement of the session, unless its rows
        must see the session's own changes or temporary tables.  ``batch_rows`` is how many rows a
        batch may have; see :func:`~.engine.stream`.
        """
        shared = not own_cursor or self.transaction.active or bool(self.temporary)
        cursor = self.connection if shared else self.engine.root.cursor()

        def start() -> object:
            return stream(cursor.sql(selected.sql), batch_rows)

        try:
            if shared:
                capsule = self.transaction.read(lambda: self._guarded(start))
            else:
                capsule = self._guarded(start)
        except duckdb.Error as exc:
            cursor.close()
            raise from_duckdb(exc) from exc
        if shared:
            return capsule, lambda: None
        self._streams.append(cursor)

        def free() -> None:
            self._streams.remove(cursor)
            cursor.close()

        return capsule, free

    def receive(self, load: Callable[[], int]) -> int:
        """Receive a whole result; return its number of rows."""
        total = self.transaction.read(lambda: self._guarded(load))
        if not self._counted:
            self.found_rows = total
        return total

    def stream_error(self, exc: BaseException) -> Exception:
        """Return the server's error for one that DuckDB's stream reported."""
        return from_duckdb(duckdb.Error(str(exc)))

    @property
    def is_running(self) -> bool:
        """Whether a statement runs now."""
        return self._running

    def interrupt(self) -> None:
        """Stop the statement that runs, from any thread."""
        self._cancelled.set()
        if self._running:
            self.connection.interrupt()
        for cursor in list(self._streams):
            cursor.interrupt()

    # -- the end ---------------------------------------------------------------------------

    def close(self) -> None:
        """Roll back and free everything."""
        self.abandon()
        self.engine.release()

    def abandon(self) -> None:
        """Roll back and close the session's DuckDB connection."""
        try:
            self.transaction.rollback()
        finally:
            self.engine.sessions.pop(self.connection_id, None)
            self.connection.close()
