"""The small parts that guard a connection, each by itself: what is sent, read, and refused."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import queue
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest
from pymysql.constants import CLIENT

import singlestoredb as s2
from singlestoredb import dialing
from singlestoredb_hookspecs import ConnectionParams
from singlestoredb_plugins.mysql import authentication, errors, handshake, infile, login
from singlestoredb_plugins.mysql.wire import MAX_PAYLOAD, Command, Wire

from .rogue import CAPABILITIES, error, greeting

Pair = tuple[socket.socket, socket.socket]
SOON = 10.0
"""Seconds by which everything here is over, on however busy a machine."""


def packet(payload: bytes, sequence: int = 0) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes((sequence & 255,)) + payload


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Return both ends of a connection: the client's and the server's."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(SOON)
    with ours, theirs:
        yield ours, theirs


# -- what a load sends -----------------------------------------------------------------------


def test_pieces_are_cut_and_joined() -> None:
    cutter = infile.Cutter(4)
    assert cutter.add(b"abc") == []
    assert cutter.add(bytearray(b"d")) == [b"abcd"], "a full packet does not wait for more"
    assert cutter.rest() == []
    assert cutter.add("efghij") == [b"efgh"]
    assert cutter.add(memoryview(b"klmno")) == [b"ijkl"]
    assert cutter.rest() == [b"mno"]


@pytest.mark.parametrize("most", [1, 0, -5])
def test_packets_have_a_byte_at_least(most: int) -> None:
    assert infile.Cutter(most).add(b"abc") == [b"a", b"b", b"c"]


def test_packets_have_64_kib_at_most() -> None:
    assert [len(p) for p in infile.Cutter(2**30).add(b"x" * 200_000)] == [65_536] * 3


def test_a_piece_is_bytes_or_text() -> None:
    with pytest.raises(s2.OperationalError, match="a piece of type int") as caught:
        infile.Cutter(4).add(5)
    assert caught.value.errno == 1017


class _Reader:
    def __init__(self) -> None:
        self.pieces = iter([b"ab", "c", b""])

    def read(self, size: int) -> Any:
        assert size == 65_536
        return next(self.pieces)


def _queue() -> queue.Queue[Any]:
    filled: queue.Queue[Any] = queue.Queue()
    for piece in (b"ab", "c", None):
        filled.put(piece)
    return filled


@pytest.mark.parametrize(
    "source",
    [
        *(lambda: b"abc", lambda: "abc", lambda: bytearray(b"abc"), lambda: memoryview(b"abc")),
        *(lambda: io.BytesIO(b"abc"), lambda: io.StringIO("abc"), _Reader, _queue),
        *(lambda: _Reader().read, lambda: iter([b"a", "", b"bc"]), lambda: ["a", b"bc"]),
    ],
)
def test_what_may_be_a_stream(source: Callable[[], Any]) -> None:
    assert b"".join(infile.packets(":stream:", source(), 2)) == b"abc"
    assert list(infile.packets(":stream:", source(), 2)) == [b"ab", b"c"]


def test_what_may_not(tmp_path: Path) -> None:
    for stream, message in ((None, "no stream was supplied"), (5, "of type int is unrecognized")):
        with pytest.raises(s2.OperationalError, match=message) as caught:
            infile.packets(":stream:", stream)
        assert caught.value.errno == 1017
    missing = str(tmp_path / "missing")
    with pytest.raises(s2.OperationalError, match=r"Can't find file .*No such file") as caught:
        infile.packets(missing, b"not this")
    assert caught.value.errno == 1017
    named = tmp_path / "named"
    named.write_bytes(b"contents")
    assert list(infile.packets(str(named), b"not this")) == [b"contents"]


def test_a_load_that_is_switched_off_sends_nothing() -> None:
    with pytest.raises(s2.OperationalError, match="is switched off") as caught:
        next(infile.switched_off())
    assert caught.value.errno == 1148


@pytest.mark.parametrize(
    ("literal", "name"),
    [
        ("'it''s'", "it's"),
        ('"a""b"', 'a"b'),
        ("""'a""b'""", 'a""b'),
        (r"'a\'b'", "a'b"),
        (r"'\n\t\r\0\b\Z\\\x'", "\n\t\r\0\b\x1a\\x"),
        ("'a\\\nb'", "a\nb"),
        ("'x'", "x"),
        ("''", ""),
    ],
)
def test_names_of_files(literal: str, name: str) -> None:
    sql = f"LOAD DATA LOCAL INFILE {literal} INTO TABLE t"
    assert infile.named_files(sql) == infile.named_files(sql, True) == [name]


# -- the common login ------------------------------------------------------------------------


def of(**settings: Any) -> ConnectionParams:
    return ConnectionParams(**{"user": "u", "host": "h", "port": 1, **settings})


@pytest.mark.parametrize(
    ("settings", "common"),
    [
        ({}, True),
        ({"unix_socket": "/s", "host": None, "port": None}, True),
        ({"charset": "utf8"}, False),
        ({"user": None}, False),
        ({"host": None}, False),
        ({"port": None}, False),
        ({"ssl": True}, False),
        ({"ssl_verify_cert": True}, False),
        ({"ssl_verify_cert": True, "ssl_disabled": True}, True),
        ({"auth_plugin_map": {"a": "b"}}, False),
        ({"client_flag": 1}, False),
        ({"credential_type": "jwt"}, False),
        ({"ssl_disabled": True}, True),
    ],
)
def test_which_logins_are_common(settings: dict[str, Any], common: bool) -> None:
    assert login.is_common(of(**settings)) is common


NATIVE = b"mysql_native_password"


def test_a_greeting_is_read() -> None:
    for rest in (b"", b"\x00"):
        server = login._greeting(packet(greeting(0x12_34_56_78 | login._NEEDED) + rest))
        assert server is not None
        assert server.version == "8.0.30"
        assert server.connection_id == 7
        assert server.capabilities == 0x12_34_56_78 | login._NEEDED
        assert server.status == 2
        assert server.salt == b"12345678123456789012"
    shortest = login._greeting(packet(b"\x0a\x00" + greeting()[8:]))
    assert shortest is not None
    assert shortest.version == ""


GOOD = greeting()
LENGTH_OF_SALT = GOOD.index(b"\x15\x00")


@pytest.mark.parametrize(
    "said",
    [
        packet(GOOD, 1),
        packet(b"\x09" + GOOD[1:]),
        packet(b"\x0a" + b"8" * 50),
        packet(GOOD) + b"\x00",
        packet(GOOD + b"x"),
        packet(GOOD)[:-1],
        packet(GOOD[:40]),
        packet(greeting(plugin=b"caching_sha2_password")),
        packet(greeting(plugin=NATIVE + b"2")),
        packet(GOOD[:LENGTH_OF_SALT] + b"\x14" + GOOD[LENGTH_OF_SALT + 1 :]),
        packet(GOOD[:LENGTH_OF_SALT] + b"\x16" + GOOD[LENGTH_OF_SALT + 1 :]),
        *(packet(greeting(CAPABILITIES & ~(1 << bit))) for bit in (9, 15, 19, 21)),
    ],
)
def test_a_greeting_that_is_not_common(said: bytes) -> None:
    assert login._greeting(said) is None


def test_passwords_are_scrambled() -> None:
    salt = b"12345678123456789012"
    once = hashlib.sha1(b"s3cret").digest()
    salted = hashlib.sha1(salt + hashlib.sha1(once).digest()).digest()
    expected = (int.from_bytes(once, "big") ^ int.from_bytes(salted, "big")).to_bytes(20, "big")
    assert login._scrambled(b"s3cret", salt) == expected
    assert login._scrambled(b"", salt) == b""


def test_lengths_are_counted() -> None:
    assert login._counted(b"") == b"\x00"
    assert login._counted(b"x" * 250) == b"\xfa" + b"x" * 250
    assert login._counted(b"x" * 251) == b"\xfc\xfb\x00" + b"x" * 251
    assert login._counted(b"x" * 65535) == b"\xfc\xff\xff" + b"x" * 65535


@pytest.mark.parametrize(
    ("settings", "offered", "flags"),
    [
        ({}, 0, 0),
        ({"database": "db"}, 0, 1 << 3),
        ({"multi_statements": True}, 0, 1 << 16),
        ({"client_found_rows": True}, 0, 1 << 1),
        ({}, 1 << 20, 1 << 20),
        ({"database": "db"}, 1 << 20 | 1 << 23, 1 << 3 | 1 << 20),
    ],
)
def test_what_a_login_sends(settings: dict[str, Any], offered: int, flags: int) -> None:
    server = login._Server("8", 7, offered, 2, b"12345678123456789012")
    sent = login._login(of(password="s3cret", program_name="kit", **settings), server)
    assert sent[:4] == (len(sent) - 4).to_bytes(3, "little") + b"\x01"
    base = sum(1 << bit for bit in (0, 2, 7, 9, 13, 15, 17, 19, 21))
    assert struct.unpack("<IIB", sent[4:13]) == (base | flags, 0xFFFFFF, 45)
    assert sent[13:36] == bytes(23)
    rest = sent[36:]
    head = b"u\x00\x14" + login._scrambled(b"s3cret", server.salt)
    head += b"db\x00" * bool(settings.get("database")) + NATIVE + b"\x00"
    assert rest.startswith(head)
    told = rest[len(head) :]
    if not offered:
        assert told == b""
        return
    assert told[0] == len(told) - 1
    texts = []
    told = told[1:]
    while told:
        texts.append(told[1 : told[0] + 1].decode())
        told = told[told[0] + 1 :]
    assert dict(zip(texts[::2], texts[1::2], strict=True)) == {
        "_os": sys.platform,
        "_pid": str(os.getpid()),
        "_client_name": "SingleStoreDB Python Client",
        "_client_version": s2.__version__,
        "program_name": "kit",
    }


def test_packets_of_a_login_are_received_whole(pair: Pair) -> None:
    ours, theirs = pair

    def send() -> None:
        for part in (b"\x05\x00", b"\x00\x07", b"ab", b"cde"):
            theirs.sendall(part)
            time.sleep(0.01)

    thread = threading.Thread(target=send)
    thread.start()
    assert login._receive(ours, time.monotonic() + SOON) == b"\x05\x00\x00\x07abcde"
    thread.join()
    theirs.sendall(b"\x00\x00\x00\x01")
    assert login._receive(ours, time.monotonic() + SOON) == b"\x00\x00\x00\x01"
    theirs.sendall(b"\xff\xff\xff\x00" + b"x" * 4092)
    assert len(login._receive(ours, time.monotonic() + SOON)) == 4096, "no more is waited for"
    theirs.sendall(b"\x05\x00")
    theirs.close()
    with pytest.raises(ConnectionError, match="closed the connection"):
        login._receive(ours, time.monotonic() + SOON)


def logged_in(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, said: bytes, answer: bytes = b"", **settings: Any
) -> tuple[Any, bytes]:
    """Return what comes of a login to a server that greets and answers so, and what it was sent."""
    ours, theirs = pair
    told = [b""]
    monkeypatch.setattr(handshake, "open_socket", lambda *_: ours)

    def play() -> None:
        with contextlib.suppress(OSError):  # the client may be gone, as it should
            theirs.sendall(said)
            if answer:
                told[0] = theirs.recv(10_000)
                theirs.sendall(answer)

    thread = threading.Thread(target=play)
    thread.start()
    try:
        return login.connect(of(**settings), time.monotonic() + SOON), told[0]
    finally:
        thread.join(SOON)


COMMON = packet(greeting(CAPABILITIES))
OFFERS_TLS = packet(greeting(CAPABILITIES | 1 << 11))
FINE = b"\x00\x01\x02\x02\x00\x00\x00"


@pytest.mark.parametrize(
    ("said", "settings", "host_info", "is_secure"),
    [
        (COMMON, {}, "socket h:1", False),
        (OFFERS_TLS, {"ssl_disabled": True}, "socket h:1", False),
        (OFFERS_TLS, {"unix_socket": "/s"}, "Localhost via UNIX socket", True),
    ],
)
def test_the_common_login(
    pair: Pair,
    monkeypatch: pytest.MonkeyPatch,
    said: bytes,
    settings: dict[str, Any],
    host_info: str,
    is_secure: bool,
) -> None:
    got, told = logged_in(pair, monkeypatch, said, packet(FINE, 2), **settings)
    assert isinstance(got, handshake.Greeting)
    assert got.sock is pair[0]
    assert (got.server_version, got.connection_id, got.status) == ("8.0.30", 7, 2)
    assert got.capabilities & CAPABILITIES == CAPABILITIES
    assert (got.encoding, got.host_info, got.is_secure) == ("utf8", host_info, is_secure)
    assert b"u\x00" in told


@pytest.mark.parametrize("said", [OFFERS_TLS, packet(b"\x0a8.0"), COMMON + b"x"])
def test_what_is_left_to_others_before_anything_is_sent(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    got, told = logged_in(pair, monkeypatch, said)
    assert got == login.Said(pair[0], said, False)
    assert told == b""


@pytest.mark.parametrize(
    "answer",
    [
        packet(FINE, 3),
        packet(FINE, 1),
        packet(FINE, 2) + b"x",
        packet(b"\xfemysql_native_password\x00", 2),
        packet(b"", 2),
        packet(b"\x01\x00", 2),
    ],
)
def test_what_is_left_to_others_amid_a_login(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    got, _ = logged_in(pair, monkeypatch, COMMON, answer)
    assert got == login.Said(pair[0], COMMON + answer, True)


def test_failed_logins_leave_no_socket(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(s2.OperationalError, match="go away") as caught:
        logged_in(pair, monkeypatch, COMMON, packet(error(1045, "go away"), 2))
    assert caught.value.errno == 1045
    assert pair[0].fileno() == -1


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ConnectionError])
def test_interrupted_logins_leave_no_socket(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]
) -> None:
    def fail(*_: object) -> Any:
        raise kind

    expected = s2.OperationalError if kind is ConnectionError else kind
    with monkeypatch.context() as patched:
        patched.setattr(login, "_receive", fail)
        with pytest.raises(expected):
            logged_in(pair, patched, COMMON)
    assert pair[0].fileno() == -1
    monkeypatch.setattr(handshake, "open_socket", fail)
    with pytest.raises(expected):
        login.connect(of(), time.monotonic() + SOON)


# -- PyMySQL's part of it --------------------------------------------------------------------


def client(**settings: Any) -> authentication._Client:
    return authentication._Client(of(**settings), None, time.monotonic() + SOON)


def test_names_of_character_sets() -> None:
    assert handshake.codec("utf8mb4") == "utf8"
    assert handshake.codec("latin1") == authentication.codec("latin1") == "cp1252"
    with pytest.raises(s2.NotSupportedError, match="no character set named 'klingon'"):
        handshake.codec("klingon")


def test_what_the_client_asks_for() -> None:
    plain = client().client_flag
    for settings, flag in (
        ({"multi_statements": True}, CLIENT.MULTI_STATEMENTS),
        ({"client_found_rows": True}, CLIENT.FOUND_ROWS),
        ({"client_flag": 1 << 30}, 1 << 30),
    ):
        assert not plain & flag
        assert client(**settings).client_flag == plain | flag


@pytest.mark.parametrize("bit", [5, 11, 23, 24, 28, 29])
def test_what_the_client_does_not_speak(bit: int) -> None:
    with pytest.raises(s2.NotSupportedError, match="does not speak"):
        client(client_flag=1 << bit | 1)


@pytest.mark.parametrize(
    ("raised", "kind", "errno", "message"),
    [
        (pymysql.err.OperationalError(1045, "no"), s2.OperationalError, 1045, "no"),
        (pymysql.err.OperationalError(2013, "lost"), s2.OperationalError, 2003, "'h:1' (lost)"),
        (pymysql.err.OperationalError("odd"), s2.OperationalError, 2003, "'h:1' (odd)"),
        (pymysql.err.OperationalError(1045), s2.OperationalError, 1045, "1045"),
        (pymysql.err.OperationalError(), s2.OperationalError, 2003, "'h:1' ()"),
        (pymysql.err.InternalError("wrong"), s2.InternalError, None, "wrong"),
        (pymysql.err.InternalError(1815, "wrong"), s2.OperationalError, 1815, "wrong"),
    ],
)
def test_errors_of_pymysql(
    raised: Exception, kind: type[s2.Error], errno: int | None, message: str
) -> None:
    made = authentication._translated(raised, client())
    assert type(made) is kind
    assert made.errno == errno
    assert message in str(made)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ConnectionError, IndexError])
def test_interrupted_handshakes_leave_no_socket(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]
) -> None:
    def fail(*_: object) -> None:
        raise kind

    monkeypatch.setattr(handshake, "open_socket", lambda *_: pair[0])
    monkeypatch.setattr(authentication, "open_socket", lambda *_: pair[0])
    monkeypatch.setattr(authentication._Client, "_get_server_information", fail)
    said = (kind, s2.OperationalError, s2.InternalError)
    with pytest.raises(said) as caught:
        authentication.connect(of(), "utf8", None, time.monotonic() + SOON)
    assert isinstance(caught.value, s2.Error) is (kind is not KeyboardInterrupt)
    assert pair[0].fileno() == -1


@pytest.mark.parametrize("version", [9, 11])
def test_other_versions_of_the_protocol_are_refused(pair: Pair, version: int) -> None:
    heard = packet(bytes((version,)) + greeting()[1:])
    with pytest.raises(s2.InternalError, match=f"speaks version {version} of the protocol, not 10"):
        authentication.connect(
            of(), "utf8", login.Said(pair[0], heard, False), time.monotonic() + SOON
        )


@pytest.mark.parametrize(
    ("settings", "host_info", "is_secure"),
    [
        ({"ssl_disabled": True}, "socket h:1", False),
        ({"ssl_disabled": True, "ssl_verify_cert": True}, "socket h:1", False),
        ({"unix_socket": "/s"}, "Localhost via UNIX socket", True),
    ],
)
def test_tls_that_is_offered_and_not_wanted(
    pair: Pair, settings: dict[str, Any], host_info: str, is_secure: bool
) -> None:
    ours, theirs = pair
    told: list[bytes] = []

    def play() -> None:
        told.append(theirs.recv(10_000))
        theirs.sendall(packet(FINE, 2))

    thread = threading.Thread(target=play)
    thread.start()
    said = login.Said(ours, OFFERS_TLS, False)
    got = authentication.connect(of(**settings), "utf8", said, time.monotonic() + SOON)
    thread.join(SOON)
    assert b"u\x00" in told[0], "the login itself, not the wish for TLS"
    assert got.sock is ours
    assert (got.host_info, got.is_secure, got.status) == (host_info, is_secure, 2)
    assert (got.server_version, got.connection_id) == ("8.0.30", 7)


def test_a_server_that_goes_amid_a_handshake(pair: Pair) -> None:
    reading = client()
    reading._sock = pair[0]
    pair[1].sendall(b"a")
    pair[1].close()
    with pytest.raises(pymysql.err.OperationalError, match="closed the connection"):
        reading._read_bytes(2)


def test_no_byte_more_is_read_than_is_asked_for(pair: Pair) -> None:
    reading = client()
    reading._sock, reading.heard = pair[0], b"ab"
    sending = sent(pair[1], b"c" * 65_536 + b"def")
    assert reading._read_bytes(1) == b"a"
    assert reading._read_bytes(3) == b"bcc"
    assert reading._read_bytes(65_536) == b"c" * 65_534 + b"de"
    sending.join(SOON)
    assert pair[0].recv(10) == b"f"
    with pytest.raises(pymysql.err.InternalError, match="a packet of 65537 bytes"):
        reading._read_bytes(65_537)


def test_a_deadline_that_is_over_is_not_waited_for(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialing, "monotonic", lambda: 100.0)
    assert dialing.left(100.5) == 0.5
    for deadline in (100.0, 99.0):
        with pytest.raises(TimeoutError):
            dialing.left(deadline)
        with pytest.raises(TimeoutError):
            login._receive(pair[0], deadline)
        with pytest.raises(TimeoutError):
            dialing._addresses("localhost", 1, deadline)


# -- sockets, and what the server is told ----------------------------------------------------


def test_what_is_set_of_a_socket() -> None:
    wanted = {socket.SOL_SOCKET: {socket.SO_RCVBUF: 8192}}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        params = of(keepalive=31, socket_options=wanted)
        end = time.monotonic() + SOON
        with handshake.open_socket("127.0.0.1", port, None, "127.0.0.2", params, end) as sock:
            assert sock.getsockname()[0] == "127.0.0.2"
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 16384, "Linux doubles it"
            asked = [
                sock.getsockopt(socket.IPPROTO_TCP, option)
                for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            ]
            assert asked == [31, 10, 3]
            assert 0 < (sock.gettimeout() or 0) <= SOON
        with handshake.open_socket("127.0.0.1", port, None, None, of(keepalive=1), end) as sock:
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 1


def test_the_time_is_shared_among_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    def opened(family: int, address: Any, seconds: float, source: Any = None) -> socket.socket:
        waited.append(seconds)
        raise OSError(f"no answer from {address}")

    monkeypatch.setattr(dialing, "monotonic", lambda: 100.0)
    monkeypatch.setattr(dialing, "opened", opened)
    found = [(socket.AF_INET, 0, 0, "", number) for number in (1, 2, 3)]
    monkeypatch.setattr(dialing, "_addresses", lambda *_: found)
    with pytest.raises(OSError, match="no answer from 3"):
        dialing.dial("h", 1, 112.0)
    assert waited == [4.0, 6.0, 12.0]
    found.clear()
    with pytest.raises(OSError, match="'h' has no address"):
        dialing.dial("h", 1, 112.0)


def test_names_that_cannot_be_resolved() -> None:
    for host in ("no such host", "a" * 70 + ".example", "x.invalid"):
        with pytest.raises(OSError, match=r"not known|host|name|label"):
            dialing._addresses(host, 1, time.monotonic() + SOON)
    (first, *_) = dialing._addresses("127.0.0.1", 5, time.monotonic() + SOON)
    assert first[4] == ("127.0.0.1", 5)


def test_a_name_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def ask(host: str, port: int, family: int, kind: int, proto: int, flags: int) -> Any:
        if not flags:
            over.wait(SOON)
        raise socket.gaierror("nobody knows")

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    try:
        with pytest.raises(TimeoutError, match="'slow' was not resolved in time"):
            dialing._addresses("slow", 1, time.monotonic() + 0.05)
    finally:
        over.set()


def test_what_stands_for_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    assert handshake.password(of(password="s3crét")) == "s3crét".encode()
    assert handshake.password(of()) == b""
    monkeypatch.setattr("singlestoredb.auth.get_jwt", lambda user: f"token of {user!r}")
    for user, token in (("me", b"token of 'me'"), (None, b"token of ''")):
        settings = of(user=user, password="s3cret", credential_type="browser_sso")
        assert handshake.password(settings) == token


def test_what_the_server_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told = handshake.attributes(of(conn_attrs={"x": "y", "_os": "mine"}))
    assert (told["x"], told["_os"]) == ("y", sys.platform)
    assert "program_name" not in told
    monkeypatch.setenv("SINGLESTOREDB_WORKLOAD_TYPE", "Job")
    assert handshake.attributes(of())["_client_version"] == f"{s2.__version__}+Job"


@pytest.mark.parametrize(
    "settings",
    [
        *({"ssl": True}, {"ssl_ca": "x"}, {"ssl_cert": "x"}, {"ssl_key": "x"}),
        *({"ssl_verify_cert": True}, {"ssl_verify_identity": True}),
    ],
)
def test_each_parameter_of_tls_asks_for_it(settings: dict[str, Any]) -> None:
    assert handshake.tls_is_required(of(**settings)) is True
    assert handshake.tls_is_required(of(ssl_cipher="HIGH", tls_sni_servername="x")) is False


def test_contexts_differ_where_parameters_do() -> None:
    files = {"ssl_ca": "a", "ssl_cert": "b", "ssl_key": "c", "ssl_cipher": "d"}
    assert handshake.tls_key(of(**files)) == ("a", "b", "c", "d", False, False)
    assert handshake.tls_key(of(ssl_verify_cert=True))[4:] == (True, False)
    assert handshake.tls_key(of(ssl_verify_identity=True))[4:] == (True, True)


# -- packets ---------------------------------------------------------------------------------


def test_commands_have_the_protocols_numbers() -> None:
    """As in include/my_command.h of MySQL."""
    assert {command.name: command.value for command in Command} == {
        "QUIT": 1,
        "INIT_DB": 2,
        "QUERY": 3,
        "PING": 14,
        "RESET_CONNECTION": 31,
    }


def test_commands_are_framed(pair: Pair) -> None:
    ours, theirs = pair
    wire = Wire(ours, None, None)
    wire.send_command(Command.QUERY, b"select 1")
    assert theirs.recv(100) == packet(b"\x03select 1")
    wire.send_commands(Command.QUERY, [b"a", b"bc"])
    assert theirs.recv(100) == packet(b"\x03a") + packet(b"\x03bc")
    wire.close()
    assert theirs.recv(100) == packet(b"\x01")
    assert theirs.recv(100) == b""
    wire.close()
    assert not wire.is_open


def heard(theirs: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        data += theirs.recv(1 << 20)
    return bytes(data)


@pytest.mark.parametrize("excess", [-2, -1, 0, 1])
def test_long_commands_go_on_in_the_next_packet(pair: Pair, excess: int) -> None:
    ours, theirs = pair
    payload = bytes((Command.QUERY,)) + b"x" * (MAX_PAYLOAD + excess)
    expected = packet(payload[:MAX_PAYLOAD])
    if len(payload) >= MAX_PAYLOAD:
        expected += packet(payload[MAX_PAYLOAD:], 1)
    wire = Wire(ours, SOON, SOON)
    got: list[bytes] = []
    thread = threading.Thread(target=lambda: got.append(heard(theirs, len(expected))))
    thread.start()
    wire.send_command(Command.QUERY, payload[1:])
    thread.join(SOON)
    assert got[0] == expected
    theirs.sendall(packet(b"fine", 2 if len(payload) >= MAX_PAYLOAD else 1))
    assert wire.read_packet() == b"fine"


def sent(theirs: socket.socket, data: bytes) -> threading.Thread:
    thread = threading.Thread(target=theirs.sendall, args=(data,))
    thread.start()
    return thread


@pytest.mark.parametrize("excess", [-1, 0, 1])
@pytest.mark.parametrize("as_row", [False, True])
def test_long_payloads_are_put_together(pair: Pair, excess: int, as_row: bool) -> None:
    ours, theirs = pair
    payload = os.urandom(1000) + b"x" * (MAX_PAYLOAD - 1000 + excess)
    payload = b"\x01" + payload[1:]
    data = packet(payload[:MAX_PAYLOAD])
    following = 1
    if excess >= 0:
        data += packet(payload[MAX_PAYLOAD:], 1)
        following = 2
    data += packet(b"next", following) + packet(b"\xfe\x00\x00\x02\x00", following + 1)
    wire = Wire(ours, SOON, SOON)
    thread = sent(theirs, data)
    if as_row:
        rows, end = wire.read_rows(None)
        assert end == b"\xfe\x00\x00\x02\x00"
    else:
        rows = [wire.read_packet(), wire.read_packet()]
    thread.join(SOON)
    assert rows == [payload, b"next"]


def test_rows_of_all_lengths(pair: Pair) -> None:
    ours, theirs = pair
    rows = [b"a" * 255, b"b" * 256, b"", b"c" * 70_000, b"d" * 513, b"\xfd\xff"]
    wire = Wire(ours, SOON, SOON)
    thread = sent(theirs, b"".join(packet(r, n) for n, r in enumerate(rows)))
    assert wire.read_rows(len(rows)) == (rows, None)
    thread.join(SOON)
    theirs.sendall(packet(b"", len(rows)))
    assert wire.read_rows(1) == ([b""], None), "a header is all of it"
    wire._sequence = 0
    rows = [b"e" * 70_000, b"f" * 200_000]
    wire._buffer, wire._position = packet(rows[0]) + packet(rows[1], 1), 0
    assert wire.read_rows(2) == (rows, None), "of what is there already"
    wire._sequence = 0
    longest = b"x" * MAX_PAYLOAD
    wire._buffer, wire._position = packet(longest) + packet(b"yz", 1) + packet(b"a", 2), 0
    assert wire.read_rows(2) == ([longest + b"yz", b"a"], None)


def test_packets_are_numbered_beyond_255(pair: Pair) -> None:
    ours, theirs = pair
    wire = Wire(ours, SOON, SOON)
    theirs.sendall(b"".join(packet(b"%d" % n, n) for n in range(300)))
    assert wire.read_rows(255) == ([b"%d" % n for n in range(255)], None)
    assert [wire.read_packet() for _ in range(3)] == [b"255", b"256", b"257"]
    assert wire.read_rows(42) == ([b"%d" % n for n in range(258, 300)], None)


@pytest.mark.parametrize("by_row", [False, True])
@pytest.mark.parametrize("number", [1, 254, 0])
def test_packets_out_of_turn_end_it(pair: Pair, by_row: bool, number: int) -> None:
    ours, theirs = pair
    wire = Wire(ours, SOON, SOON)
    wire._sequence = 255
    theirs.sendall(packet(b"x", number))
    kind = s2.OperationalError if number == 0 else s2.InternalError
    with pytest.raises(kind, match=f"number is 0|got {number} expected 255"):
        wire.read_rows(None) if by_row else wire.read_packet()
    assert not wire.is_open
    assert ours.fileno() == -1
    with pytest.raises(s2.OperationalError, match="the connection was closed"):
        wire.read_packet()


@pytest.mark.parametrize("length", [1, 5, 8])
def test_rows_end(pair: Pair, length: int) -> None:
    ours, theirs = pair
    wire = Wire(ours, SOON, SOON)
    end = b"\xfe" + bytes(length - 1)
    long_value = b"\xfe" + b"x" * 8
    theirs.sendall(packet(b"\xfb") + packet(long_value, 1) + packet(end, 2))
    assert wire.read_rows(None) == ([b"\xfb", long_value], end)
    wire._sequence = 0
    theirs.sendall(packet(b"a") + packet(error(1317, "stopped"), 1) + packet(b"later", 2))
    with pytest.raises(s2.OperationalError, match="stopped"):
        wire.read_rows(None)
    assert wire.read_packet() == b"later"
    assert wire.read_rows(0) == ([], None)


def test_what_is_left_over_belongs_to_nobody(pair: Pair) -> None:
    ours, theirs = pair
    wire = Wire(ours, SOON, SOON)
    theirs.sendall(packet(b"a") + b"\x00")
    assert wire.read_packet() == b"a"
    with pytest.raises(s2.InternalError, match="more than it was asked for"):
        wire.send_command(Command.PING)
    assert not wire.is_open
    assert theirs.recv(100) == b""


def test_each_direction_has_its_time(pair: Pair) -> None:
    ours, theirs = pair
    wire = Wire(ours, 5.0, 7.0)
    assert ours.gettimeout() == 5.0
    seen: list[float | None] = []

    class Watched:
        def __getattr__(self, name: str) -> Any:
            return getattr(ours, name)

        def sendall(self, data: bytes) -> None:
            seen.append(ours.gettimeout())
            ours.sendall(data)

    wire._socket = Watched()  # type: ignore[assignment]  # as much of a socket as is needed
    wire.send_command(Command.PING)
    assert (seen, ours.gettimeout()) == ([7.0], 5.0)
    theirs.sendall(packet(b"a", 1))
    wire.read_packet()
    wire.limit_reading(7.0)
    wire.send_command(Command.PING)
    assert (seen, ours.gettimeout()) == ([7.0, 7.0], 7.0)
    assert wire.fileno() == ours.fileno()


def test_a_wire_that_was_released_is_closed(pair: Pair) -> None:
    ours, theirs = pair
    wire = Wire(ours, SOON, SOON)
    assert wire.release() is ours
    assert not wire.is_open
    theirs.sendall(b"x")
    assert ours.recv(1) == b"x", "it is the caller's, and open"
    wire.interrupt()
    wire.close()
    with pytest.raises(s2.OperationalError, match="gone away") as caught:
        wire.release()
    assert caught.value.errno == 2006


def test_peers_that_go(pair: Pair) -> None:
    ours, theirs = pair
    wire = Wire(ours, SOON, SOON)
    theirs.sendall(b"\x05\x00\x00\x00ab")
    theirs.close()
    with pytest.raises(s2.OperationalError, match="closed the connection") as caught:
        wire.read_packet()
    assert caught.value.errno == 2013
    assert not wire.is_open


def test_what_cannot_be_sent_is_told_at_once(pair: Pair) -> None:
    wire = Wire(pair[0], SOON, SOON)
    pair[0].shutdown(socket.SHUT_WR)
    with pytest.raises(s2.OperationalError, match=r"gone away .*Broken pipe") as caught:
        wire.send_command(Command.PING)
    assert caught.value.errno == 2006
    assert not wire.is_open


class Interrupted:
    """A socket whose use is ended by Ctrl-C."""

    closed = False

    def settimeout(self, seconds: float | None) -> None:
        """Take it."""

    def sendall(self, data: bytes) -> None:
        raise KeyboardInterrupt

    def recv(self, size: int) -> bytes:
        raise KeyboardInterrupt

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("use", [lambda w: w.send_command(Command.PING), Wire.read_packet])
def test_ctrl_c_closes_the_connection(use: Callable[[Wire], object]) -> None:
    sock: Any = Interrupted()
    wire = Wire(sock, None, None)
    with pytest.raises(KeyboardInterrupt):
        use(wire)
    assert sock.closed
    assert not wire.is_open


def test_an_interrupt_ends_a_wait(pair: Pair) -> None:
    ours, _ = pair
    wire = Wire(ours, SOON, SOON)
    wire.interrupt()
    with pytest.raises(s2.OperationalError) as caught:
        wire.read_packet()
    assert caught.value.errno == 2013


# -- errors ----------------------------------------------------------------------------------


def test_errors_of_the_server() -> None:
    said = errors.from_packet(error(1045, "no\x1b", "28000"))
    assert (said.errno, said.sqlstate, said.errmsg) == (1045, "28000", "no\\x1b")
    said = errors.from_packet(b"\xff\x15\x04" + b"old: no state")
    assert (said.errno, said.sqlstate, said.errmsg) == (1045, None, "old: no state")
    assert isinstance(said, s2.OperationalError)


def test_numbers_of_the_clients_own_errors() -> None:
    found = [errors.unreachable("h:1", "x"), errors.gone("x"), errors.lost("x")]
    assert [one.errno for one in found] == [2003, 2006, 2013]
    assert (errors.CR_SSL_CONNECTION_ERROR, errors.CR_AUTH_PLUGIN_ERR) == (2026, 2061)
