"""A server and an engine for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, create_engine

from starrocks.testing import StarRocksServer


@pytest.fixture
def server() -> Iterator[StarRocksServer]:
    with StarRocksServer(databases=("test", "other")) as running:
        yield running


@pytest.fixture
def engine(server: StarRocksServer) -> Iterator[Engine]:
    made = create_engine(server.url())
    yield made
    made.dispose()


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as opened:
        yield opened
