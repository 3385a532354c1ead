"""The codecs against the layouts of the protocols, byte for byte, both directions."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from kt import ServerError, _tsv
from kt import _tycoon_binary as tycoon
from kt import _tyrant_binary as tyrant
from kt._connection import Connection
from kt._tycoon_http import RpcRequests, read_response

Reply = Callable[[str | bytes], Connection]


@pytest.fixture
def reply() -> Iterator[Reply]:
    """Return a function that makes a connection on which these bytes (or hex) have arrived."""
    sockets: list[socket.socket] = []

    def make(data: str | bytes) -> Connection:
        # TCP, because a connection sets a TCP option.
        listener = socket.create_server(("127.0.0.1", 0))
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
        listener.close()
        theirs.sendall(bytes.fromhex(data) if isinstance(data, str) else data)
        theirs.shutdown(socket.SHUT_WR)
        sockets.extend((ours, theirs))
        return Connection(ours, "test")

    yield make
    for sock in sockets:
        sock.close()


@pytest.mark.parametrize(
    ("message", "layout"),
    [
        (
            tycoon.set_one(2, b"key", b"value", 60),
            "B8 00000000 00000001 0002 00000003 00000005 000000000000003C 6B6579 76616C7565",
        ),
        (
            tycoon.set_one(0, b"k", b"", tycoon.NEVER_WRITE, tycoon.NO_REPLY),
            "B8 00000001 00000001 0000 00000001 00000000 7FFFFFFFFFFFFFFF 6B",
        ),
        (
            tycoon.set_many(1, [(b"a", b"1"), (b"", b"22")], -5),
            "B8 00000000 00000002 0001 00000001 00000001 FFFFFFFFFFFFFFFB 61 31"
            " 0001 00000000 00000002 FFFFFFFFFFFFFFFB 3232",
        ),
        (tycoon.remove_one(1, b"k"), "B9 00000000 00000001 0001 00000001 6B"),
        (
            tycoon.keys_message(tycoon.REMOVE_BULK, 0, [b"a", b"b"], tycoon.NO_REPLY),
            "B9 00000001 00000002 0000 00000001 61 0000 00000001 62",
        ),
        (tycoon.get_one(3, b"k"), "BA 00000000 00000001 0003 00000001 6B"),
        (tycoon.keys_message(tycoon.GET_BULK, 0, []), "BA 00000000 00000000"),
        (
            tycoon.play_script(b"fn", [(b"k", b"vv")]),
            "B4 00000000 00000002 00000001 666E 00000001 00000002 6B 7676",
        ),
        (tyrant.put(tyrant.PUT, b"k", b"vv"), "C810 00000001 00000002 6B 7676"),
        (tyrant.put(tyrant.PUTKEEP, b"k", b"v"), "C811 00000001 00000001 6B 76"),
        (tyrant.put(tyrant.PUTCAT, b"k", b"v"), "C812 00000001 00000001 6B 76"),
        (tyrant.putshl(b"k", b"v", 9), "C813 00000001 00000001 00000009 6B 76"),
        (tyrant.put(tyrant.PUTNR, b"k", b"v"), "C818 00000001 00000001 6B 76"),
        (tyrant.on_key(tyrant.OUT, b"k"), "C820 00000001 6B"),
        (tyrant.on_key(tyrant.GET, b"k"), "C830 00000001 6B"),
        (tyrant.mget([b"a", b"bb"]), "C831 00000002 00000001 61 00000002 6262"),
        (tyrant.on_key(tyrant.VSIZ, b"k"), "C838 00000001 6B"),
        (tyrant.fwmkeys(b"p", -1), "C858 00000001 FFFFFFFF 70"),
        (tyrant.addint(b"k", -7), "C860 00000001 FFFFFFF9 6B"),
        (
            tyrant.adddouble(b"k", -1.75),
            # the halves are -1 and -750000000000
            "C861 00000001 FFFFFFFFFFFFFFFF FFFFFF5160843400 6B",
        ),
        (
            tyrant.ext(b"fn", 1, b"k", b"v"),
            "C868 00000002 00000001 00000001 00000001 666E 6B 76",
        ),
        (tyrant.command(tyrant.VANISH), "C872"),
        (tyrant.command(tyrant.RNUM), "C880"),
        (
            tyrant.misc(b"getlist", [b"a", b""], 1),
            "C890 00000007 00000001 00000002 6765746C697374 00000001 61 00000000",
        ),
    ],
)
def test_request_has_the_layout(message: bytes, layout: str) -> None:
    assert message == bytes.fromhex(layout)


def test_tycoon_replies_are_read(reply: Reply) -> None:
    assert tycoon.read_set(reply("B8 00000001")) == 1
    assert tycoon.read_remove(reply("B9 00000000")) == 0
    one = "BA 00000001 0000 00000001 00000002 000000FFFFFFFFFF 6B 7676"
    assert tycoon.read_value(reply(one)) == b"vv"
    assert tycoon.read_value(reply("BA 00000000")) is None
    two = "BA 00000002 0001 00000001 00000000 0000000000000007 61 0002 00000000 00000001"
    two += " 000000FFFFFFFFFF 62"
    assert tycoon.read_records(reply(two), 2) == [(1, b"a", b"", 7), (2, b"", b"b", 2**40 - 1)]
    assert tycoon.read_pairs(reply(two), 2) == [(b"a", b""), (b"", b"b")]
    script = "B4 00000001 00000001 00000002 6B 7676"
    assert tycoon.read_script(reply(script)) == [(b"k", b"vv")]
    failed = reply("BF")
    failed.fill(1)
    assert tycoon.read_script(failed) is None


def test_tyrant_replies_are_read(reply: Reply) -> None:
    assert tyrant.read_status(reply("00")) is True
    assert tyrant.read_status(reply("01")) is False
    assert tyrant.read_value(reply("00 00000002 7676")) == b"vv"
    assert tyrant.read_value(reply("01")) is None
    pairs = "00 00000002 00000001 00000001 61 31 00000001 00000000 62"
    assert tyrant.read_pairs(reply(pairs), 2) == [(b"a", b"1"), (b"b", b"")]
    assert tyrant.read_count(reply("00 00000005")) == 5
    assert tyrant.read_list(reply("00 00000002 00000001 61 00000000")) == [b"a", b""]
    assert tyrant.read_integer(reply("00 FFFFFFFE")) == -2
    minus = (-750_000_000_000 & (2**64 - 1)).to_bytes(8, "big").hex()
    assert tyrant.read_double(reply("00 FFFFFFFFFFFFFFFF" + minus)) == -1.75
    assert tyrant.read_total(reply("00 0000000100000000")) == 2**32
    assert tyrant.read_text(reply("00 00000003 610931")) == b"a\t1"
    assert tyrant.read_misc(reply("01 00000000")) == (False, [])
    assert tyrant.read_misc(reply("00 00000001 00000001 78")) == (True, [b"x"])


@pytest.mark.parametrize("number", [0.0, 1.5, -1.75, 123456789.25, -0.000001])
def test_doubles_survive_both_halves(number: float) -> None:
    assert tyrant.join_double(*tyrant.split_double(number)) == pytest.approx(number, abs=1e-12)


def test_special_doubles() -> None:
    assert tyrant.split_double(float("nan")) == (-(2**63), -(2**63))
    assert tyrant.split_double(float("inf")) == (2**63 - 1, 0)
    assert tyrant.split_double(float("-inf")) == (-(2**63), 0)
    assert tyrant.join_double(2**63 - 1, 0) == float("inf")
    assert tyrant.join_double(-(2**63), 0) == float("-inf")
    joined = tyrant.join_double(-(2**63), -(2**63))
    assert joined != joined


def test_replies_may_arrive_byte_by_byte() -> None:
    """The slow paths: every split of a reply gives what the whole gives."""
    message = bytes.fromhex("BA 00000002 0000 00000001 00000002 000000FFFFFFFFFF 6B 7676")
    message += bytes.fromhex("0000 00000001 00000003 000000FFFFFFFFFF 6C 777777")
    listener = socket.create_server(("127.0.0.1", 0))
    for cut in range(1, len(message)):
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
        connection = Connection(ours, "test")
        theirs.sendall(message[:cut])
        connection.fill(1)
        theirs.sendall(message[cut:])
        assert tycoon.read_pairs(connection, 2) == [(b"k", b"vv"), (b"l", b"www")]
        connection.expect_end()
        connection.close()
        theirs.close()
    listener.close()


def test_rpc_request_bytes() -> None:
    request = RpcRequests("::1", 1978).build(b"get", [(b"DB", b"0"), (b"key", b"\x00\t")])
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /rpc/get HTTP/1.1",
        b"Host: [::1]:1978",
        b"Content-Type: text/tab-separated-values; colenc=B",
        b"Content-Length: %d" % len(body),
    ]
    assert body == b"REI=\tMA==\na2V5\tAAk=\n"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("", b"key\tvalue one\n"),
        ("; colenc=B", b"a2V5\tdmFsdWUgb25l\n"),
        ("; colenc=U", b"%6b%65%79\tvalue%20one\n"),
        ("; colenc=Q", b"=6B=65y\tvalue=20one\n"),
        ('; charset="x"; colenc="U"', b"key\tvalue%20one\r\n"),
    ],
)
def test_every_column_encoding_is_read(reply: Reply, encoding: str, body: bytes) -> None:
    response = (
        f"HTTP/1.1 200 OK\r\nContent-Type: text/tab-separated-values{encoding}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode() + body
    assert read_response(reply(response)) == (200, [(b"key", b"value one")])


@pytest.mark.parametrize("encoding", ["B", "U", "Q"])
def test_encodings_carry_any_byte(encoding: str) -> None:
    records = [(bytes([byte]) + b"key", bytes([byte, 61, 37, 10, 9, byte])) for byte in range(256)]
    body = _tsv.encode(records, encoding)
    assert body.count(b"\n") == body.count(b"\t") == 256
    assert _tsv.decode(body, encoding) == records


def test_bad_base64_is_an_error(reply: Reply) -> None:
    response = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/tab-separated-values; colenc=B\r\n"
        b"Content-Length: 8\r\n\r\n!!\tab==\n"
    )
    with pytest.raises(ServerError, match="no TSV"):
        read_response(reply(response))


def test_connection_close_is_obeyed(reply: Reply) -> None:
    connection = reply(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    assert read_response(connection) == (200, [])
    assert not connection.is_open
