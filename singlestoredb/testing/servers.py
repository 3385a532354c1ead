"""Private database servers that a test run starts and ends itself.

Such a server has its own data folder, password and port on 127.0.0.1, reads no configuration of
the machine, and leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

__all__ = ["MariaDB", "ServerError"]

_INSTALL = "apt-get install mariadb-server"

# Small files and buffers make the start quick.  Commits reach the operating
# system, so they survive kill(); they need not survive a power failure.
_TUNING = (
    "--innodb-log-file-size=8M",
    "--innodb-data-file-path=ibdata1:4M:autoextend",
    "--innodb-temp-data-file-path=ibtmp1:4M:autoextend",
    "--innodb-undo-tablespaces=0",
    "--innodb-buffer-pool-size=32M",
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-doublewrite=0",
    "--aria-pagecache-buffer-size=2M",
    "--key-buffer-size=2M",
)


class ServerError(RuntimeError):
    """A private server could not be started."""


class MariaDB:
    """A private MariaDB server.

    ::

        with MariaDB() as server:
            conn = singlestoredb.connect(server.url)

    Its user may do everything.  LOAD DATA LOCAL is allowed.  :meth:`close`, the end of the ``with``
    block, or at last the end of the interpreter ends the process and removes the data.

    Args:
        args: further arguments of ``mariadbd``, such as ``--sql-mode=NO_BACKSLASH_ESCAPES``.
        tls: offer TLS with a certificate made for this server; ``ssl_ca`` is the file to trust.
        binary: the ``mariadbd`` to run; otherwise it is looked for.
        start_timeout: seconds to wait until it accepts connections.
    """

    host = "127.0.0.1"
    user = "tester"
    database = "test"

    def __init__(
        self,
        args: Sequence[str] = (),
        *,
        tls: bool = False,
        binary: str | os.PathLike[str] | None = None,
        start_timeout: float = 30.0,
    ) -> None:
        self.args = tuple(args)
        self.tls = tls
        self.password = secrets.token_urlsafe(12)
        """Made anew for each server."""
        self.port = 0
        """TCP port on 127.0.0.1; 0 before the first start, and the same after a restart."""
        self.start_timeout = start_timeout
        self._binary = binary
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._finalizer: weakref.finalize[[Path], MariaDB] | None = None

    def __repr__(self) -> str:
        state = f"on port {self.port}, pid {self.pid}" if self.running else "not running"
        return f"<{type(self).__name__} {state}>"

    # -- where it is --

    @property
    def folder(self) -> Path:
        """The server's own temporary folder; it exists from the first start until the end."""
        if self._folder is None:
            raise ServerError("the server has not been started")
        return self._folder

    @property
    def url(self) -> str:
        """URL for ``singlestoredb.connect``, password included."""
        return f"mysql://{self.user}:{self.password}@{self.host}:{self.port}/{self.database}"

    @property
    def unix_socket(self) -> str:
        """Path of the Unix socket."""
        return str(self.folder / "sock")

    @property
    def ssl_ca(self) -> str:
        """File with the server's certificate, which is its own authority (``tls=True``)."""
        if not self.tls:
            raise ServerError("the server has no TLS; start it with tls=True")
        return str(self.folder / "cert.pem")

    @property
    def log(self) -> str:
        """What the server has logged."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process is not None and self.running else None

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    @classmethod
    def available(cls) -> str | None:
        """Return ``None`` when such a server can be started here, else the reason why not."""
        try:
            _find_binary(None)
        except ServerError as exc:
            return str(exc)
        return None

    # -- life --

    def start(self) -> MariaDB:
        """Start the server, on the data of an earlier start if there was one.

        Raises:
            ServerError: there is no MariaDB, or it does not start; with the end of its log.
        """
        if self.running:
            return self
        binary = _find_binary(self._binary)
        if self._folder is None:
            try:
                self._create(binary)
            except BaseException:
                self.close()
                raise
        for attempt in range(3):
            if not self.port:
                self.port = _free_port()
            try:
                self._launch(binary)
            except ServerError as exc:
                # Somebody may have taken the port since it was chosen.
                if attempt == 2 or "Bind on TCP/IP port" not in str(exc):
                    raise
                self.port = 0
            else:
                return self
        raise AssertionError("unreachable")

    def stop(self, timeout: float = 10.0) -> None:
        """Shut the server down in order and keep its data; kill it after ``timeout`` seconds."""
        self._end(signal.SIGTERM, timeout)

    def kill(self) -> None:
        """End the server as a crash would, and keep its data."""
        self._end(signal.SIGKILL, 10.0)

    def pause(self) -> None:
        """Stop the process where it is (SIGSTOP); its sockets stay open and nobody answers."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def restart(self) -> MariaDB:
        """Stop and start on the same port and data."""
        self.stop()
        return self.start()

    def close(self) -> None:
        """End the server and remove its data.  Idempotent; it may be started afresh."""
        self.kill()
        if self._finalizer is not None:
            self._finalizer()
        self._folder = None
        self.port = 0

    def __enter__(self) -> MariaDB:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # -- how --

    def _create(self, binary: Path) -> None:
        folder = self._folder = Path(tempfile.mkdtemp(prefix="s2-mariadb-"))
        self._finalizer = weakref.finalize(self, _remove, folder)
        (folder / "data").mkdir()
        (folder / "tmp").mkdir()
        if self.tls:
            _make_certificate(folder / "cert.pem", folder / "key.pem")
        (folder / "init.sql").write_text(self._accounts())
        owner = _unprivileged_owner()
        if owner is not None:
            for path in (folder, *folder.iterdir()):
                os.chown(path, *owner)
        script = _bootstrap_script(binary)
        done = subprocess.run(
            [*self._command(binary), "--bootstrap", "--log-warnings=0"],
            input=script,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=60,
        )
        if done.returncode:
            raise ServerError(f"MariaDB cannot make its tables:\n{_tail(done.stdout.decode())}")

    def _accounts(self) -> str:
        """Return the statements of ``--init-file``: one to a line, run at every start."""
        lines = [f"CREATE DATABASE IF NOT EXISTS {self.database} CHARACTER SET utf8mb4;"]
        for host in ("localhost", "127.0.0.1"):
            account = f"'{self.user}'@'{host}'"
            lines.append(
                f"CREATE USER IF NOT EXISTS {account} IDENTIFIED BY '{self.password}';",
            )
            lines.append(f"GRANT ALL ON *.* TO {account} WITH GRANT OPTION;")
        return "\n".join(lines) + "\n"

    def _command(self, binary: Path) -> list[str]:
        folder = self.folder
        # Its own temporary folder: temporary tables are named by process id, and servers of two
        # containers that share /tmp may have the same.
        where = [f"--datadir={folder / 'data'}", f"--tmpdir={folder / 'tmp'}"]
        command = [str(binary), "--no-defaults", *where, *_TUNING]
        if _is_root():
            command.append(f"--user={'mysql' if _unprivileged_owner() else 'root'}")
        return command

    def _launch(self, binary: Path) -> None:
        folder = self.folder
        command = [
            *self._command(binary),
            f"--bind-address={self.host}",
            f"--port={self.port}",
            f"--socket={folder / 'sock'}",
            f"--pid-file={folder / 'pid'}",
            f"--init-file={folder / 'init.sql'}",
            "--skip-name-resolve",
            "--skip-log-bin",
            "--local-infile=1",
            "--character-set-server=utf8mb4",
            "--max-allowed-packet=64M",
        ]
        if self.tls:
            command += [f"--ssl-cert={folder / 'cert.pem'}", f"--ssl-key={folder / 'key.pem'}"]
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*command, *self.args],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C at the test run's terminal is for the test run.
                start_new_session=True,
            )
        # The process belongs to the finalizer too, for interpreters that end without close().
        if self._finalizer is not None:
            self._finalizer.detach()
        self._finalizer = weakref.finalize(self, _remove, folder, self._process)
        self._wait_until_it_answers()

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + self.start_timeout
        while time.monotonic() < deadline:
            if not self.running:
                raise ServerError(f"MariaDB does not start:\n{_tail(self.log)}")
            # It listens only after the init file was run.
            with contextlib.suppress(OSError), socket.socket() as probe:
                probe.settimeout(1.0)
                probe.connect((self.host, self.port))
                if probe.recv(5)[4:] == b"\x0a":  # the protocol version in its greeting
                    return
            time.sleep(0.01)
        self.kill()
        raise ServerError(
            f"MariaDB does not answer after {self.start_timeout:g} s:\n{_tail(self.log)}"
        )

    def _end(self, how: signal.Signals, timeout: float) -> None:
        process = self._process
        if process is None:
            return
        _end_process(process, how, timeout)
        self._process = None


def _end_process(process: subprocess.Popen[bytes], how: signal.Signals, timeout: float) -> None:
    if process.poll() is None:
        process.send_signal(how)
        process.send_signal(signal.SIGCONT)  # a paused one would not end
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _remove(folder: Path, process: subprocess.Popen[bytes] | None = None) -> None:
    if process is not None:
        _end_process(process, signal.SIGKILL, 10.0)
    shutil.rmtree(folder, ignore_errors=True)


def _find_binary(given: str | os.PathLike[str] | None) -> Path:
    """Return the server's program.

    Raises:
        ServerError: there is none, or the one given is no file.
    """
    if given is not None:
        if not Path(given).is_file():
            raise ServerError(f"there is no MariaDB at {given}")
        return Path(given)
    # Distributions keep servers where only root's PATH leads.
    where = os.pathsep.join(
        [os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin", "/usr/libexec"]
    )
    found = shutil.which("mariadbd", path=where)
    if found is None:
        raise ServerError(
            f"no mariadbd in PATH, /usr/sbin, /usr/local/sbin or /usr/libexec ({_INSTALL})"
        )
    return Path(found)


def _bootstrap_script(binary: Path) -> bytes:
    """Return the statements that make the system tables.

    Only the tables that a server needs: no help texts, no sys schema, which would take most of
    the time.

    Raises:
        ServerError: the server's SQL files are not where its packages put them.
    """
    prefix = binary.resolve().parent.parent
    for share in (prefix / "share/mysql", prefix / "share/mariadb", Path("/usr/share/mysql")):
        for name in ("mysql", "mariadb"):
            tables = share / f"{name}_system_tables.sql"
            data = share / f"{name}_system_tables_data.sql"
            if tables.exists() and data.exists():
                start = b"CREATE DATABASE mysql;\nUSE mysql;\n"
                return start + tables.read_bytes() + b"\n" + data.read_bytes()
    raise ServerError(
        f"mariadb_system_tables.sql is not under {prefix / 'share'}; the server's package is"
        f" incomplete ({_INSTALL})"
    )


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _unprivileged_owner() -> tuple[int, int] | None:
    """Return uid and gid of the user that root hands the server to."""
    if not _is_root():
        return None
    import pwd

    try:
        entry = pwd.getpwnam("mysql")
    except KeyError:
        return None
    return entry.pw_uid, entry.pw_gid


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _tail(text: str, lines: int = 15) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])


# -- TLS -------------------------------------------------------------------------------------


def _make_certificate(cert: Path, key: Path) -> None:
    """Write a self-signed certificate for 127.0.0.1 and localhost, good for a day.

    Raises:
        ServerError: neither the package cryptography nor the openssl command is there.
    """
    try:
        import cryptography  # noqa: F401 - only whether it is there
    except ImportError:
        _certificate_by_openssl(cert, key)
    else:
        _certificate_by_cryptography(cert, key)
    key.chmod(0o600)


def _certificate_by_cryptography(cert: Path, key: Path) -> None:
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.datetime.now(datetime.timezone.utc)
    public = x509.SubjectKeyIdentifier.from_public_key(private.public_key())
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(public, critical=False)
        .sign(private, hashes.SHA256())
    )
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.touch(mode=0o600)
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def _certificate_by_openssl(cert: Path, key: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        raise ServerError(
            "TLS needs a certificate: pip install cryptography, or install the openssl command"
        )
    done = subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "1", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(cert)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=30,
    )
    if done.returncode:
        raise ServerError(f"openssl cannot make a certificate:\n{_tail(done.stdout.decode())}")
