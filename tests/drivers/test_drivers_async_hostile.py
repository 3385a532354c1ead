"""Servers that lie, to connections on an event loop.

The dialogues are those of ``test_drivers_mysql_hostile.py``, and so are the rules.  The handshake
is the synchronous driver's, on a thread; from then on the loop receives, so that every answer has
to be refused once more.
"""

from __future__ import annotations

import contextlib
import time
import tracemalloc
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import singlestoredb as s2
from singlestoredb.aio import AsyncConnection
from singlestoredb.testing.aio import on_loop
from singlestoredb_plugins.mysql import accelerated

from . import rogue as rogues
from .rogue import (
    CAPABILITIES,
    EOF,
    OK,
    Session,
    error,
    greeting,
    no_file_opened,
    rogue,
    row,
)
from .test_drivers_mysql_hostile import (
    CASES,
    EVIL,
    GREETINGS,
    INT,
    LOGINS,
    OFFERS_TLS,
    PLUGINS,
    answering,
    asking_for,
    greeted,
    packet,
)


@pytest.fixture(autouse=True, params=[1, 0], ids=["pure", "accelerated"])
def _path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test on both paths of the driver."""
    if not request.param and accelerated.find(None) is None:
        pytest.skip("the accelerator was not built")  # tests/accel fail if it could have been
    monkeypatch.setattr(rogues, "pure_python", request.param)


async def refused(play: Callable[[Session], None], options: str = "") -> s2.Error:
    """Return the error with which a login fails; no file was opened for it."""
    with (
        rogue(play) as url,
        no_file_opened(everywhere=True),
        pytest.raises(s2.DatabaseError) as caught,
    ):
        await s2.aconnect(f"{url}&connect_timeout=20{options}")
    assert "s3cret" not in str(caught.value)
    return caught.value


async def left_alone(conn: AsyncConnection) -> None:
    """See that what comes now is no leftover, and close the connection."""
    with contextlib.suppress(s2.Error), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about rows that were left
        assert await conn.query("SET a = 1") == 0
    await conn.close()


# -- connecting ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GREETINGS)
@on_loop
async def test_greetings_that_are_none(name: str) -> None:
    assert str(await refused(greeted(packet(GREETINGS[name]))))


@pytest.mark.parametrize("name", LOGINS)
@on_loop
async def test_answers_to_a_login_that_are_none(name: str) -> None:
    play = greeted(packet(greeting()), answer=LOGINS[name])
    await refused(play)
    assert not any(b"s3cret" in data for data in play.told)


@pytest.mark.parametrize("plugin", PLUGINS)
@pytest.mark.parametrize("how", ["greeting", "switch"])
@on_loop
async def test_no_plugin_makes_the_client_show_the_password(plugin: bytes, how: str) -> None:
    told: list[bytes] = []

    def play(session: Session) -> None:
        session.send(greeting(plugin=plugin if how == "greeting" else b"mysql_native_password"))
        told.append(session.receive())
        session.send(b"\xfe" + plugin + b"\x00" + b"12345678901234567890\x00")
        for _ in range(3):
            told.append(session.receive())
            session.send(b"\x01\x04")  # caching_sha2: the full password is wanted

    with rogue(play) as url, pytest.raises((s2.DatabaseError, RuntimeError)):
        await s2.aconnect(f"{url}&connect_timeout=5")
    assert not any(b"s3cret" in data for data in told)


@pytest.mark.parametrize("count", [1, 64])
@pytest.mark.parametrize("what", [OK, error(1045, "go away"), b"\xfb/etc/passwd", b"\x16\x03\x03"])
@on_loop
async def test_what_is_said_before_tls_is_not_believed(count: int, what: bytes) -> None:
    play = greeted(OFFERS_TLS + packet(what, 1)[:count])
    assert "go away" not in str(await refused(play, "&ssl_verify_cert=0"))
    assert not any(b"user" in data for data in play.told), "not even the name may be sent"


@pytest.mark.parametrize(
    "option",
    ["ssl_ca=x", "ssl_cert=x", "ssl_key=x", "ssl_verify_cert=1", "ssl_verify_identity=1"],
)
@on_loop
async def test_tls_that_is_asked_for_cannot_be_stripped(option: str) -> None:
    play = greeted(packet(greeting(CAPABILITIES & ~0x0800)))
    with rogue(play) as url, pytest.raises(s2.DatabaseError, match="TLS was asked for"):
        await s2.aconnect(f"{url}&connect_timeout=20&{option}")
    assert play.told == [b""]


@on_loop
async def test_a_login_by_drops_ends_with_the_time() -> None:
    def play(session: Session) -> None:
        session.sock.sendall(packet(greeting() + b"x" * 200)[:-200])
        for _ in range(100):
            time.sleep(0.1)
            session.sock.sendall(b"x")

    with rogue(play) as url, pytest.raises(s2.OperationalError) as caught:
        await s2.aconnect(f"{url}&connect_timeout=1&charset=utf8")
    assert caught.value.errno == 2003


# -- answers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("format", ["tuples", "arrow"])
@pytest.mark.parametrize("buffered", [True, False])
@on_loop
async def test_answers_that_lie(name: str, format: str, buffered: bool) -> None:
    with answering(*CASES[name]) as url:
        conn = await s2.aconnect(url, query_timeout=20)
        tracemalloc.start()
        try:
            with no_file_opened(everywhere=True), pytest.raises(s2.DatabaseError):
                await (await conn.execute("GO", results_type=format, buffered=buffered)).fetchall()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 8_000_000
        await left_alone(conn)


COMMANDS: dict[str, Callable[[AsyncConnection], Awaitable[object]]] = {
    "query": lambda conn: conn.query("SELECT 1"),
    "ping": lambda conn: conn.ping(reconnect=False),
    "reset": lambda conn: conn.reset(),
    "begin": lambda conn: conn.begin(),
    "commit": lambda conn: conn.commit(),
    "autocommit": lambda conn: conn.autocommit(False),
    "use": lambda conn: conn.select_db("x"),
    "executemany": lambda conn: conn.cursor().executemany("INSERT INTO t VALUES (%s)", [[1]]),
}


@pytest.mark.parametrize("name", COMMANDS)
@on_loop
async def test_no_command_gives_a_file_away(name: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("contents that stay here")
    told: list[bytes] = []
    with rogue(asking_for(secret, told)) as url:
        conn = await s2.aconnect(
            f"{url}&local_infile=1&autocommit=", enable_extended_data_types=False
        )
        with no_file_opened(everywhere=True), pytest.raises(s2.DatabaseError):
            await COMMANDS[name](conn)
        await conn.close()
    assert not any(b"stay here" in data for data in told)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t VALUES ('LOAD DATA LOCAL INFILE \"{}\" INTO TABLE t')",
        "SELECT 1 /* LOAD DATA LOCAL INFILE '{}' */",
        "SELECT 1; LOAD DATA LOCAL INFILE '{}' INTO TABLE t",
        "LOAD DATA INFILE '{}' INTO TABLE t",
    ],
)
@on_loop
async def test_words_in_a_statement_name_no_file(sql: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("contents that stay here")
    told: list[bytes] = []
    with rogue(asking_for(secret, told)) as url:
        conn = await s2.aconnect(f"{url}&local_infile=1", enable_extended_data_types=False)
        with no_file_opened(everywhere=True), pytest.raises(s2.DatabaseError):
            await conn.query(sql.format(secret))
        assert not conn.open
        await conn.close()
    assert not any(b"stay here" in data for data in told)


@on_loop
async def test_a_named_file_is_given_once(tmp_path: Path) -> None:
    named = tmp_path / "named"
    named.write_text("1\n")
    told: list[bytes] = []
    with rogue(asking_for(named, told)) as url:
        conn = await s2.aconnect(f"{url}&local_infile=1", enable_extended_data_types=False)
        with pytest.raises(s2.DatabaseError):
            await conn.query(f"LOAD DATA LOCAL INFILE '{named}' INTO TABLE t")
        await conn.close()
    assert told.count(b"1\n") == 1


@pytest.mark.parametrize("said", [error(1927, "killed"), b"\x01", b"\xfb/etc/passwd", EOF, b""])
@pytest.mark.parametrize("command", [b"\x0e", b"\x1f"], ids=["ping", "reset"])
@on_loop
async def test_answers_to_commands_without_rows(said: bytes, command: bytes) -> None:
    with answering(said, to=command) as url:
        conn = await s2.aconnect(url)
        with no_file_opened(everywhere=True), pytest.raises(s2.DatabaseError):
            await (conn.ping(reconnect=False) if command == b"\x0e" else conn.reset())
        await left_alone(conn) if conn._driver_connection is not None else None


@pytest.mark.parametrize("where", ["answer", "definition", "row"])
@on_loop
async def test_announced_packets_take_no_memory(where: str) -> None:
    before = {"answer": [], "definition": [b"\x02", INT], "row": [b"\x01", INT, EOF]}[where]

    def play(session: Session) -> None:
        session.log_in()
        while session.receive() != b"\x03GO":
            session.send(OK)
        session.send(*before)
        session.sock.sendall(b"\xff\xff\xff" + bytes((session.sequence,)) + b"x" * 1000)

    with rogue(play) as url:
        conn = await s2.aconnect(url)
        tracemalloc.start()
        with pytest.raises(s2.DatabaseError):
            await conn.query("GO")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8_000_000
        await conn.close()


@on_loop
async def test_rows_without_end_take_no_more_memory_than_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A stream that is left early closes its connection when KILL is refused."""
    monkeypatch.setattr("singlestoredb_plugins.mysql.aio.CLEAN_SECONDS", 0.5)
    some = [row(b"%d" % (n % 10)) for n in range(200)]

    def play(session: Session) -> None:
        session.log_in()
        while session.receive() != b"\x03GO":
            session.send(OK)
        session.send(b"\x01", INT, EOF)
        while True:
            session.send(*some)

    with rogue(play) as url:
        conn = await s2.aconnect(url, connect_timeout=1)
        tracemalloc.start()
        cursor = await conn.execute("GO", buffered=False)
        for _ in range(500):
            assert len(await cursor.fetchmany(100)) == 100
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8_000_000
        await cursor.close()
        assert not conn.open
        await conn.close()


@on_loop
async def test_the_servers_text_does_nothing_to_a_terminal() -> None:
    with answering(error(1105, f"oh {EVIL}\nno")) as url:
        conn = await s2.aconnect(url)
        with pytest.raises(s2.DatabaseError) as caught:
            await conn.query("GO")
        text = str(caught.value)
        assert "oh \\x1b]0;owned\\x07" in text
        assert all(c.isprintable() or c == "\n" for c in text + repr(caught.value))
        await conn.close()
