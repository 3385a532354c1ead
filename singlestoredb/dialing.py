"""TCP connections under one deadline, which covers the host's name and all of its addresses.

For drivers.  Deadlines are times of ``time.monotonic``.
"""

from __future__ import annotations

import socket
import threading
from time import monotonic
from typing import Any


def left(deadline: float) -> float:
    """Return the seconds until a deadline; raise ``TimeoutError`` when it is over."""
    seconds = deadline - monotonic()
    if seconds <= 0:
        raise TimeoutError("timed out")
    return seconds


def dial(host: str, port: int, deadline: float, bind_address: str | None = None) -> socket.socket:
    """Return a socket that is connected to the first of a host's addresses that answers.

    Raises ``OSError``: that of the last address, ``gaierror`` where the name has none, and
    ``TimeoutError`` at the deadline.
    """
    addresses = _addresses(host, port, deadline)
    source = (bind_address, 0) if bind_address else None
    for number, (family, _, _, _, address) in enumerate(addresses, 1):
        try:
            # An address that does not answer leaves the others their share of the time.
            seconds = left(deadline) / (len(addresses) - number + 1)
            return opened(family, address, seconds, source)
        except OSError:
            if number == len(addresses):
                raise
    raise OSError(f"{host!r} has no address")


def opened(
    family: int, address: Any, seconds: float, source: tuple[str, int] | None = None
) -> socket.socket:
    """Return a stream socket that is connected within so many seconds; raise ``OSError``."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(seconds)
        if source is not None:
            sock.bind(source)
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


def _addresses(host: str, port: int, deadline: float) -> list[Any]:
    """Return what ``getaddrinfo`` says of a host, by the deadline.

    Nothing can interrupt that function: a name is asked for in a thread, which is left behind when
    it takes too long.
    """
    found: list[Any] = []

    def ask(flags: int = 0) -> None:
        try:
            found.append(socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM, 0, flags))
        except (OSError, UnicodeError) as exc:
            found.append(exc)

    ask(socket.AI_NUMERICHOST)
    if isinstance(found[0], Exception):
        found.clear()
        asking = threading.Thread(target=ask, name="singlestoredb-resolver", daemon=True)
        asking.start()
        asking.join(left(deadline))
    if not found:
        raise TimeoutError(f"the name {host!r} was not resolved in time")
    if isinstance(found[0], UnicodeError):
        raise OSError(f"{host!r} is not the name of a host")
    if isinstance(found[0], Exception):
        raise found[0]
    return list(found[0])
