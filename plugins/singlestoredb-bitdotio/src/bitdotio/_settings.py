"""Where everything is: settings from keywords and ``BITIO_*`` variables, checked once.

Keywords win over the environment, the environment over the defaults.  An empty variable counts as
not set.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

DEFAULT_API_URL = "https://api.bit.io"
DEFAULT_DB_HOST = "db.bit.io"
DEFAULT_DB_PORT = 5432

T = TypeVar("T")

_TOKEN = re.compile(r"v2_\w+", re.ASCII)
# Whatever else is accepted must fit into one header line: requests quotes the whole value,
# the token with it, when it refuses a header.
_HEADER_SAFE = re.compile(r"[\x21-\x7e]+")
_DATABASE_NAME = re.compile(r"\w.{0,37}/.{1,23}")
_NAME_LENGTHS = "of at most 38 and 23 characters"
_API_VERSION = re.compile(r"[\w-][\w.-]*", re.ASCII)


@dataclass(frozen=True)
class Settings:
    """The resolved settings of one SDK object; ``repr`` shows no secret."""

    token: str = field(repr=False)
    """Bearer token of the API, and password of the database unless ``db_password`` is given."""
    api_url: str
    """Scheme, host and port of the API, with an optional path prefix; no user information."""
    api_version: str
    timeout: float
    """Seconds to wait for the API to connect, and between two pieces of its answer."""
    db_host: str | None
    """``None``: not given.  The back end is asked, or the default is used."""
    db_port: int | None
    db_user: str | None
    db_password: str | None = field(repr=False)
    sslmode: str | None
    query_via: str
    """``http`` or ``pg``: how ``query`` reaches the database."""

    @property
    def custom_api(self) -> bool:
        """Whether the API is another one than bit.io's own."""
        return self.api_url != DEFAULT_API_URL


def resolve_settings(
    access_token: str | None,
    *,
    api_url: str | None = None,
    api_version: str | None = None,
    timeout: float | None = None,
    db_host: str | None = None,
    db_port: int | None = None,
    db_user: str | None = None,
    db_password: str | None = None,
    sslmode: str | None = None,
    query_via: str | None = None,
    validate_token: bool = True,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """Merge keywords, environment and defaults; raise ``ValueError`` for what cannot be right.

    An API URL may carry the token as its user information (``http://v2_token@127.0.0.1:8080``):
    it is used when ``access_token`` is ``None``, and never sent or shown as part of the URL.
    """

    def pick(given: T | None, name: str, convert: Callable[[str], T], default: Any = None) -> Any:
        if given is not None:
            return given
        text = environ.get(f"BITIO_{name}")
        if not text:
            return default
        try:
            return convert(text)
        except ValueError:
            raise ValueError(f"BITIO_{name} must be {_KINDS[convert]}, not {text!r}") from None

    url, url_token = _split_api_url(pick(api_url, "API_URL", str, DEFAULT_API_URL))
    version = pick(api_version, "API_VERSION", str, "v2beta")
    if not isinstance(version, str) or not _API_VERSION.fullmatch(version):
        raise ValueError(f"Invalid api_version {version!r}: expected something like 'v2beta'")
    seconds = pick(timeout, "TIMEOUT", float, 30.0)
    if not seconds > 0:
        raise ValueError(f"timeout must be a positive number of seconds, not {seconds!r}")
    port = pick(db_port, "DB_PORT", int)
    if port is not None and not 0 < port < 65536:
        raise ValueError(f"db_port must be between 1 and 65535, not {port!r}")
    via = pick(query_via, "QUERY_VIA", str, "http")
    if via not in ("http", "pg"):
        raise ValueError(f"query_via must be 'http' or 'pg', not {via!r}")
    token = url_token if access_token is None else access_token
    return Settings(
        token=check_token(token, strict=validate_token and url == DEFAULT_API_URL),
        api_url=url,
        api_version=version,
        timeout=float(seconds),
        db_host=pick(db_host, "DB_HOST", str),
        db_port=port,
        db_user=pick(db_user, "DB_USER", str),
        db_password=pick(db_password, "DB_PASSWORD", str),
        sslmode=pick(sslmode, "SSLMODE", str),
        query_via=via,
    )


_KINDS: dict[Any, str] = {int: "a whole number", float: "a number"}


def _split_api_url(text: str) -> tuple[str, str | None]:
    """Split an API URL into the URL to use and the token it carried."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        # The text may hold a token: it is not repeated here.
        raise ValueError(
            "Invalid api_url: expected http(s)://host[:port][/prefix] without query or fragment"
        )
    netloc = f"[{host}]" if ":" in host else host
    if port is not None:
        netloc += f":{port}"
    token = unquote(parts.username) if parts.username else None
    return urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", "")), token


def check_token(token: Any, *, strict: bool = True) -> str:
    """Return ``token``; raise ``ValueError`` (without it) unless it can be an access token."""
    if token is None:
        raise ValueError(
            "Invalid access token: none was given; pass one, or an api_url that holds one"
        )
    rule = _TOKEN if strict else _HEADER_SAFE
    if not isinstance(token, str) or not rule.fullmatch(token):
        expected = "'v2_' and word characters" if strict else "visible ASCII characters only"
        raise ValueError(f"Invalid access token: expected {expected}")
    return token


def check_pool_size(min_conn: Any, max_conn: Any) -> None:
    """Raise ``ValueError`` unless ``0 <= min_conn < max_conn``."""
    for name, value in (("min_conn", min_conn), ("max_conn", max_conn)):
        if not isinstance(value, int) or value < 0:
            raise ValueError(f"{name} must be a whole number of at least 0, not {value!r}")
    if min_conn >= max_conn:
        raise ValueError(
            f"min_conn must be strictly less than max_conn, got {min_conn} and {max_conn}"
        )


def check_database_name(name: Any) -> None:
    """Raise ``ValueError`` unless ``name`` is a full database name, ``owner/name``.

    Path segments ``.`` and ``..`` are refused too: HTTP clients resolve them, so that a request
    would reach another resource than the one named.
    """
    if not isinstance(name, str) or not _DATABASE_NAME.fullmatch(name):
        raise ValueError(f"Invalid database name {name!r}: expected 'owner/name', {_NAME_LENGTHS}")
    if {".", ".."} & set(name.split("/")):
        raise ValueError(f"Invalid database name {name!r}: a part of it is '.' or '..'")
