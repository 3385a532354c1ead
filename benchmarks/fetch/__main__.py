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
import platform
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from .data import DATASETS
from .replay import serve

MODES = {
    "arrow": ("ints", "mixed", "strings", "blobs", "vectors"),
    "tuples": ("ints", "mixed", "strings"),
    "pandas": ("ints", "mixed"),
    "polars": ("ints", "mixed"),
    "numpy": ("ints",),
    "point": ("point",),
    "connect": ("point",),
    "stream": ("mixed",),
    "stream_arrow": ("mixed",),
}
CLIENTS = {
    "arrow": ("floor", "reference", "singlestoredb", "connectorx"),
    "tuples": (
        "floor",
        "reference",
        "singlestoredb",
        "singlestoredb pure",
        "pymysql",
        "mysqlclient",
        "asyncmy",
    ),
    "pandas": ("reference", "singlestoredb", "connectorx"),
    "polars": ("reference", "singlestoredb", "connectorx"),
    "numpy": ("reference", "singlestoredb"),
    "point": ("floor", "reference", "singlestoredb", "pymysql", "mysqlclient", "asyncmy"),
    "connect": ("reference", "singlestoredb", "pymysql", "mysqlclient", "asyncmy"),
    "stream": ("reference", "singlestoredb"),
    "stream_arrow": ("singlestoredb",),
}
RESULTS = Path(__file__).parents[1] / "results" / "fetch.md"
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
        self._process.stdin.write(json.dumps({"mode": mode, "sql": sql}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        return dict(json.loads(line)) if line else {"error": "the process ended"}

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


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


def table(title: str, found: dict[str, list[dict[str, Any]]]) -> str:
    """Return a Markdown table: CPU and wall seconds, and ratios to the reference."""
    base = found.get("reference")
    lines = [
        f"### {title}",
        "",
        "| client | cpu s | spread | cpu / reference | wall s | peak MiB over idle |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, measured in found.items():
        cpu = [m["cpu"] for m in measured]
        ratio = "-"
        if base:
            ratio = f"{statistics.median(cpu) / statistics.median(m['cpu'] for m in base):.3f}"
        middle = statistics.median(cpu)
        spread = (max(cpu) - min(cpu)) / middle * 100 if middle else 0
        wall = statistics.median(m["wall"] for m in measured)
        peak = max(m["peak"] for m in measured) / 1024
        lines.append(
            f"| {name} | {middle:.4f} | {spread:.0f} % | {ratio} | {wall:.4f} | {peak:.0f} |"
        )
    return "\n".join([*lines, ""])


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def main(arguments: list[str] | None = None) -> None:
    """Run with the arguments of the command line, or others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reference-python", help="Python that has singlestoredb==1.18.1")
    parser.add_argument("--peers-python", help="Python that has the other clients")
    parser.add_argument("--modes", nargs="+", default=list(MODES), choices=list(MODES))
    parser.add_argument("--datasets", nargs="+", default=list(DATASETS), choices=list(DATASETS))
    parser.add_argument("--clients", nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the report goes")
    options = parser.parse_args(arguments)

    pythons = {}
    if options.reference_python:
        pythons["reference"] = options.reference_python
    if options.peers_python:
        for name in ("floor", "pymysql", "mysqlclient", "asyncmy", "connectorx"):
            pythons[name] = options.peers_python
    pairs = [(m, d) for m in options.modes for d in MODES[m] if d in options.datasets]
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(
        target=serve, args=(sorted({d for _, d in pairs}), theirs), daemon=True
    )
    server.start()
    port = ours.recv()
    report = [
        "# Fetching: CPU of clients",
        "",
        "Clients read the same recorded bytes from a server that costs nothing; see "
        "`python -m benchmarks.fetch --help`.",
        "",
        f"{_cpu_model()}, {multiprocessing.cpu_count()} CPUs, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}.",
        "Median of the rounds, clients in turns; spread is (largest - smallest) / median.",
        "CPU is user + system of the client's whole process.  `point` is 2000 queries, `connect` "
        "200 connections, `stream` 3 million rows in a cold process, measured once.",
        "",
    ]
    for mode, dataset in pairs:
        clients = [
            name
            for name in CLIENTS[mode]
            if (not options.clients or name in options.clients)
            and (name != "reference" or options.reference_python)
        ]
        text = table(
            f"{mode}: {dataset}",
            measure(mode, dataset, clients, port, pythons, options.rounds),
        )
        print(text, flush=True)
        report.append(text)
    ours.send(None)
    server.join(10)
    options.output.write_text("\n".join(report))


if __name__ == "__main__":
    main()
