"""Which deployment, project or region a statement means.

A name is preferably that of something alive: the service lists what was terminated for a while,
and its name can be given anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from singlestoredb.exceptions import ManagementError

from ._command import AmbiguousTarget, NoSuchTarget, Params, Services

if TYPE_CHECKING:
    from singlestoredb.management.cluster import Cluster
    from singlestoredb.management.projects import Project
    from singlestoredb.management.starter_cluster import StarterCluster
    from singlestoredb.management.workspace import Workspace
    from singlestoredb.management.workspace_group import WorkspaceGroup

T = TypeVar("T")


def _env(name: str) -> str | None:
    return os.environ.get(name) or None


def _part(params: Params, clause: str, name: str) -> Any:
    """Return a rule's value, at the top or within a clause."""
    inner = params.get(clause)
    found = inner.get(name) if isinstance(inner, dict) else None
    return found if found is not None else params.get(name)


def _named(things: Iterable[T], name: str, what: str) -> T | None:
    """Return the thing of that name, ``None`` without one."""
    found: list[Any] = [thing for thing in things if getattr(thing, "name", None) == name]
    alive = [thing for thing in found if getattr(thing, "terminated_at", None) is None]
    found = alive or found
    if len(found) > 1:
        ids = ", ".join(thing.id for thing in found)
        raise AmbiguousTarget(
            None, f"more than one {what} with given name was found: {ids}", hint="use ID"
        )
    return found[0] if found else None


def _by_id(get: Callable[[str], T], wanted: str) -> T | None:
    """Return the thing of that ID, ``None`` where the service knows none."""
    try:
        return get(wanted)
    except ManagementError as exc:
        # Version 2 says 400 to what does not look like an ID.
        if exc.errno == 404 or (exc.errno == 400 and "uuid" in str(exc).lower()):
            return None
        raise


def _missing(
    what: str, name: str | None, id: str | None, source: str | None = None
) -> NoSuchTarget:
    how = f"ID: {id}" if name is None else f"name: {name}"
    suffix = f" (from {source})" if source else ""
    return NoSuchTarget(None, f"no {what} found with {how}{suffix}")


def _resolve(
    what: str,
    things: Callable[[], Iterable[T]],
    get: Callable[[str], T],
    *,
    name: str | None,
    id: str | None,
    variable: str | None = None,
) -> T:
    if name is not None:
        found = _named(things(), name, what)
        if found is None:
            raise _missing(what, name, None)
        return found
    current = _env(variable) if id is None and variable is not None else None
    wanted = id if id is not None else current
    if wanted is None:
        hint = f"name one, or set {variable}" if variable else None
        raise NoSuchTarget(None, f"no {what} was specified", hint=hint)
    found = _by_id(get, wanted)
    if found is None:
        raise _missing(what, None, wanted, variable if current else None)
    return found


def workspace_group(services: Services, params: Params) -> WorkspaceGroup:
    """Return the group that a statement names, or the environment."""
    return _resolve(
        "workspace group",
        lambda: services.workspaces.workspace_groups,
        lambda wanted: services.workspaces.get_workspace_group(wanted),
        name=_part(params, "in_group", "group_name"),
        id=_part(params, "in_group", "group_id"),
        variable="SINGLESTOREDB_WORKSPACE_GROUP",
    )


def workspace(services: Services, params: Params) -> Workspace:
    """Return the workspace that a statement names, by name within a group, or the environment."""
    return _resolve(
        "workspace",
        lambda: workspace_group(services, params).workspaces,
        lambda wanted: services.workspaces.get_workspace(wanted),
        name=params.get("workspace_name"),
        id=params.get("workspace_id"),
        variable="SINGLESTOREDB_WORKSPACE",
    )


def cluster(services: Services, params: Params) -> Cluster:
    """Return the cluster that a statement names, or the environment."""
    return _resolve(
        "cluster",
        lambda: services.clusters.clusters,
        lambda wanted: services.clusters.get_cluster(wanted),
        name=params.get("cluster_name"),
        id=params.get("cluster_id"),
        variable="SINGLESTOREDB_WORKSPACE",
    )


def starter_cluster(services: Services, params: Params) -> StarterCluster:
    """Return the starter cluster that a statement names."""
    return _resolve(
        "starter cluster",
        lambda: services.clusters.starter_clusters,
        lambda wanted: services.clusters.get_starter_cluster(wanted),
        name=params.get("cluster_name"),
        id=params.get("cluster_id"),
    )


def project(services: Services, params: Params) -> Project | None:
    """Return the project that a statement names, if it names one."""
    name = _part(params, "in_project", "project_name")
    id = _part(params, "in_project", "project_id")
    if name is None and id is None:
        return None
    return _resolve(
        "project",
        lambda: services.clusters.projects,
        lambda wanted: services.clusters.get_project(wanted),
        name=name,
        id=id,
    )


def deployment(services: Services, params: Params) -> Any:
    """Return whose Stage a statement means: a cluster, a workspace group or a starter one.

    ``IN GROUP`` looks at version 1 of the API only; anything else looks for clusters first.
    """
    owner = params.get("in") or {}
    if "in_group" in owner:
        group = owner["in_group"]
        name, id = group.get("group_name"), group.get("group_id")
        found = _group_or_starter(services, name, id)
        if found is None:
            raise _missing("workspace group", name, id)
        return found
    named = owner.get("in_deployment") or {}
    name, id = named.get("deployment_name"), named.get("deployment_id")
    if name is not None or id is not None:
        found = _cluster_or_starter(services, name, id)
        found = found if found is not None else _group_or_starter(services, name, id)
        if found is None:
            raise _missing("deployment", name, id)
        return found
    current = _env("SINGLESTOREDB_WORKSPACE")
    if current is not None:
        found = _cluster_or_starter(services, None, current)
        if found is None:
            raise _missing("deployment", None, current, "SINGLESTOREDB_WORKSPACE")
        return found
    if _env("SINGLESTOREDB_WORKSPACE_GROUP") is not None:
        raise NoSuchTarget(
            None,
            "no deployment was specified: SINGLESTOREDB_WORKSPACE_GROUP holds the ID of a "
            "workspace group, SINGLESTOREDB_WORKSPACE would hold that of a cluster",
            hint="name the group with IN GROUP",
        )
    raise NoSuchTarget(
        None, "no deployment was specified", hint="name one, or set SINGLESTOREDB_WORKSPACE"
    )


def _group_or_starter(services: Services, name: str | None, id: str | None) -> Any:
    v1 = services.workspaces
    if name is not None:
        found: Any = _named(v1.workspace_groups, name, "workspace group")
        return found or _named(v1.starter_workspaces, name, "starter workspace")
    return _by_id(v1.get_workspace_group, id or "") or _by_id(v1.get_starter_workspace, id or "")


def _cluster_or_starter(services: Services, name: str | None, id: str | None) -> Any:
    v2 = services.clusters
    if name is not None:
        found: Any = _named(v2.clusters, name, "cluster")
        return found or _named(v2.starter_clusters, name, "starter cluster")
    return _by_id(v2.get_cluster, id or "") or _by_id(v2.get_starter_cluster, id or "")


def region_id(services: Services, clause: dict[str, Any]) -> str:
    """Return the ID of the region of ``CREATE WORKSPACE GROUP``."""
    if clause.get("region_id") is not None:
        return str(clause["region_id"])
    name = clause["region_name"]
    found = [region for region in services.workspaces.regions if region.name == name]
    if not found:
        raise NoSuchTarget(None, f'no region found with name "{name}"', hint="see SHOW REGIONS")
    if len(found) > 1 or found[0].id is None:
        raise AmbiguousTarget(
            None, f'multiple regions found with the name "{name}"', hint="use IN REGION ID"
        )
    return found[0].id


def cluster_region(services: Services, name: str, provider: str | None) -> tuple[str, str | None]:
    """Return the service's own spelling of a region and provider; unknown ones unchanged."""
    wanted = name.casefold()
    found = {
        (region.provider, region.region_name or region.name)
        for region in services.clusters.regions
        if wanted in (region.name.casefold(), (region.region_name or "").casefold())
        and (provider is None or region.provider.casefold() == provider.casefold())
    }
    if len(found) > 1:
        choices = ", ".join(f"{p} {slug}" for p, slug in sorted(found))
        raise AmbiguousTarget(
            None,
            f'more than one region matches "{name}": {choices}; '
            "use the USING PROVIDER clause to select one",
        )
    if not found:
        return name, provider
    ((found_provider, slug),) = found
    return slug, found_provider
