"""PEP 249's type objects and constructors, and the names and codes of column types.

A type code is the number of the MySQL protocol (0-255), or one of SingleStore's extended types:
1001 for BSON, 2001-2007 for a VECTOR sent as JSON text, 3001-3007 for a VECTOR sent as packed
elements.  A type object compares equal to each code, name and Python type that it stands for::

    cursor.description[0].type_code == NUMBER
    ColumnType.DATETIME == 12
    ColumnType.get_code("bigint unsigned") == 8
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "UNKNOWN",
    "Binary",
    "BinaryDBAPIType",
    "ColumnType",
    "DBAPIType",
    "Date",
    "DateFromTicks",
    "DatetimeDBAPIType",
    "NumberDBAPIType",
    "StringDBAPIType",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
]

Date = datetime.date
Time = datetime.time
Timestamp = datetime.datetime
Binary = bytes


def DateFromTicks(ticks: float) -> datetime.date:
    """Return the local date of ``ticks``, seconds since the epoch."""
    return datetime.date.fromtimestamp(ticks)


def TimeFromTicks(ticks: float) -> datetime.time:
    """Return the local time of day of ``ticks``, seconds since the epoch."""
    return datetime.datetime.fromtimestamp(ticks).time()


def TimestampFromTicks(ticks: float) -> datetime.datetime:
    """Return the local date and time of ``ticks``, seconds since the epoch."""
    return datetime.datetime.fromtimestamp(ticks)


# Known by its name, so that nobody pays for importing decimal before a decimal appears.
_DECIMAL = "decimal.Decimal"


def _key(value: Any) -> Any:
    if isinstance(value, type) and value.__module__ == "decimal" and value.__name__ == "Decimal":
        return _DECIMAL
    return value


class DBAPIType:
    """A set of type codes, names and Python types; equal to each of them.

    Two of them are equal when they have something in common, so equality is not transitive and
    they cannot be hashed.
    """

    __slots__ = ("_values", "code", "name")

    code: int
    """First code given, or -1."""
    name: str
    """First name given, or ``<unknown>``."""
    _values: dict[Any, None]
    """What it is equal to, in the order given."""

    def __init__(self, *values: DBAPIType | int | str | type) -> None:
        flat: list[Any] = []
        for value in values:
            flat.extend(value._values if isinstance(value, DBAPIType) else (value,))
        self.code = next((v for v in flat if isinstance(v, int)), -1)
        self.name = next((v for v in flat if isinstance(v, str) and v != _DECIMAL), "<unknown>")
        self._values = dict.fromkeys(flat)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, DBAPIType):
            return not self._values.keys().isdisjoint(other._values)
        try:
            return _key(other) in self._values
        except TypeError:  # not hashable, so not one of them
            return False

    __hash__ = None  # type: ignore[assignment]  # equality is not transitive

    def __repr__(self) -> str:
        shown = sorted(v.__name__ if isinstance(v, type) else str(v) for v in self._values)
        return f"<{type(self).__name__} object [{','.join(shown)}]>"


class StringDBAPIType(DBAPIType):
    """Text."""

    __slots__ = ()


class BinaryDBAPIType(DBAPIType):
    """Bytes."""

    __slots__ = ()


class NumberDBAPIType(DBAPIType):
    """Numbers."""

    __slots__ = ()


class DatetimeDBAPIType(DBAPIType):
    """Points in time."""

    __slots__ = ()


_T = TypeVar("_T", bound=DBAPIType)


def _integer(code: int, *names: str, python: tuple[type, ...] = ()) -> NumberDBAPIType:
    signs = [f(n) for n in names for f in ("UNSIGNED {}".format, "{} UNSIGNED".format)]
    return NumberDBAPIType(*names, *signs, code, *python)


class ColumnType:
    """The type of each kind of column, and the way from names to codes and back."""

    DECIMAL = DEC = FIXED = NUMERIC = NumberDBAPIType(
        "DECIMAL", "DEC", "FIXED", "NUMERIC", 0, _DECIMAL
    )
    TINY = TINYINT = BOOL = BOOLEAN = UNSIGNED_TINY = UNSIGNED_TINYINT = NumberDBAPIType(
        _integer(1, "TINY", "TINYINT"), "BOOL", "BOOLEAN"
    )
    SMALLINT = SHORT = UNSIGNED_SHORT = UNSIGNED_SMALLINT = _integer(2, "SMALLINT", "SHORT")
    LONG = INT = INTEGER = UNSIGNED_LONG = UNSIGNED_INT = _integer(3, "LONG", "INT", "INTEGER")
    FLOAT = NumberDBAPIType("FLOAT", 4)
    DOUBLE = REAL = NumberDBAPIType("DOUBLE", "REAL", "DOUBLE PRECISION", 5, float)
    NULL = DBAPIType("NULL", 6)
    TIMESTAMP = DatetimeDBAPIType("TIMESTAMP", 7)
    BIGINT = LONGLONG = UNSIGNED_LONGLONG = UNSIGNED_BIGINT = _integer(
        8, "BIGINT", "LONGLONG", python=(int,)
    )
    MEDIUMINT = INT24 = UNSIGNED_MEDIUMINT = UNSIGNED_INT24 = _integer(9, "MEDIUMINT", "INT24")
    DATE = DBAPIType("DATE", 10, datetime.date)
    TIME = DBAPIType("TIME", 11, datetime.time)
    DATETIME = DatetimeDBAPIType("DATETIME", 12, datetime.datetime)
    YEAR = DBAPIType("YEAR", 13)
    NEWDATE = DBAPIType("NEWDATE", 14)
    VARCHAR = StringDBAPIType("VARCHAR", 15, str)
    VARBINARY = BinaryDBAPIType("VARBINARY", 15, bytes, bytearray)
    BIT = NumberDBAPIType("BIT", 16)
    JSON = DBAPIType("JSON", 245)
    NEWDECIMAL = NumberDBAPIType("NEWDECIMAL", 246)
    ENUM = StringDBAPIType("ENUM", 247)
    SET = StringDBAPIType("SET", 248)
    TINYTEXT = StringDBAPIType("TINYTEXT", 249)
    TINYBLOB = BinaryDBAPIType("TINYBLOB", 249)
    MEDIUMTEXT = StringDBAPIType("MEDIUMTEXT", 250)
    MEDIUMBLOB = BinaryDBAPIType("MEDIUMBLOB", 250)
    LONGTEXT = StringDBAPIType("LONGTEXT", 251)
    LONGBLOB = BinaryDBAPIType("LONGBLOB", 251)
    TEXT = StringDBAPIType("TEXT", 252)
    BLOB = BinaryDBAPIType("BLOB", 252)
    VARSTRING = StringDBAPIType("VARSTRING", 253)
    STRING = CHAR = StringDBAPIType("STRING", "CHAR", 254)
    BINARY = BinaryDBAPIType("BINARY", 254)
    GEOMETRY = GEOGRAPHY = GEOGRAPHYPOINT = DBAPIType(
        "GEOMETRY", "GEOGRAPHY", "GEOGRAPHYPOINT", 255
    )
    BSON = DBAPIType("BSON", 1001)
    FLOAT32_VECTOR_JSON = DBAPIType("FLOAT32_VECTOR_JSON", 2001)
    FLOAT64_VECTOR_JSON = DBAPIType("FLOAT64_VECTOR_JSON", 2002)
    INT8_VECTOR_JSON = DBAPIType("INT8_VECTOR_JSON", 2003)
    INT16_VECTOR_JSON = DBAPIType("INT16_VECTOR_JSON", 2004)
    INT32_VECTOR_JSON = DBAPIType("INT32_VECTOR_JSON", 2005)
    INT64_VECTOR_JSON = DBAPIType("INT64_VECTOR_JSON", 2006)
    FLOAT16_VECTOR_JSON = DBAPIType("FLOAT16_VECTOR_JSON", 2007)
    # The server's own element type of a VECTOR that names none is F32.
    FLOAT32_VECTOR = VECTOR = DBAPIType("FLOAT32_VECTOR", "VECTOR", "VECTOR F32", 3001)
    FLOAT64_VECTOR = DBAPIType("FLOAT64_VECTOR", "VECTOR F64", 3002)
    INT8_VECTOR = DBAPIType("INT8_VECTOR", "VECTOR I8", 3003)
    INT16_VECTOR = DBAPIType("INT16_VECTOR", "VECTOR I16", 3004)
    INT32_VECTOR = DBAPIType("INT32_VECTOR", "VECTOR I32", 3005)
    INT64_VECTOR = DBAPIType("INT64_VECTOR", "VECTOR I64", 3006)
    FLOAT16_VECTOR = DBAPIType("FLOAT16_VECTOR", "VECTOR F16", 3007)

    _types: ClassVar[list[DBAPIType]]
    _by_value: ClassVar[dict[Any, DBAPIType]]
    """Name (upper case) or Python type → type."""
    _by_code: ClassVar[dict[int, DBAPIType]]

    @classmethod
    def _find(cls, key: int | str | type) -> DBAPIType:
        if isinstance(key, int):
            found = cls._by_code.get(key)
        elif isinstance(key, str):
            name = key.upper()
            found = cls._by_value.get(name) or cls._by_value.get(_bare(name))
        else:
            found = cls._by_value.get(_key(key))
        if found is None:
            raise KeyError(key)
        return found

    @classmethod
    def get_code(cls, code: int | str | type) -> int:
        """Return the code of a type.

        Args:
            code: a name in either case, with or without its arguments (``VECTOR(3, I8)``,
                ``DECIMAL(10,2)``, ``INT UNSIGNED``), a Python type, or a code, which is returned.

        Raises:
            KeyError: there is no such type.
        """
        return code if isinstance(code, int) else cls._find(code).code

    @classmethod
    def get_name(cls, code: int | str | type) -> str:
        """Return the main name of a type, given as for :meth:`get_code`.

        A code shared by text and binary columns gives the binary name, except 253: VARSTRING.

        Raises:
            KeyError: there is no such type.
        """
        return cls._find(code).name

    @classmethod
    def _of(cls, kind: type[_T]) -> list[_T]:
        return [t for t in cls._types if type(t) is kind]

    @classmethod
    def get_string_types(cls) -> list[StringDBAPIType]:
        """Return the text types."""
        return cls._of(StringDBAPIType)

    @classmethod
    def get_binary_types(cls) -> list[BinaryDBAPIType]:
        """Return the binary types."""
        return cls._of(BinaryDBAPIType)

    @classmethod
    def get_number_types(cls) -> list[NumberDBAPIType]:
        """Return the number types."""
        return cls._of(NumberDBAPIType)

    @classmethod
    def get_datetime_types(cls) -> list[DatetimeDBAPIType]:
        """Return the types of points in time."""
        return cls._of(DatetimeDBAPIType)

    @classmethod
    def get_non_dbapi_types(cls) -> list[DBAPIType]:
        """Return the types that PEP 249 has no object for."""
        return cls._of(DBAPIType)


_ARGUMENTS = re.compile(r"\(([^()]*)\)")


def _bare(name: str) -> str:
    """Return an upper-case SQL type without its arguments, but with a vector's element type."""
    found = _ARGUMENTS.search(name)
    base = " ".join(_ARGUMENTS.sub(" ", name).split())
    if found and base == "VECTOR":
        element = found[1].rpartition(",")[2].strip()
        if not element.isdigit():
            return f"VECTOR {element}"
    return base


def _index(types: Iterable[DBAPIType]) -> None:
    ColumnType._types = list({id(t): t for t in types}.values())
    ColumnType._by_code = {t.code: t for t in ColumnType._types}
    ColumnType._by_value = {
        v: t for t in ColumnType._types for v in t._values if not isinstance(v, int)
    }


_index(t for t in vars(ColumnType).values() if isinstance(t, DBAPIType))

STRING = StringDBAPIType(*ColumnType.get_string_types())
BINARY = BinaryDBAPIType(*ColumnType.get_binary_types())
NUMBER = NumberDBAPIType(*ColumnType.get_number_types())
DATETIME = DatetimeDBAPIType(*ColumnType.get_datetime_types())
ROWID = DBAPIType()
UNKNOWN = DBAPIType(*ColumnType.get_non_dbapi_types())
