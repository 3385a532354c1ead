"""Stage and file spaces, one file at a time."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from singlestoredb.exceptions import ManagementError
from singlestoredb.management.cluster import Cluster, ClusterManager
from singlestoredb.management.errors import (
    InvalidResponseError,
    NotFoundError,
    TransportError,
)
from singlestoredb.management.files import (
    FileLocation,
    FilesManager,
    FilesObject,
    FilesObjectBytesReader,
    FilesObjectBytesWriter,
    FilesObjectTextReader,
    FilesObjectTextWriter,
    FileSpace,
)
from singlestoredb.management.stage import Stage
from singlestoredb.testing.management_api import ManagementAPI

TEXT = "Größe\nzwei\n"


@pytest.fixture(params=["stage", "personal"])
def place(request: pytest.FixtureRequest, api: ManagementAPI) -> Stage | FileSpace:
    """A Stage and a file space: what both do alike."""
    out: Stage | FileSpace
    if request.param == "stage":
        cluster: Cluster = request.getfixturevalue("cluster")
        out = cluster.stage
    else:
        files: FilesManager = request.getfixturevalue("files")
        out = files.personal_space
    api.forget_requests()
    return out


# -- routes and requests --


def test_routes_of_a_stage_follow_the_version(stage: Stage, api: ManagementAPI) -> None:
    stage.mkdir("a")
    stage.upload_file(io.BytesIO(b"x"), "a/b c?#%.txt")
    owner = stage._deployment_id
    prefix = f"stage/{owner}/fs" if stage._manager.version == "v1" else f"clusters/{owner}/stage/fs"
    assert api.routes() == [
        f"GET {prefix}/a/",
        f"PUT {prefix}/a/",
        f"GET {prefix}/a/",
        f"GET {prefix}/a/b%20c%3F%23%25.txt",
        f"PUT {prefix}/a/b%20c%3F%23%25.txt",
        f"GET {prefix}/a/b%20c%3F%23%25.txt",
    ]
    assert stage.listdir("a") == ["b c?#%.txt"]
    assert api.requests[1].query == {"isFile": "false"}


@pytest.mark.parametrize(
    ("overwrite", "fetch_info", "methods"),
    [
        (False, True, "GET PUT GET"),
        (True, True, "GET DELETE PUT GET"),
        (False, False, "GET PUT"),
        (True, False, "GET DELETE PUT"),
    ],
)
def test_an_upload_makes_no_needless_request(
    place: Stage | FileSpace,
    api: ManagementAPI,
    overwrite: bool,
    fetch_info: bool,
    methods: str,
) -> None:
    if overwrite:
        place.upload_file(io.BytesIO(b"old"), "f")
    api.forget_requests()
    place._upload(b"new", "f", overwrite=overwrite, fetch_info=fetch_info)
    assert [r.method for r in api.requests] == methods.split()
    assert place.download_file("f") == b"new"


@pytest.mark.parametrize("spelling", ["f", "/f", "./f", "//f"])
def test_spellings_of_a_path(place: Stage | FileSpace, spelling: str) -> None:
    place.upload_file(io.BytesIO(b"x"), spelling)
    assert place.exists("f")
    assert place.info(spelling).path == "f"


@pytest.mark.parametrize("bad", ["../f", "a/../../f", "f\n"])
def test_paths_that_would_escape_are_refused(
    place: Stage | FileSpace, api: ManagementAPI, bad: str
) -> None:
    with pytest.raises(ValueError, match="remote path"):
        place.upload_file(io.BytesIO(b"x"), bad)
    with pytest.raises(ValueError, match="remote path"):
        place.exists(bad)
    assert api.requests == []


# -- what can be sent --


def test_everything_readable_can_be_uploaded(place: Stage | FileSpace, tmp_path: Path) -> None:
    local = tmp_path / "local"
    local.write_text(TEXT, encoding="utf-8")
    raw = TEXT.encode()
    read_end, write_end = os.pipe()
    os.write(write_end, raw)
    os.close(write_end)
    with (
        open(local, "rb") as binary,
        open(local, encoding="utf-8") as text,
        open(read_end, "rb") as pipe,
    ):
        sources: dict[str, Any] = {
            "path": local,
            "name": str(local),
            "binary": binary,
            "text": text,
            "pipe": pipe,
            "bytesio": io.BytesIO(raw),
            "stringio": io.StringIO(TEXT),
        }
        for name, source in sources.items():
            assert place.upload_file(source, name).size == len(raw)
            assert place.download_file(name) == raw
        assert not binary.closed
    with open(local, "rb") as partly:
        partly.read(3)
        place.upload_file(partly, "rest")
    assert place.download_file("rest") == raw[3:]
    place._upload(TEXT, "str")
    assert place.download_file("str", encoding="utf-8") == TEXT
    place.upload_file(io.BytesIO(b""), "empty")
    assert place.download_file("empty") == b""
    with pytest.raises(TypeError, match="cannot send"):
        place.upload_file(5, "f")  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(IsADirectoryError):
        place.upload_file(tmp_path, "f")
    with pytest.raises(FileNotFoundError):
        place.upload_file(tmp_path / "missing", "f")


def test_existing_files_are_only_overwritten_on_request(place: Stage | FileSpace) -> None:
    place.upload_file(io.BytesIO(b"old"), "f")
    with pytest.raises(OSError, match="path already exists"):
        place.upload_file(io.BytesIO(b"new"), "f")
    assert place.download_file("f") == b"old"
    place.upload_file(io.BytesIO(b"new"), "f", overwrite=True)
    assert place.download_file("f") == b"new"


def test_uploads_are_repeated_from_their_start(
    place: Stage | FileSpace, api: ManagementAPI, tmp_path: Path
) -> None:
    local = tmp_path / "local"
    local.write_bytes(os.urandom(700_000))
    api.fault("PUT", status=503)
    api.fault("PUT", drop=True)
    seen: list[int] = []
    place.upload_file(local, "f", progress=lambda p: seen.append(p.transferred))
    assert place.download_file("f") == local.read_bytes()
    assert len([r for r in api.requests if r.method == "PUT"]) == 3
    assert seen.count(0) >= 3
    assert seen[-1] == 700_000


def test_an_upload_whose_answer_was_lost_is_done(
    place: Stage | FileSpace, api: ManagementAPI
) -> None:
    api.fault("PUT", lose=True)
    assert place.upload_file(io.BytesIO(b"content"), "f").size == 7
    api.fault("PUT", lose=True)
    api.fault("GET", "*/g", status=404, times=2)
    with pytest.raises(ManagementError, match="already exists"):
        place.upload_file(io.BytesIO(b"content"), "g")


# -- open() --


def test_writing_and_reading_text(place: Stage | FileSpace) -> None:
    with place.open("f", "w") as file:
        assert isinstance(file, FilesObjectTextWriter)
        assert file.writable()
        print("one", file=file)
        file.writelines(["two\n", "three\r\n"])
        file.seek(0)
        file.write("ONE")
        assert not place.exists("f")
    with place.open("f") as file:
        assert isinstance(file, FilesObjectTextReader)
        assert file.readline() == "ONE\n"
        assert list(file) == ["two\n", "three\n"]
        file.seek(0)
        assert file.read(3) == "ONE"
        assert not file.writable()
    assert place.download_file("f") == b"ONE\ntwo\nthree\r\n"


def test_writing_and_reading_bytes(place: Stage | FileSpace) -> None:
    with place.open("f", "wb") as file:
        assert isinstance(file, FilesObjectBytesWriter)
        file.write(b"0123456789")
        assert file.seek(4) == file.tell() == 4
        file.write(b"x")
        file.seek(0, os.SEEK_END)
        file.truncate(8)
    with place.open("f", "rb") as back:
        assert isinstance(back, FilesObjectBytesReader)
        assert back.seek(-4, os.SEEK_END) == 4
        buffer = bytearray(4)
        assert back.readinto(buffer) == 4
        assert buffer == b"x567"
        assert back.fileno() > 2
        assert back.read() == b""


def test_encodings(place: Stage | FileSpace) -> None:
    with place.open("f", "w", encoding="utf-16") as file:
        file.write(TEXT)
    assert place.download_file("f") == TEXT.encode("utf-16")
    with place.open("f", "r", encoding="utf-16") as file:
        assert file.read() == TEXT
    with place.open("f") as file, pytest.raises(UnicodeDecodeError):
        file.read()


def test_library_formats_can_use_the_files(place: Stage | FileSpace) -> None:
    import csv
    import zipfile

    with place.open("a.zip", "wb") as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr("inner.csv", "a,b\n1,2\n")
    with place.open("a.zip", "rb") as back, zipfile.ZipFile(back) as archive:
        rows = archive.read("inner.csv").decode().splitlines()
    assert list(csv.DictReader(rows)) == [{"a": "1", "b": "2"}]


def test_modes(place: Stage | FileSpace) -> None:
    for mode in ("r+", "a", "wb+", "ab"):
        with pytest.raises((ValueError, ManagementError), match="appending"):
            place.open("f", mode)
    for mode in ("", "b", "t", "rw", "q", "rbt"):
        with pytest.raises(ValueError, match="mode"):
            place.open("f", mode)
    with pytest.raises(ValueError, match="encoding"):
        place.open("f", "rb", encoding="utf-8")
    with pytest.raises(NotFoundError) as caught:
        place.open("f")
    assert caught.value.errno == 404
    place.open("f", "x").close()
    with pytest.raises(FileExistsError):
        place.open("f", "x")
    with place.open("f", "xb") if not place.exists("f") else place.open("f", "wb") as file:
        file.write(b"x")
    assert place.download_file("f") == b"x"


def test_exclusive_creation_notices_a_rival(place: Stage | FileSpace) -> None:
    file = place.open("f", "x")
    file.write("mine")
    place.upload_file(io.BytesIO(b"theirs"), "f")
    with pytest.raises(FileExistsError):
        file.close()
    assert file.closed
    assert place.download_file("f") == b"theirs"


@pytest.mark.parametrize("mode", ["w", "wb"])
def test_an_exception_in_the_block_sends_nothing(
    place: Stage | FileSpace, api: ManagementAPI, mode: str
) -> None:
    place.upload_file(io.BytesIO(b"old"), "f")
    api.forget_requests()
    file: Any = place.open("f", mode)

    def accident() -> None:
        with file:
            file.write("half" if mode == "w" else b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        accident()
    assert file.closed
    assert [r.method for r in api.requests] == ["GET"]
    assert place.download_file("f") == b"old"


@pytest.mark.parametrize("mode", ["w", "wb"])
def test_a_file_that_nobody_closes_is_not_sent(
    place: Stage | FileSpace, api: ManagementAPI, mode: str
) -> None:
    file: Any = place.open("f", mode)
    file.discard()
    assert file.closed
    del file
    forgotten = [place.open("f", mode)]
    api.forget_requests()
    with pytest.warns(ResourceWarning, match="'f' was never closed"):
        forgotten.clear()
    assert api.requests == []


def test_an_upload_that_fails_closes_the_file(place: Stage | FileSpace, api: ManagementAPI) -> None:
    file = place.open("f", "w")
    file.write("x")
    api.fault("PUT", status=403, body="no")
    with pytest.raises(ManagementError, match="no"):
        file.close()
    assert file.closed
    file.close()
    assert not place.exists("f")


def test_writers_and_readers_of_given_content(place: Stage | FileSpace) -> None:
    FilesObjectTextWriter("text", place, "t").close()
    FilesObjectBytesWriter(b"bytes", place, "b").close()
    assert place.download_file("t") == b"text"
    assert place.download_file("b") == b"bytes"
    with FilesObjectTextReader("text") as text, FilesObjectBytesReader(b"bytes") as binary:
        assert (text.read(), binary.read()) == ("text", b"bytes")


# -- downloads --


def test_downloads_do_not_overwrite(place: Stage | FileSpace, tmp_path: Path) -> None:
    place.upload_file(io.BytesIO(b"new"), "f")
    target = tmp_path / "t"
    target.write_bytes(b"old")
    with pytest.raises(OSError, match="already exists"):
        place.download_file("f", target)
    assert target.read_bytes() == b"old"
    place.download_file("f", target, overwrite=True)
    assert target.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["t"]
    with pytest.raises(IsADirectoryError):
        place.download_file("f", tmp_path, overwrite=True)


def test_a_link_is_replaced_not_followed(place: Stage | FileSpace, tmp_path: Path) -> None:
    place.upload_file(io.BytesIO(b"new"), "f")
    victim, link = tmp_path / "victim", tmp_path / "link"
    victim.write_bytes(b"precious")
    link.symlink_to(victim)
    with pytest.raises(FileExistsError):
        place.download_file("f", link)
    place.download_file("f", link, overwrite=True)
    assert victim.read_bytes() == b"precious"
    assert not link.is_symlink()
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError):
        place.download_file("f", dangling)
    assert not (tmp_path / "nowhere").exists()


def test_a_link_in_the_place_of_the_partial_file_is_not_followed(
    place: Stage | FileSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.upload_file(io.BytesIO(b"new"), "f")
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    monkeypatch.setattr("singlestoredb.management._file_io.secrets.token_hex", lambda n: "0")
    partial = tmp_path / ".t.0.part"
    for make in (partial.symlink_to, partial.hardlink_to):
        make(victim)
        with pytest.raises(FileExistsError):
            place.download_file("f", tmp_path / "t")
        assert victim.read_bytes() == b"precious"
        partial.unlink()


def test_a_name_taken_meanwhile_is_kept(
    place: Stage | FileSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.upload_file(io.BytesIO(b"new"), "f")
    target = tmp_path / "t"
    fetch = place._fetch

    def slow(*args: Any) -> None:
        fetch(*args)
        target.write_bytes(b"rival")

    monkeypatch.setattr(place, "_fetch", slow)
    with pytest.raises(FileExistsError):
        place.download_file("f", target)
    assert target.read_bytes() == b"rival"
    assert os.listdir(tmp_path) == ["t"]


def test_downloads_respect_the_umask(place: Stage | FileSpace, tmp_path: Path) -> None:
    place.upload_file(io.BytesIO(b"x"), "f")
    before = os.umask(0o027)
    try:
        place.download_file("f", tmp_path / "t")
    finally:
        os.umask(before)
    assert (tmp_path / "t").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("times", [2, -1])
def test_broken_downloads_leave_nothing(
    place: Stage | FileSpace, api: ManagementAPI, tmp_path: Path, times: int
) -> None:
    content = os.urandom(300_000)
    place.upload_file(io.BytesIO(content), "f")
    api.fault("GET", "*/f", cut="connection", skip=1, times=times)
    if times > 0:
        place.download_file("f", tmp_path / "t")
        assert (tmp_path / "t").read_bytes() == content
    else:
        with pytest.raises(TransportError, match="could not be downloaded whole"):
            place.download_file("f", tmp_path / "t")
        assert os.listdir(tmp_path) == []


def test_a_shorter_second_attempt_leaves_no_rest(
    place: Stage | FileSpace, api: ManagementAPI, tmp_path: Path
) -> None:
    place.upload_file(io.BytesIO(b"short"), "f")
    longer = b"x" * 3_000_000
    api.fault("GET", "*/f", skip=1, status=200, body=longer.decode(), cut="connection")
    place.download_file("f", tmp_path / "t")
    assert (tmp_path / "t").read_bytes() == b"short"
    assert api.requests[-1].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("times", [2, -1])
def test_damaged_downloads_are_noticed(
    place: Stage | FileSpace, api: ManagementAPI, tmp_path: Path, times: int
) -> None:
    api.behaviour.checksums = True
    place.upload_file(io.BytesIO(b"content"), "f")
    api.fault("GET", "*/f", corrupt=True, skip=1, times=times)
    if times > 0:
        place.download_file("f", tmp_path / "t")
        assert (tmp_path / "t").read_bytes() == b"content"
    else:
        with pytest.raises(InvalidResponseError, match="sha256"):
            place.download_file("f", tmp_path / "t")
        assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-MD5": "mgNkuembtIDdJeHwKEyFVQ=="},
        {"Digest": "md5=mgNkuembtIDdJeHwKEyFVQ==, unknown=x"},
        {"Content-Digest": "sha-256=:7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=:"},
    ],
)
def test_each_kind_of_checksum(
    place: Stage | FileSpace, api: ManagementAPI, headers: dict[str, str]
) -> None:
    place.upload_file(io.BytesIO(b"content"), "f")
    api.fault("GET", "*/f", headers=headers, skip=1)
    assert place.download_file("f") == b"content"
    place.upload_file(io.BytesIO(b"damaged"), "g")
    api.fault("GET", "*/g", headers=headers, skip=1, times=-1)
    with pytest.raises(InvalidResponseError, match="damaged"):
        place.download_file("g")


def test_checksums_that_make_no_sense_are_ignored(
    place: Stage | FileSpace, api: ManagementAPI
) -> None:
    place.upload_file(io.BytesIO(b"content"), "f")
    for value in ("", "sha-256", "sha-256=:???:", "crc=1"):
        api.fault("GET", "*/f", headers={"Repr-Digest": value}, skip=1)
        assert place.download_file("f") == b"content"


def test_a_full_disk_is_not_retried(
    place: Stage | FileSpace, api: ManagementAPI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.upload_file(io.BytesIO(b"content"), "f")

    def receive(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FileLocation, "_receive", staticmethod(receive))
    api.forget_requests()
    with pytest.raises(OSError, match="No space left"):
        place.download_file("f", tmp_path / "t")
    assert len(api.requests) == 2
    assert os.listdir(tmp_path) == []


# -- folders of a Stage --


def test_folders_need_their_slash(stage: Stage) -> None:
    made = stage.mkdir("d")
    assert (made.path, made.name, made.is_dir()) == ("d/", "d", True)
    assert not stage.exists("d")
    assert stage.exists("d/")
    assert stage.is_dir("d/")
    assert not stage.is_file("d/")
    assert stage.mkdirs("d/e/").dirname() == "d/"
    with pytest.raises(ManagementError, match="parent"):
        stage.mkdir("x/y")
    with pytest.raises(ManagementError, match="parent"):
        stage.upload_file(io.BytesIO(b""), "x/y")


def test_making_a_folder_again(stage: Stage) -> None:
    stage.mkdir("d")
    stage.upload_file(io.BytesIO(b""), "d/f")
    assert stage.mkdir("d").is_dir()
    assert stage.listdir("d") == ["f"]
    stage.mkdir("d", overwrite=True)
    assert stage.listdir("d") == []
    for bad in (stage.mkdir, stage.removedirs):
        with pytest.raises(ValueError, match="root folder"):
            bad("/")


def test_listing(stage: Stage, api: ManagementAPI) -> None:
    for folder in ("a", "a/b", "a/b/c", "e"):
        stage.mkdir(folder)
    for file in ("a/1", "a/b/2", "0"):
        stage.upload_file(io.BytesIO(b""), file)
    assert stage.listdir() == stage.listdir("/") == ["a/", "e/", "0"]
    assert stage.listdir("a") == stage.listdir("/a/") == ["b/", "1"]
    assert stage.listdir("a", recursive=True) == ["b/", "b/c/", "b/2", "1"]
    api.forget_requests()
    assert stage.listdir(recursive=True) == ["a/", "a/b/", "a/b/c/", "a/b/2", "a/1", "e/", "0"]
    assert len(api.requests) == 5
    found = stage.listdir("a", return_objects=True)
    assert [type(f) for f in found] == [FilesObject, FilesObject]
    assert [f.path for f in found] == ["b/", "1"]
    for bad in ("0", "a/1", "missing"):
        with pytest.raises(NotADirectoryError):
            stage.listdir(bad)


def test_removing(stage: Stage) -> None:
    stage.mkdir("d")
    stage.upload_file(io.BytesIO(b""), "d/f")
    with pytest.raises(IsADirectoryError):
        stage.remove("d/")
    with pytest.raises(IsADirectoryError, match="removedirs"):
        stage.info("d/").remove()
    with pytest.raises(OSError, match="not empty"):
        stage.rmdir("d/")
    with pytest.raises(NotADirectoryError):
        stage.rmdir("d/f")
    stage.remove("d/f")
    assert stage.exists("d/")
    stage.rmdir("d")
    with pytest.raises(ManagementError, match="404"):
        stage.remove("d/f")


def test_folders_cannot_be_opened_or_downloaded_as_files(stage: Stage, tmp_path: Path) -> None:
    made = stage.mkdir("d")
    for mode in ("r", "w"):
        with pytest.raises(IsADirectoryError):
            stage.open("d/", mode)
        with pytest.raises(IsADirectoryError):
            made.open(mode)
    with pytest.raises(IsADirectoryError):
        stage.download_file("d/", tmp_path / "x")
    with pytest.raises(IsADirectoryError, match="use rmdir or removedirs"):
        stage.upload_file(io.BytesIO(b""), "d/", overwrite=True)


def test_renaming(stage: Stage) -> None:
    stage.mkdir("d")
    stage.upload_file(io.BytesIO(b"f"), "d/f")
    stage.upload_file(io.BytesIO(b"g"), "g")
    assert stage.rename("d/", "e/").path == "e/"
    assert stage.listdir(recursive=True) == ["g", "e/", "e/f"]
    with pytest.raises(FileNotFoundError):
        stage.rename("missing", "x")
    with pytest.raises(OSError, match="already exists"):
        stage.rename("g", "e/f")
    assert stage.rename("g", "e/f", overwrite=True).path == "e/f"
    assert stage.download_file("e/f") == b"g"
    stage.mkdir("h")
    with pytest.raises(OSError, match="cannot replace each other"):
        stage.rename("e/f", "h/", overwrite=True)
    stage.rename("e/", "h/", overwrite=True)
    assert stage.listdir(recursive=True) == ["h/", "h/f"]
    moved = stage.info("h/f")
    moved.rename("top")
    assert (moved.name, moved.path) == ("top", "top")
    with pytest.raises(ValueError, match="remote path"):
        stage.rename("top", "../top")


@pytest.mark.parametrize("strict", [True, False])
def test_strict_and_lenient_services(api: ManagementAPI, stage: Stage, strict: bool) -> None:
    api.behaviour.strict_slash = strict
    stage.mkdir("d")
    assert stage.exists("d") is not strict
    assert stage.listdir("d") == []
    stage.rmdir("d")
    assert stage.listdir() == []


def test_a_stage_of_nothing_is_not_found(clusters: ClusterManager) -> None:
    with pytest.raises(NotFoundError):
        Stage("00000000-0000-0000-0000-000000000000", clusters).listdir()
    with pytest.raises(ManagementError, match="UUID"):
        Stage("nothing", clusters).listdir()


# -- file spaces --


def test_flat_spaces_have_no_folders(files: FilesManager, tmp_path: Path) -> None:
    space = files.shared_space
    assert space.listdir() == ["Scheduling Test.ipynb"]
    assert space.info("Scheduling Test.ipynb").type == "notebook"
    for act in (space.exists, space.is_dir, space.info):
        with pytest.raises(ManagementError, match="folders"):
            act("a/b")
    with pytest.raises(ManagementError, match="cannot be renamed"):
        space.rename("a/", "b/")
    for place, path in ((files.models_space, "missing"), (space, "missing"), (space, "a/b")):
        with pytest.raises(NotADirectoryError):
            place.listdir(path)
    (tmp_path / "f").write_text("")
    with pytest.raises(ManagementError, match="folders"):
        space.upload_folder(tmp_path, "d")
    assert repr(space) == "FileSpace('shared')"


def test_objects_without_location_say_so() -> None:
    lost = FilesObject("n", "d/n", 0, "file", "text", "", None, None, True)
    assert (lost.getmtime(), lost.getctime(), lost.dirname()) == (0.0, 0.0, "d/")
    acts = (lost.open, lost.download, lost.remove, lost.exists, lambda: lost.rename("x"))
    for act in (*acts, lost.rmdir, lost.removedirs):
        with pytest.raises(ManagementError, match="No file location"):
            act()


# -- large files --

MEASURE = """
    import os, resource, sys, tempfile
    from singlestoredb.management.files import FilesManager

    url, token, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
    space = FilesManager(token, base_url=url).personal_space

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB on Linux

    def make(path, size):
        block = os.urandom(1 << 16)
        with open(path, "wb") as file:
            for _ in range(size // len(block)):
                file.write(block)

    def all_ways(folder, size):
        source, target = os.path.join(folder, "s"), os.path.join(folder, "t")
        make(source, size)
        space.upload_file(source, "f", overwrite=True)
        space.download_file("f", target, overwrite=True)
        assert os.path.getsize(target) == size
        with space.open("g", "wb") as file, open(source, "rb") as local:
            while piece := local.read(1 << 16):
                file.write(piece)
        total = 0
        with space.open("g", "rb") as file:
            while piece := file.read(1 << 16):
                total += len(piece)
        assert total == size

    with tempfile.TemporaryDirectory() as folder:
        all_ways(folder, 1 << 16)
        idle = peak()
        all_ways(folder, size)
        print(peak() - idle)
"""


def test_large_files_pass_in_constant_memory() -> None:
    """Sizes well above the bound; ``SINGLESTOREDB_TEST_LARGE_FILE`` is another size in MiB."""
    size = int(os.environ.get("SINGLESTOREDB_TEST_LARGE_FILE", "200")) << 20
    server = subprocess.Popen(
        [sys.executable, "-m", "singlestoredb.testing.management_api", "--checksums"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with server:
        assert server.stdout is not None
        url, token = server.stdout.readline().split()
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(MEASURE), url, token, str(size)],
            capture_output=True,
            text=True,
            check=False,
        )
        server.communicate()
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) <= 32 << 10
