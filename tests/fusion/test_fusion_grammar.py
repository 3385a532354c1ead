"""What the grammar language accepts, and what it says about what it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from singlestoredb.fusion import SQLHandler
from singlestoredb.fusion.dsl import split

CommandMaker = Callable[..., type[SQLHandler]]


@pytest.mark.parametrize(
    ("grammar", "message"),
    [
        ("", "no command found: the grammar is empty"),
        ("\n   Just prose.\n", "must end with a semicolon: Just prose."),
        ("SHOW X", "must end with a semicolon: SHOW X"),
        ("show x;", "no command found: show x"),
        ("'<x>' SHOW;", "no command found"),
        ("SHOW,...;", "no command found"),
        ("SHOW X { a };\na = A", r'alternates must contain "\|": { a }'),
        ("SHOW X a;", "the rule 'a' is used but not defined"),
        ("SHOW X <name>;", "there is no builtin <name>; builtins are <catalog-name>, <column>"),
        ("SHOW X a;\na = A\na = B", "the rule 'a' is defined twice"),
        ("SHOW X a;\na A", "a rule must have the form NAME = BODY: a A"),
        ("SHOW X a;\n& B\na = A", "there is no rule that this line could continue: & B"),
        ("SHOW X a;\na =", "the rule 'a' is empty"),
        ("SHOW X [ a;\na = A", "the command ends too early: SHOW X"),
        ("SHOW X a ];\na = A", r"the command cannot be understood at '\]'"),
        ("SHOW X a;\na = A Mixed", "the rule 'a' cannot be understood at 'Mixed'"),
        ("SHOW X [ A | ];", "an alternative is empty"),
        ("SHOW X ( );", "parentheses must have something in them"),
        ("SHOW X [ A ],...;", r"must not be optional or repeated: \[ A \],\.\.\."),
        ("SHOW X [ [ A ] ];", r"in the command, '\[ A \]' may be empty already"),
        ("SHOW X [ a ];\na = [ A ]", "'a' may be empty already"),
        ("SHOW X a,...;\na = [ A ]", "'a' may be empty already"),
        ("SHOW X <statement> A;", "nothing may follow <statement>: A"),
        ("SHOW X a;\na = <statement> A", "in the rule 'a', nothing may follow <statement>"),
    ],
)
def test_wrong_grammars(command: CommandMaker, grammar: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        command(grammar).compile()
    assert "(in the grammar of " in str(caught.value)


def test_layout() -> None:
    source = split(
        """
        SHOW ACME THINGS [ in_room ]
            [ <like> ];

        # a comment; with everything = in it
        in_room = IN ROOM { room_id |
                # inside a continued rule
                && room_name }
        room_id = ID ';'

        Remarks
        -------
        Not a rule.
        """
    )
    assert source.key == ("SHOW", "ACME", "THINGS")
    assert source.command == "SHOW ACME THINGS [ in_room ]\n    [ <like> ]"
    assert source.rules == {"in_room": "IN ROOM { room_id |\n&& room_name }", "room_id": "ID ';'"}


@pytest.mark.parametrize(
    ("command_text", "key"),
    [
        ("SHOW X", ("SHOW", "X")),
        ("SHOW X_1 Y2 [ Z ]", ("SHOW", "X_1", "Y2")),
        ("USE @@CURRENT x", ("USE", "@@CURRENT")),
        ("SHOW\n  X\n  '<y>'", ("SHOW", "X")),
        ("SHOW Xy", ("SHOW",)),
    ],
)
def test_command_key(command_text: str, key: tuple[str, ...]) -> None:
    assert split(f"{command_text};").key == key


@pytest.mark.parametrize(
    "sql",
    [
        "DO X WITHKEY=x",
        "DO X WITH KEYS=x",
        "DO X WITH KEY-1=x",
        "DO XWITH KEY=x",
    ],
)
def test_keywords_end_at_a_word_boundary(command: CommandMaker, sql: str) -> None:
    handler = command("DO X a;\na = WITH KEY = '<x>'")
    handler.grammar.parse("DO X WITH KEY=x")
    with pytest.raises(ValueError, match="Could not parse"):
        handler.grammar.parse(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "DO X (a, b]",
        "DO X (a, b",
        "DO X a, b)",
        "DO X a,",
        "DO X ()",
        "DO X ((a))",
        "DO X",
        "DO X a b",
        "DO X 'a",
        "DO X a;;",
        "DO X a; b",
        "DO X a -- c",
        "DO X a # c",
        "DO X a /* c",
        "DO X /path",
        "DO X 100%",
    ],
)
def test_rejected_lists_and_tokens(command: CommandMaker, sql: str) -> None:
    with pytest.raises(ValueError, match="Could not parse"):
        command("DO X a;\na = '<a>',...").grammar.parse(sql)


@pytest.mark.parametrize(
    ("token", "text"),
    [
        ("<integer>", "1.5"),
        ("<integer>", "1x"),
        ("<integer>", "--1"),
        ("<integer>", "'1'"),
        ("<number>", "1e"),
        ("<number>", "1.2.3"),
        ("<number>", "nan"),
        ("<table>", "'t'"),
        ("<table>", '"t"'),
        ("<table>", "a.b.c"),
        ("<table>", "a."),
        ("<json>", "[1]"),
        ("<json>", "1"),
        ("<json>", "{'a': 1}"),
        ("<json>", '{"a": 01}'),
        ("<json>", '{"a": True}'),
        ("<json>", '{"a": 1,}'),
        ("<json>", "'[1]'"),
        ("<json>", "'nope'"),
        ("<json>", '{"a": NaN}'),
        ("<json>", "'{\"a\": NaN}'"),
    ],
)
def test_rejected_values(
    params: Callable[[str, str], dict[str, Any]], token: str, text: str
) -> None:
    with pytest.raises(ValueError, match="Could not parse"):
        params(f"DO X a;\na = A {token}", f"DO X A {text}")


def test_all_names_may_be_used_for_rules(params: Callable[[str, str], dict[str, Any]]) -> None:
    names = ["ws", "start", "number", "comma", "eq", "init", "json", "table", "r0", "run1", "k0"]
    grammar = "DO X " + " ".join(f"[ {name} ]" for name in names) + ";\n"
    grammar += "\n".join(f"{name} = {name.upper()} '<v>'" for name in names)
    sql = "DO X " + " ".join(f"{name.upper()} {name}" for name in names)
    assert params(grammar, sql) == {name: name for name in names}


def test_many_separate_optionals_compile(params: Callable[[str, str], dict[str, Any]]) -> None:
    """A grammar's size is linear in its text: 24 optionals are not 2**24 expansions."""
    count = 24
    grammar = "DO X " + " ".join(f"[ a{i} ] B{i}" for i in range(count)) + ";\n"
    grammar += "\n".join(f"a{i} = A{i}" for i in range(count))
    sql = "DO X " + " ".join(f"{f'A{i} ' * (i % 2)}B{i}" for i in range(count))
    assert params(grammar, sql) == {f"a{i}": bool(i % 2) for i in range(count)}
