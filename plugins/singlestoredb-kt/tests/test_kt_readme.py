"""The examples of the README run as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def run(source: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", source], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_first_example_prints_what_it_says() -> None:
    text = README.read_text(encoding="utf-8")
    match = re.search(r"## First example\n\n```python\n(.*?)```\n\n```\n(.*?)```", text, re.DOTALL)
    assert match is not None
    assert run(match[1]) == match[2]


def test_tree_example() -> None:
    examples = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) == 2
    expected = "{'apple': '1', 'banana': '2'} {'banana': '2', 'cherry': '3'}\n"
    assert run(examples[1]) == expected


def test_options_in_the_readme_are_the_signatures() -> None:
    import inspect

    import kt

    text = README.read_text(encoding="utf-8")
    for name in ("KyotoTycoon", "EmbeddedServer"):
        match = re.search(rf"`{name}\((.*?)\)`", text)
        assert match is not None
        shown = [part.partition("=")[0].strip() for part in match[1].split(",")]
        assert shown == list(inspect.signature(getattr(kt, name)).parameters)
