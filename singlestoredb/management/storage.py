"""Storage of a workspace group, and its recovery from disaster."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ._entity import Shown
from ._paths import segment
from ._wire import Payload, decode_array, decode_object

if TYPE_CHECKING:
    from .manager import Manager

_MINUTES_PER_DAY = 1440


class DRStatus(Shown):
    """How far a recovery has come."""

    def __init__(
        self,
        state: str | None,
        primary_region_id: str | None = None,
        secondary_region_id: str | None = None,
        databases: list[str] | None = None,
    ) -> None:
        self.state = state
        """``Active``, ``Completed``, ``Failed``, ``Canceled`` or ``Expired``; ``None`` when
        nothing was ever started."""
        self.primary_region_id = primary_region_id
        self.secondary_region_id = secondary_region_id
        self.databases = list(databases or ())
        """Names of the databases that are replicated."""
        self.compute: dict[str, Any] = {}
        """Operation and progress, as the service sent them."""
        self.storage: list[dict[str, Any]] = []
        """State of each database's replication, as the service sent it."""

    @classmethod
    def from_dict(cls, obj: Any) -> DRStatus:
        """Return the status of a JSON object."""
        p = Payload(obj, "disaster recovery status")
        compute = Payload(p.raw("compute") or {}, "disaster recovery status")
        rows = [Payload(x, "replicated database") for x in p.items("storage")]
        out = cls(
            state=compute.opt_text("storageDRState") or p.opt_text("state"),
            primary_region_id=p.opt_text("primaryRegionID"),
            secondary_region_id=p.opt_text("secondaryRegionID"),
            databases=[r.text("databaseName") for r in rows] or p.texts("databases"),
        )
        out.compute = dict(p.raw("compute") or {})
        out.storage = p.items("storage")
        return out


class DRRegion(Shown):
    """A region to recover in."""

    def __init__(self, region_id: str, region: str, provider: str) -> None:
        self.region_id = region_id
        self.region = region
        self.provider = provider

    @classmethod
    def from_dict(cls, obj: Any) -> DRRegion:
        """Return the region of a JSON object."""
        p = Payload(obj, "disaster recovery region")
        return cls(p.text("regionID"), p.text("region"), p.text("provider"))


class _OfGroup(Shown):
    def __init__(self, workspace_group_id: str, manager: Manager) -> None:
        self.workspace_group_id = workspace_group_id
        self._manager = manager

    def _shown(self) -> dict[str, Any]:
        return {"workspace_group_id": self.workspace_group_id}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(workspace_group_id={self.workspace_group_id!r})"

    def _route(self) -> str:
        return f"workspaceGroups/{segment(self.workspace_group_id)}/storage"


class DisasterRecovery(_OfGroup):
    """Replication of databases to another region, and the switch to it."""

    def get_status(self) -> DRStatus:
        """Return how far things are."""
        return DRStatus.from_dict(decode_object(self._manager._get(f"{self._route()}/DR/status")))

    def get_regions(self) -> list[DRRegion]:
        """Return the regions to recover in."""
        found = decode_array(self._manager._get(f"{self._route()}/DR/regions"), "regions")
        return [DRRegion.from_dict(x) for x in found]

    def setup(self, region_id: str, databases: Iterable[str] | None = None) -> None:
        """Replicate databases to a region; without names all of them, new ones too."""
        body: dict[str, Any] = {"regionID": region_id, "databaseNames": list(databases or ())}
        if databases is None:
            body["autoReplication"] = True
        self._manager._post(f"{self._route()}/DR/setup", json=body)

    def _start(self, operation: str) -> None:
        self._manager._patch(f"{self._route()}/DR/{operation}")

    def failover(self) -> None:
        """Start to move to the other region."""
        self._start("failover")

    def failback(self) -> None:
        """Start to move back."""
        self._start("failback")

    def start_pre_provision(self) -> None:
        """Start to make workspaces ready in the other region, for a quick failover."""
        self._start("startPreProvision")

    def stop_pre_provision(self) -> None:
        """Start to give up the workspaces that were made ready."""
        self._start("stopPreProvision")


class Storage(_OfGroup):
    """Storage settings of a workspace group."""

    def __init__(self, workspace_group_id: str, manager: Manager) -> None:
        super().__init__(workspace_group_id, manager)
        self._dr = DisasterRecovery(workspace_group_id, manager)

    @property
    def dr(self) -> DisasterRecovery:
        """Recovery from disaster."""
        return self._dr

    def update_retention_period(self, days: float) -> None:
        """Keep the history of databases for a number of days."""
        # The service counts minutes.
        minutes = round(days * _MINUTES_PER_DAY)
        if minutes < 0:
            raise ValueError(f"days must not be negative, got {days}")
        self._manager._patch(f"{self._route()}/retentionPeriod", json={"retentionPeriod": minutes})
