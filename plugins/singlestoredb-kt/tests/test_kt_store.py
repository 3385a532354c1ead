"""The stores of the built-in servers: limits, expiry, positions, failures and expressions."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kt import KT_NONE, KyotoTycoon, ProtocolError, ServerConnectionError, TokyoTyrant
from kt.server.names import open_tycoon_store
from kt.server.posix_regex import compile_posix
from kt.server.sqlite_store import SqliteStore
from kt.server.store import MemoryHash, Store
from kt.server.tcp import check_loopback
from kt.server.tycoon import TycoonServer
from kt.server.tycoon_db import absolute_expiry
from kt.server.tyrant import TyrantServer


@pytest.fixture(params=["*", "%", "casket.kch", "casket.kct"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    name = request.param
    opened = open_tycoon_store(str(tmp_path / name) if "." in name else name)
    yield opened
    opened.close()


def test_records(store: Store) -> None:
    store.put(b"k", b"v")
    store.put(b"k", b"w")
    assert store.get(b"k") == (b"w", None)
    assert store.count() == 1
    assert (store.delete(b"k"), store.delete(b"k"), store.count()) == (True, False, 0)
    for key in (b"", b"\x00", b"\xff\xff", b"\xff\xffx"):
        store.put(key, key)
    assert sorted(store) == [b"", b"\x00", b"\xff\xff", b"\xff\xffx"]
    assert sorted(store.keys(b"\xff")) == [b"\xff\xff", b"\xff\xffx"]
    store.clear()
    assert (store.count(), list(store), store.position()) == (0, [], None)


def test_expired_records_are_gone_everywhere(store: Store) -> None:
    store.put(b"old", b"v", 1)
    store.put(b"new", b"v", 2**39)
    store.put(b"mended", b"v", 1)
    store.put(b"mended", b"v")
    assert sorted(store) == [b"mended", b"new"]
    assert (store.count(), store.get(b"old"), store.delete(b"old")) == (2, None, False)


def test_a_record_lives_to_the_end_of_its_last_second(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measured on the real server: set with 0 at 1000.2 it can be read until 1000.999, with 1 it
    is gone at 1002."""
    monkeypatch.setattr("time.time", lambda: 1000.2)
    for xt in (0, 1):
        store.put(b"%d" % xt, b"v", absolute_expiry(xt))
    left = []
    for now in (1000.999, 1001.0, 1001.999, 1002.0):
        monkeypatch.setattr("time.time", lambda now=now: now)
        left.append(sorted(store))
    assert left == [[b"0", b"1"], [b"1"], [b"1"], []]


def test_expiry_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1000.9)
    assert [absolute_expiry(xt) for xt in (0, 60, -5, -1)] == [1000, 1060, 5, 1]
    assert absolute_expiry(2**40 - 2 - 1000) == 2**40 - 2
    for never in (2**40 - 1 - 1000, 2**63 - 1, -(2**40 - 1), -(2**63)):
        assert absolute_expiry(never) is None


def test_a_position_survives_changes(store: Store) -> None:
    for key in (b"a", b"b", b"c"):
        store.put(key, key)
    position = store.position(b"b")
    assert position is not None
    store.delete(b"b")
    assert position.key() == b"c"
    assert position.step() is False
    assert position.key() is None


def test_failed_transactions_leave_no_trace(tmp_path: Path) -> None:
    store = SqliteStore("x", str(tmp_path / "x"), True, "tree")

    def change() -> None:
        with store.transaction():
            store.put(b"k", b"v")
            raise KeyError

    with pytest.raises(KeyError):
        change()
    assert (store.count(), store.get(b"k")) == (0, None)
    store.close()


def test_keys_stored_again_and_again_do_not_pile_up() -> None:
    store = MemoryHash("*")
    for number in range(10_000):
        store.put(b"k", b"v", 2**39 + number)
    assert len(store._expiries) < 200
    assert store.get(b"k") == (b"v", 2**39 + 9_999)


class BrokenStore(MemoryHash):
    """A disk that is full."""

    def put(self, key: bytes, value: bytes, expiry: int | None = None) -> None:
        raise sqlite3.OperationalError("database or disk is full")


def test_storage_failures_reach_the_client(
    kt_in_process: Callable[[TycoonServer | TyrantServer], int],
    capfd: pytest.CaptureFixture[str],
) -> None:
    tycoon, tyrant = TycoonServer(), TyrantServer()
    tycoon.databases[0].store = tyrant.store = BrokenStore("*")
    clients = (
        KyotoTycoon(port=kt_in_process(tycoon), timeout=20, serializer=KT_NONE),
        TokyoTyrant(port=kt_in_process(tyrant), timeout=20, serializer=KT_NONE),
    )
    with pytest.raises(ProtocolError, match="500: DB: database or disk is full"):
        clients[0].add("k", b"v")
    for client in clients:
        with pytest.raises(ServerConnectionError):
            client.set("k", b"v")
        assert client.get("k") is None
        client.close_all()
    assert "disk is full" in capfd.readouterr().err


def test_loopback_addresses() -> None:
    assert [check_loopback(host) for host in ("localhost", "127.8.8.8", "::1")] == [
        "127.0.0.1",
        "127.8.8.8",
        "::1",
    ]


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"^a.c$", b"a\nc", True),
        (r"\d", b"5", False),
        (r"\d", b"d", True),
        (r"[0-9]+", b"x5", True),
        (r"[[:digit:]_]", b"_", True),
        (r"[^[:alpha:]]", b"abc", False),
        (r"[]a]", b"]", True),
        (r"[^]a]", b"]", False),
        (r"[a\]", b"\\", True),
        (r"[[.-.]]", b"-", True),
        (r"a{2}", b"aa", True),
        (r"a{2,3}b", b"aaaab", True),
        (r"a{,1}b", b"b", True),
        (r"a{x}", b"a{x}", True),
        (r"a++a", b"aa", True),
        (r"(a|b)*?c", b"c", True),
        (r"(ab)\1", b"abab", True),
        (r"\.", b"x", False),
        (r"\<b", b"a b", True),
        (r"a$", b"a\n", False),
        (r"^$", b"", True),
        ("ü", "Zürich".encode(), True),
    ],
)
def test_posix_expressions(pattern: str, text: bytes, found: bool) -> None:
    assert (compile_posix(pattern.encode()).search(text) is not None) is found


@pytest.mark.parametrize("pattern", [b"(", b"[", b"[z", b"*a", b"(?:a)", b"a\\", b"[[:x:]]", b"+"])
def test_malformed_expressions(pattern: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        compile_posix(pattern)


def test_case_can_be_ignored() -> None:
    assert compile_posix(b"^AB$", ignore_case=True).search(b"aB") is not None
