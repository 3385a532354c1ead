"""``s2 plugins``: what is installed, what is used, and why."""

from __future__ import annotations

import dataclasses
import json

import click

from singlestoredb import plugins as api
from singlestoredb.plugins import PluginError, PluginInfo
from singlestoredb_hookspecs.families import FAMILIES


@click.group()
def plugins() -> None:
    """Show the installed plugins and explain which are used."""


@plugins.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--family", type=click.Choice(tuple(FAMILIES)), help="Only this family.")
def list_plugins(as_json: bool, family: str | None) -> None:
    """List what is installed and its state."""
    found = api.list(family, probe=True)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(info) for info in found], indent=2))
    else:
        click.echo(table(found))


def table(found: list[PluginInfo]) -> str:
    """Return a table of plugins."""
    rows = [("FAMILY", "NAME", "FROM", "STATE")]
    rows += [(info.family, info.name, info.origin, info.described_state) for info in found]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return "\n".join(
        "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[3]])
        for row in rows
    )


@plugins.command()
@click.argument("key", metavar="FAMILY:NAME")
def explain(key: str) -> None:
    """Tell which plugin a name leads to, and why."""
    try:
        click.echo(str(api.explain(key)))
    except PluginError as exc:
        raise click.ClickException(exc.errmsg or str(exc)) from None


@plugins.command()
def check() -> None:
    """Import every plugin that may be used; exit with 1 when one cannot be."""
    troubled = [info for info in api.list(probe=True) if info.state in ("cannot load", "conflict")]
    for info in troubled:
        click.echo(f"{info.family}:{info.name} ({info.origin}): {info.reason}", err=True)
    if troubled:
        raise SystemExit(1)
    click.echo("all plugins can be used")
