"""What all operations of migrations have in common."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

from alembic.operations import MigrateOperation

logger = logging.getLogger("starrocks.alembic")


class StarRocksOp(MigrateOperation):
    """Base of the operations below."""

    operation: ClassVar[str]
    """Its name as a method of ``op``."""

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the positional and keyword arguments to write into a migration."""
        raise NotImplementedError

    def _missing(self, names: str) -> NotImplementedError:
        return NotImplementedError(
            f"op.{self.operation} cannot be reversed without {names}: what was there is not known"
        )
