"""The SQL types of StarRocks, for use in ``Column`` and in results.

Scalar types extend SQLAlchemy's MySQL types, because StarRocks speaks the MySQL protocol.
``ARRAY``, ``MAP`` and ``STRUCT`` arrive as JSON text and are decoded by their own rules (see
:func:`decoder`).
Every ``repr`` evaluates back after ``from starrocks import *``: migrations are written with it.
"""

from __future__ import annotations

import datetime as dt
import json
import keyword
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import types as sqltypes
from sqlalchemy.dialects import mysql

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect
    from sqlalchemy.types import TypeEngine

__all__ = [
    "ARRAY",
    "BIGINT",
    "BINARY",
    "BITMAP",
    "BOOLEAN",
    "CHAR",
    "DATE",
    "DATETIME",
    "DECIMAL",
    "DOUBLE",
    "FLOAT",
    "HLL",
    "INTEGER",
    "JSON",
    "LARGEINT",
    "MAP",
    "PERCENTILE",
    "SMALLINT",
    "STRING",
    "STRUCT",
    "TINYINT",
    "VARBINARY",
    "VARCHAR",
]

MAX_VARCHAR = 65533
"""Length of a VARCHAR that StarRocks reports for STRING (its manual, "STRING")."""

_DATETIME = re.compile(
    r"(\d{1,4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,9}))?)?\Z"
)


def parse_date(text: str) -> dt.date:
    """Read ``Y-m-d``, dropping a time of day. Raise ``ValueError`` for anything else."""
    return parse_datetime(text).date()


def parse_datetime(text: str) -> dt.datetime:
    """Read ``Y-m-d`` or ``Y-m-d H:M:S[.fraction]``; the fraction is of a second, to microseconds.

    Raise ``ValueError`` for anything else.
    """
    match = _DATETIME.match(text)
    if match is None:
        raise ValueError(f"cannot read {text!r} as a StarRocks DATETIME")
    *parts, fraction = match.groups()
    year, month, day, hour, minute, second = (int(part or 0) for part in parts)
    return dt.datetime(
        year, month, day, hour, minute, second, int((fraction or "0").ljust(6, "0")[:6])
    )


# --- scalar types -----------------------------------------------------------------------------


class BOOLEAN(sqltypes.BOOLEAN):
    """True or false; the server reports it as ``tinyint(1)``."""


class TINYINT(mysql.TINYINT):
    """8-bit signed integer. A display width is kept in DDL; the server ignores it."""


class SMALLINT(mysql.SMALLINT):
    """16-bit signed integer."""


class INTEGER(mysql.INTEGER):
    """32-bit signed integer."""


class BIGINT(mysql.BIGINT):
    """64-bit signed integer."""


class LARGEINT(sqltypes.Integer):
    """128-bit signed integer, which drivers may deliver as text; results are Python ``int``."""

    __visit_name__ = "LARGEINT"

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[Any], int | None] | None:
        def process(value: Any) -> int | None:
            return None if value is None else int(value)

        return process


class DECIMAL(mysql.DECIMAL):
    """Fixed-point number; results are ``decimal.Decimal``."""


class DOUBLE(mysql.DOUBLE):
    """64-bit floating-point number; results are ``Decimal`` unless ``asdecimal=False``."""


class FLOAT(mysql.FLOAT):
    """32-bit floating-point number."""


class CHAR(mysql.CHAR):
    """Fixed-length text; the length counts bytes."""


class VARCHAR(mysql.VARCHAR):
    """Text of at most *length* bytes; without a length, or with 65533, it is ``STRING``."""

    def __init__(self, length: int | None = None, **kwargs: Any) -> None:
        super().__init__(length, **kwargs)


class STRING(sqltypes.String):
    """Text of the greatest length a VARCHAR can have."""

    __visit_name__ = "STRING"


class BINARY(sqltypes.BINARY):
    """Bytes; a length is dropped in DDL."""


class VARBINARY(sqltypes.VARBINARY):
    """Bytes; a length is dropped in DDL."""


class DATE(sqltypes.DATE):
    """Date without time. A result that the driver leaves as text is parsed."""

    def literal_processor(self, dialect: Dialect) -> Callable[[Any], str]:
        def process(value: Any) -> str:
            if not isinstance(value, dt.date):
                value = parse_date(str(value))
            return f"TO_DATE('{value:%Y-%m-%d}')"

        return process

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        def process(value: Any) -> Any:
            return parse_date(value) if isinstance(value, str) else value

        return process


class DATETIME(mysql.DATETIME):
    """Date and time of day, to microseconds. A result that the driver leaves as text is parsed."""

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        def process(value: Any) -> Any:
            return parse_datetime(value) if isinstance(value, str) else value

        return process


class JSON(sqltypes.JSON):
    """A JSON document, read and written as Python objects."""


class HLL(sqltypes.TypeEngine[Any]):
    """HyperLogLog sketch; its values are made and read with SQL functions such as ``HLL_HASH``."""

    __visit_name__ = "HLL"


class BITMAP(sqltypes.TypeEngine[Any]):
    """Set of integers; its values are made and read with SQL functions such as ``TO_BITMAP``."""

    __visit_name__ = "BITMAP"


class PERCENTILE(sqltypes.TypeEngine[Any]):
    """Percentile sketch; its values are made and read with SQL functions."""

    __visit_name__ = "PERCENTILE"


# --- complex types ----------------------------------------------------------------------------


class ComplexType(sqltypes.TypeEngine[Any]):
    """Base of the types that are made of other types."""

    def get_sub_item_types(self) -> list[TypeEngine[Any]]:
        """Return every type nested in this one, outermost first."""
        found: list[TypeEngine[Any]] = []
        for item in self.item_types():
            found.append(item)
            if isinstance(item, ComplexType):
                found.extend(item.get_sub_item_types())
        return found

    def item_types(self) -> list[TypeEngine[Any]]:
        """Return the types directly inside this one, in order of declaration."""
        raise NotImplementedError

    def get_col_spec(self, **kw: Any) -> str:
        """Return the DDL text of this type."""
        from starrocks.dialect import StarRocksDialect

        return self.compile(dialect=StarRocksDialect())

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        return decoder(self, dialect)


class ARRAY(ComplexType):
    """A list of values of one type; results are ``list``."""

    __visit_name__ = "ARRAY"

    def __init__(self, item_type: TypeEngine[Any] | type[TypeEngine[Any]]) -> None:
        self.item_type = _sub_type(item_type, "ARRAY")

    @property
    def python_type(self) -> type[Any]:
        return list

    def item_types(self) -> list[TypeEngine[Any]]:
        return [self.item_type]

    def __repr__(self) -> str:
        return f"ARRAY({self.item_type!r})"


class MAP(ComplexType):
    """Keys and values of one type each; results are ``dict``, keys being of their Python type."""

    __visit_name__ = "MAP"

    def __init__(
        self,
        key_type: TypeEngine[Any] | type[TypeEngine[Any]],
        value_type: TypeEngine[Any] | type[TypeEngine[Any]],
    ) -> None:
        self.key_type = _sub_type(key_type, "MAP")
        self.value_type = _sub_type(value_type, "MAP")

    @property
    def python_type(self) -> type[Any]:
        return dict

    def item_types(self) -> list[TypeEngine[Any]]:
        return [self.key_type, self.value_type]

    def __repr__(self) -> str:
        return f"MAP({self.key_type!r}, {self.value_type!r})"


class STRUCT(ComplexType):
    """Named fields, each of its own type: ``STRUCT(("a b", DATE), name=STRING)``.

    Results are ``dict``.

    Pairs come first, in order, then keywords, in order. A name may occur once.
    """

    __visit_name__ = "STRUCT"

    def __init__(
        self,
        *fields: tuple[str, TypeEngine[Any] | type[TypeEngine[Any]]],
        **named: TypeEngine[Any] | type[TypeEngine[Any]],
    ) -> None:
        pairs = [*fields, *named.items()]
        if not pairs:
            raise TypeError("STRUCT needs at least one field, such as STRUCT(name=STRING)")
        names = [name for name, _ in pairs]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise TypeError(f"STRUCT has more than one field named {', '.join(repeated)}")
        self.fields = tuple((name, _sub_type(type_, "STRUCT")) for name, type_ in pairs)

    # SQLAlchemy builds the key from constructor keywords; fields are positional, and without them
    # two structs would share one cached statement with the first one's decoding.
    @property
    def _static_cache_key(self) -> Any:
        return (STRUCT, tuple((name, type_._static_cache_key) for name, type_ in self.fields))

    @property
    def python_type(self) -> Any:
        return None

    def item_types(self) -> list[TypeEngine[Any]]:
        return [type_ for _, type_ in self.fields]

    def adapt(self, cls: Any, **kw: Any) -> Any:
        return cls(*self.fields)

    def __repr__(self) -> str:
        return struct_repr([(name, repr(type_)) for name, type_ in self.fields])


def struct_repr(fields: Sequence[tuple[str, str]]) -> str:
    """Write the constructor call of a STRUCT of the (name, already written type) pairs *fields*."""
    if all(name.isidentifier() and not keyword.iskeyword(name) for name, _ in fields):
        return f"STRUCT({', '.join(f'{name}={text}' for name, text in fields)})"
    return f"STRUCT({', '.join(f'({name!r}, {text})' for name, text in fields)})"


def _sub_type(type_: TypeEngine[Any] | type[TypeEngine[Any]], owner: str) -> TypeEngine[Any]:
    if isinstance(type_, type) and issubclass(type_, ComplexType):
        raise TypeError(
            f"{owner} of a bare {type_.__name__}: say what it contains, as in ARRAY(STRING), "
            "MAP(STRING, INTEGER) or STRUCT(name=STRING)"
        )
    if isinstance(type_, type) and issubclass(type_, sqltypes.TypeEngine):
        return type_()
    if isinstance(type_, sqltypes.TypeEngine):
        return type_
    raise TypeError(f"{owner} needs a type, got {type_!r}")


# --- decoding of complex values -----------------------------------------------------------------


def decoder(type_: ComplexType, dialect: Dialect) -> Callable[[Any], Any]:
    """Return a function from what the driver delivers for *type_* to Python objects.

    Text is JSON, with fractions read as ``Decimal``; lists and dicts pass as they are; elements are
    converted by their types. Text that is not JSON is returned unchanged for ARRAY and MAP and
    raises ``ValueError`` for STRUCT. ``None`` stays ``None``.
    """
    convert = _converter(type_, dialect)
    strict = isinstance(type_, STRUCT)

    def process(value: Any) -> Any:
        if isinstance(value, (bytes, bytearray)):
            value = value.decode()
        if isinstance(value, str):
            try:
                value = json.loads(value, parse_float=Decimal)
            except ValueError as exc:
                if strict:
                    raise ValueError(f"cannot read {value!r} as {type_!r}") from exc
                return value
        return None if value is None else convert(value)

    return process


def _same(value: Any) -> Any:
    return value


def _converter(type_: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any]:
    """Return the conversion of one non-null value that JSON has already been decoded into."""
    if isinstance(type_, ARRAY):
        return _array_converter(type_, dialect)
    if isinstance(type_, MAP):
        return _map_converter(type_, dialect)
    if isinstance(type_, STRUCT):
        return _struct_converter(type_, dialect)
    if isinstance(type_, sqltypes.JSON):
        return _same  # part of the document that was decoded above
    if isinstance(type_, sqltypes.Boolean):
        return bool
    if isinstance(type_, sqltypes.Integer):
        return int
    if isinstance(type_, (sqltypes.Numeric, sqltypes.Float)):
        return (lambda value: Decimal(str(value))) if type_.asdecimal else float
    if isinstance(type_, sqltypes.DateTime):
        return lambda value: parse_datetime(value) if isinstance(value, str) else value
    if isinstance(type_, sqltypes.Date):
        return lambda value: parse_date(value) if isinstance(value, str) else value
    if isinstance(type_, sqltypes.TypeDecorator):
        processor = type_.result_processor(dialect, None)
        return processor or _same
    return _same


def _array_converter(type_: ARRAY, dialect: Dialect) -> Callable[[Any], Any]:
    item = _nullable(_converter(type_.item_type, dialect))

    def convert(value: Any) -> Any:
        return [item(element) for element in value] if isinstance(value, list) else value

    return convert


def _map_converter(type_: MAP, dialect: Dialect) -> Callable[[Any], Any]:
    key = _nullable(_key_converter(type_.key_type, dialect))
    item = _nullable(_converter(type_.value_type, dialect))

    def convert(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key(name): item(element) for name, element in value.items()}

    return convert


def _struct_converter(type_: STRUCT, dialect: Dialect) -> Callable[[Any], Any]:
    items = {name: _nullable(_converter(field, dialect)) for name, field in type_.fields}

    def convert(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: items.get(name, _same)(element) for name, element in value.items()}

    return convert


def _key_converter(type_: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any]:
    if isinstance(type_, sqltypes.Boolean):  # JSON writes every key as text
        return lambda key: key.lower() in ("1", "true") if isinstance(key, str) else bool(key)
    return _converter(type_, dialect)


def _nullable(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    if convert is _same:
        return convert
    return lambda value: None if value is None else convert(value)
