"""Create, query, alter and drop views and materialized views.

    python view_examples.py [starrocks://user:password@host:9030/database]

Without a URL it runs on the loopback server of ``starrocks.testing``.
"""
# ruff: noqa: T201 - examples print

from __future__ import annotations

import sys
from contextlib import ExitStack

from sqlalchemy import Column, MetaData, Table, create_engine, func, inspect, select

from starrocks import BIGINT, DATE, INTEGER, STRING
from starrocks.reflection import StarRocksInspector
from starrocks.sql.ddl import AlterView, CreateView, DropView
from starrocks.sql.schema import MaterializedView, View
from starrocks.testing import StarRocksServer


def main(url: str) -> None:
    """Run the example on the database at *url*."""
    metadata = MetaData()
    visits = Table(
        "visits",
        metadata,
        Column("visit_date", DATE, nullable=False),
        Column("page", STRING),
        Column("seconds", INTEGER),
        starrocks_DISTRIBUTED_BY="RANDOM",
        starrocks_PROPERTIES={"replication_num": "1"},
    )
    # A query as text. Column objects name the columns and let us select by them.
    long_visits = View(
        "long_visits",
        "SELECT page, seconds FROM visits WHERE seconds > 60",
        metadata,
        Column("page", STRING),
        Column("seconds", INTEGER),
        comment="Visits that lasted",
        security="INVOKER",
    )
    # A query as a SELECT: its columns are known.
    page_totals = View(
        "page_totals",
        metadata,
        definition=select(visits.c.page, func.sum(visits.c.seconds).label("total")).group_by(
            visits.c.page
        ),
    )
    MaterializedView(
        "daily",
        metadata,
        Column("visit_date", DATE),
        Column("visits", BIGINT),
        definition="SELECT visit_date, count(1) AS visits FROM visits GROUP BY visit_date",
        partition_by="visit_date",
        refresh="ASYNC START('2025-01-01 00:00:00') EVERY(INTERVAL 1 DAY)",
        properties={"replication_num": "1"},
    )
    engine = create_engine(url)
    metadata.create_all(engine)  # tables first, then the views that were declared after them
    with engine.connect() as connection:
        connection.execute(
            visits.insert(),
            [
                {"visit_date": "2025-01-01", "page": "/", "seconds": 30},
                {"visit_date": "2025-01-01", "page": "/docs", "seconds": 90},
                {"visit_date": "2025-01-02", "page": "/docs", "seconds": 120},
            ],
        )
        connection.commit()
        print(connection.execute(select(long_visits).order_by(long_visits.c.seconds)).all())
        print(connection.execute(select(page_totals).order_by(page_totals.c.page)).all())

        shorter = View(
            "long_visits", "SELECT page, seconds FROM visits WHERE seconds > 20", MetaData()
        )
        connection.execute(AlterView(shorter))
        print(len(connection.execute(select(long_visits)).all()), "visits of 20 seconds or more")
        connection.execute(DropView(shorter, if_exists=True))
        connection.execute(CreateView(long_visits, or_replace=True))

        inspector = inspect(connection)
        assert isinstance(inspector, StarRocksInspector)
        view = inspector.get_view("long_visits")
        print(view.comment, view.security, [name for name, _ in view.columns])
        print(inspector.get_materialized_view("daily").options["refresh"])
    metadata.drop_all(engine)
    engine.dispose()


if __name__ == "__main__":
    with ExitStack() as stack:
        main(sys.argv[1] if len(sys.argv) > 1 else stack.enter_context(StarRocksServer()).url())
