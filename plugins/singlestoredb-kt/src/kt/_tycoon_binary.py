"""Kyoto Tycoon's binary protocol: requests as bytes, replies out of a `Connection`.

All integers are big-endian.  A reply is consumed whole before anything in it is decoded, so that a
value which cannot be decoded leaves the connection in sync.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from struct import Struct
from typing import NamedTuple

from ._connection import MAX_SIZE, Connection, check_size
from .exceptions import ProtocolError, ServerError

PLAY_SCRIPT = 0xB4
SET_BULK = 0xB8
REMOVE_BULK = 0xB9
GET_BULK = 0xBA
ERROR = 0xBF

NO_REPLY = 0x01
"""Request flag: nothing comes back, not even an error."""

NEVER_WRITE = 0x7FFFFFFFFFFFFFFF
"""Expiry field of a record to store that never expires."""
NEVER_READ = 2**40 - 1
"""Expiry field (and upper bound of any expiry) of a stored record that never expires."""

HEAD = Struct(">BII")
"""magic, flags, number of records"""
REPLY = Struct(">BI")
"""magic, number of hits"""
SET_RECORD = Struct(">HIIq")
"""database, key size, value size, expiry: also the head of a record in a reply"""
KEY_RECORD = Struct(">HI")
"""database, key size"""
SCRIPT_HEAD = Struct(">BIII")
"""magic, flags, name size, number of records; the name follows"""
SCRIPT_PAIR = Struct(">II")
"""key size, value size"""

# One-record messages in a single pack or unpack: the fast path of get, set and remove.
_SET_ONE = Struct(">BIIHIIq")
_KEY_ONE = Struct(">BIIHI")
_GOT_ONE = Struct(">BIHIIq")

CHUNK = 16_384
"""Records per message when a bulk request is split into pipelined messages."""


class RawRecord(NamedTuple):
    """A record as it came."""

    db: int
    key: bytes
    value: bytes
    expiry: int


def _bad_field(exc: struct.error, db: object, expiry: object = 0) -> Exception:
    if not isinstance(db, int) or not isinstance(expiry, int):
        return TypeError(f"db and expire_time are integers, not {db!r} and {expiry!r}")
    if not 0 <= db <= 0xFFFF:
        return ValueError(f"a database index is between 0 and 65535, not {db}")
    if not -(2**63) <= expiry < 2**63:
        return ValueError(f"the expire time {expiry} does not fit into 64 bits")
    return ValueError(f"cannot be sent: {exc} (keys and values have at most {MAX_SIZE} bytes)")


def set_one(db: int, key: bytes, value: bytes, expiry: int, flags: int = 0) -> bytes:
    """Return the set_bulk message of one record."""
    try:
        head = _SET_ONE.pack(SET_BULK, flags, 1, db, len(key), len(value), expiry)
    except struct.error as exc:
        raise _bad_field(exc, db, expiry) from exc
    return b"%b%b%b" % (head, key, value)


def get_one(db: int, key: bytes) -> bytes:
    """Return the get_bulk message of one key."""
    try:
        return _KEY_ONE.pack(GET_BULK, 0, 1, db, len(key)) + key
    except struct.error as exc:
        raise _bad_field(exc, db) from exc


def remove_one(db: int, key: bytes, flags: int = 0) -> bytes:
    """Return the remove_bulk message of one key."""
    try:
        return _KEY_ONE.pack(REMOVE_BULK, flags, 1, db, len(key)) + key
    except struct.error as exc:
        raise _bad_field(exc, db) from exc


def set_many(db: int, pairs: Sequence[tuple[bytes, bytes]], expiry: int, flags: int = 0) -> bytes:
    """Return the set_bulk message of these records."""
    parts = [HEAD.pack(SET_BULK, flags, len(pairs))]
    add = parts.append
    pack = SET_RECORD.pack
    try:
        for key, value in pairs:
            add(pack(db, len(key), len(value), expiry))
            add(key)
            add(value)
    except struct.error as exc:
        raise _bad_field(exc, db, expiry) from exc
    return b"".join(parts)


def keys_message(magic: int, db: int, keys: Sequence[bytes], flags: int = 0) -> bytes:
    """Return the get_bulk or remove_bulk message of these keys."""
    parts = [HEAD.pack(magic, flags, len(keys))]
    add = parts.append
    pack = KEY_RECORD.pack
    try:
        for key in keys:
            add(pack(db, len(key)))
            add(key)
    except struct.error as exc:
        raise _bad_field(exc, db) from exc
    return b"".join(parts)


def play_script(name: bytes, pairs: Iterable[tuple[bytes, bytes]], flags: int = 0) -> bytes:
    """Return the play_script message."""
    records = list(pairs)
    parts = [SCRIPT_HEAD.pack(PLAY_SCRIPT, flags, len(name), len(records)), name]
    for key, value in records:
        parts += (SCRIPT_PAIR.pack(len(key), len(value)), key, value)
    return b"".join(parts)


def _read_head(connection: Connection, magic: int) -> int:
    """Consume a reply's head and return its count."""
    connection.fill(1)
    first = connection.buffer[connection.position]
    if first == ERROR:
        connection.position += 1
        connection.expect_end()
        raise ProtocolError(f"{connection.address} answered the request {magic:#04x} with an error")
    if first != magic:
        raise ServerError(
            f"{connection.address} began its reply with {first:#04x} instead of {magic:#04x}: "
            "is it a Kyoto Tycoon server?"
        )
    return connection.unpack(REPLY)[1]


def read_hits(connection: Connection, magic: int, limit: int) -> int:
    """Consume the reply of set_bulk or remove_bulk; at most ``limit`` hits are believed."""
    return _check_hits(connection, _read_head(connection, magic), limit)


def _check_hits(connection: Connection, hits: int, limit: int) -> int:
    if hits > limit:
        raise ServerError(f"{connection.address} reports {hits} hits for {limit} records")
    return hits


def read_set(connection: Connection) -> int:
    """Consume the reply to one set."""
    return read_hits(connection, SET_BULK, 1)


def read_remove(connection: Connection) -> int:
    """Consume the reply to one remove."""
    return read_hits(connection, REMOVE_BULK, 1)


def read_value(connection: Connection) -> bytes | None:
    """Consume the reply to one get and return the value."""
    # Fast path: one hit that arrived in one piece.
    buffer = connection.buffer
    if len(buffer) >= 23:
        magic, hits, _, key_size, value_size, _ = _GOT_ONE.unpack_from(buffer)
        if (
            magic == GET_BULK
            and hits == 1
            and connection.position == 0
            and len(buffer) == 23 + key_size + value_size
        ):
            connection.position = len(buffer)
            return buffer[23 + key_size :]
    records = read_records(connection, 1)
    return records[0].value if records else None


def read_pairs(connection: Connection, limit: int) -> list[tuple[bytes, bytes]]:
    """Consume the reply of get_bulk and return the keys and values."""
    hits = _check_hits(connection, _read_head(connection, GET_BULK), limit)
    pairs: list[tuple[bytes, bytes]] = []
    add = pairs.append
    unpack_from = SET_RECORD.unpack_from
    buffer, position = connection.buffer, connection.position
    available = len(buffer)
    for _ in range(hits):
        start = position + 18
        if start <= available:
            _, key_size, value_size, _ = unpack_from(buffer, position)
            middle = start + key_size
            position_after = middle + value_size
            if position_after <= available:
                add((buffer[start:middle], buffer[middle:position_after]))
                position = position_after
                continue
        # Slow path: the record straddles what has arrived.
        connection.position = position
        record = _read_record(connection)
        add((record.key, record.value))
        buffer, position = connection.buffer, connection.position
        available = len(buffer)
    connection.position = position
    return pairs


def read_records(connection: Connection, limit: int) -> list[RawRecord]:
    """Consume the reply of get_bulk and return whole records."""
    hits = _check_hits(connection, _read_head(connection, GET_BULK), limit)
    return [_read_record(connection) for _ in range(hits)]


def _read_record(connection: Connection) -> RawRecord:
    db, key_size, value_size, expiry = connection.unpack(SET_RECORD)
    check_size(key_size, "key")
    check_size(value_size, "value")
    both = connection.take(key_size + value_size)
    return RawRecord(db, both[:key_size], both[key_size:], expiry)


def read_script(connection: Connection) -> list[tuple[bytes, bytes]] | None:
    """Consume the reply of play_script; ``None`` if the script failed."""
    if connection.buffer[connection.position :] == b"\xbf":
        # The one error after which the server keeps the connection.
        connection.position += 1
        return None
    pairs = []
    for _ in range(_read_head(connection, PLAY_SCRIPT)):
        key_size, value_size = connection.unpack(SCRIPT_PAIR)
        check_size(key_size, "key")
        check_size(value_size, "value")
        both = connection.take(key_size + value_size)
        pairs.append((both[:key_size], both[key_size:]))
    return pairs
