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

# psycopg2 gives these types Python classes that JSON does not have.  OIDs (scalar, array) from
# PostgreSQL's catalog, src/include/catalog/pg_type.dat; they never change.
_AS_TEXT = {
    "bytea": (17, 1001),
    "date": (1082, 1182),
    "time": (1083, 1183),
    "timestamp": (1114, 1115),
    "timestamptz": (1184, 1185),
    "interval": (1186, 1187),
    "timetz": (1266, 1270),
    "numeric": (1700, 1231),
}


def _text(value: str | None, cursor: Any) -> str | None:
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
            for caster in _CASTERS:
                extensions.register_type(caster, cursor)
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
