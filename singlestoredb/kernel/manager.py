"""The pluggy manager: one typed method per hook.

Nobody else touches pluggy's relay.  Provider hooks are asked of the one plugin that the registry
chose; events and wrappers reach every plugin that takes part.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pluggy

import singlestoredb_hookspecs as specs
from singlestoredb._version import __version__
from singlestoredb.config import get_option
from singlestoredb_hookspecs import (
    accelerators,
    drivers,
    formats,
    fusion,
    lifecycle,
    servers,
    udf,
)

from .errors import PluginContractError

log = logging.getLogger("singlestoredb.plugins")

HOOK_PREFIX = "s2_"


class HookManager:
    """Holds the active plugins and calls their hooks."""

    def __init__(self) -> None:
        self._pm = pluggy.PluginManager(specs.PROJECT)
        for module in (drivers, formats, accelerators, fusion, udf, servers, lifecycle):
            self._pm.add_hookspecs(module)
        self._lock = threading.RLock()
        self._callers: dict[tuple[str, int], Callable[..., Any]] = {}
        self.watches_statements = False
        """Whether anybody listens to statements: the one thing a statement looks at."""
        self.answers_statements = False
        """Whether anybody may answer or wrap statements."""
        self._pm.hook.s2_plugin_activated.call_historic(
            kwargs={
                "event": specs.ActivationEvent(
                    sdk_version=__version__,
                    spec_version=specs.SPEC_VERSION,
                    get_option=get_option,
                )
            }
        )

    # -- registration --

    def hook_names(self) -> set[str]:
        """Return the names of all hooks."""
        return {name for name in dir(self._pm.hook) if name.startswith(HOOK_PREFIX)}

    def implemented(self, plugin: object) -> set[str]:
        """Return the hooks that a plugin implements, active or not.

        Those it marked as optional, for SDKs that know them, count only where they are known.
        """
        known = self.hook_names()
        found = set()
        for name in dir(plugin):
            if name.startswith(HOOK_PREFIX):
                options = self._pm.parse_hookimpl_opts(plugin, name)
                if options and (name in known or not options.get("optionalhook")):
                    found.add(name)
        return found

    def register(self, plugin: object, name: str) -> None:
        """Make a plugin active under ``family:name``; again is nothing.

        Raises ``pluggy.PluginValidationError`` for a hook that does not exist or asks for an
        argument that it does not have.
        """
        with self._lock:
            if self._pm.is_registered(plugin):
                return
            try:
                self._pm.register(plugin, name)
                self._pm.check_pending()
            except pluggy.PluginValidationError:
                if self._pm.is_registered(plugin):
                    self._pm.unregister(plugin)
                raise
            self._changed()

    def unregister(self, plugin: object) -> None:
        """Make a plugin inactive; nothing when it is not active."""
        with self._lock:
            if self._pm.is_registered(plugin):
                self._pm.unregister(plugin)
                self._changed()

    def is_active(self, plugin: object) -> bool:
        """Return whether a plugin is registered."""
        return self._pm.is_registered(plugin)

    def _changed(self) -> None:
        self._callers.clear()
        hook = self._pm.hook
        self.watches_statements = bool(
            hook.s2_statement_started.get_hookimpls() or hook.s2_statement_finished.get_hookimpls()
        )
        self.answers_statements = bool(hook.s2_execute_statement.get_hookimpls())

    # -- providers: asked of one plugin --

    def _ask(self, hook: str, plugin: object, **kwargs: Any) -> Any:
        caller = self._callers.get((hook, id(plugin)))
        if caller is None:
            with self._lock:
                caller = self._callers[hook, id(plugin)] = self._caller(hook, plugin)
        return caller(**kwargs)

    def _caller(self, hook: str, plugin: object) -> Callable[..., Any]:
        """Return how to ask one plugin.

        A provider is never asked for a name that the registry gave to another, even when it would
        answer; wrappers, which provide nothing, stay in the chain.
        """
        impls = getattr(self._pm.hook, hook).get_hookimpls()
        wrapped = any(impl.wrapper or impl.hookwrapper for impl in impls)
        own = [impl for impl in impls if impl.plugin is plugin]
        if not wrapped and len(own) == 1:
            # What the relay would do, without building its call chain each time.
            function, names = own[0].function, own[0].argnames
            return lambda **kwargs: function(*[kwargs[name] for name in names])
        others = [
            impl.plugin
            for impl in impls
            if impl.plugin is not plugin and not (impl.wrapper or impl.hookwrapper)
        ]
        return self._pm.subset_hook_caller(hook, others)

    def driver_info(self, plugin: object, name: str) -> specs.DriverInfo:
        """Ask a driver plugin about itself."""
        info = self._ask("s2_driver_info", plugin, name=name)
        return info if isinstance(info, specs.DriverInfo) else specs.DriverInfo(name)

    def open_driver(
        self, plugin: object, name: str, params: specs.ConnectionParams
    ) -> specs.DriverConnection:
        """Open a connection."""
        made: specs.DriverConnection = self._checked(
            self._ask("s2_open_driver", plugin, name=name, params=params),
            "driver",
            name,
            _DRIVER_CONNECTION,
        )
        return made

    def open_async_driver(
        self, plugin: object, name: str, params: specs.ConnectionParams
    ) -> Awaitable[specs.AsyncDriverConnection]:
        """Open a connection on the running event loop.

        A driver that has none of its own is run on a worker thread.
        """
        opening: Awaitable[specs.AsyncDriverConnection] | None = None
        if self._pm.hook.s2_open_async_driver.get_hookimpls():
            opening = self._ask("s2_open_async_driver", plugin, name=name, params=params)
        if opening is None:
            from .threaded import open_threaded

            opening = open_threaded(lambda: self.open_driver(plugin, name, params))
        return self._checked_async(opening, name)

    async def _checked_async(
        self, opening: Awaitable[specs.AsyncDriverConnection], name: str
    ) -> specs.AsyncDriverConnection:
        made: specs.AsyncDriverConnection = self._checked(
            await opening, "asynchronous driver", name, _ASYNC_DRIVER_CONNECTION
        )
        return made

    def make_format(self, plugin: object, name: str, request: specs.FormatRequest) -> specs.Format:
        """Make a format for a result set."""
        made: specs.Format = self._checked(
            self._ask("s2_make_format", plugin, name=name, request=request),
            "format",
            name,
            ("reads", "table", "row"),
        )
        if made.reads not in ("rows", "dicts", "arrow"):
            raise PluginContractError(
                f"the format {name!r} ({_where(made)}) reads {made.reads!r}; "
                "it must be 'rows', 'dicts' or 'arrow'"
            )
        return made

    def make_accelerator(self, plugin: object, name: str) -> Any:
        """Ask for an accelerator."""
        request = specs.AcceleratorRequest(name)
        return self._ask("s2_make_accelerator", plugin, name=name, request=request)

    def start_server(
        self, plugin: object, name: str, request: specs.ServerRequest
    ) -> specs.LocalServer:
        """Start a local server."""
        made: specs.LocalServer = self._checked(
            self._ask("s2_start_server", plugin, name=name, request=request),
            "server",
            name,
            ("urls", "wait", "stop"),
        )
        return made

    def make_udf_codec(
        self, plugin: object, name: str, request: specs.CodecRequest
    ) -> specs.UdfCodec:
        """Make a codec for a function's signature."""
        made: specs.UdfCodec = self._checked(
            self._ask("s2_make_udf_codec", plugin, name=name, request=request),
            "UDF codec",
            name,
            ("content_type", "decode", "encode"),
        )
        return made

    def make_udf_transport(
        self, plugin: object, name: str, request: specs.TransportRequest
    ) -> specs.UdfTransport:
        """Make a transport for a set of functions."""
        made: specs.UdfTransport = self._checked(
            self._ask("s2_make_udf_transport", plugin, name=name, request=request),
            "UDF transport",
            name,
            ("run", "stop"),
        )
        return made

    def _checked(self, made: Any, noun: str, name: str, members: Sequence[str]) -> Any:
        if made is None:
            raise PluginContractError(
                f"the plugin that is registered as the {noun} {name!r} answered None for that name"
            )
        # Through the class first: a property is there without being asked.
        missing = [m for m in members if not (hasattr(type(made), m) or hasattr(made, m))]
        if missing:
            raise PluginContractError(
                f"the {noun} {name!r} ({_where(made)}) lacks {', '.join(missing)}"
            )
        return made

    # -- everybody's answers --

    def fusion_handlers(self) -> list[tuple[type[Any], object]]:
        """Collect ``(command class, its plugin)`` of all active plugins."""
        found: list[tuple[type[Any], object]] = []
        for impl in self._pm.hook.s2_fusion_handlers.get_hookimpls():
            try:
                handlers = list(impl.function())  # type: ignore[call-overload] # a hook's answer
            except Exception:
                # One plugin's failure must not take everybody's commands away.
                log.exception("s2_fusion_handlers of plugin %s failed", impl.plugin_name)
            else:
                found += [(handler, impl.plugin) for handler in handlers]
        return found

    def execute_statement(self, call: specs.StatementCall) -> specs.ResultStream | None:
        """Let extensions answer a statement; ``None`` leaves it to the server."""
        answer: specs.ResultStream | None = self._pm.hook.s2_execute_statement(call=call)
        return answer

    # -- events --

    def connection_opened(self, event: specs.ConnectionEvent) -> None:
        """Tell that a connection was opened."""
        self._tell("s2_connection_opened", event)

    def connection_closed(self, event: specs.ConnectionEvent) -> None:
        """Tell that a connection was closed."""
        self._tell("s2_connection_closed", event)

    def statement_started(self, event: specs.StatementEvent) -> None:
        """Tell that a statement is about to be sent."""
        self._tell("s2_statement_started", event)

    def statement_finished(self, event: specs.StatementEvent) -> None:
        """Tell that a statement was answered or failed."""
        self._tell("s2_statement_finished", event)

    def _tell(self, hook: str, event: object) -> None:
        # One by one rather than through the relay, which stops at the first exception: an observer
        # that fails must neither break the statement nor deafen the others.
        for impl in getattr(self._pm.hook, hook).get_hookimpls():
            try:
                if impl.argnames:
                    impl.function(event)
                else:
                    impl.function()
            except Exception:
                log.exception("%s of plugin %s failed", hook, impl.plugin_name)


_DRIVER_CONNECTION = (
    "capabilities",
    "info",
    "is_open",
    "autocommit",
    "execute",
    "set_autocommit",
    "begin",
    "commit",
    "rollback",
    "ping",
    "cancel",
    "close",
)
_ASYNC_DRIVER_CONNECTION = (
    *_DRIVER_CONNECTION,
    "escapes_backslash",
    "in_transaction",
    "is_idle",
    "reset",
    "settled",
    "terminate",
)


def _where(made: object) -> str:
    cls = type(made)
    return f"{cls.__module__}.{cls.__qualname__}"
