"""The built-in Kyoto Tycoon server does what was measured on the real one, in raw bytes."""

from __future__ import annotations

import time
from collections.abc import Callable
from struct import pack, unpack
from typing import Any

import pytest

NEVER = 0x7FFFFFFFFFFFFFFF
NEVER_READ = 2**40 - 1
Rpc = Callable[..., tuple[int, dict[bytes, bytes]]]


def set_record(db: int, key: bytes, value: bytes, xt: int = NEVER) -> bytes:
    return pack(">HIIq", db, len(key), len(value), xt) + key + value


def key_record(db: int, key: bytes) -> bytes:
    return pack(">HI", db, len(key)) + key


def message(magic: int, *records: bytes, flags: int = 0) -> bytes:
    return pack(">BII", magic, flags, len(records)) + b"".join(records)


def put(raw: Any, *records: bytes) -> None:
    assert raw.ask(message(0xB8, *records), 5) == pack(">BI", 0xB8, len(records))


def get(raw: Any, db: int, key: bytes) -> tuple[bytes, int] | None:
    """Return value and expiry as the binary protocol tells them."""
    magic, hits = unpack(">BI", raw.ask(message(0xBA, key_record(db, key)), 5))
    assert magic == 0xBA
    if not hits:
        return None
    found, key_size, value_size, xt = unpack(">HIIq", raw.read(18))
    assert (found, raw.read(key_size)) == (db, key)
    return raw.read(value_size), xt


# -- binary ----------------------------------------------------------------------------------


def test_set_get_remove_layouts(kt_raw: Any) -> None:
    put(kt_raw, set_record(0, b"a", b"1"), set_record(0, b"", b""))
    reply = kt_raw.ask(message(0xBA, key_record(0, b"a")), 5 + 18 + 2)
    assert reply == pack(">BI", 0xBA, 1) + pack(">HIIq", 0, 1, 1, NEVER_READ) + b"a1"
    assert get(kt_raw, 0, b"") == (b"", NEVER_READ)
    removal = message(0xB9, key_record(0, b"a"), key_record(0, b"a"))
    assert kt_raw.ask(removal, 5) == pack(">BI", 0xB9, 1)
    assert get(kt_raw, 0, b"a") is None


def test_get_keeps_request_order_and_duplicates(kt_raw: Any) -> None:
    put(kt_raw, set_record(0, b"a", b"1"), set_record(0, b"b", b"2"))
    wanted = [key_record(0, key) for key in (b"b", b"miss", b"a", b"b")]
    reply = kt_raw.ask(message(0xBA, *wanted), 5 + 3 * 20)
    assert reply[:5] == pack(">BI", 0xBA, 3)
    assert [reply[5 + 20 * n + 18 : 5 + 20 * n + 20] for n in range(3)] == [b"b2", b"a1", b"b2"]


def test_one_message_for_several_databases(kt_raw: Any) -> None:
    put(kt_raw, set_record(0, b"k", b"0"), set_record(1, b"k", b"1"), set_record(2, b"k", b"2"))
    wanted = [key_record(db, b"k") for db in (2, 0, 1)]
    reply = kt_raw.ask(message(0xBA, *wanted), 5 + 3 * 20)
    assert [unpack(">H", reply[5 + 20 * n : 7 + 20 * n])[0] for n in range(3)] == [2, 0, 1]
    assert reply[24:25] + reply[44:45] + reply[64:65] == b"201"


@pytest.mark.parametrize(
    ("magic", "record"),
    [(0xB8, set_record(9, b"k", b"v")), (0xB9, key_record(9, b"k")), (0xBA, key_record(9, b"k"))],
)
def test_unknown_database_is_skipped(kt_raw: Any, magic: int, record: bytes) -> None:
    assert kt_raw.ask(message(magic, record), 5) == pack(">BI", magic, 0)


@pytest.mark.parametrize("magic", [0xB8, 0xB9, 0xBA])
def test_no_records_is_valid(kt_raw: Any, magic: int) -> None:
    assert kt_raw.ask(message(magic), 5) == pack(">BI", magic, 0)


def test_unknown_magic_closes_without_a_byte(kt_raw: Any) -> None:
    assert kt_raw.ask(b"\xb7", 1) == b""


def test_no_reply_flag(kt_raw: Any) -> None:
    kt_raw.sock.sendall(message(0xB8, set_record(0, b"k", b"v"), flags=1))
    kt_raw.sock.sendall(message(0xB9, key_record(0, b"gone"), flags=1))
    script = pack(">BIIII", 0xB4, 1, 2, 0, 0)[:13] + b"no"
    kt_raw.sock.sendall(script)
    # The first byte that comes is the reply of the get.
    assert get(kt_raw, 0, b"k") == (b"v", NEVER_READ)


def test_pipelined_gets(kt_raw: Any) -> None:
    put(kt_raw, set_record(0, b"k", b"v"))
    reply = kt_raw.ask(message(0xBA, key_record(0, b"k")) * 3, 3 * 25)
    assert reply == (pack(">BI", 0xBA, 1) + pack(">HIIq", 0, 1, 1, NEVER_READ) + b"kv") * 3


def test_http_and_binary_share_a_connection(kt_raw: Any, kt_rpc: Rpc) -> None:
    put(kt_raw, set_record(0, b"k", b"v"))
    assert kt_rpc("get", key=b"k") == (200, {b"value": b"v"})
    assert get(kt_raw, 0, b"k") == (b"v", NEVER_READ)


def test_script_without_scripts_is_an_error_and_the_connection_stays(kt_raw: Any) -> None:
    assert kt_raw.ask(pack(">BIII", 0xB4, 0, 2, 0) + b"fn", 1) == b"\xbf"
    assert get(kt_raw, 0, b"k") is None


# -- expiry ----------------------------------------------------------------------------------


def test_expiry_arithmetic(kt_raw: Any) -> None:
    now = int(time.time())
    put(
        kt_raw,
        set_record(0, b"relative", b"", 60),
        set_record(0, b"absolute", b"", -(now + 50)),
        set_record(0, b"past", b"", -1),
        set_record(0, b"never", b"", 2**40 - 1),
        set_record(0, b"far", b"", -(2**50)),
    )
    found = get(kt_raw, 0, b"relative")
    assert found is not None
    assert found[1] - (now + 60) in (0, 1, 2)
    assert get(kt_raw, 0, b"absolute") == (b"", now + 50)
    assert get(kt_raw, 0, b"past") is None
    assert get(kt_raw, 0, b"never") == (b"", NEVER_READ)
    assert get(kt_raw, 0, b"far") == (b"", NEVER_READ)


@pytest.mark.parametrize("db", [0, 1])
def test_records_vanish_when_their_last_second_is_over(kt_raw: Any, kt_rpc: Rpc, db: int) -> None:
    put(kt_raw, set_record(db, b"k", b"v", 0), set_record(db, b"stays", b"v", 100))
    deadline = time.monotonic() + 10
    while kt_rpc("check", DB=db, key=b"k")[0] == 200:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert kt_rpc("status", DB=db)[1][b"count"] == b"1"
    assert kt_rpc("add", DB=db, key=b"k", value=b"new")[0] == 200


def test_non_numeric_expiry_counts_as_zero(kt_rpc: Rpc) -> None:
    before = int(time.time())
    kt_rpc("set", key=b"k", value=b"v", xt="soon")
    status, answer = kt_rpc("check", key=b"k")
    if status == 200:
        assert int(answer[b"xt"]) in (before, before + 1)
    else:
        assert int(time.time()) > before


def test_append_drops_or_sets_the_expiry(kt_rpc: Rpc) -> None:
    kt_rpc("set", key=b"k", value=b"a", xt=100)
    assert b"xt" in kt_rpc("get", key=b"k")[1]
    assert kt_rpc("append", key=b"k", value=b"b")[0] == 200
    assert kt_rpc("get", key=b"k") == (200, {b"value": b"ab"})
    kt_rpc("append", key=b"k", value=b"c", xt=100)
    assert b"xt" in kt_rpc("get", key=b"k")[1]


# -- TSV-RPC ---------------------------------------------------------------------------------


def exchange(raw: Any, request: bytes) -> tuple[bytes, bytes]:
    """Send an HTTP request and return head and body of the response."""
    raw.sock.sendall(request)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = raw.read(1)
        assert byte, head
        head += byte
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    return head, raw.read(length)


def post(body: bytes, content_type: str = "text/tab-separated-values", path: str = "echo") -> bytes:
    return (
        f"POST /rpc/{path} HTTP/1.1\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/tab-separated-values", b"key\ta b\n"),
        ("text/tab-separated-values; colenc=B", b"a2V5\tYSBi\n"),
        ("text/tab-separated-values; colenc=U", b"k%65y\ta%20b\n"),
        ("text/tab-separated-values; colenc=Q", b"k=65y\ta=20b\n"),
        ("application/x-www-form-urlencoded", b"k%65y=a+b"),
    ],
)
def test_input_encodings(kt_raw: Any, content_type: str, body: bytes) -> None:
    head, answer = exchange(kt_raw, post(body, content_type))
    assert (head[:15], answer) == (b"HTTP/1.1 200 OK", b"key\ta b\n")


def test_get_with_query_string_and_http_1_0(kt_raw: Any) -> None:
    request = b"GET /rpc/echo?key=a%20b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    assert exchange(kt_raw, request)[1] == b"key\ta b\n"
    assert exchange(kt_raw, b"GET /rpc/void HTTP/1.0\r\n\r\n")[1] == b""
    assert kt_raw.read(1) == b""


@pytest.mark.parametrize(
    ("value", "encoding"),
    [
        ("Zürich".encode(), b""),
        (bytes.fromhex("00fffe090a"), b"; colenc=U"),
        ((1).to_bytes(8, "big"), b"; colenc=B"),
    ],
)
def test_output_encoding_depends_on_the_bytes(kt_raw: Any, value: bytes, encoding: bytes) -> None:
    put(kt_raw, set_record(0, b"k", value))
    head, body = exchange(kt_raw, post(b"key\tk\n", path="get"))
    assert b"Content-Type: text/tab-separated-values" + encoding + b"\r\n" in head
    if encoding.endswith(b"U"):
        assert body == b"value\t%00%ff%fe%09%0a\n"


def test_response_records_are_sorted_by_key(kt_raw: Any) -> None:
    assert exchange(kt_raw, post(b"b\t1\na\t2\n_z\t3\n"))[1] == b"_z\t3\na\t2\nb\t1\n"


@pytest.mark.parametrize(
    ("procedure", "fields", "status", "error"),
    [
        ("get", {"key": "no"}, 450, b"DB: 7: no record: no record"),
        ("set", {"key": "no"}, 400, b"invalid parameters"),
        ("get", {"DB": 77, "key": "k"}, 400, b"no such database"),
        ("cur_get", {"CUR": 5}, 400, b"no such cursor"),
        ("nonsense", {}, 501, b"not implemented: nonsense"),
        ("play_script", {"name": "x"}, 501, b"the scripting extention is disabled"),
        ("remove", {"key": "no"}, 450, b"DB: 7: no record: no record"),
        ("replace", {"key": "no", "value": ""}, 450, b"DB: 7: no record: no record"),
        ("match_regex", {"regex": "[z"}, 450, None),
        ("ulog_list", {}, 400, None),
    ],
)
def test_failures(
    kt_rpc: Rpc, procedure: str, fields: dict[str, Any], status: int, error: bytes | None
) -> None:
    found, answer = kt_rpc(procedure, **fields)
    assert found == status
    assert list(answer) == [b"ERROR"]
    if error is not None:
        assert answer[b"ERROR"] == error


def test_add_and_cas_conflicts(kt_rpc: Rpc) -> None:
    assert kt_rpc("add", key=b"k", value=b"v") == (200, {})
    duplicate = b"DB: 6: record duplication: record duplication"
    assert kt_rpc("add", key=b"k", value=b"w") == (450, {b"ERROR": duplicate})
    conflict = b"DB: 8: logical inconsistency: status conflict"
    assert kt_rpc("cas", key=b"k", oval=b"x", nval=b"y") == (450, {b"ERROR": conflict})
    assert kt_rpc("cas", key=b"k", nval=b"y")[0] == 450
    assert kt_rpc("cas", key=b"k", oval=b"v", nval=b"y")[0] == 200
    assert kt_rpc("cas", key=b"k", oval=b"y")[0] == 200
    assert kt_rpc("check", key=b"k")[0] == 450
    assert kt_rpc("cas", key=b"k")[0] == 200
    assert kt_rpc("cas", key=b"k", nval=b"new")[0] == 200
    assert kt_rpc("get", key=b"k") == (200, {b"value": b"new"})


def test_databases_by_name(kt_rpc: Rpc) -> None:
    kt_rpc("set", DB="%", key=b"k", value=b"tree")
    assert kt_rpc("get", DB=1, key=b"k") == (200, {b"value": b"tree"})
    assert kt_rpc("get", DB=0, key=b"k")[0] == 450


def test_increment(kt_rpc: Rpc) -> None:
    assert kt_rpc("increment", key=b"n", num=1) == (200, {b"num": b"1"})
    assert kt_rpc("get", key=b"n")[1] == {b"value": (1).to_bytes(8, "big")}
    assert kt_rpc("increment", key=b"n", num=-3)[1] == {b"num": b"-2"}
    assert kt_rpc("increment", key=b"n", num="1.9")[1] == {b"num": b"-1"}
    assert kt_rpc("increment", key=b"n", num="abc")[1] == {b"num": b"-1"}
    assert kt_rpc("increment", key=b"n", num=5, orig=100)[1] == {b"num": b"4"}
    assert kt_rpc("increment", key=b"new", num=5, orig=100)[1] == {b"num": b"105"}
    assert kt_rpc("increment", key=b"new", num=7, orig="set")[1] == {b"num": b"7"}
    assert kt_rpc("increment", key=b"none", num=7, orig="try")[0] == 450
    kt_rpc("set", key=b"text", value=b"12345678")
    number = int.from_bytes(b"12345678", "big")
    assert kt_rpc("increment", key=b"text", num=1)[1] == {b"num": b"%d" % (number + 1)}
    kt_rpc("set", key=b"text", value=b"short")
    assert kt_rpc("increment", key=b"text", num=1)[0] == 450


def test_increment_double(kt_rpc: Rpc) -> None:
    assert kt_rpc("increment_double", key=b"d", num="1.5")[1] == {b"num": b"1.500000"}
    assert kt_rpc("get", key=b"d")[1] == {b"value": pack(">qq", 1, 500_000_000_000_000)}
    assert kt_rpc("increment_double", key=b"d", num="-3.25")[1] == {b"num": b"-1.750000"}
    assert kt_rpc("get", key=b"d")[1] == {b"value": pack(">qq", -1, -750_000_000_000_000)}
    kt_rpc("set", key=b"d", value=b"12345678")
    assert kt_rpc("increment_double", key=b"d", num=1)[0] == 450


def test_check_seize_and_bulk(kt_rpc: Rpc) -> None:
    assert kt_rpc("set_bulk", _a="1", _b="22", atomic="") == (200, {b"num": b"2"})
    assert kt_rpc("check", key="b") == (200, {b"vsiz": b"2"})
    assert kt_rpc("get_bulk", _a="", _zz="") == (200, {b"num": b"1", b"_a": b"1"})
    assert kt_rpc("seize", key="a") == (200, {b"value": b"1"})
    assert kt_rpc("seize", key="a")[0] == 450
    assert kt_rpc("remove_bulk", _a="", _b="") == (200, {b"num": b"1"})
    assert kt_rpc("vacuum", step=3)[0] == kt_rpc("synchronize", hard="")[0] == 200


def test_matching(kt_rpc: Rpc) -> None:
    for key in ("b10", "a1", "b2", "c"):
        kt_rpc("set", DB=1, key=key, value="")
    assert kt_rpc("match_prefix", DB=1, prefix="b")[1] == {
        b"num": b"2",
        b"_b10": b"0",
        b"_b2": b"1",
    }
    assert kt_rpc("match_prefix", DB=1, prefix="")[1][b"num"] == b"4"
    assert kt_rpc("match_prefix", DB=1, prefix="", max=-1)[1][b"num"] == b"4"
    assert kt_rpc("match_prefix", DB=1, prefix="", max=3)[1][b"num"] == b"3"
    assert kt_rpc("match_prefix", DB=1, prefix="zz") == (200, {b"num": b"0"})
    assert kt_rpc("match_regex", DB=1, regex=r"\d")[1] == {b"num": b"0"}
    assert set(kt_rpc("match_regex", DB=1, regex="^b[0-9]+$")[1]) == {b"num", b"_b10", b"_b2"}
    similar = kt_rpc("match_similar", DB=1, origin="b2", utf="true")[1]
    assert similar == {b"num": b"1", b"_b2": b"0"}
    wide = kt_rpc("match_similar", DB=1, origin="b2", range=2)[1]
    assert wide[b"_b2"] == b"0"
    assert set(wide) == {b"num", b"_b2", b"_b10", b"_a1", b"_c"}


def test_status_and_report_fields(kt_rpc: Rpc) -> None:
    always = b"bnum capcnt capsiz chksum count fmtver ktcapcnt ktcapsiz ktopts librev libver opts"
    always += b" path realtype recovered reorganized size type"
    tree = b"cusage first icnt last lcnt pccap pnum psiz rcomp root"
    assert set(kt_rpc("status", DB=0)[1]) == set(always.split())
    assert set(kt_rpc("status", DB=1)[1]) == set((always + b" " + tree).split())
    report = kt_rpc("report")[1]
    assert report[b"db_1"].startswith(b"count=0 size=")
    assert report[b"db_1"].endswith(b" path=%")
    counters = b"get get_misses misc remove remove_misses script set set_misses"
    assert {b"cnt_" + name for name in counters.split()} <= set(report)
    assert {b"sys_mem_size", b"sys_mem_rss", b"sys_ru_utime", b"sys_ru_stime"} <= set(report)
    assert {b"db_0", b"db_2", b"db_total_count", b"serv_proc_id", b"conf_kt_version"} <= set(report)


# -- cursors ---------------------------------------------------------------------------------


def fill(rpc: Rpc, db: int) -> None:
    for key in "abc":
        rpc("set", DB=db, key=key, value=key * 2)


@pytest.mark.parametrize("db", [0, 1])
def test_cursor_walks_forward(kt_rpc: Rpc, db: int) -> None:
    fill(kt_rpc, db)
    assert kt_rpc("cur_jump", CUR=7, DB=db) == (200, {})
    seen = []
    for _ in range(3):
        status, answer = kt_rpc("cur_get", CUR=7, step="")
        assert status == 200
        seen.append(answer[b"key"] + answer[b"value"])
    assert sorted(seen) == [b"aaa", b"bbb", b"ccc"]
    assert kt_rpc("cur_get", CUR=7)[0] == kt_rpc("cur_step", CUR=7)[0] == 450
    assert kt_rpc("cur_delete", CUR=7)[0] == 200
    assert kt_rpc("cur_delete", CUR=7)[0] == 400


def test_cursor_of_a_tree(kt_rpc: Rpc) -> None:
    fill(kt_rpc, 1)
    assert kt_rpc("cur_jump", CUR=1, DB=1, key="aa")[0] == 200
    assert kt_rpc("cur_get_key", CUR=1) == (200, {b"key": b"b"})
    assert kt_rpc("cur_step_back", CUR=1)[0] == 200
    assert kt_rpc("cur_get_value", CUR=1) == (200, {b"value": b"aa"})
    assert kt_rpc("cur_step_back", CUR=1)[0] == 450
    assert kt_rpc("cur_jump_back", CUR=1, DB=1)[0] == 200
    assert kt_rpc("cur_set_value", CUR=1, value="new")[0] == 200
    assert kt_rpc("cur_seize", CUR=1) == (200, {b"key": b"c", b"value": b"new"})
    assert kt_rpc("cur_jump_back", CUR=1, DB=1, key="bz")[0] == 200
    assert kt_rpc("cur_remove", CUR=1)[0] == 200
    assert kt_rpc("match_prefix", DB=1, prefix="")[1] == {b"num": b"1", b"_a": b"0"}
    assert kt_rpc("cur_jump", CUR=1, DB=1, key="zz")[0] == 450


def test_cursor_of_a_hash_has_no_way_back(kt_rpc: Rpc) -> None:
    fill(kt_rpc, 0)
    assert kt_rpc("cur_jump", CUR=1, DB=0, key="b")[0] == 200
    assert kt_rpc("cur_step_back", CUR=1)[0] == 501
    assert kt_rpc("cur_jump_back", CUR=1, DB=0)[0] == 501
    assert kt_rpc("cur_jump", CUR=1, DB=0, key="zz")[0] == 450


def test_cursors_belong_to_their_connection(kt_rpc: Rpc, kt_peer: Any, kt_port: int) -> None:
    fill(kt_rpc, 1)
    assert kt_rpc("cur_jump", CUR=1, DB=1)[0] == 200
    other = kt_peer(kt_port)
    assert b" 400 " in exchange(other, post(b"CUR\t1\n", path="cur_get"))[0]


# -- what only the built-in server promises --------------------------------------------------


@pytest.mark.parametrize("field", ["Origin: http://evil.example", "Sec-Fetch-Site: cross-site"])
def test_requests_of_web_pages_are_refused(kt_raw: Any, kt_rpc: Rpc, field: str) -> None:
    kt_rpc("set", key="k", value="v")
    request = f"GET /rpc/clear HTTP/1.1\r\n{field}\r\n\r\n".encode()
    assert exchange(kt_raw, request)[0].startswith(b"HTTP/1.1 403 ")
    assert kt_rpc("get", key="k")[0] == 200


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GARBAGE\r\n\r\n",
        b"POST /rpc/void HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
        b"POST /rpc/void HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /rpc/void HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        pack(">BII", 0xBA, 0, 1) + pack(">HI", 0, 0xFFFFFFFF),
        pack(">BII", 0xB8, 0, 1) + pack(">HIIq", 0, 1, 0xFFFFFFFF, 0),
        pack(">BIII", 0xB4, 0, 0xFFFFFFFF, 0),
    ],
)
def test_hostile_requests_end_the_connection(kt_raw: Any, request_bytes: bytes) -> None:
    assert kt_raw.ask(request_bytes, 1) == b""
