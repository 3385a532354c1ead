"""Random sentences of random grammars give back the parameters they were made of."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from singlestoredb.fusion import SQLHandler
from singlestoredb.fusion.literals import masked, unquote

Draw = Callable[[st.SearchStrategy[Any]], Any]

ESCAPES = {
    "\0": "\\0",
    "\n": "\\n",
    "\r": "\\r",
    "\x1a": "\\Z",
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
}


def quoted(text: str) -> str:
    """Write a literal as connections write parameters."""
    return "'" + "".join(ESCAPES.get(char, char) for char in text) + "'"


@given(st.text())
def test_literals_round_trip(text: str) -> None:
    assert unquote(quoted(text), True) == text
    for quote in "'\"`":
        doubled = quote + text.replace(quote, quote * 2) + quote
        assert unquote(doubled, False) == text
    assert unquote('"' + text.replace("\\", "\\\\").replace('"', '""') + '"', True) == text


@given(st.lists(st.tuples(st.sampled_from("ab \n;"), st.text(min_size=1)), max_size=5))
def test_masking_hides_every_literal_and_keeps_places(pieces: list[tuple[str, str]]) -> None:
    sql = "".join(f"{plain}{quoted(secret)}" for plain, secret in pieces) + " END"
    shown, at = masked(sql, sql.rindex(" END"), True)
    assert shown == "".join(f"{plain}'…'" for plain, _ in pieces) + " END"
    assert shown[at:] == " END"


# -- grammars --------------------------------------------------------------------------------

texts = st.text(max_size=12)
bare_words = st.from_regex(r"[a-z][a-z0-9_.\-]{0,6}", fullmatch=True)
finite = st.floats(allow_nan=False, allow_infinity=False)
json_objects = st.dictionaries(
    texts,
    st.recursive(
        st.none() | st.booleans() | st.integers() | finite | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=3,
)


def _literal(draw: Draw) -> tuple[str, Any]:
    text = draw(texts)
    return quoted(text), text


def _integer(draw: Draw) -> tuple[str, Any]:
    number = draw(st.integers())
    return str(number), number


def _number(draw: Draw) -> tuple[str, Any]:
    number = draw(finite)
    return repr(number), number


def _json(draw: Draw) -> tuple[str, Any]:
    value = draw(json_objects)
    text = json.dumps(value, ensure_ascii=draw(st.booleans()))
    return (quoted(text) if draw(st.booleans()) else text), value


def _table(draw: Draw) -> tuple[str, Any]:
    parts = draw(st.lists(st.text(st.characters(exclude_characters="`"), min_size=1, max_size=8),
                          min_size=1, max_size=2))  # fmt: skip
    return ".".join(f"`{part}`" for part in parts), parts if len(parts) > 1 else parts[0]


def _word(draw: Draw) -> tuple[str, Any]:
    # Written bare: lower case, so that it is no keyword of these grammars.
    word = "w" + draw(bare_words)
    return word, word


TOKENS: dict[str, Callable[[Draw], tuple[str, Any]]] = {
    "'<quoted>'": _literal,
    "'<word>'": _word,
    "<integer>": _integer,
    "<number>": _number,
    "<json>": _json,
    "<table>": _table,
}


@dataclass
class Rule:
    """A rule of a random grammar: its text, and how to write it with a value."""

    name: str
    definitions: dict[str, str]
    default: Any
    write: Callable[[Draw], tuple[list[str], Any]]


def make_rule(draw: Draw, number: int) -> Rule:
    """Make a rule that starts with a keyword of its own."""
    name, keyword = f"rule{number}", f"KEY{number}"
    kind = draw(st.sampled_from(["keywords", "token", "choice", "list", "pair", "nested", "paren"]))
    token = draw(st.sampled_from(sorted(TOKENS)))
    write_token = TOKENS[token]

    if kind == "keywords":
        return Rule(name, {name: f"{keyword} ON"}, False, lambda draw: ([keyword, "ON"], True))
    if kind == "choice":

        def choose(draw: Draw) -> tuple[list[str], Any]:
            chosen = draw(st.sampled_from(["LOW", "HIGH"]))
            return [keyword, chosen], chosen

        return Rule(name, {name: f"{keyword} {{ LOW | HIGH }}"}, None, choose)
    if kind == "list":

        def write_list(draw: Draw) -> tuple[list[str], Any]:
            items = [write_token(draw) for _ in range(draw(st.integers(1, 3)))]
            opening, closing = draw(st.sampled_from(["  ", "()", "[]"]))
            written = [item for text, _ in items for item in (",", text)][1:]
            return [keyword, opening, *written, closing], [value for _, value in items]

        return Rule(name, {name: f"{keyword} {token},..."}, [], write_list)
    if kind == "pair":

        def write_pair(draw: Draw) -> tuple[list[str], Any]:
            (first, a), (second, b) = write_token(draw), write_token(draw)
            return [keyword, first, "AND", second], [a, "AND", b]

        return Rule(name, {name: f"{keyword} {token} AND {token}"}, None, write_pair)
    if kind == "nested":
        inner = f"{name}_inner"

        def write_nested(draw: Draw) -> tuple[list[str], Any]:
            if not draw(st.booleans()):
                return [keyword], True
            text, value = write_token(draw)
            return [keyword, "INNER", "=", text], {inner: value}

        definitions = {name: f"{keyword} [ {inner} ]", inner: f"INNER = {token}"}
        return Rule(name, definitions, None, write_nested)

    def write_one(draw: Draw) -> tuple[list[str], Any]:
        text, value = write_token(draw)
        around = ["(", text, ")"] if kind == "paren" else [text]
        return [keyword, *around], value

    body = f"{keyword} ( {token} )" if kind == "paren" else f"{keyword} {token}"
    return Rule(name, {name: body}, None, write_one)


@dataclass
class Segment:
    """A part of a random command."""

    kind: str
    rules: list[Rule]

    @property
    def text(self) -> str:
        names = [rule.name for rule in self.rules]
        if self.kind == "optionals":
            return " ".join(f"[ {name} ]" for name in names)
        if self.kind == "choice":
            return f"{{ {' | '.join(names)} }}"
        return " ".join(names)

    def chosen(self, draw: Draw) -> list[Rule]:
        if self.kind == "optionals":
            subset = [rule for rule in self.rules if draw(st.booleans())]
            shuffled: list[Rule] = draw(st.permutations(subset))
            return shuffled
        if self.kind == "choice":
            return [draw(st.sampled_from(self.rules))]
        return self.rules


@given(st.data())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_sentences_round_trip(data: st.DataObject) -> None:
    draw: Draw = data.draw
    rules = [make_rule(draw, number) for number in range(draw(st.integers(1, 7)))]
    segments: list[Segment] = []
    rest = list(rules)
    while rest:
        kind = draw(st.sampled_from(["optionals", "required", "choice"]))
        size = draw(st.integers(2 if kind == "choice" and len(rest) > 1 else 1, len(rest)))
        taken, rest = rest[:size], rest[size:]
        segments.append(
            Segment("required" if len(taken) == 1 and kind == "choice" else kind, taken)
        )
    grammar = f"DO ACME {' '.join(segment.text for segment in segments)};\n"
    grammar += "\n".join(
        f"{name} = {body}" for rule in rules for name, body in rule.definitions.items()
    )
    handler: type[SQLHandler] = type("Random", (SQLHandler,), {"__doc__": grammar})

    for _ in range(4):
        words, expected = ["DO", "ACME"], {}
        for segment in segments:
            for rule in segment.chosen(draw):
                written, value = rule.write(draw)
                words += written
                expected[rule.name] = value
        gap = draw(st.sampled_from([" ", "\n", " /* ' */ ", "\t "]))
        sql = gap.join(word for word in words if word.strip()) + draw(st.sampled_from(["", ";"]))
        got = handler(None).visit(handler.grammar.parse(sql))
        for rule in rules:
            value = expected.get(rule.name, rule.default)
            assert same(got[rule.name], value), (grammar, sql)
        assert list(got)[: len(expected)] == list(expected)


def same(got: Any, expected: Any) -> bool:
    """Compare, telling 1 from True and 1.0, and 0.0 from -0.0."""
    if type(got) is not type(expected):
        return False
    if isinstance(got, list):
        return len(got) == len(expected) and all(map(same, got, expected))
    if isinstance(got, dict):
        return got.keys() == expected.keys() and all(same(got[k], expected[k]) for k in got)
    if isinstance(got, float):
        return got == expected and math.copysign(1, got) == math.copysign(1, expected)
    return bool(got == expected)
