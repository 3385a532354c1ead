"""The parser of SELECT, set operations, INSERT, REPLACE, UPDATE and DELETE."""

from __future__ import annotations

from .errors import unsupported
from .expressions import ExpressionParser
from .lex import string_value
from .nodes import (
    Call,
    ColumnName,
    CommonTable,
    Default,
    Delete,
    Derived,
    Expr,
    Insert,
    Join,
    Literal,
    Query,
    Select,
    SelectItem,
    SetOperation,
    Source,
    TableFunction,
    TableName,
    Update,
    Values,
)

_LOOSE = {"UNION": 1, "EXCEPT": 1, "MINUS": 1, "INTERSECT": 2}
_SOURCE_END = {
    "WHERE", "SET", "ON", "USING", "LEFT", "RIGHT", "FULL", "INNER", "CROSS", "NATURAL", "JOIN",
    "FORCE", "IGNORE", "PARTITION", "FETCH", "OPTION",
}  # fmt: skip


class QueryParser(ExpressionParser):
    """Parses queries and data changes."""

    # -- queries ---------------------------------------------------------------------------

    def query(self) -> Query:
        """Parse a query with its WITH clause, set operations, ORDER BY and LIMIT."""
        tables: list[CommonTable] = []
        recursive = False
        if self.accept("WITH"):
            recursive = self.accept("RECURSIVE")
            while True:
                name = self.identifier()
                columns = self.parenthesised_names() if self.at("(") else []
                self.expect("AS", "(")
                tables.append(CommonTable(name, columns, self.query()))
                self.expect(")")
                if not self.accept(","):
                    break
        query = self._set_operations(1)
        if self.accept("ORDER", "BY"):
            query.order = self.order_items()
        if self.accept("LIMIT"):
            query.limit, query.offset = self._limit()
        if self.accept("FOR"):
            word = self.accept_any("UPDATE", "SHARE")
            if word is None:
                raise self.fail()
            if isinstance(query, Select):
                query.for_update = word == "UPDATE"
            if self.at_any("NOWAIT", "SKIP"):
                raise unsupported(f"FOR UPDATE {self.token.word}")
        elif self.accept("LOCK"):
            self.expect("IN", "SHARE", "MODE")
        if self.at("INTO"):
            if not isinstance(query, Select) or query.into:
                raise self.fail()
            query.into = self._into()
        if self.accept("OPTION"):
            self.skip_parentheses()
        if tables:
            query.tables = tables + query.tables
            query.recursive = recursive or query.recursive
        return query

    def _set_operations(self, minimum: int) -> Query:
        left = self._query_primary()
        while self.token.word in _LOOSE and _LOOSE[self.token.word] >= minimum:
            word = self.next().word
            distinct = self.accept_any("ALL", "DISTINCT") != "ALL"
            right = self._set_operations(_LOOSE[word] + 1)
            op = "EXCEPT" if word == "MINUS" else word
            left = SetOperation(op, not distinct, left, right)  # type: ignore[arg-type]  # the three
        return left

    def _query_primary(self) -> Query:
        if self.accept("("):
            query = self.query()
            self.expect(")")
            return query
        if self.at("VALUES"):
            self.next()
            rows = []
            while True:
                self.accept("ROW")
                self.expect("(")
                rows.append(self.expression_list())
                self.expect(")")
                if not self.accept(","):
                    return Values(rows)
        return self._select()

    def _select(self) -> Select:
        self.expect("SELECT")
        select = Select([])
        while True:
            word = self.accept_any(
                "ALL", "DISTINCT", "DISTINCTROW", "SQL_CALC_FOUND_ROWS", "SQL_NO_CACHE",
                "SQL_BUFFER_RESULT", "SQL_BIG_RESULT", "SQL_SMALL_RESULT", "HIGH_PRIORITY",
                "STRAIGHT_JOIN",
            )  # fmt: skip
            if word is None:
                break
            if word.startswith("DISTINCT"):
                select.distinct = True
            elif word == "SQL_CALC_FOUND_ROWS":
                select.calc_found_rows = True
        select.items.append(self._item())
        while self.accept(","):
            select.items.append(self._item())
        if self.at("INTO"):
            select.into = self._into()
        if self.accept("FROM") and not self.accept("DUAL"):
            select.source = self.sources()
        if self.accept("WHERE"):
            select.where = self.expression()
        if self.accept("GROUP", "BY"):
            self._group(select)
        if self.accept("HAVING"):
            select.having = self.expression()
        if self.accept("WINDOW"):
            while True:
                name = self.identifier().lower()
                self.expect("AS")
                select.windows[name] = self.window()
                if not self.accept(","):
                    break
        return select

    def _into(self) -> list[str]:
        self.expect("INTO")
        if self.at_any("OUTFILE", "DUMPFILE") or self.token.word in ("S3", "FS", "GCS", "KAFKA"):
            raise unsupported(f"SELECT ... INTO {self.token.word}")
        names = []
        while True:
            if self.token.kind == "variable" and not self.token.text.startswith("@@"):
                names.append(self.next().text.lower())
            else:
                names.append(self.identifier())
            if not self.accept(","):
                return names

    def _group(self, select: Select) -> None:
        rollup = self.accept_any("ROLLUP", "CUBE") if self.peek().word == "(" else None
        if rollup:
            self.expect("(")
            select.group = self.expression_list()
            self.expect(")")
        else:
            while True:
                select.group.append(self.expression())
                self.accept_any("ASC", "DESC")
                if not self.accept(","):
                    break
            if self.accept("WITH"):
                rollup = self.accept_any("ROLLUP", "CUBE")
                if rollup is None:
                    raise self.fail()
        select.rollup = rollup or ""  # type: ignore[assignment]  # ROLLUP or CUBE

    def _item(self) -> SelectItem:
        start = self.position
        expr = self.expression()
        text = self.text(start, self.position)
        if isinstance(expr, Literal) and expr.kind == "string":
            text = expr.text
        alias = None
        if self.accept("AS"):
            alias = self.string() if self.token.kind == "string" else self.identifier()
        elif self.token.kind == "string":
            alias = self.string()
        elif self.at_identifier() and self.token.word not in ("OPTION", "FETCH"):
            alias = self.identifier()
        return SelectItem(expr, alias, text)

    def _limit(self) -> tuple[Expr, Expr | None]:
        first = self.expression()
        if self.accept(","):
            return self.expression(), first
        if self.accept("OFFSET"):
            return first, self.expression()
        return first, None

    # -- FROM ------------------------------------------------------------------------------

    def sources(self) -> Source:
        """Parse the tables after FROM."""
        left = self._joins()
        while self.accept(","):
            left = Join(left, self._joins(), "CROSS")
        return left

    def _joins(self) -> Source:
        left = self._source()
        while True:
            natural = self.accept("NATURAL")
            kind = self.accept_any("LEFT", "RIGHT", "FULL")
            if kind:
                self.accept("OUTER")
                self.expect("JOIN")
            elif self.accept("CROSS"):
                self.expect("JOIN")
                kind = "INNER"
            elif self.accept("STRAIGHT_JOIN"):
                kind = "INNER"
            else:
                inner = self.accept("INNER")
                if not self.accept("JOIN"):
                    if natural or inner:
                        raise self.fail()
                    return left
                kind = "INNER"
            right = self._source()
            join = Join(left, right, kind, natural=natural)  # type: ignore[arg-type]  # of the above
            if self.accept("ON"):
                join.on = self.expression()
            elif self.accept("USING"):
                join.using = self.parenthesised_names()
            elif kind != "INNER" and not natural:
                raise self.fail()
            elif not natural:
                join.kind = "CROSS"
            left = join

    def _source(self) -> Source:
        if self.at("("):
            if self.peek().word in ("SELECT", "WITH", "VALUES") or self._at_nested_query():
                self.next()
                query = self.query()
                self.expect(")")
                alias = self._alias()
                if alias is None:
                    raise self.fail()
                columns = self.parenthesised_names() if self.at("(") else []
                return Derived(query, alias, columns)
            self.next()
            source = self.sources()
            self.expect(")")
            return source
        if self.at("TABLE", "("):
            self.next()
            self.next()
            call = self.expression()
            self.expect(")")
            if not isinstance(call, Call):
                raise self.fail()
            alias = self._alias()
            return TableFunction(call, alias or "table")
        start = self.position
        table = self.table_name()
        if self.at("(") and table.alias is None:
            self.position = start
            called = self._column()
            if not isinstance(called, Call):
                raise self.fail()
            return TableFunction(called, self._alias() or table.name)
        return table

    def table_name(self) -> TableName:
        """Parse a table's name and alias; index hints are read over."""
        database, name = self.qualified_name()
        table = TableName(name, database, self._alias())
        while self.at_any("USE", "FORCE", "IGNORE") and self.peek().word in ("INDEX", "KEY"):
            self.next()
            self.next()
            if self.accept("FOR"):
                self.accept_any("JOIN", "ORDER", "GROUP")
                self.accept("BY")
            self.skip_parentheses()
        return table

    def _alias(self) -> str | None:
        if self.accept("AS"):
            return self.identifier()
        if self.at_identifier() and self.token.word not in _SOURCE_END:
            return self.identifier()
        return None

    # -- data changes ----------------------------------------------------------------------

    def insert(self) -> Insert:
        """Parse INSERT or REPLACE."""
        replace = self.next().word == "REPLACE"
        ignore = False
        while True:
            word = self.accept_any("LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "IGNORE")
            if word is None:
                break
            ignore = ignore or word == "IGNORE"
        self.accept("INTO")
        database, name = self.qualified_name()
        insert = Insert(TableName(name, database), None, None, None, ignore, replace)
        if self.at("(") and self.peek().word not in ("SELECT", "WITH", "("):
            self.next()
            insert.columns = []
            while not self.accept(")"):
                names = [self.identifier()]
                while self.accept("."):
                    names.append(self.identifier(any_word=True))
                insert.columns.append(names[-1])
                if not self.at(")"):
                    self.expect(",")
        if self.accept("SET"):
            sets = self._assignments()
            insert.columns = [column.name for column, _ in sets]
            insert.rows = [[value for _, value in sets]]
        elif self.accept_any("VALUES", "VALUE"):
            insert.rows = [self._value_row()]
            while self.accept(","):
                insert.rows.append(self._value_row())
        else:
            insert.query = self.query()
        if self.accept("AS"):
            insert.row_alias = self.identifier()
        if self.accept("ON"):
            self.expect("DUPLICATE", "KEY", "UPDATE")
            insert.on_duplicate = self._assignments()
        return insert

    def _value_row(self) -> list[Expr]:
        self.accept("ROW")
        self.expect("(")
        if self.accept(")"):
            return []
        items = self._constants() or self.expression_list()
        self.expect(")")
        return items

    def _constants(self) -> list[Expr] | None:
        """Take the row's items if all are numbers, strings or NULL: the fast path of long lists,
        which needs no precedence."""
        tokens, at = self.tokens, self.position
        items: list[Expr] = []
        while True:
            token = tokens[at]
            kind = token.kind
            if kind == "number" and token.text.isdigit():
                items.append(Literal("integer", token.text))
            elif kind == "string" and token.text[0] == "'":
                items.append(Literal("string", string_value(token.text, backslash=self.backslash)))
            elif token.word == "NULL":
                items.append(Literal("null", ""))
            elif kind == "number":
                text = token.text
                double = "e" in text or "E" in text
                items.append(Literal("double" if double else "decimal", text))
            else:
                return None
            following = tokens[at + 1].word
            at += 2
            if following == ")":
                self.position = at - 1
                return items
            if following != ",":
                return None

    def _assignments(self) -> list[tuple[ColumnName, Expr]]:
        sets = []
        while True:
            column = self._column()
            if not isinstance(column, ColumnName):
                raise self.fail()
            if not self.accept(":="):
                self.expect("=")
            value = Default() if self.accept("DEFAULT") else self.expression()
            sets.append((column, value))
            if not self.accept(","):
                return sets

    def update(self) -> Update:
        """Parse UPDATE."""
        self.expect("UPDATE")
        self.accept("LOW_PRIORITY")
        ignore = self.accept("IGNORE")
        source = self.sources()
        self.expect("SET")
        update = Update(source, self._assignments(), ignore=ignore)
        self._filter(update)
        return update

    def delete(self) -> Delete:
        """Parse DELETE, of one table or several."""
        self.expect("DELETE")
        while self.accept_any("LOW_PRIORITY", "QUICK", "IGNORE"):
            pass
        if self.accept("FROM"):
            first = self.table_name()
            if self.at_any(",", "USING"):
                targets = [first]
                while self.accept(","):
                    targets.append(self._target())
                self.expect("USING")
                delete = Delete(targets, self.sources())
            else:
                delete = Delete([first], first)
        else:
            targets = [self._target()]
            while self.accept(","):
                targets.append(self._target())
            self.expect("FROM")
            delete = Delete(targets, self.sources())
        self._filter(delete)
        return delete

    def _target(self) -> TableName:
        database, name = self.qualified_name()
        if self.accept("."):
            self.expect("*")
        return TableName(name, database)

    def _filter(self, change: Update | Delete) -> None:
        if self.accept("WHERE"):
            change.where = self.expression()
        if self.accept("ORDER", "BY"):
            change.order = self.order_items()
        if self.accept("LIMIT"):
            change.limit = self.expression()
