"""The driver ``bitdotio``: PostgreSQL for the SDK, over psycopg2.

``bitdotio://[user[:password]@][host[:port]]/owner/name``: the settings and their defaults are those
of :func:`bitdotio.bitdotio`, the password being the token unless the database has its own, so that
with ``BITIO_API_URL`` set ``bitdotio:///owner/name`` is enough.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg2
from psycopg2 import extensions
from psycopg2.extras import Json

from bitdotio import ApiError, bitdotio
from bitdotio.sdk.columns import Row, register_casters
from bitdotio.sdk.errors import CANNOT_CONNECT, translate, translated
from bitdotio.sdk.results import BufferedResult, StreamedResult
from singlestoredb import exceptions
from singlestoredb_hookspecs import (
    ConnectionParams,
    DriverCapability,
    DriverInfo,
    DriverParameter,
    ServerInfo,
    StatementRequest,
    hookimpl,
)

SINGLESTOREDB_SPEC_VERSION = (1, 0)

NAME = "bitdotio"

_INFO = DriverInfo(
    NAME,
    # No default port: without host and port the back end at api_url says where PostgreSQL is.
    # The whole path is the database: its name is owner/name.
    url_path="file",
    parameters=(
        DriverParameter("sslmode", doc="libpq's sslmode; BITIO_SSLMODE, else require."),
        DriverParameter("api_url", doc="The API to ask where PostgreSQL is.", secret=True),
    ),
)

# What libpq has no counterpart for: silently ignored it would promise what is not there.
_UNSUPPORTED = ("ssl", "read_timeout", "write_timeout", "bind_address")

_SKIP = r"(?:\s|\(|--[^\n]*\n|/\*(?:[^*]|\*(?!/))*\*/)*"
"""White space, parentheses and comments.  A nested comment ends too early for it; the statement is
then recognized by none of the patterns below, which is always safe."""
_STREAMABLE = re.compile(rf"{_SKIP}(?:SELECT|VALUES|TABLE|WITH)\b", re.I)
_CONTROL = re.compile(
    rf"{_SKIP}(?:BEGIN|START|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|PREPARE\s+TRANSACTION"
    r"|SET\s+(?:LOCAL\s+)?TRANSACTION)\b",
    re.I,
)
"""Statements about the transaction itself: a savepoint around one would be in its way."""

_GUARD = "s2_statement"
"""Name of the savepoint before each statement of a transaction."""


@hookimpl
def s2_driver_info(name: str) -> DriverInfo | None:
    """Describe the driver."""
    return _INFO if name == NAME else None


@hookimpl
def s2_open_driver(name: str, params: ConnectionParams) -> PostgresConnection | None:
    """Open a connection."""
    return PostgresConnection(params) if name == NAME else None


class PostgresConnection:
    """One connection to PostgreSQL, as the SDK's kernel wants it.

    psycopg2's own transactions are switched off (its autocommit is on): BEGIN and COMMIT are sent
    here, which lets a streamed result have a transaction of its own.

    Inside a transaction each statement runs behind a savepoint.  PostgreSQL spoils a transaction
    when a statement in it fails; SingleStore, for which the SDK's users write, undoes only the
    statement.  The savepoint travels with the statement and costs no round trip.
    """

    capabilities = (
        DriverCapability.TRANSACTIONS
        | DriverCapability.STREAMING
        | DriverCapability.CANCEL
        | DriverCapability.BINDS_PARAMETERS
    )

    def __init__(self, params: ConnectionParams) -> None:
        self.parse_json = params.parse_json
        self._nan_as_null = params.nan_as_null
        self._inf_as_null = params.inf_as_null
        self._autocommit = params.autocommit is not False
        self._stream: StreamedResult | None = None
        self._guarded = False
        self._names = (f"s2_cursor_{number}" for number in itertools.count(1))
        self._psycopg = _connect(params)
        try:
            with translated(CANNOT_CONNECT):
                self._psycopg.autocommit = True
                register_casters(self._psycopg)
                if params.init_command:
                    self.run(params.init_command)
        except BaseException:
            self._psycopg.close()
            raise
        info = self._psycopg.info
        self.info = ServerInfo(
            version=info.parameter_status("server_version") or "",
            connection_id=info.backend_pid,
            host=f"{info.host}:{info.port}",
            database=info.dbname,
        )

    @property
    def is_open(self) -> bool:
        """Whether statements can be sent."""
        return not self._psycopg.closed

    @property
    def autocommit(self) -> bool:
        """Whether each statement is committed by itself."""
        return self._autocommit

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, failed or not."""
        return not self._psycopg.closed and not self._is_idle()

    def fileno(self) -> int:
        """Return the number of the socket, which is readable when the server has gone."""
        return int(self._psycopg.fileno())

    @property
    def escapes_backslash(self) -> bool:
        """False: a backslash in a literal is itself, as the SQL standard has it."""
        return False

    # -- statements ---------------------------------------------------------------------------

    def execute(self, request: StatementRequest) -> BufferedResult | StreamedResult:
        """Run one statement.

        What is left of an unbuffered result is dropped first.  Unbuffered, a query runs on a
        server-side cursor; anything else is buffered.
        """
        if request.infile_stream is not None:
            raise exceptions.NotSupportedError(
                None,
                "PostgreSQL has no LOAD DATA; insert with executemany, or use COPY in psycopg2",
            )
        self._drop_stream()
        with self._translated():
            statement = self._bind(request.sql, request.args)
            if not self._autocommit and self._is_idle():
                self._begin()
            if not request.buffered and _STREAMABLE.match(request.sql):
                stream = self._open_stream(statement)
                if stream is not None:
                    return stream
            return BufferedResult(self._run_guarded(statement), self.parse_json)

    def _run_guarded(self, statement: bytes) -> Any:
        """Run a statement so that, when it fails, the transaction around it stays whole."""
        if self._status() != extensions.TRANSACTION_STATUS_INTRANS:
            self._guarded = False
            return self.run(statement)
        release = f"RELEASE {_GUARD}; ".encode() if self._guarded else b""
        self._guarded = False
        if _CONTROL.match(statement.decode("utf-8", "replace")):
            # Savepoints that the user sets must not end with ours.
            return self.run(release + statement)
        try:
            cursor = self.run(release + f"SAVEPOINT {_GUARD}; ".encode() + statement)
        except exceptions.Error:
            if self.is_open and self._status() == extensions.TRANSACTION_STATUS_INERROR:
                self.run(f"ROLLBACK TO {_GUARD}; RELEASE {_GUARD}")
            raise
        self._guarded = True
        return cursor

    def run(self, statement: str | bytes) -> Any:
        """Send a statement as it is and return psycopg2's cursor with what it answered."""
        with self._translated():
            cursor = self._psycopg.cursor()
            cursor.execute(statement)
            return cursor

    def fetch(self, statement: str, guarded: bool) -> tuple[Any, list[Row]]:
        """Run a query; return psycopg2's description of its result, and its rows."""
        with self._translated():
            text = statement.encode()
            cursor = self._run_guarded(text) if guarded else self.run(text)
            return cursor.description, cursor.fetchall()

    def _bind(self, sql: str, args: Any) -> bytes:
        if args is None or (isinstance(args, (Sequence, Mapping)) and not args):
            return sql.encode()
        adapted: Any
        if isinstance(args, Mapping):
            adapted = {key: self._adapt(value) for key, value in args.items()}
        elif isinstance(args, Sequence) and not isinstance(args, (str, bytes, bytearray)):
            adapted = [self._adapt(value) for value in args]
        else:
            adapted = [self._adapt(args)]
        try:
            bound: bytes = self._psycopg.cursor().mogrify(sql, adapted)
        except KeyError as exc:
            raise exceptions.ProgrammingError(None, f"no argument is named {exc}") from exc
        except (TypeError, IndexError, ValueError) as exc:
            raise exceptions.ProgrammingError(
                None, f"the arguments do not match the placeholders: {exc}"
            ) from exc
        return bound

    def _adapt(self, value: Any) -> Any:
        """Return what psycopg2 can write for ``value``."""
        if hasattr(value, "tolist"):  # numpy's scalars and arrays
            value = value.tolist()
        if isinstance(value, float):
            if (self._nan_as_null and value != value) or (
                self._inf_as_null and value in (float("inf"), float("-inf"))
            ):
                return None
        elif isinstance(value, dict):
            return Json(value)
        elif isinstance(value, (set, frozenset)):
            return tuple(value)
        elif type(value).__name__ == "UUID":
            return str(value)
        return value

    def _open_stream(self, statement: bytes) -> StreamedResult | None:
        """Declare a server-side cursor for a query; ``None`` when PostgreSQL refuses one.

        It does for SELECT … INTO and for queries whose WITH changes data, which no pattern can
        tell safely.  Declaring runs nothing, so the statement can then be sent as it is; if it is
        wrong altogether, that raises the error that the user should see.
        """
        name = next(self._names)
        own = self._is_idle()
        declare = f"DECLARE {name} NO SCROLL CURSOR FOR ".encode() + statement
        if own:
            self._begin()
        try:
            if own:
                self.run(declare)
            else:
                self._run_guarded(declare)
        except exceptions.Error as exc:
            if own and self.is_open:
                self.run("ROLLBACK")
            if isinstance(exc, (exceptions.NotSupportedError, exceptions.ProgrammingError)):
                return None
            raise

        def on_close() -> None:
            self._stream = None
            if not self.is_open or self._is_idle():
                return
            failed = self._status() == extensions.TRANSACTION_STATUS_INERROR
            if own:
                self.run("ROLLBACK" if failed else "COMMIT")
            elif not failed:
                self.run(f"CLOSE {name}")

        try:
            stream = StreamedResult(self, name, not own, on_close)
        except BaseException:
            on_close()
            raise
        self._stream = stream
        return stream

    def _drop_stream(self) -> None:
        if self._stream is not None:
            self._stream.close()

    # -- transactions -------------------------------------------------------------------------

    def set_autocommit(self, enabled: bool) -> None:
        """Switch autocommit; switching it on commits an open transaction."""
        if enabled and not self._autocommit:
            self.commit()
        self._autocommit = enabled

    def begin(self) -> None:
        """Start a transaction, unless one is open."""
        self._drop_stream()
        if self._is_idle():
            self._begin()

    def commit(self) -> None:
        """Commit the transaction.

        Raises ``InternalError`` when a statement in it failed: PostgreSQL then rolls it back.
        """
        self._drop_stream()
        if self._is_idle():
            return
        if self.run("COMMIT").statusmessage == "ROLLBACK":
            raise exceptions.InternalError(
                None,
                "the transaction was rolled back, because a statement in it had failed",
                "25P02",
            )

    def rollback(self) -> None:
        """Roll the transaction back."""
        self._drop_stream()
        if not self._is_idle():
            self.run("ROLLBACK")

    def _begin(self) -> None:
        self.run("BEGIN")
        self._guarded = False

    def _status(self) -> int:
        return self._psycopg.info.transaction_status

    def _is_idle(self) -> bool:
        if self._psycopg.closed:
            raise exceptions.InterfaceError(None, "the connection is closed")
        return self._status() == extensions.TRANSACTION_STATUS_IDLE

    # -- the connection -----------------------------------------------------------------------

    def ping(self) -> None:
        """Ask the server for a sign of life."""
        # A failed transaction refuses every query, which is a sign of life as well.
        with self._translated(), suppress(psycopg2.errors.InFailedSqlTransaction):
            self._psycopg.cursor().execute("SELECT 1")

    def cancel(self) -> None:
        """Stop the statement that runs now, from any thread."""
        with self._translated():
            self._psycopg.cancel()

    def close(self) -> None:
        """End the session; what was not committed is rolled back by the server.  Idempotent."""
        self._stream = None
        self._psycopg.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        with translated():
            yield


def _connect(params: ConnectionParams) -> extensions.connection:
    refused = [name for name in _UNSUPPORTED if getattr(params, name)]
    if any(isinstance(key, int) for key in params.conv):
        refused.append("conv by type code")
    if refused:
        raise exceptions.NotSupportedError(
            None, f"the driver {NAME} does not have: {', '.join(refused)}"
        )
    database = params.database or params.path
    if not database:
        raise exceptions.InterfaceError(
            None, "no database: give it in the URL (bitdotio://host/owner/name) or as database="
        )
    user, password = params.user, params.password
    if user is not None and user.startswith("v2_"):
        # A user's name is shown in places where a secret must not be.
        raise exceptions.InterfaceError(
            None, "the token belongs in the password's place: bitdotio://api_user:<token>@host/…"
        )
    token = password if password is not None else os.environ.get("BITIO_KEY") or None
    options = params.driver_options
    libpq_options = _libpq_options(params)
    if token is None and (params.host or params.unix_socket):
        # Without any secret libpq looks for one itself (.pgpass), or needs none.
        token, libpq_options["password"] = "none", None
    try:
        sdk = bitdotio(
            token,
            api_url=options.get("api_url"),
            db_host=params.unix_socket or params.host,
            db_port=params.port,
            db_user=user,
            db_password=password,
            sslmode=options.get("sslmode") or _sslmode(params),
            validate_token=False,
            connect_kwargs=libpq_options,
        )
    except ValueError as exc:
        raise exceptions.InterfaceError(None, str(exc)) from exc
    try:
        with sdk:
            return sdk.get_connection(database)
    except psycopg2.Error as exc:
        raise translate(exc, CANNOT_CONNECT) from exc
    except (ApiError, OSError) as exc:  # requests' errors are OSErrors
        raise exceptions.OperationalError(CANNOT_CONNECT, str(exc)) from exc


def _sslmode(params: ConnectionParams) -> str | None:
    if params.ssl_disabled:
        return "disable"
    if params.ssl_verify_identity:
        return "verify-full"
    return "verify-ca" if params.ssl_verify_cert else None


def _libpq_options(params: ConnectionParams) -> dict[str, Any]:
    options = {
        "application_name": params.program_name,
        "connect_timeout": params.connect_timeout,
        "client_encoding": "UTF8",
        "sslrootcert": params.ssl_ca,
        "sslcert": params.ssl_cert,
        "sslkey": params.ssl_key,
    }
    # The SDK's options for TLS are empty texts unless they are set.
    return {name: value for name, value in options.items() if value}
