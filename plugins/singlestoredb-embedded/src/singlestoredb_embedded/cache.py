"""Translations kept for the next statement that differs in constants only.

A constant is left out of the key where its value cannot change the translation: a whole operand of
a comparison behind the first WHERE.  Everywhere else (select lists, whose texts name columns;
LIMIT; arguments of functions and types) it is part of the key.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import replace

from .lex import Token, quote_string, string_value
from .translate.output import Selected

CAPACITY = 256
"""Translations kept per engine; the least recently used one goes first."""

_BEFORE = {"=", "<", ">", "<=", ">=", "<>", "!="}
_AFTER = {"", "AND", "OR", ")", "ORDER", "GROUP", "LIMIT", "HAVING"}
_MARK = "\1"
_SLOT = re.compile(r"\x01(\d+)\x01")


class Shape:
    """A statement's tokens without the constants that may vary."""

    __slots__ = ("key", "slots", "values")

    def __init__(self, tokens: Sequence[Token], *, backslash: bool) -> None:
        self.slots: dict[int, int] = {}
        """Offset of a constant's token → its number."""
        self.values: list[str] = []
        """SQL of the constants."""
        parts: list[str] = []
        behind_where = False
        before = ""
        last = len(tokens) - 1
        for i, token in enumerate(tokens):
            kind, word = token.kind, token.word
            behind_where = behind_where or word == "WHERE"
            marker = None
            if behind_where and before in _BEFORE and kind in ("number", "string"):
                following = tokens[min(i + 1, last)]
                if following.word in _AFTER and (following.word or following.kind == "end"):
                    marker = self._marker(token, backslash)
            if marker is None:
                parts.append(token.text)
            else:
                self.slots[token.start] = len(self.values) - 1
                parts.append(marker)
            before = word
        self.key = tuple(parts)

    def _marker(self, token: Token, backslash: bool) -> str | None:
        text = token.text
        if token.kind == "number":
            if not text.isdigit() or len(text) > 18:
                return None
            self.values.append(str(int(text)))
            return _MARK + "integer"
        if text[0] != "'":
            return None
        value = string_value(text, backslash=backslash)
        if _MARK in value or "\0" in value or value.strip().lstrip("+-").isdigit():
            return None  # a text of digits is folded to a number
        self.values.append(quote_string(value))
        # The translation of a comparison with a DATE looks at the length.
        return _MARK + ("date" if len(value) == 10 else "string")

    def fill(self, selected: Selected) -> Selected:
        """Put this statement's constants into a translation."""
        if not self.values:
            return selected
        return replace(selected, sql=_SLOT.sub(lambda m: self.values[int(m[1])], selected.sql))


def slot(number: int) -> str:
    """Return what stands for constant ``number`` in a kept translation."""
    return f"{_MARK}{number}{_MARK}"


class Cache:
    """Translations by key; safe to share between threads."""

    def __init__(self) -> None:
        self._items: OrderedDict[Hashable, Selected] = OrderedDict()

    def get(self, key: Hashable) -> Selected | None:
        """Return a translation, or ``None``."""
        found = self._items.get(key)
        if found is not None:
            try:
                self._items.move_to_end(key)
            except KeyError:  # another thread has just dropped it
                return found
        return found

    def put(self, key: Hashable, selected: Selected) -> None:
        """Keep a translation."""
        self._items[key] = selected
        while len(self._items) > CAPACITY:
            self._items.popitem(last=False)
