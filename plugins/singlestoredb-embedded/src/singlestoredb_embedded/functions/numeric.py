"""Numeric functions, and the arithmetic that operators share with them."""

from __future__ import annotations

from singlestoredb_embedded import nodes
from singlestoredb_embedded.errors import unsupported
from singlestoredb_embedded.lex import quote_string
from singlestoredb_embedded.translate import convert
from singlestoredb_embedded.translate.typed import Typed
from singlestoredb_embedded.types import BIGINT, DOUBLE, LONGTEXT, UBIGINT, SqlType, common, decimal

from .registry import Context, builder, constant, plain

plain("SIN", "d", "sin({0})", DOUBLE, exact=True)
plain("COS", "d", "cos({0})", DOUBLE, exact=True)
plain("TAN", "d", "tan({0})", DOUBLE, exact=True)
plain("COT", "d", "cot({0})", DOUBLE, exact=True)
plain("ASIN", "d", "CASE WHEN abs({0}) <= 1 THEN asin({0}) END", DOUBLE, exact=True)
plain("ACOS", "d", "CASE WHEN abs({0}) <= 1 THEN acos({0}) END", DOUBLE, exact=True)
plain("ATAN2", "dd", "atan2({0}, {1})", DOUBLE, exact=True)
plain("EXP", "d", "exp({0})", DOUBLE, exact=True)
plain("SQRT", "d", "CASE WHEN {0} >= 0 THEN sqrt({0}) END", DOUBLE, exact=True)
plain("POW POWER", "dd", "pow({0}, {1})", DOUBLE, exact=True)
plain("LN", "d", "CASE WHEN {0} > 0 THEN ln({0}) END", DOUBLE, exact=True)
plain("LOG10", "d", "CASE WHEN {0} > 0 THEN log10({0}) END", DOUBLE, exact=True)
plain("LOG2", "d", "CASE WHEN {0} > 0 THEN log2({0}) END", DOUBLE, exact=True)
plain("DEGREES", "d", "degrees({0})", DOUBLE, exact=True)
plain("RADIANS", "d", "radians({0})", DOUBLE, exact=True)
plain("PI", "", "pi()", DOUBLE, exact=True)
plain("SIGMOID", "d", "1 / (1 + exp(-({0})))", DOUBLE)
plain("SIGN", "n", "CAST(sign({0}) AS BIGINT)", BIGINT, exact=True)
plain("BIT_COUNT", "n", "bit_count(CAST({0} AS BIGINT))", BIGINT)


@builder("ATAN", 1, 2)
def _atan(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    values = ", ".join(convert.to_double(a) for a in args)
    return Typed(f"atan{'2' if len(args) == 2 else ''}({values})", DOUBLE, exact=True)


@builder("LOG", 1, 2)
def _log(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    value = convert.to_double(args[-1])
    if len(args) == 1:
        return Typed(f"CASE WHEN {value} > 0 THEN ln({value}) END", DOUBLE, exact=True)
    base = convert.to_double(args[0])
    return Typed(
        f"CASE WHEN {value} > 0 AND {base} > 0 AND {base} <> 1 THEN ln({value}) / ln({base}) END",
        DOUBLE, exact=True,
    )  # fmt: skip


@builder("ABS", 1)
def _abs(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    number = convert.to_number(args[0])
    if number.type.is_integer and not number.type.unsigned:
        return Typed(f"abs(CAST({number.sql} AS BIGINT))", BIGINT, exact=True)
    return Typed(f"abs({number.sql})", number.type, exact=number.exact)


def _rounder(names: str, function: str) -> None:
    @builder(names, 1)
    def _(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
        number = convert.to_number(args[0])
        if number.type.is_integer:
            return number
        kind = DOUBLE if number.type.family == "float" else BIGINT
        if kind is BIGINT and number.type.digits > 18:
            kind = decimal(number.type.digits + 1, 0)
        return Typed(f"CAST({function}({number.sql}) AS {kind.storage})", kind, exact=True)


_rounder("CEIL CEILING", "ceil")
_rounder("FLOOR", "floor")


@builder("ROUND", 1, 2)
def _round(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    number = convert.to_number(args[0])
    kind = number.type
    places = 0
    if len(args) == 2:
        if kind.family == "decimal" and args[1].literal is None:
            places = kind.scale
            sql = f"round(CAST({number.sql} AS DOUBLE), CAST({convert.to_bigint(args[1])} AS INT))"
            return Typed(f"CAST({sql} AS {kind.storage})", kind, exact=True)
        if args[1].literal is None:
            places_sql = f"CAST({convert.to_bigint(args[1])} AS INTEGER)"
            sql = f"round({number.sql}, {places_sql})"
            target = DOUBLE if kind.family == "float" else BIGINT
            return Typed(f"CAST({sql} AS {target.storage})", target, exact=True)
        places = int(float(constant(args[1], "digits") or 0))
    if kind.family == "float":
        # Doubles round half to even, as the C library does for the server.
        return Typed(f"round_even(CAST({number.sql} AS DOUBLE), {places})", DOUBLE, exact=True)
    if kind.is_integer:
        if places >= 0:
            return number
        factor = 10**-places
        half = f"(CASE WHEN {number.sql} < 0 THEN -1 ELSE 1 END) * {factor // 2}"
        return Typed(
            f"CAST((CAST({number.sql} AS HUGEINT) + {half}) // {factor} * {factor} AS BIGINT)",
            BIGINT, exact=True,
        )  # fmt: skip
    target = decimal(kind.digits + 1 + max(0, min(places, kind.scale)), min(places, kind.scale))
    return Typed(f"CAST(round({number.sql}, {places}) AS {target.storage})", target, exact=True)


@builder("TRUNCATE TRUNC", 1, 2)
def _truncate(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    number = convert.to_number(args[0])
    kind = number.type
    places = int(float(constant(args[1], "the digits of TRUNCATE()"))) if len(args) == 2 else 0
    if kind.family == "float":
        factor = f"1e{abs(places)}"
        first, then = ("*", "/") if places >= 0 else ("/", "*")
        return Typed(f"trunc({number.sql} {first} {factor}) {then} {factor}", DOUBLE)
    if kind.is_integer:
        if places >= 0:
            return number
        return Typed(f"({number.sql} - {number.sql} % {10**-places})", BIGINT)
    if places >= kind.scale:
        return number
    target = decimal(kind.digits + max(places, 0), max(places, 0))
    unit = f"0.{'0' * (places - 1)}1" if places > 0 else str(10**-places)
    return Typed(
        f"CAST({number.sql} - {number.sql} % {unit} AS {target.storage})", target, exact=True
    )


@builder("MOD", 2)
def _mod(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    return arithmetic("%", args[0], args[1])


@builder("RAND RANDOM", 0, 1)
def _rand(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    if args:
        raise unsupported("RAND with a seed")
    context.mark_random()
    return Typed("random()", DOUBLE, exact=True)


@builder("CONV", 3)
def _conv(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    source, target = (int(constant(a, "a base in CONV()")) for a in args[1:])
    if not (2 <= source <= 36 and 2 <= target <= 36):
        raise unsupported("CONV with a negative base")
    digits = f"upper({convert.to_text(args[0])})"
    alphabet = quote_string("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[:source])
    valid = f"regexp_extract({digits}, '^[' || {alphabet} || ']+')"
    number = (
        f"list_reduce([CAST(strpos({alphabet}, c) - 1 AS UHUGEINT) for c in "
        f"string_split({valid}, '')], lambda a, b: a * {source} + b)"
    )
    return Typed(
        f"CASE WHEN {digits} IS NULL THEN NULL WHEN {valid} = '' THEN '0' "
        f"ELSE {to_base(number, target)} END",
        LONGTEXT,
    )


def to_base(sql: str, base: int) -> str:
    """Return SQL for the digits of a whole number in a base."""
    if base == 10:
        return f"CAST({sql} AS VARCHAR)"
    alphabet = quote_string("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[:base])
    digits = 64 if base == 2 else 41
    powers = [base**i for i in range(digits) if base**i < 2**64]
    parts = ", ".join(
        f"substring({alphabet}, CAST({sql} // {power}::UHUGEINT % {base} AS BIGINT) + 1, 1)"
        for power in reversed(powers)
    )
    return f"coalesce(nullif(ltrim(concat({parts}), '0'), ''), '0')"


@builder("BIN", 1)
def _bin(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    return _in_base(args[0], 2)


@builder("OCT", 1)
def _oct(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    return _in_base(args[0], 8)


def _in_base(value: Typed, base: int) -> Typed:
    number = f"CAST({unsigned(value)} AS UHUGEINT)"
    return Typed(f"CASE WHEN {number} IS NOT NULL THEN {to_base(number, base)} END", LONGTEXT)


@builder("FORMAT", 2)
def _format(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    places = max(0, int(constant(args[1], "the digits of FORMAT()")))
    number = convert.to_number(args[0])
    rounded = f"CAST(round({number.sql}, {places}) AS DOUBLE)"
    return Typed(f"format('{{:,.{places}f}}', {rounded})", LONGTEXT)


def _extreme(name: str, op: str) -> None:
    @builder(name, 1, None)
    def _(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
        kind = common([a.type for a in args])
        if kind.is_text and any(a.type.is_numeric for a in args):
            # Numbers and texts compare as numbers.
            args = [convert.to_number(a) for a in args]
            kind = common([a.type for a in args])
        best = Typed(convert.as_type(args[0], kind), kind)
        missing = [f"{best.sql} IS NULL"]
        for arg in args[1:]:
            other = Typed(convert.as_type(arg, kind), kind)
            missing.append(f"{other.sql} IS NULL")
            left, right = convert.comparable(best, other)
            best = Typed(
                f"CASE WHEN {left} {op} {right} THEN {best.sql} ELSE {other.sql} END", kind
            )
        return Typed(f"CASE WHEN {' OR '.join(missing)} THEN NULL ELSE {best.sql} END", kind)


_extreme("GREATEST", ">=")
_extreme("LEAST", "<=")


# -- operators -------------------------------------------------------------------------------


def unsigned(value: Typed) -> str:
    """Return SQL for ``value`` as an unsigned 64-bit number, negative ones as two's complement."""
    number = convert.to_number(value)
    if value.type.family == "binary" and value.literal is None:
        raise unsupported("bit operations on binary strings")
    if (number.type.is_integer and number.type.unsigned) or number.type.kind == "BIT":
        return f"CAST({number.sql} AS UBIGINT)"
    whole = f"CAST({number.sql} AS HUGEINT)"
    literal = number.literal
    if literal is not None and literal.kind == "integer" and not literal.text.startswith("-"):
        return f"CAST({literal.text} AS UBIGINT)"
    wrapped = f"CASE WHEN {whole} < 0 THEN {whole} + 18446744073709551616 ELSE {whole} END"
    return f"CAST({wrapped} AS UBIGINT)"


def bitwise(op: str, a: Typed, b: Typed) -> Typed:
    """Translate ``a op b`` for ``& | ^ << >>``: unsigned 64-bit results."""
    left, right = unsigned(a), unsigned(b)
    if op in ("&", "|"):
        return Typed(f"({left} {op} {right})", UBIGINT, exact=True)
    if op == "^":
        return Typed(f"xor({left}, {right})", UBIGINT, exact=True)
    power = f"CAST(pow(2, s2.clip({right}, 0, 64)) AS UHUGEINT)"
    if op == "<<":
        sql = f"(CAST({left} AS UHUGEINT) * {power}) % 18446744073709551616::UHUGEINT"
        sql = f"CASE WHEN {right} > 63 THEN 0 ELSE {sql} END"
    else:
        sql = f"CAST({left} AS UHUGEINT) // {power}"
    return Typed(f"CAST({sql} AS UBIGINT)", UBIGINT, exact=True)


def arithmetic(op: str, a: Typed, b: Typed) -> Typed:
    """Translate ``a op b`` for ``+ - * / DIV %`` with the server's result type.

    Integers give 64-bit integers and 1690 on overflow; ``/`` of exact numbers gives a DECIMAL with
    four more digits after the point; division by zero gives NULL.
    """
    left, right = convert.to_number(a), convert.to_number(b)
    if op == "DIV":
        return _integer_division(left, right)
    if "float" in (left.type.family, right.type.family):
        x, y = convert.to_double(left), convert.to_double(right)
        if op in "/%":
            return Typed(f"({x} {op} nullif({y}, 0))", DOUBLE, exact=True)
        return Typed(f"({x} {op} {y})", DOUBLE, exact=True)
    if op == "/":
        return _exact_division(left, right)
    if "decimal" in (left.type.family, right.type.family):
        return _decimal(op, left, right)
    kind = UBIGINT if left.type.unsigned or right.type.unsigned else BIGINT
    if op == "%":
        kind = UBIGINT if left.type.unsigned else BIGINT
        x, y = (f"CAST({n.sql} AS HUGEINT)" for n in (left, right))
        return Typed(f"CAST({x} % nullif({y}, 0) AS {kind.storage})", kind, exact=True)
    if kind is UBIGINT:
        x, y = (f"CAST({n.sql} AS HUGEINT)" for n in (left, right))
        checked = f"({x} {op} {y})"
        return Typed(
            f"CAST(CASE WHEN {checked} < 0 THEN s2.fail(1690, 'BIGINT UNSIGNED value is out of "
            f"range') ELSE {checked} END AS UBIGINT)",
            kind, exact=True,
        )  # fmt: skip
    x, y = (f"CAST({n.sql} AS BIGINT)" for n in (left, right))
    return Typed(f"({x} {op} {y})", kind, exact=True)


def _as_decimal(value: Typed) -> tuple[str, SqlType]:
    if value.type.family == "decimal":
        return value.sql, value.type
    kind = decimal(value.type.digits, 0)
    if value.literal is not None and value.literal.kind in ("integer", "bool"):
        kind = decimal(len(value.literal.text.lstrip("-")), 0)
    return f"CAST({value.sql} AS {kind.storage})", kind


def _decimal(op: str, left: Typed, right: Typed) -> Typed:
    (x, a), (y, b) = _as_decimal(left), _as_decimal(right)
    if op == "*":
        kind = decimal(a.precision + b.precision, a.scale + b.scale)
        if a.precision + b.precision > 38:
            # DuckDB multiplies at most 38 digits: go through DOUBLE and round.
            sql = f"CAST({x} AS DOUBLE) * CAST({y} AS DOUBLE)"
            kind = decimal(38, min(a.scale + b.scale, 12))
            return Typed(f"CAST(round({sql}, {kind.scale}) AS {kind.storage})", kind, exact=True)
        return Typed(f"({x} * {y})", kind)
    scale = max(a.scale, b.scale)
    if op == "%":
        kind = decimal(max(a.digits, b.digits) + scale, scale)
        return Typed(f"({x} % nullif({y}, 0))", kind)
    digits = max(a.digits, b.digits) + 1
    if digits + scale > 38:
        scale = max(0, 38 - digits)
    kind = decimal(digits + scale, scale)
    return Typed(f"(CAST({x} AS {kind.storage}) {op} CAST({y} AS {kind.storage}))", kind)


def _exact_division(left: Typed, right: Typed) -> Typed:
    (x, a), (y, b) = _as_decimal(left), _as_decimal(right)
    scale = min(a.scale + 4, 30)
    # Unscaled: n = x * 10**(scale + b.scale), d = y * 10**b.scale, both whole.
    if a.digits + scale + b.scale <= 36 and b.precision <= 36:
        n = _unscaled(x, a, scale + b.scale)
        d = _unscaled(y, b, b.scale)
        kind = decimal(a.digits + b.scale + scale, scale)
        quotient = f"s2.div_round({n}, {d})"
        wide = decimal(38, 0).storage
        sql = f"CAST(CAST({quotient} AS {wide}) AS DECIMAL(38,0))"
        return Typed(f"{_scaled(sql, scale)}", kind)
    kind = decimal(38, min(scale, 12))
    sql = f"round(CAST({x} AS DOUBLE) / nullif(CAST({y} AS DOUBLE), 0), {kind.scale})"
    return Typed(f"CAST({sql} AS {kind.storage})", kind, exact=True)


def _unscaled(sql: str, kind: SqlType, scale: int) -> str:
    """SQL for ``sql * 10**scale`` as a HUGEINT; ``scale`` is at least the type's own."""
    if kind.scale == 0:
        whole = f"CAST({sql} AS HUGEINT)"
        return f"({whole} * {10**scale}::HUGEINT)" if scale else whole
    lifted = f"CAST(CAST({sql} AS DECIMAL({min(38, kind.precision + kind.scale)},{kind.scale})) " \
             f"* {10**kind.scale}::DECIMAL({kind.scale + 1},0) AS HUGEINT)"  # fmt: skip
    rest = scale - kind.scale
    return f"({lifted} * {10**rest}::HUGEINT)" if rest else lifted


def _scaled(sql: str, scale: int) -> str:
    """SQL for a whole number divided by ``10**scale``, exactly."""
    unit = "0." + "0" * (scale - 1) + "1"
    digits = 38 - scale
    return f"(CAST({sql} AS DECIMAL({digits},0)) * {unit}::DECIMAL({scale},{scale}))"


def _integer_division(left: Typed, right: Typed) -> Typed:
    kind = UBIGINT if left.type.unsigned or right.type.unsigned else BIGINT
    if left.type.is_integer and right.type.is_integer:
        x, y = (f"CAST({n.sql} AS HUGEINT)" for n in (left, right))
        return Typed(f"CAST({x} // nullif({y}, 0) AS {kind.storage})", kind, exact=True)
    x, y = convert.to_double(left), convert.to_double(right)
    return Typed(f"CAST(trunc({x} / nullif({y}, 0)) AS {kind.storage})", kind, exact=True)
