"""What is installed: one read of the entry points per process.  Nothing is imported here.

The records are handed to stevedore managers, which load the one that was chosen.  stevedore's own
disk cache is not used: its resolution of 128 seconds hides a package that was just installed.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from singlestoredb_hookspecs.families import FAMILIES

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

OWN_DISTRIBUTIONS = frozenset(
    {
        "singlestoredb",
        "singlestoredb-bitdotio",
        "singlestoredb-embedded",
        "singlestoredb-kt",
        "singlestoredb-starrocks",
    }
)
"""The distributions of this project, by normalised name."""

RUNTIME = "(run time)"
"""Stands for the distribution of what :func:`singlestoredb.plugins.register` brought."""


def normalise(distribution: str) -> str:
    """Return a distribution's name as PEP 503 compares them."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


@dataclass(frozen=True)
class PluginRecord:
    """One offer: this distribution provides this name in this family."""

    family: str
    name: str
    target: str
    """Where it is: ``package.module`` or ``package.module:object``."""
    distribution: str
    version: str
    entry_point: EntryPoint | None = field(default=None, compare=False, repr=False)
    plugin: Any = field(default=None, compare=False, repr=False)
    """The object itself when it was registered at run time."""
    serial: int = 0
    """Tells run-time registrations apart; 0 for what is installed."""
    replaces: bool = False
    """Registered at run time in place of whoever else has the name."""

    @property
    def key(self) -> str:
        """``family:name``."""
        return f"{self.family}:{self.name}"

    @property
    def is_own(self) -> bool:
        """Whether this project ships it."""
        return normalise(self.distribution) in OWN_DISTRIBUTIONS

    @property
    def unique_name(self) -> str:
        """``family:name`` and whose: the same for no other record."""
        return f"{self.key} ({self.serial or self.origin})"

    @property
    def origin(self) -> str:
        """Distribution and version, for people."""
        return f"{self.distribution} {self.version}".strip()


class Catalog:
    """All offers of all distributions."""

    def __init__(self) -> None:
        self._records: tuple[PluginRecord, ...] | None = None
        self._runtime: list[PluginRecord] = []
        self._lock = threading.Lock()

    def records(self, family: str | None = None) -> list[PluginRecord]:
        """Return the offers, of one family or of all; run-time registrations come last."""
        records = self._records
        if records is None:
            found = tuple(_read_entry_points())
            with self._lock:
                records = self._records = self._records or found
        everything = (*records, *self._runtime)
        return [r for r in everything if family is None or r.family == family]

    def refresh(self) -> None:
        """Read the entry points again at the next need."""
        with self._lock:
            self._records = None

    def add(self, record: PluginRecord) -> None:
        """Add a run-time registration."""
        with self._lock:
            self._runtime.append(record)

    def remove(self, plugin: object) -> list[PluginRecord]:
        """Remove the run-time registrations of ``plugin`` and return them."""
        with self._lock:
            gone = [r for r in self._runtime if r.plugin is plugin]
            self._runtime = [r for r in self._runtime if r.plugin is not plugin]
        return gone


def _read_entry_points() -> list[PluginRecord]:
    from importlib.metadata import entry_points

    found = entry_points()
    records: dict[PluginRecord, None] = {}  # a dict keeps the order and drops what is seen twice
    origins: dict[int, tuple[str, str]] = {}  # reading a distribution's metadata takes 0.5 ms
    for family in FAMILIES.values():
        for ep in found.select(group=family.group):
            dist = ep.dist
            if id(dist) not in origins:
                metadata = dist.metadata if dist is not None else None
                origins[id(dist)] = (
                    (metadata["Name"], metadata["Version"]) if metadata else ("(unknown)", "")
                )
            distribution, version = origins[id(dist)]
            record = PluginRecord(
                family=family.name,
                name=ep.name,
                target=ep.value,
                distribution=distribution,
                version=version,
                entry_point=ep,
            )
            records.setdefault(record)
    return list(records)


def load(record: PluginRecord) -> object:
    """Import what a record points at; whatever the import raises passes."""
    if record.entry_point is None:
        return record.plugin
    from stevedore.driver import DriverManager

    entry_point = record.entry_point

    class ChosenOne(DriverManager[Any]):
        """A stevedore manager that sees just the entry point which the registry chose."""

        def list_entry_points(self) -> list[EntryPoint]:
            return [entry_point]

    def fail(manager: object, entry_point: EntryPoint, exc: BaseException) -> None:
        raise exc

    manager = ChosenOne(entry_point.group, entry_point.name, on_load_failure_callback=fail)
    return manager.extensions[0].plugin
