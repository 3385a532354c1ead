"""The SDK's driver, called as its kernel calls it, on the local back end."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest

from bitdotio import server

if TYPE_CHECKING:
    from bitdotio.sdk.driver import PostgresConnection

# The distribution is usable without the SDK; with it, nothing here is skipped.
pytest.importorskip("singlestoredb_hookspecs")

import nanoarrow

from bitdotio.sdk import driver as plugin
from bitdotio.sdk import server as server_plugin
from bitdotio.sdk.results import FETCH_ROWS
from singlestoredb import exceptions
from singlestoredb_hookspecs import (
    ConnectionParams,
    ServerRequest,
    StatementRequest,
)

Open = Callable[..., "PostgresConnection"]


@pytest.fixture
def open_(local: server.LocalServer, database: str) -> Iterator[Open]:
    """A function that opens a connection to the test's database with more parameters."""
    opened = []

    def make(**fields: Any) -> PostgresConnection:
        all_fields: dict[str, Any] = {
            "driver": "bitdotio",
            "host": "127.0.0.1",
            "port": local.pg_port,
            "user": "api_user",
            "password": local.token,
            "path": database,
            "driver_options": {"sslmode": "disable"},
            **fields,
        }
        connection = plugin.s2_open_driver("bitdotio", ConnectionParams(**all_fields))
        assert connection is not None
        opened.append(connection)
        return connection

    yield make
    for connection in opened:
        connection.close()


@pytest.fixture
def connection(open_: Open) -> PostgresConnection:
    return open_()


def rows(
    connection: PostgresConnection, sql: str, args: Any = None, **request: Any
) -> list[tuple[Any, ...]]:
    result = connection.execute(StatementRequest(sql, args, **request))
    out = result.read_rows(None)
    result.close()
    return out


def test_other_names_are_not_ours() -> None:
    assert plugin.s2_driver_info("mysql") is None
    assert plugin.s2_open_driver("mysql", ConnectionParams()) is None
    assert server_plugin.s2_start_server("mysql", ServerRequest()) is None
    info = plugin.s2_driver_info("bitdotio")
    assert info is not None
    assert info.name == "bitdotio"


# -- connecting --------------------------------------------------------------------------------


def test_info(connection: PostgresConnection, local: server.LocalServer, database: str) -> None:
    assert connection.info.version[:1].isdigit()
    assert connection.info.host == f"127.0.0.1:{local.pg_port}"
    assert connection.info.database == database
    assert rows(connection, "SELECT pg_backend_pid()") == [(connection.info.connection_id,)]
    states = [connection.is_open]
    connection.close()
    connection.close()
    states.append(connection.is_open)
    assert states == [True, False]
    with pytest.raises(exceptions.InterfaceError):
        connection.execute(StatementRequest("SELECT 1"))


@pytest.mark.parametrize("source", ["environment", "option", "user and password"])
def test_ways_to_say_where(
    open_: Open, local: server.LocalServer, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields: dict[str, Any] = {"host": None, "port": None, "user": None, "password": None}
    fields["driver_options"] = {}
    if source == "environment":
        monkeypatch.setenv("BITIO_API_URL", local.environment["BITIO_API_URL"])
    elif source == "option":
        monkeypatch.setenv("BITIO_KEY", local.token)
        fields["driver_options"] = {"api_url": local.api_url}
    else:
        fields = {"ssl_disabled": True, "driver_options": {}}
    assert rows(open_(**fields), "SELECT current_user") == [("api_user",)]


def test_parameters_reach_postgresql(open_: Open) -> None:
    connection = open_(program_name="tests", init_command="SET search_path TO elsewhere")
    assert rows(connection, "SHOW application_name") == [("tests",)]
    assert rows(connection, "SHOW search_path") == [("elsewhere",)]


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"port": 1}, exceptions.OperationalError, "Connection refused"),
        ({"password": "v2_wrong"}, exceptions.OperationalError, "password authentication failed"),
        ({"path": "local/none"}, exceptions.OperationalError, "does not exist"),
        ({"password": None}, exceptions.OperationalError, "no password supplied"),
        ({"path": None}, exceptions.InterfaceError, "no database"),
        ({"read_timeout": 1.0}, exceptions.NotSupportedError, "does not have: read_timeout"),
        ({"conv": {3: str}}, exceptions.NotSupportedError, "conv by type code"),
        ({"ssl_verify_identity": True, "driver_options": {}}, exceptions.OperationalError, "SSL"),
        ({"init_command": "SELEC"}, exceptions.ProgrammingError, "syntax error"),
        (
            {"host": None, "port": None, "driver_options": {"api_url": "http://127.0.0.1:1"}},
            exceptions.OperationalError,
            "Connection refused",
        ),
    ],
)
def test_connections_that_fail(
    open_: Open, fields: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        open_(**fields)
    assert "v2_" not in str(caught.value)


# -- values ------------------------------------------------------------------------------------

VALUES: list[tuple[str, int, Any, str]] = [
    # expression, type code, value, Arrow type
    ("true", 1, True, "int8"),
    ("1::int2", 2, 1, "int16"),
    ("-7", 3, -7, "int32"),
    ("4000000000::oid", 3, 4000000000, "uint32"),
    ("9007199254740993", 8, 9007199254740993, "int64"),
    ("1.5::float4", 4, 1.5, "float"),
    ("1e300::float8", 5, 1e300, "double"),
    ("12.50::numeric(10, 2)", 246, Decimal("12.50"), "decimal128(4, 2)"),
    ("0.001", 246, Decimal("0.001"), "decimal128(3, 3)"),
    ("DATE '2024-02-29'", 10, date(2024, 2, 29), "date32"),
    ("TIMESTAMP '2024-02-29 01:02:03.4'", 12, datetime(2024, 2, 29, 1, 2, 3, 400000), "timestamp"),
    ("'2024-02-29 01:00+02'::timestamptz", 7, datetime(2024, 2, 28, 23), "timestamp"),
    ("TIME '24:00:00'", 11, timedelta(days=1), "duration"),
    ("TIME '01:02:03.04'", 11, timedelta(hours=1, minutes=2, seconds=3.04), "duration"),
    ("INTERVAL '-1 day -2:00'", 11, timedelta(days=-1, hours=-2), "duration"),
    ("'é'::text", 252, "é", "string"),
    ("'abc'::varchar(5)", 253, "abc", "string"),
    ("'\\x00ff'::bytea", 252, b"\x00\xff", "binary"),
    ("'{\"a\": [1, null]}'::jsonb", 245, {"a": [1, None]}, "string"),
    ("'\"text\"'::json", 245, "text", "string"),
    ("ARRAY[1, NULL]", 245, [1, None], "string"),
    ("ARRAY[1.5]", 245, ["1.5"], "string"),
    ("'[1,3)'::int4range", 253, "[1,3)", "string"),
    ("'10.0.0.1'::inet", 253, "10.0.0.1", "string"),
    ("'00000000-0000-0000-0000-000000000001'::uuid", 253, str(uuid.UUID(int=1)), "string"),
]


@pytest.mark.parametrize(("expression", "code", "value", "arrow"), VALUES, ids=lambda v: str(v))
def test_values(
    connection: PostgresConnection, expression: str, code: int, value: Any, arrow: str
) -> None:
    sql = f"SELECT {expression} AS v UNION ALL SELECT NULL"
    result = connection.execute(StatementRequest(sql))
    assert result.columns[0].name == "v"
    assert result.columns[0].type_code == code
    assert result.rows_affected == 2
    assert result.read_rows(None) == [(value,), (None,)]
    assert type(rows(connection, sql)[0][0]) is type(value)
    again = connection.execute(StatementRequest(sql, shape="arrow"))
    array = nanoarrow.Array(again.read_arrow(None))
    assert str(array.schema.field(0).type.name).lower().startswith(arrow.split("(")[0].lower())
    if "(" in arrow:
        field = array.schema.field(0)
        assert arrow == f"decimal128({field.precision}, {field.scale})"
    received = array.to_pylist()
    assert received[1] == {"v": None}
    if code == 245:
        import json

        assert json.loads(received[0]["v"]) == value
    else:
        assert received[0]["v"] == value


def test_values_without_counterpart(connection: PostgresConnection) -> None:
    for expression in ("INTERVAL '1 month'", "INTERVAL '1 year'", "DATE '0044-03-15 BC'"):
        with pytest.raises(exceptions.DataError, match=r"::text"):
            rows(connection, f"SELECT {expression}")
    assert rows(connection, "SELECT 1") == [(1,)]


def test_json_as_text(open_: Open) -> None:
    connection = open_(parse_json=False)
    assert rows(connection, "SELECT '{\"a\":1}'::json, ARRAY[1, 2], NULL::json") == [
        ('{"a":1}', "[1, 2]", None)
    ]


def test_digits_of_numerics(connection: PostgresConnection) -> None:
    def digits(sql: str, **request: Any) -> tuple[int | None, int | None]:
        column = connection.execute(StatementRequest(sql, **request)).columns[0]
        return column.precision, column.scale

    assert digits("SELECT 123.4 UNION ALL SELECT 0.056 UNION ALL SELECT NULL") == (6, 3)
    assert digits("SELECT 1e20::numeric") == (21, 0)
    assert digits("SELECT 0.0") == (1, 1)
    assert digits("SELECT NULL::numeric") == (38, 18)
    assert digits("SELECT 1.5::numeric(5, 2)") == (5, 2)
    assert digits("SELECT 1.5", buffered=False) == (65, 30)


# -- parameters --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "back"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (1.5, 1.5),
        (Decimal("1.50"), Decimal("1.50")),
        ('it\'s \\ 100% "q"', 'it\'s \\ 100% "q"'),
        (b"\x00'\\", b"\x00'\\"),
        (date(2024, 1, 2), date(2024, 1, 2)),
        (datetime(2024, 1, 2, 3, 4, 5, 6), datetime(2024, 1, 2, 3, 4, 5, 6)),
        (timedelta(days=1, seconds=2), timedelta(days=1, seconds=2)),
        ([1, 2], [1, 2]),
    ],
)
def test_parameters(connection: PostgresConnection, value: Any, back: Any) -> None:
    assert rows(connection, "SELECT %s", [value]) == [(back,)]
    assert rows(connection, "SELECT %(v)s, '100%%'", {"v": value}) == [(back, "100%")]


def test_more_parameters(connection: PostgresConnection, open_: Open) -> None:
    assert rows(connection, "SELECT %s::jsonb", [{"a": [1, None]}]) == [({"a": [1, None]},)]
    assert rows(connection, "SELECT %s::uuid", [uuid.UUID(int=1)]) == [(str(uuid.UUID(int=1)),)]
    assert rows(connection, "SELECT 1 WHERE 2 IN %s", [{2, 3}]) == [(1,)]
    assert rows(connection, "SELECT '100%'") == [("100%",)]
    assert rows(connection, "SELECT '100%'", []) == [("100%",)]
    quiet = open_(nan_as_null=True, inf_as_null=True)
    nan, inf = float("nan"), float("-inf")
    assert rows(quiet, "SELECT %s::float, %s::float", [nan, inf]) == [(None, None)]
    assert rows(connection, "SELECT %s::float", [inf]) == [(inf,)]


@pytest.mark.parametrize(
    ("sql", "args"),
    [
        ("SELECT %s, %s", [1]),
        ("SELECT %s", [1, 2]),
        ("SELECT %(a)s", {"b": 1}),
        ("SELECT %s", [object()]),
        ("SELECT 100% + %s", [1]),
    ],
)
def test_parameters_that_do_not_fit(connection: PostgresConnection, sql: str, args: Any) -> None:
    with pytest.raises(exceptions.ProgrammingError):
        connection.execute(StatementRequest(sql, args))
    assert rows(connection, "SELECT 1") == [(1,)]


# -- results -----------------------------------------------------------------------------------


def test_statements_without_result(connection: PostgresConnection) -> None:
    def affected(sql: str) -> int:
        result = connection.execute(StatementRequest(sql))
        assert result.columns == ()
        assert result.read_rows(None) == []
        assert result.next_result() is None
        return result.rows_affected

    assert affected("CREATE TABLE t (a int)") == 0
    assert affected("INSERT INTO t VALUES (1), (2), (3)") == 3
    assert affected("UPDATE t SET a = 0 WHERE a > 1") == 2
    assert affected("DELETE FROM t") == 3


def test_buffered_reads_of_every_shape_continue(connection: PostgresConnection) -> None:
    result = connection.execute(StatementRequest("SELECT generate_series(1, 10) AS a"))
    assert result.rows_affected == 10
    assert rows(connection, "SELECT 1") == [(1,)]  # the connection is free
    assert result.read_rows(2) == [(1,), (2,)]
    assert nanoarrow.Array(result.read_arrow(3)).to_pylist() == [{"a": 3}, {"a": 4}, {"a": 5}]
    assert len(result.read_rows(None)) == 5
    assert result.read_rows(None) == []
    assert result.read_arrow(None).num_rows == 0
    result.seek(8)  # type: ignore[union-attr] # buffered results have it
    assert result.read_rows(None) == [(9,), (10,)]


@pytest.mark.parametrize("autocommit", [True, False])
def test_streaming(open_: Open, autocommit: bool) -> None:
    connection = open_(autocommit=autocommit)
    total = 3 * FETCH_ROWS + 5
    request = StatementRequest(
        "/* all */ SELECT i, i * 1.5 AS x FROM generate_series(1, %s) AS i",
        [total],
        buffered=False,
    )
    result = connection.execute(request)
    assert result.rows_affected == -1
    assert [c.name for c in result.columns] == ["i", "x"]
    assert result.read_rows(1) == [(1, Decimal("1.5"))]
    assert result.read_arrow(FETCH_ROWS).num_rows == FETCH_ROWS
    assert len(result._kept) < FETCH_ROWS  # type: ignore[union-attr] # a StreamedResult
    assert [row[0] for row in result.read_rows(None)] == list(range(FETCH_ROWS + 2, total + 1))
    assert result.read_rows(5) == []
    assert result.read_arrow(None).num_rows == 0
    result.close()
    result.close()
    assert connection._is_idle() is autocommit
    assert rows(connection, "SELECT count(*) FROM pg_cursors") == [(0,)]


def test_a_later_statement_drops_a_stream(connection: PostgresConnection) -> None:
    sql = "SELECT generate_series(1, 10000) AS a"
    result = connection.execute(StatementRequest(sql, buffered=False))
    assert len(result.read_rows(5)) == 5
    assert rows(connection, "SELECT 1") == [(1,)]
    with pytest.raises(exceptions.ProgrammingError, match="dropped by a later statement"):
        result.read_rows(None)


def test_a_stream_in_a_transaction_of_the_user(connection: PostgresConnection) -> None:
    connection.begin()
    rows(connection, "CREATE TABLE t AS SELECT generate_series(1, 5000) AS a")
    result = connection.execute(StatementRequest("SELECT a FROM t", buffered=False))
    assert len(result.read_rows(10)) == 10
    result.close()
    assert rows(connection, "SELECT count(*) FROM t") == [(5000,)]
    connection.rollback()
    assert rows(connection, "SELECT to_regclass('t')::text") == [(None,)]


@pytest.mark.parametrize("in_transaction", [False, True])
def test_what_cannot_be_streamed_is_buffered(
    connection: PostgresConnection, in_transaction: bool
) -> None:
    if in_transaction:
        connection.begin()
    rows(connection, "CREATE TABLE t (a int)")
    with_insert = "WITH x AS (INSERT INTO t VALUES (1), (2) RETURNING a) SELECT a FROM x"
    assert rows(connection, with_insert, buffered=False) == [(1,), (2,)]
    assert rows(connection, "SELECT a INTO u FROM t", buffered=False) == []
    assert rows(connection, "INSERT INTO t VALUES (3) RETURNING a", buffered=False) == [(3,)]
    assert rows(connection, "SELECT count(*) FROM t", buffered=False) == [(3,)]
    with pytest.raises(exceptions.ProgrammingError, match="nothing"):
        connection.execute(StatementRequest("SELECT nothing FROM t", buffered=False))
    connection.rollback()


def test_an_error_in_the_middle_of_a_stream(connection: PostgresConnection) -> None:
    sql = f"SELECT 1 / ({FETCH_ROWS + 100} - i) FROM generate_series(1, 10000) AS i"
    result = connection.execute(StatementRequest(sql, buffered=False))
    assert len(result.read_rows(10)) == 10
    with pytest.raises(exceptions.DataError, match="division by zero"):
        result.read_rows(None)
    result.close()
    assert rows(connection, "SELECT 1") == [(1,)]
    with pytest.raises(exceptions.DataError, match="division by zero"):
        connection.execute(StatementRequest("SELECT 1/0", buffered=False))
    assert connection._is_idle()


def test_load_data_is_refused(connection: PostgresConnection) -> None:
    with pytest.raises(exceptions.NotSupportedError, match="executemany"):
        connection.execute(StatementRequest("LOAD DATA", infile_stream=b"1"))


# -- transactions ------------------------------------------------------------------------------


def test_transactions(open_: Open) -> None:
    one, other = open_(), open_(autocommit=False)
    assert one.autocommit is True
    assert other.autocommit is False
    rows(one, "CREATE TABLE t (a int)")
    one.begin()
    rows(one, "INSERT INTO t VALUES (1)")
    assert rows(other, "SELECT * FROM t") == []
    one.begin()  # one is open already
    one.commit()
    one.commit()
    other.rollback()
    assert rows(other, "SELECT * FROM t") == [(1,)]
    rows(other, "INSERT INTO t VALUES (2)")
    other.rollback()
    rows(other, "INSERT INTO t VALUES (3)")
    other.set_autocommit(True)
    assert rows(one, "SELECT * FROM t") == [(1,), (3,)]
    rows(one, "VACUUM t")  # only outside a transaction


def test_a_failed_statement_leaves_the_transaction_whole(open_: Open) -> None:
    connection = open_(autocommit=False)
    rows(connection, "CREATE TABLE t (a int PRIMARY KEY)")
    rows(connection, "SAVEPOINT mine")
    for number in (1, 1, 2):
        insert = StatementRequest("INSERT INTO t VALUES (%s)", [number])
        with suppress(exceptions.IntegrityError):
            connection.execute(insert)
    with pytest.raises(exceptions.DataError):
        connection.execute(StatementRequest("SELECT 1/a FROM (SELECT 0 AS a) x", buffered=False))
    assert rows(connection, "SELECT a FROM t ORDER BY a") == [(1,), (2,)]
    rows(connection, "/* back */ ROLLBACK TO mine")
    rows(connection, "INSERT INTO t VALUES (3)")
    connection.commit()
    assert rows(connection, "SELECT a FROM t") == [(3,)]
    connection.rollback()
    rows(connection, "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
    assert rows(connection, "SHOW transaction_isolation") == [("serializable",)]
    rows(connection, "COMMIT")
    assert rows(connection, "SELECT a FROM t") == [(3,)]


def test_a_commit_that_cannot_be_is_an_error(open_: Open) -> None:
    connection = open_(autocommit=False)
    rows(connection, "CREATE TABLE t (a int)")
    with pytest.raises(exceptions.InternalError):
        rows(connection, "ROLLBACK TO nothing")
    connection.ping()
    with pytest.raises(exceptions.InternalError, match="rolled back"):
        connection.commit()
    assert rows(connection, "SELECT to_regclass('t')::text") == [(None,)]


# -- errors, cancelling, loss ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "error", "number", "sqlstate"),
    [
        ("SELEC", exceptions.ProgrammingError, 1064, "42601"),
        ("SELECT * FROM nothing", exceptions.ProgrammingError, 1146, "42P01"),
        ("SELECT nothing", exceptions.ProgrammingError, 1054, "42703"),
        ("INSERT INTO t VALUES (1)", exceptions.IntegrityError, 1062, "23505"),
        ("INSERT INTO t VALUES (NULL)", exceptions.IntegrityError, 1048, "23502"),
        ("SELECT 1/0", exceptions.DataError, None, "22012"),
        ("SELECT 'x'::int", exceptions.DataError, None, "22P02"),
        ("SELECT pg_read_file('x')", exceptions.OperationalError, 1142, "42501"),
        ("CREATE DATABASE x", exceptions.OperationalError, 1142, "42501"),
        ("DO $$ BEGIN RAISE 'mine'; END $$", exceptions.OperationalError, None, "P0001"),
        ("COPY t FROM STDIN", exceptions.ProgrammingError, None, None),
    ],
)
def test_errors(
    connection: PostgresConnection,
    sql: str,
    error: type[exceptions.Error],
    number: int | None,
    sqlstate: str | None,
) -> None:
    rows(connection, "CREATE TABLE t (a int PRIMARY KEY)")
    rows(connection, "INSERT INTO t VALUES (1)")
    with pytest.raises(error) as caught:
        connection.execute(StatementRequest(sql))
    assert (caught.value.errno, caught.value.sqlstate) == (number, sqlstate)
    assert isinstance(caught.value.__cause__, psycopg2.Error)
    assert rows(connection, "SELECT 1") == [(1,)]


def test_hint_of_the_server(connection: PostgresConnection) -> None:
    with pytest.raises(exceptions.ProgrammingError) as caught:
        rows(connection, "SELECT upper(1, 2)")
    assert caught.value.hint is not None
    assert "No function matches" in caught.value.hint


def test_cancel(connection: PostgresConnection, open_: Open) -> None:
    watcher = open_()
    pid = connection.info.connection_id
    failures: list[BaseException] = []

    def sleep() -> None:
        try:
            rows(connection, "SELECT pg_sleep(60)")
        except exceptions.Error as exc:
            failures.append(exc)

    thread = threading.Thread(target=sleep)
    thread.start()
    running = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'"
    for _ in range(1000):
        if rows(watcher, running, [pid]) == [(1,)]:
            break
        threading.Event().wait(0.01)
    connection.cancel()
    thread.join(timeout=30)
    assert [getattr(failure, "errno", None) for failure in failures] == [1317]
    assert rows(connection, "SELECT 1") == [(1,)]
    connection.cancel()  # nothing runs


def test_a_lost_connection(
    connection: PostgresConnection, terminate: Callable[[int], None]
) -> None:
    connection.ping()
    assert connection.info.connection_id is not None
    terminate(connection.info.connection_id)
    with pytest.raises(exceptions.OperationalError):
        connection.ping()
    assert not connection.is_open


# -- the server plugin -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "error", "message"),
    [
        (ServerRequest(host="0.0.0.0"), exceptions.NotSupportedError, "127.0.0.1 only"),
        (ServerRequest(options={"x": 1}), exceptions.InterfaceError, "unknown options: x"),
        (ServerRequest(options={"owner": "/"}), exceptions.InterfaceError, "Invalid owner"),
        (
            ServerRequest(options={"postgres": "host=127.0.0.1 port=1"}),
            exceptions.OperationalError,
            "Connection refused",
        ),
    ],
)
def test_servers_that_do_not_start(
    request_: ServerRequest, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        server_plugin.s2_start_server("bitdotio", request_)
