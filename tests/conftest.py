"""Shared by all tests: private servers, and nothing of the developer's own environment."""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, settings

pytest_plugins = ["singlestoredb.testing.fixtures"]

for _name in [name for name in os.environ if name.startswith("SINGLESTOREDB_")]:
    if not _name.startswith("SINGLESTOREDB_TEST_"):
        del os.environ[_name]

# A shell that runs tests in the background has SIGINT ignored, and so have all their children.
# With a handler here, children begin with the default, and Ctrl-C can be tested.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is slow at times, and that says nothing about what is tested.
settings.register_profile("s2", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("s2")
