"""The built-in Kyoto Tycoon server: sessions, and the binary protocol."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from kt import _tycoon_binary as wire
from kt._connection import Connection, check_size

from .lua import TycoonScripts
from .names import open_tycoon_store
from .tycoon_db import EXPIRY_MAX, TycoonDatabase, absolute_expiry
from .tycoon_rpc import RpcSession


class TycoonServer:
    """The databases of a server and what all its sessions share."""

    def __init__(self, databases: Sequence[str] = ("*",), script: str | None = None) -> None:
        """Open the databases; ``script`` is the path of a Lua file.

        Raises:
            ImproperlyConfigured: a database or the script cannot be opened.
        """
        self.lock = threading.RLock()
        self.started = time.time()
        self.counters: Counter[str] = Counter()
        self.connections = 0
        self.databases = [TycoonDatabase(open_tycoon_store(name)) for name in databases or ("*",)]
        self.scripts = None if script is None else TycoonScripts(script, self.databases)

    def make_session(self) -> TycoonSession:
        """Return the session of a new connection."""
        return TycoonSession(self)

    def database(self, index: int) -> TycoonDatabase | None:
        """Return a database by its index."""
        return self.databases[index] if index < len(self.databases) else None

    def find(self, name: bytes) -> TycoonDatabase | None:
        """Return a database by index or name in text form, as TSV-RPC gives it."""
        if name.isdigit():
            return self.database(int(name[:9]))
        text = os.fsdecode(name)
        for database in self.databases:
            if text in (database.store.name, os.path.basename(database.store.name)):
                return database
        return None

    def play_script(
        self, name: bytes, records: dict[bytes, bytes]
    ) -> tuple[str, dict[bytes, bytes]]:
        """Run a script function; return its verdict (an ``RV`` name) and its answer."""
        with self.lock:
            self.counters["script"] += 1
            if self.scripts is None:
                return "RVENOIMPL", {}
            return self.scripts.call(name, records)

    def close(self) -> None:
        """Close the databases."""
        with self.lock:
            for database in self.databases:
                database.store.close()


class TycoonSession:
    """One connection: each request's first byte says which protocol it speaks."""

    def __init__(self, server: TycoonServer) -> None:
        self._server = server
        self._rpc = RpcSession(server)
        self._handlers: dict[int, Callable[[Connection], bytes]] = {
            wire.GET_BULK: self._get_bulk,
            wire.SET_BULK: self._set_bulk,
            wire.REMOVE_BULK: self._remove_bulk,
            wire.PLAY_SCRIPT: self._play_script,
        }
        with server.lock:
            server.connections += 1

    def close(self) -> None:
        """Forget the connection's cursors."""
        with self._server.lock:
            self._server.connections -= 1

    def serve_one(self, connection: Connection) -> bytes | None:
        """Serve one request of either protocol."""
        if self._rpc.finished:
            return None
        connection.fill(1)
        first = connection.buffer[connection.position]
        if 0 < first < 0x80:
            return self._rpc.serve_one(connection)
        handler = self._handlers.get(first)
        if handler is None:
            return None
        try:
            return handler(connection)
        except sqlite3.Error as exc:
            # The disk is full, say.  Hanging up is right for requests with and without a reply.
            sys.stderr.write(f"ktserver: {exc}\n")
            return None

    def _get_bulk(self, connection: Connection) -> bytes:
        server = self._server
        wanted = self._read_keys(connection)[1]
        parts = [b""]
        with server.lock:
            for index, key in wanted:
                database = server.database(index)
                item = None if database is None else database.store.get(key)
                if item is None:
                    server.counters["get_misses"] += 1
                    continue
                value, expiry = item
                xt = EXPIRY_MAX if expiry is None else expiry
                parts += (wire.SET_RECORD.pack(index, len(key), len(value), xt), key, value)
            server.counters["get"] += len(wanted)
        parts[0] = wire.REPLY.pack(wire.GET_BULK, len(parts) // 3)
        return b"".join(parts)

    def _set_bulk(self, connection: Connection) -> bytes:
        server = self._server
        _, flags, count = connection.unpack(wire.HEAD)
        records: dict[int, list[tuple[bytes, bytes, int]]] = {}
        for _ in range(count):
            index, key_size, value_size, xt = connection.unpack(wire.SET_RECORD)
            check_size(key_size, "key")
            check_size(value_size, "value")
            both = connection.take(key_size + value_size)
            records.setdefault(index, []).append((both[:key_size], both[key_size:], xt))
        hits = 0
        with server.lock:
            for index, wanted in records.items():
                database = server.database(index)
                if database is None:
                    continue
                with database.store.transaction():
                    for key, value, xt in wanted:
                        database.store.put(key, value, absolute_expiry(xt))
                hits += len(wanted)
            server.counters["set"] += hits
        return b"" if flags & wire.NO_REPLY else wire.REPLY.pack(wire.SET_BULK, hits)

    def _remove_bulk(self, connection: Connection) -> bytes:
        server = self._server
        flags, wanted = self._read_keys(connection)
        records: dict[int, list[bytes]] = {}
        for index, key in wanted:
            records.setdefault(index, []).append(key)
        hits = 0
        with server.lock:
            for index, keys in records.items():
                database = server.database(index)
                if database is None:
                    continue
                with database.store.transaction():
                    hits += sum(map(database.store.delete, keys))
            server.counters["remove"] += len(wanted)
            server.counters["remove_misses"] += len(wanted) - hits
        return b"" if flags & wire.NO_REPLY else wire.REPLY.pack(wire.REMOVE_BULK, hits)

    def _read_keys(self, connection: Connection) -> tuple[int, list[tuple[int, bytes]]]:
        _, flags, count = connection.unpack(wire.HEAD)
        wanted = []
        for _ in range(count):
            index, size = connection.unpack(wire.KEY_RECORD)
            wanted.append((index, connection.take(check_size(size, "key"))))
        return flags, wanted

    def _play_script(self, connection: Connection) -> bytes:
        _, flags, name_size, count = connection.unpack(wire.SCRIPT_HEAD)
        name = connection.take(check_size(name_size, "name"))
        records = {}
        for _ in range(count):
            key_size, value_size = connection.unpack(wire.SCRIPT_PAIR)
            key = connection.take(check_size(key_size, "key"))
            records[key] = connection.take(check_size(value_size, "value"))
        verdict, answer = self._server.play_script(name, records)
        if flags & wire.NO_REPLY:
            return b""
        if verdict != "RVSUCCESS":
            return bytes([wire.ERROR])
        parts = [wire.REPLY.pack(wire.PLAY_SCRIPT, len(answer))]
        for key, value in answer.items():
            parts += (wire.SCRIPT_PAIR.pack(len(key), len(value)), key, value)
        return b"".join(parts)
