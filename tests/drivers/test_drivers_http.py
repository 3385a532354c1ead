"""The http driver runs the conformance kit against the embedded engine's Data API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from singlestoredb.testing import DriverConformance

fronts = pytest.importorskip("singlestoredb_embedded.fronts.http")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with fronts.start_http(None, users={"root": "s3cr3t!/ü"}) as front:
        yield f"http://root:s3cr3t%21%2F%C3%BC@127.0.0.1:{front.port}/main"


class TestHTTP(DriverConformance):
    @pytest.fixture(autouse=True)
    def _server(self, url: str) -> None:
        self.url = url
