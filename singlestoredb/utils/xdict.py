"""Dictionaries whose keys reach into nested dictionaries: ``d['a.b']`` is ``d['a']['b']``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

_MISSING: Any = object()


class xdict(dict[Any, Any]):  # noqa: N801 - the documented name
    """A ``dict`` of nested dicts with dotted keys.

    Plain dicts that are put in become ``xdict``.  ``copy`` is shallow: nested dicts are shared.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.update(*args, **kwargs)

    def _walk(self, key: Any, create: bool = False) -> tuple[dict[Any, Any], Any]:
        """Return the dict that holds the last part of ``key``, and that part."""
        if not isinstance(key, str) or "." not in key:
            return self, key
        node: dict[Any, Any] = self
        *parents, last = key.split(".")
        for part in parents:
            child = dict.get(node, part, _MISSING)
            if not isinstance(child, dict):
                if not create:
                    raise KeyError(key)
                child = type(self)()
                dict.__setitem__(node, part, child)
            node = child
        return node, last

    def _adopt(self, value: Any) -> Any:
        if isinstance(value, dict) and not isinstance(value, xdict):
            return type(self)(value)
        return value

    def __setitem__(self, key: Any, value: Any) -> None:
        node, last = self._walk(key, create=True)
        dict.__setitem__(node, last, self._adopt(value))

    def __getitem__(self, key: Any) -> Any:
        node, last = self._walk(key)
        try:
            return dict.__getitem__(node, last)
        except KeyError:
            raise KeyError(key) from None

    def __delitem__(self, key: Any) -> None:
        node, last = self._walk(key)
        try:
            dict.__delitem__(node, last)
        except KeyError:
            raise KeyError(key) from None

    def __contains__(self, key: Any) -> bool:
        try:
            node, last = self._walk(key)
        except KeyError:
            return False
        return dict.__contains__(node, last)

    def get(self, key: Any, default: Any = None) -> Any:
        try:
            return self[key]
        except KeyError:
            return default

    def pop(self, key: Any, default: Any = _MISSING) -> Any:
        try:
            value = self[key]
        except KeyError:
            if default is _MISSING:
                raise
            return default
        del self[key]
        return value

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, *args: Any, **kwargs: Any) -> None:
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def copy(self) -> xdict:
        return self.__copy__()

    def __copy__(self) -> xdict:
        new = type(self)()
        for key, value in dict.items(self):
            dict.__setitem__(new, key, value)
        return new

    def __deepcopy__(self, memo: dict[int, Any]) -> xdict:
        import copy

        new = type(self)()
        memo[id(self)] = new
        for key, value in dict.items(self):
            dict.__setitem__(new, key, copy.deepcopy(value, memo))
        return new

    def iterflatitems(self) -> Iterator[tuple[str, Any]]:
        """Iterate over the leaves as ``(dotted key, value)``; an integer key shows as ``a[3]``."""
        for key, value in dict.items(self):
            name = f"[{key}]" if isinstance(key, int) else str(key)
            if isinstance(value, xdict) and value:
                for sub, leaf in value.iterflatitems():
                    yield (f"{name}{sub}" if sub.startswith("[") else f"{name}.{sub}"), leaf
            else:
                yield name, value

    def iterflatkeys(self) -> Iterator[str]:
        """Iterate over the dotted keys of the leaves."""
        return (key for key, _ in self.iterflatitems())

    def iterflatvalues(self) -> Iterator[Any]:
        """Iterate over the leaves."""
        return (value for _, value in self.iterflatitems())

    def flatitems(self) -> list[tuple[str, Any]]:
        """Return the leaves as ``(dotted key, value)``."""
        return list(self.iterflatitems())

    def flatkeys(self) -> list[str]:
        """Return the dotted keys of the leaves."""
        return list(self.iterflatkeys())

    def flatvalues(self) -> list[Any]:
        """Return the leaves."""
        return list(self.iterflatvalues())

    viewflatitems = iterflatitems
    viewflatkeys = iterflatkeys
    viewflatvalues = iterflatvalues

    def flattened(self) -> dict[str, Any]:
        """Return a plain dict of dotted keys."""
        return dict(self.iterflatitems())

    def allkeys(self) -> set[str]:
        """Return every dotted key, those of inner nodes included."""
        found: set[str] = set()
        for key in self.iterflatkeys():
            parts = key.split(".")
            found.update(".".join(parts[: i + 1]) for i in range(len(parts)))
        return found

    def has_key(self, key: Any) -> bool:
        """Return whether the dotted key leads to something."""
        return key in self

    def to_json(self) -> str:
        """Return the nested dicts as JSON text."""
        return json.dumps(self)

    @classmethod
    def from_json(cls, text: str) -> xdict:
        """Make one from JSON text."""
        return cls(json.loads(text))

    def set_dir_values(self, names: Iterable[str]) -> None:
        """Choose what ``dir()`` lists."""
        self.__dict__["_dir_values"] = list(names)

    def set_doc(self, doc: str) -> None:
        """Choose the instance's ``__doc__``."""
        self.__dict__["__doc__"] = doc

    def __dir__(self) -> list[str]:
        return list(self.__dict__.get("_dir_values") or super().__dir__())


class xadict(xdict):  # noqa: N801 - the documented name
    """An :class:`xdict` with attribute access; a missing attribute becomes an empty child."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __getitem__(self, key: Any) -> Any:
        try:
            return super().__getitem__(key)
        except KeyError:
            self[key] = child = type(self)()
            return child

    def get(self, key: Any, default: Any = None) -> Any:
        try:  # not through __getitem__, which would create the child
            return super().__getitem__(key)
        except KeyError:
            return default
