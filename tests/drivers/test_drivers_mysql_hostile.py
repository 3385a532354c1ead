"""Servers that lie: about lengths, about what comes next, about who they are.

Each test plays a server byte for byte.  The rules: one PEP 249 error, no file opened that no
statement named, no password in clear, memory that follows what came, and never an
answer to another question.
"""

from __future__ import annotations

import contextlib
import struct
import time
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb.utils.text import printable
from singlestoredb_plugins.mysql import accelerated
from singlestoredb_plugins.mysql.infile import named_files

from . import rogue as rogues
from .rogue import (
    CAPABILITIES,
    EOF,
    OK,
    Session,
    column,
    error,
    greeting,
    no_file_opened,
    result,
    rogue,
    row,
)

INT = column("a", 3)
HUGE = b"\xfe" + b"\xff" * 8
"""A length of 2**64 - 1."""


@pytest.fixture(autouse=True, params=[1, 0], ids=["pure", "accelerated"])
def _path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test on both paths of the driver."""
    if not request.param and accelerated.find(None) is None:
        pytest.skip("the accelerator was not built")  # tests/accel fail if it could have been
    monkeypatch.setattr(rogues, "pure_python", request.param)


def answering(*payloads: bytes, to: bytes = b"\x03GO") -> Any:
    """Return a server that answers one command with these packets, all others with OK."""

    def play(session: Session) -> None:
        session.log_in()
        session_serves(session, payloads, to)

    return rogue(play)


def session_serves(session: Session, payloads: tuple[bytes, ...], to: bytes) -> None:
    while True:
        command = session.receive()
        if not command or command[0] == 1:
            return
        session.send(*(payloads if command == to else (OK,)))


def greeted(*data: bytes, answer: bytes | None = None) -> Any:
    """Return a server that greets with these bytes, then answers the login with a payload."""
    told: list[bytes] = []

    def play(session: Session) -> None:
        session.sock.sendall(b"".join(data))
        session.sequence = 1
        said = session.receive()
        told.append(said)
        if said and answer is not None:
            session.send(answer)
            told.append(session.receive())

    play.told = told  # type: ignore[attr-defined]
    return play


def packet(payload: bytes, sequence: int = 0) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes((sequence,)) + payload


def refused(play: Callable[[Session], None], options: str = "") -> s2.Error:
    """Return the error with which a login fails, at once."""
    start = time.monotonic()
    with rogue(play) as url, pytest.raises(s2.DatabaseError) as caught:
        s2.connect(f"{url}&connect_timeout=20{options}")
    assert time.monotonic() - start < 15, "it was waited for"
    assert "s3cret" not in str(caught.value)
    return caught.value


# -- greetings -------------------------------------------------------------------------------

GOOD = greeting()


GREETINGS = {
    "nothing but a version": b"\x0a",
    "a version without an end": b"\x0a8.0.30",
    "half a connection number": b"\x0a8.0.30\x00\x01",
    "half a salt": GOOD[:20],
    "half the capabilities": GOOD[:26],
    "protocol 9": b"\x09" + GOOD[1:],
    "protocol 138": b"\x8a" + GOOD[1:],
    "a version that is none": b"\x0aeight\x00" + GOOD[8:],
    "an error without text": b"\xff" * 40,
    "zeros": b"\x00" * 40,
    "an empty packet": b"",
}


@pytest.mark.parametrize("name", GREETINGS)
def test_greetings_that_are_none(name: str) -> None:
    assert str(refused(greeted(packet(GREETINGS[name]))))


def test_an_announced_greeting_of_16_mib_is_not_waited_for() -> None:
    assert "16777215 bytes" in str(refused(greeted(b"\xff\xff\xff\x00" + b"\x0a" * 5000)))


def test_a_greeting_out_of_sequence() -> None:
    assert isinstance(refused(greeted(packet(GOOD, 5))), s2.InternalError)


def test_a_login_by_drops_ends_with_the_time() -> None:
    """Bytes that keep coming do not prolong the time for connecting."""

    def play(session: Session) -> None:
        session.sock.sendall(packet(GOOD + b"x" * 200)[:-200])
        for _ in range(100):
            time.sleep(0.1)
            session.sock.sendall(b"x")

    start = time.monotonic()
    with rogue(play) as url, pytest.raises(s2.OperationalError) as caught:
        s2.connect(f"{url}&connect_timeout=1&charset=utf8")  # PyMySQL's part of the handshake
    assert caught.value.errno == 2003
    assert time.monotonic() - start < 9


# -- the answer to the login -----------------------------------------------------------------


LOGINS = {
    "empty": b"",
    "more data, of which there is none": b"\x01",
    "a switch to the oldest password": b"\xfe",
    "a switch to nothing": b"\xfe\x00",
    "an unknown plugin": b"\xfeno_such_plugin\x00salt",
    "a name without end": b"\xfeunterminated",
    "a file": b"\xfb/etc/passwd",
    "a result set": b"\x03",
}


@pytest.mark.parametrize("name", LOGINS)
def test_answers_to_a_login_that_are_none(name: str) -> None:
    play = greeted(packet(GOOD), answer=LOGINS[name])
    with no_file_opened():
        refused(play)
    assert not any(b"s3cret" in data for data in play.told)


PLUGINS = [
    *(b"mysql_clear_password", b"dialog", b"mysql_old_password", b"sha256_password"),
    *(b"caching_sha2_password", b"client_ed25519", b"authentication_windows_client"),
    *(b"authentication_ldap_sasl_client", b"auth_gssapi_client", b"mysql_native_password"),
]


@pytest.mark.parametrize("plugin", PLUGINS)
@pytest.mark.parametrize("how", ["greeting", "switch"])
def test_no_plugin_makes_the_client_show_the_password(plugin: bytes, how: str) -> None:
    told: list[bytes] = []

    def play(session: Session) -> None:
        session.send(greeting(plugin=plugin if how == "greeting" else b"mysql_native_password"))
        told.append(session.receive())
        session.send(b"\xfe" + plugin + b"\x00" + b"12345678901234567890\x00")
        for _ in range(3):
            told.append(session.receive())
            session.send(b"\x01\x04")  # caching_sha2: the full password is wanted

    with rogue(play) as url, pytest.raises((s2.DatabaseError, RuntimeError)):
        s2.connect(f"{url}&connect_timeout=5")
    assert not any(b"s3cret" in data for data in told)


def test_the_oldest_password_is_refused_by_name() -> None:
    said = refused(greeted(packet(GOOD), answer=b"\xfemysql_old_password\x00saltsalt\x00"))
    assert "before MySQL 4.1" in str(said)
    assert said.errno == 2061


def test_more_than_the_logins_answer() -> None:
    def play(session: Session) -> None:
        session.send(greeting())
        session.receive()
        session.send(OK, OK)
        session.receive()

    with rogue(play) as url, pytest.raises(s2.InternalError, match="more than it was asked for"):
        s2.connect(url)


# -- TLS -------------------------------------------------------------------------------------

OFFERS_TLS = packet(greeting(CAPABILITIES | 0x0800))


@pytest.mark.parametrize("count", [1, 4, 5, 64])
@pytest.mark.parametrize("what", [OK, error(1045, "go away"), b"\xfb/etc/passwd", b"\x16\x03\x03"])
def test_what_is_said_before_tls_is_not_believed(count: int, what: bytes) -> None:
    extra = (packet(what, 1) * 64)[:count] if count < 64 else packet(what, 1)
    play = greeted(OFFERS_TLS + extra)
    with no_file_opened():
        said = refused(play, "&ssl_verify_cert=0")
    assert "go away" not in str(said)
    assert not any(b"user" in data for data in play.told), "not even the name may be sent"


@pytest.mark.parametrize(
    "option",
    ["ssl_ca=x", "ssl_cert=x", "ssl_key=x", "ssl_verify_cert=1", "ssl_verify_identity=1"],
)
@pytest.mark.parametrize("plugin", [b"mysql_native_password", b"caching_sha2_password"])
def test_tls_that_is_asked_for_cannot_be_stripped(option: str, plugin: bytes) -> None:
    play = greeted(packet(greeting(plugin=plugin)))
    said = refused(play, f"&{option}")
    assert "TLS was asked for" in str(said)
    assert play.told == [b""]


def test_an_error_in_place_of_tls_sends_nothing() -> None:
    play = greeted(OFFERS_TLS, answer=error(1045, "no TLS today"))
    refused(play, "&ssl_verify_cert=1")
    assert not any(b"user\x00" in data for data in play.told)


# -- answers to statements: every length lies, every packet is out of place ------------------

TEXT = column("t", 253)
CASES = {
    "rows: more columns than there are": [b"\x05", INT, EOF, row(b"1"), EOF],
    "rows: fewer columns than there are": [b"\x01", INT, INT, EOF, row(b"1"), EOF],
    "rows: 65536 columns": [b"\xfd\x00\x00\x01", INT, EOF],
    "rows: 2**64-1 columns": [HUGE, INT, EOF],
    "rows: no columns": [b"\xfc\x00\x00", EOF, EOF],
    "rows: a count that is cut off": [b"\xfc\x01"],
    "rows: a count and something else": [b"\x01\x02\x03", INT, EOF, row(b"1"), EOF],
    "a column: OK in its place": [b"\x01", OK, EOF, row(b"1"), EOF],
    "a column: a file in its place": [b"\x01", b"\xfb/etc/passwd", EOF, row(b"1"), EOF],
    "a column: empty": [b"\x01", b"", EOF, row(b"1"), EOF],
    "a column: a catalog of 2**64-1 bytes": [b"\x01", HUGE + INT, EOF, row(b"1"), EOF],
    "a column: a catalog of NULL": [b"\x01", b"\xfb" + INT, EOF, row(b"1"), EOF],
    "a column: cut off": [b"\x01", INT[:-5], EOF, row(b"1"), EOF],
    "columns: OK at their end": [b"\x01", INT, OK, row(b"1"), EOF],
    "columns: a row at their end": [b"\x01", INT, row(b"1"), row(b"2"), EOF],
    "columns: an error at their end": [b"\x01", INT, error(1105, "oh")],
    "a row: a value of 2**64-1 bytes": [b"\x01", INT, EOF, b"\xfd\xff\xff\xff1", EOF],
    "a row: a value longer than it": [b"\x01", TEXT, EOF, b"\x10abc", EOF],
    "a row: a length that is cut off": [b"\x01", TEXT, EOF, b"\xfc\x01", EOF],
    "a row: a length of no kind": [b"\x01", TEXT, EOF, b"\xffabc", EOF],
    "a row: too many values": [b"\x02", INT, INT, EOF, row(b"1", b"2", b"3"), EOF],
    "a row: too few values": [b"\x02", INT, INT, EOF, row(b"1"), EOF],
    "OK: cut off": [b"\x00"],
    "OK: no status": [b"\x00\x00\x00"],
    "OK: 2**64-1 bytes of count": [b"\x00\xfe\xff\xff"],
    "OK: a count of NULL": [b"\x00\xfb\x00\x02\x00\x00\x00"],
    "EOF in place of an answer": [EOF],
    "an empty answer": [b""],
    "an error without a number": [b"\xff"],
    "an error cut off amid its state": [b"\xff\x51\x04#42"],
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("format", ["tuples", "arrow"])
@pytest.mark.parametrize("buffered", [True, False])
def test_answers_that_lie(name: str, format: str, buffered: bool) -> None:
    with answering(*CASES[name]) as url:
        conn = s2.connect(url, query_timeout=20)
        tracemalloc.start()
        try:
            with no_file_opened(), pytest.raises(s2.DatabaseError):
                conn.execute("GO", results_type=format, buffered=buffered).fetchall()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 8_000_000
        # Whatever comes now is the answer to this, or an error; never something left over.
        with contextlib.suppress(s2.Error), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about rows that were left
            assert conn.query("SET a = 1") == 0
        if conn.open:
            conn.close()


@pytest.mark.parametrize("said", [error(1927, "killed"), b"\x01", b"\xfb/etc/passwd", EOF, b""])
def test_answers_to_ping(said: bytes) -> None:
    with answering(said, to=b"\x0e") as url:
        conn = s2.connect(url)
        with no_file_opened(), pytest.raises(s2.DatabaseError):
            conn.ping(reconnect=False)
        if conn.open:
            conn.close()


@pytest.mark.parametrize("said", [error(1105, "failed"), b"\xfb/etc/passwd", EOF, b""])
def test_answers_to_reset(said: bytes) -> None:
    with answering(said, to=b"\x1f") as url:
        conn = s2.connect(url)
        with no_file_opened(), pytest.raises(s2.DatabaseError):
            conn.reset()
        if conn.open:
            conn.close()


def test_a_bad_definition_ends_the_connection() -> None:
    """Its rows would else be taken for the next statement's answer."""
    with answering(b"\x01", b"\x03de", EOF, row(b"1"), EOF) as url:
        conn = s2.connect(url)
        with pytest.raises(s2.InternalError):
            conn.query("GO")
        assert not conn.open
        conn.close()


def test_rows_without_end_take_no_more_memory_than_is_kept() -> None:
    """A streaming cursor that is left early closes its connection when KILL is refused."""
    rows = [row(b"%d" % (n % 10)) for n in range(200)]

    def play(session: Session) -> None:
        session.log_in()
        while session.receive() != b"\x03GO":
            session.send(OK)
        session.send(b"\x01", INT, EOF)
        while True:
            session.send(*rows)

    with rogue(play) as url:
        conn = s2.connect(url, connect_timeout=1)
        cursor = conn.execute("GO", buffered=False)
        assert cursor.fetchone() == (0,)
        cursor.close()
        assert not conn.open
        conn.close()


# -- files -----------------------------------------------------------------------------------


def asking_for(path: Path, told: list[bytes]) -> Callable[[Session], None]:
    """Return a server that answers every command but the login's with a request for a file."""

    def play(session: Session) -> None:
        session.log_in()
        number = 0
        while True:
            command = session.receive()
            if not command:
                return
            told.append(command)
            number += 1
            session.send(OK if number == 1 else b"\xfb" + str(path).encode())

    return play


COMMANDS: dict[str, Callable[[s2.Connection], object]] = {
    "query": lambda conn: conn.query("SELECT 1"),
    "stream": lambda conn: conn.execute("SELECT 1", buffered=False).fetchall(),
    "ping": lambda conn: conn.ping(reconnect=False),
    "reset": lambda conn: conn.reset(),
    "begin": lambda conn: conn.begin(),
    "commit": lambda conn: conn.commit(),
    "autocommit": lambda conn: conn.autocommit(False),
    "use": lambda conn: conn.select_db("x"),
    "executemany": lambda conn: conn.cursor().executemany("INSERT INTO t VALUES (%s)", [[1]]),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_gives_a_file_away(name: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("contents that stay here")
    told: list[bytes] = []
    with rogue(asking_for(secret, told)) as url:
        conn = s2.connect(f"{url}&local_infile=1&autocommit=", enable_extended_data_types=False)
        with no_file_opened(), pytest.raises(s2.DatabaseError):
            COMMANDS[name](conn)
        if conn.open:
            conn.close()
    assert not any(b"stay here" in data for data in told)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t VALUES ('LOAD DATA LOCAL INFILE \"{}\" INTO TABLE t')",
        "SELECT 1 /* LOAD DATA LOCAL INFILE '{}' */",
        "SELECT 1 -- LOAD DATA LOCAL INFILE '{}'",
        "SELECT 1; LOAD DATA LOCAL INFILE '{}' INTO TABLE t",
        "LOAD DATA INFILE '{}' INTO TABLE t",
    ],
)
def test_words_in_a_statement_name_no_file(sql: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("contents that stay here")
    told: list[bytes] = []
    with rogue(asking_for(secret, told)) as url:
        conn = s2.connect(f"{url}&local_infile=1", enable_extended_data_types=False)
        with no_file_opened(), pytest.raises(s2.DatabaseError):
            conn.query(sql.format(secret))
        assert not conn.open
        conn.close()
    assert not any(b"stay here" in data for data in told)


def test_a_named_file_is_given_once(tmp_path: Path) -> None:
    named = tmp_path / "named"
    named.write_text("1\n")
    told: list[bytes] = []
    with rogue(asking_for(named, told)) as url:
        conn = s2.connect(f"{url}&local_infile=1", enable_extended_data_types=False)
        with pytest.raises(s2.DatabaseError):
            conn.query(f"LOAD DATA LOCAL INFILE '{named}' INTO TABLE t")
        if conn.open:
            conn.close()
    assert told.count(b"1\n") == 1


def test_a_named_file_that_is_not_there(tmp_path: Path) -> None:
    missing = tmp_path / "missing"

    def play(session: Session) -> None:
        session.log_in()
        while command := session.receive():
            if b"LOAD" in command:
                session.send(b"\xfb" + str(missing).encode())
                assert session.receive() == b"", "nothing but the file's end"
            session.send(OK)

    with rogue(play) as url, s2.connect(f"{url}&local_infile=1") as conn:
        with pytest.raises(s2.OperationalError, match="Can't find file") as caught:
            conn.query(f"LOAD DATA LOCAL INFILE '{missing}' INTO TABLE t")
        assert caught.value.errno == 1017
        assert conn.query("SET a = 1") == 0


def test_the_files_that_statements_name() -> None:
    load = "LOAD DATA LOCAL INFILE '{}' INTO TABLE t"
    assert named_files(load.format("a")) == ["a"]
    assert named_files(" /* why */ -- so\n" + load.format("it''s")) == ["it's"]
    assert named_files('load data concurrent local infile "b\\\\c" replace into t') == ["b\\c"]
    both = f"{load.format('a')}; SELECT 'x;y'; {load.format('b')}"
    assert named_files(both) == ["a"]
    assert named_files(both, True) == ["a", "b"]
    assert named_files("SELECT '" + load.format("\\'a\\'") + "'", True) == []


# -- text for people -------------------------------------------------------------------------

EVIL = "\x1b]0;owned\x07\x1b[2J\x00\x9b31m\u202e"


def test_the_servers_text_does_nothing_to_a_terminal() -> None:
    with answering(error(1105, f"oh {EVIL}\nno")) as url:
        conn = s2.connect(url)
        with pytest.raises(s2.DatabaseError) as caught:
            conn.query("GO")
        text = str(caught.value)
        assert "oh \\x1b]0;owned\\x07" in text
        assert all(c.isprintable() or c == "\n" for c in text + repr(caught.value))
        conn.close()


def test_neither_does_its_version() -> None:
    def play(session: Session) -> None:
        session.send(greeting().replace(b"8.0.30", b"8.0\x1b[2J\n!"))
        session.receive()
        session.send(OK)
        session.serve({})

    with rogue(play) as url, s2.connect(url) as conn:
        assert conn.get_server_info() == "8.0\\x1b[2J\\n!"


def test_a_long_error_is_cut() -> None:
    with answering(error(1105, "x" * 100_000)) as url:
        conn = s2.connect(url)
        with pytest.raises(s2.DatabaseError) as caught:
            conn.query("GO")
        assert len(str(caught.value)) < 5000
        assert "(95904 more)" in str(caught.value)
        conn.close()


def test_printable() -> None:
    assert printable("déjà vu 🙂") == "déjà vu 🙂"
    assert printable("a\tb\n", "\n") == "a\\tb\n"
    assert printable("x" * 4096) == "x" * 4096
    assert printable("x" * 4098) == "x" * 4096 + "... (2 more)"
    assert printable("a\u2028b\ud800") == "a\\u2028b\\ud800"


# -- memory ----------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["answer", "definition", "row"])
def test_announced_packets_take_no_memory(where: str) -> None:
    before = {"answer": [], "definition": [b"\x02", INT], "row": [b"\x01", INT, EOF]}[where]

    def play(session: Session) -> None:
        session.log_in()
        while session.receive() != b"\x03GO":
            session.send(OK)
        session.send(*before)
        for _ in range(3):  # packets of the greatest length, of which little comes
            session.sock.sendall(b"\xff\xff\xff" + bytes((session.sequence,)) + b"x" * 1000)
            return

    with rogue(play) as url:
        conn = s2.connect(url)
        tracemalloc.start()
        with pytest.raises(s2.DatabaseError):
            conn.query("GO")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8_000_000
        if conn.open:
            conn.close()


def test_rows_hold_what_is_announced_for_them() -> None:
    """The columns of two results are told apart, however alike their names are."""
    first = result([INT, column("b", 253)], [row(b"1", b"x")])
    second = result([column("a", 253), column("b", 3)], [row(b"1", b"2")])

    def play(session: Session) -> None:
        session.log_in()
        session.serve({b"A": first, b"B": second})

    with rogue(play) as url, s2.connect(url) as conn:
        for _ in range(3):
            assert conn.execute("A").fetchall() == [(1, "x")]
            assert conn.execute("B").fetchall() == [("1", 2)]


def test_error_numbers_of_all_kinds() -> None:
    for number in (0, 1, 999, 1000, 65_535):
        with answering(b"\xff" + struct.pack("<H", number) + b"#HY000text") as url:
            conn = s2.connect(url)
            with pytest.raises(s2.DatabaseError) as caught:
                conn.query("GO")
            assert caught.value.errno == number
            conn.close()
