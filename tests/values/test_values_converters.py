"""Decoding: every kind of column, and the parsers against Python's own."""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import json
import struct
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from singlestoredb import converters as conv
from singlestoredb.exceptions import DataError, InterfaceError

UTC = dt.timezone.utc

TABLE: list[tuple[tuple[int, ...], str, Any]] = [
    ((0, 246), "1.500", decimal.Decimal("1.500")),
    ((1, 2, 3, 8, 9, 13), "-12", -12),
    ((8,), "18446744073709551615", 18446744073709551615),
    ((4, 5), "1.5e-10", 1.5e-10),
    ((6,), "anything", None),
    ((7, 12), "2020-01-02 03:04:05", dt.datetime(2020, 1, 2, 3, 4, 5)),
    ((10, 14), "2020-01-02", dt.date(2020, 1, 2)),
    ((11,), "-25:06:17", dt.timedelta(days=-2, seconds=82423)),
    ((245,), '{"a": [1, null]}', {"a": [1, None]}),
    ((248,), "a, b,c", {"a", "b", "c"}),
    ((248,), "", set()),
]


@pytest.mark.parametrize(
    ("code", "text", "value"), [(c, text, v) for codes, text, v in TABLE for c in codes]
)
def test_table(code: int, text: str, value: Any) -> None:
    convert = conv.converters[code]
    for sent in (text, text.encode(), bytearray(text.encode())):
        got = convert(sent)
        assert got == value
        assert type(got) is type(value)
    assert convert(None) is None


def test_the_table_covers_exactly_the_converted_codes() -> None:
    plain = {0, 246, 1, 2, 3, 8, 9, 13, 4, 5, 6, 7, 12, 10, 14, 11, 16, 245, 248, 255, 1001}
    assert set(conv.converters) == plain | set(range(2001, 2008)) | set(range(3001, 3008))
    assert all(convert(None) is None for convert in conv.converters.values())


def test_decimals_keep_their_zeros() -> None:
    assert str(conv.decimal_or_none(b"10.100")) == "10.100"


def test_bit() -> None:
    convert = conv.converters[16]
    assert convert(b"\0\0\0\0\0\0\0\x05") == b"\0\0\0\0\0\0\0\x05"
    assert convert(base64.b64encode(b"\0\xff").decode()) == b"\0\xff"


# -- dates and times --


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2020-01-02T03:04:05", dt.datetime(2020, 1, 2, 3, 4, 5)),
        ("2020-01-02 03:04:05.1", dt.datetime(2020, 1, 2, 3, 4, 5, 100000)),
        ("2020-01-02 03:04:05.12", dt.datetime(2020, 1, 2, 3, 4, 5, 120000)),
        ("2020-01-02 03:04:05.123", dt.datetime(2020, 1, 2, 3, 4, 5, 123000)),
        ("2020-01-02 03:04:05.1234", dt.datetime(2020, 1, 2, 3, 4, 5, 123400)),
        ("2020-01-02 03:04:05.12345", dt.datetime(2020, 1, 2, 3, 4, 5, 123450)),
        ("2020-01-02 03:04:05.123456", dt.datetime(2020, 1, 2, 3, 4, 5, 123456)),
        ("2020-01-02", dt.datetime(2020, 1, 2)),
        ("2020-01-02 3:04:05", dt.datetime(2020, 1, 2, 3, 4, 5)),
        ("2020-01-02 03:04:05Z", dt.datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (
            "2020-01-02 03:04:05.5+02:30",
            dt.datetime(2020, 1, 2, 3, 4, 5, 500000, tzinfo=dt.timezone(dt.timedelta(minutes=150))),
        ),
        (
            "2020-01-02 03:04:05-01:00",
            dt.datetime(2020, 1, 2, 3, 4, 5, tzinfo=dt.timezone(dt.timedelta(hours=-1))),
        ),
        ("0000-00-00 00:00:00", None),
        ("0000-00-00T00:00:00.000", None),
        ("0000-00-00 00:00:00.000000", None),
        ("0000-00-00", None),
    ],
)
def test_datetime(text: str, value: Any) -> None:
    assert conv.datetime_or_none(text) == value
    assert conv.datetime_or_none(text.encode()) == value
    if value is not None:
        assert conv.datetime_or_none(text).tzinfo == value.tzinfo  # type: ignore[union-attr] # not a str


@pytest.mark.parametrize(
    "text",
    [
        "2020-00-01 00:00:00",
        "2020-02-31 00:00:00",
        "2020-02-31",
        "2020-01-02 24:00:00",
        "2020-01-02 03:04:60",
        "2020-01-02 03:04:05.1234567",
        "2020-01-02 03:04:05+24:00",
        "2020-01-02 03:04:05,123",
        "2020-W01-1 03:04:05",
        "2020-01-02 03:04",
        "20200102T030405",
        "2020-01-02x03:04:05 ",
        "\uff12\uff10\uff12\uff10-01-02 03:04:05",
        "",
        "garbage",
        "2020-01-02 03:04:05\n",
    ],
)
def test_what_is_no_datetime_comes_back_as_text(text: str) -> None:
    assert conv.datetime_or_none(text) == text
    assert conv.datetime_or_none(text.encode()) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2020-01-02", dt.date(2020, 1, 2)),
        ("2020-1-2", dt.date(2020, 1, 2)),
        ("9999-12-31", dt.date.max),
        ("0000-00-00", None),
        ("2020-02-30", "2020-02-30"),
        ("2020-W01-1", "2020-W01-1"),
        ("0000-00-00 00:00:00", "0000-00-00 00:00:00"),
        ("", ""),
        ("soon", "soon"),
    ],
)
def test_date(text: str, value: Any) -> None:
    got = conv.date_or_none(text)
    assert got == value
    assert type(got) is type(value)
    assert conv.date_or_none(text.encode()) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("00:00:00", dt.timedelta(0)),
        ("03:04:05", dt.timedelta(hours=3, minutes=4, seconds=5)),
        ("3:04:05", dt.timedelta(hours=3, minutes=4, seconds=5)),
        ("838:59:59", dt.timedelta(days=34, seconds=82799)),
        ("-838:59:59.999999", -dt.timedelta(days=34, seconds=82799, microseconds=999999)),
        ("-00:00:01", dt.timedelta(seconds=-1)),
        ("-00:00:00.5", dt.timedelta(milliseconds=-500)),
        ("+1:02:03", "+1:02:03"),
        (" 1:02:03", " 1:02:03"),
        ("1_:02:03", "1_:02:03"),
        ("1000:00:00", "1000:00:00"),
        ("03:04", "03:04"),
        ("", ""),
    ],
)
def test_timedelta(text: str, value: Any) -> None:
    assert conv.timedelta_or_none(text) == value
    assert conv.timedelta_or_none(text.encode()) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("15:06:17", dt.time(15, 6, 17)),
        ("5:06:17.25", dt.time(5, 6, 17, 250000)),
        ("24:00:00", "24:00:00"),
        ("-01:00:00", "-01:00:00"),
        ("x", "x"),
        (None, None),
    ],
)
def test_time(text: str | None, value: Any) -> None:
    assert conv.time_or_none(text) == value
    if text is not None:
        assert conv.time_or_none(text.encode()) == value


@given(st.datetimes(), st.sampled_from(" T"), st.integers(0, 6))
def test_datetimes_agree_with_strptime(value: dt.datetime, separator: str, digits: int) -> None:
    text = value.strftime(f"{value.year:04}-%m-%d{separator}%H:%M:%S")
    form = f"%Y-%m-%d{separator}%H:%M:%S"
    if digits:
        text += f".{value.microsecond:06}"[: digits + 1]
        form += ".%f"
    expected = dt.datetime.strptime(text, form)
    assert conv.datetime_or_none(text) == expected
    assert conv.datetime_or_none(text.encode()) == expected


@given(st.timedeltas(dt.timedelta(hours=-838), dt.timedelta(hours=838)), st.booleans())
def test_timedeltas_survive(value: dt.timedelta, as_bytes: bool) -> None:
    seconds, micros = divmod(abs(value) // dt.timedelta(microseconds=1), 1_000_000)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{micros:06}"
    text = f"-{text}" if value < dt.timedelta(0) else text
    assert conv.timedelta_or_none(text.encode() if as_bytes else text) == value


NEARLY = st.text("0123456789-: T.+Z\n", max_size=32)


def _parse(parser: Callable[[str], Any], text: str) -> Any:
    try:
        return parser(text)
    except ValueError:
        return None


@given(NEARLY)
def test_nearly_dates_are_what_python_says_or_text(text: str) -> None:
    for convert, parser, zero in (
        (conv.date_or_none, dt.date.fromisoformat, conv.ZERO_DATES),
        (conv.datetime_or_none, dt.datetime.fromisoformat, conv.ZERO_DATETIMES | conv.ZERO_DATES),
        (conv.time_or_none, dt.time.fromisoformat, frozenset()),
    ):
        got = convert(text)
        if got is None:
            assert text in zero
        elif isinstance(got, str):
            assert got == text
        elif (expected := _parse(parser, text)) is not None:
            assert got == expected
        assert convert(text.encode()) == got


@given(st.text(max_size=30))
def test_any_text_is_taken(text: str) -> None:
    for convert in (conv.date_or_none, conv.datetime_or_none, conv.time_or_none):
        assert convert(text) in (None, text) or not isinstance(convert(text), str)
    for raw in (conv.timedelta_or_none, conv.set_or_none):
        raw(text.encode(errors="replace"))


@given(st.binary(max_size=30))
def test_damaged_bytes_never_crash_a_date(data: bytes) -> None:
    for convert in (
        conv.date_or_none,
        conv.datetime_or_none,
        conv.time_or_none,
        conv.timedelta_or_none,
    ):
        assert convert(data) is None or convert(data) != data


@given(st.integers())
def test_integers(value: int) -> None:
    assert conv.int_or_none(str(value).encode()) == value


@given(st.floats(allow_nan=False))
def test_floats(value: float) -> None:
    assert conv.float_or_none(repr(value).encode()) == value


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_decimals(value: decimal.Decimal) -> None:
    assert str(conv.decimal_or_none(f"{value:f}".encode())) == str(decimal.Decimal(f"{value:f}"))


def test_replace_invalid() -> None:
    convert = conv.replace_invalid(conv.date_or_none, dt.date.min)
    assert convert("2020-02-31") == dt.date.min
    assert convert("2020-02-28") == dt.date(2020, 2, 28)
    assert convert("0000-00-00") is None
    assert convert(None) is None


# -- text --


def test_text_decoder() -> None:
    assert conv.text_decoder("utf-8")("é🙂".encode()) == "é🙂"
    assert conv.text_decoder("cp1252")(b"\x80") == "€"
    assert conv.text_decoder("utf-8", "replace")(b"a\xff") == "a�"
    assert conv.text_decoder("utf-8", "ignore")(b"a\xff") == "a"
    assert conv.text_decoder("utf-8", "backslashreplace")(b"a\xff") == "a\\xff"


def test_undecodable_text_is_a_data_error_that_names_the_option() -> None:
    with pytest.raises(DataError) as caught:
        conv.text_decoder("utf-8")(b"abc\xff")
    assert str(caught.value) == (
        "0: text is not valid utf-8: invalid start byte (byte 0xff at 3 of 4)"
        " (choose how to go on with encoding_errors='replace', 'backslashreplace' or 'ignore',"
        " or name the right charset)"
    )
    assert isinstance(caught.value.__cause__, UnicodeDecodeError)


@pytest.mark.parametrize(("codec", "errors"), [("klingon", "strict"), ("utf-8", "hope")])
def test_unknown_codec_or_handler(codec: str, errors: str) -> None:
    with pytest.raises(InterfaceError, match="cannot decode text: unknown"):
        conv.text_decoder(codec, errors)


def test_bad_json_is_a_data_error_that_names_the_option() -> None:
    with pytest.raises(DataError, match=r"not JSON: .*\(parse_json=False returns the text\)"):
        conv.json_or_none("{")


# -- geometry, BSON --


def test_geometry() -> None:
    shapely = pytest.importorskip("shapely", reason="shapely is optional")
    point = shapely.Point(1, 2)
    assert conv.geometry_or_none("POINT (1 2)") == point
    assert conv.geometry_or_none(b"POINT(1 2)") == point
    assert conv.geometry_or_none(b"\0\0\0\0" + shapely.to_wkb(point)) == point
    assert conv.geometry_or_none("POINT (1") == "POINT (1"
    assert conv.geometry_or_none(b"\0\1\2") == b"\0\1\2"
    assert conv.geometry_or_none("") is None
    assert conv.geometry_or_none(b"") is None


def test_pygeos_stands_in_for_shapely() -> None:
    # It is no longer published for new versions of Python; only the choice is tested.
    code = """
import sys, types
sys.modules["shapely"] = None
sys.modules["pygeos"] = types.SimpleNamespace(
    from_wkt=lambda x: ("wkt", x), from_wkb=lambda x: ("wkb", x), GEOSException=ValueError
)
from singlestoredb.converters import geometry_or_none
print(geometry_or_none("POINT (1 2)"), geometry_or_none(b"\\0\\0\\0\\0\\1"))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "('wkt', 'POINT (1 2)') ('wkb', b'\\x01')"


def test_bson() -> None:
    bson = pytest.importorskip("bson", reason="pymongo is optional")
    document = {"a": 1, "b": ["x", None]}
    data = bson.encode(document)
    assert conv.bson_or_none(data) == document
    assert conv.bson_or_none(bytearray(data)) == document
    assert conv.bson_or_none(base64.b64encode(data).decode()) == document
    with pytest.raises(DataError, match="not BSON"):
        conv.bson_or_none(b"\1")


# -- vectors --

ELEMENTS = [
    (1, "float32", "f", [1.5, -2.0, 0.25]),
    (2, "float64", "d", [1.1, -2.2]),
    (3, "int8", "b", [-128, 127]),
    (4, "int16", "h", [-32768, 32767]),
    (5, "int32", "i", [-(2**31), 2**31 - 1]),
    (6, "int64", "q", [-(2**63), 2**63 - 1]),
    (7, "float16", "e", [1.5, -0.5]),
]


@pytest.mark.parametrize(("number", "dtype", "code", "values"), ELEMENTS)
def test_vectors(number: int, dtype: str, code: str, values: list[float]) -> None:
    packed = struct.pack(f"<{len(values)}{code}", *values)
    text = json.dumps(values)
    arrays = [
        conv.converters[3000 + number](packed),
        conv.converters[3000 + number](text),
        conv.converters[2000 + number](text),
        conv.converters[2000 + number](text.encode()),
        conv.converters[2000 + number](values),
    ]
    for array in arrays:
        assert array.dtype == np.dtype(dtype)
        assert array.tolist() == values
    assert not arrays[0].flags.writeable  # a view, not a copy
    assert conv.converters[3000 + number](b"").tolist() == []


@pytest.mark.parametrize("number", [1, 2, 4, 5, 6, 7])
def test_a_damaged_vector_is_a_data_error(number: int) -> None:
    with pytest.raises(DataError, match=r"cannot have 3 bytes"):
        conv.converters[3000 + number](b"abc")


def test_without_the_optional_libraries() -> None:
    # A fresh interpreter that cannot import them, as on a machine without them.
    code = """
import sys, json, struct
for name in ("numpy", "shapely", "pygeos", "bson"):
    sys.modules[name] = None
from singlestoredb import converters as conv
for n, code in enumerate("fdbhiqe", 1):
    values = (1, -2, 3)
    assert conv.converters[3000 + n](struct.pack("<3" + code, *values)) == values
    assert conv.converters[2000 + n]("[1, -2, 3]") == [1, -2, 3]
assert conv.converters[3006](struct.pack("<q", 2**40)) == (2**40,)
assert conv.geometry_or_none("POINT (1 2)") == "POINT (1 2)"
assert conv.geometry_or_none(b"POINT (1 2)") == "POINT (1 2)"
assert conv.geometry_or_none(b"\\0\\1") == b"\\0\\1"
assert conv.bson_or_none(b"\\5\\0\\0\\0\\0") == b"\\5\\0\\0\\0\\0"
print("done")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_importing_the_converters_imports_nothing_heavy() -> None:
    heavy = "decimal json numpy shapely bson base64 struct"
    code = (
        "import sys; before = set(sys.modules); import singlestoredb.converters;"
        f"print(sorted(set({heavy.split()}) & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.replace("'", '"')) in ([], ["struct"])
