"""What Alembic needs to know of StarRocks: altering columns, version table, comparing types."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from alembic import util
from alembic.ddl.mysql import MySQLImpl
from sqlalchemy import Column, MetaData, String, Table, inspect
from sqlalchemy import types as sqltypes

from starrocks import datatype
from starrocks.alembic import compare, ops, render
from starrocks.alembic.filters import combine_include_object, include_object_for_view_mv
from starrocks.alembic.operation import logger
from starrocks.sql import ddl

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from sqlalchemy.types import TypeEngine

__all__ = ["StarRocksImpl", "compare", "ops", "render"]


class StarRocksImpl(MySQLImpl):
    """Alembic's implementation for StarRocks; importing this module registers it."""

    __dialect__ = "starrocks"

    transactional_ddl = False

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        # env.py imports this package and then calls logging.config.fileConfig, which disables the
        # loggers that exist and are not in its file: the warnings of autogenerate would be lost.
        for name in ("starrocks.alembic", "starrocks.dialect"):
            logging.getLogger(name).disabled = False
        # Views are tables to Alembic: it would log each as an added table, though nothing changed.
        options = self.context_opts
        include = options.get("include_object")
        if include is None:
            options["include_object"] = include_object_for_view_mv
        elif include is not include_object_for_view_mv:
            options["include_object"] = combine_include_object(include)

    def version_table_impl(
        self,
        *,
        version_table: str,
        version_table_schema: str | None,
        version_table_pk: bool,
        **kw: Any,
    ) -> Table:
        """Return a PRIMARY KEY table, the kind whose rows StarRocks can update and delete.

        ``version_table_kwargs`` of ``context.configure`` are passed to it.
        """
        options: dict[str, Any] = {"starrocks_primary_key": "id"}
        options.update(self.context_opts.get("version_table_kwargs") or {})
        return Table(
            version_table,
            MetaData(),
            Column("id", datatype.BIGINT(), primary_key=True, autoincrement=True),
            Column("version_num", String(32), nullable=False),
            schema=version_table_schema,
            **options,
        )

    # --- changes --------------------------------------------------------------------------------

    def alter_column(
        self,
        table_name: str,
        column_name: str,
        *,
        nullable: bool | None = None,
        server_default: Any = False,
        name: str | None = None,
        type_: TypeEngine[Any] | None = None,
        schema: str | None = None,
        existing_type: TypeEngine[Any] | None = None,
        existing_server_default: Any = None,
        existing_nullable: bool | None = None,
        autoincrement: bool | None = None,
        existing_autoincrement: bool | None = None,
        comment: Any = False,
        existing_comment: str | None = None,
        starrocks_agg_type: str | None = None,
        **kw: Any,
    ) -> None:
        """Emit ``MODIFY COLUMN`` or ``RENAME COLUMN``.

        Everything that is not stated is lost in StarRocks, so give the ``existing_…`` values, and
        *starrocks_agg_type* for a column that is aggregated.
        """
        if server_default is None and existing_server_default is not None:
            raise NotImplementedError(
                f"StarRocks cannot drop the default of column {table_name}.{column_name}"
            )
        changes_default = server_default is not False and server_default is not None
        changes_definition = type_ is not None or nullable is not None or comment is not False
        if not changes_definition and not changes_default:
            if name is not None:
                self._exec(ddl.RenameColumn(table_name, column_name, name, schema))
            return
        if not changes_definition:
            self._exec(
                ddl.ModifyColumn(
                    table_name, column_name, schema=schema, default=server_default, new_name=name
                )
            )
            return
        column_type = type_ if type_ is not None else existing_type
        if column_type is None:
            raise util.CommandError(
                f"StarRocks needs the type to alter column {table_name}.{column_name}: give "
                "existing_type"
            )
        known = nullable if nullable is not None else existing_nullable
        self._exec(
            ddl.ModifyColumn(
                table_name,
                column_name,
                schema=schema,
                type_=sqltypes.to_instance(column_type),
                nullable=True if known is None else known,
                default=server_default if changes_default else existing_server_default,
                comment=existing_comment if comment is False else comment or "",
                agg_type=starrocks_agg_type,
                new_name=name,
            )
        )

    def rename_table(self, old_table_name: str, new_table_name: Any, schema: Any = None) -> None:
        """Emit ``ALTER TABLE … RENAME``."""
        self._exec(ddl.RenameTable(old_table_name, str(new_table_name), schema))

    # --- comparison -----------------------------------------------------------------------------

    def render_type(self, type_obj: Any, autogen_context: AutogenContext) -> Any:
        """Write StarRocks types even if ``render_item`` is not configured."""
        return render.render_column_type("type", type_obj, autogen_context)

    def compare_type(self, inspector_column: Column[Any], metadata_column: Column[Any]) -> bool:
        """Tell whether the types differ in a way that StarRocks keeps."""
        existing, wanted = inspector_column.type, metadata_column.type
        if metadata_column.autoincrement is True:
            wanted = datatype.BIGINT()  # whatever integer was declared
        wanted = self._storable(wanted)
        if isinstance(existing, datatype.ComplexType) or isinstance(wanted, datatype.ComplexType):
            differ = not self._same_type(existing, wanted)
            if differ:
                logger.warning(
                    "column %s.%s: the type is %r and should be %r, but StarRocks cannot change "
                    "columns of complex types",
                    metadata_column.table.name,
                    metadata_column.name,
                    existing,
                    wanted,
                )
            return differ
        return not self._same_type(existing, wanted)

    def _storable(self, type_: TypeEngine[Any]) -> TypeEngine[Any]:
        return (
            type_.dialect_impl(self.dialect) if isinstance(type_, sqltypes.TypeDecorator) else type_
        )

    def _same_type(self, existing: TypeEngine[Any], wanted: TypeEngine[Any]) -> bool:
        if isinstance(existing, datatype.ComplexType):
            if type(existing) is not type(wanted):
                return False
            assert isinstance(wanted, datatype.ComplexType)
            if isinstance(existing, datatype.STRUCT) and isinstance(wanted, datatype.STRUCT):
                names = ([name.lower() for name, _ in s.fields] for s in (existing, wanted))
                if next(names) != next(names):
                    return False
            pairs = zip(existing.item_types(), wanted.item_types(), strict=True)
            return all(self._same_type(one, other) for one, other in pairs)
        if isinstance(wanted, datatype.ComplexType):
            return False
        if isinstance(existing, sqltypes.NullType):
            return True  # a type that reflection has warned about: nothing can be said of it
        return self._canonical(existing) == self._canonical(wanted)

    def _canonical(self, type_: TypeEngine[Any]) -> str:
        """Return the DDL of a scalar type, without what makes no difference to the server."""
        text = self.dialect.type_compiler_instance.process(type_).upper().replace(" ", "")
        if text == "TINYINT(1)":
            return "BOOLEAN"
        text = re.sub(r"^((?:TINY|SMALL|BIG)INT|INTEGER|DATETIME)\(\d+\)$", r"\1", text)
        text = re.sub(r"^NUMERIC", "DECIMAL", text)
        if text.startswith("DECIMAL"):  # precision 10 and scale 0 unless stated
            numbers = re.findall(r"\d+", text)
            return "DECIMAL({},{})".format(*[*numbers, *("10", "0")[len(numbers) :]])
        if text.startswith("CHAR") and text == "CHAR":
            return "CHAR(1)"
        return {
            "TEXT": "STRING",
            "BINARY": "VARBINARY",
            "INT": "INTEGER",
            "BOOL": "BOOLEAN",
        }.get(text, text)

    def compare_server_default(
        self,
        inspector_column: Column[Any],
        metadata_column: Column[Any],
        rendered_metadata_default: str | None,
        rendered_inspector_default: str | None,
    ) -> bool:
        """Tell whether the defaults differ."""
        if (rendered_metadata_default or "").upper() == "AUTO_INCREMENT":
            return False
        existing = _plain_default(rendered_inspector_default)
        argument = getattr(metadata_column.server_default, "arg", None)
        # Text is a value, to be quoted in DDL; anything else is SQL, like what the server reports.
        wanted = (
            argument if isinstance(argument, str) else _plain_default(rendered_metadata_default)
        )
        if existing == wanted:
            return False
        if isinstance(metadata_column.type, sqltypes.Boolean):
            names = {"true": "1", "false": "0"}
            return names.get(str(existing).lower(), existing) != names.get(
                str(wanted).lower(), wanted
            )
        return True

    def correct_for_autogen_constraints(
        self,
        conn_unique_constraints: Any,
        conn_indexes: Any,
        metadata_unique_constraints: Any,
        metadata_indexes: Any,
    ) -> None:
        """Leave out what cannot be read back: it would be found missing each time."""
        metadata_unique_constraints.clear()
        existing = {
            index
            for index in metadata_indexes
            if self.connection is not None
            and inspect(self.connection).has_table(index.table.name, index.table.schema)
        }
        metadata_indexes.difference_update(existing)

    def correct_for_autogen_foreignkeys(self, conn_fks: Any, metadata_fks: Any) -> None:
        """Leave out foreign keys: StarRocks has none, models may."""
        metadata_fks.clear()


def _plain_default(default: str | None) -> str | None:
    """Return a default without quotes and parentheses; function names in lower case."""
    if default is None:
        return None
    text = default.strip()
    while text.startswith("(") and text.endswith(")"):
        text = text[1:-1].strip()
    if len(text) >= 2 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'").replace("\\\\", "\\")
    if re.match(r"[A-Za-z_]\w*\(.*\)\Z", text) or text.upper().startswith("CURRENT_TIMESTAMP"):
        return text.lower().removesuffix("()")
    return None if text.upper() == "NULL" else text
