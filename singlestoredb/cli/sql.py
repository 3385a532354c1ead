"""``s2 sql``: run statements, once or interactively."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from singlestoredb.cli import output
from singlestoredb.exceptions import Error, InterfaceError, OperationalError
from singlestoredb.sqltext import split_statements

if TYPE_CHECKING:
    from singlestoredb.connection import Connection

FAILED, NO_CONNECTION = 1, 3


@click.command()
@click.argument("target", required=False)
@click.argument("statement", required=False)
@click.option(
    "-f",
    "--format",
    "style",
    type=click.Choice(output.STYLES),
    help="How rows are printed; a table on a terminal, csv elsewhere.",
)
@click.option(
    "-o",
    "--output",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the last result to a file: .parquet, .csv, .arrow, .json or .jsonl.",
)
@click.option(
    "--max-rows",
    default=1000,
    show_default=True,
    help="Rows of a table to print at the most; what is left out is said.",
)
def sql(
    target: str | None,
    statement: str | None,
    style: str | None,
    file: Path | None,
    max_rows: int,
) -> None:
    """Run STATEMENT on TARGET, or statements from stdin, or start a prompt.

    TARGET is a connection URL or the file of an embedded database.  Without it the environment
    says where to connect (SINGLESTOREDB_URL).
    """
    if file is not None:
        output.check_file(file)
    connection = _connect(target)
    style = style or ("table" if sys.stdout.isatty() else "csv")
    with connection:
        if statement is None and sys.stdin.isatty():
            _prompt(connection, style, max_rows)
            return
        script = statement if statement is not None else sys.stdin.read()
        texts = [text for text, _ in split_statements(script)]
        found = False
        for i, text in enumerate(texts):
            last = i == len(texts) - 1
            try:
                found = _run(connection, text, style, max_rows, file if last else None)
            except Error as exc:
                _complain(exc)
                raise SystemExit(FAILED) from None
            except BrokenPipeError:
                raise  # click ends quietly: whoever read the rows has enough
            except OSError as exc:
                click.echo(f"the rows cannot be written: {exc}", err=True)
                raise SystemExit(FAILED) from None
        if file is not None and not found:
            click.echo(f"the last statement has no result: {file} was not written", err=True)
            raise SystemExit(FAILED)


def _connect(target: str | None) -> Connection:
    from singlestoredb import connect

    url = target
    if target is not None and "//" not in target and _is_file(target):
        url = "embedded:///" + _quoted(target)
    try:
        return connect(url)
    except ValueError as exc:
        raise click.UsageError(str(exc)) from None
    except (OperationalError, InterfaceError) as exc:
        _complain(exc)
        raise SystemExit(NO_CONNECTION) from None


def _is_file(target: str) -> bool:
    return Path(target).exists() or Path(target).suffix in (".db", ".duckdb")


def _quoted(path: str) -> str:
    from urllib.parse import quote

    return quote(path)


def _run(connection: Connection, text: str, style: str, max_rows: int, file: Path | None) -> bool:
    """Run a statement and print its results or write them to ``file``; return whether there were
    any."""
    found = False
    with connection.cursor("tuples", buffered=False) as cursor:
        cursor.execute(text)
        while True:
            if cursor.description is None:
                if cursor.rowcount > 0:
                    noun = "row" if cursor.rowcount == 1 else "rows"
                    click.echo(f"{cursor.rowcount} {noun} affected", err=True)
                if not cursor.nextset():
                    return found
                continue
            found = True
            if file is not None:
                rows = output.write_file(cursor, file)
                click.echo(f"{rows} rows written to {file}", err=True)
            else:
                output.write(cursor, style, max_rows)
            if not cursor.nextset():
                return found


def _complain(exc: BaseException) -> None:
    click.echo(f"{type(exc).__name__}: {exc}", err=True)


def _prompt(connection: Connection, style: str, max_rows: int) -> None:
    """Read statements from a terminal until its end; a semicolon ends each."""
    with contextlib.suppress(ImportError):  # without it the prompt works all the same
        import readline  # noqa: F401 - gives input() editing and history
    click.echo("Statements end with ';'.  Ctrl-D or exit leaves.", err=True)
    pending = ""
    while True:
        try:
            line = input("s2> " if not pending else "..> ")
        except EOFError:
            click.echo(err=True)
            return
        except KeyboardInterrupt:
            click.echo(err=True)
            pending = ""
            continue
        if not pending and line.strip().lower() in ("exit", "quit", "\\q"):
            return
        pending = f"{pending}\n{line}" if pending else line
        statements = list(split_statements(pending))
        pending = statements.pop()[0] if statements and not statements[-1][1] else ""
        for text, _ in statements:
            _run_shown(connection, text, style, max_rows)


def _run_shown(connection: Connection, text: str, style: str, max_rows: int) -> None:
    try:
        _run(connection, text, style, max_rows, None)
    except Error as exc:
        _complain(exc)
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
