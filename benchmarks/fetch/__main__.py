"""Measure clients in turns and write a report.

::

    python -m benchmarks.fetch --reference-python REF/bin/python --peers-python PEERS/bin/python

``REF`` is an environment with ``singlestoredb==1.18.1`` and what its formats need: its import
name is ours, so it runs in processes of its own.  ``PEERS`` has the other clients.  What is not
given or not installed is left out.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import random
import select
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from . import chart
from .data import DATASETS, Column, Dataset
from .replay import serve

MODES = {
    "arrow": ("ints", "mixed", "strings", "blobs", "vectors"),
    "tuples": ("ints", "mixed", "strings"),
    "pandas": ("ints", "mixed"),
    "polars": ("ints", "mixed"),
    "numpy": ("ints",),
    "point": ("point",),
    "connect": ("point",),
    "cold": ("point",),
    "import": ("point",),
    "tls": ("ints", "mixed"),
    "stream": ("mixed",),
    "stream_arrow": ("mixed",),
    "server": ("ints", "mixed", "strings"),
}
_ROW_CLIENTS = (
    "reference",
    "singlestoredb",
    "pymysql",
    "mysqlclient",
    "mysql-connector",
    "mariadb",
    "asyncmy",
    "aiomysql",
)
CLIENTS = {
    "arrow": ("floor", "reference", "singlestoredb", "connectorx"),
    "tuples": (
        "floor",
        *_ROW_CLIENTS,
        "singlestoredb pure",
        "reference pure",
        "mysql-connector pure",
    ),
    "pandas": ("reference", "singlestoredb", "connectorx", "pandas.read_sql"),
    "polars": (
        "reference",
        "singlestoredb",
        "connectorx",
        "polars.read_database_uri",
    ),
    "numpy": ("reference", "singlestoredb"),
    "point": ("floor", *_ROW_CLIENTS, "singlestoredb pure"),
    "connect": _ROW_CLIENTS,
    "cold": ("floor", "reference", "singlestoredb", "pymysql", "mysqlclient"),
    "import": (
        "floor",
        *_ROW_CLIENTS,
        "connectorx",
        "arrow-odbc",
        "polars.read_database_uri",
        "pandas.read_sql",
    ),
    "tls": ("tls floor", "singlestoredb"),
    "stream": ("reference", "singlestoredb", "pymysql", "mysqlclient"),
    "stream_arrow": ("singlestoredb",),
    "server": ("floor", "reference", "singlestoredb", "connectorx", "arrow-odbc", "mysqlclient"),
}
SLOW = {
    "pymysql",
    "aiomysql",
    "mysql-connector pure",
    "reference pure",
    "singlestoredb pure",
    "pandas.read_sql",
}
"""Clients whose rows are made in Python: they take part in fewer rounds."""
SLOW_ROUNDS = 1
PUREST = {"reference pure", "mysql-connector pure", "aiomysql"}
"""Slower still: of tuples they fetch the integers only."""
OURS = {"singlestoredb", "singlestoredb pure"}
TITLES = {
    "arrow": "Arrow table",
    "tuples": "list of tuples",
    "pandas": "pandas frame",
    "polars": "polars frame",
    "numpy": "numpy array",
    "point": "2000 point queries",
    "connect": "200 connections, no TLS",
    "cold": "import, connect and close: three processes",
    "import": "import: three processes",
    "tls": "Arrow table over TLS",
    "stream": "3 million rows, streamed as tuples",
    "stream_arrow": "3 million rows, streamed as Arrow",
    "server": "Arrow table (mysqlclient: tuples) from a real MariaDB",
}
RESULTS = Path(__file__).parents[1] / "results" / "fetch.md"
DEADLINE = 90
"""Seconds that a client may take for a job."""
STREAM_TIMES = 6
"""Streaming reads the mixed rows this many times over: 3 million rows."""


class Worker:
    """A client's process."""

    def __init__(self, name: str, port: int, python: str) -> None:
        self.name = name
        script = str(Path(__file__).with_name("worker.py"))
        self._process = subprocess.Popen(
            [python, "-W", "ignore", script, name, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, mode: str, sql: str) -> dict[str, Any]:
        """Run a job; return what was measured, or ``{"error": ...}``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if self._process.poll() is not None:
            return {"error": "the process ended"}
        self._process.stdin.write(json.dumps({"mode": mode, "sql": sql}) + "\n")
        self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], DEADLINE)[0]:
            self._process.kill()
            return {"error": f"no answer within {DEADLINE} s"}
        line = self._process.stdout.readline()
        return dict(json.loads(line)) if line else {"error": "the process ended"}

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        if self._process.poll() is None:
            self._process.stdin.close()
            self._process.wait(60)


def measure(
    mode: str, dataset: str, clients: list[str], port: int, pythons: dict[str, str], rounds: int
) -> dict[str, list[dict[str, Any]]]:
    """Take the clients in turns; the first round warms up and is dropped."""
    sql = DATASETS[dataset].sql
    if mode.startswith("stream"):
        # Measured cold, and once: memory that an earlier round left hides the peak.
        sql, rounds = f"REPEAT {STREAM_TIMES} {sql}", 0
    workers = [Worker(name, port, pythons.get(name, sys.executable)) for name in clients]
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in clients}
    try:
        for number in range(rounds + 1):
            for worker in workers:
                if worker.name in SLOW and number > SLOW_ROUNDS:
                    continue
                outcome = worker.run(mode, sql)
                if "error" in outcome:
                    if number == 0:
                        print(f"  {worker.name}: {outcome['error']}", file=sys.stderr)
                elif number or not rounds:
                    found[worker.name].append(outcome)
    finally:
        for worker in workers:
            worker.close()
    return {name: measured for name, measured in found.items() if measured}


def summary(found: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return a row of the report per client; ratios are medians of those within a round."""
    base = found.get("reference")
    floor = found.get("floor") or found.get("tls floor")

    def ratio(measured: list[dict[str, Any]], other: list[dict[str, Any]] | None, key: str) -> str:
        if not other:
            return "-"
        pairs = zip(measured, other, strict=False)
        return f"{statistics.median(a[key] / max(b[key], 1e-4) for a, b in pairs):.3f}"

    rows = []
    for name, measured in found.items():
        cpu = [m["cpu"] for m in measured]
        middle = statistics.median(cpu)
        rows.append(
            {
                "client": name,
                "cpu s": f"{middle:.4f}",
                "rounds": str(len(measured)),
                "spread": f"{(max(cpu) - min(cpu)) / middle * 100 if middle else 0:.0f} %",
                "cpu / reference": ratio(measured, base, "cpu"),
                "cpu / floor": ratio(measured, floor, "cpu"),
                "wall s": f"{statistics.median(m['wall'] for m in measured):.4f}",
                "wall / floor": ratio(measured, floor, "wall"),
                "peak MiB over idle": f"{max(m['peak'] for m in measured) / 1024:.0f}",
            }
        )
    return rows


def table(title: str, rows: list[dict[str, Any]]) -> str:
    """Return rows as a Markdown table."""
    names = list(rows[0]) if rows else ["client"]
    lines = [
        f"### {title}",
        "",
        f"| {' | '.join(names)} |",
        f"|---|{'---:|' * (len(names) - 1)}",
        *(f"| {' | '.join(row.values())} |" for row in rows),
    ]
    return "\n".join([*lines, ""])


def load(url: str) -> None:
    """Fill a real server with what the other one replays."""
    import singlestoredb as s2

    with s2.connect(url, local_infile=True) as conn, conn.cursor() as cursor:
        cursor.execute("SET GLOBAL local_infile = 1")
        cursor.execute("CREATE DATABASE bench")
        cursor.execute("CREATE USER bench@'%' IDENTIFIED BY 'bench'")
        cursor.execute("GRANT ALL ON bench.* TO bench@'%'")
        for name in MODES["server"]:
            dataset = DATASETS[name]
            columns = ", ".join(f"{c.name} {declared(c)}" for c in dataset.columns)
            cursor.execute(f"CREATE TABLE bench.bench_{name} ({columns}) CHARSET utf8mb4")
            cursor.execute(
                f"LOAD DATA LOCAL INFILE ':stream:' INTO TABLE bench.bench_{name}",
                infile_stream=lines_of(dataset),
            )


def declared(column: Column) -> str:
    """Return the SQL type of a column."""
    kinds = {1: "TINYINT", 3: "INT", 5: "DOUBLE", 8: "BIGINT", 10: "DATE", 12: "DATETIME"}
    if column.code == 246:
        return f"DECIMAL({column.length - 2},{column.decimals})"
    return kinds.get(column.code) or ("TEXT" if column.code == 252 else "VARCHAR(40)")


def lines_of(dataset: Dataset) -> Iterator[bytes]:
    """Return a data set as LOAD DATA reads it; its text has no tabs, backslashes or newlines."""
    source = random.Random(dataset.name)
    lines = []
    for number in range(dataset.rows):
        cells = dataset.cells(source, number)
        lines.append(b"\t".join([b"\\N" if cell is None else cell for cell in cells]) + b"\n")
        if len(lines) == 5000:
            yield b"".join(lines)
            lines.clear()
    yield b"".join(lines)


@contextmanager
def real_server() -> Iterator[int]:
    """Run a MariaDB with the data sets; gives its port."""
    from singlestoredb.testing import MariaDB

    with MariaDB(args=["--innodb-buffer-pool-size=2G"]) as server:
        load(server.url)
        yield server.port


@contextmanager
def replay_server(names: list[str]) -> Iterator[list[int]]:
    """Run the replay server; gives its ports, without and with TLS."""
    from singlestoredb.testing.servers import _make_certificate

    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        certificate = Path(folder, "cert.pem"), Path(folder, "key.pem")
        _make_certificate(*certificate)
        ours, theirs = context.Pipe()
        arguments = (names, tuple(map(str, certificate)), theirs)
        server = context.Process(target=serve, args=arguments, daemon=True)
        server.start()
        try:
            yield ours.recv()
        finally:
            ours.send(None)
            server.join(10)


def report(found: list[dict[str, Any]], pythons: dict[str, str]) -> str:
    """Return the report on everything that was measured."""
    lines = [
        "# Fetching: what it costs clients",
        "",
        "![CPU of clients](fetch.svg)",
        "",
        "Clients read the same recorded bytes from a server that costs nothing; see "
        "`python -m benchmarks.fetch --help`.  `make bench` makes this report, with environments "
        "for the peers, and the chart.",
        "",
        f"{_cpu_model()}, {multiprocessing.cpu_count()} CPUs, {platform.system()} "
        f"{platform.release().split('-')[0]}, Python {platform.python_version()}; load "
        f"{os.getloadavg()[1]:.1f} over the last five minutes, so read ratios.",
        "Medians, clients in turns after a round that warms up; ratios are the median of those "
        "within a round.  Spread is (largest - smallest) / median.  CPU is user + system of the "
        "client's whole process.",
        "",
        "The floor receives and drops the bytes; of imports and first connections it is Python by "
        "itself; the TLS floor decrypts by a MemoryBIO and drops the bytes.",
        "",
        "Versions: " + ", ".join(versions(pythons)) + ".",
        "",
    ]
    for part in found:
        title = f"{TITLES[part['mode']]}: {part['dataset']}"
        lines.append(table(title, part["clients"]))
    return "\n".join(lines)


def versions(pythons: dict[str, str]) -> list[str]:
    """Return the clients' distributions and versions."""
    program = (
        "from importlib.metadata import version, PackageNotFoundError\n"
        "for name in %r:\n"
        "    try: print(name, version(name))\n"
        "    except PackageNotFoundError: pass\n"
    )
    peers = ["pymysql", "mysqlclient", "mysql-connector-python", "mariadb", "asyncmy", "aiomysql"]
    peers += ["connectorx", "arrow-odbc", "polars", "pandas", "pyarrow", "SQLAlchemy"]
    wanted = {
        sys.executable: ["singlestoredb", "pyarrow", "pandas", "polars", "numpy"],
        pythons.get("reference", ""): ["singlestoredb", "pyarrow", "pandas", "polars", "numpy"],
        pythons.get("connectorx", ""): peers,
    }
    out = []
    for python, names in wanted.items():
        if python:
            done = subprocess.run(
                [python, "-c", program % names],
                cwd="/",
                capture_output=True,
                text=True,
                check=True,
            )
            label = "reference: " if python == pythons.get("reference") else ""
            out.append(label + ", ".join(done.stdout.split("\n")[:-1]))
    return out


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def environments() -> list[str]:
    """Return the arguments that name the environments that ``scripts/bench`` makes, if it did."""
    root = Path(__file__).parents[2] / "build" / "bench"
    arguments = []
    for option in ("reference", "peers"):
        python = root / option / "bin" / "python"
        if python.exists():
            arguments += [f"--{option}-python", str(python)]
    return arguments


def main(arguments: list[str] | None = None) -> None:
    """Run with the arguments of the command line, or others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reference-python", help="Python that has singlestoredb==1.18.1")
    parser.add_argument("--peers-python", help="Python that has the other clients")
    parser.add_argument("--modes", nargs="+", default=list(MODES), choices=list(MODES))
    parser.add_argument("--datasets", nargs="+", default=list(DATASETS), choices=list(DATASETS))
    parser.add_argument("--clients", nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--add", action="store_true", help="keep what is not measured anew of the last report"
    )
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the report goes")
    parser.add_argument(
        "--draw", action="store_true", help="only write the report and the chart again"
    )
    options = parser.parse_args(arguments)

    pythons = {}
    if options.reference_python:
        pythons |= dict.fromkeys(("reference", "reference pure"), options.reference_python)
    if options.peers_python:
        others = {name for names in CLIENTS.values() for name in names} - OURS - set(pythons)
        pythons |= dict.fromkeys(others, options.peers_python)
    found: list[dict[str, Any]]
    if options.draw:
        found = json.loads(options.output.with_suffix(".json").read_text())
        options.output.write_text(report(found, pythons))
        chart.draw(found, options.output)
        return
    pairs = [(m, d) for m in options.modes for d in MODES[m] if d in options.datasets]
    raw = options.output.with_suffix(".json")
    found = []
    if options.add and raw.exists():
        found = json.loads(raw.read_text())
    real = 0
    with ExitStack() as stack:
        plain, tls = stack.enter_context(replay_server(sorted({d for _, d in pairs})))
        for mode, dataset in pairs:
            port = tls if mode == "tls" else plain
            if mode == "server":
                real = real or stack.enter_context(real_server())
                port = real
            clients = [
                name
                for name in CLIENTS[mode]
                if (not options.clients or name in options.clients)
                and not (name in PUREST and dataset != "ints" and mode == "tuples")
                and (not name.startswith("reference") or options.reference_python)
            ]
            rows = summary(measure(mode, dataset, clients, port, pythons, options.rounds))
            print(table(f"{mode}: {dataset}", rows), flush=True)
            found = [f for f in found if (f["mode"], f["dataset"]) != (mode, dataset)]
            found.append({"mode": mode, "dataset": dataset, "clients": rows})
            found.sort(key=lambda f: list(MODES).index(f["mode"]))
            raw.write_text(json.dumps(found, indent=1))
            options.output.write_text(report(found, pythons))

    try:
        chart.draw(found, options.output)
    except ImportError:
        print("no chart was drawn: pip install matplotlib", file=sys.stderr)


if __name__ == "__main__":
    main()
