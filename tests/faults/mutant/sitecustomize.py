"""Puts a changed source in the place of one module.

Python imports this file at its start when its folder is on ``PYTHONPATH``, so that a test's
subprocess gets the change as well.  ``SINGLESTOREDB_TEST_MUTANT`` holds the module's name, ``=``
and the file with its source.  No file of the module's own is read or written, nor any that was
compiled before.
"""

import os
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import spec_from_file_location
from types import ModuleType
from typing import Any

_NAME, _, _SOURCE = os.environ.get("SINGLESTOREDB_TEST_MUTANT", "").partition("=")
_find_spec = PathFinder.find_spec


class _Loader:
    """Not a ``SourceFileLoader``: pytest rewrites and keeps what those load."""

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to Python."""

    def exec_module(self, module: ModuleType) -> None:
        with open(_SOURCE, encoding="utf-8") as file:
            source = file.read()
        with open(_SOURCE + ".loaded", "w"):
            pass  # for whoever wants to know that the tests do import it
        exec(compile(source, str(module.__file__), "exec", dont_inherit=True), module.__dict__)


def _found(_: type, name: str, *args: Any) -> ModuleSpec | None:
    spec = _find_spec(name, *args)
    if name == _NAME and spec is not None and spec.origin is not None:
        return spec_from_file_location(name, spec.origin, loader=_Loader())  # type: ignore[arg-type]  # it has all that is called
    return spec


if _NAME:
    # Here rather than in sys.meta_path, where pytest puts itself before everybody else.
    PathFinder.find_spec = classmethod(_found)  # type: ignore[assignment, method-assign]
