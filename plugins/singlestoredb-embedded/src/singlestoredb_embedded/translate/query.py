"""Translation of queries: FROM, grouping, ordering, set operations, common tables."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from singlestoredb_embedded import nodes, psql
from singlestoredb_embedded.catalog import Table
from singlestoredb_embedded.errors import error, unsupported
from singlestoredb_embedded.functions import FUNCTIONS, jsons
from singlestoredb_embedded.lex import quote_identifier
from singlestoredb_embedded.types import JSON, SqlType, common, declared

from . import convert, inline
from .expressions import ExpressionTranslator, constant, order_key
from .scope import Compiled, Output, Relation, Scope
from .typed import Typed
from .variables import Local, QueryValue

if TYPE_CHECKING:
    from singlestoredb_embedded.external import ExternalFunction

VirtualTable = tuple[list[tuple[str, SqlType]], list[tuple[Any, ...]]]
"""Columns (name, type) and rows of a table that is made from the catalog."""


class Environment(Protocol):
    """What a translation asks of its session."""

    database: str
    user: str
    connection_id: int
    last_insert_id: int
    row_count: int
    found_rows: int

    @property
    def locals(self) -> Mapping[str, Local]:
        """Variables of the procedure that runs, by lower-case name."""

    @property
    def now(self) -> datetime.datetime:
        """The statement's time (UTC)."""

    def function(self, database: str | None, name: str) -> psql.CreateRoutine | None:
        """Return a function of the user's, or ``None``."""

    def external_function(self, database: str | None, name: str) -> ExternalFunction:
        """Return what DuckDB calls an external function by; raises 1235 when they are off."""

    def exception_message(self) -> str | None:
        """Return the message of the error that a procedure handles."""

    def variable(self, name: str) -> Any:
        """Return a system variable."""

    def user_variable(self, name: str) -> Any:
        """Return a user variable, ``None`` when it was never set."""

    def table(self, database: str | None, name: str) -> Table:
        """Return a table or view; raises 1146."""

    def physical(self, table: Table) -> str:
        """Return the DuckDB name of a table."""

    def parse_query(self, sql: str) -> nodes.Query:
        """Parse a view's query."""

    def virtual_table(self, name: str) -> VirtualTable | None:
        """Return a table of ``information_schema``, or ``None``."""

    def sleep(self, seconds: float) -> None:
        """Wait, unless the statement is cancelled."""


class QueryTranslator(ExpressionTranslator):
    """Translates one statement's queries."""

    def __init__(self, environment: Environment) -> None:
        super().__init__()
        self.environment = environment
        self.database = environment.database
        self.locals = environment.locals
        self.tables: list[Table] = []
        """Tables of the catalog that were read from."""
        self.volatile = False
        """Whether another run may need another translation: it uses the time, a variable, or what
        the catalog holds."""
        self.random = False
        """Whether it calls RAND() or UUID()."""
        self._aliases = 0
        self._common: list[dict[str, Compiled]] = []
        self._windows: list[dict[str, nodes.Window]] = []
        self._view_depth = 0
        self._function_depth = 0

    # -- context for functions -------------------------------------------------------------

    @property
    def user(self) -> str:
        self.volatile = True
        return self.environment.user

    @property
    def connection_id(self) -> int:
        self.volatile = True
        return self.environment.connection_id

    @property
    def last_insert_id(self) -> int:
        self.volatile = True
        return self.environment.last_insert_id

    @property
    def row_count(self) -> int:
        self.volatile = True
        return self.environment.row_count

    @property
    def found_rows(self) -> int:
        self.volatile = True
        return self.environment.found_rows

    @property
    def now(self) -> datetime.datetime:
        return self.environment.now

    def variable(self, name: str) -> Any:
        self.volatile = True
        return self.environment.variable(name)

    def user_variable(self, name: str) -> Any:
        self.volatile = True
        return self.environment.user_variable(name)

    def sleep(self, seconds: float) -> None:
        self.environment.sleep(seconds)

    def mark_volatile(self) -> None:
        self.volatile = True

    def mark_random(self) -> None:
        self.random = True

    def fresh(self) -> str:
        self._aliases += 1
        return f"t{self._aliases}"

    def window_named(self, name: str) -> nodes.Window:
        found = self._windows[-1].get(name) if self._windows else None
        if found is None:
            raise error(3579, f"Window name '{name}' is not defined.")
        return found

    # -- queries ---------------------------------------------------------------------------

    def subquery(self, query: nodes.Query, scope: Scope) -> Compiled:
        in_aggregate, self.in_aggregate = self.in_aggregate, False
        try:
            return self.query(query, scope)
        finally:
            self.in_aggregate = in_aggregate

    def query(self, query: nodes.Query, parent: Scope | None = None) -> Compiled:
        """Translate a query; ``parent`` is the scope around a subquery."""
        if not query.tables:
            return self._body(query, parent)
        self._common.append({})
        try:
            parts = []
            for table in query.tables:
                parts.append(self._common_table(table, query.recursive, parent))
            body = self._body(query, parent)
        finally:
            self._common.pop()
        word = "WITH RECURSIVE" if query.recursive else "WITH"
        return Compiled(f"{word} {', '.join(parts)} {body.sql}", body.outputs)

    def _common_table(self, table: nodes.CommonTable, recursive: bool, parent: Scope | None) -> str:
        name = self.fresh() + "_cte"
        inner = table.query
        if recursive and isinstance(inner, nodes.SetOperation) and inner.op == "UNION":
            # The columns of a recursive table are those of its first part.
            first = self.query(inner.left, parent)
            outputs = _renamed(first.outputs, table.columns)
            outputs = [Output(o.name, replace(_settled(o.value), nullable=True)) for o in outputs]
            self._common[-1][table.name.lower()] = Compiled(name, outputs)
            second = self.query(inner.right, parent)
            if len(second.outputs) != len(outputs):
                raise error(1222, "The used SELECT statements have a different number of columns")
            types = [o.value.type for o in outputs]
            word = "UNION ALL" if inner.all else "UNION"
            sql = f"({self._cast_all(first, types)}) {word} ({self._cast_all(second, types)})"
        else:
            compiled = self.query(inner, parent)
            outputs = _renamed(compiled.outputs, table.columns)
            sql = compiled.sql
        self._common[-1][table.name.lower()] = Compiled(name, outputs)
        names = ", ".join(f"c{i}" for i in range(1, len(outputs) + 1))
        return f"{name}({names}) AS ({sql})"

    def _body(self, query: nodes.Query, parent: Scope | None) -> Compiled:
        if isinstance(query, nodes.Select):
            return self._select(query, parent)
        if isinstance(query, nodes.SetOperation):
            compiled = self._set_operation(query, parent)
        else:
            compiled = self._values(query, parent)
        return self._ordered(compiled, query)

    def _values(self, query: nodes.Values, parent: Scope | None) -> Compiled:
        scope = Scope(parent)
        rows = [[self.expression(e, scope) for e in row] for row in query.rows]
        if len({len(row) for row in rows}) != 1:
            raise error(1136, "Column count doesn't match value count at row 1")
        types = [common([row[i].type for row in rows]) for i in range(len(rows[0]))]
        texts = [
            "(" + ", ".join(f"CAST({convert.as_type(v, t)} AS {_storage(t)})"
                            for v, t in zip(row, types, strict=True)) + ")"
            for row in rows
        ]  # fmt: skip
        alias = self.fresh()
        names = ", ".join(f"c{i}" for i in range(1, len(types) + 1))
        outputs = [Output(f"column_{i}", Typed("", t)) for i, t in enumerate(types)]
        return Compiled(f"SELECT * FROM (VALUES {', '.join(texts)}) AS {alias}({names})", outputs)

    def _ordered(self, compiled: Compiled, query: nodes.Query) -> Compiled:
        """Apply ORDER BY and LIMIT that follow a set operation: they see its columns only."""
        if not query.order and query.limit is None:
            return compiled
        alias = self.fresh()
        columns = [
            Output(o.name, replace(o.value, sql=f"{alias}.c{i}", literal=None))
            for i, o in enumerate(compiled.outputs, 1)
        ]
        scope = Scope(relations=[Relation("", columns)], clause="order clause")
        parts = []
        for item in query.order:
            position = _ordinal(item.expr, len(columns))
            value = (
                columns[position].value
                if position is not None
                else self.expression(item.expr, scope)
            )
            parts.append(order_key(value, item.descending))
        order = f" ORDER BY {', '.join(parts)}" if parts else ""
        sql = f"SELECT * FROM ({compiled.sql}) AS {alias}{order}{self.limit(query)}"
        return Compiled(sql, compiled.outputs)

    def limit(self, query: nodes.Query | nodes.Update | nodes.Delete) -> str:
        """Return the LIMIT clause."""
        parts = ""
        for word, node in (("LIMIT", query.limit), ("OFFSET", getattr(query, "offset", None))):
            if node is None:
                continue
            value = self.expression(node, Scope())
            if value.literal is None or value.literal.kind != "integer" or (
                value.literal.text.startswith("-")
            ):  # fmt: skip
                raise error(1064, f"{word} needs a whole number")
            parts += f" {word} {min(int(value.literal.text), 2**63 - 1)}"
        return parts

    # -- SELECT ----------------------------------------------------------------------------

    def _select(self, query: nodes.Select, parent: Scope | None) -> Compiled:
        scope = Scope(parent)
        self._windows.append(query.windows)
        try:
            return self._select_in(query, scope)
        finally:
            self._windows.pop()

    def _select_in(self, query: nodes.Select, scope: Scope) -> Compiled:
        source = "" if query.source is None else f" FROM {self.source(query.source, scope)}"
        aliases = {i.alias.lower(): i.expr for i in query.items if i.alias}
        where = ""
        conditions = []
        if query.where is not None:
            scope.clause = "where clause"
            conditions.append(self.boolean(query.where, scope))
        grouped = bool(query.group) or any(
            _has_aggregate(e)
            for e in (*(i.expr for i in query.items), *(o.expr for o in query.order), query.having)
            if e is not None
        )
        group_sql = self._group(query, scope, aliases) if grouped else ""
        having = ""
        if query.having is not None:
            scope.clause = "having clause"
            scope.aliases = aliases
            condition = self.boolean(query.having, scope)
            scope.aliases = {}
            if grouped:
                having = f" HAVING {condition}"
            else:
                conditions.append(condition)
        if conditions:
            where = " WHERE " + " AND ".join(conditions)
        scope.clause = "field list"
        outputs = self._items(query.items, scope)
        items = ", ".join(f"{o.value.sql} AS c{i}" for i, o in enumerate(outputs, 1))
        distinct = ""
        if query.distinct:
            keys = [convert.key(o.value) for o in outputs]
            plain = all(k == o.value.sql for k, o in zip(keys, outputs, strict=True))
            distinct = "DISTINCT " if plain else f"DISTINCT ON ({', '.join(keys)}) "
        sql = f"SELECT {distinct}{items}{source}{where}{group_sql}{having}"
        outputs = [Output(o.name, o.value) for o in outputs]
        if query.order or query.limit is not None:
            sql = self._order_select(query, scope, aliases, outputs, sql)
        return Compiled(sql, outputs)

    def _order_select(
        self,
        query: nodes.Select,
        scope: Scope,
        aliases: dict[str, nodes.Expr],
        outputs: list[Output],
        sql: str,
    ) -> str:
        scope.clause = "order clause"
        scope.aliases = aliases
        scope.aliases_first = True
        alias = self.fresh()
        parts = []
        for item in query.order:
            position = _ordinal(item.expr, len(outputs))
            value = (
                outputs[position].value
                if position is not None
                else self.expression(item.expr, scope)
            )
            if query.distinct:
                position = next(
                    (i for i, o in enumerate(outputs) if o.value.sql == value.sql), None
                )
                if position is None:
                    raise error(
                        3065,
                        "Expression of ORDER BY clause is not in SELECT list, which is "
                        "incompatible with DISTINCT",
                    )
                value = replace(value, sql=f"{alias}.c{position + 1}")
            elif value.literal is not None:
                continue
            parts.append(order_key(value, item.descending))
        order = f" ORDER BY {', '.join(parts)}" if parts else ""
        limit = self.limit(query)
        if query.distinct:
            return f"SELECT * FROM ({sql}) AS {alias}{order}{limit}"
        return f"{sql}{order}{limit}"

    def _items(self, items: list[nodes.SelectItem], scope: Scope) -> list[Output]:
        outputs: list[Output] = []
        for item in items:
            if isinstance(item.expr, nodes.Star):
                outputs += self._star(item.expr, scope)
                continue
            value = self.expression(item.expr, scope)
            if value.row:
                raise error(1241, "Operand should contain 1 column(s)")
            name = item.alias
            if name is None:
                name = item.expr.name if isinstance(item.expr, nodes.ColumnName) else item.text
            outputs.append(Output(name, value))
        return outputs

    def _star(self, star: nodes.Star, scope: Scope) -> list[Output]:
        if not scope.relations:
            raise error(1096, "No tables used")
        outputs: list[Output] = []
        seen: set[str] = set()
        if star.table is None:
            for relation in scope.relations:
                for column in relation.columns:
                    name = column.name.lower()
                    if name in scope.merged:
                        if name in seen:
                            continue
                        seen.add(name)
                        outputs.append(Output(column.name, scope.merged[name]))
                    else:
                        outputs.append(column)
        else:
            for relation in scope.relations:
                if relation.alias.lower() == star.table.lower():
                    outputs += relation.columns
            if not outputs:
                raise error(1051, f"Unknown table '{star.table}'")
        if scope.groups:
            outputs = [Output(o.name, scope.groups.get(o.value.sql, o.value)) for o in outputs]
        return outputs

    def _group(self, query: nodes.Select, scope: Scope, aliases: dict[str, nodes.Expr]) -> str:
        scope.clause = "group statement"
        scope.aliases = aliases
        groups: dict[str, Typed] = {}
        keys: list[str] = []
        for node in query.group:
            position = _ordinal(node, len(query.items))
            value = self.expression(node if position is None else query.items[position].expr, scope)
            key = convert.key(value)
            keys.append(key)
            if key != value.sql:
                kept = f"any_value({value.sql})"
                if query.rollup:
                    kept = f"CASE WHEN grouping({key}) = 0 THEN {kept} END"
                groups[value.sql] = replace(value, sql=kept)
            elif query.rollup:
                groups[value.sql] = replace(value, nullable=True)
        scope.aliases = {}
        scope.groups = groups
        if not keys:
            return ""
        listed = ", ".join(keys)
        return f" GROUP BY {query.rollup}({listed})" if query.rollup else f" GROUP BY {listed}"

    # -- FROM ------------------------------------------------------------------------------

    def source(self, source: nodes.Source, scope: Scope) -> str:
        """Translate a FROM clause and put its tables into ``scope``."""
        if isinstance(source, nodes.Join):
            return self._join(source, scope)
        if isinstance(source, nodes.Derived):
            compiled = self.query(source.query, scope.parent)
            outputs = _renamed(compiled.outputs, source.columns)
            return self._derived(compiled.sql, outputs, source.alias, scope)
        if isinstance(source, nodes.TableFunction):
            return self._table_function(source, scope)
        return self._table(source, scope)

    def _derived(self, sql: str, outputs: list[Output], alias: str, scope: Scope) -> str:
        name = self.fresh()
        columns = [
            Output(o.name, replace(_settled(o.value), sql=f"{name}.c{i}", literal=None))
            for i, o in enumerate(outputs, 1)
        ]
        self._add(scope, Relation(alias, columns))
        return f"({sql}) AS {name}"

    def _add(self, scope: Scope, relation: Relation) -> None:
        for other in scope.relations:
            if other.alias.lower() == relation.alias.lower() and (
                other.database == relation.database or None in (other.database, relation.database)
            ):
                raise error(1066, f"Not unique table/alias: '{relation.alias}'")
        scope.relations.append(relation)

    def _table(self, source: nodes.TableName, scope: Scope) -> str:
        alias = source.alias or source.name
        if source.database is None:
            for tables in reversed(self._common):
                known = tables.get(source.name.lower())
                if known is not None:
                    name = self.fresh()
                    columns = [
                        Output(o.name, replace(_settled(o.value), sql=f"{name}.c{i}", literal=None))
                        for i, o in enumerate(known.outputs, 1)
                    ]
                    self._add(scope, Relation(alias, columns))
                    return f"{known.sql} AS {name}"
            variable = self.locals.get(source.name.lower()) if self.locals else None
            if variable is not None and isinstance(variable.value, QueryValue):
                compiled = self.query_value(variable.value)
                return self._derived(compiled.sql, compiled.outputs, alias, scope)
        database = source.database or self.database
        if database.lower() == "information_schema":
            return self._virtual(source, scope, alias)
        table = self.environment.table(source.database or self.database or None, source.name)
        if table.view is not None:
            return self._view(table, alias, scope)
        self.tables.append(table)
        relation, name = self.relation(table, alias, None if source.alias else table.database)
        self._add(scope, relation)
        return f"{self.environment.physical(table)} AS {name}"

    def relation(self, table: Table, alias: str, database: str | None) -> tuple[Relation, str]:
        """Return a relation over a table of the catalog, and its SQL alias."""
        name = self.fresh()
        columns = [
            Output(
                column.name,
                Typed(
                    f"{name}.{quote_identifier(column.name)}",
                    column.type,
                    exact=True,
                    nullable=column.nullable,
                    flags=table.flags(column),
                    origin=(alias, table.name, column.name, table.database),
                ),
            )
            for column in table.columns
        ]
        return Relation(alias, columns, database), name

    def _view(self, table: Table, alias: str, scope: Scope) -> str:
        self._view_depth += 1
        if self._view_depth > 32:
            raise error(1462, f"View '{table.name}' refers to itself")
        database, self.database = self.database, table.database
        common_tables, self._common = self._common, []
        names, self.locals = self.locals, {}
        try:
            compiled = self.query(self.environment.parse_query(table.view or ""))
        finally:
            self.database, self._common, self.locals = database, common_tables, names
            self._view_depth -= 1
        outputs = _renamed(compiled.outputs, [c.name for c in table.columns])
        return self._derived(compiled.sql, outputs, alias, scope)

    def _virtual(self, source: nodes.TableName, scope: Scope, alias: str) -> str:
        self.volatile = True
        found = self.environment.virtual_table(source.name.lower())
        if found is None:
            raise error(1109, f"Unknown table '{source.name}' in information_schema")
        columns_of, rows = found
        name = self.fresh()
        names = ", ".join(f"c{i}" for i in range(1, len(columns_of) + 1))
        texts = [
            "(" + ", ".join(_virtual_value(v, t) for v, (_, t) in zip(row, columns_of, strict=True))
            + ")"
            for row in rows
        ]  # fmt: skip
        nulls = ", ".join(f"CAST(NULL AS {t.storage})" for _, t in columns_of)
        body = f"VALUES {', '.join(texts)}" if texts else f"SELECT {nulls} WHERE false"
        columns = [
            Output(n, Typed(f"{name}.c{i}", t, exact=True))
            for i, (n, t) in enumerate(columns_of, 1)
        ]
        self._add(scope, Relation(alias, columns))
        return f"({body}) AS {name}({names})"

    def _table_function(self, source: nodes.TableFunction, scope: Scope) -> str:
        call = source.call
        function = self.environment.function(call.database, call.name)
        if function is not None:
            if not function.table:
                raise error(1064, f"{function.name} returns no table")
            return self._user_table(function, source, scope)
        if call.name != "JSON_TO_ARRAY" or len(call.args) != 1:
            if call.name in FUNCTIONS:
                raise unsupported(f"the table function {call.name}")
            raise self._unknown_function(call.name, call.database)
        document = jsons.json_text(self.expression(call.args[0], scope))
        name = self.fresh()
        column = Output("table_col", Typed(f"{name}.c1", JSON, exact=True))
        self._add(scope, Relation(source.alias, [column]))
        items = f"unnest(CAST(json_extract({document}, '$[*]') AS VARCHAR[]))"
        return f"LATERAL (SELECT {items}) AS {name}(c1)"

    def _user_table(
        self, function: psql.CreateRoutine, source: nodes.TableFunction, scope: Scope
    ) -> str:
        call = source.call
        scope.clause = "from clause"
        names = inline.arguments(function, [self.expression(a, scope) for a in call.args])
        name = self.fresh()
        if function.service is None:
            query = function.body
            assert query is not None
            assert not isinstance(query, psql.Block)
            value = QueryValue(query, names, function.returns.fields if function.returns else [])
            compiled = self.query_value(value)
            return "LATERAL " + self._derived(compiled.sql, compiled.outputs, source.alias, scope)
        self.volatile = self.random = True
        external = self.environment.external_function(call.database, call.name)
        columns = [
            Output(column, external.result(f"struct_extract({name}.c1, 'c{i}')", kind, column))
            for i, (column, kind) in enumerate(external.columns, 1)
        ]
        self._add(scope, Relation(source.alias, columns))
        return f"LATERAL (SELECT unnest({external.call(names.values())})) AS {name}(c1)"

    # -- routines --------------------------------------------------------------------------

    def user_function(self, node: nodes.Call, scope: Scope) -> Typed | None:
        if self.locals:
            if node.name == "SCALAR" and node.database is None:
                compiled = self.query_of(node.args[0])
                if len(compiled.outputs) != 1:
                    raise error(1241, "Operand should contain 1 column(s)")
                value = compiled.outputs[0].value
                return Typed(f"({compiled.sql})", value.type, exact=value.exact)
            if node.name == "EXCEPTION_MESSAGE" and not node.args:
                return constant(self.environment.exception_message())
        function = self.environment.function(node.database, node.name)
        if function is None:
            return None
        if function.table:
            raise error(1064, f"{function.name} returns a table; it belongs into FROM")
        names = inline.arguments(function, [self.expression(a, scope) for a in node.args])
        if function.service is None:
            self._function_depth += 1
            if self._function_depth > 16:
                raise error(1424, "Recursive stored functions are not allowed")
            try:
                return inline.translate(self, function, names)
            finally:
                self._function_depth -= 1
        self.volatile = self.random = True
        external = self.environment.external_function(node.database, node.name)
        assert external.returns is not None
        return external.result(external.call(names.values()), external.returns)

    def query_of(
        self,
        source: nodes.Expr | nodes.Query,
        fields: Sequence[tuple[str, nodes.TypeName]] = (),
    ) -> Compiled:
        """Translate what SCALAR() and COLLECT() take: a query, a query variable or a text."""
        if isinstance(source, nodes.ScalarSubquery):
            source = source.query
        if isinstance(source, (nodes.Select, nodes.SetOperation, nodes.Values)):
            return self.query(source)
        if isinstance(source, nodes.ColumnName) and source.table is None:
            variable = self.locals.get(source.name.lower())
            if variable is not None and isinstance(variable.value, QueryValue):
                return self.query_value(variable.value)
        if isinstance(source, nodes.Call) and source.name == "TO_QUERY" and source.args:
            source = source.args[0]
        text = self.expression(source, Scope()).literal
        if text is None or text.kind != "string":
            raise unsupported("a query in a text that is no variable or constant")
        return self.query_value(
            QueryValue(self.environment.parse_query(text.text), {}, list(fields))
        )

    def query_value(self, value: QueryValue) -> Compiled:
        """Translate a query variable, with the variables that it saw and the types declared."""
        names, self.locals = self.locals, value.locals
        common_tables, self._common = self._common, []
        try:
            compiled = self.query(value.query)
        finally:
            self.locals, self._common = names, common_tables
        if not value.fields:
            return compiled
        if len(value.fields) != len(compiled.outputs):
            raise error(1222, "The query and its declared columns differ in number")
        types = [declared(name) for _, name in value.fields]
        outputs = [
            Output(name, Typed("", kind, exact=True))
            for (name, _), kind in zip(value.fields, types, strict=True)
        ]
        return Compiled(self._cast_all(compiled, types), outputs)

    def _join(self, join: nodes.Join, scope: Scope) -> str:
        left_from = len(scope.relations)
        left = self.source(join.left, scope)
        right_from = len(scope.relations)
        right = self.source(join.right, scope)
        left_side = scope.relations[left_from:right_from]
        right_side = scope.relations[right_from:]
        using = join.using
        if join.natural:
            right_names = {c.name.lower() for r in right_side for c in r.columns}
            using = list(dict.fromkeys(
                c.name for r in left_side for c in r.columns if c.name.lower() in right_names
            ))  # fmt: skip
        condition = ""
        if using:
            tests = []
            for name in using:
                a = self._side(name, left_side, scope)
                b = self._side(name, right_side, None)
                tests.append(self.compare("=", a, b))
                merged = b if join.kind == "RIGHT" else a
                if join.kind == "FULL":
                    kind = common([a.type, b.type])
                    parts = f"{convert.as_type(a, kind)}, {convert.as_type(b, kind)}"
                    merged = Typed(f"coalesce({parts})", kind)
                scope.merged[name.lower()] = merged
            condition = " ON " + " AND ".join(tests)
        if join.on is not None:
            scope.clause = "on clause"
            condition = " ON " + self.boolean(join.on, scope)
        if join.kind in ("LEFT", "FULL"):
            for relation in right_side:
                relation.make_nullable()
        if join.kind in ("RIGHT", "FULL"):
            for relation in left_side:
                relation.make_nullable()
        if isinstance(join.right, nodes.Join):
            right = f"({right})"
        if not condition:
            return f"{left} CROSS JOIN {right}"
        return f"{left} {join.kind} JOIN {right}{condition}"

    def _side(self, name: str, side: list[Relation], scope: Scope | None) -> Typed:
        if scope is not None and name.lower() in scope.merged:
            return scope.merged[name.lower()]
        found = [value for relation in side for value in relation.find(name)]
        if not found:
            raise error(1054, f"Unknown column '{name}' in 'from clause'")
        if len(found) > 1:
            raise error(1052, f"Column '{name}' in from clause is ambiguous")
        return found[0]

    # -- set operations --------------------------------------------------------------------

    def _set_operation(self, query: nodes.SetOperation, parent: Scope | None) -> Compiled:
        left, right = self.query(query.left, parent), self.query(query.right, parent)
        if len(left.outputs) != len(right.outputs):
            raise error(1222, "The used SELECT statements have a different number of columns")
        types = [
            common([a.value.type, b.value.type])
            for a, b in zip(left.outputs, right.outputs, strict=True)
        ]
        outputs = [
            Output(a.name, Typed("", t, exact=True,
                                 nullable=a.value.nullable or b.value.nullable))
            for a, b, t in zip(left.outputs, right.outputs, types, strict=True)
        ]  # fmt: skip
        a, b = self._cast_all(left, types), self._cast_all(right, types)
        folded = any(t.is_text and not t.case_sensitive for t in types)
        if query.all or not folded:
            word = f"{query.op} ALL" if query.all else query.op
            if query.op == "UNION" or not query.all:
                return Compiled(f"({a}) {word} ({b})", outputs)
            raise unsupported(f"{query.op} ALL")
        name = self.fresh()
        keys = [convert.key(Typed(f"{name}.c{i}", t)) for i, t in enumerate(types, 1)]
        on = ", ".join(keys)
        if query.op == "UNION":
            # Of two rows that are equal and not the same, the left side's is kept, as in MySQL;
            # DuckDB runs both sides at once.
            columns = ", ".join(f"c{i}" for i in range(1, len(types) + 1))
            sql = (
                f"SELECT DISTINCT ON ({on}) {columns} FROM (SELECT *, 1 AS side FROM ({a}) "
                f"UNION ALL SELECT *, 2 AS side FROM ({b})) AS {name} ORDER BY side"
            )
            return Compiled(sql, outputs)
        other = self.fresh()
        tests = " AND ".join(
            f"{key} IS NOT DISTINCT FROM {convert.key(Typed(f'{other}.c{i}', t))}"
            for i, (key, t) in enumerate(zip(keys, types, strict=True), 1)
        )
        negation = "NOT " if query.op == "EXCEPT" else ""
        sql = (
            f"SELECT DISTINCT ON ({on}) * FROM ({a}) AS {name} WHERE {negation}EXISTS "
            f"(SELECT 1 FROM ({b}) AS {other} WHERE {tests})"
        )
        return Compiled(sql, outputs)

    def _cast_all(self, compiled: Compiled, types: list[SqlType]) -> str:
        alias = self.fresh()
        items = []
        for i, (output, kind) in enumerate(zip(compiled.outputs, types, strict=True), 1):
            value = replace(output.value, sql=f"{alias}.c{i}", literal=None)
            items.append(f"CAST({convert.as_type(value, kind)} AS {_storage(kind)}) AS c{i}")
        return f"SELECT {', '.join(items)} FROM ({compiled.sql}) AS {alias}"


def _storage(kind: SqlType) -> str:
    return "BOOLEAN" if kind.family == "bool" else "INTEGER" if kind.family == "null" else (
        kind.storage
    )  # fmt: skip


def _settled(value: Typed) -> Typed:
    """A column as a derived table exposes it."""
    return replace(value, literal=None)


def _renamed(outputs: list[Output], names: list[str]) -> list[Output]:
    if not names:
        return outputs
    if len(names) != len(outputs):
        raise error(1353, "Column list and SELECT list have different column counts")
    return [Output(name, output.value) for name, output in zip(names, outputs, strict=True)]


def _ordinal(node: nodes.Expr, columns: int) -> int | None:
    if not isinstance(node, nodes.Literal) or node.kind != "integer":
        return None
    position = int(node.text)
    if not 1 <= position <= columns:
        raise error(1054, f"Unknown column '{node.text}' in 'order clause'")
    return position - 1


def _virtual_value(value: Any, kind: SqlType) -> str:
    return f"CAST({constant(value).sql} AS {kind.storage})"


def _has_aggregate(node: Any) -> bool:
    """Whether an expression calls an aggregate function outside of its subqueries."""
    if isinstance(node, nodes.Call):
        function = FUNCTIONS.get(node.name)
        if function is not None and function.kind == "aggregate" and node.window is None:
            return True
        inner: Iterable[Any] = node.args
        if node.window is not None:
            window = node.window
            inner = [*node.args, *window.partition, *(o.expr for o in window.order)]
        return any(_has_aggregate(a) for a in inner)
    if isinstance(node, nodes.Case):
        parts = [node.base, node.default, *(x for pair in node.whens for x in pair)]
        return any(_has_aggregate(p) for p in parts if p is not None)
    if isinstance(node, nodes.In):
        items = node.items if isinstance(node.items, list) else []
        return any(_has_aggregate(p) for p in (node.operand, *items))
    walk: Callable[[Any], bool] = _has_aggregate
    fields = _CHILDREN.get(type(node), ())
    return any(walk(getattr(node, f)) for f in fields if getattr(node, f) is not None) or (
        isinstance(node, nodes.Row) and any(walk(i) for i in node.items)
    )


_CHILDREN: dict[type, tuple[str, ...]] = {
    nodes.Unary: ("operand",),
    nodes.Binary: ("left", "right"),
    nodes.Cast: ("operand",),
    nodes.JsonPath: ("operand",),
    nodes.Between: ("operand", "low", "high"),
    nodes.Like: ("operand", "pattern"),
    nodes.Is: ("operand",),
    nodes.Quantified: ("operand",),
    nodes.Interval: ("amount",),
    nodes.Collate: ("operand",),
}
