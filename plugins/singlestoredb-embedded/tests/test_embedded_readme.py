"""The README: its example, and every row of its table of tiers."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (.+?) \| ([ABC]) \| `(.+)` \|$", README, re.MULTILINE)


def test_example_prints_what_it_says() -> None:
    found = re.search(r"```python\n(.*?)```\n\nprints `(.*?)`", README, re.DOTALL)
    assert found is not None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(found[1], "README.md", "exec"), {})
    assert printed.getvalue().strip() == found[2]


@pytest.mark.parametrize(("feature", "tier", "example"), ROWS, ids=[r[0] for r in ROWS])
def test_tier(engine: Any, feature: str, tier: str, example: str) -> None:
    engine("CREATE TABLE t (a INT, s TEXT, j JSON, v VECTOR(2))")
    engine("INSERT INTO t VALUES (1, 's', '{}', '[1,2]')")
    parsers = engine.connection._opened().session.split(example, multiple=True)
    for number, parser in enumerate(parsers, 1):
        sql = parser.text(0, len(parser.tokens) - 1)
        if tier == "C" and number == len(parsers):
            assert engine.errno(sql) == 1235, sql
            continue
        engine(sql)
        inert = [w for w in engine.warnings() if w[1] == 1235]
        assert bool(inert) == (tier == "B"), sql


def test_table_is_complete() -> None:
    assert {tier for _, tier, _ in ROWS} == {"A", "B", "C"}
    assert len(ROWS) >= 35
