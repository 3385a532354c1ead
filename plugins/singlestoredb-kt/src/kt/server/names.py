"""Database names of both servers, and which store serves them."""

from __future__ import annotations

from pathlib import Path

from kt.exceptions import ImproperlyConfigured

from .sqlite_store import SqliteStore
from .store import MemoryHash, Store

# Name → (ordered, kind); the kinds are the servers' own words.
_TYCOON_MEMORY = {
    "*": (False, "cache hash database"),
    "%": (True, "cache tree database"),
    ":": (False, "stash database"),
    "-": (False, "prototype hash database"),
    "+": (True, "prototype tree database"),
}
_TYCOON_FILES = {
    ".kch": (False, "file hash database"),
    ".kct": (True, "file tree database"),
    ".kcd": (False, "directory hash database"),
    ".kcf": (True, "directory tree database"),
}
_TYRANT_MEMORY = {"*": (False, "on-memory hash"), "+": (True, "on-memory tree")}
_TYRANT_FILES = {".tch": (False, "hash"), ".tcb": (True, "B+ tree")}
_MULTIPLIERS = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


def open_tycoon_store(name: str) -> Store:
    """Open a database by its Kyoto Tycoon name, such as ``*``, ``%#capcnt=1000``, ``casket.kct``.

    ``capcnt`` and ``capsiz`` limit ``*``; other tuning parameters have no effect here.
    """
    path, parameters = _split(name)
    suffix = "." + parameters["type"] if "type" in parameters else Path(path).suffix
    if path in _TYCOON_MEMORY and "type" not in parameters:
        ordered, kind = _TYCOON_MEMORY[path]
        if ordered:
            return SqliteStore(path, None, True, kind)
        limits = parameters if path == "*" else {}
        store = MemoryHash(path, _number(limits.get("capcnt")), _number(limits.get("capsiz")))
        store.kind = kind
        return store
    return _open_file(path, suffix, _TYCOON_FILES, ["* % : - +"])


def open_tyrant_store(name: str) -> Store:
    """Open a database by its Tokyo Tyrant name, such as ``*``, ``+`` or ``casket.tcb``."""
    path, _ = _split(name)
    if path in _TYRANT_MEMORY:
        ordered, kind = _TYRANT_MEMORY[path]
        if ordered:
            return SqliteStore(path, None, True, kind)
        store = MemoryHash(path)
        store.kind = kind
        return store
    return _open_file(path, Path(path).suffix, _TYRANT_FILES, ["* +"])


def _open_file(
    path: str, suffix: str, kinds: dict[str, tuple[bool, str]], memory: list[str]
) -> Store:
    if suffix not in kinds:
        raise ImproperlyConfigured(
            f"the built-in server has no database {path!r}: it knows {' '.join(memory)} in memory "
            f"and files named {' '.join('*' + known for known in kinds)}"
        )
    ordered, kind = kinds[suffix]
    return SqliteStore(path, path, ordered, kind)


def _split(name: str) -> tuple[str, dict[str, str]]:
    path, *settings = name.split("#")
    return path, dict(setting.partition("=")[::2] for setting in settings)


def _number(text: str | None) -> int | None:
    """Parse a size such as ``256m``; 0 and less are no limit."""
    if not text:
        return None
    factor = _MULTIPLIERS.get(text[-1].lower(), 1)
    try:
        number = int(text[:-1] if factor > 1 else text) * factor
    except ValueError:
        raise ImproperlyConfigured(f"{text!r} is not a number") from None
    return number if number > 0 else None
