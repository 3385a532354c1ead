"""Packets of bytes that somebody else receives, in pure Python.

Does what the accelerator's reader does without a source: a method that lacks bytes says so by its
answer, keeps what it has, and is called again when there are more.
"""

from __future__ import annotations

from .columns import lenenc
from .wire import MAX_PAYLOAD, MOST_COLUMNS

_NOT_A_COUNT = frozenset({b"", b"\x00", b"\xfb", b"\xfe", b"\xff"})
"""First bytes of answers that do not begin with a number of columns."""


class SequenceError(Exception):
    """A packet has the wrong number; ``args`` is ``(got, expected)``."""


class MalformedError(Exception):
    """What came is no answer: its columns are not as announced."""


class FedReader:
    """The packets of one connection."""

    def __init__(self) -> None:
        self.sequence = 0
        self.end: bytes | None = None
        """The packet that ended the rows; ``None`` while they go on."""
        self._buffer = b""
        self._position = 0
        self._fed: list[bytes] = []
        self._size = 0
        """Bytes in ``_fed``."""
        self._parts: list[bytes] = []
        """What has come of a payload longer than one packet."""
        self._definitions: list[bytes] | None = None
        self._count = 0

    @property
    def pending(self) -> int:
        """Bytes that were received and not yet read."""
        return len(self._buffer) - self._position + self._size

    def start(self, sequence: int) -> None:
        """Expect an answer whose first packet has this number."""
        self.sequence = sequence
        self._parts, self._definitions = [], None

    def feed(self, data: bytes | memoryview) -> None:
        """Append received bytes; they are copied."""
        self._fed.append(bytes(data))
        self._size += len(data)

    def close(self) -> None:
        """Forget what was received."""
        self._buffer, self._position, self._fed, self._size = b"", 0, [], 0

    def _has(self, size: int) -> bool:
        """Have so many bytes in the buffer, if they were received."""
        here = len(self._buffer) - self._position
        if here >= size:
            return True
        if here + self._size < size:
            return False
        self._buffer = b"".join([self._buffer[self._position :], *self._fed])
        self._position, self._fed, self._size = 0, [], 0
        return True

    def read_packet(self) -> bytes | None:
        """Return the next payload, whole."""
        while self._has(4):
            buffer, start = self._buffer, self._position
            length = buffer[start] | buffer[start + 1] << 8 | buffer[start + 2] << 16
            if not self._has(4 + length):
                return None
            buffer, start = self._buffer, self._position
            if buffer[start + 3] != self.sequence:
                raise SequenceError(buffer[start + 3], self.sequence)
            self.sequence = (self.sequence + 1) & 0xFF
            self._position = start + 4 + length
            payload = buffer[start + 4 : start + 4 + length]
            if length < MAX_PAYLOAD:
                if self._parts:
                    payload = b"".join([*self._parts, payload])
                    self._parts = []
                return payload
            self._parts.append(payload)
        return None

    def read_answer(
        self, kept: list[bytes] | None
    ) -> tuple[bytes | tuple[bytes, ...], bool] | None:
        """Return column definitions (``True``), or another payload (``False``).

        With ``kept``, the rows that have come already are kept too.
        """
        self.end = None
        if self._definitions is None:
            first = self.read_packet()
            if first is None:
                return None
            if first[:1] in _NOT_A_COUNT:
                return first, False
            self._count, end = lenenc(first, 0)
            if not 0 < self._count <= MOST_COLUMNS or end != len(first):
                raise MalformedError
            self._definitions = []
        definitions = self._definitions
        while len(definitions) <= self._count:  # and the EOF behind them
            payload = self.read_packet()
            if payload is None:
                return None
            if payload[:1] == b"\xff":
                self._definitions = None
                return payload, False
            is_eof = payload[:1] == b"\xfe"
            if is_eof != (len(definitions) == self._count) or (is_eof and len(payload) > 8):
                raise MalformedError
            definitions.append(payload)
        self._definitions = None
        if kept is not None:
            self.keep_rows(kept, None)
        return tuple(definitions[: self._count]), True

    def keep_rows(self, kept: list[bytes], limit: int | None) -> None:
        """Keep rows until there are ``limit`` or they end."""
        self.end = None
        while limit is None or len(kept) < limit:
            payload = self.read_packet()
            if payload is None:
                return
            if payload[:1] >= b"\xfe" and (payload[0] == 0xFF or len(payload) < 9):
                self.end = payload
                return
            kept.append(payload)

    def skip_rows(self, limit: int | None) -> int:
        """Drop the rows that have come and return how many."""
        rows: list[bytes] = []
        self.keep_rows(rows, limit)
        return len(rows)
