"""What the local service knows: organizations, their things, and a clock that can be advanced."""

from __future__ import annotations

import datetime
import json
import re
import threading
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from ._filesystem import FileSystem

Wire = dict[str, Any]
"""A JSON object as the service sends it; keys that start with ``~`` stay inside."""

ZERO_TIME = "0001-01-01T00:00:00Z"
GO_ZERO_TIME = "0001-01-01 00:00:00 +0000 UTC"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)


class Refused(Exception):
    """The service answers with an error status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text


@dataclass
class Pending:
    """A change that will be seen later."""

    changes: Wire
    polls: int | None
    due: datetime.datetime | None


def new_id() -> str:
    """Return an ID as the service makes them."""
    return str(uuid.uuid4())


def wire(resource: Wire, *, omit_nulls: bool = False) -> Wire:
    """Return what of a resource is sent."""
    return {
        k: v
        for k, v in resource.items()
        if not k.startswith("~") and not (omit_nulls and v is None)
    }


class Clock:
    """Real time, plus what a test added to it."""

    def __init__(self) -> None:
        self._offset = datetime.timedelta()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._offset += datetime.timedelta(seconds=seconds)

    def now(self) -> datetime.datetime:
        """Return the time, aware, UTC."""
        return datetime.datetime.now(datetime.timezone.utc) + self._offset

    def stamp(self) -> str:
        """Return the time as the service writes it."""
        return self.now().isoformat().replace("+00:00", "Z")


@dataclass
class Organization:
    """One organization and all that belongs to it."""

    name: str
    id: str = field(default_factory=new_id)
    user_id: str = field(default_factory=new_id)
    groups: dict[str, Wire] = field(default_factory=dict)
    workspaces: dict[str, Wire] = field(default_factory=dict)
    clusters: dict[str, Wire] = field(default_factory=dict)
    starters: dict[str, Wire] = field(default_factory=dict)
    starter_users: dict[str, Wire] = field(default_factory=dict)
    users: dict[str, Wire] = field(default_factory=dict)
    teams: dict[str, Wire] = field(default_factory=dict)
    roles: dict[tuple[str, str], Wire] = field(default_factory=dict)
    invitations: dict[str, Wire] = field(default_factory=dict)
    secrets: dict[str, Wire] = field(default_factory=dict)
    connections: dict[str, Wire] = field(default_factory=dict)
    projects: dict[str, Wire] = field(default_factory=dict)
    jobs: dict[str, Wire] = field(default_factory=dict)
    exports: dict[str, Wire] = field(default_factory=dict)
    models: dict[str, Wire] = field(default_factory=dict)
    recovery: dict[str, Wire] = field(default_factory=dict)
    grants: dict[str, dict[str, set[tuple[str, str]]]] = field(default_factory=dict)
    audit: list[Wire] = field(default_factory=list)
    stages: dict[str, FileSystem] = field(default_factory=dict)
    spaces: dict[str, FileSystem] = field(default_factory=dict)
    lock_conflicts: int = 0
    """How many creations from now on meet the organization's lock."""


@dataclass
class Behaviour:
    """How the service behaves; tests may change any of it at any time."""

    transitions: str = "instant"
    """When changes of state are seen: ``instant`` (at the next request), ``polls:n`` (after n
    requests for the thing), ``clock:s`` (s seconds later on the service's clock), ``stuck``
    (never), ``fail`` (the thing fails instead)."""
    latency: float = 0.0
    """Seconds before each answer."""
    strict_slash: bool = True
    """Whether a folder is found only under a path that ends in a slash, as in the real service."""
    strict_fields: bool = False
    """Whether unknown keys are refused everywhere, not only for clusters."""
    checksums: bool = False
    """Whether downloads come with a checksum (``Repr-Digest``)."""
    json_errors: bool = False
    """Whether errors are JSON objects instead of plain text."""
    firewall_polls: int = 0
    """Requests after a cluster is active until its firewall is in force."""
    page_size: int = 100
    """Entries of a page of the audit log."""


class World:
    """All organizations, tokens and the clock.  Whoever touches it holds ``lock``."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.endpoint: str | None = None
        self.kept: list[IO[bytes]] = []
        self.reset()

    def reset(self) -> None:
        """Start anew, without organizations and tokens."""
        for file in self.kept:
            file.close()
        self.kept = []
        self.clock = Clock()
        self.behaviour = Behaviour()
        self.organizations: dict[str, Organization] = {}
        self.tokens: dict[str, str] = {}
        self.expires: dict[str, datetime.datetime] = {}

    # -- organizations and tokens --

    def add_organization(self, name: str) -> Organization:
        """Add an organization with what every one has."""
        from ._seeds import furnish

        out = Organization(name)
        furnish(out, self)
        self.organizations[out.id] = out
        return out

    def issue_token(
        self, organization: Organization, *, jwt: bool = False, lifetime: float | None = None
    ) -> str:
        """Return a new token: opaque, or a JSON web token; ``lifetime`` is in seconds."""
        token = "token-" + uuid.uuid4().hex
        expires = None
        if lifetime is not None:
            expires = self.clock.now() + datetime.timedelta(seconds=lifetime)
        if jwt:
            claims = {"sub": organization.user_id, "jti": uuid.uuid4().hex}
            if expires is not None:
                claims["exp"] = expires.timestamp()  # type: ignore[assignment]  # a number is right
            parts = ({"alg": "HS256", "typ": "JWT"}, claims)
            texts = [urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts]
            token = ".".join([*texts, "c2lnbmF0dXJl"])
        self.tokens[token] = organization.id
        if expires is not None:
            self.expires[token] = expires
        return token

    def authenticate(self, header: str | None, wanted: str | None) -> Organization:
        """Return the organization that a request is for; raise :class:`Refused`."""
        token = (header or "").removeprefix("Bearer ")
        home = self.tokens.get(token)
        if home is None:
            raise Refused(401, "Unauthorized")
        expires = self.expires.get(token)
        if expires is not None and expires <= self.clock.now():
            raise Refused(401, "token has expired")
        organization = self.organizations.get(wanted or home)
        if organization is None:
            raise Refused(404, f"organization {wanted} not found")
        return organization

    # -- changes of state --

    def begin(self, resource: Wire, changes: Wire, failed: Wire | None = None) -> None:
        """Let changes be seen as the behaviour says; ``failed`` are those of a failure."""
        mode, _, argument = self.behaviour.transitions.partition(":")
        if mode == "fail" and failed is not None:
            changes, mode = failed, "instant"
        polls: int | None = None
        due = None
        if mode in ("instant", "fail"):
            polls = 0
        elif mode == "polls":
            polls = int(argument)
        elif mode == "clock":
            due = self.clock.now() + datetime.timedelta(seconds=float(argument))
        elif mode != "stuck":
            raise ValueError(f"unknown transitions {self.behaviour.transitions!r}")
        resource.setdefault("~pending", []).append(Pending(changes, polls, due))

    def observe(self, resource: Wire) -> Wire:
        """Let a resource see the changes that are due; return it."""
        waiting: list[Pending] = resource.get("~pending", [])
        while waiting:
            first = waiting[0]
            if first.polls is not None:
                if first.polls > 0:
                    first.polls -= 1
                    break
            elif first.due is None or first.due > self.clock.now():
                break
            resource.update({k: v() if callable(v) else v for k, v in first.changes.items()})
            waiting.pop(0)
        expires = resource.get("~expires")
        if expires is not None and expires <= self.clock.now():
            resource.update(state="TERMINATED", terminatedAt=self.clock.stamp())
            del resource["~expires"]
        return resource

    def observed(self, resources: dict[str, Wire]) -> Iterator[Wire]:
        """Yield all resources, each with the changes that are due."""
        for resource in list(resources.values()):
            yield self.observe(resource)

    def take_lock(self, organization: Organization) -> None:
        """Refuse a creation while the organization is locked."""
        if organization.lock_conflicts > 0:
            organization.lock_conflicts -= 1
            raise Refused(500, "could not acquire organization lock within duration")

    def expiry(self, text: str | None) -> datetime.datetime | None:
        """Return the moment that a time, date or duration such as ``3h30m`` means."""
        if not text:
            return None
        parts = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text)
        if parts is not None:
            hours, minutes, seconds = (int(x or 0) for x in parts.groups())
            return self.clock.now() + datetime.timedelta(
                hours=hours, minutes=minutes, seconds=seconds
            )
        try:
            out = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError:
            raise Refused(400, f"expiresAt: invalid time {text!r}") from None
        return out if out.tzinfo else out.replace(tzinfo=datetime.timezone.utc)
