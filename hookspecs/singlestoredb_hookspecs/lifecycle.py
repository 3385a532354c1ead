"""Hook specs of the family ``extensions``: take part in what the SDK does.

Entry-point group ``singlestoredb.extensions``: everything installed takes part, from the first
``connect()`` on.  At run time: ``singlestoredb.plugins.register(module)``.

Events return nothing.  An exception in an event's hook is reported as a warning and never breaks
the statement.
"""

from __future__ import annotations

from ._markers import hookspec
from .contracts import (
    ActivationEvent,
    ConnectionEvent,
    ResultStream,
    StatementCall,
    StatementEvent,
)


@hookspec(historic=True)
def s2_plugin_activated(event: ActivationEvent) -> None:
    """Event: the plugin has been activated.  Told to plugins of every family, however late.

    Example::

        @hookimpl
        def s2_plugin_activated(event):
            log.info("acme plugin in SDK %s", event.sdk_version)
    """


@hookspec
def s2_connection_opened(event: ConnectionEvent) -> None:
    """Event: a connection was opened.

    Example::

        @hookimpl
        def s2_connection_opened(event):
            gauge.inc()
    """


@hookspec
def s2_connection_closed(event: ConnectionEvent) -> None:
    """Event: a connection was closed by its user.

    Example::

        @hookimpl
        def s2_connection_closed(event):
            gauge.dec()
    """


@hookspec
def s2_statement_started(event: StatementEvent) -> None:
    """Event: a statement is about to be sent.

    Example::

        @hookimpl
        def s2_statement_started(event):
            log.debug("running %s", event.summary)
    """


@hookspec
def s2_statement_finished(event: StatementEvent) -> None:
    """Event: a statement was answered or failed (``event.error``).

    Example::

        @hookimpl
        def s2_statement_finished(event):
            if event.duration > 1.0:
                log.warning("slow: %s", event.summary)
    """


@hookspec(firstresult=True)
def s2_execute_statement(call: StatementCall) -> ResultStream | None:
    """Answer a statement instead of the server, or return ``None`` to let it pass.

    Called for every statement once an extension implements it.  A pluggy *wrapper*
    (``@hookimpl(wrapper=True)``) sees the others' answers, ``None`` when the server will answer.

    Example::

        @hookimpl
        def s2_execute_statement(call):
            if call.sql.strip().upper() == "SHOW ACME":
                return AcmeResult()
            return None
    """
