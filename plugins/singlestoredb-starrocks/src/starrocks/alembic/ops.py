"""Operations of migrations, such as ``op.create_view``: what they execute, how they reverse."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from alembic.operations import MigrateOperation, Operations
from alembic.operations import ops as alembic_ops
from sqlalchemy import MetaData

from starrocks.options import PREFIX, property_items
from starrocks.sql import ddl
from starrocks.sql.schema import MaterializedView, View

logger = logging.getLogger("starrocks.alembic")

Columns = Sequence[Any]


class StarRocksOp(MigrateOperation):
    """Base of the operations below."""

    operation: ClassVar[str]
    """Its name as a method of ``op``."""

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the positional and keyword arguments to write into a migration."""
        raise NotImplementedError

    def _missing(self, names: str) -> NotImplementedError:
        return NotImplementedError(
            f"op.{self.operation} cannot be reversed without {names}: what was there is not known"
        )


# --- views --------------------------------------------------------------------------------------


class _ViewOp(StarRocksOp):
    view_class: ClassVar[type[View]] = View

    def __init__(self, view_name: str, schema: str | None = None) -> None:
        self.view_name = view_name
        self.schema = schema

    def _view(self, definition: str, attributes: Mapping[str, Any]) -> View:
        view: View = self.view_class(
            self.view_name,
            MetaData(),
            definition=definition,
            schema=self.schema,
            **{name: value for name, value in attributes.items() if value is not None},
        )
        return view

    def to_diff_tuple(self) -> tuple[Any, ...]:
        positional, keywords = self.arguments()
        return (self.operation, self.schema, *positional, keywords)


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with ``starrocks_`` taken off their names."""
    return {name.lower().removeprefix(PREFIX): value for name, value in options.items()}


@Operations.register_operation("create_view")
class CreateViewOp(_ViewOp):
    """Create a view. Options: *comment*, *columns*, *security*."""

    operation = "create_view"
    drop: ClassVar[type[DropViewOp]]

    def __init__(
        self,
        view_name: str,
        definition: str,
        schema: str | None = None,
        *,
        or_replace: bool = False,
        if_not_exists: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(view_name, schema)
        self.definition = definition
        self.or_replace = or_replace
        self.if_not_exists = if_not_exists
        self.options = _plain(options)

    @classmethod
    def create_view(
        cls,
        operations: Operations,
        view_name: str,
        definition: str,
        schema: str | None = None,
        **kw: Any,
    ) -> None:
        """Create a view; see :class:`starrocks.sql.schema.View` for the options."""
        operations.invoke(cls(view_name, definition, schema, **kw))

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.view_name, self.definition), {
            "schema": self.schema,
            **self.options,
            "or_replace": self.or_replace or None,
            "if_not_exists": self.if_not_exists or None,
        }

    def reverse(self) -> DropViewOp:
        return self.drop(
            self.view_name,
            self.schema,
            existing_definition=self.definition,
            **{f"existing_{name}": value for name, value in self.options.items()},
        )

    def view(self) -> View:
        """Return the view to create."""
        return self._view(self.definition, self.options)


@Operations.register_operation("drop_view")
class DropViewOp(_ViewOp):
    """Drop a view; *existing_definition* and other ``existing_…`` options make it reversible."""

    operation = "drop_view"
    create: ClassVar[type[CreateViewOp]] = CreateViewOp

    def __init__(
        self,
        view_name: str,
        schema: str | None = None,
        *,
        if_exists: bool = False,
        existing_definition: str | None = None,
        **existing: Any,
    ) -> None:
        super().__init__(view_name, schema)
        self.if_exists = if_exists
        self.existing_definition = existing_definition
        self.existing = {name.removeprefix("existing_"): v for name, v in existing.items()}

    @classmethod
    def drop_view(
        cls, operations: Operations, view_name: str, schema: str | None = None, **kw: Any
    ) -> None:
        """Drop a view; ``if_exists=True`` tolerates that there is none."""
        operations.invoke(cls(view_name, schema, **kw))

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.view_name,), {"schema": self.schema, "if_exists": self.if_exists or None}

    def reverse(self) -> CreateViewOp:
        if self.existing_definition is None:
            raise self._missing("existing_definition")
        return self.create(self.view_name, self.existing_definition, self.schema, **self.existing)

    def view(self) -> View:
        """Return a view of the name to drop."""
        return self._view(self.existing_definition or "SELECT 1", {})


CreateViewOp.drop = DropViewOp


@Operations.register_operation("alter_view")
class AlterViewOp(_ViewOp):
    """Redefine the query of a view and name its columns; StarRocks can alter nothing else."""

    operation = "alter_view"

    def __init__(
        self,
        view_name: str,
        definition: str,
        schema: str | None = None,
        *,
        columns: Columns | None = None,
        existing_definition: str | None = None,
        existing_columns: Columns | None = None,
    ) -> None:
        super().__init__(view_name, schema)
        self.definition = definition
        self.columns = columns
        self.existing_definition = existing_definition
        self.existing_columns = existing_columns

    @classmethod
    def alter_view(
        cls,
        operations: Operations,
        view_name: str,
        definition: str,
        schema: str | None = None,
        **kw: Any,
    ) -> None:
        """Redefine the query of a view."""
        operations.invoke(cls(view_name, definition, schema, **kw))

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.view_name, self.definition), {"schema": self.schema, "columns": self.columns}

    def reverse(self) -> AlterViewOp:
        if self.existing_definition is None:
            raise self._missing("existing_definition")
        return AlterViewOp(
            self.view_name,
            self.existing_definition,
            self.schema,
            columns=self.existing_columns,
            existing_definition=self.definition,
            existing_columns=self.columns,
        )

    def view(self) -> View:
        """Return the view as it is to be."""
        return self._view(self.definition, {"columns": self.columns})


@Operations.register_operation("create_materialized_view")
class CreateMaterializedViewOp(CreateViewOp):
    """Create a materialized view, with the options of :class:`MaterializedView`."""

    operation = "create_materialized_view"
    view_class = MaterializedView

    @classmethod
    def create_materialized_view(
        cls,
        operations: Operations,
        view_name: str,
        definition: str,
        schema: str | None = None,
        **kw: Any,
    ) -> None:
        """Create a materialized view; see :class:`starrocks.sql.schema.MaterializedView`."""
        operations.invoke(cls(view_name, definition, schema, **kw))


@Operations.register_operation("drop_materialized_view")
class DropMaterializedViewOp(DropViewOp):
    """Drop a materialized view."""

    operation = "drop_materialized_view"
    view_class = MaterializedView
    create = CreateMaterializedViewOp

    @classmethod
    def drop_materialized_view(
        cls, operations: Operations, view_name: str, schema: str | None = None, **kw: Any
    ) -> None:
        """Drop a materialized view; ``if_exists=True`` tolerates that there is none."""
        operations.invoke(cls(view_name, schema, **kw))


CreateMaterializedViewOp.drop = DropMaterializedViewOp


@Operations.register_operation("alter_materialized_view")
class AlterMaterializedViewOp(_ViewOp):
    """Change refresh scheme and properties, or, if *definition* is given, everything.

    StarRocks cannot alter the query of a materialized view: with a *definition* it is dropped and
    created anew with the options given here, and its content is computed again.
    """

    operation = "alter_materialized_view"
    view_class = MaterializedView

    def __init__(
        self,
        view_name: str,
        definition: str | None = None,
        schema: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(view_name, schema)
        plain = _plain(options)
        self.definition = definition
        self.options = {k: v for k, v in plain.items() if not k.startswith("existing_")}
        self.existing = {
            k.removeprefix("existing_"): v for k, v in plain.items() if k.startswith("existing_")
        }
        if definition is None:
            unknown = sorted(set(self.options) - {"refresh", "properties"})
            if unknown or not self.options:
                raise ValueError(
                    "without a definition, a materialized view can change refresh and properties"
                    + (f", not {', '.join(unknown)}" if unknown else "")
                )

    @classmethod
    def alter_materialized_view(
        cls,
        operations: Operations,
        view_name: str,
        definition: str | None = None,
        schema: str | None = None,
        **kw: Any,
    ) -> None:
        """Change a materialized view."""
        operations.invoke(cls(view_name, definition, schema, **kw))

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        positional = (
            (self.view_name,) if self.definition is None else (self.view_name, self.definition)
        )
        return positional, {"schema": self.schema, **self.options}

    def reverse(self) -> AlterMaterializedViewOp:
        wanted = set(self.options) if self.definition is None else {"definition"}
        if not wanted <= set(self.existing):
            raise self._missing(", ".join(f"existing_{name}" for name in sorted(wanted)))
        now = dict(self.options)
        if self.definition is not None:
            now["definition"] = self.definition
        return AlterMaterializedViewOp(
            self.view_name,
            schema=self.schema,
            **self.existing,
            **{f"existing_{name}": value for name, value in now.items()},
        )

    def view(self) -> View:
        """Return the materialized view as it is to be."""
        return self._view(self.definition or "SELECT 1", self.options)


# --- tables -------------------------------------------------------------------------------------


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


# --- execution ----------------------------------------------------------------------------------


@Operations.implementation_for(CreateViewOp)
def _create_view(operations: Operations, op: CreateViewOp) -> None:
    operations.execute(ddl.CreateView(op.view(), op.or_replace, op.if_not_exists))


@Operations.implementation_for(CreateMaterializedViewOp)
def _create_materialized_view(operations: Operations, op: CreateMaterializedViewOp) -> None:
    operations.execute(ddl.CreateMaterializedView(op.view(), op.or_replace, op.if_not_exists))


@Operations.implementation_for(DropViewOp)
@Operations.implementation_for(DropMaterializedViewOp)
def _drop_view(operations: Operations, op: DropViewOp) -> None:
    operations.execute(ddl.DropView(op.view(), op.if_exists))


@Operations.implementation_for(AlterViewOp)
def _alter_view(operations: Operations, op: AlterViewOp) -> None:
    operations.execute(ddl.AlterView(op.view()))


@Operations.implementation_for(AlterMaterializedViewOp)
def _alter_materialized_view(operations: Operations, op: AlterMaterializedViewOp) -> None:
    if op.definition is not None:
        view = op.view()
        operations.execute(ddl.DropMaterializedView(view))
        operations.execute(ddl.CreateMaterializedView(view))
        return
    refresh, properties = op.options.get("refresh"), op.options.get("properties")
    if refresh is not None:
        operations.execute(ddl.AlterMaterializedView(op.view_name, op.schema, refresh=refresh))
    if properties:
        operations.execute(
            ddl.AlterMaterializedView(op.view_name, op.schema, properties=properties)
        )


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
