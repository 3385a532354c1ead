"""Packets on a socket that is through with the handshake.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html

Reads are as large as what the server has sent, not as what it announces: memory grows with bytes
received.  After any failure the socket is closed; a half-read answer can never be taken for the
next one.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence
from enum import IntEnum

from singlestoredb.exceptions import InternalError

from . import errors

MAX_PAYLOAD = 0xFFFFFF
"""Longest payload of one packet; a longer one continues in the next."""
MOST_COLUMNS = 65_535
"""Columns that a result can have: a prepared statement's answer counts them in 16 bits."""

_RECEIVE_LEAST = 8_192
_RECEIVE_MOST = 262_144
"""Bytes asked for at a time: few at first, since each request is a block of memory that a point
query would only fault in and give back; more when an answer fills it."""


class Command(IntEnum):
    """Commands that the client sends."""

    QUIT = 0x01
    INIT_DB = 0x02
    QUERY = 0x03
    PING = 0x0E
    RESET_CONNECTION = 0x1F


class Wire:
    """Reads and writes packets.  Used by one thread at a time."""

    def __init__(
        self, sock: socket.socket, read_timeout: float | None, write_timeout: float | None
    ) -> None:
        self._socket: socket.socket | None = sock
        self._buffer = b""
        self._position = 0
        self._sequence = 0
        self._receive_size = _RECEIVE_LEAST
        self._write_timeout = write_timeout
        self.limit_reading(read_timeout)

    def limit_reading(self, seconds: float | None) -> None:
        """Set how long to wait for bytes; nothing is left to read when it is changed."""
        self._read_timeout = seconds
        # One time-out serves both directions unless they differ.
        self._switch_timeouts = seconds != self._write_timeout
        self._sock().settimeout(seconds)

    @property
    def is_open(self) -> bool:
        """Whether the socket is there."""
        return self._socket is not None

    def fileno(self) -> int:
        """Return the socket's file descriptor."""
        return self._sock().fileno()

    def _sock(self) -> socket.socket:
        if self._socket is None:
            raise errors.gone("the connection was closed")
        return self._socket

    # -- writing --

    def send_command(self, command: Command, argument: bytes = b"") -> None:
        """Send a command; its answer is read next."""
        if self._position < len(self._buffer):
            # Whatever is left here belongs to nobody's question.
            self.abort()
            raise InternalError(None, "the server sent more than it was asked for")
        self._sequence = 0
        self._receive_size = _RECEIVE_LEAST
        payload = bytes((command,)) + argument
        if len(payload) < MAX_PAYLOAD:
            self._sequence = 1
            self._send(len(payload).to_bytes(3, "little") + b"\0" + payload)
        else:
            self.send_payload(payload)

    def send_commands(self, command: Command, arguments: Sequence[bytes]) -> None:
        """Send short commands at once; :meth:`expect_answer` begins the answer of each."""
        payloads = [bytes((command,)) + argument for argument in arguments]
        self._send(b"".join([len(p).to_bytes(3, "little") + b"\0" + p for p in payloads]))

    def expect_answer(self) -> None:
        """Begin the next answer: its packets are numbered from 1."""
        self._sequence = 1

    def send_payload(self, payload: bytes) -> None:
        """Send a payload as the next packets of the exchange; an empty one is a packet too."""
        start = 0
        while True:
            part = payload[start : start + MAX_PAYLOAD]
            header = len(part).to_bytes(3, "little") + bytes((self._sequence,))
            self._sequence = (self._sequence + 1) & 0xFF
            self._send(header + part)
            start += len(part)
            if len(part) < MAX_PAYLOAD:
                return

    def _send(self, data: bytes) -> None:
        sock = self._sock()
        try:
            if self._switch_timeouts:
                sock.settimeout(self._write_timeout)
            sock.sendall(data)
            if self._switch_timeouts:
                sock.settimeout(self._read_timeout)
        except OSError as exc:
            self.abort()
            raise errors.gone(exc) from exc
        except BaseException:
            self.abort()
            raise

    # -- reading --

    def read_packet(self) -> bytes:
        """Return the next payload, whole.

        Raises ``OperationalError`` 2013 when the connection is lost, ``InternalError`` when packets
        are out of sequence; the socket is closed then.
        """
        parts: list[bytes] = []
        while True:
            buffer, start = self._buffer, self._position
            if len(buffer) - start < 4:
                buffer, start = self._fill(4), 0
            length = buffer[start] | buffer[start + 1] << 8 | buffer[start + 2] << 16
            if buffer[start + 3] != self._sequence:
                self._out_of_sequence(buffer[start + 3])
            self._sequence = (self._sequence + 1) & 0xFF
            end = start + 4 + length
            if len(buffer) < end:
                buffer, start, end = self._fill(4 + length), 0, 4 + length
            self._position = end
            payload = buffer[start + 4 : end]
            if length < MAX_PAYLOAD:
                return b"".join([*parts, payload]) if parts else payload
            parts.append(payload)

    def read_rows(self, limit: int | None) -> tuple[list[bytes], bytes | None]:
        """Return the payloads of at most ``limit`` rows, and the packet that ended them.

        The second value is ``None`` when ``limit`` was reached first.  Raises the server's error
        when that is what ended the rows.
        """
        rows: list[bytes] = []
        append = rows.append
        while limit is None or len(rows) < limit:
            # read_packet in line: this loop runs once per row.
            buffer, start = self._buffer, self._position
            if len(buffer) - start < 4:
                buffer, start = self._fill(4), 0
            length = buffer[start] | buffer[start + 1] << 8 | buffer[start + 2] << 16
            end = start + 4 + length
            if length == MAX_PAYLOAD or len(buffer) < end:
                payload = self.read_packet()
            else:
                if buffer[start + 3] != self._sequence:
                    self._out_of_sequence(buffer[start + 3])
                self._sequence = (self._sequence + 1) & 0xFF
                self._position = end
                payload = buffer[start + 4 : end]
            if payload[:1] >= b"\xfe":
                if payload[0] == 0xFF:
                    raise errors.from_packet(payload)
                if len(payload) < 9:
                    return rows, payload
            append(payload)
        return rows, None

    def _fill(self, needed: int) -> bytes:
        """Receive until ``needed`` bytes are there, and return the buffer, which starts with
        them."""
        sock = self._sock()
        parts = [self._buffer[self._position :]]
        missing = needed - len(parts[0])
        size = self._receive_size
        try:
            while missing > 0:
                data = sock.recv(size)
                if len(data) == size:
                    size = self._receive_size = min(size * 2, _RECEIVE_MOST)
                elif not data:
                    raise ConnectionError("the server closed the connection")
                parts.append(data)
                missing -= len(data)
        except OSError as exc:
            self.abort()
            raise errors.lost(exc) from exc
        except BaseException:  # Ctrl-C amid an answer: the rest of it must never be read
            self.abort()
            raise
        self._buffer = b"".join(parts)
        self._position = 0
        return self._buffer

    def _out_of_sequence(self, got: int) -> None:
        expected = self._sequence
        self.abort()
        if got == 0:
            # What a server says of its own accord, such as that it shuts down.
            raise errors.lost("packet sequence number is 0")
        raise InternalError(None, f"Packet sequence number wrong - got {got} expected {expected}")

    # -- closing --

    def interrupt(self) -> None:
        """End the wait of whoever reads or writes; from any thread.

        That one closes the socket: its number must not be given to another file while it is used.
        """
        sock = self._socket
        if sock is not None:
            with contextlib.suppress(OSError):
                # Not SSLSocket's: it would take the TLS state from under the reader.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def release(self) -> socket.socket:
        """Return the socket, which is then the caller's; the wire is closed."""
        sock = self._sock()
        self._socket = None
        self.abort()
        return sock

    def abort(self) -> None:
        """Close the socket without a word.  Idempotent."""
        sock, self._socket = self._socket, None
        self._buffer, self._position = b"", 0
        if sock is not None:
            sock.close()

    def close(self) -> None:
        """Say goodbye and close the socket.  Idempotent."""
        sock = self._socket
        if sock is None:
            return
        try:
            sock.sendall(b"\x01\x00\x00\x00\x01")
        except OSError:
            pass  # nobody is there to say goodbye to
        finally:
            self.abort()
