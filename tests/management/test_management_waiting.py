"""Waiting for states, endpoints, firewalls and locks."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from singlestoredb.exceptions import ManagementError, OperationalError
from singlestoredb.management import timing
from singlestoredb.management.cluster import Cluster, ClusterManager, get_cluster
from singlestoredb.management.errors import ServerError, WaitTimeoutError
from singlestoredb.management.manager import is_lock_error, lock_retry_wait
from singlestoredb.management.stage import get_stage
from singlestoredb.management.workspace import (
    Workspace,
    WorkspaceManager,
    get_workspace,
    get_workspace_group,
)
from singlestoredb.management.workspace_group import WorkspaceGroup
from singlestoredb.testing.management_api import ManagementAPI


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch, api: ManagementAPI) -> list[float]:
    """Sleep on the service's clock instead of in reality; return the seconds."""
    out: list[float] = []
    real = timing.now
    passed = [0.0]

    def sleep(seconds: float) -> None:
        out.append(seconds)
        passed[0] += seconds
        api.advance(seconds)

    monkeypatch.setattr("singlestoredb.management.timing.time.sleep", sleep)
    monkeypatch.setattr(timing, "now", lambda: real() + passed[0])
    return out


MODES = [("instant", 0), ("polls:3", 3), ("clock:35", 4)]


@pytest.mark.parametrize(("mode", "sleeps"), MODES)
def test_create_waits_until_active(
    api: ManagementAPI, group: WorkspaceGroup, slept: list[float], mode: str, sleeps: int
) -> None:
    api.behaviour.transitions = mode
    made = group.create_workspace("w", wait_on_active=True, wait_interval=10)
    assert made.state == "ACTIVE"
    assert made.endpoint is not None
    assert slept == [10] * sleeps


def test_without_waiting_the_state_is_as_it_is(
    api: ManagementAPI, group: WorkspaceGroup, slept: list[float]
) -> None:
    api.behaviour.transitions = "stuck"
    assert group.create_workspace("w").state == "PENDING"
    assert slept == []


@pytest.mark.parametrize("mode", ["polls:2", "clock:25"])
def test_suspend_resume_terminate_wait(
    api: ManagementAPI, group: WorkspaceGroup, slept: list[float], mode: str
) -> None:
    made = group.create_workspace("w", wait_on_active=True)
    api.behaviour.transitions = mode
    made.suspend(wait_on_suspended=True, wait_interval=10)
    assert made.state == "SUSPENDED"
    made.resume(wait_on_resumed=True, wait_interval=10)
    assert made.state == "ACTIVE"
    made.terminate(wait_on_terminated=True, wait_interval=10)
    assert made.state == "TERMINATED"
    group.terminate(wait_on_terminated=True, wait_interval=10)
    assert group.state == "TERMINATED"
    assert len(slept) >= 8


def test_stuck_states_time_out(
    api: ManagementAPI, group: WorkspaceGroup, slept: list[float]
) -> None:
    api.behaviour.transitions = "stuck"
    with pytest.raises(WaitTimeoutError, match=r"Exceeded waiting time.*PENDING"):
        group.create_workspace("w", wait_on_active=True, wait_interval=20, wait_timeout=60)
    assert slept == [20, 20, 20]
    with pytest.raises(WaitTimeoutError, match="Exceeded waiting time"):
        group.terminate(force=True, wait_on_terminated=True, wait_interval=20, wait_timeout=60)


def test_slow_refetches_count_as_waiting(
    api: ManagementAPI, workspaces: WorkspaceManager, group: WorkspaceGroup, slept: list[float]
) -> None:
    api.behaviour.transitions = "stuck"
    made = group.create_workspace("w")
    fetch = workspaces.get_workspace
    calls = []

    def slow(id: str) -> Workspace:
        calls.append(id)
        timing.sleep(80, "slow service")
        return fetch(id)

    workspaces.get_workspace = slow  # type: ignore[method-assign]  # a slow service
    with pytest.raises(WaitTimeoutError):
        workspaces._wait_on_state(made, "Active", interval=20, timeout=600)
    assert len(calls) == 6


def test_failure_ends_the_wait_at_once(
    api: ManagementAPI, group: WorkspaceGroup, slept: list[float]
) -> None:
    api.behaviour.transitions = "fail"
    with pytest.raises(ManagementError, match="never be Active"):
        group.create_workspace("w", wait_on_active=True)
    assert slept == []


def test_things_without_state_cannot_be_waited_on(workspaces: WorkspaceManager) -> None:
    with pytest.raises(ManagementError, match="state"):
        workspaces._wait_on_state(object(), "Active")


def test_wrong_states_are_refused_by_the_service(group: WorkspaceGroup) -> None:
    made = group.create_workspace("w")
    with pytest.raises(ManagementError, match="cannot resume"):
        made.resume()


# -- endpoints --


class Deployment:
    """Something whose endpoint answers as told."""

    id = "deployment"
    state = "ACTIVE"

    def __init__(self, *outcomes: Exception | None) -> None:
        self.outcomes = list(outcomes)
        self.attempts = 0

    def connect(self, **kwargs: Any) -> Deployment:
        assert kwargs == {"connect_timeout": 5}
        self.attempts += 1
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if outcome is not None:
            raise outcome
        return self

    def __enter__(self) -> Deployment:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_endpoints_are_only_waited_for_in_notebooks(
    workspaces: WorkspaceManager, slept: list[float]
) -> None:
    deployment = Deployment(OSError())
    assert workspaces._wait_on_endpoint(deployment) is deployment
    assert deployment.attempts == 0


@pytest.mark.parametrize(
    ("outcomes", "attempts"),
    [
        ((OSError(), OSError(), None), 3),
        ((OSError(), OperationalError(1045, "access denied")), 2),
        ((OperationalError(2003, "refused"), None), 2),
    ],
)
def test_endpoint_wait_ends_when_the_database_answers(
    workspaces: WorkspaceManager,
    slept: list[float],
    monkeypatch: pytest.MonkeyPatch,
    outcomes: tuple[Exception | None, ...],
    attempts: int,
) -> None:
    monkeypatch.setenv("SINGLESTOREDB_WORKLOAD_TYPE", "interactive")
    deployment = Deployment(*outcomes)
    assert workspaces._wait_on_endpoint(deployment) is deployment
    assert deployment.attempts == attempts
    assert slept == [10] * (attempts - 1)


def test_endpoint_wait_times_out(
    workspaces: WorkspaceManager, slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SINGLESTOREDB_WORKLOAD_TYPE", "interactive")
    deployment = Deployment(OSError("refused"))
    with pytest.raises(WaitTimeoutError, match="Exceeded waiting time") as caught:
        workspaces._wait_on_endpoint(deployment, interval=10, timeout=30)
    assert deployment.attempts == 4
    assert isinstance(caught.value.__cause__, OSError)


# -- firewall --


@pytest.mark.parametrize(
    "settings",
    [
        {"firewall_ranges": ["10.0.0.0/8"]},
        {"firewall_ranges": ["0.0.0.0/0"]},
        {"allow_all_traffic": True},
    ],
)
def test_firewall_is_waited_for(
    api: ManagementAPI, clusters: ClusterManager, slept: list[float], settings: dict[str, Any]
) -> None:
    api.behaviour.firewall_polls = 3
    made = clusters.create_cluster(
        "c", clusters.regions[0], project="Standard Project", wait_on_active=True, **settings
    )
    assert made.firewall_ranges or made.allow_all_traffic
    assert len(slept) == 3
    made.update(firewall_ranges=["192.168.0.0/16"], wait_on_active=True)
    assert made.firewall_ranges == ["192.168.0.0/16"]
    made.update(firewall_ranges=["0.0.0.0/0"], wait_on_active=True)
    assert (made.firewall_ranges, made.allow_all_traffic) == ([], True)


def test_firewall_that_never_comes_times_out(
    api: ManagementAPI, clusters: ClusterManager, slept: list[float]
) -> None:
    api.behaviour.firewall_polls = 1000
    with pytest.raises(WaitTimeoutError, match="refuses all inbound"):
        clusters.create_cluster(
            "c",
            clusters.regions[0],
            project="Standard Project",
            firewall_ranges=["10.0.0.0/8"],
            wait_on_active=True,
            wait_timeout=50,
        )


def test_without_ranges_there_is_no_firewall_to_wait_for(
    api: ManagementAPI, clusters: ClusterManager, slept: list[float]
) -> None:
    api.behaviour.firewall_polls = 1000
    clusters.create_cluster(
        "c", clusters.regions[0], project="Standard Project", wait_on_active=True
    )
    assert slept == []


# -- the organization's lock --


Create = Callable[[], WorkspaceGroup | Cluster]


@pytest.fixture(params=["group", "cluster"])
def create(
    request: pytest.FixtureRequest, workspaces: WorkspaceManager, clusters: ClusterManager
) -> Create:
    """Create a deployment that needs the organization's lock."""
    if request.param == "group":
        return lambda: workspaces.create_workspace_group("g", workspaces.regions[0], [])
    return lambda: clusters.create_cluster("c", clusters.regions[0], project="Shared Project")


def test_locked_organization_is_tried_again(
    api: ManagementAPI, create: Create, slept: list[float]
) -> None:
    api.lock_organization(3)
    assert create().state == "ACTIVE"
    for seconds, base in zip(slept, (20, 40, 60), strict=True):
        assert base <= seconds <= base + 5


def test_lock_that_stays_is_an_error(
    api: ManagementAPI, create: Create, slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SINGLESTOREDB_MANAGEMENT_LOCK_RETRIES", "2")
    monkeypatch.setenv("SINGLESTOREDB_MANAGEMENT_LOCK_RETRY_INTERVAL", "1")
    api.lock_organization(100)
    with pytest.raises(ServerError, match="lock"):
        create()
    assert len(slept) == 2


def test_no_budget_no_retry(
    api: ManagementAPI, create: Create, slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SINGLESTOREDB_MANAGEMENT_LOCK_RETRIES", "0")
    api.lock_organization(1)
    with pytest.raises(ServerError):
        create()
    assert slept == []


def test_other_errors_are_raised_at_once(
    api: ManagementAPI, create: Create, slept: list[float]
) -> None:
    api.fault("POST", status=500, body="disk full")
    with pytest.raises(ServerError, match="disk full"):
        create()
    assert slept == []


def test_what_counts_as_a_lock_error() -> None:
    assert is_lock_error(ManagementError(msg="Could not ACQUIRE the organization lock"))
    assert not is_lock_error(ManagementError(msg="acquire. lock"))
    assert not is_lock_error(ValueError("acquire lock"))
    assert 60 <= lock_retry_wait(9, 20) <= 65


def test_which_methods_wait_for_the_lock() -> None:
    waiting = {
        name
        for kind in (WorkspaceManager, ClusterManager, WorkspaceGroup)
        for name in dir(kind)
        if getattr(getattr(kind, name), "__retry_on_lock__", False)
    }
    assert waiting == {"create_workspace_group", "create_cluster"}


# -- projects --


def test_project_of_a_cluster(
    api: ManagementAPI, clusters: ClusterManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    region = clusters.regions[0]
    with pytest.raises(ManagementError, match=r"more than one project.*Standard Project \(") as e:
        clusters.create_cluster("c", region)
    assert "choose one by its name or ID" in str(e.value)
    assert "SINGLESTOREDB_PROJECT" not in str(e.value)
    with pytest.raises(ManagementError, match=r"no project is named 'X'.*Shared Project"):
        clusters.create_cluster("c", region, project="X")
    project = clusters.projects["Shared Project"]
    assert clusters.get_project(project.id).name == "Shared Project"
    first = clusters.create_cluster("a", region, project=project)
    monkeypatch.setenv("SINGLESTOREDB_WORKSPACE", first.id)
    second = clusters.create_cluster("b", region)
    assert second.project is project
    with pytest.raises(ManagementError, match="projectID"):
        clusters.create_cluster("c", region, project="00000000-0000-0000-0000-000000000000")
    api.changed(lambda o: o.projects.pop(clusters.projects["Standard Project"].id))
    monkeypatch.delenv("SINGLESTOREDB_WORKSPACE")
    third = ClusterManager().create_cluster("d", region)
    assert third.project is not None
    assert third.project.name == "Shared Project"


def test_listing_and_printing_clusters_asks_nothing_more(
    api: ManagementAPI, clusters: ClusterManager, cluster: Cluster
) -> None:
    api.forget_requests()
    found = ClusterManager().clusters
    text = repr(found) + found._repr_html_()
    assert api.routes() == ["GET clusters"]
    assert "us-east-1" in text
    assert found[0].region is not None
    assert found[0].project is not None
    assert api.routes() == ["GET clusters", "GET regions", "GET projects"]


def test_starter_clusters(api: ManagementAPI, clusters: ClusterManager) -> None:
    where = clusters.shared_tier_regions[0]
    made = clusters.create_starter_cluster("s", "db", region=where, project="Shared Project")
    assert made.project is not None
    assert made.project.name == "Shared Project"
    assert clusters.starter_clusters["s"].id == made.refresh().id
    user = made.create_user("u")
    assert (
        made.get_user(user.id)._route() == f"sharedtier/virtualClusters/{made.id}/users/{user.id}"
    )
    assert user.password is not None
    assert user.password not in repr(user)
    user.delete()
    with pytest.raises(ValueError, match="provider"):
        clusters.create_starter_cluster("t", "db")
    made.terminate()
    assert clusters.starter_clusters == []


# -- what the environment names --


def test_helpers_follow_the_environment(
    api: ManagementAPI,
    group: WorkspaceGroup,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workspace = group.create_workspace("w")
    with pytest.raises(RuntimeError, match="SINGLESTOREDB_WORKSPACE_GROUP"):
        get_workspace_group()
    with pytest.raises(RuntimeError, match="SINGLESTOREDB_WORKSPACE"):
        get_cluster()
    with pytest.raises(RuntimeError, match="SINGLESTOREDB_WORKSPACE"):
        get_workspace()
    monkeypatch.setenv("SINGLESTOREDB_WORKSPACE_GROUP", group.id)
    assert get_workspace_group().id == get_workspace_group("group").id == group.id
    monkeypatch.setenv("SINGLESTOREDB_WORKSPACE", workspace.id)
    assert get_workspace().id == workspace.id
    assert get_workspace(group, workspace) is workspace
    assert get_stage(version="v1")._deployment_id == group.id
    monkeypatch.setenv("SINGLESTOREDB_WORKSPACE", cluster.id)
    assert get_cluster().id == get_cluster("cluster").id == cluster.id
    assert get_stage()._deployment_id == get_stage(cluster)._deployment_id == cluster.id
    with pytest.raises(ManagementError, match="has no Stage"):
        get_stage(5)


# -- a gate in front of a database --


def test_gate_turns_the_first_connections_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as database:

        def answer() -> None:
            connection, _ = database.accept()
            with connection:
                connection.sendall(b"hello")

        thread = threading.Thread(target=answer)
        thread.start()
        with ManagementAPI(database.getsockname()[:2], refuse_first=2) as api:
            assert api.endpoint is not None
            assert api.gate is not None
            host, port = api.endpoint.split(":")
            got = []
            for _ in range(3):
                with socket.create_connection((host, int(port)), timeout=5) as client:
                    got.append(client.recv(10))
            assert got == [b"", b"", b"hello"]
            assert api.gate.attempts == 3
        thread.join()
