"""Character sets by name and number, from PyMySQL."""

from __future__ import annotations

from typing import Any

from pymysql.charset import Charset, Charsets
from pymysql.charset import charset_by_id as _by_id
from pymysql.charset import charset_by_name as _by_name

MBLENGTH = {8: 1, 33: 3, 88: 2, 91: 2}
"""Number of a collation → most bytes of a character, where it is not 1."""

__all__ = ["MBLENGTH", "Charset", "Charsets", "charset_by_id", "charset_by_name"]


def charset_by_id(id: int) -> Any:
    """Return the character set that a collation's number belongs to.

    It has ``id``, ``name``, ``collation``, ``is_default``, ``encoding`` (Python's name) and
    ``is_binary``.  Raises ``KeyError`` for no such number.
    """
    return _by_id(id)


def charset_by_name(name: str) -> Any:
    """Return a character set with its default collation; ``None`` when there is none."""
    try:
        return _by_name(name)
    except KeyError:
        return None
