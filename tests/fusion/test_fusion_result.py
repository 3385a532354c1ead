"""FusionSQLResult: filling, reshaping, converting, reading."""

from __future__ import annotations

import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from singlestoredb.fusion import (
    BLOB,
    BOOL,
    DATE,
    DATETIME,
    DOUBLE,
    INTEGER,
    JSON,
    STRING,
    FusionSQLResult,
)
from singlestoredb_hookspecs import Column, ResultStream


def make(fields: dict[str, int], *rows: tuple[Any, ...]) -> FusionSQLResult:
    result = FusionSQLResult()
    for name, dtype in fields.items():
        result.add_field(name, dtype)
    result.set_rows(rows)
    return result


@pytest.fixture
def things() -> FusionSQLResult:
    return make(
        {"Name": STRING, "Size": INTEGER},
        ("kettle", 2),
        ("Knife", None),
        ("pan", 1),
        ("k_n", 2),
        (None, 3),
    )


def test_type_codes() -> None:
    assert (BOOL, DOUBLE, INTEGER, DATE, DATETIME, JSON, BLOB, STRING) == (
        1, 5, 8, 10, 12, 245, 252, 254,
    )  # fmt: skip


def test_attributes_of_an_empty_result() -> None:
    result = FusionSQLResult()
    assert result.connection is None
    assert result.affected_rows is None
    assert result.insert_id == 0
    assert result.server_status is None
    assert result.warning_count == 0
    assert result.message is None
    assert (result.description, result.rows, result.converters, result.fields) == ([], [], [], [])
    assert not result.has_next
    assert not result.unbuffered_active
    assert len(result) == 0
    assert bool(result)


def test_description() -> None:
    result = make({"Name": STRING, "Data": BLOB})
    assert result.description == [
        ("Name", 254, None, None, 0, 0, True, 0, 0),
        ("Data", 252, None, None, 0, 0, True, 0, 63),
    ]
    assert [(f.name, f.flags, f.charsetnr) for f in result.fields] == [
        ("Name", 0, 0),
        ("Data", 0, 63),
    ]
    assert result.affected_rows == 0


def test_rows_are_copied_and_checked() -> None:
    result = make({"A": STRING, "B": STRING})
    rows = [("1", "2")]
    result.set_rows(rows)
    rows.append(("3", "4"))
    assert result.rows == [("1", "2")]
    with pytest.raises(ValueError, match="row 1 has 1 values; the result has 2 columns"):
        result.set_rows([("1", "2"), ("3",)])
    assert result.rows == [("1", "2")]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("k%", ["kettle", "Knife", "k_n"]),
        ("%N%", ["Knife", "pan", "k_n"]),
        ("K_N", ["k_n"]),
        ("%", ["kettle", "Knife", "pan", "k_n"]),
        ("%e%t%e", ["kettle"]),
        ("%tt%tt%", []),
        ("pa%an", []),
        ("kettl", []),
        ("", ["kettle", "Knife", "pan", "k_n", None]),
        (None, ["kettle", "Knife", "pan", "k_n", None]),
    ],
)
def test_like(things: FusionSQLResult, pattern: str | None, names: list[str | None]) -> None:
    assert list(things.like(name=pattern)["Name"]) == names
    assert len(things) == 5


def test_like_several(things: FusionSQLResult) -> None:
    assert things.like(Name="k%", Size="2").rows == [("kettle", 2), ("k_n", 2)]
    assert things.like_all(Name="k%", Size=None).rows == things.like(Name="k%").rows
    assert things.like_any(Name="pan", Size="3").rows == [("pan", 1), (None, 3)]
    with pytest.raises(KeyError, match="field name does not exist in results: Nope"):
        things.like(Nope=None)


def test_like_compares_the_first_line() -> None:
    result = make({"Command": STRING}, ("CREATE X\n  [ Y ];",))
    assert len(result.like(Command="create%")) == 1
    assert len(result.like(Command="%y%")) == 0


def test_filter(things: FusionSQLResult) -> None:
    assert things.filter(size=2).rows == [("kettle", 2), ("k_n", 2)]
    assert things.filter(Size=2, Name="k_n").rows == [("k_n", 2)]


def test_order_by(things: FusionSQLResult) -> None:
    assert [row[1] for row in things.order_by("size")] == [None, 1, 2, 2, 3]
    assert [row[1] for row in things.order_by("size", ascending=False)] == [3, 2, 2, 1, None]
    assert things.order_by(["Size", "Name"], [False, True]).rows == [
        (None, 3),
        ("k_n", 2),
        ("kettle", 2),
        ("pan", 1),
        ("Knife", None),
    ]
    # stable: kettle came before k_n
    assert [row[0] for row in things.order_by("Size")][2:4] == ["kettle", "k_n"]
    assert [row[0] for row in things.sort_by(["Size", "Name"], False)] == [
        None, "kettle", "k_n", "pan", "Knife",
    ]  # fmt: skip
    assert things.order_by(by=[]).rows == things.rows
    assert things.order_by(by=[]) is not things
    with pytest.raises(KeyError, match="does not exist in results: Nope"):
        things.order_by("Nope")
    with pytest.raises(ValueError, match="2 columns to sort by and 1 directions"):
        things.order_by(["Name", "Size"], [True])


def test_limit(things: FusionSQLResult) -> None:
    assert things.limit(2).rows == things.rows[:2]
    assert things.limit(None).rows == things.limit(0).rows == things.limit(99).rows == things.rows
    with pytest.raises(ValueError, match="must not be negative: -1"):
        things.limit(-1)


def test_access(things: FusionSQLResult) -> None:
    assert things[2] == ("pan", 1)
    assert things[-2:] == [("k_n", 2), (None, 3)]
    assert list(things) == things.rows
    assert list(things.Name) == list(things["name"]) == [row[0] for row in things.rows]
    assert things["Size"][0] == 2
    assert things["Size"][1:3] == [None, 1]
    assert len(things.Size) == 5
    assert repr(things["Size"]) == "ColumnValues([2, None, 1, 2, 3])"
    assert repr(things) == "<FusionSQLResult (Name, Size): 5 rows>"
    with pytest.raises(AttributeError, match="nope"):
        things.nope  # noqa: B018 - the access is the test
    with pytest.raises(KeyError, match="nope"):
        things["nope"]


def test_copies_are_independent(things: FusionSQLResult) -> None:
    copied = things.copy()
    copied.rows.clear()
    copied.add_field("More", STRING)
    assert len(things) == 5
    assert [field.name for field in things.fields] == ["Name", "Size"]
    with pytest.raises(KeyError):
        things["More"]


UTC_PLUS_2 = datetime.timezone(datetime.timedelta(hours=2))


@pytest.mark.parametrize(
    ("dtype", "given", "value"),
    [
        (BOOL, True, 1),
        (BOOL, "0", 0),
        (INTEGER, "12", 12),
        (DOUBLE, "1.5", 1.5),
        (DOUBLE, 2, 2.0),
        (DATE, "2024-02-29", datetime.date(2024, 2, 29)),
        (DATE, datetime.date(2024, 2, 29), datetime.date(2024, 2, 29)),
        (DATETIME, "2024-02-29T01:02:03", datetime.datetime(2024, 2, 29, 1, 2, 3)),
        (DATETIME, "2024-02-29 01:02:03.5", datetime.datetime(2024, 2, 29, 1, 2, 3, 500000)),
        (
            DATETIME,
            "2024-02-29T01:02:03.000004+02:00",
            datetime.datetime(2024, 2, 29, 1, 2, 3, 4, UTC_PLUS_2),
        ),
        (DATETIME, datetime.datetime(2024, 1, 1), datetime.datetime(2024, 1, 1)),
        (JSON, '{"a": [1]}', {"a": [1]}),
        (JSON, [1], [1]),
        (JSON, '"[1]"', "[1]"),
        (BLOB, b"\0\xff", b"\0\xff"),
        (STRING, "naïve", "naïve"),
        (STRING, None, None),
        (JSON, None, None),
    ],
)
def test_conversion(dtype: int, given: Any, value: Any) -> None:
    result = make({"X": dtype}, (given,))
    for _ in range(2):  # again changes nothing
        result.format_results(None)
        assert result.rows == [(value,)]
        assert type(result.rows[0][0]) is type(value)


def test_conversion_follows_the_connection() -> None:
    connection = SimpleNamespace(
        connection_params={"conv": {STRING: str.upper, float: repr}, "parse_json": False}
    )
    result = make({"A": STRING, "B": JSON, "C": INTEGER}, ("a", "[1]", "1"), (None, None, None))
    result.format_results(connection)
    assert result.rows == [("A", "[1]", 1), (None, None, None)]
    assert result.connection is connection


def test_as_a_result_stream(things: FusionSQLResult) -> None:
    stream: ResultStream = things
    things.format_results(None)
    assert stream.native == {"rows"}
    assert things.columns == (Column("Name", STRING), Column("Size", INTEGER))
    assert make({"D": BLOB}).columns[0].charset == 63
    assert things.rows_affected == 5
    assert (things.last_insert_id, things.warning_count) == (0, 0)
    assert things.read_rows(2) == things.rows[:2]
    assert things.copy().read_rows(1) == things.rows[:1]
    assert things.read_rows(None) == things.rows[2:]
    assert things.read_rows(None) == things.read_rows(3) == []
    things.seek(4)
    assert things.read_rows(9) == [(None, 3)]
    assert stream.next_result() is None
    things.close()
    things.close()


def test_without_columns_the_handler_says_how_many_rows() -> None:
    result = FusionSQLResult()
    result.format_results(None)
    assert (result.rows_affected, result.last_insert_id) == (0, 0)
    result.affected_rows, result.insert_id = 7, 8
    result.format_results(None)
    assert (result.rows_affected, result.last_insert_id) == (7, 8)
    assert result.columns == ()
