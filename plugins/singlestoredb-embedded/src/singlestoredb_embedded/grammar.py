"""What every parser of this package shares: a cursor over tokens, names, literals and types."""

from __future__ import annotations

from .errors import error, syntax_error
from .lex import Token, identifier_value, string_value
from .nodes import TypeName

RESERVED = frozenset(
    [
        "ALL",
        "ALTER",
        "AND",
        "AS",
        "ASC",
        "BETWEEN",
        "BY",
        "CASE",
        "CREATE",
        "CROSS",
        "DELETE",
        "DESC",
        "DISTINCT",
        "DIV",
        "DROP",
        "ELSE",
        "EXCEPT",
        "EXISTS",
        "FALSE",
        "FOR",
        "FROM",
        "GROUP",
        "HAVING",
        "IN",
        "INNER",
        "INSERT",
        "INTERSECT",
        "INTO",
        "IS",
        "JOIN",
        "LEFT",
        "LIKE",
        "LIMIT",
        "LOCK",
        "MINUS",
        "NATURAL",
        "NOT",
        "NULL",
        "ON",
        "OR",
        "ORDER",
        "OUTER",
        "PROCEDURE",
        "REGEXP",
        "RIGHT",
        "RLIKE",
        "SELECT",
        "SET",
        "STRAIGHT_JOIN",
        "TABLE",
        "THEN",
        "TO",
        "TRUE",
        "UNION",
        "UPDATE",
        "USE",
        "USING",
        "VALUES",
        "WHEN",
        "WHERE",
        "WINDOW",
        "WITH",
        "XOR",
    ]
)
"""Words that are never a bare name of a column, a table or an alias."""

TYPE_SYNONYMS = {
    "BOOL": "TINYINT", "BOOLEAN": "TINYINT", "INTEGER": "INT", "DEC": "DECIMAL",
    "NUMERIC": "DECIMAL", "FIXED": "DECIMAL", "REAL": "DOUBLE", "CHARACTER": "CHAR",
    "NCHAR": "CHAR", "NVARCHAR": "VARCHAR", "LONG": "MEDIUMTEXT", "MIDDLEINT": "MEDIUMINT",
    "INT1": "TINYINT", "INT2": "SMALLINT", "INT3": "MEDIUMINT", "INT4": "INT", "INT8": "BIGINT",
    "FLOAT4": "FLOAT", "FLOAT8": "DOUBLE", "SIGNED": "BIGINT", "UNSIGNED": "BIGINT",
}  # fmt: skip

TYPE_NAMES = frozenset(
    [
        "TINYINT",
        "SMALLINT",
        "MEDIUMINT",
        "INT",
        "BIGINT",
        "FLOAT",
        "DOUBLE",
        "DECIMAL",
        "BIT",
        "DATE",
        "TIME",
        "DATETIME",
        "TIMESTAMP",
        "YEAR",
        "CHAR",
        "VARCHAR",
        "BINARY",
        "VARBINARY",
        "TINYTEXT",
        "TEXT",
        "MEDIUMTEXT",
        "LONGTEXT",
        "TINYBLOB",
        "BLOB",
        "MEDIUMBLOB",
        "LONGBLOB",
        "JSON",
        "BSON",
        "VECTOR",
        "GEOGRAPHY",
        "GEOGRAPHYPOINT",
        "ENUM",
        "SET",
    ]
)


class TokenStream:
    """A cursor over the tokens of one statement."""

    def __init__(self, sql: str, tokens: list[Token], *, backslash: bool = True) -> None:
        self.sql = sql
        self.tokens = tokens
        self.position = 0
        self.backslash = backslash
        self.slots: dict[int, int] = {}
        """Offset of a constant that is filled in later → its number."""

    # -- looking ---------------------------------------------------------------------------

    @property
    def token(self) -> Token:
        """The next token."""
        return self.tokens[self.position]

    def peek(self, ahead: int = 1) -> Token:
        """The token ``ahead`` places after the next one."""
        return self.tokens[min(self.position + ahead, len(self.tokens) - 1)]

    def at(self, *words: str) -> bool:
        """Whether the next tokens are these words or operators."""
        tokens, position = self.tokens, self.position
        if tokens[position].word != words[0]:
            return False
        last = len(tokens) - 1
        return all(
            tokens[min(position + i, last)].word == word for i, word in enumerate(words) if i
        )

    def at_any(self, *words: str) -> bool:
        """Whether the next token is one of these."""
        return self.token.word in words

    @property
    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self.token.kind == "end"

    def text(self, start: int, end: int) -> str:
        """Source between the tokens numbered ``start`` and ``end`` (half open)."""
        if start >= end:
            return ""
        return self.sql[self.tokens[start].start : self.tokens[end - 1].end]

    # -- taking ----------------------------------------------------------------------------

    def next(self) -> Token:
        """Take the next token."""
        token = self.token
        if token.kind != "end":
            self.position += 1
        return token

    def accept(self, *words: str) -> bool:
        """Take these words if they come next."""
        if self.at(*words):
            self.position += len(words)
            return True
        return False

    def accept_any(self, *words: str) -> str | None:
        """Take the next token if it is one of these."""
        if self.token.word in words:
            return self.next().word
        return None

    def expect(self, *words: str) -> None:
        """Take these words or raise 1064."""
        for word in words:
            if self.token.word != word:
                raise self.fail()
            self.position += 1

    def fail(self) -> Exception:
        """Make the syntax error at the next token."""
        return syntax_error(self.sql, self.token.start)

    def finish(self) -> None:
        """Raise 1064 unless everything was taken."""
        if not self.at_end:
            raise self.fail()

    # -- names and literals ----------------------------------------------------------------

    def at_identifier(self) -> bool:
        """Whether the next token can be a name."""
        token = self.token
        return token.kind == "quoted" or (token.kind == "word" and token.word not in RESERVED)

    def identifier(self, *, any_word: bool = False) -> str:
        """Take a name; ``any_word`` admits reserved words (after a point)."""
        token = self.token
        if token.kind == "quoted" or (
            token.kind == "word" and (any_word or token.word not in RESERVED)
        ):
            self.position += 1
            return identifier_value(token.text)
        raise self.fail()

    def qualified_name(self) -> tuple[str | None, str]:
        """Take ``name`` or ``database.name``; return (database, name)."""
        first = self.identifier()
        if self.accept("."):
            return first, self.identifier(any_word=True)
        return None, first

    def string(self) -> str:
        """Take a string literal; return its value."""
        if self.token.kind != "string":
            raise self.fail()
        return string_value(self.next().text, backslash=self.backslash)

    def integer(self) -> int:
        """Take an integer literal."""
        token = self.token
        if token.kind != "number" or not token.text.isdigit():
            raise self.fail()
        self.position += 1
        return int(token.text)

    def parenthesised_names(self) -> list[str]:
        """Take ``(a, b, …)``."""
        self.expect("(")
        names = [self.identifier()]
        while self.accept(","):
            names.append(self.identifier())
        self.expect(")")
        return names

    def skip_parentheses(self) -> None:
        """Take a balanced ``( … )``."""
        self.expect("(")
        depth = 1
        while depth:
            if self.at_end:
                raise self.fail()
            word = self.next().word
            depth += (word == "(") - (word == ")")

    # -- types -----------------------------------------------------------------------------

    def type_name(self) -> TypeName:
        """Take a type with its arguments, sign and character set."""
        token = self.token
        if token.kind != "word":
            raise self.fail()
        name = TYPE_SYNONYMS.get(token.word, token.word)
        if name not in TYPE_NAMES:
            raise self.fail()
        self.position += 1
        unsigned = token.word == "UNSIGNED"
        if token.word in ("SIGNED", "UNSIGNED"):
            self.accept_any("INTEGER", "INT")
        elif token.word == "DOUBLE":
            self.accept("PRECISION")
        elif token.word == "LONG":
            if self.accept_any("VARBINARY", "BYTE"):
                name = "MEDIUMBLOB"
            else:
                self.accept("VARCHAR")
        elif name == "CHAR":
            if self.accept("VARYING"):
                name = "VARCHAR"
            elif self.accept("BYTE"):
                name = "BINARY"
        args: list[str] = []
        if self.accept("("):
            while not self.accept(")"):
                token = self.token
                if token.kind == "string":
                    args.append(self.string())
                elif token.kind == "number" or token.kind == "word":
                    args.append(self.next().text)
                else:
                    raise self.fail()
                if not self.at(")"):
                    self.expect(",")
        if token.word in ("BOOL", "BOOLEAN"):
            args = ["1"]
        charset = collation = None
        while True:
            if self.accept_any("UNSIGNED", "ZEROFILL"):
                unsigned = True
            elif self.accept("SIGNED"):
                unsigned = False
            elif self.at("CHARACTER", "SET") or self.at("CHARSET"):
                self.position += 1 if self.at("CHARSET") else 2
                charset = "binary" if self.accept("BINARY") else self.name_or_string().lower()
            elif self.accept("COLLATE"):
                collation = self.name_or_string().lower()
            elif name in ("CHAR", "VARCHAR", "TEXT", "ENUM", "SET") and self.accept("BINARY"):
                collation = "utf8mb4_bin"
            else:
                break
        return TypeName(name, tuple(args), unsigned, charset, collation)

    def name_or_string(self) -> str:
        """Take a name, or a string that stands for one."""
        if self.token.kind == "string":
            return self.string()
        return self.identifier()


def empty_query() -> Exception:
    """Make the error for a text without a statement."""
    return error(1065, "Query was empty")
