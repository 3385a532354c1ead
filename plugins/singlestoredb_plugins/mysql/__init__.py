"""Driver plugin ``mysql``: the MySQL wire protocol.

PyMySQL negotiates TLS and authenticates, but for the commonest login, which is ours; from then on
so is the socket.

* :mod:`handshake` - parameters to an authenticated socket
* :mod:`login` - the commonest login
* :mod:`authentication` - all others
* :mod:`wire` - packets on the socket
* :mod:`columns` - column definitions, and how a value of each is decoded
* :mod:`results` - result sets as streams
* :mod:`infile` - what LOAD DATA LOCAL sends
* :mod:`errors` - error packets to exceptions
* :mod:`connection` - the driver's connection
* :mod:`accelerator` - what the accelerator offers
* :mod:`plans` - what the accelerator is told of a result's columns
* :mod:`accelerated` - the same connection with packets read and decoded in C
* :mod:`aio` - the connection on an event loop, with :mod:`flow` for its socket and :mod:`fed` for
  packets in pure Python
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from singlestoredb_hookspecs import ConnectionParams, DriverInfo, hookimpl

if TYPE_CHECKING:
    from .aio import AsyncMySQLConnection
    from .connection import MySQLConnection

NAME = "mysql"


@hookimpl
def s2_driver_info(name: str) -> DriverInfo | None:
    """Describe the driver."""
    return DriverInfo(NAME, default_port=3306) if name == NAME else None


@hookimpl
def s2_open_driver(name: str, params: ConnectionParams) -> MySQLConnection | None:
    """Open a connection."""
    if name != NAME:
        return None
    from . import accelerated
    from .connection import MySQLConnection

    accelerator = accelerated.find(params.pure_python)
    if accelerator is None:
        return MySQLConnection(params)
    return accelerated.AcceleratedConnection(params, accelerator)


@hookimpl
def s2_open_async_driver(
    name: str, params: ConnectionParams
) -> Awaitable[AsyncMySQLConnection] | None:
    """Open a connection on the running event loop."""
    if name != NAME:
        return None
    import asyncio

    proactor: type | None = getattr(asyncio, "ProactorEventLoop", None)
    if proactor is not None and isinstance(asyncio.get_running_loop(), proactor):
        return None  # Windows: that loop does not watch sockets for readiness
    from .aio import open_connection

    return open_connection(params)
