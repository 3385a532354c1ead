"""Holds the driver to the SDK's contract: ``pytest test_acme_driver.py``."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from singlestoredb.testing import DriverConformance


class TestSQLite(DriverConformance):
    type_samples = (
        ("INTEGER", "-9223372036854775808", -(2**63)),
        ("REAL", "-1.25e300", -1.25e300),
        ("TEXT", "'ünï✓🜁'", "ünï✓🜁"),
        ("BLOB", "X'00FF27'", b"\x00\xff'"),
    )
    parameters = tuple(v for v in DriverConformance.parameters if not isinstance(v, Decimal))
    slow_query = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500000000) "
        "SELECT MAX(i) FROM n"
    )

    @pytest.fixture(autouse=True)
    def _file(self, tmp_path: Path) -> None:
        type(self).url = f"sqlite:///{tmp_path}/test.db"
