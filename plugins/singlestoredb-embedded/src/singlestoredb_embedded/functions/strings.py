"""String functions."""

from __future__ import annotations

from singlestoredb_embedded import nodes
from singlestoredb_embedded.lex import quote_string
from singlestoredb_embedded.translate import convert
from singlestoredb_embedded.translate.typed import Typed
from singlestoredb_embedded.types import BIGINT, INT, LONGBLOB, LONGTEXT, SqlType

from .registry import Context, builder, plain, same, total_length

_FOLD = "lower(strip_accents({}))"


def _fold(value: Typed) -> str:
    """SQL for a text in which case and accents no longer count, unless they do."""
    sql = convert.to_text(value)
    return sql if value.type.case_sensitive and value.type.is_text else _FOLD.format(sql)


plain("UPPER UCASE", "t", "upper({0})", same)
plain("LOWER LCASE", "t", "lower({0})", same)
plain("CHAR_LENGTH CHARACTER_LENGTH", "t", "length({0})", BIGINT, exact=True)
plain("REVERSE", "t", "reverse({0})", same)
plain("REPLACE", "ttt", "CASE WHEN {1} = '' THEN {0} ELSE replace({0}, {1}, {2}) END", LONGTEXT)
plain("REPEAT", "ti", "repeat({0}, s2.at_least({1}, 0))", LONGTEXT)
plain("SPACE", "i", "repeat(' ', s2.at_least({0}, 0))", LONGTEXT)
plain("LEFT", "ti", "left({0}, s2.at_least({1}, 0))", same)
plain("RIGHT", "ti", "right({0}, s2.at_least({1}, 0))", same)
plain("MD5", "b", "md5({0})", SqlType("VARCHAR", length=32))
plain("SHA1 SHA", "b", "sha1({0})", SqlType("VARCHAR", length=40))
plain("TO_BASE64", "b", "base64({0})", LONGTEXT)
plain("FROM_BASE64", "t", "TRY(from_base64({0}))", LONGBLOB)
plain("BIT_LENGTH", "b", "octet_length({0}) * 8", BIGINT)
plain("LENGTH OCTET_LENGTH LENGTHB", "b", "octet_length({0})", BIGINT, exact=True)
plain(
    "INITCAP", "t",
    "array_to_string([upper(left(w, 1)) || lower(substring(w, 2)) for w in "
    "string_split({0}, ' ')], ' ')", same,
)  # fmt: skip
plain(
    "INSERT", "tiit",
    "CASE WHEN {1} < 1 OR {1} > length({0}) THEN {0} WHEN {2} < 0 OR {1} + {2} > length({0}) "
    "THEN left({0}, {1} - 1) || {3} ELSE left({0}, {1} - 1) || {3} || substring({0}, {1} + {2}) "
    "END", LONGTEXT, strict=True,
)  # fmt: skip
plain(
    "SUBSTRING_INDEX", "tti",
    "CASE WHEN {1} = '' OR {2} = 0 THEN (CASE WHEN {0} IS NOT NULL THEN '' END) WHEN {2} > 0 "
    "THEN list_reduce(string_split({0}, {1})[1:{2}], lambda a, b: a || {1} || b) ELSE "
    "list_reduce(string_split({0}, {1})[s2.at_least({2}, -len(string_split({0}, {1}))):], "
    "lambda a, b: a || {1} || b) END", same, strict=True,
)  # fmt: skip
plain(
    "QUOTE",
    "t",
    "coalesce('''' || replace(replace({0}, '\\', '\\\\'), '''', '\\''') || '''', 'NULL')",
    LONGTEXT,
)
plain(
    "ASCII", "t",
    "CASE WHEN {0} = '' THEN 0 WHEN ascii({0}) < 128 THEN ascii({0}) WHEN ascii({0}) < 2048 THEN "
    "192 + ascii({0}) // 64 WHEN ascii({0}) < 65536 THEN 224 + ascii({0}) // 4096 ELSE "
    "240 + ascii({0}) // 262144 END", INT,
)  # fmt: skip
plain(
    "LPAD", "ti?t",
    "CASE WHEN {1} < 0 THEN NULL WHEN {2} = '' AND length({0}) < {1} THEN '' "
    "ELSE lpad({0}, CAST({1} AS INTEGER), {2}) END", LONGTEXT,
)  # fmt: skip
plain(
    "RPAD", "ti?t",
    "CASE WHEN {1} < 0 THEN NULL WHEN {2} = '' AND length({0}) < {1} THEN '' "
    "ELSE rpad({0}, CAST({1} AS INTEGER), {2}) END", LONGTEXT,
)  # fmt: skip


def _padded(name: str) -> None:
    """Give LPAD and RPAD their default padding, a blank."""
    from .registry import FUNCTIONS

    inner = FUNCTIONS[name].build

    @builder(name, 2, 3)
    def _(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
        if len(args) == 2:
            args = [*args, Typed("' '", SqlType("VARCHAR", length=1))]
        return inner(context, call, args)


_padded("LPAD")
_padded("RPAD")


@builder("CONCAT", 1, None)
def _concat(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    kind = total_length(args)
    if any(arg.type.family == "binary" for arg in args):
        return Typed("(" + " || ".join(convert.to_blob(a) for a in args) + ")", LONGBLOB)
    return Typed("(" + " || ".join(convert.to_text(arg) for arg in args) + ")", kind)


@builder("CONCAT_WS", 2, None)
def _concat_ws(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    separator, *rest = (convert.to_text(arg) for arg in args)
    joined = f"concat_ws({separator}, {', '.join(rest)})"
    return Typed(f"CASE WHEN {separator} IS NOT NULL THEN {joined} END", LONGTEXT)


@builder("SUBSTRING SUBSTR MID", 2, 3, strict=True)
def _substring(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    start = convert.to_bigint(args[1])
    if args[0].type.family == "binary":
        # A blob has no substring in DuckDB: cut its hexadecimal digits.
        source, size, scale = f"hex({args[0].sql})", f"octet_length({args[0].sql})", 2
    else:
        source = convert.to_text(args[0])
        size, scale = f"length({source})", 1
    begin = f"(CASE WHEN {start} < 0 THEN {size} + {start} ELSE {start} - 1 END) * {scale} + 1"
    empty = f"{start} = 0 OR {start} > {size} OR -({start}) > {size}"
    if len(args) == 3:
        count = convert.to_bigint(args[2])
        empty += f" OR {count} <= 0"
        piece = f"substring({source}, {begin}, {count} * {scale})"
    else:
        piece = f"substring({source}, {begin})"
    sql = f"CASE WHEN {source} IS NULL THEN NULL WHEN {empty} THEN '' ELSE {piece} END"
    if scale == 2:
        return Typed(f"unhex({sql})", LONGBLOB)
    return Typed(sql, same(args))


def _trimmer(function: str) -> None:
    @builder(function.upper(), 1, 2)
    def _(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
        source = convert.to_text(args[0])
        if len(args) == 1:
            return Typed(f"{function}({source}, ' ')", same(args))
        # The remove string comes off whole, not as a set of characters.
        removed = f"regexp_escape({convert.to_text(args[1])})"
        sql = source
        if function != "rtrim":
            sql = f"regexp_replace({sql}, '^(?:' || {removed} || ')+', '')"
        if function != "ltrim":
            sql = f"regexp_replace({sql}, '(?:' || {removed} || ')+$', '')"
        empty = f"{convert.to_text(args[1])} = ''"
        return Typed(f"CASE WHEN {empty} THEN {source} ELSE {sql} END", same(args))


for _name in ("trim", "ltrim", "rtrim"):
    _trimmer(_name)


@builder("LOCATE", 2, 3, strict=True)
def _locate(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    sensitive = any(a.type.is_text and a.type.case_sensitive for a in args[:2])
    needle, source = (convert.to_text(a) if sensitive else _fold(a) for a in args[:2])
    if len(args) == 2:
        return Typed(f"instr({source}, {needle})", BIGINT, exact=True)
    start = convert.to_bigint(args[2])
    found = f"instr(substring({source}, {start}), {needle})"
    return Typed(
        f"CASE WHEN {start} < 1 THEN 0 WHEN {found} = 0 THEN 0 ELSE {found} + {start} - 1 END",
        BIGINT,
    )


@builder("INSTR", 2)
def _instr(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    return _locate(context, call, [args[1], args[0]])


@builder("STRCMP", 2)
def _strcmp(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    texts = [Typed(convert.to_text(a), a.type if a.type.is_text else LONGTEXT) for a in args]
    a, b = convert.comparable(*texts)
    return Typed(f"CASE WHEN {a} < {b} THEN -1 WHEN {a} = {b} THEN 0 WHEN {a} > {b} THEN 1 END",
                 BIGINT)  # fmt: skip


@builder("FIELD", 2, None)
def _field(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    whens = []
    for i, item in enumerate(args[1:], 1):
        a, b = convert.comparable(args[0], item)
        whens.append(f"WHEN {a} = {b} THEN {i}")
    return Typed(f"CASE {' '.join(whens)} ELSE 0 END", BIGINT)


@builder("ELT", 2, None)
def _elt(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    whens = " ".join(f"WHEN {i} THEN {convert.to_text(item)}" for i, item in enumerate(args[1:], 1))
    return Typed(f"CASE {convert.to_bigint(args[0])} {whens} END", LONGTEXT)


@builder("FIND_IN_SET", 2)
def _find_in_set(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    needle, source = _fold(args[0]), _fold(args[1])
    position = f"coalesce(list_position(string_split({source}, ','), {needle}), 0)"
    return Typed(
        f"CASE WHEN {needle} IS NULL OR {source} IS NULL THEN NULL "
        f"WHEN {source} = '' THEN 0 ELSE {position} END", BIGINT,
    )  # fmt: skip


@builder("HEX", 1)
def _hex(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    if args[0].type.is_numeric and args[0].type.family != "bit":
        return Typed(f"to_hex({convert.to_bigint(args[0])})", LONGTEXT)
    return Typed(f"hex({convert.to_blob(args[0])})", LONGTEXT)


@builder("UNHEX", 1)
def _unhex(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    source = convert.to_text(args[0])
    valid = f"regexp_full_match({source}, '[0-9a-fA-F]*')"
    padded = f"CASE WHEN length({source}) % 2 = 1 THEN '0' || {source} ELSE {source} END"
    return Typed(f"CASE WHEN {valid} THEN unhex({padded}) END", LONGBLOB)


@builder("CHAR", 1, None)
def _char(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    digits = " || ".join(
        f"coalesce((CASE WHEN length(to_hex({n})) % 2 = 1 THEN '0' ELSE '' END) || to_hex({n}), '')"
        for n in (convert.to_bigint(arg) for arg in args)
    )
    return Typed(f"unhex({digits})", LONGBLOB)


@builder("ORD", 1)
def _ord(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    source = convert.to_text(args[0])
    digits = f"hex(encode(left({source}, 1)))"
    return Typed(
        f"CASE WHEN {source} = '' THEN 0 ELSE CAST('0x' || {digits} AS BIGINT) END", BIGINT
    )


@builder("SHA2", 2)
def _sha2(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    from singlestoredb_embedded.errors import unsupported

    from .registry import constant

    bits = constant(args[1], "the length in SHA2()")
    if bits not in ("0", "256"):
        raise unsupported(f"SHA2 with {bits} bits")
    return Typed(f"sha256({convert.to_blob(args[0])})", SqlType("VARCHAR", length=64))


def _pattern(value: Typed, source: Typed) -> str:
    """SQL for a regular expression that ignores case unless the text does not."""
    sql = convert.to_text(value)
    sensitive = (source.type.is_text and source.type.case_sensitive) or value.type.case_sensitive
    if value.literal is not None and value.literal.kind == "string":
        return quote_string(("(?s)" if sensitive else "(?is)") + value.literal.text)
    return f"('{'(?s)' if sensitive else '(?is)'}' || {sql})"


def regexp(source: Typed, pattern: Typed) -> str:
    """Return SQL for ``source REGEXP pattern``."""
    return f"regexp_matches({convert.to_text(source)}, {_pattern(pattern, source)})"


@builder("REGEXP_REPLACE", 3, strict=True)
def _regexp_replace(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    source, replacement = convert.to_text(args[0]), convert.to_text(args[2])
    return Typed(
        f"regexp_replace({source}, {_pattern(args[1], args[0])}, {replacement}, 'g')", LONGTEXT
    )


@builder("REGEXP_SUBSTR", 2, strict=True)
def _regexp_substr(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    source = convert.to_text(args[0])
    return Typed(f"regexp_extract({source}, {_pattern(args[1], args[0])})", LONGTEXT)


@builder("REGEXP_INSTR", 2, strict=True)
def _regexp_instr(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    source, pattern = convert.to_text(args[0]), _pattern(args[1], args[0])
    before = f"length(string_split_regex({source}, {pattern})[1])"
    return Typed(
        f"CASE WHEN {source} IS NULL OR {pattern} IS NULL THEN NULL "
        f"WHEN regexp_matches({source}, {pattern}) THEN {before} + 1 ELSE 0 END",
        BIGINT,
    )
