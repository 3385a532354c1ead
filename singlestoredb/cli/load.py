"""``s2 load``: files into tables."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import click

from singlestoredb.cli.sql import FAILED, _complain, _connect
from singlestoredb.exceptions import DataError, Error, ProgrammingError

if TYPE_CHECKING:
    from singlestoredb.connection import Connection
    from singlestoredb.ingest import IngestMode

FORMATS = ("csv", "tsv", "jsonl", "parquet", "arrow")
_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
}
_COMPRESSIONS = (".gz", ".bz2", ".xz", ".zst")
_BLOCK = 1 << 24
"""Bytes of CSV that are parsed at a time; the types of a new table's columns follow from the first
of them."""
_NO_SUCH_TABLE = 1146
_PYARROW = "pip install 'singlestoredb[arrow]'"


@dataclass(frozen=True)
class _Job:
    """What is to be read, for whom, and how."""

    connection: Connection
    stream: IO[bytes]
    stack: contextlib.ExitStack
    """Closes what is opened for it."""
    table: str
    mode: IngestMode
    columns: tuple[str, ...] | None
    null: str
    delimiter: str
    header: bool


@click.command()
@click.argument("file")
@click.argument("table")
@click.option("--url", help="Where to load; without it the environment says (SINGLESTOREDB_URL).")
@click.option(
    "--mode",
    type=click.Choice(("create", "append", "replace", "create_append")),
    default="create",
    show_default=True,
    help="What becomes of the table.",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(FORMATS),
    help="What the file is; its suffix says it otherwise.",
)
@click.option(
    "--columns",
    help="Columns to load, with commas between them; without a header, the fields' names.",
)
@click.option("--null", default="", help="Text that means NULL in CSV; an empty field otherwise.")
@click.option("--delimiter", help="What is between the fields of CSV: one character.")
@click.option("--no-header", is_flag=True, help="The first line of CSV is a row.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def load(
    file: str,
    table: str,
    url: str | None,
    mode: str,
    kind: str | None,
    columns: str | None,
    null: str,
    delimiter: str | None,
    no_header: bool,
    as_json: bool,
) -> None:
    """Load FILE into TABLE.

    FILE is CSV, TSV, JSON lines, Parquet or Arrow (Feather), as it is or compressed (.gz, .bz2,
    .xz, .zst); - is standard input.  A new table's types follow from the file; what goes into an
    old one is converted by the server.
    """
    name = Path(file)
    compression = name.suffix.lower() if name.suffix.lower() in _COMPRESSIONS else ""
    kind = kind or _SUFFIXES.get((name.with_suffix("") if compression else name).suffix.lower())
    if kind is None:
        raise click.UsageError(f"{file}: what is it?  Say --format {'|'.join(FORMATS)}")
    if delimiter is None:
        delimiter = "\t" if kind == "tsv" else ","
    if len(delimiter) != 1:
        raise click.UsageError("--delimiter is one character")
    chosen = tuple(c.strip() for c in columns.split(",")) if columns else None
    wanted = cast("IngestMode", mode)
    start = time.monotonic()
    with contextlib.ExitStack() as stack:
        raw = _opened(stack, file)
        stream = _decompressed(stack, raw, compression)
        connection = stack.enter_context(_connect(url))
        try:
            job = _Job(
                connection, stream, stack, table, wanted, chosen, null, delimiter, not no_header
            )
            data, total = _READERS[kind](job)
            progress = _progress(stack, file, raw, total) if not as_json else None
            rows = connection.ingest(table, data, wanted, progress=progress)
        except Error as exc:
            _complain(exc)
            raise SystemExit(FAILED) from None
        except _unreadable() as exc:
            click.echo(f"{file} cannot be read: {exc}", err=True)
            raise SystemExit(FAILED) from None
    seconds = time.monotonic() - start
    if as_json:
        click.echo(json.dumps({"table": table, "rows": rows, "seconds": round(seconds, 3)}))
    else:
        noun = "row" if rows == 1 else "rows"
        click.echo(f"{rows} {noun} loaded into {table} in {seconds:.1f} s", err=True)


# -- files -----------------------------------------------------------------------------------


def _opened(stack: contextlib.ExitStack, file: str) -> IO[bytes]:
    if file == "-":
        return sys.stdin.buffer
    try:
        return stack.enter_context(open(file, "rb"))
    except OSError as exc:
        raise click.UsageError(f"{file}: {exc.strerror}") from None


def _unreadable() -> tuple[type[Exception], ...]:
    """Return the classes of errors that a file causes which is not what it should be."""
    import lzma
    import zlib

    return OSError, EOFError, ValueError, zlib.error, lzma.LZMAError  # pyarrow's are ValueErrors


def _decompressed(stack: contextlib.ExitStack, raw: IO[bytes], compression: str) -> IO[bytes]:
    if not compression:
        return raw
    opened: Any
    if compression == ".gz":
        from gzip import GzipFile

        opened = GzipFile(fileobj=raw)
    elif compression == ".bz2":
        from bz2 import BZ2File

        opened = BZ2File(raw)
    elif compression == ".xz":
        from lzma import LZMAFile

        opened = LZMAFile(raw)  # noqa: SIM115 - closed by the stack
    else:
        opened = io.BufferedReader(_pyarrow(".zst").CompressedInputStream(raw, "zstd"))
    return cast("IO[bytes]", stack.enter_context(opened))


def _pyarrow(what: str) -> Any:
    try:
        import pyarrow
    except ImportError:
        raise click.UsageError(f"{what} files need pyarrow ({_PYARROW})") from None
    return pyarrow


def _seekable(job: _Job) -> IO[bytes]:
    """Return the stream, or what it gives in a temporary file where one cannot go back in it."""
    stream = job.stream
    if stream is not sys.stdin.buffer and isinstance(stream, io.BufferedReader) and (
        isinstance(stream.raw, io.FileIO)
    ):  # fmt: skip
        return stream
    import shutil

    copy = job.stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - it is closed
    shutil.copyfileobj(stream, copy, 1 << 20)
    copy.seek(0)
    return cast("IO[bytes]", copy)


# -- formats: each returns the data and how many rows there are, if that is known ---------------


def _existing(job: _Job) -> list[str] | None:
    """Return the columns of the table that is loaded into; ``None`` when one is made."""
    from singlestoredb.escaping import identifier

    if job.mode not in ("append", "create_append"):
        return None
    try:
        found = job.connection.execute(f"SHOW COLUMNS FROM {identifier(job.table)}").fetchall()
    except ProgrammingError as exc:
        if exc.errno != _NO_SUCH_TABLE:
            raise
        return None
    return [str(row[0]) for row in found]


def _csv(job: _Job) -> tuple[Any, int | None]:
    pyarrow = _pyarrow("CSV")
    from pyarrow import csv

    existing = _existing(job)
    stream = job.stream
    names = list(job.columns or existing or ()) if not job.header else []
    if not job.header and not names:
        raise click.UsageError("a table needs names for its columns: --columns a,b,…")
    read = csv.ReadOptions(block_size=_BLOCK, column_names=names or None)
    parse = csv.ParseOptions(delimiter=job.delimiter, newlines_in_values=True)
    convert = csv.ConvertOptions(
        null_values=[job.null],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        include_columns=list(job.columns) if job.header and job.columns else None,
    )
    if existing is not None:
        # As text: the server knows the types of its columns, and 007 may be no number there.
        if job.header:
            head, stream = _first_line(stream)
            parsed = csv.read_csv(
                io.BytesIO(head), parse_options=parse, read_options=csv.ReadOptions()
            )
            names = list(parsed.column_names)
        convert.column_types = dict.fromkeys(names, pyarrow.string())
    try:
        return csv.open_csv(stream, read, parse, convert), None
    except pyarrow.ArrowKeyError:
        wanted = ", ".join(job.columns or ())
        raise click.UsageError(f"the file does not have all of the columns {wanted}") from None


def _first_line(stream: IO[bytes]) -> tuple[bytes, IO[bytes]]:
    """Return the header of a CSV file, and a stream that starts with it still."""
    head = stream.readline()
    while head.count(b'"') % 2:
        more = stream.readline()
        if not more:
            break
        head += more
    return head, cast("IO[bytes]", io.BufferedReader(_Joined(head, stream), 1 << 20))


class _Joined(io.RawIOBase):
    """Bytes, and what follows them."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._head[: len(buffer)] or self._rest.read(len(buffer))
        self._head = self._head[len(piece) :]
        buffer[: len(piece)] = piece
        return len(piece)


def _jsonl(job: _Job) -> tuple[Any, int | None]:
    wanted = job.columns

    def rows() -> Iterator[dict[str, Any]]:
        for number, text in enumerate(job.stream, 1):
            if not text.strip():
                continue
            try:
                row = json.loads(text)
            except ValueError as exc:
                raise DataError(None, f"line {number} is no JSON: {exc}") from exc
            if not isinstance(row, dict):
                raise DataError(None, f"line {number} is no JSON object")
            yield row if wanted is None else {name: row.get(name) for name in wanted}

    return rows(), None


def _parquet(job: _Job) -> tuple[Any, int | None]:
    pyarrow = _pyarrow("Parquet")
    from pyarrow.parquet import ParquetFile

    found = ParquetFile(_seekable(job))
    schema = found.schema_arrow
    names = _chosen(schema.names, job)
    if names is not None:
        schema = pyarrow.schema([schema.field(name) for name in names])
    batches = (batch.select(schema.names) for batch in found.iter_batches(columns=names))
    return pyarrow.RecordBatchReader.from_batches(schema, batches), found.metadata.num_rows


def _arrow(job: _Job) -> tuple[Any, int | None]:
    pyarrow = _pyarrow("Arrow")
    source = _seekable(job)
    magic = source.read(6)
    source.seek(0)
    if magic == b"ARROW1":
        file = pyarrow.ipc.open_file(source)
        schema = file.schema
        batches = (file.get_batch(i) for i in range(file.num_record_batches))
    else:
        reader = pyarrow.ipc.open_stream(source)
        schema, batches = reader.schema, (batch for batch in reader)
    names = _chosen(schema.names, job)
    if names is not None:
        schema = pyarrow.schema([schema.field(name) for name in names])
        batches = (batch.select(names) for batch in batches)
    return pyarrow.RecordBatchReader.from_batches(schema, batches), None


def _chosen(names: list[str], job: _Job) -> list[str] | None:
    if job.columns is None:
        return None
    missing = [name for name in job.columns if name not in names]
    if missing:
        raise click.UsageError(
            f"the file has no column {', '.join(missing)}; it has {', '.join(names)}"
        )
    return list(job.columns)


_READERS: dict[str, Callable[..., tuple[Any, int | None]]] = {
    "csv": _csv,
    "tsv": _csv,
    "jsonl": _jsonl,
    "parquet": _parquet,
    "arrow": _arrow,
}


# -- progress --------------------------------------------------------------------------------


def _progress(
    stack: contextlib.ExitStack, file: str, raw: IO[bytes], total_rows: int | None
) -> Callable[[int, int], None] | None:
    """Show a bar on a terminal; it follows the rows, or the bytes that were read of the file."""
    if not sys.stderr.isatty():
        return None
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    size = Path(file).stat().st_size if file != "-" and Path(file).is_file() else None
    total = total_rows if total_rows is not None else size
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    task = stack.enter_context(bar).add_task("", total=total)

    def progress(rows: int, sent: int) -> None:
        done = None
        if total_rows is not None:
            done = rows
        elif size is not None:
            done = raw.tell()
        bar.update(task, completed=done, description=f"{rows:,} rows, {sent / 1e6:,.1f} MB")

    return progress
