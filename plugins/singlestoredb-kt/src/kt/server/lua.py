"""Lua scripts of both built-in servers, by way of the package lupa.

A script file defines global functions.  They run one at a time in one interpreter; a script is as
trusted as the program that starts the server.  Strings are bytes on both sides.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kt.exceptions import ImproperlyConfigured

from .store import Position
from .tycoon_db import LogicalError, TycoonDatabase, absolute_expiry, leading_integer

if TYPE_CHECKING:
    from .tyrant import TyrantServer

MISSING_LUPA = (
    "Lua scripts on the built-in server need the package lupa: pip install 'singlestoredb-kt[lua]'"
)


def _make_runtime() -> Any:
    """Return a Lua interpreter: 5.1 as in the real servers if this lupa has it."""
    for module in ("lupa.lua51", "lupa"):
        try:
            lupa = importlib.import_module(module)
        except ImportError:
            continue

        def deny(obj: object, name: object, setting: bool) -> str:
            raise AttributeError("Python objects have no attributes in Lua")

        runtime = lupa.LuaRuntime(
            encoding=None,
            source_encoding="utf-8",
            register_eval=False,
            register_builtins=False,
            unpack_returned_tuples=True,
            attribute_filter=deny,
        )
        runtime.execute("python, package.loaded.python = nil, nil")
        return runtime
    raise ImproperlyConfigured(MISSING_LUPA)


class _Script:
    """A loaded script file."""

    def __init__(self, runtime: Any, path: str) -> None:
        self._globals = runtime.globals()
        # Clients may call what the script defines, but not Lua's own dofile, os and the like.
        self._builtins = frozenset(self._globals.keys())
        try:
            runtime.execute(Path(path).read_bytes())
        except Exception as exc:
            raise ImproperlyConfigured(f"cannot load the script {path!r}: {exc}") from exc

    def function(self, name: bytes) -> Callable[..., Any] | None:
        """Return a function that the script defines."""
        value = None if name in self._builtins else self._globals[name]
        return value if callable(value) else None


def text(value: Any) -> bytes:
    """Return what Lua's tostring makes of a value, as bytes."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return b"%d" % int(value)
    if isinstance(value, float):
        return b"%.14g" % value
    return str(value).encode()


def _report(message: object) -> None:
    sys.stderr.write(f"script: {message}\n")


class TycoonScripts:
    """A Kyoto Tycoon script: functions of an input and an output map that return a verdict."""

    def __init__(self, path: str, databases: Sequence[TycoonDatabase]) -> None:
        self._runtime = _make_runtime()
        self._table = self._runtime.table_from
        self._verdicts = ("RVSUCCESS", "RVENOIMPL", "RVEINVALID", "RVELOGIC", "RVEINTERNAL")
        bindings = [_DatabaseBinding(self._runtime, database) for database in databases]
        tables = [binding.table for binding in bindings]
        names: dict[bytes, Any] = {
            verdict.encode(): number for number, verdict in enumerate(self._verdicts)
        }
        names |= {
            b"VERSION": b"0.9.56",
            b"db": tables[0],
            b"dbs": self._table(tables),
            b"log": lambda kind, message: _report(text(message).decode("utf-8", "replace")),
            b"time": time.time,
        }
        self._runtime.globals()[b"__kyototycoon__"] = self._table(names)
        self._runtime.globals()[b"kt"] = self._runtime.globals()[b"__kyototycoon__"]
        self._script = _Script(self._runtime, path)

    def call(self, name: bytes, records: dict[bytes, bytes]) -> tuple[str, dict[bytes, bytes]]:
        """Call a function; return its verdict and output map (empty unless it succeeded)."""
        function = self._script.function(name)
        if function is None:
            return "RVENOIMPL", {}
        output = self._runtime.table()
        try:
            verdict = function(self._table(records), output)
        except Exception as exc:
            # Whatever a script does wrong is the script's failure, not the server's.
            _report(f"{name.decode('utf-8', 'replace')}: {exc}")
            return "RVEINTERNAL", {}
        if not isinstance(verdict, (int, float)) or not 0 <= verdict < len(self._verdicts):
            return "RVEINTERNAL", {}
        if verdict != 0:
            return self._verdicts[int(verdict)], {}
        return "RVSUCCESS", {text(key): text(value) for key, value in output.items()}


class _DatabaseBinding:
    """A database as Lua sees it: ``db:get(key)`` and so on."""

    def __init__(self, runtime: Any, database: TycoonDatabase) -> None:
        self._runtime = runtime
        self._database = database
        methods = (
            "set add replace append get check remove seize increment increment_double cas clear "
            "count size match_prefix match_regex set_bulk get_bulk remove_bulk cursor"
        )
        self.table = runtime.table_from(
            {name.encode(): self._method(getattr(self, name)) for name in methods.split()}
        )

    def _method(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Drop Lua's ``self`` and turn a failed condition into false."""

        def method(table: Any, *arguments: Any) -> Any:
            try:
                return function(*arguments)
            except LogicalError:
                return False

        return method

    def _expiry(self, xt: Any) -> int | None:
        return None if xt is None else absolute_expiry(int(xt))

    def set(self, key: Any, value: Any, xt: Any = None) -> bool:
        self._database.store.put(text(key), text(value), self._expiry(xt))
        return True

    def add(self, key: Any, value: Any, xt: Any = None) -> bool:
        self._database.add(text(key), text(value), self._expiry(xt))
        return True

    def replace(self, key: Any, value: Any, xt: Any = None) -> bool:
        self._database.replace(text(key), text(value), self._expiry(xt))
        return True

    def append(self, key: Any, value: Any, xt: Any = None) -> bool:
        self._database.append(text(key), text(value), self._expiry(xt))
        return True

    def get(self, key: Any) -> Any:
        item = self._database.store.get(text(key))
        return None if item is None else item.value

    def check(self, key: Any) -> int:
        item = self._database.store.get(text(key))
        return -1 if item is None else len(item.value)

    def remove(self, key: Any) -> bool:
        return self._database.store.delete(text(key))

    def seize(self, key: Any) -> Any:
        value = self.get(key)
        self._database.store.delete(text(key))
        return value

    def increment(self, key: Any, num: Any, orig: Any = None, xt: Any = None) -> int:
        start = None if orig is None else text(orig)
        return self._database.increment(
            text(key), leading_integer(text(num)), start, self._expiry(xt)
        )

    def increment_double(self, key: Any, num: Any, orig: Any = None, xt: Any = None) -> float:
        start = None if orig is None else text(orig)
        return self._database.increment_double(text(key), float(num), start, self._expiry(xt))

    def cas(self, key: Any, old: Any, new: Any, xt: Any = None) -> bool:
        self._database.cas(
            text(key),
            None if old is None else text(old),
            None if new is None else text(new),
            self._expiry(xt),
        )
        return True

    def clear(self) -> bool:
        self._database.store.clear()
        return True

    def count(self) -> int:
        return self._database.store.count()

    def size(self) -> int:
        return self._database.store.size()

    def match_prefix(self, prefix: Any, limit: Any = -1) -> Any:
        found = self._database.match_prefix(text(prefix), int(limit))
        return self._runtime.table_from(found)

    def match_regex(self, regex: Any, limit: Any = -1) -> Any:
        return self._runtime.table_from(self._database.match_regex(text(regex), int(limit)))

    def set_bulk(self, records: Any, xt: Any = None) -> int:
        pairs = [(text(key), text(value)) for key, value in records.items()]
        for key, value in pairs:
            self._database.store.put(key, value, self._expiry(xt))
        return len(pairs)

    def get_bulk(self, keys: Any) -> Any:
        found = {}
        for key in keys.values():
            item = self._database.store.get(text(key))
            if item is not None:
                found[text(key)] = item.value
        return self._runtime.table_from(found)

    def remove_bulk(self, keys: Any) -> int:
        return sum(self._database.store.delete(text(key)) for key in list(keys.values()))

    def cursor(self) -> Any:
        return _CursorBinding(self._runtime, self._database).table


class _CursorBinding:
    """A cursor as Lua sees it: ``cur:jump()``, ``cur:get(true)`` and so on."""

    def __init__(self, runtime: Any, database: TycoonDatabase) -> None:
        self._store = database.store
        self._position: Position | None = None
        self.table = runtime.table_from(
            {
                b"jump": self.jump,
                b"step": self.step,
                b"get": self.get,
                b"get_key": self.get_key,
                b"get_value": self.get_value,
                b"remove": self.remove,
            }
        )

    def _current(self) -> bytes | None:
        return None if self._position is None else self._position.key()

    def jump(self, table: Any, key: Any = None) -> bool:
        self._position = self._store.position(None if key is None else text(key))
        return self._position is not None

    def step(self, table: Any) -> bool:
        return self._position is not None and self._position.step()

    def get(self, table: Any, step: Any = False) -> Any:
        key = self._current()
        item = None if key is None else self._store.get(key)
        if item is None:
            return None
        if step:
            self.step(table)
        return key, item.value

    def get_key(self, table: Any, step: Any = False) -> Any:
        pair = self.get(table, step)
        return None if pair is None else pair[0]

    def get_value(self, table: Any, step: Any = False) -> Any:
        pair = self.get(table, step)
        return None if pair is None else pair[1]

    def remove(self, table: Any) -> bool:
        key = self._current()
        return key is not None and self._store.delete(key)


class TyrantScripts:
    """A Tokyo Tyrant script: functions of a key and a value that return the answer."""

    def __init__(self, path: str, server: TyrantServer) -> None:
        self._runtime = _make_runtime()
        self._server = server
        self._stash: dict[bytes, bytes] = {}
        store = server.store
        put, stash = store.put, self._stash

        def value_of(key: Any) -> Any:
            item = store.get(text(key))
            return None if item is None else item.value

        def set_one(key: Any, value: Any) -> bool:
            put(text(key), text(value))
            return True

        def keep(key: Any, value: Any) -> bool:
            return store.get(text(key)) is None and set_one(key, value)

        def stash_put(key: Any, value: Any) -> bool:
            stash[text(key)] = text(value)
            return True

        def misc(name: Any, *arguments: Any) -> Any:
            found, elements = server.misc(text(name), [text(argument) for argument in arguments])
            return self._runtime.table_from(elements) if found else None

        def prefixed(prefix: Any, limit: Any = -1) -> Any:
            found = list(store.keys(text(prefix)))
            return self._runtime.table_from(found if limit < 0 else found[: int(limit)])

        def vanish() -> bool:
            store.clear()
            return True

        bindings: dict[str, Callable[..., Any]] = {
            "_put": set_one,
            "_putkeep": keep,
            "_putcat": lambda key, value: set_one(key, (value_of(key) or b"") + text(value)),
            "_out": lambda key: store.delete(text(key)),
            "_get": value_of,
            "_vsiz": lambda key: -1 if value_of(key) is None else len(value_of(key)),
            "_fwmkeys": prefixed,
            "_addint": lambda key, number: server.add_integer(text(key), int(number)),
            "_adddouble": lambda key, number: server.add_double(text(key), float(number)),
            "_vanish": vanish,
            "_rnum": store.count,
            "_size": store.size,
            "_misc": misc,
            "_stashput": stash_put,
            "_stashget": lambda key: stash.get(text(key)),
            "_stashout": lambda key: stash.pop(text(key), None) is not None,
            "_stashvanish": stash.clear,
            "_log": lambda message, level=None: _report(text(message).decode("utf-8", "replace")),
            "_time": time.time,
        }
        for name, function in bindings.items():
            self._runtime.globals()[name.encode()] = function
        self._script = _Script(self._runtime, path)

    def call(self, name: bytes, key: bytes, value: bytes) -> bytes | None:
        """Call a function; ``None`` if there is none or it returns nil or fails."""
        function = self._script.function(name)
        if function is None:
            return None
        try:
            result = function(key, value)
        except Exception as exc:
            # Whatever a script does wrong is the script's failure, not the server's.
            _report(f"{name.decode('utf-8', 'replace')}: {exc}")
            return None
        if isinstance(result, tuple):
            result = result[0] if result else None
        return None if result is None else text(result)
