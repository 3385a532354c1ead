"""Distributions made of real metadata directories, and a registry that sees them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from singlestoredb.kernel.registry import Registry

FORMAT = """
from singlestoredb_hookspecs import hookimpl

class Made:
    reads = "rows"
    def __init__(self, where): self.where = where
    def table(self, chunk): return chunk
    def row(self, chunk): return chunk[0]

@hookimpl
def s2_make_format(name, request):
    return Made(__name__)
"""
"""A format plugin that answers to every name: the registry must not let it."""


class Site:
    """A folder on ``sys.path`` into which distributions are put."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(
        self, distribution: str, version: str, entries: dict[str, dict[str, str]], **modules: str
    ) -> None:
        """Install a distribution: family → {name: target}, and its modules' sources."""
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        )
        lines = []
        for family, names in entries.items():
            lines.append(f"[singlestoredb.{family}]")
            lines += [f"{name} = {target}" for name, target in names.items()]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
        for module, source in modules.items():
            (self.folder / f"{module}.py").write_text(dedent(source))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An empty folder on ``sys.path``; what is imported from it is forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield Site(tmp_path)
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file and file.startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def registry(site: Site) -> Registry:
    """A registry of its own, which has read nothing yet."""
    return Registry()
