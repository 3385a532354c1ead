"""The warnings of the SDK."""

from __future__ import annotations

import sys
from types import FrameType

_OWN = ("singlestoredb", "singlestoredb_plugins")


def callers_level() -> int:
    """Return the ``stacklevel`` of the line of the user's program that called the SDK.

    To be passed to ``warnings.warn`` by who calls this.  Python shows deprecations only to the
    program that is told, and each warning once for a line.
    """
    level = 1
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _OWN:
        frame, level = frame.f_back, level + 1
    return level


class PreviewFeatureWarning(UserWarning):
    """A feature was used that may still change."""


class DeprecatedFeatureWarning(UserWarning):
    """A feature was used that has a successor; the message names it."""
