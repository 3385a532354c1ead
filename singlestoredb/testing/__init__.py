"""What plugins and applications are tested with: conformance kits, private servers, fixtures.

Nothing here is imported before it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .aio import AsyncDriverConformance as AsyncDriverConformance
    from .drivers import DriverConformance as DriverConformance
    from .faults import Fault as Fault
    from .faults import FaultProxy as FaultProxy
    from .formats import FormatConformance as FormatConformance
    from .management_api import ManagementAPI as ManagementAPI
    from .pep249 import PEP249Conformance as PEP249Conformance
    from .scripted import ScriptedDriver as ScriptedDriver
    from .servers import MariaDB as MariaDB

_WHERE = {
    "AsyncDriverConformance": ".aio",
    "DriverConformance": ".drivers",
    "Fault": ".faults",
    "FaultProxy": ".faults",
    "FormatConformance": ".formats",
    "ManagementAPI": ".management_api",
    "MariaDB": ".servers",
    "PEP249Conformance": ".pep249",
    "ScriptedDriver": ".scripted",
}
"""Public name → module that has it."""

__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_WHERE[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
