"""The table of threats keeps its word: each row names tests that exist, or says why not."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
THREATS = [*(f"T{n}" for n in range(1, 17)), *(f"T{n}" for n in range(24, 29))]


def rows() -> dict[str, list[str]]:
    """Return the table's rows by the threat's number."""
    found = {}
    for line in (ROOT / "docs" / "security.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if re.fullmatch(r"T\d+", cells[0]):
            assert len(cells) == 4, f"{cells[0]} has {len(cells)} cells"
            assert all(cells), f"{cells[0]} has a blank"
            found[cells[0]] = cells
    return found


def existing_tests() -> set[str]:
    """Return the names of all tests."""
    files = [*(ROOT / "tests").rglob("test_*.py"), *(ROOT / "plugins").rglob("test_*.py")]
    found = set()
    for path in files:
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r"^ *(?:async )?def (test_\w+)\(", text, re.M))
    return found


def test_each_threat_names_tests_that_exist() -> None:
    table = rows()
    assert list(table) == THREATS
    existing = existing_tests()
    for number, cells in table.items():
        named = re.findall(r"`(\w+)`", cells[3])
        assert named or cells[3].startswith("not tested: "), number
        for name in named:
            assert name in existing, f"{number} names {name}, which does not exist"


def test_the_page_beyond_the_wire_names_tests_that_exist() -> None:
    text = (ROOT / "docs" / "explanation" / "beyond.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert len(lines) >= 18
    existing = existing_tests()
    for line in lines:
        case, outcome, shown = (cell.strip() for cell in line.strip("|").split(" | "))
        named = re.findall(r"`(\w+)`", shown)
        assert case
        assert outcome
        assert named, case
        assert set(named) <= existing, set(named) - existing


def test_nothing_is_unpickled() -> None:
    """Neither the SDK nor its plugins import what runs code out of data.

    The conformance kits do: that errors can be pickled is one of the things they look at.
    """
    for folder in ("singlestoredb", "hookspecs", "plugins/singlestoredb_plugins"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.is_relative_to(ROOT / "singlestoredb" / "testing"):
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names: list[str] = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                for name in names:
                    assert name.partition(".")[0] not in _RUNS_CODE, f"{path} imports {name}"


_RUNS_CODE = {"pickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
