"""Compare the properties of a model with those of the server."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from starrocks.options import property_items

logger = logging.getLogger("starrocks.alembic")

# What the server sets where nothing is said (StarRocks manual, "CREATE TABLE" and "CREATE
# MATERIALIZED VIEW"). The number of replicas depends on the run mode.
_TABLE_DEFAULTS = {
    "compression": "LZ4",
    "fast_schema_evolution": "true",
    "replicated_storage": "true",
    "storage_format": "DEFAULT",
    "bucket_size": "4294967296",
    "storage_medium": "HDD",
    "enable_persistent_index": "true",
    "enable_statistic_collect_on_first_load": "true",
}
_VIEW_DEFAULTS = {"mv_rewrite_staleness_second": "0", "storage_medium": "HDD"}
_REPLICAS = {"shared_nothing": "3", "shared_data": "1"}

# Without effect where storage is shared.
_LOCAL_STORAGE_ONLY = ("storage_medium", "storage_cooldown_time", "replicated_storage")

# Changed for partitions to come; those that exist keep theirs.
_FUTURE_PARTITIONS = ("replication_num", "storage_medium")


def changed_properties(
    name: str,
    existing: Mapping[str, Any],
    wanted: Any,
    run_mode: str,
    *,
    materialized: bool = False,
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the properties to set, and what to set to undo that; both empty if nothing differs.

    *name* is for messages. A property that only the server has is left alone, unless it has a known
    default that it differs from: then it is reset to it.
    """
    defaults = dict(_VIEW_DEFAULTS if materialized else _TABLE_DEFAULTS)
    defaults["replication_num"] = _REPLICAS.get(run_mode, "3")
    have = {key.lower(): str(value) for key, value in existing.items()}
    want = {key.lower(): value for key, value in property_items(wanted or ())}
    if run_mode == "shared_data":
        ignored = [key for key in _LOCAL_STORAGE_ONLY if key in want]
        if ignored:
            logger.warning("%s: without effect in shared-data mode: %s", name, ", ".join(ignored))
        for key in _LOCAL_STORAGE_ONLY:
            have.pop(key, None)
            want.pop(key, None)
    upgrade: dict[str, str] = {}
    downgrade: dict[str, str] = {}
    for key in sorted({*have, *want}):
        old = have.get(key, defaults.get(key))
        new = want.get(key)
        if new is None:
            new = _undeclared(name, key, have[key], defaults.get(key))
        if new is None or (old is not None and old.casefold() == new.casefold()):
            continue
        written = key
        if key in _FUTURE_PARTITIONS and not materialized:
            written = f"default.{key}"
            logger.warning(
                "%s: %s is changed for future partitions only (as %s)", name, key, written
            )
        upgrade[written] = new
        if old is not None:
            downgrade[written] = old
    return upgrade, downgrade


def _undeclared(name: str, key: str, value: str, default: str | None) -> str | None:
    """Return what a property that only the server has is to be set to; ``None`` for nothing."""
    if default is None:
        logger.warning("%s: the server has %s=%r, the model does not; left alone", name, key, value)
        return None
    if value.casefold() == default.casefold() or key == "enable_statistic_collect_on_first_load":
        return None
    logger.warning(
        "%s: the server has %s=%r, the model does not; reset to its default %r",
        name,
        key,
        value,
        default,
    )
    return default
