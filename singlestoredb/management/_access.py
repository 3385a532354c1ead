"""Access controls, the same for every resource that has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ._entity import require_manager
from ._wire import decode_array

if TYPE_CHECKING:
    from .manager import Manager

Grant = Mapping[str, Any]
"""``{"role": "Owner", "users": [user ID, …], "teams": [team ID, …]}``"""


class AccessControlled:
    """Base of what roles can be granted on."""

    _manager: Manager | None

    def _route(self) -> str:
        """Return the route of the resource."""
        raise NotImplementedError

    def get_access_controls(self) -> list[dict[str, Any]]:
        """Return who holds which role on this: one entry for each role, as the service sent it."""
        manager = require_manager(self._manager)
        return decode_array(manager._get(f"{self._route()}/accessControls"))

    def update_access_controls(
        self, grants: Sequence[Grant] | None = None, revokes: Sequence[Grant] | None = None
    ) -> None:
        """Grant and revoke roles; without arguments nothing is sent.

        Each entry is ``{"role": name, "users": [user IDs], "teams": [team IDs]}``.
        """
        if grants is None and revokes is None:
            return
        manager = require_manager(self._manager)
        # The service requires both lists.
        body = {"grants": list(grants or ()), "revokes": list(revokes or ())}
        manager._patch(f"{self._route()}/accessControls", json=body)
