"""What every organization starts with."""

from __future__ import annotations

import io

from ._filesystem import Content, FileSystem
from ._world import Organization, Wire, World, new_id

REGIONS: tuple[tuple[str, str, str], ...] = (
    # display name, provider, the provider's name
    ("US East 1 (N. Virginia)", "AWS", "us-east-1"),
    ("US West 2 (Oregon)", "AWS", "us-west-2"),
    ("Europe West 1 (Ireland)", "AWS", "eu-west-1"),
    ("US East 4 (Northern Virginia)", "GCP", "us-east4"),
    ("Europe West 4 (Netherlands)", "GCP", "europe-west4"),
    ("US East 2 (Virginia)", "Azure", "eastus2"),
    ("West Europe (Netherlands)", "Azure", "westeurope"),
)
SHARED_TIER = REGIONS[:1] + REGIONS[3:4]
REGION_IDS = {slug: new_id() for _, _, slug in REGIONS}
"""ID of each region at version 1, by the provider's name."""

BUILT_IN_ROLES = {
    "Organization": ("Owner", "Operator", "Reader"),
    "Cluster": ("Owner", "Operator", "Writer", "Reader"),
    "Team": ("Owner", "Member"),
    "Secret": ("Owner", "Reader"),
}
PERMISSIONS = ("Control Access", "Delete", "Operate", "View")
RUNTIMES = (
    {"name": "notebooks-cpu-small", "description": "2 vCPU, 8 GB"},
    {"name": "notebooks-cpu-medium", "description": "4 vCPU, 16 GB"},
    {"name": "notebooks-gpu-t4", "description": "4 vCPU, 16 GB, 1 GPU"},
)
NOTEBOOK = "Scheduling Test.ipynb"
MODEL = "tinyllama"


def furnish(organization: Organization, world: World) -> None:
    """Fill a new organization."""
    stamp = world.clock.stamp
    organization.users[organization.user_id] = user(organization.user_id, "owner@example.com")
    for name, edition in (("Standard Project", "STANDARD"), ("Shared Project", "SHARED")):
        project = {
            "projectID": new_id(),
            "name": name,
            "edition": edition,
            "createdAt": stamp(),
        }
        organization.projects[project["projectID"]] = project
    for kind, names in BUILT_IN_ROLES.items():
        for name in names:
            organization.roles[kind, name] = {
                "role": name,
                "resourceType": kind,
                "permissions": ["View"] if name in ("Reader", "Member") else list(PERMISSIONS),
                "inherits": [],
                "isCustom": False,
                "description": f"{name} of a {kind.lower()}",
            }
    organization.spaces = {
        "personal": FileSystem(stamp, folders=False),
        "shared": FileSystem(stamp, folders=False),
        "models": FileSystem(stamp, implicit=True),
    }
    notebook = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    organization.spaces["shared"].write(NOTEBOOK, Content(io.BytesIO(notebook), 0, len(notebook)))
    organization.models[MODEL] = {
        "name": MODEL,
        "status": "Active",
        "hostingPlatform": "SingleStore",
        "~serviceID": new_id(),
    }


def user(user_id: str, email: str) -> Wire:
    """Return a user."""
    first = email.partition("@")[0].title()
    return {
        "userID": user_id,
        "email": email,
        "firstName": first,
        "lastName": "Example",
        "userKind": "Standard",
    }
