"""What the deployment says about plugins.

Settings, each an option (``plugins.disable`` …), an environment variable
(``SINGLESTOREDB_PLUGINS_DISABLE`` …) and a key of the table ``[tool.singlestoredb.plugins]`` in
the TOML file that ``SINGLESTOREDB_CONFIG`` names.  Code beats environment beats file.

==========  =======================================  ============================================
key         example                                  meaning
==========  =======================================  ============================================
disable     ``formats:pandas,fusion:*,dist:acme-s2``  never use these
prefer      ``formats:pandas=acme-s2``               who has the name, when several offer it
allow       ``dist:acme-s2``                         use no other foreign distribution
autoload    ``0``                                    use this project's own distributions and
                                                     run-time registrations only
trace       ``1``                                    print each choice to stderr
==========  =======================================  ============================================
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from singlestoredb.config import check_bool
from singlestoredb.utils.config import option
from singlestoredb_hookspecs.families import FAMILIES

from .catalog import RUNTIME, PluginRecord, normalise
from .errors import PluginError

KEYS = ("disable", "prefer", "allow", "autoload", "trace")
_NAMES = tuple(f"plugins.{key}" for key in KEYS)


@dataclass(frozen=True)
class Policy:
    """The settings in force at one moment."""

    disable: tuple[str, ...] = ()
    prefer: Mapping[str, str] = field(default_factory=dict)
    """``family:name`` → normalised distribution."""
    allow: tuple[str, ...] | None = None
    """Normalised foreign distributions; ``None`` allows all."""
    autoload: bool = True
    trace: bool = False
    sources: Mapping[str, str] = field(default_factory=dict)
    """Key → where its value was set, for messages."""

    def refusal(self, record: PluginRecord) -> str | None:
        """Return the setting that forbids a record, or ``None`` when it may be used."""
        dist = normalise(record.distribution)
        for pattern in self.disable:
            family, _, name = pattern.partition(":")
            if family == "dist":
                matched = dist == normalise(name)
            else:
                matched = family == record.family and fnmatchcase(record.name, name)
            if matched:
                return f"{self.sources['disable']} ({pattern})"
        if record.is_own or record.distribution == RUNTIME:
            return None
        if not self.autoload:
            return self.sources["autoload"]
        if self.allow is not None and dist not in self.allow:
            return self.sources["allow"]
        return None


def current() -> Policy:
    """Return the policy in force, made anew only when a setting changed."""
    global _cached
    raw = tuple([option(name).get() for name in _NAMES])
    config = os.environ.get("SINGLESTOREDB_CONFIG")
    stamp = (raw, config, _mtime(config))
    if _cached is None or _cached[0] != stamp:
        _cached = (stamp, _build(dict(zip(KEYS, raw, strict=True)), config))
    return _cached[1]


_cached: tuple[Any, Policy] | None = None


def _mtime(path: str | None) -> int | None:
    if not path:
        return None
    try:
        return os.stat(path).st_mtime_ns
    except OSError as exc:
        raise PluginError(
            f"SINGLESTOREDB_CONFIG names {path!r}, which cannot be read: {exc}"
        ) from exc


def _build(options: Mapping[str, Any], config: str | None) -> Policy:
    table = _read_file(config) if config else {}
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for key in KEYS:
        name = f"SINGLESTOREDB_PLUGINS_{key.upper()}"
        if options[key] is not None:
            values[key] = options[key]
            in_env = os.environ.get(name)
            sources[key] = f"{name}={in_env}" if in_env is not None else f"option plugins.{key}"
        elif key in table:
            values[key] = table[key]
            sources[key] = f"plugins.{key} in {config}"
    try:
        return Policy(
            disable=tuple(_rules(values.get("disable"))),
            prefer=_preferences(values.get("prefer")),
            allow=_distributions(values.get("allow")),
            autoload=check_bool(values.get("autoload", True)),
            trace=check_bool(values.get("trace", False)),
            sources=sources,
        )
    except ValueError as exc:
        raise PluginError(f"a setting about plugins cannot be understood: {exc}") from None


def _read_file(path: str) -> Mapping[str, Any]:
    import sys

    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        with open(path, "rb") as stream:
            content = tomllib.load(stream)
    except tomllib.TOMLDecodeError as exc:
        raise PluginError(f"SINGLESTOREDB_CONFIG names {path!r}, which is not TOML: {exc}") from exc
    table: Any = content
    for key in ("tool", "singlestoredb", "plugins"):
        table = table.get(key, {})
        if not isinstance(table, Mapping):
            raise PluginError(f"{key!r} in {path} must be a table: [tool.singlestoredb.plugins]")
    unknown = sorted(set(table) - set(KEYS))
    if unknown:
        raise PluginError(
            f"unknown key in [tool.singlestoredb.plugins] of {path}: {', '.join(unknown)}; "
            f"known are {', '.join(KEYS)}"
        )
    return table  # type: ignore[no-any-return] # TOML is untyped


def _items(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"a list is needed, not {value!r}")
    return [str(item).strip() for item in value if str(item).strip()]


def _rules(value: Any) -> list[str]:
    rules = _items(value)
    for rule in rules:
        family, colon, name = rule.partition(":")
        if not colon or not name or (family != "dist" and family not in FAMILIES):
            raise ValueError(
                f"{rule!r} is neither FAMILY:NAME nor dist:DISTRIBUTION; "
                f"families are {', '.join(FAMILIES)}"
            )
    return rules


def _preferences(value: Any) -> dict[str, str]:
    if isinstance(value, Mapping):
        value = [f"{key}={dist}" for key, dist in value.items()]
    preferences: dict[str, str] = {}
    for item in _items(value):
        key, equals, dist = item.partition("=")
        family, _, name = key.partition(":")
        if not equals or not name or not dist or family not in FAMILIES:
            raise ValueError(f"{item!r} is not FAMILY:NAME=DISTRIBUTION")
        preferences[key.strip()] = normalise(dist.strip())
    return preferences


def _distributions(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    rules = _items(value)
    for rule in rules:
        if not rule.startswith("dist:"):
            raise ValueError(f"{rule!r} is not dist:DISTRIBUTION")
    return tuple(normalise(rule[5:]) for rule in rules)
