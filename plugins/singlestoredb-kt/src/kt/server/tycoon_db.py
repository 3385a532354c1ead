"""What Kyoto Tycoon does to one database, whichever protocol or script asks for it."""

from __future__ import annotations

import math
import re
import struct
import time
from struct import Struct

from .posix_regex import compile_posix
from .store import Store

EXPIRY_MAX = 2**40 - 1
"""An expiry of this or more is none."""

_COUNTER = Struct(">q")
_DECIMAL = Struct(">qq")
FRACTION = 10**15
"""Unit of the fractional half of a stored decimal."""
_LEADING_INTEGER = re.compile(rb"\s*([+-]?[0-9]+)")
_LEADING_DECIMAL = re.compile(
    rb"\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?inf|nan)"
)


_STATUS_FIELDS = (
    *("bnum", "capcnt", "capsiz", "chksum", "fmtver", "ktcapcnt", "ktcapsiz", "ktopts"),
    *("librev", "libver", "opts", "realtype", "recovered", "reorganized"),
)
_TREE_STATUS_FIELDS = ("cusage", "icnt", "lcnt", "pccap", "pnum", "psiz", "rcomp", "root")


class LogicalError(Exception):
    """The request was fine, its condition did not hold (HTTP 450)."""


def no_record() -> LogicalError:
    """Return the error for a missing key."""
    return LogicalError("DB: 7: no record: no record")


def _conflict() -> LogicalError:
    return LogicalError("DB: 8: logical inconsistency: status conflict")


def leading_integer(text: bytes) -> int:
    """Return the integer that a text begins with, 0 without one, within 64 bits."""
    match = _LEADING_INTEGER.match(text)
    number = int(match.group(1)[:30]) if match else 0
    return max(-(2**63), min(2**63 - 1, number))


def leading_decimal(text: bytes) -> float:
    """Return the number that a text begins with, 0 without one."""
    match = _LEADING_DECIMAL.match(text)
    return float(match.group(1)) if match else 0.0


def absolute_expiry(xt: int) -> int | None:
    """Return the last second of a record: ``xt`` seconds from now, or Unix time ``-xt``."""
    expiry = -xt if xt < 0 else int(time.time()) + xt
    return None if expiry >= EXPIRY_MAX else expiry


class TycoonDatabase:
    """The operations on a store; the caller holds the server's lock."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def add(self, key: bytes, value: bytes, expiry: int | None) -> None:
        """Store unless the key exists."""
        if self.store.get(key) is not None:
            raise LogicalError("DB: 6: record duplication: record duplication")
        self.store.put(key, value, expiry)

    def replace(self, key: bytes, value: bytes, expiry: int | None) -> None:
        """Store if the key exists."""
        if self.store.get(key) is None:
            raise no_record()
        self.store.put(key, value, expiry)

    def append(self, key: bytes, value: bytes, expiry: int | None) -> None:
        """Append, or store; the expiry becomes the given one, also if that is none."""
        old = self.store.get(key)
        self.store.put(key, (old.value if old else b"") + value, expiry)

    def increment(self, key: bytes, num: int, orig: bytes | None, expiry: int | None) -> int:
        """Add to a counter, which is any value of 8 bytes, big-endian."""
        old = self.store.get(key)
        if orig == b"set":
            current = 0
        elif old is None:
            if orig == b"try":
                raise no_record()
            current = leading_integer(orig or b"")
        elif len(old.value) != _COUNTER.size:
            raise LogicalError("DB: 8: logical inconsistency: incompatible record")
        else:
            (current,) = _COUNTER.unpack(old.value)
        result = (current + num + 2**63) % 2**64 - 2**63
        self.store.put(key, _COUNTER.pack(result), expiry)
        return result

    def increment_double(
        self, key: bytes, num: float, orig: bytes | None, expiry: int | None
    ) -> float:
        """Add to a decimal: two big-endian integers, whole part and fraction × 10**15."""
        old = self.store.get(key)
        if orig == b"set":
            current = 0.0
        elif old is None:
            if orig == b"try":
                raise no_record()
            current = leading_decimal(orig or b"")
        elif len(old.value) != _DECIMAL.size:
            raise LogicalError("DB: 8: logical inconsistency: incompatible record")
        else:
            whole, fraction = _DECIMAL.unpack(old.value)
            current = whole + fraction / FRACTION
        result = current + num
        try:
            fraction_part, whole_part = math.modf(result)
            stored = _DECIMAL.pack(int(whole_part), round(fraction_part * FRACTION))
        except (OverflowError, ValueError, struct.error):
            raise LogicalError("DB: 8: logical inconsistency: the sum cannot be stored") from None
        self.store.put(key, stored, expiry)
        return result

    def cas(self, key: bytes, old: bytes | None, new: bytes | None, expiry: int | None) -> None:
        """Replace ``old`` by ``new``; ``None`` stands for a missing record on either side."""
        item = self.store.get(key)
        if (None if item is None else item.value) != old:
            raise _conflict()
        if new is None:
            self.store.delete(key)
        else:
            self.store.put(key, new, expiry)

    def match_prefix(self, prefix: bytes, limit: int) -> list[bytes]:
        """Return keys with a prefix; a negative limit is none."""
        return _limited(list(self.store.keys(prefix)), limit)

    def match_regex(self, pattern: bytes, limit: int) -> list[bytes]:
        """Return keys in which an expression is found."""
        try:
            search = compile_posix(pattern).search
        except ValueError as exc:
            raise LogicalError(f"DB: 8: logical inconsistency: {exc}") from exc
        return _limited([key for key in self.store if search(key)], limit)

    def match_similar(self, origin: bytes, distance: int, utf: bool, limit: int) -> list[bytes]:
        """Return keys within an edit distance of characters (``utf``) or bytes, nearest first."""
        wanted = _characters(origin, utf)
        found = []
        for key in self.store:
            edits = _edit_distance(wanted, _characters(key, utf), distance)
            if edits <= distance:
                found.append((edits, key))
        return _limited([key for _, key in sorted(found)], limit)

    def status(self) -> dict[bytes, object]:
        """Return the fields of a status report; 0 for what has no counterpart here."""
        store = self.store
        count = store.count()
        fields: dict[str, object] = dict.fromkeys(_STATUS_FIELDS, 0)
        fields |= {"count": count, "size": store.size(), "path": store.name, "type": store.kind}
        if store.ordered:
            fields |= dict.fromkeys(_TREE_STATUS_FIELDS, 0)
            fields |= {"first": int(count > 0), "last": int(count > 0)}
        return {name.encode(): value for name, value in fields.items()}


def _limited(keys: list[bytes], limit: int) -> list[bytes]:
    return keys if limit < 0 else keys[:limit]


def _characters(key: bytes, utf: bool) -> bytes | str:
    return key.decode("utf-8", "surrogateescape") if utf else key


def _edit_distance(a: bytes | str, b: bytes | str, limit: int) -> int:
    """Return the Levenshtein distance, or anything over ``limit`` once it cannot be less."""
    if abs(len(a) - len(b)) > limit:
        return limit + 1
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(b, 1):
            cost = min(row[j] + 1, row[j - 1] + 1, diagonal + (left != right))
            diagonal, row[j] = row[j], cost
        if min(row) > limit:
            return limit + 1
    return row[-1]
