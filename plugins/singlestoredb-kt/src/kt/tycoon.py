"""The Kyoto Tycoon client."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from . import _tycoon_binary as binary
from ._client import Client, LuaNamespace, encode_keys, merge
from ._connection import Connection
from ._status import StatusValue, status_fields
from ._tycoon_http import RpcRequests, checked, expiry_field, field, number_field, read_response
from .cursor import Cursor
from .exceptions import ScriptError
from .serializers import KT_BINARY, encode_text, identity


class Record(NamedTuple):
    """One record with everything the server tells about it."""

    key: Any
    value: Any
    db: int
    expire_time: int | None
    """Unix time in seconds at which the record ends; ``None`` for never."""


class KyotoTycoon(Client):
    """Client of a Kyoto Tycoon server.

    Nothing is opened before the first call.  Any number of threads or greenlets may share a client:
    each has a connection of its own, which it keeps until it ends, calls `checkin` or `close`, or
    leaves a ``with client:`` block.

    In every method ``db`` is a database index (``None``: the client's default) and ``expire_time``
    counts seconds from now; ``None`` is never, ``0`` ends with the current second, and a negative
    number is an absolute Unix time.

    Every method may raise ServerConnectionError (server unreachable, connection lost, timeout) and
    ServerError (the reply is no Kyoto Tycoon reply).  A lookup is repeated once when the server
    closed an idle connection, a write never.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 1978,
        serializer: str = KT_BINARY,
        decode_keys: bool = True,
        timeout: float | None = None,
        default_db: int = 0,
    ) -> None:
        """Make a client.

        Args:
            host: Name or address of the server.
            port: Its TCP port.
            serializer: Name of the value format: a ``KT_`` constant or an installed plugin's name.
            decode_keys: Return keys as ``str`` (UTF-8) rather than ``bytes``.
            timeout: Seconds to wait for the server, at connecting and at each send or receive.
            default_db: Database index of calls that name none.

        Raises:
            ImproperlyConfigured: the serializer is unknown or needs a missing package.
        """
        super().__init__(host, port, serializer, decode_keys, timeout)
        self.default_db = default_db
        self._requests = RpcRequests(host, port)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.host}:{self.port} db={self.default_db}>"

    def set_database(self, db: int) -> KyotoTycoon:
        """Make ``db`` the client's default database and return the client."""
        self.default_db = db
        return self

    # -- binary protocol ---------------------------------------------------------------------

    def get(self, key: Any, db: int | None = None) -> Any:
        """Return the value of a key, or ``None``."""
        value = self.get_bytes(key, db)
        return None if value is None else self._decode(value)

    def get_bytes(self, key: Any, db: int | None = None) -> bytes | None:
        """Return the stored bytes of a key, past the serializer, or ``None``."""
        return self._call(
            binary.get_one(
                self.default_db if db is None else db,
                key.encode() if type(key) is str else encode_text(key),
            ),
            binary.read_value,
            True,
        )

    def set(
        self,
        key: Any,
        value: Any,
        db: int | None = None,
        expire_time: int | None = None,
        no_reply: bool = False,
    ) -> int:
        """Store a value and return the number of rows set: 1, or 0 if there is no such database.

        With ``no_reply`` the server answers nothing, so that 0 is returned and failure goes
        unnoticed.
        """
        return self.set_bytes(key, self._encode(value), db, expire_time, no_reply)

    def set_bytes(
        self,
        key: Any,
        value: bytes,
        db: int | None = None,
        expire_time: int | None = None,
        no_reply: bool = False,
    ) -> int:
        """Store bytes past the serializer; otherwise as `set`."""
        request = binary.set_one(
            self.default_db if db is None else db,
            key.encode() if type(key) is str else encode_text(key),
            value,
            binary.NEVER_WRITE if expire_time is None else expire_time,
            binary.NO_REPLY if no_reply else 0,
        )
        if no_reply:
            self._pool.send(request)
            return 0
        return self._call(request, binary.read_set)

    def remove(self, key: Any, db: int | None = None, no_reply: bool = False) -> int:
        """Remove a key and return the number of rows removed (0 with ``no_reply``)."""
        db = self.default_db if db is None else db
        if no_reply:
            self._pool.send(binary.remove_one(db, encode_text(key), binary.NO_REPLY))
            return 0
        return self._call(binary.remove_one(db, encode_text(key)), binary.read_remove)

    def get_bulk(self, keys: Iterable[Any], db: int | None = None) -> dict[Any, Any]:
        """Return the values of those keys that exist."""
        return self._decoded(self._get_pairs(keys, db))

    def get_bulk_details(self, keys: Iterable[Any], db: int | None = None) -> list[Record]:
        """Return a `Record` (value, database, expiry) for each of those keys that exist."""
        raw_keys = encode_keys(keys)
        message = binary.keys_message(binary.GET_BULK, self._db(db), raw_keys)
        found = self._call(message, partial(binary.read_records, limit=len(raw_keys)), True)
        return [
            Record(
                self._decode_key(record.key),
                self._decode(record.value),
                record.db,
                None if record.expiry >= binary.NEVER_READ else record.expiry,
            )
            for record in found
        ]

    def set_bulk(
        self,
        data: Mapping[Any, Any] | None = None,
        /,
        db: int | None = None,
        expire_time: int | None = None,
        no_reply: bool = False,
        **kwargs: Any,
    ) -> int:
        """Store the records of a mapping and of the keywords; return how many were stored.

        A key in both has the mapping's value.  Keys named ``db``, ``expire_time`` or ``no_reply``
        can only come in the mapping.
        """
        pairs = self._encoded(merge(data, kwargs))
        expiry = binary.NEVER_WRITE if expire_time is None else expire_time
        flags = binary.NO_REPLY if no_reply else 0

        def message(start: int, stop: int) -> bytes:
            return binary.set_many(self._db(db), pairs[start:stop], expiry, flags)

        return self._write_bulk(binary.SET_BULK, len(pairs), message, no_reply)

    def remove_bulk(
        self, keys: Iterable[Any], db: int | None = None, no_reply: bool = False
    ) -> int:
        """Remove keys and return how many existed (0 with ``no_reply``)."""
        raw_keys = encode_keys(keys)
        flags = binary.NO_REPLY if no_reply else 0

        def message(start: int, stop: int) -> bytes:
            raw = raw_keys[start:stop]
            return binary.keys_message(binary.REMOVE_BULK, self._db(db), raw, flags)

        return self._write_bulk(binary.REMOVE_BULK, len(raw_keys), message, no_reply)

    def script(
        self,
        name: str,
        __data: Mapping[Any, Any] | None = None,
        encode_values: bool = True,
        no_reply: bool = False,
        **kwargs: Any,
    ) -> dict[Any, Any]:
        """Call a Lua function of the server with a mapping and return the mapping it answers.

        Args:
            name: Name of the function.
            __data: Its input; keywords are added to it.
            encode_values: Pass values through the serializer both ways; otherwise text is sent as
                UTF-8, bytes as they are, and the answer's values are ``bytes``.
            no_reply: Do not wait for an answer and return an empty mapping.

        Raises:
            ScriptError: no such function, it reported failure, or the server runs no scripts.
        """
        encode = self._encode if encode_values else encode_text
        decode = self._decode if encode_values else identity
        pairs = [(encode_text(key), encode(value)) for key, value in merge(__data, kwargs).items()]
        request = binary.play_script(name.encode(), pairs, binary.NO_REPLY if no_reply else 0)
        if no_reply:
            self._pool.send(request)
            return {}
        answer = self._call(request, binary.read_script)
        if answer is None:
            raise ScriptError(
                f"the script function {name!r} failed, does not exist, or {self.host}:{self.port} "
                "runs no scripts (the binary protocol does not say which)"
            )
        return {self._decode_key(key): decode(value) for key, value in answer}

    @property
    def lua(self) -> LuaNamespace:
        """The server's Lua functions as methods: ``client.lua.f(...)`` is ``script("f", ...)``."""

        def call(
            function: str,
            data: Mapping[Any, Any] | None = None,
            /,
            encode_values: bool = True,
            **kwargs: Any,
        ) -> dict[Any, Any]:
            # The keywords travel in the mapping, so that one of them may be called "name".
            return self.script(function, merge(data, kwargs), encode_values)

        return LuaNamespace(call)

    def _db(self, db: int | None) -> int:
        return self.default_db if db is None else db

    def _get_pairs(self, keys: Iterable[Any], db: int | None) -> list[tuple[bytes, bytes]]:
        raw_keys = encode_keys(keys)
        db = self._db(db)
        if len(raw_keys) <= binary.CHUNK:
            message = binary.keys_message(binary.GET_BULK, db, raw_keys)
            return self._call(message, partial(binary.read_pairs, limit=len(raw_keys)), True)
        chunks = [
            raw_keys[start : start + binary.CHUNK]
            for start in range(0, len(raw_keys), binary.CHUNK)
        ]

        def exchange(connection: Connection) -> list[tuple[bytes, bytes]]:
            connection.send_while_reading(
                binary.keys_message(binary.GET_BULK, db, chunk) for chunk in chunks
            )
            return [pair for chunk in chunks for pair in binary.read_pairs(connection, len(chunk))]

        return self._pool.session(exchange)

    def _write_bulk(
        self, magic: int, count: int, message: Callable[[int, int], bytes], no_reply: bool
    ) -> int:
        """Send ``count`` records in pipelined messages of bounded size and add up the hits."""
        if count <= binary.CHUNK and not no_reply:
            return self._call(
                message(0, count), partial(binary.read_hits, magic=magic, limit=count)
            )
        starts = range(0, count, binary.CHUNK)
        messages = (message(start, start + binary.CHUNK) for start in starts)

        def exchange(connection: Connection) -> int:
            connection.send_while_reading(messages)
            if no_reply:
                return 0
            return sum(binary.read_hits(connection, magic, binary.CHUNK) for _ in starts)

        return self._pool.session(exchange)

    # -- TSV-RPC -----------------------------------------------------------------------------

    def clear(self, db: int | None = None) -> bool:
        """Remove all keys from the database."""
        return self._rpc(b"clear", db)[0] == 200

    def status(self, db: int | None = None) -> dict[str, StatusValue]:
        """Return what the server tells about the database, among it ``count``, ``size``, ``path``;
        numbers as int or float, anything else as text."""
        return status_fields(list(self._rpc(b"status", db, retry=True)[1].items()))

    def report(self) -> dict[str, StatusValue]:
        """Return what the server tells about itself and all its databases."""
        return status_fields(list(self._rpc(b"report", None, retry=True)[1].items()))

    def synchronize(self, hard: bool = False, db: int | None = None) -> bool:
        """Write the database to its file; ``hard`` waits for the device."""
        flags = [(b"hard", b"")] if hard else []
        return self._rpc(b"synchronize", db, flags, may_fail=True)[0] == 200

    def vacuum(self, step: int = 0, db: int | None = None) -> bool:
        """Drop expired records, in ``step`` steps or (0) all of them."""
        return self._rpc(b"vacuum", db, [(b"step", b"%d" % step)])[0] == 200

    def add(
        self, key: Any, value: Any, db: int | None = None, expire_time: int | None = None
    ) -> bool:
        """Store a value unless the key exists; return whether it was stored."""
        return self._store(b"add", key, value, db, expire_time)

    def replace(
        self, key: Any, value: Any, db: int | None = None, expire_time: int | None = None
    ) -> bool:
        """Store a value if the key exists; return whether it was stored."""
        return self._store(b"replace", key, value, db, expire_time)

    def append(
        self, key: Any, value: Any, db: int | None = None, expire_time: int | None = None
    ) -> bool:
        """Append to a value, or store it if there is none; return True.

        Without ``expire_time`` a record that had one loses it.
        """
        return self._store(b"append", key, value, db, expire_time)

    def exists(self, key: Any, db: int | None = None) -> bool:
        """Return whether a key exists."""
        return self.length(key, db) is not None

    def length(self, key: Any, db: int | None = None) -> int | None:
        """Return the size of a key's stored value in bytes, or ``None``."""
        status, answer = self._rpc(
            b"check", db, [(b"key", encode_text(key))], may_fail=True, retry=True
        )
        return number_field(answer, b"vsiz", int) if status == 200 else None

    def seize(self, key: Any, db: int | None = None) -> Any:
        """Remove a key and return its value, or ``None`` if there was none."""
        status, answer = self._rpc(b"seize", db, [(b"key", encode_text(key))], may_fail=True)
        return self._decode(field(answer, b"value")) if status == 200 else None

    def pop(self, key: Any, db: int | None = None) -> Any:
        """Remove a key and return its value; the same as `seize`."""
        return self.seize(key, db)

    def cas(
        self,
        key: Any,
        old_val: Any,
        new_val: Any,
        db: int | None = None,
        expire_time: int | None = None,
    ) -> bool:
        """Replace a value if it still is ``old_val``; return whether it was.

        ``None`` as ``old_val`` demands that the key does not exist; as ``new_val`` it removes it.

        Raises:
            ValueError: both are ``None``.
        """
        if old_val is None and new_val is None:
            raise ValueError("old_val and new_val cannot both be None")
        fields = [(b"key", encode_text(key))]
        if old_val is not None:
            fields.append((b"oval", self._encode(old_val)))
        if new_val is not None:
            fields.append((b"nval", self._encode(new_val)))
        return self._rpc(b"cas", db, fields + expiry_field(expire_time), may_fail=True)[0] == 200

    def incr(
        self,
        key: Any,
        n: int = 1,
        orig: int | None = None,
        db: int | None = None,
        expire_time: int | None = None,
    ) -> int:
        """Add to a counter and return its new value.

        A missing counter starts from ``orig`` (0 if None).  Counters are 8 big-endian bytes; any
        other stored value of 8 bytes is taken for one.

        Raises:
            ProtocolError: the stored value is not a counter.
            ValueError: a number does not fit into 64 bits.
        """
        fields = [(b"key", encode_text(key)), (b"num", _int64(n))]
        if orig is not None:
            fields.append((b"orig", _int64(orig)))
        answer = self._rpc(b"increment", db, fields + expiry_field(expire_time))[1]
        return number_field(answer, b"num", int)

    def incr_double(
        self,
        key: Any,
        n: float = 1.0,
        orig: float | None = None,
        db: int | None = None,
        expire_time: int | None = None,
    ) -> float:
        """Add to a floating-point counter and return its new value, of which the server sends six
        decimals (it keeps fifteen).

        Raises:
            ProtocolError: the stored value is not such a counter.
        """
        fields = [(b"key", encode_text(key)), (b"num", b"%.15f" % float(n))]
        if orig is not None:
            fields.append((b"orig", b"%.15f" % float(orig)))
        answer = self._rpc(b"increment_double", db, fields + expiry_field(expire_time))[1]
        return number_field(answer, b"num", float)

    def match_prefix(
        self, prefix: Any, max_keys: int | None = None, db: int | None = None
    ) -> list[Any]:
        """Return the keys that begin with a prefix, at most ``max_keys`` of them."""
        return self._match(b"match_prefix", [(b"prefix", encode_text(prefix))], max_keys, db)

    def match_regex(
        self, regex: Any, max_keys: int | None = None, db: int | None = None
    ) -> list[Any]:
        """Return the keys in which a POSIX extended regular expression is found.

        Raises:
            ProtocolError: the expression is malformed.
        """
        return self._match(b"match_regex", [(b"regex", encode_text(regex))], max_keys, db)

    def match_similar(
        self,
        origin: Any,
        distance: int | None = None,
        max_keys: int | None = None,
        db: int | None = None,
    ) -> list[Any]:
        """Return the keys within an edit distance (1 if None) of a string, nearest first."""
        fields = [(b"origin", encode_text(origin)), (b"utf", b"true")]
        if distance is not None:
            fields.append((b"range", b"%d" % operator.index(distance)))
        return self._match(b"match_similar", fields, max_keys, db)

    def keys(self, db: int | None = None) -> list[Any]:
        """Return all keys of the database: in order if it is a tree."""
        return self.match_prefix(b"", db=db)

    def values(self, db: int | None = None) -> Iterator[Any]:
        """Iterate over all values, by a cursor."""
        return (value for _, value in self.items(db))

    def items(self, db: int | None = None) -> Iterator[tuple[Any, Any]]:
        """Iterate over all records, by a cursor."""
        with self.cursor(db) as cursor:
            yield from cursor

    def cursor(self, db: int | None = None) -> Cursor:
        """Return a cursor over a database; close it, or use it as a context manager."""
        return Cursor(self, self._db(db))

    def count(self, db: int | None = None) -> int:
        """Return the number of keys of a database."""
        return number_field(self._rpc(b"status", db, retry=True)[1], b"count", int)

    @property
    def size(self) -> int:
        """Size of the default database in bytes."""
        return number_field(self._rpc(b"status", None, retry=True)[1], b"size", int)

    @property
    def path(self) -> str:
        """Path of the default database; ``*`` and the like when it is in memory."""
        return field(self._rpc(b"status", None, retry=True)[1], b"path").decode(errors="replace")

    def _rpc(
        self,
        procedure: bytes,
        db: int | None,
        fields: list[tuple[bytes, bytes]] | None = None,
        may_fail: bool = False,
        retry: bool = False,
    ) -> tuple[int, dict[bytes, bytes]]:
        """Call a procedure; ``may_fail`` lets the status 450 (condition not met) pass."""
        records = [(b"DB", b"%d" % self._db(db)), *(fields or ())]
        response = self._call(self._requests.build(procedure, records), read_response, retry)
        return checked(procedure, response, may_fail)

    def _rpc_on(
        self,
        connection: Connection,
        procedure: bytes,
        records: list[tuple[bytes, bytes]],
        may_fail: bool,
    ) -> tuple[int, dict[bytes, bytes]]:
        """Call a procedure on a connection that the caller holds, as a cursor does."""
        try:
            connection.exchange(self._requests.build(procedure, records))
            response = read_response(connection)
        except BaseException:
            connection.close()
            raise
        if response[0] == 501:
            raise NotImplementedError(f"{procedure.decode()}: the database is not ordered")
        return checked(procedure, response, may_fail)

    def _store(
        self, procedure: bytes, key: Any, value: Any, db: int | None, expire_time: int | None
    ) -> bool:
        fields = [(b"key", encode_text(key)), (b"value", self._encode(value))]
        return self._rpc(procedure, db, fields + expiry_field(expire_time), may_fail=True)[0] == 200

    def _match(
        self,
        procedure: bytes,
        fields: list[tuple[bytes, bytes]],
        max_keys: int | None,
        db: int | None,
    ) -> list[Any]:
        if max_keys is not None:
            fields.append((b"max", b"%d" % operator.index(max_keys)))
        _, answer = self._rpc(procedure, db, fields, retry=True)
        # The records are sorted by key; their values are the ranks.
        ranked = sorted(
            (number_field(answer, key, int), key[1:]) for key in answer if key.startswith(b"_")
        )
        return [self._decode_key(key) for _, key in ranked]

    # -- mapping -----------------------------------------------------------------------------

    def update(
        self,
        data: Mapping[Any, Any] | None = None,
        /,
        db: int | None = None,
        expire_time: int | None = None,
        **kwargs: Any,
    ) -> int:
        """Store many records; the same as `set_bulk`."""
        return self.set_bulk(data, db=db, expire_time=expire_time, **kwargs)

    def __getitem__(self, key: Any) -> Any:
        """Return the value of ``key`` or ``(key, db)``, ``None`` if there is none."""
        return self.get(*_key_and_db(key))

    def __setitem__(self, key: Any, value: Any) -> None:
        """Store ``value`` or ``(value, expire_time)`` as ``key`` or ``(key, db)``."""
        key, db = _key_and_db(key)
        expire_time = None
        if isinstance(value, tuple):
            if len(value) != 2:
                raise ValueError(
                    "assign a value or (value, expire_time); use set() to store a tuple"
                )
            value, expire_time = value
        self.set(key, value, db, expire_time)

    def __delitem__(self, key: Any) -> None:
        """Remove ``key`` or ``(key, db)``; a missing key is no error."""
        self.remove(*_key_and_db(key))

    def __contains__(self, key: Any) -> bool:
        """Return whether ``key`` or ``(key, db)`` exists."""
        return self.exists(*_key_and_db(key))

    def __iter__(self) -> Iterator[Any]:
        return iter(self.keys())

    def __len__(self) -> int:
        """Return the number of keys of the default database."""
        return self.count()


def _int64(number: int) -> bytes:
    """Return a number as the server reads it, which would silently cut a larger one down."""
    number = operator.index(number)
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"Kyoto Tycoon counts in 64 bits; {number} does not fit")
    return b"%d" % number


def _key_and_db(key: Any) -> tuple[Any, int | None]:
    if not isinstance(key, tuple):
        return key, None
    if len(key) != 2:
        raise ValueError(f"a key is key or (key, db), not a tuple of {len(key)}")
    return key[0], key[1]
