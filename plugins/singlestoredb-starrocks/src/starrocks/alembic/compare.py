"""Find what differs between models and server, for ``alembic revision --autogenerate``.

Alembic compares tables, columns, comments and defaults. Added here: the StarRocks attributes of
tables and columns, and, in :mod:`starrocks.alembic.compare_views`, views. Importing this registers
the comparisons.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import alembic.util
from alembic.autogenerate import comparators
from alembic.operations import ops as alembic_ops

from starrocks.alembic import ops
from starrocks.alembic.compare_views import compare_views
from starrocks.alembic.normalize import same_expression, same_names
from starrocks.alembic.operation import logger
from starrocks.alembic.properties import changed_properties
from starrocks.lex import identifier_list
from starrocks.options import given_options, key_of, parse_distribution
from starrocks.show_create import PartitionBy
from starrocks.sql.schema import View

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from sqlalchemy import Table

# Alembic 1.18 orders comparisons by priority; before, by registration, which is late enough.
_LAST: dict[str, Any] = (
    {"priority": alembic.util.DispatchPriority.LAST}
    if hasattr(alembic.util, "DispatchPriority")
    else {}
)


def _is_starrocks(context: AutogenContext) -> bool:
    # Comparisons registered for one dialect replace Alembic's own before 1.18: ours are for all.
    return getattr(context.dialect, "name", None) == "starrocks"


# --- tables -------------------------------------------------------------------------------------


@comparators.dispatch_for("table")
def compare_table(
    autogen_context: AutogenContext,
    modify_table_ops: alembic_ops.ModifyTableOps,
    schema: str | None,
    table_name: str,
    conn_table: Table | None,
    metadata_table: Table | None,
) -> None:
    """Add what differs in the attributes that only StarRocks has.

    Raise ``NotImplementedError`` for a difference that StarRocks cannot remove.
    """
    if not _is_starrocks(autogen_context):
        return
    if conn_table is None or metadata_table is None or isinstance(metadata_table, View):
        return
    comparison = _TableComparison(autogen_context, schema, table_name, conn_table, metadata_table)
    modify_table_ops.ops.extend(comparison.operations())


class _TableComparison:
    def __init__(
        self,
        context: AutogenContext,
        schema: str | None,
        name: str,
        existing: Table,
        wanted: Table,
    ) -> None:
        self._schema = schema
        self._name = name
        self._where = f"table {schema}.{name}" if schema else f"table {name}"
        self._existing_table = existing
        self._wanted_table = wanted
        self._existing = given_options(existing)
        self._wanted = given_options(wanted)
        self._run_mode = getattr(context.dialect, "run_mode", "shared_nothing")

    def operations(self) -> list[alembic_ops.MigrateOperation]:
        """Return the operations that remove the differences, in the order of the clauses."""
        self._engine()
        self._key()
        self._partition()
        self._columns()
        found = [self._distribution(), self._order(), self._properties()]
        return [operation for operation in found if operation is not None]

    def _impossible(self, what: str, existing: object, wanted: object) -> NotImplementedError:
        return NotImplementedError(
            f"{self._where}: {what} is {existing!r} and should be {wanted!r}, but StarRocks cannot "
            "change it: create the table anew"
        )

    def _unstated(self, option: str, existing: object) -> NotImplementedError:
        return NotImplementedError(
            f"{self._where}: the server has {option} {str(existing)!r}, the model says nothing: "
            f"state starrocks_{option}={str(existing)!r} in the model"
        )

    def _engine(self) -> None:
        existing = str(self._existing.get("engine", "OLAP")).upper()
        wanted = str(self._wanted.get("engine", "OLAP")).upper()
        if existing != wanted:
            raise self._impossible("the engine", existing, wanted)

    def _key(self) -> None:
        existing = key_of(self._existing)
        wanted = key_of(self._wanted)
        existing_kind = existing[0] if existing else "duplicate_key"
        wanted_kind = wanted[0] if wanted else "duplicate_key"
        if existing_kind != wanted_kind:
            if wanted is None:
                raise self._unstated(existing_kind, self._existing[existing_kind])
            raise self._impossible("the key", existing_kind, wanted_kind)
        if existing is not None and wanted is not None and set(existing[1]) != set(wanted[1]):
            logger.warning(
                "%s: the columns of %s are %s and should be %s, which StarRocks cannot change",
                self._where,
                wanted_kind,
                ", ".join(existing[1]),
                ", ".join(wanted[1]),
            )

    def _partition(self) -> None:
        existing, wanted = self._existing.get("partition_by"), self._wanted.get("partition_by")
        if existing is not None and wanted is None:
            raise self._unstated("partition_by", existing)
        if wanted is None:
            return
        if existing is None or not same_expression(
            PartitionBy(existing).partition_method, PartitionBy(wanted).partition_method
        ):
            raise self._impossible("partition_by", str(existing), str(wanted))

    def _distribution(self) -> alembic_ops.MigrateOperation | None:
        wanted_text = self._wanted.get("distributed_by")
        if wanted_text is None and "distribution" in self._wanted:
            warnings.warn(
                f"{self._where}: starrocks_distribution is now starrocks_distributed_by",
                DeprecationWarning,
                stacklevel=2,
            )
            wanted_text = self._wanted["distribution"]
        existing = parse_distribution(str(self._existing.get("distributed_by", "RANDOM")))
        if wanted_text is None:
            if existing.method == "RANDOM" or self._is_key(existing.columns):
                return None
            raise self._unstated("distributed_by", existing)
        wanted = parse_distribution(str(wanted_text))
        same_method = existing.method == wanted.method and [
            name.lower() for name in existing.columns
        ] == [name.lower() for name in wanted.columns]
        if same_method and wanted.buckets in (None, existing.buckets):
            return None
        return ops.AlterTableDistributionOp(
            self._name,
            str(wanted._replace(buckets=None)),
            wanted.buckets,
            self._schema,
            existing_method=str(existing._replace(buckets=None)),
            existing_buckets=existing.buckets,
        )

    def _is_key(self, columns: tuple[str, ...]) -> bool:
        """Tell whether *columns* are the key, by which the server distributes if not told."""
        key = key_of(self._existing)
        return key is not None and key[0] != "duplicate_key" and list(columns) == key[1]

    def _order(self) -> alembic_ops.MigrateOperation | None:
        wanted, existing = self._wanted.get("order_by"), self._existing.get("order_by")
        if wanted is None or (existing is not None and same_names(str(existing), str(wanted))):
            return None
        names = identifier_list(str(wanted))
        if existing is None:  # sorted by the key, or not at all: then there is no way back
            key = key_of(self._existing)
            existing = ", ".join(key[1]) if key else wanted
        return ops.AlterTableOrderOp(
            self._name,
            ", ".join(names) if names and all(n.isidentifier() for n in names) else str(wanted),
            self._schema,
            existing_order_by=str(existing),
        )

    def _properties(self) -> alembic_ops.MigrateOperation | None:
        upgrade, downgrade = changed_properties(
            self._where,
            self._existing.get("properties", {}),
            self._wanted.get("properties"),
            self._run_mode,
        )
        if not upgrade:
            return None
        return ops.AlterTablePropertiesOp(
            self._name, upgrade, self._schema, existing_properties=downgrade
        )

    def _columns(self) -> None:
        for wanted in self._wanted_table.columns:
            existing = self._existing_table.columns.get(wanted.name)
            if existing is None:
                continue
            kinds = [
                str(given_options(column).get("agg_type") or "").upper()
                for column in (existing, wanted)
            ]
            if kinds[0] != kinds[1]:
                raise NotImplementedError(
                    f"{self._where}: column {wanted.name!r} is aggregated by "
                    f"{kinds[0] or 'nothing'} and should be by {kinds[1] or 'nothing'}, which "
                    "StarRocks cannot change"
                )
            if (existing.autoincrement is True) != (wanted.autoincrement is True) and not (
                _default_is_auto_increment(wanted)
            ):
                logger.warning(
                    "%s: StarRocks cannot change whether column %s is AUTO_INCREMENT",
                    self._where,
                    wanted.name,
                )


def _default_is_auto_increment(column: Any) -> bool:
    argument = getattr(column.server_default, "arg", "")
    return str(getattr(argument, "text", argument)).upper() == "AUTO_INCREMENT"


# --- everything ---------------------------------------------------------------------------------


@comparators.dispatch_for("schema", **_LAST)
def compare_schema(
    autogen_context: AutogenContext,
    upgrade_ops: alembic_ops.UpgradeOps,
    schemas: set[str | None],
) -> None:
    """Add what differs in views, and finish what Alembic found in tables."""
    if not _is_starrocks(autogen_context):
        return
    finished: list[alembic_ops.MigrateOperation] = []
    views = {
        (_schema(autogen_context, table.schema), table.name): table
        for table in autogen_context.sorted_tables
        if isinstance(table, View)
    }
    inspector: Any = autogen_context.inspector
    for schema, name in views:
        if schema in schemas and name in inspector.get_table_names(schema):
            raise NotImplementedError(
                f"{name!r} is a table in the database and a view in the model: drop the table in a "
                "migration of its own"
            )
    for operation in upgrade_ops.ops:
        if (
            isinstance(operation, (alembic_ops.CreateTableOp, alembic_ops.ModifyTableOps))
            and (_schema(autogen_context, operation.schema), operation.table_name) in views
        ):
            continue  # Alembic took a view for a table
        if isinstance(operation, alembic_ops.DropTableOp) and operation.info:
            operation.info.pop("table_kind", None)
        if isinstance(operation, alembic_ops.ModifyTableOps):
            _finish(operation, autogen_context)
            if operation.is_empty():
                continue
        finished.append(operation)
    upgrade_ops.ops[:] = finished
    compare_views(autogen_context, upgrade_ops, schemas, views)


def _schema(context: AutogenContext, schema: str | None) -> str | None:
    default = getattr(context.dialect, "default_schema_name", None)
    return None if schema == default else schema


def _finish(table_ops: alembic_ops.ModifyTableOps, context: AutogenContext) -> None:
    """Replace operations of Alembic by those of StarRocks, and advise to split what is slow."""
    aggregates = _aggregates(table_ops, context)
    changes = 0
    finished: list[Any] = []
    for operation in table_ops.ops:
        replaced: Any = operation
        if isinstance(
            operation, (alembic_ops.CreateTableCommentOp, alembic_ops.DropTableCommentOp)
        ):
            comment = getattr(operation, "comment", None)
            if _same_comment(comment, operation.existing_comment):
                continue
            replaced = ops.AlterTableOp(
                operation.table_name,
                comment=comment,
                schema=operation.schema,
                existing_comment=operation.existing_comment,
            )
        elif isinstance(operation, alembic_ops.AlterColumnOp):
            # Alembic marks every integer key; StarRocks cannot change the mark in any case.
            operation.kw.pop("autoincrement", None)
            if _same_comment(operation.modify_comment, operation.existing_comment):
                operation.modify_comment = False
                if not operation.has_changes():
                    continue
            if operation.column_name in aggregates:
                operation.kw["starrocks_agg_type"] = aggregates[operation.column_name]
                operation.__class__ = ops.AlterAggregateColumnOp
        changes += (
            len(replaced.properties) if isinstance(replaced, ops.AlterTablePropertiesOp) else 1
        )
        finished.append(replaced)
    table_ops.ops[:] = finished
    if changes > 1:
        logger.warning(
            "%d changes of table %s in one migration: StarRocks runs one schema change of a table "
            "at a time; split slow ones into migrations of one column or property each",
            changes,
            table_ops.table_name,
        )


def _same_comment(wanted: Any, existing: str | None) -> bool:
    """Tell whether two comments are one: no comment is an empty one."""
    return wanted is not False and (wanted or "") == (existing or "")


def _aggregates(
    table_ops: alembic_ops.ModifyTableOps, context: AutogenContext
) -> Mapping[str, str]:
    for table in context.sorted_tables:
        if (_schema(context, table.schema), table.name) == (table_ops.schema, table_ops.table_name):
            kinds = {column.name: given_options(column).get("agg_type") for column in table.columns}
            return {name: str(kind).upper() for name, kind in kinds.items() if kind}
    return {}
