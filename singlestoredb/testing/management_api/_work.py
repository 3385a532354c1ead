"""Jobs, exports, models, and recovery from disaster."""

from __future__ import annotations

import datetime
from typing import Any

from ._filesystem import PathRefused
from ._http import Request, Router
from ._seeds import REGION_IDS, REGIONS, RUNTIMES
from ._world import Organization, Refused, Wire, World, new_id, wire

router = Router()
route = router.add

_TARGETS = {
    1: ("Workspace", "Cluster", "VirtualWorkspace"),
    2: ("Cluster", "VirtualCluster"),
}
_JOB_KEYS = ("name", "description", "targetConfig", "parameters")
_SECONDS = 3.5  # what every execution takes


def _owned(kind: dict[str, Wire], request: Request, what: str, key: str = "id") -> Wire:
    found = kind.get(request.args[key])
    if found is None:
        raise Refused(404, f"{what} {request.args[key]} not found")
    return request.world.observe(found)


# -- jobs --


@route("POST", "jobs")
def create_job(request: Request) -> Any:
    world, organization = request.world, request.organization
    body = request.json("schedule", "executionConfig", allowed=_JOB_KEYS)
    schedule, config = body["schedule"], body["executionConfig"]
    try:
        organization.spaces["shared"].find(config["notebookPath"])
    except (KeyError, PathRefused) as exc:
        raise Refused(400, f"notebook {config.get('notebookPath')} not found") from exc
    if schedule.get("mode") not in ("Once", "Recurring"):
        raise Refused(400, "unknown mode")
    if schedule["mode"] == "Recurring" and not schedule.get("executionIntervalInMinutes"):
        raise Refused(400, "executionIntervalInMinutes is required")
    target = body.get("targetConfig")
    if target is not None and "targetType" in target:
        if target["targetType"] not in _TARGETS[request.version]:
            raise Refused(400, f"unknown target type {target['targetType']}")
        target.setdefault("resumeTarget", False)
    job: Wire = {
        "jobID": new_id(),
        "name": body.get("name"),
        "description": body.get("description"),
        "createdAt": world.clock.stamp(),
        "terminatedAt": None,
        "enqueuedBy": organization.user_id,
        "completedExecutionsCount": 0,
        "jobMetadata": [],
        "schedule": schedule,
        "executionConfig": {
            "createSnapshot": False,
            "maxAllowedExecutionDurationInMinutes": 1440,
            **{k: v for k, v in config.items() if k != "runtimeName"},
        },
        "targetConfig": target,
        "~parameters": body.get("parameters", []),
        "~started": world.clock.now(),
    }
    if schedule["mode"] == "Once":
        failed = world.behaviour.transitions == "fail"
        row = {
            "status": "Failed" if failed else "Completed",
            "count": 1,
            "avgDurationInSeconds": _SECONDS,
            "maxDurationInSeconds": _SECONDS,
        }
        done = {"completedExecutionsCount": 1, "jobMetadata": [row]}
        world.begin(job, done, done)
    organization.jobs[job["jobID"]] = job
    return wire(job)


@route("GET", "jobs/runtimes")
def list_runtimes(request: Request) -> Any:
    return list(RUNTIMES)


def _job(request: Request) -> Wire:
    job = _owned(request.organization.jobs, request, "job")
    interval = job["schedule"].get("executionIntervalInMinutes")
    if interval and job["terminatedAt"] is None:
        passed = request.world.clock.now() - job["~started"]
        count = int(passed / datetime.timedelta(minutes=interval))
        job["completedExecutionsCount"] = count
        row = {"avgDurationInSeconds": _SECONDS, "maxDurationInSeconds": _SECONDS}
        job["jobMetadata"] = [{"status": "Completed", "count": count, **row}] if count else []
    return job


@route("GET", "jobs/{id}")
def get_job(request: Request) -> Any:
    return wire(_job(request))


@route("DELETE", "jobs/{id}")
def delete_job(request: Request) -> Any:
    _job(request)["terminatedAt"] = request.world.clock.stamp()
    return True


@route("GET", "jobs/{id}/parameters")
def get_job_parameters(request: Request) -> Any:
    return _job(request)["~parameters"]


@route("GET", "jobs/{id}/executions")
def get_job_executions(request: Request) -> Any:
    job = _job(request)
    try:
        start, end = int(request.query["start"]), int(request.query["end"])
    except (KeyError, ValueError):
        raise Refused(400, "start and end are required") from None
    count = job["completedExecutionsCount"]
    status = job["jobMetadata"][0]["status"] if job["jobMetadata"] else "Scheduled"
    rows = []
    for number in range(max(1, start), min(end, max(count, 1)) + 1):
        finished = number <= count
        at = job["~started"] + datetime.timedelta(seconds=_SECONDS)
        rows.append(
            {
                "executionID": f"{job['jobID']}-{number}",
                "jobID": job["jobID"],
                "status": status if finished else "Scheduled",
                "snapshotNotebookPath": None,
                "scheduledStartTime": job["~started"].isoformat(),
                "startedAt": job["~started"].isoformat() if finished else None,
                "finishedAt": at.isoformat() if finished else None,
                "executionNumber": number,
            }
        )
    return {
        "executions": rows,
        "executionsMetadata": {
            "startExecutionNumber": rows[0]["executionNumber"] if rows else start,
            "endExecutionNumber": rows[-1]["executionNumber"] if rows else start,
        },
    }


# -- exports --


def _owner(request: Request) -> str:
    organization = request.organization
    kind = organization.groups if request.version == 1 else organization.clusters
    owner = request.args["id"]
    if owner not in kind:
        raise Refused(404, f"{owner} not found")
    return owner


def _create_identity(request: Request) -> Any:
    _owner(request)
    request.json("catalogInfo", "storageInfo", allowed=())
    return {"identity": "arn:aws:iam::123456789012:role/egress"}


def _start_export(request: Request) -> Any:
    owner = _owner(request)
    body = request.json("databaseName", "tableName", "storageInfo", "catalogInfo")
    export = {
        "egressID": new_id(),
        "status": "Running",
        "statusMsg": "",
        "databaseName": body["databaseName"],
        "tableName": body["tableName"],
        "~owner": owner,
    }
    request.world.begin(
        export,
        {"status": "Completed", "statusMsg": "all rows were written"},
        {"status": "Failed", "statusMsg": "the bucket cannot be written"},
    )
    request.organization.exports[export["egressID"]] = export
    return {"egressID": export["egressID"]}


def _export(request: Request) -> Wire:
    owner = _owner(request)
    found = request.organization.exports.get(request.json("egressID")["egressID"])
    if found is None or found["~owner"] != owner:
        raise Refused(404, "export not found")
    return found


def _suspend_export(request: Request) -> Any:
    export = _export(request)
    export.pop("~pending", None)
    export["status"] = "Suspended"
    return {"egressID": export["egressID"]}


def _resume_export(request: Request) -> Any:
    export = _export(request)
    export["status"] = "Running"
    request.world.begin(export, {"status": "Completed"}, {"status": "Failed"})
    return {"egressID": export["egressID"]}


def _drop_export(request: Request) -> Any:
    del request.organization.exports[_export(request)["egressID"]]
    return {}


def _export_status(request: Request) -> Any:
    body = request.json()
    if "egressID" in body:
        return wire(request.world.observe(_export(request)))
    owner = _owner(request)
    found = request.world.observed(request.organization.exports)
    return [wire(e) for e in found if e["~owner"] == owner]


for _prefix, _version in (("workspaceGroups", 1), ("clusters", 2)):
    for _method, _action, _handler in (
        ("POST", "createEgressClusterIdentity", _create_identity),
        ("POST", "startTableEgress", _start_export),
        ("POST", "suspendTableEgress", _suspend_export),
        ("POST", "resumeTableEgress", _resume_export),
        ("DELETE", "dropTableEgress", _drop_export),
        ("GET", "tableEgressStatus", _export_status),
    ):
        route(_method, f"{_prefix}/{{id}}/egress/{_action}", _version)(_handler)


# -- models --


def _model(request: Request) -> Wire:
    return _owned(request.organization.models, request, "model", "name")


@route("GET", "inferenceapis/{project:any}/{name:any}", 1)
def get_inference_api(request: Request) -> Any:
    model = _model(request)
    return {
        "serviceID": model["~serviceID"],
        "modelName": model["name"],
        "name": model["name"],
        "connectionURL": f"https://{model['name']}.test.invalid/v1",
        "internalConnectionURL": f"http://{model['name']}.internal.invalid/v1",
        "projectID": request.args["project"],
        "hostingPlatform": model["hostingPlatform"],
    }


@route("GET", "models", 1)
def list_models(request: Request) -> Any:
    return [wire(m) for m in request.world.observed(request.organization.models)]


@route("POST", "models/{name:any}/start", 1)
def start_model(request: Request) -> Any:
    model = _model(request)
    model["status"] = "Initializing"
    request.world.begin(model, {"status": "Active"})
    return {"modelName": model["name"], "hostingPlatform": model["hostingPlatform"]}


@route("POST", "models/{name:any}/stop", 1)
def stop_model(request: Request) -> Any:
    model = _model(request)
    model["status"] = "Suspended"
    return wire(model)


@route("DELETE", "models/{name:any}", 1)
def drop_model(request: Request) -> Any:
    model = request.organization.models.pop(_model(request)["name"])
    return {**wire(model), "status": "Deleted"}


# -- recovery from disaster --


def _recovery(request: Request) -> Wire:
    organization = request.organization
    group = request.args["id"]
    if group not in organization.groups:
        raise Refused(404, f"workspace group {group} not found")
    empty: Wire = {"compute": {}, "storage": []}
    return request.world.observe(organization.recovery.setdefault(group, empty))


@route("PATCH", "workspaceGroups/{id}/storage/retentionPeriod", 1)
def set_retention(request: Request) -> Any:
    minutes = request.json("retentionPeriod", allowed=())["retentionPeriod"]
    _recovery(request)["~retention"] = minutes
    return None


@route("GET", "workspaceGroups/{id}/storage/DR/status", 1)
def get_recovery_status(request: Request) -> Any:
    return wire(_recovery(request))


@route("GET", "workspaceGroups/{id}/storage/DR/regions", 1)
def list_recovery_regions(request: Request) -> Any:
    _recovery(request)
    return [
        {"regionID": REGION_IDS[slug], "region": name, "provider": provider}
        for name, provider, slug in REGIONS
    ]


@route("POST", "workspaceGroups/{id}/storage/DR/setup", 1)
def set_up_recovery(request: Request) -> Any:
    recovery = _recovery(request)
    body = request.json("regionID", "databaseNames", allowed=("autoReplication",))
    region = next((s for _, _, s in REGIONS if REGION_IDS[s] == body["regionID"]), None)
    if region is None:
        raise Refused(400, "region is not valid")
    if not body["databaseNames"] and not body.get("autoReplication"):
        raise Refused(400, "databaseNames is required")

    def rows(state: str) -> list[Wire]:
        names = body["databaseNames"] or ["db"]
        return [{"databaseName": n, "region": region, "duplicationState": state} for n in names]

    recovery["storage"] = rows("Pending")
    request.world.begin(recovery, {"storage": rows("Active")}, {"storage": rows("Error")})
    return None


def _operate(name: str, request: Request) -> Any:
    recovery = _recovery(request)
    if not recovery["storage"]:
        raise Refused(400, "disaster recovery is not set up")
    base = {"storageDRType": name, "totalWorkspaces": 1}
    recovery["compute"] = {**base, "storageDRState": "Active", "completedWorkspaces": 0}
    request.world.begin(
        recovery,
        {"compute": {**base, "storageDRState": "Completed", "completedWorkspaces": 1}},
        {"compute": {**base, "storageDRState": "Failed", "completedWorkspaces": 0}},
    )
    return None


def _operation(name: str) -> Any:
    return lambda request: _operate(name, request)


for _action, _name in (
    ("failover", "Failover"),
    ("failback", "Failback"),
    ("startPreProvision", "PreProvisionStart"),
    ("stopPreProvision", "PreProvisionStop"),
):
    route("PATCH", f"workspaceGroups/{{id}}/storage/DR/{_action}", 1)(_operation(_name))


def retention_minutes(world: World, organization: Organization, group_id: str) -> Any:
    """Return the minutes that a group keeps its history, for assertions."""
    with world.lock:
        return organization.recovery.get(group_id, {}).get("~retention")
