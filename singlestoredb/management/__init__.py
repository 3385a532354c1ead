"""The management service: deployments, organizations and files.

Nothing of it is imported before it is used; the package requests not before the first manager
is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .audit_logs import AuditLog as AuditLog
    from .cluster import manage_cluster as manage_cluster
    from .cluster import manage_clusters as manage_clusters
    from .files import manage_files as manage_files
    from .invitations import Invitation as Invitation
    from .manager import get_token as get_token
    from .organization import Secret as Secret
    from .organization import get_organization as get_organization
    from .organization import get_secret as get_secret
    from .private_connections import PrivateConnection as PrivateConnection
    from .projects import Project as Project
    from .region import manage_regions as manage_regions
    from .roles import Role as Role
    from .stage import get_stage as get_stage
    from .teams import Team as Team
    from .timing import trace as trace_timing
    from .users import User as User
    from .workspace import manage_workspaces as manage_workspaces

_HOMES = {
    "AuditLog": "audit_logs",
    "Invitation": "invitations",
    "PrivateConnection": "private_connections",
    "Project": "projects",
    "Role": "roles",
    "Secret": "organization",
    "Team": "teams",
    "User": "users",
    "get_organization": "organization",
    "get_secret": "organization",
    "get_stage": "stage",
    "get_token": "manager",
    "manage_cluster": "cluster",
    "manage_clusters": "cluster",
    "manage_files": "files",
    "manage_regions": "region",
    "manage_workspaces": "workspace",
    "trace_timing": "timing",
}

__all__ = [
    "AuditLog",
    "Invitation",
    "PrivateConnection",
    "Project",
    "Role",
    "Secret",
    "Team",
    "User",
    "get_organization",
    "get_secret",
    "get_stage",
    "get_token",
    "manage_cluster",
    "manage_clusters",
    "manage_files",
    "manage_regions",
    "manage_workspaces",
    "trace_timing",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = import_module(f".{home}", __name__)
    value = getattr(module, "trace" if name == "trace_timing" else name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
