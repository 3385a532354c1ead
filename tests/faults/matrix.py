"""Every fault in every state of a connection, against a real server behind the fault proxy.

``make faults`` runs all cells and writes ``docs/explanation/faults.md``; the test run holds the
same cells to what stands there.  A cell is a state, a fault and a path of the driver.  Faults that
only slow an answer down have all the time they need; those after which nothing comes any more have
:data:`DEADLINE` seconds.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import os
import platform
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import singlestoredb as s2
from singlestoredb.pool import _is_quiet
from singlestoredb.testing import MariaDB
from singlestoredb.testing.faults import Fault, FaultProxy, Packet

from .onloop import Loop

TABLE = Path(__file__).parents[2] / "docs" / "explanation" / "faults.md"

DEADLINE = 1
"""Seconds for what cannot succeed."""
PATIENCE = 30
"""Seconds for what must, on however busy a machine."""
MARGIN = 0.25
"""Seconds after the deadline by which the error is to be there."""

PATHS: dict[str, dict[str, Any]] = {
    "pure": {"pure_python": True},
    "accelerated": {"pure_python": False},
    "async pure": {"pure_python": True},
    "async": {"pure_python": False},
}
"""Ways through the driver: name → arguments of ``connect`` or ``aconnect``."""

STATES = {
    "DNS": "the host's name is being resolved",
    "TCP connect": "the server's port is being connected to",
    "greeting": "the server is about to greet",
    "TLS": "the first record of TLS is on its way from the server",
    "authentication": "the login is sent, its answer on its way",
    "auth switch": "the server is asking for another way to log in",
    "ready": "the connection is idle; the next statement is on its way to the server",
    "query sent": "the answer's first packet is on its way",
    "metadata": "a column definition is on its way",
    "mid-row": "a row of a buffered result is on its way",
    "between results": "the second result set is about to begin",
    "infile": "the second piece of a file is on its way to the server",
    "in transaction": "the answer to the second INSERT of a transaction is on its way",
    "closing": "the goodbye is on its way to the server",
    "pooled idle": "the connection lies in a pool that checks it before it is lent",
    "streaming cursor": "row 1500 of an unbuffered result is on its way",
}

FAULTS = {
    "cut": "FIN before the packet",
    "cut in header": "FIN after 2 bytes of it",
    "cut in payload": "FIN after its header and one more byte",
    "reset": "RST before the packet",
    "reset in payload": "RST after its header and one more byte",
    "half-close": "FIN of the sender's half only",
    "black hole": "nothing comes any more",
    "black hole in payload": "the same after its header and one more byte",
    "drop": "the packet is lost",
    "duplicate": "it arrives twice",
    "reorder": "it arrives after the next one",
    "length": "its length is 16 KiB more than it is",
    "bits": "the highest bit of its first byte is inverted",
    "sequence": "its number is not its turn",
    "extra": "an OK packet that nobody sent follows",
    "stopped": "the server's process is stopped (SIGSTOP), and goes on after the deadline",
    "killed": "the server's process is killed, and started again",
    "trickle": "1 ms between any two of its bytes",
    "slice": "from here on every byte arrives by itself",
    "coalesce": "from here on packets arrive in lumps",
    "delay": "it is 50 ms late",
}

HARMLESS = frozenset({"trickle", "slice", "coalesce", "delay"})
BLOCKING = frozenset(
    {"black hole", "black hole in payload", "drop", "reorder", "length", "bits", "half-close"}
)
"""Faults after which an answer may never come."""
OF_SERVER = frozenset({"stopped", "killed"})

_NO_BYTES = "no byte of the conversation has been sent"
_RECORDS = "records of TLS carry no number; any change of one is as `bits`"
_COMMAND = (
    "a second copy of a command is a command: TCP rules it out, and nothing in the protocol could "
    "tell"
)
_CONTENTS = "another byte in a file is another file: TCP's checksum rules it out, TLS its own"


def left_out(state: str, fault: str) -> str | None:
    """Return why a cell is not run, ``None`` if it is."""
    if state == "DNS" and fault not in _RESOLVING:
        return _NO_BYTES
    if state == "TCP connect" and fault not in ("reset", "black hole", "killed"):
        return _NO_BYTES
    if state == "TLS" and fault == "sequence":
        return _RECORDS
    if state == "ready" and fault == "duplicate":
        return _COMMAND
    if state == "infile" and fault == "bits":
        return _CONTENTS
    return None


class Cell(NamedTuple):
    """A state, a fault and a path."""

    state: str
    fault: str
    path: str


class Outcome(NamedTuple):
    """What became of a cell."""

    said: str
    """``rows``, ``closed``, or the name of the error's class."""
    seconds: float
    """From the beginning of the call that the fault struck to its end."""
    problem: str
    """What is not as it must be; empty when all is."""


def cells(rotate: bool = False) -> list[Cell]:
    """Return all cells; with ``rotate``, a part of them that meets every path alike.

    A state and a fault are then seen on one synchronous and one asynchronous path, and on one in
    all where a server is stopped or killed.  Which ones is drawn by a hash of their names: the same
    in every run.
    """
    found = []
    for state in STATES:
        for fault in FAULTS:
            if left_out(state, fault) is not None:
                continue
            paths = list(PATHS)
            if rotate:
                drawn = hashlib.sha256(f"{state}/{fault}".encode()).digest()
                paths = [paths[drawn[0] % 2], paths[2 + drawn[1] % 2]]
                if fault in OF_SERVER:
                    paths = [paths[drawn[2] % 2]]
            found += [Cell(state, fault, path) for path in paths]
    return found


# -- how a fault is armed --------------------------------------------------------------------


def _arm(
    proxy: FaultProxy,
    fault: str,
    sender: Any,
    packet: int = 0,
    *,
    header: int = 4,
    number: int | None = None,
    action: Callable[[], object] | None = None,
) -> Any:
    """Arm a fault for the ``packet``-th packet from now, or the one of that ``number``."""
    where = None if number is None else lambda p: bool(p.number == number)
    kinds: dict[str, tuple[Fault, dict[str, Any]]] = {
        "cut": (Fault.CUT, {}),
        "cut in header": (Fault.CUT, {"at": 2}),
        "cut in payload": (Fault.CUT, {"at": header + 1}),
        "reset": (Fault.RESET, {}),
        "reset in payload": (Fault.RESET, {"at": header + 1}),
        "half-close": (Fault.HALF_CLOSE, {}),
        "black hole": (Fault.BLACK_HOLE, {}),
        "black hole in payload": (Fault.BLACK_HOLE, {"at": header + 1}),
        "drop": (Fault.DROP, {}),
        "duplicate": (Fault.DUPLICATE, {}),
        "reorder": (Fault.REORDER, {}),
        "length": (Fault.FLIP, {"at": 1 if header == 4 else 3, "mask": 0x40}),
        "bits": (Fault.FLIP, {"at": header, "mask": 0x80}),
        "sequence": (Fault.SEQUENCE, {}),
        "extra": (Fault.EXTRA, {}),
        "stopped": (Fault.CALL, {"action": action}),
        "killed": (Fault.CALL, {"action": action}),
        "trickle": (Fault.TRICKLE, {"seconds": 0.001}),
        "slice": (Fault.SLICE, {"times": 500}),
        "coalesce": (Fault.COALESCE, {"times": 1}),
        "delay": (Fault.DELAY, {"seconds": 0.05}),
    }
    kind, options = kinds[fault]
    return proxy.arm(kind, sender, packet, where=where, **options)


# -- the name service ------------------------------------------------------------------------

_RESOLVING = ("cut", "black hole", "duplicate", "delay")
_getaddrinfo = socket.getaddrinfo
_hanging = threading.Event()


def _resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
    """Be the name service for the names that the cells use."""
    is_name = isinstance(host, str) and host.endswith(".fault.invalid")
    if not is_name or (len(args) > 4 and args[4] & socket.AI_NUMERICHOST):
        return _getaddrinfo(host, *args, **kwargs)
    kind = host.partition(".")[0]
    if kind == "cut":
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    if kind == "hole":
        _hanging.wait(PATIENCE)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    if kind == "delay":
        time.sleep(0.05)
    found = _getaddrinfo("127.0.0.1", *args, **kwargs)
    if kind == "duplicate":  # an address where nobody listens comes first
        dead = [(*entry[:4], ("127.0.0.1", 1)) for entry in found]
        return dead + list(found)
    return found


# -- running a cell --------------------------------------------------------------------------


class Stage(NamedTuple):
    """Where cells are played: faults of a process have servers of their own."""

    plain: MariaDB
    tls: MariaDB
    loop: Loop
    """Of all asynchronous cells."""


SLOW_ROWS = "SELECT seq, REPEAT('x', 200000), SLEEP(0.05) FROM seq_1_to_12"
"""Rows so large that each is sent at once: the server is amid them for a while."""
LINES = b"".join(b"%05d\n" % n for n in range(11_050))
"""A file of two packets: the second is short enough to be sent byte by byte."""


class _Run:
    """One cell."""

    def __init__(self, cell: Cell, stage: Stage) -> None:
        self.cell = cell
        self.state, self.fault = cell.state, cell.fault
        self.server = stage.tls if self.state == "TLS" else stage.plain
        self.sdk: Any = stage.loop if cell.path.startswith("async") else s2
        """What has ``connect`` and ``create_pool``."""
        self.options: dict[str, Any] = dict(PATHS[cell.path])
        if self.state == "TLS":
            self.options["ssl_ca"] = self.server.ssl_ca
        elif self.state == "between results":
            self.options["multi_statements"] = True
        elif self.state == "infile":
            self.options["local_infile"] = True
        self.limit: int = PATIENCE
        never = self.state == "infile" and self.fault == "extra"  # the server waits for the end
        if never or self.fault in BLOCKING | OF_SERVER:
            self.limit = DEADLINE
        self.seconds = 0.0
        self.problem = ""
        self.armed: Any = None

    def run(self) -> Outcome:
        play = _PLAYS[self.state]
        with FaultProxy(self.server.port) as self.proxy:
            self.url = self.proxy.url(self.server.url)
            try:
                said = play(self)
            except s2.Error as exc:
                said = _named(exc)
            finally:
                self.proxy.disarm()
                self.revive()
        if "wrong" in said:
            self.problem = said
        if self.armed is not None and not self.armed.fired.is_set():
            self.problem = f"{said}, and the fault did not strike"
        return Outcome(said, self.seconds, self.problem)

    # -- the server's process --

    def harm(self) -> None:
        if self.fault == "stopped":
            self.server.pause()
        else:
            self.server.kill()

    def revive(self) -> None:
        if self.armed is not None and self.fault in OF_SERVER:
            self.armed.fired.wait(PATIENCE)  # or the server would be harmed after it was revived
        if self.fault == "stopped":
            self.server.resume()
        elif self.fault == "killed":
            self.server.start()

    def arm(self, sender: Any, packet: int = 0, **options: Any) -> None:
        self.armed = _arm(self.proxy, self.fault, sender, packet, action=self.harm, **options)

    # -- calls --

    @contextlib.contextmanager
    def timed(self) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds = time.monotonic() - start

    @contextlib.contextmanager
    def pool(self, **options: Any) -> Iterator[Any]:
        """A pool of one, which must be as good as new when the cell is over."""
        pool = self.sdk.create_pool(
            options.pop("url", self.url), min_size=0, max_size=1, **self.options, **options
        )
        try:
            yield pool
        finally:
            self.proxy.disarm()
            self.revive()
            pool._arguments.pop("connect_timeout", None)
            self.check(pool)
            pool.close()

    def check(self, pool: Any) -> None:
        """Whoever comes next gets a connection, and the answer to what he asked."""
        nonce = os.urandom(8).hex()
        for attempt in range(2):
            try:
                with pool.connection() as conn:
                    conn.query_timeout = PATIENCE
                    rows = conn.execute("SELECT %s", [nonce]).fetchall()
            except s2.Error as exc:
                # What came too many may be noticed by the next statement only; never by the third.
                if attempt or self.fault not in ("extra", "duplicate", "sequence", "reorder"):
                    self.problem = f"the next caller got {exc!r}"
                continue
            if rows != [(nonce,)]:
                self.problem = f"the next caller got {rows!r}"
            break
        size = pool.get_stats()["pool_size"]
        if size != 1:
            self.problem = f"the pool has {size} connections, not 1"

    def query(self, sender: Any, packet: int, sql: str, rows: Any, slow: str = "") -> str:
        """Run a statement amid whose exchange the fault strikes."""
        with self.pool() as pool:
            conn = pool.getconn()
            try:
                conn.query_timeout = self.limit
                self.arm(sender, packet)
                with self.timed():
                    cursor = conn.execute(slow if slow and self.fault in OF_SERVER else sql)
                    found = [cursor.fetchall()]
                    while cursor.nextset():
                        found.append(cursor.fetchall())
                return "rows" if found == rows else f"wrong rows {found!r:.200}"
            finally:
                pool.putconn(conn)


def _named(exc: s2.Error) -> str:
    return type(exc).__name__


def _connecting(run: _Run, number: int, header: int = 4) -> str:
    if run.fault in OF_SERVER:
        # The packet before tells when; what the server has sent already cannot be taken back.
        if number == 0:
            run.harm()
        else:
            run.arm("server", number=number if run.state == "auth switch" else number - 1)
    else:
        run.arm("server", number=number, header=header)
    return _lent(run)


def _lent(run: _Run, **options: Any) -> str:
    with run.pool(connect_timeout=run.limit, **options) as pool:
        with run.timed():
            conn = pool.getconn()
        try:
            conn.query_timeout = run.limit
            found = conn.execute("SELECT 1").fetchall()
            return "rows" if found == [(1,)] else f"wrong rows {found}"
        finally:
            pool.putconn(conn)


def _dns(run: _Run) -> str:
    kind = {"black hole": "hole"}.get(run.fault, run.fault)
    url = run.url.replace("@127.0.0.1:", f"@{kind}.fault.invalid:")
    run.limit = DEADLINE if run.fault == "black hole" else PATIENCE
    start = time.monotonic()
    try:
        conn = run.sdk.connect(url, connect_timeout=run.limit, **run.options)
    finally:
        run.seconds = time.monotonic() - start
    with conn:
        return "rows" if conn.execute("SELECT 1").fetchall() == [(1,)] else "wrong rows"


def _tcp(run: _Run) -> str:
    if run.fault == "killed":  # nobody listens
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        url = run.url.replace(f":{run.proxy.port}/", f":{port}/")
        with run.timed():
            run.sdk.connect(url, connect_timeout=DEADLINE, **run.options).close()
        return "rows"
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0 if run.fault == "black hole" else 8)
        port = listener.getsockname()[1]
        url = run.url.replace(f":{run.proxy.port}/", f":{port}/")
        if run.fault == "reset":

            def reset() -> None:
                sock, _ = listener.accept()
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.close()

            thread = threading.Thread(target=reset)
            thread.start()
            stack.callback(thread.join)
        else:  # a deaf port: its queue is full, so that not even the system answers
            for _ in range(4):
                filler = stack.enter_context(socket.socket())
                filler.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    filler.connect(("127.0.0.1", port))
        with run.timed():
            run.sdk.connect(url, connect_timeout=DEADLINE, **run.options).close()
    return "rows"


def _auth_switch(run: _Run) -> str:
    def switched(payload: bytes) -> bytes:
        return payload.replace(b"mysql_native_password", b"caching_sha2_password")

    def greets(packet: Packet) -> bool:
        return packet.number == 0

    run.proxy.arm(Fault.REPLACE, where=greets, times=1000, data=switched)
    return _connecting(run, 1)


def _ready(run: _Run) -> str:
    return run.query("client", 0, "SELECT 1", [[(1,)]], "SELECT SLEEP(0.5)")


_ROWS = "SELECT seq, seq * 10 FROM seq_1_to_5"
_FIVE = [(n, n * 10) for n in range(1, 6)]


def _query_sent(run: _Run) -> str:
    if run.fault in OF_SERVER:
        return run.query("client", 0, "", None, "SELECT SLEEP(0.5)")
    return run.query("server", 0, _ROWS, [_FIVE])


def _metadata(run: _Run) -> str:
    return run.query("server", 1, _ROWS, [_FIVE], SLOW_ROWS)


def _mid_row(run: _Run) -> str:
    return run.query("server", 5, _ROWS, [_FIVE], SLOW_ROWS)


def _between(run: _Run) -> str:
    three = "SELECT seq FROM seq_1_to_3"
    expected = [[(1,), (2,), (3,)], [(2,)]]
    packet = 4 if run.fault in OF_SERVER else 7  # count, definition, EOF, 3 rows, EOF
    return run.query("server", packet, f"{three}; SELECT 2", expected, f"{three}; {SLOW_ROWS}")


def _infile(run: _Run) -> str:
    with run.pool() as pool:
        conn = pool.getconn()
        try:
            conn.query("CREATE TEMPORARY TABLE loaded (a INT)")
            conn.query_timeout = run.limit
            run.arm("client", 2)
            with run.timed():
                count = conn.execute(
                    "LOAD DATA LOCAL INFILE ':stream:' INTO TABLE loaded",
                    infile_stream=LINES,
                ).rowcount
            total = conn.execute("SELECT COUNT(*), SUM(a) FROM loaded").fetchall()
            expected = [(11_050, 11_050 * 11_049 // 2)]
            return "rows" if count == 11_050 and total == expected else f"wrong rows {total}"
        finally:
            pool.putconn(conn)


def _transaction(run: _Run) -> str:
    name = f"faulted_{os.urandom(6).hex()}"
    with s2.connect(run.server.url) as setup:
        setup.query(f"CREATE TABLE {name} (a INT) ENGINE=InnoDB")
    said = ""
    try:
        with run.pool(autocommit=False) as pool:
            conn = pool.getconn()
            try:
                conn.query(f"INSERT INTO {name} VALUES (1)")
                conn.query_timeout = run.limit
                if run.fault in OF_SERVER:
                    run.arm("client", 0)
                else:
                    run.arm("server", 0)
                sql = f"INSERT INTO {name} VALUES (2)"
                with run.timed():
                    conn.query(f"{sql}, (SLEEP(0.5))" if run.fault in OF_SERVER else sql)
                    conn.commit()
                said = "rows"
            except s2.Error as exc:
                said = _named(exc)
            finally:
                pool.putconn(conn)
    finally:
        run.revive()
        with s2.connect(run.server.url) as after:
            expected = {2} if said == "rows" else {0}
            end = time.monotonic() + PATIENCE
            count = -1
            while count not in expected and time.monotonic() < end:
                count = after.execute(f"SELECT COUNT(*) FROM {name}").fetchall()[0][0]
            if count not in expected:
                run.problem = f"{count} rows were committed after {said}"
            after.query(f"DROP TABLE {name}")
    return said


def _closing(run: _Run) -> str:
    conn = run.sdk.connect(run.url, **run.options)
    conn.query_timeout = run.limit
    run.arm("client")
    with run.timed():
        conn.close()
    run.armed.fired.wait(PATIENCE)
    return "closed"


def _idle(run: _Run) -> str:
    resuming = None
    check = run.sdk.ConnectionPool.check_connection
    with run.pool(check=check, query_timeout=run.limit) as pool:
        with pool.connection() as conn:
            conn.query("SELECT 1")
        if run.fault in OF_SERVER:
            run.harm()
            if run.fault == "killed":
                run.revive()
            else:
                resuming = threading.Timer(DEADLINE + 0.5, run.revive)
                resuming.start()
        elif run.fault in ("cut", "reset", "half-close", "extra"):
            kind = Fault[run.fault.upper().replace("-", "_")]
            run.proxy.strike(kind)
            idle = pool._idle[0]
            end = time.monotonic() + PATIENCE
            while _is_quiet(idle) and time.monotonic() < end:
                time.sleep(0.001)
        else:
            run.arm("server", 0)
        try:
            with run.timed(), pool.connection() as conn:
                found = conn.execute("SELECT 1").fetchall()
        finally:
            if resuming is not None:
                resuming.join()
        return "rows" if found == [(1,)] else f"wrong rows {found}"


def _streaming(run: _Run) -> str:
    sql, count, packet = "SELECT seq, REPEAT('x', 100) FROM seq_1_to_3000", 3000, 1500
    if run.fault in OF_SERVER:
        sql, count, packet = SLOW_ROWS, 12, 7
    with run.pool() as pool:
        conn = pool.getconn()
        try:
            conn.query_timeout = run.limit
            run.arm("server", packet)
            with run.timed():
                cursor = conn.execute(sql, buffered=False)
                rows = [cursor.fetchone()]
                while more := cursor.fetchmany(700):
                    rows += more
            numbers = [row[0] for row in rows]
            return "rows" if numbers == list(range(1, count + 1)) else "wrong rows"
        finally:
            pool.putconn(conn)


_PLAYS: dict[str, Callable[[_Run], str]] = {
    "DNS": _dns,
    "TCP connect": _tcp,
    "greeting": lambda run: _connecting(run, 0),
    "TLS": lambda run: _connecting(run, 1, header=5),
    "authentication": lambda run: _connecting(run, 1),
    "auth switch": _auth_switch,
    "ready": _ready,
    "query sent": _query_sent,
    "metadata": _metadata,
    "mid-row": _mid_row,
    "between results": _between,
    "infile": _infile,
    "in transaction": _transaction,
    "closing": _closing,
    "pooled idle": _idle,
    "streaming cursor": _streaming,
}


# -- running all -----------------------------------------------------------------------------


def run_all(
    chosen: Iterable[Cell],
    plain: MariaDB,
    tls: MariaDB,
    *,
    threads: int = 8,
    report: Callable[[Cell, Outcome], object] = lambda cell, outcome: None,
) -> dict[Cell, Outcome]:
    """Run cells; those that stop or kill a server have servers of their own, one cell at a time."""
    found: dict[Cell, Outcome] = {}
    loop = Loop(2 * PATIENCE)

    def one(cell: Cell, stage: Stage) -> None:
        try:
            found[cell] = _Run(cell, stage).run()
        except Exception as exc:
            found[cell] = Outcome(
                f"{type(exc).__name__}: {exc}", 0.0, f"not a PEP 249 error: {exc!r}"
            )
        report(cell, found[cell])

    def in_turn(todo: list[Cell]) -> None:
        if todo:
            with MariaDB() as plain, MariaDB(tls=True) as tls:
                for cell in todo:
                    one(cell, Stage(plain, tls, loop))

    chosen = list(chosen)
    shared = [cell for cell in chosen if cell.fault not in OF_SERVER]
    with (
        mock.patch("socket.getaddrinfo", _resolve),
        ThreadPoolExecutor(2) as apart,
        ThreadPoolExecutor(threads) as together,
    ):
        work = [
            apart.submit(in_turn, [cell for cell in chosen if cell.fault == fault])
            for fault in sorted(OF_SERVER)
        ]
        work += [together.submit(one, cell, Stage(plain, tls, loop)) for cell in shared]
        for future in work:
            future.result()
        _hanging.set()
    _hanging.clear()
    left = loop.close(PATIENCE)
    if left:
        raise AssertionError("tasks are left on the loop: " + ", ".join(left))
    gc.collect()
    return found


# -- the table -------------------------------------------------------------------------------

_SHORT = {
    "rows": "rows",
    "closed": "closed",
    "OperationalError": "Op",
    "InternalError": "Int",
    "DataError": "Data",
    "ProgrammingError": "Prog",
    "InterfaceError": "Intf",
}


def entry(state: str, fault: str, found: dict[Cell, Outcome]) -> str:
    """Return what the table says of a state and a fault."""
    reason = left_out(state, fault)
    if reason is not None:
        return f"[^{_REASONS.index(reason) + 1}]"
    said = {
        path: _SHORT.get(found[cell].said, found[cell].said)
        for path in PATHS
        if (cell := Cell(state, fault, path)) in found
    }
    if len(set(said.values())) == 1:
        return next(iter(said.values()))
    return " / ".join(said.values())


_REASONS = (_NO_BYTES, _RECORDS, _COMMAND, _CONTENTS)


def published() -> dict[tuple[str, str], str]:
    """Return the table's entries."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    names: list[str] = []
    found = {}
    for line in lines:
        parts = [part.strip() for part in line.strip().strip("|").split("|")]
        if line.startswith("| fault "):
            names = parts[1:]
        elif names and line.startswith("| ") and parts[0] in FAULTS:
            for state, text in zip(names, parts[1:], strict=True):
                found[state, parts[0]] = text
        elif not line.startswith("|"):
            names = []
    return found


def page(found: dict[Cell, Outcome], wall: float) -> str:
    """Return the page that is published."""
    lines = [
        "# Faults",
        "",
        "<!-- Written by `make faults`.  The test run compares what it sees with the tables. -->",
        "",
        "What the `mysql` driver makes of a fault in each state of a connection, against a real",
        "server behind `singlestoredb.testing.FaultProxy`. In every cell: one PEP 249 error by",
        "the deadline, or the right rows where the fault is harmless; no hang, no wrong row, no",
        "descriptor or thread left; and whoever takes the next connection of the same pool gets",
        "the answer to what was asked.",
        "",
        "`rows`: the right rows came. `closed`: closing raised nothing. `Op`: `OperationalError`,",
        "the connection is lost or the deadline over. `Int`: `InternalError`, what came is not",
        "the protocol. `Data`: `DataError`. Four entries: pure Python / with the accelerator /",
        "pure Python on an event loop / with the accelerator on an event loop.",
        "",
    ]
    names = list(STATES)
    for group in (names[:8], names[8:]):
        lines += [
            "| fault | " + " | ".join(group) + " |",
            "|---" * (len(group) + 1) + "|",
            *(
                f"| {fault} | " + " | ".join(entry(s, fault, found) for s in group) + " |"
                for fault in FAULTS
            ),
            "",
        ]
    lines += [f"[^{n}]: Not run: {reason}." for n, reason in enumerate(_REASONS, 1)]
    lines += ["", "## States", ""]
    lines += [f"* **{name}**: {text}." for name, text in STATES.items()]
    lines += ["", "## Faults", ""]
    lines += [f"* **{name}**: {text}." for name, text in FAULTS.items()]
    late = [
        outcome.seconds - DEADLINE
        for cell, outcome in found.items()
        if cell.fault in BLOCKING and outcome.said not in ("rows", "closed") and outcome.seconds
    ]
    late = [seconds for seconds in late if seconds > 0]
    late.sort()
    quick = sorted(
        outcome.seconds
        for cell, outcome in found.items()
        if cell.fault not in BLOCKING | OF_SERVER and outcome.said not in ("rows", "closed")
    )
    lines += [
        "",
        "## How long it took",
        "",
        f"Measured by `make faults` on {platform.machine()} with {os.cpu_count()} processors and",
        f"Python {platform.python_version()}, 8 cells at a time: {len(found)} cells in",
        f"{wall:.0f} s.",
        "",
        "| what | cells | median | 95 % | longest |",
        "|---|---|---|---|---|",
        _spread(f"errors after the deadline of {DEADLINE:g} s, counted from it", late),
        _spread("errors that need no deadline", quick),
        "",
        f"The goal is {MARGIN * 1000:.0f} ms after the deadline: a statement is cancelled on the",
        "server at its deadline, and its connection broken 200 ms later where that has no effect.",
    ]
    return "\n".join(lines) + "\n"


def _spread(what: str, values: list[float]) -> str:
    if not values:
        return f"| {what} | 0 | | | |"
    times = [values[len(values) // 2], values[int(len(values) * 0.95)], values[-1]]
    shown = " | ".join(f"{seconds * 1000:.0f} ms" for seconds in times)
    return f"| {what} | {len(values)} | {shown} |"


def main() -> int:
    """Run all cells, say what is wrong, and write the page; part of a cell's name chooses cells."""
    wanted = sys.argv[1:]
    chosen = [
        cell
        for cell in cells()
        if not wanted or all(any(w == part for part in cell) for w in wanted)
    ]
    start = time.monotonic()

    def report(cell: Cell, outcome: Outcome) -> None:
        if wanted or outcome.problem:
            print(" | ".join(cell), "->", *outcome, flush=True)  # noqa: T201 - a program's output

    with MariaDB() as plain, MariaDB(tls=True) as tls:
        found = run_all(chosen, plain, tls, report=report)
    bad = [cell for cell, outcome in found.items() if outcome.problem]
    wall = time.monotonic() - start
    print(f"{len(found)} cells in {wall:.1f} s, {len(bad)} with problems")  # noqa: T201
    if not wanted:
        TABLE.write_text(page(found, wall), encoding="utf-8")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
