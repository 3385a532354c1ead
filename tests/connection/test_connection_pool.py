"""The pool: fair, of its size, and never a finished caller's connection to the next one."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import singlestoredb as s2
from singlestoredb.pool import ConnectionPool, PoolClosed, PoolTimeout, TooManyRequests
from singlestoredb.testing import MariaDB, ScriptedDriver


def eventually(condition: Callable[[], Any], seconds: float = 10) -> Any:
    """Wait until a condition holds; return what it gave last."""
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.005)
    return found


@pytest.fixture
def pool(mariadb: MariaDB) -> Iterator[ConnectionPool]:
    with s2.create_pool(mariadb.url, min_size=1, max_size=2) as pool:
        yield pool


def number(conn: s2.Connection) -> Any:
    """Return the server's number of a connection."""
    return conn.execute("SELECT CONNECTION_ID()").fetchall()[0][0]


def test_connections_are_used_again(pool: ConnectionPool) -> None:
    with pool.connection() as conn:
        first = number(conn)
    for _ in range(10):
        with pool.connection() as conn:
            assert number(conn) == first
    assert pool.get_stats()["pool_size"] <= 2
    assert "1-2" in repr(pool)


def test_what_was_returned_is_of_no_use(pool: ConnectionPool) -> None:
    with pool.connection() as conn:
        cursor = conn.cursor()
        cursor.execute("SELECT 1")
    assert cursor.fetchall() == [(1,)]  # it was received before
    with pytest.raises(s2.InterfaceError, match="returned to its pool"):
        conn.query("SELECT 1")
    with pytest.raises(s2.InterfaceError, match="returned to its pool"):
        cursor.execute("SELECT 1")
    with pytest.raises(s2.ProgrammingError, match="returned already"):
        pool.putconn(conn)
    with pool.connection() as other:
        assert other is not conn


def test_foreign_connections_are_refused(pool: ConnectionPool, mariadb: MariaDB) -> None:
    with s2.connect(mariadb.url) as conn:
        with pytest.raises(s2.ProgrammingError, match="not lent by the pool"):
            pool.putconn(conn)
        assert conn.open


def test_transactions_end_with_the_block(mariadb: MariaDB) -> None:
    with s2.create_pool(mariadb.url, min_size=0, max_size=1, autocommit=False) as pool:
        with pool.connection() as conn:
            conn.query("CREATE OR REPLACE TABLE pooled (a INT)")
            conn.query("INSERT INTO pooled VALUES (1)")
        with contextlib.suppress(ZeroDivisionError), pool.connection() as conn:
            conn.query("INSERT INTO pooled VALUES (2)")
            raise ZeroDivisionError
        conn = pool.getconn()
        conn.query("INSERT INTO pooled VALUES (3)")
        pool.putconn(conn)
        with pool.connection() as conn:
            assert conn.execute("SELECT a FROM pooled").fetchall() == [(1,)]
            conn.query("DROP TABLE pooled")


def test_the_callers_settings_do_not_stay(pool: ConnectionPool) -> None:
    with pool.connection() as conn:
        first = number(conn)
        conn.autocommit(False)
        conn.query_timeout = 1
        conn.results_type = "dicts"
    with pool.connection() as conn:
        assert conn.get_autocommit()
        assert conn.query_timeout is None
        assert conn.execute("SELECT CONNECTION_ID()").fetchall() == [(first,)]


def test_reset_clears_the_session(mariadb: MariaDB) -> None:
    with s2.create_pool(mariadb.url, min_size=0, max_size=1, reset=s2.Connection.reset) as pool:
        with pool.connection() as conn:
            first = number(conn)
            conn.query("SET @mine = 1")
        with pool.connection() as conn:
            assert conn.execute("SELECT @mine, CONNECTION_ID()").fetchall() == [(None, first)]


def test_an_unread_result_never_reaches_the_next_caller(mariadb: MariaDB) -> None:
    with s2.create_pool(mariadb.url, min_size=0, max_size=1) as pool:
        with pool.connection() as conn:
            first = number(conn)
            cursor = conn.execute("SELECT seq FROM seq_1_to_100000", buffered=False)
            assert cursor.fetchone() == (1,)
        with pool.connection() as conn:
            assert number(conn) != first
        assert pool.get_stats()["pool_size"] == 1
        with pytest.raises(s2.Error):
            cursor.fetchall()


def test_a_connection_in_use_by_another_thread_is_broken(mariadb: MariaDB) -> None:
    failures: list[BaseException] = []
    with s2.create_pool(mariadb.url, min_size=0, max_size=1) as pool:
        conn = pool.getconn()

        def linger() -> None:
            try:
                conn.query("SELECT SLEEP(60)")
            except s2.Error as exc:
                failures.append(exc)

        thread = threading.Thread(target=linger)
        thread.start()
        assert eventually(conn._lock.locked)
        pool.putconn(conn)
        thread.join(20)
        assert len(failures) == 1
        assert pool.get_stats()["returns_bad"] == 1
        with pool.connection() as other:
            assert number(other)


def test_lost_connections_are_replaced(pool: ConnectionPool, mariadb: MariaDB) -> None:
    with pool.connection() as conn:
        first = number(conn)
    with s2.connect(mariadb.url) as other:
        other.query(f"KILL {first}")
        gone = f"SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = {first}"
        assert eventually(lambda: not other.execute(gone).fetchall())
        with pool.connection() as conn:  # nobody asked the server: its goodbye was there
            second = number(conn)
            assert second != first
            other.query(f"KILL {second}")
            with pytest.raises(s2.OperationalError):
                conn.query("SELECT 1")
        with pool.connection() as conn:
            assert number(conn) not in (first, second)
        pool.check()
    assert pool.get_stats()["connections_lost"] >= 1


def test_the_server_restarts(mariadb: MariaDB) -> None:
    with MariaDB() as server, s2.create_pool(server.url, min_size=2, max_size=2) as pool:
        pool.wait()
        with pool.connection() as conn:
            assert number(conn)
        server.stop()
        with pytest.raises(s2.OperationalError) as caught, pool.connection():
            pass
        assert caught.value.is_recoverable
        server.start()
        with pool.connection() as conn:
            assert number(conn)
        assert pool.get_stats()["pool_size"] <= 2


def test_callers_wait_in_turn(mariadb: MariaDB) -> None:
    order: list[int] = []

    with s2.create_pool(mariadb.url, min_size=0, max_size=1, max_waiting=3) as pool:

        def waits(count: int) -> bool:
            return pool.get_stats()["requests_waiting"] == count

        conn = pool.getconn()
        threads = []
        for index in range(3):

            def wait(index: int = index) -> None:
                with pool.connection():
                    order.append(index)

            thread = threading.Thread(target=wait)
            thread.start()
            threads.append(thread)
            assert eventually(partial(waits, index + 1))
        with pytest.raises(TooManyRequests, match="max_waiting"):
            pool.getconn()
        pool.putconn(conn)
        for thread in threads:
            thread.join()
        assert order == [0, 1, 2]
        stats = pool.get_stats()
        assert (stats["requests_queued"], stats["requests_errors"]) == (3, 1)
        assert stats["requests_num"] == 5
        assert pool.pop_stats()["requests_num"] == 5
        assert pool.get_stats()["requests_num"] == 0


def test_no_connection_in_time(pool: ConnectionPool) -> None:
    with pool.connection(), pool.connection():
        with pytest.raises(PoolTimeout, match=r"within 0\.05 s: all 2 are in use"):
            pool.getconn(0.05)
        with pytest.raises(PoolTimeout):
            pool.getconn(0)
    with pool.connection() as conn:
        assert number(conn)


def test_closing(mariadb: MariaDB) -> None:
    failures: list[BaseException] = []
    pool = s2.create_pool(mariadb.url, min_size=0, max_size=1)
    conn = pool.getconn()

    def wait() -> None:
        try:
            pool.getconn()
        except PoolClosed as exc:
            failures.append(exc)

    thread = threading.Thread(target=wait)
    thread.start()
    assert eventually(lambda: pool.get_stats()["requests_waiting"])
    pool.close()
    thread.join()
    assert len(failures) == 1
    with pytest.raises(PoolClosed, match="not open"):
        pool.getconn()
    assert number(conn)  # whoever has one may finish
    pool.putconn(conn)
    assert pool.get_stats()["pool_size"] == 0
    pool.close()


def test_a_pool_may_be_opened_later(mariadb: MariaDB) -> None:
    pool = s2.create_pool(mariadb.url, min_size=2, open=False)
    with pytest.raises(PoolClosed):
        pool.getconn()
    pool.open(wait=True)
    assert pool.get_stats()["pool_available"] == 2
    pool.close()
    with pytest.raises(PoolTimeout, match="has not 2 connections"):
        s2.create_pool("mysql://u@127.0.0.1:1/", min_size=2, open=False).open(True, 0.1)


def test_connecting_fails_with_the_servers_error(mariadb: MariaDB) -> None:
    wrong = mariadb.url.replace(mariadb.password, "wrong")
    with s2.create_pool(wrong, min_size=0, max_size=1) as pool:
        for _ in range(3):
            with pytest.raises(s2.OperationalError) as caught:
                pool.getconn()
            assert caught.value.errno == 1045
        stats = pool.get_stats()
        assert (stats["pool_size"], stats["connections_errors"]) == (0, 3)


def test_hooks(mariadb: MariaDB) -> None:
    seen: list[str] = []
    fails = {"check": False, "reset": False}

    def hook(name: str) -> Callable[[s2.Connection], None]:
        def run(conn: s2.Connection) -> None:
            seen.append(name)
            if fails.get(name):
                raise RuntimeError(name)

        return run

    with s2.create_pool(
        mariadb.url,
        min_size=0,
        max_size=1,
        configure=hook("configure"),
        check=hook("check"),
        reset=hook("reset"),
    ) as pool:
        with pool.connection() as conn:
            first = number(conn)
        with pool.connection() as conn:
            assert number(conn) == first
            fails["reset"] = True
        fails["check"] = True
        with pool.connection() as conn:
            second = number(conn)
            fails["reset"] = False
        with pool.connection() as conn:
            assert len({first, second, number(conn)}) == 3
    assert seen == [
        *("configure", "reset", "check", "reset"),  # the last one fails
        *("configure", "reset", "check"),  # the last one fails
        *("configure", "reset"),
    ]


def test_configure_must_leave_no_transaction(mariadb: MariaDB) -> None:
    with (
        s2.create_pool(mariadb.url, min_size=0, max_size=1, configure=s2.Connection.begin) as pool,
        pytest.raises(s2.ProgrammingError, match="left a transaction open"),
    ):
        pool.getconn()


def test_idle_and_old_connections_go(mariadb: MariaDB) -> None:
    with s2.create_pool(mariadb.url, min_size=1, max_size=3, max_idle=0.1) as pool:
        with pool.connection(), pool.connection(), pool.connection():
            assert pool.get_stats()["pool_size"] == 3
        pool._wake.set()
        assert eventually(lambda: pool.get_stats()["pool_size"] == 1)
    with s2.create_pool(mariadb.url, min_size=1, max_size=1, max_lifetime=0.2) as pool:
        with pool.connection() as conn:
            first = number(conn)
            time.sleep(0.25)
        with pool.connection() as conn:
            assert number(conn) != first


def test_drain_and_resize(mariadb: MariaDB) -> None:
    with s2.create_pool(mariadb.url, min_size=1, max_size=2) as pool:
        pool.wait()
        lent = pool.getconn()
        with pool.connection() as conn:
            seen = {number(lent), number(conn)}
        pool.drain()
        pool.putconn(lent)
        with pool.connection() as conn:
            assert number(conn) not in seen
        pool.resize(0, 1)
        assert eventually(lambda: pool.get_stats()["pool_size"] <= 1)
        with pool.connection(), pytest.raises(PoolTimeout):
            pool.getconn(0.01)


@pytest.mark.parametrize(
    "sizes",
    [{"min_size": -1}, {"min_size": 3, "max_size": 2}, {"min_size": 0}, {"max_lifetime": 0}],
)
def test_sizes_that_make_no_sense(sizes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"a pool needs|max_lifetime"):
        s2.create_pool("mysql://127.0.0.1", open=False, **sizes)


def test_a_forgotten_pool_goes_with_its_thread(mariadb: MariaDB) -> None:
    pool = s2.create_pool(mariadb.url, min_size=1)
    pool.wait()
    thread = pool._thread
    assert thread is not None
    pool._wake.set()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wake = pool._wake
        del pool
        gc.collect()
    wake.set()
    thread.join(10)
    assert not thread.is_alive()


FORKED = """
    import os, sys
    import singlestoredb as s2
    pool = s2.create_pool(sys.argv[1], min_size=2, max_size=2)
    pool.wait()
    number = lambda conn: conn.execute("SELECT CONNECTION_ID()").fetchall()[0][0]
    lent = pool.getconn()
    mine = {number(lent)}
    with pool.connection() as conn:
        mine.add(number(conn))
    child = os.fork()
    if child == 0:
        with pool.connection() as conn, pool.connection() as other:
            assert not {number(conn), number(other)} & mine
        try:
            lent.query("SELECT 1")
        except s2.InterfaceError as exc:
            assert "forked" in str(exc)
        pool.close()
        sys.exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert number(lent) in mine
    pool.putconn(lent)
    with pool.connection() as conn, pool.connection() as other:
        assert {number(conn), number(other)} == mine
    print("fine")  # and the pool is left open: the end of the program closes it
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_has_connections_of_its_own(mariadb: MariaDB) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(FORKED), mariadb.url],
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "fine", "")


@pytest.mark.parametrize(
    ("pure", "times"), [(True, 200), (None, 1_000)], ids=["pure", "accelerated"]
)
def test_a_thousand_random_cancels(mariadb: MariaDB, pure: bool | None, times: int) -> None:
    """Nobody gets another caller's row, and no query is left on the server."""
    mark = f"cancelled at random {pure}"
    chance = random.Random(20)
    wrong: list[Any] = []
    cancelled = []
    done = iter(range(times))
    pool = s2.create_pool(mariadb.url, min_size=0, max_size=8, pure_python=pure)

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for index in done:
            token = f"{seed}-{index}"
            with pool.connection() as conn:
                timer = threading.Timer(chance.random() * 0.004, conn.cancel)
                timer.start()
                try:
                    rows = conn.execute(
                        f"SELECT %s, SLEEP(%s) /* {mark} */", [token, chance.choice([0, 0.002, 5])]
                    ).fetchall()
                    if [row[0] for row in rows] != [token]:
                        wrong.append((token, rows))
                except s2.OperationalError as exc:
                    if exc.errno != 1317:
                        wrong.append(exc)
                    cancelled.append(token)
                timer.join()
                rows = conn.execute("SELECT %s", [token]).fetchall()
                if rows != [(token,)]:
                    wrong.append((token, rows))

    threads = [threading.Thread(target=work, args=(chance.random(),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(cancelled) > times / 5
    with s2.connect(mariadb.url) as conn:
        left = "SELECT INFO FROM information_schema.PROCESSLIST WHERE INFO LIKE %s AND ID != %s"
        found = conn.execute(left, [f"%/* {mark} */", conn.thread_id()]).fetchall()
        assert found == []
    assert pool.get_stats()["pool_size"] <= 8
    pool.close()


class PoolMachine(RuleBasedStateMachine):
    """A pool of scripted connections against what it should be."""

    def __init__(self) -> None:
        super().__init__()
        self.driver = ScriptedDriver()
        s2.plugins.register(self.driver, "drivers:scripted")
        self.pool = s2.create_pool("scripted://", min_size=0, max_size=3)
        self.lent: list[s2.Connection] = []

    @precondition(lambda self: len(self.lent) < 3)
    @rule()
    def get(self) -> None:
        conn = self.pool.getconn(0)
        assert all(conn is not other for other in self.lent)
        self.lent.append(conn)

    @precondition(lambda self: len(self.lent) == 3)
    @rule()
    def get_too_many(self) -> None:
        with pytest.raises(PoolTimeout):
            self.pool.getconn(0)

    @precondition(lambda self: self.lent)
    @rule(data=st.data(), how=st.sampled_from(["well", "closed", "lost"]))
    def put(self, data: st.DataObject, how: str) -> None:
        conn = self.lent.pop(data.draw(st.integers(0, len(self.lent) - 1)))
        if how == "closed":
            conn.close()
        elif how == "lost":
            conn._opened().close()
        self.pool.putconn(conn)
        with pytest.raises(s2.ProgrammingError):
            self.pool.putconn(conn)

    @rule()
    def drain(self) -> None:
        self.pool.drain()

    @invariant()
    def counts_agree(self) -> None:
        stats = self.pool.get_stats()
        assert stats["pool_size"] == len(self.lent) + stats["pool_available"] <= 3
        assert stats["requests_waiting"] == 0
        assert self.pool._live == stats["pool_size"]
        for conn in self.lent:
            assert conn.open

    def teardown(self) -> None:
        for conn in self.lent:
            with contextlib.suppress(s2.Error):
                self.pool.putconn(conn)
        self.pool.close()
        s2.plugins.unregister(self.driver)


PoolMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestPoolMachine = PoolMachine.TestCase
