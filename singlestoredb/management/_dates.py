"""Times on the wire.

The service writes RFC 3339 with one to nine digits of a second's fraction and, in a few places,
what Go prints for a ``time.Time``: ``2026-09-17 14:42:41.445984 +0000 UTC m=+0.1``.  Go's zero
time, 1 January of the year 1, means *never*.
"""

from __future__ import annotations

import datetime
import re
from typing import Any

_STAMP = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)"
    r"(?:[T ](?P<clock>\d\d:\d\d(?::\d\d)?)(?:\.(?P<fraction>\d+))?"
    r"\s*(?P<zone>Z|[+-]\d\d:?\d\d)?(?:\s+(?!m=)\S+)?(?:\s+m=\S+)?)?"
)


def _normalize_datetime(obj: str) -> str:
    """Return a stamp of either shape as ISO 8601, other text without its ``Z``."""
    found = _STAMP.fullmatch(obj.strip())
    if found is None:
        return obj.replace("Z", "")
    if found["clock"] is None:
        return found["day"]
    out = f"{found['day']}T{found['clock']}"
    if found["fraction"]:
        if len(found["clock"]) == 5:
            return obj.replace("Z", "")
        out += "." + found["fraction"][:6].ljust(6, "0")
    zone = found["zone"]
    if zone == "Z":
        return out + "+00:00"
    if zone:
        return out + (zone if ":" in zone else f"{zone[:3]}:{zone[3:]}")
    return out


def _parse(obj: str) -> datetime.datetime | None:
    try:
        return datetime.datetime.fromisoformat(_normalize_datetime(obj))
    except ValueError:
        return None


def _to_naive_utc(value: datetime.datetime) -> datetime.datetime | None:
    # Tested before the shift, which cannot represent the year 0.
    if (value.year, value.month, value.day) == (1, 1, 1):
        return None
    if value.tzinfo is None:
        return value
    return value.astimezone(datetime.timezone.utc).replace(tzinfo=None)


def to_datetime(obj: str | datetime.datetime | None) -> datetime.datetime | None:
    """Return naive UTC; ``None`` for nothing, for *never*, and for what is no time."""
    if not obj:
        return None
    if isinstance(obj, datetime.datetime):
        return obj
    value = _parse(obj)
    return None if value is None else _to_naive_utc(value)


def to_datetime_strict(obj: str | datetime.datetime | None) -> datetime.datetime:
    """Return naive UTC.

    Raise ``TypeError`` for nothing and ``ValueError`` for *never* and for what is no time.
    """
    if not obj:
        raise TypeError("a time is required")
    out = to_datetime(obj)
    if out is None:
        raise ValueError(f"not a time: {obj!r}")
    return out


def from_datetime(obj: Any) -> str | None:
    """Return a time as the service wants it; text passes, a naive time is taken for UTC."""
    if not obj:
        return None
    if isinstance(obj, str):
        return obj
    text: str = obj.isoformat()
    if isinstance(obj, datetime.datetime) and obj.tzinfo is None:
        return text + "Z"
    return text
