"""What a statement's clauses become: the constructs of the grammar and the shapes of ``params``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from singlestoredb.fusion import SQLHandler

Parse = Callable[[str, str], dict[str, Any]]


def rules(command: str, **bodies: str) -> str:
    """Write a grammar."""
    return "\n".join([f"{command};", *(f"{name} = {body}" for name, body in bodies.items())])


@pytest.mark.parametrize(
    ("body", "sql", "value"),
    [
        # one kind of body each
        ("FORCE", "DO X force", True),
        ("FORCE ALL", "DO X Force\n\tALL ;", True),
        ("WITH SIZE '<s>'", "DO X WITH SIZE 'S-1'", "S-1"),
        ("WITH SIZE '<s>'", "DO X WITH SIZE S-1", "S-1"),
        ("WITH SIZE '<s>'", 'DO X WITH SIZE "a\nb"', "a\nb"),
        ("WITH SIZE '<s>'", "DO X WITH SIZE `a b`", "a b"),
        ("WITH SIZE '<s>'", "DO X WITH SIZE 12.5", "12.5"),
        ("WITH SIZE 's'", "DO X WITH SIZE ''", ""),
        ("WITH SIZE '<s>'", "DO X WITH SIZE'S'", "S"),
        ("{ QUIET | VERBOSE }", "DO X quiet", "quiet"),
        ("'<ip>',...", "DO X '0.0.0.0/0'", ["0.0.0.0/0"]),
        ("AT '<ip>',...", "DO X AT a, 'b' ,\"c\"", ["a", "b", "c"]),
        ("AT '<ip>',...", "DO X AT (a, b)", ["a", "b"]),
        ("AT '<ip>',...", "DO X AT [ a ]", ["a"]),
        ("AT '<ip>',...", "DO X AT {a,b}", ["a", "b"]),
        ("'<a>' '<b>'", "DO X x y", ["x", "y"]),
        ("WITH '<a>' AND '<b>'", "DO X WITH 1 AND foo", ["1", "AND", "foo"]),
        ("WITH KEY = '<a>'", "DO X WITH KEY='foo'", "foo"),
        ("WITH KEY = '<a>'", "DO X WITH KEY = foo", "foo"),
        ("AT ( '<a>' <comma> <integer> )", "DO X AT(a,7)", ["a", 7]),
        # tokens
        ("N <integer>", "DO X N 0", 0),
        ("N <integer>", "DO X N -12", -12),
        ("N <number>", "DO X N 0", 0.0),
        ("N <number>", "DO X N -1.5e3", -1500.0),
        ("N <number>", "DO X N .5", 0.5),
        ("N <integer>,...", "DO X N 0, 1", [0, 1]),
        ("T <table>", "DO X T t", "t"),
        ("T <table>", "DO X T db.t", ["db", "t"]),
        ("T <column>", "DO X T `a b` . c-d", ["a b", "c-d"]),
        ("T <link-name>", "DO X T `a``b`", "a`b"),
        ("T <catalog-name>", "DO X T c", "c"),
        ("J <json>", "DO X J {}", {}),
        (
            "J <json>",
            'DO X J {"a": [1, 2.5, 1e5, -0], "b": {"c": null, "d": true}, "e": "\\u00e9\\n\\""}',
            {"a": [1, 2.5, 1e5, 0], "b": {"c": None, "d": True}, "e": 'é\n"'},
        ),
        ("J <json>", 'DO X J \'{"it\\\'s": "\\\\n"}\'', {"it's": "\n"}),
        (
            "S <statement>",
            "DO X S select ';', 1; drop x -- y ",
            {"statement": "select ';', 1; drop x -- y"},
        ),
    ],
)
def test_value_of_a_rule(params: Parse, body: str, sql: str, value: Any) -> None:
    result = params(rules("DO X rule", rule=body), sql)["rule"]
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("body", "more", "sql", "value"),
    [
        (
            "IN GROUP { id | name }",
            {"id": "ID '<id>'", "name": "'<name>'"},
            "DO X IN GROUP g",
            {"name": "g"},
        ),
        (
            "EXECUTE EVERY interval unit",
            {"interval": "<integer>", "unit": "{ MINUTES | HOURS }"},
            "DO X EXECUTE EVERY 5 MINUTES",
            {"interval": 5, "unit": "MINUTES"},
        ),
        ("A [ y ] [ z ]", {"y": "Y '<y>'", "z": "Z '<z>'"}, "DO X A Z 2", {"z": "2"}),
        ("A [ y ] [ z ]", {"y": "Y '<y>'", "z": "Z '<z>'"}, "DO X A", True),
        (
            "{ current | name }",
            {"current": "@@CURRENT", "name": "'<name>'"},
            "DO X @@current",
            {"current": True},
        ),
        (
            "item,...",
            {"item": "'<x>' [ ASC | DESC ]"},
            "DO X a, b desc",
            [{"item": "a"}, {"item": ["b", "desc"]}],
        ),
        (
            "WITH a PLUS b",
            {"a": "<integer>", "b": "'<b>'"},
            "DO X WITH 1 PLUS foo",
            [{"a": 1}, "PLUS", {"b": "foo"}],
        ),
        ("( items )", {"items": "'<i>',..."}, "DO X (a, b)", {"items": ["a", "b"]}),
        ("( items )", {"items": "'<i>',..."}, "DO X ([a, b])", {"items": ["a", "b"]}),
        ("AT _hidden", {"_hidden": "'<h>'"}, "DO X AT h", {"hidden": "h"}),
    ],
)
def test_value_of_nested_rules(
    params: Parse, body: str, more: dict[str, str], sql: str, value: Any
) -> None:
    assert params(rules("DO X rule", rule=body, **more), sql)["rule"] == value


def test_what_stands_in_the_command_itself_is_not_reported(params: Parse) -> None:
    grammar = rules("DO X '<a>' [ QUIET ] <integer> <json> { ON | OFF } rule", rule="R '<r>'")
    assert params(grammar, 'DO X a QUIET 3 {"b": 1} on R r') == {"rule": "r"}


def test_rules_in_groups_of_the_command_are_parameters(params: Parse) -> None:
    grammar = rules(
        "DO X IN REGION { region_id | region_name } [ { a | b } ]",
        region_id="ID '<i>'",
        region_name="'<n>'",
        a="A",
        b="B",
    )
    assert params(grammar, "DO X IN REGION ID 7 B") == {
        "region_id": "7",
        "b": True,
        "region_name": None,
        "a": False,
    }


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("DO X IN GROUP x", {"in_group": {"group_name": "x"}, "group_id": None}),
        ("DO X", {"in_group": None, "group_id": None, "group_name": None}),
    ],
)
def test_a_nested_rule_is_at_the_top_only_when_it_is_absent(
    params: Parse, sql: str, expected: dict[str, Any]
) -> None:
    grammar = rules(
        "DO X [ in_group ]",
        in_group="IN GROUP { group_id | group_name }",
        group_id="ID '<group-id>'",
        group_name="'<group-name>'",
    )
    assert params(grammar, sql) == expected


def test_defaults(params: Parse) -> None:
    grammar = rules(
        "DO X [ <like> ] [ <extended> ] [ <limit> ] [ <order-by> ] [ <file-type> ]"
        " [ force ] [ ips ] [ size ] [ _hidden ] [ kept_ ]",
        force="FORCE",
        ips="WITH '<ip>',...",
        size="SIZE '<size>'",
        _hidden="HIDDEN",
        kept_="KEPT",
    )
    absent = params(grammar, "DO X")
    assert absent == {
        "force": False,
        "ips": [],
        "size": None,
        "like": None,
        "extended": False,
        "limit": None,
        "order_by": {"by": []},
        "file_type": None,
    }
    assert params(grammar, "DO X HIDDEN KEPT") == {
        "hidden": True,
        "kept_": True,
        "force": False,
        "ips": [],
        "size": None,
        "like": None,
        "extended": False,
        "limit": None,
        "order_by": {"by": []},
        "file_type": None,
    }


def test_defaults_are_made_anew(command: Callable[..., type[SQLHandler]]) -> None:
    handler = command("DO X [ ips ] [ <order-by> ];\nips = '<ip>',...")
    for _ in range(2):
        absent = handler(None).visit(handler.grammar.parse("DO X"))
        assert absent == {"ips": [], "order_by": {"by": []}}
        absent["ips"].append("changed")
        absent["order_by"]["by"].append("changed")


def test_builtin_rules(params: Parse) -> None:
    grammar = "DO X [ <like> ] [ <extended> ] [ <limit> ] [ <order-by> ] [ <file-type> ];"
    given = params(grammar, "DO X file limit 0 order by a, 'b' DESC, c asc extended like ''")
    assert given == {
        "file_type": "file",
        "limit": 0,
        "order_by": {"by": ["a", "b", "c"], "ascending": [True, False, True]},
        "extended": True,
        "like": "",
    }
    assert list(given) == ["file_type", "limit", "order_by", "extended", "like"]


def test_order_by_of_ones_own(params: Parse) -> None:
    grammar = rules(
        "DO X [ order_by ]",
        order_by="ORDER BY key,...",
        key="<column> [ { ASC | DESC | ASCENDING | DESCENDING } ]",
    )
    assert params(grammar, "DO X ORDER BY a.d DESCENDING, a.d, b ASCENDING, c")["order_by"] == {
        "by": [["a", "d"], ["a", "d"], "b", "c"],
        "ascending": [False, True, True, True],
    }
    grammar = rules(
        "DO X [ order_by ]", order_by="ORDER BY key,...", key="name [ up ]", name="'<n>'", up="UP"
    )
    assert params(grammar, "DO X ORDER BY a UP, b")["order_by"] == {
        "by": [{"name": "a", "up": True}, {"name": "b"}],
        "ascending": [True, True],
    }


def test_statement_in_the_command(params: Parse) -> None:
    assert params(
        "EXPLAIN ACME [ <extended> ] <statement>;", "EXPLAIN ACME /* x */ SELECT 1;\n"
    ) == {
        "statement": "SELECT 1;",
        "extended": False,
    }


def test_a_rule_that_the_command_repeats_is_a_list(params: Parse) -> None:
    grammar = rules("DROP X [ job,... ]", job="'<id>'")
    assert params(grammar, "DROP X a, b") == {"job": ["a", "b"]}
    assert params(grammar, "DROP X") == {"job": []}


OPTIONALS = rules(
    "DO X [ a ] [ b | c ] '<x>' [ d ] [ e ]", a="A", b="B", c="C '<c>'", d="D", e="E <integer>"
)


@pytest.mark.parametrize(
    ("sql", "given"),
    [
        ("DO X 'x'", ""),
        ("DO X B A C 1 'x' E 1 D", "abcde"),
        ("DO X C 1 B 'x' D", "bcd"),
        ("DO X A 'x' E 2", "ae"),
    ],
)
def test_adjacent_optionals_come_in_any_order(params: Parse, sql: str, given: str) -> None:
    result = params(OPTIONALS, sql)
    assert {name for name, value in result.items() if value} == set(given)


@pytest.mark.parametrize("sql", ["DO X D 'x'", "DO X 'x' A", "DO X 'x' C 1", "DO X 'x' E"])
def test_a_required_item_fixes_the_order_across_it(params: Parse, sql: str) -> None:
    with pytest.raises(ValueError, match="Could not parse statement"):
        params(OPTIONALS, sql)


def test_first_alternative_wins(params: Parse) -> None:
    grammar = rules("DO X { first | second }", first="'<f>'", second="'<s>'")
    assert params(grammar, "DO X v") == {"first": "v", "second": None}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("DO X IN group", {"name": "group", "in_group": None}),
        ("DO X IN GROUP g", {"in_group": "g", "name": None}),
        ("DO X in", None),
    ],
)
def test_keywords_are_values_where_nothing_else_fits(
    params: Parse, sql: str, expected: dict[str, Any] | None
) -> None:
    grammar = rules("DO X { in_group | name }", in_group="IN GROUP '<g>'", name="IN '<n>'")
    if expected is None:
        with pytest.raises(ValueError, match="ends too early"):
            params(grammar, sql)
    else:
        assert params(grammar, sql) == expected


def test_adjacent_optional_values_need_more_than_one_token_of_look_ahead(params: Parse) -> None:
    grammar = rules("DO X [ a ] b", a="'<a>'", b="'<b>'")
    assert params(grammar, "DO X 1") == {"b": "1", "a": None}
    assert params(grammar, "DO X 1 2") == {"a": "1", "b": "2"}


def test_rules_may_contain_themselves(params: Parse) -> None:
    grammar = rules("DO X expr", expr="{ value | ( expr ) }", value="'<v>'")
    assert params(grammar, "DO X ((a))") == {"expr": {"expr": {"expr": {"value": "a"}}}}


def test_comments_and_space_between_tokens(params: Parse) -> None:
    grammar = rules("DO X rule", rule="R '<a>' '<b>'")
    assert params(grammar, " DO/*1*/X\n/* two\nlines */ R a /* ' */ b /**/ ;\n ") == {
        "rule": ["a", "b"]
    }


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        (r"DO X 'it\'s'", "it's"),
        ("DO X 'it''s'", "it's"),
        (r"DO X 'a\\'", "a\\"),
        (r"DO X 'a\nb\0\Z\%\_\q'", "a\nb\0\x1a\\%\\_q"),
        (r'DO X "a\"b""c"', 'a"b"c'),
        (r"DO X `a\`", "a\\"),
        ("DO X 'naïve ✓'", "naïve ✓"),
        ("DO X '; -- /* */'", "; -- /* */"),
    ],
)
def test_literals_are_unescaped_once(params: Parse, sql: str, value: str) -> None:
    assert params("DO X v; \nv = '<v>'", sql) == {"v": value}
