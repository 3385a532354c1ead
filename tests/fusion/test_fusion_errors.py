"""Where a statement stops making sense, and what is said about it."""

from __future__ import annotations

import pickle
import traceback

import pytest

from singlestoredb.exceptions import ProgrammingError
from singlestoredb.fusion import SQLHandler
from singlestoredb.fusion.errors import FusionSyntaxError
from singlestoredb.fusion.literals import masked

SYNTAX = (
    "SHOW ACME THINGS [ IN ROOM '<room>' ] [ LIKE '<pattern>' ] "
    "[ ORDER BY '<key>' [ ASC | DESC ],... ] [ LIMIT <integer> ];"
)


Handler = type[SQLHandler]


def fail(handler: Handler, sql: str) -> FusionSyntaxError:
    with pytest.raises(FusionSyntaxError) as caught:
        handler(None).execute(sql)
    return caught.value


def test_the_whole_message(show_things: Handler) -> None:
    error = fail(show_things, "SHOW ACME THINGS\n  IN ROOM 'kitchen' LIMT 3;")
    assert str(error) == (
        "Could not parse statement. The non-matching portion of the text begins with 'LIMT 3;' "
        "(line 2, column 21). Expecting:\n"
        f"  {SYNTAX}\n"
        "\n"
        "  IN ROOM '…' LIMT 3;\n"
        "              ^ expected IN, LIKE, LIMIT, ORDER or the end of the statement "
        "(did you mean LIMIT?)"
    )
    assert (error.line, error.column) == (2, 21)
    assert error.expected == ("IN", "LIKE", "LIMIT", "ORDER", "the end of the statement")


def test_its_class(show_things: Handler) -> None:
    error = fail(show_things, "SHOW ACME THINGS 1")
    assert isinstance(error, ProgrammingError)
    assert isinstance(error, ValueError)
    copied = pickle.loads(pickle.dumps(error))
    assert str(copied) == str(error)
    assert copied.column == 18


@pytest.mark.parametrize(
    ("sql", "line", "column", "said"),
    [
        ("SHOW ACME THINGS LIMIT", 1, 23, "expected an integer"),
        ("SHOW ACME THINGS LIMIT  \n ", 1, 23, "The text ends too early"),
        ("SHOW ACME THINGS LIMIT ;", 1, 24, "begins with ';'"),
        ("SHOW ACME THINGS LIMIT x", 1, 24, "expected an integer"),
        ("SHOW ACME THINGS LIMIT 99999999999999999999x", 1, 24, "expected an integer"),
        ("SHOW ACME THINGS IN ROM 'k'", 1, 21, r"expected ROOM \(did you mean ROOM\?\)"),
        ("SHOW ACME THINGS LIKE", 1, 22, "expected a string"),
        ("SHOW ACME THINGS; SELECT 1", 1, 19, "expected the end of the statement"),
        ("SHOW ACME THINGS ORDER BY a,", 1, 29, "expected a string"),
        ("SHOW ACME THINGS ORDER BY (a", 1, 29, r"expected ASC, DESC, '\)' or ','"),
        ("SHOW ACME THINGS LIKE 'a' LIKE 'b'", 1, 27, "found duplicate rules for 'like'"),
        ("SHOW ACME THINGS LIKE 'a", 1, 23, "this quote is not closed"),
        ('SHOW ACME THINGS LIKE "a', 1, 23, "this quote is not closed"),
        ("SHOW ACME THINGS LIKE `a", 1, 23, "this quote is not closed"),
        ("SHOW ACME THINGS /* a", 1, 18, "this comment is not closed"),
        ("SHOW ACME THINGS\n\n-- a", 3, 1, "comments are written"),
        ("SHOW ACME THINGS # a", 1, 18, "comments are written"),
        ("SHOW ACME THINGS\r\n\tLIKE %s", 2, 7, "expected a string"),
        ("SHOW ACME THINGS \N{SNOWMAN}", 1, 18, "begins with '\N{SNOWMAN}'"),
        ("SHOW ACME THINGS \0", 1, 18, "expected IN"),
    ],
)
def test_positions(show_things: Handler, sql: str, line: int, column: int, said: str) -> None:
    error = fail(show_things, sql)
    assert (error.line, error.column) == (line, column)
    with pytest.raises(FusionSyntaxError, match=said):
        raise error
    *_, text, caret = str(error).split("\n")
    assert caret.startswith(" " * caret.index("^") + "^ ")
    if "'" not in sql and '"' not in sql:
        assert caret.index("^") == column - 1
        assert text.rstrip() == sql.split("\n")[line - 1].rstrip()


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE X WITH PASSWORD 'hunter2' NAMED",
        "CREATE X WITH PASSWORD 'hunter2' EXTRA 'hunter2'",
        "CREATE X WITH PASSWORD 'hunter2",
        r"CREATE X WITH PASSWORD 'a\'hunter2' !",
        'CREATE X WITH PASSWORD "hunter2" "hunter2"',
        "CREATE X WITH PASSWORD 'a\nhunter2' 1",
        "CREATE X NAMED 'a' NAMED 'hunter2'",
    ],
)
def test_literals_are_not_shown(sql: str) -> None:
    class CreateX(SQLHandler):
        """CREATE X [ password ] [ named ];
        password = WITH PASSWORD '<p>'
        named = NAMED '<n>'
        """

    error = fail(CreateX, sql)
    assert "hunter2" not in "".join(traceback.format_exception(error))
    assert "hunter2" not in f"{error!r}{error.args}{vars(error)}"
    assert error.__cause__ is None
    assert "^ " in str(error)


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("A 'x\\' B 'hunter2' C", {True: "A '…'hunter2'…'", False: "A '…' B '…' C", None: "A '…'"}),
        (r"A 'x\'hunter2' C", {True: "A '…' C", False: "A '…'hunter2'…'", None: "A '…'"}),
        ("A 'x''hunter2' C", dict.fromkeys((True, False, None), "A '…' C")),
        ("A 'hunter2\\", dict.fromkeys((True, False, None), "A '…'")),
        ("A 'hunter2''", dict.fromkeys((True, False, None), "A '…'")),
        ("A '' \"\" 'h'", dict.fromkeys((True, False, None), "A '' \"\" '…'")),
    ],
)
def test_masking_follows_the_sql_mode(sql: str, shown: dict[bool | None, str]) -> None:
    for escapes_backslash, text in shown.items():
        assert masked(sql, 0, escapes_backslash)[0] == text


def test_long_statements_are_cut(show_things: Handler) -> None:
    error = fail(show_things, "SHOW ACME THINGS LIKE " + "a" * 5000 + " BAD " + "b" * 5000)
    assert (error.line, error.column) == (1, 5024)
    *_, text, caret = str(error).split("\n")
    assert len(text) == 120
    assert text[caret.index("^") :].startswith("BAD ")
    assert len(str(error)) < 1000


def test_duplicates_outside_runs() -> None:
    class DoX(SQLHandler):
        """DO X point TO point;
        point = AT '<p>'
        """

    assert "found duplicate rules for 'point'" in str(fail(DoX, "DO X AT a TO AT b"))

    class DoZ(SQLHandler):
        """DO Z [ QUIET ] [ '<a>' <integer> ] [ rule ];
        rule = R [ FAST ] [ SLOW ]
        """

    assert "found duplicate rules for 'QUIET'" in str(fail(DoZ, "DO Z QUIET QUIET"))
    assert "found duplicate rules for ''<a>' <integer>'" in str(fail(DoZ, "DO Z a 1 QUIET b 2"))
    assert fail(DoZ, "DO Z R FAST SLOW FAST").column == 18

    class DoY(SQLHandler):
        """DO Y range;
        range = FROM point point
        point = AT '<p>'
        """

    assert "found duplicate rules for 'point'" in str(fail(DoY, "DO Y FROM AT a AT b"))


def test_errors_of_grammars_that_are_not_lalr() -> None:
    class DoX(SQLHandler):
        """DO X { a | b } END;
        a = '<a>'
        b = '<b>'
        """

    error = fail(DoX, "DO X 1 ENDE")
    assert (error.line, error.column) == (1, 8)
    assert "expected END (did you mean END?)" in str(error)
    assert "expected a string" in str(fail(DoX, "DO X"))


def test_numbers_that_python_refuses(show_things: Handler) -> None:
    import sys

    digits = sys.get_int_max_str_digits() + 1
    error = fail(show_things, f"SHOW ACME THINGS LIMIT {'9' * digits}")
    assert f"a number of {digits} digits is too long" in str(error)
