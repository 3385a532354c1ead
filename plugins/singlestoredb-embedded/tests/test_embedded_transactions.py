"""Transactions, locks, and what a file keeps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb_embedded import transactions


@pytest.fixture
def pair(make_engine: Any, tmp_path: Path) -> tuple[Any, Any]:
    """Two connections to one file."""
    url = f"embedded:///{tmp_path}/pair.db"
    one, two = make_engine(url), make_engine(url)
    one("CREATE TABLE t (id INT PRIMARY KEY, n INT)")
    one("INSERT INTO t VALUES (1, 0), (2, 0)")
    return one, two


def test_commit_and_rollback(pair: tuple[Any, Any]) -> None:
    one, two = pair
    one("BEGIN")
    one("UPDATE t SET n = 5 WHERE id = 1")
    assert one("SELECT n FROM t WHERE id = 1") == [(5,)]
    assert two("SELECT n FROM t WHERE id = 1") == [(0,)]
    one("ROLLBACK")
    assert one("SELECT n FROM t WHERE id = 1") == [(0,)]
    one("START TRANSACTION")
    one("UPDATE t SET n = 6 WHERE id = 1")
    one("COMMIT")
    assert two("SELECT n FROM t WHERE id = 1") == [(6,)]


def test_autocommit_off(pair: tuple[Any, Any]) -> None:
    one, two = pair
    one("SET autocommit = 0")
    one("DELETE FROM t")
    assert two("SELECT COUNT(*) FROM t") == [(2,)]
    one("ROLLBACK")
    one("DELETE FROM t WHERE id = 1")
    one("SET autocommit = 1")
    assert two("SELECT COUNT(*) FROM t") == [(1,)]


def test_definitions_commit(pair: tuple[Any, Any]) -> None:
    one, two = pair
    one("BEGIN")
    one("DELETE FROM t")
    one("CREATE TABLE u (a INT)")
    one("ROLLBACK")
    assert two("SELECT COUNT(*) FROM t") == [(0,)]


@pytest.mark.parametrize(
    "bad",
    [
        "INSERT INTO t VALUES (9, 1), (1, 1)",
        "INSERT INTO t VALUES (9, 'x')",
        "SELECT * FROM nowhere",
        "SELEC",
        "SELECT (SELECT id FROM t)",
        "UPDATE t SET n = n / 0 + 99999999999",
    ],
)
def test_a_failed_statement_undoes_itself_only(pair: tuple[Any, Any], bad: str) -> None:
    one, two = pair
    one("BEGIN")
    one("INSERT INTO t VALUES (3, 3)")
    one("UPDATE t SET n = 8 WHERE id = 1")
    one("INSERT INTO t VALUES " + ", ".join(f"({i}, 1)" for i in range(100, 200)))
    if "/ 0" in bad:
        one(bad)  # division by zero is NULL, and NULL plus anything too
        one("UPDATE t SET n = CASE id WHEN 1 THEN 8 WHEN 2 THEN 0 WHEN 3 THEN 3 ELSE 1 END")
    else:
        one.error(bad)
    one("INSERT INTO t VALUES (4, 4)")
    one("COMMIT")
    assert two("SELECT id, n FROM t WHERE id < 100 ORDER BY id") == [(1, 8), (2, 0), (3, 3), (4, 4)]
    assert two("SELECT COUNT(*) FROM t WHERE id >= 100") == [(100,)]


def test_changes_that_cannot_be_repeated_are_not_lost_in_silence(
    pair: tuple[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = pair
    file = tmp_path / "rows.tsv"
    file.write_text("50\t1\n")
    one("BEGIN")
    one(f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE t")
    one.error("INSERT INTO t VALUES (1, 1)")
    assert one.errno("INSERT INTO t VALUES (60, 1)") == 1213
    exc = one.error("COMMIT")
    assert exc.errno == 1180
    assert "LOAD DATA" in str(exc.errmsg)
    assert two("SELECT COUNT(*) FROM t") == [(2,)]
    monkeypatch.setattr(transactions, "REPLAY_LIMIT", 100)
    one("BEGIN")
    one("INSERT INTO t VALUES (70, 1)")
    one(f"UPDATE t SET n = 1 WHERE id = 70 AND '{'x' * 100}' <> ''")
    one.error("INSERT INTO t VALUES (1, 1)")
    assert one.errno("COMMIT") == 1180
    one("INSERT INTO t VALUES (71, 1)")
    assert two("SELECT COUNT(*) FROM t") == [(3,)]


def test_random_values_are_not_made_twice(pair: tuple[Any, Any]) -> None:
    one, two = pair
    one("CREATE TABLE r (u VARCHAR(36))")
    one("BEGIN")
    one("INSERT INTO r VALUES (UUID())")
    one.error("INSERT INTO t VALUES (1, 1)")
    assert "UUID()" in str(one.error("COMMIT").errmsg)
    assert two("SELECT COUNT(*) FROM r") == [(0,)]


def test_savepoints(pair: tuple[Any, Any]) -> None:
    one, two = pair
    one("SAVEPOINT nothing")  # outside of a transaction
    one("BEGIN")
    one("SAVEPOINT a")
    one("INSERT INTO t VALUES (3, 3)")
    one("SAVEPOINT b")
    one("UPDATE t SET n = 9")
    one("SAVEPOINT c")
    one("DELETE FROM t")
    assert one("SELECT COUNT(*) FROM t") == [(0,)]
    one("ROLLBACK TO SAVEPOINT c")
    assert one("SELECT id, n FROM t ORDER BY id") == [(1, 9), (2, 9), (3, 9)]
    one("ROLLBACK TO B")
    assert one("SELECT id, n FROM t ORDER BY id") == [(1, 0), (2, 0), (3, 3)]
    assert one.errno("ROLLBACK TO c") == 1305
    one("INSERT INTO t VALUES (4, 4)")
    assert one.errno("INSERT INTO t VALUES (4, 4)") == 1062
    one("ROLLBACK TO b")  # it is still there
    assert one("SELECT COUNT(*) FROM t") == [(3,)]
    one("RELEASE SAVEPOINT b")
    assert one.errno("ROLLBACK TO b") == 1305
    one("INSERT INTO t VALUES (5, 5)")
    assert two("SELECT COUNT(*) FROM t") == [(2,)]
    one("COMMIT")
    assert two("SELECT id, n FROM t ORDER BY id") == [(1, 0), (2, 0), (3, 3), (5, 5)]
    assert one.errno("ROLLBACK TO a") == 1305
    one("SET autocommit = 0")
    one("SAVEPOINT a")
    one("DELETE FROM t")
    one("ROLLBACK TO a")
    one("COMMIT")
    assert two("SELECT COUNT(*) FROM t") == [(4,)]


def test_savepoints_and_what_cannot_be_repeated(
    pair: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = pair
    one("CREATE TABLE r (u VARCHAR(36))")
    one("BEGIN")
    one("INSERT INTO t VALUES (3, 3)")
    one("SAVEPOINT a")
    one("INSERT INTO r VALUES (UUID())")
    assert one.errno("SAVEPOINT b") == 1180
    one("ROLLBACK TO a")  # what cannot be repeated is undone, so all is well
    assert one.errno("INSERT INTO t VALUES (1, 1)") == 1062
    one("COMMIT")
    assert two("SELECT COUNT(*) FROM t") == [(3,)]
    assert two("SELECT COUNT(*) FROM r") == [(0,)]
    one("BEGIN")
    one("SAVEPOINT a")
    monkeypatch.setattr(transactions, "REPLAY_LIMIT", 10)
    one("INSERT INTO t VALUES (70, 1)")
    assert one.errno("ROLLBACK TO a") == 1305
    one("COMMIT")
    assert two("SELECT COUNT(*) FROM t") == [(4,)]


def test_select_for_update_waits_and_sees_what_was_committed(pair: tuple[Any, Any]) -> None:
    one, two = pair
    assert one("SELECT n FROM t WHERE id = 1 FOR UPDATE") == [(0,)]  # alone, it locks nothing
    one("BEGIN")
    assert one("SELECT n FROM t WHERE id = 1 FOR UPDATE") == [(0,)]
    two("SET lock_wait_timeout = 1")
    two("BEGIN")
    assert two.errno("SELECT n FROM t WHERE id = 1 FOR UPDATE") == 1205
    assert two.errno("UPDATE t SET n = 1") == 1205
    assert two("SELECT n FROM t WHERE id = 1") == [(0,)]
    two("SET lock_wait_timeout = 60")
    seen: list[Any] = []
    waiting = threading.Thread(
        target=lambda: seen.extend(two("SELECT n FROM t WHERE id = 1 FOR UPDATE"))
    )
    waiting.start()
    one("UPDATE t SET n = n + 1 WHERE id = 1")
    one("COMMIT")
    waiting.join()
    assert seen == [(1,)]
    two("COMMIT")


def test_hot_row_loses_no_update(pair: tuple[Any, Any], tmp_path: Path) -> None:
    url = f"embedded:///{tmp_path}/pair.db"
    errors: list[BaseException] = []

    def work(explicit: bool) -> None:
        try:
            with s2.connect(url) as connection:
                for _ in range(25):
                    if explicit:
                        connection.begin()
                        connection.query("SELECT n FROM t")
                    connection.query("UPDATE t SET n = n + 1 WHERE id = 1")
                    if explicit:
                        connection.commit()
        except BaseException as exc:
            errors.append(exc)

    threads = [threading.Thread(target=work, args=(i % 2 == 0,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert pair[0]("SELECT n FROM t WHERE id = 1") == [(100,)]


def test_lock_wait_and_deadlock(pair: tuple[Any, Any]) -> None:
    one, two = pair
    one("CREATE TABLE u (id INT)")
    two("SET lock_wait_timeout = 1")
    one("BEGIN")
    one("UPDATE t SET n = 1")
    two("BEGIN")
    assert two.errno("UPDATE t SET n = 2") == 1205
    two("INSERT INTO u VALUES (1)")
    waiting = threading.Thread(target=lambda: one("INSERT INTO u VALUES (2)"))
    waiting.start()
    time.sleep(0.2)
    assert two.errno("UPDATE t SET n = 2") == 1213
    two("ROLLBACK")
    waiting.join(30)
    assert not waiting.is_alive()
    one("COMMIT")
    assert two("SELECT id FROM u") == [(2,)]


def test_a_file_keeps_everything(make_engine: Any, tmp_path: Path) -> None:
    url = f"embedded:///{tmp_path}/kept.db"
    one = make_engine(url)
    one("CREATE DATABASE shop")
    one("CREATE TABLE shop.t (id INT AUTO_INCREMENT PRIMARY KEY, s VARCHAR(9), UNIQUE KEY u (s), "
        "d DECIMAL(5,2) DEFAULT 1.5, e ENUM('a','b'), v VECTOR(2), KEY k (d))")  # fmt: skip
    one("INSERT INTO shop.t (s, e, v) VALUES ('x', 'a', '[1,2]')")
    one("CREATE VIEW shop.w AS SELECT s FROM shop.t")
    before = one("SHOW CREATE TABLE shop.t")
    one.connection.close()
    two = make_engine(url, database="shop")
    assert two("SHOW CREATE TABLE t") == before
    assert two("SELECT * FROM w") == [("x",)]
    assert two.errno("INSERT INTO t (s) VALUES ('X')") == 1062
    with two.connection.cursor() as cursor:
        cursor.execute("INSERT INTO t (s) VALUES ('y')")
        assert cursor.lastrowid == 3  # the refused row used up 2


_CHILD = textwrap.dedent(
    """
    import sys, singlestoredb as s2
    connection = s2.connect(sys.argv[1])
    connection.query("CREATE TABLE IF NOT EXISTS t (id INT PRIMARY KEY)")
    number = 0
    while True:
        connection.query(f"INSERT INTO t VALUES ({number})")
        print(number, flush=True)
        number += 1
    """
)


def test_acknowledged_rows_survive_a_kill_and_other_processes_wait(
    make_engine: Any, tmp_path: Path
) -> None:
    url = f"embedded:///{tmp_path}/killed.db"
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, url], stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout is not None
    last = -1
    for line in child.stdout:
        last = int(line)
        if last == 20:
            with pytest.raises(s2.OperationalError, match="in use by another process") as caught:
                make_engine(url)
            assert "close it there" in str(caught.value)
            assert f"s2 serve embedded --path {tmp_path}/killed.db" in str(caught.value)
        if last == 40:
            os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert last >= 40
    count = make_engine(url)("SELECT COUNT(*), MAX(id) FROM t")[0]
    assert count[0] == count[1] + 1
    assert count[1] >= last


_WRITERS = textwrap.dedent(
    """
    import os, sys, threading
    import singlestoredb as s2
    url, first = sys.argv[1], int(sys.argv[2])
    def write(number):
        connection = s2.connect(url)
        row = first + number
        while True:
            connection.query(f"INSERT INTO t VALUES ({row}, {number})")
            os.write(1, f"{row}\\n".encode())  # one call: lines of threads do not mix
            row += 4
    s2.connect(url).query("CREATE TABLE IF NOT EXISTS t (id INT PRIMARY KEY, n INT)")
    for number in range(4):
        threading.Thread(target=write, args=(number,)).start()
    """
)


def test_no_acknowledged_row_is_lost_by_kills(make_engine: Any, tmp_path: Path) -> None:
    url = f"embedded:///{tmp_path}/writers.db"
    acknowledged: set[int] = set()
    for turn in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", _WRITERS, url, str(turn * 1_000_000)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert child.stdout is not None
        for count, line in enumerate(child.stdout):
            acknowledged.add(int(line))
            if count == 150:
                os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        engine = make_engine(url)
        kept = {row[0] for row in engine("SELECT id FROM t")}
        assert acknowledged <= kept
        # What was written but not yet told may be there: at most one row of each writer and turn.
        assert len(kept - acknowledged) <= 4 * (turn + 1)
        engine.connection.close()
    assert len({row % 4 for row in acknowledged}) > 1  # writers did run beside each other
