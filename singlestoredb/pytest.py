"""Pytest plugin for applications: a database for their tests.

It is found by pytest when the SDK is installed.  With ``SINGLESTOREDB_URL`` set, that server is
used.  Otherwise one is started: the SingleStore development image, where there is a ``docker``
command, ``SINGLESTOREDB_TEST_IMAGE`` names the image and ``SINGLESTORE_LICENSE`` is set; else the
embedded engine's server (``pip install 'singlestoredb[embedded]'``).  An image is not pulled.

::

    def test_orders(singlestoredb_tempdb):
        singlestoredb_tempdb.execute("CREATE TABLE orders (id INT)")

Fixtures of the session: ``execution_mode``, ``node_name``, ``singlestoredb_test_container``,
``singlestoredb_connection`` and ``name_allocator``; of each test: ``singlestoredb_tempdb``.
"""

from __future__ import annotations

import enum
import logging
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from singlestoredb.connection import Connection

log = logging.getLogger(__name__)

_IMAGE = "SINGLESTOREDB_TEST_IMAGE"
_ATTEMPTS = 10
_PAUSE = 2.0
"""Seconds between attempts to connect."""


class ExecutionMode(enum.Enum):
    """What this process is among the test run's."""

    SEQUENTIAL = 1
    """The only one."""
    LEADER = 2
    """The first of several workers."""
    FOLLOWER = 3
    """Another one of several workers."""


class TestServer:
    """A server for tests: one that exists, a container, or the embedded engine."""

    __test__ = False  # it is no test, whatever its name

    def __init__(self, node: str) -> None:
        self._given = os.environ.get("SINGLESTOREDB_URL")
        self._name = f"singlestoredb-test-{node}-{uuid4().hex[:8]}"
        self._in_container = not self._given and _docker_is_usable()
        self._container = False
        self._server: Any = None
        self._password = uuid4().hex
        self._ports: dict[int, int] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.kind}>"

    @property
    def kind(self) -> str:
        """``existing``, ``container`` or ``embedded``."""
        if self._given:
            return "existing"
        return "container" if self._in_container else "embedded"

    @property
    def url(self) -> str:
        """Where it is, for ``connect()``; password included."""
        if self._given:
            return self._given
        if self._server is not None:
            return str(self._server.mysql_url)
        return f"root:{self._password}@127.0.0.1:{self._ports.get(3306, 0)}"

    @property
    def http_connection_url(self) -> str | None:
        """Where its Data API is; ``None`` for a server that existed."""
        if self._given:
            return None
        if self._server is not None:
            return str(self._server.http_url)
        return f"http://root:{self._password}@127.0.0.1:{self._ports.get(9000, 0)}"

    def start(self) -> None:
        """Start it; nothing happens when it existed.  Raises ``RuntimeError`` when it cannot."""
        if self._given or self._server is not None or self._container:
            return
        if self._in_container:
            self._start_container()
            return
        from singlestoredb.exceptions import Error
        from singlestoredb.server import embedded

        try:
            self._server = embedded.start()
        except Error as exc:
            raise RuntimeError(
                f"no server for tests can be started: {exc}; set SINGLESTOREDB_URL, or "
                "pip install 'singlestoredb[embedded]'"
            ) from exc

    def stop(self) -> None:
        """Stop what was started."""
        if self._server is not None:
            self._server.stop()
            self._server = None
        if self._container:
            _docker("rm", "--force", self._name)
            self._container = False

    def connect(self) -> Connection:
        """Connect; a container is given time to come up.

        Raises ``RuntimeError`` when no attempt succeeds.
        """
        import singlestoredb as s2

        attempts = _ATTEMPTS if self._in_container else 1
        for attempt in range(attempts):
            if attempt:
                time.sleep(_PAUSE)
            try:
                return s2.connect(self.url)
            except s2.Error as exc:
                failure = exc
        if self._container:
            log.error("the container says:\n%s", _docker("logs", self._name))
        raise RuntimeError("Failed to connect to database") from failure

    def _start_container(self) -> None:
        from singlestoredb.testing.servers import _free_port

        self._ports = {port: _free_port() for port in (3306, 8080, 9000)}
        settings = {
            "SINGLESTORE_LICENSE": os.environ.get("SINGLESTORE_LICENSE", ""),
            "ROOT_PASSWORD": self._password,
            "SINGLESTORE_SET_GLOBAL_DEFAULT_PARTITIONS_PER_LEAF": "1",
        }
        command = ["run", "--detach", "--pull", "never", "--name", self._name]
        for inside, outside in self._ports.items():
            command += ["--publish", f"127.0.0.1:{outside}:{inside}"]
        for name in settings:
            command += ["--env", name]  # the values go by the environment, not by the arguments
        _docker(*command, os.environ[_IMAGE], environ=settings)
        self._container = True


def _docker_is_usable() -> bool:
    named = os.environ.get(_IMAGE) and os.environ.get("SINGLESTORE_LICENSE")
    return shutil.which("docker") is not None and bool(named)


def _docker(*arguments: str, environ: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        ["docker", *arguments],
        env={**os.environ, **(environ or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"docker {arguments[0]} failed: {done.stdout.strip()}")
    return done.stdout


class NameAllocator:
    """Gives names of databases that nobody else in the test run has."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._count = 0

    def get_name(self) -> str:
        """Return the next name: ``x_db_<node>_<number>``."""
        name = f"x_db_{self._node}_{self._count}"
        self._count += 1
        return name


@pytest.fixture(scope="session")
def execution_mode() -> ExecutionMode:
    """What this process is among the workers of pytest-xdist."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None or os.environ.get("PYTEST_XDIST_WORKER_COUNT") == "1":
        return ExecutionMode.SEQUENTIAL
    return ExecutionMode.LEADER if worker == "gw0" else ExecutionMode.FOLLOWER


@pytest.fixture(scope="session")
def node_name() -> str:
    """Name of the worker; ``master`` without workers."""
    return os.environ.get("PYTEST_XDIST_WORKER") or "master"


@pytest.fixture(scope="session")
def singlestoredb_test_container(node_name: str) -> Iterator[TestServer]:
    """The server; each worker has its own unless ``SINGLESTOREDB_URL`` names one for all."""
    server = TestServer(node_name)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def singlestoredb_connection(singlestoredb_test_container: TestServer) -> Iterator[Connection]:
    """A connection to the server."""
    with singlestoredb_test_container.connect() as conn:
        yield conn


@pytest.fixture(scope="session")
def name_allocator(node_name: str) -> NameAllocator:
    """Gives names of databases."""
    return NameAllocator(node_name)


@pytest.fixture
def singlestoredb_tempdb(
    singlestoredb_connection: Connection, name_allocator: NameAllocator
) -> Iterator[Any]:
    """A cursor in a database of its own, which is dropped afterwards."""
    name = name_allocator.get_name()
    with singlestoredb_connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE `{name}`")
        cursor.execute(f"USE `{name}`")
        try:
            yield cursor
        finally:
            cursor.execute(f"DROP DATABASE `{name}`")
