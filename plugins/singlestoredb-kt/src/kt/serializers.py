"""Serializers: how values become bytes and bytes values.

A serializer is chosen by name.  The five names of this package are always its own; any other name
is looked up among the entry points of group ``kt.serializers``.  The entry point's target is a
`Serializer`, or a class or function that makes one when called without arguments::

    [project.entry-points."kt.serializers"]
    cbor = "acme_kt:CborSerializer"

Nothing is imported before its name is asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast

from .exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "kt.serializers"

KT_BINARY = "binary"
KT_JSON = "json"
KT_MSGPACK = "msgpack"
KT_NONE = "none"
KT_PICKLE = "pickle"


class Serializer(Protocol):
    """Both directions of one value format."""

    def encode(self, value: Any, /) -> bytes:
        """Return the stored form of ``value``."""

    def decode(self, data: bytes, /) -> Any:
        """Return the value whose stored form is ``data``."""


def encode_text(value: Any) -> bytes:
    """Encode as text: ``str`` as UTF-8, bytes-like unchanged, anything else as UTF-8 of its str.

    Keys always go this way, whatever the serializer of the values.
    """
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    return str(value).encode()


def identity(data: bytes) -> bytes:
    """Return ``data`` itself."""
    return data


class BinarySerializer:
    """UTF-8 text (`KT_BINARY`): reading returns ``str``, and raises UnicodeDecodeError if it
    cannot."""

    encode = staticmethod(encode_text)

    @staticmethod
    def decode(data: bytes) -> str:
        """Return the text."""
        return data.decode()


class NoneSerializer:
    """Bytes in, bytes out (`KT_NONE`); storing anything else is a TypeError."""

    @staticmethod
    def encode(value: Any) -> bytes:
        """Return the bytes of a bytes-like value."""
        if isinstance(value, bytes):
            return value
        if isinstance(value, (bytearray, memoryview)):
            return bytes(value)
        raise TypeError(
            f"the serializer KT_NONE stores bytes, not {type(value).__name__}: encode the value "
            "or choose another serializer"
        )

    decode = staticmethod(identity)


class JsonSerializer:
    """Compact JSON in UTF-8 (`KT_JSON`)."""

    def __init__(self) -> None:
        import json

        self._encode = json.JSONEncoder(separators=(",", ":")).encode
        self.decode: Callable[[bytes], Any] = json.loads

    def encode(self, value: Any) -> bytes:
        """Return the JSON text of ``value``."""
        return self._encode(value).encode()


class MsgpackSerializer:
    """MessagePack (`KT_MSGPACK`); ``bytes`` and ``str`` stay distinct."""

    def __init__(self) -> None:
        try:
            msgpack: Any = importlib.import_module("msgpack")
        except ModuleNotFoundError as exc:
            raise ImproperlyConfigured(
                "the serializer KT_MSGPACK needs the package msgpack: "
                "pip install 'singlestoredb-kt[msgpack]'"
            ) from exc
        self._packb = msgpack.packb
        self._unpackb = msgpack.unpackb

    def encode(self, value: Any) -> bytes:
        """Return the packed form of ``value``."""
        return cast(bytes, self._packb(value, use_bin_type=True))

    def decode(self, data: bytes) -> Any:
        """Return the value that ``data`` holds."""
        return self._unpackb(data, raw=False, strict_map_key=False)


class PickleSerializer:
    """Python's pickle (`KT_PICKLE`).

    **Unsafe with data you do not trust**: whoever can write to the server can run any code in
    every client that reads the value.  It is therefore only ever used when it is chosen by name.
    """

    def __init__(self) -> None:
        import pickle

        self._dumps = pickle.dumps
        self._protocol = pickle.HIGHEST_PROTOCOL
        self.decode: Callable[[bytes], Any] = pickle.loads

    def encode(self, value: Any) -> bytes:
        """Return the pickle of ``value``."""
        return self._dumps(value, self._protocol)


_OWN: dict[str, Callable[[], Serializer]] = {
    KT_BINARY: BinarySerializer,
    KT_JSON: JsonSerializer,
    KT_MSGPACK: MsgpackSerializer,
    KT_NONE: NoneSerializer,
    KT_PICKLE: PickleSerializer,
}


def serializer_names() -> list[str]:
    """Return the names that `make_serializer` knows, sorted; imports none of them."""
    from importlib.metadata import entry_points

    return sorted({*_OWN, *(entry.name for entry in entry_points(group=GROUP))})


def make_serializer(name: str) -> Serializer:
    """Return a serializer of this name.

    Raises:
        ImproperlyConfigured: no such name, two distributions offer it, or it cannot be loaded.
    """
    if not isinstance(name, str):
        raise ImproperlyConfigured(
            f"a serializer is chosen by its name, one of {', '.join(serializer_names())}; "
            f"got {type(name).__name__}"
        )
    own = _OWN.get(name)
    return _load(_installed(name)) if own is None else own()


def _load(entry: EntryPoint) -> Serializer:
    try:
        target = entry.load()
        serializer = target if _is_serializer(target) else target()
    except ImproperlyConfigured:
        raise
    except Exception as exc:
        raise ImproperlyConfigured(
            f"the serializer {entry.name!r} ({entry.value}) cannot be loaded: {exc}"
        ) from exc
    if not _is_serializer(serializer):
        raise ImproperlyConfigured(
            f"the serializer {entry.name!r} ({entry.value}) has no methods encode and decode"
        )
    return cast(Serializer, serializer)


def _is_serializer(candidate: object) -> bool:
    return not isinstance(candidate, type) and all(
        callable(getattr(candidate, method, None)) for method in ("encode", "decode")
    )


def _installed(name: str) -> EntryPoint:
    # Slow to import, and needed only for names that are not ours.
    from importlib.metadata import entry_points

    found = list(entry_points(group=GROUP, name=name))
    if not found:
        raise ImproperlyConfigured(
            f"no serializer named {name!r}; installed: {', '.join(serializer_names())}"
        )
    if len({entry.value for entry in found}) > 1:
        offers = ", ".join(
            sorted(f"{entry.value} ({entry.dist.name if entry.dist else '?'})" for entry in found)
        )
        raise ImproperlyConfigured(
            f"several distributions provide the serializer {name!r}: {offers}; "
            "uninstall all but one"
        )
    return found[0]
