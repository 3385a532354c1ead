"""Asynchronous result streams in any shape, and the two ways between them and synchronous ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from singlestoredb.kernel.threaded import in_thread
from singlestoredb.reading import unique_names
from singlestoredb_hookspecs import ArrowBatches, AsyncResultStream, ResultStream, Shape

T = TypeVar("T")

FAR_ROWS = 20_000
"""Results from this size on are converted on a thread: a millisecond or more of the loop's time."""

ALL_SHAPES: frozenset[Shape] = frozenset({"rows", "dicts", "arrow"})


async def aside(rows: int, function: Callable[..., T], *args: Any) -> T:
    """Call a function that works on so many rows: here, or on a thread when they are many."""
    if rows < FAR_ROWS:
        return function(*args)
    return await in_thread(function, *args)


async def read_rows(stream: Any, size: int | None) -> list[tuple[Any, ...]]:
    """Return the next rows of a stream as tuples."""
    native = stream.native
    if "rows" in native:
        return await stream.read_rows(size)  # type: ignore[no-any-return] # the contract's type
    if "dicts" in native:
        return [tuple(row.values()) for row in await stream.read_dicts(size)]
    from singlestoredb.columnar.read import to_rows

    batches = await stream.read_arrow(size)
    return await aside(batches.num_rows, to_rows, batches)


async def read_dicts(stream: Any, size: int | None) -> list[dict[str, Any]]:
    """Return the next rows of a stream as dicts by column name."""
    if "dicts" in stream.native:
        return await stream.read_dicts(size)  # type: ignore[no-any-return] # the contract's type
    names = unique_names(stream.columns)
    return [dict(zip(names, row, strict=True)) for row in await read_rows(stream, size)]


async def read_arrow(stream: Any, size: int | None) -> ArrowBatches:
    """Return the next rows of a stream as Arrow batches."""
    if "arrow" in stream.native:
        return await stream.read_arrow(size)  # type: ignore[no-any-return] # the contract's type
    from singlestoredb.columnar.build import from_rows

    rows = await read_rows(stream, size)
    return await aside(len(rows), from_rows, stream.columns, rows)


class Received:
    """What was received of an asynchronous stream, as the stream that a synchronous cursor reads.

    The next read hands over what lies here; it never waits.
    """

    native = ALL_SHAPES

    def __init__(self, stream: AsyncResultStream) -> None:
        self.columns = stream.columns
        self.rows_affected = stream.rows_affected
        self.last_insert_id = stream.last_insert_id
        self.warning_count = stream.warning_count
        self.rows: list[Any] = []
        self.batches: ArrowBatches | None = None
        seek = getattr(stream, "seek", None)
        if seek is not None:
            self.seek = seek

    def read_rows(self, size: int | None) -> list[tuple[Any, ...]]:
        """Hand over the rows."""
        rows, self.rows = self.rows, []
        return rows

    def read_dicts(self, size: int | None) -> list[dict[str, Any]]:
        """Hand over the rows."""
        rows, self.rows = self.rows, []
        return rows

    def read_arrow(self, size: int | None) -> ArrowBatches:
        """Hand over the batches."""
        batches, self.batches = self.batches, None
        assert batches is not None  # they are brought before a cursor reads
        return batches

    def next_result(self) -> ResultStream | None:
        """Return ``None``: what follows has to be awaited."""
        return None

    def close(self) -> None:
        """Forget what lies here."""
        self.rows, self.batches = [], None


class Local:
    """A synchronous stream that Fusion or an extension answered with, read on a thread.

    Nothing is known of where its rows come from, so nothing of it is read on the loop, unless it
    says that it has them (:class:`~singlestoredb.reading.RowsResult`).
    """

    def __init__(self, stream: ResultStream) -> None:
        from singlestoredb.reading import RowsResult

        self._stream = stream
        self._here = isinstance(stream, RowsResult)
        self.columns = stream.columns
        self.native = stream.native
        self.rows_affected = stream.rows_affected
        self.last_insert_id = stream.last_insert_id
        self.warning_count = stream.warning_count
        seek = getattr(stream, "seek", None)
        if seek is not None:
            self.seek = seek

    async def _read(self, name: str, *args: Any) -> Any:
        function = getattr(self._stream, name)
        return function(*args) if self._here else await in_thread(function, *args)

    async def read_rows(self, size: int | None) -> list[tuple[Any, ...]]:
        """Return the next rows as tuples."""
        rows: list[tuple[Any, ...]] = await self._read("read_rows", size)
        return rows

    async def read_dicts(self, size: int | None) -> list[dict[str, Any]]:
        """Return the next rows as dicts."""
        rows: list[dict[str, Any]] = await self._read("read_dicts", size)
        return rows

    async def read_arrow(self, size: int | None) -> ArrowBatches:
        """Return the next rows as Arrow batches."""
        batches: ArrowBatches = await self._read("read_arrow", size)
        return batches

    async def next_result(self) -> AsyncResultStream | None:
        """Return the statement's next result set."""
        following: ResultStream | None = await self._read("next_result")
        return None if following is None else Local(following)

    async def close(self) -> None:
        """Abandon what is left."""
        await self._read("close")
