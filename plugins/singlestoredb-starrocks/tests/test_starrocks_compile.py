"""Statements and DDL: every clause, its place, its escaping, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Column, Computed, MetaData, Table, cast, delete, select, text
from sqlalchemy.exc import ArgumentError, CompileError
from sqlalchemy.schema import CreateTable, DropTable

from starrocks import BIGINT, BITMAP, DATE, DATETIME, INTEGER, JSON, LARGEINT, STRING, VARCHAR
from starrocks.dialect import StarRocksDialect
from starrocks.sql import ddl, files
from starrocks.sql.schema import MaterializedView, View

DIALECT = StarRocksDialect(paramstyle="named")


def sql(element: Any, **kw: Any) -> str:
    return str(element.compile(dialect=DIALECT, **kw))


def table(*columns: Any, **options: Any) -> Table:
    return Table(
        "t", MetaData(), *(columns or (Column("k", INTEGER), Column("v", INTEGER))), **options
    )


def create(*columns: Any, **options: Any) -> str:
    return sql(CreateTable(table(*columns, **options)))


# --- tables -------------------------------------------------------------------------------------


def test_all_clauses_in_order() -> None:
    made = Table(
        "t1",
        MetaData(),
        Column("id", BIGINT, primary_key=True, autoincrement=True),
        Column("dt", DATE, nullable=False),
        Column("n", VARCHAR(10), server_default="x", comment="it's"),
        Column("ts", DATETIME, server_default=text("CURRENT_TIMESTAMP")),
        Column("g", INTEGER, Computed("id+1")),
        Column("u", VARCHAR(36), server_default=text("(uuid())")),
        prefixes=["TEMPORARY"],
        comment="c",
        starrocks_ENGINE="MYSQL",
        starrocks_primary_key="id",
        starrocks_partition_by="date_trunc('day', dt)",
        starrocks_distributed_by="HASH(id) BUCKETS 4",
        starrocks_order_by="dt, id",
        starrocks_refresh="ASYNC",
        starrocks_properties={"replication_num": "1", "a": True},
    )
    assert sql(CreateTable(made, if_not_exists=True)) == (
        "CREATE TEMPORARY TABLE IF NOT EXISTS t1 (\n"
        "    id BIGINT NOT NULL AUTO_INCREMENT,\n"
        "    dt DATE NOT NULL,\n"
        "    n VARCHAR(10) DEFAULT 'x' COMMENT 'it''s',\n"
        "    ts DATETIME DEFAULT CURRENT_TIMESTAMP,\n"
        "    g INTEGER AS (id+1),\n"
        "    u VARCHAR(36) DEFAULT (uuid())\n"
        ")\n"
        "ENGINE=MYSQL\n"
        "PRIMARY KEY (id)\n"
        "COMMENT 'c'\n"
        "PARTITION BY date_trunc('day', dt)\n"
        "DISTRIBUTED BY HASH(id) BUCKETS 4\n"
        "ORDER BY (dt, id)\n"
        "REFRESH ASYNC\n"
        "PROPERTIES(\n"
        '    "replication_num"="1",\n'
        '    "a"="true"\n'
        ")"
    )


@pytest.mark.parametrize("kind", ["primary", "duplicate", "aggregate", "unique"])
@pytest.mark.parametrize("spelling", ["k", "(k)", "`k`", " ( k ) "])
@pytest.mark.parametrize("upper", [False, True])
def test_keys(kind: str, spelling: str, upper: bool) -> None:
    option = f"{kind}_key"
    text = create(**{f"starrocks_{option.upper() if upper else option}": spelling})
    assert text == f"CREATE TABLE t (\n    k INTEGER,\n    v INTEGER\n)\n{kind.upper()} KEY (k)"


def test_a_table_without_options_has_no_clauses() -> None:
    plain = create(
        Column("k", INTEGER, primary_key=True),
        Column("v", INTEGER, sa.ForeignKey("t.k"), unique=True),
        sa.UniqueConstraint("k", "v"),
        sa.CheckConstraint("v > 0"),
        starrocks_engine="olap",
    )
    assert plain == "CREATE TABLE t (\n    k INTEGER NOT NULL,\n    v INTEGER\n)"
    assert sql(DropTable(table())) == "DROP TABLE t"
    index = sa.Index("ix", table().c.k)
    assert sql(sa.schema.CreateIndex(index)) == "CREATE INDEX ix ON t (k)"


def test_everything_is_escaped() -> None:
    nasty = 'it\'s a \\ "q" %'
    text = create(
        Column("a`b", INTEGER, comment=nasty),
        Column("bitmap", STRING, server_default=nasty),
        comment=nasty,
        starrocks_duplicate_key="`a``b`, bitmap",
        starrocks_properties=[(nasty, nasty)],
    )
    quoted = "'it''s a \\\\ \"q\" %'"
    assert f"`a``b` INTEGER COMMENT {quoted}" in text
    assert f"`bitmap` STRING DEFAULT {quoted}" in text
    assert "DUPLICATE KEY (`a``b`, `bitmap`)" in text
    assert f")\nDUPLICATE KEY (`a``b`, `bitmap`)\nCOMMENT {quoted}\n" in text
    prop = '"it\'s a \\\\ \\"q\\" %"'
    assert f"    {prop}={prop}\n" in text


def test_percent_signs_are_doubled_where_drivers_interpolate() -> None:
    made = table(
        Column("a%", INTEGER),
        comment="%",
        starrocks_partition_by="f('%Y')",
        starrocks_properties={"%": "%"},
    )
    text = str(CreateTable(made).compile(dialect=StarRocksDialect()))
    assert text.replace("%%", "") == text.replace("%", "")
    assert text.count("%%") == 5


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ((), {"starrocks_primary_key": "k", "starrocks_UNIQUE_KEY": "k"}, "a table has one key"),
        ((), {"starrocks_duplicate_key": "k + 1"}, "is not a list of columns"),
        ((), {"starrocks_properties": "x"}, "dict or a list of pairs"),
        ((), {"starrocks_properties": ["x"]}, "not a property and its value"),
        (
            (Column("k", INTEGER, primary_key=True), Column("v", INTEGER)),
            {"starrocks_primary_key": "k, v"},
            "differ from starrocks_primary_key",
        ),
        ((Column("k", INTEGER, starrocks_agg_type="SUM"),), {}, "only valid for AGGREGATE KEY"),
        (
            (Column("k", INTEGER, starrocks_is_agg_key=True),),
            {"starrocks_primary_key": "k"},
            "only valid for AGGREGATE KEY",
        ),
        (
            (Column("k", INTEGER, starrocks_is_agg_key=True, starrocks_agg_type="SUM"),),
            {"starrocks_aggregate_key": "k"},
            "cannot be both KEY and aggregated",
        ),
        (
            (Column("k", INTEGER), Column("v", INTEGER, starrocks_agg_type="AVG")),
            {"starrocks_aggregate_key": "k"},
            "'AVG' is not an aggregate type",
        ),
    ],
)
def test_what_cannot_be_created_is_refused(columns: Any, options: Any, message: str) -> None:
    with pytest.raises(CompileError, match=message):
        create(*columns, **options)


@pytest.mark.parametrize("kind", ["primary", "duplicate", "aggregate", "unique"])
@pytest.mark.parametrize("upper", [False, True])
def test_keys_are_columns(kind: str, upper: bool) -> None:
    option = f"{kind}_key"
    option = option.upper() if upper else option
    with pytest.raises(
        CompileError, match=rf"{kind.upper()} KEY \('k, zz'\) not found in table: zz"
    ):
        create(**{f"starrocks_{option}": "k, zz"})


@pytest.mark.parametrize("option", ["starrocks_Primary_Key", "starrocks_nonsense"])
def test_unknown_options_are_refused(option: str) -> None:
    with pytest.raises(ArgumentError, match=option):
        table(**{option: "k"})
    with pytest.raises(ArgumentError, match="Argument"):
        Column("c", INTEGER, starrocks_Agg_Type="SUM")
    with pytest.raises(ArgumentError, match="given twice"):
        create(starrocks_primary_key="k", starrocks_PRIMARY_KEY="v")


def test_the_comment_option_is_the_comment() -> None:
    assert table(starrocks_COMMENT="c").comment == "c"
    assert "COMMENT 'c'" in create(starrocks_comment="c")
    with pytest.raises(ArgumentError, match="give one of them"):
        table(starrocks_COMMENT="c", comment="d")


def test_aggregate_columns() -> None:
    assert create(
        Column("k", DATE, primary_key=True, starrocks_is_agg_key=True),
        Column("v", INTEGER, nullable=False, starrocks_agg_type="SUM", server_default="0"),
        Column("u", BITMAP, starrocks_AGG_TYPE="bitmap_union"),
        starrocks_AGGREGATE_KEY="k",
    ) == (
        "CREATE TABLE t (\n"
        "    k DATE KEY NOT NULL,\n"
        "    v INTEGER SUM NOT NULL DEFAULT '0',\n"
        "    u BITMAP bitmap_union\n"
        ")\nAGGREGATE KEY (k)"
    )


def test_autoincrement_must_be_asked_for() -> None:
    assert "k INTEGER NOT NULL\n" in create(Column("k", INTEGER, primary_key=True))
    for column in (
        Column("k", INTEGER, primary_key=True, autoincrement=True),
        Column("k", INTEGER, server_default=text("AUTO_INCREMENT")),
    ):
        assert "k BIGINT NOT NULL AUTO_INCREMENT\n" in create(column)


# --- statements ---------------------------------------------------------------------------------


def test_statements() -> None:
    t = table()
    assert sql(delete(t)) == "TRUNCATE TABLE t"
    assert sql(delete(t).where(t.c.k == 1)) == "DELETE FROM t WHERE t.k = :k_1"
    limited = select(t.c.k).limit(3).offset(4)
    assert sql(limited).endswith("LIMIT :param_1 OFFSET :param_2")
    assert sql(select(t.c.k).offset(4)).endswith("t OFFSET :param_1")
    assert "LIMIT %s OFFSET %s" in str(limited.compile(dialect=StarRocksDialect()))
    assert "CAST(t.k AS BOOLEAN)" in sql(cast(t.c.k, sa.Boolean))
    assert "CAST(t.k AS CHAR)" in sql(cast(t.c.k, sa.String))
    assert "CAST(t.k AS SIGNED INTEGER)" in sql(cast(t.c.k, sa.Integer))
    assert "CAST(t.k AS LARGEINT)" in sql(cast(t.c.k, LARGEINT))
    assert "CAST(t.k AS DOUBLE)" in sql(cast(t.c.k, sa.Double))
    j = table(Column("j", JSON)).c.j
    assert sql(j["a"]) == "JSON_EXTRACT(t.j, :j_1)"


def test_a_cached_delete_is_still_a_truncate() -> None:
    t = table()
    for _ in range(2):
        compiled = delete(t).compile(dialect=DIALECT)
        assert compiled.isdelete
        assert str(compiled) == "TRUNCATE TABLE t"


# --- views --------------------------------------------------------------------------------------


def test_views() -> None:
    view = View(
        "v",
        MetaData(),
        definition="SELECT a, b FROM t;",
        columns=["a", {"name": "b", "comment": "it's"}],
        comment="it's",
        starrocks_SECURITY="invoker",
        schema="s",
    )
    body = "s.v (\n    a,\n    b COMMENT 'it''s'\n)"
    tail = "\nCOMMENT 'it''s'\nSECURITY INVOKER\nAS\nSELECT a, b FROM t"
    assert sql(ddl.CreateView(view)) == f"CREATE VIEW {body}{tail}"
    assert sql(ddl.CreateView(view, or_replace=True)) == f"CREATE OR REPLACE VIEW {body}{tail}"
    assert sql(CreateTable(view, if_not_exists=True)) == f"CREATE VIEW IF NOT EXISTS {body}{tail}"
    assert sql(ddl.AlterView(view)) == f"ALTER VIEW {body}\nAS SELECT a, b FROM t"
    assert sql(ddl.DropView(view)) == "DROP VIEW s.v"
    assert sql(DropTable(view, if_exists=True)) == "DROP VIEW IF EXISTS s.v"


def test_materialized_views() -> None:
    view = MaterializedView(
        "mv",
        "SELECT a FROM t",
        MetaData(),
        comment="c",
        partition_by="a",
        distributed_by="HASH(a)",
        order_by="a",
        refresh_moment="DEFERRED",
        refresh_type="ASYNC",
        properties={"k": 'v"'},
    )
    assert sql(ddl.CreateMaterializedView(view, if_not_exists=True)) == (
        "CREATE MATERIALIZED VIEW IF NOT EXISTS mv\n"
        "COMMENT 'c'\nPARTITION BY a\nDISTRIBUTED BY HASH(a)\nORDER BY (a)\n"
        'REFRESH DEFERRED ASYNC\nPROPERTIES(\n    "k"="v\\""\n)\nAS\nSELECT a FROM t'
    )
    assert sql(ddl.DropMaterializedView(view, if_exists=True)) == (
        "DROP MATERIALIZED VIEW IF EXISTS mv"
    )
    assert sql(ddl.AlterMaterializedView("mv", "s", refresh="MANUAL")) == (
        "ALTER MATERIALIZED VIEW s.mv REFRESH MANUAL"
    )
    assert sql(ddl.AlterMaterializedView("mv", properties={"a": "b", "c": 'd"'})) == (
        'ALTER MATERIALIZED VIEW mv SET ("a" = "b", "c" = "d\\"")'
    )
    with pytest.raises(CompileError, match="one statement for each"):
        sql(ddl.AlterMaterializedView("mv", refresh="MANUAL", properties={"a": "b"}))


def test_a_select_defines_a_view() -> None:
    t = table()
    view = View(
        "v",
        MetaData(),
        definition=select(t.c.k, sa.func.max(t.c.v).label("m")).where(t.c.k == "x'y"),
    )
    assert [column.name for column in view.columns] == ["k", "m"]
    text = sql(CreateTable(view))
    assert text.startswith("CREATE VIEW v\nAS\nSELECT t.k, max(t.v) AS m")
    assert text.endswith("WHERE t.k = 'x''y'")


# --- FILES --------------------------------------------------------------------------------------


def test_unloading_to_files() -> None:
    target = files.FilesTarget(
        files.AmazonS3(uri="s3://b/p", region="eu", secret_key="it's", use_instance_profile=False),
        files.ParquetFormat(version="2.6", compression=files.Compression.ZSTD),
        files.FilesTargetOptions(single=True, extra="x"),
    )
    assert sql(files.InsertIntoFiles(target=target, from_=select(table().c.k))) == (
        "INSERT INTO FILES(\n"
        "'path' = 's3://b/p',\n"
        "'aws.s3.use_instance_profile' = 'false',\n"
        "'aws.s3.region' = 'eu',\n"
        "'aws.s3.secret_key' = 'it''s',\n"
        "'format' = 'parquet',\n"
        "'compression' = 'zstd',\n"
        "'parquet.version' = '2.6',\n"
        "'extra' = 'x',\n"
        "'single' = 'true'\n"
        ")\n SELECT t.k \nFROM t"
    )
    assert "it's" not in repr(target._parts)


def test_loading_from_files() -> None:
    source = files.FilesSource(
        files.AzureDataLakeStorage2(uri="abfss://c@a/p.csv", shared_key="k"),
        files.CSVFormat(column_separator=",", enclose='"', skip_header=1, trim_space=True),
        files.FilesSourceOptions(columns_from_path=["a", "b"]),
    )
    text = sql(
        files.InsertFromFiles(target=table(), from_=source, columns=["k", sa.literal_column("$2")])
    )
    assert text.startswith(
        "INSERT INTO t\n SELECT k, $2\n FROM FILES(\n'path' = 'abfss://c@a/p.csv',\n"
    )
    assert "'azure.adls2.shared_key' = 'k'" in text
    assert "'csv.skip_header' = '1',\n'csv.trim_space' = 'true'" in text
    assert text.endswith("'columns_from_path' = 'a,b'\n)")
    everything = sql(files.InsertFromFiles(target=table(), from_=source))
    assert "SELECT *\n FROM FILES(" in everything
    valued = source.table_valued(sa.literal_column("$1"))
    selected = sql(select(valued))
    assert selected.startswith("SELECT anon_1.$1 \nFROM FILES(\n")
    assert selected.endswith(") AS anon_1")


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: files.AmazonS3(uri="gs://b"), ValueError),
        (lambda: files.CSVFormat(column_separator="||"), TypeError),
        (lambda: files.CSVFormat(row_delimiter="\n", line_delimiter="\n"), TypeError),
        (lambda: files.CSVFormat(enclose="x"), TypeError),
        (lambda: files.CSVFormat(escape="x"), TypeError),
        (lambda: files.CSVFormat(skip_header=-1), TypeError),
    ],
)
def test_files_refuse_what_the_server_would(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        make()
