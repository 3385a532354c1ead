"""Transactions: statement atomicity and read-committed writes on top of DuckDB.

DuckDB aborts the whole transaction when one statement fails, and afterwards answers COMMIT with a
rollback.  A server undoes the failed statement only.  So the SQL of every successful change is
kept while the transaction lasts; after an error the transaction is rolled back and those changes
are made again, which gives the same rows because their tables are locked since.  Where that is
impossible the transaction is lost, and COMMIT says so instead of answering OK.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb

from .errors import error, from_duckdb

if TYPE_CHECKING:
    from .locks import LockManager

T = TypeVar("T")
REPLAY_LIMIT = 64 * 1024 * 1024
"""Characters of SQL kept for replay; beyond it an error loses the transaction."""

_ATTEMPTS = 5
"""Times that a change is tried against a fresh snapshot when another writer was faster."""


class Run:
    """Runs DuckDB statements of one change and returns their rows.

    A change outside of a transaction is one by itself, which begins with its first statement.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, in_transaction: bool) -> None:
        self._connection = connection
        self._in_transaction = in_transaction
        self.begun = False
        """Whether there is a transaction of this change to be ended."""
        self.done: list[str] = []

    def __call__(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one of the change's statements."""
        if not self._in_transaction:
            self._connection.execute("BEGIN")
            self._in_transaction = self.begun = True
        return self.last(sql)

    def last(self, sql: str) -> list[tuple[Any, ...]]:
        """Run the change's last statement: if it is the first, DuckDB commits it by itself."""
        rows = self._connection.execute(sql).fetchall()
        self.done.append(sql)
        return rows


def is_conflict(exc: duckdb.Error) -> bool:
    """Whether another transaction's change got in the way."""
    return "onflict" in str(exc).split("\n")[0]


class Transaction:
    """The transaction of one session, open or not."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, locks: LockManager) -> None:
        self.connection = connection
        self.active = False
        self.lost: str | None = None
        """Why the transaction cannot be committed any more."""
        self._locks = locks
        self._log: list[str] = []
        self._log_size = 0
        self._no_replay: str | None = None
        self._savepoints: dict[str, int] = {}
        """Lower-case name → changes in the log when it was set, the oldest first."""
        self._files: list[str] = []

    def keep_file(self, path: str) -> None:
        """Remove a file when the changes that read it need not be repeated any more."""
        self._files.append(path)

    def _remove_files(self) -> None:
        files, self._files = self._files, []
        for path in files:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def begin(self) -> None:
        """Start, unless it is started."""
        if not self.active:
            self.connection.execute("BEGIN")
            self.active = True

    def commit(self) -> None:
        """Make the changes permanent; raises 1180 when they were lost."""
        if not self.active:
            return
        lost = self.lost
        try:
            self.connection.execute("ROLLBACK" if lost else "COMMIT")
        except duckdb.Error as exc:
            raise from_duckdb(exc) from exc
        finally:
            self._end()
        if lost:
            raise error(
                1180, f"embedded engine: nothing was committed, the transaction was lost: {lost}"
            )

    def rollback(self) -> None:
        """Undo the changes."""
        if not self.active:
            return
        try:
            self.connection.execute("ROLLBACK")
        except duckdb.Error as exc:
            if "no transaction is active" not in str(exc):
                raise from_duckdb(exc) from exc
        finally:
            self._end()

    def _end(self) -> None:
        self.active, self.lost, self._no_replay = False, None, None
        self._log, self._log_size = [], 0
        self._savepoints = {}
        self._remove_files()
        self._locks.release(self)

    def _check(self) -> None:
        if self.lost:
            raise error(
                1213, f"embedded engine: the transaction was lost ({self.lost}); ROLLBACK first"
            )

    # -- savepoints ------------------------------------------------------------------------

    def savepoint_savepoint(self, name: str) -> None:
        """Set a savepoint; outside of a transaction it has no effect, as on a server.

        Raises 1180 when what was changed so far could not be made again.
        """
        self._check()
        if not self.active:
            return
        if self._no_replay:
            raise error(
                1180, f"embedded engine: no savepoint can be set any more: {self._no_replay}"
            )
        self._savepoints.pop(name.lower(), None)
        self._savepoints[name.lower()] = len(self._log)

    def rollback_savepoint(self, name: str) -> None:
        """Undo what was changed since a savepoint; raises 1305 for an unknown one.

        The transaction begins anew and the changes before the savepoint are made again, with their
        tables locked since.
        """
        self._check()
        kept = self._forget_after(name)
        self._savepoints[name.lower()] = kept
        del self._log[kept:]
        self._log_size = sum(map(len, self._log))
        self._no_replay = None
        self._replay()
        if self.lost:
            raise error(1180, f"embedded engine: the transaction was lost: {self.lost}")

    def release_savepoint(self, name: str) -> None:
        """Forget a savepoint and those after it; raises 1305 for an unknown one."""
        self._check()
        self._forget_after(name)

    def _forget_after(self, name: str) -> int:
        kept = self._savepoints.get(name.lower())
        if kept is None:
            raise error(1305, f"SAVEPOINT {name} does not exist")
        names = list(self._savepoints)
        for later in names[names.index(name.lower()) :]:
            del self._savepoints[later]
        return kept

    def lock(self, tables: list[tuple[str, str]], timeout: float) -> None:
        """Lock tables to the end of the transaction, and look at what others committed meanwhile.

        Without a transaction there is nothing to lock for.
        """
        self._check()
        if not self.active:
            return
        self._locks.acquire(self, tables, timeout)
        if not self._log:
            self.connection.execute("ROLLBACK")
            self.connection.execute("BEGIN")

    def read(self, work: Callable[[], T]) -> T:
        """Run a query's ``work``; an error of DuckDB leaves an open transaction as it was."""
        self._check()
        try:
            return work()
        except (duckdb.Error, RuntimeError) as exc:
            if self.active:
                self._restore(exc)
            if isinstance(exc, duckdb.Error):
                raise from_duckdb(exc) from exc
            raise from_duckdb(duckdb.Error(str(exc))) from exc

    def change(
        self,
        tables: list[tuple[str, str]],
        work: Callable[[Run], T],
        *,
        timeout: float,
        no_replay: Callable[[], str | None] = lambda: None,
    ) -> T:
        """Run a change's ``work`` atomically, with its ``tables`` locked.

        ``no_replay`` tells afterwards why it cannot be repeated, if it cannot.
        """
        try:
            return self._change(tables, work, timeout, no_replay)
        finally:
            if not self.active:
                self._remove_files()

    def _change(
        self,
        tables: list[tuple[str, str]],
        work: Callable[[Run], T],
        timeout: float,
        no_replay: Callable[[], str | None],
    ) -> T:
        self._check()
        fresh = self.active and not self._log
        self._locks.acquire(self, tables, timeout)
        if fresh:
            # Nothing written yet: look at what others committed while this one waited.
            self.connection.execute("ROLLBACK")
            self.connection.execute("BEGIN")
        for attempt in range(_ATTEMPTS):
            try:
                return self._attempt(work, no_replay)
            except duckdb.Error as exc:
                if not is_conflict(exc) or attempt == _ATTEMPTS - 1 or self.lost:
                    raise from_duckdb(exc) from exc
            finally:
                if not self.active:
                    self._locks.release(self)
            self._locks.acquire(self, tables, timeout)
        raise AssertionError("unreachable")

    def _attempt(self, work: Callable[[Run], T], no_replay: Callable[[], str | None]) -> T:
        run = Run(self.connection, self.active)
        try:
            result = work(run)
            if run.begun:
                self.connection.execute("COMMIT")
        except BaseException as exc:
            if self.active:
                self._restore(exc)
            elif run.begun:
                self._abandon()
            raise
        if self.active:
            self._remember(run.done, no_replay())
        return result

    def _abandon(self) -> None:
        with contextlib.suppress(duckdb.TransactionException):  # a failed COMMIT has ended it
            self.connection.execute("ROLLBACK")

    def _remember(self, done: list[str], no_replay: str | None) -> None:
        self._log_size += sum(map(len, done))
        if no_replay:
            self._no_replay = no_replay
        elif self._log_size > REPLAY_LIMIT:
            self._no_replay = "it was too large to repeat"
            self._log = ["SELECT 1"]
            self._savepoints = {}
        if self._no_replay is None:
            self._log += done
        elif not self._log:
            self._log = ["SELECT 1"]

    def _restore(self, exc: BaseException) -> None:
        """Bring the transaction back to where it was before the failed statement."""
        if self._no_replay:
            self._restart()
            self.lost = f"a statement failed ({_first_line(exc)}) and {self._no_replay}"
            return
        self._replay()

    def _restart(self) -> None:
        with contextlib.suppress(duckdb.TransactionException):  # DuckDB may have done it
            self.connection.execute("ROLLBACK")
        self.connection.execute("BEGIN")

    def _replay(self) -> None:
        """Begin again and make the changes of the log again."""
        self._restart()
        try:
            for sql in self._log:
                self.connection.execute(sql).fetchall()
        except duckdb.Error as replay_error:
            self.lost = f"its changes could not be repeated: {_first_line(replay_error)}"


def _first_line(exc: BaseException) -> str:
    return str(exc).split("\n")[0][:200]
