"""Export of tables to Iceberg catalogs.  The commands are hidden.

All of them are about the cluster that SINGLESTOREDB_WORKSPACE names by its ID.
"""

from __future__ import annotations

import json
from typing import Any

from singlestoredb.fusion import STRING, FusionSQLResult

from . import _targets as targets
from ._command import Column, Command, InvalidClause, Params, Services, seconds, table

_EXPORT_ID: tuple[Column, ...] = (("ExportID", STRING, lambda export: export.export_id),)


def _statuses(exports: list[Any]) -> FusionSQLResult:
    # One request says both.
    rows = [(export.export_id, export._info()) for export in exports]
    return table(
        (
            ("ExportID", STRING, lambda row: row[0]),
            ("Status", STRING, lambda row: row[1].opt_text("status") or "Unknown"),
            ("Message", STRING, lambda row: row[1].opt_text("statusMsg") or ""),
        ),
        rows,
    )


def _existing(services: Services, params: Params) -> Any:
    from singlestoredb.management.export import ExportService

    return ExportService.from_export_id(targets.cluster(services, {}), params["export_id"])


def _object(text: str | None, what: str) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        # What is wrong with it is not quoted: it may hold keys.
        raise InvalidClause(None, f"{what} is not a JSON object")
    return value


def _catalog(params: Params) -> dict[str, Any]:
    clause = params["catalog"]
    return {
        **_object(clause.get("catalog_config"), "CATALOG CONFIG"),
        **_object(clause.get("catalog_creds"), "CATALOG CREDENTIALS"),
    }


def _storage(params: Params) -> dict[str, Any]:
    clause = params["storage"]
    return {
        "provider": "S3",
        **_object(clause.get("link_config"), "LINK S3 CONFIG"),
        **_object(clause.get("link_creds"), "LINK CREDENTIALS"),
    }


class CreateClusterIdentity(Command):
    """
    CREATE CLUSTER IDENTITY catalog storage;

    catalog = CATALOG { catalog_config | catalog_creds }
    catalog_config = CONFIG '<catalog-config>'
    catalog_creds = CREDENTIALS '<catalog-creds>'
    storage = LINK { link_config | link_creds }
    link_config = S3 CONFIG '<link-config>'
    link_creds = CREDENTIALS '<link-creds>'

    Description
    -----------
    Create the identity that exports write with.

    Arguments
    ---------
    * ``<catalog-config>``, ``<catalog-creds>``, ``<link-config>``, ``<link-creds>``: JSON objects.

    Example
    -------
    ::

        CREATE CLUSTER IDENTITY
            CATALOG CONFIG '{"catalog_type": "GLUE", "region": "us-east-1"}'
            LINK S3 CONFIG '{"region": "us-east-1", "endpoint_url": "s3://bucket"}';

    See Also
    --------
    * ``START EXPORT``
    """

    _enabled = False

    def answer(self, services: Services, params: Params) -> FusionSQLResult:
        """Create the identity."""
        from singlestoredb.management.export import ExportService

        cluster = targets.cluster(services, {})
        service = ExportService(cluster, "", "", _catalog(params), _storage(params))
        made = service.create_cluster_identity()
        return table([("Identity", STRING, lambda identity: identity)], [made.get("identity")])


class StartExport(Command):
    """
    START EXPORT FROM source_table catalog storage
        [ partition_by ]
        [ sort_by ]
        [ properties ];

    source_table = <table>
    catalog = CATALOG [ catalog_config ] [ catalog_creds ]
    catalog_config = CONFIG '<catalog-config>'
    catalog_creds = CREDENTIALS '<catalog-creds>'
    storage = LINK [ link_config ] [ link_creds ]
    link_config = S3 CONFIG '<link-config>'
    link_creds = CREDENTIALS '<link-creds>'
    partition_by = PARTITION BY partition_key,...
    partition_key = transform ( transform_column )
    sort_by = ORDER BY sort_key,...
    sort_key = transform ( transform_column ) [ direction ] [ null_order ]
    transform = { VOID | IDENTITY | YEAR | MONTH | DAY | HOUR }
    transform_column = <column>
    direction = { ASC | DESC | ASCENDING | DESCENDING }
    null_order = { NULLS_FIRST | NULLS_LAST }
    properties = PROPERTIES '<json>'

    Description
    -----------
    Start to export a table. The answer is the ID of the export.

    Arguments
    ---------
    * ``<catalog-config>``, ``<catalog-creds>``, ``<link-config>``, ``<link-creds>``: JSON objects.

    Example
    -------
    ::

        START EXPORT FROM db.visits
            CATALOG CONFIG '{"catalog_type": "GLUE", "region": "us-east-1"}'
            LINK S3 CONFIG '{"region": "us-east-1", "endpoint_url": "s3://bucket"}'
            PARTITION BY MONTH(day) ORDER BY IDENTITY(page) DESC NULLS_LAST;

    See Also
    --------
    * ``SHOW EXPORT``
    """

    _enabled = False
    incremental = False

    def answer(self, services: Services, params: Params) -> FusionSQLResult:
        """Start the export."""
        from singlestoredb.management.export import ExportService

        source = params["source_table"]
        if not isinstance(source, list):
            raise InvalidClause(None, "database name must be specified for source table")
        every = params.get("refresh_interval")
        interval = None
        if every is not None:
            if every["refresh_value"] < 0:
                raise InvalidClause(None, "a refresh interval must not be negative")
            interval = seconds(every["refresh_value"], every["refresh_units"])
        arguments = (source[0], source[1], _catalog(params), _storage(params))
        service = ExportService(
            targets.cluster(services, {}),
            *arguments,
            partition_by=[_transform(item["partition_key"]) for item in params["partition_by"]],
            order_by=[_sorted(item["sort_key"]) for item in params["sort_by"]],
            incremental=self.incremental,
            refresh_interval=interval,
            properties=_object(params["properties"], "PROPERTIES"),
        )
        return table(_EXPORT_ID, [service.start()])


def _transform(key: dict[str, Any]) -> dict[str, Any]:
    column = key["transform_column"]
    name = ".".join(column) if isinstance(column, list) else column
    return {"transform": key["transform"].lower(), "name": name}


def _sorted(key: dict[str, Any]) -> dict[str, Any]:
    descending = key.get("direction", "ASC").upper().startswith("DESC")
    return {
        **_transform(key),
        "direction": "descending" if descending else "ascending",
        "null_order": key.get("null_order", "NULLS_FIRST").lower(),
    }


class StartIncrementalExport(StartExport):
    """
    START INCREMENTAL EXPORT FROM source_table catalog storage
        [ partition_by ]
        [ sort_by ]
        [ properties ]
        [ refresh_interval ];

    source_table = <table>
    catalog = CATALOG [ catalog_config ] [ catalog_creds ]
    catalog_config = CONFIG '<catalog-config>'
    catalog_creds = CREDENTIALS '<catalog-creds>'
    storage = LINK [ link_config ] [ link_creds ]
    link_config = S3 CONFIG '<link-config>'
    link_creds = CREDENTIALS '<link-creds>'
    partition_by = PARTITION BY partition_key,...
    partition_key = transform ( transform_column )
    sort_by = ORDER BY sort_key,...
    sort_key = transform ( transform_column ) [ direction ] [ null_order ]
    transform = { VOID | IDENTITY | YEAR | MONTH | DAY | HOUR }
    transform_column = <column>
    direction = { ASC | DESC | ASCENDING | DESCENDING }
    null_order = { NULLS_FIRST | NULLS_LAST }
    properties = PROPERTIES '<json>'
    refresh_interval = REFRESH INTERVAL refresh_value refresh_units
    refresh_value = <integer>
    refresh_units = { SECONDS | MINUTES | HOURS | DAYS }

    Description
    -----------
    Start to export a table, and then what changes in it. The answer is the ID of the export.

    Example
    -------
    ::

        START INCREMENTAL EXPORT FROM db.visits
            CATALOG CONFIG '{"catalog_type": "GLUE", "region": "us-east-1"}'
            LINK S3 CONFIG '{"region": "us-east-1", "endpoint_url": "s3://bucket"}'
            REFRESH INTERVAL 10 MINUTES;

    See Also
    --------
    * ``SUSPEND EXPORT``
    """

    _enabled = False
    incremental = True


class ShowExport(Command):
    """
    SHOW EXPORT export_id;

    export_id = '<export-id>'

    Description
    -----------
    Show how far an export is.

    Example
    -------
    ::

        SHOW EXPORT '8b3c0c6e-5a34-4b0c-9d9a-3f6f6f3c0a11';

    See Also
    --------
    * ``SHOW EXPORTS``
    """

    _enabled = False

    def answer(self, services: Services, params: Params) -> FusionSQLResult:
        """Show the export."""
        return _statuses([_existing(services, params).status()])


class ShowExports(Command):
    """
    SHOW EXPORTS [ for_scope ];

    for_scope = FOR '<scope>'

    Description
    -----------
    List the exports, ``all`` of them without ``FOR``.

    Example
    -------
    ::

        SHOW EXPORTS;

    See Also
    --------
    * ``SHOW EXPORT``
    """

    _enabled = False

    def answer(self, services: Services, params: Params) -> FusionSQLResult:
        """List the exports."""
        from singlestoredb.management.export import _get_exports

        scope = params["for_scope"] or "all"
        return _statuses(_get_exports(targets.cluster(services, {}), scope))


class SuspendExport(Command):
    """
    SUSPEND EXPORT export_id;

    export_id = '<export-id>'

    Description
    -----------
    Suspend an incremental export.

    Example
    -------
    ::

        SUSPEND EXPORT '8b3c0c6e-5a34-4b0c-9d9a-3f6f6f3c0a11';

    See Also
    --------
    * ``RESUME EXPORT``
    """

    _enabled = False

    def answer(self, services: Services, params: Params) -> FusionSQLResult:
        """Suspend the export."""
        return _statuses([_existing(services, params).suspend()])


class ResumeExport(Command):
    """
    RESUME EXPORT export_id;

    export_id = '<export-id>'

    Description
    -----------
    Resume a suspended export.

    Example
    -------
    ::

        RESUME EXPORT '8b3c0c6e-5a34-4b0c-9d9a-3f6f6f3c0a11';

    See Also
    --------
    * ``SUSPEND EXPORT``
    """

    _enabled = False

    def answer(self, services: Services, params: Params) -> FusionSQLResult:
        """Resume the export."""
        return _statuses([_existing(services, params).resume()])


class DropExport(Command):
    """
    DROP EXPORT export_id;

    export_id = '<export-id>'

    Description
    -----------
    End an export and forget it.

    Example
    -------
    ::

        DROP EXPORT '8b3c0c6e-5a34-4b0c-9d9a-3f6f6f3c0a11';

    See Also
    --------
    * ``START EXPORT``
    """

    _enabled = False

    def answer(self, services: Services, params: Params) -> None:
        """Drop the export."""
        _existing(services, params).drop()


COMMANDS = (
    CreateClusterIdentity,
    StartExport,
    StartIncrementalExport,
    ShowExport,
    ShowExports,
    SuspendExport,
    ResumeExport,
    DropExport,
)
