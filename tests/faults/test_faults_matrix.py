"""What the driver makes of every fault in every state is what the documentation says."""

from __future__ import annotations

import os
import threading
import time

from singlestoredb.testing import MariaDB

from . import matrix
from .matrix import FAULTS, HARMLESS, STATES, Cell, Outcome

HARD_CAP = 5.0
"""Seconds after its deadline by which a cell must be over, on however busy a machine."""
LOST = {"OperationalError"}
ALLOWED = {
    **dict.fromkeys(FAULTS, LOST),
    **{fault: {"OperationalError", "InternalError"} for fault in ("drop", "reorder", "sequence")},
    **{fault: {"OperationalError", "InternalError"} for fault in ("length", "bits")},
    # An OK packet too many can look like a row whose values are of the wrong type.
    "duplicate": {"OperationalError", "InternalError"},
    "extra": {"OperationalError", "InternalError", "DataError"},
    **{fault: {"rows"} for fault in HARMLESS},
}
"""Fault → outcomes that are right, whatever the documentation says."""
HEALED = {
    ("DNS", "duplicate"): "the address after the dead one is taken",
    ("DNS", "delay"): "it is in time",
    ("ready", "extra"): "the answer is there before the server sees the packet too many",
}


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def running() -> int:
    """Count threads, but for those that wait for connections to open, which are 16 at most."""
    return sum(not t.name.startswith("singlestoredb-open") for t in threading.enumerate())


def test_every_cell(mariadb: MariaDB, mariadb_tls: MariaDB) -> None:
    chosen = matrix.cells(rotate=True)
    assert len(chosen) >= 320
    threads, files = running(), descriptors()
    found = matrix.run_all(chosen, mariadb, mariadb_tls, threads=16)
    wrong = [f"{' | '.join(cell)}: {p}" for cell, o in found.items() if (p := _wrong(cell, o))]
    assert not wrong, "\n".join(wrong)
    end = time.monotonic() + 30
    # The thread of the deadlines stays, once there is one.
    while running() > threads + 1 and time.monotonic() < end:
        time.sleep(0.05)
    assert running() <= threads + 1, threading.enumerate()
    while descriptors() > files and time.monotonic() < end:
        time.sleep(0.05)
    assert descriptors() <= files


def _wrong(cell: Cell, outcome: Outcome) -> str:
    state, fault, _ = cell
    if outcome.problem:
        return outcome.problem
    limit = matrix.PATIENCE if fault in HARMLESS else matrix.DEADLINE
    if outcome.seconds > limit + HARD_CAP:
        return f"it took {outcome.seconds:.1f} s"
    allowed = ALLOWED[fault]
    if state == "closing":
        allowed = {"closed"}
    elif state == "pooled idle":
        allowed = {"rows", "InternalError"} if fault in ("extra", "duplicate") else {"rows"}
    elif (state, fault) in HEALED:
        allowed = allowed | {"rows", "DataError"}
    if outcome.said not in allowed:
        return f"{outcome.said}, and not one of {sorted(allowed)}"
    said = matrix.published().get((state, fault), "nothing")
    seen = matrix.entry(state, fault, {cell: outcome})
    paths = list(matrix.PATHS)
    expected = said.split(" / ")
    expected = expected * len(paths) if len(expected) == 1 else expected
    if seen != expected[paths.index(cell.path)]:
        return f"{seen}, and docs/explanation/faults.md says {said} (`make faults` writes it)"
    return ""


def test_the_table_is_whole() -> None:
    table = matrix.published()
    text = matrix.TABLE.read_text(encoding="utf-8")
    for state in STATES:
        for fault in FAULTS:
            entry = table[state, fault]
            reason = matrix.left_out(state, fault)
            assert entry, f"{state}, {fault}: a blank"
            assert entry.startswith("[^") == (reason is not None)
            assert reason is None or f"{entry}: Not run: {reason}." in text


def test_each_run_has_the_same_cells() -> None:
    assert matrix.cells(rotate=True) == matrix.cells(rotate=True)
    assert len(matrix.cells()) > len(matrix.cells(rotate=True))
    assert len(STATES) == 16
    assert len(FAULTS) >= 20
