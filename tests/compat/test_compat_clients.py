"""A hundred statements on PyMySQL, mysqlclient and this SDK: values and types, one by one.

What differs, differs for a reason that stands here, and is tested both ways: a difference that goes
away fails the test as much as a new one.
"""

from __future__ import annotations

import datetime as dt
import importlib
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import pymysql
import pytest

import singlestoredb as s2
from singlestoredb.testing import MariaDB


class Statement(NamedTuple):
    sql: str
    args: Any = None


NOW = dt.datetime(2024, 2, 29, 12, 34, 56, 789012)

STATEMENTS: tuple[Statement, ...] = (
    # numbers
    Statement("SELECT 1"),
    Statement("SELECT -1, 0, 127, 128, 32768, 2147483648"),
    Statement("SELECT 9223372036854775807, -9223372036854775808"),
    Statement("SELECT 18446744073709551615"),
    Statement("SELECT 1.5, -0.001, 123456789012345678901234567890.5"),
    Statement("SELECT 1e0, 1.5e300, -2.5e-300"),
    Statement("SELECT CAST(1.25 AS DECIMAL(10,4)), CAST(0 AS DECIMAL(5,2))"),
    Statement("SELECT CAST(1 AS UNSIGNED), CAST(-1 AS SIGNED)"),
    Statement("SELECT 1 / 3, 7 DIV 2, 7 % 3"),
    Statement("SELECT TRUE, FALSE, 1 = 1, NULL IS NULL"),
    Statement("SELECT SUM(seq), AVG(seq), COUNT(*), MIN(seq), MAX(seq) FROM seq_1_to_10"),
    Statement("SELECT SQRT(2), PI(), EXP(1)"),
    Statement("SELECT BIT_COUNT(7), 5 & 3, 5 | 3, 5 ^ 3, ~0"),
    Statement("SELECT ROUND(2.5), ROUND(-2.5), ROUND(1.005, 2), FLOOR(-1.5), CEILING(1.2)"),
    Statement("SELECT b'1010', x'ff' + 0"),
    # text and bytes
    Statement("SELECT 'text', '', 'it''s', \"double\""),
    Statement("SELECT 'ünï✓🜁', '中文'"),
    Statement("SELECT 'tab\\tnewline\\nnul\\0end'"),
    Statement("SELECT x'00ff27', _binary'abc'"),
    Statement("SELECT CONCAT('a', 1), REPEAT('x', 300), REPEAT('y', 70000)"),
    Statement("SELECT UPPER('ü'), LENGTH('ü'), CHAR_LENGTH('ü'), REVERSE('abc')"),
    Statement("SELECT CAST('abc' AS BINARY), CAST('abc' AS CHAR(2))"),
    Statement("SELECT HEX('abc'), UNHEX('616263'), MD5('a'), SHA1('a')"),
    Statement("SELECT SUBSTRING('abcdef', 2, 3), LOCATE('c', 'abc'), TRIM('  x  ')"),
    Statement("SELECT FORMAT(1234567.891, 2), LPAD('x', 3, '-'), QUOTE('it''s')"),
    Statement("SELECT JSON_OBJECT('a', 1), JSON_EXTRACT('{\"a\": [1, 2]}', '$.a')"),
    Statement("SELECT UUID() IS NOT NULL, COALESCE(NULL, 'x'), IFNULL(NULL, 1)"),
    Statement("SELECT NULL"),
    Statement("SELECT NULL, 1, NULL, 'x'"),
    Statement("SELECT GROUP_CONCAT(seq) FROM seq_1_to_5"),
    # dates and times
    Statement("SELECT DATE '2024-02-29', DATE '0001-01-01', DATE '9999-12-31'"),
    Statement("SELECT TIMESTAMP '2024-02-29 12:34:56'"),
    Statement("SELECT TIMESTAMP '2024-02-29 12:34:56.789012'"),
    Statement("SELECT CAST('2024-02-29 12:34:56.7' AS DATETIME(1))"),
    Statement("SELECT CAST('2024-02-29 12:34:56.789' AS DATETIME(3))"),
    Statement("SELECT TIME '12:34:56', TIME '00:00:00', TIME '838:59:59'"),
    Statement("SELECT TIME '-01:02:03', TIME '-838:59:59'"),
    Statement("SELECT CAST('12:34:56.789012' AS TIME(6)), CAST('-00:00:00.5' AS TIME(1))"),
    Statement("SELECT DATEDIFF('2024-03-01', '2024-02-28'), LAST_DAY('2024-02-01')"),
    Statement("SELECT DATE_ADD('2024-01-31', INTERVAL 1 MONTH)"),
    Statement("SELECT TIMEDIFF('12:00:00', '13:30:00'), SEC_TO_TIME(3661)"),
    Statement("SELECT YEAR('2024-02-29'), DAYNAME('2024-02-29'), WEEK('2024-02-29')"),
    Statement("SELECT FROM_UNIXTIME(0) IS NOT NULL, UNIX_TIMESTAMP('2024-01-01') > 0"),
    Statement("SELECT CAST('0000-00-00' AS DATE)"),
    Statement("SELECT CAST('2024-00-00' AS DATE)"),
    Statement("SELECT MAKEDATE(2024, 60), MAKETIME(1, 2, 3)"),
    # parameters
    Statement("SELECT %s", (1,)),
    Statement("SELECT %s, %s, %s", (1, "a", None)),
    Statement("SELECT %s", ('it\'s "quoted" \\ %s',)),
    Statement("SELECT %s", ("new\nline\r\0\x1a\t",)),
    Statement("SELECT %s", (1.5,)),
    Statement("SELECT %s", (1e300,)),
    Statement("SELECT %s", (Decimal("1.50"),)),
    Statement("SELECT %s", (True,)),
    Statement("SELECT %s", (b"\x00\xff'\\",)),
    Statement("SELECT %s", (dt.date(2024, 2, 29),)),
    Statement("SELECT %s", (NOW,)),
    Statement("SELECT %s", (dt.time(1, 2, 3),)),
    Statement("SELECT %s", (dt.timedelta(hours=25, seconds=1),)),
    Statement("SELECT CAST(%s AS TIME)", (dt.timedelta(seconds=-1),)),
    Statement("SELECT %(a)s, %(b)s, %(a)s", {"a": 1, "b": "x"}),
    Statement("SELECT 1 WHERE 1 IN %s", ((1, 2, 3),)),
    Statement("SELECT 'b' IN %s", (["a", "b"],)),
    Statement("SELECT %s", (2**63,)),
    Statement("SELECT %s", (-(2**63),)),
    Statement("SELECT '100%%', %s", (1,)),
    Statement("SELECT %s LIKE 'a%%'", ("abc",)),
    Statement("SELECT %s", ("ünï✓🜁",)),
    Statement("SELECT %s", ("",)),
    Statement("SELECT %s", ("x" * 100_000,)),
    # tables of every type
    Statement("SELECT * FROM every_type"),
    Statement("SELECT * FROM every_type WHERE k = 1"),
    Statement("SELECT * FROM every_type WHERE k = 2"),
    Statement("SELECT * FROM every_type WHERE k = 99"),
    Statement("SELECT bi, COUNT(*) FROM every_type GROUP BY bi"),
    Statement("SELECT a.k, b.k FROM every_type a LEFT JOIN every_type b ON b.k = a.k + 1"),
    Statement("SELECT DISTINCT en, se FROM every_type"),
    Statement("SELECT k FROM every_type UNION ALL SELECT k FROM every_type"),
    Statement("SELECT EXISTS(SELECT 1 FROM every_type)"),
    Statement("SELECT (SELECT MAX(k) FROM every_type)"),
    Statement("WITH c AS (SELECT 1 AS n UNION SELECT 2) SELECT n, n * 1.5 FROM c"),
    Statement("SELECT k, ROW_NUMBER() OVER (ORDER BY k DESC) FROM every_type"),
    Statement("SELECT CASE WHEN k = 1 THEN 'one' ELSE k END FROM every_type"),
    Statement("SELECT SUM(de), AVG(db), MAX(da), MIN(ts) FROM every_type"),
    Statement("SELECT CAST(bt AS UNSIGNED) FROM every_type"),
    Statement("SELECT * FROM every_type ORDER BY k LIMIT 1 OFFSET 1"),
    # statements without rows
    Statement("SET @a = 5"),
    Statement("SELECT @a, @b"),
    Statement("INSERT INTO changed (a) VALUES (1), (2), (3)"),
    Statement("INSERT INTO changed (a) VALUES (%s)", (4,)),
    Statement("UPDATE changed SET a = a + 1 WHERE a > 1"),
    Statement("UPDATE changed SET a = a"),
    Statement("DELETE FROM changed WHERE a > 100"),
    Statement("REPLACE INTO changed (id, a) VALUES (1, 9)"),
    Statement("INSERT IGNORE INTO changed (id, a) VALUES (1, 9)"),
    Statement("SELECT * FROM changed ORDER BY id"),
    Statement("DELETE FROM changed"),
    Statement("CREATE TEMPORARY TABLE temporary (a INT)"),
    Statement("DROP TEMPORARY TABLE temporary"),
    # the server about itself
    Statement("SHOW COLUMNS FROM every_type"),
    Statement("DESCRIBE changed"),
    Statement("EXPLAIN SELECT 1"),
    Statement("SHOW VARIABLES LIKE 'autocommit'"),
    Statement("SELECT DATABASE(), @@autocommit, @@sql_mode"),
    # errors
    Statement("SELEKT 1"),
    Statement("SELECT * FROM no_such_table"),
    Statement("SELECT no_such_column FROM every_type"),
    Statement("INSERT INTO every_type (k) VALUES (1)"),
    Statement("INSERT INTO every_type (k) VALUES (NULL)"),
    Statement("INSERT INTO every_type (k, ti) VALUES (50, 1000)"),
    Statement("DROP TABLE no_such_table"),
    Statement("USE no_such_database"),
    Statement("CALL no_such_procedure()"),
)

EVERY_TYPE = """CREATE TABLE every_type (k INT PRIMARY KEY, ti TINYINT, bo BOOL, si SMALLINT,
    mi MEDIUMINT, it INT UNSIGNED, bi BIGINT, bu BIGINT UNSIGNED, fl FLOAT, db DOUBLE,
    de DECIMAL(20,6), da DATE, dt DATETIME, d6 DATETIME(6), ts TIMESTAMP NULL, ti2 TIME, t6 TIME(6),
    ye YEAR, ch CHAR(5), vc VARCHAR(50), tt TINYTEXT, te TEXT, mt MEDIUMTEXT, lt LONGTEXT,
    bn BINARY(4), vb VARBINARY(50), tb TINYBLOB, bl BLOB, mb MEDIUMBLOB, lb LONGBLOB,
    en ENUM('a', 'b'), se SET('x', 'y', 'z'), bt BIT(10), js JSON, ge POINT)"""

FILL = """INSERT INTO every_type VALUES (1, -128, 1, -32768, -8388608, 4294967295,
    -9223372036854775808, 18446744073709551615, 0.5, -1.25e300, 12345.6789, '2024-02-29',
    '2024-02-29 12:34:56', '2024-02-29 12:34:56.789012', '2024-02-29 12:34:56', '-838:59:59',
    '12:34:56.5', 2024, 'abc', 'ünï✓🜁', 'tiny', 'text', 'medium', 'long', 'ab', X'00FF27', X'01',
    X'02', X'03', X'04', 'b', 'x,z', b'1000000001', '{"a": [1, null]}', POINT(1, 2)),
    (2""" + ", NULL" * 34 + ")"  # fmt: skip


class Outcome(NamedTuple):
    """What a client made of a statement."""

    rowcount: Any
    lastrowid: Any
    names: list[str] | None
    codes: list[int] | None
    rows: list[tuple[Any, ...]]
    types: list[tuple[type, ...]]
    error: tuple[str, Any] | None


def outcome(connection: Any, statement: Statement) -> Outcome:
    cursor = connection.cursor()
    try:
        cursor.execute(statement.sql, statement.args)
    except Exception as exc:
        # Some of ours are of two kinds: the other one is what the Data API's clients raise.
        kind = s2.OperationalError if isinstance(exc, s2.OperationalError) else type(exc)
        return Outcome(None, None, None, None, [], [], (kind.__name__, exc.args[0]))
    described = cursor.description
    rows = [tuple(row) for row in cursor.fetchall()] if described else []
    found = Outcome(
        cursor.rowcount,
        cursor.lastrowid or None,
        [column[0] for column in described] if described else None,
        [column[1] for column in described] if described else None,
        rows,
        [tuple(type(value) for value in row) for row in rows],
        None,
    )
    cursor.close()
    return found


@pytest.fixture(scope="module")
def server(mariadb: MariaDB) -> Iterator[MariaDB]:
    with s2.connect(mariadb.url) as conn:
        conn.query("CREATE DATABASE clients")
        conn.query("USE clients")
        conn.query(EVERY_TYPE)
        conn.query(FILL)
        conn.query("CREATE TABLE changed (id INT AUTO_INCREMENT PRIMARY KEY, a INT)")
    yield mariadb
    with s2.connect(mariadb.url) as conn:
        conn.query("DROP DATABASE clients")


def by_pymysql(server: MariaDB) -> Any:
    return pymysql.connect(
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        database="clients",
        autocommit=True,
    )


def by_mysqlclient(server: MariaDB) -> Any:
    module = importlib.import_module("MySQLdb")
    return module.connect(
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        database="clients",
        autocommit=True,
        charset="utf8mb4",
    )


def ours(server: MariaDB, pure_python: bool) -> s2.Connection:
    url = server.url.rpartition("/")[0]
    return s2.connect(f"{url}/clients", pure_python=pure_python)


def run(connection: Any) -> list[Outcome]:
    cursor = connection.cursor()
    cursor.execute("TRUNCATE changed")
    cursor.close()
    found = [outcome(connection, statement) for statement in STATEMENTS]
    connection.close()
    return found


# -- what differs, and why -------------------------------------------------------------------

Check = Callable[[Any, Any], bool]


class Difference(NamedTuple):
    """One way in which values differ; ``holds`` is given their value and ours."""

    reason: str
    holds: Check


_IMPOSSIBLE = Difference(
    "a date that cannot be is text here and in PyMySQL, and None in mysqlclient",
    lambda theirs, mine: theirs is None and mine == "2024-00-00",
)
_GEOMETRY = Difference(
    "a geometry is a shape where shapely is installed, and bytes to the others",
    lambda theirs, mine: isinstance(theirs, bytes) and getattr(mine, "wkt", "") == "POINT (1 2)",
)
_ZERO = Difference(
    "a zero date is None here and in mysqlclient; PyMySQL gives its text",
    lambda theirs, mine: theirs == "0000-00-00" and mine is None,
)
_NAMES = Difference(
    "a column is named after the literal, which mysqlclient writes as '1 1:0:1' for 25 hours",
    lambda theirs, mine: (
        (theirs.names, mine.names)
        in (
            (["1 1:0:1"], ["25:00:01"]),
            (["CAST('-0 0:0:1' AS TIME)"], ["CAST('-00:00:01' AS TIME)"]),
        )
    ),
)
_BYTES = Difference(
    "mysqlclient decodes the whole statement, and with it the bytes of a parameter",
    lambda theirs, mine: (
        theirs.error == ("UnicodeDecodeError", "utf-8") and mine.rows == [(b"\x00\xff'\\",)]
    ),
)

VALUES = {"pymysql": (_GEOMETRY, _ZERO), "mysqlclient": (_GEOMETRY, _IMPOSSIBLE)}
"""How values differ."""
OUTCOMES: dict[str, tuple[Difference, ...]] = {"pymysql": (), "mysqlclient": (_NAMES, _BYTES)}
"""How whole outcomes differ."""


def find(known: tuple[Difference, ...], theirs: Any, mine: Any) -> Difference | None:
    """Return why two things differ; ``None`` when nothing explains it."""
    return next((d for d in known if d.holds(theirs, mine)), None)


def compare(client: str, theirs: list[Outcome], mine: list[Outcome]) -> set[str]:
    """Fail at the first difference without a reason; return the reasons that were met."""
    met: set[str] = set()
    for statement, a, b in zip(STATEMENTS, theirs, mine, strict=True):
        where = f"{client}: {statement}"
        whole = find(OUTCOMES[client], a, b)
        if whole is not None:
            met.add(whole.reason)
            continue
        assert a.error == b.error, where
        assert (a.names, a.codes) == (b.names, b.codes), where
        assert (a.rowcount, a.lastrowid) == (b.rowcount, b.lastrowid), where
        assert len(a.rows) == len(b.rows), where
        for x, y in zip(a.rows, b.rows, strict=True):
            for theirs_value, my_value in zip(x, y, strict=True):
                if theirs_value == my_value and type(theirs_value) is type(my_value):
                    continue
                why = find(VALUES[client], theirs_value, my_value)
                assert why is not None, f"{where}: {theirs_value!r} and {my_value!r}"
                met.add(why.reason)
    return met


def expected(client: str) -> set[str]:
    return {difference.reason for difference in (*VALUES[client], *OUTCOMES[client])}


@pytest.mark.parametrize("pure_python", [True, False], ids=["pure", "accelerated"])
def test_the_same_as_pymysql(server: MariaDB, pure_python: bool) -> None:
    assert len(STATEMENTS) >= 100
    met = compare("pymysql", run(by_pymysql(server)), run(ours(server, pure_python)))
    assert met == expected("pymysql")


@pytest.mark.parametrize("pure_python", [True, False], ids=["pure", "accelerated"])
def test_the_same_as_mysqlclient(server: MariaDB, pure_python: bool) -> None:
    pytest.importorskip("MySQLdb", reason="not run: mysqlclient is not installed")
    met = compare("mysqlclient", run(by_mysqlclient(server)), run(ours(server, pure_python)))
    assert met == expected("mysqlclient")


def test_the_accelerator_changes_nothing(server: MariaDB) -> None:
    for a, b in zip(run(ours(server, True)), run(ours(server, False)), strict=True):
        assert a == b


@pytest.mark.parametrize("dialect", ["pymysql", "mysqldb"])
def test_sqlalchemys_own_dialects(server: MariaDB, dialect: str) -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    import pandas

    url = server.url.replace("mysql://", f"mysql+{dialect}://").rpartition("/")[0] + "/clients"
    engine = sqlalchemy.create_engine(url, module=s2.mysql, pool_pre_ping=True)
    name = f"by_{dialect}"
    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", "it's"], "c": [1.5, None]})
    frame.to_sql(name, engine, index=False)
    found = pandas.read_sql(f"SELECT * FROM {name}", engine)
    pandas.testing.assert_frame_equal(found, frame)
    assert name in sqlalchemy.inspect(engine).get_table_names()
    with engine.connect() as opened:
        number = opened.execute(sqlalchemy.text("SELECT CONNECTION_ID()")).scalar()
        opened.rollback()
    with s2.connect(server.url) as other:
        other.kill(number)
    with engine.begin() as opened:  # the lost connection is noticed and replaced
        again = opened.execute(sqlalchemy.text("SELECT CONNECTION_ID()")).scalar()
        assert again != number
        opened.execute(sqlalchemy.text(f"DROP TABLE {name}"))
    engine.dispose()
