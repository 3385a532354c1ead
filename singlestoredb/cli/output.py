"""Results as text on a terminal, and as files."""

from __future__ import annotations

import base64
import csv
import json
import sys
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from singlestoredb.cursor import Cursor

STYLES = ("table", "vertical", "csv", "tsv", "json", "jsonl", "markdown")
FILES = (".parquet", ".csv", ".arrow", ".json", ".jsonl")


def write(cursor: Cursor[Any, Any], style: str, max_rows: int) -> None:
    """Print the rows that are left of a result."""
    names = [column.name for column in cursor.description or ()]
    if style in ("csv", "tsv"):
        _write_csv(names, cursor, sys.stdout, "\t" if style == "tsv" else ",")
    elif style == "json":
        _write_json(names, cursor, sys.stdout)
    elif style == "jsonl":
        _write_jsonl(names, cursor, sys.stdout)
    else:
        rows = list(islice(cursor, max_rows + 1))
        cut, rows = len(rows) > max_rows, rows[:max_rows]
        {"table": _table, "vertical": _vertical, "markdown": _markdown}[style](names, rows)
        if cut:
            click.echo(f"only the first {max_rows} rows are shown (--max-rows)", err=True)


def _table(names: list[str], rows: list[tuple[Any, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(header_style="bold")
    for i, name in enumerate(names):
        numeric = any(isinstance(row[i], (int, float, Decimal)) for row in rows[:20])
        table.add_column(Text(name), justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(Text("NULL", "dim") if v is None else Text(shown(v)) for v in row))
    Console().print(table)
    click.echo(f"{len(rows)} rows" if len(rows) != 1 else "1 row", err=True)


def _vertical(names: list[str], rows: list[tuple[Any, ...]]) -> None:
    width = max(map(len, names), default=0)
    for number, row in enumerate(rows, 1):
        click.echo(f"-- row {number}")
        for name, value in zip(names, row, strict=True):
            click.echo(f"{name:>{width}}: {'NULL' if value is None else shown(value)}")


def _markdown(names: list[str], rows: list[tuple[Any, ...]]) -> None:
    def line(cells: list[str]) -> str:
        return "| " + " | ".join(c.replace("|", "\\|").replace("\n", " ") for c in cells) + " |"

    click.echo(line(names))
    click.echo(line(["---"] * len(names)))
    for row in rows:
        click.echo(line(["NULL" if v is None else shown(v) for v in row]))


def shown(value: Any) -> str:
    """Return a value as people read it."""
    if isinstance(value, (bytes, bytearray)):
        return "0x" + value.hex()
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, timedelta):
        return clock(value)
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, default=plain)
    return str(value)


def clock(value: timedelta) -> str:
    """Return a duration as TIME is written: ``-25:00:01.5``."""
    sign = "-" if value < timedelta(0) else ""
    value = abs(value)
    minutes, seconds = divmod(value.days * 86400 + value.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{value.microseconds:06}" if value.microseconds else ""
    return f"{sign}{hours:02}:{minutes:02}:{seconds:02}{fraction}"


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    if isinstance(value, timedelta):
        return clock(value)
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)


def _write_csv(names: list[str], rows: Iterator[Any], stream: TextIO, delimiter: str = ",") -> int:
    writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
    writer.writerow(names)
    count = 0
    for row in rows:
        cells = [None if v is None else shown(v) for v in row]
        if "" in cells:  # the module writes it as it writes None
            stream.write(delimiter.join(_csv_cell(cell, delimiter) for cell in cells) + "\n")
        else:
            writer.writerow(cells)
        count += 1
    return count


def _csv_cell(cell: str | None, delimiter: str) -> str:
    if cell is None:
        return ""
    if cell and not any(c in cell for c in (delimiter, '"', "\n", "\r")):
        return cell
    return '"' + cell.replace('"', '""') + '"'


def _write_json(names: list[str], rows: Iterator[Any], stream: TextIO) -> int:
    count = 0
    stream.write("[")
    for row in rows:
        stream.write(",\n " if count else "\n ")
        stream.write(_object(names, row))
        count += 1
    stream.write("\n]\n" if count else "]\n")
    return count


def _write_jsonl(names: list[str], rows: Iterator[Any], stream: TextIO) -> int:
    count = 0
    for row in rows:
        stream.write(_object(names, row) + "\n")
        count += 1
    return count


def _object(names: list[str], row: tuple[Any, ...]) -> str:
    return json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, default=plain)


def check_file(file: Path) -> None:
    """Raise ``click.UsageError`` for a file that cannot be written: before a statement has run."""
    if file.suffix.lower() not in FILES:
        raise click.UsageError(f"{file}: the suffix must be one of {', '.join(FILES)}")
    if not file.parent.is_dir():
        raise click.UsageError(f"{file}: there is no folder {file.parent}")


def write_file(cursor: Cursor[Any, Any], file: Path) -> int:
    """Write the rows that are left of a result to a file; return how many.

    The file appears under its name when it is complete.  Raises ``click.UsageError`` for a missing
    library.
    """
    kind = file.suffix.lower()
    partial = file.with_name(f".{file.name}.part")
    try:
        count = _write_partial(cursor, partial, kind)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    return count


def _write_partial(cursor: Cursor[Any, Any], partial: Path, kind: str) -> int:
    if kind in (".parquet", ".arrow"):
        return _write_arrow(cursor, partial, kind)
    names = [column.name for column in cursor.description or ()]
    with partial.open("w", encoding="utf-8", newline="") as stream:
        if kind == ".csv":
            return _write_csv(names, cursor, stream)
        if kind == ".json":
            return _write_json(names, cursor, stream)
        return _write_jsonl(names, cursor, stream)


def _write_arrow(cursor: Cursor[Any, Any], partial: Path, kind: str) -> int:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise click.UsageError(
            f"{kind} files need pyarrow (pip install 'singlestoredb[arrow]')"
        ) from None
    reader = cursor.fetch_record_batch()
    count = 0
    if kind == ".parquet":
        writer: Any = pyarrow.parquet.ParquetWriter(str(partial), reader.schema)
    else:
        writer = pyarrow.ipc.new_file(str(partial), reader.schema)
    with writer:
        for batch in reader:
            writer.write_batch(batch)
            count += batch.num_rows
    return count
