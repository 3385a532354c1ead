"""Turn SQLAlchemy constructs into StarRocks SQL: statements, DDL, type names, quoted identifiers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import exc
from sqlalchemy import types as sqltypes
from sqlalchemy.dialects.mysql.base import (
    MySQLCompiler,
    MySQLDDLCompiler,
    MySQLIdentifierPreparer,
    MySQLTypeCompiler,
)
from sqlalchemy.sql import ddl as sa_ddl
from sqlalchemy.sql import elements

from starrocks import datatype, options
from starrocks.lex import identifier_list
from starrocks.sql.schema import MaterializedView, View

if TYPE_CHECKING:
    from sqlalchemy import Column, Delete, Table
    from sqlalchemy.sql.selectable import GenerativeSelect

    from starrocks.sql import ddl as sr_ddl
    from starrocks.sql import files

# Reserved by StarRocks and not by MySQL (StarRocks manual, "Keywords").
_RESERVED = frozenset(
    """
    array bitmap compaction current_role decimalv2 decimal32 decimal64 decimal128 deferred
    grouping_id hll host immediate json largeint lead minus percentile qualify set_var
    text bucket files map struct
    """.split()
)


class StarRocksIdentifierPreparer(MySQLIdentifierPreparer):
    """Quotes with back-ticks what is reserved by MySQL or StarRocks, or is no plain identifier."""

    reserved_words = MySQLIdentifierPreparer.reserved_words | _RESERVED


class StarRocksTypeCompiler(MySQLTypeCompiler):
    """Writes type names."""

    def visit_BOOLEAN(self, type_: Any, **kw: Any) -> str:
        return "BOOLEAN"

    def visit_LARGEINT(self, type_: Any, **kw: Any) -> str:
        return "LARGEINT"

    def visit_FLOAT(self, type_: Any, **kw: Any) -> str:
        return "FLOAT"

    def visit_DOUBLE(self, type_: Any, **kw: Any) -> str:
        return "DOUBLE"

    def visit_DOUBLE_PRECISION(self, type_: Any, **kw: Any) -> str:
        return "DOUBLE"

    def visit_STRING(self, type_: Any, **kw: Any) -> str:
        return "STRING"

    def visit_VARCHAR(self, type_: Any, **kw: Any) -> str:
        if type_.length in (None, datatype.MAX_VARCHAR):
            return "STRING"
        return f"VARCHAR({type_.length:d})"

    def visit_CHAR(self, type_: Any, **kw: Any) -> str:
        return "CHAR" if type_.length is None else f"CHAR({type_.length:d})"

    def visit_NVARCHAR(self, type_: Any, **kw: Any) -> str:
        return self.visit_VARCHAR(type_)

    def visit_NCHAR(self, type_: Any, **kw: Any) -> str:
        return self.visit_CHAR(type_)

    def visit_BINARY(self, type_: Any, **kw: Any) -> str:
        return "BINARY"

    def visit_VARBINARY(self, type_: Any, **kw: Any) -> str:
        return "VARBINARY"

    def visit_BLOB(self, type_: Any, **kw: Any) -> str:
        return "BINARY"

    def visit_HLL(self, type_: Any, **kw: Any) -> str:
        return "HLL"

    def visit_BITMAP(self, type_: Any, **kw: Any) -> str:
        return "BITMAP"

    def visit_PERCENTILE(self, type_: Any, **kw: Any) -> str:
        return "PERCENTILE"

    def visit_ARRAY(self, type_: Any, **kw: Any) -> str:
        return f"ARRAY<{self.process(type_.item_type)}>"

    def visit_MAP(self, type_: Any, **kw: Any) -> str:
        return f"MAP<{self.process(type_.key_type)}, {self.process(type_.value_type)}>"

    def visit_STRUCT(self, type_: Any, **kw: Any) -> str:
        quote = self.dialect.identifier_preparer.quote
        fields = (f"{quote(name)} {self.process(field)}" for name, field in type_.fields)
        return f"STRUCT<{', '.join(fields)}>"


_CAST_BY_NAME = (
    sqltypes.Boolean,
    sqltypes.Float,
    sqltypes.Double,
    datatype.LARGEINT,
    datatype.HLL,
    datatype.BITMAP,
    datatype.PERCENTILE,
    datatype.ComplexType,
)


class StarRocksCompiler(MySQLCompiler):
    """Writes statements; what is not here is as in MySQL."""

    def visit_typeclause(
        self, typeclause: elements.TypeClause, type_: Any = None, **kw: Any
    ) -> str | None:
        implementation = typeclause.type.dialect_impl(self.dialect) if type_ is None else type_
        if isinstance(implementation, _CAST_BY_NAME):
            return self.dialect.type_compiler_instance.process(implementation)
        return super().visit_typeclause(typeclause, implementation, **kw)

    def limit_clause(self, select: GenerativeSelect, **kw: Any) -> str:
        text = ""
        if select._limit_clause is not None:
            text += f" \n LIMIT {self.process(select._limit_clause, **kw)}"
        if select._offset_clause is not None:
            text += f" OFFSET {self.process(select._offset_clause, **kw)}"
        return text

    def visit_delete(self, delete_stmt: Delete, *args: Any, **kw: Any) -> str:
        # DELETE needs a WHERE clause in StarRocks; without one, TRUNCATE is what it means. The
        # base class is still asked first, since it keeps the state that execution needs.
        text: str = super().visit_delete(delete_stmt, *args, **kw)
        if delete_stmt._where_criteria or self.ctes or " LIMIT " in text or self.stack:
            return text
        return f"TRUNCATE TABLE {self.preparer.format_table(delete_stmt.table)}"  # type: ignore[arg-type]  # a DML target is a Table

    def visit_starrocks_files(self, element: files.FilesClause, **kw: Any) -> str:
        lines = (f"{self._quoted(key)} = {self._quoted(value)}" for key, value in element.items())
        return "FILES(\n" + ",\n".join(lines) + "\n)"

    def visit_starrocks_insert_into_files(
        self, element: files.InsertIntoFiles, **kw: Any
    ) -> str:
        return (
            f"INSERT INTO {self.process(element.target, **kw)}\n"
            f" {self.process(element.from_, **kw)}"
        )

    def visit_starrocks_insert_from_files(
        self, element: files.InsertFromFiles, **kw: Any
    ) -> str:
        columns = (
            element.columns
            if isinstance(element.columns, str)
            else ", ".join(
                self.preparer.quote(column)
                if isinstance(column, str)
                else self.process(column, **kw)
                for column in element.columns
            )
        )
        return (
            f"INSERT INTO {self.preparer.format_table(element.target)}\n"
            f" SELECT {columns}\n"
            f" FROM {self.process(element.from_, **kw)}"
        )

    def _quoted(self, value: Any) -> str:
        return self.render_literal_value(str(value), sqltypes.String())


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
        return str(super().visit_drop_table(drop, **kw)).strip()

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
                "starrocks_is_agg_key and starrocks_agg_type are only valid for AGGREGATE KEY tables"
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
        """Return the query of *view*: text as it was given, a SELECT with its values written out."""
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
