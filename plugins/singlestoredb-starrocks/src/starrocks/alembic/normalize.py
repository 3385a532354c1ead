"""Compare SQL that means the same in different spellings: the model's and the server's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from starrocks.lex import Token, identifier_list, tokens


class _Item(NamedTuple):
    """A token, with the name that qualifies it."""

    text: str
    qualifier: str | None


def same_query(one: str, other: str) -> bool:
    """Tell whether two queries differ in nothing but spelling.

    Spelling is: back-ticks, comments, white space, letter case outside of string literals, the word
    AS, aliases equal to the column's name, and qualifiers (``db.t.a``, ``t.a``, ``a``) where one
    side has none. StarRocks returns queries with all of them written out.
    """
    return _same_items(_items(one), _items(other))


def _same_items(one: Sequence[_Item], other: Sequence[_Item]) -> bool:
    return len(one) == len(other) and all(
        a.text == b.text
        and (a.qualifier is None or b.qualifier is None or a.qualifier == b.qualifier)
        for a, b in zip(one, other, strict=True)
    )


def _items(query: str) -> list[_Item]:
    found: list[_Item] = []
    pending = list(tokens(query.strip().rstrip(";")))
    at = 0
    while at < len(pending):
        token = pending[at]
        qualifier = None
        while (
            token.is_name
            and at + 2 < len(pending)
            and pending[at + 1].text == "."
            and (pending[at + 2].is_name or pending[at + 2].text == "*")
        ):
            qualifier = token.value.lower()
            at += 2
            token = pending[at]
        at += 1
        if token.is_word("AS"):
            continue
        item = _Item(_text(token), qualifier)
        alias = token.is_name and qualifier is None and bool(found) and found[-1].text == item.text
        if not alias:
            found.append(item)
    return found


def _text(token: Token) -> str:
    if token.kind == "string":
        return repr(token.value)
    if token.text == "!=":
        return "<>"
    return token.value.lower()


def same_expression(one: str | None, other: str | None) -> bool:
    """Tell whether two clauses differ in nothing but spelling; outer parentheses count as such."""
    if one is None or other is None:
        return one is other
    return _same_items(_stripped(_items(one)), _stripped(_items(other)))


def _stripped(items: list[_Item]) -> list[_Item]:
    while len(items) >= 2 and items[0].text == "(" and _closing(items) == len(items) - 1:
        items = items[1:-1]
    return items


def _closing(items: list[_Item]) -> int:
    depth = 0
    for index, item in enumerate(items):
        depth += {"(": 1, ")": -1}.get(item.text, 0)
        if depth == 0:
            return index
    return -1


def same_refresh(one: str, other: str) -> bool:
    """Tell whether two refresh schemes are the same.

    IMMEDIATE is the default moment, and servers from 4.1 on say SCHEDULE for ASYNC.
    """
    return _refresh(one) == _refresh(other)


def _refresh(text: str) -> list[str]:
    words = []
    for token in tokens(text):
        word = token.value if token.kind == "string" else token.text.upper()
        if word != "IMMEDIATE":
            words.append("ASYNC" if word == "SCHEDULE" else word)
    return words


def same_names(one: str, other: str) -> bool:
    """Tell whether two lists of columns are the same, in any case of letters."""
    first, second = identifier_list(one), identifier_list(other)
    if first is None or second is None:
        return same_expression(one, other)
    return [name.lower() for name in first] == [name.lower() for name in second]
