"""URL rules, precedence, coercion, and refusals."""

from __future__ import annotations

from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb.connection import _parse_url, build_params, cast_bool_param
from singlestoredb.params import is_url, resolve
from singlestoredb.session import _Masked
from singlestoredb_hookspecs import ConnectionParams

DEFAULTS = {
    "host": "127.0.0.1",
    "port": 3306,
    "driver": "mysql",
    "local_infile": False,
    "charset": "utf8mb4",
    "ssl_disabled": False,
    "ssl_cipher": "HIGH",
    "autocommit": True,
    "results_type": "tuples",
    "buffered": True,
    "multi_statements": False,
    "client_found_rows": False,
    "connect_timeout": 10,
    "nan_as_null": False,
    "inf_as_null": False,
    "encoding_errors": "strict",
    "track_env": False,
    "enable_extended_data_types": True,
    "vector_data_format": "binary",
    "parse_json": True,
    "interpolate_query_with_empty_args": False,
}


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("h", {"host": "h"}),
        ("h:1/db", {"host": "h", "port": 1, "database": "db"}),
        ("HOST.example/db", {"host": "host.example", "database": "db"}),
        ("u:p@h", {"user": "u", "password": "p", "host": "h"}),
        ("u:@h", {"user": "u", "password": "", "host": "h"}),
        ("u@h", {"user": "u", "host": "h"}),
        ("u:p@w@h", {"user": "u", "password": "p@w", "host": "h"}),
        ("u:p%40%2F+x@h", {"user": "u", "password": "p@/ x", "host": "h"}),
        (":p@h", {"host": "h"}),
        ("h/db/extra", {"host": "h", "database": "db"}),
        ("h/db#frag", {"host": "h", "database": "db"}),
        ("h/d%20b", {"host": "h", "database": "d b"}),
        ("h?charset=&Local_Infile=1", {"host": "h", "local_infile": "1"}),
        ("h?port=1&port=2", {"host": "h", "port": "2"}),
        ("[::1]:3307/db", {"host": "::1", "port": 3307, "database": "db"}),
        ("mysql://h", {"driver": "mysql", "host": "h"}),
        ("HTTP://h", {"driver": "http", "host": "h"}),
        ("singlestoredb://h", {"host": "h"}),
        ("singlestoredb+https://h", {"driver": "https", "host": "h"}),
        ("/db", {"database": "db"}),
    ],
)
def test_urls(url: str, parts: dict[str, Any]) -> None:
    assert _parse_url(url) == parts


@pytest.mark.parametrize("url", ["u:s3cret@h:port/db", "h:99999", "u:s3cret"])
def test_unreadable_urls_are_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="cannot be read") as caught:
        _parse_url(url)
    assert "s3cret" not in str(caught.value)


def test_defaults() -> None:
    assert build_params() == DEFAULTS


def test_url_beats_keywords_beats_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINGLESTOREDB_USER", "env")
    monkeypatch.setenv("SINGLESTOREDB_PORT", "7")
    monkeypatch.setenv("SINGLESTOREDBCHARSET", "latin1")
    merged = build_params(host="u@h/db", user="kw", port=5)
    assert (merged["user"], merged["port"], merged["charset"]) == ("u", 5, "latin1")
    merged = build_params(host="h", user="kw")
    assert (merged["user"], merged["port"]) == ("kw", 7)
    with s2.option_context(user="code"):
        assert build_params(host="h")["user"] == "code"
    assert build_params(host="h")["user"] == "env"


def test_the_environments_url_fills_in_and_yields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINGLESTOREDB_URL", "eu:ep@eh:99/edb?local_infile=1")
    monkeypatch.setenv("SINGLESTOREDB_USER", "other")
    merged = build_params()
    assert (merged["user"], merged["password"], merged["port"]) == ("eu", "ep", 99)
    assert merged["local_infile"] is True
    assert build_params(user="kw")["user"] == "kw"
    merged = build_params(host="elsewhere")
    assert (merged["host"], merged["user"]) == ("elsewhere", "other")
    assert "password" not in merged
    monkeypatch.setenv("SINGLESTOREDB_HOST", "Plain")
    assert build_params()["host"] == "Plain"


@pytest.mark.parametrize("host", ["1.2.3.4:80", "h:1", "h/db", "u@h", "h?a=1", "[::1]", "a::/b"])
def test_what_is_a_url(host: str) -> None:
    assert is_url(host)


@pytest.mark.parametrize("host", ["h", "1.2.3.4", "::1", "fe80::1%2", "2001:DB8::1", ""])
def test_what_is_a_name_or_an_address(host: str) -> None:
    assert not is_url(host)


def test_a_driver_that_opens_files_takes_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    from singlestoredb_hookspecs import DriverInfo, DriverParameter, hookimpl

    class FileDriver:
        @hookimpl
        def s2_driver_info(self, name: str) -> DriverInfo | None:
            own = (
                DriverParameter("readonly", cast_bool_param, False),
                DriverParameter("key", secret=True, convert=int),
            )
            return DriverInfo("file", url_path="file", parameters=own)

        @hookimpl
        def s2_open_driver(self, name: str, params: ConnectionParams) -> None:
            return None

    driver = FileDriver()
    s2.plugins.register(driver, "drivers:file")
    try:
        params = resolve(host="file:///rel/a.db?readonly=yes")
        assert (params.path, params.database, params.host) == ("rel/a.db", None, None)
        assert params.driver_options == {"readonly": True}
        assert resolve(host="file:////abs/a%20b.db?database=x").path == "/abs/a b.db"
        assert resolve(host="file:////abs/a.db?database=x").database == "x"
        assert resolve(host="file://name").host == "name"
        assert resolve(driver="file").path is None
        monkeypatch.setenv("SINGLESTOREDB_URL", "file:///env.db?readonly=yes")
        params = resolve(driver="file")
        assert (params.path, params.driver_options) == ("env.db", {"readonly": True})
        monkeypatch.setenv("SINGLESTOREDB_URL", "mysql://eu:ep@eh/edb")
        params = resolve(driver="file", database="d")
        assert (params.path, params.user, params.database) == (None, None, "d")
        monkeypatch.delenv("SINGLESTOREDB_URL")
        with pytest.raises(ValueError, match=r"connection parameter key: is not allowed") as caught:
            resolve(host="file://?key=s3cret")
        assert "s3cret" not in str(caught.value).partition("invalid literal")[0]
    finally:
        s2.plugins.unregister(driver)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"host": "h?bogus=1"}, "Unrecognized connection parameter: bogus"),
        ({"host": "h?locl_infile=1"}, "did you mean local_infile"),
        ({"host": "h?conv=1"}, "conv cannot be given in a URL"),
        ({"local_infile": "perhaps"}, "local_infile: 'perhaps' is not allowed"),
        ({"port": "x"}, "port: 'x' is not allowed"),
        ({"connect_timeout": 0}, "connect_timeout must be from 1"),
        ({"read_timeout": -1}, "read_timeout: -1 is not allowed"),
        ({"vector_data_format": "xml"}, "vector_data_format must be json or binary"),
        ({"credential_type": "guess"}, "credential_type must be"),
        ({"conv": 5}, "conv: 5 is not allowed"),
        ({"conv": [("a", 1)]}, "a mapping is needed, not list"),
        ({"connect_timeout": 31_536_001}, "connect_timeout must be from 1"),
        ({"read_timeout": 0}, "must be a positive number of seconds, not 0"),
        ({"keepalive": 0}, "a positive number of seconds is needed, not 0"),
        ({"retries": -1}, "a number of attempts cannot be negative: -1"),
    ],
)
def test_refusals(kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_params(**kwargs)


def test_unknown_keywords_are_type_errors_with_a_hint() -> None:
    with pytest.raises(TypeError, match=r"argument 'pasword'.*did you mean password"):
        s2.connect("h", pasword="s3cret")


def test_unknown_drivers_and_formats() -> None:
    with pytest.raises(s2.plugins.PluginNotFoundError, match="no driver named 'mysql\\+http'"):
        s2.connect("mysql+http://h")
    with pytest.raises(s2.plugins.PluginNotFoundError, match="Did you mean 'pandas'"):
        s2.connect("h", results_type="panda")


def test_format_names_have_their_old_spellings() -> None:
    assert build_params(results_type="Tuple")["results_type"] == "tuples"
    assert build_params(results_type="pyarrow")["results_type"] == "arrow"
    with pytest.warns(DeprecationWarning, match="results_type"):
        assert build_params(results_format="dict")["results_type"] == "dicts"


def test_what_follows_from_other_parameters() -> None:
    assert build_params(ssl_ca="ca.pem", ssl_verify_cert=False)["ssl_verify_cert"] is True
    assert "password" not in build_params(password="")
    assert build_params(user="u", password="")["password"] == ""
    assert build_params(password="s3cret")["password"] == "s3cret"
    assert build_params(connect_timeout=31_536_000)["connect_timeout"] == 31_536_000
    assert build_params(retries=0)["retries"] == 0
    assert build_params(host="::1")["host"] == "::1"


def test_what_ssl_and_its_companions_say_together(monkeypatch: pytest.MonkeyPatch) -> None:
    for ssl in (False, "no", {"cipher": "HIGH"}):
        with pytest.raises(ValueError, match="ssl and ssl_ca cannot be given together"):
            build_params(ssl=ssl, ssl_ca="ca.pem")
    both = build_params(ssl=True, ssl_ca="ca.pem")
    assert (both["ssl"], both["ssl_ca"]) == (True, "ca.pem")
    assert build_params(ssl={}, ssl_ca="ca.pem")["ssl"] is True
    without = build_params(ssl=False, ssl_verify_cert=False)
    assert (without["ssl_disabled"], "ssl" in without) == (True, False)
    monkeypatch.setenv("SINGLESTOREDB_SSL_CA", "ca.pem")
    assert build_params(ssl=False)["ssl_disabled"] is True, "only what was said with it counts"


@pytest.mark.parametrize("value", [True, 1, "1", "ON", "t", "True", "y", "yes", "enabled", b"1"])
def test_true(value: Any) -> None:
    assert cast_bool_param(value) is True


@pytest.mark.parametrize("value", [None, False, 0, "0", "off", "F", "false", "n", "no", "DISABLED"])
def test_false(value: Any) -> None:
    assert cast_bool_param(value) is False


def test_neither() -> None:
    with pytest.raises(ValueError, match="Unrecognized value for bool: 2"):
        cast_bool_param(2)


def test_parameters_hide_secrets() -> None:
    params = resolve(host="u:s3cret@h", conn_attrs={"token": "s3cret"})
    assert "s3cret" not in repr(params)
    assert "***" in repr(params)


def test_what_is_shown_of_parameters() -> None:
    params = ConnectionParams(host="h", port=1, password="s", auth_plugin_map={"a": "s"}, path="p")
    shown = repr(params)
    assert shown.startswith(
        "ConnectionParams(driver='mysql', host='h', port=1, password=***, path='p'"
    )
    assert "auth_plugin_map=***" in shown
    for name in ("user", "conn_attrs", "driver_options"):
        assert f"{name}=" not in shown, "there is nothing to show or to hide"
    masked = _Masked(host="h", password="s", conn_attrs={}, driver_options={"key": "s"})
    expected = {"host": "h", "password": "***", "conn_attrs": {}, "driver_options": "***"}
    assert repr(masked) == repr(expected)
