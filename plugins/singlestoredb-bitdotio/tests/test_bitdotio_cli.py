"""The command line against transcripts, and the calls it makes.

A transcript in ``golden/`` is a list of commands, each with what it prints: standard output as it
is, standard error after ``! ``, an exit code other than 0 in brackets.  To write the answers anew
after a deliberate change, run these tests with ``BITDOTIO_UPDATE_GOLDEN=1`` and read the diff.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from click.testing import CliRunner

from bit import bit
from bit._table import format_table
from bitdotio import ApiError, bitdotio, server

GOLDEN = Path(__file__).parent / "golden"
VARYING = [
    (re.compile(r'"id": "\d+"'), '"id": "<id>"'),
    (re.compile(r'"storage_usage_bytes": \d+'), '"storage_usage_bytes": <bytes>'),
    (re.compile(r'"date_created": "[^"]+"'), '"date_created": "<time>"'),
    (re.compile(r"\b\d\d\d\d-\d\d-\d\dT[\d:]+\+00:00\b"), "<time>                   "),
    (re.compile(r"^(id +)\d{5}( *)$", re.M), r"\1<id> \2"),
    (re.compile(r"^\d{5}(  local/)", re.M), r"<id> \1"),
    (re.compile(r"\b\d{7}$", re.M), "<bytes>"),
    # The words of other packages change with their versions.
    (re.compile(r"(\"HTTPConnectionPool)[^}]+"), r'\1…"'),
    (re.compile(r"(is not a valid boolean\.)[^\"]+"), r"\1"),
]


@pytest.fixture(scope="module")
def empty_server() -> Iterator[server.LocalServer]:
    """A back end without any database."""
    with server.start() as running:
        yield running


@pytest.fixture
def api(empty_server: server.LocalServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment of the commands; what they leave is deleted."""
    monkeypatch.setenv("BITIO_KEY", empty_server.token)
    monkeypatch.setenv("BITIO_API_URL", empty_server.api_url)
    yield
    with bitdotio(empty_server.token, api_url=empty_server.api_url) as b:
        for database in b.list_databases():
            b.delete_database(database["name"])


def run(line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Run one command of a transcript in this process and return what it printed."""
    command, _, text = line.partition(" < ")
    words = shlex.split(command)
    with monkeypatch.context() as patch:
        while "=" in words[0]:
            name, _, value = words.pop(0).partition("=")
            if value == "unset":
                patch.delenv(name)
            else:
                patch.setenv(name, value)
        assert words[0] == "bit"
        patch.setattr(sys, "argv", words)
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        code: Any = 0
        try:
            bit.main()
        except SystemExit as exc:
            code = exc.code
    captured = capsys.readouterr()
    answer = captured.out + "".join(f"! {each}\n" for each in captured.err.splitlines())
    return answer + (f"[exit {code}]\n" if code else "")


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize("name", ["databases", "query", "tables", "errors", "usage"])
def test_transcript(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = GOLDEN / f"bitdotio_{name}.txt"
    expected = path.read_text("utf-8")
    commands = [line for line in expected.splitlines() if line.startswith("$ ")]
    actual = "".join(
        f"{line}\n{run(line.removeprefix('$ '), monkeypatch, capsys)}" for line in commands
    )
    for pattern, replacement in VARYING:
        actual = pattern.sub(replacement, actual)
    if os.environ.get("BITDOTIO_UPDATE_GOLDEN"):
        path.write_text(actual, "utf-8")
    assert actual == expected


def test_the_installed_command(local: server.LocalServer) -> None:
    """One variable is enough: the API's URL carries the token."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "bit.bit", "db", "get", "-d", "local/none"],
        env={**os.environ, **local.environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == ""
    assert done.stderr.startswith('{"error": {"type": "ApiError", "message": "there is no databas')
    assert local.token not in done.stderr
    assert done.returncode == 3


def test_a_reader_that_stops_early(local: server.LocalServer, database: str) -> None:
    many = "SELECT repeat('x', 100) FROM generate_series(1, 20000)"
    process = subprocess.Popen(
        [sys.executable, "-m", "bit.bit", "query", "-d", database, "-q", many],
        env={**os.environ, **local.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    process.wait(timeout=60)
    assert errors == b""


CALLS: list[tuple[list[str], str, mock._Call]] = [
    (["query", "-d", "d", "-q", "S"], "query", mock.call("d", "S")),
    (["query", "-d", "d", "-q", "S", "-o"], "query", mock.call("d", "S", data_format="objects")),
    (["db", "list"], "list_databases", mock.call()),
    (["db", "create", "-n", "n"], "create_database", mock.call("n", is_private=True)),
    (["db", "create", "-n", "n", "-p", "0"], "create_database", mock.call("n", is_private=False)),
    (["db", "info", "-d", "d"], "get_database", mock.call("d")),
    (["db", "get", "-d", "d"], "get_database", mock.call("d")),
    (
        ["db", "update", "-d", "d", "-n", "n", "-p", "false"],
        "update_database",
        mock.call("d", name="n", is_private=False),
    ),
    (["db", "delete", "-d", "d"], "delete_database", mock.call("d")),
]


@pytest.mark.parametrize(("arguments", "method", "call"), CALLS, ids=lambda value: str(value))
def test_calls(arguments: list[str], method: str, call: mock._Call) -> None:
    with mock.patch.object(bit, "bitdotio") as factory:
        getattr(factory.return_value, method).return_value = {}
        result = CliRunner().invoke(bit.bitio, ["-k", "v2_key", *arguments])
    assert result.exception is None
    factory.assert_called_once_with("v2_key")
    assert getattr(factory.return_value, method).mock_calls == [call]
    name, agent = factory.return_value._api_client.set_header.call_args.args
    assert name == "User-Agent"
    assert agent.startswith("python-bitdotio-cli/")


def test_under_clicks_runner_errors_stay_exceptions() -> None:
    with mock.patch.object(bit, "bitdotio") as factory:
        factory.return_value.list_databases.side_effect = ApiError(404, {"error": "x"})
        result = CliRunner().invoke(bit.bitio, ["-k", "v2_key", "db", "list"])
    assert result.exit_code == 1
    assert isinstance(result.exception, ApiError)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["db", "--help"], ["query", "--help"], ["db", "create", "--help"]]
)
def test_help_needs_no_key(arguments: list[str]) -> None:
    result = CliRunner().invoke(bit.bitio, arguments)
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_options_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BITIO_QUERY_DATABASE", "me/db")
    monkeypatch.setenv("BITIO_KEY", "v2_key")
    with mock.patch.object(bit, "bitdotio") as factory:
        factory.return_value.query.return_value = {"data": []}
        assert run("bit query -q S", monkeypatch, capsys) == '{"data": []}\n'
    factory.return_value.query.assert_called_once_with("me/db", "S")


def test_tables_of_other_shapes() -> None:
    assert format_table([]) == "(nothing)"
    assert format_table(None) == ""
    assert format_table({"data": [[1]]}) == "column 1\n--------\n       1"
    assert format_table([{"a": 1}, {"b": "x"}]) == "a  b\n-  -\n1\n   x"
