"""Tests of tests: what was changed last is guarded, and the way of finding out works."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from . import mutants
from .mutants import MODULES, Mutant, Trial

MOST = 12
"""Changes that are tried in the normal run."""
SECONDS = 240.0
"""After which no further one is; what is being tried is not decided then."""

PLANTED = '''\
"""Guards."""

from __future__ import annotations

__all__ = ["Guard"]


class Guard:
    most: 5 = 3

    def admits(self, name: str, size: int) -> bool:
        if not name:
            raise ValueError("a name is needed")
        return size <= self.most and name == "me"
'''
NOTICING = """\
import subprocess
import sys

import pytest
from planted import Guard


def test_guard():
    assert Guard().admits("me", 3)
    assert not Guard().admits("me", 4)
    assert not Guard().admits("you", 3)
    with pytest.raises(ValueError, match="needed"):
        Guard().admits("", 3)
"""
ELSEWHERE = """\
import subprocess
import sys


def test_guard():
    code = "from planted import Guard; print(Guard().most)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert said == "3\\n"
"""


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """Return a folder with a module, tests that notice everything, and tests that notice little."""
    (tmp_path / "planted.py").write_text(PLANTED)
    (tmp_path / "test_noticing.py").write_text(NOTICING)
    (tmp_path / "test_elsewhere.py").write_text(ELSEWHERE)
    (tmp_path / "test_blind.py").write_text("import planted\n\n\ndef test_nothing():\n    pass\n")
    settings = "[pytest]\npythonpath = .\naddopts = -p no:singlestoredb\n"
    (tmp_path / "pytest.ini").write_text(settings)
    return tmp_path


def tried(planted: Path, mutant: Mutant, quick: str, thorough: str = "") -> str | None:
    end = time.monotonic() + SECONDS
    more = (thorough,) if thorough else ()
    return mutants.noticed_by(Trial("planted", mutant.source(), (quick,), more, planted), end)


def test_a_planted_change_of_each_kind_is_noticed(planted: Path) -> None:
    found = list(mutants.mutants(PLANTED))
    assert [mutant.key for mutant in found] == [
        "Guard: most: 5 = 3 (4 for 3)",
        "Guard.admits: not name (not dropped)",
        'Guard.admits: raise ValueError("a name is needed") (not raised)',
        'Guard.admits: size <= self.most and name == "me" (other connective)',
        "Guard.admits: size <= self.most (turned)",
        'Guard.admits: name == "me" (turned)',
    ]
    end = time.monotonic() + SECONDS
    chosen = [
        ("x", m, Trial("planted", m.source(), ("test_noticing.py",), (), planted)) for m in found
    ]
    verdicts = {v.mutant.key: v.by for v in mutants.run(chosen, 2, end=end)}
    assert verdicts == {mutant.key: "quick" for mutant in found}
    assert (planted / "planted.py").read_text() == PLANTED
    assert not list(planted.glob("__pycache__/planted.*")), "compiled, and found by the next run"


def test_a_change_reaches_subprocesses_and_is_not_noticed_by_everybody(planted: Path) -> None:
    number, other = list(mutants.mutants(PLANTED))[:2]
    assert tried(planted, number, "test_blind.py", "test_elsewhere.py") == "thorough"
    assert tried(planted, other, "test_blind.py", "test_elsewhere.py") is None
    (planted / "test_stranger.py").write_text("def test_nothing():\n    pass\n")
    with pytest.raises(RuntimeError, match="do not import planted"):
        tried(planted, number, "test_stranger.py")


def test_changed_lines_are_gits(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        who = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    assert mutants.changed_lines("a.py", root=tmp_path) == set(), "no repository"
    git("init", "-q")
    (tmp_path / "a.py").write_text("x = 1\ny = 2\nz = 3\n")
    git("add", "a.py")
    git("commit", "-q", "-m", "one")
    assert mutants.changed_lines("a.py", root=tmp_path) == set(), "no parent"
    (tmp_path / "a.py").write_text("x = 1\ny = 5\nz = 3\n")
    git("commit", "-q", "-a", "-m", "two")
    (tmp_path / "a.py").write_text("x = 1\ny = 5\nz = 3\nv = 4\n")
    lines = mutants.changed_lines("a.py", root=tmp_path)
    assert lines == {2, 4}
    found = list(mutants.mutants((tmp_path / "a.py").read_text()))
    assert [m.key for m in mutants.on_lines(found, lines)] == [
        "module: y = 5 (6 for 5)",
        "module: v = 4 (5 for 4)",
    ]
    assert [m.first for m in mutants.evenly(found, 2)] == [1, 3]


def test_what_is_accepted_can_still_happen_and_has_a_reason() -> None:
    known = mutants.accepted()
    assert known.keys() <= MODULES.keys()
    for name, reasons in known.items():
        possible = {mutant.key for mutant in mutants.of(name)}
        assert reasons.keys() <= possible, f"{name}: {sorted(reasons.keys() - possible)}"
        assert all(len(reason.split()) >= 3 for reason in reasons.values()), name


@pytest.mark.parametrize("name", MODULES)
def test_what_is_listed_is_there(name: str) -> None:
    found = mutants.of(name)
    assert found
    assert len({mutant.key for mutant in found}) == len(found)
    for mutant in mutants.evenly(found, 3):
        compile(mutant.source(), name, "exec", dont_inherit=True)
    for test in (*MODULES[name].quick, *MODULES[name].thorough):
        path, _, function = test.removeprefix("--deselect=").partition("::")
        assert f"def {function}" in (mutants.ROOT / path).read_text(encoding="utf-8")


def test_changes_of_the_last_commits_lines_are_noticed() -> None:
    known = mutants.accepted()
    candidates: list[tuple[str, Mutant]] = []
    for name, module in MODULES.items():
        lines = mutants.changed_lines(module.path)
        found = mutants.on_lines(mutants.of(name), lines) if lines else []
        candidates += [(name, m) for m in found if m.key not in known.get(name, {})]
    chosen = [(name, m, mutants.trial(name, m)) for name, m in mutants.evenly(candidates, MOST)]
    end = time.monotonic() + SECONDS
    unnoticed = [
        f"{MODULES[v.name].path}:{v.mutant.first}: {v.mutant.key}"
        for v in mutants.run(chosen, 2, end=end)
        if v.by is None
    ]
    assert not unnoticed, "no test notices these changes:\n" + "\n".join(unnoticed)
