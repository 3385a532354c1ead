"""Data APIs that lie, to connections on an event loop; the dialogues are those of
``test_drivers_http_hostile.py``.
"""

from __future__ import annotations

import asyncio
import threading

import pytest

import singlestoredb as s2
from singlestoredb.testing.aio import on_loop

from .rogue_http import PASSWORD, VERSION, Peer, answer, assert_secretive, peer, rows
from .test_drivers_http_hostile import BODIES, DEMANDS, ENDINGS, NEVER_ENDING, SMUGGLED, drops
from .test_drivers_mysql_hostile import CASES, GREETINGS, LOGINS, PLUGINS


def url_of(running: Peer) -> str:
    return f"http://ann:{PASSWORD}@127.0.0.1:{running.port}/shop"


@pytest.mark.parametrize("name", NEVER_ENDING)
@on_loop
async def test_drops_do_not_prolong_the_time_of_a_statement(name: str) -> None:
    over = threading.Event()
    with peer(VERSION, drops(name, over), answer(rows([("a", "INT")], [7]))) as running:
        async with s2.aconnect(url_of(running), query_timeout=0.4) as conn:
            with pytest.raises(s2.OperationalError, match=r"query_timeout=0\.4") as caught:
                await conn.query("SELECT 1")
            assert caught.value.errno == 3024
            over.set()
            conn.query_timeout = None
            cursor = await conn.execute("SELECT 7", results_type="tuples")
            assert await cursor.fetchall() == [(7,)]


@pytest.mark.parametrize("name", ENDINGS)
@on_loop
async def test_a_statement_whose_answer_is_lost_is_not_sent_again(name: str) -> None:
    with peer(VERSION, ENDINGS[name], answer(rows([("a", "INT")], [7]))) as running:
        async with s2.aconnect(url_of(running), retry_reads=2) as conn:
            with pytest.raises(s2.Error) as caught:
                await conn.query("SELECT 1")
            assert [r.json["sql"] for r in running.requests[1:]] == ["SELECT 1"]
            cursor = await conn.execute("SELECT 7", results_type="tuples")
            assert await cursor.fetchall() == [(7,)]
    assert_secretive(caught.value)


@pytest.mark.parametrize("name", DEMANDS)
@on_loop
async def test_credentials_go_nowhere_else_and_are_not_repeated(name: str) -> None:
    with peer(VERSION) as other:
        said = DEMANDS[name].replace(b"{port}", str(other.port).encode())
        with peer(VERSION, said) as running:
            async with s2.aconnect(url_of(running)) as conn:
                with pytest.raises(s2.Error) as caught:
                    await conn.query("SELECT 1")
            assert len(running.requests) == 2
        assert other.connections == 0
    assert_secretive(caught.value)


def test_a_cancelled_request_leaves_no_thread_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing stops the request on the server, so its connection is broken after a while."""
    monkeypatch.setattr("singlestoredb.kernel.threaded.CLEAN_SECONDS", 0.2)
    over = threading.Event()

    def connections() -> list[threading.Thread]:
        return [t for t in threading.enumerate() if t.name == "singlestoredb-connection"]

    async def main() -> list[threading.Thread]:
        conn = await s2.aconnect(url_of(running))
        task = asyncio.ensure_future(conn.query("SELECT 1"))
        while len(running.requests) < 2:
            await asyncio.sleep(0.005)
        mine = connections()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await conn.settled()
        assert not conn.open
        await conn.close()
        return mine

    with peer(VERSION, drops("silence", over)) as running:
        for thread in asyncio.run(main()):
            thread.join(20)
            assert not thread.is_alive()
        over.set()


def test_how_many_peers_there_are() -> None:
    """Those in tables, each of which says something that no other one does."""
    assert len(GREETINGS) + len(LOGINS) + 2 * len(PLUGINS) + len(CASES) >= 60
    assert sum(map(len, (BODIES, NEVER_ENDING, DEMANDS, ENDINGS, SMUGGLED))) >= 50
