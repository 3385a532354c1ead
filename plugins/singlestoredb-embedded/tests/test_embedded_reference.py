"""The local server under the reference SDK: its own tests, and its public SQLAlchemy dialect.

The reference SDK's import name is ours, so an interpreter of its own runs it: a virtual
environment, made once per test run, that finds the libraries of this one behind its own.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from singlestoredb.testing.fixtures import NOT_RUN
from singlestoredb_embedded.server import EmbeddedServer

REFERENCE = "1.18.1"
"""Release of the reference SDK."""
# Without dependencies: those that are missing here are named, the others are there.
_REFERENCE = [f"singlestoredb=={REFERENCE}", "parsimonious>=0.10", "sqlparams>=6", "regex",
              "pytest-xdist", "execnet"]  # fmt: skip
_DIALECT = ["sqlalchemy-singlestoredb>=1.2,<2"]

PROCEDURES = False
"""Whether the engine has stored procedures.  Without them the tests' set-up loses its own."""

_CALLS = {
    f"test_connection.TestConnection.{name}"
    for name in (
        "test_callproc", "test_callproc_bad_args", "test_callproc_no_args",
        "test_callproc_return_int", "test_echo", "test_echo_with_result_set",
    )
} | {"test_dbapi.TestDBAPI.test_nextset"}  # fmt: skip
_NO_PROCEDURES = "the engine has no stored procedures"
_KNOWN: dict[str, dict[str, str]] = {"mysql": {}, "http": {}}
"""Protocol → test that fails → why.  A test that is not here must not fail, one that is must."""
if not PROCEDURES:
    for _tests in _KNOWN.values():
        _tests.update(dict.fromkeys(_CALLS, _NO_PROCEDURES))
    _KNOWN["mysql"]["test_connection.TestConnection.test_callproc_too_many_args"] = _NO_PROCEDURES

_LEAST = {"mysql": 140, "http": 130}
"""Fewest tests that have to run: fewer are a sign of a set-up that failed."""


@dataclass(frozen=True)
class Interpreter:
    """A Python with the public SQLAlchemy dialect and one of the two SDKs."""

    python: Path
    path: Path
    """Folder of the dialect, for ``PYTHONPATH``."""
    packages: Path
    """Its ``site-packages``."""

    def start(self, *args: str, **env: str) -> subprocess.Popen[str]:
        """Start it; what it says is in ``stdout``."""
        ours = ("SINGLESTOREDB", "PYTEST", "PYTHON", "COV")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return subprocess.Popen(
            [str(self.python), *args],
            env={**clean, "PYTHONPATH": str(self.path), "PYTHONDONTWRITEBYTECODE": "1", **env},
            cwd=self.path,  # not the working directory, which has our SDK
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip


def _install(*args: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *args],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    if done.returncode:
        *_, last = ["pip failed", *done.stderr.strip().splitlines()]
        pytest.skip(f"{NOT_RUN}the reference SDK cannot be installed here ({last})")


@pytest.fixture(scope="module")
def dialect(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the public SQLAlchemy dialect, which asks for either SDK's import name."""
    folder = tmp_path_factory.mktemp("dialect")
    _install("install", "--no-deps", "--target", str(folder), *_DIALECT)
    return folder


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory, dialect: Path) -> Interpreter:
    """An interpreter whose ``singlestoredb`` is the reference SDK."""
    folder = tmp_path_factory.mktemp("reference") / "venv"
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    _install("--python", str(python), "install", "--no-deps", *_REFERENCE)
    (packages,) = folder.glob("lib/python*/site-packages")
    # In a folder that a .pth file names no other .pth file is read: this SDK, which is installed
    # by one, stays out.
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    if not PROCEDURES:
        setup = packages / "singlestoredb" / "tests" / "test.sql"
        text = re.sub(r"CREATE OR REPLACE PROCEDURE.*?\nEND;\n", "", setup.read_text(), flags=re.S)
        setup.write_text(text)
    return Interpreter(python, dialect, packages)


@pytest.fixture(scope="module")
def ours(dialect: Path) -> Interpreter:
    """An interpreter whose ``singlestoredb`` is this SDK."""
    return Interpreter(Path(sys.executable), dialect, Path(sysconfig.get_path("purelib")))


# -- its own tests ---------------------------------------------------------------------------

_FILES = ("basics", "connection", "results", "dbapi", "types", "http")


@pytest.fixture(scope="module")
def runs(
    reference: Interpreter, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, tuple[subprocess.Popen[str], Path]]]:
    """The tests of the reference SDK over both protocols, running side by side."""
    folder = tmp_path_factory.mktemp("runs")
    started = {}
    with EmbeddedServer() as mysql, EmbeddedServer() as http:
        for protocol, server in (("mysql", mysql), ("http", http)):
            report = folder / f"{protocol}.xml"
            # Without a database in the URL the tests make, and drop, one of their own.
            urls = {name: url.rpartition("/")[0] for name, url in server.urls.items()}
            started[protocol] = (
                reference.start(
                    "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n0", "--tb=short",
                    f"--junitxml={report}", f"--rootdir={reference.packages}", "--pyargs",
                    *(f"singlestoredb.tests.test_{name}" for name in _FILES),
                    SINGLESTOREDB_URL=urls[protocol], SINGLESTOREDB_INIT_DB_URL=urls["mysql"],
                    SINGLESTOREDB_FUSION_ENABLED="0",
                ),
                report,
            )  # fmt: skip
        try:
            yield started
        finally:
            for process, _ in started.values():
                process.kill()
                process.communicate()


def _outcomes(report: Path) -> dict[str, str]:
    """Return test → ``passed``, ``skipped``, or what was wrong."""
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = str(case.get("classname")).removeprefix("singlestoredb.tests.")
        outcome = "passed"
        for child in case:
            if child.tag in ("failure", "error"):
                outcome = child.get("message") or child.tag
            elif child.tag == "skipped":
                outcome = "skipped"
        found[f"{name}.{case.get('name')}"] = outcome
    return found


@pytest.mark.parametrize("protocol", ["mysql", "http"])
def test_the_reference_sdks_own_tests(
    runs: dict[str, tuple[subprocess.Popen[str], Path]], protocol: str
) -> None:
    process, report = runs[protocol]
    said, _ = process.communicate(timeout=900)
    assert report.exists(), said
    outcomes = {test: how for test, how in _outcomes(report).items() if how != "skipped"}
    failed = {test: how for test, how in outcomes.items() if how != "passed"}
    known = _KNOWN[protocol]
    surprises = {test: how for test, how in failed.items() if test not in known}
    assert not surprises, f"{surprises}\n{said}"
    assert sorted(failed) == sorted(known), "a test passes that is listed as a known failure"
    assert len(outcomes) >= _LEAST[protocol], said
    others = len(outcomes) - (0 if PROCEDURES else len(failed))
    assert others - len(surprises) >= 0.99 * others
