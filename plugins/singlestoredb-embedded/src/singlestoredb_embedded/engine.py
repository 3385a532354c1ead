"""DuckDB databases: opened once per file and process, shared by the sessions that use them.

Everything DuckDB-specific about opening, locking and closing is here.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import itertools
import os
import threading
import weakref
from typing import TYPE_CHECKING, Any

import duckdb

from singlestoredb.exceptions import OperationalError

from . import macros
from .cache import Cache
from .catalog import SYSTEM_SCHEMA, Catalog
from .lex import quote_identifier
from .locks import LockManager
from .variables import GLOBAL_DEFAULTS

if TYPE_CHECKING:
    from .catalog import Routine
    from .external import ExternalFunction
    from .psql import CreateRoutine
    from .session import Session

DEFAULT_DATABASE = "main"
"""The database that every engine has, and that a connection without one uses."""

_engines: dict[str, Engine] = {}
_engines_lock = threading.Lock()
_private = itertools.count(1)


def schema_of(database: str) -> str:
    """Return the DuckDB schema of a database, quoted.  The prefix keeps names such as ``main``
    or ``temp`` from meaning something else to DuckDB."""
    return quote_identifier(f"d.{database}")


class Engine:
    """One open database file, or one database in memory."""

    def __init__(self, key: str, path: str | None) -> None:
        self.key = key
        self.path = path
        self.catalog = Catalog()
        self.locks = LockManager()
        self.translations = Cache()
        self.constants: dict[Any, list[bytes]] = {}
        """Rows of constant queries as a front sends them, by query."""
        self.globals: dict[str, Any] = dict(GLOBAL_DEFAULTS)
        self.process = os.getpid()
        """The process that opened it, and the only one that may touch DuckDB's state of it."""
        self.users = 0
        """Sessions that hold the engine open."""
        self.sessions: weakref.WeakValueDictionary[int, Session] = weakref.WeakValueDictionary()
        self.ids = itertools.count(1)
        self._externals: dict[int, ExternalFunction] = {}
        """External functions that were called, by :attr:`Routine.number`."""
        self._externals_lock = threading.Lock()
        self.root = self._open()
        self._prepare()

    @property
    def place(self) -> str:
        """Where it is, for people: a path or ``memory``."""
        return self.path or "memory"

    def _open(self) -> duckdb.DuckDBPyConnection:
        config: dict[str, str | bool | int | float | list[str]] = {
            # Nothing is ever downloaded, and a Python variable is never read as a table.
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
        }
        try:
            return duckdb.connect(self.path or ":memory:", config=config)
        except duckdb.Error as exc:
            text = str(exc)
            if "lock" in text.lower():
                raise OperationalError(
                    1030,
                    f"The database file {self.path!r} is in use by another process",
                    "HY000",
                    hint="close it there, open another file, or let both programs use one "
                    f"process that serves it: s2 serve embedded --path {self.path}",
                ) from exc
            raise OperationalError(
                1030, f"Cannot open the database file {self.path!r}: {text.splitlines()[0]}",
                "HY000", hint="the folder must exist, and the file be one of this engine's",
            ) from exc  # fmt: skip

    def _prepare(self) -> None:
        run = self.root.execute
        run("SET TimeZone = 'UTC'")
        run(f"ATTACH ':memory:' AS {macros.CATALOG}")
        for statement in macros.statements():
            run(statement)
        run(f"CREATE SCHEMA IF NOT EXISTS {SYSTEM_SCHEMA}")
        run(
            f"CREATE TABLE IF NOT EXISTS {SYSTEM_SCHEMA}.objects (kind VARCHAR, "
            "database VARCHAR, name VARCHAR, definition VARCHAR)"
        )
        rows = run(f"SELECT * FROM {SYSTEM_SCHEMA}.objects").fetchall()
        if not rows:
            run(f"CREATE SCHEMA IF NOT EXISTS {schema_of(DEFAULT_DATABASE)}")
            run(
                f"INSERT INTO {SYSTEM_SCHEMA}.objects VALUES ('database', ?, ?, '')",
                [DEFAULT_DATABASE, DEFAULT_DATABASE],
            )
            rows = [("database", DEFAULT_DATABASE, DEFAULT_DATABASE, "")]
        self.catalog.load(rows)

    def external(self, routine: Routine, create: CreateRoutine) -> ExternalFunction:
        """Return what DuckDB calls an external function by; the first call makes it."""
        from .external import ExternalFunction

        with self._externals_lock:
            if not routine.number:
                number = len(self._externals) + 1
                self._externals[number] = ExternalFunction(create, self.root, number)
                routine.number = number
            return self._externals[routine.number]

    def close(self) -> None:
        """Close the file."""
        if self.process == os.getpid():
            self.root.close()

    def release(self) -> None:
        """Give up one use; the last one closes the file."""
        with _engines_lock:
            self.users -= 1
            if self.users == 0:
                _engines.pop(self.key, None)
                self.close()


def stream(relation: duckdb.DuckDBPyRelation, batch_rows: int | None = None) -> object:
    """Run ``relation`` and return the capsule of its Arrow stream.

    The method of the Arrow protocol has no say in the size of batches, which is a million rows.
    Where DuckDB's own way to it is as it was in 2.0, ``batch_rows`` limits them.
    """
    submit = getattr(relation, "_submit", None)
    if batch_rows is not None and submit is not None:
        with contextlib.suppress(AttributeError, TypeError):
            return submit("stream", batch_rows).arrow_capsule()
    return relation.__arrow_c_stream__()


def open_engine(path: str | None, name: str | None) -> Engine:
    """Open the file ``path``, the named database in memory ``name``, or a private one.

    Sessions of one process share the engine of a file or name; the last one that ends closes it,
    and a database in memory is then gone.  Raises ``OperationalError`` when the file cannot be
    opened.
    """
    if path is not None:
        key = "file:" + os.path.realpath(path)
    elif name:
        key = f"name:{name}"
    else:
        key = f"private:{next(_private)}"
    with _engines_lock:
        engine = _engines.get(key)
        if engine is None:
            if key in _inherited:
                raise OperationalError(
                    1030,
                    f"The database file {path!r} is in use by the process that this one was forked "
                    "from",
                    "HY000",
                    hint="close it before the fork, start the child by spawn, or let both programs "
                    "use one process that serves it",
                )
            engine = Engine(key, path)
            _engines[key] = engine
        engine.users += 1
        return engine


@atexit.register
def _close_all() -> None:
    # DuckDB 2 prints what leaked when the interpreter ends with connections open.
    with _engines_lock:
        engines = list(_engines.values())
        _engines.clear()
    for engine in engines:
        for session in list(engine.sessions.values()):
            session.abandon()
        engine.close()


_inherited: dict[str, Engine] = {}
"""What the parent of a fork had open, by its file.  DuckDB's threads did not survive the fork, and
its locks may be held for ever: in the child nothing may be done with it, not even to free it."""


def _after_fork() -> None:
    global _engines_lock
    _engines_lock = threading.Lock()
    for key, engine in _engines.items():
        keep = ctypes.pythonapi.Py_IncRef
        keep(ctypes.py_object(engine.root))  # the end of the interpreter would free it
        for session in engine.sessions.values():
            keep(ctypes.py_object(session.connection))
        if engine.path is not None:
            _inherited[key] = engine
    _engines.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
