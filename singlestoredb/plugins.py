"""The installed plugins: list them, ask why one was chosen, add one at run time.

``s2 plugins`` does the same from the command line.  Who gets a name is told in
:mod:`singlestoredb.kernel.registry`; the settings are told in :mod:`singlestoredb.kernel.policy`.
"""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from typing import Any

from singlestoredb.kernel import get_registry, policy
from singlestoredb.kernel.catalog import PluginRecord
from singlestoredb.kernel.errors import (
    PluginConflictError,
    PluginContractError,
    PluginDisabledError,
    PluginError,
    PluginLoadError,
    PluginNotFoundError,
)
from singlestoredb_hookspecs import FAMILIES

__all__ = [
    "PluginConflictError",
    "PluginContractError",
    "PluginDisabledError",
    "PluginError",
    "PluginExplanation",
    "PluginInfo",
    "PluginLoadError",
    "PluginNotFoundError",
    "explain",
    "list",
    "refresh",
    "register",
    "unregister",
]


@dataclass(frozen=True)
class PluginInfo:
    """One offer of one distribution, and what became of it."""

    family: str
    name: str
    distribution: str
    version: str
    target: str
    """Where it is: ``package.module`` or ``package.module:object``."""
    state: str
    """``active``, ``chosen``, ``available``, ``disabled``, ``conflict`` or ``cannot load``."""
    reason: str = ""
    """Why, when the state does not say it all."""

    @property
    def origin(self) -> str:
        """Distribution and version."""
        return f"{self.distribution} {self.version}".strip()

    @property
    def described_state(self) -> str:
        """State and reason on one line."""
        if not self.reason:
            return self.state
        first_line = self.reason.splitlines()[0]
        if self.state == "chosen":
            return f"chosen by {first_line}"
        return f"{self.state}: {first_line}"


@dataclass(frozen=True)
class PluginExplanation:
    """Why a name leads where it leads."""

    family: str
    name: str
    chosen: str
    """Distribution and version."""
    target: str
    file: str | None
    """The file it was imported from, once it is active."""
    considered: tuple[str, ...]
    """Every distribution that offers the name."""
    reason: str

    def __str__(self) -> str:
        where = f"{self.target} ({self.file})" if self.file else self.target
        return (
            f"{self.family}:{self.name} is {self.chosen}, {where}\n"
            f"  considered: {', '.join(self.considered)}\n"
            f"  decided by: {self.reason}"
        )


def list(family: str | None = None, *, probe: bool = False) -> builtins.list[PluginInfo]:
    """Return what is installed, by family and name.

    Args:
        family: only this family.
        probe: import what is chosen, to see whether it can be; without it nothing is imported.
    """
    plugins = get_registry()
    current = policy.current()
    order = {name: position for position, name in enumerate(FAMILIES)}
    records = sorted(
        plugins.catalog.records(family), key=lambda r: (order[r.family], r.name, r.distribution)
    )
    return [_info(record, current, probe) for record in records]


def _info(record: PluginRecord, current: policy.Policy, probe: bool) -> PluginInfo:
    state, reason = _state(record, current, probe)
    return PluginInfo(
        record.family,
        record.name,
        record.distribution,
        record.version,
        record.target,
        state,
        reason,
    )


def _state(record: PluginRecord, current: policy.Policy, probe: bool) -> tuple[str, str]:
    plugins = get_registry()
    refused = current.refusal(record)
    if refused is not None:
        return "disabled", refused
    if FAMILIES[record.family].by_name:
        try:
            selection = plugins.select(record.family, record.name)
        except PluginError as exc:
            return ("conflict" if isinstance(exc, PluginConflictError) else "disabled"), str(exc)
        if selection.record != record:
            return "available", ""
        chosen = selection.reason if len(selection.considered) > 1 else ""
    else:
        chosen = ""
    if probe:
        try:
            plugins.activate_record(record)
        except PluginError as exc:
            return "cannot load", exc.errmsg or str(exc)
    if chosen and chosen != "ships with the SDK":
        return "chosen", chosen
    return ("active" if plugins.is_active(record) else "available"), ""


def explain(key: str) -> PluginExplanation:
    """Return which plugin a name leads to, and why.

    Args:
        key: ``family:name``, such as ``formats:pandas``.

    Raises ``PluginError`` when it leads nowhere; the message says why.
    """
    family, _, name = key.partition(":")
    plugins = get_registry()
    selection = plugins.select(family, name)
    plugin = plugins.activate_record(selection.record)
    return PluginExplanation(
        family,
        name,
        selection.record.origin,
        selection.record.target,
        getattr(plugin, "__file__", None),
        tuple(record.origin for record in selection.considered),
        selection.reason,
    )


def register(plugin: Any, key: str | None = None, *, replace: bool = False) -> None:
    """Add a plugin for the life of this process.

    Args:
        plugin: a module or object with functions marked ``@hookimpl``.
        key: ``family:name``.  Not needed for extensions and Fusion commands, which have no name.
        replace: take the place of whoever has the name.

    Raises:
        PluginConflictError: the name is taken and ``replace`` is false.
        PluginContractError: it implements no hook of its family.
    """
    get_registry().register(plugin, key, replace)


def unregister(plugin: Any) -> None:
    """Take back what :func:`register` added; nothing when it did not."""
    get_registry().unregister(plugin)


def refresh() -> None:
    """Look for installed plugins again, because something was installed in this process."""
    get_registry().refresh()
