"""Stored procedures and functions: their language, their results, what is kept of them."""

# ruff: noqa: E501  (the cases of a test stand on one line)

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import singlestoredb as s2


def results(engine: Any, sql: str, args: Any = None) -> list[list[Any]]:
    """Run a statement; return the rows of each of its result sets."""
    with engine.connection.cursor("tuples") as cursor:
        cursor.execute(sql, args)
        return [list(cursor.fetchall()), *following(cursor)]


def following(cursor: Any) -> list[list[Any]]:
    found = []
    while cursor.nextset():
        found.append(list(cursor.fetchall()))
    return found


def body(engine: Any, text: str, declare: str = "") -> list[list[Any]]:
    """Run a procedure with this body; return its result sets without the last, empty one."""
    engine(f"CREATE OR REPLACE PROCEDURE q() AS {declare} BEGIN {text} END")
    found = results(engine, "CALL q()")
    assert found.pop() == []
    return found


@pytest.fixture
def pets(engine: Any) -> Any:
    engine("CREATE TABLE data (id VARCHAR(20), name VARCHAR(255), value BIGINT, PRIMARY KEY (id))")
    engine("INSERT INTO data VALUES ('a', 'antelopes', 2), ('c', 'cats', 5), ('d', 'dogs', 4)")
    return engine


# The procedures that the tests of SingleStore's own SDK create.
SDK = """
CREATE OR REPLACE PROCEDURE get_animal(nm VARCHAR(255) NOT NULL COLLATE utf8_unicode_ci) AS
BEGIN
    ECHO SELECT value FROM data WHERE name = nm; --
    ECHO SELECT 1, 2, 3; --
END;

CREATE OR REPLACE PROCEDURE no_args() AS
BEGIN
    ECHO SELECT 4, 5, 6; --
END;

CREATE OR REPLACE PROCEDURE return_int() RETURNS BIGINT AS
BEGIN
    RETURN 1234567890; --
END;

CREATE OR REPLACE PROCEDURE result_set_and_return_int() RETURNS BIGINT AS
BEGIN
    ECHO SELECT value FROM data WHERE name = 'cats'; --
    ECHO SELECT 1, 2, 3; --
    RETURN 1234567890; --
END;
"""


def test_results_follow_one_another(pets: Any) -> None:
    results(pets, SDK)
    with pets.connection.cursor("tuples") as cursor:
        assert cursor.callproc("get_animal", ["cats"]) == ["cats"]
        assert list(cursor.fetchall()) == [(5,)]
        assert following(cursor) == [[(1, 2, 3)], []]
        cursor.callproc("no_args")
        assert list(cursor.fetchall()) == [(4, 5, 6)]
        assert following(cursor) == [[]]
    assert results(pets, "CALL get_animal(10)") == [[], [(1, 2, 3)], []]
    assert results(pets, "echo return_int()") == [[(1234567890,)]]
    expected = [[(5,)], [(1, 2, 3)]]
    assert results(pets, "CALL result_set_and_return_int()") == [*expected, []]
    found = results(pets, "ECHO result_set_and_return_int()")
    assert found == [*expected, [(1234567890,)]]
    for wrong in ("CALL get_animal()", "CALL get_animal('a', 'b')", "CALL get_animal"):
        assert pets.errno(wrong) == 1318
    assert pets.errno("CALL get_animal(NULL)") == 1105
    assert pets.errno("CALL nobody()") == 1305
    assert pets.errno("ECHO no_args()") == 1313


def test_a_result_is_that_of_its_moment_and_nothing_is_left_out(pets: Any) -> None:
    pets(
        "CREATE PROCEDURE p() AS BEGIN ECHO SELECT COUNT(*) FROM data; DELETE FROM data; "
        "ECHO SELECT COUNT(*) FROM data; END"
    )
    with pets.connection.cursor("tuples") as cursor:
        cursor.execute("CALL p()")  # and the results are never looked at
    assert pets("SELECT COUNT(*) FROM data") == [(0,)]
    pets("INSERT INTO data VALUES ('x', 'y', 1)")
    for kind in ("tuples", "arrow"):
        for buffered in (True, False):
            pets("REPLACE INTO data VALUES ('x', 'y', 1)")
            with pets.connection.cursor(kind, buffered=buffered) as cursor:
                cursor.execute("CALL p()")
                counts = []
                for _ in range(2):
                    rows = cursor.fetchall()
                    counts.append(rows[0][0] if kind == "tuples" else rows.column(0)[0].as_py())
                    cursor.nextset()
            assert counts == [1, 0]


@pytest.mark.parametrize(
    ("declare", "text", "expected"),
    [
        ("DECLARE a INT = 2; b TEXT DEFAULT 'x'; c INT;", "ECHO SELECT a, b, c;", (2, "x", None)),
        ("DECLARE a INT; b INT;", "a = 3; b := a * 2 + 1; ECHO SELECT a, b;", (3, 7)),
        ("DECLARE a INT = 5;", "IF a > 9 THEN a = 1; ELSIF a = 5 THEN a = 2; ELSE a = 3; END IF; "
         "ECHO SELECT a;", (2,)),
        ("DECLARE a INT = 7;", "IF a IS NULL THEN a = 1; ELSE IF a < 3 THEN a = 2; END IF; a = a + 1;"
         " END IF; ECHO SELECT a;", (8,)),
        ("DECLARE i INT = 0; s INT = 0;", "WHILE i < 5 DO i = i + 1; s = s + i; END WHILE; "
         "ECHO SELECT i, s;", (5, 15)),
        ("DECLARE i INT = 0; s INT = 0;", "WHILE i < 9 LOOP i = i + 1; CONTINUE WHEN i % 2 = 0; "
         "EXIT WHEN i > 6; s = s + i; END LOOP; ECHO SELECT i, s;", (7, 9)),
        ("DECLARE a INT = 5; b INT = 7;", "a += 2; a *= 1 + 1; b -= a - 9; ECHO SELECT a, b;",
         (14, 2)),
        ("DECLARE i INT = 0;", "LOOP i = i + 1; IF i = 4 THEN EXIT; END IF; END LOOP; ECHO SELECT i;",
         (4,)),
        ("DECLARE s TEXT = '';", "FOR i IN 1 .. 3 LOOP s = CONCAT(s, i); END LOOP; ECHO SELECT s;",
         ("123",)),
        ("DECLARE s TEXT = '';", "FOR i IN REVERSE 1..3 LOOP FOR j IN i..2 LOOP s = CONCAT(s, i, j); "
         "END LOOP; END LOOP; ECHO SELECT s;", ("221112",)),
        ("DECLARE n INT = 2; s TEXT = '';", "FOR i IN n .. n - 1 LOOP s = 'x'; END LOOP; "
         "ECHO SELECT s;", ("",)),
        ("DECLARE s TEXT = '';", "FOR r IN COLLECT(SELECT name, value FROM data ORDER BY id) LOOP "
         "s = CONCAT(s, r.name, r.value); END LOOP; ECHO SELECT s;", ("antelopes2cats5dogs4",)),
        ("DECLARE s TEXT = ''; q QUERY(n TEXT) = SELECT name FROM data ORDER BY value;",
         "FOR r IN COLLECT(q) LOOP s = CONCAT(s, r.n, ' '); END LOOP; ECHO SELECT s;",
         ("antelopes dogs cats ",)),
        ("DECLARE s INT = 0;", "FOR r IN COLLECT(\"SELECT value FROM data\", QUERY(v INT)) LOOP "
         "s = s + r.v; END LOOP; ECHO SELECT s;", (11,)),
        ("DECLARE a ARRAY(RECORD(v INT)); s INT = 0;", "a = COLLECT(SELECT value AS v FROM data); "
         "FOR r IN a LOOP s = s + r.v; END LOOP; ECHO SELECT s;", (11,)),
        ("DECLARE r RECORD(a INT, b TEXT);", "r.a = 4; r.b = 'x'; ECHO SELECT r.a, r.b;", (4, "x")),
        ("DECLARE a INT; b TEXT;", "SELECT value, name INTO a, b FROM data WHERE id = 'c'; "
         "ECHO SELECT a, b;", (5, "cats")),
        ("DECLARE a INT;", "SELECT MAX(value) FROM data INTO a; ECHO SELECT a;", (5,)),
        ("DECLARE a INT;", "a = SCALAR(SELECT SUM(value) FROM data); ECHO SELECT a;", (11,)),
        ("DECLARE a INT; q QUERY(n INT) = SELECT COUNT(*) FROM data;",
         "a = SCALAR(q) + SCALAR('SELECT 10', QUERY(x INT)); ECHO SELECT a;", (13,)),
        ("DECLARE lim INT = 2; q QUERY(n TEXT) = SELECT name FROM data ORDER BY id LIMIT lim;",
         "lim = 1; ECHO SELECT COUNT(*) AS c, MAX(n) AS m FROM q;", (2, "cats")),
        ("DECLARE a INT = 1;", "DECLARE a INT = 2; BEGIN a = a + 1; END; ECHO SELECT a;", (1,)),
        ("DECLARE v VECTOR(2) = '[1,2]'; d DATE = '2024-02-29'; t TIME = '01:02:03'; "
         "x DECIMAL(5,2) = 1.5;", "ECHO SELECT v <*> '[3,4]', d + INTERVAL 1 DAY, HOUR(t), x * 2;",
         None),
        ("DECLARE n TEXT = 'cats';", "UPDATE data SET value = value + 1 WHERE name = n; "
         "INSERT INTO data VALUES ('z', n, 1) ON DUPLICATE KEY UPDATE name = n; "
         "DELETE FROM data WHERE name = 'dogs'; ECHO SELECT SUM(value), COUNT(*) FROM data;", (9, 3)),
        ("DECLARE t TEXT = 'data';", "EXECUTE IMMEDIATE CONCAT('DELETE FROM ', t); "
         "ECHO SELECT COUNT(*) FROM data;", (0,)),
        ("", "CREATE TABLE made (a INT); INSERT INTO made VALUES (1); ECHO SELECT * FROM made;", (1,)),
        ("DECLARE c INT = CASE WHEN 1 THEN IF(1, 2, 3) ELSE IF(0, 1, 2) END;", "ECHO SELECT c;", (2,)),
        ("", "START TRANSACTION; DELETE FROM data; ROLLBACK; ECHO SELECT COUNT(*) FROM data;", (3,)),
    ],
)  # fmt: skip
def test_language(pets: Any, declare: str, text: str, expected: tuple[Any, ...] | None) -> None:
    ((row,),) = body(pets, text, declare)
    if expected is None:
        import datetime
        from decimal import Decimal

        expected = (11.0, datetime.date(2024, 3, 1), 1, Decimal("3.00"))
    assert row == expected


def test_columns_hide_variables(pets: Any) -> None:
    found = body(
        pets, "ECHO SELECT COUNT(*) FROM data WHERE name = name;", "DECLARE name TEXT = 'x';"
    )
    assert found == [[(3,)]]


def test_procedures_call_each_other(pets: Any) -> None:
    results(
        pets,
        """
        CREATE PROCEDURE fact(n BIGINT) RETURNS BIGINT AS
        DECLARE rest BIGINT;
        BEGIN
          IF n <= 1 THEN RETURN 1; END IF;
          rest = fact(n - 1);
          RETURN n * rest;
        END;
        CREATE PROCEDURE above(least INT) RETURNS QUERY(name TEXT, value INT) AS
        DECLARE q QUERY(name TEXT, value INT) = SELECT name, value FROM data WHERE value >= least;
        BEGIN RETURN q; END;
        CREATE PROCEDURE both(n INT DEFAULT 3) AS
        DECLARE q QUERY(name TEXT, value INT); x BIGINT;
        BEGIN
          CALL get(n);
          ECHO fact(n);
          q = above(5);
          ECHO SELECT * FROM q;
        END;
        CREATE PROCEDURE get(n INT) AS BEGIN ECHO SELECT n AS n; END;
        CREATE PROCEDURE endless() AS BEGIN CALL endless(); END;
        """,
    )
    assert results(pets, "ECHO fact(10)") == [[(3628800,)]]
    assert results(pets, "CALL both()") == [[(3,)], [(6,)], [("cats", 5)], []]
    assert results(pets, "CALL both(1)")[:2] == [[(1,)], [(1,)]]
    assert sorted(results(pets, "ECHO above(4)")[0]) == [("cats", 5), ("dogs", 4)]
    assert pets.errno("CALL endless()") == 1456
    with pets.connection.cursor() as cursor:
        cursor.execute("ECHO above(4)")
        assert [c[0] for c in cursor.description] == ["name", "value"]
        cursor.execute("ECHO fact(1)")
        assert [c[0] for c in cursor.description] == ["RESULT"]


def test_exceptions(pets: Any) -> None:
    declare = "DECLARE m TEXT;"
    caught = body(
        pets,
        """
        BEGIN
          INSERT INTO data VALUES ('a', 'twice', 1);
          ECHO SELECT 'not reached';
        EXCEPTION
          WHEN ER_NO_SUCH_TABLE THEN ECHO SELECT 'wrong';
          WHEN ER_DUP_ENTRY THEN ECHO SELECT 'twice', exception_message() LIKE '%Duplicate%';
        END;
        BEGIN
          RAISE user_exception(CONCAT('no ', 1 + 1));
        EXCEPTION WHEN OTHERS THEN m = exception_message();
        END;
        ECHO SELECT m;
        """,
        declare,
    )
    assert caught == [[("twice", 1)], [("no 2",)]]
    pets(
        "CREATE PROCEDURE again() AS\nBEGIN\n  RAISE user_exception('x');\n"
        "EXCEPTION WHEN OTHERS THEN\n  RAISE;\nEND"
    )
    error = pets.error("CALL again()")
    assert error.errno == 2242
    assert str(error.errmsg).split("\n") == [
        "Unhandled exception", "Type: ER_USER_RAISE (2242)", "Message: x", "Callstack:",
        "  #0 Line 5 in `main`.`again`",
    ]  # fmt: skip


def test_errors_tell_the_line_of_each_procedure(pets: Any) -> None:
    pets("CREATE PROCEDURE inner_one() AS\nBEGIN\n\n  INSERT INTO nowhere VALUES (1);\nEND")
    pets("CREATE PROCEDURE outer_one() AS\nBEGIN\n  ECHO SELECT 1;\n  CALL inner_one();\nEND")
    error = pets.error("CALL inner_one()")
    assert isinstance(error, s2.ProgrammingError)
    assert error.errno == 1146
    assert "Message: Table 'main.nowhere' doesn't exist" in str(error)
    with pets.connection.cursor("tuples") as cursor:
        cursor.execute("CALL outer_one()")
        assert list(cursor.fetchall()) == [(1,)]
        with pytest.raises(s2.ProgrammingError) as caught:
            cursor.nextset()
    assert str(caught.value).endswith(
        "  #0 Line 4 in `main`.`inner_one`\n  #1 Line 4 in `main`.`outer_one`"
    )


@pytest.mark.parametrize(
    ("text", "errno"),
    [
        ("CREATE PROCEDURE x(a INT, a INT) AS BEGIN END", 1064),
        ("CREATE PROCEDURE x() AS BEGIN SELEC 1; END", 1064),
        ("CREATE PROCEDURE x() AS BEGIN ECHO SELECT 1 END", 1064),
        ("CREATE PROCEDURE x() AS BEGIN IF 1 THEN ECHO SELECT 1; END", 1064),
        ("CREATE PROCEDURE x() AS BEGIN SELECT 1; END", 1235),
        ("CREATE PROCEDURE x(OUT a INT) AS BEGIN END", 1235),
        ("CREATE PROCEDURE x() AS BEGIN GOTO a; END", 1235),
        ("CREATE PROCEDURE x() AS BEGIN CASE 1 WHEN 1 THEN ECHO SELECT 1; END CASE; END", 1235),
        ("CREATE PROCEDURE x() AS BEGIN LOOP EXIT out; END LOOP; END", 1235),
        ("CREATE PROCEDURE abs() AS BEGIN END", 1304),
        ("CREATE PROCEDURE p() AS BEGIN END", 1304),
        ("CREATE FUNCTION p() RETURNS INT AS BEGIN RETURN 1; END", 1304),
        ("CREATE OR REPLACE FUNCTION p() RETURNS INT AS BEGIN RETURN 1; END", 1304),
        ("CREATE FUNCTION x() RETURNS INT AS WASM FROM 'x'", 1235),
        ("CREATE AGGREGATE x(a INT) RETURNS INT", 1235),
        ("DROP PROCEDURE x", 1305),
        ("DROP FUNCTION p", 1305),
        ("SHOW CREATE PROCEDURE x", 1305),
        ("SELECT 1 INTO x", 1327),
    ],
)  # fmt: skip
def test_refused(engine: Any, text: str, errno: int) -> None:
    engine("CREATE PROCEDURE p() AS BEGIN END")
    assert engine.errno(text) == errno


@pytest.mark.parametrize(
    ("declare", "text", "errno"),
    [
        ("", "a = 1;", 1327),
        ("DECLARE a INT; a INT;", "a = 1;", 1331),
        ("DECLARE a INT NOT NULL = NULL;", "a = 1;", 1048),
        ("DECLARE a TINYINT;", "a = 1000;", 1264),
        ("DECLARE a INT;", "SELECT value INTO a FROM data;", 1172),
        ("DECLARE a INT;", "SELECT value INTO a FROM data WHERE FALSE;", 1329),
        ("DECLARE a INT;", "a = SCALAR(SELECT value FROM data);", 1172),
        ("DECLARE a INT;", "a = SCALAR(SELECT value FROM data WHERE FALSE);", 1329),
        ("DECLARE a INT;", "a = COLLECT(SELECT 1);", 1366),
        ("DECLARE q QUERY(a INT, b INT) = SELECT 1;", "ECHO SELECT * FROM q;", 1222),
        ("DECLARE a INT;", "RETURN a;", 1313),
        ("", "EXECUTE IMMEDIATE 'SELECT 1';", 1235),
        ("", "ECHO SELECT b FROM data;", 1054),
        ("DECLARE r RECORD(a INT);", "r.b = 1;", 1054),
        ("", "RAISE;", 1645),
    ],
)  # fmt: skip
def test_failing_bodies(pets: Any, declare: str, text: str, errno: int) -> None:
    pets(f"CREATE PROCEDURE q() AS {declare} BEGIN {text} END")
    error = pets.error("CALL q()")
    assert error.errno == errno
    assert "Line 1 in `main`.`q`" in str(error)


def test_a_procedure_takes_part_in_a_transaction(pets: Any) -> None:
    pets("CREATE PROCEDURE add_one() AS BEGIN INSERT INTO data VALUES ('n', 'new', 1); END")
    pets("BEGIN")
    pets("CALL add_one()")
    assert pets.errno("CALL add_one()") == 1062  # undoes itself only
    assert pets("SELECT COUNT(*) FROM data") == [(4,)]
    pets("ROLLBACK")
    assert pets("SELECT COUNT(*) FROM data") == [(3,)]


def test_a_file_keeps_routines(make_engine: Any, tmp_path: Path) -> None:
    url = f"embedded:///{tmp_path}/routines.db"
    first = make_engine(url)
    first("CREATE DATABASE other")
    first("CREATE PROCEDURE P(a INT) AS BEGIN ECHO SELECT a; END")
    first("CREATE PROCEDURE other.p() AS BEGIN ECHO SELECT 'other'; END")
    first("CREATE FUNCTION f(a INT) RETURNS INT AS BEGIN RETURN a + 1; END")
    first("CREATE PROCEDURE gone() AS BEGIN END")
    first("DROP PROCEDURE gone")
    first("CREATE OR REPLACE PROCEDURE p(a INT) AS BEGIN ECHO SELECT a, 'two'; END")
    first.connection.close()
    second = make_engine(url)
    assert second("CALL p(1)") == [(1, "two")]
    assert second("CALL other.p()") == [("other",)]
    assert second("SELECT F(1)") == [(2,)]
    assert second("SHOW PROCEDURES") == [("p", "Permanent", "root@%")]
    assert second("SHOW PROCEDURES IN other") == [("p", "Permanent", "root@%")]
    assert second("SHOW FUNCTIONS")[0][:2] == ("f", "User Defined Function")
    row = second("SHOW CREATE PROCEDURE p")[0]
    assert row[0] == "p"
    assert row[2] == "CREATE OR REPLACE PROCEDURE p(a INT) AS BEGIN ECHO SELECT a, 'two'; END"
    second("USE other")
    assert second.errno("SELECT f(1)") == 1305
    assert second("SELECT main.f(1), `main`.`f`(2)") == [(2, 3)]
    second("DROP DATABASE other")
    assert second.errno("CALL other.p()") == 1305
    routines = second(
        "SELECT routine_schema, routine_name, routine_type, dtd_identifier "
        "FROM information_schema.routines ORDER BY 2"
    )
    assert routines == [
        ("main", "f", "FUNCTION", "int(11)"), ("main", "p", "PROCEDURE", None),
    ]  # fmt: skip
    parameters = second(
        "SELECT specific_name, ordinal_position, parameter_name, data_type "
        "FROM information_schema.parameters ORDER BY 1, 2"
    )
    assert parameters == [("f", 0, None, "int"), ("f", 1, "a", "int"), ("p", 1, "a", "int")]
    second.connection.close()
    third = make_engine(url)
    assert third("SHOW PROCEDURES") == [("p", "Permanent", "root@%")]


def test_if_exists_and_if_not_exists(engine: Any) -> None:
    engine("DROP PROCEDURE IF EXISTS p")
    assert engine.warnings()[0][1] == 1305
    engine("CREATE PROCEDURE p() AS BEGIN END")
    engine("CREATE PROCEDURE IF NOT EXISTS p() AS BEGIN ECHO SELECT 1; END")
    assert engine.warnings()[0][1] == 1304
    assert results(engine, "CALL p()") == [[]]


def test_a_loop_can_be_stopped(make_engine: Any) -> None:
    import threading

    one, two = make_engine("embedded://stopped"), make_engine("embedded://stopped")
    one(
        "CREATE PROCEDURE forever() AS DECLARE i BIGINT = 0; BEGIN WHILE 1 LOOP i = i + 1; END LOOP; END"
    )
    number = one("SELECT connection_id()")[0][0]
    stop = threading.Event()

    def kill() -> None:
        while not stop.wait(0.02):
            two(f"KILL QUERY {number}")

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        assert one.errno("CALL forever()") == 1317
    finally:
        stop.set()
        killer.join()


# -- functions -------------------------------------------------------------------------------


def test_functions(pets: Any) -> None:
    results(
        pets,
        """
        CREATE FUNCTION size_of(n BIGINT, big BIGINT DEFAULT 4) RETURNS VARCHAR(10) AS
        DECLARE text VARCHAR(10) = 'small';
        BEGIN
          IF n IS NULL THEN RETURN 'none'; END IF;
          IF n >= big THEN text = 'big'; ELSIF n = 3 THEN RETURN 'three'; END IF;
          RETURN UPPER(text);
        END;
        CREATE FUNCTION twice(a INT NOT NULL) RETURNS INT AS BEGIN RETURN a * 2; END;
        CREATE FUNCTION four(a INT) RETURNS INT AS BEGIN RETURN twice(twice(a)); END;
        CREATE FUNCTION known(n TEXT) RETURNS INT AS
        BEGIN RETURN SCALAR(SELECT COUNT(*) FROM data WHERE name = n); END;
        CREATE FUNCTION open_end(a INT) RETURNS INT AS BEGIN IF a > 0 THEN RETURN a; END IF; END;
        CREATE FUNCTION strict(a INT) RETURNS INT AS
        BEGIN IF a < 0 THEN RAISE user_exception(CONCAT('below ', a)); END IF; RETURN a; END;
        CREATE FUNCTION above(least INT) RETURNS TABLE AS
        RETURN SELECT name, value FROM data WHERE value >= least;
        """,
    )
    assert pets("SELECT size_of(value), size_of(value, 2), size_of(3), size_of(NULL) FROM data "
                "ORDER BY id") == [
        ("SMALL", "BIG", "three", "none"), ("BIG", "BIG", "three", "none"),
        ("BIG", "BIG", "three", "none"),
    ]  # fmt: skip
    assert pets("SELECT four(3), SUM(twice(value)) FROM data") == [(12, 22)]
    assert pets("SELECT known(name), known('x') FROM data WHERE id = 'c'") == [(1, 0)]
    assert pets.errno("SELECT twice(NULL)") == 1105
    assert pets("SELECT open_end(1)") == [(1,)]
    assert pets.errno("SELECT open_end(0)") == 1321
    assert pets("SELECT strict(value) FROM data WHERE id = 'c'") == [(5,)]
    error = pets.error("SELECT strict(-value) FROM data WHERE id = 'c'")
    assert (error.errno, error.errmsg) == (2242, "below -5")
    assert pets("SELECT * FROM above(5)") == [("cats", 5)]
    assert pets("SELECT a.name, COUNT(*) FROM data JOIN above(4) AS a ON a.value > data.value "
                "GROUP BY a.name ORDER BY 1") == [("cats", 2), ("dogs", 1)]  # fmt: skip
    assert pets("SELECT d.id, a.name FROM data d, above(d.value + 1) a ORDER BY 1, 2") == [
        ("a", "cats"), ("a", "dogs"), ("d", "cats"),
    ]  # fmt: skip
    pets("UPDATE data SET value = twice(value) WHERE twice(value) > 8")
    assert pets("SELECT value FROM data WHERE id = 'c'") == [(10,)]
    assert pets.errno("SELECT twice(1, 2)") == 1318
    assert pets.errno("SELECT above(1)") == 1064
    assert pets.errno("SELECT * FROM twice(1)") == 1064
    kinds = {row[0]: row[1] for row in pets("SHOW FUNCTIONS")}
    assert kinds["above"] == "Table Valued Function"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("LOOP EXIT; END LOOP; RETURN 1;", "a loop in a function"),
        ("INSERT INTO data VALUES ('q', 'q', 1); RETURN 1;", "a statement of SQL in a function"),
        ("ECHO SELECT 1; RETURN 1;", "ECHO in a function"),
    ],
)
def test_functions_refuse_what_is_no_expression(pets: Any, text: str, named: str) -> None:
    pets(f"CREATE FUNCTION f() RETURNS INT AS BEGIN {text} END")
    error = pets.error("SELECT f()")
    assert error.errno == 1235
    assert named in str(error)


# -- the fronts ------------------------------------------------------------------------------


def test_over_the_network(tmp_path: Path) -> None:
    from singlestoredb.server import embedded

    with embedded.start(None, users={"ann": "secret"}) as server:
        with s2.connect(server.mysql_url, pure_python=True, multi_statements=True) as connection:
            connection.query("CREATE TABLE data (id VARCHAR(20), name VARCHAR(255), value BIGINT)")
            connection.query("INSERT INTO data VALUES ('c', 'cats', 5)")
            with connection.cursor("tuples") as cursor:
                cursor.execute(SDK)
                following(cursor)
                cursor.callproc("get_animal", ["cats"])
                assert list(cursor.fetchall()) == [(5,)]
                assert following(cursor) == [[(1, 2, 3)], []]
                cursor.execute("ECHO result_set_and_return_int(); SELECT 7")
                assert list(cursor.fetchall()) == [(5,)]
                assert following(cursor) == [[(1, 2, 3)], [(1234567890,)], [(7,)]]
                cursor.execute(
                    "CREATE PROCEDURE fails() AS BEGIN ECHO SELECT 1; DROP TABLE no; END"
                )
                cursor.execute("CALL fails()")
                assert list(cursor.fetchall()) == [(1,)]
                with pytest.raises(s2.Error, match=r"Line 1 in `main`\.`fails`"):
                    cursor.nextset()
                cursor.execute("SELECT 1")
                assert list(cursor.fetchall()) == [(1,)]
        with s2.connect(server.http_url) as connection, connection.cursor("tuples") as cursor:
            cursor.callproc("get_animal", ["cats"])
            assert list(cursor.fetchall()) == [(5,)]
            assert following(cursor)[0] == [(1, 2, 3)]
            cursor.execute("ECHO return_int()")
            assert list(cursor.fetchall()) == [(1234567890,)]


def test_prepared_calls() -> None:
    import mysql.connector

    from singlestoredb.server import embedded

    with embedded.start(None, users={"ann": "secret"}) as server:
        connection = mysql.connector.connect(
            host="127.0.0.1", port=server.mysql_port, user="ann", password="secret",
            database="main", use_pure=True,
        )  # fmt: skip
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE PROCEDURE p(a INT) RETURNS INT AS BEGIN RETURN a + 1; END")
            with connection.cursor(prepared=True) as prepared:
                prepared.execute("ECHO p(?)", (41,))
                assert prepared.fetchall() == [(42,)]
                prepared.execute("SELECT ? INTO @x", (5,))
                prepared.execute("SELECT @x + ?", (1,))
                assert prepared.fetchall() == [(6,)]
