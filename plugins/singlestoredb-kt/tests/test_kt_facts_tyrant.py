"""The built-in Tokyo Tyrant server does what was measured on the real one, in raw bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from struct import pack, unpack
from typing import Any

import pytest

from kt import TokyoTyrant

OK, FAILED = b"\x00", b"\x01"


def kv(opcode: int, key: bytes, value: bytes) -> bytes:
    return pack(">HII", opcode, len(key), len(value)) + key + value


def k(opcode: int, key: bytes) -> bytes:
    return pack(">HI", opcode, len(key)) + key


def misc(raw: Any, name: bytes, *arguments: bytes) -> tuple[int, list[bytes]]:
    """Call a misc function; the element count is there even after a failure."""
    request = pack(">HIII", 0xC890, len(name), 0, len(arguments)) + name
    for argument in arguments:
        request += pack(">I", len(argument)) + argument
    status, count = unpack(">BI", raw.ask(request, 5))
    return status, [raw.read(unpack(">I", raw.read(4))[0]) for _ in range(count)]


def put(raw: Any, key: bytes, value: bytes) -> None:
    assert raw.ask(kv(0xC810, key, value), 1) == OK


@pytest.fixture(params=["tt_client", "tt_hash_file"])
def hash_raw(request: pytest.FixtureRequest, kt_peer: Callable[[int], Any]) -> Any:
    """A socket to an empty hash, in memory and in a file."""
    return kt_peer(request.getfixturevalue(request.param).port)


@pytest.fixture(params=["tt_tree", "tt_file"])
def tree_raw(request: pytest.FixtureRequest, kt_peer: Callable[[int], Any]) -> Any:
    """A socket to an empty tree, in memory and in a file."""
    return kt_peer(request.getfixturevalue(request.param).port)


def test_put_family(tt_raw: Any) -> None:
    assert tt_raw.ask(kv(0xC810, b"k", b"v"), 1) == OK
    assert tt_raw.ask(kv(0xC811, b"k", b"w"), 1) == FAILED
    assert tt_raw.ask(kv(0xC811, b"new", b"w"), 1) == OK
    assert tt_raw.ask(kv(0xC812, b"k", b"+"), 1) == OK
    assert tt_raw.ask(kv(0xC812, b"cat", b"+"), 1) == OK
    assert tt_raw.ask(k(0xC830, b"k"), 7) == pack(">BI", 0, 2) + b"v+"
    shift = pack(">HIII", 0xC813, 1, 3, 4) + b"k" + b"xyz"
    assert tt_raw.ask(shift, 1) == OK
    assert tt_raw.ask(k(0xC830, b"k"), 9) == pack(">BI", 0, 4) + b"+xyz"
    tt_raw.sock.sendall(kv(0xC818, b"nr", b"v"))
    # putnr has no reply: the first byte that comes belongs to the get.
    assert tt_raw.ask(k(0xC830, b"nr"), 6) == pack(">BI", 0, 1) + b"v"


def test_out_get_vsiz(tt_raw: Any) -> None:
    put(tt_raw, b"k", b"value")
    assert tt_raw.ask(k(0xC838, b"k"), 5) == pack(">BI", 0, 5)
    assert tt_raw.ask(k(0xC820, b"k"), 1) == OK
    for opcode in (0xC820, 0xC830, 0xC838):
        # A failure has no payload: three in a row are three bytes.
        assert tt_raw.ask(k(opcode, b"k") * 3, 3) == FAILED * 3


def test_mget_leaves_misses_out(tt_raw: Any) -> None:
    put(tt_raw, b"a", b"1")
    request = pack(">HI", 0xC831, 2) + pack(">I", 1) + b"a" + pack(">I", 1) + b"z"
    assert tt_raw.ask(request, 15) == pack(">BIII", 0, 1, 1, 1) + b"a1"
    assert tt_raw.ask(pack(">HI", 0xC831, 0), 5) == pack(">BI", 0, 0)


def test_fwmkeys(tree_raw: Any) -> None:
    for key in (b"b", b"a2", b"a1"):
        put(tree_raw, key, b"")

    def fwmkeys(limit: int) -> list[bytes]:
        status, count = unpack(">BI", tree_raw.ask(pack(">HIi", 0xC858, 1, limit) + b"a", 5))
        assert status == 0
        return [tree_raw.read(unpack(">I", tree_raw.read(4))[0]) for _ in range(count)]

    assert fwmkeys(-1) == [b"a1", b"a2"]
    assert fwmkeys(1) == [b"a1"]
    assert fwmkeys(0) == []


def test_addint(tt_raw: Any) -> None:
    def add(key: bytes, number: int) -> bytes:
        return pack(">HIi", 0xC860, len(key), number) + key

    assert tt_raw.ask(add(b"n", 5), 5) == pack(">Bi", 0, 5)
    assert tt_raw.ask(add(b"n", -7), 5) == bytes.fromhex("00 FFFFFFFE")
    assert tt_raw.ask(k(0xC830, b"n"), 9) == pack(">BI", 0, 4) + struct.pack("<i", -2)
    put(tt_raw, b"any", b"\x01\x00\x00\x00")
    assert tt_raw.ask(add(b"any", 1), 5) == pack(">Bi", 0, 2)
    put(tt_raw, b"text", b"five!")
    assert tt_raw.ask(add(b"text", 1) * 2, 2) == FAILED * 2


def test_adddouble(tt_raw: Any) -> None:
    request = pack(">HIqq", 0xC861, 1, -1, -750_000_000_000) + b"d"
    assert tt_raw.ask(request, 17) == pack(">Bqq", 0, -1, -750_000_000_000)
    assert tt_raw.ask(k(0xC830, b"d"), 13) == pack(">BI", 0, 8) + struct.pack("<d", -1.75)
    infinite = pack(">HIqq", 0xC861, 1, 2**63 - 1, 0) + b"d"
    assert tt_raw.ask(infinite, 17)[:9] == pack(">Bq", 0, 2**63 - 1)
    nan = pack(">HIqq", 0xC861, 1, -(2**63), -(2**63)) + b"d"
    assert tt_raw.ask(nan, 17) == pack(">Bqq", 0, -(2**63), -(2**63))


def test_reports_have_a_payload(tt_raw: Any) -> None:
    put(tt_raw, b"k", b"v")
    assert tt_raw.ask(pack(">H", 0xC880), 9) == pack(">BQ", 0, 1)
    status, size = unpack(">BQ", tt_raw.ask(pack(">H", 0xC881), 9))
    assert (status, size > 0) == (0, True)
    status, length = unpack(">BI", tt_raw.ask(pack(">H", 0xC888), 5))
    names = [line.split(b"\t")[0] for line in tt_raw.read(length).splitlines()]
    expected = b"version libver protver os time pid sid type path rnum size bigend ru_user ru_sys"
    expected += b" ru_real fd loadavg memsize memrss cnt_put cnt_get cnt_misc"
    expected += b" cnt_put_miss cnt_out_miss cnt_get_miss"
    assert set(expected.split()) <= set(names)


def test_vanish_sync_optimize(tt_raw: Any) -> None:
    put(tt_raw, b"k", b"v")
    assert tt_raw.ask(pack(">H", 0xC870), 1) == OK
    assert tt_raw.ask(k(0xC871, b""), 1) == OK
    assert tt_raw.ask(pack(">H", 0xC872), 1) == OK
    assert tt_raw.ask(pack(">H", 0xC880), 9) == pack(">BQ", 0, 0)


def test_refused_commands_do_not_desynchronise(tt_raw: Any) -> None:
    copy = k(0xC873, b"/tmp/never")
    restore = pack(">HIQI", 0xC874, 1, 0, 0) + b"p"
    setmst = pack(">HIIQI", 0xC878, 1, 1978, 0, 0) + b"h"
    assert tt_raw.ask(copy + restore + setmst + pack(">H", 0xC870), 4) == FAILED * 3 + OK


def test_ext_without_scripts_fails(tt_raw: Any) -> None:
    request = pack(">HIIII", 0xC868, 2, 0, 1, 1) + b"fn" + b"k" + b"v"
    assert tt_raw.ask(request * 2, 2) == FAILED * 2


def test_pipelining_and_unknown_opcode(tt_raw: Any) -> None:
    put(tt_raw, b"k", b"v")
    assert tt_raw.ask(k(0xC830, b"k") * 3, 18) == (pack(">BI", 0, 1) + b"v") * 3
    assert tt_raw.ask(pack(">H", 0xC8FE), 1) == b""


@pytest.mark.parametrize(
    "request_bytes",
    [b"GE", k(0xC830, b"")[:2] + b"\xff" * 4, pack(">HI", 0xC831, 2**20 + 1)],
)
def test_hostile_requests_end_the_connection(tt_raw: Any, request_bytes: bytes) -> None:
    assert tt_raw.ask(request_bytes, 1) == b""


# -- the shared iterator ---------------------------------------------------------------------


def iternext(raw: Any) -> bytes | None:
    if raw.ask(pack(">H", 0xC851), 1) == FAILED:
        return None
    key: bytes = raw.read(unpack(">I", raw.read(4))[0])
    return key


def test_two_clients_interleave_on_one_iterator(
    tt_tree: TokyoTyrant, kt_peer: Callable[[int], Any]
) -> None:
    one, two = kt_peer(tt_tree.port), kt_peer(tt_tree.port)
    for key in (b"a", b"b", b"c"):
        put(one, key, b"")
    assert one.ask(pack(">H", 0xC850), 1) == OK
    assert [iternext(one), iternext(two), iternext(one), iternext(two)] == [b"a", b"b", b"c", None]


def test_clients_that_iterate_at_once_each_see_everything(tt_tree: TokyoTyrant) -> None:
    """The documented answer: the client never touches the shared iterator."""
    tt_tree.set_bulk({f"k{number:02}": str(number) for number in range(50)})
    other = TokyoTyrant(port=tt_tree.port)
    mine, theirs = iter(tt_tree), iter(other)
    pairs = list(zip(mine, theirs, strict=True))
    assert pairs == [(f"k{number:02}", f"k{number:02}") for number in range(50)]
    tt_tree.misc("iterinit")
    first = tt_tree.misc("iternext")
    assert list(other.iter_from("k10")) == [f"k{number:02}" for number in range(10, 50)]
    # What others did has not moved it.
    assert (first, tt_tree.misc("iternext")) == ({"k00": "0"}, {"k01": "1"})
    other.close()


def test_iterinit_at_a_key_of_a_tree(tree_raw: Any) -> None:
    for key in (b"a", b"b", b"c"):
        put(tree_raw, key, key * 2)
    assert misc(tree_raw, b"iterinit", b"aa") == (0, [])
    assert misc(tree_raw, b"iternext") == (0, [b"b", b"bb"])


def test_iterinit_past_the_end_of_a_tree(
    tt_tree: TokyoTyrant, tt_file: TokyoTyrant, kt_peer: Callable[[int], Any]
) -> None:
    for client, status in ((tt_tree, 0), (tt_file, 1)):
        raw = kt_peer(client.port)
        put(raw, b"a", b"1")
        misc(raw, b"iterinit")
        # In memory: success, but the old position stays; in a file: failure.
        assert misc(raw, b"iterinit", b"zzz") == (status, [])
        assert misc(raw, b"iternext") == (0, [b"a", b"1"])


def test_iterinit_at_a_key_of_a_hash(
    tt_client: TokyoTyrant, tt_hash_file: TokyoTyrant, kt_peer: Callable[[int], Any]
) -> None:
    for client, status, after in ((tt_client, 0, (1, [])), (tt_hash_file, 1, (0, [b"k", b"1"]))):
        raw = kt_peer(client.port)
        put(raw, b"k", b"1")
        assert misc(raw, b"iterinit", b"k") == (0, [])
        # A missing key: in memory the iterator is at its end, in a file it stays where it is.
        assert misc(raw, b"iterinit", b"missing") == (status, [])
        assert misc(raw, b"iternext") == after


# -- misc ------------------------------------------------------------------------------------


def test_misc_single_records(hash_raw: Any) -> None:
    assert misc(hash_raw, b"put", b"k", b"v") == (0, [])
    assert misc(hash_raw, b"putkeep", b"k", b"w") == (1, [])
    assert misc(hash_raw, b"putkeep", b"n", b"w") == (0, [])
    assert misc(hash_raw, b"putcat", b"k", b"+") == (0, [])
    assert misc(hash_raw, b"get", b"k") == (0, [b"v+"])
    assert misc(hash_raw, b"out", b"k") == (0, [])
    assert misc(hash_raw, b"out", b"k") == misc(hash_raw, b"get", b"k") == (1, [])
    for name in (b"put", b"putkeep", b"putcat", b"out", b"get", b"regex", b"unknown"):
        assert misc(hash_raw, name) == (1, [])


def test_misc_lists(hash_raw: Any) -> None:
    assert misc(hash_raw, b"putlist") == misc(hash_raw, b"outlist") == (0, [])
    assert misc(hash_raw, b"getlist") == (0, [])
    assert misc(hash_raw, b"putlist", b"a", b"1", b"b", b"2") == (0, [])
    assert misc(hash_raw, b"getlist", b"b", b"zz", b"a") == (0, [b"b", b"2", b"a", b"1"])
    assert misc(hash_raw, b"outlist", b"a", b"zz") == (0, [])
    assert misc(hash_raw, b"getlist", b"a", b"b") == (0, [b"b", b"2"])


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ([], (0, [b"value"])),
        ([b"1"], (0, [b"alue"])),
        ([b"1", b"2"], (0, [b"al"])),
        ([b"-3", b"2"], (0, [b"va"])),
        ([b"2", b"0"], (0, [b""])),
        ([b"2", b"-1"], (0, [b"lue"])),
        ([b"5"], (1, [])),
    ],
)
def test_misc_getpart(tt_raw: Any, arguments: list[bytes], answer: Any) -> None:
    put(tt_raw, b"k", b"value")
    assert misc(tt_raw, b"getpart", b"k", *arguments) == answer
    assert misc(tt_raw, b"getpart", b"missing") == (1, [])


def test_misc_regex(tree_raw: Any) -> None:
    for key in (b"a1", b"B2", b"c"):
        put(tree_raw, key, key.lower())
    assert misc(tree_raw, b"regex", b"[0-9]$") == (0, [b"B2", b"b2", b"a1", b"a1"])
    assert misc(tree_raw, b"regex", b"[0-9]$", b"1") == (0, [b"B2", b"b2"])
    assert misc(tree_raw, b"regex", b"^b") == (0, [])
    assert misc(tree_raw, b"regex", b"*^b") == (0, [b"B2", b"b2"])
    assert misc(tree_raw, b"regex", b"(") == (1, [])


def test_misc_range(tree_raw: Any) -> None:
    for key in (b"a", b"b", b"c", b"d"):
        put(tree_raw, key, key)
    everything = [b"a", b"a", b"b", b"b", b"c", b"c", b"d", b"d"]
    assert misc(tree_raw, b"range") == (0, everything)
    assert misc(tree_raw, b"range", b"b", b"0", b"d") == (0, [b"b", b"b", b"c", b"c"])
    assert misc(tree_raw, b"range", b"b", b"1") == (0, [b"b", b"b"])
    assert misc(tree_raw, b"range", b"a", b"0", b"") == (0, [])


def test_misc_range_of_a_hash_fails(hash_raw: Any) -> None:
    assert misc(hash_raw, b"range") == (1, [])


def test_misc_on_files_only(
    tt_client: TokyoTyrant,
    tt_tree: TokyoTyrant,
    tt_file: TokyoTyrant,
    kt_peer: Callable[[int], Any],
) -> None:
    for client in (tt_client, tt_tree):
        raw = kt_peer(client.port)
        for call in ((b"error",), (b"defrag",), (b"cacheclear",), (b"putdup", b"k", b"v")):
            assert misc(raw, *call) == (1, [])
    raw = kt_peer(tt_file.port)
    assert misc(raw, b"get", b"missing") == (1, [])
    assert misc(raw, b"error") == (0, [b"22: no record found"])
    assert misc(raw, b"defrag", b"3") == misc(raw, b"cacheclear") == (0, [])
    assert misc(raw, b"sync") == misc(raw, b"optimize") == (0, [])


def test_misc_duplicates(tt_file: TokyoTyrant, kt_peer: Callable[[int], Any]) -> None:
    raw = kt_peer(tt_file.port)
    for name, value in ((b"put", b"2"), (b"putdup", b"3"), (b"putdupback", b"1")):
        assert misc(raw, name, b"k", value) == (0, [])
    assert misc(raw, b"range") == (0, [b"k", b"1", b"k", b"2", b"k", b"3"])
    assert misc(raw, b"get", b"k") == (0, [b"1"])
    assert misc(raw, b"out", b"k") == (0, [])
    assert len(tt_file) == 0


def test_misc_genuid_and_vanish(tt_raw: Any) -> None:
    status, (first,) = misc(tt_raw, b"genuid")
    assert status == 0
    assert int(first) < int(misc(tt_raw, b"genuid")[1][0])
    put(tt_raw, b"k", b"v")
    assert misc(tt_raw, b"vanish") == (0, [])
    assert misc(tt_raw, b"iterinit") == (0, [])
    assert misc(tt_raw, b"iternext") == (1, [])
