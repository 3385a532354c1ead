"""Clients and embedded servers for Kyoto Tycoon and Tokyo Tyrant."""

from __future__ import annotations

from .cursor import Cursor
from .embedded import EmbeddedServer, EmbeddedTokyoTyrantServer
from .exceptions import (
    ImproperlyConfigured,
    KyotoTycoonError,
    ProtocolError,
    ScriptError,
    ServerConnectionError,
    ServerError,
)
from .serializers import (
    KT_BINARY,
    KT_JSON,
    KT_MSGPACK,
    KT_NONE,
    KT_PICKLE,
    Serializer,
)
from .tycoon import KyotoTycoon, Record
from .tyrant import TokyoTyrant

__version__ = "1.0.0"

__all__ = [
    "KT_BINARY",
    "KT_JSON",
    "KT_MSGPACK",
    "KT_NONE",
    "KT_PICKLE",
    "Cursor",
    "EmbeddedServer",
    "EmbeddedTokyoTyrantServer",
    "ImproperlyConfigured",
    "KyotoTycoon",
    "KyotoTycoonError",
    "ProtocolError",
    "Record",
    "ScriptError",
    "Serializer",
    "ServerConnectionError",
    "ServerError",
    "TokyoTyrant",
]
