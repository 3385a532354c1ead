"""The organization's administration: users, teams, roles, secrets, audit log and the like."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from ._http import Request, Router
from ._seeds import user as make_user
from ._world import Refused, Wire, new_id, wire

router = Router()
route = router.add


def _find(kind: dict[str, Wire], request: Request, what: str) -> Wire:
    found = kind.get(request.args["id"])
    if found is None:
        raise Refused(404, f"{what} {request.args['id']} not found")
    return request.world.observe(found)


def _matching(request: Request, rows: list[Wire], *keys: str) -> list[Wire]:
    for key in keys:
        pattern = request.query.get(key)
        if pattern:
            rows = [r for r in rows if re.search(pattern, str(r.get(key, "")))]
    return rows


@route("GET", "organizations/current")
def get_organization(request: Request) -> Any:
    organization = request.organization
    return {"orgID": organization.id, "name": organization.name, "firewallRanges": []}


# -- access controls --


def _identity(request: Request, kind: str, identity: str) -> Wire:
    keys: tuple[str, ...] = ("userID", "email", "firstName", "lastName")
    found = request.organization.users.get(identity)
    if kind == "team":
        keys = ("teamID", "name", "description")
        found = request.organization.teams.get(identity)
    return {k: found.get(k) for k in keys} if found else {f"{kind}ID": identity}


def _check_resource(request: Request) -> None:
    organization = request.organization
    kind, identity = request.path.split("/")[:2]
    known: Any = {
        "organizations": {organization.id: None},
        "workspaceGroups": organization.groups,
        "teams": organization.teams,
        "secrets": organization.secrets,
    }[kind]
    if identity not in known:
        raise Refused(404, f"{kind} {identity} not found")


def _get_controls(request: Request) -> Any:
    _check_resource(request)
    held = request.organization.grants.get(request.path, {})
    return [
        {
            "role": role,
            "description": "",
            "grants": [
                {"identity": _identity(request, *who), "createdAt": request.world.clock.stamp()}
                for who in sorted(identities)
            ],
        }
        for role, identities in held.items()
    ]


def _update_controls(request: Request) -> Any:
    _check_resource(request)
    body = request.json("grants", "revokes")
    held = request.organization.grants.setdefault(request.path, {})
    for key, apply in (("grants", set.update), ("revokes", set.difference_update)):
        for entry in body[key]:
            who = {("user", x) for x in entry.get("users", ())}
            who |= {("team", x) for x in entry.get("teams", ())}
            apply(held.setdefault(entry["role"], set()), who)
    for role in [r for r, who in held.items() if not who]:
        del held[role]
    return None


for _kind in ("organizations", "workspaceGroups", "teams", "secrets"):
    route("GET", _kind + "/{id}/accessControls")(_get_controls)
    route("PATCH", _kind + "/{id}/accessControls")(_update_controls)


def _identity_roles(request: Request) -> Any:
    kind, identity = request.path.split("/")[:2]
    _find(getattr(request.organization, kind), request, kind)
    wanted = request.query.get("resourceType")
    if not wanted:
        raise Refused(400, "resourceType is required")
    names = {
        "organizations": "Organization",
        "workspaceGroups": "Cluster",
        "teams": "Team",
        "secrets": "Secret",
    }
    out = []
    for path, held in request.organization.grants.items():
        resource, resource_id = path.split("/")[:2]
        for role, who in held.items():
            if names[resource] == wanted and (kind.removesuffix("s"), identity) in who:
                out.append({"resourceID": resource_id, "resourceType": wanted, "role": role})
    return out


route("GET", "users/{id}/identityRoles", 1)(_identity_roles)
route("GET", "teams/{id}/identityRoles", 1)(_identity_roles)


# -- users --


@route("GET", "users", 1)
def list_users(request: Request) -> Any:
    return _matching(request, list(request.organization.users.values()), "email")


@route("GET", "users/current", 1)
def get_current_user(request: Request) -> Any:
    return request.organization.users[request.organization.user_id]


@route("GET", "users/{id}", 1)
def get_user(request: Request) -> Any:
    return _find(request.organization.users, request, "user")


@route("POST", "users", 1)
def add_user(request: Request) -> Any:
    email = request.json("email")["email"]
    if any(u["email"] == email for u in request.organization.users.values()):
        raise Refused(409, f"user {email} already exists")
    user = make_user(new_id(), email)
    request.organization.users[user["userID"]] = user
    return None  # the service documents no answer


@route("DELETE", "users/{id}", 1)
def remove_user(request: Request) -> Any:
    _find(request.organization.users, request, "user")
    del request.organization.users[request.args["id"]]
    return {"userID": request.args["id"]}


# -- teams --


@route("GET", "teams", 1)
def list_teams(request: Request) -> Any:
    return _matching(request, list(request.organization.teams.values()), "name", "description")


@route("POST", "teams", 1)
def create_team(request: Request) -> Any:
    body = request.json("name", allowed=("description",))
    team = {
        "teamID": new_id(),
        "name": body["name"],
        "description": body.get("description", ""),
        "memberUsers": [],
        "memberTeams": [],
        "createdAt": request.world.clock.stamp(),
    }
    request.organization.teams[team["teamID"]] = team
    return team


@route("GET", "teams/{id}", 1)
def get_team(request: Request) -> Any:
    return _find(request.organization.teams, request, "team")


@route("PATCH", "teams/{id}", 1)
def update_team(request: Request) -> Any:
    team = _find(request.organization.teams, request, "team")
    body = request.json(allowed=("name", "description", "addMemberUserIDs", "removeMemberUserIDs"))
    for user_id in body.pop("addMemberUserIDs", ()):
        if user_id not in request.organization.users:
            raise Refused(400, f"user {user_id} not found")
        team["memberUsers"].append(_identity(request, "user", user_id))
    gone = set(body.pop("removeMemberUserIDs", ()))
    team["memberUsers"] = [m for m in team["memberUsers"] if m["userID"] not in gone]
    team.update(body)
    return {"teamID": team["teamID"]}


@route("DELETE", "teams/{id}", 1)
def delete_team(request: Request) -> Any:
    _find(request.organization.teams, request, "team")
    del request.organization.teams[request.args["id"]]
    return {"teamID": request.args["id"]}


# -- roles --


@route("GET", "roles/{kind:any}", 1)
def list_roles(request: Request) -> Any:
    roles = request.organization.roles
    rows = [role for (kind, _), role in roles.items() if kind == request.args["kind"]]
    if not rows:
        raise Refused(400, f"unknown resource type {request.args['kind']}")
    return rows


def _role(request: Request) -> Wire:
    found = request.organization.roles.get((request.args["kind"], request.args["role"]))
    if found is None:
        raise Refused(404, f"role {request.args['role']} not found")
    return found


@route("GET", "roles/{kind:any}/{role:any}", 1)
def get_role(request: Request) -> Any:
    return _role(request)


@route("POST", "roles/{kind:any}", 1)
def create_role(request: Request) -> Any:
    body = request.json("role", "permissions", "inherits", allowed=("description",))
    key = (request.args["kind"], body["role"])
    if key in request.organization.roles:
        raise Refused(409, f"role {body['role']} already exists")
    role = {**body, "resourceType": key[0], "isCustom": True}
    role["createdAt"] = request.world.clock.stamp()
    request.organization.roles[key] = role
    return role


def _custom(request: Request) -> Wire:
    role = _role(request)
    if not role["isCustom"]:
        raise Refused(403, "built-in roles cannot be changed")
    return role


@route("PUT", "roles/{kind:any}/{role:any}", 1)
def update_role(request: Request) -> Any:
    role = _custom(request)
    body = request.json("permissions", "inherits", allowed=("description",))
    role.update(body, updatedAt=request.world.clock.stamp())
    return role


@route("DELETE", "roles/{kind:any}/{role:any}", 1)
def delete_role(request: Request) -> Any:
    _custom(request)
    del request.organization.roles[request.args["kind"], request.args["role"]]
    return True


# -- invitations --


@route("GET", "invitations", 1)
def list_invitations(request: Request) -> Any:
    rows = list(request.organization.invitations.values())
    return _matching(request, rows, "email", "state")


@route("POST", "invitations", 1)
def create_invitation(request: Request) -> Any:
    body = request.json("email", allowed=("teamIDs", "message"))
    invitation = {
        "invitationID": new_id(),
        "email": body["email"],
        "state": "Pending",
        "message": body.get("message"),
        "teamIDs": body.get("teamIDs", []),
        "createdAt": request.world.clock.stamp(),
        "actedAt": None,
    }
    request.organization.invitations[invitation["invitationID"]] = invitation
    return invitation


@route("GET", "invitations/{id}", 1)
def get_invitation(request: Request) -> Any:
    return _find(request.organization.invitations, request, "invitation")


@route("DELETE", "invitations/{id}", 1)
def revoke_invitation(request: Request) -> Any:
    invitation = _find(request.organization.invitations, request, "invitation")
    if invitation["state"] != "Pending":
        raise Refused(400, f"invitation is {invitation['state']}")
    invitation.update(state="Revoked", actedAt=request.world.clock.stamp())
    return invitation


# -- secrets --


@route("GET", "secrets")
def list_secrets(request: Request) -> Any:
    name = request.query.get("name")
    rows = [s for s in request.organization.secrets.values() if not name or s["name"] == name]
    return {"secrets": rows}


@route("POST", "secrets")
def create_secret(request: Request) -> Any:
    body = request.json("name", "value", allowed=())
    if not re.fullmatch(r"\w+", body["name"], re.ASCII):
        raise Refused(400, "name: only letters, digits and underscores")
    stamp = request.world.clock.stamp()
    secret = {
        "secretID": new_id(),
        **body,
        "createdBy": request.organization.user_id,
        "createdAt": stamp,
        "lastUpdatedBy": request.organization.user_id,
        "lastUpdatedAt": stamp,
        "deletedBy": None,
        "deletedAt": None,
    }
    request.organization.secrets[secret["secretID"]] = secret
    return {"secret": secret}


@route("GET", "secrets/{id}")
def get_secret(request: Request) -> Any:
    return _find(request.organization.secrets, request, "secret")


@route("PATCH", "secrets/{id}")
def update_secret(request: Request) -> Any:
    secret = _find(request.organization.secrets, request, "secret")
    body = request.json(allowed=("value", "name"))
    secret.update(body, lastUpdatedAt=request.world.clock.stamp())
    return {"secret": secret}


@route("DELETE", "secrets/{id}")
def delete_secret(request: Request) -> Any:
    _find(request.organization.secrets, request, "secret")
    del request.organization.secrets[request.args["id"]]
    return {"secretID": request.args["id"]}


# -- private connections --


_CONNECTION_KEYS: tuple[str, ...] = (
    "type",
    "allowList",
    "serviceName",
    "sqlPort",
    "websocketsPort",
    "workspaceID",
    "kaiEndpointID",
)


@route("POST", "privateConnections", 1)
def create_connection(request: Request) -> Any:
    body = request.json("workspaceGroupID", allowed=_CONNECTION_KEYS)
    if body["workspaceGroupID"] not in request.organization.groups:
        raise Refused(404, "workspace group not found")
    if not isinstance(body.get("allowList", ""), str):
        raise Refused(400, "allowList must be text")
    stamp = request.world.clock.stamp()
    connection = {
        "privateConnectionID": new_id(),
        "type": "INBOUND",
        **body,
        "status": "PENDING",
        "endpoint": None,
        "createdAt": stamp,
        "updatedAt": stamp,
    }
    request.world.begin(
        connection, {"status": "ACTIVE", "endpoint": "vpce-0123", "activeAt": stamp}
    )
    request.organization.connections[connection["privateConnectionID"]] = connection
    return {"privateConnectionID": connection["privateConnectionID"]}


@route("GET", "privateConnections/{id}", 1)
def get_connection(request: Request) -> Any:
    connection = _find(request.organization.connections, request, "private connection")
    if connection["status"] == "DELETED":
        raise Refused(404, "private connection not found")
    return wire(connection)


@route("PATCH", "privateConnections/{id}", 1)
def update_connection(request: Request) -> Any:
    connection = _find(request.organization.connections, request, "private connection")
    body = request.json("allowList", allowed=())
    if not isinstance(body["allowList"], str):
        raise Refused(400, "allowList must be text")
    request.world.begin(connection, {**body, "updatedAt": request.world.clock.stamp})
    return {"privateConnectionID": connection["privateConnectionID"]}


@route("DELETE", "privateConnections/{id}", 1)
def delete_connection(request: Request) -> Any:
    connection = _find(request.organization.connections, request, "private connection")
    request.world.begin(connection, {"status": "DELETED"})
    return {"privateConnectionID": connection["privateConnectionID"]}


# -- audit log, billing --


@route("GET", "auditLogs", 1)
def list_audit_logs(request: Request) -> Any:
    query = request.query
    rows = request.organization.audit
    for key in ("type", "source", "firstName", "lastName"):
        if query.get(key):
            rows = [r for r in rows if r.get(key) == query[key]]
    if query.get("startDate"):
        rows = [r for r in rows if r["createdAt"] >= query["startDate"]]
    if query.get("endDate"):
        rows = [r for r in rows if r["createdAt"] <= query["endDate"]]
    size = int(query.get("limit") or request.world.behaviour.page_size)
    at = int(urlsafe_b64decode(query["nextToken"])) if query.get("nextToken") else 0
    more = at + size < len(rows)
    token = urlsafe_b64encode(str(at + size).encode()).decode() if more else None
    return {"auditLogs": rows[at : at + size], "nextToken": token}


@route("GET", "billing/usage")
def get_usage(request: Request) -> Any:
    for key in ("startTime", "endTime"):
        if not request.query.get(key):
            raise Refused(400, f"{key} is required")
    metrics = ("ComputeCredit", "StorageAvgByte")
    wanted = request.query.get("metric")
    if wanted is not None and wanted not in metrics:
        raise Refused(400, f"unknown metric {wanted}")
    if request.query.get("aggregateBy", "hour") not in ("hour", "day", "month"):
        raise Refused(400, "unknown aggregateBy")
    usage = [
        {
            "startTime": request.query["startTime"],
            "endTime": request.query["endTime"],
            "ownerId": request.organization.user_id,
            "resourceId": request.organization.id,
            "resourceName": request.organization.name,
            "resourceType": "Organization",
            "value": "12.5",
        }
    ]
    return {
        "billingUsage": [
            {"metric": m, "description": m, "usage": usage} for m in metrics if wanted in (None, m)
        ]
    }
