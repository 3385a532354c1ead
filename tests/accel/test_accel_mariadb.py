"""Against a real server: what it sends is decoded alike by both paths, in every shape."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb.testing.servers import MariaDB

pa = pytest.importorskip("pyarrow")

TABLE = """
CREATE TABLE everything (
    id INT PRIMARY KEY, t TINYINT, ut TINYINT UNSIGNED, sm SMALLINT, um SMALLINT UNSIGNED,
    me MEDIUMINT, ui INT UNSIGNED, b BIGINT, ub BIGINT UNSIGNED, f FLOAT, d DOUBLE,
    n DECIMAL(20,6), w DECIMAL(65,30), da DATE, dt DATETIME, dt6 DATETIME(6), ts TIMESTAMP NULL,
    ti TIME, ti6 TIME(6), y YEAR, c CHAR(9), v VARCHAR(200), x TEXT, vb VARBINARY(30), bl BLOB,
    e ENUM('a','b'), s SET('a','b','c'), j JSON, bits BIT(9)
) CHARACTER SET utf8mb4
"""
ROWS = """
INSERT INTO everything VALUES
(1, -128, 255, -32768, 65535, -8388608, 4294967295, -9223372036854775808, 18446744073709551615,
 1.5, 1e-300, -12345678901234.567890,
 12345678901234567890123456789012345.123456789012345678901234567890,
 '2020-02-29', '1000-01-01 00:00:00', '9999-12-31 23:59:59.999999', '2020-01-01 00:00:00',
 '-838:59:59', '838:59:58.000001', 1901, 'x', 'Łódź 東京 🎉', REPEAT('ä', 3000), x'00ff', x'',
 'a', 'a,c', '{"k": [1, null]}', b'100000001'),
(2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
 NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(3, 0, 0, 0, 0, 0, 0, 0, 0, 3.4e38, 1.7976931348623157e308, 0, 0, '0000-00-00',
 '0000-00-00 00:00:00', '0000-00-00 00:00:00', '2020-01-01 00:00:00', '00:00:00', '00:00:00', 0,
 '', '', '', '', '', '', '', '[]', b'0')
"""


@pytest.fixture(scope="module")
def server(accel: ModuleType) -> Iterator[MariaDB]:
    with MariaDB() as server:
        with s2.connect(server.url, sql_mode="") as conn, conn.cursor() as cursor:
            cursor.execute(TABLE)
            cursor.execute(ROWS)
        yield server


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("format_name", ["tuples", "dicts", "arrow", "namedtuples"])
def test_every_type_is_decoded_alike(server: MariaDB, format_name: str, buffered: bool) -> None:
    found = []
    for pure in (True, False):
        with s2.connect(
            server.url, pure_python=pure, results_type=format_name, buffered=buffered
        ) as conn:
            cursor = conn.cursor()
            cursor.execute("SELECT * FROM everything ORDER BY id")
            rows: Any = cursor.fetchall()
            if format_name == "arrow":
                rows.validate(full=True)
                rows = (rows.schema, rows.to_pylist())
            found.append((repr(rows), cursor.description))
    assert found[0] == found[1]


def test_many_rows_and_all_ways_to_read_them(server: MariaDB) -> None:
    query = "SELECT seq, CONCAT('row ', seq), seq / 3 FROM seq_1_to_200000"
    with s2.connect(server.url, pure_python=False) as conn:
        rows = conn.execute(query).fetchall()
        assert len(rows) == 200_000
        assert rows[-1][:2] == (200_000, "row 200000")
        table = conn.cursor(results_type="arrow")
        table.execute(query)
        whole = table.fetchall()
        assert whole.num_rows == 200_000
        assert list(zip(*(whole[i].to_pylist() for i in range(3)), strict=True)) == rows
        stream = conn.cursor(results_type="arrow", buffered=False)
        stream.execute(query)
        parts = []
        while (part := stream.fetchmany(70_000)).num_rows:
            parts.append(part)
        assert [part.num_rows for part in parts] == [70_000, 70_000, 60_000]
        assert pa.concat_tables(parts).equals(whole)
        # What was not read is cancelled, and the connection goes on.
        stream.execute("SELECT seq, REPEAT('x', 500) FROM seq_1_to_1000000")
        assert stream.fetchmany(10).num_rows == 10
        stream.close()
        assert conn.execute("SELECT 1").fetchall() == [(1,)]


def test_over_tls(accel: ModuleType) -> None:
    query = "SELECT seq, REPEAT('x', 300) FROM seq_1_to_20000"
    with (
        MariaDB(tls=True) as server,
        s2.connect(server.url, pure_python=False, ssl_ca=server.ssl_ca) as conn,
    ):
        assert conn.execute("SHOW STATUS LIKE 'Ssl_cipher'").fetchall()[0][1]
        assert conn.execute(query).fetchall() == [(n, "x" * 300) for n in range(1, 20_001)]
        cursor = conn.cursor(results_type="arrow", buffered=False)
        cursor.execute(query)
        assert cursor.fetchall()[0].to_pylist() == list(range(1, 20_001))


def test_results_that_follow_one_another(server: MariaDB) -> None:
    with s2.connect(server.url, pure_python=False, multi_statements=True) as conn:
        for buffered in (True, False):
            cursor = conn.cursor(buffered=buffered)
            cursor.execute("SELECT 1; DO 0; SELECT 2, 3")
            assert cursor.fetchall() == [(1,)]
            assert cursor.nextset()
            assert cursor.nextset()
            assert cursor.fetchall() == [(2, 3)]
            assert not cursor.nextset()


def test_another_thread_can_cancel(server: MariaDB) -> None:
    with s2.connect(server.url, pure_python=False) as conn:
        failed: list[BaseException] = []

        def wait() -> None:
            try:
                conn.execute("SELECT SLEEP(30) FROM seq_1_to_2").fetchall()
            except s2.Error as exc:
                failed.append(exc)

        thread = threading.Thread(target=wait)
        started = time.monotonic()
        thread.start()
        time.sleep(0.2)
        conn.cancel()
        thread.join(20)
        assert not thread.is_alive()
        assert time.monotonic() - started < 20
        # MariaDB may also answer a cancelled SLEEP with 1.
        assert all(getattr(exc, "errno", None) == 1317 for exc in failed)
        assert conn.execute("SELECT 1").fetchall() == [(1,)]


def test_streaming_needs_memory_for_a_batch(server: MariaDB) -> None:
    """Measured in a process of its own: the peak of this one is not its alone."""
    program = """
import sys
import singlestoredb as s2
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
with s2.connect(sys.argv[1], pure_python=False, buffered=False) as conn:
    cursor = conn.cursor()
    cursor.execute("SELECT 1")
    cursor.fetch_arrow().__arrow_c_stream__()
    idle = peak()
    cursor.execute("SELECT seq, REPEAT('x', 100), seq FROM seq_1_to_600000")
    rows = 0
    while (chunk := cursor.fetch_arrow_chunk(10_000)).num_rows:
        rows += chunk.num_rows
    print(rows, peak() - idle)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, server.url], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    rows, grown = map(int, done.stdout.split())
    assert rows == 600_000
    assert grown < 16 * 1024  # KiB; the data have 68 MB
