"""Conditional and informative functions."""

from __future__ import annotations

from singlestoredb_embedded import nodes
from singlestoredb_embedded.lex import quote_string
from singlestoredb_embedded.translate import convert
from singlestoredb_embedded.translate.typed import Typed
from singlestoredb_embedded.types import BIGINT, BOOL, INT, UBIGINT, VARCHAR, SqlType, common

from .registry import Context, builder, constant, plain

plain("ISNULL", "x", "({0} IS NULL)", BOOL)
plain("IS_UUID", "t", "(TRY_CAST({0} AS UUID) IS NOT NULL)", BOOL)


def _of(values: list[Typed]) -> SqlType:
    return common([v.type for v in values])


@builder("IF", 3)
def _if(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    kind = _of(args[1:])
    yes, no = (convert.as_type(a, kind) for a in args[1:])
    return Typed(f"CASE WHEN {convert.to_bool(args[0])} THEN {yes} ELSE {no} END", kind)


@builder("IFNULL NVL", 2)
def _ifnull(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    kind = _of(args)
    a, b = (convert.as_type(x, kind) for x in args)
    return Typed(f"coalesce({a}, {b})", kind, nullable=args[1].nullable)


@builder("NVL2", 3)
def _nvl2(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    kind = _of(args[1:])
    a, b = (convert.as_type(x, kind) for x in args[1:])
    return Typed(f"CASE WHEN {args[0].sql} IS NOT NULL THEN {a} ELSE {b} END", kind)


@builder("COALESCE", 1, None)
def _coalesce(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    kind = _of(args)
    return Typed(f"coalesce({', '.join(convert.as_type(a, kind) for a in args)})", kind,
                 nullable=all(a.nullable for a in args))  # fmt: skip


@builder("NULLIF", 2)
def _nullif(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    a, b = convert.comparable(args[0], args[1])
    value = convert.to_number(args[0]) if args[0].type.family == "bool" else args[0]
    return Typed(f"CASE WHEN {a} = {b} THEN NULL ELSE {value.sql} END", value.type)


@builder("DECODE", 3, None)
def _decode(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    rest = args[1:]
    pairs = list(zip(rest[0::2], rest[1::2], strict=False))
    default = rest[-1] if len(rest) % 2 else None
    results = [result for _, result in pairs] + ([default] if default is not None else [])
    kind = _of(results)
    whens = []
    for match, result in pairs:
        a, b = convert.comparable(args[0], match)
        whens.append(f"WHEN {a} IS NOT DISTINCT FROM {b} THEN {convert.as_type(result, kind)}")
    last = f" ELSE {convert.as_type(default, kind)}" if default is not None else ""
    return Typed(f"CASE {' '.join(whens)}{last} END", kind)


def _text(value: str | None) -> Typed:
    if value is None:
        return Typed("CAST(NULL AS VARCHAR)", VARCHAR)
    return Typed(quote_string(value), VARCHAR, nullable=False)


@builder("DATABASE SCHEMA", 0)
def _database(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    return _text(context.database or None)


@builder("USER CURRENT_USER SESSION_USER SYSTEM_USER", 0)
def _user(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    return _text(f"{context.user}@%")


@builder("VERSION", 0)
def _version(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    return _text(str(context.variable("version")))


@builder("CONNECTION_ID", 0)
def _connection_id(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    return Typed(f"CAST({context.connection_id} AS BIGINT)", BIGINT, exact=True, nullable=False)


@builder("LAST_INSERT_ID", 0)
def _last_insert_id(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    return Typed(f"CAST({context.last_insert_id} AS UBIGINT)", UBIGINT, exact=True, nullable=False)


@builder("ROW_COUNT", 0)
def _row_count(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    return Typed(f"CAST({context.row_count} AS BIGINT)", BIGINT, exact=True, nullable=False)


@builder("FOUND_ROWS", 0)
def _found_rows(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    return Typed(f"CAST({context.found_rows} AS BIGINT)", BIGINT, exact=True, nullable=False)


@builder("UUID", 0)
def _uuid(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    context.mark_random()
    return Typed("CAST(uuid() AS VARCHAR)", SqlType("VARCHAR", length=36), nullable=False)


@builder("CHARSET", 1)
def _charset(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    return _text("utf8mb4" if args[0].type.family in ("text", "json") else "binary")


@builder("COLLATION", 1)
def _collation(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    if args[0].type.family not in ("text", "json"):
        return _text("binary")
    return _text(args[0].type.collation or "utf8mb4_general_ci")


@builder("SLEEP", 1)
def _sleep(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    context.mark_volatile()
    context.sleep(float(constant(args[0], "the duration of SLEEP()")))
    return Typed("0", INT)
