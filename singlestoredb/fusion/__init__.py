"""Fusion SQL: commands in SQL that Python answers, on the client's side.

Subclass :class:`SQLHandler`, and offer the class through the entry-point group
``singlestoredb.fusion`` (hook ``s2_fusion_handlers``) or, within a process, with
``MyHandler.register()``.  Commands answer once the option ``fusion.enabled`` is on.

Importing this package does not import lark; the first statement of a command does.
"""

from __future__ import annotations

from singlestoredb_hookspecs import hookimpl

from .handler import SQLHandler
from .registry import execute, find, get_handler, handlers
from .result import (
    BLOB,
    BOOL,
    DATE,
    DATETIME,
    DOUBLE,
    INTEGER,
    JSON,
    STRING,
    FusionSQLResult,
)

__all__ = [
    "BLOB",
    "BOOL",
    "DATE",
    "DATETIME",
    "DOUBLE",
    "INTEGER",
    "JSON",
    "STRING",
    "FusionSQLResult",
    "SQLHandler",
    "execute",
    "find",
    "get_handler",
    "handlers",
    "hookimpl",
]
