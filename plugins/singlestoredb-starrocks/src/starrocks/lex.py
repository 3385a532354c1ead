"""Split StarRocks SQL into tokens.

Shared by the readers of SQL text (types, SHOW CREATE output, key lists, view definitions); nothing
here knows a statement's grammar. Comments and white space separate tokens and are dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, cast

Kind = Literal["word", "quoted", "string", "number", "op"]

_TOKEN = re.compile(
    r"""
    (?P<skip>   \s+ | --[^\n]* | \#[^\n]* | /\*.*?(?:\*/|\Z) )
  | (?P<string> '(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" )
  | (?P<quoted> `(?:[^`]|``)*` )
  | (?P<number> \d+(?:\.\d*)?(?:[eE][+-]?\d+)?(?![\w$]) | \.\d+(?:[eE][+-]?\d+)? )
  | (?P<word>   [\w$]+ )
  | (?P<op>     <=>|<=|<>|!=|\|\||&&|->|. )
    """,
    re.DOTALL | re.VERBOSE,
)

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "0": "\0", "Z": "\x1a"}
_OPENING = frozenset("([<")
_CLOSING = frozenset(")]>")


class Token(NamedTuple):
    """One token and its place (half-open, in characters) in the text it came from."""

    kind: Kind
    text: str
    start: int
    end: int

    @property
    def value(self) -> str:
        """What the token stands for: quotes removed and escapes resolved."""
        if self.kind == "quoted":
            return self.text[1:-1].replace("``", "`")
        if self.kind == "string":
            quote = self.text[0]
            body = self.text[1:-1].replace(quote * 2, quote)
            return re.sub(
                r"\\(.)", lambda m: _ESCAPES.get(m.group(1), m.group(1)), body, flags=re.DOTALL
            )
        return self.text

    def is_word(self, *words: str) -> bool:
        """Tell whether this is one of the (upper-case) unquoted *words*, in any case."""
        return self.kind == "word" and self.text.upper() in words

    @property
    def is_name(self) -> bool:
        """Tell whether this can be an identifier."""
        return self.kind in ("word", "quoted")


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of *text*; a character that fits nothing is an ``op`` of its own."""
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind != "skip":
            yield Token(cast(Kind, kind), match.group(), match.start(), match.end())


def with_depth(items: Sequence[Token]) -> Iterator[tuple[Token, int]]:
    """Pair every token with its bracket depth; a bracket belongs to the level that it encloses.

    Any closing bracket closes any opening one: StarRocks prints half-open ranges as ``[(1), (2))``.
    Angle brackets are left alone, as they are comparisons outside of type names.
    """
    depth = 0
    for token in items:
        if token.kind == "op" and token.text in "([":
            depth += 1
            yield token, depth
        elif token.kind == "op" and token.text in ")]":
            yield token, depth
            depth -= 1
        else:
            yield token, depth


def split_top_level(items: Sequence[Token], separator: str = ",") -> list[list[Token]]:
    """Split *items* at the separators outside of all brackets, angle brackets of types included."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in items:
        if token.kind == "op" and token.text in _OPENING:
            depth += 1
        elif token.kind == "op" and token.text in _CLOSING:
            depth -= 1
        if depth == 0 and token.kind == "op" and token.text == separator:
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


def identifier_list(text: str) -> list[str] | None:
    """Read ``a, `b c``` or ``(a, b)`` as a list of names; ``None`` if *text* is anything else."""
    items = list(tokens(text))
    if len(items) >= 2 and items[0].text == "(" and items[-1].text == ")":
        items = items[1:-1]
    names = []
    for index, token in enumerate(items):
        if index % 2:
            if token.text != ",":
                return None
        elif token.is_name:
            names.append(token.value)
        else:
            return None
    return names if len(items) % 2 else None
