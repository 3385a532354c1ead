"""SHOW and DESCRIBE, answered from the catalog and the session."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import nodes
from .catalog import INFORMATION_SCHEMA, ColumnDef, Key, Routine, Table
from .errors import error, unsupported
from .information_schema import (
    COLLATION,
    collation_of,
    default_text,
    extra_text,
    index_type,
    storage_type,
    virtual_table,
)
from .lex import quote_string
from .translate.expressions import constant
from .translate.output import Selected, select
from .translate.scope import Compiled, Output, Relation, Scope
from .translate.typed import Typed
from .types import BIGINT, LONGTEXT, SqlType

if TYPE_CHECKING:
    from .session import Session
    from .statements import Show

_NAME = SqlType("VARCHAR", length=64)
_TEXT = SqlType("VARCHAR", length=512)

Answer = tuple[list[tuple[str, SqlType]], list[tuple[Any, ...]]]


def show(session: Session, statement: Show) -> Selected:
    """Answer SHOW; raises 1235 for what an engine in one process does not have."""
    handler = _HANDLERS.get(statement.what)
    if handler is None:
        raise unsupported(f"SHOW {statement.what}")
    columns, rows = handler(session, statement)
    return answer(session, columns, rows, statement)


def is_known(what: str) -> bool:
    """Return whether there is an answer to ``SHOW what``."""
    return what in _HANDLERS


def answer(
    session: Session, columns: list[tuple[str, SqlType]], rows: list[tuple[Any, ...]],
    statement: Show,
) -> Selected:  # fmt: skip
    """Make a result set of Python values; LIKE filters by the first column, WHERE by any."""
    names = ", ".join(f"c{i}" for i in range(1, len(columns) + 1))
    texts = [
        "(" + ", ".join(f"CAST({constant(v).sql} AS {t.storage})"
                        for v, (_, t) in zip(row, columns, strict=True)) + ")"
        for row in rows
    ]  # fmt: skip
    nulls = ", ".join(f"CAST(NULL AS {t.storage})" for _, t in columns)
    body = f"VALUES {', '.join(texts)}" if texts else f"SELECT {nulls} WHERE false"
    outputs = [
        Output(name, Typed(f"s.c{i}", kind, exact=True))
        for i, (name, kind) in enumerate(columns, 1)
    ]
    condition = ""
    if statement.like is not None:
        pattern = nodes.Like(
            nodes.ColumnName(columns[0][0]), nodes.Literal("string", statement.like), None, False
        )
        condition = _filter(session, pattern, outputs)
    elif statement.where is not None:
        condition = _filter(session, statement.where, outputs)
    limit = f" LIMIT {statement.limit}" if statement.limit is not None else ""
    sql = f"SELECT {names} FROM ({body}) AS s({names}){condition}{limit}"
    return select(Compiled(sql, outputs), session.vectors)


def _filter(session: Session, node: nodes.Expr, outputs: list[Output]) -> str:
    scope = Scope(relations=[Relation("", outputs)], clause="where clause")
    return f" WHERE {session.translator().boolean(node, scope)}"


def _database(session: Session, statement: Show) -> str:
    name = statement.database or session.database
    if not name:
        raise error(1046, "No database selected")
    if not session.engine.catalog.has_database(name):
        raise error(1049, f"Unknown database '{name}'")
    return name


def _table(session: Session, statement: Show) -> Table:
    return session.table(statement.database, statement.name)


# -- catalog ---------------------------------------------------------------------------------


def _databases(session: Session, statement: Show) -> Answer:
    names = sorted([INFORMATION_SCHEMA, *session.engine.catalog.databases])
    return [("Database", _NAME)], [(name,) for name in names]


def _tables(session: Session, statement: Show) -> Answer:
    database = _database(session, statement)
    tables = sorted(session.engine.catalog.databases.get(database, {}).items())
    columns = [(f"Tables_in_{database}", _NAME)]
    if database.lower() == INFORMATION_SCHEMA:
        return columns, [(n,) for n in ("COLUMNS", "SCHEMATA", "STATISTICS", "TABLES")]
    if not (statement.full or statement.extended):
        return columns, [(name,) for name, _ in tables]
    columns.append(("Table_type", _NAME))
    rows: list[tuple[Any, ...]] = [
        (name, "VIEW" if t.view is not None else "BASE TABLE") for name, t in tables
    ]
    if statement.extended:
        columns += [("distributed", BIGINT), ("Storage_type", _NAME)]
        rows = [(*row, 0, storage_type(t)) for row, (_, t) in zip(rows, tables, strict=True)]
    return columns, rows


def _table_status(session: Session, statement: Show) -> Answer:
    database = _database(session, statement)
    columns = [("Name", _NAME), ("Engine", _NAME), ("Version", BIGINT), ("Row_format", _NAME),
               ("Rows", BIGINT), ("Auto_increment", BIGINT), ("Collation", _NAME),
               ("Create_options", _TEXT), ("Comment", _TEXT)]  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for name, table in sorted(session.engine.catalog.databases.get(database, {}).items()):
        count = None
        if table.view is None:
            count = session.read(f"SELECT count(*) FROM {session.physical(table)}")[0][0]
        rows.append((name, "MemSQL", 10, None, count, table.next_auto, COLLATION, "",
                     table.comment))  # fmt: skip
    return columns, rows


def _columns(session: Session, statement: Show) -> Answer:
    if (statement.database or session.database).lower() == INFORMATION_SCHEMA:
        found = virtual_table(session, statement.name.lower())
        if found is None:
            raise error(1146, f"Table '{INFORMATION_SCHEMA}.{statement.name}' doesn't exist")
        table = Table(INFORMATION_SCHEMA, statement.name, [ColumnDef(n, t) for n, t in found[0]])
    else:
        table = _table(session, statement)
    columns = [("Field", _NAME), ("Type", _TEXT), ("Null", SqlType("VARCHAR", length=3)),
               ("Key", SqlType("VARCHAR", length=3)), ("Default", LONGTEXT),
               ("Extra", _TEXT)]  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for column in table.columns:
        row = (column.name, column.type.show(), "YES" if column.nullable else "NO",
               table.key_of(column.name), default_text(column), extra_text(column))  # fmt: skip
        if statement.full:
            row = (
                *row[:2],
                collation_of(column.type),
                *row[2:],
                "select,insert,update,references",
                column.comment,
            )  # type: ignore[assignment]  # wider
        rows.append(row)
    if statement.full:
        columns.insert(2, ("Collation", _NAME))
        columns += [("Privileges", _TEXT), ("Comment", _TEXT)]
    return columns, rows


def _indexes(session: Session, statement: Show) -> Answer:
    table = _table(session, statement)
    columns = [
        ("Table", _NAME), ("Non_unique", BIGINT), ("Key_name", _NAME), ("Seq_in_index", BIGINT),
        ("Column_name", _NAME), ("Collation", _NAME), ("Cardinality", BIGINT),
        ("Sub_part", BIGINT), ("Packed", _NAME), ("Null", _NAME), ("Index_type", _NAME),
        ("Comment", _TEXT), ("Index_comment", _TEXT), ("Mutability", _NAME),
        ("Index_options", _TEXT),
    ]  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for key in table.keys:
        for sequence, name in enumerate(key.columns, 1):
            nullable = "YES" if table.column(name).nullable else ""
            rows.append((table.name, int(not key.is_unique), key.name, sequence, name, None, None,
                         None, None, nullable, index_type(key.kind), "", "", "", ""))  # fmt: skip
    return columns, rows


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _key_line(key: Key) -> str:
    if key.text:
        return " ".join(key.text.split())  # clients take the answer line by line
    listed = ",".join(map(_quoted, key.columns))
    if key.kind == "PRIMARY":
        return f"PRIMARY KEY ({listed})"
    word = "UNIQUE KEY" if key.kind == "UNIQUE" else "KEY"
    return f"{word} {_quoted(key.name)} ({listed})"


def create_table(table: Table) -> str:
    """Return the CREATE TABLE statement that makes ``table``."""
    lines = []
    for column in table.columns:
        if column.computed is not None:
            line = f"{_quoted(column.name)} AS {column.computed} PERSISTED {column.type.show()}"
            lines.append(line)
            continue
        line = f"{_quoted(column.name)} {column.type.show()}"
        if column.type.is_text:
            line += f" CHARACTER SET utf8mb4 COLLATE {collation_of(column.type)}"
        if not column.nullable:
            line += " NOT NULL"
        if column.default is not None:
            line += f" DEFAULT {column.default}"
        elif column.nullable:
            line += " DEFAULT NULL"
        if column.on_update is not None:
            line += f" ON UPDATE {column.on_update}"
        if column.auto_increment:
            line += " AUTO_INCREMENT"
        if column.comment:
            line += f" COMMENT {quote_string(column.comment)}"
        lines.append(line)
    # As a server does that ignores foreign keys: it does not remember them.
    lines += [_key_line(key) for key in table.keys if key.kind != "FOREIGN"]
    body = ",\n".join(f"  {line}" for line in lines)
    kind = f"{table.kind} " if table.kind else ""
    if table.temporary:
        kind += "TEMPORARY "
    comment = f" COMMENT={quote_string(table.comment)}" if table.comment else ""
    return f"CREATE {kind}TABLE {_quoted(table.name)} (\n{body}\n){comment}"


def _create_table(session: Session, statement: Show) -> Answer:
    table = _table(session, statement)
    if table.view is not None:
        return _create_view(session, statement)
    columns = [("Table", _NAME), ("Create Table", LONGTEXT)]
    return columns, [(table.name, create_table(table))]


def _create_view(session: Session, statement: Show) -> Answer:
    table = _table(session, statement)
    if table.view is None:
        raise error(1347, f"'{table.database}.{table.name}' is not VIEW")
    columns = [("View", _NAME), ("Create View", LONGTEXT), ("character_set_client", _NAME),
               ("collation_connection", _NAME)]  # fmt: skip
    listed = ", ".join(_quoted(c.name) for c in table.columns)
    text = f"CREATE VIEW {_quoted(table.name)} ({listed}) AS {table.view}"
    return columns, [(table.name, text, "utf8mb4", COLLATION)]


def _create_database(session: Session, statement: Show) -> Answer:
    if not session.engine.catalog.has_database(statement.name):
        raise error(1049, f"Unknown database '{statement.name}'")
    text = f"CREATE DATABASE {_quoted(statement.name)}"
    return [("Database", _NAME), ("Create Database", LONGTEXT)], [(statement.name, text)]


# -- routines --------------------------------------------------------------------------------


def _routines(session: Session, statement: Show, kind: str) -> list[Routine]:
    database = statement.name or statement.database or session.database
    if not database:
        raise error(1046, "No database selected")
    if not session.engine.catalog.has_database(database):
        raise error(1049, f"Unknown database '{database}'")
    found = [
        r
        for (where, _), r in sorted(session.engine.catalog.routines.items())
        if where == database and r.kind.endswith(kind)
    ]
    statement.database = database
    return found


def _procedures(session: Session, statement: Show) -> Answer:
    found = _routines(session, statement, "PROCEDURE")
    columns = [(f"Procedures_in_{statement.database}", _NAME), ("Routine Lifetime", _NAME),
               ("Definer", _NAME)]  # fmt: skip
    return columns, [(r.name, "Permanent", f"{session.user}@%") for r in found]


def _functions(session: Session, statement: Show) -> Answer:
    found = _routines(session, statement, "FUNCTION")
    columns = [(f"Functions_in_{statement.database}", _NAME), ("Function Type", _NAME),
               ("Definer", _NAME), ("Data Format", _NAME), ("Runtime Type", _NAME),
               ("Link", _NAME)]  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for routine in found:
        create = session.parsed(routine)
        service = create.service
        kind = "Table Valued Function" if create.table else "User Defined Function"
        if service is not None:
            kind = f"External {kind}"
        rows.append((
            routine.name, kind, f"{session.user}@%", service.format if service else "",
            "Remote" if service else "PSQL", (service.link if service else "") or None,
        ))  # fmt: skip
    return columns, rows


def _create_routine(session: Session, statement: Show) -> Answer:
    word = statement.what.removeprefix("CREATE ")
    database = statement.database or session.database
    routine = session.engine.catalog.routine(database, statement.name)
    if routine is None or not routine.kind.endswith(word):
        raise error(1305, f"{word} {database}.{statement.name} does not exist")
    title = word.capitalize()
    columns = [(title, _NAME), ("sql_mode", _TEXT), (f"Create {title}", LONGTEXT),
               ("character_set_client", _NAME), ("collation_connection", _NAME),
               ("Database Collation", _NAME)]  # fmt: skip
    text = f"CREATE OR REPLACE {routine.text}"
    mode = str(session.variable("sql_mode"))
    return columns, [(routine.name, mode, text, "utf8mb4", COLLATION, COLLATION)]


# -- session ---------------------------------------------------------------------------------


def _variables(session: Session, statement: Show) -> Answer:
    values = dict(session.engine.globals)
    if statement.scope != "GLOBAL":
        values.update(session.variables)
        values["autocommit"] = int(session.autocommit)
    values["autocommit"] = "ON" if values["autocommit"] else "OFF"
    columns = [("Variable_name", _NAME), ("Value", _TEXT)]
    return columns, [(name, str(value)) for name, value in sorted(values.items())]


def _status(session: Session, statement: Show) -> Answer:
    rows: list[tuple[Any, ...]] = [
        ("Ssl_cipher", ""),
        ("Threads_connected", str(len(session.engine.sessions))),
        ("Threads_running", "1"),
    ]
    return [("Variable_name", _NAME), ("Value", _TEXT)], rows


def _warnings(session: Session, statement: Show) -> Answer:
    columns = [("Level", _NAME), ("Code", BIGINT), ("Message", _TEXT)]
    rows = [w for w in session.warnings if statement.what == "WARNINGS" or w[0] == "Error"]
    return columns, list(rows)


def _processlist(session: Session, statement: Show) -> Answer:
    found = virtual_table(session, "processlist")
    assert found is not None
    names = ["Id", "User", "Host", "db", "Command", "Time", "State", "Info"]
    return [(n, t) for n, (_, t) in zip(names, found[0], strict=True)], found[1]


def _collation(session: Session, statement: Show) -> Answer:
    found = virtual_table(session, "collations")
    assert found is not None
    names = ["Collation", "Charset", "Id", "Default", "Compiled", "Sortlen"]
    return [(n, t) for n, (_, t) in zip(names, found[0], strict=True)], found[1]


def _charset(session: Session, statement: Show) -> Answer:
    columns = [("Charset", _NAME), ("Description", _TEXT), ("Default collation", _NAME),
               ("Maxlen", BIGINT)]  # fmt: skip
    return columns, [("utf8mb4", "UTF-8 Unicode", COLLATION, 4), ("binary", "Binary", "binary", 1)]


def _grants(session: Session, statement: Show) -> Answer:
    user = f"'{session.user}'@'%'"
    return [(f"Grants for {session.user}@%", LONGTEXT)], [
        (f"GRANT ALL PRIVILEGES ON *.* TO {user}",)
    ]


def _empty(*names: str) -> Callable[[Session, Show], Answer]:
    """An answer without rows, for lists of things that this engine never has."""

    def handler(session: Session, statement: Show) -> Answer:
        return [(name.format(database=session.database), _TEXT) for name in names], []

    return handler


def _database_status(session: Session, statement: Show) -> Answer:
    columns = [("Key", _NAME), ("Value", _TEXT)]
    return columns, [("database", session.database), ("partitions", "1")]


def _partitions(session: Session, statement: Show) -> Answer:
    _database(session, statement)
    columns = [("Ordinal", BIGINT), ("Host", _NAME), ("Port", BIGINT), ("Role", _NAME),
               ("Locked", BIGINT)]  # fmt: skip
    return columns, [(0, "127.0.0.1", 0, "Master", 0)]  # one, as DATABASE STATUS says


_HANDLERS: dict[str, Callable[[Session, Show], Answer]] = {
    "DATABASES": _databases,
    "TABLES": _tables,
    "TABLE STATUS": _table_status,
    "COLUMNS": _columns,
    "INDEX": _indexes,
    "CREATE TABLE": _create_table,
    "CREATE VIEW": _create_view,
    "CREATE DATABASE": _create_database,
    "CREATE SCHEMA": _create_database,
    "VARIABLES": _variables,
    "STATUS": _status,
    "WARNINGS": _warnings,
    "ERRORS": _warnings,
    "PROCESSLIST": _processlist,
    "COLLATION": _collation,
    "CHARSET": _charset,
    "GRANTS": _grants,
    "DATABASE STATUS": _database_status,
    "PROCEDURES": _procedures,
    "FUNCTIONS": _functions,
    "CREATE PROCEDURE": _create_routine,
    "CREATE FUNCTION": _create_routine,
    "CREATE AGGREGATE": _create_routine,
    "AGGREGATES": _empty("Aggregates_in_{database}"),
    "PARTITIONS": _partitions,
    "PLANCACHE": _empty("Database", "QueryText", "Commits", "Rollbacks", "RowCount", "PlanId"),
    "PIPELINES": _empty("Pipelines_in_{database}", "State", "Scheduled"),
}
