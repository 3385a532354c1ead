"""The command line."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from kt import KyotoTycoon, TokyoTyrant
from kt.cli import main


@pytest.fixture
def tycoon(kt_client: KyotoTycoon) -> list[str]:
    return ["--port", str(kt_client.port)]


@pytest.fixture
def tyrant(tt_client: TokyoTyrant) -> list[str]:
    return ["--tyrant", "--port", str(tt_client.port)]


@pytest.mark.parametrize("server", ["tycoon", "tyrant"])
def test_set_get_del_ls(
    server: str, request: pytest.FixtureRequest, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    arguments: list[str] = request.getfixturevalue(server)
    assert main([*arguments, "set", "a1", "one"]) == 0
    assert main([*arguments, "set", "a2", "two"]) == 0
    assert capfdbinary.readouterr() == (b"", b"")
    assert main([*arguments, "get", "a1", "a2"]) == 0
    assert capfdbinary.readouterr() == (b"one\ntwo\n", b"")
    assert main([*arguments, "get", "zz", "a1"]) == 1
    assert capfdbinary.readouterr() == (b"one\n", b"kt: no key 'zz'\n")
    assert main([*arguments, "ls"]) == main([*arguments, "ls", "a"]) == 0
    assert capfdbinary.readouterr().out == b"a1\na2\n" * 2
    assert main([*arguments, "ls", "--limit", "1"]) == 0
    assert capfdbinary.readouterr().out == b"a1\n"
    assert main([*arguments, "del", "a1"]) == 0
    assert main([*arguments, "del", "a1", "a2"]) == 1
    assert main([*arguments, "ls"]) == 0
    assert capfdbinary.readouterr().out == b""


def test_databases_expiry_and_standard_input(
    tycoon: list[str], kt_client: KyotoTycoon, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([*tycoon, "--db", "1", "set", "k", "v", "--expire", "100"]) == 0
    assert kt_client.get_bulk_details(["k"], db=1)[0].expire_time is not None
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\x00\n")))
    assert main([*tycoon, "set", "binary", "-"]) == 0
    assert kt_client.get_bytes("binary") == b"\xff\x00\n"


def test_stat(
    tycoon: list[str], tyrant: list[str], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main([*tycoon, "stat"]) == 0
    assert b"count\t0\n" in capfdbinary.readouterr().out
    assert main([*tycoon, "stat", "--report"]) == 0
    assert b"conf_kt_version\t" in capfdbinary.readouterr().out
    assert main([*tyrant, "stat"]) == 0
    assert b"rnum\t0\n" in capfdbinary.readouterr().out


@pytest.mark.parametrize("server", ["tycoon", "tyrant"])
def test_bench(
    server: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments: list[str] = request.getfixturevalue(server)
    assert main([*arguments, "bench", "-n", "200"]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = ["set", "get", "set_bulk", "get_bulk", "remove_bulk"]
    assert [line.split()[0] for line in lines] == names
    assert all(float(line.split()[1].replace(",", "")) > 0 for line in lines)
    assert main([*arguments, "bench", "-n", "3"]) == 2


def test_bench_on_a_server_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "-n", "100", "--embedded"]) == 0
    assert "keys/s" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["frobnicate"],
        ["--tyrant", "--db", "1", "get", "k"],
        ["--tyrant", "set", "k", "v", "--expire", "1"],
    ],
)
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: kt" in capsys.readouterr().err


def test_failures_say_why(tycoon: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "1", "get", "k"]) == 2
    assert "kt: cannot connect to 127.0.0.1:1" in capsys.readouterr().err
    assert main([*tycoon, "--db", "77", "set", "k", "v"]) == 2
    assert "is there such a database?" in capsys.readouterr().err


def test_terminals_get_no_control_bytes(
    tycoon: list[str], kt_client: KyotoTycoon, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    kt_client.set("k", "\x1b]0;title\x07ü\udcff".encode("utf-8", "surrogatepass"))
    screen = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", Terminal(screen))
    assert main([*tycoon, "get", "k"]) == 0
    assert b"\x1b" not in screen.getvalue()
    assert "\\x1b]0;title\\x07ü\\xed" in screen.getvalue().decode()


def test_run_as_module(tycoon: list[str]) -> None:
    command = [sys.executable, "-m", "kt", *tycoon, "set", "k", "v"]
    assert subprocess.run(command, timeout=60).returncode == 0
