"""Fixtures of the accelerator's tests."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for accelkit, which these tests share

from accelkit import Peer


@pytest.fixture(scope="session")
def accel() -> ModuleType:
    """The compiled module; it may be missing only where nothing could compile it."""
    name = "singlestoredb_plugins.mysql_accel._singlestoredb_accel"
    if importlib.util.find_spec(name) is None:
        if shutil.which("cc"):
            pytest.fail("there is a compiler, and the accelerator was not built")
        pytest.skip("there is no compiler to build the accelerator")
    return importlib.import_module(name)


@pytest.fixture
def peers(accel: ModuleType) -> Iterator[Callable[..., tuple[Peer, Peer]]]:
    """Make pairs of peers with the same parameters: accelerated, and pure Python."""
    made: list[Peer] = []

    def make(**params: Any) -> tuple[Peer, Peer]:
        pair = Peer(True, **params), Peer(False, **params)
        made.extend(pair)
        return pair

    yield make
    for peer in made:
        peer.close()
