"""Projects: groups of deployments within an organization."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from ._collections import NamedList
from ._dates import to_datetime
from ._entity import Shown
from ._wire import Payload, decode_array

if TYPE_CHECKING:
    from .manager import Manager


class Project(Shown):
    """A project."""

    def __init__(
        self,
        project_id: str | None = None,
        name: str | None = None,
        edition: str | None = None,
        created_at: str | datetime.datetime | None = None,
        *,
        id: str | None = None,
    ) -> None:
        """Make a project from its ID (as ``project_id`` or ``id``) and its name."""
        found = project_id if project_id is not None else id
        if found is None or name is None:
            raise TypeError("a project needs an ID and a name")
        self.id: str = found
        self.name: str = name
        self.edition = edition.upper() if edition else None
        """``SHARED``, ``STANDARD``, ``ENTERPRISE``, ``DEDICATED`` or ``PREMIUM``."""
        self.created_at = to_datetime(created_at)
        self._manager: Manager | None = None

    @classmethod
    def from_dict(cls, obj: Any, manager: Manager | None) -> Project:
        """Return the project of a JSON object."""
        p = Payload(obj, "project")
        out = cls(
            p.text("projectID"), p.text("name"), p.opt_text("edition"), p.opt_time("createdAt")
        )
        out._manager = manager
        return out


def fetch_projects(manager: Manager) -> NamedList[Project]:
    """Return the projects of the organization."""
    return NamedList(Project.from_dict(x, manager) for x in decode_array(manager._get("projects")))


class ProjectsMixin:
    """Projects, as a manager has them."""

    @property
    def projects(self: Any) -> NamedList[Project]:
        """Projects of the organization."""
        return fetch_projects(self)
