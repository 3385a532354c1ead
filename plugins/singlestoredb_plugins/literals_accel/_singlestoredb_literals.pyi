"""Rows of Python values as rows of SQL literals: the same text as ``singlestoredb.escaping``."""

from collections.abc import Callable, Iterator
from typing import Any, final

@final
class RowWriter:
    """Writes rows of values as rows of literals.

    Args:
        pieces: UTF-8 of what stands before, between and behind the values of a row: one more than
            a row has values.
        escape: makes the literal of a value that is not of a common type.
        row: makes the text of a row that is no tuple or list of the right length, or raises.
        no_backslash: the server's sql_mode has NO_BACKSLASH_ESCAPES.
        plain_bytes: bytes are ``X'…'``; otherwise ``escape`` writes them.
    """

    def __new__(
        cls,
        pieces: tuple[bytes, ...],
        escape: Callable[[Any], str],
        row: Callable[[Any], str],
        no_backslash: bool,
        plain_bytes: bool,
    ) -> RowWriter: ...
    def fill(self, rows: Iterator[Any], limit: int, /) -> str | None:
        """Return rows with commas between them: at least one, then as many as fit into ``limit``
        bytes of UTF-8, each with a comma; ``None`` when there are no more.

        A row that does not fit is kept for the next call.  What the iterator and the callables
        raise passes through.
        """
