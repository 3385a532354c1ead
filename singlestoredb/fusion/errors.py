"""What is said when a statement does not fit the grammar of its command."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from singlestoredb.exceptions import ProgrammingError

from .literals import masked

END = "the end of the statement"
"""How the end of the text is called among what was expected."""


class FusionSyntaxError(ProgrammingError, ValueError):
    """A Fusion SQL statement does not fit its command's grammar.

    The contents of string literals are left out of the message: they may be secrets.
    """

    line: int
    """Line of the first character that does not fit, from 1; 0 when there is no such place."""
    column: int
    """Its column, from 1."""
    expected: tuple[str, ...]
    """What could have stood there, for people: keywords, ``a string``, ``end of statement`` …"""

    def __init__(
        self, message: str, line: int = 0, column: int = 0, expected: Iterable[str] = ()
    ) -> None:
        super().__init__(None, message)
        self.line = line
        self.column = column
        self.expected = tuple(expected)


class UnknownFieldError(ProgrammingError, KeyError):
    """A statement sorts or filters by a column that its answer does not have."""


def syntax_error(
    sql: str,
    position: int,
    *,
    syntax: str,
    keywords: Iterable[str] = (),
    others: Iterable[str] = (),
    problem: str = "",
    escapes_backslash: bool | None = None,
) -> FusionSyntaxError:
    """Make the error for a statement that stops making sense at ``position``.

    Args:
        sql: the statement.
        position: offset in characters of what does not fit; the length of ``sql`` when it ends
            too early.
        syntax: the command's syntax, for people.
        keywords: keywords that could have stood there; a misspelt one is recognised.
        others: whatever else could have, for people.
        problem: said instead of what was expected.
        escapes_backslash: how string literals are written, when that is known.
    """
    shown, at = masked(sql, position, escapes_backslash)
    line = sql.count("\n", 0, position) + 1
    column = position - (sql.rfind("\n", 0, position) + 1) + 1
    start = shown.rfind("\n", 0, at) + 1
    text, _, _ = shown[start:].partition("\n")
    expected = (*sorted(set(keywords)), *sorted(set(others)))
    rest = shown[at:].rstrip()
    if rest:
        detail = f"The non-matching portion of the text begins with '{_shorten(rest)}'"
    else:
        detail = "The text ends too early"
    text, caret = _window(text.rstrip("\r"), at - start)
    where = f"{text}\n{' ' * caret}^ {problem or _wish(expected, keywords, rest)}"
    return FusionSyntaxError(
        f"Could not parse statement. {detail} (line {line}, column {column}). Expecting:\n"
        + "\n".join(f"  {line}" for line in syntax.splitlines())
        + f"\n\n{where}",
        line,
        column,
        expected,
    )


def _wish(expected: tuple[str, ...], keywords: Iterable[str], rest: str) -> str:
    if not expected:
        return "this is not understood"
    *most, last = expected
    text = f"expected {', '.join(most)} or {last}" if most else f"expected {last}"
    word = rest.split(maxsplit=1)[0].rstrip(";,()").upper() if rest else ""
    near = difflib.get_close_matches(word[:64], list(keywords), 1)
    return f"{text} (did you mean {near[0]}?)" if near else text


def _shorten(text: str, width: int = 40) -> str:
    text = " ".join(text[: width * 2].split())
    return text if len(text) <= width else text[: width - 1] + "…"


def _window(line: str, caret: int, width: int = 120) -> tuple[str, int]:
    """Cut a long line down to what is around the caret."""
    if len(line) <= width:
        return line, caret
    start = max(0, min(caret - width // 2, len(line) - width))
    cut = line[start : start + width]
    if start:
        cut = "…" + cut[1:]
    if start + width < len(line):
        cut = cut[:-1] + "…"
    return cut, caret - start
