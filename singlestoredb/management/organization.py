"""The organization, and its secrets."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from singlestoredb import config

from ._access import AccessControlled
from ._collections import NamedList
from ._collections import listify as _strict_listify
from ._dates import to_datetime
from ._entity import Shown, require_manager, set_fields
from ._paths import segment
from ._wire import Payload, decode_array, decode_object, unwrap
from .errors import InvalidResponseError, ManagementError

if TYPE_CHECKING:
    from .inference_api import InferenceAPIManager
    from .job import JobsManager
    from .manager import Manager


def listify(s: str | list[str]) -> list[str]:
    """Return a text as a list of one, a list as it is."""
    return _strict_listify(s)


def stringify(s: str | list[str]) -> str:
    """Return a text as it is, of a list the first element."""
    if isinstance(s, (list, tuple)):
        return str(s[0])
    return s


class Secret(AccessControlled, Shown):
    """A secret of the organization.  Its value is never shown."""

    _hidden = frozenset({"value"})

    def __init__(
        self,
        id: str,
        name: str,
        created_by: str,
        created_at: str | datetime.datetime | None = None,
        last_updated_by: str | None = None,
        last_updated_at: str | datetime.datetime | None = None,
        value: str | None = None,
        deleted_by: str | None = None,
        deleted_at: str | datetime.datetime | None = None,
    ) -> None:
        self.id = id
        self.name = name
        self.value = value
        """The secret itself; ``None`` when the service did not say it."""
        self.created_by = created_by
        self.created_at = to_datetime(created_at)
        self.last_updated_by = last_updated_by
        self.last_updated_at = to_datetime(last_updated_at)
        self.deleted_by = deleted_by
        self.deleted_at = to_datetime(deleted_at)
        self._manager: Manager | None = None

    @classmethod
    def from_dict(cls, obj: Any, manager: Manager | None = None) -> Secret:
        """Return the secret of a JSON object."""
        p = Payload(obj, "secret")
        out = cls(
            id=p.text("secretID"),
            name=p.text("name"),
            created_by=p.opt_text("createdBy") or "",
            created_at=p.opt_time("createdAt"),
            last_updated_by=p.opt_text("lastUpdatedBy"),
            last_updated_at=p.opt_time("lastUpdatedAt"),
            value=p.opt_text("value"),
            deleted_by=p.opt_text("deletedBy"),
            deleted_at=p.opt_time("deletedAt"),
        )
        out._manager = manager
        return out

    def _route(self) -> str:
        return f"secrets/{segment(self.id)}"

    def update(self, name: str | None = None, value: str | None = None) -> None:
        """Change the value, and the name where the service allows it.

        Without arguments nothing is sent.
        """
        body = set_fields({"name": name, "value": value})
        if not body:
            return
        require_manager(self._manager)._patch(self._route(), json=body)
        self.name = self.name if name is None else name
        self.value = self.value if value is None else value

    def delete(self) -> None:
        """Delete the secret."""
        require_manager(self._manager)._delete(self._route())


def secret_by_name(manager: Manager, name: str) -> Secret:
    """Return the one secret of a name; raise :class:`ManagementError` for none or several."""
    found = decode_array(manager._get("secrets", params={"name": name}), "secrets")
    if not found:
        raise ManagementError(msg=f"Secret {name!r} not found")
    if len(found) > 1:
        raise ManagementError(msg=f"Multiple secrets are named {name!r}")
    return Secret.from_dict(found[0], manager)


class SecretsMixin:
    """Secrets, as a manager has them."""

    @property
    def secrets(self: Any) -> NamedList[Secret]:
        """Secrets of the organization; most without their values."""
        found = decode_array(self._get("secrets"), "secrets")
        return NamedList(Secret.from_dict(x, self) for x in found)

    def get_secret_by_id(self: Any, secret_id: str) -> Secret:
        """Return a secret with its value."""
        answer = decode_object(self._get(f"secrets/{segment(secret_id, 'secret ID')}"))
        return Secret.from_dict(unwrap(answer, "secret"), self)

    def create_secret(self: Any, name: str, value: str) -> Secret:
        """Create a secret; its name may hold letters, digits and underscores."""
        res = self._post("secrets", json={"name": name, "value": value})
        made = Payload(unwrap(decode_object(res), "secret"), "created secret")
        out: Secret = self.get_secret_by_id(made.text("secretID"))
        return out


class Organization(AccessControlled, Shown):
    """An organization of the service."""

    def __init__(self, id: str, name: str, firewall_ranges: list[str]) -> None:
        self.id = id
        self.name = name
        self.firewall_ranges = firewall_ranges
        self._manager: Manager | None = None

    @classmethod
    def from_dict(cls, obj: Any, manager: Manager | None) -> Organization:
        """Return the organization of a JSON object."""
        p = Payload(obj, "organization")
        ids, names = p.texts("orgID"), p.texts("name")
        if not ids:
            raise InvalidResponseError(msg="organization: 'orgID' is missing")
        out = cls(
            id=stringify(ids),
            name=stringify(names) if names else "<unknown>",
            firewall_ranges=p.texts("firewallRanges"),
        )
        out._manager = manager
        return out

    def _client(self) -> Manager:
        if self._manager is None:
            raise ManagementError(msg="Organization not initialized: it has no manager")
        return self._manager

    def _route(self) -> str:
        return f"organizations/{segment(self.id)}"

    def get_secret(self, name: str) -> Secret:
        """Return the secret of that name, with its value."""
        return secret_by_name(self._client(), name)

    @property
    def jobs(self) -> JobsManager:
        """Scheduled notebooks."""
        from .job import JobsManager

        return JobsManager(self._client())

    @property
    def inference_apis(self) -> InferenceAPIManager:
        """Models that answer; only the API's version 1 has them."""
        from .inference_api import InferenceAPIManager

        manager = self._client()
        if manager.version != "v1":
            raise ManagementError(
                msg=f"API version {manager.version} has no inference APIs",
                hint="use the organization of manage_workspaces()",
            )
        return InferenceAPIManager(manager)


class Organizations(Shown):
    """The organizations that a manager can see: the current one."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager

    @property
    def current(self) -> Organization:
        """The organization that the token belongs to, or that was selected."""
        answer = decode_object(self._manager._get("organizations/current"))
        return Organization.from_dict(answer, self._manager)


def _manager_for(version: str | None) -> Manager:
    version = version or config.get_option("management.version")
    if version == "v1":
        from .workspace import WorkspaceManager

        return WorkspaceManager()
    from .cluster import ClusterManager

    return ClusterManager(version=version)


def get_organization(version: str | None = None) -> Organization:
    """Return the current organization.

    ``version`` is the API's version; the option ``management.version`` is the default.
    """
    return Organizations(_manager_for(version)).current


def get_secret(name: str, version: str | None = None) -> str | None:
    """Return the value of a secret of the current organization."""
    return get_organization(version).get_secret(name).value
