"""HTTP of the built-in Kyoto Tycoon server: as much as TSV-RPC needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from email.utils import formatdate
from urllib.parse import parse_qsl

from kt import _tsv
from kt._connection import MAX_SIZE, Connection
from kt.exceptions import ServerError

MAX_HEADER = 64 * 1024
MAX_QUERY = 8192

_REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    450: "Logical Inconsistency",
    500: "Internal Server Error",
    501: "Not Implemented",
}
_FORM = "application/x-www-form-urlencoded"


@dataclass
class Request:
    """One parsed request."""

    procedure: str
    records: dict[bytes, bytes] = field(default_factory=dict)
    keep_alive: bool = True
    refusal: tuple[int, str] | None = None
    """Status and message if it cannot be served."""


def read_request(connection: Connection) -> Request:
    """Consume one request with its body.

    Raises:
        ServerError: it is not HTTP, or larger than the server takes; the connection is lost.
    """
    method, target, version, fields = _read_head(connection)
    keep_alive = version == "HTTP/1.1"
    if "connection" in fields:
        keep_alive = fields["connection"].lower() != "close" and (
            keep_alive or fields["connection"].lower() == "keep-alive"
        )
    body = _read_body(connection, fields)
    path, _, query = target.partition("?")
    request = Request(path.removeprefix("/rpc/"), keep_alive=keep_alive)
    if "origin" in fields or fields.get("sec-fetch-site", "none") != "none":
        # A web page that a browser has open could otherwise write to the database of its reader.
        request.refusal = 403, "requests of web pages are not served"
    elif method not in ("GET", "POST") or not path.startswith("/rpc/"):
        request.refusal = 501, f"not implemented: {method} {path}"
    elif len(query) > MAX_QUERY:
        request.refusal = 400, "the query string is too long"
    else:
        try:
            request.records = _form(query)
            if body:
                request.records |= _decode_body(body, fields.get("content-type", _tsv.MEDIA_TYPE))
        except ValueError as exc:
            request.refusal = 400, str(exc)
    return request


def _read_head(connection: Connection) -> tuple[str, str, str, dict[str, str]]:
    while (end := connection.buffer.find(b"\r\n\r\n", connection.position)) < 0:
        unread = len(connection.buffer) - connection.position
        if unread > MAX_HEADER:
            raise ServerError("the request's header is too long")
        connection.fill(unread + 1)
    head = connection.buffer[connection.position : end].decode("latin-1")
    connection.position = end + 4
    first, *lines = head.split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise ServerError("the request is not HTTP")
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        fields[name.strip().lower()] = value.strip()
    return words[0], words[1], words[2], fields


def _read_body(connection: Connection, fields: dict[str, str]) -> bytes:
    length = fields.get("content-length", "0")
    if not length.isdecimal() or len(length) > 12 or int(length) > MAX_SIZE:
        raise ServerError(f"the Content-Length {length[:40]!r} is not acceptable")
    if "transfer-encoding" in fields:
        raise ServerError("transfer encodings are not supported")
    if fields.get("expect", "").lower() == "100-continue":
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    return connection.take(int(length))


def _decode_body(body: bytes, content_type: str) -> dict[bytes, bytes]:
    if content_type.partition(";")[0].strip().lower() == _FORM:
        return _form(body.decode("latin-1"))
    return dict(_tsv.decode(body, _tsv.column_encoding(content_type)))


def _form(text: str) -> dict[bytes, bytes]:
    pairs = parse_qsl(text, keep_blank_values=True, encoding="latin-1")
    return {key.encode("latin-1"): value.encode("latin-1") for key, value in pairs}


def write_response(
    status: int, records: Iterable[tuple[bytes, bytes]], keep_alive: bool = True
) -> bytes:
    """Return a response; its records are sorted by key, as the real server sorts them."""
    ordered = sorted(records)
    encoding = choose_encoding(ordered)
    body = _tsv.encode(ordered, encoding)
    suffix = f"; colenc={encoding}" if encoding else ""
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\n"
        "Server: KyotoTycoon/0.9.56 (built-in)\r\n"
        f"Date: {formatdate(usegmt=True)}\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"Content-Type: {_tsv.MEDIA_TYPE}{suffix}\r\n"
        f"{'' if keep_alive else 'Connection: close' + chr(13) + chr(10)}\r\n"
    )
    return head.encode("latin-1") + body


_CONTROLS = bytes([*range(0x20), 0x7F])
_PRINTABLE = bytes(range(0x20, 0x7F))


def choose_encoding(records: list[tuple[bytes, bytes]]) -> str:
    """Return the column encoding of a response: none without control bytes, otherwise U for mostly
    printable ASCII and B for the rest (measured: 5 odd bytes in ``value`` are U, 8 are B)."""
    joined = b"".join([column for record in records for column in record])
    if len(joined.translate(None, _CONTROLS)) == len(joined):
        return ""
    return "B" if 2 * len(joined.translate(None, _PRINTABLE)) > len(joined) else "U"
