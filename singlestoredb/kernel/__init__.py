"""How plugins are found, chosen, called and refused.

The kernel knows nothing of MySQL, HTTP, pandas or lark, and imports no plugin.

* :mod:`catalog` - what is installed
* :mod:`policy` - what the deployment allows
* :mod:`registry` - select and activate
* :mod:`manager` - call hooks
* :mod:`errors` - what can go wrong
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .registry import Registry

_registry: Registry | None = None
_lock = threading.Lock()


def get_registry() -> Registry:
    """Return the process's registry, made at the first call."""
    global _registry
    if _registry is None:
        from .registry import Registry

        with _lock:
            if _registry is None:
                _registry = Registry()
    return _registry
