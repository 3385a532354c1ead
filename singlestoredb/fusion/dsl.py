"""The grammar language of handler docstrings: text in, syntax tree out.

A docstring holds a command, up to the first ``;``, then its rules, then prose::

    SHOW ACME THINGS [ in_room ] [ <like> ];

    # where to look
    in_room = IN ROOM '<room>'

    Description
    -----------
    List the things of a room.

:func:`split` cuts the text into those parts with regular expressions only, so that registering a
command costs nothing; :func:`parse_sequence` reads a command or a rule body with a lark grammar.
What the constructs mean for SQL is the business of :mod:`compiler`.
"""

from __future__ import annotations

import functools
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import types

    import lark


def import_lark() -> types.ModuleType:
    """Import lark, or say how to install it."""
    try:
        import lark
    except ImportError as exc:
        raise ImportError(
            "Fusion SQL needs lark, which is not installed (pip install 'singlestoredb[fusion]')",
            name="lark",
        ) from exc
    return lark


# -- the syntax tree -------------------------------------------------------------------------


@dataclass(frozen=True)
class Keyword:
    """A word in capitals."""

    text: str


@dataclass(frozen=True)
class Literal:
    """A string of the user's; ``text`` is what the grammar calls it."""

    text: str


@dataclass(frozen=True)
class Builtin:
    """``<name>``: a token or rule that every grammar has."""

    name: str


@dataclass(frozen=True)
class Reference:
    """The name of a rule."""

    name: str


@dataclass(frozen=True)
class Equals:
    """A literal ``=``."""


@dataclass(frozen=True)
class Optional:
    """``[ a | b ]``: each alternative at most once."""

    alternatives: tuple[Sequence, ...]


@dataclass(frozen=True)
class Choice:
    """``{ a | b }``: exactly one alternative."""

    alternatives: tuple[Sequence, ...]


@dataclass(frozen=True)
class Parenthesised:
    """``( a )``: literal parentheses."""

    body: Sequence


@dataclass(frozen=True)
class Repeat:
    """``a,...``: a list of one or more."""

    item: Node


Node: TypeAlias = (
    "Keyword | Literal | Builtin | Reference | Equals | Optional | Choice | Parenthesised | Repeat"
)
Sequence: TypeAlias = "tuple[Node, ...]"


def to_text(node: Node | Sequence) -> str:
    """Write a node the way a grammar spells it."""
    match node:
        case tuple():
            return " ".join(map(to_text, node))
        case Keyword(text):
            return text
        case Literal(text):
            return f"'{text}'"
        case Builtin(name):
            return f"<{name}>"
        case Reference(name):
            return name
        case Equals():
            return "="
        case Optional(alternatives):
            return f"[ {' | '.join(map(to_text, alternatives))} ]"
        case Choice(alternatives):
            return f"{{ {' | '.join(map(to_text, alternatives))} }}"
        case Parenthesised(body):
            return f"( {to_text(body)} )"
        case Repeat(item):
            return f"{to_text(item)},..."


def walk(node: Node | Sequence) -> Iterator[Node]:
    """Iterate over a node and all below it, in the order of the text."""
    if isinstance(node, tuple):
        for child in node:
            yield from walk(child)
        return
    yield node
    match node:
        case Optional(alternatives) | Choice(alternatives):
            for alternative in alternatives:
                yield from walk(alternative)
        case Parenthesised(body):
            yield from walk(body)
        case Repeat(item):
            yield from walk(item)


# -- cutting the docstring -------------------------------------------------------------------

_PROSE = re.compile(r"^[ \t]*[A-Z][^\n]*\n[ \t]*-{3,}[ \t]*$", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*#[^\n]*(?:\n|\Z)", re.MULTILINE)
_KEY = re.compile(r"\s*([A-Z0-9_@]+)(?![A-Za-z0-9_@])")
_RULE = re.compile(r"\s*([a-z_][a-z0-9_]*)\s*=(.*)", re.DOTALL)


@dataclass(frozen=True)
class Source:
    """The parts of a grammar text, not yet understood."""

    command: str
    """Text up to the semicolon, dedented, line breaks kept."""
    rules: Mapping[str, str]
    """Rule bodies by name; continued lines keep their ``&`` marks after a line break."""
    key: tuple[str, ...]
    """The keywords that the command starts with, as written."""


def split(text: str) -> Source:
    """Cut a grammar text into command and rules; raise ``ValueError`` when it has not that form."""
    text = inspect.cleandoc(text)
    prose = _PROSE.search(text)
    grammar = _COMMENT.sub("", text[: prose.start()] if prose else text)
    end = _semicolon(grammar)
    if end is None:
        raise ValueError(
            "no command found: the grammar is empty"
            if not grammar.strip()
            else "the primary rule must end with a semicolon: "
            f"{textwrap.shorten(grammar, 80, placeholder=' …')}"
        )
    command = textwrap.dedent(grammar[:end]).strip("\n").rstrip()
    return Source(command, _rules(grammar[end + 1 :]), _key(command))


def _semicolon(grammar: str) -> int | None:
    """Return where the first semicolon outside quotes is."""
    for match in re.finditer(r"'[^'\n]*'|;", grammar):
        if match[0] == ";":
            return match.start()
    return None


def _key(command: str) -> tuple[str, ...]:
    words = []
    position = 0
    while match := _KEY.match(command, position):
        words.append(match[1])
        position = match.end()
    # ``A,...`` would be a repeated keyword, which no statement could be told by.
    if not words or command[position : position + 1] == ",":
        raise ValueError(f"no command found: {textwrap.shorten(command, 80, placeholder=' …')}")
    return tuple(words)


def _rules(text: str) -> dict[str, str]:
    rules: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped:
            continue
        if stripped.startswith("&"):
            if not name:
                raise ValueError(f"there is no rule that this line could continue: {stripped}")
            rules[name] += "\n" + stripped
            continue
        match = _RULE.fullmatch(stripped)
        if match is None:
            raise ValueError(f"a rule must have the form NAME = BODY: {stripped}")
        name = match[1]
        if name in rules:
            raise ValueError(f"the rule {name!r} is defined twice")
        rules[name] = match[2].strip()
    return rules


# -- reading a sequence ----------------------------------------------------------------------

_META_GRAMMAR = r"""
start: item*
?item: atom | atom REPEAT -> repeat
?atom: KEYWORD            -> keyword
     | LITERAL            -> literal
     | BUILTIN            -> builtin
     | NAME               -> reference
     | "[" alternatives "]" -> optional
     | "{" alternatives "}" -> choice
     | "(" start ")"      -> parenthesised
     | "="                -> equals
alternatives: start ("|" start)*

REPEAT.5: /,\s*\.\.\./
KEYWORD.3: /@{0,2}[A-Z0-9][A-Z0-9_]*(?![A-Za-z0-9_])/
LITERAL: /'[^']+'/
BUILTIN: /<[a-z][a-z0-9-]*>/
NAME: /[a-z_][a-z0-9_]*/
%ignore /[\s&]+/
"""


@functools.cache
def _meta_parser() -> lark.Lark:
    module = import_lark()

    class Build(module.Transformer):  # type: ignore[misc,name-defined] # lark is imported late
        """Makes nodes of :mod:`dsl` out of lark's trees."""

        def start(self, items: list[Node]) -> Sequence:
            return tuple(items)

        def alternatives(self, items: list[Sequence]) -> tuple[Sequence, ...]:
            return tuple(items)

        def keyword(self, items: list[str]) -> Node:
            return Keyword(str(items[0]))

        def literal(self, items: list[str]) -> Node:
            return Literal(str(items[0])[1:-1])

        def builtin(self, items: list[str]) -> Node:
            return Builtin(str(items[0])[1:-1])

        def reference(self, items: list[str]) -> Node:
            return Reference(str(items[0]))

        def optional(self, items: list[Any]) -> Node:
            return Optional(items[0])

        def choice(self, items: list[Any]) -> Node:
            return Choice(items[0])

        def parenthesised(self, items: list[Any]) -> Node:
            return Parenthesised(items[0])

        def equals(self, items: list[Any]) -> Node:
            return Equals()

        def repeat(self, items: list[Any]) -> Node:
            return Repeat(items[0])

    parser: lark.Lark = module.Lark(_META_GRAMMAR, parser="lalr", transformer=Build())
    return parser


def failure_offset(text: str, error: lark.exceptions.UnexpectedInput) -> int:
    """Return where lark stopped understanding: an offset in characters, at most that of the end
    without trailing space."""
    end = len(text.rstrip())
    at_end = getattr(getattr(error, "token", None), "type", "") == "$END"
    position: int | None = error.pos_in_stream
    if at_end or position is None or position < 0:
        return end
    return min(position, end)


def parse_sequence(text: str, where: str) -> Sequence:
    """Read a command or a rule body; raise ``ValueError`` that names ``where`` when it is wrong."""
    import_lark()
    from lark.exceptions import UnexpectedInput

    try:
        sequence: Any = _meta_parser().parse(text)
    except UnexpectedInput as exc:
        rest = text[failure_offset(text, exc) :][:40].strip()
        raise ValueError(
            f"{where} cannot be understood at {rest!r}: {text.strip()}"
            if rest
            else f"{where} ends too early: {text.strip()}"
        ) from exc
    checked: Sequence = sequence
    for node in walk(checked):
        _check(node)
    return checked


def _check(node: Node) -> None:
    match node:
        case Choice(alternatives) if len(alternatives) < 2:
            raise ValueError(f'alternates must contain "|": {to_text(node)}')
        case Repeat(Optional() | Repeat()):
            raise ValueError(f"what is repeated must not be optional or repeated: {to_text(node)}")
    match node:
        case Choice(alternatives) | Optional(alternatives) if not all(alternatives):
            raise ValueError(f"an alternative is empty: {to_text(node)}")
        case Parenthesised(()):
            raise ValueError("parentheses must have something in them")
