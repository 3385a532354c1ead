"""The extension as setuptools sees it: complete, and optional."""

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
def extension() -> dict[str, Any]:
    """Return its table of pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (found,) = project["tool"]["setuptools"]["ext-modules"]
    return dict(found)


def relative(pattern: str) -> set[str]:
    """Return the decoder's files, without those of the fuzzer."""
    files = (ROOT / "accel").glob(pattern)
    return {str(f.relative_to(ROOT)) for f in files if f.parent.name != "fuzz"}


def test_every_source_and_header_is_listed(extension: dict[str, Any]) -> None:
    assert set(extension["sources"]) == relative("**/*.c")
    assert set(extension["depends"]) == relative("**/*.h")


def test_a_compiler_that_fails_leaves_a_pure_python_install(
    extension: dict[str, Any], tmp_path: Path
) -> None:
    assert extension["optional"] is True
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
