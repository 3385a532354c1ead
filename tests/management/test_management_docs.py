"""The examples of the documentation run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from singlestoredb.config import option_context
from singlestoredb.testing.management_api import ManagementAPI

PAGE = Path(__file__).parents[2] / "docs" / "management.md"


def test_examples_run_in_order(
    api: ManagementAPI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.mkdtemp", lambda: str(tmp_path))
    monkeypatch.setattr("singlestoredb.management.timing.time.sleep", lambda seconds: None)
    # The page starts a service of its own.
    for name in api.environment:
        monkeypatch.delenv(name)
    names: dict[str, Any] = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert len(blocks) >= 8
    with option_context("fusion.enabled", False):  # a block switches it on
        for number, block in enumerate(blocks):
            exec(compile(block, f"{PAGE.name}, example {number + 1}", "exec"), names)
    assert names["key"] == "s3cr3t"
    assert api.requests == []
    assert (tmp_path / "copy" / "a.csv").read_text() == "1,2\n"


def test_every_setting_is_documented() -> None:
    source = Path(__file__).parents[2] / "singlestoredb" / "management"
    text = "".join(p.read_text(encoding="utf-8") for p in source.glob("*.py"))
    settings = set(re.findall(r'setting\("(\w+)"', text))
    assert settings >= {"RETRIES", "READ_TIMEOUT", "LOCK_RETRIES"}
    page = PAGE.read_text(encoding="utf-8")
    assert [s for s in settings if f"SINGLESTOREDB_MANAGEMENT_{s}" not in page] == []
