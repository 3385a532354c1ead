"""The local service itself: what others' tests rely on."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import Any

import pytest
import requests

from singlestoredb.management.workspace import WorkspaceManager
from singlestoredb.management.workspace_group import WorkspaceGroup
from singlestoredb.testing.management_api import ManagementAPI

UNKNOWN = "00000000-0000-0000-0000-000000000000"


def call(api: ManagementAPI, method: str, path: str, **kwargs: Any) -> requests.Response:
    """Send a request as somebody else's client would."""
    headers = {"Authorization": f"Bearer {api.token}", **kwargs.pop("headers", {})}
    return requests.request(method, api.url + path, headers=headers, timeout=5, **kwargs)


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/v3/regions", 404, "not found"),
        ("GET", "/", 404, "not found"),
        ("GET", "/v1/nothing", 404, "not found"),
        ("PUT", "/v1/regions", 405, "not allowed"),
        ("GET", "/v1/workspaces", 400, "workspaceGroupID is required"),
        ("GET", "/v1/workspaces/x", 400, "incorrect UUID length"),
        ("GET", f"/v1/workspaces/{UNKNOWN}", 404, "not found"),
        ("GET", "/v2/workspaceGroups", 404, "not found"),
        ("GET", "/v1/clusters", 404, "not found"),
        ("GET", "/v1/users?organizationID=nobody", 404, "organization nobody"),
        ("GET", "/v1/users/current/x", 404, "not found"),
        ("GET", "/v1/auditLogs?nextToken=", 200, "auditLogs"),
        ("GET", "/v1/billing/usage", 400, "startTime is required"),
        ("GET", f"/v1/jobs/{UNKNOWN}", 404, "job"),
        ("GET", "/v1/files/fs/galaxy/x", 404, "no such file space"),
    ],
)
def test_refusals(api: ManagementAPI, method: str, path: str, status: int, words: str) -> None:
    res = call(api, method, path)
    assert (res.status_code, words in res.text) == (status, True)


def test_only_known_tokens_are_let_in(api: ManagementAPI) -> None:
    for headers in ({"Authorization": ""}, {"Authorization": "Bearer x"}):
        assert call(api, "GET", "/v1/users", headers=headers).status_code == 401
    token = api.issue_token()
    headers = {"Authorization": f"Bearer {token}"}
    assert call(api, "GET", "/v1/users", headers=headers).status_code == 200
    api.revoke_token(token)
    assert call(api, "GET", "/v1/users", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/v2/clusters", {"name": "x", "surprise": 1}, "unknown field"),
        ("/v2/clusters", {"name": "X Y", "firewallRanges": []}, "must be in a valid format"),
        ("/v2/clusters", {"name": "x"}, "firewallRanges is required"),
        ("/v2/clusters", {"name": "x", "firewallRanges": []}, "projectID is required"),
        ("/v1/workspaceGroups", {"name": "x"}, "firewallRanges is required"),
        ("/v1/workspaceGroups", {"name": "x", "firewallRanges": []}, "region is not valid"),
        ("/v1/secrets", {"name": "a b", "value": "x"}, "only letters"),
        ("/v1/roles/Galaxy", {"role": "x"}, "permissions is required"),
        ("/v1/privateConnections", {"workspaceGroupID": UNKNOWN}, "not found"),
        ("/v1/jobs", {"schedule": {}, "executionConfig": {"notebookPath": "n"}}, "notebook n"),
    ],
)
def test_validation(api: ManagementAPI, path: str, body: dict[str, Any], words: str) -> None:
    res = call(api, "POST", path, json=body)
    assert (res.status_code >= 400, words in res.text) == (True, True)


def test_bodies_that_are_no_objects(api: ManagementAPI) -> None:
    for body in ("[1]", "{", "7"):
        assert call(api, "POST", "/v1/teams", data=body).status_code == 400


def test_names_are_unique_while_they_live(
    api: ManagementAPI, workspaces: WorkspaceManager, group: WorkspaceGroup
) -> None:
    body: dict[str, Any] = {
        "name": "group",
        "firewallRanges": [],
        "regionID": workspaces.regions[0].id,
    }
    res = call(api, "POST", "/v1/workspaceGroups", json=body)
    assert "already exists" in res.text
    group.terminate(wait_on_terminated=True)
    assert call(api, "POST", "/v1/workspaceGroups", json=body).status_code == 200
    assert workspaces.workspace_groups.names() == ["group", "group"]


@pytest.mark.parametrize(
    ("password", "kept"),
    [
        ("Aabc1!Axcy1!Axz", False),
        ("Axcy1!Axcy1!Axcz", True),
        ("Axcy1&Axcy1&Axcz", False),
        ("short1!A", False),
        ("Axcy1!Axcy1!Axxx", False),
    ],
)
def test_password_policy(
    workspaces: WorkspaceManager, api: ManagementAPI, password: str, kept: bool
) -> None:
    group = workspaces.create_workspace_group(
        "g", workspaces.regions[0], [], admin_password=password
    )
    assert (group.admin_password is None) == kept
    held = api.changed(lambda o: o.groups[group.id]["~password"])
    assert held == (password if kept else group.admin_password)


def test_groups_expire_on_the_clock(api: ManagementAPI, workspaces: WorkspaceManager) -> None:
    group = workspaces.create_workspace_group("g", workspaces.regions[0], [], expires_at="1h30m")
    api.advance(89 * 60)
    assert group.refresh().state == "ACTIVE"
    api.advance(2 * 60)
    assert group.refresh().state == "TERMINATED"


def test_requests_are_recorded(api: ManagementAPI) -> None:
    call(api, "POST", "/v1/teams?x=1", json={"name": "t"})
    seen = api.requests[0]
    assert (seen.method, seen.path, seen.query) == ("POST", "/v1/teams", {"x": "1"})
    assert seen.json == {"name": "t"}
    assert seen.size == len(json.dumps({"name": "t"}))
    assert api.routes() == ["POST teams"]
    api.forget_requests()
    assert api.requests == []


def test_chunked_uploads(api: ManagementAPI) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    body = head + b"hello\r\n--b--\r\n"
    res = call(
        api,
        "PUT",
        "/v2/files/fs/personal/f",
        data=iter([body[:30], body[30:]]),
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )
    assert res.status_code == 200
    assert call(api, "GET", "/v2/files/fs/personal/f").content == b"hello"
    for bad in (b"", b"--b\r\nno", body[:-8]):
        res = call(
            api,
            "PUT",
            "/v2/files/fs/personal/g",
            data=bad,
            headers={"Content-Type": "multipart/form-data; boundary=b"},
        )
        assert res.status_code == 400
    res = call(api, "PUT", "/v2/files/fs/personal/g", data=b"x")
    assert "multipart" in res.text


def test_other_clients_uploads_are_understood(api: ManagementAPI) -> None:
    files = {"file": ("f", b"\r\n--not the end\r\n" * 1000)}
    assert call(api, "PUT", "/v2/files/fs/personal/f", files=files).status_code == 200
    assert call(api, "GET", "/v2/files/fs/personal/f").content == files["file"][1]


def test_faults_can_wait_and_end(api: ManagementAPI) -> None:
    api.fault("GET", "users", status=418, skip=1, times=2)
    statuses = [call(api, "GET", "/v1/users").status_code for _ in range(4)]
    assert statuses == [200, 418, 418, 200]
    api.fault(status=503, times=-1)
    assert call(api, "GET", "/v1/users").status_code == 503
    api.clear_faults()
    assert call(api, "GET", "/v1/users").status_code == 200


def test_latency(api: ManagementAPI) -> None:
    api.behaviour.latency = 0.2
    with pytest.raises(requests.ReadTimeout):
        requests.get(api.url, timeout=0.02)


def test_reset_forgets_all(api: ManagementAPI, workspaces: WorkspaceManager) -> None:
    workspaces.create_team("t")
    api.add_file("personal", "f", b"x")
    token, url = api.token, api.url
    api.behaviour.latency = 5
    api.reset()
    assert api.url == url
    assert api.token != token
    assert api.behaviour.latency == 0
    manager = WorkspaceManager(api.token)
    assert manager.teams == []


def test_files_can_be_put_there(api: ManagementAPI, group: WorkspaceGroup) -> None:
    api.add_file(group.id, "a/b/c.txt", b"x")
    assert group.stage.listdir(recursive=True) == ["a/", "a/b/", "a/b/c.txt"]


def test_two_services_are_strangers() -> None:
    before = set(threading.enumerate())
    with ManagementAPI() as one, ManagementAPI() as other:
        WorkspaceManager(one.token, base_url=one.url).create_team("t")
        assert WorkspaceManager(other.token, base_url=other.url).teams == []
        res = requests.get(
            other.url + "/v1/teams", headers={"Authorization": f"Bearer {one.token}"}, timeout=5
        )
        assert res.status_code == 401
    assert set(threading.enumerate()) <= before


def test_mistakes_in_the_service_are_told(api: ManagementAPI) -> None:
    api.behaviour.transitions = "sometimes"
    res = call(api, "POST", "/v1/workspaceGroups", json=_group(api))
    assert res.status_code == 500
    assert res.text == "the local service failed: ValueError(\"unknown transitions 'sometimes'\")"


def _group(api: ManagementAPI) -> dict[str, Any]:
    region = call(api, "GET", "/v1/regions").json()[0]["regionID"]
    return {"name": "g", "firewallRanges": [], "regionID": region}


def test_strict_fields(api: ManagementAPI, group: WorkspaceGroup) -> None:
    path = f"/v1/workspaceGroups/{group.id}"
    assert call(api, "PATCH", path, json={"x": 1}).status_code == 200
    api.behaviour.strict_fields = True
    assert "unknown field" in call(api, "PATCH", path, json={"x": 1}).text


def test_runs_as_a_program() -> None:
    command = [sys.executable, "-m", "singlestoredb.testing.management_api"]
    with subprocess.Popen(
        [*command, "--backend", "127.0.0.1:1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        url, token = server.stdout.readline().split()
        manager = WorkspaceManager(token, base_url=url)
        starter = manager.create_starter_workspace("s", "db", "AWS", "us-east-1")
        assert starter.endpoint is not None
        assert starter.endpoint.startswith("127.0.0.1:")
        server.communicate(timeout=20)
    assert server.returncode == 0
