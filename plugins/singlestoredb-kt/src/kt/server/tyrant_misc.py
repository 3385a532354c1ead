"""The misc functions of the built-in Tokyo Tyrant server."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from .posix_regex import compile_posix
from .sqlite_store import SqliteStore
from .tycoon_db import leading_integer

if TYPE_CHECKING:
    from .tyrant import TyrantServer

Elements = list[bytes]


class MiscError(Exception):
    """The function fails (status 01)."""


def _need(arguments: Elements, count: int) -> None:
    if len(arguments) < count:
        raise MiscError


def _put(server: TyrantServer, arguments: Elements) -> Elements:
    _need(arguments, 2)
    server.store.put(arguments[0], arguments[1])
    return []


def _putkeep(server: TyrantServer, arguments: Elements) -> Elements:
    _need(arguments, 2)
    if server.store.get(arguments[0]) is not None:
        server.last_error = "21: existing record"
        raise MiscError
    return _put(server, arguments)


def _putcat(server: TyrantServer, arguments: Elements) -> Elements:
    _need(arguments, 2)
    old = server.store.get(arguments[0])
    server.store.put(arguments[0], (old.value if old else b"") + arguments[1])
    return []


def _put_duplicate(server: TyrantServer, arguments: Elements, back: bool) -> Elements:
    _need(arguments, 2)
    store = server.store
    if not (isinstance(store, SqliteStore) and store.ordered and store.persistent):
        raise MiscError
    store.put_duplicate(arguments[0], arguments[1], back)
    return []


def _putdup(server: TyrantServer, arguments: Elements) -> Elements:
    return _put_duplicate(server, arguments, back=False)


def _putdupback(server: TyrantServer, arguments: Elements) -> Elements:
    return _put_duplicate(server, arguments, back=True)


def _out(server: TyrantServer, arguments: Elements) -> Elements:
    _need(arguments, 1)
    if not server.store.delete(arguments[0]):
        server.miss()
        raise MiscError
    return []


def _value(server: TyrantServer, key: bytes) -> bytes:
    item = server.store.get(key)
    if item is None:
        server.miss()
        raise MiscError
    return item.value


def _get(server: TyrantServer, arguments: Elements) -> Elements:
    _need(arguments, 1)
    return [_value(server, arguments[0])]


def _putlist(server: TyrantServer, arguments: Elements) -> Elements:
    with server.store.transaction():
        for key, value in zip(arguments[::2], arguments[1::2], strict=False):
            server.store.put(key, value)
    return []


def _outlist(server: TyrantServer, arguments: Elements) -> Elements:
    with server.store.transaction():
        for key in arguments:
            server.store.delete(key)
    return []


def _getlist(server: TyrantServer, arguments: Elements) -> Elements:
    found: Elements = []
    for key in arguments:
        item = server.store.get(key)
        if item is not None:
            found += (key, item.value)
    return found


def _getpart(server: TyrantServer, arguments: Elements) -> Elements:
    _need(arguments, 1)
    offset = max(0, leading_integer(arguments[1])) if len(arguments) > 1 else 0
    length = leading_integer(arguments[2]) if len(arguments) > 2 else -1
    value = _value(server, arguments[0])
    if offset >= len(value):
        raise MiscError
    return [value[offset:] if length < 0 else value[offset : offset + length]]


def _iterinit(server: TyrantServer, arguments: Elements) -> Elements:
    store = server.store
    position = store.position(arguments[0] if arguments else None)
    if position is not None or not arguments:
        server.iterator = position
    elif store.persistent:
        # No such place: the file databases say so and stay where they are ...
        server.miss()
        raise MiscError
    elif not store.ordered:
        # ... the hash in memory goes to its end, and the tree in memory keeps the old place.
        server.iterator = None
    return []


def _iternext(server: TyrantServer, arguments: Elements) -> Elements:
    key = None if server.iterator is None else server.iterator.key()
    if server.iterator is None or key is None:
        server.miss()
        raise MiscError
    value = _value(server, key)
    server.iterator.step()
    return [key, value]


def _sync(server: TyrantServer, arguments: Elements) -> Elements:
    server.store.sync()
    return []


def _optimize(server: TyrantServer, arguments: Elements) -> Elements:
    return []


def _vanish(server: TyrantServer, arguments: Elements) -> Elements:
    server.store.clear()
    return []


def _regex(server: TyrantServer, arguments: Elements) -> Elements:
    _need(arguments, 1)
    pattern = arguments[0]
    limit = leading_integer(arguments[1]) if len(arguments) > 1 else -1
    ignore_case = pattern.startswith(b"*")
    try:
        search = compile_posix(pattern[ignore_case:], ignore_case).search
    except ValueError:
        server.last_error = "2: invalid operation"
        raise MiscError from None
    keys = [key for key in server.store if search(key)]
    return _getlist(server, keys[:limit] if limit > 0 else keys)


def _range(server: TyrantServer, arguments: Elements) -> Elements:
    store = server.store
    if not (isinstance(store, SqliteStore) and store.ordered):
        raise MiscError
    start = arguments[0] if arguments else b""
    limit = leading_integer(arguments[1]) if len(arguments) > 1 else -1
    stop = arguments[2] if len(arguments) > 2 else None
    records = store.range(start, stop, limit if limit > 0 else -1)
    return [element for record in records for element in record]


def _error(server: TyrantServer, arguments: Elements) -> Elements:
    if not server.store.persistent:
        raise MiscError
    return [server.last_error.encode()]


def _on_file(server: TyrantServer, arguments: Elements) -> Elements:
    if not server.store.persistent:
        raise MiscError
    return []


def _defrag(server: TyrantServer, arguments: Elements) -> Elements:
    store = server.store
    if not (isinstance(store, SqliteStore) and store.persistent):
        raise MiscError
    store.compact()
    return []


def _genuid(server: TyrantServer, arguments: Elements) -> Elements:
    server.last_id = max(server.last_id + 1, time.time_ns() // 1000)
    return [b"%d" % server.last_id]


FUNCTIONS: dict[bytes, Callable[[TyrantServer, Elements], Elements]] = {
    b"put": _put,
    b"putkeep": _putkeep,
    b"putcat": _putcat,
    b"putdup": _putdup,
    b"putdupback": _putdupback,
    b"out": _out,
    b"get": _get,
    b"putlist": _putlist,
    b"outlist": _outlist,
    b"getlist": _getlist,
    b"getpart": _getpart,
    b"iterinit": _iterinit,
    b"iternext": _iternext,
    b"sync": _sync,
    b"optimize": _optimize,
    b"vanish": _vanish,
    b"regex": _regex,
    b"range": _range,
    b"error": _error,
    b"defrag": _defrag,
    b"cacheclear": _on_file,
    b"genuid": _genuid,
}
"""By name; each is called under the server's lock.  Those of table databases are absent."""
