"""External functions: code of the user's behind HTTP, called from SQL in batches.

DuckDB calls a function of Python's with up to 2,048 rows at a time, as Arrow; each such batch is
one POST to the address that CREATE EXTERNAL FUNCTION names, and to no other: redirects and proxies
are not followed.  The bodies are those of SingleStore's external functions; see :mod:`.wire`.

https://docs.singlestore.com/db/v8.9/reference/sql-reference/procedural-sql-reference/create-or-replace-external-function
"""

from __future__ import annotations

import http.client
import inspect
import ssl
import urllib.parse
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import duckdb

from singlestoredb.exceptions import NotSupportedError

from . import wire
from .catalog import ColumnDef
from .errors import MARK, error, unsupported
from .lex import quote_identifier
from .psql import CreateRoutine
from .translate import convert
from .translate.inline import EXTERNAL, null_argument, once
from .translate.typed import Typed
from .types import JSON, LONGTEXT, SqlType, declared

if TYPE_CHECKING:
    from .translate.variables import Local

TIMEOUT = 60.0
"""Seconds that connecting, and each wait for more of an answer, may take."""
MAX_ANSWER = 256 * 1024 * 1024
"""Bytes of an answer; more is an error."""

_INSTALL = "pip install 'singlestoredb-embedded[udf]'"


def check(create: CreateRoutine) -> None:
    """Raise 1235 or 1105 for an external function that could never be called."""
    service = create.service
    assert service is not None
    _split(service.url)
    for parameter in create.parameters:
        if parameter.type.type is None:
            raise unsupported(f"{parameter.type.kind} parameters of external functions")
        _check_type(declared(parameter.type.type))
    for _, kind in _columns(create):
        _check_type(kind)


def _check_type(kind: SqlType) -> None:
    if kind.family in ("vector", "bit"):
        raise unsupported(f"{kind.kind} in external functions")


def _columns(create: CreateRoutine) -> list[tuple[str, SqlType]]:
    returns = create.returns
    assert returns is not None
    if create.table:
        return [(name, declared(kind)) for name, kind in returns.fields]
    if returns.type is None:
        raise unsupported(f"external functions that return a {returns.kind}")
    return [("", declared(returns.type))]


def _split(url: str) -> urllib.parse.SplitResult:
    parts = urllib.parse.urlsplit(url)
    try:
        fine = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) > 0
    except ValueError:
        fine = False
    if not fine or parts.username is not None:
        raise error(
            1105, f"'{url}' is no address of a REMOTE SERVICE: http://host:port/path is needed, "
            "without a user",
        )  # fmt: skip
    return parts


class ExternalFunction:
    """One external function, as DuckDB calls it.

    ``connection`` gets a function of Python's under a name with ``number``, which stays until the
    database is closed.
    """

    def __init__(
        self, create: CreateRoutine, connection: duckdb.DuckDBPyConnection, number: int
    ) -> None:
        check(create)
        assert create.service is not None
        try:
            import numpy  # noqa: F401 - only asked whether it is there
            import pyarrow as pa
        except ImportError as exc:
            raise NotSupportedError(
                1235, f"external functions need {exc.name}: {_INSTALL}", "42000"
            ) from exc
        self._create = create
        self._service = create.service
        self._format = create.service.format
        self._url = _split(create.service.url)
        self._tls = ssl.create_default_context() if self._url.scheme == "https" else None
        self._kinds = [declared(p.type.type) for p in create.parameters if p.type.type]
        self.columns = _columns(create)
        """(name, type) of a table's columns, or of the only value."""
        self.returns = None if create.table else self.columns[0][1]
        """Type of a scalar function's value."""
        self._codec = wire.CODECS[self._format]
        self._in = [wire.Type.of(kind, self._format) for kind in self._kinds]
        self._out = [wire.Type.of(kind, self._format) for _, kind in self.columns]
        name = f"{EXTERNAL}{number}"
        self._name = quote_identifier(name)
        self._pa: Any = pa
        returned = self._out[0].duckdb
        if create.table:
            fields = ", ".join(f"c{i} {kind.duckdb}" for i, kind in enumerate(self._out, 1))
            returned = f"STRUCT({fields})[]"
        # DuckDB wants to know the number of parameters; one without meaning tells the number of
        # rows when there are none.
        types = [kind.duckdb for kind in self._in] or ["BIGINT"]
        create_function: Any = connection.create_function  # typed without the names below
        create_function(
            name,
            _with_arity(self._run, len(types)),
            [duckdb.sqltype(name) for name in types],
            duckdb.sqltype(returned),
            type="arrow",
            null_handling="special",
            side_effects=True,
        )

    def call(self, args: Iterable[Local]) -> str:
        """Return SQL of a call; the value of a table's is a list of structs ``c1``, ``c2``, …"""
        texts = [
            once(local.sql, partial(wire.encode_sql, kind=kind, format=self._format))
            for local, kind in zip(args, self._kinds, strict=True)
        ]
        return f"{self._name}({', '.join(texts or ['0::BIGINT'])})"

    def result(self, sql: str, kind: SqlType, column: str = "") -> Typed:
        """Return a value that came back, as one of the declared type; ``column`` of a table."""
        returns = self._create.returns
        assert returns is not None
        nullable = column not in returns.required if column else self._create.returns_null
        if kind.family == "json":
            definition = ColumnDef(self._create.name, JSON)
            stored = once(sql, lambda name: convert.assign(Typed(name, LONGTEXT), definition))
            return Typed(stored, kind, nullable=nullable)
        decoded = once(sql, partial(wire.decode_sql, kind=kind, format=self._format))
        return Typed(decoded, kind, exact=True, nullable=nullable)

    # -- what DuckDB calls -----------------------------------------------------------------

    def _run(self, *vectors: Any) -> Any:
        """Send a batch; return its results in order.  The arguments are Arrow arrays."""
        pa = self._pa
        arrays = [v.combine_chunks() if isinstance(v, pa.ChunkedArray) else v for v in vectors]
        rows = len(arrays[0])
        for array, parameter in zip(arrays, self._create.parameters, strict=False):
            if not parameter.nullable and array.null_count:
                self._fail(1105, null_argument(parameter.name, self._create.name))
        try:
            body = self._codec.encode(arrays if self._in else [], self._in, rows)
            answer = self._post(body)
            ids, columns = self._codec.decode(answer, self._out)
            columns = [
                wire.saturated(column, kind)
                for column, (_, kind) in zip(columns, self.columns, strict=True)
            ]
            if self._create.table:
                return wire.as_lists(ids, columns, rows)
            return wire.in_order(ids, columns[0], rows)
        except wire.WireError as exc:
            self._fail(1105, f"the service's answer is not {self._format}: {exc}")

    def _post(self, body: bytes) -> bytes:
        url = self._url
        port = url.port
        connection: http.client.HTTPConnection
        if self._tls is not None:
            connection = http.client.HTTPSConnection(
                str(url.hostname), port, timeout=TIMEOUT, context=self._tls
            )
        else:
            connection = http.client.HTTPConnection(str(url.hostname), port, timeout=TIMEOUT)
        media = self._codec.media
        headers = {
            "Content-Type": media, "Accept": media, "User-Agent": "singlestoredb-embedded",
            "S2-EF-Version": "1.0", "S2-EF-Name": _header(self._create.name),
            "Connection": "close",
        }  # fmt: skip
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            data = answer.read(MAX_ANSWER + 1)
        except (OSError, http.client.HTTPException) as exc:
            what = "took too long" if isinstance(exc, TimeoutError) else f"failed: {exc}"
            self._fail(1105, f"the request to {self._service.url} {what}")
        finally:
            connection.close()
        if len(data) > MAX_ANSWER:
            self._fail(1105, f"the service's answer has more than {MAX_ANSWER} bytes")
        if answer.status != 200:
            text = data[:2000].decode("utf-8", "replace").strip().split("\n")[-1][:200]
            note = " (redirects are not followed)" if 300 <= answer.status < 400 else ""
            self._fail(1105, f"the service answered {answer.status} {answer.reason}{note}: {text}")
        return data

    def _fail(self, number: int, message: str) -> Any:
        # DuckDB passes on the text of an exception only.
        flat = " ".join(message.split())
        raise RuntimeError(f"{MARK}{number}!external function {self._create.name}: {flat}")


def _header(name: str) -> str:
    return name.encode("utf-8").decode("latin-1").replace("\r", " ").replace("\n", " ")


def _with_arity(function: Callable[..., Any], count: int) -> Callable[..., Any]:
    """Return ``function`` with a signature of ``count`` parameters, which DuckDB looks at."""

    def call(*args: Any) -> Any:
        return function(*args)

    parameters = [
        inspect.Parameter(f"a{i}", inspect.Parameter.POSITIONAL_OR_KEYWORD) for i in range(count)
    ]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by inspect
    return call
