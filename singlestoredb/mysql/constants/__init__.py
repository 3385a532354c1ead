"""The protocol's numbers by name; those of MySQL come from PyMySQL."""

from __future__ import annotations

from singlestoredb.mysql.constants import (
    CLIENT,
    COMMAND,
    CR,
    ER,
    FIELD_TYPE,
    FLAG,
    SERVER_STATUS,
)

__all__ = ["CLIENT", "COMMAND", "CR", "ER", "FIELD_TYPE", "FLAG", "SERVER_STATUS"]
