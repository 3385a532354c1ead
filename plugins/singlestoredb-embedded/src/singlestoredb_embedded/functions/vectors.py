"""Vector functions and the operators ``<*>`` and ``<->``.  Searches are exact: no index is used."""

from __future__ import annotations

import json
import struct

from singlestoredb_embedded import nodes
from singlestoredb_embedded.errors import error
from singlestoredb_embedded.translate import convert
from singlestoredb_embedded.translate.typed import Typed
from singlestoredb_embedded.types import BIGINT, DOUBLE, LONGBLOB, SqlType

from .registry import Context, builder, constant

_FLOATS = ("F32", "F64", "F16")


def operands(a: Typed, b: Typed) -> tuple[Typed, Typed]:
    """Return both values as vectors: a text takes the type of the other one."""
    if a.type.family != "vector" and b.type.family != "vector":
        a = _literal_vector(a)
    target = a.type if a.type.family == "vector" else b.type
    result = []
    for value in (a, b):
        if value.type.family == "vector":
            if value.type.length != target.length:
                raise error(
                    1105,
                    f"Vectors have different dimensions: {value.type.length} and {target.length}",
                )
            result.append(value)
        else:
            result.append(Typed(convert.to_vector(value, target), target, exact=True))
    return result[0], result[1]


def _literal_vector(value: Typed) -> Typed:
    if value.literal is not None and value.literal.kind == "hex":
        size = len(value.literal.text) // 8
        target = SqlType("VECTOR", length=size, element="F32")
        return Typed(convert.to_vector(value, target), target, exact=True)
    try:
        items = json.loads(constant(value, "a vector operand"))
    except ValueError as exc:
        raise error(1105, "Invalid VECTOR text") from exc
    target = SqlType("VECTOR", length=len(items), element="F32")
    return Typed(convert.to_vector(value, target), target, exact=True)


def _as_floats(value: Typed) -> str:
    if value.type.element in _FLOATS:
        return value.sql
    return f"CAST({value.sql} AS DOUBLE[{value.type.length}])"


def dot_product(a: Typed, b: Typed) -> Typed:
    """Translate ``a <*> b``."""
    a, b = operands(a, b)
    return Typed(f"CAST(array_inner_product({_as_floats(a)}, {_as_floats(b)}) AS DOUBLE)", DOUBLE,
                 exact=True)  # fmt: skip


def distance(a: Typed, b: Typed) -> Typed:
    """Translate ``a <-> b``."""
    a, b = operands(a, b)
    return Typed(f"CAST(array_distance({_as_floats(a)}, {_as_floats(b)}) AS DOUBLE)", DOUBLE,
                 exact=True)  # fmt: skip


@builder("DOT_PRODUCT", 2)
def _dot_product(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    return dot_product(*args)


@builder("EUCLIDEAN_DISTANCE", 2)
def _distance(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    return distance(*args)


def _elementwise(name: str, op: str) -> None:
    @builder(name, 2)
    def _(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
        a, b = operands(*args)
        sql = f"list_transform(list_zip({_list(a)}, {_list(b)}), lambda p: p[1] {op} p[2])"
        return Typed(f"CAST({sql} AS {a.type.storage})", a.type, exact=True)


def _list(value: Typed) -> str:
    return f"CAST({value.sql} AS {value.type.storage.partition('[')[0]}[])"


_elementwise("VECTOR_ADD", "+")
_elementwise("VECTOR_SUB", "-")
_elementwise("VECTOR_MUL", "*")


def _vector(value: Typed) -> Typed:
    return value if value.type.family == "vector" else _literal_vector(value)


@builder("SCALAR_VECTOR_MUL", 2)
def _scale(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    vector = _vector(args[1])
    factor = convert.to_double(args[0])
    sql = f"list_transform({_list(vector)}, lambda e: e * {factor})"
    return Typed(f"CAST({sql} AS {vector.type.storage})", vector.type, exact=True)


@builder("VECTOR_ELEMENTS_SUM", 1)
def _elements_sum(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    return Typed(f"CAST(list_sum({_list(_vector(args[0]))}) AS DOUBLE)", DOUBLE, exact=True)


@builder("VECTOR_NUM_ELEMENTS", 1)
def _num_elements(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    return Typed(f"len({_list(_vector(args[0]))})", BIGINT, exact=True)


@builder("VECTOR_KTH_ELEMENT", 2)
def _kth_element(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    sql = f"list_extract({_list(_vector(args[0]))}, {convert.to_bigint(args[1])} + 1)"
    return Typed(f"CAST({sql} AS DOUBLE)", DOUBLE, exact=True)


@builder("VECTOR_SUBVECTOR", 3)
def _subvector(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    vector = _vector(args[0])
    start, size = (int(constant(a, "a position in VECTOR_SUBVECTOR()")) for a in args[1:])
    if start < 0 or size < 1 or start + size > (vector.type.length or 0):
        raise error(1105, "VECTOR_SUBVECTOR: the range exceeds the vector")
    target = SqlType("VECTOR", length=size, element=vector.type.element)
    sql = f"list_slice({_list(vector)}, {start + 1}, {start + size})"
    return Typed(f"CAST({sql} AS {target.storage})", target, exact=True)


@builder("JSON_ARRAY_PACK", 1)
def _pack(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    try:
        items = [float(x) for x in json.loads(constant(args[0], "JSON_ARRAY_PACK of a value"))]
        digits = struct.pack(f"<{len(items)}f", *items).hex()
    except (ValueError, TypeError, struct.error) as exc:
        raise error(1105, "JSON_ARRAY_PACK: not an array of numbers") from exc
    return Typed(f"unhex('{digits}')", LONGBLOB, nodes.Literal("hex", digits), exact=True)


@builder("JSON_ARRAY_UNPACK", 1)
def _unpack_json(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
    from singlestoredb_embedded.types import JSON

    return Typed(convert.to_text(_vector(args[0])), JSON)
