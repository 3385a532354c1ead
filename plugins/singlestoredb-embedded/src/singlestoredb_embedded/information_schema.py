"""The tables of ``information_schema``, made from the catalog when a query names them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .catalog import INFORMATION_SCHEMA, ColumnDef, Routine, Table
from .psql import CreateRoutine, VariableType
from .types import BIGINT, BINARY, LONGTEXT, SqlType, declared

if TYPE_CHECKING:
    from .session import Session
    from .translate.query import VirtualTable

_NAME = SqlType("VARCHAR", length=64)
_TEXT = SqlType("VARCHAR", length=512)
COLLATION = "utf8mb4_general_ci"


def default_text(column: ColumnDef) -> str | None:
    """Return a column's default as SHOW and ``information_schema`` print it."""
    default = column.default
    if default is None:
        return None
    if default[:1] in "'\"":
        return default[1:-1]
    return default


def extra_text(column: ColumnDef) -> str:
    """Return what SHOW COLUMNS prints under ``Extra``."""
    if column.computed is not None:
        return "computed"
    if column.auto_increment:
        return "auto_increment"
    return f"on update {column.on_update}" if column.on_update else ""


def collation_of(kind: SqlType) -> str | None:
    """Return the collation of a text type, ``None`` for others."""
    if kind.is_text:
        return kind.collation or COLLATION
    return "utf8mb4_bin" if kind.family == "json" else None


def _tables(session: Session) -> Iterator[Table]:
    for database in sorted(session.engine.catalog.databases):
        yield from (t for _, t in sorted(session.engine.catalog.databases[database].items()))


def _schemata(session: Session) -> VirtualTable:
    columns = [("CATALOG_NAME", _TEXT), ("SCHEMA_NAME", _NAME),
               ("DEFAULT_CHARACTER_SET_NAME", _NAME), ("DEFAULT_COLLATION_NAME", _NAME),
               ("SQL_PATH", _TEXT)]  # fmt: skip
    names = [INFORMATION_SCHEMA, *sorted(session.engine.catalog.databases)]
    return columns, [("def", name, "utf8mb4", COLLATION, None) for name in names]


def _all_tables(session: Session) -> VirtualTable:
    columns = [
        ("TABLE_CATALOG", _TEXT), ("TABLE_SCHEMA", _NAME), ("TABLE_NAME", _NAME),
        ("TABLE_TYPE", _NAME), ("ENGINE", _NAME), ("VERSION", BIGINT), ("ROW_FORMAT", _NAME),
        ("TABLE_ROWS", BIGINT), ("AUTO_INCREMENT", BIGINT), ("TABLE_COLLATION", _NAME),
        ("CREATE_OPTIONS", _TEXT), ("TABLE_COMMENT", _TEXT), ("STORAGE_TYPE", _NAME),
    ]  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for name in ("TABLES", "COLUMNS", "SCHEMATA", "STATISTICS", "KEY_COLUMN_USAGE"):
        rows.append(("def", INFORMATION_SCHEMA, name, "SYSTEM VIEW", None, None, None, None, None,
                     COLLATION, "", "", None))  # fmt: skip
    for table in _tables(session):
        view = table.view is not None
        rows.append((
            "def", table.database, table.name, "VIEW" if view else "BASE TABLE",
            None if view else "MemSQL", None if view else 10, None, None, table.next_auto,
            None if view else COLLATION, "", table.comment, None if view else storage_type(table),
        ))  # fmt: skip
    return columns, rows


def storage_type(table: Table) -> str:
    """Return what ``STORAGE_TYPE`` says: as declared, though every table is stored alike."""
    return "INMEMORY_ROWSTORE" if "ROWSTORE" in table.kind else "COLUMNSTORE"


def _columns(session: Session) -> VirtualTable:
    columns = [
        ("TABLE_CATALOG", _TEXT), ("TABLE_SCHEMA", _NAME), ("TABLE_NAME", _NAME),
        ("COLUMN_NAME", _NAME), ("ORDINAL_POSITION", BIGINT), ("COLUMN_DEFAULT", LONGTEXT),
        ("IS_NULLABLE", SqlType("VARCHAR", length=3)), ("DATA_TYPE", _NAME),
        ("CHARACTER_MAXIMUM_LENGTH", BIGINT), ("CHARACTER_OCTET_LENGTH", BIGINT),
        ("NUMERIC_PRECISION", BIGINT), ("NUMERIC_SCALE", BIGINT), ("DATETIME_PRECISION", BIGINT),
        ("CHARACTER_SET_NAME", _NAME), ("COLLATION_NAME", _NAME), ("COLUMN_TYPE", LONGTEXT),
        ("COLUMN_KEY", SqlType("VARCHAR", length=3)), ("EXTRA", _TEXT), ("PRIVILEGES", _TEXT),
        ("COLUMN_COMMENT", _TEXT), ("IS_SPARSE", SqlType("VARCHAR", length=3)),
    ]  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for table in _tables(session):
        for position, column in enumerate(table.columns, 1):
            rows.append(_column_row(table, position, column))
    return columns, rows


def _column_row(table: Table, position: int, column: ColumnDef) -> tuple[Any, ...]:
    kind = column.type
    text = kind.family in ("text", "binary", "json")
    described = kind.column("")
    characters = described.length if text else None
    octets = characters if described.charset == BINARY or characters is None else min(
        characters * 4, 2**32 - 1
    )  # fmt: skip
    precision = scale = None
    if kind.kind == "DECIMAL":
        precision, scale = kind.precision, kind.scale
    elif kind.family == "int":
        digits = {"TINYINT": 3, "SMALLINT": 5, "MEDIUMINT": 7, "INT": 10}
        precision, scale = digits.get(kind.kind, 20 if kind.unsigned else 19), 0
    elif kind.family == "float":
        precision = 12 if kind.kind == "FLOAT" else 22
    return (
        "def", table.database, table.name, column.name, position, default_text(column),
        "YES" if column.nullable else "NO", kind.kind.lower(), characters, octets, precision,
        scale, kind.scale if kind.family in ("datetime", "time") else None,
        "utf8mb4" if collation_of(kind) else None, collation_of(kind), kind.show(),
        table.key_of(column.name), extra_text(column), "select,insert,update,references",
        column.comment, "NO",
    )  # fmt: skip


def _statistics(session: Session) -> VirtualTable:
    columns = [
        ("TABLE_CATALOG", _TEXT), ("TABLE_SCHEMA", _NAME), ("TABLE_NAME", _NAME),
        ("NON_UNIQUE", BIGINT), ("INDEX_SCHEMA", _NAME), ("INDEX_NAME", _NAME),
        ("SEQ_IN_INDEX", BIGINT), ("COLUMN_NAME", _NAME), ("COLLATION", _NAME),
        ("CARDINALITY", BIGINT), ("SUB_PART", BIGINT), ("PACKED", _NAME), ("NULLABLE", _NAME),
        ("INDEX_TYPE", _NAME), ("COMMENT", _TEXT), ("INDEX_COMMENT", _TEXT),
    ]  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for table in _tables(session):
        for key in table.keys:
            for sequence, name in enumerate(key.columns, 1):
                nullable = "YES" if table.column(name).nullable else ""
                rows.append((
                    "def", table.database, table.name, int(not key.is_unique), table.database,
                    key.name, sequence, name, None, None, None, None, nullable,
                    index_type(key.kind), "", "",
                ))  # fmt: skip
    return columns, rows


def index_type(kind: str) -> str:
    """Return what SHOW INDEX prints as the type of a key."""
    return {"SORT": "CLUSTERED COLUMNSTORE", "SHARD": "METADATA_ONLY", "FULLTEXT": "FULLTEXT",
            "VECTOR": "VECTOR"}.get(kind, "COLUMNSTORE HASH")  # fmt: skip


def _key_column_usage(session: Session) -> VirtualTable:
    columns = [
        ("CONSTRAINT_CATALOG", _TEXT), ("CONSTRAINT_SCHEMA", _NAME), ("CONSTRAINT_NAME", _NAME),
        ("TABLE_CATALOG", _TEXT), ("TABLE_SCHEMA", _NAME), ("TABLE_NAME", _NAME),
        ("COLUMN_NAME", _NAME), ("ORDINAL_POSITION", BIGINT),
        ("POSITION_IN_UNIQUE_CONSTRAINT", BIGINT), ("REFERENCED_TABLE_SCHEMA", _NAME),
        ("REFERENCED_TABLE_NAME", _NAME), ("REFERENCED_COLUMN_NAME", _NAME),
    ]  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for table in _tables(session):
        for key in table.unique_keys:
            for position, name in enumerate(key.columns, 1):
                rows.append(("def", table.database, key.name, "def", table.database, table.name,
                             name, position, None, None, None, None))  # fmt: skip
    return columns, rows


def _table_constraints(session: Session) -> VirtualTable:
    columns = [
        ("CONSTRAINT_CATALOG", _TEXT), ("CONSTRAINT_SCHEMA", _NAME), ("CONSTRAINT_NAME", _NAME),
        ("TABLE_SCHEMA", _NAME), ("TABLE_NAME", _NAME), ("CONSTRAINT_TYPE", _NAME),
    ]  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for table in _tables(session):
        for key in table.unique_keys:
            kind = "PRIMARY KEY" if key.kind == "PRIMARY" else "UNIQUE"
            rows.append(("def", table.database, key.name, table.database, table.name, kind))
    return columns, rows


def _views(session: Session) -> VirtualTable:
    columns = [("TABLE_CATALOG", _TEXT), ("TABLE_SCHEMA", _NAME), ("TABLE_NAME", _NAME),
               ("VIEW_DEFINITION", LONGTEXT), ("CHECK_OPTION", _NAME),
               ("IS_UPDATABLE", _NAME)]  # fmt: skip
    rows: list[tuple[Any, ...]] = [
        ("def", t.database, t.name, t.view, "NONE", "NO")
        for t in _tables(session) if t.view is not None
    ]  # fmt: skip
    return columns, rows


def _character_sets(session: Session) -> VirtualTable:
    columns = [("CHARACTER_SET_NAME", _NAME), ("DEFAULT_COLLATE_NAME", _NAME),
               ("DESCRIPTION", _TEXT), ("MAXLEN", BIGINT)]  # fmt: skip
    return columns, [("utf8mb4", COLLATION, "UTF-8 Unicode", 4), ("binary", "binary", "Binary", 1)]


def _collations(session: Session) -> VirtualTable:
    columns = [("COLLATION_NAME", _NAME), ("CHARACTER_SET_NAME", _NAME), ("ID", BIGINT),
               ("IS_DEFAULT", _NAME), ("IS_COMPILED", _NAME), ("SORTLEN", BIGINT)]  # fmt: skip
    return columns, [
        (COLLATION, "utf8mb4", 45, "Yes", "Yes", 1),
        ("utf8mb4_bin", "utf8mb4", 46, "", "Yes", 1),
        ("binary", "binary", 63, "Yes", "Yes", 1),
    ]


def _processlist(session: Session) -> VirtualTable:
    columns = [("ID", BIGINT), ("USER", _NAME), ("HOST", _NAME), ("DB", _NAME),
               ("COMMAND", _NAME), ("TIME", BIGINT), ("STATE", _NAME),
               ("INFO", LONGTEXT)]  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for other in sorted(session.engine.sessions.values(), key=lambda s: s.connection_id):
        busy = other.is_running or other is session
        rows.append((
            other.connection_id, other.user, "localhost", other.database or None,
            "Query" if busy else "Sleep", 0, "executing" if busy else "",
            other.statement if busy else None,
        ))  # fmt: skip
    return columns, rows


def _global_variables(session: Session) -> VirtualTable:
    columns = [("VARIABLE_NAME", _NAME), ("VARIABLE_VALUE", _TEXT)]
    return columns, [(n, str(v)) for n, v in sorted(session.engine.globals.items())]


def _routines(session: Session) -> VirtualTable:
    columns = [
        ("SPECIFIC_NAME", _NAME), ("ROUTINE_CATALOG", _TEXT), ("ROUTINE_SCHEMA", _NAME),
        ("ROUTINE_NAME", _NAME), ("ROUTINE_TYPE", _NAME), ("DTD_IDENTIFIER", LONGTEXT),
        ("ROUTINE_BODY", _NAME), ("ROUTINE_DEFINITION", LONGTEXT), ("EXTERNAL_NAME", LONGTEXT),
        ("EXTERNAL_LANGUAGE", _NAME), ("PARAMETER_STYLE", _NAME), ("IS_DETERMINISTIC", _NAME),
        ("SQL_DATA_ACCESS", _NAME), ("SECURITY_TYPE", _NAME), ("SQL_MODE", _TEXT),
        ("ROUTINE_COMMENT", _TEXT), ("DEFINER", _NAME), ("CHARACTER_SET_CLIENT", _NAME),
        ("COLLATION_CONNECTION", _NAME), ("DATABASE_COLLATION", _NAME),
    ]  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for routine, create in _parsed(session):
        word = routine.kind.removeprefix("EXTERNAL ")
        service = create.service
        rows.append((
            routine.name, "def", routine.database, routine.name, word, _returned(create),
            "EXTERNAL" if service else "SQL", routine.text, service.url if service else None,
            None, "SQL", "NO", "CONTAINS SQL", "DEFINER", str(session.variable("sql_mode")), "",
            f"{session.user}@%", "utf8mb4", COLLATION, COLLATION,
        ))  # fmt: skip
    return columns, rows


def _parsed(session: Session) -> Iterator[tuple[Routine, CreateRoutine]]:
    for _, routine in sorted(session.engine.catalog.routines.items()):
        yield routine, session.parsed(routine)


def _returned(create: CreateRoutine) -> str | None:
    """Return the type that a routine returns, ``None`` when it returns nothing."""
    return None if create.returns is None else _spelled(create.returns, table=create.table)


def _spelled(kind: VariableType, *, table: bool = False) -> str:
    if kind.type is not None:
        return declared(kind.type).show()
    if kind.element is not None:
        return f"array({_spelled(kind.element)})"
    fields = ", ".join(f"{name} {declared(type_).show()}" for name, type_ in kind.fields)
    return f"{'table' if table else kind.kind}({fields})"


def _parameters(session: Session) -> VirtualTable:
    columns = [
        ("SPECIFIC_CATALOG", _TEXT), ("SPECIFIC_SCHEMA", _NAME), ("SPECIFIC_NAME", _NAME),
        ("ORDINAL_POSITION", BIGINT), ("PARAMETER_MODE", _NAME), ("PARAMETER_NAME", _NAME),
        ("DATA_TYPE", _NAME), ("DTD_IDENTIFIER", LONGTEXT), ("ROUTINE_TYPE", _NAME),
    ]  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for routine, create in _parsed(session):
        word = routine.kind.removeprefix("EXTERNAL ")
        described = [("IN", p.name, p.type) for p in create.parameters]
        start = 1
        if create.returns is not None and create.returns.type is not None:
            described.insert(0, (None, None, create.returns))  # type: ignore[arg-type]  # as MySQL has it
            start = 0
        for position, (mode, name, kind) in enumerate(described, start):
            data_type = declared(kind.type).kind.lower() if kind.type else kind.kind
            rows.append(("def", routine.database, routine.name, position, mode, name, data_type,
                         _spelled(kind), word))  # fmt: skip
    return columns, rows


_TABLES: dict[str, Callable[[Session], VirtualTable]] = {
    "schemata": _schemata,
    "tables": _all_tables,
    "columns": _columns,
    "statistics": _statistics,
    "key_column_usage": _key_column_usage,
    "table_constraints": _table_constraints,
    "views": _views,
    "character_sets": _character_sets,
    "collations": _collations,
    "processlist": _processlist,
    "routines": _routines,
    "parameters": _parameters,
    "global_variables": _global_variables,
}


def virtual_table(session: Session, name: str) -> VirtualTable | None:
    """Return a table by its lower-case name, ``None`` for one that does not exist."""
    make = _TABLES.get(name)
    return None if make is None else make(session)
