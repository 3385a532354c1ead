"""Options: named, typed values with an environment variable behind each.

An option's value is, in this order: its environment variable as it stands at the moment of
reading, what :func:`set_option` stored, its default.  ``set_option`` also rewrites the
environment variable when there is one, so that code has the last word.

Reading costs one dictionary look-up and one look at ``os.environ``; nothing walks a tree.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any

from .xdict import xdict

Validator = Callable[[Any], Any]
_UNSET: Any = object()


class Option:
    """One option: what it may be, where it comes from, what it is now."""

    __slots__ = ("_env_cache", "_stored", "default", "doc", "environ", "name", "type", "validator")

    def __init__(
        self,
        name: str,
        typedesc: str,
        validator: Validator,
        default: Any,
        doc: str,
        environ: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.type = typedesc
        self.validator = validator
        self.default = None if default is None else validator(default)
        self.doc = doc
        self.environ = environ
        self._stored: Any = _UNSET
        self._env_cache: tuple[str, str, Any] | None = None

    def _environment(self, names: Container[str] = os.environ) -> tuple[str, str] | None:
        for name in self.environ:
            if name in names:
                return name, os.environ[name]
        return None

    def get(self, names: Container[str] = os.environ) -> Any:
        """Return the value now in force; raise ``ValueError`` when the environment holds one that
        is not allowed.  Who reads many options gives what :func:`variables` returned."""
        found = self._environment(names)
        if found is None:
            return self.default if self._stored is _UNSET else self._stored
        cached = self._env_cache
        if cached is not None and cached[:2] == found:
            return cached[2]
        try:
            value = self.validator(found[1])
        except (ValueError, TypeError) as exc:
            raise ValueError(f"environment variable {found[0]}: {exc}") from exc
        self._env_cache = (*found, value)
        return value

    def set(self, value: Any) -> None:
        """Store ``value``; raise ``ValueError`` when it is not allowed."""
        value = None if value is None else self.validator(value)
        Changes.count += 1
        self._stored = value
        found = self._environment()
        if found is not None:
            for name in self.environ:
                os.environ.pop(name, None)
            if value is not None:
                os.environ[found[0]] = str(value)

    def reset(self) -> None:
        """Forget what was stored."""
        Changes.count += 1
        self._stored = _UNSET

    def snapshot(self) -> Callable[[], None]:
        """Return a function that puts back the state of this moment, environment included."""
        stored = self._stored
        environ = {name: os.environ.get(name) for name in self.environ}

        def restore() -> None:
            Changes.count += 1
            self._stored = stored
            for name, text in environ.items():
                if text is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = text

        return restore

    def _shown(self, value: Any) -> Any:
        if value and self.name in SECRETS:
            return "***"
        if isinstance(value, str) and self.name in _MAY_BE_URLS:
            return _URL_PASSWORD.sub(r"\1:***@", value)
        return value

    def describe(self) -> str:
        """Return the option's entry of :func:`describe_option`."""
        default, value = (self._shown(v) for v in (self.default, self.get()))
        doc = "\n".join(f"    {line}" for line in self.doc.splitlines())
        return f"{self.name} : {self.type}\n{doc}\n    [default: {default}] [currently: {value}]\n"


class Changes:
    """Counts changes made through this module: who keeps values sees when to look again."""

    count = 0


SECRETS = frozenset({"password", "management.token", "external_function.link_credentials"})
"""Options whose values are never printed."""

_MAY_BE_URLS = frozenset({"host", "external_function.connection"})
_URL_PASSWORD = re.compile(r"\A((?:(?:[A-Za-z][\w+.-]*:)?//)?[^:/@?]*):.*@", re.DOTALL)
"""The user and the password of a URL; the last ``@`` ends them."""

_OPTIONS: dict[str, Option] = {}
_BY_SUFFIX: dict[str, list[str]] = {}
_GROUPS: set[str] = set()
_VARIABLES: frozenset[str] = frozenset()


def register_option(
    key: str,
    typedesc: str,
    validator: Validator,
    default: Any,
    doc: str,
    environ: str | list[str] | tuple[str, ...] | None = None,
) -> None:
    """Add an option.

    Args:
        key: dotted name, lower case.
        typedesc: its type, for people.
        validator: returns the value to store, or raises ``ValueError``.
        default: value while nothing else is said.
        doc: what it does.
        environ: environment variables to read, the first found wins.  Each is also read without
            its underscores.
    """
    global _VARIABLES
    names = [environ] if isinstance(environ, str) else list(environ or ())
    names += [name.replace("_", "") for name in names if "_" in name]
    option = Option(key, typedesc, validator, default, doc, tuple(names))
    if key not in _OPTIONS:
        parts = key.split(".")
        for i in range(1, len(parts)):
            _BY_SUFFIX.setdefault(".".join(parts[i:]), []).append(key)
            _GROUPS.add(".".join(parts[:i]))
        if len(parts) > 1:  # results.type is also a keyword: results_type
            _BY_SUFFIX.setdefault("_".join(parts), []).append(key)
    _OPTIONS[key] = option
    _VARIABLES |= set(names)


def _find(name: str) -> Option:
    key = str(name).lower()
    option = _OPTIONS.get(key)
    if option is not None:
        return option
    full = _BY_SUFFIX.get(key, [])
    if len(full) == 1:
        return _OPTIONS[full[0]]
    if full:
        raise KeyError(f"{name} is ambiguous: it may be {', '.join(sorted(full))}")
    if key in _GROUPS:
        raise TypeError(f"{name} is a group of options, not an option")
    import difflib

    near = difflib.get_close_matches(key, _OPTIONS, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    if "." in key:
        raise KeyError(f"{name} is not a valid option name{hint}")
    raise TypeError(f"{name} is not a valid option name{hint or '.'}")


def variables() -> frozenset[str]:
    """Return the names of the environment variables that are set and some option reads.

    To ask the environment for one that is not there takes 1 µs, and a connection has sixty options.
    """
    return _VARIABLES.intersection(os.environ)


def option(name: str) -> Option:
    """Return the option object itself; hold it where the value is read often."""
    return _find(name)


def all_options() -> list[Option]:
    """Return every registered option, in the order of registration."""
    return list(_OPTIONS.values())


def iteroptions(*args: Any, **kwargs: Any) -> Iterator[tuple[str, Any]]:
    """Iterate over ``(name, value)`` of the forms that :func:`set_option` takes.

    These are: name, value, name, value, …; pairs; a mapping; keyword arguments.
    """
    items = list(args)
    while items:
        item = items.pop(0)
        if isinstance(item, Mapping):
            yield from item.items()
        elif isinstance(item, (tuple, list)):
            if len(item) != 2:
                raise ValueError(f"an option is a pair of name and value, not {item!r}")
            yield item[0], item[1]
        elif items:
            yield item, items.pop(0)
        else:
            raise ValueError(f"no value was given for option {item!r}")
    yield from kwargs.items()


def set_option(*args: Any, **kwargs: Any) -> None:
    """Set options, all of them or, when one value is not allowed, none.

    Raises ``ValueError`` for a value that is not allowed, ``KeyError`` or ``TypeError`` for a
    name that does not exist.
    """
    chosen = [(_find(name), value) for name, value in iteroptions(*args, **kwargs)]
    for opt, value in chosen:
        if value is not None:
            opt.validator(value)
    for opt, value in chosen:
        opt.set(value)


set_options = set_option


def get_option(name: str) -> Any:
    """Return an option's value.

    ``name`` is the full dotted name in any case, or a trailing part of it that is unique.
    Raises ``KeyError`` for an ambiguous or unknown dotted name, ``TypeError`` for an unknown plain
    name or a group.
    """
    return _find(name).get()


def get_default(name: str) -> Any:
    """Return an option's default."""
    return _find(name).default


get_default_val = get_default


def get_suboptions(name: str) -> xdict:
    """Return the options of a group as an :class:`xdict` of :class:`Option`."""
    key = str(name).lower()
    if key in _OPTIONS:
        raise TypeError(f"{name} is an option, not a group of options")
    prefix = key + "."
    found = {k[len(prefix) :]: v for k, v in _OPTIONS.items() if k.startswith(prefix)}
    if not found:
        raise KeyError(name)
    return xdict(found)


def reset_option(*names: str) -> None:
    """Put options back to their defaults; all of them when no name is given.

    An environment variable, where there is one, then speaks again.
    """
    for opt in [_find(name) for name in names] or _OPTIONS.values():
        opt.reset()


def describe_option(*names: str, _print_desc: bool = True) -> str | None:
    """Print what options mean and what they are; everything when no name is given.

    Raises ``KeyError`` for a name that does not exist.
    """
    chosen: list[Option] = []
    for name in names:
        key = str(name).lower()
        if key in _GROUPS:
            chosen += [opt for full, opt in _OPTIONS.items() if full.startswith(key + ".")]
            continue
        try:
            chosen.append(_find(name))
        except TypeError as exc:
            raise KeyError(str(exc)) from None
    text = "\n".join(opt.describe() for opt in chosen or _OPTIONS.values())
    if not _print_desc:
        return text
    print(text)  # noqa: T201 - printing is what it is for
    return None


class option_context:  # noqa: N801 - the documented name
    """Set options for the length of a ``with`` block.

    Takes what :func:`set_option` takes.  Whatever happens in the block, the former values are in
    force after it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._wanted = list(iteroptions(*args, **kwargs))
        self._restore: list[Callable[[], None]] = []

    def __enter__(self) -> option_context:
        restore = [_find(name).snapshot() for name, _ in self._wanted]
        set_option(self._wanted and dict(self._wanted))
        self._restore = restore
        return self

    def __exit__(self, *exc_info: object) -> None:
        for restore in reversed(self._restore):
            restore()
        self._restore = []


class AttrOption:
    """Options as attributes: ``options.results.type``.

    Calling it is :class:`option_context`; ``get``, ``set``, ``reset``, ``describe`` and
    ``option_context`` are the functions of this module.
    """

    def __init__(self, name: str = "") -> None:
        object.__setattr__(self, "_name", name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        full = f"{self._name}.{name}".lower().lstrip(".")
        if full in _GROUPS:
            return AttrOption(full)
        return _find(full if self._name else name).get()

    def __setattr__(self, name: str, value: Any) -> None:
        _find(f"{self._name}.{name}" if self._name else name).set(value)

    def __call__(self, *args: Any, **kwargs: Any) -> option_context:
        return option_context(*args, **kwargs)

    def get(self, name: str) -> Any:
        """Return an option's value; see :func:`get_option`."""
        return get_option(name)

    def set(self, *args: Any, **kwargs: Any) -> None:
        """Set options; see :func:`set_option`."""
        set_option(*args, **kwargs)

    def reset(self, *names: str) -> None:
        """Put options back; see :func:`reset_option`."""
        reset_option(*names)

    def describe(self, *names: str) -> None:
        """Print what options mean; see :func:`describe_option`."""
        describe_option(*names)

    def option_context(self, *args: Any, **kwargs: Any) -> option_context:
        """Set options for a ``with`` block; see :class:`option_context`."""
        return option_context(*args, **kwargs)

    def __dir__(self) -> list[str]:
        prefix = f"{self._name}." if self._name else ""
        return [key[len(prefix) :] for key in _OPTIONS if key.startswith(prefix)]

    @property
    def __doc__(self) -> str | None:  # type: ignore[override] # computed on purpose
        return describe_option(*([self._name] if self._name else []), _print_desc=False)

    def __repr__(self) -> str:
        return f"<options {self._name or 'of singlestoredb'}: {', '.join(dir(self))}>"


# -- validators ------------------------------------------------------------------------------

_TRUE = frozenset({"1", "t", "true", "y", "yes", "on", "enable", "enabled"})
_FALSE = frozenset({"0", "f", "false", "n", "no", "off", "disable", "disabled"})


def _check_range(
    value: Any,
    minimum: Any,
    maximum: Any,
    exclusive_minimum: Any,
    exclusive_maximum: Any,
    multiple_of: Any,
) -> None:
    if minimum is not None and value < minimum:
        raise ValueError(f"{value} is smaller than the minimum value of {minimum}")
    if exclusive_minimum is not None and value <= exclusive_minimum:
        raise ValueError(f"{value} must be larger than {exclusive_minimum}")
    if maximum is not None and value > maximum:
        raise ValueError(f"{value} is larger than the maximum value of {maximum}")
    if exclusive_maximum is not None and value >= exclusive_maximum:
        raise ValueError(f"{value} must be smaller than {exclusive_maximum}")
    if multiple_of is not None and value % multiple_of:
        raise ValueError(f"{value} is not a multiple of {multiple_of}")


def check_int(
    value: Any,
    minimum: int | None = None,
    maximum: int | None = None,
    exclusive_minimum: int | None = None,
    exclusive_maximum: int | None = None,
    multiple_of: int | None = None,
) -> int:
    """Return ``value`` as an int within the limits, or raise ``ValueError``."""
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is not an integer") from None
    _check_range(number, minimum, maximum, exclusive_minimum, exclusive_maximum, multiple_of)
    return number


def check_float(
    value: Any,
    minimum: float | None = None,
    maximum: float | None = None,
    exclusive_minimum: float | None = None,
    exclusive_maximum: float | None = None,
    multiple_of: float | None = None,
) -> float:
    """Return ``value`` as a float within the limits, or raise ``ValueError``."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is not a number") from None
    _check_range(number, minimum, maximum, exclusive_minimum, exclusive_maximum, multiple_of)
    return number


def check_bool(value: Any) -> bool:
    """Return ``value`` as a bool, or raise ``ValueError``.

    Text may be 1 t true y yes on enable enabled, 0 f false n no off disable disabled, in any
    case.
    """
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        text = value.lower()
        if text in _TRUE:
            return True
        if text in _FALSE:
            return False
    elif value in (0, 1):
        return bool(value)
    raise ValueError(f"{value} is not a recognized bool value")


def check_optional_bool(value: Any) -> bool | None:
    """Return ``value`` as a bool or ``None``, or raise ``ValueError``."""
    return None if value is None else check_bool(value)


def check_str(
    value: Any,
    pattern: str | None = None,
    max_length: int | None = None,
    min_length: int | None = None,
    valid_values: list[str] | tuple[str, ...] | None = None,
) -> str:
    """Return ``value`` as text within the limits, or raise ``ValueError``.

    Bytes are taken as UTF-8.
    """
    text = value.decode("utf-8") if isinstance(value, bytes) else str(value)
    if max_length is not None and len(text) > max_length:
        raise ValueError(f"{text!r} is longer than {max_length} characters")
    if min_length is not None and len(text) < min_length:
        raise ValueError(f"{text!r} is shorter than {min_length} characters")
    if pattern is not None and not re.search(pattern, text):
        raise ValueError(f"{text!r} does not match the pattern {pattern}")
    if valid_values is not None and text not in valid_values:
        raise ValueError(f"{text!r} is not one of {', '.join(valid_values)}")
    return text


def check_url(value: Any) -> str:
    """Return ``value`` as the text of a URL with scheme and host, or raise ``ValueError``."""
    from urllib.parse import urlsplit

    text = check_str(value)
    parts = urlsplit(text)
    if not parts.scheme or not parts.netloc:
        # The text may hold a password, so it is not repeated.
        raise ValueError("that is not a URL with a scheme and a host")
    return text


def check_dict_str_str(value: Any) -> dict[str, str]:
    """Return ``value`` as a dict from text to text, or raise ``ValueError``."""
    if not isinstance(value, Mapping):
        raise ValueError(f"a mapping from str to str is needed, not {type(value).__name__}")
    for key, val in value.items():
        if not isinstance(key, str) or not isinstance(val, str):
            raise ValueError(f"both key and value must be str: {key!r}")
    return dict(value)


def check_socket_options(value: Any) -> dict[int, dict[int, Any]]:
    """Return ``value`` as socket level → option → value, or raise ``ValueError``."""
    if not isinstance(value, Mapping):
        raise ValueError("socket options are a mapping: level -> {option: value}")
    checked: dict[int, dict[int, Any]] = {}
    for level, inner in value.items():
        if not isinstance(level, int) or not isinstance(inner, Mapping):
            raise ValueError("socket options are a mapping: level -> {option: value}")
        if not all(isinstance(number, int) for number in inner):
            raise ValueError("the numbers of socket options are integers")
        checked[level] = dict(inner)
    return checked


options = AttrOption()
"""All options as attributes."""

# At the end, because it needs what is above: the SDK's options are there whichever of the two
# modules a program imports first.  (Type checkers need not follow it: they would go in a circle.)
importlib.import_module("singlestoredb.config")
