"""What a function is to the translator, and the table of all of them.

A plain function is a row: its arguments' conversions, an SQL template, a result type.  One that
needs more is a *builder*: Python that gets the translated arguments and returns the result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from singlestoredb_embedded import nodes
from singlestoredb_embedded.errors import error
from singlestoredb_embedded.translate import convert
from singlestoredb_embedded.translate.typed import Typed
from singlestoredb_embedded.types import LONGTEXT, SqlType, text

if TYPE_CHECKING:
    import datetime


class Context(Protocol):
    """What a builder may ask of the translation that calls it."""

    database: str
    user: str
    connection_id: int
    last_insert_id: int
    row_count: int
    found_rows: int

    @property
    def now(self) -> datetime.datetime:
        """The statement's time (UTC), the same for all of it."""

    def variable(self, name: str) -> Any:
        """Return a system variable's value."""

    def sleep(self, seconds: float) -> None:
        """Wait, unless the statement is cancelled."""

    def mark_random(self) -> None:
        """Note that repeating the statement would give other values."""

    def mark_volatile(self) -> None:
        """Note that the statement may answer differently each time."""


Returns = SqlType | Callable[[Sequence[Typed]], SqlType]
Builder = Callable[[Context, nodes.Call, list[Typed]], Typed]

_CONVERSIONS: dict[str, Callable[[Typed], str]] = {
    "t": convert.to_text,
    "d": convert.to_double,
    "i": convert.to_bigint,
    "n": lambda value: convert.to_number(value).sql,
    "D": convert.to_date,
    "T": convert.to_datetime,
    "H": convert.to_time,
    "b": convert.to_blob,
    "B": convert.to_bool,
    "x": lambda value: value.sql,
}
"""Letter in :attr:`Function.args` → conversion: text, double, integer, number of its own type,
date, datetime (``T``), time (``H``), blob, boolean, none (``x``)."""


@dataclass(frozen=True)
class Function:
    """One function of the dialect."""

    name: str
    minimum: int
    maximum: int | None
    """Most arguments; ``None`` for any number."""
    build: Builder
    kind: str = "scalar"
    """``scalar``, ``aggregate`` or ``window``."""

    def call(self, context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
        """Translate one call; raises 1582 for a wrong number of arguments."""
        if len(args) < self.minimum or (self.maximum is not None and len(args) > self.maximum):
            raise error(
                1582, f"Incorrect parameter count in the call to native function '{self.name}'"
            )
        return self.build(context, call, args)


FUNCTIONS: dict[str, Function] = {}
"""Upper-case name → function."""


def builder(
    names: str,
    minimum: int,
    maximum: int | None = -1,
    kind: str = "scalar",
    *,
    strict: bool = False,
) -> Callable[[Builder], Builder]:
    """Register a builder under ``names`` (separated by blanks).

    It takes ``minimum`` to ``maximum`` arguments: exactly ``minimum`` when that is not given, any
    number when it is ``None``.  With ``strict`` a NULL argument makes the result NULL whatever the
    SQL says.
    """

    def register(build: Builder) -> Builder:
        most = minimum if maximum == -1 else maximum
        final = _strict(build) if strict else build
        for name in names.split():
            FUNCTIONS[name] = Function(name, minimum, most, final, kind)
        return build

    return register


def _strict(build: Builder) -> Builder:
    def strict(context: Context, call: nodes.Call, args: list[Typed]) -> Typed:
        result = build(context, call, args)
        nulls = " OR ".join(f"{arg.sql} IS NULL" for arg in args if arg.nullable)
        if not nulls:
            return result
        return replace(result, sql=f"CASE WHEN {nulls} THEN NULL ELSE {result.sql} END")

    return strict


def plain(
    names: str, args: str, sql: str, returns: Returns, *, exact: bool = False, strict: bool = False
) -> None:
    """Register a function that is an SQL template.

    ``args`` has a letter of the conversion table per argument; after ``?`` they are optional and
    after ``*`` the last letter repeats.  In ``sql``, ``{0}`` … are the arguments, ``{all}`` all of
    them with commas.
    """
    required, optional, rest = args, "", ""
    if "*" in args:
        required, _, rest = args.partition("*")
        rest = rest or required[-1]
    elif "?" in args:
        required, _, optional = args.partition("?")
    letters = required + optional

    def build(context: Context, call: nodes.Call, values: list[Typed]) -> Typed:
        converted = [
            _CONVERSIONS[letters[i] if i < len(letters) else rest](value)
            for i, value in enumerate(values)
        ]
        result = sql.format(*converted, all=", ".join(converted))
        kind = returns if isinstance(returns, SqlType) else returns(values)
        return Typed(result, kind, exact=exact)

    most = None if rest else len(letters)
    builder(names, len(required), most, strict=strict)(build)


def same(values: Sequence[Typed]) -> SqlType:
    """Result type: that of the first argument, a text if it has none."""
    kind = values[0].type
    if kind.is_text and not kind.values:
        return SqlType("VARCHAR", length=kind.length, collation=kind.collation) if (
            kind.length
        ) else SqlType("LONGTEXT", collation=kind.collation)  # fmt: skip
    return kind if kind.is_numeric else LONGTEXT


def total_length(values: Sequence[Typed]) -> SqlType:
    """Result type: a text as long as all arguments together."""
    total = 0
    collation = ""
    for value in values:
        if value.type.is_text and value.type.collation:
            collation = value.type.collation
        length = value.type.length if value.type.is_text else 21
        if length is None:
            return SqlType("LONGTEXT", collation=collation)
        total += length
    kind = text(total)
    return SqlType(kind.kind, length=kind.length, collation=collation)


def constant(value: Typed, what: str) -> str:
    """Return the text of an argument that has to be a constant."""
    from singlestoredb_embedded.errors import unsupported

    if value.literal is None or value.literal.kind == "null":
        raise unsupported(f"{what} that is not a constant")
    return value.literal.text
