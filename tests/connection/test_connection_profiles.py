"""Profiles: where they come from, what beats what, and who may read them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import singlestoredb as s2
from singlestoredb.params import build_params
from singlestoredb.profiles import connection_names, load, profiles_file

TEXT = """
[Reports]
url = "mysql://me@db.example:3307/sales?charset=latin1"
password = { env = "REPORTS_PASSWORD" }
results_type = "dicts"

[plain]
host = "plain.example"
user = "you"
password = "pl4in"
conn_attrs = { team = "blue" }

[wrong]
url = "mysql://x"
host = "y"

[unknown]
hots = "y"
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SINGLESTOREDB_HOME", str(tmp_path))
    write(tmp_path, TEXT)
    return tmp_path


def write(home: Path, text: str) -> Path:
    file = home / "connections.toml"
    file.write_text(text)
    file.chmod(0o600)
    return file


def test_a_profile_gives_parameters(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPORTS_PASSWORD", "s3cret")
    found = build_params(connection_name="reports")
    expected = {
        "host": "db.example",
        "port": 3307,
        "user": "me",
        "password": "s3cret",
        "database": "sales",
        "charset": "latin1",
        "results_type": "dicts",
    }
    assert {name: found[name] for name in expected} == expected
    assert build_params(connection_name="plain")["conn_attrs"] == {"team": "blue"}
    assert connection_names() == ["Reports", "plain", "unknown", "wrong"]


def test_the_server_of_a_profile(home: Path) -> None:
    write(
        home,
        '[nowhere]\nuser = "u"\n[far]\nurl = "mysql://u:p4ss@far.example:5/db"\n'
        '[other]\nconnection_name = "far"\n',
    )
    assert build_params(connection_name="nowhere")["host"] == "127.0.0.1"
    found = build_params(host="near", connection_name="far")
    assert (found["host"], found["port"]) == ("near", 3306)
    assert "password" not in found
    with pytest.raises(ValueError, match="'other' cannot refer to another one"):
        build_params(connection_name="other")


def test_what_beats_a_profile(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPORTS_PASSWORD", "s3cret")
    # The environment of another server does not mix with it.
    monkeypatch.setenv("SINGLESTOREDB_URL", "mysql://env:envpw@env.example/envdb")
    monkeypatch.setenv("SINGLESTOREDB_USER", "env")
    monkeypatch.setenv("SINGLESTOREDB_CHARSET", "utf8mb4")
    found = build_params(connection_name="reports")
    assert [found[n] for n in ("host", "user", "password", "charset")] == [
        *("db.example", "me", "s3cret", "latin1")
    ]
    # Variables of its own do, and what the program says beats everything.
    monkeypatch.setenv("SINGLESTOREDB_CONNECTIONS_REPORTS_CHARSET", "utf8mb3")
    assert build_params(connection_name="reports")["charset"] == "utf8mb3"
    found = build_params(connection_name="reports", charset="ascii", database="other", user="u")
    assert [found[n] for n in ("charset", "database", "user")] == ["ascii", "other", "u"]
    assert build_params(host="h.example", connection_name="plain")["user"] == "you"


def test_a_profile_of_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINGLESTOREDB_HOME", "/nonexistent")
    monkeypatch.setenv("SINGLESTOREDB_CONNECTIONS_MY_DEV_URL", "embedded://")
    monkeypatch.setenv("SINGLESTOREDB_CONNECTIONS_MY_DEV_RESULTS_TYPE", "dicts")
    pytest.importorskip("duckdb")
    with s2.connect(connection_name="my-dev") as conn:
        assert conn.execute("SELECT 1 AS one").fetchall() == [{"one": 1}]


def test_the_default_profile(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINGLESTOREDB_DEFAULT_CONNECTION_NAME", "plain")
    assert build_params()["host"] == "plain.example"
    assert build_params(host="127.0.0.1")["host"] == "127.0.0.1"
    assert "password" not in build_params(host="127.0.0.1")
    monkeypatch.setenv("SINGLESTOREDB_HOST", "env.example")
    assert build_params()["host"] == "env.example"
    assert "password" not in build_params()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nobody", "there is no connection named 'nobody'.*Reports, plain"),
        ("wrong", "both url and host"),
        ("unknown", "hots.*did you mean host"),
    ],
)
def test_wrong_profiles(home: Path, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_params(connection_name=name)


def test_a_file_that_is_no_toml(home: Path) -> None:
    write(home, '[a]\npassword = "s3cret\n')
    with pytest.raises(ValueError, match="not valid TOML") as caught:
        load("a")
    assert "s3cret" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="this system has no file modes")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_file_that_others_can_read_is_refused(home: Path, mode: int) -> None:
    (home / "connections.toml").chmod(mode)
    with pytest.raises(s2.InterfaceError, match="chmod 600"):
        build_params(connection_name="plain")


def test_secrets_by_reference(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = home / "secret"
    secret.write_text("fr0m file\n")
    secret.chmod(0o600)
    fails = [sys.executable, "-c", "print('s3cret'); raise SystemExit(4)"]
    printed = [sys.executable, "-c", "print('fr0m command')"]
    write(
        home,
        f"""
        [a]
        password = {{ file = "secret" }}
        [b]
        password = {{ command = {printed!r} }}
        [c]
        password = {{ env = "NOT_SET" }}
        [d]
        password = {{ command = {fails!r} }}
        [e]
        password = {{ command = "echo s3cret" }}
        [f]
        password = {{ file = "secret", env = "X" }}
        [g]
        password = {{ file = "missing" }}
        """,
    )
    assert load("a") == {"password": "fr0m file"}
    assert load("b") == {"password": "fr0m command"}
    for name, message in (
        ("c", "environment variable NOT_SET is not set"),
        ("d", "ended with 4"),
        ("e", "list of words"),
        ("g", "FileNotFoundError"),
    ):
        with pytest.raises(s2.InterfaceError, match=message) as caught:
            load(name)
        assert "s3cret" not in str(caught.value)
    with pytest.raises(ValueError, match="by itself"):
        load("f")
    secret.chmod(0o644)
    with pytest.raises(s2.InterfaceError, match="can be read or changed by other"):
        load("a")


def test_where_profiles_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SINGLESTOREDB_HOME", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    if sys.platform == "linux":
        assert profiles_file() == tmp_path / "singlestoredb" / "connections.toml"
    assert profiles_file().name == "connections.toml"


def test_a_profile_cannot_be_named_in_a_url() -> None:
    with pytest.raises(ValueError, match="cannot be given in a URL"):
        build_params(host="mysql://h/?connection_name=plain")
