"""Arrow streams as files for LOAD DATA: the same bytes as ``singlestoredb.columnar.text``."""

from typing import final

class Refused(Exception):
    """A value has no text; ``args`` is ``(reason, column, row)``: a number of
    ``singlestoredb.columnar.text.Reason``, and where it is, counted from 0."""

@final
class TsvStream:
    """An Arrow stream as a file for LOAD DATA.

    Args:
        capsule: an ``arrow_array_stream`` of structs, which is used up.
        nan_as_null: write NaN as NULL rather than refuse it.
        inf_as_null: write infinities as NULL rather than refuse them.

    Raises ``TypeError`` for a schema with a type that has no text, ``OSError`` with the producer's
    words when it fails.
    """

    Refused: type[Exception]

    def __new__(
        cls, capsule: object, nan_as_null: bool = False, inf_as_null: bool = False
    ) -> TsvStream: ...
    @property
    def rows(self) -> int:
        """Rows that were given so far."""

    def read(self, size: int = 262144, /) -> bytes:
        """Return the next lines, whole ones, about ``size`` bytes; ``b""`` at the end.

        The GIL is released.  Raises :class:`Refused`; ``ValueError`` for a batch that is not of
        the schema; ``OSError`` when the producer fails.
        """

def fail_allocation(successes: int, /) -> None:
    """Make the allocation after so many successes fail, once; for tests, not thread-safe."""
