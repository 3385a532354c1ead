"""One file or folder, as the service describes it."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Literal, overload

from ._dates import to_datetime
from ._entity import Shown
from ._file_io import (
    FilesObjectBytesReader,
    FilesObjectBytesWriter,
    FilesObjectTextReader,
    FilesObjectTextWriter,
)
from ._paths import PathLike
from ._wire import Payload
from .errors import ManagementError

if TYPE_CHECKING:
    from ._file_location import FileLocation
    from .manager import Manager

RemoteFile = (
    FilesObjectBytesReader | FilesObjectTextReader | FilesObjectBytesWriter | FilesObjectTextWriter
)
ReadText = Literal["r", "rt", "tr"]
ReadBytes = Literal["rb", "br"]
WriteText = Literal["w", "wt", "tw", "x", "xt", "tx"]
WriteBytes = Literal["wb", "bw", "xb", "bx"]


class FilesObject(Shown):
    """A file or folder in the service."""

    def __init__(
        self,
        name: str,
        path: str,
        size: int,
        type: str,
        format: str,
        mimetype: str,
        created: str | datetime.datetime | None,
        last_modified: str | datetime.datetime | None,
        writable: bool,
        content: list[Any] | None = None,
    ) -> None:
        self.name = name
        self.path = path.rstrip("/") + "/" if type == "directory" else path
        """Path from the top of its place; that of a folder ends in ``/``."""
        self.size = size
        """Bytes."""
        self.type = type
        """``directory``, ``file``, ``notebook`` or ``json``."""
        self.format = format
        self.mimetype = mimetype
        self.created_at = to_datetime(created)
        self.last_modified_at = to_datetime(last_modified)
        self.writable = writable
        self.content = content or []
        """What is in a folder, as the service sent it."""
        self._location: FileLocation | None = None
        self._manager: Manager | None = None

    @classmethod
    def from_dict(cls, obj: Any, location: FileLocation | None = None) -> FilesObject:
        """Return the file of a JSON object."""
        p = Payload(obj, "file")
        content = p.raw("content")
        out = cls(
            name=p.opt_text("name") or "",
            path=p.text("path"),
            size=p.opt_int("size") or 0,
            type=p.opt_text("type") or "file",
            format=p.opt_text("format") or "",
            mimetype=p.opt_text("mimetype") or "",
            created=p.opt_time("created"),
            last_modified=p.opt_time("last_modified"),
            writable=bool(p.opt_bool("writable")),
            content=content if isinstance(content, list) else None,
        )
        out._location = location
        out._manager = location._manager if location is not None else None
        return out

    def _shown(self) -> dict[str, Any]:
        out = super()._shown()
        out.pop("content", None)
        return out

    def _place(self) -> FileLocation:
        if self._location is None:
            raise ManagementError(
                msg="No file location is associated with this object.",
                hint="get the object from a file space or Stage instead of building it",
            )
        return self._location

    @overload
    def open(self, mode: ReadText = ..., encoding: str | None = ...) -> FilesObjectTextReader: ...
    @overload
    def open(self, mode: ReadBytes, encoding: str | None = ...) -> FilesObjectBytesReader: ...
    @overload
    def open(self, mode: WriteText, encoding: str | None = ...) -> FilesObjectTextWriter: ...
    @overload
    def open(self, mode: WriteBytes, encoding: str | None = ...) -> FilesObjectBytesWriter: ...
    @overload
    def open(self, mode: str = ..., encoding: str | None = ...) -> RemoteFile: ...
    def open(self, mode: str = "r", encoding: str | None = None) -> RemoteFile:
        """Open the file; see :meth:`FileSpace.open`."""
        place = self._place()
        if self.is_dir():
            raise IsADirectoryError(f"path is a directory: {self.path!r}")
        return place.open(self.path, mode, encoding)

    def download(
        self,
        local_path: PathLike | None = None,
        *,
        overwrite: bool = False,
        encoding: str | None = None,
    ) -> bytes | str | None:
        """Download the file; see :meth:`FileSpace.download_file`."""
        return self._place().download_file(
            self.path, local_path, overwrite=overwrite, encoding=encoding
        )

    download_file = download

    def remove(self) -> None:
        """Delete the file."""
        place = self._place()
        if self.is_dir():
            raise IsADirectoryError(f"path is a directory; use rmdir or removedirs: {self.path!r}")
        place.remove(self.path)

    def rmdir(self) -> None:
        """Delete the folder, which must be empty."""
        place = self._place()
        if not self.is_dir():
            raise NotADirectoryError(f"path is not a directory: {self.path!r}")
        place.rmdir(self.path)

    def removedirs(self) -> None:
        """Delete the folder and all that is in it."""
        place = self._place()
        if not self.is_dir():
            raise NotADirectoryError(f"path is not a directory: {self.path!r}")
        place.removedirs(self.path)

    def rename(self, new_path: PathLike, *, overwrite: bool = False) -> None:
        """Move the file or folder; this object then stands for its new place."""
        moved = self._place().rename(self.path, new_path, overwrite=overwrite)
        self.name, self.path = moved.name, moved.path

    def exists(self) -> bool:
        """Ask the service whether it still exists."""
        return self._place().exists(self.path)

    def is_dir(self) -> bool:
        """Say whether it is a folder."""
        return self.type == "directory"

    def is_file(self) -> bool:
        """Say whether it is a file."""
        return not self.is_dir()

    def abspath(self) -> str:
        """Return its path."""
        return self.path

    def basename(self) -> str:
        """Return its name."""
        return self.name

    def dirname(self) -> str:
        """Return the path of the folder it is in, ending in ``/``."""
        return self.path.rstrip("/").rpartition("/")[0] + "/"

    def getmtime(self) -> float:
        """Return when it was changed, in seconds since 1970; 0.0 if unknown."""
        return _timestamp(self.last_modified_at)

    def getctime(self) -> float:
        """Return when it was made, in seconds since 1970; 0.0 if unknown."""
        return _timestamp(self.created_at)


def _timestamp(value: datetime.datetime | None) -> float:
    return 0.0 if value is None else value.replace(tzinfo=datetime.timezone.utc).timestamp()
