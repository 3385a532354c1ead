"""Starter clusters (version 2 of the API)."""

from __future__ import annotations

from typing import Any

from ._entity import adopt, shown_values
from ._wire import Payload
from .projects import Project
from .starter_workspace import StarterDeployment

SHAREDTIER_PATH = "sharedtier/virtualClusters"
"""Route of the starter clusters."""


class StarterCluster(StarterDeployment):
    """A starter cluster: a database of the shared tier."""

    _collection = SHAREDTIER_PATH
    _id_key = "virtualClusterID"
    _kind = "cluster"

    def __init__(
        self,
        name: str,
        id: str,
        database_name: str,
        endpoint: str | None = None,
        mysql_dml_port: int | None = None,
        websocket_port: int | None = None,
        project: str | Project | None = None,
    ) -> None:
        self.name = name
        self.id = id
        self.database_name = database_name
        self.endpoint = endpoint
        """Host name to connect to."""
        self.mysql_dml_port = mysql_dml_port
        self.websocket_port = websocket_port
        self._project = project
        self._manager = None

    def _shown(self) -> dict[str, Any]:
        return shown_values(self, {"project": self._project})

    def __repr__(self) -> str:
        inner = ", ".join(f"{k}={v!r}" for k, v in self._shown().items())
        return f"{type(self).__name__}({inner})"

    @classmethod
    def from_dict(cls, obj: Any, manager: Any) -> StarterCluster:
        """Return the starter cluster of a JSON object."""
        p = Payload(obj, "starter cluster")
        out = cls(
            name=p.text("name"),
            id=p.text(cls._id_key),
            database_name=p.text("databaseName"),
            endpoint=p.opt_text("endpoint"),
            mysql_dml_port=p.opt_int("mysqlDmlPort"),
            websocket_port=p.opt_int("websocketPort"),
            project=p.opt_text("projectID"),
        )
        out._manager = manager
        return out

    @property
    def project(self) -> Project | None:
        """The project it belongs to; asked for when it is first read."""
        self._project = resolve_project(self._project, self._manager)
        return self._project

    def refresh(self) -> StarterCluster:
        """Ask the service again."""
        adopt(self, self._client().get_starter_cluster(self.id))
        return self


def resolve_project(project: str | Project | None, manager: Any) -> Project | None:
    """Return the project of an ID; one without a name when the service does not list it."""
    if not isinstance(project, str):
        return project
    for known in manager.projects if manager is not None else ():
        if known.id == project:
            return known  # type: ignore[no-any-return]  # of an untyped manager
    return Project(project, "<unknown>")
