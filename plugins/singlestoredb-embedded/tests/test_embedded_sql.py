"""Queries, data changes and definitions."""

from __future__ import annotations

import datetime as dt
import tracemalloc
from decimal import Decimal
from typing import Any

import numpy
import pytest

import singlestoredb as s2
from singlestoredb_embedded.lex import split_statements, tokenize


@pytest.fixture
def shop(engine: Any) -> Any:
    """An engine with two tables."""
    engine(
        "CREATE TABLE customers (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(30), "
        "city VARCHAR(30), UNIQUE KEY (name))"
    )
    engine(
        "CREATE TABLE orders (id BIGINT PRIMARY KEY, customer INT, total DECIMAL(10,2), day DATE)"
    )
    engine(
        "INSERT INTO customers (name, city) VALUES ('Ann', 'Oslo'), ('bob', 'Rome'), "
        "('Cid', 'rome'), ('Dee', NULL)"
    )
    engine(
        "INSERT INTO orders VALUES (1, 1, 10.50, '2024-01-01'), (2, 1, 5.25, '2024-01-02'), "
        "(3, 2, 100, '2024-01-02'), (4, NULL, 1, '2024-02-01')"
    )
    return engine


# -- queries ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT name FROM customers WHERE city = 'ROME' ORDER BY name", [("bob",), ("Cid",)]),
        ("SELECT name FROM customers ORDER BY name DESC LIMIT 1, 2", [("Cid",), ("bob",)]),
        ("SELECT name FROM customers ORDER BY city, id LIMIT 1", [("Dee",)]),
        ("SELECT id i FROM customers ORDER BY i DESC LIMIT 1", [(4,)]),
        ("SELECT id, name FROM customers ORDER BY 2 LIMIT 1", [(1, "Ann")]),
        (
            "SELECT c.name, SUM(o.total) t FROM customers c JOIN orders o ON o.customer = c.id "
            "GROUP BY c.name HAVING t > 20 ORDER BY t DESC",
            [("bob", Decimal("100.00"))],
        ),
        (
            "SELECT c.name, COUNT(o.id) FROM customers c LEFT JOIN orders o ON o.customer = c.id "
            "GROUP BY 1 ORDER BY 2 DESC, 1",
            [("Ann", 2), ("bob", 1), ("Cid", 0), ("Dee", 0)],
        ),
        ("SELECT COUNT(*) FROM customers GROUP BY city ORDER BY 1", [(1,), (1,), (2,)]),
        ("SELECT COUNT(DISTINCT city) FROM customers", [(2,)]),
        ("SELECT DISTINCT LOWER(city) c FROM customers WHERE city IS NOT NULL ORDER BY c",
         [("oslo",), ("rome",)]),
        ("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders) ORDER BY id",
         [(1,), (2,)]),
        ("SELECT id FROM customers c WHERE NOT EXISTS (SELECT 1 FROM orders WHERE customer = c.id) "
         "ORDER BY id", [(3,), (4,)]),
        ("SELECT (SELECT MAX(total) FROM orders o WHERE o.customer = c.id) FROM customers c "
         "ORDER BY id", [(Decimal("10.50"),), (Decimal("100.00"),), (None,), (None,)]),
        ("SELECT x.n FROM (SELECT name n, id FROM customers) x WHERE x.id = 1", [("Ann",)]),
        ("WITH t AS (SELECT id, name FROM customers), u (k) AS (SELECT id FROM t WHERE id > 2) "
         "SELECT SUM(k) FROM u", [(Decimal(7),)]),
        ("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4) "
         "SELECT GROUP_CONCAT(i ORDER BY i) FROM n", [("1,2,3,4",)]),
        ("SELECT city FROM customers WHERE id = 2 UNION SELECT city FROM customers WHERE id < 3 "
         "ORDER BY city", [("Oslo",), ("Rome",)]),
        ("SELECT 1 UNION ALL SELECT 1.5 ORDER BY 1", [(Decimal("1.0"),), (Decimal("1.5"),)]),
        ("SELECT id FROM customers EXCEPT SELECT customer FROM orders ORDER BY 1", [(3,), (4,)]),
        ("SELECT city FROM customers INTERSECT SELECT 'ROME'", [("Rome",)]),
        ("SELECT id, SUM(total) OVER (PARTITION BY customer ORDER BY id) FROM orders ORDER BY id",
         [(1, Decimal("10.50")), (2, Decimal("15.75")), (3, Decimal("100.00")),
          (4, Decimal("1.00"))]),
        ("SELECT id, RANK() OVER w FROM orders WINDOW w AS (ORDER BY day) ORDER BY id",
         [(1, 1), (2, 2), (3, 2), (4, 4)]),
        ("SELECT id, LAG(id, 1, 0) OVER (ORDER BY id) FROM orders WHERE id < 3", [(1, 0), (2, 1)]),
        ("SELECT AVG(total) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) "
         "FROM orders ORDER BY id LIMIT 2", [(Decimal("10.500000"),), (Decimal("7.875000"),)]),
        ("SELECT city, COUNT(*) FROM customers WHERE city IS NOT NULL GROUP BY city WITH ROLLUP "
         "ORDER BY 2", [("Oslo", 1), ("Rome", 2), (None, 3)]),
        ("SELECT id FROM customers JOIN (SELECT 1 id, 'x' z) q USING (id)", [(1,)]),
        ("SELECT * FROM (SELECT 1 a, 2 b) x NATURAL JOIN (SELECT 1 a, 3 c) y", [(1, 2, 3)]),
        ("SELECT name FROM customers HAVING name = 'ANN'", [("Ann",)]),
        ("SELECT YEAR(day) y, COUNT(*) FROM orders GROUP BY y", [(2024, 4)]),
        ("SELECT UPPER(city), COUNT(*) FROM customers GROUP BY UPPER(city) ORDER BY 1 LIMIT 2",
         [(None, 1), ("OSLO", 1)]),
        ("SELECT * FROM (VALUES ROW(1, 'a'), ROW(2, 'b')) v (x, y) ORDER BY x DESC",
         [(2, "b"), (1, "a")]),
        ("SELECT a.table_col FROM TABLE(JSON_TO_ARRAY('[1, 2]')) AS a ORDER BY 1", [(1,), (2,)]),
        ("SELECT 5 > ALL (SELECT id FROM customers), 1 = ANY (SELECT id FROM customers)", [(1, 1)]),
        ("SELECT main.customers.name FROM main.customers WHERE main.customers.id = 1", [("Ann",)]),
        ("SELECT id FROM orders WHERE day = '2024-01-02' AND total > '6'", [(3,)]),
        ("SELECT id FROM orders WHERE day BETWEEN '2024-01-15' AND '2024-12-31'", [(4,)]),
        ("SELECT MIN(name), MAX(city) FROM customers", [("Ann", "Rome")]),
        ("SELECT name FROM customers WHERE (id, city) IN ((1, 'OSLO'), (2, 'x'))", [("Ann",)]),
        ("SELECT COUNT(*) FROM customers, orders", [(16,)]),
    ],
)  # fmt: skip
def test_query(shop: Any, sql: str, expected: list[Any]) -> None:
    got = shop(sql)
    if "MAX(city)" in sql or "ROLLUP" in sql or "INTERSECT" in sql:
        got = [tuple(v.capitalize() if isinstance(v, str) else v for v in row) for row in got]
    assert got == expected


@pytest.mark.parametrize(
    ("sql", "errno"),
    [
        ("SELECT nosuch FROM customers", 1054),
        ("SELECT id FROM customers, orders", 1052),
        ("SELECT * FROM customers a, orders a", 1066),
        ("SELECT x.* FROM customers", 1051),
        ("SELECT * FROM nowhere", 1146),
        ("SELECT * FROM nowhere.t", 1146),
        ("SELECT nosuch()", 1305),
        ("SELECT (SELECT id FROM customers)", 1242),
        ("SELECT (SELECT id, name FROM customers)", 1241),
        ("SELECT 1 UNION SELECT 1, 2", 1222),
        ("SELECT id FROM customers WHERE COUNT(*) > 1", 1111),
        ("SELECT name FROM customers GROUP BY city", 1055),
        ("SELECT", 1064), ("SELECT 1 FROM", 1064), ("SELECT 1,, 2", 1064), ("SELECT 'a", 1064),
        ("SELECT 1 2", 1064), ("FROM customers", 1064), ("SELECT * FROM customers WHERE", 1064),
        ("", 1065), (" ; ", 1065),
        ("SELECT MATCH (name) AGAINST ('x') FROM customers", 1235),
        ("SELECT GEOGRAPHY_DISTANCE('a', 'b')", 1235),
        ("EXPLAIN EXTENDED SELECT 1", 1235), ("EXPLAIN SELECT * FROM nowhere", 1146),
        ("ROLLBACK TO a", 1305), ("RELEASE SAVEPOINT a", 1305),
        ("CREATE PIPELINE p AS LOAD DATA FS 'x' INTO TABLE t", 1235),
        ("CREATE LINK l AS S3", 1235),
        ("CREATE AGGREGATE a(x INT) RETURNS INT", 1235),
        ("BACKUP DATABASE main TO 'x'", 1235),
        ("CALL p()", 1305), ("ECHO p()", 1305), ("SELECT * FROM p(1)", 1305),
        ("SELECT id FROM customers FOR UPDATE NOWAIT", 1235),
        ("SELECT id FROM customers INTO @x", 1172),
        ("SELECT id INTO @x FROM customers LIMIT 0", 1329),
        ("SELECT 1 INTO OUTFILE 'x'", 1235),
        ("SHOW LEAVES", 1235),
        ("SELECT @@nosuch", 1193), ("SET nosuch = 1", 1193),
        ("USE nowhere", 1049),
        ("SELECT 9223372036854775807 + 1", 1690),
        ("SELECT " + "(" * 300 + "1" + ")" * 300, 1235),
    ],
)  # fmt: skip
def test_refused_query(shop: Any, sql: str, errno: int) -> None:
    assert shop.errno(sql) == errno
    assert shop("SELECT COUNT(*) FROM customers") == [(4,)]


def test_refusals_name_the_feature(engine: Any) -> None:
    exc = engine.error("BACKUP DATABASE main TO 'x'")
    assert isinstance(exc, s2.NotSupportedError)
    assert exc.errmsg == "embedded engine: BACKUP is not supported"
    assert exc.sqlstate == "42000"
    exc = engine.error("SELECT 1 +\n* FROM t WHERE")
    assert isinstance(exc, s2.ProgrammingError)
    assert "near '' at line 2" in str(exc.errmsg) or "at line" in str(exc.errmsg)


def test_names_and_text_of_columns(engine: Any) -> None:
    with engine.connection.cursor("tuples") as cursor:
        cursor.execute("SELECT 1 + 1, 'a' AS `b c`, UPPER('x'), 'lit', @@autocommit")
        names = [column.name for column in cursor.description]
    assert names == ["1 + 1", "b c", "UPPER('x')", "lit", "@@autocommit"]


# -- data changes ----------------------------------------------------------------------------


def test_insert_counts_and_ids(shop: Any) -> None:
    with shop.connection.cursor() as cursor:
        assert cursor.execute("INSERT INTO customers (name) VALUES ('E'), ('F')") == 2
        assert cursor.lastrowid == 5
        cursor.execute("INSERT INTO customers VALUES (NULL, 'G', 'x')")
        assert cursor.lastrowid == 7
        cursor.execute("INSERT INTO customers SET name = 'H', id = 20")
        cursor.execute(
            "INSERT INTO customers (name) SELECT CONCAT(name, '2') FROM customers WHERE id < 3"
        )
        assert cursor.lastrowid == 21
    assert shop("SELECT LAST_INSERT_ID(), MAX(id) FROM customers") == [(21, 22)]
    assert shop("SELECT id FROM customers WHERE name = 'bob2'") == [(22,)]


def test_keys_ignore_case_accents_and_trailing_blanks(shop: Any) -> None:
    for name in ("ANN", "ann ", "Ánn"):
        exc = shop.error("INSERT INTO customers (name) VALUES (%s)", [name])
        assert isinstance(exc, s2.IntegrityError)
        assert exc.errno == 1062
        assert "for key 'name'" in str(exc.errmsg)
    assert shop.errno("INSERT INTO orders VALUES (1, 1, 1, NULL)") == 1062
    assert shop.errno("UPDATE customers SET name = 'BOB' WHERE id = 1") == 1062
    assert shop.count("UPDATE customers SET name = 'ANN' WHERE id = 1") == 1


def test_binary_collation_is_case_sensitive(engine: Any) -> None:
    engine("CREATE TABLE t (a VARCHAR(5) COLLATE utf8mb4_bin PRIMARY KEY)")
    engine("INSERT INTO t VALUES ('a'), ('A')")
    assert engine("SELECT COUNT(*) FROM t WHERE a = 'a'") == [(1,)]
    assert engine("SELECT COUNT(DISTINCT a) FROM t") == [(2,)]


def test_insert_ignore(shop: Any) -> None:
    assert shop.count(
        "INSERT IGNORE INTO customers (name) VALUES ('ann'), ('New'), ('NEW'), ('Other')"
    ) == 2  # fmt: skip
    assert [w[1] for w in shop.warnings()] == [1062, 1062]
    assert shop("SELECT name FROM customers WHERE id > 4 ORDER BY name") == [("New",), ("Other",)]


def test_on_duplicate_key_update(shop: Any) -> None:
    sql = (
        "INSERT INTO orders VALUES {} ON DUPLICATE KEY UPDATE total = total + VALUES(total), "
        "customer = 9"
    )
    assert shop.count(sql.format("(1, 1, 1, NULL)")) == 2
    assert shop.count(sql.format("(10, 1, 1, NULL)")) == 1
    assert shop.count(sql.format("(11, 1, 1, NULL), (11, 1, 2, NULL), (11, 1, 3, NULL)")) == 5
    assert shop("SELECT id, customer, total FROM orders WHERE id IN (1, 10, 11) ORDER BY id") == [
        (1, 9, Decimal("11.50")), (10, 1, Decimal("1.00")), (11, 9, Decimal("6.00")),
    ]  # fmt: skip
    assert shop.count("INSERT INTO customers (id, name) VALUES (99, 'ANN') "
                      "ON DUPLICATE KEY UPDATE city = VALUES(name)") == 2  # fmt: skip
    assert shop("SELECT id, city FROM customers WHERE name = 'ann'") == [(1, "ANN")]
    assert shop.count("INSERT INTO orders (id, total) VALUES (1, 7) AS new "
                      "ON DUPLICATE KEY UPDATE total = new.total") == 2  # fmt: skip


def test_replace(shop: Any) -> None:
    assert shop.count("REPLACE INTO orders (id, total) VALUES (1, 9), (50, 1), (50, 2)") == 5
    assert shop("SELECT id, customer, total FROM orders WHERE id IN (1, 50) ORDER BY id") == [
        (1, None, Decimal("9.00")), (50, None, Decimal("2.00")),
    ]  # fmt: skip
    # One row may replace two: by the primary key and by the unique one.
    assert shop.count("REPLACE INTO customers (id, name) VALUES (1, 'BOB')") == 3
    assert shop("SELECT id, name FROM customers ORDER BY id") == [
        (1, "BOB"),
        (3, "Cid"),
        (4, "Dee"),
    ]


def test_update_and_delete(shop: Any, make_engine: Any) -> None:
    assert shop.count("UPDATE orders SET total = total WHERE id < 3") == 0
    assert shop.count("UPDATE orders SET total = 0 ORDER BY id DESC LIMIT 2") == 2
    assert shop("SELECT id FROM orders WHERE total = 0 ORDER BY id") == [(3,), (4,)]
    assert shop.count("UPDATE orders o JOIN customers c ON o.customer = c.id SET o.total = c.id "
                      "WHERE c.name = 'ann'") == 2  # fmt: skip
    assert shop("SELECT total FROM orders WHERE customer = 1") == [(Decimal(1),), (Decimal(1),)]
    assert shop.count("UPDATE customers SET city = DEFAULT WHERE id = 1") == 1
    assert shop.count("DELETE FROM orders ORDER BY id DESC LIMIT 1") == 1
    assert (
        shop.count("DELETE o FROM orders o JOIN customers c ON o.customer = c.id WHERE c.id = 1")
        == 2
    )
    assert shop("SELECT id FROM orders") == [(3,)]
    assert shop.count("DELETE c, o FROM customers c, orders o WHERE o.customer = c.id") == 2
    assert shop.count("DELETE FROM customers WHERE name LIKE '%'") == 3
    shop("INSERT INTO customers (name) VALUES ('x')")
    shop("TRUNCATE TABLE customers")
    assert shop("SELECT COUNT(*) FROM customers") == [(0,)]
    shop("INSERT INTO customers (name) VALUES ('y')")
    assert shop("SELECT id FROM customers") == [(1,)]
    matched = make_engine(client_found_rows=True)
    matched("CREATE TABLE t (a INT)")
    matched("INSERT INTO t VALUES (1), (1)")
    assert matched.count("UPDATE t SET a = 1") == 2


def test_bulk_rows_equal_single_rows(engine: Any) -> None:
    engine(
        "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, i TINYINT, d DECIMAL(8,2), f DOUBLE, "
        "s VARCHAR(20), b BLOB, j JSON, ts DATETIME(6), ti TIME, e ENUM('x','y'), v VECTOR(2))"
    )
    row = ("5", "1.255", "1e2", "'a,\"b''\\n\\\\'", "X'00FF'", "'{\"a\": [1, 2]}'",
           "'2024-01-02 03:04:05.678'", "'-10:00:01'", "'Y'", "'[1,2]'")  # fmt: skip
    nulls = ("NULL",) * len(row)
    text = ", ".join(f"({', '.join(r)})" for r in [row, nulls] * 50)
    names = "i, d, f, s, b, j, ts, ti, e, v"
    assert engine.count(f"INSERT INTO t ({names}) VALUES {text}") == 100
    engine(f"INSERT INTO t ({names}) VALUES ({', '.join(row)})")
    rows = engine("SELECT * FROM t ORDER BY id")
    assert [r[0] for r in rows] == list(range(1, 102))
    bulk, single = rows[0][1:], rows[100][1:]
    assert list(bulk[:9]) == list(single[:9])
    assert list(bulk[9]) == list(single[9]) == [1.0, 2.0]
    assert single[3] == "a,\"b'\n\\"
    assert set(rows[1][1:]) == {None}


@pytest.mark.parametrize("count", [1, 40])
@pytest.mark.parametrize(
    ("column", "value", "errno"),
    [
        ("TINYINT", "128", 1264), ("TINYINT", "'-129'", 1264), ("TINYINT UNSIGNED", "-1", 1264),
        ("MEDIUMINT", "8388608", 1264), ("INT", "2147483648", 1264), ("INT", "'abc'", 1366),
        ("BIGINT UNSIGNED", "18446744073709551616", 1264), ("YEAR", "1800", 1264),
        ("BIT(2)", "4", 1264),
        ("DECIMAL(4,2)", "100", 1264), ("DECIMAL(4,2)", "'x'", 1366), ("DOUBLE", "'x'", 1366),
        ("VARCHAR(3)", "'abcd'", 1406), ("CHAR(2)", "'äöü'", 1406),
        ("VARBINARY(2)", "X'010203'", 1406),
        ("DATE", "'2024-02-30'", 1292), ("DATE", "'0000-00-00'", 1292),
        ("DATETIME", "'nope'", 1292),
        ("TIME", "'10:99:00'", 1292), ("JSON", "'{bad'", 1366), ("ENUM('a','b')", "'c'", 1265),
        ("SET('a','b')", "'a,c'", 1265), ("INT NOT NULL", "NULL", 1048),
    ],
)  # fmt: skip
def test_values_that_do_not_fit(
    engine: Any, column: str, value: str, errno: int, count: int
) -> None:
    engine(f"CREATE TABLE t (a {column})")
    text = ", ".join([f"({value})"] * count)
    assert engine.errno(f"INSERT INTO t VALUES {text}") == errno
    assert engine("SELECT COUNT(*) FROM t") == [(0,)]


def test_values_are_converted(engine: Any) -> None:
    engine("CREATE TABLE t (i INT, s VARCHAR(10), d DECIMAL(5,1), b BINARY(3), e SET('a','b','c'))")
    engine("INSERT INTO t VALUES ('12', 1.50, '2.25', 'x', 'C,a'), (1.5, TRUE, 2.25e0, X'01', '')")
    assert engine("SELECT * FROM t ORDER BY i DESC") == [
        (12, "1.50", Decimal("2.3"), b"x\0\0", "a,c"), (2, "1", Decimal("2.3"), b"\1\0\0", ""),
    ]  # fmt: skip


def test_wrong_inserts(shop: Any) -> None:
    assert shop.errno("INSERT INTO orders (id, nosuch) VALUES (1, 2)") == 1054
    assert shop.errno("INSERT INTO orders VALUES (1, 2)") == 1136
    assert shop.errno("INSERT INTO orders (id, customer) VALUES (7, 1), (8)") == 1136
    assert shop.errno("INSERT INTO orders (id, id) VALUES (1, 2)") == 1110
    assert shop.errno("INSERT INTO orders (customer) VALUES (1)") == 1364
    assert shop.errno("INSERT INTO nowhere VALUES (1)") == 1146
    assert shop.errno("UPDATE orders SET nosuch = 1") == 1054


# -- definitions -----------------------------------------------------------------------------


def test_databases(engine: Any) -> None:
    engine("CREATE DATABASE shop")
    engine("CREATE DATABASE IF NOT EXISTS shop")
    assert engine.warnings()[0][1] == 1007
    assert engine.errno("CREATE DATABASE shop") == 1007
    engine("USE shop")
    assert engine("SELECT DATABASE()") == [("shop",)]
    engine("CREATE TABLE t (a INT)")
    engine("CREATE TABLE main.t (a INT)")
    engine("INSERT INTO shop.t VALUES (1)")
    assert engine("SELECT (SELECT COUNT(*) FROM t), (SELECT COUNT(*) FROM main.t)") == [(1, 0)]
    engine("DROP DATABASE shop")
    assert engine.errno("SELECT * FROM t") == 1046
    assert engine.errno("DROP DATABASE shop") == 1008
    engine("DROP DATABASE IF EXISTS shop")
    for odd in ("temp", "system", "Main2", "a b`c", "select"):
        quoted = "`" + odd.replace("`", "``") + "`"
        engine(f"CREATE DATABASE {quoted}")
        engine(f"CREATE TABLE {quoted}.t (a INT)")
        assert engine(f"SELECT COUNT(*) FROM {quoted}.t") == [(0,)]


def test_tables(engine: Any) -> None:
    engine(
        "CREATE TABLE a (id INT PRIMARY KEY, s VARCHAR(5) DEFAULT 'x', t DATETIME DEFAULT NOW())"
    )
    assert engine.errno("CREATE TABLE a (x INT)") == 1050
    engine("CREATE TABLE IF NOT EXISTS a (x INT)")
    engine("INSERT INTO a (id) VALUES (1)")
    assert engine("SELECT s, t > '2020-01-01' FROM a") == [("x", 1)]
    engine("CREATE TABLE b LIKE a")
    assert engine("SHOW COLUMNS FROM b") == engine("SHOW COLUMNS FROM a")
    engine("CREATE TABLE c AS SELECT id * 2 AS twice, s FROM a")
    assert engine("SELECT * FROM c") == [(2, "x")]
    engine("CREATE TABLE d (k INT PRIMARY KEY) AS SELECT id AS k FROM a")
    assert engine.errno("INSERT INTO d VALUES (1)") == 1062
    engine("DROP TABLE b, c")
    assert engine.errno("DROP TABLE b") == 1051
    engine("DROP TABLE IF EXISTS b")
    assert engine.errno("CREATE TABLE e (a INT, A INT)") == 1060
    assert engine.errno("CREATE TABLE e (a INT, KEY (b))") == 1072
    assert engine.errno("CREATE TABLE e (a DECIMAL(39,0))") == 1235
    assert engine.errno("CREATE TABLE e (a NOSUCH)") == 1064
    assert engine.errno("CREATE TABLE e (a INT AUTO_INCREMENT, b INT AUTO_INCREMENT)") == 1075


def test_inert_clauses_warn(engine: Any) -> None:
    engine(
        "CREATE ROWSTORE REFERENCE TABLE r (a INT, v VECTOR(2), SHARD KEY (a), SORT KEY (a), "
        "VECTOR INDEX vi (v) INDEX_OPTIONS '{}', KEY USING HASH (a)) AUTOSTATS_ENABLED = FALSE"
    )
    warnings = engine.warnings()
    assert {w[1] for w in warnings} == {1235}
    assert all("has no effect" in w[2] for w in warnings)
    assert len(warnings) == 5
    engine("ANALYZE TABLE r")
    assert engine.warnings() == [("Note", 1235, "embedded engine: ANALYZE has no effect")]


def test_temporary_tables_are_the_sessions_own(make_engine: Any) -> None:
    one, two = make_engine("embedded://temp1"), make_engine("embedded://temp1")
    one("CREATE TEMPORARY TABLE t (a INT)")
    one("INSERT INTO t VALUES (1)")
    assert one("SELECT * FROM t") == [(1,)]
    assert two.errno("SELECT * FROM t") == 1146
    one("DROP TABLE t")
    assert one.errno("SELECT * FROM t") == 1146


def test_views(shop: Any) -> None:
    shop("CREATE VIEW big AS SELECT id, total FROM orders WHERE total > 6")
    assert shop("SELECT COUNT(*) FROM big b WHERE b.id < 3") == [(1,)]
    shop("CREATE OR REPLACE VIEW big (n) AS SELECT id FROM orders")
    assert shop("SELECT MAX(n) FROM big") == [(4,)]
    assert shop.errno("INSERT INTO big VALUES (1)") == 1235
    assert shop.errno("DROP TABLE big") == 1051
    shop("DROP VIEW big")
    assert shop.errno("SELECT * FROM big") == 1146
    assert shop.errno("CREATE VIEW v AS SELECT * FROM nowhere") == 1146


def test_alter_table(shop: Any) -> None:
    shop("ALTER TABLE customers ADD COLUMN age INT NOT NULL DEFAULT 7 AFTER name, ADD note TEXT")
    assert shop("SELECT * FROM customers WHERE id = 1") == [(1, "Ann", 7, "Oslo", None)]
    shop("ALTER TABLE customers MODIFY age BIGINT, CHANGE city town VARCHAR(50)")
    shop("ALTER TABLE customers DROP COLUMN note, RENAME COLUMN age TO years")
    assert [c[:2] for c in shop("SHOW COLUMNS FROM customers")] == [
        ("id", "int(11)"), ("name", "varchar(30)"), ("years", "bigint(20)"),
        ("town", "varchar(50)"),
    ]  # fmt: skip
    assert shop.errno("INSERT INTO customers (name, years) VALUES ('ANN', 1)") == 1062
    shop("ALTER TABLE customers DROP INDEX name")
    shop("INSERT INTO customers (name, years) VALUES ('ANN', 1)")
    assert shop("SELECT MAX(id) FROM customers") == [(6,)]  # the refused row used up 5
    assert shop.errno("ALTER TABLE customers ADD UNIQUE KEY n2 (name)") == 1062
    shop("CREATE INDEX t ON customers (town)")
    assert [i[2] for i in shop("SHOW INDEX FROM customers")] == ["PRIMARY", "t"]
    shop("ALTER TABLE customers RENAME TO people")
    assert shop("SELECT COUNT(*) FROM people") == [(5,)]
    assert shop.errno("SELECT * FROM customers") == 1146
    shop("RENAME TABLE people TO customers")
    shop("ALTER TABLE orders ALTER COLUMN customer SET DEFAULT 3")
    shop("INSERT INTO orders (id) VALUES (77)")
    assert shop("SELECT customer FROM orders WHERE id = 77") == [(3,)]
    assert shop.errno("ALTER TABLE orders DROP COLUMN nosuch") == 1091
    assert (
        shop.errno("ALTER TABLE orders MODIFY total TINYINT UNSIGNED, MODIFY customer DATE") == 1292
    )
    assert shop("SELECT COUNT(*) FROM orders") == [(5,)]


def test_computed_columns_and_on_update(engine: Any) -> None:
    engine(
        "CREATE TABLE t (a INT, j JSON, twice AS a * 2 PERSISTED BIGINT, k AS j::$k PERSISTED "
        "VARCHAR(9), changed DATETIME(6) DEFAULT NULL ON UPDATE NOW(6))"
    )
    engine('INSERT INTO t (a, j) VALUES (1, \'{"k": "v"}\'), (2, NULL)')
    assert engine("SELECT twice, k, changed FROM t ORDER BY a") == [(2, "v", None), (4, None, None)]
    engine("UPDATE t SET a = 10 WHERE a = 1")
    assert engine("SELECT twice, changed IS NULL FROM t ORDER BY a DESC") == [(20, 0), (4, 1)]
    assert engine.errno("INSERT INTO t (twice) VALUES (1)") == 3105


# -- SingleStore's own -----------------------------------------------------------------------


def test_json_paths(engine: Any) -> None:
    engine("CREATE TABLE t (j JSON NOT NULL)")
    engine('INSERT INTO t VALUES (\'{"a": {"b c": [1, "x", 2.5]}, "n": "5"}\')')
    assert engine(
        "SELECT j::a::`b c`::`0`, j::a::`b c`::$`1`, j::a::`b c`::%`2`, j::$n + 1 FROM t"
    ) == [(1, "x", 2.5, 6.0)]
    assert engine("SELECT j::nosuch, j::$nosuch FROM t") == [(None, None)]
    assert engine("SELECT COUNT(*) FROM t WHERE j::n = '\"5\"'") == [(1,)]
    assert engine("UPDATE t SET j = JSON_SET_STRING(j, 'n', 'six')") == []
    assert engine("SELECT j::$n FROM t") == [("six",)]


def test_cast_operators(engine: Any) -> None:
    assert engine("SELECT '12abc' :> INT, 300 :> TINYINT, 'x' !:> INT, '7' !:> INT") == [
        (12, 127, None, 7)
    ]
    assert engine("SELECT 1.005 :> DECIMAL(5,2), '2024-01-02' :> DATE, 'abcd' :> CHAR(2)") == [
        (Decimal("1.01"), dt.date(2024, 1, 2), "ab")
    ]
    assert engine("SELECT '{\"a\":  1}' :> JSON, 5 :> JSON, NULL :> INT") == [({"a": 1}, 5, None)]


def test_vectors(engine: Any) -> None:
    engine("CREATE TABLE v (id INT PRIMARY KEY, e VECTOR(3, F32) NOT NULL)")
    engine("INSERT INTO v VALUES (1, '[1,0,0]'), (2, '[0,1,0]'), (3, '[0.6,0.8,0]')")
    assert engine("SELECT id FROM v ORDER BY e <*> '[1,0,0]' DESC LIMIT 2") == [(1,), (3,)]
    assert engine("SELECT e <-> ('[0,0,0]' :> VECTOR(3)) FROM v WHERE id = 1") == [(1.0,)]
    assert engine.errno("SELECT e <*> '[1,2]' FROM v") != 0
    assert engine.errno("INSERT INTO v VALUES (4, '[1,2]')") != 0
    assert engine("SELECT e <*> X'0000803f0000000000000000' FROM v WHERE id = 1") == [(1.0,)]
    packed = "JSON_ARRAY_PACK('[1,0,0]')"
    assert engine(f"SELECT DOT_PRODUCT(e, {packed}) FROM v WHERE id = 1") == [(1.0,)]


@pytest.mark.parametrize(
    ("element", "dtype"),
    [("F32", "f4"), ("F64", "f8"), ("I8", "i1"), ("I16", "i2"), ("I32", "i4"), ("I64", "i8"),
     ("F16", "f2")],
)  # fmt: skip
def test_arrays_are_vectors(engine: Any, element: str, dtype: str) -> None:
    engine(f"CREATE TABLE v (id INT PRIMARY KEY, e VECTOR(3, {element}))")
    cursor = engine.connection.cursor()
    arrays = [numpy.array([1, -2, 3], dtype), numpy.array([0, 0, 100], dtype)]
    cursor.execute("INSERT INTO v VALUES (%s, %s)", [1, arrays[0]])
    cursor.executemany("INSERT INTO v VALUES (%s, %s)", [(2, arrays[1]), (3, None)])
    assert [None if e is None else list(e) for (e,) in engine("SELECT e FROM v ORDER BY id")] == [
        [1, -2, 3],
        [0, 0, 100],
        None,
    ]
    cursor.execute("UPDATE v SET e = %s WHERE id = 3", [arrays[0]])
    cursor.execute("SELECT id FROM v WHERE e <-> %s < 1 ORDER BY id", [arrays[0]])
    assert cursor.fetchall() == [(1,), (3,)]
    assert engine.errno("INSERT INTO v VALUES (4, X'0102')") == 1105


def test_variables(engine: Any) -> None:
    engine("SET @a = 5, @b := 'x', @c = NULL")
    assert engine("SELECT @a + 1, @b, @c, @never") == [(6, "x", None, None)]
    engine("SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'")
    assert engine(r"SELECT 'a\b'") == [(r"a\b",)]
    assert engine("SELECT %s", ["a\\'b"]) == [("a\\'b",)]
    engine("SET sql_mode = DEFAULT")
    assert engine("SHOW VARIABLES LIKE 'sql_mode'")[0][1].startswith("STRICT")
    engine("SET NAMES utf8mb4")
    engine("SET foreign_key_checks = 0")
    assert engine.warnings()[0][1] == 1235
    assert engine.errno("SET version = 'x'") == 1238
    assert "embedded" in engine("SELECT @@version_comment")[0][0]


def test_multiple_statements(engine: Any, make_engine: Any) -> None:
    with engine.connection.cursor("tuples") as cursor:
        cursor.execute("CREATE TABLE t (a INT); INSERT INTO t VALUES (1), (2); SELECT * FROM t;")
        assert cursor.nextset()
        assert cursor.rowcount == 2
        assert cursor.nextset()
        assert cursor.fetchall() == [(1,), (2,)]
        assert not cursor.nextset()
    careful = make_engine(multi_statements=False)
    assert careful.errno("SELECT 1; SELECT 2") == 1064
    assert careful("SELECT 1;") == [(1,)]


def test_comments(engine: Any) -> None:
    assert engine("SELECT /* a ; b */ 1 -- c\n + 1 # d\n") == [(2,)]
    assert engine("/*!40101 SELECT 3 */") == [(3,)]


def test_found_rows(shop: Any) -> None:
    shop("SELECT SQL_CALC_FOUND_ROWS id FROM customers LIMIT 1")
    assert shop("SELECT FOUND_ROWS()") == [(4,)]


def test_translations_are_shared_between_constants(shop: Any) -> None:
    cache = shop.connection._opened().session.engine.translations._items
    before = len(cache)
    for number, name in ((1, "Ann"), (2, "bob"), (3, "Cid")):
        assert shop(f"SELECT name FROM customers WHERE id = {number}") == [(name,)]
        assert shop("SELECT id FROM customers WHERE name = %s AND id > 0", [name]) == [(number,)]
    assert len(cache) == before + 2
    for text, expected in (
        ("2024-01-02", 2),
        ("2024-01-02 00:00:00", 2),
        ("x", 0),
        ("20240102", 2),
    ):
        assert shop(f"SELECT COUNT(*) FROM orders WHERE day = '{text}'") == [(expected,)]
    for text in ("1", "01", "1.0", "1x"):
        assert shop(f"SELECT name FROM customers WHERE id = '{text}'") == [("Ann",)]
    for limit in (1, 2):
        assert len(shop(f"SELECT id FROM customers WHERE id > 0 LIMIT {limit}")) == limit
    shop("SET @x = 1")
    assert shop("SELECT id FROM customers WHERE id = @x") == [(1,)]
    shop("SET @x = 2")
    assert shop("SELECT id FROM customers WHERE id = @x") == [(2,)]
    shop("ALTER TABLE customers MODIFY id BIGINT NOT NULL")
    assert shop("SELECT id FROM customers WHERE id = 9223372036854775807") == []
    shop("CREATE TEMPORARY TABLE orders (id INT)")
    assert shop("SELECT id FROM orders WHERE id = 1") == []
    shop("DROP TABLE orders")
    assert shop("SELECT id FROM orders WHERE id = 1") == [(1,)]
    assert shop("SELECT 1 = 2, name FROM customers WHERE id = 1") == [(0, "Ann")]
    assert shop("SELECT name FROM customers WHERE 'it''s' = 'it\\'s' AND id = 1") == [("Ann",)]


def test_select_into(shop: Any) -> None:
    shop("SELECT COUNT(*), MAX(name) INTO @n, @m FROM customers")
    assert shop("SELECT @n, @m = (SELECT MAX(name) FROM customers)") == [(4, 1)]
    shop("SELECT TIME '01:02:03' INTO @t")
    assert shop("SELECT @t = TIME '01:02:03'") == [(1,)]


@pytest.mark.parametrize(
    ("sql", "first"),
    [
        ("EXPLAIN SELECT name FROM customers WHERE id = 1", None),
        ("DESCRIBE SELECT 1", None),
        ("EXPLAIN INSERT INTO customers (id) VALUES (1), (2)", "INSERT INTO customers: 2 rows"),
        ("EXPLAIN INSERT INTO customers SELECT * FROM customers", "INSERT INTO customers"),
        ("EXPLAIN REPLACE INTO customers SELECT * FROM customers", "REPLACE INTO customers"),
        ("EXPLAIN UPDATE customers SET name = 'x', city = 'y' WHERE id = 1",
         "UPDATE of name, city"),
        ("EXPLAIN DELETE FROM customers WHERE id > 2", "DELETE FROM customers"),
    ],
)  # fmt: skip
def test_explain(shop: Any, sql: str, first: str | None) -> None:
    before = shop("SELECT * FROM customers ORDER BY id")
    with shop.connection.cursor("tuples") as cursor:
        cursor.execute(sql)
        assert [column[0] for column in cursor.description] == ["EXPLAIN"]
        lines = [row[0] for row in cursor.fetchall()]
    assert all(isinstance(line, str) and "\n" not in line for line in lines)
    if first is not None:
        assert lines[0] == first
    if "FROM customers" in sql:
        assert any("customers" in line for line in lines)
    assert shop("SELECT * FROM customers ORDER BY id") == before


def test_explain_of_a_table_describes_it(shop: Any) -> None:
    assert shop("EXPLAIN customers") == shop("DESCRIBE customers")


def test_a_routines_body_is_one_statement() -> None:
    sql = """
    SELECT 1; CREATE PROCEDURE p() AS DECLARE a INT; b INT = CASE 1 WHEN 1 THEN 2 END;
    BEGIN IF a THEN ECHO SELECT IF(1, 2, 3); END IF; WHILE a DO a = 1; END WHILE;
      LOOP EXIT; END LOOP; BEGIN a = CASE WHEN b THEN IF(b, 1, 2) ELSE IF(b, 1, 2) END; END; END;
    CREATE FUNCTION f() RETURNS TABLE AS RETURN SELECT 2; SELECT 3;
    CREATE OR REPLACE FUNCTION f() RETURNS INT AS BEGIN RETURN 1; END; SELECT 4
    """
    groups = split_statements(sql, tokenize(sql))
    assert [group[0].text for group in groups] == [
        "SELECT", "CREATE", "CREATE", "SELECT", "CREATE", "SELECT",
    ]  # fmt: skip


@pytest.mark.parametrize("backslash", [True, False])
def test_string_literals(backslash: bool) -> None:
    texts = ["''", "'a'", "'it''s'", "''''", '"dq"', '"d""q"', "'\n'", "'\"'", "'a''''b'"]
    if backslash:
        texts += [r"'a\'b'", r"'\\\''", r'"a\"b"', r"'a\\'"]
    else:
        texts += ["'a\\'"]
    for text in texts:
        tokens = tokenize(f"{text},{text}", backslash=backslash)
        assert [token.text for token in tokens] == [text, ",", text, ""], text
    for text in ("'", "'a", "'''", '"a', r"'a\'" if backslash else "'a'b'"):
        with pytest.raises(s2.ProgrammingError):
            tokenize(text, backslash=backslash)


def test_long_literals_need_little_memory(engine: Any) -> None:
    # The pattern must not keep a state per character.
    text = "x" * 2_000_000 + "''" + "y" * 1000
    tracemalloc.start()
    try:
        tokens = tokenize(f"SELECT '{text}'")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(tokens) == 3
    assert peak < 8_000_000
    assert engine(f"SELECT LENGTH('{text}')") == [(2_001_001,)]


def test_bit_without_a_length_has_64_bits(engine: Any) -> None:
    engine("CREATE TABLE t (a BIT, b BIT(2))")
    assert engine.count("INSERT INTO t VALUES (18446744073709551615, 3)") == 1
    assert engine("SELECT a, b FROM t") == [(b"\xff" * 8, bytes(7) + b"\x03")]
    assert engine.errno("INSERT INTO t VALUES (0, 4)") == 1264


def test_what_clients_ask_of_a_cluster(engine: Any) -> None:
    assert engine("SHOW VARIABLES LIKE 'enable_multipartition_queries'") == [
        ("enable_multipartition_queries", "ON")
    ]
    engine("SET enable_multipartition_queries = 0")
    assert "has no effect" in engine.warnings()[0][2]
    assert engine("SELECT @@enable_multipartition_queries") == [("OFF",)]
    engine("RESTART PROXY")
    assert engine.warnings() == [("Note", 1235, "embedded engine: RESTART PROXY has no effect")]
    assert engine.errno("RESTART") == 1235
    assert engine("SHOW PARTITIONS") == [(0, "127.0.0.1", 0, "Master", 0)]


def test_show_create_table_has_a_line_per_key(engine: Any) -> None:
    engine("CREATE TABLE t (a INT PRIMARY KEY)")
    engine(
        "CREATE TEMPORARY TABLE u (a INT, v VECTOR(2), VECTOR INDEX i (v)\n  INDEX_OPTIONS = '{}', "
        "FOREIGN KEY (a) REFERENCES t (a))"
    )
    lines = engine("SHOW CREATE TABLE u")[0][1].splitlines()
    assert lines[0].startswith("CREATE TEMPORARY TABLE `u`")
    assert lines[3:] == ["  VECTOR INDEX i (v) INDEX_OPTIONS = '{}'", ")"]


def test_a_constraint_names_its_key(engine: Any) -> None:
    engine("CREATE TABLE t (a INT, b INT, CONSTRAINT x UNIQUE (a), CONSTRAINT y UNIQUE z (b))")
    assert [row[2] for row in engine("SHOW INDEXES FROM t")] == ["x", "z"]


def test_a_bit_column_has_64_bits_unless_declared_otherwise(engine: Any) -> None:
    engine("CREATE TABLE bits (a BIT, b BIT(8))")
    assert engine("SHOW COLUMNS FROM bits")[0][1] == "bit(64)"
    engine("INSERT INTO bits VALUES (18446744073709551615, 255)")
    assert engine("SELECT a, b + 0 FROM bits") == [(b"\xff" * 8, 255)]
    assert engine.errno("INSERT INTO bits (b) VALUES (256)") == 1264
