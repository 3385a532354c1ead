"""The warnings of the SDK."""

from __future__ import annotations


class PreviewFeatureWarning(UserWarning):
    """A feature was used that may still change."""


class DeprecatedFeatureWarning(UserWarning):
    """A feature was used that has a successor; the message names it."""
