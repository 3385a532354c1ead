"""A private PostgreSQL: a cluster in a folder of its own, on a random port of 127.0.0.1.

PostgreSQL refuses to run as root.  When we are root, its processes run as ``postgres`` or, where
that account does not exist, as ``nobody``, who then owns the folder.
"""

from __future__ import annotations

import glob
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg2

_SUPERUSER = "postgres"
_ACCOUNTS = ("postgres", "nobody")
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0


class PostgresError(RuntimeError):
    """A private PostgreSQL cannot be made or started; the text says why, with its log's end."""


class PrivatePostgres:
    """One private PostgreSQL, started by ``start()`` or by ``with``.

    Args:
        folder: Where it lives; made when missing, kept at the end, and found again the next time.
            ``None``: a temporary one, without fsync, removed by ``stop``.
        bin_dir: Folder of ``initdb`` and ``postgres``.  ``None``: ``BITIO_PG_BIN``, else ``PATH``,
            else the newest one below ``/usr/lib/postgresql``.

    Raises:
        PostgresError: when the programs are missing or the server does not start.
    """

    host = "127.0.0.1"
    user = _SUPERUSER

    def __init__(
        self, folder: str | os.PathLike[str] | None = None, bin_dir: str | None = None
    ) -> None:
        if os.name != "posix":
            raise PostgresError(
                "a private PostgreSQL needs a POSIX system; give the connection string of a "
                "running server"
            )
        self._bin = _find_programs(bin_dir)
        self._account = _unprivileged_account()
        self._temporary = folder is None
        self._folder = Path(folder).absolute() if folder is not None else None
        self._process: subprocess.Popen[bytes] | None = None
        self._password = ""
        self.port = 0

    def __enter__(self) -> PrivatePostgres:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = f"{self.host}:{self.port}" if self._process else "stopped"
        return f"<PrivatePostgres {state}>"

    @property
    def dsn(self) -> str:
        """Connection string of the superuser, password included."""
        return self._dsn("postgres")

    @property
    def pid(self) -> int | None:
        """Process number of the running server, ``None`` when it is stopped."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Make the cluster if there is none and start the server; return when it answers."""
        if self._process is not None:
            return
        try:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="bitdotio-pg-"))
                self._own(self._folder)
            self._prepare(self._folder)
            self._launch(self._folder)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server, and remove its folder when that was temporary.  Idempotent."""
        self._end_process()
        if self._temporary and self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def restart(self) -> None:
        """Stop the server as an administrator would and start it again on the same port."""
        self._end_process()
        assert self._folder is not None, "restart() before start()"
        self._launch(self._folder, self.port)

    # -- the parts ----------------------------------------------------------------------------

    def _prepare(self, folder: Path) -> None:
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True)
            self._own(folder)
        if self._account and folder.stat().st_uid != self._account.uid:
            raise PostgresError(
                f"{folder} must belong to {self._account.name}, as whom PostgreSQL runs when we "
                f"are root: chown -R {self._account.name} {folder}"
            )
        secret = folder / "superuser.json"
        if (folder / "data" / "PG_VERSION").exists():
            try:
                self._password = json.loads(secret.read_text("utf-8"))["password"]
            except FileNotFoundError:
                raise PostgresError(
                    f"the cluster in {folder} was not made here; start it yourself and give its "
                    "connection string"
                ) from None
            return
        self._password = secrets.token_hex(16)
        self._write_secret(secret, json.dumps({"password": self._password}))
        password_file = folder / "initdb-password"
        self._write_secret(password_file, self._password)
        try:
            done = subprocess.run(
                [
                    str(self._bin / "initdb"),
                    f"--pgdata={folder / 'data'}",
                    f"--username={_SUPERUSER}",
                    f"--pwfile={password_file}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--no-locale",
                    *(["--no-sync"] if self._temporary else []),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
                **self._environment(folder),
            )
        finally:
            password_file.unlink()
        if done.returncode:
            raise PostgresError(f"initdb failed: {done.stdout.decode(errors='replace').strip()}")

    def _launch(self, folder: Path, port: int | None = None) -> None:
        # Between choosing a free port and PostgreSQL's bind another program may take it.
        for _ in range(5):
            self.port = port or _free_port()
            log = folder / "postgres.log"
            with log.open("wb") as output:
                self._process = subprocess.Popen(
                    self._command(folder),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    # Ctrl-C in a terminal is for us: we then stop it in order.
                    start_new_session=True,
                    **self._environment(folder),
                )
            if self._wait_until_ready():
                return
            self._end_process()
            text = log.read_text("utf-8", "replace")
            if port or "Address already in use" not in text:
                break
        raise PostgresError(f"PostgreSQL did not start:\n{text[-2000:]}")

    def _command(self, folder: Path) -> list[str]:
        settings = {
            "listen_addresses": self.host,
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
        }
        if self._temporary:
            settings.update(fsync="off", full_page_writes="off", synchronous_commit="off")
        command = [str(self._bin / "postgres"), "-D", str(folder / "data")]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        return command

    def _wait_until_ready(self) -> bool:
        assert self._process is not None
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                psycopg2.connect(self._dsn("postgres", connect_timeout="2")).close()
            except psycopg2.OperationalError:
                time.sleep(0.02)
            else:
                # Another server on this port could not know the password.
                return True
        return False

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        # Fast, then immediate shutdown: PostgreSQL manual, "Shutting Down the Server".
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if process.poll() is not None:
                return
            process.send_signal(number)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue

    def _dsn(self, dbname: str, **more: str) -> str:
        parameters = {
            "host": self.host,
            "port": str(self.port),
            "user": self.user,
            "password": self._password,
            "dbname": dbname,
            "sslmode": "disable",
            **more,
        }
        return " ".join(f"{key}={value}" for key, value in parameters.items())

    def _write_secret(self, path: Path, text: str) -> None:
        path.touch(mode=0o600)
        path.write_text(text, "utf-8")
        self._own(path)

    def _own(self, path: Path) -> None:
        if self._account:
            os.chown(path, self._account.uid, self._account.gid)

    def _environment(self, folder: Path) -> dict[str, Any]:
        """Return the arguments of ``Popen`` that say as whom, where and with what to run."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "BITIO_", "LC_"))}
        arguments: dict[str, Any] = {"env": {**env, "LC_ALL": "C"}, "cwd": folder}
        if self._account:
            arguments.update(user=self._account.uid, group=self._account.gid, extra_groups=[])
        return arguments


class _Account:
    def __init__(self, name: str, uid: int, gid: int) -> None:
        self.name = name
        self.uid = uid
        self.gid = gid


def _unprivileged_account() -> _Account | None:
    """Return the account to run PostgreSQL as, ``None`` for our own."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    import pwd

    for name in _ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return _Account(name, entry.pw_uid, entry.pw_gid)
    raise PostgresError(
        f"PostgreSQL does not run as root, and there is no account named {' or '.join(_ACCOUNTS)}"
    )


def _find_programs(bin_dir: str | None) -> Path:
    """Return the folder that holds both ``initdb`` and ``postgres``."""
    named = bin_dir or os.environ.get("BITIO_PG_BIN")
    if named:
        candidates = [named]
    else:
        candidates = os.environ.get("PATH", os.defpath).split(os.pathsep)
        candidates += sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=_version, reverse=True)
    for folder in candidates:
        if all(shutil.which(name, path=folder) for name in ("initdb", "postgres")):
            return Path(folder)
    where = named or "PATH and /usr/lib/postgresql/*/bin"
    raise PostgresError(
        f"no PostgreSQL programs (initdb, postgres) in {where}. Install PostgreSQL "
        "(Debian: apt-get install postgresql), name their folder in BITIO_PG_BIN, or give the "
        "connection string of a running server"
    )


def _version(path: str) -> tuple[int, ...]:
    """Order ``/usr/lib/postgresql/15/bin`` by its version."""
    return tuple(int(part) for part in Path(path).parent.name.split(".") if part.isdigit())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
