"""Accelerator plugin ``literals``: writes rows of Python values as SQL literals in C.

Its sources are in ``accel/``, what it offers in ``_singlestoredb_literals.pyi``.  Where it could
not be built the import fails, and ``executemany`` writes them in pure Python.
"""

from __future__ import annotations

from types import ModuleType

from singlestoredb_hookspecs import hookimpl

try:
    from . import _singlestoredb_literals
except ImportError as exc:
    raise ImportError(
        "the C extension was not built when singlestoredb was installed: a C compiler was missing"
    ) from exc

NAME = "literals"


@hookimpl
def s2_make_accelerator(name: str) -> ModuleType | None:
    """Return the compiled module."""
    return _singlestoredb_literals if name == NAME else None
