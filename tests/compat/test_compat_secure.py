"""Secure by default: servers that lie, what is never sent, and what is never shown."""

from __future__ import annotations

import logging
import ssl
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb.params import resolve
from singlestoredb.testing import MariaDB

from .lies import OK, Lies, lying

__all__ = ["lying"]  # a fixture

connect: Any = s2.connect


def only_greets(server: Lies) -> None:
    server.greet()
    server.receive()


# -- TLS -------------------------------------------------------------------------------------

SPELLINGS: dict[str, dict[str, Any]] = {
    "ssl={}": {"ssl": {}},
    "ssl=True": {"ssl": True},
    "ssl=context": {"ssl": ssl.create_default_context()},
    "ssl={'cipher': …}": {"ssl": {"cipher": "HIGH"}},
    "ssl={'check_hostname': True}": {"ssl": {"check_hostname": True}},
    "ssl_ca": {"ssl_ca": "/no/such.pem"},
    "ssl_cert": {"ssl_cert": "/no/such.pem"},
    "ssl_key": {"ssl_key": "/no/such.pem"},
    "ssl_verify_cert": {"ssl_verify_cert": True},
    "ssl_verify_identity": {"ssl_verify_identity": True},
    "?ssl=1": {"query": "ssl=1"},
    "?ssl_ca": {"query": "ssl_ca=/no/such.pem"},
    "?ssl_verify_cert": {"query": "ssl_verify_cert=yes"},
    "SINGLESTOREDB_SSL_CA": {"environ": ("SINGLESTOREDB_SSL_CA", "/no/such.pem")},
    "SINGLESTOREDB_SSL_VERIFY_CERT": {"environ": ("SINGLESTOREDB_SSL_VERIFY_CERT", "1")},
    "SINGLESTOREDB_URL": {"environ": ("SINGLESTOREDB_URL", "?ssl=on")},
}


def test_tls_of_an_environment_that_is_followed(
    lying: Callable[..., Lies], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = lying(only_greets)
    url = f"u:s3cret@127.0.0.1:{server.port}"
    monkeypatch.setenv("SINGLESTOREDB_URL", f"{url}?ssl_verify_cert=1")
    with pytest.raises(s2.OperationalError, match="TLS was asked for"):
        s2.connect(track_env=True).query("SELECT 1")
    monkeypatch.setenv("SINGLESTOREDB_URL", url)
    with pytest.raises(s2.OperationalError, match="TLS was asked for"):
        s2.connect("singlestore.com", ssl_verify_cert=True).query("SELECT 1")
    assert b"".join(server.told) == b""


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("pure_python", [True, False])
def test_tls_that_was_asked_for_is_not_dropped(
    lying: Callable[..., Lies],
    spelling: str,
    pure_python: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = lying(only_greets)
    arguments = dict(SPELLINGS[spelling])
    url = f"u:s3cret@127.0.0.1:{server.port}/db"
    name, value = arguments.pop("environ", ("", ""))
    if name == "SINGLESTOREDB_URL":
        monkeypatch.setenv(name, url + value)
        url = ""
    elif name:
        monkeypatch.setenv(name, value)
    if "query" in arguments:
        url += "?" + arguments.pop("query")
    with pytest.raises(s2.OperationalError, match="TLS was asked for") as caught:
        connect(url or None, pure_python=pure_python, **arguments)
    assert caught.value.errno == 2026
    assert b"".join(server.told) == b"", "not even the user's name may be sent"


def test_tls_of_option_files_and_of_the_mysql_module(
    lying: Callable[..., Lies], tmp_path: Path
) -> None:
    server = lying(only_greets)
    file = tmp_path / "my.cnf"
    file.write_text(f"[client]\nhost=127.0.0.1\nport={server.port}\nuser=u\nssl-ca=/no/such.pem\n")
    with pytest.raises(s2.OperationalError, match="TLS was asked for"):
        s2.connect(read_default_file=str(file))
    arguments: dict[str, Any]
    for arguments in ({"ssl": {}}, {"ssl_ca": "/no/such.pem"}, {"read_default_file": str(file)}):
        with pytest.raises(s2.OperationalError, match="TLS was asked for"):
            s2.mysql.connect(host="127.0.0.1", port=server.port, user="u", **arguments)
    assert b"".join(server.told) == b""


def test_tls_over_a_unix_socket_is_not_dropped(lying: Callable[..., Lies], tmp_path: Path) -> None:
    path = str(tmp_path / "sock")
    server = lying(only_greets, path)
    with pytest.raises(s2.OperationalError, match="TLS was asked for"):
        s2.connect(user="u", password="s3cret", unix_socket=path, ssl_verify_cert=True)
    assert b"".join(server.told) == b""


@pytest.mark.parametrize("driver", ["mysql", "https"])
def test_files_and_ciphers_that_cannot_be_used_are_named(
    mariadb_tls: MariaDB, driver: str, tmp_path: Path
) -> None:
    url = mariadb_tls.url.replace("mysql:", f"{driver}:")
    text = tmp_path / "text.pem"
    text.write_text("no certificate")
    wrong: dict[str, dict[str, Any]] = {
        "ssl_ca '/no/ca.pem' cannot be used: No such file or directory": {"ssl_ca": "/no/ca.pem"},
        f"ssl_ca '{text}' cannot be used: .*no certificate": {"ssl_ca": str(text)},
        "ssl_cert '/no/cert' with ssl_key '/no/key' cannot be used": {
            "ssl_cert": "/no/cert",
            "ssl_key": "/no/key",
        },
        "ssl_cipher 'NONE-SUCH' cannot be used: No cipher can be selected": {
            "ssl_cipher": "NONE-SUCH"
        },
    }
    for said, arguments in wrong.items():
        with pytest.raises(s2.InterfaceError, match=said):
            s2.connect(url, **arguments)


def test_http_does_not_drop_tls() -> None:
    arguments: dict[str, Any]
    for arguments in ({"ssl": {}}, {"ssl": True}, {"ssl_ca": "x"}, {"ssl_verify_identity": True}):
        with pytest.raises(s2.InterfaceError, match="asks for TLS"):
            connect("http://u:s3cret@127.0.0.1:1/", **arguments)


def test_old_versions_of_tls_are_refused() -> None:
    from singlestoredb_plugins.http.transport import _tls_context
    from singlestoredb_plugins.mysql.handshake import tls_context

    contexts = [
        tls_context(None, None, None, "HIGH", False, False),
        _tls_context(resolve(host="https://h")),
        resolve(host="h", ssl={"cipher": "HIGH"}).ssl,
    ]
    for context in contexts:
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_certificate_of_nobody_is_refused_before_the_name_is_sent(mariadb_tls: MariaDB) -> None:
    for arguments in (
        {"ssl_verify_cert": True},
        {"ssl": {"verify_mode": "required"}},
        {"ssl": ssl.create_default_context()},
    ):
        with pytest.raises(s2.OperationalError, match="CERTIFICATE_VERIFY_FAILED"):
            connect(mariadb_tls.url, **arguments)
    with pytest.raises(s2.OperationalError, match=r"(?i)mismatch|not valid for"):
        s2.connect(
            mariadb_tls.url, ssl={"ca": mariadb_tls.ssl_ca}, tls_sni_servername="other.example"
        )


# -- passwords -------------------------------------------------------------------------------


def asks_in_clear(server: Lies) -> None:
    server.greet()
    server.receive()
    server.send(b"\xfemysql_clear_password\x00")
    if server.receive():
        server.send(OK)
        while server.receive():
            server.send(OK)


def test_a_password_in_clear_goes_over_unix_sockets_only(
    lying: Callable[..., Lies], tmp_path: Path
) -> None:
    server = lying(asks_in_clear)
    for credential in (None, "jwt"):
        with pytest.raises(s2.OperationalError, match="clear text") as caught:
            s2.connect(f"u:s3cret@127.0.0.1:{server.port}", credential_type=credential)
        assert "s3cret" not in str(caught.value)
    assert not any(b"s3cret" in told for told in server.told)
    path = str(tmp_path / "sock")
    local = lying(asks_in_clear, path)
    with s2.connect(user="u", password="s3cret", unix_socket=path, credential_type="jwt") as conn:
        assert conn.open
    assert b"s3cret\x00" in local.told


# -- LOAD DATA LOCAL -------------------------------------------------------------------------


@pytest.mark.parametrize("pure_python", [True, False])
@pytest.mark.parametrize(
    ("sql", "options"),
    [
        ("LOAD DATA LOCAL INFILE 'other' INTO TABLE t", {}),
        ("LOAD DATA LOCAL INFILE ':stream:' INTO TABLE t", {}),
        ("SELECT 'LOAD DATA LOCAL INFILE \"{secret}\"'", {}),
        ("SELECT `LOAD DATA LOCAL INFILE '{secret}'`", {}),
        ("/* LOAD DATA LOCAL INFILE '{secret}' */ SELECT 1", {}),
        ("SELECT 1; LOAD DATA LOCAL INFILE '{secret}' INTO TABLE t", {}),
        ("SELECT 1 -- ; LOAD DATA LOCAL INFILE '{secret}'", {"multi_statements": True}),
        ("SELECT '; LOAD DATA LOCAL INFILE \"{secret}\"'", {"multi_statements": True}),
        ("SELECT 1", {}),
    ],
)
def test_only_the_file_that_was_named_is_sent(
    lying: Callable[..., Lies],
    tmp_path: Path,
    sql: str,
    options: dict[str, Any],
    pure_python: bool,
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret contents")

    def play(server: Lies) -> None:
        server.log_in()
        while command := server.receive():
            if command[1:].decode() == sql.format(secret=secret):
                server.send(b"\xfb" + str(secret).encode())
            else:
                server.send(OK)

    server = lying(play)
    url = f"u:p@127.0.0.1:{server.port}?local_infile=1"
    conn = connect(url, pure_python=pure_python, **options)
    with pytest.raises(s2.OperationalError, match="did not name"):
        conn.query(sql.format(secret=secret), infile_stream=b"stream")
    assert not conn.open
    conn.close()
    told = b"".join(server.told)
    assert b"s3cret contents" not in told
    assert b"stream\x00" not in told


def test_the_file_that_was_named_is_sent(lying: Callable[..., Lies], tmp_path: Path) -> None:
    file = tmp_path / "it's named"
    file.write_text("contents")

    def play(server: Lies) -> None:
        server.log_in()
        while command := server.receive():
            if b"INFILE" in command.upper():
                server.send(b"\xfb" + str(file).encode())
                while server.receive():
                    pass
            server.send(OK)

    server = lying(play)
    url = f"u:p@127.0.0.1:{server.port}?local_infile=1&multi_statements=1"
    with s2.connect(url) as conn:
        literal = conn.escape(str(file))
        for sql in (
            f"LOAD DATA LOCAL INFILE {literal} INTO TABLE t",
            f" -- why\n /* how */ load data local infile {literal} into table t",
            f"SET @a = ';'; LOAD DATA LOCAL INFILE {literal} INTO TABLE t",
        ):
            conn.query(sql)
    assert server.told.count(b"contents") == 3


# -- what is shown ---------------------------------------------------------------------------


def test_secrets_are_not_shown(
    mariadb: MariaDB, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    url = mariadb.url
    with s2.connect(url, conn_attrs={"token": "t0ken"}) as conn:
        cursor = conn.cursor()
        shown = [
            *(repr(conn), str(conn), repr(conn.connection_params), str(conn.connection_params)),
            *(repr(conn._params), repr(cursor), repr(conn.show), repr(conn.globals)),
            *(repr(vars(conn)), f"{conn.connection_params}"),
        ]
        with pytest.raises(s2.Error) as caught:
            conn.query("SELEKT")
        shown += [str(caught.value), repr(caught.value)]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        forgotten = s2.connect(url)
        del forgotten
    shown += [str(warning.message) for warning in told]
    assert shown[-1].startswith("unclosed")
    shown += [caplog.text, *capsys.readouterr()]
    for text in shown:
        assert mariadb.password not in text
        assert "t0ken" not in text


@pytest.mark.parametrize(
    "bad",
    [
        "u:s3cret@h:port",
        "u:s3cret@h:1?nonsense=1",
        "nodriver://u:s3cret@h",
        "u:s3cret@127.0.0.1:1",
        "http://u:s3cret@127.0.0.1:1",
        "u:s3cret@h?autocommit=s0",
        "u:s3cret@[::1",
        "s3cret:s3cret",
    ],
)
def test_urls_are_not_repeated_in_errors(bad: str) -> None:
    with pytest.raises((s2.Error, ValueError)) as caught:
        s2.connect(bad, connect_timeout=2)
    error: BaseException | None = caught.value
    while error is not None:
        assert "s3cret" not in f"{error} {error!r}"
        error = error.__cause__


def test_the_environments_url_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SINGLESTOREDB_URL", "u:s3cret@127.0.0.1:1/db")
    monkeypatch.setenv("SINGLESTOREDB_PASSWORD", "s3cret")
    monkeypatch.setenv("SINGLESTOREDB_DEBUG_QUERIES", "1")
    monkeypatch.setenv("SINGLESTOREDB_PLUGINS_TRACE", "1")
    s2.describe_option()
    for track_env in (True, False):
        with pytest.raises(s2.OperationalError) as caught:
            s2.connect(track_env=track_env).query("SELECT 1")
        assert "s3cret" not in str(caught.value)
    tracked = s2.connect(track_env=True)
    assert "s3cret" not in repr(tracked) + repr(vars(tracked))
    assert "s3cret" not in "".join(capsys.readouterr())
    assert "s3cret" not in repr(s2.options) + (s2.options.__doc__ or "")


def test_values_that_are_not_allowed_are_not_repeated_when_secret() -> None:
    for arguments in (
        {"conn_attrs": "s3cret"},
        {"auth_plugin_map": "s3cret"},
        {"ssl": {"password": "s3cret", "nonsense": 1}},
    ):
        with pytest.raises(ValueError, match="is not allowed") as caught:
            connect("h", **arguments)
        assert "s3cret" not in str(caught.value)


# -- names -----------------------------------------------------------------------------------


def test_names_are_quoted_everywhere(mariadb: MariaDB) -> None:
    name = "x`; DROP TABLE victim; #"
    quoted = "`" + name.replace("`", "``") + "`"
    with s2.connect(mariadb.url, multi_statements=True) as conn:
        conn.query("CREATE OR REPLACE TABLE victim (a INT)")
        conn.query(f"CREATE OR REPLACE TABLE {quoted} (a INT PRIMARY KEY)")
        assert conn.show.columns(name).Name == ["a"]
        assert conn.show.columns(name, full=True).Name == ["a"]
        assert len(conn.show.indexes(name)) == 1
        assert name in conn.show.create_table(name).Name
        for use in (
            lambda: conn.show.create_view(name),
            lambda: conn.show.create_function(name),
            lambda: conn.show.create_aggregate(name),
            lambda: conn.show.create_pipeline(name),
            lambda: conn.select_db(name),
            lambda: conn.cursor().callproc(name),
            lambda: conn.cursor().callproc(name, [1]),
            lambda: conn.set_charset(name),
            lambda: conn.globals[name],
            lambda: conn.locals.__setitem__(name, 1),
            lambda: conn.show.plan(name),  # type: ignore[arg-type]
            lambda: conn.kill(name),  # type: ignore[arg-type]
            lambda: conn.show.columns("a\0b"),
        ):
            with pytest.raises((s2.Error, ValueError)):
                use()
        assert "victim" in conn.show.tables().Name
        conn.query(f"DROP TABLE victim, {quoted}")
