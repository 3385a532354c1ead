"""Data into a table: Arrow, data frames and rows, through LOAD DATA LOCAL.

::

    ingest(connection, "t", data, "append")
      _source(data)             fields of the data, and how it becomes text
      _Load                     the table: made, matched by column name, replaced, cleaned up
      LOAD DATA LOCAL INFILE    a stream under a name that was made up for this statement
        tsv accelerator         Arrow to text in C; columnar.text is the same in Python

Drivers without LOAD DATA LOCAL get multi-row INSERTs of the same texts.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, get_args

from singlestoredb import accelerators
from singlestoredb.escaping import Escaper, identifier
from singlestoredb.exceptions import (
    DataError,
    Error,
    IntegrityError,
    OperationalError,
    ProgrammingError,
)
from singlestoredb_hookspecs import DriverCapability

if TYPE_CHECKING:
    from singlestoredb.columnar.text import Texts
    from singlestoredb.session import Session

IngestMode: TypeAlias = Literal["create", "append", "replace", "create_append"]
Progress: TypeAlias = Callable[[int, int], None]
"""``progress(rows, size)``: rows and bytes that were handed to the server so far."""

_PIECE = 1 << 18
"""Bytes that are encoded at a time: the packets of a load are smaller, the socket's buffer is not
much larger."""
_PEEK_ROWS = 1024
"""Rows that are looked at for their names and types before a table is made of them."""
_CHUNK_ROWS = 4096
_FRAME_ROWS = 1 << 16
"""Rows of a pandas frame that are turned into Arrow at a time."""
_INSERT_SIZE = 1_000_000
"""Longest INSERT in bytes, where there is no LOAD DATA."""
_NO_SUCH_TABLE = 1146
_DUPLICATE_KEY = 1062
_NULLS = (1048, 1263, 1364)
_TRUNCATED = 1265


@dataclass(frozen=True)
class Field:
    """A column of the data."""

    name: str | None
    """``None`` for a column of plain tuples, which have no names."""
    sql_type: str
    """What a table that is made for it has."""
    is_binary: bool
    """Whether its texts are hexadecimal digits."""


class _Source(Protocol):
    """Data to be loaded."""

    def fields(self, columns: Sequence[_Column] | None, has_vectors: bool) -> Sequence[Field]:
        """Return the columns of the data.  ``columns`` are the table's, where there is one."""

    @property
    def rows(self) -> int:
        """Rows that were given so far."""

    def lines(self) -> Iterator[bytes]:
        """Iterate over pieces of a file for LOAD DATA."""

    def columns(self) -> Iterator[list[Texts]]:
        """Iterate over texts, column by column, of some rows at a time."""


@dataclass(frozen=True)
class _Column:
    """A column of the table."""

    name: str
    sql_type: str
    """In lower case, as SHOW COLUMNS has it."""

    @property
    def is_binary(self) -> bool:
        return "binary" in self.sql_type or "blob" in self.sql_type

    @property
    def is_bit(self) -> bool:
        return self.sql_type.startswith("bit")


def ingest(
    session: Session,
    table_name: str,
    data: Any,
    mode: IngestMode = "create",
    *,
    catalog_name: str | None = None,
    db_schema_name: str | None = None,
    temporary: bool = False,
    progress: Progress | None = None,
) -> int:
    """Load data into a table; see :meth:`singlestoredb.connection.Cursor.adbc_ingest`."""
    if mode not in get_args(IngestMode):
        raise ProgrammingError(
            None, f"unknown mode {mode!r}: one of {', '.join(get_args(IngestMode))}"
        )
    database = catalog_name or db_schema_name
    if catalog_name and db_schema_name and catalog_name != db_schema_name:
        raise ProgrammingError(
            None,
            f"catalog_name {catalog_name!r} and db_schema_name {db_schema_name!r} both name the "
            "database, and differ",
        )
    try:
        source = _source(session, data)
    except Error:
        raise
    except Exception as exc:
        raise OperationalError(
            None, f"the data ended early with {type(exc).__name__}: {exc}; nothing had been sent"
        ) from exc
    return _Load(session, source, database, table_name, temporary, progress).run(mode)


# -- the load --------------------------------------------------------------------------------


class _Load:
    """One load, from making the table to cleaning up."""

    def __init__(
        self,
        session: Session,
        source: _Source,
        database: str | None,
        name: str,
        temporary: bool,
        progress: Progress | None,
    ) -> None:
        self._session = session
        self._driver = session._opened()
        self._source = source
        self._prefix = identifier(database) + "." if database else ""
        self._name = name
        self._table = self._prefix + identifier(name)
        self._temporary = temporary
        self._progress = progress
        self._left = ""
        """What became of the rows of a load that failed."""

    def run(self, mode: IngestMode) -> int:
        if mode in ("append", "create_append"):
            try:
                columns = self._columns()
            except ProgrammingError as exc:
                if mode == "append" or exc.errno != _NO_SUCH_TABLE:
                    raise
            else:
                fields = self._source.fields(columns, self._has_vectors)
                return self._load(self._table, self._matched(fields, columns), None)
        fields = self._source.fields(None, self._has_vectors)
        targets = self._own(fields)
        if mode == "replace" and not self._temporary:
            return self._replace(fields, targets)
        if mode == "replace":
            self._query(f"DROP TEMPORARY TABLE IF EXISTS {self._table}")
        self._create(self._table, fields)
        return self._load(self._table, targets, self._table)

    @property
    def _has_vectors(self) -> bool:
        return "MariaDB" not in self._driver.info.version

    def _query(self, sql: str) -> None:
        self._session._run(sql, None, True, "rows", None).close()

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        from singlestoredb.reading import read_rows

        stream = self._session._run(sql, None, True, "rows", None)
        try:
            return read_rows(stream, None)
        finally:
            stream.close()

    # -- the table --

    def _columns(self) -> list[_Column]:
        def text(value: Any) -> str:
            return value.decode() if isinstance(value, bytes) else str(value)

        found = self._rows(f"SHOW COLUMNS FROM {self._table}")
        return [_Column(text(row[0]), text(row[1]).lower()) for row in found]

    def _create(self, table: str, fields: Sequence[Field]) -> None:
        if not fields:
            raise ProgrammingError(None, f"no table {table} can be made: the data has no columns")
        columns = []
        for field in fields:
            if field.name is None:
                raise ProgrammingError(
                    None,
                    f"no table {table} can be made of rows without names",
                    hint="pass dicts, named tuples, a data frame or Arrow data",
                )
            columns.append(f"{identifier(field.name)} {field.sql_type}")
        word = "CREATE TEMPORARY TABLE" if self._temporary else "CREATE TABLE"
        self._query(f"{word} {table} ({', '.join(columns)})")

    @staticmethod
    def _own(fields: Sequence[Field]) -> list[tuple[Field, _Column]]:
        """Match fields with the columns that are made for them."""
        return [(field, _Column(field.name or "", field.sql_type.lower())) for field in fields]

    def _matched(
        self, fields: Sequence[Field], columns: Sequence[_Column]
    ) -> list[tuple[Field, _Column]]:
        """Match fields with the columns of the table, by name; plain tuples by position."""
        if not fields:
            raise ProgrammingError(None, "the data has no columns")
        if all(field.name is None for field in fields):
            if len(fields) != len(columns):
                raise ProgrammingError(
                    None,
                    f"the rows have {len(fields)} values, the table {self._table} has "
                    f"{len(columns)} columns",
                    hint="pass dicts to fill some of them",
                )
            return list(zip(fields, columns, strict=True))
        exact = {column.name: column for column in columns}
        # Servers compare names of columns without regard to case.
        folded = {column.name.lower(): column for column in columns}
        matched, unknown = [], []
        for field in fields:
            name = field.name or ""
            column = exact.get(name) or folded.get(name.lower())
            if column is None:
                unknown.append(name)
            else:
                matched.append((field, column))
        if unknown:
            raise ProgrammingError(
                None,
                f"the table {self._table} has no column named "
                f"{', '.join(map(repr, unknown))}; it has {', '.join(c.name for c in columns)}",
            )
        names = [column.name for _, column in matched]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ProgrammingError(
                None, f"several columns of the data are named {', '.join(map(repr, twice))}"
            )
        return matched

    def _replace(self, fields: Sequence[Field], targets: list[tuple[Field, _Column]]) -> int:
        """Load a new table and put it in the place of the old one."""
        mark = secrets.token_hex(4)
        new = self._prefix + identifier(f"{self._name[:46]}_new_{mark}")
        old = self._prefix + identifier(f"{self._name[:46]}_old_{mark}")
        self._create(new, fields)
        count = self._load(new, targets, new)
        try:
            has_old = True
            try:
                self._columns()
            except ProgrammingError as exc:
                if exc.errno != _NO_SUCH_TABLE:
                    raise
                has_old = False
            if has_old:
                self._query(f"ALTER TABLE {self._table} RENAME TO {old}")
            try:
                self._query(f"ALTER TABLE {new} RENAME TO {self._table}")
            except BaseException:
                if has_old:
                    self._query(f"ALTER TABLE {old} RENAME TO {self._table}")
                raise
        except BaseException:
            self._drop(new)
            raise
        if has_old:
            self._query(f"DROP TABLE {old}")
        return count

    def _drop(self, table: str) -> bool:
        """Drop what was made; return whether that worked."""
        word = "DROP TEMPORARY TABLE" if self._temporary else "DROP TABLE"
        try:
            self._query(f"{word} IF EXISTS {table}")
        except Error:
            return False
        return True

    # -- the rows --

    def _load(self, table: str, targets: list[tuple[Field, _Column]], made: str | None) -> int:
        """Load all rows; on failure undo what can be undone, and say what was."""
        try:
            if not self._driver.capabilities & DriverCapability.LOCAL_INFILE:
                return self._insert(table, targets)
            return self._in_transaction(lambda: self._load_data(table, targets))
        except BaseException as exc:
            if made is not None:
                self._left = "the new table was dropped" if self._drop(made) else (
                    f"the new table {made} could not be dropped"
                )  # fmt: skip
            rows = self._source.rows
            fate = f"loading {table} failed when {rows} rows had been sent; {self._left}"
            if isinstance(exc, Error):
                exc.errmsg = f"{exc.errmsg}; {fate}"
                exc.args = (exc.errno, exc.errmsg, exc.sqlstate)
            elif isinstance(exc, Exception):
                raise OperationalError(
                    None, f"the data ended early with {type(exc).__name__}: {exc}; {fate}"
                ) from exc
            raise

    def _in_transaction(self, load: Callable[[], int]) -> int:
        """Run a load so that it does everything or nothing, as far as the driver allows."""
        driver = self._driver
        is_open = getattr(driver, "in_transaction", None)
        begins = is_open is False and driver.autocommit is True
        if begins:
            driver.begin()
        try:
            count = load()
            if begins:
                driver.commit()
            return count
        except BaseException:
            left = "none of them was kept"
            if is_open:
                left = "what the server took is in your open transaction: roll it back"
            elif is_open is False:
                if begins and not driver.in_transaction:  # type: ignore[attr-defined]  # it has
                    left = "the server had committed by itself what it took"
                try:
                    driver.rollback()
                except Error:
                    left = "the connection was lost, and with it what the server had taken"
            self._left = left
            raise

    def _load_data(self, table: str, targets: list[tuple[Field, _Column]]) -> int:
        name = f":load:{secrets.token_hex(8)}"
        sql = self._load_statement(table, targets, name)
        stream = self._session._run(sql, None, True, "rows", self._pieces(), name)
        count, warnings = stream.rows_affected, stream.warning_count
        stream.close()
        self._check(count, warnings)
        return count

    def _pieces(self) -> Iterator[bytes]:
        size = 0
        for piece in self._source.lines():
            yield piece
            size += len(piece)
            if self._progress is not None:
                self._progress(self._source.rows, size)

    def _load_statement(self, table: str, targets: list[tuple[Field, _Column]], name: str) -> str:
        literal = self._session._escaper().escape
        columns, assignments = [], []
        for i, (field, column) in enumerate(targets):
            quoted = identifier(column.name)
            if field.is_binary:
                columns.append(f"@_s2_{i}")
                assignments.append(f"{quoted} = UNHEX(@_s2_{i})")
            elif column.is_bit:
                columns.append(f"@_s2_{i}")
                assignments.append(f"{quoted} = CAST(@_s2_{i} AS UNSIGNED)")
            else:
                columns.append(quoted)
        if len(columns) == 1:
            columns.append("@_s2_end")  # see columnar.text.line
        return (
            f"LOAD DATA LOCAL INFILE {literal(name)} INTO TABLE {table} CHARACTER SET utf8mb4 "
            f"FIELDS TERMINATED BY {literal(chr(9))} ESCAPED BY {literal(chr(92))} "
            f"LINES TERMINATED BY {literal(chr(10))} ({', '.join(columns)})"
            + (f" SET {', '.join(assignments)}" if assignments else "")
        )

    def _check(self, count: int, warning_count: int) -> None:
        """Raise an error when the server left rows out or changed values.

        MySQL and MariaDB make warnings of a LOCAL load's errors: duplicate keys are skipped, values
        that do not fit are cut.
        """
        sent = self._source.rows
        serious: list[tuple[int, str]] = []
        if warning_count:
            serious = [
                (int(code), str(message))
                for level, code, message in self._rows("SHOW WARNINGS")
                if str(level).lower() != "note" or int(code) == _TRUNCATED
            ]
        if not serious and count == sent:
            return
        code, message = serious[0] if serious else (None, f"the server took {count} rows only")
        kind = IntegrityError if code == _DUPLICATE_KEY or code in _NULLS else DataError
        raise kind(code, message)

    # -- without LOAD DATA --

    def _insert(self, table: str, targets: list[tuple[Field, _Column]]) -> int:
        escaper = self._session._escaper()
        names = ", ".join(identifier(column.name) for _, column in targets)
        prefix = f"INSERT INTO {table} ({names}) VALUES "
        writers = [_literal(field, column, escaper) for field, column in targets]
        count = size = 0
        pending: list[str] = []
        length = len(prefix.encode())

        def flush() -> int:
            text = prefix + ",".join(pending)
            stream = self._session._run(text, None, True, "rows", None, shown=prefix + "(…)")
            affected = stream.rows_affected
            stream.close()
            pending.clear()
            return affected

        try:
            for piece in self._source.columns():
                literals = [
                    [write(text) for text in texts]
                    for write, texts in zip(writers, piece, strict=True)
                ]
                for row in zip(*literals, strict=True):
                    text = f"({','.join(row)})"
                    if pending and length + len(text) > _INSERT_SIZE:
                        count += flush()
                        size, length = size + length, len(prefix.encode())
                    pending.append(text)
                    length += len(text.encode()) + 1
                if self._progress is not None:
                    self._progress(self._source.rows, size + length)
            if pending:
                count += flush()
        except BaseException:
            self._left = f"{count} were inserted and stay" if count else "none was inserted"
            raise
        return count


def _literal(field: Field, column: _Column, escaper: Escaper) -> Callable[[str | None], str]:
    """Return what writes a column's texts as literals.

    Numbers too are written as text, which servers convert as they do in LOAD DATA.
    """
    quote = escaper.escape
    if field.is_binary:
        return lambda text: "NULL" if text is None else f"X'{text}'"
    if column.is_bit:
        return lambda text: "NULL" if text is None else f"CAST({quote(text)} AS UNSIGNED)"
    return lambda text: "NULL" if text is None else quote(text)


# -- sources ---------------------------------------------------------------------------------


def _source(session: Session, data: Any) -> _Source:
    """Find out what the data is."""
    from singlestoredb.cursor import Cursor

    kind = type(data)
    library = kind.__module__.partition(".")[0]
    if library == "polars" and kind.__name__ == "LazyFrame":
        data = data.collect()
    if isinstance(data, Cursor) and data.connection is session and not data._buffered:
        raise ProgrammingError(
            None,
            "the rows of this cursor are still on the connection that is to load them",
            hint="fetch them first, or load them through another connection",
        )
    if library == "pandas" and hasattr(data, "itertuples"):
        return _pandas_source(session, data)
    if library == "numpy" and getattr(getattr(data, "dtype", None), "names", None):
        # A structured array, as the numpy format gives it: rows with names.
        return _RowSource(session, iter(data.ravel().tolist()), list(data.dtype.names))
    if hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__"):
        return _ArrowSource(session, iter([data]))
    if isinstance(data, (Mapping, str, bytes, bytearray)):
        raise ProgrammingError(
            None,
            f"data of type {kind.__name__} cannot be loaded",
            hint="pass Arrow data, a data frame, or an iterable of rows",
        )
    try:
        rows = iter(data)
    except TypeError:
        raise ProgrammingError(
            None,
            f"data of type {kind.__name__} cannot be loaded",
            hint="pass something with __arrow_c_stream__, a data frame, or an iterable of rows",
        ) from None
    first = list(islice(rows, 1))
    if first and hasattr(first[0], "__arrow_c_array__"):
        return _ArrowSource(session, chain(first, rows))
    return _RowSource(session, chain(first, rows), None)


def _pandas_source(session: Session, frame: Any) -> _Source:
    names = [str(name) for name in frame.columns]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ProgrammingError(None, f"the frame has several columns named {repeated[0]!r}")
    if names != list(frame.columns):
        frame = frame.set_axis(names, axis=1)
    try:
        import pyarrow
    except ImportError:
        rows = (
            tuple(None if value is not None and value != value else value for value in row)
            for row in frame.itertuples(index=False, name=None)
        )
        return _RowSource(session, rows, names)
    try:
        schema = pyarrow.Schema.from_pandas(frame, preserve_index=False)
    except (pyarrow.ArrowException, TypeError) as exc:
        raise DataError(None, f"the frame has a column without a type in common: {exc}") from exc

    def batches() -> Iterator[Any]:
        for start in range(0, max(len(frame), 1), _FRAME_ROWS):
            yield pyarrow.Table.from_pandas(
                frame.iloc[start : start + _FRAME_ROWS], schema, preserve_index=False
            )

    return _ArrowSource(session, batches())


class _ArrowSource:
    """Arrow data: one or more streams or arrays of the same columns."""

    def __init__(self, session: Session, parts: Iterator[Any]) -> None:
        params = session._params
        self._options = (params.nan_as_null, params.inf_as_null)
        self._accelerator = accelerators.find("tsv", params.pure_python)
        self._parts = parts
        self._stream = self._opened(next(parts))
        self._schema = self._stream.get_schema()
        if self._schema.format != "+s":
            raise ProgrammingError(
                None,
                f"a table is needed, the Arrow data is an array of type {self._schema.format!r}",
            )
        self._before = 0
        self._current: Any = None

    @staticmethod
    def _opened(part: Any) -> Any:
        from nanoarrow.c_array import c_array
        from nanoarrow.c_array_stream import CArrayStream

        if hasattr(part, "__arrow_c_stream__"):
            return CArrayStream._import_from_c_capsule(part.__arrow_c_stream__())
        array = c_array(part)
        return CArrayStream.from_c_arrays([array], array.schema)

    @property
    def rows(self) -> int:
        """Rows that were given so far."""
        return self._before + (0 if self._current is None else self._current.rows)

    def fields(self, columns: Sequence[_Column] | None, has_vectors: bool) -> list[Field]:
        """Return the columns of the data."""
        from singlestoredb.columnar.text import TextReader, is_binary
        from singlestoredb.columnar.types import sql_type

        TextReader(self._schema)  # refuses what has no text, while nothing has happened yet
        return [
            Field(
                field.name,
                sql_type(field, has_vectors=has_vectors),
                is_binary((field.dictionary or field).format),
            )
            for field in self._schema.children
        ]

    def _streams(self) -> Iterator[Any]:
        yield self._stream
        shape = _shape(self._schema)
        for part in self._parts:
            stream = self._opened(part)
            if _shape(stream.get_schema()) != shape:
                raise DataError(None, "a part of the data has other columns than the first")
            yield stream

    def _encoders(self, kind: Any) -> Iterator[Any]:
        for stream in self._streams():
            self._current = kind(stream.__arrow_c_stream__(), *self._options)
            yield self._current
            self._before, self._current = self.rows, None

    def _refusal(self, exc: Exception) -> Error:
        from singlestoredb.columnar.text import refusal

        reason, column, row = exc.args
        return refusal(reason, self._schema.child(column).name, self._before + row)

    def lines(self) -> Iterator[bytes]:
        """Iterate over pieces of a file for LOAD DATA."""
        from singlestoredb.columnar import text

        accelerator = self._accelerator or text
        for encoder in self._encoders(accelerator.TsvStream):
            try:
                while piece := encoder.read(_PIECE):
                    yield piece
            except encoder.Refused as exc:
                raise self._refusal(exc) from None

    def columns(self) -> Iterator[list[Texts]]:
        """Iterate over texts, column by column."""
        from singlestoredb.columnar import text

        for encoder in self._encoders(text.TsvStream):
            try:
                while (piece := encoder.columns()) is not None:
                    yield piece
            except text.Refused as exc:
                raise self._refusal(exc) from None


def _shape(schema: Any) -> list[tuple[str, str]]:
    return [(f.name, (f.dictionary or f).format) for f in schema.children]


class _RowSource:
    """An iterable of rows: tuples or mappings of Python values."""

    def __init__(self, session: Session, rows: Iterator[Any], names: Sequence[str] | None) -> None:
        from singlestoredb.columnar.values import Converter

        params = session._params
        self._converter = Converter(params.nan_as_null, params.inf_as_null)
        self._peeked = list(islice(rows, _PEEK_ROWS))
        self._rest = rows
        self._names = names
        self._has_keys = False
        self._fields: list[Field] = []
        self.rows = 0
        if names is None and self._peeked:
            self._names = self._names_of(self._peeked)

    def _names_of(self, rows: list[Any]) -> list[str] | None:
        if isinstance(rows[0], Mapping):
            self._has_keys = True
            # The keys of all of them: rows of JSON leave out what is missing.
            names = dict.fromkeys(k for row in rows if isinstance(row, Mapping) for k in row)
            wrong = [name for name in names if not isinstance(name, str)]
            if wrong:
                raise ProgrammingError(None, f"a column's name must be text, not {wrong[0]!r}")
            return list(names)
        fields = getattr(rows[0], "_fields", None)
        return list(fields) if fields else None

    def fields(self, columns: Sequence[_Column] | None, has_vectors: bool) -> list[Field]:
        """Return the columns of the data; without rows those of the table."""
        from singlestoredb.columnar.values import infer

        if not self._peeked and self._names is None:
            if columns is None:
                raise ProgrammingError(None, "no table can be made of no rows")
            self._fields = [Field(c.name, c.sql_type, c.is_binary) for c in columns]
            return self._fields
        values = list(zip(*self._listed(self._peeked, 0), strict=True))
        if not values:
            values = [() for _ in self._names or ()]
        names: Sequence[str | None] = self._names or [None] * len(values)
        if columns is None:
            types = [infer(str(n), v) for n, v in zip(names, values, strict=True)]
            binary = [t == "LONGBLOB" for t in types]
        else:
            types = [""] * len(values)
            binary = self._binary(names, columns)
        self._fields = [Field(*made) for made in zip(names, types, binary, strict=True)]
        return self._fields

    @staticmethod
    def _binary(names: Sequence[str | None], columns: Sequence[_Column]) -> list[bool]:
        """Return which columns are binary in the table."""
        folded = {column.name.lower(): column.is_binary for column in columns}
        return [
            folded.get(name.lower(), False)
            if name is not None
            else i < len(columns) and columns[i].is_binary
            for i, name in enumerate(names)
        ]

    def _listed(self, rows: Iterable[Any], first: int) -> list[Sequence[Any]]:
        """Return rows as sequences of the same length."""
        listed: list[Sequence[Any]] = []
        width = len(self._names) if self._names is not None else None
        for number, row in enumerate(rows, first):
            if self._has_keys:
                row = self._by_name(row, number)
            elif isinstance(row, (str, bytes, Mapping)) or not hasattr(row, "__len__"):
                raise DataError(
                    None, f"row {number} is a {type(row).__name__}, not a sequence of values"
                )
            if width is None:
                width = len(self._fields) or len(row)
            if len(row) != width:
                raise DataError(None, f"row {number} has {len(row)} values, the first one {width}")
            listed.append(row)
        return listed

    def _by_name(self, row: Any, number: int) -> Sequence[Any]:
        names = self._names or ()
        if not isinstance(row, Mapping):
            raise DataError(None, f"row {number} is a {type(row).__name__}, the first a mapping")
        values = [row.get(name) for name in names]
        if len(row) > len(names) or any(name not in names for name in row):
            unknown = ", ".join(repr(name) for name in row if name not in names)
            raise DataError(
                None, f"row {number} has keys that no row of the first {_PEEK_ROWS} has: {unknown}"
            )
        return values

    def columns(self) -> Iterator[list[Texts]]:
        """Iterate over texts, column by column."""
        rows = chain(self._peeked, self._rest)
        while piece := list(islice(rows, _CHUNK_ROWS)):
            listed = self._listed(piece, self.rows)
            convert = self._converter.column
            texts = [
                convert(field.name or f"number {i}", values, field.is_binary, self.rows)
                for i, (field, values) in enumerate(
                    zip(self._fields, zip(*listed, strict=True), strict=True), 1
                )
            ]
            self._peeked = []
            yield texts
            self.rows += len(piece)

    def lines(self) -> Iterator[bytes]:
        """Iterate over pieces of a file for LOAD DATA."""
        from singlestoredb.columnar.text import lines_of

        return lines_of(self.columns(), len(self._fields) == 1)
