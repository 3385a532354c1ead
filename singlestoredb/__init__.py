"""Python SDK for SingleStore."""

from ._version import __version__ as __version__
