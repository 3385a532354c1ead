"""From what ``connect()`` was given to resolved :class:`ConnectionParams`.

Precedence, highest first:

1. parts of a URL passed as ``host``;
2. keyword arguments;
3. the profile that ``connection_name`` names, or ``SINGLESTOREDB_DEFAULT_CONNECTION_NAME`` where
   nothing else says where to go (:mod:`singlestoredb.profiles`).  It beats the environment, so
   that the password of one server never goes to another;
4. the option file that ``read_default_file`` or ``read_default_group`` names;
5. parts of a URL in ``SINGLESTOREDB_URL`` (when nothing else, ``SINGLESTOREDB_HOST`` included,
   says where to go);
6. the other environment variables, then options that were set;
7. defaults.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from singlestoredb.config import check_bool, get_default, get_option
from singlestoredb.kernel import get_registry
from singlestoredb.optionfile import read_option_file
from singlestoredb.tls import FLAT, as_context
from singlestoredb.utils.config import option as option_named
from singlestoredb.utils.config import variables
from singlestoredb_hookspecs import ConnectionParams, DriverInfo

FORMAT_ALIASES = {
    "tuple": "tuples",
    "namedtuple": "namedtuples",
    "dict": "dicts",
    "structsequence": "structsequences",
    "pyarrow": "arrow",
}
"""Accepted spellings of the built-in formats."""


def cast_bool_param(value: Any) -> bool:
    """Return a parameter as a bool; ``None`` is false.

    Raises ``ValueError`` for what is neither true nor false.
    """
    if value is None:
        return False
    try:
        return check_bool(value)
    except ValueError:
        pass
    number = None
    with contextlib.suppress(TypeError, ValueError):
        number = int(value)
    if number not in (0, 1):
        raise ValueError(f"Unrecognized value for bool: {value}")
    return bool(number)


def _seconds(value: Any) -> float:
    seconds = float(value)
    if not seconds > 0:
        raise ValueError(f"a time-out must be a positive number of seconds, not {value}")
    return seconds


def _whole_seconds(value: Any) -> int:
    seconds = int(value)
    if seconds <= 0:
        raise ValueError(f"a positive number of seconds is needed, not {value}")
    return seconds


def _count(value: Any) -> int:
    count = int(value)
    if count < 0:
        raise ValueError(f"a number of attempts cannot be negative: {value}")
    return count


def _text(value: Any) -> str:
    if isinstance(value, (bytes, bytearray)):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise ValueError("the bytes are not UTF-8") from None
    if isinstance(value, (Mapping, list, tuple, set)):
        raise ValueError(f"text is needed, not {type(value).__name__}")
    return str(value)


def _port(value: Any) -> int:
    port = int(value)
    if not 0 <= port <= 65535:
        # The resolver would keep its last 16 bits, and the password go to another port.
        raise ValueError(f"a port is a number from 0 to 65535, not {value}")
    return port


def _error_handler(value: Any) -> str:
    import codecs

    try:
        codecs.lookup_error(str(value))
    except LookupError:
        raise ValueError(
            f"Python has no error handler named {str(value)!r}; there are strict, ignore, replace, "
            "backslashreplace and others"
        ) from None
    return str(value)


def _mapping(value: Any) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"a mapping is needed, not {type(value).__name__}")
    return dict(value)


def _as_it_is(value: Any) -> Any:
    return value


_CASTS: dict[str, Callable[[Any], Any]] = {
    "host": _text,
    "user": _text,
    "password": _text,
    "port": _port,
    "database": _text,
    "driver": _text,
    "pure_python": cast_bool_param,
    "local_infile": cast_bool_param,
    "charset": _text,
    "ssl_key": _text,
    "ssl_cert": _text,
    "ssl_ca": _text,
    "ssl_disabled": cast_bool_param,
    "ssl_cipher": _text,
    "ssl_verify_cert": cast_bool_param,
    "tls_sni_servername": _text,
    "ssl_verify_identity": cast_bool_param,
    "conv": _mapping,
    "credential_type": _text,
    "autocommit": cast_bool_param,
    "results_type": _text,
    "buffered": cast_bool_param,
    "results_format": _text,
    "program_name": _text,
    "conn_attrs": _mapping,
    "multi_statements": cast_bool_param,
    "client_found_rows": cast_bool_param,
    "connect_timeout": int,
    "nan_as_null": cast_bool_param,
    "inf_as_null": cast_bool_param,
    "encoding_errors": _error_handler,
    "track_env": cast_bool_param,
    "enable_extended_data_types": cast_bool_param,
    "vector_data_format": _text,
    "parse_json": cast_bool_param,
    "interpolate_query_with_empty_args": cast_bool_param,
    "socket_options": _mapping,
    "query_timeout": _seconds,
    "retries": _count,
    "retry_reads": _count,
    "keepalive": _whole_seconds,
    "unix_socket": _text,
    "collation": _text,
    "ssl": as_context,
    "read_timeout": _seconds,
    "write_timeout": _seconds,
    "init_command": _text,
    "sql_mode": _text,
    "bind_address": _text,
    "binary_prefix": cast_bool_param,
    "server_public_key": _as_it_is,
    "max_allowed_packet": int,
    "auth_plugin_map": _mapping,
    "invalid_values": _mapping,
    "read_default_file": _text,
    "read_default_group": _text,
    "connection_name": _text,
    "use_unicode": cast_bool_param,
    "client_flag": int,
}
"""Every parameter that all drivers share, and how its value is read."""

_NOT_IN_URL = frozenset(
    {
        "host",
        "conv",
        "conn_attrs",
        "socket_options",
        "auth_plugin_map",
        "invalid_values",
        "server_public_key",
        "results_format",
        "connection_name",
    }
)

_NEVER_SHOWN = frozenset({"auth_plugin_map", "conn_attrs", "password", "ssl", "host"})

_WITHOUT_OPTION = _NOT_IN_URL - {"host", "conn_attrs", "socket_options"} | {
    "query_timeout",
    "retries",
    "retry_reads",
    "keepalive",
    "unix_socket",
    "collation",
    "read_timeout",
    "write_timeout",
    "init_command",
    "sql_mode",
    "bind_address",
    "binary_prefix",
    "max_allowed_packet",
    "read_default_file",
    "read_default_group",
    "ssl",
    "use_unicode",
    "client_flag",
}
_OPTIONS = {
    name: "results.type" if name == "results_type" else name
    for name in _CASTS
    if name not in _WITHOUT_OPTION
}
"""Parameter → the option that holds its default."""


def _cast_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Read the values of shared parameters; those of a driver's own pass as they are."""
    out: dict[str, Any] = {}
    for name, value in params.items():
        if value is None:
            continue
        cast = _CASTS.get(name)
        if cast is None:
            out[name] = value
            continue
        try:
            out[name] = cast(value)
        except (TypeError, ValueError) as exc:
            shown = "its value" if name in _NEVER_SHOWN else repr(value)
            raise ValueError(
                f"connection parameter {name}: {shown} is not allowed: {exc}"
            ) from None
    return out


def is_url(host: str) -> bool:
    """Return whether what was passed as ``host`` is to be read as a URL."""
    if host.count(":") > 1 and all(c in "0123456789abcdefABCDEF:.%" for c in host):
        return False  # a bare IPv6 address
    return any(mark in host for mark in ":/@?")


def _parse_url(url: str) -> dict[str, Any]:
    """Read a connection URL: ``[driver://][user[:password]@]host[:port][/database][?key=value&…]``.

    Returns only what the URL says.  Raises ``ValueError`` for a URL that cannot be read; the
    message never repeats it, since it may hold a password.
    """
    parts, path = _split_url(url)
    return {**_database_of(path), **parts}


def _split_url(url: str) -> tuple[dict[str, Any], str]:
    """Return what a URL says besides its path, and its path without the leading slash."""
    if "//" not in url:
        url = "//" + url
    if url.lower().startswith("singlestoredb+"):
        url = url[len("singlestoredb+") :]
    try:
        parts = urlsplit(url, scheme="singlestoredb")
        port = parts.port
    except ValueError:
        raise ValueError(
            "the connection URL cannot be read: its port must be a number from 0 to 65535, and "
            "':', '/', '?' and '@' in a user name or password must be percent-encoded"
        ) from None
    out: dict[str, Any] = {}
    scheme = parts.scheme.lower()
    if scheme != "singlestoredb":
        out["driver"] = scheme
    if parts.hostname:
        out["host"] = parts.hostname
    if port:
        out["port"] = port
    if parts.username:
        out["user"] = unquote_plus(parts.username)
        if parts.password is not None:
            out["password"] = unquote_plus(parts.password)
    for key, value in parse_qsl(parts.query):
        name = key.lower()
        if name in _NOT_IN_URL:
            raise ValueError(f"connection parameter {name} cannot be given in a URL")
        out[name] = value
    return out, parts.path[1:]


def _database_of(path: str) -> dict[str, Any]:
    database = unquote_plus(path.partition("/")[0]).strip()
    return {"database": database} if database else {}


def _driver_info(name: str) -> DriverInfo:
    plugins = get_registry()
    return plugins.manager.driver_info(plugins.activate("drivers", name), name)


def build_params(**kwargs: Any) -> dict[str, Any]:
    """Merge arguments, URL, environment, options and defaults into one dict without ``None``.

    Raises ``ValueError`` for a parameter or value that is not allowed, and what
    :meth:`Registry.activate` raises when there is no such driver.
    """
    return _merge(kwargs)[0]


def resolve(**kwargs: Any) -> ConnectionParams:
    """Resolve the arguments of ``connect()``; see :func:`build_params`."""
    return _params(*_merge(kwargs))


def resolve_exactly(**kwargs: Any) -> ConnectionParams:
    """Resolve arguments by themselves: no environment, no options, and ``host`` is no URL."""
    return _params(*_merge(kwargs, exactly=True))


def _params(merged: dict[str, Any], info: DriverInfo) -> ConnectionParams:
    own = {p.name for p in info.parameters}
    fields = {k: v for k, v in merged.items() if k not in own and k != "results_format"}
    fields["driver_options"] = {k: v for k, v in merged.items() if k in own}
    return ConnectionParams(**fields)


def _merge(
    kwargs: Mapping[str, Any], *, exactly: bool = False
) -> tuple[dict[str, Any], DriverInfo]:
    option = get_default if exactly else get_option
    given = {name: value for name, value in kwargs.items() if value is not None}
    if "results_format" in given:
        import warnings

        from singlestoredb.warnings import callers_level

        warnings.warn(
            "results_format is now called results_type",
            DeprecationWarning,
            stacklevel=callers_level(),
        )
        given.setdefault("results_type", given.pop("results_format"))

    host = given.pop("host", None)
    from_url: dict[str, Any] = {}
    from_environment: dict[str, Any] = {}
    path = ""
    profile = {} if exactly else _profile(given.pop("connection_name", None), host)
    if profile:
        named = profile.pop("host", None)
        given = {**profile, **given}
        if host is None and named is not None:
            if is_url(str(named)):
                parts, path = _split_url(str(named))
                given = {**parts, **given}
            else:
                given["host"] = str(named)
    if host is not None and not exactly and is_url(str(host)):
        from_url, path = _split_url(str(host))
    elif host is not None:
        from_url = {"host": str(host)}
    said = {**given, **from_url}
    from_file: dict[str, Any] = {}
    if said.get("read_default_file") or said.get("read_default_group"):
        from_file = read_option_file(said.get("read_default_file"), said.get("read_default_group"))
    placed = (profile.keys() | given.keys() if profile else set()) | from_file.keys()
    if host is None and not path and not placed & {"host", "unix_socket"}:
        fallback = option("host")
        if fallback and is_url(fallback):
            from_environment, path = _split_url(fallback)

    merged = {**from_environment, **from_file, **given, **from_url}
    explicit = frozenset(merged)
    merged["driver"] = str(merged.get("driver") or option("driver") or "mysql").lower()
    info = _driver_info(merged["driver"])

    if info.url_path == "file":
        if from_environment and from_environment.get("driver") != info.name:
            # The environment speaks of another kind of place.
            merged, path = {"driver": merged["driver"], **given}, ""
        if path:
            merged["path"] = unquote_plus(path)
    elif path:
        from_path = _database_of(path)
        merged = {**from_path, **merged} if host is None else {**merged, **from_path, **from_url}

    set_variables = variables()
    for name, option_name in _OPTIONS.items():
        if name not in merged and not (name == "host" and info.url_path == "file"):
            if exactly:
                value = get_default(option_name)
            else:
                value = option_named(option_name).get(set_variables)
            if value is not None:
                merged[name] = value

    own = {p.name: p for p in info.parameters}
    for name in merged:
        if name not in _CASTS and name not in own and name != "path":
            raise _unknown(name, [*_CASTS, *own])
    merged = _cast_params(merged)
    _settle_ssl(merged, explicit)
    for parameter in info.parameters:
        value = merged.get(parameter.name, parameter.default)
        if value is None:
            continue
        try:
            merged[parameter.name] = parameter.convert(value)
        except ValueError as exc:
            shown = "its value" if parameter.secret else repr(value)
            raise ValueError(
                f"connection parameter {parameter.name}: {shown} is not allowed: {exc}"
            ) from None

    _finish(merged, info, option)
    return merged, info


def _profile(name: str | None, host: Any) -> dict[str, Any]:
    """Return what a profile says; nothing when none is named."""
    if name is None:
        if host is not None or get_option("host") != get_default("host"):
            return {}
        from singlestoredb.profiles import default_name

        name = default_name()
        if name is None:
            return {}
    from singlestoredb.profiles import load

    profile = load(str(name))
    if "connection_name" in profile:
        raise ValueError(f"the connection {name!r} cannot refer to another one")
    return profile


def _settle_ssl(merged: dict[str, Any], explicit: frozenset[str]) -> None:
    """Settle what ``ssl`` and its flat companions say together."""
    if "ssl" not in merged:
        return
    flat = [name for name in FLAT if name in explicit and merged.get(name)]
    wanted = merged.pop("ssl")
    if flat and wanted is not True:
        # Either would silently drop what the other asks for.
        raise ValueError(f"ssl and {flat[0]} cannot be given together: one of them has to say all")
    if wanted is False:
        merged["ssl_disabled"] = True
    else:
        merged["ssl"] = wanted


def _finish(merged: dict[str, Any], info: DriverInfo, option: Callable[[str], Any]) -> None:
    """Settle what depends on several parameters."""
    if not merged.get("port"):
        port = (option(info.port_option) if info.port_option else 0) or info.default_port
        merged.pop("port", None)
        if port:
            merged["port"] = port
    if not merged.get("user") and not merged.get("password"):
        merged.pop("password", None)
    if merged.get("ssl_ca") and not merged.get("ssl_verify_cert"):
        merged["ssl_verify_cert"] = True
    merged["results_type"] = FORMAT_ALIASES.get(
        merged["results_type"].lower(), merged["results_type"].lower()
    )
    timeout = merged["connect_timeout"]
    if not 0 < timeout <= 31_536_000:
        raise ValueError(f"connect_timeout must be from 1 to 31536000 seconds, not {timeout}")
    if merged["vector_data_format"] not in ("json", "binary"):
        raise ValueError(
            f"vector_data_format must be json or binary, not {merged['vector_data_format']!r}"
        )
    credential = merged.get("credential_type")
    if credential is not None and credential not in ("password", "jwt", "browser_sso"):
        raise ValueError(
            f"credential_type must be password, jwt or browser_sso, not {credential!r}"
        )


def _unknown(name: str, known: list[str]) -> ValueError:
    import difflib

    near = difflib.get_close_matches(name, known, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return ValueError(f"Unrecognized connection parameter: {name}{hint}")
