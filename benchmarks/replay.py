"""A MySQL server that costs next to nothing: it answers every query with the same prepared bytes.

What is left of a measurement against it is the client.  Runs in a process of its own.
"""

from __future__ import annotations

import multiprocessing
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_CAPABILITIES = 0x003FA28D
"""LONG_PASSWORD LONG_FLAG CONNECT_WITH_DB LOCAL_FILES PROTOCOL_41 TRANSACTIONS SECURE_CONNECTION
MULTI_STATEMENTS MULTI_RESULTS PS_MULTI_RESULTS PLUGIN_AUTH CONNECT_ATTRS PLUGIN_AUTH_LENENC"""
_OK = b"\x00\x00\x00\x02\x00\x00\x00"
_EOF = b"\xfe\x00\x00\x02\x00"


def _packets(first: int, *payloads: bytes) -> bytes:
    return b"".join(
        len(payload).to_bytes(3, "little") + bytes((first + i,)) + payload
        for i, payload in enumerate(payloads)
    )


def _greeting() -> bytes:
    return (
        b"\x0a8.0.30\x00"
        + struct.pack("<I", 1)
        + b"12345678\x00"
        + struct.pack("<HBHH", _CAPABILITIES & 0xFFFF, 45, 2, _CAPABILITIES >> 16)
        + b"\x15"
        + bytes(10)
        + b"123456789012\x00mysql_native_password\x00"
    )


def one_row(name: bytes, value: bytes) -> bytes:
    """Return the answer of one row with one BIGINT column."""
    fixed = struct.pack("<HIBHB", 63, 20, 8, 129, 0) + b"\x00\x00"
    definition = b"\x03def\x00\x00\x00" + bytes((len(name),)) + name + b"\x00\x0c" + fixed
    return _packets(1, b"\x01", definition, _EOF, bytes((len(value),)) + value, _EOF)


def _session(sock: socket.socket, answer: bytes) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream = sock.makefile("rb")

    def read() -> bytes:
        return stream.read(int.from_bytes(stream.read(4)[:3], "little"))

    sock.sendall(_packets(0, _greeting()))
    read()
    sock.sendall(_packets(2, _OK))
    while command := read():
        if command[0] == 0x01:
            return
        is_query = command[0] == 0x03 and command[1:7].lower() == b"select"
        sock.sendall(answer if is_query else _packets(1, _OK))


def _serve(listener: socket.socket, answer: bytes) -> None:
    def run(sock: socket.socket) -> None:
        with sock, suppress(OSError):
            _session(sock, answer)

    while True:
        sock, _ = listener.accept()
        threading.Thread(target=run, args=(sock,), daemon=True).start()


@contextmanager
def replay(answer: bytes) -> Iterator[int]:
    """Run the server; gives its port on 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = multiprocessing.get_context("fork").Process(
            target=_serve, args=(listener, answer), daemon=True
        )
        process.start()
        try:
            yield listener.getsockname()[1]
        finally:
            process.terminate()
            process.join(5)
