"""Driver plugins ``http`` and ``https``: SingleStore's HTTP Data API.

The API keeps no session: every statement is a request of its own, so there are no transactions,
no session variables and no temporary tables.

* :mod:`transport` - requests over pooled connections, TLS, credentials
* :mod:`statements` - where a statement goes, and its parameters as a list of ``args``
* :mod:`columns` - what a column is, and how a JSON value of it is decoded
* :mod:`results` - answers as result streams
* :mod:`errors` - statuses and error bodies to exceptions
* :mod:`connection` - the driver's connection
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from singlestoredb_hookspecs import ConnectionParams, DriverInfo, hookimpl

if TYPE_CHECKING:
    from .connection import HTTPConnection

SINGLESTOREDB_REQUIRES = {"requests": "singlestoredb[http]"}

_PORTS = {"http": 80, "https": 443}
"""Driver → the port of its scheme."""


@hookimpl
def s2_driver_info(name: str) -> DriverInfo | None:
    """Describe the driver."""
    if name not in _PORTS:
        return None
    return DriverInfo(name, default_port=_PORTS[name], port_option="http_port")


@hookimpl
def s2_open_driver(name: str, params: ConnectionParams) -> HTTPConnection | None:
    """Open a connection."""
    if name not in _PORTS:
        return None
    from .connection import HTTPConnection

    return HTTPConnection(params)
