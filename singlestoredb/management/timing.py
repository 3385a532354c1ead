"""Where the time goes: requests and waits, recorded while a :func:`trace` is open.

With the option ``management.trace`` each event is also printed to stderr.  All waiting of the
management layer goes through :func:`sleep`.
"""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from singlestoredb import config

REQUEST = "request"
WAIT = "wait"

_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\d+")


def route_of(method: str, path: str) -> str:
    """Return ``METHOD path`` with IDs replaced by ``{id}``, without query and outer slashes."""
    segments = path.split("?", 1)[0].strip("/").split("/")
    shape = "/".join("{id}" if _ID.fullmatch(s) else s for s in segments)
    return f"{method.upper()} {shape}"


@dataclass(frozen=True)
class Event:
    """One request, or one wait."""

    kind: str
    """``request`` or ``wait``."""
    label: str
    """Route of the request, or what was waited for."""
    duration: float
    """Seconds it took."""
    started_at: float
    """When it started, in seconds of the clock that :func:`now` reads."""
    status: int | None = None
    """HTTP status, if there was an answer."""
    retries: int = 0
    """How often the request was repeated."""
    request_bytes: int | None = None
    """Size of the request's body, if known."""
    response_bytes: int | None = None
    """Size of the answer's body, if known."""
    error: str | None = None
    """Name of the exception's class, if it failed."""

    def __str__(self) -> str:
        out = f"{self.duration:7.3f}s {self.label}"
        outcome = self.error or self.status
        if outcome is not None:
            out += f" -> {outcome}"
        return out + (f" (retries={self.retries})" if self.retries else "")


@dataclass
class Stat:
    """Sums over the events of one label; times are seconds."""

    label: str
    calls: int = 0
    total: float = 0.0
    min: float = 0.0
    max: float = 0.0
    retries: int = 0
    errors: int = 0

    @property
    def mean(self) -> float:
        """Seconds of an average event."""
        return self.total / self.calls if self.calls else 0.0

    def add(self, event: Event) -> None:
        """Count an event in."""
        self.min = event.duration if not self.calls else min(self.min, event.duration)
        self.max = max(self.max, event.duration)
        self.calls += 1
        self.total += event.duration
        self.retries += event.retries
        self.errors += event.error is not None


@dataclass
class Trace:
    """The events of a stretch of time.  Threads may add to it at once."""

    events: list[Event] = field(default_factory=list)
    _elapsed: float = 0.0
    _started: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def start(self) -> Trace:
        """Start the clock."""
        self._started = now()
        return self

    def stop(self) -> Trace:
        """Stop the clock."""
        if self._started is not None:
            self._elapsed += now() - self._started
            self._started = None
        return self

    def add(self, event: Event) -> None:
        """Take an event in."""
        with self._lock:
            self.events.append(event)

    @property
    def elapsed(self) -> float:
        """Seconds between start and stop, or until now."""
        running = 0.0 if self._started is None else now() - self._started
        return max(0.0, self._elapsed + running)

    def _of_kind(self, kind: str | None) -> list[Event]:
        with self._lock:
            return [e for e in self.events if kind is None or e.kind == kind]

    def total(self, kind: str | None = None) -> float:
        """Return the seconds of all events, or of those of a kind."""
        return sum(e.duration for e in self._of_kind(kind))

    @property
    def unaccounted(self) -> float:
        """Seconds that belong to no event; never negative."""
        return max(0.0, self.elapsed - self.total())

    def stats(self, kind: str | None = None) -> list[Stat]:
        """Return sums per label, the greatest total first."""
        out: dict[str, Stat] = {}
        for event in self._of_kind(kind):
            out.setdefault(event.label, Stat(event.label)).add(event)
        return sorted(out.values(), key=lambda s: -s.total)

    def summary(self) -> str:
        """Return a table of the sums, as text."""
        lines = [f"{'calls':>5} {'total':>9} {'mean':>9} {'max':>9}  label"]
        lines += [
            f"{s.calls:5d} {s.total:8.3f}s {s.mean:8.3f}s {s.max:8.3f}s  {s.label}"
            for s in self.stats()
        ]
        lines.append(f"      {self.elapsed:8.3f}s elapsed, {self.unaccounted:.3f}s unaccounted")
        return "\n".join(lines)

    @classmethod
    def of(cls, events: Iterable[Event], elapsed: float) -> Trace:
        """Return a finished trace of given events; they are sorted by their start."""
        return cls(sorted(events, key=lambda e: e.started_at), max(0.0, elapsed))

    @classmethod
    def combine(cls, traces: Iterable[Trace]) -> Trace:
        """Return one trace with the events of several; their elapsed times add up."""
        parts = list(traces)
        return cls.of((e for t in parts for e in t.events), sum(t.elapsed for t in parts))


_active: ContextVar[tuple[Trace, ...]] = ContextVar("singlestoredb_management_traces", default=())


@contextmanager
def trace() -> Iterator[Trace]:
    """Record what happens inside the ``with`` block; traces nest."""
    out = Trace().start()
    token = _active.set((*_active.get(), out))
    try:
        yield out
    finally:
        _active.reset(token)
        out.stop()


def logging_enabled() -> bool:
    """Say whether events are printed to stderr (option ``management.trace``)."""
    return bool(config.get_option("management.trace"))


def recording() -> bool:
    """Say whether anybody wants events."""
    return bool(_active.get()) or logging_enabled()


def _record(event: Event) -> None:
    for active in _active.get():
        active.add(event)
    if logging_enabled():
        print(f"[singlestoredb.management] {event}", file=sys.stderr)  # noqa: T201  # the option asks for it


def record_request(
    method: str,
    path: str,
    duration: float,
    started_at: float,
    response: Any = None,
    error: BaseException | None = None,
) -> None:
    """Record a request; does nothing unless somebody is recording."""
    if not recording():
        return
    status = retries = sent = received = None
    if response is not None:
        status = response.status_code
        history = getattr(getattr(getattr(response, "raw", None), "retries", None), "history", ())
        retries = len(history or ())
        sent = _size(getattr(response.request, "headers", {}).get("Content-Length"))
        received = _size(response.headers.get("Content-Length"))
        if received is None and getattr(response, "_content_consumed", False):
            received = len(response.content)
    _record(
        Event(
            REQUEST,
            route_of(method, path),
            duration,
            started_at,
            status=status,
            retries=retries or 0,
            request_bytes=sent,
            response_bytes=received,
            error=None if error is None else type(error).__name__,
        )
    )


def _size(text: Any) -> int | None:
    try:
        return int(text)
    except (TypeError, ValueError):
        return None


def now() -> float:
    """Return seconds of a clock that never goes back."""
    return time.monotonic()


@contextmanager
def timed(label: str, kind: str = WAIT) -> Iterator[None]:
    """Record the time that the ``with`` block takes."""
    started = now()
    error: str | None = None
    try:
        yield
    except BaseException as exc:
        error = type(exc).__name__
        raise
    finally:
        if recording():
            _record(Event(kind, label, now() - started, started, error=error))


def sleep(seconds: float, label: str) -> None:
    """Wait, and record what for."""
    with timed(label):
        time.sleep(seconds)


def poll_cost(started_at: float, interval: float) -> float:
    """Return the seconds that one round of polling used up: what it took, at least ``interval``.

    So a time-out is real time, and with the sleep patched out ``timeout / interval`` rounds happen.
    """
    return max(interval, now() - started_at)
