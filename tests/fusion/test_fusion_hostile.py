"""Input that is meant to hurt: it is answered or refused, and in reasonable time.

No test here measures time.  Each would run for hours, or end in a crash, if the work grew faster
than the input does.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from singlestoredb.fusion import FusionSQLResult, SQLHandler, registry
from singlestoredb.fusion.errors import FusionSyntaxError
from singlestoredb.fusion.grammar import RETRY_LIMIT
from singlestoredb.fusion.literals import masked, quoted_pattern


class DoX(SQLHandler):
    """DO X expr;
    expr = { value | nested | config | items }
    nested = ( expr )
    value = VALUE '<v>'
    config = CONFIG <json>
    items = ITEMS '<item>',...
    """

    def run(self, params: dict[str, Any]) -> FusionSQLResult:
        out = FusionSQLResult()
        out.message = repr(params["expr"])[:100_000]
        return out


def fail(sql: str) -> str:
    with pytest.raises(FusionSyntaxError) as caught:
        DoX(None).execute(sql)
    message = str(caught.value)
    assert len(message) < 2000
    return message


N = 50_000
DEEP = 5_000


def test_long_literals() -> None:
    for text in ("a" * N, "\\'" * N, "''" * N, "\\\\" * N, "/* " * N):
        DoX(None).execute(f"DO X VALUE '{text}'")


def test_long_lists() -> None:
    result = DoX(None).execute(f"DO X ITEMS ({', '.join(['a'] * 5_000)})")
    assert result.message is not None
    assert result.message.count("'a'") > 4_000


@pytest.mark.parametrize(
    "sql",
    [
        "DO X VALUE '" + "a" * N,
        "DO X VALUE '" + "''" * N,
        "DO X VALUE '" + "\\'" * N,
        "DO X VALUE '" + "a''b" * N + "' !",
        "DO X /*" + "*" * N,
        "DO X " + "/*" * N,
        "DO X " + "/**/" * 5_000 + "!",
        "DO X " + " " * N + "!",
        "DO X " + "\n" * N,
        "DO X VALUE " + "a-" * N + "!",
        "DO X VALUE " + "'a' " * 5_000,
        "DO X ITEMS " + "a, " * 5_000,
        "DO X " + "(" * N,
        "DO X " + "(" * 5_000 + "VALUE a" + ")" * 4_999,
        'DO X CONFIG {"a": ' * 2000,
        'DO X CONFIG {"' + "\\\\" * N,
        "DO X CONFIG {" + '"a": 1, ' * 5_000 + "}",
        "DO X VALUE " + "9" * N + "e!",
    ],
    ids=lambda sql: sql[:24],
)
def test_long_nonsense(sql: str) -> None:
    assert "Could not parse statement" in fail(sql)


def test_deep_nesting() -> None:
    assert "nested too deeply" in fail("DO X " + "(" * DEEP + "VALUE a" + ")" * DEEP)
    deep = '{"a": ' * 4 * DEEP + "1" + "}" * 4 * DEEP
    assert "nested too deeply" in fail(f"DO X CONFIG {deep}")
    assert "nested too deeply" in fail(f"DO X CONFIG '{deep}'")


def test_the_second_try_is_bounded() -> None:
    """Only statements that somebody may have typed are parsed by the slower algorithm."""

    class DoY(SQLHandler):
        """DO Y { in_group | name };
        in_group = IN GROUP '<g>'
        name = IN '<n>'
        """

        def run(self, params: dict[str, Any]) -> None:
            assert params["name"] == "group"

    DoY(None).execute("DO Y IN group")
    with pytest.raises(FusionSyntaxError, match="expected a string"):
        DoY(None).execute("DO Y IN group" + " " * RETRY_LIMIT)


def test_ambiguous_grammars() -> None:
    """Every split of the words is a reading; one is chosen without looking at all of them."""

    class DoY(SQLHandler):
        """DO Y pair;
        pair = { '<a>' | '<b>' } [ pair ]
        """

        def run(self, params: dict[str, Any]) -> None:
            assert params["pair"]

    DoY(None).execute("DO Y " + "a " * 60)
    with pytest.raises(FusionSyntaxError):
        DoY(None).execute("DO Y " + "a " * 60 + "!")


def outcome(handler: type[SQLHandler], sql: str) -> FusionSyntaxError | None:
    """Run a statement; nothing but a syntax error may come of it."""
    try:
        handler(None).execute(sql)
    except FusionSyntaxError as error:
        return error
    return None


@given(st.text(max_size=200))
@settings(deadline=None, derandomize=True)
def test_any_text_is_refused_politely(show_things: type[SQLHandler], text: str) -> None:
    registry.find(text)
    error = outcome(show_things, f"SHOW ACME THINGS {text}")
    if error is not None:
        assert 1 <= error.line <= text.count("\n") + 1
        assert error.column >= 1
        assert "\n^" in str(error) or " ^ " in str(error)


@given(st.text(alphabet="'\"`\\/*; -#aA1,(){}[]=\n", max_size=60))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_punctuation_is_refused_politely(text: str) -> None:
    error = outcome(DoX, f"DO X {text}")
    assert error is not None
    assert error.column >= 1


def test_patterns_do_not_backtrack() -> None:
    import re

    for quote in "'\"":
        pattern = re.compile(quoted_pattern(quote, True))
        for text in ("a", quote * 2, "\\" + quote, "\\\\"):
            assert pattern.match(quote + text * N) is None or text == quote * 2
            assert pattern.match(quote + text * N + quote)
    for mode in (True, False, None):
        for text in ("a''\\'", "''", "\\", "a"):
            masked("'" + text * N, N, mode)
    result = FusionSQLResult()
    result.add_field("Name", 254)
    result.set_rows([("a" * 5000,)])
    assert len(result.like(Name="%a" * 2500 + "b")) == 0


def test_nothing_is_evaluated() -> None:
    text = "__import__('os').system('false') {0} %s ${x}"
    escaped = text.replace("'", "\\'")
    result = DoX(None).execute(f"DO X VALUE '{escaped}'")
    assert result.message == repr({"value": text})
