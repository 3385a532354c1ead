"""The SDK's own conformance kit, against a database in memory and one in a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import singlestoredb as s2
from singlestoredb.connection import Connection
from singlestoredb.testing import DriverConformance


class TestEmbeddedInMemory(DriverConformance):
    url = "embedded://conformance"

    @pytest.fixture(autouse=True)
    def _alive(self) -> Iterator[None]:
        # A database in memory lives as long as a connection to it.
        with s2.connect(self.url):
            yield


class TestEmbeddedFile(DriverConformance):
    @pytest.fixture(autouse=True)
    def _file(self, tmp_path: Path) -> None:
        self.url = f"embedded:///{tmp_path}/kit.db"

    def connect(self, **kwargs: object) -> Connection:
        return s2.connect(self.url, **kwargs)  # type: ignore[arg-type]  # whatever connect() takes
