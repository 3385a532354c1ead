"""The embedded servers as plugins of the SDK."""

from __future__ import annotations

import importlib
import importlib.metadata
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kt import KyotoTycoon, TokyoTyrant


@pytest.fixture
def hookspecs() -> Any:
    """The SDK's package of hook specs, which this distribution works without."""
    return pytest.importorskip("singlestoredb_hookspecs")


def test_entry_points() -> None:
    found = importlib.metadata.entry_points(group="singlestoredb.servers")
    ours = {entry.name: entry.value for entry in found if entry.value.startswith("kt.")}
    assert ours == dict.fromkeys(["kt", "ktserver", "ttserver"], "kt.singlestoredb_plugin")


@pytest.mark.parametrize(
    ("name", "scheme", "client_class"),
    [
        ("kt", "kt", KyotoTycoon),
        ("ktserver", "kt", KyotoTycoon),
        ("ttserver", "tt", TokyoTyrant),
    ],
)
def test_servers_start_and_stop(
    hookspecs: Any,
    name: str,
    scheme: str,
    client_class: type[KyotoTycoon] | type[TokyoTyrant],
    tmp_path: Path,
) -> None:
    import pluggy

    from kt import singlestoredb_plugin

    manager = pluggy.PluginManager("singlestoredb")
    manager.add_hookspecs(importlib.import_module(f"{hookspecs.__name__}.servers"))
    manager.register(singlestoredb_plugin)
    manager.check_pending()
    suffix = "tcb" if name == "ttserver" else "kct"
    path = str(tmp_path / f"casket.{suffix}")
    options = {"server": "builtin", "quiet": "yes", "server_args": "-th 2"}
    request = hookspecs.ServerRequest(path=path, options=options)
    server = manager.hook.s2_start_server(name=name, request=request)
    assert server is not None
    url = server.urls[scheme]
    assert url.startswith(f"{scheme}://127.0.0.1:")
    # Their URL names no protocol of a driver: kt's clients connect, not the SDK.
    client = client_class(port=int(url.rpartition(":")[2]))
    assert client.set("k", "v")
    assert client.status()["path"] == path
    client.close()
    assert server.pid is not None
    assert server.wait(0) is False
    server.stop()
    server.stop()
    assert server.wait(0) is True


def test_other_names_are_not_ours(hookspecs: Any) -> None:
    from kt.singlestoredb_plugin import s2_start_server

    assert s2_start_server(name="docker", request=hookspecs.ServerRequest()) is None


def test_failures_are_operational_errors(hookspecs: Any) -> None:
    exceptions = pytest.importorskip("singlestoredb.exceptions")
    from kt.singlestoredb_plugin import s2_start_server

    for request, text in (
        (hookspecs.ServerRequest(options={"colour": "red"}), "no option 'colour'"),
        (hookspecs.ServerRequest(host="0.0.0.0"), "loopback only"),
    ):
        with pytest.raises(exceptions.OperationalError, match=text):
            s2_start_server(name="ktserver", request=request)


def test_only_the_plugin_needs_the_sdk() -> None:
    program = """
import sys
sys.modules["singlestoredb_hookspecs"] = sys.modules["singlestoredb"] = None
import kt, kt.cli
absent = "importlib.metadata sqlite3 msgpack lupa gevent requests click".split()
heavy = set(absent) & set(sys.modules)
assert not heavy, heavy
import kt.server.__main__
try:
    import kt.singlestoredb_plugin
except ImportError:
    sys.exit(0)
sys.exit(1)
"""
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0
