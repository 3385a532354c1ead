"""Names as Python spells them, and as the service does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, overload

_CAPITALS = re.compile(r"[A-Z]+")
_UNDERSCORED = re.compile(r"_(.)")


@overload
def snake_to_camel(s: None, cap_first: bool = ...) -> None: ...
@overload
def snake_to_camel(s: str, cap_first: bool = ...) -> str: ...
def snake_to_camel(s: str | None, cap_first: bool = False) -> str | None:
    """Return ``compute_credit`` as ``computeCredit``, or ``ComputeCredit`` with ``cap_first``."""
    if s is None:
        return None
    out = _UNDERSCORED.sub(lambda m: m[1].upper(), s.lower())
    return out[:1].upper() + out[1:] if cap_first else out


@overload
def camel_to_snake(s: None) -> None: ...
@overload
def camel_to_snake(s: str) -> str: ...
def camel_to_snake(s: str | None) -> str | None:
    """Return ``workspaceID`` as ``workspace_id``; a run of capitals counts as one word."""
    if s is None:
        return None
    return _CAPITALS.sub(lambda m: "_" + m[0], s).lower().removeprefix("_")


@overload
def snake_to_camel_dict(s: None, cap_first: bool = ...) -> None: ...
@overload
def snake_to_camel_dict(s: Mapping[str, Any], cap_first: bool = ...) -> dict[str, Any]: ...
def snake_to_camel_dict(
    s: Mapping[str, Any] | None, cap_first: bool = False
) -> dict[str, Any] | None:
    """Return a copy with camel-case keys, nested mappings included; lists are left alone.

    ``cap_first`` is accepted for symmetry with :func:`snake_to_camel` and has no effect.
    """
    if s is None:
        return None
    return {
        snake_to_camel(k): snake_to_camel_dict(v) if isinstance(v, Mapping) else v
        for k, v in s.items()
    }


@overload
def camel_to_snake_dict(s: None) -> None: ...
@overload
def camel_to_snake_dict(s: Mapping[str, Any]) -> dict[str, Any]: ...
def camel_to_snake_dict(s: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a copy with snake-case keys, nested mappings included; lists are left alone."""
    if s is None:
        return None
    return {
        camel_to_snake(k): camel_to_snake_dict(v) if isinstance(v, Mapping) else v
        for k, v in s.items()
    }
