"""The last step of a query: columns as clients get them, in exactly the Arrow types promised."""

from __future__ import annotations

from dataclasses import dataclass, replace

from singlestoredb_embedded.arrow import Field
from singlestoredb_embedded.types import BIGINT, SqlType
from singlestoredb_hookspecs import Column

from . import convert
from .scope import Compiled
from .typed import Typed

_FORMATS = {
    "TINYINT": "c", "UTINYINT": "C", "SMALLINT": "s", "USMALLINT": "S", "INTEGER": "i",
    "UINTEGER": "I", "BIGINT": "l", "UBIGINT": "L", "FLOAT": "f", "DOUBLE": "g", "DATE": "tdD",
    "TIMESTAMP": "tsu:", "VARCHAR": "u", "BLOB": "z",
}  # fmt: skip
"""DuckDB type → Arrow format string of its export."""


@dataclass(frozen=True)
class Selected:
    """A query that is ready to run."""

    sql: str
    columns: tuple[Column, ...]
    types: tuple[SqlType, ...]
    fields: tuple[Field, ...]


def select(compiled: Compiled, vectors: str) -> Selected:
    """Finish a query; ``vectors`` is ``binary``, ``json`` or ``text`` (see ``SqlType.column``)."""
    items, columns, types, fields = [], [], [], []
    plain = True
    for i, output in enumerate(compiled.outputs, 1):
        value = output.value
        kind = value.type
        if kind.family == "bool":
            kind = BIGINT
        elif kind.element == "F16":
            kind = replace(kind, element="F32")
        table, org_table, org_name, database = value.origin
        column = kind.column(
            output.name, flags=value.flags, null_ok=value.nullable, table=table,
            org_table=org_table, org_name=org_name, database=database, vectors=vectors,
        )  # fmt: skip
        sql, field = _render(replace(value, sql=f"c{i}"), output.name, kind, vectors)
        plain = plain and sql == f"c{i}"
        items.append(sql)
        columns.append(column)
        types.append(kind)
        fields.append(field)
    sql = compiled.sql if plain else f"SELECT {', '.join(items)} FROM ({compiled.sql}) AS o"
    return Selected(sql, tuple(columns), tuple(types), tuple(fields))


def _render(value: Typed, name: str, kind: SqlType, vectors: str) -> tuple[str, Field]:
    family = kind.family
    if family == "null":
        return f'CAST({value.sql} AS "NULL")', Field(name, "n")
    if family == "time":
        return f"epoch_us({value.sql})", Field(name, "tDu")
    if family == "bit":
        return f"s2.blob_of_uint({value.sql})", Field(name, "z")
    if family == "vector":
        if vectors == "text":
            return convert.to_text(value), Field(name, "u")
        width = kind.length or 0
        element = _FORMATS[kind.storage.partition("[")[0]]
        sql = value.sql if value.exact else f"CAST({value.sql} AS {kind.storage})"
        return sql, Field(name, f"+w:{width}", width=width, element=element)
    if kind.kind == "DECIMAL":
        format = f"d:{kind.precision},{kind.scale}"
    else:
        format = _FORMATS[kind.storage]
    if value.exact and value.type.family != "bool":
        return value.sql, Field(name, format)
    return f"CAST({value.sql} AS {kind.storage})", Field(name, format)
