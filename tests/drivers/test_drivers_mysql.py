"""The mysql driver runs the conformance kit against a private MariaDB."""

from __future__ import annotations

import pytest

from singlestoredb.testing import DriverConformance, MariaDB


class TestMySQL(DriverConformance):
    @pytest.fixture(autouse=True)
    def _server(self, mariadb: MariaDB) -> None:
        type(self).url = f"{mariadb.url}?pure_python=1"
