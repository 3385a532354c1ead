"""The embedded engine's server, seen by clients: rows, round trips, inserts, memory, restart."""

from __future__ import annotations

import os
import signal
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymysql

import singlestoredb as s2
from singlestoredb.server import embedded

from . import report

ROUNDS = 5
ROWS = 640_000
QUERIES = 3_000
INSERTS = 1_000
TICK = os.sysconf("SC_CLK_TCK")

TEXT = """# The embedded engine's server

Clients in this process, the server in its own, over TCP on loopback; both share the machine's cores
with whatever else runs. Rate by the clock: median of {rounds} rounds, with the slowest and the
fastest. CPU time: of the server's process (user and system) per row, statement or request, median;
it depends less on the neighbours.

| what | client | rate | server's CPU time |
|---|---|---|---|
{lines}

Rows: {rows:,} of BIGINT, DOUBLE, VARCHAR(20), DATETIME, DECIMAL(12,2), read to the end without
keeping them.

Reading {rows:,} rows raised the server's resident memory by {memory:.0f} MB at most; it sends them
in batches of 8,192.

A server whose process was killed (SIGKILL) after {kept:,} acknowledged inserts into a file answered
its first query {restart} s after it was started again (median of {rounds}, with the fastest and the
slowest), with all rows.

What limits each:

* rows: from the second batch on DuckDB prints and joins them; a client that makes Python values
  takes longer than that itself.
* `SELECT 1`: its rows are kept; two system calls, the thread's wake-up and the lexer are left.
* a query by key: DuckDB plans each statement anew.
* an insert: DuckDB's BEGIN, INSERT and COMMIT, each planned, and for a file the write of its log.

Command: `python -m benchmarks fronts`. {machine}. {versions}.
"""


def _cpu(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def _resident(pid: int, what: str) -> float:
    """Return ``VmRSS`` or ``VmHWM`` of a process in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) / 1024
    raise LookupError(what)


def _measure(pid: int, count: int, run: Callable[[], object]) -> str:
    """Return the cells of a table for ``run``, which does ``count`` things."""
    run()
    rates, cpu = [], []
    for _ in range(ROUNDS):
        used, start = _cpu(pid), time.perf_counter()
        run()
        rates.append(count / (time.perf_counter() - start))
        cpu.append((_cpu(pid) - used) / count * 1e6)
    return (
        f"{statistics.median(rates):,.0f}/s ({min(rates):,.0f} to {max(rates):,.0f}) "
        f"| {statistics.median(cpu):,.2f} µs"
    )


def _mysqlclient(options: dict[str, Any]) -> Any:
    """Connect with mysqlclient; ``None`` where it is not installed."""
    try:
        import MySQLdb  # type: ignore[import-not-found, unused-ignore] # may be missing
    except ImportError:
        return None
    return MySQLdb.connect(**options)


def _fill(cursor: Any) -> None:
    cursor.execute(
        "CREATE TABLE t (a BIGINT, b DOUBLE, c VARCHAR(20), d DATETIME, e DECIMAL(12,2))"
    )
    part = ROWS // 32
    values = ",".join(
        f"({i},{i / 7!r},'name {i % 1000}','2024-01-{i % 28 + 1:02} {i % 24:02}:00:{i % 60:02}',"
        f"{i / 4:.2f})"
        for i in range(part)
    )
    cursor.execute(f"INSERT INTO t VALUES {values}")
    for _ in range(5):
        cursor.execute("INSERT INTO t SELECT * FROM t")
    cursor.execute("CREATE TABLE k (i INT PRIMARY KEY, v VARCHAR(20))")
    cursor.execute(f"INSERT INTO k VALUES {','.join(f'({i},{i})' for i in range(10_000))}")


def _repeat(cursor: Any, sql: str, count: int) -> Callable[[], None]:
    def run() -> None:
        for i in range(count):
            cursor.execute(sql.replace("?", str(i)))
            cursor.fetchall()

    return run


def _clients(server: Any, lines: list[str]) -> float:
    """Measure against a server in memory; return by how many MB reading raised its memory."""
    pid = server.pid
    options = {
        "host": server.host, "port": server.mysql_port, "user": server.user,
        "password": server.password, "database": "main", "autocommit": True,
    }  # fmt: skip
    pure = pymysql.connect(**options)
    _fill(pure.cursor())
    before = _resident(pid, "VmRSS")
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # resets the peak
    client = _mysqlclient(options)
    if client is not None:

        def read() -> None:
            client.query("SELECT * FROM t")
            result = client.use_result()
            while result.fetch_row(10_000):
                pass

        lines.append(f"| rows | mysqlclient (C) | {_measure(pid, ROWS, read)} |")
    arrow = s2.connect(server.mysql_url, results_type="arrow", buffered=False)

    def read_arrow() -> None:
        with arrow.cursor() as cursor:
            cursor.execute("SELECT * FROM t")
            while cursor.fetchmany(10_000).num_rows:
                pass

    lines.append(f"| rows | this SDK, Arrow | {_measure(pid, ROWS, read_arrow)} |")
    peak = _resident(pid, "VmHWM") - before
    for name, conn in (("mysqlclient (C)", client), ("PyMySQL", pure)):
        if conn is not None:
            cursor = conn.cursor()
            cells = _measure(pid, QUERIES, _repeat(cursor, "SELECT 1", QUERIES))
            lines.append(f"| `SELECT 1` | {name} | {cells} |")
            cells = _measure(pid, 1_000, _repeat(cursor, "SELECT v FROM k WHERE i = ?", 1_000))
            lines.append(f"| a query by key | {name} | {cells} |")
    http = s2.connect(server.http_url)
    with http.cursor() as cursor:
        cells = _measure(pid, 1_000, _repeat(cursor, "SELECT 1", 1_000))
        lines.append(f"| `SELECT 1` over HTTP | this SDK | {cells} |")
        rows = [(i, "x") for i in range(INSERTS)]
        cursor.execute("CREATE TABLE h (a INT, b VARCHAR(20))")
        cells = _measure(
            pid, INSERTS, lambda: cursor.executemany("INSERT INTO h VALUES (%s, %s)", rows)
        )
        lines.append(f"| executemany of {INSERTS:,} rows over HTTP | this SDK | {cells} |")
    for opened in (pure, client, arrow, http):
        if opened is not None:
            opened.close()
    return peak


def _inserts(folder: str, lines: list[str]) -> tuple[int, list[float]]:
    """Measure inserts into a file, kill the server and measure its restart."""
    path = Path(folder) / "inserts.db"
    server = embedded.start(path)
    conn = pymysql.connect(
        host=server.host, port=server.mysql_port, user=server.user, password=server.password,
        database="main", autocommit=True,
    )  # fmt: skip
    cursor = conn.cursor()
    cursor.execute("CREATE TABLE t (a INT, b VARCHAR(20))")
    run = _repeat(cursor, "INSERT INTO t VALUES (?, 'x')", INSERTS)
    cells = _measure(server.pid, INSERTS, run)
    lines.append(f"| insert of one row, on file | PyMySQL | {cells} |")
    kept = INSERTS * (ROUNDS + 1)
    times = []
    for _ in range(ROUNDS):
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
        server.stop()
        start = time.perf_counter()
        server = embedded.start(path)
        with s2.connect(server.mysql_url) as again, again.cursor("tuples") as reader:
            reader.execute("SELECT COUNT(*) FROM t")
            assert reader.fetchall() == [(kept,)]
        times.append(time.perf_counter() - start)
    server.stop()
    return kept, times


def main() -> None:
    """Measure and report."""
    lines: list[str] = []
    with embedded.start() as server:
        memory = _clients(server, lines)
    with tempfile.TemporaryDirectory() as folder:
        kept, times = _inserts(folder, lines)
    report.write(
        "fronts",
        TEXT.format(
            rounds=ROUNDS,
            lines="\n".join(lines),
            rows=ROWS,
            memory=memory,
            kept=kept,
            restart=f"{statistics.median(times):.2f} ({min(times):.2f} to {max(times):.2f})",
            machine=report.machine(),
            versions=report.versions("singlestoredb", "singlestoredb-embedded", "duckdb"),
        ),
    )
