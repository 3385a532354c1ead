"""Creations that meet the organization's lock wait and try again.

The service creates one deployment of an organization at a time, and answers a second request
meanwhile with an error that speaks of a lock it could not acquire; nothing was created then.
"""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from . import timing
from ._transport import setting
from .errors import ManagementError

P = ParamSpec("P")
R = TypeVar("R")

LOCK_ERROR_RE = re.compile(r"acquire[^.]{0,40}lock", re.IGNORECASE)
LOCK_RETRY_MAX_INTERVAL = 60.0
"""Longest wait in seconds, without the jitter."""
LOCK_RETRY_JITTER = 5.0
"""Up to this many seconds are added, so that two waiters do not meet again."""


def lock_retry_policy() -> tuple[int, float]:
    """Return how often to try again, and the first wait in seconds."""
    return int(setting("LOCK_RETRIES", 5, 1000)), setting("LOCK_RETRY_INTERVAL", 20.0)


def is_lock_error(exc: BaseException) -> bool:
    """Say whether an error is about the organization's lock."""
    return isinstance(exc, ManagementError) and LOCK_ERROR_RE.search(str(exc)) is not None


def lock_retry_wait(attempt: int, interval: float) -> float:
    """Return the seconds to wait before attempt ``attempt``, counted from 1."""
    jitter = random.uniform(0, LOCK_RETRY_JITTER)
    return min(interval * attempt, LOCK_RETRY_MAX_INTERVAL) + jitter


def retry_on_lock(method: Callable[P, R]) -> Callable[P, R]:
    """Decorate a method so that it is repeated while the organization is locked."""

    @functools.wraps(method)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        retries, interval = lock_retry_policy()
        attempt = 0
        while True:
            try:
                return method(*args, **kwargs)
            except ManagementError as exc:
                attempt += 1
                if attempt > retries or not is_lock_error(exc):
                    raise
            timing.sleep(lock_retry_wait(attempt, interval), f"{method.__name__} organization lock")

    marked: Any = wrapper
    marked.__retry_on_lock__ = True
    return wrapper
