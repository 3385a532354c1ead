"""Aggregate and window functions.

A builder of this module returns SQL with ``{over}`` in every place where a window goes; the
translator fills it with the OVER clause or with nothing.
"""

from __future__ import annotations

from singlestoredb_embedded import nodes
from singlestoredb_embedded.errors import unsupported
from singlestoredb_embedded.lex import quote_string
from singlestoredb_embedded.translate import convert
from singlestoredb_embedded.translate.typed import Typed
from singlestoredb_embedded.types import BIGINT, DOUBLE, JSON, LONGTEXT, UBIGINT, SqlType, decimal

from .numeric import _exact_division, unsigned
from .registry import Context, builder


def escape(sql: str) -> str:
    """Protect braces in argument SQL from the filling of ``{over}``."""
    return sql.replace("{", "{{").replace("}", "}}")


@builder("COUNT", 0, None, "aggregate")
def _count(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    if call.star or not args:
        return Typed("count(*){over}", BIGINT, exact=True, nullable=False)
    keys = [escape(convert.key(a)) for a in args]
    if call.distinct:
        if len(keys) == 1:
            sql = f"count(DISTINCT {keys[0]}){{over}}"
        else:
            present = " AND ".join(f"{k} IS NOT NULL" for k in keys)
            row = f"row({', '.join(keys)})"
            sql = f"count(DISTINCT CASE WHEN {present} THEN {row} END){{over}}"
    elif len(keys) > 1:
        raise unsupported("COUNT of several expressions without DISTINCT")
    else:
        sql = f"count({escape(args[0].sql)}){{over}}"
    return Typed(sql, BIGINT, exact=True, nullable=False)


def _distinct(call: nodes.Call) -> str:
    return "DISTINCT " if call.distinct else ""


def _summed(value: Typed) -> tuple[str, SqlType]:
    number = convert.to_number(value)
    if number.type.family == "float":
        return escape(convert.to_double(number)), DOUBLE
    if number.type.is_integer:
        return escape(number.sql), decimal(38, 0)
    return escape(number.sql), decimal(38, number.type.scale)


@builder("SUM", 1, 1, "aggregate")
def _sum(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    sql, kind = _summed(args[0])
    return Typed(f"CAST(sum({_distinct(call)}{sql}){{over}} AS {kind.storage})", kind, exact=True)


@builder("AVG", 1, 1, "aggregate")
def _avg(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    sql, kind = _summed(args[0])
    distinct = _distinct(call)
    if kind.family == "float":
        return Typed(f"avg({distinct}{sql}){{over}}", DOUBLE, exact=True)
    narrow = decimal(min(38, convert.to_number(args[0]).type.digits + kind.scale + 5), kind.scale)
    total = Typed(f"CAST(sum({distinct}{sql}){{over}} AS {narrow.storage})", narrow)
    count = Typed(f"count({distinct}{sql}){{over}}", SqlType("INT"))
    quotient = _exact_division(total, count)
    result = decimal(narrow.precision + 4, kind.scale + 4)
    return Typed(f"CAST({quotient.sql} AS {result.storage})", result, exact=True)


def _extreme(name: str, by: str) -> None:
    @builder(name, 1, 1, "aggregate")
    def _(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
        value = args[0]
        kind = value.type
        if kind.family == "bool":
            value = convert.to_number(value)
            kind = value.type
        if kind.is_text and not kind.case_sensitive:
            sql = f"arg_{name.lower()}({escape(value.sql)}, {escape(convert.key(value))}){{over}}"
        else:
            sql = f"{name.lower()}({escape(value.sql)}){{over}}"
        return Typed(sql, kind, exact=value.exact)


_extreme("MIN", "<")
_extreme("MAX", ">")


def _statistic(names: str, sql: str) -> None:
    @builder(names, 1, 1, "aggregate")
    def _(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
        return Typed(f"{sql}({escape(convert.to_double(args[0]))}){{over}}", DOUBLE, exact=True)


_statistic("STD STDDEV STDDEV_POP", "stddev_pop")
_statistic("STDDEV_SAMP", "stddev_samp")
_statistic("VARIANCE VAR_POP", "var_pop")
_statistic("VAR_SAMP", "var_samp")
_statistic("MEDIAN", "median")


def _bits(name: str, empty: int) -> None:
    @builder(name, 1, 1, "aggregate")
    def _(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
        value = escape(unsigned(args[0]))
        return Typed(
            f"coalesce({name.lower()}({value}){{over}}, {empty}::UBIGINT)", UBIGINT, exact=True,
            nullable=False,
        )  # fmt: skip


_bits("BIT_AND", 2**64 - 1)
_bits("BIT_OR", 0)
_bits("BIT_XOR", 0)


@builder("ANY_VALUE", 1, 1, "aggregate")
def _any_value(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    return Typed(f"any_value({escape(args[0].sql)}){{over}}", args[0].type)


@builder("APPROX_COUNT_DISTINCT", 1, 1, "aggregate")
def _approximate(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    return Typed(f"approx_count_distinct({escape(convert.key(args[0]))}){{over}}", BIGINT,
                 nullable=False)  # fmt: skip


@builder("JSON_AGG", 1, 1, "aggregate")
def _json_agg(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    from .jsons import json_value

    return Typed(f"CAST(to_json(list({escape(json_value(args[0]))}){{over}}) AS VARCHAR)", JSON)


def _by_time(name: str, sql: str) -> None:
    @builder(name, 2, 2, "aggregate")
    def _(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
        value, moment = (escape(a.sql) for a in args)
        return Typed(f"{sql}({value}, {moment}){{over}}", args[0].type)


_by_time("FIRST", "arg_min")
_by_time("LAST", "arg_max")


@builder("GROUP_CONCAT", 1, None, "aggregate")
def _group_concat(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    separator = quote_string("," if call.separator is None else call.separator)
    value = "(" + " || ".join(convert.to_text(a) for a in args) + ")"
    ordered = "{order}"
    items = f"list({escape(value)}{ordered}) FILTER ({escape(value)} IS NOT NULL){{over}}"
    if call.distinct:
        folded = all(a.type.case_sensitive for a in args)
        compare = "{0}" if folded else "s2.key({0})"
        keys = f"list_transform({items}, lambda e: {compare.format('e')})"
        items = (
            f"list_filter({items}, lambda e, i: list_position({keys}, {compare.format('e')}) = i)"
        )
    return Typed(f"array_to_string({items}, {separator})", LONGTEXT)


# -- windows only ----------------------------------------------------------------------------


def _ranking(name: str, kind: SqlType) -> None:
    @builder(name, 0, 0, "window")
    def _(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
        return Typed(f"{name.lower()}(){{over}}", kind, exact=True, nullable=False)


for _name in ("ROW_NUMBER", "RANK", "DENSE_RANK"):
    _ranking(_name, BIGINT)
for _name in ("PERCENT_RANK", "CUME_DIST"):
    _ranking(_name, DOUBLE)


@builder("NTILE", 1, 1, "window")
def _ntile(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    return Typed(f"ntile({escape(convert.to_bigint(args[0]))}){{over}}", BIGINT, exact=True)


def _offset(name: str) -> None:
    @builder(name, 1, 3, "window")
    def _(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
        parts = [escape(args[0].sql)]
        if len(args) > 1:
            parts.append(escape(convert.to_bigint(args[1])))
        if len(args) > 2:
            parts.append(escape(convert.as_type(args[2], args[0].type)))
        nulls = " IGNORE NULLS" if call.ignore_nulls else ""
        return Typed(f"{name.lower()}({', '.join(parts)}{nulls}){{over}}", args[0].type,
                     exact=args[0].exact)  # fmt: skip


_offset("LAG")
_offset("LEAD")


def _value(name: str, arguments: int) -> None:
    @builder(name, arguments, arguments, "window")
    def _(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
        parts = [escape(args[0].sql), *(escape(convert.to_bigint(a)) for a in args[1:])]
        nulls = " IGNORE NULLS" if call.ignore_nulls else ""
        return Typed(f"{name.lower()}({', '.join(parts)}{nulls}){{over}}", args[0].type,
                     exact=args[0].exact)  # fmt: skip


_value("FIRST_VALUE", 1)
_value("LAST_VALUE", 1)
_value("NTH_VALUE", 2)
