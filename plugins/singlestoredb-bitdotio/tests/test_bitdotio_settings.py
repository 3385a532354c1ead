"""What is checked before anything is sent, and which source of a setting wins."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

import bitdotio as bitdotio_package
from bitdotio import __version__, bitdotio
from bitdotio._settings import check_database_name, resolve_settings

TOKEN = "v2_3u8ABCdef"
SERVICE = f"dbname=me/db user=api_user password={TOKEN} host=db.bit.io port=5432 sslmode=require"


def test_construction_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        pytest.fail("something was sent")

    monkeypatch.setattr(requests.Session, "request", refuse)
    with bitdotio(TOKEN) as b:
        assert repr(b) == "<bitdotio SDK object: v2>"
    assert __version__.count(".") == 2


@pytest.mark.parametrize(
    "token", ["", "v2_", "v1_abc", "v2_a b", "xv2_abc", "v2_abc\n", "v2_a-b", None, 5]
)
def test_tokens_of_the_service_have_one_form(token: Any) -> None:
    with pytest.raises(ValueError, match="Invalid access token") as caught:
        bitdotio(token)
    if token not in ("", "v2_"):
        assert str(token) not in str(caught.value)


def test_a_missing_token_is_told_from_a_wrong_one() -> None:
    with pytest.raises(ValueError, match="none was given"):
        bitdotio(None)


def test_other_tokens_on_request_or_with_an_own_api() -> None:
    assert resolve_settings("secret", validate_token=False, environ={}).token == "secret"
    assert resolve_settings("secret", api_url="http://h:1", environ={}).token == "secret"
    with pytest.raises(ValueError, match="Invalid access token") as caught:
        resolve_settings("sec\r\nret", validate_token=False, environ={})
    assert "ret" not in str(caught.value)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((-1, 5), "min_conn must be a whole number"),
        ((0, -1), "max_conn must be a whole number"),
        (("v2beta", 5), "min_conn must be a whole number"),
        ((5, 5), "min_conn must be strictly less than max_conn"),
        ((0, 0), "min_conn must be strictly less than max_conn"),
    ],
)
def test_pool_sizes(sizes: tuple[Any, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bitdotio(TOKEN, *sizes)


@pytest.mark.parametrize(
    "name", ["my/db", "m/d", "my/db/with/some/slashes", "my/db/with.some+other$things", "a/..b"]
)
def test_valid_database_names(name: str) -> None:
    check_database_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("/mydb", "mydb", "-/db", "./db", "me/", "o" * 39 + "/db", "me/" + "n" * 24, "", None),
        *("me/..", "me/.", "me/../x", "me/a\nb"),
    ],
)
def test_invalid_database_names(name: Any) -> None:
    with (
        bitdotio(TOKEN, api_url="http://127.0.0.1:1") as b,
        pytest.raises(ValueError, match="Invalid database name"),
    ):
        b.delete_database(name)


def test_connection_string_of_the_service() -> None:
    with bitdotio(TOKEN) as b:
        assert b._get_conn_string("me/db") == SERVICE


def test_connection_string_quotes_its_values() -> None:
    from psycopg2.extensions import parse_dsn

    name = "me/it's a \\ host=evil"
    with bitdotio(TOKEN) as b:
        parts = parse_dsn(b._get_conn_string(name))
    assert parts["dbname"] == name
    assert parts["host"] == "db.bit.io"


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DB_HOST": "h",
        "DB_PORT": "6000",
        "DB_USER": "u",
        "DB_PASSWORD": "p",
        "SSLMODE": "disable",
        "API_URL": "https://api.example/prefix/",
        "API_VERSION": "v3",
        "TIMEOUT": "2.5",
        "QUERY_VIA": "pg",
    }.items():
        monkeypatch.setenv(f"BITIO_{name}", value)
    with bitdotio("any") as b:
        dsn = b._get_conn_string("me/db")
        assert dsn == "dbname=me/db user=u password=p host=h port=6000 sslmode=disable"
        assert b._settings.api_url == "https://api.example/prefix"
        assert b._settings.api_version == "v3"
        assert b._settings.timeout == 2.5
        assert b._settings.query_via == "pg"
    with bitdotio("any", db_host="k", db_port=1, api_version="v4", timeout=1) as b:
        assert "host=k port=1 " in b._get_conn_string("me/db")
        assert b._settings.api_version == "v4"
        assert b._settings.timeout == 1.0


def test_empty_variables_count_as_not_set() -> None:
    settings = resolve_settings(TOKEN, environ={"BITIO_API_URL": "", "BITIO_DB_PORT": ""})
    assert settings.api_url == "https://api.bit.io"
    assert settings.db_port is None


def test_token_inside_the_api_url() -> None:
    settings = resolve_settings(None, environ={"BITIO_API_URL": "http://v2_x%2B@127.0.0.1:80/"})
    assert settings.token == "v2_x+"
    assert settings.api_url == "http://127.0.0.1:80"
    assert "v2_x" not in repr(settings)
    given = resolve_settings("other", environ={"BITIO_API_URL": "http://v2_x@127.0.0.1:80"})
    assert given.token == "other"
    assert resolve_settings("t", api_url="http://[::1]:80", environ={}).api_url == "http://[::1]:80"


@pytest.mark.parametrize(
    ("keywords", "environ", "message"),
    [
        ({"api_url": "ftp://v2_secret@h"}, {}, "Invalid api_url"),
        ({"api_url": "http://v2_secret@h:port"}, {}, "Invalid api_url"),
        ({"api_url": "http://h?x=v2_secret"}, {}, "Invalid api_url"),
        ({"api_version": "../x"}, {}, "Invalid api_version"),
        ({"timeout": 0}, {}, "timeout must be a positive"),
        ({"db_port": 70000}, {}, "db_port must be between"),
        ({"query_via": "smtp"}, {}, "query_via must be 'http' or 'pg'"),
        ({}, {"BITIO_DB_PORT": "many"}, "BITIO_DB_PORT must be a whole number, not 'many'"),
        ({}, {"BITIO_TIMEOUT": "soon"}, "BITIO_TIMEOUT must be a number, not 'soon'"),
    ],
)
def test_impossible_settings(
    keywords: dict[str, Any], environ: dict[str, str], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        resolve_settings(TOKEN, **keywords, environ=environ)
    assert "secret" not in str(caught.value)


def test_more_arguments_for_psycopg2() -> None:
    with bitdotio(
        TOKEN,
        dbname_map=lambda name: name.replace("/", "_"),
        connect_kwargs={"application_name": "it's me", "connect_timeout": 3, "host": "other"},
    ) as b:
        dsn = b._get_conn_string("me/db")
    assert dsn.startswith("dbname=me_db ")
    assert "host=other " in dsn
    assert dsn.endswith(r"application_name='it\'s me' connect_timeout=3")


@pytest.mark.parametrize("name", ["bitdotio", "bit.bit"])
def test_import_is_light(name: str) -> None:
    heavy = ("psycopg2", "requests", "singlestoredb", "http.server")
    code = f"import sys, {name}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_only_the_plugins_import_the_sdk() -> None:
    package = Path(bitdotio_package.__file__).parent
    importing = {
        path.relative_to(package).parts[0]
        for path in package.rglob("*.py")
        if re.search(r"^\s*(from|import) singlestoredb", path.read_text("utf-8"), re.M)
    }
    assert importing == {"sdk"}
