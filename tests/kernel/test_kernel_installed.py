"""Real distributions, installed by pip into an empty environment, seen through the command line.

The SDK and both examples are installed as users install them.  The badly behaved ones are written
as metadata directories, since no build is needed for what never works.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import venv
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


class Environment:
    """A virtual environment with the SDK and the examples."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=True)
        self.folder = folder
        # From a copy: building leaves its traces in the tree it builds from.
        source = folder.with_name("source")
        ignore = shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__", "demo")
        shutil.copytree(ROOT, source, ignore=ignore)
        subprocess.run(
            [sys.executable, "-m", "build", "--sdist", "--outdir", str(folder), str(source)],
            check=True,
            capture_output=True,
        )
        (self.sdist,) = folder.glob("singlestoredb-*.tar.gz")
        self.python = folder / "bin" / "python"
        self.run_python(
            "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
            f"{self.sdist}[fusion]",
            *map(str, sorted((source / "examples").glob("acme-*"))),
        )  # fmt: skip
        self.site = next((folder / "lib").glob("python*/site-packages"))

    def run_python(
        self, *args: str, check: bool = True, **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the environment's Python, with nothing of this process's settings."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SINGLESTOREDB_", "PYTHON"))
        }
        return subprocess.run(
            [str(self.python), *args],
            check=check,
            capture_output=True,
            text=True,
            env={**inherited, **env},
            cwd=self.folder,
            timeout=300,
        )

    def s2(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run the command ``s2``, whether it succeeds or not."""
        return self.run_python("-m", "singlestoredb.cli", *args, check=False, **env)

    def states(self, **env: str) -> dict[tuple[str, str, str], str]:
        """Return (family, name, distribution) → state and reason."""
        listing = self.s2("plugins", "list", "--json", **env).stdout
        listed: list[dict[str, Any]] = json.loads(listing)
        return {
            (p["family"], p["name"], p["distribution"]): f"{p['state']} {p['reason']}".strip()
            for p in listed
        }

    def add(self, distribution: str, family: str, name: str, source: str) -> None:
        """Put a distribution of one module there."""
        module = distribution.replace("-", "_")
        info = self.site / f"{module}-0.3.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 0.3\n"
        )
        (info / "entry_points.txt").write_text(f"[singlestoredb.{family}]\n{name} = {module}\n")
        (self.site / f"{module}.py").write_text(source)


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    environment = Environment(tmp_path_factory.mktemp("env") / "venv")
    frames = (ROOT / "examples/acme-frames/acme_frames.py").read_text()
    environment.add("acme-fork", "formats", "acme2", frames)
    environment.add("acme-twin", "formats", "acme2", frames)
    environment.add("acme-broken", "formats", "broken", "import a_library_that_is_not_there\n")
    environment.add("acme-shapeless", "formats", "shapeless", "x = 1\n")
    return environment


def test_installed_plugins_are_discovered(env: Environment) -> None:
    states = env.states()
    assert states["formats", "acme", "acme-frames"] == "active"
    assert states["drivers", "sqlite", "acme-driver"] == "active"
    assert states["formats", "tuples", "singlestoredb"] == "active"


def test_installing_changes_nothing_by_itself(env: Environment) -> None:
    states = env.states()
    assert states["formats", "pandas", "acme-frames"] == "available"
    assert states["formats", "pandas", "singlestoredb"] == (
        "cannot load the format 'pandas' needs pandas, which is not installed "
        "(pip install 'singlestoredb[pandas]')"
    )


def test_a_preferred_plugin_takes_the_name(env: Environment) -> None:
    setting = "formats:pandas=acme-frames"
    states = env.states(SINGLESTOREDB_PLUGINS_PREFER=setting)
    assert states["formats", "pandas", "acme-frames"] == (
        f"chosen SINGLESTOREDB_PLUGINS_PREFER={setting}"
    )
    assert states["formats", "pandas", "singlestoredb"] == "available"
    explained = env.s2("plugins", "explain", "formats:pandas", SINGLESTOREDB_PLUGINS_PREFER=setting)
    assert explained.stdout.splitlines() == [
        f"formats:pandas is acme-frames 1.2, acme_frames ({env.site / 'acme_frames.py'})",
        "  considered: acme-frames 1.2, singlestoredb 1.0.0",
        f"  decided by: SINGLESTOREDB_PLUGINS_PREFER={setting}",
    ]


def test_a_driver_of_others_gives_every_format(env: Environment) -> None:
    code = (
        "import singlestoredb as s2; "
        "print(s2.connect('sqlite://', results_type='acme').execute('SELECT 1 a, 2 b').fetchall())"
    )
    assert env.run_python("-c", code).stdout == "<acme frame of 1 rows: a, b>\n"


def test_a_tie_between_third_parties(env: Environment) -> None:
    states = env.states()
    for distribution in ("acme-fork", "acme-twin"):
        state = states["formats", "acme2", distribution]
        assert state.startswith("conflict two distributions provide the format 'acme2':")
        assert "SINGLESTOREDB_PLUGINS_PREFER=formats:acme2=" in state
    states = env.states(SINGLESTOREDB_PLUGINS_PREFER="formats:acme2=acme-twin")
    assert states["formats", "acme2", "acme-twin"].startswith("chosen")
    assert states["formats", "acme2", "acme-fork"] == "available"


def test_disabled(env: Environment) -> None:
    setting = "formats:acme,dist:acme-driver"
    states = env.states(SINGLESTOREDB_PLUGINS_DISABLE=setting)
    assert states["formats", "acme", "acme-frames"].startswith("disabled")
    assert states["formats", "pandas", "acme-frames"] == "available"
    assert states["drivers", "sqlite", "acme-driver"].startswith("disabled")
    code = "import singlestoredb as s2; s2.connect('sqlite://')"
    failed = env.run_python("-c", code, check=False, SINGLESTOREDB_PLUGINS_DISABLE=setting)
    assert "PluginDisabledError" in failed.stderr
    assert f"SINGLESTOREDB_PLUGINS_DISABLE={setting} (dist:acme-driver)" in failed.stderr


def test_autoload_off_leaves_the_sdk_alone(env: Environment) -> None:
    states = env.states(SINGLESTOREDB_PLUGINS_AUTOLOAD="0")
    foreign = {key: state for key, state in states.items() if key[2] != "singlestoredb"}
    assert foreign
    assert all(s == "disabled SINGLESTOREDB_PLUGINS_AUTOLOAD=0" for s in foreign.values())
    assert states["formats", "tuples", "singlestoredb"] == "active"


def test_broken_and_shapeless_plugins_are_reported(env: Environment) -> None:
    states = env.states()
    broken = states["formats", "broken", "acme-broken"]
    assert broken.startswith("cannot load format plugin 'broken' (acme-broken 0.3, acme_broken)")
    assert broken.endswith("(pip install a_library_that_is_not_there)")
    assert "implements no hook of its family" in states["formats", "shapeless", "acme-shapeless"]
    checked = env.s2("plugins", "check")
    assert checked.returncode == 1
    assert "formats:broken (acme-broken 0.3)" in checked.stderr
    assert "Traceback" not in checked.stderr


def test_the_table_is_for_people(env: Environment) -> None:
    lines = env.s2("plugins", "list").stdout.splitlines()
    assert lines[0].split() == ["FAMILY", "NAME", "FROM", "STATE"]
    assert any(
        line.split() == ["formats", "acme", "acme-frames", "1.2", "active"] for line in lines
    )


def test_explaining_what_is_not_there(env: Environment) -> None:
    failed = env.s2("plugins", "explain", "formats:acm")
    assert failed.returncode == 1
    assert failed.stderr.startswith("Error: no format named 'acm'. Did you mean 'acme'?")


def test_the_examples_hold_themselves_to_the_kits(env: Environment) -> None:
    env.run_python("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "pytest")
    tests = [str(path) for path in sorted((ROOT / "examples").glob("acme-*/test_*.py"))]
    done = env.run_python(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(env.folder),
        "--import-mode=importlib", *tests, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_the_source_distribution_has_what_it_needs(env: Environment) -> None:
    with tarfile.open(env.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "LICENSE", "README.md", "singlestoredb/py.typed"} <= names
    installed = {str(path.relative_to(env.site)) for path in env.site.rglob("py.typed")}
    assert {
        "singlestoredb/py.typed",
        "singlestoredb_hookspecs/py.typed",
        "singlestoredb_plugins/py.typed",
    } <= installed
    assert not (env.site / "tests").exists()


def test_python_version_is_the_one_under_test(env: Environment) -> None:
    version = env.run_python("-c", "import sys; print(sys.version_info[:2])").stdout.strip()
    assert version == str(sys.version_info[:2])
