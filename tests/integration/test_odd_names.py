"""Folders and files whose names are not UTF-8, and a process whose locale is none of UTF-8."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reelkeep.archive.folders import walk
from reelkeep.archive.import_existing import adoption
from reelkeep.archive.leftovers import tidy
from reelkeep.archive.paths import ArchivePaths
from reelkeep.archive.verify import directories, verification
from reelkeep.core.integrity import FolderVerdict, Mark
from reelkeep.core.text import is_storable
from reelkeep.disk import Disk

ODD = b"Pr\xfcfung"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return an archive with a good folder, an odd one, and odd files in a third."""
    for folder in (b"z/good", b"z/" + ODD, b"z/" + ODD + b"/deeper"):
        path = os.fsencode(tmp_path) + b"/" + folder
        Path(os.fsdecode(path)).mkdir(parents=True)
        Path(os.fsdecode(path), "recording.json").write_text("{}")
    Path(tmp_path, "z", os.fsdecode(b"stray\xff.mp4")).touch()
    Path(tmp_path, "z", "good", os.fsdecode(b"foreign\xff")).touch()
    return tmp_path


def test_an_odd_folder_is_foreign_and_the_others_are_read(root: Path) -> None:
    found = list(directories(walk(Disk(), root, tolerant=True)))
    assert [each for each in found if isinstance(each, str)] == ["z/good"]
    verdicts = {each.folder: each for each in found if isinstance(each, FolderVerdict)}
    odd = verdicts["z/Pr\\xfcfung"]
    assert {each.mark for each in odd.checked} == {Mark.FOREIGN}
    assert all("Pr\\xfcfung" in str(each.reason) for each in odd.checked)


def test_whatever_is_said_of_odd_names_can_be_kept(root: Path) -> None:
    said = [
        each
        for each in directories(walk(Disk(), root, tolerant=True))
        if isinstance(each, FolderVerdict)
    ]
    steps = verification(Disk(), root, "z/good")
    try:
        while True:
            next(steps)
    except StopIteration as end:
        said.append(end.value)
    names = [name for each in said for name in (each.folder, *(c.name for c in each.checked))]
    assert all(map(is_storable, names))
    assert any("foreign\\xff" in name for name in names)


def test_an_odd_folder_is_not_adopted_and_says_why(root: Path) -> None:
    with pytest.raises(StopIteration) as end:
        next(adoption(Disk(), root, os.fsdecode(b"z/" + ODD)))
    found = end.value.value
    assert (found.folder, found.manifest) == ("z/Pr\\xfcfung", None)
    assert "not UTF-8" in found.reason


def test_an_odd_name_in_our_own_directory_is_an_orphan_with_a_name(tmp_path: Path) -> None:
    places = ArchivePaths(tmp_path)
    for directory in (places.parts, places.finished, places.staging):
        directory.mkdir(parents=True, exist_ok=True)
    Path(places.parts, os.fsdecode(b"\xff\xfe.part")).touch()
    from datetime import UTC, datetime

    (orphan,) = tidy(Disk(), places, (), datetime(2100, 1, 1, tzinfo=UTC))
    assert is_storable(orphan.path)


def test_names_do_not_depend_on_the_locale() -> None:
    code = (
        "import sys; sys.argv[1:] = ['--version']; from reelkeep.cli import main;"
        "print(sys.getfilesystemencoding()); sys.stdout.flush(); main()"
    )
    environ = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[0] == "ascii"
    assert "utf-8" in done.stdout
