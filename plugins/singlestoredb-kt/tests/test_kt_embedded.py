"""Embedded servers: starting, stopping, restarting, giving up; what the built-in one refuses."""

from __future__ import annotations

import logging
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kt import (
    EmbeddedServer,
    EmbeddedTokyoTyrantServer,
    ImproperlyConfigured,
    KyotoTycoon,
    KyotoTycoonError,
    ServerConnectionError,
    TokyoTyrant,
    embedded,
)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def runs(server: EmbeddedServer) -> bool:
    return server.pid is not None


def script(folder: Path, name: str, body: str) -> str:
    """Write an executable Python program and return its path."""
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{body}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


LISTEN = """
import socket, sys, time
port = int(sys.argv[sys.argv.index("-port") + 1])
listener = socket.create_server(("127.0.0.1", port))
"""


def test_the_example_of_the_document() -> None:
    server = EmbeddedServer()
    assert server.run() is True
    client = server.client
    assert isinstance(client, KyotoTycoon)
    assert client.set("k1", "v1") == 1
    assert client.get("k1") == "v1"
    assert server.stop() is True


def test_the_tyrant_example_of_the_document() -> None:
    server = EmbeddedTokyoTyrantServer()
    assert server.run() is True
    client = server.client
    assert isinstance(client, TokyoTyrant)
    assert client.set("k1", "v1") is True
    assert client.get("k1") == "v1"
    assert server.stop() is True


def test_running_twice_and_stopping_twice(caplog: pytest.LogCaptureFixture) -> None:
    server = EmbeddedServer("builtin")
    with pytest.raises(KyotoTycoonError, match="not running"):
        _ = server.client
    assert server.stop() is False
    assert not runs(server)
    assert server.run() is True
    assert server.run() is False
    assert server.port in embedded.PORTS
    assert server.client is server.client
    assert runs(server)
    assert server.wait(0) is False
    assert server.stop() is True
    assert server.stop() is False
    assert server.wait(0) is True
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 3
    assert server.run() is True
    assert server.client.set("k", "v") == 1
    assert server.stop() is True


def test_chosen_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
        server = EmbeddedServer("builtin", port=port, quiet=True)
        with pytest.raises(KyotoTycoonError, match=r"the port \d+ of 127\.0\.0\.1 is taken"):
            server.run()
        assert not runs(server)
    assert server.run() is True
    assert server.port == server.client.port == port
    assert server.stop() is True


def test_a_server_that_dies_is_restarted_with_its_data(tmp_path: Path) -> None:
    with EmbeddedServer("builtin", database=str(tmp_path / "casket.kct")) as server:
        client = server.client
        client.set("k", "v")
        first = server.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: server.pid not in (None, first))
        # The client of the dead process is gone with it.
        assert server.client is not client

        def answers() -> bool:
            try:
                return bool(server.client.get("k") == "v")
            except ServerConnectionError:
                return False

        wait_until(answers)


def test_restarting_is_given_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A program that works once and then dies at once, each time leaving a mark."""
    marks = tmp_path / "marks"
    marks.mkdir()
    body = f"""
import os
os.mkdir(os.path.join({str(marks)!r}, str(os.getpid())))
if len(os.listdir({str(marks)!r})) > 1: sys.exit(3)
time.sleep(60)
"""
    server = EmbeddedServer(script(tmp_path, "flaky", LISTEN + body))
    assert server.run() is True
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    assert server.wait(20) is True
    assert 2 <= len(list(marks.iterdir())) <= 1 + embedded.MAX_SHORT_LIVES
    assert "giving up" in caplog.text
    assert not runs(server)
    with pytest.raises(KyotoTycoonError, match="not running"):
        _ = server.client
    assert server.stop() is False


def test_stop_ends_a_server_that_ignores_sigterm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "STOP_TIMEOUT", 0.2)
    body = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + LISTEN
    server = EmbeddedServer(script(tmp_path, "stubborn", body + "time.sleep(60)"))
    server.run()
    pid = server.pid
    assert pid is not None
    assert server.stop() is True
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_server_that_never_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "START_TIMEOUT", 0.3)
    server = EmbeddedServer(script(tmp_path, "deaf", "import time\ntime.sleep(60)"))
    with pytest.raises(KyotoTycoonError, match=r"did not listen on .* within 0\.3 s"):
        server.run()
    assert server.pid is None
    assert server.stop() is False


def test_missing_program() -> None:
    server = EmbeddedServer("/no/such/ktserver")
    assert server.is_builtin is False
    with pytest.raises(KyotoTycoonError, match=r"cannot run '/no/such/ktserver'"):
        server.run()


@pytest.mark.parametrize(
    ("make", "program"),
    [(EmbeddedServer, "ktserver"), (EmbeddedTokyoTyrantServer, "ttserver")],
)
def test_a_real_server_on_path_is_preferred(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: type[EmbeddedServer] | type[EmbeddedTokyoTyrantServer],
    program: str,
) -> None:
    arguments = tmp_path / "arguments"
    body = LISTEN + f"open({str(arguments)!r}, 'w').write(' '.join(sys.argv[1:]))\ntime.sleep(60)"
    script(tmp_path, program, body)
    monkeypatch.setenv("PATH", str(tmp_path))
    server = make(database="%", server_args=["-th", "4"])
    assert server.is_builtin is False
    server.run()
    wait_until(lambda: arguments.exists() and bool(arguments.read_text()))
    assert arguments.read_text() == f"-le -host 127.0.0.1 -port {server.port} -th 4 %"
    assert server.stop() is True
    assert make("builtin").is_builtin is True
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert make().is_builtin is True


def test_the_server_ends_with_its_parent() -> None:
    program = """
import os, sys
from kt import EmbeddedServer
server = EmbeddedServer("builtin")
server.run()
print(server.pid, flush=True)
os._exit(0) if sys.argv[1] == "abruptly" else sys.exit(0)
"""
    for way in ("abruptly", "politely"):
        command = [sys.executable, "-c", program, way]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        pid = int(done.stdout)

        def gone(pid: int = pid) -> bool:
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return True
            # Nobody may have reaped it where this test runs.
            state = Path(f"/proc/{pid}/stat")
            return state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z"

        wait_until(gone)


# -- the built-in server's command line and files --------------------------------------------


def refuse(*arguments: str, server: str = "ktserver") -> str:
    """Run the built-in server, which must not start, and return what it said."""
    command = [sys.executable, "-m", "kt.server", server, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    return done.stderr


def test_builtin_serves_loopback_only() -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.invalid"):
        assert "serves loopback only" in refuse("-host", host, "-port", "0")


def test_hosts_that_cannot_be_served(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"serves loopback only, not '0\.0\.0\.0'"):
        EmbeddedServer("builtin", host="0.0.0.0").run()
    program = script(tmp_path, "never", "raise SystemExit")
    with pytest.raises(KyotoTycoonError, match=r"cannot bind port \d+ of '192\.0\.2\.1'"):
        EmbeddedServer(program, host="192.0.2.1").run()


@pytest.mark.parametrize(
    ("arguments", "server", "text"),
    [
        (["-mhost", "other"], "ktserver", "no option -mhost"),
        (["-ulog", "dir"], "ttserver", "no option -ulog"),
        (["-port", "many"], "ktserver", "'many' is no port number"),
        (["-port"], "ktserver", "-port needs a value"),
        (["casket.xyz"], "ktserver", "no database 'casket.xyz'"),
        (["casket.tct"], "ttserver", "no database 'casket.tct'"),
        (["*", "+"], "ttserver", "serves one database"),
        (["*#capcnt=lots"], "ktserver", "'lots' is not a number"),
        (["-scr", "/no/such.lua"], "ktserver", "/no/such.lua"),
        ([], "redis", "usage:"),
    ],
)
def test_builtin_says_what_it_cannot_do(arguments: list[str], server: str, text: str) -> None:
    assert text in refuse(*arguments, server=server)


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    foreign = tmp_path / "casket.kch"
    foreign.write_bytes(b"KC\n\x00" + bytes(1000))
    before = foreign.read_bytes()
    assert "reads only files of its own" in refuse(str(foreign))
    assert foreign.read_bytes() == before


def test_a_file_is_opened_once(tmp_path: Path) -> None:
    path = str(tmp_path / "casket.tcb")
    with EmbeddedTokyoTyrantServer("builtin", database=path) as server:
        server.client.set("k", "v")
        assert "one process at a time" in refuse(path, server="ttserver")


@pytest.mark.parametrize("name", ["casket.kch", "casket.kct", "data#type=kct"])
def test_files_keep_records_and_expiry(tmp_path: Path, name: str) -> None:
    server = EmbeddedServer("builtin", database=str(tmp_path / name))
    server.run()
    server.client.set_bulk({"a": "1", "b": "2"})
    server.client.set("expires", "v", expire_time=1000)
    server.stop()
    server.run()
    assert len(server.client) == 3
    assert server.client.get("a") == "1"
    assert server.client.get_bulk_details(["expires"])[0].expire_time is not None
    assert server.client.status()["path"] == str(tmp_path / name.partition("#")[0])
    server.stop()


def test_cache_limits() -> None:
    with EmbeddedServer("builtin", database="*#bnum=1000#capcnt=3") as server:
        client = server.client
        for key in "abc":
            client.set(key, key)
        client.get("a")
        client.set("d", "d")
        # The record that was used least recently went.
        assert sorted(client.keys()) == ["a", "c", "d"]
    with EmbeddedServer("builtin", database="*#capsiz=1k") as server:
        for number in range(100):
            server.client.set(f"{number:02}", "v" * 98)
        assert len(server.client) == 10


def test_ipv6(kt_port: int) -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with EmbeddedServer("builtin", host="::1") as server:
        assert server.client.set("k", "v") == 1
        assert server.client.exists("k") is True


def test_scripts_without_lupa_name_the_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kt.embedded.importlib.util.find_spec", lambda name: None)
    server = EmbeddedServer("builtin", server_args=["-scr", "x.lua"])
    with pytest.raises(ImproperlyConfigured, match=r"pip install 'singlestoredb-kt\[lua\]'"):
        server.run()


@pytest.mark.parametrize(("program", "name"), [("ktserver", "x.kct"), ("ttserver", "x.tcb")])
def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path, program: str, name: str) -> None:
    path = tmp_path / "missing" / name
    done = subprocess.run(
        [sys.executable, "-m", "kt.server", program, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert f"{program}: cannot open the database {str(path)!r}" in done.stderr
    assert "Traceback" not in done.stderr
