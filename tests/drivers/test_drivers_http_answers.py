"""The http driver against a scripted server: what it makes of answers, hostile ones included."""

from __future__ import annotations

import base64
import datetime as dt
import json
import socket
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb.exceptions import OperationalIntegrityError, OperationalProgrammingError

from .rogue_http import (
    PASSWORD,
    VERSION,
    Answer,
    answer,
    asked,
    assert_secretive,
    connected,
    fails,
    fetched,
    peer,
    rows,
)

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
        ("500 Oops", "Error 1049: Unknown database", OperationalProgrammingError, 1049, None),
        ("500 Oops", "Error 1364: no default", OperationalIntegrityError, 1364, None),
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


def test_query_timeout_bounds_the_answer() -> None:
    released = threading.Event()

    def waits(sock: socket.socket) -> None:
        released.wait(10)

    with connected(waits, query_timeout=0.2) as (conn, _):
        with pytest.raises(s2.OperationalError, match=r"query_timeout=0\.2") as caught:
            conn.query("SELECT SLEEP(100)")
        released.set()
    assert caught.value.errno == 3024
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
