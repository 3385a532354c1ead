"""Reading: packets in any pieces, of any size, in order; signals, time-outs, memory."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from accelkit import EOF, Peer, answer, definition, lenenc, packet, row

from singlestoredb.exceptions import (
    DataError,
    InternalError,
    OperationalError,
    ProgrammingError,
)
from singlestoredb_hookspecs import Shape

pa = pytest.importorskip("pyarrow")

Pair = Callable[..., tuple[Peer, Peer]]
TEXT = definition("s", 253)
NUMBER = definition("n", 8, charset=63)


def plan(accel: ModuleType, kind: int, form: str = "l") -> Any:
    """Return a plan of one column."""
    columns = (("n", form, "", accel.AS_TEXT, kind),)
    return accel.Plan(columns, ("n",), (bytes,), lambda column, data: None)


# -- feed() ----------------------------------------------------------------------------------


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 7, 1000])
def test_feed_in_pieces_gives_the_same_rows(accel: ModuleType, piece: int) -> None:
    rows = [row([b"%d" % n]) for n in range(300)]
    data = answer([NUMBER], rows)
    reader = accel.Reader()
    reader.start(1)
    fed = 0
    head = None
    while head is None:
        reader.feed(data[fed : fed + piece])
        fed += piece
        head = reader.read_answer()
    assert head[1] is True
    got: list[tuple[int]] = []
    made = plan(accel, accel.ROW_INT)
    while reader.end is None:
        got += reader.read_rows(made, None)
        reader.feed(data[fed : fed + piece])
        fed += piece
    assert got == [(n,) for n in range(300)]
    assert reader.end == EOF
    assert reader.pending == 0


def test_feed_to_arrow_in_pieces(accel: ModuleType) -> None:
    data = answer([NUMBER], [row([b"%d" % n]) for n in range(1000)])
    reader = accel.Reader()
    reader.start(1)
    reader.feed(data[:400])
    reader.read_answer()
    made = plan(accel, accel.ROW_INT)
    first = reader.read_arrow(made, None)
    assert 0 < first.num_rows < 1000
    assert reader.end is None
    reader.feed(data[400:])
    second = reader.read_arrow(made, None)
    tables = [pa.table(part) for part in (first, second)]
    assert pa.concat_tables(tables)["n"].to_pylist() == list(range(1000))
    assert reader.end == EOF


def test_packets_are_none_while_bytes_lack(accel: ModuleType) -> None:
    reader = accel.Reader()
    assert reader.read_packet() is None
    reader.feed(b"\x02\x00\x00\x00a")
    assert reader.read_packet() is None
    reader.feed(b"b")
    assert reader.read_packet() == b"ab"
    assert reader.sequence == 1


@pytest.mark.parametrize("end", [b"", packet(6, EOF)])
def test_what_is_not_utf8_goes_to_the_converter_wherever_it_ends(
    accel: ModuleType, end: bytes
) -> None:
    asked: list[tuple[int, bytes]] = []

    def convert(column: int, data: bytes) -> bytes:
        asked.append((column, data))
        return data.decode("utf-8", "replace").encode()

    reader = accel.Reader()
    reader.start(4)
    reader.feed(packet(4, row([b"a"])) + packet(5, row([b"\xffb"])) + end)
    columns = (("n", "u", "", accel.AS_TEXT, accel.ROW_TEXT),)
    made = accel.Plan(columns, ("n",), (bytes,), convert)
    assert pa.table(reader.read_arrow(made, None))["n"].to_pylist() == ["a", "\ufffdb"]
    assert asked == [(0, b"\xffb")]


# -- sizes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["rows", "arrow"])
@pytest.mark.parametrize("size", [0xFFFFFF - 5, 0xFFFFFF - 4, 0xFFFFFF, 2 * 0xFFFFFF + 3])
def test_values_of_several_packets(accel: ModuleType, size: int, shape: Shape) -> None:
    value = b"x" * size
    data = answer([TEXT], [row([b"before"]), row([value]), row([b"after"])])
    reader = accel.Reader()
    reader.start(1)
    reader.feed(data)
    reader.read_answer()
    made = plan(accel, accel.ROW_TEXT, "u")
    if shape == "rows":
        got = [r[0] for r in reader.read_rows(made, None)]
    else:
        table = pa.table(reader.read_arrow(made, None))
        table.validate(full=True)
        got = table["n"].to_pylist()
    assert got == ["before", value.decode(), "after"]
    assert reader.end == EOF


def test_kept_rows_of_several_packets(accel: ModuleType) -> None:
    value = b"x" * (0xFFFFFF + 10)
    reader = accel.Reader()
    reader.start(1)
    reader.feed(answer([TEXT], [row([b"before"]), row([value]), row([b"after"])]))
    kept = accel.Kept()
    reader.read_answer(kept)
    assert kept.num_rows == 3
    assert [len(p) for p in kept.packets(None)] == [7, len(value) + 9, 6]
    kept.seek(1)
    assert len(kept.read_rows(plan(accel, accel.ROW_TEXT, "u"), 1)[0][0]) == len(value)


def test_memory_grows_with_what_arrives_and_not_with_what_is_announced(accel: ModuleType) -> None:
    for announced in (b"\xff\xff\xff\x00", b"\xfe\xff\xff\x00"):
        reader = accel.Reader()
        reader.feed(announced + b"\xfe" + b"\xff" * 8)
        assert reader.read_packet() is None
        assert reader.capacity < 1 << 17


def test_the_buffer_is_given_back_after_one_large_packet(accel: ModuleType) -> None:
    reader = accel.Reader()
    reader.feed(packet(0, b"x" * (8 << 20)))
    assert len(reader.read_packet()) == 8 << 20
    assert reader.capacity >= 8 << 20
    reader.start(1)
    assert reader.capacity < 1 << 20


# -- the protocol's faults -------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["rows", "arrow"])
@pytest.mark.parametrize("buffered", [True, False])
def test_packets_out_of_sequence_close_the_connection(
    peers: Pair, shape: Shape, buffered: bool
) -> None:
    good = answer([NUMBER], [row([b"1"]), row([b"2"])])
    bad = bytearray(good)
    at = good.index(packet(5, row([b"2"])))
    bad[at + 3] = 9
    for peer in peers():
        connection = peer.connection
        with pytest.raises(InternalError, match="got 9 expected 5"):
            peer.ask(bytes(bad), shape=shape, buffered=buffered).read_arrow(None)
        assert not connection.is_open


@pytest.mark.parametrize("shape", ["rows", "arrow"])
@pytest.mark.parametrize("buffered", [True, False])
def test_an_error_amid_the_rows_is_the_servers(peers: Pair, shape: Shape, buffered: bool) -> None:
    error = b"\xff\x28\x04#42000" + b"You have an error"
    data = answer([NUMBER], [row([b"1"])], error)
    for peer in peers():
        connection = peer.connection
        with pytest.raises(ProgrammingError, match="You have an error") as caught:
            peer.ask(data, shape=shape, buffered=buffered).read_arrow(None)
        assert caught.value.errno == 1064
        assert caught.value.sqlstate == "42000"
        assert connection.is_open
        assert peer.ask(answer([NUMBER], [row([b"7"])])).read_rows(None) == [(7,)]


def test_an_error_amid_the_definitions(peers: Pair) -> None:
    data = packet(1, b"\x02") + packet(2, NUMBER) + packet(3, b"\xff\x28\x04#42000late")
    fast, _ = peers()
    with pytest.raises(ProgrammingError, match="late"):
        fast.ask(data)
    assert fast.connection.is_open


@pytest.mark.parametrize("shape", ["rows", "arrow"])
@pytest.mark.parametrize("cut", [1, 5, 40, 60])
def test_a_connection_that_ends_early_is_lost(peers: Pair, shape: Shape, cut: int) -> None:
    data = answer([NUMBER], [row([b"1"]), row([b"2"])])
    for peer in peers():
        connection = peer.connection
        assert peer.server is not None
        peer.server.sendall(data[:-cut])
        peer.server.shutdown(socket.SHUT_WR)
        with pytest.raises(OperationalError, match="Lost connection") as caught:
            peer.ask(b"", shape=shape)
        assert caught.value.errno == 2013
        assert not connection.is_open


def test_bytes_that_nobody_asked_for_are_refused(peers: Pair) -> None:
    for peer in peers():
        peer.ask(answer([NUMBER], [row([b"1"])]) + packet(9, b"more"))
        with pytest.raises(InternalError, match="more than it was asked for"):
            peer.ask(b"")


def test_a_value_that_cannot_be_decoded_leaves_the_connection_in_step(peers: Pair) -> None:
    data = answer([definition("n", 1)], [row([b"1"]), row([b"300"]), row([b"3"])])
    for peer in peers():
        result = peer.ask(data, shape="arrow")
        for _ in range(2):  # as often as it is read
            with pytest.raises(DataError, match="column 'n': 300 cannot become Arrow type 'c'"):
                result.read_arrow(None)
            result.seek(0)
        assert peer.ask(answer([NUMBER], [row([b"7"])])).read_rows(None) == [(7,)]


def test_rows_behind_one_that_cannot_be_decoded_can_be_read(peers: Pair) -> None:
    data = answer([TEXT], [row([b"\xff"]), row([b"b"]), row([b"c"])])
    for peer in peers():
        result = peer.ask(data, buffered=False)
        with pytest.raises(DataError, match="column 's' cannot be decoded"):
            result.read_rows(1)
        assert result.read_rows(None) == [("b",), ("c",)]


# -- waiting ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["rows", "arrow"])
def test_the_read_time_out_ends_the_wait(peers: Pair, shape: Shape) -> None:
    fast, _ = peers(read_timeout=0.05)
    connection = fast.connection
    with pytest.raises(OperationalError, match="timed out") as caught:
        fast.ask(answer([NUMBER], [row([b"1"])])[:-3], shape=shape)
    assert caught.value.errno == 2013
    assert not connection.is_open


@pytest.mark.parametrize("shape", ["rows", "arrow"])
def test_closing_in_another_thread_ends_the_wait(peers: Pair, shape: Shape) -> None:
    fast, _ = peers(read_timeout=None)
    connection = fast.connection
    closing = threading.Timer(0.1, connection.wire.abort)
    closing.start()
    with pytest.raises(OperationalError, match="Lost connection"):
        fast.ask(answer([NUMBER], [row([b"1"])])[:-3], shape=shape)
    closing.join()


class _Interrupted(Exception):
    """What the test's signal handler raises."""


@pytest.mark.parametrize("shape", ["rows", "arrow"])
@pytest.mark.parametrize("feeding", [False, True])
def test_a_signal_is_served_while_reading(peers: Pair, shape: Shape, feeding: bool) -> None:
    """Whether nothing comes or rows without end do."""
    fast, _ = peers(read_timeout=None)
    connection = fast.connection
    server = fast.server
    assert server is not None
    head = answer([NUMBER], [])
    stop = threading.Event()
    served: list[float] = []

    def handler(number: int, frame: object) -> None:
        served.append(time.monotonic())
        raise _Interrupted

    def feed() -> None:
        rows = b"".join(packet(n, row([b"123456"])) for n in range(256))
        rows = rows[4 * 11 :] + rows[: 4 * 11]  # the first row's packet has number 4
        try:
            while not stop.is_set():
                server.sendall(rows)
        except OSError:
            pass

    def interrupt() -> None:
        time.sleep(0.15)
        sent.append(time.monotonic())
        # To the process, not to the reading thread: it has to notice by itself.
        os.kill(os.getpid(), signal.SIGUSR1)

    sent: list[float] = []
    before = signal.signal(signal.SIGUSR1, handler)
    threads = [threading.Thread(target=interrupt)]
    try:
        server.sendall(head[: head.rindex(EOF) - 4])
        if feeding:
            threads.append(threading.Thread(target=feed))
        for thread in threads:
            thread.start()
        with pytest.raises(_Interrupted):
            fast.ask(b"", shape=shape)
        assert not connection.is_open  # the rest of the answer must never be read
    finally:
        stop.set()
        server.close()
        for thread in threads:
            thread.join()
        signal.signal(signal.SIGUSR1, before)
    assert len(served) == 1
    assert served[0] - sent[0] < 2  # a hang would be endless; how fast it is, is measured elsewhere


# -- shapes and positions --------------------------------------------------------------------


def numbers(count: int) -> bytes:
    """Return an answer that fits a socket's buffer."""
    return answer([NUMBER], [row([b"%d" % n]) for n in range(count)])


def test_kept_rows_are_read_in_any_shape_from_anywhere(peers: Pair) -> None:
    fast, _ = peers()
    result = fast.ask(numbers(5000))
    assert result.rows_affected == 5000
    assert result.read_rows(2) == [(0,), (1,)]
    assert pa.table(result.read_arrow(2))["n"].to_pylist() == [2, 3]
    assert result.read_dicts(1) == [{"n": 4}]
    result.seek(4998)
    assert result.read_rows(None) == [(4998,), (4999,)]
    assert result.read_rows(None) == []
    assert pa.table(result.read_arrow(None)).num_rows == 0
    result.seek(0)
    assert len(result.read_rows(None)) == 5000
    result.seek(9999)
    assert result.read_rows(None) == []


def test_arrow_that_was_decoded_as_it_arrived_is_cut_without_copying(peers: Pair) -> None:
    fast, _ = peers()
    columns = [NUMBER, TEXT, definition("v", 252, extension=b"\x02\x02\x00\x00\x00\x03")]
    rows = [row([b"%d" % n, b"%d" % n if n % 3 else None, b"[%d,1]" % (n % 50)]) for n in range(99)]
    result = fast.ask(answer(columns, rows), shape="arrow")
    assert result.native == {"arrow"}
    assert result.rows_affected == 99
    got: list[Any] = []
    while (part := result.read_arrow(10)).num_rows:
        table = pa.table(part)
        table.validate(full=True)
        got += table.to_pylist()
    assert got == [{"n": n, "s": str(n) if n % 3 else None, "v": [n % 50, 1]} for n in range(99)]
    result.seek(97)
    assert [r[0] for r in result.read_rows(None)] == [97, 98]
    result.seek(98)
    assert [r["n"] for r in result.read_dicts(5)] == [98]


def test_streaming_reads_no_further_than_it_must(peers: Pair) -> None:
    fast, _ = peers()
    result = fast.ask(numbers(100), buffered=False)
    assert result.rows_affected == -1
    assert result.read_rows(3) == [(0,), (1,), (2,)]
    assert pa.table(result.read_arrow(3))["n"].to_pylist() == [3, 4, 5]
    assert result.read_dicts(1) == [{"n": 6}]
    assert len(result.read_rows(None)) == 93
    assert result.read_rows(1) == []
    assert pa.table(result.read_arrow(1)).num_rows == 0


def test_pure_python_is_honoured(accel: ModuleType) -> None:
    from singlestoredb_plugins.mysql import accelerated

    assert accelerated.find(True) is None
    assert accelerated.find(None) is accel
    assert accelerated.find(False) is accel


NOT_BUILT = """
import sys
sys.modules["singlestoredb_plugins.mysql_accel._singlestoredb_accel"] = None
import singlestoredb.plugins
from singlestoredb_plugins.mysql import accelerated
print(accelerated.find(None))
try:
    accelerated.find(False)
except Exception as exc:
    print(type(exc).__name__, exc)
print(singlestoredb.plugins.list("accelerators", probe=True))
"""


def test_an_extension_that_was_not_built_is_told() -> None:
    done = subprocess.run([sys.executable, "-c", NOT_BUILT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found, refused, listed = done.stdout.strip().split("\n", 2)
    assert found == "None"
    assert refused.startswith("NotSupportedError pure_python=False demands")
    assert "a C compiler was missing" in refused
    assert "cannot load" in listed


def test_tls_sockets_are_read_through_their_own_method(accel: ModuleType) -> None:
    data = numbers(4000)
    sent = 0

    def receive_into(view: memoryview) -> int:
        nonlocal sent
        count = min(len(view), 16_384, len(data) - sent)
        view[:count] = data[sent : sent + count]
        sent += count
        views.append(view)
        return count

    views: list[memoryview] = []
    reader = accel.Reader(receive_into=receive_into)
    reader.start(1)
    kept = accel.Kept()
    reader.read_answer(kept)
    assert kept.num_rows == 4000
    with pytest.raises(ValueError, match="released"):
        views[0][0]  # the buffer is the reader's again
    with pytest.raises(ConnectionError):
        reader.read_packet()


# -- memory ----------------------------------------------------------------------------------


def test_references_are_balanced(peers: Pair) -> None:
    fast, _ = peers(conv={3: lambda text: object()})
    columns = [
        definition(f"c{code}", code, charset=63 if code < 20 else 45, decimals=code == 246)
        for code in (3, 4, 8, 246, 10, 11, 12, 16, 245, 253)
    ]
    times = [b"2020-01-01", b"10:00:00", b"2020-01-01 00:00:00"]
    good = row([b"1", b"1.5", b"2", b"3.5", *times, b"1", b"{}", "é".encode()])
    bad = row([b"1", b"x", None, None, None, None, None, None, None, None])

    def once() -> None:
        fast.ask(answer(columns, [good] * 3)).read_rows(None)
        fast.ask(answer(columns, [good] * 3)).read_dicts(None)
        with pytest.raises(DataError):
            fast.ask(answer(columns, [good, bad])).read_rows(None)
        result = fast.ask(answer(columns[1:], [good[2:]] * 3), shape="arrow")
        pa.table(result.read_arrow(2))

    for _ in range(5):
        once()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(50):
        once()
    gc.collect()
    assert sys.getallocatedblocks() - before < 50


def test_exports_outlive_everything(accel: ModuleType) -> None:
    reader = accel.Reader()
    reader.start(1)
    reader.feed(answer([TEXT], [row([b"value %d" % n]) for n in range(100)]))
    reader.read_answer()
    batches = reader.read_arrow(plan(accel, accel.ROW_TEXT, "u"), None)
    (batch,) = batches.batches()
    array = pa.record_batch(batch)
    unused = batches.__arrow_c_stream__()  # released without being consumed
    table = pa.table(batches)
    column = table["n"].chunk(0)
    del reader, batches, batch, unused, table
    gc.collect()
    accel.trim_memory()
    assert column.to_pylist() == [f"value {n}" for n in range(100)]
    assert array.column(0).equals(column)


def test_every_failed_allocation_is_an_error_and_no_crash(accel: ModuleType) -> None:
    """In a process of its own: a crash would take this one along."""
    program = """
import sys
sys.path[:0] = sys.argv[1:]
from accelkit import answer, definition, row
from singlestoredb_plugins.mysql_accel import _singlestoredb_accel as accel
data = answer([definition("s", 253)], [row([b"x" * 50])] * 2000)
columns = (("n", "u", "", accel.AS_TEXT, accel.ROW_TEXT),)
def once(arrow):
    plan = accel.Plan(columns, ("n",), (bytes,), lambda column, data: None)
    reader = accel.Reader()
    reader.start(1)
    reader.feed(data)
    kept = accel.Kept()
    reader.read_answer(None if arrow else kept)
    batches = reader.read_arrow(plan, None) if arrow else kept.read_arrow(plan, None)
    batches.slice(5, 7).__arrow_c_stream__()
    batches.batches()[0].__arrow_c_array__()
failures = 0
for arrow in (True, False):
    for n in range(200):
        accel.fail_allocation(n)
        try:
            once(arrow)
        except MemoryError:
            failures += 1
        else:
            break
        finally:
            accel.fail_allocation(-1)
    else:
        raise SystemExit("never got through")
print(failures)
"""
    paths = [p for p in sys.path if p]
    done = subprocess.run(
        [sys.executable, "-c", program, *paths], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20


def run_program(program: str) -> str:
    """Run a program that may import accelkit, in a process of its own; returns what it printed."""
    paths = [p for p in sys.path if p]
    head = "import sys\nsys.path[:0] = sys.argv[1:]\n"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", head + program, *paths],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_failed_allocation_of_python_is_an_error_and_no_crash(accel: ModuleType) -> None:
    """Each of Python's own allocations fails in turn, with rows, dicts and columns."""
    pytest.importorskip("_testcapi")
    printed = run_program("""
import _testcapi
from accelkit import answer, definition, row
from singlestoredb_plugins.mysql_accel import _singlestoredb_accel as accel
rows = [row([b"12345", b"1.5", b"2.50", b"2020-01-%02d" % n, b"2020-01-01 00:00:00", b"10:00:00",
             b"text %d" % n, b"x"]) for n in range(1, 9)]
data = answer([definition("c", 253)] * 8, rows)
columns = tuple(
    ("c", form, "", accel.AS_TEXT, kind)
    for form, kind in (
        ("l", accel.ROW_INT), ("g", accel.ROW_FLOAT), ("d:10,2", accel.ROW_DECIMAL),
        ("tdD", accel.ROW_DATE), ("tsu:", accel.ROW_DATETIME), ("tDu", accel.ROW_TIME),
        ("u", accel.ROW_TEXT), ("u", accel.ROW_DECODER),
    )
)
names = tuple(f"c{n}" for n in range(8))
decoders = (bytes,) * 8
def convert(column, data):
    return data
def once(way):
    plan = accel.Plan(columns, names, decoders, convert)
    reader = accel.Reader()
    reader.start(1)
    reader.feed(data)
    kept = accel.Kept()
    if way == "kept":
        reader.read_answer(kept)
        kept.packets(2)
        kept.seek(0)
        kept.read_rows(plan, None, True)
        kept.seek(0)
        return kept.read_arrow(plan, None).batches()
    reader.read_answer()
    if way == "arrow":
        batches = reader.read_arrow(plan, None)
        return batches.slice(1, 2).__arrow_c_stream__(), batches.__arrow_c_schema__()
    return reader.read_rows(plan, None, way == "dicts")
failures = 0
for way in ("tuples", "dicts", "arrow", "kept"):
    once(way)
    for n in range(2000):
        _testcapi.set_nomemory(n, n + 1)
        try:
            once(way)
        except MemoryError:
            failures += 1
        else:
            break
        finally:
            _testcapi.remove_mem_hooks()
    else:
        raise SystemExit("never got through")
print(failures)
""")
    assert int(printed) > 100


def test_a_fork_amid_decoding_leaves_the_child_working(accel: ModuleType) -> None:
    printed = run_program("""
import os, signal, threading
from accelkit import answer, definition, row
from singlestoredb_plugins.mysql_accel import _singlestoredb_accel as accel
data = answer([definition("s", 253)], [row([b"x" * 60_000])] * 400)
columns = (("s", "u", "", accel.AS_TEXT, accel.ROW_TEXT),)
def once():
    plan = accel.Plan(columns, ("s",), (bytes,), lambda column, data: None)
    reader = accel.Reader()
    reader.start(1)
    reader.feed(data)
    reader.read_answer()
    return reader.read_arrow(plan, None).num_rows
going = True
def work():
    while going:
        once()
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
done = 0
for _ in range(40):
    child = os.fork()
    if not child:
        signal.alarm(60)  # ends a child that waits for a lock that nobody holds
        os._exit(0 if once() == 400 else 1)
    done += os.waitpid(child, 0)[1] == 0
going = False
for thread in threads:
    thread.join()
print(done)
""")
    assert int(printed) == 40


def test_lengths_are_read_in_all_their_forms(accel: ModuleType) -> None:
    sizes = [0, 1, 250, 251, 252, 0xFFFF, 0x10000]
    reader = accel.Reader()
    reader.start(1)
    reader.feed(answer([TEXT], [lenenc(b"y" * size) for size in sizes]))
    reader.read_answer()
    got = reader.read_rows(plan(accel, accel.ROW_TEXT, "u"), None)
    assert [len(r[0]) for r in got] == sizes
