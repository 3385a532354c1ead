"""A compiled command: parses statements and explains why one does not fit."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from .compiler import Grammar, LarkGrammar, write_lark
from .dsl import failure_offset, import_lark
from .errors import END, syntax_error
from .literals import quoted_pattern
from .params import ParamsBuilder

if TYPE_CHECKING:
    import lark

RETRY_LIMIT = 1024
"""Characters of the longest statement that is tried again with Earley.

LALR takes a keyword for a keyword wherever one may stand; Earley also tries it as a value, in time
up to the cube of the text's length.  Who writes ``IN group`` does not write it in a long text.
"""

_lock = threading.RLock()


@dataclass(frozen=True)
class Parsed:
    """A statement and its tree."""

    sql: str
    tree: lark.Tree[lark.Token]
    escapes_backslash: bool


class CommandGrammar:
    """The grammar of one command.  lark's tables are made when they are first needed.

    Args:
        grammar: what was understood of a docstring, or ``None`` when ``lark_text`` is given.
        syntax: the command's syntax, for messages.
        lark_text: a lark grammar that its author wrote, with the start rule ``start``.
    """

    def __init__(self, grammar: Grammar | None, syntax: str, lark_text: str = "") -> None:
        self.syntax = syntax
        self._grammar = grammar
        self._lark_text = lark_text
        self._written: dict[bool, LarkGrammar] = {}
        self._parsers: dict[tuple[str, bool], lark.Lark | None] = {}

    def parse(self, sql: str, *, escapes_backslash: bool = True) -> Parsed:
        """Parse a statement; raise :class:`FusionSyntaxError` where it does not fit.

        ``escapes_backslash`` says how string literals are written on the connection.
        """
        import_lark()
        from lark.exceptions import LarkError, UnexpectedInput

        lalr = self._parser("lalr", escapes_backslash)
        error: UnexpectedInput | None = None
        if lalr is not None:
            try:
                return Parsed(sql, lalr.parse(sql), escapes_backslash)
            except UnexpectedInput as exc:
                error = exc
        if lalr is None or len(sql) <= RETRY_LIMIT:
            earley = self._parser("earley", escapes_backslash)
            assert earley is not None
            try:
                return Parsed(sql, earley.parse(sql), escapes_backslash)
            except UnexpectedInput as exc:
                error = error or exc
            except LarkError:
                if error is None:
                    raise
        assert error is not None
        self._explain(sql, error, escapes_backslash)

    def params(self, parsed: Parsed) -> dict[str, Any]:
        """Return a statement's parameters; raise :class:`FusionSyntaxError` for a clause that is
        given twice, a number or JSON value out of bounds, or too much nesting.

        For a lark grammar of the author's own: ``{"tree": tree}``.
        """
        if self._grammar is None:
            return {"tree": parsed.tree}

        def fail(position: int, problem: str) -> NoReturn:
            raise syntax_error(
                parsed.sql,
                position,
                syntax=self.syntax,
                problem=problem,
                escapes_backslash=parsed.escapes_backslash,
            ) from None

        written = self._written[parsed.escapes_backslash]
        builder = ParamsBuilder(self._grammar, written, parsed.sql, parsed.escapes_backslash, fail)
        try:
            return builder.build(parsed.tree)
        except RecursionError:
            fail(0, "this is nested too deeply")

    def _parser(self, algorithm: str, escapes_backslash: bool) -> lark.Lark | None:
        """Return a parser, made once; ``None`` when the grammar is not LALR."""
        key = (algorithm, escapes_backslash)
        try:
            return self._parsers[key]
        except KeyError:
            pass
        with _lock:
            if key not in self._parsers:
                self._parsers[key] = self._make_parser(algorithm, escapes_backslash)
            return self._parsers[key]

    def _make_parser(self, algorithm: Any, escapes_backslash: bool) -> lark.Lark | None:
        from lark import Lark
        from lark.exceptions import GrammarError

        text = self._lark_text
        if self._grammar is not None:
            written = write_lark(self._grammar, escapes_backslash=escapes_backslash)
            self._written[escapes_backslash] = written
            text = written.text
        try:
            return Lark(text, parser=algorithm, propagate_positions=True, maybe_placeholders=False)
        except GrammarError:
            # Some grammars need more than one token of look-ahead.  Anything else that is wrong
            # with one is wrong for Earley too.
            if algorithm == "lalr":
                return None
            raise

    def _explain(
        self, sql: str, error: lark.exceptions.UnexpectedInput, escapes_backslash: bool
    ) -> NoReturn:
        position = failure_offset(sql, error)
        terminals = self._accepted(sql[:position], error, escapes_backslash)
        keywords, others = self._describe(terminals, escapes_backslash)
        # Not chained: lark's message quotes the text around, literals included.
        raise syntax_error(
            sql,
            position,
            syntax=self.syntax,
            keywords=keywords,
            others=others,
            problem=_lexical_problem(sql, position, escapes_backslash),
            escapes_backslash=escapes_backslash,
        ) from None

    def _accepted(
        self, prefix: str, error: lark.exceptions.UnexpectedInput, escapes_backslash: bool
    ) -> Iterable[str]:
        """Return the terminals that may follow what was understood.

        The sets in lark's exceptions hold more than the parser would really take, and after an
        error it may already have closed what could have gone on: so the prefix is parsed again.
        """
        from lark.exceptions import UnexpectedInput

        lalr = self._parser("lalr", escapes_backslash)
        if lalr is not None:
            interactive: Any = lalr.parse_interactive(prefix)
            try:
                interactive.exhaust_lexer()
            except UnexpectedInput:
                pass  # the prefix ends within a token
            else:
                # accepts() needs the states only, and in lark 1.1.9 it copies the values deeply.
                values = interactive.parser_state.value_stack
                values[:] = [None] * len(values)
                accepted: set[str] = interactive.accepts()
                return accepted
        found: Iterable[str] | None = getattr(error, "allowed", None) or getattr(
            error, "expected", None
        )
        return found or ()

    def _describe(
        self, terminals: Iterable[str], escapes_backslash: bool
    ) -> tuple[set[str], set[str]]:
        """Sort terminals into keywords and, in people's words, everything else."""
        keywords: set[str] = set()
        others: set[str] = set()
        known = self._written[escapes_backslash].keywords if self._grammar is not None else {}
        for name in terminals:
            if name in known:
                keywords.add(known[name])
            elif self._grammar is not None or name == "$END":
                others.add(_WORDS.get(name, ""))
            else:
                shown = self._authors_terminal(name, escapes_backslash)
                (keywords if shown.isidentifier() else others).add(shown)
        return keywords, others - {""}

    def _authors_terminal(self, name: str, escapes_backslash: bool) -> str:
        from lark.exceptions import LarkError

        parser = self._parser("lalr", escapes_backslash) or self._parser(
            "earley", escapes_backslash
        )
        assert parser is not None
        try:
            pattern = parser.get_terminal(name).pattern
        except (LarkError, KeyError):
            return name
        return pattern.value.upper() if pattern.type == "str" else name


def _lexical_problem(sql: str, position: int, escapes_backslash: bool) -> str:
    start = sql[position : position + 2]
    if start == "/*":
        return "this comment is not closed"
    if start == "--" or start[:1] == "#":
        return "comments are written /* … */ here"
    if start[:1] in ("'", '"', "`") and start:
        pattern = quoted_pattern(start[0], escapes_backslash and start[0] != "`")
        if re.match(pattern, sql[position:]) is None:
            return "this quote is not closed"
    return ""


_WORDS = {
    "SINGLE": "a string",
    "DOUBLE": "a string",
    "BACKTICK": "a string",
    "BARE": "a string",
    "PART": "a name",
    "DOT": "",
    "INTEGER": "an integer",
    "NUMBER": "a number",
    "REST": "a statement",
    "SEMICOLON": END,
    "$END": END,
    "COMMA": "','",
    "EQUALS": "'='",
    "LPAREN": "'('",
    "RPAREN": "')'",
    # Lists take three kinds of brackets; naming all of them each time would hide what matters.
    "LBRACKET": "",
    "LBRACE": "",
    "RBRACKET": "']'",
    "RBRACE": "'}'",
    "COLON": "':'",
    "JSON_STRING": "JSON",
    "JSON_NUMBER": "JSON",
    "JSON_WORD": "JSON",
}
"""How terminals are called in messages; "" are left out."""
