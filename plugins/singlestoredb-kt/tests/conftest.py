"""Servers for the tests: the built-in ones in subprocesses, and scripted peers in threads."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from kt import EmbeddedServer, EmbeddedTokyoTyrantServer, KyotoTycoon, TokyoTyrant
from kt.server.tcp import TcpServer
from kt.server.tycoon import TycoonServer
from kt.server.tyrant import TyrantServer


class RawPeer:
    """A socket for bytes in and bytes out."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), 10)

    def ask(self, request: bytes, size: int) -> bytes:
        """Send a request and return exactly ``size`` bytes of reply (fewer at end of stream)."""
        self.sock.sendall(request)
        return self.read(size)

    def read(self, size: int) -> bytes:
        received = b""
        while len(received) < size:
            chunk = self.sock.recv(size - len(received))
            if not chunk:
                break
            received += chunk
        return received

    def close(self) -> None:
        self.sock.close()


class ScriptedServer:
    """Accepts connections and answers the n-th chunk that arrives with the n-th reply.

    After the last reply it closes the connection, unless it is told to ``linger``.
    """

    def __init__(self, replies: Sequence[bytes], linger: bool = False) -> None:
        self.received: list[bytes] = []
        self._replies = list(replies)
        self._linger = linger
        self._done = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._done.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with sock, contextlib.suppress(OSError):
                while self._replies:
                    chunk = sock.recv(1 << 20)
                    if not chunk:
                        break
                    self.received.append(chunk)
                    sock.sendall(self._replies.pop(0))
                if self._linger:
                    self._done.wait(10)

    def close(self) -> None:
        self._done.set()
        # Wakes the accept; closing the listener alone would not.
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        self._listener.close()
        self._thread.join(10)


@pytest.fixture
def kt_scripted() -> Iterator[Callable[..., ScriptedServer]]:
    """Return a factory of scripted servers, which end with the test."""
    servers: list[ScriptedServer] = []

    def make(*replies: bytes, linger: bool = False) -> ScriptedServer:
        servers.append(ScriptedServer(replies, linger))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def kt_in_process() -> Iterator[Callable[[TycoonServer | TyrantServer], int]]:
    """Return a function that serves a server object in threads of this process and returns the
    port; an exception there fails the test."""
    running: list[tuple[TycoonServer | TyrantServer, TcpServer, threading.Thread]] = []

    def serve(server: TycoonServer | TyrantServer) -> int:
        listener = TcpServer("127.0.0.1", 0, server.make_session)
        thread = threading.Thread(target=listener.serve, daemon=True)
        thread.start()
        running.append((server, listener, thread))
        return listener.port

    yield serve
    for server, listener, thread in running:
        listener.close()
        thread.join(20)
        assert not thread.is_alive()
        server.close()


@pytest.fixture(scope="session")
def kt_server() -> Iterator[EmbeddedServer]:
    """A Kyoto Tycoon server: database 0 is a hash, 1 a tree, 2 another hash."""
    server = EmbeddedServer("builtin", server_args=["*", "%"], database=":")
    server.run()
    yield server
    server.stop()


@pytest.fixture
def kt_port(kt_server: EmbeddedServer) -> int:
    """Port of a Kyoto Tycoon server whose databases are empty."""
    assert kt_server.port is not None
    with contextlib.closing(KyotoTycoon(port=kt_server.port)) as client:
        for db in range(3):
            client.clear(db)
    return kt_server.port


@pytest.fixture
def kt_client(kt_port: int) -> Iterator[KyotoTycoon]:
    """A client of an empty Kyoto Tycoon server."""
    client = KyotoTycoon(port=kt_port, timeout=30)
    yield client
    client.close_all()


@pytest.fixture
def kt_peer() -> Iterator[Callable[[int], RawPeer]]:
    """Return a function that connects a socket to a port."""
    peers: list[RawPeer] = []

    def connect(port: int) -> RawPeer:
        peers.append(RawPeer(port))
        return peers[-1]

    yield connect
    for peer in peers:
        peer.close()


@pytest.fixture
def kt_raw(kt_port: int, kt_peer: Callable[[int], RawPeer]) -> RawPeer:
    """A socket to an empty Kyoto Tycoon server."""
    return kt_peer(kt_port)


def _tyrant(database: str) -> Iterator[EmbeddedTokyoTyrantServer]:
    server = EmbeddedTokyoTyrantServer("builtin", database=database)
    server.run()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def tt_hash_server() -> Iterator[EmbeddedTokyoTyrantServer]:
    yield from _tyrant("*")


@pytest.fixture(scope="session")
def tt_tree_server() -> Iterator[EmbeddedTokyoTyrantServer]:
    yield from _tyrant("+")


@pytest.fixture(scope="session")
def tt_file_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[EmbeddedTokyoTyrantServer]:
    yield from _tyrant(str(tmp_path_factory.mktemp("tyrant") / "casket.tcb"))


@pytest.fixture(scope="session")
def tt_hash_file_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[EmbeddedTokyoTyrantServer]:
    yield from _tyrant(str(tmp_path_factory.mktemp("tyrant") / "casket.tch"))


def _tyrant_client(server: EmbeddedTokyoTyrantServer) -> Iterator[TokyoTyrant]:
    assert server.port is not None
    client = TokyoTyrant(port=server.port, timeout=30)
    client.clear()
    yield client
    client.close_all()


@pytest.fixture
def tt_client(tt_hash_server: EmbeddedTokyoTyrantServer) -> Iterator[TokyoTyrant]:
    """A client of an empty hash in memory."""
    yield from _tyrant_client(tt_hash_server)


@pytest.fixture
def tt_tree(tt_tree_server: EmbeddedTokyoTyrantServer) -> Iterator[TokyoTyrant]:
    """A client of an empty tree in memory."""
    yield from _tyrant_client(tt_tree_server)


@pytest.fixture
def tt_file(tt_file_server: EmbeddedTokyoTyrantServer) -> Iterator[TokyoTyrant]:
    """A client of an empty tree in a file."""
    yield from _tyrant_client(tt_file_server)


@pytest.fixture
def tt_hash_file(tt_hash_file_server: EmbeddedTokyoTyrantServer) -> Iterator[TokyoTyrant]:
    """A client of an empty hash in a file."""
    yield from _tyrant_client(tt_hash_file_server)


@pytest.fixture
def tt_raw(tt_client: TokyoTyrant, kt_peer: Callable[[int], RawPeer]) -> RawPeer:
    """A socket to an empty hash in memory."""
    return kt_peer(tt_client.port)


Rpc = Callable[..., tuple[int, dict[bytes, bytes]]]


@pytest.fixture
def kt_rpc(kt_raw: RawPeer) -> Rpc:
    """Return a function that calls a procedure by hand-written HTTP on one connection.

    Independent of the client's codec: columns go percent-encoded, and the three encodings of
    answers are decoded here.
    """
    from base64 import b64decode
    from urllib.parse import quote_from_bytes, unquote_to_bytes

    def call(procedure: str, /, **fields: object) -> tuple[int, dict[bytes, bytes]]:
        def column(value: object) -> str:
            return quote_from_bytes(value if isinstance(value, bytes) else str(value).encode())

        lines = [f"{column(name)}\t{column(value)}\n" for name, value in fields.items()]
        body = "".join(lines)
        kt_raw.sock.sendall(
            f"POST /rpc/{procedure} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
            f"Content-Type: text/tab-separated-values; colenc=U\r\n\r\n{body}".encode()
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += kt_raw.read(1)
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        decode: Callable[[bytes], bytes] = bytes
        if b"colenc=B" in head:
            decode = b64decode
        elif b"colenc=U" in head:
            decode = unquote_to_bytes
        answer = {}
        for line in kt_raw.read(length).splitlines():
            name, _, value = line.partition(b"\t")
            answer[decode(name)] = decode(value)
        return int(head.split()[1]), answer

    return call
