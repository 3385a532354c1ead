"""A tree of files in the service: what file spaces and Stage have in common."""

from __future__ import annotations

import io
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any, ClassVar, Literal, Union, overload

from . import timing
from ._collections import NamedList
from ._entity import Shown
from ._file_io import (
    CHUNK,
    Checksum,
    FilesObjectBytesReader,
    FilesObjectBytesWriter,
    FilesObjectTextReader,
    FilesObjectTextWriter,
    MultipartFile,
    OnBytes,
    as_binary,
    spool,
    written_whole,
)
from ._files_object import FilesObject, ReadBytes, ReadText, RemoteFile, WriteBytes, WriteText
from ._paths import (
    IgnoreRules,
    PathLike,
    check_listed_name,
    ensure_within,
    normalize_remote_path,
    quote_path,
    walk_files,
)
from ._transfer import DEFAULT_WORKERS, ProgressCallback, Watch, run_all, watched
from ._transport import build_retry, load_requests
from ._wire import decode_object
from .errors import (
    APIError,
    InvalidRequestError,
    InvalidResponseError,
    ManagementError,
    NotFoundError,
    TransportError,
)

if TYPE_CHECKING:
    import requests

    from .manager import Manager

_MAX_DEPTH = 200  # folders within folders; a listing that goes deeper is hostile

Patterns = Union[str, Iterable[str], None]  # noqa: UP007  # evaluated at run time
IgnoreFiles = Union[PathLike, Iterable[PathLike], None]  # noqa: UP007  # evaluated at run time


class FileLocation(Shown, ABC):
    """A tree of files in the service."""

    _noun: ClassVar[str]
    """What a path is called in errors."""
    _manager: Manager

    @abstractmethod
    def _fs_path(self, path: str = "") -> str:
        """Return the route of a path, which is quoted and has no leading slash."""

    def _route(self, path: PathLike) -> str:
        text = os.fspath(path)
        clean = normalize_remote_path(text, strip_leading=True)
        slash = "/" if clean and text.endswith(("/", "\\")) else ""
        return self._fs_path(quote_path(clean) + slash)

    def _mode_error(self, mode: str) -> Exception:
        return ManagementError(msg=f"files cannot be opened for update or appending: {mode!r}")

    def _check_listable(self, folder: str) -> None:
        """Raise ``NotADirectoryError`` where a listing of no folder would look like one."""

    # -- one file --

    @overload
    def open(
        self, path: PathLike, mode: ReadText = ..., encoding: str | None = ...
    ) -> FilesObjectTextReader: ...
    @overload
    def open(
        self, path: PathLike, mode: ReadBytes, encoding: str | None = ...
    ) -> FilesObjectBytesReader: ...
    @overload
    def open(
        self, path: PathLike, mode: WriteText, encoding: str | None = ...
    ) -> FilesObjectTextWriter: ...
    @overload
    def open(
        self, path: PathLike, mode: WriteBytes, encoding: str | None = ...
    ) -> FilesObjectBytesWriter: ...
    @overload
    def open(self, path: PathLike, mode: str = ..., encoding: str | None = ...) -> RemoteFile: ...
    def open(self, path: PathLike, mode: str = "r", encoding: str | None = None) -> RemoteFile:
        """Open a file; what is returned is a file object of the kind that ``open`` returns.

        ``r`` reads, ``w`` writes, ``x`` writes what must not exist yet; with ``b`` bytes, else
        text in ``encoding`` (UTF-8).  Contents pass through local disk, so files of any size can
        be opened, and can seek.  What is written is sent when the file is closed, and not
        at all if the ``with`` block ends with an exception.
        """
        if "+" in mode or "a" in mode:
            raise self._mode_error(mode)
        if set(mode) - set("rwxbt") or sum(mode.count(x) for x in "rwx") != 1:
            raise ValueError(f"mode must be one of r, w, x with b or t, got {mode!r}")
        if "b" in mode and ("t" in mode or encoding is not None):
            raise ValueError("binary mode takes neither t nor an encoding")
        codec = encoding or "utf-8"
        if "r" in mode:
            found = self._info_or_none(path)
            if found is not None and found.is_dir():
                raise IsADirectoryError(f"{self._noun} path is a directory: {os.fspath(path)!r}")
            raw = spool()
            try:
                self._fetch(path, raw)
            except BaseException:
                raw.close()
                raise
            if "b" in mode:
                return FilesObjectBytesReader(raw)
            return FilesObjectTextReader(raw, codec)
        found = self._info_or_none(path)
        if found is not None and "x" in mode:
            raise FileExistsError(f"{self._noun} path already exists: {os.fspath(path)!r}")
        if found is not None and found.is_dir():
            raise IsADirectoryError(f"{self._noun} path is a directory: {os.fspath(path)!r}")
        overwrite = "w" in mode
        if "b" in mode:
            return FilesObjectBytesWriter(None, self, path, overwrite=overwrite)
        return FilesObjectTextWriter(None, self, path, codec, overwrite=overwrite)

    def info(self, path: PathLike) -> FilesObject:
        """Return what the service knows of a path; raise ``NotFoundError`` if it is not there."""
        res = self._manager._get(self._route(path), params={"metadata": 1})
        return FilesObject.from_dict(decode_object(res), self)

    def _info_or_none(self, path: PathLike) -> FilesObject | None:
        try:
            return self.info(path)
        except ManagementError as exc:
            if exc.errno == 404:
                return None
            raise

    def exists(self, path: PathLike) -> bool:
        """Say whether there is something at a path."""
        return self._info_or_none(path) is not None

    def is_dir(self, path: PathLike) -> bool:
        """Say whether there is a folder at a path."""
        found = self._info_or_none(path)
        return found is not None and found.is_dir()

    def is_file(self, path: PathLike) -> bool:
        """Say whether there is a file at a path."""
        found = self._info_or_none(path)
        return found is not None and found.is_file()

    def upload_file(
        self,
        local_path: PathLike | IO[Any],
        path: PathLike,
        *,
        overwrite: bool = False,
        progress: ProgressCallback | bool | None = None,
    ) -> FilesObject:
        """Upload a local file, or what can be read from an open one.

        ``progress`` is called with a :class:`TransferProgress`, or ``True`` for a bar.  Raise
        ``OSError`` if there is something at the path already, unless ``overwrite``: then it is
        deleted before the new content is sent, as the service replaces nothing.
        """
        size = None
        if isinstance(local_path, (str, os.PathLike)):
            if os.path.isdir(local_path):
                raise IsADirectoryError(f"local path is a directory: {os.fspath(local_path)!r}")
            size = os.path.getsize(local_path)
        name = os.fspath(path)
        with watched(progress, name) as callback:
            watch = Watch(callback, 1, size)
            on_bytes = watch.on_bytes(name, size)
            if isinstance(local_path, (str, os.PathLike)):
                out = self._upload_local_file(
                    local_path, path, overwrite=overwrite, on_bytes=on_bytes
                )
            else:
                out = self._upload(local_path, path, overwrite=overwrite, on_bytes=on_bytes)
            watch.done(name, size)
        return out

    @overload
    def _upload_local_file(
        self,
        local_path: PathLike,
        path: PathLike,
        *,
        overwrite: bool = ...,
        on_bytes: OnBytes | None = ...,
    ) -> FilesObject: ...
    @overload
    def _upload_local_file(
        self,
        local_path: PathLike,
        path: PathLike,
        *,
        overwrite: bool = ...,
        fetch_info: bool,
        on_bytes: OnBytes | None = ...,
    ) -> FilesObject | None: ...
    def _upload_local_file(
        self,
        local_path: PathLike,
        path: PathLike,
        *,
        overwrite: bool = False,
        fetch_info: bool = True,
        on_bytes: OnBytes | None = None,
    ) -> FilesObject | None:
        with open(local_path, "rb") as file:
            return self._upload(
                file, path, overwrite=overwrite, fetch_info=fetch_info, on_bytes=on_bytes
            )

    @overload
    def _upload(
        self,
        content: Any,
        path: PathLike,
        *,
        overwrite: bool = ...,
        on_bytes: OnBytes | None = ...,
    ) -> FilesObject: ...
    @overload
    def _upload(
        self,
        content: Any,
        path: PathLike,
        *,
        overwrite: bool = ...,
        fetch_info: bool,
        on_bytes: OnBytes | None = ...,
    ) -> FilesObject | None: ...
    def _upload(
        self,
        content: Any,
        path: PathLike,
        *,
        overwrite: bool = False,
        fetch_info: bool = True,
        on_bytes: OnBytes | None = None,
    ) -> FilesObject | None:
        """Send content; return what the service then knows of it, if ``fetch_info``."""
        name = os.fspath(path)
        found = self._info_or_none(path)
        if found is not None:
            if not overwrite:
                raise FileExistsError(f"{self._noun} path already exists: {name!r}")
            if found.is_dir():
                raise IsADirectoryError(
                    f"{self._noun} path is a directory; use rmdir or removedirs: {name!r}"
                )
            self._manager._delete(self._route(path))
        with as_binary(content) as file:
            body = MultipartFile(name, file, on_bytes)
            headers = {"Content-Type": body.content_type}
            try:
                self._manager._put(self._route(path), data=body, headers=headers)
            except APIError as exc:
                if exc.attempts == 1:
                    raise
                # It may be there since an earlier attempt, of which only the answer was lost.
                found = self._info_or_none(path)
                if found is None or found.size != body.size:
                    raise
        return self.info(path) if fetch_info else None

    def download_file(
        self,
        path: PathLike,
        local_path: PathLike | None = None,
        *,
        overwrite: bool = False,
        encoding: str | None = None,
        progress: ProgressCallback | bool | None = None,
    ) -> bytes | str | None:
        """Download a file: into ``local_path``, else return its bytes, or its text in ``encoding``.

        The local file appears under its name only when it is whole and, where the service gave
        a checksum, right.  Raise ``OSError`` if there is one already, unless ``overwrite``.
        """
        name = os.fspath(path)
        if local_path is not None and not overwrite and os.path.lexists(local_path):
            raise FileExistsError(f"local path already exists: {os.fspath(local_path)!r}")
        found = self._info_or_none(path)
        if found is not None and found.is_dir():
            raise IsADirectoryError(f"{self._noun} path is a directory: {name!r}")
        size = None if found is None else found.size
        with watched(progress, name) as callback:
            watch = Watch(callback, 1, size)
            out = self._download_file(
                path,
                local_path,
                overwrite=overwrite,
                encoding=encoding,
                on_bytes=watch.on_bytes(name, size),
            )
            watch.done(name, size)
        return out

    def _download_file(
        self,
        path: PathLike,
        local_path: PathLike | None = None,
        *,
        overwrite: bool = False,
        encoding: str | None = None,
        on_bytes: OnBytes | None = None,
    ) -> bytes | str | None:
        """Download what is known to be no folder."""
        if local_path is not None:
            with written_whole(local_path, overwrite=overwrite) as file:
                self._fetch(path, file, on_bytes)
            return None
        buffer = io.BytesIO()
        self._fetch(path, buffer, on_bytes)
        data = buffer.getvalue()
        return data if encoding is None else data.decode(encoding)

    def _fetch(self, path: PathLike, target: Any, on_bytes: OnBytes | None = None) -> None:
        """Write a remote file into a local one; start over when the connection breaks."""
        policy = build_retry()
        left = policy.total if isinstance(policy.total, int) else 0
        attempt = 0
        while True:
            # Compressed on the way it would not be of the length that was announced.
            res = self._manager._get(
                self._route(path), stream=True, headers={"Accept-Encoding": "identity"}
            )
            try:
                with res:
                    self._receive(res, os.fspath(path), target, on_bytes)
                return
            except (load_requests().RequestException, InvalidResponseError) as exc:
                attempt += 1
                if attempt > left:
                    if isinstance(exc, InvalidResponseError):
                        raise
                    raise TransportError(
                        msg=f"{os.fspath(path)!r} could not be downloaded whole: "
                        f"{type(exc).__name__}"
                    ) from exc
            target.seek(0)
            target.truncate()
            timing.sleep(policy.backoff_factor * 2 ** (attempt - 1), "retry")

    @staticmethod
    def _receive(res: requests.Response, path: str, target: Any, on_bytes: OnBytes | None) -> None:
        checksum = Checksum(res.headers)
        count = 0
        for piece in res.iter_content(CHUNK):
            checksum.update(piece)
            view = memoryview(piece)
            while view:
                view = view[target.write(view) :]
            count += len(piece)
            if on_bytes is not None:
                on_bytes(count)
        checksum.check(path)

    # -- folders --

    def _entries(self, folder: str) -> Iterator[FilesObject]:
        """Yield what is in a folder; its path is empty for the top, else ends in ``/``."""
        answer = decode_object(self._manager._get(self._route(folder)))
        content = answer.get("content")
        if not isinstance(content, list):
            raise NotADirectoryError(f"{self._noun} path is not a directory: {folder!r}")
        for item in content:
            yield FilesObject.from_dict(item, self)

    def _walk(self, folder: str, top: str, depth: int = 0) -> Iterator[FilesObject]:
        """Yield all that is in a folder, each folder before its contents."""
        if depth > _MAX_DEPTH:
            raise ManagementError(msg=f"refused: {top!r} lists folders deeper than {_MAX_DEPTH}")
        for entry in self._entries(folder):
            yield entry
            if entry.is_dir():
                if not entry.path.startswith(folder) or entry.path == folder:
                    raise ManagementError(
                        msg=f"refused: {folder!r} lists {entry.path!r}, which would be "
                        "outside destination"
                    )
                check_listed_name(entry.path[len(folder) :], folder)
                yield from self._walk(entry.path, top, depth + 1)

    @overload
    def listdir(
        self, path: PathLike = ..., *, recursive: bool = ..., return_objects: Literal[True]
    ) -> list[FilesObject]: ...
    @overload
    def listdir(
        self,
        path: PathLike = ...,
        *,
        recursive: bool = ...,
        return_objects: Literal[False] = ...,
    ) -> list[str]: ...
    @overload
    def listdir(
        self, path: PathLike = ..., *, recursive: bool = ..., return_objects: bool
    ) -> list[str] | list[FilesObject]: ...
    def listdir(
        self, path: PathLike = "/", *, recursive: bool = False, return_objects: bool = False
    ) -> list[str] | list[FilesObject]:
        """Return the paths of what is in a folder, relative to it; folders end in ``/``.

        With ``recursive`` also what is in its folders, with ``return_objects`` a
        :class:`FilesObject` for each.  Raise ``NotADirectoryError`` for what is no folder.
        """
        clean = normalize_remote_path(path, strip_leading=True)
        folder = clean + "/" if clean else ""
        self._check_listable(folder)
        try:
            found = list(self._walk(folder, folder) if recursive else self._entries(folder))
        except (NotFoundError, InvalidRequestError, InvalidResponseError) as exc:
            if not folder:
                raise
            raise NotADirectoryError(
                f"{self._noun} path is not a directory: {os.fspath(path)!r}"
            ) from exc
        for entry in found:
            entry.path = entry.path.removeprefix(folder)
        return NamedList(found) if return_objects else [entry.path for entry in found]

    def upload_folder(
        self,
        local_path: PathLike,
        path: PathLike,
        *,
        overwrite: bool = False,
        recursive: bool = True,
        include_root: bool = False,
        ignore: Patterns = None,
        ignore_file: IgnoreFiles = None,
        max_workers: int = DEFAULT_WORKERS,
        progress: ProgressCallback | bool | None = None,
    ) -> FilesObject:
        """Upload the files of a local folder, several at a time; return the remote folder.

        ``include_root`` puts the folder itself below ``path``, not only its contents.  ``ignore``
        holds patterns, ``ignore_file`` names files of patterns, both in the syntax of
        ``.gitignore``.  A link that leads out of the folder is refused.  ``progress`` is called
        with a :class:`TransferProgress`, or ``True`` for bars.
        """
        root = os.fspath(local_path)
        if not os.path.isdir(root):
            raise NotADirectoryError(f"local path is not a directory: {root!r}")
        prefix = normalize_remote_path(path, strip_leading=True)
        self._check_folder_target(prefix)
        base = prefix
        if include_root:
            base = f"{prefix}/{os.path.basename(os.path.abspath(root))}".lstrip("/")
        rules = IgnoreRules(ignore, ignore_file, root)
        files = [
            (local, f"{base}/{relative}".lstrip("/"), os.path.getsize(local))
            for local, relative in walk_files(root, rules, recursive=recursive)
        ]
        self._make_folders(base, [remote for _, remote, _ in files])
        with watched(progress, f"upload {os.path.basename(os.path.abspath(root))}") as callback:
            watch = Watch(callback, len(files), sum(size for _, _, size in files))

            def upload(local: str, remote: str, size: int) -> None:
                self._upload_local_file(
                    local,
                    remote,
                    overwrite=overwrite,
                    fetch_info=False,
                    on_bytes=watch.on_bytes(remote, size),
                )
                watch.done(remote, size)

            run_all((_call(upload, *file) for file in files), max_workers)
        return self._folder_info(prefix)

    def _check_folder_target(self, prefix: str) -> None:
        """Raise ``NotADirectoryError`` if a file is in the way of a folder."""

    def _make_folders(self, base: str, remotes: list[str]) -> None:
        """Make the folders that files need, where the service does not do so by itself."""

    def _folder_info(self, prefix: str) -> FilesObject:
        found = self._info_or_none(prefix)
        return found if found is not None and found.is_dir() else self.info(prefix + "/")

    def download_folder(
        self,
        path: PathLike,
        local_path: PathLike | None = None,
        *,
        overwrite: bool = False,
        ignore: Patterns = None,
        ignore_file: IgnoreFiles = None,
        max_workers: int = DEFAULT_WORKERS,
        progress: ProgressCallback | bool | None = None,
    ) -> None:
        """Download a folder with all that is in it, several files at a time.

        ``local_path`` is the folder to make; without it the remote folder's name is used.
        ``ignore``, ``ignore_file`` and ``progress`` are as for :meth:`upload_folder`.  Each file
        appears under its name only when it is whole.  A listing that names anything outside the
        folder, or leads there by a local link, is refused with :class:`ManagementError`.
        """
        prefix = normalize_remote_path(path, strip_leading=True)
        if local_path is None:
            if not prefix:
                raise ValueError("local_path must be specified to download the root folder")
            local_path = prefix.rpartition("/")[2]
        root = os.path.abspath(local_path)
        if not overwrite and os.path.lexists(root):
            raise FileExistsError(f"local path already exists: {os.fspath(local_path)!r}")
        rules = IgnoreRules(ignore, ignore_file)
        listed = f"{prefix}/" if prefix else "/"
        skipped: list[str] = []
        files: list[tuple[str, str, int]] = []
        folders = [root]
        for entry in self.listdir(listed, recursive=True, return_objects=True):
            relative = check_listed_name(entry.path, listed)
            if relative.startswith(tuple(skipped)) or rules.match(relative):
                if entry.is_dir():
                    skipped.append(relative)
                continue
            local = os.path.join(root, *relative.rstrip("/").split("/"))
            if entry.is_dir():
                folders.append(local)
            else:
                files.append((f"{prefix}/{relative}".lstrip("/"), local, entry.size))
        for folder in folders:
            os.makedirs(ensure_within(root, folder), exist_ok=True)
        with watched(progress, f"download {prefix or '/'}") as callback:
            watch = Watch(callback, len(files), sum(size for _, _, size in files))

            def download(remote: str, local: str, size: int) -> None:
                folder = os.path.dirname(ensure_within(root, os.path.dirname(local)) + os.sep)
                os.makedirs(folder, exist_ok=True)
                self._download_file(
                    remote,
                    local,
                    overwrite=overwrite,
                    on_bytes=watch.on_bytes(remote, size),
                )
                watch.done(remote, size)

            run_all((_call(download, *file) for file in files), max_workers)

    @abstractmethod
    def mkdir(self, path: PathLike, overwrite: bool = False) -> FilesObject:
        """Make a folder."""

    def rename(
        self, old_path: PathLike, new_path: PathLike, *, overwrite: bool = False
    ) -> FilesObject:
        """Move a file or folder; return it at its new place.

        Raise ``OSError`` if it is not there, or if there is something at the new place already,
        unless ``overwrite``.
        """
        old, new = os.fspath(old_path), os.fspath(new_path)
        moved = self._info_or_none(old)
        if moved is None:
            raise FileNotFoundError(f"{self._noun} path does not exist: {old!r}")
        found = self._info_or_none(new)
        if found is not None:
            if not overwrite:
                raise FileExistsError(f"{self._noun} path already exists: {new!r}")
            if found.is_dir() != moved.is_dir():
                raise OSError(f"a file and a folder cannot replace each other: {old!r}, {new!r}")
            if found.is_dir():
                self.removedirs(new)
            else:
                self.remove(new)
        target = normalize_remote_path(new, strip_leading=True) + ("/" if new.endswith("/") else "")
        quote_path(target)  # refuses what no path may hold
        self._manager._patch(self._route(old), json={"newPath": target})
        return self.info(new)

    def remove(self, path: PathLike) -> None:
        """Delete a file; raise ``IsADirectoryError`` for a folder."""
        if self.is_dir(path):
            raise IsADirectoryError(
                f"{self._noun} path is a directory; use rmdir or removedirs: {os.fspath(path)!r}"
            )
        self._manager._delete(self._route(path))

    def removedirs(self, path: PathLike) -> None:
        """Delete a folder and all that is in it."""
        if not self.is_dir(path):
            raise NotADirectoryError(f"{self._noun} path is not a directory: {os.fspath(path)!r}")
        self._manager._delete(self._route(os.fspath(path).rstrip("/") + "/"))

    @abstractmethod
    def rmdir(self, path: PathLike) -> None:
        """Delete a folder, which must be empty."""


def _call(function: Any, *args: Any) -> Any:
    return lambda: function(*args)
