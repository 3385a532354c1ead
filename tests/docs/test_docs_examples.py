"""The documentation and the README keep what they show: their code runs, page by page.

In a page, a python block that begins with ``# name.py`` is a file; the others run one after the
other in a process of their own; a console block's commands run in a shell, and what they print is
compared, ``…`` standing for anything.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md")))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\w+\.py)\n")
SETS_UP = ("make ", "pip ", "git ", "cd ", "apt-get ")
"""Commands that a page shows and that are not run here: they change the machine."""


def blocks(page: str, language: str) -> list[str]:
    """Return a page's blocks of a language."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [body for found, body in BLOCK.findall(text) if found == language]


def environment() -> dict[str, str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("SINGLESTOREDB_")}
    scripts = str(Path(sys.executable).parent)
    return {**env, "PATH": f"{scripts}{os.pathsep}{env.get('PATH', '')}", "PYTHONPATH": "."}


# tests/fusion runs this page: its commands need the things that they are about.
OWN_TESTS = ("docs/howto/fusion.md",)


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python") and p not in OWN_TESTS])
def test_python_of(page: str, tmp_path: Path) -> None:
    script = []
    tests = []
    for body in blocks(page, "python"):
        named = FILE.match(body)
        if named:
            (tmp_path / named[1]).write_text(body, encoding="utf-8")
            if named[1].startswith("test_") and "..." not in body:
                tests.append(named[1])
        elif "..." not in body:
            script.append(body)
    (tmp_path / "page.py").write_text("\n".join(script), encoding="utf-8")
    runs = [[sys.executable, "-W", "error", "page.py"]]
    if tests:
        runs.append([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests])
    for command in runs:
        done = subprocess.run(
            command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr


def run(command: str, folder: Path, lines: int) -> subprocess.CompletedProcess[str]:
    """Run a command; a server is interrupted when it has printed this many lines."""
    serves = command.startswith("s2 serve ")
    with subprocess.Popen(
        # In the place of the shell, which would die of the signal.
        f"exec {command}" if serves else command,
        shell=True,
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        printed = ""
        if serves:
            assert process.stdout is not None
            printed = "".join(process.stdout.readline() for _ in range(lines))
            os.killpg(process.pid, signal.SIGINT)
        try:
            stdout, stderr = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, printed + stdout, stderr)


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "console")])
def test_console_of(page: str, tmp_path: Path) -> None:
    for body in blocks(page, "console"):
        for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            if command.startswith(SETS_UP):
                continue
            expected = expected.strip()
            done = run(command, tmp_path, len(expected.splitlines()))
            assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
            pattern = ".*?".join(re.escape(piece) for piece in expected.split("…"))
            assert re.fullmatch(pattern, done.stdout.strip(), re.DOTALL), (
                f"$ {command}\n{done.stdout}{done.stderr}"
            )


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going",
            "-b", "html", "-d", str(tmp_path / "doctrees"), "docs", str(tmp_path / "html"),
        ],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "html" / "reference" / "hooks.html").exists()


def test_every_hook_and_option_is_in_the_reference() -> None:
    from singlestoredb.kernel import get_registry

    modules = (ROOT / "docs/reference/hooks.md").read_text()
    for hook in get_registry().manager.hook_names():
        home = get_registry().manager._pm.hook.__dict__[hook].spec.namespace.__name__
        assert f"automodule:: {home}" in modules, f"{hook} of {home} is not documented"


def test_every_hook_has_an_example() -> None:
    from singlestoredb.kernel import get_registry

    relay = get_registry().manager._pm.hook
    for hook in get_registry().manager.hook_names():
        doc = getattr(relay, hook).spec.function.__doc__ or ""
        assert "Example::" in doc, f"{hook} shows no example"
        assert f"def {hook}(" in doc
