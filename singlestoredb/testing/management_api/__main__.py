"""``python -m singlestoredb.testing.management_api``: run until stdin ends.

The first line of the output is the URL and a token.
"""

from __future__ import annotations

import argparse
import sys

from .server import serve


def main() -> None:
    """Run the service in the foreground."""
    parser = argparse.ArgumentParser(prog="python -m singlestoredb.testing.management_api")
    parser.add_argument("--backend", metavar="HOST:PORT", help="database behind all deployments")
    parser.add_argument("--checksums", action="store_true", help="send checksums with downloads")
    options = parser.parse_args()
    backend = None
    if options.backend:
        host, _, port = options.backend.rpartition(":")
        backend = (host, int(port))
    with serve(backend, sys.stdout) as api:
        api.behaviour.checksums = options.checksums
        sys.stdin.read()


if __name__ == "__main__":
    main()
