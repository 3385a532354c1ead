"""Read the statements that ``SHOW CREATE …`` and the information schema return."""

from __future__ import annotations

from typing import Any, Literal

from starrocks.lex import Token, split_top_level, tokens, with_depth

_CLAUSES = (
    ("ENGINE",),
    ("PRIMARY", "KEY"),
    ("DUPLICATE", "KEY"),
    ("AGGREGATE", "KEY"),
    ("UNIQUE", "KEY"),
    ("COMMENT",),
    ("PARTITION", "BY"),
    ("DISTRIBUTED", "BY"),
    ("ORDER", "BY"),
    ("REFRESH",),
    ("PROPERTIES",),
    ("SECURITY",),
    ("AS",),
)


def clauses(statement: str) -> dict[str, str]:
    """Return the clauses behind the columns of a CREATE statement, as written.

    Keys are lower-case with underscores (``partition_by``). ``as`` is the rest of the statement,
    so nothing inside of a query is taken for a clause.
    """
    items = list(with_depth(list(tokens(statement))))
    starts: list[tuple[str, int, int]] = []
    for index, (_, depth) in enumerate(items):
        if depth:
            continue
        for words in _CLAUSES:
            following = [item[0] for item in items[index : index + len(words)]]
            if len(following) == len(words) and all(
                token.is_word(word) for token, word in zip(following, words, strict=True)
            ):
                starts.append(("_".join(words).lower(), following[0].start, following[-1].end))
                break
        if starts and starts[-1][0] == "as":
            break
    found: dict[str, str] = {}
    for index, (name, _, end) in enumerate(starts):
        stop = starts[index + 1][1] if index + 1 < len(starts) else len(statement)
        found.setdefault(name, statement[end:stop].strip().rstrip(";").rstrip())
    return found


def auto_increment_columns(statement: str) -> set[str]:
    """Return the names of the columns that a ``CREATE TABLE`` statement marks AUTO_INCREMENT."""
    return {
        column[0].value
        for column in split_top_level(_column_list(statement))
        if column[0].is_name and any(token.is_word("AUTO_INCREMENT") for token in column[1:])
    }


def _column_list(statement: str) -> list[Token]:
    inside = []
    for token, depth in with_depth(list(tokens(statement))):
        if depth:
            inside.append(token)
        elif inside:
            break
    return inside[1:-1]


class PartitionBy(str):
    """The text of a ``PARTITION BY`` clause, with its parts.

    A ``str``, so that it can be used wherever the clause is given and its ``repr`` can be pasted
    into a migration.
    """

    type: Literal["RANGE", "LIST", "EXPRESSION"]
    partition_method: str
    """What rows are partitioned by, such as ``RANGE(dt)`` or ``date_trunc('day', dt)``."""
    pre_created_partitions: str | None
    """The partitions listed behind it, parentheses included; ``None`` without a list."""

    def __new__(cls, text: Any) -> PartitionBy:
        self = super().__new__(cls, text)
        items = list(with_depth(list(tokens(str(text)))))
        head = items[0][0].text.upper() if items else ""
        self.type, self.partition_method, self.pre_created_partitions = "EXPRESSION", self, None
        if head in ("RANGE", "LIST") and len(items) > 1 and items[1][0].text == "(":
            close = next(
                (token.end for token, depth in items[1:] if depth == 1 and token.text in ")]"),
                len(self),
            )
            self.type = "RANGE" if head == "RANGE" else "LIST"
            self.partition_method = self[:close].strip()
            self.pre_created_partitions = self[close:].strip() or None
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return PartitionBy, (str(self),)
