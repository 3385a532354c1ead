"""Statements that make, change and drop databases, tables, views and indexes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from . import external, functions, nodes, psql
from . import statements as st
from .catalog import INFORMATION_SCHEMA, SYSTEM_SCHEMA, ColumnDef, Key, Routine, Table
from .dml import describe, recompute, writable
from .engine import schema_of
from .errors import error, unsupported
from .lex import quote_identifier, quote_string
from .transactions import Run
from .translate import convert
from .translate.scope import Scope
from .translate.typed import Typed
from .types import SqlType, declared, text

if TYPE_CHECKING:
    from .session import Changed, Session

_OBJECTS = f"{SYSTEM_SCHEMA}.objects"


def run(session: Session, statement: st.Statement) -> Changed:
    """Run a DDL statement; an open transaction is committed first."""
    from .session import Changed

    session.transaction.commit()
    handler = _HANDLERS.get(type(statement))
    if handler is None:
        raise unsupported(type(statement).__name__)
    affected = handler(session, statement)
    return Changed(affected or 0)


def _apply(session: Session, tables: list[Table], work: Callable[[Run], None]) -> None:
    """Run a change of the schema in a transaction of its own."""
    session.change(tables, work)
    session.transaction.commit()


def _database(session: Session, name: str | None) -> str:
    database = name or session.database
    if not database:
        raise error(1046, "No database selected")
    if database.lower() == INFORMATION_SCHEMA:
        raise error(1044, "information_schema cannot be changed")
    if database not in session.engine.catalog.databases:
        raise error(1049, f"Unknown database '{database}'")
    return database


# -- databases -------------------------------------------------------------------------------


def _create_database(session: Session, statement: st.CreateDatabase) -> int:
    name = statement.name
    if session.engine.catalog.has_database(name):
        if statement.if_not_exists:
            session.warn("Note", 1007, f"Can't create database '{name}'; database exists")
            return 0
        raise error(1007, f"Can't create database '{name}'; database exists")

    def work(run: Run) -> None:
        run(f"CREATE SCHEMA {schema_of(name)}")
        run(f"INSERT INTO {_OBJECTS} VALUES ('database', {quote_string(name)}, "
            f"{quote_string(name)}, '')")  # fmt: skip

    _apply(session, [], work)
    session.engine.catalog.add_database(name)
    return 1


def _drop_database(session: Session, statement: st.DropDatabase) -> int:
    name = statement.name
    catalog = session.engine.catalog
    if name not in catalog.databases:
        if statement.if_exists:
            session.warn("Note", 1008, f"Can't drop database '{name}'; database doesn't exist")
            return 0
        raise error(1008, f"Can't drop database '{name}'; database doesn't exist")
    tables = list(catalog.databases[name].values())

    def work(run: Run) -> None:
        run(f"DROP SCHEMA {schema_of(name)} CASCADE")
        run(f"DELETE FROM {_OBJECTS} WHERE database = {quote_string(name)}")

    _apply(session, tables, work)
    catalog.drop_database(name)
    if session.database == name:
        session.database = ""
    return len(tables)


# -- tables ----------------------------------------------------------------------------------


def _column(session: Session, spec: st.ColumnSpec) -> ColumnDef:
    if spec.type is None:
        raise unsupported("a computed column with the type AUTO")
    kind = declared(spec.type)
    default = spec.default
    if default is not None and default.upper() == "NULL":
        default = None
    return ColumnDef(
        spec.name, kind, spec.nullable and spec.key != "PRIMARY", default, spec.on_update,
        spec.auto_increment, spec.computed, spec.comment,
    )  # fmt: skip


def _key(spec: st.KeySpec, taken: set[str]) -> Key:
    name = "PRIMARY" if spec.kind == "PRIMARY" else spec.name
    if not name and spec.columns and spec.kind in ("UNIQUE", "KEY"):
        name, number = spec.columns[0], 2
        while name.lower() in taken:
            name, number = f"{spec.columns[0]}_{number}", number + 1
    if name and name.lower() in taken:
        raise error(1061, f"Duplicate key name '{name}'")
    taken.add(name.lower())
    return Key(spec.kind, name, spec.columns, "" if spec.kind in ("PRIMARY", "UNIQUE", "KEY")
               else spec.text)  # fmt: skip


def _build(session: Session, create: st.CreateTable, database: str) -> Table:
    columns = [_column(session, spec) for spec in create.columns]
    specs = [st.KeySpec(s.key, "", [s.name]) for s in create.columns if s.key] + create.keys
    return _checked(Table(database, create.name, columns, _keys(specs), create.kind,
                          create.temporary, comment=create.comment))  # fmt: skip


def _keys(specs: list[st.KeySpec]) -> list[Key]:
    taken: set[str] = set()
    if sum(s.kind == "PRIMARY" for s in specs) > 1:
        raise error(1068, "Multiple primary key defined")
    return [_key(spec, taken) for spec in specs]


def _checked(table: Table) -> Table:
    seen: set[str] = set()
    for column in table.columns:
        if column.name.lower() in seen:
            raise error(1060, f"Duplicate column name '{column.name}'")
        seen.add(column.name.lower())
    for key in table.keys:
        for name in key.columns:
            found = table.find(name)
            if found is None:
                raise error(1072, f"Key column '{name}' doesn't exist in table")
            if key.kind == "PRIMARY":
                found.nullable = False
            if key.is_unique and found.type.family in ("time", "vector"):
                raise unsupported(f"a unique key on a {found.type.kind} column")
    autos = [c for c in table.columns if c.auto_increment]
    if len(autos) > 1:
        raise error(1075, "Incorrect table definition; there can be only one auto column")
    for column in autos:
        column.nullable = False
        if column.type.family != "int":
            raise error(1063, f"Incorrect column specifier for column '{column.name}'")
    return table


def _create_sql(session: Session, table: Table) -> list[str]:
    """Return the DuckDB statements that make a table with its unique indexes."""
    parts = []
    for column in table.columns:
        null = "" if column.nullable or column.computed is not None else " NOT NULL"
        parts.append(f"{quote_identifier(column.name)} {column.type.storage}{null}")
    word = "CREATE TEMP TABLE" if table.temporary else "CREATE TABLE"
    sql = [f"{word} {session.physical(table)} ({', '.join(parts)})"]
    return sql + [_index_sql(session, table, key) for key in table.unique_keys]


def _index_name(table: Table, key: Key) -> str:
    return quote_identifier(f"{table.name}#{key.name}")


def _index_sql(session: Session, table: Table, key: Key) -> str:
    # The macro's text is written out: an index outlives the catalog that the macros live in.
    parts = []
    for name in key.columns:
        column = table.column(name)
        sql = quote_identifier(column.name)
        if column.type.is_text and not column.type.case_sensitive:
            sql = f"(lower(strip_accents(rtrim({sql}, ' '))))"
        parts.append(sql)
    return (
        f"CREATE UNIQUE INDEX {_index_name(table, key)} ON {session.physical(table)} "
        f"({', '.join(parts)})"
    )


def _record(run: Run, table: Table) -> None:
    if table.temporary:
        return
    run(
        f"INSERT INTO {_OBJECTS} VALUES ('table', {quote_string(table.database)}, "
        f"{quote_string(table.name)}, {quote_string(table.to_json())})"
    )


def _forget(run: Run, table: Table) -> None:
    run(
        f"DELETE FROM {_OBJECTS} WHERE kind = 'table' AND database = "
        f"{quote_string(table.database)} AND name = {quote_string(table.name)}"
    )


def _put(session: Session, table: Table) -> None:
    if table.temporary:
        session.temporary[(table.database, table.name)] = table
    else:
        session.engine.catalog.put(table)


def _exists(session: Session, create: st.CreateTable, database: str) -> bool:
    if create.temporary:
        return (database, create.name) in session.temporary
    return session.engine.catalog.find(database, create.name) is not None


def _create_table(session: Session, create: st.CreateTable) -> int:
    database = _database(session, create.database)
    if _exists(session, create, database):
        if not create.if_not_exists:
            raise error(1050, f"Table '{create.name}' already exists")
        session.warn("Note", 1050, f"Table '{create.name}' already exists")
        return 0
    selected = None
    if create.like is not None:
        source = session.table(*create.like)
        if source.view is not None:
            raise error(1347, f"'{source.database}.{source.name}' is not BASE TABLE")
        table = Table.from_json(source.to_json())
        table = replace(table, database=database, name=create.name, kind=create.kind or source.kind,
                        temporary=create.temporary)  # fmt: skip
    else:
        table = _build(session, create, database)
    if create.query is not None:
        translator = session.translator()
        selected = translator.query(create.query)
        own = {c.name.lower() for c in table.columns}
        for output in selected.outputs:
            if output.name.lower() not in own:
                table.columns.append(_column_of(output.name, output.value))
        table = _checked(replace(table))
    table.next_auto = create.auto_increment or (1 if table.auto_column else None)
    affected = 0

    def work(run: Run) -> None:
        nonlocal affected
        for sql in _create_sql(session, table):
            run(sql)
        _record(run, table)
        if selected is not None:
            names, values = [], []
            for i, output in enumerate(selected.outputs, 1):
                column = table.column(output.name)
                names.append(quote_identifier(column.name))
                values.append(convert.assign(replace(output.value, sql=f"q.c{i}", literal=None),
                                             column))  # fmt: skip
            rows = run(
                f"INSERT INTO {session.physical(table)} ({', '.join(names)}) "
                f"SELECT {', '.join(values)} FROM ({selected.sql}) AS q"
            )
            affected = int(rows[0][0])
            table.next_auto = None
            recompute(session, table, run)

    _apply(session, [table], work)
    _put(session, table)
    for what in create.inert:
        session.warn_inert(what)
    return affected


def _column_of(name: str, value: Typed) -> ColumnDef:
    """Return the column that CREATE TABLE … AS makes of an expression."""
    kind = value.type
    if kind.family == "bool":
        kind = SqlType("TINYINT", length=1)
    elif kind.family == "null":
        kind = SqlType("VARBINARY", length=1)
    elif kind.kind == "VARCHAR" and not value.origin[1]:
        kind = text(max(kind.length or 1, 1))
    return ColumnDef(name, kind, value.nullable or not value.origin[1])


def _create_view(session: Session, statement: st.CreateView) -> int:
    database = _database(session, statement.database)
    existing = session.engine.catalog.find(database, statement.name)
    if existing is not None and not (statement.replace and existing.view is not None):
        raise error(1050, f"Table '{statement.name}' already exists")
    compiled = session.translator().query(session.parse_query(statement.text))
    names = statement.columns or [o.name for o in compiled.outputs]
    if len(names) != len(compiled.outputs):
        raise error(1353, "View's SELECT and view's field list have different column counts")
    columns = [
        ColumnDef(name, _column_of(name, o.value).type, o.value.nullable)
        for name, o in zip(names, compiled.outputs, strict=True)
    ]
    view = _checked(Table(database, statement.name, columns, view=statement.text))

    def work(run: Run) -> None:
        if existing is not None:
            _forget(run, existing)
        _record(run, view)

    _apply(session, [view], work)
    session.engine.catalog.put(view)
    return 0


def _drop_tables(session: Session, statement: st.DropTables) -> int:
    found: list[Table] = []
    missing: list[str] = []
    for database, name in statement.names:
        where = _database(session, database)
        table = session.temporary.get((where, name)) or session.engine.catalog.find(where, name)
        if table is None or (table.view is not None) != statement.view:
            missing.append(f"{where}.{name}")
        else:
            found.append(table)
    if missing and not statement.if_exists:
        raise error(1051, f"Unknown table '{','.join(missing)}'")
    for name in missing:
        session.warn("Note", 1051, f"Unknown table '{name}'")

    def work(run: Run) -> None:
        for table in found:
            if table.view is None:
                run(f"DROP TABLE {session.physical(table)}")
            if not table.temporary:
                _forget(run, table)

    _apply(session, found, work)
    for table in found:
        if table.temporary:
            del session.temporary[(table.database, table.name)]
        else:
            session.engine.catalog.remove(table.database, table.name)
    return 0


def _truncate(session: Session, statement: st.Truncate) -> int:
    table = writable(session, nodes.TableName(statement.name, statement.database))

    def work(run: Run) -> None:
        run(f"DELETE FROM {session.physical(table)}")

    _apply(session, [table], work)
    table.next_auto = 1 if table.auto_column else None
    return 0


# -- changes ---------------------------------------------------------------------------------


def _create_index(session: Session, statement: st.CreateIndex) -> int:
    action = st.AlterAction("add_key", key=statement.key)
    return _alter_table(session, st.AlterTable(statement.table[1], statement.table[0], [action]))


def _alter_table(session: Session, statement: st.AlterTable) -> int:
    table = writable(session, nodes.TableName(statement.name, statement.database))
    if table.temporary:
        raise unsupported("ALTER of a temporary table")
    new = Table.from_json(table.to_json())
    origin = {c.name: c.name for c in new.columns}
    """New column → the old one whose values it takes."""
    rebuild = False
    for action in statement.actions:
        rebuild = _alter(session, new, action, origin) or rebuild
    new = _checked(replace(new))
    renamed = (new.database, new.name) != (table.database, table.name)
    if renamed and session.engine.catalog.find(new.database, new.name) is not None:
        raise error(1050, f"Table '{new.name}' already exists")
    if renamed:
        _database(session, new.database)

    def work(run: Run) -> None:
        _forget(run, table)
        if rebuild or renamed:
            _rebuild(session, table, new, origin, run)
        else:
            for key in table.unique_keys:
                if key not in new.unique_keys:
                    run(f"DROP INDEX {schema_of(table.database)}.{_index_name(table, key)}")
            for key in new.unique_keys:
                if key not in table.unique_keys:
                    run(_index_sql(session, new, key))
        _record(run, new)

    _apply(session, [table, new], lambda run: describe(new, lambda: work(run)))
    new.next_auto = new.next_auto or (None if rebuild else table.next_auto)
    if renamed:
        session.engine.catalog.remove(table.database, table.name)
    session.engine.catalog.put(new)
    return 0


def _alter(session: Session, table: Table, action: st.AlterAction, origin: dict[str, str]) -> bool:
    """Apply one action to the definition; return whether the rows must be written again."""
    kind = action.kind
    names = [c.name.lower() for c in table.columns]
    if kind in ("drop", "change", "rename_column", "default"):
        if action.name.lower() not in names:
            raise error(1091, f"Can't find column '{action.name}'; check that it exists")
        at = names.index(action.name.lower())
        old = table.columns[at]
    if kind == "add":
        assert action.spec is not None
        column = _column(session, action.spec)
        _place(table, column, action.after)
        if action.spec.key:
            table.keys.append(Key(action.spec.key, "PRIMARY" if action.spec.key == "PRIMARY"
                                  else column.name, [column.name]))  # fmt: skip
    elif kind == "drop":
        del table.columns[at]
        origin.pop(old.name, None)
        for key in list(table.keys):
            key.columns = [c for c in key.columns if c.lower() != old.name.lower()]
            if not key.columns:
                table.keys.remove(key)
    elif kind == "change":
        assert action.spec is not None
        column = _column(session, action.spec)
        del table.columns[at]
        source = origin.pop(old.name, None)
        if source is not None:
            origin[column.name] = source
        if action.after is None:
            table.columns.insert(at, column)
        else:
            _place(table, column, action.after)
        _rename_in_keys(table, old.name, column.name)
    elif kind == "rename_column":
        old_name, old.name = old.name, action.new_name
        if old_name in origin:
            origin[old.name] = origin.pop(old_name)
        _rename_in_keys(table, old_name, old.name)
    elif kind == "default":
        old.default = action.value
        return False
    elif kind == "rename":
        table.name = action.new_name
        table.database = action.database or table.database
        return False
    elif kind == "add_key":
        assert action.key is not None
        taken = {k.name.lower() for k in table.keys}
        key = _key(action.key, taken)
        if key.kind == "PRIMARY" and any(k.kind == "PRIMARY" for k in table.keys):
            raise error(1068, "Multiple primary key defined")
        table.keys.append(key)
        if key.kind not in ("PRIMARY", "UNIQUE", "KEY"):
            session.warn_inert(f"{key.kind} KEY")
        return key.kind == "PRIMARY"
    elif kind == "drop_key":
        for key in table.keys:
            if key.name.lower() == action.name.lower():
                table.keys.remove(key)
                return False
        raise error(1091, f"Can't DROP '{action.name}'; check that column/key exists")
    elif kind == "comment":
        table.comment = json.loads(json.dumps((action.value or "").strip("'\"")))
        return False
    elif kind == "auto_increment":
        table.next_auto = int(action.value or 1)
        return False
    else:
        session.warn_inert(f"ALTER TABLE ... {action.name}")
        return False
    table.__post_init__()
    return True


def _place(table: Table, column: ColumnDef, after: str | None) -> None:
    if after is None:
        table.columns.append(column)
    elif after == "":
        table.columns.insert(0, column)
    else:
        names = [c.name.lower() for c in table.columns]
        if after.lower() not in names:
            raise error(1054, f"Unknown column '{after}' in '{table.name}'")
        table.columns.insert(names.index(after.lower()) + 1, column)


def _rename_in_keys(table: Table, old: str, new: str) -> None:
    for key in table.keys:
        key.columns = [new if c.lower() == old.lower() else c for c in key.columns]


def _rebuild(session: Session, old: Table, new: Table, origin: dict[str, str], run: Run) -> None:
    """Write the rows again under the new definition; DuckDB alters no table that has indexes."""
    run(f"CREATE TEMP TABLE s2_alter AS SELECT * FROM {session.physical(old)}")
    run(f"DROP TABLE {session.physical(old)}")
    for sql in _create_sql(session, new):
        run(sql)
    translator = session.translator()
    names, values = [], []
    for column in new.columns:
        if column.computed is not None:
            continue
        source = origin.get(column.name)
        if source is not None:
            value = Typed(f"a.{quote_identifier(source)}", old.column(source).type, exact=True)
            sql = convert.assign(value, column)
        elif column.auto_increment:
            sql = "row_number() OVER ()"
        elif column.default is not None:
            sql = convert.assign(
                translator.expression(session.expression(column.default), Scope()), column
            )
        elif column.nullable:
            continue
        else:
            sql = _zero(column.type)
        names.append(quote_identifier(column.name))
        values.append(sql)
    if names:
        run(
            f"INSERT INTO {session.physical(new)} ({', '.join(names)}) "
            f"SELECT {', '.join(values)} FROM temp.main.s2_alter AS a"
        )
    run("DROP TABLE temp.main.s2_alter")
    recompute(session, new, run)


def _zero(kind: SqlType) -> str:
    """SQL for what a new NOT NULL column without default holds in old rows."""
    if kind.is_numeric:
        return "0"
    if kind.is_temporal and kind.family != "time":
        raise error(1292, f"Incorrect {kind.kind.lower()} value: '0000-00-00' for a new column")
    if kind.family == "time":
        return "to_microseconds(0)"
    if kind.values:
        return quote_string(kind.values[0])
    if kind.family == "binary":
        return "unhex('')"
    return "'{}'" if kind.family == "json" else "''"


# -- routines --------------------------------------------------------------------------------


def _word(kind: str) -> str:
    return kind.removeprefix("EXTERNAL ")


def _create_routine(session: Session, create: psql.CreateRoutine) -> int:
    database = _database(session, create.database)
    catalog = session.engine.catalog
    word = _word(create.kind)
    existing = catalog.routine(database, create.name)
    if existing is not None and not (create.replace and _word(existing.kind) == word):
        message = f"{_word(existing.kind)} {create.name} already exists"
        if create.if_not_exists:
            session.warn("Note", 1304, message)
            return 0
        raise error(1304, message)
    if word == "PROCEDURE" and create.name.upper() in functions.FUNCTIONS:
        raise error(1304, f"{create.name} is the name of a built-in function")
    if create.service is not None:
        external.check(create)
    if create.service is not None and create.service.link:
        session.warn_inert(f"the LINK {create.service.link} of an external function")
    routine = Routine(create.kind, database, create.name, create.text, session.backslash)

    def work(run: Run) -> None:
        if existing is not None:
            _forget_routine(run, existing)
        run(f"INSERT INTO {_OBJECTS} VALUES ('routine', {quote_string(database)}, "
            f"{quote_string(routine.name)}, {quote_string(routine.to_json())})")  # fmt: skip

    _apply(session, [], work)
    catalog.put_routine(routine)
    return 0


def _forget_routine(run: Run, routine: Routine) -> None:
    run(
        f"DELETE FROM {_OBJECTS} WHERE kind = 'routine' AND database = "
        f"{quote_string(routine.database)} AND lower(name) = {quote_string(routine.name.lower())}"
    )


def _drop_routine(session: Session, statement: st.DropRoutine) -> int:
    database = _database(session, statement.database)
    routine = session.engine.catalog.routine(database, statement.name)
    if routine is None or _word(routine.kind) != statement.kind:
        message = f"{statement.kind} {database}.{statement.name} does not exist"
        if statement.if_exists:
            session.warn("Note", 1305, message)
            return 0
        raise error(1305, message)
    _apply(session, [], lambda run: _forget_routine(run, routine))
    session.engine.catalog.remove_routine(routine)
    return 0


_HANDLERS: dict[type, Callable[..., int]] = {
    psql.CreateRoutine: _create_routine,
    st.DropRoutine: _drop_routine,
    st.CreateDatabase: _create_database,
    st.DropDatabase: _drop_database,
    st.CreateTable: _create_table,
    st.CreateView: _create_view,
    st.DropTables: _drop_tables,
    st.Truncate: _truncate,
    st.CreateIndex: _create_index,
    st.AlterTable: _alter_table,
}
