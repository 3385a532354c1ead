"""The http and https drivers' connection."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from time import monotonic
from typing import Any

from singlestoredb.deadline import timed_out
from singlestoredb.exceptions import Error, NotSupportedError, OperationalError
from singlestoredb_hookspecs import (
    ConnectionParams,
    DriverCapability,
    ServerInfo,
    StatementRequest,
)

from . import errors
from .columns import Decoders
from .results import HTTPResult, outcome, result_sets
from .statements import Binder, returns_rows, used_database
from .transport import Transport, check_supported, is_timeout

_API = "/api/v2/"

_loads: Callable[[bytes], Any]
_dumps: Callable[[Any], bytes]
try:
    import orjson
except ImportError:
    _loads = json.loads

    def _dumps(value: Any) -> bytes:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
else:
    _loads = orjson.loads
    _dumps = orjson.dumps


class HTTPConnection:
    """A connection over the Data API; see ``DriverConnection`` of the hook specs.

    Requests share pooled connections, but no session: what one statement sets, the next does not
    see.  ``USE`` is the exception: the database is sent with each request, so it is kept here.
    """

    capabilities = (
        DriverCapability.MULTI_RESULTS
        | DriverCapability.BINDS_PARAMETERS
        | DriverCapability.ABORT
        | DriverCapability.STORED_PROCEDURES
        | DriverCapability.TYPED_RESULTS
        | DriverCapability.VECTORS
    )

    def __init__(self, params: ConnectionParams) -> None:
        check_supported(params)
        self._params = params
        self._database = params.database
        self._autocommit = params.autocommit is not False
        self._binder = Binder(params)
        self._decoders = Decoders(params)
        self._transport = Transport(params)
        try:
            version = self._server_version()
        except BaseException:
            self._transport.close()
            raise
        self.info = ServerInfo(
            version=version, host=self._transport.where, charset="utf8mb4", database=self._database
        )

    def _server_version(self) -> str:
        """Return the server's version; it shows that address, credentials and database are right.

        Until then, a silent server is one that cannot be connected to: the time for connecting
        bounds its answer.
        """
        try:
            result = self._send("SELECT @@version", None, self._params.connect_timeout)
        except OperationalError as exc:
            if exc.errno != errors.CR_SERVER_LOST:
                raise
            where = self._transport.where
            raise OperationalError(
                errors.CR_CONN_HOST_ERROR, f"Can't connect to the Data API at {where}: {exc.errmsg}"
            ) from exc
        rows = result.read_rows(1)
        return errors.printable(str(rows[0][0])) if rows and rows[0] else ""

    # -- state --

    @property
    def is_open(self) -> bool:
        """Whether statements can be sent."""
        return self._transport.is_open

    @property
    def autocommit(self) -> bool:
        """What was asked for; the server commits each statement by itself in any case."""
        return self._autocommit

    @property
    def escapes_backslash(self) -> bool:
        """Whether a backslash escapes in string literals: yes, no sql_mode outlives a request."""
        return True

    # -- statements --

    def execute(self, request: StatementRequest) -> HTTPResult:
        """Run one statement."""
        if request.infile_stream is not None:
            raise NotSupportedError(None, "the Data API does not support LOAD DATA LOCAL")
        limit = request.timeout
        if limit is None:
            return self._send(request.sql, request.args)
        end = monotonic() + limit
        try:
            return self._send(request.sql, request.args, limit)
        except OperationalError as exc:
            if exc.__cause__ is None or not is_timeout(exc.__cause__) or monotonic() < end:
                raise
            raise timed_out(limit, self) from exc

    def _send(self, sql: str, args: Any, within: float | None = None) -> HTTPResult:
        body: dict[str, Any] = {"sql": sql}
        if args is not None:
            body["sql"], bound = self._binder.bind(sql, args)
            if bound:
                body["args"] = bound
        if self._database:
            body["database"] = self._database
        rows = returns_rows(sql)
        try:
            data = _dumps(body)
        except (TypeError, ValueError) as exc:  # lone surrogates
            raise errors.unsendable(exc) from exc
        answer = self._transport.post(_API + ("query/tuples" if rows else "exec"), data, within)
        if rows:
            return result_sets(_parsed(answer), self._decoders, self._params)
        result = outcome(_parsed(answer), self._decoders)
        self._database = used_database(sql) or self._database
        return result

    # -- transactions --

    def set_autocommit(self, enabled: bool) -> None:
        """Note the wish; without autocommit, ``commit`` and ``rollback`` are refused."""
        self._autocommit = enabled

    def begin(self) -> None:
        """Raise ``NotSupportedError``."""
        raise self._no_transactions()

    def commit(self) -> None:
        """Do nothing while each statement commits by itself."""
        if not self._autocommit:
            raise self._no_transactions()

    def rollback(self) -> None:
        """Do nothing while each statement commits by itself."""
        if not self._autocommit:
            raise self._no_transactions()

    @staticmethod
    def _no_transactions() -> NotSupportedError:
        return NotSupportedError(
            None,
            "the Data API does not support transactions: each statement is committed by itself",
            hint="use a mysql:// connection",
        )

    # -- the session --

    def ping(self) -> None:
        """Ask the server for a sign of life."""
        try:
            answer = self._transport.get("/ping")
        except OperationalError:
            raise
        except Error as exc:
            raise OperationalError(exc.errno, f"the server gave no sign of life: {exc}") from exc
        if answer.strip().lower() != b"pong":
            raise OperationalError(
                errors.CR_SERVER_LOST, "what answers is not the Data API: it does not say pong"
            )

    def cancel(self) -> None:
        """Raise ``NotSupportedError``: a request has no number to KILL."""
        raise NotSupportedError(None, "the Data API does not support cancelling")

    def abort(self) -> None:
        """Break the connection, from any thread."""
        self._transport.abort()

    def close(self) -> None:
        """Close the pooled connections."""
        self._transport.close()


def _parsed(answer: bytes) -> Any:
    """Return the value of an answer's JSON, with all digits of DECIMAL columns."""
    try:
        found = _loads(answer)
        rounded = list(_rounded(found))
        if rounded:
            exact = json.loads(answer, parse_float=Decimal)
            for result, column in rounded:
                for row, digits in zip(
                    found["results"][result]["rows"],
                    exact["results"][result]["rows"],
                    strict=True,
                ):
                    row[column] = digits[column]
    except (ValueError, RecursionError) as exc:
        raise errors.malformed("it is not JSON") from exc
    return found


def _rounded(answer: Any) -> Iterator[tuple[int, int]]:
    """Iterate over the DECIMAL columns that came as JSON numbers, whose digits a float does not
    keep: (number of the result, number of the column)."""
    sets = answer.get("results") if isinstance(answer, dict) else None
    for i, found in enumerate(sets if isinstance(sets, list) else ()):
        columns = found.get("columns") if isinstance(found, dict) else None
        rows = found.get("rows") if isinstance(found, dict) else None
        if not isinstance(columns, list) or not isinstance(rows, list):
            continue
        width = len(columns)
        for j, column in enumerate(columns):
            kind = column.get("dataType") if isinstance(column, dict) else None
            if not isinstance(kind, str) or not kind.upper().lstrip().startswith("DEC"):
                continue
            if not all(type(row) is list and len(row) == width for row in rows):
                break  # refused when the rows are looked at
            if any(isinstance(row[j], float) for row in rows):
                yield i, j
