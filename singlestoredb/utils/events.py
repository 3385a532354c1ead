"""Events from the portal that a notebook runs in.

The portal sends messages over the notebook kernel's control channel; a subscriber gets the content
of each, a dict with ``type`` (always ``event``), ``name`` and ``data``.
"""

from __future__ import annotations

import inspect
import logging
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

__all__ = ["subscribe", "unsubscribe"]

Subscriber = Callable[[dict[str, Any]], Any]

_log = logging.getLogger(__name__)
_lock = threading.RLock()  # a finalizer may unsubscribe while the lock is held
_subscribers: list[Callable[[], Subscriber | None]] = []
"""References: a call returns the subscriber, or ``None`` when it is gone."""
_CHANNEL = "singlestore_portal_request"


def subscribe(func: Subscriber) -> None:
    """Call ``func`` with the content of each event from now on.

    A bound method is held weakly: it does not keep its object alive, and goes with it.  Any other
    callable is kept until :func:`unsubscribe`.  Subscribing twice is subscribing once.
    """
    with _lock:
        if func not in _alive():
            reference: Callable[[], Subscriber | None]
            if inspect.ismethod(func):
                reference = weakref.WeakMethod(func)
            else:

                def reference() -> Subscriber | None:
                    return func

            _subscribers.append(reference)
        _install()


def unsubscribe(func: Subscriber) -> None:
    """Call ``func`` no more; nothing happens when it was not subscribed."""
    with _lock:
        _subscribers[:] = [r for r in _subscribers if (s := r()) is not None and s != func]


def _alive() -> list[Subscriber]:
    """Return the subscribers that still exist, and forget the others."""
    with _lock:
        alive = [(reference, s) for reference in _subscribers if (s := reference()) is not None]
        _subscribers[:] = [reference for reference, _ in alive]
        return [s for _, s in alive]


def _dispatch(stream: Any, ident: Any, message: dict[str, Any]) -> None:
    """Take a message of the control channel; a subscriber's error stops no other subscriber."""
    content = message.get("content") or {}
    if content.get("type") != "event":
        return
    for subscriber in _alive():
        try:
            subscriber(content)
        except Exception:
            _log.exception("a subscriber failed at the event %s", content.get("name"))


def _install() -> None:
    """Listen on the control channel when this runs inside a notebook's kernel."""
    # Nobody imports IPython to find that it is not running.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    handlers = getattr(getattr(shell, "kernel", None), "control_handlers", None)
    if handlers is not None:
        handlers[_CHANNEL] = _dispatch
