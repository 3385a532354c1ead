"""Paths here and there: what may be sent, and where an answer may be written."""

from __future__ import annotations

import os
import re
import urllib.parse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from .errors import ManagementError

if TYPE_CHECKING:
    from pathspec import PathSpec

PathLike = Union[str, "os.PathLike[str]"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def segment(value: object, what: str = "ID") -> str:
    """Return one segment of a route, quoted; raise ``ValueError`` for what would leave it."""
    text = str(value) if value is not None else ""
    if text in ("", ".", ".."):
        raise ValueError(f"{what} must not be {text!r}")
    return urllib.parse.quote(text, safe="")


def quote_path(path: str) -> str:
    """Return a remote path for use in a URL.

    Raise ``ValueError`` for ``..`` and control characters: no server agrees with another
    on what they mean.
    """
    if ".." in path.split("/") or _CONTROL.search(path):
        raise ValueError(f"remote path may hold neither '..' nor control characters: {path!r}")
    return urllib.parse.quote(path, safe="/~")


def normalize_remote_path(path: PathLike, *, strip_leading: bool = False) -> str:
    """Return a remote path with single forward slashes and without one at its end.

    With ``strip_leading`` also without ``./`` and ``/`` at its start.  ``/`` becomes empty.
    """
    out = re.sub(r"/+", "/", os.fspath(path).replace("\\", "/"))
    if strip_leading:
        out = re.sub(r"\A(?:\./|/)+", "", out)
        if out == ".":
            out = ""
    return out.rstrip("/")


def ensure_within(local_root: PathLike, target: PathLike) -> str:
    """Return ``target``, normalized, if it lies inside ``local_root`` after following all links.

    Raise :class:`ManagementError` otherwise.
    """
    out = os.path.normpath(target)
    root = os.path.realpath(local_root)
    real = os.path.realpath(out)
    if real != root and not real.startswith(root.rstrip(os.sep) + os.sep):
        raise ManagementError(msg=f"refused: {os.fspath(target)!r} is outside destination {root!r}")
    return out


def check_listed_name(relative: str, listing: str) -> str:
    """Return a relative path out of a server's listing, if it is safe to write to.

    Raise :class:`ManagementError` for absolute names, drive letters, backslashes, ``.`` and
    ``..``, empty names, and control characters.
    """
    parts = relative.rstrip("/").split("/")
    bad = (
        any(part in ("", ".", "..") for part in parts)
        or "\\" in relative
        or _CONTROL.search(relative)
        or (os.name == "nt" and (":" in relative))
    )
    if bad:
        raise ManagementError(
            msg=f"refused: {listing!r} lists {relative!r}, which would be outside destination"
        )
    return relative


class IgnoreRules:
    """Patterns in the syntax of ``.gitignore``, relative to one folder."""

    def __init__(
        self,
        patterns: str | Iterable[str] | None = None,
        files: PathLike | Iterable[PathLike] | None = None,
        root: PathLike | None = None,
    ) -> None:
        """Take patterns and files of patterns, later ones override earlier ones.

        A pattern that is an absolute path inside ``root`` is taken relative to it.  Needs the
        package pathspec as soon as there is a pattern.
        """
        lines: list[str] = []
        for file in _listed(files):
            lines += Path(file).read_text(encoding="utf-8").splitlines()
        lines += [_anchored(os.fspath(p), root) for p in _listed(patterns)]
        self._spec: PathSpec[Any] | None = _compile(lines) if lines else None

    def __bool__(self) -> bool:
        return self._spec is not None

    def match(self, relative: str) -> bool:
        """Say whether a path is to be ignored; folders end in ``/``."""
        return self._spec is not None and bool(self._spec.match_file(relative))


def _listed(value: PathLike | Iterable[PathLike] | None) -> list[PathLike]:
    if value is None:
        return []
    if isinstance(value, (str, os.PathLike)):
        return [value]
    return list(value)


def _anchored(pattern: str, root: PathLike | None) -> str:
    if root is None or not os.path.isabs(pattern):
        return pattern
    top = os.path.abspath(root).replace("\\", "/").rstrip("/") + "/"
    plain = pattern.replace("\\", "/")
    return "/" + plain[len(top) :] if plain.startswith(top) else pattern


def _compile(lines: list[str]) -> PathSpec[Any]:
    try:
        import pathspec
    except ImportError as exc:
        raise ImportError(
            "ignore patterns need pathspec: pip install 'singlestoredb[management]'",
            name="pathspec",
        ) from exc
    return pathspec.GitIgnoreSpec.from_lines(lines)


def walk_files(
    root: PathLike, rules: IgnoreRules, *, recursive: bool = True
) -> Iterator[tuple[str, str]]:
    """Yield ``(local path, path relative to root with forward slashes)``, sorted.

    Ignored folders are not entered.  Raise :class:`ManagementError` for a link that leads out
    of ``root`` or nowhere, unless it is ignored.
    """
    top = os.fspath(root)
    for folder, subfolders, files in os.walk(top):
        base = os.path.relpath(folder, top).replace(os.sep, "/")
        prefix = "" if base == "." else base + "/"
        kept = []
        for name in sorted(subfolders):
            if rules.match(f"{prefix}{name}/"):
                continue
            if os.path.islink(os.path.join(folder, name)):
                raise ManagementError(
                    msg=f"refused: {os.path.join(folder, name)!r} is a link to a folder",
                    hint="add it to the ignore patterns",
                )
            kept.append(name)
        subfolders[:] = kept if recursive else []
        for name in sorted(files):
            path = os.path.join(folder, name)
            if rules.match(prefix + name):
                continue
            if os.path.islink(path):
                if not os.path.exists(path):
                    raise ManagementError(msg=f"refused: {path!r} is a link to nothing")
                ensure_within(top, path)
            yield path, prefix + name


def resolve_ignore_files(
    local_root: PathLike, ignore: str | Iterable[str] | None = None
) -> set[str]:
    """Return the normalized local paths of the files below a folder that patterns match."""
    rules = IgnoreRules(ignore, root=local_root)
    if not rules:
        return set()
    everything = walk_files(local_root, IgnoreRules())
    return {os.path.normpath(path) for path, relative in everything if rules.match(relative)}
