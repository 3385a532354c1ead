"""Accelerator plugin ``rowdat-1``: reads and writes bodies of external functions in C.

Its sources are in ``accel/``, what it offers in ``_singlestoredb_rowdat_1.pyi``.  Where it
could not be built the import fails, and bodies are read and written in pure Python.
"""

from __future__ import annotations

from types import ModuleType

from singlestoredb_hookspecs import hookimpl

try:
    from . import _singlestoredb_rowdat_1
except ImportError as exc:
    raise ImportError(
        "the C extension was not built when singlestoredb was installed: a C compiler was missing"
    ) from exc

NAME = "rowdat-1"


@hookimpl
def s2_make_accelerator(name: str) -> ModuleType | None:
    """Return the compiled module."""
    return _singlestoredb_rowdat_1 if name == NAME else None
