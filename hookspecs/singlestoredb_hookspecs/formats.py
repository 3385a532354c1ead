"""Hook spec of the family ``formats``: what a result looks like to the user.

Entry-point group ``singlestoredb.formats``; the entry's name is the value of ``results_type=``.
"""

from __future__ import annotations

from ._markers import hookspec
from .contracts import Format, FormatRequest


@hookspec(firstresult=True)
def s2_make_format(name: str, request: FormatRequest) -> Format | None:
    """Make the format ``name`` for results with certain columns.

    Called once per result set at most, never per row: look at ``request.columns`` here and choose
    what the calls per chunk need.

    Return ``None`` for a name that is not yours.  Let ``ImportError`` of your library pass; the
    kernel turns it into an error that names the installation command.

    Example::

        @hookimpl
        def s2_make_format(name, request):
            return AcmeFormat(request) if name == "acme" else None
    """
