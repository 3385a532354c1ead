"""Hook specs of the family ``drivers``: who can talk to a server.

Entry-point group ``singlestoredb.drivers``; the entry's name is the URL scheme and the value of
``connect(driver=...)``.
"""

from __future__ import annotations

from ._markers import hookspec
from .contracts import ConnectionParams, DriverConnection, DriverInfo


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
