"""Rates of the embedded engine in the process: ``python -m benchmarks embedded``."""

from __future__ import annotations

import http.server
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

import singlestoredb as s2
from singlestoredb_hookspecs import StatementRequest

from . import report

RUNS = 7
ROWS = 1_000_000
SINGLE = 300
CALLED = 100_000

TEXT = """# The embedded engine, in the process

Rows or statements per second of wall time: median of {runs} runs, with the quartiles. The table has
{rows:,} rows of five columns (INT, TINYINT, DOUBLE, BIGINT, DATE). Rows are read from the driver as
Arrow batches or tuples, without a data frame being made of them.

| what | per second |
|---|---|
{table}

External functions were called for {called:,} rows of two integers, at a service in the same process
that answers each request with a ready-made body: this measures the engine's side and the HTTP.

Command: `python -m benchmarks embedded`. {machine}. {versions}.
"""


class _Service(http.server.ThreadingHTTPServer):
    """Answers a request with the first 8 bytes of each row's arguments: made once per size."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, int], bytes] = {}
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        assert isinstance(self.server, _Service)
        media = self.headers["Content-Type"]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if media == "application/json":
            key = (media, body.count(b"[") - 1)
        elif media == "application/octet-stream":
            key = (media, len(body) // 26)
        else:
            key = (media, pa.ipc.open_file(pa.BufferReader(body)).get_batch(0).num_rows)
        answer = self.server.answers.get(key)
        if answer is None:
            answer = self.server.answers[key] = _ANSWERS[media](key[1])
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing."""


def _json(rows: int) -> bytes:
    items = ",".join(f"[{i},{i * 7}]" for i in range(rows))
    return f'{{"data":[{items}]}}'.encode()


def _rowdat(rows: int) -> bytes:
    return b"".join(
        i.to_bytes(8, "little") + b"\0" + (i * 7).to_bytes(8, "little") for i in range(rows)
    )


def _arrow(rows: int) -> bytes:
    table = pa.table({"__index__": list(range(rows)), "col0": [i * 7 for i in range(rows)]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


_ANSWERS: dict[str, Callable[[int], bytes]] = {
    "application/json": _json,
    "application/octet-stream": _rowdat,
    "application/vnd.apache.arrow.file": _arrow,
}


@contextmanager
def _service() -> Iterator[str]:
    server = _Service()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Engine:
    """A connection whose driver is called directly."""

    def __init__(self, url: str) -> None:
        self.connection = s2.connect(url, local_infile=True)
        self.driver: Any = self.connection._opened()

    def __call__(self, sql: str, shape: str = "rows") -> int:
        result = self.driver.execute(StatementRequest(sql, shape=shape, buffered=True))
        if shape == "arrow":
            result.read_arrow(None).__arrow_c_stream__()
        else:
            result.read_rows(None)
        result.close()
        return 0


def _rates(count: int, run: Callable[[], object]) -> str:
    rates = []
    for _ in range(RUNS):
        start = time.perf_counter()
        run()
        rates.append(count / (time.perf_counter() - start))
    low, middle, high = statistics.quantiles(rates, n=4)
    return f"{middle:,.0f} ({low:,.0f} to {high:,.0f})"


def main() -> None:
    """Measure and report."""
    figures: list[tuple[str, str]] = []
    engine = _Engine("embedded://")
    engine("CREATE TABLE t (a INT, b TINYINT, c DOUBLE, d BIGINT, e DATE)")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        with file.open("w") as out:
            out.writelines(
                f"{i},{i % 100},{i}.5,{i * 3},2024-01-{i % 28 + 1:02}\n" for i in range(ROWS)
            )

        def load() -> None:
            engine("TRUNCATE TABLE t")
            engine(f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE t FIELDS TERMINATED BY ','")

        figures.append(("LOAD DATA LOCAL, rows", _rates(ROWS, load)))
        for shape, words in (("arrow", "read as Arrow, rows"), ("rows", "read as tuples, rows")):
            figures.append(
                (words, _rates(ROWS, lambda shape=shape: engine("SELECT * FROM t", shape)))
            )

        engine("CREATE TABLE p (id INT PRIMARY KEY, s VARCHAR(20))")
        data = [(i, f"name {i}") for i in range(20_000)]
        with engine.connection.cursor() as cursor:

            def many() -> None:
                cursor.execute("TRUNCATE TABLE p")
                cursor.executemany("INSERT INTO p VALUES (%s, %s)", data)

            figures.append(("executemany INSERT, 2 columns, rows", _rates(len(data), many)))

        def points() -> None:
            for i in range(SINGLE):
                engine(f"SELECT s FROM p WHERE id = {i}")

        figures.append(("query by key, statements", _rates(SINGLE, points)))
        on_file = _Engine(f"embedded:///{folder}/bench.db")
        on_file("CREATE TABLE p (id INT PRIMARY KEY, s VARCHAR(20))")
        for place, where in ((engine, "in memory"), (on_file, "on a file")):

            def singles(place: _Engine = place) -> None:
                place("TRUNCATE TABLE p")
                for i in range(SINGLE):
                    place(f"INSERT INTO p VALUES ({i}, 'x')")

            figures.append((f"INSERT of one row {where}, statements", _rates(SINGLE, singles)))
        on_file.connection.close()
    engine("CREATE PROCEDURE count_to(n INT) AS DECLARE i INT = 0; "
           "BEGIN WHILE i < n LOOP i = i + 1; END LOOP; END")  # fmt: skip
    figures.append(
        ("loop of a procedure, turns", _rates(10_000, lambda: engine("CALL count_to(10000)")))
    )
    with _service() as url:
        for name in ("ROWDAT_1", "ARROW", "JSON"):
            engine(f"CREATE EXTERNAL FUNCTION {name}_f(a INT, b INT) RETURNS BIGINT "
                   f"AS REMOTE SERVICE '{url}' FORMAT {name}")  # fmt: skip
            sql = f"SELECT SUM({name}_f(a, b)) FROM t WHERE a < {CALLED}"
            rate = _rates(CALLED, lambda sql=sql: engine(sql))
            figures.append((f"external function, {name}, rows", rate))
    engine.connection.close()
    report.write(
        "embedded",
        TEXT.format(
            runs=RUNS,
            rows=ROWS,
            called=CALLED,
            table="\n".join(f"| {what} | {rate} |" for what, rate in figures),
            machine=report.machine(),
            versions=report.versions("singlestoredb-embedded", "duckdb", "pyarrow"),
        ),
    )


if __name__ == "__main__":
    main()
