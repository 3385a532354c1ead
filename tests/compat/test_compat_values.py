"""Exceptions, type objects, converters, tokens, nested dicts and literals."""

from __future__ import annotations

import copy
import datetime as dt
import decimal
import enum
import pickle
import time
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

import singlestoredb as s2
from singlestoredb import converters as conv
from singlestoredb.types import UNKNOWN, ColumnType, DBAPIType
from singlestoredb.utils.xdict import xadict, xdict

# -- exceptions ------------------------------------------------------------------------------


def test_the_tree_of_errors() -> None:
    assert s2.MySQLError.__mro__[1] is Exception
    assert s2.Error.__bases__ == (s2.MySQLError,)
    for direct in (s2.InterfaceError, s2.DatabaseError, s2.ManagementError):
        assert direct.__bases__ == (s2.Error,)
    for database in (
        *(s2.DataError, s2.OperationalError, s2.IntegrityError, s2.InternalError),
        *(s2.ProgrammingError, s2.NotSupportedError),
    ):
        assert database.__bases__ == (s2.DatabaseError,)
    assert issubclass(s2.Warning, Warning)
    assert issubclass(s2.Warning, s2.MySQLError)
    assert s2.Warning("a", 1).args == ("a", 1)


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ((), "Unknown error"),
        ((None, "it broke"), "it broke"),
        ((1064,), "1064"),
        ((1064, "syntax"), "1064: syntax"),
        ((1064, "syntax", "42000"), "1064 (42000): syntax"),
        ((None, "syntax", "42000"), "(42000): syntax"),
        ((0, "zero"), "0: zero"),
    ],
)
def test_errors_as_text(args: tuple[Any, ...], text: str) -> None:
    error = s2.ProgrammingError(*args)
    assert str(error) == repr(error) == text
    filled = (*args, None, None, None)[:3]
    assert error.args == filled
    assert (error.errno, error.errmsg, error.sqlstate) == filled
    assert error.msg == error.errmsg
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.args, str(again)) == (type(error), error.args, text)


def test_management_errors() -> None:
    error = s2.ManagementError(404, "not found", "{}")
    assert (error.errno, error.errmsg, error.response) == (404, "not found", "{}")
    assert error.args == (404, "not found")
    assert str(error) == "404 ({}): not found"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


# -- type objects ----------------------------------------------------------------------------


def words(text: str) -> set[str]:
    return set(text.split())


_SIGNED = words("BIGINT INT INT24 LONG LONGLONG MEDIUMINT SHORT SMALLINT TINY TINYINT")
OBJECTS: dict[str, tuple[Any, set[int], set[str], set[type]]] = {
    "STRING": (
        s2.STRING,
        {15, 247, 248, 249, 250, 251, 252, 253, 254},
        {
            *[
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
            ]
        },
        {str},
    ),
    "BINARY": (
        s2.BINARY,
        {15, 249, 250, 251, 252, 254},
        words("BINARY BLOB LONGBLOB MEDIUMBLOB TINYBLOB VARBINARY"),
        {bytes, bytearray},
    ),
    "NUMBER": (
        s2.NUMBER,
        {0, 1, 2, 3, 4, 5, 8, 9, 16, 246},
        {
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
            ],
            *_SIGNED,
            *(f"UNSIGNED {name}" for name in _SIGNED),
        },
        {int, float, Decimal},
    ),
    "DATETIME": (s2.DATETIME, {7, 12}, {"DATETIME", "TIMESTAMP"}, {dt.datetime}),
    "UNKNOWN": (
        UNKNOWN,
        {6, 10, 11, 13, 14, 245, 255},
        words("DATE GEOMETRY JSON NEWDATE NULL TIME YEAR"),
        {dt.date, dt.time},
    ),
    "ROWID": (s2.ROWID, set(), set(), set()),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_type_objects(name: str) -> None:
    made, codes, names, types = OBJECTS[name]
    for code in range(256):
        assert (made == code) is (code in codes), code
        assert (made != code) is (code not in codes)
    every = set().union(*(n for _, _, n, _ in OBJECTS.values()))
    assert {n for n in every if made == n} == names
    python = set().union(*(t for _, _, _, t in OBJECTS.values()))
    assert {t for t in python if made == t} == types


def test_type_objects_as_objects() -> None:
    with pytest.raises(TypeError):
        hash(s2.STRING)
    nested = DBAPIType(DBAPIType(1, "ONE"), 2, int)
    assert nested == 1
    assert nested == "ONE"
    assert nested == DBAPIType(2)
    assert nested != DBAPIType(3)
    assert (nested.name, nested.code) == ("ONE", 1)
    assert (DBAPIType().name, DBAPIType().code) == ("<unknown>", -1)
    assert repr(DBAPIType(2, "B")) == str(DBAPIType(2, "B")) == "<DBAPIType object [2,B]>"
    assert type(s2.STRING).__name__ == "StringDBAPIType"
    for name in ("Date", "Time", "Timestamp"):
        assert (
            getattr(s2, name)
            is {
                "Date": dt.date,
                "Time": dt.time,
                "Timestamp": dt.datetime,
            }[name]
        )
    assert s2.Binary is bytes
    assert s2.DateFromTicks(0) == dt.datetime.fromtimestamp(0).date()
    assert s2.TimeFromTicks(0) == dt.datetime.fromtimestamp(0).time()
    assert s2.TimestampFromTicks(0) == dt.datetime.fromtimestamp(0)


def test_names_and_codes_of_columns() -> None:
    names = {
        0: "DECIMAL", 1: "TINY", 2: "SMALLINT", 3: "LONG", 4: "FLOAT", 5: "DOUBLE", 6: "NULL",
        7: "TIMESTAMP", 8: "BIGINT", 9: "MEDIUMINT", 10: "DATE", 11: "TIME", 12: "DATETIME",
        13: "YEAR", 14: "NEWDATE", 15: "VARBINARY", 16: "BIT", 245: "JSON", 246: "NEWDECIMAL",
        247: "ENUM", 248: "SET", 249: "TINYBLOB", 250: "MEDIUMBLOB", 251: "LONGBLOB", 252: "BLOB",
        253: "VARSTRING", 254: "BINARY", 255: "GEOMETRY",
    }  # fmt: skip
    for code, name in names.items():
        assert ColumnType.get_name(code) == name
        assert ColumnType.get_code(code) == code
    for key, code in (
        ("bigint", 8), ("Varchar", 15), ("text", 252), ("INT", 3), ("bool", 1), ("char", 254),
        (int, 8), (float, 5), (str, 15), (bytes, 15), (bytearray, 15), (Decimal, 0),
        (dt.datetime, 12), (dt.date, 10), (dt.time, 11),
        ("BIGINT UNSIGNED", 8), ("BSON", 1001), ("VECTOR", 3001), ("GEOGRAPHY", 255),
    ):  # fmt: skip
        assert ColumnType.get_code(key) == code
    for unknown in ("NO SUCH TYPE", complex):
        with pytest.raises(KeyError):
            ColumnType.get_code(unknown)
    with pytest.raises(KeyError):
        ColumnType.get_name(200)
    assert ColumnType.BOOL is ColumnType.TINY is ColumnType.UNSIGNED_TINYINT
    assert ColumnType.DEC is ColumnType.FIXED is ColumnType.NUMERIC is ColumnType.DECIMAL
    assert ColumnType.STRING is ColumnType.CHAR
    assert ColumnType.DOUBLE is ColumnType.REAL
    for method in ("string", "binary", "number", "datetime", "non_dbapi"):
        assert isinstance(getattr(ColumnType, f"get_{method}_types")(), list)


# -- converters ------------------------------------------------------------------------------


def test_the_table_of_converters() -> None:
    table = {
        "decimal_or_none": (0, 246),
        "int_or_none": (1, 2, 3, 8, 9, 13),
        "float_or_none": (4, 5),
        "none": (6,),
        "datetime_or_none": (7, 12),
        "date_or_none": (10, 14),
        "timedelta_or_none": (11,),
        "bit_or_none": (16,),
        "json_or_none": (245,),
        "set_or_none": (248,),
        "geometry_or_none": (255,),
        "bson_or_none": (1001,),
    }
    elements = ("float32", "float64", "int8", "int16", "int32", "int64", "float16")
    table.update({f"{e}_vector_json_or_none": (2001 + i,) for i, e in enumerate(elements)})
    table.update({f"{e}_vector_or_none": (3001 + i,) for i, e in enumerate(elements)})
    for name, codes in table.items():
        for code in codes:
            assert conv.converters[code] is getattr(conv, name)
            assert conv.converters[code](None) is None
    assert set(conv.converters) == {code for codes in table.values() for code in codes}
    for name in (
        *("datetime_fromisoformat", "date_fromisoformat", "time_fromisoformat"),
        *("timedelta_fromisoformat", "time_or_none", "identity", "ZERO_DATES", "ZERO_DATETIMES"),
    ):
        assert hasattr(conv, name)


@pytest.mark.parametrize(
    ("function", "given", "expected"),
    [
        ("datetime_or_none", "2020-01-02 03:04:05", dt.datetime(2020, 1, 2, 3, 4, 5)),
        ("datetime_or_none", b"2020-01-02T03:04:05.5", dt.datetime(2020, 1, 2, 3, 4, 5, 500000)),
        ("datetime_or_none", "2020-01-02 03:04:05.123", dt.datetime(2020, 1, 2, 3, 4, 5, 123000)),
        ("datetime_or_none", "2020-01-02 03:04:05.000006", dt.datetime(2020, 1, 2, 3, 4, 5, 6)),
        ("datetime_or_none", "2020-01-02", dt.datetime(2020, 1, 2)),
        (
            "datetime_or_none",
            "2020-01-02 03:04:05+02:00",
            dt.datetime(2020, 1, 2, 3, 4, 5, tzinfo=dt.timezone(dt.timedelta(hours=2))),
        ),
        ("datetime_or_none", "0000-00-00 00:00:00", None),
        ("datetime_or_none", "0000-00-00T00:00:00.000", None),
        ("datetime_or_none", "0000-00-00 00:00:00.000000", None),
        ("datetime_or_none", "2020-00-01 00:00:00", "2020-00-01 00:00:00"),
        ("datetime_or_none", "2020-02-31 00:00:00", "2020-02-31 00:00:00"),
        ("datetime_or_none", "", ""),
        ("datetime_or_none", "garbage", "garbage"),
        ("date_or_none", "2020-01-02", dt.date(2020, 1, 2)),
        ("date_or_none", b"2020-01-02", dt.date(2020, 1, 2)),
        ("date_or_none", "0000-00-00", None),
        ("date_or_none", "0000-00-00 00:00:00", "0000-00-00 00:00:00"),
        ("date_or_none", "2020-02-31", "2020-02-31"),
        ("timedelta_or_none", "838:59:59", dt.timedelta(34, 82799)),
        ("timedelta_or_none", "-25:06:17", dt.timedelta(days=-2, seconds=82423)),
        ("timedelta_or_none", "1:02:03.5", dt.timedelta(seconds=3723.5)),
        ("timedelta_or_none", "no", "no"),
        ("time_or_none", "15:06:17", dt.time(15, 6, 17)),
        ("time_or_none", "25:06:17", "25:06:17"),
        ("bit_or_none", "AQ==", b"\x01"),
        ("bit_or_none", b"\x01", b"\x01"),
        ("json_or_none", '{"a": [1]}', {"a": [1]}),
        ("set_or_none", "a, b,c", {"a", "b", "c"}),
        ("decimal_or_none", "1.500", Decimal("1.500")),
        ("int_or_none", b"7", 7),
        ("none", "anything", None),
    ],
)
def test_parsing(function: str, given: Any, expected: Any) -> None:
    found = getattr(conv, function)(given)
    assert found == expected
    assert type(found) is type(expected)
    if function == "decimal_or_none":
        assert str(found) == str(expected)


def test_vectors_and_documents() -> None:
    bson = pytest.importorskip("bson")
    assert conv.converters[2004]("[1,-2]").dtype == np.int16
    packed = conv.converters[3006]((2**40).to_bytes(8, "little"))
    assert packed.tolist() == [2**40]
    assert packed.dtype == np.int64
    assert conv.converters[1001](bson.encode({"a": 1})) == {"a": 1}
    assert conv.geometry_or_none("") is None
    assert conv.geometry_or_none("POINT (1 2)").wkt == "POINT (1 2)"


# -- nested dicts ----------------------------------------------------------------------------


def test_xdict() -> None:
    d = xdict({"a.b": 1, "c": {"d": {"e": 2}}})
    d["a.x.y"] = 3
    assert isinstance(d["a"], xdict)
    assert d["c.d.e"] == 2
    assert d.flattened() == {"a.b": 1, "a.x.y": 3, "c.d.e": 2}
    assert sorted(d.flatkeys()) == ["a.b", "a.x.y", "c.d.e"]
    assert sorted(d.flatvalues()) == [1, 2, 3]
    assert sorted(d.flatitems()) == [("a.b", 1), ("a.x.y", 3), ("c.d.e", 2)]
    assert {"a", "a.b", "a.x", "a.x.y", "c", "c.d", "c.d.e"} == set(d.allkeys())
    for key in ("a", "a.b", "a.x", "c.d"):
        assert key in d
    for leaf in ("b", "x", "y", "d", "e"):
        assert leaf not in d
    with pytest.raises(KeyError):
        d["a.q"]
    assert d.get("a.q") is None
    assert d.get("a.q", 5) == 5
    assert d.setdefault("n.m") is None
    assert d["n.m"] is None
    assert d.setdefault("a.b", 9) == 1
    assert d.pop("a.x.y") == 3
    assert d.pop("a.x.y", 7) == 7
    with pytest.raises(KeyError):
        d.pop("a.x.y")
    del d["a.b"]
    assert not d.has_key("a.b")
    d.update({"z.w": 1})
    assert d["z.w"] == 1
    shallow, deep = copy.copy(d), copy.deepcopy(d)
    assert shallow["c"] is d["c"]
    assert d.copy()["c"] is d["c"]
    assert deep["c"] is not d["c"]
    assert deep == d
    assert xdict.from_json(d.to_json()) == d
    auto = xadict()
    auto.a.b = 1
    assert auto["a.b"] == 1
    assert auto[3] == {}


# -- tokens ----------------------------------------------------------------------------------


def test_constants_of_signing_on() -> None:
    from singlestoredb import auth

    assert (auth.PASSWORD, auth.JWT, auth.BROWSER_SSO) == ("password", "jwt", "browser_sso")
    assert auth.SSO_URL == "https://portal.singlestore.com/engine-sso"
    assert auth.JSONWebToken.model_version_number == 1
    now = dt.datetime.now(dt.timezone.utc)
    for offset, expired in ((-60, True), (3600, False)):
        expires = now + dt.timedelta(seconds=offset)
        token = auth.JSONWebToken("t", expires=expires, email="e@x", username="u")
        assert token.is_expired is expired
        assert str(token) == "t"
    assert token.refresh() is False


# -- literals --------------------------------------------------------------------------------


class _Int(enum.IntEnum):
    A = 3


class _Plain(enum.Enum):
    A = "a"


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        (None, "NULL"),
        (True, "1"),
        (False, "0"),
        (2**80, str(2**80)),
        (1.5, "1.5e0"),
        (1e20, "1e+20"),
        ("\0\\\n\r\x1a\"'%_", "'\\0\\\\\\n\\r\\Z\\\"\\'%_'"),
        (b"\x00\xff", "X'00ff'"),
        (bytearray(b"\x01"), "X'01'"),
        (dt.date(2020, 1, 2), "'2020-01-02'"),
        (dt.datetime(2020, 1, 2, 3, 4, 5), "'2020-01-02 03:04:05'"),
        (
            dt.datetime(2020, 1, 2, 3, 4, 5, 6, tzinfo=dt.timezone.utc),
            "'2020-01-02 03:04:05.000006'",
        ),
        (dt.time(1, 2, 3), "'01:02:03'"),
        (dt.time(1, 2, 3, 4), "'01:02:03.000004'"),
        (dt.timedelta(days=2, hours=3, seconds=4), "'51:00:04'"),
        (dt.timedelta(seconds=-1), "'-00:00:01'"),
        (time.struct_time((2020, 1, 2, 3, 4, 5, 0, 0, 0)), "'2020-01-02 03:04:05'"),
        (Decimal("1E+5"), "100000"),
        (Decimal("1.50"), "1.50"),
        ([1, "a"], "(1,'a')"),
        ((), "()"),
        (frozenset({5}), "(5)"),
        (np.array([1, 2], "<i2"), "X'01000200'"),
        (np.int64(5), "5"),
        (np.float64(1.5), "1.5e0"),
        (np.float32(1.5), "1.5e0"),
        (np.bool_(True), "1"),
        (np.datetime64("2020-01-01"), "'2020-01-01'"),
        (_Int.A, "3"),
        (_Plain.A, "'_Plain.A'"),
        (uuid.UUID(int=1), "'00000000-0000-0000-0000-000000000001'"),
    ],
)
def test_literals(value: Any, literal: str) -> None:
    with s2.connect("embedded://") as conn:
        assert conn.escape(value) == literal
        assert conn.literal(value) == literal


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_sql_does_not_have(value: float) -> None:
    with s2.connect("embedded://") as conn, pytest.raises(s2.ProgrammingError, match="can not be"):
        conn.escape(value)
    with s2.connect("embedded://?nan_as_null=1&inf_as_null=1") as conn:
        assert conn.escape(value) == "NULL"


def test_shapes_and_own_encoders() -> None:
    shapely = pytest.importorskip("shapely")
    with s2.connect("embedded://") as conn:
        assert conn.escape(shapely.Point(1, 2)).startswith("'POINT (1")
        assert conn.escape(5, {int: lambda value, mapping: f"<{value}>"}) == "<5>"
        assert conn.escape([5], {int: lambda value, mapping: f"<{value}>"}) == "(<5>)"
    with s2.connect("embedded://", conv={decimal.Decimal: lambda v, m: "D"}) as conn:
        assert conn.escape(Decimal(1)) == "D"
        assert conn.escape("a") == "'a'", "laid over the defaults, not in their place"


def test_mogrify_as_a_function() -> None:
    from singlestoredb.utils.mogrify import mogrify, should_interpolate_query

    assert mogrify("a %s %%", [1]) == "a 1 %"
    assert mogrify("a %%") == "a %%"
    assert mogrify("a %%", [], interpolate_query_with_empty_args=True) == "a %"
    assert mogrify("%s", ["it's"], server_status=512) == "'it''s'"
    assert mogrify("%s", [b"x"], server_status=512, binary_prefix=True) == "_binary X'78'"
    assert mogrify(b"%(a)s", {"a": None}) == "NULL"
    every: list[Any] = [None, (), [], {}, [1]]
    assert [should_interpolate_query(False, a) for a in every] == [
        *(False, False, False, False),
        True,
    ]
    assert [should_interpolate_query(True, a) for a in (None, ())] == [False, True]
