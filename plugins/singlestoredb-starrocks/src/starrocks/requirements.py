"""What StarRocks can do, for SQLAlchemy's dialect suite.

Name it in the suite's ``setup.cfg``::

    [sqla_testing]
    requirement_cls = starrocks.requirements:Requirements
    profile_file = test/profiles.txt
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.testing import exclusions
from sqlalchemy.testing.requirements import SuiteRequirements

_CLOSED = (
    "unbounded_varchar",
    "temp_table_reflection",
    "temp_table_reflect_indexes",
    "temp_table_names",
    "has_temp_table",
    "temporary_views",
    "index_reflection",
    "primary_key_constraint_reflection",
    "foreign_key_constraint_reflection",
    "unique_constraint_reflection",
    "array_type",
    "binary_literals",
    "duplicate_key_raises_integrity_error",
    "sql_expression_limit_offset",
    "time",
    "time_microseconds",
    "implements_get_lastrowid",
    "autoincrement_insert",
    "autoincrement_without_sequence",
    "sane_rowcount",
    "like_escapes",
    "legacy_unconditional_json_extract",
    "empty_inserts",
    "empty_inserts_executemany",
    "precision_generic_float_type",
    "ctes_with_values",
    "enums",
    "savepoints",
    "independent_connections",
    "get_isolation_level",
    "isolation_level",
    "indexes_with_expressions",
    "reflect_indexes_with_expressions",
)
_OPEN = (
    "temporary_tables",
    "datetime_implicit_bound",
    "offset",
    "bound_limit_offset",
    "json_type",
    "reflect_table_options",
    "comment_reflection",
    "views",
    "ctes",
    "ctes_with_update_delete",
    "ctes_on_dml",
    "unicode_ddl",
    "schemas",
)


def _rule(is_open: bool) -> Any:
    rule: Any = exclusions.open if is_open else exclusions.closed
    return property(lambda self: rule())


class Requirements(SuiteRequirements):
    """The capabilities that differ from SQLAlchemy's defaults."""


for _name in _CLOSED:
    setattr(Requirements, _name, _rule(False))
for _name in _OPEN:
    setattr(Requirements, _name, _rule(True))
