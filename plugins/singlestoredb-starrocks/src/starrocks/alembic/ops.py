"""Operations of migrations, such as ``op.create_view``; importing this registers them."""

from starrocks.alembic.operation import StarRocksOp
from starrocks.alembic.table_ops import (
    AlterAggregateColumnOp,
    AlterTableDistributionOp,
    AlterTableEngineOp,
    AlterTableKeyOp,
    AlterTableOp,
    AlterTableOrderOp,
    AlterTablePartitionOp,
    AlterTablePropertiesOp,
)
from starrocks.alembic.view_ops import (
    AlterMaterializedViewOp,
    AlterViewOp,
    CreateMaterializedViewOp,
    CreateViewOp,
    DropMaterializedViewOp,
    DropViewOp,
)

__all__ = [
    "AlterAggregateColumnOp",
    "AlterMaterializedViewOp",
    "AlterTableDistributionOp",
    "AlterTableEngineOp",
    "AlterTableKeyOp",
    "AlterTableOp",
    "AlterTableOrderOp",
    "AlterTablePartitionOp",
    "AlterTablePropertiesOp",
    "AlterViewOp",
    "CreateMaterializedViewOp",
    "CreateViewOp",
    "DropMaterializedViewOp",
    "DropViewOp",
    "StarRocksOp",
]
