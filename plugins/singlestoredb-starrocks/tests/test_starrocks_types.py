"""Types: their DDL, their repr, and what becomes of results."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, bindparam, select, text
from sqlalchemy.types import NullType, TypeDecorator, TypeEngine

import starrocks
from starrocks import (
    ARRAY,
    BIGINT,
    BINARY,
    BITMAP,
    BOOLEAN,
    CHAR,
    DATE,
    DATETIME,
    DECIMAL,
    DOUBLE,
    FLOAT,
    HLL,
    INTEGER,
    JSON,
    LARGEINT,
    MAP,
    PERCENTILE,
    SMALLINT,
    STRING,
    STRUCT,
    TINYINT,
    VARBINARY,
    VARCHAR,
)
from starrocks.datatype import decoder, parse_datetime
from starrocks.dialect import StarRocksDialect
from starrocks.type_parser import TypeSyntaxError, parse_type

DIALECT = StarRocksDialect(paramstyle="named")


def ddl(type_: TypeEngine[Any]) -> str:
    return type_.compile(dialect=DIALECT)


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        (BOOLEAN(), "BOOLEAN"),
        (TINYINT(1), "TINYINT(1)"),
        (SMALLINT(), "SMALLINT"),
        (INTEGER(), "INTEGER"),
        (BIGINT(20), "BIGINT(20)"),
        (LARGEINT(), "LARGEINT"),
        (DECIMAL(), "DECIMAL"),
        (DECIMAL(10), "DECIMAL(10)"),
        (DECIMAL(10, 2), "DECIMAL(10, 2)"),
        (FLOAT(5), "FLOAT"),
        (DOUBLE(10, 2), "DOUBLE"),
        (CHAR(3), "CHAR(3)"),
        (VARCHAR(10), "VARCHAR(10)"),
        (VARCHAR(), "STRING"),
        (VARCHAR(65533), "STRING"),
        (STRING(), "STRING"),
        (BINARY(5), "BINARY"),
        (VARBINARY(5), "VARBINARY"),
        (DATE(), "DATE"),
        (DATETIME(), "DATETIME"),
        (DATETIME(fsp=6), "DATETIME(6)"),
        (JSON(), "JSON"),
        (HLL(), "HLL"),
        (BITMAP(), "BITMAP"),
        (PERCENTILE(), "PERCENTILE"),
        (ARRAY(STRING), "ARRAY<STRING>"),
        (MAP(STRING, INTEGER), "MAP<STRING, INTEGER>"),
        (
            STRUCT(("a", DATE), b=ARRAY(MAP(INTEGER, JSON))),
            "STRUCT<a DATE, b ARRAY<MAP<INTEGER, JSON>>>",
        ),
        (STRUCT(("a b", DATE), ("key", DATE)), "STRUCT<`a b` DATE, `key` DATE>"),
        (sa.Integer(), "INTEGER"),
        (sa.SmallInteger(), "SMALLINT"),
        (sa.BigInteger(), "BIGINT"),
        (sa.String(), "STRING"),
        (sa.String(10), "VARCHAR(10)"),
        (sa.Unicode(5), "VARCHAR(5)"),
        (sa.Float(), "FLOAT"),
        (sa.Double(), "DOUBLE"),
        (sa.Numeric(10, 2), "NUMERIC(10, 2)"),
        (sa.Boolean(), "BOOLEAN"),
        (sa.Date(), "DATE"),
        (sa.DateTime(), "DATETIME"),
        (sa.LargeBinary(), "BINARY"),
        (sa.JSON(), "JSON"),
        (sa.Uuid(), "CHAR(32)"),
        (sa.Text(), "TEXT"),
    ],
)
def test_ddl_of_every_type(type_: TypeEngine[Any], expected: str) -> None:
    assert ddl(type_) == expected


def test_every_type_is_exported_and_can_be_written_without_arguments() -> None:
    assert len(starrocks.__all__) == 23
    for name in starrocks.__all__:
        cls = getattr(starrocks, name)
        if name not in ("ARRAY", "MAP", "STRUCT"):
            assert ddl(cls()).split("(")[0] == {"VARCHAR": "STRING"}.get(name, name)


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        (VARCHAR(50), "VARCHAR(length=50)"),
        (DECIMAL(10, 2), "DECIMAL(precision=10, scale=2)"),
        (TINYINT(1), "TINYINT(display_width=1)"),
        (DOUBLE(), "DOUBLE(asdecimal=True)"),
        (ARRAY(STRING), "ARRAY(STRING())"),
        (MAP(STRING, INTEGER), "MAP(STRING(), INTEGER())"),
        (STRUCT(name=STRING, age=INTEGER), "STRUCT(name=STRING(), age=INTEGER())"),
        (STRUCT(("class", STRING)), "STRUCT(('class', STRING()))"),
        (STRUCT(("a b", STRING), c=DATE), "STRUCT(('a b', STRING()), ('c', DATE()))"),
    ],
)
def test_repr_evaluates_back(type_: TypeEngine[Any], expected: str) -> None:
    assert repr(type_) == expected
    assert ddl(eval(expected, dict(vars(starrocks)))) == ddl(type_)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ARRAY(MAP),
        lambda: MAP(STRING, STRUCT),
        lambda: STRUCT(a=ARRAY),
        lambda: ARRAY("STRING"),  # type: ignore[arg-type]  # what is tested
        lambda: STRUCT(),
        lambda: STRUCT(("a", STRING), a=STRING),
    ],
)
def test_complex_types_say_what_they_miss(make: Any) -> None:
    with pytest.raises(TypeError, match=r"bare|needs|more than one field"):
        make()


def test_complex_types_describe_themselves() -> None:
    type_ = STRUCT(a=ARRAY(MAP(STRING, DATE)), b=INTEGER)
    assert [repr(item) for item in type_.get_sub_item_types()] == [
        "ARRAY(MAP(STRING(), DATE()))",
        "MAP(STRING(), DATE())",
        "STRING()",
        "DATE()",
        "INTEGER()",
    ]
    assert type_.get_col_spec() == "STRUCT<a ARRAY<MAP<STRING, DATE>>, b INTEGER>"
    assert (ARRAY(DATE).python_type, MAP(DATE, DATE).python_type) == (list, dict)
    assert type_.python_type is None


class Upper(TypeDecorator[str]):
    impl = sa.String
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else value.upper()


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        (ARRAY(INTEGER), None, None),
        (ARRAY(INTEGER), "[1, null, 3]", [1, None, 3]),
        (ARRAY(INTEGER), b"[1]", [1]),
        (ARRAY(INTEGER), [1], [1]),
        (ARRAY(INTEGER), "not json", "not json"),
        (ARRAY(BOOLEAN), "[1, 0, true]", [True, False, True]),
        (ARRAY(DATE), '["2024-01-02"]', [datetime.date(2024, 1, 2)]),
        (
            ARRAY(DATETIME),
            '["2024-01-02 03:04:05.5"]',
            [datetime.datetime(2024, 1, 2, 3, 4, 5, 500000)],
        ),
        (ARRAY(DECIMAL(10, 2)), "[1.10, 2]", [Decimal("1.10"), Decimal(2)]),
        (ARRAY(FLOAT), "[1.5]", [1.5]),
        (ARRAY(LARGEINT), '["170141183460469231731687303715884105727"]', [2**127 - 1]),
        (ARRAY(JSON), '[{"a": "[1]"}]', [{"a": "[1]"}]),
        (ARRAY(Upper), '["a"]', ["A"]),
        (MAP(INTEGER, DATE), '{"1": "2024-01-02"}', {1: datetime.date(2024, 1, 2)}),
        (MAP(BOOLEAN, INTEGER), '{"true": 1, "0": 2}', {True: 1, False: 2}),
        (MAP(DATE, STRING), '{"2024-01-02": "x"}', {datetime.date(2024, 1, 2): "x"}),
        (MAP(STRING, STRING), "oops", "oops"),
        (
            STRUCT(a=INTEGER, b=ARRAY(MAP(INTEGER, DECIMAL))),
            '{"a": 1, "b": [{"2": 0.5}], "c": "more"}',
            {"a": 1, "b": [{2: Decimal("0.5")}], "c": "more"},
        ),
    ],
)
def test_complex_values_are_decoded(type_: Any, value: Any, expected: Any) -> None:
    assert decoder(type_, DIALECT)(value) == expected


def test_a_struct_that_is_not_json_is_an_error() -> None:
    with pytest.raises(ValueError, match="cannot read 'oops' as STRUCT"):
        decoder(STRUCT(a=INTEGER), DIALECT)("oops")


def test_values_on_the_way_through_the_server(connection: Connection) -> None:
    columns: list[Any] = [
        sa.literal_column("'2024-01-02'", DATE).label("d"),
        sa.literal_column("'2024-01-02 03:04:05.000001'", DATETIME).label("dt"),
        sa.literal_column("'170141183460469231731687303715884105727'", LARGEINT).label("l"),
        sa.literal_column("'[1.5]'", ARRAY(DECIMAL)).label("a"),
        sa.literal_column("'{\"k\": [1]}'", JSON).label("j"),
    ]
    assert connection.execute(select(*columns)).one() == (
        datetime.date(2024, 1, 2),
        datetime.datetime(2024, 1, 2, 3, 4, 5, 1),
        2**127 - 1,
        [Decimal("1.5")],
        {"k": [1]},
    )


def test_statements_with_different_structs_do_not_share_their_decoding(
    connection: Connection,
) -> None:
    for type_, expected in (
        (STRUCT(a=DATE), datetime.date(2024, 1, 2)),
        (STRUCT(a=STRING), "2024-01-02"),
    ):
        statement = select(sa.type_coerce(bindparam("x", '{"a": "2024-01-02"}'), type_))
        assert connection.execute(statement).scalar() == {"a": expected}


@pytest.mark.parametrize("wrong", ["yesterday", "2024-13-01", "2024-01-02 25:00:00", "2024"])
def test_a_text_that_is_no_time_is_an_error(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"cannot read|must be in"):
        parse_datetime(wrong)


def test_literals() -> None:
    date = sa.literal(datetime.date(2024, 1, 2), DATE())
    assert str(date.compile(dialect=DIALECT, compile_kwargs={"literal_binds": True})) == (
        "TO_DATE('2024-01-02')"
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("boolean", "BOOLEAN()"),
        ("tinyint(1)", "BOOLEAN()"),
        ("tinyint(4)", "TINYINT(display_width=4)"),
        ("bigint(20) unsigned", "LARGEINT()"),
        ("BIGINT UNSIGNED", "LARGEINT()"),
        ("largeint(40)", "LARGEINT()"),
        ("decimal64(18, 4)", "DECIMAL(precision=18, scale=4)"),
        ("varchar( 10 )", "VARCHAR(length=10)"),
        ("varchar(*)", "VARCHAR(length=65533)"),
        ("timestamp", "DATETIME()"),
        ("array<int(11)>", "ARRAY(INTEGER(display_width=11))"),
        ("map<varchar(5),array<date>>", "MAP(VARCHAR(length=5), ARRAY(DATE()))"),
        (
            "struct<a int, `b c` string comment 'x, y'>",
            "STRUCT(('a', INTEGER()), ('b c', STRING()))",
        ),
        ("struct<a:int>", "STRUCT(a=INTEGER())"),
    ],
)
def test_reported_names_are_read(name: str, expected: str) -> None:
    assert repr(parse_type(name)) == expected


@pytest.mark.parametrize(
    "name",
    ["", "array<int", "array<>", "int>", "decimal(1,2,3)", "varchar(x)", "map<int>", "struct<>"],
)
def test_malformed_names_are_errors(name: str) -> None:
    with pytest.raises(TypeSyntaxError):
        parse_type(name)


def test_unknown_names_warn_and_give_no_type() -> None:
    with pytest.raises(TypeError, match="no type 'geometry'"):
        parse_type("array<geometry>")
    with pytest.warns(sa.exc.SAWarning, match="Did not recognize type 'geometry' of column 'c'"):
        assert isinstance(DIALECT._column_type("c", "geometry"), NullType)


def test_text_results_of_other_statements_are_left_alone(connection: Connection) -> None:
    assert connection.execute(text("SELECT '[1]' AS a")).scalar() == "[1]"
