"""``connection.show`` and the server's variables as Python objects."""

from __future__ import annotations

import re
import weakref
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from html import escape as html_escape
from typing import TYPE_CHECKING, Any, overload

from singlestoredb.escaping import identifier

if TYPE_CHECKING:
    from singlestoredb.connection import Connection

_NAME = re.compile(r"[A-Za-z_][\w+]*\Z")


def under2camel(name: object) -> str:
    """Return a column's name in camel case: ``Tables_in_t1`` becomes ``TablesInT1``.

    The abbreviations SQL and JSON keep their capitals.
    """
    text = str(name).replace(" ", "")

    def capital(match: re.Match[str]) -> str:
        word = match.group(1)
        return word.upper() if word.lower() in ("sql", "json") else word[:1].upper() + word[1:]

    return re.sub(r"_*([^_]+)", capital, text)


def check_name(name: str) -> str:
    """Return the name of a variable, stripped; raise ``ValueError`` when it is none."""
    name = name.strip()
    if not _NAME.match(name):
        raise ValueError("Name contains invalid characters")
    return name


class VariableAccessor(MutableMapping[str, Any]):
    """The server's variables of one scope, by attribute or by key.

    ``conn.globals.max_connections``, ``conn.locals["autocommit"] = True``.  Values ``on`` and
    ``off`` are bools, everything else is text.
    """

    def __init__(self, conn: Connection, scope: str) -> None:
        object.__setattr__(self, "_conn", weakref.proxy(conn))
        object.__setattr__(self, "_scope", scope)

    def _query(self, *words: str) -> str:
        return " ".join(word for word in words if word)

    def _cast(self, value: Any) -> Any:
        text = value.lower() if isinstance(value, str) else value
        if text in ("on", "true"):
            return True
        if text in ("off", "false"):
            return False
        return value

    def __getitem__(self, name: str) -> Any:
        name = check_name(name)
        rows = self._conn._iquery(self._query("show", self._scope, "variables like %s;"), [name])
        # An underscore is a wildcard to LIKE, so more than the one variable may have come.
        found = [row for row in rows if str(next(iter(row.values()))).lower() == name.lower()]
        if not found:
            raise KeyError(f"No variable found with the name '{name}'.")
        if len(found) > 1:
            raise KeyError(f"Multiple variables found with the name '{name}'.")
        return self._cast(found[0]["Value"])

    def __setitem__(self, name: str, value: Any) -> None:
        name = check_name(name)
        if value is True:
            value = "ON"
        elif value is False:
            value = "OFF"
        scope = self._scope.replace("local", "session")
        self._conn._iquery(self._query("set", scope, f"{name}=%s;"), [value])

    def __delitem__(self, name: str) -> None:
        raise TypeError("Variables can not be deleted.")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        del self[name]

    def _names(self) -> list[str]:
        rows = self._conn._iquery(self._query("show", self._scope, "variables;"))
        return [next(iter(row.values())) for row in rows]

    def __len__(self) -> int:
        return len(self._names())

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __repr__(self) -> str:
        return f"<{(self._scope + ' ').lstrip()}variables>"


class ShowResult(Sequence[dict[str, Any]]):
    """The rows of a SHOW statement, shown as a table.

    ``result[0]`` is a row, ``result.Name`` a column's values.
    """

    def __init__(self, rows: Iterable[dict[str, Any]] = ()) -> None:
        self._data = [self._renamed(row) for row in rows]

    @staticmethod
    def _renamed(row: dict[str, Any]) -> dict[str, Any]:
        names = list(row)
        if names:
            names[0] = "Name"
        return dict(zip(names, row.values(), strict=True))

    @overload
    def __getitem__(self, item: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, item: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, item: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        return self._data[item]

    def __getattr__(self, name: str) -> list[Any]:
        if name.startswith(("_ipython", "__")):
            raise AttributeError(name)
        return [row[name] for row in self._data]

    def __len__(self) -> int:
        return len(self._data)

    @property
    def columns(self) -> list[str]:
        """The columns' names; empty when there are no rows."""
        return list(self._data[0]) if self._data else []

    def __repr__(self) -> str:
        if not self._data:
            return ""
        names = self.columns
        widths = [max([len(name), *(len(str(row[name])) for row in self._data)]) for name in names]
        header = "".join(f"| {n:<{w}} " for n, w in zip(names, widths, strict=True)) + "|"
        lines = ["", header, "-" * len(header)]
        for row in self._data:
            cells: list[str] = []
            for name, width in zip(names, widths, strict=True):
                value = row[name]
                side = "<" if isinstance(value, (str, bytes)) else ">"
                cells.append(f"| {value!s:{side}{width}} ")
            lines.append("".join(cells) + "|")
        return "\n".join([*lines, ""])

    __str__ = __repr__

    def _repr_html_(self) -> str:
        if not self._data:
            return ""
        style = 'style="text-align: left; vertical-align: top"'

        def cells(tag: str, values: Sequence[Any]) -> str:
            return "".join(f"<{tag} {style}>{html_escape(str(v))}</{tag}>" for v in values)

        head = f"<thead><tr>{cells('th', self.columns)}</tr></thead>"
        body = "".join(f"<tr>{cells('td', list(row.values()))}</tr>" for row in self._data)
        return f'<table border="1" class="dataframe">{head}<tbody>{body}</tbody></table>'


class ShowAccessor:
    """What the server can tell of itself: ``conn.show.tables()``."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn

    def _iquery(self, what: str) -> ShowResult:
        return ShowResult(self._conn._iquery(f"show {what}"))

    def columns(self, table: str, full: bool = False) -> ShowResult:
        """Show the columns of a table; ``full`` adds collation, privileges and comment."""
        return self._iquery(f"{'full ' if full else ''}columns in {identifier(table)}")

    def tables(self, extended: bool = False) -> ShowResult:
        """Show the tables of the current database."""
        return self._iquery(f"tables{' extended' if extended else ''}")

    def warnings(self) -> ShowResult:
        """Show the warnings of the last statement."""
        return self._iquery("warnings")

    def errors(self) -> ShowResult:
        """Show the errors of the last statement."""
        return self._iquery("errors")

    def databases(self, extended: bool = False) -> ShowResult:
        """Show the databases."""
        return self._iquery(f"databases{' extended' if extended else ''}")

    def database_status(self) -> ShowResult:
        """Show the status of the current database."""
        return self._iquery("database status")

    def global_status(self) -> ShowResult:
        """Show the server's status variables."""
        return self._iquery("global status")

    def indexes(self, table: str) -> ShowResult:
        """Show the indexes of a table."""
        return self._iquery(f"indexes in {identifier(table)}")

    def functions(self) -> ShowResult:
        """Show the functions of the current database."""
        return self._iquery("functions")

    def partitions(self, extended: bool = False) -> ShowResult:
        """Show the partitions of the current database."""
        return self._iquery(f"partitions{' extended' if extended else ''}")

    def pipelines(self) -> ShowResult:
        """Show the pipelines of the current database."""
        return self._iquery("pipelines")

    def plan(self, plan_id: int, json: bool = False) -> ShowResult:
        """Show a plan of the plan cache by its number."""
        return self._iquery(f"plan {'json ' if json else ''}{int(plan_id)}")

    def plancache(self) -> ShowResult:
        """Show the plan cache."""
        return self._iquery("plancache")

    def processlist(self) -> ShowResult:
        """Show what the server's connections do."""
        return self._iquery("processlist")

    def reproduction(self, outfile: str | None = None) -> ShowResult:
        """Show what is needed to reproduce the optimizer's work; on the server into ``outfile``."""
        if outfile is None:
            return self._iquery("reproduction")
        return self._iquery(f"reproduction into outfile {self._conn.literal(outfile)}")

    def schemas(self) -> ShowResult:
        """Show the databases."""
        return self._iquery("schemas")

    def session_status(self) -> ShowResult:
        """Show the session's status variables."""
        return self._iquery("session status")

    def status(self, extended: bool = False) -> ShowResult:
        """Show the status variables."""
        return self._iquery(f"status{' extended' if extended else ''}")

    def table_status(self) -> ShowResult:
        """Show the status of the current database's tables."""
        return self._iquery("table status")

    def procedures(self) -> ShowResult:
        """Show the procedures of the current database."""
        return self._iquery("procedures")

    def aggregates(self) -> ShowResult:
        """Show the aggregate functions of the current database."""
        return self._iquery("aggregates")

    def create_aggregate(self, name: str) -> ShowResult:
        """Show the statement that makes an aggregate function."""
        return self._iquery(f"create aggregate {identifier(name)}")

    def create_function(self, name: str) -> ShowResult:
        """Show the statement that makes a function."""
        return self._iquery(f"create function {identifier(name)}")

    def create_pipeline(self, name: str, extended: bool = False) -> ShowResult:
        """Show the statement that makes a pipeline."""
        return self._iquery(f"create pipeline {identifier(name)}{' extended' if extended else ''}")

    def create_table(self, name: str) -> ShowResult:
        """Show the statement that makes a table."""
        return self._iquery(f"create table {identifier(name)}")

    def create_view(self, name: str) -> ShowResult:
        """Show the statement that makes a view."""
        return self._iquery(f"create view {identifier(name)}")
