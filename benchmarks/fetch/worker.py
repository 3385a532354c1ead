"""One client in a process of its own: reads jobs from stdin, writes measurements to stdout.

Run as a script, with the Python of whichever environment has the client: so that the reference
SDK, which has our import name, can take part.  Nothing of the project is imported for others.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from typing import Any


class Client:
    """A client under test.  A ``fetch_<mode>`` leaves the whole result in memory."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connection: Any = None
        self.mode = ""
        self.result: Any = None

    def options(self) -> dict[str, Any]:
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "user": "bench",
            "password": "bench",
            "database": "bench",
        }

    def open(self, mode: str) -> Any:
        raise NotImplementedError

    def prepare(self, mode: str) -> None:
        if self.connection is None or mode != self.mode:
            if self.connection is not None:
                self.connection.close()
            self.connection, self.mode = self.open(mode), mode

    def fetch_tuples(self, sql: str) -> int:
        cursor = self.connection.cursor()
        cursor.execute(sql)
        self.result = cursor.fetchall()
        cursor.close()
        return len(self.result)

    def fetch_point(self, sql: str) -> int:
        for _ in range(2000):
            cursor = self.connection.cursor()
            cursor.execute(sql)
            cursor.fetchone()
            cursor.close()
        return 2000

    def fetch_connect(self, sql: str) -> int:
        for _ in range(200):
            self.open("tuples").close()
        return 200

    def fetch_stream(self, sql: str) -> int:
        cursor = self.connection.cursor()
        cursor.execute(sql)
        rows = 0
        while True:
            chunk = cursor.fetchmany(1000)
            if not len(chunk):
                return rows
            rows += len(chunk)


class Floor(Client):
    """Receives into one buffer and drops the bytes: what no client can be below."""

    def open(self, mode: str) -> Any:
        import pymysql

        connection = pymysql.connect(ssl_disabled=True, **self.options())
        self.sock = connection._sock
        self.buffer = bytearray(1 << 20)
        self.sizes: dict[str, tuple[int, int]] = {}
        return connection

    def _drop(self, sql: str) -> int:
        payload = b"\x03" + sql.encode()
        self.sock.sendall(len(payload).to_bytes(3, "little") + b"\0" + payload)
        if sql not in self.sizes:
            self.sizes[sql] = self._measure()
            return self.sizes[sql][1]
        left, rows = self.sizes[sql]
        while left:
            left -= self.sock.recv_into(self.buffer)
        return rows

    def _measure(self) -> tuple[int, int]:
        data = bytearray()
        at = eofs = packets = 0
        while eofs < 2:
            while len(data) < at + 5 or len(data) < at + 4 + int.from_bytes(
                data[at : at + 3], "little"
            ):
                data += self.sock.recv(1 << 20)
            size = int.from_bytes(data[at : at + 3], "little")
            eofs += data[at + 4] == 0xFE and size < 9
            packets += eofs == 1
            at += 4 + size
        return at, packets - 1

    fetch_tuples = fetch_arrow = fetch_pandas = fetch_polars = fetch_numpy = _drop

    def fetch_point(self, sql: str) -> int:
        for _ in range(2000):
            self._drop(sql)
        return 2000


class SDK(Client):
    """This SDK, and the reference by the same calls."""

    extra: dict[str, Any] = {}  # noqa: RUF012 - never changed

    def open(self, mode: str) -> Any:
        import singlestoredb

        options = self.options() | {"ssl_disabled": True, "driver": "mysql"} | self.extra
        if mode in ("arrow", "pandas", "polars", "numpy"):
            options["results_type"] = mode
        if mode in ("stream", "stream_arrow"):
            options["buffered"] = False
        return singlestoredb.connect(**options)

    def fetch_table(self, sql: str) -> int:
        cursor = self.connection.cursor()
        cursor.execute(sql)
        self.result = cursor.fetchall()
        cursor.close()
        return len(self.result)

    fetch_arrow = fetch_pandas = fetch_polars = fetch_numpy = fetch_table

    def fetch_stream_arrow(self, sql: str) -> int:
        cursor = self.connection.cursor()
        cursor.execute(sql)
        rows = 0
        while True:
            chunk = cursor.fetch_arrow_chunk(10_000)
            if not chunk.num_rows:
                return rows
            rows += int(chunk.num_rows)


class SDKPure(SDK):
    extra = {"pure_python": True}  # noqa: RUF012 - never changed


class PyMySQL(Client):
    def open(self, mode: str) -> Any:
        import pymysql
        import pymysql.cursors

        cursor = pymysql.cursors.SSCursor if mode == "stream" else pymysql.cursors.Cursor
        return pymysql.connect(ssl_disabled=True, cursorclass=cursor, **self.options())


class MySQLClient(Client):
    def open(self, mode: str) -> Any:
        import MySQLdb  # type: ignore[import-not-found, import-untyped, unused-ignore]
        import MySQLdb.cursors  # type: ignore[import-not-found, import-untyped, unused-ignore]

        cursor = MySQLdb.cursors.SSCursor if mode == "stream" else MySQLdb.cursors.Cursor
        return MySQLdb.connect(charset="utf8mb4", cursorclass=cursor, **self.options())


class AsyncMy(Client):
    """asyncmy, run to completion from outside."""

    def open(self, mode: str) -> Any:
        import asyncio

        import asyncmy  # type: ignore[import-not-found, import-untyped, unused-ignore]

        options = self.options()
        options["db"] = options.pop("database")
        if not hasattr(self, "loop"):
            self.loop = asyncio.new_event_loop()
        return self.loop.run_until_complete(asyncmy.connect(**options))

    def fetch_tuples(self, sql: str) -> int:
        async def fetch() -> Any:
            async with self.connection.cursor() as cursor:
                await cursor.execute(sql)
                return await cursor.fetchall()

        self.result = self.loop.run_until_complete(fetch())
        return len(self.result)

    def fetch_point(self, sql: str) -> int:
        async def fetch() -> None:
            for _ in range(2000):
                async with self.connection.cursor() as cursor:
                    await cursor.execute(sql)
                    await cursor.fetchone()

        self.loop.run_until_complete(fetch())
        return 2000

    def fetch_connect(self, sql: str) -> int:
        for _ in range(200):
            self.open("tuples").close()
        return 200


class ConnectorX(Client):
    """connectorx over the text protocol; it connects for each query."""

    def prepare(self, mode: str) -> None:
        import connectorx  # type: ignore[import-not-found, import-untyped, unused-ignore]

        self.read = connectorx.read_sql
        self.url = f"mysql://bench:bench@127.0.0.1:{self.port}/bench"

    def _read(self, sql: str, kind: str) -> int:
        self.result = self.read(self.url, sql, protocol="text", return_type=kind)
        return len(self.result)

    def fetch_arrow(self, sql: str) -> int:
        return self._read(sql, "arrow")

    def fetch_pandas(self, sql: str) -> int:
        return self._read(sql, "pandas")

    def fetch_polars(self, sql: str) -> int:
        return self._read(sql, "polars")


CLIENTS: dict[str, type[Client]] = {
    "floor": Floor,
    "singlestoredb": SDK,
    "singlestoredb pure": SDKPure,
    "reference": SDK,
    "pymysql": PyMySQL,
    "mysqlclient": MySQLClient,
    "asyncmy": AsyncMy,
    "connectorx": ConnectorX,
}


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _peak() -> int:
    """Return the process's highest resident memory in KiB."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def main() -> None:
    """Serve jobs until stdin ends."""
    client = CLIENTS[sys.argv[1]](int(sys.argv[2]))
    for line in sys.stdin:
        job = json.loads(line)
        try:
            method = getattr(client, "fetch_" + job["mode"])
            client.prepare(job["mode"])
            client.result = None  # what the last job left
            idle = _peak()
            wall, cpu = time.perf_counter(), _cpu()
            rows = method(job["sql"])
            report = {
                "rows": rows,
                "wall": time.perf_counter() - wall,
                "cpu": _cpu() - cpu,
                "peak": _peak() - idle,
            }
        except Exception as exc:  # the driver says which client failed, and goes on
            report = {"error": f"{type(exc).__name__}: {exc}"}
        print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
