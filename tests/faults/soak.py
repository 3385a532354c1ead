"""Many threads over a small pool, with faults all the while, and every answer checked.

``make soak`` runs it and writes ``benchmarks/results/soak.md``.  50 threads share 10 connections
that pass a fault proxy.  Every answer carries what only its question can know; every INSERT is
entered in a ledger, which the table must agree with at the end.  Descriptors, threads, objects and
memory are counted after a warm-up and at the end, with the pool closed both times.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import datetime
import gc
import itertools
import os
import platform
import random
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import singlestoredb as s2
from singlestoredb.testing import Fault, FaultProxy, MariaDB

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "soak.md"

FAULTS: tuple[tuple[Fault, dict[str, Any]], ...] = (
    (Fault.CUT, {}),
    (Fault.CUT, {"at": 2}),
    (Fault.CUT, {"at": 5}),
    (Fault.RESET, {}),
    (Fault.RESET, {"at": 5}),
    (Fault.HALF_CLOSE, {}),
    (Fault.BLACK_HOLE, {}),
    (Fault.BLACK_HOLE, {"at": 3}),
    (Fault.DROP, {}),
    (Fault.DUPLICATE, {}),
    (Fault.REORDER, {}),
    (Fault.SEQUENCE, {}),
    (Fault.EXTRA, {}),
    (Fault.SLICE, {}),
    (Fault.DELAY, {"seconds": 0.02}),
    (Fault.COALESCE, {}),
)


SENT, ACKNOWLEDGED, ROLLED_BACK = 1, 2, 4
"""What the ledger knows of a number."""

MOST_GROWTH = 1 << 20
"""Bytes by which the resident memory may differ: malloc's own ups and downs."""


class Soak:
    """Runs over one server and one ledger, which takes as much memory at the end as at first."""

    def __init__(self, server: MariaDB, threads: int, size: int, seed: int, most: int) -> None:
        self.server = server
        self.threads = threads
        self.size = size
        self.seed = seed
        self.numbers = itertools.count(1)
        self.done: Counter[str] = Counter()
        """What became of statements, by kind."""
        self.errors: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.struck = 0
        self.ledger = bytearray(most + 1)
        self._lock = threading.Lock()

    def run(self, statements: int) -> None:
        """Run so many statements, and close everything."""
        with FaultProxy(self.server.port) as proxy:
            left = itertools.count(statements, -1)
            pool = s2.create_pool(
                proxy.url(self.server.url),
                min_size=0,
                max_size=self.size,
                timeout=60,
                query_timeout=0.5,
                connect_timeout=5,
            )
            over = threading.Event()
            injector = threading.Thread(target=self._inject, args=(proxy, over))
            workers = [
                threading.Thread(target=self._work, args=(pool, left, self.seed * 1000 + n))
                for n in range(self.threads)
            ]
            for thread in (injector, *workers):
                thread.start()
            for thread in workers:
                thread.join()
            over.set()
            injector.join()
            size = pool.get_stats()["pool_size"]
            if size > self.size:
                self.wrong.append(f"the pool has {size} connections, not {self.size} at most")
            pool.close()

    def _inject(self, proxy: FaultProxy, over: threading.Event) -> None:
        chance = random.Random(self.seed)
        while not over.wait(chance.uniform(0.005, 0.03)):
            fault, options = chance.choice(FAULTS)
            armed = proxy.arm(fault, packet=chance.randrange(12), **options)
            armed.fired.wait(0.2)
            proxy.disarm()
            self.struck += armed.fired.is_set()

    def _work(self, pool: Any, left: Any, seed: int) -> None:
        chance = random.Random(seed)
        while next(left) > 0:
            kind = chance.choice(("point", "point", "rows", "stream", "insert", "rollback"))
            try:
                with pool.connection() as conn:
                    getattr(self, f"_{kind}")(conn, next(self.numbers))
                said = "answered"
            except s2.Error as exc:
                said = "failed"
                with self._lock:
                    self.errors[f"{type(exc).__name__} {exc.errno}"] += 1
            with self._lock:
                self.done[said] += 1

    def _expect(self, what: str, found: Any, expected: Any) -> None:
        if found != expected:
            with self._lock:
                self.wrong.append(f"{what}: {found!r:.80} in place of {expected!r:.80}")

    def _point(self, conn: s2.Connection, number: int) -> None:
        self._expect("point", conn.execute("SELECT %s", [number]).fetchall(), [(number,)])

    def _rows(self, conn: s2.Connection, number: int) -> None:
        found = conn.execute("SELECT seq, %s FROM seq_1_to_50", [number]).fetchall()
        self._expect("rows", found, [(n, number) for n in range(1, 51)])

    def _stream(self, conn: s2.Connection, number: int) -> None:
        sql = "SELECT seq, %s FROM seq_1_to_500"
        cursor = conn.cursor("tuples", buffered=False)
        cursor.execute(sql, [number])
        expected = [(n, number) for n in range(1, 501)]
        self._expect("stream", cursor.fetchall(), expected)

    def _insert(self, conn: s2.Connection, number: int) -> None:
        self.ledger[number] = SENT
        conn.query("INSERT INTO ledger VALUES (%s)", [number])
        self.ledger[number] |= ACKNOWLEDGED

    def _rollback(self, conn: s2.Connection, number: int) -> None:
        self.ledger[number] = ROLLED_BACK
        conn.begin()
        conn.query("INSERT INTO ledger VALUES (%s)", [number])
        conn.rollback()

    @property
    def entered(self) -> int:
        """Rows that the server has acknowledged."""
        return sum(bool(known & ACKNOWLEDGED) for known in self.ledger)

    def check(self) -> None:
        """Compare the ledger with the table."""
        with s2.connect(self.server.url) as conn:
            end = time.monotonic() + 30
            while time.monotonic() < end:  # sessions that were cut off are still rolled back
                sql = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = %s"
                if conn.execute(sql, [self.server.user]).fetchall() == [(1,)]:
                    break
                time.sleep(0.1)
            found = bytearray(len(self.ledger))
            with conn.cursor("tuples", buffered=False) as cursor:
                cursor.execute("SELECT id FROM ledger")
                for (number,) in cursor:
                    found[number] += 1
        wrong: dict[str, list[int]] = {}
        for number, (known, times) in enumerate(zip(self.ledger, found, strict=True)):
            if known & ACKNOWLEDGED and not times:
                wrong.setdefault("acknowledged and not there", []).append(number)
            elif times and not known & SENT:
                what = "there and rolled back" if known else "there and never sent"
                wrong.setdefault(what, []).append(number)
            elif times > 1:
                wrong.setdefault("there more than once", []).append(number)
        self.wrong += [f"{len(rows)} rows {what}: {rows[:5]}" for what, rows in wrong.items()]


class Counts:
    """What a process holds."""

    def __init__(self) -> None:
        for _ in range(3):
            gc.collect()
        end = time.monotonic() + 20
        while threading.active_count() > 2 and time.monotonic() < end:
            time.sleep(0.05)  # those that cancel end by themselves
        self.descriptors = len(os.listdir("/proc/self/fd"))
        self.threads = threading.active_count()
        kinds = Counter(type(found).__module__ for found in gc.get_objects())
        self.objects = sum(n for kind, n in kinds.items() if kind.startswith("singlestoredb"))
        # What malloc keeps for later is no leak: 50 threads leave holes that it may fill.
        with contextlib.suppress(AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
        with open("/proc/self/statm") as file:
            self.rss = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> int:
    """Run it, and write what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--statements", type=int, default=200_000)
    parser.add_argument("--warm-up", type=int, default=50_000, help="statements before counting")
    parser.add_argument("--threads", type=int, default=50)
    parser.add_argument("--size", type=int, default=10, help="of the pool")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dry", action="store_true", help="write nothing")
    options = parser.parse_args()
    with MariaDB() as server, contextlib.ExitStack() as stack:
        with s2.connect(server.url) as conn:
            conn.query("CREATE TABLE ledger (id INT, KEY (id)) ENGINE=InnoDB")
        most = options.warm_up + options.statements + 2 * options.threads
        soak = Soak(server, options.threads, options.size, options.seed, most)
        stack.callback(soak.check)
        soak.run(options.warm_up)
        soak.check()
        before = Counts()
        soak.done.clear()
        soak.errors.clear()
        soak.struck = 0
        start = time.monotonic()
        soak.run(options.statements)
        wall = time.monotonic() - start
        soak.check()
        after = Counts()
        stack.pop_all()
    lines = [
        "# Soak",
        "",
        "<!-- Written by `make soak`. -->",
        "",
        f"`MALLOC_ARENA_MAX=1 python -m tests.faults.soak --statements {options.statements} "
        f"--seed {options.seed}`, "
        f"{datetime.date.today()}, {platform.machine()} with {os.cpu_count()} processors, Python "
        f"{platform.python_version()}: {options.threads} threads over a pool of {options.size}, "
        f"after a warm-up of {options.warm_up}.",
        "",
        "| what | |",
        "|---|---|",
        f"| units of work, of 1 to 3 statements | {sum(soak.done.values())} in {wall:.0f} s |",
        f"| answered, every answer checked | {soak.done['answered']} |",
        f"| failed with an error of PEP 249 | {soak.done['failed']} |",
        f"| faults that struck | {soak.struck} |",
        f"| rows entered in the ledger and found | {soak.entered} |",
        f"| wrong answers, lost or unasked rows | {len(soak.wrong)} |",
        "",
        "| held, pool closed | after the warm-up | at the end |",
        "|---|---|---|",
        f"| descriptors | {before.descriptors} | {after.descriptors} |",
        f"| threads | {before.threads} | {after.threads} |",
        f"| objects of the SDK | {before.objects} | {after.objects} |",
        f"| resident memory, free memory given back | {before.rss >> 10} KiB "
        f"| {after.rss >> 10} KiB |",
        "",
        "Errors: " + ", ".join(f"{name}: {n}" for name, n in soak.errors.most_common()) + ".",
    ]
    print("\n".join([*lines, *soak.wrong[:20]]))  # noqa: T201 - a program's output
    if not options.dry:
        RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    held = (
        after.descriptors > before.descriptors
        or after.threads > before.threads
        or after.objects > before.objects
        or after.rss > before.rss + MOST_GROWTH
    )
    return 1 if soak.wrong or held else 0


if __name__ == "__main__":
    sys.exit(main())
