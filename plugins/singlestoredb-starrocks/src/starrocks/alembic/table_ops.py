"""Operations on tables: what they execute, how they reverse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from alembic.operations import MigrateOperation, Operations
from alembic.operations import ops as alembic_ops

from starrocks.alembic.operation import StarRocksOp, logger
from starrocks.options import property_items
from starrocks.sql import ddl


class _TableOp(StarRocksOp):
    def __init__(self, table_name: str, schema: str | None = None) -> None:
        self.table_name = table_name
        self.schema = schema

    def to_diff_tuple(self) -> tuple[Any, ...]:
        positional, keywords = self.arguments()
        values = [value for name, value in keywords.items() if name != "schema"]
        return (self.operation, self.schema, *positional, *values)


_UNKNOWN = object()


@Operations.register_operation("alter_table")
class AlterTableOp(_TableOp):
    """Change the comment of a table."""

    operation = "alter_table"

    def __init__(
        self,
        table_name: str,
        *,
        comment: str | None,
        schema: str | None = None,
        existing_comment: Any = _UNKNOWN,
    ) -> None:
        super().__init__(table_name, schema)
        self.comment = comment
        self.existing_comment = existing_comment

    @classmethod
    def alter_table(
        cls,
        operations: Operations,
        table_name: str,
        *,
        comment: str | None,
        schema: str | None = None,
    ) -> None:
        """Change the comment of a table; ``""`` removes it."""
        operations.invoke(cls(table_name, comment=comment, schema=schema))

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.table_name,), {"comment": self.comment or "", "schema": self.schema}

    def reverse(self) -> AlterTableOp:
        if self.existing_comment is _UNKNOWN:
            raise self._missing("existing_comment")
        return AlterTableOp(
            self.table_name,
            comment=self.existing_comment,
            schema=self.schema,
            existing_comment=self.comment,
        )


@Operations.register_operation("alter_table_distribution")
class AlterTableDistributionOp(_TableOp):
    """Change how rows are distributed."""

    operation = "alter_table_distribution"

    def __init__(
        self,
        table_name: str,
        method: str,
        buckets: int | None = None,
        schema: str | None = None,
        *,
        existing_method: str | None = None,
        existing_buckets: int | None = None,
    ) -> None:
        super().__init__(table_name, schema)
        self.method = method
        self.buckets = buckets
        self.existing_method = existing_method
        self.existing_buckets = existing_buckets

    @classmethod
    def alter_table_distribution(
        cls,
        operations: Operations,
        table_name: str,
        method: str,
        buckets: int | None = None,
        schema: str | None = None,
        **kw: Any,
    ) -> None:
        """Redistribute a table: *method* is ``HASH(a, b)`` or ``RANDOM``."""
        operations.invoke(cls(table_name, method, buckets, schema, **kw))

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.table_name, self.method), {"buckets": self.buckets, "schema": self.schema}

    def reverse(self) -> AlterTableDistributionOp:
        if self.existing_method is None:
            raise self._missing("existing_method")
        return AlterTableDistributionOp(
            self.table_name,
            self.existing_method,
            self.existing_buckets,
            self.schema,
            existing_method=self.method,
            existing_buckets=self.buckets,
        )


@Operations.register_operation("alter_table_order")
class AlterTableOrderOp(_TableOp):
    """Change the sort key."""

    operation = "alter_table_order"

    def __init__(
        self,
        table_name: str,
        order_by: str,
        schema: str | None = None,
        *,
        existing_order_by: str | None = None,
    ) -> None:
        super().__init__(table_name, schema)
        self.order_by = order_by
        self.existing_order_by = existing_order_by

    @classmethod
    def alter_table_order(
        cls,
        operations: Operations,
        table_name: str,
        order_by: str,
        schema: str | None = None,
        **kw: Any,
    ) -> None:
        """Sort a table by other columns, given as ``a, b``."""
        operations.invoke(cls(table_name, order_by, schema, **kw))

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.table_name, self.order_by), {"schema": self.schema}

    def reverse(self) -> AlterTableOrderOp:
        if self.existing_order_by is None:
            raise self._missing("existing_order_by")
        return AlterTableOrderOp(
            self.table_name,
            self.existing_order_by,
            self.schema,
            existing_order_by=self.order_by,
        )


@Operations.register_operation("alter_table_properties")
class AlterTablePropertiesOp(_TableOp):
    """Change properties; each is one statement. Reversing restores those that had a value."""

    operation = "alter_table_properties"

    def __init__(
        self,
        table_name: str,
        properties: Mapping[str, Any],
        schema: str | None = None,
        *,
        existing_properties: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(table_name, schema)
        self.properties = dict(properties)
        self.existing_properties = existing_properties

    @classmethod
    def alter_table_properties(
        cls,
        operations: Operations,
        table_name: str,
        properties: Mapping[str, Any],
        schema: str | None = None,
        **kw: Any,
    ) -> None:
        """Change properties of a table, one statement for each."""
        operations.invoke(cls(table_name, properties, schema, **kw))

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.table_name, self.properties), {"schema": self.schema}

    def reverse(self) -> AlterTablePropertiesOp:
        if self.existing_properties is None:
            raise self._missing("existing_properties")
        # A property that had no value stays: StarRocks has no statement to take one away.
        known = {n: v for n, v in self.existing_properties.items() if n in self.properties}
        return AlterTablePropertiesOp(
            self.table_name,
            known,
            self.schema,
            existing_properties={name: self.properties[name] for name in known},
        )


class _ImpossibleTableOp(_TableOp):
    """A change that StarRocks cannot make; it fails when it is executed."""

    what: ClassVar[str]

    def __init__(
        self, table_name: str, value: str, schema: str | None = None, *, existing: Any = None
    ) -> None:
        super().__init__(table_name, schema)
        self.value = value
        self.existing = existing

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.table_name, self.value), {"schema": self.schema}

    def reverse(self) -> MigrateOperation:
        if self.existing is None:
            raise self._missing("existing")
        return type(self)(self.table_name, self.existing, self.schema, existing=self.value)


@Operations.register_operation("alter_table_engine")
class AlterTableEngineOp(_ImpossibleTableOp):
    """Change the engine, which StarRocks cannot."""

    operation = "alter_table_engine"
    what = "the engine"

    @classmethod
    def alter_table_engine(
        cls, operations: Operations, table_name: str, engine: str, schema: str | None = None
    ) -> None:
        """Raise ``NotImplementedError``."""
        operations.invoke(cls(table_name, engine, schema))


@Operations.register_operation("alter_table_key")
class AlterTableKeyOp(_ImpossibleTableOp):
    """Change the key, which StarRocks cannot."""

    operation = "alter_table_key"
    what = "the key"

    @classmethod
    def alter_table_key(
        cls, operations: Operations, table_name: str, key: str, schema: str | None = None
    ) -> None:
        """Raise ``NotImplementedError``."""
        operations.invoke(cls(table_name, key, schema))


@Operations.register_operation("alter_table_partition")
class AlterTablePartitionOp(_ImpossibleTableOp):
    """Change the partitioning, which StarRocks cannot."""

    operation = "alter_table_partition"
    what = "the partitioning"

    @classmethod
    def alter_table_partition(
        cls, operations: Operations, table_name: str, partition_by: str, schema: str | None = None
    ) -> None:
        """Raise ``NotImplementedError``."""
        operations.invoke(cls(table_name, partition_by, schema))


class AlterAggregateColumnOp(alembic_ops.AlterColumnOp):
    """Alembic's AlterColumnOp, for a column whose aggregate type must be stated again."""


# --- execution ---------------------------------------------------------------------------------


@Operations.implementation_for(AlterTableOp)
def _alter_table(operations: Operations, op: AlterTableOp) -> None:
    operations.execute(ddl.SetComment(op.table_name, op.comment, op.schema))


@Operations.implementation_for(AlterTableDistributionOp)
def _alter_table_distribution(operations: Operations, op: AlterTableDistributionOp) -> None:
    operations.execute(ddl.SetDistribution(op.table_name, op.method, op.buckets, op.schema))
    logger.info(
        "StarRocks redistributes the rows in the background; see its progress with "
        "SHOW ALTER TABLE OPTIMIZE WHERE TableName = '%s'",
        op.table_name,
    )


@Operations.implementation_for(AlterTableOrderOp)
def _alter_table_order(operations: Operations, op: AlterTableOrderOp) -> None:
    operations.execute(ddl.SetOrder(op.table_name, op.order_by, op.schema))


@Operations.implementation_for(AlterTablePropertiesOp)
def _alter_table_properties(operations: Operations, op: AlterTablePropertiesOp) -> None:
    for name, value in property_items(op.properties):
        operations.execute(ddl.SetProperty(op.table_name, name, value, op.schema))


@Operations.implementation_for(AlterTableEngineOp)
@Operations.implementation_for(AlterTableKeyOp)
@Operations.implementation_for(AlterTablePartitionOp)
def _impossible(operations: Operations, op: _ImpossibleTableOp) -> None:
    raise NotImplementedError(
        f"StarRocks cannot change {op.what} of table {op.table_name!r}: create a table anew, copy "
        "the rows, and rename it"
    )
