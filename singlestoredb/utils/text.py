"""Text from elsewhere, for people to read."""

from __future__ import annotations

_LONGEST = 4096
"""Characters of a server's text that are shown."""


def printable(text: str, kept: str = "", most: int = _LONGEST) -> str:
    """Return a text that does nothing to a terminal or a log but stand in it.

    What is not printable is escaped as in Python's own literals, but for the characters in
    ``kept``; of more than ``most`` characters the rest is left out.
    """
    if len(text) > most:
        text = text[:most] + f"... ({len(text) - most} more)"
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in kept else c.encode("unicode_escape").decode("ascii")
        for c in text
    )


def codec_of(charset: str) -> str:
    """Return Python's name of a server's character set; its own when Python has none."""
    from pymysql.charset import charset_by_name

    found = charset_by_name(charset)
    return str(found.encoding) if found is not None else charset
