"""Rows of the test server, kept and queried by SQLite.

StarRocks' statements are turned into SQLite's token by token, for what SQLAlchemy emits and simple
applications use. This is no StarRocks engine: what SQLite does not know fails with its message.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from starrocks.datatype import parse_date, parse_datetime
from starrocks.lex import Token, tokens
from starrocks.testing.catalog import Column, Table, TypeName
from starrocks.testing.protocol import Result, SQLError

# SQLite derives a column's affinity from parts of its type's name: TEXT keeps values exact.
_DECLARED = {
    "BOOLEAN": "INTEGER",
    "TINYINT": "INTEGER",
    "SMALLINT": "INTEGER",
    "INT": "INTEGER",
    "BIGINT": "INTEGER",
    "LARGEINT": "SR_TEXT_LARGEINT",
    "FLOAT": "REAL",
    "DOUBLE": "REAL",
    "DECIMAL": "SR_TEXT_DECIMAL",
    "DATE": "SR_TEXT_DATE",
    "DATETIME": "SR_TEXT_DATETIME",
    "VARBINARY": "BLOB",
}
_TYPE_OF = {
    "INTEGER": TypeName("BIGINT"),
    "INT": TypeName("BIGINT"),
    "NUM": TypeName("DOUBLE"),
    "REAL": TypeName("DOUBLE"),
    "SR_TEXT_DECIMAL": TypeName("DECIMAL", (38, 9)),
    "SR_TEXT_DATE": TypeName("DATE"),
    "SR_TEXT_DATETIME": TypeName("DATETIME"),
    "BLOB": TypeName("VARBINARY"),
}

# Converters are global to the interpreter, hence names that nobody else declares.
sqlite3.register_converter("SR_TEXT_DECIMAL", lambda value: Decimal(value.decode()))
sqlite3.register_converter("SR_TEXT_DATE", lambda value: parse_date(value.decode()))
sqlite3.register_converter("SR_TEXT_DATETIME", lambda value: parse_datetime(value.decode()))


class Storage:
    """All databases of one server. Not for use by two threads at once: the server has a lock."""

    def __init__(self) -> None:
        self._anchors: dict[str, sqlite3.Connection] = {}

    def create(self, database: str) -> None:
        """Make an empty database."""
        # A shared in-memory database lives as long as one connection to it.
        self._anchors[database] = sqlite3.connect(
            self.uri(database), uri=True, check_same_thread=False
        )

    def drop(self, database: str) -> None:
        """Forget a database."""
        self._anchors.pop(database).close()

    def close(self) -> None:
        """Forget everything."""
        for database in list(self._anchors):
            self.drop(database)

    def uri(self, database: str) -> str:
        """Return the address of a database for SQLite."""
        name = "".join(f"{byte:02x}" for byte in database.encode())
        return f"file:starrocks-{id(self)}-{name}?mode=memory&cache=shared"

    def databases(self) -> list[str]:
        """Return the names of all databases."""
        return list(self._anchors)


class Session:
    """One client's view of the storage: a current database, the others by name."""

    def __init__(self, storage: Storage, variables: Callable[[str], Any]) -> None:
        self._storage = storage
        self._variables = variables
        self._connection: sqlite3.Connection | None = None
        self._current: str | None = None
        self._attached: set[str] = set()

    def close(self) -> None:
        """Release the storage."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._attached = set()

    def use(self, database: str | None) -> None:
        """Make *database* current."""
        self.close()
        self._current = database

    def _open(self) -> sqlite3.Connection:
        wanted = set(self._storage.databases()) - {self._current}
        if self._connection is None or self._attached - wanted:
            self.close()
            uri = self._storage.uri(self._current) if self._current else ":memory:"
            self._connection = sqlite3.connect(
                uri,
                uri=True,
                check_same_thread=False,
                isolation_level=None,
                detect_types=sqlite3.PARSE_DECLTYPES,
            )
            self._connection.execute("PRAGMA case_sensitive_like = ON")
            self._connection.execute("PRAGMA recursive_triggers = ON")
            _register_functions(self._connection, self._variables)
        for database in sorted(wanted - self._attached):
            self._connection.execute(
                f"ATTACH ? AS {quote(database)}", (self._storage.uri(database),)
            )
            self._attached.add(database)
        return self._connection

    # --- statements ---------------------------------------------------------------------------

    def execute(self, statement: str) -> Result:
        """Run a query or a change of rows in SQLite's SQL."""
        try:
            cursor = self._open().execute(statement)
            rows = cursor.fetchall()
        except sqlite3.Error as error:
            raise _translated(error) from error
        if cursor.description is None:
            return Result(affected=max(cursor.rowcount, 0))
        return Result(tuple(item[0] for item in cursor.description), rows)

    def run(self, statement: str) -> Result:
        """Run a query or a change of rows in StarRocks' SQL."""
        return self.execute(self.translated(statement))

    def translated(self, statement: str) -> str:
        """Return StarRocks' *statement* in SQLite's SQL."""
        return _translate(list(tokens(statement)), self._current)

    def create_table(self, database: str, table: Table) -> None:
        """Make room for the rows of *table*."""
        parts = []
        for column in table.columns:
            parts.append(self._column(column))
        if table.keys and table.model != "DUP_KEYS":
            conflict = "" if table.model == "AGG_KEYS" else " ON CONFLICT REPLACE"
            parts.append(f"UNIQUE ({', '.join(map(quote, table.keys))}){conflict}")
        self.execute(f"CREATE TABLE {self.place(database, table.name)} ({', '.join(parts)})")

    def add_column(self, database: str, table: str, column: Column) -> None:
        """Add a column to the rows of a table."""
        self.execute(f"ALTER TABLE {self.place(database, table)} ADD COLUMN {self._column(column)}")

    def describe(self, query: str) -> list[Column]:
        """Return the columns of a query in StarRocks' SQL, with types as far as SQLite knows."""
        name = "temp.starrocks_describe"
        self.execute(f"CREATE TEMP VIEW starrocks_describe AS {self.translated(query)}")
        try:
            rows = self.execute("PRAGMA temp.table_info('starrocks_describe')").rows
        finally:
            self.execute(f"DROP VIEW {name}")
        return _columns(rows)

    def columns_of(self, database: str, table: str) -> list[Column]:
        """Return the columns of a stored table, with types as far as SQLite knows."""
        rows = self.execute(f"PRAGMA {self._schema(database)}.table_info({quote(table)})").rows
        return _columns(rows)

    def place(self, database: str, name: str) -> str:
        """Return the name of a table for SQLite."""
        return f"{self._schema(database)}.{quote(name)}"

    def _schema(self, database: str) -> str:
        return "main" if database == self._current else quote(database)

    def _column(self, column: Column) -> str:
        text = f"{quote(column.name)} {_DECLARED.get(column.type.name, 'TEXT')}"
        if column.auto_increment:
            return f"{quote(column.name)} INTEGER PRIMARY KEY"
        if column.generated:
            expression = _translate(list(tokens(column.generated)), None)
            return f"{text} AS ({expression})"
        if column.default is not None and not column.default_is_expression:
            return f"{text} DEFAULT {_literal(column.default)}"
        if column.default is not None and column.default.upper().startswith("CURRENT_TIMESTAMP"):
            return f"{text} DEFAULT CURRENT_TIMESTAMP"
        return text


def upsert(statement: str, table: Table) -> str:
    """Return an INSERT in SQLite's SQL that aggregates rows with equal keys, as *table* does."""
    merged = []
    name = quote(table.name)
    for column in table.columns:
        if column.aggregate is None:
            continue
        old, new = f"{name}.{quote(column.name)}", f"excluded.{quote(column.name)}"
        value = {
            "SUM": f"coalesce({old}, 0) + coalesce({new}, 0)",
            "COUNT": f"coalesce({old}, 0) + coalesce({new}, 0)",
            "MIN": f"min(coalesce({old}, {new}), coalesce({new}, {old}))",
            "MAX": f"max(coalesce({old}, {new}), coalesce({new}, {old}))",
            "REPLACE_IF_NOT_NULL": f"coalesce({new}, {old})",
        }.get(column.aggregate, new)
        merged.append(f"{quote(column.name)} = {value}")
    keys = ", ".join(map(quote, table.keys))
    return f"{statement} ON CONFLICT ({keys}) DO UPDATE SET {', '.join(merged)}"


def _columns(rows: Iterable[Sequence[Any]]) -> list[Column]:
    """Return the columns that SQLite's ``table_info`` lists."""
    text = TypeName("VARCHAR", (65533,))
    return [Column(row[1], _TYPE_OF.get(str(row[2]).upper(), text)) for row in rows]


# --- translation --------------------------------------------------------------------------------


def quote(name: str) -> str:
    """Return *name* as an identifier of SQLite."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _literal(text: str) -> str:
    if "\0" in text:  # SQLite takes no statement that contains one
        return f"CAST(X'{text.encode().hex()}' AS TEXT)"
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def _translate(items: list[Token], current: str | None) -> str:
    words: list[str] = []
    for index, token in enumerate(items):
        after = items[index + 1] if index + 1 < len(items) else None
        before = items[index - 1] if index else None
        if token.kind == "string":
            words.append(_literal(token.value))
        elif token.is_name and after is not None and after.text == "." and token.value == current:
            words.append("main")
        elif token.kind == "quoted":
            words.append(quote(token.value))
        elif token.text == "/":
            words.append("* 1.0 /")  # StarRocks divides whole numbers into fractions
        elif token.text == "<=>":
            words.append("IS")
        elif token.text == "&&":
            words.append("AND")
        elif (
            token.is_word("SIGNED")
            or (token.is_word("DUAL") and before is not None and before.is_word("FROM"))
            or (token.is_word("FROM") and after is not None and after.is_word("DUAL"))
        ):
            continue
        elif before is not None and before.is_word("AS") and token.is_word("DATE", "DATETIME"):
            words.append("TEXT")
        elif token.is_word("INTERVAL", "QUALIFY", "RETURNING"):
            raise SQLError(1064, f"the test server does not support {token.text}", "42000")
        else:
            words.append(token.text)
    return _joined(words)


def _joined(words: list[str]) -> str:
    text = " ".join(words)
    return re.sub(r" ?(?<=\w|\") \. (?=\w|\")", ".", text)


def _translated(error: sqlite3.Error) -> SQLError:
    message = str(error)
    if "no such table" in message:
        return SQLError(5502, f"Getting analyzing error: {message}: does not exist", "42S02")
    if isinstance(error, sqlite3.IntegrityError):
        return SQLError(1064, message, "23000")
    return SQLError(1064, f"Getting analyzing error. Detail message: {message}.", "42000")


# --- functions ----------------------------------------------------------------------------------


def _register_functions(connection: sqlite3.Connection, variables: Callable[[str], Any]) -> None:
    functions: dict[tuple[str, int], Callable[..., Any]] = {
        ("concat", -1): _concat,
        ("now", 0): lambda: dt.datetime.now().strftime("%Y-%m-%d %H:%M:%S"),
        ("curdate", 0): lambda: dt.date.today().isoformat(),
        ("to_date", 1): lambda value: None if value is None else str(value)[:10],
        ("regexp", 2): lambda pattern, value: (
            None if value is None else bool(re.search(pattern, value))
        ),
        ("json_extract", 2): _json_extract,
        ("json_unquote", 1): _json_unquote,
        ("database", 0): lambda: variables("database"),
        ("schema", 0): lambda: variables("database"),
        ("version", 0): lambda: variables("version"),
        ("current_version", 0): lambda: variables("current_version"),
        ("connection_id", 0): lambda: variables("connection_id"),
    }
    for (name, arity), function in functions.items():
        connection.create_function(name, arity, function)


def _concat(*values: Any) -> str | None:
    return None if None in values else "".join(map(str, values))


def _json_extract(document: str | None, path: str) -> str | None:
    if document is None:
        return None
    value = json.loads(document)
    for name, index in _json_path(path):
        try:
            value = value[name] if index is None else value[index]
        except (KeyError, IndexError, TypeError):
            return None
    return json.dumps(value)


def _json_path(path: str) -> Iterable[tuple[str, int | None]]:
    for match in re.finditer(r'\."((?:[^"\\]|\\.)*)"|\.([^.\[]+)|\[(\d+)\]', path):
        quoted, plain, index = match.groups()
        yield (quoted or plain or ""), (None if index is None else int(index))


def _json_unquote(text: str | None) -> str | None:
    if text is None:
        return None
    value = json.loads(text)
    return value if isinstance(value, str) else text
