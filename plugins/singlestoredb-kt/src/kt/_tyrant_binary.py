"""Tokyo Tyrant's binary protocol: requests as bytes, replies out of a `Connection`.

Requests start with 0xC8 and an opcode; all integers are big-endian.  Replies start with a status
byte, 0 for success; after a failure nothing follows, except for ``misc`` (which always sends its
element count) and the three reports ``rnum``, ``size`` and ``stat``.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from struct import Struct

from ._connection import MAX_SIZE, Connection, check_size
from .exceptions import ServerError

MAGIC = 0xC8

PUT = 0xC810
PUTKEEP = 0xC811
PUTCAT = 0xC812
PUTSHL = 0xC813
PUTNR = 0xC818
OUT = 0xC820
GET = 0xC830
MGET = 0xC831
VSIZ = 0xC838
ITERINIT = 0xC850
ITERNEXT = 0xC851
FWMKEYS = 0xC858
ADDINT = 0xC860
ADDDOUBLE = 0xC861
EXT = 0xC868
SYNC = 0xC870
OPTIMIZE = 0xC871
VANISH = 0xC872
COPY = 0xC873
RESTORE = 0xC874
SETMST = 0xC878
RNUM = 0xC880
SIZE = 0xC881
STAT = 0xC888
MISC = 0xC890

LOCK_RECORD = 1
LOCK_GLOBAL = 2
"""Options of ext."""
OMIT_UPDATE_LOG = 1
"""Option of misc."""

CHUNK = 16_384
"""Records per message of a bulk call (the server takes at most 2**20 elements)."""

COMMAND = Struct(">H")
ONE = Struct(">HI")
"""opcode and one size or count"""
TWO = Struct(">HII")
"""opcode, key size, value size"""
U32 = Struct(">I")
PAIR = Struct(">II")
I32 = Struct(">i")
U64 = Struct(">Q")
DECIMAL = Struct(">qq")
"""integral part, fractional part times 10**12, of the same sign"""
SHIFT = Struct(">HIII")
PREFIX = Struct(">HIi")
ADD = Struct(">HIi")
ADD_DECIMAL = Struct(">HIqq")
CALL = Struct(">HIIII")
"""ext: opcode, name size, options, key size, value size"""
FUNCTION = Struct(">HIII")
"""misc: opcode, name size, options, number of arguments"""
_GOT = Struct(">BI")

_INT64_MAX = 2**63 - 1
_INT64_MIN = -(2**63)
FRACTION = 10**12


def _too_long(exc: struct.error) -> ValueError:
    return ValueError(f"cannot be sent: {exc} (keys and values have at most {MAX_SIZE} bytes)")


def command(opcode: int) -> bytes:
    """Return a request without arguments."""
    return COMMAND.pack(opcode)


def put(opcode: int, key: bytes, value: bytes) -> bytes:
    """Return a put, putkeep, putcat or putnr request."""
    try:
        return b"%b%b%b" % (TWO.pack(opcode, len(key), len(value)), key, value)
    except struct.error as exc:
        raise _too_long(exc) from exc


def on_key(opcode: int, key: bytes) -> bytes:
    """Return an out, get, vsiz or optimize request."""
    try:
        return ONE.pack(opcode, len(key)) + key
    except struct.error as exc:
        raise _too_long(exc) from exc


def putshl(key: bytes, value: bytes, width: int) -> bytes:
    """Return a request that appends and keeps the right-most ``width`` bytes."""
    return b"%b%b%b" % (SHIFT.pack(PUTSHL, len(key), len(value), width), key, value)


def mget(keys: Sequence[bytes]) -> bytes:
    """Return a request for the values of many keys."""
    parts = [ONE.pack(MGET, len(keys))]
    for key in keys:
        parts += (U32.pack(len(key)), key)
    return b"".join(parts)


def fwmkeys(prefix: bytes, limit: int) -> bytes:
    """Return a request for the keys with a prefix; a negative limit is none, 0 asks for no key."""
    return PREFIX.pack(FWMKEYS, len(prefix), limit) + prefix


def addint(key: bytes, number: int) -> bytes:
    """Return a request that adds to an integer."""
    try:
        return ADD.pack(ADDINT, len(key), number) + key
    except struct.error as exc:
        raise ValueError(f"Tokyo Tyrant adds 32-bit integers; {number} is none") from exc


def adddouble(key: bytes, number: float) -> bytes:
    """Return a request that adds to a floating-point number."""
    return ADD_DECIMAL.pack(ADDDOUBLE, len(key), *split_double(number)) + key


def split_double(number: float) -> tuple[int, int]:
    """Return a number as integral part and fraction × 10**12, both with its sign."""
    if math.isnan(number):
        return _INT64_MIN, _INT64_MIN
    if math.isinf(number) or abs(number) >= 2**63:
        return (_INT64_MAX if number > 0 else _INT64_MIN), 0
    fraction, integral = math.modf(number)
    return int(integral), int(fraction * FRACTION)


def join_double(integral: int, fraction: int) -> float:
    """Return the number of which `split_double` made two."""
    if integral == _INT64_MIN:
        return math.nan if fraction == _INT64_MIN else -math.inf
    if integral == _INT64_MAX:
        return math.inf
    return integral + fraction / FRACTION


def ext(name: bytes, options: int, key: bytes, value: bytes) -> bytes:
    """Return a request that calls a script function."""
    head = CALL.pack(EXT, len(name), options, len(key), len(value))
    return b"%b%b%b%b" % (head, name, key, value)


def misc(name: bytes, arguments: Sequence[bytes], options: int = 0) -> bytes:
    """Return a request that calls a misc function."""
    parts = [FUNCTION.pack(MISC, len(name), options, len(arguments)), name]
    add = parts.append
    pack = U32.pack
    try:
        for argument in arguments:
            add(pack(len(argument)))
            add(argument)
    except struct.error as exc:
        raise _too_long(exc) from exc
    return b"".join(parts)


def read_status(connection: Connection) -> bool:
    """Consume a status byte; return whether it says success."""
    position = connection.position
    if position == len(connection.buffer):
        connection.fill(1)
        position = connection.position
    status = connection.buffer[position]
    if status > 1:
        # The servers only send 0 and 1; anything else is most likely not Tokyo Tyrant.
        raise ServerError(
            f"{connection.address} began its reply with {status:#04x} instead of a status: "
            "is it a Tokyo Tyrant server?"
        )
    connection.position = position + 1
    return status == 0


def read_value(connection: Connection) -> bytes | None:
    """Consume the reply of get; ``None`` if there is no such record."""
    # Fast path: the whole reply in one piece.
    buffer = connection.buffer
    if len(buffer) >= 5 and connection.position == 0:
        status, size = _GOT.unpack_from(buffer)
        if status == 0 and len(buffer) == 5 + size:
            connection.position = len(buffer)
            return buffer[5:]
    return _read_bytes(connection) if read_status(connection) else None


def _read_bytes(connection: Connection) -> bytes:
    (size,) = connection.unpack(U32)
    return connection.take(check_size(size, "value"))


def read_count(connection: Connection) -> int | None:
    """Consume the reply of vsiz."""
    return connection.unpack(U32)[0] if read_status(connection) else None


def read_total(connection: Connection) -> int:
    """Consume the reply of rnum or size."""
    read_status(connection)
    return connection.unpack(U64)[0]


def read_text(connection: Connection) -> bytes:
    """Consume the reply of stat."""
    read_status(connection)
    return _read_bytes(connection)


def read_integer(connection: Connection) -> int | None:
    """Consume the reply of addint; ``None`` if the value is no integer."""
    return connection.unpack(I32)[0] if read_status(connection) else None


def read_double(connection: Connection) -> float | None:
    """Consume the reply of adddouble; ``None`` if the value is no double."""
    if not read_status(connection):
        return None
    integral, fraction = connection.unpack(DECIMAL)
    return join_double(integral, fraction)


def read_pairs(connection: Connection, limit: int) -> list[tuple[bytes, bytes]]:
    """Consume the reply of mget, which holds at most ``limit`` records."""
    if not read_status(connection):
        return []
    (count,) = connection.unpack(U32)
    if count > limit:
        raise ServerError(f"{connection.address} sends {count} records for {limit} keys")
    pairs: list[tuple[bytes, bytes]] = []
    add = pairs.append
    unpack_from = PAIR.unpack_from
    buffer, position = connection.buffer, connection.position
    available = len(buffer)
    for _ in range(count):
        start = position + 8
        if start <= available:
            key_size, value_size = unpack_from(buffer, position)
            middle = start + key_size
            end = middle + value_size
            if end <= available:
                add((buffer[start:middle], buffer[middle:end]))
                position = end
                continue
        # Slow path: the record straddles what has arrived.
        connection.position = position
        key_size, value_size = connection.unpack(PAIR)
        check_size(key_size, "key")
        check_size(value_size, "value")
        both = connection.take(key_size + value_size)
        add((both[:key_size], both[key_size:]))
        buffer, position = connection.buffer, connection.position
        available = len(buffer)
    connection.position = position
    return pairs


def read_list(connection: Connection) -> list[bytes] | None:
    """Consume the reply of fwmkeys; ``None`` if it failed."""
    return _read_elements(connection) if read_status(connection) else None


def read_misc(connection: Connection) -> tuple[bool, list[bytes]]:
    """Consume the reply of misc: whether it succeeded, and its elements."""
    status = read_status(connection)
    return status, _read_elements(connection)


def _read_elements(connection: Connection) -> list[bytes]:
    (count,) = connection.unpack(U32)
    elements: list[bytes] = []
    add = elements.append
    unpack_from = U32.unpack_from
    buffer, position = connection.buffer, connection.position
    available = len(buffer)
    for _ in range(count):
        start = position + 4
        if start <= available:
            end = start + unpack_from(buffer, position)[0]
            if end <= available:
                add(buffer[start:end])
                position = end
                continue
        # Slow path, as in read_pairs.
        connection.position = position
        add(_read_bytes(connection))
        buffer, position = connection.buffer, connection.position
        available = len(buffer)
    connection.position = position
    return elements
