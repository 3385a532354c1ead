"""The http driver against scripted peers: what it sends, and what a friendly server never says."""

from __future__ import annotations

import base64
import datetime as dt
import json
import pickle
import re
import socket
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb.connection import Connection

PASSWORD = "s3cr3t-w0rd"
BASIC = base64.b64encode(f"ann:{PASSWORD}".encode()).decode()


class Request:
    """What the peer was sent."""

    def __init__(self, head: bytes, body: bytes) -> None:
        first, *lines = head.decode("latin-1").split("\r\n")
        self.method, self.path, _ = first.split(" ", 2)
        self.headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines if line)
        }
        self.json: Any = json.loads(body) if body else None


Answer = bytes | Callable[[socket.socket], None]


def answer(body: Any, status: str = "200 OK", **headers: str) -> bytes:
    """Return an answer as it stands on the wire."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items())]
    if not any(name.lower() == "content_length" for name in headers):
        lines.append(f"Content-Length: {len(data)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def rows(columns: Sequence[tuple[str, str]], *values: Sequence[Any]) -> dict[str, Any]:
    """Return the body of an answer with one result set."""
    described = [{"name": n, "dataType": t, "nullable": True} for n, t in columns]
    return {"results": [{"columns": described, "rows": [list(v) for v in values]}]}


VERSION = answer(rows([("@@version", "VARCHAR(20)")], ["5.7.32"]))
DONE = answer({"lastInsertId": 0, "rowsAffected": 0})


class Peer:
    """A server that gives the scripted answers in turn, and records what it was asked."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self._answers = iter(answers)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with sock:
                sock.settimeout(20)
                try:
                    while self._serve(sock):
                        pass
                except OSError:
                    pass  # the client went away, as it should

    def _serve(self, sock: socket.socket) -> bool:
        data = b""
        while b"\r\n\r\n" not in data:
            part = sock.recv(65_536)
            if not part:
                return False
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        while length and len(body) < int(length[1]):
            body += sock.recv(65_536)
        self.requests.append(Request(head, body))
        said = next(self._answers, None)
        if said is None:
            return False
        if callable(said):
            said(sock)
            return False
        sock.sendall(said)
        return b"Connection: close" not in said

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


@contextmanager
def peer(*answers: Answer) -> Iterator[Peer]:
    running = Peer(answers)
    try:
        yield running
    finally:
        running.close()


@contextmanager
def connected(*answers: Answer, **kwargs: Any) -> Iterator[tuple[Connection, Peer]]:
    """Connect to a peer that greets well and then gives ``answers``."""
    with (
        peer(VERSION, *answers) as running,
        s2.connect(f"http://ann:{PASSWORD}@127.0.0.1:{running.port}/shop", **kwargs) as conn,
    ):
        yield conn, running


def asked(sql: str, args: Any = None, **kwargs: Any) -> Request:
    """Return the request that a statement becomes."""
    with connected(answer({"results": []}), **kwargs) as (conn, running):
        try:
            conn.query(sql, args)
        except s2.Error:
            assert len(running.requests) == 2, "it was never sent"
            raise
        return running.requests[1]


def fetched(columns: Sequence[tuple[str, str]], *values: Sequence[Any], **kwargs: Any) -> Any:
    """Return the rows that an answer becomes."""
    with (
        connected(answer(rows(columns, *values)), **kwargs) as (conn, _),
        conn.cursor("tuples") as cursor,
    ):
        cursor.execute("SELECT 1")
        return cursor.fetchall()


def fails(said: Answer, sql: str = "SELECT 1", **kwargs: Any) -> s2.Error:
    """Return the error that an answer becomes; the connection serves on, and no secret is told."""
    with connected(said, answer(rows([("a", "INT")], [7])), **kwargs) as (conn, _):
        with pytest.raises(s2.Error) as caught:
            conn.query(sql)
        with conn.cursor("tuples") as cursor:
            cursor.execute("SELECT 7")
            assert cursor.fetchall() == [(7,)]
    assert_secretive(caught.value)
    return caught.value


def assert_secretive(error: BaseException) -> None:
    told = "".join(traceback.format_exception(error)) + repr(error)
    current: BaseException | None = error
    while current is not None:
        told += repr(vars(current)) + repr(current.args)
        assert getattr(current, "request", None) is None
        current = current.__cause__
    assert PASSWORD not in told
    assert BASIC not in told
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


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


# -- what is received ------------------------------------------------------------------------


def test_counts_and_insert_id() -> None:
    with (
        connected(answer({"lastInsertId": 41, "rowsAffected": 2})) as (conn, _),
        conn.cursor() as cursor,
    ):
        assert cursor.execute("INSERT INTO t VALUES (1), (2)") == 2
        assert cursor.lastrowid == 41


def test_rows_are_tuples_even_without_a_conversion() -> None:
    got = fetched([("a", "JSON")], [[1, 2]], [None])
    assert got == [([1, 2],), (None,)]
    assert [type(row) for row in got] == [tuple, tuple]
    got = fetched([("a", "VARCHAR(3)")], ["x"])
    assert got == [("x",)]
    assert type(got[0]) is tuple


def test_several_results_are_several_sets() -> None:
    body = {"results": rows([("a", "INT")], [1])["results"] + rows([("b", "TEXT")])["results"]}
    with connected(answer(body)) as (conn, _), conn.cursor("tuples") as cursor:
        cursor.execute("CALL p()")
        assert cursor.fetchall() == [(1,)]
        assert cursor.nextset() is True
        assert cursor.fetchall() == []
        assert cursor.description is not None
        assert cursor.description[0].name == "b"
        assert cursor.nextset() is None


@pytest.mark.parametrize("body", [{"results": []}, {"results": [{}]}])
def test_no_result_and_an_empty_one(body: Any) -> None:
    with connected(answer(body)) as (conn, _), conn.cursor("dicts") as cursor:
        assert cursor.execute("CALL p()") == 0
        assert cursor.description is None
        assert cursor.fetchall() == []
        assert cursor.fetchone() is None


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("BIGINT", 2**63 - 1, 2**63 - 1),
        ("UNSIGNED BIGINT", 2**64 - 1, 2**64 - 1),
        ("BIGINT UNSIGNED", 2**64 - 1, 2**64 - 1),
        ("TINYINT UNSIGNED", 255, 255),
        ("DOUBLE", 1, 1.0),
        ("DECIMAL(30,2)", "1234567890123456789012.50", Decimal("1234567890123456789012.50")),
        ("DATE", "2024-02-29", dt.date(2024, 2, 29)),
        ("DATE", "0000-00-00", None),
        ("DATETIME(6)", "2024-02-29 01:02:03.000004", dt.datetime(2024, 2, 29, 1, 2, 3, 4)),
        ("TIME", "-838:59:59", -dt.timedelta(hours=838, minutes=59, seconds=59)),
        ("YEAR", 2024, 2024),
        ("VARBINARY(9)", "AP8n", b"\x00\xff'"),
        ("LONGBLOB", "", b""),
        ("BIT(64)", "AAAAAAAAAAE=", b"\0\0\0\0\0\0\0\1"),
        ("JSON", {"a": [1.5]}, {"a": [1.5]}),
        ("SET('a','b')", "a,b", {"a", "b"}),
        ("ENUM('a(','b')", "a(", "a("),
        ("SOMETHING NEW(3)", "text", "text"),
        ("SOMETHING NEW(3)", [1], "[1]"),
        ("NULL", None, None),
    ],
)  # fmt: skip
def test_values_of_types(kind: str, value: Any, expected: Any) -> None:
    ((got,),) = fetched([("a", kind)], [value])
    assert got == expected
    assert type(got) is type(expected)


@pytest.mark.parametrize(
    ("number", "expected"),
    [("1234567890123456789.10", "1234567890123456789.10"), ("7", "7.00"), ("0.1", "0.10")],
)
def test_decimals_sent_as_numbers_keep_their_digits(number: str, expected: str) -> None:
    body = json.dumps(
        rows([("a", "DECIMAL(30,2)"), ("b", "DOUBLE"), ("c", "JSON")], ["@", 0.1, 1.5])
    )
    said = answer(body.replace('"@"', number).encode())
    with connected(said) as (conn, _), conn.cursor("tuples") as cursor:
        cursor.execute("SELECT a, b, c FROM t")
        ((exact, double, parsed),) = cursor.fetchall()
    assert str(exact) == expected
    assert (type(double), type(parsed)) == (float, float)


def test_geography_bson_and_vectors() -> None:
    shapely = pytest.importorskip("shapely")
    bson = pytest.importorskip("bson")
    numpy = pytest.importorskip("numpy")
    document = base64.b64encode(bson.encode({"a": 1})).decode()
    packed = base64.b64encode(numpy.array([1, -2], "<i2").tobytes()).decode()
    columns = [
        ("g", "GEOGRAPHY"), ("p", "GEOGRAPHYPOINT"), ("b", "BSON"),
        ("v", "VECTOR(2, F32)"), ("w", "VECTOR(3, I8)"), ("x", "VECTOR"), ("y", "VECTOR(2,I16)"),
    ]  # fmt: skip
    values = ["POINT(1 2)", "POINT(3 4)", document, "[0.5,2]", [1, 2, -3], "[1,2,3,4]", packed]
    ((g, p, b, v, w, x, y),) = fetched(columns, values)
    assert (g, p) == (shapely.Point(1, 2), shapely.Point(3, 4))
    assert b == {"a": 1}
    assert (v.dtype, v.tolist()) == (numpy.float32, [0.5, 2])
    assert (w.dtype, w.tolist()) == (numpy.int8, [1, 2, -3])
    assert (x.dtype, x.tolist()) == (numpy.float32, [1, 2, 3, 4])
    assert (y.dtype.kind, y.tolist()) == ("i", [1, -2])
    plain = fetched([("v", "VECTOR(2, F32)")], ["[0.5,2]"], enable_extended_data_types=False)
    assert plain == [("[0.5,2]",)]


def test_descriptions() -> None:
    columns = [
        ("a", "DECIMAL(10,2)"), ("b", "DATETIME(6)"), ("c", "UNSIGNED INT"), ("d", "VARBINARY(8)"),
        ("e", "VECTOR(3, F64)"), ("f", "BSON"), ("g", "GEOGRAPHY"), ("h", "VARCHAR(20)"),
        ("i", "DATETIME"), ("j", "TIME(6)"),
    ]  # fmt: skip
    body = rows(columns)
    body["results"][0]["columns"][2]["nullable"] = False
    with connected(answer(body), answer(body), vector_data_format="json") as (conn, _):
        cursor = conn.cursor("tuples")
        cursor.execute("SELECT * FROM t")
        assert cursor.description is not None
        d = {column.name: column for column in cursor.description}
        cursor.close()
    assert (d["a"].type_code, d["a"].precision, d["a"].scale) == (246, 10, 2)
    assert (d["b"].type_code, d["b"].precision, d["b"].scale) == (12, 26, 6)
    assert (d["i"].precision, d["i"].scale, d["j"].scale) == (19, 0, 6)
    assert (d["c"].type_code, d["c"].flags & 33, d["c"].null_ok) == (3, 33, False)
    assert (d["d"].type_code, d["d"].charset, d["d"].internal_size) == (253, 63, 8)
    assert (d["e"].type_code, d["e"].internal_size) == (2002, 3)
    assert (d["f"].type_code, d["g"].type_code) == (1001, 255)
    assert (d["h"].type_code, d["h"].internal_size, d["h"].charset) == (253, 20, 45)


def test_own_decoders_are_merged_and_take_what_a_server_sends() -> None:
    seen: list[Any] = []

    def keep(value: Any) -> Any:
        seen.append(value)
        return value

    columns = [("a", "INT"), ("b", "JSON"), ("c", "BLOB"), ("d", "BIGINT"), ("e", "DATE")]
    values = [5, {"k": [1]}, "AP8=", 6, "2024-02-29"]
    conv = {3: keep, 245: keep, 252: keep, 10: None}
    got = fetched(columns, values, conv=conv)
    assert seen == ["5", '{"k":[1]}', b"\x00\xff"]
    assert got == [("5", '{"k":[1]}', b"\x00\xff", 6, "2024-02-29")]


def test_json_can_stay_text() -> None:
    assert fetched([("a", "JSON")], [{"a": [1, "ü"]}], parse_json=False) == [('{"a":[1,"ü"]}',)]


def test_invalid_dates_can_be_replaced() -> None:
    assert fetched([("a", "DATE")], ["2024-02-31"]) == [("2024-02-31",)]
    never = dt.date(1, 1, 1)
    assert fetched([("a", "DATE")], ["2024-02-31"], invalid_values={10: never}) == [(never,)]


def test_arrow_has_the_types_of_the_columns() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    columns = [("j", "JSON"), ("v", "VECTOR(2, F32)"), ("u", "UNSIGNED INT"), ("b", "BLOB"),
               ("s", "SET('a','b')")]  # fmt: skip
    values = ["text", "[1,2]", 2**32 - 1, "AP8=", "a,b"]
    with connected(answer(rows(columns, values))) as (conn, _), conn.cursor("tuples") as cursor:
        cursor.execute("SELECT * FROM t")
        table = pyarrow.table(cursor.fetch_arrow())
    assert table.to_pylist() == [
        {"j": '"text"', "v": [1, 2], "u": 2**32 - 1, "b": b"\x00\xff", "s": "a,b"}
    ]
    assert table.schema.field("u").type == pyarrow.uint32()


@pytest.mark.parametrize("format_name", ["numpy", "pandas", "polars", "arrow"])
def test_columnar_formats_have_one_value_per_column(format_name: str) -> None:
    pytest.importorskip("pyarrow" if format_name == "arrow" else format_name)
    said = answer(rows([("a", "VARCHAR(3)"), ("b", "TEXT")], ["x", "y"], ["z", None]))
    with connected(said) as (conn, _), conn.cursor(format_name) as cursor:
        cursor.execute("SELECT a, b FROM t")
        table = cursor.fetchall()
    assert len(table) == 2
    column = table["a"]
    assert (column.to_pylist() if format_name == "arrow" else list(column)) == ["x", "z"]


# -- errors ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "kind", "errno", "text"),
    [
        ("400 Bad Request", "Error 1064: You have: an error", s2.ProgrammingError, 1064,
         "You have: an error"),
        ("500 Oops", "Error 1062 (23000): Duplicate entry", s2.IntegrityError, 1062,
         "Duplicate entry"),
        ("500 Oops", "Error 1264: Out of range", s2.DataError, 1264, "Out of range"),
        ("500 Oops", "Error 1235: no", s2.NotSupportedError, 1235, "no"),
        ("500 Oops", "Error 1049: Unknown database", s2.ProgrammingError, 1049, None),
        ("500 Oops", "Error 1364: no default", s2.IntegrityError, 1364, None),
        ("500 Oops", "Error 4025: no", s2.OperationalError, 4025, None),
        ("500 Oops", "Error 1305: no", s2.OperationalError, 1305, None),
        ("500 Oops", "Error 99: no", s2.InternalError, 99, None),
        ("401 No", "Error 1045: Access denied", s2.OperationalError, 1045, None),
        ("401 No", "go away", s2.OperationalError, 401, "go away"),
        ("404 No", "page not found", s2.InternalError, 404, "page not found"),
        ("500 Oops", "<html>\n<h1>Oh</h1>\n</html>", s2.InternalError, 500,
         "<html> <h1>Oh</h1> </html>"),
        ("502 Bad Gateway", "x" * 100_000, s2.OperationalError, 502, "x" * 497 + "..."),
        ("500 Oops", "", s2.InterfaceError, 500, "HTTP Error"),
        ("500 Oops", "\ufffd", s2.InternalError, 500, None),
        ("204 No Content", "", s2.InterfaceError, 204, None),
        ("100 Continue\r\n\r\nHTTP/1.1 500 Oops", "Error 1: x", s2.InternalError, 1, None),
    ],
)  # fmt: skip
def test_error_statuses(
    status: str, body: str, kind: type[s2.Error], errno: int, text: str | None
) -> None:
    error = fails(answer(body.encode(), status))
    assert type(error) is kind
    assert error.errno == errno
    assert text is None or error.errmsg == text


@pytest.mark.parametrize(
    ("described", "kind", "errno"),
    [
        ({"code": 1064, "message": "bad"}, s2.ProgrammingError, 1064),
        ({"code": "1062", "message": "twice"}, s2.IntegrityError, 1062),
        ({"code": 12, "message": "?"}, s2.OperationalError, 12),
        ({}, None, None),
        ({"message": "no number"}, s2.OperationalError, None),
        ("just text", s2.OperationalError, None),
        ({"code": [1], "message": {"a": 1}}, s2.OperationalError, None),
    ],
)
def test_errors_in_a_successful_answer(
    described: Any, kind: type[s2.Error] | None, errno: int | None
) -> None:
    if kind is None:
        assert asked("SELECT 1").path.endswith("tuples")
        return
    error = fails(answer({"error": described}))
    assert type(error) is kind
    assert error.errno == errno


@pytest.mark.parametrize(
    "body",
    [
        b"", b"not json", b'{"results": [', b"[]", b"null", b"3", b'"x"', b"\xff\xfe",
        b"[" * 100_000,
        b'{"results": null}', b'{"results": {}}', b'{"results": [null]}', b'{"results": [[]]}',
        b'{"results": [{"columns": 3, "rows": 4}]}',
        b'{"results": [{"columns": [3], "rows": []}]}',
        b'{"results": [{"columns": [{"name": 1, "dataType": "INT"}], "rows": []}]}',
        b'{"results": [{"columns": [{"name": "a", "dataType": 1}], "rows": []}]}',
        b'{"results": [{"columns": [{"name": "a", "dataType": "INT"}], "rows": [3]}]}',
        b'{"results": [{"columns": [{"name": "a", "dataType": "INT"}], "rows": [[1, 2]]}]}',
        b'{"results": [{"columns": [{"name": "a", "dataType": "DECIMAL"}], "rows": [[1.5], []]}]}',
        b'{"results": [{"columns": [{"name": "a", "dataType": "INT"}], "rows": ["x"]}]}',
        b'{"results": [{"rows": [[1]]}]}',
    ],
)  # fmt: skip
def test_malformed_answers(body: bytes) -> None:
    assert type(fails(answer(body))) is s2.InternalError


@pytest.mark.parametrize(
    "body", [[], {"rowsAffected": "x"}, {"rowsAffected": -1}, {"lastInsertId": 1.5}]
)
def test_malformed_outcomes(body: Any) -> None:
    assert type(fails(answer(body), "DELETE FROM t")) is s2.InternalError


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("INT", "x"), ("INT", 1.5), ("INT", [1]), ("DOUBLE", {}), ("DECIMAL(5,2)", "x"),
        ("DECIMAL(5,2)", [1]), ("BLOB", "?"), ("BLOB", 5), ("BIT(8)", [1]), ("BSON", "AP8="),
        ("VECTOR(2, F32)", "[1,"), ("VECTOR(2, F32)", 5), ("VECTOR(2, F32)", ["a", "b"]),
        ("VECTOR(2, F32)", "AP8="),
    ],
)  # fmt: skip
def test_values_that_are_not_of_their_type(kind: str, value: Any) -> None:
    pytest.importorskip("bson")
    pytest.importorskip("numpy")
    with pytest.raises(s2.DataError, match="column 'a'"):
        fetched([("a", kind)], [value])


def _closes(sock: socket.socket) -> None:
    sock.shutdown(socket.SHUT_RDWR)


def _sends(data: bytes) -> Callable[[socket.socket], None]:
    return lambda sock: sock.sendall(data)


@pytest.mark.parametrize(
    "said",
    [
        _closes,
        _sends(b"SSH-2.0-OpenSSH_9.0\r\n"),
        _sends(answer(b'{"results": []}', Content_Length="1000000000000")),
        _sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
        _sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab"),
    ],
)
def test_broken_connections(said: Callable[[socket.socket], None]) -> None:
    error = fails(said)
    assert type(error) is s2.OperationalError
    assert error.errno == 2013


def test_an_error_cut_short_is_still_one() -> None:
    error = fails(_sends(b"HTTP/1.1 500 Oops\r\nContent-Length: 1000\r\n\r\nErr"))
    assert (type(error), error.errno, error.errmsg) == (s2.InternalError, 500, "Err")
    assert type(fails(_sends(b"HTTP/1.1 200"))) is s2.InternalError


@pytest.mark.parametrize("host", ["a" * 70, "a..b", "no.such.host.invalid"])
def test_hosts_that_are_none(host: str) -> None:
    with pytest.raises(s2.Error) as caught:
        s2.connect(driver="http", host=host, user="ann", password=PASSWORD)
    assert_secretive(caught.value)


@pytest.mark.parametrize("host", ["h h", "h\\x", "h#x"])
def test_hosts_that_could_mean_something_else(host: str) -> None:
    with pytest.raises(s2.InterfaceError, match="not the name of a host"):
        s2.connect(driver="http", host=host)


@pytest.mark.parametrize("location", ["http://[bad", "", "/elsewhere", "\xff"])
def test_redirects_to_nowhere(location: str) -> None:
    error = fails(answer(b"", "302 Found", Location=location))
    assert (type(error), error.errno) == (s2.OperationalError, 302)


def test_compressed_answers_are_refused() -> None:
    import gzip

    bomb = gzip.compress(b" " * 1_000_000)
    error = fails(answer(bomb, Content_Encoding="gzip", Connection="close"))
    assert type(error) is s2.InternalError
    assert "compressed" in str(error)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_redirects_are_refused(status: str) -> None:
    with peer(VERSION) as other:
        location = f"http://user:pw@127.0.0.1:{other.port}/api/v2/exec?secret=1"
        error = fails(answer(b"", status, Location=location))
        assert type(error) is s2.OperationalError
        assert error.errno == int(status[:3])
        assert f"http://127.0.0.1:{other.port};" in str(error)
        assert "pw" not in str(error)
        assert other.requests == []


def test_read_timeout_bounds_the_answer_only() -> None:
    released = threading.Event()

    def waits(sock: socket.socket) -> None:
        released.wait(10)

    with connected(waits, read_timeout=0.2) as (conn, _):
        with pytest.raises(s2.OperationalError) as caught:
            conn.query("SELECT SLEEP(100)")
        released.set()
    assert caught.value.errno == 2013
    assert "timed out" in str(caught.value)
    assert "read_timeout" in str(caught.value.hint)
    assert_secretive(caught.value)


def test_connect_timeout_does_not_bound_the_answer() -> None:
    slow = answer(rows([("a", "INT")], [1]))

    def waits(sock: socket.socket) -> None:
        threading.Event().wait(1.3)
        sock.sendall(slow)

    with connected(waits, connect_timeout=1) as (conn, _):
        assert conn.query("SELECT SLEEP(1)") == 1


def test_a_silent_server_cannot_be_connected_to() -> None:
    def waits(sock: socket.socket) -> None:
        threading.Event().wait(2)

    with peer(waits) as running:
        url = f"http://ann:{PASSWORD}@127.0.0.1:{running.port}"
        with pytest.raises(s2.OperationalError) as caught:
            s2.connect(url, connect_timeout=1)
    assert caught.value.errno == 2003
    assert_secretive(caught.value)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(s2.OperationalError, match="refused") as caught:
        s2.connect(f"http://ann:{PASSWORD}@127.0.0.1:{port}")
    assert caught.value.errno == 2003
    assert_secretive(caught.value)


@pytest.mark.parametrize("said", [answer(b"<html>"), answer(b"", "404 No"), _closes])
def test_ping_wants_a_pong(said: Answer) -> None:
    with connected(said) as (conn, _), pytest.raises(s2.OperationalError):
        conn.ping(reconnect=False)


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
