"""Views of one name in several databases: what a name means, and how they are kept apart.

    python view_naming_examples.py [starrocks://user:password@host:9030/database]

Without a URL it runs on the loopback server of ``starrocks.testing``. With one, the user must be
allowed to create the databases ``naming_east`` and ``naming_west``.
"""
# ruff: noqa: T201 - examples print

from __future__ import annotations

import sys
from contextlib import ExitStack

from sqlalchemy import MetaData, create_engine, inspect, text

from starrocks.reflection import StarRocksInspector
from starrocks.sql.schema import View
from starrocks.testing import StarRocksServer


def main(url: str) -> None:
    """Run the example on the database at *url*."""
    metadata = MetaData()
    # The same name in two databases is two views; without a schema it is the URL's database.
    View("answer", "SELECT 41 AS n", metadata, schema="naming_east")
    View("answer", "SELECT 42 AS n", metadata, schema="naming_west")
    View("answer", "SELECT 43 AS n", metadata)
    # Names that need quoting are quoted, here and in migrations.
    View("odd name", "SELECT 44 AS n", metadata, columns=["the `number`"])
    print(sorted(metadata.tables))
    print(sorted(metadata.info["views"], key=str))

    engine = create_engine(url)
    with engine.connect() as connection:
        for database in ("naming_east", "naming_west"):
            connection.execute(text(f"CREATE DATABASE IF NOT EXISTS {database}"))
    metadata.create_all(engine)
    with engine.connect() as connection:
        for name in ("naming_east.answer", "naming_west.answer", "answer"):
            print(name, connection.execute(text(f"SELECT n FROM {name}")).scalar())
        inspector = inspect(connection)
        assert isinstance(inspector, StarRocksInspector)
        print(inspector.get_view_names("naming_east"), sorted(inspector.get_view_names()))
        print(inspector.get_view("odd name").columns)
    metadata.drop_all(engine)
    with engine.connect() as connection:
        for database in ("naming_east", "naming_west"):
            connection.execute(text(f"DROP DATABASE {database}"))
    engine.dispose()


if __name__ == "__main__":
    with ExitStack() as stack:
        main(sys.argv[1] if len(sys.argv) > 1 else stack.enter_context(StarRocksServer()).url())
