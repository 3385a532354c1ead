"""Which command a statement is, and what plugins may add."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from singlestoredb import fusion
from singlestoredb.exceptions import Error
from singlestoredb.fusion import SQLHandler, hookimpl, registry
from singlestoredb.fusion.errors import FusionSyntaxError
from singlestoredb.kernel.catalog import PluginRecord
from singlestoredb.kernel.errors import PluginConflictError

Register = Callable[[type[SQLHandler]], type[SQLHandler]]


def command(grammar: str, name: str = "Command", **members: Any) -> type[SQLHandler]:
    def run(self: SQLHandler, params: dict[str, Any]) -> None:
        """Do nothing."""

    return type(name, (SQLHandler,), {"__doc__": grammar, "run": run, **members})


GROUP = command("CREATE ACME GROUP '<g>';", "Group")
ACME = command("CREATE ACME '<a>';", "Acme")
REGIONS = command("SHOW ACMES REGIONS;", "Regions")
ZONES = command("SHOW ACMES ZONES <statement>;", "Zones")


@pytest.fixture
def commands(registered: Register) -> None:
    for handler in (ACME, GROUP, REGIONS, ZONES):
        registered(handler)


@pytest.mark.usefixtures("commands")
@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("CREATE ACME GROUP x", GROUP),
        ("create acme group", GROUP),
        ("\n\tCreate\r\nAcme\n  gRoup;", GROUP),
        ("CREATE ACME x", ACME),
        ("CREATE ACME GROUPS", ACME),
        ("CREATE ACME 'x'", ACME),
        ("CREATE ACME;", ACME),
        ("CREATE ACME", ACME),
        ("CREATE ACME/* c */x", None),
        ("CREATE ACMEX", None),
        ("CREATE ACME(", None),
        ("CREATE", None),
        ("SHOW ACMES REGIONS", REGIONS),
        ("SHOW ACMES REGIONS(", None),
        ("SHOW ACMES STATUS", None),
        ("SHOW ACMES", None),
        ("SHOW ACMES 'x'", None),
        ("SHOW TABLES", None),
        ("/* c */ SHOW ACMES REGIONS", None),
        ("-- c\nSHOW ACMES REGIONS", None),
        ("(SHOW ACMES REGIONS)", None),
        ("SELECT 1", None),
        ("SELECT(1)", None),
        ("", None),
        (";", None),
        ("\N{SNOWMAN}", None),
    ],
)
def test_find(sql: str, found: type[SQLHandler] | None) -> None:
    assert registry.find(sql) is found


@pytest.mark.usefixtures("commands")
def test_a_misspelt_keyword_is_pointed_at() -> None:
    with pytest.raises(FusionSyntaxError) as caught:
        registry.find("show acmes\n  regins;")
    assert str(caught.value) == (
        "Could not parse statement. The non-matching portion of the text begins with 'regins;' "
        "(line 2, column 3). Expecting:\n"
        "  SHOW ACMES REGIONS;\n"
        "\n"
        "  regins;\n"
        "  ^ expected REGIONS or ZONES (did you mean REGIONS?)"
    )
    # After one keyword only, the statement may be the server's.
    assert registry.find("SHOW ACME") is None
    assert registry.find("CREAT ACME GROUP x") is None


@pytest.mark.usefixtures("commands", "fusion_enabled")
def test_bytes_are_text() -> None:
    assert fusion.get_handler(b"create acme x") is ACME
    assert fusion.get_handler(bytearray(b"show acmes zones x")) is ZONES
    assert fusion.execute(None, b"create acme 'na\xc3\xafve'").rows == []


@pytest.mark.usefixtures("commands")
def test_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fusion.get_handler("CREATE ACME x") is None
    with pytest.raises(RuntimeError, match="management API queries have not been enabled"):
        fusion.execute(None, "CREATE ACME x")
    monkeypatch.setenv("SINGLESTOREDB_FUSION_ENABLED", "on")
    assert fusion.get_handler("CREATE ACME x") is ACME
    monkeypatch.setenv("SINGLESTOREDB_FUSION_ENABLED", "off")
    assert fusion.get_handler("CREATE ACME x") is None


@pytest.mark.usefixtures("commands", "fusion_enabled")
def test_execute() -> None:
    assert fusion.execute(None, "CREATE ACME x").rows == []
    assert fusion.execute(None, "CREATE ACME x", handler=ACME).columns == ()
    with pytest.raises(
        RuntimeError, match=r"could not find handler for query: SELECT '…'"
    ) as caught:
        fusion.execute(None, "SELECT 'secret'")
    assert "secret" not in str(caught.value)


def test_registration(registered: Register) -> None:
    first, second = (command("REGISTER ACME;") for _ in range(2))
    registered(first)
    with pytest.raises(
        ValueError, match="command already exists, use overwrite=True to override: REGISTER ACME"
    ):
        second.register()
    assert registry.find("REGISTER ACME") is first
    second.register(overwrite=True)
    try:
        assert registry.find("REGISTER ACME") is second
        assert registry.handlers()["REGISTER ACME"] is second
    finally:
        registry.unregister_handler(second)
    assert registry.find("REGISTER ACME") is None
    registry.unregister_handler(second)


# -- plugins ---------------------------------------------------------------------------------


class Plugin:
    """A plugin with some commands."""

    def __init__(self, *handlers: Any) -> None:
        self._handlers = handlers

    @hookimpl
    def s2_fusion_handlers(self) -> Sequence[type[Any]]:
        return self._handlers


def test_plugins_registered_at_run_time() -> None:
    from singlestoredb.kernel import get_registry as plugins

    handler = command("SHOW ACME RUNTIME;")
    plugin = Plugin(handler)
    assert registry.find("SHOW ACME RUNTIME") is None
    plugins().register(plugin, "fusion:acme-runtime", replace=False)
    try:
        assert registry.find("SHOW ACME RUNTIME") is handler
    finally:
        plugins().unregister(plugin)
    assert registry.find("SHOW ACME RUNTIME") is None


@dataclass
class Installed:
    """Stands for what plugins offer; the real ways are tested with real distributions."""

    monkeypatch: pytest.MonkeyPatch

    def __call__(self, *offers: tuple[Any, PluginRecord | None]) -> None:
        self.monkeypatch.setattr(registry, "_plugin_handlers", lambda: list(offers))
        self.monkeypatch.setattr(registry, "_plugin_set", lambda: offers)
        self.monkeypatch.setattr(registry, "_index", None)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Installed]:
    yield Installed(monkeypatch)
    monkeypatch.undo()
    registry._index = None


def record(dist: str, name: str, *, replaces: bool = False) -> PluginRecord:
    return PluginRecord("fusion", name, f"{name}_module", dist, "1.2", replaces=replaces)


FIRST = command("SHOW ACME OFFER;", "First")
SECOND = command("SHOW ACME OFFER;", "Second")
OTHER = command("SHOW ACME OTHER;", "Other")


def test_two_plugins_with_one_command(installed: Installed) -> None:
    installed(
        (FIRST, record("acme-fusion", "acme")),
        (SECOND, record("acme-fork", "fork")),
        (OTHER, record("acme-fork", "fork")),
    )
    with pytest.raises(PluginConflictError) as caught:
        registry.find("SHOW ACME OFFER")
    assert str(caught.value) == (
        "several plugins provide the Fusion SQL command SHOW ACME OFFER:\n"
        f"  acme-fusion 1.2    fusion:acme    {__name__}.First\n"
        f"  acme-fork 1.2    fusion:fork    {__name__}.Second\n"
        "Switch one off, for example with SINGLESTOREDB_PLUGINS_DISABLE=fusion:fork "
        "(or plugins.disable in the configuration file)."
    )
    assert isinstance(caught.value, Error)
    # Nobody else's statements suffer.
    assert registry.find("SHOW ACME OTHER") is OTHER
    assert registry.find("SELECT 1") is None
    assert list(registry.handlers()) == ["SHOW ACME OTHER"]


def test_two_plugins_of_one_name(installed: Installed) -> None:
    installed((FIRST, record("acme-fusion", "acme")), (SECOND, record("acme-fork", "acme")))
    with pytest.raises(PluginConflictError, match="DISABLE=dist:acme-fork"):
        registry.find("SHOW ACME OFFER")


def test_what_the_sdk_ships_stays(installed: Installed) -> None:
    installed((FIRST, record("acme-fusion", "acme")), (SECOND, record("singlestoredb", "core")))
    assert registry.find("SHOW ACME OFFER") is SECOND
    installed(
        (SECOND, record("singlestoredb", "core")),
        (FIRST, record("(run time)", "acme", replaces=True)),
    )
    assert registry.find("SHOW ACME OFFER") is FIRST


def test_code_beats_plugins(installed: Installed, registered: Register) -> None:
    installed((FIRST, record("a", "a")), (SECOND, record("b", "b")))
    mine = registered(command("SHOW ACME OFFER;", "Mine"))
    assert registry.find("SHOW ACME OFFER") is mine


def test_a_plugin_that_offers_nonsense_harms_nobody(
    installed: Installed, caplog: pytest.LogCaptureFixture
) -> None:
    broken = command("not a command", "Broken")
    hidden = command("SHOW ACME HIDDEN;", "Hidden", _enabled=False)
    acme = record("acme-fusion", "acme")
    installed(
        (dict, acme), ("text", acme), (broken, acme), (hidden, acme), (FIRST, acme), (FIRST, acme)
    )
    with caplog.at_level(logging.WARNING, "singlestoredb.plugins"):
        assert registry.find("SHOW ACME OFFER") is FIRST
    assert registry.find("SHOW ACME HIDDEN") is None
    said = [r.getMessage() for r in caplog.records]
    assert len(said) == 3
    assert said[0] == "acme-fusion 1.2: <class 'dict'> is not a subclass of SQLHandler"
    assert "Broken" in said[2]


def test_a_plugin_that_cannot_be_loaded_harms_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from singlestoredb.kernel import get_registry as plugins
    from singlestoredb.kernel.errors import PluginLoadError

    def activate_all(family: str) -> list[tuple[PluginRecord, PluginLoadError]]:
        assert family == "fusion"
        return [(record("acme-fusion", "acme"), PluginLoadError("it is broken"))]

    monkeypatch.setattr(plugins(), "activate_all", activate_all)
    monkeypatch.setattr(registry, "_index", None)
    with caplog.at_level(logging.WARNING, "singlestoredb.plugins"):
        assert registry.find("SELECT 1") is None
    registry._index = None
    assert [r.getMessage() for r in caplog.records] == [
        "the Fusion SQL commands of acme-fusion 1.2 are missing: it is broken"
    ]
