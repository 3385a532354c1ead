"""What an accelerator named ``mysql-rows`` must offer.

The one that ships with the SDK is the plugin ``mysql_accel``; ``_singlestoredb_accel.pyi`` there
says more of each method.  For type checkers only: nothing imports this at run time, since making a
protocol takes time that a first connection would feel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from singlestoredb_hookspecs import ArrowBatches


class Plan(Protocol):
    """How the columns of a result are decoded."""

    @property
    def has_arrow(self) -> bool:
        """Whether every column can be decoded to Arrow."""

    @property
    def failed(self) -> int:
        """Column whose value was refused last; -1 when none was."""


class Planning(Protocol):
    """The part of the accelerator that makes plans: its constructor, and names for it."""

    Plan: Callable[..., Plan]
    AS_TEXT: int
    AS_BYTES: int
    AS_JSON: int
    ROW_DECODER: int
    ROW_INT: int
    ROW_FLOAT: int
    ROW_DECIMAL: int
    ROW_DATE: int
    ROW_DATETIME: int
    ROW_TIME: int
    ROW_TEXT: int
    ROW_BYTES: int
    ROW_NONE: int


class Batches(ArrowBatches, Protocol):
    """Arrow batches that parts can be taken of."""

    def slice(self, start: int, rows: int, /) -> Batches:
        """Return at most ``rows`` rows from row ``start`` on."""


class Kept(Protocol):
    """Row packets that are decoded later."""

    @property
    def num_rows(self) -> int:
        """How many there are."""

    def read_rows(self, plan: Plan, limit: int | None, dicts: bool, /) -> list[Any]:
        """Return the next rows."""

    def read_arrow(self, plan: Plan, limit: int | None, /) -> Batches:
        """Return the next rows as Arrow batches."""

    def packets(self, limit: int | None, /) -> list[bytes]:
        """Return the payloads of the next rows."""

    def seek(self, row: int, /) -> None:
        """Make the next read start at ``row``."""


class Reader(Protocol):
    """Reads and decodes the packets of one connection."""

    sequence: int

    @property
    def pending(self) -> int:
        """Bytes that were received and not yet read."""

    @property
    def end(self) -> bytes | None:
        """The packet that ended the rows; ``None`` while they go on."""

    def start(self, sequence: int, /) -> None:
        """Expect an answer."""

    def close(self) -> None:
        """Forget the socket."""

    def read_packet(self) -> bytes:
        """Return the next payload."""

    def read_answer(self, kept: Kept | None, /) -> tuple[bytes, bool]:
        """Return column definitions (``True``; all rows are then kept), or another payload."""

    def keep_rows(self, kept: Kept, limit: int | None, /) -> None:
        """Keep rows until there are ``limit``."""

    def skip_rows(self, limit: int | None, /) -> int:
        """Drop rows."""

    def read_rows(self, plan: Plan, limit: int | None, dicts: bool, /) -> list[Any]:
        """Return the next rows."""

    def read_arrow(self, plan: Plan, limit: int | None, /) -> Batches:
        """Return the next rows as Arrow batches."""


class Accelerator(Planning, Protocol):
    """The accelerator."""

    Kept: Callable[[], Kept]
    Reader: Callable[..., Reader]
    SequenceError: type[Exception]
    RowError: type[Exception]
