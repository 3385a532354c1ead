"""Scripts in processes of their own, for what a test cannot do to the process that it runs in."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def run(script: str, *args: object, code: int = 0) -> str:
    """Run a script in a process of its own, which must end by itself and say nothing on stderr."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", textwrap.dedent(script), *map(str, args)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert (done.returncode, done.stderr) == (code, ""), said
    return done.stdout
