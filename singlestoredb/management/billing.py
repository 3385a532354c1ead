"""Billing of the organization."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from ._case import snake_to_camel
from ._dates import from_datetime
from ._entity import Shown, set_fields
from ._wire import Payload, decode_object
from .billing_usage import BillingUsageItem

if TYPE_CHECKING:
    from .manager import Manager


class Billing(Shown):
    """What the organization used."""

    COMPUTE_CREDIT = "compute_credit"
    STORAGE_AVG_BYTE = "storage_avg_byte"

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"

    def __init__(self, manager: Manager) -> None:
        self._manager = manager

    def usage(
        self,
        start_time: datetime.datetime | str,
        end_time: datetime.datetime | str,
        metric: str | None = None,
        aggregate_by: str | None = None,
    ) -> list[BillingUsageItem]:
        """Return the usage between two times (naive ones are UTC).

        ``metric`` is :attr:`COMPUTE_CREDIT` or :attr:`STORAGE_AVG_BYTE`, ``aggregate_by``
        :attr:`HOUR`, :attr:`DAY` or :attr:`MONTH`.
        """
        params = set_fields(
            {
                "startTime": from_datetime(start_time),
                "endTime": from_datetime(end_time),
                # The service's own description spells the metrics ComputeCredit, StorageAvgByte.
                "metric": snake_to_camel(metric, cap_first=True),
                "aggregateBy": aggregate_by.lower() if aggregate_by else None,
            }
        )
        answer = decode_object(self._manager._get("billing/usage", params=params))
        items = Payload(answer, "billing usage").items("billingUsage")
        return [BillingUsageItem.from_dict(x, self._manager) for x in items]
