"""DDL elements that only StarRocks has, to execute or to compile: views, changes of tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy.sql.ddl import ExecutableDDLElement

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

    from starrocks.sql.schema import View


class CreateView(ExecutableDDLElement):
    """``CREATE [OR REPLACE] VIEW [IF NOT EXISTS]``."""

    __visit_name__ = "starrocks_create_view"

    def __init__(
        self, element: View, or_replace: bool = False, if_not_exists: bool = False
    ) -> None:
        self.element = element
        self.or_replace = or_replace
        self.if_not_exists = if_not_exists


class CreateMaterializedView(CreateView):
    """``CREATE [OR REPLACE] MATERIALIZED VIEW [IF NOT EXISTS]``."""

    __visit_name__ = "starrocks_create_materialized_view"


class AlterView(ExecutableDDLElement):
    """``ALTER VIEW … AS``: StarRocks redefines the query only, never comment or security."""

    __visit_name__ = "starrocks_alter_view"

    def __init__(self, element: View) -> None:
        self.element = element


class AlterMaterializedView(ExecutableDDLElement):
    """``ALTER MATERIALIZED VIEW … REFRESH`` or ``… SET (…)``: one of the two per statement."""

    __visit_name__ = "starrocks_alter_materialized_view"

    def __init__(
        self,
        name: str,
        schema: str | None = None,
        refresh: str | None = None,
        properties: Mapping[str, object] | None = None,
    ) -> None:
        self.name = name
        self.schema = schema
        self.refresh = refresh
        self.properties = properties or {}


class DropView(ExecutableDDLElement):
    """``DROP VIEW [IF EXISTS]``."""

    __visit_name__ = "starrocks_drop_view"

    def __init__(self, element: View, if_exists: bool = False) -> None:
        self.element = element
        self.if_exists = if_exists


class DropMaterializedView(DropView):
    """``DROP MATERIALIZED VIEW [IF EXISTS]``."""


class AlterTable(ExecutableDDLElement):
    """Base of the statements that change one thing of a table."""

    __visit_name__ = "starrocks_alter_table"

    def __init__(self, table_name: str, schema: str | None = None) -> None:
        self.table_name = table_name
        self.schema = schema


class ModifyColumn(AlterTable):
    """``MODIFY COLUMN``, with ``RENAME COLUMN`` behind it if *new_name* is given.

    Without a *type_*, only *default* is changed. *default* is what ``Column(server_default=…)``
    takes; ``False`` leaves it out, as ``None`` does.
    """

    __visit_name__ = "starrocks_modify_column"

    def __init__(
        self,
        table_name: str,
        column_name: str,
        *,
        schema: str | None = None,
        type_: TypeEngine[Any] | None = None,
        nullable: bool = True,
        default: Any = False,
        comment: str | None = None,
        agg_type: str | None = None,
        new_name: str | None = None,
    ) -> None:
        super().__init__(table_name, schema)
        self.column_name = column_name
        self.type_ = type_
        self.nullable = nullable
        self.default = default
        self.comment = comment
        self.agg_type = agg_type
        self.new_name = new_name


class RenameColumn(AlterTable):
    """``RENAME COLUMN … TO …``."""

    __visit_name__ = "starrocks_rename_column"

    def __init__(
        self, table_name: str, column_name: str, new_name: str, schema: str | None = None
    ) -> None:
        super().__init__(table_name, schema)
        self.column_name = column_name
        self.new_name = new_name


class RenameTable(AlterTable):
    """``RENAME …``."""

    __visit_name__ = "starrocks_rename_table"

    def __init__(self, table_name: str, new_name: str, schema: str | None = None) -> None:
        super().__init__(table_name, schema)
        self.new_name = new_name


class SetComment(AlterTable):
    """``COMMENT='…'``; ``None`` empties it."""

    __visit_name__ = "starrocks_set_comment"

    def __init__(self, table_name: str, comment: str | None, schema: str | None = None) -> None:
        super().__init__(table_name, schema)
        self.comment = comment


class SetDistribution(AlterTable):
    """``DISTRIBUTED BY …``: the server redistributes the rows in the background."""

    __visit_name__ = "starrocks_set_distribution"

    def __init__(
        self,
        table_name: str,
        method: str,
        buckets: int | None = None,
        schema: str | None = None,
    ) -> None:
        super().__init__(table_name, schema)
        self.method = method
        self.buckets = buckets


class SetOrder(AlterTable):
    """``ORDER BY (…)``."""

    __visit_name__ = "starrocks_set_order"

    def __init__(self, table_name: str, order_by: str, schema: str | None = None) -> None:
        super().__init__(table_name, schema)
        self.order_by = order_by


class SetProperty(AlterTable):
    """``SET ("name" = "value")``, for one property."""

    __visit_name__ = "starrocks_set_property"

    def __init__(
        self, table_name: str, name: str, value: object, schema: str | None = None
    ) -> None:
        super().__init__(table_name, schema)
        self.name = name
        self.value = value
