"""From what the server sends to Python values: one function per kind of column.

``converters`` maps a column's type code to its function; a code that is not in it keeps its text
or bytes.  Every function takes ``str`` or ``bytes``, gives ``None`` for ``None``, and is called
once per value where no accelerator is at work, so the common shape of a value comes first in it
and everything else after.

A date or time that cannot be one (``2020-02-31``) is returned as the text it came as; zero dates
are ``None``.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from functools import cache
from importlib import import_module
from typing import Any

from .exceptions import DataError, InterfaceError

Converter = Callable[[Any], Any]

ZERO_DATES = frozenset({"0000-00-00"})
"""Dates that are ``None``."""
ZERO_DATETIMES = frozenset(
    f"0000-00-00{separator}00:00:00{fraction}"
    for separator in " T"
    for fraction in ("", *("." + "0" * n for n in range(1, 7)))
)
"""Dates with a time that are ``None``."""

_DATE = r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
_CLOCK = r":([0-9]{1,2}):([0-9]{1,2})(?:\.([0-9]{1,6}))?"
DATE_RE = re.compile(rf"{_DATE}\Z")
TIME_RE = re.compile(rf"([0-9]{{1,2}}){_CLOCK}\Z")
TIMEDELTA_RE = re.compile(rf"(-?)([0-9]{{1,3}}){_CLOCK}\Z")
DATETIME_RE = re.compile(
    rf"{_DATE}(?:[ T]([0-9]{{1,2}}){_CLOCK}(Z|[+-][0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}})?)?)?\Z"
)

_TWO_DIGITS = {f"{i:02}": i for i in range(100)}


def _text(value: Any) -> str:
    """Return bytes as the text they are; damaged ones stay visible and fail to parse later."""
    return value if isinstance(value, str) else str(value, "utf-8", "backslashreplace")


def _micros(digits: str | None) -> int:
    return int(digits.ljust(6, "0")) if digits else 0


# -- numbers ---------------------------------------------------------------------------------


def identity(x: Any) -> Any:
    """Return ``x``."""
    return x


def none(x: Any) -> None:
    """Return ``None`` whatever ``x`` is."""
    return None


def int_or_none(x: Any) -> int | None:
    """Return an integer."""
    return None if x is None else int(x)


def float_or_none(x: Any) -> float | None:
    """Return a float."""
    return None if x is None else float(x)


_Decimal: Any = None  # decimal.Decimal once a decimal has come


def _import_decimal() -> Any:
    global _Decimal
    from decimal import Decimal

    _Decimal = Decimal
    return Decimal


def decimal_or_none(x: Any) -> Any:
    """Return a ``decimal.Decimal`` with all the digits sent, trailing zeros included."""
    if x is None:
        return None
    return (_Decimal or _import_decimal())(x if type(x) is str else _text(x))


def bit_or_none(x: Any) -> bytes | None:
    """Return the bytes of a BIT; text is taken for base64, which is how the Data API sends it."""
    if isinstance(x, str):
        return _from_base64(x)
    return x  # type: ignore[no-any-return]  # bytes or None, as the driver got it


def _from_base64(x: str) -> bytes:
    from base64 import b64decode

    return b64decode(x)


# -- dates and times -------------------------------------------------------------------------


def datetime_or_none(x: Any) -> datetime | str | None:
    """Return a date with its time.

    A date alone means midnight; an offset from UTC gives an aware one; anything that is no date
    is returned as text.
    """
    if x is None:
        return None
    if type(x) is not str:
        x = _text(x)
    # Fast path: YYYY-MM-DD?HH:MM:SS[.fff[fff]].  The lengths and marks keep out the other forms
    # that fromisoformat takes, which depend on the version of Python.
    if len(x) in (19, 26, 23) and x[16] == ":" and x[13] == ":" and x[7] == "-" and x[19:20] in ".":
        try:
            return datetime.fromisoformat(x)
        except ValueError:
            pass
    return _datetime_general(x)


def _datetime_general(x: str) -> datetime | str | None:
    if x in ZERO_DATETIMES or x in ZERO_DATES:
        return None
    found = DATETIME_RE.match(x)
    if not found:
        return x
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    try:
        return datetime(
            *(int(year), int(month), int(day)),
            *(int(hour or 0), int(minute or 0), int(second or 0), _micros(fraction)),
            tzinfo=_zone(offset) if offset else None,
        )
    except ValueError:
        return x


def _zone(offset: str) -> timezone:
    if offset == "Z":
        return timezone.utc
    hours, minutes, *seconds = (int(part) for part in offset[1:].split(":"))
    delta = timedelta(hours=hours, minutes=minutes, seconds=sum(seconds))
    return timezone(-delta if offset[0] == "-" else delta)


def date_or_none(x: Any) -> date | str | None:
    """Return a date; anything that is none is returned as text."""
    if x is None:
        return None
    if type(x) is not str:
        x = _text(x)
    if len(x) == 10 and x[7] == "-":  # fast path: YYYY-MM-DD
        try:
            return date.fromisoformat(x)
        except ValueError:
            pass
    if x in ZERO_DATES:
        return None
    found = DATE_RE.match(x)
    if not found:
        return x  # type: ignore[no-any-return]  # it is a str by now
    try:
        return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return x  # type: ignore[no-any-return]  # it is a str by now


def timedelta_or_none(x: Any) -> timedelta | str | None:
    """Return a TIME, which is a span of up to 838:59:59 either way; otherwise the text."""
    if x is None:
        return None
    if type(x) is not str:
        x = _text(x)
    if len(x) == 8 and x[2] == ":" and x[5] == ":":  # fast path: HH:MM:SS
        try:
            return timedelta(
                0, _TWO_DIGITS[x[:2]] * 3600 + _TWO_DIGITS[x[3:5]] * 60 + _TWO_DIGITS[x[6:]]
            )
        except KeyError:
            pass
    found = TIMEDELTA_RE.match(x)
    if not found:
        return x  # type: ignore[no-any-return]  # it is a str by now
    sign, hours, minutes, seconds, fraction = found.groups()
    span = timedelta(0, int(hours) * 3600 + int(minutes) * 60 + int(seconds), _micros(fraction))
    return -span if sign else span


def time_or_none(x: Any) -> time | str | None:
    """Return a time of day; anything beyond 23:59:59 is returned as text."""
    if x is None:
        return None
    if type(x) is not str:
        x = _text(x)
    found = TIME_RE.match(x)
    if not found:
        return x  # type: ignore[no-any-return]  # it is a str by now
    try:
        return time(int(found[1]), int(found[2]), int(found[3]), _micros(found[4]))
    except ValueError:
        return x  # type: ignore[no-any-return]  # it is a str by now


datetime_fromisoformat = datetime_or_none
date_fromisoformat = date_or_none
timedelta_fromisoformat = timedelta_or_none
time_fromisoformat = time_or_none


def replace_invalid(converter: Converter, value: Any) -> Converter:
    """Return ``converter`` with ``value`` in place of dates and times that cannot be parsed."""

    def convert(x: Any) -> Any:
        result = converter(x)
        return value if isinstance(result, str) else result

    return convert


# -- text, JSON, sets ------------------------------------------------------------------------


def text_decoder(codec: str, errors: str = "strict") -> Callable[[bytes], str]:
    """Return the function that decodes text.

    Args:
        codec: a codec of Python's.
        errors: an error handler of Python's codecs: strict, replace, ignore, backslashreplace, …

    Raises:
        InterfaceError: Python knows no such codec or handler.
        DataError: (the function) the bytes are not such text; chained to the
            ``UnicodeDecodeError``.  The hint names the option that decides.
    """
    try:
        codecs.lookup(codec)
        codecs.lookup_error(errors)
    except LookupError as exc:
        raise InterfaceError(0, f"cannot decode text: {exc}") from exc

    def decode(value: bytes) -> str:
        try:
            return str(value, codec, errors)
        except UnicodeDecodeError as exc:
            raise DataError(
                0,
                f"text is not valid {exc.encoding}: {exc.reason}"
                f" (byte 0x{value[exc.start]:02x} at {exc.start} of {len(value)})",
                hint="choose how to go on with encoding_errors='replace', 'backslashreplace' or"
                " 'ignore', or name the right charset",
            ) from exc

    return decode


_loads: Any = None  # json.loads once JSON has come


def _json(x: Any) -> Any:
    global _loads
    if _loads is None:
        from json import loads

        _loads = loads
    return _loads(x)


def json_or_none(x: Any) -> Any:
    """Return the value of JSON text.

    Raises:
        DataError: the text is not JSON.
    """
    if x is None:
        return None
    try:
        return _json(x)
    except ValueError as exc:
        raise DataError(
            0, f"a value is not JSON: {exc}", hint="parse_json=False returns the text"
        ) from exc


def set_or_none(x: Any) -> set[str] | None:
    """Return the members of a SET."""
    if x is None:
        return None
    return {part.strip() for part in _text(x).split(",")} if x else set()


# -- geometry, BSON, vectors -----------------------------------------------------------------


@cache
def _geometry_readers() -> tuple[Converter, Converter, type[Exception]] | None:
    """Return the readers of WKT and of WKB, and their error; ``None`` without a library."""
    try:
        wkt, wkb = import_module("shapely.wkt"), import_module("shapely.wkb")
        return wkt.loads, wkb.loads, import_module("shapely.errors").ShapelyError
    except ImportError:
        pass
    try:
        pygeos = import_module("pygeos")
        return pygeos.from_wkt, pygeos.from_wkb, pygeos.GEOSException
    except ImportError:
        return None


def geometry_or_none(x: Any) -> Any:
    """Return a shape of shapely's (else of pygeos's, else what was sent) for a geometry.

    Text is WKT.  Bytes are WKT too, or what MySQL stores: four bytes of SRID, then WKB.  What the
    library cannot read is returned as it came.
    """
    if not x:
        return None
    readers = _geometry_readers()
    # WKB's shape number has zero bytes, which no text has.
    if not isinstance(x, str) and 0 not in x:
        x = _text(x)
    if readers is None:
        return x
    from_wkt, from_wkb, error = readers
    try:
        return from_wkt(x) if isinstance(x, str) else from_wkb(bytes(x[4:]))
    except error:
        return x


@cache
def _bson() -> tuple[Callable[[bytes], Any], type[Exception]] | None:
    try:
        bson = import_module("bson")
        # Another distribution has a module of this name, without decode().
        return bson.decode, import_module("bson.errors").BSONError
    except (ImportError, AttributeError):
        return None


def bson_or_none(x: Any) -> Any:
    """Return the document of a BSON value as a dict, or its bytes where pymongo is missing.

    Text is taken for base64.

    Raises:
        DataError: the bytes are not BSON.
    """
    if x is None:
        return None
    data = _from_base64(x) if isinstance(x, str) else bytes(x)
    bson = _bson()
    if bson is None:
        return data
    decode, error = bson
    try:
        return decode(data)
    except error as exc:
        raise DataError(0, f"a value is not BSON: {exc}") from exc


@cache
def _numpy() -> Any:
    try:
        return import_module("numpy")
    except ImportError:
        return None


def _vector_json(element: str) -> Converter:
    def convert(x: Any) -> Any:
        if x is None:
            return None
        values = x if isinstance(x, list) else json_or_none(x)
        numpy = _numpy()
        return values if numpy is None else numpy.array(values, dtype=element)

    convert.__doc__ = f"Return a vector sent as JSON: a numpy array of {element}, else a list."
    return convert


def _vector(element: str, code: str) -> Converter:
    import struct

    size = struct.calcsize("<" + code)
    from_json = _vector_json(element)

    def convert(x: Any) -> Any:
        if x is None:
            return None
        if isinstance(x, (str, list)):  # the Data API has no packed form
            return from_json(x)
        if len(x) % size:
            raise DataError(0, f"a vector of {element} cannot have {len(x)} bytes")
        numpy = _numpy()
        if numpy is None:
            return struct.unpack(f"<{len(x) // size}{code}", x)
        return numpy.frombuffer(x, dtype=f"<{code}")

    convert.__doc__ = (
        f"Return a packed vector: a numpy array of {element} over the bytes, else a tuple."
    )
    return convert


float32_vector_json_or_none = _vector_json("float32")
float64_vector_json_or_none = _vector_json("float64")
int8_vector_json_or_none = _vector_json("int8")
int16_vector_json_or_none = _vector_json("int16")
int32_vector_json_or_none = _vector_json("int32")
int64_vector_json_or_none = _vector_json("int64")
float16_vector_json_or_none = _vector_json("float16")
# struct's and numpy's letters agree, except that numpy's 'l' is the machine's: 'i' and 'q' are not.
float32_vector_or_none = _vector("float32", "f")
float64_vector_or_none = _vector("float64", "d")
int8_vector_or_none = _vector("int8", "b")
int16_vector_or_none = _vector("int16", "h")
int32_vector_or_none = _vector("int32", "i")
int64_vector_or_none = _vector("int64", "q")
float16_vector_or_none = _vector("float16", "e")

converters: dict[int, Converter] = {
    0: decimal_or_none,
    1: int_or_none,
    2: int_or_none,
    3: int_or_none,
    4: float_or_none,
    5: float_or_none,
    6: none,
    7: datetime_or_none,
    8: int_or_none,
    9: int_or_none,
    10: date_or_none,
    11: timedelta_or_none,
    12: datetime_or_none,
    13: int_or_none,
    14: date_or_none,
    16: bit_or_none,
    245: json_or_none,
    246: decimal_or_none,
    248: set_or_none,
    255: geometry_or_none,
    1001: bson_or_none,
    2001: float32_vector_json_or_none,
    2002: float64_vector_json_or_none,
    2003: int8_vector_json_or_none,
    2004: int16_vector_json_or_none,
    2005: int32_vector_json_or_none,
    2006: int64_vector_json_or_none,
    2007: float16_vector_json_or_none,
    3001: float32_vector_or_none,
    3002: float64_vector_or_none,
    3003: int8_vector_or_none,
    3004: int16_vector_or_none,
    3005: int32_vector_or_none,
    3006: int64_vector_or_none,
    3007: float16_vector_or_none,
}
"""Type code → function.  Codes not in it keep their text or bytes."""
