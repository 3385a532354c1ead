"""Conversions between types, as SQL text: implicit ones, CAST, and assignment to a column."""

from __future__ import annotations

import math
import struct

from singlestoredb_embedded.catalog import ColumnDef
from singlestoredb_embedded.errors import error, unsupported
from singlestoredb_embedded.lex import quote_string
from singlestoredb_embedded.nodes import Literal
from singlestoredb_embedded.types import BIGINT, BOOL, DOUBLE, LONGTEXT, SqlType, decimal

from .typed import Typed

_DATETIME_TEXT = {0: "'%Y-%m-%d %H:%M:%S'", 6: "'%Y-%m-%d %H:%M:%S.%f'"}


def to_text(value: Typed) -> str:
    """Return SQL for the text that the server would print for ``value``."""
    sql, kind = value.sql, value.type
    family = kind.family
    if family in ("text", "json"):
        return sql
    if family == "null":
        return "CAST(NULL AS VARCHAR)"
    if family == "float":
        return f"s2.{'float' if kind.kind == 'FLOAT' else 'double'}_text({sql})"
    if family == "binary":
        return f"decode({sql})"
    if family == "time":
        return f"s2.time_text({sql}, {kind.scale})"
    if family == "datetime":
        return f"strftime({sql}, {_DATETIME_TEXT[6 if kind.scale else 0]})"
    if family == "date":
        return f"strftime({sql}, '%Y-%m-%d')"
    if family == "bool":
        return f"CAST(CAST({sql} AS INTEGER) AS VARCHAR)"
    if family == "bit":
        return f"decode(ltrim(s2.blob_of_uint({sql}), chr(0)))"
    if family == "vector":
        printed = "s2.double_text(e)" if kind.element == "F64" else "CAST(e AS VARCHAR)"
        if kind.element in ("F32", "F16"):
            printed = "s2.double_text(CAST(printf('%.9g', e::DOUBLE) AS DOUBLE))"
        return (
            f"'[' || array_to_string([{printed} for e in CAST({sql} AS "
            f"{kind.storage.partition('[')[0]}[])], ',') || ']'"
        )
    if family == "decimal" and kind.precision == kind.scale and kind.precision < 38:
        # Without a digit for it, DuckDB leaves out the 0 before the point.
        sql = f"CAST({sql} AS DECIMAL({kind.precision + 1},{kind.scale}))"
    return f"CAST({sql} AS VARCHAR)"


def to_blob(value: Typed) -> str:
    """Return SQL for the bytes of ``value``."""
    if value.type.family == "binary":
        return value.sql
    if value.type.family == "bit":
        return f"s2.blob_of_uint({value.sql})"
    if value.literal is not None and value.literal.kind == "string":
        return f"unhex('{value.literal.text.encode('utf-8', 'surrogateescape').hex()}')"
    return f"encode({to_text(value)})"


def to_number(value: Typed) -> Typed:
    """Return ``value`` as a number of the type that the server computes with."""
    sql, family = value.sql, value.type.family
    if family == "bool":
        return Typed(f"CAST({sql} AS BIGINT)", BIGINT, exact=True)
    if value.type.is_numeric:
        return value
    if family == "null":
        return Typed("CAST(NULL AS BIGINT)", BIGINT, exact=True)
    if family == "date":
        return Typed(f"s2.number_of_date({sql})", BIGINT, exact=True)
    if family == "datetime":
        if value.type.scale:
            return Typed(
                f"(s2.number_of_datetime({sql}) + CAST(microsecond({sql}) % 1000000 AS "
                "DECIMAL(20,6)) / 1000000::DECIMAL(7,0))::DECIMAL(20,6)",
                decimal(20, 6),
            )
        return Typed(f"s2.number_of_datetime({sql})", BIGINT, exact=True)
    if family == "time":
        return Typed(f"s2.number_of_time({sql})", BIGINT, exact=True)
    if family in ("text", "json"):
        folded = _fold_number(value)
        return folded or Typed(f"s2.num({sql})", DOUBLE, exact=True)
    if family == "binary":
        if value.literal is not None and value.literal.kind == "hex":
            return Typed(str(int(value.literal.text or "0", 16)), SqlType("BIGINT", unsigned=True))
        return Typed(f"s2.num(decode({sql}))", DOUBLE, exact=True)
    raise unsupported(f"{value.type.kind} as a number")


def _fold_number(value: Typed) -> Typed | None:
    literal = value.literal
    if literal is None or literal.kind != "string":
        return None
    text = literal.text.strip()
    digits = text[1:] if text[:1] in "+-" else text
    if digits.isdigit() and digits.isascii() and len(digits) <= 18:
        return Typed(str(int(text)), BIGINT, Literal("integer", str(int(text))))
    return None


def to_double(value: Typed) -> str:
    """Return SQL for ``value`` as a DOUBLE."""
    number = to_number(value)
    return number.sql if number.type.kind == "DOUBLE" and number.exact else (
        f"CAST({number.sql} AS DOUBLE)"
    )  # fmt: skip


def to_bigint(value: Typed) -> str:
    """Return SQL for ``value`` as a BIGINT, rounded as an argument of a function is."""
    if value.type.family in ("text", "json", "binary"):
        folded = _fold_number(value)
        if folded is not None:
            return f"CAST({folded.sql} AS BIGINT)"
        return f"CAST(s2.int_of_text({to_text(value)}) AS BIGINT)"
    return f"CAST({to_number(value).sql} AS BIGINT)"


def to_bool(value: Typed) -> str:
    """Return SQL for the truth of ``value``."""
    if value.type.family == "bool":
        return value.sql
    if value.is_null:
        return "CAST(NULL AS BOOLEAN)"
    return f"({to_number(value).sql} <> 0)"


def to_datetime(value: Typed) -> str:
    """Return SQL for ``value`` as a TIMESTAMP; NULL where it is none."""
    family = value.type.family
    if family == "datetime":
        return value.sql
    if family == "date":
        return f"CAST({value.sql} AS TIMESTAMP)"
    if family == "time":
        return f"(CAST(current_date AS TIMESTAMP) + {value.sql})"
    if value.is_null:
        return "CAST(NULL AS TIMESTAMP)"
    if value.type.is_numeric:
        return f"s2.datetime_of_number({value.sql})"
    return f"s2.datetime_of_text({to_text(value)})"


def to_date(value: Typed) -> str:
    """Return SQL for ``value`` as a DATE; NULL where it is none."""
    if value.type.family == "date":
        return value.sql
    return f"CAST({to_datetime(value)} AS DATE)"


def to_time(value: Typed) -> str:
    """Return SQL for ``value`` as a TIME; NULL where it is none."""
    family = value.type.family
    if family == "time":
        return value.sql
    if family == "datetime":
        return f"s2.time_of_datetime({value.sql})"
    if family == "date":
        return f"(CASE WHEN {value.sql} IS NULL THEN NULL ELSE to_microseconds(0) END)"
    if value.is_null:
        return "CAST(NULL AS INTERVAL)"
    if value.type.is_numeric:
        return f"s2.time_of_number({value.sql})"
    return f"s2.time_of_text({to_text(value)})"


def cast(value: Typed, target: SqlType, mode: str) -> Typed:
    """Return ``value`` converted by CAST or ``:>`` (what does not fit becomes the nearest value)
    or by ``!:>`` (it becomes NULL)."""
    if value.is_null:
        return Typed(f"CAST(NULL AS {target.storage})", target, exact=True)
    sql = _cast(value, target, mode == "try")
    return Typed(f"CAST({sql} AS {target.storage})", target, exact=True, nullable=value.nullable)


def _cast(value: Typed, target: SqlType, strict_null: bool) -> str:
    family = target.family
    if family in ("int", "year", "bit", "bool"):
        return _cast_integer(value, target, strict_null)
    if family == "float":
        if strict_null and value.type.family == "text":
            return f"TRY_CAST({value.sql} AS DOUBLE)"
        return to_double(value)
    if family == "decimal":
        number = to_number(value)
        if number.type.family == "float":
            number = Typed(f"round({number.sql}, {target.scale})", DOUBLE)
        if value.type.family == "text":
            number = Typed(f"TRY_CAST(trim({value.sql}) AS {target.storage})", target)
            if strict_null:
                return number.sql
            number.sql = f"coalesce({number.sql}, s2.num({value.sql}))"
        largest = "9" * (target.precision - target.scale) or "0"
        if target.scale:
            largest += "." + "9" * target.scale
        clipped = "NULL" if strict_null else (
            f"CASE WHEN {number.sql} < 0 THEN -{largest} WHEN {number.sql} IS NOT NULL "
            f"THEN {largest} END"
        )  # fmt: skip
        return f"coalesce(TRY_CAST({number.sql} AS {target.storage}), {clipped})"
    if family == "date":
        return to_date(value)
    if family == "datetime":
        return _seconds(to_datetime(value), target)
    if family == "time":
        return _time_seconds(to_time(value), target)
    if family == "text":
        text = to_text(value)
        return f"left({text}, {target.length})" if target.length and not target.values else text
    if family == "binary":
        blob = to_blob(value)
        if target.kind == "BINARY" and target.length and target.length > 1:
            return _pad(blob, target.length)
        return blob
    if family == "json":
        if value.type.family == "json":
            return value.sql
        if value.type.family == "text":
            bad = "NULL" if strict_null else "s2.fail(1844, 'Invalid JSON value')"
            return f"CASE WHEN json_valid({value.sql}) THEN CAST(json({value.sql}) AS VARCHAR) " \
                   f"WHEN {value.sql} IS NOT NULL THEN {bad} END"  # fmt: skip
        return f"CAST(to_json({value.sql}) AS VARCHAR)"
    if family == "vector":
        return to_vector(value, target)
    return value.sql


def _cast_integer(value: Typed, target: SqlType, strict_null: bool) -> str:
    low, high = target.range or (-(2**63), 2**63 - 1)
    if value.type.family in ("text", "json"):
        if strict_null:
            return f"TRY_CAST({value.sql} AS {target.storage})"
        number = f"s2.int_of_text({value.sql})"
    elif value.type.family == "binary" and value.literal is None:
        number = f"s2.int_of_text(decode({value.sql}))"
    else:
        typed = to_number(value)
        number = typed.sql
        if typed.type.family == "float":
            number = f"round({number})"
    if value.type.is_integer and (value.type.range or (low, high))[0] >= low and (
        value.type.range or (low, high)
    )[1] <= high:  # fmt: skip
        return number
    if target.kind == "BIGINT" and target.unsigned:
        # A negative number becomes its two's complement, as on the server.
        wide = f"CAST({number} AS HUGEINT)"
        return f"(CASE WHEN {wide} < 0 THEN {wide} + 18446744073709551616 ELSE " \
               f"s2.clip({wide}, 0, 18446744073709551615) END)"  # fmt: skip
    if strict_null:
        return f"TRY_CAST({number} AS {target.storage})"
    wide = f"CAST({number} AS {'DOUBLE' if value.type.family == 'float' else 'HUGEINT'})"
    if value.type.family == "float":
        return f"(CASE WHEN {wide} >= {high} THEN {high} WHEN {wide} <= {low} THEN {low} " \
               f"ELSE CAST({wide} AS BIGINT) END)"  # fmt: skip
    return f"s2.clip({wide}, {low}, {high})"


def to_vector(value: Typed, target: SqlType) -> str:
    """Return SQL for ``value`` as a vector of the type ``target``."""
    if value.type.family == "vector":
        return f"CAST({value.sql} AS {target.storage})"
    if value.type.family in ("text", "json"):
        return f"CAST({value.sql} AS {target.storage})"
    if value.type.family == "binary":
        return _unpacked(value, target)
    raise error(1105, f"Cannot convert {value.type.kind} to {target.show().upper()}")


_PACKED = {"F32": "f", "F64": "d", "I8": "b", "I16": "h", "I32": "i", "I64": "q", "F16": "e"}
"""Element type of a VECTOR → its letter in :mod:`struct`."""


def _unpacked(value: Typed, target: SqlType) -> str:
    """Read a constant of packed little-endian elements: how clients send arrays."""
    if value.literal is None or value.literal.kind != "hex":
        raise unsupported("a packed binary string that is no constant as a VECTOR")
    raw = bytes.fromhex(value.literal.text)
    layout = f"<{target.length or 0}{_PACKED[target.element]}"
    if len(raw) != struct.calcsize(layout):
        raise error(1105, f"Packed vector has {len(raw)} bytes, not {struct.calcsize(layout)}")
    items = ", ".join(
        repr(item) if math.isfinite(item) else f"CAST('{item}' AS DOUBLE)"
        for item in struct.unpack(layout, raw)
    )
    return f"CAST([{items}] AS {target.storage})"


def _seconds(sql: str, target: SqlType) -> str:
    return sql if target.scale else f"date_trunc('second', {sql})"


def _time_seconds(sql: str, target: SqlType) -> str:
    if target.scale:
        return sql
    return f"to_microseconds(epoch_us({sql}) // 1000000 * 1000000)"


def _pad(blob: str, length: int) -> str:
    return f"unhex(left(rpad(hex({blob}), {2 * length}, '0'), {2 * length}))"


# -- assignment ------------------------------------------------------------------------------


def assign(value: Typed, column: ColumnDef) -> str:
    """Return SQL that stores ``value`` in ``column``.

    What does not fit raises, at translation when the value is a constant, else when it runs:
    1264 out of range, 1406 too long, 1366 no number, 1292 no date, 1265 no member of an ENUM.
    """
    target = column.type
    if value.is_null:
        if not column.nullable:
            raise error(1048, f"Column '{column.name}' cannot be null")
        return "NULL"
    if value.exact and value.type == target and target.family not in ("text", "binary"):
        return value.sql
    family = target.family
    if family in ("int", "year", "bit"):
        return _assign_integer(value, column)
    if family == "float":
        return _assign_double(value, column)
    if family == "decimal":
        return _assign_decimal(value, column)
    if family in ("date", "datetime", "time"):
        return _assign_temporal(value, column)
    if family == "text":
        return _assign_text(value, column)
    if family == "binary":
        return _assign_binary(value, column)
    if family == "json":
        return _assign_json(value, column)
    return to_vector(value, target)


def _fail(number: int, message: str, value_sql: str | None = None) -> str:
    """SQL that raises; ``%`` in the message stands for the value."""
    if value_sql is None:
        return f"s2.fail({number}, {quote_string(message)})"
    before, _, after = message.partition("%")
    return (
        f"s2.fail({number}, {quote_string(before)} || left(CAST({value_sql} AS VARCHAR), 64) || "
        f"{quote_string(after)})"
    )


def _range_message(column: ColumnDef) -> str:
    return f"Out of range value for column '{column.name}' at row 1"


def _assign_integer(value: Typed, column: ColumnDef) -> str:
    target = column.type
    low, high = target.range or (0, 0)
    if target.kind == "BIT" and target.length:
        high = 2**target.length - 1
    storage = target.storage
    literal = value.literal
    if literal is not None and literal.kind in ("integer", "bool", "hex", "bits"):
        base = {"hex": 16, "bits": 2}.get(literal.kind, 10)
        number = int(literal.text or "0", base)
        if not low <= number <= high or (target.kind == "YEAR" and 0 < number < 1901):
            raise error(1264, _range_message(column))
        return f"CAST({number} AS {storage})"
    if value.type.family in ("text", "json"):
        sql = value.sql
        label = "integer" if target.family == "int" else target.kind.lower()
        incorrect = _fail(
            1366, f"Incorrect {label} value: '%' for column '{column.name}' at row 1", sql
        )
        bad = (
            f"CASE WHEN {sql} IS NULL THEN NULL WHEN regexp_matches({sql}, '^\\s*[-+]?\\d') AND "
            f"TRY_CAST({sql} AS DOUBLE) IS NOT NULL THEN "
            f"{_fail(1264, _range_message(column))} ELSE {incorrect} END"
        )
        converted = f"TRY_CAST({sql} AS {storage})"
        check = _bounds(converted, column, low, high)
        return f"coalesce({check}, {bad})"
    number_value = to_number(value)
    sql = number_value.sql
    source = number_value.type
    if source.is_integer and source.range and low <= source.range[0] and (
        source.range[1] <= high and target.kind != "YEAR"
    ):  # fmt: skip
        return f"CAST({sql} AS {storage})"
    # Rounding comes first: 127.4 fits a TINYINT.
    rounded = sql if source.is_integer else f"round({sql})"
    return (
        f"CASE WHEN {rounded} NOT BETWEEN {low} AND {high} THEN "
        f"{_fail(1264, _range_message(column))} ELSE "
        f"{_bounds(f'CAST({rounded} AS {storage})', column, low, high)} END"
    )


def _bounds(sql: str, column: ColumnDef, low: int, high: int) -> str:
    """Check what the storage type does not check itself."""
    kind = column.type.kind
    if kind not in ("MEDIUMINT", "YEAR", "BIT") or (kind == "BIT" and high == 2**64 - 1):
        return sql
    allowed = "= 0 OR {0} BETWEEN 1901 AND 2155" if kind == "YEAR" else f"BETWEEN {low} AND {high}"
    condition = f"{sql} {allowed.format(sql)}"
    return f"CASE WHEN NOT ({condition}) THEN {_fail(1264, _range_message(column))} ELSE {sql} END"


def _assign_double(value: Typed, column: ColumnDef) -> str:
    storage = column.type.storage
    if value.type.family in ("text", "json"):
        bad = _fail(
            1366, f"Incorrect double value: '%' for column '{column.name}' at row 1", value.sql
        )
        numeric = f"regexp_matches({value.sql}, '^[-+0-9.eE\\s]+$')"
        return (
            f"coalesce(CASE WHEN {numeric} THEN TRY_CAST({value.sql} AS {storage}) END, "
            f"CASE WHEN {value.sql} IS NOT NULL THEN {bad} END)"
        )
    return f"CAST({to_number(value).sql} AS {storage})"


def _assign_decimal(value: Typed, column: ColumnDef) -> str:
    storage = column.type.storage
    if value.type.family in ("text", "json"):
        sql = f"trim({value.sql})"
        bad = (
            f"CASE WHEN TRY_CAST({sql} AS DOUBLE) IS NOT NULL THEN "
            f"{_fail(1264, _range_message(column))} ELSE "
            + _fail(1366, f"Incorrect decimal value: '%' for column '{column.name}' at row 1", sql)
            + " END"
        )
    else:
        sql = to_number(value).sql
        if value.type.family == "float":
            sql = f"round({sql}, {column.type.scale})"
        bad = _fail(1264, _range_message(column))
    return f"coalesce(TRY_CAST({sql} AS {storage}), CASE WHEN {sql} IS NOT NULL THEN {bad} END)"


def _assign_temporal(value: Typed, column: ColumnDef) -> str:
    target = column.type
    family = target.family
    if family == value.type.family:
        converted = value.sql
    else:
        converted = {"date": to_date, "datetime": to_datetime, "time": to_time}[family](value)
    if family == "datetime":
        converted = _seconds(converted, target)
    elif family == "time":
        converted = _time_seconds(converted, target)
    if value.type.is_temporal:
        return converted
    text = to_text(value)
    label = "time" if family == "time" else "date" if family == "date" else "datetime"
    bad = _fail(1292, f"Incorrect {label} value: '%' for column '{column.name}' at row 1", text)
    return f"coalesce({converted}, CASE WHEN {text} IS NOT NULL THEN {bad} END)"


def _assign_text(value: Typed, column: ColumnDef) -> str:
    target = column.type
    sql = to_text(value)
    if target.kind == "CHAR":
        sql = f"rtrim({sql}, ' ')"
    if target.values:
        return _assign_member(value, sql, column)
    too_long = f"Data too long for column '{column.name}' at row 1"
    limit = target.length
    if limit is None:
        limit = {"TINYTEXT": 255, "TEXT": 65535}.get(target.kind)
    if limit is None:
        return sql
    literal = value.literal
    if literal is not None and literal.kind == "string":
        if len(literal.text.rstrip(" ") if target.kind == "CHAR" else literal.text) > limit:
            raise error(1406, too_long)
        return sql
    source = value.type
    if source.is_text and source.length is not None and source.length <= limit and value.exact:
        return sql
    return f"CASE WHEN length({sql}) > {limit} THEN {_fail(1406, too_long)} ELSE {sql} END"


def _assign_member(value: Typed, sql: str, column: ColumnDef) -> str:
    target = column.type
    message = f"Data truncated for column '{column.name}' at row 1"
    members = {v.lower(): v for v in target.values}
    literal = value.literal
    if literal is not None and literal.kind == "string":
        parts = literal.text.split(",") if target.kind == "SET" else [literal.text]
        if literal.text == "" and target.kind == "SET":
            return "''"
        found = [members.get(part.lower().rstrip(" ")) for part in parts]
        if None in found:
            raise error(1265, message)
        chosen = [str(m) for m in found]
        if target.kind == "SET":
            chosen = sorted(set(chosen), key=target.values.index)
        return quote_string(",".join(chosen))
    if value.type.is_integer and target.kind == "ENUM":
        whens = " ".join(f"WHEN {i} THEN {quote_string(v)}" for i, v in enumerate(target.values, 1))
        return f"CASE {value.sql} {whens} ELSE {_fail(1265, message)} END"
    whens = " ".join(
        f"WHEN lower({sql}) = {quote_string(low)} THEN {quote_string(v)}"
        for low, v in members.items()
    )
    if target.kind == "ENUM":
        return f"CASE WHEN {sql} IS NULL THEN NULL {whens} ELSE {_fail(1265, message)} END"
    wanted = ", ".join(quote_string(v) for v in target.values)
    lowered = f"string_split(lower({sql}), ',')"
    kept = f"list_filter([{wanted}], lambda m: list_contains({lowered}, lower(m)))"
    known = ", ".join(quote_string(low) for low in members)
    return (
        f"CASE WHEN {sql} = '' THEN '' WHEN NOT list_has_all([{known}], {lowered}) THEN "
        f"{_fail(1265, message)} WHEN {sql} IS NOT NULL THEN array_to_string({kept}, ',') END"
    )


def _assign_binary(value: Typed, column: ColumnDef) -> str:
    target = column.type
    sql = to_blob(value)
    limit = target.length
    if limit is None:
        limit = {"TINYBLOB": 255, "BLOB": 65535}.get(target.kind)
    too_long = f"Data too long for column '{column.name}' at row 1"
    literal = value.literal
    if literal is not None and literal.kind in ("string", "hex"):
        if literal.kind == "hex":
            raw = bytes.fromhex(literal.text if len(literal.text) % 2 == 0 else "0" + literal.text)
        else:
            raw = literal.text.encode("utf-8", "surrogateescape")
        if limit is not None and len(raw) > limit:
            raise error(1406, too_long)
        if target.kind == "BINARY":
            raw = raw.ljust(target.length or 1, b"\0")
        return f"unhex('{raw.hex()}')"
    if target.kind == "BINARY":
        checked = (
            f"CASE WHEN octet_length({sql}) > {limit} THEN {_fail(1406, too_long)} ELSE {sql} END"
        )
        return _pad(checked, target.length or 1)
    if limit is None:
        return sql
    return f"CASE WHEN octet_length({sql}) > {limit} THEN {_fail(1406, too_long)} ELSE {sql} END"


def _assign_json(value: Typed, column: ColumnDef) -> str:
    if value.type.family == "json":
        return value.sql
    sql = to_text(value)
    bad = _fail(1366, f"Invalid JSON value for column '{column.name}' at row 1")
    return (
        f"CASE WHEN {sql} IS NULL THEN NULL WHEN json_valid({sql}) "
        f"THEN CAST(json({sql}) AS VARCHAR) ELSE {bad} END"
    )


# -- comparison ------------------------------------------------------------------------------


def key(value: Typed) -> str:
    """Return SQL under which values of one column are equal, sorted and grouped."""
    if value.type.is_text and not value.type.case_sensitive:
        return f"s2.key({value.sql})"
    return value.sql


def comparable(a: Typed, b: Typed) -> tuple[str, str]:
    """Return SQL for two values, converted so that DuckDB compares them as the server does."""
    fa, fb = a.type.family, b.type.family
    if "null" in (fa, fb):
        return a.sql, b.sql
    if fa == fb == "bool":
        return a.sql, b.sql
    texts = ("text", "json")
    if fa in texts and fb in texts:
        if "json" in (fa, fb) or a.type.case_sensitive or b.type.case_sensitive:
            return a.sql, b.sql
        return key(a), key(b)
    if "vector" in (fa, fb):
        target = a.type if fa == "vector" else b.type
        return to_vector(a, target), to_vector(b, target)
    if "binary" in (fa, fb) and (fa in ("binary", *texts) and fb in ("binary", *texts)):
        return to_blob(a), to_blob(b)
    if a.type.is_temporal or b.type.is_temporal:
        return _comparable_temporal(a, b)
    return _comparable_numbers(to_number(a), to_number(b))


def _comparable_temporal(a: Typed, b: Typed) -> tuple[str, str]:
    fa, fb = a.type.family, b.type.family
    if fa == fb:
        return a.sql, b.sql
    if a.type.is_numeric or b.type.is_numeric:
        return _comparable_numbers(to_number(a), to_number(b))
    if fa == "time" or fb == "time":
        if "text" in (fa, fb):
            return to_time(a), to_time(b)
        return to_datetime(a), to_datetime(b)
    # A plain date literal against a DATE column keeps the column bare, so that indexes work.
    other = b if fa == "date" else a
    if "date" in (fa, fb) and other.literal is not None and len(other.literal.text) == 10:
        return to_date(a), to_date(b)
    return to_datetime(a), to_datetime(b)


def _comparable_numbers(a: Typed, b: Typed) -> tuple[str, str]:
    fa, fb = a.type.family, b.type.family
    if "float" in (fa, fb):
        # FLOAT widens exactly, so 0.1 in a FLOAT column differs from 0.1e0, as on the server.
        return f"CAST({a.sql} AS DOUBLE)", f"CAST({b.sql} AS DOUBLE)"
    if "decimal" in (fa, fb):
        scale = max(a.type.scale, b.type.scale)
        digits = max(a.type.digits, b.type.digits)
        if scale + digits > 38:
            return f"CAST({a.sql} AS DOUBLE)", f"CAST({b.sql} AS DOUBLE)"
    return a.sql, b.sql


def as_type(value: Typed, target: SqlType) -> str:
    """Return SQL for ``value`` as a member of a CASE, COALESCE or UNION of the type ``target``."""
    if target.family == "null" or value.is_null:
        return f"CAST(NULL AS {target.storage})"
    if value.type.family == target.family:
        if value.exact and value.type.storage == target.storage:
            return value.sql
        if target.family in ("text", "json", "bool", "date", "datetime", "time", "binary"):
            return value.sql
    if target.family == "bool":
        return to_bool(value)
    if target.is_numeric:
        return f"CAST({to_number(value).sql} AS {target.storage})"
    if target.family == "binary":
        return to_blob(value)
    if target.family in ("text", "json"):
        return to_text(value)
    return cast(value, target, "lenient").sql


__all__ = [
    "BOOL", "LONGTEXT", "as_type", "assign", "cast", "comparable", "key", "to_bigint", "to_blob",
    "to_bool", "to_date", "to_datetime", "to_double", "to_number", "to_text", "to_time",
    "to_vector",
]  # fmt: skip
