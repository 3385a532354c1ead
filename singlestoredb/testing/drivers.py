"""The conformance kit for driver plugins.

::

    from singlestoredb.testing import DriverConformance

    class TestAcme(DriverConformance):
        url = "acme://localhost/test"

Tests ask for capabilities, never for names: what a driver does not claim is not tested, and what
it claims is.  The statements are plain SQL; a driver with another dialect overrides the class
attributes that hold them.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

import singlestoredb as s2
from singlestoredb.kernel import get_registry
from singlestoredb_hookspecs import DriverCapability as Can

if TYPE_CHECKING:
    from singlestoredb.connection import Connection

TABLE = "s2_driver_kit"

ROWS: list[tuple[Any, ...]] = [
    (1, "one", 1.5),
    (2, None, -2.25),
    (3, "drei ✓ 🜁", None),
    (4, "", 0.0),
]

_PARAMETERS: tuple[Any, ...] = (
    0,
    -1,
    2**63 - 1,
    1.5,
    -1e300,
    5e-324,
    "",
    "it's",
    'say "hi"',
    "back\\slash \\n \\",
    "50% off %s %(x)s",
    "new\nline\r\ttab",
    "' OR 1=1 -- ",
    "ünï✓🜁",
    Decimal("-12345678901234567890.123456"),
    dt.date(2024, 2, 29),
    dt.datetime(1999, 12, 31, 23, 59, 59, 999999),
    b"\x00\xff'\\\n\x1a",
)


class DriverConformance:
    """What every driver does.  Set ``url``, or override :meth:`connect`."""

    url: str
    """Connection URL of an empty scratch database."""

    create_table: ClassVar[str] = (
        f"CREATE TABLE {TABLE} (id INT NOT NULL PRIMARY KEY, name VARCHAR(20), price DOUBLE)"
    )
    """Makes the kit's table."""
    type_samples: ClassVar[Sequence[tuple[str, str, Any]]] = (
        ("TINYINT", "-128", -128),
        ("SMALLINT UNSIGNED", "65535", 65535),
        ("MEDIUMINT", "-8388608", -8388608),
        ("INT UNSIGNED", "4294967295", 4294967295),
        ("BIGINT", "-9223372036854775808", -(2**63)),
        ("BIGINT UNSIGNED", "18446744073709551615", 2**64 - 1),
        ("FLOAT", "0.5", 0.5),
        ("DOUBLE", "-1.25e300", -1.25e300),
        ("DECIMAL(20,6)", "'12345.678900'", Decimal("12345.678900")),
        ("DATE", "'2024-02-29'", dt.date(2024, 2, 29)),
        (
            "DATETIME(6)",
            "'1999-12-31 23:59:59.999999'",
            dt.datetime(1999, 12, 31, 23, 59, 59, 999999),
        ),
        ("DATETIME", "'2000-01-01 00:00:00'", dt.datetime(2000, 1, 1)),
        ("TIME", "'-838:59:59'", -dt.timedelta(hours=838, minutes=59, seconds=59)),
        ("TIME", "'25:00:01'", dt.timedelta(hours=25, seconds=1)),
        ("YEAR", "2024", 2024),
        ("CHAR(3)", "'abc'", "abc"),
        ("VARCHAR(20)", "'ünï✓🜁'", "ünï✓🜁"),
        ("TEXT", "'long text'", "long text"),
        ("VARBINARY(20)", "X'00FF27'", b"\x00\xff'"),
        ("BLOB", "X'00FF27'", b"\x00\xff'"),
    )
    """(SQL type, literal, Python value): each is stored and read back in every shape."""
    parameters: ClassVar[Sequence[Any]] = _PARAMETERS
    """Values that arrive as they are when they are passed as parameters."""
    slow_query: ClassVar[str] = "SELECT SLEEP(30)"
    """Runs for many seconds unless it is cancelled."""
    two_statements: ClassVar[str] = "SELECT 1 AS a; SELECT 2 AS b"
    load_data: ClassVar[str] = (
        "LOAD DATA LOCAL INFILE '{file}' INTO TABLE {table} FIELDS TERMINATED BY ','"
    )

    def connect(self, **kwargs: Any) -> Connection:
        """Open a connection to the scratch database."""
        return s2.connect(self.url, **kwargs)

    @pytest.fixture
    def conn(self) -> Iterator[Connection]:
        """A connection with the kit's table, filled."""
        with self.connect() as conn:
            self._drop(conn)
            conn.query(self.create_table)
            with conn.cursor() as cursor:
                cursor.executemany(f"INSERT INTO {TABLE} VALUES (%s, %s, %s)", ROWS)
            yield conn
            if conn.open:
                self._drop(conn)

    @staticmethod
    def _drop(conn: Connection) -> None:
        conn.query(f"DROP TABLE IF EXISTS {TABLE}")

    @staticmethod
    def _need(conn: Connection, capability: Can) -> None:
        if not conn._opened().capabilities & capability:
            pytest.skip(f"the driver does not claim {capability.name}")

    @staticmethod
    def _all(conn: Connection, sql: str, args: Any = None, **kwargs: Any) -> Any:
        with conn.cursor(**{"results_type": "tuples", **kwargs}) as cursor:
            cursor.execute(sql, args)
            return cursor.fetchall()

    # -- connections --

    def test_opens_and_closes(self) -> None:
        conn = self.connect()
        assert conn.open
        assert conn.is_connected()
        conn.close()
        assert not conn.open
        with pytest.raises(s2.InterfaceError, match="closed"):
            conn.cursor().execute("SELECT 1")

    def test_context_manager_closes(self) -> None:
        with self.connect() as conn:
            assert conn.open
        assert not conn.open

    def test_password_is_never_shown(self) -> None:
        with self.connect() as conn:
            password = conn._params.password
            shown = repr(conn) + repr(conn.connection_params) + repr(conn._params)
            assert not password or password not in shown

    def test_ping_and_reconnect(self) -> None:
        with self.connect() as conn:
            conn.ping()
            conn._opened().close()
            with pytest.raises(s2.Error):
                conn.ping(reconnect=False)
            conn.ping()
            assert self._all(conn, "SELECT 1") == [(1,)]

    def test_connections_are_independent(self, conn: Connection) -> None:
        with self.connect() as other:
            other.close()
            assert self._all(conn, f"SELECT COUNT(*) FROM {TABLE}") == [(len(ROWS),)]
            with pytest.raises(s2.InterfaceError):
                other.query("SELECT 1")

    # -- statements --

    def test_counts_rows(self, conn: Connection) -> None:
        with conn.cursor() as cursor:
            assert cursor.rowcount == -1
            assert cursor.execute(f"SELECT * FROM {TABLE}") == len(ROWS)
            assert cursor.execute(f"UPDATE {TABLE} SET price = 9 WHERE id < 3") == 2
            assert cursor.rowcount == 2
            assert cursor.execute(f"DELETE FROM {TABLE} WHERE id = 4") == 1
            assert cursor.execute(f"INSERT INTO {TABLE} VALUES (9, 'x', 1), (10, 'y', 2)") == 2
            assert cursor.description is None
            assert cursor.fetchall() == []

    def test_description(self, conn: Connection) -> None:
        with conn.cursor() as cursor:
            assert cursor.description is None
            cursor.execute(f"SELECT id, name FROM {TABLE}")
            assert cursor.description is not None
            assert [column.name for column in cursor.description] == ["id", "name"]
            assert all(len(column) == 9 for column in cursor.description)
            assert cursor.description[0].type_code == s2.NUMBER
            assert cursor.description[1].type_code == s2.STRING

    def test_fetches(self, conn: Connection) -> None:
        with conn.cursor(results_type="tuples") as cursor:
            cursor.execute(f"SELECT * FROM {TABLE} ORDER BY id")
            assert cursor.fetchone() == ROWS[0]
            assert cursor.fetchmany(2) == ROWS[1:3]
            assert cursor.rownumber == 3
            assert list(cursor) == ROWS[3:]
            assert cursor.fetchone() is None
            assert cursor.fetchall() == []

    def test_scrolls_a_buffered_result(self, conn: Connection) -> None:
        with conn.cursor(results_type="tuples") as cursor:
            cursor.execute(f"SELECT * FROM {TABLE} ORDER BY id")
            cursor.scroll(2)
            assert cursor.fetchone() == ROWS[2]
            cursor.scroll(0, mode="absolute")
            assert cursor.fetchall() == ROWS
            with pytest.raises(IndexError):
                cursor.scroll(1)

    def test_dicts_by_name(self, conn: Connection) -> None:
        rows = self._all(
            conn, f"SELECT id, name, id FROM {TABLE} WHERE id = 1", results_type="dicts"
        )
        assert rows[0]["id"] == 1
        assert rows[0]["name"] == "one"
        assert list(rows[0].values()) == [1, "one", 1]

    def test_parameters_arrive_as_they_are(self, conn: Connection) -> None:
        with conn.cursor() as cursor:
            for value in self.parameters:
                if isinstance(value, str):
                    cursor.execute(f"UPDATE {TABLE} SET name = %s WHERE id = 1", [value])
                    cursor.execute(f"SELECT name, name = %s FROM {TABLE} WHERE id = 1", [value])
                    stored, equal = cursor.fetchall()[0]
                    assert stored == value
                    assert equal
                else:
                    cursor.execute("SELECT %s", [value])
                    assert self._as(type(value), cursor.fetchall()[0][0]) == value

    @staticmethod
    def _as(kind: type, got: Any) -> Any:
        """Literals of dates and decimals may come back as text or float."""
        if isinstance(got, kind):
            return got
        if kind is dt.date:
            return dt.date.fromisoformat(str(got))
        if kind is dt.datetime:
            return dt.datetime.fromisoformat(str(got))
        if kind is float:
            return float(got)
        if kind is Decimal:
            return Decimal(str(got))
        return got

    def test_named_and_null_parameters(self, conn: Connection) -> None:
        with conn.cursor() as cursor:
            cursor.execute(
                f"UPDATE {TABLE} SET name = %(n)s, price = %(p)s WHERE id = %(i)s",
                {"n": None, "p": 2.5, "i": 1},
            )
            cursor.execute(f"SELECT name, price FROM {TABLE} WHERE id = 1")
            assert cursor.fetchall() == [(None, 2.5)]
            cursor.execute(f"SELECT id FROM {TABLE} WHERE id IN %s ORDER BY id", [(1, 3)])
            assert cursor.fetchall() == [(1,), (3,)]

    def test_wrong_parameters_are_refused(self, conn: Connection) -> None:
        with conn.cursor() as cursor:
            for args in ([], [1, 2], {"x": 1}):
                with pytest.raises((s2.ProgrammingError, s2.Error)):
                    cursor.execute("SELECT %s", args)
            assert cursor.execute("SELECT 1") == 1

    def test_executemany_takes_any_iterable(self, conn: Connection) -> None:
        with conn.cursor() as cursor:
            sql = f"INSERT INTO {TABLE} (id, name) VALUES (%s, %s)"
            assert cursor.executemany(sql, ((i, str(i)) for i in range(100, 1100))) == 1000
            assert cursor.executemany(sql, []) is None
            cursor.execute(f"SELECT COUNT(*), MAX(id) FROM {TABLE} WHERE id >= 100")
            assert cursor.fetchall() == [(1000, 1099)]

    # -- types --

    def test_types_in_rows_and_columns(self, conn: Connection) -> None:
        pyarrow = pytest.importorskip("pyarrow")
        columns = ", ".join(f"c{i} {sql}" for i, (sql, _, _) in enumerate(self.type_samples))
        literals = ", ".join(literal for _, literal, _ in self.type_samples)
        nulls = ", ".join("NULL" for _ in self.type_samples)
        expected = [value for _, _, value in self.type_samples]
        with conn.cursor(results_type="tuples") as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {TABLE}_types")
            cursor.execute(f"CREATE TABLE {TABLE}_types (k INT, {columns})")
            cursor.execute(f"INSERT INTO {TABLE}_types VALUES (1, {literals}), (2, {nulls})")
            for buffered in (True, False):
                with conn.cursor("tuples", buffered=buffered) as reader:
                    reader.execute(f"SELECT * FROM {TABLE}_types ORDER BY k")
                    first, second = reader.fetchall()
                    assert list(first[1:]) == expected
                    assert [type(v) for v in first[1:]] == [type(v) for v in expected]
                    assert set(second[1:]) == {None}
                    reader.execute(f"SELECT * FROM {TABLE}_types ORDER BY k")
                    table = pyarrow.table(reader.fetch_arrow())
                    assert [c[0].as_py() for c in table.columns[1:]] == expected
                    assert all(c[1].as_py() is None for c in table.columns[1:])
            if conn._opened().capabilities & Can.TYPED_RESULTS:
                cursor.execute(f"SELECT * FROM {TABLE}_types WHERE k = 3")
                assert pyarrow.table(cursor.fetch_arrow()).schema == table.schema
            cursor.execute(f"DROP TABLE {TABLE}_types")

    def test_every_installed_format(self, conn: Connection) -> None:
        names = {record.name for record in get_registry().catalog.records("formats")}
        for name in sorted(names):
            for buffered in (True, False):
                try:
                    cursor = conn.cursor(results_type=name, buffered=buffered)
                except s2.plugins.PluginError:
                    continue  # it cannot be used here: no library, switched off, a tie
                with cursor:
                    cursor.execute(f"SELECT * FROM {TABLE} ORDER BY id")
                    assert len(cursor.fetchall()) == len(ROWS)
                    cursor.execute(f"SELECT * FROM {TABLE} WHERE id < 0")
                    assert len(cursor.fetchall()) == 0

    def test_the_cursor_is_an_arrow_producer(self, conn: Connection) -> None:
        pyarrow = pytest.importorskip("pyarrow")
        with conn.cursor(results_type="tuples") as cursor:
            cursor.execute(f"SELECT * FROM {TABLE} ORDER BY id")
            assert cursor.fetchone() == ROWS[0]
            table = pyarrow.table(cursor)
            assert list(zip(*table.to_pydict().values(), strict=True)) == ROWS[1:]

    # -- errors --

    def test_errors_have_classes_and_do_no_harm(self, conn: Connection) -> None:
        with conn.cursor() as cursor:
            for sql, kind in (
                ("SELEC 1", s2.ProgrammingError),
                ("SELECT * FROM s2_there_is_no_such_table", s2.ProgrammingError),
                (f"INSERT INTO {TABLE} VALUES (1, 'again', 1)", s2.IntegrityError),
            ):
                with pytest.raises(kind) as caught:
                    cursor.execute(sql)
                assert caught.value.errmsg
                assert cursor.execute("SELECT 1") == 1
            assert self._all(conn, f"SELECT COUNT(*) FROM {TABLE}") == [(len(ROWS),)]

    # -- capabilities --

    def test_transactions(self, conn: Connection) -> None:
        self._need(conn, Can.TRANSACTIONS)
        count = f"SELECT COUNT(*) FROM {TABLE}"
        conn.autocommit(False)
        assert conn.get_autocommit() is False
        conn.query(f"DELETE FROM {TABLE} WHERE id = 1")
        conn.rollback()
        assert self._all(conn, count) == [(len(ROWS),)]
        conn.query(f"DELETE FROM {TABLE} WHERE id = 1")
        conn.commit()
        conn.rollback()
        assert self._all(conn, count) == [(len(ROWS) - 1,)]
        conn.rollback()
        conn.autocommit(True)
        assert conn.get_autocommit() is True
        conn.begin()
        conn.query(f"DELETE FROM {TABLE}")
        conn.rollback()
        assert self._all(conn, count) == [(len(ROWS) - 1,)]

    def test_a_failed_statement_leaves_the_transaction_whole(self, conn: Connection) -> None:
        self._need(conn, Can.TRANSACTIONS)
        conn.begin()
        conn.query(f"INSERT INTO {TABLE} VALUES (20, 'kept', 1)")
        with pytest.raises(s2.IntegrityError):
            conn.query(f"INSERT INTO {TABLE} VALUES (20, 'twice', 1)")
        conn.query(f"INSERT INTO {TABLE} VALUES (21, 'kept', 1)")
        conn.commit()
        rows = self._all(conn, f"SELECT id FROM {TABLE} WHERE id >= 20 ORDER BY id")
        assert rows == [(20,), (21,)]

    @pytest.mark.filterwarnings("ignore:Previous unbuffered result")
    def test_streams_can_be_abandoned(self, conn: Connection) -> None:
        self._need(conn, Can.STREAMING)
        with conn.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {TABLE} (id, name) VALUES (%s, 'x')", ([i] for i in range(50, 3050))
            )
        stream = conn.cursor(results_type="tuples", buffered=False)
        assert stream.execute(f"SELECT id FROM {TABLE} ORDER BY id") == -1
        assert stream.fetchone() == (1,)
        stream.close()
        assert self._all(conn, "SELECT 1") == [(1,)]
        stream = conn.cursor(results_type="tuples", buffered=False)
        stream.execute(f"SELECT id FROM {TABLE} ORDER BY id")
        stream.fetchone()
        assert self._all(conn, "SELECT 2") == [(2,)]
        stream.close()
        stream = conn.cursor(results_type="tuples", buffered=False)
        stream.execute(f"SELECT id FROM {TABLE} ORDER BY id")
        assert sum(1 for _ in stream) == 3000 + len(ROWS)
        stream.close()

    def test_several_results(self, conn: Connection) -> None:
        self._need(conn, Can.MULTI_STATEMENTS)
        with self.connect(multi_statements=True) as many, many.cursor("tuples") as cursor:
            cursor.execute(self.two_statements)
            assert cursor.fetchall() == [(1,)]
            assert cursor.nextset() is True
            assert cursor.fetchall() == [(2,)]
            assert cursor.nextset() is None
            cursor.execute(self.two_statements)
            assert cursor.execute("SELECT 3") == 1
            assert cursor.fetchall() == [(3,)]

    def test_ingest_needs_no_permission_for_files(self, conn: Connection) -> None:
        self._need(conn, Can.LOCAL_INFILE)
        rows = [(300 + i, "t\t n\n b\\ \\N" if i % 2 else None, i / 4) for i in range(9)]
        names = ("id", "name", "price")
        with self.connect(local_infile=False) as loader:
            data = (dict(zip(names, row, strict=True)) for row in rows)
            assert loader.ingest(TABLE, data, "append") == 9
            found = loader.execute(
                f"SELECT id, name, price FROM {TABLE} WHERE id >= 300 ORDER BY id",
                results_type="tuples",
            ).fetchall()
            assert found == rows

            def fails() -> Iterator[dict[str, int]]:
                yield {"id": 400}
                raise RuntimeError("gone")

            with pytest.raises(s2.OperationalError, match="gone"):
                loader.ingest(TABLE, fails(), "append")
            count = f"SELECT COUNT(*) FROM {TABLE} WHERE id >= 300"
            assert loader.execute(count, results_type="tuples").fetchall() == [(9,)]
            loader.query(f"DELETE FROM {TABLE} WHERE id >= 300")

    def test_loads_from_streams_and_files(self, conn: Connection, tmp_path: Path) -> None:
        self._need(conn, Can.LOCAL_INFILE)
        file = tmp_path / "rows.csv"
        file.write_text("200,from file,1.5\n")

        def pieces() -> Iterator[str]:
            yield "201,from"
            yield " stream,\\N\n202,x,2\n"

        with self.connect(local_infile=True) as loader, loader.cursor("tuples") as cursor:
            from_file = self.load_data.format(file=file, table=TABLE)
            from_stream = self.load_data.format(file=":stream:", table=TABLE)
            assert cursor.execute(from_file) == 1
            assert cursor.execute(from_stream, infile_stream=pieces()) == 2
            assert cursor.execute(from_stream, infile_stream=b"203,bytes,3\n") == 1
            cursor.execute(f"SELECT id, name, price FROM {TABLE} WHERE id >= 200 ORDER BY id")
            assert cursor.fetchall() == [
                (200, "from file", 1.5),
                (201, "from stream", None),
                (202, "x", 2.0),
                (203, "bytes", 3.0),
            ]
            with pytest.raises(s2.OperationalError):
                cursor.execute(from_stream)
            with pytest.raises(s2.OperationalError):
                cursor.execute(self.load_data.format(file=tmp_path / "none.csv", table=TABLE))
            assert cursor.execute("SELECT 1") == 1

    def test_loading_is_off_by_default(self, conn: Connection, tmp_path: Path) -> None:
        self._need(conn, Can.LOCAL_INFILE)
        file = tmp_path / "rows.csv"
        file.write_text("300,secret,1\n")
        with self.connect() as careful, pytest.raises(s2.Error):
            careful.query(self.load_data.format(file=file, table=TABLE))
        assert self._all(conn, f"SELECT COUNT(*) FROM {TABLE} WHERE id = 300") == [(0,)]

    def test_cancel_from_another_thread(self, conn: Connection) -> None:
        self._need(conn, Can.CANCEL)
        timer = threading.Timer(0.3, conn.cancel)
        timer.start()
        # Some servers answer a cancelled statement with an error, some with a result that says so.
        # What counts is that the answer is there, long before the query's own end.
        outcome: Any
        try:
            outcome = self._all(conn, self.slow_query)
        except s2.Error as exc:
            outcome = str(exc).lower()
        timer.join()
        assert outcome == [(1,)] or "interrupt" in outcome or "cancel" in outcome
        if not conn.open:
            conn.ping()
        assert self._all(conn, "SELECT 1") == [(1,)]

    def test_query_timeout(self, conn: Connection) -> None:
        self._need(conn, Can.CANCEL)
        conn.query_timeout = 0.3
        try:
            outcome: Any = self._all(conn, self.slow_query)
        except s2.OperationalError as exc:
            outcome = exc.errno
        assert outcome in (3024, [(1,)])  # as above
        conn.query_timeout = None
        if not conn.open:
            conn.ping()
        assert self._all(conn, "SELECT 1") == [(1,)]

    def test_reset_keeps_the_connection_usable(self, conn: Connection) -> None:
        if conn._opened().capabilities & Can.TRANSACTIONS:
            conn.begin()
            conn.query(f"DELETE FROM {TABLE}")
        conn.reset()
        assert conn.open
        assert self._all(conn, "SELECT 1") == [(1,)]

    def test_one_thread_at_a_time(self, conn: Connection) -> None:
        with conn._lock, pytest.raises(s2.ProgrammingError, match="another thread"):
            conn.query("SELECT 1")
        assert self._all(conn, "SELECT 1") == [(1,)]
