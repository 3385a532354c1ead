"""StarRocks for SQLAlchemy and Alembic.

``from starrocks import *`` brings the column types (generated migrations use it). Views live in
:mod:`starrocks.sql.schema`, DDL elements in :mod:`starrocks.sql.ddl`, ``FILES()`` in
:mod:`starrocks.sql.files`, the Alembic extension in :mod:`starrocks.alembic`.
"""

from starrocks.datatype import (
    ARRAY,
    BIGINT,
    BINARY,
    BITMAP,
    BOOLEAN,
    CHAR,
    DATE,
    DATETIME,
    DECIMAL,
    DOUBLE,
    FLOAT,
    HLL,
    INTEGER,
    JSON,
    LARGEINT,
    MAP,
    PERCENTILE,
    SMALLINT,
    STRING,
    STRUCT,
    TINYINT,
    VARBINARY,
    VARCHAR,
)

__all__ = [
    "ARRAY",
    "BIGINT",
    "BINARY",
    "BITMAP",
    "BOOLEAN",
    "CHAR",
    "DATE",
    "DATETIME",
    "DECIMAL",
    "DOUBLE",
    "FLOAT",
    "HLL",
    "INTEGER",
    "JSON",
    "LARGEINT",
    "MAP",
    "PERCENTILE",
    "SMALLINT",
    "STRING",
    "STRUCT",
    "TINYINT",
    "VARBINARY",
    "VARCHAR",
]
