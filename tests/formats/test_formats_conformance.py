"""Every built-in format runs the conformance kit."""

from __future__ import annotations

from typing import Any

import pytest

from singlestoredb.testing import FormatConformance

Row = tuple[Any, ...]


class TestTuples(FormatConformance):
    format = "tuples"

    def to_rows(self, table: Any) -> list[Row]:
        return list(table)

    def one_row(self, row: Any) -> Row:
        assert type(row) is tuple
        return row


class TestDicts(FormatConformance):
    format = "dicts"

    def to_rows(self, table: Any) -> list[Row]:
        return [tuple(row.values()) for row in table]

    def one_row(self, row: Any) -> Row:
        return tuple(row.values())


class TestNamedtuples(FormatConformance):
    format = "namedtuples"

    def to_rows(self, table: Any) -> list[Row]:
        return [tuple(row) for row in table]

    def one_row(self, row: Any) -> Row:
        if "id" in row._fields:
            assert row.id == row[0]
        return tuple(row)


class TestStructsequences(FormatConformance):
    format = "structsequences"

    def to_rows(self, table: Any) -> list[Row]:
        return [tuple(row) for row in table]

    def one_row(self, row: Any) -> Row:
        assert row.id == row[0]
        return tuple(row)


class TestNumpy(FormatConformance):
    format = "numpy"

    def to_rows(self, table: Any) -> list[Row]:
        return [tuple(row) for row in table.tolist()]


class TestPandas(FormatConformance):
    format = "pandas"

    def to_rows(self, table: Any) -> list[Row]:
        assert list(table.index) == list(range(len(table)))
        return list(table.itertuples(index=False, name=None))


class TestPolars(FormatConformance):
    format = "polars"

    def to_rows(self, table: Any) -> list[Row]:
        rows: list[Row] = table.rows()
        return rows


class TestArrow(FormatConformance):
    format = "arrow"

    def to_rows(self, table: Any) -> list[Row]:
        columns = [column.to_pylist() for column in table.columns]
        return list(zip(*columns, strict=True))


def test_every_built_in_format_is_here() -> None:
    from singlestoredb.kernel import get_registry

    own = {r.name for r in get_registry().catalog.records("formats") if r.is_own}
    tested = {kit.format for kit in FormatConformance.__subclasses__()}
    assert own <= tested


def test_a_kit_without_to_rows_says_so() -> None:
    with pytest.raises(TypeError, match="to_rows"):
        FormatConformance().to_rows([])
