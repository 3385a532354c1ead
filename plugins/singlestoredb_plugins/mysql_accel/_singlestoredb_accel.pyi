"""Decodes results of the MySQL protocol: packets to rows and to Arrow columns.

How it is driven, for one answer of the server::

    reader = Reader(fd)                        # once per connection
    reader.start(1)                            # a command was sent
    payload, is_result = reader.read_answer()  # False: OK, ERR or a request for a file
    plan = Plan(...)                           # from the column definitions; may be kept
    rows = reader.read_rows(plan, None)        # or read_arrow, keep_rows, skip_rows
    reader.end                                 # EOF or ERR packet, once the rows have ended

A reader without a source decodes what :meth:`Reader.feed` gave it: for tests and for callers that
receive by themselves.

Exceptions while receiving are those of sockets: ``ConnectionError`` (closed), ``TimeoutError``,
``OSError``.  After these and after ``SequenceError`` the connection cannot be used.  What a
decoder raises passes through, and ``Plan.failed`` has its column; the connection stays in step.
"""

from collections.abc import Callable
from typing import Any, final

from typing_extensions import Buffer

AS_TEXT: int
"""Wire form of a column: UTF-8 text."""
AS_BYTES: int
"""Wire form: bytes, or packed elements of a vector."""
AS_JSON: int
"""Wire form: a vector as JSON text."""

ROW_DECODER: int
"""Kind of a column's Python values: what its decoder makes of the bytes."""
ROW_INT: int
ROW_FLOAT: int
ROW_DECIMAL: int
ROW_DATE: int
ROW_DATETIME: int
ROW_TIME: int
"""``datetime.timedelta``."""
ROW_TEXT: int
"""``str`` from UTF-8."""
ROW_BYTES: int
ROW_NONE: int
"""``None`` whatever was sent."""

class SequenceError(Exception):
    """A packet has the wrong number; ``args`` is ``(got, expected)``."""

class RowError(Exception):
    """A row does not have the announced columns."""

@final
class Plan:
    """How the columns of a result are decoded.

    Args:
        columns: one ``(name, Arrow format, format of a vector's elements or "", AS_…, ROW_…)`` per
            column; formats are those of the Arrow C data interface.
        keys: the keys of a row as a dict.
        decoders: per column, what makes a Python value of bytes in any spelling.  Called for
            ``ROW_DECODER``, and for what is not spelt as servers commonly do.
        convert: the same for Arrow: ``convert(column, data)`` returns the bytes that stand for the
            value in the column's data buffer, or ``None`` for NULL.
    """

    def __new__(
        cls,
        columns: tuple[tuple[str, str, str, int, int], ...],
        keys: tuple[str, ...],
        decoders: tuple[Callable[[bytes], Any], ...],
        convert: Callable[[int, bytes], bytes | None],
    ) -> Plan: ...
    @property
    def has_arrow(self) -> bool:
        """Whether every column has an Arrow decoder."""

    @property
    def failed(self) -> int:
        """Column at which the last decoding stopped; -1 when none refused a value."""

@final
class Batch:
    """One Arrow record batch."""

    @property
    def num_rows(self) -> int: ...
    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_array__(
        self, requested_schema: object | None = None
    ) -> tuple[object, object]: ...

@final
class Batches:
    """Arrow record batches of one result.

    Immutable, and may be exported any number of times: exports share the memory, hold it as long
    as they need it, and may be released on any thread.
    """

    @property
    def num_rows(self) -> int: ...
    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def batches(self) -> list[Batch]:
        """Return the batches one by one."""

    def slice(self, start: int, rows: int, /) -> Batches:
        """Return at most ``rows`` rows from row ``start`` on, without copying."""

@final
class Kept:
    """Row packets as they came, to be decoded later."""

    def __new__(cls) -> Kept: ...
    @property
    def num_rows(self) -> int: ...
    @property
    def position(self) -> int:
        """The row to be read next."""

    def read_rows(self, plan: Plan, limit: int | None, dicts: bool = False, /) -> list[Any]:
        """Return the next rows as tuples or dicts."""

    def read_arrow(self, plan: Plan, limit: int | None, /) -> Batches:
        """Return the next rows as Arrow batches."""

    def packets(self, limit: int | None, /) -> list[bytes]:
        """Return the next rows as the payloads they came in."""

    def seek(self, row: int, /) -> None:
        """Make the next read start at ``row``."""

@final
class Reader:
    """The packets of one connection, decoded as they arrive.

    Args:
        fd: descriptor of a plain socket, blocking or not; stays the caller's.  The GIL is released
            while it is read.
        receive_into: for anything else, a callable like ``socket.recv_into``.
        timeout: seconds to wait for the next byte from ``fd``.
    """

    sequence: int
    """Number that the next packet must have, 0-255."""

    def __new__(
        cls,
        fd: int = -1,
        receive_into: Callable[[memoryview], int] | None = None,
        timeout: float | None = None,
    ) -> Reader: ...
    @property
    def pending(self) -> int:
        """Bytes that were received and not yet read."""

    @property
    def capacity(self) -> int:
        """Bytes that the receive buffer holds."""

    @property
    def end(self) -> bytes | None:
        """Payload of the EOF or ERR packet that ended the rows; ``None`` while they go on."""

    def feed(self, data: Buffer, /) -> None:
        """Append received bytes."""

    def start(self, sequence: int, /) -> None:
        """Expect an answer whose first packet has this number."""

    def close(self) -> None:
        """Forget the source and what it gave; reading is then a ``ConnectionError``."""

    def read_packet(self) -> bytes | None:
        """Return the next payload, whole; ``None`` when bytes lack and there is no source."""

    def read_answer(self, kept: Kept | None = None, /) -> tuple[bytes, bool] | None:
        """Return the start of an answer.

        ``(definitions, True)`` for a result set: the packets that define its columns, one behind
        the other with their headers.  With ``kept``, its rows are then kept too.
        ``(payload, False)`` for any other packet.  ``None`` when bytes lack and there is no source.
        """

    def keep_rows(self, kept: Kept, limit: int | None, /) -> None:
        """Add rows to ``kept`` until it has ``limit`` or they end."""

    def skip_rows(self, limit: int | None, /) -> int:
        """Drop at most ``limit`` rows and return how many."""

    def read_rows(self, plan: Plan, limit: int | None, dicts: bool = False, /) -> list[Any]:
        """Return at most ``limit`` rows as tuples or dicts."""

    def read_arrow(self, plan: Plan, limit: int | None, /) -> Batches:
        """Return at most ``limit`` rows as Arrow batches."""

def trim_memory() -> None:
    """Give memory that is kept for later results back to the system."""

def fail_allocation(successes: int, /) -> None:
    """Make the decoder's allocation after ``successes`` more fail, once; for tests."""
