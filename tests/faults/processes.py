"""Scripts in processes of their own, for what a test cannot do to the process that it runs in."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path


def run(script: str, *args: object, code: int = 0) -> str:
    """Run a script in a process of its own, which must end by itself and say nothing on stderr.

    Python's own warning about forks of processes with threads, new in 3.12, does not count.
    """
    options = ("-X", "dev", "-W", "ignore:This process:DeprecationWarning")
    done = subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(script), *map(str, args)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert (done.returncode, done.stderr) == (code, ""), said
    return done.stdout


def wait_until_idle(process: subprocess.Popen[str]) -> None:
    """Return when a process waits for something that does not come.

    It sleeps and has used no processor for a while: a lull between two packets is shorter.
    """
    stat = Path(f"/proc/{process.pid}/stat")
    lull, before = 0, ""
    end = time.monotonic() + 30
    while lull < 10 and process.poll() is None and time.monotonic() < end:
        # After the name: state at 0, ticks in user and system mode at 11 and 12.
        fields = stat.read_text().rpartition(")")[2].split()
        now = " ".join((fields[0], *fields[11:13]))
        lull = lull + 1 if now == before and fields[0] == "S" else 0
        before = now
        time.sleep(0.01)
