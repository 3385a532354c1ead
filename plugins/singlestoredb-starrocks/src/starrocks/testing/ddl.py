"""Read the DDL of StarRocks, strictly: clauses in the order of its grammar, nothing left over.

Written from the grammar in the StarRocks manual and knowing nothing of how this package's compiler
writes statements, so that each checks the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from starrocks.lex import Token, tokens
from starrocks.testing.catalog import (
    AGGREGATES,
    KEY_WORDS,
    SCALARS,
    Column,
    Model,
    Table,
    TypeName,
)
from starrocks.testing.protocol import SQLError

Name = tuple[str | None, str]
"""Database, if any, and name."""


def syntax_error(token: Token | None) -> SQLError:
    """Return the error for a token that does not belong where it stands."""
    where = "the end" if token is None else f"{token.text!r} at character {token.start}"
    return SQLError(
        1064, f"Getting syntax error. Detail message: Unexpected input near {where}.", "42000"
    )


@dataclass
class ViewDefinition:
    """What CREATE and ALTER say of a view."""

    name: Name
    query: str
    columns: list[tuple[str, str]] = field(default_factory=list)
    clauses: dict[str, Any] = field(default_factory=dict)
    or_replace: bool = False
    if_not_exists: bool = False


class Reader:
    """A cursor over the tokens of one statement."""

    def __init__(self, statement: str) -> None:
        self.statement = statement
        self.items = list(tokens(statement))
        self.at = 0

    # --- tokens -------------------------------------------------------------------------------

    def peek(self, ahead: int = 0) -> Token | None:
        """Return a token without taking it; ``None`` behind the end."""
        index = self.at + ahead
        return self.items[index] if index < len(self.items) else None

    def take(self) -> Token:
        """Take the next token."""
        token = self.peek()
        if token is None:
            raise syntax_error(None)
        self.at += 1
        return token

    def accept(self, *words: str) -> bool:
        """Take *words* if they follow, all of them, in order."""
        for ahead, word in enumerate(words):
            token = self.peek(ahead)
            if token is None or not (token.is_word(word) or token.text == word):
                return False
        self.at += len(words)
        return True

    def expect(self, *words: str) -> None:
        """Take *words* or fail."""
        for word in words:
            if not self.accept(word):
                raise syntax_error(self.peek())

    def end(self) -> None:
        """Fail unless the statement is over; a semicolon may close it."""
        self.accept(";")
        if self.peek() is not None:
            raise syntax_error(self.peek())

    # --- parts --------------------------------------------------------------------------------

    def name(self) -> str:
        """Take an identifier."""
        token = self.take()
        if not token.is_name:
            raise syntax_error(token)
        return token.value

    def qualified_name(self) -> Name:
        """Take ``name`` or ``database.name``."""
        first = self.name()
        return (first, self.name()) if self.accept(".") else (None, first)

    def names(self) -> list[str]:
        """Take a list of identifiers in parentheses."""
        self.expect("(")
        found = [self.name()]
        while self.accept(","):
            found.append(self.name())
        self.expect(")")
        return found

    def text(self) -> str:
        """Take a string."""
        token = self.take()
        if token.kind != "string":
            raise syntax_error(token)
        return token.value

    def number(self) -> int:
        """Take a whole number."""
        token = self.take()
        if not token.text.isdigit():
            raise syntax_error(token)
        return int(token.text)

    def properties(self) -> dict[str, str]:
        """Take ``("k" = "v", …)``."""
        self.expect("(")
        found = {}
        while True:
            key = self.text()
            self.expect("=")
            found[key] = self.text()
            if not self.accept(","):
                break
        self.expect(")")
        return found

    def balanced(self) -> str:
        """Take a group in parentheses, and return its text with them."""
        start = self.peek()
        self.expect("(")
        depth = 1
        token = start
        while depth:
            token = self.take()
            depth += {"(": 1, ")": -1, "[": 1, "]": -1}.get(token.text, 0)
        assert start is not None
        assert token is not None
        return self.statement[start.start : token.end]

    def until(self, *words: str) -> str:
        """Take everything up to one of *words* outside of parentheses, or to the end."""
        start = self.peek()
        end = start.start if start is not None else 0
        while (token := self.peek()) is not None and not token.is_word(*words):
            if token.text == "(":
                self.balanced()
            elif token.text == ";":
                break
            else:
                self.take()
            end = self.items[self.at - 1].end
        return self.statement[start.start : end].strip() if start is not None else ""

    def rest(self) -> str:
        """Take all that is left, without a closing semicolon."""
        token = self.peek()
        if token is None:
            raise syntax_error(None)
        self.at = len(self.items)
        return self.statement[token.start :].strip().rstrip(";").rstrip()

    # --- types --------------------------------------------------------------------------------

    def type_name(self) -> TypeName:
        """Take a type."""
        token = self.take()
        name = token.text.upper()
        if name in ("ARRAY", "MAP", "STRUCT"):
            return self._complex(name)
        if token.kind != "word" or name not in SCALARS:
            raise syntax_error(token)
        numbers = []
        if self.accept("("):
            numbers.append(self.number())
            if self.accept(","):
                numbers.append(self.number())
            self.expect(")")
        if name in ("STRING", "TEXT"):
            numbers = [65533]
        if name == "VARCHAR" and not numbers:
            numbers = [1]
        return TypeName(SCALARS[name], tuple(numbers))

    def _complex(self, name: str) -> TypeName:
        self.expect("<")
        fields: list[str] = []
        children: list[TypeName] = []
        while True:
            if name == "STRUCT":
                fields.append(self.name())
            children.append(self.type_name())
            if not self.accept(","):
                break
        self.expect(">")
        if name != "STRUCT" and len(children) != {"ARRAY": 1, "MAP": 2}[name]:
            raise syntax_error(self.peek())
        return TypeName(name, (), tuple(children), tuple(fields))

    # --- columns ------------------------------------------------------------------------------

    def column(self) -> Column:
        """Take the definition of a column."""
        column = Column(self.name(), self.type_name())
        self.column_attributes(column)
        return column

    def column_attributes(self, column: Column) -> None:
        """Take what may follow a column's type, in the order of the grammar."""
        self.accept("KEY")
        token = self.peek()
        if token is not None and token.is_word(*AGGREGATES):
            column.aggregate = self.take().text.upper()
        if self.accept("NOT", "NULL"):
            column.nullable = False
        else:
            self.accept("NULL")
        if self.accept("AUTO_INCREMENT"):
            if column.type.name != "BIGINT" or column.nullable:
                raise SQLError(1064, "AUTO_INCREMENT columns are BIGINT NOT NULL", "42000")
            column.auto_increment = True
        elif self.accept("DEFAULT"):
            self.default(column)
        elif self.accept("AS"):
            column.generated = self.balanced()[1:-1].strip()
        if self.accept("COMMENT"):
            column.comment = self.text()

    def default(self, column: Column) -> None:
        """Take the value behind DEFAULT: a string, NULL, CURRENT_TIMESTAMP or ``(function())``."""
        token = self.peek()
        column.default_is_expression = False
        if token is not None and token.kind == "string":
            column.default = self.take().value
        elif self.accept("NULL"):
            column.default = None
        elif self.accept("CURRENT_TIMESTAMP"):
            column.default = "CURRENT_TIMESTAMP"
            column.default_is_expression = True
            if self.accept("("):
                column.default += f"({self.number()})"
                self.expect(")")
        elif token is not None and token.text == "(":
            column.default = self.balanced()[1:-1].strip()
            column.default_is_expression = True
        else:
            raise syntax_error(token)

    # --- clauses ------------------------------------------------------------------------------

    def distribution(self) -> tuple[str, tuple[str, ...], int]:
        """Take what follows DISTRIBUTED BY."""
        if self.accept("HASH"):
            method, columns = "HASH", tuple(self.names())
        else:
            self.expect("RANDOM")
            method, columns = "RANDOM", ()
        return method, columns, self.number() if self.accept("BUCKETS") else 0


def read_create_table(reader: Reader) -> tuple[Name, Table, bool]:
    """Read a CREATE TABLE statement behind its TABLE; return name, table, and IF NOT EXISTS."""
    if_not_exists = reader.accept("IF", "NOT", "EXISTS")
    name = reader.qualified_name()
    reader.expect("(")
    table = Table(name[1], [reader.column()])
    while reader.accept(","):
        table.columns.append(reader.column())
    reader.expect(")")
    if reader.accept("ENGINE"):
        reader.expect("=")
        table.engine = reader.name().upper()
    has_key = False
    for word, model in KEY_WORDS.items():
        if reader.accept(word, "KEY"):
            table.model, table.keys, has_key = model, reader.names(), True
            break
    if reader.accept("COMMENT"):
        table.comment = reader.text()
    if reader.accept("PARTITION", "BY"):
        table.partition_by = reader.until("DISTRIBUTED", "ORDER", "PROPERTIES")
    if reader.accept("DISTRIBUTED", "BY"):
        table.distribution = reader.distribution()
    elif table.model != "DUP_KEYS":  # RANDOM is for duplicate keys only
        table.distribution = ("HASH", tuple(table.keys), 0)
    if reader.accept("ORDER", "BY"):
        table.order_by = reader.names()
    if reader.accept("PROPERTIES"):
        table.properties = reader.properties()
    reader.end()
    _check_keys(table, has_key)
    return name, table, if_not_exists


def _check_keys(table: Table, has_key: bool) -> None:
    names = [column.name for column in table.columns]
    if len({name.lower() for name in names}) != len(names):
        raise SQLError(1060, f"Duplicate column name in '{table.name}'", "42S21")
    if has_key and names[: len(table.keys)] != table.keys:
        raise SQLError(
            1064,
            "Key columns must be the first few columns of the schema and the order of the key "
            "columns must be consistent with the order of the schema",
            "42000",
        )
    for column in table.columns:
        aggregates = table.model == "AGG_KEYS" and column.name not in table.keys
        if aggregates != (column.aggregate is not None):
            raise SQLError(1064, f"wrong aggregation of column '{column.name}'", "42000")
    if not has_key:
        sortable = [c.name for c in table.columns if not c.type.children and not c.generated]
        table.keys = sortable[:1] if names[:1] == sortable[:1] else []
    for name in table.order_by:
        table.column(name)
    for name in table.distribution[1]:
        table.column(name)


def read_create_view(reader: Reader, or_replace: bool) -> ViewDefinition:
    """Read a CREATE VIEW statement behind its VIEW."""
    if_not_exists = reader.accept("IF", "NOT", "EXISTS")
    name = reader.qualified_name()
    columns = _view_columns(reader)
    clauses: dict[str, Any] = {}
    if reader.accept("COMMENT"):
        clauses["comment"] = reader.text()
    if reader.accept("SECURITY"):
        word = reader.name().upper()
        if word not in ("INVOKER", "NONE"):
            raise syntax_error(reader.peek())
        clauses["security"] = word
    reader.expect("AS")
    return ViewDefinition(name, reader.rest(), columns, clauses, or_replace, if_not_exists)


def read_create_materialized_view(reader: Reader, or_replace: bool) -> ViewDefinition:
    """Read CREATE MATERIALIZED VIEW behind its VIEW; its clauses have no fixed order."""
    if_not_exists = reader.accept("IF", "NOT", "EXISTS")
    name = reader.qualified_name()
    columns = _view_columns(reader)
    clauses: dict[str, Any] = {}
    if reader.accept("COMMENT"):
        clauses["comment"] = reader.text()
    stops = ("PARTITION", "DISTRIBUTED", "ORDER", "REFRESH", "PROPERTIES", "AS")
    while not reader.accept("AS"):
        if reader.accept("PARTITION", "BY"):
            clauses["partition_by"] = reader.until(*stops)
        elif reader.accept("DISTRIBUTED", "BY"):
            clauses["distribution"] = reader.distribution()
        elif reader.accept("ORDER", "BY"):
            clauses["order_by"] = reader.names()
        elif reader.accept("REFRESH"):
            clauses["refresh"] = read_refresh(reader)
        elif reader.accept("PROPERTIES"):
            clauses["properties"] = reader.properties()
        else:
            raise syntax_error(reader.peek())
    return ViewDefinition(name, reader.rest(), columns, clauses, or_replace, if_not_exists)


def read_alter_view(reader: Reader) -> ViewDefinition:
    """Read an ALTER VIEW statement behind its VIEW."""
    name = reader.qualified_name()
    columns = _view_columns(reader)
    reader.expect("AS")
    return ViewDefinition(name, reader.rest(), columns)


def _view_columns(reader: Reader) -> list[tuple[str, str]]:
    columns = []
    if reader.accept("("):
        while True:
            columns.append((reader.name(), reader.text() if reader.accept("COMMENT") else ""))
            if not reader.accept(","):
                break
        reader.expect(")")
    return columns


def read_refresh(reader: Reader) -> str:
    """Take a refresh scheme, and return it as the server prints it."""
    words = []
    for choices in (("IMMEDIATE", "DEFERRED"), ("ASYNC", "MANUAL", "INCREMENTAL")):
        token = reader.peek()
        if token is not None and token.is_word(*choices):
            words.append(reader.take().text.upper())
    if reader.accept("START"):
        reader.expect("(")
        words.append(f'START("{reader.text()}")')
        reader.expect(")")
    if reader.accept("EVERY"):
        reader.expect("(")
        reader.expect("INTERVAL")
        words.append(f"EVERY(INTERVAL {reader.number()} {reader.name().upper()})")
        reader.expect(")")
    if not words:
        raise syntax_error(reader.peek())
    return " ".join(words)


def read_alter_table(reader: Reader, table: Table) -> list[tuple[str, Any]]:
    """Read the clauses behind the name of ALTER TABLE, and return the changes in order."""
    changes: list[tuple[str, Any]] = []
    while True:
        changes.append(_alter_clause(reader, table))
        if not reader.accept(","):
            break
    reader.end()
    return changes


def _alter_clause(reader: Reader, table: Table) -> tuple[str, Any]:
    if reader.accept("ADD", "COLUMN"):
        return "add", reader.column()
    if reader.accept("DROP", "COLUMN"):
        return "drop", table.column(reader.name())
    if reader.accept("MODIFY", "COLUMN"):
        return "modify", _modified(reader, table)
    if reader.accept("RENAME", "COLUMN"):
        column = table.column(reader.name())
        reader.expect("TO")
        return "rename_column", (column, reader.name())
    if reader.accept("RENAME"):
        return "rename", reader.name()
    if reader.accept("COMMENT"):
        reader.expect("=")
        return "comment", reader.text()
    if reader.accept("SET"):
        properties = reader.properties()
        if len(properties) != 1:
            raise SQLError(1064, "Can only set one property at a time", "42000")
        return "properties", properties
    if reader.accept("DISTRIBUTED", "BY"):
        return "distribution", reader.distribution()
    if reader.accept("ORDER", "BY"):
        return "order_by", reader.names()
    raise syntax_error(reader.peek())


def _modified(reader: Reader, table: Table) -> tuple[Column, Column]:
    existing = table.column(reader.name())
    if reader.accept("DEFAULT"):
        changed = Column(**vars(existing))
        reader.default(changed)
    else:
        changed = Column(existing.name, reader.type_name(), auto_increment=existing.auto_increment)
        reader.column_attributes(changed)
        changed.aggregate = changed.aggregate or existing.aggregate
    if existing.type.children and changed.type != existing.type:
        raise SQLError(1064, f"cannot change the type of column '{existing.name}'", "42000")
    return existing, changed


__all__ = [
    "Model",
    "Name",
    "Reader",
    "ViewDefinition",
    "read_alter_table",
    "read_alter_view",
    "read_create_materialized_view",
    "read_create_table",
    "read_create_view",
    "read_refresh",
    "syntax_error",
]
