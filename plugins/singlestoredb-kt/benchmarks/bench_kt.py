"""Client CPU of kt against a floor: a raw socket that sends ready-made bytes and reads the reply.

Both talk to the same built-in server (which runs in a process of its own, so that its CPU is not
counted), in short rounds that alternate; every figure is the median over the rounds, with the
quartiles as spread.  Run::

    python benchmarks/bench_kt.py [--rounds 15] [--output RESULTS.md]
"""

from __future__ import annotations

import argparse
import os
import platform
import socket
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from kt import EmbeddedServer, EmbeddedTokyoTyrantServer, KyotoTycoon, TokyoTyrant
from kt import _tycoon_binary as tycoon_wire
from kt import _tyrant_binary as tyrant_wire
from kt._tycoon_http import RpcRequests

OPERATIONS = 1500
BATCH = 100
BULK_ROUNDS = 40
KEY, VALUE = b"benchmark-key", b"v" * 32
DATA = {f"benchmark-{number:05}": "v" * 32 for number in range(BATCH)}


@dataclass
class Row:
    """One line of the result: what ran, and microseconds of client CPU and wall per operation."""

    name: str
    unit: int
    """Keys per call."""
    floor: Callable[[], None] | None
    run: Callable[[], None]
    calls: int = OPERATIONS
    floor_cpu: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)


class Floor:
    """The least a Python client can do: one send, then reads until the reply is complete."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def reply_size(self, request: bytes) -> int:
        """Return the size of the reply to a request, if it comes in one piece."""
        self.sock.sendall(request)
        return len(self.sock.recv(65536))

    def exchange(self, request: bytes, size: int) -> Callable[[], None]:
        """Return a call that sends a request and reads ``size`` bytes."""
        send, receive = self.sock.sendall, self.sock.recv

        def call() -> None:
            send(request)
            missing = size
            while missing > 0:
                missing -= len(receive(65536))

        return call


def measure(call: Callable[[], object], calls: int) -> tuple[float, float]:
    """Return CPU and wall time per call in microseconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(calls):
        call()
    return (
        1e6 * (time.process_time() - cpu) / calls,
        1e6 * (time.perf_counter() - wall) / calls,
    )


def tycoon_rows(client: KyotoTycoon, floor: Floor) -> list[Row]:
    """Return what is measured on Kyoto Tycoon."""
    pairs = [(key.encode(), value.encode()) for key, value in DATA.items()]
    keys = list(DATA)
    never = tycoon_wire.NEVER_WRITE
    record = 18 + len(pairs[0][0]) + len(VALUE)
    key, value = KEY.decode(), VALUE.decode()
    get = tycoon_wire.get_one(0, KEY)
    put = tycoon_wire.set_one(0, KEY, VALUE, never)
    fields = [(b"DB", b"0"), (b"key", KEY)]
    check_key = RpcRequests("127.0.0.1", client.port).build(b"check", fields)
    client.set(key, value)
    size = floor.reply_size(check_key)
    put_all = tycoon_wire.set_many(0, pairs, never)
    get_all = tycoon_wire.keys_message(tycoon_wire.GET_BULK, 0, [k for k, _ in pairs])
    return [
        Row("Kyoto Tycoon set", 1, floor.exchange(put, 5), lambda: check(client.set(key, value))),
        Row(
            "Kyoto Tycoon get",
            1,
            floor.exchange(get, 23 + len(KEY) + len(VALUE)),
            lambda: check(client.get(key)),
        ),
        Row(
            "Kyoto Tycoon exists (HTTP)",
            1,
            floor.exchange(check_key, size),
            lambda: check(client.exists(key)),
        ),
        Row("Kyoto Tycoon incr (HTTP)", 1, None, lambda: check(client.incr("counter"))),
        Row(
            f"Kyoto Tycoon set_bulk of {BATCH}",
            BATCH,
            floor.exchange(put_all, 5),
            lambda: check(client.set_bulk(DATA)),
            BULK_ROUNDS,
        ),
        Row(
            f"Kyoto Tycoon get_bulk of {BATCH}",
            BATCH,
            floor.exchange(get_all, 5 + BATCH * record),
            lambda: check(client.get_bulk(keys)),
            BULK_ROUNDS,
        ),
    ]


def tyrant_rows(client: TokyoTyrant, floor: Floor) -> list[Row]:
    """Return what is measured on Tokyo Tyrant."""
    keys = list(DATA)
    raw = [key.encode() for key in keys]
    key, value = KEY.decode(), VALUE.decode()
    items = [part for k, v in DATA.items() for part in (k.encode(), v.encode())]
    put_all = tyrant_wire.misc(b"putlist", items)
    size = 5 + BATCH * (8 + len(raw[0]) + len(VALUE))
    return [
        Row(
            "Tokyo Tyrant set",
            1,
            floor.exchange(tyrant_wire.put(tyrant_wire.PUT, KEY, VALUE), 1),
            lambda: check(client.set(key, value)),
        ),
        Row(
            "Tokyo Tyrant get",
            1,
            floor.exchange(tyrant_wire.on_key(tyrant_wire.GET, KEY), 5 + len(VALUE)),
            lambda: check(client.get(key)),
        ),
        Row(
            f"Tokyo Tyrant set_bulk of {BATCH}",
            BATCH,
            floor.exchange(put_all, 5),
            lambda: check(client.set_bulk(DATA)),
            BULK_ROUNDS,
        ),
        Row(
            f"Tokyo Tyrant get_bulk of {BATCH}",
            BATCH,
            floor.exchange(tyrant_wire.mget(raw), size),
            lambda: check(client.get_bulk(keys)),
            BULK_ROUNDS,
        ),
    ]


def check(result: object) -> None:
    """Check that the operation did something."""
    if not result:
        raise AssertionError("the benchmarked call returned nothing")


def run(rounds: int) -> list[Row]:
    """Measure everything."""
    with EmbeddedServer("builtin") as tycoon, EmbeddedTokyoTyrantServer("builtin") as tyrant:
        floors = [Floor(tycoon.client.port), Floor(tyrant.client.port)]
        rows = tycoon_rows(tycoon.client, floors[0]) + tyrant_rows(tyrant.client, floors[1])
        for number in range(rounds + 1):
            for row in rows:
                floor_cpu = measure(row.floor, row.calls)[0] if row.floor else None
                cpu, wall = measure(row.run, row.calls)
                if number == 0:
                    continue  # warm-up
                if floor_cpu is not None:
                    row.floor_cpu.append(floor_cpu)
                row.cpu.append(cpu)
                row.wall.append(wall)
        for floor in floors:
            floor.sock.close()
        return rows


def spread(values: list[float]) -> str:
    """Return median and quartiles."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def report(rows: list[Row], rounds: int) -> str:
    """Return the result as Markdown."""
    lines = [
        "# kt: client CPU against the raw-socket floor",
        "",
        f"`python benchmarks/bench_kt.py --rounds {rounds}`, Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, loopback, built-in "
        f"server in another process; medians of {rounds} alternating rounds, quartiles in "
        "brackets.",
        "",
        "| call | CPU, µs | floor CPU, µs | ratio | keys per CPU second | keys per second, wall |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        cpu, wall = statistics.median(row.cpu), statistics.median(row.wall)
        if row.floor_cpu:
            ratios = [a / b for a, b in zip(row.cpu, row.floor_cpu, strict=True)]
            floor, ratio = spread(row.floor_cpu), spread(ratios)
        else:
            floor = ratio = "-"
        lines.append(
            f"| {row.name} | {spread(row.cpu)} | {floor} | {ratio} | "
            f"{1e6 * row.unit / cpu:,.0f} | {1e6 * row.unit / wall:,.0f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--output", type=Path, help="write the Markdown here, too")
    options = parser.parse_args()
    text = report(run(options.rounds), options.rounds)
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
