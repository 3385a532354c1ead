"""Present the catalog as StarRocks does: information_schema rows and SHOW CREATE statements."""

from __future__ import annotations

import json
import re
from typing import Any

from starrocks.lex import Token, tokens
from starrocks.testing.catalog import (
    Column,
    Database,
    MaterializedView,
    Table,
    View,
    quoted,
    string,
)

Rows = list[dict[str, Any]]

_MODEL_KEYS = {
    "DUP_KEYS": ("DUPLICATE KEY", "DUP"),
    "AGG_KEYS": ("AGGREGATE KEY", "AGG"),
    "UNQ_KEYS": ("UNIQUE KEY", "UNI"),
    "PRI_KEYS": ("PRIMARY KEY", "PRI"),
}

_DEFAULT_PROPERTIES = {
    "compression": "LZ4",
    "fast_schema_evolution": "true",
    "replicated_storage": "true",
    "replication_num": "3",
}


def properties_of(table: Table | MaterializedView) -> dict[str, str]:
    """Return the properties of a table: those given, and the defaults that StarRocks shows."""
    given = {name.removeprefix("default."): value for name, value in table.properties.items()}
    if isinstance(table, MaterializedView):
        return {"replication_num": "3", **given}
    return {**_DEFAULT_PROPERTIES, **given}


# --- information_schema -------------------------------------------------------------------------


def tables(database: Database) -> Rows:
    """Return the rows of ``information_schema.tables``."""
    rows = []
    for item in database.objects.values():
        kind = "MATERIALIZED_VIEW" if isinstance(item, MaterializedView) else "VIEW"
        rows.append(
            {
                "TABLE_CATALOG": "def",
                "TABLE_SCHEMA": database.name,
                "TABLE_NAME": item.name,
                "TABLE_TYPE": "BASE TABLE" if isinstance(item, Table) else "VIEW",
                "ENGINE": "StarRocks" if isinstance(item, Table) else "",
                "TABLE_COMMENT": item.comment or ("OLAP" if isinstance(item, Table) else kind),
            }
        )
    return rows


def columns(database: Database) -> Rows:
    """Return the rows of ``information_schema.columns``."""
    rows = []
    for item in database.objects.values():
        key = _MODEL_KEYS[item.model][1] if isinstance(item, Table) else ""
        keys = item.keys if isinstance(item, Table) else []
        for position, column in enumerate(item.columns, 1):
            rows.append(
                {
                    "TABLE_CATALOG": "def",
                    "TABLE_SCHEMA": database.name,
                    "TABLE_NAME": item.name,
                    "COLUMN_NAME": column.name,
                    "ORDINAL_POSITION": position,
                    "COLUMN_DEFAULT": column.default,
                    "IS_NULLABLE": "YES" if column.nullable else "NO",
                    "DATA_TYPE": column.type.name.lower(),
                    "COLUMN_TYPE": column.type.described(),
                    "COLUMN_KEY": key if column.name in keys else "",
                    "EXTRA": "",
                    "COLUMN_COMMENT": column.comment,
                    "GENERATION_EXPRESSION": column.generated or "",
                }
            )
    return rows


def tables_config(database: Database) -> Rows:
    """Return the rows of ``information_schema.tables_config``."""
    rows = []
    for item in database.objects.values():
        if not isinstance(item, (Table, MaterializedView)):
            continue
        method, keys, buckets = item.distribution
        sort = item.order_by or (item.keys if isinstance(item, Table) else [])
        rows.append(
            {
                "TABLE_SCHEMA": database.name,
                "TABLE_NAME": item.name,
                "TABLE_ENGINE": item.engine if isinstance(item, Table) else "MATERIALIZED_VIEW",
                "TABLE_MODEL": item.model if isinstance(item, Table) else "DUP_KEYS",
                "PRIMARY_KEY": "",
                "PARTITION_KEY": "",
                "DISTRIBUTE_KEY": ", ".join(quoted(name) for name in keys),
                "DISTRIBUTE_TYPE": method,
                "DISTRIBUTE_BUCKET": buckets,
                "SORT_KEY": ", ".join(quoted(name) for name in sort),
                "PROPERTIES": json.dumps(properties_of(item)),
            }
        )
    return rows


def views(database: Database) -> Rows:
    """Return the rows of ``information_schema.views``."""
    return [
        {
            "TABLE_CATALOG": "def",
            "TABLE_SCHEMA": database.name,
            "TABLE_NAME": item.name,
            "VIEW_DEFINITION": item.rewritten,
            "CHECK_OPTION": "NONE",
            "IS_UPDATABLE": "NO",
            "SECURITY_TYPE": "",
        }
        for item in database.objects.values()
        if isinstance(item, View) and not isinstance(item, MaterializedView)
    ]


def materialized_views(database: Database) -> Rows:
    """Return the rows of ``information_schema.materialized_views``."""
    return [
        {
            "MATERIALIZED_VIEW_ID": str(index),
            "TABLE_SCHEMA": database.name,
            "TABLE_NAME": item.name,
            "REFRESH_TYPE": item.refresh,
            "IS_ACTIVE": "true",
            "MATERIALIZED_VIEW_DEFINITION": create_materialized_view(item),
        }
        for index, item in enumerate(database.objects.values(), 10001)
        if isinstance(item, MaterializedView)
    ]


INFORMATION_SCHEMA = {
    "tables": tables,
    "columns": columns,
    "tables_config": tables_config,
    "views": views,
    "materialized_views": materialized_views,
}

# --- SHOW CREATE --------------------------------------------------------------------------------


def create_table(table: Table) -> str:
    """Return what ``SHOW CREATE TABLE`` prints."""
    lines = ",\n".join(f"  {_column(column)}" for column in table.columns)
    text = f"CREATE TABLE {quoted(table.name)} (\n{lines}\n) ENGINE={table.engine} \n"
    if table.keys:
        text += f"{_MODEL_KEYS[table.model][0]}({_names(table.keys)})\n"
    if table.comment:
        text += f"COMMENT {string(table.comment)}\n"
    if table.partition_by:
        text += f"PARTITION BY {partition(table.partition_by)}\n"
    text += f"DISTRIBUTED BY {_distribution(table)} \n"
    if table.order_by:
        text += f"ORDER BY({_names(table.order_by)})\n"
    return text + _properties(table) + ";"


def create_view(view: View, database: str) -> str:
    """Return what ``SHOW CREATE VIEW`` prints."""
    text = f"CREATE VIEW {quoted(view.name)} ({_view_columns(view)})"
    if view.comment:
        text += f"\nCOMMENT {string(view.comment)}"
    if view.security:
        text += f"\nSECURITY {view.security}"
    return f"{text} AS {view.rewritten};"


def create_materialized_view(view: MaterializedView) -> str:
    """Return what ``SHOW CREATE MATERIALIZED VIEW`` prints."""
    text = f"CREATE MATERIALIZED VIEW {quoted(view.name)} ({_view_columns(view)})\n"
    if view.comment:
        text += f"COMMENT {string(view.comment)}\n"
    if view.partition_by:
        text += f"PARTITION BY {partition(view.partition_by)}\n"
    text += f"DISTRIBUTED BY {_distribution(view)} \n"
    if view.order_by:
        text += f"ORDER BY ({_names(view.order_by)})\n"
    text += f"REFRESH {view.refresh}\n"
    return f"{text}{_properties(view)}\nAS {view.rewritten};"


def default_text(column: Column) -> str:
    """Return the DEFAULT clause of a column, or nothing."""
    if column.default is None:
        return ""
    if not column.default_is_expression:
        return f" DEFAULT {string(column.default)}"
    if column.default.upper().startswith("CURRENT_TIMESTAMP"):
        return f" DEFAULT {column.default}"
    return f" DEFAULT ({column.default})"


def _column(column: Column) -> str:
    text = f"{quoted(column.name)} {column.type.shown()}"
    if column.aggregate:
        text += f" {column.aggregate}"
    text += " NULL" if column.nullable else " NOT NULL"
    if column.auto_increment:
        text += " AUTO_INCREMENT"
    text += default_text(column)
    if column.generated:
        text += f" AS {column.generated}"
    return f"{text} COMMENT {string(column.comment)}"


def _distribution(table: Table | MaterializedView) -> str:
    method, keys, buckets = table.distribution
    text = f"{method}({_names(keys)})" if keys else method
    return f"{text} BUCKETS {buckets}" if buckets else text


def _properties(table: Table | MaterializedView) -> str:
    pairs = ",\n".join(
        f"{string(name)} = {string(value)}" for name, value in properties_of(table).items()
    )
    return f"PROPERTIES (\n{pairs}\n)"


_PARTITION_WORDS = frozenset(("RANGE", "LIST", "PARTITION", "VALUES", "LESS", "THAN", "IN"))


def partition(text: str) -> str:
    """Return a PARTITION BY clause as the server prints it: names quoted, ranges spelt out."""
    items = list(tokens(text))
    words = []
    lower = ""  # end of the previous partition, where the next one starts
    at = 0
    while at < len(items):
        token = items[at]
        at += 1
        if token.is_word("VALUES") and items[at].is_word("LESS"):
            bound = items[at + 3]
            upper = string(bound.value) if bound.kind == "string" else bound.text.upper()
            at += 5  # LESS THAN ( bound )
            words.append(f"VALUES [({lower or string('0000-01-01')}), ({upper}))")
            lower = upper
        elif token.is_word("PARTITION"):
            words.append(f"PARTITION {items[at].value}")
            at += 1
        elif token.kind == "string":
            words.append(string(token.value))
        elif token.kind == "word" and (
            token.text.upper() in _PARTITION_WORDS
            or (at < len(items) and items[at].text == "(")
            or words[-1:] == ["INTERVAL"]
            or token.is_word("INTERVAL")
        ):
            words.append(
                token.text.upper() if token.text.upper() in _PARTITION_WORDS else token.text
            )
        elif token.is_name:
            words.append(quoted(token.value))
        else:
            words.append(token.text)
    joined = " ".join(words).replace("( ", "(").replace(" )", ")").replace(" ,", ",")
    return re.sub(r"(?<=\w) \(", "(", joined)


def _names(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(quoted(name) for name in names)


def _view_columns(view: View) -> str:
    return ", ".join(
        quoted(column.name) + (f" COMMENT {string(column.comment)}" if column.comment else "")
        for column in view.columns
    )


# --- rewriting of queries -----------------------------------------------------------------------

# fmt: off
_KEYWORDS = frozenset((
    "all", "and", "as", "asc", "between", "by", "case", "cast", "cross", "date", "desc",
    "distinct", "else", "end", "except", "exists", "false", "for", "from", "full", "group",
    "having", "in", "inner", "intersect", "interval", "is", "join", "left", "like", "limit",
    "not", "null", "offset", "on", "or", "order", "outer", "over", "partition", "right", "rows",
    "select", "then", "true", "union", "using", "when", "where", "with",
))
# fmt: on


def rewrite_query(query: str, database: str) -> str:
    """Return *query* as StarRocks stores it: names quoted and qualified, keywords in capitals."""
    items = list(tokens(query))
    sources = [
        items[index + 1]
        for index, token in enumerate(items[:-1])
        if token.is_word("FROM", "JOIN") and items[index + 1].is_name
    ]
    aliased = any(_is_alias(items, items.index(source)) for source in sources)
    single = sources[0].value if len(sources) == 1 and not aliased else None
    words = []
    for index, token in enumerate(items):
        words.append(_rewritten(items, index, token, database, sources, single))
    text = " ".join(words)
    for mark, plain in ((" . ", "."), ("( ", "("), (" )", ")"), (" ,", ","), (" (", "(")):
        text = text.replace(mark, plain)
    return text


def _is_alias(items: list[Token], index: int) -> bool:
    after = items[index + 1] if index + 1 < len(items) else None
    if after is not None and after.text == ".":
        return True  # qualified already: leave the columns alone
    return after is not None and (
        after.is_word("AS") or (after.is_name and after.text.lower() not in _KEYWORDS)
    )


def _rewritten(
    items: list[Token],
    index: int,
    token: Token,
    database: str,
    sources: list[Token],
    single: str | None,
) -> str:
    before = items[index - 1] if index else None
    after = items[index + 1] if index + 1 < len(items) else None
    if not token.is_name or (token.kind == "word" and token.text.lower() in _KEYWORDS):
        return token.text.upper() if token.kind == "word" else token.text
    if after is not None and after.text == "(" and token.kind == "word":
        return token.text.lower()
    name = quoted(token.value)
    qualified = (before is not None and before.text == ".") or (
        after is not None and after.text == "."
    )
    if token in sources and not qualified:
        return f"{quoted(database)}.{name}"
    if single is not None and not qualified and not (before is not None and before.is_word("AS")):
        return f"{quoted(database)}.{quoted(single)}.{name}"
    return name
