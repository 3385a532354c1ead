"""pytest fixtures: ``pytest_plugins = ["singlestoredb.testing.management_api.fixtures"]``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .server import ManagementAPI

_CLEARED = (
    "CLUSTER",
    "DEFAULT_DATABASE",
    "MANAGEMENT_VERSION",
    "ORGANIZATION",
    "PROJECT",
    "URL",
    "VIRTUAL_WORKSPACE",
    "WORKLOAD_TYPE",
    "WORKSPACE",
    "WORKSPACE_GROUP",
)


@pytest.fixture(scope="session")
def management_api_server() -> Iterator[ManagementAPI]:
    """The local management service, one for all tests; use ``management_api`` instead."""
    with ManagementAPI() as api:
        yield api


@pytest.fixture
def management_api(
    management_api_server: ManagementAPI, monkeypatch: pytest.MonkeyPatch
) -> ManagementAPI:
    """The local management service, empty, with the environment leading to it.

    Retries do not wait, and what the environment said of deployments is cleared.
    """
    management_api_server.reset()
    for name in _CLEARED:
        monkeypatch.delenv(f"SINGLESTOREDB_{name}", raising=False)
    for name, value in management_api_server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SINGLESTOREDB_MANAGEMENT_RETRY_BACKOFF", "0")
    return management_api_server
