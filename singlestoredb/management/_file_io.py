"""File objects over remote files, and local files that appear whole or not at all."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import os
import re
import secrets
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any, Protocol

from ._paths import PathLike
from .errors import InvalidResponseError

if TYPE_CHECKING:
    from types import TracebackType

CHUNK = 1 << 20
"""Bytes handled at a time; the memory that a transfer needs is a small multiple of it."""

OnBytes = Callable[[int], None]
"""Told how many bytes of a file are through; less than before when a transfer starts over."""


class _Uploads(Protocol):
    def _upload(self, content: Any, path: PathLike, *, overwrite: bool = False) -> Any: ...


def spool() -> io.FileIO:
    """Return an empty file without a name, on disk: large contents never fill the memory."""
    raw: Any = tempfile.TemporaryFile("w+b", buffering=0)  # noqa: SIM115  # the caller closes it
    if isinstance(raw, io.FileIO):
        return raw
    # Windows wraps the file, and closes it with the wrapper.
    file: Any = raw.file
    file._wrapper = raw
    out: io.FileIO = file
    return out


# -- what open() returns --


class FilesObjectBytesReader(io.BufferedReader):
    """A remote file, opened for reading bytes.  It was downloaded whole, so it can seek."""

    def __init__(self, content: bytes | io.FileIO) -> None:
        """Take the content, or a file of it, which then belongs to this object."""
        super().__init__(_filled(content))


class FilesObjectTextReader(io.TextIOWrapper):
    """A remote file, opened for reading text.  It was downloaded whole, so it can seek."""

    def __init__(self, content: str | bytes | io.FileIO, encoding: str = "utf-8") -> None:
        """Take the content, or a file of it, which then belongs to this object."""
        if isinstance(content, str):
            content = content.encode(encoding)
        super().__init__(io.BufferedReader(_filled(content)), encoding=encoding)


def _filled(content: bytes | io.FileIO) -> io.FileIO:
    if isinstance(content, io.FileIO):
        content.seek(0)
        return content
    raw = spool()
    view = memoryview(content)
    while view:
        view = view[raw.write(view) :]
    raw.seek(0)
    return raw


class FilesObjectBytesWriter(io.BufferedRandom):
    """A remote file, opened for writing bytes.

    The content is kept on local disk, without a name, and sent when the file is closed.  It is
    dropped instead when the ``with`` block ends with an exception, so that nobody ever sees
    half a file.
    """

    def __init__(
        self,
        buffer: bytes | None,
        location: _Uploads,
        path: PathLike,
        *,
        overwrite: bool = True,
    ) -> None:
        self._discarded = False
        self._location = location
        self._path = os.fspath(path)
        self._overwrite = overwrite
        super().__init__(spool())
        if buffer:
            self.write(buffer)

    def discard(self) -> None:
        """Close without sending anything."""
        self._discarded = True
        self.close()

    def close(self) -> None:
        """Send the content and close; an error of the service is raised, and nothing kept."""
        if self.closed:
            return
        try:
            if not self._discarded:
                self.flush()
                self.seek(0)
                self._location._upload(self, self._path, overwrite=self._overwrite)
        finally:
            self._discarded = True
            super().close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._discarded = self._discarded or kind is not None
        self.close()

    def __del__(self) -> None:
        _dropped(self)


class FilesObjectTextWriter(io.TextIOWrapper):
    """A remote file, opened for writing text; see :class:`FilesObjectBytesWriter`."""

    def __init__(
        self,
        buffer: str | None,
        location: _Uploads,
        path: PathLike,
        encoding: str = "utf-8",
        *,
        overwrite: bool = True,
    ) -> None:
        self._bytes = FilesObjectBytesWriter(None, location, path, overwrite=overwrite)
        self._path = self._bytes._path
        # No translation of line ends: the file is not local.
        super().__init__(self._bytes, encoding=encoding, newline="\n")
        if buffer:
            self.write(buffer)

    @property
    def _discarded(self) -> bool:
        return self._bytes._discarded

    def discard(self) -> None:
        """Close without sending anything."""
        self._bytes._discarded = True
        self.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._bytes._discarded = True
        self.close()

    def __del__(self) -> None:
        _dropped(self)


def _dropped(writer: FilesObjectBytesWriter | FilesObjectTextWriter) -> None:
    """End a writer that nobody closed: no network from the garbage collector."""
    try:
        open_still = not writer.closed and not writer._discarded
    except (AttributeError, ValueError):
        return  # never got as far as being a file
    if open_still:
        warnings.warn(
            f"remote file {writer._path!r} was never closed, so it was not sent",
            ResourceWarning,
            source=writer,
            stacklevel=2,
        )
    writer.discard()


# -- bodies of uploads --


class MultipartFile:
    """The body of an upload: one field ``file`` of a multipart form, read piece by piece.

    It can be sent again from its start.
    """

    def __init__(self, name: str, content: IO[bytes], on_bytes: OnBytes | None = None) -> None:
        boundary = secrets.token_hex(16)
        quoted = re.sub(r'["\r\n\\]', "_", os.path.basename(name)) or "file"
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{quoted}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._content = content
        self._start = content.tell()
        self.size = content.seek(0, os.SEEK_END) - self._start
        self._on_bytes = on_bytes
        self.seek(0)

    def __len__(self) -> int:
        return len(self._head) + self.size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        # requests takes only iterables for streams; urllib3 then uses read().
        while piece := self.read(CHUNK):
            yield piece

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go back to the start, or to any other place counted from it."""
        if whence != os.SEEK_SET:
            raise io.UnsupportedOperation("only seeks from the start")
        self._at = offset
        self._content.seek(self._start + min(max(0, offset - len(self._head)), self.size))
        if offset == 0 and self._on_bytes is not None:
            self._on_bytes(0)
        return offset

    def read(self, size: int = -1) -> bytes:
        """Return at most ``size`` bytes; empty at the end."""
        if size < 0:
            size = len(self) - self._at
        head, body = len(self._head), len(self._head) + self.size
        if self._at < head:
            out = self._head[self._at : self._at + size]
        elif self._at < body:
            out = self._content.read(min(size, body - self._at))
            if not out:
                raise OSError("the file became shorter while it was sent")
            if self._on_bytes is not None:
                self._on_bytes(self._at - head + len(out))
        else:
            out = self._tail[self._at - body : self._at - body + size]
        self._at += len(out)
        return out


@contextlib.contextmanager
def as_binary(content: Any) -> Iterator[IO[bytes]]:
    """Give a seekable binary file with what is to be sent.

    Bytes, text (as UTF-8), and open files of either kind will do; the caller's file is left open.
    """
    if isinstance(content, (bytes, bytearray, memoryview)):
        yield io.BytesIO(content)
        return
    if isinstance(content, str):
        yield io.BytesIO(content.encode())
        return
    if not hasattr(content, "read"):
        raise TypeError(f"cannot send a {type(content).__name__}")
    if not isinstance(content, io.TextIOBase) and _seekable(content):
        yield content
        return
    # Of unknown length, or text: through the disk.
    with spool() as raw:
        while piece := content.read(CHUNK):
            raw.write(piece.encode() if isinstance(piece, str) else piece)
        raw.seek(0)
        yield raw


def _seekable(content: Any) -> bool:
    seekable = getattr(content, "seekable", None)
    return bool(seekable is not None and seekable() and hasattr(content, "tell"))


# -- checksums --

_ALGORITHMS = {"sha-512": "sha512", "sha-256": "sha256", "md5": "md5"}
_DIGEST_HEADERS = ("Repr-Digest", "Content-Digest", "Digest")


class Checksum:
    """The best checksum that the headers of an answer give, if they give one.

    Understands ``Repr-Digest`` and ``Content-Digest`` (RFC 9530), ``Digest`` (RFC 3230) and
    ``Content-MD5`` (RFC 1864).
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._name = ""
        self._expected = b""
        found: dict[str, str] = {}
        for header in _DIGEST_HEADERS:
            for part in headers.get(header, "").split(","):
                name, _, value = part.strip().partition("=")
                found.setdefault(name.strip().lower(), value.strip().strip(":"))
        if "Content-MD5" in headers:
            found.setdefault("md5", headers["Content-MD5"].strip())
        for name, algorithm in _ALGORITHMS.items():
            if found.get(name):
                with contextlib.suppress(ValueError):
                    self._expected = base64.b64decode(found[name], validate=True)
                    self._name = algorithm
                    break
        self._hash = hashlib.new(self._name, usedforsecurity=False) if self._name else None

    def update(self, piece: bytes) -> None:
        """Take a piece of the content in."""
        if self._hash is not None:
            self._hash.update(piece)

    def check(self, path: str) -> None:
        """Raise :class:`InvalidResponseError` if the content was not what the service said."""
        if self._hash is not None and self._hash.digest() != self._expected:
            raise InvalidResponseError(
                msg=f"{path!r} arrived damaged: its {self._name} is not what the service says"
            )


# -- local files --


@contextlib.contextmanager
def written_whole(path: PathLike, *, overwrite: bool = False) -> Iterator[IO[bytes]]:
    """Give a file that gets its name when the ``with`` block ends well, and vanishes otherwise.

    Raise ``FileExistsError`` if there is something of that name, unless ``overwrite``; what
    appears meanwhile is never overwritten either.  A link of that name is replaced, not followed.
    """
    target = os.fspath(path)
    if os.path.isdir(target) and not os.path.islink(target):
        raise IsADirectoryError(f"local path is a directory: {target!r}")
    if not overwrite and os.path.lexists(target):
        raise FileExistsError(f"local path already exists: {target!r}")
    folder = os.path.dirname(target) or os.curdir
    partial = os.path.join(folder, f".{os.path.basename(target)[:100]}.{secrets.token_hex(8)}.part")
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)
    flags |= getattr(os, "O_BINARY", 0)
    handle = os.open(partial, flags, 0o666)
    try:
        with os.fdopen(handle, "w+b", buffering=0) as file:
            yield file
        if overwrite:
            os.replace(partial, target)
        else:
            _name_exclusively(partial, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial)
        raise


def _name_exclusively(partial: str, target: str) -> None:
    try:
        os.link(partial, target)
    except FileExistsError:
        raise FileExistsError(f"local path already exists: {target!r}") from None
    except (OSError, AttributeError):
        # The file system has no links: reserve the name, then replace it.
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        os.replace(partial, target)
    else:
        os.unlink(partial)
