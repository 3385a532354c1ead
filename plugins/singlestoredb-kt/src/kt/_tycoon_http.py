"""Kyoto Tycoon's TSV-RPC over a kept-alive raw connection (the one that binary calls use, too: the
server tells them apart by the first byte of each request)."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import TypeVar

from . import _tsv
from ._connection import Connection
from .exceptions import ProtocolError, ServerError

Number = TypeVar("Number", int, float)

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
    if not head.startswith(b"HTTP/1.") or not head[9:12].isdigit():
        raise ServerError(
            f"{connection.address} answered an HTTP request with {head[:40]!r}: "
            "is it a Kyoto Tycoon server?"
        )
    status = int(head[9:12])
    folded = head.lower()
    if b"\r\ntransfer-encoding:" in folded:
        raise ServerError(f"{connection.address} used an unsupported transfer encoding")
    body = connection.take(_content_length(connection, _header(head, folded, b"content-length")))
    connection.expect_end()
    reuse = _header(folded, folded, b"connection")
    if reuse == b"close" or (not reuse and not folded.startswith(b"http/1.1")):
        connection.close()
    if not body:
        return status, []
    content_type = _header(head, folded, b"content-type").decode("latin-1")
    return status, _records(connection, status, content_type, body)


def _header(head: bytes, folded: bytes, name: bytes) -> bytes:
    """Return a header field, empty if there is none; ``folded`` is the head in lower case."""
    start = folded.find(b"\r\n%b:" % name)
    if start < 0:
        return b""
    start += len(name) + 3
    end = head.find(b"\r\n", start)
    return (head[start:] if end < 0 else head[start:end]).strip()


def _records(
    connection: Connection, status: int, content_type: str, body: bytes
) -> list[tuple[bytes, bytes]]:
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
        raise ServerError(
            f"{connection.address} sent a response with Content-Length {value[:40]!r}"
        )
    length = int(value)
    if length > MAX_BODY:
        raise ServerError(
            f"{connection.address} announces a body of {length} bytes (at most {MAX_BODY}); "
            "use a cursor or a limit for large results"
        )
    return length


def checked(
    procedure: bytes, response: tuple[int, list[tuple[bytes, bytes]]], may_fail: bool
) -> tuple[int, dict[bytes, bytes]]:
    """Return status and answer of a procedure; raise ProtocolError for a status that is a failure.

    ``may_fail`` lets 450 pass: the condition of the call was not met.
    """
    status, records = response
    answer = dict(records)
    if status == 200 or (may_fail and status == 450):
        return status, answer
    reason = answer.get(b"ERROR", b"").decode("utf-8", "replace")
    raise ProtocolError(f"{procedure.decode()} failed with status {status}: {reason}")


def field(answer: dict[bytes, bytes], name: bytes) -> bytes:
    """Return a field that every answer of the procedure has."""
    try:
        return answer[name]
    except KeyError:
        raise ServerError(f"the reply has no field {name!r}") from None


def number_field(answer: dict[bytes, bytes], name: bytes, kind: type[Number]) -> Number:
    """Return such a field as a number."""
    text = field(answer, name)
    try:
        return kind(text)
    except ValueError:
        raise ServerError(f"the reply's field {name!r} is {text[:40]!r}") from None


def expiry_field(expire_time: int | None) -> list[tuple[bytes, bytes]]:
    """Return the parameter that says when a record ends: none for never."""
    return [] if expire_time is None else [(b"xt", b"%d" % operator.index(expire_time))]
