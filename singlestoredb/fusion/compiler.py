"""From a grammar of :mod:`dsl` to the text of a lark grammar.

Every rule becomes a tree ``r0``, ``r1``, … and every keyword a terminal ``K0``, ``K1``, …: names of
the author's choosing can then clash with nothing.  Groups become rules that start with ``_``, which
lark dissolves, so that the children of a tree are what :mod:`params` needs: keywords, values and
trees of rules.  Groups that may be empty are rules of their own rather than ``(…)?``, which lark
would multiply out: ten of them in a row would be a thousand expansions.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .dsl import (
    Builtin,
    Choice,
    Equals,
    Keyword,
    Literal,
    Node,
    Optional,
    Parenthesised,
    Reference,
    Repeat,
    Sequence,
    Source,
    parse_sequence,
    to_text,
    walk,
)
from .literals import quoted_pattern

BUILTIN_RULES = {
    "like": "LIKE '<pattern>'",
    "extended": "EXTENDED",
    "limit": "LIMIT <integer>",
    "order-by": "ORDER BY order_by_key_,...",
    "file-type": "{ FILE | FOLDER }",
}
"""Rules that every grammar may refer to in angle brackets."""

_HELPERS = {"order_by_key_": "'<key>' [ { ASC | DESC } ]"}

_TOKENS = {
    "integer": "INTEGER",
    "number": "NUMBER",
    "json": "json",
    "table": "identifier",
    "column": "identifier",
    "catalog-name": "identifier",
    "link-name": "identifier",
    "comma": "COMMA",
}
"""Tokens that every grammar may refer to in angle brackets, and their lark symbols."""

STATEMENT = "statement"
"""Name of the rule that takes the rest of the text."""


@dataclass(frozen=True)
class Rule:
    """What is known of a rule before any statement is parsed."""

    name: str
    body: Sequence
    n_keywords: int
    """Keywords that the body starts with; they are not part of the value."""
    repeats: bool
    """Whether the value is a list."""
    default: Any
    """Value of the parameter when the clause is absent."""

    @property
    def has_default(self) -> bool:
        """Whether the parameter exists when the clause is absent."""
        return not (self.name.startswith("_") or self.name.endswith("_"))


@dataclass(frozen=True)
class Grammar:
    """A grammar that was understood."""

    command: Sequence
    rules: Mapping[str, Rule]

    @property
    def repeated(self) -> frozenset[str]:
        """Rules that the command itself repeats: their parameters are lists."""
        return frozenset(
            inner.name
            for node in walk(self.command)
            if isinstance(node, Repeat)
            for inner in walk(node.item)
            if isinstance(inner, Reference)
        )


@dataclass(frozen=True)
class LarkGrammar:
    """Text for lark, and what its symbols stand for."""

    text: str
    rules: Mapping[str, str]
    """Tree name → rule name."""
    keywords: Mapping[str, str]
    """Terminal name → keyword."""
    options: Mapping[str, str]
    """Tree name → what an optional alternative is called: its rule, or its text."""


# -- understanding ---------------------------------------------------------------------------


def understand(source: Source) -> Grammar:
    """Read all rules of a grammar, the builtin ones it uses included.

    Raises ``ValueError`` for a construct that is wrong, an unknown name, or a rule that may be
    empty where something is needed.
    """
    command = parse_sequence(source.command, "the command")
    bodies = {
        name: parse_sequence(text, f"the rule {name!r}") for name, text in source.rules.items()
    }
    pending = [command, *bodies.values()]
    while pending:
        for node in walk(pending.pop()):
            name = _rule_name(node)
            if name is None or name in bodies:
                continue
            body = _builtin_body(node, name)
            bodies[name] = body
            pending.append(body)
    grammar = Grammar(command, {name: _rule(name, body) for name, body in bodies.items()})
    _check(grammar)
    return grammar


def _rule_name(node: Node) -> str | None:
    match node:
        case Reference(name):
            return name
        case Builtin(name) if name not in _TOKENS:
            return name.replace("-", "_")
    return None


def _builtin_body(node: Node, name: str) -> Sequence:
    if isinstance(node, Builtin):
        if node.name == STATEMENT:
            return (node,)
        if node.name in BUILTIN_RULES:
            return parse_sequence(BUILTIN_RULES[node.name], f"the builtin <{node.name}>")
        known = ", ".join(f"<{n}>" for n in sorted({*BUILTIN_RULES, *_TOKENS, STATEMENT}))
        raise ValueError(f"there is no builtin <{node.name}>; builtins are {known}")
    if name in _HELPERS:
        return parse_sequence(_HELPERS[name], f"the builtin {name!r}")
    raise ValueError(f"the rule {name!r} is used but not defined")


def _rule(name: str, body: Sequence) -> Rule:
    n_keywords = 0
    while n_keywords < len(body) and isinstance(body[n_keywords], Keyword):
        n_keywords += 1
    repeats = any(isinstance(node, Repeat) for node in walk(body))
    default: Any = None
    if name == "order_by":
        default = {"by": []}
    elif repeats:
        default = []
    elif n_keywords == len(body):
        default = False
    return Rule(name, body, n_keywords, repeats, default)


def _check(grammar: Grammar) -> None:
    nullable = _nullable_rules(grammar)
    for where, body in (("the command", grammar.command), *_named_bodies(grammar)):
        if not body:
            raise ValueError(f"{where} is empty")
        for node in walk(body):
            parts: tuple[Sequence, ...] = ()
            match node:
                case Optional(alternatives) | Choice(alternatives):
                    parts = alternatives
                case Repeat(item):
                    parts = ((item,),)
            for part in parts:
                if all(_is_nullable(n, nullable) for n in part):
                    raise ValueError(
                        f"in {where}, {to_text(part)!r} may be empty already: {to_text(node)}"
                    )
    for where, body in (("the command", grammar.command), *_named_bodies(grammar)):
        for before, after in itertools.pairwise(body):
            if before == Builtin(STATEMENT):
                raise ValueError(f"in {where}, nothing may follow <statement>: {to_text(after)}")


def _named_bodies(grammar: Grammar) -> Iterator[tuple[str, Sequence]]:
    for rule in grammar.rules.values():
        if rule.body != (Builtin(STATEMENT),):
            yield f"the rule {rule.name!r}", rule.body


def _nullable_rules(grammar: Grammar) -> set[str]:
    nullable: set[str] = set()
    while True:
        found = {
            rule.name
            for rule in grammar.rules.values()
            if all(_is_nullable(node, nullable) for node in rule.body)
        }
        if found == nullable:
            return nullable
        nullable = found


def _is_nullable(node: Node, nullable: set[str]) -> bool:
    match node:
        case Optional():
            return True
        case Choice(alternatives):
            return any(all(_is_nullable(n, nullable) for n in a) for a in alternatives)
        case Repeat(item):
            return _is_nullable(item, nullable)
    return _rule_name(node) in nullable


# -- writing for lark ------------------------------------------------------------------------

_BARE = r"[\w.\-]+"
_AFTER_WORD = r"(?![\w.\-])"
_AFTER_NUMBER = r"(?![\w.])"

# Only where the text of a value starts and ends is used.  Its parts are trees, not dissolved rules:
# lark would copy their children once per level of nesting.
_JSON = r"""
json: json_object | SINGLE
json_object: LBRACE [json_member (COMMA json_member)*] RBRACE
json_array: LBRACKET [_json_value (COMMA _json_value)*] RBRACKET
json_member: JSON_STRING COLON _json_value
_json_value: json_object | json_array | JSON_STRING | JSON_NUMBER | JSON_WORD
JSON_STRING.1: /"(?:[^"\\\x00-\x1f]|\\.)*"/
JSON_NUMBER: /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w.])/
JSON_WORD: /(?:true|false|null)(?!\w)/
COLON: ":"
"""


@dataclass
class _Writer:
    grammar: Grammar
    escapes_backslash: bool
    rule_symbols: dict[str, str] = field(default_factory=dict)
    keyword_symbols: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    groups: dict[str, str] = field(default_factory=dict)

    def write(self) -> LarkGrammar:
        rules = self.grammar.rules
        self.rule_symbols = {name: f"r{i}" for i, name in enumerate(rules)}
        self.lines.append(f"start: {self.sequence(self.grammar.command)} SEMICOLON?")
        for name, rule in rules.items():
            body = "REST" if rule.body == (Builtin(STATEMENT),) else self.sequence(rule.body)
            self.lines.append(f"{self.rule_symbols[name]}: {body}")
        keywords = (
            f"{symbol}.3: /(?i:{re.escape(word)}){_AFTER_WORD}/"
            for word, symbol in self.keyword_symbols.items()
        )
        text = "\n".join([*self.lines, *keywords, self._tokens()])
        return LarkGrammar(
            text,
            {symbol: name for name, symbol in self.rule_symbols.items()},
            {symbol: word for word, symbol in self.keyword_symbols.items()},
            self.options,
        )

    def _tokens(self) -> str:
        json = _JSON if re.search(r"\bjson\b", "\n".join(self.lines)) else ""
        return f"""
_literal: SINGLE | DOUBLE | BACKTICK | BARE
identifier: _part ("." _part)?
_part: PART | BACKTICK
SINGLE: /{quoted_pattern("'", self.escapes_backslash)}/
DOUBLE: /{quoted_pattern('"', self.escapes_backslash)}/
BACKTICK: /`[^`]+(?:``[^`]*)*`(?!`)/
BARE.-1: /{_BARE}/
PART: /[\\w\\-]+/
INTEGER.2: /-?[0-9]+{_AFTER_NUMBER}/
NUMBER.1: /[+-]?(?:[0-9]+(?:\\.[0-9]*)?|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?{_AFTER_NUMBER}/
REST.-2: /\\S[\\s\\S]*/
SEMICOLON: ";"
COMMA: ","
EQUALS: "="
LPAREN: "("
RPAREN: ")"
LBRACKET: "["
RBRACKET: "]"
LBRACE: "{{"
RBRACE: "}}"
WHITESPACE.4: /\\s+/
COMMENT.4: /\\/\\*[\\s\\S]*?\\*\\//
%ignore WHITESPACE
%ignore COMMENT
{json}"""

    def sequence(self, nodes: Sequence) -> str:
        symbols: list[str] = []
        run: list[Sequence] = []
        for node in nodes:
            if isinstance(node, Optional):
                run += node.alternatives
                continue
            if run:
                symbols.append(self.options_of(run))
                run = []
            symbols.append(self.symbol(node))
        if run:
            symbols.append(self.options_of(run))
        return " ".join(symbols)

    def symbol(self, node: Node) -> str:
        name = _rule_name(node)
        if name is not None:
            return self.rule_symbols[name]
        match node:
            case Keyword(text):
                return self.keyword_symbols.setdefault(text, f"K{len(self.keyword_symbols)}")
            case Literal():
                return "_literal"
            case Builtin(builtin):
                return _TOKENS[builtin]
            case Equals():
                return "EQUALS"
            case Choice(alternatives):
                return self.group(" | ".join(map(self.sequence, alternatives)))
            case Parenthesised(body):
                return self.group(f"LPAREN {self.sequence(body)} RPAREN")
            case Repeat(item):
                symbol = self.symbol(item)
                items = self.group(f"{symbol} (COMMA {symbol})*")
                return self.group(
                    f"{items} | LPAREN {items} RPAREN"
                    f" | LBRACKET {items} RBRACKET | LBRACE {items} RBRACE"
                )
        raise AssertionError(node)

    def options_of(self, alternatives: list[Sequence]) -> str:
        """Write a run of optionals: any of them in any order, none of them being required.

        That each comes at most once is checked on the tree (:mod:`params`); as a grammar it would
        need a state for every subset.
        """
        if len(alternatives) == 1:
            return self.group(f"| {self.sequence(alternatives[0])}")
        symbols = []
        for alternative in alternatives:
            symbol = f"o{len(self.options)}"
            names = [_rule_name(node) for node in alternative]
            self.options[symbol] = (len(names) == 1 and names[0]) or to_text(alternative)
            self.lines.append(f"{symbol}: {self.sequence(alternative)}")
            symbols.append(symbol)
        run = f"run{len(self.groups)}"
        self.groups[run] = run
        self.lines.append(f"{run}: ({' | '.join(symbols)})*")
        return run

    def group(self, expansion: str) -> str:
        symbol = self.groups.get(expansion)
        if symbol is None:
            symbol = self.groups[expansion] = f"_g{len(self.groups)}"
            self.lines.append(f"{symbol}: {expansion}")
        return symbol


def write_lark(grammar: Grammar, *, escapes_backslash: bool = True) -> LarkGrammar:
    """Write a grammar for lark; ``escapes_backslash`` is how the connection escapes literals."""
    return _Writer(grammar, escapes_backslash).write()
