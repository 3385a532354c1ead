"""What is said on the wire: the handshake, the session's set-up, authentication, errors."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb.mysql.constants import CLIENT

from .lies import NO_TLS, OK, Lies, lying

__all__ = ["lying"]  # a fixture

connect: Any = s2.connect


def serves(server: Lies) -> None:
    """Accept whoever comes, and answer everything with OK."""
    server.log_in()
    while server.receive():
        server.send(OK)


def said(server: Lies) -> list[str]:
    """Return the statements that a server was sent."""
    return [told[1:].decode() for told in server.told if told[:1] == b"\x03"]


# -- the handshake ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "flags"),
    [
        ({}, 0),
        ({"local_infile": True}, 0),
        ({"multi_statements": True}, CLIENT.MULTI_STATEMENTS),
        ({"client_found_rows": True}, CLIENT.FOUND_ROWS),
        ({"client_flag": CLIENT.INTERACTIVE}, CLIENT.INTERACTIVE),
    ],
)
def test_capabilities(lying: Callable[..., Lies], options: dict[str, Any], flags: int) -> None:
    server = lying(serves)
    with connect(f"u:p@127.0.0.1:{server.port}/db", **options) as conn:
        assert conn.server_capabilities == NO_TLS
    asked, largest, charset = struct.unpack_from("<IIB", server.told[0])
    # The server has no TLS.  Files are announced always, for the SDK's own loads; whether one is
    # sent is decided at each request.
    base = 0x3AAA0D & ~CLIENT.SSL | CLIENT.LOCAL_FILES
    assert asked == base | flags
    assert (largest, charset) == (2**24 - 1, 45)
    assert server.told[0][32:].startswith(b"u\0")
    assert server.told[0][9:32] == b"\x00" * 23
    assert b"db\0mysql_native_password\0" in server.told[0]


def test_the_sessions_set_up(lying: Callable[..., Lies]) -> None:
    server = lying(serves)
    url = f"u:p@127.0.0.1:{server.port}"
    with s2.connect(
        url,
        collation="utf8mb4_bin",
        sql_mode="it's",
        init_command="SET @a = 1",
        vector_data_format="json",
        autocommit=False,
    ):
        pass
    assert said(server) == [
        "SET NAMES utf8mb4 COLLATE utf8mb4_bin",
        "SET sql_mode='it\\'s'",
        "SET @@SESSION.enable_extended_types_metadata=on",
        "SET @@SESSION.vector_type_project_format=json",
        "SET @a = 1",
        "SET AUTOCOMMIT = 0",
    ]
    assert server.done.wait(20)
    assert b"\x01" in server.told[-2:], "it says goodbye"
    for options, last in (
        ({"autocommit": True}, "SET @@SESSION.vector_type_project_format=binary"),
        ({"enable_extended_data_types": False}, "SET NAMES utf8mb4"),
        ({"charset": "latin1", "enable_extended_data_types": False}, "SET NAMES latin1"),
    ):
        other = lying(serves)
        with connect(f"u:p@127.0.0.1:{other.port}", **options):
            pass
        assert said(other)[-1] == last, "autocommit is as wanted already"
    quiet = lying(serves)
    with s2.mysql.connect(host="127.0.0.1", port=quiet.port, user="u", autocommit=None):
        pass
    assert not any("AUTOCOMMIT" in text for text in said(quiet))


def test_servers_without_extended_types(lying: Callable[..., Lies]) -> None:
    def play(server: Lies) -> None:
        server.log_in()
        while command := server.receive():
            if b"@@SESSION" in command:
                server.send(b"\xff" + struct.pack("<H", 1193) + b"#HY000Unknown system variable")
            else:
                server.send(OK)

    with s2.connect(f"u:p@127.0.0.1:{lying(play).port}") as conn:
        assert conn.open


def test_commands(lying: Callable[..., Lies]) -> None:
    server = lying(serves)
    with s2.connect(f"u:p@127.0.0.1:{server.port}") as conn:
        start = len(server.told)
        conn.begin()
        conn.commit()
        conn.rollback()
        conn.ping()
        conn.autocommit(True)
        conn.autocommit(False)
    assert server.done.wait(20)
    assert [told for told in server.told[start:] if told] == [
        *(b"\x03BEGIN", b"\x03COMMIT", b"\x03ROLLBACK", b"\x0e"),
        *(b"\x03SET AUTOCOMMIT = 0", b"\x01"),
    ]


def test_files_go_in_packets_that_are_allowed(lying: Callable[..., Lies]) -> None:
    def play(server: Lies) -> None:
        server.log_in()
        while command := server.receive():
            if b"LOAD" in command:
                server.send(b"\xfb:stream:")
                while server.receive():
                    pass
            server.send(OK)

    server = lying(play)
    url = f"u:p@127.0.0.1:{server.port}?local_infile=1&max_allowed_packet=1000"
    with s2.connect(url) as conn:
        conn.query("LOAD DATA LOCAL INFILE ':stream:' INTO TABLE t", infile_stream=b"x" * 2500)
    assert [len(told) for told in server.told if told[:1] == b"x"] == [1000, 1000, 500]


# -- authentication --------------------------------------------------------------------------


def test_own_authentication_plugins(lying: Callable[..., Lies]) -> None:
    class Handler:
        def __init__(self, connection: Any) -> None:
            self.connection = connection

        def authenticate(self, packet: Any) -> Any:
            self.connection.write_packet(b"my answer")
            return self.connection._read_packet()

    def play(server: Lies) -> None:
        server.greet()
        server.receive()
        server.send(b"\xfemy_plugin\x00data\x00")
        if server.receive():
            server.send(OK)
            while server.receive():
                server.send(OK)

    server = lying(play)
    url = f"u:p@127.0.0.1:{server.port}"
    with s2.connect(url, auth_plugin_map={"my_plugin": Handler}) as conn:
        assert conn.open
    assert b"my answer" in server.told
    with pytest.raises(s2.OperationalError) as caught:
        s2.connect(url)
    assert caught.value.errno in (2059, 2061)
    assert "my_plugin" in str(caught.value)


def test_tokens_are_sent_as_passwords_whatever_the_driver(
    lying: Callable[..., Lies], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def play(server: Lies) -> None:
        server.greet()
        server.receive()
        server.send(b"\xfemysql_clear_password\x00")
        server.receive()
        server.send(OK)
        while server.receive():
            server.send(OK)

    path = str(tmp_path / "sock")
    server = lying(play, path)
    monkeypatch.setattr("singlestoredb.auth.get_jwt", lambda email, **kwargs: f"token-of-{email}")
    with s2.connect(user="me", unix_socket=path, credential_type="browser_sso") as conn:
        assert conn.open
    with s2.connect(user="me", password="given", unix_socket=path, credential_type="jwt") as conn:
        assert conn.open
    assert b"token-of-me\0" in server.told
    assert b"given\0" in server.told
    from singlestoredb.params import resolve
    from singlestoredb_plugins.http.transport import _headers

    for options, token in (
        ({"credential_type": "browser_sso"}, "token-of-me"),
        ({"credential_type": "jwt", "password": "given"}, "given"),
    ):
        arguments: dict[str, Any] = {"host": "https://h", "user": "me", **options}
        assert _headers(resolve(**arguments))["Authorization"] == f"Bearer {token}"


# -- errors ----------------------------------------------------------------------------------

CLASSES = {
    s2.ProgrammingError: (1007, 1064, 1102, 1103, 1110, 1111, 1112, 1113, 1146, 1149, 1166, 1179),
    s2.DataError: (1171, 1230, 1263, 1264, 1265, 1366, 1367, 1406, 1441),
    s2.IntegrityError: (1048, 1062, 1215, 1216, 1217, 1451, 1452),
    s2.NotSupportedError: (1196, 1235, 1286, 1289),
    s2.OperationalError: (
        *(1040, 1044, 1045, 1142, 1143, 1213, 4025, 1049, 1054, 1065, 1193, 1305, 40000),
    ),
    s2.InternalError: (1, 999),
}


@pytest.mark.parametrize("pure_python", [True, False])
def test_classes_of_errors(lying: Callable[..., Lies], pure_python: bool) -> None:
    def play(server: Lies) -> None:
        server.log_in()
        while command := server.receive():
            if command[1:].isdigit():
                number = struct.pack("<H", int(command[1:]))
                server.send(b"\xff" + number + b"#42S02the server's words")
            else:
                server.send(OK)

    url = f"u:p@127.0.0.1:{lying(play).port}"
    with s2.connect(url, pure_python=pure_python) as conn:
        for expected, numbers in CLASSES.items():
            for number in numbers:
                with pytest.raises(expected) as caught:
                    conn.query(str(number))
                error = caught.value
                others = set(CLASSES) - {expected, s2.ProgrammingError}
                assert not isinstance(error, tuple(others))
                assert (error.errno, error.errmsg, error.sqlstate) == (
                    *(number, "the server's words"),
                    "42S02",
                )


@pytest.mark.parametrize("pure_python", [True, False])
def test_lost_connections(lying: Callable[..., Lies], pure_python: bool) -> None:
    def play(server: Lies) -> None:
        server.log_in()
        while command := server.receive():
            if command == b"\x03GO":
                return
            server.send(OK)

    url = f"u:p@127.0.0.1:{lying(play).port}"
    conn = s2.connect(url, pure_python=pure_python)
    with pytest.raises(s2.OperationalError, match="Lost connection to MySQL server during") as lost:
        conn.query("GO")
    assert lost.value.errno == 2013
    assert not conn.open
    with pytest.raises(s2.InterfaceError, match="The connection has been closed"):
        conn.query("GO")
    conn.ping()
    assert conn.open
    conn.close()
    with pytest.raises(s2.OperationalError, match="Can't connect to MySQL server on") as caught:
        s2.connect("127.0.0.1:1")
    assert caught.value.errno == 2003


def test_lost_connections_over_http() -> None:
    with pytest.raises(s2.OperationalError, match="Can't connect") as caught:
        s2.connect("http://127.0.0.1:1")
    assert caught.value.errno == 2003


def test_errors_over_http(embedded_server: Any) -> None:
    with s2.connect(embedded_server.http_url) as conn:
        conn.query("DROP TABLE IF EXISTS he")
        conn.query("CREATE TABLE he (id INT PRIMARY KEY)")
        conn.query("INSERT INTO he VALUES (1)")
        for sql, expected, number in (
            ("SELEKT", s2.ProgrammingError, 1064),
            ("SELECT * FROM no_such", s2.ProgrammingError, 1146),
            ("INSERT INTO he VALUES (1)", s2.IntegrityError, 1062),
            ("INSERT INTO he VALUES (NULL)", s2.IntegrityError, 1048),
        ):
            with pytest.raises(expected) as caught:
                conn.query(sql)
            assert caught.value.errno == number
        conn.query("DROP TABLE he")
        assert conn.paramstyle == "pyformat"
        for unsupported in (
            conn.begin,
            conn.commit,
            conn.rollback,
        ):
            conn.autocommit(False)
            with pytest.raises(s2.NotSupportedError):
                unsupported()
        conn.autocommit(True)
        conn.commit()
        conn.rollback()
    with pytest.raises(s2.InterfaceError, match="multi_statements"):
        s2.connect(embedded_server.http_url, multi_statements=True)


def test_the_data_api_keeps_positions_and_types(embedded_server: Any) -> None:
    with s2.connect(embedded_server.http_url) as conn:
        cursor = conn.cursor()
        cursor.execute("SELECT 1 AS a UNION ALL SELECT 2 UNION ALL SELECT 3")
        assert cursor.fetchone() == (1,)
        assert cursor.fetchall() == [(2,), (3,)]
        assert cursor.fetchall() == []
        for sql in ("(SELECT 1)", "/* c */ SELECT 1", "WITH c AS (SELECT 1) SELECT * FROM c"):
            assert conn.execute(sql).fetchall() == [(1,)]
        text = conn.execute("SELECT 'only text' AS t", results_type="pandas").fetchall()
        assert list(text["t"]) == ["only text"]
        row: Any = conn.execute("SELECT %s, %s", [b"\x00\xff", 2**63]).fetchone()
        assert bytes(row[0]) == b"\x00\xff"
        assert conn.execute("SELECT 1", results_type="dicts").fetchmany(5) == [{"1": 1}]
