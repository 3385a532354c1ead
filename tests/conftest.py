"""Shared by all tests: private servers, and nothing of the developer's own environment."""

from __future__ import annotations

import os

pytest_plugins = ["singlestoredb.testing.fixtures"]

for _name in [name for name in os.environ if name.startswith("SINGLESTOREDB_")]:
    if not _name.startswith("SINGLESTOREDB_TEST_"):
        del os.environ[_name]
