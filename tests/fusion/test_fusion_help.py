"""How a command is shown: its syntax and its help."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from singlestoredb.fusion import SQLHandler

CommandMaker = Callable[..., type[SQLHandler]]


@pytest.mark.parametrize(
    ("grammar", "syntax"),
    [
        (
            "\n  SHOW REGIONS [ <like> ]\n      [ <order-by> ]\n      [ <limit> ];",
            "SHOW REGIONS [ LIKE '<pattern>' ]\n"
            "    [ ORDER BY '<key>' [ ASC | DESC ],... ]\n"
            "    [ LIMIT <integer> ];",
        ),
        ("SHOW X  [  <extended>  ]\n;", "SHOW X [ EXTENDED ];"),
        ("SHOW X <file-type> t <statement>;\nt = ( <table> <comma> <json> )",
         "SHOW X { FILE | FOLDER } ( <table> , <json> ) <statement>;"),
        ("SHOW X [ a ];\na = IN { b | c }\nb = ID '<b  b>'\nc = '<json>' , ...",
         "SHOW X [ IN { ID '<b  b>' | '<json>',... } ];"),
        ("\nSHOW X\n    [ a ];\na = A {\n&& b |\n& c }\nb = B\nc = C",
         "SHOW X\n    [ A {\n        B |\n    C } ];"),
        ("SHOW X a;\na = '<v>' [ AND a ]", "SHOW X '<v>' [ AND a ];"),
        ("SHOW X a;\na = B\nb = C", "SHOW X B;"),
    ],
)  # fmt: skip
def test_syntax(command: CommandMaker, grammar: str, syntax: str) -> None:
    assert command(grammar).syntax == syntax


HELP = """
    CREATE ACME THING [ if_not_exists ] thing_name;

    # does not matter here
    if_not_exists = IF NOT EXISTS
    thing_name = '<thing-name>'

    Description
    -----------
    Create a thing. See ``SHOW ACME THINGS`` and
    `the manual <https://acme.example/things>`_.

    Arguments
    ---------
    <thing-name>
       The name.

    Remarks
    -------
    * Names are unique.

    Internals
    ---------
    Not shown.

    Examples
    --------
    Example 1: a kettle

    This creates a kettle::

        CREATE ACME THING 'kettle';

    Example 2: nothing

    See also
    --------
    * ``DROP ACME THING``
"""


def test_help(command: CommandMaker) -> None:
    assert command(HELP).help == (
        "# CREATE ACME THING\n"
        "\n"
        "Create a thing. See `SHOW ACME THINGS` and\n"
        "[the manual](https://acme.example/things).\n"
        "\n"
        "## Syntax\n"
        "\n"
        "```sql\n"
        "CREATE ACME THING [ IF NOT EXISTS ] '<thing-name>';\n"
        "```\n"
        "\n"
        "## Arguments\n"
        "\n"
        "### &lt;thing-name&gt;\n"
        "The name.\n"
        "\n"
        "## Remarks\n"
        "\n"
        "* Names are unique.\n"
        "\n"
        "## Examples\n"
        "\n"
        "### Example 1: a kettle\n"
        "\n"
        "This creates a kettle.\n"
        "\n"
        "```sql\n"
        "    CREATE ACME THING 'kettle';\n"
        "```\n"
        "\n"
        "### Example 2: nothing\n"
        "\n"
        "## See Also\n"
        "\n"
        "* `DROP ACME THING`\n"
    )


def test_help_of_a_bare_command(command: CommandMaker) -> None:
    assert command("SHOW X;").help == "# SHOW X\n\n## Syntax\n\n```sql\nSHOW X;\n```\n"


def test_rule_info(command: CommandMaker) -> None:
    info: dict[str, Any] = command(
        "SHOW X [ a ] [ b ] [ c ] [ <like> ];\na = A B\nb = B '<b>',...\nc = { C | D }"
    ).rule_info
    assert info == {
        "a": {"n_keywords": 2, "repeats": False, "default": False},
        "b": {"n_keywords": 1, "repeats": True, "default": []},
        "c": {"n_keywords": 0, "repeats": False, "default": None},
        "like": {"n_keywords": 1, "repeats": False, "default": None},
    }


def test_two_colons_alone_only_begin_a_block(command: CommandMaker) -> None:
    text = "SHOW X;\n\nExample\n-------\n::\n\n    SHOW X;\n"
    assert command(text).help.partition("## Example")[2] == "\n\n```sql\n    SHOW X;\n```\n"
