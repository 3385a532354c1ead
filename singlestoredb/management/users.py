"""Users of the organization."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from ._collections import NamedList
from ._dates import to_datetime
from ._entity import Shown, require_manager
from ._paths import segment
from ._wire import Payload, decode, decode_array, decode_object
from .errors import InvalidResponseError, ManagementError

if TYPE_CHECKING:
    from .manager import Manager

RESOURCE_TYPES = ("Organization", "Cluster", "Team", "Secret")
"""Kinds of things that roles are for; the service says Cluster for a workspace group."""

_BY_FOLDED = {name.lower(): name for name in RESOURCE_TYPES} | {"workspacegroup": "Cluster"}


def resource_type_name(resource_type: str) -> str:
    """Return a resource type as the service spells it; unknown ones as they are."""
    return _BY_FOLDED.get(resource_type.replace("_", "").lower(), resource_type)


class User(Shown):
    """A user of the organization."""

    def __init__(
        self,
        user_id: str,
        email: str,
        first_name: str | None = None,
        last_name: str | None = None,
        created_at: str | datetime.datetime | None = None,
    ) -> None:
        self.id = user_id
        self.email = email
        self.first_name = first_name
        self.last_name = last_name
        self.created_at = to_datetime(created_at)
        self.kind: str | None = None
        """``Standard``, ``ServiceAccount`` or ``CloudPrincipal``."""
        self.description: str | None = None
        self.created_by: str | None = None
        self._manager: Manager | None = None

    @classmethod
    def from_dict(cls, obj: Any, manager: Manager | None) -> User:
        """Return the user of a JSON object."""
        p = Payload(obj, "user")
        out = cls(
            user_id=p.text("userID"),
            email=p.text("email"),
            first_name=p.opt_text("firstName"),
            last_name=p.opt_text("lastName"),
            created_at=p.opt_time("createdAt"),
        )
        out.kind = p.opt_text("userKind")
        out.description = p.opt_text("description")
        out.created_by = p.opt_text("createdBy")
        out._manager = manager
        return out

    def get_identity_roles(self, resource_type: str) -> list[dict[str, Any]]:
        """Return the roles that the user has on resources of a type.

        Each is ``{"resourceID": …, "resourceType": …, "role": …}``.
        """
        return identity_roles(
            require_manager(self._manager), f"users/{segment(self.id)}", resource_type
        )

    def remove(self) -> None:
        """Remove the user from the organization."""
        require_manager(self._manager)._delete(f"users/{segment(self.id)}")


def identity_roles(manager: Manager, route: str, resource_type: str) -> list[dict[str, Any]]:
    """Return the roles of a user or team on resources of a type, as the service sent them."""
    params = {"resourceType": resource_type_name(resource_type)}
    return decode_array(manager._get(f"{route}/identityRoles", params=params))


class UsersMixin:
    """Users, as a manager has them."""

    @property
    def users(self: Any) -> NamedList[User]:
        """Users of the organization."""
        return NamedList(User.from_dict(x, self) for x in decode_array(self._get("users")))

    @property
    def current_user(self: Any) -> User:
        """The user that the token belongs to."""
        return User.from_dict(decode_object(self._get("users/current")), self)

    def get_user(self: Any, user_id: str) -> User:
        """Return the user of that ID."""
        answer = self._get(f"users/{segment(user_id, 'user ID')}")
        return User.from_dict(decode_object(answer), self)

    def add_user(self: Any, email: str) -> User:
        """Add a user to the organization and return it."""
        res = self._post("users", json={"email": email})
        # The service documents no answer; it may be empty.
        try:
            answer = decode(res)
        except InvalidResponseError:
            answer = None
        user_id = answer.get("userID") if isinstance(answer, dict) else None
        if isinstance(user_id, str):
            found: User = self.get_user(user_id)
            return found
        import re

        listed = decode_array(self._get("users", params={"email": re.escape(email)}))
        for item in listed:
            user = User.from_dict(item, self)
            if user.email.lower() == email.lower():
                return user
        raise ManagementError(msg=f"user {email!r} was added, but is not listed")
