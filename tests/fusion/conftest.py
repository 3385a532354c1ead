"""Fixtures of the Fusion SQL tests."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from singlestoredb.config import option_context
from singlestoredb.fusion import SQLHandler, registry

EXAMPLE = Path(__file__).parents[2] / "examples/acme-fusion/acme_fusion.py"

CommandMaker = Callable[..., type[SQLHandler]]


@pytest.fixture(scope="session")
def show_things() -> Any:
    """The command of the example distribution, from its source."""
    spec = importlib.util.spec_from_file_location("acme_fusion_source", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.ShowThings


@pytest.fixture
def command() -> CommandMaker:
    """Make a command class from its grammar; the class is not registered."""

    def make(grammar: str, **members: Any) -> type[SQLHandler]:
        return type("Command", (SQLHandler,), {"__doc__": grammar, **members})

    return make


@pytest.fixture
def params(command: CommandMaker) -> Callable[[str, str], dict[str, Any]]:
    """Return the parameters of a statement under a grammar."""

    def parse(grammar: str, sql: str) -> dict[str, Any]:
        handler = command(grammar)
        return handler(None).visit(handler.grammar.parse(sql))

    return parse


@pytest.fixture
def fusion_enabled() -> Iterator[None]:
    """Switch Fusion SQL on."""
    with option_context("fusion.enabled", True):
        yield


@pytest.fixture
def registered() -> Iterator[Callable[[type[SQLHandler]], type[SQLHandler]]]:
    """Register commands for the length of a test."""
    added: list[type[SQLHandler]] = []

    def register(handler: type[SQLHandler]) -> type[SQLHandler]:
        handler.register()
        added.append(handler)
        return handler

    yield register
    for handler in added:
        registry.unregister_handler(handler)
