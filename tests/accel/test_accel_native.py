"""The sources by themselves: warnings, sanitizers, the corpus, and what the corpus is worth."""

from __future__ import annotations

import random
import re
import runpy
import shutil
import struct
import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "accel"
CORPUS = ROOT / "fuzz" / "corpus"
CORE = sorted(ROOT.glob("*.c"))
STRICT = ["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-Werror"]
SANITIZED = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]

cc = shutil.which("cc")
pytestmark = pytest.mark.skipif(cc is None, reason="there is no C compiler")


def compiled(target: Path, *arguments: str | Path) -> Path:
    """Compile to ``target`` and return it."""
    done = subprocess.run(
        [str(cc), *map(str, arguments), "-o", str(target)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return target


def replay(program: Path) -> subprocess.CompletedProcess[str]:
    """Run a replayer over the corpus."""
    return subprocess.run(
        [str(program), *map(str, sorted(CORPUS.iterdir()))],
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
    """Objects of the decoder and of the replayer, with sanitizers."""
    directory = tmp_path_factory.mktemp("sanitized")
    sources = [*CORE, ROOT / "fuzz" / "fuzz_stream.c", ROOT / "fuzz" / "replay.c"]
    for source in sources:
        compiled(directory / f"{source.stem}.o", *STRICT, *SANITIZED, "-c", source)
    return directory


def linked(library: Path, target: Path, replaced: dict[str, Path] | None = None) -> Path:
    """Link the objects, some of them replaced, to a replayer."""
    objects = [(replaced or {}).get(o.stem, o) for o in sorted(library.glob("*.o"))]
    return compiled(target, *SANITIZED, *objects, "-lpthread")


def test_the_corpus_is_what_its_maker_makes(tmp_path: Path) -> None:
    maker = runpy.run_path(str(ROOT / "fuzz" / "make_corpus.py"))
    seeds: dict[str, bytes] = maker["seeds"]()
    kept = {p.name: p.read_bytes() for p in CORPUS.iterdir() if not p.name.startswith("found-")}
    assert kept == seeds


def test_the_corpus_runs_under_the_sanitizers(library: Path, tmp_path: Path) -> None:
    done = replay(linked(library, tmp_path / "replay"))
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
    assert replay(linked(library, tmp_path / "replay", {mutant.stem: built})).returncode != 0


def test_the_fuzzer_finds_nothing_in_a_short_time(tmp_path: Path) -> None:
    clang = next((p for name in ("clang", "clang-14", "clang-16") if (p := shutil.which(name))), "")
    if not clang:
        pytest.skip("there is no clang with libFuzzer")
    program = tmp_path / "fuzz"
    target = ROOT / "fuzz" / "fuzz_stream.c"
    flags = ["-std=c11", "-g", "-O1", "-fsanitize=fuzzer,address,undefined"]
    built = subprocess.run(
        [clang, *flags, "-fno-sanitize-recover=all", target, *CORE, "-o", program, "-lpthread"],
        capture_output=True,
        text=True,
    )
    if "fuzzer" in built.stderr and built.returncode:
        pytest.skip("clang came without libFuzzer")
    assert built.returncode == 0, built.stderr
    found = tmp_path / "found"
    found.mkdir()
    # By number of runs and not by time.  A limit for one allocation and none for the process, whose
    # peak as the kernel counts it begins at what the process of the tests had when it forked.
    limits = ["-runs=100000", "-seed=20", "-max_len=2048", "-rss_limit_mb=0", "-malloc_limit_mb=24"]
    done = subprocess.run(
        [program, *limits, f"-artifact_prefix={found}/", found, CORPUS],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-4000:]


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
