"""Mutated messages in both directions: errors of our own, never a crash, a hang or lost service."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Callable
from functools import partial
from struct import pack
from typing import Any

import pytest

from kt import KyotoTycoon, KyotoTycoonError, TokyoTyrant
from kt import _tycoon_binary as tycoon
from kt import _tyrant_binary as tyrant
from kt._connection import Connection
from kt._tycoon_http import RpcRequests, read_response
from kt.server.tycoon import TycoonServer
from kt.server.tyrant import TyrantServer

RECORD = pack(">HIIq", 0, 3, 5, 2**40 - 1) + b"keyvalue"
BODY = b"a2V5\tdmFsdWU=\n_x\tMA==\n"
HTTP = (
    b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n"
    b"Content-Type: text/tab-separated-values; colenc=B\r\n\r\n%b" % (len(BODY), BODY)
)

Case = tuple[Callable[[Connection], Any], bytes]
REPLIES: dict[str, Case] = {
    "value": (tycoon.read_value, pack(">BI", 0xBA, 1) + RECORD),
    "pairs": (partial(tycoon.read_pairs, limit=3), pack(">BI", 0xBA, 3) + RECORD * 3),
    "records": (partial(tycoon.read_records, limit=3), pack(">BI", 0xBA, 3) + RECORD * 3),
    "hits": (tycoon.read_set, pack(">BI", 0xB8, 1)),
    "script": (tycoon.read_script, pack(">BIII", 0xB4, 1, 1, 1) + b"kv"),
    "http": (read_response, HTTP),
    "tyrant value": (tyrant.read_value, pack(">BI", 0, 5) + b"value"),
    "tyrant pairs": (
        partial(tyrant.read_pairs, limit=2),
        pack(">BI", 0, 2) + (pack(">II", 1, 1) + b"kv") * 2,
    ),
    "tyrant elements": (tyrant.read_misc, pack(">BI", 0, 3) + (pack(">I", 2) + b"el") * 3),
    "tyrant double": (tyrant.read_double, pack(">Bqq", 0, 1, 5)),
}


def mutate(message: bytes, chance: random.Random) -> bytes:
    """Return a message with one to three bytes changed, removed, doubled, or cut off."""
    data = bytearray(message)
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(len(data))
        kind = chance.randrange(5)
        if kind == 0:
            data[place] = chance.randrange(256)
        elif kind == 1:
            data[place : place + 1] = chance.choice([b"\x00", b"\xff", b"\xff\xff\xff\xff"])
        elif kind == 2 and len(data) > 1:
            del data[place]
        elif kind == 3:
            data[place:place] = data[place : place + 4]
        elif place:
            del data[place:]
    return bytes(data)


@pytest.mark.parametrize("name", REPLIES)
def test_mutated_replies(name: str) -> None:
    read, message = REPLIES[name]
    chance = random.Random(name)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for _ in range(400):
            ours = socket.create_connection(listener.getsockname())
            theirs, _ = listener.accept()
            theirs.sendall(mutate(message, chance))
            theirs.close()
            ours.settimeout(5)
            connection = Connection(ours, "fuzz")
            with contextlib.suppress(KyotoTycoonError):
                connection.fill(1)
                read(connection)
                connection.expect_end()
            connection.close()


def tycoon_requests() -> list[bytes]:
    rpc = RpcRequests("h", 1).build
    return [
        tycoon.set_many(0, [(b"k", b"v"), (b"l", b"w")], 60),
        tycoon.keys_message(tycoon.GET_BULK, 1, [b"k", b"l"]),
        tycoon.keys_message(tycoon.REMOVE_BULK, 0, [b"k", b"l"]),
        tycoon.play_script(b"name", [(b"k", b"v")]),
        rpc(b"set", [(b"DB", b"1"), (b"key", b"k"), (b"value", b"v"), (b"xt", b"9")]),
        rpc(b"increment", [(b"key", b"n"), (b"num", b"1"), (b"orig", b"2")]),
        rpc(b"match_regex", [(b"regex", b"^[a-z]+(b|c){2,3}$")]),
        rpc(b"match_similar", [(b"origin", b"abc"), (b"range", b"2"), (b"utf", b"")]),
        b"GET /rpc/cur_jump?CUR=1&DB=1&key=%61 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ]


def tyrant_requests() -> list[bytes]:
    return [
        tyrant.put(tyrant.PUT, b"k", b"v"),
        tyrant.mget([b"k", b"l"]),
        tyrant.fwmkeys(b"k", 5),
        tyrant.addint(b"n", 5),
        tyrant.adddouble(b"d", 1.5),
        tyrant.putshl(b"k", b"v", 3),
        tyrant.ext(b"f", 1, b"k", b"v"),
        tyrant.misc(b"regex", [b"^(a|b)[[:alpha:]]*$", b"5"]),
        tyrant.misc(b"getpart", [b"k", b"1", b"2"]),
        tyrant.misc(b"range", [b"a", b"5", b"z"]),
    ]


def attack(port: int, messages: list[bytes], chance: random.Random) -> None:
    """Send mutated requests and read until the server hangs up."""
    for _ in range(400):
        sock = socket.create_connection(("127.0.0.1", port), 10)
        with sock, contextlib.suppress(ConnectionError):
            sock.sendall(mutate(chance.choice(messages), chance))
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass


def test_mutated_requests_to_tycoon(kt_in_process: Callable[[TycoonServer], int]) -> None:
    port = kt_in_process(TycoonServer(["*", "%"]))
    attack(port, tycoon_requests(), random.Random(1))
    client = KyotoTycoon(port=port, timeout=20)
    assert client.set("still", "here") == 1
    assert client.get("still") == "here"
    client.close()


@pytest.mark.parametrize("database", ["*", "+"])
def test_mutated_requests_to_tyrant(
    kt_in_process: Callable[[TyrantServer], int], database: str
) -> None:
    port = kt_in_process(TyrantServer(database))
    attack(port, tyrant_requests(), random.Random(2))
    client = TokyoTyrant(port=port, timeout=20)
    assert client.set("still", "here") is True
    assert client.get("still") == "here"
    client.close()
