"""Tests of tests: one thing is changed at a time in the guarding modules, and a test must fail.

Each comparison is turned or shifted, each ``and`` becomes ``or``, each ``not`` is dropped, each
small number is one more, each ``raise`` is left out.  What is changed is put in place when the
module is imported (``mutant/sitecustomize.py``): no file of the tree is touched, so that many can
run side by side.

``survivors.toml`` lists the changes that no test needs to notice, and why.  They are named by what
is changed and not by where it stands, so that the list stays right when lines move.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import datetime
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple, TypeVar

_T = TypeVar("_T")
ROOT = Path(__file__).parents[2]
SURVIVORS = Path(__file__).with_name("survivors.toml")
_MYSQL = "plugins/singlestoredb_plugins/mysql"
_SOURCES = ("plugins", "hookspecs")
"""Folders with packages, besides the root."""
_LONGEST = 100
"""Characters of a source text that are enough to name it."""


class Module(NamedTuple):
    """A module that guards something."""

    path: str
    quick: tuple[str, ...]
    """Tests that must notice a change of it."""
    thorough: tuple[str, ...] = ()
    """Tests, with servers or of many seconds, that are run where those have not noticed."""
    only: tuple[str, ...] = ()
    """Functions and classes that guard; all when empty."""


_GUARDS = "tests/drivers/test_drivers_mysql_guards.py"
_HOSTILE = "tests/drivers/test_drivers_mysql_hostile.py"
_WIRE = ("tests/drivers/test_drivers_mysql_wire.py", _HOSTILE)
_MARIADB = "tests/connection/test_connection_mariadb.py"
_SECURE = "tests/compat/test_compat_secure.py"
_PROXY = "tests/faults/test_faults_proxy.py"
_PARAMS = "tests/connection/test_connection_params.py"
_POOL = "tests/connection/test_connection_pool.py"
_RULES = "tests/connection/test_connection_pool_rules.py"
_CANCELS = f"--deselect={_POOL}::test_a_thousand_random_cancels"
MODULES: dict[str, Module] = {
    "escaping": Module(
        "singlestoredb/escaping.py",
        ("tests/values/test_values_escaping.py", "tests/values/test_values_literals.py"),
    ),
    "infile": Module(f"{_MYSQL}/infile.py", (_GUARDS, *_WIRE), (_MARIADB,)),
    "tls": Module("singlestoredb/tls.py", ("tests/values/test_values_tls.py",), (_SECURE,)),
    "login": Module(f"{_MYSQL}/login.py", (_GUARDS, *_WIRE), (_MARIADB,)),
    "authentication": Module(
        f"{_MYSQL}/authentication.py", (_GUARDS, *_WIRE), (_MARIADB, _SECURE, _PROXY)
    ),
    "handshake": Module(f"{_MYSQL}/handshake.py", (_GUARDS, *_WIRE), (_MARIADB, _SECURE, _PROXY)),
    "dialing": Module("singlestoredb/dialing.py", (_GUARDS, *_WIRE), (_MARIADB,)),
    "wire": Module(f"{_MYSQL}/wire.py", (_GUARDS, *_WIRE)),
    "text": Module("singlestoredb/utils/text.py", (_HOSTILE,)),
    "errors": Module(f"{_MYSQL}/errors.py", (_GUARDS, *_WIRE)),
    "params": Module(
        "singlestoredb/params.py",
        (_PARAMS, "tests/connection/test_connection_profiles.py"),
        (_SECURE, "tests/connection/test_connection_config.py"),
    ),
    "contracts": Module(
        "hookspecs/singlestoredb_hookspecs/contracts.py",
        (_PARAMS,),
        only=("ConnectionParams.__repr__",),
    ),
    "session": Module("singlestoredb/session.py", (_PARAMS,), only=("_Masked",)),
    "literals": Module(
        "singlestoredb/fusion/literals.py",
        ("tests/fusion/test_fusion_errors.py", "tests/fusion/test_fusion_roundtrip.py"),
        only=("_secrets", "masked"),
    ),
    "transport": Module(
        "singlestoredb/management/_transport.py",
        ("tests/management/test_management_helpers.py",),
        ("tests/management/test_management_client.py",),
        only=("_is_sensitive", "sensitive_texts", "redact", "scrub", "enable_http_tracing"),
    ),
    "registry": Module(
        "singlestoredb/kernel/registry.py", ("tests/kernel/test_kernel_registry.py",)
    ),
    "pool": Module("singlestoredb/pool.py", (_RULES,), (_POOL, _CANCELS)),
}
"""Name → module."""


# -- what is changed -------------------------------------------------------------------------


class Mutant(NamedTuple):
    """A change of a module."""

    key: str
    """What is changed: the function, the source text, and what is done to it."""
    first: int
    last: int
    """Lines that it stands in, from 1."""
    source: Callable[[], str]
    """Returns the changed module."""


_TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_NO_MATTER = frozenset({"lru_cache", "get_close_matches", "TypeVar", "warn"})
"""Calls whose numbers are sizes of caches, how many are shown, or whose line a warning names."""


def _changed(node: ast.AST) -> tuple[str, ast.AST] | None:
    """Return what is done to a node, and what comes of it; ``None`` for most."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _TURNED:
        compare = copy.copy(node)
        compare.ops = [_TURNED[type(node.ops[0])](), *node.ops[1:]]
        return "turned", compare
    if isinstance(node, ast.BoolOp):
        other = copy.copy(node)
        other.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        return "other connective", other
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return "not dropped", node.operand
    if isinstance(node, ast.Constant) and type(node.value) is int and 0 < node.value < 2**32:
        return f"{node.value + 1} for {node.value}", ast.Constant(node.value + 1)
    if isinstance(node, ast.Raise):
        return "not raised", ast.Pass()
    return None


def _skipped(node: ast.AST) -> Iterator[ast.AST]:
    """Iterate over the parts of a node that no test can tell from others."""
    for part in ("annotation", "returns"):
        if (found := getattr(node, part, None)) is not None:
            yield found
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
        yield from node.body
    elif isinstance(node, ast.Assign) and "'__all__'" in ast.dump(node.targets[0]):
        yield node.value
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.LShift):
        if isinstance(node.left, ast.Constant):
            yield node.left  # 2 << 9 is 1 << 10, which is another change
    elif isinstance(node, ast.Call):
        called = node.func
        owner = getattr(called, "value", None)
        if isinstance(owner, ast.Name) and owner.id in ("log", "logger"):
            yield node
        if getattr(called, "attr", getattr(called, "id", None)) in _NO_MATTER:
            yield from (n for n in ast.walk(node) if isinstance(n, ast.Constant))


def mutants(source: str, only: tuple[str, ...] = ()) -> Iterator[Mutant]:
    """Iterate over all changes of a module, or of the named functions and classes in it."""
    tree = ast.parse(source)
    lines = source.encode().split(b"\n")
    seen: Counter[str] = Counter()
    skipped: set[int] = set()

    def walk(parents: list[ast.AST], where: str) -> Iterator[Mutant]:
        parent = parents[-1]
        skipped.update(id(node) for node in _skipped(parent))
        for field, value in ast.iter_fields(parent):
            for index, node in enumerate(value if isinstance(value, list) else [value]):
                if not isinstance(node, ast.AST) or id(node) in skipped:
                    continue
                inner = where
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                    inner = f"{where}.{node.name}" if where else node.name
                if not only or any(f"{where}.".startswith(f"{name}.") for name in only):
                    made = _changed(node)
                    if made is not None:
                        what, new = made
                        shown = _shown(lines, [*parents, node])
                        key = f"{where or 'module'}: {shown} ({what})"
                        seen[key] += 1
                        if seen[key] > 1:
                            key += f" #{seen[key]}"
                        first = getattr(node, "lineno", 0)
                        last = first if isinstance(node, ast.Raise) else node.end_lineno  # type: ignore[attr-defined]  # every expression has one
                        yield Mutant(key, first, last, _made(tree, parent, field, index, node, new))
                yield from walk([*parents, node], inner)

    return walk([tree], "")


def _made(
    tree: ast.Module, parent: ast.AST, field: str, index: int, node: ast.AST, new: ast.AST
) -> Callable[[], str]:
    def put(what: ast.AST) -> None:
        value = getattr(parent, field)
        if isinstance(value, list):
            value[index] = what
        else:
            setattr(parent, field, what)

    def source() -> str:
        put(ast.copy_location(new, node) if not hasattr(new, "lineno") else new)
        try:
            return ast.unparse(ast.fix_missing_locations(tree))
        finally:
            put(node)

    return source


def _shown(lines: list[bytes], chain: list[ast.AST]) -> str:
    """Return the source text of the last node; of a number's, with what is around it."""
    node = chain[-1]
    # Within an f-string, a node's place is right from Python 3.12 on only.
    placed = not any(isinstance(parent, ast.JoinedStr) for parent in chain)
    if isinstance(node, ast.Constant):
        for parent in reversed(chain[:-1]):
            # A slice alone says nothing.
            if isinstance(parent, (ast.expr, ast.Assign, ast.AnnAssign, ast.keyword)) and not (
                isinstance(parent, ast.Slice)
            ):
                text = _text(lines, parent) if placed else ast.unparse(parent)
                node = parent if len(text) <= _LONGEST else node
                break
    return (_text(lines, node) if placed else ast.unparse(node))[:_LONGEST]


def _text(lines: list[bytes], node: ast.AST) -> str:
    # ast.get_source_segment() splits the source anew each time; columns count bytes.
    first, last, start, end = (
        getattr(node, name) for name in ("lineno", "end_lineno", "col_offset", "end_col_offset")
    )
    found = lines[first - 1 : last]
    found[-1] = found[-1][:end]
    found[0] = found[0][start:]
    return re.sub(r"\s+", " ", b"\n".join(found).decode())


def of(name: str) -> list[Mutant]:
    """Return all changes of a listed module."""
    module = MODULES[name]
    return list(mutants((ROOT / module.path).read_text(encoding="utf-8"), module.only))


def evenly(found: list[_T], most: int | None) -> list[_T]:
    """Return at most so many of the changes, from everywhere."""
    if not most or len(found) <= most:
        return found
    return [found[n * len(found) // most] for n in range(most)]


def accepted() -> dict[str, dict[str, str]]:
    """Return the changes that need not be noticed: module → key → reason."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    content: dict[str, dict[str, str]] = tomllib.loads(SURVIVORS.read_text(encoding="utf-8"))
    return content


# -- which lines changed ---------------------------------------------------------------------


def changed_lines(path: str, since: str = "HEAD^", root: Path = ROOT) -> set[int]:
    """Return the lines of a file that are not as in another revision; none without git."""
    command = ["git", "diff", "--no-ext-diff", "--no-color", "-U0", since, "--", path]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return set()
    lines: set[int] = set()
    for first, count in re.findall(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", done.stdout, re.M):
        lines.update(range(int(first), int(first) + int(count or 1)))
    return lines


def on_lines(found: Iterable[Mutant], lines: set[int]) -> list[Mutant]:
    """Return the changes that stand in lines."""
    return [m for m in found if not lines.isdisjoint(range(m.first, m.last + 1))]


# -- what notices them -----------------------------------------------------------------------


class Trial(NamedTuple):
    """A changed source, and the tests that have to notice."""

    module: str
    """Python's name of it."""
    source: str
    quick: tuple[str, ...]
    thorough: tuple[str, ...] = ()
    root: Path = ROOT


def imported_as(path: str) -> str:
    """Return Python's name of the module in a file."""
    parts = Path(path).with_suffix("").parts
    return ".".join(parts[1:] if parts[0] in _SOURCES else parts)


def trial(name: str, mutant: Mutant) -> Trial:
    """Return what is to be tried of a listed module."""
    module = MODULES[name]
    return Trial(imported_as(module.path), mutant.source(), module.quick, module.thorough)


def noticed_by(trial: Trial, end: float, patience: float = 300.0) -> str | None:
    """Return which tests notice a change, ``quick`` or ``thorough``; ``None`` for neither.

    Tests that take more than ``patience`` seconds have noticed.  Raises ``TimeoutError`` when it is
    ``end`` by ``time.monotonic`` before that is known, and ``RuntimeError`` when no test imports
    the module, or there are no such tests.
    """
    with tempfile.TemporaryDirectory(prefix="s2-mutant-") as folder:
        changed = Path(folder) / "source.py"
        changed.write_text(trial.source, encoding="utf-8")
        for stage, tests in (("quick", trial.quick), ("thorough", trial.thorough)):
            if not tests:
                continue
            seconds = min(patience, end - time.monotonic())
            if seconds <= 0:
                raise TimeoutError("there was no time to find out")
            status, said = _run(trial, tests, folder, seconds)
            if status is None and seconds < patience:
                raise TimeoutError("there was no time to find out")
            if not Path(f"{changed}.loaded").exists():
                raise RuntimeError(f"{' '.join(tests)} do not import {trial.module}:\n{said}")
            if status in (4, 5):
                raise RuntimeError(f"{' '.join(tests)} cannot be run:\n{said}")
            if status != 0:
                return stage
    return None


def _run(
    trial: Trial, tests: tuple[str, ...], folder: str, seconds: float
) -> tuple[int | None, str]:
    """Run tests on a changed module; return pytest's status, ``None`` when they take too long."""
    path = str(Path(__file__).with_name("mutant"))
    environ = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, (path, os.environ.get("PYTHONPATH")))),
        "SINGLESTOREDB_TEST_MUTANT": f"{trial.module}={folder}/source.py",
        "HYPOTHESIS_STORAGE_DIRECTORY": f"{folder}/hypothesis",
        "CI": "1",  # hypothesis draws the same examples each time
    }
    # Hypothesis's plugin takes a second to import in each process, and does nothing for the tests.
    without = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
    command = [sys.executable, "-m", "pytest", "-q", "-x", *without, *tests]
    with subprocess.Popen(
        command,
        cwd=trial.root,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as running:
        # First as Ctrl-C, so that the tests end the servers that they started.
        for number in (signal.SIGINT, signal.SIGKILL):
            try:
                said, _ = running.communicate(timeout=max(0.0, seconds))
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, number)
                seconds = 15.0
            else:
                return running.returncode if number is signal.SIGINT else None, said
        said, _ = running.communicate()
    return None, said


def baseline(tests: tuple[str, ...], root: Path = ROOT) -> float:
    """Return how long tests take when nothing is changed; ``RuntimeError`` when they fail."""
    start = time.monotonic()
    unchanged = Trial("", "", tests, root=root)
    with tempfile.TemporaryDirectory(prefix="s2-mutant-") as folder:
        status, said = _run(unchanged, tests, folder, 600.0)
    if status != 0:
        raise RuntimeError(f"without a change, {' '.join(tests)} fail already:\n{said[-4000:]}")
    return time.monotonic() - start


class Verdict(NamedTuple):
    """What became of a change."""

    name: str
    """Of the module in ``MODULES``."""
    mutant: Mutant
    by: str | None
    """``quick`` or ``thorough``; ``None`` when nobody noticed."""


def run(
    chosen: Iterable[tuple[str, Mutant, Trial]],
    jobs: int,
    patience: Callable[[Trial], float] = lambda _: 300.0,
    end: float = float("inf"),
) -> Iterator[Verdict]:
    """Try changes, ``jobs`` at a time; iterate over what became of them, as they are done.

    What was not decided by the ``end`` is left out.  Raises as :func:`noticed_by`.
    """
    pool = ThreadPoolExecutor(jobs)
    try:
        tried = {
            pool.submit(noticed_by, attempt, end, patience(attempt)): (name, mutant)
            for name, mutant, attempt in chosen
        }
        for future in as_completed(tried):
            with contextlib.suppress(TimeoutError):
                by = future.result()
                yield Verdict(*tried[future], by)
    finally:
        pool.shutdown(cancel_futures=True)


# -- what is published -----------------------------------------------------------------------


def page(verdicts: list[Verdict], names: Iterable[str], before: str = "") -> str:
    """Return the page with the outcome of a run over some modules.

    The rows of the others are kept as they are in the page of ``before``.
    """
    known = accepted()
    lines = [
        "# Tests of tests",
        "",
        "<!-- Written by `make mutate`. -->",
        "",
        "One thing is changed at a time in the modules that guard something, and a test must fail:",
        "comparisons are turned or shifted, `and` and `or` exchanged, each `not` dropped, each",
        "small number is one more, each `raise` is left out. A change that no test notices is",
        "either accepted, with a reason, or makes the run fail.",
        "",
        f"`make mutate`, or `scripts/mutate MODULE` for some rows; {platform.machine()} with "
        f"{os.cpu_count()} processors, Python {platform.python_version()}.",
        "",
        "| module | possible | noticed | by quick tests | accepted | not noticed | date |",
        "|---|---|---|---|---|---|---|",
    ]
    rows = {line.split("`")[1]: line for line in before.splitlines() if line.startswith("| `")}
    for name in names:
        of_it = [v for v in verdicts if v.name == name]
        by = Counter(v.by for v in of_it)
        fine = sum(v.by is None and v.mutant.key in known.get(name, {}) for v in of_it)
        noticed = len(of_it) - by[None]
        path = MODULES[name].path
        rows[path] = (
            f"| `{path}` | {len(of_it)} | {noticed} ({noticed / len(of_it):.0%}) | {by['quick']} | "
            f"{fine} | {by[None] - fine} | {datetime.date.today()} |"
        )
    lines += [rows[module.path] for module in MODULES.values() if module.path in rows]
    lines += ["", "## Accepted", ""]
    for name in MODULES:
        lines += [f"* {name}, ``{key}``: {reason}" for key, reason in known.get(name, {}).items()]
    return "\n".join(lines) + "\n"
