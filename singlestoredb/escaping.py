"""Python values as SQL literals, and statements with their arguments written into them.

Only what the MySQL dialect takes as a literal comes out of here, so a value can never become
part of a statement's structure.  What has no literal is refused, with one exception that is kept
for compatibility: an object of an unknown type that has a ``__str__`` of its own (UUID, Path, a
plain Enum, …) is written as that text.

Decisions that are not obvious:

* A ``datetime`` or ``time`` with a time zone loses the zone: the fields are written as they are,
  and nothing is converted.  Convert to the zone that the column means before you pass it.
* ``IntEnum`` is its number and ``StrEnum`` its text, as every subclass of ``int`` and ``str``.
* ``list``, ``tuple`` and sets become ``(a,b,…)``, for ``IN``; an empty one becomes ``()``, which
  the server refuses.
* A ``dict`` as a value is refused: pass ``json.dumps(value)`` for a JSON column.
* Missing values of pandas and numpy (``NA``, ``NaT``) are ``NULL``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from time import struct_time
from typing import Any

from .exceptions import ProgrammingError

Encoder = Callable[[Any, Any], str]
"""``encoder(value, encoders) -> literal``, as ``connect(conv={type: encoder})`` takes it."""

_Escape = Callable[[Any], str]


# -- literals that no option changes ---------------------------------------------------------


def _text(value: str) -> str:
    # "in" runs at memory speed and most texts need nothing, so seven looks beat translate() and a
    # compiled pattern: 0.2 us against 1.3 and 14 for 2000 clean characters (CPython 3.13).
    if "\\" in value:  # first: the others add backslashes
        value = value.replace("\\", "\\\\")
    if "'" in value:
        value = value.replace("'", "\\'")
    if '"' in value:
        value = value.replace('"', '\\"')
    if "\n" in value:
        value = value.replace("\n", "\\n")
    if "\r" in value:
        value = value.replace("\r", "\\r")
    if "\0" in value:
        value = value.replace("\0", "\\0")
    if "\x1a" in value:
        value = value.replace("\x1a", "\\Z")
    return f"'{value}'"


def _text_without_backslashes(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _null(value: object) -> str:
    return "NULL"


def _bool(value: object) -> str:
    return "1" if value else "0"


def _bytes(value: bytes | bytearray | memoryview) -> str:
    return f"X'{value.hex()}'"


def _prefixed_bytes(value: bytes | bytearray | memoryview) -> str:
    return f"_binary X'{value.hex()}'"


# The methods are called through their classes: a subclass's may say more, as pandas's nanoseconds.
def _date(value: date) -> str:
    return f"'{date.isoformat(value)}'"


def _datetime(value: datetime) -> str:
    if value.tzinfo is not None:
        value = value.replace(tzinfo=None)
    return f"'{datetime.isoformat(value, ' ')}'"


def _time(value: time) -> str:
    if value.tzinfo is not None:
        value = value.replace(tzinfo=None)
    return f"'{time.isoformat(value)}'"


def _timedelta(value: timedelta) -> str:
    sign = "-" if value.days < 0 else ""
    span = -value if sign else value
    seconds = span.days * 86400 + span.seconds
    fraction = f".{span.microseconds:06}" if span.microseconds else ""
    return f"'{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}'"


def _struct_time(value: struct_time) -> str:
    return "'{:04}-{:02}-{:02} {:02}:{:02}:{:02}'".format(*value)


# -- escaping --------------------------------------------------------------------------------


class _Table(dict[type, _Escape]):
    """Type → function; a type seen for the first time is looked up once."""

    # A program may make classes without end; only so many are remembered.
    LIMIT = 1000

    def __init__(self, find: Callable[[type], _Escape]) -> None:
        self.find = find

    def __missing__(self, kind: type) -> _Escape:
        found = self.find(kind)
        if len(self) < self.LIMIT:
            self[kind] = found
        return found


class Escaper:
    """Turns values into literals, under options that are settled once.

    Args:
        encoders: type → ``encoder(value, encoders)``, laid over the defaults; it also serves the
            type's subclasses.
        no_backslash_escapes: the server's SQL mode has NO_BACKSLASH_ESCAPES.
        nan_as_null: write NaN as ``NULL`` rather than refuse it.
        inf_as_null: write infinities, the negative one too, as ``NULL`` rather than refuse them.
        binary_prefix: under NO_BACKSLASH_ESCAPES, write ``_binary X'…'`` for bytes.
    """

    __slots__ = ("_custom", "_encoders", "_inf_as_null", "_nan_as_null", "_table")

    def __init__(
        self,
        encoders: Mapping[Any, Encoder] | None = None,
        *,
        no_backslash_escapes: bool = False,
        nan_as_null: bool = False,
        inf_as_null: bool = False,
        binary_prefix: bool = False,
    ) -> None:
        self._nan_as_null = nan_as_null
        self._inf_as_null = inf_as_null
        table = self._table = _Table(self._find)
        table.update(_FIXED)
        table[str] = _text_without_backslashes if no_backslash_escapes else _text
        as_bytes = _prefixed_bytes if binary_prefix and no_backslash_escapes else _bytes
        table[bytes] = table[bytearray] = table[memoryview] = as_bytes
        table[float] = self._float
        table[list] = table[tuple] = table[set] = table[frozenset] = self._sequence
        self._encoders: dict[type, Encoder] = {}
        self._custom: dict[type, _Escape] = {}
        if encoders:
            self._encoders = {**_DEFAULT_ENCODERS, **encoders}
            for kind, encoder in encoders.items():
                # The defaults may have been merged in: the table's own know the options.
                if encoder is not _DEFAULT_ENCODERS.get(kind):
                    self._custom[kind] = table[kind] = self._wrap(encoder)

    def escape(self, value: Any) -> str:
        """Return the literal of ``value``.

        Raises:
            ProgrammingError: it has none.
        """
        return self._table[type(value)](value)

    def interpolate(self, sql: str, args: Any, *, empty_args: bool = False) -> str:
        """Return ``sql`` with ``args`` in place of its ``%s`` or ``%(name)s``.

        Args:
            sql: the statement; ``%%`` means a percent sign.
            args: a list or tuple for ``%s``; a mapping, dataclass or pydantic model for
                ``%(name)s``; anything else is one argument.  With ``None``, ``()``, ``[]`` or
                ``{}`` the statement is returned untouched, ``%%`` included.
            empty_args: treat ``()``, ``[]`` and ``{}`` like any other arguments.

        Raises:
            ProgrammingError: statement and arguments do not fit, or an argument has no literal.
        """
        kind = type(args)
        if kind is tuple or kind is list:  # fast path
            if not args and not empty_args:
                return sql
        elif args is None:
            return sql
        elif not isinstance(args, (tuple, list)):
            named = None if kind in self._custom else _as_mapping(args)
            if named is not None:
                return self._interpolate_named(sql, named) if named or empty_args else sql
            args = (args,)
        elif not args and not empty_args:  # a subclass
            return sql
        count, names = _placeholders(sql)
        if names or count != len(args):
            raise _wrong_arguments(count, names, len(args))
        table = self._table
        # Only %s and %% are left in it, so that Python's own operator is right.
        return sql % tuple([table[type(value)](value) for value in args])

    def _interpolate_named(self, sql: str, args: Mapping[str, Any]) -> str:
        count, names = _placeholders(sql)
        if count:
            raise ProgrammingError(
                0,
                "the statement has %s placeholders, but the arguments have names",
                hint="pass a sequence, or write %(name)s",
            )
        literals = {}
        for name in names:
            try:
                value = args[name]
            except KeyError:
                have = ", ".join(sorted(map(str, args))) or "none"
                raise ProgrammingError(
                    0, f"no argument is named {name!r}; the arguments' names: {have}"
                ) from None
            literals[name] = self.escape(value)
        return sql % literals

    def row_writer(self, template: str, accelerator: Any) -> Any:
        """Return what writes rows in C, of a template with ``%s`` only.

        ``None`` where that would not be the same: for named placeholders and with encoders of
        one's own.

        Args:
            template: a row of an INSERT, ``(%s, now(), %s)``.
            accelerator: the accelerator ``literals``.
        """
        count, names = _placeholders(template)
        if self._custom or names or not count:
            return None
        pieces = [""]
        at = 0
        for found in _PLACEHOLDER.finditer(template):
            pieces[-1] += template[at : found.start()]
            at = found.end()
            if found.lastindex == 1:
                pieces.append("")
            else:
                pieces[-1] += "%"
        pieces[-1] += template[at:]
        return accelerator.RowWriter(
            tuple([piece.encode("utf-8", "surrogatepass") for piece in pieces]),
            self.escape,
            lambda row: self.interpolate(template, row),
            self._table[str] is _text_without_backslashes,
            self._table[bytes] is _bytes,
        )

    # -- what the options change --

    def _float(self, value: float) -> str:
        text = float.__repr__(value)
        if "n" in text:  # nan, inf, -inf
            return self._not_finite(text)
        return text if "e" in text else text + "e0"

    def _not_finite(self, text: str) -> str:
        nan = "nan" in text.lower()
        if self._nan_as_null if nan else self._inf_as_null:
            return "NULL"
        option = "nan_as_null" if nan else "inf_as_null"
        raise ProgrammingError(
            0,
            f"{text.lower()} can not be used with SingleStoreDB",
            hint=f"{option}=True sends it as NULL",
        )

    def _decimal(self, value: Any) -> str:
        if not value.is_finite():
            return self._not_finite("nan" if value.is_nan() else f"{value}")
        # Beyond every DECIMAL, which has at most 65 digits: spare the zeros.
        if abs(value.adjusted()) > 100:
            return str(value)
        return f"{value:f}"

    def _sequence(self, values: Iterable[Any]) -> str:
        table = self._table
        return "(" + ",".join([table[type(value)](value) for value in values]) + ")"

    def _wrap(self, encoder: Encoder) -> _Escape:
        def encode(value: Any) -> str:
            literal = encoder(value, self._encoders)
            if not isinstance(literal, str):
                raise ProgrammingError(
                    0,
                    f"the encoder of {type(value).__name__} must return str,"
                    f" not {type(literal).__name__}",
                )
            return literal

        return encode

    # -- types that are not in the table --

    def _find(self, kind: type) -> _Escape:
        """Return the function for a type that is met for the first time."""
        for base in kind.__mro__:
            if base in self._custom:
                return self._custom[base]
        foreign = self._find_foreign(kind)
        if foreign is not None:
            return foreign
        for base in kind.__mro__:
            if base in _PLAIN:
                # The base's own value: a subclass's str() or repr() may be anything.
                plain, escape = _PLAIN[base], self._table[base]
                return lambda value: escape(plain(value))
            if base in (list, tuple, set, frozenset, date, datetime, time, timedelta):
                return self._table[base]
        if issubclass(kind, Mapping) or hasattr(kind, "model_dump"):
            return _refuse_mapping
        if kind.__str__ is object.__str__:
            return _refuse
        text = self._table[str]
        return lambda value: text(str(value))

    def _find_foreign(self, kind: type) -> _Escape | None:
        """Return the function for a type of a library, which is known by name: it is not imported
        to find that a value is not its own."""
        for base in kind.__mro__:
            package = base.__module__.partition(".")[0]
            name = base.__name__
            if package in ("decimal", "_pydecimal") and name == "Decimal":
                return self._decimal
            if package == "pandas" and name in ("NaTType", "NAType"):
                return _null
            if package == "numpy":
                if name in ("complexfloating", "void"):
                    return _refuse
                if name in _NUMPY:
                    return getattr(self, _NUMPY[name])  # type: ignore[no-any-return]  # by name
        return None

    def _numpy_integer(self, value: Any) -> str:
        return str(int(value))

    def _numpy_bool(self, value: Any) -> str:
        return _bool(value)

    def _numpy_float(self, value: Any) -> str:
        text = str(value)  # as many digits as its precision needs
        if "n" in text:
            return self._not_finite(text)
        return text if "e" in text else text + "e0"

    def _numpy_time(self, value: Any) -> str:
        if value != value:  # NaT
            return "NULL"
        unit = "D" if value.dtype.str in ("<M8[D]", ">M8[D]") else "us"
        plain = value.astype(f"{value.dtype.kind}8[{unit}]").item()
        if isinstance(plain, int):  # outside datetime's range
            return self._table[str](str(value))
        return self._table[type(plain)](plain)

    def _numpy_array(self, value: Any) -> str:
        if value.dtype.kind not in "biuf":
            raise ProgrammingError(
                0,
                f"an array of {value.dtype} cannot be written as a value",
                hint="arrays of numbers are written as packed elements; pass .tolist() for a list",
            )
        packed = value.astype(value.dtype.newbyteorder("<"), copy=False).tobytes()
        return self._table[bytes](packed)


_NUMPY = {
    "ndarray": "_numpy_array",
    "integer": "_numpy_integer",
    "floating": "_numpy_float",
    "bool": "_numpy_bool",
    "bool_": "_numpy_bool",
    "datetime64": "_numpy_time",
    "timedelta64": "_numpy_time",
}
"""Base class of numpy's → method of Escaper.  timedelta64 is also an integer, but comes first in
its MRO."""

_PLAIN: dict[type, Callable[[Any], Any]] = {
    str: str.__str__,
    bytes: bytes,
    bytearray: bytes,
    int: int,
    float: float,
}
"""Type → what makes a plain one from an instance of a subclass."""

_FIXED: dict[type, _Escape] = {
    type(None): _null,
    bool: _bool,
    int: int.__repr__,
    date: _date,
    datetime: _datetime,
    time: _time,
    timedelta: _timedelta,
    struct_time: _struct_time,
}


def _refuse(value: object) -> str:
    raise ProgrammingError(
        0,
        f"a value of type {type(value).__module__}.{type(value).__qualname__} cannot be written"
        " in SQL",
        hint="pass a plain value, or give conv={type: encoder} to the connection",
    )


def _refuse_mapping(value: object) -> str:
    raise ProgrammingError(
        0,
        f"a {type(value).__name__} cannot be written as one value in SQL",
        hint="pass its JSON text for a JSON column, or use its items as %(name)s arguments",
    )


# -- statements ------------------------------------------------------------------------------


def _as_mapping(args: Any) -> Mapping[str, Any] | None:
    """Return arguments that have names as a mapping; ``None`` for one plain argument."""
    kind = type(args)
    if kind is dict:
        return args  # type: ignore[no-any-return]  # a dict
    if kind in _FIXED or kind is str or kind is float:
        return None  # spared the slow question below
    if isinstance(args, Mapping):
        return args
    if hasattr(kind, "model_dump"):  # pydantic 2
        return args.model_dump()  # type: ignore[no-any-return]  # pydantic says a dict
    if hasattr(kind, "__dataclass_fields__"):
        from dataclasses import fields

        return {field.name: getattr(args, field.name) for field in fields(args)}
    if hasattr(kind, "__fields__") and hasattr(kind, "dict"):  # pydantic 1
        return args.dict()  # type: ignore[no-any-return]  # pydantic says a dict
    return None


_PLACEHOLDER = re.compile(r"%(?:(s)|(%)|\(([^()%]*)\)s)?")


def _scan(sql: str) -> tuple[int, tuple[str, ...]]:
    """Return how many ``%s`` the statement has, and the names of its ``%(name)s``."""
    count = 0
    names: dict[str, None] = {}
    for found in _PLACEHOLDER.finditer(sql):
        kind = found.lastindex
        if kind == 1:
            count += 1
        elif kind == 3:
            names[found[3]] = None
        elif kind is None:
            raise _bad_placeholder(sql, found.start())
    if count and names:
        raise ProgrammingError(
            0,
            "the statement mixes %s and %(name)s placeholders",
            hint="use one kind",
        )
    return count, tuple(names)


_scan_cached = lru_cache(maxsize=256)(_scan)


def _placeholders(sql: str) -> tuple[int, tuple[str, ...]]:
    try:
        # Long texts are seldom the same twice, and should not be kept alive.
        return _scan_cached(sql) if len(sql) <= 4096 else _scan(sql)
    except TypeError:
        raise ProgrammingError(
            0, f"a statement with arguments must be str, not {type(sql).__name__}"
        ) from None


_CONVERSION = re.compile(r"%(\([^()]*\))?[-#0 +]*[0-9.*]*[a-zA-Z]|%\([^\s)]*")


def _bad_placeholder(sql: str, position: int) -> ProgrammingError:
    found = _CONVERSION.match(sql, position)
    where = f"at character {position + 1} of the statement"
    if found:
        use = f"%{found[1]}s" if found[1] else "%s or %(name)s"
        return ProgrammingError(
            0,
            f"{found[0]!r} {where} is not a placeholder",
            hint=f"use {use}, whatever the value's type; for a percent sign write %%",
        )
    return ProgrammingError(
        0,
        f"a lone '%' {where}",
        hint="in a statement with arguments, double it: %%",
    )


def _plural(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"


def _wrong_arguments(count: int, names: tuple[str, ...], given: int) -> ProgrammingError:
    if names:
        return ProgrammingError(
            0,
            f"the statement has the named placeholder %({names[0]})s, but the arguments have no"
            " names",
            hint="pass a dict, or write %s",
        )
    return ProgrammingError(
        0,
        f"the statement has {_plural(count, 'placeholder')}, {_plural(given, 'argument')}"
        f" {'was' if given == 1 else 'were'} given",
    )


# -- the plain functions ---------------------------------------------------------------------


@lru_cache(maxsize=16)
def _shared(no_backslash: bool, nan: bool, inf: bool, prefix: bool) -> Escaper:
    return Escaper(
        no_backslash_escapes=no_backslash, nan_as_null=nan, inf_as_null=inf, binary_prefix=prefix
    )


def _escaper(
    encoders: Mapping[Any, Encoder] | None, no_backslash: bool, nan: bool, inf: bool, prefix: bool
) -> Escaper:
    if encoders is None or encoders is _DEFAULT_ENCODERS:
        return _shared(no_backslash, nan, inf, prefix)
    return Escaper(
        encoders,
        no_backslash_escapes=no_backslash,
        nan_as_null=nan,
        inf_as_null=inf,
        binary_prefix=prefix,
    )


def escape(
    value: Any,
    *,
    encoders: Mapping[Any, Encoder] | None = None,
    no_backslash_escapes: bool = False,
    nan_as_null: bool = False,
    inf_as_null: bool = False,
    binary_prefix: bool = False,
) -> str:
    """Return the literal of ``value``; see :class:`Escaper` for the options.

    Raises:
        ProgrammingError: it has none.
    """
    return _escaper(encoders, no_backslash_escapes, nan_as_null, inf_as_null, binary_prefix).escape(
        value
    )


def interpolate(
    sql: str,
    args: Any,
    *,
    encoders: Mapping[Any, Encoder] | None = None,
    no_backslash_escapes: bool = False,
    nan_as_null: bool = False,
    inf_as_null: bool = False,
    binary_prefix: bool = False,
    empty_args: bool = False,
) -> str:
    """Return ``sql`` with ``args`` written into it; see :meth:`Escaper.interpolate`.

    Raises:
        ProgrammingError: statement and arguments do not fit, or an argument has no literal.
    """
    return _escaper(
        encoders, no_backslash_escapes, nan_as_null, inf_as_null, binary_prefix
    ).interpolate(sql, args, empty_args=empty_args)


def identifier(name: str) -> str:
    """Return ``name`` as a quoted identifier.

    Raises:
        ProgrammingError: it is empty, no text, or has a NUL character, which no identifier may.
    """
    given: object = name  # whatever the annotation says
    if not isinstance(given, str) or not name or "\0" in name:
        raise ProgrammingError(0, f"{name!r} cannot be an identifier")
    return "`" + name.replace("`", "``") + "`"


def _as_encoder(kind: type) -> Encoder:
    def encoder(value: Any, mapping: Mapping[Any, Encoder] | None = None) -> str:
        return _escaper(mapping, False, False, False, False).escape(value)

    encoder.__doc__ = f"Return the literal of a {kind.__name__}."
    return encoder


_DEFAULT_ENCODERS: dict[type, Encoder] = {
    kind: _as_encoder(kind)
    for kind in (
        *_FIXED,
        *(str, bytes, bytearray, memoryview, float),
        *(list, tuple, set, frozenset),
    )
}
encoders = _DEFAULT_ENCODERS
"""Type → ``encoder(value, encoders)``: what is used where nothing else is given.

Lay your own over it (``{**encoders, Money: money}``).  Types that are not in it are found as the
module says.
"""
