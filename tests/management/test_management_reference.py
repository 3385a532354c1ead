"""Every name of the API reference exists, and is exercised against the local service."""

from __future__ import annotations

import enum
import importlib
import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

import singlestoredb.management
from singlestoredb.exceptions import ManagementError, OperationalError
from singlestoredb.management import job as job_module
from singlestoredb.management.cluster import Cluster, ClusterManager, manage_cluster
from singlestoredb.management.export import ExportService, ExportStatus, _get_exports
from singlestoredb.management.files import FilesObject, FileSpace, manage_files
from singlestoredb.management.job import Mode, Status, TargetType
from singlestoredb.management.organization import Organization
from singlestoredb.management.private_connections import KaiPrivateConnectionInfo
from singlestoredb.management.region import manage_regions
from singlestoredb.management.stage import Stage
from singlestoredb.management.workspace import (
    Billing,
    StarterWorkspaceUser,
    Workspace,
    WorkspaceManager,
    manage_workspaces,
)
from singlestoredb.management.workspace_group import WorkspaceGroup
from singlestoredb.testing.management_api import ManagementAPI
from singlestoredb.testing.management_api._seeds import MODEL, NOTEBOOK
from singlestoredb.testing.management_api._work import retention_minutes

REFERENCE = (Path(__file__).parent / "api_reference.txt").read_text().split()
CLOSED_PORT = "127.0.0.1:1"
DAY = datetime(2026, 1, 2)


def resolve(entry: str) -> Any:
    """Return what the API reference names, without triggering properties."""
    module_name, _, path = entry.partition(":")
    if module_name == "singlestoredb":
        # The package's root only repeats what the management package has.
        module_name = "singlestoredb.management"
    out: Any = importlib.import_module(module_name)
    for part in path.split("."):
        out = inspect.getattr_static(out, part) if inspect.isclass(out) else getattr(out, part)
    return out


# -- scenarios: each says what it expects, together they exercise every name --


def workspace_lifecycle(api: ManagementAPI) -> None:
    api.endpoint = CLOSED_PORT
    with pytest.warns(DeprecationWarning, match="manage_clusters"):
        manager = manage_workspaces(api.token, base_url=api.url)
    region = manager.regions["US East 1 (N. Virginia)"]
    assert (region.provider, region.id is not None) == ("AWS", True)
    group = manager.create_workspace_group("g", region, ["10.0.0.0/8"], expires_at="2h")
    assert group.region is region
    assert group.admin_password is not None
    assert group.expires_at is not None
    assert manager.workspace_groups["g"].id == manager.get_workspace_group(group.id).id
    group.update(name="renamed", allow_all_traffic=True, update_window={"day": 1, "hour": 2})
    assert (group.name, group.allow_all_traffic) == ("renamed", True)
    assert group.update_window == {"day": 1, "hour": 2}
    made = group.create_workspace(
        "w", size="S-00", auto_suspend={"suspend_type": "IDLE", "suspend_after_seconds": 600}
    )
    assert made.auto_suspend == {"suspend_type": "IDLE", "idle_after_seconds": 600}
    other = manager.create_workspace("other", group, wait_on_active=True)
    assert group.workspaces.names() == ["w", "other"]
    workspace = manager.get_workspace(made.id)
    workspace.update(size="S-1", auto_scale={"max_scale_factor": 2, "sensitivity": "LOW"})
    assert workspace.size == "S-1"
    assert workspace.auto_scale == {"max_scale_factor": 2, "sensitivity": "LOW"}
    workspace.suspend(wait_on_suspended=True)
    assert workspace.state == "SUSPENDED"
    workspace.resume(disable_auto_suspend=True, wait_on_resumed=True)
    assert (workspace.state, workspace.auto_suspend) == ("ACTIVE", None)
    assert workspace.resume_attachments[0]["attachment"] == "READWRITE"
    assert workspace.last_resumed_at is not None
    with pytest.raises(OperationalError):
        workspace.connect(user="admin", password="x", connect_timeout=1)
    with pytest.raises(ManagementError, match="force"):
        group.terminate()
    workspace.terminate(wait_on_terminated=True)
    assert workspace.refresh().terminated_at is not None
    with pytest.raises(ManagementError, match="endpoint"):
        workspace.connect()
    group.terminate(force=True, wait_on_terminated=True)
    assert group.refresh().state == "TERMINATED"
    assert other.refresh().state == "TERMINATED"


def starter_workspaces(api: ManagementAPI) -> None:
    api.endpoint = CLOSED_PORT
    manager = WorkspaceManager()
    where = manager.shared_tier_regions[0]
    assert where.region_name is not None
    made = manager.create_starter_workspace("s", "db", where.provider, where.region_name)
    assert manager.starter_workspaces["s"].id == manager.get_starter_workspace(made.id).id
    assert made.refresh().database_name == "db"
    with pytest.raises(OperationalError):
        made.connect(user="u", password="p", connect_timeout=1)
    user = made.create_user("u", "p4ssw0rd-of-u")
    assert isinstance(user, StarterWorkspaceUser)
    assert (user["user_id"], user["password"]) == (user.id, "p4ssw0rd-of-u")
    assert made.get_user(user.id).name == "u"
    user.update(password="another-password")
    assert user.password == "another-password"
    held = api.changed(lambda o: o.starter_users[user.id]["~password"])
    assert held == "another-password"
    user.delete()
    with pytest.raises(ManagementError, match="404"):
        made.get_user(user.id)
    made.terminate()
    assert manager.starter_workspaces == []


def regions_and_organization(api: ManagementAPI) -> None:
    manager = manage_regions(api.token, "v1", api.url)
    assert {r.provider for r in manager.list_regions()} == {"AWS", "GCP", "Azure"}
    assert {r.id for r in manager.list_shared_tier_regions()} == {None}
    workspaces = WorkspaceManager()
    newer = workspaces.regions_v2
    assert (newer[0].id, newer[0].region_name) == (None, "us-east-1")
    organization = workspaces.organization
    assert isinstance(organization, Organization)
    assert organization.name == "Test Organization"
    grant = {"role": "Reader", "users": [workspaces.current_user.id]}
    organization.update_access_controls(grants=[grant])
    assert [c["role"] for c in organization.get_access_controls()] == ["Reader"]
    assert workspaces.projects.names() == ["Standard Project", "Shared Project"]
    assert workspaces.projects[0].edition == "STANDARD"


def secrets(api: ManagementAPI) -> None:
    manager = WorkspaceManager()
    made = manager.create_secret("key", "first")
    assert manager.secrets["key"].id == manager.get_secret_by_id(made.id).id
    made.update(value="second")
    assert manager.organization.get_secret("key").value == "second"
    assert "second" not in repr(made)
    made.update_access_controls(grants=[{"role": "Reader", "users": [manager.current_user.id]}])
    assert made.get_access_controls()[0]["role"] == "Reader"
    made.delete()
    with pytest.raises(ManagementError, match="not found"):
        manager.organization.get_secret("key")


def users_and_teams(api: ManagementAPI) -> None:
    manager = WorkspaceManager()
    user = manager.add_user("ada@example.com")
    assert manager.get_user(user.id).email == "ada@example.com"
    assert user.id in manager.users.ids()
    team = manager.create_team("t", "a team", [user.id])
    assert team.member_ids == [user.id]
    assert manager.get_team(team.id).name == manager.teams["t"].name == "t"
    me = manager.current_user
    team.update(name="u", member_ids=[me.id])
    assert (team.name, team.refresh().member_ids) == ("u", [me.id])
    team.update_access_controls(grants=[{"role": "Owner", "users": [user.id]}])
    assert team.get_access_controls()[0]["role"] == "Owner"
    assert user.get_identity_roles("team")[0]["resourceID"] == team.id
    organization = manager.organization
    organization.update_access_controls(grants=[{"role": "Reader", "teams": [team.id]}])
    assert team.get_identity_roles("Organization")[0]["role"] == "Reader"
    team.delete()
    assert manager.teams == []
    user.remove()
    assert user.id not in manager.users.ids()


def roles(api: ManagementAPI) -> None:
    manager = WorkspaceManager()
    assert "Owner" in [r.name for r in manager.get_roles("workspace_group")]
    role = manager.create_role("workspacegroup", "Auditor", ["View"], ["Reader"])
    assert role.inherits == [{"resourceType": "Cluster", "role": "Reader"}]
    role.update(permissions=["View", "Operate"])
    again = manager.get_role("cluster", "Auditor")
    assert again.permissions == ["View", "Operate"]
    assert again.inherits == role.inherits
    role.delete()
    with pytest.raises(ManagementError, match="404"):
        manager.get_role("cluster", "Auditor")
    api.forget_requests()
    with pytest.raises(ManagementError, match="built in"):
        manager.get_role("Team", "Owner").delete()
    assert api.routes() == ["GET roles/Team/Owner"]


def invitations(api: ManagementAPI) -> None:
    manager = WorkspaceManager()
    team = manager.create_team("t")
    made = manager.create_invitation("eve@example.com", teams=[team.id])
    assert (made.state, made.teams) == ("Pending", [team.id])
    assert manager.invitations.ids() == [made.id]
    made.revoke()
    assert manager.get_invitation(made.id).state == made.state == "Revoked"


def audit_log(api: ManagementAPI) -> None:
    api.add_audit_logs(5)
    manager = WorkspaceManager()
    page = manager.get_audit_logs(limit=2)
    assert len(page) == 2
    assert page.next_token is not None
    entry = page.logs[0]
    assert (entry.type, entry.resource_type, entry.details) == ("Login", "Workspace", {"number": 0})
    api.forget_requests()
    entries = list(manager.iter_audit_logs(limit=2, type="Login"))
    assert [e.details for e in entries] == [{"number": n} for n in range(5)]
    assert len(api.requests) == 3


def private_connections(api: ManagementAPI) -> None:
    manager = WorkspaceManager()
    group = manager.create_workspace_group("g", manager.regions[0], [])
    workspace = group.create_workspace("w")
    made = manager.create_private_connection(
        group.id, "inbound", ["123456789012"], workspace_id=workspace.id
    )
    assert (made.type, made.status, made.allow_list) == ("INBOUND", "ACTIVE", ["123456789012"])
    assert group.private_connections.ids() == workspace.private_connections.ids() == [made.id]
    made.update(["210987654321"])
    assert made.allow_list == ["210987654321"]
    made.refresh()
    assert manager.get_private_connection(made.id).status == "ACTIVE"
    made.delete()
    with pytest.raises(ManagementError, match="404"):
        manager.get_private_connection(made.id)
    info = workspace.get_kai_private_connection_info()
    assert isinstance(info, KaiPrivateConnectionInfo)
    assert info.service_name is not None
    assert workspace.get_outbound_allow_list()[0].destination.startswith("arn:")


def billing(api: ManagementAPI) -> None:
    items = WorkspaceManager().billing.usage(
        DAY, DAY + timedelta(days=1), Billing.COMPUTE_CREDIT, Billing.DAY
    )
    assert [i.metric for i in items] == ["compute_credit"]
    assert (items[0].usage[0].start_time, items[0].usage[0].value) == (DAY, "12.5")
    assert api.requests[-1].query == {
        "startTime": "2026-01-02T00:00:00Z",
        "endTime": "2026-01-03T00:00:00Z",
        "metric": "ComputeCredit",
        "aggregateBy": "day",
    }


def recovery(api: ManagementAPI) -> None:
    manager = WorkspaceManager()
    group = manager.create_workspace_group("g", manager.regions[0], [])
    storage = group.storage
    storage.update_retention_period(3)
    assert retention_minutes(api._world, api.organization, group.id) == 3 * 1440
    dr = storage.dr
    assert dr.get_status().state is None
    region = next(r for r in dr.get_regions() if r.provider == "GCP")
    dr.setup(region.region_id, ["db"])
    status = dr.get_status()
    assert (status.databases, status.storage[0]["duplicationState"]) == (["db"], "Active")
    for operation, name in (
        (dr.failover, "Failover"),
        (dr.failback, "Failback"),
        (dr.start_pre_provision, "PreProvisionStart"),
        (dr.stop_pre_provision, "PreProvisionStop"),
    ):
        operation()
        status = dr.get_status()
        assert (status.compute["storageDRType"], status.state) == (name, "Completed")


def access_and_metrics(api: ManagementAPI) -> None:
    manager = WorkspaceManager()
    group = manager.create_workspace_group("g", manager.regions[0], [])
    me = manager.current_user.id
    group.update_access_controls(grants=[{"role": "Owner", "users": [me]}])
    group.update_access_controls(revokes=[{"role": "Owner", "users": [me]}])
    assert group.get_access_controls() == []
    assert group.get_metrics().endswith("# EOF\n")


def clusters(api: ManagementAPI) -> None:
    api.endpoint = CLOSED_PORT
    with pytest.warns(DeprecationWarning, match="manage_clusters"):
        manager = manage_cluster(api.token, base_url=api.url)
    assert isinstance(manager, ClusterManager)
    region = manager.regions["Europe West 4 (Netherlands)"]
    made = manager.create_cluster(
        "c1",
        region,
        size="S-00",
        firewall_ranges=["10.0.0.0/8"],
        project="Standard Project",
        expires_at="1h",
        wait_on_active=True,
    )
    assert isinstance(made, Cluster)
    assert made.admin_password is not None
    assert made.admin_password not in repr(made)
    assert (made.region, made.project and made.project.name) == (region, "Standard Project")
    assert made.expires_at is not None
    assert manager.clusters["c1"].id == manager.get_cluster(made.id).id
    made.update(size="S-2", allow_all_traffic=True, wait_on_active=True)
    assert (made.size, made.allow_all_traffic) == ("S-2", True)
    made.suspend(wait_on_suspended=True)
    made.resume(wait_on_resumed=True)
    assert made.refresh().state == "ACTIVE"
    with pytest.raises(OperationalError):
        made.connect(user="admin", password="x", connect_timeout=1)
    made.terminate(wait_on_terminated=True)
    assert made.state == "TERMINATED"


def exports(api: ManagementAPI) -> None:
    manager = WorkspaceManager()
    clusters = ClusterManager()
    owners: list[WorkspaceGroup | Cluster] = [
        manager.create_workspace_group("g", manager.regions[0], []),
        clusters.create_cluster("c", clusters.regions[0], project="Shared Project"),
    ]
    for owner in owners:
        service = ExportService(owner, "db", "t", {"type": "GLUE"}, '{"provider": "S3"}')
        assert "role" in service.create_cluster_identity()["identity"]
        status = service.start()
        assert isinstance(status, ExportStatus)
        assert (str(status), status.message) == ("Completed", "all rows were written")
        assert str(service.suspend()) == "Suspended"
        assert service.resume().status == "Completed"
        assert ExportService.from_export_id(owner, status.export_id).status().status == "Completed"
        assert [e.export_id for e in _get_exports(owner)] == [status.export_id]
        service.drop()
        assert _get_exports(owner) == []


def models(api: ManagementAPI) -> None:
    import os

    os.environ["SINGLESTOREDB_PROJECT"] = "project-1"
    try:
        manager = WorkspaceManager().organization.inference_apis
    finally:
        del os.environ["SINGLESTOREDB_PROJECT"]
    info = manager.get(MODEL)
    assert (info.name, info.project_id) == (MODEL, "project-1")
    assert manager.stop(MODEL).status == info.stop().status == "Suspended"
    assert manager.start(MODEL).get_message() == info.start().get_message()
    assert [(m.name, m.status) for m in manager.show()] == [(MODEL, "Active")]
    assert manager.drop(MODEL).status == "Deleted"
    with pytest.raises(ManagementError, match="404"):
        info.drop()


def jobs(api: ManagementAPI) -> None:
    manager = WorkspaceManager().organization.jobs
    assert manager.modes() is Mode
    runtime = manager.runtimes()[0]
    assert runtime.name == "notebooks-cpu-small"
    run = manager.run(NOTEBOOK, runtime.name, {"a": "x", "b": 1, "c": 1.5, "d": True})
    assert manager.wait([run], timeout=5) is run.wait(timeout=5) is True
    done = manager.get(run.job_id)
    assert (done.job_metadata[0].status, done.completed_executions_count) == (Status.COMPLETED, 1)
    assert [(p.name, p.value, p.type) for p in run.get_parameters()] == [
        ("a", "x", "string"),
        ("b", "1", "integer"),
        ("c", "1.5", "float"),
        ("d", "True", "boolean"),
    ]
    assert manager.get_parameters(run.job_id) == run.get_parameters()
    data = run.get_executions(1, 10)
    assert manager.get_executions(run.job_id, 1, 10) == data
    assert (data.metadata.start_execution_number, data.metadata.end_execution_number) == (1, 1)
    assert data.executions[0].status is Status.COMPLETED
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SINGLESTOREDB_DEFAULT_DATABASE", "db")
        patch.setenv("SINGLESTOREDB_WORKSPACE", "11111111-1111-1111-1111-111111111111")
        again = manager.schedule(
            NOTEBOOK, Mode.RECURRING, True, execution_interval_in_minutes=5, start_at=DAY
        )
    assert again.target_config is not None
    assert again.target_config.target_type is TargetType.WORKSPACE
    assert again.schedule.start_at == DAY
    assert again.execution_config.create_snapshot is True
    with pytest.raises(ValueError, match="recurring"):
        again.wait()
    api.advance(11 * 60)
    assert manager.get(again.job_id).completed_executions_count == 2
    assert again.delete() is manager.delete(run.job_id) is True
    assert manager.get(again.job_id).terminated_at is not None
    assert TargetType.from_str("VirtualCluster") is TargetType.VIRTUAL_CLUSTER
    assert Status.from_str("Exploded") is Status.UNKNOWN
    assert isinstance(done, job_module.Job)


def _file_methods(place: Stage | FileSpace, tmp: Path) -> None:
    local = tmp / "local.txt"
    local.write_text("hello\nworld\n")
    made = place.upload_file(local, "a.txt")
    assert isinstance(made, FilesObject)
    assert (made.basename(), made.abspath(), made.dirname()) == ("a.txt", "a.txt", "/")
    assert made.getmtime() > made.getctime() - 1 > 0
    assert place.info("a.txt").size == 12
    assert made.exists()
    assert place.exists("a.txt")
    assert made.is_file()
    assert place.is_file("a.txt")
    assert not made.is_dir()
    assert not place.is_dir("a.txt")
    with place.open("a.txt") as file:
        assert file.read() == "hello\nworld\n"
    with made.open("rb") as binary:
        assert binary.read() == b"hello\nworld\n"
    assert made.download(encoding="utf-8") == "hello\nworld\n"
    assert place.download_file("a.txt", tmp / "copy.txt") is None
    assert (tmp / "copy.txt").read_bytes() == local.read_bytes()
    made.rename("b.txt")
    assert made.path == "b.txt"
    assert place.rename("b.txt", "c.txt").path == "c.txt"
    assert "c.txt" in place.listdir()
    place.remove("c.txt")
    again = place.upload_file(local, "d.txt")
    again.remove()
    assert not place.exists("d.txt")
    with pytest.raises(NotADirectoryError):
        again.rmdir()
    with pytest.raises(NotADirectoryError):
        again.removedirs()


def _folder(tmp: Path) -> Path:
    folder = tmp / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "x.txt").write_text("x")
    (folder / "sub" / "y.txt").write_text("y")
    return folder


def stages(api: ManagementAPI, tmp: Path) -> None:
    manager = WorkspaceManager()
    stage = manager.create_workspace_group("g", manager.regions[0], []).stage
    assert isinstance(stage, Stage)
    _file_methods(stage, tmp)
    assert stage.upload_folder(_folder(tmp), "up").path == "up/"
    assert stage.listdir("up", recursive=True) == ["sub/", "sub/y.txt", "x.txt"]
    stage.download_folder("up", tmp / "down")
    assert (tmp / "down" / "sub" / "y.txt").read_text() == "y"
    folder = stage.mkdir("m")
    assert folder.is_dir()
    folder.rmdir()
    stage.mkdir("m/")
    stage.rmdir("m")
    assert not stage.exists("m/")
    with pytest.raises(OSError, match="not empty"):
        stage.rmdir("up")
    stage.info("up/sub/").removedirs()
    stage.removedirs("up")
    assert stage.listdir() == []


def file_spaces(api: ManagementAPI, tmp: Path) -> None:
    manager = manage_files(api.token, base_url=api.url)
    for space in (manager.personal_space, manager.shared_space, manager.models_space):
        _file_methods(space, tmp)
        (tmp / "copy.txt").unlink()
        with pytest.raises(ManagementError):
            space.mkdir("m")
        with pytest.raises(ManagementError):
            space.rmdir("m")
    models = manager.models_space
    models.upload_folder(_folder(tmp), "model")
    models.download_folder("model", tmp / "down")
    assert (tmp / "down" / "sub" / "y.txt").read_text() == "y"
    with pytest.raises(NotADirectoryError):
        models.removedirs("model/x.txt")
    models.removedirs("model/")
    assert models.listdir() == []


SCENARIOS: list[Callable[..., None]] = [
    workspace_lifecycle,
    starter_workspaces,
    regions_and_organization,
    secrets,
    users_and_teams,
    roles,
    invitations,
    audit_log,
    private_connections,
    billing,
    recovery,
    access_and_metrics,
    clusters,
    exports,
    models,
    jobs,
    stages,
    file_spaces,
]

RUN: set[CodeType] = set()
"""Code that ran in any scenario so far."""


@contextmanager
def recorded() -> Iterator[None]:
    """Record what is called in this thread and in those that it starts."""

    def profile(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            RUN.add(frame.f_code)

    before = sys.getprofile()
    sys.setprofile(profile)
    threading.setprofile(profile)
    try:
        yield
    finally:
        threading.setprofile(None)
        sys.setprofile(before)


def run(scenario: Callable[..., None], api: ManagementAPI, tmp: Path) -> None:
    arguments = [api, tmp][: len(inspect.signature(scenario).parameters)]
    with recorded():
        scenario(*arguments)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_scenario(
    scenario: Callable[..., None], api: ManagementAPI, tmp_path: Path, no_waiting: None
) -> None:
    run(scenario, api, tmp_path)


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the pauses out of polling; the local service is in no need of them."""
    monkeypatch.setattr("singlestoredb.management.timing.time.sleep", lambda seconds: None)


@pytest.mark.parametrize("entry", REFERENCE)
def test_reference_name_exists(entry: str) -> None:
    found = resolve(entry)
    documented = found.fget if isinstance(found, property) else found
    assert inspect.getdoc(documented), f"{entry} has no docstring"


def codes(found: Any) -> set[CodeType]:
    """Return the code that runs when a thing is used."""
    if isinstance(found, property):
        found = getattr(found, "_compute", found.fget)
    if inspect.isclass(found):
        found = found.from_str if issubclass(found, enum.Enum) else found.__init__  # type: ignore[attr-defined]  # of our enums
    while hasattr(found, "__wrapped__"):
        found = found.__wrapped__
    return {getattr(found, "__func__", found).__code__}


def test_every_reference_name_is_exercised(
    api: ManagementAPI, tmp_path: Path, no_waiting: None
) -> None:
    """Fails for a name that no scenario uses, whether or not the scenarios ran before."""
    for number, scenario in enumerate(SCENARIOS):
        api.reset()
        folder = tmp_path / str(number)
        folder.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in api.environment.items():
                patch.setenv(name, value)
            run(scenario, api, folder)
    unused = [entry for entry in REFERENCE if not codes(resolve(entry)) & RUN]
    assert unused == []


def test_reference_is_complete() -> None:
    assert len(REFERENCE) == len(set(REFERENCE)) == 232
    assert {e.partition(":")[2] for e in REFERENCE if e.startswith("singlestoredb:")} <= set(
        singlestoredb.management.__all__
    )


def test_workspace_names_of_the_v1_module() -> None:
    assert resolve("singlestoredb.management.workspace:Workspace") is Workspace
