"""``s2 load`` as a user runs it."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pty
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from click.testing import CliRunner, Result

import singlestoredb as s2
from singlestoredb.cli import main


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"embedded:///{tmp_path / 'load.db'}"


def load(*args: object, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["load", *map(str, args)], input=stdin)


def rows(url: str, sql: str = "SELECT * FROM t ORDER BY 1") -> list[tuple[object, ...]]:
    with s2.connect(url) as conn:
        found: list[tuple[object, ...]] = conn.execute(sql).fetchall()
        return found


CSV = b'id,name,x\n1,"a, ""b""\nc",1.5\n2,,\n3,"",-2e3\n'
EXPECTED = [(1, 'a, "b"\nc', 1.5), (2, None, None), (3, "", -2000.0)]
TABLE = pa.table({"id": [1, 2, 3], "name": ['a, "b"\nc', None, ""], "x": [1.5, None, -2000.0]})
JSONL = "\n\n".join(json.dumps(row) for row in TABLE.to_pylist()).encode()


def encoded(kind: str) -> bytes:
    out = io.BytesIO()
    if kind == "parquet":
        pyarrow.parquet.write_table(TABLE, out)
    elif kind == "feather":
        pyarrow.feather.write_feather(TABLE, out)
    elif kind == "arrows":
        with pa.ipc.new_stream(out, TABLE.schema) as writer:
            writer.write_table(TABLE)
    else:
        return {"csv": CSV, "tsv": CSV.replace(b",", b"\t").replace(b"a\t", b"a,"),
                "jsonl": JSONL}[kind]  # fmt: skip
    return out.getvalue()


def compressed(data: bytes, suffix: str) -> bytes:
    if suffix == ".zst":
        return bytes(pa.compress(data, "zstd", asbytes=True))
    if suffix == ".gz":
        return gzip.compress(data)
    if suffix == ".bz2":
        return bz2.compress(data)
    return lzma.compress(data) if suffix == ".xz" else data


@pytest.mark.parametrize("compression", ["", ".gz", ".bz2", ".xz", ".zst"])
@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet", "feather", "arrows"])
def test_files(url: str, tmp_path: Path, kind: str, compression: str) -> None:
    file = tmp_path / f"data.{kind}{compression}"
    file.write_bytes(compressed(encoded(kind), compression))
    done = load(file, "t", "--url", url)
    assert (done.exit_code, done.stdout) == (0, ""), done.output
    assert done.stderr.startswith("3 rows loaded into t in ")
    assert rows(url) == EXPECTED
    again = load(file, "t", "--url", url, "--mode", "append", "--json")
    assert json.loads(again.stdout)["rows"] == 3
    assert rows(url, "SELECT COUNT(*) FROM t") == [(6,)]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "feather", "arrows"])
def test_standard_input(url: str, kind: str) -> None:
    form = {"feather": "arrow", "arrows": "arrow"}.get(kind, kind)
    done = load("-", "t", "--url", url, "--format", form, stdin=encoded(kind))
    assert done.exit_code == 0, done.output
    assert rows(url) == EXPECTED


def test_csv_into_a_table_keeps_what_looks_like_numbers(url: str, tmp_path: Path) -> None:
    with s2.connect(url) as conn:
        conn.query("CREATE TABLE t (zip VARCHAR(10), n INT, d DATE)")
    file = tmp_path / "a.csv"
    file.write_text("zip;d\n00123;2020-01-02\nNA;NA\n")
    done = load(
        file, "t", "--url", url, "--mode", "append", "--delimiter", ";", "--null", "NA"
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    file.write_text("00124,5,2020-01-03\n")
    assert load(file, "t", "--url", url, "--mode", "append", "--no-header").exit_code == 0
    file.write_text("7,00125\n")
    args = (file, "t", "--url", url, "--mode", "create_append", "--no-header")
    assert load(*args, "--columns", "n,zip").exit_code == 0
    found = rows(url, "SELECT zip, n, CAST(d AS CHAR) FROM t ORDER BY zip")
    assert found == [
        (None, None, None),
        ("00123", None, "2020-01-02"),
        ("00124", 5, "2020-01-03"),
        ("00125", 7, None),
    ]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "feather"])
def test_chosen_columns(url: str, tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"data.{kind}"
    file.write_bytes(encoded(kind))
    done = load(file, "t", "--url", url, "--columns", "x, id")
    assert done.exit_code == 0, done.output
    assert rows(url, "SELECT * FROM t ORDER BY id") == [(1.5, 1), (None, 2), (-2000.0, 3)]


def test_wrong_usage(url: str, tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_text("1,2\n")
    for args, said in (
        ((tmp_path / "none.csv", "t"), "No such file"),
        ((tmp_path / "odd.bin", "t"), "--format"),
        (("-", "t"), "--format"),
        ((file, "t", "--delimiter", "ab"), "one character"),
        ((file, "t", "--no-header"), "--columns"),
    ):
        done = load(*args, "--url", url)
        assert done.exit_code == 2, done.output
        assert said in done.stderr
    parquet = tmp_path / "a.parquet"
    parquet.write_bytes(encoded("parquet"))
    done = load(parquet, "t", "--url", url, "--columns", "nope")
    assert done.exit_code == 2
    assert "no column nope; it has id, name, x" in done.stderr
    done = load(file, "t", "--url", url, "--columns", "1,nope")
    assert done.exit_code == 2
    assert "does not have all of the columns 1, nope" in done.stderr
    assert load(file, "t", "--url", "mysql://u:p@127.0.0.1:1/d").exit_code == 3


def test_failures_leave_no_table(url: str, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"a": 1}\n' * 3000 + "{]\n")
    done = load(file, "t", "--url", url)
    assert done.exit_code == 1
    assert "line 3001 is no JSON" in done.stderr
    assert "the new table was dropped" in done.stderr
    broken = tmp_path / "a.parquet"
    broken.write_bytes(b"no parquet")
    assert load(broken, "t", "--url", url).exit_code == 1
    cut = tmp_path / "b.csv.gz"
    cut.write_bytes(gzip.compress(CSV)[:-9])
    assert load(cut, "t", "--url", url).exit_code == 1
    for suffix in (".gz", ".bz2", ".xz"):
        bad = tmp_path / f"bad.csv{suffix}"
        data = bytearray(compressed(CSV * 100, suffix))
        data[30:40] = bytes(10)
        bad.write_bytes(data)
        done = load(bad, "t", "--url", url)
        assert done.exit_code == 1
        assert isinstance(done.exception, SystemExit)
        assert f"bad.csv{suffix} cannot be read" in done.stderr
    assert rows(url, "SHOW TABLES") == []


def test_a_missing_library_is_named(url: str, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(CSV)
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from singlestoredb.cli import main; main(sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "load", str(file), "t", "--url", url],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert "pip install 'singlestoredb[arrow]'" in done.stderr


def test_a_bar_on_a_terminal(url: str, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(JSONL)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "singlestoredb.cli", "load", str(file), "t", "--url", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # what a terminal says at its end
                break
            if not piece:
                break
            shown += piece
        assert process.wait(60) == 0, shown
    os.close(ours)
    assert b"3 rows" in shown
    assert b"loaded into t" in shown
