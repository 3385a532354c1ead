"""Stage: files beside a workspace group or cluster, that SQL can load and write."""

from __future__ import annotations

import os
from typing import IO, Any, Literal, overload

from singlestoredb import config

from ._file_io import (
    FilesObjectBytesReader,
    FilesObjectBytesWriter,
    FilesObjectTextReader,
    FilesObjectTextWriter,
)
from ._file_location import FileLocation, IgnoreFiles, Patterns
from ._files_object import FilesObject, ReadBytes, ReadText, RemoteFile, WriteBytes, WriteText
from ._paths import PathLike, normalize_remote_path, segment
from ._transfer import DEFAULT_WORKERS, ProgressCallback
from .errors import ManagementError
from .manager import Manager

__all__ = ["Stage", "StageObject", "get_stage"]

StageObject = FilesObject


class Stage(FileLocation):
    """Files of a workspace group (version 1 of the API) or a cluster (version 2).

    A folder's path ends in ``/``: without it the service does not know it.
    """

    _noun = "stage"

    def __init__(self, deployment_id: str, manager: Manager) -> None:
        self._deployment_id = deployment_id
        self._manager = manager

    def __repr__(self) -> str:
        return f"Stage({self._deployment_id!r})"

    def _fs_path(self, path: str = "") -> str:
        owner = segment(self._deployment_id, "deployment ID")
        if self._manager.version == "v1":
            return f"stage/{owner}/fs/{path}"
        return f"clusters/{owner}/stage/fs/{path}"

    def _mode_error(self, mode: str) -> Exception:
        return ValueError(f"files cannot be opened for update or appending: {mode!r}")

    def _check_listable(self, folder: str) -> None:
        if folder and not super().is_dir(folder):
            raise NotADirectoryError(f"stage path is not a directory: {folder!r}")

    def _check_folder_target(self, prefix: str) -> None:
        found = self._info_or_none(prefix) if prefix else None
        if found is not None and not found.is_dir():
            raise NotADirectoryError(f"stage path is not a directory: {prefix!r}")

    def _make_folders(self, base: str, remotes: list[str]) -> None:
        # The service refuses to write below a folder that is missing.
        folders = {base} if base else set()
        for remote in remotes:
            parent = remote.rpartition("/")[0]
            while parent and parent not in folders:
                folders.add(parent)
                parent = parent.rpartition("/")[0]
        parent = base.rpartition("/")[0]
        while parent:
            folders.add(parent)
            parent = parent.rpartition("/")[0]
        made: set[str] = set()
        for folder in sorted(folders):
            # What is below a folder that was just made cannot be there.
            new = folder.rpartition("/")[0] in made
            if new or self._info_or_none(folder + "/") is None:
                self._put_folder(folder)
                made.add(folder)

    def _put_folder(self, path: str) -> None:
        self._manager._put(self._route(path + "/"), params={"isFile": "false"})

    @overload
    def open(
        self, stage_path: PathLike, mode: ReadText = ..., encoding: str | None = ...
    ) -> FilesObjectTextReader: ...
    @overload
    def open(
        self, stage_path: PathLike, mode: ReadBytes, encoding: str | None = ...
    ) -> FilesObjectBytesReader: ...
    @overload
    def open(
        self, stage_path: PathLike, mode: WriteText, encoding: str | None = ...
    ) -> FilesObjectTextWriter: ...
    @overload
    def open(
        self, stage_path: PathLike, mode: WriteBytes, encoding: str | None = ...
    ) -> FilesObjectBytesWriter: ...
    @overload
    def open(
        self, stage_path: PathLike, mode: str = ..., encoding: str | None = ...
    ) -> RemoteFile: ...
    def open(
        self, stage_path: PathLike, mode: str = "r", encoding: str | None = None
    ) -> RemoteFile:
        """Open a file; what is returned is a file object of the kind that ``open`` returns.

        ``r`` reads, ``w`` writes, ``x`` writes what must not exist yet; with ``b`` bytes, else
        text in ``encoding`` (UTF-8).  Contents pass through local disk, so files of any size can
        be opened, and can seek.  What is written is sent when the file is closed, and not
        at all if the ``with`` block ends with an exception.
        """
        return super().open(stage_path, mode, encoding)

    def upload_file(
        self,
        local_path: PathLike | IO[Any],
        stage_path: PathLike,
        *,
        overwrite: bool = False,
        progress: ProgressCallback | bool | None = None,
    ) -> FilesObject:
        """Upload a local file, or what can be read from an open one.

        ``progress`` is called with a :class:`TransferProgress`, or ``True`` for a bar.  Raise
        ``OSError`` if there is something at the path already, unless ``overwrite``: then it is
        deleted before the new content is sent, as the service replaces nothing.
        """
        return super().upload_file(local_path, stage_path, overwrite=overwrite, progress=progress)

    def upload_folder(
        self,
        local_path: PathLike,
        stage_path: PathLike,
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

        Folders that are missing on the way are made.  ``include_root`` puts the folder itself
        below ``stage_path``, not only its contents.  ``ignore`` holds patterns, ``ignore_file``
        names files of patterns, both in the syntax of ``.gitignore``.  A link that leads out of
        the folder is refused.  ``progress`` is called with a :class:`TransferProgress`, or
        ``True`` for bars.
        """
        return super().upload_folder(
            local_path,
            stage_path,
            overwrite=overwrite,
            recursive=recursive,
            include_root=include_root,
            ignore=ignore,
            ignore_file=ignore_file,
            max_workers=max_workers,
            progress=progress,
        )

    def download_file(
        self,
        stage_path: PathLike,
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
        return super().download_file(
            stage_path, local_path, overwrite=overwrite, encoding=encoding, progress=progress
        )

    def download_folder(
        self,
        stage_path: PathLike,
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
        super().download_folder(
            stage_path,
            local_path,
            overwrite=overwrite,
            ignore=ignore,
            ignore_file=ignore_file,
            max_workers=max_workers,
            progress=progress,
        )

    def info(self, stage_path: PathLike) -> FilesObject:
        """Return what the service knows of a path; raise ``NotFoundError`` if it is not there."""
        return super().info(stage_path)

    def exists(self, stage_path: PathLike) -> bool:
        """Say whether there is something at a path."""
        return super().exists(stage_path)

    def is_dir(self, stage_path: PathLike) -> bool:
        """Say whether there is a folder at a path."""
        return super().is_dir(stage_path)

    def is_file(self, stage_path: PathLike) -> bool:
        """Say whether there is a file at a path."""
        return super().is_file(stage_path)

    @overload
    def listdir(
        self, stage_path: PathLike = ..., *, recursive: bool = ..., return_objects: Literal[True]
    ) -> list[FilesObject]: ...
    @overload
    def listdir(
        self,
        stage_path: PathLike = ...,
        *,
        recursive: bool = ...,
        return_objects: Literal[False] = ...,
    ) -> list[str]: ...
    @overload
    def listdir(
        self, stage_path: PathLike = ..., *, recursive: bool = ..., return_objects: bool
    ) -> list[str] | list[FilesObject]: ...
    def listdir(
        self,
        stage_path: PathLike = "/",
        *,
        recursive: bool = False,
        return_objects: bool = False,
    ) -> list[str] | list[FilesObject]:
        """Return the paths of what is in a folder, relative to it; folders end in ``/``.

        With ``recursive`` also what is in its folders, with ``return_objects`` a
        :class:`FilesObject` for each.  Raise ``NotADirectoryError`` for what is no folder.
        """
        return super().listdir(stage_path, recursive=recursive, return_objects=return_objects)

    def mkdir(self, stage_path: PathLike, overwrite: bool = False) -> FilesObject:
        """Make a folder in one that exists; return it.

        If it exists it is returned as it is; with ``overwrite`` all that is in it is deleted.
        """
        path = normalize_remote_path(stage_path, strip_leading=True)
        if not path:
            raise ValueError("the root folder cannot be made")
        found = self._info_or_none(path + "/")
        if found is not None:
            if not overwrite:
                return found
            self.removedirs(path)
        self._put_folder(path)
        return self.info(path + "/")

    mkdirs = mkdir

    def rename(
        self, old_path: PathLike, new_path: PathLike, *, overwrite: bool = False
    ) -> FilesObject:
        """Move a file or folder; return it at its new place.

        Raise ``OSError`` if it is not there, or if there is something at the new place already,
        unless ``overwrite``.
        """
        return super().rename(old_path, new_path, overwrite=overwrite)

    def remove(self, stage_path: PathLike) -> None:
        """Delete a file; raise ``IsADirectoryError`` for a folder."""
        super().remove(stage_path)

    def removedirs(self, stage_path: PathLike) -> None:
        """Delete a folder and all that is in it."""
        path = normalize_remote_path(stage_path, strip_leading=True)
        if not path:
            raise ValueError("the root folder cannot be deleted")
        self._manager._delete(self._route(path + "/"))

    def rmdir(self, stage_path: PathLike) -> None:
        """Delete a folder, which must be empty; raise ``OSError`` if it is not."""
        path = os.fspath(stage_path)
        if self.listdir(path):
            raise OSError(f"stage folder is not empty: {path!r}")
        self.removedirs(path)


def get_stage(deployment: Any = None, version: str | None = None) -> Stage:
    """Return the Stage of a deployment: by itself, its name or ID, or what the environment names.

    ``version`` is the API's version, the option ``management.version`` is the default; it decides
    whether a name is one of a workspace group (``v1``) or a cluster.
    """
    stage = getattr(deployment, "stage", None)
    if isinstance(stage, Stage):
        return stage
    if deployment is not None and not isinstance(deployment, str):
        raise ManagementError(msg=f"a {type(deployment).__name__} has no Stage")
    version = version or config.get_option("management.version")
    if version == "v1":
        from .workspace import get_workspace_group

        return get_workspace_group(deployment).stage
    from .cluster import get_cluster

    return get_cluster(deployment).stage
