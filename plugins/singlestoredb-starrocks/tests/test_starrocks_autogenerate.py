"""What autogenerate finds, what it leaves alone, and what it says about either."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.operations import Operations
from alembic.operations.ops import UpgradeOps
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Connection, ForeignKey, Index, MetaData, Table, create_engine, text
from sqlalchemy.types import NullType

from starrocks import (
    ARRAY,
    BIGINT,
    BOOLEAN,
    INTEGER,
    LARGEINT,
    MAP,
    STRING,
    STRUCT,
    TINYINT,
    VARCHAR,
)
from starrocks.alembic import (
    combine_include_object,
    include_object_for_view_mv,
    ops,
    render_column_type,
)
from starrocks.sql.schema import MaterializedView, View
from starrocks.testing import StarRocksServer


def found(connection: Connection, metadata: MetaData, **options: Any) -> UpgradeOps:
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True, **options}
    )
    migration = produce_migrations(context, metadata)
    assert migration.upgrade_ops is not None
    return migration.upgrade_ops


def code(upgrade: UpgradeOps) -> str:
    text = render_python_code(upgrade, render_item=render_column_type)
    lines = [line.strip() for line in text.splitlines() if not line.strip().startswith("#")]
    return "\n".join(lines)


def apply(connection: Connection, upgrade: Any) -> None:
    operations = Operations(MigrationContext.configure(connection))
    for operation in upgrade.ops:
        for each in getattr(operation, "ops", [operation]):
            operations.invoke(each)


def check(connection: Connection, metadata: MetaData, expected: str, **options: Any) -> None:
    """Find *expected*, apply it, find nothing more; undo it, and find it again."""
    upgrade = found(connection, metadata, **options)
    assert code(upgrade) == expected
    downgrade = upgrade.reverse()
    apply(connection, upgrade)
    assert code(found(connection, metadata, **options)) == "pass"
    apply(connection, downgrade)
    assert code(found(connection, metadata, **options)) == expected


@pytest.fixture
def existing(connection: Connection) -> Connection:
    connection.exec_driver_sql(
        "CREATE TABLE t (k INT NOT NULL, v INT) DUPLICATE KEY (k) COMMENT 'c'"
        ' DISTRIBUTED BY HASH(k) BUCKETS 8 PROPERTIES ("replication_num" = "1")'
    )
    return connection


def model(*columns: Any, **options: Any) -> MetaData:
    metadata = MetaData()
    settings: dict[str, Any] = {
        "comment": "c",
        "starrocks_duplicate_key": "k",
        "starrocks_distributed_by": "HASH(k) BUCKETS 8",
        "starrocks_properties": {"replication_num": "1"},
        **options,
    }
    columns = columns or (Column("k", INTEGER, nullable=False), Column("v", INTEGER))
    Table("t", metadata, *columns, **{k: v for k, v in settings.items() if v is not ...})
    return metadata


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "pass"),
        ({"starrocks_duplicate_key": ...}, "pass"),
        ({"starrocks_distributed_by": "hash(`k`)"}, "pass"),
        ({"comment": "d"}, "op.alter_table('t', comment='d')"),
        ({"comment": ...}, "op.alter_table('t', comment='')"),
        (
            {"starrocks_distributed_by": "HASH(k) BUCKETS 4"},
            "op.alter_table_distribution('t', 'HASH(k)', buckets=4)",
        ),
        (
            {"starrocks_distributed_by": "RANDOM"},
            "op.alter_table_distribution('t', 'RANDOM')",
        ),
        ({"starrocks_order_by": "v, k"}, "op.alter_table_order('t', 'v, k')"),
        (
            {"starrocks_properties": {"replication_num": "1", "compression": "ZSTD"}},
            "op.alter_table_properties('t', {'compression': 'ZSTD'})",
        ),
        (
            {"starrocks_properties": {"replication_num": 2}},
            "op.alter_table_properties('t', {'default.replication_num': '2'})",
        ),
        # A property the model does not mention goes back to its default.
        (
            {"starrocks_properties": ...},
            "op.alter_table_properties('t', {'default.replication_num': '3'})",
        ),
    ],
)
def test_table_attributes(existing: Connection, options: dict[str, Any], expected: str) -> None:
    check(existing, model(**options), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"starrocks_engine": "MYSQL"}, "the engine is 'OLAP' and should be 'MYSQL'"),
        ({"starrocks_duplicate_key": ..., "starrocks_unique_key": "k"}, "the key is"),
        ({"starrocks_partition_by": "date_trunc('day', k)"}, "partition_by is 'None'"),
        (
            {"starrocks_distributed_by": ...},
            r"state starrocks_distributed_by='HASH\(k\) BUCKETS 8'",
        ),
    ],
)
def test_table_attributes_that_cannot_change(
    existing: Connection, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(NotImplementedError, match=message):
        found(existing, model(**options))


def test_an_attribute_only_the_server_has_must_be_stated(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE t (k INT, v INT) PRIMARY KEY (k) PARTITION BY (k)")
    with pytest.raises(NotImplementedError, match="state starrocks_primary_key='k'"):
        found(connection, model(starrocks_duplicate_key=...))
    options = {"starrocks_duplicate_key": ..., "starrocks_primary_key": "k", "comment": ...}
    with pytest.raises(NotImplementedError, match="state starrocks_partition_by="):
        found(connection, model(**options))
    options |= {"starrocks_partition_by": "k", "starrocks_properties": ...}
    # The server distributes by the key if it is told nothing: so may the model be silent.
    columns = (Column("k", INTEGER), Column("v", INTEGER))
    assert (
        code(found(connection, model(*columns, **options, starrocks_distributed_by=...))) == "pass"
    )


def test_deprecated_name_of_the_distribution(existing: Connection) -> None:
    metadata = model(starrocks_distributed_by=..., starrocks_distribution="HASH(k) BUCKETS 8")
    with pytest.warns(DeprecationWarning, match="starrocks_distributed_by"):
        assert code(found(existing, metadata)) == "pass"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"starrocks_duplicate_key": "k, v"}, "which StarRocks cannot change"),
        ({"starrocks_properties": {"replication_num": "2"}}, "for future partitions only"),
        ({"starrocks_properties": {}}, "reset to its default '3'"),
        (
            {"comment": "d", "starrocks_order_by": "v"},
            "2 changes of table t in one migration",
        ),
        (
            {"starrocks_properties": {"replication_num": "1", "a": "1", "b": "2"}},
            "2 changes of table t in one migration",
        ),
    ],
)
def test_warnings(
    existing: Connection,
    caplog: pytest.LogCaptureFixture,
    options: dict[str, Any],
    message: str,
) -> None:
    with caplog.at_level(logging.WARNING, "starrocks"):
        found(existing, model(**options))
    assert message in caplog.text
    assert all(record.name == "starrocks.alembic" for record in caplog.records)


def test_nothing_is_said_where_nothing_differs(
    existing: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "starrocks"):
        found(existing, model())
    assert caplog.text == ""


def test_shared_data(caplog: pytest.LogCaptureFixture) -> None:
    with StarRocksServer(run_mode="shared_data") as server:
        engine = create_engine(server.url())
        with engine.connect() as connection:
            connection.exec_driver_sql(
                "CREATE TABLE t (k INT NOT NULL, v INT) COMMENT 'c' DISTRIBUTED BY HASH(k)"
                ' BUCKETS 8 PROPERTIES ("replication_num" = "1", "storage_medium" = "SSD")'
            )
            properties = {"storage_cooldown_time": "2025-01-01 00:00:00"}
            assert code(found(connection, model(starrocks_properties=properties))) == "pass"
        engine.dispose()
    assert "without effect in shared-data mode: storage_cooldown_time" in caplog.text


# --- columns ------------------------------------------------------------------------------------

K = Column("k", INTEGER, nullable=False)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (Column("v", TINYINT(4)), "type_=TINYINT(display_width=4)"),
        (Column("v", BIGINT), "type_=BIGINT()"),
        (Column("v", INTEGER, comment="it's"), 'comment="it\'s"'),
        (Column("v", INTEGER, server_default="5"), "server_default='5'"),
    ],
)
def test_columns(existing: Connection, column: Column[Any], expected: str) -> None:
    metadata = model(K._copy(), column)
    upgrade = found(existing, metadata)
    assert expected in code(upgrade)
    assert code(upgrade).startswith("op.alter_column('t', 'v',")
    assert "autoincrement" not in code(upgrade)
    apply(existing, upgrade)
    assert code(found(existing, metadata)) == "pass"


def test_columns_that_are_the_same_in_other_words(connection: Connection) -> None:
    connection.exec_driver_sql(
        "CREATE TABLE t (k INT, a BOOLEAN, b STRING, c BIGINT, d LARGEINT, e ARRAY<STRING>,"
        " f STRUCT<x INT, y MAP<INT, BOOLEAN>>) DISTRIBUTED BY RANDOM"
    )
    columns = [
        Column("k", INTEGER(5)),
        Column("a", TINYINT(1)),
        Column("b", VARCHAR(65533)),
        Column("c", BIGINT),
        Column("d", LARGEINT),
        Column("e", ARRAY(VARCHAR(65533))),
        Column("f", STRUCT(("x", INTEGER), ("y", MAP(INTEGER, BOOLEAN)))),
    ]
    options = {"comment": ..., "starrocks_distributed_by": ..., "starrocks_properties": ...}
    assert code(found(connection, model(*columns, **options))) == "pass"


def test_a_type_that_was_not_recognized_is_left_alone() -> None:
    impl = MigrationContext.configure(dialect_name="starrocks").impl
    assert not impl.compare_type(Column("a", NullType()), Column("a", INTEGER()))


def test_complex_types_differ_with_a_warning(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    connection.exec_driver_sql("CREATE TABLE t (k INT, s STRUCT<a INT, b INT>)")
    options = {"comment": ..., "starrocks_distributed_by": ..., "starrocks_properties": ...}
    columns = (Column("k", INTEGER), Column("s", STRUCT(b=INTEGER, a=INTEGER)))
    assert "type_=STRUCT(b=INTEGER(), a=INTEGER())" in code(
        found(connection, model(*columns, **options))
    )
    assert "cannot change columns of complex types" in caplog.text


def test_aggregate_columns(server: StarRocksServer, connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE t (k INT, v INT SUM) AGGREGATE KEY (k)")
    options = {
        "comment": ...,
        "starrocks_duplicate_key": ...,
        "starrocks_aggregate_key": "k",
        "starrocks_distributed_by": ...,
        "starrocks_properties": ...,
    }
    key = Column("k", INTEGER)
    changed = model(key, Column("v", BIGINT, starrocks_agg_type="sum"), **options)
    upgrade = found(connection, changed)
    assert "starrocks_agg_type='SUM'" in code(upgrade)
    apply(connection, upgrade)
    assert "ALTER TABLE t MODIFY COLUMN v BIGINT SUM NULL" in server.statements
    assert code(found(connection, changed)) == "pass"
    other = model(key._copy(), Column("v", BIGINT, starrocks_agg_type="MAX"), **options)
    with pytest.raises(NotImplementedError, match="aggregated by SUM and should be by MAX"):
        found(connection, other)


def test_auto_increment_differs_with_a_warning(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    connection.exec_driver_sql("CREATE TABLE t (k BIGINT NOT NULL) PRIMARY KEY (k)")
    options = {
        "comment": ...,
        "starrocks_duplicate_key": ...,
        "starrocks_primary_key": "k",
        "starrocks_distributed_by": ...,
        "starrocks_properties": ...,
    }
    column = Column("k", BIGINT, primary_key=True, autoincrement=True)
    assert code(found(connection, model(column, **options))) == "pass"
    assert "cannot change whether column k is AUTO_INCREMENT" in caplog.text


def test_what_starrocks_cannot_hold_is_not_missed_each_time(connection: Connection) -> None:
    metadata = MetaData()
    Table("a", metadata, Column("id", INTEGER, primary_key=True))
    b = Table(
        "b",
        metadata,
        Column("id", INTEGER, primary_key=True),
        Column("a_id", INTEGER, ForeignKey("a.id"), unique=True),
    )
    Index("ix", b.c.a_id)
    upgrade = found(connection, metadata)
    assert "op.create_index('ix', 'b', ['a_id'], unique=False)" in code(upgrade)
    apply(connection, upgrade)
    assert code(found(connection, metadata)) == "pass"


# --- views --------------------------------------------------------------------------------------


@pytest.fixture
def base(connection: Connection) -> Connection:
    connection.exec_driver_sql("CREATE TABLE base (a INT, s STRING)")
    connection.exec_driver_sql(
        "CREATE VIEW v COMMENT 'c' SECURITY INVOKER AS SELECT a FROM base WHERE s = 'A'"
    )
    connection.exec_driver_sql(
        "CREATE MATERIALIZED VIEW mv PARTITION BY s DISTRIBUTED BY HASH(s) BUCKETS 2"
        ' REFRESH ASYNC PROPERTIES ("replication_num" = "1") AS SELECT s, max(a) AS m FROM base'
        " GROUP BY s"
    )
    return connection


def views(view: dict[str, Any] | None = None, mv: dict[str, Any] | None = None) -> MetaData:
    metadata = MetaData()
    Table("base", metadata, Column("a", INTEGER), Column("s", STRING))
    if view is not None:
        settings: dict[str, Any] = {
            "definition": "SELECT a FROM base WHERE s = 'A'",
            "comment": "c",
            "security": "INVOKER",
        }
        View("v", metadata, **{**settings, **view})
    if mv is not None:
        settings = {
            "definition": "select s, max(a) as m from base group by s",
            "partition_by": "(`s`)",
            "distributed_by": "HASH(s)",
            "refresh": "IMMEDIATE ASYNC",
            "properties": {"replication_num": "1"},
        }
        MaterializedView("mv", metadata, **{**settings, **mv})
    return metadata


@pytest.mark.parametrize(
    ("view", "mv", "expected"),
    [
        ({}, {}, "pass"),
        ({}, {"refresh": None, "distributed_by": None}, "pass"),
        ({}, {"refresh": "SCHEDULE"}, "pass"),
        (
            {"definition": "select `base`.a /* x */ from base where s='A'"},
            {},
            "pass",
        ),
        (
            {"definition": "SELECT a FROM base WHERE s = 'a'"},
            {},
            "op.alter_view('v', \"SELECT a FROM base WHERE s = 'a'\")",
        ),
        (
            {"columns": ["b"]},
            {},
            "op.alter_view('v', \"SELECT a FROM base WHERE s = 'A'\", columns=['b'])",
        ),
        ({"comment": "d"}, {}, "pass"),
        ({"security": None}, {}, "pass"),
        (None, {}, "op.drop_view('v')"),
        ({}, None, "op.drop_materialized_view('mv')"),
        (
            {},
            {"refresh": "DEFERRED MANUAL", "properties": {"replication_num": "2"}},
            "op.alter_materialized_view('mv', refresh='DEFERRED MANUAL', "
            "properties={'replication_num': '2'})",
        ),
        (
            {},
            {"definition": "SELECT s, min(a) AS m FROM base GROUP BY s"},
            "op.alter_materialized_view(\n"
            "'mv',\n"
            "'SELECT s, min(a) AS m FROM base GROUP BY s',\n"
            "partition_by='(`s`)',\n"
            "distributed_by='HASH(s)',\n"
            "refresh='IMMEDIATE ASYNC',\n"
            "properties={'replication_num': '1'},\n"
            ")",
        ),
    ],
)
def test_views(
    base: Connection, view: dict[str, Any] | None, mv: dict[str, Any] | None, expected: str
) -> None:
    metadata = views(view, mv)
    check(base, metadata, expected)


@pytest.mark.parametrize(
    ("change", "clause"),
    [
        ({"partition_by": None}, "partition_by"),
        ({"distributed_by": "HASH(s) BUCKETS 9"}, "distributed_by"),
        ({"order_by": "m"}, "order_by"),
    ],
)
def test_materialized_views_that_cannot_change(
    base: Connection, change: dict[str, Any], clause: str
) -> None:
    with pytest.raises(NotImplementedError, match=f"{clause} is .* DROP and CREATE"):
        found(base, views({}, change))


def test_comment_and_security_of_views_warn(
    base: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    found(base, views({"comment": "d", "security": "NONE"}, {"comment": "e"}))
    assert caplog.text.count("StarRocks can alter a view's query only") == 3


def test_a_view_may_become_a_materialized_view(base: Connection) -> None:
    metadata = views({})
    MaterializedView("mv2", "SELECT a FROM base", metadata)
    View("mv", "SELECT s, max(a) AS m FROM base GROUP BY s", metadata)
    upgrade = found(base, metadata)
    assert code(upgrade).startswith("op.drop_materialized_view('mv')\nop.create_view('mv', ")
    apply(base, upgrade)
    assert code(found(base, metadata)) == "pass"


def test_a_table_that_is_to_be_a_view_is_refused(existing: Connection) -> None:
    for columns in ([], [Column("k", INTEGER, nullable=False), Column("v", INTEGER)]):
        metadata = MetaData()
        View("t", "SELECT 1 AS k, 2 AS v", metadata, *columns)
        with pytest.raises(NotImplementedError, match="a table in the database and a view in the"):
            found(existing, metadata)


def test_filters_see_views(base: Connection) -> None:
    metadata = views()

    def names(name: str | None, type_: str, parents: Any) -> bool:
        return type_ != "view"

    upgrade = found(base, metadata, include_name=names)
    assert code(upgrade) == "op.drop_materialized_view('mv')"
    for include in (
        include_object_for_view_mv,
        combine_include_object(lambda object, name, type_, reflected, other: name != "mv"),
    ):
        wanted = views({}, {})
        assert code(found(base, wanted, include_object=include)) in (
            "pass",
            "op.drop_materialized_view('mv')",
        )
    assert not include_object_for_view_mv(views({}).tables["v"], "v", "table", False, None)


def test_schemas(base: Connection) -> None:
    metadata = views({}, {})
    View("elsewhere", "SELECT 1 AS one", metadata, schema="other")
    upgrade = found(base, metadata, include_schemas=True)
    assert code(upgrade) == "op.create_view('elsewhere', 'SELECT 1 AS one', schema='other')"
    apply(base, upgrade)
    assert code(found(base, metadata, include_schemas=True)) == "pass"
    assert (
        code(found(base, metadata))
        == "op.create_view('elsewhere', 'SELECT 1 AS one', schema='other')"
    )
    diffs = found(base, MetaData(), include_schemas=True).as_diffs()
    assert ("drop_view", "other", "elsewhere", {"schema": "other", "if_exists": None}) in diffs


# --- operations ---------------------------------------------------------------------------------


class Recorder:
    """Alembic's ``op``, in offline mode."""

    def __init__(self) -> None:
        import io

        self.buffer = io.StringIO()
        context = MigrationContext.configure(
            dialect_name="starrocks",
            opts={"as_sql": True, "output_buffer": self.buffer},
            dialect_opts={"paramstyle": "named"},
        )
        self.op: Any = Operations(context)

    def sql(self) -> list[str]:
        return [part.strip() for part in self.buffer.getvalue().split(";") if part.strip()]


def test_operations_execute_as_documented() -> None:
    recorder = Recorder()
    op = recorder.op
    op.create_view("v", "SELECT 1 AS a", comment="it's", security="INVOKER", columns=["a"])
    op.alter_view("v", "SELECT 2 AS a", schema="s")
    op.drop_view("v", if_exists=True)
    op.create_materialized_view("m", "SELECT 1 AS a", starrocks_refresh="MANUAL", or_replace=True)
    op.alter_materialized_view("m", refresh="ASYNC", properties={"a": "b"})
    op.alter_materialized_view("m", "SELECT 2 AS a", refresh="MANUAL")
    op.drop_materialized_view("m")
    op.alter_table("t", comment="it's")
    op.alter_table_distribution("t", "HASH(a)", buckets=8)
    op.alter_table_order("t", "a, b")
    op.alter_table_properties("t", {"k": 'v"', "n": True}, schema="s")
    op.rename_table("t", "u")
    op.add_column("t", Column("c", INTEGER, starrocks_agg_type="SUM"))
    op.drop_column("t", "c")
    op.create_table_comment("t", "x")
    op.drop_table_comment("t")
    assert recorder.sql() == [
        "CREATE VIEW v (\n    a\n)\nCOMMENT 'it''s'\nSECURITY INVOKER\nAS\nSELECT 1 AS a",
        "ALTER VIEW s.v AS SELECT 2 AS a",
        "DROP VIEW IF EXISTS v",
        "CREATE OR REPLACE MATERIALIZED VIEW m\nREFRESH MANUAL\nAS\nSELECT 1 AS a",
        "ALTER MATERIALIZED VIEW m REFRESH ASYNC",
        'ALTER MATERIALIZED VIEW m SET ("a" = "b")',
        "DROP MATERIALIZED VIEW m",
        "CREATE MATERIALIZED VIEW m\nREFRESH MANUAL\nAS\nSELECT 2 AS a",
        "DROP MATERIALIZED VIEW m",
        "ALTER TABLE t COMMENT='it''s'",
        "ALTER TABLE t DISTRIBUTED BY HASH(a) BUCKETS 8",
        "ALTER TABLE t ORDER BY (a, b)",
        'ALTER TABLE s.t SET ("k" = "v\\"")',
        'ALTER TABLE s.t SET ("n" = "true")',
        "ALTER TABLE t RENAME u",
        "ALTER TABLE t ADD COLUMN c INTEGER SUM",
        "ALTER TABLE t DROP COLUMN c",
        "ALTER TABLE t COMMENT='x'",
        "ALTER TABLE t COMMENT=''",
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            {"type_": BIGINT(), "existing_nullable": False, "existing_comment": "it's"},
            "MODIFY COLUMN c BIGINT NOT NULL COMMENT 'it''s'",
        ),
        (
            {
                "nullable": True,
                "existing_type": STRING(),
                "existing_server_default": "x",
                "comment": None,
            },
            "MODIFY COLUMN c STRING NULL DEFAULT 'x' COMMENT ''",
        ),
        ({"new_column_name": "d"}, "RENAME COLUMN c TO d"),
        (
            {"new_column_name": "d", "existing_type": BIGINT(), "existing_nullable": False},
            "RENAME COLUMN c TO d",
        ),
        (
            {"new_column_name": "d", "type_": BIGINT(), "existing_nullable": False},
            "MODIFY COLUMN c BIGINT NOT NULL, RENAME COLUMN c TO d",
        ),
        ({"server_default": "5", "existing_type": BIGINT()}, "MODIFY COLUMN c DEFAULT '5'"),
        (
            {"server_default": text("CURRENT_TIMESTAMP")},
            "MODIFY COLUMN c DEFAULT CURRENT_TIMESTAMP",
        ),
        (
            {"type_": BIGINT(), "starrocks_agg_type": "SUM"},
            "MODIFY COLUMN c BIGINT SUM NULL",
        ),
    ],
)
def test_alter_column(arguments: dict[str, Any], expected: str) -> None:
    recorder = Recorder()
    recorder.op.alter_column("t", "c", **arguments)
    assert recorder.sql() == [f"ALTER TABLE t {expected}"]


def test_alter_column_says_what_it_cannot_do() -> None:
    op = Recorder().op
    with pytest.raises(NotImplementedError, match=r"cannot drop the default of column t\.c"):
        op.alter_column("t", "c", server_default=None, existing_server_default="x")
    with pytest.raises(Exception, match="give existing_type"):
        op.alter_column("t", "c", nullable=True)


@pytest.mark.parametrize("what", ["engine", "key", "partition"])
def test_changes_that_starrocks_does_not_have(what: str) -> None:
    with pytest.raises(NotImplementedError, match="create a table anew"):
        getattr(Recorder().op, f"alter_table_{what}")("t", "x")


def test_operations_reverse_only_with_what_was_there() -> None:
    for operation in (
        ops.DropViewOp("v"),
        ops.AlterViewOp("v", "SELECT 1"),
        ops.AlterMaterializedViewOp("m", refresh="ASYNC"),
        ops.AlterTableOp("t", comment="c"),
        ops.AlterTableDistributionOp("t", "RANDOM"),
        ops.AlterTableOrderOp("t", "a"),
        ops.AlterTablePropertiesOp("t", {"a": "b"}),
        ops.AlterTableEngineOp("t", "x"),
    ):
        with pytest.raises(NotImplementedError, match="cannot be reversed without existing"):
            operation.reverse()
    created = ops.CreateViewOp("v", "SELECT 1 AS a", "s", comment="c")
    back = created.reverse().reverse()
    assert (back.definition, back.schema, back.options) == ("SELECT 1 AS a", "s", {"comment": "c"})
    moved = ops.AlterTableDistributionOp(
        "t", "RANDOM", existing_method="HASH(a)", existing_buckets=3
    )
    assert moved.reverse().arguments() == (("t", "HASH(a)"), {"buckets": 3, "schema": None})
    assert moved.to_diff_tuple() == ("alter_table_distribution", None, "t", "RANDOM", None)
    properties = ops.AlterTablePropertiesOp(
        "t", {"a": "1", "b": "2"}, existing_properties={"a": "0"}
    )
    assert properties.reverse().properties == {"a": "0"}
    with pytest.raises(ValueError, match="not comment"):
        ops.AlterMaterializedViewOp("m", comment="c")


@pytest.mark.parametrize("include", [None, lambda *_: True, include_object_for_view_mv])
def test_a_view_is_not_logged_as_a_table(
    connection: Connection, caplog: pytest.LogCaptureFixture, include: Any
) -> None:
    metadata = MetaData()
    View("v", metadata, definition="SELECT 1 AS one")
    MaterializedView("mv", metadata, definition="SELECT 1 AS one")
    with caplog.at_level(logging.INFO):
        upgrade = found(connection, metadata, include_object=include)
    assert "Detected added view 'v'" in caplog.text
    assert "Detected added materialized_view 'mv'" in caplog.text
    assert "added table" not in caplog.text
    apply(connection, upgrade)
    caplog.clear()
    with caplog.at_level(logging.INFO):
        assert found(connection, metadata, include_object=include).is_empty()
    assert "Detected" not in caplog.text
