"""INSERT, REPLACE, UPDATE and DELETE."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb

from . import bulk, nodes
from .catalog import ColumnDef, Key, Table
from .errors import duplicate_entry, error, unsupported
from .lex import quote_identifier
from .transactions import Run
from .translate import convert
from .translate.query import QueryTranslator
from .translate.scope import Output, Relation, Scope
from .translate.typed import Typed

if TYPE_CHECKING:
    from .session import Changed, Session

T = TypeVar("T")

_STAGE = "temp.main.s2_stage"
"""Temporary table in which rows wait that may collide with existing ones."""


# -- INSERT ----------------------------------------------------------------------------------


def writable(session: Session, name: nodes.TableName) -> Table:
    """Return the table that a statement changes; a view is refused."""
    database = name.database or session.database
    if database.lower() == "information_schema":
        raise error(1044, "information_schema cannot be changed")
    table = session.table(name.database, name.name)
    if table.view is not None:
        raise unsupported("changing rows through a view")
    return table


def default_of(session: Session, translator: QueryTranslator, column: ColumnDef) -> str:
    """Return SQL for a column's default value; raises 1364 when there is none."""
    if column.default is None:
        if not column.nullable and not column.auto_increment:
            raise error(1364, f"Field '{column.name}' doesn't have a default value")
        return "NULL"
    value = translator.expression(session.expression(column.default), Scope())
    return convert.assign(value, column)


class Ids:
    """AUTO_INCREMENT values given out by one statement."""

    def __init__(self, session: Session, table: Table, run: Run) -> None:
        self.column = table.auto_column
        self.first = 0
        self.query_start = 0
        """First value that a query's rows may get; 0 when the rows are constants."""
        self.generates = False
        """Whether a query's rows get values, rather than bring them."""
        self._table = table
        if self.column is not None and table.next_auto is None:
            name = quote_identifier(self.column.name)
            rows = run(f"SELECT coalesce(max({name}), 0) FROM {session.physical(table)}")
            table.next_auto = int(rows[0][0]) + 1

    def take(self, count: int = 1) -> int:
        """Reserve ``count`` values; return the first."""
        first = self._table.next_auto or 1
        self._table.next_auto = first + count
        if not self.first:
            self.first = first
        return first

    def seen(self, value: int) -> None:
        """Continue after a value that was given explicitly."""
        if value >= (self._table.next_auto or 1):
            self._table.next_auto = value + 1


def insert(session: Session, node: nodes.Insert) -> Changed:
    """Run INSERT or REPLACE."""
    table = writable(session, node.table)
    columns = insert_columns(table, node.columns)
    mode = "replace" if node.replace else "ignore" if node.ignore else ""
    if node.on_duplicate:
        mode = "update"

    translator = session.translator()
    staged = None
    if node.query is not None:
        compiled = translator.query(node.query)
        if len(compiled.outputs) != len(columns):
            raise error(1136, "Column count doesn't match value count at row 1")
    elif node.rows is not None and all(len(row) == len(columns) for row in node.rows):
        staged = bulk.stage(node.rows, columns, translator.fresh())
        if staged is not None:
            session.transaction.keep_file(staged.path)

    def work(run: Run) -> Changed:
        ids = Ids(session, table, run)
        if staged is not None:
            names, source = select_source(
                session, translator, table, columns, staged.values, staged.source, ids
            )
        elif node.rows is not None:
            names, source = _rows_source(session, translator, table, columns, node.rows, ids)
        else:
            alias = translator.fresh()
            values = [
                replace(o.value, sql=f"{alias}.c{i}", literal=None)
                for i, o in enumerate(compiled.outputs, 1)
            ]
            names, source = select_source(
                session, translator, table, columns, values, f"({compiled.sql}) AS {alias}", ids
            )
        update = (node.on_duplicate, node.row_alias) if mode == "update" else None
        return store(session, translator, table, names, source, mode, run, ids, update)

    return session.change([table], work, no_replay=lambda: _random(translator))


_UNREPEATABLE = "RAND(), UUID() and external functions cannot be repeated"


def _random(translator: QueryTranslator) -> str | None:
    return _UNREPEATABLE if translator.random else None


def insert_columns(table: Table, names: list[str] | None) -> list[ColumnDef]:
    """Return the columns that an INSERT names, or all that can be given."""
    if names is None:
        return [c for c in table.columns if c.computed is None]
    columns = [table.column(name) for name in names]
    seen: set[str] = set()
    for column in columns:
        if column.name in seen:
            raise error(1110, f"Column '{column.name}' specified twice")
        seen.add(column.name)
        if column.computed is not None:
            raise error(
                3105, f"The value specified for computed column '{column.name}' is not allowed"
            )
    return columns


def _rows_source(
    session: Session,
    translator: QueryTranslator,
    table: Table,
    columns: list[ColumnDef],
    rows: list[list[nodes.Expr]],
    ids: Ids,
) -> tuple[list[ColumnDef], str]:
    """Return (columns, SQL of a query that gives the rows) for ``VALUES (…), …``."""
    missing = [c for c in table.columns if c.computed is None and c not in columns]
    all_columns = columns + missing
    defaults = {c.name: default_of(session, translator, c) for c in missing if not c.auto_increment}
    scope = Scope()
    texts: list[str] = []
    for number, row in enumerate(rows, 1):
        if not row and (not columns or len(rows) == 1):
            row = [nodes.Default() for _ in columns]
        if len(row) != len(columns):
            raise error(1136, f"Column count doesn't match value count at row {number}")
        parts = [
            _cell(session, translator, node, column, scope, ids)
            for node, column in zip(row, columns, strict=True)
        ]
        for column in missing:
            parts.append(str(ids.take()) if column.auto_increment else defaults[column.name])
        texts.append(f"({', '.join(parts)})")
    return all_columns, f"VALUES {', '.join(texts)}"


def _cell(
    session: Session,
    translator: QueryTranslator,
    node: nodes.Expr,
    column: ColumnDef,
    scope: Scope,
    ids: Ids,
) -> str:
    if isinstance(node, nodes.Default):
        if column.auto_increment:
            return str(ids.take())
        return default_of(session, translator, column)
    value = translator.expression(node, scope)
    if column.auto_increment:
        literal = value.literal
        if value.is_null or (literal is not None and literal.text in ("0", "")):
            return str(ids.take())
        if literal is not None and literal.text.lstrip("-").isdigit():
            ids.seen(int(literal.text))
    sql = convert.assign(value, column)
    return sql if sql != "NULL" else f"CAST(NULL AS {column.type.storage})"


def select_source(
    session: Session,
    translator: QueryTranslator,
    table: Table,
    columns: list[ColumnDef],
    values: Sequence[Typed],
    source: str,
    ids: Ids,
) -> tuple[list[ColumnDef], str]:
    """Return (columns, SQL) for rows that come from ``source``, a FROM clause."""
    missing = [c for c in table.columns if c.computed is None and c not in columns]
    items = []
    start = ids.query_start = table.next_auto or 1
    for column, value in zip(columns, values, strict=True):
        sql = convert.assign(value, column)
        if column.auto_increment:
            sql = f"coalesce(nullif({sql}, 0), {start} - 1 + row_number() OVER ())"
        elif not column.nullable and not value.is_null:
            message = f"'Column ''{column.name}'' cannot be null'"
            sql = f"CASE WHEN {value.sql} IS NULL THEN s2.fail(1048, {message}) ELSE {sql} END"
        items.append(sql)
    for column in missing:
        if column.auto_increment:
            ids.generates = True
            items.append(f"{start} - 1 + row_number() OVER ()")
        else:
            items.append(default_of(session, translator, column))
    return columns + missing, f"SELECT {', '.join(items)} FROM {source}"


def store(
    session: Session,
    translator: QueryTranslator,
    table: Table,
    columns: list[ColumnDef],
    source: str,
    mode: str,
    run: Run,
    ids: Ids,
    update: tuple[list[tuple[nodes.ColumnName, nodes.Expr]], str | None] | None = None,
) -> Changed:
    """Put the rows of ``source`` into ``table``.

    ``mode`` says what happens to rows whose key exists: nothing special (1062), ``ignore``,
    ``replace`` or ``update``.
    """
    from .session import Changed

    target = session.physical(table)
    names = ", ".join(quote_identifier(c.name) for c in columns)
    keys = table.unique_keys
    if not mode or not keys:
        is_last = not ids.query_start and not table.computed_columns
        runner = run.last if is_last else run
        sql = f"INSERT INTO {target} ({names}) {source}"
        affected = _count(describe(table, lambda: runner(sql)))
    else:
        typed = ", ".join(f"{quote_identifier(c.name)} {c.type.storage}" for c in columns)
        run(f"CREATE OR REPLACE TEMP TABLE s2_stage (n BIGINT, {typed})")
        run(f"INSERT INTO {_STAGE} SELECT row_number() OVER (), * FROM ({source}) AS s")
        if mode == "ignore":
            affected = _store_ignoring(session, table, keys, names, target, run)
        elif mode == "replace":
            affected = _store_replacing(table, keys, names, target, run)
        else:
            assert update is not None
            affected = _store_updating(session, translator, table, columns, target, update, run)
        run("DROP TABLE temp.main.s2_stage")
    if ids.query_start:
        _catch_up(session, table, ids, run)
    recompute(session, table, run)
    return Changed(affected, ids.first if affected else 0)


def _count(rows: list[tuple[Any, ...]]) -> int:
    return int(rows[0][0]) if rows else 0


def _catch_up(session: Session, table: Table, ids: Ids, run: Run) -> None:
    """Move the counter behind the values that a query made or gave."""
    column = ids.column
    if column is None:
        return
    name = quote_identifier(column.name)
    start = ids.query_start
    largest, first = run(
        f"SELECT max({name}), min(CASE WHEN {name} >= {start} THEN {name} END) "
        f"FROM {session.physical(table)}"
    )[0]
    if largest is not None:
        ids.seen(int(largest))
    if start and ids.generates and first is not None:
        ids.first = int(first)


def key_sql(table: Table, key: Key, alias: str) -> list[str]:
    """Return SQL of a key's columns, folded as the key compares them."""
    result = []
    for name in key.columns:
        column = table.column(name)
        value = Typed(f"{alias}.{quote_identifier(column.name)}", column.type)
        result.append(convert.key(value))
    return result


def _match(table: Table, key: Key, a: str, b: str) -> str:
    pairs = zip(key_sql(table, key, a), key_sql(table, key, b), strict=True)
    return "(" + " AND ".join(f"{x} = {y}" for x, y in pairs) + ")"


def _match_any(table: Table, keys: list[Key], a: str, b: str) -> str:
    return "(" + " OR ".join(_match(table, key, a, b) for key in keys) + ")"


def _store_ignoring(
    session: Session, table: Table, keys: list[Key], names: str, target: str, run: Run
) -> int:
    total = _count(run(f"SELECT count(*) FROM {_STAGE}"))
    for key in keys:
        run(
            f"DELETE FROM {_STAGE} AS s WHERE EXISTS (SELECT 1 FROM {target} AS t "
            f"WHERE {_match(table, key, 's', 't')})"
        )
    # Keys one after another: a row that lost to another is gone before the next key is looked at.
    for key in keys:
        run(
            f"DELETE FROM {_STAGE} AS s WHERE EXISTS (SELECT 1 FROM {_STAGE} AS o "
            f"WHERE o.n < s.n AND {_match(table, key, 's', 'o')})"
        )
    affected = _count(
        run(f"INSERT INTO {target} ({names}) SELECT {names} FROM {_STAGE} ORDER BY n")
    )
    for _ in range(total - affected):
        session.warn("Warning", 1062, "Duplicate entry ignored")
    return affected


def _rounds(table: Table, keys: list[Key], run: Run) -> list[str]:
    """Return conditions on the stage; rows of one round never collide with each other."""
    if len(keys) > 1:
        clash = run(
            f"SELECT count(*) FROM {_STAGE} AS s WHERE EXISTS (SELECT 1 FROM {_STAGE} AS o "
            f"WHERE o.n <> s.n AND {_match_any(table, keys, 's', 'o')})"
        )
        if _count(clash):
            numbers = run(f"SELECT n FROM {_STAGE} ORDER BY n")
            return [f"n = {n}" for (n,) in numbers]
        return ["true"]
    listed = ", ".join(key_sql(table, keys[0], "s"))
    numbered = (
        f"SELECT n, row_number() OVER (PARTITION BY {listed} ORDER BY n) AS r FROM {_STAGE} AS s"
    )
    most = _count(run(f"SELECT coalesce(max(r), 0) FROM ({numbered}) AS q"))
    if most <= 1:
        return ["true"]
    return [f"n IN (SELECT n FROM ({numbered}) AS q WHERE r = {i})" for i in range(1, most + 1)]


def _store_replacing(table: Table, keys: list[Key], names: str, target: str, run: Run) -> int:
    affected = 0
    for condition in _rounds(table, keys, run):
        for key in keys:
            affected += _count(run(
                f"DELETE FROM {target} AS t WHERE EXISTS (SELECT 1 FROM {_STAGE} AS s "
                f"WHERE {condition} AND {_match(table, key, 's', 't')})"
            ))  # fmt: skip
        affected += _count(
            run(f"INSERT INTO {target} ({names}) SELECT {names} FROM {_STAGE} WHERE {condition}")
        )
    return affected


def _store_updating(
    session: Session,
    translator: QueryTranslator,
    table: Table,
    columns: list[ColumnDef],
    target: str,
    update: tuple[list[tuple[nodes.ColumnName, nodes.Expr]], str | None],
    run: Run,
) -> int:
    sets, row_alias = update
    keys = table.unique_keys
    relation, alias = translator.relation(table, table.name, table.database)
    given = {
        c.name.lower(): Typed(f"s.{quote_identifier(c.name)}", c.type, exact=True) for c in columns
    }

    def values(name: str) -> Typed:
        column = table.column(name)
        return given.get(column.name.lower()) or Typed("NULL", column.type)

    scope = Scope(relations=[relation], values=values)
    if row_alias:
        columns_of_alias = [Output(c.name, given[c.name.lower()]) for c in columns]
        scope.relations.append(Relation(row_alias, columns_of_alias, "\0"))
        # Without a qualifier a name means the table's column.
        scope.merged = {c.name.lower(): c.value for c in relation.columns}
    assignments = _assignments(session, translator, table, sets, scope)
    changed = " OR ".join(f"{alias}.{name} IS DISTINCT FROM {sql}" for name, sql, _ in assignments)
    names = ", ".join(quote_identifier(c.name) for c in columns)
    listed = ", ".join(f"{name} = {sql}" for name, sql, _ in assignments)
    affected = 0
    match = _match_any(table, keys, "s", alias)
    for condition in _rounds(table, keys, run):
        rows = f"(SELECT * FROM {_STAGE} WHERE {condition}) AS s"
        run(
            f"CREATE OR REPLACE TEMP TABLE s2_fresh AS SELECT * FROM {rows} WHERE NOT EXISTS "
            f"(SELECT 1 FROM {target} AS {alias} WHERE {match})"
        )
        sql = f"UPDATE {target} AS {alias} SET {listed} FROM {rows} WHERE {match} AND ({changed})"
        affected += 2 * _count(_run_described(table, run, sql))
        sql = f"INSERT INTO {target} ({names}) SELECT {names} FROM s2_fresh ORDER BY n"
        affected += _count(_run_described(table, run, sql))
    run("DROP TABLE temp.main.s2_fresh")
    return affected


def describe(table: Table, work: Callable[[], T]) -> T:
    """Run ``work``; name the key in an error about a duplicate."""
    try:
        return work()
    except duckdb.ConstraintException as exc:
        entry = duplicate_entry(str(exc).split("\n")[0])
        if entry is None:
            raise
        columns = [name.lower() for name in entry]
        keys = table.unique_keys
        for key in keys:
            if (columns == [""] and len(keys) == 1) or [
                name.lower() for name in key.columns
            ] == columns:
                value = "-".join(entry.values())
                raise error(1062, f"Duplicate entry '{value}' for key '{key.name}'") from exc
        raise


def _run_described(table: Table, run: Run, sql: str) -> list[tuple[Any, ...]]:
    return describe(table, lambda: run(sql))


def recompute(session: Session, table: Table, run: Run) -> None:
    """Bring computed columns up to date."""
    computed = table.computed_columns
    if not computed:
        return
    translator = session.translator()
    relation, alias = translator.relation(table, table.name, table.database)
    scope = Scope(relations=[relation])
    for column in computed:
        value = translator.expression(session.expression(column.computed or ""), scope)
        sql = convert.assign(value, column)
        name = quote_identifier(column.name)
        run(
            f"UPDATE {session.physical(table)} AS {alias} SET {name} = {sql} "
            f"WHERE {alias}.{name} IS DISTINCT FROM {sql}"
        )


# -- UPDATE ----------------------------------------------------------------------------------


def _assignments(
    session: Session,
    translator: QueryTranslator,
    table: Table,
    sets: list[tuple[nodes.ColumnName, nodes.Expr]],
    scope: Scope,
) -> list[tuple[str, str, ColumnDef]]:
    """Return (quoted column, SQL of its new value, column)."""
    result = []
    for name, node in sets:
        column = table.column(name.name)
        if column.computed is not None:
            raise error(
                3105, f"The value specified for computed column '{column.name}' is not allowed"
            )
        if isinstance(node, nodes.Default):
            sql = default_of(session, translator, column)
        else:
            sql = convert.assign(translator.expression(node, scope), column)
        sql = f"CAST({sql} AS {column.type.storage})" if sql == "NULL" else sql
        result.append((quote_identifier(column.name), sql, column))
    return result


def update(session: Session, node: nodes.Update) -> Changed:
    """Run UPDATE of one table, or of one table of a join."""
    from .session import Changed

    translator = session.translator()
    scope = Scope(clause="field list")
    source = translator.source(node.source, scope)
    table, alias = _target_of(session, node, scope)
    assignments = _assignments(session, translator, table, node.sets, scope)
    touched = {column.name for _, _, column in assignments}
    changed = " OR ".join(f"{alias}.{name} IS DISTINCT FROM {sql}" for name, sql, _ in assignments)
    for column in table.columns:
        if column.on_update is not None and column.name not in touched:
            value = translator.expression(session.expression(column.on_update), Scope())
            name = quote_identifier(column.name)
            sql = convert.assign(value, column)
            new = f"CASE WHEN {changed} THEN {sql} ELSE {alias}.{name} END"
            assignments.append((name, new, column))
    scope.clause = "where clause"
    where = translator.boolean(node.where, scope) if node.where is not None else "true"
    target = session.physical(table)
    single = isinstance(node.source, nodes.TableName)
    condition = where if session.found_rows_flag else f"({where}) AND ({changed})"

    def work(run: Run) -> Changed:
        if single and not node.order and node.limit is None:
            listed = ", ".join(f"{name} = {sql}" for name, sql, _ in assignments)
            sql = f"UPDATE {target} AS {alias} SET {listed} WHERE {condition}"
        else:
            order = f" {translator.order_by(node.order, scope)}" if node.order else ""
            values = ", ".join(f"{sql} AS v{i}" for i, (_, sql, _) in enumerate(assignments))
            listed = ", ".join(f"{name} = u.v{i}" for i, (name, _, _) in enumerate(assignments))
            new = f"SELECT {alias}.rowid AS rid, ({changed}) AS changed, {values} FROM {source} " \
                  f"WHERE {where}{order}{translator.limit(node)}"  # fmt: skip
            if not single:
                new = f"SELECT DISTINCT ON (rid) * FROM ({new}) AS q"
            only = "" if session.found_rows_flag else " AND u.changed"
            sql = f"UPDATE {target} AS x SET {listed} FROM ({new}) AS u WHERE x.rowid = u.rid{only}"
        affected = _count(describe(table, lambda: run(sql)))
        recompute(session, table, run)
        return Changed(affected)

    return session.change([table], work, no_replay=lambda: _random(translator))


def _target_of(session: Session, node: nodes.Update, scope: Scope) -> tuple[Table, str]:
    """Return the one table whose columns are set."""
    found: list[Relation] = []
    for name, _ in node.sets:
        value = scope.resolve(name)
        if not isinstance(value, Typed):
            raise error(1054, f"Unknown column '{name.name}' in 'field list'")
        for relation in scope.relations:
            if any(c.value is value for c in relation.columns) and relation not in found:
                found.append(relation)
    if len(found) != 1:
        raise unsupported("UPDATE of several tables at once")
    relation = found[0]
    origin = relation.columns[0].value.origin
    if not origin[1]:
        raise error(1288, f"The target table {relation.alias} of the UPDATE is not updatable")
    table = writable(session, nodes.TableName(origin[1], origin[3]))
    return table, relation.columns[0].value.sql.partition(".")[0]


# -- DELETE ----------------------------------------------------------------------------------


def delete(session: Session, node: nodes.Delete) -> Changed:
    """Run DELETE, of one table or several."""
    from .session import Changed

    translator = session.translator()
    scope = Scope()
    source = translator.source(node.source, scope)
    targets = [_delete_target(session, target, scope) for target in node.targets]
    scope.clause = "where clause"
    where = translator.boolean(node.where, scope) if node.where is not None else "true"
    order = f" {translator.order_by(node.order, scope)}" if node.order else ""
    limit = translator.limit(node)

    def work(run: Run) -> Changed:
        affected = 0
        if isinstance(node.source, nodes.TableName) and not order and not limit:
            table, alias = targets[0]
            sql = f"DELETE FROM {session.physical(table)} AS {alias} WHERE {where}"
            return Changed(_count(run(sql)))
        ids = ", ".join(f"{alias}.rowid AS r{i}" for i, (_, alias) in enumerate(targets))
        run(
            f"CREATE OR REPLACE TEMP TABLE s2_gone AS SELECT {ids} FROM {source} "
            f"WHERE {where}{order}{limit}"
        )
        for i, (table, _) in enumerate(targets):
            affected += _count(run(
                f"DELETE FROM {session.physical(table)} WHERE rowid IN (SELECT r{i} FROM s2_gone)"
            ))  # fmt: skip
        run("DROP TABLE temp.main.s2_gone")
        return Changed(affected)

    return session.change(
        [table for table, _ in targets], work, no_replay=lambda: _random(translator)
    )


def _delete_target(session: Session, target: nodes.TableName, scope: Scope) -> tuple[Table, str]:
    wanted = (target.alias or target.name).lower()
    for relation in scope.relations:
        origin = relation.columns[0].value.origin
        if wanted in (relation.alias.lower(), origin[1].lower()) and origin[1]:
            table = writable(session, nodes.TableName(origin[1], origin[3]))
            return table, relation.columns[0].value.sql.partition(".")[0]
    raise error(1109, f"Unknown table '{target.name}' in MULTI DELETE")
