"""Connection profiles: named sets of parameters, outside of the program.

::

    # connections.toml
    [reports]
    url = "mysql://me@db.example:3306/sales"
    password = { env = "REPORTS_PASSWORD" }
    results_type = "polars"

``connect(connection_name="reports")`` takes its parameters from there.  They are looked for in

1. environment variables ``SINGLESTOREDB_CONNECTIONS_<NAME>_<KEY>``;
2. ``connections.toml`` in the folder that ``SINGLESTOREDB_HOME`` names, or else in the user's
   folder for configurations (``~/.config/singlestoredb`` on Linux).

Keys are the parameters of ``connect()``; ``url`` is its ``host`` as a URL.  A value may refer to a
secret instead of holding it: ``{ env = "NAME" }``, ``{ file = "path" }``, ``{ command = ["pass",
"show", "db"] }``, ``{ keyring = "service", user = "me" }``.
"""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from singlestoredb.exceptions import InterfaceError

__all__ = ["connection_names", "load", "profiles_file"]

_PREFIX = "SINGLESTOREDB_CONNECTIONS_"
_COMMAND_SECONDS = 60
"""Longest time for a command that prints a secret: a person may have to unlock it."""
_LARGEST_FILE = 1_048_576


def profiles_file() -> Path:
    """Return where the profiles are, whether the file exists or not."""
    home = os.environ.get("SINGLESTOREDB_HOME")
    if home:
        return Path(home).expanduser() / "connections.toml"
    from platformdirs import user_config_path

    return user_config_path("singlestoredb") / "connections.toml"


def default_name() -> str | None:
    """Return the profile that is used when nothing says where to connect to."""
    return os.environ.get("SINGLESTOREDB_DEFAULT_CONNECTION_NAME") or None


def connection_names() -> list[str]:
    """Return the names of the profiles in the file.

    Raises as :func:`load`.
    """
    return sorted(_read(profiles_file()))


def load(name: str) -> dict[str, Any]:
    """Return the parameters of a profile, secrets included.

    Names do not depend on case.

    Raises:
        ValueError: there is no such profile, or it is not written as it must be.
        InterfaceError: the file can be read or changed by others, or a secret cannot be had.
    """
    path = profiles_file()
    profiles = _read(path)
    found: Mapping[str, Any] = {}
    for known, values in profiles.items():
        if known.lower() == name.lower():
            if not isinstance(values, Mapping):
                raise ValueError(f"[{known}] in {path} must be a table")
            found = values
    merged = {key.lower(): value for key, value in found.items()} | _from_environment(name)
    if not merged:
        others = ", ".join(sorted(profiles)) or "none"
        raise ValueError(
            f"there is no connection named {name!r} in {path}; there are: {others}. "
            f"Environment variables {_PREFIX}{_in_environment(name)}_<KEY> make one, too"
        )
    if "url" in merged:
        if "host" in merged:
            raise ValueError(f"the connection {name!r} has both url and host: keep one")
        merged["host"] = merged.pop("url")
    return {key: _resolved(name, key, value, path.parent) for key, value in merged.items()}


def _from_environment(name: str) -> dict[str, Any]:
    prefix = f"{_PREFIX}{_in_environment(name)}_"
    return {
        variable[len(prefix) :].lower(): value
        for variable, value in os.environ.items()
        if variable.startswith(prefix) and len(variable) > len(prefix)
    }


def _in_environment(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name.upper())


# -- the file --------------------------------------------------------------------------------


def _read(path: Path) -> dict[str, Any]:
    """Read the file; one that does not exist has no profiles."""
    try:
        text = _read_private(path)
    except FileNotFoundError:
        return {}
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        profiles: dict[str, Any] = tomllib.loads(text.decode())
    except ValueError as exc:  # its message has a position, and nothing of what stands there
        raise ValueError(f"{path} is not valid TOML: {exc}") from None
    return profiles


def _read_private(path: Path) -> bytes:
    """Read a file that nobody else can read or change; looked at once it is open."""
    with open(path, "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise InterfaceError(0, f"{path} is not a file")
        if hasattr(os, "getuid"):
            if about.st_uid not in (os.getuid(), 0):
                raise InterfaceError(
                    0, f"{path} belongs to another user, who could change where you connect to"
                )
            if about.st_mode & 0o077:
                raise InterfaceError(
                    0,
                    f"{path} can be read or changed by other users of this machine",
                    hint=f"chmod 600 {path}",
                )
        data = file.read(_LARGEST_FILE + 1)
    if len(data) > _LARGEST_FILE:
        raise InterfaceError(0, f"{path} is larger than {_LARGEST_FILE} bytes")
    return data


# -- secrets ---------------------------------------------------------------------------------


def _resolved(profile: str, key: str, value: Any, folder: Path) -> Any:
    """Return a value, read from where it refers to."""
    if not isinstance(value, Mapping):
        return value
    if not value.keys() & _SOURCES.keys():
        if key in ("password", "user", "url", "host"):
            raise ValueError(
                f"{key} of the connection {profile!r} must be text or a table of "
                f"{', '.join(sorted(_SOURCES))}, not of {', '.join(sorted(value)) or 'nothing'}"
            )
        return dict(value)
    source = next(iter(value.keys() & _SOURCES.keys()))
    allowed = {source, "user"} if source == "keyring" else {source}
    where = f"{key} of the connection {profile!r}"
    if value.keys() - allowed:
        raise ValueError(f"{where} must be one of {', '.join(sorted(_SOURCES))}, by itself")
    try:
        secret = _SOURCES[source](value, folder)
    except (OSError, KeyError, TypeError, ValueError, subprocess.SubprocessError) as exc:
        # The text of such an error may have what the command printed.
        if isinstance(exc, OSError) and exc.strerror:
            reason = f"{exc.filename}: {exc.strerror}"
        else:
            reason = exc.args[0] if isinstance(exc, (KeyError, ValueError)) else type(exc).__name__
        raise InterfaceError(0, f"{where} could not be read from {source}: {reason}") from None
    return secret


def _env(value: Mapping[str, Any], folder: Path) -> str:
    name = str(value["env"])
    if name not in os.environ:
        raise ValueError(f"the environment variable {name} is not set")
    return os.environ[name]


def _file(value: Mapping[str, Any], folder: Path) -> str:
    path = folder / Path(str(value["file"])).expanduser()
    with contextlib.suppress(UnicodeDecodeError):
        return _read_private(path).decode().rstrip("\r\n")
    raise ValueError(f"{path} is not text")


def _command(value: Mapping[str, Any], folder: Path) -> str:
    command = value["command"]
    if not isinstance(command, list) or not all(isinstance(word, str) for word in command):
        raise ValueError('it must be a list of words, such as ["pass", "show", "db"]')
    done = subprocess.run(
        command, stdout=subprocess.PIPE, timeout=_COMMAND_SECONDS, check=False, text=True
    )
    if done.returncode:
        raise ValueError(f"{command[0]} ended with {done.returncode}")
    return done.stdout.rstrip("\r\n")


def _keyring(value: Mapping[str, Any], folder: Path) -> str:
    try:
        import keyring
    except ImportError as exc:
        raise ValueError(f"{exc} (pip install keyring)") from None
    service, user = str(value["keyring"]), str(value.get("user", ""))
    secret: str | None = keyring.get_password(service, user)
    if secret is None:
        raise ValueError(f"it has no password for {user!r} at {service!r}")
    return secret


_SOURCES = {"env": _env, "file": _file, "command": _command, "keyring": _keyring}
