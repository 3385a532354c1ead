"""A driver that gives prepared answers: for tests of formats, cursors and extensions.

::

    driver = ScriptedDriver()
    driver.answer("SELECT 1", [Column("one", 3)], [(1,)])
    singlestoredb.plugins.register(driver, "drivers:scripted")
    singlestoredb.connect("scripted://").execute("SELECT 1").fetchall()
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from singlestoredb.exceptions import InterfaceError, ProgrammingError
from singlestoredb.reading import RowsResult
from singlestoredb_hookspecs import (
    Column,
    ConnectionParams,
    DriverCapability,
    DriverConnection,
    DriverInfo,
    ResultStream,
    ServerInfo,
    StatementRequest,
    hookimpl,
)

Row = tuple[Any, ...]


class ScriptedDriver:
    """A driver plugin whose connections answer from a script.

    ``statements`` holds what was run, in order; ``opened`` counts connections.
    """

    def __init__(self, name: str = "scripted") -> None:
        self.name = name
        self.statements: list[str] = []
        self.opened = 0
        self._answers: dict[str, Callable[[], ResultStream]] = {}

    def answer(
        self, sql: str, columns: Iterable[Column] = (), rows: Sequence[Row] = (), **outcome: int
    ) -> None:
        """Prepare the result set for a statement; ``outcome`` goes to :class:`RowsResult`."""
        chosen = tuple(columns)
        self._answers[sql] = lambda: RowsResult(chosen, rows, **outcome)

    def fail(self, sql: str, error: Exception) -> None:
        """Prepare an error for a statement."""

        def raise_it() -> ResultStream:
            raise error

        self._answers[sql] = raise_it

    def run(self, sql: str) -> ResultStream:
        """Return the prepared answer; raise ``ProgrammingError`` when there is none."""
        self.statements.append(sql)
        if sql in self._answers:
            return self._answers[sql]()
        if sql.split(None, 1)[0].upper() in ("SELECT", "SHOW", "WITH"):
            raise ProgrammingError(1064, f"the script has no answer to {sql!r}")
        return RowsResult(rows_affected=0)

    @hookimpl
    def s2_driver_info(self, name: str) -> DriverInfo | None:
        """Describe the driver."""
        return DriverInfo(self.name) if name == self.name else None

    @hookimpl
    def s2_open_driver(self, name: str, params: ConnectionParams) -> DriverConnection | None:
        """Open a connection."""
        if name != self.name:
            return None
        self.opened += 1
        return ScriptedConnection(self)


class ScriptedConnection:
    """A connection of :class:`ScriptedDriver`."""

    capabilities = DriverCapability.TRANSACTIONS | DriverCapability.STREAMING
    escapes_backslash = True

    def __init__(self, driver: ScriptedDriver) -> None:
        self._driver = driver
        self.info = ServerInfo(version="1.0", host="script")
        self.is_open = True
        self.autocommit = True

    def execute(self, request: StatementRequest) -> ResultStream:
        """Answer from the script."""
        if not self.is_open:
            raise InterfaceError(0, "The connection has been closed")
        stream = self._driver.run(request.sql)
        if stream.columns and not request.buffered:
            stream.rows_affected = -1
        return stream

    def set_autocommit(self, enabled: bool) -> None:
        """Note it."""
        self.autocommit = enabled

    def begin(self) -> None:
        """Note it."""
        self._driver.statements.append("BEGIN")

    def commit(self) -> None:
        """Note it."""
        self._driver.statements.append("COMMIT")

    def rollback(self) -> None:
        """Note it."""
        self._driver.statements.append("ROLLBACK")

    def ping(self) -> None:
        """Do nothing."""

    def cancel(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Close."""
        self.is_open = False
