"""Scheduled notebooks: waiting, targets, arguments."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from singlestoredb.exceptions import ManagementError
from singlestoredb.management.cluster import ClusterManager
from singlestoredb.management.errors import InvalidResponseError
from singlestoredb.management.job import JobsManager, Mode, Status, TargetType
from singlestoredb.management.storage import Storage
from singlestoredb.management.workspace import WorkspaceManager
from singlestoredb.testing.management_api import ManagementAPI
from singlestoredb.testing.management_api._seeds import NOTEBOOK

ID = "11111111-1111-1111-1111-111111111111"
OTHER = "22222222-2222-2222-2222-222222222222"


@pytest.fixture(params=["v1", "v2"])
def jobs(request: pytest.FixtureRequest, api: ManagementAPI) -> JobsManager:
    """The jobs of the organization, by either version of the API."""
    manager = WorkspaceManager() if request.param == "v1" else ClusterManager()
    return manager.organization.jobs


def test_waiting_polls_until_the_job_has_run(
    api: ManagementAPI, jobs: JobsManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("singlestoredb.management.timing.time.sleep", slept.append)
    api.behaviour.transitions = "polls:2"
    made = [jobs.run(NOTEBOOK), jobs.run(NOTEBOOK)]
    assert jobs.wait([made[0], made[1].job_id]) is True
    assert slept == [5, 5, 5, 5]


def test_waiting_times_out(
    api: ManagementAPI, jobs: JobsManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, slept = [0.0], []
    monkeypatch.setattr("singlestoredb.management.timing.now", lambda: now[0])

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr("singlestoredb.management.timing.time.sleep", sleep)
    api.behaviour.transitions = "stuck"
    made = jobs.run(NOTEBOOK)
    assert made.get_executions(1, 5).executions[0].status is Status.SCHEDULED
    assert made.wait(timeout=12) is False
    assert slept == [5, 5, 2]
    api.forget_requests()
    assert jobs.wait([made], timeout=0) is jobs.wait([made], timeout=-1) is False
    assert api.requests == []


def test_failed_jobs_have_run(api: ManagementAPI, jobs: JobsManager) -> None:
    api.behaviour.transitions = "fail"
    made = jobs.run(NOTEBOOK)
    assert made.wait(timeout=5) is True
    assert jobs.get(made.job_id).job_metadata[0].status is Status.FAILED


@pytest.mark.parametrize(
    ("environment", "v1", "v2"),
    [
        ({"WORKSPACE": ID}, ("Workspace", ID), ("Cluster", ID)),
        (
            {"WORKSPACE": ID, "VIRTUAL_WORKSPACE": OTHER},
            ("VirtualWorkspace", OTHER),
            ("VirtualCluster", OTHER),
        ),
    ],
)
def test_the_target_is_what_the_environment_names(
    jobs: JobsManager,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    v1: tuple[str, str],
    v2: tuple[str, str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(f"SINGLESTOREDB_{name}", value)
    assert jobs.run(NOTEBOOK).target_config is None
    monkeypatch.setenv("SINGLESTOREDB_DEFAULT_DATABASE", "db")
    made = jobs.schedule(NOTEBOOK, Mode.ONCE, False, resume_target=True).target_config
    assert made is not None
    expected = v1 if jobs._client().version == "v1" else v2
    assert (made.target_type.value, made.target_id) == expected
    assert (made.database_name, made.resume_target) == ("db", True)
    untouched: dict[str, Any] = {"databaseName": "db"}
    for name in environment:
        monkeypatch.delenv(f"SINGLESTOREDB_{name}")
    jobs._resolve_target(untouched)
    assert untouched == {"databaseName": "db"}


def test_unset_settings_are_not_sent(api: ManagementAPI, jobs: JobsManager) -> None:
    jobs.schedule(NOTEBOOK, Mode.ONCE, True)
    assert api.requests[-1].json == {
        "schedule": {"mode": "Once"},
        "executionConfig": {"createSnapshot": True, "notebookPath": NOTEBOOK},
    }


def test_arguments_that_no_notebook_takes(jobs: JobsManager) -> None:
    for value in (None, [1], b"x"):
        with pytest.raises(TypeError, match="job parameter 'a'"):
            jobs.run(NOTEBOOK, parameters={"a": value})
    with pytest.raises(ManagementError, match=r"Missing\.ipynb not found"):
        jobs.run("Missing.ipynb")


def test_names_of_enumerations() -> None:
    assert str(Mode.ONCE) == repr(Mode.ONCE) == "Once"
    assert Mode.from_str("recurring") is Mode.RECURRING
    for kind in (Mode, TargetType):
        with pytest.raises(ValueError, match=f"Unknown {kind.__name__}: Sometimes"):
            kind.from_str("Sometimes")


def test_jobs_of_unknown_kinds_are_named(api: ManagementAPI, jobs: JobsManager) -> None:
    made = jobs.run(NOTEBOOK)
    body = {**api.organization.jobs[made.job_id], "schedule": {"mode": "Sometimes"}}
    api.fault("GET", "jobs/*", status=200, body={k: v for k, v in body.items() if k[0] != "~"})
    with pytest.raises(InvalidResponseError, match="Unknown Mode: Sometimes"):
        jobs.get(made.job_id)


def test_jobs_are_data(jobs: JobsManager) -> None:
    made = jobs.run(NOTEBOOK)
    assert dataclasses.asdict(made)["execution_config"]["notebook_path"] == NOTEBOOK
    assert {made}
    assert repr(made).startswith("Job(")
    assert made.id in repr(made)
    lost = dataclasses.replace(made, _manager=None)
    with pytest.raises(ManagementError, match="No job manager"):
        lost.wait()


def test_regions_of_recovery_in_either_shape(
    api: ManagementAPI, workspaces: WorkspaceManager
) -> None:
    region = {"regionID": ID, "region": "r", "provider": "AWS"}
    for body in ([region], {"regions": [region]}):
        api.fault("GET", "*/DR/regions", status=200, body=body)
        found = Storage(ID, workspaces).dr.get_regions()
        assert [r.region_id for r in found] == [ID]


def test_deletion_whose_answer_was_lost_is_done(api: ManagementAPI, jobs: JobsManager) -> None:
    made = jobs.run(NOTEBOOK)
    api.fault("DELETE", lose=True)
    assert made.delete() is True
    api.fault("DELETE", status=200, body=False)
    assert made.delete() is False
