"""What exists: databases, tables with their declared columns and keys, views.

The catalog is the only source for SHOW, ``information_schema`` and the binding of names.  Each
object's definition is kept as JSON in the table ``__s2.objects`` of the same file, written in the
transaction that makes the object, and read when the file is opened.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from .errors import error
from .types import AUTO, MULTIPLE, PRIMARY, UNIQUE, SqlType

if TYPE_CHECKING:
    from .psql import CreateRoutine

SYSTEM_SCHEMA = "__s2"
INFORMATION_SCHEMA = "information_schema"


@dataclass
class ColumnDef:
    """One column of a table, as declared."""

    name: str
    type: SqlType
    nullable: bool = True
    default: str | None = None
    """Source of the DEFAULT expression; ``None`` when there is none."""
    on_update: str | None = None
    """Source of the ON UPDATE expression."""
    auto_increment: bool = False
    computed: str | None = None
    """Source of a computed column's expression."""
    comment: str = ""


@dataclass
class Key:
    """A key of a table."""

    kind: str
    """``PRIMARY``, ``UNIQUE``, ``KEY``, or an inert kind: ``SHARD``, ``SORT``, ``FULLTEXT``,
    ``VECTOR``, ``FOREIGN``."""
    name: str
    columns: list[str]
    text: str = ""
    """Source of the key as SHOW CREATE TABLE repeats it, when it differs from the plain form."""

    @property
    def is_unique(self) -> bool:
        """Whether two rows may not be equal in it."""
        return self.kind in ("PRIMARY", "UNIQUE")


@dataclass
class Table:
    """A table or a view."""

    database: str
    name: str
    columns: list[ColumnDef]
    keys: list[Key] = field(default_factory=list)
    kind: str = ""
    """``ROWSTORE``, ``REFERENCE``, ``ROWSTORE REFERENCE``, or empty."""
    temporary: bool = False
    view: str | None = None
    """Source of a view's query."""
    comment: str = ""
    next_auto: int | None = None
    """Next AUTO_INCREMENT value; ``None`` until it is known.  Not kept: found from the rows."""

    def __post_init__(self) -> None:
        self._by_name = {column.name.lower(): column for column in self.columns}

    def find(self, name: str) -> ColumnDef | None:
        """Return the column ``name``, whatever its case."""
        return self._by_name.get(name.lower())

    def column(self, name: str) -> ColumnDef:
        """Return the column ``name`` or raise 1054."""
        found = self.find(name)
        if found is None:
            raise error(1054, f"Unknown column '{name}' in 'field list'")
        return found

    @property
    def auto_column(self) -> ColumnDef | None:
        """The AUTO_INCREMENT column."""
        return next((c for c in self.columns if c.auto_increment), None)

    @property
    def computed_columns(self) -> list[ColumnDef]:
        """Columns whose values follow from the others."""
        return [c for c in self.columns if c.computed is not None]

    @property
    def unique_keys(self) -> list[Key]:
        """PRIMARY and UNIQUE keys, the primary one first."""
        return sorted((k for k in self.keys if k.is_unique), key=lambda k: k.kind != "PRIMARY")

    def key_of(self, column: str) -> str:
        """Return ``PRI``, ``UNI``, ``MUL`` or nothing, as SHOW COLUMNS marks a column."""
        name = column.lower()
        for key in self.unique_keys:
            names = [c.lower() for c in key.columns]
            if key.kind == "PRIMARY" and name in names:
                return "PRI"
            if names[0] == name:
                return "UNI" if len(names) == 1 else "MUL"
        for key in self.keys:
            if key.kind == "KEY" and key.columns and key.columns[0].lower() == name:
                return "MUL"
        return ""

    def flags(self, column: ColumnDef) -> int:
        """Return the column flags of the protocol that come from keys and options."""
        flags = {"PRI": PRIMARY, "UNI": UNIQUE, "MUL": MULTIPLE}.get(self.key_of(column.name), 0)
        return flags | (AUTO if column.auto_increment else 0)

    def to_json(self) -> str:
        """Return the definition for ``__s2.objects``."""
        data = asdict(self)
        del data["next_auto"]
        return json.dumps(data)

    @classmethod
    def from_json(cls, text: str) -> Table:
        """Read what ``to_json`` wrote."""
        data: dict[str, Any] = json.loads(text)
        columns = [
            ColumnDef(
                **{**c, "type": SqlType(**{**c["type"], "values": tuple(c["type"]["values"])})}
            )
            for c in data.pop("columns")
        ]
        keys = [Key(**k) for k in data.pop("keys")]
        return cls(columns=columns, keys=keys, **data)


@dataclass
class Routine:
    """A procedure or a function, kept as its source."""

    kind: str
    """``PROCEDURE``, ``FUNCTION`` or ``EXTERNAL FUNCTION``."""
    database: str
    name: str
    text: str
    """The CREATE statement from the word PROCEDURE, FUNCTION or EXTERNAL on."""
    backslash: bool = True
    """Whether a backslash escaped in its string literals."""
    parsed: CreateRoutine | None = None
    """The syntax tree, once it was needed."""
    number: int = 0
    """Number of an external function's counterpart in DuckDB; 0 until it was called."""

    def to_json(self) -> str:
        """Return the definition for ``__s2.objects``."""
        return json.dumps({"kind": self.kind, "text": self.text, "backslash": self.backslash})

    @classmethod
    def from_json(cls, database: str, name: str, text: str) -> Routine:
        """Read what ``to_json`` wrote."""
        data: dict[str, Any] = json.loads(text)
        return cls(data["kind"], database, name, data["text"], data["backslash"])


class Catalog:
    """Databases, tables and routines of one engine.

    Reads need no lock; changes come one at a time.
    """

    def __init__(self) -> None:
        self.databases: dict[str, dict[str, Table]] = {}
        self.routines: dict[tuple[str, str], Routine] = {}
        """(database, lower-case name) → procedure or function."""
        self.version = 0
        """Grows with every change: what was compiled under another one may be stale."""
        self._lock = threading.Lock()

    def load(self, rows: Iterable[tuple[str, str, str, str]]) -> None:
        """Fill from rows (kind, database, name, definition) of ``__s2.objects``."""
        tables = []
        for kind, database, name, definition in rows:
            if kind == "database":
                self.databases[database] = {}
            elif kind == "routine":
                routine = Routine.from_json(database, name, definition)
                self.routines[database, name.lower()] = routine
            else:
                tables.append(Table.from_json(definition))
        for table in tables:
            self.databases[table.database][table.name] = table

    def has_database(self, name: str) -> bool:
        """Whether the database exists; ``information_schema`` always does."""
        return name in self.databases or name.lower() == INFORMATION_SCHEMA

    def add_database(self, name: str) -> None:
        """Record a new database."""
        with self._lock:
            self.databases[name] = {}
            self.version += 1

    def drop_database(self, name: str) -> None:
        """Forget a database with everything in it."""
        with self._lock:
            del self.databases[name]
            for key in [key for key in self.routines if key[0] == name]:
                del self.routines[key]
            self.version += 1

    def find(self, database: str, name: str) -> Table | None:
        """Return a table or view, or ``None``."""
        return self.databases.get(database, {}).get(name)

    def put(self, table: Table) -> None:
        """Record a new or changed table."""
        with self._lock:
            self.databases[table.database][table.name] = table
            self.version += 1

    def remove(self, database: str, name: str) -> None:
        """Forget a table."""
        with self._lock:
            self.databases[database].pop(name, None)
            self.version += 1

    def routine(self, database: str, name: str) -> Routine | None:
        """Return a procedure or function, or ``None``."""
        return self.routines.get((database, name.lower()))

    def put_routine(self, routine: Routine) -> None:
        """Record a new or replaced procedure or function."""
        with self._lock:
            self.routines[routine.database, routine.name.lower()] = routine
            self.version += 1

    def remove_routine(self, routine: Routine) -> None:
        """Forget a procedure or function."""
        with self._lock:
            self.routines.pop((routine.database, routine.name.lower()), None)
            self.version += 1
