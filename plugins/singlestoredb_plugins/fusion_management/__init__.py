"""The commands of the management service: deployments, Stage, files and jobs.

They need the extra ``management``; the token and the address are those of
:mod:`singlestoredb.management`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from singlestoredb.fusion import hookimpl

from . import clusters, exports, files, jobs, models, stage, workspaces


@hookimpl
def s2_fusion_handlers() -> Sequence[type[Any]]:
    """Return the commands."""
    return [
        *workspaces.COMMANDS,
        *clusters.COMMANDS,
        *stage.COMMANDS,
        *files.COMMANDS,
        *jobs.COMMANDS,
        *models.COMMANDS,
        *exports.COMMANDS,
    ]
