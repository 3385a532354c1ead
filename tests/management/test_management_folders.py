"""Whole folders: ignore rules, links, hostile listings, many files, progress."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from singlestoredb.exceptions import ManagementError
from singlestoredb.management import _file_location, _transfer, timing
from singlestoredb.management._transfer import TransferProgress, run_all, watched
from singlestoredb.management.errors import PermissionDeniedError
from singlestoredb.management.files import FilesManager, FileSpace
from singlestoredb.management.stage import Stage
from singlestoredb.testing.management_api import ManagementAPI

TREE = {
    "a.txt": "a",
    "b.log": "b",
    "sub/c.txt": "cc",
    "sub/deep/d.txt": "ddd",
    "build/e.txt": "e",
    "keep/build.txt": "f",
}


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """A local folder with files and folders in it."""
    out = tmp_path / "local"
    for name, text in TREE.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(text)
    return out


@pytest.fixture(params=["stage", "models"])
def place(request: pytest.FixtureRequest, api: ManagementAPI) -> Stage | FileSpace:
    """A Stage and a file space with folders: what both do alike."""
    out: Stage | FileSpace
    if request.param == "stage":
        out = request.getfixturevalue("cluster").stage
    else:
        files: FilesManager = request.getfixturevalue("files")
        out = files.models_space
    api.forget_requests()
    return out


def contents(folder: Path) -> dict[str, str]:
    """Return the text of each file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def remote_files(place: Stage | FileSpace, path: str = "/") -> list[str]:
    """Return the files below a remote folder."""
    return sorted(p for p in place.listdir(path, recursive=True) if not p.endswith("/"))


@pytest.mark.parametrize("workers", [1, 4])
def test_there_and_back(
    place: Stage | FileSpace, local: Path, tmp_path: Path, workers: int
) -> None:
    made = place.upload_folder(local, "up/here", max_workers=workers)
    assert (made.path, made.is_dir()) == ("up/here/", True)
    assert remote_files(place, "up/here") == sorted(TREE)
    place.download_folder("up/here", tmp_path / "back", max_workers=workers)
    assert contents(tmp_path / "back") == TREE
    place.download_folder("/", tmp_path / "all")
    assert contents(tmp_path / "all" / "up" / "here") == TREE


def test_upload_to_the_root_of_a_stage(stage: Stage, local: Path) -> None:
    stage.upload_folder(local, "/")
    assert remote_files(stage) == sorted(TREE)


def test_include_root_and_recursive(place: Stage | FileSpace, local: Path) -> None:
    place.upload_folder(local, "up", include_root=True, recursive=False)
    assert remote_files(place) == ["up/local/a.txt", "up/local/b.log"]


def test_ignored_files_stay_here(place: Stage | FileSpace, local: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text("# what is made\nbuild/\n*.log\n")
    place.upload_folder(local, "up", ignore_file=rules)
    assert remote_files(place, "up") == [
        "a.txt",
        "keep/build.txt",
        "sub/c.txt",
        "sub/deep/d.txt",
    ]
    place.upload_folder(local, "two", ignore=["*.txt", "!/a.txt"], ignore_file=[rules])
    assert remote_files(place, "two") == ["a.txt"]
    place.download_folder("up", tmp_path / "back", ignore="sub/deep/")
    assert sorted(contents(tmp_path / "back")) == ["a.txt", "keep/build.txt", "sub/c.txt"]
    assert not (tmp_path / "back" / "sub" / "deep").exists()


def test_ignored_folders_are_not_entered(
    place: Stage | FileSpace, local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked: list[str] = []
    walk = os.walk

    def watching(top: str) -> Any:
        for folder, *rest in walk(top):
            walked.append(os.path.relpath(folder, local))
            yield (folder, *rest)

    monkeypatch.setattr("singlestoredb.management._paths.os.walk", watching)
    place.upload_folder(local, "up", ignore="sub/")
    assert walked == [".", "build", "keep"]


def test_folders_are_made_without_needless_requests(
    stage: Stage, api: ManagementAPI, local: Path
) -> None:
    stage.upload_folder(local, "up/here")
    folders = [r for r in api.requests if r.path.endswith("/") and r.method == "PUT"]
    probes = [r for r in api.requests if r.path.endswith("/") and r.method == "GET"]
    assert len(folders) == 6  # up, here, sub, sub/deep, build, keep
    assert len(probes) == 2  # up, and the result


def test_empty_folders_come_back(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    stage.upload_folder(tmp_path / "empty", "up")
    stage.mkdir("up/inner")
    stage.download_folder("up", tmp_path / "back")
    assert os.listdir(tmp_path / "back") == ["inner"]


def test_what_is_in_the_way(place: Stage | FileSpace, local: Path, tmp_path: Path) -> None:
    place.upload_folder(local, "up")
    with pytest.raises(OSError, match="already exists"):
        place.upload_folder(local, "up")
    place.upload_folder(local, "up", overwrite=True)
    (tmp_path / "back").mkdir()
    with pytest.raises(OSError, match="already exists"):
        place.download_folder("up", tmp_path / "back")
    (tmp_path / "back" / "a.txt").write_text("old")
    place.download_folder("up", tmp_path / "back", overwrite=True)
    assert contents(tmp_path / "back") == TREE
    with pytest.raises(NotADirectoryError):
        place.upload_folder(local / "a.txt", "up")
    with pytest.raises(NotADirectoryError):
        place.download_folder("up/a.txt", tmp_path / "x")
    with pytest.raises(NotADirectoryError):
        place.download_folder("missing", tmp_path / "x")
    assert not (tmp_path / "x").exists()
    with pytest.raises(ValueError, match="local_path must be specified"):
        place.download_folder("/")


def test_files_in_the_way_of_a_stage_folder(stage: Stage, local: Path) -> None:
    stage.upload_file(local / "a.txt", "up")
    with pytest.raises(NotADirectoryError):
        stage.upload_folder(local, "up")


def test_default_local_name(
    place: Stage | FileSpace, local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.upload_folder(local, "up/inner")
    monkeypatch.chdir(tmp_path)
    place.download_folder("up/inner")
    assert contents(tmp_path / "inner") == TREE


# -- links --


def test_links_that_lead_out_are_not_followed(
    place: Stage | FileSpace, api: ManagementAPI, local: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("s")
    (local / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(ManagementError, match="outside"):
        place.upload_folder(local, "up")
    (local / "link").unlink()
    (local / "link").symlink_to(tmp_path)
    with pytest.raises(ManagementError, match="link to a folder"):
        place.upload_folder(local, "up")
    (local / "link").unlink()
    (local / "link").symlink_to(tmp_path / "nothing")
    with pytest.raises(ManagementError, match="link to nothing"):
        place.upload_folder(local, "up")
    assert not any(r.method == "PUT" for r in api.requests)
    place.upload_folder(local, "up", ignore="link")
    (local / "link").unlink()
    (local / "link").symlink_to(local / "a.txt")
    place.upload_folder(local, "up2")
    assert place.download_file("up2/link") == b"a"


def test_local_links_do_not_lead_a_download_out(
    place: Stage | FileSpace, local: Path, tmp_path: Path
) -> None:
    place.upload_folder(local, "up")
    outside, target = tmp_path / "outside", tmp_path / "target"
    outside.mkdir()
    target.mkdir()
    (target / "sub").symlink_to(outside)
    with pytest.raises(ManagementError, match="outside destination"):
        place.download_folder("up", target, overwrite=True)
    assert os.listdir(outside) == []


def test_local_links_to_unlisted_folders_do_not_either(
    place: Stage | FileSpace, api: ManagementAPI, tmp_path: Path
) -> None:
    outside, target = tmp_path / "outside", tmp_path / "target"
    outside.mkdir()
    target.mkdir()
    (target / "sub").symlink_to(outside)
    folder = {"type": "directory", "name": "up", "path": "up/", "content": [entry("up/sub/x")]}
    api.fault("GET", "*/up/", status=200, body=folder, times=-1)
    with pytest.raises(ManagementError, match="outside destination"):
        place.download_folder("up", target, overwrite=True)
    assert os.listdir(outside) == []


# -- hostile listings --


def entry(path: str, kind: str = "file") -> dict[str, Any]:
    return {"name": path.rstrip("/").rpartition("/")[2], "path": path, "type": kind, "size": 1}


@pytest.mark.parametrize(
    "path",
    [
        "up/../../evil",
        "../evil",
        "/evil",
        "up//evil",
        "up/./evil",
        "up/..\\evil",
        "up/evil\x00",
        "up/",
        "up/sub/../../evil",
    ],
)
@pytest.mark.parametrize("kind", ["file", "directory"])
def test_listings_that_lead_out_are_refused(
    place: Stage | FileSpace, api: ManagementAPI, tmp_path: Path, path: str, kind: str
) -> None:
    folder = {"type": "directory", "name": "up", "path": "up/"}
    listing = {**folder, "content": [entry("up/good"), entry(path, kind)]}
    api.fault("GET", "*/up/", status=200, body=listing, times=-1)
    target = tmp_path / "in" / "target"
    target.parent.mkdir()
    with pytest.raises(ManagementError, match="outside destination"):
        place.download_folder("up", target)
    assert not target.exists()
    assert os.listdir(tmp_path) == ["in"]
    assert os.listdir(tmp_path / "in") == []


def test_listings_without_end_are_refused(
    place: Stage | FileSpace, api: ManagementAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_file_location, "_MAX_DEPTH", 10)
    folder: dict[str, Any] = {"type": "directory", "name": "up", "path": "up/"}
    api.fault("GET", "*/up/", status=200, body={**folder, "content": [folder]}, times=-1)
    with pytest.raises(ManagementError, match="outside destination"):
        place.listdir("up", recursive=True)
    api.clear_faults()
    for depth in range(15):
        path = "up/" + "x/" * depth
        answer = {**folder, "path": path, "content": [entry(path + "x/", "directory")]}
        api.fault("GET", f"*/{path}", status=200, body=answer, times=-1)
    with pytest.raises(ManagementError, match="deeper than 10"):
        place.listdir("up", recursive=True)


def test_listings_of_the_wrong_shape(place: Stage | FileSpace, api: ManagementAPI) -> None:
    for content in (None, "text", {"a": 1}, [1], [{"path": 5}]):
        folder = {"type": "directory", "name": "up", "path": "up/", "content": content}
        api.clear_faults()
        api.fault("GET", "*/up/", status=200, body=folder, times=-1)
        with pytest.raises(NotADirectoryError):
            place.listdir("up")


def test_ten_thousand_entries(place: Stage | FileSpace, api: ManagementAPI) -> None:
    content = [entry(f"up/f{n:05}") for n in range(10_000)]
    folder = {"type": "directory", "name": "up", "path": "up/", "content": content}
    api.fault("GET", "*/up/", status=200, body=folder, times=-1)
    found = place.listdir("up", recursive=True)
    assert len(found) == 10_000
    assert (found[0], found[-1]) == ("f00000", "f09999")


# -- many at once --


def test_files_are_transferred_side_by_side(
    place: Stage | FileSpace, api: ManagementAPI, tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(8):
        (folder / f"{number}").write_text(str(number))
    lock, current, most = threading.Lock(), [0], [0]
    upload = place._upload

    def counting(*args: Any, **kwargs: Any) -> Any:
        with lock:
            current[0] += 1
            most[0] = max(most[0], current[0])
        time.sleep(0.05)
        try:
            return upload(*args, **kwargs)
        finally:
            with lock:
                current[0] -= 1

    place._upload = counting  # type: ignore[method-assign]  # counts what runs at once
    place.upload_folder(folder, "up", max_workers=3)
    assert most[0] == 3
    assert remote_files(place, "up") == [str(n) for n in range(8)]


def test_the_first_error_stops_the_rest(
    place: Stage | FileSpace, api: ManagementAPI, tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(50):
        (folder / f"{number:02}").write_text("x")
    api.fault("PUT", "*/up/0*", status=403, body="no", times=-1)
    with pytest.raises(PermissionDeniedError, match="no"):
        place.upload_folder(folder, "up", max_workers=2)
    assert len([r for r in api.requests if r.method == "PUT" and r.size]) < 50


def test_number_of_workers() -> None:
    with pytest.raises(ValueError, match="max_workers"):
        run_all([], 0)


def test_transfers_are_traced(place: Stage | FileSpace, local: Path) -> None:
    with timing.trace() as trace:
        place.upload_folder(local, "up")
    assert len([e for e in trace.events if e.label.startswith("PUT")]) >= len(TREE)


# -- progress --


def test_progress_is_told(place: Stage | FileSpace, local: Path, tmp_path: Path) -> None:
    total = sum(map(len, TREE.values()))
    for act in (
        lambda tell: place.upload_folder(local, "up", progress=tell),
        lambda tell: place.download_folder("up", tmp_path / "back", progress=tell),
    ):
        told: list[TransferProgress] = []
        act(told.append)
        assert {t.files_total for t in told} == {len(TREE)}
        assert {t.bytes_total for t in told} == {total}
        assert (told[-1].files_done, told[-1].bytes_done) == (len(TREE), total)
        assert sum(t.finished for t in told) == len(TREE)
        assert [t.files_done for t in told] == sorted(t.files_done for t in told)
        assert all(t.size is not None and t.transferred <= t.size for t in told)


def test_progress_of_one_file(place: Stage | FileSpace, tmp_path: Path) -> None:
    source = tmp_path / "s"
    source.write_bytes(b"x" * 600_000)
    told: list[TransferProgress] = []
    place.upload_file(source, "f", progress=told.append)
    assert (told[-1].transferred, told[-1].size, told[-1].finished) == (600_000, 600_000, True)
    assert len(told) > 3
    told.clear()
    place.download_file("f", tmp_path / "t", progress=told.append)
    assert (told[-1].transferred, told[-1].finished) == (600_000, True)


def test_bars_are_drawn_to_stderr(
    place: Stage | FileSpace, local: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place.upload_folder(local, "up", progress=True)
    place.download_file("up/a.txt", tmp_path / "t", progress=True)
    out = capsys.readouterr()
    assert "upload local (6/6)" in out.err
    assert "up/a.txt" in out.err
    assert out.out == ""


def test_names_in_bars_are_only_names() -> None:
    assert _transfer._plain("[red]\x1b[31mx") == "\\[red]?[31mx"
    with watched(False, "t") as none:
        assert none is None
