"""The protocol's numbers by name; those of MySQL come from PyMySQL."""

from __future__ import annotations

from singlestoredb.mysql.constants import (
    CLIENT,
    COMMAND,
    CR,
    ER,
    EXTENDED_TYPE,
    FIELD_TYPE,
    FLAG,
    SERVER_STATUS,
    VECTOR_TYPE,
)

__all__ = [
    "CLIENT",
    "COMMAND",
    "CR",
    "ER",
    "EXTENDED_TYPE",
    "FIELD_TYPE",
    "FLAG",
    "SERVER_STATUS",
    "VECTOR_TYPE",
]
