"""Workspace groups, workspaces, clusters, starter deployments, regions, projects."""

from __future__ import annotations

import re
import secrets
import string
from typing import Any

from ._http import Request, Router
from ._seeds import REGION_IDS, REGIONS, SHARED_TIER
from ._world import GO_ZERO_TIME, ZERO_TIME, Refused, Wire, new_id, wire

router = Router()
route = router.add

_CLUSTER_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
_LIVE = frozenset({"ACTIVE", "PENDING", "SUSPENDED", "TRANSITIONING", "RESUMING"})
_PASSWORD_LENGTH = 20


def _strict(request: Request, *keys: str) -> tuple[str, ...] | None:
    """Return the keys to allow, when unknown keys are to be refused."""
    return keys if request.world.behaviour.strict_fields else None


def _password_is_good(password: str | None) -> bool:
    if password is None or len(password) < 14:
        return False
    kinds = (str.isupper, str.islower, str.isdigit)
    if not all(any(kind(c) for c in password) for kind in kinds):
        return False
    # The service does not count the ampersand.
    if not any(c in string.punctuation and c != "&" for c in password):
        return False
    triples = zip(password, password[1:], password[2:])  # noqa: B905  # shorter on purpose
    return not any(a == b == c or ord(c) - ord(b) == ord(b) - ord(a) == 1 for a, b, c in triples)


def _new_password() -> str:
    while True:
        out = "Aa1!" + secrets.token_urlsafe(_PASSWORD_LENGTH)
        if _password_is_good(out):
            return out


def _get(kind: dict[str, Wire], request: Request, what: str) -> Wire:
    found = kind.get(request.args["id"])
    if found is None:
        raise Refused(404, f"{what} {request.args['id']} not found")
    return request.world.observe(found)


def _region(slug: str | None, region_id: str | None = None) -> tuple[str, str, str] | None:
    for region in REGIONS:
        if region[2] == slug or (region_id and REGION_IDS[region[2]] == region_id):
            return region
    return None


# -- regions and projects --


@route("GET", "regions", 1)
def list_regions_v1(request: Request) -> Any:
    return [
        {"regionID": REGION_IDS[slug], "region": name, "provider": provider}
        for name, provider, slug in REGIONS
    ]


@route("GET", "regions", 2)
def list_regions_v2(request: Request) -> Any:
    return [
        {"region": name, "regionName": slug, "provider": provider}
        for name, provider, slug in REGIONS
    ]


@route("GET", "regions/sharedtier")
def list_shared_tier_regions(request: Request) -> Any:
    return [
        {"region": name, "regionName": slug, "provider": provider}
        for name, provider, slug in SHARED_TIER
    ]


@route("GET", "projects")
def list_projects(request: Request) -> Any:
    return list(request.organization.projects.values())


@route("GET", "projects/{id}")
def get_project(request: Request) -> Any:
    return _get(request.organization.projects, request, "project")


# -- workspace groups --


@route("GET", "workspaceGroups", 1)
def list_groups(request: Request) -> Any:
    groups = request.world.observed(request.organization.groups)
    # Terminated ones stay in the list for a while, as in the real service.
    return [wire(g) for g in groups]


@route("POST", "workspaceGroups", 1)
def create_group(request: Request) -> Any:
    world, organization = request.world, request.organization
    body = request.json("name", "firewallRanges")
    world.take_lock(organization)
    live = [g for g in organization.groups.values() if g["state"] in _LIVE]
    if any(g["name"] == body["name"] for g in live):
        raise Refused(500, f"workspace group {body['name']} already exists")
    region = _region(body.get("regionName"), body.get("regionID"))
    if region is None:
        raise Refused(400, "region is not valid")
    group = {
        "name": body["name"],
        "workspaceGroupID": new_id(),
        "createdAt": world.clock.stamp(),
        "terminatedAt": None,
        "expiresAt": body.get("expiresAt") and ZERO_TIME,
        "regionID": REGION_IDS[region[2]],
        "provider": region[1],
        "regionName": region[2],
        "firewallRanges": body["firewallRanges"],
        "allowAllTraffic": body.get("allowAllTraffic"),
        "updateWindow": body.get("updateWindow"),
        "deploymentType": body.get("deploymentType") or "PRODUCTION",
        "highAvailabilityTwoZones": body.get("highAvailabilityTwoZones"),
        "optInPreviewFeature": body.get("optInPreviewFeature"),
        "projectID": body.get("projectID"),
        "smartDRStatus": "STANDBY" if body.get("smartDR") else None,
        "state": "PENDING",
        "~expires": world.expiry(body.get("expiresAt")),
    }
    if group["~expires"] is not None:
        group["expiresAt"] = group["~expires"].isoformat().replace("+00:00", "Z")
    answer = {"workspaceGroupID": group["workspaceGroupID"]}
    password = body.get("adminPassword")
    if not _password_is_good(password):
        password = answer["adminPassword"] = _new_password()
    group["~password"] = password
    world.begin(group, {"state": "ACTIVE"}, {"state": "FAILED"})
    organization.groups[group["workspaceGroupID"]] = group
    return answer


@route("GET", "workspaceGroups/{id}", 1)
def get_group(request: Request) -> Any:
    return wire(_get(request.organization.groups, request, "workspace group"))


@route("PATCH", "workspaceGroups/{id}", 1)
def update_group(request: Request) -> Any:
    group = _get(request.organization.groups, request, "workspace group")
    keys: tuple[str, ...] = (
        "name",
        "firewallRanges",
        "adminPassword",
        "expiresAt",
        "allowAllTraffic",
        "updateWindow",
        "deploymentType",
    )
    body = request.json(allowed=_strict(request, *keys))
    if "adminPassword" in body:
        group["~password"] = body.pop("adminPassword")
    if "expiresAt" in body:
        group["~expires"] = request.world.expiry(body["expiresAt"])
        body["expiresAt"] = group["~expires"].isoformat().replace("+00:00", "Z")
    group.update({k: v for k, v in body.items() if k in keys})
    return {"workspaceGroupID": group["workspaceGroupID"]}


@route("DELETE", "workspaceGroups/{id}", 1)
def delete_group(request: Request) -> Any:
    world = request.world
    group = _get(request.organization.groups, request, "workspace group")
    inside = [
        w
        for w in world.observed(request.organization.workspaces)
        if w["workspaceGroupID"] == group["workspaceGroupID"] and w["state"] in _LIVE
    ]
    if inside and not request.flag("force"):
        raise Refused(400, "workspace group has workspaces; use force to terminate them")
    end = {"state": "TERMINATED", "terminatedAt": world.clock.stamp}
    for resource in (group, *inside):
        world.begin(resource, dict(end))
    return {"workspaceGroupID": group["workspaceGroupID"]}


@route("GET", "workspaceGroups/{id}/privateConnections", 1)
def list_group_connections(request: Request) -> Any:
    group = _get(request.organization.groups, request, "workspace group")
    found = request.world.observed(request.organization.connections)
    return [wire(c) for c in found if c["workspaceGroupID"] == group["workspaceGroupID"]]


@route("GET", "organizations/{org}/workspaceGroups/{id}/metrics", 2)
def get_metrics(request: Request) -> Any:
    group = _get(request.organization.groups, request, "workspace group")
    if request.args["org"] != request.organization.id:
        raise Refused(404, "organization not found")
    return (
        "# TYPE singlestoredb_cloud_threads_running gauge\n"
        f'singlestoredb_cloud_threads_running{{workspace_group="{group["name"]}"}} 1\n'
        "# EOF\n"
    )


# -- workspaces --

_WORKSPACE_KEYS: tuple[str, ...] = (
    "autoSuspend",
    "cacheConfig",
    "deploymentType",
    "size",
    "autoScale",
    "enableKai",
    "scaleFactor",
)


@route("GET", "workspaces", 1)
def list_workspaces(request: Request) -> Any:
    group = request.query.get("workspaceGroupID")
    if not group:
        raise Refused(400, "workspaceGroupID is required")
    if group not in request.organization.groups:
        raise Refused(404, f"workspace group {group} not found")
    found = request.world.observed(request.organization.workspaces)
    return [wire(w) for w in found if w["workspaceGroupID"] == group]


@route("POST", "workspaces", 1)
def create_workspace(request: Request) -> Any:
    world, organization = request.world, request.organization
    body = request.json("name", "workspaceGroupID", allowed=_strict(request, *_WORKSPACE_KEYS))
    group = organization.groups.get(body["workspaceGroupID"])
    if group is None:
        raise Refused(404, "workspace group not found")
    if world.observe(group)["state"] != "ACTIVE":
        raise Refused(400, "workspace group is not active")
    if not _CLUSTER_NAME.fullmatch(body["name"]):
        raise Refused(400, "name: must be in a valid format")
    same = [
        w
        for w in organization.workspaces.values()
        if w["workspaceGroupID"] == group["workspaceGroupID"] and w["name"] == body["name"]
    ]
    if any(w["state"] in _LIVE for w in same):
        raise Refused(500, f"workspace {body['name']} already exists")
    workspace = {
        "name": body["name"],
        "workspaceID": new_id(),
        "workspaceGroupID": group["workspaceGroupID"],
        "size": body.get("size") or "S-00",
        "state": "PENDING",
        "createdAt": world.clock.stamp(),
        "terminatedAt": None,
        "endpoint": None,
        "autoSuspend": _suspension(body.get("autoSuspend")),
        "autoScale": body.get("autoScale"),
        "cacheConfig": body.get("cacheConfig") or 1,
        "deploymentType": group["deploymentType"],
        "kaiEnabled": bool(body.get("enableKai")),
        "scaleFactor": body.get("scaleFactor") or 1,
        "scalingProgress": 100,
        "resumeAttachments": None,
        "lastResumedAt": None,
    }
    endpoint = world.endpoint or f"svc-{workspace['workspaceID']}-dml.test.invalid"
    world.begin(workspace, {"state": "ACTIVE", "endpoint": endpoint}, {"state": "FAILED"})
    organization.workspaces[workspace["workspaceID"]] = workspace
    return {"workspaceID": workspace["workspaceID"]}


def _suspension(request: Wire | None) -> Wire | None:
    if not request or request.get("suspendType") == "DISABLED":
        return None
    seconds = request.get("suspendAfterSeconds")
    kind = request.get("suspendType", "IDLE")
    key = "idleAfterSeconds" if kind == "IDLE" else "scheduledAfterSeconds"
    return {"suspendType": kind, key: seconds}


@route("GET", "workspaces/{id}", 1)
def get_workspace(request: Request) -> Any:
    return wire(_get(request.organization.workspaces, request, "workspace"))


@route("PATCH", "workspaces/{id}", 1)
def update_workspace(request: Request) -> Any:
    workspace = _get(request.organization.workspaces, request, "workspace")
    body = request.json(allowed=_strict(request, *_WORKSPACE_KEYS))
    if workspace["state"] != "ACTIVE":
        raise Refused(400, f"workspace is {workspace['state']}")
    changes = {k: v for k, v in body.items() if k in _WORKSPACE_KEYS}
    if "enableKai" in changes:
        changes["kaiEnabled"] = changes.pop("enableKai")
    if "autoSuspend" in changes:
        changes["autoSuspend"] = _suspension(changes["autoSuspend"])
    if {"size", "scaleFactor"} & changes.keys():
        workspace["scalingProgress"] = 0
    request.world.begin(workspace, {**changes, "scalingProgress": 100})
    return {"workspaceID": workspace["workspaceID"]}


def _suspend(request: Request, resource: Wire) -> None:
    if resource["state"] != "ACTIVE":
        raise Refused(400, f"cannot suspend: state is {resource['state']}")
    resource["state"] = "TRANSITIONING"
    request.world.begin(resource, {"state": "SUSPENDED"}, {"state": "FAILED"})


def _resume(request: Request, resource: Wire) -> None:
    if resource["state"] != "SUSPENDED":
        raise Refused(400, f"cannot resume: state is {resource['state']}")
    body = request.json(allowed=_strict(request, "disableAutoSuspend"))
    resource["state"] = "RESUMING"
    changes: Wire = {
        "state": "ACTIVE",
        "lastResumedAt": request.world.clock.stamp,
        "resumeAttachments": [
            {"attachment": "READWRITE", "database": "db", "success": True, "error": None}
        ],
    }
    if body.get("disableAutoSuspend"):
        changes["autoSuspend"] = None
    request.world.begin(resource, changes, {"state": "FAILED"})


@route("POST", "workspaces/{id}/suspend", 1)
def suspend_workspace(request: Request) -> Any:
    _suspend(request, _get(request.organization.workspaces, request, "workspace"))
    return {"workspaceID": request.args["id"]}


@route("POST", "workspaces/{id}/resume", 1)
def resume_workspace(request: Request) -> Any:
    _resume(request, _get(request.organization.workspaces, request, "workspace"))
    return {"workspaceID": request.args["id"]}


@route("DELETE", "workspaces/{id}", 1)
def delete_workspace(request: Request) -> Any:
    workspace = _get(request.organization.workspaces, request, "workspace")
    if workspace["state"] == "TERMINATED":
        raise Refused(400, "workspace is terminated")
    request.world.begin(
        workspace,
        {"state": "TERMINATED", "terminatedAt": request.world.clock.stamp, "endpoint": None},
    )
    return {"workspaceID": request.args["id"]}


@route("GET", "workspaces/{id}/privateConnections", 1)
def list_workspace_connections(request: Request) -> Any:
    workspace = _get(request.organization.workspaces, request, "workspace")
    if request.query.get("workspaceGroupID") != workspace["workspaceGroupID"]:
        raise Refused(400, "workspaceGroupID is required")
    found = request.world.observed(request.organization.connections)
    return [wire(c) for c in found if c.get("workspaceID") == workspace["workspaceID"]]


@route("GET", "workspaces/{id}/privateConnections/kai", 1)
def get_kai_connection(request: Request) -> Any:
    _get(request.organization.workspaces, request, "workspace")
    return {"serviceName": f"com.amazonaws.vpce.us-east-1.vpce-svc-{request.args['id'][:8]}"}


@route("GET", "workspaces/{id}/privateConnections/outboundAllowList", 1)
def get_outbound_allow_list(request: Request) -> Any:
    _get(request.organization.workspaces, request, "workspace")
    return [{"outboundAllowList": "arn:aws:iam::123456789012:root"}]


# -- clusters --

_CLUSTER_KEYS: tuple[str, ...] = (
    "allowAllTraffic",
    "adminPassword",
    "autoSuspend",
    "autoScale",
    "cacheConfig",
    "deploymentType",
    "expiresAt",
    "updateWindow",
    "kai",
    "sizeConfig",
)
_CREATE_ONLY = ("provider", "region", "multiAZ", "optInPreviewFeature", "projectID")


@route("GET", "clusters", 2)
def list_clusters(request: Request) -> Any:
    found = request.world.observed(request.organization.clusters)
    return [wire(c, omit_nulls=True) for c in found]


def _set_firewall(request: Request, cluster: Wire, body: Wire) -> Wire:
    """Return how the firewall will be; until then nobody gets in."""
    ranges = body.get("firewallRanges")
    everything = body.get("allowAllTraffic") or ranges == ["0.0.0.0/0"]
    return {
        "firewallRanges": [] if everything else ranges or [],
        "allowAllTraffic": bool(everything),
    }


@route("POST", "clusters", 2)
def create_cluster(request: Request) -> Any:
    world, organization = request.world, request.organization
    body = request.json("name", allowed=("firewallRanges", *_CLUSTER_KEYS, *_CREATE_ONLY))
    world.take_lock(organization)
    if not _CLUSTER_NAME.fullmatch(body["name"]):
        raise Refused(400, "name: must be in a valid format")
    if not isinstance(body.get("firewallRanges"), list):
        raise Refused(400, "firewallRanges is required")
    if body.get("projectID") not in organization.projects:
        raise Refused(400, "projectID is required")
    region = _region(body.get("region"))
    if region is None or region[1] != body.get("provider"):
        raise Refused(400, "region is not valid")
    live = [c for c in organization.clusters.values() if c["state"] in _LIVE]
    if any(c["name"] == body["name"] for c in live):
        raise Refused(500, f"cluster {body['name']} already exists")
    cluster: Wire = {
        "name": body["name"],
        "clusterID": new_id(),
        "groupID": new_id(),
        "state": "PENDING",
        "createdAt": world.clock.stamp(),
        "expiresAt": GO_ZERO_TIME,
        "provider": region[1],
        "region": region[2],
        "projectID": body["projectID"],
        "sizeConfig": body.get("sizeConfig") or {"size": "S-00", "scaleFactor": 1},
        "deploymentType": body.get("deploymentType") or "PRODUCTION",
        "firewallRanges": [],
        "allowAllTraffic": None,
        "autoSuspend": _suspension(body.get("autoSuspend")),
        "~password": _new_password(),
        "~expires": world.expiry(body.get("expiresAt")),
    }
    if cluster["~expires"] is not None:
        cluster["expiresAt"] = cluster["~expires"].strftime("%Y-%m-%d %H:%M:%S.%f +0000 UTC")
    for key in ("autoScale", "cacheConfig", "updateWindow", "kai", "multiAZ"):
        cluster[key] = body.get(key)
    cluster["optInPreviewFeature"] = body.get("optInPreviewFeature")
    endpoint = world.endpoint or f"svc-{cluster['clusterID']}-dml.test.invalid"
    _become_active(request, cluster, {"endpoint": endpoint}, body)
    organization.clusters[cluster["clusterID"]] = cluster
    return {"clusterID": cluster["clusterID"], "adminPassword": cluster["~password"]}


def _become_active(request: Request, cluster: Wire, changes: Wire, body: Wire) -> None:
    world = request.world
    world.begin(cluster, {"state": "ACTIVE", **changes}, {"state": "FAILED"})
    if "firewallRanges" in body or "allowAllTraffic" in body:
        firewall = _set_firewall(request, cluster, body)
        mode = world.behaviour.transitions
        try:
            # Some requests after the cluster is active, whatever made it so.
            if mode == "instant":
                world.behaviour.transitions = f"polls:{world.behaviour.firewall_polls}"
            world.begin(cluster, firewall, firewall)
        finally:
            world.behaviour.transitions = mode


@route("GET", "clusters/{id}", 2)
def get_cluster(request: Request) -> Any:
    return wire(_get(request.organization.clusters, request, "cluster"), omit_nulls=True)


@route("PATCH", "clusters/{id}", 2)
def update_cluster(request: Request) -> Any:
    cluster = _get(request.organization.clusters, request, "cluster")
    body = request.json(allowed=("name", "firewallRanges", *_CLUSTER_KEYS))
    if cluster["state"] != "ACTIVE":
        raise Refused(400, f"cluster is {cluster['state']}")
    # Accepted and ignored, as in the real service.
    ignored = ("name", "adminPassword", "firewallRanges", "allowAllTraffic")
    changes = {k: v for k, v in body.items() if k not in ignored}
    if "sizeConfig" in changes:
        changes["sizeConfig"] = {**cluster["sizeConfig"], **changes["sizeConfig"]}
    if "expiresAt" in changes:
        cluster["~expires"] = request.world.expiry(changes["expiresAt"])
        changes["expiresAt"] = cluster["~expires"].isoformat().replace("+00:00", "Z")
    if "autoSuspend" in changes:
        changes["autoSuspend"] = _suspension(changes["autoSuspend"])
    cluster["state"] = "PENDING"
    _become_active(request, cluster, changes, body)
    return {"clusterID": cluster["clusterID"]}


@route("DELETE", "clusters/{id}", 2)
def delete_cluster(request: Request) -> Any:
    cluster = _get(request.organization.clusters, request, "cluster")
    if cluster["state"] in ("PENDING", "TRANSITIONING"):
        raise Refused(409, f"cluster is {cluster['state']}")
    request.world.begin(cluster, {"state": "TERMINATED", "terminatedAt": request.world.clock.stamp})
    return {"clusterID": cluster["clusterID"]}


@route("POST", "clusters/{id}/suspend", 2)
def suspend_cluster(request: Request) -> Any:
    _suspend(request, _get(request.organization.clusters, request, "cluster"))
    return {"clusterID": request.args["id"]}


@route("POST", "clusters/{id}/resume", 2)
def resume_cluster(request: Request) -> Any:
    _resume(request, _get(request.organization.clusters, request, "cluster"))
    return {"clusterID": request.args["id"]}


# -- starter deployments --


def _starter_key(version: int) -> str:
    return "virtualWorkspaceID" if version == 1 else "virtualClusterID"


def _starter_wire(request: Request, starter: Wire) -> Wire:
    return {_starter_key(request.version): starter["~id"], **wire(starter)}


def _list_starters(request: Request) -> Any:
    return [_starter_wire(request, s) for s in request.organization.starters.values()]


def _create_starter(request: Request) -> Any:
    organization = request.organization
    body = request.json("name", "databaseName", "provider", "regionName")
    if body["provider"] not in ("AWS", "AZURE", "GCP"):
        raise Refused(500, "Unspecified is not a valid CloudServiceProvider")
    if body["regionName"] not in {slug for _, _, slug in SHARED_TIER}:
        raise Refused(500, "region is not on the shared tier")
    projects = list(organization.projects)
    starter: Wire = {
        "~id": new_id(),
        "name": body["name"],
        "databaseName": body["databaseName"],
        "endpoint": request.world.endpoint or "svc-starter-dml.test.invalid",
        "mysqlDmlPort": 3333,
        "websocketPort": 443,
        "projectID": body.get("projectID") or projects[-1],
    }
    organization.starters[starter["~id"]] = starter
    return {_starter_key(request.version): starter["~id"]}


def _get_starter(request: Request) -> Any:
    return _starter_wire(request, _get(request.organization.starters, request, "starter"))


def _delete_starter(request: Request) -> Any:
    _get(request.organization.starters, request, "starter")
    del request.organization.starters[request.args["id"]]
    return True


def _create_user(request: Request) -> Any:
    organization = request.organization
    _get(organization.starters, request, "starter")
    body = request.json("userName", allowed=_strict(request, "password"))
    if any(u["userName"] == body["userName"] for u in organization.starter_users.values()):
        raise Refused(500, "internal error")
    user = {
        "userID": new_id(),
        "userName": body["userName"],
        "~owner": request.args["id"],
        "~password": body.get("password") or _new_password(),
    }
    organization.starter_users[user["userID"]] = user
    return {"userID": user["userID"], "password": user["~password"]}


def _user(request: Request) -> Wire:
    found = request.organization.starter_users.get(request.args["user"])
    if found is None or found["~owner"] != request.args["id"]:
        raise Refused(404, "user not found")
    return found


def _get_user(request: Request) -> Any:
    return wire(_user(request))


def _update_user(request: Request) -> Any:
    _user(request)["~password"] = request.json("password")["password"]
    return True


def _delete_user(request: Request) -> Any:
    del request.organization.starter_users[_user(request)["userID"]]
    return True


for _path, _version in (("sharedtier/virtualWorkspaces", 1), ("sharedtier/virtualClusters", 2)):
    route("GET", _path, _version)(_list_starters)
    route("POST", _path, _version)(_create_starter)
    route("GET", _path + "/{id}", _version)(_get_starter)
    route("DELETE", _path + "/{id}", _version)(_delete_starter)
    route("POST", _path + "/{id}/users", _version)(_create_user)
    route("GET", _path + "/{id}/users/{user}", _version)(_get_user)
    route("PATCH", _path + "/{id}/users/{user}", _version)(_update_user)
    route("DELETE", _path + "/{id}/users/{user}", _version)(_delete_user)
