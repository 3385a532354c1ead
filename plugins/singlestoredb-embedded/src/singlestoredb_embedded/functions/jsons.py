"""JSON functions, under SingleStore's names."""

from __future__ import annotations

from singlestoredb_embedded import nodes
from singlestoredb_embedded.errors import unsupported
from singlestoredb_embedded.lex import quote_string
from singlestoredb_embedded.translate import convert
from singlestoredb_embedded.translate.typed import Typed
from singlestoredb_embedded.types import BIGINT, BOOL, DOUBLE, JSON, LONGTEXT, SqlType

from .registry import Context, builder, plain

plain("JSON_LENGTH", "t",
      "CASE json_type({0}) WHEN 'OBJECT' THEN len(json_keys({0})) WHEN 'ARRAY' THEN "
      "json_array_length({0}) ELSE 1 END", BIGINT)  # fmt: skip
plain("JSON_KEYS", "t", "CAST(to_json(json_keys({0})) AS VARCHAR)", JSON)
plain("JSON_PRETTY", "t", "json_pretty({0})", LONGTEXT)
plain("JSON_VALID", "t", "json_valid({0})", BOOL)
plain("JSON_MERGE_PATCH", "tt", "CAST(json_merge_patch({0}, {1}) AS VARCHAR)", JSON)
plain(
    "JSON_GET_TYPE", "t",
    "CASE json_type({0}) WHEN 'OBJECT' THEN 'object' WHEN 'ARRAY' THEN 'array' WHEN 'VARCHAR' "
    "THEN 'string' WHEN 'BOOLEAN' THEN 'boolean' WHEN 'NULL' THEN 'null' WHEN NULL THEN NULL "
    "ELSE (CASE WHEN json_type({0}) IS NOT NULL THEN 'number' END) END",
    SqlType("VARCHAR", length=7),
)  # fmt: skip


def element(key: Typed) -> str:
    """Return SQL for one step of a JSON path."""
    if key.type.is_integer:
        return f"'[' || CAST({key.sql} AS VARCHAR) || ']'"
    if key.literal is not None:
        return quote_string(step(key.literal.text))
    return f"""'."' || replace({convert.to_text(key)}, '"', '\\"') || '"'"""


def step(key: str) -> str:
    """Return a constant step of a JSON path: an index for digits, otherwise a member."""
    if key.isdigit():
        return f"[{key}]"
    return '."' + key.replace('"', '\\"') + '"'


def json_text(value: Typed) -> str:
    """Return SQL for ``value`` as the text of a JSON document."""
    if value.type.family in ("json", "text"):
        return value.sql
    return f"CAST(to_json({value.sql}) AS VARCHAR)"


def json_value(value: Typed) -> str:
    """Return SQL for ``value`` as a member of a JSON document: texts become JSON strings."""
    family = value.type.family
    if family == "json":
        return f"CAST({value.sql} AS JSON)"
    if family == "bool":
        return f"to_json({value.sql})"
    if family in ("date", "datetime", "time", "binary"):
        return f"to_json({convert.to_text(value)})"
    return f"to_json({value.sql})"


def path(document: str, keys: list[str]) -> tuple[str, str]:
    """Return (document, path) SQL for the steps ``keys``."""
    return document, "('$' || " + " || ".join(keys) + ")" if keys else "'$'"


def extract(document: str, where: str, returns: str) -> Typed:
    """Translate the extraction of ``where``, a path, as ``json``, ``string``, ``double`` or
    ``bigint``."""
    if returns == "json":
        return Typed(f"CAST(json_extract({document}, {where}) AS VARCHAR)", JSON)
    text = f"json_extract_string({document}, {where})"
    if returns == "string":
        return Typed(text, LONGTEXT)
    if returns == "double":
        return Typed(f"s2.num({text})", DOUBLE, exact=True)
    return Typed(f"CAST(s2.int_of_text({text}) AS BIGINT)", BIGINT, exact=True)


def _extractor(name: str, returns: str) -> None:
    @builder(name, 1, None)
    def _(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
        document, where = path(json_text(args[0]), [element(k) for k in args[1:]])
        return extract(document, where, returns)


for _suffix, _returns in (("JSON", "json"), ("STRING", "string"), ("DOUBLE", "double"),
                          ("BIGINT", "bigint")):  # fmt: skip
    _extractor(f"JSON_EXTRACT_{_suffix}", _returns)


@builder("JSON_BUILD_ARRAY", 0, None)
def _build_array(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    return Typed(f"CAST(json_array({', '.join(map(json_value, args))}) AS VARCHAR)", JSON)


@builder("JSON_BUILD_OBJECT", 0, None)
def _build_object(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    if len(args) % 2:
        raise unsupported("JSON_BUILD_OBJECT with an odd number of arguments")
    parts = [convert.to_text(arg) if i % 2 == 0 else json_value(arg) for i, arg in enumerate(args)]
    return Typed(f"CAST(json_object({', '.join(parts)}) AS VARCHAR)", JSON)


@builder("TO_JSON", 1)
def _to_json(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    return Typed(f"CAST({json_value(args[0])} AS VARCHAR)", JSON)


def _array_contains(suffix: str) -> None:
    @builder(f"JSON_ARRAY_CONTAINS_{suffix}", 2)
    def _(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
        items = f"CAST(json_extract({json_text(args[0])}, '$[*]') AS VARCHAR[])"
        wanted = {
            "STRING": f"CAST(to_json({convert.to_text(args[1])}) AS VARCHAR)",
            "DOUBLE": f"CAST(to_json({convert.to_number(args[1]).sql}) AS VARCHAR)",
            "JSON": f"CAST(json({json_text(args[1])}) AS VARCHAR)",
        }[suffix]
        if suffix == "DOUBLE":
            numbers = f"[TRY_CAST(e AS DOUBLE) for e in {items}]"
            return Typed(f"list_contains({numbers}, {convert.to_double(args[1])})", BOOL)
        return Typed(f"list_contains({items}, {wanted})", BOOL)


def _array_push(suffix: str) -> None:
    @builder(f"JSON_ARRAY_PUSH_{suffix}", 2)
    def _(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
        value = {
            "STRING": f"to_json({convert.to_text(args[1])})",
            "DOUBLE": f"to_json({convert.to_number(args[1]).sql})",
            "JSON": f"CAST({json_text(args[1])} AS JSON)",
        }[suffix]
        items = f"CAST({json_text(args[0])} AS JSON[])"
        return Typed(f"CAST(to_json(list_append({items}, {value})) AS VARCHAR)", JSON)


def _set(suffix: str) -> None:
    @builder(f"JSON_SET_{suffix}", 3, None)
    def _(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
        value = {
            "STRING": f"to_json({convert.to_text(args[-1])})",
            "DOUBLE": f"to_json({convert.to_number(args[-1]).sql})",
            "JSON": f"CAST({json_text(args[-1])} AS JSON)",
        }[suffix]
        patch = value
        for key in reversed(args[1:-1]):
            if key.type.is_integer:
                raise unsupported(f"{call.name} into an array")
            patch = f"json_object({convert.to_text(key)}, {patch})"
        return Typed(f"CAST(json_merge_patch({json_text(args[0])}, {patch}) AS VARCHAR)", JSON)


for _suffix in ("STRING", "DOUBLE", "JSON"):
    _array_contains(_suffix)
    _array_push(_suffix)
    _set(_suffix)


@builder("JSON_DELETE_KEY", 2, None)
def _delete_key(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    patch = "'null'"
    for key in reversed(args[1:]):
        if key.type.is_integer:
            raise unsupported("JSON_DELETE_KEY of an array's element")
        patch = f"json_object({convert.to_text(key)}, CAST({patch} AS JSON))"
    document = json_text(args[0])
    _, where = path(document, [element(k) for k in args[1:]])
    return Typed(
        f"CASE WHEN json_exists({document}, {where}) THEN "
        f"CAST(json_merge_patch({document}, {patch}) AS VARCHAR) ELSE {document} END",
        JSON,
    )
