"""Find what differs in views and materialized views."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alembic.operations import ops as alembic_ops
from sqlalchemy.sql.selectable import SelectBase

from starrocks.alembic import ops
from starrocks.alembic.normalize import (
    same_expression,
    same_names,
    same_query,
    same_refresh,
)
from starrocks.alembic.operation import logger
from starrocks.alembic.properties import changed_properties
from starrocks.dialect import StarRocksDialect
from starrocks.options import given_options, parse_distribution, property_items
from starrocks.reflection import ReflectedMaterializedView, ReflectedView
from starrocks.show_create import PartitionBy
from starrocks.sql.schema import MaterializedView, View

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

ViewKey = tuple["str | None", str]

_MV_CLAUSES = ("partition_by", "distributed_by", "order_by")


def compare_views(
    context: AutogenContext,
    upgrade_ops: alembic_ops.UpgradeOps,
    schemas: set[str | None],
    views: Mapping[ViewKey, View],
) -> None:
    """Add operations for views that are new, gone or different to *upgrade_ops*.

    *views* are those of the models, in the order in which to create them. Views are dropped before
    everything else and created after it. Raise ``NotImplementedError`` for a difference that
    neither ALTER nor redefining the query removes.
    """
    dropped: list[alembic_ops.MigrateOperation] = []
    added: list[alembic_ops.MigrateOperation] = []
    for materialized in (False, True):
        kind = "materialized_view" if materialized else "view"
        wanted = {
            key: view
            for key, view in views.items()
            if isinstance(view, MaterializedView) == materialized
            and context.run_object_filters(view, view.name, kind, False, None)  # type: ignore[arg-type]  # kinds of ours
        }
        existing = _existing(context, schemas, materialized)
        for key, reflected in existing.items():
            if key not in wanted and key not in views:
                logger.info("Detected removed %s %r", kind, key[1])
                dropped.insert(0, _drop(reflected))
            elif key not in wanted and isinstance(views[key], MaterializedView) != materialized:
                dropped.insert(0, _drop(reflected))  # it becomes one of the other kind
        for key, view in wanted.items():
            if key not in existing:
                logger.info("Detected added %s %r", kind, key[1])
                added.append(_create(key, view))
            else:
                compare = _compare_materialized if materialized else _compare_plain
                operation = compare(context, key, view, existing[key])
                if operation is not None:
                    added.append(operation)
    upgrade_ops.ops[:0] = dropped
    upgrade_ops.ops.extend(added)


def _existing(
    context: AutogenContext, schemas: set[str | None], materialized: bool
) -> dict[ViewKey, ReflectedView]:
    inspector: Any = context.inspector
    names = inspector.get_materialized_view_names if materialized else inspector.get_view_names
    get = inspector.get_materialized_view if materialized else inspector.get_view
    kind = "materialized_view" if materialized else "view"
    return {
        (schema, name): get(name, schema)
        for schema in sorted(schemas, key=lambda item: item or "")
        for name in names(schema)
        if context.run_name_filters(name, kind, {"schema_name": schema})  # type: ignore[arg-type]  # kinds of ours
    }


def definition_text(view: View) -> str:
    """Return the query of a model's view as text."""
    if isinstance(view.definition, SelectBase):
        # Not the connection's dialect: its driver may want percent signs doubled.
        dialect = StarRocksDialect(paramstyle="named")
        return str(view.definition.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    return view.definition


def _options(view: View) -> dict[str, Any]:
    """Return the options of a model's view, as operations take them."""
    options = given_options(view)
    options.pop("comment", None)
    if "properties" in options:
        options["properties"] = dict(property_items(options["properties"]))
    found: dict[str, Any] = {}
    if view.comment is not None:
        found["comment"] = view.comment
    if view.declared_columns:
        found["columns"] = [
            column.name if column.comment is None else column._asdict()
            for column in view.declared_columns
        ]
    return {**found, **{k: v if k == "properties" else str(v) for k, v in options.items()}}


def _reflected_options(view: ReflectedView) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if view.comment is not None:
        found["comment"] = view.comment
    found["columns"] = [
        name if comment is None else {"name": name, "comment": comment}
        for name, comment in view.columns
    ]
    if view.security is not None:
        found["security"] = view.security
    if isinstance(view, ReflectedMaterializedView):
        found |= {k: v if k == "properties" else str(v) for k, v in view.options.items()}
    return found


def _create(key: ViewKey, view: View) -> ops.CreateViewOp:
    materialized = isinstance(view, MaterializedView)
    operation = ops.CreateMaterializedViewOp if materialized else ops.CreateViewOp
    return operation(view.name, definition_text(view), key[0], **_options(view))


def _drop(view: ReflectedView) -> ops.DropViewOp:
    materialized = isinstance(view, ReflectedMaterializedView)
    operation = ops.DropMaterializedViewOp if materialized else ops.DropViewOp
    return operation(
        view.name,
        view.schema,
        existing_definition=view.definition,
        **{f"existing_{name}": value for name, value in _reflected_options(view).items()},
    )


def _warn_fixed(name: str, what: str, existing: object, wanted: object) -> None:
    logger.warning(
        "view %s: %s is %r and should be %r; StarRocks can alter a view's query only, so nothing is"
        " done about it",
        name,
        what,
        existing,
        wanted,
    )


def _compare_plain(
    context: AutogenContext, key: ViewKey, view: View, existing: ReflectedView
) -> ops.AlterViewOp | None:
    if (view.comment or None) != existing.comment:
        _warn_fixed(view.name, "the comment", existing.comment, view.comment)
    if (view.security or "NONE") != (existing.security or "NONE"):
        _warn_fixed(view.name, "the security", existing.security, view.security)
    definition = definition_text(view)
    names = [column.name for column in view.declared_columns]
    existing_names = [name for name, _ in existing.columns]
    renamed = bool(names) and [n.lower() for n in names] != [n.lower() for n in existing_names]
    if same_query(definition, existing.definition) and not renamed:
        return None
    logger.info("Detected changed view %r", view.name)
    options = _options(view)
    return ops.AlterViewOp(
        view.name,
        definition,
        key[0],
        columns=options.get("columns"),
        existing_definition=existing.definition,
        existing_columns=_reflected_options(existing)["columns"],
    )


def _compare_materialized(
    context: AutogenContext, key: ViewKey, view: View, existing: ReflectedView
) -> ops.AlterMaterializedViewOp | None:
    assert isinstance(existing, ReflectedMaterializedView)
    wanted = given_options(view)
    definition = definition_text(view)
    if not same_query(definition, existing.definition):
        logger.warning(
            "materialized view %s: StarRocks cannot change its query; the migration drops it and "
            "creates it anew, and its content is computed again",
            view.name,
        )
        return ops.AlterMaterializedViewOp(
            view.name,
            definition,
            key[0],
            **_options(view),
            existing_definition=existing.definition,
            **{f"existing_{k}": v for k, v in _reflected_options(existing).items()},
        )
    if (view.comment or None) != existing.comment:
        _warn_fixed(view.name, "the comment", existing.comment, view.comment)
    for clause in _MV_CLAUSES:
        if not _same_clause(clause, wanted.get(clause), existing.options.get(clause)):
            raise NotImplementedError(
                f"materialized view {view.name!r}: {clause} is "
                f"{str(existing.options.get(clause))!r} and should be {str(wanted.get(clause))!r}: "
                "StarRocks cannot change it, DROP and CREATE the materialized view"
            )
    changes: dict[str, Any] = {}
    refresh, existing_refresh = wanted.get("refresh"), existing.options.get("refresh")
    if refresh is not None and not same_refresh(str(refresh), str(existing_refresh or "")):
        changes |= {"refresh": str(refresh), "existing_refresh": existing_refresh or "MANUAL"}
    upgrade, downgrade = changed_properties(
        f"materialized view {view.name}",
        existing.options.get("properties", {}),
        wanted.get("properties"),
        getattr(context.dialect, "run_mode", "shared_nothing"),
        materialized=True,
    )
    if upgrade:
        changes |= {"properties": upgrade, "existing_properties": downgrade}
    if not changes:
        return None
    return ops.AlterMaterializedViewOp(view.name, schema=key[0], **changes)


def _same_clause(clause: str, wanted: Any, existing: Any) -> bool:
    if clause == "partition_by":
        if wanted is None or existing is None:
            return wanted is existing
        return same_expression(
            PartitionBy(existing).partition_method, PartitionBy(wanted).partition_method
        )
    if wanted is None:
        return True  # the server's choice
    if existing is None:
        return False
    if clause == "order_by":
        return same_names(str(wanted), str(existing))
    want, have = parse_distribution(str(wanted)), parse_distribution(str(existing))
    return (want.method, want.columns) == (have.method, have.columns) and want.buckets in (
        None,
        have.buckets,
    )
