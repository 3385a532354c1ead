"""What the test server knows of its databases: tables, views, materialized views, type names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from starrocks.testing.protocol import SQLError

AGGREGATES = (
    "SUM",
    "COUNT",
    "MIN",
    "MAX",
    "HLL_UNION",
    "BITMAP_UNION",
    "REPLACE",
    "REPLACE_IF_NOT_NULL",
)

Model = Literal["DUP_KEYS", "AGG_KEYS", "UNQ_KEYS", "PRI_KEYS"]

KEY_WORDS: dict[str, Model] = {
    "DUPLICATE": "DUP_KEYS",
    "AGGREGATE": "AGG_KEYS",
    "UNIQUE": "UNQ_KEYS",
    "PRIMARY": "PRI_KEYS",
}


@dataclass(frozen=True)
class TypeName:
    """A type as declared: a name, its numbers, and the types inside of it with their names."""

    name: str
    numbers: tuple[int, ...] = ()
    children: tuple[TypeName, ...] = ()
    fields: tuple[str, ...] = ()

    def shown(self) -> str:
        """Return the spelling of ``SHOW CREATE TABLE``."""
        if self.name == "ARRAY":
            return f"array<{self.children[0].shown()}>"
        if self.name == "MAP":
            return f"map<{self.children[0].shown()},{self.children[1].shown()}>"
        if self.name == "STRUCT":
            pairs = zip(self.fields, self.children, strict=True)
            inside = ", ".join(f"{_field(name)} {type_.shown()}" for name, type_ in pairs)
            return f"struct<{inside}>"
        if self.name == "DECIMAL":
            precision, scale = (
                (*self.numbers, 10, 0)[:2]
                if not self.numbers
                else (
                    *self.numbers,
                    0,
                )[:2]
            )
            return f"decimal({precision}, {scale})"
        if self.name in ("VARCHAR", "CHAR"):
            length = self.numbers[0] if self.numbers else 1
            return f"{self.name.lower()}({length})"
        return _SHOWN[self.name]

    def described(self) -> str:
        """Return the spelling of ``information_schema.columns.COLUMN_TYPE``."""
        return {"BOOLEAN": "tinyint(1)", "LARGEINT": "bigint(20) unsigned"}.get(
            self.name, self.shown()
        )


_SHOWN = {
    "BOOLEAN": "boolean",
    "TINYINT": "tinyint(4)",
    "SMALLINT": "smallint(6)",
    "INT": "int(11)",
    "BIGINT": "bigint(20)",
    "LARGEINT": "largeint(40)",
    "FLOAT": "float",
    "DOUBLE": "double",
    "DATE": "date",
    "DATETIME": "datetime",
    "JSON": "json",
    "HLL": "hll",
    "BITMAP": "bitmap",
    "PERCENTILE": "percentile",
    "VARBINARY": "varbinary",
}
SCALARS = {
    **{name: name for name in _SHOWN},
    "INTEGER": "INT",
    "NUMERIC": "DECIMAL",
    "DECIMAL": "DECIMAL",
    "VARCHAR": "VARCHAR",
    "CHAR": "CHAR",
    "BINARY": "VARBINARY",
    "STRING": "VARCHAR",
    "TEXT": "VARCHAR",
}
"""Every type name that the server takes, and the one it goes by."""


def _field(name: str) -> str:
    return name if name.isidentifier() and name.isascii() else quoted(name)


@dataclass
class Column:
    """A column of a table."""

    name: str
    type: TypeName
    aggregate: str | None = None
    nullable: bool = True
    default: str | None = None
    """What ``COLUMN_DEFAULT`` says; a function call for expressions."""
    default_is_expression: bool = False
    auto_increment: bool = False
    generated: str | None = None
    comment: str = ""


@dataclass
class Table:
    """A table."""

    name: str
    columns: list[Column]
    engine: str = "OLAP"
    model: Model = "DUP_KEYS"
    keys: list[str] = field(default_factory=list)
    comment: str = ""
    partition_by: str | None = None
    distribution: tuple[str, tuple[str, ...], int] = ("RANDOM", (), 0)
    order_by: list[str] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)

    def column(self, name: str) -> Column:
        """Return a column by name, in any case. Raise SQLError 1054 if there is none."""
        for column in self.columns:
            if column.name.lower() == name.lower():
                return column
        raise SQLError(1054, f"Unknown column '{name}' in '{self.name}'", "42S22")


@dataclass
class View:
    """A view."""

    name: str
    columns: list[Column]
    query: str
    """As the user wrote it."""
    rewritten: str
    """As the server shows it."""
    named_columns: list[tuple[str, str]] = field(default_factory=list)
    comment: str = ""
    security: str | None = None


@dataclass
class MaterializedView(View):
    """A materialized view."""

    partition_by: str | None = None
    distribution: tuple[str, tuple[str, ...], int] = ("RANDOM", (), 0)
    order_by: list[str] = field(default_factory=list)
    refresh: str = "MANUAL"
    properties: dict[str, str] = field(default_factory=dict)


@dataclass
class Database:
    """A database and what is in it; tables and views share their names."""

    name: str
    objects: dict[str, Table | View] = field(default_factory=dict)

    def get(self, name: str) -> Table | View:
        """Return an object by name. Raise StarRocks' error 5502 if there is none."""
        found = self.objects.get(name)
        if found is None:
            raise SQLError(
                5502,
                f"Getting analyzing error. Detail message: Unknown table "
                f"'{self.name}.{name}' : table does not exist.",
                "42S02",
            )
        return found


def quoted(name: str) -> str:
    """Return *name* between back-ticks."""
    return f"`{name.replace('`', '``')}`"


def string(value: str) -> str:
    """Return *value* as the server writes strings: between double quotes."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
