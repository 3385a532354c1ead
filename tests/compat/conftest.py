"""Every driver as a fixture: the facts that hold for all of them are tested on all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb.server import embedded
from singlestoredb.testing import MariaDB


@pytest.fixture(scope="session")
def embedded_server() -> Iterator[Any]:
    """The embedded engine's server: both protocols."""
    with embedded.start() as server:
        yield server


DRIVERS = ("pure", "accelerated", "http", "embedded")


@pytest.fixture(params=DRIVERS)
def url(request: pytest.FixtureRequest) -> str:
    """A URL for each driver, and for mysql with and without the accelerator."""
    if request.param == "embedded":
        return "embedded://"
    if request.param == "http":
        return str(request.getfixturevalue("embedded_server").http_url)
    mariadb: MariaDB = request.getfixturevalue("mariadb")
    return f"{mariadb.url}?pure_python={int(request.param == 'pure')}"


@pytest.fixture
def conn(url: str) -> Iterator[s2.Connection]:
    """A connection by each driver."""
    with s2.connect(url) as conn:
        yield conn


@pytest.fixture(params=["pure", "accelerated"])
def mysql_url(request: pytest.FixtureRequest, mariadb: MariaDB) -> str:
    """MariaDB, with and without the accelerator."""
    return f"{mariadb.url}?pure_python={int(request.param == 'pure')}"
