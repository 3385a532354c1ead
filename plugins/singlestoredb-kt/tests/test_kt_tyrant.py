"""The Tokyo Tyrant client: every method, operator and attribute of its API document."""

from __future__ import annotations

import inspect
import struct
from typing import Any

import pytest

from kt import KT_JSON, KT_NONE, ProtocolError, ScriptError, TokyoTyrant


def test_signatures_are_those_of_the_document() -> None:
    documented = {
        "checkin": "",
        "close": "",
        "get": "key",
        "set": "key, value",
        "remove": "key",
        "get_bulk": "keys",
        "set_bulk": "data=None, kwargs",
        "remove_bulk": "keys",
        "script": "name, key=None, value=None",
        "clear": "",
        "status": "",
        "add": "key, value",
        "append": "key, value",
        "get_part": "key, start=None, end=None",
        "exists": "key",
        "incr": "key, n=1",
        "incr_double": "key, n=1.0",
        "misc": "cmd, keys=None, data=None",
        "update": "data=None, db=None, expire_time=None, kwargs",
        "get_range": "start, stop=None, max_keys=0",
        "match_prefix": "prefix, max_keys=1024",
        "match_regex": "regex, max_keys=1024",
        "iter_from": "start_key",
        "keys": "",
    }
    ours = {"no_reply", "lock_records", "lock_all", "update_log"}
    for name, expected in documented.items():
        parameters = list(inspect.signature(getattr(TokyoTyrant, name)).parameters.values())[1:]
        shown = [
            p.name if p.default is p.empty else f"{p.name}={p.default!r}"
            for p in parameters
            if p.name not in ours
        ]
        assert ", ".join(shown) == expected, name


def test_get_set_remove(tt_client: TokyoTyrant) -> None:
    assert tt_client.get("k") is None
    assert tt_client.set("k", "Zürich") is True
    assert tt_client.get("k") == "Zürich"
    assert (tt_client.remove("k"), tt_client.remove("k")) == (1, 0)
    assert type(tt_client.remove("k")) is int
    assert tt_client.set("", "") is True
    assert tt_client.get("") == ""
    assert tt_client.set("nr", "v", no_reply=True) is True
    assert tt_client.get("nr") == "v"


def test_add_append(tt_client: TokyoTyrant) -> None:
    assert tt_client.add("k", "v") is True
    assert tt_client.add("k", "w") is False
    assert tt_client.append("k", "+") is True
    assert tt_client.append("new", "+") is True
    assert tt_client.append_shift("k", "xyz", 4) is True
    assert tt_client.get_bulk(["k", "new"]) == {"k": "+xyz", "new": "+"}


def test_bulk(tt_client: TokyoTyrant) -> None:
    assert tt_client.set_bulk({"a": "1", "b": "2"}, b="loses", c="3") is True
    assert tt_client.set_bulk() is True
    assert tt_client.set_bulk(db="a key like any other") is True
    assert tt_client.get_bulk(["a", "b", "zz", "c"]) == {"a": "1", "b": "2", "c": "3"}
    assert tt_client.remove_bulk(["a", "zz"]) is True
    assert tt_client.update({"q": "1"}, z="26") is True
    assert tt_client.update({"q": "1"}, db=0) is True
    with pytest.raises(ValueError, match="one database"):
        tt_client.update({"q": "1"}, db=1)
    with pytest.raises(ValueError, match="do not expire"):
        tt_client.update({"q": "1"}, expire_time=5)
    assert tt_client.get_bulk([]) == {}


def test_bulk_of_many_messages(tt_client: TokyoTyrant) -> None:
    data = {f"key-{number}": "v" * 300 for number in range(40_000)}
    assert tt_client.set_bulk(data) is True
    assert tt_client.get_bulk([*data, "missing"]) == data
    assert len(tt_client.keys()) == len(data)
    assert tt_client.remove_bulk(data) is True
    assert len(tt_client) == 0


def test_large_values(tt_client: TokyoTyrant) -> None:
    value = "x" * 5_000_000
    tt_client.set("big", value)
    assert tt_client.get("big") == value
    assert tt_client.misc("get", ["big"]) == value


def test_exists_length_seize(tt_client: TokyoTyrant) -> None:
    assert tt_client.exists("k") is False
    tt_client.set("k", "")
    assert tt_client.exists("k") is True
    tt_client.set("k", "value")
    assert (tt_client.length("k"), tt_client.length("zz")) == (5, None)
    assert (tt_client.seize("k"), tt_client.seize("k")) == ("value", None)


def test_get_part(tt_client: TokyoTyrant) -> None:
    tt_client.set("k", "value")
    assert tt_client.get_part("k") == "value"
    assert tt_client.get_part("k", 1) == "alue"
    assert tt_client.get_part("k", 1, 2) == "al"
    assert tt_client.get_part("k", end=2) == "va"
    assert tt_client.get_part("k", 0, 0) == ""
    assert tt_client.get_part("k", 5) is False
    assert tt_client.get_part("missing") is False


def test_counters(tt_client: TokyoTyrant) -> None:
    assert tt_client.incr("n") == 1
    assert tt_client.incr("n", -5) == -4
    assert tt_client.incr_double("d", 1.25) == 1.25
    assert tt_client.incr_double("d", -3) == -1.75
    raw = TokyoTyrant(port=tt_client.port, serializer=KT_NONE)
    assert raw.get_bulk(["n", "d"]) == {"n": struct.pack("<i", -4), "d": struct.pack("<d", -1.75)}
    raw.close()
    tt_client.set("text", "no counter")
    assert tt_client.incr("text") is tt_client.incr_double("text") is None
    with pytest.raises(ValueError, match="32-bit"):
        tt_client.incr("n", 2**31)


def test_misc(tt_tree: TokyoTyrant) -> None:
    assert tt_tree.misc("put", ["k", "v"]) is True
    assert tt_tree.misc("put", data={"a": "1"}) is True
    assert tt_tree.misc("put", data={"b": "2", "c": "3"}) is True
    assert tt_tree.misc("putkeep", ["k", "w"]) is False
    assert tt_tree.misc("get", ["k"]) == "v"
    assert tt_tree.misc("get", ["k", "b", "zz"]) == {"k": "v", "b": "2"}
    assert tt_tree.misc("get", ["missing"]) is False
    assert tt_tree.misc("getlist", ["missing"]) == {}
    assert tt_tree.misc("out", ["k", "zz"]) is True
    assert tt_tree.misc("out", ["k"]) is False
    assert tt_tree.misc("range", ["b", 1]) == {"b": "2"}
    assert tt_tree.misc("regex", ["zz"]) == {}
    assert tt_tree.misc("getpart", ["b", 0, 1]) == "2"
    assert tt_tree.misc("iterinit") is tt_tree.misc("sync", update_log=False) is True
    assert tt_tree.misc("iternext") == {"a": "1"}
    assert int(tt_tree.misc("genuid")) > 0
    assert tt_tree.misc("nonsense") is False
    assert tt_tree.misc("vanish") is True
    with pytest.raises(ValueError, match="not both"):
        tt_tree.misc("put", ["k"], {"k": "v"})


def test_ranges(tt_tree: TokyoTyrant) -> None:
    tt_tree.set_bulk({key: key * 2 for key in "dbca"})
    everything = {"a": "aa", "b": "bb", "c": "cc", "d": "dd"}
    assert tt_tree["b":"d"] == {"b": "bb", "c": "cc"}
    assert list(tt_tree[:].items()) == list(everything.items())
    assert tt_tree["c":] == {"c": "cc", "d": "dd"}
    assert tt_tree[:"c"] == {"a": "aa", "b": "bb"}
    assert tt_tree.get_range("b") == {"b": "bb", "c": "cc", "d": "dd"}
    assert tt_tree.get_range("b", max_keys=1) == {"b": "bb"}
    assert tt_tree.get_range("b", "d", 9) == {"b": "bb", "c": "cc"}
    assert tt_tree.get_range("x") == tt_tree.get_range("a", "") == {}
    with pytest.raises(ValueError, match="step"):
        tt_tree["a":"b":2]


def test_ranges_need_a_tree(tt_client: TokyoTyrant) -> None:
    with pytest.raises(ProtocolError, match="tree"):
        tt_client.get_range("a")
    with pytest.raises(ProtocolError, match="tree"):
        tt_client[:]


def test_iter_from(tt_tree: TokyoTyrant, tt_client: TokyoTyrant, tt_hash_file: TokyoTyrant) -> None:
    for client in (tt_tree, tt_client, tt_hash_file):
        client.set_bulk({"a": "1", "b": "2", "c": "3"})
        assert list(client.iter_from("b").items()) == [("b", "2"), ("c", "3")]
        assert client.iter_from("zz") == {}
    assert tt_tree.iter_from("aa") == {"b": "2", "c": "3"}
    assert tt_client.iter_from("aa") == {}


def test_matching(tt_tree: TokyoTyrant) -> None:
    tt_tree.set_bulk({f"k{number}": "v" for number in range(12)})
    assert tt_tree.match_prefix("k1") == ["k1", "k10", "k11"]
    assert tt_tree.match_prefix("k", 2) == ["k0", "k1"]
    assert tt_tree.match_prefix("k", 0) == []
    assert len(tt_tree.match_prefix("k", None)) == 12
    assert tt_tree.match_regex("^k[01]$") == ["k0", "k1"]
    assert tt_tree.match_regex("*^K[01]$") == ["k0", "k1"]
    assert tt_tree.match_regex("k", 1) == ["k0"]
    assert tt_tree.match_regex("k", 0) == tt_tree.match_regex("zz") == []
    assert len(tt_tree.match_regex("k", None)) == 12
    with pytest.raises(ProtocolError, match="regular expression"):
        tt_tree.match_regex("(")
    assert tt_tree.keys() == list(tt_tree) == sorted(f"k{number}" for number in range(12))


def test_more_keys_than_the_default_limit(tt_client: TokyoTyrant) -> None:
    tt_client.set_bulk({f"k{number}": "" for number in range(1500)})
    assert (len(tt_client.keys()), len(list(tt_client)), len(tt_client)) == (1500, 1500, 1500)
    assert len(tt_client.match_prefix("k")) == len(tt_client.match_regex("k")) == 1024


def test_status_size_error(tt_client: TokyoTyrant, tt_file: TokyoTyrant) -> None:
    tt_client.set_bulk(a="1", b="2")
    status = tt_client.status()
    assert (status["rnum"], status["path"]) == (2, "*")
    assert isinstance(status["ru_real"], float)
    assert tt_client.size == status["size"]
    assert tt_client.error is None
    tt_file.get("missing")
    assert tt_file.error == "22: no record found"
    assert tt_file.synchronize() is tt_file.optimize("bnum=1000") is True
    assert tt_client.clear() is True
    assert len(tt_client) == 0


def test_mapping_operators(tt_client: TokyoTyrant) -> None:
    tt_client["k"] = "v"
    assert (tt_client["k"], tt_client["missing"]) == ("v", None)
    assert ("k" in tt_client, "missing" in tt_client, len(tt_client)) == (True, False, 1)
    del tt_client["k"]
    del tt_client["k"]
    assert "k" not in tt_client


def test_serializer_and_keys(tt_client: TokyoTyrant) -> None:
    client = TokyoTyrant(port=tt_client.port, serializer=KT_JSON, decode_keys=False)
    value: dict[str, Any] = {"a": [1, None]}
    client.set("k", value)
    client.misc("put", data={"m": value, "n": value})
    assert client.get("k") == client.get_part("k") == client.misc("get", ["m"]) == value
    assert client.get_bulk(["k"]) == {b"k": value}
    assert sorted(client.keys()) == [b"k", b"m", b"n"]
    assert client.match_regex("n") == [b"n"]
    assert isinstance(client.misc("genuid"), str)
    assert (len(client), client.status()["rnum"], client.incr("c")) == (3, 3, 1)
    client.close()


def test_script_failure_names_the_function(tt_client: TokyoTyrant) -> None:
    with pytest.raises(ScriptError, match="'nothing'"):
        tt_client.script("nothing", "k", "v")
    with pytest.raises(ScriptError):
        tt_client.lua.nothing("k", value="v")
    assert tt_client.get("k") is None


def test_there_is_one_database(tt_client: TokyoTyrant) -> None:
    assert TokyoTyrant(port=tt_client.port, default_db=0).get("k") is None
    with pytest.raises(ValueError, match="one database"):
        TokyoTyrant(default_db=1)
