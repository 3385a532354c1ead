"""One back end on one private PostgreSQL, and one database, for all tests of this part."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from bitdotio import bitdotio, server

if TYPE_CHECKING:
    from bitdotio._bitdotio import _BitV2


@pytest.fixture(autouse=True)
def bitdotio_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the developer's own shell says."""
    for name in list(os.environ):
        if name.startswith(("BITIO_", "PG")) and name != "BITIO_PG_BIN":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def local() -> Iterator[server.LocalServer]:
    with server.start() as running:
        yield running


@pytest.fixture
def sdk(local: server.LocalServer) -> Iterator[_BitV2]:
    with bitdotio(local.token, api_url=local.api_url) as b:
        yield b


@pytest.fixture(scope="session")
def lasting_database(local: server.LocalServer) -> str:
    with bitdotio(local.token, api_url=local.api_url) as b:
        name: str = b.create_database("tests")["name"]
    return name


@pytest.fixture
def database(local: server.LocalServer, lasting_database: str) -> Iterator[str]:
    """Name of an empty database: always the same, emptied after the test."""
    yield lasting_database
    with bitdotio(local.token, api_url=local.api_url) as b:
        b.query(
            lasting_database,
            # A transaction that a test forgot must not hold up all tests for ever.
            "SET LOCAL lock_timeout = '10s'; DROP SCHEMA public CASCADE; CREATE SCHEMA public",
        )


@pytest.fixture
def terminate(sdk: _BitV2, local: server.LocalServer) -> Callable[[int], None]:
    """A function that ends a backend of PostgreSQL by its pid and waits until it is gone."""
    import psycopg2

    def end(pid: int) -> None:
        assert local.postgres is not None
        connection = psycopg2.connect(local.postgres.dsn)
        try:
            with connection.cursor() as cursor:
                # The second argument is how long to wait for the end, in milliseconds.
                cursor.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))
                row = cursor.fetchone()
                assert row is not None
                assert row[0]
        finally:
            connection.close()

    return end
