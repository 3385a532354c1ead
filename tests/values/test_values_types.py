"""Type objects: what each is equal to, and names and codes of columns."""

from __future__ import annotations

import datetime
import decimal
import subprocess
import sys
import time
from typing import Any

import pytest

from singlestoredb import types
from singlestoredb.types import BINARY, DATETIME, NUMBER, ROWID, STRING, UNKNOWN, ColumnType

EVERY_CODE = {*range(17), *range(245, 256), 1001, *range(2001, 2008), *range(3001, 3008)}
INTEGERS = [
    "BIGINT",
    "INT",
    "INT24",
    "LONG",
    "LONGLONG",
    "MEDIUMINT",
    "SHORT",
    "SMALLINT",
    "TINY",
    "TINYINT",
]
EVERY_TYPE = {
    *(str, bytes, bytearray, int, float, decimal.Decimal),
    *(datetime.datetime, datetime.date, datetime.time),
}

EQUAL: list[tuple[types.DBAPIType, set[int], list[str], set[type]]] = [
    (
        STRING,
        {15, 247, 248, 249, 250, 251, 252, 253, 254},
        [
            "CHAR",
            "ENUM",
            "LONGTEXT",
            "MEDIUMTEXT",
            "SET",
            "STRING",
            "TEXT",
            "TINYTEXT",
            "VARCHAR",
            "VARSTRING",
        ],
        {str},
    ),
    (
        BINARY,
        {15, 249, 250, 251, 252, 254},
        ["BINARY", "BLOB", "LONGBLOB", "MEDIUMBLOB", "TINYBLOB", "VARBINARY"],
        {bytes, bytearray},
    ),
    (
        NUMBER,
        {0, 1, 2, 3, 4, 5, 8, 9, 16, 246},
        [
            *[
                "BIT",
                "BOOL",
                "BOOLEAN",
                "DEC",
                "DECIMAL",
                "DOUBLE",
                "FIXED",
                "FLOAT",
                "NEWDECIMAL",
                "NUMERIC",
                "REAL",
            ],
            *INTEGERS,
            *(f"UNSIGNED {name}" for name in INTEGERS),
            *(f"{name} UNSIGNED" for name in INTEGERS),
        ],
        {int, float, decimal.Decimal},
    ),
    (DATETIME, {7, 12}, ["DATETIME", "TIMESTAMP"], {datetime.datetime}),
    (
        UNKNOWN,
        {6, 10, 11, 13, 14, 245, 255, 1001, *range(2001, 2008), *range(3001, 3008)},
        [
            "DATE",
            "GEOMETRY",
            "JSON",
            "NEWDATE",
            "NULL",
            "TIME",
            "YEAR",
            "BSON",
            "VECTOR",
            "GEOGRAPHY",
        ],
        {datetime.date, datetime.time},
    ),
    (ROWID, set(), [], set()),
]


@pytest.mark.parametrize(("kind", "codes", "names", "python"), EQUAL)
def test_a_type_object_equals_its_codes_names_and_python_types(
    kind: types.DBAPIType, codes: set[int], names: list[str], python: set[type]
) -> None:
    assert {code for code in EVERY_CODE if code == kind} == codes
    assert all(kind == name for name in names)
    assert {t for t in EVERY_TYPE if kind == t} == python
    every_name = {name for _, _, other, _ in EQUAL for name in other}
    assert {name for name in every_name if kind == name} == set(names)
    assert {code for code in EVERY_CODE if kind != code} == EVERY_CODE - codes


def test_type_objects_that_share_a_member_are_equal() -> None:
    assert ColumnType.VARCHAR == STRING
    assert ColumnType.VARCHAR == ColumnType.VARBINARY
    assert ColumnType.INT != STRING
    assert NUMBER != STRING
    assert NUMBER != []


def test_type_objects_cannot_be_hashed() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(STRING)


def test_name_code_and_repr() -> None:
    assert (ColumnType.TINY.name, ColumnType.TINY.code) == ("TINY", 1)
    assert (ROWID.name, ROWID.code) == ("<unknown>", -1)
    assert repr(DATETIME) == "<DatetimeDBAPIType object [12,7,DATETIME,TIMESTAMP,datetime]>"
    assert str(ROWID) == "<DBAPIType object []>"
    assert "decimal.Decimal" in repr(NUMBER)


NAMES = {
    0: "DECIMAL", 1: "TINY", 2: "SMALLINT", 3: "LONG", 4: "FLOAT", 5: "DOUBLE", 6: "NULL",
    7: "TIMESTAMP", 8: "BIGINT", 9: "MEDIUMINT", 10: "DATE", 11: "TIME", 12: "DATETIME",
    13: "YEAR", 14: "NEWDATE", 15: "VARBINARY", 16: "BIT", 245: "JSON", 246: "NEWDECIMAL",
    247: "ENUM", 248: "SET", 249: "TINYBLOB", 250: "MEDIUMBLOB", 251: "LONGBLOB", 252: "BLOB",
    253: "VARSTRING", 254: "BINARY", 255: "GEOMETRY", 1001: "BSON", 2001: "FLOAT32_VECTOR_JSON",
    2002: "FLOAT64_VECTOR_JSON", 2003: "INT8_VECTOR_JSON", 2004: "INT16_VECTOR_JSON",
    2005: "INT32_VECTOR_JSON", 2006: "INT64_VECTOR_JSON", 2007: "FLOAT16_VECTOR_JSON",
    3001: "FLOAT32_VECTOR", 3002: "FLOAT64_VECTOR", 3003: "INT8_VECTOR", 3004: "INT16_VECTOR",
    3005: "INT32_VECTOR", 3006: "INT64_VECTOR", 3007: "FLOAT16_VECTOR",
}  # fmt: skip


@pytest.mark.parametrize("code", sorted(EVERY_CODE))
def test_every_code_has_a_name_that_leads_back(code: int) -> None:
    name = ColumnType.get_name(code)
    assert name == NAMES[code]
    assert ColumnType.get_code(name) == code
    assert ColumnType.get_name(name.lower()) == name


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("bigint unsigned", 8),
        ("INT UNSIGNED", 3),
        ("unsigned int", 3),
        ("int(11) unsigned", 3),
        ("Decimal(20, 6)", 0),
        ("varchar(30)", 15),
        ("datetime(6)", 12),
        ("integer", 3),
        ("double precision", 5),
        ("geography", 255),
        ("GEOGRAPHYPOINT", 255),
        ("vector", 3001),
        ("VECTOR(128)", 3001),
        ("vector(128, f32)", 3001),
        ("vector(4, F64)", 3002),
        ("vector(4, I8)", 3003),
        ("vector(4, I64)", 3006),
        ("vector(4,F16)", 3007),
        ("bson", 1001),
        ("enum('a','b')", 247),
        (12, 12),
        (4711, 4711),
        (int, 8),
        (float, 5),
        (str, 15),
        (bytes, 15),
        (bytearray, 15),
        (decimal.Decimal, 0),
        (datetime.datetime, 12),
        (datetime.date, 10),
        (datetime.time, 11),
    ],
)
def test_get_code(name: Any, code: int) -> None:
    assert ColumnType.get_code(name) == code


@pytest.mark.parametrize("key", ["VECTOR(3, X9)", "nothing", "", dict, object])
def test_unknown_types_are_key_errors(key: Any) -> None:
    with pytest.raises(KeyError):
        ColumnType.get_code(key)
    with pytest.raises(KeyError):
        ColumnType.get_name(key)


def test_unknown_code_has_no_name() -> None:
    with pytest.raises(KeyError):
        ColumnType.get_name(4711)


def test_aliases_are_one_object() -> None:
    assert ColumnType.BOOL is ColumnType.UNSIGNED_TINYINT is ColumnType.TINY
    assert ColumnType.INT is ColumnType.LONG
    assert ColumnType.REAL is ColumnType.DOUBLE
    assert ColumnType.NUMERIC is ColumnType.DECIMAL


def test_groups() -> None:
    assert "TEXT" in [t.name for t in ColumnType.get_string_types()]
    assert "BLOB" in [t.name for t in ColumnType.get_binary_types()]
    assert [t.code for t in ColumnType.get_datetime_types()] == [7, 12]
    assert {t.code for t in ColumnType.get_number_types()} == EQUAL[2][1]
    assert {t.code for t in ColumnType.get_non_dbapi_types()} == EQUAL[4][1]


def test_constructors() -> None:
    assert types.Date(2020, 1, 2) == datetime.date(2020, 1, 2)
    assert types.Time(3, 4) == datetime.time(3, 4)
    assert types.Timestamp(2020, 1, 2, 3) == datetime.datetime(2020, 1, 2, 3)
    assert types.Binary(b"x") == b"x"
    now = 1_600_000_000.25
    local = time.localtime(now)
    assert types.DateFromTicks(now).timetuple()[:3] == local[:3]
    assert types.TimestampFromTicks(now).timetuple()[:6] == local[:6]
    assert types.TimestampFromTicks(now).microsecond == 250_000
    ticked = types.TimeFromTicks(now)
    assert (ticked.hour, ticked.minute, ticked.second) == local[3:6]


def test_importing_types_does_not_import_decimal() -> None:
    code = "import sys, singlestoredb.types; print('decimal' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
