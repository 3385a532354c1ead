"""C and pure Python make the same of the same bytes: values, types, errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from accelkit import Cell, Peer, answer, definition, row
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from singlestoredb.exceptions import Error
from singlestoredb_hookspecs import Shape

pa = pytest.importorskip("pyarrow")

Column = tuple[bytes, st.SearchStrategy[bytes]]

digits = st.text("0123456789", min_size=1, max_size=25)
integers = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    st.integers(-200, 300),
    st.sampled_from([2**31 - 1, -(2**31), 2**63 - 1, -(2**63), 2**63, 2**64 - 1, 2**64]),
).map(str)
doubles = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(width=32, allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.tuples(digits, digits, st.integers(-400, 400)).map(lambda t: f"{t[0]}.{t[1]}e{t[2]}"),
    st.integers(-(10**22), 10**22).map(lambda n: f"-{n}.5"),
    # Multiples of 2**64, as a column with digits behind the point prints them.
    st.integers(1, 50).map(lambda n: f"{n * 2**64}.25"),
)
dates = st.one_of(
    st.dates().map(str),
    st.tuples(st.integers(0, 9999), st.integers(0, 13), st.integers(0, 32)).map(
        lambda t: f"{t[0]:04}-{t[1]:02}-{t[2]:02}"
    ),
    st.sampled_from(["0000-00-00", "2020-1-2", "2020-02-30", "2021-02-29", "1900-02-29"]),
)
fractions = st.one_of(st.just(""), st.text("0123456789", max_size=7).map(lambda t: "." + t))
clocks = st.tuples(st.integers(0, 25), st.integers(0, 61), st.integers(0, 61), fractions).map(
    lambda t: f"{t[0]:02}:{t[1]:02}:{t[2]:02}{t[3]}"
)
datetimes = st.one_of(
    st.datetimes().map(str),
    st.tuples(dates, st.sampled_from([" ", "T"]), clocks).map("".join),
    st.sampled_from(["0000-00-00 00:00:00.000", "0000-00-00", "2020-01-02 03:04:05+01:00"]),
    dates,
)
times = st.one_of(
    st.tuples(st.sampled_from(["", "-"]), st.integers(0, 1000), clocks).map(
        lambda t: f"{t[0]}{t[1]:02d}{t[2][2:]}"
    ),
    clocks,
    st.sampled_from(["1:02:03", "838:59:59", "-838:59:59.999999", "10:5:5"]),
)
texts = st.text(max_size=60)
garbage = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"", b"-", b"+1", b" 1", b"1_0", b".", b"nan", b"1e5", b"inf", b"\xff"]),
)


def decimals(precision: int, scale: int) -> st.SearchStrategy[str]:
    most = 10 ** (precision - scale) - 1
    whole = st.integers(-most, most).map(str)
    if not scale:
        return whole
    return st.tuples(whole, st.text("0123456789", min_size=scale, max_size=scale)).map(".".join)


def vectors(dimension: int, elements: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    exact = st.lists(elements, min_size=dimension, max_size=dimension)
    return st.one_of(exact, st.lists(elements, max_size=dimension + 1)).map(json.dumps)


def encoded(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    return strategy.map(lambda text: text.encode("utf-8", "surrogatepass"))


def vector(element: int, dimension: int, charset: int) -> bytes:
    extension = b"\x02" + dimension.to_bytes(4, "little") + bytes((element,))
    return definition("v", 251, charset=charset, extension=extension)


CASES: dict[str, Column] = {
    **{
        f"int {code}{' unsigned' if flags else ''}": (
            definition("n", code, flags=flags, charset=63),
            encoded(integers),
        )
        for code in (1, 2, 3, 8, 9, 13)
        for flags in (0, 32)
    },
    "float": (definition("n", 4, charset=63), encoded(doubles)),
    "double": (definition("n", 5, charset=63), encoded(doubles)),
    "decimal(10,2)": (
        definition("n", 246, length=12, decimals=2, charset=63),
        encoded(decimals(10, 2)),
    ),
    "decimal(18,0)": (definition("n", 246, length=19, charset=63), encoded(decimals(18, 0))),
    "decimal(20,20)": (
        definition("n", 246, length=22, decimals=20, charset=63),
        encoded(decimals(20, 20)),
    ),
    "decimal(38,10)": (
        definition("n", 246, length=40, decimals=10, charset=63),
        encoded(decimals(38, 10)),
    ),
    "decimal(65,30)": (
        definition("n", 246, length=67, decimals=30, charset=63),
        encoded(decimals(65, 30)),
    ),
    "old decimal": (definition("n", 0, length=7, decimals=1), encoded(decimals(5, 1))),
    "null": (definition("n", 6, charset=63), st.just(b"x")),
    "timestamp": (definition("d", 7, charset=63, decimals=6), encoded(datetimes)),
    "date": (definition("d", 10, charset=63), encoded(dates)),
    "time": (definition("d", 11, charset=63), encoded(times)),
    "datetime": (definition("d", 12, charset=63), encoded(datetimes)),
    "newdate": (definition("d", 14, charset=63), encoded(dates)),
    "varchar": (definition("s", 15), encoded(texts)),
    "bit": (definition("b", 16, charset=63), st.binary(min_size=8, max_size=8)),
    "json": (definition("j", 245), encoded(st.dictionaries(texts, texts).map(json.dumps))),
    "enum": (definition("s", 247), encoded(texts)),
    "set": (definition("s", 248), encoded(texts)),
    **{f"text {code}": (definition("s", code), encoded(texts)) for code in range(249, 255)},
    **{
        f"blob {code}": (definition("s", code, charset=63), st.binary(max_size=60))
        for code in range(249, 255)
    },
    "geometry": (definition("g", 255), encoded(texts)),
    "geometry bytes": (definition("g", 255, charset=63), st.binary(max_size=30)),
    "unknown": (definition("u", 200), encoded(texts)),
    "unknown bytes": (definition("u", 200, charset=63), encoded(texts)),
    **{
        f"vector {element}": (
            vector(element, 3, 63),
            st.binary(min_size=3 * size, max_size=3 * size),
        )
        for element, size in ((1, 4), (2, 8), (3, 1), (4, 2), (5, 4), (6, 8), (7, 2))
    },
    **{
        f"vector {element} as JSON": (
            vector(element, 3, 45),
            encoded(vectors(3, st.floats(width=32) | st.integers(-300, 300) | st.floats())),
        )
        for element in (1, 2, 7)
    },
    **{
        f"vector {element} as JSON": (
            vector(element, 2, 45),
            encoded(vectors(2, st.integers(-200, 200) | st.integers(-(2**63), 2**63))),
        )
        for element in (3, 4, 5, 6)
    },
    "bson": (definition("b", 252, charset=63, extension=b"\x01"), st.binary(max_size=20)),
}


def shown(value: object) -> object:
    """Return what is compared: NaN, negative zero and types are told apart by their repr."""
    return repr(value)


def outcome(peer: Peer, data: bytes, shape: Shape, buffered: bool) -> tuple[str, object]:
    """Return what reading an answer gives: a value to compare, or an error."""
    result = None
    try:
        result = peer.ask(data, buffered=buffered, shape=shape)
        if shape == "arrow":
            table = pa.table(result.read_arrow(None))
            table.validate(full=True)
            schema = [(f.name, str(f.type), f.nullable) for f in table.schema]
            return "arrow", (schema, shown(table.to_pylist()))
        return "rows", shown(result.read_rows(None))
    except Error as exc:
        return "error", (type(exc), exc.errmsg)
    except RuntimeWarning as exc:  # numpy's, of numbers that an element cannot hold
        return "error", (type(exc), str(exc))
    finally:
        if result is not None:
            result.close()


def assert_same(
    peers: tuple[Peer, Peer], data: bytes, shape: Shape, buffered: bool, *, faults: int
) -> None:
    fast, pure = (outcome(peer, data, shape, buffered) for peer in peers)
    # Which of several faults is met first is nobody's promise: rows are decoded one by one here,
    # column by column there.
    if faults > 1 and fast[0] == "error":
        fast, pure = (fast[0], None), (pure[0], None)
    assert fast == pure


PARAMETERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "lenient": {"encoding_errors": "replace", "parse_json": False},
    "latin1": {"charset": "latin1"},
    "replaced": {"invalid_values": {7: None, 10: None, 11: None, 12: None, 14: None}},
    "converted": {"conv": {3: str, 252: None, 253: lambda text: text[::-1]}},
}


@pytest.fixture(scope="module")
def pairs(accel: ModuleType) -> Iterator[dict[str, tuple[Peer, Peer]]]:
    made = {
        name: (Peer(True, **params), Peer(False, **params)) for name, params in PARAMETERS.items()
    }
    yield made
    for pair in made.values():
        for peer in pair:
            peer.close()


@pytest.mark.parametrize("shape", ["rows", "arrow"])
@pytest.mark.parametrize("case", CASES)
def test_values_are_the_same(case: str, shape: Shape, pairs: dict[str, tuple[Peer, Peer]]) -> None:
    column, values = CASES[case]
    cells = st.lists(st.none() | values | garbage, max_size=6)

    @settings(
        max_examples=12,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(cells, st.sampled_from(list(PARAMETERS)), st.booleans())
    def check(cells: list[Cell], parameters: str, buffered: bool) -> None:
        data = answer([column], [row([cell]) for cell in cells])
        assert_same(pairs[parameters], data, shape, buffered, faults=len(cells))

    @settings(
        max_examples=12,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(st.none() | values, max_size=20))
    def check_well_formed(cells: list[Cell]) -> None:
        data = answer([column], [row([cell]) for cell in cells])
        assert_same(pairs["plain"], data, shape, True, faults=len(cells))

    check()
    check_well_formed()


@settings(
    max_examples=150,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(st.data())
def test_tables_and_their_damages_are_the_same(
    pairs: dict[str, tuple[Peer, Peer]], data: st.DataObject
) -> None:
    names: list[str] = data.draw(st.lists(st.sampled_from(list(CASES)), min_size=1, max_size=6))
    columns = [CASES[name] for name in names]
    cells = st.tuples(*(st.none() | values for _, values in columns))
    rows = [row(r) for r in data.draw(st.lists(cells, max_size=12))]
    damaged: int = data.draw(st.integers(0, 1))
    if rows and damaged:
        at = data.draw(st.integers(0, len(rows) - 1))
        damage: Callable[[bytes], bytes] = data.draw(
            st.sampled_from(
                [
                    lambda r: r[:-1],
                    lambda r: r + b"\x01",
                    lambda r: b"",
                    lambda r: b"\xfc\xff" + r,
                    lambda r: b"\xfd\xff\xff\xff" + r,
                    lambda r: b"\xfe" + b"\xff" * 8 + r,
                ]
            )
        )
        rows[at] = damage(rows[at])
    stream = answer([c for c, _ in columns], rows)
    shape: Shape = data.draw(st.sampled_from(["rows", "arrow"]))
    assert_same(pairs["plain"], stream, shape, bool(data.draw(st.integers(0, 1))), faults=2)


def test_dicts_are_the_same(peers: Callable[..., tuple[Peer, Peer]]) -> None:
    columns = [definition(name, 253) for name in ("a", "b", "a", "a")]
    data = answer(columns, [row([b"1", None, b"2", b"3"])])
    fast, pure = peers()
    from singlestoredb.reading import read_dicts

    expected = read_dicts(pure.ask(data, shape="dicts"), None)
    assert fast.ask(data, shape="dicts").read_dicts(None) == expected
    assert len(expected[0]) == 4
