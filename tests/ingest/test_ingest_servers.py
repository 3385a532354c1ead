"""Loading into real servers: what went in comes out, and failures leave nothing behind."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

import singlestoredb as s2
from singlestoredb.columnar.types import sql_type
from singlestoredb.server import embedded
from singlestoredb.testing import MariaDB

from .ingestkit import NESTED, TYPES, tables

Connect = Callable[..., s2.Connection]

T = "odd `name`; drop"
Q = "`odd ``name``; drop`"


@pytest.fixture(scope="module")
def server() -> Iterator[embedded.EmbeddedServer]:
    with embedded.start() as server:
        yield server


@pytest.fixture(params=["mariadb", "mariadb, pure", "embedded", "embedded server", "http"])
def connect(request: pytest.FixtureRequest) -> Connect:
    """How to connect to a server, by accelerator and without it, and without LOAD DATA."""
    kind: str = request.param
    options: dict[str, Any] = {"pure_python": True} if "pure" in kind else {}
    if kind.startswith("mariadb"):
        mariadb: MariaDB = request.getfixturevalue("mariadb")
        url = mariadb.url
    elif kind in ("http", "embedded server"):
        engine: embedded.EmbeddedServer = request.getfixturevalue("server")
        url = engine.http_url if kind == "http" else engine.mysql_url
    else:
        url = "embedded://"
    return lambda **more: s2.connect(url, **options, **more)


@pytest.fixture
def conn(connect: Connect) -> Iterator[s2.Connection]:
    with connect() as conn:
        yield conn
        for table in conn.show.tables().Name:
            conn.query(f"DROP TABLE `{table.replace('`', '``')}`")


def rows(conn: s2.Connection, sql: str = f"SELECT * FROM {Q}") -> list[Any]:
    found: list[Any] = conn.execute(sql).fetchall()
    return found


def names(conn: s2.Connection) -> list[str]:
    return sorted(conn.show.tables().Name)


# -- what goes in comes out ------------------------------------------------------------------


def plain(value: Any) -> Any:
    """Return a value of pyarrow's as a server gives it back."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return value.astimezone(dt.timezone.utc).replace(tzinfo=None)
    if isinstance(value, dt.time):
        return dt.timedelta(
            hours=value.hour,
            minutes=value.minute,
            seconds=value.second,
            microseconds=value.microsecond,
        )
    return value


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(tables(TYPES))
def test_every_type_comes_back(conn: s2.Connection, table: pa.Table) -> None:
    if "MariaDB" not in conn.server_version:
        # The engine keeps 38 digits, and says so.
        kept = [i for i, t in enumerate(table.schema.types) if not pa.types.is_decimal256(t)]
        if not kept:
            return
        table = table.select(kept)
    assert conn.ingest(T, table, "replace") == table.num_rows
    expected = [tuple(map(plain, row.values())) for row in table.to_pylist()]
    key = repr
    assert sorted(rows(conn), key=key) == sorted(expected, key=key)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(tables(NESTED))
def test_nested_values_come_back_as_json(conn: s2.Connection, table: pa.Table) -> None:
    from singlestoredb.columnar.text import TsvStream

    texts = TsvStream(table.__arrow_c_stream__()).columns()
    kinds = ["LONGTEXT"] * table.num_columns
    listed = ", ".join(
        f"`{name}` {kind}" for name, kind in zip(table.column_names, kinds, strict=True)
    )
    conn.query(f"DROP TABLE IF EXISTS {Q}")
    conn.query(f"CREATE TABLE {Q} ({listed})")
    assert conn.ingest(T, table, "append") == table.num_rows
    expected = list(zip(*texts, strict=True)) if texts is not None else []
    assert sorted(rows(conn), key=repr) == sorted(expected, key=repr)


def test_what_was_read_can_be_loaded_again(conn: s2.Connection) -> None:
    """The two mappings of types fit each other."""
    table = pa.table({
        "i8": pa.array([1], pa.int8()), "u8": pa.array([200], pa.uint8()),
        "i16": pa.array([1], pa.int16()), "u16": pa.array([2**16 - 1], pa.uint16()),
        "i32": pa.array([1], pa.int32()), "u32": pa.array([2**32 - 1], pa.uint32()),
        "i64": pa.array([1], pa.int64()), "u64": pa.array([2**64 - 1], pa.uint64()),
        "f": pa.array([1.5], pa.float32()), "d": pa.array([0.1]),
        "dec": pa.array([Decimal("1.50")], pa.decimal128(20, 2)),
        "day": pa.array([dt.date(2020, 1, 2)]),
        "at": pa.array([dt.datetime(2020, 1, 2, 3, 4, 5, 6)], pa.timestamp("us")),
        "span": pa.array([dt.timedelta(hours=30)], pa.duration("us")),
        "text": pa.array(["x"]), "bytes": pa.array([b"\xff"]),
    })  # fmt: skip
    conn.ingest(T, table)
    with conn.cursor("arrow") as cursor:
        cursor.execute(f"SELECT * FROM {Q}")
        back = cursor.fetchall()
    assert back.schema.types == table.schema.types
    assert back.to_pylist() == table.to_pylist()
    conn.ingest("again", back)
    assert rows(conn, "SELECT * FROM again") == rows(conn)


# -- kinds of data ---------------------------------------------------------------------------


def test_rows_of_python(conn: s2.Connection) -> None:
    aware = dt.datetime(2020, 1, 2, 3, 4, 5, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    data = [
        {"a": 1, "b": "x\t\\N", "c": b"\xff\x00", "d": aware, "e": dt.timedelta(hours=-30)},
        {"a": None, "f": Decimal("1.25"), "e": dt.time(1, 2, 3)},
        {"b": "", "g": {"k": [1, None]}, "h": True, "i": np.float64(0.1), "f": Decimal(-2)},
        {"j": UUID(int=5), "a": np.int64(2**62), "d": pd.Timestamp(2020, 1, 1), "i": pd.NA},
    ]
    assert conn.ingest(T, (row for row in data)) == 4
    with conn.cursor("dicts") as cursor:
        cursor.execute(f"SELECT a, b, c, d, e, f, h, i, j FROM {Q}")
        back = sorted(cursor.fetchall(), key=lambda row: str(row["e"]))
    none = dict.fromkeys("abcdefhij")
    assert sorted(back, key=repr) == sorted([
        none | {"a": 1, "b": "x\t\\N", "c": b"\xff\x00", "d": dt.datetime(2020, 1, 2, 1, 4, 5),
                "e": dt.timedelta(hours=-30)},
        none | {"e": dt.timedelta(hours=1, minutes=2, seconds=3), "f": Decimal("1.25")},
        none | {"b": "", "f": Decimal("-2.00"), "h": 1, "i": 0.1},
        none | {"j": str(UUID(int=5)), "a": 2**62, "d": dt.datetime(2020, 1, 1)},
    ], key=repr)  # fmt: skip
    (found,) = rows(conn, f"SELECT g FROM {Q} WHERE g IS NOT NULL")[0]
    assert found in ({"k": [1, None]}, '{"k":[1,null]}')


def test_rows_in_order_and_by_name(conn: s2.Connection) -> None:
    conn.query(f"CREATE TABLE {Q} (a INT, B LONGTEXT, c BLOB)")
    assert conn.ingest(T, [(1, "x", b"\xff"), [2, None, "text"]], "append") == 2
    pair = namedtuple("pair", "b a")
    assert conn.ingest(T, iter([pair("y", 3)]), "append") == 1
    assert conn.ingest(T, pl.DataFrame({"C": [b"\x01"], "A": [4]}), "append") == 1
    assert conn.ingest(T, [], "append") == 0
    assert sorted(rows(conn)) == [
        (1, "x", b"\xff"),
        (2, None, b"text"),
        (3, "y", None),
        (4, None, b"\x01"),
    ]


@pytest.mark.parametrize("with_pyarrow", [True, False])
def test_pandas(conn: s2.Connection, monkeypatch: Any, with_pyarrow: bool) -> None:
    frame = pd.DataFrame(
        {
            "n": [1.5, None],
            "s": ["x", None],
            "t": [pd.Timestamp(2020, 1, 2, 3), pd.NaT],
            "o": [dt.date(2020, 1, 1), None],
        },
        index=[7, 8],
    )
    if not with_pyarrow:
        monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert conn.ingest(T, frame) == 2
    assert conn.ingest(T, frame.iloc[:0], "append") == 0
    assert set(rows(conn)) == {
        (1.5, "x", dt.datetime(2020, 1, 2, 3), dt.date(2020, 1, 1)),
        (None, None, None, None),
    }


def test_frames_with_odd_names(conn: s2.Connection) -> None:
    assert conn.ingest(T, pd.DataFrame([[1, "x"]]), "replace") == 1
    assert conn.execute(f"SELECT `0`, `1` FROM {Q}").fetchall() == [(1, "x")]
    with pytest.raises(s2.ProgrammingError, match="several columns named 'a'"):
        conn.ingest(T, pd.DataFrame([[1, 2]], columns=["a", "a"]), "append")


def test_lazy_frames_and_structured_arrays(conn: s2.Connection) -> None:
    assert conn.ingest(T, pl.LazyFrame({"a": [1, 2]}).filter(pl.col("a") > 1), "replace") == 1
    cursor = conn.cursor("numpy")
    cursor.execute("SELECT 5 AS a, 'x' AS b, CAST('2020-01-02' AS DATE) AS c")
    array: Any = cursor.fetchall()
    assert conn.ingest(T, array, "replace") == 1
    cursor.execute(f"SELECT a, b, c FROM {Q}")
    again: Any = cursor.fetchall()
    assert again.tolist() == array.tolist() == [(5, "x", dt.date(2020, 1, 2))]
    with pytest.raises(s2.ProgrammingError, match="rows without names"):
        conn.ingest(T, np.ones((2, 2)), "replace")


def test_arrow_of_many_makes(conn: s2.Connection) -> None:
    batch = pa.record_batch({"a": [1, 2]})
    assert conn.ingest(T, batch) == 2
    assert conn.ingest(T, [batch, batch.slice(1)], "append") == 3
    assert conn.ingest(T, pa.table(batch).to_reader(), "append") == 2
    assert conn.ingest(T, pa.StructArray.from_arrays([pa.array([9])], ["a"]), "append") == 1
    with pytest.raises(s2.ProgrammingError, match="a table is needed"):
        conn.ingest(T, pa.array([1]), "append")
    with pytest.raises(s2.DataError, match="other columns"):
        conn.ingest(T, [batch, pa.record_batch({"b": [1]})], "append")
    with conn.cursor() as cursor:
        cursor.execute(f"SELECT a FROM {Q} WHERE a > 1")
        assert cursor.ingest("copied", cursor) == 5
        assert cursor.rowcount == 5
    with pytest.raises(s2.ProgrammingError, match="fetch them first"), conn.cursor(
        buffered=False
    ) as cursor:  # fmt: skip
        conn.ingest("copied", cursor, "append")


def test_memory_stays_flat_while_rows_stream(conn: s2.Connection) -> None:
    made: list[int] = []
    sent: list[tuple[int, int]] = []

    def batches() -> Iterator[pa.RecordBatch]:
        for i in range(50):
            made.append(i)
            yield pa.record_batch({"a": list(range(1000)), "b": ["x" * 500] * 1000})

    def progress(count: int, size: int) -> None:
        sent.append((count, size))
        assert count >= (len(made) - 1) * 1000 - 4000

    assert conn.ingest(T, batches(), progress=progress) == 50_000
    assert sent == sorted(sent)
    assert sent[-1][0] == 50_000
    assert sent[-1][1] > 50_000 * 500


# -- modes -----------------------------------------------------------------------------------


def test_modes(conn: s2.Connection) -> None:
    table = pa.table({"a": [1, 2]})
    with pytest.raises(s2.ProgrammingError):
        conn.ingest(T, table, "append")
    assert conn.ingest(T, table, "create_append") == 2
    with pytest.raises(s2.Error) as caught:
        conn.ingest(T, table)
    assert caught.value.errno == 1050
    assert conn.ingest(T, table, "create_append") == 2
    assert len(rows(conn)) == 4
    assert conn.ingest(T, pa.table({"b": ["x"]}), "replace") == 1
    assert rows(conn) == [("x",)]
    assert conn.adbc_ingest(T, pa.table({"b": ["y"]}), mode="append") == 1
    assert names(conn) == [T]
    with pytest.raises(s2.ProgrammingError, match="create, append, replace, create_append"):
        conn.ingest(T, table, "upsert")  # type: ignore[arg-type]  # what is tested


def test_other_databases_and_temporary_tables(mariadb: MariaDB) -> None:
    table = pa.table({"a": [1]})
    with s2.connect(mariadb.url) as conn:
        conn.query("CREATE DATABASE `else where`")
        conn.ingest(T, table, db_schema_name="else where")
        conn.ingest(T, table, "replace", catalog_name="else where")
        conn.ingest(T, table, "append", catalog_name="else where", db_schema_name="else where")
        assert len(rows(conn, f"SELECT * FROM `else where`.{Q}")) == 2
        with pytest.raises(s2.ProgrammingError, match="both name the database"):
            conn.ingest(T, table, catalog_name="a", db_schema_name="b")
        conn.query("DROP DATABASE `else where`")
        conn.ingest(T, table, temporary=True)
        conn.ingest(T, pa.table({"b": [1, 2]}), "replace", temporary=True)
        assert rows(conn) == [(1,), (2,)]
        assert T not in names(conn)


# -- failures --------------------------------------------------------------------------------


def test_unknown_columns_are_named(conn: s2.Connection) -> None:
    conn.query(f"CREATE TABLE {Q} (a INT, b INT)")
    with pytest.raises(s2.ProgrammingError, match=r"no column named 'x', 'y'; it has a, b"):
        conn.ingest(T, pa.table({"a": [1], "x": [1], "y": [1]}), "append")
    with pytest.raises(s2.ProgrammingError, match="several columns of the data are named 'a'"):
        conn.ingest(T, pa.table({"a": [1], "A": [1]}), "append")
    with pytest.raises(s2.ProgrammingError, match=r"3 values, .* 2 columns"):
        conn.ingest(T, [(1, 2, 3)], "append")
    assert rows(conn) == []


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        ([(1,)], s2.ProgrammingError, "rows without names"),
        ([], s2.ProgrammingError, "no table can be made of no rows"),
        (5, s2.ProgrammingError, "int cannot be loaded"),
        ({"a": [1]}, s2.ProgrammingError, "dict cannot be loaded"),
        ([{"a": 1}, {"a": "x"}], s2.DataError, "integer, text"),
        ([{"a": object()}], s2.DataError, "row 0: a value of type builtins.object"),
        (pa.table({"a": pa.array([], pa.month_day_nano_interval())}), s2.NotSupportedError, "tin"),
        (pa.table({"a": [[b"x"]]}), s2.NotSupportedError, "no JSON"),
        (pa.table({"a": [1.0, float("nan")]}), s2.DataError, "column 'a', row 1: NaN"),
        (pd.DataFrame({"a": [1, "x"]}), s2.DataError, "type in common"),
    ],
)
def test_what_cannot_be_loaded(
    conn: s2.Connection, data: Any, kind: type[s2.Error], message: str
) -> None:
    with pytest.raises(kind, match=message):
        conn.ingest(T, data)
    assert names(conn) == []


def test_nan_and_infinity_become_null_where_that_is_wanted(connect: Connect) -> None:
    data = pa.table({"a": [float("nan"), float("inf"), 1.0], "b": [[1.0], [float("nan")], None]})
    with connect(nan_as_null=True, inf_as_null=True) as conn:
        conn.ingest(T, data, "replace")
        conn.ingest(T, [{"a": float("-inf")}, {"a": np.float32("nan")}], "append")
        found = [row[0] for row in rows(conn, f"SELECT a FROM {Q}")]
        assert sorted(found, key=repr) == [1.0, None, None, None, None]
        conn.query(f"DROP TABLE {Q}")


def test_a_source_that_fails_leaves_nothing(conn: s2.Connection) -> None:
    def batches(kept: int) -> Iterator[pa.RecordBatch]:
        for _ in range(kept):
            yield pa.record_batch({"a": list(range(5000))})
        raise RuntimeError("the disk is gone")

    with pytest.raises(s2.OperationalError, match=r"disk is gone.*15000 rows.*was dropped"):
        conn.ingest(T, batches(3))
    assert names(conn) == []
    conn.ingest(T, pa.table({"a": [1]}))
    with pytest.raises(s2.OperationalError, match=r"disk is gone.*15000 rows"):
        conn.ingest(T, batches(3), "replace")
    assert names(conn) == [T]
    with pytest.raises(s2.OperationalError, match=r"disk is gone.*5000 rows") as caught:
        conn.ingest(T, batches(1), "append")
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert rows(conn) == [(1,)]


class Interrupt(BaseException):
    pass


def test_an_interrupt_cleans_up_and_goes_on_its_way(conn: s2.Connection) -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"a": [1]})
        raise Interrupt

    with pytest.raises(Interrupt):
        conn.ingest(T, batches())
    assert names(conn) == []


@pytest.mark.parametrize(
    ("value", "kind"),
    [(None, s2.Error), (1, s2.IntegrityError), (300, s2.DataError), ("x", s2.DataError)],
    ids=["null", "duplicate", "out of range", "no number"],
)
def test_what_does_not_fit_is_never_cut(conn: s2.Connection, value: Any, kind: type) -> None:
    """MariaDB only warns of it in a LOAD DATA LOCAL."""
    conn.query(f"CREATE TABLE {Q} (a TINYINT NOT NULL PRIMARY KEY)")
    conn.ingest(T, [{"a": 1}], "append")
    with pytest.raises(kind) as caught:
        conn.ingest(T, [{"a": 2}, {"a": value}], "append")
    if conn.driver != "http":
        assert "2 rows had been sent" in str(caught.value)
    assert rows(conn) == [(1,)]


def test_long_text_is_not_cut(conn: s2.Connection) -> None:
    conn.query(f"CREATE TABLE {Q} (a VARCHAR(3), d DECIMAL(5, 2))")
    with pytest.raises(s2.DataError):
        conn.ingest(T, pa.table({"a": ["abc", "abcd"]}), "append")
    assert rows(conn) == []


# -- transactions and settings ---------------------------------------------------------------


def test_an_open_transaction_is_neither_committed_nor_lost(mariadb: MariaDB) -> None:
    with s2.connect(mariadb.url, autocommit=False) as conn:
        conn.query("CREATE TABLE in_transaction (a TINYINT)")
        conn.query("INSERT INTO in_transaction VALUES (1)")
        conn.ingest("in_transaction", [{"a": 2}], "append")
        with pytest.raises(s2.DataError, match="open transaction: roll it back"):
            conn.ingest("in_transaction", [{"a": 3}, {"a": 300}], "append")
        conn.rollback()
        assert rows(conn, "SELECT * FROM in_transaction") == []
        conn.commit()
        with pytest.raises(s2.DataError, match="none of them was kept"):
            conn.ingest("in_transaction", [{"a": 3}, {"a": 300}], "append")
        conn.ingest("in_transaction", [{"a": 4}], "append")
        conn.rollback()
        assert rows(conn, "SELECT * FROM in_transaction") == []
        conn.query("DROP TABLE in_transaction")
    with s2.connect(mariadb.url) as conn:
        conn.query("CREATE TABLE in_transaction (a INT)")
        conn.begin()
        conn.ingest("in_transaction", [{"a": 1}], "append")
        conn.rollback()
        assert rows(conn, "SELECT * FROM in_transaction") == []
        conn.query("DROP TABLE in_transaction")


@pytest.mark.parametrize("mode", ["", "NO_BACKSLASH_ESCAPES,ANSI_QUOTES"])
def test_any_sql_mode(mariadb: MariaDB, mode: str) -> None:
    texts = ["a\\b", "\t\n\r\0", "\\N", "'\"", None, ""]
    with s2.connect(mariadb.url, sql_mode=mode) as conn:
        conn.ingest(T, pa.table({"a": texts, "b": pa.array([True] * 6)}), temporary=True)
        assert [row[0] for row in rows(conn)] == texts
        conn.query("CREATE TEMPORARY TABLE bits (b BIT(3), a INT)")
        conn.ingest("bits", [{"a": 1, "b": 5}], "append")
        assert rows(conn, "SELECT b + 0 FROM bits") == [(5,)]


def test_the_accelerator_can_be_demanded(mariadb: MariaDB, monkeypatch: Any) -> None:
    monkeypatch.setenv("SINGLESTOREDB_PLUGINS_DISABLE", "accelerators:tsv")
    code = (
        "import singlestoredb as s2, pyarrow as pa, sys\n"
        "for pure in (None, False):\n"
        "    with s2.connect(sys.argv[1], pure_python=pure) as conn:\n"
        "        print(conn.ingest('t', pa.table({'a': [1]}), temporary=True))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, mariadb.url], capture_output=True, text=True, timeout=120
    )
    assert "pure_python=False demands the accelerator 'tsv'" in done.stderr
    assert done.stdout == "1\n"


def test_types_of_tables_that_are_made() -> None:
    from nanoarrow.c_schema import c_schema

    def made(kind: pa.DataType, has_vectors: bool = True) -> str:
        return sql_type(c_schema(pa.field("x", kind)), has_vectors=has_vectors)

    assert made(pa.list_(pa.float32(), 3)) == "VECTOR(3,F32)"
    assert made(pa.list_(pa.float32(), 3), False) == "JSON"
    assert made(pa.list_(pa.string(), 3)) == "JSON"
    assert made(pa.dictionary(pa.int8(), pa.binary())) == "LONGBLOB"
    assert made(pa.decimal128(5, -3)) == "DECIMAL(8,0)"
    assert made(pa.binary(300)) == "LONGBLOB"
    assert made(pa.timestamp("s", "UTC")) == "DATETIME"
    assert made(pa.json_()) == "JSON"
    for kind in (pa.decimal256(76, 3), pa.decimal256(60, 31)):
        with pytest.raises(s2.NotSupportedError, match="65 digits with 30"):
            made(kind)


def test_a_source_that_fails_at_its_start(mariadb: MariaDB) -> None:
    def rows() -> Iterator[dict[str, int]]:
        yield {"a": 1}
        raise RuntimeError("the disk is gone")

    def no_batch() -> Iterator[pa.RecordBatch]:
        raise RuntimeError("the disk is gone")
        yield

    with s2.connect(mariadb.url) as conn:
        for data in (rows(), no_batch()):
            with pytest.raises(s2.OperationalError, match="disk is gone; nothing had been sent"):
                conn.ingest(T, data)
        assert T not in names(conn)
