"""System variables: the ones that exist, and their values at the start."""

from __future__ import annotations

from typing import Any

from .errors import error

VERSION = "5.7.32"
"""What ``@@version`` says, as SingleStore does: the MySQL whose protocol it speaks."""

GLOBAL_DEFAULTS: dict[str, Any] = {
    "version": VERSION,
    "memsql_version": "8.9.0",
    "version_comment": "SingleStore embedded engine (not a SingleStore server)",
    "autocommit": 1,
    "auto_increment_increment": 1,
    "auto_increment_offset": 1,
    "character_set_client": "utf8mb4",
    "character_set_connection": "utf8mb4",
    "character_set_database": "utf8mb4",
    "character_set_results": "utf8mb4",
    "character_set_server": "utf8mb4",
    "character_set_system": "utf8",
    "collation_connection": "utf8mb4_general_ci",
    "collation_database": "utf8mb4_general_ci",
    "collation_server": "utf8mb4_general_ci",
    "data_conversion_compatibility_level": "8.0",
    "default_storage_engine": "columnstore",
    "div_precision_increment": 4,
    "enable_extended_types_metadata": "OFF",
    "enable_external_functions": "ON",
    "enable_multipartition_queries": "ON",
    "foreign_key_checks": "OFF",
    "group_concat_max_len": 16777216,
    "http_api": "OFF",
    "http_proxy_port": 0,
    "init_connect": "",
    "interactive_timeout": 28800,
    "license": "",
    "lock_wait_timeout": 60,
    "lower_case_table_names": 0,
    "max_allowed_packet": 104857600,
    "net_read_timeout": 3600,
    "net_write_timeout": 3600,
    "performance_schema": "OFF",
    "query_cache_size": 0,
    "query_cache_type": "OFF",
    "resource_pool": "default_pool",
    "sql_auto_is_null": "OFF",
    "sql_mode": "STRICT_ALL_TABLES,ONLY_FULL_GROUP_BY",
    "sql_quote_show_create": "ON",
    "sql_safe_updates": "OFF",
    "sql_select_limit": 18446744073709551615,
    "system_time_zone": "UTC",
    "time_zone": "SYSTEM",
    "transaction_isolation": "READ-COMMITTED",
    "tx_isolation": "READ-COMMITTED",
    "tx_read_only": "OFF",
    "unique_checks": "ON",
    "vector_type_project_format": "JSON",
    "wait_timeout": 28800,
}

READ_ONLY = {"version", "memsql_version", "version_comment", "system_time_zone", "license"}

INERT = {"enable_multipartition_queries", "foreign_key_checks", "unique_checks", "resource_pool",
         "sql_safe_updates", "div_precision_increment", "group_concat_max_len",
         "sql_select_limit"}  # fmt: skip
"""Variables that can be set and change nothing here."""


def known(name: str) -> None:
    """Raise 1193 unless ``name`` is a system variable."""
    if name not in GLOBAL_DEFAULTS:
        raise error(1193, f"Unknown system variable '{name}'")


def normalise(name: str, value: Any) -> Any:
    """Return ``value`` as the variable keeps it: ON and OFF for switches."""
    default = GLOBAL_DEFAULTS.get(name)
    text = str(value).upper()
    if default in ("ON", "OFF") or name == "autocommit":
        if text in ("1", "ON", "TRUE"):
            return 1 if name == "autocommit" else "ON"
        if text in ("0", "OFF", "FALSE"):
            return 0 if name == "autocommit" else "OFF"
        if name == "query_cache_type":
            return text
        raise error(1231, f"Variable '{name}' can't be set to the value of '{value}'")
    if text == "DEFAULT":
        return default
    if isinstance(default, int) and not isinstance(value, int):
        try:
            return int(value)
        except (TypeError, ValueError):
            raise error(1232, f"Incorrect argument type to variable '{name}'") from None
    return value
