"""The cursor on an event loop.

It has a synchronous :class:`~singlestoredb.cursor.Cursor` that knows formats, positions and
descriptions, and never lets it wait: what a fetch will read is awaited first, and then lies ready.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from singlestoredb.cursor import BATCH_ROWS, Cursor, Description
from singlestoredb.exceptions import InterfaceError, NotSupportedError, ProgrammingError
from singlestoredb_hookspecs import ArrowBatches, AsyncResultStream, ResultStream

from .streams import Received, aside, read_arrow, read_dicts, read_rows

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow
    from typing_extensions import Self

    from .connection import AsyncConnection

RowT = TypeVar("RowT")
TableT = TypeVar("TableT")

FIRST_ROWS = 100
"""Rows that iteration waits for at first, so that it begins soon; then ten times as many each time,
up to ``BATCH_ROWS``."""


class AsyncCursor(Generic[RowT, TableT]):
    """Runs statements and fetches their results; made by :meth:`AsyncConnection.cursor`.

    Has the methods of :class:`~singlestoredb.Cursor`, awaited where they may wait.  ``RowT`` is
    what ``fetchone`` returns and ``TableT`` what ``fetchall`` returns.
    """

    def __init__(
        self,
        connection: AsyncConnection,
        results_type: str | None = None,
        buffered: bool | None = None,
    ) -> None:
        self._connection: AsyncConnection | None = connection
        self._cursor: Cursor[Any, Any] = Cursor(cast(Any, connection), results_type, buffered)
        self._stream: AsyncResultStream | None = None
        self._received: Received | None = None

    # -- running --

    async def execute(self, query: str, args: Any = None, infile_stream: Any = None) -> int:
        """Run a statement; arguments, result and errors as of ``Cursor.execute``.

        ``infile_stream`` may also be an asynchronous iterable of pieces.
        """
        connection = self._open_connection()
        cursor = self._cursor
        if self._received is not None:
            await self._abandon()
        else:
            self._forget_result()
        stream = await connection._run(query, args, cursor._buffered, cursor._shape, infile_stream)
        cursor._executed = connection._sent
        self._take(stream)
        return cursor._rowcount

    async def executemany(self, query: str, args: Any = None) -> int | None:
        """Run a statement once for each row of parameters; as ``Cursor.executemany``.

        The rows may also come from an asynchronous iterable.
        """
        if hasattr(args, "__aiter__"):
            args = [row async for row in args]
        cursor = self._cursor
        counts = [await self.execute(text, row) for text, row in cursor._many(query, args)]
        if not counts:
            return None
        cursor._rowcount = sum(counts)
        return cursor._rowcount

    async def adbc_ingest(self, table_name: str, data: Any, *args: Any, **kwargs: Any) -> int:
        """Load data into a table; as ``AsyncConnection.adbc_ingest``."""
        connection = self._open_connection()
        if self._received is not None:
            await self._abandon()
        count = await connection.adbc_ingest(table_name, data, *args, **kwargs)
        self._cursor._executed = f"-- loaded {table_name}"
        self._cursor._rowcount = count
        return count

    ingest = adbc_ingest

    async def callproc(self, name: str, args: Sequence[Any] = ()) -> Sequence[Any]:
        """Call a stored procedure; as ``Cursor.callproc``."""
        for text, values in self._cursor._call(name, args):
            await self.execute(text, values)
        return args

    def mogrify(self, query: str, args: Any = None) -> str:
        """Return the statement with its arguments written in; not awaited."""
        return self._cursor.mogrify(query, args)

    async def nextset(self) -> bool | None:
        """Go to the statement's next result set; ``None`` when there is none."""
        connection = self._open_connection()
        if self._stream is None:
            return None
        following = await connection._in_time(self._stream.next_result())
        if following is None:
            await self._abandon()
            return None
        self._take(following)
        return True

    def _open_connection(self) -> AsyncConnection:
        if self._connection is None:
            raise ProgrammingError(2048, "Cursor closed")
        return self._connection

    def _take(self, stream: AsyncResultStream) -> None:
        self._stream = stream
        here: ResultStream | None = getattr(stream, "here", None)
        if here is not None:  # nothing has to be awaited any more
            self._received = None
            self._cursor._take(here)
        else:
            self._received = Received(stream)
            self._cursor._take(self._received)

    async def _abandon(self) -> None:
        stream, received = self._stream, self._received
        self._forget_result()
        if stream is not None and received is not None:
            await stream.close()

    def _forget_result(self) -> None:
        self._stream = self._received = None
        # Not _abandon(): what it would close is closed where it can be awaited, or only memory.
        self._cursor._stream = self._cursor._rows = None

    def _forget(self) -> None:
        """Close without awaiting; the connection settles what is left with its next statement."""
        self._forget_result()
        self._connection = self._cursor._connection = None

    # -- bringing what the synchronous cursor will read --

    async def _bring(self, size: int | None) -> None:
        """Have at least ``size`` rows lie ready for a row format, if there are so many."""
        stream, received, cursor = self._stream, self._received, self._cursor
        if stream is None or received is None or not stream.columns:
            return
        rows = cursor._rows
        if cursor._buffered:
            if rows is not None:
                return
            lacking = None
        elif size is None:
            lacking = None
        else:
            lacking = size - (len(rows) - cursor._index if rows else 0)
            if lacking <= 0:
                return
        read: Any = read_dicts if cursor._shape == "dicts" else read_rows
        received.rows = await self._open_connection()._in_time(read(stream, lacking))

    async def _bring_batches(self, size: int | None) -> int:
        """Have the next rows lie ready as Arrow; returns how many, as far as that is known."""
        stream, received, cursor = self._stream, self._received, self._cursor
        if stream is None or not stream.columns:
            return 0
        if received is None:  # what is left lies ready
            left = stream.rows_affected - cursor._rownumber
            return left if size is None else min(left, size)
        if cursor._rows is not None:  # a row format, and rows were decoded already
            await self._bring(size)
            return 0
        reading = read_arrow(stream, size)
        received.batches = await self._open_connection()._in_time(reading)
        return received.batches.num_rows

    # -- fetching --

    async def fetchone(self) -> RowT | None:
        """Return the next row, or ``None`` when there is none; as ``Cursor.fetchone``."""
        cursor = self._cursor
        if cursor._shape == "arrow":
            await self._bring_batches(1)
        else:
            rows = cursor._rows
            if self._received is not None and (rows is None or cursor._index >= len(rows)):
                await self._bring(1)
        return cast("RowT | None", cursor.fetchone())

    async def fetchmany(self, size: int | None = None) -> TableT:
        """Return the next ``size`` rows, ``arraysize`` when it is not given; fewer at the end."""
        return await self._fetch(size or self._cursor.arraysize)

    async def fetchall(self) -> TableT:
        """Return the rows that are left."""
        return await self._fetch(None)

    async def _fetch(self, size: int | None) -> TableT:
        cursor = self._cursor
        if cursor._shape == "arrow":
            count = await self._bring_batches(size)
            return cast(TableT, await aside(count, cursor._fetch, size))
        await self._bring(size)
        return cast(TableT, cursor._fetch(size))

    def fetchall_unbuffered(self) -> AsyncIterator[Any]:
        """Iterate over what is left in flat memory: rows, or tables of a columnar format."""
        return self.__aiter__()

    async def __aiter__(self) -> AsyncIterator[Any]:
        """Iterate over the rows that are left; over tables of many rows in a columnar format."""
        cursor = self._cursor
        most = max(cursor.arraysize, BATCH_ROWS)
        if cursor._shape == "arrow":
            while True:
                count = await self._bring_batches(most)
                table = await aside(count, cursor._fetch, most)
                if not count:
                    cursor._current()  # raises when nothing was executed
                    return
                yield table
        size = min(FIRST_ROWS, most)
        while True:
            rows = cursor._rows
            if rows is None or cursor._index >= len(rows):
                await self._bring(size)
                size = min(size * 10, most)
            row = cursor.fetchone()
            if row is None:
                return
            yield row

    async def __anext__(self) -> RowT:
        """Return the next row; raise ``StopAsyncIteration`` at the end."""
        if self._connection is None:
            raise InterfaceError(2048, "Cursor is closed.")
        row = await self.fetchone()
        if row is None:
            raise StopAsyncIteration
        return row

    next = __anext__

    async def scroll(self, value: int, mode: str = "relative") -> None:
        """Move within the result; as ``Cursor.scroll``."""
        cursor = self._cursor
        if mode not in ("relative", "absolute"):
            raise ProgrammingError(None, f"unknown scroll mode {mode!r}: relative or absolute")
        target = cursor._rownumber + value if mode == "relative" else value
        received = self._received
        if cursor._buffered and (
            cursor._shape != "arrow" or received is None or hasattr(received, "seek")
        ):
            await self._bring(None)
            cursor.scroll(target, "absolute")
            return
        count = target - cursor._rownumber
        if count < 0:
            cursor._skip(count)
        while count > 0:
            size = min(count, BATCH_ROWS)
            if cursor._shape == "arrow":
                await self._bring_batches(size)
            else:
                await self._bring(size)
            cursor._skip(size)
            count -= size

    # -- Arrow and data frames, whatever the format --

    async def fetch_arrow(self) -> ArrowBatches:
        """Return the rows that are left as an object with ``__arrow_c_stream__``."""
        await self._bring_batches(None)
        return self._cursor.fetch_arrow()

    async def fetch_arrow_chunk(self, size: int) -> ArrowBatches:
        """Return at most ``size`` rows as an object with ``__arrow_c_stream__``."""
        await self._bring_batches(size)
        return self._cursor.fetch_arrow_chunk(size)

    async def arrow_batches(self, rows_per_batch: int = BATCH_ROWS) -> AsyncIterator[ArrowBatches]:
        """Iterate over the rows that are left as objects with ``__arrow_c_stream__``.

        Of a result that is not buffered, at most ``rows_per_batch`` rows are in memory at a time.
        """
        while True:
            chunk = await self.fetch_arrow_chunk(rows_per_batch)
            if not chunk.num_rows:
                return
            yield chunk

    async def fetch_record_batch(
        self, rows_per_batch: int = BATCH_ROWS
    ) -> pyarrow.RecordBatchReader:
        """Return a reader of the rows that are left, all of which are received first.

        :meth:`arrow_batches` receives them piece by piece.
        """
        table: pyarrow.Table = await self._as("arrow")
        return table.to_reader(max_chunksize=rows_per_batch)

    async def fetch_arrow_table(self) -> pyarrow.Table:
        """Return the rows that are left as a ``pyarrow.Table``."""
        return await self._as("arrow")

    async def fetch_df(self) -> pandas.DataFrame:
        """Return the rows that are left as a pandas DataFrame."""
        frame: pandas.DataFrame = await self._as("pandas")
        return frame

    async def fetch_polars(self) -> polars.DataFrame:
        """Return the rows that are left as a polars DataFrame."""
        frame: polars.DataFrame = await self._as("polars")
        return frame

    async def _as(self, name: str) -> Any:
        make, shape = self._open_connection()._format(name)
        if shape != "arrow":
            raise NotSupportedError(
                None, f"the format {name!r} that was chosen here reads {shape}, not Arrow"
            )
        chunk = await self.fetch_arrow()
        made = make(self._cursor._current().columns)
        return await aside(chunk.num_rows, made.table, chunk)

    # -- what is known --

    @property
    def connection(self) -> AsyncConnection | None:
        """The connection; ``None`` once the cursor is closed."""
        return self._connection

    @property
    def arraysize(self) -> int:
        """Rows of a ``fetchmany()`` that names no size."""
        return self._cursor.arraysize

    @arraysize.setter
    def arraysize(self, size: int) -> None:
        self._cursor.arraysize = size

    @property
    def max_stmt_length(self) -> int:
        """Longest statement in bytes that ``executemany`` builds."""
        return self._cursor.max_stmt_length

    @max_stmt_length.setter
    def max_stmt_length(self, size: int) -> None:
        self._cursor.max_stmt_length = size

    @property
    def description(self) -> tuple[Description, ...] | None:
        """The columns of the result; ``None`` when there is none."""
        return self._cursor.description

    @property
    def rowcount(self) -> int:
        """Rows found or changed; -1 before the first statement and for unbuffered results."""
        return self._cursor.rowcount

    @property
    def rownumber(self) -> int | None:
        """Index of the next row, counted from 0."""
        return self._cursor.rownumber

    @property
    def lastrowid(self) -> int | None:
        """First AUTO_INCREMENT value the last statement made; ``None`` after a SELECT."""
        return self._cursor.lastrowid

    @property
    def warning_count(self) -> int:
        """Warnings of the last statement."""
        return self._stream.warning_count if self._stream is not None else 0

    @property
    def messages(self) -> list[tuple[type[BaseException], BaseException]]:
        """Always empty; warnings are read with ``SHOW WARNINGS``."""
        return []

    def setinputsizes(self, *args: Any) -> None:
        """Do nothing, as PEP 249 allows."""

    def setoutputsize(self, *args: Any) -> None:
        """Do nothing, as PEP 249 allows."""

    # -- closing --

    @property
    def open(self) -> bool:
        """Whether statements can be run."""
        return self._connection is not None

    def is_connected(self) -> bool:
        """Return whether statements can be run."""
        return self._connection is not None

    async def close(self) -> None:
        """Drop what is left of the result; the connection stays open.  Idempotent."""
        if self._connection is None:
            return
        try:
            if self._received is not None:
                await self._abandon()
            else:
                self._forget_result()
        finally:
            self._connection = self._cursor._connection = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._received is not None:
            await self.close()
        else:
            self._forget()

    def __repr__(self) -> str:
        state = "closed" if self._connection is None else self._cursor._results_type
        return f"<singlestoredb.aio.AsyncCursor: {state}>"
