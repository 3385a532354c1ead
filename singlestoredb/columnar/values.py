"""Rows of Python values as the texts of their columns, for data that is not Arrow.

A value's text is the one that :mod:`text` gives for the same value in Arrow.  An aware datetime
is that moment in UTC; dicts, lists, tuples and numpy arrays are JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

from singlestoredb.exceptions import DataError

from .text import Reason, Refused, Texts, duration_text, float_text, refusal

_Convert = Callable[[Any], "str | None"]

_INTEGER, _FLOAT, _DECIMAL = "integer", "float", "decimal"
_TEXT, _BINARY, _JSON = "text", "binary", "JSON"
_DATE, _DATETIME, _TIME, _BOOL = "date", "datetime", "time", "boolean"
_LARGEST = 2**63
_DIGITS, _DECIMALS = 38, 30


class _Unwritable(Exception):
    """A value has no text; the message says why."""


class Converter:
    """Turns values into texts, by their types; a type seen for the first time is looked up once."""

    def __init__(self, nan_as_null: bool = False, inf_as_null: bool = False) -> None:
        self._nan_as_null = nan_as_null
        self._inf_as_null = inf_as_null
        self._table: dict[type, _Convert] = {
            type(None): lambda value: None,
            bool: lambda value: "1" if value else "0",
            int: int.__repr__,
            str: lambda value: value,
            float: self._float,
            Decimal: self._decimal,
            bytes: _decoded,
            bytearray: _decoded,
            memoryview: _decoded,
            date: date.isoformat,
            datetime: _datetime,
            time: _time,
            timedelta: _timedelta,
            dict: self._json,
            list: self._json,
            tuple: self._json,
        }

    def text(self, value: Any) -> str | None:
        """Return a value's text, ``None`` for NULL."""
        convert = self._table.get(type(value)) or self._find(type(value))
        return convert(value)

    def binary(self, value: Any) -> str | None:
        """Return a value of a binary column as hexadecimal digits, ``None`` for NULL."""
        if isinstance(value, (bytes, bytearray, memoryview)):
            return value.hex()
        text = self.text(value)
        return None if text is None else text.encode().hex()

    def column(self, name: str, values: Sequence[Any], is_binary: bool, first_row: int) -> Texts:
        """Return the texts of a column's values.

        Raises ``DataError``, with column and row, for a value that has none.
        """
        table = self._table
        try:
            if is_binary:
                return [self.binary(value) for value in values]
            try:
                return [table[type(value)](value) for value in values]  # fast path
            except KeyError:
                return [self.text(value) for value in values]
        except (_Unwritable, Refused, ValueError, TypeError, OverflowError):
            for row, value in enumerate(values, first_row):
                try:
                    (self.binary if is_binary else self.text)(value)
                except Refused as exc:
                    raise refusal(exc.args[0], name, row) from None
                except (_Unwritable, ValueError, TypeError, OverflowError) as exc:
                    raise DataError(None, f"column {name!r}, row {row}: {exc}") from exc
            raise

    def _find(self, kind: type) -> _Convert:
        package = kind.__module__.partition(".")[0]
        if package == "pandas" and kind.__name__ in ("NaTType", "NAType"):
            convert: _Convert = lambda value: None  # noqa: E731 - as the table's
        elif package == "numpy":
            convert = self._numpy
        else:
            for base in kind.__mro__:
                if base in self._table:
                    convert = _of_base(base, self._table[base])
                    break
            else:
                convert = self._json if issubclass(kind, Mapping) else _shown(kind)
        if len(self._table) < 1000:  # a program may make classes without end
            self._table[kind] = convert
        return convert

    def _float(self, value: float) -> str | None:
        try:
            return float_text(value)
        except Refused as exc:
            is_nan = exc.args[0] is Reason.NAN
            if self._nan_as_null if is_nan else self._inf_as_null:
                return None
            raise

    def _decimal(self, value: Decimal) -> str | None:
        if not value.is_finite():
            return self._float(float("nan" if value.is_nan() else "inf"))
        if abs(value.adjusted()) > 100:  # beyond every DECIMAL: spare the zeros
            return str(value)
        return f"{value:f}"

    def _numpy(self, value: Any) -> str | None:
        if value != value if not getattr(value, "shape", ()) else False:
            return None if value.dtype.kind in "mM" else self._float(float("nan"))
        if getattr(value, "shape", ()):
            return self._json(value.tolist())
        if value.dtype.kind in "mM":
            plain = value.astype(f"{value.dtype.kind}8[us]")
            if plain != value:
                raise Refused(Reason.LOSSY)
            return self.text(plain.item())
        plain = value.item()
        if type(plain) is type(value):
            raise _Unwritable(f"a value of type {type(value).__name__} cannot be loaded")
        return self.text(plain)

    def _json(self, value: Any) -> str:
        try:
            return json.dumps(
                value,
                ensure_ascii=False,
                separators=(",", ":"),
                allow_nan=False,
                default=self._json_leaf,
            )
        except ValueError as exc:
            if "JSON compliant" in str(exc):
                raise _Unwritable("NaN and infinity have no JSON") from exc
            raise

    def _json_leaf(self, value: Any) -> Any:
        if hasattr(value, "tolist"):
            return value.tolist()
        if isinstance(value, Mapping):
            return dict(value)
        return self.text(value)


def _of_base(base: type, convert: _Convert) -> _Convert:
    # The base's own value: a subclass's repr() may be anything.
    plain: dict[type, Callable[[Any], Any]] = {str: str.__str__, int: int, float: float}
    if base in plain:
        make = plain[base]
        return lambda value: convert(make(value))
    return convert


def _shown(kind: type) -> _Convert:
    shows: Any = kind.__str__
    if shows is object.__str__ or issubclass(kind, (set, frozenset, complex)):
        raise _Unwritable(f"a value of type {kind.__module__}.{kind.__qualname__} cannot be loaded")
    return str


def _decoded(value: bytes | bytearray | memoryview) -> str:
    try:
        return bytes(value).decode()
    except UnicodeDecodeError:
        raise _Unwritable("bytes that are no text, in a column that is not binary") from None


def _datetime(value: datetime) -> str:
    if getattr(value, "nanosecond", 0):  # pandas
        raise Refused(Reason.LOSSY)
    if value.tzinfo is not None:
        value = value.astimezone(timezone.utc).replace(tzinfo=None)
    return datetime.isoformat(value, " ")


def _time(value: time) -> str:
    if value.tzinfo is not None:
        raise _Unwritable("a time of day with a time zone is no TIME")
    return time.isoformat(value)


def _timedelta(value: timedelta) -> str:
    return duration_text(value // timedelta(microseconds=1), 1_000_000)


# -- the type of a column --------------------------------------------------------------------


def _kind(value: Any) -> str:
    if hasattr(value, "dtype") and not getattr(value, "shape", ()):
        value = value.item()
    for kinds, kind in (
        (bool, _BOOL),
        (int, _INTEGER),
        (float, _FLOAT),
        (Decimal, _DECIMAL),
        ((bytes, bytearray, memoryview), _BINARY),
        (datetime, _DATETIME),
        (date, _DATE),
        ((time, timedelta), _TIME),
        ((Mapping, list, tuple), _JSON),
    ):
        if isinstance(value, kinds):
            return kind
    return _JSON if hasattr(value, "tolist") else _TEXT


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ in ("NaTType", "NAType")


def infer(name: str, values: Iterable[Any]) -> str:
    """Return the SQL type of a column of these values; LONGTEXT when all are missing.

    Raises ``DataError`` when they have no type in common.
    """
    present = [value for value in values if not _is_missing(value)]
    kinds = {_kind(value) for value in present}
    if len(kinds) > 1 and kinds <= {_BOOL, _INTEGER, _DECIMAL, _FLOAT}:
        kinds = {max(kinds, key=[_BOOL, _INTEGER, _DECIMAL, _FLOAT].index)}
    if kinds == {_DATE, _DATETIME}:
        kinds = {_DATETIME}
    if len(kinds) > 1:
        raise DataError(
            None,
            f"column {name!r} has values of different types: {', '.join(sorted(kinds))}",
            hint="make the table first and append to it",
        )
    (kind,) = kinds or {_TEXT}
    if kind == _INTEGER:
        return _integer(present)
    if kind == _DECIMAL:
        decimals = [v for v in present if isinstance(v, Decimal) and v.is_finite()]
        scale = max((-int(v.as_tuple().exponent) for v in decimals), default=0)
        return f"DECIMAL({_DIGITS},{min(max(scale, 0), _DECIMALS)})"
    return _SQL[kind]


def _integer(values: Sequence[Any]) -> str:
    low, high = min(values), max(values)
    if low >= -_LARGEST and high < _LARGEST:
        return "BIGINT"
    if low >= 0 and high < 2 * _LARGEST:
        return "BIGINT UNSIGNED"
    return "DECIMAL(65,0)"


_SQL = {
    _BOOL: "TINYINT(1)",
    _FLOAT: "DOUBLE",
    _TEXT: "LONGTEXT",
    _BINARY: "LONGBLOB",
    _DATE: "DATE",
    _DATETIME: "DATETIME(6)",
    _TIME: "TIME(6)",
    _JSON: "JSON",
}
