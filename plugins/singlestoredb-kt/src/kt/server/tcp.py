"""The listening side of both servers: a thread per connection, on loopback only."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Protocol

from kt._connection import Connection
from kt.exceptions import ImproperlyConfigured, ServerConnectionError, ServerError

MAX_CONNECTIONS = 1024


class Session(Protocol):
    """One connection's conversation."""

    def serve_one(self, connection: Connection) -> bytes | None:
        """Consume one request and return the reply; ``None`` ends the conversation."""

    def close(self) -> None:
        """Forget what belongs to the connection."""


def check_loopback(host: str) -> str:
    """Return a host's loopback address.

    Raises:
        ImproperlyConfigured: it is another machine's or all interfaces'.
    """
    address = "127.0.0.1" if host == "localhost" else host
    try:
        if ipaddress.ip_address(address).is_loopback:
            return address
    except ValueError:
        pass
    raise ImproperlyConfigured(
        f"the built-in server has no passwords and serves loopback only, not {host!r}: "
        "use 127.0.0.1 or ::1"
    )


class TcpServer:
    """Accepts connections and runs a session for each."""

    def __init__(self, host: str, port: int, make_session: Callable[[], Session]) -> None:
        """Bind; port 0 picks a free one."""
        self._make_session = make_session
        address = check_loopback(host)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.bind((address, port))
            self._listener.listen(128)
        except OSError:
            self._listener.close()
            raise
        self.port: int = self._listener.getsockname()[1]
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)

    def serve(self) -> None:
        """Accept connections until `close`."""
        while True:
            try:
                sock, peer = self._listener.accept()
            except OSError:
                if self._listener.fileno() < 0:
                    return
                # Out of descriptors, perhaps; those of connections that end come back.
                time.sleep(0.05)
                continue
            if not self._slots.acquire(blocking=False):
                sock.close()
                continue
            thread = threading.Thread(target=self._converse, args=(sock, str(peer)), daemon=True)
            thread.start()

    def _converse(self, sock: socket.socket, peer: str) -> None:
        try:
            connection = Connection(sock, peer)
            session = self._make_session()
            try:
                while (reply := session.serve_one(connection)) is not None:
                    if reply:
                        connection.send(reply)
            finally:
                session.close()
                connection.close()
        except (ServerConnectionError, ServerError, OSError):
            # The client hung up, or announced a record that is too long: either way it is over.
            sock.close()
        finally:
            self._slots.release()

    def close(self) -> None:
        """Stop listening."""
        # Closing alone would leave a thread that waits in accept there for ever.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def run_until_terminated(server: TcpServer, watch_stdin: bool) -> None:
    """Serve in the main thread until SIGTERM or SIGINT, or until standard input ends."""

    def stop(signum: int, frame: FrameType | None) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if watch_stdin:
        # The embedding process holds the other end: when it dies in any way, we end as well.
        def watch() -> None:
            while os.read(0, 4096):
                pass
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=watch, daemon=True).start()
    server.serve()
