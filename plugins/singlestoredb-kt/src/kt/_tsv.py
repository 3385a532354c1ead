"""TSV-RPC bodies: records of two columns, tab-separated, in one of four column encodings.

========  ==================================================================
encoding  meaning (``colenc`` of the Content-Type)
========  ==================================================================
(none)    raw; a column holds no TAB, LF or other control byte
``B``     Base64
``U``     percent-encoding
``Q``     quoted-printable
========  ==================================================================
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable, Iterable
from urllib.parse import unquote_to_bytes

MEDIA_TYPE = "text/tab-separated-values"

_b64 = binascii.b2a_base64


def _raw(column: bytes) -> bytes:
    return column


def _decode_base64(column: bytes) -> bytes:
    return b64decode(column, validate=True)


def _encode_base64(column: bytes) -> bytes:
    return _b64(column, newline=False)


_PERCENT = [
    bytes([byte]) if bytes([byte]).isalnum() or byte in b"-_.~" else b"%%%02x" % byte
    for byte in range(256)
]


def _encode_percent(column: bytes) -> bytes:
    return b"".join([_PERCENT[byte] for byte in column])


def _encode_quoted(column: bytes) -> bytes:
    return b"".join(
        [
            bytes([byte]) if 0x20 < byte < 0x7F and byte != 0x3D else b"=%02X" % byte
            for byte in column
        ]
    )


DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "": _raw,
    "B": _decode_base64,
    "U": unquote_to_bytes,
    "Q": binascii.a2b_qp,
}
ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "": _raw,
    "B": _encode_base64,
    "U": _encode_percent,
    "Q": _encode_quoted,
}


def column_encoding(content_type: str) -> str:
    """Return the ``colenc`` of a Content-Type, ``""`` when it has none.

    Raises:
        ValueError: it is not TSV, or the encoding is unknown.
    """
    media_type, *parameters = (part.strip() for part in content_type.split(";"))
    if media_type.lower() != MEDIA_TYPE:
        raise ValueError(f"the content type {content_type!r} is not {MEDIA_TYPE}")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "colenc":
            encoding = value.strip().strip('"').upper()
            if encoding not in DECODERS:
                raise ValueError(f"unknown column encoding {value.strip()!r}")
            return encoding
    return ""


def decode(body: bytes, encoding: str) -> list[tuple[bytes, bytes]]:
    """Return the records of a body, in its order.

    Raises:
        ValueError: a column is not in the announced encoding.
    """
    column = DECODERS[encoding]
    records = []
    for line in body.split(b"\n"):
        # Clients of either kind end lines with CRLF at times; no encoding yields a bare CR.
        if line.endswith(b"\r"):
            line = line[:-1]
        if line:
            key, _, value = line.partition(b"\t")
            records.append((column(key), column(value)))
    return records


def encode(records: Iterable[tuple[bytes, bytes]], encoding: str) -> bytes:
    """Return the body of these records."""
    column = ENCODERS[encoding]
    return b"".join([b"%b\t%b\n" % (column(key), column(value)) for key, value in records])
