"""The cursor: PEP 249 over any driver and any format.

One class for all of them.  How a result is read follows from its format: row formats read rows
(or dicts), columnar formats read Arrow; buffered and unbuffered differ only in where the rows
are, which is the driver's affair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar, cast

from singlestoredb.classic import ErrorMembers
from singlestoredb.escaping import identifier
from singlestoredb.exceptions import InterfaceError, NotSupportedError, ProgrammingError
from singlestoredb.reading import NO_RESULT, read_arrow, read_dicts, read_rows
from singlestoredb.sqltext import SplitInsert, split_values
from singlestoredb_hookspecs import (
    ArrowBatches,
    Column,
    DriverCapability,
    Format,
    ResultStream,
)

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow
    from typing_extensions import Self

    from singlestoredb.connection import Connection
    from singlestoredb.ingest import IngestMode, Progress

RowT = TypeVar("RowT")
TableT = TypeVar("TableT")

BATCH_ROWS = 10_000
"""Rows that are fetched at a time when a result is iterated over: enough to make the cost of a
fetch vanish, few enough to keep memory flat."""


class Description(NamedTuple):
    """A column of a result: PEP 249's seven fields, then flags and character set."""

    name: str
    type_code: int
    display_size: int | None
    internal_size: int | None
    """Characters, bytes, digits or elements, whichever the type counts."""
    precision: int | None
    scale: int | None
    null_ok: bool
    flags: int
    charset: int


def _describe(column: Column) -> Description:
    precision = column.length if column.precision is None else column.precision
    return Description(
        column.name,
        column.type_code,
        None,
        column.length,
        precision,
        column.scale,
        column.null_ok,
        column.flags,
        column.charset,
    )


class Cursor(ErrorMembers, Generic[RowT, TableT]):
    """Runs statements and fetches their results.

    Made by :meth:`Connection.cursor`.  ``RowT`` is what ``fetchone`` returns and ``TableT`` what
    ``fetchall`` returns; both follow from ``results_type``.  Belongs to one thread.
    """

    def __init__(
        self,
        connection: Connection,
        results_type: str | None = None,
        buffered: bool | None = None,
    ) -> None:
        self._connection: Connection | None = connection
        self._results_type = results_type or self.default_results_type or connection.results_type
        self._make_format, self._shape = connection._format(self._results_type)
        if buffered is None:
            buffered = self.default_buffered
        self._buffered = connection._params.buffered if buffered is None else bool(buffered)
        self.arraysize: int = connection._arraysize
        """Rows of a ``fetchmany()`` that names no size."""
        self._stream: ResultStream | None = None
        self._made: Format | None = None
        self._made_for: tuple[Column, ...] = ()
        self._rows: list[Any] | None = None
        """Rows that were decoded: all of a buffered result, else those not yet fetched."""
        self._index = 0
        """Where the next row stands in ``_rows``."""
        self._rownumber = 0
        self._rowcount = -1
        self._lastrowid: int | None = None
        self._description: tuple[Description, ...] | None = None
        self._executed: str | None = None

    default_results_type: ClassVar[str | None] = None
    """Format where none is asked for; ``None`` means the connection's."""
    default_buffered: ClassVar[bool | None] = None
    """Whether results are received whole where that is not said; ``None`` means as the connection
    does."""
    max_stmt_length = 1_024_000
    """Longest statement in bytes that ``executemany`` builds; ``max_allowed_packet`` may make it
    shorter."""

    # -- running --

    def execute(self, query: str, args: Any = None, infile_stream: Any = None) -> int:
        """Run a statement.

        Args:
            query: text with ``%s`` or ``%(name)s`` where parameters go.  Without arguments it is
                sent as it is.
            args: a sequence for ``%s``, a mapping (or pydantic model) for ``%(name)s``, or one
                plain value.
            infile_stream: source for ``LOAD DATA LOCAL INFILE ':stream:'``.

        Returns:
            The number of rows found or changed; -1 for a result that is not buffered.

        Raises:
            ProgrammingError: the statement is wrong, arguments do not match the placeholders, or
                the cursor is closed.
            InterfaceError: the connection is closed.
        """
        connection = self._open_connection()
        if self._stream is not None:
            self._abandon()
        stream = connection._run(query, args, self._buffered, self._shape, infile_stream)
        self._executed = connection._sent
        self._take(stream)
        return self._rowcount

    def _execute_rows(self, connection: Connection, text: str, args: Any, query: str) -> int:
        """Run a statement of several rows; observers are told of the query only."""
        if self._stream is not None:
            self._abandon()
        stream = connection._run(text, args, self._buffered, self._shape, None, shown=query)
        self._executed = query
        self._take(stream)
        return self._rowcount

    def executemany(self, query: str, args: Any = None) -> int | None:
        """Run a statement once for each row of parameters.

        An ``INSERT`` or ``REPLACE`` with one row of ``VALUES``, constants and functions in it or
        not, is sent as few multi-row statements, each at most ``max_stmt_length`` bytes or a row.

        Args:
            query: the statement.
            args: an iterable of parameter rows; a DataFrame gives its rows without the index.

        Returns:
            The rows changed in all, or ``None`` when there were no rows.
        """
        connection = self._open_connection()
        counts = [
            self.execute(query, row)
            if text is query
            else self._execute_rows(connection, text, row, query)
            for text, row in self._many(query, args)
        ]
        if not counts:
            return None
        self._rowcount = sum(counts)
        return self._rowcount

    def _many(self, query: str, args: Any) -> Iterator[tuple[str, Any]]:
        """Iterate over the statements and arguments that ``executemany`` is."""
        connection = self._open_connection()
        if type(query) is not str:
            query = connection._text_of(query, args)
        rows = _parameter_rows(args)
        split = split_values(query)
        if split is None:
            for row in rows:
                yield query, row
        elif connection._binds_parameters:
            yield from self._bound_rows(query, split, rows)
        else:
            for text in self._multi_row(connection, split, rows):
                yield text, None

    def _multi_row(
        self, connection: Connection, split: SplitInsert, rows: Iterable[Any]
    ) -> Iterator[str]:
        fixed = len(split.prefix.encode()) + len(split.suffix.encode())
        # The command's own byte is part of the packet.
        most = min(self.max_stmt_length, connection._params.max_allowed_packet - 1)
        writer = connection._row_writer(split.template)
        if writer is not None:  # fast path
            given = iter(rows)
            while (text := writer.fill(given, most - fixed)) is not None:
                yield f"{split.prefix}{text}{split.suffix}"
            return
        pending: list[str] = []
        size = fixed
        for row in rows:
            text = connection._interpolate(split.template, row)
            length = len(text.encode("utf-8", "surrogatepass"))
            if pending and size + length + 1 > most:
                yield f"{split.prefix}{','.join(pending)}{split.suffix}"
                pending, size = [], fixed
            pending.append(text)
            size += length + 1
        if pending:
            yield f"{split.prefix}{','.join(pending)}{split.suffix}"

    def _bound_rows(
        self, query: str, split: SplitInsert, rows: Iterable[Any]
    ) -> Iterator[tuple[str, Any]]:
        """Yield statements of several rows with the arguments of all of them.

        Rows of another kind or length than the one before have a statement of their own: whether
        arguments fit the placeholders shows for each row as it does alone.
        """

        def statement() -> tuple[str, Any]:
            if len(pending) == 1:
                return query, pending[0]
            text = f"{split.prefix}{','.join([split.template] * len(pending))}{split.suffix}"
            return text, [value for row in pending for value in row]

        pending: list[Any] = []
        size = 0
        for row in rows:
            plain = isinstance(row, (list, tuple)) and len(row) > 0
            length = len(split.template) + (_bound_size(row) if plain else 0)
            if pending and (
                not plain
                or len(row) != len(pending[0])
                or size + length > self.max_stmt_length
                or (len(pending) + 1) * len(row) > _MOST_ARGUMENTS
            ):
                yield statement()
                pending, size = [], 0
            if plain:
                pending.append(row)
                size += length
            else:
                yield query, row
        if pending:
            yield statement()

    def adbc_ingest(
        self,
        table_name: str,
        data: Any,
        mode: IngestMode = "create",
        *,
        catalog_name: str | None = None,
        db_schema_name: str | None = None,
        temporary: bool = False,
        progress: Progress | None = None,
    ) -> int:
        """Load data into a table, at the speed of ``LOAD DATA LOCAL``.

        Data is streamed: as much of it as a batch of its producer's is in memory.  Either all rows
        are loaded or, as far as the server has transactions, none; the error says how many had
        been sent and what became of them.  No permission for files (``local_infile``) is needed.

        Columns are matched with the table's by name, rows without names by position.  A table is
        made with the types of :mod:`singlestoredb.columnar.types`; making one commits an open
        transaction.  Timestamps with a time zone, and aware datetimes, become that moment in UTC.
        NaN and infinities are refused unless the connection has ``nan_as_null`` or
        ``inf_as_null``.  Values that do not fit a column are an error, never cut, whatever the
        server's sql_mode.

        Args:
            table_name: name of the table, of any characters.
            data: anything with ``__arrow_c_stream__`` or ``__arrow_c_array__`` (tables, batches and
                readers of pyarrow, polars frames, cursors, …) or an iterable of such arrays; a
                pandas frame, whose index is left out; or an iterable of rows, each a mapping, a
                named tuple or a sequence.
            mode: ``create`` makes the table, which must not exist; ``append`` needs it;
                ``create_append`` makes it where it does not exist; ``replace`` makes a new one,
                which takes the place of the old one when all rows are in it.
            catalog_name: the database; the connection's when not given.
            db_schema_name: the same.
            temporary: whether a table that is made is temporary.
            progress: called with the rows and the bytes that were sent so far, now and then.

        Returns:
            The number of rows that were loaded.

        Raises:
            ProgrammingError: the table exists or does not, has no such column, or the data is of
                no kind that can be loaded.
            DataError: a value does not fit.
            IntegrityError: a key is there already, or NULL is not allowed.
            NotSupportedError: a column's Arrow type has no SQL type.
            OperationalError: the data's producer or the connection failed.
        """
        from singlestoredb.ingest import ingest

        connection = self._open_connection()
        if self._stream is not None and data is not self:
            self._abandon()
        count = ingest(
            connection,
            table_name,
            data,
            mode,
            catalog_name=catalog_name,
            db_schema_name=db_schema_name,
            temporary=temporary,
            progress=progress,
        )
        self._abandon()
        self._executed = f"-- loaded {table_name}"
        self._rowcount = count
        return count

    ingest = adbc_ingest

    def callproc(self, name: str, args: Sequence[Any] = ()) -> Sequence[Any]:
        """Call a stored procedure; returns ``args`` as they were.

        Each argument is first stored in a variable ``@_<name>_<number>``, where an OUT parameter
        can be read afterwards.  The procedure's result sets follow one another (:meth:`nextset`),
        its own empty one last.

        Raises ``NotSupportedError`` when the driver knows no procedures.
        """
        for text, values in self._call(name, args):
            self.execute(text, values)
        return args

    def _call(self, name: str, args: Sequence[Any]) -> Iterator[tuple[str, Any]]:
        """Iterate over the statements and arguments that ``callproc`` is."""
        connection = self._open_connection()
        connection._demand(DriverCapability.STORED_PROCEDURES, "stored procedures")
        quoted = ".".join(identifier(part) for part in name.replace("`", "").split("."))
        if connection._binds_parameters:
            yield f"CALL {quoted}({', '.join(['%s'] * len(args))})", list(args) or None
            return
        variables = [f"@{identifier(f'_{name}_{i}')}" for i in range(len(args))]
        if args:
            assignments = ", ".join(f"{variable}=%s" for variable in variables)
            yield f"SET {assignments}", list(args)
        yield f"CALL {quoted}({', '.join(variables)})", None

    def mogrify(self, query: str, args: Any = None) -> str:
        """Return the statement with its arguments written in."""
        return self._open_connection()._interpolate(query, args)

    def nextset(self) -> bool | None:
        """Go to the statement's next result set; ``None`` when there is none."""
        connection = self._open_connection()
        if self._stream is None:
            return None
        following = connection._exclusively(self._stream.next_result)
        if following is None:
            self._abandon()
            return None
        self._take(following)
        return True

    def _open_connection(self) -> Connection:
        if self._connection is None:
            raise ProgrammingError(2048, "Cursor closed")
        return self._connection

    def _take(self, stream: ResultStream) -> None:
        """Make a result set the current one."""
        self._stream = stream
        self._rows = None
        if stream.columns is not self._made_for:
            self._made = None
        self._index = self._rownumber = 0
        self._rowcount = stream.rows_affected
        self._description = None
        self._lastrowid = None if stream.columns else stream.last_insert_id
        if self._connection is not None:
            self._connection._last_counts = (stream.rows_affected, stream.last_insert_id)

    def _abandon(self) -> None:
        stream, self._stream = self._stream, None
        self._rows = None
        if stream is None:
            return
        if self._buffered or self._connection is None:
            stream.close()
        else:
            self._connection._exclusively(stream.close)

    # -- fetching --

    def fetchone(self) -> RowT | None:
        """Return the next row, or ``None`` when there is none.

        A columnar format gives a table of one row.
        """
        if self._shape == "arrow":
            chunk = self._chunk(1)
            if chunk is None or not chunk.num_rows:
                return None
            return cast(RowT, self._format().row(chunk))
        rows = self._rows
        if rows is None or self._index >= len(rows):
            rows = self._receive(1)
            if self._index >= len(rows):
                return None
        index = self._index
        self._index = index + 1
        self._rownumber += 1
        return cast(RowT, (self._made or self._format()).row([rows[index]]))

    read_next = fetchone

    def fetchmany(self, size: int | None = None) -> TableT:
        """Return the next ``size`` rows, ``arraysize`` when it is not given; fewer at the end."""
        return self._fetch(size or self.arraysize)

    def fetchall(self) -> TableT:
        """Return the rows that are left."""
        return self._fetch(None)

    def fetchall_unbuffered(self) -> Iterator[Any]:
        """Iterate over what is left in flat memory: rows, or tables of a columnar format."""
        return iter(self)

    def _fetch(self, size: int | None) -> TableT:
        if self._shape == "arrow":
            chunk = self._chunk(size)
            return cast(TableT, [] if chunk is None else self._format().table(chunk))
        if not self._current().columns:
            return cast(TableT, [])
        return cast(TableT, self._format().table(self._next_rows(size)))

    def _next_rows(self, size: int | None) -> list[Any]:
        """Return the next rows of a row format, unformatted, and go past them."""
        rows, start = self._rows, self._index
        if rows is None or size is None or len(rows) - start < size:
            rows, start = self._receive(size), self._index
        chosen = rows if size is None and not start else rows[start : size and start + size]
        self._index = start + len(chosen)
        self._rownumber += len(chosen)
        return chosen

    def _current(self) -> ResultStream:
        if self._stream is None:
            self._open_connection()
            if self._executed is not None:
                return NO_RESULT
            raise ProgrammingError(None, "execute() first")
        return self._stream

    def _receive(self, size: int | None) -> list[Any]:
        """Have at least ``size`` rows at ``_index`` of ``_rows``, if there are so many.

        A buffered result is decoded once, whole; of another one only what was not yet fetched is
        kept.
        """
        stream = self._current()
        if not stream.columns:
            return []
        read: Callable[[Any, int | None], list[Any]]
        read = read_dicts if self._shape == "dicts" else read_rows
        rows = self._rows
        if self._buffered:
            if rows is None:
                rows = self._rows = read(stream, None)
            return rows
        kept = rows[self._index :] if rows else []
        more = None if size is None else size - len(kept)
        received: list[Any] = self._open_connection()._exclusively(read, stream, more)
        self._rows = rows = kept + received if kept else received
        self._index = 0
        return rows

    def _chunk(self, size: int | None) -> ArrowBatches | None:
        """Return the next rows as Arrow and go past them; ``None`` without a result set."""
        stream = self._current()
        if not stream.columns:
            return None
        if self._rows is not None:  # a row format, and rows were decoded already
            rows = self._next_rows(size)
            if self._shape == "dicts":
                rows = [tuple(row.values()) for row in rows]
            from singlestoredb.columnar.build import from_rows

            return from_rows(stream.columns, rows)
        if self._buffered:
            chunk = read_arrow(stream, size)
        else:
            chunk = self._open_connection()._exclusively(read_arrow, stream, size)
        if chunk.num_rows < 0:
            # The rest of a stream, which arrives while its consumer reads.
            self._rownumber = self._rowcount
        elif self._rownumber >= 0:
            self._rownumber += chunk.num_rows
        return chunk

    def _format(self) -> Format:
        made = self._made
        if made is None:
            self._made_for = self._current().columns
            made = self._made = self._make_format(self._made_for)
        return made

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the rows that are left; over tables of many rows in a columnar format."""
        size = max(self.arraysize, BATCH_ROWS)
        if self._shape == "arrow":
            while True:
                chunk = self._chunk(size)
                if chunk is None or not chunk.num_rows:
                    return
                yield self._format().table(chunk)
        while True:
            row = self.fetchone()
            if row is None:
                return
            yield row
            # The rest of what was received goes out without a call per row.
            rows, start = self._rows, self._index
            if rows is None:
                continue
            make = self._format().row
            for index in range(start, len(rows)):
                if self._rows is not rows or self._index != index:
                    break  # somebody fetched, scrolled or executed meanwhile
                self._index = index + 1
                self._rownumber += 1
                yield make([rows[index]])

    def next(self) -> RowT:
        """Return the next row; raise ``StopIteration`` at the end."""
        if self._connection is None:
            raise InterfaceError(2048, "Cursor is closed.")
        row = self.fetchone()
        if row is None:
            raise StopIteration
        return row

    __next__ = next

    def scroll(self, value: int, mode: str = "relative") -> None:
        """Move within the result: by ``value`` rows, or to row ``value`` (mode ``absolute``).

        Raises:
            IndexError: the row does not exist.
            NotSupportedError: the result is not buffered and the row is behind.
            ProgrammingError: the mode is unknown.
        """
        if mode not in ("relative", "absolute"):
            raise ProgrammingError(None, f"unknown scroll mode {mode!r}: relative or absolute")
        target = self._rownumber + value if mode == "relative" else value
        stream = self._current()
        if self._buffered:
            if not 0 <= target < max(stream.rows_affected, 0):
                raise IndexError("out of range")
            if self._shape != "arrow":
                self._receive(None)
                self._index = target
            elif hasattr(stream, "seek"):
                stream.seek(target)
            else:
                self._skip(target - self._rownumber)
            self._rownumber = target
        else:
            self._skip(target - self._rownumber)

    def _skip(self, count: int) -> None:
        if count < 0:
            raise NotSupportedError(None, "this result cannot be scrolled backwards")
        while count > 0:
            size = min(count, BATCH_ROWS)
            before = self._rownumber
            if self._shape == "arrow":
                self._chunk(size)
            else:
                self._next_rows(size)
            received = self._rownumber - before
            if not received:
                raise IndexError("out of range")
            count -= received

    # -- Arrow and data frames, whatever the format --

    def fetch_arrow(self) -> ArrowBatches:
        """Return the rows that are left as an object with ``__arrow_c_stream__``.

        Any Arrow library takes it; nothing but this SDK is needed to make it.
        """
        chunk = self._chunk(None)
        if chunk is None:
            raise ProgrammingError(None, "the statement had no result set")
        return chunk

    def fetch_arrow_table(self) -> pyarrow.Table:
        """Return the rows that are left as a ``pyarrow.Table``."""
        return self._as("arrow")

    def fetch_df(self) -> pandas.DataFrame:
        """Return the rows that are left as a pandas DataFrame."""
        frame: pandas.DataFrame = self._as("pandas")
        return frame

    def fetch_polars(self) -> polars.DataFrame:
        """Return the rows that are left as a polars DataFrame."""
        frame: polars.DataFrame = self._as("polars")
        return frame

    def fetch_record_batch(self, rows_per_batch: int = BATCH_ROWS) -> pyarrow.RecordBatchReader:
        """Return a reader of the rows that are left.

        Of a result that is not buffered, at most ``rows_per_batch`` rows are in memory at a time;
        the reader is used up before the cursor runs its next statement.
        """
        try:
            import pyarrow
        except ImportError:
            self._open_connection()._format("arrow")  # tells how it is installed
            raise

        first = pyarrow.table(self.fetch_arrow_chunk(rows_per_batch))

        def batches() -> Iterator[Any]:
            table = first
            while len(table):
                yield from table.to_batches()
                table = pyarrow.table(self.fetch_arrow_chunk(rows_per_batch))

        return pyarrow.RecordBatchReader.from_batches(first.schema, batches())

    def fetch_arrow_chunk(self, size: int) -> ArrowBatches:
        """Return at most ``size`` rows as an object with ``__arrow_c_stream__``."""
        chunk = self._chunk(size)
        if chunk is None:
            raise ProgrammingError(None, "the statement had no result set")
        return chunk

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Give the rows that are left to any Arrow consumer: ``polars.DataFrame(cursor)``."""
        return self.fetch_arrow().__arrow_c_stream__(requested_schema)

    def _as(self, name: str) -> Any:
        make, shape = self._open_connection()._format(name)
        if shape != "arrow":
            raise NotSupportedError(
                None, f"the format {name!r} that was chosen here reads {shape}, not Arrow"
            )
        chunk = self.fetch_arrow()
        return make(self._current().columns).table(chunk)

    # -- what is known --

    @property
    def _result(self) -> ResultStream | None:
        """The current result set, under the name that programs know."""
        return self._stream

    @property
    def connection(self) -> Connection | None:
        """The connection; ``None`` once the cursor is closed."""
        return self._connection

    @property
    def description(self) -> tuple[Description, ...] | None:
        """The columns of the result; ``None`` when there is none."""
        if self._description is None and self._stream is not None and self._stream.columns:
            self._description = tuple(_describe(column) for column in self._stream.columns)
        return self._description

    @property
    def rowcount(self) -> int:
        """Rows found or changed; -1 before the first statement and for unbuffered results."""
        return self._rowcount

    @property
    def rownumber(self) -> int | None:
        """Index of the next row, counted from 0; ``None`` once the rest of a stream was handed on
        without being counted."""
        return self._rownumber if self._rownumber >= 0 else None

    @property
    def lastrowid(self) -> int | None:
        """First AUTO_INCREMENT value the last statement made; ``None`` after a SELECT."""
        return self._lastrowid

    @property
    def warning_count(self) -> int:
        """Warnings of the last statement."""
        return self._stream.warning_count if self._stream is not None else 0

    @property
    def messages(self) -> list[tuple[type[BaseException], BaseException]]:
        """Always empty; warnings are read with ``connection.show.warnings()``."""
        return []

    def setinputsizes(self, *args: Any) -> None:
        """Do nothing, as PEP 249 allows."""

    def setoutputsize(self, *args: Any) -> None:
        """Do nothing, as PEP 249 allows."""

    setoutputsizes = setoutputsize

    # -- closing --

    @property
    def open(self) -> bool:
        """Whether statements can be run."""
        return self._connection is not None

    def is_connected(self) -> bool:
        """Return whether statements can be run."""
        return self._connection is not None

    def close(self) -> None:
        """Drop what is left of the result; the connection stays open.  Idempotent."""
        if self._connection is None:
            return
        try:
            self._abandon()
        finally:
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._connection is None else self._results_type
        return f"<singlestoredb.Cursor: {state}>"


_MOST_ARGUMENTS = 10_000
"""Arguments in one statement of ``executemany`` where they are sent beside the text."""


def _bound_size(row: Sequence[Any]) -> int:
    """Return about how many bytes a row's arguments take."""
    return sum(len(v) if isinstance(v, (str, bytes, bytearray)) else 16 for v in row)


def _parameter_rows(args: Any) -> Iterable[Any]:
    rows: Iterable[Any] = ()
    if args is None:
        return rows
    if isinstance(args, (str, bytes, Mapping)):
        raise ProgrammingError(
            None, f"executemany() takes an iterable of parameter rows, not {type(args).__name__}"
        )
    if hasattr(args, "itertuples"):  # pandas
        rows = args.itertuples(index=False, name=None)
    elif hasattr(args, "iter_rows"):  # polars
        rows = args.iter_rows()
    else:
        rows = iter(args)
    return rows
