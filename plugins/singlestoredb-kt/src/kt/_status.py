"""Status reports of both servers."""

from __future__ import annotations

import re

_INTEGER = re.compile(r"[+-]?[0-9]+\Z")
_DECIMAL = re.compile(r"[+-]?[0-9]+\.[0-9]+\Z")

StatusValue = int | float | str


def status_fields(records: list[tuple[bytes, bytes]]) -> dict[str, StatusValue]:
    """Return the fields of a status report: integers and decimals as numbers, the rest as text.

    A ``path`` stays text even if the file's name is a number.
    """
    fields: dict[str, StatusValue] = {}
    for raw_name, raw_value in records:
        name = raw_name.decode("utf-8", "replace")
        text = raw_value.decode("utf-8", "replace")
        if name == "path":
            fields[name] = text
        elif _INTEGER.match(text):
            fields[name] = int(text)
        elif _DECIMAL.match(text):
            fields[name] = float(text)
        else:
            fields[name] = text
    return fields
