"""Hook spec of the family ``fusion``: words added to SQL on the client's side.

Entry-point group ``singlestoredb.fusion``; one entry may bring many commands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._markers import hookspec


@hookspec
def s2_fusion_handlers() -> Sequence[type[Any]]:
    """Return the command classes, subclasses of :class:`singlestoredb.fusion.SQLHandler`.

    Called once, at the first statement after Fusion SQL is enabled.  Every plugin's answer is
    used; two plugins with the same command are an error that names both.

    Example::

        @hookimpl
        def s2_fusion_handlers():
            return [ShowThings]
    """
