"""Servers in a subprocess: the real ``ktserver`` or ``ttserver``, or else the built-in one."""

from __future__ import annotations

import atexit
import errno
import importlib.util
import logging
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from .exceptions import ImproperlyConfigured, KyotoTycoonError
from .tycoon import KyotoTycoon
from .tyrant import TokyoTyrant

logger = logging.getLogger(__name__)

BUILTIN = "builtin"
"""As ``server``: the built-in server, whatever is installed."""

PORTS = range(16_000, 32_000)
"""Where a random port is looked for: below the range that systems give to outgoing connections."""
START_TIMEOUT = 15.0
"""Seconds until a server that does not accept connections is given up."""
STOP_TIMEOUT = 5.0
"""Seconds between SIGTERM and SIGKILL."""
RESTART_PAUSE = 0.1
"""Seconds between the death of a server and its restart."""
SHORT_LIFE = 1.0
"""A server that lived for fewer seconds died at once ..."""
MAX_SHORT_LIVES = 5
"""... and after so many of those in a row it is not restarted any more."""

# The child looks for modules where this process does, so that it runs this very package.
_BOOT = """\
import os, sys
sys.path[:] = sys.argv.pop(1).split(os.pathsep)
from kt.server.__main__ import main
sys.exit(main(sys.argv[1:]))
"""

Client = TypeVar("Client", KyotoTycoon, TokyoTyrant)


Self = TypeVar("Self", bound="_EmbeddedServer[Any]")


class _EmbeddedServer(Generic[Client]):
    """Runs one server process, and runs it again when it dies."""

    _program: str
    _script_option: str
    _client_class: type[Client]

    def __init__(
        self,
        server: str | None = None,
        host: str = "127.0.0.1",
        port: int | None = None,
        database: str = "*",
        server_args: Sequence[str] | None = None,
        quiet: bool = False,
    ) -> None:
        """Describe a server; `run` starts it.

        Args:
            server: Path or name of the executable.  If it has its default and no such program is
                on PATH, the built-in server takes its place; ``"builtin"`` asks for that one.
            host: Address to bind.  The built-in server takes loopback addresses only.
            port: TCP port; ``None`` picks a random free one between 16000 and 31999.
            database: What to serve: ``*`` is a hash in memory.
            server_args: More command-line arguments; they come before the database.
            quiet: Discard the server's output instead of passing it on.
        """
        self.server = server or self._program
        self.host = host
        self.port = port
        self.database = database
        self.server_args = list(server_args or ())
        self.quiet = quiet
        self._fixed_port = port is not None
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._monitor: threading.Thread | None = None
        self._client: Client | None = None

    def __enter__(self: Self) -> Self:
        self.run()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    @property
    def is_builtin(self) -> bool:
        """Whether the built-in server runs, or would."""
        if self.server == BUILTIN:
            return True
        return self.server == self._program and shutil.which(self.server) is None

    @property
    def pid(self) -> int | None:
        """Id of the server's process, ``None`` while there is none."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    @property
    def client(self) -> Client:
        """Client of the running server, always the same one until the server's process ends.

        Raises:
            KyotoTycoonError: the server is not running.
        """
        with self._lock:
            if self.port is None or self.pid is None:
                raise KyotoTycoonError("the server is not running; call run() first")
            if self._client is None:
                self._client = self._client_class(self.host, self.port)
            return self._client

    def run(self) -> bool:
        """Start the server and wait until it accepts connections.

        The process is restarted when it dies, but not for ever: not after five lives in a row of
        less than a second each.

        Returns:
            True; False if it is running already.

        Raises:
            KyotoTycoonError: it cannot be started; nothing is left running.
        """
        with self._lock:
            if self._monitor is not None and self._monitor.is_alive():
                logger.warning("run(): the server is running already")
                return False
            self._stopping.clear()
            self._process = self._start()
            self._monitor = threading.Thread(
                target=self._watch,
                args=(self._process,),
                name=f"{self._program}-monitor",
                daemon=True,
            )
            self._monitor.start()
        _RUNNING.add(self)
        return True

    def stop(self) -> bool:
        """End the server, by force if it does not end when asked to; do not return before.

        Returns:
            True; False if it is not running.
        """
        with self._lock:
            monitor, self._monitor = self._monitor, None
            process = self._process
            if monitor is None or not monitor.is_alive():
                # Never started, stopped already, or given up.
                self._process = None
                logger.warning("stop(): the server is not running")
                return False
            self._stopping.set()
            if process is not None:
                _end(process)
        # Not under the lock: the monitor takes it to put a restarted process in place.
        monitor.join()
        with self._lock:
            if self._process is not None:
                _end(self._process)
            self._process = None
            self._drop_client()
        _RUNNING.discard(self)
        return True

    def wait(self, timeout: float | None = None) -> bool:
        """Wait at most ``timeout`` seconds until the server has ended for good; return whether it
        has."""
        monitor = self._monitor
        if monitor is None:
            return True
        monitor.join(timeout)
        return not monitor.is_alive()

    def _drop_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close_all()

    # -- processes ---------------------------------------------------------------------------

    def _start(self) -> subprocess.Popen[bytes]:
        """Start a process and return it when it accepts connections."""
        if self.is_builtin:
            from .server.tcp import check_loopback

            check_loopback(self.host)
        attempts = 1 if self._fixed_port else 5
        for attempt in range(attempts):
            if not self._fixed_port:
                self.port = _free_port(self.host)
            elif self._taken():
                # Whoever has it would answer in the new server's place.
                raise KyotoTycoonError(f"the port {self.port} of {self.host} is taken")
            process = self._spawn()
            try:
                self._await(process)
            except KyotoTycoonError:
                _end(process)
                # Somebody may have taken a random port between our test and the server's bind.
                if process.returncode is None or attempt == attempts - 1 or not self._taken():
                    raise
            except BaseException:
                _end(process)
                raise
            else:
                return process
        raise AssertionError("the loop returns or raises")

    def _taken(self) -> bool:
        return not _can_bind(self.host, self.port or 0)

    def _spawn(self) -> subprocess.Popen[bytes]:
        if self.is_builtin:
            if self._script_option in self.server_args and not importlib.util.find_spec("lupa"):
                raise ImproperlyConfigured(
                    "Lua scripts on the built-in server need the package lupa: "
                    "pip install 'singlestoredb-kt[lua]'"
                )
            paths = os.pathsep.join(sys.path)
            command = [sys.executable, "-c", _BOOT, paths, self._program, "-embedded"]
        else:
            command = [self.server]
        command += ["-le", "-host", self.host, "-port", str(self.port)]
        command += [*self.server_args, self.database]
        output = subprocess.DEVNULL if self.quiet else None
        try:
            return subprocess.Popen(
                command,
                # The built-in server ends when this pipe does, hence with this process.
                stdin=subprocess.PIPE if self.is_builtin else subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Ctrl-C at the terminal is for the program, which stops its server if it ends.
                start_new_session=True,
            )
        except OSError as exc:
            raise KyotoTycoonError(f"cannot run {self.server!r}: {exc}") from exc

    def _await(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until a process accepts connections."""
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise KyotoTycoonError(
                    f"{self._program} ended with status {process.returncode} instead of listening "
                    f"on {self.host}:{self.port}; it said why on standard error"
                )
            try:
                socket.create_connection((self.host, self.port or 0), 1.0).close()
            except OSError:
                time.sleep(0.02)
            else:
                # Was it our server that answered, or one that had the port before?
                time.sleep(0.02)
                if process.poll() is None:
                    return
        raise KyotoTycoonError(
            f"{self._program} did not listen on {self.host}:{self.port} within {START_TIMEOUT:g} s"
        )

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Restart the process whenever it dies, until told to stop or until that is hopeless."""
        short_lives = 0
        while True:
            born = time.monotonic()
            process.wait()
            _close_pipe(process)
            if self._stopping.is_set():
                return
            with self._lock:
                self._drop_client()
            short_lives = short_lives + 1 if time.monotonic() - born < SHORT_LIFE else 0
            if short_lives >= MAX_SHORT_LIVES:
                logger.error("%s died %d times at once; giving up", self._program, short_lives)
                return
            logger.warning(
                "%s ended with status %s; restarting it", self._program, process.returncode
            )
            if self._stopping.wait(RESTART_PAUSE):
                return
            with self._lock:
                if self._stopping.is_set():
                    return
                try:
                    process = self._process = self._spawn()
                except (OSError, KyotoTycoonError) as exc:
                    logger.error("%s cannot be restarted: %s", self._program, exc)
                    return


class EmbeddedServer(_EmbeddedServer[KyotoTycoon]):
    """A Kyoto Tycoon server in a subprocess, with a client.

    >>> from kt import EmbeddedServer
    >>> server = EmbeddedServer()
    >>> server.run()
    True
    >>> server.client.set('k1', 'v1')
    1
    >>> server.stop()
    True
    """

    _program = "ktserver"
    _script_option = "-scr"
    _client_class = KyotoTycoon

    def __init__(
        self,
        server: str = "ktserver",
        host: str = "127.0.0.1",
        port: int | None = None,
        database: str = "*",
        server_args: Sequence[str] | None = None,
        quiet: bool = False,
    ) -> None:
        """Describe a server; see `run`.  Several databases: all but the last in ``server_args``."""
        super().__init__(server, host, port, database, server_args, quiet)


class EmbeddedTokyoTyrantServer(_EmbeddedServer[TokyoTyrant]):
    """A Tokyo Tyrant server in a subprocess, with a client.

    >>> from kt import EmbeddedTokyoTyrantServer
    >>> server = EmbeddedTokyoTyrantServer()
    >>> server.run()
    True
    >>> server.client.set('k1', 'v1')
    True
    >>> server.stop()
    True
    """

    _program = "ttserver"
    _script_option = "-ext"
    _client_class = TokyoTyrant

    def __init__(
        self,
        server: str = "ttserver",
        host: str = "127.0.0.1",
        port: int | None = None,
        database: str = "*",
        server_args: Sequence[str] | None = None,
        quiet: bool = False,
    ) -> None:
        """Describe a server; see `run`."""
        super().__init__(server, host, port, database, server_args, quiet)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Terminate a process, kill it if it does not care, and reap it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    _close_pipe(process)


def _close_pipe(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()


def _can_bind(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            if exc.errno == errno.EADDRINUSE:
                return False
            raise KyotoTycoonError(f"cannot bind port {port} of {host!r}: {exc}") from exc
    return True


def _free_port(host: str) -> int:
    for _ in range(64):
        port = random.choice(PORTS)
        if _can_bind(host, port):
            return port
    raise KyotoTycoonError(f"no free port on {host!r} between {PORTS.start} and {PORTS.stop - 1}")


_RUNNING: weakref.WeakSet[_EmbeddedServer[KyotoTycoon] | _EmbeddedServer[TokyoTyrant]] = (
    weakref.WeakSet()
)


def _stop_all() -> None:
    for server in list(_RUNNING):
        server.stop()


atexit.register(_stop_all)
if hasattr(os, "register_at_fork"):
    # A forked child that exits must not stop its parent's servers.
    os.register_at_fork(after_in_child=_RUNNING.clear)
