"""What Stage and file spaces have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from singlestoredb.fusion import BLOB, BOOL, DATETIME, INTEGER, STRING, FusionSQLResult

from ._command import Column, Params, reshaped, table

if TYPE_CHECKING:
    from singlestoredb.management.files import FileLocation

_EXTENDED: tuple[Column, ...] = (
    ("Type", STRING, lambda entry: entry[1].type),
    ("Size", INTEGER, lambda entry: entry[1].size),
    ("Writable", BOOL, lambda entry: entry[1].writable),
    ("CreatedAt", DATETIME, lambda entry: entry[1].created_at),
    ("LastModifiedAt", DATETIME, lambda entry: entry[1].last_modified_at),
)


def listed(place: FileLocation, params: Params) -> FusionSQLResult:
    """Return a folder's files, relative to it."""
    folder = params["at_path"] or "/"
    names = place.listdir(folder, recursive=params["recursive"], return_objects=False)
    if not params["extended"]:
        return reshaped(table([("Name", STRING, lambda name: name)], names), params)
    prefix = folder.strip("/")
    entries = [(name, place.info(f"{prefix}/{name}" if prefix else name)) for name in names]
    columns: list[Column] = [("Name", STRING, lambda entry: entry[0]), *_EXTENDED]
    return reshaped(table(columns, entries), params)


def upload(place: FileLocation, path: str, params: Params) -> None:
    """Send a local file; what the service then says of it is not asked for."""
    place._upload_local_file(
        params["local_path"], path, overwrite=params["overwrite"], fetch_info=False
    )


def downloaded(place: FileLocation, path: str, params: Params) -> FusionSQLResult | None:
    """Write a file to a local one, or return its contents as a row."""
    encoding = params["encoding"]
    content = place.download_file(
        path, params["local_path"], overwrite=params["overwrite"], encoding=encoding
    )
    if params["local_path"] is not None:
        return None
    return table([("Data", STRING if encoding else BLOB, lambda data: data)], [content])
