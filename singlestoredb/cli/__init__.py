"""The command ``s2``.

Exit codes are part of the interface: 0 success, 1 the statement or the request failed, 2 wrong
usage, 3 no connection.  Data go to stdout, everything else to stderr.
"""

from __future__ import annotations

import importlib
from typing import Any

import click

from singlestoredb._version import __version__

_COMMANDS = {
    "load": "singlestoredb.cli.load:load",
    "mgmt": "singlestoredb.cli.mgmt:mgmt",
    "plugins": "singlestoredb.cli.plugins:plugins",
    "serve": "singlestoredb.cli.serve:serve",
    "sql": "singlestoredb.cli.sql:sql",
}
"""Command → where it is; imported when it is used."""


class LazyGroup(click.Group):
    """A group that imports a command when it is called for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands' names."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command."""
        target = _COMMANDS.get(cmd_name)
        if target is None:
            return None
        module, _, name = target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="s2")
def main(**kwargs: Any) -> None:
    """Work with SingleStore databases, real or embedded, and with the SDK's plugins."""
