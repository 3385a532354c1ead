"""Trees of files, as Stage and the file spaces have them.  Large contents stay on disk."""

from __future__ import annotations

import hashlib
import mimetypes
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any

CHUNK = 1 << 18


@dataclass
class Content:
    """Bytes within an open file, which belongs to this object."""

    file: IO[bytes]
    start: int
    size: int

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes; several readers may do so at once if they hold the world's lock."""
        at, end = self.start, self.start + self.size
        while at < end:
            self.file.seek(at)
            piece = self.file.read(min(CHUNK, end - at))
            if not piece:
                return
            at += len(piece)
            yield piece

    def digest(self) -> str:
        """Return the value of a ``Repr-Digest`` header."""
        out = hashlib.sha256()
        for piece in self.pieces():
            out.update(piece)
        return f"sha-256=:{b64encode(out.digest()).decode()}:"


@dataclass
class Node:
    """A file (with content) or a folder (with children)."""

    created: str
    modified: str
    content: Content | None = None
    children: dict[str, Node] = field(default_factory=dict)

    @property
    def is_folder(self) -> bool:
        """Whether this is a folder."""
        return self.content is None


class PathRefused(Exception):
    """A path that the service does not accept, with a status and its words."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text


class FileSystem:
    """One tree; ``implicit`` folders need no making."""

    def __init__(
        self, stamp: Callable[[], str], *, folders: bool = True, implicit: bool = False
    ) -> None:
        self._stamp = stamp
        self._folders = folders
        self._implicit = implicit
        self.root = Node(stamp(), stamp())

    def _parts(self, path: str) -> list[str]:
        clean = path.strip("/")
        if not self._folders and "/" in path.lstrip("/"):
            raise PathRefused(400, f"path {path!r} may not contain folders")
        parts = clean.split("/") if clean else []
        if any(p in ("", ".", "..") for p in parts):
            raise PathRefused(400, f"invalid path {path!r}")
        return parts

    def find(self, path: str, *, strict: bool = True) -> Node:
        """Return what is at a path; raise :class:`PathRefused` if there is nothing."""
        node = self.root
        for part in self._parts(path):
            found = node.children.get(part)
            if found is None:
                raise PathRefused(404, f"path {path!r} not found")
            node = found
        wants_folder = path.endswith("/")
        wrong_kind = node.is_folder < wants_folder or (strict and node.is_folder > wants_folder)
        if node is not self.root and wrong_kind:
            raise PathRefused(404, f"path {path!r} not found")
        return node

    def _parent(self, parts: list[str], *, make: bool) -> Node:
        node = self.root
        for part in parts[:-1]:
            found = node.children.get(part)
            if found is None and make:
                found = node.children[part] = Node(self._stamp(), self._stamp())
            if found is None or not found.is_folder:
                raise PathRefused(400, "parent folder does not exist")
            node = found
        return node

    def write(self, path: str, content: Content) -> Node:
        """Put a file at a path; the parent folder must exist."""
        parts = self._parts(path)
        if not parts or path.endswith("/"):
            raise PathRefused(400, f"{path!r} is not the path of a file")
        parent = self._parent(parts, make=self._implicit)
        if parts[-1] in parent.children:
            raise PathRefused(409, f"path {path!r} already exists")
        node = Node(self._stamp(), self._stamp(), content)
        parent.children[parts[-1]] = node
        return node

    def mkdir(self, path: str) -> Node:
        """Make a folder; the parent folder must exist."""
        parts = self._parts(path.rstrip("/") if self._folders else path)
        if not self._folders or not parts:
            raise PathRefused(400, "folders cannot be made here")
        parent = self._parent(parts, make=False)
        if parts[-1] in parent.children:
            raise PathRefused(409, f"path {path!r} already exists")
        node = Node(self._stamp(), self._stamp())
        parent.children[parts[-1]] = node
        return node

    def remove(self, path: str, *, strict: bool = True) -> None:
        """Delete a file, or a folder with all that is in it."""
        self.find(path, strict=strict)
        parts = self._parts(path)
        if not parts:
            raise PathRefused(400, "the root folder cannot be deleted")
        del self._parent(parts, make=False).children[parts[-1]]

    def move(self, old: str, new: str, *, strict: bool = True) -> Node:
        """Move a file or tree; the parent of its new place must exist."""
        node = self.find(old, strict=strict)
        source, target = self._parts(old), self._parts(new)
        if not source or not target or target[: len(source)] == source:
            raise PathRefused(400, f"cannot move {old!r} to {new!r}")
        parent = self._parent(target, make=self._implicit)
        if target[-1] in parent.children:
            raise PathRefused(409, f"path {new!r} already exists")
        del self._parent(source, make=False).children[source[-1]]
        parent.children[target[-1]] = node
        return node

    def describe(self, path: str, node: Node, *, listing: bool = False) -> dict[str, Any]:
        """Return a node as the service describes it; with ``listing`` also what is in it."""
        clean = path.strip("/")
        name = clean.rpartition("/")[2]
        out: dict[str, Any] = {
            "name": name,
            "path": clean,
            "size": 0,
            "type": "file",
            "format": "text",
            "mimetype": mimetypes.guess_type(name)[0] or "application/octet-stream",
            "created": node.created,
            "last_modified": node.modified,
            "writable": True,
            "content": None,
        }
        if node.content is not None:
            out["size"] = node.content.size
            if name.endswith(".ipynb"):
                out.update(type="notebook", format="json", mimetype="application/x-ipynb+json")
            return out
        out.update(path=clean + "/", type="directory", format="json", mimetype="")
        if listing:
            prefix = clean + "/" if clean else ""
            out["content"] = [
                self.describe(prefix + key, child) for key, child in node.children.items()
            ]
        return out
