"""Connections that follow the environment: ``track_env=True``, or the host ``singlestore.com``.

In a notebook the portal decides which database is meant.  It says so by an event, or by the
environment variable ``SINGLESTOREDB_URL``; a tracked connection looks before every command and
connects anew when host, port, user or database are others.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from singlestoredb.connection import PORTAL, Connection, Cursor
from singlestoredb.exceptions import InterfaceError
from singlestoredb.utils import events

if TYPE_CHECKING:
    from singlestoredb_hookspecs import ConnectionParams, DriverConnection

_UPDATED = "singlestore.portal.connection_updated"


class _Hidden(str):
    """Text that may hold a password: it does not show itself in a repr of what holds it."""

    def __repr__(self) -> str:
        return "'***'"


class TrackedConnection(Connection):
    """A connection that looks where it should lead before every command.

    Nothing is opened before the first one.  A password that changes alone does not reconnect.

    Args:
        params: what was asked for, as it leads now.
        cursorclass: class of the cursors.
        resolve_at: returns what was asked for at another URL; all that the URL says counts, TLS
            above all.
    """

    def __init__(
        self,
        params: ConnectionParams,
        cursorclass: type[Cursor[Any, Any]] | None,
        resolve_at: Callable[[str], ConnectionParams],
    ) -> None:
        self._asked_for = params
        self._resolve_at = resolve_at
        self._told: str | None = None
        """URL of the portal's last event."""
        self._followed: str | None = None
        """URL that the connection was compared with last."""
        self._closed = False
        super().__init__(params, cursorclass, defer_connect=True)
        events.subscribe(self._on_event)

    def _on_event(self, content: dict[str, Any]) -> None:
        if content.get("name") == _UPDATED:
            told = (content.get("data") or content).get("connection_url")
            self._told = _Hidden(told) if told else self._told

    def _opened(self) -> DriverConnection:
        if not self._closed:
            self._follow()
        return super()._opened()

    def _follow(self) -> None:
        url = self._told or os.environ.get("SINGLESTOREDB_URL")
        if self.open and url == self._followed:
            return
        wanted = self._wanted(url)
        if wanted.host == PORTAL:
            raise InterfaceError(
                0,
                "Connection URL has not been established",
                hint="choose a database in the portal, or set SINGLESTOREDB_URL",
            )
        if not self.open or _where(wanted) != _where(self._params):
            self._connect_to(wanted)
        self._followed = _Hidden(url) if url else None

    def _wanted(self, url: str | None) -> ConnectionParams:
        """Return the parameters that were asked for, leading where the URL says."""
        if not url:
            return self._asked_for
        return self._resolve_at(url)

    def _connect_to(self, wanted: ConnectionParams) -> None:
        opened, self._driver_connection = self._driver_connection, None
        if opened is not None:
            opened.close()
        if wanted.driver != self._params.driver:
            self._driver_plugin = self._registry.activate("drivers", wanted.driver)
            self.paramstyle = self._hooks.driver_info(self._driver_plugin, wanted.driver).paramstyle
        self._params = wanted
        self._driver_connection = self._open_driver()

    # -- the portal's connection is not the program's to end --

    @property
    def _is_portals(self) -> bool:
        return self._asked_for.host == PORTAL

    def begin(self) -> None:
        """Start a transaction; on the portal's connection, do nothing."""
        if not self._is_portals:
            super().begin()

    def commit(self) -> None:
        """Commit the transaction; on the portal's connection, do nothing."""
        if not self._is_portals:
            super().commit()

    def rollback(self) -> None:
        """Roll the transaction back; on the portal's connection, do nothing."""
        if not self._is_portals:
            super().rollback()

    def connect(self) -> None:
        """Open the connection anew, where it should lead now."""
        self._closed = False
        self._connect_to(self._wanted(self._told or os.environ.get("SINGLESTOREDB_URL")))

    def close(self) -> None:
        """Close the connection and follow no more; on the portal's connection, do nothing."""
        if self._is_portals:
            return
        events.unsubscribe(self._on_event)
        if self._closed or self._driver_connection is not None:
            super().close()
        self._closed = True

    def __exit__(self, *exc_info: object) -> None:
        if not self._closed:
            self.close()

    def __del__(self) -> None:
        if not self._is_portals:
            super().__del__()
        elif self._driver_connection is not None:
            self._driver_connection.close()


def _where(params: ConnectionParams) -> tuple[Any, ...]:
    """Return what makes two connections lead to different places."""
    names = ("driver", "host", "port", "user", "database", "path", "unix_socket")
    return tuple(getattr(params, name) for name in names)
