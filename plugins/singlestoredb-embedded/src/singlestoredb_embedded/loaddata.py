"""LOAD DATA LOCAL INFILE: a text file through DuckDB's CSV reader into a table."""

from __future__ import annotations

import contextlib
import mmap
import os
import queue
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import duckdb

from singlestoredb.exceptions import OperationalError

from . import nodes
from .catalog import ColumnDef, Table
from .dml import Ids, insert_columns, select_source, store, writable
from .errors import unsupported
from .lex import quote_string
from .statements import LoadData
from .transactions import Run
from .translate.scope import Output, Relation, Scope
from .translate.typed import Typed
from .types import LONGTEXT

if TYPE_CHECKING:
    from .session import Changed, Session

_CHUNK = 1 << 20
_PLAIN = {"int", "float", "decimal", "date", "datetime"}
"""Families whose text DuckDB's reader parses as the server does, when it parses at all."""


def load(session: Session, statement: LoadData) -> Changed:
    """Run LOAD DATA LOCAL; reads the file that the statement names, or the caller's stream."""
    if not session.local_infile and statement.path != session.infile_name:
        raise OperationalError(
            1148, "The used command is not allowed: LOAD DATA LOCAL is switched off", "42000",
            hint="connect with local_infile=True",
        )  # fmt: skip
    table = writable(session, nodes.TableName(statement.table, statement.database))
    with contextlib.ExitStack() as stack:
        path = stack.enter_context(_source(session, statement))
        path, escaped = stack.enter_context(_normalised(path, statement))
        return _load(session, statement, table, path, escaped)


# -- where the bytes come from ---------------------------------------------------------------


@contextlib.contextmanager
def _source(session: Session, statement: LoadData) -> Iterator[str]:
    if statement.path != (session.infile_name or ":stream:"):
        if not os.path.isfile(statement.path):
            raise OperationalError(1017, f"Can't find file '{statement.path}'")
        if not re.search(r"[*?\[]", statement.path):
            yield statement.path
            return
        # DuckDB would take the name for a pattern and read other files too.
        with _temporary() as (copy, write):
            write(b"")
            shutil.copyfile(statement.path, copy)
            yield copy
        return
    stream = session.infile
    if stream is None:
        raise OperationalError(
            1017, "':stream:' was named as the file, but no infile_stream was given"
        )
    with _temporary() as (path, write):
        for piece in pieces(stream):
            write(piece)
        write(b"")
        yield path


@contextlib.contextmanager
def _temporary() -> Iterator[tuple[str, Callable[[bytes], Any]]]:
    """A file that is gone afterwards; writing ``b""`` ends it."""
    handle, path = tempfile.mkstemp(prefix="singlestoredb-load-", suffix=".txt")
    file = os.fdopen(handle, "wb")

    def write(data: bytes) -> None:
        file.write(data) if data else file.close()

    try:
        yield path, write
    finally:
        file.close()
        os.unlink(path)


def pieces(stream: Any) -> Iterator[bytes]:
    """Yield the bytes of whatever the contract admits as ``infile_stream``."""
    if isinstance(stream, (bytes, bytearray, memoryview, str)):
        found: Iterable[Any] = [stream]
    elif isinstance(stream, queue.Queue):
        found = iter(stream.get, b"")
    elif hasattr(stream, "read"):
        found = _reads(stream.read)
    elif callable(stream):
        found = _reads(stream)
    else:
        try:
            found = iter(stream)
        except TypeError:
            raise OperationalError(
                1017, f"infile_stream of the type {type(stream).__name__} cannot be read"
            ) from None
    for piece in found:
        if len(piece) == 0 and isinstance(stream, queue.Queue):
            return
        if len(piece):
            yield piece.encode() if isinstance(piece, str) else bytes(piece)


def _reads(read: Callable[[int], Any]) -> Iterator[Any]:
    while True:
        piece = read(_CHUNK)
        if not piece:
            return
        yield piece


# -- what DuckDB's reader cannot do ----------------------------------------------------------


@contextlib.contextmanager
def _normalised(path: str, statement: LoadData) -> Iterator[tuple[str, bool]]:
    """Yield (path, whether fields hold escapes) of a file that DuckDB's reader splits rightly.

    The reader knows no escapes outside of quotes, line ends other than ``\\n``, or line prefixes:
    a file that has them is written again, with tabs between fields and backslash escapes.
    """
    escape = statement.escaped
    if len(escape) > 1 or len(statement.enclosed) > 1:
        raise unsupported("LOAD DATA with an ENCLOSED BY or ESCAPED BY of several characters")
    strange = (
        statement.lines_terminated not in ("\n", "\r\n")
        or bool(statement.lines_starting)
        or escape not in ("", "\\")
        or len(statement.fields_terminated) != 1
    )
    escaped = False
    if not strange and escape:
        escaped = _holds(path, [b"\\"])
        if escaped:
            splitting = [b"\\\n", b"\\\r", b"\\" + statement.fields_terminated.encode()]
            strange = bool(statement.enclosed) or _holds(path, splitting)
    if not strange:
        yield path, escaped
        return
    with _temporary() as (clean, write):
        with open(path, "rb") as file:
            text = file.read().decode("utf-8", "surrogateescape")
        for record in records(text, statement):
            line = "\t".join("\\N" if f is None else _escape(f) for f in record)
            write((line + "\n").encode("utf-8", "surrogateescape"))
        write(b"")
        statement.fields_terminated, statement.enclosed = "\t", ""
        statement.escaped, statement.lines_terminated = "\\", "\n"
        statement.lines_starting, statement.null_text = "", None
        yield clean, True


def _holds(path: str, needles: list[bytes]) -> bool:
    if os.path.getsize(path) == 0:
        return False
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return any(view.find(needle) >= 0 for needle in needles)


def _escape(field: str) -> str:
    if not re.search(r"[\\\t\n\r]", field):
        return field
    return (
        field.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    )


_LETTERS = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a"}


def records(text: str, statement: LoadData) -> Iterator[list[str | None]]:
    """Split a text into records of fields, by the rules of LOAD DATA in the server's manual."""
    delimiter, end = statement.fields_terminated, statement.lines_terminated
    quote, escape, prefix = statement.enclosed, statement.escaped, statement.lines_starting
    position, size = 0, len(text)
    while position < size:
        if prefix:
            found = text.find(prefix, position)
            if found < 0:
                return
            position = found + len(prefix)
        record: list[str | None] = []
        while True:
            field, position, stop = _field(text, position, delimiter, end, quote, escape)
            record.append(field)
            if stop != delimiter:
                break
        yield record


def _field(
    text: str, position: int, delimiter: str, end: str, quote: str, escape: str
) -> tuple[str | None, int, str]:
    """Return (field, position after it, what ended it: a delimiter, a line end or nothing)."""
    quoted = bool(quote) and text.startswith(quote, position)
    if quoted:
        position += 1
    parts: list[str] = []
    null = False
    while position < len(text):
        char = text[position]
        if escape and char == escape and position + 1 < len(text):
            letter = text[position + 1]
            null = null or (letter == "N" and not parts and not quoted)
            parts.append(_LETTERS.get(letter, letter))
            position += 2
        elif quoted and char == quote:
            if text.startswith(quote, position + 1):
                parts.append(quote)
                position += 2
            else:
                quoted = False
                position += 1
        elif not quoted and delimiter and text.startswith(delimiter, position):
            return _finished(parts, null), position + len(delimiter), delimiter
        elif not quoted and text.startswith(end, position):
            return _finished(parts, null), position + len(end), end
        else:
            parts.append(char)
            position += 1
    return _finished(parts, null), position, ""


def _finished(parts: list[str], null: bool) -> str | None:
    return None if null and parts == ["N"] else "".join(parts)


# -- into the table --------------------------------------------------------------------------


def _load(session: Session, statement: LoadData, table: Table, path: str, escaped: bool) -> Changed:
    names = statement.columns or [c.name for c in table.columns if c.computed is None]
    given = [None if n.startswith("@") else table.column(n) for n in names]

    def attempt(typed: bool) -> Changed:
        return session.change(
            [table],
            lambda run: _insert(session, statement, table, names, given, path, escaped, typed, run),
            no_replay=lambda: "LOAD DATA cannot be repeated",
        )

    plain = [g is not None and g.type.family in _PLAIN and not g.type.unsigned for g in given]
    if any(plain) and not session.transaction.active and session.autocommit:
        try:
            return attempt(True)
        except Exception as exc:
            if not isinstance(
                exc.__cause__, (duckdb.ConversionException, duckdb.InvalidInputException)
            ):
                raise
            # A field is not what its column takes: the slow way converts it or says which.
    return attempt(False)


def _insert(
    session: Session,
    statement: LoadData,
    table: Table,
    names: list[str],
    given: list[ColumnDef | None],
    path: str,
    escaped: bool,
    typed: bool,
    run: Run,
) -> Changed:
    translator = session.translator()
    alias = translator.fresh()
    kinds: list[str] = []
    values: list[Typed] = []
    for i, column in enumerate(given, 1):
        direct = typed and column is not None and column.type.family in _PLAIN and (
            column.type.kind not in ("MEDIUMINT", "YEAR") and not column.type.unsigned
        )  # fmt: skip
        if direct and column is not None:
            kinds.append(column.type.storage)
            sql = f"{alias}.c{i}"
            if column.type.family == "datetime" and not column.type.scale:
                sql = f"date_trunc('second', {sql})"
            values.append(Typed(sql, column.type, exact=True))
        else:
            kinds.append("VARCHAR")
            values.append(Typed(_unescaped(f"{alias}.c{i}", escaped), LONGTEXT))
    source = f"{_reader(statement, path, kinds)} AS {alias}"
    columns, items = [], []
    for column, value in zip(given, values, strict=True):
        if column is not None:
            columns.append(column)
            items.append(value)
    _apply_sets(session, translator, statement, table, names, values, columns, items)
    checked = insert_columns(table, [c.name for c in columns])
    ids = Ids(session, table, run)
    all_columns, sql = select_source(session, translator, table, checked, items, source, ids)
    mode = statement.duplicates.lower()
    return store(session, translator, table, all_columns, sql, mode, run, ids)


def _apply_sets(
    session: Session,
    translator: Any,
    statement: LoadData,
    table: Table,
    names: list[str],
    values: list[Typed],
    columns: list[ColumnDef],
    items: list[Typed],
) -> None:
    """Add the columns of the SET clause, which may use fields and variables."""
    outputs = [
        Output(name, value)
        for name, value in zip(names, values, strict=True) if not name.startswith("@")
    ]  # fmt: skip
    scope = Scope(relations=[Relation(table.name, outputs)])
    translator.fields = {
        name[1:]: value for name, value in zip(names, values, strict=True) if name.startswith("@")
    }
    for name, node in statement.sets:
        column = table.column(name.name)
        if isinstance(node, nodes.Default):
            continue
        value = translator.expression(node, scope)
        if column in columns:
            items[columns.index(column)] = value
        else:
            columns.append(column)
            items.append(value)


def _unescaped(sql: str, escaped: bool) -> str:
    """SQL that resolves backslash escapes; the field's own NULL is already one."""
    if not escaped:
        return sql
    # Backslashes stand in pairs or before a letter, so what is between two pairs has letters only.
    part = "part"
    for letter, code in (("t", 9), ("n", 10), ("r", 13), ("0", 0), ("b", 8), ("Z", 26)):
        part = f"replace({part}, '\\{letter}', chr({code}))"
    part = f"replace({part}, '\\', '')"
    parts = f"list_transform(string_split({sql}, '\\\\'), lambda part: {part})"
    return f"CASE WHEN contains({sql}, '\\') THEN array_to_string({parts}, '\\') ELSE {sql} END"


def _reader(statement: LoadData, path: str, kinds: list[str]) -> str:
    fields = ", ".join(f"'c{i}': '{kind}'" for i, kind in enumerate(kinds, 1))
    null = statement.null_text
    if null is None:
        null = "\\N" if statement.escaped else "NULL"
    options = {
        "delim": quote_string(statement.fields_terminated),
        "quote": quote_string(statement.enclosed),
        "escape": quote_string(statement.enclosed),
        "nullstr": quote_string(null),
        "header": "false",
        "compression": "'none'",
        "auto_detect": "false",
        "skip": str(statement.skip_lines),
        "max_line_size": str(64 * _CHUNK),
        "columns": "{" + fields + "}",
    }
    if not statement.enclosed:
        options["null_padding"] = "true"
    listed = ", ".join(f"{name} = {value}" for name, value in options.items())
    return f"read_csv({quote_string(path)}, {listed})"
