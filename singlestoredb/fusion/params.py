"""From a parsed statement to the ``params`` that a handler's ``run`` gets.

A rule's value follows from its body: leading keywords are dropped, and of what is left

* nothing is ``True``,
* one value stands for itself,
* rules make one dict, merged,
* anything mixed, and whatever a rule with ``,...`` matched, is a list.

A rule inside another is ``{name: value}``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from .compiler import Grammar, LarkGrammar, Rule
from .literals import unquote

if TYPE_CHECKING:
    import lark

    Tree: TypeAlias = lark.Tree[lark.Token]

_LITERALS = frozenset({"SINGLE", "DOUBLE", "BACKTICK"})

_Entry: TypeAlias = "tuple[str | None, Any]"
"""Name of a rule, or ``None`` for a keyword or a value; and the value."""


class ParamsBuilder:
    """Reads the tree of one statement."""

    def __init__(
        self,
        grammar: Grammar,
        lark_grammar: LarkGrammar,
        sql: str,
        escapes_backslash: bool,
        fail: Callable[[int, str], NoReturn],
    ) -> None:
        self._grammar = grammar
        self._lark_grammar = lark_grammar
        self._sql = sql
        self._escapes_backslash = escapes_backslash
        self._fail = fail
        self._matched: set[str] = set()

    def build(self, tree: Tree) -> dict[str, Any]:
        """Return the parameters: matched rules in the order of the statement, then defaults."""
        params: dict[str, Any] = {}
        repeated = self._grammar.repeated
        for child in self._children(tree):
            name, value = self._entry(child)
            if name is None:
                continue
            key = name.lstrip("_")
            if name in repeated:
                params.setdefault(key, []).append(value)
            elif key in params:
                self._duplicate(child, name)
            else:
                params[key] = value
        for rule in self._grammar.rules.values():
            if rule.has_default and rule.name not in self._matched:
                default = [] if rule.name in repeated else rule.default
                params[rule.name] = deepcopy(default)
        return params

    def _children(self, tree: Tree) -> Iterator[Tree | lark.Token]:
        """Iterate over what a rule matched; runs of optionals are checked and dissolved."""
        for child in tree.children:
            if not isinstance(child, str) and child.data.startswith("run"):
                seen: set[str] = set()
                for option in child.children:
                    assert not isinstance(option, str)
                    if option.data in seen:
                        self._duplicate(option, self._lark_grammar.options[option.data])
                    seen.add(option.data)
                    yield from self._children(option)
            else:
                yield child

    def _entry(self, child: Tree | lark.Token) -> _Entry:
        if isinstance(child, str):
            return None, self._token(child)
        rule = self._lark_grammar.rules.get(child.data)
        if rule is not None:
            self._matched.add(rule)
            return rule, self._rule_value(self._grammar.rules[rule], child)
        if child.data == "identifier":
            parts = [
                unquote(part, False) if part[0] == "`" else str(part)
                for part in child.children
                if isinstance(part, str)
            ]
            return None, parts if len(parts) > 1 else parts[0]
        return None, self._json(child)

    def _rule_value(self, rule: Rule, tree: Tree) -> Any:
        children = list(self._children(tree))
        entries = [
            (child, *self._entry(child))
            for child in children[rule.n_keywords :]
            if not isinstance(child, str) or child.type not in _PUNCTUATION
        ]
        if not rule.repeats:
            if not entries:
                return True
            if all(name is not None for _, name, _ in entries):
                merged: dict[str, Any] = {}
                for child, name, value in entries:
                    assert name is not None
                    key = name.lstrip("_")
                    if key in merged:
                        self._duplicate(child, name)
                    merged[key] = value
                return merged
            if len(entries) == 1:
                return entries[0][2]
        values = [
            value if name is None else {name.lstrip("_"): value} for _, name, value in entries
        ]
        return _order_by(values) if rule.name == "order_by" else values

    def _token(self, token: lark.Token) -> Any:
        if token.type in _LITERALS:
            return unquote(token, self._escapes_backslash)
        if token.type == "INTEGER":
            return self._number(int, token)
        if token.type == "NUMBER":
            return self._number(float, token)
        if token.type == "REST":
            return token.strip()
        return str(token)

    def _number(self, convert: Callable[[str], Any], token: lark.Token) -> Any:
        try:
            return convert(token)
        except ValueError:  # more digits than sys.get_int_max_str_digits()
            self._fail(token.start_pos or 0, f"a number of {len(token)} digits is too long")

    def _json(self, tree: Tree) -> Any:
        start, end = tree.meta.start_pos, tree.meta.end_pos
        text = self._sql[start:end]
        if text.startswith("'"):
            text = unquote(text, self._escapes_backslash)
        try:
            value = json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError) as exc:
            reason = "it is nested too deeply" if isinstance(exc, RecursionError) else exc
            self._fail(start, f"this is not JSON: {reason}")
        if not isinstance(value, dict):
            self._fail(start, "expected a JSON object")
        return value

    def _duplicate(self, child: Tree | lark.Token, name: str) -> NoReturn:
        position = child.start_pos if isinstance(child, str) else child.meta.start_pos
        self._fail(position or 0, f"found duplicate rules for '{name}'")


_PUNCTUATION = frozenset(
    {"LPAREN", "RPAREN", "LBRACKET", "RBRACKET", "LBRACE", "RBRACE", "COMMA", "EQUALS", "SEMICOLON"}
)


def _no_constant(name: str) -> NoReturn:
    # Python's json would take these.
    raise ValueError(f"{name} is not a JSON value")


def _order_by(items: list[Any]) -> dict[str, Any]:
    """Give the keys of ``ORDER BY`` the shape of :meth:`FusionSQLResult.order_by`'s arguments."""
    by: list[Any] = []
    ascending: list[bool] = []
    for item in items:
        key, direction = item, "ASC"
        if isinstance(key, dict) and len(key) == 1:
            (key,) = key.values()
        if isinstance(key, list) and len(key) == 2 and str(key[1]).upper() in _DIRECTIONS:
            key, direction = key
        by.append(key)
        ascending.append(direction[0] in "Aa")
    return {"by": by, "ascending": ascending}


_DIRECTIONS = frozenset({"ASC", "ASCENDING", "DESC", "DESCENDING"})
