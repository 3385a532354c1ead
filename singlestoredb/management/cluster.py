"""Clusters (version 2 of the API)."""

from __future__ import annotations

import datetime
import re
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from singlestoredb import config

from . import timing
from ._case import snake_to_camel_dict
from ._collections import NamedList, ttl_property
from ._dates import from_datetime, to_datetime
from ._entity import Shown, adopt, require_manager, set_fields, shown_values
from ._environment import get_workspace_id
from ._locks import retry_on_lock
from ._paths import segment
from ._wire import Payload, decode_array, decode_object
from .billing import Billing
from .errors import ManagementError, WaitTimeoutError
from .manager import Manager, TokenSource
from .organization import Organization, Organizations
from .projects import Project, fetch_projects
from .region import Region, fetch_regions
from .stage import Stage, StageObject
from .starter_cluster import SHAREDTIER_PATH, StarterCluster, resolve_project
from .workspace import connect_to
from .workspace_group import wait_until_terminated

if TYPE_CHECKING:
    from singlestoredb.connection import Connection

__all__ = [
    "DEFAULT_CLUSTER_VERSION",
    "PROJECT_ID_RE",
    "SHAREDTIER_PATH",
    "Cluster",
    "ClusterManager",
    "Project",
    "Stage",
    "StageObject",
    "StarterCluster",
    "get_cluster",
    "get_organization",
    "get_secret",
    "get_stage",
    "manage_cluster",
    "manage_clusters",
]

DEFAULT_CLUSTER_VERSION = "v2"
PROJECT_ID_RE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
"""What is taken for the ID of a project, not for its name."""

_ANYWHERE = "0.0.0.0/0"
_CACHED = datetime.timedelta(hours=1)


class Cluster(Shown):
    """A cluster: a database with its own compute."""

    def __init__(
        self,
        name: str,
        id: str,
        state: str,
        group: str | None = None,
        size: str | None = None,
        scale_factor: float | None = None,
        created_at: str | datetime.datetime | None = None,
        terminated_at: str | datetime.datetime | None = None,
        expires_at: str | datetime.datetime | None = None,
        last_resumed_at: str | datetime.datetime | None = None,
        endpoint: str | None = None,
        provider: str | None = None,
        region: str | Region | None = None,
        project: str | Project | None = None,
        deployment_type: str | None = None,
        kai: Any = None,
        multi_az: bool | None = None,
        allow_all_traffic: bool | None = None,
        firewall_ranges: list[str] | None = None,
        outbound_allow_list: str | None = None,
        opt_in_preview_feature: bool | None = None,
        update_window: dict[str, int] | None = None,
        auto_suspend: dict[str, Any] | None = None,
        auto_scale: dict[str, Any] | None = None,
        cache_config: float | None = None,
        resume_attachments: list[dict[str, Any]] | None = None,
        scaling_progress: float | None = None,
        smart_dr_status: str | None = None,
    ) -> None:
        self.name = name
        self.id = id
        self.state = state.strip()
        """``PENDING``, ``ACTIVE``, ``TRANSITIONING``, ``SUSPENDED``, ``RESUMING``, ``FAILED`` or
        ``TERMINATED``."""
        self.group = group
        self.size = size
        """Size, such as ``S-00``."""
        self.scale_factor = scale_factor
        self.created_at = to_datetime(created_at)
        self.terminated_at = to_datetime(terminated_at)
        self.expires_at = to_datetime(expires_at)
        """When the cluster will be terminated; ``None`` for never."""
        self.last_resumed_at = to_datetime(last_resumed_at)
        self.endpoint = endpoint
        """Host name to connect to, once there is one."""
        self.provider = provider
        self.deployment_type = deployment_type
        """``PRODUCTION`` or ``NON-PRODUCTION``."""
        self.kai = kai
        self.multi_az = multi_az
        self.allow_all_traffic = bool(allow_all_traffic)
        self.firewall_ranges = list(firewall_ranges or ())
        """Address ranges that may connect, in CIDR notation."""
        self.outbound_allow_list = outbound_allow_list
        self.opt_in_preview_feature = opt_in_preview_feature
        self.update_window = update_window
        """``day`` from 0 (Sunday) to 6, ``hour`` from 0 to 23, UTC."""
        self.auto_suspend = auto_suspend
        self.auto_scale = auto_scale
        self.cache_config = cache_config
        self.resume_attachments = list(resume_attachments or ())
        self.scaling_progress = scaling_progress
        """Percent of a change of size that is done."""
        self.smart_dr_status = smart_dr_status
        self._region = region
        self._project = project
        self._admin_password: str | None = None
        self._manager: ClusterManager | None = None

    @classmethod
    def from_dict(cls, obj: Any, manager: ClusterManager | None) -> Cluster:
        """Return the cluster of a JSON object."""
        p = Payload(obj, "cluster")
        size = p.raw("size")
        sizes = Payload(p.raw("sizeConfig") or (size if isinstance(size, dict) else {}), "size")
        out = cls(
            name=p.text("name"),
            id=p.text("clusterID"),
            state=p.opt_text("state") or "Unknown",
            group=p.opt_text("groupID"),
            size=sizes.opt_text("size") or (size if isinstance(size, str) else None),
            scale_factor=sizes.opt_number("scaleFactor"),
            created_at=p.opt_time("createdAt"),
            terminated_at=p.opt_time("terminatedAt"),
            expires_at=p.opt_time("expiresAt"),
            last_resumed_at=p.opt_time("lastResumedAt"),
            endpoint=p.opt_text("endpoint"),
            provider=p.opt_text("provider"),
            region=p.opt_text("region"),
            project=p.opt_text("projectID"),
            deployment_type=p.opt_text("deploymentType"),
            kai=p.raw("kai"),
            multi_az=p.opt_bool("multiAZ"),
            allow_all_traffic=p.opt_bool("allowAllTraffic"),
            firewall_ranges=p.texts("firewallRanges"),
            outbound_allow_list=p.opt_text("outboundAllowList"),
            opt_in_preview_feature=p.opt_bool("optInPreviewFeature"),
            update_window=p.raw("updateWindow"),
            auto_suspend=p.snake("autoSuspend"),
            auto_scale=p.snake("autoScale"),
            cache_config=p.opt_number("cacheConfig"),
            resume_attachments=p.snakes("resumeAttachments"),
            scaling_progress=p.opt_number("scalingProgress"),
            smart_dr_status=p.opt_text("smartDRStatus"),
        )
        out._manager = manager
        return out

    def _shown(self) -> dict[str, Any]:
        # As they are: printing sends no request.
        return shown_values(self, {"region": self._region, "project": self._project})

    def __repr__(self) -> str:
        inner = ", ".join(f"{k}={v!r}" for k, v in self._shown().items())
        return f"{type(self).__name__}({inner})"

    def _route(self) -> str:
        return f"clusters/{segment(self.id)}"

    def _client(self) -> ClusterManager:
        return require_manager(self._manager, "cluster")

    @property
    def admin_password(self) -> str | None:
        """Password of the user admin; only right after creation, and never shown."""
        return self._admin_password

    @property
    def region(self) -> Region | None:
        """The region it is in; asked for when it is first read."""
        name = self._region
        if isinstance(name, str):
            provider = self.provider or "<unknown>"
            known = self._manager.regions if self._manager is not None else []
            same = [r for r in known if (r.provider, r.region_name) == (provider, name)]
            self._region = same[0] if same else Region(name, provider, region_name=name)
        return self._region  # type: ignore[return-value]  # no text any more

    @property
    def project(self) -> Project | None:
        """The project it belongs to; asked for when it is first read."""
        self._project = resolve_project(self._project, self._manager)
        return self._project

    @property
    def organization(self) -> Organization:
        """The organization it belongs to."""
        return self._client().organization

    @property
    def stage(self) -> Stage:
        """Files of the cluster."""
        return Stage(self.id, self._client())

    stages = stage

    def refresh(self) -> Cluster:
        """Ask the service again."""
        password = self._admin_password
        adopt(self, self._client().get_cluster(self.id))
        self._admin_password = password
        return self

    def update(
        self,
        name: str | None = None,
        size: str | None = None,
        scale_factor: float | None = None,
        auto_suspend: dict[str, Any] | None = None,
        auto_scale: dict[str, Any] | None = None,
        cache_config: float | None = None,
        deployment_type: str | None = None,
        firewall_ranges: list[str] | None = None,
        allow_all_traffic: bool | None = None,
        admin_password: str | None = None,
        expires_at: str | datetime.datetime | None = None,
        update_window: dict[str, int] | None = None,
        kai: Any = None,
        wait_on_active: bool = False,
        wait_interval: float = 10,
        wait_timeout: float = 600,
    ) -> None:
        """Change what is given.

        The service works on it for a while: without ``wait_on_active`` the old values are
        still seen.  It accepts a new ``name`` and ``admin_password``, but is known to ignore
        both.  Times are seconds.
        """
        manager = self._client()
        body = _settings(
            name=name,
            size=size,
            scale_factor=scale_factor,
            firewall_ranges=firewall_ranges,
            allow_all_traffic=allow_all_traffic,
            admin_password=admin_password,
            auto_suspend=auto_suspend,
            auto_scale=auto_scale,
            cache_config=cache_config,
            deployment_type=deployment_type,
            expires_at=expires_at,
            update_window=update_window,
            kai=kai,
        )
        manager._patch(self._route(), json=body)
        if wait_on_active:
            out = manager._wait_on_state(
                manager.get_cluster(self.id), "ACTIVE", wait_interval, wait_timeout
            )
            if firewall_ranges or allow_all_traffic:
                expected = [_ANYWHERE] if allow_all_traffic else firewall_ranges
                manager._wait_on_firewall(out, wait_interval, wait_timeout, expected)
        self.refresh()

    def suspend(
        self,
        wait_on_suspended: bool = False,
        wait_interval: float = 20,
        wait_timeout: float = 600,
    ) -> None:
        """Suspend the cluster.  Times are seconds."""
        manager = self._client()
        manager._post(f"{self._route()}/suspend")
        if wait_on_suspended:
            manager._wait_on_state(
                manager.get_cluster(self.id), "SUSPENDED", wait_interval, wait_timeout
            )
            self.refresh()

    def resume(
        self,
        disable_auto_suspend: bool = False,
        wait_on_resumed: bool = False,
        wait_interval: float = 20,
        wait_timeout: float = 600,
    ) -> None:
        """Resume the cluster.  Times are seconds."""
        manager = self._client()
        manager._post(
            f"{self._route()}/resume", json={"disableAutoSuspend": bool(disable_auto_suspend)}
        )
        if wait_on_resumed:
            manager._wait_on_state(
                manager.get_cluster(self.id), ["RESUMED", "ACTIVE"], wait_interval, wait_timeout
            )
            self.refresh()

    def terminate(
        self,
        wait_on_terminated: bool = False,
        wait_interval: float = 10,
        wait_timeout: float = 600,
        force: bool = False,
    ) -> None:
        """Terminate the cluster.  Times are seconds."""
        self._client()._delete(f"{self._route()}?force={'true' if force else 'false'}")
        if wait_on_terminated:
            wait_until_terminated(self, "cluster", wait_interval, wait_timeout)

    def connect(self, **kwargs: Any) -> Connection:
        """Connect to the cluster; takes what :func:`singlestoredb.connect` takes.

        Raise :class:`ManagementError` while there is no endpoint.
        """
        return connect_to(self, kwargs)


def _settings(*, size: str | None, scale_factor: float | None, **settings: Any) -> dict[str, Any]:
    """Return the part of a request that creating and updating have in common."""
    keys = {
        "firewall_ranges": "firewallRanges",
        "allow_all_traffic": "allowAllTraffic",
        "admin_password": "adminPassword",
        "auto_suspend": "autoSuspend",
        "auto_scale": "autoScale",
        "cache_config": "cacheConfig",
        "deployment_type": "deploymentType",
        "expires_at": "expiresAt",
        "update_window": "updateWindow",
    }
    for name in ("auto_suspend", "auto_scale"):
        settings[name] = snake_to_camel_dict(settings[name])
    settings["expires_at"] = from_datetime(settings["expires_at"])
    out = set_fields({keys.get(k, k): v for k, v in settings.items()})
    sizes = set_fields({"size": size, "scaleFactor": scale_factor})
    if sizes:
        out["sizeConfig"] = sizes
    return out


class ClusterManager(Manager):
    """Clusters of an organization."""

    default_version = DEFAULT_CLUSTER_VERSION
    obj_type = "cluster"

    @property
    def clusters(self) -> NamedList[Cluster]:
        """Clusters of the organization; terminated ones may be among them."""
        found = decode_array(self._get("clusters"))
        return NamedList(Cluster.from_dict(x, self) for x in found)

    @property
    def starter_clusters(self) -> NamedList[StarterCluster]:
        """Starter clusters of the organization."""
        found = decode_array(self._get(SHAREDTIER_PATH))
        return NamedList(StarterCluster.from_dict(x, self) for x in found)

    @ttl_property(_CACHED)
    def regions(self) -> NamedList[Region]:
        """Regions for clusters; kept for an hour."""
        return fetch_regions(self, "regions")

    @ttl_property(_CACHED)
    def shared_tier_regions(self) -> NamedList[Region]:
        """Regions for starter clusters; kept for an hour."""
        return fetch_regions(self, "regions/sharedtier")

    @ttl_property(_CACHED)
    def projects(self) -> NamedList[Project]:
        """Projects of the organization; kept for an hour."""
        return fetch_projects(self)

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

    def get_cluster(self, id: str) -> Cluster:
        """Return the cluster of that ID."""
        return Cluster.from_dict(
            decode_object(self._get(f"clusters/{segment(id, 'cluster ID')}")), self
        )

    def get_starter_cluster(self, id: str) -> StarterCluster:
        """Return the starter cluster of that ID."""
        res = self._get(f"{SHAREDTIER_PATH}/{segment(id, 'starter cluster ID')}")
        return StarterCluster.from_dict(decode_object(res), self)

    def get_project(self, id: str) -> Project:
        """Return the project of that ID."""
        res = self._get(f"projects/{segment(id, 'project ID')}")
        return Project.from_dict(decode_object(res), self)

    @retry_on_lock
    def create_cluster(
        self,
        name: str,
        region: str | Region | None = None,
        provider: str | None = None,
        size: str | None = None,
        scale_factor: float | None = None,
        firewall_ranges: list[str] | None = None,
        allow_all_traffic: bool | None = None,
        admin_password: str | None = None,
        auto_suspend: dict[str, Any] | None = None,
        auto_scale: dict[str, Any] | None = None,
        cache_config: float | None = None,
        deployment_type: str | None = None,
        expires_at: str | datetime.datetime | None = None,
        update_window: dict[str, int] | None = None,
        kai: Any = None,
        multi_az: bool | None = None,
        opt_in_preview_feature: bool | None = None,
        project: str | Project | None = None,
        wait_on_active: bool = False,
        wait_interval: float = 10,
        wait_timeout: float = 600,
    ) -> Cluster:
        """Create a cluster.

        ``region`` is a region or the provider's name for one, such as ``us-east-1``.
        ``project`` is a project, its ID or its name; without it the project of the current
        deployment is used, or the only one there is.  The password of the user admin is
        ``admin_password`` of what is returned: the service makes its own.  With
        ``wait_on_active`` this returns when the cluster runs and its firewall lets somebody in.
        While another creation locks the organization it waits and tries again.  Times are seconds.
        """
        if isinstance(region, Region):
            provider = provider or region.provider
            region = region.region_name or region.name
        body = set_fields({"provider": provider, "region": region}) | _settings(
            name=name,
            size=size,
            scale_factor=scale_factor,
            firewall_ranges=list(firewall_ranges or ()),
            allow_all_traffic=allow_all_traffic,
            admin_password=admin_password,
            auto_suspend=auto_suspend,
            auto_scale=auto_scale,
            cache_config=cache_config,
            deployment_type=deployment_type,
            expires_at=expires_at,
            update_window=update_window,
            kai=kai,
        )
        body |= set_fields({"multiAZ": multi_az, "optInPreviewFeature": opt_in_preview_feature})
        body["projectID"] = self._resolve_project_id(project)
        made = Payload(decode_object(self._post("clusters", json=body)), "created cluster")
        out = self.get_cluster(made.text("clusterID"))
        if wait_on_active:
            out = self._wait_on_state(out, "ACTIVE", wait_interval, wait_timeout)
            out = self._wait_on_endpoint(out, wait_interval, wait_timeout)
            if firewall_ranges or allow_all_traffic:
                out = self._wait_on_firewall(out, wait_interval, wait_timeout)
        out._admin_password = made.opt_text("adminPassword")
        return out

    def create_starter_cluster(
        self,
        name: str,
        database_name: str,
        provider: str | None = None,
        region: str | Region | None = None,
        project: str | Project | None = None,
    ) -> StarterCluster:
        """Create a starter cluster with a database; see :attr:`shared_tier_regions`.

        Raise ``ValueError`` without provider or region.
        """
        if isinstance(region, Region):
            provider = provider or region.provider
            region = region.region_name or region.name
        if not provider or not region:
            raise ValueError("a starter cluster needs a provider and a region")
        body = {
            "name": name,
            "databaseName": database_name,
            # Only here the service insists on capitals.
            "provider": provider.upper(),
            "regionName": region,
            "projectID": None if project is None else self._resolve_project_id(project),
        }
        answer = decode_object(self._post(SHAREDTIER_PATH, json=set_fields(body)))
        made = Payload(answer, "created starter cluster").text(StarterCluster._id_key)
        return self.get_starter_cluster(made)

    def _resolve_project_id(self, project: str | Project | None = None) -> str:
        """Return the ID of a project that is given by itself, ID or name, or is the obvious one."""
        if isinstance(project, Project):
            return project.id
        if project is not None:
            if PROJECT_ID_RE.fullmatch(project):
                return project
            named = [p for p in self.projects if p.name == project]
            if len(named) == 1:
                return named[0].id
            if named:
                ids = ", ".join(p.id for p in named)
                raise ManagementError(msg=f"several projects are named {project!r}: {ids}")
            raise ManagementError(
                msg=f"no project is named {project!r}; there are: {_candidates(self.projects)}"
            )
        current = get_workspace_id()
        if current:
            try:
                found = self.get_cluster(current)._project
            except ManagementError:
                # Then the environment names something else, such as a workspace.
                found = None
            if isinstance(found, str):
                return found
        projects = self.projects
        if not projects:
            raise ManagementError(msg="the organization has no project for the cluster")
        if len(projects) > 1:
            raise ManagementError(
                msg=f"the organization has more than one project: {_candidates(projects)}",
                hint="choose one by its name or ID",
            )
        return projects[0].id

    def _wait_on_firewall(
        self,
        out: Cluster,
        interval: float = 10,
        timeout: float = 600,
        expected: Iterable[str] | None = None,
    ) -> Cluster:
        """Return the cluster, refreshed, once its firewall is as expected, or lets anybody in.

        The service changes the firewall some time after the cluster became active, and stores
        the range that is everything as *all traffic*.
        """
        wanted = None if expected is None else set(expected)
        remaining = timeout
        while True:
            ranges = set(out.firewall_ranges)
            if wanted is None:
                done = bool(ranges) or out.allow_all_traffic
            else:
                done = ranges == wanted or (wanted == {_ANYWHERE} and out.allow_all_traffic)
            if done:
                return out
            if remaining <= 0:
                raise WaitTimeoutError(
                    msg=f"Exceeded waiting time of {timeout:g} s for the firewall of cluster "
                    f"{out.id}; until it is set the cluster refuses all inbound connections"
                )
            started = timing.now()
            timing.sleep(interval, "cluster firewall")
            out = self.get_cluster(out.id)
            remaining -= timing.poll_cost(started, interval)


def _candidates(projects: Iterable[Project]) -> str:
    return ", ".join(f"{p.name} ({p.id})" for p in projects) or "none"


def manage_clusters(
    access_token: str | TokenSource | None = None,
    version: str | None = None,
    base_url: str | None = None,
    *,
    organization_id: str | None = None,
) -> ClusterManager:
    """Return a manager of clusters.

    ``version`` is the API's version; the option ``management.version`` is the default.
    Parameters are those of :class:`Manager`.
    """
    version = version or config.get_option("management.version") or DEFAULT_CLUSTER_VERSION
    if version == "v1":
        raise ManagementError(msg="API version v1 has no clusters", hint="use manage_workspaces()")
    return ClusterManager(access_token, version, base_url, organization_id=organization_id)


def manage_cluster(
    access_token: str | TokenSource | None = None,
    version: str | None = None,
    base_url: str | None = None,
    *,
    organization_id: str | None = None,
) -> ClusterManager:
    """Return a manager of clusters; the older name of :func:`manage_clusters`."""
    warnings.warn("manage_cluster() is now manage_clusters()", DeprecationWarning, stacklevel=2)
    return manage_clusters(access_token, version, base_url, organization_id=organization_id)


def get_cluster(cluster: str | Cluster | None = None) -> Cluster:
    """Return a cluster by itself, its name or ID, or the one the environment names."""
    if isinstance(cluster, Cluster):
        return cluster
    if cluster:
        return manage_clusters(version="v2").clusters[cluster]
    current = get_workspace_id()
    if current:
        return manage_clusters(version="v2").get_cluster(current)
    raise RuntimeError("no cluster was given, and SINGLESTOREDB_WORKSPACE is not set")


def get_organization() -> Organization:
    """Return the current organization."""
    return manage_clusters(version="v2").organization


def get_secret(name: str) -> str | None:
    """Return the value of a secret of the current organization."""
    return get_organization().get_secret(name).value


def get_stage(cluster: str | Cluster | None = None) -> Stage:
    """Return the Stage of a cluster."""
    return get_cluster(cluster).stage
