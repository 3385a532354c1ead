"""The results that are replayed: deterministic, made without a server.

=============  =========  ================================================================
name           rows       columns
=============  =========  ================================================================
ints           1,000,000  4 BIGINT NOT NULL of 1 to 19 digits
mixed          500,000    INT, BIGINT, DOUBLE, DECIMAL(18,4), VARCHAR(32), TEXT of about 100,
                          DATETIME, DATE, TINYINT, JSON-like text; a tenth of them NULL
strings        200,000    20 VARCHAR(40) NOT NULL; one word in 64 is not ASCII
blobs          20,000     INT, 6 KiB of random bytes
vectors        50,000     INT, VECTOR(256, F32), packed
point          1          INT, BIGINT, VARCHAR, DATETIME
=============  =========  ================================================================
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

BINARY, UTF8MB4 = 63, 45
TINY, LONG, DOUBLE, LONGLONG, DATE, DATETIME = 1, 3, 5, 8, 10, 12
DECIMAL, BLOB, VARCHAR = 246, 252, 253
NOT_NULL = 1

_WORDS = [
    "amber",
    "basalt",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "garnet",
    "harbor",
    "indigo",
    "juniper",
    "kelp",
    "lagoon",
    "meadow",
    "nectar",
    "ochre",
    "prairie",
    "quartz",
    "raven",
    "sable",
    "timber",
    "umber",
    "velvet",
    "willow",
    "xenon",
    "yarrow",
    "zephyr",
]
_OTHER_WORDS = ("café", "naïve", "Łódź", "東京", "straße", "Ελλάδα")

Cell = bytes | None


@dataclass(frozen=True)
class Column:
    """A column definition, as far as it differs between columns."""

    name: str
    code: int
    length: int = 20
    charset: int = BINARY
    flags: int = 0
    decimals: int = 0
    extension: bytes = b""


@dataclass(frozen=True)
class Dataset:
    """A query and how its answer is made."""

    name: str
    rows: int
    columns: tuple[Column, ...]
    cells: Callable[[random.Random, int], Iterable[Cell]]

    @property
    def sql(self) -> str:
        """The query that the server answers with it."""
        return f"SELECT * FROM bench_{self.name}"


def lenenc(data: bytes) -> bytes:
    """Return bytes behind their length."""
    size = len(data)
    if size < 251:
        return bytes((size,)) + data
    if size < 1 << 16:
        return b"\xfc" + size.to_bytes(2, "little") + data
    return b"\xfd" + size.to_bytes(3, "little") + data


def packet(sequence: int, payload: bytes) -> bytes:
    """Return a payload below 16 MiB as a packet."""
    return len(payload).to_bytes(3, "little") + bytes((sequence & 255,)) + payload


def _definition(column: Column) -> bytes:
    texts = (b"def", b"bench", b"t", b"t", column.name.encode(), column.name.encode())
    fixed = (
        column.charset.to_bytes(2, "little")
        + column.length.to_bytes(4, "little")
        + bytes((column.code,))
        + column.flags.to_bytes(2, "little")
        + bytes((column.decimals, 0, 0))
    )
    return b"".join(map(lenenc, texts)) + lenenc(fixed + column.extension)


EOF = b"\xfe\x00\x00\x02\x00"


def answer(dataset: Dataset) -> bytes:
    """Return the bytes of the whole answer."""
    out = bytearray(packet(1, bytes((len(dataset.columns),))))
    sequence = 2
    for payload in (*map(_definition, dataset.columns), EOF):
        out += packet(sequence, payload)
        sequence += 1
    source = random.Random(dataset.name)
    for number in range(dataset.rows):
        cells = dataset.cells(source, number)
        payload = b"".join([b"\xfb" if cell is None else lenenc(cell) for cell in cells])
        out += len(payload).to_bytes(3, "little")
        out.append(sequence & 255)
        out += payload
        sequence += 1
    out += packet(sequence, EOF)
    return bytes(out)


def _sentence(source: random.Random, size: int) -> str:
    words: list[str] = []
    length = 0
    while length < size:
        bits = source.getrandbits(16)
        other = bits & 63 == 0
        word = _OTHER_WORDS[(bits >> 6) % 6] if other else _WORDS[bits % len(_WORDS)]
        words.append(word)
        length += len(word) + 1
    return " ".join(words)


def _ints(source: random.Random, number: int) -> Iterable[Cell]:
    bits = source.getrandbits
    return (
        b"%d" % number,
        b"%d" % (bits(20) - (1 << 19)),
        b"%d" % (bits(40) - (1 << 39)),
        b"%d" % (bits(63) - (1 << 62)),
    )


def _mixed(source: random.Random, number: int) -> Iterable[Cell]:
    bits = source.getrandbits

    def word() -> bytes:
        return _WORDS[bits(6) % len(_WORDS)].encode()

    day = b"%04d-%02d-%02d" % (1990 + bits(5), 1 + bits(6) % 12, 1 + bits(8) % 28)
    cells = [
        b"%d" % (bits(48) - (1 << 47)),
        repr((bits(40) - (1 << 39)) / 4096.0 + 0.1).encode(),
        b"%d.%04d" % (bits(34) - (1 << 33), bits(13)),
        _sentence(source, 8 + bits(4))[:32].encode()[:32].decode("utf-8", "ignore").encode(),
        _sentence(source, 70 + bits(6)).encode(),
        b"%b %02d:%02d:%02d" % (day, bits(4), bits(5), bits(5)),
        day,
        b"%d" % (bits(8) - 128),
        b'{"k": %d, "name": "%b", "tags": ["%b", "%b"]}' % (bits(16), word(), word(), word()),
    ]
    return (b"%d" % number, *(None if source.random() < 0.1 else cell for cell in cells))


def _strings(source: random.Random, number: int) -> Iterable[Cell]:
    return [_sentence(source, 6 + source.getrandbits(4))[:40].encode() for _ in range(20)]


def _blobs(source: random.Random, number: int) -> Iterable[Cell]:
    return (b"%d" % number, source.randbytes(6144))


def _vectors(source: random.Random, number: int) -> Iterable[Cell]:
    return (b"%d" % number, source.randbytes(1024))


def _point(source: random.Random, number: int) -> Iterable[Cell]:
    return (b"4321", b"-281474976710656", b"amber basalt cedar", b"2024-05-06 07:08:09")


def _text(name: str, length: int, code: int = VARCHAR, flags: int = 0) -> Column:
    return Column(name, code, length * 4, UTF8MB4, flags)


DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            "ints",
            1_000_000,
            tuple(Column(name, LONGLONG, 20, flags=NOT_NULL) for name in "iabc"),
            _ints,
        ),
        Dataset(
            "mixed",
            500_000,
            (
                Column("id", LONG, 11, flags=NOT_NULL),
                Column("big", LONGLONG, 20),
                Column("dbl", DOUBLE, 22, decimals=31),
                Column("amount", DECIMAL, 20, decimals=4),
                _text("name", 32),
                _text("body", 16_383, BLOB),
                Column("ts", DATETIME, 19),
                Column("d", DATE, 10),
                Column("flag", TINY, 4),
                _text("doc", 16_383, BLOB),
            ),
            _mixed,
        ),
        Dataset(
            "strings",
            200_000,
            tuple(_text(f"s{i:02}", 40, flags=NOT_NULL) for i in range(20)),
            _strings,
        ),
        Dataset(
            "blobs",
            20_000,
            (Column("id", LONG, 11, flags=NOT_NULL), Column("data", BLOB, 1 << 24, BINARY, 0x81)),
            _blobs,
        ),
        Dataset(
            "vectors",
            50_000,
            (
                Column("id", LONG, 11, flags=NOT_NULL),
                Column(
                    "v",
                    BLOB,
                    1024,
                    BINARY,
                    0x81,
                    extension=b"\x02" + (256).to_bytes(4, "little") + b"\x01",
                ),
            ),
            _vectors,
        ),
        Dataset(
            "point",
            1,
            (
                Column("id", LONG, 11, flags=NOT_NULL),
                Column("big", LONGLONG, 20, flags=NOT_NULL),
                _text("name", 40, flags=NOT_NULL),
                Column("ts", DATETIME, 19, flags=NOT_NULL),
            ),
            _point,
        ),
    )
}
