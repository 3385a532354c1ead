"""``select 1``, executed and fetched: what the SDK adds to a statement, against PyMySQL."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import pymysql

import singlestoredb as s2

from . import report
from .replay import one_row, replay

ROUNDS = 31
STATEMENTS = 2_000

TEXT = """# Point queries

`select 1`, executed and fetched on an open connection and cursor, from a server that replays
prepared bytes. CPU time (user and system) of the client's process per statement, microseconds:
median of {rounds} rounds of {statements} statements, in turns, with the quartiles.

| client | µs | ratio to PyMySQL |
|---|---|---|
{rows}

Command: `python -m benchmarks point`. {machine}. {versions}.
"""


def _cpu(run: Callable[[], None]) -> float:
    gc.collect()
    start = time.process_time()
    run()
    return (time.process_time() - start) / STATEMENTS * 1e6


def main() -> None:
    """Measure and report."""
    with replay(one_row(b"1", b"1")) as port:
        options = {"host": "127.0.0.1", "port": port, "user": "u", "password": "p"}
        peer = pymysql.connect(**options, ssl_disabled=True)
        pure = s2.connect(
            host="127.0.0.1", port=port, user="u", password="p", ssl_disabled=True, pure_python=True
        )

        def run(cursor: object) -> Callable[[], None]:
            execute, fetchone = cursor.execute, cursor.fetchone  # type: ignore[attr-defined] # both have them

            def statements() -> None:
                for _ in range(STATEMENTS):
                    execute("select 1")
                    fetchone()

            return statements

        clients = {
            "PyMySQL": run(peer.cursor()),
            "singlestoredb, pure Python": run(pure.cursor("tuples")),
        }
        times: dict[str, list[float]] = {name: [] for name in clients}
        for _ in range(ROUNDS):
            for name, statements in clients.items():
                times[name].append(_cpu(statements))
        peer.close()
        pure.close()

    rows = []
    for name, values in times.items():
        ratios = [a / b for a, b in zip(values, times["PyMySQL"], strict=True)]
        rows.append(f"| {name} | {report.spread(values, 1)} | {report.spread(ratios)} |")
    report.write(
        "point",
        TEXT.format(
            rounds=ROUNDS,
            statements=STATEMENTS,
            rows="\n".join(rows),
            machine=report.machine(),
            versions=report.versions("singlestoredb", "PyMySQL"),
        ),
    )
