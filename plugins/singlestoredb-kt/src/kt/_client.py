"""What the clients of both servers have in common: options, connections, keys and values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

from ._pool import ConnectionPool
from .exceptions import ImproperlyConfigured
from .serializers import encode_text, identity, make_serializer

Self = TypeVar("Self", bound="Client")

_LAST_PORT = 65_535


class Client:
    """A client of one server; see its subclasses."""

    def __init__(
        self, host: str, port: int, serializer: str, decode_keys: bool, timeout: float | None
    ) -> None:
        codec = make_serializer(serializer)
        if not 0 < int(port) <= _LAST_PORT:
            # The system would take its lowest 16 bits, and connect to something else.
            raise ImproperlyConfigured(f"a port is between 1 and {_LAST_PORT}, not {port}")
        self.host = host
        self.port = port
        self.serializer = serializer
        self.decode_keys = decode_keys
        self.timeout = timeout
        self._encode: Callable[[Any], bytes] = codec.encode
        self._decode: Callable[[bytes], Any] = codec.decode
        self._decode_key: Callable[[bytes], Any] = bytes.decode if decode_keys else identity
        self._pool = ConnectionPool(host, port, timeout)
        self._call = self._pool.call

    def checkin(self) -> None:
        """Return the thread's connection to the pool for re-use."""
        self._pool.checkin()

    def close(self) -> None:
        """Close the thread's connection; the next call opens another."""
        self._pool.close()

    def close_all(self) -> None:
        """Close the connections of all threads; calls that are under way there fail."""
        self._pool.close_all()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.checkin()

    def _decoded(self, pairs: Iterable[tuple[bytes, bytes]]) -> dict[Any, Any]:
        decode_key, decode = self._decode_key, self._decode
        return {decode_key(key): decode(value) for key, value in pairs}

    def _encoded(self, data: Mapping[Any, Any]) -> list[tuple[bytes, bytes]]:
        encode = self._encode
        return [
            (key.encode() if type(key) is str else encode_text(key), encode(value))
            for key, value in data.items()
        ]


class LuaNamespace:
    """Attribute access to a server's Lua functions."""

    def __init__(self, script: Callable[..., Any]) -> None:
        self._script = script

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            # Python's own protocols ask for these.
            raise AttributeError(name)
        return partial(self._script, name)


def encode_keys(keys: Iterable[Any]) -> list[bytes]:
    """Return many keys as bytes.

    Raises:
        TypeError: a single key; its characters would be taken for keys.
    """
    if isinstance(keys, (str, bytes)):
        raise TypeError(f"several keys are expected, as in [{keys!r}]")
    return [key.encode() if type(key) is str else encode_text(key) for key in keys]


def merge(data: Mapping[Any, Any] | None, more: dict[str, Any]) -> Mapping[Any, Any]:
    """Return the records of a bulk call: the mapping and the keywords, of which the mapping wins.

    The mapping may also come as the keyword ``__data``, its name in the API document.
    """
    if data is None:
        data = more.pop("__data", None)
    if not more:
        return {} if data is None else data
    return {**(data or {}), **{key: more[key] for key in more if not data or key not in data}}
