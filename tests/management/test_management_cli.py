"""``s2 mgmt``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from singlestoredb.cli.mgmt import mgmt
from singlestoredb.management.cluster import Cluster, ClusterManager
from singlestoredb.management.workspace import WorkspaceManager
from singlestoredb.management.workspace_group import WorkspaceGroup
from singlestoredb.testing.management_api import ManagementAPI


def s2(*args: str | Path, code: int = 0) -> Result:
    """Run ``s2 mgmt`` and check its exit code."""
    result = CliRunner().invoke(mgmt, [str(a) for a in args])
    assert result.exit_code == code, result.output
    return result


def answer(*args: str | Path) -> Any:
    """Return what ``s2 mgmt … --json`` prints."""
    return json.loads(s2(*args, "--json").stdout)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("singlestoredb.management.timing.time.sleep", lambda seconds: None)


def test_groups(api: ManagementAPI) -> None:
    assert answer("groups", "list") == []
    region = "US East 1 (N. Virginia)"
    made = answer("groups", "create", "g", "--region", region, "--firewall-range", "10.0.0.0/8")
    assert (made["name"], made["region"], made["state"]) == ("g", region, "ACTIVE")
    assert len(made["admin_password"]) >= 14
    listed = answer("groups", "list")
    assert [g["id"] for g in listed] == [made["id"]]
    assert "admin_password" not in listed[0]
    assert made["id"] in s2("groups", "list").stdout
    assert api.organization.groups[made["id"]]["firewallRanges"] == ["10.0.0.0/8"]
    s2("groups", "terminate", "g", "--wait")
    assert answer("groups", "list")[0]["state"] == "TERMINATED"
    assert (
        "no workspace group 'g'; there are: none" in s2("groups", "terminate", "g", code=1).stderr
    )


def test_workspaces(api: ManagementAPI, group: WorkspaceGroup) -> None:
    api.behaviour.transitions = "polls:2"
    made = answer("workspaces", "create", "w", "--group", "group", "--size", "S-1", "--wait")
    assert (made["state"], made["size"]) == ("ACTIVE", "S-1")
    s2("workspaces", "suspend", "w", "--wait", "--group", "group")
    assert answer("workspaces", "list")[0]["state"] == "SUSPENDED"
    s2("workspaces", "resume", made["id"], "--wait")
    assert answer("workspaces", "list", "--group", group.id)[0]["state"] == "ACTIVE"
    s2("workspaces", "terminate", "w", "--wait")
    assert answer("workspaces", "list")[0]["state"] == "TERMINATED"
    assert "no workspace 'w'" in s2("workspaces", "resume", "w", code=1).stderr


def test_ambiguous_names_need_an_id(
    api: ManagementAPI, workspaces: WorkspaceManager, group: WorkspaceGroup
) -> None:
    other = workspaces.create_workspace_group("other", workspaces.regions[0], [])
    ids = sorted(g.create_workspace("w").id for g in (group, other))
    message = s2("workspaces", "suspend", "w", code=1).stderr
    assert "several workspaces are named 'w'; use an ID" in message
    assert all(i in message for i in ids)
    s2("workspaces", "suspend", "w", "--group", "other")


def test_timeouts_fail(api: ManagementAPI, group: WorkspaceGroup) -> None:
    api.behaviour.transitions = "stuck"
    args = ("workspaces", "create", "w", "--group", "group", "--wait", "--timeout", "20")
    assert "Exceeded waiting time" in s2(*args, code=1).stderr


def test_clusters(api: ManagementAPI) -> None:
    project = ("--project", "Standard Project")
    made = answer("clusters", "create", "c", "--region", "US-EAST-1", *project, "--wait")
    assert (made["provider"], made["state"]) == ("AWS", "ACTIVE")
    assert made["admin_password"]
    s2("clusters", "suspend", "c", "--wait")
    s2("clusters", "resume", "c", "--wait")
    assert answer("clusters", "list")[0]["state"] == "ACTIVE"
    assert "US East 1 (N. Virginia)" in s2("clusters", "list").stdout
    s2("clusters", "terminate", made["id"], "--wait")
    assert answer("clusters", "list")[0]["state"] == "TERMINATED"
    bad = ("clusters", "create", "d", *project, "--region")
    assert "no region is called 'mars': AWS eu-west-1" in s2(*bad, "mars", code=1).stderr
    assert "no region" in s2(*bad, "us-east-1", "--provider", "GCP", code=1).stderr
    assert "--help" not in s2("clusters", "suspend", "--help").stderr


def test_regions(api: ManagementAPI) -> None:
    assert {r["provider"] for r in answer("regions")} == {"AWS", "GCP", "Azure"}


@pytest.mark.parametrize("owner", ["group", "cluster"])
def test_stage(
    request: pytest.FixtureRequest, api: ManagementAPI, tmp_path: Path, owner: str
) -> None:
    deployment: WorkspaceGroup | Cluster = request.getfixturevalue(owner)
    (tmp_path / "folder" / "sub").mkdir(parents=True)
    (tmp_path / "folder" / "a.txt").write_text("a")
    (tmp_path / "folder" / "sub" / "b.log").write_text("b")
    root = f"stage://{owner}"
    assert answer("stage", "ls", root) == []
    s2("stage", "cp", tmp_path / "folder" / "a.txt", f"{root}/")
    s2("stage", "cp", tmp_path / "folder" / "a.txt", f"{root}/x.txt")
    s2("stage", "cp", "-r", tmp_path / "folder", f"{root}/up", "--ignore", "*.log")
    s2("stage", "cp", "-r", tmp_path / "folder", f"stage://{deployment.id}/all")
    listed = answer("stage", "ls", "-r", root)
    assert sorted(f["path"] for f in listed if f["type"] != "directory") == [
        "a.txt",
        "all/a.txt",
        "all/sub/b.log",
        "up/a.txt",
        "x.txt",
    ]
    assert "a.txt" in s2("stage", "ls", f"{root}/up").stdout
    s2("stage", "cp", f"{root}/x.txt", tmp_path)
    assert (tmp_path / "x.txt").read_text() == "a"
    assert "already exists" in s2("stage", "cp", f"{root}/x.txt", tmp_path, code=1).stderr
    s2("stage", "cp", f"{root}/x.txt", tmp_path / "x.txt", "--overwrite")
    s2("stage", "cp", "-r", f"{root}/all", tmp_path / "back")
    assert (tmp_path / "back" / "sub" / "b.log").read_text() == "b"
    assert "use --recursive" in s2("stage", "rm", f"{root}/all", code=1).stderr
    s2("stage", "rm", "-r", f"{root}/all")
    s2("stage", "rm", f"{root}/x.txt")
    assert [f["path"] for f in answer("stage", "ls", root)] == ["a.txt", "up/"]


@pytest.mark.parametrize(
    "args",
    [
        ("stage", "ls", "group/x"),
        ("stage", "ls", "stage:///x"),
        ("stage", "cp", "a", "b"),
        ("stage", "cp", "stage://a/b", "stage://c/d"),
        ("stage", "cp", "x", "stage://group/x", "--ignore", "*"),
        ("stage", "rm", "-r", "stage://group/"),
        ("groups", "create", "g"),
        ("nothing",),
    ],
)
def test_wrong_usage(api: ManagementAPI, group: WorkspaceGroup, args: tuple[str, ...]) -> None:
    s2(*args, code=2)


def test_errors_are_one_line(api: ManagementAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    api.fault(status=403, body="not yours", times=-1)
    result = s2("groups", "list", code=1)
    assert result.stderr.startswith("Error: 403: not yours: GET /workspaceGroups")
    assert result.stderr.count("\n") == 1
    monkeypatch.setenv("SINGLESTOREDB_MANAGEMENT_RETRIES", "0")
    assert (
        "ConnectionError" in s2("--base-url", "http://127.0.0.1:1", "groups", "list", code=3).stderr
    )
    monkeypatch.delenv("SINGLESTOREDB_MANAGEMENT_TOKEN")
    assert "SINGLESTOREDB_MANAGEMENT_TOKEN" in s2("groups", "list", code=1).stderr


def test_organization_can_be_chosen(api: ManagementAPI, clusters: ClusterManager) -> None:
    other = api.add_organization("Other")
    s2("--organization", other.id, "clusters", "list")
    assert api.requests[-1].query == {"organizationID": other.id}
