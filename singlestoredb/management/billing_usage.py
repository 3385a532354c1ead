"""What was used, and by whom."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from ._case import camel_to_snake
from ._entity import Shown
from ._wire import Payload

if TYPE_CHECKING:
    from .manager import Manager


class UsageItem(Shown):
    """What one resource used in one stretch of time."""

    def __init__(
        self,
        start_time: datetime.datetime,
        end_time: datetime.datetime,
        owner_id: str | None,
        resource_id: str | None,
        resource_name: str | None,
        resource_type: str | None,
        value: str,
    ) -> None:
        self.start_time = start_time
        self.end_time = end_time
        self.owner_id = owner_id
        self.resource_id = resource_id
        self.resource_name = resource_name
        self.resource_type = resource_type
        self.value = value
        """Amount in the metric's unit, as text: it may have more digits than a float."""
        self._manager: Manager | None = None

    @classmethod
    def from_dict(cls, obj: Any, manager: Manager | None) -> UsageItem:
        """Return the item of a JSON object."""
        p = Payload(obj, "usage item")
        value = p.raw("value")
        out = cls(
            start_time=p.time("startTime"),
            end_time=p.time("endTime"),
            owner_id=p.opt_text("ownerId", "ownerID"),
            resource_id=p.opt_text("resourceId", "resourceID"),
            resource_name=p.opt_text("resourceName"),
            resource_type=p.opt_text("resourceType"),
            value=str(value) if isinstance(value, (int, float)) else p.text("value"),
        )
        out._manager = manager
        return out


class BillingUsageItem(Shown):
    """Usage by one metric."""

    def __init__(self, description: str | None, metric: str, usage: list[UsageItem]) -> None:
        self.description = description
        self.metric = metric
        """``compute_credit`` or ``storage_avg_byte``."""
        self.usage = usage
        self._manager: Manager | None = None

    @classmethod
    def from_dict(cls, obj: Any, manager: Manager | None) -> BillingUsageItem:
        """Return the item of a JSON object."""
        p = Payload(obj, "billing usage")
        out = cls(
            description=p.opt_text("description"),
            metric=camel_to_snake(p.text("metric")),
            usage=[UsageItem.from_dict(x, manager) for x in p.items("usage")],
        )
        out._manager = manager
        return out
