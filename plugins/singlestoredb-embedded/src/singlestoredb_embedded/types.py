"""The types: how each is declared, stored in DuckDB, described to a client and shown.

One row of :data:`KINDS` per type; everything else of the package asks here.

=============== ===================== ==================================================
declared        stored as             note
=============== ===================== ==================================================
TINYINT…BIGINT  TINYINT…BIGINT, U…    MEDIUMINT as INTEGER with a range check
FLOAT, DOUBLE   FLOAT, DOUBLE         FLOAT is printed with 6 digits
DECIMAL(p, s)   DECIMAL(p, s)         p at most 38
BIT             UBIGINT               read as 8 bytes, most significant first
TIME            INTERVAL              microseconds only; up to ±838:59:59
YEAR            SMALLINT              1901 to 2155, or 0
DATETIME        TIMESTAMP             TIMESTAMP too; without a time zone
CHAR, TEXT, …   VARCHAR               JSON, ENUM, SET, GEOGRAPHY (as WKT) too
BINARY, BLOB, … BLOB                  BSON too; BINARY(n) filled with zeros
VECTOR(n, e)    e[n]                  F16 as FLOAT
=============== ===================== ==================================================
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from singlestoredb_hookspecs import Column

from .errors import error, unsupported
from .nodes import TypeName

UTF8MB4 = 45
"""Collation number of utf8mb4_general_ci."""
BINARY = 63
"""Collation number that means bytes."""

NOT_NULL, PRIMARY, UNIQUE, MULTIPLE, BLOB, UNSIGNED, BINARY_FLAG, AUTO = (
    1, 2, 4, 8, 16, 32, 128, 512,
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """What all types of one name share."""

    code: int
    """Type code of the MySQL protocol, as SingleStore sends it."""
    storage: str
    """DuckDB type; empty when it depends on arguments."""
    family: str
    """``int``, ``decimal``, ``float``, ``bit``, ``year``, ``date``, ``datetime``, ``time``,
    ``text``, ``binary``, ``json``, ``vector``, ``null`` or ``bool``."""
    length: int = 0
    """Display length in characters, or bytes, unless the type has its own."""
    bits: int = 0
    """Width of an integer."""


KINDS: dict[str, Kind] = {
    "NULL": Kind(6, '"NULL"', "null"),
    "BOOLEAN": Kind(8, "BIGINT", "bool", 1, 64),  # a predicate; a column of it is a BIGINT
    "TINYINT": Kind(1, "TINYINT", "int", 4, 8),
    "SMALLINT": Kind(2, "SMALLINT", "int", 6, 16),
    "MEDIUMINT": Kind(9, "INTEGER", "int", 9, 24),
    "INT": Kind(3, "INTEGER", "int", 11, 32),
    "BIGINT": Kind(8, "BIGINT", "int", 20, 64),
    "FLOAT": Kind(4, "FLOAT", "float", 12),
    "DOUBLE": Kind(5, "DOUBLE", "float", 22),
    "DECIMAL": Kind(246, "", "decimal"),
    "BIT": Kind(16, "UBIGINT", "bit", 64, 64),
    "DATE": Kind(10, "DATE", "date", 10),
    "TIME": Kind(11, "INTERVAL", "time", 10),
    "DATETIME": Kind(12, "TIMESTAMP", "datetime", 19),
    "TIMESTAMP": Kind(7, "TIMESTAMP", "datetime", 19),
    "YEAR": Kind(13, "SMALLINT", "year", 4, 16),
    "CHAR": Kind(254, "VARCHAR", "text", 1),
    "VARCHAR": Kind(253, "VARCHAR", "text", 255),
    "TINYTEXT": Kind(249, "VARCHAR", "text", 255),
    "TEXT": Kind(252, "VARCHAR", "text", 65535),
    "MEDIUMTEXT": Kind(250, "VARCHAR", "text", 16777215),
    "LONGTEXT": Kind(251, "VARCHAR", "text", 4294967295),
    "ENUM": Kind(253, "VARCHAR", "text", 255),
    "SET": Kind(253, "VARCHAR", "text", 255),
    "GEOGRAPHY": Kind(254, "VARCHAR", "text", 4294967295),
    "GEOGRAPHYPOINT": Kind(254, "VARCHAR", "text", 48),
    "JSON": Kind(245, "VARCHAR", "json", 4294967295),
    "BINARY": Kind(254, "BLOB", "binary", 1),
    "VARBINARY": Kind(253, "BLOB", "binary", 255),
    "TINYBLOB": Kind(249, "BLOB", "binary", 255),
    "BLOB": Kind(252, "BLOB", "binary", 65535),
    "MEDIUMBLOB": Kind(250, "BLOB", "binary", 16777215),
    "LONGBLOB": Kind(251, "BLOB", "binary", 4294967295),
    "BSON": Kind(252, "BLOB", "binary", 4294967295),
    "VECTOR": Kind(252, "", "vector"),
}

_ELEMENT_STORAGE = {
    "F32": "FLOAT", "F64": "DOUBLE", "I8": "TINYINT", "I16": "SMALLINT", "I32": "INTEGER",
    "I64": "BIGINT", "F16": "FLOAT",
}  # fmt: skip
ELEMENTS = tuple(_ELEMENT_STORAGE)
"""Element types of vectors, in the order of their type codes (3001, 3002, …)."""


@dataclass(frozen=True)
class SqlType:
    """A declared type."""

    kind: str
    """Key of :data:`KINDS`."""
    unsigned: bool = False
    length: int | None = None
    """Characters or bytes of a CHAR, VARCHAR, BINARY, VARBINARY; display width of an integer;
    dimension of a VECTOR."""
    precision: int = 0
    """Digits of a DECIMAL."""
    scale: int = 0
    """Digits after the point of a DECIMAL or of the seconds of a time type."""
    values: tuple[str, ...] = ()
    """Members of an ENUM or SET."""
    element: str = ""
    """Element type of a VECTOR."""
    collation: str = ""
    """Collation of a text; empty for the default one."""

    @property
    def family(self) -> str:
        """Family of the kind; see :class:`Kind`."""
        return KINDS[self.kind].family

    @property
    def is_numeric(self) -> bool:
        """Whether arithmetic needs no conversion of it."""
        return self.family in ("int", "decimal", "float", "bit", "year", "bool")

    @property
    def is_integer(self) -> bool:
        """Whether it holds whole numbers."""
        return self.family in ("int", "bit", "year", "bool")

    @property
    def is_text(self) -> bool:
        """Whether it holds characters that collate."""
        return self.family == "text"

    @property
    def is_temporal(self) -> bool:
        """Whether it is a date, a time or both."""
        return self.family in ("date", "datetime", "time")

    @property
    def case_sensitive(self) -> bool:
        """Whether its texts compare by their bytes."""
        return self.family != "text" or self.collation.endswith("_bin")

    @property
    def storage(self) -> str:
        """DuckDB type that holds it."""
        kind = KINDS[self.kind]
        if self.kind == "DECIMAL":
            return f"DECIMAL({self.precision},{self.scale})"
        if self.kind == "VECTOR":
            return f"{_ELEMENT_STORAGE[self.element]}[{self.length}]"
        if self.unsigned and kind.family == "int":
            return "U" + kind.storage
        return kind.storage

    @property
    def range(self) -> tuple[int, int] | None:
        """Smallest and largest value of an integer."""
        bits = KINDS[self.kind].bits
        if self.kind == "YEAR":
            return 0, 2155
        if not bits:
            return None
        if self.unsigned or self.kind == "BIT":
            return 0, 2**bits - 1
        return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1

    @property
    def digits(self) -> int:
        """Decimal digits that a whole number of it can have."""
        if self.kind == "DECIMAL":
            return self.precision - self.scale
        bits = KINDS[self.kind].bits
        return {8: 3, 16: 5, 24: 8, 32: 10, 64: 20}.get(bits, 20)

    def show(self) -> str:
        """Return the type as SHOW CREATE TABLE spells it."""
        name = self.kind.lower()
        if self.family == "int" or self.kind == "YEAR":
            width = self.length
            if width is None:
                width = KINDS[self.kind].length
                if self.unsigned and self.kind in ("TINYINT", "SMALLINT", "INT"):
                    width -= 1
            return f"{name}({width})" + (" unsigned" if self.unsigned else "")
        if self.kind == "DECIMAL":
            return f"decimal({self.precision},{self.scale})"
        if self.kind == "VECTOR":
            return f"vector({self.length}, {self.element})"
        if self.kind == "BIT":
            return f"bit({self.length or 64})"
        if self.values:
            members = ",".join("'" + v.replace("'", "''") + "'" for v in self.values)
            return f"{name}({members})"
        if self.is_temporal and self.scale:
            return f"{name}({self.scale})"
        if self.kind in ("CHAR", "VARCHAR", "BINARY", "VARBINARY"):
            return f"{name}({self.length})"
        return name

    def column(
        self,
        name: str,
        *,
        flags: int = 0,
        null_ok: bool = True,
        table: str = "",
        org_table: str = "",
        org_name: str = "",
        database: str = "",
        vectors: str = "binary",
    ) -> Column:
        """Describe a result column of this type.

        ``vectors`` is ``binary`` or ``json``: how clients get VECTOR values (type codes 3001… or
        2001…); ``text`` describes them as LONGTEXT, for clients without extended types.
        """
        kind = KINDS[self.kind]
        code = kind.code
        text = self.family in ("text", "json")
        charset = UTF8MB4 if text else BINARY
        length: int = self.length if self.length is not None and text else kind.length
        precision, scale = None, 0
        if not null_ok:
            flags |= NOT_NULL
        if self.unsigned:
            flags |= UNSIGNED
        if charset == BINARY:
            flags |= BINARY_FLAG
        if self.kind in ("BINARY", "VARBINARY"):
            length = self.length or kind.length
        elif self.kind == "DECIMAL":
            length = precision = self.precision
            scale = self.scale
        elif self.family == "float":
            scale = 31
        elif self.is_temporal and self.scale:
            length += 1 + self.scale
            scale = self.scale
        elif self.kind == "VECTOR":
            length = self.length or 0
            number = ELEMENTS.index(self.element) + 1
            if vectors == "binary":
                code = 3000 + number
            else:
                code, charset = (2000 + number, UTF8MB4) if vectors == "json" else (251, UTF8MB4)
                flags &= ~BINARY_FLAG
        elif self.kind == "BSON" and vectors != "text":
            code = 1001
        if "TEXT" in self.kind or "BLOB" in self.kind:
            flags |= BLOB
        return Column(
            name, code, flags, charset, length, length if precision is None else precision,
            scale, null_ok, table, org_table, org_name, database,
        )  # fmt: skip


NULL = SqlType("NULL")
BOOL = SqlType("BOOLEAN")
BIGINT = SqlType("BIGINT")
UBIGINT = SqlType("BIGINT", unsigned=True)
INT = SqlType("INT")
DOUBLE = SqlType("DOUBLE")
DATE = SqlType("DATE")
DATETIME = SqlType("DATETIME")
DATETIME6 = SqlType("DATETIME", scale=6)
TIME = SqlType("TIME")
TIME6 = SqlType("TIME", scale=6)
JSON = SqlType("JSON")
LONGTEXT = SqlType("LONGTEXT")
LONGBLOB = SqlType("LONGBLOB")
VARCHAR = SqlType("VARCHAR", length=255)


def decimal(precision: int, scale: int) -> SqlType:
    """Make a DECIMAL, its digits cut to what DuckDB can hold (38)."""
    scale = max(0, min(scale, 30))
    return SqlType("DECIMAL", precision=max(1, min(max(precision, scale), 38)), scale=scale)


def text(length: int | None) -> SqlType:
    """Make the text type for results of at most ``length`` characters."""
    if length is None or length > 21845:
        return LONGTEXT
    return SqlType("VARCHAR", length=length)


def declared(name: TypeName) -> SqlType:
    """Return the type that a declaration means.  Raises 1235 for one that cannot be held."""
    kind, args = name.name, name.args
    first = int(args[0]) if args and args[0].isdigit() else None
    if kind == "DECIMAL":
        precision = 10 if first is None else first
        scale = int(args[1]) if len(args) > 1 else 0
        if precision > 38:
            raise unsupported(f"DECIMAL with more than 38 digits (here {precision})")
        if scale > precision:
            raise error(1427, "For float(M,D), double(M,D) or decimal(M,D), M must be >= D")
        return SqlType(kind, name.unsigned, precision=precision, scale=scale)
    if kind == "VECTOR":
        element = args[1].upper() if len(args) > 1 else "F32"
        if first is None or element not in _ELEMENT_STORAGE:
            raise error(1064, f"Invalid VECTOR type: VECTOR({', '.join(args)})")
        return SqlType(kind, length=first, element=element)
    if kind in ("ENUM", "SET"):
        return SqlType(kind, values=args, collation=name.collation or "")
    if kind in ("TIME", "DATETIME", "TIMESTAMP"):
        if first not in (None, 0, 6):
            raise error(1426, f"Too big precision {first} specified. Only 0 and 6 are allowed")
        return SqlType(kind, scale=first or 0)
    family = KINDS[kind].family
    if family == "float":
        if kind == "FLOAT" and first is not None and first > 24:
            return DOUBLE
        return SqlType(kind)
    if family == "int":
        return SqlType(kind, name.unsigned, length=first)
    if name.charset == "binary" and kind in _BINARY_OF:
        kind = _BINARY_OF[kind]
        family = "binary"
    if family in ("text", "binary"):
        sized = kind in ("CHAR", "VARCHAR", "BINARY", "VARBINARY")
        length = (1 if first is None else first) if sized else None
        collation = name.collation or ("utf8mb4_bin" if name.charset == "ascii_bin" else "")
        return SqlType(kind, length=length, collation=collation if family == "text" else "")
    if kind == "BIT":
        return SqlType(kind, length=first or 64)  # SingleStore, unlike MySQL, has 64
    return SqlType(kind)


_BINARY_OF = {
    "CHAR": "BINARY", "VARCHAR": "VARBINARY", "TINYTEXT": "TINYBLOB", "TEXT": "BLOB",
    "MEDIUMTEXT": "MEDIUMBLOB", "LONGTEXT": "LONGBLOB",
}  # fmt: skip


def common(types: list[SqlType]) -> SqlType:
    """Return the type of a value that may come from any of ``types`` (CASE, UNION, COALESCE)."""
    present = [t for t in types if t.family != "null"]
    if not present:
        return NULL
    result = present[0]
    for other in present[1:]:
        result = _common_of_two(result, other)
    if result.family == "bool" and len(present) > 1:
        return BIGINT
    return result


def _common_of_two(a: SqlType, b: SqlType) -> SqlType:
    if a == b:
        return a
    if a.kind == b.kind and a.family in ("text", "binary") and not a.values:
        return replace(a, length=max(a.length or 0, b.length or 0) or None)
    if a.is_numeric and b.is_numeric:
        if "float" in (a.family, b.family):
            return a if a.kind == b.kind else DOUBLE
        if "decimal" in (a.family, b.family):
            scale = max(a.scale, b.scale)
            return decimal(max(a.digits, b.digits) + scale, scale)
        if a.kind == b.kind and a.unsigned == b.unsigned:
            return replace(a, length=None)
        if a.unsigned == b.unsigned and "BIT" not in (a.kind, b.kind):
            wider = a if KINDS[a.kind].bits >= KINDS[b.kind].bits else b
            return BIGINT if wider.family != "int" else replace(wider, length=None)
        if 64 in (KINDS[a.kind].bits, KINDS[b.kind].bits):
            return decimal(20, 0)
        return BIGINT
    if a.is_temporal and b.is_temporal:
        if a.family == b.family:
            return a if a.scale >= b.scale else b
        return SqlType("DATETIME", scale=max(a.scale, b.scale))
    if a.family == b.family == "json":
        return JSON
    if "binary" in (a.family, b.family):
        return LONGBLOB
    lengths = [t.length or KINDS[t.kind].length for t in (a, b)]
    return text(max(lengths) if max(lengths) <= 21845 else None)
