"""Rates of the embedded engine, as a Markdown table: ``python benchmarks/embedded.py [rows]``.

Each figure is the best of five runs, with the worst beside it.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import singlestoredb as s2
from singlestoredb_hookspecs import StatementRequest

RUNS = 5


def measure(what: str, unit: str, count: int, run: Callable[[], object]) -> None:
    """Print best and worst rate of ``run``, which does ``count`` things."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    best, worst = count / min(times), count / max(times)
    sys.stdout.write(f"| {what} | {best:,.0f} {unit} ({worst:,.0f}) |\n")


def main(rows: int) -> None:
    """Run everything."""
    connection = s2.connect("embedded://", local_infile=True)
    driver: Any = connection._opened()

    def run(sql: str) -> None:
        driver.execute(StatementRequest(sql)).close()

    run("CREATE TABLE t (a INT, b TINYINT, c DOUBLE, d BIGINT, e DATE)")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        with file.open("w") as out:
            out.writelines(
                f"{i},{i % 100},{i}.5,{i * 3},2024-01-{i % 28 + 1:02}\n" for i in range(rows)
            )
        load = f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE t FIELDS TERMINATED BY ','"

        def load_again() -> None:
            run("TRUNCATE TABLE t")
            run(load)

        measure("LOAD DATA LOCAL", "rows/s", rows, load_again)

    def read(shape: str) -> None:
        request = StatementRequest("SELECT * FROM t", shape="arrow", buffered=True)
        result = driver.execute(request)
        if shape == "rows":
            result.read_rows(None)
        else:
            result.read_arrow(None).__arrow_c_stream__()
        result.close()

    measure("Arrow", "rows/s", rows, lambda: read("arrow"))
    measure("tuples", "rows/s", rows, lambda: read("rows"))

    run("CREATE TABLE p (id INT PRIMARY KEY, s VARCHAR(20))")
    with connection.cursor() as cursor:
        data = [(i, f"name {i}") for i in range(20_000)]

        def many() -> None:
            cursor.execute("TRUNCATE TABLE p")
            cursor.executemany("INSERT INTO p VALUES (%s, %s)", data)

        measure("executemany INSERT", "rows/s", len(data), many)

    def points() -> None:
        for i in range(500):
            driver.execute(StatementRequest(f"SELECT s FROM p WHERE id = {i}")).read_rows(None)

    measure("point query by key", "statements/s", 500, points)

    def singles() -> None:
        run("TRUNCATE TABLE p")
        for i in range(200):
            run(f"INSERT INTO p VALUES ({i}, 'x')")

    measure("INSERT of one row", "statements/s", 200, singles)
    connection.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
