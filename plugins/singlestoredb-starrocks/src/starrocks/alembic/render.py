"""Write types and operations into migration scripts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from alembic.autogenerate import renderers
from alembic.operations import ops as alembic_ops

from starrocks import datatype
from starrocks.alembic import ops

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


def render_column_type(
    type_: str, obj: Any, autogen_context: AutogenContext
) -> str | Literal[False]:
    """Write a StarRocks type; give it to ``context.configure(render_item=…)``.

    Return ``False`` for everything else, which leaves it to Alembic.
    """
    if type_ != "type" or type(obj).__module__ != datatype.__name__:
        return False
    autogen_context.imports.add("from starrocks import *")
    return _type(obj, autogen_context)


def _type(type_: Any, context: AutogenContext) -> str:
    if isinstance(type_, datatype.ARRAY):
        return f"ARRAY({_type(type_.item_type, context)})"
    if isinstance(type_, datatype.MAP):
        return f"MAP({_type(type_.key_type, context)}, {_type(type_.value_type, context)})"
    if isinstance(type_, datatype.STRUCT):
        return datatype.struct_repr([(name, _type(field, context)) for name, field in type_.fields])
    if type(type_).__module__.startswith("sqlalchemy.sql."):
        return f"{context.opts.get('sqlalchemy_module_prefix') or ''}{type_!r}"
    return repr(type_)


def _call(context: AutogenContext, name: str, arguments: Iterable[str]) -> str:
    """Write ``op.name(…)``: on one line if it is short or simple, else an argument per line."""
    prefix = context.opts.get("alembic_module_prefix") or ""
    written = list(arguments)
    line = ", ".join(written)
    if len(written) <= 2 or len(line) <= 80:
        return f"{prefix}{name}({line})"
    body = ",\n".join(f"    {argument}" for argument in written)
    return f"{prefix}{name}(\n{body},\n)"


@renderers.dispatch_for(ops.CreateViewOp)
@renderers.dispatch_for(ops.AlterViewOp)
@renderers.dispatch_for(ops.DropViewOp)
@renderers.dispatch_for(ops.CreateMaterializedViewOp)
@renderers.dispatch_for(ops.AlterMaterializedViewOp)
@renderers.dispatch_for(ops.DropMaterializedViewOp)
@renderers.dispatch_for(ops.AlterTableOp)
@renderers.dispatch_for(ops.AlterTableDistributionOp)
@renderers.dispatch_for(ops.AlterTableOrderOp)
@renderers.dispatch_for(ops.AlterTablePropertiesOp)
@renderers.dispatch_for(ops.AlterTableEngineOp)
@renderers.dispatch_for(ops.AlterTableKeyOp)
@renderers.dispatch_for(ops.AlterTablePartitionOp)
def _operation(context: AutogenContext, op: ops.StarRocksOp) -> str:
    positional, keywords = op.arguments()
    written = [repr(value) for value in positional]
    written += [f"{name}={value!r}" for name, value in keywords.items() if value is not None]
    return _call(context, op.operation, written)


@renderers.dispatch_for(ops.AlterAggregateColumnOp)
def _alter_aggregate_column(context: AutogenContext, op: ops.AlterAggregateColumnOp) -> str:
    text: str = renderers.dispatch(alembic_ops.AlterColumnOp(op.table_name, op.column_name))(
        context, op
    )
    return f"{text[:-1]},\n           starrocks_agg_type={op.kw['starrocks_agg_type']!r})"
