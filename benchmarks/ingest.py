"""Loading a table of ten columns: ``ingest`` against the server's own client, ``executemany``
against other clients.

``python -m benchmarks.ingest``.  Clients that are not installed are left out.
"""

from __future__ import annotations

import gc
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import singlestoredb as s2
from singlestoredb.columnar.text import TsvStream
from singlestoredb.testing import MariaDB

from . import report

ROWS = 200_000
ROUNDS = 15
MANY_ROWS = 20_000
MANY_ROUNDS = 5

TEXT = """# Loading

A table of {rows:,} rows: INT, BIGINT, DOUBLE, DECIMAL(18,4), VARCHAR(32), TEXT of about 100
characters, DATETIME(6), DATE, TINYINT and JSON-like text, a tenth of them NULL, {size:.1f} MB as
text, into an empty InnoDB table of a private MariaDB on loopback TCP. In turns; medians of {rounds}
rounds with the quartiles. The ratio is that of rows per second in the same round; CPU is the
client's, user and system. `mariadb-import` reads a file that was written beforehand.

| how | rows/s, thousands | ratio to mariadb-import | client CPU, s |
|---|---|---|---|
{loads}

Without a server, to text only: {encoders}.

`executemany("INSERT INTO … VALUES (%s, …)")`, {many_rows:,} of the rows as tuples:

| client | rows/s, thousands | ratio to PyMySQL | client CPU, s |
|---|---|---|---|
{many}

Command: `python -m benchmarks.ingest`. {machine}. {versions}.
"""

_TABLE = """CREATE TABLE bench (
    i INT, l BIGINT, d DOUBLE, m DECIMAL(18,4), v VARCHAR(32), t TEXT, at DATETIME(6), day DATE,
    b TINYINT, j LONGTEXT
) CHARACTER SET utf8mb4"""
_SERVER = (
    "--innodb-buffer-pool-size=2G",
    "--innodb-log-file-size=512M",
    "--innodb-flush-log-at-trx-commit=0",
)


def table(rows: int) -> pa.Table:
    """Return the data; the same each time."""
    random = np.random.default_rng(1)
    words = np.array(["amber", "basalt", "cedar", "fjord", "café", "quartz", "東京", "zephyr"])
    picked = words[random.integers(0, len(words), (rows, 16))]

    def with_nulls(values: Any, kind: pa.DataType) -> pa.Array:
        return pa.array(values, kind, mask=random.random(rows) < 0.1)

    cents = random.integers(-(10**12), 10**12, rows)
    return pa.table(
        {
            "i": with_nulls(random.integers(-(2**31), 2**31, rows), pa.int32()),
            "l": with_nulls(random.integers(-(2**63), 2**63 - 1, rows), pa.int64()),
            "d": with_nulls(random.normal(0, 1e6, rows), pa.float64()),
            "m": pa.array(cents).cast(pa.decimal128(19, 0)).cast(pa.decimal128(18, 4), safe=False),
            "v": with_nulls([" ".join(row[:3]) for row in picked], pa.string()),
            "t": with_nulls([" ".join(row) for row in picked], pa.string()),
            "at": with_nulls(random.integers(0, 2 * 10**15, rows), pa.timestamp("us")),
            "day": with_nulls(random.integers(0, 20_000, rows).astype("i4"), pa.date32()),
            "b": with_nulls(random.integers(-100, 100, rows).astype("i1"), pa.int8()),
            "j": with_nulls(
                [f'{{"w": "{row[0]}", "n": {i}, "q": "\\\\\\""}}' for i, row in enumerate(picked)],
                pa.string(),
            ),
        }
    )


def lines(data: pa.Table, kind: Any = TsvStream) -> Iterator[bytes]:
    """Iterate over pieces of the file for LOAD DATA."""
    stream = kind(data.__arrow_c_stream__())
    return iter(lambda: stream.read(1 << 18), b"")


def _used() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


class Clock:
    """Wall and CPU seconds of several ways, taken in turns."""

    def __init__(self, before: Callable[[], None]) -> None:
        self._before = before
        self.wall: dict[str, list[float]] = {}
        self.cpu: dict[str, list[float]] = {}

    def turn(self, name: str, run: Callable[[], None]) -> None:
        """Take one."""
        self._before()
        gc.collect()
        cpu, wall = _used(), time.perf_counter()
        run()
        self.wall.setdefault(name, []).append(time.perf_counter() - wall)
        self.cpu.setdefault(name, []).append(_used() - cpu)

    def rows_of(self, rows: int, base: str) -> str:
        """Return the lines of a report's table."""
        out = []
        for name, walls in self.wall.items():
            rates = [rows / wall / 1000 for wall in walls]
            ratios = [b / wall for b, wall in zip(self.wall[base], walls, strict=True)]
            cpu = statistics.median(self.cpu[name])
            out.append(
                f"| {name} | {report.spread(rates, 0)} | {report.spread(ratios)} | {cpu:.3f} |"
            )
        return "\n".join(out)


def _import(server: MariaDB, file: Path) -> Callable[[], None]:
    program = shutil.which("mariadb-import") or sys.exit("mariadb-import is not installed")
    command = [
        *(program, "--no-defaults", "--local", "--silent", "--default-character-set=utf8mb4"),
        *("--protocol=tcp", f"--host={server.host}", f"--port={server.port}"),
        *(f"--user={server.user}", server.database, str(file)),
    ]
    env = {**os.environ, "MYSQL_PWD": server.password}
    return lambda: subprocess.run(command, env=env, check=True) and None


def _count(connection: s2.Connection, rows: int) -> None:
    ((found,),) = connection.execute("SELECT COUNT(*) FROM bench").fetchall()
    if found != rows:
        sys.exit(f"{found} rows are in the table, not {rows}")


def loads(server: MariaDB, data: pa.Table) -> str:
    """Measure loading the whole table."""
    connection = s2.connect(server.url)
    connection.query(_TABLE)
    clock = Clock(lambda: connection.query("TRUNCATE TABLE bench") and None)
    frame = data.to_pandas(types_mapper=pa_types)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "bench.tsv")
        file.write_bytes(b"".join(lines(data)))
        by_file = _import(server, file)
        for _ in range(ROUNDS):
            clock.turn("mariadb-import --local", by_file)
            _count(connection, data.num_rows)
            clock.turn("ingest of Arrow", lambda: _ingest(connection, data))
            _count(connection, data.num_rows)
            clock.turn("ingest of pandas", lambda: _ingest(connection, frame))
    return clock.rows_of(data.num_rows, "mariadb-import --local")


def pa_types(kind: pa.DataType) -> Any:
    """Keep pandas columns Arrow, as a frame read from Parquet may be."""
    import pandas as pd

    return pd.ArrowDtype(kind)


def _ingest(connection: s2.Connection, data: Any) -> None:
    connection.ingest("bench", data, "append")


def encoders(data: pa.Table) -> str:
    """Measure the encoders alone."""
    from singlestoredb import accelerators

    size = sum(map(len, lines(data)))
    speeds = []
    kinds = (
        ("the accelerator", accelerators.find("tsv", False).TsvStream, data),
        ("pure Python", TsvStream, data.slice(0, data.num_rows // 10)),
    )
    for name, kind, part in kinds:
        rates = []
        for _ in range(ROUNDS):
            start = time.process_time()
            size = sum(map(len, lines(part, kind)))
            rates.append(size / (time.process_time() - start) / 1e6)
        speeds.append(f"{name} {report.spread(rates, 0)} MB per second of CPU")
    return ", ".join(speeds)


def many(server: MariaDB, data: pa.Table) -> str:
    """Measure executemany."""
    rows = [tuple(row.values()) for row in data.slice(0, MANY_ROWS).to_pylist()]
    sql = f"INSERT INTO bench VALUES ({', '.join(['%s'] * data.num_columns)})"
    own = s2.connect(server.url)
    clock = Clock(lambda: own.query("TRUNCATE TABLE bench") and None)
    options: dict[str, Any] = {
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "password": server.password,
        "database": server.database,
        "charset": "utf8mb4",
    }
    import pymysql

    clients: dict[str, Any] = {"PyMySQL": pymysql.connect(**options, autocommit=True)}
    try:
        import MySQLdb  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        pass
    else:
        clients["mysqlclient"] = MySQLdb.connect(**options)
        clients["mysqlclient"].autocommit(True)
    clients["singlestoredb, pure_python=True"] = s2.connect(server.url, pure_python=True)
    clients["singlestoredb"] = own
    for _ in range(MANY_ROUNDS):
        for name, connection in clients.items():
            cursor = connection.cursor()
            clock.turn(name, lambda cursor=cursor: cursor.executemany(sql, rows) and None)  # type: ignore[misc]  # bound at once
            _count(own, len(rows))
    for connection in clients.values():
        connection.close()
    return clock.rows_of(len(rows), "PyMySQL")


def main() -> None:
    """Measure and report."""
    data = table(ROWS)
    with MariaDB(_SERVER) as server:
        loaded = loads(server, data)
        executed = many(server, data)
        with s2.connect(server.url) as connection:
            version = connection.server_version
    report.write(
        "ingest",
        TEXT.format(
            rows=ROWS,
            size=sum(map(len, lines(data))) / 1e6,
            rounds=ROUNDS,
            loads=loaded,
            encoders=encoders(data),
            many_rows=MANY_ROWS,
            many=executed,
            machine=report.machine(),
            versions=f"MariaDB {version}, " + report.versions("pyarrow", "pandas", "PyMySQL"),
        ),
    )


if __name__ == "__main__":
    main()
