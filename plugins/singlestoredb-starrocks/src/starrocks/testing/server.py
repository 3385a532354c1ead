"""A server on loopback that a StarRocks client can talk to."""

from __future__ import annotations

import itertools
import socketserver
import threading
from collections.abc import Callable, Mapping
from typing import Any

from starrocks.testing import protocol
from starrocks.testing.catalog import Database
from starrocks.testing.protocol import Result, SQLError
from starrocks.testing.session import ClientSession
from starrocks.testing.storage import Storage


class StarRocksServer:
    """A small server that speaks StarRocks' dialect of the MySQL protocol, for tests.

    It keeps the tables, views and materialized views that DDL makes, and answers what the
    SQLAlchemy dialect and Alembic ask: ``information_schema``, ``SHOW CREATE``, ``DESCRIBE``. Rows
    live in SQLite. It is not StarRocks: no distribution, no refresh of materialized views, no
    privileges, and only the SQL that SQLite shares with it. DDL is read strictly, and refused as a
    server would.

    Use it as a context manager, or call :meth:`start` and :meth:`close`. It binds 127.0.0.1, on a
    free port unless *port* is given, and serves each client in a thread.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        users: Mapping[str, str] | None = None,
        databases: tuple[str, ...] = ("test",),
        version: str = "3.5.1-test",
        run_mode: str | None = "shared_nothing",
    ) -> None:
        self.users = dict(users or {"root": ""})
        self.version = version
        self.run_mode = run_mode
        """Answer to ``SHOW FRONTEND CONFIG``; ``None`` refuses it, for lack of privilege."""
        self.statements: list[str] = []
        """Every statement received, in order."""
        self.lock = threading.RLock()
        self.storage = Storage()
        self.databases: dict[str, Database] = {}
        for name in databases:
            self.create_database(name)
        self._address = ("127.0.0.1", port)
        self._server: _TCPServer | None = None
        self._thread: threading.Thread | None = None

    def create_database(self, name: str) -> None:
        """Create an empty database."""
        self.storage.create(name)
        self.databases[name] = Database(name)

    def start(self) -> StarRocksServer:
        """Listen, and return self."""
        self._server = _TCPServer(self._address, self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop listening, disconnect all clients, and forget all rows."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.disconnect_all()
            self._server.server_close()
            self._thread.join()
            self._server = None
        self.storage.close()

    def __enter__(self) -> StarRocksServer:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def port(self) -> int:
        """The port it listens at."""
        if self._server is None:
            raise RuntimeError("the server is not running")
        return int(self._server.server_address[1])

    def url(self, database: str = "test", driver: str = "") -> str:
        """Return the SQLAlchemy URL of a database; *driver* is a name such as ``asyncmy``."""
        user, password = next(iter(self.users.items()))
        scheme = f"starrocks+{driver}" if driver else "starrocks"
        secret = f":{password}" if password else ""
        return f"{scheme}://{user}{secret}@127.0.0.1:{self.port}/{database}"


class _TCPServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = False
    block_on_close = True

    def __init__(self, address: tuple[str, int], owner: StarRocksServer) -> None:
        self.owner = owner
        self.thread_ids = itertools.count(1)
        self._clients: set[Any] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._clients.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._clients.discard(request)
        super().shutdown_request(request)

    def disconnect_all(self) -> None:
        for client in list(self._clients):
            try:
                client.shutdown(2)
            except OSError:  # gone already
                continue


class _Handler(socketserver.BaseRequestHandler):
    server: _TCPServer

    def handle(self) -> None:
        channel = protocol.Channel(self.request)
        thread_id = next(self.server.thread_ids)
        owner = self.server.owner
        session = ClientSession(owner, thread_id)
        try:
            database = protocol.log_in(channel, owner.users, thread_id, "8.0.33")
            if not self._answer(channel, lambda: session.use(database)):
                return
            self._serve(channel, session)
        except (protocol.Disconnected, OSError):
            return
        finally:
            session.close()
            channel.close()

    def _serve(self, channel: protocol.Channel, session: ClientSession) -> None:
        while True:
            channel.start_command()
            message = channel.read()
            command, body = message[0], message[1:]
            if command == protocol.COM_QUIT:
                return
            text = body.decode("utf-8", "surrogateescape")
            if command == protocol.COM_QUERY:
                self._answer(channel, lambda text=text: session.execute(text))  # type: ignore[misc]  # a default binds the loop's value
            elif command == protocol.COM_INIT_DB:
                self._answer(channel, lambda text=text: session.use(text))  # type: ignore[misc]  # likewise
            elif command in (
                protocol.COM_PING,
                protocol.COM_RESET_CONNECTION,
                protocol.COM_SET_OPTION,
            ):
                channel.write(protocol.ok_packet())
            else:
                channel.write(
                    protocol.error_packet(SQLError(1047, f"Unknown command {command}", "08S01"))
                )

    def _answer(self, channel: protocol.Channel, call: Callable[[], Result]) -> bool:
        try:
            result = call()
        except SQLError as error:
            channel.write(protocol.error_packet(error))
            return False
        except RecursionError:
            channel.write(protocol.error_packet(SQLError(1064, "statement is nested too deeply")))
            return False
        channel.write(*protocol.result_packets(result))
        return True
