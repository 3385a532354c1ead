"""What SQLAlchemy's dialect suite may ask of the public dialect ``sqlalchemy-singlestoredb``."""

from __future__ import annotations

from typing import Any

from sqlalchemy.testing import exclusions
from sqlalchemy.testing.requirements import SuiteRequirements

_CLOSED = (
    # Foreign keys are ignored.
    "foreign_keys", "foreign_key_ddl",
    # DATETIME and TIME have no fraction unless declared with one.
    "datetime_microseconds", "time_microseconds",
    # VARCHAR needs a length.
    "unbounded_varchar",
    # LIMIT takes no expression.
    "sql_expression_limit_offset",
    # The dialect's stream_results is the driver's business and not said by its class of cursor.
    "server_side_cursors",
)  # fmt: skip


class Requirements(SuiteRequirements):
    """The suite's own, without what MySQL's family does not have."""


def _closed(self: Any) -> Any:
    return exclusions.closed()


for _name in _CLOSED:
    setattr(Requirements, _name, property(_closed))
