"""Cursors and connections on the scripted driver: what needs no server."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb.reading import RowsResult, unique_names
from singlestoredb.sqltext import split_statements, split_values
from singlestoredb.testing import ScriptedDriver
from singlestoredb_hookspecs import Column, StatementCall, StatementEvent, hookimpl

A, B = Column("a", 3, null_ok=False), Column("b", 253)
ROWS = [(i, str(i)) for i in range(10)]


@pytest.fixture
def driver() -> Iterator[ScriptedDriver]:
    driver = ScriptedDriver()
    driver.answer("SELECT", [A, B], ROWS)
    driver.answer("EMPTY", [A, B], [])
    s2.plugins.register(driver, "drivers:scripted")
    yield driver
    s2.plugins.unregister(driver)


@pytest.fixture
def conn(driver: ScriptedDriver) -> Iterator[s2.Connection]:
    with s2.connect("scripted://") as conn:
        yield conn


# -- order of use ----------------------------------------------------------------------------


def test_fetching_before_executing(conn: s2.Connection) -> None:
    cursor = conn.cursor()
    for fetch in (cursor.fetchone, cursor.fetchall, cursor.fetchmany, lambda: list(cursor)):
        with pytest.raises(s2.ProgrammingError, match="execute"):
            fetch()
    assert cursor.description is None
    assert cursor.rowcount == -1
    assert cursor.lastrowid is None
    assert cursor.messages == []


def test_a_closed_cursor(conn: s2.Connection) -> None:
    with conn.cursor() as cursor:
        cursor.execute("SELECT")
    cursor.close()
    assert cursor.connection is None
    assert not cursor.open
    for use in (lambda: cursor.execute("SELECT"), cursor.fetchall, cursor.nextset):
        with pytest.raises(s2.ProgrammingError, match="Cursor closed"):
            use()
    with pytest.raises(s2.InterfaceError, match="Cursor is closed"):
        next(cursor)


def test_a_closed_connection(driver: ScriptedDriver) -> None:
    conn = s2.connect("scripted://")
    conn.close()
    for use in (conn.commit, conn.rollback, conn.begin, lambda: conn.query("SELECT")):
        with pytest.raises(s2.InterfaceError, match="The connection has been closed"):
            use()
    with pytest.raises(s2.Error, match="Already closed"):
        conn.close()
    assert repr(conn) == "<singlestoredb.Connection scripted://127.0.0.1 (closed)>"


def test_a_forgotten_connection_is_closed_and_told(driver: ScriptedDriver) -> None:
    conn = s2.connect("scripted://")
    opened = conn._driver_connection
    with pytest.warns(
        ResourceWarning, match="unclosed <singlestoredb.Connection scripted://127.0.0.1>"
    ):
        del conn
    assert opened is not None
    assert not opened.is_open


def test_commit_and_rollback_are_the_drivers(conn: s2.Connection, driver: ScriptedDriver) -> None:
    conn.begin()
    conn.commit()
    conn.rollback()
    assert driver.statements == ["BEGIN", "COMMIT", "ROLLBACK"]


# -- reading ---------------------------------------------------------------------------------


@pytest.mark.parametrize("buffered", [True, False])
def test_reads_of_all_kinds_follow_each_other(conn: s2.Connection, buffered: bool) -> None:
    with conn.cursor("tuples", buffered=buffered) as cursor:
        cursor.execute("SELECT")
        assert cursor.fetchone() == ROWS[0]
        assert cursor.fetchmany(2) == ROWS[1:3]
        cursor.arraysize = 3
        assert cursor.fetchmany() == ROWS[3:6]
        assert next(cursor) == ROWS[6]
        assert cursor.rownumber == 7
        assert cursor.fetch_polars().rows() == ROWS[7:]
        assert cursor.rownumber == 10
        assert cursor.fetchall() == []
        with pytest.raises(StopIteration):
            next(cursor)


def test_iterating_tolerates_other_reads(conn: s2.Connection) -> None:
    with conn.cursor("tuples") as cursor:
        cursor.execute("SELECT")
        seen = []
        for row in cursor:
            seen.append(row)
            if row[0] == 2:
                seen += cursor.fetchmany(3)
        assert seen == ROWS


def test_iterating_over_frames_gives_batches(conn: s2.Connection) -> None:
    many = [(i, "x") for i in range(25_000)]
    conn._driver_connection._driver.answer("MANY", [A, B], many)  # type: ignore[union-attr]
    with conn.cursor("pandas", buffered=False) as cursor:
        cursor.execute("MANY")
        assert [len(frame) for frame in cursor] == [10_000, 10_000, 5_000]
        cursor.execute("MANY")
        assert sum(len(frame) for frame in cursor.fetchall_unbuffered()) == 25_000
        cursor.execute("MANY")
        reader = cursor.fetch_record_batch(7_000)
        assert [batch.num_rows for batch in reader] == [7_000, 7_000, 7_000, 4_000]


def test_scrolling(conn: s2.Connection) -> None:
    with conn.cursor("tuples") as cursor:
        cursor.execute("SELECT")
        cursor.scroll(5)
        cursor.scroll(-2)
        assert cursor.fetchone() == ROWS[3]
        cursor.scroll(0, "absolute")
        assert cursor.fetchall() == ROWS
        for value, mode in ((10, "absolute"), (-1, "absolute"), (0, "relative")):
            with pytest.raises(IndexError):
                cursor.scroll(value, mode)
        with pytest.raises(s2.ProgrammingError, match="unknown scroll mode"):
            cursor.scroll(1, "sideways")
    with conn.cursor("arrow") as table:
        table.execute("SELECT")
        table.scroll(8)
        assert table.fetchall().num_rows == 2
        table.scroll(1, "absolute")
        assert table.fetchmany(2).column(0).to_pylist() == [1, 2]
    with conn.cursor("tuples", buffered=False) as stream:
        stream.execute("SELECT")
        stream.scroll(4)
        assert stream.fetchone() == ROWS[4]
        with pytest.raises(s2.NotSupportedError, match="backwards"):
            stream.scroll(-1)
        with pytest.raises(IndexError):
            stream.scroll(100)


def test_statements_that_are_no_str(conn: s2.Connection, driver: ScriptedDriver) -> None:
    class Text(str):
        pass

    cursor = conn.cursor()
    for query in (b"UPDATE \xc3\xa4\xff", bytearray(b"UPDATE \xc3\xa4\xff")):
        cursor.execute(query)  # type: ignore[arg-type]
        assert cursor._executed == "UPDATE ä\udcff"
    cursor.execute(Text("SELECT"))
    sent = len(driver.statements)
    wrong: tuple[tuple[Any, Any, str], ...] = (
        (5, None, "a statement must be str, not int"),
        (None, None, "a statement must be str, not NoneType"),
        (b"SELECT %s", [1], "a statement with arguments must be str, not bytes"),
    )
    for bad, args, said in wrong:
        with pytest.raises(s2.ProgrammingError, match=said):
            cursor.execute(bad, args)
    with pytest.raises(s2.ProgrammingError, match="a statement with arguments must be str"):
        cursor.executemany(b"INSERT INTO t VALUES (%s)", [[1]])  # type: ignore[arg-type]
    assert len(driver.statements) == sent


def test_no_result_set(conn: s2.Connection) -> None:
    with conn.cursor("pandas") as cursor:
        assert cursor.execute("CREATE TABLE t (a INT)") == 0
        assert cursor.description is None
        assert cursor.fetchone() is None
        assert list(cursor) == []
        with pytest.raises(s2.ProgrammingError, match="no result set"):
            cursor.fetch_df()


def test_empty_frames_are_typed(conn: s2.Connection) -> None:
    with conn.cursor("polars") as cursor:
        cursor.execute("EMPTY")
        frame = cursor.fetchall()
        assert {name: str(kind) for name, kind in frame.schema.items()} == {
            "a": "Int32",
            "b": "String",
        }
    with conn.cursor("numpy") as other:
        other.execute("EMPTY")
        assert other.fetchall().dtype.descr == [("a", "<i4"), ("b", "|O")]


def test_repeated_names(conn: s2.Connection, driver: ScriptedDriver) -> None:
    columns = [Column("a", 3, table="t"), Column("a", 3, table="u"), Column("a", 3, table="u")]
    driver.answer("TWICE", columns, [(1, 2, 3)])
    assert unique_names(columns) == ["a", "u.a", "u.a_2"]
    assert conn.execute("TWICE", results_type="dicts").fetchone() == {"a": 1, "u.a": 2, "u.a_2": 3}
    row: Any = conn.execute("TWICE", results_type="namedtuples").fetchone()
    assert (row.a, row._1, row._2) == (1, 2, 3)
    frame = conn.execute("TWICE", results_type="pandas").fetchall()
    assert list(frame.columns) == ["a", "a", "a"]
    assert conn.execute("TWICE", results_type="arrow").fetchall().num_columns == 3
    for name in ("polars", "numpy"):
        with pytest.raises(s2.ProgrammingError, match=r"several .* named a"):
            conn.execute("TWICE", results_type=name).fetchall()


def test_decimals_that_polars_does_not_have(conn: s2.Connection, driver: ScriptedDriver) -> None:
    from decimal import Decimal

    wide = [Column("d", 246, precision=65, scale=2)]
    driver.answer("WIDE", wide, [(Decimal("1.25"),)])
    assert conn.execute("WIDE", results_type="arrow").fetchall()["d"].to_pylist() == [
        Decimal("1.25")
    ]
    with pytest.raises(s2.NotSupportedError, match=r"beyond 38 digits \(d\)"):
        conn.execute("WIDE", results_type="polars").fetchall()


def test_rows_that_do_not_fit_their_column_are_told_apart(
    conn: s2.Connection, driver: ScriptedDriver
) -> None:
    driver.answer("BAD", [A, Column("d", 10)], [(1, None), (2, "2020-00-01")])
    with pytest.raises(s2.DataError, match="column 'd': '2020-00-01' cannot become"):
        conn.execute("BAD", results_type="arrow").fetchall()


# -- executemany -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "parts"),
    [
        ("INSERT INTO t VALUES (%s, %s)", ("INSERT INTO t VALUES ", "(%s, %s)", "")),
        ("replace t(a) value (%(a)s);", ("replace t(a) value ", "(%(a)s)", "")),
        (
            "INSERT INTO t (a, `values`) VALUES (%s, now()) ON DUPLICATE KEY UPDATE a = VALUES(a)",
            (
                "INSERT INTO t (a, `values`) VALUES ",
                "(%s, now())",
                " ON DUPLICATE KEY UPDATE a = VALUES(a)",
            ),
        ),
        (
            "/* values (%s) */ INSERT INTO t VALUES ('x)', %s) AS new",
            ("/* values (%s) */ INSERT INTO t VALUES ", "('x)', %s)", " AS new"),
        ),
        (
            "INSERT IGNORE INTO t VALUES (%s, 5, f(%s, (1))) ; -- done;\n",
            ("INSERT IGNORE INTO t VALUES ", "(%s, 5, f(%s, (1)))", ""),
        ),
        (
            "INSERT INTO t VALUES # rows (\n (%s -- ), (\n) AS n(a) ON DUPLICATE KEY UPDATE b=n.a",
            (
                "INSERT INTO t VALUES # rows (\n ",
                "(%s -- ), (\n)",
                " AS n(a) ON DUPLICATE KEY UPDATE b=n.a",
            ),
        ),
        (
            "INSERT INTO t VALUES (%s) RETURNING id",
            ("INSERT INTO t VALUES ", "(%s)", " RETURNING id"),
        ),
        ("INSERT INTO t VALUES ROW(%s)", None),
        ("INSERT INTO t VALUES (%s), (1)", None),
        ("INSERT INTO values (a) VALUES (%s)", None),
        ("INSERT INTO t VALUES (%s), (%s)", None),
        ("INSERT INTO t VALUES (%s) ON DUPLICATE KEY UPDATE a = %s", None),
        ("INSERT INTO t SELECT %s", None),
        ("INSERT INTO t SET a = %s", None),
        ("INSERT INTO t VALUES (1)", None),
        ("UPDATE t SET a = %s", None),
        ("INSERT INTO t VALUES (%s); DELETE FROM t", None),
    ],
)
def test_split_values(sql: str, parts: tuple[str, str, str] | None) -> None:
    assert split_values(sql) == parts


def test_executemany_sends_few_statements(conn: s2.Connection, driver: ScriptedDriver) -> None:
    cursor = conn.cursor()
    cursor.executemany("INSERT INTO t VALUES (%s, '50%%')", [[i] for i in range(3)])
    assert driver.statements == ["INSERT INTO t VALUES (0, '50%'),(1, '50%'),(2, '50%')"]
    driver.statements.clear()
    cursor.max_stmt_length = 60
    cursor.executemany("INSERT INTO t VALUES (%s)", (["x" * 10] for _ in range(5)))
    assert [len(text) for text in driver.statements] == [50, 50, 35]
    for pure in (True, False, None):
        driver.statements.clear()
        with s2.connect("scripted://", max_allowed_packet=61, pure_python=pure) as small:
            small.cursor().executemany("INSERT INTO t VALUES (%s)", [["x" * 10]] * 5)
        assert [len(text) for text in driver.statements] == [50, 50, 35]
    driver.statements.clear()
    cursor.executemany("UPDATE t SET a = %(a)s", [{"a": 1}, {"a": 2}])
    assert driver.statements == ["UPDATE t SET a = 1", "UPDATE t SET a = 2"]
    assert cursor.executemany("INSERT INTO t VALUES (%s)", None) is None
    with pytest.raises(s2.ProgrammingError, match="iterable of parameter rows, not str"):
        cursor.executemany("INSERT INTO t VALUES (%s)", "abc")


def test_executemany_takes_frames(conn: s2.Connection, driver: ScriptedDriver) -> None:
    import pandas
    import polars

    cursor = conn.cursor()
    for frame in (pandas.DataFrame({"a": [1, 2]}), polars.DataFrame({"a": [1, 2]})):
        driver.statements.clear()
        cursor.executemany("INSERT INTO t VALUES (%s)", frame)
        assert driver.statements == ["INSERT INTO t VALUES (1),(2)"]


def test_split_statements() -> None:
    script = "SELECT ';' -- ; not here\n; # nor; here\n;; SELECT `;`, /* ; */ 2"
    assert list(split_statements(script)) == [
        ("SELECT ';' -- ; not here", True),
        ("SELECT `;`, /* ; */ 2", False),
    ]


# -- parameters ------------------------------------------------------------------------------


def test_parameters_are_written_in(conn: s2.Connection, driver: ScriptedDriver) -> None:
    cursor = conn.cursor()
    cursor.execute("SET a = %s", ["it's"])
    cursor.execute("SET a = %s", 0)
    cursor.execute("SET a = '100%%'")
    assert driver.statements == ["SET a = 'it\\'s'", "SET a = 0", "SET a = '100%%'"]
    assert cursor.mogrify("SET a = %(x)s", {"x": None}) == "SET a = NULL"
    with pytest.raises(s2.ProgrammingError, match="1 placeholder, 2 arguments"):
        cursor.execute("SET a = %s", [1, 2])


def test_options_of_escaping(driver: ScriptedDriver) -> None:
    nan = float("nan")
    with (
        s2.connect("scripted://") as conn,
        pytest.raises(s2.ProgrammingError, match="nan_as_null"),
    ):
        conn.query("SET a = %s", [nan])
    with s2.connect("scripted://", nan_as_null=True, conv={complex: lambda v, _: "'c'"}) as conn:
        assert conn.escape(nan) == "NULL"
        assert conn.literal(1j) == "'c'"
        assert conn.escape_string("it's") == "it\\'s"
    with s2.connect("scripted://?interpolate_query_with_empty_args=1") as conn:
        conn.query("SET a = '%%'", [])
        assert driver.statements[-1] == "SET a = '%'"


# -- extensions ------------------------------------------------------------------------------


class Watcher:
    """Sees statements and answers one of them."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    @hookimpl
    def s2_connection_opened(self, event: Any) -> None:
        self.events.append(("opened", event.driver))

    @hookimpl
    def s2_connection_closed(self, event: Any) -> None:
        self.events.append(("closed", event.driver))

    @hookimpl
    def s2_statement_started(self, event: StatementEvent) -> None:
        self.events.append(("started", event.statement))

    @hookimpl
    def s2_statement_finished(self, event: StatementEvent) -> None:
        assert event.duration is not None
        outcome = type(event.error).__name__ if event.error else event.rows
        self.events.append(("finished", outcome))

    @hookimpl
    def s2_execute_statement(self, call: StatementCall) -> RowsResult | None:
        if call.sql == "SHOW ACME":
            return RowsResult([A], [(42,)])
        return None


class Doubler:
    """Wraps statements: asks others, then has its own say."""

    @hookimpl(wrapper=True)
    def s2_execute_statement(self, call: StatementCall) -> Any:
        answer = yield
        return RowsResult([A], [(-1,)]) if call.sql == "SHOW DOUBLE" else answer


def test_extensions_see_and_answer_statements(driver: ScriptedDriver) -> None:
    watcher = Watcher()
    s2.plugins.register(watcher)
    try:
        with s2.connect("scripted://") as conn:
            assert conn.execute("SHOW ACME", results_type="pandas").fetchall()["a"].sum() == 42
            conn.query("SET password = %s", ["s3cret"])
            with pytest.raises(s2.ProgrammingError):
                conn.query("SELECT nothing")
    finally:
        s2.plugins.unregister(watcher)
    assert watcher.events == [
        ("opened", "scripted"),
        ("started", "SHOW ACME"),
        ("finished", 1),
        ("started", "SET password = %s"),
        ("finished", 0),
        ("started", "SELECT nothing"),
        ("finished", "ProgrammingError"),
        ("closed", "scripted"),
    ]
    assert "SHOW ACME" not in driver.statements


def test_observers_see_no_values_of_many_rows(driver: ScriptedDriver) -> None:
    watcher = Watcher()
    s2.plugins.register(watcher)
    try:
        with s2.connect("scripted://") as conn:
            conn.cursor().executemany("INSERT INTO t VALUES (%s)", [["s3cret"], ["s3cret"]])
    finally:
        s2.plugins.unregister(watcher)
    assert ("started", "INSERT INTO t VALUES (%s)") in watcher.events
    assert "s3cret" not in repr(watcher.events)
    assert driver.statements == ["INSERT INTO t VALUES ('s3cret'),('s3cret')"]


def test_wrappers_see_the_others_answers(driver: ScriptedDriver) -> None:
    watcher, doubler = Watcher(), Doubler()
    s2.plugins.register(watcher)
    s2.plugins.register(doubler)
    try:
        with s2.connect("scripted://") as conn:
            assert conn.execute("SHOW ACME").fetchall() == [(42,)]
            assert conn.execute("SHOW DOUBLE").fetchall() == [(-1,)]
            assert conn.execute("SELECT").fetchall() == ROWS
    finally:
        s2.plugins.unregister(watcher)
        s2.plugins.unregister(doubler)


def test_statements_are_printed_when_asked(
    conn: s2.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    conn.query("SELECT")
    with s2.option_context("debug.queries", True):
        conn.query("SET a = %s", [1])
    conn.query("SELECT")
    assert capsys.readouterr().err == "[QUERY] SET a = %s [1]\n"


# -- errors ----------------------------------------------------------------------------------


def test_errors_carry_fields_and_can_be_pickled() -> None:
    error = s2.ProgrammingError(1064, "wrong", "42000", hint="right it")
    for e in (error, pickle.loads(pickle.dumps(error))):
        assert (e.errno, e.errmsg, e.msg, e.sqlstate, e.hint) == (
            1064, "wrong", "wrong", "42000", "right it",
        )  # fmt: skip
        assert str(e) == repr(e) == "1064 (42000): wrong (right it)"
        assert e.args == (1064, "wrong", "42000")
    assert str(s2.Error()) == "Unknown error"
    assert str(s2.Error(5)) == "5"
    assert str(s2.Error(None, "text")) == "text"
    managed = s2.ManagementError(404, "gone", "body")
    assert managed.args == (404, "gone")
    assert str(pickle.loads(pickle.dumps(managed))) == "404 (body): gone"
    plugin = s2.plugins.PluginNotFoundError("no")
    assert pickle.loads(pickle.dumps(plugin)).errmsg == "no"
    assert issubclass(s2.Warning, Warning)
    assert issubclass(s2.plugins.PluginError, s2.InterfaceError)


def test_capabilities_that_are_missing_are_refused_before_anything_is_sent(
    conn: s2.Connection, driver: ScriptedDriver
) -> None:
    with pytest.raises(s2.NotSupportedError, match="does not support stored procedures"):
        conn.cursor().callproc("p")
    with pytest.raises(s2.NotSupportedError, match="does not support cancelling"):
        conn.cancel()
    assert driver.statements == []
