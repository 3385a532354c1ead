"""What a type checker knows of results; mypy reads this file, pytest runs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas
import polars
import pyarrow
import pytest
from typing_extensions import assert_type

import singlestoredb as s2
from singlestoredb.testing import ScriptedDriver
from singlestoredb_hookspecs import Column


@pytest.fixture
def conn() -> Iterator[s2.Connection]:
    driver = ScriptedDriver()
    driver.answer("SELECT", [Column("a", 3)], [(1,)])
    s2.plugins.register(driver, "drivers:scripted")
    with s2.connect("scripted://") as conn:
        yield conn
    s2.plugins.unregister(driver)


def test_results_have_types(conn: s2.Connection) -> None:
    tuples = conn.cursor("tuples")
    tuples.execute("SELECT")
    assert_type(tuples.fetchall(), list[tuple[Any, ...]])
    assert_type(tuples.fetchone(), "tuple[Any, ...] | None")

    dicts = conn.cursor(results_type="dicts")
    dicts.execute("SELECT")
    assert assert_type(dicts.fetchall(), list[dict[str, Any]]) == [{"a": 1}]

    with conn.cursor("pandas") as cursor:
        cursor.execute("SELECT")
        assert isinstance(assert_type(cursor.fetchall(), pandas.DataFrame), pandas.DataFrame)
    with conn.cursor("polars", buffered=False) as other:
        other.execute("SELECT")
        assert isinstance(assert_type(other.fetchmany(1), polars.DataFrame), polars.DataFrame)
    with conn.cursor("arrow") as table:
        table.execute("SELECT")
        assert isinstance(table.fetchall(), pyarrow.Table)
