"""The mysql driver on the accelerator runs the conformance kit against a private MariaDB."""

from __future__ import annotations

from types import ModuleType

import pytest

from singlestoredb.testing import DriverConformance, MariaDB


class TestAccelerated(DriverConformance):
    @pytest.fixture(autouse=True)
    def _server(self, accel: ModuleType, mariadb: MariaDB) -> None:
        type(self).url = f"{mariadb.url}?pure_python=0"
