"""Teams: users who get roles together."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ._access import AccessControlled
from ._collections import NamedList
from ._dates import to_datetime
from ._entity import Shown, adopt, require_manager, set_fields
from ._paths import segment
from ._wire import Payload, decode_array, decode_object
from .users import identity_roles

if TYPE_CHECKING:
    from .manager import Manager


class Team(AccessControlled, Shown):
    """A team of the organization."""

    def __init__(
        self,
        team_id: str,
        name: str,
        description: str | None = None,
        member_ids: list[str] | None = None,
        created_at: str | datetime.datetime | None = None,
    ) -> None:
        self.id = team_id
        self.name = name
        self.description = description
        self.member_ids = list(member_ids or ())
        """IDs of the users in the team."""
        self.member_users: list[dict[str, Any]] = []
        """The users in the team, as the service sent them."""
        self.member_teams: list[dict[str, Any]] = []
        """The teams in the team, as the service sent them."""
        self.created_at = to_datetime(created_at)
        self._manager: Manager | None = None

    @classmethod
    def from_dict(cls, obj: Any, manager: Manager | None) -> Team:
        """Return the team of a JSON object."""
        p = Payload(obj, "team")
        members = p.items("memberUsers")
        ids = [Payload(m, "team member").text("userID") for m in members]
        out = cls(
            team_id=p.text("teamID"),
            name=p.text("name"),
            description=p.opt_text("description"),
            member_ids=ids or p.texts("memberIDs"),
            created_at=p.opt_time("createdAt"),
        )
        out.member_users = members
        out.member_teams = p.items("memberTeams")
        out._manager = manager
        return out

    def _route(self) -> str:
        return f"teams/{segment(self.id)}"

    def refresh(self) -> Team:
        """Ask the service again."""
        adopt(self, require_manager(self._manager).get_team(self.id))  # type: ignore[attr-defined]  # of TeamsMixin
        return self

    def update(
        self,
        name: str | None = None,
        description: str | None = None,
        member_ids: Iterable[str] | None = None,
    ) -> None:
        """Change the team.

        ``member_ids`` is the whole new list of users: who is missing is removed.
        """
        manager = require_manager(self._manager)
        body: dict[str, Any] = set_fields({"name": name, "description": description})
        if member_ids is not None:
            self.refresh()
            before, after = set(self.member_ids), list(dict.fromkeys(member_ids))
            added = [x for x in after if x not in before]
            removed = sorted(before.difference(after))
            body |= {"addMemberUserIDs": added} if added else {}
            body |= {"removeMemberUserIDs": removed} if removed else {}
        if body:
            manager._patch(self._route(), json=body)
            self.refresh()

    def delete(self) -> None:
        """Delete the team."""
        require_manager(self._manager)._delete(self._route())

    def get_identity_roles(self, resource_type: str) -> list[dict[str, Any]]:
        """Return the roles that the team has on resources of a type.

        Each is ``{"resourceID": …, "resourceType": …, "role": …}``.
        """
        return identity_roles(require_manager(self._manager), self._route(), resource_type)


class TeamsMixin:
    """Teams, as a manager has them."""

    @property
    def teams(self: Any) -> NamedList[Team]:
        """Teams of the organization."""
        return NamedList(Team.from_dict(x, self) for x in decode_array(self._get("teams")))

    def get_team(self: Any, team_id: str) -> Team:
        """Return the team of that ID."""
        answer = self._get(f"teams/{segment(team_id, 'team ID')}")
        return Team.from_dict(decode_object(answer), self)

    def create_team(
        self: Any,
        name: str,
        description: str | None = None,
        member_ids: Iterable[str] | None = None,
    ) -> Team:
        """Create a team, with users of the given IDs in it."""
        body = set_fields({"name": name, "description": description})
        made = Payload(decode_object(self._post("teams", json=body)), "created team")
        route = f"teams/{segment(made.text('teamID'))}"
        members = list(member_ids or ())
        if members:
            # The service takes no members at creation.
            self._patch(route, json={"addMemberUserIDs": members})
        return Team.from_dict(decode_object(self._get(route)), self)
