"""A scripted Data API: answers byte for byte what a test wants, and records what it was sent."""

from __future__ import annotations

import base64
import json
import pickle
import re
import socket
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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
