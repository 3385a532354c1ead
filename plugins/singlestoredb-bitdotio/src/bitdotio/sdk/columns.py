"""PostgreSQL's types as the SDK knows types: protocol codes, and Python values.

================================  ==========  ========================================
PostgreSQL                        type code   value of a row
================================  ==========  ========================================
boolean                           TINY        bool
smallint, integer, bigint, oid    SHORT …     int
real, double precision            FLOAT …     float
numeric                           NEWDECIMAL  Decimal
date                              DATE        date
timestamp                         DATETIME    datetime
timestamptz                       TIMESTAMP   datetime in UTC, without time zone
time                              TIME        timedelta since midnight
interval                          TIME        timedelta; months are refused
json, jsonb, arrays               JSON        parsed, or text with ``parse_json`` off
bytea                             BLOB        bytes
everything else                   VAR_STRING  text as PostgreSQL prints it
================================  ==========  ========================================

A numeric column without declared digits gets those that its values need; while a result is
streamed nobody knows them, and it is DECIMAL(65,30).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import psycopg2
from psycopg2 import extensions

from bitdotio._query import ARRAYS, register_json_casters
from singlestoredb_hookspecs import Column

Row = tuple[Any, ...]

# MySQL's protocol, "Column types".
_TINY, _SHORT, _LONG, _FLOAT, _DOUBLE, _TIMESTAMP, _LONGLONG = 1, 2, 3, 4, 5, 7, 8
_DATE, _TIME, _DATETIME, _JSON, _NEWDECIMAL, _BLOB, _VAR_STRING = 10, 11, 12, 245, 246, 252, 253
_UNSIGNED, _BINARY = 32, 128
_UTF8MB4, _BINARY_CHARSET = 255, 63

_NUMERIC = 1700
_CODES = {
    16: _TINY,
    21: _SHORT,
    23: _LONG,
    20: _LONGLONG,
    26: _LONG,
    700: _FLOAT,
    701: _DOUBLE,
    _NUMERIC: _NEWDECIMAL,
    1082: _DATE,
    1083: _TIME,
    1186: _TIME,
    1114: _DATETIME,
    1184: _TIMESTAMP,
    17: _BLOB,
    25: _BLOB,
    114: _JSON,
    3802: _JSON,
}
_FLAGS = {26: _UNSIGNED, 17: _BINARY}
_STREAMED_DIGITS = (65, 30)  # the widest DECIMAL of MySQL's and SingleStore's
_NO_DIGITS = (38, 18)


def describe(description: Sequence[Any], rows: Sequence[Row] | None) -> tuple[Column, ...]:
    """Return the columns of a result from psycopg2's description.

    ``rows`` are all rows of the result, or ``None`` when they are not known yet.
    """
    columns = []
    for index, each in enumerate(description):
        oid = each.type_code
        code = _JSON if oid in ARRAYS else _CODES.get(oid, _VAR_STRING)
        precision = scale = None
        if code == _NEWDECIMAL:
            # 65535 is psycopg2's answer when the type has no declared digits.
            precision, scale = each.precision, each.scale
            if precision is None or precision > 1000:
                precision, scale = _STREAMED_DIGITS
                if rows is not None:
                    precision, scale = _digits(row[index] for row in rows)
        elif code in (_TIME, _DATETIME, _TIMESTAMP):
            scale = 6
        columns.append(
            Column(
                each.name,
                code,
                flags=_FLAGS.get(oid, 0),
                charset=_BINARY_CHARSET if oid == 17 else _UTF8MB4,
                length=each.internal_size if each.internal_size > 0 else None,
                precision=precision,
                scale=scale,
            )
        )
    return tuple(columns)


def _digits(values: Iterable[Decimal | None]) -> tuple[int, int]:
    """Return the precision and scale that hold every value exactly."""
    whole = scale = 0
    some = False
    for value in values:
        if value is None or not value.is_finite():
            continue
        some = True
        exponent = value.as_tuple().exponent
        scale = max(scale, -int(exponent))
        if value:
            whole = max(whole, value.adjusted() + 1)
    return (max(whole + scale, 1), scale) if some else _NO_DIGITS


def json_reader(columns: Sequence[Column], parse: bool) -> Callable[[list[Row]], list[Row]]:
    """Return what turns received rows into rows for the user.

    JSON is received as text and arrays as lists; parsed, both are Python values, otherwise text.
    """
    places = [i for i, column in enumerate(columns) if column.type_code == _JSON]
    if not places:
        return lambda rows: rows

    def convert(value: Any) -> Any:
        if parse:
            return json.loads(value) if isinstance(value, str) else value
        return json.dumps(value) if isinstance(value, list) else value

    def read(rows: list[Row]) -> list[Row]:
        out = []
        for row in rows:
            values = list(row)
            for place in places:
                values[place] = convert(values[place])
            out.append(tuple(values))
        return out

    return read


def register_casters(connection: extensions.connection) -> None:
    """Have values arrive on ``connection`` as this module's table says."""
    register_json_casters(connection)
    for caster in _CASTERS:
        extensions.register_type(caster, connection)


def _bytes(value: Any, cursor: Any) -> bytes | None:
    data = psycopg2.BINARY(value, cursor)
    return None if data is None else bytes(data)


def _time(value: Any, cursor: Any) -> timedelta | None:
    if value is None:
        return None
    hours, minutes, seconds = value.split(":")
    whole, _, fraction = seconds.partition(".")
    return timedelta(
        hours=int(hours),
        minutes=int(minutes),
        seconds=int(whole),
        microseconds=int(fraction.ljust(6, "0")) if fraction else 0,
    )


def _interval(value: Any, cursor: Any) -> timedelta | None:
    if value is not None and ("mon" in value or "year" in value):
        raise psycopg2.DataError(
            f"the interval {value!r} has months, whose length is not fixed: select it as text "
            "(::text) or as seconds (extract(epoch from …))"
        )
    interval: timedelta | None = extensions.PYINTERVAL(value, cursor)
    return interval


def _timestamptz(value: Any, cursor: Any) -> datetime | None:
    moment: datetime | None = extensions.PYDATETIMETZ(value, cursor)
    return None if moment is None else moment.astimezone(timezone.utc).replace(tzinfo=None)


def _json_text(value: Any, cursor: Any) -> Any:
    return value


_CASTERS = [
    extensions.FLOAT,
    extensions.DECIMAL,
    extensions.PYDATE,
    extensions.PYDATETIME,
    extensions.new_type((17,), "bitdotio_bytes", _bytes),
    extensions.new_type((1083,), "bitdotio_timedelta", _time),
    extensions.new_type((1186,), "bitdotio_interval", _interval),
    extensions.new_type((1184,), "bitdotio_utc", _timestamptz),
    extensions.new_type((114, 3802), "bitdotio_json_text", _json_text),
]
