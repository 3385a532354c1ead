"""The helpers of singlestoredb.utils that concern values: mogrify, dtypes, events, debug."""

from __future__ import annotations

import gc
import logging
import subprocess
import sys
import weakref
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from singlestoredb.config import option_context
from singlestoredb.exceptions import ProgrammingError
from singlestoredb.utils import debug, dtypes, events
from singlestoredb.utils.mogrify import mogrify, should_interpolate_query

# -- mogrify --


@pytest.mark.parametrize(
    ("query", "args", "options", "expected"),
    [
        ("%s %s", (1, "it's"), {}, r"1 'it\'s'"),
        ("%s", ("a'\\",), {"server_status": 512}, "'a''\\'"),
        ("%s", ("a'",), {"server_status": 2}, r"'a\''"),
        ("%s", (b"\1",), {}, "X'01'"),
        ("%s", (b"\1",), {"binary_prefix": True, "server_status": 514}, "_binary X'01'"),
        ("%(a)s", {"a": None}, {}, "NULL"),
        ("100%%", (), {}, "100%%"),
        ("100%%", (), {"interpolate_query_with_empty_args": True}, "100%"),
        ("100%%", None, {"interpolate_query_with_empty_args": True}, "100%%"),
        ("%s", 0, {}, "0"),
        ("é %s".encode(), [1], {}, "é 1"),
        ("é %s".encode("latin-1"), [1], {"charset": "latin-1"}, "é 1"),
        ("%s", [complex(1)], {"encoders": {complex: lambda value, _: "C"}}, "C"),
    ],
)
def test_mogrify(query: Any, args: Any, options: dict[str, Any], expected: str) -> None:
    assert mogrify(query, args, **options) == expected


def test_mogrify_refuses_what_does_not_fit() -> None:
    with pytest.raises(ProgrammingError, match="2 placeholders, 1 argument was given"):
        mogrify("%s %s", [1])


@pytest.mark.parametrize(
    ("flag", "args", "expected"),
    [
        (False, None, False),
        (True, None, False),
        (False, (), False),
        (True, (), True),
        (False, {}, False),
        (True, {}, True),
        (False, 0, True),
        (False, "", True),
        (False, [0], True),
    ],
)
def test_should_interpolate_query(flag: bool, args: Any, expected: bool) -> None:
    assert should_interpolate_query(flag, args) is expected


# -- dtypes --


@pytest.mark.parametrize(
    ("code", "numpy", "polars", "arrow"),
    [
        (1, "int8", "Int8", "int8"),
        (-1, "uint8", "UInt8", "uint8"),
        (2, "int16", "Int16", "int16"),
        (-2, "uint16", "UInt16", "uint16"),
        (3, "int32", "Int32", "int32"),
        (-3, "uint32", "UInt32", "uint32"),
        (9, "int32", "Int32", "int32"),
        (-9, "uint32", "UInt32", "uint32"),
        (8, "int64", "Int64", "int64"),
        (-8, "uint64", "UInt64", "uint64"),
        (13, "int16", "Int16", "int16"),
        (4, "float32", "Float32", "float"),
        (5, "float64", "Float64", "double"),
        (7, "datetime64[us]", "Datetime(time_unit='us', time_zone=None)", "timestamp[us]"),
        (12, "datetime64[us]", "Datetime(time_unit='us', time_zone=None)", "timestamp[us]"),
        (10, "datetime64[D]", "Date", "date64[ms]"),
        (11, "timedelta64[us]", "Duration(time_unit='us')", "duration[us]"),
        (0, "object", "Decimal(precision=10, scale=6)", "decimal128(18, 6)"),
        (246, "object", "Decimal(precision=10, scale=6)", "decimal128(18, 6)"),
        (6, "object", "Null", "null"),
        (16, "object", "Binary", "binary"),
        (245, "object", "Object", "string"),
        *((code, "object", "String", "string") for code in (15, *range(247, 256))),
        *((-code, "object", "Binary", "binary") for code in (15, 245, *range(247, 256))),
        (1001, "object", "Binary", "binary"),
        (3001, "object", "List(Float32)", "list<item: float>"),
        (2006, "object", "List(Int64)", "list<item: int64>"),
    ],
)
def test_type_maps(code: int, numpy: str, polars: str, arrow: str) -> None:
    assert dtypes.get_numpy_type_map()[code] == np.dtype(numpy)
    assert repr(dtypes.get_polars_type_map()[code]) == polars
    assert str(dtypes.get_pyarrow_type_map()[code]) == arrow


def test_the_maps_and_the_defaults_have_the_same_codes() -> None:
    codes = set(dtypes.DEFAULT_VALUES)
    assert set(dtypes.get_numpy_type_map()) == codes
    assert set(dtypes.get_polars_type_map()) == codes
    assert set(dtypes.get_pyarrow_type_map()) == codes
    filled = {code for code, value in dtypes.DEFAULT_VALUES.items() if value == 0}
    assert {1, -1, 8, -8, 13, 12, 10, 11, 0, 246, 16} <= filled
    assert np.isnan(dtypes.DEFAULT_VALUES[4])
    assert np.isnan(dtypes.DEFAULT_VALUES[5])
    assert dtypes.DEFAULT_VALUES[253] is dtypes.DEFAULT_VALUES[-252] is None


def test_without_the_libraries_the_maps_are_empty() -> None:
    code = (
        "import sys\n"
        "for m in ('numpy', 'polars', 'pyarrow'): sys.modules[m] = None\n"
        "from singlestoredb.utils import dtypes as d\n"
        "print(d.get_numpy_type_map(), d.get_polars_type_map(), d.get_pyarrow_type_map())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{} {} {}"


# -- events --


class Kernel(SimpleNamespace):
    """The part of a notebook's kernel that carries messages."""

    def send(self, content: dict[str, Any]) -> None:
        self.control_handlers["singlestore_portal_request"](None, None, {"content": content})


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    kernel = Kernel(control_handlers={})
    module = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=kernel))
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.setattr(events, "_subscribers", [])
    return kernel


class Listener:
    def __init__(self) -> None:
        self.heard: list[Any] = []

    def hear(self, content: dict[str, Any]) -> None:
        self.heard.append(content["name"])


def event(name: str) -> dict[str, Any]:
    return {"type": "event", "name": name, "data": {}}


def test_events_reach_subscribers_until_they_unsubscribe(kernel: Kernel) -> None:
    listener = Listener()
    events.subscribe(listener.hear)
    events.subscribe(listener.hear)
    kernel.send(event("a"))
    kernel.send({"type": "other", "name": "b"})
    events.unsubscribe(listener.hear)
    events.unsubscribe(listener.hear)
    kernel.send(event("c"))
    assert listener.heard == ["a"]


def test_a_bound_method_does_not_keep_its_object(kernel: Kernel) -> None:
    listener = Listener()
    gone = weakref.ref(listener)
    events.subscribe(listener.hear)
    del listener
    gc.collect()
    assert gone() is None
    kernel.send(event("a"))
    assert events._subscribers == []


def test_a_function_is_kept(kernel: Kernel) -> None:
    heard: list[str] = []
    events.subscribe(lambda content: heard.append(content["name"]))
    gc.collect()
    kernel.send(event("a"))
    assert heard == ["a"]


def test_a_failing_subscriber_stops_no_other(
    kernel: Kernel, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(content: dict[str, Any]) -> None:
        raise RuntimeError("no")

    listener = Listener()
    events.subscribe(fail)
    events.subscribe(listener.hear)
    with caplog.at_level(logging.ERROR):
        kernel.send(event("a"))
    assert listener.heard == ["a"]
    assert "a subscriber failed at the event a" in caplog.text


def test_a_subscriber_may_unsubscribe_itself(kernel: Kernel) -> None:
    heard: list[str] = []

    def once(content: dict[str, Any]) -> None:
        heard.append(content["name"])
        events.unsubscribe(once)

    events.subscribe(once)
    kernel.send(event("a"))
    kernel.send(event("b"))
    assert heard == ["a"]


def test_outside_a_notebook_ipython_is_not_imported() -> None:
    code = (
        "import sys; from singlestoredb.utils import events;"
        "events.subscribe(print); print('IPython' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# -- debug --


def test_log_query(capsys: pytest.CaptureFixture[str]) -> None:
    debug.log_query("select 1", [1])
    assert capsys.readouterr().err == ""
    with option_context("debug.queries", True):
        debug.log_query("select %s", [1])
        debug.log_query(b"select 2")
    assert capsys.readouterr().err == "[QUERY] select %s [1]\n[QUERY] select 2\n"
