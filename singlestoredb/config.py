"""The SDK's options.

Each is read from its environment variable, from :func:`set_option`, or is its default.
``describe_option()`` prints them all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .utils.config import (
    AttrOption,
    check_bool,
    check_dict_str_str,
    check_float,
    check_int,
    check_optional_bool,
    check_socket_options,
    check_str,
    check_url,
    describe_option,
    get_default,
    get_option,
    get_suboptions,
    iteroptions,
    option_context,
    options,
    register_option,
    reset_option,
    set_option,
    set_options,
)

__all__ = [
    "AttrOption",
    "check_bool",
    "check_dict_str_str",
    "check_float",
    "check_int",
    "check_optional_bool",
    "check_socket_options",
    "check_str",
    "check_url",
    "describe_option",
    "get_default",
    "get_option",
    "get_suboptions",
    "iteroptions",
    "option_context",
    "options",
    "register_option",
    "reset_option",
    "set_option",
    "set_options",
]


def _env(name: str) -> str:
    return f"SINGLESTOREDB_{name}"


def _str(
    name: str, default: str | None, doc: str, environ: str | list[str] | None = None, **limits: Any
) -> None:
    check = partial(check_str, **limits) if limits else check_str
    register_option(name, "string", check, default, doc, environ)


def _bool(name: str, default: bool | None, doc: str, environ: str | None) -> None:
    check: Callable[[Any], Any] = check_optional_bool if default is None else check_bool
    register_option(name, "bool", check, default, doc, environ)


def _int(name: str, default: int, doc: str, environ: str | None, **limits: int) -> None:
    check = partial(check_int, **limits) if limits else check_int
    register_option(name, "int", check, default, doc, environ)


# -- connecting --

_str("host", "127.0.0.1", "Server name, or the URL of a connection.", [_env("HOST"), _env("URL")])
_int("port", 0, "Server port; 0 picks the driver's own.", _env("PORT"), minimum=0, maximum=65535)
_int("http_port", 0, "Port of the HTTP Data API; 0 picks the driver's own.", _env("HTTP_PORT"))
_str("user", None, "User name.", _env("USER"))
_str("password", None, "Password.", _env("PASSWORD"))
_str("database", None, "Database to use.", _env("DATABASE"))
_str("driver", "mysql", "Driver, when the URL names none.", _env("DRIVER"))
_bool(
    "pure_python",
    None,
    "None: use accelerators where they import.  True: never.  False: required.",
    _env("PURE_PYTHON"),
)
_str("charset", "utf8mb4", "Character set of the connection.", _env("CHARSET"))
_str(
    "encoding_errors",
    "strict",
    "Error handler of Python's codecs for text that cannot be decoded.",
    _env("ENCODING_ERRORS"),
)
_bool("local_infile", False, "Allow LOAD DATA LOCAL INFILE.", _env("LOCAL_INFILE"))
_bool("multi_statements", False, "Allow several statements in a text.", _env("MULTI_STATEMENTS"))
_bool(
    "client_found_rows",
    False,
    "Count the rows that an UPDATE found, not those that it changed.",
    _env("CLIENT_FOUND_ROWS"),
)
_str("ssl_key", None, "File with the client's private key.", _env("SSL_KEY"))
_str("ssl_cert", None, "File with the client's certificate.", _env("SSL_CERT"))
_str("ssl_ca", None, "File with the authorities to trust; turns verification on.", _env("SSL_CA"))
_str("ssl_cipher", "HIGH", "Ciphers to offer, in OpenSSL's syntax.", _env("SSL_CIPHER"))
_str("tls_sni_servername", None, "Server name to ask for in TLS.", _env("TLS_SNI_SERVERNAME"))
_bool("ssl_disabled", False, "Never use TLS.", _env("SSL_DISABLED"))
_bool("ssl_verify_cert", None, "Verify the server's certificate.", _env("SSL_VERIFY_CERT"))
_bool("ssl_verify_identity", None, "Verify the server's name.", _env("SSL_VERIFY_IDENTITY"))
_str("program_name", None, "Name of the program, told to the server.")
register_option(
    "conn_attrs", "dict[str, str]", check_dict_str_str, None, "Attributes told to the server."
)
_str(
    "credential_type",
    None,
    "What the password is.",
    _env("CREDENTIAL_TYPE"),
    valid_values=["password", "jwt", "browser_sso"],
)
_str("sso_browser", None, "Browser to sign on with.", _env("SSO_BROWSER"))
_bool("autocommit", True, "Commit each statement by itself.", _env("AUTOCOMMIT"))
_bool("buffered", True, "Receive results whole.", _env("BUFFERED"))
_bool("parse_json", True, "Parse JSON columns.", _env("PARSE_JSON"))
_int(
    "connect_timeout",
    10,
    "Seconds for establishing a connection.",
    _env("CONNECT_TIMEOUT"),
    minimum=1,
    maximum=31_536_000,
)
_bool("nan_as_null", False, "Send NaN as NULL.", _env("NAN_AS_NULL"))
_bool("inf_as_null", False, "Send infinities as NULL.", _env("INF_AS_NULL"))
_bool(
    "track_env",
    False,
    "Follow the connection URL of the environment as it changes.",
    _env("TRACK_ENV"),
)
_bool(
    "enable_extended_data_types",
    True,
    "Ask for the element types of VECTOR and BSON columns.",
    _env("ENABLE_EXTENDED_DATA_TYPES"),
)
_str(
    "vector_data_format",
    "binary",
    "How the server sends vectors.",
    _env("VECTOR_DATA_FORMAT"),
    valid_values=["json", "binary"],
)
_bool(
    "interpolate_query_with_empty_args",
    False,
    "Treat %% as an escaped % even when the arguments are empty.",
    _env("INTERPOLATE_QUERY_WITH_EMPTY_ARGS"),
)
register_option(
    "socket_options",
    "dict[int, dict[int, Any]]",
    check_socket_options,
    None,
    "Socket options to set: level -> {option: value}.",
)
_bool("fusion.enabled", False, "Answer Fusion SQL commands.", _env("FUSION_ENABLED"))

# -- results --

_str("results.type", "tuples", "Format of results.", _env("RESULTS_TYPE"))
_int("results.arraysize", 1, "Rows of a fetchmany().", _env("RESULTS_ARRAYSIZE"), minimum=1)

# -- management --

_str("management.token", None, "Token for the Management API.", _env("MANAGEMENT_TOKEN"))
_str(
    "management.base_url",
    "https://api.singlestore.com",
    "Where the Management API is.",
    _env("MANAGEMENT_BASE_URL"),
)
_str("management.version", "v2", "Version of the Management API.", _env("MANAGEMENT_VERSION"))
_bool("management.trace", False, "Log requests to the Management API.", _env("MANAGEMENT_TRACE"))

# -- external functions --


def _ext(name: str) -> str:
    return _env(f"EXT_FUNC_{name.upper()}")


_str(
    "external_function.url",
    "http://localhost:8000/invoke",
    "Where the database reaches the function server.",
    _ext("url"),
)
_str(
    "external_function.app_mode",
    "remote",
    "How the application runs.",
    _ext("app_mode"),
    valid_values=["remote", "collocated", "managed"],
)
_str(
    "external_function.data_format",
    "rowdat_1",
    "Format of the bodies.",
    _ext("data_format"),
)
_str("external_function.data_version", "1.0", "Version of the format.", _ext("data_version"))
for _name, _doc in (
    ("link_name", "Name of the link to use."),
    ("link_config", "JSON configuration of the link."),
    ("link_credentials", "JSON credentials of the link."),
    ("socket_path", "Socket of a collocated server."),
    ("log_file", "File to log to."),
    ("app_name", "Name of the application."),
):
    _str(f"external_function.{_name}", None, _doc, _ext(_name))
for _name, _doc in (
    ("replace_existing", "Replace functions that exist."),
    ("single_thread", "Serve one request at a time."),
    ("disable_metrics", "Do not export metrics."),
):
    _bool(f"external_function.{_name}", False, _doc, _ext(_name))
_int("external_function.max_connections", 32, "Connections at a time.", _ext("max_connections"))
_int("external_function.port", 8000, "Port of the function server.", _ext("port"))
_int("external_function.timeout", 86_400, "Seconds for one request.", _ext("timeout"))
_str(
    "external_function.process_mode",
    "subprocess",
    "Where functions run.",
    _ext("process_mode"),
    valid_values=["thread", "subprocess"],
)
_str(
    "external_function.log_level",
    "info",
    "What is logged.",
    _ext("log_level"),
    valid_values=["info", "debug", "warning", "error"],
)
for _name, _doc in (
    ("name_prefix", "Put before the names of functions."),
    ("name_suffix", "Put after the names of functions."),
    ("function_database", "Database for the functions."),
):
    _str(f"external_function.{_name}", "", _doc, _ext(_name))
_str(
    "external_function.connection",
    None,
    "URL of the database to register functions in.",
    [_ext("connection"), _env("URL")],
)
_str("external_function.host", "localhost", "Address of the function server.", _ext("host"))

# -- debugging --

_bool("debug.queries", False, "Print each statement to stderr.", _env("DEBUG_QUERIES"))
_bool("debug.connection", False, "Print what connections do to stderr.", _env("DEBUG_CONNECTION"))

# -- plugins; each is a comma-separated list, see singlestoredb.plugins --

_str(
    "plugins.disable",
    None,
    "Plugins to switch off: formats:pandas, fusion:*, dist:acme-s2.",
    _env("PLUGINS_DISABLE"),
)
_str(
    "plugins.prefer",
    None,
    "Distributions to prefer for a name: formats:pandas=acme-s2.",
    _env("PLUGINS_PREFER"),
)
_str(
    "plugins.allow",
    None,
    "The only foreign distributions to use: dist:acme-s2.",
    _env("PLUGINS_ALLOW"),
)
_bool(
    "plugins.autoload", None, "Look for plugins of other distributions.", _env("PLUGINS_AUTOLOAD")
)
_bool("plugins.trace", None, "Print to stderr how plugins are chosen.", _env("PLUGINS_TRACE"))
