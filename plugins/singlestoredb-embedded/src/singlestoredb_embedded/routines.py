"""The parser of CREATE PROCEDURE and CREATE FUNCTION, with the language of their bodies (PSQL).

https://docs.singlestore.com/db/v8.9/reference/sql-reference/procedural-sql-reference/
"""

from __future__ import annotations

from collections.abc import Callable

from . import nodes, psql
from .errors import unsupported
from .lex import Token
from .psql import VariableType
from .queries import QueryParser

_MAX_BLOCKS = 40
"""Nesting of blocks at which a body is refused instead of exhausting Python's stack."""

_ARITHMETIC = {"+", "-", "*", "/", "%"}
"""Operators that may stand before the ``=`` of an assignment."""
_REFUSED = {"CASE", "GOTO", "NULL", "OPEN", "FETCH", "CLOSE", "REPEAT", "LEAVE", "ITERATE"}


class RoutineParser(QueryParser):
    """Parses routines.  A statement of SQL in a body is parsed by the subclass's own kind."""

    _blocks = 0

    # -- CREATE ----------------------------------------------------------------------------

    def create_routine(self, *, replace: bool) -> psql.CreateRoutine:
        """Parse from the word PROCEDURE, FUNCTION or EXTERNAL on."""
        start = self.position
        external = self.accept("EXTERNAL")
        word = "FUNCTION" if external else self.next().word
        if external:
            self.expect("FUNCTION")
        absent = self.accept("IF", "NOT", "EXISTS")
        database, name = self.qualified_name()
        parameters = self._parameters()
        returns, null, table = None, True, False
        if self.accept("RETURNS"):
            if self.at("TABLE"):
                table = True
                self.next()
                # CREATE FUNCTION … RETURNS TABLE AS RETURN takes its columns from the query.
                returns = VariableType("query")
                if self.at("("):
                    returns.fields = self._fields(returns.required)
            else:
                returns = self.variable_type()
            null = self._modifiers(returns)[0]
        elif word == "FUNCTION":
            raise self.fail()
        if self.accept("DEFINER", "="):
            self.expression()
        self.expect("AS")
        body: psql.Block | nodes.Query | None = None
        service = None
        if external:
            service = self._service()
        elif table and self.accept("RETURN"):
            body = self.query()
        elif self.at_any("DECLARE", "BEGIN"):
            body = self.block()
        else:
            raise unsupported(f"CREATE {word} ... AS {self.token.word or self.token.text}")
        kind = "EXTERNAL FUNCTION" if external else word
        return psql.CreateRoutine(
            kind, name, database, replace, absent, parameters, returns, null, table,  # type: ignore[arg-type]  # of the three
            body, service, self.text(start, self.position),
        )  # fmt: skip

    def _parameters(self) -> list[psql.Parameter]:
        self.expect("(")
        found: list[psql.Parameter] = []
        while not self.accept(")"):
            self.accept_any("IN")
            if self.at_any("OUT", "INOUT") and self.peek().kind in ("word", "quoted"):
                raise unsupported(f"{self.token.word} parameters")
            parameter = psql.Parameter(self.identifier(), self.variable_type())
            if any(p.name.lower() == parameter.name.lower() for p in found):
                raise self.fail()
            parameter.nullable, parameter.default = self._modifiers(parameter.type)
            found.append(parameter)
            if not self.at(")"):
                self.expect(",")
        return found

    def _modifiers(self, kind: VariableType | None = None) -> tuple[bool, nodes.Expr | None]:
        """Take ``NOT NULL``, ``NULL``, ``DEFAULT v`` and ``COLLATE c``, which goes into ``kind``;
        return (nullable, default)."""
        nullable, default = True, None
        while True:
            if self.accept("NOT", "NULL"):
                nullable = False
            elif self.accept("NULL"):
                nullable = True
            elif self.accept("DEFAULT"):
                default = self.expression()
            elif self.accept("COLLATE"):
                collation = self.name_or_string().lower()
                if kind is not None and kind.type is not None:
                    kind.type.collation = collation
            else:
                return nullable, default

    def _service(self) -> psql.Service:
        if not self.accept("REMOTE", "SERVICE"):
            raise unsupported(f"external functions of {self.token.word or 'that kind'}")
        url = self.string()
        self.expect("FORMAT")
        name = self.next().word
        if name not in ("JSON", "ROWDAT_1", "ARROW"):
            raise unsupported(f"the format {name} of external functions")
        if self.at("USING"):
            raise unsupported("external functions USING DELIMITED BATCHES")
        link = ""
        if self.accept("LINK"):
            link = ".".join(p for p in self.qualified_name() if p)
        return psql.Service(url, name, link)  # type: ignore[arg-type]  # of the three

    # -- types -----------------------------------------------------------------------------

    def variable_type(self) -> VariableType:
        """Take a type of PSQL."""
        if self.accept("QUERY"):
            return VariableType("query", fields=self._fields())
        if self.accept("RECORD"):
            return VariableType("record", fields=self._fields())
        if self.accept("ARRAY"):
            self.expect("(")
            element = self.variable_type()
            self._modifiers()
            self.expect(")")
            return VariableType("array", element=element)
        return VariableType("scalar", self.type_name())

    def _fields(self, required: list[str] | None = None) -> list[tuple[str, nodes.TypeName]]:
        """Take ``(name type, …)``; the names of those that are NOT NULL go into ``required``."""
        self.expect("(")
        fields = []
        while True:
            fields.append((self.identifier(), self.type_name()))
            nullable, _ = self._modifiers()
            if not nullable and required is not None:
                required.append(fields[-1][0])
            if not self.accept(","):
                self.expect(")")
                return fields

    # -- blocks ----------------------------------------------------------------------------

    def _line(self) -> int:
        return self.sql.count("\n", self.tokens[0].start, self.token.start) + 1

    def block(self) -> psql.Block:
        """Parse ``[DECLARE …] BEGIN … [EXCEPTION …] END``."""
        line = self._line()
        declarations = []
        while self.accept("DECLARE"):
            while not self.at_any("BEGIN", "DECLARE"):
                declarations.append(self._declaration())
        self.expect("BEGIN")
        body = self._steps("EXCEPTION", "END")
        handlers = []
        if self.accept("EXCEPTION"):
            while self.accept("WHEN"):
                names = [self.identifier().upper()]
                while self.accept("OR"):
                    names.append(self.identifier().upper())
                self.expect("THEN")
                handlers.append((names, self._steps("WHEN", "END")))
        self.expect("END")
        return psql.Block(declarations, body, handlers, line)

    def _declaration(self) -> psql.Declaration:
        line = self._line()
        name, kind = self.identifier(), self.variable_type()
        nullable, value = True, None
        while True:
            if self.accept("NOT", "NULL"):
                nullable = False
            elif self.at_any("NULL", "COLLATE"):
                self._modifiers(kind)
            elif self.accept("=") or self.accept(":=") or self.accept("DEFAULT"):
                value = self._value()
            else:
                break
        self.expect(";")
        return psql.Declaration(name, kind, nullable, value, line)

    def _steps(self, *ends: str) -> list[psql.Step]:
        self._blocks += 1
        if self._blocks > _MAX_BLOCKS:
            raise unsupported(f"blocks nested deeper than {_MAX_BLOCKS} levels")
        steps: list[psql.Step] = []
        while not self.at_any(*ends):
            if self.at_end:
                raise self.fail()
            steps.append(self._step())
            self.expect(";")
        self._blocks -= 1
        return steps

    def _step(self) -> psql.Step:
        line = self._line()
        word = self.token.word
        special = _STEPS.get(word)
        if self.peek().word in ("=", ":=") and self.at_identifier():
            return self._assign(line)
        if self.peek().word == "." and self.peek(3).word in ("=", ":="):
            return self._assign(line)
        if self.peek().word in _ARITHMETIC and self.peek(2).word == "=" and self.at_identifier():
            return self._assign_changed(line)
        if special is not None:
            return special(self, line)
        if word in _REFUSED or self.peek().word == ":" or word == "<<":
            raise unsupported(f"{word or 'a label'} in a procedure")
        if word == "START" and self.peek().word == "TRANSACTION":
            return self._run(line)
        if self.at_identifier() and self.peek().word in ("(", "["):
            raise unsupported(f"the statement {self.token.text}{self.peek().word}...")
        return self._run(line)

    def _assign(self, line: int) -> psql.Step:
        name = self.identifier()
        field = self.identifier(any_word=True) if self.accept(".") else None
        self.next()
        return psql.Assign(name, field, self._value(), line)

    def _assign_changed(self, line: int) -> psql.Step:
        """``b += 1``."""
        name = self.identifier()
        operator = self.token.word
        self.next()
        self.expect("=")
        variable = nodes.ColumnName(name)
        return psql.Assign(name, None, nodes.Binary(operator, variable, self.expression()), line)

    def _value(self) -> psql.Value:
        if self.at_any("SELECT", "WITH"):
            return self.query()
        if self.at("COLLECT", "("):
            self.next()
            self.next()
            source = self.query() if self.at_any("SELECT", "WITH") else self.expression()
            fields = []
            if self.accept(","):
                self.expect("QUERY")
                fields = self._fields()
            self.expect(")")
            return psql.Collect(source, fields)
        self.accept("CALL")
        return self.expression()

    def _call_scalar(self) -> nodes.Expr:
        """``SCALAR(query or text [, QUERY(…)])``: a query's only value."""
        if self.at_any("SELECT", "WITH"):
            source: nodes.Expr = nodes.ScalarSubquery(self.query())
        else:
            source = self.expression()
        if self.accept(","):
            self.expect("QUERY")
            self._fields()  # the value takes the type of what it is assigned to
        return nodes.Call("SCALAR", [source])

    # -- statements of a body --------------------------------------------------------------

    def _block_step(self, line: int) -> psql.Step:
        return self.block()

    def _if_step(self, line: int) -> psql.Step:
        self.expect("IF")
        branches = []
        while True:
            condition = self.expression()
            self.expect("THEN")
            branches.append((condition, self._steps("ELSIF", "ELSEIF", "ELSE", "END")))
            if not self.accept_any("ELSIF", "ELSEIF"):
                break
        otherwise = self._steps("END") if self.accept("ELSE") else []
        self.expect("END", "IF")
        return psql.If(branches, otherwise, line)

    def _while(self, line: int) -> psql.Step:
        self.expect("WHILE")
        condition = self.expression()
        word = self.accept_any("LOOP", "DO")
        if word is None:
            raise self.fail()
        body = self._steps("END")
        self.expect("END", "LOOP" if word == "LOOP" else "WHILE")
        return psql.Loop(condition, body, line)

    def _loop(self, line: int) -> psql.Step:
        self.expect("LOOP")
        body = self._steps("END")
        self.expect("END", "LOOP")
        return psql.Loop(None, body, line)

    def _for(self, line: int) -> psql.Step:
        self.expect("FOR")
        name = self.identifier()
        self.expect("IN")
        reverse = self.accept("REVERSE")
        first = last = source = None
        value = self._value()
        if self.accept(".."):
            if isinstance(value, (psql.Collect, nodes.Select, nodes.SetOperation, nodes.Values)):
                raise self.fail()
            first, last = value, self.expression()
        else:
            source = value
        self.expect("LOOP")
        body = self._steps("END")
        self.expect("END", "LOOP")
        return psql.For(name, first, last, source, reverse, body, line)

    def _leave(self, line: int) -> psql.Step:
        again = self.next().word == "CONTINUE"
        condition = self.expression() if self.accept("WHEN") else None
        if not self.at(";"):
            raise unsupported("labels of loops")
        return psql.Leave(again, condition, line)

    def _return(self, line: int) -> psql.Step:
        self.expect("RETURN")
        return psql.Return(None if self.at(";") else self._value(), line)

    def _echo(self, line: int) -> psql.Step:
        self.expect("ECHO")
        if self.at_any("SELECT", "WITH", "("):
            return psql.Echo(self.query(), line)
        return psql.Echo(self.procedure_call(), line)

    def _procedure_step(self, line: int) -> psql.Step:
        self.expect("CALL")
        return self.procedure_call()

    def procedure_call(self) -> psql.Call:
        """Parse ``procedure(arguments)``."""
        line = self._line()
        database, name = self.qualified_name()
        args: list[nodes.Expr] = []
        if self.accept("(") and not self.accept(")"):
            args = self.expression_list()
            self.expect(")")
        return psql.Call(database, name, args, line)

    def _execute(self, line: int) -> psql.Step:
        self.expect("EXECUTE", "IMMEDIATE")
        text = self.expression()
        if not self.at(";"):
            raise unsupported(f"EXECUTE IMMEDIATE ... {self.token.word}")
        return psql.ExecuteImmediate(text, line)

    def _raise(self, line: int) -> psql.Step:
        self.expect("RAISE")
        if self.at(";"):
            return psql.Raise(None, line)
        if not self.accept("USER_EXCEPTION"):
            raise unsupported(f"RAISE {self.token.text}")
        self.expect("(")
        text = self.expression()
        self.expect(")")
        return psql.Raise(text, line)

    def _run(self, line: int) -> psql.Step:
        """A statement of SQL, up to its semicolon."""
        start = self.position
        while not self.at(";") and not self.at_end:
            self.position += 1
        at = self.token.start
        tokens = [*self.tokens[start : self.position], Token("end", "", at, at, "")]
        inner = type(self)(self.sql, tokens, backslash=self.backslash)
        statement = inner.statement()  # type: ignore[attr-defined]  # the subclass's
        query = isinstance(statement, (nodes.Select, nodes.SetOperation, nodes.Values))
        if query and not getattr(statement, "into", None):
            raise unsupported("a query in a procedure without ECHO or INTO")
        return psql.Run(statement, line)


_STEPS: dict[str, Callable[[RoutineParser, int], psql.Step]] = {
    "BEGIN": RoutineParser._block_step,
    "DECLARE": RoutineParser._block_step,
    "IF": RoutineParser._if_step,
    "WHILE": RoutineParser._while,
    "LOOP": RoutineParser._loop,
    "FOR": RoutineParser._for,
    "EXIT": RoutineParser._leave,
    "CONTINUE": RoutineParser._leave,
    "RETURN": RoutineParser._return,
    "ECHO": RoutineParser._echo,
    "CALL": RoutineParser._procedure_step,
    "EXECUTE": RoutineParser._execute,
    "RAISE": RoutineParser._raise,
}
