"""Hook specs and contracts of the singlestoredb SDK.

This is all that a plugin needs to import; it depends on pluggy and the standard library only.
A plugin is a module (or any object) with functions marked ``@hookimpl``, declared as an entry
point in the group of its family (:data:`FAMILIES`).
"""

from __future__ import annotations

from ._markers import PROJECT, hookimpl, hookspec
from .contracts import (
    SPEC_VERSION,
    AcceleratorRequest,
    ActivationEvent,
    ArrowBatches,
    CodecRequest,
    Column,
    ConnectionEvent,
    ConnectionParams,
    DriverCapability,
    DriverConnection,
    DriverInfo,
    DriverParameter,
    Format,
    FormatRequest,
    KnowsTransactions,
    LocalServer,
    ReadsArrow,
    ReadsDicts,
    ReadsRows,
    ResultStream,
    Seekable,
    ServerInfo,
    ServerRequest,
    Shape,
    StatementCall,
    StatementEvent,
    StatementRequest,
    TransportRequest,
    UdfCodec,
    UdfTransport,
)
from .families import FAMILIES, Family

__all__ = [
    "FAMILIES",
    "PROJECT",
    "SPEC_VERSION",
    "AcceleratorRequest",
    "ActivationEvent",
    "ArrowBatches",
    "CodecRequest",
    "Column",
    "ConnectionEvent",
    "ConnectionParams",
    "DriverCapability",
    "DriverConnection",
    "DriverInfo",
    "DriverParameter",
    "Family",
    "Format",
    "FormatRequest",
    "KnowsTransactions",
    "LocalServer",
    "ReadsArrow",
    "ReadsDicts",
    "ReadsRows",
    "ResultStream",
    "Seekable",
    "ServerInfo",
    "ServerRequest",
    "Shape",
    "StatementCall",
    "StatementEvent",
    "StatementRequest",
    "TransportRequest",
    "UdfCodec",
    "UdfTransport",
    "hookimpl",
    "hookspec",
]
