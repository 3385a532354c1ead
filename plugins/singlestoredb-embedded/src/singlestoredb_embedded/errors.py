"""The errors of the engine: server error numbers, and what DuckDB's messages mean in them.

Every error is one of the SDK's PEP 249 classes, with the number and SQLSTATE that a server would
send.  Numbers and their meaning: the server error reference of MySQL, which SingleStore follows.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import duckdb

from singlestoredb.exceptions import DatabaseError, class_of

_SQLSTATE = {
    1007: "HY000", 1008: "HY000", 1046: "3D000", 1048: "23000", 1049: "42000", 1050: "42S01",
    1051: "42S02", 1052: "23000", 1054: "42S22", 1060: "42S21", 1061: "42000", 1062: "23000",
    1064: "42000", 1065: "42000", 1066: "42000", 1091: "42000", 1111: "HY000", 1136: "21S01",
    1146: "42S02", 1193: "HY000", 1205: "HY000", 1213: "40001", 1222: "21000", 1235: "42000",
    1241: "21000", 1242: "21000", 1264: "22003", 1265: "01000", 1292: "22007", 1305: "42000",
    1317: "70100", 1364: "HY000", 1366: "HY000", 1406: "22001", 1582: "42000", 1690: "22003",
}  # fmt: skip

MARK = "s2!"
"""Starts the messages of errors that translated SQL raises through DuckDB's ``error()``:
``s2!<number>!<text>``."""


def error(errno: int, message: str) -> DatabaseError:
    """Make the PEP 249 error for a server error number."""
    return class_of(errno)(errno, message, _SQLSTATE.get(errno, "HY000"))


def unsupported(feature: str) -> DatabaseError:
    """Make the refusal of a feature that SingleStore has and this engine does not."""
    return error(1235, f"embedded engine: {feature} is not supported")


def syntax_error(sql: str, position: int) -> DatabaseError:
    """Make error 1064 for the text at ``position`` (in characters) of a statement."""
    near = sql[position : position + 80]
    line = sql.count("\n", 0, position) + 1
    return error(
        1064,
        "You have an error in your SQL syntax; check the manual that corresponds to your "
        f"MySQL server version for the right syntax to use near '{near}' at line {line}",
    )


_FOLDED = re.compile(r"lower\(strip_accents\(rtrim\((.+?), ' '\)\)\)")


def duplicate_entry(message: str) -> dict[str, str] | None:
    """Return the key of DuckDB's message about a duplicate: column → value, in order."""
    start = message.find('Duplicate key "')
    if start < 0:
        # Against a row of the same transaction the message has the value only.
        local = re.search(r'constraint violation: duplicate key "(.*)"', message)
        return {"": local[1]} if local else None
    text = _FOLDED.sub(r"\1", message[start + 15 : message.rfind('" violates')])
    parts = re.split(r"(?:^|, )(\"(?:[^\"]|\"\")+\"|\w+): ", text)
    return {
        name.strip('"').replace('""', '"'): value
        for name, value in zip(parts[1::2], parts[2::2], strict=True)
    }


def _duplicate(match: re.Match[str]) -> str:
    entry = duplicate_entry(match.string) or {}
    return f"Duplicate entry '{'-'.join(entry.values())}' for a key"


_DUCKDB: list[tuple[str, int, Callable[[re.Match[str]], str] | None]] = [
    (r"NOT NULL constraint failed: (?P<c>\S+)", 1048,
     lambda m: f"Column '{m['c'].rpartition('.')[2]}' cannot be null"),
    (r"contains duplicates on indexed", 1062, lambda m: "Duplicate entries for the new key"),
    (r'Duplicate key ".*" violates|violation: duplicate key', 1062, _duplicate),
    (r'column "?(?P<c>[^"]+)"? must appear in the GROUP BY', 1055,
     lambda m: f"Expression '{m['c']}' is neither aggregated nor in the GROUP BY clause"),
    (r"CHECK constraint failed", 1264, lambda m: "Out of range value for column"),
    (r"(More than one row|Subquery returns more than 1 row)", 1242,
     lambda m: "Subquery returns more than 1 row"),
    (r"INTERRUPT", 1317, lambda m: "Query execution was interrupted"),
    (r"[Oo]verflow (?:in \w+ of|on )|[Oo]ut of range", 1690,
     lambda m: "BIGINT or DECIMAL value is out of range in an expression"),
    (r"Could not convert string|Conversion Error", 1366, None),
    (r"Conflict|conflict", 1213,
     lambda m: "Deadlock found when trying to get lock; try restarting transaction"),
    (r"Could not set lock on file|Cannot open file|IO Error", 1030, None),
    (r"Not implemented", 1235, None),
]  # fmt: skip


def from_duckdb(exc: duckdb.Error) -> DatabaseError:
    """Return the server's error for one of DuckDB's."""
    text = str(exc)
    at = text.find(MARK)
    if at >= 0:
        number, _, message = text[at + len(MARK) :].partition("!")
        return error(int(number), message.split("\n")[0])
    first = text.split("\n")[0]
    for pattern, errno, describe in _DUCKDB:
        match = re.search(pattern, text if errno == 1317 else first)
        if match:
            return error(errno, describe(match) if describe else first)
    return error(1105, f"embedded engine: {first}")
