"""Find one's way in SQL text without parsing it.

The text is read as a server reads it: quotes, back-ticks and comments hide what is in them.

* :func:`split_values` finds the row template of an INSERT, so that many rows become few
  statements: ``INSERT INTO t (a, b) VALUES (%s, now()) ON DUPLICATE KEY UPDATE b = VALUES(b)`` has
  a prefix, one parenthesised template and a suffix.
* :func:`split_statements` cuts a script at its semicolons.
* :func:`only_reads` tells whether a statement may be sent a second time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<comment>/\*.*?\*/ | --[\s].*?(?:\n|\Z) | \#.*?(?:\n|\Z))
    | (?P<quoted>'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `(?:[^`]|``)*`)
    | (?P<placeholder>%(?:\(.*?\))?s)
    | (?P<escape>%%)
    | (?P<word>[A-Za-z_][\w$]*)
    | (?P<open>\()
    | (?P<close>\))
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


_BLANK = ("space", "comment")


class SplitInsert(NamedTuple):
    """The parts of an INSERT with one row of placeholders."""

    prefix: str
    """Up to the template; ready to send."""
    template: str
    """The parenthesised row, placeholders and all."""
    suffix: str
    """What follows; ready to send."""


def split_values(sql: str) -> SplitInsert | None:
    """Return the parts of an ``INSERT`` or ``REPLACE … VALUES (…) …``.

    ``None`` when the text is something else, has several rows, or has placeholders outside the
    row: then every row needs a statement of its own.
    """
    first_word = None
    depth = 0
    expecting_row = False
    start = end = -1
    inside = 0
    for match in _TOKEN.finditer(sql):
        kind = match.lastgroup
        if kind in ("space", "comment"):
            continue
        if first_word is None:
            first_word = match.group().upper()
            if first_word not in ("INSERT", "REPLACE"):
                return None
        if kind == "open":
            if expecting_row:
                start, expecting_row = match.start(), False
            depth += 1
        elif kind == "close":
            depth -= 1
            if depth == 0 and start >= 0 and end < 0:
                end = match.end()
        elif kind == "placeholder":
            if start < 0 or end >= 0:
                return None
            inside += 1
        elif kind == "word" and depth == 0 and start < 0:
            expecting_row = match.group().upper() in ("VALUES", "VALUE")
        elif kind == "other" and end >= 0 and depth == 0 and match.group() in ",;":
            if match.group() == "," and not _seen_word(sql[end : match.start()]):
                return None  # a second row
            if match.group() == ";":
                if any(m.lastgroup not in _BLANK for m in _TOKEN.finditer(sql, match.end())):
                    return None  # a second statement
                sql = sql[: match.start()]
                break
        elif expecting_row:
            expecting_row = False
    if end < 0 or not inside:
        return None
    prefix, suffix = sql[:start].replace("%%", "%"), sql[end:].replace("%%", "%")
    return SplitInsert(prefix, sql[start:end], suffix.rstrip().rstrip(";"))


def _seen_word(text: str) -> bool:
    return any(m.lastgroup == "word" for m in _TOKEN.finditer(text))


def split_statements(sql: str) -> Iterator[tuple[str, bool]]:
    """Iterate over the statements of a script, as ``(text, complete)``.

    The last one is not complete when no semicolon ends it.  Statements without content are left
    out.
    """
    start = 0
    has_content = False
    for match in _TOKEN.finditer(sql):
        kind = match.lastgroup
        if kind == "other" and match.group() == ";":
            if has_content:
                yield sql[start : match.start()].strip(), True
            start, has_content = match.end(), False
        elif kind not in ("space", "comment"):
            has_content = True
    if has_content:
        yield sql[start:].strip(), False


_READING = frozenset({"DESC", "DESCRIBE", "EXPLAIN", "SELECT", "SHOW", "VALUES", "WITH"})
_CHANGING = frozenset(
    {
        *("ANALYZE", "CALL", "CREATE", "DELETE", "DO", "DROP", "ECHO", "INSERT", "INTO", "LOCK"),
        *("REPLACE", "SET", "TRUNCATE", "UPDATE"),
        *("GET_LOCK", "LAST_INSERT_ID", "NEXTVAL", "RELEASE_LOCK", "SETVAL", "SLEEP"),
    }
)


def only_reads(sql: str) -> bool:
    """Return whether a text is one statement that changes nothing, as far as its words tell.

    In doubt it does change something: ``SELECT REPLACE(a, 'x', 'y')`` counts as a change, and so
    does an assignment to a variable.
    """
    first = True
    ended = False
    before = ""
    for match in _TOKEN.finditer(sql):
        kind, text = match.lastgroup, match.group()
        if kind == "comment" and text.startswith("/*!"):
            return False
        if kind in ("space", "comment", "quoted", "placeholder", "escape"):
            continue
        if kind == "word":
            word = text.upper()
            if ended or word in _CHANGING or (first and word not in _READING):
                return False
            first = False
        elif kind == "other":
            if text == "=" and before == ":":
                return False
            ended = ended or text == ";"
        before = text
    return not first
