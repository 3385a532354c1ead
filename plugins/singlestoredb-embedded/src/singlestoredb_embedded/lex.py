"""The lexer of the SQL dialect: text to tokens, and a text to its statements."""

from __future__ import annotations

import re
from typing import NamedTuple

from .errors import syntax_error, unsupported


class Token(NamedTuple):
    """One token."""

    kind: str
    """``word``, ``quoted`` (an identifier in back-ticks), ``string``, ``number``, ``hex``,
    ``bits``, ``variable``, ``op`` or ``end``."""
    text: str
    """As it stands in the statement."""
    start: int
    """Offset of the first character."""
    end: int
    """Offset after the last one."""
    word: str
    """Upper-case text of a ``word``, the text of an ``op``, otherwise empty: what the grammar
    compares."""


# Runs of plain characters are one step of the pattern, not one step each: a literal of megabytes
# is scanned at the speed of a search.
_STRING = r"'[^'\\]*(?:(?:\\.|'')[^'\\]*)*'|\"[^\"\\]*(?:(?:\\.|\"\")[^\"\\]*)*\""
_PLAIN_STRING = r"'[^']*(?:''[^']*)*'|\"[^\"]*(?:\"\"[^\"]*)*\""


def _pattern(string: str) -> re.Pattern[str]:
    return re.compile(
        rf"""
    (?P<space>(?:\s+|--(?=[\s])[^\n]*|--\Z|\#[^\n]*|/\*(?!!).*?\*/|/\*!\d*|\*/)+)
  | (?P<hex>[xX]'[0-9a-fA-F]*'|0x[0-9a-fA-F]+\b)
  | (?P<bits>[bB]'[01]*'|0b[01]+\b)
  | (?P<string>(?:[nN]|_[a-zA-Z0-9]+\s*)?(?:{string}))
  | (?P<number>(?:\d+(?:\.(?!\.)\d*)?|\.\d+)(?:[eE][-+]?\d+)?)
  | (?P<word>[^\W\d][\w$]*|\$\w[\w$]*)
  | (?P<quoted>`(?:[^`]|``)*`)
  | (?P<variable>@@?(?:[\w.$]+|`(?:[^`]|``)*`|'[^']*'))
  | (?P<op>\.\.|<=>|!:>|::\$|::%|<\*>|<->|->>|:>|::|:=|->|<<|>>|<=|>=|<>|!=|&&|\|\|
        |[-+*/%<>=(),.;~!^&|{{}}\[\]:?])
    """,
        re.VERBOSE | re.DOTALL,
    )


_TOKEN = _pattern(_STRING)
_TOKEN_NO_BACKSLASH = _pattern(_PLAIN_STRING)


def tokenize(sql: str, *, backslash: bool = True) -> list[Token]:
    """Split ``sql`` into tokens, ended by one of kind ``end``.

    ``backslash`` says whether a backslash escapes in string literals.  Raises 1064 for text that
    is no token.
    """
    tokens: list[Token] = []
    append = tokens.append
    end = len(sql)
    position = 0
    pattern = _TOKEN if backslash else _TOKEN_NO_BACKSLASH
    for found in pattern.finditer(sql):
        start = found.start()
        if start != position:
            break
        position = found.end()
        kind = str(found.lastgroup)
        if kind != "space":
            text = found.group()
            word = text.upper() if kind == "word" else text if kind == "op" else ""
            append(Token(kind, text, start, position, word))
    if position != end:
        raise syntax_error(sql, position)
    append(Token("end", "", end, end, ""))
    return tokens


def split_statements(sql: str, tokens: list[Token]) -> list[list[Token]]:
    """Group ``tokens`` by the semicolons between statements; each group ends with its own
    ``end`` token.  Empty statements are dropped, and a routine's body is part of its statement."""
    groups: list[list[Token]] = []
    current: list[Token] = []
    body: _Body | None = None
    for token in tokens:
        if body is not None and body.is_open:
            body.take(token)
            if token.kind != "end":
                current.append(token)
                continue
        if token.word == ";" or token.kind == "end":
            if current:
                at = token.start
                groups.append([*current, Token("end", "", at, at, "")])
            current, body = [], None
        else:
            current.append(token)
            if token.word == "AS" and body is None and _makes_routine(current):
                body = _Body()
    return groups


def _makes_routine(tokens: list[Token]) -> bool:
    """Whether a statement that begins with these tokens is CREATE PROCEDURE or FUNCTION."""
    if tokens[0].word != "CREATE":
        return False
    for token in tokens:
        if token.word in ("PROCEDURE", "FUNCTION"):
            return True
        if token.word in ("EXTERNAL", "AGGREGATE", "TABLE", "VIEW", "("):
            break
    return False


class _Body:
    """Tells where a routine's body ends, from its tokens one by one."""

    def __init__(self) -> None:
        self.is_open = True
        self._open: list[str] = []
        """Words whose END is awaited."""
        self._before = "AS"

    def take(self, token: Token) -> None:
        """Go on by one token."""
        word, before = token.word, self._before
        if before == "AS" and word not in ("BEGIN", "DECLARE") and not self._open:
            self.is_open = False  # a body that is one query
        elif before == "END" and word in ("IF", "LOOP", "WHILE", "CASE"):
            pass
        elif word in ("BEGIN", "LOOP", "DO", "CASE") or (
            word == "IF" and before in _BOUNDARY and self._open[-1:] != ["CASE"]
        ):
            self._open.append(word)
        elif word == "END" and self._open:
            self.is_open = self._open.pop() != "BEGIN" or bool(self._open)
        self._before = word


_BOUNDARY = {";", "BEGIN", "THEN", "ELSE", "LOOP", "DO"}
"""Words behind which a statement of a body starts: there, IF is no function."""


_ESCAPE = re.compile(r"\\(.)|''|\"\"", re.DOTALL)
_ESCAPED = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a", "%": "\\%",
            "_": "\\_"}  # fmt: skip


def string_value(token_text: str, *, backslash: bool = True) -> str:
    """Return the value of a string token, with its quotes and escapes removed."""
    quote_at = min(i for i in (token_text.find("'"), token_text.find('"')) if i >= 0)
    prefix = token_text[:quote_at].strip().lower()
    if prefix and prefix not in ("n", "_utf8", "_utf8mb3", "_utf8mb4", "_ascii", "_binary"):
        raise unsupported(f"the character set introducer {prefix}")
    quote, body = token_text[quote_at], token_text[quote_at + 1 : -1]
    if "\\" not in body and quote not in body:
        return body
    doubled = quote * 2

    def replace(match: re.Match[str]) -> str:
        escaped = match.group(1)
        if escaped is None:
            text = match.group()
            return quote if text == doubled else text
        if not backslash:
            return match.group()
        return _ESCAPED.get(str(escaped), str(escaped))

    if not backslash:
        return body.replace(doubled, quote)
    return _ESCAPE.sub(replace, body)


def identifier_value(token_text: str) -> str:
    """Return the name that an identifier token stands for."""
    if token_text.startswith("`"):
        return token_text[1:-1].replace("``", "`")
    return token_text


def quote_identifier(name: str) -> str:
    """Quote a name for DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def quote_string(value: str) -> str:
    """Quote a text as a DuckDB literal.

    A NUL cannot stand in DuckDB's SQL text, so it is put in by ``chr(0)``.
    """
    quoted = "'" + value.replace("'", "''") + "'"
    if "\0" in quoted:
        return "(" + quoted.replace("\0", "'||chr(0)||'") + ")"
    return quoted
