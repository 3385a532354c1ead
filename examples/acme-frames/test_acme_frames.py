"""Holds the format to the SDK's contract: ``pytest test_acme_frames.py``."""

from __future__ import annotations

from typing import Any

from singlestoredb.testing import FormatConformance


class TestAcme(FormatConformance):
    format = "acme"

    def to_rows(self, table: Any) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = table.tuples()
        return rows
