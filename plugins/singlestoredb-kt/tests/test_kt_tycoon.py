"""The Kyoto Tycoon client: every method, operator and attribute of its API document."""

from __future__ import annotations

import inspect
import time
from typing import Any

import pytest

import kt
from kt import (
    KT_JSON,
    KT_NONE,
    ImproperlyConfigured,
    KyotoTycoon,
    ProtocolError,
    ScriptError,
    TokyoTyrant,
)


def test_signatures_are_those_of_the_document() -> None:
    documented = {
        "__init__": "host='127.0.0.1', port=1978, serializer='binary', decode_keys=True, "
        "timeout=None, default_db=0",
        "checkin": "",
        "close": "",
        "get": "key, db=None",
        "set": "key, value, db=None, expire_time=None",
        "remove": "key, db=None",
        "get_bulk": "keys, db=None",
        "set_bulk": "data=None, db=None, expire_time=None, kwargs",
        "remove_bulk": "keys, db=None",
        "script": "name, _KyotoTycoon__data=None, encode_values=True, kwargs",
        "clear": "db=None",
        "status": "db=None",
        "report": "",
        "add": "key, value, db=None, expire_time=None",
        "replace": "key, value, db=None, expire_time=None",
        "append": "key, value, db=None, expire_time=None",
        "exists": "key, db=None",
        "seize": "key, db=None",
        "cas": "key, old_val, new_val, db=None, expire_time=None",
        "incr": "key, n=1, orig=None, db=None, expire_time=None",
        "incr_double": "key, n=1.0, orig=None, db=None, expire_time=None",
        "update": "data=None, db=None, expire_time=None, kwargs",
        "pop": "key, db=None",
        "match_prefix": "prefix, max_keys=None, db=None",
        "match_regex": "regex, max_keys=None, db=None",
        "match_similar": "origin, distance=None, max_keys=None, db=None",
        "keys": "db=None",
        "set_database": "db",
    }
    for name, expected in documented.items():
        parameters = list(inspect.signature(getattr(KyotoTycoon, name)).parameters.values())[1:]
        shown = [
            p.name if p.default is p.empty else f"{p.name}={p.default!r}"
            for p in parameters
            if p.name != "no_reply"
        ]
        assert ", ".join(shown) == expected, name


def test_every_export_exists_and_is_listed() -> None:
    documented = {
        "KyotoTycoon",
        "TokyoTyrant",
        "EmbeddedServer",
        "EmbeddedTokyoTyrantServer",
        "KT_BINARY",
        "KT_JSON",
        "KT_MSGPACK",
        "KT_NONE",
        "KT_PICKLE",
    }
    assert documented <= set(kt.__all__)
    assert all(hasattr(kt, name) for name in kt.__all__)


def test_get_set_remove(kt_client: KyotoTycoon) -> None:
    assert kt_client.get("k") is None
    assert kt_client.set("k", "Zürich") == 1
    assert kt_client.get("k") == "Zürich"
    assert kt_client.get(b"k") == "Zürich"
    assert kt_client.remove("k") == 1
    assert kt_client.remove("k") == 0
    assert kt_client.set("", "") == 1
    assert kt_client.get("") == ""
    assert kt_client.set(5, 17) == 1
    assert kt_client.get("5") == "17"


def test_several_databases(kt_client: KyotoTycoon) -> None:
    kt_client.set("k", "zero")
    kt_client.set("k", "one", db=1)
    assert (kt_client.get("k"), kt_client.get("k", db=1)) == ("zero", "one")
    assert kt_client.remove("k", db=1) == 1
    assert kt_client.get("k", 1) is None
    assert (kt_client.get("k", 99), kt_client.set("k", "v", 99)) == (None, 0)
    with pytest.raises(ProtocolError, match="400: no such database"):
        kt_client.status(99)
    for bad in (-1, 65536):
        with pytest.raises(ValueError, match="between 0 and 65535"):
            kt_client.get("k", bad)
    assert kt_client.get("k") == "zero"
    assert kt_client.set_database(1) is kt_client
    assert kt_client.get("k") is None
    assert kt_client.set_database(0)["k"] == "zero"


def test_bulk(kt_client: KyotoTycoon) -> None:
    assert kt_client.set_bulk({"a": "1", "b": "2"}, b="loses", c="3") == 3
    assert kt_client.get_bulk(["a", "b", "zz", "c"]) == {"a": "1", "b": "2", "c": "3"}
    assert kt_client.remove_bulk(["a", "zz", "c"]) == 2
    assert kt_client.set_bulk({"db": "x", "expire_time": "y"}, db=1) == 2
    assert kt_client.get_bulk(["db", "expire_time"], db=1) == {"db": "x", "expire_time": "y"}
    assert kt_client.update(z="26") == 1
    assert kt_client.update({"q": "1"}, db=1, expire_time=60) == 1
    assert kt_client.set_bulk(__data={"under": "score"}) == 1
    assert kt_client.get("under") == "score"
    assert (kt_client.set_bulk(), kt_client.get_bulk([]), kt_client.remove_bulk([])) == (0, {}, 0)


def test_bulk_of_many_messages(kt_client: KyotoTycoon) -> None:
    """More records than go into one message, and more bytes than socket buffers hold."""
    data = {f"key-{number}": "v" * 300 for number in range(40_000)}
    assert kt_client.set_bulk(data) == len(data)
    assert kt_client.get_bulk([*data, "missing"]) == data
    assert kt_client.remove_bulk(data) == len(data)
    assert kt_client.get("key-1") is None


def test_large_values(kt_client: KyotoTycoon) -> None:
    value = "x" * 5_000_000
    kt_client.set("big", value)
    assert kt_client.get("big") == value
    assert kt_client.get_bulk(["big"]) == {"big": value}
    assert kt_client.seize("big") == value


def test_expiry(kt_client: KyotoTycoon) -> None:
    now = int(time.time())
    kt_client.set("k", "v", expire_time=100)
    kt_client.set("absolute", "v", expire_time=-(now + 50))
    kt_client.set("never", "v")
    kt_client.add("added", "v", expire_time=100)
    kt_client.incr("n", expire_time=100)
    records = {r.key: r for r in kt_client.get_bulk_details(["k", "absolute", "never", "added"])}
    assert records["never"] == ("never", "v", 0, None)
    assert records["absolute"].expire_time == now + 50
    for key in ("k", "added"):
        expire_time = records[key].expire_time
        assert expire_time is not None
        assert 0 <= expire_time - now - 100 <= 5
    assert kt_client.set("gone", "v", expire_time=-1) == 1
    assert kt_client.get("gone") is None
    with pytest.raises(ValueError, match="64 bits"):
        kt_client.set("k", "v", expire_time=2**63)
    with pytest.raises(TypeError, match=r"integers, not 0 and 1\.5"):
        kt_client.set("k", "v", expire_time=1.5)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(TypeError, match="integers, not 'one'"):
        kt_client.get("k", db="one")  # type: ignore[arg-type]  # wrong on purpose


def test_zero_expiry_means_this_second_on_both_protocols(kt_client: KyotoTycoon) -> None:
    kt_client.set("binary", "v", expire_time=0)
    kt_client.add("http", "v", expire_time=0)
    deadline = time.monotonic() + 10
    while kt_client.exists("binary") or kt_client.exists("http"):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_add_replace_append(kt_client: KyotoTycoon) -> None:
    assert kt_client.replace("k", "v") is False
    assert kt_client.add("k", "v") is True
    assert kt_client.add("k", "w") is False
    assert kt_client.replace("k", "w") is True
    assert kt_client.append("k", "+") is True
    assert kt_client.append("new", "+") is True
    assert kt_client.get_bulk(["k", "new"]) == {"k": "w+", "new": "+"}


def test_exists_length_seize_pop(kt_client: KyotoTycoon) -> None:
    assert kt_client.exists("k") is False
    kt_client.set("k", "value")
    assert kt_client.exists("k") is True
    assert (kt_client.length("k"), kt_client.length("zz")) == (5, None)
    assert kt_client.seize("k") == "value"
    assert kt_client.seize("k") is None
    kt_client.set("k", "again", db=1)
    assert kt_client.pop("k", db=1) == "again"
    assert kt_client.pop("k", db=1) is None


def test_cas(kt_client: KyotoTycoon) -> None:
    assert kt_client.cas("k", None, "v") is True
    assert kt_client.cas("k", None, "v") is False
    assert kt_client.cas("k", "x", "w") is False
    assert kt_client.cas("k", "v", "w") is True
    assert kt_client.cas("k", "w", None) is True
    assert kt_client.exists("k") is False
    with pytest.raises(ValueError, match="both"):
        kt_client.cas("k", None, None)


def test_counters(kt_client: KyotoTycoon) -> None:
    assert kt_client.incr("n") == 1
    assert kt_client.incr("n", -5) == -4
    assert kt_client.incr("m", 2, orig=40) == 42
    assert kt_client.incr_double("d", 1.25) == 1.25
    assert kt_client.incr_double("d", -3) == -1.75
    assert kt_client.incr_double("e", 0.5, orig=2.0) == 2.5
    assert isinstance(kt_client.incr_double("f", 1), float)
    kt_client.set("text", "no counter")
    with pytest.raises(ProtocolError, match="450"):
        kt_client.incr("text")
    with pytest.raises(ProtocolError, match="450"):
        kt_client.incr_double("text")
    with pytest.raises(TypeError):
        kt_client.incr("n", 1.5)  # type: ignore[arg-type]  # wrong on purpose


def test_matching(kt_client: KyotoTycoon) -> None:
    kt_client.set_database(1).set_bulk({f"k{number}": "" for number in range(12)})
    assert kt_client.match_prefix("k1") == ["k1", "k10", "k11"]
    assert kt_client.match_prefix("k", 2) == ["k0", "k1"]
    assert kt_client.match_prefix("zz") == []
    assert kt_client.match_regex("^k[0-2]$") == ["k0", "k1", "k2"]
    assert kt_client.match_regex("k", max_keys=1) == ["k0"]
    assert kt_client.match_similar("k10")[0] == "k10"
    assert "k1" in kt_client.match_similar("k10", distance=1)
    assert kt_client.match_similar("k10", 1, 1) == ["k10"]
    with pytest.raises(ProtocolError, match="450"):
        kt_client.match_regex("[")
    assert kt_client.keys() == sorted(kt_client.keys())
    assert len(kt_client.keys()) == 12
    assert kt_client.keys(db=0) == []


def test_ranks_order_more_than_ten_keys(kt_client: KyotoTycoon) -> None:
    """The reply is sorted by key; only the ranks tell the order of a hash."""
    inserted = [f"k{number}" for number in (11, 3, 20, 1, 9, 10, 2, 5, 4, 8, 7, 6)]
    for key in inserted:
        kt_client.set(key, "")
    assert kt_client.keys() == inserted


def test_status_report_and_attributes(kt_client: KyotoTycoon) -> None:
    kt_client.set_bulk(a="1", b="2")
    status = kt_client.status()
    assert (status["count"], status["path"]) == (2, "*")
    assert kt_client.size == status["size"]
    assert (kt_client.path, kt_client.count(1), len(kt_client)) == ("*", 0, 2)
    assert kt_client.set_database(1).path == "%"
    report = kt_client.report()
    assert isinstance(report["serv_proc_id"], int)
    assert isinstance(report["serv_current_time"], float)
    assert str(report["db_0"]).startswith("count=2 ")
    assert kt_client.clear(0) is True
    assert kt_client.count(0) == 0
    assert kt_client.synchronize() is kt_client.synchronize(hard=True) is kt_client.vacuum() is True


def test_mapping_operators(kt_client: KyotoTycoon) -> None:
    kt_client["k"] = "v"
    kt_client["k", 1] = "one"
    kt_client["soon"] = ("v", 100)
    assert (kt_client["k"], kt_client["k", 1], kt_client["missing"]) == ("v", "one", None)
    assert ("k" in kt_client, ("k", 1) in kt_client, ("k", 2) in kt_client) == (True, True, False)
    assert kt_client.get_bulk_details(["soon"])[0].expire_time is not None
    assert len(kt_client) == 2
    assert sorted(kt_client) == ["k", "soon"]
    del kt_client["k"]
    del kt_client["k"]
    del kt_client["k", 1]
    assert "k" not in kt_client
    for bad in [("a", 1, 2), ("a",), ()]:
        with pytest.raises(ValueError, match="tuple of"):
            kt_client[bad]
        with pytest.raises(ValueError, match="expire_time"):
            kt_client["k"] = bad


def test_decode_keys_off(kt_port: int) -> None:
    client = KyotoTycoon(port=kt_port, decode_keys=False, serializer=KT_NONE)
    client.set(b"\xff\x00", b"\xfe")
    assert client.get_bulk([b"\xff\x00"]) == {b"\xff\x00": b"\xfe"}
    assert client.keys() == client.match_prefix(b"\xff") == [b"\xff\x00"]
    # Names of fields are not keys: these work whatever decode_keys says.
    assert (len(client), client.incr("n"), client.status()["count"]) == (1, 1, 2)
    client.close()


def test_ranks_do_not_pass_the_serializer(kt_port: int) -> None:
    client = KyotoTycoon(port=kt_port, serializer=kt.KT_PICKLE)
    client.set("k", {"a": (1, 2)})
    assert client.keys() == client.match_regex("k") == ["k"]
    assert client.pop("k") == {"a": (1, 2)}
    client.close()


def test_one_key_is_not_several(kt_client: KyotoTycoon, tt_client: TokyoTyrant) -> None:
    for call in (
        kt_client.get_bulk,
        kt_client.remove_bulk,
        kt_client.get_bulk_details,
        tt_client.get_bulk,
        tt_client.remove_bulk,
        lambda keys: tt_client.misc("out", keys),
    ):
        with pytest.raises(TypeError, match=r"several keys are expected, as in \['abc'\]"):
            call("abc")


def test_no_reply(kt_client: KyotoTycoon) -> None:
    assert kt_client.set("k", "v", no_reply=True) == 0
    assert kt_client.get("k") == "v"
    assert kt_client.remove("k", no_reply=True) == 0
    assert kt_client.get("k") is None
    assert kt_client.set_bulk({"a": "1"}, no_reply=True) == 0
    assert kt_client.remove_bulk(["zz"], no_reply=True) == 0
    assert kt_client.script("none", no_reply=True) == {}
    assert kt_client.get_bulk(["a"]) == {"a": "1"}


def test_cursor(kt_client: KyotoTycoon) -> None:
    kt_client.set_bulk({"a": "1", "b": "2", "c": "3"}, db=1)
    with kt_client.cursor(1) as cursor:
        assert list(cursor) == [("a", "1"), ("b", "2"), ("c", "3")]
        assert cursor.get() is cursor.key() is cursor.value() is cursor.seize() is None
        assert cursor.step() is cursor.remove() is cursor.set_value("x") is False
        assert cursor.jump("b") is True
        assert (cursor.key(), cursor.value(step=True), cursor.get()) == ("b", "2", ("c", "3"))
        assert cursor.jump_back("bz") is True
        assert cursor.set_value("two", expire_time=100) is True
        assert cursor.step_back() is True
        assert cursor.seize() == ("a", "1")
        assert cursor.get() == ("b", "two")
        assert cursor.remove() is True
        assert cursor.jump("d") is False
    with pytest.raises(ValueError, match="closed"):
        cursor.get()
    cursor.close()
    assert kt_client.keys(1) == ["c"]
    assert (list(kt_client.items(1)), list(kt_client.values(1))) == ([("c", "3")], ["3"])
    with kt_client.cursor(0) as cursor, pytest.raises(NotImplementedError):
        cursor.jump_back()


def test_cursor_connections_are_reused(kt_client: KyotoTycoon) -> None:
    kt_client.set("k", "v")
    for _ in range(5):
        assert list(kt_client.items()) == [("k", "v")]
    assert len(kt_client._pool._known) == 2


def test_script_failure_names_the_function(kt_client: KyotoTycoon) -> None:
    with pytest.raises(ScriptError, match="'nothing'"):
        kt_client.script("nothing", {"k": "v"})
    with pytest.raises(ProtocolError):
        kt_client.lua.nothing(k="v")
    assert kt_client.get("k") is None


def test_json_values_in_every_method(kt_port: int) -> None:
    client = KyotoTycoon(port=kt_port, serializer=KT_JSON)
    value: dict[str, Any] = {"a": [1, None, "ü"]}
    assert client.set("k", value) == 1
    assert client.get("k") == client["k"] == client.get_bulk(["k"])["k"] == value
    assert client.get_bytes("k") == b'{"a":[1,null,"\\u00fc"]}'
    assert client.cas("k", value, [1]) is True
    assert client.replace("k", [2]) is True
    assert client.seize("k") == [2]
    assert client.set_bytes("raw", b"[3]") == 1
    assert client.pop("raw") == [3]
    client.close()


def test_repr_names_the_server(kt_client: KyotoTycoon) -> None:
    assert repr(kt_client) == f"<KyotoTycoon 127.0.0.1:{kt_client.port} db=0>"


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_a_counter_is_not_cut_down(kt_client: KyotoTycoon, number: int) -> None:
    with pytest.raises(ValueError, match="64 bits"):
        kt_client.incr("n", number)
    with pytest.raises(ValueError, match="64 bits"):
        kt_client.incr("n", 1, number)
    assert "n" not in kt_client
    assert kt_client.incr("n", 2**63 - 1) == 2**63 - 1


@pytest.mark.parametrize("port", [0, -1, 65536, 99999])
@pytest.mark.parametrize("kind", [KyotoTycoon, TokyoTyrant])
def test_a_port_that_none_is_leads_nowhere(
    kind: type[KyotoTycoon] | type[TokyoTyrant], port: int
) -> None:
    # The system takes its lowest 16 bits: 99999 would be 34463.
    with pytest.raises(ImproperlyConfigured, match="between 1 and 65535"):
        kind(port=port)
