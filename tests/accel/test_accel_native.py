"""The sources by themselves: warnings, sanitizers, the corpus, and what the corpus is worth."""

from __future__ import annotations

import os
import random
import re
import runpy
import shutil
import struct
import subprocess
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "accel"
CORPUS = ROOT / "fuzz" / "corpus"
CORE = sorted(ROOT.glob("*.c"))
STRICT = ["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-Werror"]
SANITIZED = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
EXECUTIONS = int(os.environ.get("SINGLESTOREDB_TEST_FUZZ_RUNS", "5000000"))
"""Inputs that the fuzz targets are given, all together."""

cc = shutil.which("cc")
pytestmark = pytest.mark.skipif(cc is None, reason="there is no C compiler")


def compiled(target: Path, *arguments: str | Path) -> Path:
    """Compile to ``target`` and return it."""
    done = subprocess.run(
        [str(cc), *map(str, arguments), "-o", str(target)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return target


def corpus(fuzz: str) -> list[Path]:
    """Return the inputs that are kept for a fuzz target."""
    return sorted((CORPUS / fuzz).iterdir())


def replay(program: Path, files: Sequence[Path]) -> subprocess.CompletedProcess[str]:
    """Run a replayer over a corpus."""
    return subprocess.run(
        [str(program), *map(str, files)],
        cwd=program.parent,  # where the input is left at which it died
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.mark.parametrize("source", sorted(ROOT.glob("**/*.c")), ids=lambda p: p.name)
def test_sources_compile_without_warnings(source: Path, tmp_path: Path) -> None:
    include = sysconfig.get_path("include")
    if not Path(include, "Python.h").exists() and source.parent.name == "python":
        pytest.skip("Python's headers are not installed")
    compiled(tmp_path / "out.o", *STRICT, "-O1", "-c", "-isystem", include, source)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Objects of the decoders, of two fuzz targets and of the replayer, with sanitizers."""
    directory = tmp_path_factory.mktemp("sanitized")
    fuzz = [ROOT / "fuzz" / f"{name}.c" for name in ("fuzz_stream", "fuzz_rowdat_1", "replay")]
    sources = [*CORE, *fuzz]
    for source in sources:
        compiled(directory / f"{source.stem}.o", *STRICT, *SANITIZED, "-c", source)
    return directory


def linked(
    library: Path, target: Path, replaced: dict[str, Path] | None = None, fuzz: str = "stream"
) -> Path:
    """Link the objects, some of them replaced, to a replayer of a fuzz target."""
    objects = [
        (replaced or {}).get(o.stem, o)
        for o in sorted(library.glob("*.o"))
        if o.stem == f"fuzz_{fuzz}" or not o.stem.startswith("fuzz_")
    ]
    return compiled(target, *SANITIZED, *objects, "-lpthread")


def test_the_corpus_is_what_its_maker_makes(tmp_path: Path) -> None:
    maker = runpy.run_path(str(ROOT / "fuzz" / "make_corpus.py"))
    seeds: dict[str, bytes] = maker["seeds"]()
    kept = {
        str(p.relative_to(CORPUS)): p.read_bytes()
        for p in CORPUS.glob("*/*")
        if not p.name.startswith("found-")
    }
    assert kept == seeds


@pytest.mark.parametrize("fuzz", ["stream", "rowdat_1"])
def test_the_corpus_runs_under_the_sanitizers(library: Path, tmp_path: Path, fuzz: str) -> None:
    done = replay(linked(library, tmp_path / "replay", fuzz=fuzz), corpus(fuzz))
    assert done.returncode == 0, done.stderr[-4000:]


GUARDS = {
    # file: (pattern of a guard, what takes its place)
    "columns.c": [
        (r"S2_UNLIKELY\(p == end\)", "0"),
        (r"S2_UNLIKELY\(size > \(size_t\)\(end - p\)\)", "0"),
        (r"S2_UNLIKELY\(p != end\)", "0"),
        (
            r"length != column->width\) \{\n            return false",
            "0) {\n            return false",
        ),
        (r"builder->data_room - used|building->data_room - used", "SIZE_MAX / 2"),
        (r"!text_is_valid\(builder, &builder->columns\[i\]\)", "0"),
    ],
    "kept.c": [
        (r"if \(kept->span == kept->count\) \{\n        return false;\n    \}", ""),
        (r"kept->count == kept->room", "0"),
    ],
    "packets.c": [(r"if \(needed > capacity \|\| .* < count\) \{", "(void)room; if (0) {")],
    "memory.c": [(r"end <= region->size", "1")],
    "rowdat_1.c": [
        (r"S2_UNLIKELY\(p == end\)", "0"),
        (r"S2_UNLIKELY\(null > 1\)", "0"),
        (r"S2_UNLIKELY\(fixed > \(size_t\)\(end - p\)\)", "0"),
        (r"S2_UNLIKELY\(\(uint64_t\)length > \(size_t\)\(end - p\)\)", "0"),
        (r"S2_UNLIKELY\(taken > column->size - column->used\)", "0"),
        (r"S2_UNLIKELY\(\(size_t\)\(end - p\) < 8\)", "0"),
        (r"null \? 0 : \(size_t\)length", "(size_t)length"),
        (r"start < 0 \|\| ", ""),
        (r"stop < start \|\| ", ""),
        (r" \|\| \(uint64_t\)stop > column->size", ""),
        (r"S2_UNLIKELY\(s2_add\(fixed, length\) > \(size_t\)\(end - p\)\)", "0"),
        (r"return p == end \? S2_OK : .*;", "return S2_OK;"),
        (r"!s2_utf8\(.*\)\) \{", "0) {"),
    ],
}
"""Guards of memory and framing: the corpus must notice when one is lost.  Guards of values are the
differential tests' affair."""


@pytest.mark.parametrize(
    ("name", "pattern", "replacement"),
    [(name, *guard) for name, guards in GUARDS.items() for guard in guards],
)
def test_the_corpus_notices_a_missing_guard(
    library: Path, tmp_path: Path, name: str, pattern: str, replacement: str
) -> None:
    text, count = re.subn(pattern, replacement.replace("\\", ""), (ROOT / name).read_text())
    assert count, "the guard has changed: change its pattern too"
    mutant = tmp_path / name
    mutant.write_text(text)
    built = compiled(tmp_path / "mutant.o", "-std=c11", "-w", *SANITIZED, f"-I{ROOT}", "-c", mutant)
    fuzz = "rowdat_1" if name == "rowdat_1.c" else "stream"
    program = linked(library, tmp_path / "replay", {mutant.stem: built}, fuzz)
    assert replay(program, corpus(fuzz)).returncode != 0


def test_every_parser_agrees_with_a_plain_one(tmp_path: Path) -> None:
    target = [ROOT / "fuzz" / "fuzz_values.c", ROOT / "fuzz" / "replay.c", *CORE]
    program = compiled(tmp_path / "values", *STRICT, *SANITIZED, *target, "-lpthread")
    done = replay(program, corpus("values"))
    assert done.returncode == 0, done.stderr[-4000:]


def fuzzer(tmp_path: Path, name: str) -> tuple[Path, bool]:
    """Build a fuzz target; returns it, and whether it is guided by coverage (libFuzzer) or goes by
    chance (the replayer, where clang is missing)."""
    target = ROOT / "fuzz" / f"fuzz_{name}.c"
    flags: list[str | Path] = ["-std=c11", "-g1", "-O2", "-fno-sanitize-recover=all", target]
    flags += [*CORE, "-lpthread"]
    program = tmp_path / f"fuzz_{name}"
    for clang in filter(None, map(shutil.which, ("clang", "clang-19", "clang-16", "clang-14"))):
        wanted = [clang, "-fsanitize=fuzzer,address,undefined", *flags, "-o", program]
        built = subprocess.run(list(map(str, wanted)), capture_output=True, text=True)
        if not built.returncode:
            return program, True
        assert "libclang_rt" in built.stderr, built.stderr  # it came without its runtimes
    flags.append(ROOT / "fuzz" / "replay.c")
    return compiled(program, "-fsanitize=address,undefined", *flags), False


def test_the_fuzzers_find_nothing(tmp_path: Path) -> None:
    """By number of executions and not by time."""
    # Target, share of the executions, longest input.  Long inputs are dear; short ones reach the
    # same branches, but for those of whole batches.
    plans = [("stream", 18, 128), ("stream", 2, 2048), ("values", 40, 80), ("values", 36, 40)]
    plans.append(("rowdat_1", 4, 160))
    programs = {name: fuzzer(tmp_path, name) for name in ("stream", "values", "rowdat_1")}
    asan = "quarantine_size_mb=1:malloc_context_size=1:max_allocation_size_mb=24"
    running = []
    for number, (name, percent, longest) in enumerate(plans):
        program, is_guided = programs[name]
        directory = tmp_path / f"found-{number}"
        directory.mkdir()
        runs = EXECUTIONS * percent // 100 + 1
        limits = [f"-runs={runs}", f"-seed={20 + number}", f"-max_len={longest}"]
        seeds: list[Path] = corpus(name)
        if is_guided:
            # A limit for one allocation and none for the process, whose peak as the kernel counts
            # it begins at what the process of the tests had when it forked.
            limits += ["-rss_limit_mb=0", "-malloc_limit_mb=24", "-verbosity=0", "-reload=0"]
            limits += ["-entropic=0", "-reduce_inputs=0", "-print_final_stats=1"]
            seeds = [directory, CORPUS / name]
        running.append(
            subprocess.Popen(
                [program, *limits, *seeds],
                cwd=directory,
                env=os.environ | {"ASAN_OPTIONS": asan},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
    executed = 0
    for process in running:
        output, _ = process.communicate(timeout=900)
        assert process.returncode == 0, output[-4000:]
        executed += int(output.split("number_of_executed_units:")[1].split()[0])
    assert executed >= EXECUTIONS


def test_numbers_are_read_as_python_reads_them(tmp_path: Path) -> None:
    """Doubles against Python's, beyond what the differential tests have time for."""
    program = tmp_path / "doubles.c"
    program.write_text(
        """
        #include "numbers.h"
        #include <stdio.h>
        int main(void) {
            char line[512] = {0};
            while (fgets(line + 32, 400, stdin)) {
                size_t length = strcspn(line + 32, "\\n");
                double value;
                bool integer;
                bool taken = s2_double((const uint8_t *)line + 32, length, &value, &integer);
                uint64_t bits = 0;
                if (taken) memcpy(&bits, &value, 8);
                printf("%d %016llx\\n", taken, (unsigned long long)bits);
            }
            return 0;
        }
        """.replace("\\\\", "\\")
    )
    built = compiled(tmp_path / "doubles", "-std=c11", "-O2", f"-I{ROOT}", program)
    source = random.Random(1)
    texts = []
    for _ in range(60_000):
        bits = source.getrandbits(64)
        value = struct.unpack("<d", struct.pack("<Q", bits))[0]
        if value != value or value in (float("inf"), float("-inf")):
            continue
        texts += [repr(value), f"{value:.{source.randrange(1, 19)}e}"]
        texts.append(f"{source.getrandbits(50) / 4096:.{source.randrange(1, 6)}f}")
    done = subprocess.run([built], input="\n".join(texts), capture_output=True, text=True)
    refused = 0
    for text, line in zip(texts, done.stdout.splitlines(), strict=True):
        taken, bits_read = line.split()
        if taken == "1":
            assert bits_read == struct.pack(">d", float(text)).hex(), text
        else:
            refused += 1
    # What is left to Python: subnormal numbers, and more than 19 digits.
    assert refused < len(texts) / 500
