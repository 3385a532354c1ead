"""``python -m kt.server ktserver|ttserver [options] [database ...]``"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from kt.exceptions import ImproperlyConfigured

from .options import parse_options
from .tcp import TcpServer, run_until_terminated
from .tycoon import TycoonServer
from .tyrant import TyrantServer


def main(arguments: Sequence[str]) -> int:
    """Serve until told to stop; return the exit status: 0, or 2 when it cannot start."""
    name, *rest = arguments or ("",)
    if name not in ("ktserver", "ttserver"):
        sys.stderr.write("usage: python -m kt.server ktserver|ttserver [options] [database ...]\n")
        return 2
    try:
        options = parse_options(name, rest)
        server: TycoonServer | TyrantServer
        if name == "ktserver":
            server = TycoonServer(options.databases, options.script)
        else:
            server = TyrantServer((options.databases or ["*"])[0], options.script)
    except ImproperlyConfigured as exc:
        sys.stderr.write(f"{name}: {exc}\n")
        return 2
    try:
        listener = TcpServer(options.host, options.port, server.make_session)
    except (OSError, ImproperlyConfigured) as exc:
        server.close()
        sys.stderr.write(f"{name}: cannot listen on {options.host}:{options.port}: {exc}\n")
        return 2
    try:
        run_until_terminated(listener, options.watch_stdin)
    finally:
        listener.close()
        server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
