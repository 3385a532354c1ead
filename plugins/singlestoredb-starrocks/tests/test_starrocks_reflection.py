"""Reflection: tables, views, materialized views, and what is missing."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Column, Connection, Engine, MetaData, Table, inspect, select
from sqlalchemy.exc import NoSuchTableError

from starrocks import DATE, INTEGER, STRING
from starrocks.dialect import StarRocksDialect
from starrocks.reflection import StarRocksInspector, _default
from starrocks.show_create import PartitionBy, clauses
from starrocks.sql.schema import MaterializedView, View
from starrocks.testing import StarRocksServer


def test_a_table_with_everything(connection: Connection) -> None:
    connection.exec_driver_sql(
        """
        CREATE TABLE t (
            k BIGINT NOT NULL AUTO_INCREMENT COMMENT 'key AUTO_INCREMENT',
            d DATE NOT NULL,
            ts DATETIME DEFAULT CURRENT_TIMESTAMP,
            u VARCHAR(36) DEFAULT (uuid()),
            n VARCHAR(10) NOT NULL DEFAULT 'it''s',
            g BIGINT AS (k + 1)
        )
        PRIMARY KEY (k, d)
        COMMENT 'all of it'
        PARTITION BY RANGE (d) (PARTITION p1 VALUES LESS THAN ('2024-01-01'))
        DISTRIBUTED BY HASH(k) BUCKETS 3
        ORDER BY (n, d)
        PROPERTIES ("replication_num" = "1")
        """
    )
    table = Table("t", MetaData(), autoload_with=connection)
    assert [(c.name, repr(c.type), c.nullable) for c in table.columns] == [
        ("k", "BIGINT(display_width=20)", False),
        ("d", "DATE()", False),
        ("ts", "DATETIME()", True),
        ("u", "VARCHAR(length=36)", True),
        ("n", "VARCHAR(length=10)", False),
        ("g", "BIGINT(display_width=20)", True),
    ]
    assert [column.autoincrement for column in table.columns] == [True, *["auto"] * 5]
    defaults = [c.server_default for c in table.columns]
    assert [str(getattr(d, "arg", None)) for d in defaults[1:5]] == [
        "None",
        "CURRENT_TIMESTAMP",
        "(uuid())",
        "'it''s'",
    ]
    assert str(table.c.g.computed.sqltext) == "k + 1"  # type: ignore[union-attr]  # it is computed
    assert table.c.k.comment == "key AUTO_INCREMENT"
    assert table.comment == "all of it"
    assert [column.name for column in table.primary_key] == ["k", "d"]
    assert table.info == {"table_kind": "TABLE"}
    options = dict(table.kwargs)
    partition = options.pop("starrocks_partition_by")
    assert options.pop("starrocks_properties")["replication_num"] == "1"
    assert options == {
        "starrocks_engine": "OLAP",
        "starrocks_primary_key": "k, d",
        "starrocks_distributed_by": "HASH(k) BUCKETS 3",
        "starrocks_order_by": "n, d",
    }
    assert isinstance(partition, PartitionBy)
    assert (partition.type, partition.partition_method) == ("RANGE", "RANGE(`d`)")
    assert partition.pre_created_partitions == (
        '(PARTITION p1 VALUES [("0000-01-01"), ("2024-01-01")))'
    )
    assert str(partition) == 'RANGE(`d`) (PARTITION p1 VALUES [("0000-01-01"), ("2024-01-01")))'


@pytest.mark.parametrize("key", ["DUPLICATE", "AGGREGATE", "UNIQUE"])
def test_models(connection: Connection, key: str) -> None:
    aggregate = " SUM" if key == "AGGREGATE" else ""
    connection.exec_driver_sql(f"CREATE TABLE t (a INT, b INT{aggregate}) {key} KEY (a)")
    table = Table("t", MetaData(), autoload_with=connection)
    assert table.kwargs[f"starrocks_{key.lower()}_key"] == "a"
    assert table.c.b.kwargs.get("starrocks_agg_type") == ("SUM" if aggregate else None)
    inspector = inspect(connection)
    assert inspector.get_pk_constraint("t") == {"constrained_columns": ["a"], "name": None}
    for call in (
        inspector.get_indexes,
        inspector.get_unique_constraints,
        inspector.get_foreign_keys,
        inspector.get_check_constraints,
    ):
        assert call("t") == []
    assert inspector.get_table_comment("t") == {"text": None}


def test_views_and_materialized_views(engine: Engine) -> None:
    metadata = MetaData()
    Table("base", metadata, Column("a", INTEGER), Column("d", DATE), Column("s", STRING))
    View(
        "v",
        "SELECT a, s FROM base",
        metadata,
        columns=["x", {"name": "y", "comment": "why"}],
        comment="a view",
        security="INVOKER",
    )
    View("plain", "SELECT a FROM base", metadata)
    MaterializedView(
        "mv",
        "SELECT d, count(*) AS n FROM base GROUP BY d",
        metadata,
        comment="a materialized view",
        partition_by="d",
        distributed_by="HASH(d) BUCKETS 2",
        order_by="n",
        refresh="DEFERRED ASYNC EVERY(INTERVAL 2 HOUR)",
        properties={"replication_num": "1"},
    )
    metadata.create_all(engine)
    metadata.create_all(engine)  # finds everything there
    inspector = inspect(engine)
    assert isinstance(inspector, StarRocksInspector)
    assert inspector.get_table_names() == ["base"]
    assert sorted(inspector.get_view_names()) == ["plain", "v"]
    assert inspector.get_materialized_view_names() == ["mv"]
    view = inspector.get_view("v")
    assert (view.comment, view.security) == ("a view", "INVOKER")
    assert view.columns == (("x", None), ("y", "why"))
    plain = inspector.get_view("plain")
    assert (plain.comment, plain.security) == (None, None)
    assert inspector.get_view_definition("plain") == plain.definition
    mv = inspector.get_materialized_view("mv")
    assert mv.comment == "a materialized view"
    assert mv.options == {
        "distributed_by": "HASH(d) BUCKETS 2",
        "order_by": "n",
        "properties": {"replication_num": "1"},
        "partition_by": "`d`",
        "refresh": "DEFERRED ASYNC EVERY(INTERVAL 2 HOUR)",
    }
    assert inspector.get_materialized_view_definition("mv").startswith("SELECT")
    assert inspector.get_view_definition("mv") == mv.definition

    reflected = MetaData()
    reflected.reflect(engine, views=True)
    kinds = {table.name: table.info["table_kind"] for table in reflected.tables.values()}
    assert kinds == {
        "base": "TABLE",
        "v": "VIEW",
        "plain": "VIEW",
        "mv": "MATERIALIZED_VIEW",
    }
    assert reflected.tables["mv"].info["definition"] == mv.definition
    assert reflected.tables["v"].kwargs["starrocks_security"] == "INVOKER"
    metadata.drop_all(engine)
    assert inspect(engine).get_table_names() == inspect(engine).get_view_names() == []


def test_other_databases(engine: Engine) -> None:
    metadata = MetaData()
    Table("t", metadata, Column("a", INTEGER), schema="other", comment="there")
    metadata.create_all(engine)
    inspector = inspect(engine)
    assert inspector.get_table_names() == []
    assert inspector.get_table_names("other") == ["t"]
    assert inspector.has_table("t", "other")
    assert not inspector.has_table("t")
    assert not inspector.has_table("t", "nowhere")
    reflected = Table("t", MetaData(), schema="other", autoload_with=engine)
    assert reflected.comment == "there"
    with engine.connect() as connection:
        assert connection.execute(select(reflected)).all() == []


def test_what_is_not_there(connection: Connection) -> None:
    inspector: Any = inspect(connection)
    for call in (
        inspector.get_columns,
        inspector.get_pk_constraint,
        inspector.get_table_comment,
        inspector.get_table_options,
        inspector.get_indexes,
        inspector.get_view_definition,
        inspector.get_view,
        inspector.get_materialized_view,
    ):
        with pytest.raises(NoSuchTableError):
            call("missing")
    with pytest.raises(NoSuchTableError):
        Table("missing", MetaData(), autoload_with=connection)


def test_catalogs_without_some_tables(server: StarRocksServer, connection: Connection) -> None:
    from starrocks.testing import show

    connection.exec_driver_sql("CREATE TABLE t (a INT)")
    known = dict(show.INFORMATION_SCHEMA)
    try:
        for name in ("tables_config", "views", "materialized_views"):
            del show.INFORMATION_SCHEMA[name]
        inspector = inspect(connection)
        assert inspector.get_view_names() == inspector.get_materialized_view_names() == []
        table = Table("t", MetaData(), autoload_with=connection)
        assert dict(table.kwargs) == {}
        assert [column.name for column in table.columns] == ["a"]
    finally:
        show.INFORMATION_SCHEMA.update(known)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("NULL", None),
        ("", "''"),
        ("it's \\", "'it''s \\\\'"),
        ("uuid()", "(uuid())"),
        ("CURRENT_TIMESTAMP", "'CURRENT_TIMESTAMP'"),
    ],
)
def test_defaults(value: str | None, expected: str | None) -> None:
    assert _default(value, STRING()) == expected


def test_clauses_are_found_only_where_they_are() -> None:
    statement = (
        'CREATE TABLE `order by` (`comment` int COMMENT "DISTRIBUTED BY, ORDER BY")\n'
        "ENGINE=OLAP PRIMARY KEY(`a`) PARTITION BY RANGE(`x`)\n"
        '(PARTITION p VALUES [("1"), ("2")))\n'
        'DISTRIBUTED BY HASH(`a`) BUCKETS 2 PROPERTIES ("comment" = "AS");'
    )
    assert clauses(statement) == {
        "engine": "=OLAP",
        "primary_key": "(`a`)",
        "partition_by": 'RANGE(`x`)\n(PARTITION p VALUES [("1"), ("2")))',
        "distributed_by": "HASH(`a`) BUCKETS 2",
        "properties": '("comment" = "AS")',
    }
    view = "CREATE VIEW v COMMENT 'AS' SECURITY INVOKER AS SELECT 1 AS a ORDER BY a"
    assert clauses(view)["as"] == "SELECT 1 AS a ORDER BY a"


def test_the_dialect_knows_what_it_is() -> None:
    dialect = StarRocksDialect()
    assert (dialect.name, dialect.paramstyle) == ("starrocks", "format")
    assert dialect.supports_statement_cache
    assert not dialect.supports_native_boolean
    assert dialect.max_identifier_length == 255
