"""Starter deployments: a database of the shared tier, free and ready at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from singlestoredb import config

from ._collections import NamedList
from ._entity import Shown, adopt, require_manager, set_fields
from ._paths import segment
from ._wire import Payload, decode_object
from .errors import ManagementError

if TYPE_CHECKING:
    from singlestoredb.connection import Connection

    from .manager import Manager
    from .organization import Organization
    from .stage import Stage


class StarterWorkspaceUser(Shown):
    """A database user of a starter deployment.  Its password is never shown."""

    _hidden = frozenset({"password"})

    def __init__(
        self, user_id: str, name: str, starter_workspace_id: str, password: str | None = None
    ) -> None:
        self.id = user_id
        self.name = name
        self.password = password
        """The password, when it was given or made just now; the service does not tell it again."""
        self._starter_workspace_id = starter_workspace_id
        self._collection = StarterWorkspace._collection
        self._manager: Manager | None = None

    @classmethod
    def from_dict(
        cls,
        obj: Any,
        starter_workspace_id: str,
        manager: Manager | None,
        password: str | None = None,
    ) -> StarterWorkspaceUser:
        """Return the user of a JSON object."""
        p = Payload(obj, "starter user")
        out = cls(p.text("userID"), p.opt_text("userName") or "", starter_workspace_id, password)
        out._manager = manager
        return out

    def __getitem__(self, key: str) -> str | None:
        """Return the ``user_id`` or the ``password``."""
        if key == "user_id":
            return self.id
        if key == "password":
            return self.password
        raise KeyError(key)

    def _route(self) -> str:
        owner = segment(self._starter_workspace_id)
        return f"{self._collection}/{owner}/users/{segment(self.id)}"

    def update(self, password: str) -> None:
        """Change the password."""
        require_manager(self._manager)._patch(self._route(), json={"password": password})
        self.password = password

    def delete(self) -> None:
        """Delete the user."""
        require_manager(self._manager)._delete(self._route())


class StarterDeployment(Shown):
    """What starter workspaces and starter clusters have in common."""

    _collection: ClassVar[str]
    """Route of all of them."""
    _id_key: ClassVar[str]
    """Key of the ID in JSON."""
    _kind: ClassVar[str]

    name: str
    id: str
    database_name: str
    endpoint: str | None
    mysql_dml_port: int | None
    _manager: Any

    def _client(self) -> Any:
        return require_manager(self._manager, self._kind)

    def _route(self) -> str:
        return f"{self._collection}/{segment(self.id)}"

    def connect(self, **kwargs: Any) -> Connection:
        """Connect to the database; takes what :func:`singlestoredb.connect` takes.

        Raise :class:`ManagementError` while there is no endpoint.
        """
        from singlestoredb import connect

        if not self.endpoint:
            raise ManagementError(
                msg=f"{type(self).__name__} {self.name!r} has no endpoint to connect to"
            )
        kwargs.update(host=self.endpoint, database=self.database_name)
        driver = kwargs.get("driver") or config.get_option("driver")
        if self.mysql_dml_port and ":" not in self.endpoint and driver == "mysql":
            # The shared tier listens on a port of its own.
            kwargs.setdefault("port", self.mysql_dml_port)
        return connect(**kwargs)

    def terminate(self) -> None:
        """Delete the deployment and all its data."""
        self._client()._delete(self._route())

    @property
    def organization(self) -> Organization:
        """The organization it belongs to."""
        out: Organization = self._client().organization
        return out

    @property
    def stage(self) -> Stage:
        """Its Stage.  The service may not offer one for starter deployments."""
        from .stage import Stage

        return Stage(self.id, self._client())

    stages = stage

    def create_user(self, username: str, password: str | None = None) -> StarterWorkspaceUser:
        """Create a database user; without a password the service makes one."""
        manager = self._client()
        body = set_fields({"userName": username, "password": password})
        answer = Payload(
            decode_object(manager._post(f"{self._route()}/users", json=body)), "created user"
        )
        user_id = answer.opt_text("userID")
        found = password if password is not None else answer.opt_text("password")
        if user_id is None or found is None:
            missing = "ID" if user_id is None else "password"
            raise ManagementError(msg=f"the service created user {username!r} without {missing}")
        out = StarterWorkspaceUser(user_id, username, self.id, found)
        out._collection, out._manager = self._collection, manager
        return out

    def get_user(self, user_id: str) -> StarterWorkspaceUser:
        """Return a database user; its password is not known."""
        manager = self._client()
        answer = decode_object(manager._get(f"{self._route()}/users/{segment(user_id, 'user ID')}"))
        out = StarterWorkspaceUser.from_dict(answer, self.id, manager)
        out._collection = self._collection
        return out


class StarterWorkspace(StarterDeployment):
    """A starter workspace (version 1 of the API)."""

    _collection = "sharedtier/virtualWorkspaces"
    _id_key = "virtualWorkspaceID"
    _kind = "workspace"

    def __init__(
        self,
        name: str,
        id: str,
        database_name: str,
        endpoint: str | None = None,
        mysql_dml_port: int | None = None,
        websocket_port: int | None = None,
        project_id: str | None = None,
    ) -> None:
        self.name = name
        self.id = id
        self.database_name = database_name
        self.endpoint = endpoint
        """Host name to connect to."""
        self.mysql_dml_port = mysql_dml_port
        self.websocket_port = websocket_port
        self.project_id = project_id
        self._manager = None

    @classmethod
    def from_dict(cls, obj: Any, manager: Any) -> StarterWorkspace:
        """Return the starter workspace of a JSON object."""
        p = Payload(obj, "starter workspace")
        out = cls(
            name=p.text("name"),
            id=p.text(cls._id_key),
            database_name=p.text("databaseName"),
            endpoint=p.opt_text("endpoint"),
            mysql_dml_port=p.opt_int("mysqlDmlPort"),
            websocket_port=p.opt_int("websocketPort"),
            project_id=p.opt_text("projectID"),
        )
        out._manager = manager
        return out

    def refresh(self) -> StarterWorkspace:
        """Ask the service again."""
        adopt(self, self._client().get_starter_workspace(self.id))
        return self

    @property
    def starter_workspaces(self) -> NamedList[StarterWorkspace]:
        """All starter workspaces of the organization."""
        out: NamedList[StarterWorkspace] = self._client().starter_workspaces
        return out
