"""Many files at once, and somebody who watches."""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from ._file_io import OnBytes

DEFAULT_WORKERS = 4
"""Files that are transferred at a time."""


@dataclass(frozen=True)
class TransferProgress:
    """How far a transfer of files is."""

    path: str
    """The file that something happened to, relative to the folder."""
    transferred: int
    """Bytes of this file that are through."""
    size: int | None
    """Bytes of this file, if known."""
    files_done: int
    """Files that are through."""
    files_total: int
    """Files of the transfer."""
    bytes_done: int
    """Bytes of all files that are through."""
    bytes_total: int | None
    """Bytes of all files, if known."""
    finished: bool
    """Whether this file is through."""


ProgressCallback = Callable[[TransferProgress], None]


class Watch:
    """Counts what the threads of a transfer report, and tells one callback, one call at a time."""

    def __init__(
        self, callback: ProgressCallback | None, files_total: int, bytes_total: int | None
    ) -> None:
        self._callback = callback
        self._lock = threading.Lock()
        self._files_total, self._bytes_total = files_total, bytes_total
        self._files_done = 0
        self._bytes: dict[str, int] = {}
        self._sum = 0

    def on_bytes(self, path: str, size: int | None) -> OnBytes | None:
        """Return what is to be called with the bytes of a file that are through."""
        if self._callback is None:
            return None
        return lambda count: self._tell(path, size, count, False)

    def done(self, path: str, size: int | None) -> None:
        """Count a file as through."""
        if self._callback is not None:
            with self._lock:
                last = self._bytes.get(path, 0)
            self._tell(path, size, last if size is None else size, True)

    def _tell(self, path: str, size: int | None, count: int, finished: bool) -> None:
        with self._lock:
            self._sum += count - self._bytes.get(path, 0)
            self._bytes[path] = count
            self._files_done += finished
            event = TransferProgress(
                path,
                count,
                size,
                self._files_done,
                self._files_total,
                self._sum,
                self._bytes_total,
                finished,
            )
            if self._callback is not None:
                self._callback(event)


@contextlib.contextmanager
def watched(
    progress: ProgressCallback | bool | None, title: str
) -> Iterator[ProgressCallback | None]:
    """Give the callback for a progress argument: ``True`` is a bar in the terminal or notebook."""
    if progress is None or progress is False:
        yield None
    elif progress is True:
        with _bars(title) as callback:
            yield callback
    else:
        yield progress


@contextlib.contextmanager
def _bars(title: str) -> Iterator[ProgressCallback]:
    from rich import progress as rich_progress
    from rich.console import Console

    bars = rich_progress.Progress(
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.DownloadColumn(),
        rich_progress.TransferSpeedColumn(),
        rich_progress.TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    with bars:
        total = bars.add_task(title, total=None)
        tasks: dict[str, Any] = {}

        def show(event: TransferProgress) -> None:
            if event.files_total > 1:
                if event.path not in tasks:
                    tasks[event.path] = bars.add_task(_plain(event.path), total=event.size)
                bars.update(tasks[event.path], completed=event.transferred)
                if event.finished:
                    bars.remove_task(tasks.pop(event.path))
            count = f" ({event.files_done}/{event.files_total})" if event.files_total > 1 else ""
            bars.update(
                total,
                description=title + count,
                completed=event.bytes_done,
                total=event.bytes_total,
            )

        yield show


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape("".join(c if c.isprintable() else "?" for c in text))


def run_all(tasks: Iterable[Callable[[], None]], max_workers: int) -> None:
    """Run all tasks, some at a time; the first error stops the rest and is raised.

    Tasks that already run are waited for.
    """
    if max_workers < 1:
        raise ValueError(f"max_workers must be at least 1, got {max_workers}")
    if max_workers == 1:
        for task in tasks:
            task()
        return
    with ThreadPoolExecutor(max_workers, thread_name_prefix="singlestoredb-files") as pool:
        # Each thread keeps the caller's context: traces go on recording.
        running = [pool.submit(contextvars.copy_context().run, task) for task in tasks]
        try:
            wait(running, return_when=FIRST_EXCEPTION)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    for future in running:
        if not future.cancelled():
            future.result()
