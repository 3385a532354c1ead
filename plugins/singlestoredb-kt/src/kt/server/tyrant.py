"""The built-in Tokyo Tyrant server: its database, its opcodes and its reports."""

from __future__ import annotations

import os
import platform
import sqlite3
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from struct import Struct

from kt import _tyrant_binary as wire
from kt._connection import Connection, check_size
from kt.exceptions import ServerError

from . import process
from .lua import TyrantScripts
from .names import open_tyrant_store
from .store import Position
from .tyrant_misc import FUNCTIONS, MiscError

VERSION = "1.1.41"
"""Version of Tokyo Tyrant whose behaviour is served."""
MAX_LIST = 2**20
"""Most elements of a request."""

# Counters are stored in host order; this server is little-endian wherever it runs.
_INT = Struct("<i")
_DOUBLE = Struct("<d")

_OK = b"\x00"
_FAILED = b"\x01"


class TyrantServer:
    """The database of a server and what all its sessions share, the iterator included."""

    def __init__(self, database: str = "*", script: str | None = None) -> None:
        """Open the database; ``script`` is the path of a Lua file.

        Raises:
            ImproperlyConfigured: the database or the script cannot be opened.
        """
        self.lock = threading.RLock()
        self.started = time.time()
        self.counters: Counter[str] = Counter()
        self.store = open_tyrant_store(database)
        self.iterator: Position | None = None
        self.last_error = "0: success"
        self.last_id = 0
        """What genuid gave last."""
        self.scripts = None if script is None else TyrantScripts(script, self)

    def make_session(self) -> TyrantSession:
        """Return the session of a new connection."""
        return TyrantSession(self)

    def miss(self) -> None:
        """Remember that a record was not found."""
        self.last_error = "22: no record found"

    def misc(self, name: bytes, arguments: list[bytes]) -> tuple[bool, list[bytes]]:
        """Run a misc function; return whether it succeeded, and its result."""
        function = FUNCTIONS.get(name)
        if function is None:
            return False, []
        with self.lock:
            self.counters["misc"] += 1
            try:
                return True, function(self, arguments)
            except MiscError:
                return False, []

    def add_integer(self, key: bytes, number: int) -> int | None:
        """Add to a counter, any value of 4 bytes, wrapping around; ``None`` if it is none."""
        item = self.store.get(key)
        if item is not None and len(item.value) != _INT.size:
            return None
        old = 0 if item is None else _INT.unpack(item.value)[0]
        total: int = (old + number + 2**31) % 2**32 - 2**31
        self.store.put(key, _INT.pack(total))
        return total

    def add_double(self, key: bytes, number: float) -> float | None:
        """Add to a double, any value of 8 bytes; ``None`` if it is none."""
        item = self.store.get(key)
        if item is not None and len(item.value) != _DOUBLE.size:
            return None
        total: float = number if item is None else _DOUBLE.unpack(item.value)[0] + number
        self.store.put(key, _DOUBLE.pack(total))
        return total

    def close(self) -> None:
        """Close the database."""
        with self.lock:
            self.store.close()


class TyrantSession:
    """One connection.  A handler consumes its request and returns the reply."""

    def __init__(self, server: TyrantServer) -> None:
        self._server = server
        self._handlers: dict[int, Callable[[Connection], bytes]] = {
            wire.PUT: self._put,
            wire.PUTKEEP: self._putkeep,
            wire.PUTCAT: self._putcat,
            wire.PUTSHL: self._putshl,
            wire.PUTNR: self._putnr,
            wire.OUT: self._out,
            wire.GET: self._get,
            wire.MGET: self._mget,
            wire.VSIZ: self._vsiz,
            wire.ITERINIT: self._iterinit,
            wire.ITERNEXT: self._iternext,
            wire.FWMKEYS: self._fwmkeys,
            wire.ADDINT: self._addint,
            wire.ADDDOUBLE: self._adddouble,
            wire.EXT: self._ext,
            wire.SYNC: self._sync,
            wire.OPTIMIZE: self._optimize,
            wire.VANISH: self._vanish,
            wire.COPY: self._copy,
            wire.RESTORE: self._restore,
            wire.SETMST: self._setmst,
            wire.RNUM: self._rnum,
            wire.SIZE: self._size,
            wire.STAT: self._stat,
            wire.MISC: self._misc,
        }

    def close(self) -> None:
        """Forget nothing: connections have no state of their own."""

    def serve_one(self, connection: Connection) -> bytes | None:
        """Serve one request; an unknown opcode ends the conversation."""
        handler = self._handlers.get(connection.unpack(wire.COMMAND)[0])
        if handler is None:
            return None
        try:
            return handler(connection)
        except sqlite3.Error as exc:
            # The disk is full, say.  Hanging up is right for requests with and without a reply.
            sys.stderr.write(f"ttserver: {exc}\n")
            return None

    # -- requests ----------------------------------------------------------------------------

    def _key(self, connection: Connection) -> bytes:
        (size,) = connection.unpack(wire.U32)
        return connection.take(check_size(size, "key"))

    def _pair(self, connection: Connection) -> tuple[bytes, bytes]:
        key_size, value_size = connection.unpack(wire.PAIR)
        key = connection.take(check_size(key_size, "key"))
        return key, connection.take(check_size(value_size, "value"))

    def _elements(self, connection: Connection, count: int) -> list[bytes]:
        if count > MAX_LIST:
            raise ServerError(f"a request of {count} elements (at most {MAX_LIST})")
        return [self._key(connection) for _ in range(count)]

    # -- writing -----------------------------------------------------------------------------

    def _write(self, command: str, key: bytes, value: bytes) -> bytes:
        server = self._server
        with server.lock:
            server.counters[command] += 1
            server.store.put(key, value)
        return _OK

    def _put(self, connection: Connection) -> bytes:
        return self._write("put", *self._pair(connection))

    def _putnr(self, connection: Connection) -> bytes:
        self._write("putnr", *self._pair(connection))
        return b""

    def _putkeep(self, connection: Connection) -> bytes:
        key, value = self._pair(connection)
        server = self._server
        with server.lock:
            if server.store.get(key) is not None:
                server.counters["putkeep"] += 1
                server.counters["put_miss"] += 1
                server.last_error = "21: existing record"
                return _FAILED
            return self._write("putkeep", key, value)

    def _putcat(self, connection: Connection) -> bytes:
        key, value = self._pair(connection)
        with self._server.lock:
            old = self._server.store.get(key)
            return self._write("putcat", key, (old.value if old else b"") + value)

    def _putshl(self, connection: Connection) -> bytes:
        key_size, value_size, width = connection.unpack(_SHIFT)
        key = connection.take(check_size(key_size, "key"))
        value = connection.take(check_size(value_size, "value"))
        with self._server.lock:
            old = self._server.store.get(key)
            joined = (old.value if old else b"") + value
            return self._write("putshl", key, joined[max(0, len(joined) - width) :])

    def _out(self, connection: Connection) -> bytes:
        key = self._key(connection)
        server = self._server
        with server.lock:
            server.counters["out"] += 1
            if server.store.delete(key):
                return _OK
            server.counters["out_miss"] += 1
            server.miss()
            return _FAILED

    def _addint(self, connection: Connection) -> bytes:
        size, number = connection.unpack(_KEY_AND_INT)
        key = connection.take(check_size(size, "key"))
        with self._server.lock:
            self._server.counters["addint"] += 1
            total = self._server.add_integer(key, number)
        return _FAILED if total is None else _OK + wire.I32.pack(total)

    def _adddouble(self, connection: Connection) -> bytes:
        size, integral, fraction = connection.unpack(_KEY_AND_DECIMAL)
        key = connection.take(check_size(size, "key"))
        with self._server.lock:
            self._server.counters["adddouble"] += 1
            total = self._server.add_double(key, wire.join_double(integral, fraction))
        return _FAILED if total is None else _OK + wire.DECIMAL.pack(*wire.split_double(total))

    def _vanish(self, connection: Connection) -> bytes:
        with self._server.lock:
            self._server.counters["vanish"] += 1
            self._server.store.clear()
        return _OK

    # -- reading -----------------------------------------------------------------------------

    def _get(self, connection: Connection) -> bytes:
        key = self._key(connection)
        server = self._server
        with server.lock:
            server.counters["get"] += 1
            item = server.store.get(key)
            if item is None:
                server.counters["get_miss"] += 1
                server.miss()
                return _FAILED
        return b"\x00%b%b" % (wire.U32.pack(len(item.value)), item.value)

    def _mget(self, connection: Connection) -> bytes:
        keys = self._elements(connection, connection.unpack(wire.U32)[0])
        parts = [b""]
        with self._server.lock:
            self._server.counters["mget"] += 1
            for key in keys:
                item = self._server.store.get(key)
                if item is not None:
                    parts += (wire.PAIR.pack(len(key), len(item.value)), key, item.value)
        parts[0] = _OK + wire.U32.pack(len(parts) // 3)
        return b"".join(parts)

    def _vsiz(self, connection: Connection) -> bytes:
        key = self._key(connection)
        with self._server.lock:
            self._server.counters["vsiz"] += 1
            item = self._server.store.get(key)
        return _FAILED if item is None else _OK + wire.U32.pack(len(item.value))

    def _fwmkeys(self, connection: Connection) -> bytes:
        size, limit = connection.unpack(_KEY_AND_INT)
        prefix = connection.take(check_size(size, "prefix"))
        with self._server.lock:
            self._server.counters["fwmkeys"] += 1
            keys = list(self._server.store.keys(prefix))
        return _OK + _packed(keys if limit < 0 else keys[:limit])

    def _iterinit(self, connection: Connection) -> bytes:
        with self._server.lock:
            self._server.counters["iterinit"] += 1
            self._server.iterator = self._server.store.position()
        return _OK

    def _iternext(self, connection: Connection) -> bytes:
        server = self._server
        with server.lock:
            server.counters["iternext"] += 1
            key = None if server.iterator is None else server.iterator.key()
            if server.iterator is None or key is None:
                return _FAILED
            server.iterator.step()
        return b"\x00%b%b" % (wire.U32.pack(len(key)), key)

    # -- scripts, misc, reports --------------------------------------------------------------

    def _ext(self, connection: Connection) -> bytes:
        name_size, _, key_size, value_size = connection.unpack(_EXT)
        name = connection.take(check_size(name_size, "name"))
        key = connection.take(check_size(key_size, "key"))
        value = connection.take(check_size(value_size, "value"))
        server = self._server
        with server.lock:
            # The options ask for locks; scripts run under the server's lock anyway.
            server.counters["ext"] += 1
            result = None if server.scripts is None else server.scripts.call(name, key, value)
        return _FAILED if result is None else _OK + wire.U32.pack(len(result)) + result

    def _misc(self, connection: Connection) -> bytes:
        name_size, _, count = connection.unpack(_MISC)
        name = connection.take(check_size(name_size, "name"))
        arguments = self._elements(connection, count)
        found, elements = self._server.misc(name, arguments)
        return (_OK if found else _FAILED) + _packed(elements)

    def _sync(self, connection: Connection) -> bytes:
        with self._server.lock:
            self._server.counters["sync"] += 1
            self._server.store.sync()
        return _OK

    def _optimize(self, connection: Connection) -> bytes:
        # The tuning parameters mean nothing to these stores.
        self._key(connection)
        with self._server.lock:
            self._server.counters["optimize"] += 1
        return _OK

    def _copy(self, connection: Connection) -> bytes:
        # Whoever can connect could write any file of the user; the built-in server refuses.
        self._key(connection)
        return _FAILED

    def _restore(self, connection: Connection) -> bytes:
        size, _, _ = connection.unpack(_RESTORE)
        connection.take(check_size(size, "path"))
        return _FAILED

    def _setmst(self, connection: Connection) -> bytes:
        size, _, _, _ = connection.unpack(_SETMST)
        connection.take(check_size(size, "host"))
        return _FAILED

    def _rnum(self, connection: Connection) -> bytes:
        with self._server.lock:
            return _OK + wire.U64.pack(self._server.store.count())

    def _size(self, connection: Connection) -> bytes:
        with self._server.lock:
            return _OK + wire.U64.pack(self._server.store.size())

    def _stat(self, connection: Connection) -> bytes:
        server = self._server
        user, system, *_ = os.times()
        now = time.time()
        memory_size, memory_resident = process.memory()
        with server.lock:
            fields: dict[str, object] = {
                "version": f"{VERSION} (built-in)",
                "libver": 323,
                "protver": "0.91",
                "os": platform.system(),
                "time": f"{now:.6f}",
                "pid": os.getpid(),
                "sid": 0,
                "type": server.store.kind,
                "path": server.store.name,
                "rnum": server.store.count(),
                "size": server.store.size(),
                "bigend": 0,
                "fd": process.open_files(),
                "loadavg": f"{process.load_average():.6f}",
                "memsize": memory_size,
                "memrss": memory_resident,
                "ru_user": f"{user:.6f}",
                "ru_sys": f"{system:.6f}",
                "ru_real": f"{now - server.started:.6f}",
            }
            commands = "put putkeep putcat putshl putnr out get mget vsiz iterinit iternext fwmkeys"
            more = "addint adddouble ext sync optimize vanish misc put_miss out_miss get_miss"
            for name in f"{commands} {more}".split():
                fields[f"cnt_{name}"] = server.counters[name]
        text = "".join(f"{name}\t{value}\n" for name, value in fields.items()).encode()
        return _OK + wire.U32.pack(len(text)) + text


# Requests without their two opcode bytes, which `serve_one` has consumed.
_SHIFT = Struct(">III")
_KEY_AND_INT = Struct(">Ii")
_KEY_AND_DECIMAL = Struct(">Iqq")
_EXT = Struct(">IIII")
_MISC = Struct(">III")
_RESTORE = Struct(">IQI")
_SETMST = Struct(">IIQI")


def _packed(elements: list[bytes]) -> bytes:
    pack = struct.Struct(">I").pack
    parts = [pack(len(elements))]
    for element in elements:
        parts += (pack(len(element)), element)
    return b"".join(parts)
