"""Operations on views: what they execute, how they reverse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from alembic.operations import Operations
from sqlalchemy import MetaData

from starrocks.alembic.operation import StarRocksOp
from starrocks.options import PREFIX
from starrocks.sql import ddl
from starrocks.sql.schema import MaterializedView, View

Columns = Sequence[Any]


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


# --- execution ---------------------------------------------------------------------------------


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
