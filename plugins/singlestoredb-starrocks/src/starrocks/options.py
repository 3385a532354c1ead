"""The ``starrocks_…`` options of tables and columns: their names, and how their values are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import event, exc
from sqlalchemy import schema as sa_schema

from starrocks.lex import identifier_list, split_top_level, tokens

if TYPE_CHECKING:
    from sqlalchemy.sql.base import DialectKWArgs

PREFIX = "starrocks_"

TABLE_OPTIONS = (
    "engine",
    "primary_key",
    "duplicate_key",
    "aggregate_key",
    "unique_key",
    "comment",
    "partition_by",
    "distributed_by",
    "distribution",  # older name of distributed_by, deprecated
    "order_by",
    "refresh",
    "properties",
    "security",
    "buckets",  # accepted for models of other releases, without effect
    "key",  # likewise
)
COLUMN_OPTIONS = ("is_agg_key", "agg_type")

KEY_CLAUSES = {
    "primary_key": "PRIMARY KEY",
    "duplicate_key": "DUPLICATE KEY",
    "aggregate_key": "AGGREGATE KEY",
    "unique_key": "UNIQUE KEY",
}
"""Option to clause, one for each table model of StarRocks."""

AGGREGATE_TYPES = frozenset(
    (
        "SUM",
        "COUNT",
        "MIN",
        "MAX",
        "HLL_UNION",
        "BITMAP_UNION",
        "REPLACE",
        "REPLACE_IF_NOT_NULL",
    )
)


def construct_arguments() -> list[tuple[type[Any], dict[str, Any]]]:
    """Return what ``starrocks_…`` keywords are checked against: lower or UPPER, never mixed."""

    def both(names: tuple[str, ...]) -> dict[str, Any]:
        return {spelling: None for name in names for spelling in (name, name.upper())}

    return [
        (sa_schema.Table, both(TABLE_OPTIONS)),
        (sa_schema.Column, both(COLUMN_OPTIONS)),
    ]


def given_options(item: DialectKWArgs) -> dict[str, Any]:
    """Return the StarRocks options that a table or column was given: lower-case name to value.

    Options that are ``None`` count as not given. Raise ``ArgumentError`` if both spellings of an
    option are given with different values.
    """
    found: dict[str, Any] = {}
    for keyword, value in item.kwargs.items():
        if not keyword.startswith(PREFIX) or value is None:
            continue
        name = keyword[len(PREFIX) :].lower()
        if name in found and found[name] != value:
            raise exc.ArgumentError(f"{PREFIX}{name} is given twice, with different values")
        found[name] = value
    return found


@event.listens_for(sa_schema.Table, "after_parent_attach")
def _comment_option_is_the_comment(table: sa_schema.Table, parent: Any) -> None:
    """Make ``starrocks_COMMENT`` the table's comment, where SQLAlchemy and Alembic look for it."""
    comment = given_options(table).get("comment")
    if comment is None:
        return
    if table.comment is not None and table.comment != comment:
        raise exc.ArgumentError(
            f"table {table.name!r} has comment={table.comment!r} and starrocks_comment={comment!r}:"
            " give one of them"
        )
    table.comment = comment


def key_of(options: Mapping[str, Any]) -> tuple[str, list[str]] | None:
    """Return the key option among *options* and its columns, or ``None``.

    Raise ``CompileError`` if there is more than one, or if it is not a list of column names.
    """
    given = [name for name in KEY_CLAUSES if options.get(name) is not None]
    if not given:
        return None
    if len(given) > 1:
        raise exc.CompileError(
            f"a table has one key, but {' and '.join(PREFIX + name for name in given)} are given"
        )
    name = given[0]
    columns = identifier_list(str(options[name]))
    if columns is None:
        raise exc.CompileError(
            f"{PREFIX}{name} is not a list of columns such as 'a, b': {options[name]!r}"
        )
    return name, columns


def property_items(value: Any) -> list[tuple[str, str]]:
    """Return properties given as a mapping or as pairs, with text values (``True`` is ``true``).

    Raise ``CompileError`` for any other shape.
    """
    pairs = list(value.items()) if isinstance(value, Mapping) else value
    if not isinstance(pairs, (list, tuple)):
        raise exc.CompileError(
            f"properties are a dict or a list of pairs, not {type(value).__name__}"
        )
    items = []
    for pair in pairs:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or pair[1] is None:
            raise exc.CompileError(f"not a property and its value: {pair!r}")
        key, item = pair
        items.append((str(key), str(item).lower() if isinstance(item, bool) else str(item)))
    return items


class Distribution(NamedTuple):
    """How rows are spread over tablets: ``HASH(a, b) BUCKETS 8`` or ``RANDOM``."""

    method: str
    """``HASH``, ``RANDOM`` or ``RANGE``."""
    columns: tuple[str, ...]
    """Column names, as written."""
    buckets: int | None
    """Number of buckets; ``None`` leaves it to the server."""

    def __str__(self) -> str:
        text = f"{self.method}({', '.join(self.columns)})" if self.columns else self.method
        return text if self.buckets is None else f"{text} BUCKETS {self.buckets}"


def parse_distribution(text: str) -> Distribution:
    """Read the text of a ``DISTRIBUTED BY`` clause. Raise ``ArgumentError`` if it is not one."""
    items = list(tokens(text))
    error = exc.ArgumentError(
        f"not a distribution such as 'HASH(a) BUCKETS 8' or 'RANDOM': {text!r}"
    )
    if not items or items[0].kind != "word":
        raise error
    method = items.pop(0).text.upper()
    columns: tuple[str, ...] = ()
    if items and items[0].text == "(":
        end = next((i for i, token in enumerate(items) if token.text == ")"), None)
        if end is None:
            raise error
        parts = split_top_level(items[1:end])
        if any(len(part) != 1 or not part[0].is_name for part in parts):
            raise error
        columns = tuple(part[0].value for part in parts)
        items = items[end + 1 :]
    buckets = None
    if items:
        if len(items) != 2 or not items[0].is_word("BUCKETS") or not items[1].text.isdigit():
            raise error
        buckets = int(items[1].text) or None
    return Distribution(method, columns, buckets)
