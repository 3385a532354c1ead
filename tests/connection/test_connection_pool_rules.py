"""The pool's rules by themselves: a scripted driver, a clock that the test turns, no thread."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import singlestoredb as s2
from singlestoredb.pool import (
    ConnectionPool,
    PoolClosed,
    PoolTimeout,
    TooManyRequests,
    _after_fork,
    create_pool,
)
from singlestoredb.testing import ScriptedDriver


class Clock:
    """The time as the pool sees it, in seconds."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Let nothing happen in the background, and no time go by."""
    clock = Clock()
    monkeypatch.setattr("singlestoredb.pool.monotonic", clock)
    monkeypatch.setattr(ConnectionPool, "_maintained", lambda pool: None)
    return clock


@pytest.fixture
def driver() -> Iterator[ScriptedDriver]:
    driver = ScriptedDriver()
    s2.plugins.register(driver, "drivers:scripted")
    try:
        yield driver
    finally:
        s2.plugins.unregister(driver)


def pooled(min_size: int = 0, max_size: int = 2, **settings: Any) -> ConnectionPool:
    return create_pool("scripted://", min_size=min_size, max_size=max_size, **settings)


def opened(conn: s2.Connection) -> Any:
    """Return the driver's side of a connection."""
    return conn._driver_connection


def some(stats: dict[str, int]) -> dict[str, int]:
    """Return those statistics that are not 0."""
    return {name: value for name, value in stats.items() if value}


@pytest.mark.parametrize("make", [create_pool, ConnectionPool])
def test_what_is_not_given(make: Any) -> None:
    pool, other = make("scripted://", open=False), make("scripted://", open=False, name="mine")
    assert (pool.min_size, pool.max_size, pool.max_waiting) == (4, 4, 0)
    assert (pool.timeout, pool.max_lifetime, pool.max_idle) == (30.0, 3600.0, 600.0)
    assert pool.name.startswith("pool-")
    assert other.name == "mine"
    assert make("scripted://", open=False).name != pool.name
    assert pool.closed


@pytest.mark.parametrize(("least", "most"), [(0, 1), (1, 1), (2, 5)])
def test_sizes(least: int, most: int) -> None:
    assert pooled(least, most, open=False).max_size == most


@pytest.mark.parametrize(("least", "most"), [(0, 0), (-1, 1), (2, 1)])
def test_sizes_that_are_refused(least: int, most: int) -> None:
    with pytest.raises(ValueError, match=f"not {least} and {most}"):
        pooled(least, most, open=False)
    with pytest.raises(ValueError, match=f"not {least} and {most}"):
        pooled(1, 1, open=False).resize(least, most)


@pytest.mark.parametrize("name", ["max_lifetime", "max_idle"])
def test_times_are_positive(name: str) -> None:
    settings: dict[str, Any] = {name: 0.001}
    assert getattr(pooled(open=False, **settings), name) == 0.001
    for seconds in (0, -1.0, float("nan")):
        settings[name] = seconds
        with pytest.raises(ValueError, match=f"{name} must be a positive number"):
            pooled(open=False, **settings)


def test_a_closed_pool_lends_nothing(clock: Clock, driver: ScriptedDriver) -> None:
    pool = pooled(open=False)
    for refused in (pool.getconn, pool.wait, pool.drain, pool.check):
        with pytest.raises(PoolClosed, match="is not open"):
            refused()
    assert pool._upkeep() == 0
    pool.open()
    conn = pool.getconn()
    pool.close()
    assert conn.open, "its holder goes on"
    pool.putconn(conn)
    assert some(pool.get_stats()) == {
        "pool_max": 2,
        "requests_num": 1,
        "connections_num": 1,
    }
    pool.close()


def test_closing_waits_for_the_thread_unless_it_is_that(
    clock: Clock, driver: ScriptedDriver
) -> None:
    class Thread:
        joined: float | None = None

        def join(self, timeout: float) -> None:
            self.joined = timeout

    thread: Any = Thread()
    pool = pooled()
    pool._thread = thread
    pool.close(3.0)
    assert thread.joined == 3.0
    pool.open()
    pool._thread = threading.current_thread()
    pool.close()
    assert pool.closed


def test_statistics_are_in_milliseconds(clock: Clock, driver: ScriptedDriver) -> None:
    with pooled(1, 2, configure=lambda conn: setattr(clock, "now", clock.now + 7)) as pool:
        first = pool.getconn()
        clock.now += 4
        pool.putconn(first)
        assert some(pool.get_stats()) == {
            "pool_min": 1,
            "pool_max": 2,
            "pool_size": 1,
            "pool_available": 1,
            "requests_num": 1,
            "usage_ms": 4000,
            "connections_num": 1,
        }
        assert pool.pop_stats()["usage_ms"] == 4000
        assert some(pool.get_stats()) == {
            "pool_min": 1, "pool_max": 2, "pool_size": 1, "pool_available": 1,
        }  # fmt: skip


def test_connecting_takes_its_time(
    clock: Clock, driver: ScriptedDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(*args: Any, **kwargs: Any) -> s2.Connection:
        clock.now += 2
        return s2.connect(*args, **kwargs)

    monkeypatch.setattr("singlestoredb.pool.connect", connect)
    with pooled() as pool:
        pool.putconn(pool.getconn())
        assert pool.get_stats()["connections_ms"] == 2000


def test_no_more_than_there_may_be(clock: Clock, driver: ScriptedDriver) -> None:
    with pooled(0, 2) as pool:
        first, second = pool.getconn(), pool.getconn()
        with pytest.raises(PoolTimeout, match="within 0 s: all 2 are in use") as caught:
            pool.getconn(timeout=0)
        assert caught.value.hint == "return connections sooner, or raise max_size"
        assert some(pool.get_stats()) == {
            "pool_max": 2,
            "pool_size": 2,
            "requests_num": 3,
            "requests_queued": 1,
            "requests_errors": 1,
            "connections_num": 2,
        }
        used = opened(second)
        pool.putconn(first)
        pool.putconn(second)
        conn = pool.getconn()
        assert opened(conn) is used, "what was returned last is lent first"
        pool.putconn(conn)
        assert driver.opened == 2


def waiting(pool: ConnectionPool, got: list[Any]) -> threading.Thread:
    """Return a thread that waits for a connection, once it does."""

    def run() -> None:
        try:
            got.append(pool.getconn(timeout=30))
        except s2.Error as exc:
            got.append(exc)

    before = pool.get_stats()["requests_waiting"]
    thread = threading.Thread(target=run)
    thread.start()
    while pool.get_stats()["requests_waiting"] == before:
        thread.join(0.001)
    return thread


def test_so_many_may_wait(clock: Clock, driver: ScriptedDriver) -> None:
    got: list[Any] = []
    with pooled(0, 1, max_waiting=2) as pool:
        conn = pool.getconn()
        threads = [waiting(pool, got), waiting(pool, got)]
        with pytest.raises(TooManyRequests, match="2 callers wait"):
            pool.getconn()
        assert pool.get_stats()["requests_errors"] == 1
        clock.now += 3
        used = opened(conn)
        pool.putconn(conn)
        threads[0].join(30)
        assert opened(got[0]) is used
        assert pool.get_stats()["requests_wait_ms"] == 3000
    threads[1].join(30)
    assert isinstance(got[1], PoolClosed)
    assert "was closed meanwhile" in str(got[1])
    pool.putconn(got[0])


@pytest.mark.parametrize("meanwhile", ["nothing", "returned", "closed"])
def test_ctrl_c_while_waiting(
    clock: Clock, driver: ScriptedDriver, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    pool = pooled(0, 1)
    conn = pool.getconn()

    class Event(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if meanwhile == "returned":
                pool.putconn(conn)
            elif meanwhile == "closed":
                pool.close()
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("singlestoredb.pool.threading.Event", Event)
        with pytest.raises(KeyboardInterrupt):
            pool.getconn()
    stats = pool.get_stats()
    assert (stats["requests_waiting"], stats["requests_queued"]) == (0, 1)
    if meanwhile == "returned":
        assert stats["pool_available"] == 1, "what it was given is the next one's"
    else:
        pool.putconn(conn)
    pool.close()


def test_room_goes_to_those_who_wait(clock: Clock, driver: ScriptedDriver) -> None:
    got: list[Any] = []
    with pooled(0, 1) as pool:
        conn = pool.getconn()
        threads = [waiting(pool, got) for _ in range(3)]
        pool.resize(0, 3)
        for thread in threads[:2]:
            thread.join(30)
        assert (len(got), pool.get_stats()["pool_size"]) == (2, 3)
        conn.close()
        pool.putconn(conn)
        threads[2].join(30)
        assert pool.get_stats()["returns_bad"] == 1
        assert driver.opened == 4
        for lent in got:
            pool.putconn(lent)
        pool.resize(1)
        assert (pool.min_size, pool.max_size) == (1, 1)
        pool._upkeep()
        assert some(pool.get_stats())["pool_size"] == 1


def test_failed_connecting_leaves_room(
    clock: Clock, driver: ScriptedDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(conn: s2.Connection) -> None:
        raise s2.OperationalError(1, "not so")

    with pooled(0, 1, configure=fail) as pool:
        for _ in range(2):
            with pytest.raises(s2.OperationalError, match="not so"):
                pool.getconn()
        assert some(pool.get_stats()) == {
            "pool_max": 1,
            "requests_num": 2,
            "requests_errors": 2,
            "connections_num": 2,
        }
        monkeypatch.setattr(pool, "_arguments", {"host": "scripted://", "bogus": 1})
        with pytest.raises(TypeError, match="bogus"):
            pool.getconn()
        stats = pool.get_stats()
        assert (stats["connections_num"], stats["connections_errors"]) == (3, 1)


def test_connections_end_at_their_time(clock: Clock, driver: ScriptedDriver) -> None:
    with pooled(0, 1, max_lifetime=100.0) as pool:
        conn = pool.getconn()
        expires = conn._member.expires
        assert 1090.0 < expires <= 1100.0
        pool.putconn(conn)
        clock.now = expires - 0.001
        conn = pool.getconn()
        assert driver.opened == 1
        clock.now = expires
        pool.putconn(conn)
        assert pool.get_stats()["pool_size"] == 0, "it is not kept"
        conn = pool.getconn()
        pool.putconn(conn)
        clock.now = expires = pool._idle[0]._member.expires
        pool.putconn(pool.getconn())
        assert driver.opened == 3, "it is not lent"
        assert pool.get_stats()["connections_lost"] == 1
        assert pool.get_stats()["pool_size"] == 1


def test_connections_that_were_closed_are_not_lent(clock: Clock, driver: ScriptedDriver) -> None:
    with pooled(0, 1) as pool:
        conn = pool.getconn()
        used = opened(conn)
        pool.putconn(conn)
        used.is_open = False
        conn = pool.getconn()
        assert opened(conn) is not used
        pool.putconn(conn)
        assert pool.get_stats()["connections_lost"] == 1


def test_a_check_may_refuse(clock: Clock, driver: ScriptedDriver, caplog: Any) -> None:
    caplog.set_level(logging.INFO, "singlestoredb.pool")
    answers = iter([None, s2.OperationalError(2006, "gone")])

    def check(conn: s2.Connection) -> None:
        if (problem := next(answers)) is not None:
            raise problem

    with pooled(0, 1, check=check) as pool:
        for times in (1, 1, 2):
            pool.putconn(pool.getconn())
            assert driver.opened == times
        assert "failed its check" in caplog.text


@pytest.mark.parametrize(
    ("in_transaction", "statements"), [(True, ["ROLLBACK"]), (None, ["ROLLBACK"]), (False, [])]
)
def test_what_is_undone(
    clock: Clock, driver: ScriptedDriver, in_transaction: bool | None, statements: list[str]
) -> None:
    with pooled(0, 1, autocommit=False) as pool:
        conn = pool.getconn()
        used = opened(conn)
        used.in_transaction, used.autocommit = in_transaction, True
        driver.statements.clear()
        pool.putconn(conn)
        assert (driver.statements, used.autocommit) == (statements, False)


def test_what_is_right_already_is_not_set(clock: Clock, driver: ScriptedDriver) -> None:
    with pooled(0, 1) as pool:
        conn = pool.getconn()
        told: list[bool] = []
        opened(conn).set_autocommit = told.append
        pool.putconn(conn)
        assert told == []
        conn = pool.getconn()
        opened(conn).autocommit = False
        pool.putconn(conn)
        assert told == [True]


def test_what_is_in_use_is_not_kept(clock: Clock, driver: ScriptedDriver) -> None:
    with pooled(0, 1) as pool:
        conn = pool.getconn()
        conn._lock.acquire()
        pool.putconn(conn)
        stats = pool.get_stats()
        assert (stats["returns_bad"], stats["pool_size"]) == (1, 0)
        conn = pool.getconn()
        conn.close()
        conn._lock.acquire()
        pool.putconn(conn)
        assert pool.get_stats()["returns_bad"] == 2


@pytest.mark.parametrize("with_poll", [True, False])
def test_what_says_something_unasked_is_not_lent(
    clock: Clock, driver: ScriptedDriver, monkeypatch: pytest.MonkeyPatch, with_poll: bool
) -> None:
    if not with_poll:
        monkeypatch.delattr("select.poll")
    ours, theirs = socket.socketpair()
    with ours, theirs, pooled(0, 1) as pool:
        conn = pool.getconn()
        used = opened(conn)
        used.fileno = ours.fileno
        for says, same in ((b"", True), (b"bye", False)):
            pool.putconn(conn)
            theirs.sendall(says)
            conn = pool.getconn()
            assert (opened(conn) is used) is same
        pool.putconn(conn)


def test_what_is_not_idle_is_not_kept(clock: Clock, driver: ScriptedDriver) -> None:
    def reset(conn: s2.Connection) -> None:
        raise s2.OperationalError(1, "no")

    with pooled(0, 1) as pool:
        conn = pool.getconn()
        used = opened(conn)
        used.is_idle = False
        pool.putconn(conn)
        assert not used.is_open
        assert some(pool.get_stats()) == {"pool_max": 1, "requests_num": 1, "connections_num": 1}
    with pooled(0, 1, reset=reset) as pool:
        pool.putconn(pool.getconn())
        assert pool.get_stats()["pool_size"] == 0
    with pooled(0, 1, reset=s2.Connection.close) as pool:
        pool.putconn(pool.getconn())
        assert pool.get_stats()["pool_size"] == 0


def test_blocks_end_transactions(clock: Clock, driver: ScriptedDriver) -> None:
    def ended(in_transaction: bool | None, error: bool) -> list[str]:
        with pooled(0, 1) as pool:
            try:
                with pool.connection() as conn:
                    driver.statements.clear()
                    opened(conn).in_transaction = in_transaction
                    if error:
                        raise ZeroDivisionError
            except ZeroDivisionError:
                assert error
            else:
                assert not error
            return driver.statements[:1]

    assert [ended(state, False) for state in (True, None, False)] == [["COMMIT"], ["COMMIT"], []]
    assert [ended(state, True) for state in (True, None)] == [["ROLLBACK"], ["ROLLBACK"]]
    assert ended(False, True) == []
    for kind in (ZeroDivisionError, KeyboardInterrupt):
        with pooled(0, 1) as pool, pytest.raises(kind), pool.connection() as conn:  # noqa: PT012
            conn.close()
            raise kind
    with pooled(0, 1) as pool:
        with pool.connection() as conn:
            conn.close()
        assert pool.get_stats()["returns_bad"] == 1


def test_draining(clock: Clock, driver: ScriptedDriver) -> None:
    with pooled(0, 3) as pool:
        lent, *others = [pool.getconn() for _ in range(3)]
        idle = [opened(conn) for conn in others]
        for conn in others:
            pool.putconn(conn)
        pool.drain()
        assert not any(used.is_open for used in idle)
        assert pool.get_stats()["pool_size"] == 1
        pool.putconn(lent)
        assert pool.get_stats()["pool_size"] == 0
        pool.putconn(pool.getconn())
        assert pool.get_stats()["pool_size"] == 1, "a new one is kept"


def test_checking_replaces_what_gives_no_sign(clock: Clock, driver: ScriptedDriver) -> None:
    def fail() -> None:
        raise s2.OperationalError(2006, "gone")

    with pooled(0, 2) as pool:
        conns = [pool.getconn(), pool.getconn()]
        good, bad = map(opened, conns)
        for conn in conns:
            pool.putconn(conn)
        bad.ping = fail
        pool.check()
        assert good.is_open
        assert not bad.is_open
        assert some(pool.get_stats()) == {
            "pool_max": 2,
            "pool_size": 1,
            "pool_available": 1,
            "requests_num": 2,
            "connections_num": 2,
            "connections_lost": 1,
        }


def test_a_forked_child_knows_no_connection(
    clock: Clock, driver: ScriptedDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    maintained: list[ConnectionPool] = []
    with pooled(0, 1) as pool:
        closed = pooled(open=False)
        conn = pool.getconn()
        monkeypatch.setattr("singlestoredb.pool._pools", {pool, closed})
        monkeypatch.setattr(ConnectionPool, "_maintained", lambda pool: maintained.append(pool))
        _after_fork()
        assert maintained == [pool]
        assert pool.get_stats()["pool_size"] == 0
        pool.putconn(pool.getconn())
        assert driver.opened == 2
        conn.close()


# -- upkeep ----------------------------------------------------------------------------------


def test_upkeep_makes_what_is_missing(clock: Clock, driver: ScriptedDriver) -> None:
    with pooled(2, 4, max_lifetime=10_000.0) as pool:
        pool._upkeep()
        assert (driver.opened, pool.get_stats()["pool_available"]) == (2, 2)
        pool._upkeep()
        assert driver.opened == 2
        pool.wait(0)
        pool.getconn().close()
        assert pool.get_stats()["pool_size"] == 2


def test_a_pool_that_is_closed_while_it_connects(clock: Clock, driver: ScriptedDriver) -> None:
    pools: list[ConnectionPool] = []
    with pooled(2, 2, configure=lambda conn: pools[0].close()) as pool:
        pools.append(pool)
        pool._upkeep()
        assert some(pool.get_stats()) == {"pool_min": 2, "pool_max": 2, "connections_num": 2}


def test_waiting_for_a_pool_that_does_not_fill(clock: Clock, driver: ScriptedDriver) -> None:
    with pooled(2, 2) as pool:
        pool.putconn(pool.getconn())
        with pytest.raises(PoolTimeout, match="has not 2 connections after 0 s"):
            pool.wait(0)
        assert pool.closed


def test_upkeep_lets_idle_connections_go(clock: Clock, driver: ScriptedDriver) -> None:
    with pooled(1, 3, max_idle=50.0, max_lifetime=10_000.0) as pool:
        assert pool._upkeep() == 60.0, "of what it made it has not thought yet"
        assert pool._upkeep() == min(c._member.expires for c in pool._idle) - clock.now
        conns = [pool.getconn() for _ in range(3)]
        for conn in conns:
            pool.putconn(conn)
            clock.now += 10
        idle = [opened(conn) for conn in pool._idle]
        assert pool._upkeep() == 20.0, "the first is due 50 seconds after it was returned"
        clock.now += 19.999
        assert pool._upkeep() == 0.5, "at least, so that several are dropped together"
        clock.now += 0.001
        assert pool._upkeep() == 10.0
        assert [used.is_open for used in idle] == [False, True, True]
        clock.now += 1000
        pool._upkeep()
        assert [used.is_open for used in idle] == [False, False, True], "min_size stays"
        assert pool.get_stats()["pool_size"] == 1
    with pooled(0, 3) as pool:
        assert pool._upkeep() == 60.0


def test_upkeep_lets_old_and_closed_connections_go(clock: Clock, driver: ScriptedDriver) -> None:
    with pooled(0, 2, max_idle=10_000.0, max_lifetime=100.0) as pool:
        conns = [pool.getconn(), pool.getconn()]
        idle = [opened(conn) for conn in conns]
        for conn in conns:
            pool.putconn(conn)
        pool._idle[0]._member.expires, pool._idle[1]._member.expires = 1050.0, 1060.0
        assert pool._upkeep() == 50.0
        clock.now = 1050.0
        assert pool._upkeep() == 10.0
        assert [used.is_open for used in idle] == [False, True]
        idle[1].is_open = False
        pool._upkeep()
        assert pool.get_stats()["pool_size"] == 0


def test_upkeep_is_patient_with_a_server_that_is_away(
    clock: Clock, driver: ScriptedDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**kwargs: Any) -> s2.Connection:
        raise s2.OperationalError(2003, "away")

    with pooled(2, 2) as pool:
        with monkeypatch.context() as patched:
            patched.setattr("singlestoredb.pool.connect", fail)
            delays = [pool._upkeep() for _ in range(8)]
            assert delays == [1, 2, 4, 8, 16, 32, 60, 60]
            assert pool.get_stats()["pool_size"] == 0
            assert pool.get_stats()["connections_errors"] == 8
            assert not pool._wake.is_set(), "the thread has to wait"
        pool._upkeep()
        assert pool.get_stats()["pool_available"] == 2
        pool.drain()
        with monkeypatch.context() as patched:
            patched.setattr("singlestoredb.pool.connect", fail)
            assert pool._upkeep() == 1, "it begins anew"


def test_room_below_the_least_wakes_the_thread(clock: Clock, driver: ScriptedDriver) -> None:
    with pooled(1, 2) as pool:
        conns = [pool.getconn(), pool.getconn()]
        for conn, awake in zip(conns, (False, True), strict=True):
            conn.close()
            pool.putconn(conn)
            assert pool._wake.is_set() is awake
