"""Hook specs of the family ``drivers``: who can talk to a server.

Entry-point group ``singlestoredb.drivers``; the entry's name is the URL scheme and the value of
``connect(driver=...)``.
"""

from __future__ import annotations

from collections.abc import Awaitable

from ._markers import hookspec
from .contracts import AsyncDriverConnection, ConnectionParams, DriverConnection, DriverInfo


@hookspec(firstresult=True)
def s2_driver_info(name: str) -> DriverInfo | None:
    """Describe the driver ``name``: default port, what its URL's path means, own parameters.

    Called before the connection's parameters are resolved.  Optional: without it the driver gets
    ``DriverInfo(name)``.

    Return ``None`` for a name that is not yours.

    Example::

        @hookimpl
        def s2_driver_info(name):
            return DriverInfo("acme", default_port=4444) if name == "acme" else None
    """


@hookspec(firstresult=True)
def s2_open_driver(name: str, params: ConnectionParams) -> DriverConnection | None:
    """Open a connection with the driver ``name``.

    Called once per ``connect()`` or reconnect.  The caller owns what is returned and closes it.

    Return ``None`` for a name that is not yours.  Raise the SDK's ``OperationalError`` when the
    server cannot be reached, ``NotSupportedError`` for parameters that this driver cannot honour.

    Example::

        @hookimpl
        def s2_open_driver(name, params):
            return AcmeConnection(params) if name == "acme" else None
    """


@hookspec(firstresult=True)
def s2_open_async_driver(
    name: str, params: ConnectionParams
) -> Awaitable[AsyncDriverConnection] | None:
    """Open a connection of the driver ``name`` on the running event loop.

    Called once per ``aconnect()`` or reconnect, on the loop that will use the connection; what it
    returns is awaited, so an ``async def`` cannot decline but a function that returns a coroutine
    can.  The caller owns the connection and closes it.  Optional: without this hook, or when it
    answers ``None``, the connection of ``s2_open_driver`` is run on a worker thread of its own.

    Return ``None`` for a name that is not yours, and on an event loop that you cannot use.  Raise,
    or let the awaitable raise, what ``s2_open_driver`` raises.

    Example::

        @hookimpl
        def s2_open_async_driver(name, params):
            return open_acme(params) if name == "acme" else None
    """
