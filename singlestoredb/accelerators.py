"""Compiled code behind a pure-Python path: chosen in one place."""

from __future__ import annotations

from typing import Any

from singlestoredb.exceptions import NotSupportedError
from singlestoredb.kernel import get_registry
from singlestoredb.kernel.errors import PluginDisabledError, PluginLoadError, PluginNotFoundError


def find(name: str, pure_python: bool | None) -> Any:
    """Return the accelerator ``name``, or ``None`` where it is not wanted or cannot be had.

    Raises ``NotSupportedError`` when it cannot be had and ``pure_python`` is ``False``.
    """
    if pure_python:
        return None
    plugins = get_registry()
    try:
        return plugins.manager.make_accelerator(plugins.activate("accelerators", name), name)
    except (PluginNotFoundError, PluginDisabledError, PluginLoadError, ImportError) as exc:
        if pure_python is None:
            return None
        raise NotSupportedError(
            None, f"pure_python=False demands the accelerator {name!r}, which cannot be used: {exc}"
        ) from exc
