"""Any table a model can express comes back from the server without a difference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Computed, Engine, MetaData, Table, create_engine, inspect, text
from sqlalchemy.schema import CreateTable
from sqlalchemy.types import TypeEngine

import starrocks.alembic  # noqa: F401  # registers the comparison
from starrocks import datatype as dt
from starrocks.dialect import StarRocksDialect
from starrocks.reflection import StarRocksInspector
from starrocks.show_create import auto_increment_columns, clauses
from starrocks.sql.schema import MaterializedView, View
from starrocks.testing import StarRocksServer
from starrocks.type_parser import parse_type

# Identifiers and texts with all that has a meaning somewhere on the way.
names = st.text(st.sampled_from("abcXYZ019_$ `%é-.'\"\\:()"), min_size=1, max_size=12).filter(
    lambda name: name.strip() == name and name.lower() not in ("k0", "k1", "main")
)
texts = st.text(st.sampled_from("abc 09`%é'\"\\;:()\n--/*"), max_size=20)

scalar_types: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        [
            dt.BOOLEAN(),
            dt.TINYINT(),
            dt.TINYINT(display_width=4),
            dt.SMALLINT(),
            dt.INTEGER(),
            dt.BIGINT(display_width=20),
            dt.LARGEINT(),
            dt.DECIMAL(),
            dt.FLOAT(),
            dt.DOUBLE(),
            dt.DATE(),
            dt.DATETIME(),
            dt.STRING(),
            dt.VARCHAR(),
            dt.CHAR(),
            dt.JSON(),
            dt.BINARY(),
            dt.VARBINARY(20),
        ]
    ),
    st.integers(1, 65533).map(dt.VARCHAR),
    st.integers(1, 255).map(dt.CHAR),
    st.tuples(st.integers(1, 38), st.integers(0, 10)).map(
        lambda pair: dt.DECIMAL(max(pair), min(pair))
    ),
)
types = st.recursive(
    scalar_types,
    lambda inner: st.one_of(
        inner.map(dt.ARRAY),
        st.tuples(scalar_types, inner).map(lambda pair: dt.MAP(*pair)),
        st.lists(
            st.tuples(names, inner), min_size=1, max_size=3, unique_by=lambda f: f[0].lower()
        ).map(lambda fields: dt.STRUCT(*fields)),
    ),
    max_leaves=4,
)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    key_types: Any = st.sampled_from([dt.INTEGER(), dt.BIGINT(), dt.DATE(), dt.VARCHAR(20)])
    model = draw(
        st.sampled_from([None, "primary_key", "duplicate_key", "aggregate_key", "unique_key"])
    )
    columns: list[Column[Any]] = [
        Column(
            "k0",
            dt.BIGINT(),
            primary_key=True,
            autoincrement=draw(st.booleans()) if model == "primary_key" else "auto",
        ),
        Column("k1", draw(key_types), primary_key=True, comment=draw(st.none() | texts)),
    ]
    for name in draw(st.lists(names, max_size=5, unique_by=str.lower)):
        type_: Any = draw(types)
        default: Any = None
        options: dict[str, Any] = {}
        if isinstance(type_, (dt.STRING, dt.VARCHAR, dt.CHAR)):
            default = draw(st.none() | texts.filter(lambda value: not value.endswith(")")))
            default = None if default == "NULL" else default
        elif isinstance(type_, dt.DATETIME):
            default = draw(st.sampled_from([None, text("CURRENT_TIMESTAMP")]))
        elif isinstance(type_, (dt.INTEGER, dt.BIGINT, dt.DECIMAL)):
            default = draw(st.sampled_from([None, "0", "17"]))
        if model == "aggregate_key":
            options["starrocks_agg_type"] = draw(st.sampled_from(["REPLACE", "max", "SUM"]))
        columns.append(
            Column(
                name,
                type_,
                nullable=draw(st.booleans()),
                server_default=default,
                comment=draw(st.none() | texts),
                **options,
            )
        )
    if model in (None, "primary_key", "duplicate_key") and draw(st.booleans()):
        columns.append(Column("computed", dt.BIGINT(), Computed("k0 + 1")))
    options = {}
    if model is not None:
        options[f"starrocks_{model}"] = "k0, k1"
    if draw(st.booleans()):
        options["starrocks_distributed_by"] = draw(
            st.sampled_from(["HASH(k0)", "HASH(k1, k0) BUCKETS 7", "hash(`k0`) buckets 3"])
        )
    elif model in (None, "duplicate_key") and draw(st.booleans()):
        options["starrocks_distributed_by"] = draw(st.sampled_from(["RANDOM", "RANDOM BUCKETS 4"]))
    partition = draw(
        st.sampled_from(
            [
                None,
                "date_trunc('day', k1)",
                'date_trunc("month", k1)',
                "RANGE(k1) (PARTITION p1 VALUES LESS THAN ('2020-01-01'),"
                " PARTITION p2 VALUES LESS THAN (MAXVALUE))",
                "LIST (k1) (PARTITION pa VALUES IN ('a', 'b'))",
                "(k0, k1)",
            ]
        )
    )
    if partition is not None:
        options["starrocks_partition_by"] = partition
    if draw(st.booleans()):
        options["starrocks_order_by"] = draw(st.sampled_from(["k1", "(k1, k0)", "`k1`"]))
    properties = draw(
        st.dictionaries(
            st.sampled_from(["replication_num", "storage_medium", "compression", "custom.x"]),
            st.sampled_from(["1", "ZSTD", 'quo"te', "back\\slash", "per%cent", "it's"]),
            max_size=3,
        )
    )
    if properties:
        options["starrocks_PROPERTIES"] = properties
    name = draw(names)
    return Table(name, MetaData(), *columns, comment=draw(st.none() | texts), **options)


@pytest.fixture(scope="module")
def shared() -> Iterator[Engine]:
    with StarRocksServer() as server:
        engine = create_engine(server.url())
        yield engine
        engine.dispose()


def differences(engine: Engine, metadata: MetaData) -> list[Any]:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        return list(compare_metadata(context, metadata))


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(table=tables())
def test_tables_come_back_as_they_were(shared: Engine, table: Table) -> None:
    table.create(shared)
    try:
        assert differences(shared, table.metadata) == []
        reflected = Table(table.name, MetaData(), autoload_with=shared)
        assert [column.name for column in reflected.columns] == [c.name for c in table.columns]
        assert [c.comment or "" for c in reflected.columns] == [
            c.comment or "" for c in table.columns
        ]
        assert (reflected.comment or "") == (table.comment or "")
        # What was reflected can be created, and is then the same again.
        table.drop(shared)
        reflected.metadata.create_all(shared)
        assert differences(shared, table.metadata) == []
    finally:
        table.drop(shared, checkfirst=True)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(type_=types)
def test_types_survive_ddl_and_repr(type_: TypeEngine[Any]) -> None:
    dialect = StarRocksDialect(paramstyle="named")
    text = type_.compile(dialect=dialect)
    assert parse_type(text).compile(dialect=dialect) == (
        "BOOLEAN" if text == "TINYINT(1)" else text
    )
    pasted = eval(repr(type_), {name: getattr(dt, name) for name in dt.__all__})
    assert pasted.compile(dialect=dialect) == text


@settings(max_examples=60, deadline=None, derandomize=True)
@given(table=tables())
def test_our_own_ddl_reads_like_the_servers(table: Table) -> None:
    statement = str(CreateTable(table).compile(dialect=StarRocksDialect(paramstyle="named")))
    found = clauses(statement)
    partition = table.kwargs.get("starrocks_partition_by")
    assert found.get("partition_by") == partition
    increments = {column.name for column in table.columns if column.autoincrement is True}
    assert auto_increment_columns(statement) == increments


view_queries = st.sampled_from(
    [
        "SELECT id, name FROM base",
        "select `id` as id, upper(name) AS big from `base` where name <> 'It''s A' -- all",
        "SELECT b.id, c.name FROM base AS b JOIN base c ON b.id = c.id",
        "SELECT base.id /* key */, CASE WHEN id > 1 THEN 'a' ELSE 'B' END AS name FROM test.base",
        "SELECT count(*) AS id, max(`name`) name FROM base GROUP BY name ORDER BY 1 LIMIT 3",
    ]
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    name=names.filter(lambda name: name.lower() != "base"),
    query=view_queries,
    comment=st.none() | texts,
    columns=st.none() | st.lists(names, min_size=2, max_size=2, unique_by=str.lower),
    security=st.sampled_from([None, "INVOKER", "NONE"]),
    materialized=st.booleans(),
)
def test_views_come_back_as_they_were(
    shared: Engine,
    name: str,
    query: str,
    comment: str | None,
    columns: list[str] | None,
    security: str | None,
    materialized: bool,
) -> None:
    metadata = MetaData()
    Table("base", metadata, Column("id", dt.INTEGER), Column("name", dt.STRING))
    options: dict[str, Any] = {"comment": comment, "columns": columns}
    if materialized:
        options |= {
            "refresh": "IMMEDIATE ASYNC START('2025-01-01 00:00:00') EVERY(INTERVAL 1 day)",
            "properties": {"replication_num": "1", "x": 'a"b%'},
        }
        MaterializedView(name, query, metadata, **options)
    else:
        View(name, query, metadata, security=security, **options)
    metadata.create_all(shared)
    try:
        assert differences(shared, metadata) == []
        inspector = inspect(shared)
        assert isinstance(inspector, StarRocksInspector)
        view = (inspector.get_materialized_view if materialized else inspector.get_view)(name)
        assert (view.comment or "") == (comment or "")
        if columns is not None:
            assert [column for column, _ in view.columns] == columns
    finally:
        metadata.drop_all(shared)
