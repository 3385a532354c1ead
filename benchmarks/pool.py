"""What a pool's checkout costs, and how soon a cancelled statement ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pymysql
import sqlalchemy

import singlestoredb as s2
from singlestoredb.testing import MariaDB

from . import report
from .replay import one_row, replay

ROUNDS = 31
CHECKOUTS = 2_000
CANCELS = 51

TEXT = """# Pool and cancelling

A connection taken from a pool and returned. CPU time (user and system) of the client's process,
microseconds: median of {rounds} rounds of {checkouts} checkouts, in turns, with the quartiles. The
server replays prepared bytes. SQLAlchemy's `QueuePool` over PyMySQL is told not to roll back on
return, so that none of them sends anything; both pools are asked for the same: a usable connection.

| pool | checkout | ratio | with `select 1` |
|---|---|---|---|
{rows}

How soon a statement that sleeps for a minute on a private MariaDB ends, in milliseconds of wall
time: median of {cancels}, with the quartiles.

| what | ms |
|---|---|
{cancel_rows}

Command: `python -m benchmarks pool`. {machine}. {versions}.
"""


def _cpu(run: Callable[[], None]) -> float:
    start = time.process_time()
    for _ in range(CHECKOUTS):
        run()
    return (time.process_time() - start) / CHECKOUTS * 1e6


def _checkouts() -> dict[str, tuple[list[float], list[float]]]:
    with replay(one_row(b"1", b"1")) as port:
        options = {"host": "127.0.0.1", "port": port, "user": "u", "password": "p"}
        ours = s2.create_pool(
            f"mysql://u:p@127.0.0.1:{port}/?ssl_disabled=1", min_size=1, autocommit=None
        )
        ours.wait()
        engine = sqlalchemy.pool.QueuePool(
            lambda: pymysql.connect(**options, ssl_disabled=True), reset_on_return=None
        )

        def take_ours() -> None:
            with ours.connection():
                pass

        def use_ours() -> None:
            with ours.connection() as conn:
                cursor = conn.cursor()
                cursor.execute("select 1")
                cursor.fetchone()

        def take_theirs() -> None:
            engine.connect().close()

        def use_theirs() -> None:
            conn = engine.connect()
            cursor = conn.cursor()
            cursor.execute("select 1")
            cursor.fetchone()
            cursor.close()
            conn.close()

        times: dict[str, tuple[list[float], list[float]]] = {
            "SQLAlchemy and PyMySQL": ([], []),
            "singlestoredb": ([], []),
        }
        for _ in range(ROUNDS):
            times["SQLAlchemy and PyMySQL"][0].append(_cpu(take_theirs))
            times["singlestoredb"][0].append(_cpu(take_ours))
            times["SQLAlchemy and PyMySQL"][1].append(_cpu(use_theirs))
            times["singlestoredb"][1].append(_cpu(use_ours))
        ours.close()
        engine.dispose()
    return times


def _cancels() -> dict[str, list[float]]:
    found: dict[str, list[float]] = {
        "`cancel()` until the caller has the error": [],
        "end of `query_timeout` until the caller has the error": [],
    }
    from_cancel, from_deadline = found.values()
    with MariaDB() as server, s2.connect(server.url) as conn:
        for _ in range(CANCELS):
            began: list[float] = []

            def cancel(began: list[float] = began) -> None:
                began.append(time.perf_counter())
                conn.cancel()

            timer = threading.Timer(0.05, cancel)
            timer.start()
            with suppress(s2.OperationalError):
                conn.query("SELECT SLEEP(60)")
            from_cancel.append((time.perf_counter() - began[0]) * 1e3)
            timer.join()
            conn.query_timeout = 0.05
            start = time.perf_counter()
            with suppress(s2.OperationalError):
                conn.query("SELECT SLEEP(60)")
            from_deadline.append((time.perf_counter() - start - 0.05) * 1e3)
            conn.query_timeout = None
    return found


def main() -> None:
    """Measure and report."""
    times = _checkouts()
    base = times["SQLAlchemy and PyMySQL"][0]
    rows = []
    for name, (taken, used) in times.items():
        ratios = [a / b for a, b in zip(taken, base, strict=True)]
        rows.append(
            f"| {name} | {report.spread(taken, 1)} | {report.spread(ratios)} "
            f"| {report.spread(used, 1)} |"
        )
    cancels = [f"| {name} | {report.spread(values, 1)} |" for name, values in _cancels().items()]
    report.write(
        "pool",
        TEXT.format(
            rounds=ROUNDS,
            checkouts=CHECKOUTS,
            cancels=CANCELS,
            rows="\n".join(rows),
            cancel_rows="\n".join(cancels),
            machine=report.machine(),
            versions=report.versions("singlestoredb", "SQLAlchemy", "PyMySQL"),
        ),
    )
