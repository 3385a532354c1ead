"""The Tokyo Tyrant client."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

from . import _tyrant_binary as binary
from ._client import Client, LuaNamespace, encode_keys, merge
from ._connection import Connection
from ._status import StatusValue, status_fields
from .exceptions import ProtocolError, ScriptError
from .serializers import KT_BINARY, encode_text

_LISTS = {"put": "putlist", "get": "getlist", "out": "outlist"}
_DICTS = frozenset({"getlist", "range", "regex"})
_TEXTS = frozenset({"error", "genuid"})
_KEY_LISTS = frozenset({"search", "metasearch"})


class TokyoTyrant(Client):
    """Client of a Tokyo Tyrant server.

    Nothing is opened before the first call.  Any number of threads or greenlets may share a client:
    each has a connection of its own, which it keeps until it ends, calls `checkin` or `close`, or
    leaves a ``with client:`` block.

    A Tokyo Tyrant server has **one** iterator, which all its clients share.  No method of this
    class uses it: `keys`, iteration and `iter_from` take a snapshot, so that any number of clients
    may iterate at once.  (``misc("iterinit")`` and ``misc("iternext")`` do use it.)

    Every method may raise ServerConnectionError (server unreachable, connection lost, timeout) and
    ServerError (the reply is no Tokyo Tyrant reply).  A lookup is repeated once when the server
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
            default_db: 0, the only database that a Tokyo Tyrant server has.

        Raises:
            ImproperlyConfigured: the serializer is unknown or needs a missing package.
        """
        _check_no_database(default_db, None)
        super().__init__(host, port, serializer, decode_keys, timeout)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.host}:{self.port}>"

    # -- records -----------------------------------------------------------------------------

    def get(self, key: Any) -> Any:
        """Return the value of a key, or ``None``."""
        value = self.get_bytes(key)
        return None if value is None else self._decode(value)

    def get_bytes(self, key: Any) -> bytes | None:
        """Return the stored bytes of a key, past the serializer, or ``None``."""
        return self._call(
            binary.on_key(binary.GET, key.encode() if type(key) is str else encode_text(key)),
            binary.read_value,
            True,
        )

    def set(self, key: Any, value: Any, no_reply: bool = False) -> bool:
        """Store a value and return whether that succeeded.

        With ``no_reply`` the server answers nothing: True only says that the request was sent.
        """
        return self.set_bytes(key, self._encode(value), no_reply)

    def set_bytes(self, key: Any, value: bytes, no_reply: bool = False) -> bool:
        """Store bytes past the serializer; otherwise as `set`."""
        raw_key = key.encode() if type(key) is str else encode_text(key)
        if no_reply:
            self._pool.send(binary.put(binary.PUTNR, raw_key, value))
            return True
        return self._call(binary.put(binary.PUT, raw_key, value), binary.read_status)

    def remove(self, key: Any) -> int:
        """Remove a key and return the number of rows removed."""
        request = binary.on_key(binary.OUT, encode_text(key))
        return int(self._call(request, binary.read_status))

    def add(self, key: Any, value: Any) -> bool:
        """Store a value unless the key exists; return whether it was stored."""
        request = binary.put(binary.PUTKEEP, encode_text(key), self._encode(value))
        return self._call(request, binary.read_status)

    def append(self, key: Any, value: Any) -> bool:
        """Append to a value, or store it if there is none; return whether that succeeded."""
        request = binary.put(binary.PUTCAT, encode_text(key), self._encode(value))
        return self._call(request, binary.read_status)

    def append_shift(self, key: Any, value: Any, width: int) -> bool:
        """Append to a value and keep its last ``width`` bytes; return whether that succeeded."""
        request = binary.putshl(encode_text(key), self._encode(value), width)
        return self._call(request, binary.read_status)

    def exists(self, key: Any) -> bool:
        """Return whether a key exists."""
        return self.length(key) is not None

    def length(self, key: Any) -> int | None:
        """Return the size of a key's stored value in bytes, or ``None``."""
        return self._call(
            binary.on_key(binary.VSIZ, encode_text(key)), binary.read_count, retry=True
        )

    def seize(self, key: Any) -> Any:
        """Return a key's value and remove it; ``None`` if there was none.

        Two pipelined commands in one round trip, and not atomic: of two clients that seize a key at
        once, both may get its value.
        """
        raw_key = encode_text(key)
        request = binary.on_key(binary.GET, raw_key) + binary.on_key(binary.OUT, raw_key)

        def read(connection: Connection) -> bytes | None:
            value = binary.read_value(connection)
            binary.read_status(connection)
            return value

        value = self._call(request, read)
        return None if value is None else self._decode(value)

    def get_part(self, key: Any, start: int | None = None, end: int | None = None) -> Any:
        """Return ``end`` bytes of a value from offset ``start`` on (all the rest if ``None``).

        Returns False if there is no such key or the value ends before ``start``.
        """
        arguments = [encode_text(key)]
        if start is not None or end is not None:
            arguments.append(b"%d" % operator.index(start or 0))
        if end is not None:
            arguments.append(b"%d" % operator.index(end))
        found, elements = self._misc("getpart", arguments, retry=True)
        return self._decode(elements[0]) if found and elements else False

    def incr(self, key: Any, n: int = 1) -> int | None:
        """Add to a counter (from 0 if missing) and return its new value.

        Counters are 32-bit integers that wrap around.  ``None`` if the stored value is not one.
        """
        request = binary.addint(encode_text(key), operator.index(n))
        return self._call(request, binary.read_integer)

    def incr_double(self, key: Any, n: float = 1.0) -> float | None:
        """Add to a floating-point counter and return its new value (with twelve decimals).

        ``None`` if the stored value is not such a counter.
        """
        return self._call(binary.adddouble(encode_text(key), float(n)), binary.read_double)

    # -- many records ------------------------------------------------------------------------

    def get_bulk(self, keys: Iterable[Any]) -> dict[Any, Any]:
        """Return the values of those keys that exist."""
        return self._decoded(self._get_pairs(encode_keys(keys)))

    def set_bulk(self, data: Mapping[Any, Any] | None = None, /, **kwargs: Any) -> bool:
        """Store the records of a mapping and of the keywords; return whether that succeeded.

        A key in both has the mapping's value.
        """
        pairs = self._encoded(merge(data, kwargs))
        return self._misc_chunks(b"putlist", list(chain.from_iterable(pairs)))

    def remove_bulk(self, keys: Iterable[Any]) -> bool:
        """Remove keys; return True, also for keys that did not exist."""
        return self._misc_chunks(b"outlist", encode_keys(keys))

    def clear(self) -> bool:
        """Remove all keys."""
        return self._call(binary.command(binary.VANISH), binary.read_status)

    def match_prefix(self, prefix: Any, max_keys: int | None = 1024) -> list[Any]:
        """Return the keys that begin with a prefix, at most ``max_keys`` (``None``: all)."""
        request = binary.fwmkeys(encode_text(prefix), -1 if max_keys is None else max_keys)
        found = self._call(request, binary.read_list, retry=True)
        return [self._decode_key(key) for key in found or ()]

    def match_regex(self, regex: Any, max_keys: int | None = 1024) -> list[Any]:
        """Return the keys in which a POSIX extended regular expression is found, at most
        ``max_keys`` (``None``: all).  A leading ``*`` makes it ignore case.

        Raises:
            ProtocolError: the expression is malformed.
        """
        if max_keys == 0:
            # The server takes 0 for "all", unlike in match_prefix.
            return []
        arguments = [encode_text(regex), b"%d" % (-1 if max_keys is None else max_keys)]
        found, elements = self._misc("regex", arguments, retry=True)
        if not found:
            raise ProtocolError(f"the server refused the regular expression {regex!r}")
        return [self._decode_key(key) for key in elements[::2]]

    def get_range(self, start: Any, stop: Any = None, max_keys: int = 0) -> dict[Any, Any]:
        """Return the records with ``start`` ≤ key < ``stop`` in key order, at most ``max_keys``
        (0: all).  ``None`` leaves an end open.

        Raises:
            ProtocolError: the database is not a tree.
        """
        records = self._range(start, stop, max_keys)
        if records is None:
            raise ProtocolError("a range of keys needs a tree database; this server has another")
        return self._decoded(records)

    def iter_from(self, start_key: Any) -> dict[Any, Any]:
        """Return the records from a key on, in the database's order.

        Trees start at the first key that is not less.  Hash databases start at exactly that key,
        and give nothing if it does not exist; their order is arbitrary.  The server's shared
        iterator is not used, so others may iterate meanwhile.
        """
        records = self._range(start_key, None, 0)
        if records is None:
            keys = self._call(binary.fwmkeys(b"", -1), binary.read_list, retry=True) or []
            try:
                keys = keys[keys.index(encode_text(start_key)) :]
            except ValueError:
                return {}
            records = self._get_pairs(keys)
        return self._decoded(records)

    def keys(self) -> list[Any]:
        """Return all keys: in order if the database is a tree."""
        return self.match_prefix(b"", max_keys=None)

    # -- the server --------------------------------------------------------------------------

    def script(
        self,
        name: str,
        key: Any = None,
        value: Any = None,
        lock_records: bool = False,
        lock_all: bool = False,
    ) -> bytes:
        """Call a Lua function of the server with a key and a value; return the bytes it answers.

        Args:
            name: Name of the function.
            key: Sent as text, empty if ``None``.
            value: Sent as text (not through the serializer), empty if ``None``.
            lock_records: Run it under the lock of the record ``key``.
            lock_all: Run it under the server's global lock.

        Raises:
            ScriptError: no such function, it returned nothing, or the server runs no scripts.
        """
        options = lock_records * binary.LOCK_RECORD | lock_all * binary.LOCK_GLOBAL
        request = binary.ext(
            name.encode(),
            options,
            b"" if key is None else encode_text(key),
            b"" if value is None else encode_text(value),
        )
        answer = self._call(request, binary.read_value)
        if answer is None:
            raise ScriptError(
                f"the script function {name!r} returned nothing, does not exist, or "
                f"{self.host}:{self.port} runs no scripts (the protocol does not say which)"
            )
        return answer

    @property
    def lua(self) -> LuaNamespace:
        """The server's Lua functions as methods: ``client.lua.name(...)`` is `script`."""
        return LuaNamespace(self.script)

    def misc(
        self,
        cmd: str,
        keys: Iterable[Any] | None = None,
        data: Mapping[Any, Any] | None = None,
        update_log: bool = True,
    ) -> Any:
        """Run a function of the server's "misc" interface.

        Args:
            cmd: Its name.  ``put``, ``get`` and ``out`` become ``putlist``, ``getlist`` and
                ``outlist`` for several items.
            keys: Its arguments, sent as text.
            data: Instead of ``keys``: records, whose values pass the serializer.
            update_log: Whether the server writes the change to its update log.

        Returns:
            True or False if the function succeeded without a result or failed; a value for one
            element; a dict for pairs of key and value (always for ``getlist``, ``range`` and
            ``regex`` that succeed); a list of keys for ``search``; a list for an odd number.

        Raises:
            ValueError: both ``keys`` and ``data`` are given.
        """
        if keys is not None and data is not None:
            raise ValueError("give keys or data, not both")
        if data is not None:
            items = list(chain.from_iterable(self._encoded(data)))
            several = len(data) > 1
        else:
            items = encode_keys(keys or ())
            several = len(items) > (2 if cmd == "put" else 1)
        if several:
            cmd = _LISTS.get(cmd, cmd)
        options = 0 if update_log else binary.OMIT_UPDATE_LOG
        found, elements = self._misc(cmd, items, options)
        return self._result(cmd, found, elements)

    def _result(self, cmd: str, found: bool, elements: list[bytes]) -> Any:
        if not found:
            return False
        if cmd in _KEY_LISTS:
            return [self._decode_key(key) for key in elements]
        if cmd in _DICTS:
            return self._decoded(_pairs(elements))
        if not elements:
            return True
        if len(elements) == 1:
            return elements[0].decode() if cmd in _TEXTS else self._decode(elements[0])
        if len(elements) % 2:
            return [self._decode_key(element) for element in elements]
        return self._decoded(_pairs(elements))

    def status(self) -> dict[str, StatusValue]:
        """Return what the server tells about itself; numbers as int or float, the rest as text."""
        text = self._call(binary.command(binary.STAT), binary.read_text, retry=True)
        lines = (line.partition(b"\t") for line in text.split(b"\n") if line)
        return status_fields([(name, value) for name, _, value in lines])

    def synchronize(self) -> bool:
        """Write the database to its file; return whether that succeeded."""
        return self._call(binary.command(binary.SYNC), binary.read_status)

    def optimize(self, params: str = "") -> bool:
        """Reorganise the database file with tuning parameters; return whether that succeeded."""
        request = binary.on_key(binary.OPTIMIZE, params.encode())
        return self._call(request, binary.read_status)

    @property
    def size(self) -> int:
        """Size of the database in bytes."""
        return self._call(binary.command(binary.SIZE), binary.read_total, retry=True)

    @property
    def error(self) -> str | None:
        """Last error of the database, as ``code: message``; ``None`` for databases in memory, which
        keep none."""
        found, elements = self._misc("error", [], retry=True)
        return elements[0].decode("utf-8", "replace") if found and elements else None

    def _misc(
        self, cmd: str, arguments: list[bytes], options: int = 0, retry: bool = False
    ) -> tuple[bool, list[bytes]]:
        return self._call(binary.misc(cmd.encode(), arguments, options), binary.read_misc, retry)

    def _misc_chunks(self, function: bytes, arguments: Sequence[bytes]) -> bool:
        """Call a list function in pipelined requests of bounded size."""
        size = 2 * binary.CHUNK
        if len(arguments) <= size:
            return self._call(binary.misc(function, arguments), binary.read_misc)[0]
        starts = range(0, len(arguments), size)

        def exchange(connection: Connection) -> bool:
            connection.send_while_reading(
                binary.misc(function, arguments[start : start + size]) for start in starts
            )
            outcomes = [binary.read_misc(connection)[0] for _ in starts]
            return all(outcomes)

        return self._pool.session(exchange)

    def _get_pairs(self, raw_keys: list[bytes]) -> list[tuple[bytes, bytes]]:
        size = binary.CHUNK
        if len(raw_keys) <= size:
            read = partial(binary.read_pairs, limit=len(raw_keys))
            return self._call(binary.mget(raw_keys), read, True)
        chunks = [raw_keys[start : start + size] for start in range(0, len(raw_keys), size)]

        def exchange(connection: Connection) -> list[tuple[bytes, bytes]]:
            connection.send_while_reading(map(binary.mget, chunks))
            return [pair for chunk in chunks for pair in binary.read_pairs(connection, len(chunk))]

        return self._pool.session(exchange)

    def _range(self, start: Any, stop: Any, max_keys: int) -> list[tuple[bytes, bytes]] | None:
        """Return the records of a key range, ``None`` if the database is not ordered."""
        arguments = [b"" if start is None else encode_text(start), b"%d" % operator.index(max_keys)]
        if stop is not None:
            arguments.append(encode_text(stop))
            if not arguments[-1]:
                return []
        found, elements = self._misc("range", arguments, retry=True)
        return _pairs(elements) if found else None

    # -- mapping -----------------------------------------------------------------------------

    def update(
        self,
        data: Mapping[Any, Any] | None = None,
        /,
        db: int | None = None,
        expire_time: int | None = None,
        **kwargs: Any,
    ) -> bool:
        """Store many records, as `set_bulk`.

        ``db`` and ``expire_time`` are there for the sake of Kyoto Tycoon's signature.

        Raises:
            ValueError: a database other than 0 or an expiry is asked for; the server has neither.
        """
        _check_no_database(db, expire_time)
        return self.set_bulk(data, **kwargs)

    def __getitem__(self, key: Any) -> Any:
        """Return the value of a key, or for a slice of keys (tree databases) the records in it."""
        if isinstance(key, slice):
            if key.step is not None:
                raise ValueError("a slice of keys has no step")
            return self.get_range(key.start, key.stop)
        return self.get(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        """Store a value."""
        self.set(key, value)

    def __delitem__(self, key: Any) -> None:
        """Remove a key; a missing key is no error."""
        self.remove(key)

    def __contains__(self, key: Any) -> bool:
        """Return whether a key exists."""
        return self.exists(key)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.keys())

    def __len__(self) -> int:
        """Return the number of keys."""
        return self._call(binary.command(binary.RNUM), binary.read_total, retry=True)


def _pairs(elements: list[bytes]) -> list[tuple[bytes, bytes]]:
    return list(zip(elements[::2], elements[1::2], strict=False))


def _check_no_database(db: int | None, expire_time: int | None) -> None:
    if db not in (None, 0):
        raise ValueError(f"a Tokyo Tyrant server has one database, 0; there is no {db}")
    if expire_time is not None:
        raise ValueError("records of Tokyo Tyrant do not expire; leave expire_time out")
