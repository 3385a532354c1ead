"""The local server under the reference SDK: its own tests, and its public SQLAlchemy dialect.

The reference SDK's import name is ours, so an interpreter of its own runs it: a virtual
environment, made once per test run, that finds the libraries of this one behind its own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

import pymysql
import pytest

from singlestoredb.testing.fixtures import NOT_RUN
from singlestoredb_embedded.server import EmbeddedServer

REFERENCE = "1.18.1"
"""Release of the reference SDK."""
# Without dependencies: those that are missing here are named, the others are there.
_REFERENCE = [f"singlestoredb=={REFERENCE}", "parsimonious>=0.10", "sqlparams>=6", "regex",
              "pytest-xdist", "execnet"]  # fmt: skip
_DIALECT = ["sqlalchemy-singlestoredb>=1.2,<2"]

_KNOWN: dict[str, dict[str, str]] = {"mysql": {}, "http": {}}
"""Protocol → test that fails → why.  A test that is not here must not fail, one that is must."""
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

    def start(
        self, *args: str, working_directory: Path | None = None, **env: str
    ) -> subprocess.Popen[str]:
        """Start it with additions to the environment; what it says is in ``stdout``."""
        ours = ("SINGLESTOREDB", "PYTEST", "PYTHON", "COV")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return subprocess.Popen(
            [str(self.python), *args],
            env={**clean, "PYTHONPATH": str(self.path), "PYTHONDONTWRITEBYTECODE": "1", **env},
            cwd=working_directory or self.path,  # not the tests' own, which has our SDK
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
    return Interpreter(python, dialect, packages)


@pytest.fixture(scope="module")
def ours(dialect: Path) -> Interpreter:
    """An interpreter whose ``singlestoredb`` is this SDK."""
    return Interpreter(Path(sys.executable), dialect, Path(sysconfig.get_path("purelib")))


def _finish(process: subprocess.Popen[str], report: Path) -> tuple[str, dict[str, str]]:
    """Wait for a run of pytest; return what it said, and test → outcome: ``passed``,
    ``skipped``, or what was wrong."""
    said, _ = process.communicate(timeout=900)
    assert report.exists(), said
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        outcome = "passed"
        for child in case:
            if child.tag in ("failure", "error"):
                outcome = child.get("message") or child.tag
            elif child.tag == "skipped":
                outcome = "skipped"
        classname = str(case.get("classname")).removeprefix("singlestoredb.tests.")
        found[f"{classname}.{case.get('name')}"] = outcome
    return said, found


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


@pytest.mark.parametrize("protocol", ["mysql", "http"])
def test_the_reference_sdks_own_tests(
    runs: dict[str, tuple[subprocess.Popen[str], Path]], protocol: str
) -> None:
    process, report = runs[protocol]
    said, found = _finish(process, report)
    outcomes = {test: how for test, how in found.items() if how != "skipped"}
    failed = {test: how for test, how in outcomes.items() if how != "passed"}
    known = _KNOWN[protocol]
    surprises = {test: how for test, how in failed.items() if test not in known}
    assert not surprises, f"{surprises}\n{said}"
    assert sorted(failed) == sorted(known), "a test passes that is listed as a known failure"
    assert len(outcomes) >= _LEAST[protocol], said
    assert len(failed) <= 0.01 * len(outcomes)


# -- SQLAlchemy ------------------------------------------------------------------------------

_SQLALCHEMY = tuple(int(part) for part in version("SQLAlchemy").split(".")[:2])
_CACHE_KEY = "asserts that VECTOR has no cache key, which SQLAlchemy gives it"
_DIALECT_FAILS = {
    "test_declarative_reflection.TestDeclarativeTableTypeReflection"
    ".test_reflect_rowstore_global_temporary_table_type": "GLOBAL TEMPORARY is taken as TEMPORARY",
}
if _SQLALCHEMY >= (2, 1):
    for _module in ("test_error_handling", "test_error_handling_pytest"):
        _test = f"{_module}.TestErrorHandling.test_cache_key_generation_exceptions"
        _DIALECT_FAILS[_test] = _CACHE_KEY
_OURS_FAILS = {
    "test_basics.TestBasics.test_double_percents": "a lone % beside parameters is refused"
}
_PERCENT = "the dialect doubles % in a statement without parameters, where no driver halves it"
_SUITE_FAILS = {
    "EscapingTest.test_percent_sign_round_trip": _PERCENT,
    "TextTest.test_literal_percentsigns": _PERCENT,
    "EnumTest.test_round_trip[a%]": _PERCENT,
    "EnumTest.test_round_trip[b%percent]": _PERCENT,
    "EnumTest.test_round_trip_executemany": _PERCENT,
    **{
        f"DifficultParametersTest.test_round_trip_same_named_column[{name}]": _PERCENT
        for name in (
            "percent%signs", "percent%(ens)yah", "per % cent", "more :: %colons%", "%percent",
        )
    },
    **{
        f"{name}.test_select_direct": "a date or time without a table is text, as in MySQL"
        for name in ("DateTest", "DateTimeTest", "DateTimeCoercedToDateTimeTest", "TimeTest")
    },
    "NumericTest.test_float_custom_scale": "FLOAT has six digits",
    **{
        f"JoinTest.test_{name}": "asks for foreign keys without a requirement that says so"
        for name in (
            "inner_join_fk", "inner_join_true", "inner_join_false", "outer_join_fk",
            "outer_join_false",
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("sdk", ["reference", "ours"])
def test_the_dialects_own_tests(
    request: pytest.FixtureRequest, tmp_path: Path, dialect: Path, sdk: str
) -> None:
    """Its tests of compiling, types and, most of all, reflection."""
    interpreter = request.getfixturevalue(sdk)
    report = tmp_path / "report.xml"
    with EmbeddedServer() as server:
        process = interpreter.start(
            "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short",
            f"--junitxml={report}", f"--rootdir={dialect}", "--pyargs",
            "sqlalchemy_singlestoredb.tests",
            # In this form, because its set-up reads no other.
            SINGLESTOREDB_URL=server.mysql_url.removeprefix("mysql://").rpartition("/")[0],
        )  # fmt: skip
        said, outcomes = _finish(process, report)
    outcomes = {t.removeprefix("sqlalchemy_singlestoredb.tests."): o for t, o in outcomes.items()}
    failed = {test for test, how in outcomes.items() if how not in ("passed", "skipped")}
    assert failed == set(_DIALECT_FAILS | (_OURS_FAILS if sdk == "ours" else {})), said
    assert sum(how == "passed" for how in outcomes.values()) >= 360, said


def test_sqlalchemys_dialect_suite(ours: Interpreter, tmp_path: Path) -> None:
    """SQLAlchemy's suite for dialects, with this SDK under the public dialect."""
    for file in (Path(__file__).parent / "sqlalchemy_suite").glob("*.py"):
        shutil.copy(file, tmp_path)
    (tmp_path / "setup.cfg").write_text(
        "[sqla_testing]\nrequirement_cls=requirements_of_singlestore:Requirements\n"
        "profile_file=profiles.txt\n[db]\ndefault=sqlite://\n"
    )
    report = tmp_path / "report.xml"
    with EmbeddedServer() as server:
        with pymysql.connect(
            host=server.host, port=server.mysql_port, user=server.user, password=server.password
        ) as conn:
            for name in ("test", "test_schema"):
                conn.cursor().execute(f"CREATE DATABASE {name}")
        process = ours.start(
            "-m", "pytest", "-q", "-p", "sqlalchemy.testing.plugin.pytestplugin",
            "-p", "no:cacheprovider", "-p", "no:singlestoredb", "--tb=short", "--maxfail=1000",
            f"--junitxml={report}",
            f"--dburi=singlestoredb+{server.mysql_url.rpartition('/')[0]}/test",
            str(tmp_path / "dialect_suite.py"),
            PYTHONPATH=f"{tmp_path}:{ours.path}", working_directory=tmp_path,
        )  # fmt: skip
        said, outcomes = _finish(process, report)
    # A class is called after the database as well: …Test_singlestoredb+mysql_5_7_32
    names = {re.sub(r"^dialect_suite\.(\w+?)(_singlestoredb\S*?)?\.test", r"\1.test", t): how
             for t, how in outcomes.items()}  # fmt: skip
    failed = {test for test, how in names.items() if how not in ("passed", "skipped")}
    assert failed == set(_SUITE_FAILS), said
    least = 350 if _SQLALCHEMY >= (2, 1) else 330
    assert sum(how == "passed" for how in names.values()) >= least, said


_PANDAS = """
import sys, datetime, pandas, singlestoredb, sqlalchemy
engine = sqlalchemy.create_engine(sys.argv[1])
frame = pandas.DataFrame({
    "a": [1, 2, 3], "b": ["x", None, "it's 100% ü"], "c": [0.5, 1e10, None],
    "d": pandas.to_datetime(["2024-02-29 00:00:00", None, "1999-12-31 23:59:59"]),
})
with engine.begin() as conn:
    frame.to_sql("frame", conn, index=False)
    assert frame.to_sql("frame", conn, index=False, if_exists="append", method="multi") in (3, None)
    again = pandas.read_sql(sqlalchemy.text("SELECT * FROM frame ORDER BY a"), conn)
    part = pandas.read_sql("SELECT b FROM frame WHERE a = %(a)s", conn, params={"a": 3})
    whole = pandas.read_sql_table("frame", conn)
assert again["a"].tolist() == [1, 1, 2, 2, 3, 3]
assert part["b"].tolist() == ["it's 100% ü"] * 2
assert again["c"].fillna(0).tolist() == [0.5, 0.5, 1e10, 1e10, 0, 0]
assert again["d"].dropna().tolist()[0] == datetime.datetime(2024, 2, 29)
assert sorted(whole.columns) == ["a", "b", "c", "d"] and len(whole) == 6
columns = {c["name"]: str(c["type"]) for c in sqlalchemy.inspect(engine).get_columns("frame")}
assert columns["a"].startswith("BIGINT") and columns["b"].startswith("TEXT"), columns
print("version", singlestoredb.__version__)
"""


@pytest.mark.parametrize("sdk", ["reference", "ours"])
def test_pandas(request: pytest.FixtureRequest, sdk: str) -> None:
    interpreter = request.getfixturevalue(sdk)
    with EmbeddedServer() as server:
        process = interpreter.start("-c", _PANDAS, f"singlestoredb+{server.mysql_url}")
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert (f"version {REFERENCE}" in said) == (sdk == "reference")
