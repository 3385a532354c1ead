"""PEP 249's constructors of dates and times."""

from __future__ import annotations

from datetime import timedelta

from singlestoredb.types import (
    Date,
    DateFromTicks,
    Time,
    TimeFromTicks,
    Timestamp,
    TimestampFromTicks,
)

__all__ = [
    "Date",
    "DateFromTicks",
    "Time",
    "TimeDelta",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
]

TimeDelta = timedelta
