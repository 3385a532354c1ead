"""The loopback server: strict where StarRocks is, and usable by every driver."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import Column, Connection, MetaData, Table, create_engine, insert, select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import create_async_engine

from starrocks import BIGINT, DATETIME, DECIMAL, STRING
from starrocks.testing import StarRocksServer


def run(connection: Connection, statement: str) -> Any:
    return connection.exec_driver_sql(statement.replace("%", "%%"))


def code(connection: Connection, statement: str) -> int:
    with pytest.raises(DBAPIError) as caught:
        run(connection, statement)
    assert caught.value.orig is not None
    return int(caught.value.orig.args[0])


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE t (a INT) DISTRIBUTED BY RANDOM DUPLICATE KEY (a)",  # order of clauses
        "CREATE TABLE t (a INT) PROPERTIES('replication_num'=1)",  # values are strings
        "CREATE TABLE t (a INT PRIMARY KEY)",
        "CREATE TABLE t (a INT DEFAULT 5)",  # defaults are strings
        "CREATE TABLE t (a INT COMMENT 'x' NOT NULL)",
        "CREATE TABLE t (a INT NOT NULL AUTO_INCREMENT) PRIMARY KEY (a)",  # BIGINT only
        "CREATE TABLE t (a ENUM('x'))",
        "CREATE TABLE t (a ARRAY<INT)",
        "CREATE TABLE t (a INT, b INT) PRIMARY KEY (b)",  # keys come first
        "CREATE TABLE t (a INT, b INT) AGGREGATE KEY (a)",  # b is not aggregated
        "CREATE TABLE t (a INT SUM) DUPLICATE KEY (a)",
        "CREATE TABLE t (a INT) COMMENT 'it's'",
        "CREATE VIEW v SECURITY INVOKER COMMENT 'c' AS SELECT 1",
        "CREATE VIEW v (a, b) AS SELECT 1 AS a",
        "CREATE MATERIALIZED VIEW v REFRESH SOMETIMES AS SELECT 1 AS a",
        "ALTER TABLE k SET ('a'='b', 'c'='d')",
        "ALTER TABLE k COMMENT 'x'",
        "ALTER TABLE k ALTER COLUMN a SET DEFAULT '1'",
        "SELECT 1; SELECT 2",
        "SELECT 1 OFFSET 1",
        "DELETE FROM k",
        "INSERT INTO k VALUES (1, 2) RETURNING a",
        "VACUUM",
        "PRAGMA table_info(k)",
    ],
)
def test_what_starrocks_refuses_is_refused(connection: Connection, statement: str) -> None:
    run(connection, "CREATE TABLE k (a INT, b INT) PRIMARY KEY (a)")
    assert code(connection, statement) == 1064


def test_errors_have_the_codes_of_the_server(connection: Connection) -> None:
    run(connection, "CREATE TABLE t (a INT)")
    assert code(connection, "CREATE TABLE t (a INT)") == 1050
    assert code(connection, "SELECT * FROM missing") == 5502
    assert code(connection, "DESCRIBE missing") == 5502
    assert code(connection, "USE missing") == 1049
    assert code(connection, "DROP VIEW t") == 1347
    assert code(connection, "ALTER TABLE t DROP COLUMN b") == 1054
    assert code(connection, "CREATE DATABASE test") == 1007


def test_table_models_treat_equal_keys_their_way(connection: Connection) -> None:
    for key, expected in (
        ("DUPLICATE", [(1, 5), (1, 7)]),
        ("UNIQUE", [(1, 7)]),
        ("PRIMARY", [(1, 7)]),
    ):
        run(connection, f"CREATE TABLE t (k INT, v INT) {key} KEY (k)")
        run(connection, "INSERT INTO t VALUES (1, 5)")
        run(connection, "INSERT INTO t VALUES (1, 7)")
        assert run(connection, "SELECT * FROM t ORDER BY v").all() == expected
        run(connection, "DROP TABLE t")
    run(
        connection,
        "CREATE TABLE t (k INT, s INT SUM, lo INT MIN, hi INT MAX, l INT REPLACE,"
        " n INT REPLACE_IF_NOT_NULL) AGGREGATE KEY (k)",
    )
    run(connection, "INSERT INTO t VALUES (1, 5, 5, 5, 5, 5), (1, 7, 7, 7, 7, NULL)")
    assert run(connection, "SELECT * FROM t").all() == [(1, 12, 5, 7, 7, 5)]


def test_passwords_are_checked() -> None:
    with StarRocksServer(users={"u": "p@ss"}) as server:
        engine = create_engine(f"starrocks://u:p%40ss@127.0.0.1:{server.port}/test")
        with engine.connect() as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1
        engine.dispose()
        for credentials in ("u:wrong", "u", "nobody:p%40ss"):
            wrong = create_engine(f"starrocks://{credentials}@127.0.0.1:{server.port}/test")
            with pytest.raises(OperationalError, match="Access denied"):
                wrong.connect()


def test_catalogs_in_urls(server: StarRocksServer) -> None:
    engine = create_engine(server.url("default_catalog.test"))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT DATABASE()")).scalar() == "test"
        assert engine.dialect.default_schema_name == "test"
    engine.dispose()
    arguments = engine.dialect.create_connect_args(engine.url)[1]
    assert arguments["database"] == "default_catalog.test"
    default = create_engine("starrocks://u:p%40ss@h/cat.db?charset=utf8")
    assert default.dialect.create_connect_args(default.url)[1] == {
        "host": "h",
        "port": 9030,
        "user": "u",
        "password": "p@ss",
        "database": "cat.db",
        "charset": "utf8",
        "client_flag": 2,
    }


def exchange(connection: Connection) -> None:
    metadata = MetaData()
    table = Table(
        "exchange",
        metadata,
        Column("k", BIGINT, primary_key=True),
        Column("s", STRING),
        Column("d", DECIMAL(20, 4)),
        Column("at", DATETIME),
        starrocks_primary_key="k",
        comment="50% `of` it's",
    )
    metadata.create_all(connection)
    rows: list[dict[str, Any]] = [
        {"k": 1, "s": "a'\\\"%é漢😀\n\0", "d": "1.2500", "at": None},
        {"k": 2, "s": None, "d": None, "at": "2024-01-02 03:04:05.678901"},
    ]
    connection.execute(insert(table), rows)
    connection.commit()
    result = connection.execute(select(table).order_by(table.c.k)).all()
    assert [(row.k, row.s, str(row.d), str(row.at)) for row in result] == [
        (1, "a'\\\"%é漢😀\n\0", "1.2500", "None"),
        (2, None, "None", "2024-01-02 03:04:05.678901"),
    ]
    reflected = Table("exchange", MetaData(), autoload_with=connection)
    assert reflected.comment == "50% `of` it's"
    metadata.drop_all(connection)


@pytest.mark.parametrize(
    ("driver", "module"),
    [("pymysql", "pymysql"), ("mysqldb", "MySQLdb"), ("singlestoredb", "singlestoredb")],
)
def test_drivers(server: StarRocksServer, driver: str, module: str) -> None:
    pytest.importorskip(module)
    engine = create_engine(server.url(driver=driver), pool_pre_ping=True)
    with engine.connect() as connection:
        exchange(connection)
    with engine.connect() as connection:  # pinged
        streamed = connection.execution_options(stream_results=True)
        with streamed.execute(text("SELECT 1 UNION ALL SELECT 2 ORDER BY 1")) as result:
            assert result.scalars().all() == [1, 2]
        assert connection.get_isolation_level() == "REPEATABLE READ"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    engine.dispose()


def test_asyncmy(server: StarRocksServer) -> None:
    pytest.importorskip("asyncmy")

    async def go() -> None:
        engine = create_async_engine(server.url(driver="asyncmy"))
        async with engine.connect() as connection:
            await connection.run_sync(exchange)
            streamed = await connection.stream(text("SELECT 1 AS a UNION ALL SELECT 2 ORDER BY 1"))
            assert [row.a async for row in streamed] == [1, 2]
        assert type(engine.pool).__name__ == "AsyncAdaptedQueuePool"
        await engine.dispose()

    asyncio.run(go())


@pytest.mark.parametrize("driver", ["pymysql", "mysqldb", "singlestoredb"])
def test_a_lost_connection_is_known_for_lost(server: StarRocksServer, driver: str) -> None:
    pytest.importorskip({"mysqldb": "MySQLdb"}.get(driver, driver))
    engine = create_engine(server.url(driver=driver))
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        assert server._server is not None
        server._server.disconnect_all()
        with pytest.raises(DBAPIError) as caught:
            connection.execute(text("SELECT 1"))
        assert caught.value.connection_invalidated
        connection.rollback()
        assert connection.execute(text("SELECT 1")).scalar() == 1
    engine.dispose()


@pytest.mark.parametrize(
    ("version", "expected"), [("3.5.1-abc", (3, 5, 1)), ("4.1 RELEASE", (4, 1)), ("main", ())]
)
def test_versions(version: str, expected: tuple[int, ...]) -> None:
    with StarRocksServer(version=version) as server:
        engine = create_engine(server.url())
        with engine.connect():
            assert engine.dialect.server_version_info == expected
        engine.dispose()


def test_run_mode(caplog: pytest.LogCaptureFixture) -> None:
    for answer, expected in (("shared_data", "shared_data"), (None, "shared_nothing")):
        with StarRocksServer(run_mode=answer) as server:
            engine = create_engine(server.url())
            with engine.connect():
                assert engine.dialect.run_mode == expected  # type: ignore[attr-defined]  # ours
            engine.dispose()
    assert "cannot read run_mode" in caplog.text
    assert len(caplog.records) == 1
