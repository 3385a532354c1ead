"""Statements on their way to the Data API: where each goes, and its parameters.

Placeholders ``%s`` and ``%(name)s`` become ``?``, and the values a list that is sent beside the
text.  What JSON can carry exactly is bound so; bytes travel as base64 inside ``FROM_BASE64(?)``;
numbers that JSON readers would round (``Decimal``, integers beyond 64 bits) are written into the
text as digits.  No text of a parameter ever becomes text of the statement, whatever the server's
sql_mode.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from singlestoredb.escaping import Escaper, encoders
from singlestoredb.exceptions import ProgrammingError
from singlestoredb_hookspecs import ConnectionParams

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<hint>/\*!\d*|\*/)
    | (?P<comment>/\*(?!!).*?(?:\*/|\Z)|--(?=\s|\Z)[^\n]*|\#[^\n]*)
    | (?P<quoted>'(?:[^'\\]|\\.|'')*(?:'|\Z)|"(?:[^"\\]|\\.|"")*(?:"|\Z)|`(?:[^`]|``)*(?:`|\Z))
    | (?P<slot>\0\d+\0)
    | (?P<word>[^\W\d][\w$]*)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
"""``hint`` is the frame of a ``/*! … */`` comment, whose content the server runs."""

_WITH_ROWS = frozenset(
    {"SELECT", "SHOW", "CALL", "ECHO", "DESCRIBE", "DESC", "EXPLAIN", "VALUES", "TABLE"}
)
_CHANGES = frozenset({"INSERT", "REPLACE", "UPDATE", "DELETE"})


# -- where a statement goes ------------------------------------------------------------------


def returns_rows(sql: str) -> bool:
    """Return whether a statement is a query: its first word says so, whatever comments and
    parentheses stand before it, and behind ``WITH`` the first word after the common tables."""
    for word, depth in _words(sql):
        if word == "WITH":
            return _with_returns_rows(sql, depth)
        return word in _WITH_ROWS
    return False


def _with_returns_rows(sql: str, level: int) -> bool:
    words = ((word, depth) for word, depth in _words(sql) if depth == level)
    next(words)  # WITH itself
    for word, _ in words:
        if word in _CHANGES:
            return False
        if word in _WITH_ROWS:
            return True
    return True  # the main query stands in parentheses


def _words(sql: str) -> Iterator[tuple[str, int]]:
    """Iterate over the words outside quotes and comments: upper case, depth of parentheses."""
    depth = 0
    for found in _TOKEN.finditer(sql):
        kind = found.lastgroup
        if kind == "word":
            yield found.group().upper(), depth
        elif kind == "other":
            depth += {"(": 1, ")": -1}.get(found.group(), 0)


_USE = re.compile(r"USE\s+(?:`((?:[^`]|``)+)`|([\w$-]+))\s*;?\s*\Z", re.IGNORECASE)


def used_database(sql: str) -> str | None:
    """Return the database that a ``USE`` statement names; ``None`` for any other statement."""
    found = _USE.match(sql.strip())
    if not found:
        return None
    return found[1].replace("``", "`") if found[1] else found[2]


# -- parameters ------------------------------------------------------------------------------


class Binder:
    """Turns a statement with parameters into a text with ``?`` and a list of ``args``."""

    def __init__(self, params: ConnectionParams) -> None:
        own = {kind: e for kind, e in params.conv.items() if isinstance(kind, type)}
        options: dict[str, Any] = {
            "nan_as_null": params.nan_as_null,
            "inf_as_null": params.inf_as_null,
        }
        self._empty_args = params.interpolate_query_with_empty_args
        self._own = tuple(own)
        self._own_literals = Escaper(own or None, **options)
        # Without backslashes, what stands between a literal's quotes is the text itself.
        self._literals = Escaper(no_backslash_escapes=True, **options)
        # The SDK's own interpolation decides which arguments fit which placeholders; it writes a
        # slot for each value, and the values are collected.
        self._values: list[Any] = []
        self._slots = Escaper({object: self._collect, **dict.fromkeys(encoders, self._collect)})

    def _collect(self, value: Any, _: object) -> str:
        self._values.append(value)
        return f"\0{len(self._values) - 1}\0"

    def bind(self, sql: str, args: Any) -> tuple[str, list[Any]]:
        """Return the text with ``?`` and the values for them, in order, as JSON can hold them.

        Raises:
            ProgrammingError: text and arguments do not fit, or a value has no form in SQL.
        """
        if "\0" in sql:
            raise ProgrammingError(0, "a statement with arguments cannot have a NUL character")
        self._values = []
        text = self._slots.interpolate(sql, args, empty_args=self._empty_args)
        values, self._values = self._values, []
        bound: list[Any] = []
        pieces = []
        for found in _TOKEN.finditer(text):
            kind, piece = found.lastgroup, found.group()
            if kind == "slot":
                piece = self._piece(values[int(piece[1:-1])], bound)
            elif kind in ("quoted", "comment") and "\0" in piece:
                raise ProgrammingError(
                    0,
                    "a placeholder stands inside quotes or a comment",
                    hint="write %s without quotes around it; for part of a text, pass the whole "
                    "text or use CONCAT()",
                )
            elif piece == "?" and values:
                raise ProgrammingError(
                    0,
                    "the statement has a '?' besides its placeholders",
                    hint="placeholders are %s or %(name)s",
                )
            pieces.append(piece)
        return "".join(pieces), bound

    def _piece(self, value: Any, bound: list[Any]) -> str:
        """Return what stands in the text for a value, and add to ``bound`` what it refers to."""
        kind = type(value)
        if self._own and isinstance(value, self._own):
            return self._own_literals.escape(value)
        if kind is str or kind is bool or value is None:
            bound.append(value)
            return "?"
        if kind is int and -(2**63) <= value < 2**63:
            bound.append(value)
            return "?"
        if isinstance(value, (list, tuple, set, frozenset)):
            return "(" + ", ".join([self._piece(item, bound) for item in value]) + ")"
        if kind.__module__ == "numpy" and kind.__name__ == "ndarray":
            value = self._vector(value)
        return self._scalar(self._literals.escape(value), bound)

    @staticmethod
    def _scalar(literal: str, bound: list[Any]) -> str:
        """Bind what a literal says; what JSON would not carry exactly stays in the text."""
        if literal[0] == "'":
            bound.append(literal[1:-1].replace("''", "'"))
        elif literal[:2] == "X'":
            bound.append(b64encode(bytes.fromhex(literal[2:-1])).decode())
            return "FROM_BASE64(?)"
        elif literal == "NULL":
            bound.append(None)
        elif "e" in literal:  # only a float's literal has a small one
            bound.append(float(literal))
        elif literal.lstrip("-").isdigit() and -(2**63) <= int(literal) < 2**63:
            bound.append(int(literal))
        else:
            return literal
        return "?"

    def _vector(self, array: Any) -> str:
        """Return an array as the JSON text of a vector, which every VECTOR type takes."""
        if array.ndim != 1 or array.dtype.kind not in "biuf":
            raise ProgrammingError(
                0,
                f"an array of shape {array.shape} and type {array.dtype} cannot be written as a "
                "value",
                hint="a VECTOR is an array of numbers with one dimension",
            )
        from json import dumps

        try:
            return dumps(array.tolist(), allow_nan=False, separators=(",", ":"))
        except ValueError:
            raise ProgrammingError(0, "a vector cannot hold NaN or infinity") from None
