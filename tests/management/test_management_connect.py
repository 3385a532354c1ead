"""``connect()`` of deployments reaches a real database, through the local service's endpoint."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import singlestoredb
from singlestoredb.exceptions import ManagementError, OperationalError
from singlestoredb.management.cluster import ClusterManager
from singlestoredb.management.errors import WaitTimeoutError
from singlestoredb.management.workspace import WorkspaceManager
from singlestoredb.server import embedded
from singlestoredb.testing import MariaDB
from singlestoredb.testing.management_api import ManagementAPI


@pytest.fixture
def backed(
    mariadb: MariaDB, management_api: ManagementAPI, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ManagementAPI]:
    """A local service whose deployments are a private MariaDB; the environment leads to it."""
    with ManagementAPI((mariadb.host, mariadb.port)) as api:
        for name, value in api.environment.items():
            monkeypatch.setenv(name, value)
        yield api


@pytest.fixture
def admin(mariadb: MariaDB) -> Iterator[dict[str, str]]:
    """User and password of an account in the database."""
    account = {"user": "mgmt_admin", "password": "Axcy1!Axcy1!Axcz"}
    with singlestoredb.connect(mariadb.url) as conn:
        conn.execute("CREATE USER mgmt_admin IDENTIFIED BY 'Axcy1!Axcy1!Axcz'")
        conn.execute("CREATE DATABASE mgmt_db")
        conn.execute("GRANT ALL ON mgmt_db.* TO mgmt_admin")
        try:
            yield account
        finally:
            conn.execute("DROP USER mgmt_admin")
            conn.execute("DROP DATABASE mgmt_db")


def test_workspaces_connect(backed: ManagementAPI, admin: dict[str, str]) -> None:
    manager = WorkspaceManager()
    group = manager.create_workspace_group(
        "g", manager.regions[0], [], admin_password=admin["password"]
    )
    workspace = group.create_workspace("w", wait_on_active=True)
    with workspace.connect(**admin) as conn, conn.cursor() as cur:
        cur.execute("SELECT CURRENT_USER()")
        assert cur.fetchall() == [("mgmt_admin@%",)]
        cur.execute("SHOW DATABASES")
        assert ("mgmt_db",) in cur.fetchall()
    with workspace.connect(**admin, host="elsewhere.invalid") as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(OperationalError) as caught:
        workspace.connect(user=admin["user"], password="wrong")
    assert caught.value.errno == 1045


def test_the_embedded_engine_can_be_the_database(management_api: ManagementAPI) -> None:
    password = "Axcy1!Axcy1!Axcz"
    with (
        embedded.start(users={"admin": password}) as engine,
        ManagementAPI((engine.host, engine.mysql_port)) as api,
    ):
        manager = WorkspaceManager(api.token, base_url=api.url)
        group = manager.create_workspace_group("g", manager.regions[0], [], admin_password=password)
        workspace = group.create_workspace("w", wait_on_active=True)
        with workspace.connect(user="admin", password=password) as conn, conn.cursor() as cur:
            cur.execute("CREATE DATABASE flights")
            cur.execute("CREATE TABLE flights.seen (id INT, v VECTOR(2, F32))")
            cur.execute("INSERT INTO flights.seen VALUES (1, '[1,2]')")
        starter = manager.create_starter_workspace("s", "flights", "aws", "us-east-1")
        with starter.connect(user="admin", password=password) as conn:
            assert conn.execute("SELECT id, DATABASE() FROM seen").fetchall() == [(1, "flights")]
        with pytest.raises(OperationalError) as caught:
            workspace.connect(user="admin", password="wrong")
        assert caught.value.errno == 1045


def test_clusters_connect(backed: ManagementAPI, admin: dict[str, str]) -> None:
    manager = ClusterManager()
    cluster = manager.create_cluster("c", manager.regions[0], project="Standard Project")
    with cluster.connect(**admin, results_type="dicts") as conn:
        assert conn.execute("SELECT 1 AS one").fetchall() == [{"one": 1}]
    cluster.terminate()
    cluster.refresh()
    cluster.endpoint = None
    with pytest.raises(ManagementError, match="no endpoint"):
        cluster.connect(**admin)


def test_starter_deployments_connect_to_their_database(
    backed: ManagementAPI, admin: dict[str, str]
) -> None:
    workspace = WorkspaceManager().create_starter_workspace("s", "mgmt_db", "aws", "us-east-1")
    cluster = ClusterManager().create_starter_cluster("t", "mgmt_db", "gcp", "us-east4")
    for deployment in (workspace, cluster):
        with deployment.connect(**admin) as conn:
            assert conn.execute("SELECT DATABASE()").fetchone() == ("mgmt_db",)


def test_starter_deployments_have_a_port_of_their_own(
    mariadb: MariaDB, management_api: ManagementAPI, admin: dict[str, str]
) -> None:
    management_api.endpoint = mariadb.host
    made = WorkspaceManager().create_starter_workspace("s", "mgmt_db", "aws", "us-east-1")
    made.mysql_dml_port = mariadb.port
    with made.connect(**admin) as conn:
        assert conn.execute("SELECT @@port").fetchone() == (mariadb.port,)


@pytest.mark.parametrize(("refused", "timeout"), [(3, 100), (1000, 5)])
def test_in_notebooks_the_endpoint_is_waited_for(
    mariadb: MariaDB,
    management_api: ManagementAPI,
    monkeypatch: pytest.MonkeyPatch,
    refused: int,
    timeout: float,
) -> None:
    monkeypatch.setenv("SINGLESTOREDB_WORKLOAD_TYPE", "interactive")
    slept: list[float] = []
    monkeypatch.setattr("singlestoredb.management.timing.time.sleep", slept.append)
    with ManagementAPI((mariadb.host, mariadb.port), refuse_first=refused) as api:
        assert api.gate is not None
        manager = WorkspaceManager(api.token, base_url=api.url)
        group = manager.create_workspace_group("g", manager.regions[0], [])

        def create() -> None:
            group.create_workspace("w", wait_on_active=True, wait_interval=1, wait_timeout=timeout)

        if refused == 3:
            create()  # ends with "access denied": somebody is there
            assert api.gate.attempts == 4
        else:
            with pytest.raises(WaitTimeoutError, match="endpoint"):
                create()
        assert slept == [1] * min(refused, 5)
