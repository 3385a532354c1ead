"""Private connections between a cloud account and a deployment."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ._dates import to_datetime
from ._entity import Shown, require_manager, set_fields
from ._paths import segment
from ._wire import Payload, decode_object

if TYPE_CHECKING:
    from .manager import Manager


def _allow_list(allow_list: str | Iterable[str] | None) -> str | None:
    # The service takes one text: an AWS account, Azure subscription or GCP project.
    if allow_list is None or isinstance(allow_list, str):
        return allow_list
    return ",".join(allow_list)


class PrivateConnection(Shown):
    """A private connection of a workspace group."""

    def __init__(
        self,
        connection_id: str,
        workspace_group_id: str,
        type: str,
        status: str | None = None,
        service_name: str | None = None,
        endpoint_id: str | None = None,
        allow_list: list[str] | None = None,
        created_at: str | datetime.datetime | None = None,
        updated_at: str | datetime.datetime | None = None,
    ) -> None:
        self.id = connection_id
        self.workspace_group_id = workspace_group_id
        self.type = type.upper()
        """``INBOUND`` or ``OUTBOUND``."""
        self.status = status.upper() if status else None
        """``PENDING``, ``ACTIVE`` or ``DELETED``."""
        self.service_name = service_name
        self.endpoint_id = endpoint_id
        self.allow_list = list(allow_list or ())
        self.created_at = to_datetime(created_at)
        self.updated_at = to_datetime(updated_at)
        self.workspace_id: str | None = None
        self.outbound_allow_list: str | None = None
        self.active_at: datetime.datetime | None = None
        self.deleted_at: datetime.datetime | None = None
        self._manager: Manager | None = None

    @property
    def endpoint(self) -> str | None:
        """Same as ``endpoint_id``."""
        return self.endpoint_id

    @classmethod
    def from_dict(cls, obj: Any, manager: Manager | None) -> PrivateConnection:
        """Return the private connection of a JSON object."""
        p = Payload(obj, "private connection")
        out = cls(
            connection_id=p.text("privateConnectionID", "connectionID"),
            workspace_group_id=p.text("workspaceGroupID"),
            type=p.text("type"),
            status=p.opt_text("status"),
            service_name=p.opt_text("serviceName"),
            endpoint_id=p.opt_text("endpoint", "endpointID"),
            allow_list=p.texts("allowList"),
            created_at=p.opt_time("createdAt"),
            updated_at=p.opt_time("updatedAt"),
        )
        out.workspace_id = p.opt_text("workspaceID")
        out.outbound_allow_list = p.opt_text("outboundAllowList")
        out.active_at, out.deleted_at = p.opt_time("activeAt"), p.opt_time("deletedAt")
        out._manager = manager
        return out

    def _route(self) -> str:
        return f"privateConnections/{segment(self.id)}"

    def refresh(self) -> None:
        """Ask the service again."""
        answer = decode_object(require_manager(self._manager)._get(self._route()))
        fresh = PrivateConnection.from_dict(answer, self._manager)
        for name in ("status", "service_name", "endpoint_id", "allow_list", "updated_at"):
            setattr(self, name, getattr(fresh, name))

    def update(self, allow_list: str | Iterable[str]) -> None:
        """Change who may connect: an AWS account, Azure subscription or GCP project."""
        manager = require_manager(self._manager)
        manager._patch(self._route(), json={"allowList": _allow_list(allow_list)})
        self.refresh()

    def delete(self) -> None:
        """Delete the private connection."""
        require_manager(self._manager)._delete(self._route())


class OutboundAllowListEntry(Shown):
    """Where a workspace may connect to."""

    def __init__(self, destination: str, description: str | None = None) -> None:
        self.destination = destination
        self.description = description

    @classmethod
    def from_dict(cls, obj: Any) -> OutboundAllowListEntry:
        """Return the entry of a JSON object."""
        p = Payload(obj, "outbound allow list")
        return cls(p.text("outboundAllowList", "destination"), p.opt_text("description"))


class KaiPrivateConnectionInfo(Shown):
    """How to reach the MongoDB-compatible API of a workspace privately."""

    def __init__(
        self,
        service_name: str | None = None,
        endpoint_id: str | None = None,
        status: str | None = None,
    ) -> None:
        self.service_name = service_name
        self.endpoint_id = endpoint_id
        self.status = status

    @classmethod
    def from_dict(cls, obj: Any) -> KaiPrivateConnectionInfo:
        """Return the information of a JSON object."""
        p = Payload(obj, "Kai private connection")
        return cls(p.opt_text("serviceName"), p.opt_text("endpointID"), p.opt_text("status"))


class PrivateConnectionsMixin:
    """Private connections, as a manager has them."""

    def create_private_connection(
        self: Any,
        workspace_group_id: str,
        type: str,
        allow_list: str | Iterable[str] | None = None,
        *,
        service_name: str | None = None,
        sql_port: int | None = None,
        websockets_port: int | None = None,
        workspace_id: str | None = None,
        kai_endpoint_id: str | None = None,
    ) -> PrivateConnection:
        """Create a private connection of type ``INBOUND`` or ``OUTBOUND``."""
        body = set_fields(
            {
                "workspaceGroupID": workspace_group_id,
                "type": type.upper(),
                "allowList": _allow_list(allow_list),
                "serviceName": service_name,
                "sqlPort": sql_port,
                "websocketsPort": websockets_port,
                "workspaceID": workspace_id,
                "kaiEndpointID": kai_endpoint_id,
            }
        )
        answer = decode_object(self._post("privateConnections", json=body))
        made = Payload(answer, "created private connection").text(
            "privateConnectionID", "connectionID"
        )
        out: PrivateConnection = self.get_private_connection(made)
        return out

    def get_private_connection(self: Any, connection_id: str) -> PrivateConnection:
        """Return the private connection of that ID."""
        answer = self._get(f"privateConnections/{segment(connection_id, 'connection ID')}")
        return PrivateConnection.from_dict(decode_object(answer), self)
