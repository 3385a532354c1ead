"""The conformance kit for PEP 249, for the SDK's drivers and for any other DB-API module.

::

    from singlestoredb.testing import PEP249Conformance

    class TestAcme(PEP249Conformance):
        module = acme

        def connect(self):
            return acme.connect("…")

Every test says which part of https://peps.python.org/pep-0249/ it holds a driver to.  The
statements are plain SQL; a driver with another dialect overrides the class attributes.
"""

from __future__ import annotations

import builtins
import datetime as dt
import inspect
import pickle
import threading
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

import singlestoredb

TABLE = "s2_pep249_kit"


class PEP249Conformance:
    """What PEP 249 asks for.  Set ``url``, or override :meth:`connect`."""

    module: Any = singlestoredb
    """The module with ``connect``, ``paramstyle`` and the errors."""
    url: str
    """Connection URL of an empty scratch database."""
    create_table: ClassVar[str] = (
        f"CREATE TABLE {TABLE} (id INT NOT NULL PRIMARY KEY, t VARCHAR(50))"
    )
    create_types: ClassVar[str] = (
        f"CREATE TABLE {TABLE}_types (n BIGINT, f DOUBLE, s VARCHAR(50), b BLOB, d DATE, "
        "ts DATETIME, t TIME)"
    )
    has_transactions: ClassVar[bool] = True
    """Whether ``commit`` and ``rollback`` do what they say."""
    can_switch_autocommit: ClassVar[bool] = True
    has_procedures: ClassVar[bool] = False
    """Whether :attr:`create_procedure` works."""
    create_procedure: ClassVar[str] = (
        f"CREATE PROCEDURE {TABLE}_procedure(a INT) BEGIN SELECT a; SELECT a + 1; END"
    )
    two_result_sets: ClassVar[str | None] = None
    """A statement with two result sets, where the connection allows one."""

    def connect(self, **kwargs: Any) -> Any:
        """Open a connection to the scratch database."""
        return singlestoredb.connect(self.url, **kwargs)

    # -- tools --

    @pytest.fixture
    def connection(self) -> Iterator[Any]:
        """A connection with the kit's table, empty."""
        connection = self.connect()
        self._drop(connection)
        self._run(connection, self.create_table)
        yield connection
        try:
            self._drop(connection)
        except self.module.Error:
            pass  # a test has closed it
        else:
            connection.close()

    def _run(self, connection: Any, sql: str, args: Any = None) -> None:
        cursor = connection.cursor()
        try:
            cursor.execute(sql) if args is None else cursor.execute(sql, args)
        finally:
            cursor.close()

    def _drop(self, connection: Any) -> None:
        for name in (TABLE, f"{TABLE}_types"):
            self._run(connection, f"DROP TABLE IF EXISTS {name}")

    def _mark(self, number: int = 1) -> str:
        """Return the placeholder of a parameter, in the module's style."""
        style = self.module.paramstyle
        return {"qmark": "?", "numeric": f":{number}"}.get(style, "%s")

    def _fill(self, connection: Any, count: int = 6) -> list[tuple[int, str]]:
        rows = [(i, f"row {i}") for i in range(count)]
        cursor = connection.cursor()
        cursor.executemany(f"INSERT INTO {TABLE} VALUES ({self._mark(1)}, {self._mark(2)})", rows)
        cursor.close()
        return rows

    _select: ClassVar[str] = f"SELECT id, t FROM {TABLE} ORDER BY id"

    # -- module interface --

    def test_globals(self) -> None:
        """*Globals*: apilevel, threadsafety, paramstyle."""
        assert self.module.apilevel == "2.0"
        assert self.module.threadsafety in (0, 1, 2, 3)
        assert self.module.paramstyle in ("qmark", "numeric", "named", "format", "pyformat")
        assert callable(self.module.connect)

    def test_exceptions(self) -> None:
        """*Exceptions*: the tree of errors."""
        m = self.module
        assert issubclass(m.Warning, Exception)
        assert issubclass(m.Error, Exception)
        assert not issubclass(m.Warning, m.Error)
        for error in (m.InterfaceError, m.DatabaseError):
            assert issubclass(error, m.Error)
        for error in (
            *(m.DataError, m.OperationalError, m.IntegrityError, m.InternalError),
            *(m.ProgrammingError, m.NotSupportedError),
        ):
            assert issubclass(error, m.DatabaseError)

    def test_constructors_and_type_objects(self) -> None:
        """*Type Objects and Constructors*."""
        m = self.module
        assert m.Date(2002, 12, 25) == dt.date(2002, 12, 25)
        assert m.Time(13, 45, 30) == dt.time(13, 45, 30)
        assert m.Timestamp(2002, 12, 25, 13, 45, 30) == dt.datetime(2002, 12, 25, 13, 45, 30)
        ticks = time.mktime((2002, 12, 25, 13, 45, 30, 0, 0, 0))
        assert m.DateFromTicks(ticks) == dt.date(2002, 12, 25)
        assert m.TimeFromTicks(ticks) == dt.time(13, 45, 30)
        assert m.TimestampFromTicks(ticks) == dt.datetime(2002, 12, 25, 13, 45, 30)
        assert m.Binary(b"bytes") == b"bytes"
        for name in ("STRING", "BINARY", "NUMBER", "DATETIME", "ROWID"):
            assert hasattr(m, name)

    # -- connections --

    def test_connection_methods(self, connection: Any) -> None:
        """*Connection methods*: close, commit, rollback, cursor."""
        for name in ("close", "commit", "rollback", "cursor"):
            assert callable(getattr(connection, name))
        connection.commit()
        connection.rollback()

    def test_connections_have_the_errors(self, connection: Any) -> None:
        """*Optional DB API Extensions*: the errors as attributes of connections."""
        for name in (
            *("Warning", "Error", "InterfaceError", "DatabaseError", "DataError"),
            *("OperationalError", "IntegrityError", "InternalError", "ProgrammingError"),
            "NotSupportedError",
        ):
            assert getattr(connection, name) is getattr(self.module, name)

    def test_a_closed_connection(self) -> None:
        """*.close()*: the connection is unusable from this point forward."""
        connection = self.connect()
        cursor = connection.cursor()
        connection.close()
        for use in (connection.commit, connection.rollback, lambda: cursor.execute("SELECT 1")):
            with pytest.raises(self.module.Error):
                use()

    def test_cursors_share_a_transaction(self, connection: Any) -> None:
        """*Cursor Objects*: cursors of one connection are not isolated."""
        one, two = connection.cursor(), connection.cursor()
        one.execute(f"INSERT INTO {TABLE} VALUES (1, 'a')")
        two.execute(self._select)
        assert [tuple(row) for row in two.fetchall()] == [(1, "a")]

    def test_commit_and_rollback(self, connection: Any) -> None:
        """*.commit()*, *.rollback()*."""
        if not (self.has_transactions and self.can_switch_autocommit):
            pytest.skip("the driver does not claim transactions")
        connection.autocommit(False)
        self._fill(connection, 1)
        connection.rollback()
        assert self._count(connection) == 0
        self._fill(connection, 2)
        connection.commit()
        connection.rollback()
        assert self._count(connection) == 2

    def test_closing_rolls_back(self, connection: Any) -> None:
        """*.close()*: without a commit, an implicit rollback is performed."""
        if not (self.has_transactions and self.can_switch_autocommit):
            pytest.skip("the driver does not claim transactions")
        other = self.connect()
        other.autocommit(False)
        self._fill(other, 3)
        other.close()
        assert self._count(connection) == 0

    def _count(self, connection: Any) -> int:
        cursor = connection.cursor()
        cursor.execute(f"SELECT COUNT(*) FROM {TABLE}")
        ((count,),) = cursor.fetchall()
        cursor.close()
        return int(count)

    # -- cursors --

    def test_description(self, connection: Any) -> None:
        """*.description*: a sequence of items of at least seven, or None."""
        cursor = connection.cursor()
        assert self._described(cursor) is None
        cursor.execute(f"INSERT INTO {TABLE} VALUES (1, 'a')")
        assert self._described(cursor) is None
        cursor.execute(self._select)
        columns = list(self._described(cursor))
        assert [column[0] for column in columns] == ["id", "t"]
        assert all(len(column) >= 7 for column in columns)
        assert columns[0][1] == self.module.NUMBER
        assert columns[1][1] == self.module.STRING
        cursor.execute(f"DELETE FROM {TABLE}")
        assert cursor.description is None

    @staticmethod
    def _described(cursor: Any) -> Any:
        return cursor.description

    def test_rowcount(self, connection: Any) -> None:
        """*.rowcount*: -1 before the first statement; rows found or changed."""
        cursor = connection.cursor()
        assert cursor.rowcount == -1
        rows = self._fill(connection)
        cursor.execute(self._select)
        assert cursor.rowcount in (-1, len(rows))
        cursor.execute(f"UPDATE {TABLE} SET t = 'x' WHERE id < 2")
        assert cursor.rowcount in (-1, 2)
        cursor.execute(f"DELETE FROM {TABLE}")
        assert cursor.rowcount in (-1, len(rows))

    def test_closing_cursors(self, connection: Any) -> None:
        """*Cursor.close()*: an Error is raised by any further operation."""
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        cursor.close()
        for use in (lambda: cursor.execute("SELECT 1"), cursor.fetchone, cursor.fetchall):
            with pytest.raises(self.module.Error):
                use()
        assert self._count(connection) == 0

    def test_parameters(self, connection: Any) -> None:
        """*.execute()*: parameters in the style that paramstyle names."""
        cursor = connection.cursor()
        one, two = self._mark(1), self._mark(2)
        cursor.execute(f"INSERT INTO {TABLE} VALUES ({one}, {two})", (1, 'it\'s "quoted" \\ %'))
        cursor.execute(f"INSERT INTO {TABLE} VALUES ({one}, {two})", [2, None])
        if self.module.paramstyle == "pyformat":
            cursor.execute(f"INSERT INTO {TABLE} VALUES (%(a)s, %(b)s)", {"a": 3, "b": "c"})
        cursor.execute(self._select)
        found = [tuple(row) for row in cursor.fetchall()]
        assert found[:2] == [(1, 'it\'s "quoted" \\ %'), (2, None)]
        for wrong in ((), (1,), (1, 2, 3)):
            with pytest.raises(self.module.Error):
                cursor.execute(f"INSERT INTO {TABLE} VALUES ({one}, {two})", wrong)

    def test_executemany(self, connection: Any) -> None:
        """*.executemany()*: against all parameter sequences of a sequence."""
        rows = self._fill(connection, 50)
        cursor = connection.cursor()
        cursor.execute(self._select)
        assert [tuple(row) for row in cursor.fetchall()] == rows
        cursor.executemany(f"DELETE FROM {TABLE} WHERE id = {self._mark()}", [(1,), (2,)])
        assert cursor.rowcount in (-1, 2)
        assert self._count(connection) == 48

    def test_fetchone(self, connection: Any) -> None:
        """*.fetchone()*: a sequence, or None; an Error when there was no result set."""
        cursor = connection.cursor()
        with pytest.raises(self.module.Error):
            cursor.fetchone()
        cursor.execute(self._select)
        assert cursor.fetchone() is None
        rows = self._fill(connection, 2)
        cursor.execute(self._select)
        assert tuple(cursor.fetchone()) == rows[0]
        assert tuple(cursor.fetchone()) == rows[1]
        assert cursor.fetchone() is None
        assert cursor.fetchone() is None

    def test_fetchmany(self, connection: Any) -> None:
        """*.fetchmany()*: by size, by arraysize, fewer at the end, empty after it."""
        cursor = connection.cursor()
        with pytest.raises(self.module.Error):
            cursor.fetchmany(4)
        rows = self._fill(connection)
        cursor.execute(self._select)
        assert cursor.arraysize == 1
        assert len(cursor.fetchmany()) == 1
        cursor.arraysize = 3
        got = [tuple(row) for row in cursor.fetchmany()]
        assert got == rows[1:4]
        assert [tuple(row) for row in cursor.fetchmany(10)] == rows[4:]
        assert len(cursor.fetchmany(10)) == 0

    def test_fetchall(self, connection: Any) -> None:
        """*.fetchall()*: all remaining rows; empty when there are none."""
        cursor = connection.cursor()
        with pytest.raises(self.module.Error):
            cursor.fetchall()
        rows = self._fill(connection)
        cursor.execute(self._select)
        cursor.fetchone()
        assert [tuple(row) for row in cursor.fetchall()] == rows[1:]
        assert len(cursor.fetchall()) == 0
        cursor.execute(self._select + " LIMIT 0")
        assert len(cursor.fetchall()) == 0

    def test_mixed_fetches(self, connection: Any) -> None:
        """Fetches of all kinds continue where the last one stopped."""
        rows = self._fill(connection)
        cursor = connection.cursor()
        cursor.execute(self._select)
        found = [cursor.fetchone(), *cursor.fetchmany(2), cursor.fetchone(), *cursor.fetchall()]
        assert [tuple(row) for row in found] == rows

    def test_size_hints(self, connection: Any) -> None:
        """*.setinputsizes()*, *.setoutputsize()*: may do nothing."""
        cursor = connection.cursor()
        cursor.setinputsizes((25,))
        cursor.setoutputsize(1000)
        cursor.setoutputsize(2000, 0)
        self._fill(connection, 1)
        cursor.execute(self._select)
        assert len(cursor.fetchall()) == 1

    def test_result_sets(self, connection: Any) -> None:
        """*.nextset()*: true while there is a further set, None after the last."""
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        assert not cursor.nextset()
        if self.two_result_sets is None:
            return
        other = self.connect(multi_statements=True)
        cursor = other.cursor()
        cursor.execute(self.two_result_sets)
        first = cursor.fetchall()
        assert cursor.nextset()
        assert cursor.fetchall() != first
        assert cursor.nextset() is None
        other.close()

    def test_procedures(self, connection: Any) -> None:
        """*.callproc()*: a copy of the arguments; result sets by fetch."""
        if not self.has_procedures:
            pytest.skip("the driver does not claim procedures")
        self._run(connection, f"DROP PROCEDURE IF EXISTS {TABLE}_procedure")
        self._run(connection, self.create_procedure)
        cursor = connection.cursor()
        assert tuple(cursor.callproc(f"{TABLE}_procedure", (4,))) == (4,)
        assert [tuple(row) for row in cursor.fetchall()] == [(4,)]
        assert cursor.nextset()
        assert [tuple(row) for row in cursor.fetchall()] == [(5,)]
        cursor.close()
        self._run(connection, f"DROP PROCEDURE {TABLE}_procedure")

    # -- types --

    def test_values_come_back(self, connection: Any) -> None:
        """*Type Objects and Constructors*: what is passed in comes back, None as NULL."""
        m = self.module
        values = (
            *(2**40, 1.5, "ünï✓", m.Binary(b"\x00\xff"), m.Date(2002, 12, 25)),
            *(m.Timestamp(2002, 12, 25, 13, 45, 30), dt.timedelta(hours=13, minutes=45)),
        )
        self._run(connection, self.create_types)
        marks = ", ".join(self._mark(i + 1) for i in range(len(values)))
        self._run(connection, f"INSERT INTO {TABLE}_types VALUES ({marks})", values)
        self._run(connection, f"INSERT INTO {TABLE}_types VALUES ({marks})", [None] * len(values))
        cursor = connection.cursor()
        cursor.execute(f"SELECT * FROM {TABLE}_types ORDER BY n IS NULL")
        first, second = cursor.fetchall()
        assert tuple(first) == values
        assert [type(value) for value in first] == [type(value) for value in values]
        assert tuple(second) == (None,) * len(values)
        n, f, s, b, d, ts, _ = (column[1] for column in cursor.description)
        assert n == m.NUMBER
        assert f == m.NUMBER
        assert s == m.STRING
        assert b == m.BINARY
        assert ts == m.DATETIME
        assert d != m.NUMBER

    # -- errors --

    def test_errors_by_cause(self, connection: Any) -> None:
        """*Exceptions*: syntax and missing tables are programming errors, keys integrity errors."""
        m = self.module
        cursor = connection.cursor()
        with pytest.raises(m.ProgrammingError):
            cursor.execute("THIS IS NO SQL")
        with pytest.raises(m.ProgrammingError):
            cursor.execute(f"SELECT * FROM {TABLE}_missing")
        cursor.execute(f"INSERT INTO {TABLE} VALUES (1, 'a')")
        with pytest.raises(m.IntegrityError):
            cursor.execute(f"INSERT INTO {TABLE} VALUES (1, 'b')")
        with pytest.raises(m.IntegrityError):
            cursor.execute(f"INSERT INTO {TABLE} VALUES (NULL, 'b')")
        cursor.execute("SELECT 1")
        assert len(cursor.fetchall()) == 1, "an error does no harm to what follows"

    def test_errors_can_be_pickled(self, connection: Any) -> None:
        """Errors cross processes whole."""
        with pytest.raises(self.module.Error) as caught:
            connection.cursor().execute("THIS IS NO SQL")
        again = pickle.loads(pickle.dumps(caught.value))
        assert type(again) is type(caught.value)
        assert again.args == caught.value.args
        assert str(again) == str(caught.value)

    # -- optional extensions --

    def test_optional_cursor_members(self, connection: Any) -> None:
        """*Optional DB API Extensions*: rownumber, connection, messages, lastrowid, iteration."""
        rows = self._fill(connection)
        cursor = connection.cursor()
        assert cursor.connection is connection
        cursor.execute(self._select)
        assert cursor.rownumber == 0
        assert tuple(next(cursor)) == rows[0]
        assert cursor.rownumber == 1
        assert isinstance(cursor.messages, list)
        assert isinstance(connection.messages, list)
        assert hasattr(cursor, "lastrowid")
        assert [tuple(row) for row in cursor] == rows[1:]
        with pytest.raises(StopIteration):
            next(cursor)
        cursor.scroll(2, mode="absolute")
        assert tuple(cursor.fetchone()) == rows[2]
        cursor.scroll(-3)
        assert tuple(cursor.fetchone()) == rows[0]
        with pytest.raises((IndexError, self.module.Error)):
            cursor.scroll(1000)

    def test_threads_share_the_module(self) -> None:
        """*threadsafety* 1: threads may share the module, each with a connection."""
        found: list[Any] = []

        def work(number: int) -> None:
            try:
                connection = self.connect()
                cursor = connection.cursor()
                cursor.execute(f"SELECT {number}")
                found.append(cursor.fetchall()[0][0])
                connection.close()
            except builtins.Exception as exc:
                found.append(exc)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(found, key=str) == [0, 1, 2, 3]

    def test_signatures(self, connection: Any) -> None:
        """The first parameters are called what PEP 249 calls them, or are positional."""
        cursor = connection.cursor()
        for method, least in (
            *((cursor.execute, 2), (cursor.executemany, 2), (cursor.callproc, 2)),
            *((cursor.fetchmany, 1), (cursor.scroll, 2)),
        ):
            assert len(inspect.signature(method).parameters) >= least
