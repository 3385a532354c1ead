"""Where and with what a measurement was made, and how its figures are written."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def machine() -> str:
    """Describe the machine, without its name."""
    model = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    load = os.getloadavg()[0]
    kernel = platform.release().split("-")[0]
    return (
        f"{os.cpu_count()} cores ({model}), {platform.system()} {kernel}, "
        f"Python {platform.python_version()}, load {load:.1f} at the end"
    )


def versions(*distributions: str) -> str:
    """Return distributions with their versions."""
    return ", ".join(f"{name} {version(name)}" for name in distributions)


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Return the median and the quartiles."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def write(name: str, text: str) -> None:
    """Write a report and print it."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
    print(text)
