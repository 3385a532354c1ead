"""DDL elements of views and materialized views, to execute or to compile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sqlalchemy.sql.ddl import ExecutableDDLElement

if TYPE_CHECKING:
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
