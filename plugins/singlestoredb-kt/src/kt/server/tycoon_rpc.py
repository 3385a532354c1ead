"""The procedures of TSV-RPC in the built-in Kyoto Tycoon server."""

from __future__ import annotations

import os
import platform
import sqlite3
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from kt._connection import Connection

from . import process
from .http import Request, read_request, write_response
from .store import Item, Position
from .tycoon_db import (
    LogicalError,
    TycoonDatabase,
    absolute_expiry,
    leading_decimal,
    leading_integer,
    no_record,
)

if TYPE_CHECKING:
    from .tycoon import TycoonServer

Records = dict[bytes, bytes]
VERSION = "0.9.56"
"""Version of Kyoto Tycoon whose behaviour is served."""

_SCRIPT_STATUS = {
    "RVSUCCESS": 200,
    "RVELOGIC": 450,
    "RVEINVALID": 400,
    "RVENOIMPL": 501,
    "RVEINTERNAL": 500,
}


_COUNTERS = (
    *("get", "get_misses", "misc", "remove", "remove_misses"),
    *("script", "set", "set_misses"),
)


class RpcError(Exception):
    """The request fails with a status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Cursor:
    """A cursor of one connection: a database and a place in it, if it has been put somewhere."""

    def __init__(self, database: TycoonDatabase, position: Position | None) -> None:
        self.database = database
        self.position = position

    def current(self) -> tuple[Position, bytes, Item]:
        """Return the place with its key and record; LogicalError past the end."""
        position = self.position
        key = None if position is None else position.key()
        item = None if key is None else self.database.store.get(key)
        if position is None or key is None or item is None:
            raise no_record()
        return position, key, item


class RpcSession:
    """The RPC side of one connection, with its cursors."""

    def __init__(self, server: TycoonServer) -> None:
        self._server = server
        self._cursors: dict[int, _Cursor] = {}
        self.finished = False
        """Whether the client asked for the connection to be closed."""

    def serve_one(self, connection: Connection) -> bytes:
        """Serve one HTTP request."""
        request = read_request(connection)
        self.finished = not request.keep_alive
        if request.refusal is not None:
            status, message = request.refusal
            return write_response(status, [(b"ERROR", message.encode())], request.keep_alive)
        try:
            answer = self._call(request)
            return write_response(200, answer.items(), request.keep_alive)
        except LogicalError as exc:
            status, message = 450, str(exc)
        except RpcError as exc:
            status, message = exc.status, str(exc)
        except sqlite3.Error as exc:
            status, message = 500, f"DB: {exc}"
        return write_response(status, [(b"ERROR", message.encode())], request.keep_alive)

    def _call(self, request: Request) -> Records:
        procedure = _PROCEDURES.get(request.procedure)
        if procedure is None:
            raise RpcError(501, f"not implemented: {request.procedure}")
        with self._server.lock:
            return procedure(self, request.records)

    # -- parameters --------------------------------------------------------------------------

    def _database(self, records: Records) -> TycoonDatabase:
        database = self._server.find(records.get(b"DB", b"0"))
        if database is None:
            raise RpcError(400, "no such database")
        return database

    def _cursor(self, records: Records) -> _Cursor:
        try:
            return self._cursors[leading_integer(_required(records, b"CUR"))]
        except KeyError:
            raise RpcError(400, "no such cursor") from None

    # -- the server --------------------------------------------------------------------------

    def void(self, records: Records) -> Records:
        return {}

    def echo(self, records: Records) -> Records:
        return records

    def report(self, records: Records) -> Records:
        server = self._server
        stores = [database.store for database in server.databases]
        user, system, *_ = os.times()
        memory_size, memory_resident = process.memory()
        fields: dict[str, object] = {f"cnt_{name}": server.counters[name] for name in _COUNTERS}
        fields |= {
            "conf_kc_features": "(built-in server)",
            "conf_kc_version": "1.2.76",
            "conf_kt_features": "(built-in server)",
            "conf_kt_version": VERSION,
            "conf_os_name": platform.system(),
            "db_total_count": sum(store.count() for store in stores),
            "db_total_size": sum(store.size() for store in stores),
            "serv_conn_count": server.connections,
            "serv_current_time": f"{time.time():.6f}",
            "serv_proc_id": os.getpid(),
            "serv_running_term": f"{time.time() - server.started:.6f}",
            "serv_task_count": 0,
            "serv_thread_count": server.connections,
            "sys_mem_rss": memory_resident,
            "sys_mem_size": memory_size,
            "sys_ru_stime": f"{system:.6f}",
            "sys_ru_utime": f"{user:.6f}",
        }
        for index, store in enumerate(stores):
            fields[f"db_{index}"] = f"count={store.count()} size={store.size()} path={store.name}"
        return {name.encode(): str(value).encode() for name, value in fields.items()}

    def status(self, records: Records) -> Records:
        fields = self._database(records).status()
        return {name: str(value).encode() for name, value in fields.items()}

    def clear(self, records: Records) -> Records:
        self._database(records).store.clear()
        return {}

    def synchronize(self, records: Records) -> Records:
        self._database(records).store.sync()
        return {}

    def vacuum(self, records: Records) -> Records:
        # Expired records are dropped as soon as anybody could see them.
        self._database(records).store.count()
        return {}

    def ulog(self, records: Records) -> Records:
        raise RpcError(400, "no update log allows no update log")

    # -- records -----------------------------------------------------------------------------

    def set(self, records: Records) -> Records:
        self._server.counters["set"] += 1
        self._database(records).store.put(*_record(records))
        return {}

    def add(self, records: Records) -> Records:
        self._server.counters["set"] += 1
        self._database(records).add(*_record(records))
        return {}

    def replace(self, records: Records) -> Records:
        self._server.counters["set"] += 1
        self._database(records).replace(*_record(records))
        return {}

    def append(self, records: Records) -> Records:
        self._server.counters["set"] += 1
        self._database(records).append(*_record(records))
        return {}

    def increment(self, records: Records) -> Records:
        num = leading_integer(_required(records, b"num"))
        key = _required(records, b"key")
        total = self._database(records).increment(key, num, records.get(b"orig"), _expiry(records))
        return {b"num": b"%d" % total}

    def increment_double(self, records: Records) -> Records:
        num = leading_decimal(_required(records, b"num"))
        key = _required(records, b"key")
        total = self._database(records).increment_double(
            key, num, records.get(b"orig"), _expiry(records)
        )
        return {b"num": b"%f" % total}

    def cas(self, records: Records) -> Records:
        key = _required(records, b"key")
        old, new = records.get(b"oval"), records.get(b"nval")
        self._database(records).cas(key, old, new, _expiry(records))
        return {}

    def remove(self, records: Records) -> Records:
        self._server.counters["remove"] += 1
        if not self._database(records).store.delete(_required(records, b"key")):
            self._server.counters["remove_misses"] += 1
            raise no_record()
        return {}

    def get(self, records: Records) -> Records:
        item = self._get(records)[1]
        return {b"value": item.value, **_xt(item)}

    def check(self, records: Records) -> Records:
        item = self._get(records)[1]
        return {b"vsiz": b"%d" % len(item.value), **_xt(item)}

    def seize(self, records: Records) -> Records:
        key, item = self._get(records)
        self._database(records).store.delete(key)
        return {b"value": item.value, **_xt(item)}

    def _get(self, records: Records) -> tuple[bytes, Item]:
        key = _required(records, b"key")
        item = self._database(records).store.get(key)
        self._server.counters["get"] += 1
        if item is None:
            self._server.counters["get_misses"] += 1
            raise no_record()
        return key, item

    def set_bulk(self, records: Records) -> Records:
        store = self._database(records).store
        expiry = _expiry(records)
        pairs = _underscored(records)
        with store.transaction():
            for key, value in pairs.items():
                store.put(key, value, expiry)
        return {b"num": b"%d" % len(pairs)}

    def get_bulk(self, records: Records) -> Records:
        store = self._database(records).store
        found = {key: store.get(key) for key in _underscored(records)}
        answer = {b"_" + key: item.value for key, item in found.items() if item is not None}
        return {b"num": b"%d" % len(answer), **answer}

    def remove_bulk(self, records: Records) -> Records:
        store = self._database(records).store
        with store.transaction():
            return {b"num": b"%d" % sum(store.delete(key) for key in _underscored(records))}

    def match_prefix(self, records: Records) -> Records:
        prefix = _required(records, b"prefix")
        return _ranked(self._database(records).match_prefix(prefix, _limit(records)))

    def match_regex(self, records: Records) -> Records:
        regex = _required(records, b"regex")
        return _ranked(self._database(records).match_regex(regex, _limit(records)))

    def match_similar(self, records: Records) -> Records:
        origin = _required(records, b"origin")
        distance = leading_integer(records.get(b"range", b"1"))
        utf = b"utf" in records
        found = self._database(records).match_similar(origin, distance, utf, _limit(records))
        return _ranked(found)

    def play_script(self, records: Records) -> Records:
        if self._server.scripts is None:
            raise RpcError(501, "the scripting extention is disabled")
        name = _required(records, b"name")
        verdict, answer = self._server.play_script(name, _underscored(records))
        if verdict != "RVSUCCESS":
            raise RpcError(_SCRIPT_STATUS[verdict], f"the script function returned kt.{verdict}")
        return {b"_" + key: value for key, value in answer.items()}

    # -- cursors -----------------------------------------------------------------------------

    def cur_jump(self, records: Records) -> Records:
        return self._jump(records, back=False)

    def cur_jump_back(self, records: Records) -> Records:
        return self._jump(records, back=True)

    def _jump(self, records: Records, back: bool) -> Records:
        database = self._database(records)
        if back:
            _require_order(database)
        position = database.store.position(records.get(b"key"), back)
        self._cursors[leading_integer(_required(records, b"CUR"))] = _Cursor(database, position)
        if position is None:
            raise no_record()
        return {}

    def cur_step(self, records: Records) -> Records:
        position, _, _ = self._cursor(records).current()
        if not position.step():
            raise no_record()
        return {}

    def cur_step_back(self, records: Records) -> Records:
        cursor = self._cursor(records)
        _require_order(cursor.database)
        position, _, _ = cursor.current()
        if not position.step_back():
            raise no_record()
        return {}

    def cur_get_key(self, records: Records) -> Records:
        return {b"key": self._cur_get(records)[0]}

    def cur_get_value(self, records: Records) -> Records:
        return {b"value": self._cur_get(records)[1].value}

    def cur_get(self, records: Records) -> Records:
        key, item = self._cur_get(records)
        return {b"key": key, b"value": item.value, **_xt(item)}

    def _cur_get(self, records: Records) -> tuple[bytes, Item]:
        position, key, item = self._cursor(records).current()
        if b"step" in records:
            position.step()
        return key, item

    def cur_set_value(self, records: Records) -> Records:
        cursor = self._cursor(records)
        position, key, _ = cursor.current()
        cursor.database.store.put(key, _required(records, b"value"), _expiry(records))
        if b"step" in records:
            position.step()
        return {}

    def cur_remove(self, records: Records) -> Records:
        cursor = self._cursor(records)
        _, key, _ = cursor.current()
        cursor.database.store.delete(key)
        return {}

    def cur_seize(self, records: Records) -> Records:
        cursor = self._cursor(records)
        _, key, item = cursor.current()
        cursor.database.store.delete(key)
        return {b"key": key, b"value": item.value, **_xt(item)}

    def cur_delete(self, records: Records) -> Records:
        self._cursor(records)
        del self._cursors[leading_integer(records[b"CUR"])]
        return {}


def _required(records: Records, name: bytes) -> bytes:
    try:
        return records[name]
    except KeyError:
        raise RpcError(400, "invalid parameters") from None


def _expiry(records: Records) -> int | None:
    xt = records.get(b"xt")
    return None if xt is None else absolute_expiry(leading_integer(xt))


def _record(records: Records) -> tuple[bytes, bytes, int | None]:
    return _required(records, b"key"), _required(records, b"value"), _expiry(records)


def _xt(item: Item) -> Records:
    return {} if item.expiry is None else {b"xt": b"%d" % item.expiry}


def _limit(records: Records) -> int:
    return leading_integer(records[b"max"]) if b"max" in records else -1


def _underscored(records: Records) -> Records:
    return {name[1:]: value for name, value in records.items() if name.startswith(b"_")}


def _ranked(keys: Iterable[bytes]) -> Records:
    ranks = {b"_" + key: b"%d" % rank for rank, key in enumerate(keys)}
    return {b"num": b"%d" % len(ranks), **ranks}


def _require_order(database: TycoonDatabase) -> None:
    if not database.store.ordered:
        raise RpcError(501, "not implemented: backward cursors on an unordered database")


_PROCEDURES: dict[str, Callable[[RpcSession, Records], Records]] = {
    function.__name__: function
    for function in (
        RpcSession.void,
        RpcSession.echo,
        RpcSession.report,
        RpcSession.status,
        RpcSession.clear,
        RpcSession.synchronize,
        RpcSession.vacuum,
        RpcSession.set,
        RpcSession.add,
        RpcSession.replace,
        RpcSession.append,
        RpcSession.increment,
        RpcSession.increment_double,
        RpcSession.cas,
        RpcSession.remove,
        RpcSession.get,
        RpcSession.check,
        RpcSession.seize,
        RpcSession.set_bulk,
        RpcSession.get_bulk,
        RpcSession.remove_bulk,
        RpcSession.match_prefix,
        RpcSession.match_regex,
        RpcSession.match_similar,
        RpcSession.play_script,
        RpcSession.cur_jump,
        RpcSession.cur_jump_back,
        RpcSession.cur_step,
        RpcSession.cur_step_back,
        RpcSession.cur_get_key,
        RpcSession.cur_get_value,
        RpcSession.cur_get,
        RpcSession.cur_set_value,
        RpcSession.cur_remove,
        RpcSession.cur_seize,
        RpcSession.cur_delete,
    )
}
_PROCEDURES |= {"ulog_list": RpcSession.ulog, "ulog_remove": RpcSession.ulog}
