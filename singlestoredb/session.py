"""The session behind a connection: its driver connection and the way of a statement.

:class:`BaseSession` is what does not wait for anything and serves :mod:`singlestoredb.aio` too;
:class:`Session` adds the waiting.

A statement passes: options, parameter binding, observers, Fusion SQL, extensions, driver.  When
nobody listens and Fusion is off, that is one look at three flags and one call.
"""

from __future__ import annotations

import logging
import os
import random
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from threading import Lock
from time import perf_counter, sleep
from typing import Any, Generic, Protocol, TypeVar

from singlestoredb import accelerators, exceptions
from singlestoredb.config import get_option
from singlestoredb.escaping import Escaper
from singlestoredb.exceptions import (
    Error,
    InterfaceError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)
from singlestoredb.kernel import get_registry
from singlestoredb.kernel.errors import PluginLoadError
from singlestoredb.utils.config import Changes
from singlestoredb.utils.debug import log_connection
from singlestoredb_hookspecs import (
    Column,
    ConnectionEvent,
    ConnectionParams,
    DriverCapability,
    DriverConnection,
    Format,
    FormatRequest,
    ResultStream,
    ServerInfo,
    Shape,
    StatementCall,
    StatementEvent,
    StatementRequest,
)

log = logging.getLogger("singlestoredb.plugins")

T = TypeVar("T")

_FIRST_DELAY = 0.1
_LONGEST_DELAY = 5.0
"""Seconds between attempts to connect: the first ones, doubled each time, up to the second."""


class Opened(Protocol):
    """What driver connections have in common, awaited or not."""

    capabilities: DriverCapability
    info: ServerInfo

    @property
    def is_open(self) -> bool: ...
    @property
    def autocommit(self) -> bool | None: ...
    @property
    def escapes_backslash(self) -> bool: ...


OpenedT = TypeVar("OpenedT", bound=Opened)


class BaseSession(Generic[OpenedT]):
    """What a connection knows and makes without talking to anybody."""

    Warning = exceptions.Warning
    Error = exceptions.Error
    InterfaceError = exceptions.InterfaceError
    DatabaseError = exceptions.DatabaseError
    DataError = exceptions.DataError
    OperationalError = exceptions.OperationalError
    IntegrityError = exceptions.IntegrityError
    InternalError = exceptions.InternalError
    ProgrammingError = exceptions.ProgrammingError
    NotSupportedError = exceptions.NotSupportedError

    _driver_connection: OpenedT | None = None
    _forked = False
    _returned = False
    """Whether it was lent by a pool, which has it back."""
    _member: Any
    """What a pool knows of it."""
    _binds_parameters = False
    _committable = True
    _sent: str | None = None
    """Text of the last statement, as it went to the driver."""

    def _prepare(self, params: ConnectionParams) -> None:
        """Choose the driver and what statements need, all but the connection itself."""
        self.query_timeout = params.query_timeout
        self._registry = get_registry()
        self._hooks = self._registry.manager
        self._params = params
        self.results_type = params.results_type
        """Name of the format that cursors use unless they choose another."""
        self.errorhandler: None = None
        """Always ``None``: errors are raised."""
        self._formats: dict[str, tuple[Callable[[tuple[Column, ...]], Format], Shape]] = {}
        self._driver_plugin = self._registry.activate("drivers", params.driver)
        self.paramstyle = self._hooks.driver_info(self._driver_plugin, params.driver).paramstyle
        self._registry.select("formats", params.results_type)
        encoders = {k: v for k, v in params.conv.items() if not isinstance(k, int)}
        # Two of them, because the server's sql_mode can change with any statement, and a literal
        # for the wrong one is a hole.
        self._escapers = tuple(
            Escaper(
                encoders or None,
                no_backslash_escapes=no_backslash,
                nan_as_null=params.nan_as_null,
                inf_as_null=params.inf_as_null,
                binary_prefix=params.binary_prefix,
            )
            for no_backslash in (True, False)
        )
        self._look_at_options()
        for record, error in self._registry.activate_all("extensions"):
            log.error("plugin %s takes no part: %s", record.key, error)

    def _track(self) -> None:
        """Be known to what happens at a fork."""
        _sessions.add(self)

    def _pauses(self) -> Iterator[float]:
        """Iterate over the seconds to wait before each further attempt to connect."""
        delay = _FIRST_DELAY
        for _ in range(self._params.retries):
            # At random, so that clients which lost a server together do not come back together.
            yield delay * random.uniform(0.5, 1.0)
            delay = min(delay * 2, _LONGEST_DELAY)

    def _note_opened(self, opened: Opened) -> None:
        self._binds_parameters = bool(opened.capabilities & DriverCapability.BINDS_PARAMETERS)
        self._committable = True
        self._forked = False
        log_connection(f"opened {self._params.driver} at {opened.info.host}")
        self._hooks.connection_opened(ConnectionEvent(self, self._params.driver))

    def _look_at_options(self) -> None:
        self._changes = Changes.count
        self._fusion = bool(get_option("fusion.enabled"))
        self._debug = bool(get_option("debug.queries"))
        self._arraysize = int(get_option("results.arraysize"))

    # -- for cursors --

    def _opened(self) -> OpenedT:
        opened = self._driver_connection
        if opened is None or not opened.is_open:
            if self._returned:
                raise InterfaceError(0, "The connection was returned to its pool")
            if self._forked:
                raise InterfaceError(
                    0,
                    "the connection was opened before this process was forked, and belongs to the "
                    "parent",
                    hint="connect in the child",
                )
            raise InterfaceError(0, "The connection has been closed")
        return opened

    @property
    def query_timeout(self) -> float | None:
        """Seconds that a statement may take, ``None`` for any; may be changed at any time.

        They are counted for each call that waits: ``execute``, and each fetch from a result that is
        not buffered.
        """
        return self._query_timeout

    @query_timeout.setter
    def query_timeout(self, seconds: float | None) -> None:
        if seconds is not None:
            seconds = float(seconds)
            if not seconds > 0:
                raise ValueError(f"a time-out must be a positive number of seconds, not {seconds}")
        self._query_timeout = seconds

    def _demand(self, capability: DriverCapability, what: str) -> None:
        if not self._opened().capabilities & capability:
            raise NotSupportedError(
                None, f"the driver {self._params.driver!r} does not support {what}"
            )

    def _format(self, name: str) -> tuple[Callable[[tuple[Column, ...]], Format], Shape]:
        """Return how to make a format for a result set, and what it reads."""
        found = self._formats.get(name)
        if found is None:
            plugin = self._registry.activate("formats", name)
            options = {"parse_json": self._params.parse_json}

            last: tuple[tuple[Column, ...], Format] | None = None

            def make(columns: tuple[Column, ...]) -> Format:
                nonlocal last
                if last is not None and last[0] is columns:  # another cursor's, the same query's
                    return last[1]
                try:
                    made = self._hooks.make_format(plugin, name, FormatRequest(columns, options))
                except ImportError as exc:
                    raise _missing("format", name, exc) from exc
                last = columns, made
                return made

            # Made once for no columns: what it reads must be known before a statement is sent,
            # and a missing library should be told before it, too.
            found = self._formats[name] = (make, make(()).reads)
        return found

    def _interpolate(self, query: str, args: Any) -> str:
        """Write parameters into a statement."""
        return self._escaper().interpolate(
            query, args, empty_args=self._params.interpolate_query_with_empty_args
        )

    def _escaper(self) -> Escaper:
        """Return what writes literals as the server reads them now."""
        return self._escapers[self._opened().escapes_backslash]

    def _row_writer(self, template: str) -> Any | None:
        """Return what writes rows of an INSERT in C; ``None`` where it must be done in Python."""
        if self._params.interpolate_query_with_empty_args:
            return None
        accelerator = accelerators.find("literals", self._params.pure_python)
        return accelerator and self._escaper().row_writer(template, accelerator)

    def _request(
        self,
        query: str,
        args: Any,
        buffered: bool,
        shape: Shape,
        infile_stream: Any,
        infile_name: str | None = None,
    ) -> StatementRequest:
        """Return what the driver is asked to run, with the options as they are now."""
        if self._changes != Changes.count:
            self._look_at_options()
        if self._debug:
            shown = "" if args is None else f" {args!r}"
            print(f"[QUERY] {query}{shown}", file=sys.stderr)  # noqa: T201 - what the option is for
        if args is None:
            sql, bound = query, None
        elif self._binds_parameters:
            sql, bound = query, args
        else:
            sql, bound = self._interpolate(query, args), None
        self._sent = sql
        timeout = self._query_timeout
        return StatementRequest(sql, bound, buffered, shape, infile_stream, timeout, infile_name)

    def _text_of(self, query: Any, args: Any = None) -> str:
        """Return a statement that is no plain ``str`` as one.

        Bytes are text in the connection's character set, and reach the server as they are.
        Raises ``ProgrammingError`` for anything else, and for bytes with arguments.
        """
        if isinstance(query, str):
            return query
        if not isinstance(query, (bytes, bytearray)):
            raise ProgrammingError(0, f"a statement must be str, not {type(query).__name__}")
        if args is not None:
            raise ProgrammingError(0, "a statement with arguments must be str, not bytes")
        from singlestoredb.utils.text import codec_of

        return query.decode(codec_of(self.character_set_name()), "surrogateescape")

    # -- escaping --

    def escape(self, value: Any, mapping: Mapping[type, Any] | None = None) -> str:
        """Return a value as an SQL literal, for this connection's sql_mode."""
        if mapping is None:
            return self._escaper().escape(value)
        from singlestoredb.escaping import escape

        no_backslash = not self._opened().escapes_backslash
        return escape(value, encoders=mapping, no_backslash_escapes=no_backslash)

    def literal(self, value: Any) -> str:
        """Return a value as an SQL literal."""
        return self.escape(value)

    def escape_string(self, value: str) -> str:
        """Return text as it stands between the quotes of an SQL literal."""
        return self.escape(str(value))[1:-1]

    # -- what it is --

    @property
    def driver(self) -> str:
        """Name of the driver."""
        return self._params.driver

    @property
    def connection_params(self) -> dict[str, Any]:
        """The resolved parameters."""
        params = {name: getattr(self._params, name) for name in self._params.__dataclass_fields__}
        return _Masked({k: v for k, v in params.items() if v is not None})

    @property
    def open(self) -> bool:
        """Whether statements can be sent, as far as the client knows."""
        return self._driver_connection is not None and self._driver_connection.is_open

    def is_connected(self) -> bool:
        """Return whether statements can be sent, as far as the client knows."""
        return self.open

    def thread_id(self) -> int | None:
        """Return the number by which the server knows the connection."""
        return self._opened().info.connection_id

    def get_server_info(self) -> str:
        """Return the server's version as text."""
        return self._opened().info.version

    def get_host_info(self) -> str:
        """Return where the connection leads."""
        return self._opened().info.host

    def character_set_name(self) -> str:
        """Return the character set of the connection."""
        return self._opened().info.charset

    @property
    def server_version(self) -> str:
        """The server's version as text."""
        return self._opened().info.version

    def get_autocommit(self) -> bool | None:
        """Return whether the server commits each statement by itself."""
        return self._opened().autocommit

    @property
    def autocommit_mode(self) -> bool | None:
        """Whether the server commits each statement by itself."""
        return self.get_autocommit()

    @property
    def in_transaction(self) -> bool | None:
        """Whether a transaction is open, as of the server's last answer; ``None`` when unknown."""
        known: bool | None = getattr(self._opened(), "in_transaction", None)
        return known

    @property
    def messages(self) -> list[tuple[type[BaseException], BaseException]]:
        """Always empty; warnings are read with ``SHOW WARNINGS``."""
        return []

    def _where(self) -> str:
        params = self._params
        where = params.path or params.unix_socket or params.host or ""
        if params.port and not params.unix_socket:
            where = f"{where}:{params.port}"
        return f"{params.driver}://{where}{'' if self.open else ' (closed)'}"


class _Masked(dict[str, Any]):
    """A dict whose text hides the password."""

    def __repr__(self) -> str:
        return repr({k: "***" if k in self._SECRET and v else v for k, v in self.items()})

    _SECRET = frozenset({"auth_plugin_map", "conn_attrs", "driver_options", "password"})


class Session(BaseSession[DriverConnection]):
    """A driver connection, the formats chosen for it, and the way of its statements."""

    def __init__(self, params: ConnectionParams, *, defer: bool = False) -> None:
        self._lock = Lock()
        """Held while the driver is at work: whoever comes meanwhile is another thread."""
        self._stopped = False
        """Whether the statement whose result is being read was stopped for its time-out."""
        self._prepare(params)
        if not defer:
            self._driver_connection = self._open_driver()
        self._track()

    def _open_driver(self) -> DriverConnection:
        """Connect; what fails for a while is tried again as often as ``retries`` says."""
        for pause in self._pauses():
            try:
                return self._open_driver_once()
            except Error as exc:
                if not exc.is_recoverable:
                    raise
                log.info("connecting failed and is tried again: %s", exc)
            sleep(pause)
        return self._open_driver_once()

    def _open_driver_once(self) -> DriverConnection:
        name = self._params.driver
        try:
            opened = self._hooks.open_driver(self._driver_plugin, name, self._params)
        except ImportError as exc:
            raise _missing("driver", name, exc) from exc
        self._note_opened(opened)
        return opened

    def _exclusively(self, call: Callable[..., T], *args: Any) -> T:
        """Call into the driver, as the only thread that does, within ``query_timeout``."""
        lock = self._lock
        if not lock.acquire(False):
            raise ProgrammingError(
                None,
                "the connection is being used by another thread, or by an earlier call that has "
                "not returned",
                hint="give each thread a connection of its own, or use singlestoredb.create_pool()",
            )
        try:
            if self._query_timeout is None:
                return call(*args)
            return self._within(self._query_timeout, call, *args)
        except BaseException as exc:
            if not isinstance(exc, Exception) or isinstance(exc.__cause__, TimeoutError):
                self._stop_server()
            raise
        finally:
            lock.release()

    def _within(self, seconds: float, call: Callable[..., T], *args: Any) -> T:
        from singlestoredb.deadline import QUERY_TIMEOUT, timed_out, within

        opened = self._opened()
        if not opened.capabilities & (DriverCapability.CANCEL | DriverCapability.ABORT):
            return call(*args)  # the driver bounds its waiting by itself
        stopped, self._stopped = self._stopped, False
        try:
            result, self._stopped = within(seconds, opened, call, *args)
        except Error as exc:
            if not stopped or exc.errno == QUERY_TIMEOUT:
                raise
            # The call before came back just as its time was over.
            raise timed_out(seconds, opened) from exc
        return result

    def _stop_server(self) -> None:
        """Stop the server's work for a statement that nobody waits for any longer.

        The driver has closed the connection.  Does not wait for long: it is called while Ctrl-C
        is on its way to the user.
        """
        from singlestoredb.deadline import stop_server

        opened = self._driver_connection
        stopping = None if opened is None else stop_server(opened)
        if stopping is not None:
            stopping.join(0.05)

    def _run(
        self,
        query: str,
        args: Any,
        buffered: bool,
        shape: Shape,
        infile_stream: Any,
        infile_name: str | None = None,
        shown: str | None = None,
    ) -> ResultStream:
        """Run a statement; extensions and Fusion see it when there are any.

        ``shown`` is what observers are told of a text that has values written into it.
        """
        opened = self._opened()
        if type(query) is not str:
            query = self._text_of(query, args)
        request = self._request(query, args, buffered, shape, infile_stream, infile_name)
        hooks = self._hooks
        if not (self._fusion or hooks.watches_statements or hooks.answers_statements):
            self._committable = True
            return self._send(opened, request)
        return self._run_with_hooks(opened, request, shown or query)

    def _send(self, opened: DriverConnection, request: StatementRequest) -> ResultStream:
        """Give a statement to the driver; again after a loss, as ``retry_reads`` allows."""
        self._stopped = False
        for _ in range(self._params.retry_reads):
            in_transaction = getattr(opened, "in_transaction", True)
            try:
                return self._exclusively(opened.execute, request)
            except OperationalError as exc:
                if in_transaction or opened.is_open or not _may_be_repeated(exc, request):
                    raise
                log.info("the connection was lost and the statement is sent again: %s", exc)
            self._driver_connection = opened = self._open_driver()
        return self._exclusively(opened.execute, request)

    def _run_with_hooks(
        self, opened: DriverConnection, request: StatementRequest, query: str
    ) -> ResultStream:
        hooks = self._hooks
        if not hooks.watches_statements:
            return self._answer(opened, request)
        hooks.statement_started(StatementEvent(query, self))
        start = perf_counter()
        try:
            stream = self._answer(opened, request)
        except BaseException as exc:
            duration = perf_counter() - start
            hooks.statement_finished(StatementEvent(query, self, duration, None, exc))
            raise
        duration = perf_counter() - start
        hooks.statement_finished(StatementEvent(query, self, duration, stream.rows_affected))
        return stream

    def _answer(self, opened: DriverConnection, request: StatementRequest) -> ResultStream:
        answer = self._answer_here(request)
        return self._send(opened, request) if answer is None else answer

    def _answer_here(self, request: StatementRequest) -> ResultStream | None:
        """Let Fusion and extensions answer; ``None`` leaves the statement to the driver."""
        if self._fusion:
            from singlestoredb.fusion import registry as commands

            handler = commands.find(request.sql)
            if handler is not None:
                from singlestoredb.fusion import execute

                self._committable = False
                sql = request.sql
                if request.args is not None:  # the driver would have bound them; a command cannot
                    sql = self._interpolate(sql, request.args)
                return execute(self, sql, handler=handler)
        self._committable = True
        if self._hooks.answers_statements:
            call = StatementCall(request.sql, self, request.buffered)
            return self._hooks.execute_statement(call)
        return None


def _may_be_repeated(exc: OperationalError, request: StatementRequest) -> bool:
    from singlestoredb.sqltext import only_reads

    return exc.is_recoverable and request.buffered and only_reads(request.sql)


_sessions: weakref.WeakSet[BaseSession[Any]] = weakref.WeakSet()
_inherited: list[Opened] = []
"""What the parent of a fork had open.  Kept for ever: to free it would be to close it, and to close
it would be to say goodbye on the parent's socket."""


def _after_fork() -> None:
    for session in list(_sessions):
        if session._driver_connection is not None:
            _inherited.append(session._driver_connection)
            session._driver_connection = None
            session._forked = True
        if isinstance(session, Session):
            session._lock = Lock()  # another thread of the parent may have held it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _missing(noun: str, name: str, exc: ImportError) -> PluginLoadError:
    module = (exc.name or "a library").partition(".")[0]
    return PluginLoadError(
        f"the {noun} {name!r} needs {module}, which cannot be imported: {exc} "
        f"(pip install {module})"
    )
