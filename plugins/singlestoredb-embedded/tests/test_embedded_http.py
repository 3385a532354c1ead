"""The engine's HTTP Data API, spoken to byte for byte."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb_embedded.engine import open_engine
from singlestoredb_embedded.fronts import http as front_module
from singlestoredb_embedded.fronts.http import HTTPFront, bind, start_http

USERS = {"root": "pä:ss", "guest": ""}
TOKENS = {"abc.def": "root"}


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


ROOT = basic("root", USERS["root"])


@pytest.fixture
def front() -> Iterator[HTTPFront]:
    with start_http(None, users=USERS, tokens=TOKENS) as front:
        yield front


class Client:
    """One connection that is kept."""

    def __init__(self, front: HTTPFront) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=20)

    def request(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, str, http.client.HTTPResponse]:
        self.connection.request(
            method, path, body, {k.replace("_", "-"): v for k, v in headers.items()}
        )
        response = self.connection.getresponse()
        return response.status, response.read().decode(), response

    def post(self, kind: str, sql: Any, args: Any = None, database: Any = None) -> tuple[int, Any]:
        body = {"sql": sql, "args": args, "database": database}
        status, text, _ = self.request(
            "POST",
            kind if kind.startswith("/") else f"/api/v2/{kind}",
            json.dumps(body).encode(),
            Authorization=ROOT,
            Content_Type="application/json",
        )
        return status, json.loads(text) if status == 200 else text

    def ok(self, kind: str, sql: str, *args: Any) -> Any:
        status, answer = self.post(kind, sql, list(args))
        assert status == 200, answer
        return answer


@pytest.fixture
def client(front: HTTPFront) -> Iterator[Client]:
    client = Client(front)
    yield client
    client.connection.close()


def test_ping(client: Client) -> None:
    assert client.request("GET", "/ping")[:2] == (200, "pong")
    assert client.request("HEAD", "/ping")[:2] == (200, "")


def test_exec(client: Client) -> None:
    client.ok("exec", "CREATE TABLE t (id BIGINT AUTO_INCREMENT PRIMARY KEY, name TEXT)")
    answer = client.ok("exec", "INSERT INTO t (name) VALUES (?), (?)", "a", None)
    assert answer == {"lastInsertId": 1, "rowsAffected": 2}
    assert client.ok("exec", "DELETE FROM t")["rowsAffected"] == 2


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_query_tuples_and_rows(client: Client, version: str) -> None:
    sql = "SELECT 1 AS a, CAST(? AS CHAR) AS b"
    assert client.ok(f"/api/{version}/query/rows", sql, "x") == {
        "results": [{"rows": [{"a": 1, "b": "x"}]}]
    }
    (result,) = client.ok(f"/api/{version}/query/tuples", sql, "x")["results"]
    assert result["rows"] == [[1, "x"]]
    assert result["columns"][0]["name"] == "a"
    assert result["columns"][0]["dataType"] == "BIGINT"
    assert client.ok(f"/api/{version}/exec", sql, "x") == {"lastInsertId": 0, "rowsAffected": 1}


def test_types_and_values(client: Client) -> None:
    samples = [
        ("TINYINT UNSIGNED", "255", "UNSIGNED TINYINT", 255),
        ("BIGINT UNSIGNED", "18446744073709551615", "UNSIGNED BIGINT", 2**64 - 1),
        ("FLOAT", "0.1", "FLOAT", 0.1),
        ("DOUBLE", "1e300", "DOUBLE", 1e300),
        ("DECIMAL(30,4)", "12345678901234567890.5", "DECIMAL(30,4)", "12345678901234567890.5000"),
        ("DATE", "'2024-02-29'", "DATE", "2024-02-29"),
        ("DATETIME", "'2024-02-29 01:02:03'", "DATETIME", "2024-02-29 01:02:03"),
        ("DATETIME(6)", "'2024-02-29 01:02:03'", "DATETIME(6)", "2024-02-29 01:02:03.000000"),
        ("TIME", "'-838:59:59'", "TIME", "-838:59:59"),
        ("TIME(6)", "'00:00:01.5'", "TIME(6)", "00:00:01.500000"),
        ("YEAR", "2024", "YEAR", 2024),
        ("BIT(64)", "5", "BIT(64)", base64.b64encode(bytes(7) + b"\x05").decode()),
        ("VARCHAR(9)", "'ü'", "VARCHAR(9)", "ü"),
        ("VARBINARY(9)", "X'00FF'", "VARBINARY(9)", "AP8="),
        ("LONGBLOB", "X'00FF'", "LONGBLOB", "AP8="),
        ("JSON", "'{\"a\": [1, null]}'", "JSON", {"a": [1, None]}),
        ("VECTOR(2, F32)", "'[1,2.5]'", "VECTOR(2,F32)", "[1.0,2.5]"),
        ("GEOGRAPHYPOINT", "'POINT(1 2)'", "GEOGRAPHYPOINT", None),
        ("ENUM('a','b')", "'b'", "VARCHAR", "b"),
        ("SET('a','b')", "'a,b'", "VARCHAR", "a,b"),
    ]
    columns = ", ".join(f"c{i} {sample[0]}" for i, sample in enumerate(samples))
    values = ", ".join(sample[1] for sample in samples)
    client.ok("exec", f"CREATE TABLE kinds ({columns})")
    client.ok("exec", f"INSERT INTO kinds VALUES ({values})")
    client.ok("exec", f"INSERT INTO kinds VALUES ({', '.join('NULL' for _ in samples)})")
    (result,) = client.ok("query/tuples", "SELECT * FROM kinds")["results"]
    assert [c["dataType"] for c in result["columns"]] == [sample[2] for sample in samples]
    first, second = sorted(result["rows"], key=lambda row: row[0] is None)
    for got, (kind, _, _, expected) in zip(first, samples, strict=True):
        assert expected is None or got == expected, kind
    assert first[17].startswith("POINT")
    assert set(second) == {None}


def test_many_rows_in_several_batches(client: Client) -> None:
    count = 300_000
    client.ok("exec", "CREATE TABLE many (n INT)")
    client.ok("exec", "INSERT INTO many VALUES (0)")
    rows = 1
    while rows < count:
        client.ok("exec", f"INSERT INTO many SELECT n + {rows} FROM many")
        rows *= 2
    sql = f"SELECT n, n + 1 AS m FROM many WHERE n < {count}"
    (result,) = client.ok("query/tuples", sql)["results"]
    assert sorted(result["rows"]) == [[n, n + 1] for n in range(count)]
    assert client.ok("exec", sql)["rowsAffected"] == count
    union = "SELECT 1 AS x UNION ALL SELECT 2 UNION ALL SELECT 3"
    (result,) = client.ok("query/rows", union)["results"]
    assert sorted(row["x"] for row in result["rows"]) == [1, 2, 3]


def test_no_infinity_in_json(client: Client) -> None:
    client.ok("exec", "CREATE TABLE f (x DOUBLE)")
    client.ok("exec", "INSERT INTO f VALUES (?)", 1.5)
    (result,) = client.ok("query/tuples", "SELECT x FROM f")["results"]
    assert result["rows"] == [[1.5]]
    assert front_module._finite(float("inf")) is None
    assert front_module._finite(float("nan")) is None


@pytest.mark.parametrize(
    "value",
    ["it's", '"', "\\", "\\' OR 1=1 -- ", "?", "a\0b\n\r\x1a", "ü✓🜁", "", "%s", "/*", "`"],
)
def test_arguments_are_values_and_nothing_else(client: Client, value: str) -> None:
    (result,) = client.ok("query/tuples", "SELECT ?, '?', 1 -- ?\n, ? /* ? */", value, 7)["results"]
    assert result["rows"] == [[value, "?", 1, 7]]


def test_halves_of_surrogate_pairs(client: Client) -> None:
    for sql, args, database in (
        ("SELECT ?", ["\ud800"], None),
        ("SELECT 1 AS \ud800", [], None),
        ("SELECT 1", [], "\ud800"),
    ):
        status, text = client.post("query/rows", sql, args, database)
        assert status == 400
        assert text.startswith("Error ")


def test_bind() -> None:
    sql = "SELECT ?, '?', `?`, ? # ?"
    assert bind(sql, ["a'b\\", True]) == "SELECT 'a\\'b\\\\', '?', `?`, 1 # ?"
    assert bind("SELECT ?", ["a'b\\"], backslash=False) == "SELECT 'a''b\\'"
    assert bind("SELECT ?, ?", [[1, "x"], {"a": None}]) == (
        "SELECT '[1, \\\"x\\\"]', '{\\\"a\\\": null}'"
    )
    for args in ([], [1, 2]):
        with pytest.raises(s2.OperationalError) as caught:
            bind("SELECT ?", args)
        assert caught.value.errno == 1210


def test_each_request_is_a_session(client: Client) -> None:
    client.ok("exec", "CREATE DATABASE other")
    client.ok("exec", "SET @a = 1")
    assert client.ok("query/rows", "SELECT @a AS a") == {"results": [{"rows": [{"a": None}]}]}
    client.ok("exec", "USE other")
    for database, expected in ((None, "main"), ("other", "other")):
        status, answer = client.post("query/rows", "SELECT DATABASE() AS d", [], database)
        assert (status, answer["results"][0]["rows"]) == (200, [{"d": expected}])


@pytest.mark.parametrize(
    ("kind", "sql", "args", "database", "text"),
    [
        ("exec", "SELEC 1", [], None, "Error 1064: "),
        ("query/tuples", "SELECT * FROM nowhere", [], None, "Error 1146: "),
        ("query/tuples", "SELECT ?", [], None, "Error 1210: "),
        ("query/tuples", "SELECT 1; SELECT 2", [], None, "Error 1064: "),
        ("query/tuples", "", [], None, "Error 1065: "),
        ("query/tuples", "SELECT no_such_function()", [], None, "Error 1305: "),
        ("query/tuples", "SELECT 1", [], "nowhere", "Error 1049: "),
        ("query/tuples", 5, [], None, "'sql' must be a text"),
        ("query/tuples", "SELECT 1", {"a": 1}, None, "'args' must be a list"),
        ("query/tuples", "SELECT 1", [], 5, "'database' must be a text"),
    ],
)
def test_errors(client: Client, kind: str, sql: Any, args: Any, database: Any, text: str) -> None:
    status, answer = client.post(kind, sql, args, database)
    assert status == 400
    assert answer.startswith(text)
    assert client.ok("query/rows", "SELECT 1 AS a")["results"][0]["rows"] == [{"a": 1}]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"3", b"\xff", b"[" * 100_000])
def test_bodies_that_are_no_request(client: Client, body: bytes) -> None:
    status, _, _ = client.request(
        "POST", "/api/v2/exec", body, Authorization=ROOT, Content_Type="application/json"
    )
    assert status == 400
    assert client.request("GET", "/ping")[0] == 200


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (ROOT, 200),
        (basic("guest", ""), 200),
        ("Bearer abc.def", 200),
        ("bearer abc.def", 200),
        (basic("root", "wrong"), 401),
        (basic("root", ""), 401),
        (basic("nobody", ""), 401),
        (basic("", ""), 401),
        ("Bearer wrong", 401),
        ("Bearer", 401),
        (f"Bearer {USERS['root'].replace('ä', 'a')}", 401),
        ("Digest x", 401),
        ("Basic !!!", 400),
        ("Basic ü", 400),
        ("Basic " + base64.b64encode(b"\xff\xfe").decode(), 400),
        ("", 401),
    ],
)
def test_credentials(client: Client, authorization: str, status: int) -> None:
    got, text, response = client.request(
        "POST",
        "/api/v2/query/rows",
        b'{"sql": "SELECT 1"}',
        Content_Type="application/json",
        **({"Authorization": authorization} if authorization else {}),
    )
    assert got == status
    if status == 401:
        assert text.startswith("Error 1045: Access denied")
        assert response.getheader("WWW-Authenticate")
    assert USERS["root"] not in text
    assert client.request("GET", "/ping")[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/", {}, 404),
        ("POST", "/api/v3/exec", {}, 404),
        ("POST", "/api/v2/execute", {}, 404),
        ("GET", "/api/v2/exec", {}, 405),
        ("PUT", "/api/v2/query/rows", {}, 405),
        ("POST", "/ping", {}, 405),
        ("POST", "/api/v2/exec", {"Authorization": ROOT}, 415),
        ("POST", "/api/v2/exec", {"Authorization": ROOT, "Content_Type": "text/plain"}, 415),
    ],
)
def test_statuses(
    client: Client, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    got, text, response = client.request(method, path, b'{"sql": "SELECT 1"}', **headers)
    assert got == status
    assert text
    assert "Python" not in str(response.headers)
    assert (response.getheader("Allow") is not None) == (status == 405)
    assert client.request("GET", "/ping")[0] == 200


def _raw(front: HTTPFront, head: str, body: bytes = b"") -> bytes:
    """Send bytes as they are; return all that comes back."""
    with socket.create_connection(("127.0.0.1", front.port), 20) as sock:
        sock.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        said = b""
        while part := sock.recv(65_536):
            said += part
        return said


HEAD = (
    f"POST /api/v2/exec HTTP/1.1\nHost: x\nAuthorization: {ROOT}\nContent-Type: application/json\n"
)


def test_huge_announced_bodies_are_refused_unread(front: HTTPFront) -> None:
    answer = _raw(front, HEAD + "Content-Length: 1000000000000", b"x" * 2_000_000)
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_unsized_bodies_are_refused(front: HTTPFront) -> None:
    for header in ("Transfer-Encoding: chunked", "Content-Length: -5", "Content-Length: ²"):
        assert _raw(front, HEAD + header).startswith(b"HTTP/1.1 411 ")


def test_a_client_that_leaves_early_harms_nobody(front: HTTPFront, client: Client) -> None:
    for head in ("GET /ping", HEAD + "Content-Length: 100", "", "\0\0\0"):
        with socket.create_connection(("127.0.0.1", front.port), 20) as sock:
            sock.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n{")
    assert client.ok("query/rows", "SELECT 1 AS a")["results"][0]["rows"] == [{"a": 1}]


def test_internal_errors_tell_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(front_module, "_results", broken)
    status, text = client.post("exec", "SELECT 1")
    assert status == 500
    assert text.startswith("Error 1105: ")
    assert "secret" not in text
    assert "secret detail" in caplog.text


def test_concurrent_writers(front: HTTPFront, client: Client) -> None:
    client.ok("exec", "CREATE TABLE t (id BIGINT AUTO_INCREMENT PRIMARY KEY, n INT)")
    failures: list[Any] = []

    def write() -> None:
        own = Client(front)
        for n in range(20):
            status, answer = own.post("exec", "INSERT INTO t (n) VALUES (?)", [n])
            if status != 200:
                failures.append(answer)
        own.connection.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    answer = client.ok("query/tuples", "SELECT COUNT(*), COUNT(DISTINCT id) FROM t")
    assert answer["results"][0]["rows"] == [[80, 80]]


def test_shares_an_engine_and_leaves_it_open() -> None:
    engine = open_engine(None, "shared-by-http")
    try:
        with s2.connect("embedded://shared-by-http") as conn:
            conn.query("CREATE TABLE t (a INT)")
            with start_http(engine, users=USERS) as front:
                client = Client(front)
                client.ok("exec", "INSERT INTO t VALUES (1)")
                client.connection.close()
            assert conn.execute("SELECT * FROM t").fetchall() == [(1,)]
    finally:
        engine.release()


def test_serves_a_file_and_lets_go_of_it(tmp_path: Path) -> None:
    path = str(tmp_path / "data.db")
    for expected in (1, 2):
        with start_http(path, users=USERS) as front:
            client = Client(front)
            client.ok("exec", "CREATE TABLE IF NOT EXISTS t (a INT)")
            client.ok("exec", "INSERT INTO t VALUES (1)")
            rows = client.ok("query/tuples", "SELECT COUNT(*) FROM t")["results"][0]["rows"]
            assert rows == [[expected]]
            client.connection.close()


def test_close_interrupts_and_ends_connections(front: HTTPFront) -> None:
    outcome: list[Any] = []

    def run() -> None:
        own = Client(front)
        try:
            outcome.append(own.post("query/tuples", "SELECT SLEEP(30)"))
        except (OSError, http.client.HTTPException) as exc:
            outcome.append(exc)
        own.connection.close()

    idle = socket.create_connection(("127.0.0.1", front.port), 20)
    thread = threading.Thread(target=run)
    thread.start()
    server = front._server
    assert server is not None
    while not any(session.statement for session in list(server._sessions)):
        time.sleep(0.01)
    front.close()
    front.close()
    thread.join(10)
    assert not thread.is_alive()
    assert len(outcome) == 1
    assert idle.recv(1) == b""
    idle.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", front.port), 1)


def test_a_taken_port_is_told(front: HTTPFront) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            start_http(None, port=port, users=USERS)


def test_the_address_tells_no_secret(front: HTTPFront) -> None:
    assert front.url == f"http://127.0.0.1:{front.port}"
