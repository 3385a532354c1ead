"""Lists that are looked up by name, and properties that forget."""

from __future__ import annotations

import datetime
import html
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, SupportsIndex, TypeVar, overload

T = TypeVar("T")
N = TypeVar("N", bound="NamedList[Any]")
_MISSING: Any = object()


class NamedList(list[T]):
    """A list whose items can also be had by their ``name`` or ``id``.

    ``x["key"]`` is the first item, in order, that has the key as its name or ID.
    """

    def _find(self, key: str) -> T:
        for item in self:
            if getattr(item, "name", None) == key or getattr(item, "id", None) == key:
                return item
        raise KeyError(key)

    @overload
    def __getitem__(self, key: SupportsIndex | str) -> T: ...
    @overload
    def __getitem__(self, key: slice) -> list[T]: ...
    def __getitem__(self, key: SupportsIndex | slice | str) -> T | list[T]:
        if isinstance(key, str):
            return self._find(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        if isinstance(key, str):
            try:
                self._find(key)
            except KeyError:
                return False
            return True
        return super().__contains__(key)

    def __call__(self: N) -> N:
        """Return the list itself: some documents write ``manager.workspace_groups()``."""
        return self

    def names(self) -> list[str]:
        """Return the names, without those of nameless items."""
        return [x.name for x in self if getattr(x, "name", None) is not None]  # type: ignore[attr-defined]  # duck-typed

    def ids(self) -> list[str]:
        """Return the IDs, without those of items that have none."""
        return [x.id for x in self if getattr(x, "id", None) is not None]  # type: ignore[attr-defined]  # duck-typed

    def get(self, name_or_id: str, *default: Any) -> T | Any:
        """Return the item of that name or ID, or ``default``; raise ``KeyError`` without one."""
        try:
            return self._find(name_or_id)
        except KeyError:
            if default:
                return default[0]
            raise

    def _repr_html_(self) -> str:
        rows: list[dict[str, Any]] = [getattr(item, "_shown", dict)() for item in self]
        columns = list(dict.fromkeys(key for row in rows for key in row))
        if not columns:
            return f"<pre>{html.escape(repr(self))}</pre>"
        return html_table(columns, [[row.get(c, "") for c in columns] for row in rows])


def html_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return an HTML table; everything in it is escaped."""
    head = "".join(f"<th>{html.escape(str(c))}</th>" for c in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(v))}</td>" for v in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


class TTLProperty(property, Generic[T]):
    """A read-only property that keeps its value for a while, separately for each object."""

    def __init__(self, fget: Callable[[Any], T], ttl: datetime.timedelta) -> None:
        super().__init__(fget)
        self.ttl = ttl
        self._key = f"_ttl_{fget.__name__}"
        self._compute = fget
        self.__doc__ = fget.__doc__

    @overload
    def __get__(self, obj: None, owner: type | None = None) -> TTLProperty[T]: ...
    @overload
    def __get__(self, obj: object, owner: type | None = None) -> T: ...
    def __get__(self, obj: Any, owner: type | None = None) -> TTLProperty[T] | T:
        if obj is None:
            return self
        now = time.monotonic()
        kept = obj.__dict__.get(self._key)
        if kept is not None and now - kept[0] < self.ttl.total_seconds():
            value: T = kept[1]
            return value
        value = self._compute(obj)
        obj.__dict__[self._key] = (now, value)
        return value

    def reset(self, obj: object) -> None:
        """Forget the value kept for an object."""
        obj.__dict__.pop(self._key, None)


def ttl_property(ttl: datetime.timedelta) -> Callable[[Callable[[Any], T]], TTLProperty[T]]:
    """Decorate a method into a property that is computed at most once per ``ttl``."""

    def decorate(fget: Callable[[Any], T]) -> TTLProperty[T]:
        return TTLProperty(fget, ttl)

    return decorate


def single_item(s: Any) -> Any:
    """Return the element of a one-element list or tuple, other things as they are.

    Raise ``ValueError`` when there is not exactly one.
    """
    if isinstance(s, (list, tuple)):
        if len(s) != 1:
            raise ValueError(f"expected exactly one item, got {len(s)}")
        return s[0]
    return s


def stringify(s: str | Sequence[str]) -> str:
    """Return a text, or the only text of a list; raise ``ValueError`` when there are more."""
    out = single_item(s)
    if not isinstance(out, str):
        raise TypeError(f"expected text, got {type(out).__name__}")
    return out


def listify(s: str | list[str]) -> list[str]:
    """Return a text as a list of one; raise ``TypeError`` for anything but texts."""
    out: Any = [s] if isinstance(s, str) else s
    if not isinstance(out, list) or not all(isinstance(x, str) for x in out):
        raise TypeError(f"expected text or a list of text, got {s!r}")
    return list(out)


def listify_obj(s: Any) -> list[Any]:
    """Return a mapping as a list of one; raise ``TypeError`` for anything but mappings."""
    out = [s] if isinstance(s, dict) else s
    if not isinstance(out, list) or not all(isinstance(x, dict) for x in out):
        raise TypeError(f"expected a mapping or a list of mappings, got {type(s).__name__}")
    return list(out)
