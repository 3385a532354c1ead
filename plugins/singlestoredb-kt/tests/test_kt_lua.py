"""Lua scripts on the built-in servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from struct import pack
from typing import Any

import pytest

from kt import (
    KT_JSON,
    EmbeddedServer,
    EmbeddedTokyoTyrantServer,
    KyotoTycoon,
    ScriptError,
    TokyoTyrant,
)

TYCOON = """
kt = __kyototycoon__
db = kt.db

function echo(inmap, outmap)
    for key, value in pairs(inmap) do outmap[key] = value end
    return kt.RVSUCCESS
end

function verdict(inmap, outmap)
    outmap.lost = "with a failure"
    return kt[inmap.name]
end

function nothing() end
function crash() error("on purpose") end
function spin() return 99 end

function store(inmap, outmap)
    local tree = kt.dbs[2]
    outmap.set = tostring(db:set("k", "v")) .. tostring(tree:set("t", "1", 100))
    outmap.add = tostring(db:add("k", "w")) .. tostring(db:add("n", "w"))
    outmap.replace = tostring(db:replace("none", "w")) .. tostring(db:replace("n", "x"))
    db:append("k", "+")
    outmap.get, outmap.missing = db:get("k"), tostring(db:get("none"))
    outmap.check = db:check("k") .. "/" .. db:check("none")
    outmap.increment = db:increment("i", 5) + db:increment("i", -2)
    outmap.double = db:increment_double("d", 1.5)
    outmap.cas = tostring(db:cas("k", "v+", "c")) .. tostring(db:cas("k", "v+", "c"))
    outmap.seize, outmap.remove = db:seize("k"), tostring(db:remove("k"))
    outmap.bulk = db:set_bulk({a = "1", b = 2}) .. db:get_bulk({"a", "b", "z"}).b
    outmap.removed = db:remove_bulk({"a", "z"})
    outmap.count = db:count() .. "/" .. tree:count()
    outmap.prefix = #db:match_prefix("", -1) .. db:match_regex("^b$")[1]
    local keys, cursor = "", tree:cursor()
    tree:set("u", "2")
    cursor:jump()
    while true do
        local key, value = cursor:get(true)
        if not key then break end
        keys = keys .. key .. value
    end
    outmap.cursor = keys
    outmap.jump = tostring(cursor:jump("tt")) .. cursor:get_key() .. cursor:get_value()
    outmap.cursor_remove = tostring(cursor:remove()) .. tostring(cursor:step())
    outmap.clear, outmap.size = tostring(tree:clear()), tostring(db:size() > 0)
    outmap.time = tostring(kt.time() > 1e9)
    kt.log("info", "logged")
    return kt.RVSUCCESS
end
"""

TYRANT = """
function echo(key, value) return key .. "=" .. value end
function number() return 5 end
function half() return 0.5 end
function yes() return true end
function none() return nil end
function crash() error("on purpose") end
function several() return "first", "second" end

function store(key, value)
    local out = {}
    local function say(x) table.insert(out, tostring(x)) end
    say(_put("k", "v")); say(_putkeep("k", "w")); say(_putcat("k", "+")); say(_get("k"))
    say(_vsiz("k")); say(_vsiz("none")); say(_get("none")); say(_out("k")); say(_out("k"))
    say(_addint("i", 5)); say(_addint("i", -7)); say(_adddouble("d", 0.5)); say(_rnum())
    say(#_fwmkeys("", 1)); say(_misc("get", "d") ~= nil); say(_misc("get", "none"))
    say(_stashput("s", "stashed")); say(_stashget("s")); say(_stashout("s")); say(_stashget("s"))
    say(_size() > 0); say(_time() > 1e9); say(_vanish()); say(_rnum())
    return table.concat(out, " ")
end
"""


@pytest.fixture(scope="module")
def kt_lua_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    path = tmp_path_factory.mktemp("lua") / "tycoon.lua"
    path.write_text(TYCOON)
    arguments = ["-scr", str(path), "*"]
    with EmbeddedServer("builtin", server_args=arguments, database="%", quiet=True) as server:
        yield server


@pytest.fixture(scope="module")
def tycoon(kt_lua_server: EmbeddedServer) -> KyotoTycoon:
    return kt_lua_server.client


@pytest.fixture(scope="module")
def tyrant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokyoTyrant]:
    path = tmp_path_factory.mktemp("lua") / "tyrant.lua"
    path.write_text(TYRANT)
    with EmbeddedTokyoTyrantServer(
        "builtin", server_args=["-ext", str(path)], quiet=True
    ) as server:
        yield server.client


def test_maps_go_both_ways(tycoon: KyotoTycoon) -> None:
    assert tycoon.script("echo", {"a": "1"}, b="ü") == {"a": "1", "b": "ü"}
    assert tycoon.lua.echo(x="y") == {"x": "y"}
    assert tycoon.lua.echo({"m": "n"}) == {"m": "n"}
    assert tycoon.script("echo") == {}
    assert tycoon.script(name="echo", a="1", __data={"b": "2"}) == {"a": "1", "b": "2"}
    assert tycoon.lua.echo(name="x", encode_values=False) == {"name": b"x"}
    raw = {"k": b"\x00\xff"}
    assert tycoon.script("echo", raw, encode_values=False) == raw
    assert tycoon.script("echo", {"k": "text"}, encode_values=False) == {"k": b"text"}


def test_values_pass_the_serializer(tycoon: KyotoTycoon) -> None:
    client = KyotoTycoon(port=tycoon.port, serializer=KT_JSON)
    assert client.script("echo", {"k": [1, {"a": None}]}) == {"k": [1, {"a": None}]}
    client.close()


@pytest.mark.parametrize(
    "name", ["missing", "nothing", "crash", "spin", "print", "dofile", "loadstring", "kt"]
)
def test_failures_and_builtins(tycoon: KyotoTycoon, name: str) -> None:
    with pytest.raises(ScriptError, match=repr(name)):
        tycoon.script(name, {"name": "x"})
    assert tycoon.script("echo", a="1") == {"a": "1"}


@pytest.mark.parametrize(
    ("name", "status"),
    [("RVELOGIC", 450), ("RVEINVALID", 400), ("RVENOIMPL", 501), ("RVEINTERNAL", 500)],
)
def test_verdicts(
    tycoon: KyotoTycoon, kt_peer: Callable[[int], Any], name: str, status: int
) -> None:
    raw = kt_peer(tycoon.port)
    request = pack(">BIII", 0xB4, 0, 7, 1) + b"verdict" + pack(">II", 4, len(name))
    assert raw.ask(request + b"name" + name.encode(), 1) == b"\xbf"
    raw.sock.sendall(f"GET /rpc/play_script?name=verdict&_name={name} HTTP/1.1\r\n\r\n".encode())
    assert raw.read(12) == f"HTTP/1.1 {status}".encode()


def test_script_over_http(tycoon: KyotoTycoon, kt_peer: Callable[[int], Any]) -> None:
    raw = kt_peer(tycoon.port)
    raw.sock.sendall(b"GET /rpc/play_script?name=echo&_a=1 HTTP/1.0\r\n\r\n")
    assert raw.read(4096).endswith(b"\r\n\r\n_a\t1\n")


def test_databases_in_scripts(tycoon: KyotoTycoon) -> None:
    assert tycoon.script("store") == {
        "set": "truetrue",
        "add": "falsetrue",
        "replace": "falsetrue",
        "get": "v+",
        "missing": "nil",
        "check": "2/-1",
        "increment": "8",
        "double": "1.5",
        "cas": "truefalse",
        "seize": "c",
        "remove": "false",
        "bulk": "22",
        "removed": "1",
        "count": "4/1",
        "prefix": "4b",
        "cursor": "t1u2",
        "jump": "trueu2",
        "cursor_remove": "truefalse",
        "clear": "true",
        "size": "true",
        "time": "true",
    }
    assert tycoon.get("n") == "x"
    assert tycoon.report()["cnt_script"] != 0


def test_tyrant_results_are_text(tyrant: TokyoTyrant) -> None:
    assert tyrant.script("echo", "k", "v") == b"k=v"
    assert tyrant.script("echo", b"\xff", b"\x00") == b"\xff=\x00"
    assert tyrant.script("echo", lock_records=True, lock_all=True) == b"="
    assert tyrant.lua.echo("a", value=1) == b"a=1"
    assert tyrant.script("number") == b"5"
    assert tyrant.script("half") == b"0.5"
    assert tyrant.script("yes") == b"true"
    assert tyrant.script("several") == b"first"


@pytest.mark.parametrize("name", ["missing", "none", "crash", "dofile", "_vanish"])
def test_tyrant_failures(tyrant: TokyoTyrant, name: str) -> None:
    tyrant.set("stays", "v")
    with pytest.raises(ScriptError, match=repr(name)):
        tyrant.script(name, "k", "v")
    assert tyrant.get("stays") == "v"


def test_tyrant_records_in_scripts(tyrant: TokyoTyrant) -> None:
    tyrant.clear()
    assert tyrant.script("store").decode().split(" ") == [
        *("true", "false", "true", "v+"),
        *("2", "-1", "nil", "true", "false"),
        *("5", "-2", "0.5", "2"),
        *("1", "true", "nil"),
        *("true", "stashed", "true", "nil"),
        *("true", "true", "true", "0"),
    ]


def test_a_broken_script_keeps_the_server_from_starting(tmp_path: Path) -> None:
    from kt.exceptions import ImproperlyConfigured
    from kt.server.tycoon import TycoonServer

    path = tmp_path / "broken.lua"
    path.write_text("function (")
    with pytest.raises(ImproperlyConfigured, match=r"cannot load the script '.*broken\.lua'"):
        TycoonServer(["*"], str(path))


def test_scripts_do_not_reach_python(tmp_path: Path) -> None:
    from kt.server.tycoon import TycoonServer

    path = tmp_path / "probe.lua"
    path.write_text(
        """
function probe(inmap, outmap)
    outmap.python = tostring(python) .. tostring(package.loaded.python)
    outmap.attribute = tostring(pcall(function() return kt.db.get.__globals__ end))
    return kt.RVSUCCESS
end
"""
    )
    server = TycoonServer(["*"], str(path))
    verdict, answer = server.play_script(b"probe", {})
    assert verdict == "RVSUCCESS"
    assert answer == {b"python": b"nilnil", b"attribute": b"false"}
    server.close()
