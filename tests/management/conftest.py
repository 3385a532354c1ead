"""Fixtures of the management tests: the local service, and managers of it."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from singlestoredb.management.cluster import Cluster, ClusterManager
from singlestoredb.management.files import FilesManager
from singlestoredb.management.stage import Stage
from singlestoredb.management.workspace import WorkspaceManager
from singlestoredb.management.workspace_group import WorkspaceGroup
from singlestoredb.testing.management_api import ManagementAPI
from singlestoredb.testing.management_api.fixtures import (
    management_api as management_api,
)
from singlestoredb.testing.management_api.fixtures import (
    management_api_server as management_api_server,
)


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that would leave this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1"):
            raise AssertionError(f"a test connects to {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def api(management_api: ManagementAPI) -> ManagementAPI:
    """The local service, empty."""
    return management_api


@pytest.fixture
def workspaces(api: ManagementAPI) -> WorkspaceManager:
    """A manager of workspaces."""
    return WorkspaceManager()


@pytest.fixture
def clusters(api: ManagementAPI) -> ClusterManager:
    """A manager of clusters."""
    return ClusterManager()


@pytest.fixture
def files(api: ManagementAPI) -> FilesManager:
    """A manager of files."""
    return FilesManager()


@pytest.fixture
def group(workspaces: WorkspaceManager) -> WorkspaceGroup:
    """An active workspace group."""
    return workspaces.create_workspace_group("group", workspaces.regions[0], ["10.0.0.0/8"])


@pytest.fixture
def cluster(clusters: ClusterManager) -> Cluster:
    """An active cluster."""
    return clusters.create_cluster("cluster", clusters.regions[0], project="Standard Project")


@pytest.fixture(params=["v1", "v2"])
def stage(request: pytest.FixtureRequest, api: ManagementAPI) -> Stage:
    """The Stage of a workspace group, and that of a cluster."""
    owner = request.getfixturevalue("group" if request.param == "v1" else "cluster")
    out: Stage = owner.stage
    api.forget_requests()
    return out
