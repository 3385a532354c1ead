"""One client's statements: queries, DDL, SHOW, and what they do to the catalog."""

from __future__ import annotations

import re
import threading
from typing import Any, Protocol

from starrocks.lex import tokens
from starrocks.testing import ddl, show
from starrocks.testing.catalog import (
    Column,
    Database,
    MaterializedView,
    Table,
    TypeName,
    View,
)
from starrocks.testing.protocol import Result, SQLError
from starrocks.testing.storage import Session, Storage, quote, upsert

_SYSTEM_VARIABLES = {
    "autocommit": 1,
    "tx_isolation": "REPEATABLE-READ",
    "transaction_isolation": "REPEATABLE-READ",
    "sql_mode": "ONLY_FULL_GROUP_BY",
    "lower_case_table_names": 0,
    "max_allowed_packet": 33554432,
    "version_comment": "starrocks.testing, not StarRocks",
}


class Server(Protocol):
    """What sessions share."""

    lock: threading.RLock
    storage: Storage
    databases: dict[str, Database]
    statements: list[str]
    version: str
    run_mode: str | None

    def create_database(self, name: str) -> None:
        """Create an empty database."""


class ClientSession:
    """One client's statements."""

    def __init__(self, server: Server, thread_id: int) -> None:
        self._server = server
        self._database: str | None = None
        self._thread_id = thread_id
        self._rows = Session(server.storage, self._variable)

    def close(self) -> None:
        """Release what the session holds."""
        with self._server.lock:
            self._rows.close()

    def use(self, database: str | None) -> Result:
        """Change the current database; ``catalog.database`` is understood."""
        with self._server.lock:
            if database is not None:
                database = database.removeprefix("default_catalog.")
                self._named(database)
            self._database = database
            self._rows.use(database)
        return Result()

    def execute(self, statement: str) -> Result:
        """Run one statement. Raise :class:`SQLError` if it cannot be run."""
        with self._server.lock:
            self._server.statements.append(statement)
            items = list(tokens(statement))
            while items and items[-1].text == ";":
                items.pop()
            if not items:
                raise SQLError(1065, "Query was empty", "42000")
            for token in items:
                if token.text == ";":
                    raise ddl.syntax_error(token)  # one statement at a time
            verb = items[0].text.upper()
            handler = getattr(self, f"_{verb.lower()}", None) if verb in _VERBS else None
            if handler is None:
                raise ddl.syntax_error(items[0])
            reader = ddl.Reader(statement[: items[-1].end])
            if verb not in _WHOLE:
                reader.take()
            result: Result = handler(reader)
            return result

    def _variable(self, name: str) -> Any:
        return {
            "database": self._database,
            "version": "8.0.33",
            "current_version": self._server.version,
            "connection_id": self._thread_id,
        }[name]

    # --- names --------------------------------------------------------------------------------

    def _named(self, name: str | None) -> Database:
        name = name if name is not None else self._database
        if name is None:
            raise SQLError(1046, "No database selected", "3D000")
        if name not in self._server.databases:
            raise SQLError(1049, f"Getting analyzing error. Unknown database '{name}'", "42000")
        return self._server.databases[name]

    def _find(self, name: ddl.Name) -> tuple[Database, Table | View]:
        database = self._named(name[0])
        return database, database.get(name[1])

    def _table(self, name: ddl.Name) -> tuple[Database, Table]:
        database, found = self._find(name)
        if not isinstance(found, Table):
            raise SQLError(1064, f"'{name[1]}' is not a table", "42000")
        return database, found

    # --- queries ------------------------------------------------------------------------------

    def _select(self, reader: ddl.Reader) -> Result:
        statement = reader.statement
        match = re.match(
            r"\s*SELECT\s+\*\s+FROM\s+information_schema\.(\w+)(?:\s+WHERE\s+(.*))?\Z",
            statement,
            re.IGNORECASE | re.DOTALL,
        )
        if match:
            return self._information_schema(match[1].lower(), match[2] or "")
        variables = re.findall(r"@@(?:session\.|global\.)?(\w+)", statement)
        if variables:
            values = [_SYSTEM_VARIABLES.get(name.lower(), "") for name in variables]
            return Result(tuple(f"@@{name}" for name in variables), [values])
        return self._rows.run(statement)

    _with = _select

    def _information_schema(self, name: str, condition: str) -> Result:
        if name not in show.INFORMATION_SCHEMA:
            raise SQLError(5502, f"Unknown table 'information_schema.{name}'", "42S02")
        wanted = {}
        items = list(tokens(condition))
        for index in range(0, len(items), 4):
            column, equals, value = items[index : index + 3]
            if equals.text != "=" or value.kind != "string":
                raise ddl.syntax_error(equals)
            wanted[column.value.upper()] = value.value
        rows: show.Rows = []
        for database in self._server.databases.values():
            rows += show.INFORMATION_SCHEMA[name](database)
        columns = tuple(_columns_of(name))
        kept = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
        return Result(columns, [[row[column] for column in columns] for row in kept])

    def _insert(self, reader: ddl.Reader) -> Result:
        statement = self._rows.translated(reader.statement)
        reader.expect("INSERT", "INTO")
        _, table = self._table(reader.qualified_name())
        if table.model == "AGG_KEYS":
            statement = upsert(statement, table)
        return self._rows.execute(statement)

    def _update(self, reader: ddl.Reader) -> Result:
        return self._rows.run(reader.statement)

    def _delete(self, reader: ddl.Reader) -> Result:
        if not any(token.is_word("WHERE") for token in reader.items):
            raise SQLError(1064, "Delete must specify where clause to prevent full table delete")
        return self._rows.run(reader.statement)

    def _truncate(self, reader: ddl.Reader) -> Result:
        reader.expect("TABLE")
        database, table = self._table(reader.qualified_name())
        reader.end()
        return self._rows.execute(f"DELETE FROM {self._rows.place(database.name, table.name)}")

    # --- sessions -----------------------------------------------------------------------------

    def _set(self, reader: ddl.Reader) -> Result:
        return Result()

    # A statement is complete when it is answered: transactions are accepted and do nothing.
    _begin = _commit = _rollback = _start = _set

    def _use(self, reader: ddl.Reader) -> Result:
        first = reader.name()
        name = reader.name() if reader.accept(".") else first
        reader.end()
        return self.use(name)

    def _admin(self, reader: ddl.Reader) -> Result:
        reader.expect("SHOW", "FRONTEND", "CONFIG", "LIKE")
        if reader.text() != "run_mode":
            return Result(("Key", "AliasNames", "Value"))
        if self._server.run_mode is None:
            raise SQLError(5203, "Access denied; you need the OPERATE privilege", "42000")
        return Result(
            ("Key", "AliasNames", "Value", "Type", "IsMutable", "Comment"),
            [["run_mode", "[]", self._server.run_mode, "String", "false", ""]],
        )

    # --- SHOW ---------------------------------------------------------------------------------

    def _show(self, reader: ddl.Reader) -> Result:
        if reader.accept("CREATE"):
            return self._show_create(reader)
        if reader.accept("FULL"):
            if reader.accept("COLUMNS"):
                reader.expect("FROM")
                _, found = self._find(reader.qualified_name())
                return _full_columns(found)
            reader.expect("TABLES")
            database = self._named(reader.name() if reader.accept("FROM") else None)
            return Result(
                (f"Tables_in_{database.name}", "Table_type"),
                [[row["TABLE_NAME"], row["TABLE_TYPE"]] for row in show.tables(database)],
            )
        if reader.accept("TABLES"):
            database = self._named(reader.name() if reader.accept("FROM") else None)
            return Result((f"Tables_in_{database.name}",), [[name] for name in database.objects])
        if reader.accept("DATABASES") or reader.accept("SCHEMAS"):
            names = sorted([*self._server.databases, "information_schema"])
            return Result(("Database",), [[name] for name in names])
        if reader.accept("WARNINGS"):
            return Result(("Level", "Code", "Message"))
        raise ddl.syntax_error(reader.peek())

    def _show_create(self, reader: ddl.Reader) -> Result:
        kind = "MATERIALIZED VIEW" if reader.accept("MATERIALIZED") else ""
        kind = kind or ("TABLE" if reader.accept("TABLE") else "VIEW")
        if kind != "TABLE":
            reader.expect("VIEW")
        database, found = self._find(reader.qualified_name())
        if isinstance(found, MaterializedView):
            return Result(
                ("Materialized View", "Create Materialized View"),
                [[found.name, show.create_materialized_view(found)]],
            )
        if isinstance(found, View):
            return Result(
                ("View", "Create View", "character_set_client", "collation_connection"),
                [[found.name, show.create_view(found, database.name), "utf8", "utf8_general_ci"]],
            )
        return Result(("Table", "Create Table"), [[found.name, show.create_table(found)]])

    def _describe(self, reader: ddl.Reader) -> Result:
        _, found = self._find(reader.qualified_name())
        full = _full_columns(found)
        names = ("Field", "Type", "Null", "Key", "Default", "Extra")
        places = [full.columns.index(name) for name in names]
        return Result(names, [[row[place] for place in places] for row in full.rows])

    _desc = _describe

    # --- CREATE -------------------------------------------------------------------------------

    def _create(self, reader: ddl.Reader) -> Result:
        or_replace = reader.accept("OR", "REPLACE")
        if reader.accept("MATERIALIZED", "VIEW"):
            self._create_view(ddl.read_create_materialized_view(reader, or_replace), True)
        elif reader.accept("VIEW"):
            self._create_view(ddl.read_create_view(reader, or_replace), False)
        elif reader.accept("TABLE") or reader.accept("TEMPORARY", "TABLE"):
            self._create_table(reader)
        elif reader.accept("DATABASE") or reader.accept("SCHEMA"):
            if_not_exists = reader.accept("IF", "NOT", "EXISTS")
            name = reader.name()
            reader.end()
            if name not in self._server.databases:
                self._server.create_database(name)
            elif not if_not_exists:
                raise SQLError(1007, f"Can't create database '{name}'; database exists", "HY000")
        elif reader.accept("INDEX"):
            reader.name()
            reader.expect("ON")
            _, table = self._table(reader.qualified_name())
            for name in reader.names():
                table.column(name)
            reader.end()
        else:
            raise ddl.syntax_error(reader.peek())
        return Result()

    def _create_table(self, reader: ddl.Reader) -> None:
        start = reader.at
        if_not_exists = reader.accept("IF", "NOT", "EXISTS")
        name = reader.qualified_name()
        if reader.accept("AS"):
            self._create_table_as(name, reader.rest(), if_not_exists)
            return
        reader.at = start
        name, table, if_not_exists = ddl.read_create_table(reader)
        database = self._named(name[0])
        if self._exists(database, name[1], if_not_exists):
            return
        self._rows.create_table(database.name, table)
        database.objects[table.name] = table

    def _create_table_as(self, name: ddl.Name, query: str, if_not_exists: bool) -> None:
        database = self._named(name[0])
        if self._exists(database, name[1], if_not_exists):
            return
        place = self._rows.place(database.name, name[1])
        self._rows.execute(f"CREATE TABLE {place} AS {self._rows.translated(query)}")
        columns = self._rows.columns_of(database.name, name[1])
        database.objects[name[1]] = Table(name[1], columns)

    def _exists(self, database: Database, name: str, if_not_exists: bool) -> bool:
        if name not in database.objects:
            return False
        if not if_not_exists:
            raise SQLError(1050, f"Table '{name}' already exists", "42S01")
        return True

    def _create_view(self, new: ddl.ViewDefinition, materialized: bool) -> None:
        database = self._named(new.name[0])
        name = new.name[1]
        if new.or_replace and isinstance(database.objects.get(name), View):
            self._forget(database, name)
        if self._exists(database, name, new.if_not_exists):
            return
        kind = MaterializedView if materialized else View
        view = kind(
            name,
            self._view_columns(new),
            new.query,
            show.rewrite_query(new.query, self._named(None).name),
            new.columns,
            **new.clauses,
        )
        self._store_view(database, view)

    def _view_columns(self, new: ddl.ViewDefinition) -> list[Column]:
        columns = self._rows.describe(new.query)
        if new.columns and len(new.columns) != len(columns):
            raise SQLError(1064, "view's columns count is not match with query's", "42000")
        for column, (name, comment) in zip(columns, new.columns, strict=False):
            column.name, column.comment = name, comment
        return columns

    def _store_view(self, database: Database, view: View) -> None:
        names = ", ".join(quote(column.name) for column in view.columns)
        place = self._rows.place(database.name, view.name)
        self._rows.execute(f"CREATE VIEW {place} ({names}) AS {self._rows.translated(view.query)}")
        database.objects[view.name] = view

    def _forget(self, database: Database, name: str) -> None:
        found = database.objects.pop(name)
        kind = "TABLE" if isinstance(found, Table) else "VIEW"
        self._rows.execute(f"DROP {kind} {self._rows.place(database.name, name)}")

    # --- DROP ---------------------------------------------------------------------------------

    def _drop(self, reader: ddl.Reader) -> Result:
        if reader.accept("INDEX"):
            reader.name()
            reader.expect("ON")
            self._table(reader.qualified_name())
            reader.end()
            return Result()
        if reader.accept("DATABASE") or reader.accept("SCHEMA"):
            if_exists = reader.accept("IF", "EXISTS")
            name = reader.name()
            if name in self._server.databases:
                self._rows.close()
                del self._server.databases[name]
                self._server.storage.drop(name)
            elif not if_exists:
                raise SQLError(1008, f"Can't drop database '{name}'; it doesn't exist", "HY000")
            return Result()
        kind: type[Table | View] = Table
        if reader.accept("MATERIALIZED", "VIEW"):
            kind = MaterializedView
        elif reader.accept("VIEW"):
            kind = View
        else:
            reader.expect("TABLE")
        if_exists = reader.accept("IF", "EXISTS")
        name_ = reader.qualified_name()
        reader.end()
        database = self._named(name_[0])
        if if_exists and name_[1] not in database.objects:
            return Result()
        found = database.get(name_[1])
        if type(found) is not kind:
            raise SQLError(1347, f"'{name_[1]}' is not {kind.__name__}", "HY000")
        self._forget(database, name_[1])
        return Result()

    # --- ALTER --------------------------------------------------------------------------------

    def _alter(self, reader: ddl.Reader) -> Result:
        if reader.accept("MATERIALIZED", "VIEW"):
            self._alter_materialized_view(reader)
        elif reader.accept("VIEW"):
            self._alter_view(ddl.read_alter_view(reader))
        else:
            reader.expect("TABLE")
            database, table = self._table(reader.qualified_name())
            for change, value in ddl.read_alter_table(reader, table):
                self._change(database, table, change, value)
        return Result()

    def _alter_view(self, new: ddl.ViewDefinition) -> None:
        database, old = self._find(new.name)
        if type(old) is not View:
            raise SQLError(1347, f"'{old.name}' is not VIEW", "HY000")
        columns = self._view_columns(new)
        self._forget(database, old.name)
        old.columns, old.query, old.named_columns = columns, new.query, new.columns
        old.rewritten = show.rewrite_query(new.query, self._named(None).name)
        self._store_view(database, old)

    def _alter_materialized_view(self, reader: ddl.Reader) -> None:
        _, view = self._find(reader.qualified_name())
        if not isinstance(view, MaterializedView):
            raise SQLError(1347, f"'{view.name}' is not MATERIALIZED VIEW", "HY000")
        if reader.accept("REFRESH"):
            view.refresh = ddl.read_refresh(reader)
        else:
            reader.expect("SET")
            view.properties |= reader.properties()
        reader.end()

    def _change(self, database: Database, table: Table, change: str, value: Any) -> None:
        place = self._rows.place(database.name, table.name)
        if change == "add":
            self._rows.add_column(database.name, table.name, value)
            table.columns.append(value)
        elif change == "drop":
            if value.name in table.keys:
                raise SQLError(1064, f"Can not drop key column '{value.name}'", "42000")
            self._rows.execute(f"ALTER TABLE {place} DROP COLUMN {quote(value.name)}")
            table.columns.remove(value)
        elif change == "modify":
            old, new = value
            table.columns[table.columns.index(old)] = new
        elif change == "rename_column":
            column, name = value
            self._rows.execute(
                f"ALTER TABLE {place} RENAME COLUMN {quote(column.name)} TO {quote(name)}"
            )
            # A MODIFY in the same statement may have replaced the column that was looked up.
            current = table.column(column.name)
            table.keys = [name if key == current.name else key for key in table.keys]
            current.name = name
        elif change == "rename":
            self._rows.execute(f"ALTER TABLE {place} RENAME TO {quote(value)}")
            database.objects[value] = database.objects.pop(table.name)
            table.name = value
        elif change == "properties":
            table.properties |= value
        else:
            setattr(table, change, value)


# fmt: off
_VERBS = frozenset((
    "SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "SET", "BEGIN", "COMMIT",
    "ROLLBACK", "START", "USE", "ADMIN", "SHOW", "DESCRIBE", "DESC", "CREATE", "DROP", "ALTER",
))
# fmt: on
_WHOLE = frozenset(("SELECT", "WITH", "INSERT", "UPDATE", "DELETE"))


def _columns_of(name: str) -> list[str]:
    """Return the columns of an information_schema table, from a row made up for it."""
    column = Column("c", TypeName("INT"))
    sample = Database("d", {"t": Table("t", [column])})
    if name == "views":
        sample = Database("d", {"v": View("v", [column], "", "")})
    elif name == "materialized_views":
        sample = Database("d", {"m": MaterializedView("m", [column], "", "")})
    return list(show.INFORMATION_SCHEMA[name](sample)[0])


def _full_columns(found: Table | View) -> Result:
    names = (
        "Field",
        "Type",
        "Collation",
        "Null",
        "Key",
        "Default",
        "Extra",
        "Privileges",
        "Comment",
    )
    keys = found.keys if isinstance(found, Table) else []
    rows = [
        [
            column.name,
            column.type.shown(),
            None,
            "YES" if column.nullable else "NO",
            "YES" if column.name in keys else "NO",
            column.default,
            (column.aggregate or "").lower(),
            "",
            column.comment,
        ]
        for column in found.columns
    ]
    return Result(names, rows)
