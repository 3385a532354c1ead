"""Regions: where deployments can be made."""

from __future__ import annotations

from typing import Any

from singlestoredb import config

from ._collections import NamedList
from ._entity import Shown
from ._wire import Payload, decode_array
from .manager import Manager, TokenSource


class Region(Shown):
    """A region of a cloud provider."""

    def __init__(
        self, name: str, provider: str, id: str | None = None, region_name: str | None = None
    ) -> None:
        self.name = name
        """Name to show, such as ``US East 1 (N. Virginia)``."""
        self.provider = provider
        """``AWS``, ``GCP`` or ``Azure``."""
        self.id = id
        """ID; the API's version 2 and shared-tier regions have none."""
        self.region_name = region_name
        """The provider's own name, such as ``us-east-1``."""
        self._manager: Manager | None = None

    @classmethod
    def from_dict(cls, obj: Any, manager: Manager | None) -> Region:
        """Return the region of a JSON object."""
        p = Payload(obj, "region")
        out = cls(
            name=p.text("region"),
            provider=p.text("provider"),
            id=p.opt_text("regionID"),
            region_name=p.opt_text("regionName"),
        )
        out._manager = manager
        return out


class RegionManager(Manager):
    """Lists regions without need of anything else."""

    obj_type = "region"

    def list_regions(self) -> NamedList[Region]:
        """Return the regions for deployments."""
        return fetch_regions(self, "regions")

    def list_shared_tier_regions(self) -> NamedList[Region]:
        """Return the regions for starter deployments."""
        return fetch_regions(self, "regions/sharedtier")


def fetch_regions(manager: Manager, path: str) -> NamedList[Region]:
    """Return the regions that a route lists."""
    return NamedList(Region.from_dict(x, manager) for x in decode_array(manager._get(path)))


def manage_regions(
    access_token: str | TokenSource | None = None,
    version: str | None = None,
    base_url: str | None = None,
) -> RegionManager:
    """Return a manager of regions.

    ``version`` is the API's version; the option ``management.version`` is the default.
    """
    version = version or config.get_option("management.version")
    return RegionManager(access_token, version, base_url)
