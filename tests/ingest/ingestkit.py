"""Arrow tables of every type that can be loaded, as Hypothesis makes them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

TEXT = st.text(
    st.one_of(
        st.sampled_from("\t\n\r\0\\'\"\x1a,;%`\x01\x08\x0c\x1f\x7fNn é🙂\u2028"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=40,
)
DATES = st.dates(dt.date(1000, 1, 1), dt.date(9999, 12, 31))
MOMENTS = st.datetimes(dt.datetime(1000, 1, 1), dt.datetime(9999, 12, 31, 23))
SPANS = st.timedeltas(dt.timedelta(hours=-838), dt.timedelta(hours=838))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def integers(bits: int, signed: bool) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else st.integers(
        0, 2**bits - 1
    )  # fmt: skip


def decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    most = 10**precision - 1
    return st.integers(-most, most).map(lambda n: Decimal(n).scaleb(-scale))


def _millis(moment: dt.datetime) -> dt.datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _utc(moment: dt.datetime) -> dt.datetime:
    return moment.replace(tzinfo=dt.timezone.utc)


def _wide(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    most = 10**precision - 1
    return st.integers(-most, most).map(
        lambda n: Decimal((int(n < 0), tuple(map(int, str(abs(n)))), -scale))
    )


TYPES: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.null(), st.none()),
    (pa.bool_(), st.booleans()),
    *(
        (kind(), integers(bits, signed))
        for kind, bits, signed in (
            (pa.int8, 8, True),
            (pa.uint8, 8, False),
            (pa.int16, 16, True),
            (pa.uint16, 16, False),
            (pa.int32, 32, True),
            (pa.uint32, 32, False),
            (pa.int64, 64, True),
            (pa.uint64, 64, False),
        )
    ),
    (pa.float64(), FLOATS),
    (pa.decimal128(9, 2), decimals(9, 2)),
    (pa.decimal128(18, 18), decimals(18, 18)),
    (pa.decimal128(38, 0), _wide(38, 0)),
    (pa.decimal256(60, 20), _wide(60, 20)),
    (pa.date32(), DATES),
    (pa.date64(), DATES),
    (pa.timestamp("s"), MOMENTS.map(lambda m: m.replace(microsecond=0))),
    (pa.timestamp("ms"), MOMENTS.map(_millis)),
    (pa.timestamp("us"), MOMENTS),
    (pa.timestamp("us", "Asia/Kathmandu"), MOMENTS.map(_utc)),
    (pa.time32("s"), st.times().map(lambda t: t.replace(microsecond=0))),
    (pa.time64("us"), st.times()),
    (pa.time64("ns"), st.times()),
    (pa.duration("us"), SPANS),
    (pa.duration("s"), SPANS.map(lambda s: s - dt.timedelta(microseconds=s.microseconds))),
    (pa.string(), TEXT),
    (pa.large_string(), TEXT),
    (pa.string_view(), TEXT),
    (pa.dictionary(pa.int8(), pa.string()), TEXT),
    (pa.binary(), st.binary(max_size=40)),
    (pa.large_binary(), st.binary(max_size=40)),
    (pa.binary_view(), st.binary(max_size=40)),
    (pa.binary(7), st.binary(min_size=7, max_size=7)),
]  # fmt: skip
"""Types whose values can be told again from what a server gives, with values that it takes."""

NESTED: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.list_(pa.float32(), 3), st.lists(st.floats(width=32, allow_nan=False,
                                                   allow_infinity=False),
                                         min_size=3, max_size=3)),
    (pa.list_(pa.int64()), st.lists(st.none() | integers(64, True), max_size=4)),
    (pa.large_list(pa.string()), st.lists(st.none() | TEXT, max_size=4)),
    (pa.list_view(pa.bool_()), st.lists(st.booleans(), max_size=4)),
    (pa.list_(pa.list_(pa.date32())), st.lists(st.none() | st.lists(DATES, max_size=2),
                                               max_size=3)),
    (pa.map_(pa.string(), pa.float64()), st.dictionaries(TEXT, FLOATS, max_size=3).map(
        lambda d: list(d.items()))),
    (pa.map_(pa.int32(), pa.string()), st.dictionaries(integers(32, True), TEXT, max_size=3).map(
        lambda d: list(d.items()))),
    (pa.struct([("a\"\\", pa.string()), ("b", pa.list_(pa.int8())), ("c", pa.null())]),
     st.fixed_dictionaries({"a\"\\": st.none() | TEXT,
                            "b": st.none() | st.lists(integers(8, True), max_size=2)})),
]  # fmt: skip


@st.composite
def tables(draw: st.DrawFn, types: list[tuple[pa.DataType, Any]], most_rows: int = 8) -> pa.Table:
    """Draw a table, cut out of a larger one so that arrays have offsets."""
    chosen = draw(st.lists(st.sampled_from(types), min_size=1, max_size=5))
    rows = draw(st.integers(0, most_rows))
    columns = []
    for kind, values in chosen:
        cells = draw(st.lists(st.none() | values, min_size=rows, max_size=rows))
        columns.append(pa.array(cells, kind))
    names = [f"c{i}" for i in range(len(columns))]
    table = pa.table(columns, names=names)
    start = draw(st.integers(0, rows))
    return table.slice(start)
