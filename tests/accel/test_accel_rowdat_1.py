"""ROWDAT_1: C and pure Python read and write the same, and as the embedded engine does."""

from __future__ import annotations

import datetime as dt
import gc
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from decimal import Decimal
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from singlestoredb.columnar import rowdat_1
from singlestoredb.columnar.rowdat_1 import VarBuffers, dump, load
from singlestoredb.exceptions import DataError, NotSupportedError, ProgrammingError
from singlestoredb_embedded import wire
from singlestoredb_plugins.rowdat_accel import _singlestoredb_rowdat_1 as compiled

BOTH = pytest.mark.parametrize("pure", [True, False], ids=["pure", "C"])

_integers: dict[int, tuple[int, int]] = {
    1: (-128, 127), -1: (0, 255), 2: (-(2**15), 2**15 - 1), -2: (0, 2**16 - 1),
    3: (-(2**31), 2**31 - 1), -3: (0, 2**32 - 1), 9: (-(2**23), 2**23 - 1), -9: (0, 2**24 - 1),
    8: (-(2**63), 2**63 - 1), -8: (0, 2**64 - 1), 13: (0, 2155),
}  # fmt: skip
_hour = dt.timedelta(hours=1)
VALUES: dict[int, st.SearchStrategy[Any]] = {
    **{code: st.integers(*bounds) for code, bounds in _integers.items()},
    4: st.floats(width=32, allow_nan=False),
    5: st.floats(allow_nan=False),
    7: st.datetimes(),
    12: st.datetimes(),
    10: st.dates(),
    14: st.dates(),
    11: st.timedeltas(-900_000 * _hour, 900_000 * _hour),
    0: st.decimals(-(10**20), 10**20, places=3),
    246: st.decimals(-(10**20), 10**20, places=3),
    **{code: st.text(max_size=12) for code in (15, 245, *range(247, 256))},
    **{-code: st.binary(max_size=12) for code in (15, 245, *range(247, 256))},
}
TYPES = st.lists(st.sampled_from(sorted(VALUES)), max_size=6)
Table = tuple[list[int], list[int], list[list[Any]]]


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Make types, row ids, and columns with ``None`` for NULL."""
    types = draw(TYPES)
    ids = draw(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=8))
    return types, ids, [
        draw(st.lists(st.none() | VALUES[code], min_size=len(ids), max_size=len(ids)))
        for code in types
    ]  # fmt: skip


def listed(values: Any, nulls: Any) -> list[Any]:
    """Return a column as Python's values, ``None`` for NULL."""
    return [None if null else value for value, null in zip(values.tolist(), nulls, strict=True)]


def written(table: Table, pure: bool) -> bytes:
    types, ids, columns = table
    return dump(types, ids, [(column, None) for column in columns], pure_python=pure)


def plain(table: Table) -> bytes:
    """Write what has no date and no decimal, value by value."""
    types, ids, columns = table
    out = b""
    letters = {1: "b", 2: "h", 3: "i", 9: "i", 8: "q", 4: "f", 5: "d", 13: "H"}
    for number, row_id in enumerate(ids):
        out += struct.pack("<q", row_id)
        for code, column in zip(types, columns, strict=True):
            value = column[number]
            out += b"\1" if value is None else b"\0"
            letter = letters.get(abs(code))
            if letter is None:
                data = b"" if value is None else value.encode() if code > 0 else value
                out += struct.pack("<q", len(data)) + data
            else:
                out += struct.pack(
                    "<" + (letter.upper() if code < 0 else letter), 0 if value is None else value
                )
    return out


def outcome(call: Callable[[], Any]) -> Any:
    """Return what a call gives, or the text of its ``DataError``."""
    try:
        ids, columns = call()
    except DataError as exc:
        return str(exc)
    shown = []
    for values, nulls in columns:
        assert values.dtype == object or (values.flags.writeable and values.flags.aligned)
        exact = values.tolist() if values.dtype == object else values.tobytes()
        shown.append((values.dtype.str, exact, nulls.tolist()))
    return ids.tolist(), shown


@settings(max_examples=300, deadline=None)
@given(tables())
def test_what_is_written_is_read_by_both(table: Table) -> None:
    types, ids, columns = table
    body = written(table, True)
    assert written(table, False) == body
    found = outcome(lambda: load(types, body, pure_python=True))
    assert outcome(lambda: load(types, body, pure_python=False)) == found
    read_ids, read = load(types, body)
    assert read_ids.tolist() == ids
    assert [listed(*column) for column in read] == columns
    assert dump(types, read_ids, read) == body


@settings(max_examples=200, deadline=None)
@given(tables())
def test_the_bytes_are_those_of_the_format(table: Table) -> None:
    types, ids, columns = table
    kept = [i for i, code in enumerate(types) if code not in rowdat_1._TEMPORAL | {0: "", 246: ""}]
    table = [types[i] for i in kept], ids, [columns[i] for i in kept]
    assert written(table, True) == written(table, False) == plain(table)


@settings(max_examples=200, deadline=None)
@given(tables(), st.data())
def test_both_refuse_the_same_bodies(table: Table, data: st.DataObject) -> None:
    types = table[0]
    body = bytearray(written(table, True))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body)))
        piece = data.draw(
            st.binary(max_size=3) | st.sampled_from([struct.pack("<q", -1), b"\xff" * 8, b"\2"])
        )
        body[at : at + data.draw(st.sampled_from([0, len(piece), 8]))] = piece
    body = body[: data.draw(st.integers(0, len(body)) | st.just(len(body)))]
    expected = outcome(lambda: load(types, body, pure_python=True))
    assert outcome(lambda: load(types, body, pure_python=False)) == expected


@BOTH
def test_every_beginning_of_a_body_is_refused_or_whole_rows(pure: bool) -> None:
    types = [8, 254, 1, -254]
    table: Table = types, [1, 2], [[5, None], ["é", None], [None, 7], [b"\0\xff", b""]]
    body = written(table, pure)
    whole = {0: 0, len(plain((types, [1], [c[:1] for c in table[2]]))): 1, len(body): 2}
    for size in range(len(body) + 1):
        if size in whole:
            assert len(load(types, body[:size], pure_python=pure)[0]) == whole[size]
        else:
            with pytest.raises(DataError, match="breaks off within row"):
                load(types, body[:size], pure_python=pure)


@BOTH
@pytest.mark.parametrize(
    ("types", "body", "message"),
    [
        ([8], bytes(8) + b"\2" + bytes(8), "other than 0 and 1 for NULL in row 0, column 0"),
        ([254], bytes(8) + b"\0" + b"\xff" * 8, "a length below 0 in row 0, column 0"),
        ([-254], bytes(8) + b"\0" + b"\xff" * 7 + b"\x7f", "breaks off within row 0, column 0"),
        ([254], bytes(16) + b"\1" + bytes(6), "is not UTF-8|breaks off"),
        ([8, 8], bytes(8), "breaks off within row 0, column 0"),
        ([8], bytes(20), "breaks off within row 1, the row id"),
        ([254], bytes(8) + b"\0\1" + bytes(7) + b"\xff", "not UTF-8 in row 0, column 0"),
        ([246], bytes(8) + b"\0\1" + bytes(7) + b"x", "'x' is no decimal number in row 0"),
        ([246], bytes(8) + b"\0\3" + bytes(7) + b"NaN", "does not fit a DECIMAL in row 0"),
        ([246], bytes(8) + b"\0\4" + bytes(7) + b"1e99", "does not fit a DECIMAL in row 0"),
        ([10], bytes(9) + struct.pack("<q", 20230229), "20230229 is no date or time"),
        ([10], bytes(9) + struct.pack("<q", -1), "-1 is no date or time"),
        ([12], bytes(9) + struct.pack("<q", -1), "no date or time of the type code 12"),
        ([11], bytes(9) + struct.pack("<q", -(2**63)), "no date or time of the type code 11"),
        ([11], bytes(9) + struct.pack("<q", 99_000_000), "no date or time of the type code 11"),
    ],
)
def test_a_body_that_lies_is_refused(
    types: list[int], body: bytes, message: str, pure: bool
) -> None:
    with pytest.raises(DataError, match=message):
        load(types, body, pure_python=pure)


@BOTH
def test_a_character_in_two_cells_is_no_text(pure: bool) -> None:
    cells = [bytes(8) + b"\0" + struct.pack("<q", 1) + half for half in (b"\xc3", b"\xa9")]
    with pytest.raises(DataError, match="not UTF-8 in row 0, column 0"):
        load([254], b"".join(cells), pure_python=pure)


@BOTH
def test_what_stands_behind_a_null_means_nothing(pure: bool) -> None:
    body = bytes(8) + b"\1" + b"\xff" * 8 + b"\1" + struct.pack("<q", 2) + b"\xff\xfe"
    body += b"\1" + b"\xff" * 8 + b"\1" + b"\xff" * 8
    _, columns = load([8, 254, 12, 5], body, pure_python=pure)
    assert [nulls.tolist() for _, nulls in columns] == [[True]] * 4
    assert (columns[0][0][0], columns[1][0][0]) == (0, None)
    assert np.isnat(columns[2][0][0])
    assert np.isnan(columns[3][0][0])


@BOTH
def test_zero_dates_are_no_nulls(pure: bool) -> None:
    for code, packed in ((10, 0), (10, 20230100), (12, 0), (12, 2023 << 46 | 5 << 42)):
        values, nulls = load([code], bytes(9) + struct.pack("<q", packed), pure_python=pure)[1][0]
        assert np.isnat(values[0])
        assert not nulls[0]


@BOTH
def test_buffers_are_those_of_arrow(pure: bool) -> None:
    texts = ["é", None, "", "abc"]
    body = dump([254, -254], range(4), [(texts, None), ([b"\0", b"", None, b"x"], None)])
    ids, columns = load([254, -254], body, buffers=True, pure_python=pure)
    (text, nulls), (data, _) = columns
    assert isinstance(text, VarBuffers)
    valid = pa.array(~nulls).buffers()[1]
    array = pa.Array.from_buffers(
        pa.large_string(), 4, [valid, pa.py_buffer(text.offsets), pa.py_buffer(text.data)]
    )
    array.validate(full=True)
    assert array.to_pylist() == texts
    assert bytes(data.data) == b"\0x"
    assert dump([254, -254], ids, columns, pure_python=pure) == body
    # As of a slice, whose data begins before its first value.
    part = VarBuffers(text.offsets[2:], text.data)
    expected = dump([254], [0, 1], [(["", "abc"], None)], pure_python=pure)
    assert dump([254], [0, 1], [(part, None)], pure_python=pure) == expected
    for offsets in ([0, 9], [2, 1], [-1, 1]):
        lying = VarBuffers(np.array(offsets, np.int64), np.zeros(3, np.uint8))
        with pytest.raises(
            DataError, match=r"offsets point backwards or outside .* row 0, column 0"
        ):
            dump([-254], [0], [(lying, None)], pure_python=pure)
        dump([-254], [0], [(lying, [True])], pure_python=pure)


# -- the embedded engine's own implementation ----------------------------------------------------

_WIRE = {8: "i", -8: "u", 5: "f", 254: "s", -254: "b"}
_DUCKDB = {"i": "BIGINT", "u": "UBIGINT", "f": "DOUBLE", "s": "VARCHAR", "b": "BLOB"}


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_the_embedded_engine_writes_and_reads_the_same(data: st.DataObject) -> None:
    types = data.draw(st.lists(st.sampled_from(sorted(_WIRE)), max_size=5))
    rows = data.draw(st.integers(0, 6))
    cells = [
        data.draw(st.lists(st.none() | VALUES[code], min_size=rows, max_size=rows))
        for code in types
    ]
    kinds = [wire.Type(_WIRE[code], _DUCKDB[_WIRE[code]]) for code in types]
    arrays = [
        pa.array(column, wire._arrow_type(kind)) for column, kind in zip(cells, kinds, strict=True)
    ]
    sent = wire.Rowdat1().encode(arrays, kinds, rows)
    for pure in (True, False):
        assert written((types, list(range(rows)), cells), pure) == sent
        ids, columns = load(types, sent, pure_python=pure)
        assert ids.tolist() == list(range(rows))
        assert [listed(*column) for column in columns] == cells
        ids, found = wire.Rowdat1().decode(dump(types, ids, columns, pure_python=pure), kinds)
        assert [column.to_pylist() for column in found] == cells


# -- what may be written ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "values", "message"),
    [
        (1, [1, 128], "128 is out of range for the type code 1 in row 1, column 0"),
        (-1, np.array([0, -1]), "-1 is out of range for the type code -1 in row 1"),
        (9, np.array([1 << 23], np.int32), "8388608 is out of range for the type code 9"),
        (-9, [1 << 24], "16777216 is out of range"),
        (8, [2**63], "9223372036854775808 is out of range"),
        (8, np.array([2.0**63]), "out of range for the type code 8"),
        (-8, np.array([2.0**64]), "out of range for the type code -8"),
        (8, np.array([np.nan]), "nan is out of range for the type code 8"),
        (8, [float("nan")], "nan is no number"),
        (8, ["5"], "'5' is no number for the type code 8 in row 0"),
        (8, np.array(["5"]), "values of the type <U1"),
        (4, np.array([1e39]), "1e[+]39 is out of range for the type code 4"),
        (254, [b"x"], "a bytes is no text in row 0, column 0"),
        (254, ["\ud800"], "no Unicode"),
        (-254, ["x"], "a str is no bytes in row 0, column 0"),
        (246, ["x"], "'x' is no decimal number"),
        (246, [Decimal("Infinity")], "does not fit a DECIMAL"),
        (10, np.array(["10000-01-01"], "M8[D]"), "10000-01-01 does not fit the type code 10"),
        (12, np.array([1], "M8[ns]"), "does not fit the type code 12 in row 0"),
        (10, np.array(["2020-01-01T01"], "M8[s]"), "does not fit the type code 10"),
        (11, np.array([1 << 62], "m8[us]"), "does not fit the type code 11"),
        (11, np.array(["2020-01-01"], "M8[D]"), "one of times"),
        (12, [5.5], "values that are no M8"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(code: int, values: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        dump([code], range(len(values)), [(values, None)])
    nulls = np.ones(len(values), bool)
    if "type <U" not in message and "one of" not in message:
        assert load([code], dump([code], range(len(values)), [(values, nulls)]))[1][0][1].all()


@pytest.mark.parametrize("code", sorted(_integers))
def test_the_ends_of_a_range_fit_from_any_type(code: int) -> None:
    low, high = _integers[code]
    for dtype in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">i8", "O", "f8"):
        kind: Any = np.dtype(dtype)
        bounds = np.iinfo(kind) if kind.kind in "iu" else None
        ends = [
            end for end in (low, high)
            if (int(bounds.min) <= end <= int(bounds.max) if bounds is not None
                else kind.kind == "O" or int(float(end)) == end)
        ]  # fmt: skip
        values = np.array(ends, dtype)
        assert (
            load([code], dump([code], range(len(ends)), [(values, None)]))[1][0][0].tolist() == ends
        )


@BOTH
def test_arrays_of_any_stride_and_order_are_written(pure: bool) -> None:
    wanted = dump([8, 5], [0, 1], [([1, 3], None), ([1.0, 3.0], [False, True])], pure_python=pure)
    numbers = np.arange(1, 5)
    nulls = np.array([False, True, True, False])[::2]
    columns = [(numbers[::2].astype(">i8"), None), (numbers.astype(">f8")[::2], nulls)]
    assert dump([8, 5], np.arange(4)[:2], columns, pure_python=pure) == wanted
    cut = dump([8], [0], [(np.array([-1.9]), None)], pure_python=pure)
    assert load([8], cut)[1][0][0].tolist() == [-1]
    truths = dump([8], [0, 1], [(np.array([True, False]), None)], pure_python=pure)
    assert load([8], truths)[1][0][0].tolist() == [1, 0]


@BOTH
def test_sizes_that_differ_are_told(pure: bool) -> None:
    with pytest.raises(ProgrammingError, match="1 columns are given for 2 types"):
        dump([8, 8], [1], [([1], None)], pure_python=pure)
    with pytest.raises(ProgrammingError, match=r"column 0 has values of the shape \(2,\)"):
        dump([8], [1], [([1, 2], None)], pure_python=pure)
    with pytest.raises(ProgrammingError, match=r"column 0 has nulls of the shape \(2,\)"):
        dump([8], [1], [([1], [True, False])], pure_python=pure)
    with pytest.raises(ProgrammingError, match="row ids must be"):
        dump([], [1.5], [], pure_python=pure)
    with pytest.raises(NotSupportedError, match="no type of the code 16"):
        load([16], b"", pure_python=pure)


# -- the compiled module ---------------------------------------------------------------------------


def test_the_option_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[bool | None] = []

    def find(name: str, pure_python: bool | None) -> ModuleType | None:
        used.append(pure_python)
        return None if pure_python else compiled

    monkeypatch.setattr("singlestoredb.accelerators.find", find)
    for value in ("1", "0"):
        monkeypatch.setenv("SINGLESTOREDB_PURE_PYTHON", value)
        rowdat_1._codec.cache_clear()
        load([8], b"")
    rowdat_1._codec.cache_clear()
    assert used == [True, False]


def test_without_the_accelerator_python_does_it() -> None:
    code = (
        "from singlestoredb.columnar import rowdat_1 as r; assert r._codec(None)[0] is "
        "r._load_buffers; r._codec(False)"
    )
    disabled = {"SINGLESTOREDB_PLUGINS_DISABLE": "accelerators:rowdat-1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=disabled, capture_output=True, text=True, timeout=60
    )
    assert "pure_python=False demands the accelerator 'rowdat-1'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((b"x", bytes(8), [(b"", None, None)]), ValueError),
        ((b"8", bytes(7), [(bytes(8), None, None)]), ValueError),
        ((b"8", bytes(8), [(bytes(7), None, None)]), ValueError),
        ((b"8", bytes(8), [(bytes(8), None, b"")]), ValueError),
        ((b"8", bytes(8), []), ValueError),
        ((b"8", bytes(8), [None]), TypeError),
        ((b"8", bytes(8), [(1, 2)]), TypeError),
        ((b"t", bytes(8), [(b"", None, None)]), TypeError),
        ((b"t", bytes(8), [(b"", bytes(8), None)]), ValueError),
        ((b"8", memoryview(bytes(9))[1:], [(bytes(8), None, None)]), ValueError),
        (
            (b"8", bytes(8), [(np.zeros((4, 4), "u1")[:, :2], None, None)]),
            (ValueError, BufferError),
        ),
    ],
)
def test_the_module_checks_what_it_is_given(arguments: Sequence[Any], error: Any) -> None:
    with pytest.raises(error):
        compiled.dump(*arguments)


def test_the_module_keeps_nothing() -> None:
    table: Table = [8, 254], [1, 2], [[5, None], ["é", None]]
    body = written(table, False)
    broken = bytearray(body[:-1])

    def work(times: int) -> int:
        for _ in range(times):
            compiled.dump(b"8t", *compiled.load(b"8t", body))
            with pytest.raises(compiled.Refused):
                compiled.load(b"8t", broken)
            with pytest.raises(ValueError, match="have"):
                compiled.dump(b"8t", bytes(8), compiled.load(b"8t", body)[1])
        gc.collect()
        return sys.getallocatedblocks()

    work(50)
    before = work(50)
    assert work(1000) - before < 200
    broken.append(0)  # it is not held


def test_a_body_that_changes_meanwhile_is_refused_or_read() -> None:
    good = written(([254], list(range(2000)), [["abcdefgh"] * 2000]), False)
    bad = bytearray(good)
    bad[9:17] = struct.pack("<q", 8 + 25)
    shared = bytearray(good)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            shared[9:17] = bad[9:17]
            shared[9:17] = good[9:17]

    writer = threading.Thread(target=write)
    writer.start()
    ends = set()
    try:
        for _ in range(300):
            try:
                ids, _ = compiled.load(b"t", shared)
                ends.add(len(ids))
            except compiled.Refused as exc:
                ends.add(exc.args[0])
    finally:
        stop.set()
        writer.join()
    assert ends <= {16000, *rowdat_1.Reason}
