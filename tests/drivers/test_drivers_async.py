"""Drivers on an event loop: their own, and the kernel's worker thread."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import singlestoredb as s2
from singlestoredb.server.embedded import EmbeddedServer, start
from singlestoredb.testing import AsyncDriverConformance, MariaDB


class TestMySQLInC(AsyncDriverConformance):
    @pytest.fixture(autouse=True)
    def _server(self, mariadb: MariaDB) -> None:
        type(self).url = f"{mariadb.url}?pure_python=0"


class TestMySQLInPython(AsyncDriverConformance):
    @pytest.fixture(autouse=True)
    def _server(self, mariadb: MariaDB) -> None:
        type(self).url = f"{mariadb.url}?pure_python=1"


class TestMySQLOverTLS(AsyncDriverConformance):
    @pytest.fixture(autouse=True)
    def _server(self, mariadb_tls: MariaDB) -> None:
        type(self).url = f"{mariadb_tls.url}?ssl_ca={mariadb_tls.ssl_ca}"


class TestEmbedded(AsyncDriverConformance):
    url = "embedded://asynckit"

    @pytest.fixture(autouse=True)
    def _alive(self) -> Iterator[None]:
        with s2.connect(self.url):  # a database in memory lives as long as a connection to it
            yield


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    with start() as server:
        yield server


class TestHTTP(AsyncDriverConformance):
    @pytest.fixture(autouse=True)
    def _server(self, server: EmbeddedServer) -> None:
        type(self).url = server.http_url


class TestMySQLToTheEmbeddedServer(AsyncDriverConformance):
    @pytest.fixture(autouse=True)
    def _server(self, server: EmbeddedServer) -> None:
        type(self).url = server.mysql_url
