"""Workspaces and all that hangs together with them (version 1 of the API)."""

from __future__ import annotations

import datetime
import warnings
from typing import TYPE_CHECKING, Any

from ._case import snake_to_camel_dict
from ._collections import NamedList, ttl_property
from ._dates import from_datetime, to_datetime
from ._entity import Shown, adopt, require_manager, set_fields
from ._environment import get_workspace_group_id, get_workspace_id
from ._locks import retry_on_lock
from ._paths import segment
from ._wire import Payload, decode_array, decode_object
from .audit_logs import AuditLogsMixin
from .billing import Billing
from .errors import ManagementError
from .files import FilesObject
from .invitations import InvitationsMixin
from .manager import Manager, TokenSource
from .organization import Organization, Organizations, SecretsMixin
from .private_connections import (
    KaiPrivateConnectionInfo,
    OutboundAllowListEntry,
    PrivateConnection,
    PrivateConnectionsMixin,
)
from .projects import ProjectsMixin
from .region import Region, fetch_regions
from .roles import RolesMixin
from .stage import Stage, StageObject
from .starter_workspace import StarterWorkspace, StarterWorkspaceUser
from .teams import TeamsMixin
from .users import UsersMixin
from .workspace_group import WorkspaceGroup

if TYPE_CHECKING:
    from singlestoredb.connection import Connection

__all__ = [
    "Billing",
    "FilesObject",
    "Organization",
    "Organizations",
    "Stage",
    "StageObject",
    "StarterWorkspace",
    "StarterWorkspaceUser",
    "Workspace",
    "WorkspaceGroup",
    "WorkspaceManager",
    "get_organization",
    "get_secret",
    "get_stage",
    "get_workspace",
    "get_workspace_group",
    "manage_workspaces",
]


def connect_to(deployment: Any, kwargs: dict[str, Any]) -> Connection:
    """Connect to the endpoint of a workspace or cluster."""
    from singlestoredb import connect

    if not deployment.endpoint:
        raise ManagementError(
            msg=f"{type(deployment).__name__} {deployment.name!r} has no endpoint to connect to",
            hint="it may not be active yet: see its state, or wait_on_active",
        )
    return connect(**{**kwargs, "host": deployment.endpoint})


class Workspace(Shown):
    """A workspace: compute attached to the databases of its group."""

    def __init__(
        self,
        name: str,
        workspace_id: str,
        workspace_group: str | WorkspaceGroup,
        size: str,
        state: str,
        created_at: str | datetime.datetime,
        terminated_at: str | datetime.datetime | None = None,
        endpoint: str | None = None,
        auto_suspend: dict[str, Any] | None = None,
        cache_config: float | None = None,
        deployment_type: str | None = None,
        resume_attachments: list[dict[str, Any]] | None = None,
        scaling_progress: float | None = None,
        last_resumed_at: str | datetime.datetime | None = None,
        auto_scale: dict[str, Any] | None = None,
        kai_enabled: bool | None = None,
        scale_factor: float | None = None,
    ) -> None:
        self.name = name
        self.id = workspace_id
        self.group_id = (
            workspace_group.id if isinstance(workspace_group, WorkspaceGroup) else workspace_group
        )
        self.size = size
        """Size, such as ``S-00``."""
        self.state = state.strip()
        """``PENDING``, ``ACTIVE``, ``SUSPENDED``, ``FAILED`` or ``TERMINATED``."""
        self.created_at = to_datetime(created_at)
        self.terminated_at = to_datetime(terminated_at)
        self.endpoint = endpoint
        """Host name to connect to, once there is one."""
        self.auto_suspend = auto_suspend
        self.cache_config = cache_config
        """Multiple of the standard cache: 1, 2 or 4."""
        self.deployment_type = deployment_type
        self.resume_attachments = list(resume_attachments or ())
        self.scaling_progress = scaling_progress
        """Percent of a change of size that is done."""
        self.last_resumed_at = to_datetime(last_resumed_at)
        self.auto_scale = auto_scale
        self.kai_enabled = kai_enabled
        self.scale_factor = scale_factor
        self._manager: WorkspaceManager | None = None

    @classmethod
    def from_dict(cls, obj: Any, manager: WorkspaceManager | None) -> Workspace:
        """Return the workspace of a JSON object."""
        p = Payload(obj, "workspace")
        out = cls(
            name=p.text("name"),
            workspace_id=p.text("workspaceID"),
            workspace_group=p.text("workspaceGroupID"),
            size=p.opt_text("size") or "Unknown",
            state=p.opt_text("state") or "Unknown",
            created_at=p.time("createdAt"),
            terminated_at=p.opt_time("terminatedAt"),
            endpoint=p.opt_text("endpoint"),
            auto_suspend=p.snake("autoSuspend"),
            cache_config=p.opt_number("cacheConfig"),
            deployment_type=p.opt_text("deploymentType"),
            resume_attachments=p.snakes("resumeAttachments"),
            scaling_progress=p.opt_number("scalingProgress"),
            last_resumed_at=p.opt_time("lastResumedAt"),
            auto_scale=p.snake("autoScale"),
            kai_enabled=p.opt_bool("kaiEnabled"),
            scale_factor=p.opt_number("scaleFactor"),
        )
        out._manager = manager
        return out

    def _route(self) -> str:
        return f"workspaces/{segment(self.id)}"

    def _client(self) -> WorkspaceManager:
        return require_manager(self._manager)

    def refresh(self) -> Workspace:
        """Ask the service again."""
        adopt(self, self._client().get_workspace(self.id))
        return self

    def update(
        self,
        auto_suspend: dict[str, Any] | None = None,
        cache_config: float | None = None,
        deployment_type: str | None = None,
        size: str | None = None,
        auto_scale: dict[str, Any] | None = None,
        enable_kai: bool | None = None,
        scale_factor: float | None = None,
    ) -> None:
        """Change what is given; keys of ``auto_suspend`` and ``auto_scale`` are in snake case."""
        body = {
            "autoSuspend": snake_to_camel_dict(auto_suspend),
            "cacheConfig": cache_config,
            "deploymentType": deployment_type,
            "size": size,
            "autoScale": snake_to_camel_dict(auto_scale),
            "enableKai": enable_kai,
            "scaleFactor": scale_factor,
        }
        self._client()._patch(self._route(), json=set_fields(body))
        self.refresh()

    def terminate(
        self,
        wait_on_terminated: bool = False,
        wait_interval: float = 10,
        wait_timeout: float = 600,
        force: bool = False,
    ) -> None:
        """Terminate the workspace.  Times are seconds."""
        manager = self._client()
        manager._delete(f"{self._route()}?force={'true' if force else 'false'}")
        if wait_on_terminated:
            manager._wait_on_state(
                manager.get_workspace(self.id), "Terminated", wait_interval, wait_timeout
            )
            self.refresh()

    def suspend(
        self,
        wait_on_suspended: bool = False,
        wait_interval: float = 20,
        wait_timeout: float = 600,
    ) -> None:
        """Suspend the workspace.  Times are seconds."""
        manager = self._client()
        manager._post(f"{self._route()}/suspend")
        if wait_on_suspended:
            manager._wait_on_state(
                manager.get_workspace(self.id), "Suspended", wait_interval, wait_timeout
            )
            self.refresh()

    def resume(
        self,
        disable_auto_suspend: bool = False,
        wait_on_resumed: bool = False,
        wait_interval: float = 20,
        wait_timeout: float = 600,
    ) -> None:
        """Resume the workspace.  Times are seconds."""
        manager = self._client()
        manager._post(
            f"{self._route()}/resume", json={"disableAutoSuspend": bool(disable_auto_suspend)}
        )
        if wait_on_resumed:
            manager._wait_on_state(
                manager.get_workspace(self.id), ["Resumed", "Active"], wait_interval, wait_timeout
            )
            self.refresh()

    def connect(self, **kwargs: Any) -> Connection:
        """Connect to the workspace; takes what :func:`singlestoredb.connect` takes.

        Raise :class:`ManagementError` while there is no endpoint.
        """
        return connect_to(self, kwargs)

    def _group_query(self) -> dict[str, str]:
        # The service requires it.
        return {"workspaceGroupID": self.group_id}

    @property
    def private_connections(self) -> NamedList[PrivateConnection]:
        """Private connections of the workspace."""
        manager = self._client()
        res = manager._get(f"{self._route()}/privateConnections", params=self._group_query())
        return NamedList(PrivateConnection.from_dict(x, manager) for x in decode_array(res))

    def get_kai_private_connection_info(self) -> KaiPrivateConnectionInfo:
        """Return how to reach the MongoDB-compatible API privately."""
        res = self._client()._get(f"{self._route()}/privateConnections/kai")
        return KaiPrivateConnectionInfo.from_dict(decode_object(res))

    def get_outbound_allow_list(self) -> list[OutboundAllowListEntry]:
        """Return where the workspace may connect to."""
        res = self._client()._get(f"{self._route()}/privateConnections/outboundAllowList")
        return [OutboundAllowListEntry.from_dict(x) for x in decode_array(res, "allowList")]


_CACHED = datetime.timedelta(hours=1)


class WorkspaceManager(
    Manager,
    UsersMixin,
    TeamsMixin,
    RolesMixin,
    InvitationsMixin,
    SecretsMixin,
    AuditLogsMixin,
    PrivateConnectionsMixin,
    ProjectsMixin,
):
    """Workspaces, and the administration of the organization."""

    default_version = "v1"
    obj_type = "workspace"

    @property
    def workspace_groups(self) -> NamedList[WorkspaceGroup]:
        """Workspace groups of the organization; terminated ones may be among them."""
        found = decode_array(self._get("workspaceGroups"))
        return NamedList(WorkspaceGroup.from_dict(x, self) for x in found)

    @property
    def starter_workspaces(self) -> NamedList[StarterWorkspace]:
        """Starter workspaces of the organization."""
        found = decode_array(self._get(StarterWorkspace._collection))
        return NamedList(StarterWorkspace.from_dict(x, self) for x in found)

    @ttl_property(_CACHED)
    def regions(self) -> NamedList[Region]:
        """Regions for workspace groups; kept for an hour."""
        return fetch_regions(self, "regions")

    @ttl_property(_CACHED)
    def regions_v2(self) -> NamedList[Region]:
        """Regions as version 2 of the API lists them, without IDs; kept for an hour."""
        return fetch_regions(self, "/v2/regions")

    @ttl_property(_CACHED)
    def shared_tier_regions(self) -> NamedList[Region]:
        """Regions for starter workspaces; kept for an hour."""
        return fetch_regions(self, "regions/sharedtier")

    @property
    def organizations(self) -> Organizations:
        """Organizations of the token."""
        return Organizations(self)

    @property
    def organization(self) -> Organization:
        """The current organization."""
        return self.organizations.current

    @property
    def billing(self) -> Billing:
        """What the organization used."""
        return Billing(self)

    @retry_on_lock
    def create_workspace_group(
        self,
        name: str,
        region: str | Region,
        firewall_ranges: list[str] | None,
        admin_password: str | None = None,
        backup_bucket_kms_key_id: str | None = None,
        data_bucket_kms_key_id: str | None = None,
        expires_at: str | datetime.datetime | None = None,
        smart_dr: bool | None = None,
        allow_all_traffic: bool | None = None,
        update_window: dict[str, int] | None = None,
        provider: str | None = None,
        region_name: str | None = None,
        deployment_type: str | None = None,
        high_availability_two_zones: bool | None = None,
        opt_in_preview_feature: bool | None = None,
        project_id: str | None = None,
    ) -> WorkspaceGroup:
        """Create a workspace group.

        ``region`` is a region or the ID of one.  ``firewall_ranges`` are in CIDR notation.
        ``expires_at`` is a time, or how long from now, such as ``3h30m``.  The password that
        the service made, if it made one, is ``admin_password`` of what is returned.  While
        another creation locks the organization this waits and tries again.
        """
        region_id: str | None
        if isinstance(region, Region):
            region_id = region.id
            if region_id is None:
                provider = provider or region.provider
                region_name = region_name or region.region_name or region.name
        else:
            region_id = region
        # Here the service wants every key, null where nothing is meant.
        body = {
            "name": name,
            "regionID": region_id,
            "adminPassword": admin_password,
            "backupBucketKMSKeyID": backup_bucket_kms_key_id,
            "dataBucketKMSKeyID": data_bucket_kms_key_id,
            "firewallRanges": firewall_ranges or [],
            "expiresAt": from_datetime(expires_at),
            "smartDR": smart_dr,
            "allowAllTraffic": allow_all_traffic,
            "updateWindow": update_window,
            "provider": provider,
            "regionName": region_name,
            "deploymentType": deployment_type,
            "highAvailabilityTwoZones": high_availability_two_zones,
            "optInPreviewFeature": opt_in_preview_feature,
            "projectID": project_id,
        }
        answer = decode_object(self._post("workspaceGroups", json=body))
        made = Payload(answer, "created workspace group")
        out = self.get_workspace_group(made.text("workspaceGroupID"))
        out._admin_password = made.opt_text("adminPassword")
        return out

    def create_workspace(
        self,
        name: str,
        workspace_group: str | WorkspaceGroup,
        size: str | None = None,
        auto_suspend: dict[str, Any] | None = None,
        cache_config: float | None = None,
        enable_kai: bool | None = None,
        wait_on_active: bool = False,
        wait_interval: float = 10,
        wait_timeout: float = 600,
        auto_scale: dict[str, Any] | None = None,
        scale_factor: float | None = None,
    ) -> Workspace:
        """Create a workspace in a group, given by itself or its ID.

        ``auto_suspend`` is ``{"suspend_type": "IDLE" | "SCHEDULED" | "DISABLED",
        "suspend_after_seconds": n}``, ``auto_scale`` is ``{"max_scale_factor": 1 | 2 | 4,
        "sensitivity": "LOW" | "NORMAL" | "HIGH"}``.  Times are seconds.
        """
        group_id = (
            workspace_group.id if isinstance(workspace_group, WorkspaceGroup) else workspace_group
        )
        body = {
            "name": name,
            "workspaceGroupID": group_id,
            "size": size,
            "autoSuspend": snake_to_camel_dict(auto_suspend),
            "cacheConfig": cache_config,
            "enableKai": enable_kai,
            "autoScale": snake_to_camel_dict(auto_scale),
            "scaleFactor": scale_factor,
        }
        answer = decode_object(self._post("workspaces", json=body))
        out = self.get_workspace(Payload(answer, "created workspace").text("workspaceID"))
        if wait_on_active:
            out = self._wait_on_state(out, "Active", wait_interval, wait_timeout)
            out = self._wait_on_endpoint(out, wait_interval, wait_timeout)
        return out

    def create_starter_workspace(
        self,
        name: str,
        database_name: str,
        provider: str,
        region_name: str,
        project_id: str | None = None,
    ) -> StarterWorkspace:
        """Create a starter workspace with a database; see :attr:`shared_tier_regions`."""
        body = {
            "name": name,
            "databaseName": database_name,
            # Only here the service insists on capitals.
            "provider": provider.upper(),
            "regionName": region_name,
            "projectID": project_id,
        }
        answer = decode_object(self._post(StarterWorkspace._collection, json=set_fields(body)))
        made = Payload(answer, "created starter workspace").text(StarterWorkspace._id_key)
        return self.get_starter_workspace(made)

    def get_workspace_group(self, id: str) -> WorkspaceGroup:
        """Return the workspace group of that ID."""
        res = self._get(f"workspaceGroups/{segment(id, 'workspace group ID')}")
        return WorkspaceGroup.from_dict(decode_object(res), self)

    def get_workspace(self, id: str) -> Workspace:
        """Return the workspace of that ID."""
        res = self._get(f"workspaces/{segment(id, 'workspace ID')}")
        return Workspace.from_dict(decode_object(res), self)

    def get_starter_workspace(self, id: str) -> StarterWorkspace:
        """Return the starter workspace of that ID."""
        res = self._get(f"{StarterWorkspace._collection}/{segment(id, 'starter workspace ID')}")
        return StarterWorkspace.from_dict(decode_object(res), self)


def _manage_workspaces_v1(
    access_token: str | TokenSource | None = None,
    version: str | None = None,
    base_url: str | None = None,
    *,
    organization_id: str | None = None,
) -> WorkspaceManager:
    """Return a manager of workspaces, without the warning."""
    if version is not None and version != "v1":
        raise ManagementError(
            msg=f"API version {version} has no workspaces", hint="use manage_clusters()"
        )
    return WorkspaceManager(access_token, "v1", base_url, organization_id=organization_id)


def manage_workspaces(
    access_token: str | TokenSource | None = None,
    version: str | None = None,
    base_url: str | None = None,
    *,
    organization_id: str | None = None,
) -> WorkspaceManager:
    """Return a manager of workspaces and of the organization.

    Workspaces belong to version 1 of the API, which this always uses; the service's version 2
    has clusters instead, see :func:`manage_clusters`.  Parameters are those of
    :class:`Manager`.
    """
    warnings.warn(
        "manage_workspaces() uses version 1 of the management API, which the service deprecates; "
        "see manage_clusters()",
        DeprecationWarning,
        stacklevel=2,
    )
    return _manage_workspaces_v1(access_token, version, base_url, organization_id=organization_id)


def get_organization() -> Organization:
    """Return the current organization."""
    return _manage_workspaces_v1().organization


def get_secret(name: str) -> str | None:
    """Return the value of a secret of the current organization."""
    return get_organization().get_secret(name).value


def get_workspace_group(workspace_group: str | WorkspaceGroup | None = None) -> WorkspaceGroup:
    """Return a workspace group by itself, its name or ID, or the one the environment names."""
    if isinstance(workspace_group, WorkspaceGroup):
        return workspace_group
    if workspace_group:
        return _manage_workspaces_v1().workspace_groups[workspace_group]
    current = get_workspace_group_id()
    if current:
        return _manage_workspaces_v1().get_workspace_group(current)
    raise RuntimeError("no workspace group was given, and SINGLESTOREDB_WORKSPACE_GROUP is not set")


def get_workspace(
    workspace_group: str | WorkspaceGroup | None = None,
    workspace: str | Workspace | None = None,
) -> Workspace:
    """Return a workspace by itself, its name or ID, or the one the environment names."""
    if isinstance(workspace, Workspace):
        return workspace
    wanted = workspace or get_workspace_id()
    if wanted:
        return get_workspace_group(workspace_group).workspaces[wanted]
    raise RuntimeError("no workspace was given, and SINGLESTOREDB_WORKSPACE is not set")


def get_stage(workspace_group: str | WorkspaceGroup | None = None) -> Stage:
    """Return the Stage of a workspace group."""
    return get_workspace_group(workspace_group).stage
