"""The mysql driver on a loop, with servers that say what no server should."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb.testing.aio import on_loop

from .rogue import EOF, OK, Session, column, error, greeting, result, rogue, row

INT = column("a", 3)
PURE = pytest.mark.parametrize("pure", [1, 0], ids=["pure", "accelerated"])


def played(*payloads: bytes, shift: int = 0) -> Any:
    """Return a server that answers the statement ``GO`` with these packets and hangs up."""

    def play(session: Session) -> None:
        session.log_in()
        while (command := session.receive()) != b"\x03GO":
            if not command:
                return
            session.send(OK)
        session.sequence += shift
        session.send(*payloads)

    return rogue(play)


@PURE
@pytest.mark.parametrize(
    ("payloads", "kind", "message"),
    [
        ((), s2.OperationalError, "Lost connection"),
        ((b"\x01", INT), s2.OperationalError, "Lost connection"),
        ((b"\x01", INT, EOF, row(b"1")), s2.OperationalError, "Lost connection"),
        ((b"",), s2.InternalError, "malformed answer"),
        ((EOF,), s2.InternalError, "malformed answer"),
        ((b"\x01", b"\x03de", EOF, EOF), s2.InternalError, "malformed"),
        ((b"\x01", INT, EOF, b"\x05ab", EOF), s2.InternalError, "announced columns"),
        ((b"\x01", INT, EOF, row(b"1", b"2"), EOF), s2.InternalError, "announced columns"),
        ((b"\x01", INT, EOF, row(b"x"), EOF), s2.DataError, "column 'a' cannot be decoded"),
        (
            (b"\x01", INT, EOF, row(b"1"), error(1317, "interrupted", "70100")),
            s2.OperationalError,
            "interrupted",
        ),
    ],
)
@on_loop
async def test_what_cannot_be_an_answer(
    payloads: tuple[bytes, ...], kind: type[Exception], message: str, pure: int
) -> None:
    with played(*payloads) as url:
        for buffered in (True, False):
            conn = await s2.aconnect(url.replace("python=1", f"python={pure}"))
            with pytest.raises(kind, match=message):
                await (
                    await conn.execute("GO", results_type="tuples", buffered=buffered)
                ).fetchall()
            await conn.close()


@PURE
@on_loop
async def test_packets_out_of_sequence_end_the_connection(pure: int) -> None:
    with played(*result([INT], [row(b"1")]), shift=1) as url:
        conn = await s2.aconnect(url.replace("python=1", f"python={pure}"))
        with pytest.raises(s2.InternalError, match="number wrong - got 2 expected 1"):
            await conn.query("GO")
        assert not conn.open
        await conn.close()


@PURE
@on_loop
async def test_an_answer_nobody_asked_for_is_never_taken_for_the_next(pure: int) -> None:
    def play(session: Session) -> None:
        session.log_in()
        while command := session.receive():
            session.send(OK, OK) if command == b"\x03GO" else session.send(OK)

    with rogue(play) as url:
        conn = await s2.aconnect(url.replace("python=1", f"python={pure}"))
        await conn.query("GO")
        with pytest.raises(s2.Error, match=r"more than it was asked for|has been closed"):
            await conn.query("SELECT 1")
        assert not conn.open
        await conn.close()


@PURE
@on_loop
async def test_a_file_that_the_statement_did_not_name_stays_here(tmp_path: Path, pure: int) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret contents")
    told: list[bytes] = []

    def play(session: Session) -> None:
        session.log_in()
        while command := session.receive():
            told.append(command)
            if b"LOAD" in command or command in (b"\x03SELECT 1", b"\x0e"):
                session.send(b"\xfb" + str(secret).encode())
                told.append(session.receive())
            else:
                session.send(OK)

    load = f"LOAD DATA LOCAL INFILE '{tmp_path}/named' INTO TABLE t"
    with rogue(play) as url:
        url = url.replace("python=1", f"python={pure}")
        for sql, option in ((load, 1), ("SELECT 1", 1), (load, 0)):
            conn = await s2.aconnect(f"{url}&local_infile={option}")
            with pytest.raises(s2.OperationalError, match="connection was closed"):
                await conn.query(sql)
            assert not conn.open
            await conn.close()
        conn = await s2.aconnect(f"{url}&local_infile=1")
        with pytest.raises(s2.InternalError, match="malformed"):
            await conn.ping(reconnect=False)
        await conn.close()
    assert not any(b"s3cret contents" in data for data in told)


@PURE
@on_loop
async def test_cancelled_behind_every_byte_of_an_answer(pure: int) -> None:
    """The server pauses behind each byte in turn until it is told to stop; nothing is mixed up."""

    def packed(*payloads: bytes, first: int = 1) -> bytes:
        return b"".join(
            len(payload).to_bytes(3, "little") + bytes((first + i,)) + payload
            for i, payload in enumerate(payloads)
        )

    answer = packed(*result([INT], [row(b"11"), row(b"222")]))
    pause_at = 0
    paused, killed = asyncio.Event(), asyncio.Event()
    sessions: set[Any] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sessions.add(asyncio.current_task())

        async def packet() -> bytes:
            header = await reader.readexactly(4)
            return await reader.readexactly(int.from_bytes(header[:3], "little"))

        writer.write(packed(greeting(), first=0))
        await packet()
        writer.write(packed(OK, first=2))
        try:
            while (command := await packet()) != b"\x01":
                if command == b"\x03GO":
                    writer.write(answer[:pause_at])
                    paused.set()
                    await killed.wait()
                    writer.write(answer[pause_at:])
                elif command.startswith(b"\x03SELECT "):
                    writer.write(packed(*result([INT], [row(command[8:])])))
                else:
                    if b"KILL" in command:
                        killed.set()
                    writer.write(packed(OK))
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"mysql://u:p@127.0.0.1:{port}/db?pure_python={pure}"
    async with s2.aconnect(url, enable_extended_data_types=False) as conn:
        first = conn._opened()
        for pause_at in range(len(answer)):
            paused.clear()
            killed.clear()
            task = asyncio.ensure_future(conn.query("GO"))
            await paused.wait()
            for _ in range(pause_at % 4):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            cursor = await conn.execute(f"SELECT {pause_at}", results_type="tuples")
            assert await cursor.fetchall() == [(pause_at,)]
        assert conn._opened() is first  # never closed, never opened anew
    server.close()
    await server.wait_closed()
    await asyncio.gather(*sessions)  # those of the KILLs, too


@on_loop
async def test_ctrl_c_while_bytes_are_taken_in() -> None:
    """A signal's handler cancels the task that waits between any two steps of the loop."""
    from singlestoredb_plugins.mysql.flow import Flow

    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: failures.append(told))
    here, there = socket.socketpair()
    taken = []

    def feed(data: memoryview) -> None:
        taken.append(bytes(data))
        waiter.cancel()

    flow = Flow(here, feed, None, None)
    waiter = flow.receive()
    with there:
        there.sendall(b"answer")
        with pytest.raises(asyncio.CancelledError):
            await waiter
    await asyncio.sleep(0)
    flow.abort()
    assert (taken, failures) == ([b"answer"], [])


@on_loop
async def test_bytes_for_which_there_is_no_memory() -> None:
    from singlestoredb_plugins.mysql.flow import Flow

    def feed(data: memoryview) -> None:
        raise MemoryError

    here, there = socket.socketpair()
    flow = Flow(here, feed, None, None)
    with there:
        there.sendall(b"answer")
        with pytest.raises(MemoryError):
            await flow.receive()
    assert not flow.is_open
