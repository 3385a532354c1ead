"""Threads, greenlets and forks."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from kt import KyotoTycoon, TokyoTyrant

THREADS = 64


def in_threads(work: Callable[[int], None]) -> None:
    """Run ``work`` in many threads that start together, and raise what any of them raised."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(THREADS)

    def run(number: int) -> None:
        try:
            barrier.wait(30)
            work(number)
        except BaseException as exc:
            errors.append(exc)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]


def connections(client: KyotoTycoon) -> int:
    """Return how many connections a client has."""
    return len(client._pool._known)


def test_64_threads_share_a_tycoon_client(kt_client: KyotoTycoon) -> None:
    def work(number: int) -> None:
        for step in range(25):
            key = f"{number}-{step}"
            assert kt_client.set(key, key) == 1
            assert kt_client.get(key) == key
            kt_client.incr("total")
            assert kt_client.get_bulk([key, "none"]) == {key: key}

    in_threads(work)
    assert kt_client.incr("total", 0) == THREADS * 25
    assert len(kt_client) == THREADS * 25 + 1


def test_64_threads_share_a_tyrant_client(tt_client: TokyoTyrant) -> None:
    def work(number: int) -> None:
        for step in range(25):
            key = f"{number}-{step}"
            assert tt_client.set(key, key) is True
            assert tt_client.get(key) == key
            tt_client.incr("total")

    in_threads(work)
    assert tt_client.incr("total", 0) == THREADS * 25


def test_the_connection_of_a_thread_that_ends_is_reused(kt_client: KyotoTycoon) -> None:
    kt_client.set("k", "v")
    for _ in range(20):
        thread = threading.Thread(target=lambda: kt_client.set("k", "v"))
        thread.start()
        thread.join()
    assert connections(kt_client) == 2


def test_checkin_hands_the_connection_on(kt_port: int) -> None:
    client = KyotoTycoon(port=kt_port)
    ports: list[int] = []

    def work() -> None:
        with client:
            client.set("k", "v")
            ports.append(client._pool._bound()._open_socket().getsockname()[1])

    work()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    work()
    assert len(set(ports)) == 1
    client.checkin()
    client.checkin()
    client.close()
    client.close()
    client.close_all()


def test_free_connections_are_reused_oldest_first(kt_port: int) -> None:
    pool = KyotoTycoon(port=kt_port)._pool
    first, second = pool.acquire(), pool.acquire()
    pool.release(second)
    pool.release(first)
    assert pool.acquire() is second
    assert pool.acquire() is first
    pool.close_all()


def test_dead_and_talkative_free_connections_are_dropped(
    kt_scripted: Callable[..., object], kt_port: int
) -> None:
    pool = KyotoTycoon(port=kt_port)._pool
    dead, talkative, good = pool.acquire(), pool.acquire(), pool.acquire()
    dead._open_socket().shutdown(2)
    # An unknown magic: the server hangs up.
    talkative.send(b"\xb7")
    deadline = time.monotonic() + 10
    while talkative.is_idle():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    for connection in (dead, talkative, good):
        pool.release(connection)
    assert pool.acquire() is good
    assert not dead.is_open
    assert not talkative.is_open
    pool.close_all()


def test_close_opens_anew(kt_client: KyotoTycoon) -> None:
    kt_client.set("k", "v")
    before = kt_client._pool._bound()
    kt_client.close()
    assert not before.is_open
    assert kt_client.get("k") == "v"
    assert kt_client._pool._bound() is not before


def test_nothing_is_opened_before_the_first_call() -> None:
    client = KyotoTycoon("no.such.host.invalid", 1)
    assert len(client._pool._known) == 0
    client.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_forked_child_has_connections_of_its_own(kt_port: int) -> None:
    """Run apart: a fork of the test process would take its threads' locks along."""
    script = """
import os, sys
from kt import KyotoTycoon
client = KyotoTycoon(port=int(sys.argv[1]), timeout=20)
client.set("k", "v")
mine = client._pool._bound()._open_socket().getsockname()[1]
child = os.fork()
if child == 0:
    theirs = None
    for number in range(50):
        assert client.get("k") == "v"
        theirs = client._pool._bound()._open_socket().getsockname()[1]
    os._exit(0 if theirs != mine else 1)
for number in range(50):
    assert client.get("k") == "v"
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert client._pool._bound()._open_socket().getsockname()[1] == mine
client.close_all()
"""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script, str(kt_port)]
    assert subprocess.run(command, timeout=60).returncode == 0


def test_256_greenlets(kt_port: int, tt_client: TokyoTyrant) -> None:
    """In a process of its own: gevent replaces the sockets of the whole interpreter."""
    script = """
from gevent import monkey
monkey.patch_all()
import sys, time, gevent
from kt import KyotoTycoon, TokyoTyrant
tycoon, tyrant = KyotoTycoon(port=int(sys.argv[1])), TokyoTyrant(port=int(sys.argv[2]))
def work(number):
    with tycoon, tyrant:
        tycoon.set(f"k{number}", str(number))
        tyrant.set(f"k{number}", str(number))
        gevent.sleep(0.5)
        assert tycoon.get(f"k{number}") == tyrant.get(f"k{number}") == str(number)
        tycoon.incr("total")
started = time.monotonic()
jobs = [gevent.spawn(work, number) for number in range(256)]
gevent.joinall(jobs, raise_error=True)
# One after the other they would sleep for 128 seconds.
assert time.monotonic() - started < 60
assert tycoon.incr("total", 0) == 256
tycoon.close_all()
tyrant.close_all()
"""
    command = [sys.executable, "-c", script, str(kt_port), str(tt_client.port)]
    assert subprocess.run(command, timeout=100).returncode == 0
