"""Pytest plugin: private servers as fixtures.

Name it in a ``conftest.py`` or on the command line::

    pytest_plugins = ["singlestoredb.testing.fixtures"]
    pytest -p singlestoredb.testing.fixtures

A test whose server cannot be started here is skipped, and the closing summary says how many were
not run, and why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from .servers import MariaDB

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

NOT_RUN = "not run: "
"""What the reason of a skip starts with when a part of the machine is missing."""


def _mariadb_or_skip() -> None:
    reason = MariaDB.available()
    if reason is not None:
        pytest.skip(f"{NOT_RUN}{reason}")


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    """A private MariaDB, shared by all tests of the run.  Leave nothing behind in it."""
    _mariadb_or_skip()
    with MariaDB() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_tls() -> Iterator[MariaDB]:
    """A private MariaDB that offers TLS; ``ssl_ca`` is the file to trust."""
    _mariadb_or_skip()
    with MariaDB(tls=True) as server:
        yield server


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Say how many tests were not run for want of something, by reason."""
    missing: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", ()):
        # A skip's longrepr is (path, line, "Skipped: reason").
        detail = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        _, found, reason = detail.partition(NOT_RUN)
        if found:
            missing[reason] += 1
    if missing:
        terminalreporter.section("tests not run")
        for reason, count in missing.most_common():
            terminalreporter.line(f"{count} {'test' if count == 1 else 'tests'} not run: {reason}")
