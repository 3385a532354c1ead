"""Select and activate: from a family and a name to a plugin that can be called.

Who gets a name, in this order:

1. whoever registered it at run time with ``replace=True``;
2. the distribution that the deployment prefers;
3. this project, when it ships the name;
4. the only distribution that offers it.

Two foreign distributions with one name are an error for both until one is preferred.  Installing
a package therefore never changes what already works.
"""

from __future__ import annotations

import importlib.util
import itertools
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pluggy

from singlestoredb_hookspecs import FAMILIES, SPEC_VERSION, Family

from . import policy as policies
from .catalog import RUNTIME, Catalog, PluginRecord, load, normalise
from .errors import (
    PluginConflictError,
    PluginContractError,
    PluginDisabledError,
    PluginError,
    PluginLoadError,
    PluginNotFoundError,
)
from .manager import HookManager
from .policy import Policy


@dataclass(frozen=True)
class Selection:
    """The outcome of a choice, and why."""

    record: PluginRecord
    considered: tuple[PluginRecord, ...]
    reason: str


class Registry:
    """Finds, chooses and activates plugins.  One per process; thread-safe."""

    def __init__(self) -> None:
        self.catalog = Catalog()
        self.manager = HookManager()
        self._lock = threading.Lock()
        self._loaded: dict[PluginRecord, object] = {}
        self._selected: dict[tuple[str, str], tuple[Policy, Selection]] = {}
        self._complete: dict[str, Policy] = {}
        self.generation = 0
        """Counts what may change which plugins take part: who keeps their answers sees when to ask
        again."""

    # -- choosing --

    def select(self, family: str, name: str) -> Selection:
        """Choose the provider of a name.

        Raises:
            PluginNotFoundError: nothing installed offers the name.
            PluginDisabledError: all that do are switched off.
            PluginConflictError: several foreign distributions do.
        """
        policy = policies.current()
        cached = self._selected.get((family, name))
        if cached is not None and cached[0] is policy:
            return cached[1]
        selection = self._choose(_family(family), name, policy)
        with self._lock:
            self._selected[family, name] = (policy, selection)
        if policy.trace:
            record = selection.record
            _trace(f"{record.key} -> {record.origin}, {record.target} ({selection.reason})")
        return selection

    def _choose(self, family: Family, name: str, policy: Policy) -> Selection:
        offers = [r for r in self.catalog.records(family.name) if r.name == name]
        # The order of sys.path decides nothing, not even the order of a message.
        offers.sort(key=lambda r: (normalise(r.distribution), r.serial))
        if not offers:
            raise self._not_found(family, name, policy)
        allowed = [r for r in offers if policy.refusal(r) is None]
        if not allowed:
            raise PluginDisabledError(
                f"the {family.noun} {name!r} is switched off: "
                + "; ".join(f"{r.origin} by {policy.refusal(r)}" for r in offers)
            )
        considered = tuple(offers)

        replacing = [r for r in allowed if r.replaces]
        if replacing:
            return Selection(replacing[-1], considered, "registered at run time")
        preferred = policy.prefer.get(f"{family.name}:{name}")
        if preferred is not None:
            for record in allowed:
                if normalise(record.distribution) == preferred:
                    return Selection(record, considered, policy.sources["prefer"])
            raise PluginNotFoundError(
                f"{policy.sources['prefer']} prefers {preferred} for the {family.noun} {name!r}, "
                f"but only {', '.join(r.origin for r in allowed)} can provide it"
            )
        own = [r for r in allowed if r.is_own]
        if own:
            reason = "the only provider" if len(offers) == 1 else "ships with the SDK"
            return Selection(own[0], considered, reason)
        if len({normalise(r.distribution) for r in allowed}) > 1:
            raise PluginConflictError(_conflict(family, name, allowed))
        return Selection(allowed[-1], considered, "the only provider")

    def _not_found(self, family: Family, name: str, policy: Policy) -> PluginNotFoundError:
        names = sorted({r.name for r in self.catalog.records(family.name)})
        import difflib

        near = difflib.get_close_matches(name, names, 1)
        message = f"no {family.noun} named {name!r}."
        if near:
            message += f" Did you mean {near[0]!r}?"
        listed = ", ".join(names) if names else "none"
        message += f"\nInstalled {family.noun}s: {listed}."
        message += f"\nLooked in the entry-point group {family.group}"
        message += " and in run-time registrations."
        package = _PROVIDERS_ELSEWHERE.get((family.name, name))
        if package:
            message += f"\nIt comes with another distribution: pip install {package}"
        return PluginNotFoundError(message)

    # -- activating --

    def activate(self, family: str, name: str) -> object:
        """Choose, import, check and register the provider of a name, and return it.

        Raises, beyond what :meth:`select` raises:
            PluginLoadError: its import failed, or an optional dependency is missing.
            PluginContractError: it does not have its family's shape.
        """
        return self.activate_record(self.select(family, name).record)

    def activate_record(self, record: PluginRecord) -> object:
        """Import, check and register what a record points at, and return it."""
        plugin = self._loaded.get(record)
        if plugin is not None:
            return plugin
        # Outside the lock: an import takes Python's own locks, and two threads that hold one each
        # would wait for ever.
        plugin = self._import(record)
        self._check(record, plugin)
        try:
            self.manager.register(plugin, record.unique_name)
        except pluggy.PluginValidationError as exc:
            raise PluginContractError(f"{_subject(record)} is refused: {exc}") from exc
        with self._lock:
            return self._loaded.setdefault(record, plugin)

    def activate_all(self, family: str) -> list[tuple[PluginRecord, PluginError]]:
        """Activate everything of a family that may be used; return what failed.

        A failure of one is no reason to refuse the others.
        """
        policy = policies.current()
        if self._complete.get(family) is policy:
            return []
        failures: list[tuple[PluginRecord, PluginError]] = []
        for record in self.catalog.records(_family(family).name):
            if policy.refusal(record) is not None:
                continue
            try:
                self.activate_record(record)
            except PluginError as exc:
                failures.append((record, exc))
            else:
                if policy.trace:
                    _trace(f"{record.key} -> {record.origin}, {record.target} (takes part)")
        self._complete[family] = policy
        self.generation += 1
        return failures

    def _import(self, record: PluginRecord) -> object:
        try:
            plugin = load(record)
        except Exception as exc:
            raise PluginLoadError(
                f"{_subject(record)} cannot be loaded: {type(exc).__name__}: {exc}"
                + _remedy(record, exc)
            ) from exc
        for module, requirement in getattr(plugin, "SINGLESTOREDB_REQUIRES", {}).items():
            if importlib.util.find_spec(module) is None:
                raise PluginLoadError(
                    f"the {_family(record.family).noun} {record.name!r} needs {module}, which is "
                    f"not installed (pip install {requirement!r})"
                )
        return plugin

    def _check(self, record: PluginRecord, plugin: object) -> None:
        family = _family(record.family)
        version = getattr(plugin, "SINGLESTOREDB_SPEC_VERSION", None)
        if version is not None and (version[0] != SPEC_VERSION[0] or version[1] > SPEC_VERSION[1]):
            raise PluginContractError(
                f"{_subject(record)} was written for version {_dotted(version)} of the hook specs; "
                f"this SDK has {_dotted(SPEC_VERSION)}"
            )
        implemented = self.manager.implemented(plugin)
        hooks = self.manager.hook_names()
        unmarked = (hooks & set(getattr(plugin, "__dict__", ()))) - implemented
        if unmarked:
            raise PluginContractError(
                f"{_subject(record)} defines {', '.join(sorted(unmarked))} without the marker "
                "@hookimpl of singlestoredb_hookspecs"
            )
        for name in sorted(implemented - hooks):
            import difflib

            near = difflib.get_close_matches(name, hooks, 1)
            raise PluginContractError(
                f"{_subject(record)} is refused: there is no hook named {name}"
                + (f"; did you mean {near[0]}?" if near else "")
            )
        if not implemented.intersection(family.provides):
            raise PluginContractError(
                f"{_subject(record)} implements no hook of its family: "
                f"a {family.noun} must implement {' or '.join(family.provides)}"
                + (f"; it implements {', '.join(sorted(implemented))}" if implemented else "")
            )

    def is_active(self, record: PluginRecord) -> bool:
        """Return whether a record's plugin is registered."""
        plugin = self._loaded.get(record)
        return plugin is not None and self.manager.is_active(plugin)

    def refresh(self) -> None:
        """Read the entry points again at the next need; what is active stays so."""
        self.catalog.refresh()
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        """Choose anew from now on; the lock is held by the caller."""
        self._selected.clear()
        self._complete.clear()
        self.generation += 1

    def origin(self, plugin: object) -> PluginRecord | None:
        """Return the record through which an active plugin came."""
        for record, loaded in list(self._loaded.items()):
            if loaded is plugin:
                return record
        return None

    # -- run-time registration --

    def register(self, plugin: object, key: str | None, replace: bool) -> None:
        """Add and activate a plugin that no distribution declares."""
        implemented = self.manager.implemented(plugin)
        for record in self._runtime_records(plugin, key, replace, implemented):
            family = _family(record.family)
            taken = [r for r in self.catalog.records(family.name) if r.name == record.name]
            if family.by_name and taken and not replace:
                raise PluginConflictError(
                    f"the {family.noun} {record.name!r} is already provided by "
                    f"{', '.join(r.origin for r in taken)}; replace=True takes its place"
                )
            self.catalog.add(record)
            with self._lock:
                self._forget()
            try:
                self.activate_record(record)
            except PluginError:
                self.unregister(plugin)
                raise

    def _runtime_records(
        self, plugin: object, key: str | None, replace: bool, implemented: Iterable[str]
    ) -> list[PluginRecord]:
        target = getattr(plugin, "__name__", type(plugin).__qualname__)
        if key is not None:
            family, _, name = key.partition(":")
            names = [(_family(family).name, name)]
        else:
            hooks = set(implemented)
            names = [
                (family.name, target)
                for family in FAMILIES.values()
                if not family.by_name and hooks.intersection(family.provides)
            ]
        if not names or not names[0][1]:
            raise PluginContractError(
                f"{target} cannot be registered without a name: say register(plugin, 'FAMILY:NAME')"
            )
        return [
            PluginRecord(
                family,
                name,
                target,
                RUNTIME,
                "",
                plugin=plugin,
                serial=next(_serials),
                replaces=replace,
            )
            for family, name in names
        ]

    def unregister(self, plugin: object) -> None:
        """Undo :meth:`register`; nothing when it was not registered."""
        gone = self.catalog.remove(plugin)
        self.manager.unregister(plugin)
        with self._lock:
            for record in gone:
                self._loaded.pop(record, None)
            self._forget()


_serials = itertools.count(1)

_PROVIDERS_ELSEWHERE = {
    ("drivers", "embedded"): "'singlestoredb[embedded]'",
    ("drivers", "bitdotio"): "singlestoredb-bitdotio",
    ("drivers", "starrocks"): "singlestoredb-starrocks",
    ("servers", "embedded"): "'singlestoredb[embedded]'",
    ("servers", "ktserver"): "singlestoredb-kt",
    ("servers", "ttserver"): "singlestoredb-kt",
    ("servers", "bitdotio"): "singlestoredb-bitdotio",
}
"""Names that this project ships in distributions of their own."""


def _family(name: str) -> Family:
    try:
        return FAMILIES[name]
    except KeyError:
        raise PluginNotFoundError(
            f"no plugin family named {name!r}; families are {', '.join(FAMILIES)}"
        ) from None


def _subject(record: PluginRecord) -> str:
    return (
        f"{_family(record.family).noun} plugin {record.name!r} ({record.origin}, {record.target})"
    )


def _dotted(version: Iterable[Any]) -> str:
    return ".".join(map(str, version))


def _trace(line: str) -> None:
    print(f"singlestoredb plugins: {line}", file=sys.stderr)  # noqa: T201 - the trace switch


def _conflict(family: Family, name: str, records: list[PluginRecord]) -> str:
    width = max(len(r.origin) for r in records)
    lines = [f"{_count(len(records))} distributions provide the {family.noun} {name!r}:"]
    lines += [f"  {r.origin:<{width}}    {r.target}" for r in records]
    lines.append(
        f"Choose one with SINGLESTOREDB_PLUGINS_PREFER={family.name}:{name}="
        f"{records[0].distribution} (or plugins.prefer in the configuration file)."
    )
    return "\n".join(lines)


def _count(number: int) -> str:
    return {2: "two", 3: "three", 4: "four"}.get(number, str(number))


def _remedy(record: PluginRecord, exc: BaseException) -> str:
    if not isinstance(exc, ModuleNotFoundError) or not exc.name:
        return ""
    own_package = record.target.partition(":")[0].partition(".")[0]
    if exc.name.partition(".")[0] == own_package:
        return f" (reinstall it: pip install --force-reinstall {record.distribution})"
    return f" (pip install {exc.name.partition('.')[0]})"
