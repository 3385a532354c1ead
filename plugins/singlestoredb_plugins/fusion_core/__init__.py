"""The commands by which Fusion SQL describes itself."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from singlestoredb.fusion import STRING, FusionSQLResult, SQLHandler, find, handlers, hookimpl


class ShowFusionCommands(SQLHandler):
    """
    SHOW FUSION COMMANDS [ <like> ];

    Description
    -----------
    List the Fusion SQL commands with their syntax.

    Remarks
    -------
    * ``LIKE`` is compared with the first line of a command's syntax; ``%`` stands for any text.

    Example
    -------
    The commands that start with ``CREATE``::

        SHOW FUSION COMMANDS LIKE 'create%';

    See Also
    --------
    * ``SHOW FUSION HELP``
    * ``SHOW FUSION GRAMMAR``
    """

    def run(self, params: dict[str, Any]) -> FusionSQLResult:
        """List the commands."""
        out = self.create_result()
        out.add_field("Command", STRING)
        out.set_rows([(_syntax(key, handler),) for key, handler in handlers().items()])
        return out.like(Command=params["like"])


class ShowFusionGrammar(SQLHandler):
    """
    SHOW FUSION GRAMMAR for_query;

    for_query = FOR '<query>'

    Description
    -----------
    Show the grammar of a Fusion SQL command as its author wrote it.

    Arguments
    ---------
    * ``<query>``: a statement, or the words that it starts with. No row is returned when it is no
      Fusion SQL command.

    Example
    -------
    ::

        SHOW FUSION GRAMMAR FOR 'show fusion commands';

    See Also
    --------
    * ``SHOW FUSION HELP``
    """

    def run(self, params: dict[str, Any]) -> FusionSQLResult:
        """Show the grammar."""
        out = self.create_result()
        out.add_field("Grammar", STRING)
        handler = _lookup(params["for_query"])
        if handler is not None:
            handler.compile()
            out.set_rows([(handler._grammar,)])
        return out


class ShowFusionHelp(SQLHandler):
    """
    SHOW FUSION HELP for_command;

    for_command = FOR '<command>'

    Description
    -----------
    Display the help of a Fusion SQL command: rendered in a notebook, otherwise printed.

    Arguments
    ---------
    * ``<command>``: a statement, or the words that it starts with.

    Example
    -------
    ::

        SHOW FUSION HELP FOR 'show fusion commands';

    See Also
    --------
    * ``SHOW FUSION COMMANDS``
    """

    def run(self, params: dict[str, Any]) -> None:
        """Display the help."""
        command = params["for_command"]
        handler = _lookup(command)
        if handler is None:
            sys.stderr.write(f"No handler found for command '{command}'\n")
        else:
            _display(handler.help)


def _syntax(key: str, handler: type[SQLHandler]) -> str:
    try:
        return handler.syntax
    except ValueError:  # its grammar is wrong, which hides nobody else's command
        return f"{key};"


def _lookup(text: str) -> type[SQLHandler] | None:
    try:
        return find(text)
    except ValueError:  # a keyword is misspelt
        return None


def _display(markdown: str) -> None:
    # Whoever runs in IPython has imported it; nobody else should have to.
    ipython: Any = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        sys.stdout.write(markdown)
        return
    from importlib import import_module

    display: Any = import_module("IPython.display")
    display.display(display.Markdown(markdown))


@hookimpl
def s2_fusion_handlers() -> Sequence[type[Any]]:
    """Return the commands."""
    return [ShowFusionCommands, ShowFusionGrammar, ShowFusionHelp]
