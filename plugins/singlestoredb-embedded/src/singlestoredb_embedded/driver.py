"""The plugin: the driver ``embedded`` of the family ``drivers``.

``embedded://`` is a private database in memory, ``embedded://name`` one in memory that all
connections of the process with that name share, ``embedded:///file.db`` and
``embedded:////absolute/file.db`` a file.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from singlestoredb.exceptions import Error, InterfaceError, OperationalError
from singlestoredb_hookspecs import (
    ConnectionParams,
    DriverCapability,
    DriverInfo,
    ResultStream,
    ServerInfo,
    StatementRequest,
    hookimpl,
)

from .arrow import BatchQueue, BatchReader
from .engine import DEFAULT_DATABASE, open_engine
from .interpreter import Called
from .parser import StatementParser
from .results import Outcome, Rows, converters
from .session import Changed, Session
from .translate.output import Selected

NAME = "embedded"

_CAPABILITIES = (
    DriverCapability.TRANSACTIONS
    | DriverCapability.MULTI_STATEMENTS
    | DriverCapability.MULTI_RESULTS
    | DriverCapability.STREAMING
    | DriverCapability.LOCAL_INFILE
    | DriverCapability.CANCEL
    | DriverCapability.TYPED_RESULTS
    | DriverCapability.VECTORS
    | DriverCapability.STORED_PROCEDURES
)


@hookimpl
def s2_driver_info(name: str) -> DriverInfo | None:
    """Describe the driver."""
    return DriverInfo(NAME, default_port=None, url_path="file") if name == NAME else None


@hookimpl
def s2_open_driver(name: str, params: ConnectionParams) -> EmbeddedConnection | None:
    """Open a connection to an engine in this process."""
    return EmbeddedConnection(params) if name == NAME else None


class EmbeddedConnection:
    """One connection: a session of an engine.

    ``params.path`` is the file; without it ``params.host`` names a shared database in memory.
    ``params.database`` is the database to use, ``main`` when it is not given.
    """

    capabilities = _CAPABILITIES

    def __init__(self, params: ConnectionParams) -> None:
        self._params = params
        self._open_result: Rows | None = None
        name = params.host if params.host not in (None, "", "localhost", "127.0.0.1") else None
        engine = open_engine(params.path, name)
        try:
            vectors = params.vector_data_format if params.enable_extended_data_types else "text"
            self._session: Session | None = Session(
                engine,
                database=params.database or DEFAULT_DATABASE,
                user=params.user or "root",
                found_rows=params.client_found_rows,
                local_infile=params.local_infile,
                vectors=vectors,
            )
        except BaseException:
            engine.release()
            raise
        try:
            if params.sql_mode is not None:
                self._session.variables["sql_mode"] = params.sql_mode
            if params.autocommit is not None:
                self._session.set_autocommit(params.autocommit)
            if params.init_command:
                self.execute(StatementRequest(params.init_command)).close()
        except BaseException:
            self.close()
            raise
        self.info = ServerInfo(
            version=str(self._session.variable("version")),
            connection_id=self._session.connection_id,
            host=engine.place if not name else f"memory:{name}",
            charset="utf8mb4",
            database=self._session.database or None,
        )

    @property
    def session(self) -> Session:
        """The session; raises ``InterfaceError`` once the connection is closed."""
        if self._session is None:
            raise InterfaceError(0, "The connection has been closed")
        return self._session

    @property
    def is_open(self) -> bool:
        """Whether statements can be run."""
        return self._session is not None

    @property
    def autocommit(self) -> bool | None:
        """The session's autocommit state."""
        return None if self._session is None else self._session.autocommit

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._session is not None and self._session.transaction.active

    @property
    def escapes_backslash(self) -> bool:
        """Whether a backslash escapes in string literals."""
        return True if self._session is None else self._session.backslash

    # -- statements ------------------------------------------------------------------------

    def execute(self, request: StatementRequest) -> ResultStream:
        """Run the first statement of a text; the others run as their results are asked for."""
        session = self.session
        self._finish()
        session.infile, session.infile_name = request.infile_stream, request.infile_name
        parsers = session.split(request.sql, multiple=self._params.multi_statements)
        return self._run(parsers, 0, request)

    def _finish(self) -> None:
        """Drop what is left of a result that shares the session's DuckDB connection."""
        if self._open_result is not None:
            result, self._open_result = self._open_result, None
            result.close()

    def _run(
        self, parsers: list[StatementParser], index: int, request: StatementRequest
    ) -> ResultStream:
        session = self.session

        def following() -> ResultStream | None:
            if index + 1 == len(parsers):
                return None
            return self._run(parsers, index + 1, request)

        outcome = session.run(parsers[index])
        if isinstance(outcome, Changed):
            return Outcome(
                outcome.affected, outcome.last_insert_id, len(session.warnings), following
            )
        if isinstance(outcome, Called):
            return self._called(session, outcome, following)
        return self._rows(session, outcome, request, following)

    def _called(
        self, session: Session, called: Called, following: Callable[[], ResultStream | None]
    ) -> ResultStream:
        """Run a procedure to its end, whether its results are read or not, as a server does.

        Its results are kept in memory.  An error comes where it happened: at once, or behind the
        results before it.
        """
        produced: list[Callable[[Callable[[], ResultStream | None]], ResultStream]] = []
        failure: Error | None = None
        try:
            for outcome, _ in called.steps:
                if isinstance(outcome, Changed):
                    produced.append(partial(self._outcome, outcome, len(session.warnings)))
                else:
                    queue, rows = self._received(session, outcome)
                    warnings = len(session.warnings)
                    produced.append(partial(self._kept, outcome, queue, rows, warnings))
        except Error as exc:
            if not produced:
                raise
            failure = exc

        def result(index: int) -> ResultStream | None:
            if index < len(produced):
                return produced[index](lambda: result(index + 1))
            if failure is not None:
                raise failure
            return following()

        first = result(0)
        assert first is not None
        return first

    @staticmethod
    def _outcome(
        outcome: Changed, warnings: int, following: Callable[[], ResultStream | None]
    ) -> ResultStream:
        return Outcome(outcome.affected, outcome.last_insert_id, warnings, following)

    def _received(self, session: Session, selected: Selected) -> tuple[BatchQueue, int]:
        capsule, free = session.open(selected, own_cursor=False)
        queue = BatchQueue(list(selected.fields), BatchReader(capsule), keep=True)
        try:
            return queue, session.receive(queue.load)
        finally:
            free()

    def _kept(
        self,
        selected: Selected,
        queue: BatchQueue,
        rows: int,
        warnings: int,
        following: Callable[[], ResultStream | None],
    ) -> Rows:
        return self._stream(selected, queue, rows, warnings, following, lambda: None)

    def _rows(
        self,
        session: Session,
        selected: Selected,
        request: StatementRequest,
        following: Callable[[], ResultStream | None],
    ) -> Rows:
        streamed = not request.buffered
        capsule, free = session.open(selected, own_cursor=streamed)
        queue = BatchQueue(list(selected.fields), BatchReader(capsule), keep=not streamed)
        affected = -1
        if not streamed:
            affected = session.receive(queue.load)
        warnings = len(session.warnings)
        result = self._stream(selected, queue, affected, warnings, following, free)
        if streamed:
            self._finish()
            self._open_result = result
        return result

    def _stream(
        self,
        selected: Selected,
        queue: BatchQueue,
        affected: int,
        warnings: int,
        following: Callable[[], ResultStream | None],
        on_close: Callable[[], None],
    ) -> Rows:
        params = self._params
        return Rows(
            selected,
            queue,
            affected=affected,
            warnings=warnings,
            converters=converters(
                selected.types, selected.columns, parse_json=params.parse_json, custom=params.conv
            ),
            following=following,
            on_close=on_close,
            on_error=self.session.stream_error,
        )

    # -- transactions ----------------------------------------------------------------------

    def set_autocommit(self, enabled: bool) -> None:
        """Switch autocommit; switching it on commits."""
        self.session.set_autocommit(enabled)

    def begin(self) -> None:
        """Start a transaction, ending an open one."""
        self._finish()
        self.session.begin()

    def commit(self) -> None:
        """Commit; raises ``OperationalError`` 1180 when the changes were lost."""
        self._finish()
        self.session.transaction.commit()

    def rollback(self) -> None:
        """Roll back."""
        self._finish()
        self.session.transaction.rollback()

    # -- life ------------------------------------------------------------------------------

    def ping(self) -> None:
        """Raise ``OperationalError`` when the connection is closed."""
        if self._session is None:
            raise OperationalError(2006, "The connection has been closed")

    def cancel(self) -> None:
        """Interrupt the statement that runs, from any thread."""
        if self._session is not None:
            self._session.interrupt()

    def close(self) -> None:
        """Roll back and free everything; a database in memory goes with its last connection."""
        self._finish()
        if self._session is not None:
            session, self._session = self._session, None
            session.close()

    def __enter__(self) -> EmbeddedConnection:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.close()
