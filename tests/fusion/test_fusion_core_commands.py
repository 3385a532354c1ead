"""The commands by which Fusion SQL describes itself."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from singlestoredb.fusion import SQLHandler, handlers
from singlestoredb_plugins import fusion_core
from singlestoredb_plugins.fusion_core import (
    ShowFusionCommands,
    ShowFusionGrammar,
    ShowFusionHelp,
)

Handler = type[SQLHandler]
Register = Callable[[Handler], Handler]


@pytest.fixture(autouse=True)
def things(registered: Register, show_things: Handler) -> None:
    registered(show_things)


def test_the_plugin() -> None:
    handlers = fusion_core.s2_fusion_handlers()
    assert [" ".join(handler.command_key) for handler in handlers] == [
        "SHOW FUSION COMMANDS",
        "SHOW FUSION GRAMMAR",
        "SHOW FUSION HELP",
    ]
    assert all("## Syntax" in handler.help for handler in handlers)


def test_commands(show_things: Handler) -> None:
    result = ShowFusionCommands(None).execute("SHOW FUSION COMMANDS LIKE 'show acme%'")
    assert [d[0] for d in result.description] == ["Command"]
    assert result.rows == [(show_things.syntax,)]
    everything = ShowFusionCommands(None).execute("SHOW FUSION COMMANDS").rows
    # By their keywords: CREATE WORKSPACE comes before CREATE WORKSPACE GROUP.
    assert everything == [(handlers()[key].syntax,) for key in sorted(handlers())]
    assert (show_things.syntax,) in everything
    assert ShowFusionCommands(None).execute("SHOW FUSION COMMANDS LIKE '%nope%'").rows == []


def test_a_broken_grammar_hides_no_other(registered: Register) -> None:
    class Broken(SQLHandler):
        """BROKEN ACME [ undefined ];"""

    registered(Broken)
    rows = ShowFusionCommands(None).execute("SHOW FUSION COMMANDS").rows
    assert ("BROKEN ACME;",) in rows
    assert len(rows) >= 2


@pytest.mark.parametrize("query", ["show acme things", "SHOW ACME THINGS IN ROOM 'x' nonsense"])
def test_grammar(query: str, show_things: Handler) -> None:
    sql = "SHOW FUSION GRAMMAR FOR '{}'".format(query.replace("'", "''"))
    result = ShowFusionGrammar(None).execute(sql)
    assert [d[0] for d in result.description] == ["Grammar"]
    assert result.rows == [(show_things.__doc__,)]


@pytest.mark.parametrize("query", ["select 1", "show acme thngs", ""])
def test_grammar_of_what_is_no_command(query: str) -> None:
    assert ShowFusionGrammar(None).execute(f"SHOW FUSION GRAMMAR FOR '{query}'").rows == []


def test_help(capsys: pytest.CaptureFixture[str], show_things: Handler) -> None:
    result = ShowFusionHelp(None).execute("SHOW FUSION HELP FOR 'show acme things'")
    assert result.columns == ()
    assert capsys.readouterr().out == show_things.help


def test_help_of_what_is_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    ShowFusionHelp(None).execute("SHOW FUSION HELP FOR 'select 1'")
    out, err = capsys.readouterr()
    assert (out, err) == ("", "No handler found for command 'select 1'\n")


def test_help_in_a_notebook(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], show_things: Handler
) -> None:
    shown: list[Any] = []
    display: Any = ModuleType("IPython.display")
    display.display = shown.append
    display.Markdown = lambda text: ("Markdown", text)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    shell = SimpleNamespace(get_ipython=lambda: object())
    monkeypatch.setitem(sys.modules, "IPython", shell)
    ShowFusionHelp(None).execute("SHOW FUSION HELP FOR 'show acme things'")
    assert shown == [("Markdown", show_things.help)]
    assert capsys.readouterr().out == ""
