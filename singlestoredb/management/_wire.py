"""Reading the service's answers: what is missing or of the wrong type is named, never guessed."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Protocol

from ._case import camel_to_snake_dict
from ._dates import to_datetime
from .errors import InvalidResponseError

_MISSING: Any = object()


class Answer(Protocol):
    """What is used of ``requests.Response`` here."""

    def json(self) -> Any:
        """Return the decoded body."""
        ...


def _describe(answer: Any) -> str:
    request = getattr(answer, "request", None)
    method = getattr(request, "method", None)
    path = getattr(request, "path_url", None)
    return f" to {method} {path}" if isinstance(method, str) and isinstance(path, str) else ""


def decode(answer: Answer) -> Any:
    """Return the decoded body; raise :class:`InvalidResponseError` if it is no JSON."""
    try:
        return answer.json()
    except (ValueError, RecursionError) as exc:
        raise InvalidResponseError(
            msg=f"the answer{_describe(answer)} is not JSON, or was cut short: {exc}"
        ) from None


def decode_object(answer: Answer) -> dict[str, Any]:
    """Return the JSON object of an answer."""
    out = decode(answer)
    if not isinstance(out, dict):
        raise InvalidResponseError(
            msg=f"the answer{_describe(answer)} must be an object, got {_type(out)}"
        )
    return out


def decode_array(answer: Answer, key: str | None = None) -> list[Any]:
    """Return the JSON array of an answer.

    With ``key`` an object that holds the array under that key will do as well; ``null`` is
    an empty array.
    """
    out = decode(answer)
    if key is not None and isinstance(out, dict) and key in out:
        out = out[key]
    if out is None:
        return []
    if not isinstance(out, list):
        raise InvalidResponseError(
            msg=f"the answer{_describe(answer)} must be an array, got {_type(out)}"
        )
    return out


def unwrap(obj: dict[str, Any], key: str) -> dict[str, Any]:
    """Return ``obj[key]`` when the service wrapped the object in another, else ``obj``."""
    inner = obj.get(key)
    return inner if isinstance(inner, dict) else obj


def _type(value: Any) -> str:
    return {dict: "an object", list: "an array", type(None): "null"}.get(
        type(value), type(value).__name__
    )


class Payload:
    """One JSON object of an answer.

    Every method takes the keys that a value may have, the best first; absent and ``null`` are
    the same.  ``what`` names the object in errors.
    """

    __slots__ = ("_data", "_what")

    def __init__(self, data: object, what: str) -> None:
        if not isinstance(data, Mapping):
            raise InvalidResponseError(msg=f"{what}: expected an object, got {_type(data)}")
        self._data = data
        self._what = what

    def raw(self, *keys: str) -> Any:
        """Return the first value present, whatever it is, or ``None``."""
        for key in keys:
            value = self._data.get(key)
            if value is not None:
                return value
        return None

    def _bad(self, keys: tuple[str, ...], wanted: str, value: Any) -> InvalidResponseError:
        names = " or ".join(repr(k) for k in keys)
        return InvalidResponseError(
            msg=f"{self._what}: {names} must be {wanted}, the service sent {_type(value)}"
        )

    def _required(self, value: Any, keys: tuple[str, ...], wanted: str) -> None:
        if value is None:
            raise self._bad(keys, wanted, None)

    def opt_text(self, *keys: str) -> str | None:
        """Return a text or ``None``."""
        value = self.raw(*keys)
        if value is None or isinstance(value, str):
            return value
        raise self._bad(keys, "text", value)

    def text(self, *keys: str) -> str:
        """Return a text that must be there."""
        value = self.opt_text(*keys)
        if value is None:
            raise self._bad(keys, "text", None)
        return value

    def opt_bool(self, *keys: str) -> bool | None:
        """Return a truth value or ``None``."""
        value = self.raw(*keys)
        if value is None or isinstance(value, bool):
            return value
        raise self._bad(keys, "true or false", value)

    def opt_number(self, *keys: str) -> float | None:
        """Return a number or ``None``; whole numbers stay ``int``."""
        value = self.raw(*keys)
        if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
            return value
        raise self._bad(keys, "a number", value)

    def opt_int(self, *keys: str) -> int | None:
        """Return a whole number or ``None``."""
        value = self.raw(*keys)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        if isinstance(value, float) and value.is_integer():
            return int(value)
        raise self._bad(keys, "a whole number", value)

    def int(self, *keys: str) -> int:
        """Return a whole number that must be there."""
        value = self.opt_int(*keys)
        if value is None:
            raise self._bad(keys, "a whole number", None)
        return value

    def bool(self, *keys: str) -> bool:
        """Return a truth value that must be there."""
        value = self.opt_bool(*keys)
        if value is None:
            raise self._bad(keys, "true or false", None)
        return value

    def opt_time(self, *keys: str) -> datetime.datetime | None:
        """Return naive UTC, or ``None`` for nothing, *never* and what is no time."""
        value = self.raw(*keys)
        if value is not None and not isinstance(value, (str, datetime.datetime)):
            raise self._bad(keys, "a time", value)
        return to_datetime(value)

    def time(self, *keys: str) -> datetime.datetime:
        """Return naive UTC; it must be there and be a time."""
        value = self.opt_time(*keys)
        if value is None:
            raise self._bad(keys, "a time", self.raw(*keys))
        return value

    def items(self, *keys: str) -> list[Any]:
        """Return a list without its ``null`` items; empty when there is none."""
        value = self.raw(*keys)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._bad(keys, "an array", value)
        return [x for x in value if x is not None]

    def texts(self, *keys: str) -> list[str]:
        """Return a list of texts; a single text is a list of one, nothing an empty one."""
        value = self.raw(*keys)
        if isinstance(value, str):
            return [value]
        out = self.items(*keys)
        if not all(isinstance(x, str) for x in out):
            raise self._bad(keys, "an array of text", value)
        return out

    def snake(self, *keys: str) -> dict[str, Any] | None:
        """Return an object with its keys in snake case, or ``None``."""
        value = self.raw(*keys)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise self._bad(keys, "an object", value)
        return camel_to_snake_dict(value)

    def snakes(self, *keys: str) -> list[dict[str, Any]]:
        """Return a list of objects with their keys in snake case."""
        out = self.items(*keys)
        if not all(isinstance(x, Mapping) for x in out):
            raise self._bad(keys, "an array of objects", out)
        return [camel_to_snake_dict(x) for x in out]
