"""Run one SQL text and describe its result in JSON's terms.

Shared by the local back end and by ``query_via="pg"``, so that both answer alike::

    {"metadata": {"name": "text", "age": "integer"}, "data": [["Alice", 45], …]}

Whole numbers, finite floats, booleans, JSON values and arrays of these are JSON values; everything
else is text as PostgreSQL prints it, so that no digit of a numeric or a timestamp is lost.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from psycopg2 import extensions

FORMATS = (None, "objects")

# OIDs of PostgreSQL's own types and of their arrays, from its catalog
# (src/include/catalog/pg_type.dat); they never change.
_AS_TEXT = {
    "bytea": (17, 1001),
    "date": (1082, 1182),
    "time": (1083, 1183),
    "timestamp": (1114, 1115),
    "timestamptz": (1184, 1185),
    "interval": (1186, 1187),
    "timetz": (1266, 1270),
    "numeric": (1700, 1231),
    "uuid": (2950, 2951),
}
# bool, int8, int2, int4, oid; text in its kinds; and arrays of these.
_NATIVE = frozenset({16, 20, 21, 23, 26, 18, 19, 25, 705, 1042, 1043})
_NATIVE_ARRAYS = frozenset({1000, 1016, 1005, 1007, 1028, 1002, 1003, 1009, 1014, 1015})


def _text(value: Any, cursor: Any) -> Any:
    return value


def _float(value: str | None, cursor: Any) -> float | str | None:
    if value is None:
        return None
    number = float(value)
    # JSON has neither NaN nor infinities: they stay PostgreSQL's words for them.
    return number if math.isfinite(number) else value


def _json(value: str | None, cursor: Any) -> Any:
    return None if value is None else json.loads(value)


def _make_casters() -> list[Any]:
    casters = []
    kinds: list[tuple[str, tuple[int, int], Callable[[Any, Any], Any]]] = [
        *((name, oids, _text) for name, oids in _AS_TEXT.items()),
        ("float4", (700, 1021), _float),
        ("float8", (701, 1022), _float),
        ("json", (114, 199), _json),
        ("jsonb", (3802, 3807), _json),
    ]
    for name, (scalar, array), cast in kinds:
        caster = extensions.new_type((scalar,), f"bitdotio_{name}", cast)
        casters += [
            caster,
            extensions.new_array_type((array,), f"bitdotio_{name}_array", caster),
        ]
    return casters


_CASTERS = _make_casters()
_CAST = frozenset(oid for caster in _CASTERS for oid in caster.values)

ARRAYS = _NATIVE_ARRAYS | {
    oid for caster in _CASTERS if caster.name.endswith("_array") for oid in caster.values
}
"""OIDs of the arrays that arrive as lists; any other array arrives as text."""


def register_json_casters(scope: extensions.connection | extensions.cursor) -> None:
    """Have values arrive on ``scope`` as JSON can express them."""
    # psycopg2 has Python classes for more types, and the program may have registered others for
    # everybody: all of them are text here.
    others = tuple(set(extensions.string_types) - _CAST - _NATIVE - _NATIVE_ARRAYS)
    if others:
        extensions.register_type(extensions.new_type(others, "bitdotio_text", _text), scope)
    for caster in _CASTERS:
        extensions.register_type(caster, scope)


def run_query(
    connection: extensions.connection, sql: str, data_format: str | None = None
) -> dict[str, Any]:
    """Run ``sql`` in one transaction of its own and commit it; roll back when it fails.

    ``data_format="objects"`` makes each row an object by column name instead of an array.  A text
    of several statements answers the result of the last one.  ``connection`` must be in no
    transaction.

    Raises:
        ValueError: for an unknown ``data_format``.
        psycopg2.Error: what the server says, also when the commit fails.
    """
    if data_format not in FORMATS:
        raise ValueError(f"Invalid data_format {data_format!r}: expected 'objects' or nothing")
    try:
        with connection.cursor() as cursor:
            register_json_casters(cursor)
            cursor.execute(sql)
            rows: list[Any] = []
            metadata: dict[str, str] = {}
            if cursor.description is not None:
                columns = [(column.name, column.type_code) for column in cursor.description]
                rows = cursor.fetchall()
                types = _type_names(cursor, {oid for _, oid in columns})
                metadata = {name: types[oid] for name, oid in columns}
                names = [name for name, _ in columns]
                if data_format == "objects":
                    rows = [dict(zip(names, row, strict=True)) for row in rows]
                else:
                    rows = [list(row) for row in rows]
        connection.commit()
    except BaseException:
        if not connection.closed:
            connection.rollback()
        raise
    return {"metadata": metadata, "data": rows}


def _type_names(cursor: extensions.cursor, oids: set[int]) -> dict[int, str]:
    if not oids:
        return {}
    cursor.execute(
        "SELECT oid, pg_catalog.format_type(oid, NULL) FROM pg_catalog.pg_type"
        " WHERE oid OPERATOR(pg_catalog.=) ANY (%s::pg_catalog.oid[])",
        (list(oids),),
    )
    return dict(cursor.fetchall())
