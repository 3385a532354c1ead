"""Value formats, and serializers as plugins."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kt import (
    KT_BINARY,
    KT_JSON,
    KT_MSGPACK,
    KT_NONE,
    KT_PICKLE,
    EmbeddedServer,
    ImproperlyConfigured,
    KyotoTycoon,
    TokyoTyrant,
)
from kt.serializers import encode_text, make_serializer, serializer_names


@pytest.mark.parametrize(
    ("name", "value", "stored"),
    [
        (KT_BINARY, "ü", b"\xc3\xbc"),
        (KT_BINARY, "", b""),
        (KT_JSON, {"a": [1, None]}, b'{"a":[1,null]}'),
        (KT_MSGPACK, {"a": [b"\x00", "s"]}, b"\x81\xa1a\x92\xc4\x01\x00\xa1s"),
        (KT_MSGPACK, {1: 2}, b"\x81\x01\x02"),
        (KT_NONE, b"\x00\xff", b"\x00\xff"),
    ],
)
def test_stored_form(name: str, value: Any, stored: bytes) -> None:
    serializer = make_serializer(name)
    assert serializer.encode(value) == stored
    assert serializer.decode(stored) == value


def test_pickle_keeps_python_values() -> None:
    serializer = make_serializer(KT_PICKLE)
    assert serializer.decode(serializer.encode({1: (2, {3})})) == {1: (2, {3})}


@pytest.mark.parametrize(
    ("value", "text"),
    [("ü", b"\xc3\xbc"), (b"\xff", b"\xff"), (bytearray(b"x"), b"x"), (memoryview(b"y"), b"y")],
)
def test_text_encoding(value: Any, text: bytes) -> None:
    assert encode_text(value) == text
    assert encode_text(17) == b"17"


def test_none_stores_only_bytes(kt_port: int) -> None:
    client = KyotoTycoon(port=kt_port, serializer=KT_NONE)
    assert client.set("k", bytearray(b"\xff")) == 1
    assert client.get("k") == b"\xff"
    with pytest.raises(TypeError, match="KT_NONE stores bytes, not str"):
        client.set("k", "text")
    assert client.get("k") == b"\xff"
    client.close()


@pytest.mark.parametrize("client_class", [KyotoTycoon, TokyoTyrant])
def test_unknown_names(client_class: type[KyotoTycoon] | type[TokyoTyrant]) -> None:
    with pytest.raises(ImproperlyConfigured, match="no serializer named 'yaml'; installed: binary"):
        client_class(serializer="yaml")
    with pytest.raises(ImproperlyConfigured, match=r"by its name.*got NoneType"):
        client_class(serializer=None)  # type: ignore[arg-type]  # wrong on purpose


def test_msgpack_missing_names_the_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "msgpack", None)
    with pytest.raises(ImproperlyConfigured, match=r"pip install 'singlestoredb-kt\[msgpack\]'"):
        KyotoTycoon(serializer=KT_MSGPACK)


def install(folder: Path, distribution: str, entry: str, source: str) -> None:
    """Put a distribution with one serializer into a folder of the import path."""
    info = folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[kt.serializers]\n{entry}\n")
    module = entry.partition("=")[2].strip().partition(":")[0]
    (folder / f"{module}.py").write_text(source)


REVERSED = """
class Reversed:
    def encode(self, value): return value[::-1].encode()
    def decode(self, data): return data.decode()[::-1]
instance = Reversed()
"""


@pytest.mark.parametrize("target", ["Reversed", "instance"])
def test_third_party_serializer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kt_port: int, target: str
) -> None:
    module = f"kt_reversed_{target.lower()}"
    install(tmp_path, f"acme-{target}", f"reversed={module}:{target}", REVERSED)
    monkeypatch.syspath_prepend(tmp_path)
    assert "reversed" in serializer_names()
    client = KyotoTycoon(port=kt_port, serializer="reversed")
    assert client.set("k", "abc") == 1
    assert (client.get("k"), client.get_bytes("k")) == ("abc", b"cba")
    client.close()


def test_broken_and_conflicting_serializers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "acme-raises", "raises=kt_raises:Thing", "raise OSError('no disk')")
    install(tmp_path, "acme-shape", "shapeless=kt_shapeless:Thing", "class Thing: pass")
    install(tmp_path, "acme-one", "twice=kt_one:Thing", REVERSED)
    install(tmp_path, "acme-two", "twice=kt_two:Thing", REVERSED)
    install(tmp_path, "acme-thief", "json=kt_thief:Thing", "raise SystemExit")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImproperlyConfigured, match=r"'raises' \(kt_raises:Thing\).*no disk"):
        make_serializer("raises")
    with pytest.raises(ImproperlyConfigured, match="no methods encode and decode"):
        make_serializer("shapeless")
    with pytest.raises(ImproperlyConfigured, match=r"several.*acme-one.*acme-two"):
        make_serializer("twice")
    # A name of ours stays ours.
    assert make_serializer(KT_JSON).encode([1]) == b"[1]"


def test_undecodable_values_leave_the_connection_in_sync(kt_server: EmbeddedServer) -> None:
    assert kt_server.port is not None
    raw = KyotoTycoon(port=kt_server.port, serializer=KT_NONE)
    raw.set_bulk({"bad": b"\xff\xfe", "good": b"fine"})
    client = KyotoTycoon(port=kt_server.port)
    for call in (
        lambda: client.get("bad"),
        lambda: client.get_bulk(["good", "bad", "good"]),
        lambda: list(client.items()),
        lambda: client.get_bulk_details(["bad"]),
    ):
        with pytest.raises(UnicodeDecodeError):
            call()
        assert client.get("good") == "fine"
    raw.set(b"\xff", b"")
    with pytest.raises(UnicodeDecodeError):
        client.keys()
    assert client.get("good") == "fine"
    raw.close_all()
    client.close_all()


def test_pickle_is_imported_and_run_only_when_chosen(kt_port: int) -> None:
    """A stored pickle runs code when, and only when, its reader chose that by name."""
    script = """
import sys
sys.modules.pop("pickle", None)
from kt import *
client = KyotoTycoon(port=int(sys.argv[1]), serializer=sys.argv[2])
seen = []
sys.addaudithook(lambda event, args: seen.append(event) if event == "pickle.find_class" else None)
for read in (lambda: client.get("bomb"), lambda: client.seize("bomb"), client.keys, client.status):
    try:
        read()
    except Exception:
        pass
client.close_all()
print(bool(seen))
"""
    bomb = b"cbuiltins\nprint\n(S'boom'\ntR."
    outcome = {}
    for name in (KT_BINARY, KT_JSON, KT_MSGPACK, KT_NONE, KT_PICKLE):
        client = KyotoTycoon(port=kt_port, serializer=KT_NONE)
        client.set("bomb", bomb)
        client.close()
        command = [sys.executable, "-c", script, str(kt_port), name]
        outcome[name] = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=60
        ).stdout.splitlines()[-1]
    assert outcome == {**dict.fromkeys(outcome, "False"), KT_PICKLE: "True"}
