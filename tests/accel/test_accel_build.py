"""The extensions as setuptools sees them: complete, and optional."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@pytest.fixture
def extensions() -> list[dict[str, Any]]:
    """Return their tables of pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return list(project["tool"]["setuptools"]["ext-modules"])


def relative(pattern: str) -> set[str]:
    """Return the decoder's files, without those of the fuzzer."""
    files = (ROOT / "accel").glob(pattern)
    return {str(f.relative_to(ROOT)) for f in files if f.parent.name != "fuzz"}


def test_every_source_and_header_is_listed(extensions: list[dict[str, Any]]) -> None:
    assert {file for e in extensions for file in e["sources"]} == relative("**/*.c")
    assert {file for e in extensions for file in e["depends"]} == relative("**/*.h")


def test_a_compiler_that_fails_leaves_a_pure_python_install(
    extensions: list[dict[str, Any]], tmp_path: Path
) -> None:
    assert all(extension["optional"] is True for extension in extensions)
    done = subprocess.run(
        [
            *(sys.executable, "-c", "from setuptools import setup; setup()"),
            *("-q", "build_ext", "-b", tmp_path / "lib", "-t", tmp_path / "objects"),
        ],
        cwd=ROOT,
        env=os.environ | {"CC": "false"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert "building extension" in done.stderr + done.stdout
    assert not list(tmp_path.glob("**/*.so"))
