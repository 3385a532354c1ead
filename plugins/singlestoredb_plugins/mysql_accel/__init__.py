"""Accelerator plugin ``mysql-rows``: decodes results of the MySQL protocol in C.

Its sources are in ``accel/``, what it offers in ``_singlestoredb_accel.pyi``.  Where it could not
be built the import fails, and the ``mysql`` driver reads rows in pure Python.
"""

from __future__ import annotations

from types import ModuleType

from singlestoredb_hookspecs import hookimpl

try:
    from . import _singlestoredb_accel
except ImportError as exc:
    raise ImportError(
        "the C extension was not built when singlestoredb was installed: a C compiler was missing"
    ) from exc

NAME = "mysql-rows"


@hookimpl
def s2_make_accelerator(name: str) -> ModuleType | None:
    """Return the compiled module."""
    return _singlestoredb_accel if name == NAME else None
