"""Who did what in the organization."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ._collections import NamedList
from ._dates import from_datetime, to_datetime
from ._entity import Shown, set_fields
from ._wire import Payload, decode_object
from .errors import InvalidResponseError

if TYPE_CHECKING:
    from .manager import Manager

_RESOURCES = (
    ("workspaceID", "Workspace"),
    ("clusterID", "Cluster"),
    ("teamID", "Team"),
    ("projectID", "Project"),
)


class AuditLog(Shown):
    """One entry of the audit log."""

    def __init__(
        self,
        audit_log_id: str,
        type: str,
        source: str | None = None,
        timestamp: str | datetime.datetime | None = None,
        user_id: str | None = None,
        user_email: str | None = None,
        first_name: str | None = None,
        last_name: str | None = None,
        resource_type: str | None = None,
        resource_id: str | None = None,
        resource_name: str | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        self.id = audit_log_id
        self.type = type
        """What was done, such as ``Login``."""
        self.source = source
        """``Portal``, ``Admin`` or ``SystemJob``."""
        self.timestamp = to_datetime(timestamp)
        self.user_id = user_id
        self.user_email = user_email
        self.first_name = first_name
        self.last_name = last_name
        self.resource_type = resource_type
        self.resource_id = resource_id
        self.resource_name = resource_name
        self.details = details
        self.user_type: str | None = None
        self.reason: str | None = None
        self.error: str | None = None
        self.labels: list[Any] = []
        self.session_id: str | None = None
        self._manager: Manager | None = None

    @classmethod
    def from_dict(cls, obj: Any, manager: Manager | None) -> AuditLog:
        """Return the entry of a JSON object."""
        p = Payload(obj, "audit log entry")
        kind, resource = p.opt_text("resourceType"), p.opt_text("resourceID")
        if resource is None:
            for key, name in _RESOURCES:
                resource = p.opt_text(key)
                if resource:
                    kind = kind or name
                    break
        details = p.raw("attributes", "details")
        out = cls(
            audit_log_id=p.text("auditID", "auditLogID", "id"),
            type=p.text("type"),
            source=p.opt_text("source"),
            timestamp=p.opt_time("createdAt", "timestamp"),
            user_id=p.opt_text("userID"),
            user_email=p.opt_text("userEmail"),
            first_name=p.opt_text("firstName"),
            last_name=p.opt_text("lastName"),
            resource_type=kind,
            resource_id=resource,
            resource_name=p.opt_text("resourceName"),
            details=details if isinstance(details, dict) else None,
        )
        out.user_type = p.opt_text("userType")
        out.reason, out.error = p.opt_text("reason"), p.opt_text("error")
        out.session_id = p.opt_text("sessionID")
        labels = p.raw("labels")
        out.labels = labels if isinstance(labels, list) else []
        out._manager = manager
        return out


@dataclass
class AuditLogResult:
    """One page of the audit log."""

    logs: NamedList[AuditLog] = field(default_factory=NamedList)
    """The entries of this page."""
    next_token: str | None = None
    """Token of the next page; ``None`` on the last."""

    def __iter__(self) -> Iterator[AuditLog]:
        return iter(self.logs)

    def __len__(self) -> int:
        return len(self.logs)

    def _repr_html_(self) -> str:
        return self.logs._repr_html_()


class AuditLogsMixin:
    """The audit log, as a manager has it."""

    def get_audit_logs(
        self: Any,
        type: str | None = None,
        source: str | None = None,
        start_date: datetime.datetime | str | None = None,
        end_date: datetime.datetime | str | None = None,
        limit: int | None = None,
        next_token: str | None = None,
        first_name: str | None = None,
        last_name: str | None = None,
    ) -> AuditLogResult:
        """Return one page of the audit log.

        The dates are inclusive, naive ones are UTC.  ``limit`` is the size of a page;
        ``next_token`` of a page fetches the one after it.  See :meth:`iter_audit_logs`.
        """
        params = set_fields(
            {
                "type": type,
                "source": source,
                "startDate": from_datetime(start_date),
                "endDate": from_datetime(end_date),
                "limit": limit,
                "nextToken": next_token,
                "firstName": first_name,
                "lastName": last_name,
            }
        )
        p = Payload(decode_object(self._get("auditLogs", params=params)), "audit log")
        logs = NamedList(AuditLog.from_dict(x, self) for x in p.items("auditLogs"))
        return AuditLogResult(logs, p.opt_text("nextToken") or None)

    def iter_audit_logs(self: Any, **filters: Any) -> Iterator[AuditLog]:
        """Yield all entries of the audit log, fetching a page when it is needed.

        Takes the arguments of :meth:`get_audit_logs`.
        """
        seen: set[str] = set()
        while True:
            page: AuditLogResult = self.get_audit_logs(**filters)
            yield from page.logs
            if page.next_token is None:
                return
            if page.next_token in seen:
                raise InvalidResponseError(msg="audit log: the service repeats its pages")
            seen.add(page.next_token)
            filters["next_token"] = page.next_token
