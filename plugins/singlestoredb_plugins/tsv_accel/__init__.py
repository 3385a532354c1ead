"""Accelerator plugin ``tsv``: writes Arrow data as files for LOAD DATA in C.

Its sources are in ``accel/``, what it offers in ``_singlestoredb_tsv.pyi``.  Where it could not be
built the import fails, and loads are written in pure Python.
"""

from __future__ import annotations

from types import ModuleType

from singlestoredb_hookspecs import hookimpl

try:
    from . import _singlestoredb_tsv
except ImportError as exc:
    raise ImportError(
        "the C extension was not built when singlestoredb was installed: a C compiler was missing"
    ) from exc

NAME = "tsv"


@hookimpl
def s2_make_accelerator(name: str) -> ModuleType | None:
    """Return the compiled module."""
    return _singlestoredb_tsv if name == NAME else None
