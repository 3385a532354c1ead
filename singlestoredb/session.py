"""The session behind a connection: its driver connection and the way of a statement.

A statement passes: options, parameter binding, observers, Fusion SQL, extensions, driver.  When
nobody listens and Fusion is off, that is one look at three flags and one call.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

from singlestoredb import accelerators
from singlestoredb.config import get_option
from singlestoredb.escaping import Escaper
from singlestoredb.exceptions import InterfaceError, NotSupportedError
from singlestoredb.kernel import get_registry
from singlestoredb.kernel.errors import PluginLoadError
from singlestoredb.utils.config import Changes
from singlestoredb_hookspecs import (
    Column,
    ConnectionEvent,
    ConnectionParams,
    DriverCapability,
    DriverConnection,
    Format,
    FormatRequest,
    ResultStream,
    Shape,
    StatementCall,
    StatementEvent,
    StatementRequest,
)

log = logging.getLogger("singlestoredb.plugins")


class Session:
    """A driver connection, the formats chosen for it, and the way of its statements."""

    _driver_connection: DriverConnection | None = None

    def __init__(self, params: ConnectionParams) -> None:
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
        self._driver_connection = self._open_driver()

    def _open_driver(self) -> DriverConnection:
        name = self._params.driver
        try:
            opened = self._hooks.open_driver(self._driver_plugin, name, self._params)
        except ImportError as exc:
            raise _missing("driver", name, exc) from exc
        self._binds_parameters = bool(opened.capabilities & DriverCapability.BINDS_PARAMETERS)
        self._committable = True
        self._hooks.connection_opened(ConnectionEvent(self, name))
        return opened

    def _look_at_options(self) -> None:
        self._changes = Changes.count
        self._fusion = bool(get_option("fusion.enabled"))
        self._debug = bool(get_option("debug.queries"))
        self._arraysize = int(get_option("results.arraysize"))

    # -- for cursors --

    def _opened(self) -> DriverConnection:
        opened = self._driver_connection
        if opened is None or not opened.is_open:
            raise InterfaceError(0, "The connection has been closed")
        return opened

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

            def make(columns: tuple[Column, ...]) -> Format:
                try:
                    return self._hooks.make_format(plugin, name, FormatRequest(columns, options))
                except ImportError as exc:
                    raise _missing("format", name, exc) from exc

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
        request = StatementRequest(sql, bound, buffered, shape, infile_stream, infile_name)
        hooks = self._hooks
        if not (self._fusion or hooks.watches_statements or hooks.answers_statements):
            self._committable = True
            return opened.execute(request)
        return self._run_with_hooks(opened, request, shown or query)

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
            answer = self._hooks.execute_statement(call)
            if answer is not None:
                return answer
        return opened.execute(request)


def _missing(noun: str, name: str, exc: ImportError) -> PluginLoadError:
    module = (exc.name or "a library").partition(".")[0]
    return PluginLoadError(
        f"the {noun} {name!r} needs {module}, which cannot be imported: {exc} "
        f"(pip install {module})"
    )
