"""Turn SQLAlchemy constructs into StarRocks SQL: statements, type names, quoted identifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import types as sqltypes
from sqlalchemy.dialects.mysql.base import (
    MySQLCompiler,
    MySQLIdentifierPreparer,
    MySQLTypeCompiler,
)
from sqlalchemy.sql import elements

from starrocks import datatype

if TYPE_CHECKING:
    from sqlalchemy import Delete
    from sqlalchemy.sql.selectable import GenerativeSelect

    from starrocks.sql import files

# Reserved by StarRocks and not by MySQL (StarRocks manual, "Keywords").
# fmt: off
_RESERVED = frozenset((
    "array", "bitmap", "compaction", "current_role", "decimalv2", "decimal32", "decimal64",
    "decimal128", "deferred", "grouping_id", "hll", "host", "immediate", "json", "largeint",
    "lead", "minus", "percentile", "qualify", "set_var", "text",
))
# fmt: on


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
        text: str = super().visit_delete(delete_stmt, *args, **kw)  # type: ignore[no-untyped-call]  # SQLAlchemy's
        if delete_stmt._where_criteria or self.ctes or " LIMIT " in text or self.stack:
            return text
        return f"TRUNCATE TABLE {self.preparer.format_table(delete_stmt.table)}"

    def visit_starrocks_files(self, element: files.FilesClause, **kw: Any) -> str:
        lines = (f"{self._quoted(key)} = {self._quoted(value)}" for key, value in element.items())
        return "FILES(\n" + ",\n".join(lines) + "\n)"

    def visit_starrocks_insert_into_files(self, element: files.InsertIntoFiles, **kw: Any) -> str:
        return (
            f"INSERT INTO {self.process(element.target, **kw)}\n"
            f" {self.process(element.from_, **kw)}"
        )

    def visit_starrocks_insert_from_files(self, element: files.InsertFromFiles, **kw: Any) -> str:
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
