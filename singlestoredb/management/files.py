"""Personal, shared and model files of an organization."""

from __future__ import annotations

import os

from singlestoredb import config

from ._file_io import (
    FilesObjectBytesReader,
    FilesObjectBytesWriter,
    FilesObjectTextReader,
    FilesObjectTextWriter,
)
from ._file_location import FileLocation, IgnoreFiles, Patterns
from ._files_object import FilesObject
from ._paths import PathLike
from ._transfer import DEFAULT_WORKERS, ProgressCallback, TransferProgress
from .errors import ManagementError
from .manager import Manager, TokenSource

__all__ = [
    "MODELS_SPACE",
    "PERSONAL_SPACE",
    "SHARED_SPACE",
    "FileLocation",
    "FileSpace",
    "FilesManager",
    "FilesObject",
    "FilesObjectBytesReader",
    "FilesObjectBytesWriter",
    "FilesObjectTextReader",
    "FilesObjectTextWriter",
    "TransferProgress",
    "manage_files",
]

PERSONAL_SPACE = "personal"
SHARED_SPACE = "shared"
MODELS_SPACE = "models"


class FileSpace(FileLocation):
    """Personal, shared or model files of an organization.

    The service has no folders in personal and shared files.
    """

    _noun = "file"

    def __init__(self, location: str, manager: Manager) -> None:
        self._location = location
        self._manager = manager

    def __repr__(self) -> str:
        return f"FileSpace({self._location!r})"

    def _fs_path(self, path: str = "") -> str:
        return f"files/fs/{self._location}/{path}"

    def mkdir(self, path: PathLike, overwrite: bool = False) -> FilesObject:
        """Raise :class:`ManagementError`: the service cannot make folders here."""
        raise ManagementError(msg=f"folders cannot be made in {self._location} files")

    def rmdir(self, path: PathLike) -> None:
        """Raise :class:`ManagementError`: the service cannot delete just an empty folder here."""
        raise ManagementError(
            msg=f"empty folders cannot be deleted in {self._location} files",
            hint="removedirs deletes a folder and all that is in it",
        )

    def rename(
        self, old_path: PathLike, new_path: PathLike, *, overwrite: bool = False
    ) -> FilesObject:
        """Move a file; return it at its new place.

        Raise ``OSError`` if it is not there, or if there is something at the new place already,
        unless ``overwrite``; :class:`ManagementError` for folders.
        """
        if os.fspath(old_path).endswith("/") or os.fspath(new_path).endswith("/"):
            raise ManagementError(msg=f"folders cannot be renamed in {self._location} files")
        return super().rename(old_path, new_path, overwrite=overwrite)

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

        An empty ``path`` stands for the local folder's own path.  See
        :meth:`Stage.upload_folder` for the other parameters.
        """
        return super().upload_folder(
            local_path,
            os.fspath(path) or local_path,
            overwrite=overwrite,
            recursive=recursive,
            include_root=include_root,
            ignore=ignore,
            ignore_file=ignore_file,
            max_workers=max_workers,
            progress=progress,
        )


class FilesManager(Manager):
    """Files of an organization."""

    obj_type = "file"

    @property
    def personal_space(self) -> FileSpace:
        """Files of the user."""
        return FileSpace(PERSONAL_SPACE, self)

    @property
    def shared_space(self) -> FileSpace:
        """Files of everybody in the organization."""
        return FileSpace(SHARED_SPACE, self)

    @property
    def models_space(self) -> FileSpace:
        """Files of models; here there are folders."""
        return FileSpace(MODELS_SPACE, self)


def manage_files(
    access_token: str | TokenSource | None = None,
    version: str | None = None,
    base_url: str | None = None,
    *,
    organization_id: str | None = None,
) -> FilesManager:
    """Return a manager of personal, shared and model files.

    ``version`` is the API's version; the option ``management.version`` is the default.
    Parameters are those of :class:`Manager`.
    """
    version = version or config.get_option("management.version")
    return FilesManager(access_token, version, base_url, organization_id=organization_id)
