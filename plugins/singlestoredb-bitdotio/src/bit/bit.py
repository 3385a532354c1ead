"""The command line tool ``bit``: databases and queries, as JSON for scripts or tables for people.

Exit codes: 0 done; 2 wrong usage; 3 anything that failed.  Through :func:`main`, errors are one
JSON object on standard error.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, TextIO, TypeVar

import click

from bit._table import format_table
from bitdotio import ApiError, __version__, bitdotio

F = TypeVar("F", bound=Callable[..., Any])

EXIT_USAGE = 2
EXIT_FAILED = 3


class _Client:
    """Makes the SDK object when a command needs it, so that ``--help`` needs no key."""

    def __init__(self, key: str | None) -> None:
        self.key = key

    def __call__(self) -> Any:
        # An API URL may carry the token, so that one variable is enough.
        if self.key is None and "@" not in os.environ.get("BITIO_API_URL", ""):
            raise click.UsageError(
                "Missing option '-k' / '--key': give your API key, or set BITIO_KEY."
            )
        client = bitdotio(self.key)
        client._api_client.set_header("User-Agent", f"python-bitdotio-cli/{__version__}")
        return client


def _table_option(function: F) -> F:
    return click.option("--table", is_flag=True, help="Print a table for people, not JSON.")(
        function
    )


def _database_option(function: F) -> F:
    return click.option(
        "-d", "--database", required=True, help="Full name of the database: owner/name."
    )(function)


def _show(result: Any, table: bool) -> None:
    click.echo(format_table(result) if table else json.dumps(result))


@click.group()
@click.option(
    "-k",
    "--key",
    help="Your bit.io API key. BITIO_KEY, the environment variable, keeps it out of process lists.",
)
@click.version_option(__version__, "-v", "--version", prog_name="bit")
@click.pass_context
def bitio(ctx: click.Context, key: str | None) -> None:
    """Work with bit.io databases. Every command prints JSON."""
    ctx.obj = _Client(os.environ.get("BITIO_KEY") if key is None else key)


@bitio.command()
@_database_option
@click.option("-q", "--query", "text", help="The SQL to run.")
@click.option(
    "-qf",
    "--query_file",
    type=click.File("r", encoding="utf-8"),
    help="A file with the SQL to run; '-' is standard input.",
)
@click.option("-o", "--objects", is_flag=True, help="Print rows as objects, not arrays.")
@_table_option
@click.pass_obj
def query(
    client: _Client,
    database: str,
    text: str | None,
    query_file: TextIO | None,
    objects: bool,
    table: bool,
) -> None:
    """Run SQL in one transaction."""
    if text is None and query_file is None:
        raise click.UsageError("One of --query or --query_file is required")
    b = client()
    if text is None:
        assert query_file is not None
        text = query_file.read()
    options = {"data_format": "objects"} if objects else {}
    _show(b.query(database, text, **options), table)


@bitio.group()
def db() -> None:
    """List, create, show, change and delete databases."""


@db.command("list")
@_table_option
@click.pass_obj
def list_(client: _Client, table: bool) -> None:
    """List your databases."""
    _show(client().list_databases(), table)


@db.command()
@click.option("-n", "--name", required=True, help="Name of the database, without the owner.")
@click.option(
    "-p",
    "--is_private",
    type=bool,
    default=True,
    show_default=True,
    help="Whether only you and your collaborators see it.",
)
@_table_option
@click.pass_obj
def create(client: _Client, name: str, is_private: bool, table: bool) -> None:
    """Create a database."""
    _show(client().create_database(name, is_private=is_private), table)


@db.command()
@_database_option
@_table_option
@click.pass_obj
def get(client: _Client, database: str, table: bool) -> None:
    """Show a database."""
    _show(client().get_database(database), table)


db.add_command(get, "info")


@db.command()
@_database_option
@click.option("-n", "--name", help="The new name, without the owner.")
@click.option("-p", "--is_private", type=bool, help="Whether it is private.")
@_table_option
@click.pass_obj
def update(
    client: _Client, database: str, name: str | None, is_private: bool | None, table: bool
) -> None:
    """Rename a database, or change who sees it."""
    _show(client().update_database(database, name=name, is_private=is_private), table)


@db.command()
@_database_option
@_table_option
@click.pass_obj
def delete(client: _Client, database: str, table: bool) -> None:
    """Delete a database and all that is in it."""
    client().delete_database(database)
    _show({"deleted": database}, table)


@bitio.command()
@click.option(
    "--postgres",
    metavar="DSN",
    help="Connection string of a superuser. Without it a private PostgreSQL is started.",
)
@click.option(
    "--folder",
    type=click.Path(file_okay=False),
    help="Where the private PostgreSQL keeps its data. Without it, nothing is kept.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of the API; 0: any.")
@click.option("--owner", default="local", show_default=True, help="Owner of new databases.")
@click.pass_obj
def serve(client: _Client, postgres: str | None, folder: str | None, port: int, owner: str) -> None:
    """Run a local back end until it is interrupted.

    Prints one line of JSON when it is ready: set BITIO_API_URL to what it says. The key, if one is
    given, is the token that it asks for.
    """
    from bitdotio import server

    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        signal.signal(number, lambda *_: done.set())
    with server.start(
        postgres, folder=folder, token=client.key or None, owner=owner, port=port
    ) as local:
        ready = {
            **local.environment,
            "token": local.token,
            "pg_host": local.pg_host,
            "pg_port": local.pg_port,
        }
        click.echo(json.dumps(ready))
        sys.stdout.flush()
        done.wait()


def main() -> None:
    """Run ``bit`` and exit; errors become JSON on standard error."""
    try:
        bitio.main(prog_name="bit", auto_envvar_prefix="BITIO", standalone_mode=False)
    except click.Abort:
        sys.exit(130)
    except click.UsageError as exc:
        if type(exc).__name__ == "NoArgsIsHelpError":  # click 8.2 and newer: no command given
            exc.show()
        else:
            _complain("UsageError", exc.format_message())
        sys.exit(EXIT_USAGE)
    except click.ClickException as exc:
        _complain(type(exc).__name__, exc.format_message())
        sys.exit(EXIT_FAILED)
    except ApiError as exc:
        message = exc.data.get("error") if isinstance(exc.data, dict) else None
        _complain("ApiError", message or str(exc), status_code=exc.status_code, data=exc.data)
        sys.exit(EXIT_FAILED)
    except Exception as exc:
        _complain(type(exc).__name__, str(exc).strip())
        sys.exit(EXIT_FAILED)


def _complain(kind: str, message: Any, **more: Any) -> None:
    error = {"type": kind, "message": message, **more}
    click.echo(json.dumps({"error": error}), err=True)


if __name__ == "__main__":
    main()
