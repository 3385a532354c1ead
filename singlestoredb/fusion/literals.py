"""String literals of SQL: what they mean, and how to keep their contents out of messages.

Parameters of a statement reach Fusion SQL as literals in its text, so these functions are the
exact inverse of the escaping done by the connection.  Nothing is ever evaluated.
"""

from __future__ import annotations

import re

# https://dev.mysql.com/doc/refman/8.0/en/string-literals.html, table 11.1.  ``\%`` and ``\_`` keep
# their backslash, any other escaped character stands for itself.
_ESCAPES = {
    "0": "\0",
    "b": "\b",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "Z": "\x1a",
    "%": "\\%",
    "_": "\\_",
}


def quoted_pattern(quote: str, escapes_backslash: bool) -> str:
    """Return a regular expression for one literal between ``quote`` marks.

    Unrolled so that no input makes it backtrack more than once over its length.  The look-ahead
    keeps ``'a''`` from being read as ``'a'`` and a stray quote.
    """
    if escapes_backslash:
        return (
            rf"{quote}[^{quote}\\]*(?:(?:\\[\s\S]|{quote}{quote})[^{quote}\\]*)*{quote}(?!{quote})"
        )
    return rf"{quote}[^{quote}]*(?:{quote}{quote}[^{quote}]*)*{quote}(?!{quote})"


def unquote(text: str, escapes_backslash: bool) -> str:
    """Return the value of a literal in single, double or backtick quotes.

    A doubled quote is one quote.  Backslashes escape in single and double quotes, unless the
    server's mode NO_BACKSLASH_ESCAPES says otherwise (``escapes_backslash`` false); never in
    backticks.
    """
    quote, body = text[0], text[1:-1]
    if quote == "`" or not escapes_backslash:
        return body.replace(quote * 2, quote)
    if "\\" not in body and quote not in body:
        return body

    def value(match: re.Match[str]) -> str:
        escaped: str | None = match[1]
        return quote if escaped is None else _ESCAPES.get(escaped, escaped)

    return re.sub(rf"\\([\s\S])|{quote}{quote}", value, body)


def _secrets(quote: str, backslash: str) -> str:
    """Return a pattern for a literal that need not end."""
    return rf"{quote}(?:[^{quote}\\]|{backslash}|{quote}{quote})*(?:{quote}|\\?\Z)"


_SECRETS = {
    True: re.compile("|".join(_secrets(quote, r"\\[\s\S]") for quote in "'\"")),
    False: re.compile("|".join(_secrets(quote, r"\\") for quote in "'\"")),
    # Where a literal with a backslash ends is not known: nothing after it is shown.
    None: re.compile("|".join(_secrets(quote, r"\\[\s\S]*\Z") for quote in "'\"")),
}


def masked(sql: str, offset: int = 0, escapes_backslash: bool | None = None) -> tuple[str, int]:
    """Return ``sql`` without the contents of its string literals, and where ``offset`` moved to.

    For messages: a literal may be a password.  A literal that never ends is hidden to the end of
    the text.  An offset inside a literal moves to its opening quote.  ``escapes_backslash`` is as
    in :func:`unquote`; ``None`` when it is not known.
    """
    pieces: list[str] = []
    position = shift = 0
    for match in _SECRETS[escapes_backslash].finditer(sql):
        start, end = match.span()
        shown = match[0] if end - start <= 2 else f"{match[0][0]}…{match[0][0]}"
        pieces += (sql[position:start], shown)
        position = end
        if start < offset < end:
            offset = start
        if end <= offset:
            shift += len(shown) - (end - start)
    pieces.append(sql[position:])
    return "".join(pieces), offset + shift
