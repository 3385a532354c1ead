"""Literals and interpolation: every kind of value, every refusal."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import json
import pathlib
import struct
import subprocess
import sys
import time
import uuid
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from singlestoredb.escaping import Escaper, encoders, escape, identifier, interpolate
from singlestoredb.exceptions import ProgrammingError

ZONE = dt.timezone(dt.timedelta(hours=2))


class Color(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    HIGH = 3


class Name(str, enum.Enum):
    ANN = "ann's"


class Text(str):
    def __str__(self) -> str:
        return "'; drop table t; --"


class Number(int):
    def __repr__(self) -> str:
        return "1; drop table t"


class Pair(NamedTuple):
    a: int
    b: str


class OnlyRepr:
    def __repr__(self) -> str:
        return "only"


TABLE: list[tuple[Any, str]] = [
    (None, "NULL"),
    (True, "1"),
    (False, "0"),
    (0, "0"),
    (-12, "-12"),
    (2**70, "1180591620717411303424"),
    (1.5, "1.5e0"),
    (-0.0, "-0.0e0"),
    (1e20, "1e+20"),
    (1e-7, "1e-07"),
    ("plain", "'plain'"),
    ("", "''"),
    ("100% _sure_", "'100% _sure_'"),
    ("\0\\\n\r\x1a\"'", r"""'\0\\\n\r\Z\"\''"""),
    ("é漢🙂", "'é漢🙂'"),
    (b"", "X''"),
    (b"\0\xff'", "X'00ff27'"),
    (bytearray(b"ab"), "X'6162'"),
    (memoryview(b"abcd")[::2], "X'6163'"),
    (dt.date(2020, 1, 2), "'2020-01-02'"),
    (dt.date(1, 1, 1), "'0001-01-01'"),
    (dt.datetime(2020, 1, 2, 3, 4, 5), "'2020-01-02 03:04:05'"),
    (dt.datetime(2020, 1, 2, 3, 4, 5, 6), "'2020-01-02 03:04:05.000006'"),
    (dt.datetime(2020, 1, 2, 3, 4, 5, tzinfo=ZONE), "'2020-01-02 03:04:05'"),
    (dt.time(1, 2, 3), "'01:02:03'"),
    (dt.time(1, 2, 3, 4), "'01:02:03.000004'"),
    (dt.time(1, 2, 3, tzinfo=ZONE), "'01:02:03'"),
    (dt.timedelta(days=2, hours=3, seconds=4), "'51:00:04'"),
    (dt.timedelta(microseconds=1), "'00:00:00.000001'"),
    (dt.timedelta(seconds=-1), "'-00:00:01'"),
    (dt.timedelta(hours=-25, microseconds=-5), "'-25:00:00.000005'"),
    (time.struct_time((2020, 1, 2, 3, 4, 5, 0, 0, 0)), "'2020-01-02 03:04:05'"),
    (decimal.Decimal("1.50"), "1.50"),
    (decimal.Decimal("1E+5"), "100000"),
    (decimal.Decimal("-1E-3"), "-0.001"),
    (decimal.Decimal("1E+1000000"), "1E+1000000"),
    ([1, "a"], "(1,'a')"),
    ((1, (2, None)), "(1,(2,NULL))"),
    ({"x"}, "('x')"),
    (frozenset({1.5}), "(1.5e0)"),
    ((), "()"),
    (Pair(1, "b"), "(1,'b')"),
    (uuid.UUID(int=5), "'00000000-0000-0000-0000-000000000005'"),
    (pathlib.PurePosixPath("a'b"), r"'a\'b'"),
    (Color.RED, "'Color.RED'"),
    (Level.HIGH, "3"),
    (Name.ANN, r"'ann\'s'"),
    (Text("safe"), "'safe'"),
    (Number(7), "7"),
    # numpy
    (np.int8(-5), "-5"),
    (np.uint64(2**64 - 1), "18446744073709551615"),
    (np.float64(1.5), "1.5e0"),
    (np.float64(1e300), "1e+300"),
    (np.float32(1.1), "1.1e0"),
    (np.float16(0.5), "0.5e0"),
    (np.bool_(True), "1"),
    (np.bool_(False), "0"),
    (np.str_("it's"), r"'it\'s'"),
    (np.bytes_(b"\1"), "X'01'"),
    (np.datetime64("2020-01-01"), "'2020-01-01'"),
    (np.datetime64("2020-01-01T02:03:04"), "'2020-01-01 02:03:04'"),
    (np.datetime64("2020-01-01T02:03:04.123456789"), "'2020-01-01 02:03:04.123456'"),
    (np.datetime64("NaT", "s"), "NULL"),
    (np.timedelta64(-1, "s"), "'-00:00:01'"),
    (np.timedelta64("NaT", "s"), "NULL"),
    (np.array([1.5, -2], "f4"), f"X'{struct.pack('<2f', 1.5, -2).hex()}'"),
    (np.array([1, 2], ">i4"), f"X'{struct.pack('<2i', 1, 2).hex()}'"),
    (np.array([[1, 2], [3, 4]], "i1").T, "X'01030204'"),
    ([np.int64(1), np.float64(2)], "(1,2.0e0)"),
]


@pytest.mark.parametrize(("value", "literal"), TABLE, ids=lambda v: repr(v)[:40])
def test_table(value: Any, literal: str) -> None:
    assert escape(value) == literal
    assert escape(value, encoders=encoders) == literal
    assert escape(value, encoders={}) == literal
    assert interpolate("select %s", [value]) == f"select {literal}"


@pytest.mark.parametrize("value", [v for v, _ in TABLE if type(v) in encoders])
def test_the_default_encoders_write_the_same(value: Any) -> None:
    assert encoders[type(value)](value, encoders) == escape(value)
    assert encoders[type(value)](value, None) == escape(value)


def test_pandas() -> None:
    pd = pytest.importorskip("pandas", reason="pandas is optional")
    assert escape(pd.NaT) == "NULL"
    assert escape(pd.NA) == "NULL"
    assert escape(pd.Timestamp("2020-01-02 03:04:05.5")) == "'2020-01-02 03:04:05.500000'"
    assert escape(pd.Timestamp("2020-01-02 03:04:05.123456789")) == "'2020-01-02 03:04:05.123456'"
    assert escape(pd.Timestamp("2020-01-02 03:04:05+02:00")) == "'2020-01-02 03:04:05'"
    assert escape(pd.Timedelta(seconds=-1)) == "'-00:00:01'"


def test_shapely() -> None:
    shapely = pytest.importorskip("shapely", reason="shapely is optional")
    assert escape(shapely.Point(0.1, 2)) == "'POINT (0.1 2)'"
    assert escape(shapely.LineString([(0, 0), (1, 1)])) == "'LINESTRING (0 0, 1 1)'"


# -- options --


def test_no_backslash_escapes() -> None:
    escaper = Escaper(no_backslash_escapes=True)
    assert escaper.escape("a\\b'c\n\"") == "'a\\b''c\n\"'"
    assert escaper.escape(["'"]) == "('''')"
    assert escaper.escape(pathlib.PurePosixPath("a'")) == "'a'''"
    assert escaper.escape(Name.ANN) == "'ann''s'"
    assert escaper.escape(np.str_("'")) == "''''"
    assert escape("'", no_backslash_escapes=True, encoders=encoders) == "''''"


def test_binary_prefix() -> None:
    assert escape(b"a", binary_prefix=True, no_backslash_escapes=True) == "_binary X'61'"
    assert escape(b"a", binary_prefix=True) == "X'61'"


SPECIAL = [
    ("nan_as_null", "nan", float("nan")),
    ("nan_as_null", "nan", np.float32("nan")),
    ("nan_as_null", "nan", np.float64("nan")),
    ("nan_as_null", "nan", decimal.Decimal("NaN")),
    ("inf_as_null", "inf", float("inf")),
    ("inf_as_null", "-inf", float("-inf")),
    ("inf_as_null", "-inf", np.float16("-inf")),
    ("inf_as_null", "-infinity", decimal.Decimal("-Infinity")),
]


@pytest.mark.parametrize(("option", "shown", "value"), SPECIAL)
def test_nan_and_infinities(option: str, shown: str, value: Any) -> None:
    with pytest.raises(ProgrammingError) as caught:
        escape(value)
    assert caught.value.errmsg == f"{shown} can not be used with SingleStoreDB"
    assert caught.value.hint == f"{option}=True sends it as NULL"
    on: dict[str, Any] = {option: True}
    assert interpolate("%s", [value], **on) == "NULL"
    assert Escaper(**on).escape([value]) == "(NULL)"
    other: dict[str, Any] = {"nan_as_null": True, "inf_as_null": True, option: False}
    with pytest.raises(ProgrammingError):
        interpolate("%s", [value], **other)


class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents

    def __str__(self) -> str:
        return f"{self.cents / 100} EUR"


class Coin(Money):
    pass


def test_encoders_are_laid_over_the_defaults_and_serve_subclasses() -> None:
    mine = {Money: lambda value, encoders: encoders[int](value.cents, encoders)}
    assert escape(Money(5)) == "'0.05 EUR'"
    assert escape(Money(5), encoders=mine) == "5"
    assert escape([Coin(5), "x", None], encoders=mine) == "(5,'x',NULL)"
    assert escape(Money(5), encoders={**encoders, **mine}) == "5"
    assert interpolate("%s", Money(5), encoders=mine) == "5"


def test_an_encoder_may_replace_a_default() -> None:
    mine = {str: lambda value, encoders: "N" + repr(value), bool: lambda value, _: "TRUE"}
    assert escape(["x", True, 1], encoders=mine) == "(N'x',TRUE,1)"


def test_an_encoder_must_return_text() -> None:
    with pytest.raises(ProgrammingError, match="the encoder of Money must return str, not int"):
        escape(Money(1), encoders={Money: lambda value, _: value.cents})


# -- refusals --


@pytest.mark.parametrize(
    "value",
    [
        *(object(), OnlyRepr(), iter([1]), range(3), {1: 2}.values(), len, 1j),
        *(np.complex64(1), np.complex128(1), np.zeros(1, "i4,i4")[0]),
    ],
    ids=lambda v: type(v).__name__,
)
def test_what_has_no_literal_is_refused(value: Any) -> None:
    with pytest.raises(ProgrammingError, match="cannot be written in SQL") as caught:
        escape(value)
    assert type(value).__qualname__ in str(caught.value)
    with pytest.raises(ProgrammingError):
        escape([value])


@pytest.mark.parametrize("value", [{}, {"a": 1}, MappingProxyType({"a": 1})])
def test_a_mapping_is_not_one_value(value: Any) -> None:
    with pytest.raises(ProgrammingError, match=r"written as one value in SQL \(pass its JSON text"):
        escape(value)


def test_arrays_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ProgrammingError, match=r"array of <U1 cannot .* pass \.tolist\(\)"):
        escape(np.array(["a"]))
    with pytest.raises(ProgrammingError, match="array of object"):
        escape(np.array([None]))


# -- interpolation --


NOTHING: list[Any] = [None, (), [], {}]


@dataclasses.dataclass
class Point:
    x: int
    y: str


@pytest.mark.parametrize(
    ("sql", "args", "expected"),
    [
        ("select %s", (5,), "select 5"),
        ("select %s", [5], "select 5"),
        ("select %s, %s", ("a%sb", "%d"), "select 'a%sb', '%d'"),
        ("select %s", 5, "select 5"),
        ("select %s", 0, "select 0"),
        ("select %s", "", "select ''"),
        ("select %s", "%(x)s", "select '%(x)s'"),
        ("select %s", b"", "select X''"),
        ("select %s", False, "select 0"),
        ("where a in %s", ([1, "a"],), "where a in (1,'a')"),
        ("where a in %s", {7}, "where a in (7)"),
        ("like 'a%%' and b = %s", [1], "like 'a%' and b = 1"),
        ("%(a)s %(b)s %(a)s", {"a": 1, "b": "x", "c": object()}, "1 'x' 1"),
        ("%(a b)s", {"a b": 1}, "1"),
        ("%(x)s %(y)s %%", Point(1, "q"), "1 'q' %"),
        ("select 1 %%", {"a": 1}, "select 1 %"),
        ("%(a)s", collections.defaultdict(int), "%(a)s"),
        ("%(a)s", MappingProxyType({"a": 2}), "2"),
        ("%%s %s", [1], "%s 1"),
        ("%%%s", [1], "%1"),
        ("x" * 5000 + "%s", [1], "x" * 5000 + "1"),
        *((sql, args, sql) for sql in ("%s", "100%", "%%", "%(a)s") for args in NOTHING),
    ],
)
def test_interpolate(sql: str, args: Any, expected: str) -> None:
    assert interpolate(sql, args) == expected
    assert interpolate(sql, args) == expected  # from the cache now


def test_a_defaultdict_with_something_in_it_supplies_the_rest() -> None:
    assert interpolate("%(a)s %(b)s", collections.defaultdict(int, a=4)) == "4 0"


def test_pydantic() -> None:
    pydantic = pytest.importorskip("pydantic", reason="pydantic is optional")
    model = pydantic.create_model("Model", x=(int, ...), y=(str, "q"))(x=1)
    assert interpolate("%(x)s %(y)s", model) == "1 'q'"
    with pytest.raises(ProgrammingError, match="one value"):
        escape(model)


def test_empty_args() -> None:
    for args in NOTHING[1:]:
        assert interpolate("100%%", args, empty_args=True) == "100%"
    assert interpolate("100%%", None, empty_args=True) == "100%%"
    with pytest.raises(ProgrammingError, match="1 placeholder, no arguments were given"):
        interpolate("%s", (), empty_args=True)
    with pytest.raises(ProgrammingError, match=r"named 'a'; .* names: none"):
        interpolate("%(a)s", {}, empty_args=True)


@pytest.mark.parametrize(
    ("sql", "args", "message"),
    [
        ("%s %s", [1, 2, 3], "0: the statement has 2 placeholders, 3 arguments were given"),
        ("%s %s", [1], "0: the statement has 2 placeholders, 1 argument was given"),
        ("%s %s", "ab", "0: the statement has 2 placeholders, 1 argument was given"),
        ("select 1", [1], "0: the statement has no placeholders, 1 argument was given"),
        (
            "%(a)s",
            {"b": 1, "c": 2},
            "0: no argument is named 'a'; the arguments' names: b, c",
        ),
        (
            "%(a)s",
            [1],
            "0: the statement has the named placeholder %(a)s, but the arguments have no names"
            " (pass a dict, or write %s)",
        ),
        (
            "%s",
            {"a": 1},
            "0: the statement has %s placeholders, but the arguments have names"
            " (pass a sequence, or write %(name)s)",
        ),
        (
            "%s %(a)s",
            {"a": 1},
            "0: the statement mixes %s and %(name)s placeholders (use one kind)",
        ),
        (
            "id = %d",
            [1],
            "0: '%d' at character 6 of the statement is not a placeholder"
            " (use %s or %(name)s, whatever the value's type; for a percent sign write %%)",
        ),
        (
            "%(a)d",
            {"a": 1},
            "0: '%(a)d' at character 1 of the statement is not a placeholder"
            " (use %(a)s, whatever the value's type; for a percent sign write %%)",
        ),
        ("%5.2f", [1], None),
        ("%(a", {"a": 1}, None),
        ("% s", [1], None),
        (
            "like 'a%' and b = %s",
            [1],
            "0: a lone '%' at character 8 of the statement"
            " (in a statement with arguments, double it: %%)",
        ),
        ("%s 100%", [1], None),
        (b"%s", [1], "0: a statement with arguments must be str, not bytes"),
    ],
)
def test_what_does_not_fit_is_told_precisely(sql: Any, args: Any, message: str | None) -> None:
    with pytest.raises(ProgrammingError) as caught:
        interpolate(sql, args)
    if message is None:
        assert "%" in str(caught.value)
        assert caught.value.hint
    else:
        assert str(caught.value) == message


@given(
    st.lists(st.sampled_from(["%s", "%%", "a", "'", " ", "é"])),
    st.integers(),
)
def test_interpolation_agrees_with_pythons_operator(parts: list[str], number: int) -> None:
    sql = "".join(parts)
    count = parts.count("%s")
    args = [number + i for i in range(count)]
    assert interpolate(sql, args, empty_args=True) == sql % tuple(map(str, args))


@given(st.text("%s()abd' ", max_size=12), st.lists(st.integers(), max_size=3))
def test_nothing_but_programming_errors_comes_out(sql: str, args: list[int]) -> None:
    for given_args in (args, {"a": 1, "b": 2}):
        try:
            assert isinstance(interpolate(sql, given_args, empty_args=True), str)
        except ProgrammingError:
            continue


# -- identifiers, and what it costs to import --


def test_empty_arguments_of_other_types_than_list_and_tuple() -> None:
    class Arguments(list[Any]):
        pass

    assert interpolate("a %%", Arguments()) == "a %%"
    assert interpolate("a %%", Arguments(), empty_args=True) == "a %"
    assert interpolate("a %s %%", Arguments([1])) == "a 1 %"


def test_decimals_are_spelled_out_as_far_as_there_may_be_digits() -> None:
    assert escape(decimal.Decimal("1E+100")) == "1" + "0" * 100
    assert escape(decimal.Decimal("1E+101")) == "1E+101"
    assert escape(decimal.Decimal("1E-100")) == "0." + "0" * 99 + "1"
    assert escape(decimal.Decimal("1E-101")) == "1E-101"


def test_a_namesake_is_not_what_its_name_says() -> None:
    class Decimal:
        def __str__(self) -> str:
            return "mine"

    class HasDict:
        def dict(self) -> None:
            raise AssertionError

        def __str__(self) -> str:
            return "text"

    class HasFields:
        __fields__ = ("a",)

        def __str__(self) -> str:
            return "text"

    assert escape(Decimal()) == "'mine'"
    assert interpolate("%s", HasDict()) == interpolate("%s", HasFields()) == "'text'"


def test_only_so_many_types_are_remembered() -> None:
    escaper = Escaper()
    limit = escaper._table.LIMIT
    for number in range(limit + 5):
        assert escaper.escape(type(f"Number{number}", (int,), {})(number)) == str(number)
    assert len(escaper._table) == limit


def test_identifier() -> None:
    assert identifier("a") == "`a`"
    assert identifier("a`b") == "`a``b`"
    assert identifier(Text("t")) == "`t`"
    bad: list[Any] = ["", "a\0b", None, b"a"]
    for name in bad:
        with pytest.raises(ProgrammingError, match="cannot be an identifier"):
            identifier(name)


def test_escaping_imports_nothing_heavy() -> None:
    code = (
        "import sys, json; from singlestoredb.escaping import escape;"
        "escape([1, 'x', 2.5, b'', None]);"
        "print(json.dumps([m for m in ('numpy', 'decimal', 'shapely', 'pandas', 'pydantic')"
        " if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
