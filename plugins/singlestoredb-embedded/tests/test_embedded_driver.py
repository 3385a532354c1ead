"""Connections, descriptions of columns, results in every shape, SHOW, and the plugin itself."""

from __future__ import annotations

import datetime as dt
import gc
import subprocess
import sys
import threading
import time
import tracemalloc
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import singlestoredb as s2
from singlestoredb.columnar.types import result_schema
from singlestoredb_embedded import arrow
from singlestoredb_embedded.driver import EmbeddedConnection, s2_driver_info, s2_open_driver
from singlestoredb_hookspecs import ConnectionParams, StatementRequest

ALL_TYPES = (
    "CREATE TABLE every (a TINYINT, b SMALLINT UNSIGNED, c MEDIUMINT, d INT UNSIGNED, e BIGINT, "
    "f BIGINT UNSIGNED, g FLOAT, h DOUBLE, i DECIMAL(12,3), j DATE, k DATETIME, l DATETIME(6), "
    "m TIMESTAMP(6), n TIME, o TIME(6), p YEAR, q CHAR(3), r VARCHAR(9), s TEXT, t LONGBLOB, "
    "u BINARY(2), v BIT, w JSON, x ENUM('x','y'), y SET('a','b'), z VECTOR(2, I16), aa BOOL, "
    "ab GEOGRAPHYPOINT, ac VECTOR(2))"
)
ROW = (
    "-1, 65535, -8388608, 4294967295, -9223372036854775808, 18446744073709551615, 0.1, 1e300, "
    "-12.345, '2024-02-29', '2024-01-02 03:04:05', '1969-12-31 23:59:59.999999', "
    "'2024-01-02 03:04:05.5', '-838:59:59', '100:00:00.000001', 1999, 'é', 'b ', 'text', "
    "X'00FF', 'a', 1, '{\"k\": [1, null]}', 'Y', 'b,a', '[1,-2]', TRUE, 'POINT(1 2)', '[0.5,1]'"
)


# -- connections -----------------------------------------------------------------------------


def test_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with s2.connect("embedded://") as one, s2.connect("embedded://") as two:
        one.query("CREATE TABLE t (a INT)")
        with pytest.raises(s2.ProgrammingError):
            two.query("SELECT * FROM t")
        assert one._opened().info.host == "memory"
    with s2.connect("embedded://shared") as one, s2.connect("embedded://shared") as two:
        one.query("CREATE TABLE t (a INT)")
        two.query("SELECT * FROM t")
    with s2.connect("embedded://shared") as one, pytest.raises(s2.ProgrammingError):
        one.query("SELECT * FROM t")  # gone with its last connection
    with s2.connect("embedded:///relative.db") as one:
        one.query("CREATE TABLE t (a INT)")
    with s2.connect(f"embedded:///{tmp_path}/relative.db") as one:
        one.query("SELECT * FROM t")
    with pytest.raises(s2.OperationalError, match="Cannot open the database file"):
        s2.connect(f"embedded:///{tmp_path}/no/such/folder.db")
    (tmp_path / "text.db").write_text("this is no database " * 1000)
    with pytest.raises(s2.OperationalError, match="Cannot open the database file"):
        s2.connect("embedded:///text.db")
    with pytest.raises(s2.OperationalError, match="1049"):
        s2.connect("embedded://", database="nowhere")


def test_use_after_close() -> None:
    connection = EmbeddedConnection(ConnectionParams(driver="embedded"))
    connection.close()
    connection.close()
    assert not connection.is_open
    for call in (connection.begin, connection.commit, connection.rollback):
        with pytest.raises(s2.InterfaceError):
            call()
    with pytest.raises(s2.OperationalError):
        connection.ping()


def test_cancel_a_query_and_a_stream(make_engine: Any) -> None:
    engine = make_engine("embedded://cancel")
    numbers = (
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) "
        "SELECT COUNT(*) FROM n a, n b, n c, n d"
    )
    threading.Timer(0.5, engine.connection.cancel).start()
    start = time.monotonic()
    assert engine.errno(numbers) == 1317
    assert time.monotonic() - start < 20
    assert engine("SELECT 1") == [(1,)]
    stream = engine.connection._opened().execute(
        StatementRequest(numbers.replace("COUNT(*)", "a.i"), buffered=False)
    )
    assert stream.read_rows(1) != []
    engine.connection.cancel()
    with pytest.raises(s2.OperationalError, match="1317"):
        stream.read_rows(10**9)
    other = make_engine("embedded://cancel")
    number = engine("SELECT CONNECTION_ID()")[0][0]
    threading.Timer(0.3, lambda: other(f"KILL QUERY {number}")).start()
    assert engine.errno("SELECT SLEEP(30)") == 1317
    assert other.errno("KILL 999999") == 1094


def test_many_threads_share_a_database(make_engine: Any) -> None:
    make_engine("embedded://threads")("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, n INT)")
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with s2.connect("embedded://threads") as connection:
                for i in range(10):
                    connection.query(f"INSERT INTO t (n) VALUES ({number * 100 + i})")
                    connection.query("SELECT COUNT(*) FROM t")
        except BaseException as exc:
            failures.append(exc)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    rows = make_engine("embedded://threads")("SELECT COUNT(*), COUNT(DISTINCT n), MAX(id) FROM t")
    assert rows == [(80, 80, 80)]


def test_arrow_libraries_are_not_needed_and_nothing_is_printed(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "for name in ('pyarrow', 'pandas', 'polars', 'numpy'):\n"
        "    sys.modules[name] = None\n"
        "import singlestoredb as s2\n"
        "connection = s2.connect(f'embedded:///{sys.argv[1]}/x.db')\n"
        "stream = connection.cursor('tuples', buffered=False)\n"
        "stream.execute('SELECT 1 AS a UNION ALL SELECT 2')\n"
        "assert stream.fetchone() == (1,)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# -- columns and values ----------------------------------------------------------------------


def test_every_type_in_every_shape(engine: Any) -> None:
    engine(ALL_TYPES)
    engine(f"INSERT INTO every VALUES ({ROW}), ({', '.join(['NULL'] * 29)})")
    connection = engine.connection._opened()
    result = connection.execute(StatementRequest("SELECT * FROM every", shape="arrow"))
    table = pa.table(result.read_arrow(None))
    assert table.schema == pa.table(
        pa.RecordBatchReader.from_batches(
            pa.schema(result_schema(result.columns)), iter(())
        ).read_all()
    ).schema  # fmt: skip
    result.seek(0)
    first, second = result.read_rows(None)
    assert set(second) == {None}
    expected = [
        -1, 65535, -8388608, 4294967295, -(2**63), 2**64 - 1, 0.1, 1e300, Decimal("-12.345"),
        dt.date(2024, 2, 29), dt.datetime(2024, 1, 2, 3, 4, 5),
        dt.datetime(1969, 12, 31, 23, 59, 59, 999999), dt.datetime(2024, 1, 2, 3, 4, 5, 500000),
        -dt.timedelta(hours=838, minutes=59, seconds=59), dt.timedelta(hours=100, microseconds=1),
        1999, "é", "b ", "text", b"\x00\xff", b"a\0", b"\0\0\0\0\0\0\0\x01", {"k": [1, None]}, "y",
        "a,b", [1, -2], 1, "POINT(1 2)", [0.5, 1.0],
    ]  # fmt: skip
    assert [list(v) if i in (25, 28) else v for i, v in enumerate(first)] == expected
    arrow_row = [column[0].as_py() for column in table.columns]
    arrow_row[6] = round(arrow_row[6], 6)
    expected[22] = '{"k":[1,null]}'
    assert arrow_row == expected
    assert all(column[1].as_py() is None for column in table.columns)


def test_columns_are_described_as_a_server_does(engine: Any) -> None:
    engine("CREATE TABLE t (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, "
           "s VARCHAR(9) NOT NULL, d DECIMAL(12,3), b VARBINARY(5), k DATETIME(6), UNIQUE KEY (s), "
           "v VECTOR(3) NOT NULL, j JSON)")  # fmt: skip
    result = engine.connection._opened().execute(
        StatementRequest("SELECT x.*, id + 1, COUNT(*) OVER (), 'abc', NULL, 1.50 FROM t AS x")
    )
    shown = [
        (c.name, c.type_code, c.flags, c.charset, c.length, c.precision, c.scale, c.null_ok)
        for c in result.columns
    ]
    assert shown == [
        ("id", 3, 1 | 2 | 32 | 128 | 512, 63, 11, 11, 0, False),
        ("s", 253, 1 | 4, 45, 9, 9, 0, False),
        ("d", 246, 128, 63, 12, 12, 3, True),
        ("b", 253, 128, 63, 5, 5, 0, True),
        ("k", 12, 128, 63, 26, 26, 6, True),
        ("v", 3001, 1 | 128, 63, 3, 3, 0, False),
        ("j", 245, 0, 45, 4294967295, 4294967295, 0, True),
        ("id + 1", 8, 32 | 128, 63, 20, 20, 0, True),
        ("COUNT(*) OVER ()", 8, 1 | 128, 63, 20, 20, 0, False),
        ("abc", 253, 1, 45, 3, 3, 0, False),
        ("NULL", 6, 128, 63, 0, 0, 0, True),
        ("1.50", 246, 1 | 128, 63, 3, 3, 2, False),
    ]
    first = result.columns[0]
    assert (first.table, first.org_table, first.org_name, first.database) == (
        "x",
        "t",
        "id",
        "main",
    )


def test_vectors_and_json_as_asked(make_engine: Any) -> None:
    for options, code, value in (
        ({}, 3001, [1.0, 2.0]),
        ({"vector_data_format": "json"}, 2001, [1.0, 2.0]),
        ({"enable_extended_data_types": False}, 251, "[1,2]"),
    ):
        engine = make_engine(parse_json=False, **options)
        engine("CREATE TABLE t (v VECTOR(2), j JSON)")
        engine("INSERT INTO t VALUES ('[1,2]', '{\"a\":  1}')")
        with engine.connection.cursor("tuples") as cursor:
            cursor.execute("SELECT v, j FROM t")
            assert cursor.description[0].type_code == code
            vector, text = cursor.fetchall()[0]
        assert (vector if isinstance(vector, str) else list(vector)) == value
        assert text == '{"a":1}'


def test_converters_of_the_user(make_engine: Any) -> None:
    engine = make_engine(conv={246: lambda text: f"<{text}>"})
    assert engine("SELECT 1.50, 1, CAST(NULL AS DECIMAL(5,2))") == [("<1.50>", 1, None)]


# -- reading ---------------------------------------------------------------------------------


def test_shapes_may_follow_each_other(engine: Any) -> None:
    engine("CREATE TABLE t (a INT, s VARCHAR(9))")
    engine("INSERT INTO t VALUES " + ", ".join(f"({i}, 'x{i}')" for i in range(5000)))
    connection = engine.connection._opened()
    for buffered in (True, False):
        request = StatementRequest("SELECT a, s FROM t ORDER BY a", buffered=buffered)
        result = connection.execute(request)
        assert result.rows_affected == (5000 if buffered else -1)
        assert result.read_rows(2) == [(0, "x0"), (1, "x1")]
        batches = result.read_arrow(3)
        assert batches.num_rows == 3
        assert result.read_rows(1) == [(5, "x5")]
        assert pa.table(batches).to_pydict() == {"a": [2, 3, 4], "s": ["x2", "x3", "x4"]}
        with pytest.raises(ValueError, match="exported before"):
            batches.__arrow_c_stream__()
        rest = pa.table(result.read_arrow(None))
        assert rest.num_rows == 4994
        assert result.read_rows(None) == []
        assert pa.table(result.read_arrow(5)).schema == rest.schema
        if buffered:
            result.seek(4999)
            assert result.read_rows(None) == [(4999, "x4999")]
        result.close()
        assert rest.column("s")[4993].as_py() == "x4999"  # Arrow data outlive the result


def test_exported_memory_is_freed(engine: Any) -> None:
    connection = engine.connection._opened()
    kept = len(arrow._KEEP)
    for size in (None, 7):
        result = connection.execute(
            StatementRequest("SELECT 'abc' a, 1 b, CAST('[1]' AS VECTOR(1))")
        )
        table = pa.table(result.read_arrow(size))
        column = table.column("a")
        del table, result
        gc.collect()
        assert column[0].as_py() == "abc"
        del column
        result = connection.execute(StatementRequest("SELECT 1"))
        result.read_arrow(size).__arrow_c_stream__()  # a capsule that nobody consumes
        result.close()
    del result
    gc.collect()
    assert len(arrow._KEEP) == kept
    assert arrow._STREAMS == {}


def test_streams_need_memory_for_a_batch(engine: Any) -> None:
    engine("CREATE TABLE t (a BIGINT, s VARCHAR(40))")
    rows = "\n".join(f"{i}\t{'x' * 30}" for i in range(2000))
    engine("LOAD DATA LOCAL INFILE ':stream:' INTO TABLE t", infile_stream=rows)
    with engine.connection.cursor("tuples", buffered=False) as cursor:
        cursor.execute("SELECT a.a, b.s FROM t a, t b LIMIT 1000000")
        tracemalloc.start()
        count = 0
        while chunk := cursor.fetchmany(1000):
            count += len(chunk)
            if count == 300_000:
                break
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert count == 300_000
    assert peak < 8_000_000


def test_an_open_stream_and_other_statements(engine: Any) -> None:
    engine("CREATE TABLE t (a INT)")
    engine("INSERT INTO t VALUES " + ", ".join(f"({i})" for i in range(5000)))
    connection = engine.connection._opened()
    stream = connection.execute(StatementRequest("SELECT a FROM t", buffered=False))
    assert len(stream.read_rows(10)) == 10
    connection.execute(StatementRequest("DELETE FROM t"))
    assert stream.read_rows(None) == []
    connection.begin()
    connection.execute(StatementRequest("INSERT INTO t VALUES (1), (2)"))
    stream = connection.execute(StatementRequest("SELECT a FROM t", buffered=False))
    assert stream.read_rows(1) == [(1,)]
    connection.rollback()
    assert connection.execute(StatementRequest("SELECT a FROM t")).read_rows(None) == []


def test_an_error_in_the_middle_of_a_result(engine: Any) -> None:
    engine("CREATE TABLE t (a BIGINT)")
    engine("INSERT INTO t VALUES (1), (9223372036854775807)")
    assert engine.errno("SELECT a + 1 FROM t") == 1690
    with pytest.raises(s2.OperationalError) as caught:
        engine.connection._opened().execute(
            StatementRequest("SELECT a + 1 FROM t", buffered=False)
        ).read_rows(None)
    assert caught.value.errno == 1690
    assert engine("SELECT 1") == [(1,)]


# -- SHOW ------------------------------------------------------------------------------------


def test_show(engine: Any) -> None:
    columns = "id INT PRIMARY KEY, s VARCHAR(5) NOT NULL DEFAULT 'x' COMMENT 'c', KEY k (s)"
    engine(f"CREATE TABLE t ({columns})")
    engine("CREATE VIEW v AS SELECT id FROM t")
    assert engine("SHOW DATABASES") == [("information_schema",), ("main",)]
    assert engine("SHOW TABLES") == [("t",), ("v",)]
    assert engine("SHOW TABLES LIKE 'T%'") == [("t",)]
    assert engine("SHOW FULL TABLES FROM main WHERE Table_type = 'VIEW'") == [("v", "VIEW")]
    assert engine("SHOW COLUMNS FROM t LIKE 's'") == [("s", "varchar(5)", "NO", "MUL", "x", "")]
    assert engine("DESCRIBE t") == engine("SHOW COLUMNS IN `t`")
    assert engine("SHOW FULL COLUMNS FROM t FROM main")[1][-1] == "c"
    indexes = [row[2:5] for row in engine("SHOW INDEXES IN t")]
    assert indexes == [("PRIMARY", 1, "id"), ("k", 1, "s")]
    text = engine("SHOW CREATE TABLE t")[0][1]
    engine("DROP TABLE t")
    engine(text)
    assert engine("SHOW CREATE TABLE t")[0][1] == text
    assert "SELECT id FROM t" in engine("SHOW CREATE VIEW v")[0][1]
    assert engine("SHOW GLOBAL VARIABLES LIKE 'version_comment'")[0][1].startswith(
        "SingleStore emb"
    )
    assert dict(engine("SHOW STATUS"))["Threads_connected"] == "1"
    assert engine("SHOW PROCESSLIST")[0][7] == "SHOW PROCESSLIST"
    assert engine("SHOW WARNINGS") == engine("SHOW ERRORS") == []
    assert engine("SHOW TABLE STATUS")[0][:2] == ("t", "MemSQL")
    assert engine("SHOW PARTITIONS") == [(0, "127.0.0.1", 0, "Master", 0)]
    for nothing in ("PROCEDURES", "FUNCTIONS", "AGGREGATES", "PIPELINES", "PLANCACHE"):
        assert engine(f"SHOW {nothing}") == []
    assert engine.errno("SHOW COLUMNS FROM nowhere") == 1146
    assert engine.errno("SHOW TABLES FROM nowhere") == 1049
    assert engine.connection.show.tables()[0]["Name"] == "t"


def test_information_schema(engine: Any) -> None:
    engine("CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(5) DEFAULT 'x', d DECIMAL(8,3))")
    assert engine(
        "SELECT column_name, ordinal_position, column_default, is_nullable, data_type, "
        "character_maximum_length, numeric_precision, numeric_scale, column_type, column_key "
        "FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 't' "
        "ORDER BY ordinal_position"
    ) == [
        ("id", 1, None, "NO", "int", None, 10, 0, "int(11)", "PRI"),
        ("s", 2, "x", "YES", "varchar", 5, None, None, "varchar(5)", ""),
        ("d", 3, None, "YES", "decimal", None, 8, 3, "decimal(8,3)", ""),
    ]
    assert engine("SELECT table_name, table_type FROM information_schema.tables "
                  "WHERE table_schema = 'main'") == [("t", "BASE TABLE")]  # fmt: skip
    assert engine("SELECT schema_name FROM INFORMATION_SCHEMA.SCHEMATA ORDER BY 1") == [
        ("information_schema",), ("main",),
    ]  # fmt: skip
    assert engine(
        "SELECT index_name, column_name, non_unique FROM information_schema.statistics"
    ) == [("PRIMARY", "id", 0)]
    assert engine("SELECT constraint_name FROM information_schema.key_column_usage") == [
        ("PRIMARY",)
    ]
    assert engine.errno("SELECT * FROM information_schema.nosuch") == 1109
    assert engine.errno("CREATE TABLE information_schema.t (a INT)") == 1044


def test_params_of_the_contract() -> None:
    info = s2_driver_info("embedded")
    assert info is not None
    assert (info.name, info.default_port, info.url_path) == ("embedded", None, "file")
    assert s2_driver_info("other") is None
    assert s2_open_driver("other", ConnectionParams()) is None
    params = ConnectionParams(driver="embedded", autocommit=False, init_command="SET @x = 5")
    with EmbeddedConnection(params) as connection:
        assert connection.autocommit is False
        result: Any = connection.execute(StatementRequest("SELECT @x"))
        assert result.read_rows(None) == [(5,)]
        assert connection.info.database == "main"
        assert connection.info.connection_id
