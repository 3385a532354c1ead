"""The Arrow type of each SQL column.

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

Types are written as format strings of the Arrow C data interface
(https://arrow.apache.org/docs/format/CDataInterface.html#data-type-description-format-strings).
"""

from __future__ import annotations

from typing import Any, Final

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
