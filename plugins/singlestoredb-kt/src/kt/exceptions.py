"""Errors of the clients and of the embedded servers.

::

    KyotoTycoonError
     ├─ ImproperlyConfigured     a serializer, an option or an optional package is missing or wrong
     ├─ ProtocolError            the server refused the request
     │   └─ ScriptError            ... because the Lua function failed or does not exist
     ├─ ServerConnectionError    cannot connect, connection lost, or no answer in time
     └─ ServerError              the reply breaks the protocol; the connection was dropped
"""

from __future__ import annotations


class KyotoTycoonError(Exception):
    """Base of every error this package raises on purpose."""


class ImproperlyConfigured(KyotoTycoonError):
    """A serializer, a server option or an optional package is missing or wrong."""


class ProtocolError(KyotoTycoonError):
    """The server understood the request and refused it."""


class ScriptError(ProtocolError):
    """A Lua function is unknown, or reported failure, or scripts are disabled on the server."""


class ServerConnectionError(KyotoTycoonError, ConnectionError):
    """The server cannot be reached, hung up, or did not answer within the client's timeout.

    Also a `ConnectionError` (hence an `OSError`).  Whether a write that fails so has been
    executed is not known.
    """


class ServerError(KyotoTycoonError):
    """The server's reply breaks the protocol.  The connection was dropped."""
