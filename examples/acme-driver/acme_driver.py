"""A driver plugin for SQLite, on Python's own ``sqlite3``.

It gives rows; the SDK makes every format, streaming, cursors and the rest of them.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from singlestoredb import exceptions as exc
from singlestoredb_hookspecs import (
    Column,
    ConnectionParams,
    DriverCapability,
    DriverInfo,
    ResultStream,
    ServerInfo,
    Shape,
    StatementRequest,
    hookimpl,
)

Row = tuple[Any, ...]

INTEGER, DOUBLE, TEXT, BLOB = 8, 5, 253, 252
_BINARY = 63


class SQLiteResult:
    """One result set."""

    native: frozenset[Shape] = frozenset({"rows"})
    warning_count = 0

    def __init__(self, cursor: sqlite3.Cursor, buffered: bool) -> None:
        self._cursor = cursor
        self.columns: tuple[Column, ...] = ()
        self.last_insert_id = cursor.lastrowid or 0
        self.rows_affected = max(cursor.rowcount, 0)
        self._rows: list[Row] = []
        self._position = 0
        if cursor.description is not None:
            # SQLite types its values, not its columns: the first rows tell.
            self._rows = cursor.fetchall() if buffered else cursor.fetchmany(100)
            self._complete = buffered
            self.columns = tuple(
                _column(name[0], [row[i] for row in self._rows])
                for i, name in enumerate(cursor.description)
            )
            self.rows_affected = len(self._rows) if buffered else -1

    def read_rows(self, size: int | None) -> list[Row]:
        """Return the next rows."""
        end = len(self._rows) if size is None else self._position + size
        rows = self._rows[self._position : end]
        self._position += len(rows)
        if not self._complete:
            if size is None:
                rows += self._cursor.fetchall()
            elif len(rows) < size:
                rows += self._cursor.fetchmany(size - len(rows))
        return rows

    def seek(self, row: int) -> None:
        """Make the next read of a buffered result start at ``row``."""
        self._position = row

    def next_result(self) -> ResultStream | None:
        """Return ``None``: SQLite has one result per statement."""
        return None

    def close(self) -> None:
        """Drop what is left."""
        self._cursor.close()
        self._rows, self._complete = [], True


def _column(name: str, values: list[Any]) -> Column:
    kinds = {type(value) for value in values} - {type(None)}
    if kinds == {int}:
        return Column(name, INTEGER)
    if kinds and kinds <= {int, float}:
        return Column(name, DOUBLE)
    if kinds == {bytes}:
        return Column(name, BLOB, charset=_BINARY)
    return Column(name, TEXT)


class SQLiteConnection:
    """One open database file."""

    capabilities = (
        DriverCapability.TRANSACTIONS | DriverCapability.STREAMING | DriverCapability.CANCEL
    )
    escapes_backslash = False
    """Parameters are written into the statement by the SDK; SQLite's strings know no backslash."""

    def __init__(self, params: ConnectionParams) -> None:
        path = params.path or ":memory:"
        try:
            # cancel() comes from other threads; statements do not.
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise exc.OperationalError(None, f"cannot open {path!r}: {error}") from error
        self.info = ServerInfo(version=sqlite3.sqlite_version, host=path)
        self.is_open = True
        self.autocommit = True

    def execute(self, request: StatementRequest) -> SQLiteResult:
        """Run one statement."""
        if not self.autocommit and not self._db.in_transaction:
            self._db.execute("BEGIN")
        try:
            cursor = self._db.execute(request.sql)
            return SQLiteResult(cursor, request.buffered)
        except sqlite3.Error as error:
            raise _translated(error) from error

    def set_autocommit(self, enabled: bool) -> None:
        """Switch autocommit; on ends the transaction by committing it."""
        if enabled and self._db.in_transaction:
            self._db.execute("COMMIT")
        self.autocommit = enabled

    def begin(self) -> None:
        """Start a transaction."""
        self._db.execute("BEGIN")

    def commit(self) -> None:
        """Commit the transaction."""
        if self._db.in_transaction:
            self._db.execute("COMMIT")

    def rollback(self) -> None:
        """Roll the transaction back."""
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def ping(self) -> None:
        """Run the least of statements."""
        try:
            self._db.execute("SELECT 1")
        except sqlite3.Error as error:
            raise exc.OperationalError(None, str(error)) from error

    def cancel(self) -> None:
        """Interrupt the running statement."""
        self._db.interrupt()

    def close(self) -> None:
        """Close the file."""
        self.is_open = False
        self._db.close()


def _translated(error: sqlite3.Error) -> exc.DatabaseError:
    if isinstance(error, sqlite3.IntegrityError):
        return exc.IntegrityError(None, str(error))
    text = str(error)
    if "syntax error" in text or "no such" in text:
        return exc.ProgrammingError(None, text)
    return exc.OperationalError(None, text)


@hookimpl
def s2_driver_info(name: str) -> DriverInfo | None:
    """Describe the driver: its URLs name files."""
    return DriverInfo("sqlite", url_path="file") if name == "sqlite" else None


@hookimpl
def s2_open_driver(name: str, params: ConnectionParams) -> SQLiteConnection | None:
    """Open a file."""
    return SQLiteConnection(params) if name == "sqlite" else None
