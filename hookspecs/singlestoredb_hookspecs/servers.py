"""Hook spec of the family ``servers``: local servers for development and tests.

Entry-point group ``singlestoredb.servers``; the entry's name is the argument of ``s2 serve``.
"""

from __future__ import annotations

from ._markers import hookspec
from .contracts import LocalServer, ServerRequest


@hookspec(firstresult=True)
def s2_start_server(name: str, request: ServerRequest) -> LocalServer | None:
    """Start the server ``name`` and return when it accepts connections.

    The caller owns the handle and stops it.  Return ``None`` for a name that is not yours; raise
    ``OperationalError`` when the server cannot start.

    Example::

        @hookimpl
        def s2_start_server(name, request):
            return AcmeServer(request).start() if name == "acme" else None
    """
