"""The http driver against a scripted server: what it sends, and what it refuses to."""

from __future__ import annotations

import datetime as dt
import re
import socket
import threading
from decimal import Decimal
from typing import Any

import pytest

import singlestoredb as s2

from .rogue_http import BASIC, DONE, PASSWORD, VERSION, answer, asked, connected, peer, rows

# -- what is sent ----------------------------------------------------------------------------


def test_request_of_a_query() -> None:
    request = asked("SELECT * FROM t WHERE id = %s AND name = %s", [5, "x"])
    assert (request.method, request.path) == ("POST", "/api/v2/query/tuples")
    assert request.json == {
        "sql": "SELECT * FROM t WHERE id = ? AND name = ?",
        "args": [5, "x"],
        "database": "shop",
    }
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept"] == "application/json"
    assert request.headers["authorization"] == f"Basic {BASIC}"
    assert re.fullmatch(r"SingleStoreDB-Python/\d[\w.]*", request.headers["user-agent"])


def test_args_only_where_there_are_some() -> None:
    assert asked("SELECT '100%%'").json == {"sql": "SELECT '100%%'", "database": "shop"}
    assert asked("SELECT '100%%'", []).json == {"sql": "SELECT '100%%'", "database": "shop"}
    request = asked("SELECT '100%%'", (), interpolate_query_with_empty_args=True)
    assert request.json == {"sql": "SELECT '100%'", "database": "shop"}


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("select 1", "query/tuples"),
        ("  \n SELECT 1", "query/tuples"),
        ("(select 1)", "query/tuples"),
        ("((SELECT 1) UNION (SELECT 2))", "query/tuples"),
        ("/* a comment; delete */ select 1", "query/tuples"),
        ("-- insert\nselect 1", "query/tuples"),
        ("# insert\nselect 1", "query/tuples"),
        ("/*!50000 SELECT */ 1", "query/tuples"),
        ("explain select 1", "query/tuples"),
        ("DESC t", "query/tuples"),
        ("describe t", "query/tuples"),
        ("show\ttables", "query/tuples"),
        ("CALL p()", "query/tuples"),
        ("echo p()", "query/tuples"),
        ("with a as (select 1) select * from a", "query/tuples"),
        ("with recursive a(insert_) as (select 1) (select * from a)", "query/tuples"),
        ("with a as (select 1) update t join a set t.x = 1", "exec"),
        ("WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", "exec"),
        ("insert into t select 1", "exec"),
        ("/* select */ delete from t", "exec"),
        ("create table selected (a int)", "exec"),
        ("selectable", "exec"),
    ],
)
def test_statements_go_where_their_answer_is(sql: str, kind: str) -> None:
    assert asked(sql).path == f"/api/v2/{kind}"


@pytest.mark.parametrize(
    ("sql", "args", "text", "bound"),
    [
        ("SELECT %(b)s, %(a)s, %(b)s", {"a": 1, "b": "x"}, "SELECT ?, ?, ?", ["x", 1, "x"]),
        ("SELECT '50%%', %s", [1], "SELECT '50%', ?", [1]),
        ("SELECT '?', `?`, %s /* ? */", [1], "SELECT '?', `?`, ? /* ? */", [1]),
        ("SELECT 1 IN %s", [(1, "a")], "SELECT 1 IN (?, ?)", [1, "a"]),
        ("SELECT %s", "scalar", "SELECT ?", ["scalar"]),
        ("SELECT %s", 0, "SELECT ?", [0]),
        ("SELECT %s", [None], "SELECT ?", [None]),
        ("SELECT %s", [True], "SELECT ?", [True]),
        ("SELECT %s", [1.5], "SELECT ?", [1.5]),
        ("SELECT %s", ["' OR 1=1 -- \\"], "SELECT ?", ["' OR 1=1 -- \\"]),
        ("SELECT %s", [2**63 - 1], "SELECT ?", [2**63 - 1]),
        ("SELECT %s", [2**64 - 1], "SELECT 18446744073709551615", None),
        ("SELECT %s", [Decimal("1.50")], "SELECT 1.50", None),
        ("SELECT %s", [b"\x00\xff"], "SELECT FROM_BASE64(?)", ["AP8="]),
        ("SELECT %s", [bytearray(b"ab")], "SELECT FROM_BASE64(?)", ["YWI="]),
        ("SELECT %s", [dt.date(2024, 2, 29)], "SELECT ?", ["2024-02-29"]),
        (
            "SELECT %s",
            [dt.datetime(2020, 1, 2, 3, 4, 5, 6)],
            "SELECT ?",
            ["2020-01-02 03:04:05.000006"],
        ),
        ("SELECT %s", [-dt.timedelta(hours=51, seconds=4)], "SELECT ?", ["-51:00:04"]),
        ("SELECT %s", [dt.time(1, 2, 3)], "SELECT ?", ["01:02:03"]),
    ],
)
def test_parameters(sql: str, args: Any, text: str, bound: list[Any] | None) -> None:
    request = asked(sql, args)
    assert request.json["sql"] == text
    assert request.json.get("args") == bound


def test_numpy_parameters() -> None:
    numpy = pytest.importorskip("numpy")
    args = [
        numpy.float32(0.1),
        numpy.int64(-3),
        numpy.bool_(True),
        numpy.array([1.5, 2], "f4"),
        numpy.array([1, 2], "i8"),
        numpy.datetime64("2020-01-02"),
    ]
    request = asked("SELECT " + ", ".join(["%s"] * len(args)), args)
    assert request.json["args"] == [0.1, -3, 1, "[1.5,2.0]", "[1,2]", "2020-01-02"]


def test_own_encoders_are_merged() -> None:
    encoder = lambda value, _: f"POINT({value.real:g},{value.imag:g})"  # noqa: E731 - short
    request = asked("SELECT %s, %s", [1 + 2j, "x"], conv={complex: encoder})
    assert request.json["sql"] == "SELECT POINT(1,2), ?"
    assert request.json["args"] == ["x"]


@pytest.mark.parametrize(
    ("sql", "args"),
    [
        ("SELECT 1", [1]),
        ("SELECT %s", [1, 2]),
        ("SELECT %s", {"a": 1}),
        ("SELECT %(a)s", {"b": 1}),
        ("SELECT %d", [1]),
        ("SELECT '%s'", ["x"]),
        ("SELECT 1 /* %s */", ["*/ ; DROP TABLE t"]),
        ("SELECT ?, %s", [1]),
        ("SELECT \0, %s", [1]),
        ("SELECT %s", [{"a": 1}]),
        ("SELECT %s", [float("nan")]),
        ("SELECT %s", [float("inf")]),
        ("SELECT %s", [object()]),
    ],
)
def test_wrong_parameters_are_refused_unsent(sql: str, args: Any) -> None:
    with connected() as (conn, running):
        with pytest.raises(s2.ProgrammingError):
            conn.query(sql, args)
        assert len(running.requests) == 1


def test_lone_surrogates_are_refused_unsent() -> None:
    with connected() as (conn, running):
        with pytest.raises(s2.DataError, match="Unicode"):
            conn.query("SELECT %s", ["\ud800"])
        assert len(running.requests) == 1


def test_nan_and_infinity_as_null() -> None:
    nan, inf = float("nan"), float("-inf")
    request = asked("SELECT %s, %s", [nan, inf], nan_as_null=True, inf_as_null=True)
    assert request.json["args"] == [None, None]


def test_bearer_tokens() -> None:
    with peer(VERSION) as running:
        url = f"http://127.0.0.1:{running.port}"
        s2.connect(url, credential_type="jwt", user="ann", password="abc.def.ghi").close()
        assert running.requests[0].headers["authorization"] == "Bearer abc.def.ghi"


@pytest.mark.parametrize("token", ["", "two words", "line\r\nX-Evil: 1", "ünï"])
def test_what_is_no_token_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(s2.InterfaceError) as caught:
        s2.connect("http://127.0.0.1:9", credential_type="jwt", user="ann", password=token or None)
    assert not token or token not in str(caught.value)


def test_credentials_are_not_taken_from_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login bob password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with peer(VERSION) as running:
        s2.connect(f"http://127.0.0.1:{running.port}").close()
        assert "authorization" not in running.requests[0].headers


def test_one_pooled_connection() -> None:
    with connected(DONE, DONE, answer(b"pong")) as (conn, running):
        conn.query("SET @a = 1")
        conn.query("SET @a = 1")
        conn.ping()
        assert [r.path for r in running.requests[1:]] == ["/api/v2/exec", "/api/v2/exec", "/ping"]
        assert running.connections == 1


def test_use_is_kept() -> None:
    with connected(DONE, DONE, answer(b"Error 1049: Unknown database", "400 Bad"), DONE) as (
        conn,
        running,
    ):
        conn.select_db("other`s")
        conn.query("SET @a = 1")
        with pytest.raises(s2.ProgrammingError):
            conn.query("USE nowhere")
        conn.query("SET @a = 1")
        used = [request.json["database"] for request in running.requests]
        assert used == ["shop", "shop", "other`s", "other`s", "other`s"]


# -- parameters ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kwargs", "kind"),
    [
        ({"multi_statements": True}, s2.InterfaceError),
        ({"init_command": "SET @a = 1"}, s2.NotSupportedError),
        ({"sql_mode": "ANSI"}, s2.NotSupportedError),
        ({"client_found_rows": True}, s2.NotSupportedError),
        ({"unix_socket": "/tmp/s"}, s2.NotSupportedError),
        ({"ssl_ca": "/tmp/ca.pem"}, s2.InterfaceError),
        ({"ssl_verify_cert": True}, s2.InterfaceError),
        ({"user": "a:b"}, s2.InterfaceError),
    ],
)
def test_parameters_that_cannot_be_met_are_refused(
    kwargs: dict[str, Any], kind: type[s2.Error]
) -> None:
    with peer() as running:
        with pytest.raises(kind):
            s2.connect(f"http://127.0.0.1:{running.port}", **kwargs)
        assert running.connections == 0


def test_transactions_are_refused() -> None:
    with connected() as (conn, running):
        conn.commit()
        conn.rollback()
        with pytest.raises(s2.NotSupportedError, match="transactions"):
            conn.begin()
        conn.autocommit(False)
        assert conn.get_autocommit() is False
        for refused in (conn.commit, conn.rollback):
            with pytest.raises(s2.NotSupportedError):
                refused()
        with pytest.raises(s2.NotSupportedError):
            conn.cancel()
        with pytest.raises(s2.NotSupportedError, match="LOAD DATA"):
            conn.cursor().execute("LOAD DATA LOCAL INFILE ':stream:' INTO TABLE t", None, b"1")
        assert len(running.requests) == 1


def test_ports_and_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    from singlestoredb.params import resolve

    assert resolve(host="http://h").port == 80
    assert resolve(host="https://h").port == 443
    with s2.options(http_port=9000):
        assert resolve(host="http://h").port == 9000
        assert resolve(host="http://h:81").port == 81


def test_the_libraries_are_not_imported_before_a_connection() -> None:
    import subprocess
    import sys

    code = (
        "import sys, singlestoredb_plugins.http as p; p.s2_driver_info('http'); "
        "sys.exit('requests' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# -- the connection --------------------------------------------------------------------------


def test_the_address_to_bind() -> None:
    seen: list[str] = []

    def look(sock: socket.socket) -> None:
        seen.append(sock.getpeername()[0])
        sock.sendall(answer(rows([("a", "INT")], [1])))

    with connected(look, bind_address="127.0.0.2") as (conn, _):
        conn.query("SELECT 1")
    assert seen == ["127.0.0.2"]


def test_socket_options() -> None:
    options = {socket.SOL_SOCKET: {socket.SO_KEEPALIVE: 1, socket.SO_RCVBUF: 65_536}}
    with connected(answer({"results": []}), socket_options=options) as (conn, _):
        plain = _socket_of(conn)
        assert plain.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        # Linux doubles what is asked for.
        assert plain.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) in (65_536, 131_072)
        assert plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    with connected(answer({"results": []})) as (conn, _):
        assert not _socket_of(conn).getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def _socket_of(conn: Any) -> socket.socket:
    """Return the socket of the one pooled connection."""
    session = conn._driver_connection._transport._session
    pools = session.get_adapter("http://").poolmanager.pools
    (key,) = pools.keys()
    pooled = pools[key].pool.get_nowait()
    pools[key].pool.put(pooled)
    assert isinstance(pooled.sock, socket.socket)
    return pooled.sock


def test_a_server_that_does_not_read_is_left_after_write_timeout() -> None:
    # The request is larger than what the system keeps for the two ends.
    accepted: list[socket.socket] = []

    def greet() -> None:
        sock, _ = listener.accept()
        accepted.append(sock)
        while b"SELECT @@version" not in sock.recv(65_536):
            pass
        sock.sendall(VERSION)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        thread = threading.Thread(target=greet)
        thread.start()
        conn = s2.connect(
            f"http://ann:{PASSWORD}@127.0.0.1:{listener.getsockname()[1]}/shop",
            write_timeout=0.2, socket_options={socket.SOL_SOCKET: {socket.SO_SNDBUF: 4096}},
        )  # fmt: skip
        thread.join()
        with accepted[0], conn, pytest.raises(s2.OperationalError, match="timed out") as caught:
            conn.query("SELECT %s", ["x" * 8_000_000])
    assert caught.value.errno == 2013


def test_browser_sso(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token that signing on gives is what authorises requests."""
    users: list[str] = []

    def get_jwt(user: str) -> str:
        users.append(user)
        return "head.body.sign"

    # Signing on needs a browser and the vendor's page.
    monkeypatch.setattr("singlestoredb.auth.get_jwt", get_jwt)
    request = asked("SELECT 1", credential_type="browser_sso")
    assert users == ["ann"]
    assert request.headers["authorization"] == "Bearer head.body.sign"


# -- many rows -------------------------------------------------------------------------------


def test_executemany_sends_many_rows_at_once() -> None:
    done = answer({"lastInsertId": 0, "rowsAffected": 3})
    with connected(done, DONE, done) as (conn, running), conn.cursor() as cursor:
        sql = "INSERT INTO t (a, b) VALUES (%s, UPPER(%s)) ON DUPLICATE KEY UPDATE a = 1"
        assert cursor.executemany(sql, [(1, "x"), (2, None), (3, "%s ?")]) == 3
        assert cursor.rowcount == 3
        assert running.requests[1].json == {
            "sql": "INSERT INTO t (a, b) VALUES (?, UPPER(?)),(?, UPPER(?)),(?, UPPER(?)) "
            "ON DUPLICATE KEY UPDATE a = 1",
            "args": [1, "x", 2, None, 3, "%s ?"],
            "database": "shop",
        }
        cursor.executemany("UPDATE t SET a = %s", [(1,)])
        assert running.requests[2].json["sql"] == "UPDATE t SET a = ?"
        cursor.max_stmt_length = 60  # one row of these is longer than half of it
        cursor.executemany("INSERT INTO t VALUES (%s)", [("x" * 40,)])
        assert running.requests[3].json["args"] == ["x" * 40]


def test_executemany_splits_at_the_limits() -> None:
    answers = [answer({"lastInsertId": 0, "rowsAffected": 1})] * 8
    with connected(*answers) as (conn, running), conn.cursor() as cursor:
        cursor.max_stmt_length = 100
        cursor.executemany("INSERT INTO t VALUES (%s)", [("x" * 40,)] * 3)
        assert [len(r.json["args"]) for r in running.requests[1:]] == [2, 1]
        del running.requests[1:]
        del cursor.max_stmt_length
        cursor.executemany("INSERT INTO t VALUES (%s)", [(i,) for i in range(10_001)])
        assert [len(r.json["args"]) for r in running.requests[1:]] == [10_000, 1]
        del running.requests[1:]
        # Names stand for one row, so each row goes alone; a row of another length does as well.
        cursor.executemany("INSERT INTO t VALUES (%(a)s)", [{"a": 1}, {"a": 2}])
        assert [r.json["args"] for r in running.requests[1:]] == [[1], [2]]


def test_executemany_finds_a_row_that_does_not_fit() -> None:
    done = answer({"lastInsertId": 0, "rowsAffected": 1})
    with connected(done, done) as (conn, running), conn.cursor() as cursor:
        # Four arguments in two rows, which two rows of two placeholders would take.
        with pytest.raises(s2.ProgrammingError):
            cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(1,), (2, 3, 4)])
        assert len(running.requests) == 1
        with pytest.raises(s2.ProgrammingError):
            cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(1, 2), (3,)])
        assert [r.json["args"] for r in running.requests[1:]] == [[1, 2]]
