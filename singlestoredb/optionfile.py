"""Connection parameters from MySQL option files.

The file is read as MySQL's own clients read it; the parser is PyMySQL's.
https://dev.mysql.com/doc/refman/8.4/en/option-files.html
"""

from __future__ import annotations

import configparser
import os
import sys
from typing import Any

_PARAMETERS = {
    "user": "user",
    "password": "password",
    "host": "host",
    "port": "port",
    "database": "database",
    "socket": "unix_socket",
    "bind-address": "bind_address",
    "default-character-set": "charset",
    "ssl-ca": "ssl_ca",
    "ssl-capath": "ssl_ca",
    "ssl-cert": "ssl_cert",
    "ssl-key": "ssl_key",
    "ssl-cipher": "ssl_cipher",
}
"""Key of the file → connection parameter; of two keys for one, the first wins."""


def default_file() -> str:
    """Return the file that is read when only a group was named."""
    return "c:\\my.ini" if sys.platform.startswith("win") else "/etc/my.cnf"


def read_option_file(file: str | None = None, group: str | None = None) -> dict[str, Any]:
    """Return the connection parameters that a group of an option file holds.

    Args:
        file: path of the file, ``~`` allowed; the system's (``/etc/my.cnf``) when not given.
        group: its section; ``client`` when not given.

    Raises ``ValueError`` when a file that was named cannot be read, or is no option file.  The
    message does not repeat what is in it.
    """
    from pymysql.optionfile import Parser

    path = os.path.expanduser(file or default_file())
    section = group or "client"
    parser = Parser(strict=False)
    try:
        with open(path, encoding="utf-8") as opened:
            # The servers' packages ship files that include others; those are for the servers.
            parser.read_file(line for line in opened if not line.lstrip().startswith("!"))
    except OSError as exc:
        if file is None:
            return {}
        raise ValueError(f"the option file {path!r} cannot be read: {exc.strerror}") from exc
    except (configparser.Error, UnicodeDecodeError):
        raise ValueError(
            f"{path!r} is no option file: it must have [group] and key=value"
        ) from None
    found: dict[str, Any] = {}
    for key, name in _PARAMETERS.items():
        value = parser.get(section, key) if parser.has_option(section, key) else None
        if value:
            found.setdefault(name, value)
    return found
