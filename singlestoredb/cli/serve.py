"""``s2 serve``: run a local server until it is interrupted."""

from __future__ import annotations

import signal

import click

from singlestoredb.exceptions import Error
from singlestoredb.kernel import get_registry
from singlestoredb_hookspecs import ServerRequest


@click.command()
@click.argument("name")
@click.option("--path", help="Where it keeps its data; nowhere lasting if not given.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to bind.")
@click.option("--port", default=0, help="Port to bind; a free one if not given.")
@click.option(
    "-o", "--option", "pairs", multiple=True, metavar="KEY=VALUE", help="Options of that server."
)
def serve(name: str, path: str | None, host: str, port: int, pairs: tuple[str, ...]) -> None:
    """Run the local server NAME, print its URLs and wait for Ctrl-C or SIGTERM.

    "s2 plugins list --family servers" shows which there are.
    """
    options = dict(_pair(pair) for pair in pairs)
    plugins = get_registry()
    try:
        plugin = plugins.activate("servers", name)
        server = plugins.manager.start_server(
            plugin, name, ServerRequest(path, host, port, options)
        )
    except Error as exc:
        raise click.ClickException(exc.errmsg or str(exc)) from None
    # To be asked to end is no error: the server is stopped in order, and the exit status is 0.
    numbers = [getattr(signal, n) for n in ("SIGTERM", "SIGHUP") if hasattr(signal, n)]
    before = [(number, signal.signal(number, _interrupted)) for number in numbers]
    try:
        for protocol, url in server.urls.items():
            click.echo(f"{protocol}\t{url}")
        click.echo("Ctrl-C stops it.", err=True)
        while not server.wait(3600):
            continue
    except KeyboardInterrupt:
        click.echo("stopping", err=True)
    finally:
        server.stop()
        for number, handler in before:
            signal.signal(number, handler)


def _interrupted(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise click.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--option")
    return key, value
