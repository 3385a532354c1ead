"""What all objects of the service have in common: how they look, and how they are refreshed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, TypeVar

from ._collections import html_table
from .errors import ManagementError

M = TypeVar("M")


def shown_values(
    obj: object, extra: Mapping[str, Any] | None = None, hidden: Collection[str] = ()
) -> dict[str, Any]:
    """Return what to show of an object: name and ID, then its other true public attributes.

    Attributes in ``hidden`` are shown as ``***`` when they are set.
    """
    values = {k: v for k, v in vars(obj).items() if not k.startswith("_")}
    values.update(extra or {})
    out: dict[str, Any] = {k: values.pop(k) for k in ("name", "id") if k in values}
    out.update((k, "***" if k in hidden else v) for k, v in sorted(values.items()) if v)
    return out


def vars_to_str(
    obj: object, extra: Mapping[str, Any] | None = None, hidden: Collection[str] = ()
) -> str:
    """Return ``Class(name='…', id='…', …)``; see :func:`shown_values`."""
    values = shown_values(obj, extra, hidden)
    inner = ", ".join(f"{k}={'***' if k in hidden else repr(v)}" for k, v in values.items())
    return f"{type(obj).__name__}({inner})"


class Shown:
    """Base of everything that is printed, in a terminal or a notebook."""

    _hidden: ClassVar[frozenset[str]] = frozenset()
    """Names of attributes that hold secrets: never shown."""

    def _shown(self) -> dict[str, Any]:
        return shown_values(self, hidden=self._hidden)

    def __repr__(self) -> str:
        return vars_to_str(self, hidden=self._hidden)

    def __str__(self) -> str:
        return repr(self)

    def _repr_html_(self) -> str:
        return html_table([type(self).__name__, ""], list(self._shown().items()))


def require_manager(manager: M | None, kind: str = "workspace") -> M:
    """Return the manager, or say that the object cannot act without one."""
    if manager is None:
        raise ManagementError(
            msg=f"No {kind} manager is associated with this object.",
            hint="get the object from a manager instead of building it",
        )
    return manager


def adopt(target: object, fresh: object) -> None:
    """Give ``target`` all attributes of ``fresh``: how an object is refreshed."""
    vars(target).update(vars(fresh))


def set_fields(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a request without what was not given."""
    return {k: v for k, v in body.items() if v is not None}
