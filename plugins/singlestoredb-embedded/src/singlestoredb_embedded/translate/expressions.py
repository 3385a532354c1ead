"""Translation of expressions: an allow-list of nodes, each with its own rules."""

from __future__ import annotations

import datetime
import decimal as decimals
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from singlestoredb_embedded import nodes
from singlestoredb_embedded.cache import slot
from singlestoredb_embedded.errors import error, unsupported
from singlestoredb_embedded.functions import FUNCTIONS, dates, jsons, numeric, strings, vectors
from singlestoredb_embedded.lex import quote_string
from singlestoredb_embedded.types import (
    BIGINT,
    BOOL,
    DATE,
    DATETIME6,
    DOUBLE,
    LONGBLOB,
    NULL,
    TIME6,
    UBIGINT,
    common,
    decimal,
    declared,
    text,
)

from . import convert
from .scope import Compiled, Scope
from .typed import Typed
from .variables import Local, local_value

_COMPARISONS = {"=", "<>", "<", "<=", ">", ">=", "<=>"}
_SQL_COMPARISON = {"<=>": "IS NOT DISTINCT FROM"}


class ExpressionTranslator:
    """Translates expressions; queries inside them are the subclass's."""

    def __init__(self) -> None:
        self._methods: dict[type, Callable[[Any, Scope], Typed]] = {
            nodes.Literal: lambda node, scope: literal(node),
            nodes.ColumnName: self._column,
            nodes.Variable: self._variable,
            nodes.Unary: self._unary,
            nodes.Binary: self._binary,
            nodes.Cast: self._cast,
            nodes.JsonPath: self._json_path,
            nodes.Call: self._call,
            nodes.Case: self._case,
            nodes.In: self._in,
            nodes.Between: self._between,
            nodes.Like: self._like,
            nodes.Is: self._is,
            nodes.Exists: self._exists,
            nodes.ScalarSubquery: self._scalar_subquery,
            nodes.Quantified: self._quantified,
            nodes.Row: self._row,
            nodes.Collate: self._collate,
        }
        self.in_aggregate = False
        self.locals: Mapping[str, Local] = {}
        """Variables of the procedure that runs, by lower-case name."""
        self.fields: dict[str, Typed] = {}
        """Fields of LOAD DATA that were read into variables, by name."""

    # What the session supplies; see functions.registry.Context.
    def user_variable(self, name: str) -> Any:
        """Return the value of ``@name``."""
        raise NotImplementedError

    def variable(self, name: str) -> Any:
        """Return the value of ``@@name``; raises 1193 for an unknown one."""
        raise NotImplementedError

    def subquery(self, query: nodes.Query, scope: Scope) -> Compiled:
        """Translate a query inside an expression."""
        raise NotImplementedError

    def user_function(self, node: nodes.Call, scope: Scope) -> Typed | None:
        """Translate the call of a function of the user's; ``None`` when there is none."""
        raise NotImplementedError

    def fresh(self) -> str:
        """Return an unused alias."""
        raise NotImplementedError

    def expression(self, node: nodes.Expr, scope: Scope) -> Typed:
        """Translate ``node``; raises 1235 for what has no translation."""
        method = self._methods.get(type(node))
        if method is None:
            raise unsupported(_FEATURES.get(type(node), type(node).__name__))
        result = method(node, scope)
        if scope.groups and not self.in_aggregate:
            return scope.groups.get(result.sql, result)
        return result

    # -- names -----------------------------------------------------------------------------

    def _column(self, node: nodes.ColumnName, scope: Scope) -> Typed:
        found = scope.find(node)
        if found is None:
            found = self._local(node)
        if found is None:
            found = scope.resolve(node)  # which raises
        if isinstance(found, Typed):
            return found
        # An alias: its expression, in which the alias itself means the column.
        aliases, scope.aliases = scope.aliases, {}
        try:
            return self.expression(found, scope)
        finally:
            scope.aliases = aliases

    def _local(self, node: nodes.ColumnName) -> Typed | None:
        """A variable of the procedure that runs, or a field of a record; columns hide them."""
        if not self.locals or node.database is not None:
            return None
        found = self.locals.get((node.table or node.name).lower())
        if found is not None and node.table is not None and found.declared.kind == "record":
            found = found.value.get(node.name.lower())
            if found is None:
                raise error(1054, f"Unknown column '{node.table}.{node.name}' in 'field list'")
        elif node.table is not None:
            return None
        if found is None:
            return None
        if found.type is None:
            raise error(1366, f"'{node.name}' is a {found.declared.kind}, not a value")
        return local_value(found)

    def _variable(self, node: nodes.Variable, scope: Scope) -> Typed:
        if node.scope == "user" and node.name in self.fields:
            return self.fields[node.name]
        value = self.user_variable(node.name) if node.scope == "user" else self.variable(node.name)
        return constant(value)

    # -- operators -------------------------------------------------------------------------

    def boolean(self, node: nodes.Expr, scope: Scope) -> str:
        """Translate a condition."""
        return convert.to_bool(self.expression(node, scope))

    def _unary(self, node: nodes.Unary, scope: Scope) -> Typed:
        if node.op == "NOT":
            return Typed(f"(NOT {self.boolean(node.operand, scope)})", BOOL)
        operand = self.expression(node.operand, scope)
        if node.op == "+":
            return operand
        if node.op == "~":
            return Typed(f"xor({numeric.unsigned(operand)}, 18446744073709551615::UBIGINT)",
                         UBIGINT, exact=True)  # fmt: skip
        number = convert.to_number(operand)
        if number.type.is_integer:
            return numeric.arithmetic("-", Typed("0", BIGINT), replace(number, literal=None))
        return Typed(f"(-{number.sql})", number.type, exact=number.exact)

    def _binary(self, node: nodes.Binary, scope: Scope) -> Typed:
        op = node.op
        if op in ("AND", "OR"):
            # Long chains nest to the left: walk them without recursion.
            parts: list[str] = []
            left: nodes.Expr = node
            while isinstance(left, nodes.Binary) and left.op == op:
                parts.append(self.boolean(left.right, scope))
                left = left.left
            parts.append(self.boolean(left, scope))
            return Typed("(" + f" {op} ".join(reversed(parts)) + ")", BOOL)
        if op == "XOR":
            a, b = self.boolean(node.left, scope), self.boolean(node.right, scope)
            return Typed(f"({a} <> {b})", BOOL)
        if op in "+-" and isinstance(node.right, nodes.Interval):
            return self._add_interval(node.left, node.right, op, scope)
        if op == "+" and isinstance(node.left, nodes.Interval):
            return self._add_interval(node.right, node.left, op, scope)
        left_value = self.expression(node.left, scope)
        right_value = self.expression(node.right, scope)
        if op in _COMPARISONS:
            return Typed(self.compare(op, left_value, right_value), BOOL)
        if op in ("+", "-", "*", "/", "DIV", "%"):
            if op in "+-*" and "vector" in (left_value.type.family, right_value.type.family):
                name = {"+": "VECTOR_ADD", "-": "VECTOR_SUB", "*": "VECTOR_MUL"}[op]
                call = nodes.Call(name, [])
                return FUNCTIONS[name].call(self._context, call, [left_value, right_value])
            return numeric.arithmetic(op, left_value, right_value)
        if op in ("&", "|", "^", "<<", ">>"):
            return numeric.bitwise(op, left_value, right_value)
        if op == "REGEXP":
            return Typed(strings.regexp(left_value, right_value), BOOL)
        if op == "<*>":
            return vectors.dot_product(left_value, right_value)
        if op == "<->":
            return vectors.distance(left_value, right_value)
        raise unsupported(f"the operator {op}")

    @property
    def _context(self) -> Any:
        return self

    def _add_interval(
        self, left: nodes.Expr, interval: nodes.Interval, sign: str, scope: Scope
    ) -> Typed:
        amount = self.expression(interval.amount, scope)
        return dates.add(self.expression(left, scope), dates.step(amount, interval.unit), sign)

    def compare(self, op: str, a: Typed, b: Typed) -> str:
        """Return SQL for ``a op b``; rows compare item by item."""
        if a.row or b.row:
            if len(a.row) != len(b.row):
                raise error(1241, f"Operand should contain {len(a.row) or 1} column(s)")
            if op not in ("=", "<=>", "<>"):
                raise unsupported(f"{op} between rows")
            pairs = [self.compare("=" if op == "<>" else op, x, y)
                     for x, y in zip(a.row, b.row, strict=True)]  # fmt: skip
            joined = "(" + " AND ".join(pairs) + ")"
            return f"(NOT {joined})" if op == "<>" else joined
        left, right = convert.comparable(a, b)
        return f"({left} {_SQL_COMPARISON.get(op, op)} {right})"

    def _row(self, node: nodes.Row, scope: Scope) -> Typed:
        items = tuple(self.expression(item, scope) for item in node.items)
        return Typed("row(" + ", ".join(i.sql for i in items) + ")", NULL, row=items)

    def _collate(self, node: nodes.Collate, scope: Scope) -> Typed:
        value = self.expression(node.operand, scope)
        if value.type.family != "text":
            return value
        return replace(value, type=replace(value.type, collation=node.collation), exact=True)

    def _cast(self, node: nodes.Cast, scope: Scope) -> Typed:
        name = node.target
        if name.name in ("CHAR", "BINARY") and not name.args:
            name = nodes.TypeName("LONGTEXT" if name.name == "CHAR" else "LONGBLOB",
                                  charset=name.charset, collation=name.collation)  # fmt: skip
        elif name.name == "CHAR":
            name = replace(name, name="VARCHAR")
        return convert.cast(self.expression(node.operand, scope), declared(name), node.mode)

    def _json_path(self, node: nodes.JsonPath, scope: Scope) -> Typed:
        document = jsons.json_text(self.expression(node.operand, scope))
        where = quote_string("$" + "".join(jsons.step(key) for key in node.keys))
        return jsons.extract(document, where, node.returns)

    # -- conditions ------------------------------------------------------------------------

    def _is(self, node: nodes.Is, scope: Scope) -> Typed:
        negation = "NOT " if node.negated else ""
        if node.what == "NULL":
            value = self.expression(node.operand, scope)
            return Typed(f"({value.sql} IS {negation}NULL)", BOOL, nullable=False)
        what = "NULL" if node.what == "UNKNOWN" else node.what
        condition = self.boolean(node.operand, scope)
        return Typed(f"({condition} IS {negation}{what})", BOOL, nullable=False)

    def _between(self, node: nodes.Between, scope: Scope) -> Typed:
        value = self.expression(node.operand, scope)
        low = self.compare(">=", value, self.expression(node.low, scope))
        high = self.compare("<=", value, self.expression(node.high, scope))
        return Typed(f"({'NOT ' if node.negated else ''}({low} AND {high}))", BOOL)

    def _like(self, node: nodes.Like, scope: Scope) -> Typed:
        value = self.expression(node.operand, scope)
        pattern = self.expression(node.pattern, scope)
        escape = "\\"
        if node.escape is not None:
            given = self.expression(node.escape, scope)
            if given.literal is None or len(given.literal.text) != 1:
                raise unsupported("LIKE ... ESCAPE with anything but one constant character")
            escape = given.literal.text
        sensitive = any(
            v.type.family == "binary" or (v.type.is_text and v.type.case_sensitive)
            for v in (value, pattern)
        )
        shape = "{}" if sensitive else "lower(strip_accents({}))"
        left, right = (shape.format(convert.to_text(v)) for v in (value, pattern))
        negation = "NOT " if node.negated else ""
        return Typed(f"({left} {negation}LIKE {right} ESCAPE {quote_string(escape)})", BOOL)

    def _in(self, node: nodes.In, scope: Scope) -> Typed:
        operand = self.expression(node.operand, scope)
        negation = "NOT " if node.negated else ""
        if not isinstance(node.items, list):
            return Typed(f"({negation}{self._in_query(operand, node.items, scope)})", BOOL)
        items = [self.expression(item, scope) for item in node.items]
        if operand.row:
            tests = [self.compare("=", operand, item) for item in items]
            return Typed(f"({negation}({' OR '.join(tests)}))", BOOL)
        pairs = [convert.comparable(operand, item) for item in items]
        by_left: dict[str, list[str]] = {}
        for left, right in pairs:
            by_left.setdefault(left, []).append(right)
        tests = [f"{left} IN ({', '.join(rights)})" for left, rights in by_left.items()]
        return Typed(f"({negation}({' OR '.join(tests)}))", BOOL)

    def _in_query(self, operand: Typed, query: nodes.Query, scope: Scope) -> str:
        compiled = self.subquery(query, scope)
        lefts = operand.row or (operand,)
        if len(lefts) != len(compiled.outputs):
            raise error(1241, f"Operand should contain {len(lefts)} column(s)")
        alias = self.fresh()
        rights = [replace(o.value, sql=f"{alias}.c{i}", literal=None)
                  for i, o in enumerate(compiled.outputs, 1)]  # fmt: skip
        pairs = [convert.comparable(a, b) for a, b in zip(lefts, rights, strict=True)]
        left = ", ".join(p[0] for p in pairs)
        right = ", ".join(p[1] for p in pairs)
        if len(pairs) > 1:
            left, right = f"row({left})", f"row({right})"
        return f"{left} IN (SELECT {right} FROM ({compiled.sql}) AS {alias})"

    def _exists(self, node: nodes.Exists, scope: Scope) -> Typed:
        return Typed(f"EXISTS ({self.subquery(node.query, scope).sql})", BOOL, nullable=False)

    def _scalar_subquery(self, node: nodes.ScalarSubquery, scope: Scope) -> Typed:
        compiled = self.subquery(node.query, scope)
        if len(compiled.outputs) != 1:
            raise error(1241, "Operand should contain 1 column(s)")
        value = compiled.outputs[0].value
        return Typed(f"({compiled.sql})", value.type, exact=value.exact)

    def _quantified(self, node: nodes.Quantified, scope: Scope) -> Typed:
        operand = self.expression(node.operand, scope)
        compiled = self.subquery(node.query, scope)
        if len(compiled.outputs) != 1:
            raise error(1241, "Operand should contain 1 column(s)")
        alias = self.fresh()
        right = replace(compiled.outputs[0].value, sql=f"{alias}.c1", literal=None)
        a, b = convert.comparable(operand, right)
        quantifier = "ALL" if node.every else "ANY"
        if node.op == "<=>":
            raise unsupported("<=> with ANY or ALL")
        return Typed(
            f"({a} {node.op} {quantifier} (SELECT {b} FROM ({compiled.sql}) AS {alias}))", BOOL
        )

    def _case(self, node: nodes.Case, scope: Scope) -> Typed:
        base = None if node.base is None else self.expression(node.base, scope)
        conditions, results = [], []
        for condition, result in node.whens:
            if base is None:
                conditions.append(self.boolean(condition, scope))
            else:
                conditions.append(self.compare("=", base, self.expression(condition, scope)))
            results.append(self.expression(result, scope))
        default = None if node.default is None else self.expression(node.default, scope)
        everything = results + ([default] if default is not None else [])
        kind = common([r.type for r in everything])
        whens = " ".join(
            f"WHEN {c} THEN {convert.as_type(r, kind)}"
            for c, r in zip(conditions, results, strict=True)
        )
        last = f" ELSE {convert.as_type(default, kind)}" if default is not None else ""
        nullable = default is None or any(r.nullable for r in everything)
        return Typed(f"CASE {whens}{last} END", kind, nullable=nullable)

    # -- calls -----------------------------------------------------------------------------

    def _call(self, node: nodes.Call, scope: Scope) -> Typed:
        if node.name == "VALUES" and scope.values is not None:
            if len(node.args) != 1 or not isinstance(node.args[0], nodes.ColumnName):
                raise error(1064, "VALUES() takes the name of a column")
            return scope.values(node.args[0].name)
        own = self.user_function(node, scope)
        if own is not None:
            return own
        function = FUNCTIONS.get(node.name) if node.database is None else None
        if function is None:
            raise self._unknown_function(node.name, node.database)
        aggregate = function.kind == "aggregate"
        if function.kind == "scalar" and (node.window or node.distinct or node.star or node.order):
            raise error(1064, f"{node.name} is not an aggregate function")
        if function.kind == "window" and node.window is None:
            raise error(3593, f"You cannot use the window function {node.name} without OVER")
        if aggregate and node.window is None:
            if self.in_aggregate:
                raise error(1111, "Invalid use of group function")
            if scope.groups is None:
                raise error(1111, "Invalid use of group function")
            self.in_aggregate = True
        try:
            args = [
                self.expression(a.amount if isinstance(a, nodes.Interval) else a, scope)
                for a in node.args
            ]
            order = self.order_by(node.order, scope) if node.order else ""
        finally:
            if aggregate and node.window is None:
                self.in_aggregate = False
        result = function.call(self._context, node, args)
        if function.kind != "scalar":
            over = "" if node.window is None else f" OVER ({self._window(node.window, scope)})"
            sql = result.sql.replace("{order}", f" {order}" if order else "")
            result = replace(result, sql=sql.format(over=over))
        return result

    def _unknown_function(self, name: str, database: str | None = None) -> Exception:
        refused = _REFUSED.get(name)
        if refused is None and name.startswith(("GEOGRAPHY_", "GEOMETRY_", "ST_")):
            refused = f"the geospatial function {name}"
        if refused is not None:
            return unsupported(refused)
        database = database or self._context.database
        return error(1305, f"FUNCTION {database + '.' if database else ''}{name} does not exist")

    def order_by(self, items: list[nodes.OrderItem], scope: Scope) -> str:
        """Return an ORDER BY clause; NULLs come first, as the smallest values."""
        parts = [order_key(self.expression(i.expr, scope), i.descending) for i in items]
        return "ORDER BY " + ", ".join(parts)

    def window_named(self, name: str) -> nodes.Window:
        """Return the window that the WINDOW clause calls ``name``."""
        raise NotImplementedError

    def _window(self, window: nodes.Window, scope: Scope) -> str:
        base = window
        if window.base is not None:
            named = self.window_named(window.base)
            base = nodes.Window(
                named.partition or window.partition,
                window.order or named.order,
                window.frame or named.frame,
                named.base,
            )
            if base.base is not None:
                return self._window(base, scope)
        parts = []
        if base.partition:
            keys = [convert.key(self.expression(e, scope)) for e in base.partition]
            parts.append("PARTITION BY " + ", ".join(keys))
        if base.order:
            parts.append(self.order_by(base.order, scope))
        if base.frame is not None:
            frame = base.frame
            if frame.end is None:
                parts.append(f"{frame.unit} {frame.start}")
            else:
                parts.append(f"{frame.unit} BETWEEN {frame.start} AND {frame.end}")
        return " ".join(parts)


def order_key(value: Typed, descending: bool) -> str:
    """Return one item of an ORDER BY clause."""
    return convert.key(value) + (" DESC NULLS LAST" if descending else " ASC NULLS FIRST")


def literal(node: nodes.Literal) -> Typed:
    """Translate a constant."""
    kind, body = node.kind, node.text
    if node.slot is not None:
        return Typed(slot(node.slot), BIGINT if kind == "integer" else text(len(body)), node,
                     nullable=False)  # fmt: skip
    if kind == "null":
        return Typed("NULL", NULL, node)
    if kind == "string":
        if node.binary:
            digits = body.encode("utf-8", "surrogateescape").hex()
            return Typed(f"unhex('{digits}')", LONGBLOB, nodes.Literal("hex", digits), exact=True,
                         nullable=False)  # fmt: skip
        return Typed(quote_string(body), text(len(body)), node, exact=True, nullable=False)
    if kind == "integer":
        number = int(body)
        sql = f"({body})" if number < 0 else str(number)
        if -(2**63) <= number < 2**63:
            return Typed(sql, BIGINT, node, nullable=False)
        if number < 2**64 and number > 0:
            return Typed(f"{sql}::UBIGINT", UBIGINT, node, exact=True, nullable=False)
        return _decimal_literal(body, node)
    if kind == "decimal":
        return _decimal_literal(body, node)
    if kind == "double":
        return Typed(f"CAST({body} AS DOUBLE)", DOUBLE, node, exact=True, nullable=False)
    if kind == "bool":
        return Typed("true" if body == "1" else "false", BOOL, node, nullable=False)
    if kind == "hex":
        digits = body if len(body) % 2 == 0 else "0" + body
        return Typed(f"unhex('{digits}')", LONGBLOB, nodes.Literal("hex", digits), exact=True,
                     nullable=False)  # fmt: skip
    return Typed(f"{int(body or '0', 2)}::UBIGINT", UBIGINT, node, exact=True, nullable=False)


def _decimal_literal(body: str, node: nodes.Literal) -> Typed:
    whole, _, fraction = body.lstrip("-").partition(".")
    whole = whole.lstrip("0")
    precision = max(1, len(whole) + len(fraction))
    if precision > 38:
        raise unsupported(f"a number of more than 38 digits ({precision})")
    kind = decimal(precision, len(fraction))
    return Typed(f"CAST({quote_string(body)} AS {kind.storage})", kind, node, exact=True,
                 nullable=False)  # fmt: skip


def constant(value: Any) -> Typed:
    """Translate a Python value, of a variable for example."""
    if value is None:
        return literal(nodes.Literal("null", ""))
    if isinstance(value, bool):
        return literal(nodes.Literal("integer", str(int(value))))
    if isinstance(value, int):
        return literal(nodes.Literal("integer", str(value)))
    if isinstance(value, float):
        return Typed(f"CAST('{value!r}' AS DOUBLE)", DOUBLE, exact=True)
    if isinstance(value, decimals.Decimal):
        return literal(nodes.Literal("decimal", format(value, "f")))
    if isinstance(value, bytes):
        return literal(nodes.Literal("hex", value.hex()))
    if isinstance(value, datetime.datetime):
        return Typed(f"TIMESTAMP '{value:%Y-%m-%d %H:%M:%S.%f}'", DATETIME6, exact=True)
    if isinstance(value, datetime.date):
        return Typed(f"DATE '{value:%Y-%m-%d}'", DATE, exact=True)
    if isinstance(value, datetime.timedelta):
        micros = round(value / datetime.timedelta(microseconds=1))
        return Typed(f"to_microseconds({micros})", TIME6, exact=True)
    return literal(nodes.Literal("string", str(value)))


_FEATURES: dict[type, str] = {
    nodes.Assignment: "the assignment of a variable inside a query",
    nodes.Star: "* in an expression",
    nodes.Interval: "INTERVAL outside of date arithmetic",
    nodes.Default: "DEFAULT in an expression",
}

_REFUSED = {
    "BENCHMARK": "the function BENCHMARK", "LOAD_FILE": "the function LOAD_FILE",
    "GET_LOCK": "the function GET_LOCK", "RELEASE_LOCK": "the function RELEASE_LOCK",
    "HIGHLIGHT": "full-text search", "BM25": "full-text search", "CRC32": "the function CRC32",
    "AES_ENCRYPT": "the function AES_ENCRYPT", "AES_DECRYPT": "the function AES_DECRYPT",
    "CONVERT_TZ": "the function CONVERT_TZ", "SOUNDEX": "the function SOUNDEX",
}  # fmt: skip
