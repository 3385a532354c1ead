"""Hook spec of the family ``accelerators``: compiled code behind a pure-Python path.

Entry-point group ``singlestoredb.accelerators``.  Whoever can use an accelerator asks for it by
name; none installed means pure Python.  What an accelerator offers is agreed between it and its
user under its name: ``mysql-rows`` decodes MySQL results, ``tsv`` writes LOAD DATA streams,
``literals`` writes rows of values into statements, ``rowdat-1`` reads and writes UDF bodies.
"""

from __future__ import annotations

from typing import Any

from ._markers import hookspec
from .contracts import AcceleratorRequest


@hookspec(firstresult=True)
def s2_make_accelerator(name: str, request: AcceleratorRequest) -> Any | None:
    """Return the accelerator ``name``, usually a compiled module.

    Called once per process and user.  Return ``None`` for a name that is not yours; let
    ``ImportError`` pass when the compiled module is missing.

    Example::

        @hookimpl
        def s2_make_accelerator(name, request):
            if name != "acme-rows":
                return None
            import _acme_rows

            return _acme_rows
    """
