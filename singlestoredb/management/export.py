"""Export of tables to other systems."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ._entity import Shown, require_manager, set_fields
from ._paths import segment
from ._wire import Payload, decode_array, decode_object
from .errors import ManagementError

if TYPE_CHECKING:
    from .cluster import Cluster
    from .manager import Manager
    from .workspace_group import WorkspaceGroup

    Owner = WorkspaceGroup | Cluster


def _is_cluster(owner: Owner) -> bool:
    from .cluster import Cluster

    return isinstance(owner, Cluster)


def _manager(owner: Owner) -> Manager:
    return require_manager(owner._manager, "cluster" if _is_cluster(owner) else "workspace")


def _route(owner: Owner, action: str) -> str:
    kind = "clusters" if _is_cluster(owner) else "workspaceGroups"
    return f"{kind}/{segment(owner.id)}/egress/{action}"


def _info(value: str | Mapping[str, Any] | None, what: str) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as exc:
            raise ValueError(f"{what} is not JSON: {exc}") from None
    if value is not None and not isinstance(value, Mapping):
        raise TypeError(f"{what} must be a mapping or a JSON object")
    return copy.deepcopy(dict(value or {}))


class ExportStatus:
    """How far an export is; each attribute asks the service."""

    def __init__(self, export_id: str, owner: Owner) -> None:
        self.export_id = export_id
        self._owner = owner

    @property
    def workspace_group(self) -> Owner:
        """The workspace group, or cluster, that exports."""
        return self._owner

    cluster = workspace_group

    def _info(self) -> Payload:
        # A GET with a body is what the service wants here.
        res = _manager(self._owner)._get(
            _route(self._owner, "tableEgressStatus"), json={"egressID": self.export_id}
        )
        return Payload(decode_object(res), "export status")

    @property
    def status(self) -> str:
        """Status now, ``Unknown`` when the service does not say."""
        return self._info().opt_text("status") or "Unknown"

    @property
    def message(self) -> str:
        """Explanation of the status; often empty."""
        return self._info().opt_text("statusMsg") or ""

    def __str__(self) -> str:
        return self.status

    def __repr__(self) -> str:
        return self.status


def _get_exports(owner: Owner, scope: str = "all") -> list[ExportStatus]:
    """Return the exports of a workspace group or cluster."""
    res = _manager(owner)._get(_route(owner, "tableEgressStatus"), json={"scope": scope})
    return [ExportStatus(Payload(x, "export").text("egressID"), owner) for x in decode_array(res)]


class ExportService(Shown):
    """Copies a table to another system, once or again and again."""

    _hidden = frozenset({"catalog_info", "storage_info"})  # they may hold keys

    def __init__(
        self,
        workspace_group: Owner,
        database: str,
        table: str,
        catalog_info: str | Mapping[str, Any],
        storage_info: str | Mapping[str, Any],
        columns: Sequence[str] | None = None,
        partition_by: Sequence[Mapping[str, str]] | None = None,
        order_by: Sequence[Mapping[str, Mapping[str, str]]] | None = None,
        incremental: bool = False,
        refresh_interval: int | None = None,
        properties: Mapping[str, Any] | None = None,
    ) -> None:
        """Describe an export; nothing is sent before :meth:`start`.

        The owner is a workspace group or a cluster.  ``catalog_info`` and ``storage_info`` are
        mappings or JSON texts.  ``refresh_interval`` is in seconds.
        """
        self._owner = workspace_group
        self.database = database
        self.table = table
        self.catalog_info = _info(catalog_info, "catalog_info")
        self.storage_info = _info(storage_info, "storage_info")
        self.columns = columns
        self.partition_by = list(partition_by) if partition_by else None
        self.order_by = list(order_by) if order_by else None
        self.incremental = incremental
        self.refresh_interval = refresh_interval
        self.properties = dict(properties) if properties else None
        self.export_id: str | None = None

    @property
    def workspace_group(self) -> Owner:
        """The workspace group, or cluster, that exports."""
        return self._owner

    cluster = workspace_group

    @classmethod
    def from_export_id(cls, workspace_group: Owner, export_id: str) -> ExportService:
        """Return the service for an export that exists."""
        out = cls(workspace_group, "", "", {}, {})
        out.export_id = export_id
        return out

    def _post(self, action: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return decode_object(
            _manager(self._owner)._post(_route(self._owner, action), json=dict(body))
        )

    def _id(self) -> str:
        if not self.export_id:
            raise ManagementError(msg="the export was not started: it has no ID")
        return self.export_id

    def create_cluster_identity(self) -> dict[str, Any]:
        """Create the identity that the export writes with; return it as the service sent it."""
        return self._post(
            "createEgressClusterIdentity",
            {"catalogInfo": self.catalog_info, "storageInfo": self.storage_info},
        )

    def start(self, tags: Sequence[str] | None = None) -> ExportStatus:
        """Start the export.

        ``tags`` and the columns are accepted for the time when the service takes them.
        """
        if not self.database or not self.table:
            raise ManagementError(msg="an export needs a database and a table")
        answer = self._post(
            "startTableEgress",
            set_fields(
                {
                    "databaseName": self.database,
                    "tableName": self.table,
                    "storageInfo": self.storage_info,
                    "catalogInfo": self.catalog_info,
                    "partitionSpec": {"partitions": self.partition_by}
                    if self.partition_by
                    else None,
                    "sortOrderSpec": {"keys": self.order_by} if self.order_by else None,
                    "properties": self.properties,
                    "incremental": self.incremental or None,
                    "refreshInterval": self.refresh_interval,
                }
            ),
        )
        self.export_id = Payload(answer, "started export").text("egressID")
        return ExportStatus(self.export_id, self._owner)

    def suspend(self) -> ExportStatus:
        """Suspend an export that repeats."""
        self._post("suspendTableEgress", {"egressID": self._id()})
        return ExportStatus(self._id(), self._owner)

    def resume(self) -> ExportStatus:
        """Resume an export that was suspended."""
        self._post("resumeTableEgress", {"egressID": self._id()})
        return ExportStatus(self._id(), self._owner)

    def drop(self) -> None:
        """End the export and forget it."""
        # A DELETE with a body is what the service wants here.
        _manager(self._owner)._delete(
            _route(self._owner, "dropTableEgress"), json={"egressID": self._id()}
        )

    def status(self) -> ExportStatus:
        """Return how far the export is."""
        return ExportStatus(self._id(), self._owner)
