"""Data APIs that lie: one PEP 249 error each, no secret in it, and the connection serves on."""

from __future__ import annotations

import contextlib
import tracemalloc
from typing import Any

import pytest

import singlestoredb as s2

from .rogue_http import answer, assert_secretive, connected, fails, rows

INT = [("a", "INT")]


def columns(*found: Any) -> dict[str, Any]:
    return {"results": [{"columns": list(found), "rows": [[1]]}]}


BODIES: dict[str, Any] = {
    "nothing": b"",
    "half a document": b'{"results": [',
    "two documents": b'{"results": []}{"results": []}',
    "a list": [],
    "a number": 7,
    "null": None,
    "results that are a number": {"results": 7},
    "a result that is a list": {"results": [[]]},
    "columns that are text": {"results": [{"columns": "a", "rows": []}]},
    "rows that are an object": {"results": [{"columns": [], "rows": {"a": 1}}]},
    "a row that is an object": {"results": [{"columns": [{"name": "a"}], "rows": [{"a": 1}]}]},
    "a row too short": rows(INT, []),
    "a row too long": rows(INT, [1, 2]),
    "a column that is text": columns("a"),
    "a type that is a number": columns({"name": "a", "dataType": 7}),
    "nesting without end": b"[" * 100_000,
    "a number without end": b'{"results": [{"columns": [], "rows": [[' + b"9" * 100_000,
    "text that is no UTF-8": b'{"results": [{"columns": [{"name": "\xff"}]}]}',
    "NaN": b'{"results": NaN}',
}


@pytest.mark.parametrize("name", BODIES)
def test_bodies_that_are_none(name: str) -> None:
    error = fails(answer(BODIES[name], Connection="close"))
    assert isinstance(error, s2.DatabaseError)


EVIL = "oh \x1b]0;owned\x07\x9b31m\u202e"


@pytest.mark.parametrize(
    "said",
    [
        answer(f"Error 1105: {EVIL}".encode(), "400 Bad"),
        answer(EVIL.encode(), "500 Oops"),
        answer({"error": {"code": 1105, "message": EVIL}}),
        answer({"error": EVIL}),
    ],
)
def test_the_servers_text_does_nothing_to_a_terminal(said: bytes) -> None:
    error = fails(said)
    assert "\\x1b]0;owned" in str(error)
    assert all(c.isprintable() or c == "\n" for c in str(error))


def test_neither_does_its_version() -> None:
    from .rogue_http import PASSWORD, peer

    version = answer(rows([("@@version", "TEXT")], ["8\x1b[2J"]))
    with peer(version) as running:
        url = f"http://ann:{PASSWORD}@127.0.0.1:{running.port}/"
        with s2.connect(url) as conn:
            assert conn.server_version == "8\\x1b[2J"


@pytest.mark.parametrize("length", ["18446744073709551615", "-1", "1, 2", "0x10", "1e9"])
def test_announced_lengths_take_no_memory(length: str) -> None:
    said = answer(b'{"results": []}', Content_Length=length, Connection="close")
    with connected(lambda sock: sock.sendall(said)) as (conn, _):
        tracemalloc.start()
        try:
            conn.query("SELECT 1")
        except s2.Error as exc:
            assert_secretive(exc)
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < 4_000_000


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"\r\n\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: mysql\r\n\r\n",
    ],
)
def test_heads_that_are_none(head: bytes) -> None:
    def says(sock: Any) -> None:
        sock.sendall(head)

    with connected(says) as (conn, _):
        with pytest.raises(s2.Error) as caught:
            conn.query("SELECT 1")
        assert_secretive(caught.value)


def test_what_follows_an_answer_is_not_the_next_one() -> None:
    """A second answer on the same connection belongs to nobody's question."""
    stale = answer(rows(INT, [666]))
    found: list[Any] = []
    with (
        connected(answer(rows(INT, [1])) + stale, answer(rows(INT, [2]))) as (conn, _),
        conn.cursor("tuples") as cursor,
        contextlib.suppress(s2.OperationalError),
    ):
        cursor.execute("SELECT 1")
        found += cursor.fetchall()
        cursor.execute("SELECT 2")
        found += cursor.fetchall()
    assert found in ([(1,)], [(1,), (2,)])


def test_a_type_with_endless_numbers() -> None:
    described = columns({"name": "a", "dataType": "VARCHAR(" + "9" * 5000 + ")"})
    with connected(answer(described)) as (conn, _):
        assert conn.query("SELECT 1") == 1
