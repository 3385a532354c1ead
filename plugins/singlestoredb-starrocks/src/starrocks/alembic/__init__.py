"""Alembic for StarRocks: importing it registers implementation, operations and comparisons."""

try:
    import alembic as _alembic  # noqa: F401  # only to say what is missing
except ModuleNotFoundError:
    raise ModuleNotFoundError(
        "starrocks.alembic needs Alembic: pip install 'singlestoredb-starrocks[alembic]'",
        name="alembic",
    ) from None

from starrocks.alembic import compare, ops, render, starrocks
from starrocks.alembic.filters import combine_include_object, include_object_for_view_mv
from starrocks.alembic.render import render_column_type
from starrocks.alembic.starrocks import StarRocksImpl

__all__ = [
    "StarRocksImpl",
    "combine_include_object",
    "compare",
    "include_object_for_view_mv",
    "ops",
    "render",
    "render_column_type",
    "starrocks",
]
