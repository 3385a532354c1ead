"""Clusters and projects: version 2 of the management API."""

from __future__ import annotations

import json

from singlestoredb.fusion import DATETIME, JSON, STRING, FusionSQLResult

from . import _targets as targets
from ._command import (
    Column,
    Command,
    NoSuchTarget,
    Params,
    Services,
    auto_suspend,
    reshaped,
    table,
    update_window,
)

_REGION_COLUMNS: tuple[Column, ...] = (
    ("Name", STRING, lambda region: region.name),
    ("Provider", STRING, lambda region: region.provider),
    ("RegionName", STRING, lambda region: region.region_name),
)


class ShowClusters(Command):
    """
    SHOW CLUSTERS [ <like> ] [ <extended> ] [ <order-by> ] [ <limit> ];

    Description
    -----------
    List the clusters of the organization.

    Remarks
    -------
    * ``EXTENDED`` adds the provider, the endpoint, the deployment type, the firewall, the project,
      and when each was made and terminated.

    Example
    -------
    ::

        SHOW CLUSTERS LIKE 'dev%' EXTENDED ORDER BY Name;

    See Also
    --------
    * ``SHOW CLUSTER REGIONS``
    """

    columns: tuple[Column, ...] = (
        ("Name", STRING, lambda cluster: cluster.name),
        ("ID", STRING, lambda cluster: cluster.id),
        # What the service sent: a listing does not ask for the regions.
        ("Region", STRING, lambda cluster: getattr(cluster._region, "name", cluster._region)),
        ("Size", STRING, lambda cluster: cluster.size),
        ("State", STRING, lambda cluster: cluster.state),
    )
    extended: tuple[Column, ...] = (
        ("Provider", STRING, lambda cluster: cluster.provider),
        ("Endpoint", STRING, lambda cluster: cluster.endpoint),
        ("DeploymentType", STRING, lambda cluster: cluster.deployment_type),
        ("FirewallRanges", JSON, lambda cluster: json.dumps(cluster.firewall_ranges)),
        ("ProjectName", STRING, lambda cluster: cluster.project and cluster.project.name),
        ("CreatedAt", DATETIME, lambda cluster: cluster.created_at),
        ("TerminatedAt", DATETIME, lambda cluster: cluster.terminated_at),
    )

    def answer(self, services: Services, params: Params) -> FusionSQLResult:
        """List the clusters."""
        columns = self.columns + (self.extended if params["extended"] else ())
        return reshaped(table(columns, services.clusters.clusters), params)


class ShowClusterRegions(Command):
    """
    SHOW CLUSTER REGIONS [ <like> ] [ <order-by> ] [ <limit> ];

    Description
    -----------
    List the regions in which clusters can be made.

    Example
    -------
    ::

        SHOW CLUSTER REGIONS LIKE 'US%';

    See Also
    --------
    * ``CREATE CLUSTER``
    """

    def answer(self, services: Services, params: Params) -> FusionSQLResult:
        """List the regions."""
        return reshaped(table(_REGION_COLUMNS, services.clusters.regions), params)


class ShowProjects(Command):
    """
    SHOW PROJECTS [ <like> ] [ <order-by> ] [ <limit> ];

    Description
    -----------
    List the projects of the organization.

    Example
    -------
    ::

        SHOW PROJECTS ORDER BY CreatedAt DESC;
    """

    columns: tuple[Column, ...] = (
        ("Name", STRING, lambda project: project.name),
        ("ID", STRING, lambda project: project.id),
        ("Edition", STRING, lambda project: project.edition),
        ("CreatedAt", DATETIME, lambda project: project.created_at),
    )

    def answer(self, services: Services, params: Params) -> FusionSQLResult:
        """List the projects."""
        return reshaped(table(self.columns, services.clusters.projects), params)


class CreateCluster(Command):
    """
    CREATE CLUSTER [ if_not_exists ] cluster_name
        in_region
        [ using_provider ]
        [ in_project ]
        [ with_size ]
        [ using_scale_factor ]
        [ auto_suspend ]
        [ enable_kai ]
        [ with_cache_config ]
        [ with_firewall_ranges ]
        [ allow_all_traffic ]
        [ with_update_window ]
        [ expires_at ]
        [ wait_on_active ];

    if_not_exists = IF NOT EXISTS
    cluster_name = '<cluster-name>'
    in_region = IN REGION region_name
    region_name = '<region-name>'
    using_provider = USING PROVIDER '<provider>'
    in_project = IN PROJECT { project_id | project_name }
    project_id = ID '<project-id>'
    project_name = '<project-name>'
    with_size = WITH SIZE '<size>'
    using_scale_factor = USING SCALE FACTOR <number>
    auto_suspend = AUTO SUSPEND AFTER suspend_after_value suspend_after_units suspend_type
    suspend_after_value = <integer>
    suspend_after_units = { SECONDS | MINUTES | HOURS | DAYS }
    suspend_type = WITH TYPE { IDLE | SCHEDULED | DISABLED }
    enable_kai = ENABLE KAI
    with_cache_config = WITH CACHE CONFIG <integer>
    with_firewall_ranges = WITH FIREWALL RANGES '<ip-range>',...
    allow_all_traffic = ALLOW ALL TRAFFIC
    with_update_window = WITH UPDATE WINDOW '<day>:<hour>'
    expires_at = EXPIRES AT '<iso-datetime-or-interval>'
    wait_on_active = WAIT ON ACTIVE

    Description
    -----------
    Create a cluster. The answer is its name, ID, endpoint and the password of the user ``admin``,
    which the service tells only now.

    Arguments
    ---------
    * ``<region-name>``: a name or the provider's own name, as ``SHOW CLUSTER REGIONS`` lists them;
      case does not matter.
    * ``<size>``: such as ``S-00``.
    * ``<ip-range>``: addresses that may connect, in CIDR notation.
    * ``<day>``: 0 (Sunday) to 6; ``<hour>``: 0 to 23, UTC.
    * ``<iso-datetime-or-interval>``: when the cluster ends, or how long from now, such as
      ``3h30m``.

    Remarks
    -------
    * With ``IF NOT EXISTS`` there is no row when the cluster exists.
    * Without ``IN PROJECT`` the cluster is made in the only project there is.

    Example
    -------
    ::

        CREATE CLUSTER 'dev' IN REGION 'us-east-1' USING PROVIDER 'AWS' WITH SIZE 'S-00'
            WITH FIREWALL RANGES '203.0.113.0/24' WAIT ON ACTIVE;

    See Also
    --------
    * ``SHOW CLUSTER REGIONS``
    """

    columns: tuple[Column, ...] = (
        ("Name", STRING, lambda cluster: cluster.name),
        ("ID", STRING, lambda cluster: cluster.id),
        ("Endpoint", STRING, lambda cluster: cluster.endpoint),
        ("AdminPassword", STRING, lambda cluster: cluster.admin_password),
    )

    def answer(self, services: Services, params: Params) -> FusionSQLResult | None:
        """Create the cluster."""
        manager = services.clusters
        name = params["cluster_name"]
        if params["if_not_exists"] and any(
            cluster.name == name and cluster.terminated_at is None for cluster in manager.clusters
        ):
            return None
        region, provider = targets.cluster_region(
            services, params["in_region"]["region_name"], params["using_provider"]
        )
        made = manager.create_cluster(
            name,
            region=region,
            provider=provider,
            size=params["with_size"],
            scale_factor=params["using_scale_factor"],
            firewall_ranges=params["with_firewall_ranges"],
            allow_all_traffic=params["allow_all_traffic"] or None,
            auto_suspend=auto_suspend(params["auto_suspend"]),
            cache_config=params["with_cache_config"],
            expires_at=params["expires_at"],
            update_window=update_window(params["with_update_window"]),
            kai=params["enable_kai"] or None,
            project=targets.project(services, params),
            wait_on_active=params["wait_on_active"],
        )
        return table(self.columns, [made])


class SuspendCluster(Command):
    """
    SUSPEND CLUSTER { cluster_id | cluster_name } [ wait_on_suspended ];

    cluster_id = ID '<cluster-id>'
    cluster_name = '<cluster-name>'
    wait_on_suspended = WAIT ON SUSPENDED

    Description
    -----------
    Suspend a cluster.

    Example
    -------
    ::

        SUSPEND CLUSTER 'dev' WAIT ON SUSPENDED;

    See Also
    --------
    * ``RESUME CLUSTER``
    """

    def answer(self, services: Services, params: Params) -> None:
        """Suspend the cluster."""
        targets.cluster(services, params).suspend(wait_on_suspended=params["wait_on_suspended"])


class ResumeCluster(Command):
    """
    RESUME CLUSTER { cluster_id | cluster_name } [ disable_auto_suspend ] [ wait_on_resumed ];

    cluster_id = ID '<cluster-id>'
    cluster_name = '<cluster-name>'
    disable_auto_suspend = DISABLE AUTO SUSPEND
    wait_on_resumed = WAIT ON RESUMED

    Description
    -----------
    Resume a suspended cluster.

    Example
    -------
    ::

        RESUME CLUSTER 'dev' WAIT ON RESUMED;

    See Also
    --------
    * ``SUSPEND CLUSTER``
    """

    def answer(self, services: Services, params: Params) -> None:
        """Resume the cluster."""
        targets.cluster(services, params).resume(
            disable_auto_suspend=params["disable_auto_suspend"],
            wait_on_resumed=params["wait_on_resumed"],
        )


class DropCluster(Command):
    """
    DROP CLUSTER [ if_exists ] { cluster_id | cluster_name } [ wait_on_terminated ];

    if_exists = IF EXISTS
    cluster_id = ID '<cluster-id>'
    cluster_name = '<cluster-name>'
    wait_on_terminated = WAIT ON TERMINATED

    Description
    -----------
    Terminate a cluster.

    Example
    -------
    ::

        DROP CLUSTER IF EXISTS 'dev';

    See Also
    --------
    * ``CREATE CLUSTER``
    """

    def answer(self, services: Services, params: Params) -> None:
        """Terminate the cluster."""
        try:
            cluster = targets.cluster(services, params)
            if cluster.terminated_at is not None:
                raise NoSuchTarget(None, "cluster is already terminated")
        except NoSuchTarget:
            if params["if_exists"]:
                return
            raise
        cluster.terminate(wait_on_terminated=params["wait_on_terminated"])


class ShowStarterClusters(Command):
    """
    SHOW STARTER CLUSTERS [ <like> ] [ <extended> ] [ <order-by> ] [ <limit> ];

    Description
    -----------
    List the starter clusters of the organization.

    Remarks
    -------
    * ``EXTENDED`` adds the endpoint and the project.

    Example
    -------
    ::

        SHOW STARTER CLUSTERS EXTENDED;

    See Also
    --------
    * ``CREATE STARTER CLUSTER``
    """

    columns: tuple[Column, ...] = (
        ("Name", STRING, lambda cluster: cluster.name),
        ("ID", STRING, lambda cluster: cluster.id),
        ("DatabaseName", STRING, lambda cluster: cluster.database_name),
    )
    extended: tuple[Column, ...] = (
        ("Endpoint", STRING, lambda cluster: cluster.endpoint),
        ("ProjectName", STRING, lambda cluster: cluster.project and cluster.project.name),
    )

    def answer(self, services: Services, params: Params) -> FusionSQLResult:
        """List the starter clusters."""
        columns = self.columns + (self.extended if params["extended"] else ())
        return reshaped(table(columns, services.clusters.starter_clusters), params)


class ShowStarterClusterRegions(Command):
    """
    SHOW STARTER CLUSTER REGIONS [ <like> ] [ <order-by> ] [ <limit> ];

    Description
    -----------
    List the regions in which starter clusters can be made.

    Example
    -------
    ::

        SHOW STARTER CLUSTER REGIONS;

    See Also
    --------
    * ``CREATE STARTER CLUSTER``
    """

    def answer(self, services: Services, params: Params) -> FusionSQLResult:
        """List the regions."""
        return reshaped(table(_REGION_COLUMNS, services.clusters.shared_tier_regions), params)


class CreateStarterCluster(Command):
    """
    CREATE STARTER CLUSTER [ if_not_exists ] cluster_name
        with_database
        in_region
        using_provider;

    if_not_exists = IF NOT EXISTS
    cluster_name = '<cluster-name>'
    with_database = WITH DATABASE '<database-name>'
    in_region = IN REGION '<region-name>'
    using_provider = USING PROVIDER '<provider>'

    Description
    -----------
    Create a starter cluster with a database.

    Arguments
    ---------
    * ``<region-name>``: the provider's own name, the column RegionName of
      ``SHOW STARTER CLUSTER REGIONS``.

    Example
    -------
    ::

        CREATE STARTER CLUSTER 'trial' WITH DATABASE 'db' IN REGION 'us-east-1'
            USING PROVIDER 'AWS';

    See Also
    --------
    * ``SHOW STARTER CLUSTER REGIONS``
    """

    def answer(self, services: Services, params: Params) -> None:
        """Create the starter cluster."""
        manager = services.clusters
        name = params["cluster_name"]
        if params["if_not_exists"] and name in manager.starter_clusters.names():
            return
        manager.create_starter_cluster(
            name,
            params["with_database"],
            provider=params["using_provider"],
            region=params["in_region"],
        )


class DropStarterCluster(Command):
    """
    DROP STARTER CLUSTER [ if_exists ] { cluster_id | cluster_name };

    if_exists = IF EXISTS
    cluster_id = ID '<cluster-id>'
    cluster_name = '<cluster-name>'

    Description
    -----------
    Delete a starter cluster and all its data.

    Example
    -------
    ::

        DROP STARTER CLUSTER IF EXISTS 'trial';

    See Also
    --------
    * ``CREATE STARTER CLUSTER``
    """

    def answer(self, services: Services, params: Params) -> None:
        """Delete the starter cluster."""
        try:
            cluster = targets.starter_cluster(services, params)
        except NoSuchTarget:
            if params["if_exists"]:
                return
            raise
        cluster.terminate()


COMMANDS = (
    ShowClusters,
    ShowClusterRegions,
    ShowProjects,
    CreateCluster,
    SuspendCluster,
    ResumeCluster,
    DropCluster,
    ShowStarterClusters,
    ShowStarterClusterRegions,
    CreateStarterCluster,
    DropStarterCluster,
)
