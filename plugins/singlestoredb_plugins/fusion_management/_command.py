"""What the commands of this plugin have in common: managers, results, clauses."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TypeVar

from singlestoredb.exceptions import ProgrammingError
from singlestoredb.fusion import DATETIME, FusionSQLResult, SQLHandler

if TYPE_CHECKING:
    from singlestoredb.management.cluster import ClusterManager
    from singlestoredb.management.files import FilesManager
    from singlestoredb.management.workspace import WorkspaceManager

Params = dict[str, Any]
Column = tuple[str, int, Callable[[Any], Any]]
"""Name, type, and what its value is of one thing."""
M = TypeVar("M")


class Services:
    """Managers of the API's versions, each made when a statement first needs it."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._made: dict[type, Any] = {}

    def _manager(self, kind: type[M]) -> M:
        if kind not in self._made:
            manager: Any = kind()
            self._made[kind] = self._stack.enter_context(manager)
        made: M = self._made[kind]
        return made

    @property
    def workspaces(self) -> WorkspaceManager:
        """Version 1: workspaces and their groups."""
        from singlestoredb.management.workspace import WorkspaceManager

        return self._manager(WorkspaceManager)

    @property
    def clusters(self) -> ClusterManager:
        """Version 2: clusters, projects and jobs."""
        from singlestoredb.management.cluster import ClusterManager

        return self._manager(ClusterManager)

    @property
    def files(self) -> FilesManager:
        """Version 2: personal, shared and model files."""
        from singlestoredb.management.files import FilesManager

        return self._manager(FilesManager)


class Command(SQLHandler):
    """A command of the management service; subclasses override :meth:`answer`."""

    def run(self, params: Params) -> FusionSQLResult | None:
        """Answer the statement, with managers that are closed afterwards."""
        with ExitStack() as stack:
            return self.answer(Services(stack), params)

    def answer(self, services: Services, params: Params) -> FusionSQLResult | None:
        """Answer the statement."""
        raise NotImplementedError


def table(columns: Sequence[Column], things: Iterable[Any]) -> FusionSQLResult:
    """Make a result with a row for each thing."""
    out = FusionSQLResult()
    for name, dtype, _ in columns:
        out.add_field(name, dtype)
    out.set_rows(
        [
            tuple(
                _sent(value(thing)) if dtype == DATETIME else value(thing)
                for _, dtype, value in columns
            )
            for thing in things
        ]
    )
    return out


def _sent(moment: datetime.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def reshaped(result: FusionSQLResult, params: Params) -> FusionSQLResult:
    """Apply ``LIKE`` (to the column Name), ``ORDER BY`` and ``LIMIT``."""
    out = result.like(Name=params["like"])
    return out.order_by(**params["order_by"]).limit(params["limit"])


# -- clauses --

_UNITS = {"SECONDS": 1, "MINUTES": 60, "HOURS": 3600, "DAYS": 86_400}


def seconds(number: int, unit: str) -> int:
    """Return a length of time in seconds."""
    return number * _UNITS[unit.upper()]


def auto_suspend(clause: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the settings of ``AUTO SUSPEND AFTER … WITH TYPE …``."""
    if clause is None:
        return None
    return {
        "suspend_after_seconds": seconds(
            clause["suspend_after_value"], clause["suspend_after_units"]
        ),
        "suspend_type": clause["suspend_type"].upper(),
    }


def update_window(text: str | None) -> dict[str, int] | None:
    """Return the settings of ``WITH UPDATE WINDOW``; a day is 0 (Sunday) to 6."""
    if text is None:
        return None
    found = re.fullmatch(r"\s*([0-6])\s*:\s*([01]?[0-9]|2[0-3])\s*", text)
    if found is None:
        raise InvalidClause(
            None,
            "an update window is '<day>:<hour>', day 0 (Sunday) to 6 and hour 0 to 23, "
            f"got {text!r}",
        )
    return {"day": int(found[1]), "hour": int(found[2])}


# -- errors --


class NoSuchTarget(ProgrammingError, KeyError):
    """What a statement names does not exist, or it names nothing where it must."""


class AmbiguousTarget(ProgrammingError, ValueError):
    """Several things have the name that a statement gives."""


class InvalidClause(ProgrammingError, ValueError):
    """A clause has a value that means nothing."""
