"""A local management service for tests: stateful, over HTTP, on loopback only.

It keeps what is created, moves deployments through their states at the pace a test chooses, and
lets any request fail in any way.  Nothing but the standard library is needed::

    with ManagementAPI() as api:
        manager = singlestoredb.manage_clusters(api.token, base_url=api.url)

With pytest name :mod:`singlestoredb.testing.management_api.fixtures` as a plugin and take the
fixture ``management_api``.
"""

from __future__ import annotations

from ._http import Fault, Recorded
from ._world import Behaviour, Organization
from .server import ManagementAPI

__all__ = ["Behaviour", "Fault", "ManagementAPI", "Organization", "Recorded"]
