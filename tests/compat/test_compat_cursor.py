"""Cursors: order of use, containers, parameters, loading, formats."""

from __future__ import annotations

import datetime as dt
import io
import queue
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb.testing import MariaDB

ROWS = [(1, "one"), (2, None), (3, "three")]
NAME = "compat_rows"
SELECT = f"SELECT id, name FROM {NAME} ORDER BY id"


@pytest.fixture
def table(conn: s2.Connection) -> Iterator[s2.Connection]:
    conn.query(f"DROP TABLE IF EXISTS {NAME}")
    conn.query(f"CREATE TABLE {NAME} (id BIGINT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(20))")
    conn.cursor().executemany(f"INSERT INTO {NAME} (id, name) VALUES (%s, %s)", ROWS)
    yield conn
    if conn.open:
        conn.query(f"DROP TABLE {NAME}")


# -- before, during, after -------------------------------------------------------------------


def test_before_the_first_statement(conn: s2.Connection) -> None:
    cursor = conn.cursor()
    assert cursor.description is None
    assert cursor.rowcount == -1
    assert cursor.rownumber == 0
    assert cursor.lastrowid is None
    assert cursor.arraysize == 1
    assert cursor.messages == []
    assert cursor.warning_count == 0
    assert cursor._executed is None
    assert cursor._result is None
    assert cursor.max_stmt_length == 1_024_000
    cursor.setinputsizes(1, 2)
    cursor.setoutputsize(1)
    fetches: tuple[Callable[[], Any], ...] = (
        *(cursor.fetchone, cursor.fetchmany, cursor.fetchall),
        *(lambda: list(cursor), lambda: cursor.scroll(0)),
    )
    for fetch in fetches:
        with pytest.raises(s2.ProgrammingError, match=r"execute\(\) first"):
            fetch()


def test_after_closing(conn: s2.Connection) -> None:
    cursor = conn.cursor()
    assert cursor.open
    assert cursor.is_connected()
    cursor.close()
    cursor.close()
    assert cursor.connection is None
    assert not cursor.open
    assert conn.open
    for use in (
        lambda: cursor.execute("SELECT 1"),
        cursor.nextset,
        lambda: cursor.callproc("p"),
    ):
        with pytest.raises(s2.ProgrammingError, match="Cursor closed"):
            use()
    with pytest.raises(s2.InterfaceError, match=r"Cursor is closed\.") as caught:
        next(cursor)
    assert caught.value.errno == 2048


@pytest.mark.parametrize("buffered", [True, False])
def test_fetching(table: s2.Connection, buffered: bool) -> None:
    with table.cursor(buffered=buffered) as cursor:
        counted = cursor.execute(SELECT)
        assert counted == (3 if buffered else cursor.rowcount)
        assert counted in ((3,) if buffered else (-1, 3))
        assert cursor.lastrowid is None
        assert isinstance(cursor.description, tuple)
        assert cursor.fetchone() == ROWS[0]
        assert cursor.rownumber == 1
        assert cursor.fetchmany(0) == ROWS[1:2], "0 means arraysize"
        assert cursor.fetchmany() == ROWS[2:]
        assert cursor.fetchone() is None
        assert cursor.fetchmany(5) == []
        assert cursor.fetchall() == []
        with pytest.raises(StopIteration):
            next(cursor)
        cursor.execute(SELECT)
        assert [row for row in cursor] == ROWS  # noqa: C416 - iteration is what is tested
        cursor.execute(SELECT)
        assert next(cursor) == ROWS[0]
        assert list(cursor) == ROWS[1:]
        cursor.execute(SELECT)
        assert list(cursor.fetchall_unbuffered()) == ROWS
        cursor.execute(SELECT)
        assert cursor.read_next() == ROWS[0]
        assert cursor.fetchall() == ROWS[1:]
        assert cursor.nextset() is None


def test_without_a_result_set(table: s2.Connection) -> None:
    with table.cursor() as cursor:
        assert cursor.execute(f"UPDATE {NAME} SET name = 'x' WHERE id > 1") == 2
        assert (cursor.rowcount, cursor.description) == (2, None)
        assert cursor.fetchone() is None
        assert cursor.fetchall() == cursor.fetchmany(3) == []
        assert list(cursor) == []
        cursor.execute(f"INSERT INTO {NAME} (name) VALUES ('a'), ('b')")
        assert cursor.rowcount == 2
        assert cursor.lastrowid is not None
        assert cursor.lastrowid >= 4, "the first of them"
        assert cursor.execute(f"CREATE TABLE IF NOT EXISTS {NAME} (id BIGINT)") == 0
        assert cursor.rowcount == 0


def test_scrolling(table: s2.Connection) -> None:
    with table.cursor() as cursor:
        cursor.execute(SELECT)
        cursor.scroll(2)
        assert cursor.fetchone() == ROWS[2]
        cursor.scroll(-3)
        assert cursor.rownumber == 0
        cursor.scroll(1, "absolute")
        assert cursor.fetchall() == ROWS[1:]
        for value, mode in ((3, "absolute"), (-1, "absolute"), (9, "relative")):
            with pytest.raises(IndexError, match="out of range"):
                cursor.scroll(value, mode)
        with pytest.raises(s2.ProgrammingError, match="mode"):
            cursor.scroll(0, "upwards")
    with table.cursor(buffered=False) as cursor:
        cursor.execute(SELECT)
        cursor.scroll(1)
        assert cursor.fetchone() == ROWS[1]
        with pytest.raises(s2.NotSupportedError, match="backwards"):
            cursor.scroll(0, "absolute")


def test_an_unfinished_result(mysql_url: str) -> None:
    with s2.connect(mysql_url) as conn:
        stream = conn.cursor(buffered=False)
        stream.execute("SELECT 1 UNION SELECT 2")
        assert stream.fetchone() == (1,)
        with pytest.warns(
            UserWarning, match="Previous unbuffered result was left incomplete"
        ) as told:
            assert conn.execute("SELECT 3").fetchall() == [(3,)]
        assert [warning.filename for warning in told] == [__file__]
        assert stream.fetchall() == []


def test_several_result_sets(mysql_url: str) -> None:
    with s2.connect(mysql_url, multi_statements=True) as conn:
        cursor = conn.cursor()
        cursor.execute("SELECT 1; SELECT 'x', 2; SET @a = 1")
        assert cursor.fetchall() == [(1,)]
        assert cursor.nextset() is True
        assert cursor.fetchall() == [("x", 2)]
        assert cursor.nextset() is True
        assert cursor.description is None
        assert cursor.nextset() is None
        cursor.execute("SELECT 1; SELECT 2")
        assert conn.execute("SELECT 3").fetchall() == [(3,)], "what is pending is dropped"
        cursor.close()
    with s2.connect(mysql_url) as conn, pytest.raises(s2.ProgrammingError):
        conn.query("SELECT 1; SELECT 2")


def test_procedures(mysql_url: str) -> None:
    with s2.connect(mysql_url) as conn:
        conn.query("DROP PROCEDURE IF EXISTS pr")
        conn.query("CREATE PROCEDURE pr(IN a INT, INOUT b INT) BEGIN SELECT a; SET b = a + b; END")
        with conn.cursor() as cursor:
            args = (4, 5)
            assert cursor.callproc("pr", args) is args
            assert cursor.fetchall() == [(4,)]
            assert cursor.nextset() is True
            assert cursor.fetchall() == []
            assert cursor.nextset() is None
            cursor.execute("SELECT @_pr_0, @_pr_1")
            assert cursor.fetchall() == [(4, 9)]
        conn.query("DROP PROCEDURE pr")
        conn.query("CREATE PROCEDURE pr() SELECT 7")
        with conn.cursor() as cursor:
            assert cursor.callproc("pr") == ()
            assert cursor.fetchall() == [(7,)]
        conn.query("DROP PROCEDURE pr")


# -- containers ------------------------------------------------------------------------------


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("results_type", ["tuples", "dicts", "namedtuples", "structsequences"])
def test_rows_come_in_lists(table: s2.Connection, results_type: str, buffered: bool) -> None:
    with table.cursor(results_type, buffered) as cursor:
        cursor.execute(SELECT)
        first: Any = cursor.fetchone()
        some, rest = cursor.fetchmany(1), cursor.fetchall()
        assert type(some) is type(rest) is list
        rows = [first, *some, *rest]
        if results_type == "dicts":
            assert rows == [{"id": i, "name": n} for i, n in ROWS]
        else:
            assert [tuple(row) for row in rows] == ROWS
        if results_type in ("namedtuples", "structsequences"):
            assert type(first).__name__ == "Row"
            assert (first.id, first.name) == ROWS[0]
        cursor.execute(SELECT + " LIMIT 0")
        assert cursor.fetchall() == []
        assert cursor.fetchone() is None


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("results_type", ["numpy", "pandas", "polars", "arrow", "pyarrow"])
def test_frames(table: s2.Connection, results_type: str, buffered: bool) -> None:
    with table.cursor(results_type, buffered) as cursor:
        cursor.execute(SELECT)
        one: Any = cursor.fetchone()
        assert len(one) == 1
        assert len(cursor.fetchmany(1)) == 1
        assert len(cursor.fetchall()) == 1
        empty = cursor.fetchall()
        assert len(empty) == 0
        assert cursor.fetchone() is None
        cursor.execute(SELECT)
        assert sum(len(frame) for frame in cursor) == 3
        cursor.execute(SELECT)
        frames: list[Any] = list(cursor.fetchall_unbuffered())
        assert sum(len(frame) for frame in frames) == 3
        assert {type(frame) for frame in frames} == {type(empty)}


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("tuple", "tuples"),
        ("dict", "dicts"),
        ("namedtuple", "namedtuples"),
        ("structsequence", "structsequences"),
        ("pyarrow", "arrow"),
    ],
)
def test_aliases_of_formats(url: str, alias: str, name: str) -> None:
    with s2.connect(url, results_type=alias) as conn:
        assert conn.results_type == name
        assert conn.cursor(alias)._results_type == name


def test_repeated_names(mysql_url: str) -> None:
    sql = "SELECT 1 AS a, 2 AS a, 3 AS `class`"
    with s2.connect(mysql_url) as conn:
        row: Any = conn.execute(sql, results_type="namedtuples").fetchone()
        assert (row.a, row._1, row._2) == (1, 2, 3)
        conn.query("CREATE TEMPORARY TABLE t1 (a INT)")
        conn.query("INSERT INTO t1 VALUES (5)")
        both = "SELECT x.a, y.a FROM t1 x, (SELECT 6 AS a) y"
        assert conn.execute(both, results_type="dicts").fetchall() == [{"a": 5, "y.a": 6}]
        structure: Any = conn.execute(sql, results_type="structsequences").fetchone()
        assert tuple(structure) == (1, 2, 3)


# -- description -----------------------------------------------------------------------------


def test_descriptions(mysql_url: str) -> None:
    with s2.connect(mysql_url) as conn:
        conn.query(
            "CREATE TEMPORARY TABLE d (i INT UNSIGNED NOT NULL, c DECIMAL(20,6), x DATETIME(6), "
            "v VARCHAR(7) CHARACTER SET utf8mb4, b VARBINARY(9), f DOUBLE)"
        )
        cursor = conn.execute("SELECT * FROM d")
        assert cursor.description is not None
        i, c, x, v, b, f = cursor.description
        assert i._fields == (
            *("name", "type_code", "display_size", "internal_size", "precision", "scale"),
            *("null_ok", "flags", "charset"),
        )
        assert (i.name, i.type_code, i.null_ok, i.flags & 32) == ("i", 3, False, 32)
        assert (c.type_code, c.precision, c.scale, c.null_ok) == (246, 20, 6, True)
        assert (x.type_code, x.scale) == (12, 6)
        assert (v.type_code, v.charset) == (253, 45)
        assert (b.type_code, b.charset, b.internal_size) == (253, 63, 9)
        assert (f.type_code, f.scale) == (5, 31)
        assert all(column.display_size is None for column in cursor.description)
        assert all(
            column.type_code in (246,) or column.precision == column.internal_size
            for column in cursor.description
        )


def test_descriptions_over_http(embedded_server: Any) -> None:
    with s2.connect(embedded_server.http_url) as conn:
        conn.query("DROP TABLE IF EXISTS dh")
        conn.query("CREATE TABLE dh (i BIGINT NOT NULL, c DECIMAL(20,6), b BLOB, v VARCHAR(7))")
        cursor = conn.execute("SELECT * FROM dh")
        assert cursor.description is not None
        i, c, b, v = cursor.description
        assert (i.name, i.type_code) == ("i", 8)
        assert (c.type_code, c.precision, c.scale) == (246, 20, 6)
        assert (b.type_code, b.charset) == (252, 63)
        assert v.type_code in (252, 253)
        conn.query("DROP TABLE dh")


# -- parameters ------------------------------------------------------------------------------


def test_parameter_styles(conn: s2.Connection) -> None:
    with conn.cursor() as cursor:
        for sql, args, expected in (
            ("SELECT %s, %s", ["a", 1], [("a", 1)]),
            ("SELECT %s, %s", ("a", None), [("a", None)]),
            ("SELECT %(x)s, %(y)s, %(x)s", {"x": 1, "y": "b", "z": 3}, [(1, "b", 1)]),
            ("SELECT %s", 5, [(5,)]),
            ("SELECT %s", "text", [("text",)]),
            ("SELECT %s", 0, [(0,)]),
            ("SELECT '100%%', %s", [1], [("100%", 1)]),
            ("SELECT 1 WHERE 2 IN %s", [(1, 2)], [(1,)]),
            ("SELECT 1 WHERE 'a' IN %s", [["a", "b"]], [(1,)]),
        ):
            cursor.execute(sql, args)
            assert cursor.fetchall() == expected, sql
        cursor.execute("SELECT '%%'")
        assert cursor.fetchall() == [("%%",)]
        cursor.execute("SELECT '%%'", [])
        assert cursor.fetchall() == [("%%",)]
        for sql, wrong in (
            ("SELECT %s", [1, 2]),
            ("SELECT %s, %s", [1]),
            ("SELECT %(x)s", {"y": 1}),
            ("SELECT %(x)s", [1]),
            ("SELECT %d", [1]),
            ("SELECT :1", [1]),
            ("SELECT %s", [{"a": 1}]),
        ):
            with pytest.raises(s2.ProgrammingError):
                cursor.execute(sql, wrong)
        assert cursor.mogrify("SELECT %s, %s", ["it's", None]) == "SELECT 'it\\'s', NULL"


def test_what_was_executed(conn: s2.Connection) -> None:
    with conn.cursor() as cursor:
        cursor.execute("SELECT %s", ["it's"])
        sent = "SELECT %s" if conn.driver == "http" else "SELECT 'it\\'s'"
        assert cursor._executed in (sent, "SELECT %s")
        assert cursor._executed == sent or conn.driver == "embedded"


def test_percent_signs_with_empty_arguments(url: str) -> None:
    with s2.connect(url, interpolate_query_with_empty_args=True) as conn:
        assert conn.execute("SELECT '%%'", []).fetchall() == [("%",)]
        assert conn.execute("SELECT '%%'").fetchall() == [("%%",)]


def test_models_as_arguments(conn: s2.Connection) -> None:
    pydantic = pytest.importorskip("pydantic")

    class Model(pydantic.BaseModel):  # type: ignore[misc,name-defined] # chosen at run time
        a: int
        b: str

    assert conn.execute("SELECT %(a)s, %(b)s", Model(a=1, b="x")).fetchall() == [(1, "x")]


def test_numbers_of_numpy(conn: s2.Connection) -> None:
    import numpy as np

    with conn.cursor() as cursor:
        cursor.execute("SELECT %s, %s, %s", [np.int64(5), np.float64(1.5), np.bool_(True)])
        assert [float(v) for v in cursor.fetchall()[0]] == [5.0, 1.5, 1.0]


def test_many(table: s2.Connection) -> None:
    import pandas

    with table.cursor() as cursor:
        sql = f"INSERT INTO {NAME} (id, name) VALUES (%s, %s)"
        assert cursor.executemany(sql, []) is None
        assert cursor.executemany(sql, None) is None
        assert cursor.executemany(sql, [(i, str(i)) for i in range(10, 13)]) == 3
        assert cursor.rowcount == 3
        named = f"INSERT INTO {NAME} (id, name) VALUES (%(i)s, %(n)s)"
        assert cursor.executemany(named, [{"i": 20, "n": "a"}, {"i": 21, "n": "b"}]) == 2
        assert cursor.executemany(sql, ((i, "g") for i in range(30, 32))) == 2
        frame = pandas.DataFrame({"id": [40, 41], "name": ["x", "y"]})
        assert cursor.executemany(sql, frame) == 2
        mixed = f"REPLACE INTO {NAME} (id, name) VALUES (%s, UPPER(%s))"
        assert cursor.executemany(mixed, [(50, "q"), (51, "r")]) == 2
        update = f"UPDATE {NAME} SET name = %s WHERE id = %s"
        assert cursor.executemany(update, [("z", 50), ("z", 51)]) == 2
        cursor.execute(f"SELECT id, name FROM {NAME} WHERE id >= 10 ORDER BY id")
        assert cursor.fetchall() == [
            *((10, "10"), (11, "11"), (12, "12"), (20, "a"), (21, "b"), (30, "g"), (31, "g")),
            *((40, "x"), (41, "y"), (50, "z"), (51, "z")),
        ]


def test_many_in_few_statements(mysql_url: str) -> None:
    with s2.connect(mysql_url) as conn:
        conn.query("CREATE TEMPORARY TABLE m (a INT PRIMARY KEY, b VARCHAR(200))")
        before = conn.execute("SHOW STATUS LIKE 'Com_insert'").fetchall()[0][1]
        with conn.cursor() as cursor:
            cursor.max_stmt_length = 10_000
            sql = "INSERT INTO m VALUES (%s, %s) ON DUPLICATE KEY UPDATE b = VALUES(b);"
            assert cursor.executemany(sql, [(i, "x" * 100) for i in range(500)]) == 500
        after = conn.execute("SHOW STATUS LIKE 'Com_insert'").fetchall()[0][1]
        assert 5 <= int(after) - int(before) <= 10


# -- loading ---------------------------------------------------------------------------------

LOAD = "LOAD DATA LOCAL INFILE ':stream:' INTO TABLE loaded FIELDS TERMINATED BY ','"


@pytest.fixture(params=["pure", "accelerated", "embedded"])
def loader(request: pytest.FixtureRequest) -> Iterator[s2.Connection]:
    url = "embedded://"
    if request.param != "embedded":
        mariadb: MariaDB = request.getfixturevalue("mariadb")
        url = f"{mariadb.url}?pure_python={int(request.param == 'pure')}"
    with s2.connect(url, local_infile=True) as conn:
        conn.query("DROP TABLE IF EXISTS loaded")
        conn.query("CREATE TABLE loaded (a INT, b VARCHAR(20))")
        yield conn
        conn.query("DROP TABLE loaded")


def _reader() -> Callable[[int], bytes]:
    return io.BytesIO(b"1,a\n2,\xc3\xbc\n").read


SOURCES: dict[str, Callable[[], Any]] = {
    "bytes": lambda: b"1,a\n2,\xc3\xbc\n",
    "bytearray": lambda: bytearray(b"1,a\n2,\xc3\xbc\n"),
    "text": lambda: "1,a\n2,ü\n",
    "BytesIO": lambda: io.BytesIO(b"1,a\n2,\xc3\xbc\n"),
    "StringIO": lambda: io.StringIO("1,a\n2,ü\n"),
    "list of bytes": lambda: [b"1,", b"a\n2,", b"", b"\xc3\xbc\n"],
    "list of text": lambda: ["1,a\n", "2,ü\n"],
    "generator": lambda: (line for line in ("1,a\n", "2,ü\n")),
    "callable": _reader,
}


@pytest.mark.parametrize("kind", SOURCES)
def test_sources_of_rows(loader: s2.Connection, kind: str) -> None:
    with loader.cursor() as cursor:
        assert cursor.execute(LOAD, infile_stream=SOURCES[kind]()) == 2
        cursor.execute("SELECT * FROM loaded ORDER BY a")
        assert cursor.fetchall() == [(1, "a"), (2, "ü")]


@pytest.mark.parametrize("mode", ["rb", "raw", "r"])
def test_open_files(loader: s2.Connection, tmp_path: Path, mode: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("1,a\n2,ü\n", encoding="utf-8")
    opened: Any
    if mode == "raw":
        opened = path.open("rb", buffering=0)
    else:
        opened = path.open(mode, encoding=None if "b" in mode else "utf-8")
    with opened as file:
        assert loader.cursor().execute(LOAD, infile_stream=file) == 2
    by_name = LOAD.replace(":stream:", str(path))
    assert loader.query(by_name) == 2
    with pytest.raises(s2.Error, match="no-such") as caught:
        loader.query(LOAD.replace(":stream:", str(tmp_path / "no-such")))
    assert caught.value.errno == 1017 or loader.driver == "embedded"
    assert loader.execute("SELECT COUNT(*) FROM loaded").fetchall() == [(4,)]


def test_a_queue_fed_by_a_thread(loader: s2.Connection) -> None:
    feed: queue.Queue[Any] = queue.Queue()

    def run() -> None:
        for i in range(2000):
            feed.put(f"{i},x\n" if i % 2 else f"{i},y\n".encode())
        feed.put("")

    thread = threading.Thread(target=run)
    thread.start()
    assert loader.cursor().execute(LOAD, infile_stream=feed) == 2000
    thread.join()
    assert loader.execute("SELECT COUNT(*), SUM(a) FROM loaded").fetchall()[0][0] == 2000


def test_pieces_of_any_size(loader: s2.Connection) -> None:
    if loader.driver == "mysql":
        loader.query("SET GLOBAL max_allowed_packet = 67108864")
    line = b"1," + b"x" * 20 + b"\n"
    big = line * (17 * 2**20 // len(line))
    assert loader.cursor().execute(LOAD, infile_stream=[big]) == len(big) // len(line)


def test_streams_that_are_none(loader: s2.Connection) -> None:
    with pytest.raises(s2.OperationalError, match="stream") as caught:
        loader.query(LOAD)
    assert caught.value.errno == 1017
    with pytest.raises(s2.OperationalError, match="object"):
        loader.query(LOAD, infile_stream=object())
    assert loader.open
    assert loader.execute("SELECT 1").fetchall() == [(1,)]


def test_loading_that_was_not_allowed(mysql_url: str) -> None:
    with s2.connect(mysql_url) as conn:
        conn.query("CREATE TEMPORARY TABLE loaded (a INT, b VARCHAR(20))")
        with pytest.raises(s2.Error):
            conn.query(LOAD, infile_stream=b"1,a\n")


# -- values by type --------------------------------------------------------------------------

TYPES: tuple[tuple[str, str, Any], ...] = (
    ("BOOL", "1", 1),
    ("TINYINT UNSIGNED", "255", 255),
    ("SMALLINT", "-32768", -32768),
    ("MEDIUMINT UNSIGNED", "16777215", 16777215),
    ("INT", "-2147483648", -2147483648),
    ("BIGINT UNSIGNED", "18446744073709551615", 2**64 - 1),
    ("FLOAT", "0.25", 0.25),
    ("DOUBLE", "1.5", 1.5),
    ("DECIMAL(10,3)", "'1.500'", Decimal("1.500")),
    ("DATE", "'2020-01-02'", dt.date(2020, 1, 2)),
    ("DATETIME", "'2020-01-02 03:04:05'", dt.datetime(2020, 1, 2, 3, 4, 5)),
    ("DATETIME(6)", "'2020-01-02 03:04:05.000006'", dt.datetime(2020, 1, 2, 3, 4, 5, 6)),
    ("TIME", "'-25:06:17'", -dt.timedelta(hours=25, minutes=6, seconds=17)),
    ("YEAR", "2020", 2020),
    ("CHAR(5)", "'abc'", "abc"),
    ("VARCHAR(20)", "'ü✓'", "ü✓"),
    ("TEXT", "'text'", "text"),
    ("VARBINARY(5)", "X'00ff'", b"\x00\xff"),
    ("BLOB", "X'00ff'", b"\x00\xff"),
    ("JSON", """'{"a": [1, null]}'""", {"a": [1, None]}),
)


@pytest.mark.parametrize("results_type", ["tuples", "dicts", "namedtuples", "structsequences"])
def test_values_by_type(url: str, results_type: str) -> None:
    samples = [s for s in TYPES if not (s[0] == "JSON" and url.startswith("mysql"))]
    columns = ", ".join(f"c{i} {kind}" for i, (kind, _, _) in enumerate(samples))
    with s2.connect(url) as conn:
        conn.query("DROP TABLE IF EXISTS typed")
        conn.query(f"CREATE TABLE typed ({columns})")
        conn.query(f"INSERT INTO typed VALUES ({', '.join(s[1] for s in samples)})")
        conn.query(f"INSERT INTO typed VALUES ({', '.join('NULL' for _ in samples)})")
        for buffered in (True, False):
            with conn.cursor(results_type, buffered) as cursor:
                cursor.execute("SELECT * FROM typed ORDER BY c0 DESC")
                rows: list[Any] = cursor.fetchall()
            full, empty = [list(r.values()) if isinstance(r, dict) else list(r) for r in rows]
            assert full == [value for _, _, value in samples]
            assert [type(v) for v in full] == [type(value) for _, _, value in samples]
            assert str(full[8]) == "1.500"
            assert set(empty) == {None}
        conn.query("DROP TABLE typed")


def test_dtypes_of_numpy(url: str) -> None:
    kinds: tuple[tuple[str, str, str], ...] = (
        ("TINYINT", "int8", "float32"),
        ("TINYINT UNSIGNED", "uint8", "float32"),
        ("SMALLINT", "int16", "float32"),
        ("SMALLINT UNSIGNED", "uint16", "float32"),
        ("INT", "int32", "float64"),
        ("INT UNSIGNED", "uint32", "float64"),
        ("MEDIUMINT", "int32", "float64"),
        ("BIGINT", "int64", "float64"),
        ("BIGINT UNSIGNED", "uint64", "float64"),
        ("YEAR", "int16", "float64"),
        ("FLOAT", "float32", "float32"),
        ("DOUBLE", "float64", "float64"),
        ("DATETIME", "datetime64[us]", "datetime64[us]"),
        ("DATE", "datetime64[D]", "datetime64[D]"),
        ("TIME", "timedelta64[us]", "timedelta64[us]"),
        ("DECIMAL(10,3)", "object", "object"),
        ("VARCHAR(20)", "object", "object"),
        ("BLOB", "object", "object"),
    )
    columns = ", ".join(f"n{i} {sql} NOT NULL, o{i} {sql}" for i, (sql, _, _) in enumerate(kinds))
    with s2.connect(url) as conn:
        conn.query("DROP TABLE IF EXISTS dtyped")
        conn.query(f"CREATE TABLE dtyped ({columns})")
        found: Any = conn.execute("SELECT * FROM dtyped", results_type="numpy").fetchall()
        conn.query("DROP TABLE dtyped")
    for i, (sql, strict, nullable) in enumerate(kinds):
        assert found.dtype[f"n{i}"] == strict, sql
        assert found.dtype[f"o{i}"] == nullable, sql


def test_dtypes_of_pandas(url: str) -> None:
    kinds: tuple[tuple[str, str, str, str], ...] = (
        ("TINYINT", "1", "int8", "float32"),
        ("INT UNSIGNED", "1", "uint32", "float64"),
        ("BIGINT", "1", "int64", "float64"),
        ("DOUBLE", "1.5", "float64", "float64"),
        ("DATE", "'2020-01-02'", "datetime64[s]", "datetime64[s]"),
        ("DATETIME(6)", "'2020-01-02 03:04:05'", "datetime64[us]", "datetime64[us]"),
        ("TIME", "'01:02:03'", "timedelta64[us]", "timedelta64[us]"),
        ("DECIMAL(10,3)", "1.5", "object", "object"),
        ("BLOB", "'x'", "object", "object"),
    )
    columns = ", ".join(
        f"n{i} {sql} NOT NULL, o{i} {sql}" for i, (sql, _, _, _) in enumerate(kinds)
    )
    with s2.connect(url) as conn:
        conn.query("DROP TABLE IF EXISTS framed")
        conn.query(f"CREATE TABLE framed ({columns})")
        values = ", ".join(f"{value}, NULL" for _, value, _, _ in kinds)
        conn.query(f"INSERT INTO framed VALUES ({values})")
        found: Any = conn.execute("SELECT * FROM framed", results_type="pandas").fetchall()
        conn.query("DROP TABLE framed")
    for i, (sql, _, strict, nullable) in enumerate(kinds):
        assert str(found.dtypes[f"n{i}"]) == strict, sql
        assert str(found.dtypes[f"o{i}"]) == nullable, sql
        assert found[f"o{i}"].isna().all()


def test_schemas_of_polars_and_arrow(url: str) -> None:
    kinds: tuple[tuple[str, str, str], ...] = (
        ("TINYINT", "Int8", "int8"),
        ("SMALLINT UNSIGNED", "UInt16", "uint16"),
        ("MEDIUMINT", "Int32", "int32"),
        ("INT", "Int32", "int32"),
        ("BIGINT UNSIGNED", "UInt64", "uint64"),
        ("YEAR", "Int16", "int16"),
        ("FLOAT", "Float32", "float"),
        ("DOUBLE", "Float64", "double"),
        ("DECIMAL(20,6)", "Decimal(precision=20, scale=6)", "decimal128(20, 6)"),
        ("DATE", "Date", "date32[day]"),
        ("DATETIME(6)", "Datetime(time_unit='us', time_zone=None)", "timestamp[us]"),
        ("TIME", "Duration(time_unit='us')", "duration[us]"),
        ("VARCHAR(20)", "String", "string"),
        ("VARBINARY(20)", "Binary", "binary"),
        ("BLOB", "Binary", "binary"),
    )
    with s2.connect(url) as conn:
        conn.query("DROP TABLE IF EXISTS schemed")
        columns = ", ".join(f"c{i} {sql}" for i, (sql, _, _) in enumerate(kinds))
        conn.query(f"CREATE TABLE schemed ({columns})")
        frame: Any = conn.execute("SELECT * FROM schemed", results_type="polars").fetchall()
        table: Any = conn.execute("SELECT * FROM schemed", results_type="arrow").fetchall()
        conn.query("DROP TABLE schemed")
    for i, (sql, polars, arrow) in enumerate(kinds):
        assert str(frame.schema[f"c{i}"]) == polars, sql
        assert str(table.schema.field(i).type) == arrow, sql


def test_fractions_of_every_length(mysql_url: str) -> None:
    with s2.connect(mysql_url) as conn:
        for digits in range(7):
            sql = (
                f"SELECT CAST('2020-01-02 03:04:05.123456' AS DATETIME({digits})), "
                f"CAST('-01:02:03.123456' AS TIME({digits}))"
            )
            row: Any = conn.execute(sql).fetchone()
            micros = int("123456"[:digits].ljust(6, "0")) if digits else 0
            assert row[0] == dt.datetime(2020, 1, 2, 3, 4, 5, micros)
            assert row[1] == -dt.timedelta(hours=1, minutes=2, seconds=3, microseconds=micros)


def test_own_converters_are_laid_over(mysql_url: str) -> None:
    with s2.connect(mysql_url, conv={3: str, 246: None}, autocommit=False) as conn:
        conn.query("CREATE TEMPORARY TABLE own (i INT, c DECIMAL(5,2), d DATE)")
        conn.query("INSERT INTO own VALUES (%s, %s, %s)", [1, Decimal("1.50"), dt.date(2020, 1, 2)])
        assert conn.execute("SELECT * FROM own").fetchall() == [("1", "1.50", dt.date(2020, 1, 2))]
