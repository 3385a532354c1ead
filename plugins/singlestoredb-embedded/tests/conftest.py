"""Fixtures of the embedded engine's tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb.connection import Connection


class Engine:
    """An engine in memory behind short calls."""

    def __init__(self, url: str = "embedded://", **kwargs: Any) -> None:
        kwargs = {"local_infile": True, "multi_statements": True, **kwargs}
        self.connection: Connection = s2.connect(url, **kwargs)

    def __call__(self, sql: str, args: Any = None, **kwargs: Any) -> list[Any]:
        """Run a statement; return its rows as tuples."""
        with self.connection.cursor("tuples") as cursor:
            cursor.execute(sql, args, **kwargs)
            return list(cursor.fetchall())

    def count(self, sql: str, args: Any = None, **kwargs: Any) -> int:
        """Run a statement; return the number of rows it affected."""
        with self.connection.cursor() as cursor:
            return int(cursor.execute(sql, args, **kwargs))

    def error(self, sql: str, args: Any = None, **kwargs: Any) -> s2.Error:
        """Run a statement that has to fail; return its error."""
        with pytest.raises(s2.Error) as caught:
            self(sql, args, **kwargs)
        return caught.value

    def errno(self, sql: str, args: Any = None, **kwargs: Any) -> int | None:
        """Run a statement that has to fail; return the number of its error."""
        return self.error(sql, args, **kwargs).errno

    def warnings(self) -> list[tuple[Any, ...]]:
        """Return the rows of SHOW WARNINGS."""
        return self("SHOW WARNINGS")


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An empty engine in memory."""
    engine = Engine()
    yield engine
    engine.connection.close()


@pytest.fixture
def make_engine() -> Iterator[Any]:
    """Opens further engines; closes them after the test."""
    opened: list[Engine] = []

    def make(url: str = "embedded://", **kwargs: Any) -> Engine:
        opened.append(Engine(url, **kwargs))
        return opened[-1]

    yield make
    for engine in opened:
        if engine.connection.open:
            engine.connection.close()
