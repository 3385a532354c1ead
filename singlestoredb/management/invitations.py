"""Invitations to the organization."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ._collections import NamedList
from ._dates import to_datetime
from ._entity import Shown, require_manager, set_fields
from ._paths import segment
from ._wire import Payload, decode_array, decode_object

if TYPE_CHECKING:
    from .manager import Manager


class Invitation(Shown):
    """An invitation of somebody to the organization."""

    def __init__(
        self,
        invitation_id: str,
        email: str,
        state: str | None = None,
        message: str | None = None,
        teams: list[str] | None = None,
        created_at: str | datetime.datetime | None = None,
        expires_at: str | datetime.datetime | None = None,
    ) -> None:
        self.id = invitation_id
        self.email = email
        self.state = state
        """``Pending``, ``Accepted``, ``Refused`` or ``Revoked``."""
        self.message = message
        self.teams = list(teams or ())
        """IDs of the teams that the guest will be in."""
        self.created_at = to_datetime(created_at)
        self.expires_at = to_datetime(expires_at)
        self.acted_at: datetime.datetime | None = None
        self._manager: Manager | None = None

    @classmethod
    def from_dict(cls, obj: Any, manager: Manager | None) -> Invitation:
        """Return the invitation of a JSON object."""
        p = Payload(obj, "invitation")
        out = cls(
            invitation_id=p.text("invitationID"),
            email=p.text("email"),
            state=p.opt_text("state"),
            message=p.opt_text("message"),
            teams=p.texts("teamIDs", "teams"),
            created_at=p.opt_time("createdAt"),
            expires_at=p.opt_time("expiresAt"),
        )
        out.acted_at = p.opt_time("actedAt")
        out._manager = manager
        return out

    def revoke(self) -> None:
        """Take the invitation back."""
        require_manager(self._manager)._delete(f"invitations/{segment(self.id)}")
        self.state = "Revoked"


class InvitationsMixin:
    """Invitations, as a manager has them."""

    @property
    def invitations(self: Any) -> NamedList[Invitation]:
        """Invitations of the organization, whatever became of them."""
        found = decode_array(self._get("invitations"))
        return NamedList(Invitation.from_dict(x, self) for x in found)

    def get_invitation(self: Any, invitation_id: str) -> Invitation:
        """Return the invitation of that ID."""
        answer = self._get(f"invitations/{segment(invitation_id, 'invitation ID')}")
        return Invitation.from_dict(decode_object(answer), self)

    def create_invitation(
        self: Any, email: str, message: str | None = None, teams: Iterable[str] | None = None
    ) -> Invitation:
        """Invite somebody, into the teams of the given IDs if there are any."""
        body = set_fields(
            {"email": email, "message": message, "teamIDs": list(teams) if teams else None}
        )
        return Invitation.from_dict(decode_object(self._post("invitations", json=body)), self)
