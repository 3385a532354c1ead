"""The Fusion SQL commands of the management service, on a connection and the local service."""

from __future__ import annotations

import datetime
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb.config import option_context
from singlestoredb.exceptions import ProgrammingError
from singlestoredb.fusion import SQLHandler, find
from singlestoredb.management.cluster import Cluster, ClusterManager
from singlestoredb.management.files import FilesManager
from singlestoredb.management.workspace import WorkspaceManager
from singlestoredb.management.workspace_group import WorkspaceGroup
from singlestoredb.testing.management_api import ManagementAPI
from singlestoredb.warnings import DeprecatedFeatureWarning, PreviewFeatureWarning
from singlestoredb_plugins.fusion_management import s2_fusion_handlers

REGION = "US East 1 (N. Virginia)"
NOBODY = "00000000-0000-4000-8000-000000000000"
Rows = list[dict[str, Any]]
SQL = Callable[..., Rows]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("singlestoredb.management.timing.time.sleep", lambda seconds: None)


@pytest.fixture
def connection(api: ManagementAPI) -> Iterator[s2.Connection]:
    with (
        option_context("fusion.enabled", True),
        s2.connect("embedded://", results_type="dicts") as conn,
    ):
        yield conn


@pytest.fixture
def sql(connection: s2.Connection) -> SQL:
    """Run a statement; return its rows."""

    def run(statement: str, *args: Any) -> Rows:
        with connection.cursor() as cur:
            cur.execute(statement, args or None)
            return [] if cur.description is None else cur.fetchall()

    return run


def created(sql: SQL, statement: str) -> Rows:
    """Run a command that warns that it has a successor."""
    with pytest.warns(DeprecatedFeatureWarning, match="Use CREATE CLUSTER instead"):
        return sql(statement)


# -- all of them --


@pytest.mark.parametrize("handler", s2_fusion_handlers(), ids=lambda h: h.__name__)
def test_every_command_is_found_and_has_help_with_an_example(handler: type[SQLHandler]) -> None:
    # Hidden ones answer where SINGLESTOREDB_FUSION_ENABLE_HIDDEN says so.
    assert (find(" ".join(handler.command_key)) is handler) == handler._enabled
    assert "## Syntax" in handler.help
    _, _, example = handler.help.partition("## Example")
    assert example
    statement = example.partition("```sql")[2].partition("```")[0].strip()
    assert (find(statement) is handler) == handler._enabled
    handler(None).visit(handler.grammar.parse(statement))


@pytest.mark.parametrize("statement", ["SHOW CLUSTER STATUS", "SHOW PROCESSLIST", "SHOW STAGE"])
def test_statements_of_the_server_are_left_to_it(statement: str) -> None:
    assert find(statement) is None


def test_nothing_answers_while_fusion_is_off(api: ManagementAPI) -> None:
    with s2.connect("embedded://") as conn, conn.cursor() as cur, pytest.raises(s2.Error):
        cur.execute("SHOW WORKSPACE GROUPS")
    assert api.requests == []


# -- workspaces --


def test_the_documents_example(sql: SQL, group: WorkspaceGroup) -> None:
    assert sql("SHOW WORKSPACE GROUPS") == [
        {
            "Name": "group",
            "ID": group.id,
            "Region": group.region.name if group.region else None,
            "FirewallRanges": ["10.0.0.0/8"],
        }
    ]


def test_regions(sql: SQL, workspaces: WorkspaceManager) -> None:
    rows = sql("SHOW REGIONS LIKE 'us%' ORDER BY Name DESC LIMIT 1")
    named = sorted(r.name for r in workspaces.regions if r.name.startswith("US"))
    assert [row["Name"] for row in rows] == named[-1:]
    assert list(rows[0]) == ["Name", "ID", "Provider"]
    assert len(sql("SHOW REGIONS")) == len(workspaces.regions)


def test_groups_from_beginning_to_end(sql: SQL, api: ManagementAPI) -> None:
    statement = (
        f"CREATE WORKSPACE GROUP IF NOT EXISTS 'dev' IN REGION '{REGION}' "
        "WITH PASSWORD 'Long-enough-42!pw' EXPIRES AT '2099-01-01T00:00:00' "
        "WITH FIREWALL RANGES '10.0.0.0/8', '192.0.2.0/24' WITH UPDATE WINDOW '0:23'"
    )
    assert created(sql, statement) == []
    created(sql, statement)  # and not again
    (row,) = sql("SHOW WORKSPACE GROUPS EXTENDED")
    assert row["Region"] == REGION
    assert row["FirewallRanges"] == ["10.0.0.0/8", "192.0.2.0/24"]
    assert isinstance(row["CreatedAt"], datetime.datetime)
    assert row["TerminatedAt"] is None
    sent = api.organization.groups[row["ID"]]
    assert sent["updateWindow"] == {"day": 0, "hour": 23}
    sql(f"DROP WORKSPACE GROUP ID '{row['ID']}' WAIT ON TERMINATED")
    with pytest.raises(KeyError, match="already terminated"):
        sql("DROP WORKSPACE GROUP 'dev'")
    sql("DROP WORKSPACE GROUP IF EXISTS 'dev' FORCE")
    created(sql, statement)  # a name that was freed
    sql("DROP WORKSPACE GROUP 'dev' FORCE")  # the one that lives
    assert all(r["TerminatedAt"] for r in sql("SHOW WORKSPACE GROUPS EXTENDED"))


def test_workspaces_from_beginning_to_end(
    sql: SQL, group: WorkspaceGroup, api: ManagementAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.behaviour.transitions = "polls:2"
    statement = (
        "CREATE WORKSPACE IF NOT EXISTS 'etl' IN GROUP 'group' WITH SIZE 'S-1' "
        "AUTO SUSPEND AFTER 20 minutes WITH TYPE idle WITH CACHE CONFIG 2 WAIT ON ACTIVE"
    )
    created(sql, statement)
    created(sql, statement)
    (row,) = sql(f"SHOW WORKSPACES IN GROUP ID '{group.id}' EXTENDED")
    assert (row["Name"], row["Size"], row["State"]) == ("etl", "S-1", "ACTIVE")
    made = group.workspaces[0]
    assert made.cache_config == 2
    assert made.auto_suspend is not None
    assert made.auto_suspend["suspend_type"] == "IDLE"
    (body,) = [r.json for r in api.requests if r.method == "POST" and r.path == "/v1/workspaces"]
    assert body["autoSuspend"] == {"suspendAfterSeconds": 1200, "suspendType": "IDLE"}
    sql("SUSPEND WORKSPACE 'etl' IN GROUP 'group' WAIT ON SUSPENDED")
    assert made.refresh().state == "SUSPENDED"
    sql(f"RESUME WORKSPACE ID '{made.id}' DISABLE AUTO SUSPEND WAIT ON RESUMED")
    assert made.refresh().state == "ACTIVE"
    monkeypatch.setenv("SINGLESTOREDB_WORKSPACE_GROUP", group.id)
    assert [r["Name"] for r in sql("SHOW WORKSPACES LIKE 'E%'")] == ["etl"]
    sql("DROP WORKSPACE 'etl' WAIT ON TERMINATED")
    with pytest.raises(KeyError, match="workspace is already terminated"):
        sql("DROP WORKSPACE 'etl'")
    sql("DROP WORKSPACE IF EXISTS 'etl'")
    sql("DROP WORKSPACE IF EXISTS 'nobody'")


def test_what_cannot_be_found_is_named(
    sql: SQL, group: WorkspaceGroup, workspaces: WorkspaceManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    for statement, message in (
        ("SHOW WORKSPACES IN GROUP 'x'", "no workspace group found with name: x"),
        (f"SHOW WORKSPACES IN GROUP ID '{NOBODY}'", "no workspace group found with ID"),
        ("SHOW WORKSPACES", r"no workspace group was specified .*WORKSPACE_GROUP"),
        ("SUSPEND WORKSPACE 'w' IN GROUP 'group'", "no workspace found with name: w"),
        (f"SUSPEND WORKSPACE ID '{NOBODY}'", "no workspace found with ID"),
        ("SUSPEND CLUSTER 'c'", "no cluster found with name: c"),
        ("SUSPEND CLUSTER ID 'c'", "no cluster found with ID: c"),
        ("DROP STARTER CLUSTER 'c'", "no starter cluster found with name: c"),
        ("SHOW STAGE FILES", "no deployment was specified"),
        ("SHOW STAGE FILES IN 'd'", "no deployment found with name: d"),
        (f"SHOW STAGE FILES IN GROUP ID '{NOBODY}'", "no workspace group found with ID"),
    ):
        with pytest.raises(KeyError, match=message) as caught:
            sql(statement)
        assert isinstance(caught.value, ProgrammingError)
        assert not str(caught.value).startswith(("'", '"'))
    monkeypatch.setenv("SINGLESTOREDB_WORKSPACE", NOBODY)
    with pytest.raises(KeyError, match=r"no deployment found .*\(from SINGLESTOREDB_WORKSPACE\)"):
        sql("SHOW STAGE FILES")
    monkeypatch.delenv("SINGLESTOREDB_WORKSPACE")
    monkeypatch.setenv("SINGLESTOREDB_WORKSPACE_GROUP", group.id)
    with pytest.raises(KeyError, match="WORKSPACE_GROUP holds the ID of a workspace group"):
        sql("SHOW STAGE FILES")
    other = workspaces.create_workspace_group("other", workspaces.regions[0], [])
    other.update(name="group")
    with pytest.raises(ValueError, match="more than one workspace group") as ambiguous:
        sql("SHOW WORKSPACES IN GROUP 'group'")
    assert other.id in str(ambiguous.value)


def test_clauses_that_mean_nothing_are_refused(sql: SQL, api: ManagementAPI) -> None:
    with (
        pytest.warns(DeprecatedFeatureWarning),
        pytest.raises(KeyError, match='no region found with name "Mars"'),
    ):
        sql("CREATE WORKSPACE GROUP 'g' IN REGION 'Mars'")
    for window in ("7:0", "0:24", "Mon:1", "1"):
        with (
            pytest.warns(DeprecatedFeatureWarning),
            pytest.raises(ValueError, match="an update window is"),
        ):
            sql(f"CREATE WORKSPACE GROUP 'g' IN REGION '{REGION}' WITH UPDATE WINDOW '{window}'")
    with pytest.warns(PreviewFeatureWarning), pytest.raises(ValueError, match="START AT takes"):
        sql("SCHEDULE JOB USING NOTEBOOK 'n' WITH MODE 'Once' START AT 'tomorrow'")
    with pytest.warns(PreviewFeatureWarning), pytest.raises(ValueError, match="Unknown Mode: Now"):
        sql("SCHEDULE JOB USING NOTEBOOK 'n' WITH MODE 'Now'")
    assert not [r for r in api.requests if r.method == "POST"]


def test_a_wrong_statement_does_not_tell_the_password(sql: SQL) -> None:
    with (
        pytest.warns(DeprecatedFeatureWarning),
        pytest.raises(ProgrammingError) as caught,
    ):
        sql("CREATE WORKSPACE GROUP 'g' WITH PASSWORD 's3cr3t' IN REGION 'r'")
    assert "s3cr3t" not in str(caught.value)


# -- clusters --


def test_clusters_from_beginning_to_end(sql: SQL, api: ManagementAPI) -> None:
    api.behaviour.transitions = "polls:2"
    statement = (
        "CREATE CLUSTER IF NOT EXISTS 'dev' IN REGION 'US-EAST-1' USING PROVIDER 'aws' "
        "IN PROJECT 'Standard Project' WITH SIZE 'S-00' USING SCALE FACTOR 1 "
        "WITH FIREWALL RANGES '10.0.0.0/8' WAIT ON ACTIVE"
    )
    (made,) = sql(statement)
    assert list(made) == ["Name", "ID", "Endpoint", "AdminPassword"]
    assert made["AdminPassword"]
    assert sql(statement) == []
    (row,) = sql("SHOW CLUSTERS EXTENDED")
    assert (row["Region"], row["Provider"], row["Size"]) == ("us-east-1", "AWS", "S-00")
    assert (row["ProjectName"], row["FirewallRanges"]) == ("Standard Project", ["10.0.0.0/8"])
    assert (row["State"], row["ID"]) == ("ACTIVE", made["ID"])
    sql("SUSPEND CLUSTER 'dev' WAIT ON SUSPENDED")
    assert sql("SHOW CLUSTERS")[0]["State"] == "SUSPENDED"
    sql(f"RESUME CLUSTER ID '{made['ID']}' WAIT ON RESUMED")
    assert sql("SHOW CLUSTERS")[0]["State"] == "ACTIVE"
    sql("DROP CLUSTER 'dev' WAIT ON TERMINATED")
    with pytest.raises(KeyError, match="cluster is already terminated"):
        sql("DROP CLUSTER 'dev'")
    sql("DROP CLUSTER IF EXISTS 'dev'")


def test_the_environment_names_a_cluster_only_where_none_is_named(
    sql: SQL, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SINGLESTOREDB_WORKSPACE", cluster.id)
    with cluster.stage.open("a.txt", "w") as file:
        file.write("a")
    assert sql("SHOW STAGE FILES") == [{"Name": "a.txt"}]
    with pytest.raises(KeyError, match="no cluster found with name: other"):
        sql("SUSPEND CLUSTER 'other'")


def test_listing_clusters_asks_for_projects_once(
    sql: SQL, clusters: ClusterManager, api: ManagementAPI
) -> None:
    for name in ("a", "b", "c"):
        clusters.create_cluster(name, clusters.regions[0], project="Standard Project")
    api.forget_requests()
    assert len(sql("SHOW CLUSTERS EXTENDED")) == 3
    assert [r.path for r in api.requests] == ["/v2/clusters", "/v2/projects"]


def test_regions_and_projects_of_clusters(sql: SQL, clusters: ClusterManager) -> None:
    rows = sql("SHOW CLUSTER REGIONS ORDER BY RegionName")
    assert [r["RegionName"] for r in rows] == sorted(str(r.region_name) for r in clusters.regions)
    starter = sql("SHOW STARTER CLUSTER REGIONS")
    assert len(starter) == len(clusters.shared_tier_regions)
    assert list(starter[0]) == ["Name", "Provider", "RegionName"]
    assert [r["Name"] for r in sql("SHOW PROJECTS LIKE 'standard%'")] == ["Standard Project"]


def test_an_unknown_region_is_left_to_the_service(
    sql: SQL, api: ManagementAPI, clusters: ClusterManager
) -> None:
    with pytest.raises(s2.ManagementError):
        sql("CREATE CLUSTER 'dev' IN REGION 'mars' IN PROJECT 'Standard Project'")
    with pytest.raises(ProgrammingError, match="Could not parse"):
        sql("CREATE CLUSTER 'dev' IN REGION ID 'x'")


def test_starter_clusters_from_beginning_to_end(sql: SQL, clusters: ClusterManager) -> None:
    region = next(r for r in clusters.shared_tier_regions if r.provider == "AWS")
    statement = (
        "CREATE STARTER CLUSTER IF NOT EXISTS 'trial' WITH DATABASE 'db' "
        f"IN REGION '{region.region_name}' USING PROVIDER 'aws'"
    )
    assert sql(statement) == []
    sql(statement)
    (row,) = sql("SHOW STARTER CLUSTERS EXTENDED")
    assert (row["Name"], row["DatabaseName"]) == ("trial", "db")
    assert row["Endpoint"]
    sql("DROP STARTER CLUSTER 'trial'")
    assert sql("SHOW STARTER CLUSTERS") == []
    sql("DROP STARTER CLUSTER IF EXISTS 'trial'")


# -- files --


@pytest.mark.parametrize("owner", ["IN GROUP 'group'", "IN 'group'", "IN 'cluster'"])
def test_stage_from_beginning_to_end(
    sql: SQL, owner: str, group: WorkspaceGroup, cluster: Cluster, tmp_path: Path
) -> None:
    local = tmp_path / "a b.csv"
    local.write_bytes(b"1,\xc3\xa4\n")
    sql(f"CREATE STAGE FOLDER 'raw' {owner}")
    upload = f"UPLOAD FILE TO STAGE '/raw/a.csv' {owner} FROM %s"
    sql(upload, str(local))
    with pytest.raises(OSError, match="stage path already exists"):
        sql(upload, str(local))
    sql(upload + " OVERWRITE", str(local))
    assert sql(f"SHOW STAGE FILES {owner}") == [{"Name": "raw/"}]
    listed = sql(f"SHOW STAGE FILES {owner} RECURSIVE LIKE '%.csv' EXTENDED")
    assert [(r["Name"], r["Type"], r["Size"], r["Writable"]) for r in listed] == [
        ("raw/a.csv", "file", 5, 1)
    ]
    (nested,) = sql(f"SHOW STAGE FILES {owner} AT '/raw/' EXTENDED")
    assert (nested["Name"], nested["Size"]) == ("a.csv", 5)
    download = f"DOWNLOAD STAGE FILE 'raw/a.csv' {owner}"
    assert sql(download) == [{"Data": b"1,\xc3\xa4\n"}]
    assert sql(download + " ENCODING 'utf-8'") == [{"Data": "1,ä\n"}]
    target = tmp_path / "b.csv"
    assert sql(download + " TO %s", str(target)) == []
    assert target.read_bytes() == local.read_bytes()
    with pytest.raises(FileExistsError):
        sql(download + " TO %s", str(target))
    sql(download + " TO %s OVERWRITE", str(target))
    with pytest.raises(OSError, match="not empty"):
        sql(f"DROP STAGE FOLDER 'raw' {owner}")
    sql(f"DROP STAGE FILE 'raw/a.csv' {owner}")
    sql(f"DROP STAGE FOLDER 'raw' {owner}")
    sql(f"CREATE STAGE FOLDER 'raw' {owner}")
    sql(f"DROP STAGE FOLDER 'raw' {owner} RECURSIVE")
    assert sql(f"SHOW STAGE FILES {owner}") == []


def test_a_group_is_found_without_saying_so_and_no_cluster_is_asked_for_with(
    sql: SQL, group: WorkspaceGroup, api: ManagementAPI
) -> None:
    assert sql(f"SHOW STAGE FILES IN ID '{group.id}'") == []
    assert sql("SHOW STAGE FILES IN group") == []  # a name that is a keyword, too
    api.forget_requests()
    sql(f"SHOW STAGE FILES IN GROUP ID '{group.id}'")
    assert {r.path.split("/")[1] for r in api.requests} == {"v1"}
    with pytest.raises(ProgrammingError, match="Could not parse"):
        sql("SHOW STAGE FILES IN CLUSTER 'x'")


def test_starter_deployments_may_have_a_stage(
    sql: SQL, workspaces: WorkspaceManager, api: ManagementAPI
) -> None:
    region = workspaces.shared_tier_regions[0]
    starter = workspaces.create_starter_workspace(
        "free", "db", region.provider, str(region.region_name)
    )
    api.forget_requests()
    with pytest.raises(s2.ManagementError):  # the service has none for it
        sql("SHOW STAGE FILES IN GROUP 'free'")
    assert any(starter.id in r.path for r in api.requests)


@pytest.mark.parametrize("space", ["PERSONAL", "SHARED"])
def test_file_spaces(sql: SQL, space: str, files: FilesManager, tmp_path: Path) -> None:
    local = tmp_path / "n.ipynb"
    local.write_text("{}")
    upload = f"UPLOAD {space} FILE TO 'n.ipynb' FROM %s"
    sql(upload, str(local))
    with pytest.raises(FileExistsError):
        sql(upload, str(local))
    sql(upload + " OVERWRITE", str(local))
    place = files.personal_space if space == "PERSONAL" else files.shared_space
    assert "n.ipynb" in place.listdir()
    (row,) = sql(f"SHOW {space} FILES LIKE 'N%' EXTENDED ORDER BY Name LIMIT 5")
    assert (row["Name"], row["Type"], row["Size"]) == ("n.ipynb", "notebook", 2)
    assert sql(f"DOWNLOAD {space} FILE 'n.ipynb' ENCODING 'utf-8'") == [{"Data": "{}"}]
    target = tmp_path / "copy"
    sql(f"DOWNLOAD {space} FILE 'n.ipynb' TO %s", str(target))
    assert target.read_text() == "{}"
    with pytest.raises(s2.ManagementError, match="folders cannot be made"):
        sql(f"CREATE {space} FOLDER 'f'")
    with pytest.raises(s2.ManagementError, match="removedirs"):
        sql(f"DROP {space} FOLDER 'f'")
    sql(f"DROP {space} FILE 'n.ipynb'")
    assert "n.ipynb" not in place.listdir()
    with pytest.raises(IsADirectoryError):
        sql(upload, str(tmp_path))
    with pytest.raises(FileNotFoundError):
        sql(upload, str(tmp_path / "nothing"))


# -- jobs --


def test_jobs_from_beginning_to_end(
    sql: SQL, cluster: Cluster, api: ManagementAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SINGLESTOREDB_WORKSPACE", cluster.id)
    monkeypatch.setenv("SINGLESTOREDB_DEFAULT_DATABASE", "db")
    notebook = "Scheduling Test.ipynb"
    (run,) = sql(
        f"RUN JOB USING NOTEBOOK '{notebook}' WITH RUNTIME 'notebooks-cpu-small' "
        'WITH PARAMETERS {"a": "x", "n": 0, "f": 1.5, "b": true}'
    )
    job = run["JobID"]
    assert sql(f"SHOW JOB PARAMETERS FOR '{job}'") == [
        {"Name": "a", "Value": "x", "Type": "string"},
        {"Name": "n", "Value": "0", "Type": "integer"},
        {"Name": "f", "Value": "1.5", "Type": "float"},
        {"Name": "b", "Value": "True", "Type": "boolean"},
    ]
    assert sql(f"WAIT ON JOBS '{job}' WITH TIMEOUT 1 HOURS") == [{"Success": 1}]
    (shown,) = sql(f"SHOW JOBS '{job}' EXTENDED")
    assert (shown["DatabaseName"], shown["TargetID"], shown["TargetType"]) == (
        "db",
        cluster.id,
        "Cluster",
    )
    assert (shown["CompletedExecutions"], shown["Mode"]) == (1, "Once")
    (done,) = sql(f"SHOW JOB EXECUTIONS FOR '{job}' FROM 1 TO 5 EXTENDED")
    assert (done["ExecutionNumber"], done["JobID"], done["Status"]) == (1, job, "Completed")
    with pytest.warns(PreviewFeatureWarning):
        (scheduled,) = sql(
            f"SCHEDULE JOB USING NOTEBOOK '{notebook}' WITH MODE 'Recurring' CREATE SNAPSHOT "
            "WITH NAME 'nightly' EXECUTE EVERY 2 days START AT '2030-01-02 03:04:05' RESUME TARGET"
        )
    (shown,) = sql(f"SHOW JOBS ('{scheduled['JobID']}', '{job}') EXTENDED LIKE 'night%'")
    assert (shown["Name"], shown["ExecutionIntervalInMins"]) == ("nightly", 2880)
    assert shown["StartAt"] == datetime.datetime(2030, 1, 2, 3, 4, 5)
    assert (shown["CreateSnapshot"], shown["ResumeTarget"]) == (1, 1)
    with pytest.raises(ValueError, match="recurring"):
        sql(f"WAIT ON JOBS '{scheduled['JobID']}'")
    assert sql(f"DROP JOBS '{job}', '{scheduled['JobID']}'") == [
        {"JobID": job, "Success": 1},
        {"JobID": scheduled["JobID"], "Success": 1},
    ]
    runtimes = sql("SHOW JOB RUNTIMES")
    assert "notebooks-cpu-small" in [r["Name"] for r in runtimes]


# -- hidden commands --


def hidden(statement: str) -> Rows:
    """Run a command that is not registered; return its rows."""
    words = tuple(statement.split())
    (handler,) = (
        handler
        for handler in s2_fusion_handlers()
        if not handler._enabled and handler.command_key == words[: len(handler.command_key)]
    )
    result = handler(None).execute(statement)
    names = [field.name for field in result.fields]
    return [dict(zip(names, row, strict=True)) for row in result.rows]


def test_hidden_commands_are_for_those_who_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers = [h for h in s2_fusion_handlers() if not h._enabled]
    assert len(handlers) == 16
    assert not any(h.is_available() for h in handlers)
    monkeypatch.setenv("SINGLESTOREDB_FUSION_ENABLE_HIDDEN", "1")
    assert all(h.is_available() for h in handlers)


def test_custom_models(api: ManagementAPI, tmp_path: Path) -> None:
    folder = tmp_path / "llama"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.bin").write_bytes(b"abc")
    (folder / "sub" / "b.bin").write_bytes(b"b")
    hidden(f"UPLOAD CUSTOM MODEL 'llama' FROM '{folder}'")
    hidden(f"UPLOAD CUSTOM MODEL 'one' FROM '{folder / 'a.bin'}'")
    names = {row["Name"] for row in hidden("SHOW CUSTOM MODELS RECURSIVE LIKE '%.bin' EXTENDED")}
    assert names == {"llama/a.bin", "llama/sub/b.bin", "one/a.bin"}
    copy = tmp_path / "copy"
    hidden(f"DOWNLOAD CUSTOM MODEL 'llama' TO '{copy}'")
    assert (copy / "sub" / "b.bin").read_bytes() == b"b"
    hidden("DROP CUSTOM MODEL 'llama'")
    assert [row["Name"] for row in hidden("SHOW CUSTOM MODELS RECURSIVE LIKE '%.bin'")] == [
        "one/a.bin"
    ]


def test_models(api: ManagementAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINGLESTOREDB_PROJECT", "project")
    assert hidden("START MODEL 'tinyllama'") == [
        {"Status": "Initializing", "Message": "Model is Initializing"}
    ]
    assert hidden("STOP MODEL 'tinyllama'")[0]["Status"] == "Suspended"
    assert [row["Model Name"] for row in hidden("SHOW MODELS")] == ["tinyllama"]
    assert hidden("DROP MODEL 'tinyllama'") == [
        {"Model Name": "tinyllama", "Status": "Deleted", "Message": "Model is Deleted"}
    ]


def test_exports(api: ManagementAPI, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = """CATALOG CONFIG '{"catalog_type": "GLUE"}' CREDENTIALS '{"id": "s3cr3t"}'"""
    link = """LINK S3 CONFIG '{"region": "r"}'"""
    with pytest.raises(KeyError, match="no cluster was specified"):
        hidden("SHOW EXPORTS")
    monkeypatch.setenv("SINGLESTOREDB_WORKSPACE", cluster.id)
    assert hidden("SHOW EXPORTS") == []
    (identity,) = hidden(f"CREATE CLUSTER IDENTITY {catalog.split(' CREDENTIALS')[0]} {link}")
    assert identity["Identity"].startswith("arn:")
    (started,) = hidden(
        f"START EXPORT FROM db.t {catalog} {link} PARTITION BY MONTH(day), IDENTITY(a) "
        """ORDER BY YEAR(day) DESC NULLS_LAST, IDENTITY(b) PROPERTIES '{"x": "y"}'"""
    )
    body = next(r.json for r in reversed(api.requests) if r.path.endswith("/startTableEgress"))
    assert body == {
        "databaseName": "db",
        "tableName": "t",
        "catalogInfo": {"catalog_type": "GLUE", "id": "s3cr3t"},
        "storageInfo": {"provider": "S3", "region": "r"},
        "partitionSpec": {
            "partitions": [
                {"transform": "month", "name": "day"},
                {"transform": "identity", "name": "a"},
            ]
        },
        "sortOrderSpec": {
            "keys": [
                {
                    "transform": "year",
                    "name": "day",
                    "direction": "descending",
                    "null_order": "nulls_last",
                },
                {
                    "transform": "identity",
                    "name": "b",
                    "direction": "ascending",
                    "null_order": "nulls_first",
                },
            ]
        },
        "properties": {"x": "y"},
    }
    (shown,) = hidden(f"SHOW EXPORT '{started['ExportID']}'")
    assert shown["ExportID"] == started["ExportID"]
    (repeated,) = hidden(
        f"START INCREMENTAL EXPORT FROM db.t {catalog} {link} REFRESH INTERVAL 10 minutes"
    )
    body = next(r.json for r in reversed(api.requests) if r.path.endswith("/startTableEgress"))
    assert (body["incremental"], body["refreshInterval"]) == (True, 600)
    for verb in ("SUSPEND", "RESUME"):
        assert len(hidden(f"{verb} EXPORT '{repeated['ExportID']}'")) == 1
    assert len(hidden("SHOW EXPORTS FOR 'all'")) == 2
    hidden(f"DROP EXPORT '{repeated['ExportID']}'")
    assert len(hidden("SHOW EXPORTS")) == 1


@pytest.mark.parametrize(
    ("clauses", "message"),
    [
        ("FROM t CATALOG CONFIG '{}' LINK S3 CONFIG '{}'", "database name must be specified"),
        ("FROM d.t CATALOG CONFIG 's3cr3t' LINK S3 CONFIG '{}'", "CATALOG CONFIG is not a JSON"),
        ("FROM d.t CATALOG CONFIG '{}' LINK S3 CONFIG '[]'", "LINK S3 CONFIG is not a JSON"),
        (
            "FROM d.t CATALOG CONFIG '{}' LINK S3 CONFIG '{}' REFRESH INTERVAL -1 DAYS",
            "must not be negative",
        ),
    ],
)
def test_exports_that_mean_nothing(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, clauses: str, message: str
) -> None:
    monkeypatch.setenv("SINGLESTOREDB_WORKSPACE", cluster.id)
    with pytest.raises(ValueError, match=message) as caught:
        hidden(f"START INCREMENTAL EXPORT {clauses}")
    assert "s3cr3t" not in str(caught.value)


# -- the connection around it --


@pytest.mark.parametrize("results_type", ["tuples", "polars", "pandas", "arrow", "namedtuples"])
def test_every_format(results_type: str, cluster: Cluster) -> None:
    importlib.import_module({"arrow": "pyarrow"}.get(results_type, "json"))
    with (
        option_context("fusion.enabled", True),
        s2.connect("embedded://", results_type=results_type) as conn,
        conn.cursor() as cur,
    ):
        cur.execute("SHOW CLUSTERS EXTENDED")
        assert len(cur.fetchall()) == 1


def test_managers_are_closed(sql: SQL, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []
    monkeypatch.setattr(ClusterManager, "close", lambda self: closed.append(self))
    sql("SHOW CLUSTERS")
    with pytest.raises(KeyError):
        sql("SUSPEND CLUSTER 'x'")
    assert len(closed) == 2


def test_without_a_token_the_error_says_what_to_do(
    sql: SQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SINGLESTOREDB_MANAGEMENT_TOKEN")
    with pytest.raises(s2.ManagementError, match="SINGLESTOREDB_MANAGEMENT_TOKEN"):
        sql("SHOW CLUSTERS")
