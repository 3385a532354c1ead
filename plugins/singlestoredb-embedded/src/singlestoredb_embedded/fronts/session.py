"""The session behind a network connection.

It differs from one in this process in what a client elsewhere must not or cannot do: files are
the client's, not the server's; a kill ends a connection; and the client decides by variables how
VECTOR and BSON are described.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Generator, Iterator, Sequence

import duckdb

from singlestoredb.exceptions import Error
from singlestoredb_embedded import nodes, statements
from singlestoredb_embedded.arrow import Batch, BatchReader, values
from singlestoredb_embedded.engine import Engine
from singlestoredb_embedded.errors import error, unsupported
from singlestoredb_embedded.interpreter import Called
from singlestoredb_embedded.lex import Token
from singlestoredb_embedded.parser import StatementParser
from singlestoredb_embedded.session import Changed, Session
from singlestoredb_embedded.statements import Statement
from singlestoredb_embedded.translate.output import Selected, select

from .bulk import AT_ONCE, BulkRows
from .rows import raw_fields

_CHARSETS = {"utf8mb4", "utf8mb3", "utf8", "ascii", "binary", "default"}
"""Character sets whose texts are UTF-8, or bytes that nobody decodes."""
_BATCH_ROWS = 8192
"""Rows that are asked of DuckDB at a time: keeps memory small and KILL quick."""


_CONSTANTS = 64
"""Results of constant queries that are kept."""


def _is_constant(tokens: Sequence[Token]) -> bool:
    """Return whether a statement selects nothing but one number or text."""
    return (
        len(tokens) == 3
        and tokens[0].word == "SELECT"
        and tokens[1].kind in ("number", "string")
        and len(tokens[1].text) < 100
        and tokens[2].kind == "end"
    )


class RemoteSession(Session):
    """A session whose client is elsewhere.

    ``upload(name)`` gives the pieces of a file of the client's; ``disconnect(id)`` ends another
    connection.  Owns one use of ``engine``, which it releases when it closes.
    """

    def __init__(
        self,
        engine: Engine,
        number: int,
        *,
        database: str,
        user: str,
        found_rows: bool,
        local_infile: bool,
        upload: Callable[[str], Iterator[bytes]],
        disconnect: Callable[[int], None],
    ) -> None:
        self._upload = upload
        self._disconnect = disconnect
        self._describing = False
        self._is_constant = False
        """Whether the last statement was a query of a constant."""
        self._printer: duckdb.DuckDBPyConnection | None = None
        """A connection to print large batches with; made for the first."""
        self.is_busy = False
        """Whether a command of the client is being answered."""
        super().__init__(
            engine, database=database, user=user, found_rows=found_rows,
            local_infile=local_infile, vectors="text",
        )  # fmt: skip
        # The client was told its number before it logged in.
        engine.sessions.pop(self.connection_id, None)
        self.connection_id = number
        engine.sessions[number] = self

    def use(self, name: str) -> None:
        """Make ``name`` the default database; the empty name, at login, leaves none."""
        if name:
            super().use(name)

    @property
    def is_extended(self) -> bool:
        """Whether columns are described with SingleStore's extension."""
        return bool(self.variable("enable_extended_types_metadata") == "ON")

    def interrupt(self) -> None:
        """Stop the statement that runs, or its wait for a lock, from any thread."""
        super().interrupt()
        self.engine.locks.cancel(self.transaction)

    @property
    def is_running(self) -> bool:
        """Whether a statement runs now, or its rows are sent."""
        return self.is_busy

    def run(self, parser: StatementParser) -> Changed | Selected | Called:
        """Run one statement; see :meth:`Session.run`."""
        self._check_charset(parser)
        self._describe_vectors()
        self._is_constant = _is_constant(parser.tokens)
        return super().run(parser)

    def _check_charset(self, parser: StatementParser) -> None:
        """Refuse SET NAMES for what the client would then send, and not be understood in."""
        words = [token.word for token in parser.tokens[:3]]
        if words[0] != "SET":
            return
        at = {"NAMES": 2, "CHARSET": 2, "CHARACTER": 3}.get(words[1])
        if at is None or at >= len(parser.tokens):
            return
        name = parser.tokens[at].text.strip("'\"").lower()
        if name not in _CHARSETS:
            raise unsupported(f"the character set {name}")

    def _describe_vectors(self) -> None:
        if str(self.variable("vector_type_project_format")).upper() == "BINARY":
            self.vectors = "binary"
        else:
            self.vectors = "json" if self.is_extended else "text"

    def describe(self, sql: str) -> Selected | None:
        """Translate a query without running it; ``None`` for other statements."""
        statement = self.split(sql, multiple=False)[0].statement()
        if not isinstance(statement, (nodes.Select, nodes.SetOperation, nodes.Values)):
            return None
        if isinstance(statement, nodes.Select) and statement.into:
            return None
        self._describe_vectors()
        self._describing = True
        try:
            return select(self.translator().query(statement), self.vectors)
        finally:
            self._describing = False

    def sleep(self, seconds: float) -> None:
        """Wait, unless a statement is only described."""
        if not self._describing:
            super().sleep(seconds)

    def _dispatch(self, statement: Statement) -> Changed | Selected | Called:
        if not isinstance(statement, statements.LoadData):
            return super()._dispatch(statement)
        self.infile = self._upload(statement.path)
        statement.path = ":stream:"
        try:
            return super()._dispatch(statement)
        finally:
            self.infile = None

    def _kill(self, statement: statements.Kill) -> Changed:
        changed = super()._kill(statement)
        if not statement.query_only:
            self._disconnect(statement.connection_id)
        return changed

    def batches(self, selected: Selected) -> Generator[Batch, None, None]:
        """Run a query and yield its batches, which are small as far as DuckDB lets them be.

        Errors of DuckDB become the server's and leave an open transaction as it was.
        """
        capsule, free = self.open(selected, own_cursor=False, batch_rows=_BATCH_ROWS)
        reader = BatchReader(capsule)
        total = 0
        batch = None

        def receive() -> int:
            nonlocal batch, total
            batch = reader.read()
            total += batch.length if batch else 0
            return total

        try:
            while True:
                self.receive(receive)
                if batch is None:
                    return
                yield batch
                if self._cancelled.is_set():
                    raise error(1317, "Query execution was interrupted")
        finally:
            reader.close()
            free()

    def columns(self, selected: Selected) -> Generator[list[list[object]], None, None]:
        """Run a query and yield columns of raw values, few thousand rows at a time."""
        fields = raw_fields(selected)
        with contextlib.closing(self.batches(selected)) as batches:
            for batch in batches:
                children = batch.array.children
                for start in range(0, batch.length, AT_ONCE):
                    if self._cancelled.is_set():
                        raise error(1317, "Query execution was interrupted")
                    count = min(AT_ONCE, batch.length - start)
                    yield [
                        values(children[i].contents, field, start, count)
                        for i, field in enumerate(fields)
                    ]

    def payloads(self, selected: Selected) -> Generator[list[bytes], None, None]:
        """Run a query and yield payloads of the text protocol, few thousand rows at a time.

        What is the same for ever, ``SELECT 1``, is kept: pools ask for it to see whether a
        connection lives, all the time.
        """
        if not self._is_constant:
            yield from self._payloads(selected)
            return
        key = (selected.sql, selected.types)
        kept = self.engine.constants.get(key)
        if kept is None:
            kept = [row for part in self._payloads(selected) for row in part]
            if len(self.engine.constants) < _CONSTANTS:
                self.engine.constants[key] = kept
        else:
            rows = len(kept)
            self.receive(lambda: rows)
        yield kept

    def _payloads(self, selected: Selected) -> Generator[list[bytes], None, None]:
        with contextlib.closing(self.batches(selected)) as batches:
            first = next(batches, None)
            if first is None:
                return
            rows = BulkRows(selected, self._printing)
            head: Iterator[list[bytes]] = iter(())
            rest: Iterator[Batch] = batches
            if first.length > _BATCH_ROWS:  # DuckDB 1.5 makes them as large as it likes
                rest = itertools.chain((first,), batches)
            else:
                head = rows.plain(first)
            with contextlib.closing(rows.joined(rest)) as joined:
                for payloads in itertools.chain(head, joined):
                    if self._cancelled.is_set():
                        raise error(1317, "Query execution was interrupted")
                    yield payloads

    def _printing(self) -> duckdb.DuckDBPyConnection:
        if self._printer is None:
            self._printer = self.engine.root.cursor()
        return self._printer

    def end(self) -> None:
        """Close, whatever state DuckDB left behind."""
        if self._printer is not None:
            self._printer.close()
        try:
            self.close()
        except (Error, duckdb.Error):
            # The engine was released by close() only if the rollback went well.
            self.engine.release()
