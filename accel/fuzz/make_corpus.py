"""Write the seeds of the fuzz targets: ``python accel/fuzz/make_corpus.py DIRECTORY``.

Each is small and named after what it is about; fuzz_stream.c, fuzz_values.c and fuzz_rowdat_1.c
say how an input is read.  Beside them, under names that start with ``found-``, is what fuzzers
found: inputs that went wrong once, and those that reach a branch which no seed does.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

FRAMED, KEEP, NULL, VALUE, PIECES, LIMIT, NO_MEMORY = (1 << i for i in range(7))
EOF = b"\xfe\x00\x00\x02\x00"

# As `kinds` of fuzz_stream.c has them, with values that reach each of their branches.
VALUES: dict[int, list[bytes]] = {
    **{kind: [b"0", b"-1", b"127", b"128", b"-32769", b"x"] for kind in range(8)},
    2: [b"2147483647", b"2147483648", b"-2147483648"],
    3: [b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808", b"1" * 20],
    7: [b"18446744073709551615", b"18446744073709551616", b"-1", b"1" * 21],
    8: [b"1.5", b"3.5e38", b"-1e-40", b"nan"],
    9: [
        b"0.1",
        b"123456789.123456789",
        b"1e308",
        b"1e-320",
        b"0.000000000000000000012345678901234567",
        b"9007199254740993",
        b"1.7976931348623157e308",
        b"-",
        b"1.",
        b"1e",
        b"1e99999999999",
        b"9" * 400,
    ],
    10: [b"12345678.90", b"-0.01", b"123456789.00", b"1.5", b".5", b"1.", b"1" * 30 + b".00"],
    11: [b"999999999999999999", b"1" * 19, b"-5"],
    12: [b"1234567890123456789012345678.0123456789", b"-1.5", b"0.0000000000"],
    13: [b"9" * 35 + b"." + b"9" * 30, b"-" + b"1" * 35 + b".0", b"1" * 36],
    14: [b"2020-02-29", b"2021-02-29", b"0000-00-00", b"9999-12-31", b"2020-13-01", b"20-1-1"],
    15: [
        b"2020-01-02 03:04:05",
        b"2020-01-02T03:04:05.123456",
        b"0000-00-00 00:00:00.000000",
        b"2020-01-02 24:00:00",
        b"2020-01-02",
    ],
    16: [b"838:59:59", b"-00:00:01.5", b"1:02:03.123456", b"1:02", b":::", b"1234:00:00"],
    17: ["héllo, 世界 🎉".encode(), b"plain", b"\xff\xfe", b"", b"\xe4\xb8", b"a" * 33, b"b" * 300],
    18: [b"text", b"\x80"],
    19: [bytes(range(256)), b""],
    20: [b"x"],
    21: [struct.pack("<3f", 1, 2, 3), b"short"],
    22: [struct.pack("<2q", 1, -1)],
    **{kind: [b"[1,2]", b"[ 1 , -0 ]", b"[1", b"[1,2,3]", b"[01,2]"] for kind in range(23, 30)},
    23: [b"[1,2.5,-3e2]", b"[1e39,0,0]", b"[1,2,3"],
    24: [b"[1e400,2]", b"[0.1,-0.0]"],
    29: [b"[65504,65520]", b"[1e-8,6e-8]", b"[0.00006,5.960464477539063e-8]"],
}


# Per parser of fuzz_values.c, its parameters and values about its edges.
SINGLE: dict[int, list[tuple[int, int, list[bytes]]]] = {
    0: [(0, 0, [*VALUES[3], b"-", b"0000000000000000001", b"-9223372036854775809"])],
    1: [(0, 0, [*VALUES[7], b"09999999999999999999", b"1e5"])],
    2: [(0, 0, VALUES[9])],
    12: [
        (
            0,
            0,
            [
                b"18446744073709551616.5",  # 2**64 wraps around to 0
                b"36893488147419103232.00",
                b"0.0000018446744073709551616",
                b"-0.0",
                b"2.2250738585072014e-308",
                b"8.988465674311580e+307",
                b"1.00000000000000011102230246251565",
            ],
        )
    ],
    4: [
        (9, 2, VALUES[10]),
        (17, 0, VALUES[11]),
        (37, 10, VALUES[12]),
        (64, 30, VALUES[13]),
        (75, 75, [b"0." + b"9" * 75, b"-0.5"]),
    ],
    5: [(0, 0, [*VALUES[14], *VALUES[15], b"1900-02-29", b"0001-01-01 00:00:00.0"])],
    6: [(0, 0, [*VALUES[16], b"999:99:99.999999", b"00:00:00.", b"-0:00:00"])],
    7: [
        (
            0,
            0,
            [*VALUES[17], b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"a" * 31 + b"\xc3"],
        )
    ],
    8: [
        (dimension - 1, "csilefg".index(element), values)
        for element, dimension, values in (
            ("c", 2, VALUES[25]),
            ("s", 2, VALUES[26]),
            ("i", 2, VALUES[27]),
            ("l", 2, VALUES[28]),
            ("e", 2, VALUES[29]),
            ("f", 3, VALUES[23]),
            ("g", 2, VALUES[24]),
        )
    ],
    9: [(0, 0, [b"\x00", b"\xfa", b"\xfb", b"\xff", b"", b"\xfc\x01", b"\xfe\x01\x02"])],
    19: [(0, 0, [b"\xfc\x01\x02", b"\xfd\x01\x02\x03", b"\xfe" + b"\xff" * 8])],
}


def lenenc(data: bytes) -> bytes:
    """Return bytes behind their length."""
    if len(data) < 251:
        return bytes((len(data),)) + data
    return b"\xfc" + len(data).to_bytes(2, "little") + data


def seed(options: int, kinds: bytes, payloads: list[bytes]) -> bytes:
    """Return an input of framed payloads."""
    body = b"".join(struct.pack("<H", len(p)) + p for p in payloads)
    return bytes((options | FRAMED, len(kinds))) + kinds + body


def raw(options: int, kinds: bytes, payloads: list[bytes]) -> bytes:
    """Return an input of packets as they come from a server."""
    packets = [len(p).to_bytes(3, "little") + bytes((i & 255,)) + p for i, p in enumerate(payloads)]
    return bytes((options & ~FRAMED, len(kinds))) + kinds + b"".join(packets)


def value_seeds() -> dict[str, bytes]:
    """Return the inputs of fuzz_values.c by name."""
    return {
        f"parser-{parser}-{first}-{second}-{number:02}": bytes((parser, first, second)) + value
        for parser, groups in SINGLE.items()
        for first, second, values in groups
        for number, value in enumerate(values)
    }


def stream_seeds() -> dict[str, bytes]:
    """Return the inputs of fuzz_stream.c by name."""
    found: dict[str, bytes] = {}
    for kind, values in VALUES.items():
        rows = [*map(lenenc, values), b"\xfb", EOF]
        one = bytes((kind,))
        found[f"kind-{kind:02}-null"] = seed(NULL, one, rows)
        found[f"kind-{kind:02}-value"] = seed(VALUE, one, rows)
        found[f"kind-{kind:02}-refused"] = seed(0, one, rows)
        found[f"kind-{kind:02}-kept"] = seed(NULL | KEEP | LIMIT, one, rows)
    every = bytes(range(12))
    row = b"".join(lenenc(VALUES[kind][0]) for kind in every)
    nulls = b"\xfb" * len(every)
    found["table"] = seed(NULL, every, [row, nulls, row, EOF])
    found["table-raw"] = raw(NULL, every, [row, nulls, row, EOF])
    found["table-pieces"] = raw(NULL | PIECES, every, [row, nulls, row, EOF])
    found["table-limit"] = raw(NULL | LIMIT, every, [row] * 9 + [EOF])
    found["many-rows"] = seed(NULL | KEEP, b"\x03\x11", [b"\x015\x03abc"] * 700 + [EOF])
    found["many-rows-null"] = seed(NULL, b"\x03\x11", [b"\x015\x03abc", b"\xfb\xfb"] * 400 + [EOF])
    found["error"] = seed(0, b"\x03", [b"\x011", b"\xff\x15\x04#HY000no"])
    found["no-columns"] = seed(0, b"", [b"", b"", EOF])
    found["sequence"] = raw(0, b"\x03", [b"\x011"]) + b"\x01\x00\x00\x09\x00"
    damages = {
        "short": row[:-1],
        "long": row + b"\x00",
        "empty": b"",
        "length-16": b"\xfc\xff\xff" + row,
        "length-24": b"\xfd\xff\xff\xff" + row,
        "length-64": b"\xfe" + b"\xff" * 8 + row,
        "length-cut-16": b"\xfc\x01",
        "length-cut-24": b"\xfd\x01\x02",
        "length-cut-64": b"\xfe\x01\x02\x03\x04\x05\x06\x07\x08",
        "length-255": b"\xff" * 2,
        "length-8": b"\xfa" + b"x" * 9,
    }
    for name, damaged in damages.items():
        for kinds in (every, b"\x11", b"\x13"):
            title = f"damage-{name}-{len(kinds)}-{kinds[0]}"
            found[title] = seed(NULL, kinds, [damaged, EOF])
            found[title + "-kept"] = seed(NULL | KEEP, kinds, [damaged, EOF])
    # Beyond the room of a whole batch.
    found["vector-long"] = seed(NULL, b"\x15", [lenenc(b"x" * 20_000), EOF])
    found["text-long"] = seed(NULL, b"\x11", [lenenc(b"x" * 40_000)] * 3 + [EOF])
    # A value that ends with the input's last byte: nothing is behind it.
    found["cut"] = raw(PIECES, b"\x11", [lenenc(b"x" * 250)])[:-3]
    for failing in range(32):
        rows = [b"\x01a\x015\x01z"] * 3 + [EOF]
        for name, options in (("", 0), ("-kept", KEEP), ("-kept-limit", KEEP | LIMIT)):
            kinds = b"\x11\x03\x13" + bytes((failing,))
            data = bytearray(seed(NULL | NO_MEMORY | options, kinds, rows))
            data[1] -= 1  # the last byte is none of a column, but says what fails
            found[f"memory-{failing:02}{name}"] = bytes(data)
    return found


def rowdat_seeds() -> dict[str, bytes]:
    """Return the inputs of fuzz_rowdat_1.c by name."""
    changes, lies = 0x10, 0x20
    text, data = 4, 5
    number = b"\0" + struct.pack("<q", 7)
    word = b"\0" + struct.pack("<q", 6) + "h\u00e9llo".encode()
    nothing = b"\1" + bytes(8)
    more = b"\1" + struct.pack("<q", 3) + b"abc"
    row = struct.pack("<q", 1)

    def made(flags: int, types: list[int], *pieces: bytes) -> bytes:
        return bytes((flags | len(types), *types)) + b"".join(pieces)

    mixed = [3, text, 0, data]
    full = row + number + word + b"\0\x05" + word
    nulls = row + nothing + nothing + b"\1\0" + more
    found = {
        "empty": made(0, [3]),
        "ids": made(0, [], row, row),
        "numbers": made(0, [0, 1, 2, 3], row, b"\0\1", b"\0\1\2", b"\1\1\2\3\4", number),
        "mixed": made(0, mixed, full, nulls, full),
        "lies": made(lies, mixed, full, full, row, number, word, b"\0\5", b"\0", bytes(8)),
        "not-utf8": made(0, [text], row, b"\0", struct.pack("<q", 1), b"\xff"),
        "split-utf8": made(0, [text], *(row + b"\0" + struct.pack("<q", 1) + b
                                        for b in (b"\xc3", b"\xa9"))),
        "null-2": made(0, [3], row, b"\2", bytes(8)),
    }  # fmt: skip
    for name, length in (("negative", -1), ("long", 7), ("longest", (1 << 63) - 1)):
        found[f"length-{name}"] = made(0, [data], row, b"\0", struct.pack("<q", length), b"abcdef")
        null = struct.pack("<q", length)
        found[f"null-length-{name}"] = made(0, [data, 0], row, b"\1", null, b"abcdef\0\0")
    for size in range(len(full)):
        found[f"cut-{size:02}"] = made(0, mixed, full[:size])
    short = row + b"\0" + struct.pack("<q", 2) + b"ab" + row + b"\0" + struct.pack("<q", 2) + b"cd"
    long = row + b"\0" + struct.pack("<q", 21) + bytes(21)
    bare = row + b"\1" + struct.pack("<q", 21) + bytes(21)
    assert len(short) == len(long) == len(bare)
    eager = row + b"\0" + struct.pack("<q", 6) + b"abcdef" + row[:7] + bytes(8)
    for name, first, second in (
        ("longer", short, long), ("shorter", long, short), ("null", long, bare),
        ("data", bare, long), ("other", short, eager), ("rows", bare + bare, short + short),
    ):  # fmt: skip
        found[f"changes-{name}"] = made(changes, [data], first, second)
    # Each so that one guard alone stands before it: the offset between two rows, one of them NULL.
    for name, null_first, offset in (("negative", 1, -1), ("backwards", 1, 100), ("beyond", 0, 13)):
        last = struct.pack("<qq", 8, offset)
        first, second = (nothing, b"\0" + last) if null_first else (word, b"\1" + last)
        found[f"offset-{name}"] = made(lies, [data], row, first, row, second)
    return found


def seeds() -> dict[str, bytes]:
    """Return the inputs of all targets by path."""
    targets = {"stream": stream_seeds(), "values": value_seeds(), "rowdat_1": rowdat_seeds()}
    return {f"{target}/{name}": d for target, made in targets.items() for name, d in made.items()}


def main() -> None:
    """Write them."""
    for name, data in seeds().items():
        path = Path(sys.argv[1], name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


if __name__ == "__main__":
    main()
