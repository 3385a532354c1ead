"""Select, activate and refuse: every rule of names, with its whole message."""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from singlestoredb import config
from singlestoredb.exceptions import InterfaceError
from singlestoredb.kernel.errors import (
    PluginConflictError,
    PluginContractError,
    PluginDisabledError,
    PluginError,
    PluginLoadError,
    PluginNotFoundError,
)
from singlestoredb.kernel.registry import Registry
from singlestoredb_hookspecs import FormatRequest, StatementEvent, hookimpl

REQUEST = FormatRequest(())

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
"""A format plugin that answers to every name; the registry must not let it."""


@pytest.fixture(autouse=True)
def _options() -> Iterator[None]:
    with config.option_context(
        {f"plugins.{key}": None for key in ("disable", "prefer", "allow", "autoload", "trace")}
    ):
        yield


def made_by(registry: Registry, name: str) -> str:
    made: Any = registry.manager.make_format(registry.activate("formats", name), name, REQUEST)
    return str(made.where)


# -- names -----------------------------------------------------------------------------------


def test_unknown_name_lists_what_exists_and_the_nearest(registry: Registry) -> None:
    with pytest.raises(PluginNotFoundError) as caught:
        registry.select("formats", "panda")
    assert caught.value.errmsg == (
        "no format named 'panda'. Did you mean 'pandas'?\n"
        "Installed formats: arrow, dicts, namedtuples, numpy, pandas, polars, structsequences, "
        "tuples.\n"
        "Looked in the entry-point group singlestoredb.formats and in run-time registrations."
    )
    assert isinstance(caught.value, InterfaceError)


def test_unknown_family(registry: Registry) -> None:
    with pytest.raises(PluginNotFoundError, match="no plugin family named 'format'; families are"):
        registry.select("format", "pandas")


def test_a_new_name_works_once_it_is_installed(site: Any, registry: Registry) -> None:
    site.add("acme-frames", "1.2", {"formats": {"acme": "acme_frames"}}, acme_frames=FORMAT)
    assert made_by(registry, "acme") == "acme_frames"
    assert registry.select("formats", "acme").reason == "the only provider"


def test_our_names_stay_ours_until_preferred_away(
    site: Any, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.add("acme-frames", "1.2", {"formats": {"tuples": "acme_frames"}}, acme_frames=FORMAT)
    selection = registry.select("formats", "tuples")
    assert selection.record.distribution == "singlestoredb"
    assert selection.reason == "ships with the SDK"
    assert {r.origin for r in selection.considered} == {"acme-frames 1.2", "singlestoredb 1.0.0"}
    registry.activate("formats", "tuples")

    setting = "formats:tuples=Acme_Frames"
    monkeypatch.setenv("SINGLESTOREDB_PLUGINS_PREFER", setting)
    assert made_by(registry, "tuples") == "acme_frames"
    reason = registry.select("formats", "tuples").reason
    assert reason == f"SINGLESTOREDB_PLUGINS_PREFER={setting}"

    # Both are active now; the one that answers to every name is not asked for what is not its.
    made = registry.manager.make_format(registry.activate("formats", "dicts"), "dicts", REQUEST)
    assert made.reads == "dicts"


def test_two_foreign_distributions_are_a_tie(
    site: Any, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.add("acme-frames", "1.2", {"formats": {"acme": "acme_frames"}}, acme_frames=FORMAT)
    site.add("acme-fork", "0.3", {"formats": {"acme": "fork_frames"}}, fork_frames=FORMAT)
    with pytest.raises(PluginConflictError) as caught:
        registry.select("formats", "acme")
    lines = (caught.value.errmsg or "").splitlines()
    assert lines[0] == "two distributions provide the format 'acme':"
    assert sorted(lines[1:3]) == [
        "  acme-fork 0.3      fork_frames",
        "  acme-frames 1.2    acme_frames",
    ]
    assert lines[3].startswith("Choose one with SINGLESTOREDB_PLUGINS_PREFER=formats:acme=acme-")
    assert lines[3].endswith("(or plugins.prefer in the configuration file).")
    assert "acme_frames" not in sys.modules

    monkeypatch.setenv("SINGLESTOREDB_PLUGINS_PREFER", "formats:acme=acme-fork")
    assert made_by(registry, "acme") == "fork_frames"


def test_three_and_more_are_counted(site: Any, registry: Registry) -> None:
    for number, words in enumerate(("one", "two", "three", "four", "5"), 1):
        module = f"frames_{number}"
        declared = {"formats": {"acme": module}}
        site.add(f"acme-{number}", "1.0", declared, **{module: FORMAT})
        if number > 2:
            registry.refresh()
            with pytest.raises(PluginConflictError, match=f"^{words} distributions provide"):
                registry.select("formats", "acme")


def test_preferring_what_does_not_exist_is_an_error(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SINGLESTOREDB_PLUGINS_PREFER", "formats:dicts=nobody")
    with pytest.raises(
        PluginNotFoundError, match="prefers nobody for the format 'dicts', but only"
    ):
        registry.select("formats", "dicts")


# -- policy ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pattern", ["formats:acme", "formats:*", "formats:ac*", "dist:acme_frames"]
)
def test_disabled_by_a_pattern(
    site: Any, registry: Registry, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    site.add("acme-frames", "1.2", {"formats": {"acme": "acme_frames"}}, acme_frames=FORMAT)
    monkeypatch.setenv("SINGLESTOREDB_PLUGINS_DISABLE", f"fusion:*,{pattern}")
    with pytest.raises(PluginDisabledError) as caught:
        registry.select("formats", "acme")
    assert caught.value.errmsg == (
        "the format 'acme' is switched off: acme-frames 1.2 by "
        f"SINGLESTOREDB_PLUGINS_DISABLE=fusion:*,{pattern} ({pattern})"
    )


def test_autoload_off_leaves_our_own(
    site: Any, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.add("acme-frames", "1.2", {"formats": {"acme": "acme_frames"}}, acme_frames=FORMAT)
    monkeypatch.setenv("SINGLESTOREDB_PLUGINS_AUTOLOAD", "0")
    assert registry.select("formats", "tuples").record.is_own
    with pytest.raises(PluginDisabledError, match="SINGLESTOREDB_PLUGINS_AUTOLOAD=0"):
        registry.select("formats", "acme")


def test_allow_names_the_only_foreign_distributions(
    site: Any, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.add("acme-frames", "1.2", {"formats": {"acme": "acme_frames"}}, acme_frames=FORMAT)
    site.add("acme-fork", "0.3", {"formats": {"acme": "fork_frames"}}, fork_frames=FORMAT)
    monkeypatch.setenv("SINGLESTOREDB_PLUGINS_ALLOW", "dist:acme-fork")
    assert made_by(registry, "acme") == "fork_frames"
    assert registry.select("formats", "tuples").record.is_own


def test_code_beats_environment_beats_file(
    site: Any, registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("one", "two", "three"):
        site.add(
            f"acme-{name}", "1", {"formats": {"acme": f"acme_{name}"}}, **{f"acme_{name}": FORMAT}
        )
    file = tmp_path / "s2.toml"
    file.write_text('[tool.singlestoredb.plugins]\nprefer = {"formats:acme" = "acme-one"}\n')
    monkeypatch.setenv("SINGLESTOREDB_CONFIG", str(file))
    assert made_by(registry, "acme") == "acme_one"
    assert registry.select("formats", "acme").reason == f"plugins.prefer in {file}"
    monkeypatch.setenv("SINGLESTOREDB_PLUGINS_PREFER", "formats:acme=acme-two")
    assert made_by(registry, "acme") == "acme_two"
    with config.option_context("plugins.prefer", "formats:acme=acme-three"):
        assert made_by(registry, "acme") == "acme_three"
    assert made_by(registry, "acme") == "acme_two"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("DISABLE", "pandas", "neither FAMILY:NAME nor dist:DISTRIBUTION"),
        ("PREFER", "formats:pandas", "is not FAMILY:NAME=DISTRIBUTION"),
        ("ALLOW", "acme", "is not dist:DISTRIBUTION"),
    ],
)
def test_a_setting_that_cannot_be_understood_is_refused(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(f"SINGLESTOREDB_PLUGINS_{name}", value)
    with pytest.raises(PluginError, match=message):
        registry.select("formats", "tuples")


def test_a_configuration_file_must_be_readable_and_known(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "s2.toml"
    monkeypatch.setenv("SINGLESTOREDB_CONFIG", str(file))
    with pytest.raises(PluginError, match="cannot be read"):
        registry.select("formats", "tuples")
    file.write_text("[tool.singlestoredb.plugins]\ndisabel = []\n")
    with pytest.raises(PluginError, match=r"unknown key .* disabel; known are disable"):
        registry.select("formats", "tuples")
    for content, message in (
        ("[tool.singlestoredb.plugins]\ndisable = 5\n", "a list is needed, not 5"),
        ("[tool.singlestoredb]\nplugins = 5\n", "'plugins' in .* must be a table"),
        ("tool = 5\n", "'tool' in .* must be a table"),
    ):
        file.write_text(content)
        with pytest.raises(PluginError, match=message):
            registry.select("formats", "tuples")


def test_trace_tells_each_choice(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SINGLESTOREDB_PLUGINS_TRACE", "1")
    registry.select("formats", "tuples")
    assert capsys.readouterr().err == (
        "singlestoredb plugins: formats:tuples -> singlestoredb 1.0.0, "
        "singlestoredb_plugins.format_tuples (the only provider)\n"
    )


# -- activation ------------------------------------------------------------------------------


def test_a_broken_import_keeps_its_cause(site: Any, registry: Registry) -> None:
    site.add("acme-frames", "1.2", {"formats": {"acme": "acme_frames"}}, acme_frames="1 / 0\n")
    with pytest.raises(PluginLoadError) as caught:
        registry.activate("formats", "acme")
    assert caught.value.errmsg == (
        "format plugin 'acme' (acme-frames 1.2, acme_frames) cannot be loaded: "
        "ZeroDivisionError: division by zero"
    )
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_missing_dependency_is_named_with_its_remedy(site: Any, registry: Registry) -> None:
    site.add(
        "acme-frames", "1.2", {"formats": {"acme": "acme_frames"}}, acme_frames="import nope.x\n"
    )
    with pytest.raises(PluginLoadError, match=r"\(pip install nope\)$"):
        registry.activate("formats", "acme")
    site.add("acme-gone", "1", {"formats": {"gone": "acme_gone"}})
    registry.refresh()
    with pytest.raises(PluginLoadError, match=r"pip install --force-reinstall acme-gone\)$"):
        registry.activate("formats", "gone")
    source = FORMAT + "\nSINGLESTOREDB_REQUIRES = {'nope': 'acme-frames[nope]'}\n"
    site.add("acme-more", "1", {"formats": {"more": "acme_more"}}, acme_more=source)
    registry.refresh()
    with pytest.raises(PluginLoadError) as caught:
        registry.activate("formats", "more")
    assert caught.value.errmsg == (
        "the format 'more' needs nope, which is not installed (pip install 'acme-frames[nope]')"
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1\n", "implements no hook of its family: a format must implement s2_make_format"),
        (
            FORMAT.replace("@hookimpl\n", ""),
            "defines s2_make_format without the marker @hookimpl",
        ),
        (
            FORMAT.replace("s2_make_format", "s2_make_formats"),
            "there is no hook named s2_make_formats; did you mean s2_make_format?",
        ),
        (FORMAT.replace("(name, request)", "(name, colour)"), "colour"),
        (
            FORMAT + "\nSINGLESTOREDB_SPEC_VERSION = (99, 0)\n",
            "was written for version 99.0 of the hook specs; this SDK has ",
        ),
    ],
    ids=["no hook", "no marker", "misspelt", "unknown argument", "spec version"],
)
def test_a_wrong_shape_is_refused_at_the_boundary(
    site: Any, registry: Registry, source: str, message: str
) -> None:
    site.add("acme-frames", "1.2", {"formats": {"acme": "acme_frames"}}, acme_frames=source)
    with pytest.raises(PluginContractError) as caught:
        registry.activate("formats", "acme")
    assert message in str(caught.value)
    assert "acme-frames 1.2" in str(caught.value)


@pytest.mark.parametrize(
    ("version", "taken"),
    [((2, 0), True), ((2, 3), True), ((2, 4), False), ((1, 0), False), ((3, 0), False)],
)
def test_the_hook_specs_may_be_newer_by_little(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, version: tuple[int, int], taken: bool
) -> None:
    monkeypatch.setattr("singlestoredb.kernel.registry.SPEC_VERSION", (2, 3))
    plugin = plugin_of(f"{FORMAT}\nSINGLESTOREDB_SPEC_VERSION = {version}\n")
    if taken:
        registry.register(plugin, "formats:mine", replace=False)
        assert made_by(registry, "mine") == "made_here"
    else:
        with pytest.raises(PluginContractError, match=r"of the hook specs; this SDK has 2\.3"):
            registry.register(plugin, "formats:mine", replace=False)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"rows"', '"columns"', "reads 'columns'; it must be 'rows', 'dicts' or 'arrow'"),
        ("def table", "def tabel", r"the format 'acme' \(acme_frames.Made\) lacks table"),
    ],
)
def test_what_a_provider_makes_is_checked(
    site: Any, registry: Registry, old: str, new: str, message: str
) -> None:
    source = FORMAT.replace(old, new)
    site.add("acme-frames", "1.2", {"formats": {"acme": "acme_frames"}}, acme_frames=source)
    plugin = registry.activate("formats", "acme")
    with pytest.raises(PluginContractError, match=message):
        registry.manager.make_format(plugin, "acme", REQUEST)


def test_answering_none_for_the_own_name_is_refused(site: Any, registry: Registry) -> None:
    source = FORMAT.replace("return Made(__name__)", "return None")
    site.add("acme-frames", "1.2", {"formats": {"acme": "acme_frames"}}, acme_frames=source)
    with pytest.raises(PluginContractError, match="answered None for that name"):
        registry.manager.make_format(registry.activate("formats", "acme"), "acme", REQUEST)


def test_threads_activate_once_and_do_not_deadlock(site: Any, registry: Registry) -> None:
    slow = "import time\ntime.sleep(0.05)\n" + FORMAT
    modules = {f"acme_{i}": slow for i in range(4)}
    site.add("acme-many", "1", {"formats": {f"f{i}": f"acme_{i}" for i in range(4)}}, **modules)
    found: list[object] = []

    def work() -> None:
        found.extend(registry.activate("formats", f"f{i}") for i in range(4))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(found) == 32
    assert len({id(plugin) for plugin in found}) == 4


# -- run time --------------------------------------------------------------------------------


def plugin_of(source: str) -> types.ModuleType:
    module = types.ModuleType("made_here")
    exec(source, module.__dict__)
    return module


def test_register_and_unregister(registry: Registry) -> None:
    plugin, other = plugin_of(FORMAT), plugin_of(FORMAT)
    generation = registry.generation
    registry.register(other, "formats:other", replace=False)
    registry.register(plugin, "formats:mine", replace=False)
    assert made_by(registry, "mine") == "made_here"
    record = registry.select("formats", "mine").record
    assert registry.is_active(record)
    assert registry.origin(plugin) is record
    assert registry.origin(plugin_of(FORMAT)) is None
    assert registry.generation > generation
    registry.manager.unregister(plugin)
    assert not registry.is_active(record)
    generation = registry.generation
    registry.unregister(plugin)
    registry.unregister(other)
    assert registry.generation > generation
    assert registry.origin(plugin) is None
    assert not registry.is_active(record)
    with pytest.raises(PluginNotFoundError):
        registry.select("formats", "mine")
    registry.unregister(plugin)


def test_register_in_place_of_ours_must_be_said(registry: Registry) -> None:
    plugin = plugin_of(FORMAT)
    with pytest.raises(PluginConflictError, match="replace=True takes its place"):
        registry.register(plugin, "formats:tuples", replace=False)
    registry.register(plugin, "formats:tuples", replace=True)
    assert made_by(registry, "tuples") == "made_here"
    registry.unregister(plugin)
    assert registry.select("formats", "tuples").record.is_own


def test_register_needs_a_name_where_there_are_names(registry: Registry) -> None:
    with pytest.raises(PluginContractError, match="cannot be registered without a name"):
        registry.register(plugin_of(FORMAT), None, replace=False)
    with pytest.raises(PluginContractError, match="implements no hook"):
        registry.register(plugin_of("x = 1"), "formats:mine", replace=False)
    with pytest.raises(PluginNotFoundError):
        registry.select("formats", "mine")


class Observer:
    """An extension that sees statements, and may fail at it."""

    def __init__(self, fail: bool = False) -> None:
        self.seen: list[StatementEvent] = []
        self.versions: list[str] = []
        self.fail = fail

    @hookimpl
    def s2_statement_finished(self, event: StatementEvent) -> None:
        self.seen.append(event)
        if self.fail:
            raise RuntimeError("observer is broken")

    @hookimpl
    def s2_plugin_activated(self, event: Any) -> None:
        self.versions.append(event.sdk_version)


def test_observers_fail_alone(registry: Registry, caplog: pytest.LogCaptureFixture) -> None:
    good, bad = Observer(), Observer(fail=True)
    assert not registry.manager.watches_statements
    registry.register(good, None, replace=False)
    registry.register(bad, None, replace=False)
    assert registry.manager.watches_statements
    registry.manager.statement_finished(StatementEvent("SELECT 1", None))
    assert len(good.seen) == len(bad.seen) == 1
    assert "observer is broken" in caplog.text
    assert good.versions == bad.versions == ["1.0.0"]
    registry.unregister(good)
    registry.unregister(bad)
    assert not registry.manager.watches_statements


def test_every_extension_takes_part_and_a_broken_one_does_not_stop_it(
    site: Any, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = """
        from singlestoredb_hookspecs import hookimpl
        @hookimpl
        def s2_statement_started(event): pass
    """
    site.add("acme-good", "1", {"extensions": {"watch": "acme_good"}}, acme_good=good)
    site.add("acme-bad", "1", {"extensions": {"watch": "acme_bad"}}, acme_bad="import nope\n")
    failures = registry.activate_all("extensions")
    assert [(record.distribution, type(error)) for record, error in failures] == [
        ("acme-bad", PluginLoadError)
    ]
    assert registry.manager.watches_statements
