"""The life of a handler class and of one statement."""

from __future__ import annotations

import threading
import warnings
from typing import Any, ClassVar

import pytest

from singlestoredb.fusion import STRING, FusionSQLResult, SQLHandler, registry
from singlestoredb.fusion.grammar import Parsed
from singlestoredb.warnings import DeprecatedFeatureWarning, PreviewFeatureWarning


class Echo(SQLHandler):
    """
    ECHO ACME [ word ] [ <limit> ];

    word = WORD '<word>'
    """

    def run(self, params: dict[str, Any]) -> FusionSQLResult:
        out = self.create_result()
        for name in params:
            out.add_field(name, STRING)
        out.set_rows([tuple(map(repr, params.values()))])
        return out


def test_execute() -> None:
    result = Echo(None).execute("ECHO ACME WORD 'x' LIMIT 3")
    assert isinstance(result, FusionSQLResult)
    assert result.rows == [("'x'", "3")]
    assert [d[0] for d in result.description] == ["word", "limit"]


def test_a_class_compiles_when_it_is_first_looked_at() -> None:
    class Lazy(SQLHandler):
        """LAZY ACME a;
        a = A
        """

    assert not vars(Lazy)["_is_compiled"]
    assert Lazy.command_key == ("LAZY", "ACME")
    assert vars(Lazy)["_is_compiled"]
    grammar = Lazy.grammar
    Lazy.compile("OTHER ACME;")
    assert Lazy.grammar is grammar
    assert Lazy(None).grammar is grammar
    assert "LAZY ACME a;" in Lazy._grammar


def test_compile_takes_the_grammar_from_elsewhere() -> None:
    class Given(SQLHandler):
        """Prose without a command."""

    Given.compile("GIVEN ACME a; \n a = A")
    assert Given.command_key == ("GIVEN", "ACME")
    assert Given.syntax == "GIVEN ACME A;"
    assert Given._grammar == "GIVEN ACME a; \n a = A"


def test_a_command_may_inherit_from_a_command() -> None:
    Echo.compile()

    class Shout(Echo):
        """SHOUT ACME [ word ];
        word = WORD '<word>'
        """

    assert not Shout._is_compiled
    assert Shout.command_key == ("SHOUT", "ACME")
    assert Shout(None).execute("SHOUT ACME WORD b").rows == [("'b'",)]
    assert Echo.command_key == ("ECHO", "ACME")


def test_bases_are_no_commands() -> None:
    class Base(SQLHandler):
        """Shared by commands."""

    assert (SQLHandler.command_key, SQLHandler.syntax, SQLHandler.rule_info) == ((), "", {})
    assert (Base.command_key, Base.help) == ((), "")
    with pytest.raises(
        ValueError, match=r"must end with a semicolon.*\(in the grammar of .*Base\)"
    ):
        Base.register()

    class Undocumented(Echo):
        pass

    with pytest.raises(ValueError, match="no command found"):
        Undocumented.register()


def test_a_broken_grammar_is_told_whenever_it_is_used() -> None:
    class Broken(Echo):
        """BROKEN ACME [ a"""

    assert Broken.syntax == ""
    for _ in range(2):
        with pytest.raises(ValueError, match=r"must end with a semicolon.*Broken\)"):
            Broken(None).execute("BROKEN ACME")

    class Undefined(Echo):
        """BROKEN ACME [ a ];"""

    for _ in range(2):
        with pytest.raises(ValueError, match="the rule 'a' is used but not defined"):
            Undefined(None).execute("BROKEN ACME")
        with pytest.raises(ValueError, match="the rule 'a' is used but not defined"):
            Undefined.syntax  # noqa: B018 - the access is the test


def test_run_must_be_overridden() -> None:
    class Nothing(SQLHandler):
        """NOTHING ACME;"""

    with pytest.raises(NotImplementedError, match=r"Nothing does not define run\(\)"):
        Nothing(None).execute("NOTHING ACME")


def test_run_may_return_nothing_but_not_anything() -> None:
    class Quiet(SQLHandler):
        """QUIET ACME;"""

        def run(self, params: dict[str, Any]) -> Any:
            return self.connection

    result = Quiet(None).execute("QUIET ACME;")
    assert (result.columns, result.rows, result.rows_affected) == ((), [], 0)
    with pytest.raises(
        TypeError, match=r"Quiet.run must return a FusionSQLResult or None, not list"
    ):
        Quiet([]).execute("QUIET ACME;")


def test_errors_of_run_pass_unchanged() -> None:
    class Broken(SQLHandler):
        """BROKEN ACME;"""

        def run(self, params: dict[str, Any]) -> FusionSQLResult:
            raise KeyError("no such thing")

    with pytest.raises(KeyError, match="no such thing"):
        Broken(None).execute("BROKEN ACME")


def test_validators() -> None:
    seen: list[Any] = []

    def check_size(value: Any) -> Any:
        seen.append(value)
        if value == "XXL":
            raise ValueError("there is no size XXL")
        return value or "S-00"

    class Sized(Echo):
        """SIZED ACME [ size ] [ pair ];
        size = SIZE '<size>'
        pair = PAIR inner
        inner = '<inner>'
        """

        validators: ClassVar[Any] = {"size": check_size, "inner": check_size}

    assert Sized(None).execute("SIZED ACME SIZE S-1 PAIR x").rows == [("'S-1'", "{'inner': 'x'}")]
    assert Sized(None).execute("SIZED ACME").rows == [("'S-00'", "None", "'S-00'")]
    with pytest.raises(ValueError, match="there is no size XXL"):
        Sized(None).execute("SIZED ACME SIZE XXL")
    assert seen == ["S-1", None, None, "XXL"]


def test_preview_and_deprecation() -> None:
    class Old(Echo):
        """OLD ACME;"""

        _preview = True
        _deprecated_by = "NEW ACME"

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Old(None).execute("OLD ACME")
    assert [(w.category, w.filename) for w in caught] == [
        (PreviewFeatureWarning, __file__),
        (DeprecatedFeatureWarning, __file__),
    ]
    assert str(caught[0].message).startswith("OLD ACME is a preview Fusion SQL command")
    assert str(caught[1].message) == (
        "OLD ACME is deprecated: new deployments should be clusters. Use NEW ACME instead."
    )
    assert issubclass(PreviewFeatureWarning, UserWarning)
    assert issubclass(DeprecatedFeatureWarning, UserWarning)


@pytest.mark.parametrize("wanted", ["1", "t", "TRUE", "y", "Yes"])
def test_hidden_commands(monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    class Hidden(Echo):
        """HIDDEN ACME;"""

        _enabled = False

    for text in ("0", "", "no"):
        monkeypatch.setenv("SINGLESTOREDB_FUSION_ENABLE_HIDDEN", text)
        Hidden.register()
        assert registry.find("HIDDEN ACME") is None
    monkeypatch.delenv("SINGLESTOREDB_FUSION_ENABLE_HIDDEN")
    Hidden.register()
    assert registry.find("HIDDEN ACME") is None
    monkeypatch.setenv("SINGLESTOREDB_FUSION_ENABLE_HIDDEN", wanted)
    Hidden.register()
    try:
        assert registry.find("HIDDEN ACME") is Hidden
    finally:
        registry.unregister_handler(Hidden)


class Calculate(SQLHandler):
    """
    CALCULATE ACME <sum>;

    Description
    -----------
    Add numbers.
    """

    lark_grammar = r"""
        start: "CALCULATE"i "ACME"i sum ";"?
        sum: NUMBER ("+" NUMBER)*
        NUMBER: /[0-9]+/
        %ignore /\s+/
    """

    def visit(self, parsed: Parsed) -> dict[str, Any]:
        (total,) = parsed.tree.find_data("sum")
        return {"total": sum(int(str(number)) for number in total.children)}

    def run(self, params: dict[str, Any]) -> FusionSQLResult:
        out = self.create_result()
        out.add_field("Total", STRING)
        out.set_rows([(str(params["total"]),)])
        return out


def test_a_lark_grammar() -> None:
    assert Calculate.command_key == ("CALCULATE", "ACME")
    assert Calculate.syntax == "CALCULATE ACME <sum>;"
    assert "Add numbers." in Calculate.help
    assert Calculate(None).execute("calculate acme 1 + 2 +39;").rows == [("42",)]
    with pytest.raises(ValueError, match=r"\n +\^ expected NUMBER") as caught:
        Calculate(None).execute("CALCULATE ACME 1 +")
    assert "CALCULATE ACME <sum>;" in str(caught.value)
    with pytest.raises(ValueError, match=r"\^ expected ACME \(did you mean ACME\?\)"):
        Calculate(None).execute("CALCULATE ACM 1")


def test_a_lark_grammar_gives_its_tree() -> None:
    class Plain(SQLHandler):
        """PLAIN ACME;"""

        lark_grammar = 'start: "PLAIN ACME" WORD\nWORD: /[a-z]+/\n%ignore " "'

        def run(self, params: dict[str, Any]) -> None:
            assert params["tree"].children == ["x"]

    assert Plain(None).execute("PLAIN ACME x").rows == []


def test_a_wrong_lark_grammar_is_told() -> None:
    from lark.exceptions import GrammarError

    class Wrong(Echo):
        """WRONG ACME;"""

        lark_grammar = "start: nothing"

    with pytest.raises(GrammarError, match="nothing"):
        Wrong(None).execute("WRONG ACME")


class Escaping:
    """A connection that writes literals as one of the two kinds of server wants them."""

    def __init__(self, backslash: bool) -> None:
        self._backslash = backslash

    def escape(self, value: str) -> str:
        if self._backslash:
            value = value.replace("\\", "\\\\")
        return "'" + value.replace("'", "''") + "'"


@pytest.mark.parametrize("backslash", [True, False])
def test_literals_follow_the_sql_mode(backslash: bool) -> None:
    connection = Escaping(backslash)
    value = "C:\\new'\\"
    rows = Echo(connection).execute(f"ECHO ACME WORD {connection.escape(value)} LIMIT 1").rows
    assert rows == [(repr(value), "1")]


def test_threads_share_a_class() -> None:
    class Shared(Echo):
        """SHARED ACME [ word ];
        word = WORD '<word>'
        """

    results: list[Any] = []

    def work(number: int) -> None:
        for i in range(20):
            word = f"w{number}-{i}"
            results.append(Shared(None).execute(f"SHARED ACME WORD {word}").rows == [(repr(word),)])

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 80
