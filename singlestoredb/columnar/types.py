"""The Arrow type of each SQL column, and the SQL type of each Arrow column.

==============================================  =======================================
SQL                                             Arrow
==============================================  =======================================
TINYINT, BOOL / UNSIGNED                        int8 / uint8
SMALLINT / UNSIGNED                             int16 / uint16
MEDIUMINT, INT / UNSIGNED                       int32 / uint32
BIGINT / UNSIGNED                               int64 / uint64
YEAR                                            int16
FLOAT, DOUBLE                                   float, double
DECIMAL(p, s)                                   decimal128(p, s); decimal256 beyond 38 digits
DATE                                            date32
DATETIME, TIMESTAMP                             timestamp[us] without time zone
TIME                                            duration[us]
CHAR, VARCHAR, TEXT, ENUM, SET, JSON, GEOMETRY  utf8
the same with the binary character set, BIT     binary
BSON                                            binary
VECTOR(n, t)                                    fixed_size_list<t>[n]
NULL                                            null
==============================================  =======================================

The other way (:func:`sql_type`) is the same table read from right to left, with LONGTEXT, LONGBLOB,
DATETIME(6) and TIME(6) where it is ambiguous, and more types on its left: bool TINYINT(1), half
floats FLOAT, date64 DATE, timestamps of any unit and zone DATETIME(6), those of seconds DATETIME,
time32, time64 and durations of any unit TIME(6), fixed-size binary BINARY(n), large and view types
as plain ones, dictionaries as their values, null LONGTEXT; lists, structs and maps JSON.

Types are written as format strings of the Arrow C data interface
(https://arrow.apache.org/docs/format/CDataInterface.html#data-type-description-format-strings).
"""

from __future__ import annotations

from typing import Any, Final

from singlestoredb.exceptions import NotSupportedError
from singlestoredb_hookspecs import Column

BINARY_CHARSET: Final = 63
UNSIGNED_FLAG: Final = 32
JSON: Final = 245

_INTEGERS = {1: "c", 2: "s", 3: "i", 8: "l", 9: "i", 13: "s"}
_FIXED = {
    4: "f",
    5: "g",
    6: "n",
    7: "tsu:",
    10: "tdD",
    11: "tDu",
    12: "tsu:",
    14: "tdD",
    16: "z",
    JSON: "u",
    247: "u",
    248: "u",
    1001: "z",
}
_VECTOR_ELEMENTS = {1: "f", 2: "g", 3: "c", 4: "s", 5: "i", 6: "l", 7: "e"}
_DEFAULT_PRECISION: Final = 10
"""Digits of a DECIMAL whose declaration names none (SQL standard default of the server)."""


def is_vector(type_code: int) -> bool:
    """Return whether a type code is one of the VECTOR codes."""
    return 2001 <= type_code <= 2007 or 3001 <= type_code <= 3007


def arrow_format(column: Column) -> str:
    """Return the Arrow type of a column as a C data interface format string.

    A vector's is ``+w:<dimension>`` alone; :func:`vector_element` has the element's.
    """
    code = column.type_code
    if code in _INTEGERS:
        letter = _INTEGERS[code]
        return letter.upper() if column.flags & UNSIGNED_FLAG and code != 13 else letter
    if code in _FIXED:
        return _FIXED[code]
    if code in (0, 246):
        precision = column.precision or _DEFAULT_PRECISION
        scale = column.scale or 0
        return f"d:{precision},{scale}" if precision <= 38 else f"d:{precision},{scale},256"
    if is_vector(code):
        return f"+w:{column.length or 0}"
    return "z" if column.charset == BINARY_CHARSET else "u"


def vector_element(type_code: int) -> str:
    """Return the format string of a vector's elements."""
    return _VECTOR_ELEMENTS[type_code % 1000]


def result_schema(columns: tuple[Column, ...]) -> Any:
    """Return the nanoarrow schema of a result: a struct with one field per column.

    Fields carry the columns' names, which may repeat, and may all be NULL.
    """
    import nanoarrow as na

    blank = na.c_schema(na.null())
    fields = []
    for column in columns:
        children = []
        if is_vector(column.type_code):
            element = vector_element(column.type_code)
            children = [blank.modify(format=element, name="item", nullable=False)]
        fields.append(
            blank.modify(
                format=arrow_format(column),
                name=column.name,
                nullable=True,  # servers call a column NOT NULL that an outer join fills with NULL
                children=children,
            )
        )
    return blank.modify(format="+s", name="", nullable=False, children=fields)


# -- the other way: tables from Arrow --------------------------------------------------------

_SQL = {
    "n": "LONGTEXT",
    "b": "TINYINT(1)",
    "c": "TINYINT",
    "C": "TINYINT UNSIGNED",
    "s": "SMALLINT",
    "S": "SMALLINT UNSIGNED",
    "i": "INT",
    "I": "INT UNSIGNED",
    "l": "BIGINT",
    "L": "BIGINT UNSIGNED",
    "e": "FLOAT",
    "f": "FLOAT",
    "g": "DOUBLE",
    "u": "LONGTEXT",
    "U": "LONGTEXT",
    "vu": "LONGTEXT",
    "z": "LONGBLOB",
    "Z": "LONGBLOB",
    "vz": "LONGBLOB",
    "tdD": "DATE",
    "tdm": "DATE",
    "tss": "DATETIME",
    "tts": "TIME",
    "tDs": "TIME",
}
_ELEMENT_NAMES = {"e": "F16", "f": "F32", "g": "F64", "c": "I8", "s": "I16", "i": "I32", "l": "I64"}
_MOST_DIGITS: Final = 65
_MOST_DECIMALS: Final = 30
"""Of a DECIMAL: https://docs.singlestore.com/cloud/reference/sql-reference/data-types/"""


def sql_type(field: Any, *, has_vectors: bool) -> str:
    """Return the SQL type of a column for an Arrow field, a nanoarrow schema.

    What :func:`arrow_format` gives for the SQL type holds every value of the field; it is the same
    Arrow type for integers, double, decimals, dates, timestamp[us], duration[us], text, binary
    and, where the server has VECTOR, fixed-size lists of numbers.

    Args:
        field: the field.
        has_vectors: whether the server has the type VECTOR; without it vectors become JSON.

    Raises ``NotSupportedError`` when no SQL type holds its values.
    """
    if field.dictionary is not None:
        return sql_type(field.dictionary, has_vectors=has_vectors)
    form: str = field.format
    if form in _SQL:
        if _extension(field) == b"arrow.json":
            return "JSON"
        return _SQL[form]
    if form.startswith("ts"):
        return "DATETIME" if form.startswith("tss:") else "DATETIME(6)"
    if form.startswith(("tt", "tD")):
        return "TIME(6)"
    if form.startswith("w:"):
        width = int(form[2:])
        return f"BINARY({width})" if 0 < width <= 255 else "LONGBLOB"
    if form.startswith("d:"):
        precision, scale = (int(part) for part in form[2:].split(",")[:2])
        if scale < 0:
            precision, scale = precision - scale, 0
        precision = max(precision, scale, 1)
        if precision > _MOST_DIGITS or scale > _MOST_DECIMALS:
            raise NotSupportedError(
                None,
                f"column {field.name!r}: DECIMAL({precision},{scale}) is more than "
                f"{_MOST_DIGITS} digits with {_MOST_DECIMALS} behind the point",
                hint="cast it to a narrower decimal, to double or to text",
            )
        return f"DECIMAL({precision},{scale})"
    if form.startswith("+w:") and has_vectors and field.child(0).format in _ELEMENT_NAMES:
        return f"VECTOR({form[3:]},{_ELEMENT_NAMES[field.child(0).format]})"
    if form in ("+s", "+l", "+L", "+vl", "+vL", "+m") or form.startswith("+w:"):
        return "JSON"
    raise NotSupportedError(
        None,
        f"column {field.name!r} has the Arrow type {form!r}, which has no SQL type",
        hint="cast it to numbers, text, binary, dates, times, lists, structs or maps",
    )


def _extension(field: Any) -> bytes | None:
    """Return the name of a field's extension type."""
    metadata = field.metadata
    if not metadata:
        return None
    name: bytes | None = dict(metadata.items()).get(b"ARROW:extension:name")
    return name
