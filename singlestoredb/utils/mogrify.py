"""Statements with their arguments written into them, under the reference's names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from singlestoredb.escaping import Encoder, interpolate

__all__ = ["mogrify", "should_interpolate_query"]

_NO_BACKSLASH_ESCAPES = 512
"""SERVER_STATUS_NO_BACKSLASH_ESCAPES of the MySQL protocol."""


def should_interpolate_query(interpolate_query_with_empty_args: bool, args: Any) -> bool:
    """Return whether a statement with these arguments is looked through for placeholders."""
    if args is None:
        return False
    empty = isinstance(args, (tuple, list, Mapping)) and not args
    return interpolate_query_with_empty_args or not empty


def mogrify(
    query: str | bytes,
    args: Any = None,
    charset: str = "utf8",
    encoders: Mapping[Any, Encoder] | None = None,
    server_status: int = 0,
    binary_prefix: bool = False,
    interpolate_query_with_empty_args: bool = False,
) -> str:
    """Return the statement as it would be sent.

    Args:
        query: the statement; bytes are decoded.
        args: see :meth:`singlestoredb.escaping.Escaper.interpolate`.
        charset: a codec of Python's, for a statement of bytes.
        encoders: type → ``encoder(value, encoders)``, laid over the defaults.
        server_status: status flags of the server; NO_BACKSLASH_ESCAPES (512) matters.
        binary_prefix: write ``_binary X'…'`` for bytes, where backslashes do not escape.
        interpolate_query_with_empty_args: treat empty arguments like any other.

    Raises:
        ProgrammingError: statement and arguments do not fit, or an argument has no literal.
    """
    return interpolate(
        query if isinstance(query, str) else str(query, charset),
        args,
        encoders=encoders,
        no_backslash_escapes=bool(server_status & _NO_BACKSLASH_ESCAPES),
        binary_prefix=binary_prefix,
        empty_args=interpolate_query_with_empty_args,
    )
