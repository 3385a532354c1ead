"""Roles: named sets of permissions on one type of resource."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ._entity import Shown, require_manager
from ._paths import segment
from ._wire import Payload, decode_array, decode_object
from .errors import ManagementError
from .users import resource_type_name

if TYPE_CHECKING:
    from .manager import Manager

Inherited = str | Mapping[str, str]
"""A role's name, or ``{"resourceType": …, "role": …}``."""


def _inherits(inherits: Iterable[Inherited], resource_type: str) -> list[dict[str, str]]:
    return [
        {"resourceType": resource_type, "role": x} if isinstance(x, str) else dict(x)
        for x in inherits
    ]


class Role(Shown):
    """A role; only custom ones can be changed."""

    def __init__(
        self,
        name: str,
        resource_type: str,
        permissions: list[str] | None = None,
        inherits: list[Any] | None = None,
        is_custom: bool = False,
    ) -> None:
        self.name = name
        self.resource_type = resource_type
        """``Organization``, ``Cluster`` (a workspace group), ``Team`` or ``Secret``."""
        self.permissions = list(permissions or ())
        self.inherits = list(inherits or ())
        """Roles whose permissions this one has too: ``{"resourceType": …, "role": …}``."""
        self.is_custom = is_custom
        self.description: str | None = None
        self.created_at: datetime.datetime | None = None
        self.created_by: str | None = None
        self.updated_at: datetime.datetime | None = None
        self.updated_by: str | None = None
        self._manager: Manager | None = None

    @classmethod
    def from_dict(cls, obj: Any, resource_type: str, manager: Manager | None) -> Role:
        """Return the role of a JSON object."""
        p = Payload(obj, "role")
        out = cls(
            name=p.text("role", "name"),
            resource_type=p.opt_text("resourceType") or resource_type_name(resource_type),
            permissions=p.texts("permissions"),
            inherits=p.items("inherits"),
            is_custom=bool(p.opt_bool("isCustom")),
        )
        out.description = p.opt_text("description")
        out.created_at, out.created_by = p.opt_time("createdAt"), p.opt_text("createdBy")
        out.updated_at, out.updated_by = p.opt_time("updatedAt"), p.opt_text("updatedBy")
        out._manager = manager
        return out

    def _route(self) -> str:
        return f"roles/{segment(self.resource_type, 'resource type')}/{segment(self.name, 'role')}"

    def _changeable(self) -> Manager:
        if not self.is_custom:
            raise ManagementError(msg=f"role {self.name!r} is built in and cannot be changed")
        return require_manager(self._manager)

    def update(
        self,
        name: str | None = None,
        permissions: Iterable[str] | None = None,
        inherits: Iterable[Inherited] | None = None,
    ) -> None:
        """Replace the permissions, the inherited roles, or both.

        What is not given stays.  The service cannot rename a role: another ``name`` raises
        :class:`ManagementError`, as does any change of a role that is built in.
        """
        manager = self._changeable()
        if name is not None and name != self.name:
            raise ManagementError(
                msg=f"role {self.name!r} cannot be renamed", hint="create another role"
            )
        if permissions is None and inherits is None:
            return
        body: dict[str, Any] = {
            "permissions": self.permissions if permissions is None else list(permissions),
            "inherits": _inherits(
                self.inherits if inherits is None else inherits, self.resource_type
            ),
        }
        if self.description is not None:
            body["description"] = self.description
        manager._put(self._route(), json=body)
        self.permissions, self.inherits = body["permissions"], body["inherits"]

    def delete(self) -> None:
        """Delete the role; raise :class:`ManagementError` if it is built in."""
        self._changeable()._delete(self._route())


class RolesMixin:
    """Roles, as a manager has them."""

    def get_roles(self: Any, resource_type: str) -> list[Role]:
        """Return the roles for a type of resource."""
        kind = resource_type_name(resource_type)
        found = decode_array(self._get(f"roles/{segment(kind, 'resource type')}"))
        return [Role.from_dict(x, kind, self) for x in found]

    def get_role(self: Any, resource_type: str, role_name: str) -> Role:
        """Return one role for a type of resource."""
        kind = resource_type_name(resource_type)
        route = f"roles/{segment(kind, 'resource type')}/{segment(role_name, 'role')}"
        return Role.from_dict(decode_object(self._get(route)), kind, self)

    def create_role(
        self: Any,
        resource_type: str,
        name: str,
        permissions: Iterable[str] | None = None,
        inherits: Iterable[Inherited] | None = None,
    ) -> Role:
        """Create a role for a type of resource.

        ``inherits`` holds names of roles for the same type, or
        ``{"resourceType": …, "role": …}``.
        """
        kind = resource_type_name(resource_type)
        body = {
            "role": name,
            "permissions": list(permissions or ()),
            "inherits": _inherits(inherits or (), kind),
        }
        res = self._post(f"roles/{segment(kind, 'resource type')}", json=body)
        return Role.from_dict(decode_object(res), kind, self)
