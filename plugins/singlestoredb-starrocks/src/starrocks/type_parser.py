"""Read the type names that StarRocks reports, such as ``array<map<int,varchar(10)>>``."""

from __future__ import annotations

from typing import Any

from sqlalchemy.types import TypeEngine

from starrocks import datatype
from starrocks.lex import Token, tokens

ISCHEMA_NAMES: dict[str, type[TypeEngine[Any]]] = {
    "boolean": datatype.BOOLEAN,
    "tinyint": datatype.TINYINT,
    "smallint": datatype.SMALLINT,
    "int": datatype.INTEGER,
    "integer": datatype.INTEGER,
    "bigint": datatype.BIGINT,
    "largeint": datatype.LARGEINT,
    "float": datatype.FLOAT,
    "double": datatype.DOUBLE,
    "decimal": datatype.DECIMAL,
    "decimal32": datatype.DECIMAL,
    "decimal64": datatype.DECIMAL,
    "decimal128": datatype.DECIMAL,
    "varchar": datatype.VARCHAR,
    "char": datatype.CHAR,
    "string": datatype.STRING,
    "json": datatype.JSON,
    "date": datatype.DATE,
    "datetime": datatype.DATETIME,
    "timestamp": datatype.DATETIME,
    "binary": datatype.BINARY,
    "varbinary": datatype.VARBINARY,
    "hll": datatype.HLL,
    "percentile": datatype.PERCENTILE,
    "bitmap": datatype.BITMAP,
    "array": datatype.ARRAY,
    "map": datatype.MAP,
    "struct": datatype.STRUCT,
}
"""Type name, in lower case, to class."""

_LENGTH_IGNORED = (datatype.LARGEINT, datatype.BOOLEAN, datatype.HLL)


class TypeSyntaxError(ValueError):
    """The text is not a type name that StarRocks would print."""


def parse_type(text: str) -> TypeEngine[Any]:
    """Return the type that *text* names.

    Raise :class:`TypeSyntaxError` (a ``ValueError``) if it is malformed and ``TypeError`` if it
    names a type that StarRocks does not have.
    """
    parser = _Parser(text)
    type_ = parser.type_()
    parser.end()
    return type_


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(tokens(text))
        self._at = 0

    def _peek(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _next(self, expected: str) -> Token:
        token = self._peek()
        if token is None:
            raise TypeSyntaxError(f"type {self._text!r} ends where {expected} should follow")
        self._at += 1
        return token

    def _expect(self, text: str) -> None:
        token = self._next(repr(text))
        if token.text != text:
            raise TypeSyntaxError(
                f"type {self._text!r} has {token.text!r} at {token.start}, expected {text!r}"
            )

    def _accept(self, text: str) -> bool:
        token = self._peek()
        if token is None or token.text.lower() != text:
            return False
        self._at += 1
        return True

    def end(self) -> None:
        token = self._peek()
        if token is not None:
            raise TypeSyntaxError(f"type {self._text!r} has {token.text!r} behind its end")

    def type_(self) -> TypeEngine[Any]:
        token = self._next("a type name")
        name = token.text.lower()
        if token.kind != "word":
            raise TypeSyntaxError(f"type {self._text!r} has {token.text!r} for a type name")
        if name == "array":
            self._expect("<")
            item = self.type_()
            self._expect(">")
            return datatype.ARRAY(item)
        if name == "map":
            self._expect("<")
            key = self.type_()
            self._expect(",")
            value = self.type_()
            self._expect(">")
            return datatype.MAP(key, value)
        if name == "struct":
            return self._struct()
        numbers = self._numbers()
        unsigned = self._accept("unsigned")
        if name not in ISCHEMA_NAMES:
            raise TypeError(f"StarRocks has no type {name!r} (in {self._text!r})")
        return _scalar(name, numbers, unsigned)

    def _struct(self) -> TypeEngine[Any]:
        self._expect("<")
        fields = []
        while True:
            name = self._next("a field name")
            if name.kind == "op":
                raise TypeSyntaxError(f"type {self._text!r} has {name.text!r} for a field name")
            self._accept(":")
            fields.append((name.value, self.type_()))
            if self._accept("comment"):
                self._next("a comment")
            if not self._accept(","):
                break
        self._expect(">")
        return datatype.STRUCT(*fields)

    def _numbers(self) -> list[int]:
        numbers: list[int] = []
        if self._accept("("):
            while True:
                token = self._next("a number")
                if token.text == "*" and not numbers:  # varchar(*) is the greatest length
                    numbers.append(datatype.MAX_VARCHAR)
                elif token.text.isdigit():
                    numbers.append(int(token.text))
                else:
                    raise TypeSyntaxError(f"type {self._text!r} has {token.text!r} for a number")
                if not self._accept(","):
                    break
            self._expect(")")
        return numbers


def _scalar(name: str, numbers: list[int], unsigned: bool) -> TypeEngine[Any]:
    if unsigned and name == "bigint":  # how the information schema spells LARGEINT
        return datatype.LARGEINT()
    if name == "tinyint" and numbers == [1]:  # and BOOLEAN
        return datatype.BOOLEAN()
    cls = ISCHEMA_NAMES[name]
    if issubclass(cls, _LENGTH_IGNORED):
        return cls()
    if issubclass(cls, (datatype.TINYINT, datatype.SMALLINT, datatype.INTEGER, datatype.BIGINT)):
        return cls(display_width=numbers[0]) if numbers else cls()
    if issubclass(cls, datatype.DATETIME):
        return cls(fsp=numbers[0]) if numbers else cls()
    if len(numbers) > (2 if issubclass(cls, datatype.DECIMAL) else 1):
        raise TypeSyntaxError(f"type {name!r} does not take {len(numbers)} numbers")
    return cls(*numbers)
