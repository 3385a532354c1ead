"""Printing what is sent, for debugging."""

from __future__ import annotations

import sys
from typing import Any

from singlestoredb.config import get_option

__all__ = ["log_connection", "log_query"]


def log_connection(text: str) -> None:
    """Print what a connection does to stderr when the option ``debug.connection`` is on."""
    if get_option("debug.connection"):
        print(f"[CONNECTION] {text}", file=sys.stderr)  # noqa: T201 - it is what the option says


def log_query(query: str | bytes, args: Any = None) -> None:
    """Print the statement and its arguments to stderr when the option ``debug.queries`` is on.

    Statements and arguments may hold secrets; the option is off unless it is switched on.
    """
    if get_option("debug.queries"):
        text = query if isinstance(query, str) else str(query, "utf-8", "backslashreplace")
        shown = "" if args is None else f" {args}"
        print(f"[QUERY] {text}{shown}", file=sys.stderr)  # noqa: T201 - it is what the option says
