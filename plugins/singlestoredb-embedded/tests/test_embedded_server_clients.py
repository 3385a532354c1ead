"""The local server, used by clients that know nothing of this project."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pymysql
import pymysql.cursors
import pytest

from singlestoredb.testing.fixtures import NOT_RUN
from singlestoredb_embedded.server import EmbeddedServer

COLUMNS = {
    "id": "BIGINT NOT NULL PRIMARY KEY",
    "t": "TINYINT",
    "s": "SMALLINT UNSIGNED",
    "m": "MEDIUMINT",
    "i": "INT UNSIGNED",
    "u": "BIGINT UNSIGNED",
    "f": "FLOAT",
    "d": "DOUBLE",
    "n": "DECIMAL(20,4)",
    "day": "DATE",
    "at": "DATETIME(6)",
    "stamp": "TIMESTAMP",
    "span": "TIME(6)",
    "name": "VARCHAR(300)",
    "data": "BLOB",
    "flags": "BIT(64)",
    "doc": "JSON",
}
ROW: tuple[Any, ...] = (
    -(2**63),
    -128,
    65535,
    -8388608,
    4294967295,
    2**64 - 1,
    0.5,
    -1.25e300,
    Decimal("-0.0001"),
    dt.date(1, 1, 1),
    dt.datetime(9999, 12, 31, 23, 59, 59, 999999),
    dt.datetime(2000, 1, 1),
    -dt.timedelta(hours=838, minutes=59, seconds=58, microseconds=1),
    "ü✓🜁 it's \\ " + "x" * 280,
    b"\x00\xff'\\\n",
    b"\x00\x00\x00\x00\x00\x00\x01\x02",
    '{"a":[1,null]}',
)
NULLS: tuple[Any, ...] = (0, *[None] * (len(ROW) - 1))


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as server:
        yield server


def connect(server: EmbeddedServer, **kwargs: Any) -> Any:
    return pymysql.connect(
        host=server.host,
        port=server.mysql_port,
        user=server.user,
        password=server.password,
        **{"database": "main", "autocommit": True, **kwargs},
    )


@pytest.fixture
def conn(server: EmbeddedServer) -> Iterator[Any]:
    conn = connect(server)
    yield conn
    conn.close()


@pytest.fixture
def types(conn: Any) -> Iterator[str]:
    """A table with a column of every type, a row of values and one of NULLs."""
    with conn.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS types")
        cursor.execute(
            f"CREATE TABLE types ({', '.join(f'`{n}` {t}' for n, t in COLUMNS.items())})"
        )
        marks = ", ".join(["%s"] * len(ROW))
        values = [int.from_bytes(v, "big") if v is ROW[15] else v for v in ROW]
        assert cursor.execute(f"INSERT INTO types VALUES ({marks})", values) == 1
        assert cursor.execute(f"INSERT INTO types VALUES ({marks})", NULLS) == 1
    yield "SELECT * FROM types ORDER BY id"
    with conn.cursor() as cursor:
        cursor.execute("DROP TABLE types")


# -- PyMySQL ---------------------------------------------------------------------------------


def test_pymysql_reads_every_type(conn: Any, types: str) -> None:
    with conn.cursor() as cursor:
        assert cursor.execute(types) == 2
        assert cursor.fetchall() == (ROW, NULLS)
        described = {d[0]: d for d in cursor.description}
    assert {n: d[1] for n, d in described.items()} == {
        "id": 8, "t": 1, "s": 2, "m": 9, "i": 3, "u": 8, "f": 4, "d": 5, "n": 246, "day": 10,
        "at": 12, "stamp": 7, "span": 11, "name": 253, "data": 252, "flags": 16, "doc": 245,
    }  # fmt: skip
    assert described["n"][3:6] == (22, 22, 4)
    assert described["at"][5] == 6
    assert described["id"][6] is False
    assert described["t"][6] is True


def test_pymysql_sees_tables_flags_and_charsets(conn: Any, types: str) -> None:
    with conn.cursor() as cursor:
        cursor.execute("SELECT x.id, x.name AS label, x.data, x.u, 1 + 1 AS two FROM types AS x")
        key, label, data, unsigned, two = cursor._result.fields
    assert (key.db, key.table_name, key.org_table, key.org_name) == (b"main", "x", "types", "id")
    assert (label.name, label.org_name, label.charsetnr, label.length) == (
        "label",
        "name",
        45,
        1200,
    )
    assert key.flags & 3 == 3  # NOT NULL, PRIMARY KEY
    assert data.charsetnr == 63
    assert data.flags & 144 == 144  # BLOB, BINARY
    assert unsigned.flags & 32
    assert (two.table_name, two.org_table) == ("", "")


def test_pymysql_streams(conn: Any) -> None:
    with conn.cursor(pymysql.cursors.SSCursor) as cursor:
        cursor.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
            "SELECT i, CONCAT('row ', i) FROM n ORDER BY i"
        )
        assert cursor.fetchmany(2) == [(1, "row 1"), (2, "row 2")]
        rest = cursor.fetchall()
    assert rest == [(i, f"row {i}") for i in range(3, 20001)]


def test_pymysql_several_results_and_a_failing_one(server: EmbeddedServer) -> None:
    multi = connect(server, client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS)
    with multi, multi.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE m (a INT); INSERT INTO m VALUES (1), (2); "
            "SELECT a FROM m ORDER BY a; SELECT 'x'; SELECT nothing"
        )
        assert cursor.rowcount == 0
        assert cursor.nextset()
        assert cursor.rowcount == 2
        assert cursor.nextset()
        assert cursor.fetchall() == ((1,), (2,))
        assert cursor.nextset()
        assert cursor.fetchall() == (("x",),)
        with pytest.raises(pymysql.err.OperationalError) as caught:
            cursor.nextset()
        assert caught.value.args[0] == 1054
        cursor.execute("SELECT 1")
        assert cursor.fetchall() == ((1,),)


def test_several_statements_need_leave(conn: Any) -> None:
    with conn.cursor() as cursor, pytest.raises(pymysql.err.ProgrammingError) as caught:
        cursor.execute("SELECT 1; SELECT 2")
    assert caught.value.args[0] == 1064


def test_pymysql_counts_ids_warnings_and_status(conn: Any, server: EmbeddedServer) -> None:
    with conn.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE c (id INT AUTO_INCREMENT PRIMARY KEY, v INT)")
        assert cursor.execute("INSERT INTO c (v) VALUES (5), (5)") == 2
        assert cursor.lastrowid == 1
        assert cursor.execute("UPDATE c SET v = 5") == 0
        cursor.execute("SET foreign_key_checks = 1")
        assert cursor._result.warning_count == 1
        assert cursor.execute("SHOW WARNINGS") == 1
    assert conn.server_status & 3 == 2
    conn.begin()
    assert conn.server_status & 3 == 3
    conn.rollback()
    conn.autocommit(False)
    assert conn.server_status & 3 == 0
    with conn.cursor() as cursor:
        cursor.execute("SET sql_mode = 'NO_BACKSLASH_ESCAPES'")
        assert conn.server_status & 512
        assert cursor.execute("SELECT %s", ("a\\b'c",))
        assert cursor.fetchone() == ("a\\b'c",)
    with connect(server, client_flag=pymysql.constants.CLIENT.FOUND_ROWS) as found:
        cursor = found.cursor()
        cursor.execute("CREATE TEMPORARY TABLE c (v INT)")
        cursor.execute("INSERT INTO c VALUES (5), (5)")
        assert cursor.execute("UPDATE c SET v = 5") == 2


def test_pymysql_commands(conn: Any, server: EmbeddedServer) -> None:
    with conn.cursor() as cursor:
        cursor.execute("CREATE DATABASE IF NOT EXISTS other")
        conn.select_db("other")
        cursor.execute("SELECT DATABASE(), CONNECTION_ID(), CURRENT_USER()")
        assert cursor.fetchone()[:2] == ("other", conn.thread_id())
    conn.ping(reconnect=False)
    with pytest.raises(pymysql.err.OperationalError) as caught:
        conn.select_db("nowhere")
    assert caught.value.args[0] == 1049
    with connect(server, database=None) as nowhere, nowhere.cursor() as cursor:
        cursor.execute("SELECT DATABASE()")
        assert cursor.fetchone() == (None,)
        with pytest.raises(pymysql.err.OperationalError) as caught:
            cursor.execute("SELECT * FROM t")
        assert caught.value.args[0] == 1046
    with pytest.raises(pymysql.err.OperationalError) as caught:
        connect(server, database="nowhere")
    assert caught.value.args[0] == 1049


@pytest.mark.parametrize("size", [2**24 - 2, 2**24 - 1, 2**24, 2**25 + 1])
def test_packets_over_16_mib_both_ways(conn: Any, size: int) -> None:
    # A payload of 2 ** 24 - 1 bytes is a packet that has to be followed by an empty one.
    with conn.cursor() as cursor:
        statement = "SELECT 'end'"
        cursor.execute(" " * (size - 1 - len(statement)) + statement)
        assert cursor.fetchone() == ("end",)
        row = size - 4  # the length of the field
        cursor.execute("SELECT REPEAT('x', %s)", (row,))
        assert cursor.fetchone() == ("x" * row,)


def test_a_packet_over_the_limit_ends_the_connection(conn: Any) -> None:
    with conn.cursor() as cursor:
        cursor.execute("SET max_allowed_packet = 100000")
        with pytest.raises(pymysql.err.OperationalError) as caught:
            cursor.execute(f"SELECT '{'x' * 200000}'")
        assert caught.value.args[0] in (1153, 2006, 2013)
        with pytest.raises((pymysql.err.OperationalError, pymysql.err.InterfaceError)):
            cursor.execute("SELECT 1")


def test_load_data_local(server: EmbeddedServer, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("".join(f"{i},ü {i}\n" for i in range(200_000)), encoding="utf-8")
    secret = tmp_path / "nothing.csv"
    with connect(server, local_infile=True) as conn, conn.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE l (a INT, b VARCHAR(20))")
        load = "LOAD DATA LOCAL INFILE '{}' INTO TABLE {} FIELDS TERMINATED BY ','"
        assert cursor.execute(load.format(file, "l")) == 200_000
        cursor.execute("SELECT COUNT(*), SUM(a), MAX(b) FROM l")
        assert cursor.fetchone() == (200_000, 19999900000, "ü 99999")
        # An error before the file is asked for, one on the client's side: no harm is done.
        with pytest.raises(pymysql.err.ProgrammingError) as caught:
            cursor.execute(load.format(file, "nowhere"))
        assert caught.value.args[0] == 1146
        with pytest.raises(pymysql.err.OperationalError):
            cursor.execute(load.format(secret, "l"))
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
    with connect(server) as conn, conn.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE l (a INT, b VARCHAR(20))")
        with pytest.raises(pymysql.err.Error) as refused:
            cursor.execute(load.format(file, "l"))
        assert refused.value.args[0] == 1148


# -- others ----------------------------------------------------------------------------------


def _connector(server: EmbeddedServer, pure: bool, **kwargs: Any) -> Any:
    connector = pytest.importorskip(
        "mysql.connector", reason=f"{NOT_RUN}mysql-connector-python is not installed"
    )
    return connector.connect(
        host=server.host, port=server.mysql_port, user=server.user, password=server.password,
        database="main", use_pure=pure, **kwargs,
    )  # fmt: skip


def _c_extension_elsewhere(request: pytest.FixtureRequest, pure: bool) -> bool:
    """Run a test of the C extension in an interpreter that can load it; whether it did.

    The extension brings an OpenSSL of its own.  An interpreter that has loaded the system's, as
    pytest's has, gives it that one, and if it is older the extension cannot be loaded.
    """
    if pure or "_mysql_connector" in sys.modules:
        return False
    pytest.importorskip(
        "mysql.connector", reason=f"{NOT_RUN}mysql-connector-python is not installed"
    )
    done = subprocess.run(
        [sys.executable, "-c", "import _mysql_connector, sys, pytest; "
         "sys.exit(pytest.main(sys.argv[1:]))", "-q", "-p", "no:cacheprovider",
         request.node.nodeid],
        capture_output=True, text=True, timeout=300, cwd=request.config.rootpath,
    )  # fmt: skip
    if "No module named '_mysql_connector'" in done.stderr:
        pytest.skip(f"{NOT_RUN}mysql-connector-python has no C extension for this machine")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout, done.stdout
    return True


@pytest.mark.parametrize("pure", [True, False], ids=["pure", "c"])
@pytest.mark.parametrize("prepared", [False, True], ids=["text", "prepared"])
def test_mysql_connector(
    request: pytest.FixtureRequest, server: EmbeddedServer, types: str, pure: bool, prepared: bool
) -> None:
    if _c_extension_elsewhere(request, pure):
        return
    with _connector(server, pure) as conn:
        with conn.cursor(prepared=prepared) as cursor:
            cursor.execute(types)
            value, nulls = cursor.fetchall()
            assert [type(v) for v in nulls] == [int, *[type(None)] * (len(ROW) - 1)]
            expected = list(ROW)
            if not prepared or not pure:
                expected[15] = 258  # this client makes a number of a BIT
            if prepared and pure:
                # ... takes the sign of a binary TIME for that of its days alone
                expected[12] = dt.timedelta(-34, 82798, 1)
            if prepared and not pure:
                expected[5] = -1  # ... and, in C, BIGINT UNSIGNED for signed
            assert list(value) == expected
        conn.cmd_reset_connection()
        with conn.cursor(prepared=prepared) as cursor:
            cursor.execute("SELECT DATABASE(), @x")
            assert cursor.fetchall() == [("main", None)]
        conn.cmd_change_user(server.user, server.password, "main")
        conn.ping()


@pytest.mark.parametrize("pure", [True, False], ids=["pure", "c"])
def test_mysql_connector_prepared_parameters(
    request: pytest.FixtureRequest, server: EmbeddedServer, pure: bool
) -> None:
    if _c_extension_elsewhere(request, pure):
        return
    values = [
        None, 0, -1, 2**40, 1.5, -(2.0**100), "", "it's \\ ü🜁 ?", Decimal("-12.3400"),
        dt.date(2024, 2, 29), dt.datetime(1999, 12, 31, 23, 59, 59, 999999),
        dt.timedelta(hours=30, microseconds=5), b"\x00\xff'\\",
    ]  # fmt: skip
    with _connector(server, pure, autocommit=True) as conn, conn.cursor(prepared=True) as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE p (k INT, n INT, i BIGINT, d DOUBLE, s VARCHAR(40), "
            "c DECIMAL(10,4), y DATE, a DATETIME(6), t TIME(6), b VARBINARY(10))"
        )
        columns = "niiidd" + "ssc" + "yatb"
        if not pure:
            values[11] = None  # of a timedelta the C extension sends nothing but rubbish
        for key, (column, value) in enumerate(zip(columns, values, strict=True)):
            cursor.execute(f"INSERT INTO p (k, {column}) VALUES (?, ?)", (key, value))
            assert cursor.rowcount == 1
            cursor.execute(f"SELECT {column} FROM p WHERE k = ?", (key,))
            assert cursor.fetchall() == [(value,)]
        # The same statement again, with other values and another type.
        for value in (1, 2, None, "3"):
            cursor.execute("SELECT ? AS v, '?' AS q", (value,))
            assert cursor.fetchall() == [(value, "?")]
        cursor.execute("SELECT k FROM p ORDER BY k LIMIT ?", (2,))
        assert cursor.fetchall() == [(0,), (1,)]
        with pytest.raises(pytest.importorskip("mysql.connector").Error) as caught:
            cursor.execute("SELECT * FROM nowhere WHERE a = ?", (1,))
        assert "Table 'main.nowhere' doesn't exist" in str(caught.value)


def test_mysqlclient(server: EmbeddedServer, types: str, tmp_path: Path) -> None:
    client = pytest.importorskip("MySQLdb", reason=f"{NOT_RUN}mysqlclient is not installed")
    conn = client.connect(
        host=server.host, port=server.mysql_port, user=server.user, password=server.password,
        database="main", charset="utf8mb4", local_infile=1, autocommit=True,
    )  # fmt: skip
    try:
        cursor = conn.cursor()
        assert cursor.execute(types) == 2
        value, nulls = cursor.fetchall()
        assert nulls == NULLS
        # This client gives BIT as its bytes and JSON as bytes or text, as its release has it.
        assert value[:16] == ROW[:16]
        file = tmp_path / "rows.tsv"
        file.write_text("1\tone\n2\t\\N\n")
        cursor.execute("CREATE TEMPORARY TABLE l (a INT, b VARCHAR(20))")
        assert cursor.execute(f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE l") == 2
        cursor.execute("SELECT * FROM l ORDER BY a")
        assert cursor.fetchall() == ((1, "one"), (2, None))
        cursor.execute("SELECT 1; SELECT 2")
        assert cursor.nextset() == 1
        assert cursor.fetchall() == ((2,),)
        conn.set_server_option(client.constants.CLIENT.MULTI_STATEMENTS and 1)  # off
        with pytest.raises(client.ProgrammingError):
            cursor.execute("SELECT 1; SELECT 2")
        conn.change_user(server.user, server.password, "main")
        assert "Uptime" in conn.stat()
        conn.ping()
    finally:
        conn.close()


def _mariadb(server: EmbeddedServer, *args: str, sql: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["mariadb", "--no-defaults", "-h", server.host, "-P", str(server.mysql_port),
         "-u", server.user, "main", *args],
        input=sql, capture_output=True, text=True, timeout=30,
        env={"MYSQL_PWD": server.password, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
    )  # fmt: skip


def test_mariadb_command_line(server: EmbeddedServer, tmp_path: Path) -> None:
    file = tmp_path / "rows.tsv"
    file.write_text("3\tthree\n")
    try:
        done = _mariadb(
            server, "--local-infile=1", "--table", "--show-warnings",
            sql="CREATE TEMPORARY TABLE w (a INT, b VARCHAR(10), c DOUBLE);\n"
            "INSERT INTO w VALUES (1, 'ünï', 1.5), (2, NULL, NULL);\n"
            f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE w (a, b);\n"
            "SELECT * FROM w ORDER BY a;\nSET unique_checks = 0;\nSELECT * FROM nowhere;\n",
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip(f"{NOT_RUN}the program mariadb is not installed")
    assert done.stdout.splitlines()[:7] == [
        "+------+-------+------+",
        "| a    | b     | c    |",
        "+------+-------+------+",
        "|    1 | ünï   |  1.5 |",
        "|    2 | NULL  | NULL |",
        "|    3 | three | NULL |",
        "+------+-------+------+",
    ]
    assert "unique_checks has no effect" in done.stdout
    assert "ERROR 1146 (42S02) at line 6: Table 'main.nowhere' doesn't exist" in done.stderr


def test_pandas_and_sqlalchemy_over_pymysql(server: EmbeddedServer) -> None:
    pandas = pytest.importorskip("pandas", reason=f"{NOT_RUN}pandas is not installed")
    sqlalchemy = pytest.importorskip("sqlalchemy", reason=f"{NOT_RUN}SQLAlchemy is not installed")
    url = server.mysql_url.replace("mysql://", "mysql+pymysql://")
    engine = sqlalchemy.create_engine(url)
    frame = pandas.DataFrame({"a": [1, 2, 3], "b": ["x", None, "ü"], "c": [0.5, 1e10, None]})
    try:
        with engine.begin() as conn:
            conn.execute(sqlalchemy.text("DROP TABLE IF EXISTS frame"))
            frame.to_sql("frame", conn, index=False)
            again = pandas.read_sql(sqlalchemy.text("SELECT * FROM frame ORDER BY a"), conn)
        assert again["a"].tolist() == [1, 2, 3]
        assert again["b"].fillna("-").tolist() == ["x", "-", "ü"]
        assert again["c"].fillna(0).tolist() == [0.5, 1e10, 0]
    finally:
        engine.dispose()
