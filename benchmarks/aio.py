"""Clients on an event loop: a point query, 100,000 rows, and a pool's checkout.

::

    python -m benchmarks.aio

Needs ``asyncmy`` and ``aiomysql``, which nothing else here does: ``pip install asyncmy aiomysql``.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import aiomysql  # type: ignore[import-not-found, import-untyped, unused-ignore]
import asyncmy  # type: ignore[import-not-found, import-untyped, unused-ignore]

import singlestoredb as s2

from . import report
from .fetch.data import DATASETS
from .fetch.replay import serve

ROUNDS = 15
STATEMENTS = 1_000
CHECKOUTS = 2_000

DATASETS["mixed"] = replace(DATASETS["mixed"], rows=100_000)

Run = Callable[[], Awaitable[Any]]

TEXT = """# On an event loop

CPU time (user and system) of the client's process, from a server that replays prepared bytes.
Median of {rounds} rounds, the clients in turns, with the quartiles. "Ratio" is to aiomysql in the
same round.

{tables}
* Point query: `{point}`, executed and its row fetched, in a new cursor each;
  {statements} to a round.
* Rows: {rows} rows of {columns} columns (numbers, decimals, dates and text), received and made
  tuples. singlestoredb gives other tasks their turn every 2,000 rows.
* Checkout: a connection of a pool that has one, lent and returned; {checkouts} to a round.

Command: `python -m benchmarks.aio`. {machine}. {versions}.
"""


class Ours:
    """This SDK."""

    def __init__(self, port: int, **more: Any) -> None:
        self.options: dict[str, Any] = {
            "host": f"mysql://bench:bench@127.0.0.1:{port}/bench",
            "ssl_disabled": True,
            **more,
        }

    async def open(self) -> None:
        self.conn = await s2.aconnect(**self.options)
        self.pool = await s2.create_async_pool(**self.options, min_size=1, max_size=1)

    async def point(self, sql: str) -> None:
        conn = self.conn
        for _ in range(STATEMENTS):
            async with conn.cursor("tuples") as cursor:
                await cursor.execute(sql)
                await cursor.fetchone()

    async def fetch(self, sql: str) -> int:
        async with self.conn.cursor("tuples") as cursor:
            await cursor.execute(sql)
            return len(await cursor.fetchall())

    async def checkout(self) -> None:
        pool = self.pool
        for _ in range(CHECKOUTS):
            async with pool.connection():
                pass

    async def close(self) -> None:
        await self.pool.close()
        await self.conn.close()


class Peer:
    """asyncmy or aiomysql, which share an interface."""

    def __init__(self, module: Any, port: int) -> None:
        self.module = module
        self.options = {
            "host": "127.0.0.1",
            "port": port,
            "user": "bench",
            "password": "bench",
            "db": "bench",
            "charset": "utf8mb4",
        }

    async def open(self) -> None:
        self.conn = await self.module.connect(**self.options)
        self.pool = await self.module.create_pool(minsize=1, maxsize=1, **self.options)

    async def point(self, sql: str) -> None:
        conn = self.conn
        for _ in range(STATEMENTS):
            async with conn.cursor() as cursor:
                await cursor.execute(sql)
                await cursor.fetchone()

    async def fetch(self, sql: str) -> int:
        async with self.conn.cursor() as cursor:
            await cursor.execute(sql)
            return len(await cursor.fetchall())

    async def checkout(self) -> None:
        pool = self.pool
        for _ in range(CHECKOUTS):
            async with pool.acquire():
                pass

    async def close(self) -> None:
        self.pool.close()
        await self.pool.wait_closed()
        self.conn.close()


async def _cpu(run: Run) -> float:
    gc.collect()
    start = time.process_time()
    await run()
    return time.process_time() - start


async def measure(port: int) -> str:
    """Measure and return the tables."""
    point, mixed = DATASETS["point"], DATASETS["mixed"]
    clients: dict[str, Any] = {
        "aiomysql": Peer(aiomysql, port),
        "asyncmy": Peer(asyncmy, port),
        "singlestoredb": Ours(port),
        "singlestoredb, pure Python": Ours(port, pure_python=True),
    }
    for client in clients.values():
        await client.open()
    jobs: dict[str, tuple[Callable[[Any], Run], float, str]] = {
        "Point query": (lambda c: lambda: c.point(point.sql), 1e6 / STATEMENTS, "µs"),
        "Rows": (lambda c: lambda: c.fetch(mixed.sql), 1e3, "ms"),
        "Checkout": (lambda c: c.checkout.__get__(c), 1e6 / CHECKOUTS, "µs"),
    }
    times: dict[str, dict[str, list[float]]] = {job: {name: [] for name in clients} for job in jobs}
    for job, (make, factor, _) in jobs.items():
        for client in clients.values():
            await make(client)()
        for _ in range(ROUNDS):
            for name, client in clients.items():
                times[job][name].append(await _cpu(make(client)) * factor)
    for client in clients.values():
        await client.close()

    tables = []
    for job, (_, _, unit) in jobs.items():
        lines = [f"| {job} | {unit} | ratio |", "|---|---|---|"]
        for name, values in times[job].items():
            ratios = [a / b for a, b in zip(values, times[job]["aiomysql"], strict=True)]
            lines.append(f"| {name} | {report.spread(values, 1)} | {report.spread(ratios)} |")
        tables.append("\n".join(lines) + "\n")
    return "\n".join(tables)


def main() -> None:
    """Measure and report."""
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("fork")
    server = context.Process(target=serve, args=(["point", "mixed"], theirs), daemon=True)
    server.start()
    try:
        tables = asyncio.run(measure(ours.recv()))
    finally:
        server.terminate()
        server.join(5)
    mixed = DATASETS["mixed"]
    report.write(
        "aio",
        TEXT.format(
            rounds=ROUNDS,
            tables=tables,
            point=DATASETS["point"].sql,
            statements=STATEMENTS,
            rows=f"{mixed.rows:,}",
            columns=len(mixed.columns),
            checkouts=CHECKOUTS,
            machine=report.machine(),
            versions=report.versions("singlestoredb", "asyncmy", "aiomysql"),
        ),
    )


if __name__ == "__main__":
    main()
