"""The answer of a Fusion SQL command.

A :class:`FusionSQLResult` is filled by a handler, reshaped with :meth:`~FusionSQLResult.like`,
:meth:`~FusionSQLResult.order_by` and :meth:`~FusionSQLResult.limit`, and then read by the cursor as
if a server had sent it: it has the members of ``singlestoredb_hookspecs.ResultStream``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from singlestoredb_hookspecs import Column

if TYPE_CHECKING:
    from singlestoredb_hookspecs import ResultStream, Shape

# Type codes of the MySQL protocol:
# https://dev.mysql.com/doc/dev/mysql-server/latest/field__types_8h.html
BOOL = 1
DOUBLE = 5
INTEGER = 8
DATE = 10
DATETIME = 12
JSON = 245
BLOB = 252
STRING = 254

_BINARY_CHARSET = 63
_ENCODINGS = {JSON: "utf-8", STRING: "utf-8", BLOB: None}


class Field(NamedTuple):
    """A column, as the low-level interface of PyMySQL shows it."""

    name: str
    flags: int
    charsetnr: int


class Description(NamedTuple):
    """A column, as PEP 249's ``description`` shows it, with flags and character set behind."""

    name: str
    type_code: int
    display_size: int | None
    internal_size: int | None
    precision: int
    scale: int
    null_ok: bool
    flags: int
    charset: int


class ColumnValues(Sequence[Any]):
    """The values of one column of a result; a view that follows the result's rows."""

    def __init__(self, result: FusionSQLResult, index: int) -> None:
        self._result = result
        self._index = index

    @overload
    def __getitem__(self, item: int) -> Any: ...

    @overload
    def __getitem__(self, item: slice) -> list[Any]: ...

    def __getitem__(self, item: int | slice) -> Any:
        if isinstance(item, slice):
            return [row[self._index] for row in self._result.rows[item]]
        return self._result.rows[item][self._index]

    def __iter__(self) -> Iterator[Any]:
        return (row[self._index] for row in self._result.rows)

    def __len__(self) -> int:
        return len(self._result.rows)

    def __repr__(self) -> str:
        return f"ColumnValues({list(self)!r})"


class FusionSQLResult:
    """Columns and rows made by a handler.

    Values are given as a server would send them, text and numbers (timestamps in ISO 8601), or as
    the Python objects they stand for.  :meth:`format_results` converts them, once, when the handler
    is done.
    """

    def __init__(self) -> None:
        self.connection: Any = None
        self.affected_rows: int | None = None
        self.insert_id = 0
        self.server_status: int | None = None
        self.warning_count = 0
        self.message: str | None = None
        self.description: list[Description] = []
        self.rows: list[tuple[Any, ...]] = []
        self.has_next = False
        self.unbuffered_active = False
        self.converters: list[tuple[str | None, Callable[[Any], Any] | None]] = []
        """Per column: encoding of its text, and the function that made its values."""
        self.fields: list[Field] = []
        self.columns: tuple[Column, ...] = ()
        """The columns as the kernel describes them."""
        self.rows_affected = 0
        """Number of rows, or ``affected_rows`` when there are no columns; set by
        :meth:`format_results`."""
        self.last_insert_id = 0
        """Same as ``insert_id``; set by :meth:`format_results`."""
        self._indexes: dict[str, int] = {}
        self._position = 0
        self._formatted = False

    # -- filling --

    def add_field(self, name: str, dtype: int) -> None:
        """Add a column of one of the types of this module (``STRING``, ``INTEGER`` …)."""
        charset = _BINARY_CHARSET if dtype == BLOB else 0
        self.description.append(Description(name, dtype, None, None, 0, 0, True, 0, charset))
        self.fields.append(Field(name, 0, charset))
        self.converters.append((_ENCODINGS.get(dtype, "ascii"), None))
        self.columns += (Column(name, dtype, charset=charset or Column.charset),)
        self._indexes[name.lower()] = len(self.fields) - 1

    def set_rows(self, rows: Iterable[Sequence[Any]]) -> None:
        """Replace the rows; each has one value per column, ``None`` being NULL.

        Raises ``ValueError`` for a row of another length.
        """
        copied = [tuple(row) for row in rows]
        width = len(self.fields)
        for number, row in enumerate(copied):
            if len(row) != width:
                raise ValueError(
                    f"row {number} has {len(row)} values; the result has {width} columns"
                )
        self.rows = copied
        self.affected_rows = 0
        self._formatted = False
        self._position = 0

    def format_results(self, connection: Any) -> None:
        """Convert the values, with the connection's own converters where it has any.

        Rows stay tuples: the cursor's format shapes them.  A second call changes nothing.
        """
        self.connection = connection
        self.rows_affected = len(self.rows) if self.fields else self.affected_rows or 0
        self.last_insert_id = self.insert_id
        if self._formatted:
            return
        params: Mapping[str, Any] = getattr(connection, "connection_params", None) or {}
        custom = params.get("conv") or {}
        if not params.get("parse_json", True):
            custom = {JSON: str, **custom}
        converters = [_converter(column.type_code, custom) for column in self.description]
        self.converters = [
            (encoding, convert)
            for (encoding, _), convert in zip(self.converters, converters, strict=True)
        ]
        if any(converters):
            self.rows = [
                tuple(
                    value if convert is None or value is None else convert(value)
                    for value, convert in zip(row, converters, strict=True)
                )
                for row in self.rows
            ]
        self._formatted = True

    # -- reshaping: each returns a new result --

    def copy(self) -> FusionSQLResult:
        """Return a result with the same columns and rows, in lists of its own."""
        new = copy.copy(self)
        for name, value in self.__dict__.items():
            if isinstance(value, (list, dict)):
                new.__dict__[name] = value.copy()
        new._position = 0
        return new

    def like(self, **kwargs: str | None) -> FusionSQLResult:
        """Keep the rows in which every named column matches its pattern.

        ``%`` stands for any text; case is ignored; of a value of several lines the first is
        compared.  A column whose pattern is ``None`` or empty is not looked at; NULL matches
        nothing.  Raises ``KeyError`` for an unknown column.
        """
        return self._like(all, kwargs)

    like_all = like

    def like_any(self, **kwargs: str | None) -> FusionSQLResult:
        """Keep the rows in which at least one column matches its pattern, as in :meth:`like`."""
        return self._like(any, kwargs)

    def _like(
        self, combine: Callable[[Iterable[bool]], bool], patterns: Mapping[str, str | None]
    ) -> FusionSQLResult:
        given = [(self._index(name), pattern) for name, pattern in patterns.items()]
        wanted = [(index, pattern) for index, pattern in given if pattern]
        if not wanted:
            return self.copy()
        return self._with_rows(
            row for row in self.rows if combine(_matches(row[i], p) for i, p in wanted)
        )

    def filter(self, **kwargs: Any) -> FusionSQLResult:
        """Keep the rows in which every named column equals its value."""
        wanted = [(self._index(name), value) for name, value in kwargs.items()]
        return self._with_rows(
            row for row in self.rows if all(row[index] == value for index, value in wanted)
        )

    def order_by(
        self, by: str | Sequence[str], ascending: bool | Sequence[bool] = True
    ) -> FusionSQLResult:
        """Sort by one or more columns; NULL comes first, or last when descending.

        ``ascending`` is one for all columns or one per column.  Raises ``KeyError`` for an unknown
        column and ``ValueError`` when the two lengths differ.
        """
        names = [by] if isinstance(by, str) else list(by)
        directions = [ascending] * len(names) if isinstance(ascending, bool) else list(ascending)
        if len(directions) != len(names):
            raise ValueError(
                f"there are {len(names)} columns to sort by and {len(directions)} directions"
            )
        new = self.copy()
        # From the last key to the first: sorting is stable.
        for name, direction in reversed(list(zip(names, directions, strict=True))):
            index = self._index(name)
            new.rows.sort(key=_sort_key(index), reverse=not direction)
        return new

    sort_by = order_by

    def limit(self, n_rows: int | None) -> FusionSQLResult:
        """Keep the first ``n_rows`` rows; 0 and ``None`` keep all.

        Raises ``ValueError`` for a negative number.
        """
        if not n_rows:
            return self.copy()
        if n_rows < 0:
            raise ValueError(f"the number of rows must not be negative: {n_rows}")
        return self._with_rows(self.rows[:n_rows])

    def _with_rows(self, rows: Iterable[tuple[Any, ...]]) -> FusionSQLResult:
        kept = list(rows)
        new = self.copy()
        new.rows = kept
        return new

    def _index(self, name: str) -> int:
        try:
            return self._indexes[name.lower()]
        except KeyError:
            from .errors import UnknownFieldError

            known = ", ".join(field.name for field in self.fields) or "none"
            raise UnknownFieldError(
                None, f"field name does not exist in results: {name}", hint=f"there are: {known}"
            ) from None

    # -- looking inside --

    def __len__(self) -> int:
        return len(self.rows)

    def __bool__(self) -> bool:
        return True  # a result without rows is still a result

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.rows)

    @overload
    def __getitem__(self, item: int) -> tuple[Any, ...]: ...

    @overload
    def __getitem__(self, item: slice) -> list[tuple[Any, ...]]: ...

    @overload
    def __getitem__(self, item: str) -> ColumnValues: ...

    def __getitem__(self, item: int | slice | str) -> Any:
        if isinstance(item, str):
            return ColumnValues(self, self._index(item))
        return self.rows[item]

    def __getattr__(self, name: str) -> ColumnValues:
        indexes: dict[str, int] = self.__dict__.get("_indexes", {})
        if name.lower() not in indexes:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return ColumnValues(self, indexes[name.lower()])

    def __repr__(self) -> str:
        names = ", ".join(field.name for field in self.fields)
        return f"<FusionSQLResult ({names}): {len(self.rows)} rows>"

    # -- singlestoredb_hookspecs.ResultStream, ReadsRows, Seekable --

    native: frozenset[Shape] = frozenset({"rows"})

    def read_rows(self, size: int | None) -> list[tuple[Any, ...]]:
        """Return the next rows, at most ``size`` of them (``None``: all that are left)."""
        end = len(self.rows) if size is None else self._position + size
        rows = self.rows[self._position : end]
        self._position += len(rows)
        return rows

    def seek(self, row: int) -> None:
        """Make the next read start at row ``row``, counted from 0."""
        self._position = row

    def next_result(self) -> ResultStream | None:
        """Return ``None``: a command has one result."""
        return None

    def close(self) -> None:
        """Do nothing: a result holds nothing but memory."""


def _matches(value: Any, pattern: str) -> bool:
    """Match ``%`` patterns in time linear in the value, whatever the pattern."""
    if value is None:
        return False
    text = str(value).partition("\n")[0].casefold()
    head, *rest = pattern.casefold().split("%")
    if not rest:
        return text == head
    *middle, tail = rest
    position, end = len(head), len(text) - len(tail)
    if position > end or not text.startswith(head) or not text.endswith(tail):
        return False
    for part in middle:
        found = text.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


def _sort_key(index: int) -> Callable[[tuple[Any, ...]], tuple[bool, Any]]:
    return lambda row: (row[index] is not None, row[index])


# -- conversion ------------------------------------------------------------------------------

_NUMBERS = frozenset({BOOL, DOUBLE, INTEGER})


def _converter(
    type_code: int, custom: Mapping[int, Callable[[Any], Any]]
) -> Callable[[Any], Any] | None:
    """Return what turns a handler's value of a column into the cursor's.

    That is how the SDK converts what a server sends.  Other objects than text and numbers stay as
    they are: a handler may have made a ``datetime`` itself.
    """
    from singlestoredb.converters import converters

    convert = custom.get(type_code) or converters.get(type_code)
    if convert is None or type_code in _NUMBERS:
        return convert
    chosen = convert
    return lambda value: chosen(value) if isinstance(value, (str, bytes)) else value
