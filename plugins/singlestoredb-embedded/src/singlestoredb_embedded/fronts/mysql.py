"""The MySQL protocol: one thread per connection, each over a session of the engine.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase.html
"""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

import duckdb

from singlestoredb.exceptions import Error
from singlestoredb_embedded.engine import Engine
from singlestoredb_embedded.errors import error, from_duckdb
from singlestoredb_embedded.lex import tokenize
from singlestoredb_embedded.session import Changed
from singlestoredb_embedded.translate.output import Selected
from singlestoredb_embedded.types import LONGTEXT
from singlestoredb_embedded.users import NATIVE, Users

from . import packets, share
from .auth import METHODS, Authenticator, Login
from .binary import MAX_LONG_DATA, Prepared, binary_encoders, binary_rows
from .packets import (
    Disconnected,
    OutOfOrder,
    PacketStream,
    Reader,
    column_definition,
    lenenc,
    protocol_error,
)
from .session import RemoteSession

_log = logging.getLogger(__name__)

MAX_CONNECTIONS = 1000
_LOGIN_SECONDS = 10.0
"""Time in which a client has to have logged in; the server manual's ``connect_timeout``."""
_RETRY_SECONDS = 0.05
_MAX_STATEMENTS = 16382
"""Prepared statements of a connection; the server manual's ``max_prepared_stmt_count``."""
_PARAMETER = LONGTEXT.column("?")


class MySQLFront:
    """Listens on 127.0.0.1 and serves ``engine`` to ``users``.

    ``port`` 0 picks a free one.  ``tls`` is offered to clients when given; without it one that
    insists is turned away.  ``method`` is the authentication method that is proposed:
    ``mysql_native_password`` or ``caching_sha2_password``; a client may choose the other one.
    Raises ``OSError`` when the port cannot be bound.
    """

    def __init__(
        self,
        engine: Engine,
        users: Users,
        *,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        method: str = NATIVE,
    ) -> None:
        if method not in METHODS:
            raise ValueError(f"{method!r} is none of the methods {', '.join(METHODS)}")
        self.engine = engine
        self.authenticator = Authenticator(users, method, tls)
        self.started = time.monotonic()
        self._connections: dict[int, Connection] = {}
        self._lock = threading.Lock()
        self._is_closed = False
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name="mysql-front", daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                if self._is_closed:
                    return
                time.sleep(_RETRY_SECONDS)  # no file descriptor left, for example
                continue
            connection = Connection(self, sock, next(self.engine.ids))
            with self._lock:
                is_full = len(self._connections) >= MAX_CONNECTIONS
                if not is_full:
                    self._connections[connection.number] = connection
            if is_full:
                connection.refuse()
                continue
            try:
                connection.thread.start()
            except RuntimeError:  # the system has no thread left
                self.forget(connection)
                connection.refuse()

    @property
    def threads(self) -> int:
        """Number of connections."""
        return len(self._connections)

    def forget(self, connection: Connection) -> None:
        """A connection has ended."""
        with self._lock:
            self._connections.pop(connection.number, None)

    def kill(self, number: int) -> None:
        """End a connection; raises 1094 if there is none of that number."""
        with self._lock:
            connection = self._connections.get(number)
        if connection is None:
            raise protocol_error(1094, f"Unknown thread id: {number}")
        connection.kill()

    def close(self) -> None:
        """Stop listening, interrupt what runs, end all connections.  Idempotent."""
        self._is_closed = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            connections = list(self._connections.values())
        for connection in connections:
            connection.kill()
        for connection in connections:
            connection.thread.join(2)


class Connection:
    """One client."""

    def __init__(self, front: MySQLFront, sock: socket.socket, number: int) -> None:
        self.number = number
        """What CONNECTION_ID() says and KILL takes."""
        self.thread = threading.Thread(target=self._run, name=f"mysql-{number}", daemon=True)
        self._front = front
        self._stream = PacketStream(sock)
        self._session: RemoteSession | None = None
        self._login = Login("", "", 0, b"")
        self._flags = 0
        self._statements: dict[int, Prepared] = {}
        self._last_statement = 0
        self._killed = False
        self._commands: dict[int, Callable[[bytes], None]] = {
            0x02: self._init_db,
            0x03: self._query,
            0x04: self._field_list,
            0x09: self._statistics,
            0x0C: self._process_kill,
            0x0D: self._debug,
            0x0E: self._ping,
            0x11: self._change_user,
            0x16: self._prepare,
            0x17: self._execute,
            0x18: self._send_long_data,
            0x19: self._close_statement,
            0x1A: self._reset_statement,
            0x1B: self._set_option,
            0x1F: self._reset_connection,
        }

    # -- life ------------------------------------------------------------------------------

    def refuse(self) -> None:
        """Turn the client away: there are too many."""
        with contextlib.suppress(OSError):
            self._error(protocol_error(1040, "Too many connections"))
            self._stream.flush()
        self._stream.sock.close()

    def kill(self) -> None:
        """End the connection from another thread, interrupting its statement."""
        self._killed = True
        if self._session is not None:
            self._session.interrupt()
        with contextlib.suppress(OSError):
            # Not SSLSocket's own, which would have a thread that still writes go on in clear text.
            socket.socket.shutdown(self._stream.sock, socket.SHUT_RDWR)

    def _run(self) -> None:
        try:
            sock = self._stream.sock
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(_LOGIN_SECONDS)
            if self._log_in():
                self._stream.sock.settimeout(None)
                self._serve()
        except (Disconnected, OSError):
            pass  # the client is gone, which is how connections end
        finally:
            if self._session is not None:
                self._session.end()
            self._stream.sock.close()
            self._front.forget(self)  # last: close() waits for those it knows

    def _log_in(self) -> bool:
        """Whether the client may go on; everybody else is told why and sent away."""
        try:
            login = self._front.authenticator.log_in(self._stream, self.number)
            self._open_session(login)
        except OutOfOrder:
            self._out_of_order()
            return False
        except Error as exc:
            self._error(exc)
            self._stream.flush()
            return False
        self._ok()
        self._stream.flush()
        return True

    def _open_session(self, login: Login) -> None:
        engine = share(self._front.engine)
        try:
            self._session = RemoteSession(
                engine,
                self.number,
                database=login.database,
                user=login.user,
                found_rows=bool(login.capabilities & packets.FOUND_ROWS),
                local_infile=bool(login.capabilities & packets.LOCAL_FILES),
                upload=self._upload,
                disconnect=self._front.kill,
            )
        except BaseException:
            engine.release()
            raise
        self._login = login
        self._flags = login.capabilities

    @property
    def session(self) -> RemoteSession:
        """The session; there is one after login."""
        if self._session is None:
            raise Disconnected
        return self._session

    def _serve(self) -> None:
        """Answer commands until the client leaves or is killed."""
        stream = self._stream
        while not self._killed:
            stream.sequence = 0
            try:
                payload = stream.receive(int(self.session.variable("max_allowed_packet")))
            except OutOfOrder:
                self._out_of_order()
                return
            except Error as exc:  # too long to be read: there is no way back to its end
                self._error(exc)
                stream.flush()
                return
            if payload[:1] == b"\x01":  # COM_QUIT
                return
            try:
                self._command(payload)
            except OutOfOrder:
                self._out_of_order()
                return
            stream.flush()

    def _command(self, payload: bytes) -> None:
        try:
            command = self._commands.get(payload[0]) if payload else None
            if command is None:
                raise protocol_error(1047, "Unknown command")
            command(payload[1:])
        except Error as exc:
            self._error(exc)
        except duckdb.Error as exc:
            self._error(from_duckdb(exc))
        except (Disconnected, OutOfOrder, OSError):
            raise
        except Exception as exc:
            # A defect of this program: the client learns of it and keeps its connection.
            _log.exception("a command failed")
            self._error(error(1105, f"embedded engine: internal error ({type(exc).__name__})"))

    def _out_of_order(self) -> None:
        self._error(protocol_error(1156, "Got packets out of order"))
        self._stream.flush()

    # -- answers ---------------------------------------------------------------------------

    def _status(self, more: bool) -> int:
        session = self.session
        status = packets.STATUS_MORE_RESULTS if more else 0
        if session.autocommit:
            status |= packets.STATUS_AUTOCOMMIT
        if session.transaction.active:
            status |= packets.STATUS_IN_TRANS
        if not session.backslash:
            status |= packets.STATUS_NO_BACKSLASH_ESCAPES
        return status

    def _ok(
        self, affected: int = 0, insert_id: int = 0, *, more: bool = False, head: bytes = b"\0"
    ) -> None:
        warnings = min(len(self.session.warnings), 0xFFFF)
        self._stream.send(
            head + lenenc(affected) + lenenc(insert_id)
            + struct.pack("<HH", self._status(more), warnings)
        )  # fmt: skip

    def _eof(self, *, more: bool = False) -> None:
        warnings = min(len(self.session.warnings), 0xFFFF)
        self._stream.send(b"\xfe" + struct.pack("<HH", warnings, self._status(more)))

    def _end_of_rows(self, *, more: bool) -> None:
        if self._flags & packets.DEPRECATE_EOF:
            self._ok(more=more, head=b"\xfe")
        else:
            self._eof(more=more)

    def _end_of_columns(self) -> None:
        if not self._flags & packets.DEPRECATE_EOF:
            self._eof()

    def _error(self, exc: Exception) -> None:
        errno = getattr(exc, "errno", None) or 1105
        state = getattr(exc, "sqlstate", None) or "HY000"
        message = str(getattr(exc, "errmsg", None) or exc)
        hint = getattr(exc, "hint", None)
        if hint:
            message += f" ({hint})"
        data = message.encode("utf-8", "replace")[:4096]
        self._stream.send(b"\xff" + struct.pack("<H", errno) + b"#" + state.encode() + data)

    # -- statements ------------------------------------------------------------------------

    def _query(self, body: bytes) -> None:
        sql = body.decode("utf-8", "surrogateescape")
        self._run_text(sql, multiple=bool(self._flags & packets.MULTI_STATEMENTS), binary=False)

    def _run_text(self, sql: str, *, multiple: bool, binary: bool) -> None:
        session = self.session
        session.is_busy = True
        try:
            parsers = session.split(sql, multiple=multiple)
            for position, parser in enumerate(parsers, 1):
                for outcome, follows in session.results(parser):
                    more = follows or position < len(parsers)
                    if isinstance(outcome, Changed):
                        self._ok(max(outcome.affected, 0), outcome.last_insert_id, more=more)
                    else:
                        self._result(outcome, more=more, binary=binary)
            self._stream.flush()
        finally:
            session.is_busy = False

    def _result(self, selected: Selected, *, more: bool, binary: bool) -> None:
        stream = self._stream
        # The first rows are fetched before anything is said: most errors come with them, and a
        # client that has read column definitions is not expected to cope with one well.
        rows: Generator[list[bytes], None, None]
        rows = self._binary(selected) if binary else self.session.payloads(selected)
        with contextlib.closing(rows):
            payloads = next(rows, None)
            stream.send(lenenc(len(selected.columns)))
            self._columns(selected)
            while payloads is not None:
                stream.send_all(payloads)
                payloads = next(rows, None)
        self._end_of_rows(more=more)

    def _binary(self, selected: Selected) -> Generator[list[bytes], None, None]:
        encoders = binary_encoders(selected)
        with contextlib.closing(self.session.columns(selected)) as batches:
            for batch in batches:
                yield binary_rows(encoders, batch)

    def _columns(self, selected: Selected) -> None:
        extended = self.session.is_extended
        self._stream.send_all([column_definition(c, extended=extended) for c in selected.columns])
        self._end_of_columns()

    def _upload(self, name: str) -> Iterator[bytes]:
        """Ask the client for a file; yield its pieces.

        Nothing is asked before the first piece is wanted.  Whatever happens then, the client
        sends everything, so everything is read.
        """
        stream = self._stream
        stream.send(b"\xfb" + name.encode("utf-8", "surrogateescape"))
        stream.flush()
        limit = int(self.session.variable("max_allowed_packet"))
        finished = False
        try:
            while True:
                piece = stream.receive(limit)
                if not piece:
                    finished = True
                    return
                yield piece
        finally:
            while not finished:
                finished = not stream.receive(limit)

    # -- small commands --------------------------------------------------------------------

    def _init_db(self, body: bytes) -> None:
        name = body.decode("utf-8", "replace")
        if not name:
            raise error(1046, "No database selected")
        self.session.use(name)
        self._ok()

    def _field_list(self, body: bytes) -> None:
        raise error(1235, "embedded engine: COM_FIELD_LIST is not supported; use SHOW COLUMNS")

    def _statistics(self, body: bytes) -> None:
        uptime = int(time.monotonic() - self._front.started)
        self._stream.send(f"Uptime: {uptime}  Threads: {self._front.threads}".encode())

    def _process_kill(self, body: bytes) -> None:
        number = Reader(body).integer(4)
        if number == self.number:
            raise error(1317, "Query execution was interrupted")
        self._front.kill(number)
        self._ok()

    def _debug(self, body: bytes) -> None:
        self._eof()

    def _ping(self, body: bytes) -> None:
        self._ok()

    def _set_option(self, body: bytes) -> None:
        option = Reader(body).integer(2)
        if option > 1:
            raise protocol_error(1047, "Unknown command")
        self._flags &= ~packets.MULTI_STATEMENTS
        if option == 0:
            self._flags |= packets.MULTI_STATEMENTS
        self._eof()

    def _reset_connection(self, body: bytes) -> None:
        session = self.session
        self._restart(replace(self._login, database=session.database))
        self._ok()

    def _change_user(self, body: bytes) -> None:
        try:
            login = self._front.authenticator.change_user(self._stream, body, self._login)
            self._restart(login)
        except Error as exc:  # as at login, whoever fails is sent away
            self._error(exc)
            self._stream.flush()
            raise Disconnected from exc
        self._ok()

    def _restart(self, login: Login) -> None:
        """Begin a new session in the place of the old one."""
        old, self._session = self.session, None
        self._statements.clear()
        old.end()
        self._open_session(login)

    # -- prepared statements ---------------------------------------------------------------

    def _prepare(self, body: bytes) -> None:
        session = self.session
        if len(self._statements) >= _MAX_STATEMENTS:
            raise protocol_error(
                1461, f"Can't create more than {_MAX_STATEMENTS} prepared statements"
            )
        sql = body.decode("utf-8", "surrogateescape")
        pieces, at = [], 0
        for token in tokenize(sql, backslash=session.backslash):
            if token.word == "?":
                pieces.append(sql[at : token.start])
                at = token.end
        prepared = Prepared([*pieces, sql[at:]])
        selected = self._describe(prepared)
        columns = selected.columns if selected else ()
        self._last_statement += 1
        number = self._last_statement
        self._statements[number] = prepared
        self._stream.send(
            struct.pack("<BIHHBH", 0, number, len(columns), prepared.parameters, 0, 0)
        )
        if prepared.parameters:
            parameter = column_definition(_PARAMETER, extended=False)
            self._stream.send_all([parameter] * prepared.parameters)
            self._end_of_columns()
        if selected:
            self._columns(selected)

    def _describe(self, prepared: Prepared) -> Selected | None:
        """Describe the result that a statement will have, as far as that is known."""
        try:
            return self.session.describe(prepared.bind(["1"] * prepared.parameters))
        except Error as exc:
            # A made-up parameter may be unfit where the client's own will do.
            if exc.errno in (1046, 1049, 1054, 1064, 1065, 1146, 1305) or not prepared.parameters:
                raise
            return None

    def _statement(self, number: int, command: str) -> Prepared:
        found = self._statements.get(number)
        if found is None:
            raise protocol_error(
                1243, f"Unknown prepared statement handler ({number}) given to {command}"
            )
        return found

    def _execute(self, body: bytes) -> None:
        reader = Reader(body)
        prepared = self._statement(reader.integer(4), "EXECUTE")
        reader.take(5)  # cursor type, of which there is none, and the number of iterations: 1
        try:
            literals = prepared.literals(reader, backslash=self.session.backslash)
        finally:
            prepared.long_data.clear()
        self._run_text(prepared.bind(literals), multiple=False, binary=True)

    def _send_long_data(self, body: bytes) -> None:
        # The protocol has no answer to this command; what is wrong shows at EXECUTE.
        reader = Reader(body)
        prepared = self._statements.get(reader.integer(4))
        position = reader.integer(2)
        if prepared is not None:
            data = prepared.long_data.setdefault(position, bytearray())
            if len(data) + len(body) > MAX_LONG_DATA:
                raise Disconnected
            data += reader.rest()

    def _close_statement(self, body: bytes) -> None:
        self._statements.pop(Reader(body).integer(4), None)  # the protocol has no answer

    def _reset_statement(self, body: bytes) -> None:
        self._statement(Reader(body).integer(4), "RESET").long_data.clear()
        self._ok()
