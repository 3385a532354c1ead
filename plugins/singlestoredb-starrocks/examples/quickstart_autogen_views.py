"""Generate a migration for views, apply it, and see that nothing is left to do.

    python quickstart_autogen_views.py [starrocks://user:password@host:9030/database]

Without a URL it runs on the loopback server of ``starrocks.testing``. A project does the same with
``alembic revision --autogenerate`` and ``alembic upgrade head``; see the README.
"""
# ruff: noqa: T201 - examples print

from __future__ import annotations

import sys
from contextlib import ExitStack

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Connection, MetaData, Table, create_engine

from starrocks import INTEGER, VARCHAR
from starrocks.alembic import render_column_type  # importing it registers the operations, too
from starrocks.sql.schema import MaterializedView, View
from starrocks.testing import StarRocksServer

metadata = MetaData()

Table(
    "orders",
    metadata,
    Column("id", INTEGER, primary_key=True),
    Column("customer", VARCHAR(50)),
    Column("amount", INTEGER),
    starrocks_PRIMARY_KEY="id",
    starrocks_DISTRIBUTED_BY="HASH(id) BUCKETS 4",
    starrocks_PROPERTIES={"replication_num": "1"},
)
View("large_orders", "SELECT id, customer FROM orders WHERE amount > 1000", metadata)
MaterializedView(
    "customer_totals",
    "SELECT customer, sum(amount) AS total FROM orders GROUP BY customer",
    metadata,
    refresh="DEFERRED MANUAL",
    properties={"replication_num": "1"},
)


def migrate(connection: Connection) -> int:
    """Bring the database up to the models, and return the number of operations it took."""
    context = MigrationContext.configure(connection)
    migration = produce_migrations(context, metadata)
    assert migration.upgrade_ops is not None
    print(
        render_python_code(
            migration.upgrade_ops, render_item=render_column_type, migration_context=context
        )
    )
    operations = Operations(context)
    for operation in migration.upgrade_ops.ops:
        operations.invoke(operation)
    return len(migration.upgrade_ops.ops)


def main(url: str) -> None:
    """Run the example on the database at *url*."""
    engine = create_engine(url)
    with engine.connect() as connection:
        print(f"{migrate(connection)} operations")
        print(f"{migrate(connection)} operations")
    engine.dispose()


if __name__ == "__main__":
    with ExitStack() as stack:
        main(sys.argv[1] if len(sys.argv) > 1 else stack.enter_context(StarRocksServer()).url())
