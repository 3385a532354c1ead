"""A server that answers each query of :mod:`benchmarks.data` with bytes made beforehand.

It greets as a plain MySQL server, takes any user and password, and says OK to whatever it does not
know.  TLS is on a port of its own.  ``REPEAT n query`` sends the query's rows n times over, for
streaming.
"""

from __future__ import annotations

import re
import socket
import ssl
import struct
import threading
from dataclasses import replace
from multiprocessing.connection import Connection

from .data import DATASETS, EOF, LONGLONG, NOT_NULL, Column, Dataset, answer, lenenc, packet

_OK = b"\x00\x00\x00\x02\x00\x00\x00"
# LONG_PASSWORD FOUND_ROWS LONG_FLAG CONNECT_WITH_DB LOCAL_FILES PROTOCOL_41 TRANSACTIONS
# SECURE_CONNECTION MULTI_STATEMENTS MULTI_RESULTS PLUGIN_AUTH CONNECT_ATTRS
# PLUGIN_AUTH_LENENC_CLIENT_DATA
_CAPABILITIES = 0x3BA28F
_VARIABLES = {"max_allowed_packet": "16777216", "wait_timeout": "28800", "autocommit": "1"}


_SSL = 1 << 11


def _greeting(number: int, flags: int = 0) -> bytes:
    salt = b"saltsaltsaltsaltsalt"
    capabilities = _CAPABILITIES | flags
    return (
        b"\x0a8.0.30\0"
        + struct.pack("<I", number)
        + salt[:8]
        + b"\0"
        + struct.pack("<HBHH", capabilities & 0xFFFF, 45, 2, capabilities >> 16)
        + b"\x15"
        + bytes(10)
        + salt[8:]
        + b"\0mysql_native_password\0"
    )


def _variables(sql: str) -> bytes | None:
    """Answer ``SELECT @@a, @@b`` with one row."""
    names = re.findall(r"@@(?:\w+\.)?(\w+)", sql)
    if not names or not sql.lstrip().lower().startswith("select"):
        return None
    out = [packet(1, bytes((len(names),)))]
    for i, name in enumerate(names):
        texts = b"".join(map(lenenc, (b"def", b"", b"", b"", name.encode(), b"")))
        # A number: LONGLONG of the binary character set.
        fixed = struct.pack("<HIBHBH", 63, 20, 8, 1, 0, 0)
        out.append(packet(2 + i, texts + lenenc(fixed)))
    out.append(packet(2 + len(names), EOF))
    values = b"".join(lenenc(_VARIABLES.get(name, "0").encode()) for name in names)
    out.append(packet(3 + len(names), values))
    out.append(packet(4 + len(names), EOF))
    return b"".join(out)


class ReplayServer:
    """Serves on a free port of the loopback, a thread per connection."""

    def __init__(self, names: list[str], certificate: tuple[str, str] | None = None) -> None:
        self._tls = None
        if certificate:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*certificate)
        self.answers = {DATASETS[name].sql: answer(DATASETS[name]) for name in names}
        self._names = names
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def start(self) -> None:
        """Begin to accept connections."""
        self._thread.start()

    def close(self) -> None:
        """Accept no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                self._session(client)
            except OSError:
                return

    def _session(self, client: socket.socket) -> None:
        if self._tls is not None:
            client.sendall(packet(0, _greeting(7, _SSL)))
            size = int.from_bytes(client.recv(4, socket.MSG_WAITALL)[:3], "little")
            client.recv(size, socket.MSG_WAITALL)  # the request for TLS
            client = self._tls.wrap_socket(client, server_side=True)
        stream = client.makefile("rb")

        def read() -> bytes:
            header = stream.read(4)
            if len(header) < 4:
                raise ConnectionError
            return stream.read(int.from_bytes(header[:3], "little"))

        if self._tls is None:
            client.sendall(packet(0, _greeting(7)))
        read()
        client.sendall(packet(2 if self._tls is None else 3, _OK))
        while True:
            payload = read()
            if payload[:1] == b"\x01":  # COM_QUIT
                return
            if payload[:1] != b"\x03":
                client.sendall(packet(1, _OK))
                continue
            sql = payload[1:].decode("utf-8", "replace").strip().rstrip(";")
            found = self.answers.get(sql)
            if found is None and sql.startswith("REPEAT "):
                _, times, sql = sql.split(" ", 2)
                self._repeat(client, self.answers[sql], int(times))
                continue
            client.sendall(found or self._about(sql) or _variables(sql) or packet(1, _OK))

    def _about(self, sql: str) -> bytes | None:
        """Answer what connectorx asks of a query before it runs it: a row, and how many."""
        for name in self._names:
            dataset = DATASETS[name]
            if f"bench_{name}" not in sql:
                continue
            if "count(" in sql.lower():
                count = Column("count", LONGLONG, flags=NOT_NULL)
                cells = (str(dataset.rows).encode(),)
                return answer(Dataset(name, 1, (count,), lambda *_, cells=cells: cells))
            if sql.upper().endswith(("LIMIT 0", "LIMIT 1")):
                return answer(replace(dataset, rows=int(sql[-1])))
        return None

    def _repeat(self, client: socket.socket, data: bytes, times: int) -> None:
        """Send the rows of an answer ``times`` times; numbers of packets go on across the seams."""
        first = 0  # where the rows begin: behind the definitions' EOF
        at = 0
        eofs = 0
        while eofs < 1:
            size = int.from_bytes(data[at : at + 3], "little")
            eofs += data[at + 4] == 0xFE and size < 9
            at += 4 + size
        first = at
        rows = bytearray(data[first:-9])
        client.sendall(data[:first])
        sequence = data[first + 3]
        positions = []
        at = 0
        while at < len(rows):
            positions.append(at + 3)
            at += 4 + int.from_bytes(rows[at : at + 3], "little")
        for _ in range(times):
            for i, position in enumerate(positions):
                rows[position] = (sequence + i) & 255
            sequence += len(positions)
            client.sendall(rows)
        client.sendall(packet(sequence, EOF))


def serve(names: list[str], certificate: tuple[str, str], pipe: Connection) -> None:
    """Send the ports of a new server, plain and TLS, through ``pipe``; serve until something comes
    back."""
    servers = [ReplayServer(names), ReplayServer([], certificate)]
    servers[1].answers = servers[0].answers
    for server in servers:
        server.start()
    pipe.send([server.port for server in servers])
    pipe.recv()
