"""The parser of expressions: precedence climbing over the operators of the server's manual."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from .errors import unsupported
from .grammar import RESERVED, TokenStream
from .lex import identifier_value, string_value
from .nodes import (
    Assignment,
    Between,
    Binary,
    Call,
    Case,
    Cast,
    Collate,
    ColumnName,
    Default,
    Exists,
    Expr,
    Frame,
    In,
    Interval,
    Is,
    JsonPath,
    Like,
    Literal,
    OrderItem,
    Quantified,
    Row,
    ScalarSubquery,
    Star,
    TypeName,
    Unary,
    Variable,
    Window,
)

if TYPE_CHECKING:
    from .nodes import Query

_BINARY = {
    "OR": (1, "OR"), "||": (1, "OR"), "XOR": (2, "XOR"), "AND": (3, "AND"), "&&": (3, "AND"),
    "=": (5, "="), "<=>": (5, "<=>"), "<>": (5, "<>"), "!=": (5, "<>"), "<": (5, "<"),
    "<=": (5, "<="), ">": (5, ">"), ">=": (5, ">="),
    "|": (7, "|"), "&": (8, "&"), "<<": (9, "<<"), ">>": (9, ">>"), "+": (10, "+"),
    "-": (10, "-"), "*": (11, "*"), "/": (11, "/"), "DIV": (11, "DIV"), "%": (11, "%"),
    "MOD": (11, "%"), "<*>": (11, "<*>"), "<->": (11, "<->"), "^": (12, "^"),
}  # fmt: skip
"""Operator → (precedence, node's operator); https://dev.mysql.com/doc/refman/8.0/en/operator-precedence.html
with SingleStore's vector operators at the level of the product."""

_COMPARISON = 5
_NOT = 4
_UNARY = 13

_NILADIC = {
    "CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_USER", "LOCALTIME",
    "LOCALTIMESTAMP", "UTC_DATE", "UTC_TIME", "UTC_TIMESTAMP",
}  # fmt: skip

UNITS = frozenset(
    [
        "MICROSECOND",
        "SECOND",
        "MINUTE",
        "HOUR",
        "DAY",
        "WEEK",
        "MONTH",
        "QUARTER",
        "YEAR",
        "SECOND_MICROSECOND",
        "MINUTE_MICROSECOND",
        "MINUTE_SECOND",
        "HOUR_MICROSECOND",
        "HOUR_SECOND",
        "HOUR_MINUTE",
        "DAY_MICROSECOND",
        "DAY_SECOND",
        "DAY_MINUTE",
        "DAY_HOUR",
        "YEAR_MONTH",
    ]
)

_CALLABLE_RESERVED = {"LEFT", "RIGHT", "REPLACE", "INSERT", "VALUES", "IF", "MOD"}
_MAX_DEPTH = 80
"""Nesting at which a statement is refused instead of exhausting Python's stack."""


class ExpressionParser(TokenStream):
    """Parses expressions; queries inside them come from the subclass."""

    _depth = 0

    def query(self) -> Query:
        """Parse a query expression."""
        raise NotImplementedError

    def expression(self, minimum: int = 0) -> Expr:
        """Parse an expression whose operators bind at least as tightly as ``minimum``."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise unsupported(f"nesting deeper than {_MAX_DEPTH} levels")
        try:
            return self._expression(minimum)
        finally:
            self._depth -= 1

    def _expression(self, minimum: int) -> Expr:
        if self.at("NOT") and minimum <= _NOT:
            self.next()
            left: Expr = Unary("NOT", self.expression(_NOT))
        else:
            left = self._prefix()
        while True:
            word = self.token.word
            found = _BINARY.get(word)
            if found is not None:
                precedence, op = found
                if precedence < minimum:
                    return left
                self.next()
                if precedence == _COMPARISON and self.at_any("ANY", "SOME", "ALL"):
                    every = self.next().word == "ALL"
                    self.expect("(")
                    left = Quantified(op, left, self.query(), every)
                    self.expect(")")
                else:
                    left = Binary(op, left, self.expression(precedence + 1))
                continue
            if minimum > _COMPARISON:
                return left
            negated = word == "NOT" and self.peek().word in (
                "IN", "LIKE", "BETWEEN", "REGEXP", "RLIKE",
            )  # fmt: skip
            if negated:
                self.next()
            if self.accept("IS"):
                left = self._is(left)
            elif self.accept("IN"):
                left = self._in(left, negated)
            elif self.accept("LIKE"):
                pattern = self.expression(_COMPARISON + 1)
                escape = self.expression(_COMPARISON + 1) if self.accept("ESCAPE") else None
                left = Like(left, pattern, escape, negated)
            elif self.accept("BETWEEN"):
                low = self.expression(_COMPARISON + 1)
                self.expect("AND")
                left = Between(left, low, self.expression(_COMPARISON + 1), negated)
            elif self.accept_any("REGEXP", "RLIKE"):
                left = Binary("REGEXP", left, self.expression(_COMPARISON + 1))
                if negated:
                    left = Unary("NOT", left)
            else:
                return left

    def _is(self, left: Expr) -> Expr:
        negated = self.accept("NOT")
        what = self.accept_any("NULL", "TRUE", "FALSE", "UNKNOWN")
        if what is None:
            raise self.fail()
        return Is(left, what, negated)  # type: ignore[arg-type]  # one of the four words

    def _in(self, left: Expr, negated: bool) -> Expr:
        self.expect("(")
        if self.at_any("SELECT", "WITH", "VALUES") and not self.at("VALUES", "("):
            result: Expr = In(left, self.query(), negated)
        else:
            result = In(left, self.expression_list(), negated)
        self.expect(")")
        return result

    def expression_list(self) -> list[Expr]:
        """Parse ``a, b, …``."""
        items = [self.expression()]
        while self.accept(","):
            items.append(self.expression())
        return items

    # -- operands --------------------------------------------------------------------------

    def _prefix(self) -> Expr:
        word = self.token.word
        if word in ("-", "+", "~"):
            self.next()
            operand = self.expression(_UNARY)
            if word == "-" and isinstance(operand, Literal) and operand.kind in (
                "integer", "decimal", "double",
            ):  # fmt: skip
                text = operand.text
                return Literal(operand.kind, text[1:] if text.startswith("-") else "-" + text)
            return Unary(word, operand)  # type: ignore[arg-type]  # one of the three operators
        if word == "!":
            self.next()
            return Unary("NOT", self.expression(_UNARY))
        if word == "BINARY" and self.peek().word != "(":
            self.next()
            return Cast(self.expression(_UNARY), TypeName("BINARY"), "cast")
        return self._postfix(self._primary())

    def _postfix(self, operand: Expr) -> Expr:
        while True:
            word = self.token.word
            if word in (":>", "!:>"):
                self.next()
                operand = Cast(operand, self.type_name(), "lenient" if word == ":>" else "try")
            elif word in ("::", "::$", "::%"):
                operand = self._json_path(operand)
            elif word == "COLLATE":
                self.next()
                operand = Collate(operand, self.name_or_string().lower())
            elif word in ("->", "->>"):
                raise unsupported(f"the operator {word}")
            else:
                return operand

    def _json_path(self, operand: Expr) -> Expr:
        keys: list[str] = []
        while self.at_any("::", "::$", "::%"):
            kind = self.next().word
            if self.token.kind == "number":
                keys.append(self.next().text)
            else:
                keys.append(self.identifier(any_word=True))
            if kind != "::":
                return JsonPath(operand, tuple(keys), "string" if kind == "::$" else "double")
        return JsonPath(operand, tuple(keys), "json")

    def literal(self) -> Literal | None:
        """Take a literal if one comes next."""
        token = self.token
        kind = token.kind
        if kind == "number":
            self.next()
            text = token.text
            if "e" in text or "E" in text:
                return Literal("double", text)
            if "." in text:
                return Literal("decimal", text)
            return Literal("integer", text, slot=self.slots.get(token.start))
        if kind == "string":
            self.next()
            value = string_value(token.text, backslash=self.backslash)
            binary = token.text[:7].lower() == "_binary"
            while self.token.kind == "string":  # adjacent literals are one
                value += string_value(self.next().text, backslash=self.backslash)
            return Literal("string", value, binary, self.slots.get(token.start))
        if kind == "hex":
            self.next()
            text = token.text
            return Literal("hex", text[2:] if text[1] == "x" else text[2:-1])
        if kind == "bits":
            self.next()
            text = token.text
            return Literal("bits", text[2:] if text[1] == "b" else text[2:-1])
        if self.accept("NULL"):
            return Literal("null", "")
        word = self.accept_any("TRUE", "FALSE")
        if word:
            return Literal("bool", "1" if word == "TRUE" else "0")
        return None

    def _primary(self) -> Expr:
        token = self.token
        literal = self.literal()
        if literal is not None:
            return literal
        if token.kind == "variable":
            return self._variable()
        word = token.word
        if word == "(":
            return self._parenthesis()
        if word == "*":
            self.next()
            return Star()
        if word == "{":
            raise unsupported("the ODBC escape {…}")
        if token.kind == "word" and token.text.lower() == "_binary":
            self.next()
            following = self.literal()
            if following is None:
                raise self.fail()
            following.binary = True
            return following
        if token.kind == "word":
            if word == "ROW" and self.peek().word == "(":
                self.next()
                return self._parenthesis()
            if self.peek().word == "(" and (word not in RESERVED or word in _CALLABLE_RESERVED
                                            or word in ("EXISTS", "CONVERT")):  # fmt: skip
                return self._call()
            if word == "CASE":
                return self._case()
            if word == "INTERVAL":
                self.next()
                amount = self.expression()
                return Interval(amount, self.unit())
            if word in ("DATE", "TIME", "TIMESTAMP") and self.peek().kind == "string":
                self.next()
                name = "DATETIME" if word == "TIMESTAMP" else word
                value = self.string()
                args = ("6",) if word != "DATE" and "." in value else ()
                return Cast(Literal("string", value), TypeName(name, args), "cast")
            if word in _NILADIC:
                self.next()
                return Call(word, [], start=token.start)
            if word == "DEFAULT":
                self.next()
                return Default()
        if self.at_identifier():
            return self._column()
        raise self.fail()

    def unit(self) -> str:
        """Take the unit of an interval."""
        word = self.token.word.removeprefix("SQL_TSI_")
        if word not in UNITS:
            raise self.fail()
        self.next()
        return word

    def _variable(self) -> Expr:
        text = self.next().text
        if text.startswith("@@"):
            name = text[2:].replace("`", "").lower()
            scope, _, rest = name.partition(".")
            if rest and scope in ("global", "session", "local", "cluster"):
                return Variable(rest, "global" if scope == "global" else "system")
            return Variable(name, "system")
        name = identifier_value(text[1:]).strip("'").lower()
        if self.accept(":="):
            return Assignment(name, self.expression())
        return Variable(name, "user")

    def _parenthesis(self) -> Expr:
        self.expect("(")
        if self.at_any("SELECT", "WITH") or self._at_nested_query():
            result: Expr = ScalarSubquery(self.query())
        else:
            items = self.expression_list()
            result = items[0] if len(items) == 1 else Row(items)
        self.expect(")")
        return result

    def _at_nested_query(self) -> bool:
        ahead = 0
        while self.peek(ahead).word == "(":
            ahead += 1
        return ahead > 0 and self.peek(ahead).word in ("SELECT", "WITH")

    def _column(self) -> Expr:
        parts = [self.identifier()]
        while self.at("."):
            self.next()
            if self.at("*"):
                self.next()
                return Star(parts[-1])
            parts.append(self.identifier(any_word=True))
            if len(parts) == 3:
                break
        if self.at("(") and len(parts) < 3:  # a name in back-ticks, or with its database
            self.next()
            args = [] if self.at(")") else self.expression_list()
            self.expect(")")
            database = parts[0] if len(parts) == 2 else None
            return Call(parts[-1].upper(), args, database=database)
        padded = [None] * (3 - len(parts)) + cast("list[str | None]", parts)
        return ColumnName(parts[-1], padded[1], padded[0])

    def _case(self) -> Expr:
        self.expect("CASE")
        base = None if self.at("WHEN") else self.expression()
        whens: list[tuple[Expr, Expr]] = []
        while self.accept("WHEN"):
            condition = self.expression()
            self.expect("THEN")
            whens.append((condition, self.expression()))
        if not whens:
            raise self.fail()
        default = self.expression() if self.accept("ELSE") else None
        self.expect("END")
        return Case(base, whens, default)

    # -- calls -----------------------------------------------------------------------------

    def _call(self) -> Expr:
        token = self.next()
        name = token.word
        self.expect("(")
        special = getattr(self, f"_call_{name.lower()}", None)
        if special is not None:
            result: Expr = special()
            self.expect(")")
            return result
        call = Call(name, [], start=token.start)
        if self.accept("*"):
            call.star = True
        elif not self.at(")"):
            call.distinct = self.accept("DISTINCT")
            self.accept("ALL")
            call.args = self.expression_list()
            if self.accept("ORDER", "BY"):
                call.order = self.order_items()
            if self.accept("SEPARATOR"):
                call.separator = self.string()
        self.expect(")")
        if self.at_any("IGNORE", "RESPECT") and self.peek().word == "NULLS":
            call.ignore_nulls = self.next().word == "IGNORE"
            self.next()
        if self.accept("OVER"):
            call.window = self.window() if self.at("(") else Window(base=self.identifier().lower())
        return call

    def _call_exists(self) -> Expr:
        return Exists(self.query())

    def _call_cast(self) -> Expr:
        operand = self.expression()
        self.expect("AS")
        return Cast(operand, self.type_name(), "cast")

    def _call_convert(self) -> Expr:
        operand = self.expression()
        if self.accept("USING"):
            charset = self.name_or_string().lower() if not self.accept("BINARY") else "binary"
            return Cast(operand, TypeName("BINARY" if charset == "binary" else "LONGTEXT"), "cast")
        self.expect(",")
        return Cast(operand, self.type_name(), "cast")

    def _call_extract(self) -> Expr:
        unit = self.unit()
        self.expect("FROM")
        return Call("EXTRACT", [Literal("string", unit), self.expression()])

    def _call_timestampdiff(self) -> Expr:
        return self._unit_call("TIMESTAMPDIFF")

    def _call_timestampadd(self) -> Expr:
        return self._unit_call("TIMESTAMPADD")

    def _unit_call(self, name: str) -> Expr:
        unit = self.unit()
        self.expect(",")
        return Call(name, [Literal("string", unit), *self.expression_list()])

    def _call_position(self) -> Expr:
        needle = self.expression(_COMPARISON + 1)
        self.expect("IN")
        return Call("LOCATE", [needle, self.expression()])

    def _call_substring(self) -> Expr:
        args = [self.expression()]
        if self.accept("FROM"):
            args.append(self.expression())
            if self.accept("FOR"):
                args.append(self.expression())
        elif self.accept(","):
            args += self.expression_list()
        return Call("SUBSTRING", args)

    _call_substr = _call_mid = _call_substring

    def _call_trim(self) -> Expr:
        side = self.accept_any("BOTH", "LEADING", "TRAILING")
        if side and self.accept("FROM"):
            return Call(_TRIMS[side], [self.expression()])
        first = self.expression()
        if self.accept("FROM"):
            return Call(_TRIMS[side or "BOTH"], [self.expression(), first])
        if side:
            raise self.fail()
        return Call("TRIM", [first])

    def _call_char(self) -> Expr:
        args = self.expression_list()
        if self.accept("USING"):
            self.identifier()
            return Cast(Call("CHAR", args), TypeName("LONGTEXT"), "cast")
        return Call("CHAR", args)

    def _call_default(self) -> Expr:
        return Default(self.identifier())

    def _call_match(self) -> Expr:
        raise unsupported("full-text MATCH ... AGAINST")

    # -- ordering and windows --------------------------------------------------------------

    def order_items(self) -> list[OrderItem]:
        """Parse what follows ORDER BY."""
        items = []
        while True:
            expr = self.expression()
            descending = self.accept_any("ASC", "DESC") == "DESC"
            if self.accept("NULLS"):
                raise unsupported("NULLS FIRST/LAST")
            items.append(OrderItem(expr, descending))
            if not self.accept(","):
                return items

    def window(self) -> Window:
        """Parse a window in parentheses."""
        self.expect("(")
        window = Window()
        if self.at_identifier() and not self.at_any("PARTITION", "ROWS", "RANGE"):
            window.base = self.identifier().lower()
        if self.accept("PARTITION", "BY"):
            window.partition = self.expression_list()
        if self.accept("ORDER", "BY"):
            window.order = self.order_items()
        unit = self.accept_any("ROWS", "RANGE")
        if unit:
            if self.accept("BETWEEN"):
                start = self._bound()
                self.expect("AND")
                end: str | None = self._bound()
            else:
                start, end = self._bound(), None
            window.frame = Frame(unit, start, end)  # type: ignore[arg-type]  # ROWS or RANGE
        self.expect(")")
        return window

    def _bound(self) -> str:
        if self.accept("CURRENT", "ROW"):
            return "CURRENT ROW"
        amount = "UNBOUNDED" if self.accept("UNBOUNDED") else str(self.integer())
        side = self.accept_any("PRECEDING", "FOLLOWING")
        if side is None:
            raise self.fail()
        return f"{amount} {side}"


_TRIMS = {"BOTH": "TRIM", "LEADING": "LTRIM", "TRAILING": "RTRIM"}
