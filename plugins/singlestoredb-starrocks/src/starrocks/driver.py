"""Driver plugin ``starrocks``: ``singlestoredb.connect("starrocks://user@host:9030/catalog.database")``.

StarRocks speaks the MySQL protocol, so connections are those of the SDK's ``mysql`` driver, with
its decoders and formats. This module alone needs the SDK; the rest of the package does not.
"""

from __future__ import annotations

import dataclasses

from singlestoredb.kernel import get_registry
from singlestoredb_hookspecs import (
    ConnectionParams,
    DriverCapability,
    DriverConnection,
    DriverInfo,
    hookimpl,
)

NAME = "starrocks"
PROTOCOL = "mysql"
"""The driver that speaks the protocol; asked for by name, so a deployment may choose another."""

DEFAULT_PORT = 9030
"""Query port of a StarRocks front end (its manual, "FE configuration", ``query_port``)."""

_MISSING = (
    DriverCapability.LOCAL_INFILE
    | DriverCapability.RESET
    | DriverCapability.STORED_PROCEDURES
    | DriverCapability.VECTORS
)
"""What StarRocks has not, or does not document, as its own answer to COM_RESET_CONNECTION."""


@hookimpl
def s2_driver_info(name: str) -> DriverInfo | None:
    """Describe the driver."""
    return DriverInfo(NAME, default_port=DEFAULT_PORT) if name == NAME else None


@hookimpl
def s2_open_driver(name: str, params: ConnectionParams) -> DriverConnection | None:
    """Open a connection."""
    if name != NAME:
        return None
    registry = get_registry()
    connection = registry.manager.open_driver(
        registry.activate("drivers", PROTOCOL),
        PROTOCOL,
        # The extended types are switched on by settings that only SingleStore has.
        dataclasses.replace(params, driver=PROTOCOL, enable_extended_data_types=False),
    )
    connection.capabilities &= ~_MISSING
    return connection
