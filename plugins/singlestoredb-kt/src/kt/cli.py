"""Command line: ``kt get|set|del|ls|stat|bench``.

Exit status: 0 done; 1 a key does not exist; 2 wrong usage, or the server failed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from .embedded import EmbeddedServer, EmbeddedTokyoTyrantServer
from .exceptions import KyotoTycoonError
from .serializers import KT_NONE
from .tycoon import KyotoTycoon
from .tyrant import TokyoTyrant

BULK = 100
"""Keys per bulk call of the benchmark."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kt", description="Talk to a Kyoto Tycoon or Tokyo Tyrant server."
    )
    parser.add_argument("--host", default="127.0.0.1", help="server (default: %(default)s)")
    parser.add_argument("--port", type=int, default=1978, help="TCP port (default: %(default)s)")
    parser.add_argument("--timeout", type=float, default=10.0, metavar="SECONDS")
    parser.add_argument("--db", type=int, help="database index of Kyoto Tycoon (default: 0)")
    parser.add_argument("--tyrant", action="store_true", help="the server is Tokyo Tyrant")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    get = commands.add_parser("get", help="print values, one per line")
    get.add_argument("keys", nargs="+", metavar="KEY")
    put = commands.add_parser("set", help="store a value")
    put.add_argument("key", metavar="KEY")
    put.add_argument("value", metavar="VALUE", help="- reads standard input")
    put.add_argument("--expire", type=int, metavar="SECONDS", help="Kyoto Tycoon only")
    remove = commands.add_parser("del", help="remove keys")
    remove.add_argument("keys", nargs="+", metavar="KEY")
    ls = commands.add_parser("ls", help="list keys")
    ls.add_argument("prefix", nargs="?", default="", metavar="PREFIX")
    ls.add_argument("--limit", type=int, metavar="N", help="at most so many")
    stat = commands.add_parser("stat", help="print what the server tells about the database")
    stat.add_argument("--report", action="store_true", help="about the whole server")
    bench = commands.add_parser("bench", help="time set, get and bulk calls (writes kt-bench-*)")
    bench.add_argument("-n", "--count", type=int, default=10_000, metavar="N", help="keys")
    bench.add_argument("--embedded", action="store_true", help="on a server of its own")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.tyrant and options.db is not None:
        parser.error("a Tokyo Tyrant server has one database: leave --db out")
    if options.tyrant and getattr(options, "expire", None) is not None:
        parser.error("records of Tokyo Tyrant do not expire: leave --expire out")
    try:
        with ExitStack() as stack:
            return _COMMANDS[options.command](_client(options, stack), options)
    except (KyotoTycoonError, ValueError) as exc:
        sys.stderr.write(f"kt: {exc}\n")
        return 2
    except BrokenPipeError:
        # The reader of a pipe has seen enough; keep the interpreter's last flush from complaining.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _client(options: argparse.Namespace, stack: ExitStack) -> KyotoTycoon | TokyoTyrant:
    host, port = options.host, options.port
    if getattr(options, "embedded", False):
        server = EmbeddedTokyoTyrantServer() if options.tyrant else EmbeddedServer()
        server.run()
        stack.callback(server.stop)
        host, port = server.host, server.port
    client: KyotoTycoon | TokyoTyrant
    if options.tyrant:
        client = TokyoTyrant(host, port, KT_NONE, decode_keys=False, timeout=options.timeout)
    else:
        client = KyotoTycoon(host, port, KT_NONE, decode_keys=False, timeout=options.timeout)
        client.set_database(options.db or 0)
    stack.callback(client.close_all)
    return client


def _write(line: bytes) -> None:
    """Print a line; on a terminal, control bytes as escapes, since they could command it."""
    if sys.stdout.isatty():
        text = line.decode("utf-8", "backslashreplace")
        line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text).encode()
    sys.stdout.buffer.write(line + b"\n")


def _get(client: KyotoTycoon | TokyoTyrant, options: argparse.Namespace) -> int:
    missing = 0
    for key in options.keys:
        value = client.get_bytes(os.fsencode(key))
        if value is None:
            sys.stderr.write(f"kt: no key {key!r}\n")
            missing = 1
        else:
            _write(value)
    sys.stdout.buffer.flush()
    return missing


def _set(client: KyotoTycoon | TokyoTyrant, options: argparse.Namespace) -> int:
    key = os.fsencode(options.key)
    value = sys.stdin.buffer.read() if options.value == "-" else os.fsencode(options.value)
    if isinstance(client, KyotoTycoon):
        stored = client.set_bytes(key, value, expire_time=options.expire) == 1
    else:
        stored = client.set_bytes(key, value)
    if not stored:
        raise KyotoTycoonError("the server stored nothing: is there such a database?")
    return 0


def _del(client: KyotoTycoon | TokyoTyrant, options: argparse.Namespace) -> int:
    removed = [client.remove(os.fsencode(key)) for key in options.keys]
    return 0 if all(removed) else 1


def _ls(client: KyotoTycoon | TokyoTyrant, options: argparse.Namespace) -> int:
    for key in client.match_prefix(os.fsencode(options.prefix), options.limit):
        _write(key)
    sys.stdout.buffer.flush()
    return 0


def _stat(client: KyotoTycoon | TokyoTyrant, options: argparse.Namespace) -> int:
    if options.report and isinstance(client, KyotoTycoon):
        fields = client.report()
    else:
        fields = client.status()
    for name, value in sorted(fields.items()):
        _write(f"{name}\t{value}".encode())
    sys.stdout.buffer.flush()
    return 0


def _bench(client: KyotoTycoon | TokyoTyrant, options: argparse.Namespace) -> int:
    if options.count < BULK:
        raise ValueError(f"a benchmark needs at least {BULK} keys")
    keys = [b"kt-bench-%d" % number for number in range(options.count)]
    value = b"v" * 32
    batches = [keys[start : start + BULK] for start in range(0, len(keys), BULK)]

    def each(call: Callable[[bytes], object]) -> None:
        for key in keys:
            call(key)

    def bulk(call: Callable[[list[bytes]], object]) -> None:
        for batch in batches:
            call(batch)

    def set_batch(batch: list[bytes]) -> None:
        client.set_bulk(dict.fromkeys(batch, value))

    steps: list[tuple[str, Callable[[], None]]] = [
        ("set", lambda: each(lambda key: client.set_bytes(key, value))),
        ("get", lambda: each(client.get_bytes)),
        ("set_bulk", lambda: bulk(set_batch)),
        ("get_bulk", lambda: bulk(client.get_bulk)),
        ("remove_bulk", lambda: bulk(client.remove_bulk)),
    ]
    for name, run in steps:
        started = time.perf_counter(), time.process_time()
        run()
        wall, cpu = time.perf_counter() - started[0], time.process_time() - started[1]
        rate, cost = len(keys) / wall, 1e6 * cpu / len(keys)
        sys.stdout.write(f"{name:12}{rate:12,.0f} keys/s{cost:10.2f} us of client CPU per key\n")
    return 0


_COMMANDS: dict[str, Callable[[KyotoTycoon | TokyoTyrant, argparse.Namespace], int]] = {
    "get": _get,
    "set": _set,
    "del": _del,
    "ls": _ls,
    "stat": _stat,
    "bench": _bench,
}
