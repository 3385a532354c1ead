"""What can go wrong between the kernel and its plugins.

::

    InterfaceError
     └─ PluginError
         ├─ PluginNotFoundError   nothing of that name is installed
         ├─ PluginDisabledError   it is installed, but the deployment switched it off
         ├─ PluginConflictError   several distributions offer the name
         ├─ PluginLoadError       it was chosen and could not be imported
         └─ PluginContractError   it was imported and is not what it says
"""

from __future__ import annotations

from singlestoredb.exceptions import InterfaceError


class PluginError(InterfaceError):
    """A plugin, or a setting about plugins, is the cause."""

    def __init__(self, msg: str) -> None:
        super().__init__(None, msg)


class PluginNotFoundError(PluginError):
    """No installed plugin has that name; the message lists what exists and the nearest name."""


class PluginDisabledError(PluginError):
    """The plugin is installed and switched off; the message names the setting."""


class PluginConflictError(PluginError):
    """Several distributions offer one name; the message names all of them and the setting that
    settles it."""


class PluginLoadError(PluginError):
    """The plugin could not be imported; the cause is chained and keeps its traceback."""


class PluginContractError(PluginError):
    """The plugin does not have the shape that its family demands."""
