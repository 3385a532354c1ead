"""Arrow as text: the accelerator and pure Python write the same bytes and refuse the same."""

from __future__ import annotations

import datetime as dt
import gc
import threading
from collections.abc import Iterator
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from singlestoredb.columnar import text
from singlestoredb.columnar.text import Reason
from singlestoredb_plugins.tsv_accel import _singlestoredb_tsv as compiled

from .ingestkit import NESTED, TYPES, tables

BOTH = pytest.mark.parametrize("kind", [text.TsvStream, compiled.TsvStream], ids=["pure", "C"])


def written(kind: Any, data: Any, *options: bool, size: int = 1 << 18) -> bytes:
    stream = kind(data.__arrow_c_stream__(), *options)
    pieces = list(iter(lambda: stream.read(size), b""))
    assert stream.read(size) == b""
    assert stream.rows == b"".join(pieces).count(b"\n")
    return b"".join(pieces)


@settings(max_examples=300, deadline=None)
@given(tables(TYPES + NESTED), st.integers(1, 200))
def test_both_write_the_same_bytes(table: pa.Table, size: int) -> None:
    expected = written(text.TsvStream, table)
    assert written(compiled.TsvStream, table) == expected
    assert written(compiled.TsvStream, table, size=size) == expected
    batches = pa.Table.from_batches(
        [batch.slice(0, 1) for batch in table.to_batches()]
        + [batch.slice(1) for batch in table.to_batches()],
        table.schema,
    )
    assert written(text.TsvStream, batches) == expected
    assert written(compiled.TsvStream, batches) == expected


@settings(max_examples=300, deadline=None)
@given(st.lists(st.floats(), min_size=1, max_size=50))
def test_floats_are_the_shortest_digits(numbers: list[float]) -> None:
    table = pa.table({"a": pa.array(numbers, pa.float64()), "b": pa.nulls(len(numbers))})
    lines = written(compiled.TsvStream, table, True, True).decode().splitlines()
    for number, line in zip(numbers, lines, strict=True):
        shown, _, _ = line.partition("\t")
        if number != number or number - number != 0:
            assert shown == "\\N"
        else:
            assert shown == repr(number).removesuffix(".0")
    assert written(text.TsvStream, table, True, True).decode().splitlines() == lines


def test_all_half_floats() -> None:
    numbers = pa.array(range(65536), pa.uint16()).view(pa.float16())
    table = pa.table({"a": numbers})
    expected = written(text.TsvStream, table, True, True)
    assert written(compiled.TsvStream, table, True, True) == expected


@BOTH
def test_what_each_value_looks_like(kind: Any) -> None:
    utc = dt.timezone.utc
    table = pa.table(
        {
            "bool": pa.array([True, None]),
            "text": pa.array(["a\tb\nc\rd\0e\\f'\"", ""]),
            "binary": pa.array([b"\x00\xff\\N", b""]),
            "moment": pa.array([dt.datetime(2020, 1, 2, 3, 4, 5, 60, utc), None],
                               pa.timestamp("us", "Europe/Berlin")),
            "span": pa.array([dt.timedelta(hours=-30, microseconds=-5), dt.timedelta(0)]),
            "vector": pa.array([[1.5, -2.0], None], pa.list_(pa.float32(), 2)),
            "map": pa.array([[("é\n", 1)], []], pa.map_(pa.string(), pa.int8())),
        }
    )  # fmt: skip
    assert written(kind, table).decode().split("\n") == [
        "1\ta\\tb\\nc\\rd\\0e\\\\f'\"\t00ff5c4e\t2020-01-02 03:04:05.000060\t-30:00:00.000005"
        '\t[1.5,-2]\t{"é\\\\n":1}',
        "\\N\t\t\t\\N\t00:00:00\t\\N\t{}",
        "",
    ]


@BOTH
def test_a_lone_empty_text_is_no_empty_line(kind: Any) -> None:
    assert written(kind, pa.table({"a": ["", None]})) == b"\t\n\\N\t\n"


@BOTH
@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (pa.array([0.5, float("nan")]), Reason.NAN),
        (pa.array([0.5, float("-inf")], pa.float32()), Reason.INFINITE),
        (pa.array([None, [float("nan")]], pa.list_(pa.float64())), Reason.NAN),
        (pa.array([0, -719163], pa.int32()).view(pa.date32()), Reason.RANGE),
        (pa.array([0, 2932897], pa.int32()).view(pa.date32()), Reason.RANGE),
        (pa.array([0, 2**63 - 1], pa.int64()).view(pa.timestamp("s")), Reason.RANGE),
        (pa.array([0, -(2**63)], pa.int64()).view(pa.date64()), Reason.RANGE),
        (pa.array([1000, -1], pa.int64()).view(pa.timestamp("ns")), Reason.LOSSY),
        (pa.array([1000, 1], pa.int64()).view(pa.time64("ns")), Reason.LOSSY),
        (pa.array([b"\xc3\xa9", b"\xed\xa0\x80"]).view(pa.string()), Reason.NOT_UTF8),
    ],
)
def test_refusals_say_why_and_where(kind: Any, values: pa.Array, reason: Reason) -> None:
    table = pa.table({"fine": [1, 2], "odd": values})
    stream = kind(table.__arrow_c_stream__())
    with pytest.raises(stream.Refused) as caught:
        stream.read(1 << 18)
    assert caught.value.args == (reason, 1, 1)


@BOTH
def test_spans_of_any_size(kind: Any) -> None:
    edges = [2**63 - 1, -(2**63) + 1, -(2**63), 0, -1]
    for unit in ("s", "ms", "us"):
        values = pa.array(edges, pa.int64()).view(pa.duration(unit))
        lines = written(kind, pa.table({"a": values, "b": edges})).decode().splitlines()
        per_second = {"s": 1, "ms": 1000, "us": 1_000_000}[unit]
        for value, line in zip(edges, lines, strict=True):
            shown = line.partition("\t")[0]
            clock, _, fraction = shown.lstrip("-").partition(".")
            hours, minutes, seconds = map(int, clock.split(":"))
            micros = int(fraction or 0)
            whole = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros
            assert whole == abs(value) * (1_000_000 // per_second)
            assert shown.startswith("-") == (value < 0)


def test_polars_and_batches_and_unusual_schemas() -> None:
    frame = pl.DataFrame(
        {"a": ["x", "a text that is longer than twelve bytes", None], "b": [[1], None, []]},
        schema_overrides={"a": pl.Categorical},
    )
    for data in (frame, frame.select(pl.col("a").cast(pl.String), "b"), frame.slice(1)):
        assert written(compiled.TsvStream, data) == written(text.TsvStream, data)


@BOTH
@pytest.mark.parametrize(
    "column",
    [
        pa.array([(1, 2, 3)], pa.month_day_nano_interval()),
        pa.array([[b"x"]]),
        pa.UnionArray.from_dense(
            pa.array([0], pa.int8()), pa.array([0], pa.int32()), [pa.array([1])]
        ),
    ],
    ids=["interval", "binary in a list", "union"],
)
def test_types_without_text_are_refused_at_once(kind: Any, column: pa.Array) -> None:
    from singlestoredb import NotSupportedError

    with pytest.raises((NotSupportedError, TypeError)):
        kind(pa.table({"a": column}).__arrow_c_stream__())


def test_a_stream_is_used_once() -> None:
    capsule = pa.table({"a": [1]}).__arrow_c_stream__()
    compiled.TsvStream(capsule)
    with pytest.raises(ValueError, match="used already"):
        compiled.TsvStream(capsule)
    with pytest.raises(ValueError, match="PyCapsule"):
        compiled.TsvStream(object())


def failing() -> pa.RecordBatchReader:
    schema = pa.schema([("a", pa.int64())])

    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch([[1]], schema=schema)
        raise RuntimeError("the disk is gone")

    return pa.RecordBatchReader.from_batches(schema, batches())


def test_a_producer_that_fails_is_quoted() -> None:
    stream = compiled.TsvStream(failing().__arrow_c_stream__())
    with pytest.raises(OSError, match="the disk is gone"):
        stream.read()
    assert stream.rows == 1


def test_no_memory_is_a_memory_error() -> None:
    table = pa.table({"a": ["x" * 10_000], "b": [[1]]})
    for allowed in range(40):
        compiled.fail_allocation(allowed)
        try:
            stream = compiled.TsvStream(table.__arrow_c_stream__())
            assert stream.read() == b"x" * 10_000 + b"\t[1]\n"
        except MemoryError:
            continue
        finally:
            compiled.fail_allocation(-1)
        break
    else:
        raise AssertionError("it never had enough")
    assert allowed > 5


def test_memory_is_given_back() -> None:
    gc.collect()
    before = pa.total_allocated_bytes()
    for _ in range(3):
        stream = compiled.TsvStream(pa.table({"a": ["x" * 1000] * 1000}).__arrow_c_stream__())
        stream.read(10)
    del stream
    gc.collect()
    assert pa.total_allocated_bytes() == before


def test_two_threads_do_not_share_a_stream() -> None:
    waiting, go_on = threading.Event(), threading.Event()
    schema = pa.schema([("a", pa.int64())])

    def batches() -> Iterator[pa.RecordBatch]:
        waiting.set()
        assert go_on.wait(60)
        yield pa.record_batch([[1]], schema=schema)

    reader = pa.RecordBatchReader.from_batches(schema, batches())
    stream = compiled.TsvStream(reader.__arrow_c_stream__())
    read: list[bytes] = []
    thread = threading.Thread(target=lambda: read.append(stream.read()))
    thread.start()
    assert waiting.wait(60)
    with pytest.raises(RuntimeError, match="another thread"):
        stream.read()
    go_on.set()
    thread.join()
    assert read == [b"1\t\n"]
