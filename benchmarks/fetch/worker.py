"""One client in a process of its own: reads jobs from stdin, writes measurements to stdout.

Run as a script, with the Python of whichever environment has the client: so that the reference
SDK, which has our import name, can take part.  Nothing of the project is imported for others.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from typing import Any


class Client:
    """A client under test.  A ``fetch_<mode>`` leaves the whole result in memory."""

    module = ""
    """What a program imports to use it."""

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
        if mode in ("import", "cold"):
            return
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

    def run_child(self, program: str) -> int:
        """Run a program three times in a process of its own: the children's time is what counts."""
        for _ in range(3):
            # Not from here, where the reference would find this SDK instead.
            subprocess.run([sys.executable, "-c", program], check=True, cwd="/")
        return 3

    def fetch_import(self, sql: str) -> int:
        return self.run_child(f"import {self.module}" if self.module else "")

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

    fetch_tuples = fetch_arrow = fetch_pandas = fetch_polars = fetch_numpy = fetch_server = _drop

    def fetch_cold(self, sql: str) -> int:
        return self.run_child("")

    def fetch_point(self, sql: str) -> int:
        for _ in range(2000):
            self._drop(sql)
        return 2000


class SDK(Client):
    """This SDK, and the reference by the same calls."""

    module = "singlestoredb"
    extra: dict[str, Any] = {}  # noqa: RUF012 - never changed

    def open(self, mode: str) -> Any:
        import singlestoredb

        options = self.options() | {"ssl_disabled": True, "driver": "mysql"} | self.extra
        if mode in ("arrow", "pandas", "polars", "numpy"):
            options["results_type"] = mode
        if mode in ("server", "tls"):
            options["results_type"] = "arrow"
        if mode == "tls":
            options["ssl_disabled"] = False
        if mode in ("stream", "stream_arrow"):
            options["buffered"] = False
        return singlestoredb.connect(**options)

    def fetch_table(self, sql: str) -> int:
        cursor = self.connection.cursor()
        cursor.execute(sql)
        self.result = cursor.fetchall()
        cursor.close()
        return len(self.result)

    fetch_arrow = fetch_pandas = fetch_polars = fetch_numpy = fetch_server = fetch_table
    fetch_tls = fetch_table

    def fetch_cold(self, sql: str) -> int:
        options = self.options() | {"ssl_disabled": True, "driver": "mysql"} | self.extra
        return self.run_child(f"import singlestoredb as s2; s2.connect(**{options!r})")

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


class TLSFloor(Floor):
    """Decrypts by a MemoryBIO, 256 KiB of ciphertext at a time, and drops the bytes."""

    def open(self, mode: str) -> Any:
        import ssl

        import pymysql

        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        floor = self

        class Connection(pymysql.connections.Connection):  # type: ignore[misc, unused-ignore]
            ctx: Any

            def _request_authentication(self) -> None:
                floor.plain = self._sock
                super()._request_authentication()

        class Context:
            def wrap_socket(self, sock: Any, **kwargs: Any) -> Any:
                floor.sock = BIOSocket(sock, context)  # type: ignore[assignment, unused-ignore]
                return floor.sock

        connection = Connection(defer_connect=True, ssl=context, **self.options())
        connection.ctx = Context()
        connection.connect()
        self.buffer = bytearray(1 << 20)
        self.sizes: dict[str, tuple[int, int]] = {}
        return connection

    fetch_tls = Floor._drop


class BIOSocket:
    """As much of a TLS socket as PyMySQL's handshake and the floor need."""

    def __init__(self, sock: Any, context: Any) -> None:
        import ssl

        self.sock = sock
        self.wants = ssl.SSLWantReadError
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing)
        self.pump(self.tls.do_handshake)

    def pump(self, method: Any, *args: Any) -> Any:
        while True:
            try:
                done = method(*args)
            except self.wants:
                self.sock.sendall(self.outgoing.read())
                self.incoming.write(self.sock.recv(1 << 18))
            else:
                if self.outgoing.pending:
                    self.sock.sendall(self.outgoing.read())
                return done

    def recv_into(self, buffer: Any) -> int:
        return int(self.pump(self.tls.read, len(buffer), buffer))

    def recv(self, size: int) -> bytes:
        return bytes(self.pump(self.tls.read, size))

    read = recv

    def sendall(self, data: bytes) -> None:
        self.pump(self.tls.write, data)

    def makefile(self, mode: str) -> Any:
        import io

        bio = self

        class Raw(io.RawIOBase):
            def readable(self) -> bool:
                return True

            def readinto(self, buffer: Any) -> int:
                return bio.recv_into(buffer)

        return io.BufferedReader(Raw())

    def settimeout(self, timeout: Any) -> None:
        self.sock.settimeout(timeout)

    def close(self) -> None:
        self.sock.close()


class PyMySQL(Client):
    module = "pymysql"

    def fetch_cold(self, sql: str) -> int:
        options = self.options() | {"ssl_disabled": True}
        return self.run_child(f"import pymysql; pymysql.connect(**{options!r})")

    def open(self, mode: str) -> Any:
        import pymysql
        import pymysql.cursors

        cursor = pymysql.cursors.SSCursor if mode == "stream" else pymysql.cursors.Cursor
        return pymysql.connect(ssl_disabled=True, cursorclass=cursor, **self.options())


class MySQLClient(Client):
    module = "MySQLdb"

    def fetch_cold(self, sql: str) -> int:
        return self.run_child(f"import MySQLdb; MySQLdb.connect(**{self.options()!r})")

    def fetch_server(self, sql: str) -> int:
        return self.fetch_tuples(sql)

    def open(self, mode: str) -> Any:
        import MySQLdb  # type: ignore[import-not-found, import-untyped, unused-ignore]
        import MySQLdb.cursors  # type: ignore[import-not-found, import-untyped, unused-ignore]

        cursor = MySQLdb.cursors.SSCursor if mode == "stream" else MySQLdb.cursors.Cursor
        return MySQLdb.connect(charset="utf8mb4", cursorclass=cursor, **self.options())


class AsyncMy(Client):
    """asyncmy, run to completion from outside."""

    module = "asyncmy"

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

    module = "connectorx"

    def prepare(self, mode: str) -> None:
        if mode == "import":
            return
        import connectorx  # type: ignore[import-not-found, import-untyped, unused-ignore]

        self.read = connectorx.read_sql
        self.url = f"mysql://bench:bench@127.0.0.1:{self.port}/bench"

    def _read(self, sql: str, kind: str) -> int:
        self.result = self.read(self.url, sql, protocol="text", return_type=kind)
        return len(self.result)

    def fetch_arrow(self, sql: str) -> int:
        return self._read(sql, "arrow")

    fetch_server = fetch_arrow

    def fetch_pandas(self, sql: str) -> int:
        return self._read(sql, "pandas")

    def fetch_polars(self, sql: str) -> int:
        return self._read(sql, "polars")


class MySQLConnector(Client):
    """mysql-connector-python with its C extension."""

    module = "mysql.connector"
    pure = False

    def open(self, mode: str) -> Any:
        import _mysql_connector  # type: ignore[import-not-found, unused-ignore]  # noqa: F401

        # (Before ssl is: with the system's library loaded it finds its own no more.)
        import mysql.connector  # type: ignore[import-not-found, import-untyped, unused-ignore]

        return mysql.connector.connect(use_pure=self.pure, ssl_disabled=True, **self.options())


class MySQLConnectorPure(MySQLConnector):
    pure = True


class MariaDB(Client):
    module = "mariadb"

    def open(self, mode: str) -> Any:
        import mariadb  # type: ignore[import-not-found, import-untyped, unused-ignore]

        return mariadb.connect(**self.options())


class AioMySQL(AsyncMy):
    module = "aiomysql"

    def open(self, mode: str) -> Any:
        import asyncio

        import aiomysql  # type: ignore[import-not-found, import-untyped, unused-ignore]

        options = self.options()
        options["db"] = options.pop("database")
        if not hasattr(self, "loop"):
            self.loop = asyncio.new_event_loop()
        return self.loop.run_until_complete(aiomysql.connect(**options))


class ArrowODBC(Client):
    """arrow-odbc over the MariaDB ODBC driver; it connects for each query."""

    module = "arrow_odbc"

    def prepare(self, mode: str) -> None:
        if mode == "import":
            return
        import arrow_odbc  # type: ignore[import-not-found, import-untyped, unused-ignore]

        self.read = arrow_odbc.read_arrow_batches_from_odbc
        self.dsn = (
            f"Driver={{MariaDB Unicode}};SERVER=127.0.0.1;PORT={self.port};UID=bench;PWD=bench;"
            "DATABASE=bench;CHARSET=utf8mb4;FORWARDONLY=1;NO_CACHE=1;PREPONCLIENT=1;"
        )

    def fetch_arrow(self, sql: str) -> int:
        import pyarrow

        reader = self.read(
            query=sql,
            connection_string=self.dsn,
            batch_size=10_000,
            max_text_size=4096,
            max_binary_size=16_384,
        )
        self.result = pyarrow.Table.from_batches(list(reader), schema=reader.schema)
        return int(self.result.num_rows)

    fetch_server = fetch_arrow

    def fetch_pandas(self, sql: str) -> int:
        rows = self.fetch_arrow(sql)
        self.result = self.result.to_pandas()
        return rows

    def fetch_polars(self, sql: str) -> int:
        import polars

        rows = self.fetch_arrow(sql)
        self.result = polars.from_arrow(self.result)
        return rows


class PolarsURI(ConnectorX):
    """polars.read_database_uri, which is connectorx, over the text protocol."""

    module = "polars"

    def fetch_polars(self, sql: str) -> int:
        import polars

        self.result = polars.read_database_uri(sql, self.url, protocol="text")
        return len(self.result)


class PandasSQL(MySQLClient):
    """pandas.read_sql over mysqlclient."""

    module = "pandas"

    def fetch_pandas(self, sql: str) -> int:
        import pandas

        self.result = pandas.read_sql(sql, self.connection)
        return len(self.result)


CLIENTS: dict[str, type[Client]] = {
    "floor": Floor,
    "singlestoredb": SDK,
    "singlestoredb pure": SDKPure,
    "reference": SDK,
    "pymysql": PyMySQL,
    "mysqlclient": MySQLClient,
    "asyncmy": AsyncMy,
    "connectorx": ConnectorX,
    "tls floor": TLSFloor,
    "reference pure": SDKPure,
    "mysql-connector": MySQLConnector,
    "mysql-connector pure": MySQLConnectorPure,
    "mariadb": MariaDB,
    "aiomysql": AioMySQL,
    "arrow-odbc": ArrowODBC,
    "polars.read_database_uri": PolarsURI,
    "pandas.read_sql": PandasSQL,
}


def _cpu(mode: str) -> float:
    in_child = mode in ("import", "cold")
    usage = resource.getrusage(resource.RUSAGE_CHILDREN if in_child else resource.RUSAGE_SELF)
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
            wall, cpu = time.perf_counter(), _cpu(job["mode"])
            rows = method(job["sql"])
            report = {
                "rows": rows,
                "wall": time.perf_counter() - wall,
                "cpu": _cpu(job["mode"]) - cpu,
                "peak": _peak() - idle,
            }
        except Exception as exc:  # the driver says which client failed, and goes on
            report = {"error": f"{type(exc).__name__}: {exc}"}
        print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
