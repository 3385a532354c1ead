"""``s2 mgmt``: workspaces, clusters and Stage of the management service.

The token comes from ``SINGLESTOREDB_MANAGEMENT_TOKEN``; it is never an argument, where other users
of the machine could read it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from singlestoredb.management.cluster import ClusterManager
    from singlestoredb.management.stage import Stage
    from singlestoredb.management.workspace import Workspace, WorkspaceManager
    from singlestoredb.management.workspace_group import WorkspaceGroup

T = TypeVar("T")

_STAGE = "stage://"


@dataclass
class Service:
    """How to reach the management service."""

    base_url: str | None
    organization: str | None

    def workspaces(self) -> WorkspaceManager:
        """Return a manager of workspaces."""
        from singlestoredb.management.workspace import WorkspaceManager

        return WorkspaceManager(base_url=self.base_url, organization_id=self.organization)

    def clusters(self) -> ClusterManager:
        """Return a manager of clusters."""
        from singlestoredb.management.cluster import ClusterManager

        return ClusterManager(base_url=self.base_url, organization_id=self.organization)


class _NoConnection(click.ClickException):
    exit_code = 3


class _Failing(click.Group):
    """A group that turns the SDK's errors into one line and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        from singlestoredb.exceptions import ManagementError
        from singlestoredb.management.errors import TransportError

        try:
            return super().invoke(ctx)
        except (ManagementError, OSError, ValueError, ImportError) as exc:
            kind = _NoConnection if isinstance(exc, TransportError) else click.ClickException
            raise kind(str(exc)) from None


@click.group(cls=_Failing, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--base-url", metavar="URL", help="Root of the management service.")
@click.option("--organization", metavar="ID", help="Organization, if not the token's own.")
@click.pass_context
def mgmt(ctx: click.Context, base_url: str | None, organization: str | None) -> None:
    """Manage workspaces, clusters and their files.

    The token is read from SINGLESTOREDB_MANAGEMENT_TOKEN.
    """
    ctx.obj = Service(base_url, organization)


# -- output --

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
wait_option = click.option("--wait", is_flag=True, help="Return when it is done.")
timeout_option = click.option(
    "--timeout", default=600.0, show_default=True, help="Seconds to wait at most."
)


def _plain(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return getattr(value, "name", None) or str(value)


def _row(thing: Any, columns: Sequence[str]) -> dict[str, Any]:
    return {c: getattr(thing, c, None) for c in columns}


def _print(
    things: Iterable[Any], columns: Sequence[str], as_json: bool, *, one: bool = False
) -> None:
    rows = [_row(x, columns) for x in things]
    if as_json:
        shown: Any = rows[0] if one else rows
        click.echo(json.dumps(shown, indent=2, default=_plain, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*(c.replace("_", " ").upper() for c in columns), box=None)
    for row in rows:
        table.add_row(*(Text("" if v is None else str(_flat(v))) for v in row.values()))
    # A pipe gets whole lines, whatever the terminal's width would be.
    Console(width=None if sys.stdout.isatty() else 10_000, soft_wrap=True).print(table)


def _flat(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return ", ".join(str(_plain(v)) for v in value)
    return value if isinstance(value, (int, float)) else _plain(value)


# -- finding --


def _one(things: Iterable[T], wanted: str, what: str) -> T:
    """Return the live thing of an ID or name; a name must be that of only one."""
    alive = [x for x in things if not getattr(x, "terminated_at", None)]
    found = [x for x in alive if getattr(x, "id", None) == wanted]
    found = found or [x for x in alive if getattr(x, "name", None) == wanted]
    if len(found) > 1:
        ids = ", ".join(getattr(x, "id", "") for x in found)
        raise click.ClickException(f"several {what}s are named {wanted!r}; use an ID: {ids}")
    if not found:
        names = ", ".join(sorted(getattr(x, "name", "") for x in alive)) or "none"
        raise click.ClickException(f"no {what} {wanted!r}; there are: {names}")
    return found[0]


def _group(service: Service, wanted: str) -> WorkspaceGroup:
    return _one(service.workspaces().workspace_groups, wanted, "workspace group")


def _workspace(service: Service, wanted: str, group: str | None) -> Workspace:
    manager = service.workspaces()
    if group is not None:
        groups = [_one(manager.workspace_groups, group, "workspace group")]
    else:
        groups = [g for g in manager.workspace_groups if not g.terminated_at]
    return _one((w for g in groups for w in g.workspaces), wanted, "workspace")


# -- workspace groups --

_GROUP = ("name", "id", "region", "state", "created_at", "expires_at")


@mgmt.group()
def groups() -> None:
    """Workspace groups."""


@groups.command("list")
@json_option
@click.pass_obj
def list_groups(service: Service, as_json: bool) -> None:
    """List the workspace groups."""
    _print(service.workspaces().workspace_groups, _GROUP, as_json)


@groups.command("create")
@click.argument("name")
@click.option("--region", required=True, help="Name or ID of the region.")
@click.option("--firewall-range", "ranges", multiple=True, metavar="CIDR", help="Who may connect.")
@click.option("--expires-at", help="A time, or how long from now: 3h30m.")
@json_option
@click.pass_obj
def create_group(
    service: Service,
    name: str,
    region: str,
    ranges: tuple[str, ...],
    expires_at: str | None,
    as_json: bool,
) -> None:
    """Create a workspace group; its password is printed this once."""
    manager = service.workspaces()
    where = _one(manager.regions, region, "region")
    made = manager.create_workspace_group(name, where, list(ranges), expires_at=expires_at)
    _print([made], (*_GROUP, "admin_password"), as_json, one=True)


@groups.command("terminate")
@click.argument("group")
@click.option("--force", is_flag=True, help="Terminate the workspaces in it as well.")
@wait_option
@timeout_option
@click.pass_obj
def terminate_group(service: Service, group: str, force: bool, wait: bool, timeout: float) -> None:
    """Terminate a workspace group, by name or ID."""
    found = _group(service, group)
    found.terminate(force=force, wait_on_terminated=wait, wait_timeout=timeout)


# -- workspaces --

_WORKSPACE = ("name", "id", "group_id", "size", "state", "endpoint", "created_at")
group_option = click.option("--group", metavar="GROUP", help="Name or ID of the workspace group.")


@mgmt.group()
def workspaces() -> None:
    """Workspaces."""


@workspaces.command("list")
@group_option
@json_option
@click.pass_obj
def list_workspaces(service: Service, group: str | None, as_json: bool) -> None:
    """List the workspaces of a group, or of all groups."""
    manager = service.workspaces()
    if group is not None:
        chosen = [_one(manager.workspace_groups, group, "workspace group")]
    else:
        chosen = [g for g in manager.workspace_groups if not g.terminated_at]
    _print((w for g in chosen for w in g.workspaces), _WORKSPACE, as_json)


@workspaces.command("create")
@click.argument("name")
@click.option("--group", required=True, help="Name or ID of the workspace group.")
@click.option("--size", help="Size, such as S-00.")
@wait_option
@timeout_option
@json_option
@click.pass_obj
def create_workspace(
    service: Service,
    name: str,
    group: str,
    size: str | None,
    wait: bool,
    timeout: float,
    as_json: bool,
) -> None:
    """Create a workspace."""
    made = _group(service, group).create_workspace(
        name, size=size, wait_on_active=wait, wait_timeout=timeout
    )
    _print([made], _WORKSPACE, as_json, one=True)


def _acting(command: Callable[..., None]) -> Callable[..., None]:
    """Decorate a command on one workspace with its arguments."""
    decorated: Any = click.pass_obj(command)
    for decorate in (timeout_option, wait_option, group_option, click.argument("workspace")):
        decorated = decorate(decorated)
    out: Callable[..., None] = decorated
    return out


@workspaces.command("suspend")
@_acting
def suspend_workspace(
    service: Service, workspace: str, group: str | None, wait: bool, timeout: float
) -> None:
    """Suspend a workspace, by name or ID."""
    _workspace(service, workspace, group).suspend(wait_on_suspended=wait, wait_timeout=timeout)


@workspaces.command("resume")
@_acting
def resume_workspace(
    service: Service, workspace: str, group: str | None, wait: bool, timeout: float
) -> None:
    """Resume a workspace, by name or ID."""
    _workspace(service, workspace, group).resume(wait_on_resumed=wait, wait_timeout=timeout)


@workspaces.command("terminate")
@_acting
def terminate_workspace(
    service: Service, workspace: str, group: str | None, wait: bool, timeout: float
) -> None:
    """Terminate a workspace, by name or ID."""
    _workspace(service, workspace, group).terminate(wait_on_terminated=wait, wait_timeout=timeout)


# -- clusters --

_CLUSTER = ("name", "id", "provider", "region", "size", "state", "endpoint", "created_at")


@mgmt.group()
def clusters() -> None:
    """Clusters."""


@clusters.command("list")
@json_option
@click.pass_obj
def list_clusters(service: Service, as_json: bool) -> None:
    """List the clusters."""
    _print(service.clusters().clusters, _CLUSTER, as_json)


@clusters.command("create")
@click.argument("name")
@click.option("--region", required=True, help="Name of the region, such as us-east-1.")
@click.option("--provider", help="AWS, GCP or Azure, when several have that region.")
@click.option("--project", help="Name or ID of the project.")
@click.option("--size", help="Size, such as S-00.")
@click.option("--firewall-range", "ranges", multiple=True, metavar="CIDR", help="Who may connect.")
@wait_option
@timeout_option
@json_option
@click.pass_obj
def create_cluster(
    service: Service,
    name: str,
    region: str,
    provider: str | None,
    project: str | None,
    size: str | None,
    ranges: tuple[str, ...],
    wait: bool,
    timeout: float,
    as_json: bool,
) -> None:
    """Create a cluster; its password is printed this once."""
    manager = service.clusters()
    matching = [
        r
        for r in manager.regions
        if region.lower() in (r.name.lower(), (r.region_name or "").lower())
        and (provider is None or provider.lower() == r.provider.lower())
    ]
    if len(matching) != 1:
        names = ", ".join(
            sorted(f"{r.provider} {r.region_name}" for r in matching or manager.regions)
        )
        what = "several regions are" if matching else "no region is"
        raise click.ClickException(f"{what} called {region!r}: {names}")
    made = manager.create_cluster(
        name,
        matching[0],
        size=size,
        project=project,
        firewall_ranges=list(ranges),
        wait_on_active=wait,
        wait_timeout=timeout,
    )
    _print([made], (*_CLUSTER, "admin_password"), as_json, one=True)


def _on_cluster(action: str, word: str) -> None:
    @clusters.command(action)
    @click.argument("cluster")
    @wait_option
    @timeout_option
    @click.pass_obj
    def command(service: Service, cluster: str, wait: bool, timeout: float) -> None:
        found = _one(service.clusters().clusters, cluster, "cluster")
        getattr(found, action)(**{f"wait_on_{word}": wait, "wait_timeout": timeout})

    command.help = f"{action.capitalize()} a cluster, by name or ID."


_on_cluster("suspend", "suspended")
_on_cluster("resume", "resumed")
_on_cluster("terminate", "terminated")


@mgmt.command()
@json_option
@click.pass_obj
def regions(service: Service, as_json: bool) -> None:
    """List the regions."""
    _print(service.workspaces().regions, ("name", "provider", "id"), as_json)


# -- Stage --

_FILE = ("path", "type", "size", "last_modified_at")


@mgmt.group()
def stage() -> None:
    """Files in the Stage of a cluster or workspace group: stage://NAME/PATH."""


def _split(url: str) -> tuple[str, str]:
    """Return deployment and path of a ``stage://`` URL."""
    owner, _, path = url.removeprefix(_STAGE).partition("/")
    if not url.startswith(_STAGE) or not owner:
        raise click.UsageError(f"{url!r} is not stage://NAME/PATH")
    return owner, path


def _stage(service: Service, owner: str) -> Stage:
    """Return the Stage of a cluster or workspace group, by name or ID."""
    owners: list[Any] = [*service.clusters().clusters, *service.workspaces().workspace_groups]
    out: Stage = _one(owners, owner, "deployment").stage
    return out


def _needs_slash(place: Stage, path: str) -> str:
    """Return a path as the service knows it: that of a folder ends in a slash."""
    if path and not path.endswith("/") and not place.exists(path) and place.exists(path + "/"):
        return path + "/"
    return path


@stage.command("ls")
@click.argument("url", metavar="stage://NAME[/PATH]")
@click.option("-r", "--recursive", is_flag=True, help="List folders in folders as well.")
@json_option
@click.pass_obj
def list_stage(service: Service, url: str, recursive: bool, as_json: bool) -> None:
    """List a folder."""
    owner, path = _split(url)
    found = _stage(service, owner).listdir(path or "/", recursive=recursive, return_objects=True)
    _print(found, _FILE, as_json)


@stage.command("cp")
@click.argument("source")
@click.argument("target")
@click.option("-r", "--recursive", is_flag=True, help="Copy a folder.")
@click.option("--overwrite", is_flag=True, help="Replace what is there.")
@click.option("--ignore", multiple=True, help="Pattern to leave out, as in .gitignore.")
@click.option("--ignore-file", multiple=True, type=click.Path(exists=True, dir_okay=False))
@click.option("--workers", default=4, show_default=True, help="Files to copy at a time.")
@click.pass_obj
def copy(
    service: Service,
    source: str,
    target: str,
    recursive: bool,
    overwrite: bool,
    ignore: tuple[str, ...],
    ignore_file: tuple[str, ...],
    workers: int,
) -> None:
    """Copy between this machine and a Stage; one of both is stage://NAME/PATH."""
    if source.startswith(_STAGE) == target.startswith(_STAGE):
        raise click.UsageError("either the source or the target must be stage://NAME/PATH")
    options: dict[str, Any] = {"overwrite": overwrite, "progress": sys.stderr.isatty()}
    if recursive:
        options |= {"ignore": ignore, "ignore_file": ignore_file, "max_workers": workers}
    elif ignore or ignore_file:
        raise click.UsageError("--ignore and --ignore-file need --recursive")
    if source.startswith(_STAGE):
        owner, path = _split(source)
        place = _stage(service, owner)
        if recursive:
            place.download_folder(path or "/", target, **options)
            return
        if os.path.isdir(target):
            target = os.path.join(target, os.path.basename(path))
        place.download_file(path, target, **options)
        return
    owner, path = _split(target)
    place = _stage(service, owner)
    if recursive:
        place.upload_folder(source, path or "/", **options)
        return
    if not path or path.endswith("/"):
        path += os.path.basename(source)
    place.upload_file(source, path, **options)


@stage.command("rm")
@click.argument("url", metavar="stage://NAME/PATH")
@click.option("-r", "--recursive", is_flag=True, help="Delete a folder and all that is in it.")
@click.pass_obj
def remove(service: Service, url: str, recursive: bool) -> None:
    """Delete a file, or a folder with --recursive."""
    owner, path = _split(url)
    place = _stage(service, owner)
    path = _needs_slash(place, path)
    if not path:
        raise click.UsageError("the root folder cannot be deleted")
    if not path.endswith("/"):
        place.remove(path)
    elif recursive:
        place.removedirs(path)
    else:
        raise click.ClickException(f"{path!r} is a folder; use --recursive")
