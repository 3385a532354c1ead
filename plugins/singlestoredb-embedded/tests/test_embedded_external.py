"""External functions, against services that speak each format over HTTP."""

# ruff: noqa: E501  (the cases of a test stand on one line)

from __future__ import annotations

import base64
import datetime as dt
import http.server
import io
import json
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

import singlestoredb as s2
from singlestoredb_embedded import external

FORMATS = ("JSON", "ROWDAT_1", "ARROW")

Rows = list[list[Any]]


class Service:
    """A service whose functions get rows of a request and return rows: row number, values."""

    def __init__(self) -> None:
        self.functions: dict[str, tuple[str, str, Callable[[Rows], Rows]]] = {}
        """Name → (codes of the arguments, codes of the values, function)."""
        self.requests: list[tuple[str, dict[str, str], int]] = []
        """Name, headers and number of rows of each request."""
        self.raw: Callable[[Any], bool] = lambda handler: False
        """Answers a request by itself, or returns false."""
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if service.raw(self):
                    return
                name = self.headers["S2-EF-Name"]
                takes, gives, function = service.functions[name]
                media = self.headers["Content-Type"]
                load, dump = _CODECS[media]
                rows = load(body, takes)
                headers = {k.lower(): v for k, v in self.headers.items()}
                service.requests.append((name, headers, len(rows)))
                try:
                    answer, status = dump(function(rows), gives), 200
                except ValueError as exc:
                    answer, status = f"Traceback\nValueError: {exc}".encode(), 500
                self.answer(status, answer)

            def answer(self, status: int, body: bytes, **headers: str) -> None:
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/invoke"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


# The formats as their description says, value by value: nothing is shared with the engine.


def _load_json(body: bytes, codes: str) -> Rows:
    return [list(row) for row in json.loads(body)["data"]]


def _dump_json(rows: Rows, codes: str) -> bytes:
    return json.dumps({"data": rows}).encode()


def _load_rowdat(body: bytes, codes: str) -> Rows:
    stream, rows = io.BytesIO(body), []
    while head := stream.read(8):
        row: list[Any] = [struct.unpack("<q", head)[0]]
        for code in codes:
            null = stream.read(1) == b"\1"
            value: Any = stream.read(8)
            if code in "sb":
                value = stream.read(struct.unpack("<q", value)[0])
                value = value.decode() if code == "s" else value
            else:
                value = struct.unpack("<" + {"i": "q", "u": "Q", "f": "d"}[code], value)[0]
            row.append(None if null else value)
        rows.append(row)
    return rows


def _dump_rowdat(rows: Rows, codes: str) -> bytes:
    out = b""
    for row in rows:
        out += struct.pack("<q", row[0])
        for code, value in zip(codes, row[1:], strict=True):
            out += b"\1" if value is None else b"\0"
            if code in "sb":
                data = b"" if value is None else value.encode() if code == "s" else value
                out += struct.pack("<q", len(data)) + data
            else:
                out += struct.pack("<" + {"i": "q", "u": "Q", "f": "d"}[code], value or 0)
    return out


def _load_arrow(body: bytes, codes: str) -> Rows:
    table = pa.ipc.open_file(pa.BufferReader(body)).read_all()
    return [list(row) for row in zip(*(c.to_pylist() for c in table.columns), strict=True)]


def _dump_arrow(rows: Rows, codes: str) -> bytes:
    if not rows:
        return b""
    types = [pa.int64(), *(pa.uint64() if code == "u" else None for code in codes)]
    columns = [pa.array(list(c), t) for c, t in zip(zip(*rows, strict=True), types, strict=True)]
    table = pa.table(columns, ["__index__", *(f"col{i}" for i in range(len(columns) - 1))])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


_CODECS: dict[str, tuple[Callable[[bytes, str], Rows], Callable[[Rows, str], bytes]]] = {
    "application/json": (_load_json, _dump_json),
    "application/octet-stream": (_load_rowdat, _dump_rowdat),
    "application/vnd.apache.arrow.file": (_load_arrow, _dump_arrow),
}


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.close()


@pytest.fixture(params=FORMATS)
def format(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def create(engine: Any, service: Service, name: str, signature: str, format: str) -> None:
    engine(
        f"CREATE OR REPLACE EXTERNAL FUNCTION {name}{signature} "
        f'AS REMOTE SERVICE "{service.url}" FORMAT {format}'
    )


def test_scalar(engine: Any, service: Service, format: str) -> None:
    service.functions["join_up"] = (
        "sif", "s",
        lambda rows: [[r[0], None if r[1] is None else f"{r[1]}/{r[2]}/{r[3]}"] for r in rows],
    )  # fmt: skip
    create(engine, service, "join_up", "(a TEXT, b INT, c DOUBLE) RETURNS TEXT", format)
    engine("CREATE TABLE t (a TEXT, b INT, c DOUBLE)")
    engine("INSERT INTO t VALUES ('ä', 1, 1.5), ('', NULL, 2.5), (NULL, 3, NULL), ('x', 4, NULL)")
    assert engine("SELECT join_up(a, b, c) FROM t ORDER BY b") == [
        ("/None/2.5",), ("ä/1/1.5",), (None,), ("x/4/None",),
    ]  # fmt: skip
    assert engine("SELECT JOIN_UP('q', '7', 1), main.`join_up`(1, 2, 3)") == [
        ("q/7/1.0", "1/2/3.0"),
    ]  # fmt: skip
    name, headers, _ = service.requests[0]
    assert name == "join_up"
    assert headers["accept"] == headers["content-type"]
    assert headers["s2-ef-version"] == "1.0"
    assert engine("SELECT a FROM t WHERE join_up(a, b, 0) = 'X/4/0.0'") == [("x",)]
    engine("UPDATE t SET a = join_up(a, b, c) WHERE b = 4")
    assert engine("SELECT a FROM t WHERE b = 4") == [("x/4/None",)]


def test_rows_go_in_bounded_batches(engine: Any, service: Service, format: str) -> None:
    def backwards(rows: Rows) -> Rows:
        return [[r[0], r[1] * 2] for r in reversed(rows)]

    service.functions["twice"] = ("i", "i", backwards)
    create(engine, service, "twice", "(a BIGINT) RETURNS BIGINT", format)
    engine("CREATE TABLE n (i BIGINT)")
    engine("INSERT INTO n VALUES " + ", ".join(f"({i})" for i in range(5000)))
    assert engine("SELECT COUNT(*), SUM(twice(i) = 2 * i) FROM n") == [(5000, 5000)]
    sizes = [size for _, _, size in service.requests]
    assert sum(sizes) == 5000
    assert max(sizes) <= 2048


def test_without_parameters(engine: Any, service: Service, format: str) -> None:
    service.functions["one"] = ("", "i", lambda rows: [[r[0], 1 + r[0]] for r in rows])
    create(engine, service, "one", "() RETURNS INT", format)
    engine("CREATE TABLE n (i INT)")
    engine("INSERT INTO n VALUES (1), (2), (3)")
    assert engine("SELECT SUM(one()) FROM n") == [(6,)]


@pytest.mark.parametrize(
    ("kind", "value", "codes"),
    [
        ("TINYINT", -5, "iii"), ("INT UNSIGNED", 4_000_000_000, "uuu"),
        ("BIGINT UNSIGNED", 2**64 - 1, "uuu"), ("FLOAT", 1.5, "fff"), ("YEAR", 2024, "iii"),
        ("VARCHAR(10)", "ä\n'", "sss"), ("JSON", {"a": [1]}, "sss"),
        ("DECIMAL(20,4)", Decimal("-12345678901234.5678"), "ss-"),
        ("DATE", dt.date(1000, 2, 28), "si-"),
        ("DATETIME", dt.datetime(2024, 2, 29, 23, 59, 58), "si-"),
        ("DATETIME(6)", dt.datetime(9999, 12, 31, 23, 59, 59, 999999), "si-"),
        ("TIME", -dt.timedelta(hours=30, minutes=5, seconds=7), "si-"),
        ("TIME(6)", dt.timedelta(hours=838, microseconds=5), "si-"),
        ("VARBINARY(10)", b"\0\xff'", "sb-"), ("BLOB", b"", "sb-"),
    ],
)  # fmt: skip
def test_types_go_there_and_back(
    engine: Any, service: Service, kind: str, value: Any, codes: str, format: str
) -> None:
    code = codes[FORMATS.index(format)]
    seen: list[Any] = []

    def same(rows: Rows) -> Rows:
        seen.extend(r[1] for r in rows)
        return rows

    service.functions["same"] = (code, code, same)
    create(engine, service, "same", f"(a {kind}) RETURNS {kind}", format)
    engine(f"CREATE TABLE v (n INT, a {kind})")
    text = json.dumps(value) if kind == "JSON" else value
    engine("INSERT INTO v VALUES (1, %s), (2, NULL)", [text])
    assert engine("SELECT a FROM v ORDER BY n") == [(value,), (None,)]
    assert engine("SELECT same(a) FROM v ORDER BY n") == [(value,), (None,)]
    sent = seen[0]
    if format == "ARROW" and kind != "JSON":
        assert sent == value
    elif format == "JSON" and isinstance(value, bytes):
        assert base64.b64decode(sent) == value
    elif isinstance(value, Decimal):
        assert Decimal(sent) == value
    elif format == "ROWDAT_1" and isinstance(value, dt.datetime):
        parts = sent >> 46, sent >> 42 & 15, sent >> 37 & 31, sent >> 32 & 31, sent >> 26 & 63
        assert dt.datetime(*parts, sent >> 20 & 63, sent & 0xFFFFF) == value
    elif format == "ROWDAT_1" and isinstance(value, dt.date):
        assert sent == value.year * 10000 + value.month * 100 + value.day
    elif format == "ROWDAT_1" and kind == "TIME":
        assert sent == -300507_000000


def test_called_once_per_row_whatever_is_made_of_it(engine: Any, service: Service) -> None:
    calls: list[Any] = []

    def same(rows: Rows) -> Rows:
        calls.extend(r[1] for r in rows)
        return rows

    for kind in ("DATETIME", "TIME", "DATE", "JSON", "TINYINT", "DECIMAL(5,2)"):
        service.functions["same"] = ("s", "s", same)
        create(engine, service, "same", f"(a {kind} NOT NULL) RETURNS {kind}", "JSON")
        value = {"JSON": "'{}'", "TINYINT": "5", "DECIMAL(5,2)": "5"}.get(kind, "'2024-01-01'")
        calls.clear()
        first = engine(f"SELECT same({value})")
        assert len(calls) == 1, kind
        assert engine(f"SELECT same(same({value}))") == first
        assert len(calls) == 3, kind


def test_whole_numbers_saturate(engine: Any, service: Service, format: str) -> None:
    service.functions["wide"] = ("i", "i", lambda rows: [[r[0], r[1] * 1000] for r in rows])
    create(engine, service, "wide", "(a INT) RETURNS TINYINT", format)
    assert engine("SELECT wide(1), wide(-1), wide(0)") == [(127, -128, 0)]


def test_table_valued(engine: Any, service: Service, format: str) -> None:
    def split(rows: Rows) -> Rows:
        return [[r[0], i, w] for r in rows for i, w in enumerate((r[1] or "").split())]

    service.functions["words"] = ("s", "is", split)
    create(engine, service, "words", "(a TEXT) RETURNS TABLE(n INT, word TEXT)", format)
    expected = [(0, "to"), (1, "be")]
    assert engine("SELECT * FROM words('to be')") == expected
    assert engine("SELECT * FROM TABLE(words('to be')) AS w") == expected
    assert engine("SELECT w.word FROM words('to be') w WHERE w.n = 1") == [("be",)]
    assert engine("SELECT * FROM words('')") == []
    engine("CREATE TABLE lines (id INT, line TEXT)")
    engine("INSERT INTO lines VALUES (1, 'a b'), (2, NULL), (3, 'c')")
    assert engine("SELECT id, w.n, word FROM lines, words(line) AS w ORDER BY id, n") == [
        (1, 0, "a"), (1, 1, "b"), (3, 0, "c"),
    ]  # fmt: skip
    with engine.connection.cursor() as cursor:
        cursor.execute("SELECT * FROM words('x')")
        assert [c[0] for c in cursor.description] == ["n", "word"]
    assert engine.errno("SELECT words('x')") == 1064


def test_not_null_is_told(engine: Any, service: Service) -> None:
    create(engine, service, "f", "() RETURNS INT NOT NULL", "JSON")
    create(engine, service, "g", "() RETURNS TABLE(a INT, b INT NOT NULL)", "JSON")
    service.functions["f"] = ("", "i", lambda rows: [[0, 1]])
    service.functions["g"] = ("", "ii", lambda rows: [[0, 1, 2]])
    with engine.connection.cursor() as cursor:
        cursor.execute("SELECT f()")
        assert [c.null_ok for c in cursor.description] == [False]
        cursor.execute("SELECT * FROM g()")
        assert [c.null_ok for c in cursor.description] == [True, False]


def test_null_where_none_may_be(engine: Any, service: Service, format: str) -> None:
    service.functions["f"] = ("i", "i", lambda rows: rows)
    create(engine, service, "f", "(a INT NOT NULL) RETURNS INT", format)
    error = engine.error("SELECT f(NULL)")
    assert isinstance(error, s2.OperationalError)  # as a server's, by its SDK's tests
    assert "NULL supplied to NOT NULL argument 'a' of 'f'" in str(error)
    assert engine("SELECT f(1)") == [(1,)]


def test_what_the_service_says_wrong(engine: Any, service: Service, format: str) -> None:
    codes = "i"
    answers: list[tuple[Callable[[Rows], Rows], str]] = [
        (lambda rows: [], "0 rows for 1"),
        (lambda rows: [[5, 1]], "row numbers are missing or repeated"),
    ]
    for function, message in answers:
        service.functions["f"] = (codes, codes, function)
        create(engine, service, "f", "(a INT) RETURNS INT", format)
        error = engine.error("SELECT f(1)")
        assert error.errno == 1105
        assert f"external function f: the service's answer is not {format}: {message}" in str(error)

    def garbage(handler: Any) -> bool:
        handler.answer(200, b"garbage that nobody can read")
        return True

    service.raw = garbage
    assert f"is not {format}" in str(engine.error("SELECT f(1)"))


def test_an_error_of_the_service_is_the_statements(engine: Any, service: Service) -> None:
    def fail(rows: Rows) -> Rows:
        raise ValueError("no such\tanimal")

    service.functions["f"] = ("i", "i", fail)
    create(engine, service, "f", "(a INT) RETURNS INT", "JSON")
    error = engine.error("SELECT f(1)")
    assert isinstance(error, s2.OperationalError)
    assert str(error.errmsg) == (
        "external function f: the service answered 500 Internal Server Error: "
        "ValueError: no such animal"
    )


def test_redirects_are_not_followed(engine: Any, service: Service) -> None:
    def redirect(handler: Any) -> bool:
        handler.answer(307, b"", Location=service.url + "/elsewhere")
        return True

    service.raw = redirect
    create(engine, service, "f", "(a INT) RETURNS INT", "JSON")
    error = engine.error("SELECT f(1)")
    assert "answered 307" in str(error)
    assert "redirects are not followed" in str(error)


def test_proxies_of_the_environment_are_not_asked(
    engine: Any, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    service.functions["f"] = ("i", "i", lambda rows: rows)
    create(engine, service, "f", "(a INT) RETURNS INT", "JSON")
    assert engine("SELECT f(3)") == [(3,)]


def test_a_service_that_keeps_silent_or_is_gone(
    engine: Any, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    silence = threading.Event()
    service.raw = lambda handler: silence.wait(30)
    monkeypatch.setattr(external, "TIMEOUT", 0.2)
    create(engine, service, "f", "(a INT) RETURNS INT", "JSON")
    try:
        error = engine.error("SELECT f(1)")
    finally:
        silence.set()
    assert f"external function f: the request to {service.url} took too long" in str(error)
    engine(
        'CREATE EXTERNAL FUNCTION g() RETURNS INT AS REMOTE SERVICE "http://127.0.0.1:1/" FORMAT JSON'
    )
    assert "external function g: the request to http://127.0.0.1:1/ failed" in str(
        engine.error("SELECT g()")
    )


def test_an_answer_has_an_end(
    engine: Any, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.functions["f"] = ("i", "s", lambda rows: [[0, "x" * 5000]])
    create(engine, service, "f", "(a INT) RETURNS TEXT", "JSON")
    assert engine("SELECT LENGTH(f(1))") == [(5000,)]
    monkeypatch.setattr(external, "MAX_ANSWER", 1000)
    assert "more than 1000 bytes" in str(engine.error("SELECT f(1)"))


def test_kept_shown_replaced_and_dropped(make_engine: Any, service: Service, tmp_path: Any) -> None:
    url = f"embedded:///{tmp_path}/functions.db"
    first = make_engine(url)
    service.functions["f"] = ("i", "i", lambda rows: [[r[0], r[1] + 1] for r in rows])
    create(first, service, "f", "(`a` BIGINT NOT NULL) RETURNS BIGINT NOT NULL", "ROWDAT_1")
    first.connection.close()
    engine = make_engine(url)
    assert engine("SELECT f(1)") == [(2,)]
    assert engine("SHOW FUNCTIONS") == [
        ("f", "External User Defined Function", "root@%", "ROWDAT_1", "Remote", None),
    ]  # fmt: skip
    text = engine("SHOW CREATE FUNCTION f")[0][2]
    assert text == (
        "CREATE OR REPLACE EXTERNAL FUNCTION f(`a` BIGINT NOT NULL) RETURNS BIGINT NOT NULL "
        f'AS REMOTE SERVICE "{service.url}" FORMAT ROWDAT_1'
    )
    assert engine("SELECT external_name FROM information_schema.routines") == [(service.url,)]
    assert engine.errno(text.replace("OR REPLACE ", "")) == 1304
    service.functions["f"] = ("s", "s", lambda rows: rows)
    create(engine, service, "f", "(a TEXT) RETURNS TEXT", "JSON")
    assert engine("SELECT f('x')") == [("x",)]
    other = make_engine(url)
    assert other("SELECT f('y')") == [("y",)]
    engine("DROP FUNCTION f")
    assert other.errno("SELECT f('y')") == 1305
    assert engine("SHOW FUNCTIONS") == []


@pytest.mark.parametrize(
    ("sql", "errno"),
    [
        ("CREATE EXTERNAL FUNCTION f() RETURNS INT AS REMOTE SERVICE 'u' FORMAT JSON", 1105),
        ("CREATE EXTERNAL FUNCTION f() RETURNS INT AS REMOTE SERVICE 'file:///x' FORMAT JSON", 1105),
        ("CREATE EXTERNAL FUNCTION f() RETURNS INT AS REMOTE SERVICE 'http://u:p@h/' FORMAT JSON", 1105),
        ("CREATE EXTERNAL FUNCTION f() RETURNS INT AS REMOTE SERVICE 'http://h/' FORMAT XML", 1235),
        ("CREATE EXTERNAL FUNCTION f() RETURNS INT AS REMOTE SERVICE 'http://h/'", 1064),
        ("CREATE EXTERNAL FUNCTION f() AS REMOTE SERVICE 'http://h/' FORMAT JSON", 1064),
        ("CREATE EXTERNAL FUNCTION f() RETURNS INT AS COLLOCATED SERVICE '/x' FORMAT JSON", 1235),
        ("CREATE EXTERNAL FUNCTION f(v VECTOR(2)) RETURNS INT AS REMOTE SERVICE 'http://h/' FORMAT JSON", 1235),
    ],
)  # fmt: skip
def test_refused(engine: Any, sql: str, errno: int) -> None:
    assert engine.errno(sql) == errno


def test_a_link_has_no_effect_and_a_switch_has(engine: Any, service: Service) -> None:
    engine(f'CREATE EXTERNAL FUNCTION f(a INT) RETURNS INT AS REMOTE SERVICE "{service.url}" '
           "FORMAT JSON LINK somewhere")  # fmt: skip
    assert "LINK somewhere" in engine.warnings()[0][2]
    assert engine("SHOW FUNCTIONS")[0][-1] == "somewhere"
    service.functions["f"] = ("i", "i", lambda rows: rows)
    assert engine("SELECT f(1)") == [(1,)]
    engine("SET GLOBAL enable_external_functions = OFF")
    assert engine.errno("SELECT f(1)") == 1235
    engine("SET GLOBAL enable_external_functions = ON")
    assert engine("SELECT f(1)") == [(1,)]


def test_a_change_with_one_is_not_repeated_in_silence(engine: Any, service: Service) -> None:
    service.functions["f"] = ("i", "i", lambda rows: rows)
    create(engine, service, "f", "(a INT) RETURNS INT", "JSON")
    engine("CREATE TABLE t (a INT PRIMARY KEY)")
    engine("BEGIN")
    engine("INSERT INTO t VALUES (f(1))")
    engine.error("INSERT INTO t VALUES (1)")
    assert "external functions" in str(engine.error("COMMIT"))
    assert len(service.requests) == 1


def test_missing_libraries_are_named(
    engine: Any, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(engine, service, "f", "(a INT) RETURNS INT", "JSON")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    error = engine.error("SELECT f(1)")
    assert isinstance(error, s2.NotSupportedError)
    assert "pip install 'singlestoredb-embedded[udf]'" in str(error)


def test_inside_a_procedure(engine: Any, service: Service) -> None:
    service.functions["f"] = ("i", "i", lambda rows: [[r[0], r[1] * 3] for r in rows])
    create(engine, service, "f", "(a INT) RETURNS INT", "ROWDAT_1")
    engine("CREATE PROCEDURE p(n INT) RETURNS INT AS DECLARE x INT = f(n); BEGIN RETURN f(x); END")
    assert engine("ECHO p(2)") == [(18,)]
