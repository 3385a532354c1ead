"""``s2 sql`` and ``s2 serve`` as a user runs them."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from singlestoredb.cli import main

TYPES = (
    "SELECT 1 AS n, NULL AS nothing, 'a|b' AS t, X'00FF' AS bytes, CAST('2020-01-02' AS DATE) AS d"
)


def s2(*args: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["sql", *args], input=stdin)


def test_formats() -> None:
    assert s2("embedded://", TYPES).stdout == "n,nothing,t,bytes,d\n1,,a|b,0x00ff,2020-01-02\n"
    rows = json.loads(s2("embedded://", TYPES, "-f", "json").stdout)
    assert rows == [{"n": 1, "nothing": None, "t": "a|b", "bytes": "AP8=", "d": "2020-01-02"}]
    assert s2("embedded://", "SELECT 1 AS a", "-f", "tsv").stdout == "a\n1\n"
    assert s2("embedded://", TYPES, "-f", "markdown").stdout.splitlines()[2] == (
        "| 1 | NULL | a\\|b | 0x00ff | 2020-01-02 |"
    )
    assert s2("embedded://", "SELECT 1 AS a, 2 AS bb", "-f", "vertical").stdout == (
        "-- row 1\n a: 1\nbb: 2\n"
    )
    assert "│" in s2("embedded://", TYPES, "-f", "table").stdout


def test_cut_tables_say_so() -> None:
    done = s2("embedded://", "SELECT 1 UNION ALL SELECT 2", "-f", "table", "--max-rows", "1")
    assert "only the first 1 rows are shown" in done.stderr


def test_scripts_from_stdin() -> None:
    script = "CREATE TABLE t (a INT); INSERT INTO t VALUES (1), (2);\nSELECT SUM(a) AS s FROM t"
    done = s2("embedded://", stdin=script)
    assert (done.stdout, done.exit_code) == ("s\n3\n", 0)
    assert "2 rows affected" in done.stderr


def test_files(tmp_path: Path) -> None:
    import pyarrow.ipc
    import pyarrow.parquet

    for suffix in (".parquet", ".arrow", ".csv", ".json", ".jsonl"):
        file = tmp_path / f"out{suffix}"
        done = s2("embedded://", "SELECT 1 AS a UNION ALL SELECT 2", "-o", str(file))
        assert done.exit_code == 0, done.output
        assert f"2 rows written to {file}" in done.stderr
    assert pyarrow.parquet.read_table(tmp_path / "out.parquet")["a"].to_pylist() == [1, 2]
    with pyarrow.ipc.open_file(tmp_path / "out.arrow") as reader:
        assert reader.read_all().num_rows == 2
    assert (tmp_path / "out.csv").read_text() == "a\n1\n2\n"
    assert json.loads((tmp_path / "out.json").read_text()) == [{"a": 1}, {"a": 2}]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "out.arrow", "out.csv", "out.json", "out.jsonl", "out.parquet",
    ]  # fmt: skip


def test_a_failed_file_leaves_nothing(tmp_path: Path) -> None:
    done = s2("embedded://", "SELECT 1", "-o", str(tmp_path / "out.xls"))
    assert done.exit_code == 2
    assert "the suffix must be one of .parquet" in done.stderr
    database = tmp_path / "x.db"
    done = s2(str(database), "CREATE TABLE t (a INT)", "-o", str(tmp_path / "none" / "out.csv"))
    assert done.exit_code == 2
    assert "there is no folder" in done.stderr
    assert list(tmp_path.iterdir()) == [], "nothing was run"
    done = s2("embedded://", "CREATE TABLE t (a INT)", "-o", str(tmp_path / "out.csv"))
    assert done.exit_code == 1
    assert "has no result" in done.stderr
    if Path("/dev/full").exists():
        (tmp_path / ".out.csv.part").symlink_to("/dev/full")
        done = s2("embedded://", "SELECT 1", "-o", str(tmp_path / "out.csv"))
        assert done.exit_code == 1
        assert done.stderr.startswith("the rows cannot be written")
    assert list(tmp_path.iterdir()) == []


def test_csv_tells_empty_text_from_null() -> None:
    rows = "SELECT NULL AS a, '' AS b, 'x\"y' AS c UNION ALL SELECT 'p,q', 'r', ''"
    assert s2("embedded://", rows).stdout == 'a,b,c\n,"","x""y"\n"p,q",r,""\n'


def test_exit_codes_tell_what_went_wrong() -> None:
    done = s2("embedded://", "SELEC 1")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("ProgrammingError: 1064")
    done = s2("u:s3cret@127.0.0.1:1", "SELECT 1")
    assert done.exit_code == 3
    assert "s3cret" not in done.output
    assert s2("embedded://?bogus=1", "SELECT 1").exit_code == 2
    assert s2("nosuch://", "SELECT 1").exit_code == 3


def test_database_files(tmp_path: Path) -> None:
    file = tmp_path / "my data.db"
    assert s2(str(file), "CREATE TABLE t (a INT)").exit_code == 0
    assert s2(str(file), "INSERT INTO t VALUES (5)").exit_code == 0
    assert s2(str(file), "SELECT a FROM t").stdout == "a\n5\n"


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_the_prompt() -> None:
    master, slave = pty.openpty()
    done = subprocess.Popen(
        [sys.executable, "-m", "singlestoredb.cli", "sql", "embedded://"],
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TERM": "dumb"},
    )
    os.close(slave)
    os.write(master, b"SELECT 6\n* 7 AS answer;\nSELEC 1;\nSELECT 'still here' AS x;\nexit\n")
    out, err = done.communicate(timeout=30)
    os.close(master)
    assert done.returncode == 0, err
    assert "42" in out
    assert "still here" in out
    assert "ProgrammingError: 1064" in err


def test_help_lists_the_commands() -> None:
    done = CliRunner().invoke(main, ["--help"])
    assert done.exit_code == 0
    for command in ("plugins", "serve", "sql"):
        assert command in done.stdout
    assert CliRunner().invoke(main, ["--version"]).stdout.startswith("s2, version ")


def test_families_of_plugins_are_known() -> None:
    done = CliRunner().invoke(main, ["plugins", "list", "--family", "formats"])
    assert done.exit_code == 0
    assert "tuples" in done.stdout
    done = CliRunner().invoke(main, ["plugins", "list", "--family", "format"])
    assert done.exit_code == 2
    assert "'formats'" in done.stderr


def test_serving_what_is_not_there() -> None:
    done = CliRunner().invoke(main, ["serve", "nothing"])
    assert done.exit_code == 1
    assert "no server named 'nothing'" in done.stderr
    done = CliRunner().invoke(main, ["serve", "kt", "-o", "novalue"])
    assert done.exit_code == 2


def test_serve_runs_until_it_is_interrupted() -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "singlestoredb.cli", "serve", "kt"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    protocol, url = server.stdout.readline().strip().split("\t")
    assert protocol == "kt"
    assert url.startswith("kt://127.0.0.1:")
    server.send_signal(signal.SIGINT)
    _, err = server.communicate(timeout=20)
    assert server.returncode == 0, err
