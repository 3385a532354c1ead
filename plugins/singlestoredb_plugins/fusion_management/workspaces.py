"""Workspaces and their groups: version 1 of the management API."""

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


class ShowRegions(Command):
    """
    SHOW REGIONS [ <like> ] [ <order-by> ] [ <limit> ];

    Description
    -----------
    List the regions in which workspace groups can be made.

    Example
    -------
    ::

        SHOW REGIONS LIKE 'US%' ORDER BY Name;

    See Also
    --------
    * ``CREATE WORKSPACE GROUP``
    """

    columns: tuple[Column, ...] = (
        ("Name", STRING, lambda region: region.name),
        ("ID", STRING, lambda region: region.id),
        ("Provider", STRING, lambda region: region.provider),
    )

    def answer(self, services: Services, params: Params) -> FusionSQLResult:
        """List the regions."""
        return reshaped(table(self.columns, services.workspaces.regions), params)


class ShowWorkspaceGroups(Command):
    """
    SHOW WORKSPACE GROUPS [ <like> ] [ <extended> ] [ <order-by> ] [ <limit> ];

    Description
    -----------
    List the workspace groups of the organization.

    Remarks
    -------
    * ``EXTENDED`` adds when each was made and terminated.

    Example
    -------
    ::

        SHOW WORKSPACE GROUPS LIKE 'dev%' EXTENDED ORDER BY Name LIMIT 10;

    See Also
    --------
    * ``SHOW WORKSPACES``
    """

    columns: tuple[Column, ...] = (
        ("Name", STRING, lambda group: group.name),
        ("ID", STRING, lambda group: group.id),
        ("Region", STRING, lambda group: group.region.name if group.region else None),
        ("FirewallRanges", JSON, lambda group: json.dumps(group.firewall_ranges)),
    )
    extended: tuple[Column, ...] = (
        ("CreatedAt", DATETIME, lambda group: group.created_at),
        ("TerminatedAt", DATETIME, lambda group: group.terminated_at),
    )

    def answer(self, services: Services, params: Params) -> FusionSQLResult:
        """List the groups."""
        columns = self.columns + (self.extended if params["extended"] else ())
        return reshaped(table(columns, services.workspaces.workspace_groups), params)


class ShowWorkspaces(Command):
    """
    SHOW WORKSPACES [ in_group ] [ <like> ] [ <extended> ] [ <order-by> ] [ <limit> ];

    in_group = IN GROUP { group_id | group_name }
    group_id = ID '<group-id>'
    group_name = '<group-name>'

    Description
    -----------
    List the workspaces of a group.

    Remarks
    -------
    * Without ``IN GROUP`` the group is the one that SINGLESTOREDB_WORKSPACE_GROUP names by its ID.
    * ``EXTENDED`` adds the endpoint, and when each was made and terminated.

    Example
    -------
    ::

        SHOW WORKSPACES IN GROUP 'dev' LIKE 'etl%';

    See Also
    --------
    * ``SHOW WORKSPACE GROUPS``
    """

    columns: tuple[Column, ...] = (
        ("Name", STRING, lambda workspace: workspace.name),
        ("ID", STRING, lambda workspace: workspace.id),
        ("Size", STRING, lambda workspace: workspace.size),
        ("State", STRING, lambda workspace: workspace.state),
    )
    extended: tuple[Column, ...] = (
        ("Endpoint", STRING, lambda workspace: workspace.endpoint),
        ("CreatedAt", DATETIME, lambda workspace: workspace.created_at),
        ("TerminatedAt", DATETIME, lambda workspace: workspace.terminated_at),
    )

    def answer(self, services: Services, params: Params) -> FusionSQLResult:
        """List the workspaces."""
        columns = self.columns + (self.extended if params["extended"] else ())
        group = targets.workspace_group(services, params)
        return reshaped(table(columns, group.workspaces), params)


class CreateWorkspaceGroup(Command):
    """
    CREATE WORKSPACE GROUP [ if_not_exists ] group_name
        IN REGION { region_id | region_name }
        [ with_password ]
        [ expires_at ]
        [ with_firewall_ranges ]
        [ with_backup_bucket_kms_key_id ]
        [ with_data_bucket_kms_key_id ]
        [ with_smart_dr ]
        [ allow_all_traffic ]
        [ with_update_window ];

    if_not_exists = IF NOT EXISTS
    group_name = '<group-name>'
    region_id = ID '<region-id>'
    region_name = '<region-name>'
    with_password = WITH PASSWORD '<password>'
    expires_at = EXPIRES AT '<iso-datetime-or-interval>'
    with_firewall_ranges = WITH FIREWALL RANGES '<ip-range>',...
    with_backup_bucket_kms_key_id = WITH BACKUP BUCKET KMS KEY ID '<key-id>'
    with_data_bucket_kms_key_id = WITH DATA BUCKET KMS KEY ID '<key-id>'
    with_smart_dr = WITH SMART DR
    allow_all_traffic = ALLOW ALL TRAFFIC
    with_update_window = WITH UPDATE WINDOW '<day>:<hour>'

    Description
    -----------
    Create a workspace group.

    Arguments
    ---------
    * ``<region-id>``, ``<region-name>``: as ``SHOW REGIONS`` lists them.
    * ``<password>``: the password of the user ``admin``; the service makes one without it.
    * ``<iso-datetime-or-interval>``: when the group ends, or how long from now, such as ``3h30m``.
    * ``<ip-range>``: addresses that may connect, in CIDR notation.
    * ``<day>``: 0 (Sunday) to 6; ``<hour>``: 0 to 23, UTC.

    Example
    -------
    ::

        CREATE WORKSPACE GROUP 'dev' IN REGION 'US East 1 (N. Virginia)'
            WITH FIREWALL RANGES '203.0.113.0/24';

    See Also
    --------
    * ``SHOW REGIONS``
    * ``CREATE WORKSPACE``
    """

    _deprecated_by = "CREATE CLUSTER"

    def answer(self, services: Services, params: Params) -> None:
        """Create the group."""
        manager = services.workspaces
        name = params["group_name"]
        if params["if_not_exists"] and any(
            group.name == name and group.terminated_at is None for group in manager.workspace_groups
        ):
            return
        manager.create_workspace_group(
            name,
            targets.region_id(services, params),
            params["with_firewall_ranges"],
            admin_password=params["with_password"],
            backup_bucket_kms_key_id=params["with_backup_bucket_kms_key_id"],
            data_bucket_kms_key_id=params["with_data_bucket_kms_key_id"],
            expires_at=params["expires_at"],
            smart_dr=params["with_smart_dr"],
            allow_all_traffic=params["allow_all_traffic"],
            update_window=update_window(params["with_update_window"]),
        )


class CreateWorkspace(Command):
    """
    CREATE WORKSPACE [ if_not_exists ] workspace_name [ in_group ] with_size
        [ auto_suspend ]
        [ enable_kai ]
        [ with_cache_config ]
        [ wait_on_active ];

    if_not_exists = IF NOT EXISTS
    workspace_name = '<workspace-name>'
    in_group = IN GROUP { group_id | group_name }
    group_id = ID '<group-id>'
    group_name = '<group-name>'
    with_size = WITH SIZE '<size>'
    auto_suspend = AUTO SUSPEND AFTER suspend_after_value suspend_after_units suspend_type
    suspend_after_value = <integer>
    suspend_after_units = { SECONDS | MINUTES | HOURS | DAYS }
    suspend_type = WITH TYPE { IDLE | SCHEDULED | DISABLED }
    enable_kai = ENABLE KAI
    with_cache_config = WITH CACHE CONFIG <integer>
    wait_on_active = WAIT ON ACTIVE

    Description
    -----------
    Create a workspace in a group.

    Arguments
    ---------
    * ``<size>``: such as ``S-00``.

    Remarks
    -------
    * Without ``IN GROUP`` the group is the one that SINGLESTOREDB_WORKSPACE_GROUP names by its ID.
    * ``WITH CACHE CONFIG``: the cache as a multiple of the standard one: 1, 2 or 4.

    Example
    -------
    ::

        CREATE WORKSPACE 'etl' IN GROUP 'dev' WITH SIZE 'S-00'
            AUTO SUSPEND AFTER 20 MINUTES WITH TYPE IDLE WAIT ON ACTIVE;

    See Also
    --------
    * ``CREATE WORKSPACE GROUP``
    """

    _deprecated_by = "CREATE CLUSTER"

    def answer(self, services: Services, params: Params) -> None:
        """Create the workspace."""
        group = targets.workspace_group(services, params)
        name = params["workspace_name"]
        if params["if_not_exists"] and any(
            workspace.name == name and workspace.terminated_at is None
            for workspace in group.workspaces
        ):
            return
        group.create_workspace(
            name,
            size=params["with_size"],
            auto_suspend=auto_suspend(params["auto_suspend"]),
            enable_kai=params["enable_kai"],
            cache_config=params["with_cache_config"],
            wait_on_active=params["wait_on_active"],
        )


class SuspendWorkspace(Command):
    """
    SUSPEND WORKSPACE { workspace_id | workspace_name } [ in_group ] [ wait_on_suspended ];

    workspace_id = ID '<workspace-id>'
    workspace_name = '<workspace-name>'
    in_group = IN GROUP { group_id | group_name }
    group_id = ID '<group-id>'
    group_name = '<group-name>'
    wait_on_suspended = WAIT ON SUSPENDED

    Description
    -----------
    Suspend a workspace.

    Remarks
    -------
    * A name is looked for in the group, which SINGLESTOREDB_WORKSPACE_GROUP names without
      ``IN GROUP``.

    Example
    -------
    ::

        SUSPEND WORKSPACE 'etl' IN GROUP 'dev' WAIT ON SUSPENDED;

    See Also
    --------
    * ``RESUME WORKSPACE``
    """

    def answer(self, services: Services, params: Params) -> None:
        """Suspend the workspace."""
        targets.workspace(services, params).suspend(wait_on_suspended=params["wait_on_suspended"])


class ResumeWorkspace(Command):
    """
    RESUME WORKSPACE { workspace_id | workspace_name } [ in_group ]
        [ disable_auto_suspend ]
        [ wait_on_resumed ];

    workspace_id = ID '<workspace-id>'
    workspace_name = '<workspace-name>'
    in_group = IN GROUP { group_id | group_name }
    group_id = ID '<group-id>'
    group_name = '<group-name>'
    disable_auto_suspend = DISABLE AUTO SUSPEND
    wait_on_resumed = WAIT ON RESUMED

    Description
    -----------
    Resume a suspended workspace.

    Example
    -------
    ::

        RESUME WORKSPACE 'etl' IN GROUP 'dev' WAIT ON RESUMED;

    See Also
    --------
    * ``SUSPEND WORKSPACE``
    """

    def answer(self, services: Services, params: Params) -> None:
        """Resume the workspace."""
        targets.workspace(services, params).resume(
            disable_auto_suspend=params["disable_auto_suspend"],
            wait_on_resumed=params["wait_on_resumed"],
        )


class DropWorkspaceGroup(Command):
    """
    DROP WORKSPACE GROUP [ if_exists ] { group_id | group_name }
        [ wait_on_terminated ]
        [ force ];

    if_exists = IF EXISTS
    group_id = ID '<group-id>'
    group_name = '<group-name>'
    wait_on_terminated = WAIT ON TERMINATED
    force = FORCE

    Description
    -----------
    Terminate a workspace group.

    Remarks
    -------
    * ``FORCE`` also terminates the workspaces in it.

    Example
    -------
    ::

        DROP WORKSPACE GROUP IF EXISTS 'dev' FORCE;

    See Also
    --------
    * ``CREATE WORKSPACE GROUP``
    """

    def answer(self, services: Services, params: Params) -> None:
        """Terminate the group."""
        try:
            group = targets.workspace_group(services, params)
            if group.terminated_at is not None:
                raise NoSuchTarget(None, "workspace group is already terminated")
        except NoSuchTarget:
            if params["if_exists"]:
                return
            raise
        group.terminate(wait_on_terminated=params["wait_on_terminated"], force=params["force"])


class DropWorkspace(Command):
    """
    DROP WORKSPACE [ if_exists ] { workspace_id | workspace_name } [ in_group ]
        [ wait_on_terminated ];

    if_exists = IF EXISTS
    workspace_id = ID '<workspace-id>'
    workspace_name = '<workspace-name>'
    in_group = IN GROUP { group_id | group_name }
    group_id = ID '<group-id>'
    group_name = '<group-name>'
    wait_on_terminated = WAIT ON TERMINATED

    Description
    -----------
    Terminate a workspace.

    Example
    -------
    ::

        DROP WORKSPACE IF EXISTS 'etl' IN GROUP 'dev';

    See Also
    --------
    * ``CREATE WORKSPACE``
    """

    def answer(self, services: Services, params: Params) -> None:
        """Terminate the workspace."""
        try:
            workspace = targets.workspace(services, params)
            if workspace.terminated_at is not None:
                raise NoSuchTarget(None, "workspace is already terminated")
        except NoSuchTarget:
            if params["if_exists"]:
                return
            raise
        workspace.terminate(wait_on_terminated=params["wait_on_terminated"])


COMMANDS = (
    ShowRegions,
    ShowWorkspaceGroups,
    ShowWorkspaces,
    CreateWorkspaceGroup,
    CreateWorkspace,
    SuspendWorkspace,
    ResumeWorkspace,
    DropWorkspaceGroup,
    DropWorkspace,
)
