"""Every driver runs the kit for PEP 249, and so do the modules of the drivers."""

from __future__ import annotations

from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb.server import embedded
from singlestoredb.testing import MariaDB, PEP249Conformance


class OnMariaDB(PEP249Conformance):
    has_procedures = True
    two_result_sets = "SELECT 1; SELECT 2"
    options = ""

    @pytest.fixture(autouse=True)
    def _server(self, mariadb: MariaDB) -> None:
        type(self).url = f"{mariadb.url}?{self.options}"


class TestMySQLPure(OnMariaDB):
    options = "pure_python=1"


class TestMySQLAccelerated(OnMariaDB):
    options = "pure_python=0"


class TestMySQLStreams(OnMariaDB):
    """Results that are not buffered: one at a time, and forward only."""

    options = "buffered=0"

    def test_optional_cursor_members(self, connection: Any) -> None:
        with pytest.raises(s2.NotSupportedError):
            super().test_optional_cursor_members(connection)


class TestMySQLModule(OnMariaDB):
    module: Any = s2.mysql

    def connect(self, **kwargs: Any) -> Any:
        params = s2.params.resolve(host=self.url)
        return s2.mysql.connect(
            host=params.host,
            port=params.port or 0,
            user=params.user,
            password=params.password or "",
            database=params.database,
            autocommit=True,
            **kwargs,
        )


class TestHTTP(PEP249Conformance):
    can_switch_autocommit = False

    @pytest.fixture(autouse=True)
    def _server(self, embedded_server: embedded.EmbeddedServer) -> None:
        type(self).url = embedded_server.http_url


class TestHTTPModule(TestHTTP):
    module: Any = s2.http

    def connect(self, **kwargs: Any) -> Any:
        return s2.http.connect(self.url, **kwargs)


class TestEmbeddedServer(PEP249Conformance):
    @pytest.fixture(autouse=True)
    def _server(self, embedded_server: embedded.EmbeddedServer) -> None:
        type(self).url = embedded_server.mysql_url


class TestEmbedded(PEP249Conformance):
    @pytest.fixture(autouse=True)
    def _file(self, tmp_path: Any) -> None:
        type(self).url = f"embedded:///{tmp_path}/kit.db"
