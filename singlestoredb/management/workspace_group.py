"""Workspace groups: workspaces that share their databases (version 1 of the API)."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from . import timing
from ._access import AccessControlled
from ._collections import NamedList
from ._dates import to_datetime
from ._entity import Shown, adopt, require_manager, set_fields
from ._paths import segment
from ._wire import Payload, decode_array
from .errors import WaitTimeoutError
from .private_connections import PrivateConnection
from .region import Region
from .storage import Storage

if TYPE_CHECKING:
    from .organization import Organization
    from .stage import Stage
    from .workspace import Workspace, WorkspaceManager


def _region(p: Payload, manager: Any) -> Region:
    """Return the region of a group: a known one if there is one, else what the group says."""
    region_id, name, provider = (p.opt_text(k) for k in ("regionID", "regionName", "provider"))
    known = manager.regions if manager is not None and (region_id or name) else []
    for region in known:
        if region_id is not None and region.id == region_id:
            return region  # type: ignore[no-any-return]  # of an untyped manager
    for region in known:
        if name is not None and (region.region_name, region.provider) == (name, provider):
            return region  # type: ignore[no-any-return]  # of an untyped manager
    return Region(name or "<unknown>", provider or "<unknown>", region_id, name)


class WorkspaceGroup(AccessControlled, Shown):
    """A group of workspaces."""

    def __init__(
        self,
        name: str,
        id: str,
        created_at: str | datetime.datetime,
        region: Region | None,
        firewall_ranges: list[str],
        terminated_at: str | datetime.datetime | None,
        allow_all_traffic: bool | None,
        deployment_type: str | None = None,
        expires_at: str | datetime.datetime | None = None,
        high_availability_two_zones: bool | None = None,
        opt_in_preview_feature: bool | None = None,
        outbound_allow_list: str | None = None,
        project_id: str | None = None,
        project_name: str | None = None,
        smart_dr_status: str | None = None,
        state: str | None = None,
        update_window: dict[str, int] | None = None,
        provider: str | None = None,
        region_name: str | None = None,
    ) -> None:
        self.name = name
        self.id = id
        self.created_at = to_datetime(created_at)
        self.region = region
        self.firewall_ranges = firewall_ranges
        """Address ranges that may connect, in CIDR notation."""
        self.terminated_at = to_datetime(terminated_at)
        self.allow_all_traffic = bool(allow_all_traffic)
        self.deployment_type = deployment_type
        """``PRODUCTION`` or ``NON-PRODUCTION``."""
        self.expires_at = to_datetime(expires_at)
        """When the group will be terminated; ``None`` for never."""
        self.high_availability_two_zones = high_availability_two_zones
        self.opt_in_preview_feature = opt_in_preview_feature
        self.outbound_allow_list = outbound_allow_list
        self.project_id = project_id
        self.project_name = project_name
        self.smart_dr_status = smart_dr_status
        """``ACTIVE`` or ``STANDBY``."""
        self.smart_dr: bool | None = None
        self.state = state
        """``PENDING``, ``ACTIVE``, ``FAILED`` or ``TERMINATED``."""
        self.update_window = update_window
        """``day`` from 0 (Sunday) to 6, ``hour`` from 0 to 23, UTC."""
        self.provider = provider
        self.region_name = region_name
        self._admin_password: str | None = None
        self._manager: WorkspaceManager | None = None

    @property
    def admin_password(self) -> str | None:
        """Password that the service made; only right after creation, and never shown."""
        return self._admin_password

    @classmethod
    def from_dict(cls, obj: Any, manager: WorkspaceManager | None) -> WorkspaceGroup:
        """Return the workspace group of a JSON object."""
        p = Payload(obj, "workspace group")
        out = cls(
            name=p.text("name"),
            id=p.text("workspaceGroupID"),
            created_at=p.time("createdAt"),
            region=_region(p, manager),
            firewall_ranges=p.texts("firewallRanges"),
            terminated_at=p.opt_time("terminatedAt"),
            allow_all_traffic=p.opt_bool("allowAllTraffic"),
            deployment_type=p.opt_text("deploymentType"),
            expires_at=p.opt_time("expiresAt"),
            high_availability_two_zones=p.opt_bool("highAvailabilityTwoZones"),
            opt_in_preview_feature=p.opt_bool("optInPreviewFeature"),
            outbound_allow_list=p.opt_text("outboundAllowList"),
            project_id=p.opt_text("projectID"),
            project_name=p.opt_text("projectName"),
            smart_dr_status=p.opt_text("smartDRStatus"),
            state=p.opt_text("state"),
            update_window=p.raw("updateWindow"),
            provider=p.opt_text("provider"),
            region_name=p.opt_text("regionName"),
        )
        out.smart_dr = p.opt_bool("smartDR")
        out._manager = manager
        return out

    def _route(self) -> str:
        return f"workspaceGroups/{segment(self.id)}"

    def _client(self) -> WorkspaceManager:
        return require_manager(self._manager)

    @property
    def organization(self) -> Organization:
        """The organization it belongs to."""
        return self._client().organization

    @property
    def stage(self) -> Stage:
        """Files of the group."""
        from .stage import Stage

        return Stage(self.id, self._client())

    stages = stage

    @property
    def storage(self) -> Storage:
        """Storage settings, and recovery from disaster."""
        return Storage(self.id, self._client())

    @property
    def workspaces(self) -> NamedList[Workspace]:
        """Workspaces of the group."""
        from .workspace import Workspace

        manager = self._client()
        found = decode_array(manager._get("workspaces", params={"workspaceGroupID": self.id}))
        return NamedList(Workspace.from_dict(x, manager) for x in found)

    @property
    def private_connections(self) -> NamedList[PrivateConnection]:
        """Private connections of the group."""
        manager = self._client()
        found = decode_array(manager._get(f"{self._route()}/privateConnections"))
        return NamedList(PrivateConnection.from_dict(x, manager) for x in found)

    def create_workspace(
        self,
        name: str,
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
        """Create a workspace in the group; see :meth:`WorkspaceManager.create_workspace`."""
        return self._client().create_workspace(
            name=name,
            workspace_group=self,
            size=size,
            auto_suspend=auto_suspend,
            cache_config=cache_config,
            enable_kai=enable_kai,
            wait_on_active=wait_on_active,
            wait_interval=wait_interval,
            wait_timeout=wait_timeout,
            auto_scale=auto_scale,
            scale_factor=scale_factor,
        )

    def refresh(self) -> WorkspaceGroup:
        """Ask the service again."""
        password = self._admin_password
        adopt(self, self._client().get_workspace_group(self.id))
        self._admin_password = password
        return self

    def update(
        self,
        name: str | None = None,
        firewall_ranges: list[str] | None = None,
        admin_password: str | None = None,
        expires_at: str | datetime.datetime | None = None,
        allow_all_traffic: bool | None = None,
        update_window: dict[str, int] | None = None,
        deployment_type: str | None = None,
    ) -> None:
        """Change what is given.

        ``expires_at`` is a time, or how long from now, such as ``3h30m``.
        """
        from ._dates import from_datetime

        body = {
            "name": name,
            "firewallRanges": firewall_ranges,
            "adminPassword": admin_password,
            "expiresAt": from_datetime(expires_at),
            "allowAllTraffic": allow_all_traffic,
            "updateWindow": update_window,
            "deploymentType": deployment_type,
        }
        self._client()._patch(self._route(), json=set_fields(body))
        self.refresh()

    def terminate(
        self,
        force: bool = False,
        wait_on_terminated: bool = False,
        wait_interval: float = 10,
        wait_timeout: float = 600,
    ) -> None:
        """Terminate the group; ``force`` also terminates the workspaces in it.

        Times are seconds.
        """
        self._client()._delete(self._route(), params={"force": "true" if force else "false"})
        if wait_on_terminated:
            wait_until_terminated(self, "workspace group", wait_interval, wait_timeout)

    def get_metrics(self) -> str:
        """Return the group's metrics, text in OpenMetrics format."""
        manager = self._client()
        organization = segment(manager.organization.id)
        # Version 1 has no metrics: from the root, version 2.
        return manager._get(f"/v2/organizations/{organization}/{self._route()}/metrics").text


def wait_until_terminated(entity: Any, what: str, interval: float, timeout: float) -> None:
    """Refresh an entity until it has a ``terminated_at``; raise :class:`WaitTimeoutError`."""
    remaining = timeout
    while True:
        started = timing.now()
        entity.refresh()
        if entity.terminated_at:
            return
        if remaining <= 0:
            raise WaitTimeoutError(
                msg=f"Exceeded waiting time of {timeout:g} s for {what} {entity.id} to terminate"
            )
        timing.sleep(interval, f"{what} terminated")
        remaining -= timing.poll_cost(started, interval)
