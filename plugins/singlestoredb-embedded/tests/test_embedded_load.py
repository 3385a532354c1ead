"""LOAD DATA LOCAL INFILE."""

from __future__ import annotations

import datetime as dt
import io
import queue
from pathlib import Path
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb_embedded.loaddata import pieces


@pytest.fixture
def table(engine: Any) -> Any:
    engine("CREATE TABLE t (id INT, s VARCHAR(20), x DOUBLE, d DATE)")
    return engine


LOAD = "LOAD DATA LOCAL INFILE ':stream:' INTO TABLE t "


def test_defaults(table: Any) -> None:
    text = "1\tone\t1.5\t2024-01-02\n2\t\\N\t\\N\t\\N\n3\ta\\tb\\nc\\\\d\\'\t0\t2024-01-03\n"
    assert table.count(LOAD, infile_stream=text) == 3
    assert table("SELECT * FROM t ORDER BY id") == [
        (1, "one", 1.5, dt.date(2024, 1, 2)), (2, None, None, None),
        (3, "a\tb\nc\\d'", 0.0, dt.date(2024, 1, 3)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("clauses", "text", "expected"),
    [
        ("FIELDS TERMINATED BY ','", "1,a,2,2024-01-01\n", [(1, "a", 2.0)]),
        ("FIELDS TERMINATED BY ',' ENCLOSED BY '\"'", '1,"a,""b""\nc",2,2024-01-01\n',
         [(1, 'a,"b"\nc', 2.0)]),
        ("FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"'", '1,"a\\"b",2,\\N\n',
         [(1, 'a"b', 2.0)]),
        ("FIELDS TERMINATED BY '||' LINES TERMINATED BY ';'", "1||a||2||\\N;2||b||3||\\N;",
         [(1, "a", 2.0), (2, "b", 3.0)]),
        ("LINES STARTING BY '>>'", "junk>>1\ta\t2\t\\N\n>>2\tb\t3\t\\N\n",
         [(1, "a", 2.0), (2, "b", 3.0)]),
        ("IGNORE 2 LINES", "x\ny\n1\ta\t2\t\\N\n", [(1, "a", 2.0)]),
        ("LINES TERMINATED BY '\\r\\n'", "1\ta\t2\t2024-01-01\r\n", [(1, "a", 2.0)]),
        ("(id, s)", "1\ta\n2\tb\n", [(1, "a", None), (2, "b", None)]),
        ("(@i, s, @x) SET id = @i * 10, x = LENGTH(@x), d = '2024-01-01'", "1\ta\tlong\n",
         [(10, "a", 4.0)]),
        ("FIELDS ESCAPED BY ''", "1\ta\\nb\t2\t2024-01-01\n", [(1, "a\\nb", 2.0)]),
        ("(s, id) NULL DEFINED BY 'nil'", "nil\t1\n", [(1, None, None)]),
        ("(s)", "a\\\tb\n", [(None, "a\tb", None)]),
        ("(id, s)", "1\tü✓\n", [(1, "ü✓", None)]),
        ("(id, s)", "", []),
    ],
)  # fmt: skip
def test_clauses(table: Any, clauses: str, text: str, expected: list[Any]) -> None:
    assert table.count(LOAD + clauses, infile_stream=text.encode()) == len(expected)
    assert table("SELECT id, s, x FROM t ORDER BY id") == expected


def test_sources(table: Any, tmp_path: Path) -> None:
    file = tmp_path / "it's.tsv"
    file.write_bytes(b"1\n")
    assert table.count("LOAD DATA LOCAL INFILE %s INTO TABLE t (id)", [str(file)]) == 1
    feed: queue.Queue[bytes] = queue.Queue()
    for piece in (b"2", b"\n3\n", b""):
        feed.put(piece)
    sources: list[Any] = [
        b"4\n", "5\n", io.BytesIO(b"6\n"), io.StringIO("7\n"), ["8", "\n9\n"], feed,
        iter([b"10\n"]), io.BytesIO(b"11\n").read, memoryview(b"12\n"),
    ]  # fmt: skip
    for source in sources:
        table(LOAD + "(id)", infile_stream=source)
    assert table("SELECT GROUP_CONCAT(id ORDER BY id) FROM t") == [("1,2,3,4,5,6,7,8,9,10,11,12",)]
    with pytest.raises(s2.OperationalError, match="cannot be read"):
        list(pieces(5))


def test_escapes_next_to_any_character(engine: Any) -> None:
    texts = ["a\x01b\\c", "\\\\t", "\\t", "\t\\", "\\\n\\N", "\x01\\\x01", "\\\\\\"]
    escaped = [t.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n") for t in texts]
    engine("CREATE TABLE escapes (a LONGTEXT, b INT)")
    lines = "".join(f"{text}\t{i}\n" for i, text in enumerate(escaped))
    engine.count("LOAD DATA LOCAL INFILE ':stream:' INTO TABLE escapes", infile_stream=lines)
    assert [row[0] for row in engine("SELECT a FROM escapes ORDER BY b")] == texts


def test_only_the_named_file_is_read(table: Any, tmp_path: Path) -> None:
    (tmp_path / "a1.tsv").write_text("1\n")
    (tmp_path / "a*.tsv").write_text("2\n")
    assert table.count(f"LOAD DATA LOCAL INFILE '{tmp_path}/a*.tsv' INTO TABLE t (id)") == 1
    assert table("SELECT id FROM t") == [(2,)]
    assert table.errno(f"LOAD DATA LOCAL INFILE '{tmp_path}/a?.tsv' INTO TABLE t (id)") == 1017


def test_keys_and_conversions(engine: Any) -> None:
    engine("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, s VARCHAR(3), b TINYINT UNSIGNED)")
    engine("INSERT INTO t VALUES (1, 'old', 1)")
    assert engine.errno(LOAD, infile_stream="1\tnew\t2\n") == 1062
    assert (
        engine.count(LOAD.replace("INTO", "IGNORE INTO"), infile_stream="1\tnew\t2\n5\tx\t5\n") == 1
    )
    assert engine.count(LOAD.replace("INTO", "REPLACE INTO"), infile_stream="1\tnew\t2\n") == 2
    assert engine.count(LOAD + "(s, b)", infile_stream="a\t1.6\nb\t2\n") == 2
    assert engine("SELECT * FROM t ORDER BY id") == [
        (1, "new", 2), (5, "x", 5), (6, "a", 2), (7, "b", 2),
    ]  # fmt: skip
    assert engine.errno(LOAD + "(s, b)", infile_stream="toolong\t1\n") == 1406
    assert engine.errno(LOAD + "(s, b)", infile_stream="a\t256\n") == 1264
    assert engine.errno(LOAD + "(s, b)", infile_stream="a\tx\n") == 1366
    assert engine("SELECT COUNT(*) FROM t") == [(4,)]


def test_refusals(engine: Any, make_engine: Any, tmp_path: Path) -> None:
    engine("CREATE TABLE t (id INT)")
    assert engine.errno(LOAD) == 1017
    assert engine.errno(f"LOAD DATA LOCAL INFILE '{tmp_path}/none' INTO TABLE t") == 1017
    assert engine.errno(LOAD.replace("TABLE t", "TABLE nowhere"), infile_stream=b"") == 1146
    assert engine.errno("LOAD DATA INFILE 'x' INTO TABLE t") == 1235
    assert engine.errno("LOAD DATA LOCAL INFILE 'x' INTO TABLE t (nosuch)") in (1017, 1054)
    careful = make_engine(local_infile=False)
    careful("CREATE TABLE t (id INT)")
    exc = careful.error(LOAD, infile_stream=b"1\n")
    assert exc.errno == 1148
    assert "local_infile=True" in str(exc)
