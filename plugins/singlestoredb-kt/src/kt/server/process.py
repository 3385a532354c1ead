"""What a server tells about its own process."""

from __future__ import annotations

import os
from pathlib import Path


def memory() -> tuple[int, int]:
    """Return virtual and resident size in bytes, zeros where the system does not tell."""
    try:
        size, resident, *_ = Path("/proc/self/statm").read_text().split()
    except OSError:
        return 0, 0
    page = os.sysconf("SC_PAGE_SIZE")
    return int(size) * page, int(resident) * page


def open_files() -> int:
    """Return the number of open file descriptors, 0 where the system does not tell."""
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return 0


def load_average() -> float:
    """Return the system's load over the last minute, 0 where it does not tell."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return 0.0
