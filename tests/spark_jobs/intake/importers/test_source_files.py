"""Sources: folders, archives, single files, and what is refused about them."""

from __future__ import annotations

import stat
import zipfile

import pytest

from conf.errors import LandingError
from spark_jobs.intake.importers.source_files import source_files


def archive_of(path, *names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"{}")
    return path


def names_of(source):
    with source_files(source) as files:
        return [file.name for file in files]


def test_folder_is_listed_recursively_without_hidden_files(tmp_path):
    for name in ("b/2.jsonl", "a.jsonl", ".DS_Store", "b/.hidden/x.jsonl", "__MACOSX/a.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    assert names_of(tmp_path) == ["a.jsonl", "b/2.jsonl"]


def test_archive_is_listed_like_a_folder(tmp_path):
    path = archive_of(tmp_path / "x.zip", "my data/ü.json", "__MACOSX/x", "a.json")
    assert names_of(path) == ["a.json", "my data/ü.json"]


@pytest.mark.parametrize("name", ["../up.json", "a/../../up.json", "/etc/x.json", "..\\up.json", "C:\\x.json", "a\\..\\x"])
def test_archive_member_that_leaves_its_root_is_refused(tmp_path, name):
    path = archive_of(tmp_path / "x.zip", name)
    with pytest.raises(LandingError, match="leaves the archive's root"):
        names_of(path)


def test_link_inside_an_archive_is_refused(tmp_path):
    link = zipfile.ZipInfo("a.json")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(LandingError, match="leaves the archive's root"):
        names_of(tmp_path / "x.zip")


@pytest.mark.parametrize("what", ["file", "folder"])
def test_link_out_of_the_folder_is_refused(tmp_path, what):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.jsonl").write_text("{}")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.jsonl").symlink_to(outside if what == "folder" else outside / "secret.jsonl")
    with pytest.raises(LandingError, match=r"link\.jsonl in .*inside is a link that leaves the folder"):
        names_of(inside)


def test_cut_archive_is_called_so(tmp_path):
    whole = archive_of(tmp_path / "x.zip", "a.json").read_bytes()
    (tmp_path / "x.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LandingError, match="is not a zip archive or is cut short"):
        names_of(tmp_path / "x.zip")


def test_archive_whose_member_is_damaged_is_called_so(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a.json", b"[1, 2, 3]")
    content = (tmp_path / "x.zip").read_bytes()
    (tmp_path / "x.zip").write_bytes(content.replace(b"[1, 2, 3]", b"[1, 2, 4]"))
    with (
        pytest.raises(LandingError, match=r"is damaged \(Bad CRC-32 .*\); download"),
        source_files(tmp_path / "x.zip") as files,
    ):
        files[0].open().read()
