"""Routes of Stage and the file spaces."""

from __future__ import annotations

import io
import os
import re
from typing import Any

from ._filesystem import Content, FileSystem, PathRefused
from ._http import Reply, Request, Router
from ._world import Refused

router = Router()
route = router.add


def _space(request: Request) -> FileSystem:
    found = request.organization.spaces.get(request.args["space"])
    if found is None:
        raise Refused(404, "no such file space")
    return found


def _stage(request: Request) -> FileSystem:
    organization = request.organization
    owner = request.args["id"]
    known = organization.groups if request.version == 1 else organization.clusters
    if owner not in known:
        raise Refused(404, f"deployment {owner} not found")
    return organization.stages.setdefault(owner, FileSystem(request.world.clock.stamp))


def _tree(request: Request) -> FileSystem:
    return _space(request) if "space" in request.args else _stage(request)


def _read(request: Request) -> Any:
    tree, path = _tree(request), request.args["path"]
    node = tree.find(path, strict=request.world.behaviour.strict_slash)
    if request.flag("metadata"):
        return tree.describe(path, node)
    if node.content is None:
        return tree.describe(path, node, listing=True)
    headers = {"Last-Modified": node.modified}
    if request.world.behaviour.checksums:
        headers["Repr-Digest"] = node.content.digest()
    return Reply(body=node.content, content_type="application/octet-stream", headers=headers)


def _named(path: str) -> dict[str, str]:
    return {"name": path.rstrip("/").rpartition("/")[2], "path": path}


def _write(request: Request) -> Any:
    tree, path = _tree(request), request.args["path"]
    if request.query.get("isFile", "").lower() == "false":
        tree.mkdir(path)
        return _named(path)
    content = _form_file(request)
    tree.write(path, content)
    request.body.kept = True
    request.world.kept.append(request.body)
    return _named(path)


def _form_file(request: Request) -> Content:
    """Return the field ``file`` of a multipart body, in place."""
    found = re.search(r'boundary="?([^";]+)', request.headers.get("Content-Type", ""))
    if found is None:
        raise Refused(400, "request Content-Type isn't multipart/form-data")
    boundary = found[1].encode()
    request.body.seek(0)
    head = request.body.read(8192)
    start = head.find(b"\r\n\r\n") + 4
    first = head[:start]
    if start < 4 or not first.startswith(b"--" + boundary) or b'name="file"' not in first:
        raise Refused(400, "http: no such file")
    end = b"\r\n--" + boundary + b"--"
    request.body.seek(max(start, request.size - len(end) - 8))
    at = request.body.tell()
    tail = request.body.read()
    if end not in tail:
        raise Refused(400, "unexpected EOF")
    return Content(request.body, start, at + tail.rindex(end) - start)


def _move(request: Request) -> Any:
    tree = _tree(request)
    new = request.json("newPath", allowed=())["newPath"]
    tree.move(request.args["path"], new, strict=request.world.behaviour.strict_slash)
    return _named(new)


def _remove(request: Request) -> Any:
    path = request.args["path"]
    _tree(request).remove(path, strict=request.world.behaviour.strict_slash)
    return _named(path)


for _prefix, _versions in (
    ("stage/{id}/fs", (1,)),
    ("clusters/{id}/stage/fs", (2,)),
    ("files/fs/{space:any}", (1, 2)),
):
    for _method, _handler in (
        ("GET", _read),
        ("PUT", _write),
        ("PATCH", _move),
        ("DELETE", _remove),
    ):
        route(_method, _prefix + "/{path:rest}", *_versions)(_handler)


def add_file(tree: FileSystem, path: str, data: bytes) -> None:
    """Put a small file into a tree, with the folders it needs."""
    folder = os.path.dirname(path)
    missing = []
    while folder:
        try:
            tree.find(folder + "/")
            break
        except PathRefused:
            missing.append(folder)
            folder = os.path.dirname(folder)
    for name in reversed(missing):
        tree.mkdir(name + "/")
    tree.write(path, Content(io.BytesIO(data), 0, len(data)))
