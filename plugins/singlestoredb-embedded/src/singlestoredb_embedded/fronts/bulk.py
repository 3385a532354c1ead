"""Rows of the text protocol of large results, put together by DuckDB.

The batches of the result go through a second statement, whose vectorised functions print and join
what :mod:`.rows` would print value by value.  Columns of types that DuckDB prints otherwise than a
server does stay with :mod:`.rows`, and so do some thousand rows at a time when one of them has an
odd value (a DOUBLE with an exponent, a text of 64 KiB): DuckDB leaves it NULL.

To plan that statement takes some milliseconds, so the first batch of a result is printed by Python.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import duckdb

from singlestoredb_embedded.arrow import Batch, BatchReader, Field, Source, values
from singlestoredb_embedded.engine import stream
from singlestoredb_embedded.translate.output import Selected
from singlestoredb_embedded.types import SqlType

from .rows import raw_fields, text_encoders, text_rows

AT_ONCE = 4096
"""Rows that exist as Python values at a time."""

_BLOB = Field("", "z")
_INTEGERS = frozenset("cCsSiIlL")
_DOUBLE = (
    "CASE WHEN abs({0}) BETWEEN 1e-4 AND 9e15 THEN CASE WHEN {0} = trunc({0}) "
    "THEN CAST(CAST({0} AS BIGINT) AS VARCHAR) ELSE CAST({0} AS VARCHAR) END "
    "WHEN {0} = 0 THEN CASE WHEN signbit({0}) THEN '-0' ELSE '0' END END"
)
"""NULL for what may have an exponent."""
_MICROSECONDS = (
    "CASE WHEN strlen(CAST({0} AS VARCHAR)) = 19 THEN CAST({0} AS VARCHAR) || '.000000' "
    "ELSE rpad(CAST({0} AS VARCHAR), 26, '0') END"
)
_LENGTH = (
    "CASE WHEN {n} < 128 THEN encode(chr(CAST({n} AS INTEGER))) "
    "WHEN {n} < 251 THEN unhex(printf('%02X', {n})) "
    "WHEN {n} < 65536 THEN unhex(printf('FC%02X%02X', {n} & 255, {n} >> 8)) END"
)


class BulkRows:
    """Prints one result.

    ``connect`` returns the connection to print with, which is for nothing else meanwhile; it is
    called when there is a second batch.
    """

    def __init__(
        self, selected: Selected, connect: Callable[[], duckdb.DuckDBPyConnection]
    ) -> None:
        self._connect = connect
        self._fields = raw_fields(selected)
        self._encoders = text_encoders(selected)
        self._typed: list[Field] = []
        self._parts: list[int | None] = []
        """What a row is made of: numbers of columns, and ``None`` for a run that DuckDB joins."""
        self._sql: list[str] = []
        run: list[_Field] = []
        for i, (kind, field) in enumerate(zip(selected.types, selected.fields, strict=True)):
            name = f"c{i}"
            format = "l" if field.format == "tDu" else field.format  # what a TIME comes as
            self._typed.append(Field(name, format, width=field.width, element=field.element))
            printed = _field(name, kind, field)
            if printed is not None:
                if not run:
                    self._parts.append(None)
                run.append(printed)
                continue
            if run:
                self._sql.append(_join(run))
            run = []
            self._parts.append(i)
        if run:
            self._sql.append(_join(run))

    def plain(self, batch: Batch) -> Iterator[list[bytes]]:
        """Yield the payloads of a batch's rows, some thousand at a time, printed by Python."""
        for start in range(0, batch.length, AT_ONCE):
            yield self._plain(batch, start, min(AT_ONCE, batch.length - start))

    def joined(self, batches: Iterator[Batch]) -> Generator[list[bytes], None, None]:
        """Yield the payloads of the rows of ``batches``, some thousand at a time.

        Close it before ``batches``: DuckDB may read them from a thread of its own.
        """
        first = next(batches, None)
        if first is None:
            return
        batches = itertools.chain((first,), batches)
        if not self._sql or any(field.format == "n" for field in self._typed):
            for batch in batches:
                yield from self.plain(batch)
            return
        raised: list[BaseException] = []

        def pull() -> Batch | None:
            try:
                return next(batches, None)
            except BaseException as exc:  # it goes through C, where it would become a text
                raised.append(exc)
                raise

        columns = [field.name for field in self._typed]
        runs = [f"{sql} AS r{i}" for i, sql in enumerate(self._sql)]
        reader: BatchReader | None = None
        try:
            relation = self._connect().from_arrow(Source(self._typed, pull))
            printed = relation.project(", ".join(columns + runs))
            reader = BatchReader(stream(printed, AT_ONCE))
            while (found := reader.read()) is not None:
                for start in range(0, found.length, AT_ONCE):
                    yield self._mixed(found, start, min(AT_ONCE, found.length - start))
        except Exception as exc:
            if raised:
                raise raised[0] from exc
            raise
        finally:
            if reader is not None:
                reader.close()

    def _plain(self, batch: Batch, start: int, count: int) -> list[bytes]:
        children = batch.array.children
        columns = [
            values(children[i].contents, field, start, count)
            for i, field in enumerate(self._fields)
        ]
        return text_rows(self._encoders, columns)

    def _mixed(self, batch: Batch, start: int, count: int) -> list[bytes]:
        children = batch.array.children
        parts = []
        run = len(self._fields)
        for i in self._parts:
            if i is None:
                column = values(children[run].contents, _BLOB, start, count)
                if children[run].contents.null_count and None in column:
                    return self._plain(batch, start, count)
                parts.append(column)
                run += 1
            else:
                column = values(children[i].contents, self._fields[i], start, count)
                parts.append(self._encoders[i](column))
        if len(parts) == 1:
            return parts[0]
        return list(map(b"".join, zip(*parts, strict=True)))


@dataclass(frozen=True)
class _Field:
    """SQL that prints a column."""

    name: str
    quick: str | None
    """Text with its length before it; NULL unless it has less than 128 bytes."""
    data: str
    """The bytes without their length."""


def _join(fields: list[_Field]) -> str:
    """Return SQL for fields one after the other.

    Rows without NULL whose texts have less than 128 bytes are joined as text, which is quick; the
    rest, whose lengths and NULLs are no text, as bytes.  DuckDB evaluates the latter for those
    rows only.
    """
    slow = " || ".join(
        f"CASE WHEN {f.name} IS NULL THEN '\\xFB'::BLOB "
        f"ELSE {_LENGTH.format(n=f'octet_length({f.data})')} || {f.data} END"
        for f in fields
    )
    quick = [f.quick for f in fields if f.quick]
    if len(quick) < len(fields):
        return slow
    return f"coalesce(encode({' || '.join(quick)}), {slow})"


def _field(name: str, kind: SqlType, field: Field) -> _Field | None:
    """Return what prints a column; ``None`` where DuckDB prints otherwise than a server."""
    family, format = kind.family, field.format
    if format == "z":
        return _Field(name, None, name)
    if format == "u":
        quick = f"CASE WHEN strlen({name}) < 128 THEN chr(CAST(strlen({name}) AS INTEGER)) END"
        return _Field(name, f"{quick} || {name}", f"encode({name})")
    text = f"CAST({name} AS VARCHAR)"
    if format == "g":
        text = _DOUBLE.format(name)
    elif format == "tsu:" and kind.scale:
        text = _MICROSECONDS.format(name)
    elif not (
        format in ("tdD", "tsu:")
        # Without digits before the point DuckDB prints no zero there.
        or (format.startswith("d:") and kind.precision > kind.scale)
        or (format in _INTEGERS and family != "year")
    ):
        return None
    return _Field(name, f"chr(CAST(strlen({text}) AS INTEGER)) || {text}", f"encode({text})")
