"""The SDK's mysql driver runs the conformance kit against the local server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pytest

import singlestoredb as s2
from singlestoredb.server import embedded
from singlestoredb.testing import DriverConformance


@pytest.fixture(scope="module")
def server() -> Iterator[embedded.EmbeddedServer]:
    with embedded.start() as server:
        yield server


class TestMySQLDriver(DriverConformance):
    @pytest.fixture(autouse=True)
    def _server(self, server: embedded.EmbeddedServer) -> None:
        type(self).url = server.mysql_url


_VECTORS: dict[str, tuple[int, Any]] = {
    "F32": (1, [1.5, -2.25]), "F64": (2, [1e300, 0.1]), "I8": (3, [-128, 127]),
    "I16": (4, [-32768, 1]), "I32": (5, [-(2**31), 1]), "I64": (6, [-(2**63), 1]),
}  # fmt: skip


class TestExtendedTypes:
    formats: ClassVar[list[tuple[str, int]]] = [("json", 2000), ("binary", 3000)]

    @pytest.mark.parametrize(("format", "base"), formats)
    def test_vectors(self, server: embedded.EmbeddedServer, format: str, base: int) -> None:
        with s2.connect(server.mysql_url, vector_data_format=format) as conn, conn.cursor() as cur:
            for element, (number, items) in _VECTORS.items():
                cur.execute(f"CREATE TEMPORARY TABLE v{number} (v VECTOR(2, {element}))")
                cur.execute(f"INSERT INTO v{number} VALUES ('{items}'), (NULL)")
                cur.execute(f"SELECT v FROM v{number}")
                (value,), (null,) = cur.fetchall()
                assert null is None
                assert cur.description is not None
                assert cur.description[0].type_code == base + number
                assert cur.description[0].internal_size == 2
                assert isinstance(value, np.ndarray)
                assert value.tolist() == items

    def test_without_metadata_they_are_text(self, server: embedded.EmbeddedServer) -> None:
        plain = s2.connect(server.mysql_url, enable_extended_data_types=False)
        with plain, plain.cursor() as cur:
            cur.execute("CREATE TEMPORARY TABLE v (v VECTOR(2), b BSON)")
            cur.execute("INSERT INTO v VALUES ('[1.5,2]', NULL)")
            cur.execute("SELECT v, b FROM v")
            assert cur.fetchall() == [("[1.5,2]", None)]
            assert cur.description is not None
            assert [d.type_code for d in cur.description] == [251, 252]
            cur.execute("SET vector_type_project_format = 'binary'")
            cur.execute("SELECT v FROM v")
            assert cur.fetchall() == [(b"\x00\x00\xc0\x3f\x00\x00\x00\x40",)]
