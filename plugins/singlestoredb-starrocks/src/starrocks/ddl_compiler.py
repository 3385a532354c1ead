"""Turn tables, views and materialized views into StarRocks DDL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, exc
from sqlalchemy import types as sqltypes
from sqlalchemy.dialects.mysql.base import MySQLDDLCompiler

from starrocks import options
from starrocks.lex import identifier_list
from starrocks.sql.schema import MaterializedView, View

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.sql import ddl as sa_ddl

    from starrocks.sql import ddl as sr_ddl


class StarRocksDDLCompiler(MySQLDDLCompiler):
    """Writes DDL of tables, views and materialized views."""

    # --- tables -------------------------------------------------------------------------------

    def visit_create_table(self, create: sa_ddl.CreateTable, **kw: Any) -> str:
        table = create.element
        if isinstance(table, MaterializedView):
            return self._create_materialized_view(table, if_not_exists=create.if_not_exists)
        if isinstance(table, View):
            return self._create_view(table, if_not_exists=create.if_not_exists)
        given = options.given_options(table)
        key = options.key_of(given)
        self._check_key(table, key)
        columns = []
        for create_column in create.columns:
            column = create_column.element
            if column.system:
                continue
            try:
                self._check_aggregate(column, key)
                columns.append("    " + self.get_column_specification(column))
            except exc.CompileError as error:
                raise exc.CompileError(
                    f"(in table {table.name!r}, column {column.name!r}): {error.args[0]}"
                ) from error
        words = ["CREATE", *table._prefixes, "TABLE"]
        if create.if_not_exists:
            words.append("IF NOT EXISTS")
        words.append(self.preparer.format_table(table))
        head = " ".join(words)
        clauses = "\n".join(self._clauses(given, table.comment, key))
        body = ",\n".join(columns)
        return f"{head} (\n{body}\n)\n{clauses}".rstrip("\n")

    def visit_drop_table(self, drop: sa_ddl.DropTable, **kw: Any) -> str:
        table = drop.element
        if isinstance(table, View):
            return self._drop(table, if_exists=drop.if_exists)
        return str(super().visit_drop_table(drop, **kw)).strip()  # type: ignore[no-untyped-call]  # SQLAlchemy's

    def _clauses(
        self,
        given: Mapping[str, Any],
        comment: str | None,
        key: tuple[str, list[str]] | None = None,
    ) -> Iterable[str]:
        """Yield the clauses behind the columns, in the one order that StarRocks accepts."""
        engine = given.get("engine")
        if engine is not None and str(engine).upper() != "OLAP":
            yield f"ENGINE={self._verbatim(engine)}"
        if key is not None:
            name, columns = key
            yield f"{options.KEY_CLAUSES[name]} ({self._names(columns)})"
        if comment is not None:
            yield f"COMMENT {self._literal(comment)}"
        if given.get("partition_by") is not None:
            yield f"PARTITION BY {self._verbatim(given['partition_by'])}"
        distribution = given.get("distributed_by", given.get("distribution"))
        if distribution is not None:
            yield f"DISTRIBUTED BY {self._verbatim(distribution)}"
        if given.get("order_by") is not None:
            yield f"ORDER BY {self.column_list(given['order_by'])}"
        if given.get("refresh") is not None:
            yield f"REFRESH {self._verbatim(given['refresh'])}"
        properties = options.property_items(given.get("properties", ()))
        if properties:
            lines = ",\n".join(
                f"    {self.property_text(name)}={self.property_text(value)}"
                for name, value in properties
            )
            yield f"PROPERTIES(\n{lines}\n)"

    def _check_key(self, table: Table, key: tuple[str, list[str]] | None) -> None:
        if key is None:
            return
        name, columns = key
        clause = options.KEY_CLAUSES[name]
        existing = {column.name for column in table.columns}
        missing = [column for column in columns if column not in existing]
        if missing:
            raise exc.CompileError(
                f"Columns specified in {clause} ({', '.join(columns)!r}) not found in table: "
                f"{', '.join(missing)}"
            )
        marked = [column.name for column in table.columns if column.primary_key]
        if marked and set(marked) != set(columns):
            raise exc.CompileError(
                f"table {table.name!r}: columns with primary_key=True ({', '.join(marked)}) differ"
                f" from starrocks_{name} ({', '.join(columns)})"
            )

    def _check_aggregate(self, column: Column[Any], key: tuple[str, list[str]] | None) -> None:
        given = options.given_options(column)
        if (given.get("is_agg_key") or given.get("agg_type")) and (
            key is None or key[0] != "aggregate_key"
        ):
            raise exc.CompileError(
                "starrocks_is_agg_key and starrocks_agg_type are only valid for AGGREGATE KEY "
                "tables"
            )

    # --- columns ------------------------------------------------------------------------------

    def get_column_specification(self, column: Column[Any], **kw: Any) -> str:
        default = self.get_column_default_string(column)
        # "auto" is SQLAlchemy's default for every integer key; only an explicit wish counts.
        increments = column.autoincrement is True or (default or "").upper() == "AUTO_INCREMENT"
        words = [
            self.preparer.format_column(column),
            "BIGINT"
            if increments
            else self.dialect.type_compiler_instance.process(column.type, type_expression=column),
        ]
        marker = self._aggregate_marker(column)
        if marker:
            words.append(marker)
        if increments or not column.nullable:
            words.append("NOT NULL")
        if increments:
            words.append("AUTO_INCREMENT")
        elif default is not None:
            words.append(f"DEFAULT {default}")
        if column.computed is not None:
            words.append(self.process(column.computed))
        if column.comment is not None:
            words.append(f"COMMENT {self._literal(column.comment)}")
        return " ".join(words)

    def visit_computed_column(self, generated: Any, **kw: Any) -> str:
        text = self.sql_compiler.process(generated.sqltext, include_table=False, literal_binds=True)
        return f"AS ({text})"

    def _aggregate_marker(self, column: Column[Any]) -> str | None:
        given = options.given_options(column)
        kind = given.get("agg_type")
        if given.get("is_agg_key"):
            if kind is not None:
                raise exc.CompileError(
                    f"column {column.name!r} cannot be both KEY and aggregated ({kind})"
                )
            return "KEY"
        if kind is not None and str(kind).upper() not in options.AGGREGATE_TYPES:
            raise exc.CompileError(
                f"column {column.name!r}: {kind!r} is not an aggregate type; StarRocks has "
                f"{', '.join(sorted(options.AGGREGATE_TYPES))}"
            )
        return None if kind is None else str(kind)

    # --- changes of tables --------------------------------------------------------------------

    def _alter(self, element: sr_ddl.AlterTable, action: str) -> str:
        return f"ALTER TABLE {self._qualified(element.table_name, element.schema)} {action}"

    def visit_starrocks_modify_column(self, element: sr_ddl.ModifyColumn, **kw: Any) -> str:
        words = ["MODIFY COLUMN", self.preparer.quote(element.column_name)]
        if element.type_ is not None:
            words.append(self.dialect.type_compiler_instance.process(element.type_))
            if element.agg_type is not None:
                words.append(element.agg_type)
            words.append("NULL" if element.nullable else "NOT NULL")
        if element.default is not None and element.default is not False:
            holder: Column[Any] = Column("c", sqltypes.String(), server_default=element.default)
            words.append(f"DEFAULT {self.get_column_default_string(holder)}")
        if element.comment is not None:
            words.append(f"COMMENT {self._literal(element.comment)}")
        action = " ".join(words)
        if element.new_name is not None:
            action += f", {self._rename(element.column_name, element.new_name)}"
        return self._alter(element, action)

    def visit_starrocks_rename_column(self, element: sr_ddl.RenameColumn, **kw: Any) -> str:
        return self._alter(element, self._rename(element.column_name, element.new_name))

    def _rename(self, old: str, new: str) -> str:
        return f"RENAME COLUMN {self.preparer.quote(old)} TO {self.preparer.quote(new)}"

    def visit_starrocks_rename_table(self, element: sr_ddl.RenameTable, **kw: Any) -> str:
        return self._alter(element, f"RENAME {self.preparer.quote(element.new_name)}")

    def visit_starrocks_set_comment(self, element: sr_ddl.SetComment, **kw: Any) -> str:
        return self._alter(element, f"COMMENT={self._literal(element.comment or '')}")

    def visit_starrocks_set_distribution(self, element: sr_ddl.SetDistribution, **kw: Any) -> str:
        buckets = "" if element.buckets is None else f" BUCKETS {int(element.buckets)}"
        return self._alter(element, f"DISTRIBUTED BY {self._verbatim(element.method)}{buckets}")

    def visit_starrocks_set_order(self, element: sr_ddl.SetOrder, **kw: Any) -> str:
        return self._alter(element, f"ORDER BY {self.column_list(element.order_by)}")

    def visit_starrocks_set_property(self, element: sr_ddl.SetProperty, **kw: Any) -> str:
        return self._alter(element, f"SET ({self._assignments([(element.name, element.value)])})")

    def visit_set_table_comment(self, create: Any, **kw: Any) -> str:
        table = create.element
        comment = self._literal(table.comment or "")
        return f"ALTER TABLE {self.preparer.format_table(table)} COMMENT={comment}"

    def visit_drop_table_comment(self, drop: Any, **kw: Any) -> str:
        return f"ALTER TABLE {self.preparer.format_table(drop.element)} COMMENT=''"

    def visit_set_column_comment(self, create: Any, **kw: Any) -> str:
        column = create.element
        table = self.preparer.format_table(column.table)
        return f"ALTER TABLE {table} MODIFY COLUMN {self.get_column_specification(column)}"

    # --- views --------------------------------------------------------------------------------

    def visit_starrocks_create_view(self, create: sr_ddl.CreateView, **kw: Any) -> str:
        return self._create_view(create.element, create.if_not_exists, create.or_replace)

    def visit_starrocks_alter_view(self, alter: sr_ddl.AlterView, **kw: Any) -> str:
        view = alter.element
        columns = self._view_columns(view)
        return (
            f"ALTER VIEW {self.preparer.format_table(view)}{columns}"
            f"{chr(10) if columns else ' '}AS {self.definition(view)}"
        )

    def visit_starrocks_create_materialized_view(
        self, create: sr_ddl.CreateMaterializedView, **kw: Any
    ) -> str:
        return self._create_materialized_view(
            create.element, create.if_not_exists, create.or_replace
        )

    def visit_starrocks_alter_materialized_view(
        self, alter: sr_ddl.AlterMaterializedView, **kw: Any
    ) -> str:
        if (alter.refresh is None) == (not alter.properties):
            raise exc.CompileError(
                "ALTER MATERIALIZED VIEW changes either the refresh scheme or properties: "
                "issue one statement for each"
            )
        name = self._qualified(alter.name, alter.schema)
        if alter.refresh is not None:
            return f"ALTER MATERIALIZED VIEW {name} REFRESH {self._verbatim(alter.refresh)}"
        return f"ALTER MATERIALIZED VIEW {name} SET ({self._assignments(alter.properties)})"

    def visit_starrocks_drop_view(self, drop: sr_ddl.DropView, **kw: Any) -> str:
        return self._drop(drop.element, drop.if_exists)

    def _drop(self, view: View, if_exists: bool) -> str:
        words = "IF EXISTS " if if_exists else ""
        return f"DROP {view.sql_kind} {words}{self.preparer.format_table(view)}"

    def _create_view(
        self, view: View, if_not_exists: bool = False, or_replace: bool = False
    ) -> str:
        lines = [self._create_head(view, if_not_exists, or_replace) + self._view_columns(view)]
        if view.comment is not None:
            lines.append(f"COMMENT {self._literal(view.comment)}")
        if view.security is not None:
            lines.append(f"SECURITY {view.security}")
        lines += ["AS", self.definition(view)]
        return "\n".join(lines)

    def _create_materialized_view(
        self, view: View, if_not_exists: bool = False, or_replace: bool = False
    ) -> str:
        lines = [self._create_head(view, if_not_exists, or_replace) + self._view_columns(view)]
        lines += self._clauses(options.given_options(view), view.comment)
        lines += ["AS", self.definition(view)]
        return "\n".join(lines)

    def _create_head(self, view: View, if_not_exists: bool, or_replace: bool) -> str:
        words = ["CREATE"]
        if or_replace:
            words.append("OR REPLACE")
        words.append(view.sql_kind)
        if if_not_exists:
            words.append("IF NOT EXISTS")
        words.append(self.preparer.format_table(view))
        return " ".join(words)

    def _view_columns(self, view: View) -> str:
        if not view.declared_columns:
            return ""
        lines = []
        for name, comment in view.declared_columns:
            text = f"    {self.preparer.quote(name)}"
            lines.append(text if comment is None else f"{text} COMMENT {self._literal(comment)}")
        return " (\n" + ",\n".join(lines) + "\n)"

    def definition(self, view: View) -> str:
        """Return the query of *view*: text as given, a SELECT with its values written out."""
        query = view.definition
        if isinstance(query, str):
            return self._verbatim(query.strip().rstrip(";").rstrip())
        return str(self.sql_compiler.process(query, literal_binds=True))

    # --- parts --------------------------------------------------------------------------------

    def column_list(self, value: Any) -> str:
        """Return ``(a, b)`` for a list of columns given as text, with names quoted as needed."""
        text = str(value).strip()
        names = identifier_list(text)
        if names is not None:
            return f"({self._names(names)})"
        return self._verbatim(text if text.startswith("(") else f"({text})")

    def property_text(self, value: str) -> str:
        """Return *value* between double quotes, escaped."""
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return self._verbatim(f'"{escaped}"')

    def _assignments(self, properties: Any) -> str:
        return ", ".join(
            f"{self.property_text(name)} = {self.property_text(value)}"
            for name, value in options.property_items(properties)
        )

    def _names(self, names: Iterable[str]) -> str:
        return ", ".join(self.preparer.quote(name) for name in names)

    def _qualified(self, name: str, schema: str | None) -> str:
        quoted = self.preparer.quote(name)
        return quoted if schema is None else f"{self.preparer.quote_schema(schema)}.{quoted}"

    def _literal(self, value: str) -> str:
        return self.sql_compiler.render_literal_value(value, sqltypes.String())

    def _verbatim(self, value: Any) -> str:
        # Drivers whose parameters are %s interpolate into DDL as well.
        text = str(value)
        return text.replace("%", "%%") if self.preparer._double_percents else text
