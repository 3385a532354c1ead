"""Fusion SQL on real connections: the SQLite driver of the examples, every format, every cursor."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb import plugins
from singlestoredb.exceptions import ProgrammingError
from singlestoredb.fusion import (
    BOOL,
    DATETIME,
    DOUBLE,
    INTEGER,
    JSON,
    STRING,
    FusionSQLResult,
    SQLHandler,
    registry,
)
from singlestoredb_plugins import fusion_core

DRIVER = Path(__file__).parents[2] / "examples/acme-driver/acme_driver.py"


class ShowTypes(SQLHandler):
    """LIST ACME TYPES [ <limit> ];"""

    def run(self, params: dict[str, Any]) -> FusionSQLResult:
        out = FusionSQLResult()
        for name, dtype in (
            ("Name", STRING),
            ("Size", INTEGER),
            ("Ratio", DOUBLE),
            ("Made", DATETIME),
            ("Tags", JSON),
            ("Sold", BOOL),
        ):
            out.add_field(name, dtype)
        out.set_rows(
            [
                ("kettle", "2", "0.5", "2024-02-29T01:02:03.000004", '["a"]', True),
                (None, None, None, None, None, None),
                ("pan", 3, 1, "2024-03-01 00:00:00", "{}", 0),
            ]
        )
        return out.limit(params["limit"])


class EchoWords(SQLHandler):
    """ECHO ACME words;
    words = WORDS '<word>',...
    """

    def run(self, params: dict[str, Any]) -> FusionSQLResult:
        out = FusionSQLResult()
        out.add_field("Word", STRING)
        out.set_rows([(word,) for word in params["words"]])
        return out


@pytest.fixture(scope="module", autouse=True)
def driver() -> Iterator[None]:
    spec = importlib.util.spec_from_file_location("acme_driver_source", DRIVER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    plugins.register(module, "drivers:sqlite", replace=True)
    yield
    plugins.unregister(module)


@pytest.fixture
def connection(fusion_enabled: None, show_things: type[SQLHandler]) -> Iterator[s2.Connection]:
    added: list[type[SQLHandler]] = [
        show_things,
        ShowTypes,
        EchoWords,
        *fusion_core.s2_fusion_handlers(),
    ]
    for handler in added:
        handler.register(overwrite=True)
    with s2.connect("sqlite:///:memory:") as conn:
        yield conn
    for handler in added:
        registry.unregister_handler(handler)


def test_the_story(connection: s2.Connection) -> None:
    with connection.cursor() as cur:
        count = cur.execute("SHOW ACME THINGS IN ROOM 'kitchen' LIKE 'k%' LIMIT 3;")
        assert count == cur.rowcount == 2
        assert cur.fetchall() == [("kettle",), ("knife",)]
        assert cur.description is not None
        assert [column[:2] for column in cur.description] == [("Name", STRING)]
        assert cur.nextset() is None
        with pytest.raises(ProgrammingError) as caught:
            cur.execute("SHOW ACME THNGS;")
    assert str(caught.value).endswith(
        "SHOW ACME THNGS;\n          ^ expected THINGS (did you mean THINGS?)"
    )


def test_statements_of_the_server_pass(connection: s2.Connection) -> None:
    with connection.cursor() as cur:
        cur.execute("SELECT 'SHOW ACME THINGS' AS a")
        assert cur.fetchall() == [("SHOW ACME THINGS",)]


WORDS = ["it's", 'a "b"', "C:\\new", "\\", "%", "naïve ✓", "", "; DROP", "a\nb\0c", "''"]


def test_parameters_arrive_as_they_are(connection: s2.Connection) -> None:
    with connection.cursor() as cur:
        for word in WORDS:
            cur.execute("ECHO ACME WORDS %s", [word])
            assert cur.fetchall() == [(word,)]
        cur.execute("ECHO ACME WORDS %(words)s", {"words": WORDS})
        assert cur.fetchall() == [(word,) for word in WORDS]


@pytest.mark.parametrize("buffered", [True, False])
def test_fetching(connection: s2.Connection, buffered: bool) -> None:
    with connection.cursor(buffered=buffered) as cur:
        cur.execute("SHOW ACME THINGS")
        assert cur.fetchone() == ("kettle",)
        assert cur.fetchmany(2) == [("knife",), ("pan",)]
        assert list(cur) == [("lamp",)]
        assert cur.fetchone() is None


FORMATS = {
    "tuples": None,
    "dicts": None,
    "namedtuples": None,
    "structsequences": None,
    "numpy": "numpy",
    "pandas": "pandas",
    "polars": "polars",
    "arrow": "pyarrow",
}


@pytest.mark.parametrize("results_type", FORMATS)
def test_every_format_takes_every_type(connection: s2.Connection, results_type: str) -> None:
    library = FORMATS[results_type]
    if library is not None:
        pytest.importorskip(library)
    with connection.cursor(results_type=results_type) as cur:
        cur.execute("LIST ACME TYPES")
        table: Any = cur.fetchall()
        assert len(table) == 3
        cur.execute("LIST ACME TYPES LIMIT 1")
        row: Any = cur.fetchone()
    names = {
        "tuples": lambda: row[0],
        "dicts": lambda: row["Name"],
        "namedtuples": lambda: row.Name,
        "structsequences": lambda: row.Name,
        "numpy": lambda: row[0][0] if row.ndim else row[0],
        "pandas": lambda: row["Name"].iloc[0],
        "polars": lambda: row["Name"][0],
        "arrow": lambda: row.column("Name")[0].as_py(),
    }
    assert names[results_type]() == "kettle"


def test_help_on_a_connection(
    connection: s2.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    with connection.cursor() as cur:
        cur.execute("SHOW FUSION COMMANDS LIKE 'show acme%'")
        assert len(cur.fetchall()) == 1
        cur.execute("SHOW FUSION HELP FOR 'show acme things'")
        assert cur.description is None
    assert capsys.readouterr().out.startswith("# SHOW ACME THINGS\n")


def test_switched_off_the_server_gets_everything(connection: s2.Connection) -> None:
    s2.set_option("fusion.enabled", False)
    with (
        connection.cursor() as cur,
        pytest.raises(ProgrammingError, match="syntax error"),
    ):
        cur.execute("SHOW ACME THINGS")
    s2.set_option("fusion.enabled", True)
    with connection.cursor() as cur:
        assert cur.execute("SHOW ACME THINGS") == 4


def test_a_column_that_is_not_there(connection: s2.Connection) -> None:
    with connection.cursor() as cur, pytest.raises(KeyError) as caught:
        cur.execute("SHOW ACME THINGS ORDER BY Size")
    assert isinstance(caught.value, ProgrammingError)
    assert str(caught.value) == "field name does not exist in results: Size (there are: Name)"
