"""Kyoto Tycoon's TSV-RPC over a kept-alive raw connection (the one that binary calls use, too: the
server tells them apart by the first byte of each request)."""

from __future__ import annotations

from collections.abc import Iterable

from . import _tsv
from ._connection import Connection
from .exceptions import ServerError

MAX_HEADER = 64 * 1024
"""Bytes of status line and header fields that are read before the reply is given up."""
MAX_BODY = 2**30
"""Bytes of a body that are accepted (1 GiB); use a cursor for larger results."""


class RpcRequests:
    """Builds requests to one server."""

    def __init__(self, host: str, port: int) -> None:
        name = f"[{host}]" if ":" in host else host
        self._head = (
            " HTTP/1.1\r\n"
            f"Host: {name}:{port}\r\n"
            f"Content-Type: {_tsv.MEDIA_TYPE}; colenc=B\r\n"
            "Content-Length: "
        ).encode("ascii", "backslashreplace")

    def build(self, procedure: bytes, records: Iterable[tuple[bytes, bytes]]) -> bytes:
        """Return the request that calls a procedure; Base64 carries any byte."""
        body = _tsv.encode(records, "B")
        return b"POST /rpc/%b%b%d\r\n\r\n%b" % (procedure, self._head, len(body), body)


def read_response(connection: Connection) -> tuple[int, list[tuple[bytes, bytes]]]:
    """Consume a response and return its status and records."""
    head = _read_head(connection)
    status_line, *lines = head.split(b"\r\n")
    if not status_line.startswith(b"HTTP/1.") or not status_line[9:12].isdigit():
        raise ServerError(
            f"{connection.address} answered an HTTP request with {status_line[:40]!r}: "
            "is it a Kyoto Tycoon server?"
        )
    status = int(status_line[9:12])
    length = -1
    content_type = ""
    keep_alive = status_line.startswith(b"HTTP/1.1")
    for line in lines:
        name, _, value = line.partition(b":")
        name = name.strip().lower()
        if name == b"content-length":
            length = _content_length(connection, value.strip())
        elif name == b"content-type":
            content_type = value.strip().decode("latin-1")
        elif name == b"connection":
            keep_alive = value.strip().lower() != b"close"
        elif name == b"transfer-encoding":
            raise ServerError(f"{connection.address} used an unsupported transfer encoding")
    if length < 0:
        raise ServerError(f"{connection.address} sent a response without Content-Length")
    body = connection.take(length)
    connection.expect_end()
    if not keep_alive:
        connection.close()
    return status, _records(connection, status, content_type, body)


def _records(
    connection: Connection, status: int, content_type: str, body: bytes
) -> list[tuple[bytes, bytes]]:
    if not body:
        return []
    try:
        return _tsv.decode(body, _tsv.column_encoding(content_type))
    except ValueError as exc:
        if status != 200:
            return [(b"ERROR", body[:200])]
        raise ServerError(f"{connection.address} sent a body that is no TSV: {exc}") from exc


def _read_head(connection: Connection) -> bytes:
    """Consume status line and header fields, without the empty line."""
    while True:
        start = connection.position
        end = connection.buffer.find(b"\r\n\r\n", start)
        if end >= 0:
            connection.position = end + 4
            return connection.buffer[start:end]
        unread = len(connection.buffer) - start
        if not b"HTTP/".startswith(connection.buffer[start : start + 5]):
            raise ServerError(
                f"{connection.address} answered an HTTP request with "
                f"{connection.buffer[start : start + 20]!r}: is it a Kyoto Tycoon server?"
            )
        if unread > MAX_HEADER:
            raise ServerError(f"{connection.address} sent more than {MAX_HEADER} bytes of header")
        connection.fill(unread + 1)


def _content_length(connection: Connection, value: bytes) -> int:
    if not value.isdigit() or len(value) > 20:
        raise ServerError(f"{connection.address} sent the Content-Length {value[:40]!r}")
    length = int(value)
    if length > MAX_BODY:
        raise ServerError(
            f"{connection.address} announces a body of {length} bytes (at most {MAX_BODY}); "
            "use a cursor or a limit for large results"
        )
    return length
