"""Read tables, views and materialized views from a StarRocks server.

Most facts come from ``information_schema``; what it lacks comes from ``SHOW FULL COLUMNS``
(aggregate types) and ``SHOW CREATE`` (auto-increment, partitions, security of views).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import exc, util
from sqlalchemy import text as sql_text
from sqlalchemy import types as sqltypes
from sqlalchemy.engine import reflection

from starrocks.datatype import DATETIME
from starrocks.lex import identifier_list
from starrocks.options import AGGREGATE_TYPES, Distribution
from starrocks.show_create import PartitionBy, auto_increment_columns, clauses
from starrocks.type_parser import parse_type

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.engine import Connection

Row = Mapping[str, Any]

_MODELS = {
    "DUP_KEYS": "duplicate_key",
    "DUPLICATE_KEYS": "duplicate_key",
    "AGG_KEYS": "aggregate_key",
    "AGGREGATE_KEYS": "aggregate_key",
    "PRI_KEYS": "primary_key",
    "PRIMARY_KEYS": "primary_key",
    "UNQ_KEYS": "unique_key",
    "UNIQUE_KEYS": "unique_key",
}

# 1049, 1051, 1146 are MySQL's; 5501 and 5502 are StarRocks' own for a missing database and table.
_MISSING = frozenset((1049, 1051, 1146, 5501, 5502))

_FUNCTION_CALL = re.compile(r"[A-Za-z_]\w*\(.*\)\Z", re.DOTALL)


@dataclass(frozen=True)
class ReflectedView:
    """A view as the server reports it."""

    name: str
    schema: str | None
    definition: str
    """The query, as the server rewrote it."""
    comment: str | None = None
    security: str | None = None
    """``INVOKER``, ``NONE`` or ``None``."""
    columns: tuple[tuple[str, str | None], ...] = ()
    """Names and comments."""


@dataclass(frozen=True)
class ReflectedMaterializedView(ReflectedView):
    """A materialized view as the server reports it."""

    options: Mapping[str, Any] = field(default_factory=dict)
    """partition_by, distributed_by, order_by, refresh, properties: those the server reports."""


class StarRocksInspector(reflection.Inspector):
    """SQLAlchemy's inspector, and what StarRocks has beside tables."""

    dialect: Any

    def get_view(self, view_name: str, schema: str | None = None) -> ReflectedView:
        """Return the view *view_name*. Raise ``NoSuchTableError`` if there is none."""
        with self._operation_context() as connection:
            view: ReflectedView = self.dialect.get_view(
                connection, view_name, schema, info_cache=self.info_cache
            )
            return view

    def get_materialized_view(
        self, view_name: str, schema: str | None = None
    ) -> ReflectedMaterializedView:
        """Return the materialized view *view_name*. Raise ``NoSuchTableError`` if there is none."""
        with self._operation_context() as connection:
            view: ReflectedMaterializedView = self.dialect.get_materialized_view(
                connection, view_name, schema, info_cache=self.info_cache
            )
            return view

    def get_materialized_view_definition(self, view_name: str, schema: str | None = None) -> str:
        """Return the query of the materialized view *view_name*."""
        return self.get_materialized_view(view_name, schema).definition

    def reflect_table(self, table: Table, *args: Any, **kw: Any) -> None:
        """Reflect *table*, with ``info["table_kind"]`` and, for views, ``info["definition"]``."""
        super().reflect_table(table, *args, **kw)
        with self._operation_context() as connection:
            kind = self.dialect.table_kind(
                connection, table.name, table.schema, info_cache=self.info_cache
            )
        table.info["table_kind"] = kind
        if kind == "VIEW":
            table.info["definition"] = self.get_view(table.name, table.schema).definition
        elif kind == "MATERIALIZED_VIEW":
            table.info["definition"] = self.get_materialized_view_definition(
                table.name, table.schema
            )


class StarRocksReflection:
    """The reflection methods of the dialect, to be mixed into it."""

    default_schema_name: str | None
    identifier_preparer: Any
    ischema_names: Any

    # --- queries ------------------------------------------------------------------------------

    def _rows(
        self, connection: Connection, table: str, schema: str | None, name: str | None = None
    ) -> list[Row]:
        """Return rows of an information_schema table, with lower-case column names."""
        condition = "table_schema = :schema" + (" AND table_name = :name" if name else "")
        parameters = {"schema": schema or self.default_schema_name}
        if name:
            parameters["name"] = name
        result = connection.execute(
            sql_text(f"SELECT * FROM information_schema.{table} WHERE {condition}"), parameters
        )
        return [{key.lower(): value for key, value in row.items()} for row in result.mappings()]

    def _optional_rows(
        self, connection: Connection, table: str, schema: str | None, name: str | None = None
    ) -> list[Row]:
        """Return rows of a table that external catalogs and older servers may not have."""
        try:
            return self._rows(connection, table, schema, name)
        except exc.DBAPIError as error:
            if error.connection_invalidated:
                raise
            return []

    @reflection.cache
    def _table_row(
        self, connection: Connection, name: str, schema: str | None = None, **kw: Any
    ) -> Row:
        rows = self._rows(connection, "tables", schema, name)
        if not rows:
            raise exc.NoSuchTableError(f"{schema}.{name}" if schema else name)
        return rows[0]

    @reflection.cache
    def _materialized_row(
        self, connection: Connection, name: str, schema: str | None = None, **kw: Any
    ) -> Row | None:
        rows = self._optional_rows(connection, "materialized_views", schema, name)
        return rows[0] if rows else None

    @reflection.cache
    def table_kind(
        self, connection: Connection, name: str, schema: str | None = None, **kw: Any
    ) -> str:
        """Return ``TABLE``, ``VIEW`` or ``MATERIALIZED_VIEW``; raise ``NoSuchTableError``."""
        row = self._table_row(connection, name, schema, **kw)
        if str(row["table_type"]).upper() != "VIEW":
            return "TABLE"
        materialized = self._materialized_row(connection, name, schema, **kw)
        return "VIEW" if materialized is None else "MATERIALIZED_VIEW"

    @reflection.cache
    def _config_row(
        self, connection: Connection, name: str, schema: str | None = None, **kw: Any
    ) -> Row:
        rows = self._optional_rows(connection, "tables_config", schema, name)
        return rows[0] if rows else {}

    @reflection.cache
    def _column_rows(
        self, connection: Connection, name: str, schema: str | None = None, **kw: Any
    ) -> list[Row]:
        rows = self._rows(connection, "columns", schema, name)
        if not rows:
            self._table_row(connection, name, schema, **kw)
        return sorted(rows, key=lambda row: int(row["ordinal_position"]))

    @reflection.cache
    def _show_create(
        self, connection: Connection, name: str, schema: str | None = None, **kw: Any
    ) -> str:
        kind = kw.get("object_kind", "TABLE")
        try:
            row = connection.exec_driver_sql(
                f"SHOW CREATE {kind} {self._full_name(name, schema)}"
            ).first()
        except exc.DBAPIError as error:
            if self._error_code(error) == 1064 or self._is_missing(error):
                raise exc.NoSuchTableError(name) from error
            raise
        return "" if row is None else str(row[1])

    def _full_name(self, name: str, schema: str | None) -> str:
        quote = self.identifier_preparer.quote_identifier
        return str(quote(name) if schema is None else f"{quote(schema)}.{quote(name)}")

    def _error_code(self, error: exc.DBAPIError) -> int | None:
        arguments = getattr(error.orig, "args", ())
        return arguments[0] if arguments and isinstance(arguments[0], int) else None

    def _is_missing(self, error: exc.DBAPIError) -> bool:
        message = str(error.orig).lower()
        return self._error_code(error) in _MISSING or "not exist" in message

    # --- names --------------------------------------------------------------------------------

    @reflection.cache
    def has_table(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> bool:
        """Tell whether a table, view or materialized view exists."""
        try:
            with connection.exec_driver_sql(
                f"DESCRIBE {self._full_name(table_name, schema)}",
                execution_options={"skip_user_error_events": True},
            ) as result:
                return result.fetchone() is not None
        except exc.DBAPIError as error:
            if self._is_missing(error):
                return False
            raise

    @reflection.cache
    def get_table_names(
        self, connection: Connection, schema: str | None = None, **kw: Any
    ) -> list[str]:
        return [
            row["table_name"]
            for row in self._rows(connection, "tables", schema)
            if str(row["table_type"]).upper() == "BASE TABLE"
        ]

    @reflection.cache
    def get_view_names(
        self, connection: Connection, schema: str | None = None, **kw: Any
    ) -> list[str]:
        materialized = set(self.get_materialized_view_names(connection, schema, **kw))
        return [
            row["table_name"]
            for row in self._optional_rows(connection, "views", schema)
            if row["table_name"] not in materialized
        ]

    @reflection.cache
    def get_materialized_view_names(
        self, connection: Connection, schema: str | None = None, **kw: Any
    ) -> list[str]:
        return [
            row["table_name"]
            for row in self._optional_rows(connection, "materialized_views", schema)
        ]

    # --- tables -------------------------------------------------------------------------------

    @reflection.cache
    def get_columns(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> Any:
        rows = self._column_rows(connection, table_name, schema, **kw)
        aggregates: dict[str, str] = {}
        increments: set[str] = set()
        if self.table_kind(connection, table_name, schema, **kw) == "TABLE":
            aggregates = self._aggregate_types(connection, table_name, schema)
            increments = auto_increment_columns(
                self._show_create(connection, table_name, schema, **kw)
            )
        columns = []
        for row in rows:
            name = row["column_name"]
            type_ = self._column_type(name, str(row["column_type"]))
            column: dict[str, Any] = {
                "name": name,
                "type": type_,
                "nullable": row["is_nullable"] != "NO",
                "default": _default(row.get("column_default"), type_),
                "comment": row.get("column_comment") or None,
            }
            if name in increments:
                column["autoincrement"] = True
            if row.get("generation_expression"):
                column["computed"] = {"sqltext": row["generation_expression"]}
                column["default"] = None
            if name in aggregates:
                column["dialect_options"] = {"starrocks_agg_type": aggregates[name]}
            columns.append(column)
        return columns

    def _aggregate_types(
        self, connection: Connection, name: str, schema: str | None
    ) -> dict[str, str]:
        result = connection.exec_driver_sql(
            f"SHOW FULL COLUMNS FROM {self._full_name(name, schema)}"
        )
        found = {}
        for row in result.mappings():
            values = {key.lower(): value for key, value in row.items()}
            kind = str(values.get("extra") or "").upper()
            if kind in AGGREGATE_TYPES:
                found[values["field"]] = kind
        return found

    def _column_type(self, column: str, name: str) -> sqltypes.TypeEngine[Any]:
        try:
            return parse_type(name)
        except (TypeError, ValueError) as error:
            util.warn(f"Did not recognize type {name!r} of column {column!r}: {error}")
            return sqltypes.NullType()

    @reflection.cache
    def get_pk_constraint(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> Any:
        rows = self._column_rows(connection, table_name, schema, **kw)
        return {"constrained_columns": _key_columns(rows), "name": None}

    @reflection.cache
    def get_table_comment(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> Any:
        row = self._table_row(connection, table_name, schema, **kw)
        kind = self.table_kind(connection, table_name, schema, **kw)
        return {"text": _comment(row, kind)}

    @reflection.cache
    def get_table_options(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> Any:
        kind = self.table_kind(connection, table_name, schema, **kw)
        if kind == "VIEW":
            security = self.get_view(connection, table_name, schema, **kw).security
            return {"starrocks_security": security} if security else {}
        if kind == "MATERIALIZED_VIEW":
            view = self.get_materialized_view(connection, table_name, schema, **kw)
            return {f"starrocks_{name}": value for name, value in view.options.items()}
        config = self._config_row(connection, table_name, schema, **kw)
        found = self._config_options(config)
        engine = str(config.get("table_engine") or "").upper()
        if engine:
            found["engine"] = "OLAP" if engine == "CLOUD_NATIVE" else engine
        model = _MODELS.get(str(config.get("table_model") or "").upper())
        keys = _key_columns(self._column_rows(connection, table_name, schema, **kw))
        if model and keys:
            found[model] = self._join(keys)
        partition = clauses(self._show_create(connection, table_name, schema, **kw)).get(
            "partition_by"
        )
        if partition:
            found["partition_by"] = PartitionBy(partition)
        return {f"starrocks_{name}": value for name, value in found.items()}

    def _config_options(self, config: Row) -> dict[str, Any]:
        """Return the options that a row of ``tables_config`` states for tables and views alike."""
        found: dict[str, Any] = {}
        method = str(config.get("distribute_type") or "").upper()
        if method:
            columns = self._names(config.get("distribute_key"))
            quote = self.identifier_preparer.quote
            found["distributed_by"] = str(
                Distribution(
                    method,
                    tuple(quote(name) for name in columns) if method != "RANDOM" else (),
                    int(config.get("distribute_bucket") or 0) or None,
                )
            )
        sort_key = self._names(config.get("sort_key"))
        if sort_key:
            found["order_by"] = self._join(sort_key)
        properties = _json_object(config.get("properties"))
        if properties:
            found["properties"] = properties
        return found

    def _names(self, value: Any) -> list[str]:
        return (identifier_list(str(value)) or []) if value else []

    def _join(self, names: list[str]) -> str:
        return ", ".join(self.identifier_preparer.quote(name) for name in names)

    # StarRocks has no such constraints, and its bitmap and bloom-filter indexes have no equivalent.

    @reflection.cache
    def get_indexes(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[Any]:
        return self._nothing(connection, table_name, schema, **kw)

    @reflection.cache
    def get_unique_constraints(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[Any]:
        return self._nothing(connection, table_name, schema, **kw)

    @reflection.cache
    def get_foreign_keys(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[Any]:
        return self._nothing(connection, table_name, schema, **kw)

    @reflection.cache
    def get_check_constraints(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[Any]:
        return self._nothing(connection, table_name, schema, **kw)

    def _nothing(
        self, connection: Connection, name: str, schema: str | None, **kw: Any
    ) -> list[Any]:
        self._table_row(connection, name, schema, **kw)  # a missing table is an error all the same
        return []

    # --- views --------------------------------------------------------------------------------

    @reflection.cache
    def get_view(
        self, connection: Connection, view_name: str, schema: str | None = None, **kw: Any
    ) -> ReflectedView:
        """Return a view. Raise ``NoSuchTableError`` if there is none of that name."""
        rows = self._rows(connection, "views", schema, view_name)
        if not rows:
            raise exc.NoSuchTableError(view_name)
        row = self._table_row(connection, view_name, schema, **kw)
        # The information schema has a column for it, which the server leaves empty.
        statement = self._show_create(connection, view_name, schema, object_kind="VIEW", **kw)
        security = clauses(statement).get("security")
        return ReflectedView(
            name=view_name,
            schema=schema,
            definition=str(rows[0]["view_definition"]),
            comment=_comment(row, "VIEW"),
            security=security.upper() if security else None,
            columns=self._view_columns(connection, view_name, schema, **kw),
        )

    @reflection.cache
    def get_view_definition(
        self, connection: Connection, view_name: str, schema: str | None = None, **kw: Any
    ) -> str:
        if self.table_kind(connection, view_name, schema, **kw) == "MATERIALIZED_VIEW":
            definition = self.get_materialized_view(connection, view_name, schema, **kw).definition
        else:
            definition = self.get_view(connection, view_name, schema, **kw).definition
        return str(definition)

    @reflection.cache
    def get_materialized_view(
        self, connection: Connection, view_name: str, schema: str | None = None, **kw: Any
    ) -> ReflectedMaterializedView:
        """Return a materialized view. Raise ``NoSuchTableError`` if there is none of that name."""
        materialized = self._materialized_row(connection, view_name, schema, **kw)
        if materialized is None:
            raise exc.NoSuchTableError(view_name)
        parts = clauses(str(materialized["materialized_view_definition"]))
        found = self._config_options(self._config_row(connection, view_name, schema, **kw))
        if "partition_by" in parts:
            found["partition_by"] = PartitionBy(parts["partition_by"])
        if "refresh" in parts:
            found["refresh"] = parts["refresh"]
        return ReflectedMaterializedView(
            name=view_name,
            schema=schema,
            definition=parts.get("as", ""),
            comment=_comment(
                self._table_row(connection, view_name, schema, **kw), "MATERIALIZED_VIEW"
            ),
            columns=self._view_columns(connection, view_name, schema, **kw),
            options=found,
        )

    def _view_columns(
        self, connection: Connection, name: str, schema: str | None, **kw: Any
    ) -> tuple[tuple[str, str | None], ...]:
        rows = self._column_rows(connection, name, schema, **kw)
        return tuple((row["column_name"], row.get("column_comment") or None) for row in rows)


def _key_columns(rows: list[Row]) -> list[str]:
    return [row["column_name"] for row in rows if row.get("column_key")]


def _comment(row: Row, kind: str) -> str | None:
    comment = row.get("table_comment")
    # What the server fills in where no comment was given.
    placeholder = {"TABLE": "OLAP"}.get(kind, kind)
    return None if not comment or comment == placeholder else str(comment)


def _default(value: Any, type_: sqltypes.TypeEngine[Any]) -> str | None:
    """Return a column's default as SQL."""
    if value is None or value == "NULL":
        return None
    text = str(value)
    if isinstance(type_, DATETIME) and text.upper().startswith("CURRENT_TIMESTAMP"):
        return text
    if _FUNCTION_CALL.match(text):
        return f"({text})"
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _json_object(value: Any) -> dict[str, str]:
    if not value:
        return {}
    loaded = json.loads(value) if isinstance(value, (str, bytes)) else value
    return {str(key): str(item) for key, item in loaded.items()}
