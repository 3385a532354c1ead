"""Parameters, options, events, followed connections and the members of connections."""

from __future__ import annotations

import contextlib
import gc
import inspect
import os
import ssl
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb.connection import build_params
from singlestoredb.params import resolve
from singlestoredb.testing import MariaDB
from singlestoredb.utils import events

connect: Any = s2.connect

# -- parameters ------------------------------------------------------------------------------

POSITIONAL = (
    "host user password port database driver pure_python local_infile charset ssl_key ssl_cert "
    "ssl_ca ssl_disabled ssl_cipher ssl_verify_cert tls_sni_servername ssl_verify_identity conv "
    "credential_type autocommit results_type buffered results_format program_name conn_attrs "
    "multi_statements client_found_rows connect_timeout nan_as_null inf_as_null encoding_errors "
    "track_env enable_extended_data_types vector_data_format parse_json "
    "interpolate_query_with_empty_args socket_options"
)
FURTHER = (
    "unix_socket read_timeout write_timeout init_command collation sql_mode ssl bind_address "
    "binary_prefix server_public_key max_allowed_packet invalid_values use_unicode client_flag "
    "auth_plugin_map defer_connect cursorclass read_default_file read_default_group"
)


def test_the_signature() -> None:
    parameters = inspect.signature(s2.connect).parameters
    in_order = [n for n, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert " ".join(in_order) == POSITIONAL
    assert set(FURTHER.split()) <= set(parameters)
    with pytest.raises(TypeError, match=r"pasword.*did you mean password"):
        connect("h", pasword="x")
    with pytest.raises(ValueError, match="Unrecognized connection parameter: x"):
        connect("h/db?x=1")
    with pytest.warns(DeprecationWarning, match="results_type"):
        assert build_params(results_format="dicts")["results_type"] == "dicts"


def test_precedence_of_urls() -> None:
    merged = build_params(host="u:p@h:1/db", user="x", port=5)
    assert (merged["user"], merged["port"], merged["host"]) == ("u", 1, "h")
    assert build_params(host="http://h")["port"] == 80
    assert build_params(host="https://h")["port"] == 443
    with s2.option_context(http_port=8080):
        assert build_params(host="http://h")["port"] == 8080
    with s2.option_context(port=9999):
        assert build_params(host="http://h")["port"] == 9999
    with pytest.raises(s2.plugins.PluginError, match=r"mysql\+http"):
        build_params(host="mysql+http://h")
    assert build_params(host="h", ssl_ca="x", ssl_verify_cert=False)["ssl_verify_cert"] is True


# -- option files ----------------------------------------------------------------------------


@pytest.fixture
def option_file(tmp_path: Path, mariadb: MariaDB) -> Path:
    path = tmp_path / "my.cnf"
    path.write_text(
        "!includedir /no/such/folder\n"
        f"[client]\nuser={mariadb.user}\npassword='{mariadb.password}'\nhost={mariadb.host}\n"
        f"port={mariadb.port}\ndatabase={mariadb.database}\nskip-name-resolve\n"
        "default_character_set=latin1\n"
        f'[local]\nuser = {mariadb.user}\npassword = "{mariadb.password}"\n'
        f"socket = {mariadb.unix_socket}\n"
        "[tls]\nhost=h\nssl-ca=/ca.pem\nssl-cert=/c.pem\nssl-key=/k.pem\nssl-cipher=AES\n"
        "bind-address=127.0.0.1\n"
    )
    return path


def test_option_files_connect(option_file: Path, mariadb: MariaDB) -> None:
    with s2.connect(read_default_file=str(option_file)) as conn:
        assert conn.execute("SELECT DATABASE()").fetchall() == [(mariadb.database,)]
        assert conn.charset == "latin1"
    file = str(option_file)
    with s2.connect(read_default_file=file, read_default_group="local") as conn:
        assert conn.get_host_info() == "Localhost via UNIX socket"
    with s2.mysql.connect(read_default_file=file, charset="utf8mb4") as conn:
        assert conn.charset == "utf8mb4", "what is given wins"
        assert conn.user == mariadb.user


def test_option_files_fill_in(option_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINGLESTOREDB_URL", "envuser:envpw@envhost:1/envdb")
    params = resolve(read_default_file=str(option_file), read_default_group="tls")
    assert (params.host, params.ssl_ca, params.ssl_cert, params.ssl_key, params.ssl_cipher) == (
        *("h", "/ca.pem", "/c.pem", "/k.pem"),
        "AES",
    )
    assert params.bind_address == "127.0.0.1"
    assert params.ssl_verify_cert is True
    assert params.user is None, "a URL of the environment that is not used fills nothing in"
    params = resolve(host="u@k:5/d", read_default_file=str(option_file))
    assert (params.host, params.user, params.port, params.database) == ("k", "u", 5, "d")
    assert params.password == resolve(read_default_file=str(option_file)).password


def test_option_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no\.cnf' cannot be read: No such file"):
        resolve(read_default_file=str(tmp_path / "no.cnf"))
    wrong = tmp_path / "wrong.cnf"
    wrong.write_text("password=s3cret\n")
    with pytest.raises(ValueError, match="is no option file") as caught:
        resolve(read_default_file=str(wrong))
    assert "s3cret" not in str(caught.value)


# -- ssl= ------------------------------------------------------------------------------------


def test_forms_of_ssl(tmp_path: Path, mariadb_tls: MariaDB) -> None:
    ca = mariadb_tls.ssl_ca
    demand: Any
    for demand in ({}, True, "1"):
        assert resolve(host="h", ssl=demand).ssl is True
    assert resolve(host="h?ssl=true").ssl is True
    assert resolve(host="h", ssl=False).ssl_disabled is True
    assert resolve(host="h?ssl=0").ssl_disabled is True
    own = ssl.create_default_context()
    assert resolve(host="h", ssl=own).ssl is own

    def context(**settings: Any) -> ssl.SSLContext:
        made = resolve(host="h", ssl=settings).ssl
        assert isinstance(made, ssl.SSLContext)
        assert made.minimum_version >= ssl.TLSVersion.TLSv1_2
        return made

    made = context(ca=ca)
    assert (made.verify_mode, made.check_hostname) == (ssl.CERT_REQUIRED, True)
    made = context(ca=ca, check_hostname=False)
    assert (made.verify_mode, made.check_hostname) == (ssl.CERT_REQUIRED, False)
    made = context(cipher="HIGH")
    assert (made.verify_mode, made.check_hostname) == (ssl.CERT_NONE, False)
    made = context(check_hostname=True)
    assert (made.verify_mode, made.check_hostname) == (ssl.CERT_REQUIRED, True)
    for mode, expected in (
        ("none", ssl.CERT_NONE),
        ("optional", ssl.CERT_OPTIONAL),
        ("required", ssl.CERT_REQUIRED),
        (True, ssl.CERT_REQUIRED),
        ("off", ssl.CERT_NONE),
        (ssl.CERT_REQUIRED, ssl.CERT_REQUIRED),
    ):
        assert context(ca=ca, verify_mode=mode).verify_mode == expected
    assert context(capath=str(tmp_path)).verify_mode == ssl.CERT_REQUIRED
    for wrong, message in (
        ({"ca": "/no/such"}, "cannot be used"),
        ({"cafile": ca}, "'cafile' is not one of"),
        ({"cipher": "NO-SUCH"}, "cannot be used"),
        ({"verify_mode": "sometimes"}, "verify_mode"),
        ({"verify_mode": "none", "check_hostname": True}, "verify_mode is none"),
        (5.5, "an ssl.SSLContext"),
        ("perhaps", "not a recognized bool"),
    ):
        with pytest.raises(ValueError, match=message):
            resolve(host="h", ssl=wrong)
    for flat in ("ssl_ca", "ssl_cert", "ssl_verify_cert", "ssl_verify_identity"):
        for value in (own, {"ca": ca}, False):
            with pytest.raises(ValueError, match="cannot be given together"):
                resolve(host="h", ssl=value, **{flat: "1"})


def test_an_own_context_is_not_overruled_by_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SINGLESTOREDB_SSL_CA", "/elsewhere.pem")
    own = ssl.create_default_context()
    assert resolve(host="h", ssl=own).ssl is own


def test_tls_in_every_form(mariadb_tls: MariaDB) -> None:
    cipher = "SHOW STATUS LIKE 'Ssl_cipher'"
    forms: list[dict[str, Any]] = [
        {"ssl": {}},
        {"ssl": {"ca": mariadb_tls.ssl_ca}},
        {"ssl": True, "ssl_ca": mariadb_tls.ssl_ca},
        {"ssl": {"cipher": "HIGH"}, "unix_socket": mariadb_tls.unix_socket},
    ]
    for form in forms:
        with connect(mariadb_tls.url, **form) as conn:
            assert conn.ssl
            assert conn.execute(cipher).fetchall()[0][1]
    with s2.connect(mariadb_tls.url, ssl=False) as conn:
        assert not conn.ssl
        assert not conn.execute(cipher).fetchall()[0][1]
    with pytest.raises(s2.OperationalError, match="CERTIFICATE_VERIFY_FAILED"):
        s2.connect(mariadb_tls.url, ssl={"verify_mode": "required"})


# -- further parameters ----------------------------------------------------------------------


def test_text_as_bytes(mysql_url: str) -> None:
    sql = "SELECT 'ü' AS a, x'00ff' AS b, 1 AS c, DATE '2020-01-02' AS d"
    with s2.connect(mysql_url, use_unicode=False) as conn:
        row: Any = conn.execute(sql).fetchone()
        assert row[:3] == ("ü".encode(), b"\x00\xff", 1)
        assert str(row[3]) == "2020-01-02"
        assert conn.use_unicode is False
        assert conn.execute(sql, results_type="arrow").fetchall()["a"].to_pylist() == ["ü"]


def test_capability_flags(mysql_url: str) -> None:
    from singlestoredb.mysql.constants import CLIENT

    with s2.connect(mysql_url, client_flag=CLIENT.FOUND_ROWS) as conn:
        conn.query("CREATE TEMPORARY TABLE f (a INT)")
        conn.query("INSERT INTO f VALUES (1), (1)")
        assert conn.query("UPDATE f SET a = 1") == 2
        assert conn.client_flag == CLIENT.FOUND_ROWS
    for flag in (CLIENT.COMPRESS, CLIENT.DEPRECATE_EOF):
        with pytest.raises(s2.NotSupportedError, match="client_flag"):
            s2.connect(mysql_url, client_flag=flag)


def test_session_parameters(mysql_url: str) -> None:
    with s2.connect(
        mysql_url,
        init_command="SET @x = 7",
        collation="utf8mb4_bin",
        sql_mode="ANSI",
        bind_address="127.0.0.1",
        read_timeout=30,
        write_timeout=30,
        max_allowed_packet=1 << 20,
        program_name="tests",
        conn_attrs={"a": "b"},
    ) as conn:
        row = conn.execute("SELECT @x, @@collation_connection").fetchone()
        assert row == (7, "utf8mb4_bin")
        assert (conn.init_command, conn.collation, conn.sql_mode) == (
            *("SET @x = 7", "utf8mb4_bin"),
            "ANSI",
        )
        assert (conn.bind_address, conn.max_allowed_packet) == ("127.0.0.1", 1 << 20)


def test_invalid_values(mysql_url: str) -> None:
    bad = "SELECT CAST('2020-00-01' AS DATE) AS d"
    with s2.connect(mysql_url, sql_mode="") as conn:
        assert conn.execute(bad).fetchall() == [("2020-00-01",)]
    with s2.connect(mysql_url, sql_mode="", invalid_values={10: None}) as conn:
        assert conn.execute(bad).fetchall() == [(None,)]


def test_passwords_of_any_alphabet(mysql_url: str, mariadb: MariaDB) -> None:
    with s2.connect(mysql_url) as conn:
        conn.query("CREATE USER IF NOT EXISTS 'pw'@'127.0.0.1' IDENTIFIED BY '密码ü'")
        with s2.connect(host=mariadb.host, port=mariadb.port, user="pw", password="密码ü") as other:
            assert other.open
        conn.query("DROP USER 'pw'@'127.0.0.1'")


def test_tokens_are_passwords(mariadb: MariaDB) -> None:
    for kind in ("password", "jwt"):
        with s2.connect(mariadb.url, credential_type=kind) as conn:
            assert conn.open
    with pytest.raises(ValueError, match="credential_type"):
        s2.connect(mariadb.url, credential_type="magic")


def test_signing_on_in_the_browser(
    mariadb: MariaDB, embedded_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    token = {"text": mariadb.password}

    def get_jwt(email: str, **kwargs: Any) -> str:
        asked.append(email)
        return token["text"]

    monkeypatch.setattr("singlestoredb.auth.get_jwt", get_jwt)
    port = mariadb.port
    with s2.connect(
        host=mariadb.host, port=port, user=mariadb.user, credential_type="browser_sso"
    ) as conn:
        assert conn.open
    assert asked == [mariadb.user]


def test_the_workload_is_told(mysql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from singlestoredb_plugins.http.transport import _headers
    from singlestoredb_plugins.mysql.handshake import attributes

    monkeypatch.setenv("SINGLESTOREDB_WORKLOAD_TYPE", "Notebook")
    params = resolve(host=mysql_url, program_name="p", conn_attrs={"_os": "mine", "k": "v"})
    assert attributes(params) == {
        "_os": sys.platform,
        "_pid": str(os.getpid()),
        "_client_name": "SingleStoreDB Python Client",
        "_client_version": f"{s2.__version__}+Notebook",
        "program_name": "p",
        "k": "v",
    }
    agent = _headers(resolve(host="http://h"))["User-Agent"]
    assert agent == f"SingleStoreDB-Python/{s2.__version__}+Notebook"


# -- options ---------------------------------------------------------------------------------


def test_every_option_is_there() -> None:
    names = (
        "host port http_port user password database driver pure_python charset encoding_errors "
        "local_infile multi_statements client_found_rows ssl_key ssl_cert ssl_ca ssl_cipher "
        "tls_sni_servername ssl_disabled ssl_verify_cert ssl_verify_identity program_name "
        "conn_attrs credential_type sso_browser autocommit buffered parse_json connect_timeout "
        "nan_as_null inf_as_null track_env enable_extended_data_types vector_data_format "
        "interpolate_query_with_empty_args fusion.enabled socket_options results.type "
        "results.arraysize management.token management.base_url management.version "
        "management.trace debug.queries debug.connection "
    ) + " ".join(
        f"external_function.{name}"
        for name in (
            *("url", "app_mode", "data_format", "data_version", "link_name", "link_config"),
            *("link_credentials", "socket_path", "log_file", "app_name", "replace_existing"),
            *("single_thread", "disable_metrics", "max_connections", "port", "timeout"),
            *("process_mode", "log_level", "name_prefix", "name_suffix", "function_database"),
            *("connection", "host"),
        )
    )
    for name in names.split():
        s2.get_option(name)
        assert name in dir(s2.options)
    assert len(names.split()) == 68


def test_options_by_part_and_case(monkeypatch: pytest.MonkeyPatch) -> None:
    assert s2.get_option("RESULTS.Type") == "tuples"
    assert s2.get_option("arraysize") == 1
    assert s2.get_option("host") == "127.0.0.1"
    with pytest.raises(KeyError):
        s2.get_option("no.such")
    with pytest.raises(TypeError, match="nonsense is not a valid option name"):
        s2.get_option("nonsense")
    with pytest.raises(TypeError):
        s2.get_option("results")
    monkeypatch.setenv("SINGLESTOREDBCHARSET", "latin1")
    assert s2.get_option("charset") == "latin1"
    s2.set_option("charset", "gbk")
    try:
        assert os.environ["SINGLESTOREDBCHARSET"] == "gbk"
        s2.set_option(charset=None)
        assert "SINGLESTOREDBCHARSET" not in os.environ
    finally:
        s2.options.reset("charset")
    with contextlib.suppress(RuntimeError), s2.option_context({"results.type": "dicts"}):
        assert s2.options.results.type == "dicts"
        raise RuntimeError
    assert s2.options.results.type == "tuples"
    with s2.options(results_type="arrow"):
        assert s2.options.get("results.type") == "arrow"
    with s2.options.option_context(("charset", "gbk")):
        assert s2.options.charset == "gbk"
    s2.options.set("charset", "gbk")
    s2.options.reset("charset")
    assert s2.options.charset == "utf8mb4"


def test_options_describe_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    assert s2.describe_option("results.type") is None
    shown = capsys.readouterr().out
    assert shown.startswith("results.type : string\n    ")
    assert "[default: tuples] [currently: tuples]" in shown
    text = s2.describe_option("results", _print_desc=False)
    assert text is not None
    assert "results.arraysize" in text
    with pytest.raises(KeyError):
        s2.describe_option("no.such")


def test_statements_are_printed(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with s2.options(**{"debug.queries": True}), s2.connect(url) as conn:
        conn.execute("SELECT %s", [5]).close()
    assert "[QUERY] SELECT %s [5]\n" in capsys.readouterr().err
    with s2.connect(url) as conn:
        conn.execute("SELECT 1").close()
    assert capsys.readouterr().err == ""


def test_connections_are_printed(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with s2.options(**{"debug.connection": True}), s2.connect(url) as conn:
        host = conn.get_host_info()
    printed = capsys.readouterr().err.splitlines()
    driver = resolve(host=url).driver
    assert printed == [
        f"[CONNECTION] opened {driver} at {host}",
        f"[CONNECTION] closed {driver} at {host}",
    ]
    assert (resolve(host=url).password or "?") not in "".join(printed)


# -- following the environment ---------------------------------------------------------------


@pytest.fixture
def two(mariadb: MariaDB) -> Iterator[tuple[str, str]]:
    """URLs of two databases."""
    with s2.connect(mariadb.url) as conn:
        for name in ("one_db", "two_db"):
            conn.query(f"CREATE DATABASE IF NOT EXISTS {name}")
        base = mariadb.url.rpartition("/")[0]
        yield f"{base}/one_db", f"{base}/two_db"
        for name in ("one_db", "two_db"):
            conn.query(f"DROP DATABASE {name}")


def where(conn: s2.Connection) -> Any:
    return conn.execute("SELECT DATABASE()").fetchall()[0][0]


def test_the_environment_is_followed(two: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    conn = s2.connect(track_env=True)
    assert not conn.open
    monkeypatch.setenv("SINGLESTOREDB_URL", two[0])
    assert where(conn) == "one_db"
    first = conn.thread_id()
    assert where(conn) == "one_db"
    assert conn.thread_id() == first, "the same place is not connected to again"
    monkeypatch.setenv("SINGLESTOREDB_URL", two[0] + "?charset=latin1")
    assert conn.thread_id() == first
    monkeypatch.setenv("SINGLESTOREDB_URL", two[1])
    assert where(conn) == "two_db"
    assert conn.db == "two_db"
    assert conn.open
    # The portal's word has precedence.
    for subscriber in events._alive():
        subscriber(
            {
                "type": "event",
                "name": "singlestore.portal.connection_updated",
                "connection_url": two[0],
            }
        )
    assert where(conn) == "one_db"
    assert (resolve(host=two[0]).password or "?") not in repr(vars(conn))
    conn.close()
    assert not conn.open
    with pytest.raises(s2.InterfaceError, match="has been closed"):
        where(conn)
    with pytest.raises(s2.Error, match="Already closed"):
        conn.close()


def test_following_between_drivers(
    two: tuple[str, str], embedded_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with s2.connect(track_env=True) as conn:
        monkeypatch.setenv("SINGLESTOREDB_URL", two[0])
        assert where(conn) == "one_db"
        monkeypatch.setenv("SINGLESTOREDB_URL", embedded_server.http_url)
        assert conn.execute("SELECT %s", ["x"]).fetchall() == [("x",)]
        assert conn.driver == "http"


def test_the_portals_connection(two: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    conn = s2.connect("singlestore.com")
    with pytest.raises(s2.InterfaceError, match="Connection URL has not been established"):
        conn.query("SELECT 1")
    monkeypatch.setenv("SINGLESTOREDB_URL", two[0])
    assert where(conn) == "one_db"
    conn.begin()
    conn.commit()
    conn.rollback()
    conn.close()
    assert where(conn) == "one_db", "it is not the program's to close"
    with conn:
        pass
    assert conn.open
    del conn
    gc.collect()


def test_followers_are_not_kept_alive(
    two: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    conn: Any = s2.connect("singlestore.com")
    alive = weakref.ref(conn)
    subscribed = len(events._alive())
    del conn
    gc.collect()
    assert alive() is None
    assert len(events._alive()) < subscribed


# -- members ---------------------------------------------------------------------------------


def test_members_of_every_driver(conn: s2.Connection, url: str) -> None:
    for name in (
        *("Error", "Warning", "InterfaceError", "DatabaseError", "DataError", "OperationalError"),
        *("IntegrityError", "InternalError", "ProgrammingError", "NotSupportedError"),
    ):
        assert getattr(conn, name) is getattr(type(conn), name) is getattr(s2, name)
    assert conn.errorhandler is None
    assert conn.paramstyle == type(conn).paramstyle == "pyformat"
    assert conn._results_type == conn.results_type == "tuples"
    assert conn.encoding == "utf8"
    assert conn._driver.name == conn.driver == resolve(host=url).driver
    assert conn.messages == []
    assert conn.decoders[246]("1.5") is not None
    assert conn.encoders[str]("a", conn.encoders) == "'a'"
    assert conn.open
    assert conn.is_connected()
    assert conn.charset == "utf8mb4"
    assert conn.character_set_name() == "utf8mb4"
    assert conn.get_proto_info() == conn.protocol_version == 10
    assert conn.server_language == 45
    assert isinstance(conn.get_server_info(), str)
    assert conn.host_info == conn.get_host_info()
    assert isinstance(conn.server_thread_id, tuple)
    assert conn.server_status & 2
    assert conn.connect_timeout == 10
    assert conn.encoding_errors == "strict"
    assert conn.parse_json is True
    for name in (
        *("host", "port", "user", "password", "db", "unix_socket", "pure_python", "ssl"),
        *("invalid_values", "server_public_key", "interpolate_query_with_empty_args"),
        *("cursorclass", "resultclass", "server_capabilities", "server_charset"),
    ):
        getattr(conn, name)
    with conn.cursor() as cursor:
        assert cursor.Error is s2.Error
        assert cursor.connection is conn


def test_counts_of_the_last_statement(conn: s2.Connection) -> None:
    conn.query("DROP TABLE IF EXISTS counted")
    conn.query("CREATE TABLE counted (id BIGINT AUTO_INCREMENT PRIMARY KEY, a INT)")
    assert conn.query("INSERT INTO counted (a) VALUES (1), (2)") == 2
    assert conn.affected_rows() == 2
    assert conn.insert_id() >= 1
    with conn.cursor() as cursor:
        cursor.execute("UPDATE counted SET a = 9")
        assert conn.affected_rows() == 2
        cursor.execute("SELECT * FROM counted")
        assert conn.affected_rows() == 2
    assert conn.next_result() is None
    conn.query("DROP TABLE counted")


def test_result_sets_by_the_connection(mysql_url: str) -> None:
    with s2.connect(mysql_url, multi_statements=True) as conn:
        assert conn.query("SELECT 1 UNION SELECT 2; SELECT 3; SET @a = 1") == 2
        assert conn.next_result() == 1
        assert conn.next_result() == 0
        assert conn.next_result() is None
        assert conn.query("SELECT 1", unbuffered=True) == -1


def test_character_sets_of_a_session(mysql_url: str) -> None:
    with s2.connect(mysql_url) as conn:
        assert conn.execute("SELECT 'é'").fetchall() == [("é",)]
        conn.set_charset("latin1")
        assert (conn.charset, conn.encoding) == ("latin1", "cp1252")
        assert conn.execute("SELECT 'é', LENGTH('é')").fetchall() == [("é", 1)]
        conn.set_character_set("utf8mb4", "utf8mb4_bin")
        row = conn.execute("SELECT 'é', LENGTH('é'), @@collation_connection").fetchone()
        assert row == ("é", 2, "utf8mb4_bin")
        with pytest.raises(s2.NotSupportedError):
            conn.set_charset("klingon")
        with pytest.raises(s2.ProgrammingError):
            conn.set_character_set("utf8mb4", "x; DROP TABLE t")
    with s2.connect("embedded://") as conn:
        conn.set_charset("utf8")
        with pytest.raises(s2.NotSupportedError, match="utf8mb4"):
            conn.set_charset("latin1")


def test_life_of_a_connection(url: str) -> None:
    conn = s2.connect(url, defer_connect=True)
    assert not conn.open
    conn.connect()
    conn.ping()
    cursor = conn.cursor()
    conn.close()
    assert not conn.open
    with pytest.raises(s2.Error, match="Already closed"):
        conn.close()
    with pytest.raises(s2.Error):
        conn.ping(reconnect=False)
    for use in (conn.begin, conn.commit, conn.rollback, lambda: cursor.execute("SELECT 1")):
        with pytest.raises(s2.InterfaceError, match="The connection has been closed") as caught:
            use()
        assert caught.value.errno == 0
    assert conn.cursor() is not None, "a cursor can still be made"
    with s2.connect(url) as conn:
        pass
    assert not conn.open


def test_transactions(mysql_url: str) -> None:
    with s2.connect(mysql_url) as other:
        other.query("CREATE OR REPLACE TABLE tx (a INT) ENGINE=InnoDB")
        conn = s2.connect(mysql_url, autocommit=False)
        with conn:
            assert conn.get_autocommit() is False
            assert conn.autocommit_mode is False
            conn.query("INSERT INTO tx VALUES (1)")
            conn.rollback()
            conn.query("INSERT INTO tx VALUES (2)")
            conn.commit()
            conn.query("INSERT INTO tx VALUES (3)")
        # Leaving the block neither commits nor rolls back: what was not committed is lost.
        assert other.execute("SELECT a FROM tx").fetchall() == [(2,)]
        other.query("DROP TABLE tx")


def test_connections_can_be_killed(mysql_url: str) -> None:
    with s2.connect(mysql_url) as conn, s2.connect(mysql_url) as victim:
        number = victim.thread_id()
        assert victim.server_thread_id == (number,)
        conn.kill(number or 0)
        with pytest.raises(s2.OperationalError):
            victim.query("SELECT 1")
        victim.ping()
        assert victim.thread_id() != number
        victim.select_db("mysql")
        assert where(victim) == victim.db == "mysql"
        victim.connect()
        assert where(victim) == "mysql"


def test_connections_are_freed(url: str) -> None:
    conn: Any = s2.connect(url)
    conn.query("SELECT 1")
    conn.execute("SELECT 1").fetchall()
    alive = weakref.ref(conn)
    conn.close()
    del conn
    gc.collect()
    assert alive() is None


# -- SHOW and variables ----------------------------------------------------------------------


def test_show_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    with s2.connect("embedded://") as conn:

        def iquery(self: Any, sql: str, params: Any = None, fix_names: bool = True) -> Any:
            sent.append(sql)
            return [{"n": 1}]

        monkeypatch.setattr(type(conn), "_iquery", iquery)
        show = conn.show
        calls: Any = (
            (lambda: show.columns("t`x"), "columns in `t``x`"),
            (lambda: show.columns("t", full=True), "full columns in `t`"),
            (lambda: show.tables(), "tables"),
            (lambda: show.tables(extended=True), "tables extended"),
            (lambda: show.databases(extended=True), "databases extended"),
            (lambda: show.partitions(), "partitions"),
            (lambda: show.status(extended=True), "status extended"),
            *((lambda w=w: getattr(show, w)(), w) for w in
              ("warnings", "errors", "functions", "pipelines", "plancache", "processlist",
               "schemas", "procedures", "aggregates")),
            *((lambda w=w: getattr(show, w)(), w.replace("_", " ")) for w in
              ("database_status", "global_status", "session_status", "table_status")),
            (lambda: show.indexes("t"), "indexes in `t`"),
            (lambda: show.plan(5), "plan 5"),
            (lambda: show.plan(5, json=True), "plan json 5"),
            (lambda: show.reproduction(), "reproduction"),
            (lambda: show.create_aggregate("a"), "create aggregate `a`"),
            (lambda: show.create_function("a"), "create function `a`"),
            (lambda: show.create_table("a"), "create table `a`"),
            (lambda: show.create_view("a"), "create view `a`"),
            (lambda: show.create_pipeline("a", extended=True), "create pipeline `a` extended"),
        )  # fmt: skip
        for call, text in calls:
            call()
            assert sent[-1].strip() == f"show {text}"
        show.reproduction(outfile="it's.out")
        assert "{outfile}" not in sent[-1]
        assert conn.show is not conn.show


def test_what_show_returns() -> None:
    from singlestoredb.connection import ShowResult

    found = ShowResult([{"Tables_in_x": "a<b", "N": 5}, {"Tables_in_x": "bb", "N": 66}])
    assert found.columns == ["Name", "N"]
    assert found[0] == {"Name": "a<b", "N": 5}
    assert found[0:1] == [{"Name": "a<b", "N": 5}]
    assert found.Name == ["a<b", "bb"]
    assert len(found) == 2
    assert str(found) == ("\n| Name | N  |\n-------------\n| a<b  |  5 |\n| bb   | 66 |\n")
    html = found._repr_html_()
    assert html.startswith('<table border="1" class="dataframe">')
    assert "a&lt;b" in html
    assert 'style="text-align: left; vertical-align: top"' in html
    with pytest.raises(KeyError):
        _ = found.Missing
    with pytest.raises(AttributeError):
        _ = found._ipython_display_
    empty = ShowResult([])
    assert (str(empty), empty._repr_html_(), empty.columns) == ("", "", [])


@pytest.mark.parametrize(
    "results_type", ["tuples", "dicts", "namedtuples", "numpy", "pandas", "polars", "arrow"]
)
def test_show_and_variables_in_every_format(url: str, results_type: str) -> None:
    with s2.connect(url, results_type=results_type) as conn:
        conn.query("DROP TABLE IF EXISTS shown")
        conn.query("CREATE TABLE shown (a INT)")
        assert "shown" in conn.show.tables().Name
        assert conn.show.columns("shown").Name == ["a"]
        assert conn._iquery("SELECT 1 AS foo_sql_bar") == [{"FooSQLBar": 1}]
        assert conn._iquery("SELECT 1 AS a_b", fix_names=False) == [{"a_b": 1}]
        assert conn._iquery("DROP TABLE shown") == []


@pytest.mark.parametrize("kind", ["globals", "locals", "vars"])
def test_variables(mysql_url: str, kind: str) -> None:
    with s2.connect(mysql_url) as conn:
        variables = getattr(conn, kind)
        assert variables.autocommit is True
        assert variables["autocommit"] is True
        assert "autocommit" in list(variables)
        assert len(variables) > 100
        with pytest.raises(KeyError, match="No variable found with the name 'nope'"):
            _ = variables.nope
        with pytest.raises(TypeError):
            del variables["autocommit"]
        for bad in ("a b", "1a", "a;b", ""):
            with pytest.raises(ValueError, match="Name contains invalid characters"):
                _ = variables[bad]


def test_statements_of_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    with s2.connect("embedded://") as conn:

        def iquery(self: Any, sql: str, params: Any = None, fix_names: bool = True) -> Any:
            sent.append((sql, params))
            return [{"VariableName": "x", "Value": "off"}]

        monkeypatch.setattr(type(conn), "_iquery", iquery)
        for name, kind in (
            ("globals", "global "),
            ("locals", "local "),
            ("cluster_globals", "cluster global "),
            ("cluster_locals", "cluster local "),
            ("vars", ""),
            ("cluster_vars", "cluster "),
        ):
            variables = getattr(conn, name)
            assert variables.x is False
            assert sent[-1] == (f"show {kind}variables like %s;", ["x"])
            variables.x = True
            kind = kind.replace("local", "session")
            assert sent[-1] == (f"set {kind}x=%s;", ["ON"])
            variables["x"] = 5
            assert sent[-1] == (f"set {kind}x=%s;", [5])


def test_the_data_api_is_switched(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    with s2.connect("embedded://") as conn:

        def iquery(self: Any, sql: str, params: Any = None, fix_names: bool = True) -> Any:
            sent.append(sql if params is None else sql % tuple(params))
            return [{"Value": "9000"}] if sql.startswith("show") else []

        monkeypatch.setattr(type(conn), "_iquery", iquery)
        assert conn.enable_data_api(9000) == 9000
        assert sent == [
            "set global http_proxy_port=9000",
            "set global http_api='ON'",
            "restart proxy",
            "show global variables like 'http_proxy_port'",
        ]
        sent.clear()
        conn.disable_data_api()
        assert sent == ["set global http_api='OFF'", "restart proxy"]
        assert type(conn).enable_http_api is type(conn).enable_data_api
        assert type(conn).disable_http_api is type(conn).disable_data_api
