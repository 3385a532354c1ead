"""Run the benchmarks that are named, or all of them."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import embedded, fronts, ingest, point, pool
from benchmarks.fetch import __main__ as fetch

ROOT = Path(__file__).parents[1]


def aio() -> None:
    """Measure on an event loop; its peers are no dependency of ours."""
    try:
        from benchmarks import aio as measured
    except ImportError as exc:
        print(f"left out: {exc.name} is not installed (pip install {exc.name})")
    else:
        measured.main()


def script(path: str) -> Callable[[], None]:
    """Return a benchmark that is a script of a sister distribution, with a report of its own."""

    def run() -> None:
        file = ROOT / path
        sys.argv = [str(file), "--output", str(file.with_name("RESULTS.md"))]
        runpy.run_path(str(file), run_name="__main__")

    return run


BENCHMARKS: dict[str, Callable[[], None]] = {
    "point": point.main,
    "pool": pool.main,
    "embedded": embedded.main,
    "ingest": ingest.main,
    "fetch": lambda: fetch.main(fetch.environments()),
    "fronts": fronts.main,
    "aio": aio,
    "kt": script("plugins/singlestoredb-kt/benchmarks/bench_kt.py"),
}


def main() -> None:
    """Run them."""
    names = sys.argv[1:] or list(BENCHMARKS)
    unknown = sorted(set(names) - set(BENCHMARKS))
    if unknown:
        sys.exit(f"no benchmark named {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    for name in names:
        print(f"== {name}")
        BENCHMARKS[name]()


if __name__ == "__main__":
    main()
