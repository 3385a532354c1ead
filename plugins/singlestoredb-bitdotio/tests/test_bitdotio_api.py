"""The API: what is sent, what comes back, and how refusals look."""

from __future__ import annotations

import json
import pickle
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import requests

from bitdotio import ApiError, bitdotio, server
from bitdotio._bitdotio import ApiError as ApiErrorOfOldModule
from bitdotio._bitdotio import _BitV2

TOKEN = "v2_secret"


class Recorder(HTTPServer):
    """Records requests and gives the answer that a test has set."""

    status = 200
    body = b"{}"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), RecorderHandler)
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def last(self) -> tuple[str, str, Any]:
        method, path, _, body = self.requests[-1]
        return method, path, json.loads(body) if body else None


class RecorderHandler(BaseHTTPRequestHandler):
    server: Recorder

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append((self.command, self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        self.end_headers()
        if self.server.status != 204:
            self.wfile.write(self.server.body)

    # The names are those that http.server calls.
    do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with Recorder() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def recorded(recorder: Recorder) -> Iterator[_BitV2]:
    """An SDK object that talks to the recorder."""
    with bitdotio(TOKEN, api_url=recorder.url) as b:
        yield b


# -- what is sent ------------------------------------------------------------------------------


def test_headers(
    recorder: Recorder, recorded: _BitV2, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password person\n")
    monkeypatch.setenv("NETRC", str(netrc))
    recorded.get_database("me/db")
    headers = recorder.requests[0][2]
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["Accept"] == "application/json"
    assert headers["User-Agent"].startswith("python-bitdotio-sdk/")
    assert "Content-Type" not in headers


def test_requests(recorder: Recorder, recorded: _BitV2) -> None:
    query = {"database_name": "not/checked here", "query_string": "SELECT '%'"}
    recorded.query("not/checked here", "SELECT '%'")
    assert recorder.last() == ("POST", "/v2beta/query", query)
    recorded.query("not/checked here", "SELECT '%'", data_format="a&b")
    assert recorder.last() == ("POST", "/v2beta/query?data_format=a%26b", query)
    recorded.create_database("db")
    assert recorder.last() == ("POST", "/v2beta/db/", {"name": "db", "is_private": True})
    recorded.create_database("db", is_private=False, storage_limit_bytes=9)
    assert recorder.last()[2] == {"name": "db", "is_private": False, "storage_limit_bytes": 9}
    recorded.get_database("me/a b?c#d%2F/é")
    assert recorder.last() == ("GET", "/v2beta/db/me/a%20b%3Fc%23d%252F/%C3%A9", None)
    recorded.update_database("me/db", is_private=False)
    assert recorder.last() == ("PATCH", "/v2beta/db/me/db", {"is_private": False})
    recorded.update_database("me/db", "new", True, 0)
    fields = {"name": "new", "is_private": True, "storage_limit_bytes": 0}
    assert recorder.last() == ("PATCH", "/v2beta/db/me/db", fields)
    recorder.status = 204
    recorded.delete_database("me/db")
    assert recorder.last() == ("DELETE", "/v2beta/db/me/db", None)
    recorder.status, recorder.body = 200, b'{"databases": [{"name": "me/db"}]}'
    assert recorded.list_databases() == [{"name": "me/db"}]
    assert recorder.last() == ("GET", "/v2beta/db/", None)


def test_a_proxy_does_not_get_what_is_for_this_machine(
    recorded: _BitV2, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert recorded.get_database("me/db") == {}


def test_api_version_is_part_of_the_path(recorder: Recorder) -> None:
    with bitdotio(TOKEN, api_url=recorder.url + "/prefix", api_version="v9") as b:
        b.get_database("me/db")
    assert recorder.last()[1] == "/prefix/v9/db/me/db"


def test_database_address_comes_from_the_back_end_once(
    recorder: Recorder, recorded: _BitV2
) -> None:
    recorder.body = b'{"host": "h", "port": 1, "user": "u", "sslmode": "prefer"}'
    for name in ("me/one", "me/two"):
        dsn = f"dbname={name} user=u password={TOKEN} host=h port=1 sslmode=prefer"
        assert recorded._get_conn_string(name) == dsn
    assert [request[:2] for request in recorder.requests] == [("GET", "/v2beta/connection/")]


def test_database_address_when_the_back_end_has_none(recorder: Recorder, recorded: _BitV2) -> None:
    recorder.status = 404
    assert "host=db.bit.io port=5432 sslmode=require" in recorded._get_conn_string("me/db")
    recorder.status = 401
    with pytest.raises(ApiError, match="status_code=401"):
        recorded._get_conn_string("me/db")


def test_given_database_address_asks_nobody(recorder: Recorder) -> None:
    with bitdotio(TOKEN, api_url=recorder.url, db_host="h") as b:
        assert "host=h port=5432 sslmode=require" in b._get_conn_string("me/db")
    assert recorder.requests == []


# -- answers that are none ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "data"),
    [
        (400, b'{"error": "no"}', {"error": "no"}),
        (401, b"", None),
        (404, b"[]", []),
        (409, b'"taken"', "taken"),
        (500, b"oops", "oops"),
        (502, b"<html>Bad Gateway</html>", "<html>Bad Gateway</html>"),
        (200, b"<html>Log in to the network</html>", "<html>Log in to the network</html>"),
    ],
)
def test_api_errors(
    recorder: Recorder, recorded: _BitV2, status: int, body: bytes, data: Any
) -> None:
    recorder.status, recorder.body = status, body
    with pytest.raises(ApiError) as caught:
        recorded.get_database("me/db")
    assert caught.value.status_code == status
    assert caught.value.data == data
    assert str(caught.value) == f"ApiError status_code={status} data={data}"
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.status_code, copy.data) == (status, data)
    assert ApiErrorOfOldModule is ApiError


@pytest.mark.parametrize("body", [b"", b"[]", b'{"error": "hm"}', b'"databases"'])
def test_a_list_without_databases(recorder: Recorder, recorded: _BitV2, body: bytes) -> None:
    recorder.body = body
    with pytest.raises(ApiError, match="status_code=200"):
        recorded.list_databases()


def test_the_token_is_never_in_an_error(recorder: Recorder, recorded: _BitV2) -> None:
    recorder.status, recorder.body = 403, f'{{"error": "token {TOKEN} is bad"}}'.encode()
    with pytest.raises(ApiError) as caught:
        recorded.query("me/db", "SELECT 1")
    assert caught.value.data == {"error": "token *** is bad"}
    with (
        bitdotio(None, api_url=f"http://{TOKEN}@127.0.0.1:1") as b,
        pytest.raises(requests.ConnectionError) as refused,
    ):
        b.list_databases()
    for shown in (repr(caught.value), str(refused.value), repr(refused.value), repr(recorded)):
        assert TOKEN not in shown
    assert TOKEN not in repr(recorded._settings)


def test_a_silent_server_is_given_up(recorder: Recorder) -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as silent:  # accepts, never reads
        url = f"http://127.0.0.1:{silent.server_address[1]}"
        with bitdotio(TOKEN, api_url=url, timeout=0.05) as b, pytest.raises(requests.Timeout):
            b.list_databases()


# -- the local back end ------------------------------------------------------------------------


def test_life_of_a_database(sdk: _BitV2) -> None:
    created = sdk.create_database("life", is_private=False, storage_limit_bytes=1000)
    assert created.pop("storage_usage_bytes") > 0
    assert int(created.pop("id")) > 0
    assert created.pop("date_created").endswith("+00:00")
    assert created == {
        "name": "local/life",
        "is_private": False,
        "role": "owner",
        "storage_limit_bytes": 1000,
    }
    assert sdk.get_database("local/life")["name"] == "local/life"
    assert [d for d in sdk.list_databases() if d["name"] == "local/life"]
    changed = sdk.update_database("local/life", is_private=True)
    assert changed["is_private"] is True
    assert changed["storage_limit_bytes"] == 1000
    sdk.delete_database("local/life")
    assert not [d for d in sdk.list_databases() if d["name"] == "local/life"]


@pytest.mark.parametrize("name", ['it\'s "quoted"', "a?b#c%20d", "ünï/cödé", "a//b/"])
def test_unusual_names(sdk: _BitV2, name: str) -> None:
    full_name = sdk.create_database(name)["name"]
    assert full_name == f"local/{name}"
    with sdk.pooled_cursor(full_name) as cursor:
        cursor.execute("SELECT current_database()")
        assert cursor.fetchone() == (full_name,)
    assert sdk.query(full_name, "SELECT current_database()")["data"] == [[full_name]]
    assert sdk.get_database(full_name)["name"] == full_name
    sdk.delete_database(full_name)


def test_delete_while_connections_are_open(sdk: _BitV2) -> None:
    name = sdk.create_database("doomed")["name"]
    connection = sdk.get_connection(name)
    sdk.delete_database(name)
    with connection.cursor() as cursor, pytest.raises(psycopg2.OperationalError):
        cursor.execute("SELECT 1")
    connection.close()


def test_rename_while_connections_are_open(sdk: _BitV2) -> None:
    old = sdk.create_database("old")["name"]
    with sdk.pooled_cursor(old) as cursor:
        cursor.execute("CREATE TABLE t AS SELECT 7 AS a")
    other = sdk.get_connection(old)
    assert sdk.update_database(old, name="new")["name"] == "local/new"
    other.close()
    assert old not in sdk._pools
    with sdk.pooled_cursor("local/new") as cursor:
        cursor.execute("SELECT a FROM t")
        assert cursor.fetchone() == (7,)
    sdk.delete_database("local/new")


@pytest.fixture
def uuids_for_everybody() -> Iterator[None]:
    """What a program may have done to psycopg2: importing its extras does it for ranges."""
    from psycopg2 import extensions, extras

    extras.register_uuid()  # type: ignore[no-untyped-call] # psycopg2's stubs
    yield
    for oid in (2950, 2951):
        del extensions.string_types[oid]


@pytest.mark.parametrize("via", ["http", "pg"])
@pytest.mark.usefixtures("uuids_for_everybody")
def test_query_results(local: server.LocalServer, database: str, via: str) -> None:
    text = """
        SELECT 1 AS int, 9007199254740993 AS big, 1.10 AS num, 2.5::float8 AS float,
               'NaN'::float8 AS nan, true AS bool, NULL AS nothing, 'é "' AS text,
               DATE '2024-02-29' AS date, TIMESTAMP '2024-02-29 12:00:00.5' AS ts,
               INTERVAL '1 day 2:00' AS span, '\\x00ff'::bytea AS bytes,
               '{"a": [1, null]}'::jsonb AS json, ARRAY[1, 2] AS ints, ARRAY[1.5, NULL] AS nums,
               ARRAY[DATE 'infinity'] AS dates, ROW(1, 'x') AS pair, '[1,3)'::int4range AS range,
               '00000000-0000-0000-0000-000000000001'::uuid AS uuid,
               ARRAY['10.0.0.1'::inet] AS hosts
    """
    expected: dict[str, tuple[str, Any]] = {
        "int": ("integer", 1),
        "big": ("bigint", 9007199254740993),
        "num": ("numeric", "1.10"),
        "float": ("double precision", 2.5),
        "nan": ("double precision", "NaN"),
        "bool": ("boolean", True),
        "nothing": ("text", None),
        "text": ("text", 'é "'),
        "date": ("date", "2024-02-29"),
        "ts": ("timestamp without time zone", "2024-02-29 12:00:00.5"),
        "span": ("interval", "1 day 02:00:00"),
        "bytes": ("bytea", "\\x00ff"),
        "json": ("jsonb", {"a": [1, None]}),
        "ints": ("integer[]", [1, 2]),
        "nums": ("numeric[]", ["1.5", None]),
        "dates": ("date[]", ["infinity"]),
        "pair": ("record", "(1,x)"),
        "range": ("int4range", "[1,3)"),
        "uuid": ("uuid", "00000000-0000-0000-0000-000000000001"),
        "hosts": ("inet[]", "{10.0.0.1}"),
    }
    with bitdotio(local.token, api_url=local.api_url, query_via=via) as b:
        arrays = b.query(database, text)
        objects = b.query(database, text, data_format="objects")
        nothing = b.query(database, "CREATE TABLE t (a int)")
        percent = b.query(database, "SELECT '100%' AS a")
    assert arrays["metadata"] == {name: kind for name, (kind, _) in expected.items()}
    assert arrays["data"] == [[value for _, value in expected.values()]]
    assert objects["data"] == [{name: value for name, (_, value) in expected.items()}]
    assert nothing == {"metadata": {}, "data": []}
    assert percent["data"] == [["100%"]]


@pytest.mark.parametrize("via", ["http", "pg"])
def test_a_query_is_one_transaction(local: server.LocalServer, database: str, via: str) -> None:
    with bitdotio(local.token, api_url=local.api_url, query_via=via) as b:
        with pytest.raises((ApiError, psycopg2.Error), match="division by zero"):
            b.query(database, "CREATE TABLE t (a int); SELECT 1/0")
        assert b.query(database, "SELECT to_regclass('t')")["data"] == [[None]]
        b.query(database, "CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
        assert b.query(database, "SELECT a FROM t")["data"] == [[1]]
        with pytest.raises((ApiError, ValueError), match="data_format"):
            b.query(database, "SELECT 1", data_format="xml")


def test_an_error_at_commit_is_an_error(sdk: _BitV2, database: str) -> None:
    sdk.query(database, "CREATE TABLE t (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(ApiError, match="duplicate key"):
        sdk.query(database, "INSERT INTO t VALUES (1), (1)")
    assert sdk.query(database, "SELECT * FROM t")["data"] == []


def test_queries_have_no_special_rights(sdk: _BitV2, database: str) -> None:
    with pytest.raises(ApiError, match="permission denied") as caught:
        sdk.query(database, "SELECT pg_read_file('postgresql.conf')")
    assert caught.value.status_code == 400
    assert sdk.query(database, "SELECT current_user")["data"] == [["api_user"]]


def test_databases_of_others_are_out_of_reach(sdk: _BitV2, local: server.LocalServer) -> None:
    assert local.postgres is not None
    connection = psycopg2.connect(local.postgres.dsn)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute('CREATE DATABASE "some/body"')
        assert "some/body" not in [d["name"] for d in sdk.list_databases()]
        for call in (sdk.get_database, sdk.delete_database, sdk.update_database):
            with pytest.raises(ApiError, match="status_code=404"):
                call("some/body")
        with pytest.raises(ApiError, match="status_code=404"):
            sdk.query("postgres", "SELECT 1")
        cursor.execute('DROP DATABASE "some/body"')
    connection.close()


def test_refusals(sdk: _BitV2, local: server.LocalServer, database: str) -> None:
    def status_of(call: Any, *args: Any, **kwargs: Any) -> tuple[int, str | None]:
        with pytest.raises(ApiError) as caught:
            call(*args, **kwargs)
        data = caught.value.data
        assert data["error"]
        assert local.token not in str(caught.value)
        return caught.value.status_code, data.get("sqlstate")

    taken = database.split("/")[1]
    other = sdk.create_database("other")["name"]
    assert status_of(sdk.create_database, taken) == (409, "42P04")
    assert status_of(sdk.update_database, other, name=taken) == (409, "42P04")
    sdk.delete_database(other)
    for call in (sdk.get_database, sdk.delete_database, sdk.update_database):
        assert status_of(call, other) == (404, None)
    assert status_of(sdk.query, other, "SELECT 1") == (404, None)
    assert status_of(sdk.query, database, "SELEC") == (400, "42601")
    assert status_of(sdk.query, database, "SELECT 1", data_format="xml") == (400, None)
    for refused_here in ("", " ; ", "COPY pg_class TO STDOUT", "SELECT '\0'"):
        status, _ = status_of(sdk.query, database, refused_here)
        assert status == 400, refused_here
    for name in ("n" * 24, "", "..", "é" * 23 + "é" * 10):
        assert status_of(sdk.create_database, name) == (400, None)
    raising = "DO $$ BEGIN RAISE 'hm' USING ERRCODE = '{}'; END $$"
    for sqlstate, status in {"53200": 503, "57P03": 503, "XX000": 500, "58030": 500}.items():
        assert status_of(sdk.query, database, raising.format(sqlstate)) == (status, sqlstate)
    with bitdotio("v2_wrong", api_url=local.api_url) as stranger:
        assert status_of(stranger.list_databases) == (401, None)
        assert status_of(stranger.get_database, database) == (401, None)


def test_malformed_requests(local: server.LocalServer) -> None:
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {local.token}"

        def send(method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
            answer = session.request(
                method, local.api_url + path, data=body, headers=headers, timeout=10
            )
            return answer.status_code, answer.json()["error"]

        assert send("GET", "/v2beta/nothing")[0] == 404
        assert send("GET", "/db/")[0] == 404
        assert send("PUT", "/v2beta/db/") == (405, "/v2beta/db/ knows only GET, POST")
        assert send("GET", "/v2beta/query") == (405, "/v2beta/query knows only POST")
        post = "/v2beta/db/"
        assert send("POST", post, b"{") == (400, "the body is not JSON")
        assert send("POST", post, b"[1]") == (400, "the body is not a JSON object")
        assert send("POST", post, b"{}") == (400, "the field 'name' is missing")
        assert send("POST", post, b'{"name": 1}') == (400, "the field 'name' must be of type str")
        assert send("POST", post, b'{"name": "a", "storage_limit_bytes": true}')[0] == 400
        assert send("POST", post, b'{"name": "a", "colour": 1}')[1].startswith(
            "unknown field 'colour'"
        )
        assert send("POST", post, **{"Transfer-Encoding": "chunked"})[0] == 411
        assert send("POST", post, b"", **{"Content-Length": "9" * 15})[0] == 413
        assert send("POST", post, b"", **{"Content-Length": "-1"})[0] == 411
        assert send("GET", "/v2beta/db/", Authorization="Basic eDp5")[0] == 401
    answer = requests.get(local.api_url + "/v2beta/db/", timeout=10)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_an_error_of_the_back_end_itself_is_not_shown(
    sdk: _BitV2, database: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from bitdotio.server import _backend

    def fail(*args: Any) -> None:
        raise KeyError("inner secret")

    with monkeypatch.context() as patch:
        patch.setattr(_backend, "run_query", fail)
        with pytest.raises(ApiError) as caught:
            sdk.query(database, "SELECT 1")
    assert caught.value.status_code == 500
    assert "inner secret" not in str(caught.value)
    assert "inner secret" in caplog.text
